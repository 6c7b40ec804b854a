package daemon

import (
	"errors"
	"testing"
)

// TestAFormerAddresseeGetsNothing: somebody was taken out of `to` while the letter waited for the mail server. That they still look after
// the job doesn't make the letter theirs.
func TestAFormerAddresseeGetsNothing(t *testing.T) {
	rules := func(to string) string {
		return head + "[job.note]\nkind = \"send\"\nowner = \"mori\"\nwhen = \"毎日 9:30 休みでも実施\"\nto = [\"" + to + "\"]\nletter = \"letter.txt\"\nconfirm = { by = [\"sato\"], count = 1 }\n"
	}
	d := newDesk(t, "11-24 09:00", rules("mori"))
	d.sink.set(func() { d.sink.dial = errors.New("connection refused") })
	d.to("11-24 09:31")
	run := d.run("note", "2026-11-24")
	d.must("sato", "confirm", "", Request{Run: run.Number, Set: d.set(run.ID)})
	d.to("11-24 09:40")
	if m := d.only("note", "2026-11-24"); m.Queued.IsZero() {
		t.Fatal("it does not wait for the mail server")
	}
	d.restart("11-24 09:50", rules("tanaka"))
	d.sink.set(func() { d.sink.dial = nil })
	d.to("11-24 12:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Errorf("sent: %v", got)
	}
	if m := d.only("note", "2026-11-24"); reasons(m) != "gone" {
		t.Errorf("it is %s, held by %q", m.State, reasons(m))
	}
}
