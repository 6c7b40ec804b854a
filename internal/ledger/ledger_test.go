package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bod/internal/mailer"
)

var (
	tokyo = time.FixedZone("JST", 9*3600)
	begin = time.Date(2026, 11, 24, 9, 0, 0, 0, tokyo)
	bod   = Who{Name: "bod", User: "bod"}
	sato  = Who{Name: "sato", User: "sato"}
)

// office is a ledger under test with a clock of its own.
type office struct {
	*Ledger
	t   testing.TB
	dir string
	now time.Time
	n   int // of claimed
}

// empty is a ledger that was made once; each test begins with a copy of it.
var empty = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l, err := Open(context.Background(), dir, Options{Create: true, Now: func() time.Time { return begin }})
	if err != nil {
		return nil, err
	}
	if err := l.Close(); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range []string{fileName, markerName} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
})

func open(t testing.TB) *office {
	t.Helper()
	o := &office{t: t, dir: filepath.Join(t.TempDir(), "state"), now: begin}
	files, err := empty()
	if err == nil {
		err = os.Mkdir(o.dir, 0o700)
	}
	for name, b := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(o.dir, name), b, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	o.reopen()
	return o
}

func (o *office) reopen() {
	o.t.Helper()
	if o.Ledger != nil {
		if err := o.Ledger.Close(); err != nil {
			o.t.Fatal(err)
		}
	}
	l, err := Open(context.Background(), o.dir, Options{Create: true, Now: func() time.Time { return o.now }})
	if err != nil {
		o.t.Fatal(err)
	}
	o.Ledger = l
	o.t.Cleanup(func() { l.Close() })
}

func (o *office) try(fn func(*Tx) error) error {
	return o.Ledger.Update(context.Background(), o.now, bod, fn)
}

func (o *office) do(fn func(*Tx) error) {
	o.t.Helper()
	if err := o.try(fn); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) view(fn func(*View) error) {
	o.t.Helper()
	if err := o.Ledger.View(context.Background(), fn); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) message(id int64) (m Message) {
	o.t.Helper()
	o.view(func(v *View) (err error) {
		m, err = v.Message(id)
		return err
	})
	return m
}

func (o *office) run(id int64) (r Run) {
	o.t.Helper()
	o.view(func(v *View) (err error) {
		r, err = v.Run(id)
		return err
	})
	return r
}

// verified fails the test unless every row can be told again.
func (o *office) verified() {
	o.t.Helper()
	r, err := o.Ledger.Verify(context.Background(), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, p := range r.Problems {
		o.t.Error("verify:", p)
	}
}

// running plans a run and brings it to running.
func (o *office) running(job, period string) (id int64) {
	o.t.Helper()
	o.do(func(tx *Tx) (err error) {
		if err := tx.PutJob(Job{Name: job, Kind: "send", Rule: []byte(`{"kind":"send"}`)}); err != nil {
			return err
		}
		if id, _, err = tx.AddRun(Run{Job: job, Period: period, Nominal: o.now, Due: o.now}); err != nil {
			return err
		}
		return tx.MoveRun(id, RunPlanned, RunRunning, RunChange{})
	})
	return id
}

func letter(part string, to ...string) NewMessage {
	m := NewMessage{
		Class: ClassLetter, Part: part, Subject: "請求書", From: "keiri@aozora.example",
		MessageID: "<" + part + "@aozora.example>", Body: []byte("Subject: " + part + "\r\n\r\nhello\r\n"),
		Inputs: []Input{{Kind: "letter", Name: "letters/請求書送付.txt", Hash: "aa"}},
	}
	if len(to) == 0 {
		to = []string{part + "@acme.example"}
	}
	for _, mail := range to {
		m.Recipients = append(m.Recipients, Recipient{Mail: mail, Role: "to", Outside: true})
	}
	return m
}

func (o *office) seal(run int64, drafts ...NewMessage) (out []Sealed) {
	o.t.Helper()
	o.do(func(tx *Tx) (err error) {
		out, err = tx.Seal(run, drafts, nil, true)
		return err
	})
	return out
}

func receipts(result mailer.Result, to ...string) (rs []mailer.Receipt) {
	for _, mail := range to {
		rs = append(rs, mailer.Receipt{To: mail, Result: result, Stage: "dot", Code: 250, Words: "2.0.0 Ok", At: begin})
	}
	return rs
}

// send takes a message the whole way.
func (o *office) send(id int64, result mailer.Result) {
	o.t.Helper()
	var token string
	var mails []string
	o.do(func(tx *Tx) error {
		if err := tx.Queue(id); err != nil {
			return err
		}
		t, ds, err := tx.Claim(id)
		token = t
		for _, d := range ds {
			mails = append(mails, d.Mail)
		}
		return err
	})
	o.do(func(tx *Tx) error { return tx.Sending(token, mails) })
	o.do(func(tx *Tx) error { return tx.Receive(token, receipts(result, mails...), nil) })
}

func TestTheWholeWay(t *testing.T) {
	o := open(t)
	run := o.running("hosting-acme", "2026-11")
	sealed := o.seal(run, letter("acme"), letter("beta"))
	o.do(func(tx *Tx) error { return tx.MoveRun(run, RunRunning, RunDrafted, RunChange{}) })
	if got := fmt.Sprint(sealed); got != "[{1 hosting-acme/2026-11/acme sealed} {2 hosting-acme/2026-11/beta sealed}]" {
		t.Fatal(got)
	}
	for _, s := range sealed {
		o.send(s.Message, mailer.Sent)
		if m := o.message(s.Message); m.State != StateSent || m.Number != fmt.Sprintf("2611-%04d", s.Message) {
			t.Errorf("%+v", m)
		}
	}
	o.do(func(tx *Tx) error {
		closed, err := tx.CloseRuns()
		if len(closed) != 1 || closed[0].State != RunDone || closed[0].Number != "R2611-0001" {
			t.Errorf("%+v", closed)
		}
		return err
	})
	o.reopen()
	o.verified()
}
