package daemon

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/ledger"
)

// backup takes a copy of the ledger as it is now.
func (d *desk) backup() string {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), "backup.db")
	if err := d.ledger.Backup(d.t.Context(), file); err != nil {
		d.t.Fatal(err)
	}
	return file
}

// restore stops, puts a copy back (or begins anew, where it is ""), and starts at a moment.
func (d *desk) restore(copy, moment string, rules ...string) ledger.Restoration {
	d.t.Helper()
	d.close()
	d.now = at(d.t, moment)
	r, err := ledger.Restore(d.t.Context(), filepath.Join(d.dir, "state"), copy,
		ledger.RestoreOptions{Who: ledger.Who{Name: "sato"}, Why: "the disk broke", Now: d.clock, Log: d.log, Another: copy == ""})
	if err != nil {
		d.t.Fatal(err)
	}
	d.restart(moment, rules...)
	return r
}

func (d *desk) holds(want map[string]string) {
	d.t.Helper()
	for key, reason := range want {
		job, period, _ := strings.Cut(key, "/")
		if m := d.only(job, period); m.State != ledger.StateHeld || reasons(m) != reason {
			d.t.Errorf("%s is %s, held by %q, not by %q", key, m.State, reasons(m), reason)
		}
	}
}

const invoice = `
[job.hosting]
kind = "send"
title = "Hosting invoice"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
to = ["acme"]
letter = "letter.txt"
missed = "latest"
[summary]
to = ["sato"]
at = "17:00"
`

// A backup of the evening, everything done since, and the evening's backup put back at noon: nothing leaves a second time, each
// thing is said to somebody, and what is surely new goes on by itself.
func TestRestoreOfLastNight(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily+invoice)
	d.to("11-24 18:00")
	copy := d.backup()
	d.to("11-25 12:00")
	before := d.sink.letters()
	if len(before) != 4 { // two daily notes, a summary, the invoice
		t.Fatalf("sent: %v", before)
	}
	if r := d.restore(copy, "11-25 12:30"); r.Lost <= 0 || r.Archive == "" {
		t.Errorf("%+v", r)
	}
	d.to("11-25 13:00")
	if got := d.sink.letters(); !slices.Equal(got, before) {
		t.Fatalf("sent before a person said so: %v", got)
	}
	if len(d.sink.notices()) == 0 {
		t.Error("nobody was told")
	}
	said := d.must("sato", "retry", "the copy of last night", Request{Restored: true})
	if !strings.Contains(said, "skip") {
		t.Errorf("nobody hears that what people said is gone: %s", said)
	}
	d.settle()
	if got := d.sink.letters(); !slices.Equal(got, before) {
		t.Fatalf("what may have gone was sent: %v", got)
	}
	d.holds(map[string]string{"hosting/2026-11": "restored", "daily/2026-11-25": "restored"})
	d.to("11-26 12:00") // the summary of that day, the next daily note
	if got := d.sink.letters()[len(before):]; !slices.Equal(got, []string{"summary/2026-11-25/sato → sato@aozora.example", "daily/2026-11-26/mori → mori@aozora.example"}) {
		t.Errorf("new work: %v", got)
	}
	d.must("sato", "reject", "it went, says the mail server's log", Request{Message: d.only("hosting", "2026-11").Number})
	d.must("sato", "release", "it did not go", Request{Message: d.only("daily", "2026-11-25").Number})
	d.settle()
	if r := d.run("hosting", "2026-11"); r.State != ledger.RunDone {
		t.Errorf("the rejected one's run is %s", r.State)
	}
	if r := d.run("daily", "2026-11-25"); r.State != ledger.RunDone {
		t.Errorf("the released one's run is %s", r.State)
	}
}

// What people know all at once is said all at once: everything that was due until then had gone.
func TestRestoreSettledAtOnce(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily+invoice)
	d.sink.set(func() { d.sink.data = func(key string) error { return errLater } })
	d.to("11-24 12:00") // a daily note is deferred when the copy is made
	copy := d.backup()
	d.sink.set(func() { d.sink.data = nil })
	d.to("11-25 12:00")
	before := d.sink.letters()
	d.restore(copy, "11-25 12:30")
	d.settle()
	if m := d.only("daily", "2026-11-24"); m.State != ledger.StateUnknown {
		t.Errorf("what was deferred is %s", m.State)
	}
	if why := d.refused("sato", "retry", "all went", Request{Restored: true, Until: at(t, "11-25 14:00")}); !strings.Contains(why, "to come") {
		t.Error(why)
	}
	d.must("sato", "retry", "all went", Request{Restored: true, Until: at(t, "11-25 12:00")})
	d.to("11-25 16:00")
	if got := d.sink.letters(); !slices.Equal(got, before) {
		t.Errorf("sent: %v, before %v", got, before)
	}
	for _, job := range []string{"daily", "hosting"} {
		for _, r := range d.runs(job) {
			if !strings.Contains(r, string(ledger.RunDone)) {
				t.Errorf("%s: %s", job, r)
			}
		}
	}
	if m := d.only("daily", "2026-11-24"); m.State != ledger.StateSent || !strings.Contains(m.Deliveries[0].Words, "all went") {
		t.Errorf("%s %+v", m.State, m.Deliveries)
	}
	d.to("11-26 10:00")
	if got := d.sink.letters(); len(got) != len(before)+2 {
		t.Errorf("new work does not go on: %v", got[len(before):])
	}
}

// A run that waited for its file when the copy was made, and was done since, is not done again because the file is there.
func TestRestoreAsksAboutOpenRuns(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+monthly)
	d.to("11-24 12:00")
	copy := d.backup() // it waits for its PDF
	d.pdf("pdf/acme-11.pdf", "x")
	d.to("11-24 13:00")
	d.must("tanaka", "confirm", "", Request{Run: d.run("hosting", "2026-11").Number, Set: d.set(d.run("hosting", "2026-11").ID)})
	d.to("11-25 11:00")
	if got := d.sink.letters(); len(got) != 1 {
		t.Fatalf("sent: %v", got)
	}
	d.restore(copy, "11-25 11:30")
	d.must("sato", "retry", "the copy of yesterday", Request{Restored: true})
	d.to("11-25 13:00")
	d.holds(map[string]string{"hosting/2026-11": "confirmation,restored"})
	d.must("tanaka", "confirm", "", Request{Run: d.run("hosting", "2026-11").Number, Set: d.set(d.run("hosting", "2026-11").ID)})
	d.to("11-25 15:00")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent twice: %v", got)
	}
}

// The whole folder is lost, and no mail is there to tell: what was due lately is asked about, and so is what is due today and could have
// been asked for yesterday evening. Nothing goes twice, and the rest of the days is as ever.
func TestRestoreLost(t *testing.T) {
	rules := head + daily + invoice
	d := newDesk(t, "11-20 08:00", rules)
	d.to("11-24 19:00")
	d.must("sato", "do", "they asked for it today", Request{Job: "hosting", Period: "2026-11"}) // due tomorrow
	d.settle()
	before := d.sink.letters()
	if !slices.Contains(before, "hosting/2026-11/acme → ap@acme.example") {
		t.Fatalf("sent: %v", before)
	}
	d.restore("", "11-25 08:00")
	d.to("11-25 08:30")
	d.must("sato", "retry", "the machine is a new one", Request{Restored: true})
	d.to("11-25 12:00")
	after := d.sink.letters()[len(before):]
	if !slices.Equal(after, []string{"daily/2026-11-25/mori → mori@aozora.example"}) {
		t.Errorf("sent by itself: %v", after)
	}
	d.holds(map[string]string{"hosting/2026-11": "restored", "daily/2026-11-24": "restored"})
	if got := d.runs("summary"); slices.Contains(got, "2026-11-24 planned") || slices.Contains(got, "2026-11-24 done") {
		t.Errorf("%v", got)
	}
	d.must("sato", "reject", "it went yesterday", Request{Message: d.only("hosting", "2026-11").Number})
	d.to("12-26 12:00")
	n := 0
	for _, a := range d.sink.letters() {
		if strings.HasPrefix(a, "hosting/") {
			n++
		}
	}
	if n != 2 {
		t.Errorf("two invoices of two months, and %d went", n)
	}
}

// Whenever the copy was made and whenever it is put back, no letter leaves twice by itself, and each period is accounted for.
func TestRestoreAtAnyMoment(t *testing.T) {
	moments := []string{"11-24 09:00", "11-24 17:01", "11-25 09:59", "11-25 10:01"}
	if testing.Short() {
		moments = moments[1:3]
	}
	for i, made := range moments {
		for _, back := range moments[i:] {
			t.Run(made+" "+back, func(t *testing.T) {
				d := newDesk(t, "11-24 08:00", head+daily+invoice)
				d.to(made)
				copy := d.backup()
				d.to(back)
				d.now = d.now.Add(time.Minute)
				d.restore(copy, d.now.In(tokyo).Format("01-02 15:04"))
				d.settle()
				d.now = d.now.Add(time.Minute)
				d.must("sato", "retry", "put back", Request{Restored: true})
				d.to("11-27 12:00")
				seen := map[string]int{}
				for _, a := range d.sink.letters() {
					if seen[a]++; seen[a] > 1 {
						t.Errorf("%s went %d times", a, seen[a])
					}
				}
				for _, key := range []string{"daily/2026-11-24", "daily/2026-11-25", "daily/2026-11-26", "hosting/2026-11"} {
					job, period, _ := strings.Cut(key, "/")
					d.run(job, period) // there, or the test fails
					went := slices.ContainsFunc(d.sink.letters(), func(a string) bool { return strings.HasPrefix(a, key+"/") })
					if m := d.only(job, period); !went && m.State != ledger.StateHeld && m.State != ledger.StateUnknown {
						t.Errorf("%s never went, and nobody is asked: %s", key, m.State)
					}
				}
				if rep, err := d.ledger.Verify(t.Context(), nil); err != nil || len(rep.Problems) > 0 {
					t.Error(rep.Problems, err)
				}
			})
		}
	}
}
