package daemon

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// losing puts a server in the place of the desk's that takes every letter and loses its answer.
func (d *desk) losing() *cutting {
	cut := &cutting{Carrier: d.sink.carrier(d.t)}
	first := *d.office.at.Load()
	first.carrier = cut
	d.office.at.Store(&first)
	return cut
}

// resolved is how a message came out of unknown, by the log.
func (d *desk) resolved(m ledger.Message) (out []string) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		for _, x := range m.Deliveries {
			rs, err := v.ResolvedOf(x.ID)
			if err != nil {
				return err
			}
			for _, r := range rs {
				out = append(out, fmt.Sprintf("%s %s by %s (%s): %s", r.At.In(tokyo).Format("15:04"), r.To, r.By.Name, r.By.User, r.Words))
			}
		}
		return nil
	})
	return out
}

// summaryText is the text of the newest summary.
func (d *desk) summaryText() string {
	d.t.Helper()
	d.sink.mu.Lock()
	defer d.sink.mu.Unlock()
	for i := len(d.sink.got) - 1; i >= 0; i-- {
		if a := d.sink.got[i]; strings.HasPrefix(a.key, "summary/") {
			return textOf(d.t, a.data)
		}
	}
	d.t.Fatal("no summary came")
	return ""
}

func TestResendByTheRule(t *testing.T) {
	rules := head + strings.Replace(daily, "to = [", "on_unknown = \"resend\"\nto = [", 1) + "[summary]\nto = [\"sato\"]\n"

	t.Run("once is enough", func(t *testing.T) {
		d := newDesk(t, "11-24 09:00", rules)
		cut := d.losing()
		d.to("11-24 09:31")
		m := d.only("daily", "2026-11-24")
		if m.State != ledger.StateUnknown {
			t.Fatalf("the letter is %s", m.State)
		}
		if got := d.sink.notices(); len(got) > 0 {
			t.Errorf("somebody was asked: %v", got)
		}
		cut.fine = true
		d.to("11-24 17:01")
		if m = d.only("daily", "2026-11-24"); m.State != ledger.StateSent {
			t.Errorf("the letter is %s", m.State)
		}
		var copies []arrival
		for _, a := range d.sink.got {
			if a.key == m.Key {
				copies = append(copies, a)
			}
		}
		if len(copies) != 2 || string(copies[0].data) != string(copies[1].data) || !strings.Contains(string(copies[1].data), "Message-ID: <"+m.MessageID+">") {
			t.Errorf("%d copies came, or the second is another one", len(copies))
		}
		want := fmt.Sprintf(`09:32 queued by bod (on_unknown) (%s): the job daily says on_unknown = "resend": sent again, number 1`, self().User)
		if got := strings.Join(d.resolved(m), "\n"); got != want {
			t.Errorf("the log says\n%s\nwant\n%s", got, want)
		}
		if got := d.sink.notices(); len(got) > 0 {
			t.Errorf("somebody was asked: %v", got)
		}
		if got := d.summaryText(); !strings.Contains(got, "the answer was lost; sent again as the rule says") {
			t.Errorf("the summary says\n%s", got)
		}
	})

	t.Run("not what a restored copy had as unknown", func(t *testing.T) {
		d := newDesk(t, "11-24 09:00", rules)
		cut := d.losing()
		d.to("11-24 09:31")
		copy := d.backup()
		cut.fine = true
		d.to("11-24 10:00") // sent again, and arrived
		before := d.sink.letters()
		if len(before) != 2 {
			t.Fatalf("sent: %v", before)
		}
		d.restore(copy, "11-24 10:30")
		d.must("sato", "retry", "the disk broke", Request{Restored: true})
		d.to("11-24 16:00")
		if got := d.sink.letters(); len(got) != 2 {
			t.Errorf("sent again: %v", got[2:])
		}
		if m := d.only("daily", "2026-11-24"); m.State != ledger.StateUnknown {
			t.Errorf("the letter is %s", m.State)
		}
	})

	t.Run("twice at most", func(t *testing.T) {
		d := newDesk(t, "11-24 09:00", rules)
		d.losing()
		d.to("11-24 09:45")
		d.restart("11-24 09:46") // the count is the ledger's
		d.losing()
		d.to("11-24 16:00")
		m := d.only("daily", "2026-11-24")
		if m.State != ledger.StateUnknown {
			t.Errorf("the letter is %s", m.State)
		}
		if got := d.sink.letters(); len(got) != 3 {
			t.Errorf("sent: %v", got)
		}
		got := d.resolved(m)
		if len(got) != 2 || !strings.HasPrefix(got[0], "09:32 ") || !strings.HasPrefix(got[1], "09:47 ") {
			t.Errorf("sent again: %v", got)
		}
		if got := d.sink.notices(); len(got) != 1 || !strings.HasPrefix(got[0], "notice/unknown/") {
			t.Errorf("the owner was told %v", got)
		}
	})

	t.Run("what a person decides first stands", func(t *testing.T) {
		d := newDesk(t, "11-24 09:00", rules)
		d.losing()
		d.to("11-24 09:31")
		m := d.only("daily", "2026-11-24")
		d.must("sato", "settle", "mori has it", Request{Message: m.Number, Result: "sent"})
		d.to("11-24 12:00")
		if got := d.sink.letters(); len(got) != 1 {
			t.Errorf("sent: %v", got)
		}
		if got := d.resolved(m); len(got) != 1 || !strings.HasPrefix(got[0], "09:31 sent by sato (tester): Sato: mori has it") {
			t.Errorf("the log says %v", got)
		}
	})

	t.Run("not past its time", func(t *testing.T) {
		d := newDesk(t, "11-24 09:00", strings.Replace(rules, "[people]", "give_up = \"1 minute\"\n[people]", 1))
		d.losing()
		d.to("11-24 12:00")
		if got := d.sink.letters(); len(got) != 1 {
			t.Errorf("sent: %v", got)
		}
		if got := d.sink.notices(); len(got) != 1 {
			t.Errorf("the owner was told %v", got)
		}
	})

	t.Run("not after a restored copy", func(t *testing.T) {
		d := newDesk(t, "11-24 09:00", rules)
		d.to("11-24 09:31")
		m := d.only("daily", "2026-11-24")
		d.view(func(v *ledger.View) error {
			for words, want := range map[string]bool{"the connection was cut": true, ledger.WordsRestored: false} {
				x := m.Deliveries[0]
				x.State, x.Words = ledger.StateUnknown, words
				if _, _, ok, err := jobs.Resend(d.config, v, m, x); ok != want || err != nil {
					t.Errorf("after %q the rule sends it again: %v %v", words, ok, err)
				}
			}
			return nil
		})
	})
}

// textOf is the text part of a mail.
func textOf(t testing.TB, data []byte) string {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextPart() // undoes quoted-printable
	if err != nil {
		t.Fatal(err)
	}
	var body io.Reader = part
	if part.Header.Get("Content-Transfer-Encoding") == "base64" {
		body = base64.NewDecoder(base64.StdEncoding, part)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
