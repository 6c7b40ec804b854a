package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/config"
	"bod/internal/daemon"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// need is one thing that waits for a person.
type need struct {
	ID    string `json:"id"`
	What  string `json:"what"`
	State string `json:"state"`
	For   string `json:"for,omitempty"` // the addressee
	Who   string `json:"who,omitempty"` // who has to do it
	Due   string `json:"due,omitempty"`
	Why   string `json:"why,omitempty"`
	Next  string `json:"next,omitempty"` // the command that goes on, or what to do in words
	Or    string `json:"or,omitempty"`   // the other command, where there are two ends
	Since string `json:"since,omitempty"`
	Last  string `json:"last,omitempty"` // how the same was settled last
	due   time.Time
}

// openJSON is how many messages there are of one word.
type openJSON struct {
	Words    string `json:"words"`
	Messages int    `json:"messages"`
}

// standing is what bod status tells.
type standing struct {
	At      string          `json:"at"`
	State   string          `json:"ledger"`
	Trial   bool            `json:"trial"`
	Running bool            `json:"running"`
	PID     int             `json:"pid,omitempty"`
	Paused  []flagJSON      `json:"paused"`
	Needs   []need          `json:"needs"`
	Noted   []intentJSON    `json:"noted"`
	Open    []openJSON      `json:"open"` // messages that have not ended
	Next    []upcoming      `json:"next"`
	Found   []findingJSON   `json:"findings"` // by checks of tables, and not put right
	rows    []ledger.Intent // Noted with their moments
}

type flagJSON struct {
	Name  string `json:"name"`
	Text  string `json:"text"`
	Since string `json:"since"`
	Probe string `json:"probe,omitempty"`
}

type intentJSON struct {
	ID    int64  `json:"id"`
	Verb  string `json:"verb"`
	About string `json:"about,omitempty"` // which job, run or message
	By    string `json:"by"`
	At    string `json:"at"`
	Why   string `json:"why,omitempty"`
}

// asked is what a request is about, as it was typed.
func asked(in ledger.Intent) string {
	var r daemon.Request
	if err := json.Unmarshal(in.Args, &r); err != nil {
		return "" // of another version: verb and reason are told all the same
	}
	if r.Period != "" {
		r.Period = "--period " + r.Period
	}
	words := slices.Concat([]string{r.Job, r.Period, r.Run, r.Message}, r.Findings)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

type upcoming struct {
	Due   string `json:"due"`
	Job   string `json:"job"`
	Title string `json:"title,omitempty"`
	State string `json:"state,omitempty"` // of its run, where it is prepared already
	at    time.Time
}

func (b *desk) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: b.in("いま、人の手が要ることを見る", "what needs a person, and how bod is"),
		Long: b.in(`人の手が要ることを先に、それから bod が動いているか、送信が止まっていないか、送信を待つ
もの、次の予定を出します。届いたか分からない「本日のまとめ」があれば、それが一番上です。`,
			`What needs a person comes first; a summary whose fate is unknown before everything else.
Then whether bod is running, whether sending is paused, what is on its way, what is next.`),
		Example: "  bod status\n  bod status --json",
		Args:    b.takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return b.status(cmd.Context()) },
	}
	b.jsonFlag(cmd)
	return cmd
}

func (b *desk) status(ctx context.Context) error {
	dir, c := b.place()
	l, err := b.reader(ctx, dir)
	if err != nil {
		return err
	}
	defer l.Close()
	s := standing{At: b.stamp(b.now()), State: dir, Trial: l.Trial(), Paused: []flagJSON{}, Needs: []need{}, Noted: []intentJSON{}, Open: []openJSON{}, Next: []upcoming{}, Found: []findingJSON{}}
	if pid, held, err := ledger.Holder(dir); err == nil {
		s.Running, s.PID = held, pid
	}
	err = l.View(ctx, func(v *ledger.View) error { return b.look(&s, c, v) })
	if err != nil {
		return err
	}
	if b.json {
		return b.list(s)
	}
	b.printStatus(s)
	return nil
}

// look gathers what status tells from one snapshot.
func (b *desk) look(s *standing, c *config.Config, v *ledger.View) error {
	flags, err := v.Flags()
	if err != nil {
		return err
	}
	for _, f := range flags {
		s.Paused = append(s.Paused, flagJSON{f.Name, f.Text, b.stamp(f.Since), b.stamp(f.Probe)})
	}
	if s.rows, err = v.Intents(); err != nil {
		return err
	}
	for _, in := range s.rows {
		s.Noted = append(s.Noted, intentJSON{in.ID, in.Verb, asked(in), in.Who.Name, b.stamp(in.At), in.Why})
	}
	var first, later []need
	open := []ledger.State{ledger.StateUnknown, ledger.StateFailed, ledger.StateHeld, ledger.StateDeferred, ledger.StateSending, ledger.StateClaimed, ledger.StateQueued}
	for m, err := range v.Messages(ledger.MessageQuery{States: open}) {
		if err != nil {
			return err
		}
		words := jobs.MessageWords(m, b.lang)
		i := slices.IndexFunc(s.Open, func(o openJSON) bool { return o.Words == words })
		if i < 0 {
			i, s.Open = len(s.Open), append(s.Open, openJSON{Words: words})
		}
		s.Open[i].Messages++
		n, ok, err := b.needs(c, v, m)
		if err == nil && ok {
			n.Last, err = jobs.PrecedentOf(c, v, m, b.now())
		}
		switch {
		case err != nil:
			return err
		case ok && m.Class == ledger.ClassSummary && m.State == ledger.StateUnknown:
			first = append(first, n)
		case ok:
			later = append(later, n)
		}
	}
	s.Needs = append(first, later...)
	for r, err := range v.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunWaiting, ledger.RunFailed}}) {
		if err != nil {
			return err
		}
		if r.State == ledger.RunWaiting && len(r.Reasons) > 0 && !slices.ContainsFunc(r.Reasons, func(x ledger.Reason) bool { return !jobs.NeedsNobody(x) }) {
			continue
		}
		n := b.runNeeds(c, v, r)
		if n.Last, err = jobs.PrecedentOfRun(c, v, r, b.now()); err != nil {
			return err
		}
		s.Needs = append(s.Needs, n)
	}
	for r, err := range v.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunMissed}, ChangedFrom: b.daysAgo(3)}) {
		if err != nil {
			return err
		}
		n := b.runNeeds(c, v, r)
		if n.Last, err = jobs.PrecedentOfRun(c, v, r, b.now()); err != nil {
			return err
		}
		s.Needs = append(s.Needs, n)
	}
	s.Needs = append([]need{}, s.Needs...)
	for f, err := range v.Findings(ledger.FindingQuery{States: jobs.OpenFindings}) {
		if err != nil {
			return err
		}
		s.Found = append(s.Found, b.findingJSON(c, v, f))
	}
	if c != nil {
		return b.upcoming(s, c, v)
	}
	return nil
}

// needs tells what a person has to do about a message that is not at its end.
func (b *desk) needs(c *config.Config, v *ledger.View, m ledger.Message) (need, bool, error) {
	who := b.owners(c, v, m.Job)
	n := need{ID: m.Number, What: m.Subject, State: jobs.MessageWords(m, b.lang), For: m.Addressee, Who: b.people(c, who),
		Due: b.stamp(m.NotBefore), Since: b.stamp(m.Sealed), due: m.NotBefore}
	switch m.State {
	case ledger.StateUnknown:
		n.Next, n.Or = b.typed("settle "+m.Number+" sent", who), b.typed("resend "+m.Number, who)
		if m.Class != ledger.ClassLetter {
			n.Or = b.typed("settle "+m.Number+" not-sent", who) // what may have reached many readers is never sent again
		}
		if m.Class == ledger.ClassSummary {
			n.Why = b.in("「本日のまとめ」が届いたか分かりません。送り直しはしません", "nobody knows whether this summary arrived; it is not sent again")
		}
		for _, d := range m.Deliveries {
			if c == nil {
				break
			}
			switch at, _, again, err := jobs.Resend(c, v, m, d); {
			case err != nil:
				return need{}, false, err
			case again:
				n.Why = fmt.Sprintf(b.in("%s に、決めたとおり自動で送り直します", "it is sent again by its rule at %s"), b.moment(at))
			}
		}
	case ledger.StateFailed:
		// A failed message with a successor is history.
		newest, err := v.MessageByKey(m.Key)
		if err != nil || newest.ID != m.ID {
			return need{}, false, err
		}
		n.Next, n.Or = b.typed("retry "+m.Number, who), b.typed("by-hand "+m.Number, who)
	case ledger.StateHeld:
		h, ok := gravest(m.Holds)
		if !ok {
			return need{}, false, nil
		}
		n.Why = nonEmptyOr(h.Text, b.holdWords(h.Reason))
		n.Next, n.Or = b.typed("release "+m.Number, who), b.typed("reject "+m.Number, who)
		switch {
		case h.Reason == ledger.Person && len(m.Refused) > 0: // nobody lifts a no for those who said it
			n.Next = "bod confirm " + m.Number + byOne(m.Refused)
		case h.Reason == ledger.Confirmation:
			r, err := v.Run(m.Run)
			if err != nil {
				return need{}, false, err
			}
			who := slices.DeleteFunc(slices.Clone(m.ConfirmBy), func(p string) bool { return slices.Contains(m.Confirmed, p) })
			n.Who, n.Next, n.Or = b.people(c, who), "bod confirm "+r.Number+byOne(who), ""
		}
		return n, true, nil
	default:
		return need{}, false, nil
	}
	for _, d := range m.Deliveries {
		if d.State == m.State && d.Words != "" {
			n.Why = nonEmptyOr(n.Why, d.Mail+": "+d.Words)
			break
		}
	}
	return n, true, nil
}

// gravest is the reason to hold that a person has to see first, in the order in
// which the words for the state are chosen. That a message is not yet due needs nobody.
func gravest(hs []ledger.Hold) (ledger.Hold, bool) {
	for _, r := range []ledger.HoldReason{ledger.Check, ledger.Person, ledger.Gone, ledger.Restored, ledger.Late, ledger.Confirmation} {
		if i := slices.IndexFunc(hs, func(h ledger.Hold) bool { return h.Reason == r }); i >= 0 {
			return hs[i], true
		}
	}
	return ledger.Hold{}, false
}

// typed is a command as it is typed, with the place of its reason and, where it is one person's, who says it.
func (b *desk) typed(command string, who []string) string {
	return "bod " + command + b.in(` "理由"`, ` "why"`) + byOne(who)
}

// byOne is --by where there is no doubt who.
func byOne(who []string) string {
	if len(who) != 1 {
		return ""
	}
	return " --by " + who[0]
}

// owners are the people who answer for a job, by the rules of now; a notice has none.
func (b *desk) owners(c *config.Config, v *ledger.View, identity string) []string {
	if c == nil || identity == "" {
		return nil
	}
	j := c.Job(current(v, identity))
	if j == nil {
		return nil
	}
	var ids []string
	for _, p := range j.Owners(c) {
		ids = append(ids, p.ID)
	}
	return ids
}

// people says people's names as an office does.
func (b *desk) people(c *config.Config, ids []string) string {
	var names []string
	for _, id := range ids {
		if c != nil && c.People[id] != nil {
			names = append(names, colleague(c.People[id], b.lang))
		} else {
			names = append(names, id)
		}
	}
	return strings.Join(names, b.in("、", ", "))
}

func (b *desk) runNeeds(c *config.Config, v *ledger.View, r ledger.Run) need {
	who := b.owners(c, v, r.Job)
	n := need{ID: r.Number, What: current(v, r.Job) + "/" + r.Period, State: jobs.RunWords(r, b.lang), Who: b.people(c, who), Due: b.stamp(r.Due), Since: b.stamp(r.Changed), due: r.Due}
	if len(r.Reasons) > 0 {
		// Why a person began it stands first; what is missing is what somebody has to do something about.
		why := r.Reasons[max(0, slices.IndexFunc(r.Reasons, func(x ledger.Reason) bool { return x.Next != "" }))]
		n.Why, n.Next = why.Text, why.Next
	}
	if n.Next == "" {
		switch r.State {
		case ledger.RunFailed:
			n.Next = b.typed("retry "+r.Number, who)
		case ledger.RunMissed:
			n.Next = "bod do " + current(v, r.Job) + " --period " + r.Period + byOne(who)
		}
	}
	if r.State == ledger.RunWaiting {
		n.Or = b.typed("skip "+current(v, r.Job)+" --period "+r.Period, who)
	}
	if c != nil {
		// The name that the office gave it says more than its key, which the commands beside it have.
		var m moment
		if b.name(c, v, &m, r); c.Job(m.job) != nil {
			n.What = m.title
		}
	}
	return n
}

// upcoming are the next occurrences, with how far they are prepared.
func (b *desk) upcoming(s *standing, c *config.Config, v *ledger.View) error {
	const shown = 6
	now := b.now()
	for _, j := range c.Jobs {
		if j.Disabled {
			continue
		}
		o, ok := j.When.Next(now)
		if !ok {
			continue
		}
		u := upcoming{Due: b.stamp(o.Due), Job: j.Name, Title: j.Title, at: o.Due}
		if known, err := v.Job(j.Name); err == nil {
			if r, err := v.RunOf(known.Name, o.Period); err == nil {
				ms, err := messagesOf(v, r.ID)
				if err != nil {
					return err
				}
				u.State = jobs.RunWordsWith(r, ms, b.lang)
			}
		}
		s.Next = append(s.Next, u)
	}
	// What is due together stands as in the file, for that is the order of c.Jobs.
	slices.SortStableFunc(s.Next, func(x, y upcoming) int { return x.at.Compare(y.at) })
	s.Next = s.Next[:min(shown, len(s.Next))]
	return nil
}

// purpose says what a command is for, before it; words say so themselves.
func (b *desk) purpose(next string) string {
	verb, ok := strings.CutPrefix(next, "bod ")
	if !ok {
		return ""
	}
	verb, rest, _ := strings.Cut(verb, " ")
	if verb == "settle" && strings.Contains(rest, " not-sent") {
		return b.in("届いていない：", "it did not arrive: ")
	}
	for _, w := range [][3]string{
		{"confirm", "確認する", "confirm it"}, {"release", "このまま送る", "send it as it is"}, {"reject", "取りやめる", "call it off"},
		{"settle", "届いていた", "it arrived"}, {"resend", "届いていない（送り直す）", "it did not (send it again)"},
		{"retry", "もう一度試す", "try it again"}, {"by-hand", "別の方法で済んだ", "it was brought another way"},
		{"accept", "このままでよい", "it may stay as it is"},
		{"do", "いまから行う", "do it now"}, {"skip", "今回は見送る", "leave it out this time"},
	} {
		if w[0] == verb {
			return b.in(w[1]+"：", w[2]+": ")
		}
	}
	return ""
}

func (b *desk) printStatus(s standing) {
	paused := slices.ContainsFunc(s.Paused, func(f flagJSON) bool { return f.Name == "restored" || f.Name == "clock" })
	switch {
	case len(s.Needs) == 0 && paused:
		// What stands below needs a person: no word here may deny it.
		b.say("%s\n", b.in("■ 要対応　下の「止まっています」を見てください", "Needs a person: see below why sending waits"))
	case len(s.Needs) == 0:
		b.say("%s\n", b.in("要対応なし", "nothing needs a person"))
	default:
		b.say(b.in("■ 要対応 %d件\n", "Needs a person: %d\n"), len(s.Needs))
		for i, n := range s.Needs {
			b.say("%d. %s  %s  %s\n", i+1, n.ID, n.State, n.What)
			b.say("     %s\n", strings.Join(nonEmpty([]string{n.For, b.in("予定 ", "due ") + b.moment(n.due), prefixed("→ ", n.Who)}), b.in("　", "  ")))
			for _, text := range []string{n.Why, n.Last} {
				for _, line := range wrap(text, 72) {
					if line != "" {
						b.say("     %s\n", line)
					}
				}
			}
			for _, next := range nonEmpty([]string{n.Next, n.Or}) {
				b.say("     → %s%s\n", b.purpose(next), next)
			}
		}
	}
	b.say("\n")
	if s.Running {
		b.say(b.in("bod は動いています（プロセス %d）\n", "bod is running (process %d)\n"), s.PID)
	} else {
		b.say("%s\n", b.in("bod は動いていません。始めるには: bod run", "bod is not running; start it with: bod run"))
	}
	if s.Trial {
		b.say("%s\n", b.in("お試しの記録です（お客様には送られません）", "the ledger is of a trial: nothing reaches the addressees"))
	}
	for _, f := range s.Paused {
		b.say("%s\n", b.pausedWords(f.Name, f.Text))
	}
	if len(s.rows) > 0 {
		b.say(b.in("\n行われていない依頼 %d件\n", "\nNoted, not acted on yet: %d\n"), len(s.rows))
		var rows [][]string
		for _, in := range s.rows {
			rows = append(rows, []string{b.moment(in.At), in.Who.Name, strings.TrimSpace("bod " + in.Verb + " " + asked(in)), in.Why})
		}
		columns(b.out, "  ", rows)
	}
	if len(s.Open) > 0 {
		b.section("これから送るもの", "Not gone yet")
		var rows [][]string
		for _, o := range s.Open {
			rows = append(rows, []string{o.Words, fmt.Sprintf(b.in("%d通", "%d"), o.Messages)})
		}
		columns(b.out, "  ", rows)
	}
	b.printFound(s.Found)
	if len(s.Next) > 0 {
		b.section("次の予定", "Next")
		var rows [][]string
		for _, u := range s.Next {
			title := nonEmptyOr(u.Title, u.Job)
			if u.State != "" {
				title += b.in("（", " (") + u.State + b.in("）", ")")
			}
			rows = append(rows, []string{b.moment(u.at), title})
		}
		columns(b.out, "  ", rows)
	}
}

// printFound lists what checks of tables found, the oldest first, and how an office says that it may stay as it is.
func (b *desk) printFound(fs []findingJSON) {
	if len(fs) == 0 {
		return
	}
	const shown = 8
	b.say(b.in("\n点検で見つかり、まだ直っていないこと %d件\n", "\nFound by checks and not put right: %d\n"), len(fs))
	var rows [][]string
	for _, f := range fs[:min(shown, len(fs))] {
		state := f.Words
		if f.Tell != "" {
			state += b.in("　→ ", " -> ") + clean(f.Tell)
		}
		rows = append(rows, []string{f.Number, clean(f.Row), fmt.Sprintf(b.in("%d日目", "day %d"), f.Days), state})
	}
	columns(b.out, "  ", rows)
	if n := len(fs) - shown; n > 0 {
		b.say(b.in("  ほか%d件（bod findings で見られます）\n", "  and %d more: bod findings\n"), n)
	}
	b.say("  → %s%s\n", b.purpose("bod accept"), b.typed("accept "+fs[0].Number, nil))
}
