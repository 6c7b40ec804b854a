package ledger

import "time"

// Tally counts what is in one state.
type Tally struct {
	Count  int64
	Oldest time.Time // see View.Tallies; zero: none
}

// Tallies counts deliveries and runs by state; every state is there, also with none. The oldest of a run that is open is its
// due; of a delivery that is open, or that failed, when it came into its state; of one that is held its due, when that has
// passed, for until then it waits for nobody. What has ended is only counted, from an index.
func (v *View) Tallies() (deliveries map[State]Tally, runs map[RunState]Tally, err error) {
	deliveries, runs = make(map[State]Tally), make(map[RunState]Tally)
	for _, s := range states {
		var t Tally
		var oldest int64
		query, args := "SELECT count(*), 0 FROM deliveries WHERE state = $1", []any{string(s)}
		switch s {
		case StateUnknown, StateFailed, StateDeferred, StateSending, StateClaimed, StateQueued:
			query = "SELECT count(*), coalesce(min(changed), 0) FROM deliveries WHERE state = $1"
		case StateHeld:
			query, args = "SELECT count(*), coalesce(min(iif(due <= $2, due, NULL)), 0) FROM deliveries WHERE state = $1", append(args, v.now.UnixMicro())
		}
		if err := v.get(query, args, &t.Count, &oldest); err != nil {
			return nil, nil, err
		}
		if oldest > 0 {
			t.Oldest = time.UnixMicro(oldest).UTC()
		}
		deliveries[s] = t
	}
	for _, s := range runStates {
		var t Tally
		var oldest int64
		query := "SELECT count(*), 0 FROM runs WHERE state = $1"
		switch s {
		case RunPlanned, RunRunning, RunWaiting, RunDrafted:
			query = "SELECT count(*), coalesce(min(due), 0) FROM runs WHERE state = $1"
		}
		if err := v.get(query, []any{string(s)}, &t.Count, &oldest); err != nil {
			return nil, nil, err
		}
		if oldest > 0 {
			t.Oldest = time.UnixMicro(oldest).UTC()
		}
		runs[s] = t
	}
	return deliveries, runs, nil
}
