package daemon

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"bod/internal/ledger"
)

// TestAFormerAddresseeGetsNothing: somebody was taken out of `to` while the letter waited for the mail server. That they still look after
// the job doesn't make the letter theirs.
func TestAFormerAddresseeGetsNothing(t *testing.T) {
	rules := func(to string) string {
		return head + "[job.note]\nkind = \"send\"\nowner = \"mori\"\nwhen = \"毎日 9:30 休みでも実施\"\nto = [\"" + to + "\"]\nletter = \"letter.txt\"\nconfirm = { by = [\"sato\"], count = 1 }\n"
	}
	d := newDesk(t, "11-24 09:00", rules("mori"))
	d.sink.set(func() { d.sink.dial = errors.New("connection refused") })
	d.to("11-24 09:31")
	run := d.run("note", "2026-11-24")
	d.must("sato", "confirm", "", Request{Run: run.Number, Set: d.set(run.ID)})
	d.to("11-24 09:40")
	if m := d.only("note", "2026-11-24"); m.Queued.IsZero() {
		t.Fatal("it does not wait for the mail server")
	}
	d.restart("11-24 09:50", rules("tanaka"))
	d.sink.set(func() { d.sink.dial = nil })
	d.to("11-24 12:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Errorf("sent: %v", got)
	}
	if m := d.only("note", "2026-11-24"); reasons(m) != "gone" {
		t.Errorf("it is %s, held by %q", m.State, reasons(m))
	}
}

// TestWhatARuleNamesNoMoreStaysHeld: its letters are drafted anew under the changed rule, and that is nobody's leave to send them. When a
// later rule names the period again it goes at its time.
func TestWhatARuleNamesNoMoreStaysHeld(t *testing.T) {
	rules := func(when string) string {
		return head + "[job.note]\nkind = \"send\"\nwhen = \"" + when + "\"\nprepare = \"1 business day before\"\nto = [\"mori\"]\nletter = \"letter.txt\"\n"
	}
	const first, second, third = "毎月27日 10:00 休みなら前営業日", "毎週水曜 10:00 休みなら前営業日", "毎月27日 11:00 休みなら前営業日"
	d := newDesk(t, "11-24 09:00", rules(first))
	d.to("11-26 10:01")
	d.restart("11-26 11:00", rules(second))
	d.settle()
	if m := d.only("note", "2026-11"); reasons(m) != "gone,not due" || m.Predecessor == 0 {
		t.Fatalf("drafted anew: %v, held by %q", m.Predecessor != 0, reasons(m))
	}
	d.to("11-27 09:00")
	d.restart("11-27 09:01", rules(third))
	d.to("11-27 10:59")
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent: %v", got)
	}
	d.to("11-27 11:00")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent when it is named again: %v", got)
	}

	d = newDesk(t, "11-24 09:00", rules(first))
	d.to("11-26 10:01")
	d.restart("11-26 11:00", rules(second))
	d.to("11-27 15:00")
	if got := d.sink.letters(); len(got) != 0 {
		t.Fatalf("sent: %v", got)
	}
	d.must("sato", "release", "they wait for it", Request{Run: d.run("note", "2026-11").Number})
	d.to("11-27 15:05")
	if got := d.sink.letters(); len(got) != 1 {
		t.Errorf("sent after a person's word: %v", got)
	}

	d = newDesk(t, "11-24 09:00", rules(first))
	d.to("11-26 10:01")
	d.restart("11-26 11:00", rules(second))
	d.to("11-28 15:00")
	d.restart("11-28 15:01", rules(first)) // named again, and its time has passed
	d.to("11-28 15:10")
	if m := d.only("note", "2026-11"); reasons(m) != "late" {
		t.Errorf("it is %s, held by %q", m.State, reasons(m))
	}
}

// TestMovedAheadIsLateNoMore: an edit that moves what is held as late to a day to come takes the lateness away by itself, be it the
// rule that was edited or the closed days. Prepared late it was; sent it is at its new time.
func TestMovedAheadIsLateNoMore(t *testing.T) {
	rules := func(when, closed string) string {
		return strings.Replace(head, "country = \"jp\"", "country = \"jp\"\nclosed = ["+closed+"]", 1) +
			"[job.note]\nkind = \"send\"\nwhen = \"" + when + "\"\nmissed = \"ask\"\nto = [\"mori\"]\nletter = \"letter.txt\"\n"
	}
	const on24, on26 = "毎月24日 9:30 休みなら翌営業日", "毎月26日 9:30 休みなら翌営業日"
	for name, edited := range map[string]string{"the rule": rules(on26, `"2026-12-30"`), "the closed days": rules(on24, `"2026-11-24", "2026-11-25"`)} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, "11-23 09:00", rules(on24, `"2026-12-30"`))
			d.settle()
			d.restart("11-24 11:00")
			d.settle()
			if m := d.only("note", "2026-11"); reasons(m) != "late" || !d.run("note", "2026-11").Late {
				t.Fatalf("held by %q", reasons(m))
			}
			d.restart("11-24 12:00", edited)
			d.to("11-26 09:29")
			r := d.run("note", "2026-11")
			if m := d.only("note", "2026-11"); reasons(m) != "not due" || r.Late || hasReason(r.Reasons, codeLate) || !r.Due.Equal(at(t, "11-26 09:30")) {
				t.Errorf("held by %q, late %v, due %v, for %v", reasons(m), r.Late, r.Due, r.Reasons)
			}
			if got := d.sink.letters(); len(got) != 0 {
				t.Fatalf("sent: %v", got)
			}
			d.to("11-26 09:31")
			if got := d.sink.letters(); len(got) != 1 {
				t.Errorf("sent at its new time: %v", got)
			}
		})
	}
}

// TestTakenOutWhileItWaits: a job leaves the rules, or rests, while one letter of it is held for its day, another waits for the mail
// server, and a run waits for its file. Nothing of it goes, the owner is told of each letter once, and in the end nothing is left
// without a word.
func TestTakenOutWhileItWaits(t *testing.T) {
	named := func(name, file, when string) string {
		return strings.NewReplacer("job.hosting", "job."+name, "acme-*", file, "毎月25日 10:00 休みなら前営業日", when,
			`confirm = { by = ["tanaka"], count = 1 }`, "missed = \"latest\"").Replace(monthly)
	}
	held, queued, waits := named("held", "acme-*", "毎月25日 10:00 休みなら前営業日"), named("queued", "acme-*", "毎月24日 10:00 休みなら前営業日"), named("waits", "late-*", "毎月25日 10:00 休みなら前営業日")
	for name, out := range map[string]func(string) string{
		"removed": func(string) string { return "" },
		"rests":   func(rule string) string { return rule + "enabled = false\n" },
	} {
		for _, off := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				d := newDesk(t, "11-20 09:00", head+daily+held+queued+waits)
				d.pdf("pdf/acme-11.pdf", "invoice")
				d.sink.set(func() { d.sink.dial = errors.New("connection refused") })
				d.to("11-24 12:00")
				if m := d.only("queued", "2026-11"); m.Queued.IsZero() || reasons(d.only("held", "2026-11")) != "not due" || d.run("waits", "2026-11").State != ledger.RunWaiting {
					t.Fatalf("queued is %s, held is held by %q, waits is %s", m.State, reasons(d.only("held", "2026-11")), d.run("waits", "2026-11").State)
				}
				if rules := head + daily + out(held) + out(queued) + out(waits); off {
					d.restart("11-24 12:01", rules)
				} else {
					d.swap(rules)
				}
				d.sink.set(func() { d.sink.dial = nil })
				d.pdf("pdf/late-11.pdf", "another invoice")
				d.to("12-01 12:00")
				if got := slices.DeleteFunc(d.sink.letters(), func(s string) bool { return strings.HasPrefix(s, "daily/") }); len(got) != 0 {
					t.Errorf("sent: %v", got)
				}
				for _, job := range []string{"held", "queued"} {
					m := d.only(job, "2026-11")
					if m.State != ledger.StateHeld || !holds(m, ledger.Gone) {
						t.Errorf("the letter of %s is %s, held by %q", job, m.State, reasons(m))
					}
					if got := d.timesTold("gone", m.Number); got != 1 {
						t.Errorf("off %v: the owner was told %d times of the letter of %s: %v", off, got, job, d.sink.notices())
					}
				}
				r := d.run("waits", "2026-11")
				if r.State != ledger.RunMissed || !hasReason(r.Reasons, codeGone) {
					t.Errorf("the run that waited is %s because of %v", r.State, r.Reasons)
				}
				if got := d.timesTold("missed", r.Number); got != 1 {
					t.Errorf("off %v: the owner was told %d times of the run that waited: %v", off, got, d.sink.notices())
				}
			})
		}
	}
}

// timesTold counts the notices of one sort that name a number.
func (d *desk) timesTold(what, number string) (n int) {
	d.sink.mu.Lock()
	defer d.sink.mu.Unlock()
	for _, a := range d.sink.got {
		if strings.HasPrefix(a.key, "notice/"+what+"/") && bytes.Contains(a.data, []byte(number)) {
			n++
		}
	}
	return n
}
