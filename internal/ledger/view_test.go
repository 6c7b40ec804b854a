package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestJobs(t *testing.T) {
	o := open(t)
	j := Job{Name: "hosting", Current: "hosting", Kind: "send", Rule: []byte(`{"day":25}`), Shape: "month", Mark: o.now, Seen: o.now, Changed: o.now}
	put := func(j Job) {
		t.Helper()
		o.do(func(tx *Tx) error { return tx.PutJob(j) })
	}
	events := func() (n int64) {
		o.view(func(v *View) (err error) { n, _, _, err = v.Head(); return err })
		return n
	}
	put(j)
	before := events()
	put(j)
	if events() != before {
		t.Error("an unchanged job was written")
	}
	j.Current, j.Gone, j.Mark, j.Seen = "hosting-acme", true, o.now.Add(-time.Hour), o.now.Add(-time.Hour)
	put(j)
	o.view(func(v *View) error {
		for _, name := range []string{"hosting", "hosting-acme"} {
			got, err := v.Job(name)
			if err != nil || got.Name != "hosting" || !got.Gone || !got.Mark.Equal(o.now) || !got.Seen.Equal(o.now) || string(got.Rule) != `{"day":25}` {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		_, err := v.Job("nobody")
		if !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		return nil
	})
	put(Job{Name: "hosting-acme", Kind: "send", Rule: []byte("{}")}) // an identity goes before another's present name
	o.view(func(v *View) error {
		got, err := v.Job("hosting-acme")
		if got.Name != "hosting-acme" || got.Mark.IsZero() {
			t.Errorf("%+v", got)
		}
		return err
	})
	for _, bad := range []Job{{Name: "", Rule: []byte("{}")}, {Name: "a/b", Rule: []byte("{}")}, {Name: "a#2", Rule: []byte("{}")}, {Name: "a\n", Rule: []byte("{}")}, {Name: "a", Rule: []byte("{")}} {
		if err := o.try(func(tx *Tx) error { return tx.PutJob(bad) }); err == nil {
			t.Errorf("%+v was remembered", bad)
		}
	}
	o.verified()
}

func TestOffice(t *testing.T) {
	o := open(t)
	is := func(want string) {
		t.Helper()
		o.view(func(v *View) error {
			got, err := v.Office()
			if string(got) != want || (got == nil) != (want == "") {
				t.Errorf("the ledger has %q, not %q", got, want)
			}
			return err
		})
	}
	is("")
	for _, says := range []string{`{"name":"青空"}`, `{"name":"青空"}`, `{"name":"緑"}`} {
		o.do(func(tx *Tx) error { return tx.PutOffice([]byte(says)) })
		is(says)
	}
	if err := o.try(func(tx *Tx) error { return tx.PutOffice([]byte("{")) }); err == nil {
		t.Error("what is no JSON was kept")
	}
	o.view(func(v *View) error {
		told, err := v.EventsOf("office", "1")
		if len(told) != 2 {
			t.Errorf("%d entries for two changes", len(told))
		}
		return err
	})
	o.verified()
}

func TestRuns(t *testing.T) {
	o := open(t)
	day := func(n int) time.Time { return begin.AddDate(0, 0, n) }
	o.do(func(tx *Tx) error {
		for _, name := range []string{"a", "b"} {
			if err := tx.PutJob(Job{Name: name, Kind: "send", Rule: []byte("{}")}); err != nil {
				return err
			}
			for n := range 4 {
				r := Run{Job: name, Period: fmt.Sprint("p", n), Nominal: day(n), Due: day(n), PrepareAt: day(n - 1)}
				if n == 3 {
					r.State, r.Reasons = RunMissed, []Reason{{Code: "late", Text: "遅れました", Next: "bod do"}}
				}
				id, added, err := tx.AddRun(r)
				if err != nil || !added {
					t.Error(id, added, err)
				}
				if again, added, err := tx.AddRun(r); err != nil || added || again != id {
					t.Error(again, added, err)
				}
			}
		}
		return nil
	})
	names := func(q RunQuery) string {
		var out []string
		o.view(func(v *View) error {
			for r, err := range v.Runs(q) {
				if err != nil {
					return err
				}
				out = append(out, r.Job+r.Period)
			}
			return nil
		})
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		q    RunQuery
		want string
	}{
		{RunQuery{}, "ap0 bp0 ap1 bp1 ap2 bp2 ap3 bp3"},
		{RunQuery{Job: "a"}, "ap0 ap1 ap2 ap3"},
		{RunQuery{Job: "a", Newest: true, Limit: 2}, "ap3 ap2"},
		{RunQuery{States: []RunState{RunMissed, RunDone}}, "ap3 bp3"},
		{RunQuery{DueFrom: day(1), DueUntil: day(2)}, "ap1 bp1"},
		{RunQuery{PrepareUntil: day(0), States: []RunState{RunPlanned}}, "ap0 bp0 ap1 bp1"},
		{RunQuery{ChangedFrom: day(1)}, ""},
	} {
		if got := names(c.q); got != c.want {
			t.Errorf("%+v: %s, want %s", c.q, got, c.want)
		}
	}
	var r Run
	o.view(func(v *View) (err error) { r, err = v.RunOf("b", "p3"); return err })
	if r.State != RunMissed || r.Number != "R2611-0008" || r.Generation != 1 || len(r.Reasons) != 1 || r.Reasons[0].Next != "bod do" || !r.Due.Equal(day(3)) {
		t.Errorf("%+v", r)
	}
	for name, bad := range map[string]Run{
		"no job": {Job: "c", Period: "p", Nominal: begin, Due: begin}, "no moment": {Job: "a", Period: "p"},
		"a period with a stroke": {Job: "a", Period: "2026/11", Nominal: begin, Due: begin},
	} {
		if err := o.try(func(tx *Tx) error { _, _, err := tx.AddRun(bad); return err }); err == nil {
			t.Errorf("%s: planned", name)
		}
	}

	// What may change with a move, and the looks again of one that waits.
	said, late := "届きません", true
	look := day(5)
	o.do(func(tx *Tx) error {
		return tx.MoveRun(1, RunPlanned, RunWaiting, RunChange{Reasons: []Reason{{Code: "attachment"}}, NextLook: look, Said: &said, Late: &late})
	})
	o.do(func(tx *Tx) error { return tx.MoveRun(1, RunWaiting, RunWaiting, RunChange{}) })
	if r := o.run(1); !r.NextLook.Equal(look) || r.Said != said || !r.Late || len(r.Reasons) != 1 {
		t.Errorf("%+v", r)
	}
	o.do(func(tx *Tx) error { return tx.MoveRun(1, RunWaiting, RunRunning, RunChange{Reasons: []Reason{}}) })
	if r := o.run(1); !r.NextLook.IsZero() || len(r.Reasons) != 0 {
		t.Errorf("%+v", r)
	}
	for _, c := range []struct {
		id       int64
		from, to RunState
		want     error
	}{
		{1, RunWaiting, RunMissed, ErrStale}, {1, RunRunning, RunDone, ErrMove}, {1, "", RunPlanned, ErrMove}, {99, RunPlanned, RunRunning, ErrNotFound},
	} {
		if err := o.try(func(tx *Tx) error { return tx.MoveRun(c.id, c.from, c.to, RunChange{}) }); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	o.verified()
}

// A loop in the write transaction may change the rows that it walks over.
func TestChangingWhileReading(t *testing.T) {
	o := open(t)
	o.do(func(tx *Tx) error {
		if err := tx.PutJob(Job{Name: "a", Kind: "send", Rule: []byte("{}")}); err != nil {
			return err
		}
		for n := range 50 {
			if _, _, err := tx.AddRun(Run{Job: "a", Period: fmt.Sprint(n), Nominal: begin, Due: begin}); err != nil {
				return err
			}
		}
		moved := 0
		for r, err := range tx.Runs(RunQuery{States: []RunState{RunPlanned}}) {
			if err != nil {
				return err
			}
			later := begin.Add(time.Hour)
			if err := tx.MoveRun(r.ID, RunPlanned, RunPlanned, RunChange{Due: &later}); err != nil {
				return err
			}
			moved++
		}
		if moved != 50 {
			t.Errorf("%d rows were walked over", moved)
		}
		return nil
	})
}

func TestMessagesQueries(t *testing.T) {
	o := open(t)
	a, b := o.running("a", "2026-11"), o.running("b", "2026-11")
	o.seal(a, letter("x"), letter("y", "ap@acme.example", "cc@acme.example", "ap@acme.example"))
	o.now = begin.Add(time.Hour)
	o.seal(b, letter("x"))
	o.seal0(notice("aa"))
	o.send(1, "sent")
	keys := func(q MessageQuery) string {
		var out []string
		o.view(func(v *View) error {
			for m, err := range v.Messages(q) {
				if err != nil {
					return err
				}
				out = append(out, fmt.Sprint(m.ID))
			}
			return nil
		})
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		q    MessageQuery
		want string
	}{
		{MessageQuery{}, "1 2 3 4"},
		{MessageQuery{Newest: true, Limit: 3}, "4 3 2"},
		{MessageQuery{Run: a}, "1 2"},
		{MessageQuery{Job: "b"}, "3"},
		{MessageQuery{Class: ClassNotice}, "4"},
		{MessageQuery{States: []State{StateHeld}}, "2 3"},
		{MessageQuery{States: []State{StateSent, StateQueued}}, "1 4"},
		{MessageQuery{SealedFrom: o.now}, "3 4"},
		{MessageQuery{ChangedFrom: o.now}, "1 3 4"},
		{MessageQuery{ChangedUntil: o.now}, "2"},
		{MessageQuery{ChangedFrom: o.now, ChangedUntil: o.now}, ""},
		{MessageQuery{Recipient: "cc@acme.example"}, "2"},
		{MessageQuery{KeyPrefix: "a/2026-11/"}, "1 2"},
		{MessageQuery{KeyPrefix: "notice/"}, "4"},
		{MessageQuery{KeyPrefix: "%"}, ""},
		{MessageQuery{Job: "a", Recipient: "ap@acme.example", States: []State{StateHeld}, ChangedUntil: o.now}, "2"},
	} {
		if got := keys(c.q); got != c.want {
			t.Errorf("%+v: %s, want %s", c.q, got, c.want)
		}
	}
	if m := o.message(2); len(m.Deliveries) != 2 || len(m.Recipients) != 2 || m.Size != int64(len(letter("y").Body)) || m.Body != nil {
		t.Errorf("%+v", m)
	}
	o.view(func(v *View) error { // a loop may be left, and ask in between
		for m := range v.Messages(MessageQuery{}) {
			if _, err := v.Message(m.ID); err != nil {
				return err
			}
			for range v.Messages(MessageQuery{}) {
				break
			}
			break
		}
		_, err := v.MessageByKey("b/2026-11/x")
		return err
	})
}

func TestObservations(t *testing.T) {
	o := open(t)
	var ids []int64
	for i, period := range []string{"p1", "p2", "p3"} {
		o.now = begin.Add(time.Duration(i) * time.Hour)
		id := o.running("a", period)
		ids = append(ids, id)
		for _, v := range []string{"0", fmt.Sprint(i)} { // a later look overwrites
			o.do(func(tx *Tx) error {
				_, err := tx.Seal(id, nil, []Observation{{Name: "rows", Value: []byte(v)}, {Name: "of " + period, Value: []byte("{}")}}, false)
				return err
			})
		}
	}
	o.view(func(v *View) error {
		for before, want := range map[int64]string{0: "2", ids[2]: "1", ids[1]: "0"} {
			got, err := v.LastObservation("a", "rows", before)
			if err != nil || string(got.Value) != want {
				t.Errorf("before %d: %s %v, want %s", before, got.Value, err, want)
			}
		}
		if _, err := v.LastObservation("a", "rows", ids[0]); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		all, err := v.Observations(ids[1])
		if len(all) != 2 || all[0].Name != "of p2" {
			t.Errorf("%+v", all)
		}
		return err
	})
	o.verified()
}

func TestEvents(t *testing.T) {
	o := full(t)
	o.view(func(v *View) error {
		all, err := collect(v.Events(0))
		if err != nil {
			return err
		}
		seq, hash, at, err := v.Head()
		if err != nil {
			return err
		}
		if last := all[len(all)-1]; last.Seq != seq || last.Hash != hash || !last.At.Equal(at) || len(all) != int(seq) {
			t.Errorf("%+v", last)
		}
		if some, err := collect(v.Events(seq - 2)); err != nil || len(some) != 2 {
			t.Error(some, err)
		}
		of, err := v.EventsOf("delivery", "2")
		var states []string
		for _, e := range of {
			states = append(states, stateIn(e)...)
		}
		if want := []string{"held", "queued", "claimed", "sending", "sent"}; !slices.Equal(states, want) {
			t.Errorf("%v, want %v", states, want)
		}
		return err
	})
	if err := o.Touch(t.Context(), o.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	o.view(func(v *View) error {
		at, err := v.Touched()
		if !at.Equal(o.now.Add(time.Minute)) {
			t.Error(at)
		}
		return err
	})
}

// stateIn picks the state out of an event's change.
func stateIn(e Event) []string {
	_, rest, ok := strings.Cut(string(e.Change), `"state":"`)
	if !ok {
		return nil
	}
	s, _, _ := strings.Cut(rest, `"`)
	return []string{s}
}

// What comes from outside is stored and told again as the same text.
func TestHostileTexts(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	m := letter("x")
	m.Hold = []Hold{{Reason: Check, Text: "a\xff\x00b </script> 𠮷 \u2028"}}
	id := o.seal(run, m)[0].Message
	if got := o.message(id).Holds[0].Text; got != "a\ufffdb </script> 𠮷 \u2028" {
		t.Errorf("%q", got)
	}
	o.verified()
}
