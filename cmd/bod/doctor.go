package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/daemon"
	"bod/internal/jobs"
	"bod/internal/ledger"
	"bod/internal/table"
)

// A checkup is one thing that was looked at.
type checkup struct {
	Area  string `json:"area"`
	State string `json:"state"`
	What  string `json:"what"`
	Next  string `json:"next,omitempty"` // the remedy
}

// How a thing is. Only what is wrong makes the command fail.
const (
	stateOK      = "ok"
	stateNote    = "note"
	stateWrong   = "wrong"
	stateSkipped = "not checked"
)

var stateMarks = map[string]calendar.Text{
	stateOK:      {JA: "○", EN: "ok     "},
	stateNote:    {JA: "△", EN: "note   "},
	stateWrong:   {JA: "×", EN: "WRONG  "},
	stateSkipped: {JA: "－", EN: "skipped"},
}

// doctor is one look at everything that an administrator would check by hand.
type doctor struct {
	*desk
	c        *config.Config // nil where the configuration cannot be read
	problems []config.Problem
	dir      string // of the ledger
	selector string // of DKIM, "" where nobody said it
	area     string
	found    []checkup
}

// examinations are what is looked at, in this order. Each says at least one thing.
var examinations = []struct {
	area calendar.Text
	look func(*doctor, context.Context)
}{
	{calendar.Text{JA: "設定", EN: "configuration"}, (*doctor).configuration},
	{calendar.Text{JA: "権限と持ち主", EN: "rights and owners"}, (*doctor).rights},
	{calendar.Text{JA: "フォルダー", EN: "folders"}, (*doctor).folders},
	{calendar.Text{JA: "読む表", EN: "tables"}, (*doctor).tables},
	{calendar.Text{JA: "記録", EN: "ledger"}, (*doctor).records},
	{calendar.Text{JA: "時計", EN: "clock"}, (*doctor).clock},
	{calendar.Text{JA: "パスワードなど", EN: "credentials"}, (*doctor).credentials},
	{calendar.Text{JA: "メールサーバー", EN: "mail server"}, (*doctor).mailServer},
	{calendar.Text{JA: "差出人のドメイン", EN: "the sender's domain"}, (*doctor).domain},
	{calendar.Text{JA: "見張り", EN: "monitoring"}, (*doctor).watched},
	{calendar.Text{JA: "サービス", EN: "service"}, (*doctor).service},
	{calendar.Text{JA: "ディスク", EN: "disk"}, (*doctor).disks},
	{calendar.Text{JA: "祝日の表", EN: "public holidays"}, (*doctor).holidays},
}

func (b *desk) doctorCommand() *cobra.Command {
	var selector, to string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: b.in("管理者が確かめることを、まとめて調べる", "look at what an administrator would check"),
		Long: b.in(`設定、権限、フォルダー、読む表、記録、時計、パスワードなど、メールサーバー（つないで
ログインし、何も送らずに切ります）、差出人のドメインの SPF・DKIM・DMARC、見張り、systemd、
ディスクの空き、祝日の表を調べ、1つずつ良し悪しと直し方を出します。何も送らず、何も書きません。

サービスと同じ利用者で実行してください（sudo -u bod bod doctor）。
--mail NAME は、確かめのメールを1通だけ、動いている bod に送らせます。ほかのメールと
同じように記録してから送ります。--selector は DKIM のセレクターです。

×が1つでもあれば 1 で終わります。△は注意で、－は調べられなかったものです。`,
			`Looks at the configuration, rights, folders, the tables that jobs read, ledger, clock,
credentials, the mail server (it connects, logs in and leaves without sending), SPF, DKIM and
DMARC of the sender's domain, monitoring, systemd, disks and the table of public holidays.
Each line says right or wrong, with the remedy. Nothing is sent and nothing is written.

Run it as the service's user (sudo -u bod bod doctor). --mail NAME has the running bod send
one message, which is sealed in the ledger first like any other. --selector is DKIM's.

Ends with 1 where something is WRONG. A note is no fault; skipped could not be looked at.`),
		Example: "  bod doctor\n  bod doctor --selector s2026\n  bod doctor --mail sato\n  bod doctor --json",
		Args:    b.takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to != "" {
				return b.hello(cmd.Context(), to)
			}
			return b.examine(cmd.Context(), selector)
		},
	}
	b.jsonFlag(cmd)
	cmd.Flags().StringVar(&selector, "selector", "", b.in("DKIM のセレクター（なければ、よくある名前で探す）`NAME`", "the selector of DKIM; else usual ones are tried `NAME`"))
	cmd.Flags().StringVar(&to, "mail", "", b.in("この人（[people] の名前）に確かめのメールを1通送る `NAME`", "send one message to this person of [people] `NAME`"))
	return cmd
}

func (b *desk) examine(ctx context.Context, selector string) error {
	if _, err := os.ReadDir(givenCredentials); err == nil && os.Getenv("CREDENTIALS_DIRECTORY") == "" {
		// What systemd gave to the service while it runs, its user can read; so the login is tried as the service does it.
		if err := os.Setenv("CREDENTIALS_DIRECTORY", givenCredentials); err != nil {
			return err
		}
		defer os.Unsetenv("CREDENTIALS_DIRECTORY")
	}
	d := &doctor{desk: b, selector: selector}
	d.c, d.problems = b.load(b.file)
	d.dir = b.ledgerFolder(d.c)
	for _, e := range examinations {
		d.area = e.area.In(b.lang)
		slow := time.AfterFunc(2*time.Second, func() {
			fmt.Fprintf(b.err, b.in("%sを調べています…\n", "looking at: %s ...\n"), e.area.In(b.lang))
		})
		e.look(d, ctx)
		slow.Stop()
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
	}
	wrong, notes := 0, 0
	for _, f := range d.found {
		switch f.State {
		case stateWrong:
			wrong++
		case stateNote:
			notes++
		}
	}
	var err error
	if wrong > 0 {
		err = &fault{code: exitFailed, what: fmt.Sprintf(b.in("直すところが %d か所あります（注意 %d か所）", "%d thing(s) wrong, %d to note"), wrong, notes), told: b.json}
	}
	if b.json {
		if lerr := b.list(struct {
			OK     bool      `json:"ok"`
			Wrong  int       `json:"wrong"`
			Notes  int       `json:"notes"`
			Checks []checkup `json:"checks"`
		}{wrong == 0, wrong, notes, d.found}); lerr != nil {
			return lerr
		}
		return err
	}
	area := ""
	for _, f := range d.found {
		if f.Area != area {
			area = f.Area
			b.say("%s\n", area)
		}
		b.say("  %s %s\n", stateMarks[f.State].In(b.lang), f.What)
		if f.Next != "" {
			b.say("    → %s\n", f.Next)
		}
	}
	if err == nil {
		b.say(b.in("\n直すところはありません（注意 %d か所）\n", "\nnothing is wrong (%d to note)\n"), notes)
	}
	return err
}

func (d *doctor) add(state, what, next string) {
	d.found = append(d.found, checkup{d.area, state, what, next})
}

func (d *doctor) ok(ja, en string, args ...any) {
	d.add(stateOK, fmt.Sprintf(d.in(ja, en), args...), "")
}
func (d *doctor) skip(ja, en string, args ...any) {
	d.add(stateSkipped, fmt.Sprintf(d.in(ja, en), args...), "")
}

// with words something in the person's language; both languages take the same arguments.
func (d *doctor) with(ja, en string, args ...any) string { return fmt.Sprintf(d.in(ja, en), args...) }

// unread says that the configuration has to be mended first.
func (d *doctor) unread() bool {
	if d.c != nil {
		return false
	}
	d.skip("設定が読めるようになってから調べます", "looked at once the configuration can be read")
	return true
}

func (d *doctor) configuration(context.Context) {
	for _, p := range d.problems {
		state := stateWrong
		if p.Warning {
			state = stateNote
		}
		next := p.Next
		p.Next = ""
		d.add(state, p.String(), next)
	}
	if d.c == nil {
		return
	}
	d.ok("%s：仕事 %d 件", "%s: %d job(s)", d.c.Path, len(d.c.Jobs))
	if d.c.AdminPath != "" {
		d.ok("%s：管理者のファイル", "%s: the administrator's file", d.c.AdminPath)
	} else {
		d.ok("管理者のファイル（%s）はありません。設定はすべて予定表にあります", "no administrator's file (%s); all of it stands in jobs.toml", config.DefaultAdmin)
	}
	if _, err := daemon.NewCarrier(d.c); err != nil {
		d.add(stateWrong, d.with("メールの送り方を決められません：%v", "couldn't tell how mail is to leave: %v", err), d.in("[mail] を直してください", "mend [mail]"))
	}
}

func (d *doctor) folders(ctx context.Context) {
	if d.unread() {
		return
	}
	if len(d.c.Folders) == 0 {
		d.ok("名前を付けたフォルダーはありません", "no folders by name")
	}
	for _, name := range slices.Sorted(maps.Keys(d.c.Folders)) {
		dir := d.c.Folders[name]
		err := within(ctx, 5*time.Second, func() error { return d.c.CheckFolder(name) })
		switch fe, told := errors.AsType[*config.FileError](err); {
		case err == nil:
			d.ok("%s（%s）：読めます", "%s (%s) can be read", name, dir)
		case told:
			d.add(stateWrong, fmt.Sprintf("%s%s%s%s%s", name, d.in("（", " ("), dir, d.in("）：", "): "), fe.What.In(d.lang)), fe.Next.In(d.lang))
		default:
			d.add(stateWrong, d.with("%s（%s）：返事がありません", "%s (%s) does not answer", name, dir), d.in("共有フォルダーのサーバーが動いているか確かめてください", "see whether the server of the share is up"))
		}
	}
	if d.c.Mail.Server != "" {
		return
	}
	if owner, is := anothers(d.dir); is {
		d.skip("メールを書き出すフォルダー %s に書けるかは、利用者 %s で調べてください", "whether mail can be written into %s is to be looked at as the user %s", d.c.Mail.Outbox, owner)
	} else if err := writable(d.c.Mail.Outbox); err != nil {
		d.add(stateWrong, d.with("メールを書き出すフォルダー %s に書けません：%v", "couldn't write mail into %s: %v", d.c.Mail.Outbox, err),
			d.in("bod の利用者が書けるようにしてください", "let the user that runs bod write there"))
	} else {
		d.ok("お試し：メールは %s に書き出します", "on trial: mail is written to %s", d.c.Mail.Outbox)
	}
}

// tables reads what jobs read, by the same code. What only an administrator can mend is wrong; what the office brings in
// its own time, and jobs wait for, is a note.
func (d *doctor) tables(ctx context.Context) {
	if d.unread() {
		return
	}
	all := jobs.Sources(d.c)
	if len(all) == 0 {
		d.ok("表（[source.名前]）はありません", "no tables are read ([source.NAME])")
		return
	}
	if owner, is := anothers(d.dir); is {
		d.skip("表を読めるかは、利用者 %s で調べてください", "whether the tables can be read is to be looked at as the user %s", owner)
		return
	}
	for _, s := range d.c.Sources {
		src := all[s.Name]
		t, problems := src.Read(ctx, jobs.TableWorld(d.c, d.now(), false))
		rows := 0
		if t != nil {
			rows = t.Len()
			_ = t.Close() // only read
		}
		i := slices.IndexFunc(problems, func(p table.Problem) bool { return !p.Warning })
		if i < 0 {
			d.ok("%s（%s）：%d 行", "%s (%s): %d row(s)", s.Name, src.Origin(), rows)
			continue
		}
		state := stateNote
		if p := problems[i]; p.Code == table.CodeUnreadable || p.Code == table.CodeForbidden {
			state = stateWrong
		}
		d.add(state, fmt.Sprintf("%s%s%s", s.Name, d.in("：", ": "), problems[i].What.In(d.lang)), problems[i].Next.In(d.lang))
	}
}

// within gives a look at something that may hang, such as a share whose server is away, so much time and no more.
func within(ctx context.Context, limit time.Duration, look func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- look() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *doctor) records(ctx context.Context) {
	pid, held, err := ledger.Holder(d.dir)
	switch {
	case err != nil:
	case held:
		d.ok("bod は動いています（プロセス %d）", "bod is running (process %d)", pid)
	default:
		d.add(stateNote, d.in("bod は動いていません", "no bod is running"), d.in("始めるには bod run、サービスなら systemctl start bod", "bod run starts it, systemctl start bod where it is a service"))
	}
	if owner, is := anothers(d.dir); is {
		d.add(stateNote, d.with("この記録（%s）は、利用者 %s のものです", "the ledger in %s is the user %s's", d.dir, owner), d.with("記録、権限、パスワードなども調べるには sudo -u %s bod doctor", "to look at it, at rights and credentials as well: sudo -u %s bod doctor", owner))
		return
	}
	l, err := ledger.OpenReader(ctx, d.dir)
	if errors.Is(err, ledger.ErrNone) {
		d.add(stateNote, d.with("記録はまだありません（%s）", "there is no ledger yet (%s)", d.dir), d.in("はじめの bod run が作ります。前からあったはずなら、場所（state）を確かめてください", "the first bod run makes it; if there was one, see whether the folder (state) is right"))
		return
	}
	if err == nil {
		defer l.Close()
		err = d.ledger(ctx, l)
	}
	if err != nil {
		d.broken(err)
	}
}

func (d *doctor) broken(err error) {
	if f, ok := errors.AsType[*fault](d.ledgerFault(d.dir, err)); ok {
		what := f.what
		if f.cause != nil {
			what += d.in("：", ": ") + f.cause.Error()
		}
		d.add(stateWrong, what, f.next)
	}
}

func (d *doctor) ledger(ctx context.Context, l *ledger.Ledger) error {
	behind, err := l.Behind(ctx)
	if err != nil {
		return err
	}
	if behind != "" {
		d.add(stateWrong, d.with("記録が、しるし（marker）より古くなっています：%s", "the ledger is older than its marker: %s", behind),
			d.in("控えから戻したのなら、送られたものを確かめてから bod retry --restored、そうでなければ新しい控えを探してください", "where it was restored: see what went out since, then bod retry --restored; else look for a newer copy"))
	}
	return l.View(ctx, func(v *ledger.View) error {
		seq, _, at, err := v.Head()
		if err != nil {
			return err
		}
		mode := d.in("本番", "real")
		if l.Trial() {
			mode = d.in("お試し", "trial")
		}
		if behind == "" {
			d.ok("%s：%sの記録、最後は %d 番（%s）。すべて調べるには bod verify", "%s: a %s ledger, its last entry is %d (%s); bod verify proves all of it", d.dir, mode, seq, d.moment(at))
		}
		if d.c != nil && l.Trial() != d.c.Mail.Trial() {
			d.add(stateWrong, d.in("お試しの記録で本番を、または本番の記録でお試しを動かすことはできません", "a trial's ledger is no real one, nor the other way round"),
				d.in("お試しを終えるなら bod run --leave-trial", "bod run --leave-trial ends a trial"))
		}
		if at.After(d.now().Add(5 * time.Minute)) {
			d.add(stateWrong, d.with("記録の最後（%s）が、いまの時計より先です", "the ledger's last entry (%s) is ahead of the clock", d.moment(at)), d.in("時計を合わせてください", "set the clock right"))
		}
		flags, err := v.Flags()
		if err != nil {
			return err
		}
		for _, f := range flags {
			state := stateWrong
			if f.Name == "stopped" {
				state = stateNote // somebody wanted it so
			}
			d.add(state, d.with("止まっています（%s から）：%s", "paused since %s: %s", d.moment(f.Since), f.Text), d.in("bod status で、次にすることを見てください", "bod status says what to do"))
		}
		return d.lastSummary(v)
	})
}

// lastSummary sees that the summary that was due last has left: its absence is the alarm.
func (d *doctor) lastSummary(v *ledger.View) error {
	if d.c == nil {
		return nil // told of the configuration
	}
	if d.c.Job("summary") == nil || d.c.Job("summary").Disabled {
		d.add(stateNote, d.in("本日のまとめ（[summary]）は送っていません", "no summary is sent"), d.in("[summary] を書くと、bod が動いていることが毎日わかります", "with [summary] the office hears of bod every day"))
		return nil
	}
	now := d.now()
	due := d.c.Job("summary").When.Due(now.AddDate(0, 0, -40), now.Add(-time.Hour))
	if len(due) == 0 {
		d.ok("まとめは、この40日のあいだ予定がありませんでした", "no summary was due in the last 40 days")
		return nil
	}
	last := due[len(due)-1].Due
	for e, err := range v.Events(0) {
		if err != nil {
			return err
		}
		if e.At.After(last) {
			d.ok("まとめの予定は、記録ができてからまだ来ていません", "no summary was due since the ledger was made")
			return nil
		}
		break
	}
	for m, err := range v.Messages(ledger.MessageQuery{Job: "summary", States: []ledger.State{ledger.StateSent, ledger.StateWritten, ledger.StateByHand}, Newest: true, Limit: 1}) {
		if err != nil {
			return err
		}
		if !m.Date.Before(last) {
			d.ok("最後のまとめは %s に出ました", "the last summary left for %s", d.moment(m.Date))
			return nil
		}
	}
	d.add(stateWrong, d.with("%s のまとめが出ていません", "the summary due %s has not left", d.moment(last)), d.in("bod status で理由を見てください", "bod status says why"))
	return nil
}

func (d *doctor) holidays(context.Context) {
	if d.unread() {
		return
	}
	end := d.c.Days.KnownUntil()
	if end.IsZero() {
		d.ok("期限はありません", "there is no end to it")
		return
	}
	next := d.in("[calendar] の holidays_file に内閣府の新しい syukujitsu.csv を置くか、bod を新しくしてください（翌年分は毎年2月に決まります）",
		"put the Cabinet Office's new syukujitsu.csv there as holidays_file of [calendar], or upgrade bod (the next year is settled each February)")
	beyond := 0
	now := d.now()
	for _, j := range d.c.Jobs {
		for _, t := range nextDues(j, now, 3) {
			if end.Before(calendar.DateOf(t.In(d.zone))) && !j.Disabled {
				beyond++
				break
			}
		}
	}
	today := calendar.DateOf(now.In(d.zone))
	switch {
	case end.Before(today):
		d.add(stateWrong, d.with("%s で終わっています。その先は法律からの計算です", "it ended on %s; what follows is computed by the law", end), next)
	case end.Before(today.AddDays(60)):
		d.add(stateNote, d.with("%s で終わります", "it ends on %s", end), next)
	case beyond > 0:
		d.add(stateNote, d.with("%s で終わりますが、その先まで予定のある仕事が %d 件あります", "it ends on %s, but %d job(s) look beyond it", end, beyond), next)
	default:
		d.ok("%s まで決まっています", "known until %s", end)
	}
}

// hello has the daemon send one message. There is no way around the ledger even for
// it: a promise with an exception for tests would not be tested by them.
func (b *desk) hello(ctx context.Context, to string) error {
	c, err := b.rules()
	if err != nil {
		return err
	}
	p := c.People[to]
	if p == nil {
		return b.usage(calendar.Text{JA: "「" + to + "」さんは [people] に見つかりません", EN: fmt.Sprintf("couldn't find %q in [people]", to)},
			calendar.Text{JA: "[people] の名前を書いてください", EN: "write a name of [people]"})
	}
	who, err := b.who(c)
	if err != nil {
		return err
	}
	dir := b.ledgerFolder(c)
	if _, held, err := ledger.Holder(dir); err == nil && !held {
		return b.fail(nil, calendar.Text{JA: "bod が動いていないので、送れません", EN: "no bod is running, so nothing can be sent"},
			calendar.Text{JA: "bod run（サービスなら systemctl start bod）で始めてから、もう一度お願いします", EN: "start it with bod run (systemctl start bod where it is a service), then ask again"})
	}
	l, err := b.reader(ctx, dir)
	if err != nil {
		return err
	}
	defer l.Close()
	began := b.now()
	if err := b.askOf(ctx, l, dir, who, "hello", daemon.Request{To: []string{p.ID}}, "bod doctor --mail"); err != nil {
		return err
	}
	return b.follow(ctx, l, "notice/hello/"+p.ID+"/", began.Add(-time.Second), p)
}

// follow waits until a message has ended, or says how it stands.
func (b *desk) follow(ctx context.Context, l *ledger.Ledger, prefix string, from time.Time, p *config.Person) error {
	wait, cancel := context.WithTimeout(ctx, awaitFor)
	defer cancel()
	slow := time.AfterFunc(2*time.Second, func() {
		fmt.Fprintln(b.err, b.in("メールサーバーの返事を待っています…", "waiting for the mail server ..."))
	})
	defer slow.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var m ledger.Message
		var last string
		err := l.View(ctx, func(v *ledger.View) error {
			for x, err := range v.Messages(ledger.MessageQuery{KeyPrefix: prefix, SealedFrom: from, Newest: true, Limit: 1}) {
				if err != nil {
					return err
				}
				m = x
			}
			as, err := v.Attempts(m.ID)
			if len(as) > 0 {
				last = as[len(as)-1].Words
			}
			return err
		})
		if err != nil {
			return b.fail(err, calendar.Text{JA: "送ったかどうかを読めませんでした", EN: "couldn't read what became of it"}, calendar.Text{JA: "bod messages で見られます", EN: "see bod messages"})
		}
		switch m.State {
		case ledger.StateSent:
			b.say(b.in("%s へ送り、サーバーが受け取りました（%s）。届いたか見てください\n", "sent to %s and taken by the server (%s); see whether it arrived\n"), p.Mail.Mail, m.Number)
			return nil
		case ledger.StateWritten:
			b.say(b.in("お試し中なので、送らずに書き出しました（%s）\n", "on trial: written to the outbox and not sent (%s)\n"), m.Number)
			return nil
		case ledger.StateFailed, ledger.StateDeferred, ledger.StateUnknown:
			return &fault{code: exitFailed, what: fmt.Sprintf(b.in("%s は送れていません：%s", "%s has not left: %s"), m.Number, last), next: "bod show " + m.Number}
		}
		select {
		case <-wait.Done():
			return &fault{code: exitNoted, what: fmt.Sprintf(b.in("%s はまだ送られていません", "%s has not left yet"), m.Number), next: b.in("bod status で様子を見てください", "see bod status")}
		case <-tick.C:
		}
	}
}
