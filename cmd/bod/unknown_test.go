package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bod/internal/ledger"
)

// A message that a process left in sending stands in bod status as one that needs a person, with both commands.
func TestStatusTellsWhatIsUnknown(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"letter.txt": "Subject: note\n\nHello.\n",
		"jobs.toml": `timezone = "Asia/Tokyo"
language = "en"
admin = ["sato"]
[company]
name = "Aozora"
[mail]
from = "Aozora <keiri@aozora.example>"
server = "smtp+insecure://127.0.0.1:1"
[people]
sato = "Sato <sato@aozora.example>"
[job.note]
kind = "send"
when = "毎日 00:00 休みでも実施"
to = ["sato"]
letter = "letter.txt"
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	bod := func(args ...string) string {
		t.Helper()
		var out, complaint bytes.Buffer
		args = append([]string{"-f", filepath.Join(dir, "jobs.toml"), "--admin", "none"}, args...)
		if err := run(t.Context(), args, strings.NewReader(""), &out, &complaint); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, complaint.String())
		}
		return out.String()
	}
	bod("run", "--once", "--do", "note", "--by", "sato") // nobody listens there: it is deferred
	l, err := ledger.Open(t.Context(), filepath.Join(dir, ".bod"), ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(4 * time.Minute) // when it may be tried again
	number := ""
	err = l.Update(t.Context(), later, ledger.Who{Name: "bod"}, func(tx *ledger.Tx) error {
		for m, err := range tx.Messages(ledger.MessageQuery{Class: ledger.ClassLetter}) {
			if err != nil {
				return err
			}
			number = m.Number
			token, to, err := tx.Claim(m.ID)
			if err != nil {
				return err
			}
			return tx.Sending(token, []string{to[0].Mail})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	bod("run", "--once")
	out := bod("status")
	if strings.Contains(out, "sent again by its rule") {
		t.Errorf("bod status promises what no rule says:\n%s", out)
	}
	for _, want := range []string{"not known whether it arrived", "bod settle " + number + " sent", "bod resend " + number} {
		if !strings.Contains(out, want) {
			t.Errorf("bod status lacks %q:\n%s", want, out)
		}
	}
	rules, err := os.ReadFile(filepath.Join(dir, "jobs.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "jobs.toml"), append(rules, "on_unknown = \"resend\"\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := bod("status"); !strings.Contains(out, "it is sent again by its rule at ") {
		t.Errorf("bod status says nothing of the rule:\n%s", out)
	}
}
