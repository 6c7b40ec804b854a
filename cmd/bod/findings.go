package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/daemon"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// findingJSON is a finding, for programs.
type findingJSON struct {
	Number   string              `json:"number"`
	Job      string              `json:"job"`
	Row      string              `json:"row"`
	Says     string              `json:"says"`
	State    ledger.FindingState `json:"state"`
	Words    string              `json:"words"`
	Check    string              `json:"check"`
	Evidence json.RawMessage     `json:"evidence,omitempty"`
	Tell     string              `json:"tell,omitempty"`
	First    string              `json:"first"`
	Days     int                 `json:"days,omitempty"` // business days, while it is open
	Told     string              `json:"told,omitempty"`
	Times    int                 `json:"times"`
	By       string              `json:"by,omitempty"`
	User     string              `json:"user,omitempty"`
	Why      string              `json:"why,omitempty"`
	Accepted string              `json:"accepted,omitempty"`
	Until    string              `json:"until,omitempty"`
	Ended    string              `json:"ended,omitempty"`
	Changed  string              `json:"changed"`
}

func (b *desk) findingJSON(c *config.Config, v *ledger.View, f ledger.Finding) findingJSON {
	out := findingJSON{Number: f.Number, Job: f.Job, Row: f.Label, Says: f.Says, State: f.State, Words: jobs.FindingWords(f, b.lang), Check: f.Check,
		Evidence: f.Evidence, Tell: f.Tell, First: b.stamp(f.First), Told: b.stamp(f.Told), Times: f.Times, By: f.By.Name, User: f.By.User, Why: f.Why,
		Accepted: b.stamp(f.Accepted), Until: b.stamp(f.Until), Ended: f.Ended, Changed: b.stamp(f.Changed)}
	if isOpen(f) {
		out.Days = jobs.FindingAge(c, current(v, f.Job), f, b.now())
	}
	return out
}

// isOpen reports whether nobody has put a finding right or accepted it.
func isOpen(f ledger.Finding) bool {
	return slices.Contains(jobs.OpenFindings, f.State)
}

func (b *desk) findingsCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "findings [JOB]",
		Short: b.in("表の点検で見つかったことの一覧", "what the checks of tables found"),
		Long: b.in(`表の点検（kind = "watch"）で見つかり、まだ直っていないことを、古いものから出します。
--all を付けると、「このままでよい」としたものと、解決したものも出ます。1件の詳しいことは
bod show F2611-0003 のように、そのままでよいときは bod accept で伝えます。`,
			`Lists what watches found and nobody has put right, oldest first; with --all also what was
accepted as it is and what is resolved. bod show F2611-0003 tells all about one; bod accept
says that it may stay as it is.`),
		Example: `  bod findings
  bod findings open-orders --all`,
		Args:              b.takes(0, 1),
		ValidArgsFunction: b.completeJobs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			job := ""
			if len(args) > 0 {
				job = args[0]
			}
			return b.findings(cmd.Context(), job, all)
		},
	}
	b.jsonFlag(cmd)
	cmd.Flags().BoolVarP(&all, "all", "a", false, b.in("「このままでよい」と解決したものも出す", "also what was accepted, and what is resolved"))
	return cmd
}

func (b *desk) findings(ctx context.Context, job string, all bool) error {
	return b.view(ctx, func(c *config.Config, _ string, v *ledger.View) error {
		var q ledger.FindingQuery
		var err error
		if q.Job, err = b.known(v, job); err != nil {
			return err
		}
		if !all {
			q.States = jobs.OpenFindings
		}
		var fs []ledger.Finding
		for f, err := range v.Findings(q) {
			if err != nil {
				return err
			}
			fs = append(fs, f)
		}
		if b.json {
			out := make([]findingJSON, 0, len(fs))
			for _, f := range fs {
				out = append(out, b.findingJSON(c, v, f))
			}
			return b.list(struct {
				Findings []findingJSON `json:"findings"`
			}{out})
		}
		if len(fs) == 0 {
			if all {
				b.say("%s\n", b.in("見つかったことはありません", "nothing was found"))
			} else {
				b.say("%s\n", b.in("直っていないことはありません", "nothing stands open"))
			}
			return nil
		}
		last := ""
		for _, f := range fs {
			if f.Job != last {
				if last != "" {
					b.say("\n")
				}
				last = f.Job
				b.say("%s\n", b.jobTitle(c, v, f.Job))
			}
			b.findingLine(c, v, f)
		}
		return nil
	})
}

// jobTitle is a job with the name that the office gave it.
func (b *desk) jobTitle(c *config.Config, v *ledger.View, identity string) string {
	name := current(v, identity)
	if c != nil {
		if j := c.Job(name); j != nil && j.Title != "" {
			return fmt.Sprintf(b.in("%s（%s）", "%s (%s)"), clean(j.Title), name)
		}
	}
	return name
}

// findingLine is one finding in two or three lines.
func (b *desk) findingLine(c *config.Config, v *ledger.View, f ledger.Finding) {
	columns(b.out, "  ", [][]string{{f.Number, clean(f.Label), b.findingStands(c, v, f)}})
	for _, line := range wrap(clean(f.Says), 70) {
		b.say("              %s\n", line)
	}
	if f.State == ledger.FindingAccepted {
		for _, line := range wrap(b.acceptedWords(f), 70) {
			b.say("              %s\n", line)
		}
	}
}

// findingStands says how a finding stands, whom it concerns and for how long.
func (b *desk) findingStands(c *config.Config, v *ledger.View, f ledger.Finding) string {
	words := jobs.FindingWords(f, b.lang)
	if !isOpen(f) {
		return words
	}
	if f.Tell != "" {
		words += b.in("　", "  ") + b.in("→ ", "-> ") + clean(f.Tell)
	}
	if n := jobs.FindingAge(c, current(v, f.Job), f, b.now()); n > 1 {
		words += fmt.Sprintf(b.in("　%d日目", ", day %d"), n)
	}
	return words
}

// acceptedWords says who accepted a finding, why, and until when.
func (b *desk) acceptedWords(f ledger.Finding) string {
	until := ""
	if !f.Until.IsZero() {
		until = fmt.Sprintf(b.in("、%sまで", ", until %s"), b.lastDay(f.Until))
	}
	return fmt.Sprintf(b.in("%s（%s %s%s）", "%s (%s, %s%s)"), clean(f.Why), clean(f.By.Name), b.moment(f.Accepted), until)
}

// lastDay is the last day of what ends at a moment.
func (b *desk) lastDay(end time.Time) string { return b.day(calendar.DateOf(end.Add(-1).In(b.zone))) }

var findingNumber = regexp.MustCompile(`^[Ff]\d{4}-\d{4,}$`)

func (b *desk) acceptCommand() *cobra.Command {
	var why, until string
	var back bool
	cmd := &cobra.Command{
		Use:   "accept FINDING... WHY",
		Short: b.in("点検で見つかったことを、このままでよいとする", "say that what a check found may stay as it is"),
		Long: b.in(`表の点検で見つかったこと（F から始まる番号、いくつでも）を「このままでよい」とします。行の
中身が変わるか、--until の日を過ぎるまで、もうお知らせしません。理由は、同じことが次に見つかった
ときに「前はこう決めました」として添えます。メールの番号を書くと、そのメールで知らせたことすべてに
なります。取り消すときは --take-back です。`,
			`Says that what a check found (F..., as many as you like) may stay as it is. It is not told
again until the row's value changes or the day of --until is over. The reason is shown when
the same is found the next time. A message's number means all that the message told.
--take-back takes it back.`),
		Example: b.in(`  bod accept F2611-0003 "先方と12月納品で合意済み" --until 2026-12-25 --by sato
  bod accept F2611-0003 F2611-0005 --why "分納のため" --by sato
  bod accept F2611-0003 --take-back "合意がなくなった" --by sato`,
			`  bod accept F2611-0003 "they agreed to December" --until 2026-12-25 --by sato
  bod accept F2611-0003 F2611-0005 --why "delivered in parts" --by sato
  bod accept F2611-0003 --take-back "that is off again" --by sato`),
		Args:              b.takes(1, -1),
		ValidArgsFunction: b.completeFindings,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n := 0
		for n < len(args) && (findingNumber.MatchString(args[n]) || messageNumber.MatchString(args[n])) {
			n++
		}
		if n == 0 {
			return b.usage(calendar.Text{JA: fmt.Sprintf("「%s」は、見つかったことの番号ではありません", args[0]), EN: fmt.Sprintf("%q is no number of a finding", args[0])},
				calendar.Text{JA: "番号（F2611-0003 など）は bod findings で見られます", EN: "bod findings lists the numbers (F2611-0003)"})
		}
		reason, err := b.reason(cmd, why, args[n:], true)
		if err != nil {
			return err
		}
		var req daemon.Request
		verb := "accept"
		switch {
		case back && until != "":
			return b.usage(calendar.Text{JA: "--until は --take-back と一緒には使えません", EN: "--until does not go with --take-back"}, calendar.Text{})
		case back:
			verb = "take-back"
		case until != "":
			b.place() // the rules say in which zone, and in which language
			day, p := calendar.ParseDate(until)
			if p != nil {
				return b.usage(calendar.Text{JA: fmt.Sprintf("「%s」は日付として読めません", until), EN: fmt.Sprintf("couldn't read %q as a date", until)},
					calendar.Text{JA: "2026-12-25 のように書いてください", EN: "write it like 2026-12-25"})
			}
			req.Until = day.AddDays(1).At(calendar.Clock{}, b.zone) // that day is the last one
		}
		err = b.view(cmd.Context(), func(_ *config.Config, _ string, v *ledger.View) error {
			for _, id := range args[:n] {
				if findingNumber.MatchString(id) {
					req.Findings = append(req.Findings, strings.ToUpper(id))
					continue
				}
				told, err := b.toldBy(v, id, back)
				if err != nil {
					return err
				}
				req.Findings = append(req.Findings, told...)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return b.ask(cmd.Context(), verb, req, reason)
	}
	f := cmd.Flags()
	f.StringVar(&until, "until", "", b.in("この日まで `DATE`（2026-12-25 など）", "until this day: `DATE`, such as 2026-12-25"))
	f.BoolVar(&back, "take-back", false, b.in("「このままでよい」を取り消す", "take it back"))
	b.whyFlag(cmd, &why)
	return cmd
}

// toldBy are the numbers of what a message tells, as far as it is open (or, to take it back, was accepted).
func (b *desk) toldBy(v *ledger.View, message string, accepted bool) ([]string, error) {
	m, err := v.MessageByNumber(message)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, &fault{code: exitUsage, what: fmt.Sprintf(b.in("「%s」は記録に見つかりません", "couldn't find %q in the ledger"), message),
			next: b.in("番号は bod findings で見られます", "bod findings lists the numbers")}
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for f, err := range v.Findings(ledger.FindingQuery{Message: m.ID}) {
		if err != nil {
			return nil, err
		}
		if f.State == ledger.FindingAccepted && accepted || isOpen(f) && !accepted {
			out = append(out, f.Number)
		}
	}
	if len(out) == 0 {
		return nil, &fault{code: exitFailed, what: fmt.Sprintf(b.in("メール %s で知らせたことのうち、そうできるものはありません", "nothing that message %s told is left for that"), m.Number),
			next: "bod show " + m.Number}
	}
	return out, nil
}

// showFinding tells all about one finding.
func (b *desk) showFinding(c *config.Config, v *ledger.View, f ledger.Finding) error {
	events, err := v.EventsOf("finding", strconv.FormatInt(f.ID, 10))
	if err != nil {
		return err
	}
	var told []ledger.Message
	for _, e := range events {
		var change struct {
			Message int64 `json:"message"`
		}
		if err := json.Unmarshal(e.Change, &change); err != nil || change.Message == 0 {
			continue
		}
		m, err := v.Message(change.Message)
		if err != nil {
			return err
		}
		told = append(told, m)
	}
	if f.Pending != 0 {
		m, err := v.Message(f.Pending)
		if err != nil {
			return err
		}
		told = append(told, m)
	}
	if b.json {
		out := struct {
			Finding  findingJSON   `json:"finding"`
			Messages []messageJSON `json:"messages"`
			Events   []eventJSON   `json:"events"`
		}{b.findingJSON(c, v, f), []messageJSON{}, b.events(events)}
		for _, m := range told {
			out.Messages = append(out.Messages, b.messageJSON(m))
		}
		return b.list(out)
	}
	b.say("%s　%s\n", f.Number, clean(f.Label))
	rows := [][]string{
		{b.in("状態", "State"), b.findingStands(c, v, f)},
		{b.in("仕事", "Job"), b.jobTitle(c, v, f.Job)},
		{b.in("内容", "Found"), clean(f.Says)},
		{b.in("規則", "Rule"), clean(f.Check)},
		{b.in("はじめて", "First seen"), b.moment(f.First)},
	}
	var figures []jobs.Figure
	if err := json.Unmarshal(f.Evidence, &figures); err == nil {
		for _, x := range figures {
			rows = append(rows, []string{b.in("値", "Value"), clean(x.Label + " = " + x.Value)})
		}
	}
	if f.Times > 0 {
		rows = append(rows, []string{b.in("お知らせ", "Told"), fmt.Sprintf(b.in("%d回（最後は %s）", "%d times, last %s"), f.Times, b.moment(f.Told))})
	}
	if f.State == ledger.FindingResolved {
		how := b.in("直りました", "put right")
		if f.Ended == ledger.EndedGone {
			how = b.in("行か確認がなくなりました", "the row or the check is gone")
		}
		rows = append(rows, []string{b.in("解決", "Resolved"), fmt.Sprintf(b.in("%s（%s）", "%s (%s)"), b.moment(f.Changed), how)})
	}
	switch {
	case !f.Accepted.IsZero():
		rows = append(rows, []string{b.in("このままでよい", "Accepted"), b.acceptedWords(f)})
	case f.By.Name != "":
		rows = append(rows, []string{b.in("取り消し", "Taken back"), fmt.Sprintf(b.in("%s（%s）", "%s (%s)"), clean(f.Why), clean(f.By.Name))})
	}
	columns(b.out, "  ", rows)
	if len(told) > 0 {
		b.section("知らせたメール", "Told by")
		for _, m := range told {
			b.messageLine(m)
		}
	}
	b.printEvents(events, ledger.Message{})
	if who := b.owners(c, v, f.Job); isOpen(f) {
		b.say("\n→ %s%s\n", b.purpose("bod accept"), b.typed("accept "+f.Number, who))
	}
	return nil
}

// printFindings lists findings below a heading.
func (b *desk) printFindings(ja, en string, c *config.Config, v *ledger.View, q ledger.FindingQuery) error {
	first := true
	for f, err := range v.Findings(q) {
		if err != nil {
			return err
		}
		if first {
			b.section(ja, en)
			first = false
		}
		b.findingLine(c, v, f)
	}
	return nil
}
