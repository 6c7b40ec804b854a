package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/mailer"
)

// spells are those between two moments in short lines.
func (o *office) spells(from, until time.Time) []string {
	o.t.Helper()
	var out []string
	o.view(func(v *View) error {
		all, err := v.Spells(from, until)
		for _, s := range all {
			var line strings.Builder
			fmt.Fprintf(&line, "%s %s", s.Thing, s.Was)
			if s.To.IsZero() {
				line.WriteString(" open")
			} else {
				fmt.Fprintf(&line, " %s %s by %s", s.To.Sub(s.From), s.Then, s.By.Name)
			}
			if s.Settled != nil {
				line.WriteString(" " + s.Settled.Verb + ": " + s.Settled.Why)
			}
			for _, r := range s.Reasons {
				line.WriteString(" [" + r.Code + "]")
			}
			out = append(out, strings.Join(strings.Fields(line.String()), " "))
		}
		return err
	})
	return out
}

// asks is a person's request, done in one transaction with its answer as the daemon does it.
func (o *office) asks(verb, why, message string, do func(*Tx) error) {
	o.t.Helper()
	who := Who{Name: "tanaka", User: "tanaka"}
	args, err := json.Marshal(map[string]string{"message": message})
	if err != nil {
		o.t.Fatal(err)
	}
	id, err := o.AddIntent(o.t.Context(), Intent{Verb: verb, Args: args, Why: why, Who: who, At: o.now})
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.Update(o.t.Context(), o.now, who, func(tx *Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return tx.FinishIntent(id, true, "")
	}); err != nil {
		o.t.Fatal(err)
	}
}

// What was held, unknown, failed or waited is told from the log, with how long it was so and how it ended.
func TestSpells(t *testing.T) {
	o := open(t)
	start := o.now
	run := o.running("a", "2026-11")
	o.seal(run, letter("x"), letter("y"), letter("z"))
	pass := func(d time.Duration) { o.now = o.now.Add(d) }
	number := func(id int64) string { return o.message(id).Number }

	o.do(func(tx *Tx) error { return tx.Hold(1, Check, "金額が合いません") })
	o.do(func(tx *Tx) error { return tx.Hold(2, Person, "待って") })
	pass(2 * time.Hour)
	o.asks("release", "契約変更によるもの", number(1), func(tx *Tx) error { return tx.Lift(1) })
	o.asks("reject", "不要", number(2), func(tx *Tx) error { return tx.MoveDelivery(2, StateHeld, StateRejected, "不要") })
	pass(time.Hour)
	o.send(1, mailer.Unknown)
	pass(30 * time.Minute)
	o.asks("settle", "電話で確認", number(1), func(tx *Tx) error { return tx.MoveDelivery(1, StateUnknown, StateSent, "電話で確認") })
	o.do(func(tx *Tx) error { return tx.Hold(3, Late, "") })

	other := o.running("a", "2026-12")
	waits := RunChange{Reasons: []Reason{{Code: "attachment", Text: "ない"}}}
	for range 3 {
		o.do(func(tx *Tx) error { return tx.MoveRun(other, RunRunning, RunWaiting, waits) })
		pass(10 * time.Minute)
		o.do(func(tx *Tx) error { return tx.MoveRun(other, RunWaiting, RunRunning, RunChange{}) })
		waits.Reasons = append(waits.Reasons, Reason{Code: "field", Text: "空"})[:2]
	}
	o.do(func(tx *Tx) error { return tx.MoveRun(other, RunRunning, RunDrafted, RunChange{}) })
	o.do(func(tx *Tx) error { return tx.SetFlag(Flag{Name: "session", Text: "535", Since: o.now}) })
	pass(time.Hour)
	o.do(func(tx *Tx) error { return tx.ClearFlag("session") })
	pass(time.Hour)

	want := []string{
		"hold check 2h0m0s by tanaka release: 契約変更によるもの",
		"hold person 2h0m0s rejected by tanaka reject: 不要",
		"delivery unknown 30m0s sent by tanaka settle: 電話で確認",
		"hold late open",
		"run waiting 30m0s drafted by bod [attachment] [field]",
		"flag session 1h0m0s by bod",
	}
	got := o.spells(start, o.now)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// A month later only what is still open is told; what ended before is not.
	if got := o.spells(o.now, o.now.AddDate(0, 1, 0)); !slices.Equal(got, []string{"hold late open"}) {
		t.Errorf("a month later: %q", got)
	}
	if got := o.spells(start.AddDate(0, -1, 0), start); len(got) != 0 {
		t.Errorf("a month before: %q", got)
	}

	// What a person decided leads to what it was about.
	o.view(func(v *View) error {
		var said []string
		for in, err := range v.Decided(o.now.Add(time.Second)) {
			if err != nil {
				return err
			}
			job, of, ms, err := v.Asked(in)
			if err != nil || job != "a" || of != run || len(ms) != 1 {
				t.Errorf("%s is about %s %d %v %v", in.Verb, job, of, ms, err)
			}
			ended, err := v.Ended(in)
			if err != nil {
				return err
			}
			for _, s := range ended {
				said = append(said, in.Verb+" "+s.Was)
			}
		}
		if want := []string{"settle unknown", "reject person", "release check"}; !slices.Equal(said, want) {
			t.Errorf("decided: %q, want %q", said, want)
		}
		before, after, err := v.Around(start.Add(90 * time.Minute))
		if err != nil || !before.Equal(start.Truncate(time.Microsecond)) || !after.Equal(start.Add(2*time.Hour).Truncate(time.Microsecond)) {
			t.Errorf("around: %v %v %v", before, after, err)
		}
		went, err := v.Went(start, o.now)
		if err != nil || went["a"].Messages != 1 {
			t.Errorf("went out: %+v %v", went, err)
		}
		return nil
	})
}

// A word that came while a letter was on its way held it only if it came back.
func TestSpellOnTheWay(t *testing.T) {
	for result, want := range map[mailer.Result][]string{mailer.Sent: nil, mailer.Deferred: {"hold person open"}} {
		o := open(t)
		start := o.now
		id, token := o.claimed("a@x.example")
		o.do(func(tx *Tx) error { return tx.Hold(id, Person, "the sum is wrong") })
		o.now = o.now.Add(time.Minute)
		o.do(func(tx *Tx) error { return tx.Sending(token, []string{"a@x.example"}) })
		o.do(func(tx *Tx) error {
			return tx.Receive(token, receipts(result, "a@x.example"), func(Delivery) time.Time { return o.now.Add(time.Minute) })
		})
		o.now = o.now.Add(time.Hour)
		if got := o.spells(start, o.now); !slices.Equal(got, want) {
			t.Errorf("%s: %q", result, got)
		}
	}
}
