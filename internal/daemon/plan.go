package daemon

import (
	"fmt"
	"slices"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// lateness is how long after its due a run may be met and still counts as met in time.
const lateness = 10 * time.Minute

// ahead and behind bound how far planning looks for the periods that an edited rule moved: a yearly duty
// that moves within its year is found, and a rule of every minute doesn't take the daemon's whole day.
const (
	ahead   = 400 * 24 * time.Hour
	behind  = 45 * 24 * time.Hour
	atMost  = 5000
	maxLead = 1000 // occurrences whose prepare moment came before they are due
)

// Codes of the reasons that planning writes. Late asks for a hold at the seal; Released is what remains of it after a
// person let the run go, so that the same lateness never holds it a second time.
const (
	codeLate     = "late"
	codeReleased = "released"
	codeMissed   = "missed"
	codeSkipped  = "skipped"
	codeGone     = "gone"
	codeRestored = "restored" // a copy was put back, and nobody knows whether it was done: asks for a hold at the seal
	codeError    = "error"
)

// schedule is what planning needs of *calendar.Schedule.
type schedule interface {
	Due(after, until time.Time) []calendar.Occurrence
	Next(after time.Time) (calendar.Occurrence, bool)
	Of(period string) (calendar.Occurrence, bool)
	Shape() calendar.Shape
}

// rule is what planning needs of a job's rule.
type rule struct {
	schedule schedule
	prepare  func(due time.Time) time.Time // when the run of this due is prepared
	until    func(due time.Time) time.Time // late_until
	missed   config.Missed
	outside  bool // mail goes to people who are not in [people]
	own      bool // a summary of bod's own: the next one tells what this one would have told
}

func (r rule) prepareAt(due time.Time) time.Time {
	if at := r.prepare(due); at.Before(due) {
		return at
	}
	return due
}

// known is a run as planning sees it.
type known struct {
	ledger.Run
	queued bool // a message of it was queued once: its bytes and its due are settled
	sealed bool // it has a message that is held
}

func (k known) open() bool {
	switch k.State {
	case ledger.RunPlanned, ledger.RunRunning, ledger.RunWaiting, ledger.RunDrafted:
		return true
	}
	return false
}

// planning is one job at one wake-up.
type planning struct {
	identity string
	now      time.Time
	mark     time.Time // every occurrence due up to here was planned, under the old rule if there is one
	new      rule
	changed  bool      // the rule is another one than at the mark
	old      *rule     // the one before; nil when it can't be told any more
	away     time.Time // the job was out of the rules from here until now; zero: it was not
	since    time.Time // the old rule was at work from here to the mark without a break
	existing func(period string) (known, bool)
	open     []known   // the job's open runs, needed when changed
	asking   bool      // a person is asked about everything that is due, whatever the rule says
	restored time.Time // when an older copy of the ledger was put back: what was due before may have been done; zero: it was not
	words    words
}

// changes are what one wake-up does to one job.
type changes struct {
	add  []ledger.Run
	move []move
	mark time.Time // zero: the mark stays where it is
	ask  bool      // the periods changed shape: a person has to look
	next time.Time // when planning has something to do again; zero: never
}

// move changes a run that is there.
type move struct {
	run    ledger.Run
	to     ledger.RunState
	change ledger.RunChange
	hold   ledger.HoldReason   // its held messages get this reason, with text
	lift   []ledger.HoldReason // what of these held them does not stand any more
	reject bool                // its held messages are rejected, with text
	text   string
}

// late is an occurrence that is met after its time.
type late struct {
	calendar.Occurrence
	run   known
	there bool
}

// plan answers what a wake-up has to write for one job. It is a pure function of what it is given: the same rules,
// mark, moment and runs give the same changes, on whatever machine and after whatever crash.
func (p planning) plan() changes {
	var c changes
	var overdue []late
	mark := p.mark
	if p.changed {
		c.mark = p.now
		overdue = p.edit(&c)
		if p.old != nil && p.old.schedule.Shape() != p.new.schedule.Shape() {
			// A month's period says nothing about a date's: whether the past was done under the old
			// name only a person can tell.
			mark, c.ask = p.now, true
		}
	}

	fresh := false // a later occurrence than all overdue ones is met in time
	for _, o := range p.new.schedule.Due(mark, p.now) {
		c.mark = p.now
		run, there := p.existing(o.Period)
		switch {
		case there && (!run.open() || run.Early || run.Generation > 1 || run.Due.After(p.now)):
			// Done, decided by a person, or settled for another moment.
		case slices.ContainsFunc(c.move, func(m move) bool { return m.run.ID == run.ID && there }):
			// The edit has said all about it.
		case p.now.Sub(o.Due) > lateness || p.asking:
			overdue = append(overdue, late{o, run, there})
			fresh = false
		default:
			fresh = true
			if !there {
				c.add = append(c.add, p.run(o))
			}
		}
	}
	slices.SortStableFunc(overdue, func(a, b late) int { return a.Due.Compare(b.Due) })
	for i, l := range overdue {
		p.overdue(&c, l, i == len(overdue)-1 && !fresh)
	}

	c.next = p.coming(&c)
	return c
}

// coming adds the occurrences whose prepare moment has come, and answers when there is more to do.
func (p planning) coming(c *changes) time.Time {
	var first time.Time
	at := p.now
	for range maxLead {
		o, ok := p.new.schedule.Next(at)
		if !ok {
			return first
		}
		if first.IsZero() {
			first = o.Due // its passing has to be met, whether it is planned by then or not
		}
		if prepare := p.new.prepareAt(o.Due); prepare.After(p.now) && !p.mayHaveGone(o.Due) {
			return earlier(first, prepare)
		}
		for _, o := range p.new.schedule.Due(at, o.Due) { // two days may be moved to the same one
			if _, there := p.existing(o.Period); !there {
				r := p.run(o)
				if p.mayHaveGone(o.Due) {
					r.Reasons = []ledger.Reason{p.words.askRestored(o.Due)}
				}
				c.add = append(c.add, r)
				c.mark = p.now
			}
		}
		at = o.Due
	}
	return first
}

func (p planning) run(o calendar.Occurrence) ledger.Run {
	return ledger.Run{
		Job: p.identity, Period: o.Period, Nominal: o.Nominal, Due: o.Due, PrepareAt: p.new.prepareAt(o.Due),
		State: ledger.RunPlanned, Generation: 1,
	}
}

// overdue applies the rule's `missed` to one occurrence that is met late. newest: no later one is there to do.
func (p planning) overdue(c *changes, l late, newest bool) {
	var to ledger.RunState
	var why ledger.Reason
	policy := p.new.missed
	if p.asking && !p.new.own {
		policy = config.MissedAsk
	}
	lost := !p.restored.IsZero() && !l.Due.After(p.restored)
	switch {
	case lost && p.new.own:
		to, why = ledger.RunSkipped, p.words.nextTells(l.Due)
	case lost && p.new.until(l.Due).Before(p.now):
		to, why = ledger.RunMissed, p.words.maybeDone(l.Due)
	case policy == config.MissedSkip:
		to, why = ledger.RunSkipped, p.words.skippedLate(l.Due)
	case p.new.until(l.Due).Before(p.now):
		to, why = ledger.RunMissed, p.words.tooLate(l.Due, p.new.until(l.Due))
	case policy == config.MissedLatest && !newest:
		to, why = ledger.RunMissed, p.words.overtaken(l.Due)
	case policy == config.MissedLatest,
		policy == config.MissedEach && (newest || !p.new.outside):
		// It is done now, late as it is.
	default: // ask, and each to the outside for all but the newest
		why = p.words.askLate(l.Due)
		if lost {
			why = p.words.askRestored(l.Due)
		}
	}

	if !l.there {
		r := p.run(l.Occurrence)
		r.Late = true
		if to != "" {
			r.State = to
		}
		if why.Code != "" {
			r.Reasons = []ledger.Reason{why}
		}
		c.add = append(c.add, r)
		return
	}

	unwanted := to == ledger.RunSkipped || to != "" && policy == config.MissedLatest && !newest
	if unwanted && l.run.State == ledger.RunRunning {
		// Its worker finds that it isn't at work any more, and what it drafts is dropped.
		c.move = append(c.move, move{run: l.run.Run, to: ledger.RunPlanned})
		l.run.State = ledger.RunPlanned
	}
	idle := l.run.State == ledger.RunPlanned || l.run.State == ledger.RunWaiting
	m := move{run: l.run.Run, to: l.run.State, text: why.Text}
	yes := true
	m.change.Late = &yes
	if !l.Due.Equal(l.run.Due) {
		at := p.new.prepareAt(l.Due)
		m.change.Due, m.change.PrepareAt = &l.Due, &at
	}
	if why.Code != "" {
		m.change.Reasons = withReason(l.run.Reasons, why)
	}
	switch {
	case to == "" && why.Code == "":
	case to == "":
		m.hold = ledger.Late
		if lost {
			m.hold = ledger.Restored
		}
	case !l.run.sealed && idle:
		m.to = to
	case unwanted:
		// The rule says that nobody wants it, so what is sealed is rejected. That ends a run that is complete; of another the rest
		// must not come either.
		m.reject = true
		if idle {
			m.to = to
		}
	default:
		m.hold = ledger.Late
		m.change.Reasons = withReason(l.run.Reasons, p.words.askLate(l.Due))
	}
	c.move = append(c.move, m)
}

// edit brings the open runs of a job to its changed rule and returns the periods that the old rule still had ahead and the
// new one names in the past.
func (p planning) edit(c *changes) (found []late) {
	for _, r := range p.open {
		if r.queued || r.Early || r.Generation > 1 {
			continue
		}
		o, named := p.new.schedule.Of(r.Period)
		switch {
		case !named && !r.sealed && r.State != ledger.RunDrafted && r.State != ledger.RunRunning:
			why := p.words.noLongerNamed(r.Due)
			c.move = append(c.move, move{run: r.Run, to: ledger.RunSkipped, change: ledger.RunChange{Reasons: []ledger.Reason{why}}})
		case !named:
			why := p.words.noLongerNamed(r.Due)
			c.move = append(c.move, move{run: r.Run, to: r.State, hold: ledger.Gone, text: why.Text,
				change: ledger.RunChange{Reasons: withReason(r.Reasons, why)}})
		case !p.away.IsZero() && o.Due.After(p.away) && p.now.Sub(o.Due) > lateness:
			found = append(found, late{o, r, true}) // this is the wake-up that passes its due
		case !o.Due.Equal(r.Due) || hasReason(r.Reasons, codeGone):
			at := p.new.prepareAt(o.Due)
			m := move{run: r.Run, to: r.State, change: ledger.RunChange{Due: &o.Due, PrepareAt: &at}}
			reasons := r.Reasons
			if hasReason(reasons, codeGone) { // a rule before this one did not name it, and this one does again
				m.lift = append(m.lift, ledger.Gone)
			}
			if o.Due.After(p.now) && hasReason(reasons, codeLate) { // it is late no more: its time is still to come
				no := false
				m.lift, m.change.Late = append(m.lift, ledger.Late), &no
			}
			if len(m.lift) > 0 {
				reasons = slices.DeleteFunc(slices.Clone(reasons), func(x ledger.Reason) bool {
					return x.Code == codeGone || x.Code == codeLate && slices.Contains(m.lift, ledger.Late)
				})
				m.change.Reasons = nonNil(reasons)
			}
			if !o.Due.After(p.now) && (slices.Contains(m.lift, ledger.Gone) || r.Due.After(p.mark)) {
				yes, why := true, p.words.askLate(o.Due)
				m.change.Late, m.hold, m.text = &yes, ledger.Late, why.Text
				m.change.Reasons = withReason(reasons, why)
			}
			c.move = append(c.move, m)
		}
	}
	if p.old == nil || p.old.schedule.Shape() != p.new.schedule.Shape() {
		return found
	}

	// Every period that the old rule named up to the mark has a run. So one without a run was still ahead of it,
	// even where business days were edited too and the old moment can't be told exactly any more.
	from := p.mark.Add(-behind)
	if p.since.After(from) {
		from = p.since
	}
	for n, o := range slices.Concat(p.old.schedule.Due(from, p.mark), upTo(p.old.schedule, p.mark, p.mark.Add(ahead))) {
		if n >= atMost {
			break
		}
		if now, ok := p.new.schedule.Of(o.Period); ok && !now.Due.After(p.mark) {
			if _, there := p.existing(o.Period); !there {
				found = append(found, late{Occurrence: now})
			}
		}
	}
	return found
}

// upTo is Due for a far horizon, bounded by count: a rule of every minute names half a million moments in a year.
func upTo(s schedule, after, until time.Time) []calendar.Occurrence {
	var all []calendar.Occurrence
	for at := after; len(all) < atMost; {
		o, ok := s.Next(at)
		if !ok || o.Due.After(until) {
			break
		}
		all = append(all, s.Due(at, o.Due)...)
		at = o.Due
	}
	return all
}

// withReason replaces the reason of the same code, or adds it.
func withReason(rs []ledger.Reason, r ledger.Reason) []ledger.Reason {
	out := slices.DeleteFunc(slices.Clone(rs), func(x ledger.Reason) bool { return x.Code == r.Code })
	return append(out, r)
}

func hasReason(rs []ledger.Reason, code string) bool {
	return slices.ContainsFunc(rs, func(r ledger.Reason) bool { return r.Code == code })
}

// earlier returns the earlier of two moments; the zero time is no moment.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// words says what planning and people's requests come to, in the file's language.
type words struct {
	lang calendar.Language
	zone *time.Location
}

func (w words) say(ja, en string, args ...any) string {
	if len(args) == 0 {
		return calendar.Text{JA: ja, EN: en}.In(w.lang)
	}
	return fmt.Sprintf(calendar.Text{JA: ja, EN: en}.In(w.lang), args...)
}

// at says a moment as mails do: 11/25(水) 9:30.
func (w words) at(t time.Time) string {
	t = t.In(w.zone)
	return calendar.DateOf(t).Short(w.lang) + fmt.Sprintf(" %d:%02d", t.Hour(), t.Minute())
}

func (w words) reason(code, ja, en, nextJA, nextEN string) ledger.Reason {
	return ledger.Reason{Code: code, Text: w.say(ja, en), Next: w.say(nextJA, nextEN)}
}

func (w words) askLate(due time.Time) ledger.Reason {
	return ledger.Reason{Code: codeLate,
		Text: w.say("予定の%sを過ぎています", "its time, %s, has passed", w.at(due)),
		Next: w.say("いまから送るか、取りやめるかを決めてください", "decide whether it is still to go, or not at all")}
}

func (w words) tooLate(due, until time.Time) ledger.Reason {
	return ledger.Reason{Code: codeMissed,
		Text: w.say("予定の%sから時間がたち、期限の%sを過ぎました", "it was due at %s, and its limit, %s, has passed", w.at(due), w.at(until)),
		Next: w.say("いまからでも必要なときは、この回を指定して実行してください", "if it is still needed, ask for this period by name")}
}

func (w words) overtaken(due time.Time) ledger.Reason {
	return ledger.Reason{Code: codeMissed,
		Text: w.say("予定の%sには動いていませんでした。あとの回で済ませます", "bod was not at work at %s; a later period stands for it", w.at(due))}
}

func (w words) skippedLate(due time.Time) ledger.Reason {
	return ledger.Reason{Code: codeSkipped,
		Text: w.say("予定の%sを過ぎたため、決めてあったとおり見送りました", "its time, %s, had passed, and the rule says to skip it then", w.at(due))}
}

func (w words) noLongerNamed(due time.Time) ledger.Reason {
	return ledger.Reason{Code: codeGone,
		Text: w.say("予定が変わり、%sの回はなくなりました", "the rule was changed and does not name %s any more", w.at(due)),
		Next: w.say("送る場合は保留を解いてください。不要なら取りやめてください", "release it if it is to go all the same, else reject it")}
}
