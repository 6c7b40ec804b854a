package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"bod/internal/mailer"
)

// model is the ledger as one would tell it to a colleague: letters of one run, one
// recipient each, in plain maps.
type model struct {
	letters []*modelLetter
	newest  map[string]*modelLetter // by part
}

type modelLetter struct {
	id        int64
	part      string
	input     string
	state     State
	queued    bool // ever
	holds     map[HoldReason]bool
	token     string
	successor bool
	dots      int
}

// play runs operations against the ledger and the model side by side. Each takes
// two bytes: what, and to which letter.
func play(t *testing.T, o *office, ops []byte) {
	run := o.running("a", "2026-11")
	o.do(func(tx *Tx) error { return tx.MoveRun(run, RunRunning, RunDrafted, RunChange{}) })
	m := &model{newest: map[string]*modelLetter{}}
	later := func(Delivery) time.Time { return o.now.Add(time.Minute) }
	for i := 0; i+1 < len(ops); i += 2 {
		what, which := ops[i]%16, ops[i+1]
		part := fmt.Sprint("p", which%3)
		l := m.newest[part]
		o.now = o.now.Add(2 * time.Minute) // every retry has come by the next operation
		if what <= 2 {
			m.seal(t, o, run, part, fmt.Sprint("in", which/3%2))
			continue
		}
		if l == nil {
			continue
		}
		mail := part + "@acme.example"
		var want error
		var err error
		switch what {
		case 3, 4: // hold
			reason := []HoldReason{Person, Late}[which/3%2]
			switch l.state {
			case StateHeld, StateQueued, StateDeferred:
				l.state, l.holds[reason] = StateHeld, true
			case StateClaimed, StateSending:
				l.holds[reason] = true
			default:
				want = ErrStale
			}
			err = o.try(func(tx *Tx) error { return tx.Hold(l.id, reason, "") })
		case 5: // release
			clear(l.holds)
			err = o.try(func(tx *Tx) error { return tx.Lift(l.id) })
		case 6, 7: // queue
			switch {
			case l.state != StateHeld:
				want = ErrStale
			case len(l.holds) > 0:
				want = ErrHeld
			default:
				l.state, l.queued = StateQueued, true
			}
			err = o.try(func(tx *Tx) error { return tx.Queue(l.id) })
		case 8, 9: // claim
			if l.state == StateQueued || l.state == StateDeferred {
				l.state = StateClaimed
			} else {
				want = ErrStale
			}
			err = o.try(func(tx *Tx) error {
				token, _, err := tx.Claim(l.id)
				if err == nil {
					l.token = token
				}
				return err
			})
		case 10: // fence
			if l.state == StateClaimed {
				l.state = StateSending
				l.dots++
			} else {
				want = ErrFenced
			}
			err = o.try(func(tx *Tx) error { return tx.Sending(l.token, []string{mail}) })
		case 11, 12: // receipt
			result := []mailer.Result{mailer.Sent, mailer.Deferred, mailer.Failed, mailer.Unknown}[which/3%4]
			if l.state != StateSending { // others are tried state by state in TestReceiptsInEveryState
				continue
			}
			l.state = map[mailer.Result]State{mailer.Sent: StateSent, mailer.Deferred: StateDeferred, mailer.Failed: StateFailed, mailer.Unknown: StateUnknown}[result]
			if l.state == StateDeferred {
				l.back()
			}
			err = o.try(func(tx *Tx) error { return tx.Receive(l.token, receipts(result, mail), later) })
		case 13: // give the claim back
			if l.state == StateClaimed {
				l.state = StateQueued
				l.back()
			} else {
				want = ErrFenced
			}
			err = o.try(func(tx *Tx) error { return tx.Unclaim(l.token) })
		case 14: // a person
			to := []State{StateQueued, StateRejected, StateFailed, StateSent, StateByHand}[which/3%5]
			from := l.state
			want = ErrMove
			for _, s := range personMoves[from] {
				if s == to && !(to == StateQueued && l.successor) {
					want = nil
				}
			}
			if want == nil {
				if l.state = to; to == StateQueued {
					l.back()
				}
			}
			err = o.try(func(tx *Tx) error { return tx.MoveDelivery(l.id, from, to, "") }) // one delivery each: the ids are the same
		case 15: // we die
			for _, l := range m.letters {
				switch l.state {
				case StateClaimed:
					l.state = StateQueued
					l.back()
				case StateSending:
					l.state = StateUnknown
				}
			}
			o.reopen()
		}
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Fatalf("operation %d (%d %d) on %s: %v, want %v", i/2, what, which, part, err, want)
		}
		m.compare(t, o, i/2)
	}
	m.compare(t, o, -1)
	o.verified()
}

// back is what becomes of a letter that is not carried any more and has a reason set.
func (l *modelLetter) back() {
	if len(l.holds) > 0 {
		l.state = StateHeld
	}
}

func (m *model) seal(t *testing.T, o *office, run int64, part, input string) {
	l := m.newest[part]
	want := OutcomeSealed
	if l != nil {
		switch {
		case l.state != StateHeld || l.queued:
			want = OutcomeTaken
		case l.input == input:
			want = OutcomeKept
		default:
			want = OutcomeReplaced
		}
	}
	var out []Sealed
	o.do(func(tx *Tx) (err error) {
		out, err = tx.Seal(run, []NewMessage{changed(letter(part), input)}, nil, false)
		return err
	})
	if out[0].Outcome != want {
		t.Fatalf("%s with %s: %s, want %s", part, input, out[0].Outcome, want)
	}
	if want == OutcomeReplaced {
		l.state, l.successor = StateReplaced, true
	}
	if want == OutcomeReplaced || want == OutcomeSealed {
		next := &modelLetter{id: out[0].Message, part: part, input: input, state: StateHeld, holds: map[HoldReason]bool{}}
		if want == OutcomeReplaced && l.holds[Person] {
			next.holds[Person] = true
		}
		l = next
		m.letters = append(m.letters, l)
		m.newest[part] = l
	}
}

func (m *model) compare(t *testing.T, o *office, op int) {
	t.Helper()
	o.view(func(v *View) error {
		i := 0
		keys := map[string]bool{}
		for got, err := range v.Messages(MessageQuery{}) {
			if err != nil {
				return err
			}
			l := m.letters[i]
			i++
			if got.ID != l.id || got.State != l.state || got.Queued.IsZero() == l.queued {
				t.Fatalf("after operation %d the message %d is %s, want %s", op, got.ID, got.State, l.state)
			}
			if got.State.live() && keys[got.Key] {
				t.Fatalf("after operation %d two live messages have the key %s", op, got.Key)
			}
			keys[got.Key] = keys[got.Key] || got.State.live()
			if got.State == StateHeld && len(got.Holds) != len(l.holds) {
				t.Fatalf("after operation %d the message %d is held for %+v, want %v", op, got.ID, got.Holds, l.holds)
			}
		}
		if i != len(m.letters) {
			t.Fatalf("after operation %d there are %d messages, want %d", op, i, len(m.letters))
		}
		return nil
	})
}

func TestAgainstModel(t *testing.T) {
	for range 4 {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		ops := make([]byte, 200)
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { play(t, open(t), ops) })
	}
}

func FuzzAgainstModel(f *testing.F) {
	f.Add([]byte{0, 0, 6, 0, 8, 0, 10, 0, 11, 0})             // sent
	f.Add([]byte{0, 0, 6, 0, 8, 0, 10, 0, 15, 0, 14, 0})      // died after the fence, queued again by a person
	f.Add([]byte{0, 0, 0, 3, 6, 0, 3, 0, 0, 0, 5, 0, 6, 0})   // replaced, queued, held, released
	f.Add([]byte{0, 0, 6, 0, 8, 0, 3, 0, 13, 0, 14, 3, 0, 0}) // held in flight, rejected, drafted again
	f.Add([]byte{0, 0, 6, 0, 8, 0, 10, 0, 11, 6, 14, 0, 8, 0, 10, 0, 11, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 100 {
			ops = ops[:100]
		}
		play(t, open(t), ops)
	})
}
