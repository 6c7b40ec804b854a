package daemon

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"bod/internal/ledger"
)

// What is found in sending at a start is unknown. It is told at once and in the next summary, nothing goes out again by itself,
// and what a person decides is recorded with who and why.
func TestSendingAtStart(t *testing.T) {
	died := func(t *testing.T) (*desk, ledger.Message) {
		t.Helper()
		d := newDesk(t, "11-24 09:00", head+daily+"[summary]\nto = [\"sato\"]\n")
		d.sink.set(func() { d.sink.dial = errors.New("connection refused") })
		d.to("11-24 09:31")
		d.sink.set(func() { d.sink.dial = nil })
		m := d.only("daily", "2026-11-24")
		d.now = at(t, "11-24 10:00")
		// As far as a process gets that dies between the fence and the answer.
		err := d.ledger.Update(t.Context(), d.now, self(), func(tx *ledger.Tx) error {
			token, to, err := tx.Claim(m.ID)
			if err != nil {
				return err
			}
			return tx.Sending(token, []string{to[0].Mail})
		})
		if err != nil {
			t.Fatal(err)
		}
		d.restart("11-24 10:05")
		d.settle()
		if m = d.only("daily", "2026-11-24"); m.State != ledger.StateUnknown {
			t.Fatalf("the letter is %s", m.State)
		}
		return d, m
	}

	t.Run("told", func(t *testing.T) {
		d, m := died(t)
		if got := d.sink.notices(); len(got) != 1 || !strings.HasPrefix(got[0], "notice/unknown/") || !strings.HasSuffix(got[0], " → sato@aozora.example") {
			t.Fatalf("told at once: %v", got)
		}
		notice := textOf(t, d.sink.got[0].data)
		for _, want := range []string{"It may have arrived, so it is not", "mori@aozora.example", m.Subject, "bod settle " + m.Number + " sent", "bod resend " + m.Number} {
			if !strings.Contains(notice, want) {
				t.Errorf("the notice lacks %q:\n%s", want, notice)
			}
		}
		d.to("11-24 17:01")
		if got := d.summaryText(); !strings.Contains(got, m.Number) || !strings.Contains(got, "not known whether it arrived") {
			t.Errorf("the summary says\n%s", got)
		}
		d.restart("11-24 18:00")
		d.to("11-25 09:00")
		if got := d.sink.notices(); len(got) != 1 {
			t.Errorf("told again: %v", got)
		}
		for _, a := range d.sink.arrivals() {
			if strings.HasPrefix(a, m.Key+" ") {
				t.Errorf("it was sent again: %s", a)
			}
		}
	})

	t.Run("sent again by a person", func(t *testing.T) {
		d, m := died(t)
		if got := d.refused("sato", "resend", " ", Request{Message: m.Number}); !strings.Contains(got, "why") {
			t.Errorf("without a reason: %s", got)
		}
		d.must("sato", "resend", "mori says that nothing came", Request{Message: m.Number})
		d.settle()
		var body []byte
		d.view(func(v *ledger.View) (err error) {
			body, err = v.Body(m.ID)
			return err
		})
		var came []arrival
		for _, a := range d.sink.got {
			if a.key == m.Key {
				came = append(came, a)
			}
		}
		if len(came) != 1 || string(came[0].data) != string(body) || !strings.Contains(string(came[0].data), "Message-ID: <"+m.MessageID+">") {
			t.Errorf("%d copies came, or it is another one", len(came))
		}
		if got, want := fmt.Sprint(d.resolved(m)), "[10:05 queued by sato (tester): Sato: mori says that nothing came]"; got != want {
			t.Errorf("the log says %s, want %s", got, want)
		}
		if m = d.only("daily", "2026-11-24"); m.State != ledger.StateSent {
			t.Errorf("the letter is %s", m.State)
		}
	})

	t.Run("settled by a person", func(t *testing.T) {
		d, m := died(t)
		d.must("sato", "settle", "mori has it", Request{Message: m.Number, Result: "sent"})
		d.to("11-24 12:00")
		if got, want := fmt.Sprint(d.resolved(m)), "[10:05 sent by sato (tester): Sato: mori has it]"; got != want {
			t.Errorf("the log says %s, want %s", got, want)
		}
		if got := d.sink.letters(); len(got) > 0 {
			t.Errorf("sent: %v", got)
		}
	})
}
