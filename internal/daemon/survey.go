package daemon

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"bod/internal/ledger"
)

// How a waiting run is looked at again: soon, then less and less often. A look writes nothing until something changed.
const (
	firstLook = time.Minute
	lastLook  = 10 * time.Minute
	cheap     = 100 * time.Millisecond // a look that takes no longer is done at each look of the loop
	goneLimit = 3 * 24 * time.Hour     // how long after its due a run waits for its job to come back
)

// scan is what the survey remembers between two Steps, so that a Step with nothing to do reads no rows.
type scan struct {
	still bool      // a rehearsal: nothing but time moves, so a second look would see what the first one saw
	stale bool      // survey again, whatever the head says
	head  int64     // the ledger's head at the last survey
	at    time.Time // of the last survey
	next  time.Time // when something moves by itself
	pass  time.Duration
	looks map[int64]lookAt
}

// lookAt is when and how a run was last looked at.
type lookAt struct {
	last, next time.Time
	gap        time.Duration
	cost       time.Duration
	ready      []int64 // messages that could have gone, and didn't
}

// looked notes that a run was prepared and what it cost.
func (s *scan) looked(out outcome, now time.Time) {
	l := s.looks[out.run.ID]
	l.last, l.cost = now, out.took
	switch {
	case len(out.prepared.Missing) == 0 || l.gap == 0:
		l.gap = firstLook
	default:
		l.gap = min(l.gap*3/2, lastLook)
	}
	l.next = now.Add(l.gap)
	if s.still {
		l.next = time.Time{}
	}
	if s.looks == nil {
		s.looks = map[int64]lookAt{}
	}
	s.looks[out.run.ID] = l
	s.pass += out.took
}

// findings are what a survey of the ledger calls for.
type findings struct {
	tasks   []task
	start   []ledger.Run     // planned runs among the tasks
	missed  []ledger.Run     // planned or waiting past late_until
	orphans []ledger.Run     // planned or waiting, and their job is gone for good
	late    []ledger.Run     // with held messages past late_until
	gone    []ledger.Message // could go, but their job is gone
	again   []ledger.Message // released by a person after they had been queued: the same bytes go
	next    time.Time
	looks   map[int64]lookAt
	stops   stops
}

// advance does what open runs and held messages call for: lateness first, then preparing, sealing and releasing, then closing.
// more says that there is more to do at once.
func (o *Office) advance(ctx context.Context, now time.Time) (more bool, err error) {
	if err := o.collect(ctx); err != nil {
		return false, err
	}
	head, err := o.head(ctx)
	if err != nil {
		return false, err
	}
	s := &o.scan
	if !s.stale && head == s.head && now.Before(s.at.Add(look)) && (s.next.IsZero() || now.Before(s.next)) {
		return false, nil
	}
	f, err := o.survey(ctx, now)
	if err != nil {
		return false, fmt.Errorf("couldn't survey the ledger: %w", err)
	}
	s.stale, s.at, s.next, s.looks, s.pass = false, now, f.next, f.looks, 0
	if len(f.missed)+len(f.orphans)+len(f.late)+len(f.gone)+len(f.again)+len(f.start) > 0 {
		if err := o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error { return o.act(tx, f) }); err != nil {
			return false, fmt.Errorf("couldn't move what time moved: %w", err)
		}
		for i, t := range f.tasks {
			if t.run.State == ledger.RunPlanned {
				f.tasks[i].run.State = ledger.RunRunning
			}
		}
		more = len(f.missed)+len(f.late)+len(f.again) > 0
	}
	left, err := o.work(ctx, f.tasks)
	if err != nil {
		return false, err
	}
	s.stale = s.stale || left
	if err := o.close(ctx, now); err != nil {
		return false, err
	}
	if s.head, err = o.head(ctx); err != nil {
		return false, err
	}
	for _, t := range f.tasks { // what was looked at has a later look than the survey knew
		if l, ok := s.looks[t.run.ID]; ok && !l.next.IsZero() && t.run.State == ledger.RunWaiting {
			s.next = earlier(s.next, l.next)
		}
	}
	return more || len(f.tasks) == batch || s.stale, nil
}

func (o *Office) head(ctx context.Context) (seq int64, err error) {
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		seq, _, _, err = v.Head()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("couldn't read the ledger's head: %w", err)
	}
	return seq, nil
}

// survey reads what is open and says what it calls for. It writes nothing.
func (o *Office) survey(ctx context.Context, now time.Time) (findings, error) {
	f := findings{looks: map[int64]lookAt{}}
	var runs []ledger.Run
	held := map[int64][]ledger.Message{}
	err := o.ledger.View(ctx, func(v *ledger.View) (err error) {
		if f.stops, err = stopsOf(v); err != nil {
			return err
		}
		for r, err := range v.Runs(ledger.RunQuery{States: openStates}) {
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		for m, err := range v.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateHeld}}) {
			if err != nil {
				return err
			}
			held[m.Run] = append(held[m.Run], m)
		}
		open := map[int64]bool{}
		for _, r := range runs {
			open[r.ID] = true
		}
		for _, id := range slices.Sorted(maps.Keys(held)) {
			if id == 0 || open[id] {
				continue
			}
			r, err := v.Run(id) // ended, but a letter of it is held: missed in part, or failed
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	// Comparing held letters with their files may cost no more than a twentieth of the time, however many they are.
	compare := max(look, 20*o.scan.pass)
	for _, r := range runs {
		o.surveyRun(&f, r, held[r.ID], now, compare)
	}
	return f, nil
}

func (o *Office) surveyRun(f *findings, r ledger.Run, held []ledger.Message, now time.Time, compare time.Duration) {
	d := o.duties[r.Job]
	l := o.scan.looks[r.ID]
	idle := r.State == ledger.RunPlanned || r.State == ledger.RunWaiting
	if d == nil {
		for _, m := range held {
			if len(m.Holds) == 0 {
				f.gone = append(f.gone, m)
			}
		}
		if idle {
			if limit := r.Due.Add(goneLimit); limit.Before(now) {
				f.orphans = append(f.orphans, r)
			} else {
				f.next = earlier(f.next, limit)
			}
		}
		return
	}

	// A person who asks for a run late starts its time anew; one that leaves early has not reached it.
	from := r.Due
	if hasReason(r.Reasons, codeReleased) && r.Changed.After(from) {
		from = r.Changed
	}
	said := hasReason(r.Reasons, codeLate) || hasReason(r.Reasons, codeReleased) || hasReason(r.Reasons, codeRestored) // it was asked about, and perhaps released
	if idle || len(held) > 0 && !said {
		until := d.rule.until(from)
		if until.After(now) {
			f.next = earlier(f.next, until)
		} else {
			if len(held) > 0 && !said {
				f.late = append(f.late, r)
			}
			if idle {
				f.missed = append(f.missed, r)
			}
			return
		}
	}

	var ready []int64
	var waitsForWorld bool
	for _, m := range held {
		switch {
		case len(m.Holds) > 0:
			waitsForWorld = waitsForWorld || m.Queued.IsZero()
		case f.stops.holds(m):
			// When it is started again it is compared with its files, and goes.
		case !m.Queued.IsZero():
			f.again = append(f.again, m)
		default:
			ready = append(ready, m.ID)
		}
	}
	f.looks[r.ID] = l
	if o.crew.flying[r.ID] || o.crew.busy[d.identity] && len(ready) == 0 || len(f.tasks) >= batch {
		return
	}
	due := false
	news := slices.ContainsFunc(ready, func(id int64) bool { return !slices.Contains(l.ready, id) })
	switch r.State {
	case ledger.RunPlanned:
		due = !r.PrepareAt.After(now) || r.Early
		if !due {
			f.next = earlier(f.next, r.PrepareAt)
		}
	case ledger.RunRunning: // planned, then stopped before its worker began
		due = true
	case ledger.RunWaiting, ledger.RunDrafted:
		switch {
		case news, l.last.IsZero():
			due = true
		case o.scan.still:
		case len(ready) > 0:
			due = !now.Before(l.last.Add(look))
			f.next = earlier(f.next, l.last.Add(look))
		case r.State == ledger.RunWaiting:
			due = !l.next.After(now) || l.cost <= cheap && !now.Before(l.last.Add(look))
			if !due {
				f.next = earlier(f.next, l.next)
			}
		default:
			due = waitsForWorld && !now.Before(l.last.Add(compare))
		}
	}
	if !due || r.State == ledger.RunDrafted && len(ready) == 0 && !waitsForWorld {
		return
	}
	l.ready = ready
	f.looks[r.ID] = l
	f.tasks = append(f.tasks, task{run: r, duty: d})
	if r.State == ledger.RunPlanned {
		f.start = append(f.start, r)
	}
}

// act writes what time and rules moved.
func (o *Office) act(tx *ledger.Tx, f findings) error {
	st := o.at.Load()
	w := st.words()
	for _, r := range f.start {
		if err := tx.MoveRun(r.ID, r.State, ledger.RunRunning, ledger.RunChange{}); err != nil {
			return err
		}
	}
	for _, r := range f.late {
		if err := o.holdLate(tx, w, r); err != nil {
			return err
		}
	}
	for _, r := range f.missed {
		r, err := tx.Run(r.ID) // it may have been held as late just now: a part of it was complete
		if err != nil {
			return err
		}
		until := o.duties[r.Job].rule.until(r.Due)
		why := w.tooLate(r.Due, until)
		if r.State == ledger.RunWaiting {
			why = w.neverComplete(until)
		}
		if err := tx.MoveRun(r.ID, r.State, ledger.RunMissed, ledger.RunChange{Reasons: withReason(r.Reasons, why)}); err != nil {
			return err
		}
		o.log.Warn("missed", "job", r.Job, "run", r.Number, "due", r.Due)
	}
	for _, r := range f.orphans {
		why := st.jobAway(r.Job)
		if err := tx.MoveRun(r.ID, r.State, ledger.RunMissed, ledger.RunChange{Reasons: append(slices.Clone(r.Reasons), why)}); err != nil {
			return err
		}
		o.log.Warn("missed, its job is not at work", "job", r.Job, "run", r.Number, "due", r.Due)
	}
	for _, m := range f.gone {
		if err := tx.Hold(m.ID, ledger.Gone, st.jobAway(m.Job).Text); err != nil {
			return err
		}
		o.log.Warn("held, its job is not at work", "job", m.Job, "message", m.Number)
	}
	for _, m := range f.again {
		if err := tx.Queue(m.ID); err != nil {
			return err
		}
		o.log.Info("queued again", "job", m.Job, "message", m.Number, "key", m.Key)
	}
	return nil
}

// holdLate holds what is past late_until, once: the reason at the run remembers it, so that a person's release stands.
func (o *Office) holdLate(tx *ledger.Tx, w words, r ledger.Run) error {
	held, err := heldOf(tx.View, r.ID)
	if err != nil {
		return err
	}
	why, yes := w.askLate(r.Due), true
	for _, m := range held {
		if err := tx.Hold(m.ID, ledger.Late, why.Text); err != nil {
			return err
		}
	}
	o.log.Warn("held as late", "job", r.Job, "run", r.Number, "due", r.Due)
	return tx.MoveRun(r.ID, r.State, r.State, ledger.RunChange{Reasons: withReason(r.Reasons, why), Late: &yes})
}

// close ends the runs of which nothing is open any more.
func (o *Office) close(ctx context.Context, now time.Time) error {
	head, err := o.head(ctx)
	if err != nil || head == o.scan.head {
		return err
	}
	err = o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
		if err := tx.CountTold(); err != nil {
			return err
		}
		closed, err := tx.CloseRuns()
		for _, r := range closed {
			o.log.Info("closed", "job", r.Job, "run", r.Number, "state", r.State)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't close the runs that have ended: %w", err)
	}
	return nil
}

func (w words) neverComplete(until time.Time) ledger.Reason {
	return ledger.Reason{Code: codeMissed,
		Text: w.say("期限の%sまでに準備がそろいませんでした", "what it needed was not there by its limit, %s", w.at(until)),
		Next: w.say("そろってから、この回を指定して実行してください", "when it is complete, ask for this period by name")}
}

// jobAway says why a job's letters don't go: it rests, or it isn't in the rules at all.
func (s *standing) jobAway(identity string) ledger.Reason {
	w := s.words()
	if s.resting[identity] {
		return w.reason(codeGone, "この仕事は休止中（enabled = false）です", "the job is paused (enabled = false)",
			"休止を解く（enabled = true）か、取りやめてください", "set enabled = true again, or reject it")
	}
	return w.jobGone()
}

func (w words) jobGone() ledger.Reason {
	return w.reason(codeGone, "この仕事は、いまの予定表（jobs.toml）にありません", "the job is not in jobs.toml any more",
		"予定表に戻すか、取りやめてください", "put it back into the file, or reject it")
}
