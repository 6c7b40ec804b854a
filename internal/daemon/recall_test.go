package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// maildir writes what the server took into a folder, as blind copies would lie there.
func (d *desk) maildir(keep func(key string) bool) string {
	d.t.Helper()
	dir := d.t.TempDir()
	d.sink.mu.Lock()
	defer d.sink.mu.Unlock()
	for i, a := range d.sink.got {
		if !keep(a.key) {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.eml", i)), append([]byte("Received: from bod\r\n"), a.data...), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	return dir
}

// recall records what lies in a folder, while no daemon is at work.
func (d *desk) recall(dir string) Recalled {
	d.t.Helper()
	c := d.load()
	e, err := jobs.FindMail(d.t.Context(), c, dir, d.now, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer e.Close()
	r, err := Recall(d.t.Context(), c, d.ledger, d.now, ledger.Who{Name: "sato"}, e, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if rep, err := d.ledger.Verify(d.t.Context(), nil); err != nil || len(rep.Problems) > 0 {
		d.t.Error(rep.Problems, err)
	}
	return r
}

const two = `
[job.two]
kind = "send"
title = "Two letters"
when = "毎月25日 9:00 休みなら前営業日"
to = ["acme", "hibari"]
letter = "letter.txt"
`

func everything(string) bool { return true }

// The whole folder is lost, and the copies say what went: it is never sent again, whatever of it has no copy is asked about, and the
// summaries' numbers go on.
func TestRecallAfterLoss(t *testing.T) {
	d := newDesk(t, "11-20 08:00", head+daily+invoice+two)
	d.to("11-25 12:00")
	before := d.sink.letters()
	folder := d.maildir(func(key string) bool { return key != "two/2026-11/hibari" })
	d.restore("", "11-25 13:00")
	r := d.recall(folder)
	if r.Messages != len(before)-1 || r.Left != 0 {
		t.Errorf("%+v of %d", r, len(before))
	}
	if again := d.recall(folder); again.Messages != 0 || again.Known != r.Messages {
		t.Errorf("a second time: %+v", again)
	}
	d.restart("11-25 13:01")
	d.settle()
	d.must("sato", "retry", "a new machine", Request{Restored: true})
	d.to("11-25 16:00")
	if got := d.sink.letters(); !slices.Equal(got, before) {
		t.Errorf("sent again: %v", got[len(before):])
	}
	for _, key := range []string{"hosting/2026-11", "daily/2026-11-25", "daily/2026-11-20"} {
		job, period, _ := strings.Cut(key, "/")
		if run, m := d.run(job, period), d.only(job, period); run.State != ledger.RunDone || m.State != ledger.StateSent || !strings.Contains(m.Deliveries[0].Words, "found in mail") {
			t.Errorf("%s: %s %s %q", key, run.State, m.State, m.Deliveries[0].Words)
		}
	}
	for _, m := range d.letters(d.run("two", "2026-11").ID) {
		want := map[string]ledger.State{"acme": ledger.StateSent, "hibari": ledger.StateHeld}[m.Part]
		if m.State != want || want == ledger.StateHeld && reasons(m) != "restored" {
			t.Errorf("%s is %s (%s), not %s", m.Key, m.State, reasons(m), want)
		}
	}
	d.to("11-25 18:00")
	d.view(func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{Class: ledger.ClassSummary, Newest: true, Limit: 1}) {
			if !strings.HasSuffix(m.Subject, "#3") { // after those of the 20th and the 24th
				t.Errorf("the numbers don't go on: %q", m.Subject)
			}
			return err
		}
		t.Error("no summary")
		return nil
	})
}

// A restored copy and the mail since: what was unknown or held is settled by it, and nobody is asked about what was found.
func TestRecallIntoACopy(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily+monthly)
	d.pdf("pdf/acme-11.pdf", "x")
	d.sink.set(func() { d.sink.data = func(key string) error { return errLater } })
	d.to("11-24 12:00") // the daily note is deferred, the invoice is sealed and waits for its confirmation
	copy := d.backup()
	d.sink.set(func() { d.sink.data = nil })
	d.to("11-24 13:00")
	d.must("tanaka", "confirm", "", Request{Run: d.run("hosting", "2026-11").Number, Set: d.set(d.run("hosting", "2026-11").ID)})
	d.to("11-25 12:00")
	before := d.sink.letters()
	d.restore(copy, "11-25 13:00")
	if r := d.recall(d.maildir(everything)); r.Settled != 1 || r.Messages != 2 {
		t.Errorf("%+v", r)
	}
	d.restart("11-25 13:01")
	d.must("sato", "retry", "with the mailbox of the copies", Request{Restored: true})
	d.to("11-25 16:00")
	if got := d.sink.letters(); !slices.Equal(got, before) {
		t.Errorf("sent again: %v", got[len(before):])
	}
	for _, job := range []string{"daily", "hosting"} {
		for _, r := range d.runs(job) {
			if !strings.HasSuffix(strings.TrimSuffix(r, " late"), string(ledger.RunDone)) {
				t.Errorf("%s: %s", job, r)
			}
		}
	}
}

// A letter that was on its way once and on hold when the copy was made went after it was released: nobody is offered to let it go
// again.
func TestRecallOfAHeldOne(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily)
	d.sink.set(func() { d.sink.data = func(string) error { return errLater } })
	d.to("11-24 12:00")
	number := d.only("daily", "2026-11-24").Number
	d.must("sato", "hold", "wait a moment", Request{Message: number})
	copy := d.backup()
	d.sink.set(func() { d.sink.data = nil })
	d.must("sato", "release", "all right", Request{Message: number})
	d.to("11-24 13:00")
	if got := d.sink.letters(); len(got) != 1 {
		t.Fatalf("sent: %v", got)
	}
	d.restore(copy, "11-24 14:00")
	if r := d.recall(d.maildir(everything)); r.Settled != 1 {
		t.Errorf("%+v", r)
	}
	if m := d.only("daily", "2026-11-24"); m.State != ledger.StateByHand {
		t.Errorf("the letter is %s", m.State)
	}
}

// What was asked for ahead of its day is found as well; a renamed job keeps the name of its keys; one that is not in the rules any more
// is recorded all the same; a ledger that is whole is left alone.
func TestRecallOddities(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily+invoice)
	d.to("11-24 12:00")
	d.must("sato", "do", "they want it now", Request{Job: "hosting", Period: "2026-11"})
	d.to("11-24 13:00")
	d.must("sato", "do", "another amount", Request{Job: "hosting", Period: "2026-11", Again: true})
	d.to("11-24 14:00")
	before := d.sink.letters()
	if !slices.Contains(before, "hosting/2026-11/acme%232 → ap@acme.example") {
		t.Fatalf("sent: %v", before)
	}
	folder := d.maildir(everything)
	c := d.load()
	e, err := jobs.FindMail(t.Context(), c, folder, d.now, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := Recall(t.Context(), c, d.ledger, d.now, ledger.Who{Name: "sato"}, e, nil); err == nil {
		t.Error("a ledger that is whole was written to")
	}
	renamed := head + strings.NewReplacer("[job.hosting]", "[job.invoice]\nrenamed_from = \"hosting\"").Replace(invoice)
	d.restore("", "11-24 15:00", renamed)
	if r := d.recall(folder); r.Messages != 3 || r.Runs != 2 {
		t.Errorf("%+v", r)
	}
	d.restart("11-24 15:01")
	d.must("sato", "retry", "a new machine", Request{Restored: true})
	d.to("11-26 12:00")
	for _, a := range d.sink.letters()[len(before):] {
		if !strings.HasPrefix(a, "summary/") {
			t.Errorf("sent again: %s", a)
		}
	}
	if r := d.run("hosting", "2026-11"); r.State != ledger.RunDone || r.Generation != 2 {
		t.Errorf("%s, generation %d", r.State, r.Generation)
	}
	d.to("12-25 12:00")
	if got := d.sink.letters(); !slices.Contains(got, "hosting/2026-12/acme → ap@acme.example") {
		t.Errorf("the renamed job lost its name: %v", got[len(before):])
	}
}

// A letter that the copy has as refused went after a retry: its copy lies there, and nobody is offered to let it go once more.
func TestRecallOfARefusedOne(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily)
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errNever } })
	d.to("11-24 12:00")
	refused := d.only("daily", "2026-11-24")
	if refused.State != ledger.StateFailed {
		t.Fatalf("the letter is %s", refused.State)
	}
	copy := d.backup()
	d.sink.set(func() { d.sink.rcpt = nil })
	d.must("sato", "retry", "the mailbox is there now", Request{Message: refused.Number})
	d.to("11-24 13:00")
	before := d.sink.letters()
	if len(before) != 1 {
		t.Fatalf("sent: %v", before)
	}
	d.restore(copy, "11-24 14:00")
	if r := d.recall(d.maildir(everything)); r.Settled != 1 || r.Known != 0 {
		t.Errorf("%+v", r)
	}
	if m := d.only("daily", "2026-11-24"); m.State != ledger.StateByHand {
		t.Errorf("the letter is %s", m.State)
	}
	d.restart("11-24 14:01")
	d.must("sato", "retry", "go on", Request{Restored: true})
	d.refused("sato", "retry", "it was refused", Request{Message: refused.Number})
	d.refused("sato", "do", "it was refused", Request{Job: "daily", Period: "2026-11-24"})
	d.to("11-24 16:00")
	if got := d.sink.letters(); !slices.Equal(got, before) {
		t.Errorf("sent again: %v", got)
	}
}

// TestRestoreOfARefusedOne: the same without any mail to read: nobody knows whether the letter that was refused went after the copy
// was made. A retry sends nothing before a person has released it, knowing that.
func TestRestoreOfARefusedOne(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily)
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errNever } })
	d.to("11-24 12:00")
	refused := d.only("daily", "2026-11-24")
	copy := d.backup()
	d.sink.set(func() { d.sink.rcpt = nil })
	d.must("sato", "retry", "the mailbox is there now", Request{Message: refused.Number})
	d.to("11-24 13:00")
	if got := d.sink.letters(); len(got) != 1 {
		t.Fatalf("sent: %v", got)
	}
	d.restore(copy, "11-24 14:00")
	d.restart("11-24 14:01")
	d.must("sato", "retry", "go on", Request{Restored: true})
	d.to("11-24 14:30")
	d.must("sato", "retry", "it was refused", Request{Message: refused.Number})
	d.to("11-24 16:00")
	if m := d.only("daily", "2026-11-24"); m.State != ledger.StateHeld || reasons(m) != "restored" {
		t.Errorf("the letter is %s (%s)", m.State, reasons(m))
	}
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent again: %v", got)
	}
	d.must("sato", "release", "they say that it never came", Request{Message: refused.Number})
	d.to("11-24 17:00")
	if got := d.sink.letters(); len(got) != 2 {
		t.Errorf("released, and sent: %v", got)
	}
}

// onlyMail is the one mail of a folder.
func onlyMail(t *testing.T, folder string) (file, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.eml"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return files[0], string(b)
}

// A server's or a reader's clock that is ahead dates a copy into the future. It went all the same, and keeps nothing else from being
// recorded.
func TestRecallOfTomorrow(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily)
	d.to("11-24 12:00")
	folder := d.maildir(everything)
	file, text := onlyMail(t, folder)
	ahead := strings.Replace(text, "Date: Tue, 24 Nov 2026", "Date: Wed, 25 Nov 2026", 1)
	if ahead == text {
		t.Fatalf("no such date in %q", text[:500])
	}
	if err := os.WriteFile(file, []byte(ahead), 0o600); err != nil {
		t.Fatal(err)
	}
	d.restore("", "11-24 13:00")
	if r := d.recall(folder); r.Messages != 1 {
		t.Errorf("%+v", r)
	}
}

// What is said to be a letter of a part that the run was not asked for is left out, and the run is done as it was: it does not begin
// anew for that.
func TestRecallOfAnotherPart(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+two)
	d.to("11-25 12:00")
	d.must("sato", "do", "lost there", Request{Job: "two", Period: "2026-11", Again: true, To: []string{"acme"}})
	d.to("11-25 13:00")
	if got := d.sink.letters(); len(got) != 3 {
		t.Fatalf("sent: %v", got)
	}
	folder := d.maildir(func(key string) bool { return strings.HasSuffix(key, "%232") })
	file, text := onlyMail(t, folder)
	other := strings.NewReplacer("two/2026-11/acme%232", "two/2026-11/hibari%232", "Message-ID: <", "Message-ID: <other-").Replace(text)
	if err := os.WriteFile(file, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	copy := d.backup()
	d.to("11-25 14:00")
	before := d.sink.letters()
	d.restore(copy, "11-25 15:00")
	if r := d.recall(folder); r.Messages != 0 || r.Left != 1 {
		t.Errorf("%+v", r)
	}
	if r := d.run("two", "2026-11"); r.State == ledger.RunRunning {
		t.Errorf("the run is %s", r.State)
	}
	d.restart("11-25 15:01")
	d.must("sato", "retry", "go on", Request{Restored: true})
	d.to("11-25 17:00")
	if got := d.sink.letters(); !slices.Equal(got, before) {
		t.Errorf("sent again: %v", got[len(before):])
	}
}
