package ledger

import (
	"testing"
	"time"
)

func TestAlarms(t *testing.T) {
	o := open(t)
	is := func(want ...Alarm) {
		t.Helper()
		o.view(func(v *View) error {
			got, err := v.Alarms()
			if len(got) != len(want) {
				t.Fatalf("the ledger has %+v, not %+v", got, want)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("the ledger has %+v, not %+v", got[i], want[i])
				}
			}
			return err
		})
	}
	is()
	begin := begin.UTC()
	session := Alarm{Name: "session/20261125T100000", Text: "535", Since: begin, Next: begin.Add(time.Minute), Tries: 1, Result: "exit status 1"}
	summary := Alarm{Name: "summary/2611-0044", Text: "届いたか不明", Since: begin}
	o.do(func(tx *Tx) error { return tx.PutAlarm(summary) })
	o.do(func(tx *Tx) error { return tx.PutAlarm(session) })
	is(session, summary)
	session.Told, session.Next, session.Tries = begin.Add(time.Hour), time.Time{}, 2
	o.do(func(tx *Tx) error { return tx.PutAlarm(session) })
	is(session, summary)
	o.do(func(tx *Tx) error { return tx.DropAlarm(summary.Name) })
	o.do(func(tx *Tx) error { return tx.DropAlarm(summary.Name) })
	is(session)

	// A clock that is wrong is one of the things that can't be told by mail.
	early := begin.AddDate(0, 0, -2)
	if err := o.UpdateClock(t.Context(), early, sato, func(tx *Tx) error { return tx.PutAlarm(summary) }); err != nil {
		t.Error(err)
	}
	is(session, summary)
	// What was told is not tried again.
	if err := o.try(func(tx *Tx) error {
		wrong := session
		wrong.Next = begin
		return tx.PutAlarm(wrong)
	}); err == nil {
		t.Error("an alarm that was told waits for its next try")
	}
	o.verified()
}
