package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var tokyo = time.FixedZone("JST", 9*60*60)

// began is when the messages of these tests began: 2026-11-24 10:00 in Tokyo.
var began = time.Date(2026, 11, 24, 10, 0, 0, 0, tokyo)

const id = "abc.123@aozora.example"

func ask(recipients ...string) question {
	return question{MessageID: id, From: "keiri@aozora.example", Recipients: recipients, Began: began}
}

// taken is what Postfix writes of a message that it takes, as queue file QID.
const taken = `Nov 24 10:00:01 mail postfix/smtpd[100]: QID: client=bod[192.0.2.1]
Nov 24 10:00:01 mail postfix/cleanup[101]: QID: message-id=<abc.123@aozora.example>
Nov 24 10:00:01 mail postfix/qmgr[102]: QID: from=<keiri@aozora.example>, size=1234, nrcpt=2 (queue active)
`

func qid(s, id string) string { return strings.ReplaceAll(s, "QID", id) }

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, log, recipient string
		result, evidence     string
	}{
		{"nothing", "", "ap@acme.example", "not-found", "since 2026-11-24T09:58:00+09:00"},
		{"sent", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=mx.acme.example[192.0.2.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 99F)
Nov 24 10:00:02 mail postfix/qmgr[102]: 4B1C2D3E4F: removed
`, "ap@acme.example", "sent", "4B1C2D3E4F: to=<ap@acme.example>, relay=mx.acme.example[192.0.2.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 99F)"},
		{"long queue ids, RFC 3339, an instance", strings.NewReplacer("Nov 24 10:00:0", "2026-11-24T10:00:0", " mail postfix/", ".123456+09:00 mail postfix-out/").Replace(qid(taken, "4XhJ5K0Y9Gz1zB") +
			`Nov 24 10:00:02 mail postfix/relay/lmtp[103]: 4XhJ5K0Y9Gz1zB: to=<AP@Acme.example>, relay=mail[private/dovecot-lmtp], conn_use=2, delay=1, delays=1/0/0/0, dsn=2.1.5, status=sent (250 2.1.5 Delivered)` + "\n"), "ap@acme.example", "sent", "status=sent"},
		{"bounced", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=mx.acme.example[192.0.2.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.1.1, status=bounced (host mx.acme.example said: 550 no such user)` + "\n", "ap@acme.example", "refused", "550 no such user"},
		{"waits to be tried again", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=4.4.1, status=deferred (connect to mx.acme.example[192.0.2.7]:25: Connection refused)` + "\n", "ap@acme.example", "sent", "status=deferred"},
		{"waits, then bounced", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=4.4.1, status=deferred (greylisted)
Nov 24 10:05:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=301, delays=0.1/0/0.5/0.6, dsn=5.4.1, status=bounced (550)
`, "ap@acme.example", "refused", "status=bounced (550)"},
		{"an alias", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/local[103]: 4B1C2D3E4F: to=<yamada@host.acme.example>, orig_to=<ap@acme.example>, relay=local, delay=0.1, delays=0.1/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)` + "\n", "ap@acme.example", "sent", "orig_to=<ap@acme.example>"},
		{"in the queue, and another one sent", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<soumu@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)` + "\n", "ap@acme.example", "unknown", "nothing about this recipient yet"},
		{"the client was cut off before the end", `Nov 24 10:00:01 mail postfix/cleanup[101]: 4B1C2D3E4F: message-id=<abc.123@aozora.example>` + "\n" + `Nov 24 10:00:03 mail postfix/smtpd[100]: lost connection after DATA (1234 bytes) from bod[192.0.2.1]` + "\n", "ap@acme.example", "unknown", "not that the message was taken"},
		{"a filter refused it at the end", `Nov 24 10:00:01 mail postfix/cleanup[101]: 4B1C2D3E4F: message-id=<abc.123@aozora.example>` + "\n" + `Nov 24 10:00:03 mail postfix/cleanup[101]: 4B1C2D3E4F: milter-reject: END-OF-MESSAGE from bod[192.0.2.1]: 5.7.1 spam; from=<keiri@aozora.example> to=<ap@acme.example> proto=ESMTP helo=<bod>` + "\n", "ap@acme.example", "refused", "5.7.1 spam"},
		{"a filter said later", `Nov 24 10:00:01 mail postfix/cleanup[101]: 4B1C2D3E4F: message-id=<abc.123@aozora.example>` + "\n" + `Nov 24 10:00:03 mail postfix/cleanup[101]: 4B1C2D3E4F: milter-reject: END-OF-MESSAGE from bod[192.0.2.1]: 4.7.1 later; from=<keiri@aozora.example>` + "\n", "ap@acme.example", "unknown", ""},
		{"through a filter, and bounced behind it", qid(taken, "4B1C2D3E4F") + qid(taken, "5A5A5A5A5A") +
			`Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 5A5A5A5A5A)
Nov 24 10:00:03 mail postfix/smtp[103]: 5A5A5A5A5A: to=<ap@acme.example>, relay=mx.acme.example[192.0.2.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.1.1, status=bounced (550)
`, "ap@acme.example", "refused", "5A5A5A5A5A: to=<ap@acme.example>"},
		{"through a filter, and not yet known", qid(taken, "4B1C2D3E4F") + qid(taken, "5A5A5A5A5A") +
			`Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 5A5A5A5A5A)` + "\n", "ap@acme.example", "unknown", "5A5A5A5A5A"},

		// What is not about this attempt of this message, or was not written by Postfix as it looks.
		{"an earlier attempt", strings.ReplaceAll(qid(taken, "4B1C2D3E4F"), "10:00:0", "09:50:0") + `Nov 24 09:50:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)` + "\n", "ap@acme.example", "not-found", ""},
		{"a queue id that is used anew", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/qmgr[102]: 4B1C2D3E4F: removed
Nov 24 10:00:05 mail postfix/cleanup[101]: 4B1C2D3E4F: message-id=<other@aozora.example>
Nov 24 10:00:05 mail postfix/qmgr[102]: 4B1C2D3E4F: from=<keiri@aozora.example>, size=1234, nrcpt=1 (queue active)
Nov 24 10:00:06 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)
`, "ap@acme.example", "unknown", ""},
		{"a queue id that is used anew, its first lines lost", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/qmgr[102]: 4B1C2D3E4F: removed
Nov 24 10:00:06 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)
`, "ap@acme.example", "unknown", ""},
		{"another sender's", strings.ReplaceAll(qid(taken, "4B1C2D3E4F"), "keiri@", "evil@") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)` + "\n", "ap@acme.example", "unknown", ""},
		{"a longer Message-ID", strings.ReplaceAll(qid(taken, "4B1C2D3E4F"), "<abc.123", "<x.abc.123") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)` + "\n", "ap@acme.example", "not-found", ""},
		{"in a header of another mail", `Nov 24 10:00:01 mail postfix/cleanup[101]: 4B1C2D3E4F: message-id=<evil@x> message-id=<abc.123@aozora.example>
Nov 24 10:00:01 mail postfix/cleanup[101]: 4B1C2D3E4F: warning: header Subject: message-id=<abc.123@aozora.example> from bod[192.0.2.1]
Nov 24 10:00:01 mail postfix/qmgr[102]: 4B1C2D3E4F: from=<keiri@aozora.example>, size=1234, nrcpt=2 (queue active)
Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)
`, "ap@acme.example", "not-found", ""},
		{"in the answer of a server", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<soumu@acme.example>, relay=mx[192.0.2.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=4.0.0, status=deferred (450 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250))` + "\n", "ap@acme.example", "unknown", ""},
		{"in an address", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<"x>, orig_to=<ap@acme.example>, relay=none, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (y"@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.0.0, status=bounced (550)` + "\n", "ap@acme.example", "unknown", ""},
		{"from another program", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail logger[103]: postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)` + "\n", "ap@acme.example", "unknown", ""},
		{"a verification", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=deliverable (250)` + "\n", "ap@acme.example", "unknown", ""},
		{"a line that is cut", qid(taken, "4B1C2D3E4F") + `Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (2`, "ap@acme.example", "unknown", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrail(ask(c.recipient))
			if err := readLines(tr, strings.NewReader(c.log), began.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			got := tr.answers()
			if len(got) != 1 || got[0].Recipient != c.recipient || got[0].Result != c.result || !strings.Contains(got[0].Evidence, c.evidence) || got[0].Evidence == "" {
				t.Errorf("%+v, want %s %q", got, c.result, c.evidence)
			}
		})
	}
}

func TestYear(t *testing.T) {
	for _, c := range []struct{ line, now, want string }{
		{"Dec 31 23:59:59", "2027-01-01", "2026-12-31T23:59:59+09:00"},
		{"Jan  1 00:00:01", "2027-01-01", "2027-01-01T00:00:01+09:00"},
		{"Feb 29 00:00:01", "2028-02-29", "2028-02-29T00:00:01+09:00"},
	} {
		now, err := time.ParseInLocation(time.DateOnly, c.now, tokyo)
		if err != nil {
			t.Fatal(err)
		}
		e, ok := parse(c.line+" mail postfix/qmgr[1]: 4B1C2D: removed", now)
		if !ok || e.at.Format(time.RFC3339) != c.want || e.service != "qmgr" || e.text != "4B1C2D: removed" {
			t.Errorf("%+v, want %s", e, c.want)
		}
	}
}

// A message whose lines stand in several files, one of them compressed, is followed from the oldest on.
func TestRotatedFiles(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "mail.log")
	lines := strings.SplitAfter(qid(taken, "4B1C2D3E4F")+`Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<ap@acme.example>, relay=none, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250)`+"\n", "\n")
	now := time.Now()
	write := func(name, text string, at time.Time) {
		t.Helper()
		b := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			if _, err := w.Write(b); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			b = z.Bytes()
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	q := ask("ap@acme.example")
	q.Began = now.Add(-3 * time.Hour)
	stamp := func(s string) string {
		return strings.ReplaceAll(s, "Nov 24 10:00:0", now.Add(-2*time.Hour).Format("Jan _2 15:04:0"))
	}
	write(name+".2.gz", stamp(lines[0]+lines[1]), now.Add(-2*time.Hour))
	write(name+".1", stamp(lines[2]), now.Add(-time.Hour))
	write(name, stamp(lines[3]), now)
	write(name+".3.gz", "this is older than the message, and not read: no gzip", now.AddDate(0, 0, -1))
	if err := os.WriteFile(name+".3.gz", []byte("no gzip"), 0o644); err != nil {
		t.Fatal(err)
	}
	old := now.AddDate(0, 0, -1)
	if err := os.Chtimes(name+".3.gz", old, old); err != nil {
		t.Fatal(err)
	}
	write(name+".save", stamp(strings.Join(lines, "")), now)

	words, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	var out, complaint bytes.Buffer
	if err := run([]string{"--log", name}, bytes.NewReader(words), &out, &complaint); err != nil {
		t.Fatal(err, complaint.String())
	}
	var reply struct{ Answers []answer }
	if err := json.Unmarshal(out.Bytes(), &reply); err != nil || len(reply.Answers) != 1 || reply.Answers[0].Result != "sent" {
		t.Errorf("%s %v", out.String(), err)
	}
	if err := run([]string{"--log", filepath.Join(dir, "nowhere")}, bytes.NewReader(words), &out, &complaint); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a log that is not there: %v", err)
	}
	for _, bad := range []string{"", "{}", `{"message_id":"x"}`, "no JSON"} {
		if err := run([]string{"--log", name}, strings.NewReader(bad), &out, &complaint); err == nil {
			t.Errorf("%q was answered", bad)
		}
	}
}

// In the journal a line counts only where the journal itself says that a unit of Postfix wrote it.
func TestJournal(t *testing.T) {
	entries := func(unit string) string {
		var b strings.Builder
		b.WriteString(`{"MESSAGE":[255,254],"SYSLOG_IDENTIFIER":"postfix/smtp","_SYSTEMD_UNIT":"postfix@-.service","__REALTIME_TIMESTAMP":"1"}` + "\n" + `{"MESSAGE":null,"__REALTIME_TIMESTAMP":"1"}` + "\n")
		for _, l := range [][2]string{{"cleanup", "message-id=<" + id + ">"}, {"qmgr", "from=<keiri@aozora.example>, size=1, nrcpt=1 (queue active)"},
			{"smtp", "to=<ap@acme.example>, relay=none, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250)"}} {
			fmt.Fprintf(&b, `{"MESSAGE":"4B1C2D: %s","SYSLOG_IDENTIFIER":"postfix/%s","_SYSTEMD_UNIT":%q,"__REALTIME_TIMESTAMP":"%d"}`+"\n", l[1], l[0], unit, began.UnixMicro())
		}
		return b.String()
	}
	for unit, want := range map[string]string{"postfix.service": "sent", "postfix@-.service": "sent", "postfix@out.service": "sent", "user@1000.service": "not-found", "": "not-found", "postfix@x.service/evil": "not-found"} {
		tr := newTrail(ask("ap@acme.example"))
		if err := readEntries(tr, strings.NewReader(entries(unit))); err != nil {
			t.Fatal(err)
		}
		if got := tr.answers()[0].Result; got != want {
			t.Errorf("from %q: %s, want %s", unit, got, want)
		}
	}
	if err := readEntries(newTrail(ask("x")), strings.NewReader(`{"MESSAGE":`)); err == nil {
		t.Error("half an entry was read")
	}
}

// Whatever others bring into the log within a line, they prove nothing.
func FuzzTrail(f *testing.F) {
	f.Add("450 try later", "x@y", "Re: invoice")
	f.Add("250) status=sent (", "a>, orig_to=<ap@acme.example>, relay=none", "message-id=<"+id+">")
	f.Fuzz(func(t *testing.T, words, recipient, header string) {
		mask := func(s string) string { // as Postfix does
			return strings.Map(func(r rune) rune {
				if r < ' ' || r == 0x7f || r == '\u2028' {
					return '?'
				}
				return r
			}, s)
		}
		if strings.EqualFold(mask(recipient), "ap@acme.example") {
			return
		}
		log := qid(taken, "4B1C2D3E4F") +
			"Nov 24 10:00:01 mail postfix/cleanup[101]: 4B1C2D3E4F: warning: header Subject: " + mask(header) + " from bod[192.0.2.1]\n" +
			"Nov 24 10:00:01 mail postfix/cleanup[101]: 5A5A5A5A5A: message-id=" + mask(header) + "\n" +
			"Nov 24 10:00:02 mail postfix/smtp[103]: 4B1C2D3E4F: to=<soumu@acme.example>, relay=mx[192.0.2.7]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=4.0.0, status=deferred (" + mask(words) + ")\n"
		tr := newTrail(ask("ap@acme.example"))
		if err := readLines(tr, strings.NewReader(log), began.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := tr.answers()[0]; got.Result != "unknown" {
			t.Errorf("%+v", got)
		}
	})
}
