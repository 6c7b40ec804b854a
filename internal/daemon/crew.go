package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// How runs are prepared: a few side by side, each for as long as it goes on. One of which nothing is heard for the time limit
// hangs. A run that takes longer than patience gives its place to the next one and goes on beside the loop, which collects it
// in a later Step.
const (
	places    = 4
	patience  = 2 * time.Second
	timeLimit = 2 * time.Minute
	flights   = 10               // workers in all, those beside the loop included: each reads a snapshot, and the loop needs some too
	batch     = 500              // runs in one Step
	shift     = 20 * time.Second // after this long a Step begins no further run, so that the loop can say in between that it lives
)

// task is one run to be brought up to date: prepared, compared, sealed, released.
type task struct {
	run  ledger.Run
	duty *duty
}

// outcome is what preparing a run came to.
type outcome struct {
	task
	rules    *standing
	began    time.Time // by the office's clock: the moment that the world was looked at
	took     time.Duration
	prepared jobs.Prepared
	drafts   []ledger.NewMessage // rendered, or as they are sealed already where nothing changed
	changed  bool                // what is sealed is not what would be drafted now
	err      error
}

// crew are the workers at work. Its maps belong to Step.
type crew struct {
	active int             // places taken
	busy   map[string]bool // jobs with a worker; a job that hangs isn't started a second time
	slow   map[int64]bool  // runs whose place was given away
	flying map[int64]bool  // runs with a worker
	done   chan outcome
	places int
}

func newCrew() crew {
	return crew{busy: map[string]bool{}, slow: map[int64]bool{}, flying: map[int64]bool{}, done: make(chan outcome, 256), places: places}
}

// work brings the tasks up to date and returns when all have ended or gone on beside the loop. Each is committed on its own,
// so that a draft that can't be sealed takes no other with it.
// left: the shift was over before all had begun.
func (o *Office) work(ctx context.Context, tasks []task) (left bool, err error) {
	queue, began := slices.Clone(tasks), time.Now()
	after := map[string][]task{} // further runs of jobs that are at work now
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		over := time.Since(began) >= shift
		for !over && o.crew.active < o.crew.places {
			i := slices.IndexFunc(queue, func(t task) bool { return o.room(t.duty) })
			if i < 0 {
				break
			}
			t := queue[i]
			queue = slices.Delete(queue, i, i+1)
			if o.crew.busy[t.duty.identity] {
				after[t.duty.identity] = append(after[t.duty.identity], t)
				continue
			}
			o.begin(ctx, t)
		}
		if o.crew.active == 0 {
			return over && len(queue) > 0, nil // what is left otherwise waits for a job that hangs
		}
		select {
		case out := <-o.crew.done:
			if err := o.ended(ctx, out); err != nil {
				return false, err
			}
			id := out.duty.identity
			queue = append(queue, after[id]...)
			delete(after, id)
			timer.Reset(patience)
		case <-timer.C:
			for run := range o.crew.flying {
				o.crew.slow[run] = true
			}
			o.crew.active = 0
			timer.Reset(patience)
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// room reports whether one more worker may begin. Those that hang (a share that doesn't answer hangs all its jobs) leave one
// place to the summary, which reads the ledger alone: its absence would be heard too late.
func (o *Office) room(d *duty) bool {
	return len(o.crew.busy) < flights || d.job.Kind == "summary" && len(o.crew.busy) == flights
}

// collect takes in what ended beside the loop since the last Step.
func (o *Office) collect(ctx context.Context) error {
	for {
		select {
		case out := <-o.crew.done:
			if err := o.ended(ctx, out); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (o *Office) begin(ctx context.Context, t task) {
	o.crew.active++
	o.crew.busy[t.duty.identity] = true
	o.crew.flying[t.run.ID] = true
	st := o.at.Load()
	began := o.moment()
	ctx, cancel := context.WithCancelCause(ctx)
	hangs := time.AfterFunc(timeLimit, func() { cancel(errSlow) })
	result := make(chan outcome, 1)
	go func() {
		start := time.Now()
		out := o.prepare(ctx, st, t, began, func() { hangs.Reset(timeLimit) })
		out.took = time.Since(start)
		result <- out
	}()
	go func() {
		defer cancel(nil)
		defer hangs.Stop()
		select {
		case out := <-result:
			o.hand(out)
		case <-ctx.Done():
			if context.Cause(ctx) != errSlow {
				o.hand(<-result) // the office is being stopped; a kind ends with its context
				return
			}
			// The run has failed, but what hangs can't be ended from outside: its job stays busy until it returns.
			o.hand(outcome{task: t, rules: st, began: began, err: errSlow})
			<-result
			o.hand(outcome{task: t, err: errLeft})
		}
	}()
}

var (
	errSlow = errors.New("nothing was heard of a preparation for 2 minutes")
	errLeft = errors.New("a worker that had hung came back")
)

// hand gives an outcome to the loop, and wakes it in case it went on.
func (o *Office) hand(out outcome) {
	o.crew.done <- out
	select {
	case o.ring <- struct{}{}:
	default:
	}
}

// ended frees the worker's place and commits what it brought.
func (o *Office) ended(ctx context.Context, out outcome) error {
	id := out.run.ID
	if errors.Is(out.err, errLeft) {
		delete(o.crew.busy, out.duty.identity)
		o.scan.stale = true
		return nil
	}
	if o.crew.slow[id] {
		delete(o.crew.slow, id)
	} else if o.crew.flying[id] {
		o.crew.active--
	}
	delete(o.crew.flying, id)
	if !errors.Is(out.err, errSlow) {
		delete(o.crew.busy, out.duty.identity)
	}
	return o.commit(ctx, out)
}

// prepare asks the kind what it would send and renders what isn't sealed yet. It has no effect; a panic is the job's error, not the daemon's end.
func (o *Office) prepare(ctx context.Context, st *standing, t task, now time.Time, alive func()) (out outcome) {
	out = outcome{task: t, rules: st, began: now}
	out.err = o.ledger.View(ctx, func(v *ledger.View) (err error) {
		defer func() {
			if p := recover(); p != nil {
				o.log.Error("a job panicked", "job", t.duty.job.Name, "run", t.run.Number, "err", p, "stack", string(debug.Stack()))
				err = fmt.Errorf("an error inside bod (panic): %v", p)
			}
		}()
		kind, ok := jobs.KindOf(t.duty.job.Kind)
		if !ok {
			return fmt.Errorf("couldn't find the kind %q", t.duty.job.Kind)
		}
		run, err := v.Run(t.run.ID)
		if err != nil {
			return err
		}
		out.run = run
		w := &jobs.World{
			Now: now, Config: st.config, Job: t.duty.job, Identity: t.duty.identity,
			Occurrence: occurrence(t.duty.job, run), Run: run, Ledger: v, Rehearsal: o.ledger.Rehearsal(), Alive: alive,
		}
		if w.Tables = o.tables; w.Tables == nil {
			defer w.OpenTables()()
		}
		if out.prepared, err = kind.Prepare(ctx, w); err != nil {
			return err
		}
		return out.render(w, v)
	})
	return out
}

// occurrence is what the rule says of the run's period, at the due that the run has.
func occurrence(j *config.Job, r ledger.Run) calendar.Occurrence {
	o, ok := j.When.Of(r.Period)
	if !ok {
		o = calendar.Occurrence{Period: r.Period, Nominal: r.Nominal}
	}
	o.Due = r.Due
	return o
}
