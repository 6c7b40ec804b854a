package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// inside sets the machine's zone, as a start with another TZ or a moved /etc/localtime would, and puts it back.
func (d *desk) inside(zone string) {
	d.t.Helper()
	z, err := time.LoadLocation(zone)
	if err != nil {
		d.t.Fatal(err)
	}
	d.local, time.Local = z, z
}

// TestMachineMoves: the machine's zone changes, with a restart and without, while one letter is held for its day, one run waits for
// its file, and a duty of every day goes on. The rules' zone is jobs.toml's: each period keeps its name and its moment.
func TestMachineMoves(t *testing.T) {
	before := time.Local
	t.Cleanup(func() { time.Local = before })
	waits := strings.NewReplacer("job.hosting", "job.waits", "acme-*", "late-*", `confirm = { by = ["tanaka"], count = 1 }`, "").Replace(monthly)
	late := strings.NewReplacer("job.daily", "job.night", "毎営業日 9:30", "毎日 0:10 休みでも実施").Replace(daily)
	late += "prepare = \"1 business day before\"\n"
	for _, off := range []bool{true, false} {
		d := newDesk(t, "11-20 09:00", head+monthly+waits+daily+late)
		d.pdf("pdf/acme-11.pdf", "invoice")
		move := func(moment, zone string) {
			t.Helper()
			d.to(moment)
			d.inside(zone)
			if off {
				d.restart(moment)
			}
			d.settle()
		}
		move("11-24 00:05", "America/Los_Angeles") // it is the day before there
		move("11-24 09:20", "Pacific/Kiritimati")  // 19 hours on
		d.to("11-24 12:00")
		held := d.only("hosting", "2026-11")
		if got := reasons(held); got != "confirmation,not due" {
			t.Fatalf("held by %q", got)
		}
		run := d.run("hosting", "2026-11")
		d.must("tanaka", "confirm", "", Request{Run: run.Number, Set: d.set(run.ID)})
		move("11-24 13:00", "America/Adak")
		move("11-25 00:05", "Asia/Tokyo")
		move("11-25 09:59", "UTC")
		if m := d.only("hosting", "2026-11"); m.ID != held.ID || reasons(m) != "not due" {
			t.Errorf("off %v: what was confirmed is replaced (%v), or held by %q", off, m.ID != held.ID, reasons(m))
		}
		d.pdf("pdf/late-11.pdf", "another invoice")
		move("11-26 23:00", "Pacific/Kiritimati")
		d.to("11-27 10:00")
		var want []string
		for _, day := range []string{"21", "22", "23", "24", "25", "26", "27"} {
			want = append(want, "2026-11-"+day+" done")
		}
		if got := slices.DeleteFunc(d.runs("night"), func(s string) bool { return !strings.HasSuffix(s, "done") }); !slices.Equal(got, want) {
			t.Errorf("off %v: runs at night are %v", off, got)
		}
		if got := d.runs("daily"); !slices.Equal(got, []string{"2026-11-20 done", "2026-11-24 done", "2026-11-25 done", "2026-11-26 done", "2026-11-27 done"}) {
			t.Errorf("off %v: daily runs are %v", off, got)
		}
		for _, job := range []string{"hosting", "waits"} {
			if got := d.runs(job); !slices.Equal(got, []string{"2026-11 done"}) {
				t.Errorf("off %v: runs of %s are %v", off, job, got)
			}
		}
		if got := d.sink.letters(); len(got) != len(want)+5+2 {
			t.Errorf("off %v: %d letters: %v", off, len(got), got)
		}
		if m := d.only("hosting", "2026-11"); !strings.Contains(string(d.bytesOf(m.Key)), "Date: Wed, 25 Nov 2026 10:00:00 +0900") {
			t.Errorf("off %v: the date is not the due moment in the rules' zone", off)
		}
	}
}

// bytesOf is the message of the key as the server took it.
func (d *desk) bytesOf(key string) []byte {
	d.sink.mu.Lock()
	defer d.sink.mu.Unlock()
	for _, a := range d.sink.got {
		if a.key == key {
			return a.data
		}
	}
	return nil
}

// TestOfficeMoves: the timezone of jobs.toml is edited between two occurrences, at work and while off, while a letter is held and
// another run waits. A period keeps its name and takes the moment that it has in the new zone; one whose moment has passed there
// is late; none goes twice and none is lost.
func TestOfficeMoves(t *testing.T) {
	plain := strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, "")
	waits := strings.NewReplacer("job.hosting", "job.waits", "acme-*", "late-*", `休みなら前営業日"`, "休みなら前営業日\"\nmissed = \"latest\"").Replace(plain)
	for _, tt := range []struct {
		zone, edited string // the new zone, and when it is written: in Tokyo, as all moments here
		due          string // the monthly jobs' new due
		held         string // why the ready letter is held in the end; "": it goes
	}{
		{zone: "Asia/Singapore", edited: "11-24 12:00", due: "11-25 11:00"},
		{zone: "America/New_York", edited: "11-24 12:00", due: "11-26 00:00"},
		{zone: "America/New_York", edited: "11-25 09:50", due: "11-26 00:00"},
		{zone: "Pacific/Kiritimati", edited: "11-24 12:00", due: "11-25 05:00"},
		{zone: "Pacific/Kiritimati", edited: "11-25 09:00", due: "11-25 05:00", held: "late"}, // its moment has passed there
	} {
		for _, off := range []bool{true, false} {
			t.Run(strings.ReplaceAll(tt.zone, "/", " ")+" "+tt.edited, func(t *testing.T) {
				d := newDesk(t, "11-20 09:00", head+plain+waits+daily)
				d.pdf("pdf/acme-11.pdf", "invoice")
				d.to(tt.edited)
				if got := reasons(d.only("hosting", "2026-11")); got != "not due" {
					t.Fatalf("held by %q", got)
				}
				moved := strings.Replace(head, "Asia/Tokyo", tt.zone, 1) + plain + waits + daily
				if off {
					d.restart(tt.edited, moved)
				} else {
					d.swap(moved)
				}
				d.settle()
				for _, job := range []string{"hosting", "waits"} {
					if r := d.run(job, "2026-11"); !r.Due.Equal(at(t, tt.due)) {
						t.Errorf("%s is due at %v", job, r.Due)
					}
				}
				if tt.held == "" {
					if due := at(t, tt.due).Add(-time.Minute); due.After(d.now) {
						d.to(due.In(tokyo).Format("2006-01-02 15:04"))
					}
					if got := slices.DeleteFunc(d.sink.letters(), func(s string) bool { return !strings.HasPrefix(s, "hosting/") }); len(got) != 0 {
						t.Errorf("sent before its moment: %v", got)
					}
				}
				d.pdf("pdf/late-11.pdf", "another invoice")
				d.to("11-28 12:00") // it is the 27th or the 28th everywhere
				if tt.held != "" {
					if got := reasons(d.only("hosting", "2026-11")); got != tt.held {
						t.Errorf("held by %q", got)
					}
					d.must("sato", "release", "it may go", Request{Job: "hosting", Period: "2026-11"})
					if d.run("waits", "2026-11").State != "done" {
						d.must("sato", "release", "it may go", Request{Job: "waits", Period: "2026-11"})
					}
					d.settle()
				}
				got := d.sink.letters()
				slices.Sort(got)
				want := []string{"hosting/2026-11/acme → ap@acme.example", "waits/2026-11/acme → ap@acme.example"}
				for _, day := range []string{"20", "24", "25", "26", "27"} {
					want = append(want, "daily/2026-11-"+day+"/mori → mori@aozora.example")
				}
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("off %v: sent %v", off, got)
				}
				for _, job := range []string{"hosting", "waits", "daily"} {
					for _, run := range d.runs(job) {
						if !strings.Contains(run, " done") {
							t.Errorf("off %v: %s %s", off, job, run)
						}
					}
				}
			})
		}
	}
}
