package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// rehearse plays the desk's rules, on a copy of its ledger where there is one.
func (d *desk) rehearse(from, until string, change ...func(*RehearseOptions)) *Rehearsal {
	d.t.Helper()
	o := RehearseOptions{Config: d.config, Ledger: d.ledger, From: at(d.t, from), Until: at(d.t, until), Confirm: true, Log: d.log}
	for _, f := range change {
		f(&o)
	}
	r, err := Rehearse(d.t.Context(), o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			d.t.Error(err)
		}
	})
	return r
}

// played are the letters and notices of a rehearsal as "when key state".
func (d *desk) played(r *Rehearsal) (out []string) {
	d.t.Helper()
	err := r.Ledger.View(d.t.Context(), func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{}) {
			if err != nil {
				return err
			}
			when := m.Deliveries[0].Changed.In(tokyo).Format("01-02 15:04")
			key := m.Key
			if rest, ok := strings.CutPrefix(key, "notice/"); ok {
				what, _, _ := strings.Cut(rest, "/")
				key = "notice/" + what
			}
			out = append(out, fmt.Sprintf("%s %s %s", when, key, m.State))
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What is rehearsed is what the office then does: the same letters at the same moments, who is asked answers at once, and the
// ledger, the mail server and the files are as they were.
func TestRehearsalIsWhatWillHappen(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly+daily)
	d.pdf("pdf/acme-11.pdf", "one")
	d.settle()
	before := d.head()

	r := d.rehearse("11-20 09:00", "11-25 23:00")
	if !r.Ledger.Rehearsal() || r.Ledger.Trial() {
		t.Error("the copy of a real ledger plays as a trial, or isn't known for what it is")
	}
	got := d.played(r)
	same(t, got,
		"11-20 09:30 daily/2026-11-20/mori sent",
		"11-24 09:30 daily/2026-11-24/mori sent",
		"11-24 10:00 notice/confirm sent",
		"11-25 09:30 daily/2026-11-25/mori sent",
		"11-25 10:00 hosting/2026-11/acme sent",
	)
	if len(r.Needs) != 0 {
		t.Errorf("needs %v", r.Needs)
	}
	if len(d.sink.arrivals()) != 0 || d.sink.dialled != 0 {
		t.Errorf("a rehearsal spoke to the mail server: %v", d.sink.arrivals())
	}
	if after := d.head(); after != before {
		t.Errorf("the real ledger went from %d to %d", before, after)
	}

	d.to("11-24 10:00")
	d.must("tanaka", "confirm", "", Request{Run: d.run("hosting", "2026-11").Number, Set: d.set(d.run("hosting", "2026-11").ID)})
	d.to("11-25 23:00")
	same(t, d.sink.letters(),
		"daily/2026-11-20/mori → mori@aozora.example",
		"daily/2026-11-24/mori → mori@aozora.example",
		"daily/2026-11-25/mori → mori@aozora.example",
		"hosting/2026-11/acme → ap@acme.example",
	)
}

// Nobody answers: what has to be confirmed is held past its due, and never goes.
func TestRehearsalWithoutAnswers(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.pdf("pdf/acme-11.pdf", "one")
	d.settle()
	r := d.rehearse("11-20 09:00", "12-10 00:00", func(o *RehearseOptions) { o.Confirm = false })
	for _, line := range d.played(r) {
		if strings.Contains(line, "hosting/2026-11/acme") && !strings.HasSuffix(line, " held") {
			t.Errorf("without a yes: %s", line)
		}
	}
}

// A file that isn't there is needed by the moment at which it would be looked for, and the run is not done.
func TestRehearsalTellsWhatIsNeeded(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.settle()
	r := d.rehearse("11-20 09:00", "12-10 00:00")
	if len(r.Needs) != 1 {
		t.Fatalf("needs %v", r.Needs)
	}
	n := r.Needs[0]
	if n.Job != "hosting" || n.Period != "2026-11" || !n.By.Equal(at(t, "11-24 10:00")) || !n.Due.Equal(at(t, "11-25 10:00")) || len(n.Reasons) != 1 {
		t.Errorf("need %+v", n)
	}
	same(t, d.played(r), "11-24 10:00 notice/waiting sent", "11-28 10:00 notice/missed sent")
}

// A file that was saved a moment ago may be half written for the daemon; at a played moment its age tells nothing.
func TestRehearsalHeedsNoFileAge(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+monthly)
	d.pdf("pdf/acme-11.pdf", "one")
	moment := at(t, "11-24 10:00")
	if err := os.Chtimes(filepath.Join(d.dir, "pdf/acme-11.pdf"), moment, moment); err != nil {
		t.Fatal(err)
	}
	r := d.rehearse("11-20 09:00", "11-25 23:00", func(o *RehearseOptions) { o.Ledger = nil })
	if len(r.Needs) != 0 {
		t.Errorf("needs %v", r.Needs)
	}
	same(t, d.played(r), "11-24 10:00 notice/confirm sent", "11-25 10:00 hosting/2026-11/acme sent")
}

// A rehearsal from now on begins at no whole microsecond.
func TestRehearsalFromAnyMoment(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+daily)
	r := d.rehearse("11-20 09:00", "11-20 23:00", func(o *RehearseOptions) {
		o.From, o.Until = o.From.Add(123456789), o.Until.Add(987654321)
	})
	same(t, d.played(r), "11-20 09:30 daily/2026-11-20/mori sent")
}

// A pause of now doesn't hide the days ahead, a rate isn't waited for, and nothing can be rehearsed with a carrier that sends.
func TestRehearsalSendsNothing(t *testing.T) {
	d := newDesk(t, "11-20 09:00", strings.Replace(head, "[people]", "rate = \"1 per hour\"\n[people]", 1)+daily)
	d.settle()
	err := d.ledger.Update(t.Context(), d.now, self(), func(tx *ledger.Tx) error {
		return tx.SetFlag(ledger.Flag{Name: flagSession, Text: "the login was refused", Since: d.now, Credential: credential(d.config)})
	})
	if err != nil {
		t.Fatal(err)
	}
	r := d.rehearse("11-20 09:00", "11-27 23:00")
	same(t, r.Paused, "the login was refused")
	sent := slices.DeleteFunc(d.played(r), func(s string) bool { return !strings.HasSuffix(s, "/mori sent") })
	if len(sent) != 5 {
		t.Errorf("sent %v", sent)
	}
	if _, err := NewOffice(Options{Config: d.config, Ledger: r.Ledger, Carrier: d.sink.carrier(t)}); err == nil {
		t.Error("an office sends what is rehearsed")
	}
	if _, err := NewOffice(Options{Config: d.config, Ledger: r.Ledger}); err == nil {
		t.Error("an office makes the rules' own carrier for what is rehearsed")
	}
}

func (d *desk) head() (seq int64) {
	d.t.Helper()
	d.view(func(v *ledger.View) (err error) {
		seq, _, _, err = v.Head()
		return err
	})
	return seq
}

// BenchmarkRehearseYear100Jobs is a year of 100 monthly jobs with a summary each business day; every fifth job lacks its file.
func BenchmarkRehearseYear100Jobs(b *testing.B) {
	dir := b.TempDir()
	var rules strings.Builder
	rules.WriteString(head)
	rules.WriteString("[summary]\nto = [\"sato\"]\nat = \"17:00\"\n")
	for i := range 100 {
		fmt.Fprintf(&rules, "[job.j%03d]\nkind = \"send\"\ntitle = \"Job %d\"\nowner = \"sato\"\nwhen = \"毎月%d日 %d:%02d 休みなら前営業日\"\nprepare = \"1 business day before\"\nto = [\"acme\"]\nletter = \"letter.txt\"\n",
			i, i, 1+i%28, 8+i%10, i%60)
		switch {
		case i%5 == 0:
			fmt.Fprintf(&rules, "attach = [\"pdf/{about.folder}/%d-*.pdf\"]\n", i)
		case i%5 == 1:
			rules.WriteString("confirm = { by = [\"tanaka\"], count = 1 }\n")
		}
	}
	for name, content := range map[string]string{"jobs.toml": rules.String(), "letter.txt": letter} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	c, problems := config.Load(filepath.Join(dir, "jobs.toml"), jobs.ConfigKinds())
	if c == nil {
		b.Fatal(problems)
	}
	from := time.Date(2026, time.November, 24, 0, 0, 0, 0, tokyo)
	var messages, size int
	for b.Loop() {
		r, err := Rehearse(b.Context(), RehearseOptions{Config: c, From: from, Until: from.AddDate(1, 0, 0), Confirm: true})
		if err != nil {
			b.Fatal(err)
		}
		messages, size = 0, 0
		err = r.Ledger.View(b.Context(), func(v *ledger.View) error {
			for m, err := range v.Messages(ledger.MessageQuery{}) {
				if err != nil {
					return err
				}
				messages++
				size += int(m.Size)
			}
			return nil
		})
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(messages), "messages")
	b.ReportMetric(float64(size)/1e6, "MB-mail")
	b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
}
