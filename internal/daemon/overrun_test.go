package daemon

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// TestOverrunIsToldWhileItLasts: a share stops answering in the middle of a run. The owner hears of it once, while the run is still at
// work; other jobs go on. A retry is no second worker beside the first: it waits until the first one comes back, and then the run
// ends as any other, with one letter.
func TestOverrunIsToldWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan struct{})
		again := sync.OnceFunc(func() { close(answers) }) // the share answers again
		defer again()
		var inside, began atomic.Int32
		breakSend(t, func(ctx context.Context, k jobs.Kind, w *jobs.World) (jobs.Prepared, error) {
			began.Add(1)
			inside.Add(1)
			defer inside.Add(-1)
			<-answers
			return k.Prepare(ctx, w)
		})
		other := strings.NewReplacer("job.daily", "job.other", "9:30", "9:40").Replace(daily)
		r := start(t, "11-24 09:29", head+strings.ReplaceAll(daily, "job.daily", "job.broken")+"owner = \"tanaka\"\n"+other)
		told := func() []string {
			return slices.DeleteFunc(r.sink.notices(), func(s string) bool { return !strings.HasPrefix(s, "notice/broken/") })
		}
		r.sleepTo("11-24 09:31")
		if inside.Load() != 1 || len(r.sink.arrivals()) != 0 {
			t.Fatalf("after a minute %d workers are at work, and what came is %v", inside.Load(), r.sink.arrivals())
		}
		r.sleepTo("11-24 09:33")
		if inside.Load() != 1 {
			t.Fatal("it is not at work any more")
		}
		if got := told(); len(got) != 1 || !strings.HasSuffix(got[0], " → tanaka@aozora.example") {
			t.Fatalf("while it is at work its owner is told %v", got)
		}
		r.sink.mu.Lock()
		mail, at3 := string(r.sink.got[0].data), r.sink.got[0].at
		r.sink.mu.Unlock()
		if after := at3.Sub(at(t, "11-24 09:30")); after < timeLimit || after > timeLimit+5*time.Second {
			t.Errorf("it was told after %s", after)
		}
		if !strings.Contains(mail, "2 minutes") {
			t.Errorf("it doesn't say why:\n%s", mail)
		}
		r.sleepTo("11-24 10:00")
		if got := r.sink.letters(); !slices.Equal(got, []string{"other/2026-11-24/mori → mori@aozora.example"}) {
			t.Errorf("of the other job came %v", got)
		}

		run := r.runOf("broken", "2026-11-24")
		if run.State != ledger.RunFailed {
			t.Fatalf("the run is %s", run.State)
		}
		r.must("tanaka", "retry", "the share is being looked after", Request{Run: run.Number})
		r.sleepTo("11-24 10:10")
		if began.Load() != 1 {
			t.Errorf("%d workers were begun, one beside the other", began.Load())
		}
		again()
		r.sleepTo("11-24 10:11")
		if run := r.runOf("broken", "2026-11-24"); run.State != ledger.RunDone || inside.Load() != 0 {
			t.Errorf("when the share answers again the run is %s because of %v", run.State, run.Reasons)
		}
		r.sleepTo("11-24 18:00")
		if got := r.sink.letters(); len(got) != 2 || got[1] != "broken/2026-11-24/mori → mori@aozora.example" {
			t.Errorf("letters: %v", got)
		}
		if got := told(); len(got) != 1 {
			t.Errorf("told %d times: %v", len(got), got)
		}
		r.end()
	})
}

// TestMuchToDoIsNoHanging: a preparation that goes on for long, as when hundreds of PDFs are read for the first time, ends by
// itself; nobody is told, and other jobs go on meanwhile. When it then stands still, it hangs like any other.
func TestMuchToDoIsNoHanging(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			answers := make(chan struct{})
			again := sync.OnceFunc(func() { close(answers) })
			defer again()
			breakSend(t, func(ctx context.Context, k jobs.Kind, w *jobs.World) (jobs.Prepared, error) {
				for range 10 {
					time.Sleep(time.Minute) // by the bubble's clock
					w.Alive()
				}
				if hangs {
					<-answers
				}
				return k.Prepare(ctx, w)
			})
			other := strings.NewReplacer("job.daily", "job.other", "9:30", "9:33").Replace(daily)
			r := start(t, "11-24 09:29", head+strings.ReplaceAll(daily, "job.daily", "job.broken")+other)
			r.sleepTo("11-24 09:39")
			if got := r.sink.letters(); !slices.Equal(got, []string{"other/2026-11-24/mori → mori@aozora.example"}) {
				t.Errorf("in the meantime came %v", got)
			}
			r.sleepTo("11-24 09:50")
			want := map[bool]ledger.RunState{false: ledger.RunDone, true: ledger.RunFailed}[hangs]
			if run := r.runOf("broken", "2026-11-24"); run.State != want {
				t.Errorf("it hangs %t: the run is %s because of %v", hangs, run.State, run.Reasons)
			}
			if got := r.sink.notices(); (len(got) > 0) != hangs {
				t.Errorf("it hangs %t: told %v", hangs, got)
			}
			again()
			r.end()
		})
	}
}

// runOf is the job's run of the period, as another process sees it.
func (r *running) runOf(job, period string) (run ledger.Run) {
	r.t.Helper()
	l := r.reader()
	err := l.View(r.t.Context(), func(v *ledger.View) (err error) {
		run, err = v.RunOf(job, period)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		r.t.Fatal(err)
	}
	return run
}

// must is a person's request to the running daemon, which has to do it.
func (r *running) must(who, verb, why string, q Request) {
	r.t.Helper()
	args, err := json.Marshal(q)
	if err != nil {
		r.t.Fatal(err)
	}
	l := r.reader()
	id, err := l.AddIntent(r.t.Context(), ledger.Intent{Verb: verb, Args: args, Why: why, Who: ledger.Who{Name: who, User: who}, At: time.Now()})
	if err != nil {
		r.t.Fatal(err)
	}
	if in, err := l.Await(r.t.Context(), id); err != nil || !in.OK {
		r.t.Fatalf("%s was refused: %s %v", verb, in.Result, err)
	}
	if err := l.Close(); err != nil {
		r.t.Fatal(err)
	}
}
