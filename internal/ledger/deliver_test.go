package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/mailer"
)

// claimed makes a message of a new run to these recipients and claims it.
func (o *office) claimed(to ...string) (id int64, token string) {
	o.t.Helper()
	o.n++
	id = o.seal(o.running("a", fmt.Sprintf("2026-11 %d", o.n)), letter("x", to...))[0].Message
	o.do(func(tx *Tx) (err error) {
		if err := tx.Queue(id); err != nil {
			return err
		}
		var ds []Delivery
		token, ds, err = tx.Claim(id)
		if len(ds) != len(to) || ds[0].State != StateClaimed {
			o.t.Errorf("%+v", ds)
		}
		return err
	})
	return id, token
}

// to brings the one delivery of a claimed message to a state.
func (o *office) to(id int64, token string, s State) {
	o.t.Helper()
	const mail = "x@a.example"
	later := func(Delivery) time.Time { return o.now.Add(time.Hour) }
	row := o.message(id).Deliveries[0].ID
	o.do(func(tx *Tx) error {
		switch s {
		case StateClaimed:
			return nil
		case StateQueued:
			return tx.Unclaim(token)
		case StateHeld:
			return errors.Join(tx.Hold(id, Person, "待って"), tx.Unclaim(token))
		case StateDeferred:
			return tx.Receive(token, receipts(mailer.Deferred, mail), later)
		case StateFailed:
			return tx.Receive(token, receipts(mailer.Failed, mail), nil)
		case StateWritten:
			return tx.Receive(token, receipts(mailer.Written, mail), nil)
		case StateRejected:
			if err := tx.Unclaim(token); err != nil {
				return err
			}
			return tx.MoveDelivery(row, StateQueued, StateRejected, "")
		}
		if err := tx.Sending(token, []string{mail}); err != nil {
			return err
		}
		switch s {
		case StateSending:
			return nil
		case StateUnknown:
			return tx.Receive(token, receipts(mailer.Unknown, mail), nil)
		case StateByHand:
			if err := tx.Receive(token, receipts(mailer.Unknown, mail), nil); err != nil {
				return err
			}
			return tx.MoveDelivery(row, StateUnknown, StateByHand, "")
		}
		return tx.Receive(token, receipts(mailer.Sent, mail), nil)
	})
	if got := o.message(id).State; got != s {
		o.t.Fatalf("it is %s, want %s", got, s)
	}
}

// Every receipt meets every state: it is stored where the table says, or it is an
// error and nothing is written.
func TestReceiptsInEveryState(t *testing.T) {
	const none = State("")
	want := map[State]map[mailer.Result]State{
		//             sent, deferred, failed, unknown, written
		StateClaimed:  {"sent": StateSent, "deferred": StateDeferred, "failed": StateFailed, "unknown": StateUnknown, "written": StateWritten},
		StateSending:  {"sent": StateSent, "deferred": StateDeferred, "failed": StateFailed, "unknown": StateUnknown},
		StateUnknown:  {"sent": StateSent, "unknown": StateUnknown},
		StateQueued:   {"sent": StateSent},
		StateHeld:     {"sent": StateSent},
		StateDeferred: {"sent": StateSent},
		StateSent:     {"sent": StateSent},
		StateWritten:  {"written": StateWritten},
		StateFailed:   {}, StateRejected: {}, StateByHand: {},
	}
	o := open(t)
	for from, by := range want {
		for _, result := range []mailer.Result{mailer.Sent, mailer.Deferred, mailer.Failed, mailer.Unknown, mailer.Written} {
			t.Run(string(from)+" "+string(result), func(t *testing.T) {
				id, token := o.claimed("x@a.example")
				o.to(id, token, from)
				before := o.message(id)
				err := o.try(func(tx *Tx) error {
					return tx.Receive(token, receipts(result, "x@a.example"), func(Delivery) time.Time { return o.now.Add(time.Hour) })
				})
				after := o.message(id)
				if to := by[result]; to != none {
					if err != nil || after.State != to || after.Deliveries[0].Attempts == 0 {
						t.Errorf("%v, it is %+v", err, after.Deliveries)
					}
				} else if !errors.Is(err, ErrMove) || after.State != before.State || after.Deliveries[0].Attempts != before.Deliveries[0].Attempts {
					t.Errorf("%v, it is %+v", err, after.Deliveries)
				}
			})
		}
	}
	o.verified()
}

func TestOneAttemptManyAnswers(t *testing.T) {
	o := open(t)
	id, token := o.claimed("sent@a.example", "later@a.example", "never@a.example", "silent@a.example", "unsaid@a.example", "givenup@a.example")
	o.do(func(tx *Tx) error { return tx.Sending(token, []string{"sent@a.example", "silent@a.example"}) })
	var asked []int
	o.do(func(tx *Tx) error {
		return tx.Receive(token, slices.Concat(
			receipts(mailer.Sent, "sent@a.example"), receipts(mailer.Deferred, "later@a.example", "givenup@a.example"), receipts(mailer.Failed, "never@a.example"),
		), func(d Delivery) time.Time {
			asked = append(asked, d.Attempts)
			if d.Mail == "givenup@a.example" {
				return time.Time{}
			}
			return o.now.Add(time.Minute)
		})
	})
	got := map[string]State{}
	m := o.message(id)
	for _, d := range m.Deliveries {
		got[d.Mail] = d.State
	}
	for mail, want := range map[string]State{
		"sent@a.example": StateSent, "later@a.example": StateDeferred, "never@a.example": StateFailed, "givenup@a.example": StateFailed,
		"silent@a.example": StateUnknown, "unsaid@a.example": StateQueued,
	} {
		if got[mail] != want {
			t.Errorf("%s is %s, want %s", mail, got[mail], want)
		}
	}
	if m.State != StateUnknown || !slices.Equal(asked, []int{1, 1}) {
		t.Error(m.State, asked)
	}
	o.view(func(v *View) error {
		as, err := v.Attempts(id)
		if len(as) != 4 || as[0].To != "sent@a.example" || as[0].Words != "2.0.0 Ok" || !as[0].At.Equal(begin) {
			t.Errorf("%+v", as)
		}
		ms, err2 := v.Claimable(o.now, 0)
		if len(ms) != 1 {
			t.Error(ms)
		}
		at, err3 := v.NextWake(o.now)
		if !at.Equal(o.now.Add(time.Minute)) {
			t.Error(at)
		}
		return errors.Join(err, err2, err3)
	})
	o.do(func(tx *Tx) error {
		_, ds, err := tx.Claim(id)
		if len(ds) != 1 || ds[0].Mail != "unsaid@a.example" {
			t.Errorf("%+v", ds)
		}
		return err
	})
	o.verified()
}

// The fence: exactly the accepted rows, under the claim's own token, or nothing.
func TestFence(t *testing.T) {
	o := open(t)
	id, token := o.claimed("a@a.example", "b@a.example")
	for name, fn := range map[string]func(tx *Tx) error{
		"no token":            func(tx *Tx) error { return tx.Sending("", []string{"a@a.example"}) },
		"another token":       func(tx *Tx) error { return tx.Sending("x", []string{"a@a.example"}) },
		"nobody":              func(tx *Tx) error { return tx.Sending(token, nil) },
		"somebody else":       func(tx *Tx) error { return tx.Sending(token, []string{"a@a.example", "c@a.example"}) },
		"twice the same":      func(tx *Tx) error { return tx.Sending(token, []string{"a@a.example", "a@a.example"}) },
		"given back":          func(tx *Tx) error { return errors.Join(tx.Unclaim(token), tx.Sending(token, []string{"a@a.example"})) },
		"claimed by another":  func(tx *Tx) error { tx.Unclaim(token); tx.Claim(id); return tx.Sending(token, []string{"a@a.example"}) },
		"given back after it": func(tx *Tx) error { tx.Sending(token, []string{"a@a.example"}); return tx.Unclaim(token) },
		"passed twice": func(tx *Tx) error {
			tx.Sending(token, []string{"a@a.example"})
			return tx.Sending(token, []string{"a@a.example"})
		},
		"an error not heeded":  func(tx *Tx) error { tx.Sending(token, []string{"a@a.example", "c@a.example"}); return nil },
		"a stranger's receipt": func(tx *Tx) error { return tx.Receive(token, receipts(mailer.Sent, "c@a.example"), nil) },
	} {
		if err := o.try(fn); !errors.Is(err, ErrFenced) {
			t.Errorf("%s: %v", name, err)
		}
		for _, d := range o.message(id).Deliveries {
			if d.State != StateClaimed {
				t.Errorf("%s: %s is %s", name, d.Mail, d.State)
			}
		}
	}
	if err := o.try(func(tx *Tx) error { _, _, err := tx.Claim(id); return err }); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	o.do(func(tx *Tx) error { return tx.Sending(token, []string{"b@a.example"}) })
	o.verified()
}

func TestDeferredComesBack(t *testing.T) {
	o := open(t)
	id, token := o.claimed("x@a.example")
	o.to(id, token, StateDeferred)
	claim := func() error { return o.try(func(tx *Tx) error { _, _, err := tx.Claim(id); return err }) }
	if err := claim(); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	o.now = o.now.Add(time.Hour)
	o.view(func(v *View) error {
		ms, err := v.Claimable(o.now, 10)
		if len(ms) != 1 || ms[0].ID != id {
			t.Errorf("%+v", ms)
		}
		return err
	})
	if err := claim(); err != nil {
		t.Error(err)
	}
	o.verified()
}

// What is held while it is being carried is held when it comes back.
func TestHeldInFlight(t *testing.T) {
	o := open(t)
	id, token := o.claimed("x@a.example")
	o.do(func(tx *Tx) error { return tx.Hold(id, Person, "待って") })
	if got := o.message(id).State; got != StateClaimed {
		t.Fatal(got)
	}
	o.do(func(tx *Tx) error {
		return tx.Receive(token, receipts(mailer.Deferred, "x@a.example"), func(Delivery) time.Time { return o.now.Add(time.Hour) })
	})
	if m := o.message(id); m.State != StateHeld || m.Holds[0].Text != "待って" {
		t.Errorf("%+v", m)
	}
	o.do(func(tx *Tx) error {
		if err := tx.Lift(id); err != nil {
			return err
		}
		ready, err := tx.Ready()
		if len(ready) != 1 {
			t.Errorf("%+v", ready)
		}
		return errors.Join(err, tx.Queue(id))
	})
	if m := o.message(id); m.State != StateQueued {
		t.Errorf("%+v", m)
	}
	o.verified()
}

func TestPeoplesMoves(t *testing.T) {
	o := open(t)
	for _, from := range states {
		for _, to := range states {
			allowed := slices.Contains(personMoves[from], to)
			if from == StateReplaced || !allowed && from != StateClaimed && from != StateSent && from != StateFailed {
				continue // each allowed one, and all that are refused from three states
			}
			t.Run(string(from)+" "+string(to), func(t *testing.T) {
				id, token := o.claimed("x@a.example")
				o.to(id, token, from)
				row := o.message(id).Deliveries[0].ID
				err := o.try(func(tx *Tx) error { return tx.MoveDelivery(row, from, to, "佐藤が確かめました") })
				got := o.message(id).Deliveries[0]
				switch {
				case allowed && (err != nil || got.State != to || got.Words != "佐藤が確かめました"):
					t.Errorf("%v: %+v", err, got)
				case !allowed && (!errors.Is(err, ErrMove) || got.State != from):
					t.Errorf("%v: %+v", err, got)
				}
			})
		}
	}
	id, _ := o.claimed("x@a.example")
	row := o.message(id).Deliveries[0].ID
	if err := o.try(func(tx *Tx) error { return tx.MoveDelivery(row, StateUnknown, StateSent, "") }); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	if err := o.try(func(tx *Tx) error { return tx.MoveDelivery(9999, StateUnknown, StateSent, "") }); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestOldestDueFirst(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	due := map[string]time.Duration{"c": 3 * time.Hour, "a": time.Hour, "b": 2 * time.Hour}
	for _, part := range []string{"c", "a", "b"} {
		m := letter(part)
		m.NotBefore = o.now.Add(due[part])
		o.do(func(tx *Tx) error { _, err := tx.Seal(run, []NewMessage{m}, nil, false); return err })
	}
	o.now = o.now.Add(4 * time.Hour)
	o.do(func(tx *Tx) error {
		ms, err := tx.Ready()
		for _, m := range ms {
			err = errors.Join(err, tx.Queue(m.ID))
		}
		return err
	})
	o.view(func(v *View) error {
		ms, err := v.Claimable(o.now, 2)
		if len(ms) != 2 || ms[0].Part != "a" || ms[1].Part != "b" {
			t.Errorf("%+v", ms)
		}
		return err
	})
}

// How a delivery came out of unknown stays in the log, also after it was sent.
func TestResolved(t *testing.T) {
	o := open(t)
	out := o.seal(o.running("a", "2026-11"), letter("acme"), letter("beta"), letter("gamma"))
	for _, m := range out[:2] {
		o.send(m.Message, mailer.Unknown)
	}
	o.send(out[2].Message, mailer.Sent) // never in doubt
	o.now = o.now.Add(time.Hour)
	first := o.now
	again := o.message(out[0].Message).Deliveries[0].ID
	o.do(func(tx *Tx) error { return tx.MoveDelivery(again, StateUnknown, StateQueued, "asked them") })
	var token string
	o.do(func(tx *Tx) (err error) {
		token, _, err = tx.Claim(out[0].Message)
		return err
	})
	mail := o.message(out[0].Message).Deliveries[0].Mail
	o.do(func(tx *Tx) error { return tx.Sending(token, []string{mail}) })
	o.do(func(tx *Tx) error { return tx.Receive(token, receipts(mailer.Unknown, mail), nil) })
	o.now = o.now.Add(time.Hour)
	second := o.now
	o.do(func(tx *Tx) error { return tx.MoveDelivery(again, StateUnknown, StateSent, "postfix-proof: 4B1") })
	settled := o.message(out[1].Message).Deliveries[0].ID
	o.do(func(tx *Tx) error { return tx.MoveDelivery(settled, StateUnknown, StateFailed, "it never came") })

	line := func(rs []Resolved) string {
		var s []string
		for _, r := range rs {
			s = append(s, fmt.Sprintf("%d %s by %s at %s: %s", r.Delivery, r.To, r.By.Name, r.At.In(second.Location()).Format("15:04"), r.Words))
		}
		return strings.Join(s, "\n")
	}
	a := fmt.Sprintf("%d queued by bod at %s: asked them", again, first.Format("15:04"))
	b := fmt.Sprintf("%d sent by bod at %s: postfix-proof: 4B1", again, second.Format("15:04"))
	c := fmt.Sprintf("%d failed by bod at %s: it never came", settled, second.Format("15:04"))
	o.view(func(v *View) error {
		for _, x := range []struct {
			since time.Time
			want  string
		}{{begin, a + "\n" + b + "\n" + c}, {first, a + "\n" + b + "\n" + c}, {first.Add(time.Second), b + "\n" + c}, {second.Add(time.Second), ""}} {
			rs, err := v.Resolved(x.since)
			if err != nil {
				return err
			}
			if got := line(rs); got != x.want {
				t.Errorf("since %s:\n%s\nwant:\n%s", x.since, got, x.want)
			}
		}
		rs, err := v.ResolvedOf(again)
		if got := line(rs); got != a+"\n"+b {
			t.Errorf("of one:\n%s", got)
		}
		return err
	})
}
