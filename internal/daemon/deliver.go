package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"bod/internal/ledger"
	"bod/internal/mailer"
)

// Names of the ledger's flags.
const (
	flagSession  = "session"
	flagClock    = "clock"
	flagRestored = "restored"
)

// drain is how long the message in flight may take after a stop: the unit's TimeoutStopSec of 11 minutes, less 5 s. It covers
// the 10 minutes that a server has to answer the final dot (RFC 5321 4.5.3.2.6); cut earlier, the message would be unknown.
const drain = 11*time.Minute - 5*time.Second

// line is the sender's own memory between two deliveries.
type line struct {
	session mailer.Session
	carrier mailer.Carrier // that opened it
	swapped int            // the reload up to which a refused login was tried
	next    *claim         // the message after the one whose receipts were just written
}

// claim is a message that is ours to carry, with its sealed bytes.
type claim struct {
	message int64
	token   string
	to      []ledger.Delivery
	body    []byte
}

func (l *line) hangUp() {
	if l.session != nil {
		// Its outcome changes nothing about what was carried.
		_ = l.session.Close()
		l.session = nil
	}
}

// Deliver claims and sends what may go now over one connection, until nothing is left or ctx ends; the message in flight always ends.
func (o *Office) Deliver(ctx context.Context) (sent int, err error) {
	o.sending.Lock()
	defer o.sending.Unlock()
	defer o.line.hangUp()
	defer func() { err = errors.Join(err, o.giveBack(ctx)) }()
	for ctx.Err() == nil {
		if err := o.giveBack(ctx); err != nil {
			return sent, err
		}
		st := o.at.Load()
		if st.duties == nil {
			return sent, nil // no Step has brought the rules to the ledger yet
		}
		open, probe, only, err := o.mayGo(ctx, st)
		if err != nil || !open {
			return sent, err
		}
		var ms []ledger.Message
		err = o.ledger.View(ctx, func(v *ledger.View) error {
			limit := 100
			if only != nil {
				limit = 0 // what may not go must not hide what may
			}
			ms, err = v.Claimable(o.moment(), limit)
			return err
		})
		if err != nil {
			return sent, fmt.Errorf("couldn't see what may go: %w", err)
		}
		if only != nil {
			ms = slices.DeleteFunc(ms, func(m ledger.Message) bool { return !only(m) })
		}
		if probe && len(ms) == 0 {
			// The pause heals by itself, also when nothing waits for it.
			if ok, err := o.connect(ctx, st, nil); err != nil || !ok {
				return sent, err
			}
			continue
		}
		moved := false
		for i := range ms {
			if ctx.Err() != nil || o.at.Load() != st {
				break
			}
			n, went, err := o.deliver(ctx, st, ms, i)
			sent += n
			if err != nil {
				return sent, err
			}
			if !went {
				return sent, nil
			}
			moved = true
		}
		if !moved && o.at.Load() == st {
			return sent, nil
		}
	}
	return sent, nil
}

// mayGo asks the flags. probe: the session is paused and may be tried now. only: what may go in spite of a flag.
func (o *Office) mayGo(ctx context.Context, st *standing) (open, probe bool, only func(ledger.Message) bool, err error) {
	now := o.moment()
	open = true
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		_, _, head, err := v.Head()
		if err != nil {
			return err
		}
		if now.Before(head.Add(-clockSlack)) {
			open = false
		}
		flags, err := v.Flags()
		var halted stops
		halted.jobs = map[string]bool{}
		for _, f := range flags {
			if halted.note(f) {
				continue
			}
			switch f.Name {
			case flagSession:
				if probe = o.mayProbe(st, f, now); !probe {
					open = false
				}
			case flagRestored:
				// What an older backup holds may have gone out since; only bod's own word about it is surely new.
				only = func(m ledger.Message) bool { return m.Class == ledger.ClassNotice && !m.Sealed.Before(f.Since) }
			default:
				open = false
			}
		}
		if but := only; halted.some() {
			only = func(m ledger.Message) bool { return !halted.holds(m) && (but == nil || but(m)) }
		}
		return err
	})
	if err != nil {
		return false, false, nil, fmt.Errorf("couldn't see whether mail may go: %w", err)
	}
	return open, probe, only, nil
}

// mayProbe: by the clock; after a refused login only when the credential is another one or the rules were put to work anew,
// because every further try brings the account nearer to being locked.
func (o *Office) mayProbe(st *standing, f ledger.Flag, now time.Time) bool {
	if f.Probe.After(now) {
		return false
	}
	return f.Credential == "" || f.Credential != credential(st.config) || st.swapped > o.line.swapped
}

// connect opens the session where there is none. ok is false when it can't be had now: then the flag says so, or every message that
// would have gone is deferred with the reason.
func (o *Office) connect(ctx context.Context, st *standing, waiting []ledger.Message) (ok bool, err error) {
	if o.line.session != nil && o.line.carrier == st.carrier {
		return true, nil
	}
	o.line.hangUp()
	session, err := st.carrier.Open(ctx)
	if err == nil {
		o.line.session, o.line.carrier, o.line.swapped = session, st.carrier, st.swapped
		return true, o.heal(ctx)
	}
	if ctx.Err() != nil {
		return false, nil // stopped while dialling; nothing was said
	}
	if refused, is := errors.AsType[*mailer.SessionError](err); is {
		o.line.swapped = st.swapped
		return false, o.pause(ctx, st, refused)
	}
	o.log.Warn("couldn't reach the mail server", "err", err, "messages", len(waiting))
	// While the queue is paused it waits as a whole. Nobody has answered, so the one try that a reload allows is still to come.
	if paused, e := o.flagged(ctx, flagSession); e != nil || paused {
		return false, errors.Join(e, o.postpone(ctx))
	}
	for _, m := range waiting {
		if err := o.endUnsaid(ctx, m, mailer.Deferred, "dial", err); err != nil {
			return false, err
		}
	}
	return false, nil
}

// pause holds the whole queue: the session is wrong, not a message.
func (o *Office) pause(ctx context.Context, st *standing, refused *mailer.SessionError) error {
	now := o.moment()
	f := ledger.Flag{Name: flagSession, Since: now}
	err := o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
		flags, err := tx.Flags()
		if err != nil {
			return err
		}
		for _, have := range flags {
			if have.Name == flagSession {
				f = have
			}
		}
		f.Tries++
		f.Text = refused.Error()
		f.Probe, f.Credential = now.Add(backoff(f.Tries)), ""
		if refused.Credential {
			f.Probe, f.Credential = time.Time{}, credential(st.config)
		}
		return tx.SetFlag(f)
	})
	o.log.Error("mail is paused: the mail server refused the session", "err", refused, "probe", f.Probe)
	if err != nil {
		return fmt.Errorf("couldn't pause the queue: %w", err)
	}
	return nil
}

// postpone moves the next probe of a pause on, when the server could not even be reached. Why it is paused stays as it was.
func (o *Office) postpone(ctx context.Context) error {
	now := o.moment()
	return o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
		flags, err := tx.Flags()
		if err != nil {
			return err
		}
		for _, f := range flags {
			if f.Name != flagSession {
				continue
			}
			f.Tries++
			f.Probe = now.Add(backoff(f.Tries))
			return tx.SetFlag(f)
		}
		return nil
	})
}

// heal takes the pause away: the server took the session.
func (o *Office) heal(ctx context.Context) error {
	paused, err := o.flagged(ctx, flagSession)
	if err != nil || !paused {
		return err
	}
	if err := o.ledger.Update(ctx, o.moment(), self(), func(tx *ledger.Tx) error { return tx.ClearFlag(flagSession) }); err != nil {
		return fmt.Errorf("couldn't end the pause: %w", err)
	}
	o.log.Info("mail goes on: the mail server took the session")
	return nil
}

func (o *Office) flagged(ctx context.Context, name string) (is bool, err error) {
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		flags, err := v.Flags()
		for _, f := range flags {
			is = is || f.Name == name
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("couldn't read the flags: %w", err)
	}
	return is, nil
}

// endUnsaid writes the same receipt for each delivery that would have gone: nothing was said that counts.
func (o *Office) endUnsaid(ctx context.Context, m ledger.Message, result mailer.Result, stage string, cause error) error {
	now := o.moment()
	err := o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
		token, to, err := tx.Claim(m.ID)
		if err != nil {
			return err
		}
		var rs []mailer.Receipt
		for _, d := range to {
			rs = append(rs, mailer.Receipt{To: d.Mail, Result: result, Stage: stage, Words: cause.Error(), At: now})
		}
		return tx.Receive(token, rs, o.retry(tx, m, now))
	})
	if err != nil && !errors.Is(err, ledger.ErrStale) && !errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("couldn't note that the message %s did not go: %w", m.Number, err)
	}
	return nil
}

// retry gives a deferred delivery its next try: 1, 2, 4, 8 … 30 minutes, each a little more or less so that many don't come
// at once. The last one is at the end of the time that it is tried for, and zero after that. A person's word begins the time anew.
func (o *Office) retry(tx *ledger.Tx, m ledger.Message, now time.Time) func(ledger.Delivery) time.Time {
	return func(d ledger.Delivery) time.Time {
		since, tries, err := trying(tx.View, d.ID)
		if err != nil {
			o.log.Error("couldn't read since when a message is tried", "job", m.Job, "message", m.Number, "err", err)
			since, tries = m.Queued, d.Attempts
		}
		end := m.Deadline
		if m.Class == ledger.ClassLetter {
			st := o.at.Load()
			lead, days := st.config.Mail.GiveUp, st.config.Days
			if duty := st.duties[m.Job]; duty != nil {
				lead, days = duty.job.GiveUp, duty.job.Days
			}
			end = lead.After(since.In(st.config.Zone), days)
		}
		wait := backoff(max(1, tries))
		at := now.Add(wait + jitter(d, wait/5) - wait/10)
		switch {
		case end.IsZero() || !at.After(end):
			return at
		case now.Before(end):
			return end
		}
		return time.Time{}
	}
}

// trying is since when a delivery may go without a person's word between, and how often it was tried since.
func trying(v *ledger.View, delivery int64) (since time.Time, tries int, err error) {
	es, err := v.EventsOf("delivery", strconv.FormatInt(delivery, 10))
	was := ledger.State("")
	for _, e := range es {
		var is struct{ State ledger.State }
		if err := json.Unmarshal(e.Change, &is); err != nil {
			return since, tries, err
		}
		switch {
		case is.State == "" || is.State == was:
			continue
		case is.State == ledger.StateQueued && was != ledger.StateClaimed: // not merely given back
			since, tries = e.At, 0
		case is.State == ledger.StateClaimed:
			tries++
		}
		was = is.State
	}
	return since, tries, err
}

// jitter is up to most, the same for the same try of the same delivery, so that what happened can be repeated.
func jitter(d ledger.Delivery, most time.Duration) time.Duration {
	return time.Duration(rand.New(rand.NewPCG(uint64(d.ID), uint64(d.Attempts))).Int64N(int64(most) + 1)) // #nosec G404 -- spreads tries, is no secret
}

// backoff is 1, 2, 4, 8, 16 and then 30 minutes.
func backoff(tries int) time.Duration {
	if tries > 5 {
		return 30 * time.Minute
	}
	return time.Minute << max(0, tries-1)
}

// giveBack queues again what was claimed ahead and won't be carried: nothing of it was said. If we die before it, the next
// start does the same.
func (o *Office) giveBack(ctx context.Context) error {
	c := o.line.next
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := o.ledger.Update(ctx, o.moment(), self(), func(tx *ledger.Tx) error { return tx.Unclaim(c.token) })
	if err != nil && !errors.Is(err, ledger.ErrFenced) {
		return fmt.Errorf("couldn't give back what was claimed: %w", err) // it is kept in mind, and tried again by the next delivery
	}
	o.line.next = nil
	return nil
}

// claim claims a message in a transaction.
func (o *Office) claim(tx *ledger.Tx, st *standing, m ledger.Message) (*claim, error) {
	// What was asked before the session was opened is minutes old where the server was slow; under other rules it is asked again.
	if o.at.Load() != st {
		return nil, ledger.ErrStale
	}
	// A person's stop counts from the moment it is in the ledger, also for what was listed before it.
	if halted, err := stopsOf(tx.View); err != nil || halted.holds(m) {
		return nil, cmp.Or(err, ledger.ErrStale)
	}
	c := &claim{message: m.ID}
	var err error
	if c.body, err = tx.Body(m.ID); err != nil {
		return nil, err
	}
	if c.token, c.to, err = tx.Claim(m.ID); err != nil {
		return nil, err
	}
	return c, nil
}

// deliver makes one attempt with the message ms[i]. went is false when nothing can go now.
func (o *Office) deliver(ctx context.Context, st *standing, ms []ledger.Message, i int) (sent int, went bool, err error) {
	m := ms[i]
	c := o.line.next
	if o.line.next = nil; c == nil || c.message != m.ID {
		if c, went, err = o.claimNow(ctx, st, m, ms); c == nil || err != nil {
			return 0, went, err
		}
	}
	testOnlyAt("claimed")

	p := mailer.Parcel{From: m.From, Data: c.body, BeforeDot: func(accepted []string) error {
		// Its own time limit, so that a ledger that stalls doesn't outlast the server's patience; no other end,
		// because the message in flight ends even while the office is being stopped.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		testOnlyAt("before sending")
		err := o.ledger.Update(ctx, o.moment(), self(), func(tx *ledger.Tx) error { return tx.Sending(c.token, accepted) })
		// Dying from here on leaves the delivery in sending: unknown at the next start, and never sent again by itself.
		testOnlyAt("sending")
		return err
	}}
	for _, d := range c.to {
		p.To = append(p.To, d.Mail)
	}
	o.log.Debug("sending", "job", m.Job, "message", m.Number, "key", m.Key)
	flight, land := inFlight(ctx)
	receipts, broken := o.line.session.Carry(flight, p)
	land()
	testOnlyAt("carried")
	if broken {
		o.line.hangUp()
	}
	// The one commit that stores these receipts claims the next message as well, where nothing stands between the two: not a
	// session to be opened, not the rate, not the rules. A commit is what a small message waits for.
	var ahead *ledger.Message
	if !broken && i+1 < len(ms) && ctx.Err() == nil && st.config.Mail.Rate.N == 0 && o.gone(st, ms[i+1]) == "" {
		ahead = &ms[i+1]
	}
	if err := o.receive(ctx, st, m, c.token, receipts, ahead); err != nil {
		return 0, false, err
	}
	for _, r := range receipts {
		log := o.log.Info
		switch r.Result {
		case mailer.Sent, mailer.Written:
			sent++
		case mailer.Unknown:
			log = o.log.Error
		default:
			log = o.log.Warn
		}
		log("one attempt", "job", m.Job, "message", m.Number, "key", m.Key, "state", r.Result, "stage", r.Stage, "code", r.Code, "words", r.Words)
	}
	return sent, true, nil
}

// claimNow waits for the rate, holds what the rules don't name any more, opens the session where there is none, and claims. No
// claim: the message can't go, and went says whether another one can.
func (o *Office) claimNow(ctx context.Context, st *standing, m ledger.Message, waiting []ledger.Message) (c *claim, went bool, err error) {
	// The rate's turn comes before the session: at a few messages an hour a server hangs up on one that waits without a word.
	if err := st.limiter.Wait(ctx); err != nil {
		return nil, false, nil
	}
	if held, err := o.holdGone(ctx, st, m); err != nil || held {
		return nil, true, err
	}
	if ok, err := o.connect(ctx, st, waiting); err != nil || !ok {
		return nil, false, err
	}
	err = o.ledger.Update(ctx, o.moment(), self(), func(tx *ledger.Tx) error {
		c, err = o.claim(tx, st, m)
		return err
	})
	switch {
	case err == nil:
		return c, true, nil
	case errors.Is(err, ledger.ErrDamaged):
		// Its bytes are not what was sealed. It fails, so that people hear of it and nothing else waits behind it.
		o.log.Error("the stored bytes of a message are damaged; it is not sent", "job", m.Job, "message", m.Number, "err", err)
		return nil, true, o.endUnsaid(ctx, m, mailer.Failed, "bytes", err)
	case errors.Is(err, ledger.ErrStale), errors.Is(err, ledger.ErrNotFound):
		return nil, true, nil // a person was faster
	}
	return nil, false, fmt.Errorf("couldn't claim the message %s: %w", m.Number, err)
}

// inFlight is a context that outlives a stop by drain.
func inFlight(ctx context.Context) (context.Context, func()) {
	flight, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var timer *time.Timer
	set := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer = time.AfterFunc(drain, cancel)
		close(set)
	})
	return flight, func() {
		if !stop() {
			<-set
			timer.Stop()
		}
		cancel()
	}
}

// receive writes what is known after the attempt, however long the ledger can't be written: the receipt is in no other place.
// If we die before it is written, the delivery is unknown at the next start. ahead, if any, is claimed in the same transaction.
func (o *Office) receive(ctx context.Context, st *standing, m ledger.Message, token string, rs []mailer.Receipt, ahead *ledger.Message) error {
	steady := context.WithoutCancel(ctx)
	for tries := 1; ; tries++ {
		now := o.moment()
		once, cancel := context.WithTimeout(steady, 30*time.Second)
		var next *claim
		err := o.ledger.Update(once, now, self(), func(tx *ledger.Tx) (err error) {
			if err := tx.Receive(token, rs, o.retry(tx, m, now)); err != nil || ahead == nil {
				return err
			}
			next, err = o.claim(tx, st, *ahead)
			return err
		})
		cancel()
		if err == nil {
			o.line.next = next
			testOnlyAt("received")
			return nil
		}
		if ahead != nil {
			ahead = nil // whatever is the matter with the next one, it must not cost this one its receipts
			continue
		}
		if errors.Is(err, ledger.ErrFenced) || errors.Is(err, ledger.ErrStale) || errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrMove) {
			return fmt.Errorf("couldn't write the receipts of the message %s: %w", m.Number, err)
		}
		o.log.Error("couldn't write what the mail server answered; trying again", "message", m.Number, "receipts", rs, "err", err)
		if ctx.Err() != nil && tries > 10 {
			return fmt.Errorf("couldn't write the receipts of the message %s before the stop: %w", m.Number, err)
		}
		<-time.After(min(time.Duration(tries)*time.Second, 30*time.Second))
	}
}

// gone says why a message can't go by the rules: its job or an addressee doesn't stand there any more. "": it can.
func (o *Office) gone(st *standing, m ledger.Message) (text string) {
	if m.Class == ledger.ClassNotice || m.Job == "" {
		return ""
	}
	w := st.words()
	if d := st.duties[m.Job]; d == nil {
		text = st.jobAway(m.Job).Text
	} else {
		for _, r := range m.Deliveries {
			if (r.State == ledger.StateQueued || r.State == ledger.StateDeferred) && !st.reaches(d, r.Mail) {
				text = w.say("宛先の%sは、いまの予定表（jobs.toml）にありません", "%s is not in jobs.toml any more", r.Mail)
			}
		}
	}
	return text
}

// holdGone holds a message that can't go by the rules.
func (o *Office) holdGone(ctx context.Context, st *standing, m ledger.Message) (held bool, err error) {
	text := o.gone(st, m)
	if text == "" {
		return false, nil
	}
	err = o.ledger.Update(ctx, o.moment(), self(), func(tx *ledger.Tx) error { return tx.Hold(m.ID, ledger.Gone, text) })
	if errors.Is(err, ledger.ErrStale) {
		return true, nil // a person was faster
	}
	if err != nil {
		return false, fmt.Errorf("couldn't hold the message %s: %w", m.Number, err)
	}
	o.log.Warn("held before sending", "job", m.Job, "message", m.Number, "why", text)
	return true, nil
}
