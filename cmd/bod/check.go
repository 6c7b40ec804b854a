package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/daemon"
	"bod/internal/jobs"
)

// problemJSON is one problem, for programs.
type problemJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Job     string `json:"job,omitempty"`
	What    string `json:"what"`
	Next    string `json:"next,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

// ruleJSON is one job as it was understood.
type ruleJSON struct {
	Job      string   `json:"job"`
	Kind     string   `json:"kind"`
	Title    string   `json:"title,omitempty"`
	When     string   `json:"when"`
	Disabled bool     `json:"disabled,omitempty"`
	Next     []string `json:"next"`
	Checks   []string `json:"checks,omitempty"`
}

func (b *desk) checkCommand() *cobra.Command {
	var brief bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: b.in("予定表に間違いがないか確かめる", "tell every problem of the rules"),
		Long: b.in(`予定表を、bod run が読むのと同じように読み、直すところをすべて行番号つきで出します。
間違いがなければ、それぞれの仕事の日取りを読み取ったとおりの文で返し、次の日付と、
送る前に確かめること（check）を添えます。何も送らず、何も書きません。直すところがあれば 78 で終わります。`,
			`Reads the rules as bod run reads them and tells every problem at once, with its line.
Where all is well each rule is said back as it was understood, with its next dates and
what is checked before anything leaves.
Nothing is sent and nothing is written. Ends with 78 where something has to be mended.`),
		Example: b.in(`  bod check
  bod check 新しい予定表.toml
  bod check --json`, `  bod check
  bod check draft.toml
  bod check --json`),
		Args: b.takes(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				b.file = args[0]
				b.lang = peek(b.file).language
			}
			return b.check(brief)
		},
	}
	b.jsonFlag(cmd)
	cmd.Flags().BoolVarP(&brief, "quiet", "q", false, b.in("直すところと注意だけを出す", "only problems and warnings"))
	return cmd
}

func (b *desk) check(brief bool) error {
	c, problems := b.load(b.file)
	if c != nil {
		// The rest of what a start could stumble over before its first effect.
		if _, err := daemon.NewCarrier(c); err != nil {
			problems = append(problems, config.Problem{File: c.Path,
				What: b.in("メールの送り方を決められませんでした：", "couldn't tell how mail is to leave: ") + err.Error(),
				Next: b.in("[mail] を直してください", "mend [mail]")})
		} else if c.Mail.Server != "" && c.Mail.User != "" && c.Mail.OAuth2 == nil {
			if _, err := c.Mail.Password(); err != nil {
				// A warning: under systemd the credential is there, at this terminal it need not be.
				problems = append(problems, config.Problem{File: c.Path, Warning: true,
					What: b.in("メールのパスワードを、ここでは読めませんでした：", "couldn't read the mail password here: ") + err.Error(),
					Next: b.in("サービスとして動かすなら systemd の資格情報 smtp-password を、そうでなければ password_file を確かめてください", "as a service: the systemd credential smtp-password; else password_file")})
			}
		}
	}
	wrong, warned := 0, 0
	for _, p := range problems {
		// A rule that doesn't fit its table is mended like any other slip, though a daemon at work would wait and go on.
		if p.Warning && !p.Table {
			warned++
		} else {
			wrong++
		}
	}
	var err error
	if wrong > 0 || c == nil {
		err = &fault{code: exitConfig,
			what: fmt.Sprintf(b.in("%s に直すところが %d か所あります", "%s has to be mended in %d place(s)"), filepath.Base(fileOf(problems, b.file)), wrong),
			next: b.in("上の行を直して、もう一度 bod check を実行してください", "mend the lines above and run bod check again")}
	}
	if b.json {
		return b.checkJSON(c, problems, err)
	}
	for _, p := range problems {
		mark := ""
		if p.Warning && !p.Table {
			mark = b.in("注意: ", "note: ")
		}
		b.say("%s%s\n", mark, p)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		b.say("\n")
	}
	if !brief {
		b.rulesBack(c)
	}
	if warned > 0 {
		b.say(b.in("%s: 仕事 %d 件、直すところはありません（注意 %d 件）\n", "%s: %d jobs, nothing to mend (%d to note)\n"), filepath.Base(b.file), len(c.Jobs), warned)
	} else {
		b.say(b.in("%s: 仕事 %d 件、直すところはありません\n", "%s: %d jobs, nothing to mend\n"), filepath.Base(b.file), len(c.Jobs))
	}
	if c.Mail.Trial() {
		b.say("%s\n", b.trialWords(c))
	}
	return nil
}

// trialWords says where mail goes while bod is being tried out.
func (b *desk) trialWords(c *config.Config) string {
	if to := c.Mail.TrialTo; to != nil && c.Mail.Server != "" {
		return fmt.Sprintf(b.in("お試し中です。すべて %s に送ります", "on trial: everything goes to %s"), to)
	}
	return fmt.Sprintf(b.in("お試し中です。送らずに %s へ書き出します", "on trial: nothing is sent, messages are written to %s"), c.Mail.Outbox)
}

// rulesBack says each rule back with its next dates.
func (b *desk) rulesBack(c *config.Config) {
	now := b.now()
	for _, j := range c.Jobs {
		b.say("%s  %s\n", j.Name, j.Title)
		if j.Disabled {
			b.say("  %s\n", b.in("休止中（enabled = false）", "resting (enabled = false)"))
		}
		b.say("  %s\n", j.When.Sentence(b.lang))
		var dates strings.Builder
		for i, t := range nextDues(j, now, 3) {
			if i > 0 {
				dates.WriteString(b.in("、", ", "))
			}
			dates.WriteString(b.moment(t))
		}
		checks := jobs.Checks(j)
		end := "\n"
		if len(checks) > 0 {
			end = ""
		}
		if dates.String() == "" {
			b.say("%s\n"+end, b.in("  この先の予定はありません。日付を書き直すまで、行われません", "  nothing ahead: it is not done again until its dates are written anew"))
		} else {
			b.say(b.in("  次は %s\n", "  next: %s\n")+end, dates.String())
		}
		b.checksBack(checks)
	}
	b.daysBack(c.Days)
}

// checksBack lists what a job is held against before anything leaves.
func (b *desk) checksBack(cs []jobs.Agreed) {
	if len(cs) == 0 {
		return
	}
	b.say("%s\n", b.in("  確かめること", "  checked"))
	for _, a := range cs {
		b.say(b.in("    ・%s\n", "    - %s\n"), a.Words(b.lang))
	}
	b.say("\n")
}

// daysBack says [calendar] back: "12/29〜1/3" may be meant otherwise than it was read. What is told is how long nobody works
// on end, weekends and holidays included, for that is what a person compares with the notice on the wall.
func (b *desk) daysBack(d *calendar.Days) {
	company := calendar.Text{JA: "休業日", EN: "a company holiday"}
	today := calendar.DateOf(b.now().In(b.zone))
	var closed, open []string
	for day, end := today, today.AddDays(365); day.Before(end); day = day.AddDays(1) {
		if w := day.Weekday(); (w == time.Saturday || w == time.Sunday) && d.IsOpen(day) {
			open = append(open, b.day(day))
		}
		first, ours := day, false
		for !d.IsOpen(day) && day.Before(end) {
			ours = ours || d.Why(day) == company
			day = day.AddDays(1)
		}
		switch last := day.AddDays(-1); {
		case first == day:
		case ours && first == last:
			closed = append(closed, b.day(first))
		case ours:
			closed = append(closed, b.day(first)+b.in("〜", " to ")+b.day(last))
		}
		if first != day {
			day = day.AddDays(-1) // the loop goes on behind the last closed day
		}
	}
	if len(closed) > 0 {
		b.say(b.in("会社の休み（つながる土日・祝日を含む、1年先まで）\n  %s\n\n", "our own holidays (with weekends and public ones beside them, for a year)\n  %s\n\n"), strings.Join(closed, b.in("、", ", ")))
	}
	if len(open) > 0 {
		b.say(b.in("土日でも開ける日\n  %s\n\n", "weekend days that are worked\n  %s\n\n"), strings.Join(open, b.in("、", ", ")))
	}
}

func (b *desk) checkJSON(c *config.Config, problems []config.Problem, err error) error {
	out := struct {
		File     string        `json:"file"`
		OK       bool          `json:"ok"`
		Problems []problemJSON `json:"problems"`
		Jobs     []ruleJSON    `json:"jobs"`
	}{File: b.file, OK: err == nil, Problems: []problemJSON{}, Jobs: []ruleJSON{}}
	for _, p := range problems {
		out.Problems = append(out.Problems, problemJSON{p.File, p.Line, p.Col, p.Job, p.What, p.Next, p.Warning && !p.Table})
	}
	if c != nil {
		out.File = c.Path
		now := b.now()
		for _, j := range c.Jobs {
			r := ruleJSON{Job: j.Name, Kind: j.Kind, Title: j.Title, When: j.When.Sentence(b.lang), Disabled: j.Disabled, Next: []string{}}
			for _, t := range nextDues(j, now, 3) {
				r.Next = append(r.Next, b.stamp(t))
			}
			for _, a := range jobs.Checks(j) {
				r.Checks = append(r.Checks, a.Words(b.lang))
			}
			out.Jobs = append(out.Jobs, r)
		}
	}
	if lerr := b.list(out); lerr != nil {
		return lerr
	}
	if err != nil {
		return &fault{code: exitConfig, what: err.Error(), told: true}
	}
	return nil
}

// nextDues are the next n moments at which a job acts.
func nextDues(j *config.Job, now time.Time, n int) []time.Time {
	var out []time.Time
	for len(out) < n {
		o, ok := j.When.Next(now)
		if !ok {
			break
		}
		out = append(out, o.Due)
		now = o.Due
	}
	return out
}
