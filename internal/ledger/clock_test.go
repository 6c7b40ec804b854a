package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func (o *office) logged() (at time.Time) {
	o.t.Helper()
	o.view(func(v *View) (err error) { _, _, at, err = v.Head(); return err })
	return at
}

func (o *office) touchJob() error {
	return o.try(func(tx *Tx) error {
		return tx.PutJob(Job{Name: "a", Kind: "send", Rule: []byte(`{}`), Shape: tx.now.String()})
	})
}

func TestClock(t *testing.T) {
	o := open(t)
	if err := o.touchJob(); err != nil {
		t.Fatal(err)
	}
	o.now = begin.Add(-4 * time.Minute) // corrected by a little
	if err := o.touchJob(); err != nil {
		t.Fatal(err)
	}
	if at := o.logged(); !at.Equal(begin) {
		t.Errorf("the log's time ran back to %v", at)
	}
	o.now = begin.Add(-6 * time.Minute)
	if err := o.touchJob(); !errors.Is(err, ErrClock) {
		t.Error(err)
	}
	up := func(fn func(*Tx) error) error { return o.UpdateClock(t.Context(), o.now, bod, fn) }
	if err := up(func(tx *Tx) error { return tx.SetFlag(Flag{Name: "clock", Text: "時計"}) }); err != nil {
		t.Error(err)
	}
	err := up(func(tx *Tx) error {
		return tx.PutJob(Job{Name: "b", Kind: "send", Rule: []byte(`{}`)})
	})
	if !errors.Is(err, ErrClock) {
		t.Error(err)
	}
	o.reopen() // the recovery at start is written whatever the clock says
	if at := o.logged(); !at.Equal(begin) {
		t.Errorf("the log's time ran back to %v", at)
	}
	o.verified()

	// It heals when the clock catches up,
	o.now = begin.Add(time.Second)
	if err := o.touchJob(); err != nil {
		t.Error(err)
	}
	// or by a person who says that the log was ahead.
	o.now = begin.Add(-24 * time.Hour)
	err = o.UpdateClock(t.Context(), o.now, sato, func(tx *Tx) error {
		return errors.Join(tx.AcceptClock("時計が1日進んでいました"), tx.ClearFlag("clock"))
	})
	if err != nil {
		t.Error(err)
	}
	if err := o.touchJob(); err != nil {
		t.Error(err)
	}
	if at := o.logged(); !at.Equal(o.now) {
		t.Errorf("the log goes on at %v", at)
	}
	o.view(func(v *View) error {
		es, err := v.EventsOf("clock", "set")
		if len(es) != 1 || es[0].Who != sato || !strings.Contains(string(es[0].Change), "時計が1日進んでいました") {
			t.Errorf("%+v", es)
		}
		return err
	})
	o.verified()
}

// Numbers count by the month of the office, not of Greenwich.
func TestNumbers(t *testing.T) {
	o := open(t)
	o.now = time.Date(2026, 12, 1, 0, 30, 0, 0, tokyo)
	first := o.running("a", "p1")
	o.now = time.Date(2026, 12, 31, 23, 59, 0, 0, tokyo)
	second := o.running("a", "p2")
	o.now = o.now.Add(time.Minute)
	third := o.running("a", "p3")
	for id, want := range map[int64]string{first: "R2612-0001", second: "R2612-0002", third: "R2701-0001"} {
		if got := o.run(id).Number; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		o.view(func(v *View) error {
			r, err := v.RunByNumber(want)
			if r.ID != id {
				t.Error(r)
			}
			return err
		})
	}
	id := o.seal(third, letter("x"))[0].Message
	o.view(func(v *View) error {
		m, err := v.MessageByNumber("2701-0001")
		if m.ID != id || m.Number != "2701-0001" {
			t.Error(m)
		}
		for _, bad := range []string{"", "2701", "2701-1", "2701-0002", "R2701-0001", "2701-0001 ", "-1-0001", "2701--001"} {
			if _, err := v.MessageByNumber(bad); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		for _, bad := range []string{"", "R", "2701-0001", "RR2701-0001"} {
			if _, err := v.RunByNumber(bad); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		return err
	})
	if m, s, ok := parseNumber(number(2611, 12345)); !ok || m != 2611 || s != 12345 {
		t.Error("after 9999 the numbers grow")
	}
}
