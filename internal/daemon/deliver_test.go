package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"bod/internal/ledger"
	"bod/internal/mailer"
)

var (
	errLater = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
	errNever = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	errLogin = &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "authentication failed"}
)

func TestRetries(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errLater } })
	d.to("11-24 09:30")
	m := d.only("daily", "2026-11-24")
	if m.State != ledger.StateDeferred {
		t.Fatalf("the letter is %s", m.State)
	}
	wait := m.Deliveries[0].NextTry.Sub(d.now)
	if wait < 54*time.Second || wait > 67*time.Second {
		t.Errorf("the second try comes after %s", wait)
	}
	d.to("11-24 11:00")
	if n := d.only("daily", "2026-11-24").Deliveries[0].Attempts; n < 5 || n > 9 {
		t.Errorf("%d attempts in an hour and a half", n)
	}
	d.sink.set(func() { d.sink.rcpt = nil })
	d.to("11-24 11:40")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent: %v", got)
	}
	if r := d.run("daily", "2026-11-24"); r.State != ledger.RunDone {
		t.Errorf("the run is %s", r.State)
	}
}

func TestRetriesEnd(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errLater } })
	d.to("11-24 09:30")
	for d.now.Before(at(t, "11-27 12:00")) { // a machine that is asleep most of the time
		d.now = d.now.Add(7 * time.Hour)
		d.settle()
	}
	if m := d.only("daily", "2026-11-24"); m.State != ledger.StateFailed {
		t.Errorf("after three days the letter is %s", m.State)
	}
	if r := d.run("daily", "2026-11-24"); r.State != ledger.RunFailed {
		t.Errorf("the run is %s", r.State)
	}
}

// TestGiveUp: how long a letter is tried is counted from when it may go, by its job's word, else by [mail]'s. The last try is at the end of
// that time; then it has failed, its owner is told, and a person's retry begins the time anew.
func TestGiveUp(t *testing.T) {
	const mail = "[mail]\ngive_up = \"2 hours\"\n"
	daily := strings.Replace(daily, `"毎営業日 9:30"`, `{ dates = ["2026-11-24"], at = "9:30" }`, 1)
	tests := []struct {
		name, rules string
		release     string // a late letter, released then
		last        string // the last try
	}{
		{"three days when nothing is said", head + daily, "", "11-27 09:30"},
		{"as [mail] says", strings.Replace(head, "[mail]\n", mail, 1) + daily, "", "11-24 11:30"},
		{"as the job says", strings.Replace(head, "[mail]\n", mail, 1) + daily + "give_up = \"45 minutes\"\n", "", "11-24 10:15"},
		{"from the release of what was late", strings.Replace(head, "[mail]\n", mail, 1) + daily + "missed = \"ask\"\n", "11-24 15:00", "11-24 17:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, "11-24 09:00", tt.rules)
			d.settle()
			var tries []time.Time
			d.sink.set(func() {
				d.sink.rcpt = func(to string) error {
					if strings.HasPrefix(to, "mori") {
						tries = append(tries, d.now)
						return errLater
					}
					return nil
				}
			})
			if tt.release != "" {
				d.jump(tt.release)
				d.must("sato", "release", "they still want it", Request{Message: d.only("daily", "2026-11-24").Number})
			}
			last := at(t, tt.last)
			d.to(last.Add(-time.Minute).In(tokyo).Format("01-02 15:04"))
			if m := d.only("daily", "2026-11-24"); m.State != ledger.StateDeferred {
				t.Fatalf("a minute before its end the letter is %s", m.State)
			}
			d.to(tt.last)
			m := d.only("daily", "2026-11-24")
			if m.State != ledger.StateFailed || !tries[len(tries)-1].Equal(last) {
				t.Fatalf("at its end the letter is %s; it was tried at %v", m.State, tries)
			}
			for i := 1; i < len(tries); i++ {
				if gap := tries[i].Sub(tries[i-1]); gap < 54*time.Second && i < len(tries)-1 || gap > 33*time.Minute {
					t.Errorf("the tries %d and %d are %v apart", i, i+1, gap)
				}
			}
			told := func() (n int) {
				for _, a := range d.sink.notices() {
					if strings.HasPrefix(a, "notice/failed/"+d.run("daily", "2026-11-24").Number+"/") && strings.HasSuffix(a, "sato@aozora.example") {
						n++
					}
				}
				return n
			}
			if told() != 1 {
				t.Errorf("told %d times: %v", told(), d.sink.notices())
			}
			n := len(tries)
			d.now = d.now.Add(time.Hour)
			d.settle()
			if len(tries) != n {
				t.Fatal("it was tried again by itself")
			}
			d.must("sato", "retry", "the server is well again", Request{Message: m.Number})
			d.settle()
			d.now = d.now.Add(2 * time.Minute)
			d.settle()
			if m := d.only("daily", "2026-11-24"); len(tries) != n+2 || m.State != ledger.StateDeferred {
				t.Errorf("after a person's word it was tried %d times and is %s", len(tries)-n, m.State)
			}
		})
	}
}

func TestUnreachableServer(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	d.sink.set(func() { d.sink.dial = errors.New("connection refused") })
	d.to("11-24 09:31")
	m := d.only("daily", "2026-11-24")
	if m.State != ledger.StateDeferred || !strings.Contains(m.Deliveries[0].Words, "refused") {
		t.Errorf("the letter is %s: %s", m.State, m.Deliveries[0].Words)
	}
	if paused, _ := d.office.flagged(t.Context(), flagSession); paused {
		t.Error("a server that can't be reached is no refused session")
	}
	d.sink.set(func() { d.sink.dial = nil })
	d.to("11-24 10:00")
	if len(d.sink.letters()) != 1 {
		t.Error("it did not go when the server was back")
	}
}

// loggedIn makes the desk's carrier log in with the password of a file.
func loggedIn(d *desk) string {
	file := filepath.Join(d.dir, "password")
	d.write("password", "old\n")
	d.write("jobs.toml", strings.Replace(head, "[people]", "user = \"keiri\"\npassword_file = \""+file+"\"\n[people]", 1)+daily)
	return file
}

func TestRefusedLogin(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	file := loggedIn(d)
	d.restart("11-24 09:00")
	carry := func() mailer.Carrier {
		return d.sink.carrier(t, func(o *mailer.ServerOptions) {
			o.User, o.Auth, o.Password = "keiri", "plain", func() (string, error) { b, err := os.ReadFile(file); return string(b), err }
		})
	}
	d.office.given = carry()
	first := *d.office.at.Load()
	first.carrier = d.office.given
	d.office.at.Store(&first)
	d.sink.set(func() { d.sink.login = errLogin })
	d.to("11-24 09:31")
	if paused, _ := d.office.flagged(t.Context(), flagSession); !paused {
		t.Fatal("the queue is not paused")
	}
	if m := d.only("daily", "2026-11-24"); m.State != ledger.StateQueued || m.Deliveries[0].Attempts != 0 {
		t.Errorf("the letter is %s after %d attempts: the session was wrong, not the letter", m.State, m.Deliveries[0].Attempts)
	}
	dialled := d.sink.dialled
	d.to("11-24 16:00")
	if d.sink.dialled != dialled {
		t.Fatalf("a refused login was tried %d more times", d.sink.dialled-dialled)
	}
	t.Run("retry --session tries once", func(t *testing.T) {
		d.must("sato", "retry", "asked the provider", Request{Session: true})
		d.settle()
		if d.sink.dialled != dialled+1 {
			t.Errorf("dialled %d times", d.sink.dialled-dialled)
		}
	})
	t.Run("a reload tries once", func(t *testing.T) {
		dialled = d.sink.dialled
		if err := d.office.Swap(d.load()); err != nil {
			t.Fatal(err)
		}
		d.settle()
		d.to("11-24 17:30")
		if d.sink.dialled != dialled+1 {
			t.Errorf("dialled %d times", d.sink.dialled-dialled)
		}
	})
	t.Run("another password heals", func(t *testing.T) {
		d.sink.set(func() { d.sink.login = nil })
		d.write("password", "new\n")
		d.settle()
		if paused, _ := d.office.flagged(t.Context(), flagSession); paused {
			t.Error("the queue is still paused")
		}
		if len(d.sink.letters()) != 1 {
			t.Errorf("sent: %v", d.sink.letters())
		}
	})
}

// refusing is a carrier whose session is refused for another reason than the login.
type refusing struct {
	mailer.Carrier
	opened  int
	refused bool
}

func (r *refusing) Open(ctx context.Context) (mailer.Session, error) {
	r.opened++
	if r.refused {
		return nil, &mailer.SessionError{Stage: "certificate", Words: "it has expired", Err: errors.New("x509: expired")}
	}
	return r.Carrier.Open(ctx)
}

func TestRefusedSession(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	bad := &refusing{Carrier: d.sink.carrier(t), refused: true}
	first := *d.office.at.Load()
	first.carrier = bad
	d.office.at.Store(&first)
	d.to("11-24 09:30")
	if bad.opened != 1 {
		t.Fatalf("tried %d times", bad.opened)
	}
	d.to("11-24 13:30") // 1, 2, 4, 8, 16, then every 30 minutes
	if bad.opened < 9 || bad.opened > 13 {
		t.Errorf("tried %d times in four hours", bad.opened)
	}
	bad.refused = false
	d.to("11-24 14:05")
	if paused, _ := d.office.flagged(t.Context(), flagSession); paused {
		t.Error("the queue is still paused")
	}
	if len(d.sink.letters()) != 1 {
		t.Errorf("sent: %v", d.sink.letters())
	}
	if len(d.sink.notices()) == 0 {
		t.Error("the admin never heard of it")
	}
}

// TestPartlyRefused: each recipient by the server's own word.
func TestPartlyRefused(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+strings.ReplaceAll(daily, `to = ["mori"]`, `to = ["mori", "tanaka"]`))
	d.sink.set(func() {
		d.sink.rcpt = func(to string) error {
			if strings.HasPrefix(to, "mori") {
				return errNever
			}
			return nil
		}
	})
	d.to("11-24 09:31")
	m := d.only("daily", "2026-11-24")
	states := map[string]ledger.State{}
	for _, x := range m.Deliveries {
		states[x.Mail] = x.State
	}
	if states["mori@aozora.example"] != ledger.StateFailed || states["tanaka@aozora.example"] != ledger.StateSent {
		t.Errorf("deliveries are %v", states)
	}
	if r := d.run("daily", "2026-11-24"); r.State != ledger.RunFailed {
		t.Errorf("the run is %s", r.State)
	}
	d.sink.set(func() { d.sink.rcpt = nil })
	d.must("sato", "retry", "the mailbox is there now", Request{Message: m.Number})
	d.to("11-24 09:40")
	if got := d.sink.letters(); !slices.Equal(got, []string{"daily/2026-11-24/all → tanaka@aozora.example", "daily/2026-11-24/all → mori@aozora.example"}) {
		t.Errorf("sent: %v", got)
	}
}

// TestNothingUnknownIsSentAgain: the answer to the dot is lost; a person decides.
func TestNothingUnknownIsSentAgain(t *testing.T) {
	unknown := func(t *testing.T) (*desk, ledger.Message) {
		d := newDesk(t, "11-24 09:00", head+daily)
		cut := &cutting{Carrier: d.sink.carrier(t)}
		first := *d.office.at.Load()
		first.carrier = cut
		d.office.at.Store(&first)
		d.to("11-24 09:31")
		m := d.only("daily", "2026-11-24")
		if m.State != ledger.StateUnknown {
			t.Fatalf("the letter is %s", m.State)
		}
		cut.fine = true
		d.to("11-24 12:00")
		if got := d.sink.letters(); len(got) != 1 { // it did arrive; bod just can't know
			t.Fatalf("sent: %v", got)
		}
		return d, m
	}
	t.Run("settle sent", func(t *testing.T) {
		d, m := unknown(t)
		d.refused("sato", "settle", "called them", Request{Message: m.Number, Result: "perhaps"})
		d.must("sato", "settle", "called them", Request{Message: m.Number, Result: "sent"})
		d.settle()
		if r := d.run("daily", "2026-11-24"); r.State != ledger.RunDone {
			t.Errorf("the run is %s", r.State)
		}
	})
	t.Run("settle not sent, then retry", func(t *testing.T) {
		d, m := unknown(t)
		d.must("sato", "settle", "called them", Request{Message: m.Number, Result: "not-sent"})
		d.settle()
		if r := d.run("daily", "2026-11-24"); r.State != ledger.RunFailed {
			t.Errorf("the run is %s", r.State)
		}
		d.must("sato", "retry", "again", Request{Message: m.Number})
		d.settle()
		if got := d.sink.letters(); len(got) != 2 {
			t.Errorf("sent: %v", got)
		}
	})
	t.Run("resend is byte-identical", func(t *testing.T) {
		d, m := unknown(t)
		d.must("sato", "resend", "it never came", Request{Message: m.Number})
		d.settle()
		if len(d.sink.got) < 2 {
			t.Fatal("not sent again")
		}
		var same [][]byte
		for _, a := range d.sink.got {
			if a.key == m.Key {
				same = append(same, a.data)
			}
		}
		if len(same) != 2 || string(same[0]) != string(same[1]) {
			t.Error("the second one is another one")
		}
	})
	t.Run("by hand", func(t *testing.T) {
		d, m := unknown(t)
		d.must("sato", "by-hand", "sent by fax", Request{Message: m.Number})
		d.settle()
		if r := d.run("daily", "2026-11-24"); r.State != ledger.RunDone {
			t.Errorf("the run is %s", r.State)
		}
	})
}

// cutting loses the answer to the dot.
type cutting struct {
	mailer.Carrier
	fine bool
}

func (c *cutting) Open(ctx context.Context) (mailer.Session, error) {
	s, err := c.Carrier.Open(ctx)
	return &cuttingSession{s, c}, err
}

type cuttingSession struct {
	mailer.Session
	c *cutting
}

func (s *cuttingSession) Carry(ctx context.Context, p mailer.Parcel) ([]mailer.Receipt, bool) {
	rs, broken := s.Session.Carry(ctx, p)
	if s.c.fine || strings.Contains(string(p.Data), "X-Bod-Key: notice/") {
		return rs, broken
	}
	for i := range rs {
		rs[i].Result, rs[i].Code, rs[i].Stage, rs[i].Words = mailer.Unknown, 0, "dot", "the connection was cut"
	}
	return rs, true
}

// failing is a carrier whose sessions are refused as it is told.
type failing struct {
	mailer.Carrier
	now   func() time.Time
	fault func() error
	tries []time.Time
}

func (f *failing) Open(ctx context.Context) (mailer.Session, error) {
	f.tries = append(f.tries, f.now())
	if err := f.fault(); err != nil {
		return nil, err
	}
	return f.Carrier.Open(ctx)
}

// put lets the office send through another carrier.
func (d *desk) put(c mailer.Carrier) {
	st := *d.office.at.Load()
	st.carrier = c
	d.office.given = c
	d.office.at.Store(&st)
}

// TestSessionFaults: whatever is wrong with the session, no letter suffers for it. The queue waits as a whole, the admins hear of it
// once however often the server words it otherwise, it is tried again after 1 to 30 minutes, and heals by itself; a later fault is another one.
func TestSessionFaults(t *testing.T) {
	for stage, code := range map[string]int{"banner": 554, "ehlo": 550, "starttls": 0, "tls": 0, "certificate": 0, "auth": 504} {
		t.Run(stage, func(t *testing.T) {
			d := newDesk(t, "11-24 09:00", head+daily+strings.NewReplacer("daily", "later", "9:30", "10:00").Replace(daily))
			broken := true
			f := &failing{Carrier: d.sink.carrier(t), now: func() time.Time { return d.now }}
			f.fault = func() error {
				if !broken {
					return nil
				}
				return &mailer.SessionError{Stage: stage, Code: code, Words: "not now, ticket " + strconv.Itoa(len(f.tries))}
			}
			d.put(f)
			paused := func() (n int) {
				for _, a := range d.sink.notices() {
					if strings.HasPrefix(a, "notice/paused/session/") {
						n++
					}
				}
				return n
			}
			d.to("11-24 13:00")
			for _, job := range []string{"daily", "later"} {
				if m := d.only(job, "2026-11-24"); m.State != ledger.StateQueued || m.Deliveries[0].Attempts != 0 {
					t.Errorf("%s is %s after %d attempts: the session was wrong, not the letter", job, m.State, m.Deliveries[0].Attempts)
				}
			}
			if len(f.tries) < 8 || len(f.tries) > 14 {
				t.Errorf("tried %d times in three hours and a half", len(f.tries))
			}
			for i := 1; i < len(f.tries); i++ {
				if gap := f.tries[i].Sub(f.tries[i-1]); gap < time.Minute || gap > 31*time.Minute {
					t.Errorf("%v between two tries", gap)
				}
			}
			broken = false
			d.to("11-24 13:31")
			if got := d.sink.letters(); len(got) != 2 {
				t.Errorf("sent after it healed: %v", got)
			}
			if paused() != 1 {
				t.Errorf("the admin was told %d times", paused())
			}
			broken = true
			d.to("11-25 12:00")
			broken = false
			d.to("11-25 13:00")
			if got := d.sink.letters(); len(got) != 4 || paused() != 2 {
				t.Errorf("sent the next day: %v, told %d times", got, paused())
			}
		})
	}
}

// TestOneSummaryADay: through everything that may befall the mail in the evening, each agreed day has one summary, and no reader gets
// one twice. One that could not be sent in its time, or whose fate nobody knows, is told.
func TestOneSummaryADay(t *testing.T) {
	rules := strings.Replace(head, `country = "jp"`, `country = "none"`, 1) + daily + "[summary]\nto = [\"sato\", \"tanaka\"]\nat = \"17:00\"\n"
	d := newDesk(t, "11-16 09:00", rules)
	cut := &cutting{fine: true}
	var refused error
	set := func() {
		d.put(&failing{Carrier: cut, now: d.clock, fault: func() error { return refused }})
	}
	cut.Carrier = d.sink.carrier(t)
	set()

	d.to("11-16 16:30") // Monday: the server can't be reached
	d.sink.set(func() { d.sink.dial = errors.New("connection refused") })
	d.to("11-16 19:00")
	d.sink.set(func() { d.sink.dial = nil })
	d.to("11-17 16:30") // Tuesday: it refuses the session
	refused = &mailer.SessionError{Stage: "certificate", Words: "it has expired"}
	d.to("11-17 20:00")
	refused = nil
	d.to("11-18 16:30") // Wednesday: it refuses one reader for now
	d.sink.set(func() {
		d.sink.rcpt = func(to string) error {
			if strings.HasPrefix(to, "tanaka") {
				return errLater
			}
			return nil
		}
	})
	d.to("11-18 18:00")
	d.sink.set(func() { d.sink.rcpt = nil })
	d.to("11-19 16:30") // Thursday: the answer is lost
	cut.fine = false
	d.to("11-19 17:30")
	cut.fine = true
	d.to("11-20 16:59") // Friday: restarts all the time
	for _, moment := range []string{"11-20 16:59", "11-20 17:00", "11-20 17:00", "11-20 17:01", "11-20 17:20"} {
		d.restart(moment, rules)
		cut.Carrier = d.sink.carrier(t)
		set()
		d.settle()
	}
	d.to("11-23 16:30") // Monday: no server until the next evening
	d.sink.set(func() { d.sink.dial = errors.New("connection refused") })
	d.to("11-24 16:00")
	d.sink.set(func() { d.sink.dial = nil })
	d.to("11-25 18:00")

	days := []string{"16", "17", "18", "19", "20", "23", "24", "25"}
	var want []string
	for _, day := range days {
		state := "done"
		switch day {
		case "19":
			state = "drafted" // unknown
		case "23":
			state = "failed"
		}
		want = append(want, "2026-11-"+day+" "+state)
	}
	if got := d.runs("summary"); !slices.Equal(got, want) {
		t.Errorf("the summaries are %q", got)
	}
	came := map[string]int{}
	for _, a := range d.sink.arrivals() {
		if strings.HasPrefix(a, "summary/") {
			key, _, _ := strings.Cut(a, " ")
			came[key]++
		}
	}
	for _, day := range days {
		for _, reader := range []string{"sato", "tanaka"} {
			n, most := came["summary/2026-11-"+day+"/"+reader], 1
			if day == "23" {
				most = 0
			}
			if n != most {
				t.Errorf("the summary of November %s reached %s %d times", day, reader, n)
			}
		}
	}
	for _, m := range slices.Concat(d.letters(d.run("summary", "2026-11-19").ID), d.letters(d.run("summary", "2026-11-23").ID)) {
		what := map[ledger.State]string{ledger.StateUnknown: "unknown", ledger.StateFailed: "failed"}[m.State]
		if !slices.ContainsFunc(d.sink.notices(), func(a string) bool { return what != "" && strings.HasPrefix(a, "notice/"+what+"/"+m.Number+"/") }) {
			t.Errorf("%s is %s, and nobody was told", m.Key, m.State)
		}
	}
}
