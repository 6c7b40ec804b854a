package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/daemon"
	"bod/internal/jobs"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

func (b *desk) rehearseCommand() *cobra.Command {
	var from, out, assume string
	var days int
	cmd := &cobra.Command{
		Use:   "rehearse",
		Short: b.in("これからの日々を、送らずに通してみる", "play the days ahead, sending nothing"),
		Long: b.in(`これからの N 日間を、bod run と同じ手順で数秒のうちに進めてみます。メールはだれにも
送らず、いまの記録にも触れません（写しを使います）。出すのは、いつ何がだれに送られる
か、だれに何をお願いするか、そしてまだないファイルがいつまでに要るかです。書かれた
メールはフォルダに入り、index.html から1通ずつ読めます。

--assume は、確認を頼まれた人の答えです。confirm なら、すぐに「はい」と答えたものと
します。hold なら、だれも答えなかったものとします。
まだないファイルは、最後まで届かないものとして進めます。`,
			`Plays N days of the rules in seconds, by the very steps of bod run. Nothing is sent, and the
ledger is not touched: a copy of it is used. You see what would go out, when and to whom, what
would be asked of whom, and which files are needed by when. The mails are put into a folder
where index.html leads to each.

--assume is what people who are asked for a confirmation do: with confirm they say yes at
once, with hold nobody answers. A file that is not there yet never comes.`),
		Example: `  bod rehearse
  bod rehearse --days 7
  bod rehearse --from 2026-12-01 --days 92 --out winter
  bod rehearse --assume hold`,
		Args: b.takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return b.rehearse(cmd.Context(), from, days, out, assume)
		},
	}
	b.jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&from, "from", "", b.in("この日から `DATE`（なければ、いまから）", "from this day on `DATE`; else from now"))
	f.IntVar(&days, "days", 31, b.in("何日間か `N`（31）", "how many days, `N` (31)"))
	f.StringVarP(&out, "out", "o", "rehearsal", b.in("メールと index.html を入れるフォルダ `DIR`（rehearsal）", "where the mails and index.html are put, `DIR` (rehearsal)"))
	f.StringVar(&assume, "assume", "confirm", b.in("確認を頼まれた人の答え `ANSWER`：confirm か hold（confirm）", "what people answer who are asked, `ANSWER`: confirm or hold (confirm)"))
	_ = cmd.RegisterFlagCompletionFunc("assume", cobra.FixedCompletions([]string{"confirm", "hold"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// played is a rehearsal as people read it.
type played struct {
	from, until time.Time
	confirm     bool
	notes       []string // what it stands on
	moments     []*moment
	needs       []lack
	summaries   []*moment
	mails       []playedMail
}

// What can happen at a moment of a rehearsal.
const (
	momentSend    = "send"    // letters of a job leave
	momentConfirm = "confirm" // somebody is asked for a yes
	momentWait    = "wait"    // something is missing, and its owner hears of it
	momentTell    = "tell"    // any other notice
	momentSummary = "summary"
	momentClosed  = "closed" // dropped, for its day is closed
	momentEnd     = "end"    // missed, skipped or failed without a notice
)

// moment is one thing that happens.
type moment struct {
	at    time.Time
	what  string
	job   string
	title string // with what it is about, or a notice's subject
	due   time.Time
	shift string   // why it isn't on the day that the rule names
	to    []string // who gets it
	copy  []string
	lines []string // what else is to be said
	mails []int    // of played.mails
}

// playedMail is a mail that was written.
type playedMail struct {
	at      time.Time
	name    string // of its files, without the ending
	subject string
	to      []string
	body    []byte
	letter  letter
}

// lack is something that has to be there by a day.
type lack struct {
	by, due time.Time
	atOnce  bool // its moment to be prepared is past already
	job     string
	title   string
	reasons []ledger.Reason
}

func (b *desk) rehearse(ctx context.Context, from string, days int, out, assume string) error {
	c, err := b.rules()
	if err != nil {
		return err
	}
	if days < 1 || days > 3700 {
		return b.usage(calendar.Text{JA: "--days は 1 から 3700 までです", EN: "--days is a number from 1 to 3700"}, calendar.Text{})
	}
	if assume != "confirm" && assume != "hold" {
		return b.usage(calendar.Text{JA: fmt.Sprintf("--assume に「%s」は書けません", assume), EN: fmt.Sprintf("--assume cannot be %q", assume)},
			calendar.Text{JA: "confirm（すぐに「はい」と答える）か hold（だれも答えない）を書いてください", EN: "write confirm (they say yes at once) or hold (nobody answers)"})
	}
	// To the second, as it is played: what is done at once at the start lies within the days then.
	p := played{from: b.now().In(c.Zone).Truncate(time.Second), confirm: assume == "confirm"}
	if from != "" {
		d, problem := calendar.ParseDate(from)
		if problem != nil {
			return b.usage(calendar.Text{JA: "--from の日付を読み取れません。" + problem.What.JA, EN: "couldn't read the date of --from: " + problem.What.EN}, problem.Next)
		}
		p.from = d.At(calendar.Clock{}, c.Zone)
	}
	p.until = calendar.DateOf(p.from).AddDays(days).At(calendar.Clock{}, c.Zone).Add(-time.Second)

	if state := c.StateDir(b.state, os.Getenv("STATE_DIRECTORY")); inside(out, state) {
		return b.usage(calendar.Text{JA: fmt.Sprintf("%s は記録のフォルダーです", out), EN: fmt.Sprintf("%s is the ledger's folder", out)},
			calendar.Text{JA: "空のフォルダか新しい名前を --out で示してください", EN: "name an empty folder or a new one with --out"})
	}
	// Looked at before anything is played: whoever waited for a year wants it to be kept.
	shelf, err := b.openShelf(out)
	if err != nil {
		return err
	}
	defer shelf.close()
	o := daemon.RehearseOptions{Config: c, From: p.from, Until: p.until, Confirm: p.confirm}
	l, err := b.remembered(ctx, c, &p, &o)
	if err != nil {
		return err
	}
	if l != nil {
		defer l.Close()
	}
	progress := b.progress(o.From, o.Until)
	o.Progress = progress.at
	r, err := daemon.Rehearse(ctx, o)
	progress.end()
	if err != nil {
		if ctx.Err() != nil {
			return &fault{code: exitFailed, what: b.in("途中で止めました。何も書いていません", "stopped; nothing was written")}
		}
		return b.fail(err, calendar.Text{JA: "リハーサルを続けられませんでした", EN: "couldn't play on"},
			calendar.Text{JA: "いまの記録はそのままです。bod check で予定表を確かめてください", EN: "the ledger is as it was; look at the rules with bod check"})
	}
	defer r.Close()
	for _, why := range r.Paused {
		p.notes = append(p.notes, fmt.Sprintf(b.in("いま送信は止まっています（%s）。それが直ったものとしました", "mail is paused now (%s); it plays as if that were mended"), why))
	}
	if err := r.Ledger.View(ctx, func(v *ledger.View) error { return b.collect(c, v, r, &p) }); err != nil {
		return b.fail(err, calendar.Text{JA: "リハーサルの結果を読めませんでした", EN: "couldn't read what was played"}, calendar.Text{})
	}
	if err := shelf.put(b, &p); err != nil {
		return b.fail(err, calendar.Text{JA: "リハーサルの結果を書けませんでした", EN: "couldn't write what was played"},
			calendar.Text{JA: "書き込む先のフォルダと空きを確かめるか、--out でほかの場所を示してください", EN: "check the folder and the room on its disk, or name another with --out"})
	}
	if b.json {
		return b.list(b.playedJSON(&p, out))
	}
	b.printPlayed(&p, out)
	return nil
}

// inside reports whether a folder is another one or lies in it, whatever its name. Neither has to be there yet.
func inside(dir, other string) bool {
	dir, derr := filepath.Abs(dir)
	other, oerr := filepath.Abs(other)
	if derr != nil || oerr != nil {
		return false
	}
	theirs, err := os.Stat(other)
	for {
		if dir == other {
			return true
		}
		if mine, merr := os.Stat(dir); err == nil && merr == nil && os.SameFile(mine, theirs) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
		dir = filepath.Dir(dir)
	}
}

// remembered opens the ledger that a rehearsal begins with, and says in words what it begins with. nil: with nothing.
func (b *desk) remembered(ctx context.Context, c *config.Config, p *played, o *daemon.RehearseOptions) (*ledger.Ledger, error) {
	dir := c.StateDir(b.state, os.Getenv("STATE_DIRECTORY"))
	note := func(ja, en string) { p.notes = append(p.notes, b.in(ja, en)) }
	l, err := ledger.OpenReader(ctx, dir)
	now := b.now().In(c.Zone).Truncate(time.Second)
	switch {
	case errors.Is(err, ledger.ErrNone):
		note("記録がまだないので、何も送っていない状態から始めました", "there is no ledger yet, so it begins with nothing sent")
		return nil, nil
	case errors.Is(err, ledger.ErrRights):
		note("記録を読む権限がないので、何も送っていない状態から始めました", "you may not read the ledger, so it begins with nothing sent")
		return nil, nil
	case err != nil:
		return nil, b.ledgerFault(dir, err)
	case l.Trial() != c.Mail.Trial():
		note("いまの記録はお試しと本番が予定表と違うので使わず、何も送っていない状態から始めました", "the ledger's mode (trial or real) is not the rules', so it begins with nothing sent")
	case calendar.DateOf(p.from).Before(calendar.DateOf(now)):
		note("過ぎた日からなので、いまの記録は使わず、何も送っていない状態から始めました", "it begins in the past, so the ledger is left aside and nothing is sent yet")
	default:
		note("いまの記録の写しから始めました", "it begins with a copy of the ledger")
		o.Ledger = l
		// What the ledger remembers is of now: the days until --from are played too, but not shown. It begins a second
		// before its first moment, which therefore is one that nothing of the ledger's can lie in.
		o.From = now.Add(2 * time.Second)
		if p.from.Before(o.From) {
			p.from = o.From
		}
		return l, nil
	}
	return nil, l.Close()
}

// collect reads what was played.
func (b *desk) collect(c *config.Config, v *ledger.View, r *daemon.Rehearsal, p *played) error {
	within := func(t time.Time) bool { return !t.Before(p.from.Add(-time.Second)) && !t.After(p.until) }
	late := func(t time.Time) time.Time {
		if t.Before(p.from) {
			return p.from // what is due at the first moment is played a second before it
		}
		return t.In(c.Zone)
	}
	// What is prepared side by side is numbered by chance: the order of the file is the same each time.
	type delivered struct {
		ledger.Message
		at   time.Time
		what string
		run  ledger.Run
		line int
	}
	var mails []delivered
	groups := map[string]*moment{}
	told := map[string]bool{} // run numbers of which a notice says how they ended
	for m, err := range v.Messages(ledger.MessageQuery{ChangedFrom: p.from.Add(-time.Second)}) {
		if err != nil {
			return err
		}
		if m.State != ledger.StateSent && m.State != ledger.StateWritten {
			continue
		}
		var at time.Time
		for _, d := range m.Deliveries {
			if d.Changed.After(at) {
				at = d.Changed
			}
		}
		if !within(at) {
			continue
		}
		d := delivered{Message: m, at: at}
		if d.what, d.run, err = b.about(v, m); err != nil {
			return err
		}
		if j := c.Job(current(v, d.run.Job)); d.run.ID != 0 && j != nil {
			d.line = j.Line
		}
		mails = append(mails, d)
	}
	slices.SortStableFunc(mails, func(x, y delivered) int {
		return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.what, y.what), cmp.Compare(x.line, y.line), x.run.Due.Compare(y.run.Due), cmp.Compare(x.Part, y.Part), cmp.Compare(x.Subject, y.Subject))
	})
	for _, m := range mails {
		what, run, at := m.what, m.run, m.at
		body, err := v.Body(m.ID)
		if err != nil {
			return err
		}
		read, err := readLetter(body)
		if err != nil {
			return err
		}
		if parts := strings.Split(m.Key, "/"); m.Class == ledger.ClassNotice && len(parts) > 2 {
			told[parts[2]] = true
		}
		key := fmt.Sprint(what, run.ID, at.Unix())
		if run.ID == 0 {
			key += m.Subject
		}
		g := groups[key]
		if g == nil {
			g = &moment{at: late(at), what: what, title: m.Subject, due: run.Due.In(c.Zone)}
			b.name(c, v, g, run)
			if what == momentTell {
				g.title = m.Subject
			}
			groups[key] = g
			if what == momentSummary {
				p.summaries = append(p.summaries, g)
			} else {
				p.moments = append(p.moments, g)
			}
		}
		var to []string
		for _, rec := range m.Recipients {
			if who := addressed(c, rec, b.lang); rec.Role != "to" {
				g.copy = addOnce(g.copy, who)
			} else {
				g.to, to = addOnce(g.to, who), addOnce(to, who)
			}
		}
		g.mails = append(g.mails, len(p.mails))
		name := fmt.Sprintf("%04d-%s-%s", len(p.mails)+1, late(at).Format("0102-1504"), cmp.Or(g.job, what))
		p.mails = append(p.mails, playedMail{at: late(at), name: fileName(name), subject: m.Subject, to: to, body: body, letter: read})
	}
	for run, err := range v.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunMissed, ledger.RunSkipped, ledger.RunFailed}, ChangedFrom: p.from}) {
		if err != nil {
			return err
		}
		if told[run.Number] && run.State != ledger.RunSkipped || !within(run.Changed) {
			continue
		}
		g := &moment{at: late(run.Changed), what: momentEnd, due: run.Due.In(c.Zone)}
		b.name(c, v, g, run)
		for _, why := range run.Reasons {
			g.lines = append(g.lines, why.Text)
		}
		g.title += b.in("：", ": ") + jobs.RunWords(run, b.lang)
		p.moments = append(p.moments, g)
	}
	for _, n := range r.Needs {
		run, err := v.Run(n.Run)
		if err != nil {
			return err
		}
		// What waits since before these days is needed too, unless it was given up before they begin.
		if n.By.After(p.until) || n.Due.Before(p.from) && run.State != ledger.RunWaiting && run.Changed.Before(p.from) {
			continue
		}
		var g moment
		b.name(c, v, &g, run)
		p.needs = append(p.needs, lack{by: late(n.By), due: n.Due.In(c.Zone), atOnce: n.By.Before(p.from) && p.from.Sub(b.now()) < time.Minute, job: g.job, title: g.title, reasons: n.Reasons})
		for _, m := range p.moments {
			if m.what == momentWait && m.job == g.job && m.due.Equal(n.Due) {
				for _, why := range n.Reasons {
					m.lines = addOnce(m.lines, why.Text)
				}
			}
		}
	}
	for _, j := range c.Jobs {
		if j.Disabled {
			continue
		}
		for _, o := range j.When.Skipped(p.from.Add(-time.Second), p.until) {
			g := &moment{at: o.Nominal.In(c.Zone), what: momentClosed, job: j.Name, title: b.titled(j, o), shift: o.Shifted.In(b.lang)}
			p.moments = append(p.moments, g)
		}
	}
	line := func(job string) int {
		if j := c.Job(job); j != nil {
			return j.Line
		}
		return 0
	}
	slices.SortStableFunc(p.moments, func(x, y *moment) int {
		return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.what, y.what), cmp.Compare(line(x.job), line(y.job)))
	})
	slices.SortStableFunc(p.needs, func(x, y lack) int {
		return cmp.Or(x.by.Compare(y.by), x.due.Compare(y.due), cmp.Compare(line(x.job), line(y.job)))
	})
	return nil
}

// about tells what a message is of a rehearsal's moment, and of which run.
func (b *desk) about(v *ledger.View, m ledger.Message) (what string, run ledger.Run, err error) {
	switch m.Class {
	case ledger.ClassSummary:
		what = momentSummary
	case ledger.ClassNotice:
		what = momentTell
		// notice/<what>/<id>/<digest>; the id is a run's number where it is about one.
		parts := strings.Split(m.Key, "/")
		if len(parts) < 3 {
			return what, run, nil
		}
		switch parts[1] {
		case "confirm":
			what = momentConfirm
		case "waiting":
			what = momentWait
		}
		run, err = v.RunByNumber(parts[2])
		if errors.Is(err, ledger.ErrNotFound) {
			return momentTell, ledger.Run{}, nil
		}
		if err == nil && what == momentConfirm {
			// A deputy hears of what nobody confirms, but isn't asked: their yes would not count.
			asked := false
			for x, err := range v.Messages(ledger.MessageQuery{Run: run.ID}) {
				if err != nil {
					return what, run, err
				}
				asked = asked || slices.Contains(x.ConfirmBy, m.Part)
			}
			if !asked {
				what = momentTell
			}
		}
		return what, run, err
	default:
		what = momentSend
	}
	if m.Run != 0 {
		run, err = v.Run(m.Run)
	}
	if what == momentSummary && run.Job != "summary" {
		what = momentTell // the morning's and the month's, which come on some days only
	}
	return what, run, err
}

// name fills in how people call what a run is of.
func (b *desk) name(c *config.Config, v *ledger.View, g *moment, run ledger.Run) {
	if run.ID == 0 {
		return
	}
	g.job = current(v, run.Job)
	g.title = g.job + " " + run.Period
	j := c.Job(g.job)
	if j == nil {
		return
	}
	o, ok := j.When.Of(run.Period)
	if !ok {
		o = calendar.Occurrence{Period: run.Period, Nominal: run.Nominal}
	}
	o.Due = run.Due
	g.title = b.titled(j, o)
	if why := o.Shifted.In(b.lang); why != "" {
		day := func(t time.Time) string { return calendar.DateOf(t.In(c.Zone)).Short(b.lang) }
		g.shift = fmt.Sprintf(b.in("%s → %s（%s）", "%s → %s (%s)"), day(o.Nominal), day(o.Due), why)
	}
}

// titled is a job's title with what the occurrence is about.
func (b *desk) titled(j *config.Job, o calendar.Occurrence) string {
	title := cmp.Or(j.Title, j.Name)
	about := j.When.About(j.About, o)
	if about.First == about.Last && about.First == calendar.DateOf(o.Nominal.In(b.zone)) {
		return title // its day is told beside it
	}
	if b.lang == calendar.English {
		return title + ", " + about.Words(b.lang)
	}
	return title + "　" + about.Words(b.lang) + "分"
}

// addressed is how people inside call a recipient; who is neither of ours nor a partner is the address.
func addressed(c *config.Config, r ledger.Recipient, l calendar.Language) string {
	for _, p := range c.People {
		if strings.EqualFold(p.Mail.Mail, r.Mail) {
			return colleague(p, l)
		}
	}
	for _, p := range c.Partners {
		if slices.ContainsFunc(p.Mail, func(a mailer.Address) bool { return strings.EqualFold(a.Mail, r.Mail) }) {
			return p.Name
		}
	}
	// An addressee of a table: its name is the table's.
	return cmp.Or(r.Name, r.Mail)
}

// colleague is how people inside speak of somebody, as the letters do: 田中部長, 佐藤さん.
func colleague(p *config.Person, l calendar.Language) string {
	switch {
	case l == calendar.English:
		return p.Name
	case p.Title != "":
		return p.Name + p.Title
	}
	return p.Name + "さん"
}

func addOnce(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// momentWords are what happens at a moment, in a word.
var momentWords = map[string]calendar.Text{
	momentSend:    {JA: "送付", EN: "send"},
	momentConfirm: {JA: "確認依頼", EN: "ask"},
	momentWait:    {JA: "準備待ち", EN: "wait"},
	momentTell:    {JA: "お知らせ", EN: "tell"},
	momentSummary: {JA: "まとめ", EN: "summary"},
	momentClosed:  {JA: "休み", EN: "closed"},
	momentEnd:     {JA: "終わり", EN: "end"},
}

// short says a day, with its year where that is not the one in which the rehearsal begins.
func (p *played) short(d calendar.Date, l calendar.Language) string {
	if d.Year == p.from.Year() {
		return d.Short(l)
	}
	if l == calendar.English {
		return fmt.Sprintf("%s %d", d.Short(l), d.Year)
	}
	return fmt.Sprintf("%d/%s", d.Year, d.Short(l))
}

func (p *played) moment(t time.Time, l calendar.Language) string {
	return p.short(calendar.DateOf(t), l) + " " + hour(t)
}

// span is the days that were played.
func (b *desk) span(p *played) string {
	return calendar.DateOf(p.from).Long(b.lang) + b.in("〜", " to ") + calendar.DateOf(p.until).Long(b.lang)
}

// grounds are what the rehearsal stands on, in whole sentences without their stops.
func (b *desk) grounds(p *played) []string {
	out := []string{b.in("メールはだれにも送らず、いまの記録にも触れていません", "nothing was sent, and the ledger was not touched")}
	out = append(out, p.notes...)
	if p.confirm {
		out = append(out, b.in("確認を頼まれた人は、すぐに「はい」と答えたものとしました", "whoever is asked for a confirmation says yes at once"))
	} else {
		out = append(out, b.in("確認を頼まれた人は、だれも答えなかったものとしました", "whoever is asked for a confirmation does not answer"))
	}
	if len(p.needs) > 0 {
		out = append(out, b.in("まだないものは、最後まで届かないものとしました", "what is not there yet never comes"))
	}
	return out
}

// listedNames is how many addressees, and how many files, a moment lists.
const listedNames = 7

// details are the lines below a moment's title.
func (b *desk) details(p *played, m *moment) []string {
	var out []string
	list := func(names []string) string {
		if n := len(names) - listedNames; n > 1 { // a letter to each row of a table may have sixty
			names = append(slices.Clone(names[:listedNames]), fmt.Sprintf(b.in("ほか%d件", "and %d more"), n))
		}
		return strings.Join(names, b.in("、", ", "))
	}
	switch m.what {
	case momentConfirm:
		ask := b.in("%sへ：%s に送る前の確認のお願い", "%s: please confirm before it goes on %s")
		if m.due.Before(m.at) {
			ask = b.in("%sへ：送る前の確認のお願い（%s に送る予定でした）", "%s: please confirm before it goes (it was to go on %s)")
		}
		out = append(out, fmt.Sprintf(ask, list(m.to), p.moment(m.due, b.lang)))
	case momentWait:
		out = append(out, m.lines...)
		out = append(out, fmt.Sprintf(b.in("%sへお知らせ（%s に送る分）", "%s is told (to be sent on %s)"), list(m.to), p.moment(m.due, b.lang)))
	case momentClosed:
		out = append(out, b.in("休みのため見送り", "left out on a closed day")+b.in("：", ": ")+m.shift)
	case momentEnd:
		out = append(out, m.lines...)
	default:
		to := "→ " + list(m.to)
		if len(m.copy) > 0 {
			to += b.in("　写し ", "; copy ") + list(m.copy)
		}
		out = append(out, to)
	}
	if m.what == momentSend {
		var files []string
		for _, i := range m.mails {
			for _, f := range p.mails[i].letter.files {
				files = addOnce(files, f.Name)
			}
		}
		if len(files) > 0 {
			out = append(out, b.in("添付 ", "with ")+list(files))
		}
		if m.shift != "" {
			out = append(out, m.shift)
		}
	}
	return out
}

func (b *desk) printPlayed(p *played, out string) {
	b.say("%s  %s\n\n", b.in("リハーサル", "Rehearsal"), b.span(p))
	bullet := func(indent, text string) {
		for i, line := range wrap(text, 76-cells(indent)) {
			lead := b.in("・", "- ")
			if i > 0 {
				lead = "  "
			}
			b.say("%s%s%s\n", indent, lead, line)
		}
	}
	for _, s := range b.grounds(p) {
		bullet("  ", s)
	}
	day, verb := b.shortWidth(), 0
	if b.lang != calendar.English {
		day = len("12/31(x)") + 1
	}
	for _, m := range p.moments {
		verb = max(verb, cells(momentWords[m.what].In(b.lang)))
	}
	indent := 1 + day + 2 + 5 + 2 + verb + 2
	month, last := "", calendar.Date{}
	for _, m := range p.moments {
		if s := b.month(m.at); s != month {
			b.say("\n%s\n", s)
			month = s
		}
		date := ""
		if d := calendar.DateOf(m.at); d != last {
			date, last = d.Short(b.lang), d
		}
		for i, line := range wrap(m.title, 80-indent) {
			if i == 0 {
				b.say(" %s  %s  %s  %s\n", pad(date, day), clock(m.at), pad(momentWords[m.what].In(b.lang), verb), line)
			} else {
				b.say("%s%s\n", strings.Repeat(" ", indent), line)
			}
		}
		for _, d := range b.details(p, m) {
			for _, line := range wrap(d, 80-indent) {
				b.say("%s%s\n", strings.Repeat(" ", indent), line)
			}
		}
	}
	if len(p.moments) == 0 {
		b.say("\n%s\n", b.in("このあいだに、送るものも頼むこともありません", "nothing is to be sent or asked in these days"))
	}
	if len(p.summaries) > 0 {
		b.section("本日のまとめ", "Summary")
		first := p.summaries[0]
		times := "times"
		if len(p.summaries) == 1 {
			times = "time"
		}
		b.say(b.in("  %d回（%s）→ %s\n", "  %d "+times+" (%s) → %s\n"), len(p.summaries), b.summaryRule(p), strings.Join(first.to, b.in("、", ", ")))
	}
	b.section("いつまでに要るもの（いまはまだありません）", "Needed by (not there yet)")
	if len(p.needs) == 0 {
		b.say("  %s\n", b.in("ありません。このあいだに要るものは、すべてそろっています", "nothing: all that these days need is there"))
	}
	for _, n := range p.needs {
		words := fmt.Sprintf(b.in("%sまで  %s", "%s  %s"), p.moment(n.by, b.lang), n.title)
		if n.atOnce {
			words = fmt.Sprintf(b.in("いますぐ  %s（%s）", "at once  %s (%s)"), n.title, b.neededFor(p, n))
		}
		for i, line := range wrap(words, 78) {
			b.say("%s%s\n", strings.Repeat(" ", 2+2*min(i, 1)), line)
		}
		for _, r := range n.reasons {
			for _, line := range wrap(r.Text, 74) {
				b.say("      %s\n", line)
			}
			for i, line := range wrap(r.Next, 72) {
				b.say("      %s%s\n", map[bool]string{true: "→ ", false: "   "}[i == 0], line)
			}
		}
	}
	b.section("書かれたメール", "Mails")
	b.say(b.in("  %d通。次のページをブラウザーで開くと、1通ずつ読めます\n  %s\n", "  %d; open this page in a browser to read each\n  %s\n"), len(p.mails), filepath.Join(out, "index.html"))
}

// neededFor says when what lacks something is to go, or was.
func (b *desk) neededFor(p *played, n lack) string {
	words := b.in("%s に送る分", "to be sent on %s")
	if n.due.Before(p.from) {
		words = b.in("%s に送る予定でした", "it was to go on %s")
	}
	return fmt.Sprintf(words, p.moment(n.due, b.lang))
}

// summaryRule says when the summaries come, as they were played.
func (b *desk) summaryRule(p *played) string {
	at := hour(p.summaries[0].at)
	for _, m := range p.summaries {
		if hour(m.at) != at {
			return b.in("時刻は日によって違います", "at various times")
		}
	}
	return at
}

// playedJSON is a rehearsal for programs.
func (b *desk) playedJSON(p *played, out string) any {
	type mailJSON struct {
		Subject string     `json:"subject"`
		File    string     `json:"file"`
		Files   []fileInfo `json:"attachments,omitempty"`
	}
	type momentJSON struct {
		At      string     `json:"at"`
		What    string     `json:"what"`
		Job     string     `json:"job,omitempty"`
		Title   string     `json:"title"`
		Due     string     `json:"due,omitempty"`
		Shifted string     `json:"shifted,omitempty"`
		To      []string   `json:"to,omitempty"`
		Copy    []string   `json:"copy,omitempty"`
		Reasons []string   `json:"reasons,omitempty"`
		Mails   []mailJSON `json:"mails,omitempty"`
	}
	type needJSON struct {
		By      string          `json:"by"`
		Due     string          `json:"due"`
		Job     string          `json:"job"`
		Title   string          `json:"title"`
		Reasons []ledger.Reason `json:"reasons"`
	}
	all := slices.Concat(p.moments, p.summaries)
	slices.SortStableFunc(all, func(x, y *moment) int { return x.at.Compare(y.at) })
	moments, needs := []momentJSON{}, []needJSON{}
	for _, m := range all {
		x := momentJSON{At: b.stamp(m.at), What: m.what, Job: m.job, Title: m.title, Due: b.stamp(m.due), Shifted: m.shift, To: m.to, Copy: m.copy, Reasons: m.lines}
		for _, i := range m.mails {
			mail := p.mails[i]
			x.Mails = append(x.Mails, mailJSON{mail.subject, filepath.Join(out, mailFolder, mail.name+".eml"), mail.letter.files})
		}
		moments = append(moments, x)
	}
	for _, n := range p.needs {
		needs = append(needs, needJSON{b.stamp(n.by), b.stamp(n.due), n.job, n.title, n.reasons})
	}
	assume := "hold"
	if p.confirm {
		assume = "confirm"
	}
	return struct {
		From     string       `json:"from"`
		Until    string       `json:"until"`
		Assume   string       `json:"assume"`
		Grounds  []string     `json:"grounds"`
		Index    string       `json:"index"`
		Timeline []momentJSON `json:"timeline"`
		Needed   []needJSON   `json:"needed"`
	}{b.stamp(p.from), b.stamp(p.until), assume, b.grounds(p), filepath.Join(out, "index.html"), moments, needs}
}

// progress tells how far a long rehearsal is, from its third second on and only to a terminal.
type progress struct {
	desk        *desk
	from, until time.Time
	shows       bool
	next        time.Time // by the wall clock
	wrote       bool
}

func (b *desk) progress(from, until time.Time) *progress {
	return &progress{desk: b, from: from, until: until, shows: terminal(b.rawErr), next: time.Now().Add(2 * time.Second)}
}

func (p *progress) at(t time.Time) {
	if now := time.Now(); p.shows && !now.Before(p.next) {
		p.next, p.wrote = now.Add(500*time.Millisecond), true
		share := int(100 * t.Sub(p.from) / max(p.until.Sub(p.from), 1))
		// The carriage return is what the cleaner of words from outside takes out; these words are ours.
		fmt.Fprintf(p.desk.rawErr, "\r%3d%%  %s ", share, calendar.DateOf(t.In(p.desk.zone)).Long(p.desk.lang))
	}
}

func (p *progress) end() {
	if p.wrote {
		fmt.Fprint(p.desk.rawErr, "\r"+strings.Repeat(" ", 40)+"\r")
	}
}
