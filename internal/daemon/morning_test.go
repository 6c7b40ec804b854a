package daemon

import (
	"strings"
	"testing"

	"bod/internal/ledger"
)

// TestMorningComesOnlyWhenSomethingIsMissing: through the loop's own step, at its minute, once.
func TestMorningComesOnlyWhenSomethingIsMissing(t *testing.T) {
	d := newDesk(t, "11-23 09:00", head+monthly+daily+strings.Replace(evening, "at =", "morning = \"8:45\"\nat =", 1))
	d.to("11-24 12:00")
	if r := d.run("morning", "2026-11-24"); r.State != ledger.RunDone {
		t.Errorf("a morning with nothing to tell is %s", r.State)
	}
	count := func() int { return strings.Count(strings.Join(d.sink.arrivals(), " "), "morning/") }
	if n := count(); n != 0 {
		t.Errorf("%d mails of a quiet morning", n)
	}
	d.to("11-25 08:46") // the invoice's file is not there, and it is due at 10:00
	if n := count(); n != 1 {
		t.Errorf("%d mails at 8:45: %v", n, d.sink.arrivals())
	}
	d.restart("11-25 09:30")
	d.to("11-25 12:00")
	if n := count(); n != 1 {
		t.Errorf("%d mails after a restart", n)
	}
	// A machine that was off until the afternoon doesn't tell of the morning.
	d.restart("11-26 13:00")
	d.settle()
	if n := count(); n != 1 {
		t.Errorf("%d mails after a morning that was slept through", n)
	}
}
