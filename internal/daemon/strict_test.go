package daemon

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bod/internal/ledger"
	"bod/internal/mailer"
)

// meddling lets a test act at the moment at which a session is opened, or just before a message is carried.
type meddling struct {
	mailer.Carrier
	open  func()
	carry func()
}

func (m *meddling) Open(ctx context.Context) (mailer.Session, error) {
	if m.open != nil {
		m.open()
	}
	s, err := m.Carrier.Open(ctx)
	return &meddlingSession{s, m}, err
}

type meddlingSession struct {
	mailer.Session
	m *meddling
}

func (s *meddlingSession) Carry(ctx context.Context, p mailer.Parcel) ([]mailer.Receipt, bool) {
	if s.m.carry != nil {
		s.m.carry()
	}
	return s.Session.Carry(ctx, p)
}

// through puts a carrier in place of the desk's.
func (d *desk) through(c mailer.Carrier) {
	d.office.given = c
	st := *d.office.at.Load()
	st.carrier = c
	d.office.at.Store(&st)
}

func (d *desk) swap(rules string) {
	d.t.Helper()
	d.write("jobs.toml", rules)
	if err := d.office.Swap(d.load()); err != nil {
		d.t.Fatal(err)
	}
}

// TestRulesChangeBeforeTheClaim: while a session is opened (which takes minutes where a server is slow) the addressee leaves
// the rules. What stands in the rules at the claim counts, not what stood there when the delivery began.
func TestRulesChangeBeforeTheClaim(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+daily)
	d.settle()
	once := false
	d.through(&meddling{Carrier: d.sink.carrier(t), open: func() {
		if !once {
			once = true
			d.swap(head + strings.ReplaceAll(daily, "mori", "tanaka"))
		}
	}})
	d.to("11-20 09:31")
	if !once {
		t.Fatal("no session was opened")
	}
	if got := d.sink.letters(); len(got) != 0 {
		t.Errorf("it went to somebody who had left the rules: %v", got)
	}
	if m := d.only("daily", "2026-11-20"); m.State != ledger.StateHeld || reasons(m) != "gone" {
		t.Errorf("the letter is %s because of %s", m.State, reasons(m))
	}
}

// TestRejectedBeforeTheClaim: a person is faster than the session.
func TestRejectedBeforeTheClaim(t *testing.T) {
	for _, verb := range []string{"hold", "reject"} {
		t.Run(verb, func(t *testing.T) {
			d := newDesk(t, "11-20 09:00", head+daily)
			d.settle()
			once := false
			d.through(&meddling{Carrier: d.sink.carrier(t), open: func() {
				if !once {
					once = true
					d.must("sato", verb, "wait", Request{Message: d.only("daily", "2026-11-20").Number})
				}
			}})
			d.to("11-20 12:00")
			if got := d.sink.letters(); !once || len(got) != 0 {
				t.Errorf("it went all the same: %v", got)
			}
		})
	}
}

// TestEnabledAfterItsDue: a job that was out of the rules when its run was due comes back with it late: the wake-up that meets
// the due is the one that brings the job back, and `missed` decides.
func TestEnabledAfterItsDue(t *testing.T) {
	plain := strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, "")
	for _, prepared := range []bool{true, false} {
		d := newDesk(t, "11-18 09:00", head+plain)
		if prepared {
			d.pdf("pdf/acme-11.pdf", "invoice")
		}
		d.to("11-24 12:00") // prepared on the 24th: held, or waiting for its file
		d.swap(head + plain + "enabled = false\n")
		d.to("11-25 12:00")
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.swap(head + plain)
		d.to("11-25 13:00")
		if got := d.sink.letters(); len(got) != 0 {
			t.Errorf("prepared %v: it went to the outside two hours late, and nobody was asked: %v", prepared, got)
		}
		if got := d.runs("hosting"); !slices.Equal(got, []string{"2026-11 drafted late"}) {
			t.Errorf("prepared %v: runs are %v", prepared, got)
		}
	}
}

// TestReloadWhileUnreachable: a refused login is tried once after a reload; a server that could not be reached then has
// refused nothing, so the try is still to come.
func TestReloadWhileUnreachable(t *testing.T) {
	for _, waiting := range []bool{true, false} {
		d := newDesk(t, "11-24 09:00", head+daily)
		file := loggedIn(d)
		d.restart("11-24 09:00")
		d.through(d.sink.carrier(t, func(o *mailer.ServerOptions) {
			o.User, o.Auth, o.Password = "keiri", "plain", func() (string, error) { b, err := os.ReadFile(file); return string(b), err }
		}))
		d.sink.set(func() { d.sink.login = errLogin })
		d.to("11-24 09:31")
		if paused, _ := d.office.flagged(t.Context(), flagSession); !paused {
			t.Fatal("the queue is not paused")
		}
		if !waiting {
			d.must("sato", "reject", "not needed", Request{Message: d.only("daily", "2026-11-24").Number})
		}
		d.sink.set(func() { d.sink.login, d.sink.dial = nil, errors.New("connection refused") })
		if err := d.office.Swap(d.load()); err != nil { // the account was unlocked, and the server is being started anew
			t.Fatal(err)
		}
		d.to("11-24 09:40")
		d.sink.set(func() { d.sink.dial = nil })
		d.to("11-24 11:00")
		if paused, _ := d.office.flagged(t.Context(), flagSession); paused {
			t.Errorf("waiting %v: mail is paused for ever", waiting)
		}
	}
}

// TestTwoOfOneName: a name that two people bear says which of them confirms to nobody.
func TestTwoOfOneName(t *testing.T) {
	rules := strings.Replace(head, "[partner.acme]", "tanaka2 = \"Tanaka <tanaka2@aozora.example>\"\n[partner.acme]", 1) + monthly
	for range 8 { // the people are kept in a map: its order must not decide
		d := newDesk(t, "11-24 09:00", rules)
		d.pdf("pdf/acme-11.pdf", "invoice")
		d.to("11-24 12:00")
		r := d.run("hosting", "2026-11")
		said := d.refused("Tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
		if !strings.Contains(said, "tanaka2") {
			t.Fatalf("it doesn't say whom it can mean: %s", said)
		}
		d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	}
}

// TestConfirmWhatIsNew: one letter of several is replaced after the run was confirmed. The same person confirms the run once
// more, and needs to name no message.
func TestConfirmWhatIsNew(t *testing.T) {
	rules := head + strings.NewReplacer(`to = ["acme"]`, `to = ["acme", "hibari"]`, `pdf/acme-*.pdf`, `pdf/{partner.id}-*.pdf`).Replace(monthly)
	d := newDesk(t, "11-24 09:00", rules)
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.pdf("pdf/hibari-11.pdf", "invoice")
	d.to("11-24 12:00")
	r := d.run("hosting", "2026-11")
	if len(d.letters(r.ID)) != 2 {
		t.Fatalf("%d letters, reasons %v", len(d.letters(r.ID)), r.Reasons)
	}
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.pdf("pdf/acme-11.pdf", "a mended invoice")
	d.to("11-24 12:30")
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.refused("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.to("11-25 10:01")
	if got := d.sink.letters(); len(got) != 2 {
		t.Errorf("sent: %v", got)
	}
}

// TestDamagedBytes: what is not what was sealed is never sent, and keeps no other message back.
func TestDamagedBytes(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+daily+strings.NewReplacer("job.daily", "job.other", `"mori"`, `"tanaka"`).Replace(daily))
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errLater } })
	d.to("11-20 09:31")
	first := d.only("daily", "2026-11-20")
	d.close()
	damage(t, filepath.Join(d.dir, "state", "ledger.db"), first.ID)
	d.open()
	d.sink.set(func() { d.sink.rcpt = nil })
	d.to("11-20 10:30")
	if got := d.sink.letters(); len(got) != 1 || !strings.HasPrefix(got[0], "other/") {
		t.Errorf("sent: %v", got)
	}
	if m := d.only("daily", "2026-11-20"); m.State != ledger.StateFailed {
		t.Errorf("the damaged letter is %s", m.State)
	}
}

// TestRenamedToAnOldName: the name that a job gets was another job's once. Its own past goes with it all the same.
func TestRenamedToAnOldName(t *testing.T) {
	old := strings.NewReplacer("job.daily", "job.b").Replace(daily)
	a := "\n[job.a]\nkind = \"send\"\ntitle = \"A\"\nwhen = \"毎月5日 10:00 休みなら翌営業日\"\nto = [\"mori\"]\nletter = \"letter.txt\"\n"
	d := newDesk(t, "11-02 09:00", head+old+a)
	d.to("11-02 12:00")
	d.swap(head + a) // b is gone
	d.to("11-06 12:00")
	renamed := strings.NewReplacer("job.a", "job.b", "毎月5日", "毎月25日").Replace(a) + "renamed_from = \"a\"\n"
	d.swap(head + renamed)
	d.to("11-26 12:00")
	d.swap(head + renamed + "enabled = false\n")
	d.swap(head + renamed)
	d.to("11-26 13:00")
	want := []string{"b/2026-11-02/mori → mori@aozora.example", "a/2026-11/mori → mori@aozora.example"}
	if got := d.sink.letters(); !slices.Equal(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	if at := d.office.duties["a"]; at == nil || at.job.Name != "b" {
		t.Errorf("the job's identity is not the one of its first name")
	}
}

// TestHangingJobsLeaveTheSummary: a share that doesn't answer hangs every job that reads it; the summary reads the ledger alone.
func TestHangingJobsLeaveTheSummary(t *testing.T) {
	o := &Office{crew: newCrew()}
	for i := range flights {
		o.crew.busy[string(rune('a'+i))] = true
	}
	d := newDesk(t, "11-20 09:00", head+daily+"[summary]\nto = [\"sato\"]\nat = \"17:00\"\n")
	d.settle()
	if o.room(d.office.duties["daily"]) {
		t.Error("there is room for any number of jobs that hang")
	}
	if !o.room(d.office.duties["summary"]) {
		t.Error("jobs that hang keep the summary back")
	}
}

// damage alters the stored bytes of a message behind the ledger's back.
func damage(t *testing.T, file string, message int64) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'bodies'")
	if err != nil {
		t.Fatal(err)
	}
	guards := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		guards[name] = text
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
	for name := range guards {
		run("DROP TRIGGER " + name)
	}
	run("UPDATE bodies SET bytes = CAST('From: somebody else' AS BLOB) WHERE message = $1", message)
	for _, text := range guards {
		run(text)
	}
}

// TestClaimedAhead: the commit that stores one message's receipts claims the next. Whatever comes between the two, the first
// is sent once, and the second is as if it had never been claimed.
func TestClaimedAhead(t *testing.T) {
	rules := head + daily + strings.NewReplacer("job.daily", "job.other", `"mori"`, `"tanaka"`).Replace(daily)
	for _, c := range []struct {
		name  string
		comes func(d *desk, stop func())
		state ledger.State
		sent  int
	}{
		{"nothing", func(*desk, func()) {}, ledger.StateSent, 2},
		{"a stop", func(_ *desk, stop func()) { stop() }, ledger.StateQueued, 1},
		{"an edit", func(d *desk, _ func()) { // which of the two goes first is left to chance
			left := "mori"
			if strings.HasPrefix(d.sink.letters()[0], "daily/") {
				left = "tanaka"
			}
			d.swap(strings.Replace(rules, `"`+left+`"]`, `"sato"]`, 1))
		}, ledger.StateHeld, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, "11-20 09:00", rules)
			d.settle()
			d.now = at(t, "11-20 09:31")
			if _, err := d.office.Step(t.Context()); err != nil { // seals and queues
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			claims := 0
			testOnlyAt = func(step string) {
				if step == "received" && claims == 0 {
					claims++
					c.comes(d, stop)
				}
			}
			defer func() { testOnlyAt = func(string) {} }()
			sent, err := d.office.Deliver(ctx)
			if err != nil || len(d.sink.letters()) != c.sent {
				t.Errorf("sent %d (%v), %v", sent, d.sink.letters(), err)
			}
			second := d.only("other", "2026-11-20")
			if strings.HasPrefix(d.sink.letters()[0], "other/") {
				second = d.only("daily", "2026-11-20")
			}
			if second.State != c.state || c.state != ledger.StateSent && second.Deliveries[0].Attempts != 0 {
				t.Errorf("the second is %s after %d attempts", second.State, second.Deliveries[0].Attempts)
			}
			d.settle()
			if want := map[ledger.State]int{ledger.StateSent: 2, ledger.StateQueued: 2, ledger.StateHeld: 1}[c.state]; len(d.sink.letters()) != want {
				t.Errorf("in the end %v arrived", d.sink.letters())
			}
		})
	}
}

// TestPausedJobIsNotCalledGone: what was prepared before a job was paused says that it is paused, not that it isn't in the rules.
func TestPausedJobIsNotCalledGone(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+strings.Replace(monthly, `confirm = { by = ["tanaka"], count = 1 }`, "", 1))
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-24 12:00")
	paused := head + strings.Replace(monthly, `confirm = { by = ["tanaka"], count = 1 }`, "enabled = false", 1)
	d.swap(paused)
	d.to("11-25 10:05")
	if got := d.sink.letters(); len(got) > 0 {
		t.Fatalf("sent: %v", got)
	}
	m := d.only("hosting", "2026-11")
	i := slices.IndexFunc(m.Holds, func(h ledger.Hold) bool { return h.Reason == ledger.Gone })
	if i < 0 || !strings.Contains(m.Holds[i].Text, "enabled = false") {
		t.Fatalf("held for %v", m.Holds)
	}
	if why := d.refused("sato", "release", "it may go", Request{Message: m.Number}); !strings.Contains(why, "enabled = false") {
		t.Errorf("the release is refused with %q", why)
	}
}

// TestOldRuleThatCannotBeTold: while bod is off, somebody closes the day that a rule names and moves the rule to an earlier one, so
// that the old rule is none any more. The day that has passed by then is neither lost nor done without a question.
func TestOldRuleThatCannotBeTold(t *testing.T) {
	once := func(day string) string {
		return strings.ReplaceAll(strings.ReplaceAll(monthly, `confirm = { by = ["tanaka"], count = 1 }`, ""),
			`when = "毎月25日 10:00 休みなら前営業日"`, `when = { dates = ["`+day+`"], at = "9:00" }`)
	}
	d := newDesk(t, "11-16 09:00", head+daily+once("2026-11-26"))
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-18 12:00") // the daily job shows until when bod was at work
	closed := strings.Replace(head, `country = "jp"`, "country = \"jp\"\nclosed = [\"2026-11-26\"]", 1)
	d.restart("11-18 13:00", closed+daily+once("2026-11-18"))
	d.to("11-18 14:00")
	if got := d.runs("hosting"); !slices.Equal(got, []string{"2026-11-18 drafted late"}) {
		t.Fatalf("runs are %v", got)
	}
	if m := d.only("hosting", "2026-11-18"); reasons(m) != "late" {
		t.Errorf("held by %s", reasons(m))
	}
}
