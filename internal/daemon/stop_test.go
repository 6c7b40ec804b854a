package daemon

import (
	"strings"
	"testing"

	"bod/internal/ledger"
)

// confirmed has Tanaka say yes to what is prepared.
func (d *desk) confirmed(r ledger.Run) {
	d.t.Helper()
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
}

const evening = "[summary]\nto = [\"sato\"]\nat = \"17:00\"\n"

func TestStopOneJob(t *testing.T) {
	d, r, _ := prepared(t, monthly+daily+evening)
	d.confirmed(r)
	d.refused("sato", "stop", "", Request{Job: "hosting"}) // no reason
	d.refused("sato", "stop", "x", Request{Job: "nothing-of-that-name"})
	d.refused("sato", "stop", "x", Request{Job: "summary"})
	d.must("sato", "stop", "the customer called", Request{Job: "hosting"})
	d.refused("sato", "stop", "again", Request{Job: "hosting"})
	d.to("11-25 12:00")
	if got := strings.Join(d.sink.letters(), " "); !strings.Contains(got, "daily/2026-11-25") || strings.Contains(got, "acme") {
		t.Fatalf("only the other job's letter goes: %v", got)
	}
	if m := d.only("hosting", "2026-11"); m.State != ledger.StateHeld || !m.Queued.IsZero() {
		t.Fatalf("the stopped letter is %s", m.State)
	}
	if n := strings.Join(d.sink.notices(), " "); !strings.Contains(n, "notice/paused/stopped-hosting/") {
		t.Errorf("nobody was told of the stop: %s", n)
	}

	// Two hours late: outside mail waits for a word.
	if said := d.must("sato", "start", "settled", Request{Job: "hosting"}); !strings.Contains(said, "1 became late") {
		t.Errorf("it says %q", said)
	}
	d.refused("sato", "start", "again", Request{Job: "hosting"})
	d.to("11-25 12:30")
	if m := d.only("hosting", "2026-11"); !holds(m, ledger.Late) {
		t.Fatalf("what became late is not held: %v", m.Holds)
	}
	d.must("sato", "release", "still wanted", Request{Run: r.Number})
	d.to("11-25 12:40")
	if got := strings.Join(d.sink.letters(), " "); strings.Count(got, "hosting/2026-11/acme") != 1 {
		t.Errorf("sent: %s", got)
	}
}

func TestStopAll(t *testing.T) {
	d, r, _ := prepared(t, monthly+daily+evening)
	d.confirmed(r)
	d.must("sato", "stop", "something is wrong", Request{})
	d.to("11-25 17:05")
	if got := strings.Join(d.sink.letters(), " "); strings.Contains(got, "acme") || strings.Contains(got, "daily/2026-11-25") {
		t.Fatalf("sent in spite of the stop: %v", got)
	}
	// Heard from daily: the summary comes, and says that everything is stopped.
	if got := strings.Join(d.sink.arrivals(), "\n"); !strings.Contains(got, "summary/2026-11-25") {
		t.Errorf("no summary came:\n%s", got)
	}
	d.must("sato", "start", "all is well", Request{})
	d.to("11-25 17:30")
	got := strings.Join(d.sink.letters(), " ")
	if strings.Contains(got, "acme") || !strings.Contains(got, "daily/2026-11-25") {
		t.Errorf("outside mail waits for a word, the office's own note goes: %s", got)
	}
}

// TestStopReachesWhatIsQueued: the mail server is away, the letter is queued or deferred, and somebody stops it.
func TestStopReachesWhatIsQueued(t *testing.T) {
	d, r, _ := prepared(t, monthly)
	d.confirmed(r)
	d.now = at(t, "11-25 10:00")
	if _, err := d.office.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := d.only("hosting", "2026-11"); m.State != ledger.StateQueued {
		t.Fatalf("the letter is %s", m.State)
	}
	d.must("sato", "stop", "wrong month", Request{Job: "hosting"})
	d.to("11-25 15:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent: %v", got)
	}
	// A restart forgets nothing of it.
	d.restart("11-25 16:00")
	d.settle()
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent after a restart: %v", got)
	}
	d.must("sato", "start", "it is right", Request{Job: "hosting"})
	d.to("11-25 16:30")
	if m := d.only("hosting", "2026-11"); !holds(m, ledger.Late) || len(d.sink.letters()) != 0 {
		t.Fatalf("six hours late: %v, sent %v", m.Holds, d.sink.letters())
	}
	d.must("sato", "release", "still wanted", Request{Run: r.Number})
	d.to("11-25 16:40")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent: %v", got)
	}
}

// TestShortStop: within the minutes that count as in time nothing becomes late.
func TestShortStop(t *testing.T) {
	d, r, _ := prepared(t, monthly)
	d.confirmed(r)
	d.to("11-25 09:58")
	d.must("sato", "stop", "a look", Request{})
	d.to("11-25 10:05")
	d.must("sato", "start", "fine", Request{})
	d.to("11-25 10:06")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent: %v", got)
	}
}

// TestStartOfAJobThatLeft: a job that was renamed, then stopped, then taken out of the rules is started by the name that people know.
func TestStartOfAJobThatLeft(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly+evening)
	d.settle()
	renamed := strings.Replace(monthly, "[job.hosting]", "[job.invoice]\nrenamed_from = \"hosting\"", 1)
	d.restart("11-20 09:10", head+renamed+evening)
	d.settle()
	d.must("sato", "stop", "the customer called", Request{Job: "invoice"})
	d.restart("11-20 09:20", head+daily+evening)
	d.settle()
	d.must("sato", "start", "settled", Request{Job: "invoice"})
	d.restart("11-20 09:30", head+renamed+evening)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-24 11:00")
	d.confirmed(d.run("hosting", "2026-11"))
	d.to("11-25 10:05")
	if got := strings.Join(d.sink.letters(), " "); !strings.Contains(got, "hosting/2026-11/acme") {
		t.Errorf("sent: %s", got)
	}
}
