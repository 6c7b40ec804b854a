package ledger

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

// pathTo finds moves from "" to a state.
func pathTo[S ~string](moves map[S][]S, to S) []S {
	type node struct {
		at   S
		path []S
	}
	seen := map[S]bool{"": true}
	for queue := []node{{}}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if n.at == to {
			return n.path
		}
		for _, next := range moves[n.at] {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, node{next, append(slices.Clone(n.path), next)})
			}
		}
	}
	return nil
}

// force writes a state past all Go code, as another program would.
func force(tx *Tx, table, id, state string) error {
	extra := ""
	if table == "deliveries" {
		extra = ", token = 'x', next_try = iif($1 = 'deferred', 1, NULL)"
	}
	return tx.s.script("UPDATE " + table + " SET state = '" + state + "'" + strings.ReplaceAll(extra, "$1", "'"+state+"'") + " WHERE id = " + id)
}

var errBack = errors.New("roll back")

func checkMoves[S ~string](t *testing.T, table string, all []S, moves map[S][]S) {
	o := open(t)
	run := o.running("a", "2026-11")
	o.seal(run, letter("acme"))
	if table == "runs" { // a fresh row in its first state
		o.do(func(tx *Tx) error { return tx.MoveRun(run, RunRunning, RunPlanned, RunChange{}) })
	}
	start := moves[""][0]
	pairs := 0
	for _, from := range all {
		path := pathTo(moves, from)
		if path == nil {
			t.Errorf("nothing leads to %q", from)
			continue
		}
		if path[0] != start {
			path = nil // born there: reached through planned as well
			for _, first := range moves[start] {
				if first == from {
					path = []S{start, from}
				}
			}
		}
		for _, to := range all {
			if from == to {
				continue
			}
			pairs++
			var refused error
			err := o.try(func(tx *Tx) error {
				for _, s := range path[1:] {
					if err := force(tx, table, "1", string(s)); err != nil {
						return err
					}
				}
				refused = force(tx, table, "1", string(to))
				return errBack
			})
			if err != errBack {
				t.Fatalf("%q: %v", from, err)
			}
			if allowed := slices.Contains(moves[from], to); allowed != (refused == nil) {
				t.Errorf("%s %q → %q: the table says %v, the database %v", table, from, to, allowed, refused)
			}
			if refused != nil && !strings.Contains(refused.Error(), "no such move") {
				t.Errorf("%s %q → %q: refused by another guard: %v", table, from, to, refused)
			}
		}
	}
	if want := len(all) * (len(all) - 1); pairs != want {
		t.Errorf("%d pairs of %d", pairs, want)
	}
}

// The Go table and the database's triggers are one truth: every pair is tried.
func TestMovesOfDeliveries(t *testing.T) { checkMoves(t, "deliveries", states, deliveryMoves) }
func TestMovesOfRuns(t *testing.T)       { checkMoves(t, "runs", runStates, runMoves) }

func TestFirstStates(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	o.seal(run, letter("acme"))
	for _, s := range states {
		err := o.try(func(tx *Tx) error {
			err := tx.s.script(`INSERT INTO deliveries (message, mail, name, role, outside, due, state, attempts, next_try, token, words, changed)
				SELECT message, 'other@acme.example', name, role, outside, due, '` + string(s) + `', 0, iif('` + string(s) + `' = 'deferred', 1, NULL), 'x', '', changed FROM deliveries WHERE id = 1`)
			return errors.Join(errBack, err)
		})
		if got, want := !isConstraint(err), slices.Contains(deliveryMoves[""], s); got != want {
			t.Errorf("born %s: %v", s, err)
		}
	}
	for _, s := range runStates {
		err := o.try(func(tx *Tx) error {
			_, _, err := tx.AddRun(Run{Job: "a", Period: "p-" + string(s), Nominal: o.now, Due: o.now, State: s})
			return errors.Join(errBack, err)
		})
		if got, want := !errors.Is(err, ErrMove), slices.Contains(runMoves[""], s); got != want {
			t.Errorf("born %s: %v", s, err)
		}
	}
}

// Every move of a person is one of the table, and every way of a receipt is made of such moves.
func TestTablesAgree(t *testing.T) {
	for from, tos := range personMoves {
		for _, to := range tos {
			if !slices.Contains(deliveryMoves[from], to) {
				t.Errorf("a person's move %s → %s is not in the table", from, to)
			}
		}
	}
	for result, by := range ways {
		for from, way := range by {
			at := from
			for _, to := range way {
				if !slices.Contains(deliveryMoves[at], to) {
					t.Errorf("%s from %s: %s → %s is not in the table", result, from, at, to)
				}
				at = to
			}
		}
	}
	for _, moves := range slices.Sorted(maps.Keys(deliveryMoves)) {
		if moves != "" && !slices.Contains(states, moves) {
			t.Errorf("%q is no state", moves)
		}
	}
	for _, s := range states {
		if !s.open() && s != StateFailed && len(deliveryMoves[s]) > 0 {
			t.Errorf("%s has ended and can be left", s)
		}
	}
}

// What a restart does is written at each state; only these three are touched.
func TestRecovery(t *testing.T) {
	o := open(t)
	runs := []int64{o.running("a", "2026-11"), o.running("b", "2026-11")}
	out := o.seal(runs[0], letter("queued"), letter("claimed"), letter("sending"), letter("held"), letter("onhold"))
	o.do(func(tx *Tx) error { return tx.MoveRun(runs[0], RunRunning, RunDrafted, RunChange{}) })
	tokens := map[string]string{}
	for _, s := range out {
		name := strings.TrimPrefix(s.Key, "a/2026-11/")
		o.do(func(tx *Tx) (err error) {
			if name == "held" {
				return nil
			}
			if err := tx.Queue(s.Message); err != nil || name == "queued" {
				return err
			}
			if tokens[name], _, err = tx.Claim(s.Message); err != nil {
				return err
			}
			if name == "onhold" {
				return tx.Hold(s.Message, Person, "待ってください")
			}
			if name == "sending" {
				return tx.Sending(tokens[name], []string{"sending@acme.example"})
			}
			return nil
		})
	}
	o.reopen()
	for i, want := range []State{StateQueued, StateQueued, StateUnknown, StateHeld, StateHeld} {
		if got := o.message(out[i].Message).State; got != want {
			t.Errorf("%s is %s, want %s", out[i].Key, got, want)
		}
	}
	if got := o.run(runs[0]).State; got != RunDrafted {
		t.Error(got)
	}
	if got := o.run(runs[1]).State; got != RunPlanned {
		t.Error(got)
	}
	// The claim of the dead process is worth nothing before the fence, and its late word is still heard after it.
	if err := o.try(func(tx *Tx) error { return tx.Sending(tokens["claimed"], []string{"claimed@acme.example"}) }); !errors.Is(err, ErrFenced) {
		t.Error(err)
	}
	o.do(func(tx *Tx) error {
		return tx.Receive(tokens["sending"], receipts("sent", "sending@acme.example"), nil)
	})
	if got := o.message(out[2].Message).State; got != StateSent {
		t.Error(got)
	}
	o.verified()
}
