package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/mailer"
)

func changed(m NewMessage, hash string) NewMessage {
	m.Inputs = []Input{{Kind: "letter", Name: "letters/請求書送付.txt", Hash: hash}}
	m.Body = append(slices.Clone(m.Body), hash...)
	return m
}

func outcomes(out []Sealed) string {
	var b []string
	for _, s := range out {
		b = append(b, fmt.Sprintf("%s %s", s.Key, s.Outcome))
	}
	return strings.Join(b, ", ")
}

func TestKey(t *testing.T) {
	for _, c := range []struct {
		part       string
		generation int
		want       string
	}{
		{"acme", 1, "j/2026-11/acme"},
		{"acme", 2, "j/2026-11/acme#2"},
		{"acme#2", 1, "j/2026-11/acme%232"},
		{"注文/12", 1, "j/2026-11/注文%2F12"},
		{"100%", 3, "j/2026-11/100%25#3"},
		{"a\nb", 1, "j/2026-11/a%0Ab"},
	} {
		if got := Key("j", "2026-11", c.part, c.generation); got != c.want {
			t.Errorf("%q %d: %s, want %s", c.part, c.generation, got, c.want)
		}
	}
}

func TestSealAgain(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	steps := []struct {
		name   string
		before func(tx *Tx) error
		draft  []NewMessage
		want   string
	}{
		{"first", nil, []NewMessage{letter("x"), letter("y")}, "a/2026-11/x sealed, a/2026-11/y sealed"},
		{"the same inputs", nil, []NewMessage{letter("x"), letter("y")}, "a/2026-11/x kept, a/2026-11/y kept"},
		{"a changed input", nil, []NewMessage{changed(letter("x"), "bb"), letter("y")}, "a/2026-11/x replaced, a/2026-11/y kept"},
		{"queued once, held again", func(tx *Tx) error {
			return errors.Join(tx.Queue(2), tx.Hold(2, Person, "待って"))
		}, []NewMessage{changed(letter("x"), "bb"), changed(letter("y"), "cc")}, "a/2026-11/x kept, a/2026-11/y taken"},
		{"rejected", func(tx *Tx) error { return tx.MoveDelivery(3, StateHeld, StateRejected, "不要") },
			[]NewMessage{letter("x")}, "a/2026-11/x taken"},
		{"asked for anew", func(tx *Tx) error {
			for _, m := range [][2]RunState{{RunRunning, RunFailed}, {RunFailed, RunPlanned}, {RunPlanned, RunRunning}} {
				if err := tx.MoveRun(run, m[0], m[1], RunChange{}); err != nil {
					return err
				}
			}
			return nil
		}, []NewMessage{letter("x"), letter("y")}, "a/2026-11/x sealed, a/2026-11/y taken"},
	}
	for _, s := range steps {
		if s.before != nil {
			o.do(s.before)
		}
		if got := outcomes(o.seal(run, s.draft...)); got != s.want {
			t.Errorf("%s: %s, want %s", s.name, got, s.want)
		}
	}
	if m := o.message(3); m.Predecessor != 1 || m.State != StateRejected {
		t.Errorf("%+v", m)
	}
	if m := o.message(4); m.Predecessor != 3 {
		t.Errorf("%+v", m)
	}
	if m := o.message(1); m.State != StateReplaced {
		t.Errorf("%+v", m)
	}
	o.verified()
}

// Promise 4: what changes afterwards voids the confirmation.
func TestReplacedIsUnconfirmed(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	draft := letter("x")
	draft.ConfirmBy, draft.ConfirmCount = []string{"tanaka"}, 1
	id := o.seal(run, draft)[0].Message
	o.do(func(tx *Tx) error {
		return tx.Decide(Decision{Message: id, Person: "tanaka", Yes: true}, o.message(id).Hash)
	})
	if m := o.message(id); len(m.Holds) != 0 || !slices.Equal(m.Confirmed, []string{"tanaka"}) {
		t.Errorf("%+v", m)
	}
	next := o.seal(run, changed(draft, "bb"))[0]
	if m := o.message(next.Message); next.Outcome != OutcomeReplaced || len(m.Holds) != 1 || m.Holds[0].Reason != Confirmation {
		t.Errorf("%v %+v", next, m)
	}
	for _, hash := range []string{o.message(id).Hash, o.message(next.Message).Hash} {
		err := o.try(func(tx *Tx) error {
			return tx.Decide(Decision{Message: id, Person: "tanaka", Yes: true}, hash)
		})
		if !errors.Is(err, ErrStale) {
			t.Error(err)
		}
	}
	if err := o.try(func(tx *Tx) error { return tx.Queue(next.Message) }); !errors.Is(err, ErrHeld) {
		t.Error(err)
	}
}

// An edit is nobody's leave to send what a person held, or what may have gone out in
// a lost time; a check or lateness comes with the draft, and a no is asked anew.
func TestHeldOver(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	draft := letter("x")
	draft.ConfirmBy, draft.ConfirmCount = []string{"tanaka"}, 1
	draft.Hold = []Hold{{Reason: Check, Text: "金額"}, {Reason: Late}}
	id := o.seal(run, draft)[0].Message
	o.do(func(tx *Tx) error {
		return errors.Join(tx.Hold(id, Restored, ""), tx.Decide(Decision{Message: id, Person: "tanaka", Why: "違います"}, o.message(id).Hash))
	})
	err := o.Update(t.Context(), o.now, Who{Name: "tanaka"}, func(tx *Tx) error { return tx.Hold(id, Person, "待って") })
	if err != nil {
		t.Fatal(err)
	}
	draft.Hold = nil
	next := o.message(o.seal(run, changed(draft, "bb"))[0].Message)
	var got []string
	for _, h := range next.Holds {
		got = append(got, string(h.Reason)+":"+h.Text+":"+h.By.Name)
	}
	if want := []string{"confirmation::bod", "person:待って:tanaka", "restored::bod"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	o.verified()
}

func TestDecisions(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	draft := letter("x")
	draft.ConfirmBy, draft.ConfirmCount = []string{"tanaka", "suzuki", "tanaka"}, 2
	id := o.seal(run, draft)[0].Message
	say := func(person string, yes bool, why string) error {
		return o.try(func(tx *Tx) error {
			return tx.Decide(Decision{Message: id, Person: person, Yes: yes, Why: why}, o.message(id).Hash)
		})
	}
	reasons := func() string {
		var out []string
		for _, h := range o.message(id).Holds {
			out = append(out, string(h.Reason)+":"+h.Text)
		}
		return strings.Join(out, " ")
	}
	err := o.try(func(tx *Tx) error { // what they saw were other bytes
		return tx.Decide(Decision{Message: id, Person: "tanaka", Yes: true}, sum([]byte("another")))
	})
	if !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	if err := say("sato", true, ""); !errors.Is(err, ErrPerson) {
		t.Error(err)
	}
	for _, c := range []struct {
		person string
		yes    bool
		why    string
		want   string
	}{
		{"tanaka", true, "", "confirmation:"},
		{"tanaka", true, "", "confirmation:"}, // the same person twice is one
		{"suzuki", false, "金額が違います", "confirmation: person:金額が違います"},
		{"suzuki", true, "", ""},
		{"tanaka", false, "待って", "confirmation: person:待って"},
	} {
		if err := say(c.person, c.yes, c.why); err != nil {
			t.Fatal(err)
		}
		if got := reasons(); got != c.want {
			t.Errorf("%s says %v: %q, want %q", c.person, c.yes, got, c.want)
		}
	}
	o.do(func(tx *Tx) error { return tx.Lift(id) })
	if got := reasons(); got != "confirmation: person:待って" {
		t.Errorf("a no was lifted: %q", got)
	}
	if err := o.try(func(tx *Tx) error { return tx.Lift(id, Confirmation) }); !errors.Is(err, ErrMove) {
		t.Error(err)
	}
	o.view(func(v *View) error {
		ds, err := v.Decisions(id)
		if len(ds) != 5 {
			t.Errorf("%+v", ds)
		}
		return err
	})
	o.verified()
}

// Never before due, and an edit that moves the due later holds what was sealed for
// the earlier one.
func TestNotDue(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	draft := letter("x")
	draft.NotBefore = o.now.Add(time.Hour)
	id := o.seal(run, draft)[0].Message
	ready := func() (n int) {
		o.do(func(tx *Tx) error {
			ms, err := tx.Ready()
			n = len(ms)
			return err
		})
		return n
	}
	wake := func() (at time.Time) {
		o.view(func(v *View) (err error) { at, err = v.NextWake(o.now); return err })
		return at
	}
	if ready() != 0 || !wake().Equal(draft.NotBefore) {
		t.Error(ready(), wake())
	}
	if err := o.try(func(tx *Tx) error { return tx.Queue(id) }); !errors.Is(err, ErrHeld) {
		t.Error(err)
	}
	later := o.now.Add(3 * time.Hour)
	o.do(func(tx *Tx) error { return tx.MoveRun(run, RunRunning, RunDrafted, RunChange{Due: &later}) })
	o.now = o.now.Add(2 * time.Hour)
	if ready() != 0 || !wake().Equal(later) {
		t.Error(ready(), wake())
	}
	early := true
	o.do(func(tx *Tx) error { return tx.MoveRun(run, RunDrafted, RunDrafted, RunChange{Early: &early}) })
	if ready() != 1 {
		t.Error("a run that leaves early is not ready")
	}
	o.do(func(tx *Tx) error { return tx.Queue(id) })
	o.verified()
}

func TestDroppedDrafts(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	out := o.seal(run, letter("x"), letter("y"))
	o.do(func(tx *Tx) error { // something is missing: what got no draft is only incomplete today
		_, err := tx.Seal(run, []NewMessage{letter("x")}, nil, false)
		return err
	})
	if m := o.message(out[1].Message); len(m.Holds) != 0 {
		t.Errorf("%+v", m.Holds)
	}
	o.seal(run, letter("x"))
	if m := o.message(out[1].Message); len(m.Holds) != 1 || m.Holds[0].Reason != Gone {
		t.Errorf("%+v", m.Holds)
	}
	events := func() (n int64) {
		o.view(func(v *View) (err error) { n, _, _, err = v.Head(); return err })
		return n
	}
	before := events()
	o.seal(run, letter("x"))
	if events() != before {
		t.Error("nothing changed and the log grew")
	}
	if got := outcomes(o.seal(run, letter("x"), letter("y"))); got != "a/2026-11/x kept, a/2026-11/y kept" {
		t.Error(got)
	}
	if m := o.message(out[1].Message); len(m.Holds) != 0 {
		t.Errorf("%+v", m.Holds)
	}
	o.verified()
}

func TestASecondOne(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	out := o.seal(run, letter("x"), letter("y"))
	for _, s := range out {
		o.send(s.Message, mailer.Sent)
	}
	o.do(func(tx *Tx) error {
		return errors.Join(
			tx.MoveRun(run, RunRunning, RunDrafted, RunChange{}),
			tx.MoveRun(run, RunDrafted, RunDone, RunChange{}),
			tx.MoveRun(run, RunDone, RunPlanned, RunChange{Again: []string{"x"}}),
			tx.MoveRun(run, RunPlanned, RunRunning, RunChange{}))
	})
	if r := o.run(run); r.Generation != 2 || !slices.Equal(r.Only, []string{"x"}) {
		t.Errorf("%+v", r)
	}
	again := o.seal(run, letter("x"), letter("y"))
	if got := outcomes(again); got != "a/2026-11/x#2 sealed, a/2026-11/y#2 left out" {
		t.Error(got)
	}
	if m := o.message(again[0].Message); m.Predecessor != out[0].Message {
		t.Errorf("%+v", m)
	}
	o.verified()
}

func TestDraftsThatAreRefused(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	with := func(change func(*NewMessage)) []NewMessage {
		m := letter("x")
		change(&m)
		return []NewMessage{m}
	}
	for name, drafts := range map[string][]NewMessage{
		"two with one key": {letter("x"), letter("x")},
		"another's key":    with(func(m *NewMessage) { m.Key = "b/2026-11/x" }),
		"a second's key":   with(func(m *NewMessage) { m.Key = "a/2026-11/x#2" }),
		"no part":          with(func(m *NewMessage) { m.Part = "" }),
		"no bytes":         with(func(m *NewMessage) { m.Body = nil }),
		"no recipient":     with(func(m *NewMessage) { m.Recipients = nil }),
		"no message id":    with(func(m *NewMessage) { m.MessageID = "" }),
		"a header broken":  with(func(m *NewMessage) { m.Subject = "請求書\r\nBcc: x@evil.example" }),
		"address broken":   with(func(m *NewMessage) { m.Recipients[0].Mail = "a@b.example>\r\nRCPT TO:<x@evil.example" }),
		"address with NUL": with(func(m *NewMessage) { m.Recipients[0].Mail = "a\x00@b.example" }),
		"a role":           with(func(m *NewMessage) { m.Recipients[0].Role = "reply" }),
		"no class":         with(func(m *NewMessage) { m.Class = "" }),
		"a derived hold":   with(func(m *NewMessage) { m.Hold = []Hold{{Reason: Confirmation}} }),
		"too few people":   with(func(m *NewMessage) { m.ConfirmBy, m.ConfirmCount = []string{"a", "a"}, 2 }),
		"a notice's key":   with(func(m *NewMessage) { m.Class, m.Key = ClassNotice, "notice/late" }),
		"a held notice": with(func(m *NewMessage) {
			m.Class, m.Key, m.Hold = ClassNotice, "notice/late/1/aa", []Hold{{Reason: Person}}
		}),
	} {
		if err := o.try(func(tx *Tx) error { _, err := tx.Seal(run, drafts, nil, true); return err }); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
	for name, fn := range map[string]func(tx *Tx) error{
		"a letter without a run": func(tx *Tx) error { _, err := tx.Seal(0, []NewMessage{letter("x")}, nil, false); return err },
		"no such run":            func(tx *Tx) error { _, err := tx.Seal(99, nil, nil, false); return err },
		"a value that is not JSON": func(tx *Tx) error {
			_, err := tx.Seal(run, nil, []Observation{{Name: "rows", Value: []byte("{")}}, false)
			return err
		},
		"a run that is not prepared": func(tx *Tx) error {
			if err := tx.MoveRun(run, RunRunning, RunPlanned, RunChange{}); err != nil {
				return err
			}
			_, err := tx.Seal(run, nil, nil, false)
			return err
		},
	} {
		if err := o.try(fn); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
	o.view(func(v *View) error {
		for m := range v.Messages(MessageQuery{}) {
			t.Errorf("something was stored: %+v", m)
		}
		return nil
	})
}

func notice(digest string) NewMessage {
	m := letter("sato")
	m.Class, m.Key, m.Part = ClassNotice, "notice/held/1/"+digest, ""
	return m
}

// A notice goes out at once and once, whatever becomes of it: one that is refused
// must not be made again at every step.
func TestNotices(t *testing.T) {
	o := open(t)
	id := o.seal0(notice("aa"))[0].Message
	if m := o.message(id); m.State != StateQueued {
		t.Fatalf("%+v", m)
	}
	if err := o.try(func(tx *Tx) error { return tx.Hold(id, Person, "") }); !errors.Is(err, ErrMove) {
		t.Error(err)
	}
	var token string
	o.do(func(tx *Tx) (err error) { token, _, err = tx.Claim(id); return err })
	o.do(func(tx *Tx) error { return tx.Receive(token, receipts(mailer.Failed, "sato@acme.example"), nil) })
	if got := outcomes(o.seal0(notice("aa"))); got != "notice/held/1/aa taken" {
		t.Error(got)
	}
	o.view(func(v *View) error {
		m, taken, err := v.Taken("notice/held/1/aa")
		if !taken || m.ID != id {
			t.Error(m, taken)
		}
		return err
	})
	o.verified()
}

func (o *office) seal0(drafts ...NewMessage) (out []Sealed) {
	o.t.Helper()
	o.do(func(tx *Tx) (err error) { out, err = tx.Seal(0, drafts, nil, false); return err })
	return out
}

// A summary or notice whose fate is unknown is never sent again, by nobody.
func TestAtMostOnce(t *testing.T) {
	o := open(t)
	run := o.running("summary", "2026-11-24")
	m := letter("all", "sato@aozora.example", "tanaka@aozora.example")
	m.Class = ClassSummary
	id := o.seal(run, m)[0].Message
	if got := o.message(id); got.State != StateQueued || got.Job != "summary" {
		t.Fatalf("%+v", got)
	}
	var token string
	o.do(func(tx *Tx) (err error) { token, _, err = tx.Claim(id); return err })
	o.do(func(tx *Tx) error {
		return tx.Sending(token, []string{"sato@aozora.example", "tanaka@aozora.example"})
	})
	o.reopen()
	got := o.message(id)
	if got.State != StateUnknown {
		t.Fatalf("%+v", got)
	}
	for _, d := range got.Deliveries {
		if err := o.try(func(tx *Tx) error { return tx.MoveDelivery(d.ID, StateUnknown, StateQueued, "") }); !errors.Is(err, ErrMove) {
			t.Error(err)
		}
	}
	err := o.try(func(tx *Tx) error { return force(tx, "deliveries", "1", "queued") })
	if !isConstraint(err) {
		t.Errorf("the database lets it go again: %v", err)
	}
	o.do(func(tx *Tx) error {
		return tx.MoveDelivery(1, StateUnknown, StateSent, "佐藤さんに届いていました")
	})
}

func TestCloseRuns(t *testing.T) {
	type step func(tx *Tx, ids []int64) error
	all := func(steps ...step) step {
		return func(tx *Tx, ids []int64) error {
			for _, s := range steps {
				if err := s(tx, ids); err != nil {
					return err
				}
			}
			return nil
		}
	}
	to := func(i int, result mailer.Result) step {
		return func(tx *Tx, ids []int64) error {
			if err := tx.Queue(ids[i]); err != nil {
				return err
			}
			token, ds, err := tx.Claim(ids[i])
			if err != nil {
				return err
			}
			if result != mailer.Written {
				if err := tx.Sending(token, []string{ds[0].Mail}); err != nil {
					return err
				}
			}
			return tx.Receive(token, receipts(result, ds[0].Mail), func(Delivery) time.Time { return begin.Add(time.Hour) })
		}
	}
	person := func(i int, from, to State) step {
		return func(tx *Tx, ids []int64) error {
			m, err := tx.Message(ids[i])
			if err != nil {
				return err
			}
			return tx.MoveDelivery(m.Deliveries[0].ID, from, to, "")
		}
	}
	for _, c := range []struct {
		name string
		do   step
		want RunState
	}{
		{"nothing sent", all(), RunDrafted},
		{"one still held", to(0, mailer.Sent), RunDrafted},
		{"both sent", all(to(0, mailer.Sent), to(1, mailer.Sent)), RunDone},
		{"written and rejected", all(to(0, mailer.Written), person(1, StateHeld, StateRejected)), RunDone},
		{"by hand", all(to(0, mailer.Sent), person(1, StateHeld, StateByHand)), RunDone},
		{"unknown is open", all(to(0, mailer.Sent), to(1, mailer.Unknown)), RunDrafted},
		{"deferred is open", all(to(0, mailer.Sent), to(1, mailer.Deferred)), RunDrafted},
		{"one failed", all(to(0, mailer.Sent), to(1, mailer.Failed)), RunFailed},
		{"failed beside an open one", to(1, mailer.Failed), RunDrafted},
		{"unknown, settled as failed", all(to(0, mailer.Sent), to(1, mailer.Unknown), person(1, StateUnknown, StateFailed)), RunFailed},
		{"replaced, with a successor", func(tx *Tx, ids []int64) error {
			out, err := tx.Seal(1, []NewMessage{changed(letter("x"), "bb"), letter("y")}, nil, true)
			if err != nil {
				return err
			}
			return all(to(0, mailer.Sent), to(1, mailer.Sent))(tx, []int64{out[0].Message, out[1].Message})
		}, RunDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := open(t)
			run := o.running("a", "2026-11")
			out := o.seal(run, letter("x"), letter("y"))
			o.do(func(tx *Tx) error {
				if err := tx.MoveRun(run, RunRunning, RunDrafted, RunChange{}); err != nil {
					return err
				}
				return c.do(tx, []int64{out[0].Message, out[1].Message})
			})
			o.do(func(tx *Tx) error {
				closed, err := tx.CloseRuns()
				if want := c.want != RunDrafted; want != (len(closed) == 1) {
					t.Errorf("%+v", closed)
				}
				return err
			})
			if got := o.run(run).State; got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			o.verified()
		})
	}
}

func TestFailedWithSuccessor(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	old := o.seal(run, letter("x"))[0].Message
	o.send(old, mailer.Failed)
	o.do(func(tx *Tx) error {
		return errors.Join(tx.MoveRun(run, RunRunning, RunDrafted, RunChange{}),
			tx.MoveRun(run, RunDrafted, RunFailed, RunChange{}),
			tx.MoveRun(run, RunFailed, RunPlanned, RunChange{}),
			tx.MoveRun(run, RunPlanned, RunRunning, RunChange{}))
	})
	next := o.seal(run, changed(letter("x"), "bb"))[0]
	if next.Outcome != OutcomeSealed || o.message(next.Message).Predecessor != old {
		t.Fatalf("%+v", next)
	}
	if err := o.try(func(tx *Tx) error { return tx.MoveDelivery(1, StateFailed, StateQueued, "") }); !errors.Is(err, ErrMove) {
		t.Error(err)
	}
	if err := o.try(func(tx *Tx) error { return force(tx, "deliveries", "1", "queued") }); !isConstraint(err) {
		t.Errorf("two live messages with one key: %v", err)
	}
	o.send(next.Message, mailer.Sent)
	o.do(func(tx *Tx) error {
		if err := tx.MoveRun(run, RunRunning, RunDrafted, RunChange{}); err != nil {
			return err
		}
		_, err := tx.CloseRuns()
		return err
	})
	if got := o.run(run).State; got != RunDone {
		t.Errorf("the failed one has a successor that was sent, and the run is %s", got)
	}
	o.verified()
}

func TestBody(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	draft := letter("x")
	id := o.seal(run, draft)[0].Message
	o.view(func(v *View) error {
		b, err := v.Body(id)
		if string(b) != string(draft.Body) {
			t.Errorf("%q", b)
		}
		return err
	})
	o.do(func(tx *Tx) error {
		return errors.Join(tx.s.script("DROP TRIGGER bodies_sealed"), tx.s.script("UPDATE bodies SET bytes = x'00'"))
	})
	err := o.View(context.Background(), func(v *View) error { _, err := v.Body(id); return err })
	if !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}
