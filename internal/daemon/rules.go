package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// duty is a job at work: its rule, its identity in the ledger, and what planning remembers of it between two wake-ups.
// Only Step and Swap touch mark and next; the rest is never changed.
type duty struct {
	job      *config.Job
	identity string
	rule     rule
	mails    func() map[string]bool // every address that its rule names; worked out when a letter is to go
	mark     time.Time
	next     time.Time // when planning has something to do; zero: never
}

func newDuty(c *config.Config, j *config.Job, identity string) *duty {
	d := &duty{job: j, identity: identity, mails: sync.OnceValue(func() map[string]bool { return addresses(j.Rule) }), rule: rule{
		schedule: j.When,
		// Days are the office's: the ledger keeps its moments in UTC, where early on a Friday it is Thursday.
		prepare: func(due time.Time) time.Time { return j.Prepare.Before(due.In(c.Zone), j.Days) },
		until:   func(due time.Time) time.Time { return j.LateUntil.After(due.In(c.Zone), j.Days) },
		missed:  j.Missed,
		own:     j.Kind == "summary",
	}}
	if k, ok := jobs.KindOf(j.Kind); ok {
		d.rule.outside = k.Outside(c, j.Spec)
	}
	return d
}

// addresses collects every mail address that the kind's own part of a rule says: to whom it goes. The owner and those who confirm
// are named in the rule as well, and a letter is not theirs for that.
func addresses(ruleJSON []byte) map[string]bool {
	found := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.Contains(v, "@") {
				found[strings.ToLower(v)] = true
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	var rule struct{ Spec any }
	if json.Unmarshal(ruleJSON, &rule) == nil {
		walk(rule.Spec)
	}
	return found
}

// reaches reports whether the rules still name the address for this duty.
func (s *standing) reaches(d *duty, mail string) bool {
	mail = strings.ToLower(mail)
	if d.mails()[mail] {
		return true
	}
	if jobs.ByRow(d.job.Spec) && s.config.MayWriteTo(mail) {
		return true // the rule names a column; the row was compared when the letter was queued
	}
	if jobs.ReviewReaches(s.config, d.job, mail) {
		return true
	}
	if jobs.WatchReaches(s.config, d.job.Spec, mail) {
		return true
	}
	if t := s.config.Mail.TrialTo; t != nil && strings.ToLower(t.Mail) == mail {
		return true
	}
	for _, b := range s.config.Mail.Bcc {
		if strings.ToLower(b.Mail) == mail {
			return true
		}
	}
	return false
}

// see brings the ledger to the rules: new, renamed, changed and gone jobs, and what follows for their periods, in one
// transaction with the planning. If we die before its commit the old rules are still the last that the ledger knows.
// restored is when an older ledger was put back, if a person has not said yet that the office goes on: then whatever is due is asked
// about, because only people know what went out.
func (o *Office) see(ctx context.Context, next *standing, now, restored time.Time) error {
	alive := o.last
	if alive.IsZero() {
		var err error
		if alive, err = o.lastAlive(ctx); err != nil {
			return err
		}
	}
	var duties map[string]*duty
	var resting map[string]bool
	var changed int
	err := o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
		duties, resting, changed = map[string]*duty{}, map[string]bool{}, 0
		old, err := o.rulesBefore(tx.View)
		if err != nil {
			return err
		}
		known, err := knownJobs(tx)
		if err != nil {
			return err
		}
		for _, j := range next.config.Jobs {
			if j.Disabled {
				if was, there := known.of(j); there {
					resting[was.Name] = true
				}
				continue
			}
			d, moved, err := o.seeJob(tx, next, known, j, planning{now: now, asking: !restored.IsZero(), restored: restored}, alive)
			if err != nil {
				return fmt.Errorf("couldn't put the job %s to work: %w", j.Name, err)
			}
			duties[d.identity] = d
			if moved {
				changed++
			}
		}
		for _, name := range slices.Sorted(maps.Keys(known.byName)) {
			if duties[name] != nil {
				continue
			}
			k := known.byName[name]
			if !k.Gone {
				k.Gone, k.Changed = true, now
				if err := tx.PutJob(k); err != nil {
					return err
				}
				changed++
			}
		}
		return o.tellChanges(tx, next, old, now)
	})
	if err != nil {
		return fmt.Errorf("couldn't put the rules to work: %w", err)
	}
	live := *next // Deliver may be reading the one before
	live.duties, live.resting = duties, resting
	o.at.Store(&live)
	o.duties, o.seen, o.last = duties, true, now
	o.scan.stale, o.scan.looks = true, nil // what is held is compared with the new rules at once
	o.log.Info("rules at work", "jobs", len(duties), "changed", changed)
	return nil
}

// jobsKnown are the ledger's jobs by identity and by the name that they last had.
type jobsKnown struct {
	byName    map[string]ledger.Job
	byCurrent map[string]ledger.Job
	open      map[string][]ledger.Run    // by identity
	same      map[[2]*calendar.Days]bool // whether two calendars have the same business days
}

func knownJobs(tx *ledger.Tx) (jobsKnown, error) {
	k := jobsKnown{map[string]ledger.Job{}, map[string]ledger.Job{}, map[string][]ledger.Run{}, map[[2]*calendar.Days]bool{}}
	for r, err := range tx.Runs(ledger.RunQuery{States: openStates}) {
		if err != nil {
			return k, err
		}
		k.open[r.Job] = append(k.open[r.Job], r)
	}
	for j, err := range tx.Jobs() {
		if err != nil {
			return k, err
		}
		k.byName[j.Name] = j
		if have, ok := k.byCurrent[j.Current]; !ok || latest(have, j).Name == j.Name {
			k.byCurrent[j.Current] = j
		}
	}
	return k, nil
}

// of finds what the ledger knows of a job of the file: by its name, else by the one that it had before.
func (k jobsKnown) of(j *config.Job) (ledger.Job, bool) {
	job, ok := k.byCurrent[j.Name]
	if former, there := k.byCurrent[j.Renamed]; j.Renamed != "" && there && (!ok || latest(former, job).Name == former.Name && former.Name != job.Name) {
		return former, true // also where the new name was another job's once, long gone
	}
	return job, ok
}

// latest is the one of two jobs that is at work, else the one that was until later.
func latest(a, b ledger.Job) ledger.Job {
	if a.Gone != b.Gone {
		if a.Gone {
			return b
		}
		return a
	}
	if b.Changed.After(a.Changed) {
		return b
	}
	return a
}

// identity finds a name for a new job: its own, unless a renamed job once had it and keeps its keys by it.
func (k jobsKnown) identity(name string) string {
	id := name
	for n := 2; ; n++ {
		if _, taken := k.byName[id]; !taken {
			return id
		}
		id = fmt.Sprintf("%s~%d", name, n)
	}
}

func (o *Office) seeJob(tx *ledger.Tx, next *standing, known jobsKnown, j *config.Job, p planning, alive time.Time) (*duty, bool, error) {
	now := p.now
	was, there := known.of(j)
	if !there {
		d := newDuty(next.config, j, known.identity(j.Name))
		d.mark = p.lately(d.rule) // what was due before anybody asked for it is nobody's
		row := ledger.Job{Name: d.identity, Current: j.Name, Kind: j.Kind, Rule: j.Rule, Shape: string(j.When.Shape()), Mark: d.mark, Seen: now, Changed: now}
		if err := tx.PutJob(row); err != nil {
			return nil, false, err
		}
		known.byName[d.identity], known.byCurrent[j.Name] = row, row
		p.mark = d.mark
		return d, true, o.planJob(tx, next, d, p)
	}

	d := newDuty(next.config, j, was.Name)
	d.mark = was.Mark
	row := was
	row.Current, row.Kind, row.Rule, row.Shape, row.Gone = j.Name, j.Kind, j.Rule, string(j.When.Shape()), false
	p.mark = was.Mark
	edited := !bytes.Equal(was.Rule, j.Rule)
	switch {
	case was.Gone:
		// While it was out of the rules nothing of it was due.
		from := p.lately(d.rule)
		if from.Before(was.Mark) {
			from = was.Mark
		}
		row.Mark, row.Changed, d.mark, p.mark = from, now, from, from
		p.changed, p.away = true, was.Changed
	case edited:
		row.Changed = now
		p.changed, p.since = true, was.Changed
		p.old = o.oldRule(next.config, was, d.rule)
		switch {
		case p.old == nil:
			// Nobody can say which days the old rule still had ahead, so the mark stays where it is: what the new
			// rule names since then is neither lost nor guessed to be done, but asked about.
			p.asking = true
		case alive.After(p.mark):
			p.mark = alive
			// bod can't have been at work past an occurrence that it didn't plan.
			if missed := p.old.schedule.Due(was.Mark, alive); len(missed) > 0 {
				p.mark = missed[0].Due.Add(-time.Microsecond)
			}
		}
	default:
		moved, err := o.calendarMoved(tx, known, d, was, now)
		if err != nil {
			return nil, false, err
		}
		if moved {
			p.changed, p.since, p.old = true, was.Changed, &d.rule
			if before := o.duties[was.Name]; before != nil {
				p.old = &before.rule
			}
		}
	}
	moved := was.Gone || edited || row.Current != was.Current || row.Kind != was.Kind || row.Shape != was.Shape
	if moved {
		if err := tx.PutJob(row); err != nil {
			return nil, false, err
		}
	}
	return d, moved, o.planJob(tx, next, d, p)
}

// calendarMoved reports whether the days of a job moved though its rule is the same: somebody edited the closed days or the table of
// holidays. The ledger doesn't keep those, so after a start it is told by what doesn't fit: an open run with another due, or a
// shifted period up to the mark that has no run.
func (o *Office) calendarMoved(tx *ledger.Tx, known jobsKnown, d *duty, was ledger.Job, now time.Time) (bool, error) {
	if before := o.duties[was.Name]; before != nil && !known.sameDays(before.job.Days, d.job.Days, now) {
		return true, nil
	}
	for _, r := range known.open[was.Name] {
		if r.Early || r.Generation > 1 {
			continue
		}
		if occ, ok := d.rule.schedule.Of(r.Period); !ok || !occ.Due.Equal(r.Due) {
			return true, nil
		}
	}
	from := was.Mark.Add(-behind)
	if was.Changed.After(from) {
		from = was.Changed
	}
	if d.job.When.Shape() == calendar.ByMinute || !from.Before(was.Mark) {
		return false, nil
	}
	for _, occ := range d.rule.schedule.Due(from, was.Mark) {
		if occ.Shifted == (calendar.Text{}) {
			continue
		}
		if _, err := tx.RunOf(was.Name, occ.Period); isNone(err) {
			return true, nil
		} else if err != nil {
			return false, err
		}
	}
	return false, nil
}

// sameDays compares the business days of two calendars as far as planning looks.
func (k jobsKnown) sameDays(a, b *calendar.Days, now time.Time) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	pair := [2]*calendar.Days{a, b}
	same, known := k.same[pair]
	if known {
		return same
	}
	same = true
	day := calendar.DateOf(now).AddDays(-int(behind / (24 * time.Hour)))
	for range int((behind + ahead) / (24 * time.Hour)) {
		if a.IsOpen(day) != b.IsOpen(day) {
			same = false
			break
		}
		day = day.AddDays(1)
	}
	k.same[pair] = same
	return same
}

// oldRule is the rule that was at work before: the one in memory, else told again from what the ledger keeps of it. nil when it can't be told.
func (o *Office) oldRule(c *config.Config, was ledger.Job, like rule) *rule {
	if d := o.duties[was.Name]; d != nil {
		return &d.rule
	}
	record, err := config.ReadRule(was.Rule)
	if err == nil {
		like.schedule, err = record.Schedule(c)
	}
	if err != nil {
		o.log.Warn("couldn't tell the rule that was at work before, so what is due since then is asked about", "job", was.Current, "err", err)
		return nil
	}
	return &like
}

// lastAlive is a moment up to which an earlier process was at work, from the event log; zero when it can't be told.
// What opening the ledger wrote just now is no such moment.
func (o *Office) lastAlive(ctx context.Context) (at time.Time, err error) {
	const back = 500
	opened := o.started.Add(-5 * time.Second)
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		seq, _, _, err := v.Head()
		if err != nil {
			return err
		}
		for e, err := range v.Events(max(0, seq-back)) {
			if err != nil {
				return err
			}
			if e.Who.Name == self().Name && e.At.Before(opened) && e.At.After(at) {
				at = e.At
			}
		}
		return nil
	})
	if err != nil {
		return at, fmt.Errorf("couldn't see when bod was last at work: %w", err)
	}
	return at, nil
}

// planDue plans every job whose moment has come, in one transaction; when none has, no row is touched.
func (o *Office) planDue(ctx context.Context, now time.Time) error {
	st := o.at.Load()
	if !o.seen {
		return o.see(ctx, st, now, time.Time{})
	}
	var due []*duty
	for _, d := range o.duties {
		if !d.next.IsZero() && !d.next.After(now) {
			due = append(due, d)
		}
	}
	if len(due) > 0 {
		slices.SortFunc(due, func(a, b *duty) int { return strings.Compare(a.identity, b.identity) })
		type memory struct{ mark, next time.Time }
		before := make([]memory, len(due))
		for i, d := range due {
			before[i] = memory{d.mark, d.next}
		}
		err := o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
			for _, d := range due {
				if err := o.planJob(tx, st, d, planning{now: now, mark: d.mark}); err != nil {
					return fmt.Errorf("couldn't plan the job %s: %w", d.job.Name, err)
				}
			}
			return nil
		})
		if err != nil {
			for i, d := range due { // nothing was written, so nothing was planned
				d.mark, d.next = before[i].mark, before[i].next
			}
			return err
		}
		o.scan.stale = true
	}
	o.last = now
	return nil
}

// planJob plans one job and writes what comes of it.
func (o *Office) planJob(tx *ledger.Tx, st *standing, d *duty, p planning) error {
	w := st.words()
	p.identity, p.new, p.words = d.identity, d.rule, w
	var failed error
	p.existing = func(period string) (known, bool) {
		k, ok, err := knownRun(tx, d.identity, period)
		if err != nil && failed == nil {
			failed = err
		}
		return k, ok
	}
	if p.changed {
		for r, err := range tx.Runs(ledger.RunQuery{Job: d.identity, States: openStates}) {
			if err != nil {
				return err
			}
			p.open = append(p.open, known{Run: r})
		}
		for i := range p.open {
			if err := p.open[i].messages(tx); err != nil {
				return err
			}
		}
	}
	c := p.plan()
	if failed != nil {
		return failed
	}
	for _, r := range c.add {
		if _, _, err := tx.AddRun(r); err != nil {
			return err
		}
		o.log.Info("planned", "job", d.job.Name, "due", r.Due, "run", r.Period, "state", r.State)
	}
	for _, m := range c.move {
		if err := o.move(tx, m); err != nil {
			return err
		}
	}
	if c.ask {
		if err := o.askShape(tx, st, d); err != nil {
			return err
		}
	}
	if c.mark.After(d.mark) || p.changed {
		row, err := tx.Job(d.identity)
		if err != nil {
			return err
		}
		if c.mark.After(row.Mark) {
			row.Mark = c.mark
			if err := tx.PutJob(row); err != nil {
				return err
			}
		}
		d.mark = c.mark
	}
	d.next = c.next
	return nil
}

var openStates = []ledger.RunState{ledger.RunPlanned, ledger.RunRunning, ledger.RunWaiting, ledger.RunDrafted}

// messages fills in what a run's messages say about it.
func (k *known) messages(tx *ledger.Tx) error {
	for m, err := range tx.Messages(ledger.MessageQuery{Run: k.ID}) {
		if err != nil {
			return err
		}
		k.queued = k.queued || !m.Queued.IsZero()
		k.sealed = k.sealed || m.State == ledger.StateHeld
	}
	return nil
}

func knownRun(tx *ledger.Tx, identity, period string) (known, bool, error) {
	r, err := tx.RunOf(identity, period)
	if isNone(err) {
		return known{}, false, nil
	}
	if err != nil {
		return known{}, false, err
	}
	k := known{Run: r}
	return k, true, k.messages(tx)
}

// move writes what planning decided for a run that is there.
func (o *Office) move(tx *ledger.Tx, m move) error {
	if m.hold != "" || m.reject || len(m.lift) > 0 {
		held, err := heldOf(tx.View, m.run.ID)
		if err != nil {
			return err
		}
		for _, msg := range held {
			if len(m.lift) > 0 {
				err = tx.Lift(msg.ID, m.lift...)
			}
			switch {
			case err != nil:
			case m.reject:
				err = rejectAll(tx, msg, m.text)
			case m.hold != "":
				err = tx.Hold(msg.ID, m.hold, m.text)
			}
			if err != nil {
				return err
			}
		}
	}
	o.log.Info("moved", "job", m.run.Job, "run", m.run.Number, "state", m.to, "why", m.text)
	return tx.MoveRun(m.run.ID, m.run.State, m.to, m.change)
}

// heldOf returns a run's held letters.
func heldOf(v *ledger.View, run int64) ([]ledger.Message, error) {
	var held []ledger.Message
	for m, err := range v.Messages(ledger.MessageQuery{Run: run, States: []ledger.State{ledger.StateHeld}}) {
		if err != nil {
			return nil, err
		}
		held = append(held, m)
	}
	return held, nil
}

// rejectAll rejects every delivery that is held, queued, deferred or unknown.
func rejectAll(tx *ledger.Tx, m ledger.Message, why string) error {
	for _, d := range m.Deliveries {
		switch d.State {
		case ledger.StateHeld, ledger.StateQueued, ledger.StateDeferred, ledger.StateUnknown:
			if err := tx.MoveDelivery(d.ID, d.State, ledger.StateRejected, why); err != nil {
				return err
			}
		}
	}
	return nil
}

// askShape asks the admins to look at a job whose periods are now of another kind.
func (o *Office) askShape(tx *ledger.Tx, st *standing, d *duty) error {
	w := st.words()
	notice, err := jobs.Alarm(st.config, o.moment(), "shape", d.identity,
		calendar.Text{
			JA: fmt.Sprintf("【要確認】「%s」の回の数え方が変わりました", d.job.Title),
			EN: fmt.Sprintf("[Please check] %s now counts its periods differently", d.job.Title),
		},
		calendar.Text{
			JA: fmt.Sprintf("「%s」（%s）の予定が、次のように変わりました。\n\n　%s\n\n月ごと、日ごとなど、回の数え方がこれまでと違うため、\nどの回が済んでいるかを自動では判断できません。\n過ぎた回は実施しません。これからの回は、新しい予定のとおりに進めます。\n\n過ぎた回のうち必要なものがあれば、次のように指定してください。\n　bod do %s --period 回の名前",
				d.job.Title, d.job.Name, d.job.When.Sentence(w.lang), d.job.Name),
			EN: fmt.Sprintf("The schedule of %s (%s) is now:\n\n  %s\n\nIt counts its periods in another way than before (by month, by date …), so bod can't tell which of them are done.\nNothing of the past is done. What comes follows the new rule.\n\nIf something of the past is needed, name it:\n  bod do %s --period PERIOD",
				d.job.Title, d.job.Name, d.job.When.Sentence(w.lang), d.job.Name),
		})
	if err != nil {
		return err
	}
	_, err = tx.Seal(0, []ledger.NewMessage{notice}, nil, false)
	return err
}
