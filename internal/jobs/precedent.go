package jobs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// question is what somebody has to decide, as far as it can come up again: the job, what it is about, why, and for whom.
type question struct {
	job   string // its identity
	what  string
	codes []string // of the reasons, or of the checks; none: what says all
	parts []string // for whom; none: the run as a whole
	run   int64    // in which it is asked: what was decided there is no precedent but for another letter
}

// Precedent is how the same question was settled last, with the reason that was given then.
type Precedent struct {
	At    time.Time
	By    ledger.Who
	Verb  string
	Sent  bool // of settle: it had arrived
	Why   string
	Part  string // the addressee then, where it was not about all that is asked about now
	Words string // for people
}

// mostDecided bounds how far back a precedent is looked for: the decisions of about a year.
const mostDecided = 1000

// precedent finds how a question was settled last: for the same row or addressee where it was, else in the same job.
func precedent(c *config.Config, v *ledger.View, q question, now time.Time) (found Precedent, ok bool, err error) {
	if v == nil || q.job == "" {
		return found, false, nil
	}
	n := 0
	for in, err := range v.Decided(now) {
		if err != nil {
			return found, ok, err
		}
		if n++; n > mostDecided {
			break
		}
		job, run, ms, err := v.Asked(in)
		if err != nil {
			return found, ok, err
		}
		if job != q.job {
			continue
		}
		p, same, is, err := q.settled(c, v, in, run, ms)
		if err != nil {
			return found, ok, err
		}
		if is && (!ok || same) {
			found, ok = p, true
			found.Words = found.words(c, now)
		}
		if ok && (same && is || len(q.parts) == 0) {
			break
		}
	}
	return found, ok, nil
}

// settled reports whether a person's word answered this question, and whether for the same row or addressee.
func (q question) settled(c *config.Config, v *ledger.View, in ledger.Intent, run int64, ids []int64) (p Precedent, same, is bool, err error) {
	p = Precedent{At: in.Done, By: in.Who, Verb: in.Verb, Why: clean(in.Why), Sent: settledSent(in)}
	var of []ledger.Message
	for _, id := range ids {
		m, err := v.Message(id)
		if err != nil {
			return p, false, false, err
		}
		of = append(of, m)
	}
	switch {
	case q.what == whatConfirm:
		// A yes with a reason, or a no to what was asked about.
		of = slices.DeleteFunc(of, func(m ledger.Message) bool {
			return m.ConfirmCount == 0 || in.Verb != "confirm" && !slices.Contains(m.ConfirmBy, in.Who.Name)
		})
		is = len(of) > 0 && slices.Contains([]string{"confirm", "reject", "hold"}, in.Verb)
	case in.Verb == "hold" || in.Verb == "confirm":
		return p, false, false, nil
	default:
		ended, err := v.Ended(in)
		if err != nil {
			return p, false, false, err
		}
		results, err := CheckedIn(v, run)
		if err != nil {
			return p, false, false, err
		}
		var about []ledger.Message
		for _, s := range ended {
			if s.Was != q.was() {
				continue
			}
			if s.Thing == ledger.SpellRun {
				if hit := meets(q.codes, codesOf(s.Reasons)); hit {
					is = true
				}
				continue
			}
			if i := slices.IndexFunc(of, func(m ledger.Message) bool { return m.ID == s.Message }); i >= 0 {
				if s.Was == string(ledger.Check) && !meets(q.codes, checkCodes(results, of[i])) {
					continue
				}
				is, about = true, append(about, of[i])
			}
		}
		of = about
	}
	if !is || len(of) == 0 {
		return p, false, is && run != q.run, nil
	}
	all := true // whom it is asked about now; what was said of one of them says nothing of the others
	for _, part := range q.parts {
		has := slices.ContainsFunc(of, func(m ledger.Message) bool { return m.Part == part })
		same, all = same || has, all && has
	}
	if !same || !all {
		p.Part = of[0].Addressee
		if n := len(of); n > 1 {
			p.Part = calendar.Text{JA: fmt.Sprintf("%sなど%d通", p.Part, n), EN: fmt.Sprintf("%s and %d more", p.Part, n-1)}.In(c.Language)
		}
	}
	return p, same, true, nil
}

// was is what the log calls it.
func (q question) was() string {
	if q.what == whatBroken {
		return string(ledger.RunFailed)
	}
	return q.what
}

// meets reports whether two questions have a reason in common; where one of them has none, what they are about says all.
func meets(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

func codesOf(rs []ledger.Reason) []string {
	var out []string
	for _, r := range lasting(rs) {
		if !slices.Contains(out, r.Code) {
			out = append(out, r.Code)
		}
	}
	return out
}

// checkCodes are the checks that hold a message.
func checkCodes(all Results, m ledger.Message) []string {
	var out []string
	for _, r := range all.Of(m.Part, m.Inputs) {
		if r.Then == thenHold && !slices.Contains(out, r.Check) {
			out = append(out, r.Check)
		}
	}
	return out
}

// settledSent reports whether a settle said that it had arrived.
func settledSent(in ledger.Intent) bool { return strings.Contains(string(in.Args), `"result":"sent"`) }

// verbWords are what a decision came to, after its reason: 「…」として送付.
var verbWords = map[string]calendar.Text{
	"confirm": {JA: "確認", EN: "confirmed"},
	"hold":    {JA: "保留", EN: "held"},
	"release": {JA: "送付", EN: "sent as it was"},
	"reject":  {JA: "取りやめ", EN: "called off"},
	"skip":    {JA: "見送り", EN: "left out"},
	"do":      {JA: "あとから実施", EN: "done later"},
	"settle":  {JA: "届いていないと判断", EN: "taken not to have arrived"},
	"resend":  {JA: "送り直し", EN: "sent again"},
	"retry":   {JA: "再実行", EN: "tried again"},
	"by-hand": {JA: "別の方法で送付", EN: "brought another way"},
}

// verb says what was decided.
func verbOf(verb string, sent bool, l calendar.Language) string {
	if verb == "settle" && sent {
		return calendar.Text{JA: "届いていたと判断", EN: "taken to have arrived"}.In(l)
	}
	return verbWords[verb].In(l)
}

// words is the precedent in one line: 前回（10月25日）：田中部長「金額は契約変更によるもの」として送付.
func (p Precedent) words(c *config.Config, now time.Time) string {
	l := c.Language
	who := clean(p.By.Name)
	if x := c.People[p.By.Name]; x != nil {
		who = colleague(x, l)
	}
	at := p.At.In(c.Zone)
	day := calendar.Text{JA: fmt.Sprintf("%d月%d日", at.Month(), at.Day()), EN: calendar.DateOf(at).Short(l)}.In(l)
	if at.Year() != now.In(c.Zone).Year() {
		day = calendar.Text{JA: fmt.Sprintf("%d年%s", at.Year(), day), EN: fmt.Sprintf("%s %d", day, at.Year())}.In(l)
	}
	if p.Part != "" {
		day += calendar.Text{JA: "、", EN: ", "}.In(l) + clean(p.Part)
	}
	return calendar.Text{JA: fmt.Sprintf("前回（%s）：%s「%s」として%s", day, who, p.Why, verbOf(p.Verb, p.Sent, l)),
		EN: fmt.Sprintf("Last time (%s): %s, %s: \"%s\"", day, verbOf(p.Verb, p.Sent, l), who, p.Why)}.In(l)
}

// question is what a matter asks of a person; ok is false where no answer of before could help.
func (m matter) question(v *ledger.View) (q question, ok bool, err error) {
	if m.what == whatPaused || m.summary || m.run.ID == 0 {
		return q, false, nil
	}
	q = question{job: m.run.Job, what: m.what, run: m.run.ID}
	var results Results
	if m.what == whatCheck {
		if results, err = CheckedIn(v, m.run.ID); err != nil {
			return q, false, err
		}
	}
	for _, x := range m.messages {
		q.parts = append(q.parts, x.Part)
		q.codes = append(q.codes, checkCodes(results, x)...)
	}
	if len(m.messages) == 0 {
		q.codes = codesOf(m.run.Reasons)
	}
	return q, true, nil
}

// precedent is how the matter's question was settled last, in words; "" where it never was, or can't be read: a notice
// goes out all the same.
func (m matter) precedent(c *config.Config, v *ledger.View, now time.Time) string {
	words, err := precedentWords(c, v, m, now)
	if err != nil {
		return ""
	}
	return words
}

// PrecedentOf says how what a message waits for was settled last; "" where it never was.
func PrecedentOf(c *config.Config, v *ledger.View, x ledger.Message, now time.Time) (string, error) {
	if c == nil || x.Run == 0 || x.Class != ledger.ClassLetter {
		return "", nil
	}
	what, _, held := heldFor(x)
	switch {
	case x.State == ledger.StateUnknown:
		what = whatUnknown
	case x.State == ledger.StateFailed:
		what = whatFailed
	case held:
	case x.State == ledger.StateHeld && len(x.Confirmed) < x.ConfirmCount:
		what = whatConfirm
	default:
		return "", nil
	}
	r, err := v.Run(x.Run)
	if err != nil {
		return "", err
	}
	return precedentWords(c, v, matter{what: what, run: r, messages: []ledger.Message{x}, config: c}, now)
}

// PrecedentOfRun says the same of a run that waits, failed or was missed.
func PrecedentOfRun(c *config.Config, v *ledger.View, r ledger.Run, now time.Time) (string, error) {
	what, ok := map[ledger.RunState]string{ledger.RunWaiting: whatWaiting, ledger.RunFailed: whatBroken, ledger.RunMissed: whatMissed}[r.State]
	if c == nil || !ok {
		return "", nil
	}
	return precedentWords(c, v, matter{what: what, run: r, config: c}, now)
}

func precedentWords(c *config.Config, v *ledger.View, m matter, now time.Time) (string, error) {
	q, ok, err := m.question(v)
	if !ok || err != nil {
		return "", err
	}
	p, _, err := precedent(c, v, q, now)
	return p.Words, err
}
