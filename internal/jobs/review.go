package jobs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// Review is what a month teaches: what went wrong or needed a person, how often and why, what was held back in time, how long
// things stayed open, and which checks never or always came out wrong. It is made of the ledger alone, by
// the command and the mail alike. What was open when the month ended is told as it stands when the review is made.
type Review struct {
	First  calendar.Date // of the month
	Person *config.Person
	Until  time.Time // to which moment it tells: the month's end, or now
	Begins time.Time // when the record begins, where that is within the month; else zero
	Gaps   []Gap
	Went   ledger.Went
	Jobs   int // of how many jobs something went out
	Events []Event
	Asked  Asked
	Checks []CheckTally
	Rows   []RowTally

	zone *time.Location
	l    calendar.Language
	c    *config.Config
}

// Gap is a time of which the record knows nothing, because an older copy of it was put back.
type Gap struct{ From, To time.Time }

// Event is one thing of the month that went wrong or needed a person: what one notice told.
type Event struct {
	What      string // check, late, failed, unknown, waiting …
	Code      string // what of it: the reason's code, the check's type, the flag's name
	Reason    string // the two in words
	Job       string // its identity; "" where it was about everything
	Title     string
	Addressee string
	Seen      string // what was seen: the missing file, the figures, the server's answer
	Numbers   []string
	Letters   int
	Since     time.Time
	Ended     time.Time // zero: open
	Came      bool      // in this month; else it was open from before
	Back      []HeldBack
	How       string // how it ended
	By        string // who decided, as colleagues call them
	Why       string
	Decided   string // what that reason led to
	owners    []*config.Person
	days      *calendar.Days
}

// HeldBack is a letter that a check or a person held and that did not leave as it was.
type HeldBack struct {
	Addressee string
	Seen      string
	Amount    *int64 // nil: not recorded
	How       string
	By, Why   string
}

// Asked is how long letters waited for their confirmation.
type Asked struct {
	Runs, No, Open int
	answered       int
	Median         string
	Longest        string
}

// CheckTally is how one check of a job's messages came out.
type CheckTally struct {
	Job, Title string
	Check      string // the type's name
	Says       string // what it looks at, or what it found last
	Ran, Fired int    // in this month
	Unjudged   int
	All        int       // how often it ran since, without ever firing; 0 where it did
	Since      time.Time // the first of those
	owners     []*config.Person
}

// RowTally is what one check of rows found in the month.
type RowTally struct {
	Job, Title    string
	Says          string // what it found last, as an example
	Found         int
	Mended        int
	Gone          int // the row is not there any more, or its date has passed: nobody put anything right
	Accepted      int
	Open          int
	Median, Worst string
	owners        []*config.Person
}

// lookedBack is how far back it is looked since when a check never fired.
const lookedBack = 12

// ReviewOf reviews the month of first. person is whose part alone is wanted; nil: everybody's. It reads and writes nothing else.
func ReviewOf(c *config.Config, v *ledger.View, first calendar.Date, person *config.Person, now time.Time) (*Review, error) {
	first.Day = 1
	r := &Review{First: first, Person: person, zone: c.Zone, l: c.Language, c: c}
	from := first.At(calendar.Clock{}, c.Zone)
	r.Until = monthEnd(first).AddDays(1).At(calendar.Clock{}, c.Zone)
	if now.Before(r.Until) {
		r.Until = now
	}
	spells, err := v.Spells(from, r.Until)
	if err != nil {
		return nil, err
	}
	before, after, err := v.Around(from)
	if err != nil {
		return nil, err
	}
	if before.IsZero() && after.Before(r.Until) {
		r.Begins = after
	}
	rv := &reviewing{Review: r, v: v, from: from, now: now, runs: map[int64]ledger.Run{}, messages: map[int64]ledger.Message{}, results: map[int64]Results{}}
	if err := errors.Join(rv.events(spells), rv.asked(), rv.went(), rv.checked(), rv.rows()); err != nil {
		return nil, fmt.Errorf("couldn't review %s: %w", first, err)
	}
	return r, nil
}

type reviewing struct {
	*Review
	v        *ledger.View
	from     time.Time
	now      time.Time
	runs     map[int64]ledger.Run
	messages map[int64]ledger.Message
	results  map[int64]Results
}

func (r *reviewing) run(id int64) (ledger.Run, error) {
	if x, known := r.runs[id]; known {
		return x, nil
	}
	x, err := r.v.Run(id)
	if err == nil {
		r.runs[id] = x
	}
	return x, err
}

func (r *reviewing) message(id int64) (ledger.Message, error) {
	if x, known := r.messages[id]; known {
		return x, nil
	}
	x, err := r.v.Message(id)
	if err == nil {
		r.messages[id] = x
	}
	return x, err
}

// own reports whether a job's matters belong into the review: its owner's, or everybody's.
func (r *reviewing) own(owners []*config.Person) bool {
	return r.Person == nil || slices.Contains(owners, r.Person)
}

// ownJob reports whether a job is one of bod's own, which are no duties.
func ownJob(identity string) bool {
	return identity == summaryJobName || identity == config.MorningName || identity == config.ReviewName
}

const summaryJobName = "summary"

// events groups what was not as it should be into what one notice told: the run and what it was about. A letter that was
// replaced and held for the same reason again is the same matter going on.
func (r *reviewing) events(spells []ledger.Spell) error {
	groups := map[string]*Event{}
	var order []string
	parts := map[string]map[string]bool{}
	ends := map[string][]ledger.Spell{}
	for _, s := range spells {
		if s.Thing == ledger.SpellFlag {
			r.paused(s)
			continue
		}
		if s.Run == 0 {
			continue // a notice's: never a word about those
		}
		run, err := r.run(s.Run)
		if err != nil {
			return err
		}
		e := Event{What: s.Was, Job: run.Job, Since: s.From, Seen: clean(s.Text)}
		var m ledger.Message
		if s.Thing == ledger.SpellRun {
			rs := lasting(s.Reasons)
			if run.State == ledger.RunFailed && len(rs) == 0 || s.Was == whatWaiting && len(rs) == 0 {
				continue // what failed of its messages is told of those; what passes by itself needs nobody
			}
			if s.Was == string(ledger.RunFailed) {
				if e.What = whatBroken; len(rs) == 0 {
					continue
				}
			}
			if len(rs) > 0 {
				last := rs[0]
				if s.Was == string(ledger.RunMissed) || s.Was == string(ledger.RunSkipped) {
					last = rs[len(rs)-1]
				}
				e.Code, e.Seen = last.Code, clean(last.Text)
			}
		} else {
			if m, err = r.message(s.Message); err != nil {
				return err
			}
			if e.What == whatCheck {
				all, known := r.results[s.Run]
				if !known {
					if all, err = CheckedIn(r.v, s.Run); err != nil {
						return err
					}
					r.results[s.Run] = all
				}
				if codes := checkCodes(all, m); len(codes) > 0 {
					e.Code = codes[0]
				}
			}
		}
		key := fmt.Sprintf("%d/%s", s.Run, e.What)
		g := groups[key]
		if g == nil {
			x := matter{run: run}
			x.ofJob(r.c, r.v)
			e.Title, e.owners, e.days = x.title, x.owners, x.days()
			if ownJob(run.Job) {
				e.owners = r.c.Admin
			}
			if !r.own(e.owners) {
				continue
			}
			groups[key], parts[key] = &e, map[string]bool{}
			g, order = &e, append(order, key)
			if s.Thing == ledger.SpellRun {
				g.Numbers = []string{run.Number}
			}
		}
		if s.From.Before(g.Since) {
			g.Since = s.From
		}
		ends[key] = append(ends[key], s)
		if m.ID == 0 {
			continue
		}
		if !slices.Contains(g.Numbers, m.Number) {
			g.Numbers = append(g.Numbers, m.Number)
		}
		if parts[key][m.Part] {
			continue
		}
		parts[key][m.Part] = true
		if g.Letters++; g.Letters == 1 {
			g.Addressee = clean(m.Addressee)
		}
	}
	for _, key := range order {
		g := groups[key]
		if err := r.ended(g, ends[key]); err != nil {
			return err
		}
		g.Came = !g.Since.Before(r.from)
		g.Reason = reasonWords(g.What, g.Code, r.l)
		r.Events = append(r.Events, *g)
	}
	slices.SortStableFunc(r.Events, func(a, b Event) int { return a.Since.Compare(b.Since) })
	return nil
}

// ended says how a group of spells came to its end: it is open while one of them is, and a person's word comes before what
// happened by itself. What was held is looked at by letter: of two in one run one may be mended and the other go as it is.
func (r *reviewing) ended(g *Event, of []ledger.Spell) error {
	last := map[string]ledger.Spell{} // of each letter, over its successors
	first := map[string]ledger.Message{}
	var order []string
	var settled ledger.Spell
	open := false
	for _, s := range of {
		part := ""
		if s.Message != 0 {
			m, err := r.message(s.Message)
			if err != nil {
				return err
			}
			if part = m.Part; first[part].ID == 0 {
				first[part] = m
			}
		}
		if _, known := last[part]; !known {
			order = append(order, part)
		}
		last[part] = s
		if s.To.IsZero() || s.To.After(r.now) {
			open = true
			continue
		}
		g.Ended = later(g.Ended, s.To)
		if s.Settled != nil && s.Settled.Why != "" && !s.To.Before(settled.To) {
			settled = s
		}
	}
	var hows []string
	for _, part := range order {
		s := last[part]
		how := r.how(s)
		if how != "" && !slices.Contains(hows, how) {
			hows = append(hows, how)
		}
		if g.What != whatCheck && g.What != whatPerson || !slices.Contains([]ledger.State{ledger.StateReplaced, ledger.StateRejected, ledger.StateByHand}, ledger.State(s.Then)) {
			continue
		}
		m := first[part]
		x := HeldBack{Addressee: clean(m.Addressee), Seen: clean(s.Text), Amount: m.Amount, How: how}
		if s.Settled != nil {
			x.By, x.Why = r.called(s.Settled.Who), clean(s.Settled.Why)
		}
		g.Back = append(g.Back, x)
	}
	if settled.Settled != nil {
		g.By, g.Why = r.called(settled.Settled.Who), clean(settled.Settled.Why)
		g.Decided = r.how(settled)
	}
	g.How = strings.Join(hows, r.t("・", ", "))
	if open {
		g.Ended = time.Time{}
	}
	return nil
}

// called is what colleagues call who decided.
func (r *reviewing) called(w ledger.Who) string {
	if p := r.c.People[w.Name]; p != nil {
		return colleague(p, r.l)
	}
	return clean(w.Name)
}

// how says what ended a spell.
func (r *reviewing) how(s ledger.Spell) string {
	switch {
	case s.To.IsZero():
		return ""
	case s.Settled != nil:
		return verbOf(s.Settled.Verb, settledSent(*s.Settled), r.l)
	case s.Then == string(ledger.StateReplaced):
		return r.t("直して作り直し", "mended and made anew")
	case s.Thing == ledger.SpellRun && s.Then == string(ledger.RunMissed):
		return r.t("間に合わず", "not in time")
	case s.Thing == ledger.SpellRun && s.Was == whatWaiting:
		return r.t("そろって再開", "went on when all was there")
	case s.Thing == ledger.SpellFlag && s.By.Name == "bod":
		return r.t("自動で再開", "went on by itself")
	case s.Was == whatUnknown && s.Then == string(ledger.StateSent):
		return r.t("届いたと分かった", "found to have arrived")
	}
	return ""
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// paused tells what stopped all mail, or one job's.
func (r *reviewing) paused(s ledger.Spell) {
	name, identity, one := strings.Cut(s.Was, "/")
	m := matter{what: whatPaused, flag: ledger.Flag{Name: s.Was}, owners: r.c.Admin, config: r.c}
	if one {
		m.job = jobOf(r.c, r.v, identity)
		m.title = jobTitle(m.job, identity)
		if m.job != nil {
			m.owners = m.job.Owners(r.c)
		}
	}
	if name == whatRestored {
		// What was written between the copy and now is not in the record.
		if before, _, err := r.v.Around(s.From); err == nil && !before.IsZero() {
			r.Gaps = append(r.Gaps, Gap{before, s.From})
		}
	}
	if !r.own(m.owners) {
		return
	}
	e := Event{What: whatPaused, Code: name, Reason: reasonWords(whatPaused, name, r.l), Job: identity, Title: m.title, Since: s.From, Ended: s.To,
		Came: !s.From.Before(r.from), owners: m.owners, days: r.c.Days}
	if !one {
		e.Title = r.t("送信の全体", "All mail")
	}
	if name != whatRestored {
		e.Seen = clean(s.Text)
	}
	if !s.To.IsZero() {
		if err := r.ended(&e, []ledger.Spell{s}); err != nil {
			return
		}
	}
	r.Events = append(r.Events, e)
}

// asked tells how long confirmations took. They are the agreed way, and not among what went wrong.
func (r *reviewing) asked() error {
	answers, err := r.v.Answers(r.from, r.Until)
	if err != nil {
		return err
	}
	var spans []span
	for _, a := range answers {
		run, err := r.run(a.Run)
		if err != nil {
			return err
		}
		m := matter{run: run}
		m.ofJob(r.c, r.v)
		if !r.own(m.owners) {
			continue
		}
		r.Asked.Runs++
		r.Asked.No += min(a.No, 1)
		if a.Said.IsZero() {
			if r.now.Before(run.Due) || run.State == ledger.RunDrafted {
				r.Asked.Open++
			}
			continue
		}
		spans = append(spans, span{a.Sealed, a.Said, m.days()})
	}
	r.Asked.answered = len(spans)
	r.Asked.Median, r.Asked.Longest = r.spread(spans)
	return nil
}

func (r *reviewing) went() error {
	all, err := r.v.Went(r.from, r.Until)
	if err != nil {
		return err
	}
	for job, w := range all {
		if j := jobOf(r.c, r.v, job); r.Person != nil && (j == nil || !slices.Contains(j.Owners(r.c), r.Person)) {
			continue
		}
		r.Jobs++
		r.Went.Messages += w.Messages
		r.Went.Amount += w.Amount
		r.Went.Priced += w.Priced
	}
	return nil
}

// checked counts how the checks of messages came out, and of those that never fired since when.
func (r *reviewing) checked() error {
	type place struct {
		job string
		n   int // among the checks of its type
		of  string
	}
	back := monthStart(r.First, -lookedBack).At(calendar.Clock{}, r.zone)
	month, all := map[place]*CheckTally{}, map[place]*CheckTally{}
	count := func(in map[place]*CheckTally, at place, k ledger.Kept, x Result) {
		t := in[at]
		if t == nil {
			t = &CheckTally{Job: at.job, Check: at.of, Since: k.Due}
			in[at] = t
		}
		t.Ran += k.Count
		t.Says = clean(x.What)
		switch x.Verdict {
		case Wrong:
			t.Fired += k.Count
		case Unjudged:
			t.Unjudged += k.Count
		}
	}
	odd := []string{`"verdict":"` + string(Wrong) + `"`, `"verdict":"` + string(Unjudged) + `"`}
	for k, err := range r.v.KeptBetween(checkObservation, odd, back, r.Until) {
		if err != nil {
			return err
		}
		var results []Result
		if err := json.Unmarshal(k.Value, &results); err != nil {
			return fmt.Errorf("couldn't read how checks of %s came out: %w", k.Job, err)
		}
		seen := map[string]int{}
		for _, x := range results {
			at := place{k.Job, seen[x.Check], x.Check}
			seen[x.Check]++
			count(all, at, k, x)
			if !k.Due.Before(r.from) {
				count(month, at, k, x)
			}
		}
	}
	for at, t := range month {
		m := matter{run: ledger.Run{Job: at.job}}
		m.ofJob(r.c, r.v)
		if !r.own(m.owners) {
			continue
		}
		t.Title, t.owners = jobTitle(m.job, at.job), m.owners
		if s := r.agreed(m.job, at.of, at.n); s != "" {
			t.Says = s
		}
		if t.Says == "" {
			t.Says = reasonWords(whatCheck, at.of, r.l)
		}
		if x := all[at]; x.Fired == 0 && x.Unjudged == 0 {
			t.All = x.Ran
		}
		t.Since = all[at].Since
		r.Checks = append(r.Checks, *t)
	}
	slices.SortFunc(r.Checks, func(a, b CheckTally) int {
		return cmp.Or(strings.Compare(a.Title, b.Title), strings.Compare(a.Job, b.Job), strings.Compare(a.Check, b.Check), cmp.Compare(b.Fired, a.Fired), cmp.Compare(b.Ran, a.Ran))
	})
	return nil
}

// agreed is what the nth check of a type looks at, as the rules say it now; "" where they have none.
func (r *reviewing) agreed(j *config.Job, of string, n int) string {
	if j == nil {
		return ""
	}
	s, ok := j.Spec.(agreedTo)
	if !ok {
		return ""
	}
	for _, c := range s.agreed() {
		if c.Type != of {
			continue
		}
		if n == 0 {
			return clean(c.Said.In(r.l))
		}
		n--
	}
	return ""
}

func monthStart(d calendar.Date, months int) calendar.Date {
	return calendar.DateOf(time.Date(d.Year, d.Month+time.Month(months), 1, 12, 0, 0, 0, time.UTC))
}

// rows counts what checks of rows found in the month, and what became of it.
func (r *reviewing) rows() error {
	type place struct{ job, check string }
	tallies, spans := map[place]*RowTally{}, map[place][]span{}
	for f, err := range r.v.Findings(ledger.FindingQuery{}) {
		if err != nil {
			return err
		}
		if f.First.Before(r.from) || !f.First.Before(r.Until) {
			continue
		}
		m := matter{run: ledger.Run{Job: f.Job}}
		m.ofJob(r.c, r.v)
		if !r.own(m.owners) {
			continue
		}
		at := place{f.Job, f.Check}
		t := tallies[at]
		if t == nil {
			t = &RowTally{Job: f.Job, Title: jobTitle(m.job, f.Job), owners: m.owners}
			tallies[at] = t
		}
		t.Found++
		t.Says = clean(f.Says)
		switch {
		case f.State == ledger.FindingResolved && f.Ended != ledger.EndedMended:
			t.Gone++
		case f.State == ledger.FindingResolved:
			t.Mended++
			spans[at] = append(spans[at], span{f.First, f.Changed, m.days()})
		case f.State == ledger.FindingAccepted:
			t.Accepted++
			spans[at] = append(spans[at], span{f.First, f.Accepted, m.days()})
		default:
			t.Open++
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(tallies), func(a, b place) int {
		return cmp.Or(strings.Compare(a.job, b.job), strings.Compare(a.check, b.check))
	}) {
		t := tallies[at]
		t.Median, t.Worst = r.spread(spans[at])
		r.Rows = append(r.Rows, *t)
	}
	return nil
}

// ---- how long ----

// span is how long something was so.
type span struct {
	from, to time.Time
	days     *calendar.Days
}

// spread is the middle one and the longest of some spans, as people say them. The middle one is one that was there, never a mean
// of two: half a business day is no length that anybody knows.
func (r *Review) spread(spans []span) (median, longest string) {
	if len(spans) == 0 {
		return "", ""
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.to.Sub(a.from), b.to.Sub(b.from)) })
	say := func(s span) string { return r.howLong(s.from, s.to, s.days) }
	return say(spans[(len(spans)-1)/2]), say(spans[len(spans)-1])
}

// howLong says a span as people do: in minutes or hours where it was over on the same day, else in business days.
func (r *Review) howLong(from, to time.Time, days *calendar.Days) string {
	d := to.Sub(from)
	a, b := calendar.DateOf(from.In(r.zone)), calendar.DateOf(to.In(r.zone))
	n := 0
	for x := a; x.Before(b); {
		x = x.AddDays(1)
		if days == nil || days.IsOpen(x) {
			n++
		}
	}
	switch {
	case d < time.Minute:
		return r.t("1分以内", "under a minute")
	case d < time.Hour:
		return r.t(fmt.Sprintf("%d分", int(d.Minutes())), plural(int(d.Minutes()), "minute", "minutes"))
	case a == b || n == 0 || d < 10*time.Hour:
		h := int(d.Round(time.Hour).Hours())
		return r.t(fmt.Sprintf("約%d時間", h), "about "+plural(h, "hour", "hours"))
	}
	return r.t(fmt.Sprintf("%d営業日", n), plural(n, "business day", "business days"))
}

func (r *Review) t(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(r.l) }

// ---- words for reasons ----

// checkWords are what a check that came out wrong was about, by its type. It names the thing and nobody.
var checkWords = map[string]calendar.Text{
	"own_address":      {JA: "宛先が登録のものと違った", EN: "the address was not the addressee's own"},
	"attached":         {JA: "添付ファイルの数や種類が違った", EN: "attachments were missing, empty or of another type"},
	"made_within":      {JA: "添付ファイルの作成日が期間の外だった", EN: "a file was made outside its period"},
	"pdf_contains":     {JA: "PDFに、あるはずの言葉がなかった", EN: "the PDF lacked words that it should have"},
	"pdf_lacks":        {JA: "PDFに、あってはならない言葉があった", EN: "the PDF had words that it should not have"},
	"pdf_amount":       {JA: "PDFの金額が元の表と合わなかった", EN: "the PDF's amount differed from the table's"},
	"within":           {JA: "金額がこれまでと大きく違った", EN: "the amount was far from the last ones"},
	"no_other_partner": {JA: "ほかの取引先の名前があった", EN: "another partner's name stood in it"},
	"not_sent_before":  {JA: "前に送ったものと同じだった", EN: "the same was sent before"},
	"new_number":       {JA: "書類の番号が前に使ったものだった", EN: "the document's number was used before"},
	"required":         {JA: "必要な欄が空だった", EN: "a needed field was empty"},
	"wrong_if":         {JA: "決めておいた規則に当たった", EN: "an agreed rule told it wrong"},
	"must":             {JA: "決めておいた規則が成り立たなかった", EN: "an agreed rule did not hold"},
}

// whatWords are what was the case, and where a code says more, codeWords.
var whatWords = map[string]calendar.Text{
	whatCheck:    {JA: "確認で止めた", EN: "a check held it"},
	whatPerson:   {JA: "人が止めた", EN: "a person held it"},
	whatGone:     {JA: "予定表か元の資料からなくなった", EN: "it was no longer in the rules or their source"},
	whatRestored: {JA: "記録を控えから戻し、送ったか分からなくなった", EN: "after a restore nobody knew whether it had gone"},
	whatLate:     {JA: "予定の時刻を過ぎた", EN: "its time had passed"},
	whatFailed:   {JA: "メールを送れなかった", EN: "mail could not be sent"},
	whatUnknown:  {JA: "届いたか分からなくなった", EN: "it was not known whether it arrived"},
	whatWaiting:  {JA: "準備がそろわなかった", EN: "something was missing"},
	whatBroken:   {JA: "準備ができなかった", EN: "it could not be prepared"},
	whatMissed:   {JA: "期限までに実施できなかった", EN: "it was not done in time"},
	whatSkipped:  {JA: "今回は見送った", EN: "it was left out this time"},
	whatPaused:   {JA: "送信が止まった", EN: "mail was paused"},
}

const whatSkipped = "skipped"

var codeWords = map[string]map[string]calendar.Text{
	whatWaiting: {
		codeAttachment: {JA: "添付ファイルがそろわなかった", EN: "an attachment was missing"},
		codeUnfit:      {JA: "添付ファイルが使えなかった", EN: "an attachment could not be used"},
		codeField:      {JA: "手紙の欄が埋まらなかった", EN: "a field of the letter was empty"},
		codeLetter:     {JA: "手紙の文面を使えなかった", EN: "the letter could not be used"},
		codeAddressee:  {JA: "宛先が決まらなかった", EN: "the addressee was not known"},
		codeSize:       {JA: "添付ファイルが大きすぎた", EN: "the attachments were too large"},
		codeTable:      {JA: "元の表を使えなかった", EN: "a source could not be used"},
		codeKey:        {JA: "表の行を見分けられなかった", EN: "rows of the table could not be told apart"},
		codeAddress:    {JA: "表の宛先を使えなかった", EN: "an address of the table could not be used"},
		codeRule:       {JA: "表の行を判断できなかった", EN: "rows of the table could not be judged"},
		codeStray:      {JA: "どの行のものでもないファイルがあった", EN: "a file belonged to no row"},
		codeShared:     {JA: "1つのファイルが2つの行に当たった", EN: "one file belonged to two rows"},
		codeAmount:     {JA: "表の金額を読めなかった", EN: "an amount of the table could not be read"},
		codeMany:       {JA: "行がいつもより多かった", EN: "there were more rows than agreed"},
	},
	whatPaused: {
		"session":    {JA: "メールサーバーにつながらなかった", EN: "the mail server refused us"},
		"clock":      {JA: "機械の時計が戻っていた", EN: "the machine's clock had run back"},
		"disk":       {JA: "記録を書き込めなかった", EN: "the record could not be written"},
		whatRestored: {JA: "記録を控えから戻した", EN: "the record was restored from a copy"},
		flagStopped:  {JA: "人が送信を止めた", EN: "a person stopped the mail"},
	},
}

// reasonWords say why: as a thing that was so, never as somebody's doing.
func reasonWords(what, code string, l calendar.Language) string {
	t, ok := codeWords[what][code]
	if bare, ofRows := strings.CutPrefix(code, codeRows); !ok && ofRows { // a row lacks what other letters lack
		t, ok = codeWords[what][bare]
	}
	if what == whatCheck {
		t, ok = checkWords[code]
	}
	if !ok {
		t = whatWords[what]
	}
	return t.In(l)
}
