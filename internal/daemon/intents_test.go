package daemon

import (
	"slices"
	"strings"
	"testing"

	"bod/internal/ledger"
)

// prepared is a desk on the day before a hosting invoice is due: sealed, held, waiting for Tanaka.
func prepared(t *testing.T, rules string) (*desk, ledger.Run, ledger.Message) {
	t.Helper()
	d := newDesk(t, "11-20 09:00", head+rules)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-24 11:00")
	return d, d.run("hosting", "2026-11"), d.only("hosting", "2026-11")
}

func TestConfirm(t *testing.T) {
	t.Run("one who isn't asked is told so", func(t *testing.T) {
		d, r, _ := prepared(t, monthly)
		if said := d.refused("mori", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)}); !strings.Contains(said, "Tanaka") {
			t.Errorf("it doesn't say who is asked: %s", said)
		}
		d.refused("stranger", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
		// Who may not confirm hears that, whatever value was given with it.
		if said := d.refused("mori", "confirm", "", Request{Run: r.Number, Set: "00000000"}); !strings.Contains(said, "not among those who confirm") {
			t.Errorf("the wrong person with a wrong value is told %q", said)
		}
		d.to("11-25 11:00")
		if got := d.sink.letters(); len(got) != 0 {
			t.Errorf("sent: %v", got)
		}
	})
	t.Run("only what was seen", func(t *testing.T) {
		d, r, m := prepared(t, monthly)
		seen := d.set(r.ID)
		d.pdf("pdf/acme-11.pdf", "another")
		d.to("11-24 11:05")
		for _, set := range []string{"", "0000", seen, seen[:8]} {
			d.refused("tanaka", "confirm", "", Request{Run: r.Number, Set: set})
		}
		d.refused("tanaka", "confirm", "", Request{Message: m.Number, Set: seen}) // it was replaced
		d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)[:8]})
	})
	t.Run("two distinct persons", func(t *testing.T) {
		d, r, _ := prepared(t, strings.ReplaceAll(monthly, `by = ["tanaka"], count = 1`, `by = ["tanaka", "mori"], count = 2`))
		set := d.set(r.ID)
		if said := d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: set}); !strings.Contains(said, "1 more") {
			t.Errorf("it doesn't say who is missing: %s", said)
		}
		d.refused("tanaka", "confirm", "", Request{Run: r.Number, Set: set})
		d.to("11-25 10:00")
		if got := d.sink.letters(); len(got) != 0 {
			t.Fatalf("sent with one of two: %v", got)
		}
		d.must("mori", "confirm", "", Request{Run: r.Number, Set: set})
		d.settle()
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
	})
	t.Run("a no takes the yes back, and nobody lifts it for them", func(t *testing.T) {
		d, r, _ := prepared(t, monthly)
		d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
		d.refused("tanaka", "hold", "", Request{Run: r.Number}) // no reason
		if said := d.must("tanaka", "hold", "the sum looks wrong", Request{Run: r.Number}); !strings.Contains(said, "; Tanaka said no to it: ") || strings.Contains(said, "released") {
			t.Errorf("it says that a release is enough: %s", said)
		}
		d.must("sato", "release", "it is right", Request{Run: r.Number})
		d.to("11-25 11:00")
		if got := d.sink.letters(); len(got) != 0 {
			t.Fatalf("sent against a no: %v", got)
		}
		d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
		d.settle()
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
	})
}

func TestHoldAndRelease(t *testing.T) {
	d, r, m := prepared(t, monthly)
	if said := d.must("sato", "hold", "wait for the customer", Request{Message: m.Number}); !strings.Contains(said, "before it is released") {
		t.Errorf("it doesn't say what ends it: %s", said)
	}
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.to("11-25 11:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent while on hold: %v", got)
	}
	d.refused("sato", "release", "", Request{Message: m.Number})
	d.must("sato", "release", "they agreed", Request{Message: m.Number})
	d.settle()
	if got := d.sink.letters(); len(got) != 1 {
		t.Fatalf("sent: %v", got)
	}
	d.refused("sato", "hold", "too late", Request{Message: m.Number})
}

// TestReleaseNeverReplacesAConfirmation is what the word "release" must not become.
func TestReleaseNeverReplacesAConfirmation(t *testing.T) {
	d, r, m := prepared(t, monthly)
	d.must("sato", "hold", "wait", Request{Message: m.Number})
	d.must("sato", "release", "go", Request{Run: r.Number})
	d.to("11-26 11:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent unconfirmed: %v", got)
	}
}

func TestReject(t *testing.T) {
	d, r, m := prepared(t, monthly)
	d.refused("sato", "reject", " ", Request{Message: m.Number})
	d.must("sato", "reject", "the customer left", Request{Message: m.Number})
	d.to("11-26 11:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent: %v", got)
	}
	if r := d.run("hosting", "2026-11"); r.State != ledger.RunDone {
		t.Errorf("the run is %s", r.State)
	}
	d.pdf("pdf/acme-11.pdf", "another")
	d.to("11-27 11:00")
	if n := len(d.letters(r.ID)); n != 1 {
		t.Errorf("a rejected letter came back: %d", n)
	}
	// A person may still want it.
	d.must("sato", "do", "they came back", Request{Job: "hosting", Period: "2026-11"})
	d.settle()
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.settle()
	if got := d.sink.letters(); len(got) != 1 {
		t.Fatalf("sent: %v", got)
	}
}

func TestSkip(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.settle()
	d.refused("sato", "skip", "closed", Request{Job: "hosting"})
	d.refused("sato", "skip", "closed", Request{Job: "hosting", Period: "2026-11-25"})
	d.refused("sato", "skip", "closed", Request{Job: "nothing", Period: "2026-11"})
	d.must("sato", "skip", "free of charge this month", Request{Job: "hosting", Period: "2026-11"})
	if said := d.refused("sato", "skip", "again", Request{Job: "hosting", Period: "2026-11"}); !strings.Contains(said, "skipped already") {
		t.Errorf("skipped twice: %q", said)
	}
	d.to("11-26 11:00")
	if got := d.runs("hosting"); !slices.Equal(got, []string{"2026-11 skipped"}) {
		t.Errorf("runs are %v", got)
	}
	t.Run("one that is prepared", func(t *testing.T) {
		d, _, _ := prepared(t, monthly)
		d.must("sato", "skip", "free of charge", Request{Job: "hosting", Period: "2026-11"})
		d.to("11-26 11:00")
		if len(d.sink.letters()) != 0 || d.run("hosting", "2026-11").State != ledger.RunDone {
			t.Errorf("runs are %v, sent %v", d.runs("hosting"), d.sink.letters())
		}
	})
	t.Run("one that went", func(t *testing.T) {
		d := newDesk(t, "11-24 09:00", head+daily)
		d.to("11-24 09:40")
		d.refused("sato", "skip", "not today", Request{Job: "daily", Period: "2026-11-24"})
	})
}

func TestDo(t *testing.T) {
	t.Run("a coming one leaves now, and not again when due", func(t *testing.T) {
		d := newDesk(t, "11-20 09:00", head+strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, ""))
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.settle()
		d.must("sato", "do", "they asked for it", Request{Job: "hosting", Period: "2026-11"})
		d.settle()
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
		d.to("11-26 11:00")
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
	})
	t.Run("a coming one that is sealed already leaves with today's date", func(t *testing.T) {
		d, r, m := prepared(t, monthly)
		d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
		d.must("sato", "do", "they asked for it", Request{Job: "hosting", Period: "2026-11"})
		d.settle()
		n := d.only("hosting", "2026-11")
		if n.ID == m.ID || n.Date.After(d.now) || len(n.Confirmed) > 0 {
			t.Fatalf("the letter is of %s, confirmed by %v", n.Date, n.Confirmed)
		}
		d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
		d.settle()
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
	})
	t.Run("confirmations as ever", func(t *testing.T) {
		d := newDesk(t, "11-20 09:00", head+monthly)
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.settle()
		d.must("sato", "do", "", Request{Job: "hosting", Period: "2026-11"})
		d.settle()
		if got := d.sink.letters(); len(got) != 0 {
			t.Fatalf("sent unconfirmed: %v", got)
		}
	})
	t.Run("the latest that was due", func(t *testing.T) {
		d := newDesk(t, "11-24 12:00", head+daily)
		d.settle()
		d.must("sato", "do", "", Request{Job: "daily"})
		d.settle()
		if got := d.sink.letters(); !slices.Equal(got, []string{"daily/2026-11-24/mori → mori@aozora.example"}) {
			t.Fatalf("sent: %v", got)
		}
		d.refused("sato", "do", "", Request{Job: "daily"})
		d.refused("sato", "do", "", Request{Job: "daily", Period: "2026-11-23"}) // a holiday
	})
	t.Run("a missed one", func(t *testing.T) {
		d := newDesk(t, "11-20 09:00", head+monthly)
		d.to("11-24 10:00")
		d.jump("11-25 10:00")
		d.jump("11-29 09:00")
		if got := d.runs("hosting"); !slices.Equal(got, []string{"2026-11 missed"}) {
			t.Fatalf("runs are %v", got)
		}
		d.must("sato", "do", "they still want it", Request{Job: "hosting", Period: "2026-11"})
		d.to("11-29 10:00")
		if r := d.run("hosting", "2026-11"); r.State != ledger.RunWaiting {
			t.Fatalf("the run is %s", r.State)
		}
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.to("11-29 11:00")
		r := d.run("hosting", "2026-11")
		d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
		d.settle()
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
	})
}

func TestDoAgain(t *testing.T) {
	rules := strings.ReplaceAll(strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, ""), `to = ["acme"]`, `to = ["acme", "hibari"]`)
	d := newDesk(t, "11-20 09:00", head+rules)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-25 10:05")
	if got := d.sink.letters(); len(got) != 2 {
		t.Fatalf("sent: %v", got)
	}
	d.refused("sato", "do", "", Request{Job: "hosting", Period: "2026-11", Again: true})
	d.refused("sato", "do", "wrong sum", Request{Job: "hosting", Period: "2026-11", To: []string{"acme"}})
	d.refused("sato", "do", "wrong sum", Request{Job: "hosting", Period: "2026-11", Again: true, To: []string{"nobody"}})
	d.pdf("pdf/acme-11.pdf", "the right invoice")
	d.must("sato", "do", "wrong sum", Request{Job: "hosting", Period: "2026-11", Again: true, To: []string{"acme"}})
	d.settle()
	if got := d.sink.letters(); len(got) != 3 || got[2] != "hosting/2026-11/acme%232 → ap@acme.example" {
		t.Fatalf("sent: %v", got)
	}
	d.to("11-27 10:00")
	if got := d.sink.letters(); len(got) != 3 {
		t.Fatalf("sent: %v", got)
	}
}

func TestByHandAndRetryOfARun(t *testing.T) {
	d, _, m := prepared(t, monthly)
	d.must("sato", "by-hand", "handed over", Request{Message: m.Number})
	d.to("11-26 10:00")
	if len(d.sink.letters()) != 0 || d.run("hosting", "2026-11").State != ledger.RunDone {
		t.Errorf("runs are %v, sent %v", d.runs("hosting"), d.sink.letters())
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	d, r, m := prepared(t, monthly)
	for _, bad := range []struct {
		verb string
		req  Request
	}{
		{"confirm", Request{Run: "R2611-9999", Set: "12345678"}},
		{"hold", Request{Message: "2611-9999"}},
		{"hold", Request{}},
		{"settle", Request{Message: m.Number, Result: "sent"}},
		{"resend", Request{Message: m.Number}},
		{"retry", Request{Message: m.Number}},
		{"retry", Request{Session: true}},
		{"retry", Request{Clock: true}},
		{"retry", Request{Restored: true}},
		{"explode", Request{Run: r.Number}},
	} {
		d.refused("sato", bad.verb, "because", bad.req)
	}
	if got := d.only("hosting", "2026-11"); got.State != ledger.StateHeld || got.ID != m.ID {
		t.Errorf("a refused request changed the letter: %s", got.State)
	}
}
