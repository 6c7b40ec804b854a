package daemon

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bod/internal/ledger"
)

// TestRestoredBackup: an older ledger was put back. What went out since isn't in it, so nothing leaves before a person says so,
// and what came due since is asked about, even where the rule would send it late by itself.
func TestRestoredBackup(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	d.to("11-24 10:00")
	d.close()
	file := filepath.Join(d.dir, "state", "ledger.db")
	backup, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d.restart("11-24 10:01")
	d.to("11-25 12:00")
	if got := d.sink.letters(); len(got) != 2 {
		t.Fatalf("sent: %v", got)
	}
	d.close()
	if err := os.WriteFile(file, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"-wal", "-shm"} {
		_ = os.Remove(file + more)
	}
	d.restart("11-25 13:00")
	d.settle()
	if is, _ := d.office.flagged(t.Context(), flagRestored); !is {
		t.Fatal("no flag stands")
	}
	d.to("11-25 15:00")
	if got := d.sink.letters(); len(got) != 2 {
		t.Fatalf("sent before a person said so: %v", got)
	}
	if len(d.sink.notices()) == 0 {
		t.Error("nobody was told")
	}
	d.restart("11-26 12:00") // over a further due, and a restart
	d.must("sato", "retry", "looked at the sent folder", Request{Restored: true})
	d.settle()
	if got := d.sink.letters(); len(got) != 2 {
		t.Fatalf("what may have gone was sent: %v", got)
	}
	// The one may have gone before the copy was put back; the other surely has not, and is late.
	for period, want := range map[string]string{"2026-11-25": "restored", "2026-11-26": "late"} {
		if m := d.only("daily", period); reasons(m) != want {
			t.Errorf("%s is held by %q", period, reasons(m))
		}
	}
	d.to("11-27 10:00")
	if got := d.sink.letters(); len(got) != 3 {
		t.Errorf("new work does not go on: %v", got)
	}
	d.must("sato", "reject", "it went", Request{Message: d.only("daily", "2026-11-25").Number})
	d.must("sato", "release", "it did not go", Request{Message: d.only("daily", "2026-11-26").Number})
	d.settle()
	if got := d.sink.letters(); len(got) != 4 {
		t.Errorf("sent: %v", got)
	}
}

// TestDiskThatCannotBeWritten: no sending, a precise word, and nothing lost when there is room again.
func TestDiskThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	server := newMurderer(t)
	rules := strings.Replace(head, "smtp+insecure://sink.example:25", "smtp+insecure://"+server.addr, 1) +
		"[job.many]\nkind = \"send\"\ntitle = \"Many\"\nwhen = \"毎日 00:00 休みでも実施\"\nto = [\"acme\", \"hibari\"]\nletter = \"letter.txt\"\n"
	for name, content := range map[string]string{"jobs.toml": rules, "letter.txt": letter} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "letter.txt"), old, old); err != nil {
		t.Fatal(err)
	}
	period := time.Now().In(tokyo).Format("2006-01-02")
	if server.killed(t, dir, period, "claimed", 1); len(server.arrived) != 0 {
		t.Fatal("sent before it was claimed")
	}

	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "BOD_TEST_DAEMON="+dir, "BOD_TEST_PERIOD="+period, "BOD_TEST_STEP=never:1", "BOD_TEST_ROOM=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("it ended well with a full disk:\n%s", out)
	}
	if !strings.Contains(string(out), "disk") {
		t.Errorf("it doesn't say what is the matter:\n%s", out)
	}
	if strings.Contains(string(out), "panic") {
		t.Errorf("it panicked:\n%s", out)
	}
	if len(server.arrived) != 0 {
		t.Errorf("sent without a ledger: %v", server.arrived)
	}

	server.killed(t, dir, period, "never", 1)
	for _, part := range []string{"acme", "hibari"} {
		if n := server.arrived["many/"+period+"/"+part]; n != 1 {
			t.Errorf("%s arrived %d times", part, n)
		}
	}
	l, err := ledger.OpenReader(t.Context(), filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if report, err := l.Verify(t.Context(), nil); err != nil || len(report.Problems) > 0 {
		t.Errorf("bod verify says %v %v", report.Problems, err)
	}
}

// TestMissedInPart: one customer's file never comes. At its limit the run is missed, the letter that is complete, and that nobody
// confirmed, is held as late; the office goes on.
func TestMissedInPart(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+strings.NewReplacer(`["acme"]`, `["acme", "hibari"]`, `pdf/acme-*`, `pdf/{partner.id}-*`, "休みなら前営業日", "休みでも実施").Replace(monthly)+daily)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-30 09:00")
	r := d.run("hosting", "2026-11")
	if r.State != ledger.RunMissed {
		t.Errorf("the run is %s", r.State)
	}
	if m := d.only("hosting", "2026-11"); reasons(m) != "confirmation,late" {
		t.Errorf("its letter is held by %q", reasons(m))
	}
	d.to("11-30 10:00")
	if m := d.only("daily", "2026-11-30"); m.State != ledger.StateSent {
		t.Errorf("the other job's letter is %s", m.State)
	}
}
