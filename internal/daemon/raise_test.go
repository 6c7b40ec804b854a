package daemon

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"bod/internal/ledger"
	"bod/internal/mailer"
)

// pager is the administrator's alarm program: it writes down what it was told, and fails while a file says so.
type pager struct {
	t          testing.TB
	path       string
	log, fails string
}

func newPager(t testing.TB) *pager {
	dir := t.TempDir()
	p := &pager{t: t, log: filepath.Join(dir, "log"), fails: filepath.Join(dir, "fails")}
	p.path = script(t, fmt.Sprintf(`if test -e %[2]s; then echo "no network" 1>&2; exit 7; fi
{ echo "== $BOD_ALARM $BOD_ID $BOD_STATE"; cat; } >>%[1]s
echo told`, p.log, p.fails))
	return p
}

func (p *pager) fail(is bool) {
	p.t.Helper()
	if !is {
		if err := os.Remove(p.fails); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	if err := os.WriteFile(p.fails, nil, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// heard is what was told since the last question: each alarm from its first line on.
func (p *pager) heard() (out []string) {
	p.t.Helper()
	b, err := os.ReadFile(p.log)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.Remove(p.log); err != nil {
		p.t.Fatal(err)
	}
	for s := range strings.SplitSeq(string(b), "== ") {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// only expects one alarm that begins so and has these words, or with "" none.
func (p *pager) only(begins string, words ...string) {
	p.t.Helper()
	heard := p.heard()
	if begins == "" {
		if len(heard) > 0 {
			p.t.Errorf("the program was told %q", heard)
		}
		return
	}
	if len(heard) != 1 || !strings.HasPrefix(heard[0], begins) {
		p.t.Fatalf("the program was told %q, not one %q", heard, begins)
	}
	for _, w := range words {
		if !strings.Contains(heard[0], w) {
			p.t.Errorf("the program was not told %q:\n%s", w, heard[0])
		}
	}
}

func (d *desk) pager() *pager {
	p := newPager(d.t)
	d.config.AlarmProgram = p.path
	return p
}

// raise looks at what mail can't tell after some time.
func (d *desk) raise(later time.Duration) {
	d.t.Helper()
	d.now = d.now.Add(later)
	if err := d.office.raise(d.t.Context(), alarmAfter); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) alarms() (as []ledger.Alarm) {
	d.t.Helper()
	d.view(func(v *ledger.View) (err error) {
		as, err = v.Alarms()
		return err
	})
	return as
}

func TestAlarmOfAPausedQueue(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	p := d.pager()
	d.settle()
	pause := func() {
		t.Helper()
		if err := d.office.pause(t.Context(), d.office.at.Load(), &mailer.SessionError{Stage: "auth", Code: 535, Credential: true, Words: "5.7.8 no such\r\n\x1b[2Juser"}); err != nil {
			t.Fatal(err)
		}
	}
	pause()
	d.raise(0)
	p.only("") // it may heal by itself
	d.raise(3 * time.Minute)
	p.only("session 20261124T000000Z raised\n[bod] the mail server refused the login: all mail is paused\n", "5.7.8 no such [2Juser\n", "bod retry --session", "because mail can't")
	// Once for each event, over further looks, tries and a restart.
	pause()
	d.raise(10 * time.Minute)
	d.restart("11-24 09:20")
	d.config.AlarmProgram = p.path
	d.raise(0)
	p.only("")
	if as := d.alarms(); len(as) != 1 || as[0].Told.IsZero() || as[0].Result != "told" || as[0].Tries != 1 {
		t.Errorf("the ledger remembers %+v", as)
	}
	if err := d.office.heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.raise(0)
	p.only("session 20261124T000000Z over\n[bod] over: mail goes on\n")
	d.raise(time.Minute)
	p.only("")
	if as := d.alarms(); len(as) > 0 {
		t.Errorf("the ledger still has %+v", as)
	}
	// The next pause is another event. One that heals before it was told is none.
	pause()
	d.raise(3 * time.Minute)
	p.only("session 20261124T002100Z raised\n")
	if err := d.office.heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.fail(true)
	d.raise(0) // good news that can't be told is not tried again
	d.raise(time.Hour)
	pause()
	d.raise(3 * time.Minute)
	p.fail(false)
	if err := d.office.heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.raise(0)
	p.only("")
}

// An alarm that could not be given is tried again, less and less often.
func TestAlarmProgramThatFails(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	p := d.pager()
	p.fail(true)
	d.settle()
	if err := d.office.pause(t.Context(), d.office.at.Load(), &mailer.SessionError{Stage: "banner", Code: 554, Words: "go away"}); err != nil {
		t.Fatal(err)
	}
	var tries []string
	for range 90 {
		before := d.alarms()
		d.raise(time.Minute)
		after := d.alarms()
		if len(after) == 1 && (len(before) == 0 || after[0].Tries > before[0].Tries) {
			tries = append(tries, d.now.Format("15:04"))
			if !strings.Contains(after[0].Result, "exit status 7: no network") {
				t.Errorf("the ledger remembers %q", after[0].Result)
			}
		}
	}
	if got := strings.Join(tries, " "); got != "09:02 09:03 09:05 09:09 09:17 09:33 10:03" {
		t.Errorf("tried at %s", got)
	}
	p.fail(false)
	d.raise(3 * time.Minute)
	p.only("session ", "go away", "tries again by itself")
}

// A summary or a notice that did not arrive, or perhaps did not, is told another way: each once, many at a time.
func TestAlarmOfLostMail(t *testing.T) {
	d := newDesk(t, "11-24 16:50", head+daily+"[summary]\nto = [\"sato\", \"tanaka\"]\n")
	p := d.pager()
	d.sink.set(func() {
		d.sink.rcpt = func(to string) error {
			if strings.HasPrefix(to, "sato") {
				return &smtp.SMTPError{Code: 550, Message: "no such user"}
			}
			return nil
		}
	})
	d.to("11-24 17:00")
	d.raise(0)
	p.only("")
	d.raise(3 * time.Minute)
	heard := p.heard()
	if len(heard) != 2 || !strings.HasPrefix(heard[0], "summary 2611-0001 raised\n[bod] a summary could not be sent\n  to: sato@aozora.example\n") ||
		!strings.HasPrefix(heard[1], "notice 2611-") || !strings.Contains(heard[0], "no such user") || !strings.Contains(heard[1], "bod status") {
		t.Errorf("the program was told %q", heard)
	}
	d.raise(time.Hour)
	p.only("")
	// A hundred of them are one call, and the next one comes a while later.
	hello := func() { _ = d.must("sato", "hello", "", Request{To: []string{"sato"}}) }
	hello()
	d.to("11-24 18:10")
	d.raise(3 * time.Minute)
	p.only("notice 2611-")
	d.raise(time.Minute)
	hello()
	d.to("11-24 18:16")
	hello()
	d.settle()
	d.raise(3 * time.Minute)
	p.only("")
	d.raise(15 * time.Minute)
	heard = p.heard()
	if len(heard) != 1 || strings.Count(heard[0], "a notice could not be sent") != 2 {
		t.Errorf("the program was told %q", heard)
	}
	// A program that is named for the first time is not called for all that ever failed.
	p = newPager(t)
	d.config.AlarmProgram = p.path
	d.raise(4 * 24 * time.Hour)
	if err := d.ledger.Update(t.Context(), d.now, self(), func(tx *ledger.Tx) error {
		return tx.DropAlarm("summary/2611-0001")
	}); err != nil {
		t.Fatal(err)
	}
	d.raise(time.Minute)
	p.only("")
	if as := d.alarms(); len(as) > 0 {
		t.Errorf("the ledger still has %+v", as)
	}
}

func TestAlarmOfMailThatWaits(t *testing.T) {
	d := newDesk(t, "11-24 16:50", head+daily+"[summary]\nto = [\"sato\", \"tanaka\"]\n")
	p := d.pager()
	d.sink.set(func() { d.sink.dial = errors.New("connection refused") })
	d.to("11-24 17:30")
	d.raise(0)
	p.only("")
	d.to("11-24 18:05")
	d.raise(0)
	p.only("mail 2611-", "bod's own mail does not leave", "connection refused", "Tue 24 Nov 17:00")
	d.to("11-24 19:00")
	d.raise(0)
	p.only("")
	// Nothing has left while it is tried once more, nor while the whole queue is paused.
	tried := 0
	d.office.at.Load().carrier = during{d.office.given, func() { tried++; d.raise(0) }}
	d.sink.set(func() {
		d.sink.dial, d.sink.rcpt = nil, func(string) error { return &smtp.SMTPError{Code: 451, Message: "later"} }
	})
	d.to("11-24 19:40")
	p.only("")
	if tried == 0 {
		t.Fatal("nothing was tried")
	}
	if err := d.office.pause(t.Context(), d.office.at.Load(), &mailer.SessionError{Stage: "greeting", Code: 554, Words: "no"}); err != nil {
		t.Fatal(err)
	}
	d.raise(time.Minute)
	p.only("")
	if err := d.office.heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.sink.set(func() { d.sink.rcpt = nil })
	d.to("11-24 20:30")
	d.raise(0)
	p.only("mail 2611-", "over: bod's own mail leaves again")
}

// While the clock is wrong nothing else can be written into the ledger, and no mail leaves.
func TestAlarmOfTheClock(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	p := d.pager()
	d.to("11-24 10:00")
	d.now = at(t, "11-22 10:00")
	d.settle()
	d.raise(0)
	p.only("clock ", "the machine's clock is before the ledger's last entry", "bod retry --clock")
	d.settle()
	d.raise(time.Minute)
	p.only("")
	d.jump("11-24 10:05")
	d.raise(0)
	p.only("clock ", "over: mail goes on")
}

// A ledger that can't be written remembers no alarm either.
func TestAlarmOfTheLedger(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	p := d.pager()
	var x outage
	tell := func(later time.Duration) { d.now = d.now.Add(later); x.tell(t.Context(), d.office) }
	full := errors.New("couldn't write the ledger: disk is full")
	x.note(d.now, full)
	tell(time.Minute)
	x.note(d.now, nil) // a hiccup
	tell(time.Hour)
	p.only("")
	x.note(d.now, full)
	p.fail(true)
	tell(2 * time.Minute)
	p.fail(false)
	x.note(d.now, full)
	tell(30 * time.Second)
	p.only("") // not at once again
	tell(30 * time.Second)
	p.only("ledger ledger raised\n", "the ledger can't be written: nothing is done", "disk is full", "free space")
	x.note(d.now, full)
	tell(time.Hour)
	p.only("")
	x.note(d.now, nil)
	tell(0)
	p.only("ledger ledger over\n", "can be written again")
	tell(time.Hour)
	p.only("")
}

// A ledger that fails between a call and its result makes nobody be told the same thing again and again.
func TestAlarmThatCannotBeRemembered(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	p := d.pager()
	d.settle()
	if err := d.office.pause(t.Context(), d.office.at.Load(), &mailer.SessionError{Stage: "banner", Code: 554, Words: "go away"}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "state", "ledger.db")) // the ledger's own driver
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	sql := func(q string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	const fails = " BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
	sql("CREATE TRIGGER a BEFORE UPDATE ON alarms" + fails)
	sql("CREATE TRIGGER b BEFORE DELETE ON alarms" + fails)
	look := func(later time.Duration) {
		t.Helper()
		d.now = d.now.Add(later)
		_ = d.office.raise(t.Context(), alarmAfter) // it says that it can't remember
	}
	look(3 * time.Minute)
	p.only("session ")
	for range 5 {
		look(time.Minute)
	}
	p.only("")
	if err := d.office.heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	look(0)
	p.only("session 20261124T000000Z over")
	for range 5 {
		look(time.Minute)
	}
	p.only("")
	sql("DROP TRIGGER a")
	sql("DROP TRIGGER b")
	d.raise(0)
	d.raise(time.Minute)
	p.only("")
	if as := d.alarms(); len(as) > 0 {
		t.Errorf("the ledger still has %+v", as)
	}
}

// A rehearsal is a play: nobody is called.
func TestNoAlarmInARehearsal(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily)
	p := d.pager()
	d.settle()
	l, err := ledger.Rehearsal(t.Context(), d.ledger, ledger.Options{Now: d.clock, Log: d.log})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = l.Update(t.Context(), d.now, self(), func(tx *ledger.Tx) error {
		return tx.SetFlag(ledger.Flag{Name: flagSession, Text: "535", Since: d.now.Add(-time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOffice(Options{Config: d.config, Ledger: l, Carrier: mailer.NewFolder(t.TempDir()), Now: d.clock, Log: d.log})
	if err != nil {
		t.Fatal(err)
	}
	x := &outage{}
	x.note(d.now.Add(-time.Hour), errors.New("full"))
	x.tell(t.Context(), o)
	if err := o.raise(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	p.only("")
}

// The daemon gives the alarm by itself, in the file's language.
func TestDaemonGivesAlarms(t *testing.T) {
	p := newPager(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at(t, "11-24 16:00")))
		r := &running{t: t, dir: t.TempDir(), sink: newSink(t)}
		r.write("letter.txt", letter)
		r.write("jobs.toml", strings.Replace(head, `"en"`, `"ja"`, 1)+daily+"[summary]\nto = [\"sato\"]\n")
		if err := os.MkdirAll(filepath.Join(r.dir, "programs"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(p.path, filepath.Join(r.dir, "programs", "page")); err != nil {
			t.Fatal(err)
		}
		r.admin = filepath.Join(r.dir, "admin.toml")
		if err := os.WriteFile(r.admin, []byte("[programs]\nalarm = \"page\"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		r.sink.set(func() {
			r.sink.rcpt = func(string) error { return &smtp.SMTPError{Code: 550, Message: "no such user"} }
		})
		r.run()
		r.sleepTo("11-24 17:05")
		heard := p.heard()
		if len(heard) != 2 || !strings.HasPrefix(heard[0], "summary 2611-0001 raised\n【bod】まとめのメールを送れませんでした\n　宛先：sato@aozora.example\n") ||
			!strings.Contains(heard[0], "（"+host()+" の bod より。メールではお伝えできないため、この方法でお知らせしています）") || strings.Count(heard[1], "【bod】お知らせのメールを送れませんでした\n") != 1 {
			t.Errorf("the program was told %q", heard)
		}
		r.sleepTo("11-24 19:00")
		p.only("")
		r.end()
	})
}

func host() string {
	h, err := os.Hostname()
	if err != nil {
		return "?"
	}
	return h
}

// during does something while mail is being tried.
type during struct {
	mailer.Carrier
	do func()
}

func (c during) Open(ctx context.Context) (mailer.Session, error) {
	s, err := c.Carrier.Open(ctx)
	if err != nil {
		return nil, err
	}
	return duringSession{s, c.do}, nil
}

type duringSession struct {
	mailer.Session
	do func()
}

func (s duringSession) Carry(ctx context.Context, p mailer.Parcel) ([]mailer.Receipt, bool) {
	s.do()
	return s.Session.Carry(ctx, p)
}
