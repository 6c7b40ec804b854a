package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// RunOptions of the whole daemon.
type RunOptions struct {
	ConfigPath string
	Admin      string // the administrator's file as it was named, "" where it was not: see config.AdminFile
	StateDir   string // the --state flag; "" : see config.StateDir
	LeaveTrial bool
	Log        *slog.Logger
	Say        func(format string, args ...any) // words for the person at the terminal
	By         string                           // Once: who asks, "" for bod
	Why        string                           // Once: why

	testOnlyCarrier mailer.Carrier
	testOnlyMonitor http.RoundTripper // on the way to the heartbeat's monitor
}

// ConfigError carries the problems of a jobs.toml that could not be used: exit 78.
type ConfigError struct{ Problems []config.Problem }

func (e *ConfigError) Error() string {
	var lines []string
	for _, p := range e.Problems {
		if !p.Warning {
			lines = append(lines, p.String())
		}
	}
	if len(lines) == 0 {
		return "couldn't use jobs.toml"
	}
	return strings.Join(lines, "\n")
}

// opened is what has to stand before the daemon is ready.
type opened struct {
	office *Office
	ledger *ledger.Ledger
	config *config.Config
	watch  *watch
	dir    string // of the ledger
}

// close closes the ledger. It waits for jobs that are being prepared, but not for ever for one that hangs in a read:
// everything that counts is committed, and the next start looks the ledger over.
func (h *opened) close() error {
	closed := make(chan error, 1)
	go func() { closed <- h.ledger.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(10 * time.Second):
		return errors.New("couldn't close the ledger: a job still hangs")
	}
}

func (o *RunOptions) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
}

// open does everything that can fail before anything is done: the file, the mail server's words, the flock, the ledger, its mode.
// Of what may be better in the file the daemon's log tells, and to a person who runs it once the words are said.
func open(ctx context.Context, o RunOptions, once bool) (*opened, error) {
	w := &watch{path: o.ConfigPath, admin: o.Admin}
	w.read(config.AdminFile(o.Admin))
	c, problems := config.LoadWith(o.ConfigPath, w.last, jobs.ConfigKinds())
	for _, p := range problems {
		switch {
		case !p.Warning || c == nil:
		case once:
			o.Say("%s", p.String())
		default:
			o.Log.Warn("jobs.toml", "job", p.Job, "err", p.String())
		}
	}
	if c == nil {
		return nil, &ConfigError{problems}
	}
	if _, err := NewCarrier(c); err != nil {
		return nil, &ConfigError{[]config.Problem{{File: c.Path, What: err.Error()}}}
	}
	dir := c.StateDir(o.StateDir, os.Getenv("STATE_DIRECTORY"))
	options := ledger.Options{Create: true, Trial: c.Mail.Trial(), Log: o.Log}
	l, err := ledger.Open(ctx, dir, options)
	if errors.Is(err, ledger.ErrTrial) && o.LeaveTrial && !c.Mail.Trial() {
		var to string
		if to, err = ledger.Archive(dir, time.Now()); err != nil {
			return nil, fmt.Errorf("couldn't put the trial ledger aside: %w", err)
		}
		o.Say("%s", calendar.Text{JA: "試しの記録を " + to + " に移し、新しい記録で始めます", EN: "the trial ledger was moved to " + to + "; a new one begins"}.In(c.Language))
		l, err = ledger.Open(ctx, dir, options)
	}
	if err != nil {
		return nil, openError(err, c, dir)
	}
	office, err := NewOffice(Options{Config: c, Ledger: l, Carrier: o.testOnlyCarrier, Log: o.Log})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	t := func(ja, en string) { o.Say("%s", calendar.Text{JA: ja, EN: en}.In(c.Language)) }
	if l.Created() {
		t("新しい記録を作りました："+dir, "a new ledger was made in "+dir)
	}
	switch {
	case c.Mail.Server == "":
		t("試し：メールは送らず、"+c.Mail.Outbox+" に書き出します", "trial: mail is not sent but written to "+c.Mail.Outbox)
	case c.Mail.TrialTo != nil:
		t("試し：メールはすべて "+c.Mail.TrialTo.Mail+" に送ります", "trial: all mail goes to "+c.Mail.TrialTo.Mail)
	}
	return &opened{office: office, ledger: l, config: c, watch: w, dir: dir}, nil
}

// openError says why the ledger couldn't be opened, and what to do.
func openError(err error, c *config.Config, dir string) error {
	say := func(ja, en string, args ...any) string {
		return words{lang: c.Language, zone: c.Zone}.say(ja, en, args...)
	}
	if p, is := trialProblem(err, c.Language, c.Mail.Trial(), c.Path, !c.Mail.Trial()); is {
		return &ConfigError{[]config.Problem{p}}
	}
	switch {
	case errors.Is(err, ledger.ErrLocked):
		if pid, held, e := ledger.Holder(dir); e == nil && held && pid > 0 {
			return fmt.Errorf("%s: %w", say("%s の記録は、もう1つの bod（プロセス %d）が使っています。2つ同時には動かせません",
				"another bod (process %d) is at work with the ledger in %s; two can't be", ordered(c.Language, dir, pid)...), err)
		}
		return fmt.Errorf("%s: %w", say("%s の記録は、もう1つの bod が使っています", "another bod is at work with the ledger in %s", dir), err)
	}
	if what, next := ledger.Advice(err, c.Language != calendar.English); what != "" {
		return fmt.Errorf("%s %s: %w", what, next, err)
	}
	return err
}

// ordered gives dir and pid in the order in which the language's sentence has them.
func ordered(l calendar.Language, dir string, pid int) []any {
	if l == calendar.English {
		return []any{pid, dir}
	}
	return []any{dir, pid}
}

// trialProblem words the mismatch of a trial ledger with real mail, and the other way round.
func trialProblem(err error, lang calendar.Language, rulesTrial bool, path string, ledgerTrial bool) (config.Problem, bool) {
	if !errors.Is(err, ledger.ErrTrial) {
		return config.Problem{}, false
	}
	w := words{lang: lang, zone: time.UTC}
	p := config.Problem{File: path}
	if rulesTrial && !ledgerTrial {
		p.What = w.say("[mail] は試し（server がない、または trial_to がある）ですが、記録は本番のものです", "[mail] is a trial (no server, or trial_to), but the ledger is a real one")
		p.Next = w.say("server を書き trial_to を消すか、試し用に別の場所を --state で指定してください", "name the server and take trial_to out, or give the trial another folder with --state")
		return p, true
	}
	p.What = w.say("[mail] は本番ですが、記録は試しのものです", "[mail] is real, but the ledger is a trial one")
	p.Next = w.say("試しを終えるときは、いちど bod run --leave-trial で始めてください（試しの記録は別に残します）", "to leave the trial, start once with bod run --leave-trial (the trial's ledger is put aside)")
	return p, true
}

// Run is the daemon: it loads, opens, steps, reloads on SIGHUP (reload) and on a changed file, and drains when ctx ends.
func Run(ctx context.Context, o RunOptions, reload <-chan struct{}) (err error) {
	o.defaults()
	h, err := open(ctx, o, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	l := &loop{
		opened: h, o: o, log: o.Log, sd: newManager(o.Log), words: h.office.at.Load().words(),
		ring: make(chan struct{}, 1), send: make(chan struct{}, 1), call: make(chan struct{}, 1),
	}
	l.pulse = newPulse(h.office, o.testOnlyMonitor)
	l.metrics = newMetrics(h.office, h.dir, l.pulse)
	l.alarms = &alarms{log: o.Log, ring: l.wake}
	defer func() { err = errors.Join(err, l.alarms.stop()) }()

	ctx, stop := context.WithCancel(ctx)
	var sender sync.WaitGroup
	sender.Go(func() { l.sender(ctx) })
	sender.Go(func() { l.caller(ctx) })
	sender.Go(func() { l.pulse.run(ctx) })
	sender.Go(func() { l.metrics.run(ctx) })
	// The sender ends first: what it has in its hands still needs the ledger.
	defer func() { stop(); sender.Wait() }()

	l.sd.say(l.words.say("予定を見ています", "at work"))
	l.sd.ready()
	o.Log.Info("ready", "config", h.config.Path)
	return l.run(ctx, reload)
}

// loop is the daemon at work.
type loop struct {
	*opened
	o      RunOptions
	log    *slog.Logger
	sd     *manager
	words  words
	alarms *alarms
	ring   chan struct{} // a clock, a worker or the sender wants a Step
	send   chan struct{} // the loop wants a delivery
	call   chan struct{} // the administrator's programs may have something to do
	outage outage
	pulse  *pulse

	metrics *metrics

	rules   *standing // whose alarms are set
	changes int64
	tries   int       // failed Steps in a row
	again   time.Time // not before, after a failed one
	fatal   error     // the loop can't go on
}

func (l *loop) wake() { nudge(l.ring) }

// run steps whenever something may have moved: an alarm, half a minute of the wall clock, another process's words in the ledger,
// a worker that ended late, mail that left. It never waits for the sender.
func (l *loop) run(ctx context.Context, reload <-chan struct{}) error {
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	next := time.Time{} // at once
	lastFile, lastLife := time.Now(), time.Time{}
	stepped := time.Time{}
	for {
		now := time.Now().Round(0) // the wall clock's: after a suspend the monotonic one is late
		if !now.Before(next) || now.Sub(stepped) >= look || now.Before(stepped) {
			if now.Before(l.again) && !now.Before(stepped) {
				next = l.again
			} else {
				next = l.step(ctx)
				stepped = now
			}
		}
		if every := l.heartbeat(); now.Sub(lastLife) >= every || now.Before(lastLife) {
			l.touch(ctx)
			lastLife = now
		}
		if l.fatal != nil {
			return l.fatal
		}
		select {
		case <-ctx.Done():
			l.sd.say(l.words.say("終わります。送っているメールがあれば、それだけ済ませます", "stopping; the message in flight ends first"))
			l.sd.stopping()
			l.log.Info("stopping", "cause", context.Cause(ctx))
			return nil
		case <-reload:
			l.reload(ctx, config.AdminFile(l.o.Admin))
			next = time.Time{}
		case <-l.ring:
			next = time.Time{}
		case <-l.office.ring:
			next = time.Time{}
		case <-beat.C:
			if l.heard(ctx) {
				next = time.Time{}
			}
			if time.Since(lastFile) >= lookAtFile {
				lastFile = time.Now()
				if l.watch.look() {
					l.reload(ctx, l.watch.adminFile())
					next = time.Time{}
				}
			}
		}
	}
}

// step does one Step and wakes the sender. A ledger that can't be written leaves everything as it is: nothing is sent without
// it, and it is tried again, less and less often.
func (l *loop) step(ctx context.Context) time.Time {
	began := time.Now()
	next, err := l.office.Step(ctx)
	if ctx.Err() != nil {
		return next
	}
	l.metrics.step(began, next, err)
	nudge(l.metrics.moved)
	defer nudge(l.call)
	if err != nil {
		l.tries++
		l.outage.note(l.office.moment(), err)
		if errors.Is(err, ledger.ErrDoubt) {
			l.fatal = err // only opening it anew tells what is in it; the service manager starts us again
			return next
		}
		wait := min(time.Second<<min(l.tries-1, 6), look)
		l.again = time.Now().Add(wait)
		what, advice := ledger.Advice(err, l.words.lang != calendar.English)
		if what == "" {
			what = err.Error()
		}
		l.log.Error("couldn't do what is due; nothing is sent until it can be done", "err", err, "again", wait, "next", advice)
		l.sd.say(l.words.say("止まっています：%s%s", "stuck: %s %s", what, advice))
		return l.again
	}
	if l.tries > 0 {
		l.log.Info("the ledger can be written again")
	}
	l.tries, l.again = 0, time.Time{}
	if now := l.office.at.Load(); now.duties != nil && (l.rules == nil || now.config != l.rules.config) {
		if err := l.alarms.set(now.duties, now.config.Zone); err != nil {
			// The look at the wall clock finds what an alarm would have rung for.
			l.log.Error("couldn't set the alarms", "err", err)
		}
		l.rules, l.words = now, now.words()
		// Reading the file takes several times the memory that the rules need; the system gets it back now and not
		// in some minutes, once for each reading.
		debug.FreeOSMemory()
	}
	l.sd.say(l.status(ctx, next))
	nudge(l.send)
	return next
}

// nudge wakes who waits for it; one that is at work already looks once more afterwards.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// status says in one line what goes on.
func (l *loop) status(ctx context.Context, next time.Time) string {
	var flags []ledger.Flag
	_ = l.ledger.View(ctx, func(v *ledger.View) (err error) { // only words: an error shows itself elsewhere
		flags, err = v.Flags()
		return err
	})
	if len(flags) > 0 {
		f := flags[0]
		if identity, one := strings.CutPrefix(f.Name, flagStopped+"/"); one {
			return l.words.say("「%s」の送信を止めています：%s", "%s is stopped: %s", identity, f.Text)
		}
		return l.words.say("送信を止めています：%s", "mail is paused: %s", f.Text)
	}
	return l.words.say("動いています。仕事は%d件、次に動くのは%s", "at work: %d jobs, the next move is at %s", len(l.office.at.Load().duties), l.words.at(next))
}

// heartbeat is how often the loop proves that it lives.
func (l *loop) heartbeat() time.Duration {
	if l.sd.watchdog > 0 {
		return min(look, l.sd.watchdog/3)
	}
	return look
}

// touch proves that the ledger can be written and read; only then the watchdog hears of us.
func (l *loop) touch(ctx context.Context) {
	if err := l.ledger.Touch(ctx, time.Now()); err != nil {
		if ctx.Err() == nil {
			l.outage.note(l.office.moment(), err)
			l.log.Error("couldn't touch the ledger", "err", err)
			if errors.Is(err, ledger.ErrDoubt) {
				l.fatal = err // a quiet office writes nothing else, and would hear of it nowhere
			}
			// A full disk is no hang: restarting would not mend it, and the loop does try again.
			if l.tries > 0 {
				l.sd.alive()
			}
		}
		return
	}
	if l.tries == 0 {
		l.outage.note(l.office.moment(), nil) // both Step and this wrote
		nudge(l.pulse.beat)
	}
	l.sd.alive()
}

// heard reports whether another process wrote into the ledger.
func (l *loop) heard(ctx context.Context) bool {
	n, err := l.ledger.Changes(ctx)
	if err != nil {
		if ctx.Err() == nil {
			l.log.Error("couldn't ask the ledger for changes", "err", err)
		}
		return false
	}
	moved := n != l.changes
	l.changes = n
	return moved
}

func (l *loop) reload(ctx context.Context, admin string) {
	l.sd.reloading()
	l.watch.read(admin)
	problems, err := l.office.reload(ctx, l.o.ConfigPath, admin, l.watch.loaded)
	l.metrics.read(slices.ContainsFunc(problems, func(p config.Problem) bool { return !p.Warning }))
	for _, p := range problems {
		l.log.Warn("jobs.toml", "job", p.Job, "err", p.String())
	}
	if err != nil {
		l.log.Error("couldn't tell the admins about jobs.toml", "err", err)
	}
	l.sd.ready()
}

// sender delivers in its own time, so that a mail server that stalls holds neither the loop nor the watchdog.
func (l *loop) sender(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.send:
		}
		sent, err := l.office.Deliver(ctx)
		if err != nil {
			if ctx.Err() == nil {
				l.log.Error("couldn't deliver; it is tried again", "err", err)
			}
			continue
		}
		if sent > 0 {
			l.wake()
		}
	}
}

// caller calls the administrator's programs in its own time, so that one that hangs holds neither the loop nor the mail.
func (l *loop) caller(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.call:
		}
		l.outage.tell(ctx, l.office)
		settled, err := l.office.programs(ctx, alarmAfter)
		if err != nil && ctx.Err() == nil {
			l.log.Error("couldn't call the administrator's programs; it is tried again", "err", err)
		}
		if settled > 0 {
			l.wake()
		}
	}
}

// Once does everything due now, and what do names, and returns. nil means that everything due is accounted for, be it sent,
// waiting or held; what needs a person the summary and `bod status` tell.
func Once(ctx context.Context, o RunOptions, do []Request) (err error) {
	o.defaults()
	h, err := open(ctx, o, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	testOnlyAt("opened")
	var asked []int64
	if len(do) > 0 {
		// The first step brings the rules into the ledger, takes the requests and then prepares, in this order: what is due anyway is
		// prepared as what was asked for, and not before it, when there would be nothing left to do and the request refused.
		who := asker(o.By)
		for _, r := range do {
			args, err := json.Marshal(r)
			if err != nil {
				return fmt.Errorf("couldn't write the request: %w", err)
			}
			id, err := h.ledger.AddIntent(ctx, ledger.Intent{Verb: "do", Args: args, Why: cmpOr(o.Why, "bod run --once --do"), Who: who, At: time.Now()})
			if err != nil {
				return fmt.Errorf("couldn't write the request: %w", err)
			}
			asked = append(asked, id)
		}
	}
	deliver := h.office.Deliver
	lacks := lacksPassword(h.config.Mail)
	if lacks != nil {
		// Typed beside the service, whose credential nobody else can read. To pause the queue and to alarm the admins would be wrong:
		// the mail server refused nothing, and what is queued leaves as soon as the service is at work.
		deliver = func(context.Context) (int, error) { return 0, nil }
	}
	if err := h.office.settleBy(ctx, deliver); err != nil {
		return err
	}
	if lacks != nil {
		w := words{lang: h.config.Language, zone: h.config.Zone}
		unsent := w.say("メールのパスワードをここでは読めないので、用意だけをして、送っていません。サービスとして動かすと送ります（%v）",
			"the mail password can't be read here, so that everything was prepared and nothing was sent; the service sends it (%v)", lacks)
		if !o.LeaveTrial {
			return errors.Join(errors.New(unsent), h.answers(ctx, o, asked))
		}
		o.Say("%s", unsent)
	}
	// Nobody looks again in two minutes.
	if settled, err := h.office.programs(ctx, 0); err != nil {
		return err
	} else if settled > 0 {
		if err := h.office.settle(ctx); err != nil {
			return err
		}
	}
	return h.answers(ctx, o, asked)
}

// lacksPassword says why the secret for the mail server can't be read, where one is needed.
func lacksPassword(m config.Mail) error {
	if m.Server == "" || m.User == "" {
		return nil
	}
	read := m.Password
	if m.OAuth2 != nil {
		read = m.ClientSecret
	}
	_, err := read()
	return err
}

// settle steps and delivers until nothing moves any more: nothing went, no worker is at work, and the ledger's head stands still.
func (o *Office) settle(ctx context.Context) error { return o.settleBy(ctx, o.Deliver) }

func (o *Office) settleBy(ctx context.Context, deliver func(context.Context) (int, error)) error {
	for {
		before, err := o.head(ctx)
		if err != nil {
			return err
		}
		next, err := o.Step(ctx)
		if err != nil {
			return err
		}
		sent, err := deliver(ctx)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		after, err := o.head(ctx)
		if err != nil {
			return err
		}
		if sent == 0 && before == after && next.After(o.moment()) {
			if len(o.crew.flying) == 0 {
				return nil
			}
			select { // a slow job is at work beside us; it ends, or its time does
			case <-o.ring:
			case <-ctx.Done():
			}
		}
	}
}

// answers says what became of the requests; one that was refused is an error.
func (h *opened) answers(ctx context.Context, o RunOptions, ids []int64) error {
	var errs []error
	err := h.ledger.View(ctx, func(v *ledger.View) error {
		for _, id := range ids {
			in, err := v.Intent(id)
			if err != nil {
				return err
			}
			if in.OK {
				o.Say("%s", in.Result)
			} else {
				errs = append(errs, errors.New(in.Result))
			}
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// asker is who asks at the terminal, beside the machine's own name for them.
func asker(name string) ledger.Who {
	w := self()
	w.Name = cmpOr(name, w.Name)
	return w
}
