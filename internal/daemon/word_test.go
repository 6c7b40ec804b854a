package daemon

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// parts is a duty of two letters, of which the second waits for its file.
const parts = `
[job.two]
kind = "send"
title = "Two letters"
owner = "sato"
when = "毎月25日 9:00 休みなら前営業日"
prepare = "1 business day before"
to = ["acme", "hibari"]
attach = ["pdf/{partner.id}.pdf"]
letter = "letter.txt"
missed = "ask"
`

// letterOf is the letter of one part of a run that was not replaced.
func (d *desk) letterOf(job, period, part string) ledger.Message {
	d.t.Helper()
	var found []ledger.Message
	for _, m := range d.letters(d.run(job, period).ID) {
		if m.Part == part && m.State != ledger.StateReplaced {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		d.t.Fatalf("%s/%s/%s has %d letters", job, period, part, len(found))
	}
	return found[0]
}

// TestReleaseOfOneLetter: the word about one letter of a run that is late says nothing about the others, neither about those that
// are not complete yet nor about what an edit makes of them.
func TestReleaseOfOneLetter(t *testing.T) {
	late := func(t *testing.T) *desk {
		d := newDesk(t, "11-20 09:00", head+parts)
		d.pdf("pdf/acme.pdf", "acme")
		d.to("11-24 12:00")
		d.restart("11-25 12:00")
		d.settle()
		if m := d.letterOf("two", "2026-11", "acme"); reasons(m) != "late" {
			t.Fatalf("acme is held by %q", reasons(m))
		}
		d.must("sato", "release", "they wait for it", Request{Message: d.letterOf("two", "2026-11", "acme").Number})
		d.to("11-25 13:00")
		if got := d.sink.letters(); len(got) != 1 || !strings.HasPrefix(got[0], "two/2026-11/acme") {
			t.Fatalf("sent: %v", got)
		}
		return d
	}
	t.Run("one that is complete only now", func(t *testing.T) {
		d := late(t)
		d.pdf("pdf/hibari.pdf", "hibari")
		d.to("11-25 15:00")
		if m := d.letterOf("two", "2026-11", "hibari"); m.State != ledger.StateHeld || reasons(m) != "late" {
			t.Errorf("hibari is %s, held by %q", m.State, reasons(m))
		}
		d.must("sato", "release", "this one too", Request{Message: d.letterOf("two", "2026-11", "hibari").Number})
		d.to("11-25 16:00")
		if got := d.sink.letters(); len(got) != 2 {
			t.Errorf("sent: %v", got)
		}
	})
	t.Run("the whole run", func(t *testing.T) {
		d := late(t)
		d.must("sato", "release", "the rest as well", Request{Run: d.run("two", "2026-11").Number})
		d.pdf("pdf/hibari.pdf", "hibari")
		d.to("11-25 15:00")
		if got := d.sink.letters(); len(got) != 2 {
			t.Errorf("sent: %v", got)
		}
	})
	t.Run("one that an edit replaces", func(t *testing.T) {
		d := newDesk(t, "11-20 09:00", head+parts)
		d.pdf("pdf/acme.pdf", "acme")
		d.pdf("pdf/hibari.pdf", "hibari")
		d.to("11-24 12:00")
		d.restart("11-25 12:00")
		d.settle()
		d.must("sato", "release", "they wait for it", Request{Message: d.letterOf("two", "2026-11", "acme").Number})
		d.to("11-25 13:00")
		d.pdf("pdf/hibari.pdf", "another")
		d.to("11-25 15:00")
		if m := d.letterOf("two", "2026-11", "hibari"); m.State != ledger.StateHeld || reasons(m) != "late" {
			t.Errorf("hibari is %s, held by %q", m.State, reasons(m))
		}
	})
	t.Run("after a restore", func(t *testing.T) {
		d := newDesk(t, "11-20 09:00", head+parts)
		d.pdf("pdf/acme.pdf", "acme")
		d.to("11-24 12:00")
		copy := d.backup()
		d.restore(copy, "11-25 12:00")
		d.settle()
		d.must("sato", "retry", "go on", Request{Restored: true})
		d.to("11-25 12:30")
		d.must("sato", "release", "not sent", Request{Message: d.letterOf("two", "2026-11", "acme").Number})
		d.pdf("pdf/hibari.pdf", "hibari")
		d.to("11-25 15:00")
		if m := d.letterOf("two", "2026-11", "hibari"); m.State != ledger.StateHeld || !strings.Contains(reasons(m), "restored") {
			t.Errorf("hibari is %s, held by %q", m.State, reasons(m))
		}
	})
}

// TestReleaseBringsNothingBack: what a person rejected stays rejected when another letter of its run is released after the run has
// ended without it.
func TestReleaseBringsNothingBack(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+strings.Replace(parts, `to = ["acme", "hibari"]`, `to = ["acme", "hibari", "mori"]`, 1))
	d.pdf("pdf/acme.pdf", "acme")
	d.pdf("pdf/hibari.pdf", "hibari")
	d.to("11-24 12:00")
	d.must("sato", "reject", "they left", Request{Message: d.letterOf("two", "2026-11", "acme").Number})
	d.must("sato", "hold", "wait", Request{Message: d.letterOf("two", "2026-11", "hibari").Number})
	d.to("11-30 12:00")
	if r := d.run("two", "2026-11"); r.State != ledger.RunMissed {
		t.Fatalf("the run is %s", r.State)
	}
	d.must("sato", "release", "they want it", Request{Message: d.letterOf("two", "2026-11", "hibari").Number})
	d.to("11-30 13:00")
	if got := d.sink.letters(); len(got) != 1 || !strings.HasPrefix(got[0], "two/2026-11/hibari") {
		t.Errorf("sent: %v", got)
	}
}

// TestRetryBringsNothingBack: the same where preparing ended in an error after the rejection.
func TestRetryBringsNothingBack(t *testing.T) {
	broken := false
	breakSend(t, func(ctx context.Context, k jobs.Kind, w *jobs.World) (jobs.Prepared, error) {
		if broken {
			return jobs.Prepared{}, os.ErrPermission
		}
		return k.Prepare(ctx, w)
	})
	d := newDesk(t, "11-20 09:00", head+strings.Replace(parts, "job.two", "job.broken", 1))
	d.pdf("pdf/acme.pdf", "acme")
	d.to("11-24 12:00")
	d.must("sato", "reject", "they left", Request{Message: d.letterOf("broken", "2026-11", "acme").Number})
	broken = true
	d.pdf("pdf/hibari.pdf", "hibari")
	d.to("11-24 15:00")
	if r := d.run("broken", "2026-11"); r.State != ledger.RunFailed {
		t.Fatalf("the run is %s", r.State)
	}
	broken = false
	d.must("sato", "retry", "mended", Request{Run: d.run("broken", "2026-11").Number})
	d.to("11-25 12:00")
	if got := d.sink.letters(); len(got) != 1 || !strings.HasPrefix(got[0], "broken/2026-11/hibari") {
		t.Errorf("sent: %v", got)
	}
}

// TestHoldWhatIsOnItsWay: a letter that is being carried at the moment of the word can't be held; when the server refuses it for now it
// is, and does not go by itself a minute later.
func TestHoldWhatIsOnItsWay(t *testing.T) {
	for _, verb := range []string{"hold", "reject"} {
		for _, whole := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the whole run %v", verb, whole), func(t *testing.T) {
				d := newDesk(t, "11-20 09:00", head+two)
				d.to("11-25 08:59")
				d.now = at(t, "11-25 09:00")
				if _, err := d.office.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
				carried, answer := make(chan string), make(chan error)
				d.sink.set(func() {
					d.sink.data = func(key string) error { carried <- key; return <-answer }
				})
				ended := make(chan error, 1)
				go func() { _, err := d.office.Deliver(t.Context()); ended <- err }()
				key := <-carried
				m := d.letterOf("two", "2026-11", strings.TrimPrefix(key, "two/2026-11/"))
				req := Request{Message: m.Number}
				if whole {
					req = Request{Run: d.run("two", "2026-11").Number}
				}
				ok, said := d.ask("sato", verb, "the sum is wrong", req)
				if verb == "hold" && !ok || verb == "reject" && ok != whole {
					t.Errorf("%v: %s", ok, said)
				}
				if ok && !strings.Contains(said, m.Number) {
					t.Errorf("nothing is said of the one on its way: %s", said)
				}
				d.sink.set(func() { d.sink.data = nil })
				answer <- errLater
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				d.to("11-25 12:00")
				got := d.sink.letters()
				if want := map[bool]int{false: 1, true: 0}[whole]; ok && len(got) != want {
					t.Errorf("sent: %v", got)
				}
				if m := d.letterOf("two", "2026-11", m.Part); ok && (m.State != ledger.StateHeld || reasons(m) != "person") {
					t.Errorf("it is %s, held by %q", m.State, reasons(m))
				}
			})
		}
	}
}

// TestNoAfterYes: who confirmed a letter and holds it while it waits for its next try has said no. Another one's release does not
// turn that into a yes.
func TestNoAfterYes(t *testing.T) {
	d, r, m := prepared(t, monthly)
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.sink.set(func() { d.sink.data = func(string) error { return errLater } })
	d.to("11-25 10:00")
	if m := d.only("hosting", "2026-11"); m.State != ledger.StateDeferred {
		t.Fatalf("it is %s", m.State)
	}
	d.must("tanaka", "hold", "the sum looks wrong", Request{Message: m.Number})
	d.sink.set(func() { d.sink.data = nil })
	d.must("sato", "release", "it is right", Request{Message: m.Number})
	d.to("11-25 12:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent against a no: %v", got)
	}
	d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
	d.to("11-25 13:00")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent: %v", got)
	}
}

// TestAgainWithOneOnHold: a deliberate second letter is not made while the first is still on hold: both would go.
func TestAgainWithOneOnHold(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+parts)
	d.pdf("pdf/acme.pdf", "acme")
	d.to("11-24 12:00")
	d.must("sato", "hold", "wait", Request{Message: d.letterOf("two", "2026-11", "acme").Number})
	d.to("11-30 12:00")
	if r := d.run("two", "2026-11"); r.State != ledger.RunMissed {
		t.Fatalf("the run is %s", r.State)
	}
	if said := d.refused("sato", "do", "they ask for it", Request{Job: "two", Period: "2026-11", Again: true}); !strings.Contains(said, d.letterOf("two", "2026-11", "acme").Number) {
		t.Errorf("it doesn't say what is on hold: %s", said)
	}
	d.must("sato", "reject", "the new one goes", Request{Message: d.letterOf("two", "2026-11", "acme").Number})
	d.must("sato", "do", "they ask for it", Request{Job: "two", Period: "2026-11", Again: true})
}

// TestKeyWithSigns: a part with signs that have a meaning in keys is found again at each look; otherwise its letter would be sealed
// anew every half a minute.
func TestKeyWithSigns(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+strings.Replace(monthly, `to = ["acme"]`, `to = ["ap/50%@acme.example"]`, 1))
	d.pdf("pdf/acme-11.pdf", "invoice")
	d.to("11-24 11:00")
	seq := func() (n int64) {
		d.view(func(v *ledger.View) (err error) { n, _, _, err = v.Head(); return err })
		return n
	}
	before := seq()
	d.to("11-24 11:30")
	if after := seq(); after != before {
		t.Errorf("%d entries in half an hour in which nothing happened", after-before)
	}
}

// TestErrorStays: a word about one letter of a run that could not be prepared to its end does not make the run done: the rest of it
// was never drafted.
func TestErrorStays(t *testing.T) {
	broken := false
	breakSend(t, func(ctx context.Context, k jobs.Kind, w *jobs.World) (jobs.Prepared, error) {
		if broken {
			return jobs.Prepared{}, os.ErrPermission
		}
		return k.Prepare(ctx, w)
	})
	for _, verb := range []string{"by-hand", "retry", "mail"} {
		t.Run(verb, func(t *testing.T) {
			broken = false
			d := newDesk(t, "11-20 09:00", head+strings.Replace(parts, "job.two", "job.broken", 1))
			d.pdf("pdf/acme.pdf", "acme")
			d.sink.set(func() { d.sink.rcpt = func(string) error { return errNever } })
			d.to("11-25 09:05") // acme is refused, hibari waits for its file
			broken = true
			d.to("11-25 09:30")
			r, m := d.run("broken", "2026-11"), d.letterOf("broken", "2026-11", "acme")
			if r.State != ledger.RunFailed || !hasReason(r.Reasons, codeError) || m.State != ledger.StateFailed {
				t.Fatalf("the run is %s (%v), the letter %s", r.State, r.Reasons, m.State)
			}
			broken = false
			d.sink.set(func() { d.sink.rcpt = nil })
			if verb == "mail" {
				copy := d.backup()
				d.must("sato", "retry", "the mailbox is there now", Request{Message: m.Number})
				d.to("11-25 10:00")
				d.restore(copy, "11-25 10:30")
				d.recall(d.maildir(everything))
				d.restart("11-25 10:31")
				d.must("sato", "retry", "go on", Request{Restored: true})
			} else {
				d.must("sato", verb, "they have it", Request{Message: m.Number})
			}
			d.to("11-25 11:00")
			if r := d.run("broken", "2026-11"); r.State != ledger.RunFailed {
				t.Fatalf("the run is %s", r.State)
			}
			d.pdf("pdf/hibari.pdf", "hibari")
			d.must("sato", "retry", "mended", Request{Run: r.Number})
			d.to("11-25 12:00")
			got := d.sink.letters()
			if n := len(got); n == 0 || !strings.HasPrefix(got[n-1], "broken/2026-11/hibari") || n > 2 {
				t.Errorf("sent: %v", got)
			}
			if r := d.run("broken", "2026-11"); r.State != ledger.RunDone {
				t.Errorf("the run is %s", r.State)
			}
		})
	}
	t.Run("the whole run", func(t *testing.T) {
		broken = false
		d := newDesk(t, "11-20 09:00", head+strings.Replace(parts, "job.two", "job.broken", 1))
		d.pdf("pdf/acme.pdf", "acme")
		d.to("11-24 12:00")
		broken = true
		d.to("11-24 15:00")
		d.must("sato", "by-hand", "by letter post", Request{Run: d.run("broken", "2026-11").Number})
		d.to("11-25 12:00")
		if r, m := d.run("broken", "2026-11"), d.letterOf("broken", "2026-11", "acme"); r.State != ledger.RunDone || m.State != ledger.StateByHand {
			t.Errorf("the run is %s, the letter %s", r.State, m.State)
		}
	})
}

// TestSkipMeansAll: a run of which a part is sealed and another waits is skipped as a whole where its rule says so: what becomes
// complete afterwards is not sent.
func TestSkipMeansAll(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+strings.Replace(parts, `missed = "ask"`, `missed = "skip"`, 1))
	d.pdf("pdf/acme.pdf", "acme")
	d.to("11-24 12:00")
	d.restart("11-25 12:00")
	d.settle()
	d.pdf("pdf/hibari.pdf", "hibari")
	d.to("11-25 15:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Errorf("sent: %v", got)
	}
	if r := d.run("two", "2026-11"); r.State != ledger.RunSkipped {
		t.Errorf("the run is %s", r.State)
	}
}

// TestOfficeDays: limits in business days are counted by the office's date. At eight on a Friday morning in Tokyo it is Thursday in
// UTC, in which the ledger keeps its moments.
func TestOfficeDays(t *testing.T) {
	const friday = `
[job.friday]
kind = "send"
title = "Friday letter"
owner = "sato"
when = "毎月27日 8:00 休みなら前営業日"
to = ["acme"]
letter = "letter.txt"
late_until = "1 business day"
`
	t.Run("late_until", func(t *testing.T) {
		d := newDesk(t, "11-20 09:00", head+friday+"attach = [\"pdf/acme-*.pdf\"]\n")
		d.to("11-28 12:00")
		if r := d.run("friday", "2026-11"); r.State != ledger.RunWaiting {
			t.Fatalf("on Saturday the run is %s", r.State)
		}
		d.to("11-30 07:59")
		if r := d.run("friday", "2026-11"); r.State != ledger.RunWaiting {
			t.Errorf("on Monday before eight the run is %s", r.State)
		}
		d.to("11-30 08:01")
		if r := d.run("friday", "2026-11"); r.State != ledger.RunMissed {
			t.Errorf("on Monday after eight the run is %s", r.State)
		}
	})
	for name, where := range map[string]string{"the job's give_up": friday, "the office's give_up": "[people]"} {
		t.Run(name, func(t *testing.T) {
			const end = "give_up = \"1 business day\"\n"
			d := newDesk(t, "11-20 09:00", strings.Replace(head+friday, where, map[bool]string{true: where + end, false: end + where}[where == friday], 1))
			d.sink.set(func() { d.sink.data = func(string) error { return errLater } })
			d.to("11-29 12:00")
			if m := d.only("friday", "2026-11"); m.State != ledger.StateDeferred {
				t.Errorf("on Sunday the letter is %s", m.State)
			}
			d.to("11-30 08:01")
			if m := d.only("friday", "2026-11"); m.State != ledger.StateFailed {
				t.Errorf("on Monday after eight the letter is %s", m.State)
			}
		})
	}
	t.Run("on_unknown", func(t *testing.T) {
		d := newDesk(t, "11-20 09:00", strings.Replace(head, "[people]", "give_up = \"1 business day\"\n[people]", 1)+friday+"on_unknown = \"resend\"\n")
		d.sink.set(func() { d.sink.data = func(string) error { return errLater } })
		d.to("11-28 12:00")
		d.sink.set(func() { d.sink.data = nil })
		cut := d.losing()
		for d.only("friday", "2026-11").State != ledger.StateUnknown && d.now.Before(at(t, "11-28 13:00")) {
			d.to(d.now.Add(time.Minute).Format("01-02 15:04"))
		}
		cut.fine = true
		d.to("11-28 14:00")
		if got := d.sink.letters(); len(got) != 2 { // the answer to the first was lost
			t.Errorf("sent: %v", got)
		}
	})
}

// TestDoWithOneOnHold: who asks for a run of which a letter is on hold hears that this one stays so.
func TestDoWithOneOnHold(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+parts)
	d.pdf("pdf/acme.pdf", "acme")
	d.to("11-24 12:00")
	d.must("sato", "hold", "wait", Request{Message: d.letterOf("two", "2026-11", "acme").Number})
	d.to("11-30 12:00")
	said := d.must("sato", "do", "they ask for it", Request{Job: "two", Period: "2026-11"})
	if m := d.letterOf("two", "2026-11", "acme"); !strings.Contains(said, m.Number) || !strings.Contains(said, "on hold") {
		t.Errorf("it says %q", said)
	}
	d.pdf("pdf/hibari.pdf", "hibari")
	d.to("11-30 13:00")
	if got := d.sink.letters(); len(got) != 1 || !strings.HasPrefix(got[0], "two/2026-11/hibari") {
		t.Errorf("sent: %v", got)
	}
}

// TestRetryOfASuccessor: a letter that was made anew and refused again is the one that a retry of its run sends, once.
func TestRetryOfASuccessor(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily)
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errNever } })
	d.to("11-24 10:00")
	d.must("sato", "do", "once more", Request{Job: "daily", Period: "2026-11-24"})
	d.to("11-24 11:00")
	r := d.run("daily", "2026-11-24")
	if n := len(d.letters(r.ID)); n != 2 || r.State != ledger.RunFailed {
		t.Fatalf("%d letters, the run is %s", n, r.State)
	}
	d.sink.set(func() { d.sink.rcpt = nil })
	d.must("sato", "retry", "the mailbox is there now", Request{Run: r.Number})
	d.to("11-24 12:00")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent: %v", got)
	}
	if r := d.run("daily", "2026-11-24"); r.State != ledger.RunDone {
		t.Errorf("the run is %s", r.State)
	}
}

// TestRefusedAndReleasedIsToldOnce: the owner hears of a no once. That the hold is released, while the no stands, is no second
// notice of the same words; nor is it when the letter became late in between.
func TestRefusedAndReleasedIsToldOnce(t *testing.T) {
	for _, late := range []bool{false, true} {
		d, r, m := prepared(t, monthly)
		d.must("tanaka", "hold", "the sum looks wrong", Request{Run: r.Number})
		d.settle()
		if late {
			d.jump("11-25 13:00")
		}
		d.must("sato", "release", "it is right", Request{Run: r.Number})
		d.settle()
		if got := reasons(d.only("hosting", "2026-11")); !strings.Contains(got, "person") {
			t.Fatalf("late %v: the no does not stand: %s", late, got)
		}
		told := 0
		d.view(func(v *ledger.View) error {
			for n, err := range v.Messages(ledger.MessageQuery{Class: ledger.ClassNotice, KeyPrefix: "notice/person/"}) {
				if err != nil {
					return err
				}
				told++
				if n.Recipients[0].Mail != "sato@aozora.example" || !strings.Contains(d.text(n), "the sum looks wrong") {
					t.Errorf("late %v: %s to %v", late, n.Subject, n.Recipients)
				}
			}
			return nil
		})
		if told != 1 {
			t.Errorf("late %v: the owner is told %d times of a no to %s", late, told, m.Number)
		}
	}
}
