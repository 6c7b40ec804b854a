package ledger

import (
	"errors"
	"testing"
	"time"

	"bod/internal/mailer"
)

func found(check, row, value string) Seen {
	return Seen{Check: check, Row: row, Label: row, Says: "納期を過ぎています", Evidence: []byte(`[]`), Value: value, Tell: "小川"}
}

// findings are the states of all findings by row, newest last.
func (o *office) findings() map[string]Finding {
	o.t.Helper()
	out := map[string]Finding{}
	o.view(func(v *View) error {
		for f, err := range v.Findings(FindingQuery{}) {
			if err != nil {
				return err
			}
			out[f.Row] = f
		}
		return nil
	})
	return out
}

// see brings the findings to what a run sees, and seals a letter that tells the given rows.
func (o *office) see(run int64, rows []string, mended []Tell, told ...string) (message int64) {
	o.t.Helper()
	o.do(func(tx *Tx) error {
		var seen []Seen
		for _, r := range rows {
			seen = append(seen, found("納期", r, "v1"))
		}
		if err := tx.See(run, seen, mended); err != nil {
			return err
		}
		if len(told) == 0 {
			return nil
		}
		m := letter("ogawa")
		for _, r := range told {
			m.Tells = append(m.Tells, Tell{"納期", r})
		}
		out, err := tx.Seal(run, []NewMessage{m}, nil, true)
		if err == nil {
			message = out[0].Message
		}
		return err
	})
	return message
}

// TestFindingIsToldWhenItsMessageIsSent: a finding is no sooner told than its mail was taken, whatever happens between
// the two, and once.
func TestFindingIsToldWhenItsMessageIsSent(t *testing.T) {
	o := open(t)
	run := o.running("watch", "2026-11-24")
	m := o.see(run, []string{"a", "b"}, nil, "a", "b")
	count := func() { o.do(func(tx *Tx) error { return tx.CountTold() }) }
	count()
	o.reopen() // a crash between the seal and the sending
	count()
	if f := o.findings()["a"]; f.State != FindingNew || f.Pending != m || f.PendingQueued || f.Times != 0 {
		t.Fatalf("before it was sent: %+v", f)
	}
	o.send(m, mailer.Sent)
	o.reopen() // a crash between the sending and the counting
	count()
	count()
	f := o.findings()["a"]
	if f.State != FindingTold || f.Message != m || f.Times != 1 || f.Pending != 0 || f.Told.IsZero() {
		t.Fatalf("after it was sent: %+v", f)
	}
	// The next run reminds of a, and b is mended.
	o.now = o.now.Add(24 * time.Hour)
	next := o.running("watch", "2026-11-25")
	m = o.see(next, []string{"a"}, []Tell{{"納期", "b"}}, "a")
	o.send(m, mailer.Sent)
	count()
	all := o.findings()
	if all["a"].State != FindingReminded || all["a"].Times != 2 || all["a"].First.Equal(o.now) {
		t.Errorf("reminded: %+v", all["a"])
	}
	if all["b"].State != FindingResolved || all["b"].Ended != EndedMended || all["b"].Run != next {
		t.Errorf("mended: %+v", all["b"])
	}
	// What is found again is a finding of its own; one whose row is gone is not mended.
	o.now = o.now.Add(24 * time.Hour)
	o.see(o.running("watch", "2026-11-26"), []string{"b"}, nil)
	all = o.findings()
	if all["a"].Ended != EndedGone || all["b"].State != FindingNew {
		t.Errorf("the row a is gone and b is back: %+v, %+v", all["a"], all["b"])
	}
	o.verified()
}

// TestUnsentIsNotTold: of what did not go out a finding does not count as told, and is free to be told again.
func TestUnsentIsNotTold(t *testing.T) {
	o := open(t)
	m := o.see(o.running("watch", "2026-11-24"), []string{"a"}, nil, "a")
	o.send(m, mailer.Failed)
	o.do(func(tx *Tx) error { return tx.CountTold() })
	if f := o.findings()["a"]; f.State != FindingNew || f.Pending != 0 {
		t.Errorf("of a message that failed: %+v", f)
	}
	// Of one whose fate is not known, a person decides first.
	o.now = o.now.Add(24 * time.Hour)
	m = o.see(o.running("watch", "2026-11-25"), []string{"a"}, nil, "a")
	o.send(m, mailer.Unknown)
	o.do(func(tx *Tx) error { return tx.CountTold() })
	if f := o.findings()["a"]; f.State != FindingNew || f.Pending != m || !f.PendingQueued {
		t.Errorf("of a message that is unknown: %+v", f)
	}
	o.do(func(tx *Tx) error {
		return tx.MoveDelivery(o.message(m).Deliveries[0].ID, StateUnknown, StateSent, "お電話で確認")
	})
	o.do(func(tx *Tx) error { return tx.CountTold() })
	if f := o.findings()["a"]; f.State != FindingTold {
		t.Errorf("a person said that it arrived: %+v", f)
	}
	o.verified()
}

// TestAccepted: what may stay as it is comes back when its time is over or its value changed, and not before.
func TestAccepted(t *testing.T) {
	for _, c := range []struct {
		name  string
		value string
		after time.Duration
		want  FindingState
	}{
		{"nothing changed", "v1", 24 * time.Hour, FindingAccepted},
		{"another value", "v2", 24 * time.Hour, FindingNew},
		{"its time is over", "v1", 11 * 24 * time.Hour, FindingNew},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := open(t)
			o.see(o.running("watch", "2026-11-24"), []string{"a"}, nil)
			until := o.now.Add(10 * 24 * time.Hour)
			o.do(func(tx *Tx) error {
				return tx.Accept(o.findings()["a"].ID, Who{Name: "ogawa", User: "ogawa"}, "分納で合意済み", until)
			})
			o.now = o.now.Add(c.after)
			run := o.running("watch", "2026-11-25")
			o.do(func(tx *Tx) error { return tx.See(run, []Seen{found("納期", "a", c.value)}, nil) })
			f := o.findings()["a"]
			if f.State != c.want || f.Why != "分納で合意済み" || f.By.Name != "ogawa" || !f.Until.Equal(until) {
				t.Errorf("%+v, want it %s", f, c.want)
			}
			o.verified()
		})
	}
}

// TestFindingsAreGuarded: the database refuses what the table of moves does not have, and what would not be true.
func TestFindingsAreGuarded(t *testing.T) {
	o := open(t)
	o.see(o.running("watch", "2026-11-24"), []string{"a"}, nil, "a")
	for _, q := range []string{
		"UPDATE findings SET state = 'reminded'",
		"UPDATE findings SET row = 'b'",
		"DELETE FROM findings",
		"UPDATE tellings SET counted = 1", // its message was not sent
		"DELETE FROM tellings",
		"INSERT INTO findings SELECT 9, month, 9, job, asks, row, label, says, evidence, value, state, tell, run, first, message, told, times, who, user, why, accepted, until, ended, changed FROM findings",
	} {
		if err := o.try(func(tx *Tx) error {
			_, err := tx.s.exec(q)
			return err
		}); err == nil {
			t.Errorf("%s was not refused", q)
		}
	}
	f := o.findings()["a"]
	o.do(func(tx *Tx) error { return tx.See(f.Run, nil, nil) })
	if err := o.try(func(tx *Tx) error { return tx.Accept(f.ID, bod, "", time.Time{}) }); !errors.Is(err, ErrStale) {
		t.Errorf("accepting what is resolved: %v", err)
	}
	if err := o.try(func(tx *Tx) error {
		return tx.See(f.Run, []Seen{found("納期", "a", ""), found("納期", "a", "")}, nil)
	}); err == nil {
		t.Error("one row twice was not refused")
	}
	// A row that somebody changed behind bod's back is found.
	o.do(func(tx *Tx) error { _, err := tx.s.exec("UPDATE findings SET says = 'x'"); return err })
	r, err := o.Verify(t.Context(), nil)
	if err != nil || len(r.Problems) == 0 {
		t.Errorf("verify: %v, %v", r.Problems, err)
	}
}
