package daemon

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// TestWholeWay is the life of one letter: prepared the day before, asked about, confirmed, and sent when due, once.
func TestWholeWay(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-24 09:59")
	if got := d.runs("hosting"); got != nil {
		t.Fatalf("prepared too early: %v", got)
	}
	d.to("11-24 10:00")
	m := d.only("hosting", "2026-11")
	if m.State != ledger.StateHeld || reasons(m) != "confirmation,not due" {
		t.Fatalf("the letter is %s because of %s", m.State, reasons(m))
	}
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent unconfirmed: %v", got)
	}
	if len(d.sink.notices()) == 0 {
		t.Error("nobody was asked to confirm")
	}
	d.to("11-24 15:00")
	r := d.run("hosting", "2026-11")
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.settle()
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent before it was due: %v", got)
	}
	d.to("11-25 10:00")
	if got := d.sink.letters(); !slices.Equal(got, []string{"hosting/2026-11/acme → ap@acme.example"}) {
		t.Fatalf("sent: %v", got)
	}
	d.to("11-25 10:05")
	if r := d.run("hosting", "2026-11"); r.State != ledger.RunDone {
		t.Errorf("the run is %s", r.State)
	}
	// What was sent is what was sealed, byte for byte.
	d.view(func(v *ledger.View) error {
		b, err := v.Body(m.ID)
		for _, a := range d.sink.got {
			if a.key == m.Key && strings.TrimRight(string(a.data), "\r\n") != strings.TrimRight(string(b), "\r\n") {
				t.Error("what arrived is not what was sealed")
			}
		}
		return err
	})
	d.to("12-10 10:00")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent again: %v", got)
	}
}

func TestNothingIsTouchedWhenNothingIsDue(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.settle()
	before, err := d.office.head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		d.now = d.now.Add(30 * time.Second)
		if _, err := d.office.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after, _ := d.office.head(t.Context()); after != before {
		t.Errorf("%d events were written with nothing due", after-before)
	}
}

// TestMissingFile: the run waits, says so, and goes on by itself when the file is there.
func TestMissingFile(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.to("11-24 10:00")
	r := d.run("hosting", "2026-11")
	if r.State != ledger.RunWaiting || len(r.Reasons) == 0 {
		t.Fatalf("the run is %s because of %v", r.State, r.Reasons)
	}
	if len(d.sink.notices()) != 1 {
		t.Errorf("notices: %v", d.sink.notices())
	}
	d.to("11-24 11:00")
	before, _ := d.office.head(t.Context())
	d.to("11-24 14:00")
	if after, _ := d.office.head(t.Context()); after != before {
		t.Errorf("looking again wrote %d events", after-before)
	}
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-24 14:11")
	if r := d.run("hosting", "2026-11"); r.State != ledger.RunDrafted {
		t.Fatalf("the run is %s because of %v", r.State, r.Reasons)
	}
}

func TestWaitingIsMissedInTheEnd(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.to("11-24 10:00")
	d.jump("11-28 09:59")
	if r := d.run("hosting", "2026-11"); r.State != ledger.RunWaiting {
		t.Fatalf("the run is %s", r.State)
	}
	d.jump("11-28 10:01")
	r := d.run("hosting", "2026-11")
	if r.State != ledger.RunMissed || !hasReason(r.Reasons, codeMissed) {
		t.Fatalf("the run is %s because of %v", r.State, r.Reasons)
	}
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-29 10:00")
	if len(d.sink.letters()) != 0 {
		t.Error("a missed run was sent")
	}
}

// TestChangedFile: what a person confirmed is what is sent; a changed file makes a new letter and asks anew.
func TestChangedFile(t *testing.T) {
	for _, when := range []string{"while held", "in the last moment"} {
		t.Run(when, func(t *testing.T) {
			d := newDesk(t, "11-24 10:00", head+monthly)
			d.pdf("pdf/acme-11.pdf", "invoice")
			d.now = at(t, "11-24 09:00")
			d.settle()
			d.to("11-24 10:01")
			r := d.run("hosting", "2026-11")
			d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
			if when == "while held" {
				d.to("11-24 12:00")
				d.pdf("pdf/acme-11.pdf", "another invoice")
				d.jump("11-24 12:01")
			} else {
				d.to("11-25 09:59")
				d.pdf("pdf/acme-11.pdf", "another invoice")
				d.jump("11-25 10:00")
			}
			m := d.only("hosting", "2026-11")
			if len(m.Confirmed) != 0 || m.Predecessor == 0 || !strings.Contains(reasons(m), "confirmation") {
				t.Fatalf("after the change: confirmed by %v, held by %s, after %d", m.Confirmed, reasons(m), m.Predecessor)
			}
			d.to("11-25 10:30")
			if got := d.sink.letters(); len(got) != 0 {
				t.Fatalf("sent: %v", got)
			}
			d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
			d.settle()
			if got := d.sink.letters(); len(got) != 1 {
				t.Fatalf("sent: %v", got)
			}
		})
	}
}

func TestHeldPastLateUntil(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-28 10:01")
	m := d.only("hosting", "2026-11")
	if reasons(m) != "confirmation,late" {
		t.Fatalf("held by %s", reasons(m))
	}
	r := d.run("hosting", "2026-11")
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.settle()
	if len(d.sink.letters()) != 0 {
		t.Fatal("a confirmation let a late letter go")
	}
	d.must("sato", "release", "the customer agreed", Request{Run: r.Number})
	d.settle()
	if len(d.sink.letters()) != 1 {
		t.Fatal("a released letter did not go")
	}
}

func TestMissedPolicies(t *testing.T) {
	tests := []struct {
		name, rule, wake string
		want             []string
		letters          int
		held             string
	}{
		{"a letter to the outside asks", strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, ""), "11-25 11:00", []string{"2026-11 drafted late"}, 0, "late"},
		{"inside the latest goes", daily, "11-26 12:00", []string{"2026-11-24 missed late", "2026-11-25 missed late", "2026-11-26 done late"}, 1, ""},
		{"each inside", daily + "missed = \"each\"\n", "11-26 12:00", []string{"2026-11-24 done late", "2026-11-25 done late", "2026-11-26 done late"}, 3, ""},
		{"skip", daily + "missed = \"skip\"\n", "11-26 12:00", []string{"2026-11-24 skipped late", "2026-11-25 skipped late", "2026-11-26 skipped late"}, 0, ""},
		{"ask", daily + "missed = \"ask\"\n", "11-25 12:00", []string{"2026-11-24 drafted late", "2026-11-25 drafted late"}, 0, "late"},
		{"past late_until", daily, "11-30 09:00", []string{"2026-11-24 missed late", "2026-11-25 missed late", "2026-11-26 missed late", "2026-11-27 done late"}, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, "11-20 12:00", head+tt.rule)
			d.pdf("pdf/acme-11.pdf", "invoice")
			d.settle()
			d.restart(tt.wake)
			d.settle()
			d.now = d.now.Add(time.Minute)
			d.settle()
			job := "daily"
			if strings.Contains(tt.rule, "job.hosting") {
				job = "hosting"
			}
			if got := d.runs(job); !slices.Equal(got, tt.want) {
				t.Errorf("runs are %v, not %v", got, tt.want)
			}
			if got := d.sink.letters(); len(got) != tt.letters {
				t.Errorf("sent: %v", got)
			}
			for _, run := range tt.want {
				if tt.held == "" {
					break
				}
				if m := d.only(job, strings.Fields(run)[0]); reasons(m) != tt.held {
					t.Errorf("%s is held by %q", run, reasons(m))
				}
			}
		})
	}
}

func TestEditsWhileOff(t *testing.T) {
	plain := strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, "")
	day := func(s string) string { return strings.ReplaceAll(plain, "毎月25日", s) }
	t.Run("moved into the past: late, and asked", func(t *testing.T) {
		d := newDesk(t, "11-18 09:00", head+plain)
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.settle()
		d.restart("11-21 09:00", head+day("毎月20日"))
		d.settle()
		if got := d.runs("hosting"); !slices.Equal(got, []string{"2026-11 drafted late"}) {
			t.Errorf("runs are %v", got)
		}
		if m := d.only("hosting", "2026-11"); reasons(m) != "late" {
			t.Errorf("held by %s", reasons(m))
		}
	})
	t.Run("moved on after it was prepared: never twice", func(t *testing.T) {
		d := newDesk(t, "11-18 09:00", head+plain)
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.to("11-24 12:00")
		d.restart("11-24 13:00", head+day("毎月27日"))
		d.to("11-26 09:00")
		if len(d.sink.letters()) != 0 {
			t.Fatalf("sent on the old day: %v", d.sink.letters())
		}
		d.to("11-27 10:01")
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
		d.to("12-01 10:00")
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
	})
	t.Run("a day that the rule got while off is not planned for the time before", func(t *testing.T) {
		weekly := strings.ReplaceAll(strings.ReplaceAll(daily, "毎営業日 9:30", "毎週月曜 9:00 休みでも実施"), "job.daily", "job.weekly")
		d := newDesk(t, "11-13 09:00", head+daily+weekly)
		d.to("11-20 10:00") // Monday the 16th is the weekly job's mark; the daily one shows until when bod was at work
		d.restart("11-21 10:00", head+daily+strings.ReplaceAll(weekly, "毎週月曜", "毎週月曜と木曜"))
		d.to("11-22 10:00")
		if got := d.runs("weekly"); !slices.Equal(got, []string{"2026-11-16 done"}) {
			t.Errorf("runs are %v", got)
		}
	})
	t.Run("renamed: the same identity", func(t *testing.T) {
		d := newDesk(t, "11-18 09:00", head+plain)
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.to("11-25 10:05")
		renamed := strings.ReplaceAll(plain, "[job.hosting]", "[job.servers]\nrenamed_from = \"hosting\"")
		d.restart("11-25 11:00", head+renamed)
		d.to("11-30 11:00")
		if got := d.sink.letters(); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
		if ok, said := d.ask("sato", "do", "", Request{Job: "servers", Period: "2026-11"}); ok {
			t.Errorf("the period was done again under the new name: %s", said)
		}
	})
	t.Run("a new job under a name that was given away", func(t *testing.T) {
		d := newDesk(t, "11-18 09:00", head+plain)
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.to("11-25 10:05")
		d.restart("11-25 11:00", head+strings.ReplaceAll(plain, "[job.hosting]", "[job.servers]\nrenamed_from = \"hosting\""))
		d.settle()
		d.pdf("pdf/acme-12.pdf", "invoice")
		d.restart("11-25 12:00", head+strings.ReplaceAll(plain, "job.hosting", "job.servers")+plain)
		d.to("12-26 10:00")
		// December: one of the old identity, one of the new job.
		if got := d.sink.letters(); len(got) != 3 {
			t.Fatalf("sent: %v", got)
		}
	})
	t.Run("another shape: nothing past is planned, and somebody is asked", func(t *testing.T) {
		d := newDesk(t, "11-18 09:00", head+plain)
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.settle()
		d.restart("11-21 09:00", head+day("毎週木曜"))
		d.settle()
		if got := d.runs("hosting"); len(got) != 0 {
			t.Errorf("runs are %v", got)
		}
		n := slices.DeleteFunc(d.sink.notices(), func(s string) bool { return !strings.HasPrefix(s, "notice/shape/") })
		if len(n) != 1 {
			t.Errorf("notices: %v", d.sink.notices())
		}
	})
	t.Run("gone, and then back", func(t *testing.T) {
		d := newDesk(t, "11-18 09:00", head+plain+daily)
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.to("11-24 12:00")
		d.restart("11-24 13:00", head+daily)
		d.to("11-25 12:00")
		if m := d.only("hosting", "2026-11"); reasons(m) != "gone" {
			t.Errorf("held by %q", reasons(m))
		}
		number := d.only("hosting", "2026-11").Number
		d.refused("sato", "release", "it is fine", Request{Message: number})
		d.restart("11-25 13:00", head+plain+daily)
		d.settle()
		if got := slices.DeleteFunc(d.sink.letters(), func(s string) bool { return strings.HasPrefix(s, "daily") }); len(got) != 0 {
			t.Fatalf("sent without a person: %v", got)
		}
		d.must("sato", "release", "it is fine", Request{Message: number})
		d.settle()
		if got := slices.DeleteFunc(d.sink.letters(), func(s string) bool { return strings.HasPrefix(s, "daily") }); len(got) != 1 {
			t.Fatalf("sent: %v", got)
		}
	})
}

// TestCalendarEdits: closed days move periods though no rule changed; none is lost and none goes twice, at work or while off.
func TestCalendarEdits(t *testing.T) {
	plain := strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, "")
	closed := strings.Replace(head, `country = "jp"`, "country = \"jp\"\nclosed = [\"2026-11-25\"]", 1)
	both := strings.ReplaceAll(strings.ReplaceAll(plain, "毎月25日", "毎月24日と25日"), `prepare = "1 business day before"`, "")
	for _, tt := range []struct {
		name, rules, moment string
		period, state, held string
	}{
		{"a prepared run takes the new day and is asked about", plain, "11-24 11:00", "2026-11", "drafted late", "late"},
		{"one that was ahead is late", both, "11-24 11:00", "2026-11-25", "drafted late", "late"},
	} {
		for _, off := range []bool{true, false} {
			t.Run(tt.name, func(t *testing.T) {
				d := newDesk(t, "11-18 09:00", head+tt.rules)
				d.pdf("pdf/acme-11.pdf", "invoice")
				d.to(tt.moment)
				if off {
					d.restart("11-24 12:00", closed+tt.rules)
				} else {
					d.write("jobs.toml", closed+tt.rules)
					if err := d.office.Swap(d.load()); err != nil {
						t.Fatal(err)
					}
				}
				d.settle()
				if got := d.runs("hosting"); !slices.Contains(got, tt.period+" "+tt.state) {
					t.Fatalf("runs are %v", got)
				}
				if m := d.only("hosting", tt.period); reasons(m) != tt.held {
					t.Errorf("held by %q", reasons(m))
				}
				d.to("11-26 12:00")
				d.must("sato", "release", "it may go", Request{Job: "hosting", Period: tt.period})
				d.settle()
				n := 0
				for _, a := range d.sink.letters() {
					if strings.HasPrefix(a, "hosting/"+tt.period+"/") {
						n++
					}
				}
				if n != 1 {
					t.Errorf("sent %d times: %v", n, d.sink.letters())
				}
			})
		}
	}
}

// TestDayOpenedAgain: the rule was edited, and then the closed day that had moved the period is closed no more. Its moment is past,
// and nothing but the calendar of before knows that it was still ahead.
func TestDayOpenedAgain(t *testing.T) {
	rule := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, ""),
		`prepare = "1 business day before"`, ""), "休みなら前営業日", "休みなら翌営業日")
	closed := strings.Replace(head, `country = "jp"`, "country = \"jp\"\nclosed = [\"2026-11-25\"]", 1)
	d := newDesk(t, "11-18 09:00", closed+rule)
	d.pdf("pdf/acme-11.pdf", "invoice")
	for _, edit := range []struct{ moment, rules string }{
		{"11-25 12:00", closed + strings.Replace(rule, "Hosting invoice", "Server invoice", 1)},
		{"11-25 13:00", head + strings.Replace(rule, "Hosting invoice", "Server invoice", 1)},
	} {
		d.to(edit.moment)
		d.write("jobs.toml", edit.rules)
		if err := d.office.Swap(d.load()); err != nil {
			t.Fatal(err)
		}
	}
	d.to("11-27 12:00")
	if got := d.runs("hosting"); !slices.Equal(got, []string{"2026-11 drafted late"}) {
		t.Errorf("runs are %v", got)
	}
}

// TestSwap is an edit while at work: the same as one while off.
func TestSwap(t *testing.T) {
	plain := strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, "")
	d := newDesk(t, "11-18 09:00", head+plain)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-21 09:00")
	d.write("jobs.toml", head+strings.ReplaceAll(plain, "毎月25日", "毎月20日"))
	if err := d.office.Swap(d.load()); err != nil {
		t.Fatal(err)
	}
	d.settle()
	if got := d.runs("hosting"); !slices.Equal(got, []string{"2026-11 drafted late"}) {
		t.Errorf("runs are %v", got)
	}
	trial := d.load()
	other := *trial
	other.Mail.Server = ""
	if err := d.office.Swap(&other); err == nil {
		t.Error("a trial was put to work on a real ledger")
	}
	if d.office.at.Load().config == &other {
		t.Error("the old rules are gone")
	}
}

// TestAddresseeGone: a letter whose addressee left the rules is held before the claim.
func TestAddresseeGone(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+daily)
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errLater } })
	d.to("11-20 09:31")
	if m := d.only("daily", "2026-11-20"); m.State != ledger.StateDeferred {
		t.Fatalf("the letter is %s", m.State)
	}
	d.sink.set(func() { d.sink.rcpt = nil })
	d.write("jobs.toml", head+strings.ReplaceAll(daily, "mori", "tanaka"))
	if err := d.office.Swap(d.load()); err != nil {
		t.Fatal(err)
	}
	d.to("11-20 10:30")
	if m := d.only("daily", "2026-11-20"); m.State != ledger.StateHeld || reasons(m) != "gone" {
		t.Fatalf("the letter is %s because of %s", m.State, reasons(m))
	}
}

func TestClock(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	d.to("11-24 10:00")
	if len(d.sink.letters()) != 1 {
		t.Fatal(d.sink.letters())
	}
	d.now = at(t, "11-23 09:00") // a holiday, and a day before
	next, err := d.office.Step(t.Context())
	if err != nil || next.Sub(d.now) > look {
		t.Fatal(next, err)
	}
	if is, _ := d.office.flagged(t.Context(), flagClock); !is {
		t.Fatal("no flag stands")
	}
	if n, err := d.office.Deliver(t.Context()); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	t.Run("heals by itself", func(t *testing.T) {
		d.now = at(t, "11-24 10:01")
		d.settle()
		if is, _ := d.office.flagged(t.Context(), flagClock); is {
			t.Fatal("the flag stands")
		}
	})
	t.Run("or by a person", func(t *testing.T) {
		d.now = at(t, "11-23 09:00")
		d.must("sato", "retry", "the server was set wrong before", Request{Clock: true})
		d.settle()
		if is, _ := d.office.flagged(t.Context(), flagClock); is {
			t.Fatal("the flag stands")
		}
		d.to("11-25 12:00")
		if got := d.sink.letters(); len(got) != 2 {
			t.Fatalf("sent: %v", got)
		}
	})
}

// TestTwoOffices: the second daemon on one ledger says who holds it.
func TestTwoOffices(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	err := Run(t.Context(), RunOptions{ConfigPath: filepath.Join(d.dir, "jobs.toml"), StateDir: filepath.Join(d.dir, "state")}, nil)
	if err == nil || !strings.Contains(err.Error(), "process") {
		t.Fatalf("a second daemon ended with %v", err)
	}
	if p := filepath.Join(d.dir, "state"); !strings.Contains(err.Error(), p) {
		t.Errorf("it doesn't say where: %v", err)
	}
}

// brokenKind stands in for a kind that does what kinds may not.
type brokenKind struct {
	jobs.Kind
	prepare func(context.Context, *jobs.World) (jobs.Prepared, error)
}

func (k brokenKind) Prepare(ctx context.Context, w *jobs.World) (jobs.Prepared, error) {
	if w.Job.Name != "broken" {
		return k.Kind.Prepare(ctx, w)
	}
	return k.prepare(ctx, w)
}

// breakSend has the job called broken prepared by this function instead of by its kind, until the test ends.
func breakSend(t *testing.T, prepare func(context.Context, jobs.Kind, *jobs.World) (jobs.Prepared, error)) {
	t.Helper()
	kinds := jobs.Kinds
	t.Cleanup(func() { jobs.Kinds = kinds })
	jobs.Kinds = slices.Clone(kinds)
	for i, k := range kinds {
		if k.Name() == "send" {
			jobs.Kinds[i] = brokenKind{k, func(ctx context.Context, w *jobs.World) (jobs.Prepared, error) { return prepare(ctx, k, w) }}
		}
	}
}

// TestBrokenJob: a job that panics, errs or hangs disturbs no other. In a bubble its time runs out when nothing else is left to
// do, so that a busy machine is never taken for a job that hangs.
func TestBrokenJob(t *testing.T) {
	for name, prepare := range map[string]func(hang chan struct{}) (jobs.Prepared, error){
		"panics": func(chan struct{}) (jobs.Prepared, error) { panic("a nil map, say") },
		"errs":   func(chan struct{}) (jobs.Prepared, error) { return jobs.Prepared{}, os.ErrPermission },
		"hangs":  func(hang chan struct{}) (jobs.Prepared, error) { <-hang; return jobs.Prepared{}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hang := make(chan struct{})
				breakSend(t, func(context.Context, jobs.Kind, *jobs.World) (jobs.Prepared, error) { return prepare(hang) })
				d := newDesk(t, "11-24 09:00", head+strings.ReplaceAll(daily, "job.daily", "job.broken")+daily)
				d.to("11-24 09:31")
				if got := d.sink.letters(); !slices.Equal(got, []string{"daily/2026-11-24/mori → mori@aozora.example"}) {
					t.Errorf("sent: %v", got)
				}
				r := d.run("broken", "2026-11-24")
				if r.State != ledger.RunFailed || !hasReason(r.Reasons, codeError) {
					t.Errorf("the broken job's run is %s because of %v", r.State, r.Reasons)
				}
				if name == "hangs" {
					d.to("11-25 09:31") // its worker still hangs: it isn't started a second time
					if r := d.run("broken", "2026-11-25"); r.State != ledger.RunRunning && r.State != ledger.RunPlanned {
						t.Errorf("the next run is %s", r.State)
					}
				}
				close(hang)
			})
		})
	}
}

func TestDisabledJob(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily+"enabled = false\n"+monthly)
	d.to("11-24 12:00")
	if got := d.runs("daily"); got != nil {
		t.Errorf("a disabled job has runs: %v", got)
	}
}

// TestMissedIsSaid: nothing that was due ends without a reason.
func TestMissedIsSaid(t *testing.T) {
	d := newDesk(t, "11-20 12:00", head+daily)
	d.settle()
	d.restart("11-30 09:00")
	d.settle()
	for _, s := range d.runs("daily") {
		r := d.run("daily", strings.Fields(s)[0])
		if r.State == ledger.RunMissed && len(r.Reasons) == 0 {
			t.Errorf("%s says nothing", s)
		}
	}
}

var _ config.Kind = brokenKind{}

// TestFileChangesBetweenLookAndQueue: the world moves after the kind has looked at it and before the letter is queued.
func TestFileChangesBetweenLookAndQueue(t *testing.T) {
	var d *desk
	meddle := false
	breakSend(t, func(ctx context.Context, k jobs.Kind, w *jobs.World) (jobs.Prepared, error) {
		p, err := k.Prepare(ctx, w)
		if meddle {
			d.pdf("pdf/acme-11.pdf", "another invoice")
		}
		return p, err
	})
	rules := strings.ReplaceAll(strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, ""), "job.hosting", "job.broken")
	d = newDesk(t, "11-20 09:00", head+rules)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-25 09:59")
	meddle = true
	d.now = at(t, "11-25 10:00")
	if _, err := d.office.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := d.only("broken", "2026-11"); m.State != ledger.StateHeld {
		t.Fatalf("the letter with the old file is %s", m.State)
	}
	meddle = false
	d.to("11-25 10:05")
	if got := d.sink.letters(); len(got) != 1 {
		t.Fatalf("sent: %v", got)
	}
	if m := d.only("broken", "2026-11"); m.Predecessor == 0 {
		t.Error("the letter with the old file went")
	}
}
