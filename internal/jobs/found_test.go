package jobs

import (
	"context"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"bod/internal/config"
	"bod/internal/ledger"
)

// copyOf is a message as it lies in a mailbox.
func copyOf(key, id string, more ...string) string {
	h := []string{"Received: from x by y; Wed, 25 Nov 2026 10:00:01 +0900", "From: =?UTF-8?B?6Z2S56m6?= <keiri@aozora.example>",
		"To: =?UTF-8?B?44Ki44Kv44Oh?= <ap@acme.example>, b@acme.example", "Cc: sato@aozora.example", "Subject: =?UTF-8?B?6KuL5rGC5pu4?=",
		"Message-ID: <" + id + "@aozora.example>", "Date: Wed, 25 Nov 2026 10:00:00 +0900", "X-Bod-Key: " + key}
	for _, m := range more {
		name, _, _ := strings.Cut(m, ":")
		kept := h[:0]
		for _, x := range h {
			if !strings.HasPrefix(strings.ToLower(x), strings.ToLower(name)+":") {
				kept = append(kept, x)
			}
		}
		h = append(kept, m)
	}
	return strings.Join(h, "\r\n") + "\r\n\r\nBody of " + id + ".\r\n"
}

var foundNow = time.Date(2026, 11, 26, 9, 0, 0, 0, time.FixedZone("JST", 9*3600))

// testOffice is the office that looks for its mail.
func testOffice(t *testing.T) *config.Config {
	return newOffice(t, invoiceJob, map[string]string{"letters/a.txt": officeLetter}).c
}

func findIn(t *testing.T, files map[string]string) *Evidence {
	t.Helper()
	dir := t.TempDir()
	fsys := fstest.MapFS{}
	for name, content := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o600}
	}
	if err := os.CopyFS(dir, fsys); err != nil {
		t.Fatal(err)
	}
	return findAt(t, dir)
}

func findAt(t *testing.T, dir string) *Evidence {
	t.Helper()
	e, err := FindMail(t.Context(), testOffice(t), dir, foundNow, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestFindMail(t *testing.T) {
	mbox := func(all ...string) string {
		var b strings.Builder
		for _, m := range all {
			b.WriteString("From keiri@aozora.example Wed Nov 25 10:00:00 2026\n" + strings.ReplaceAll(m, "\r\n", "\n") + "\n")
		}
		return b.String()
	}
	e := findIn(t, map[string]string{
		"cur/1:2,S":    copyOf("hosting/2026-11/acme", "a"),
		"copy.eml":     copyOf("hosting/2026-11/acme", "a"),
		"Sent.mbox":    mbox(copyOf("hosting/2026-11/beta", "b"), copyOf("hosting/2026-11/beta%232", "c"), copyOf("one/2026-11-20/x%252Fy", "d")),
		"sub/sum.eml":  copyOf("summary/2026-11-24/sato", "s", "Subject: =?UTF-8?B?"+"6KaB5a++5b+c44Gq44GX772cMTEvMjQo54GrKSDmnKzml6Xjga7jgb7jgajjgoEgIzQy"+"?=", "Cc: "),
		"other.eml":    copyOf("hosting/2026-11/acme", "o", "From: keiri@other.example"),
		"notice.eml":   copyOf("notice/held/R2611-0001/0123", "n"),
		"trial.eml":    copyOf("hosting/2026-11/gamma", "t", "Subject: [trial] x"),
		"plain.eml":    "From: x@y.example\r\nSubject: hello\r\n\r\nhi\r\n",
		"index":        "\x00\x01\x02binary\xff",
		"empty":        "",
		"twice.eml":    copyOf("hosting/2026-11/delta", "e") + copyOf("x/y/z", "f"),
		"two keys.eml": copyOf("hosting/2026-11/k", "g", "X-Bod-Key: a/b/c\r\nX-Bod-Key: a/b/d"),
	})
	var got []string
	for _, f := range e.Found {
		body, err := e.Body(f)
		m, perr := mail.ReadMessage(strings.NewReader(string(body)))
		if err != nil || perr != nil || m.Header.Get("Message-Id") != "<"+f.Message.MessageID+">" {
			t.Errorf("%s: %v %v", f.Message.Key, err, perr)
		}
		got = append(got, fmt.Sprintf("%s %s %s #%d %s", f.Message.Key, f.Message.Job, f.Message.Part, f.Generation, f.Message.Class))
	}
	want := []string{
		"hosting/2026-11/acme hosting acme #1 letter", "hosting/2026-11/beta hosting beta #1 letter", "hosting/2026-11/beta#2 hosting beta #2 letter",
		"hosting/2026-11/delta hosting delta #1 letter", "one/2026-11-20/x%2Fy one x/y #1 letter", "summary/2026-11-24/sato summary sato #1 summary",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if e.Duplicates != 1 || e.Foreign != 1 || e.Notices != 1 || e.Trials != 1 || len(e.Doubts) != 1 || e.Others != 3 || len(e.Unread) != 0 || e.Files != 12 {
		t.Errorf("%+v", *e)
	}
	m := e.Found[0].Message
	if got := fmt.Sprint(m.Recipients); got != "[{ap@acme.example アクメ to true} {b@acme.example  to true} {sato@aozora.example  cc false}]" || m.Subject != "請求書" || !m.Date.Equal(time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", m)
	}
	if o := e.Found[5].Observations(); len(o) != 1 || !strings.Contains(string(o[0].Value), `"number":42`) {
		t.Errorf("%s", o)
	}
}

// What only looks like ours is told and not believed.
func TestFindMailDoubts(t *testing.T) {
	for name, change := range map[string]string{
		"no such key":            "X-Bod-Key: hosting",
		"a part too many":        "X-Bod-Key: a/b/c/d",
		"an escape that is none": "X-Bod-Key: a/b/%zz",
		"a slash in the period":  "X-Bod-Key: a/2026%2F11/c",
		"a control character":    "X-Bod-Key: a/b/c%0Ad",
		"an unescaped number":    "X-Bod-Key: a/b/c%230",
		"a huge number":          "X-Bod-Key: a/b/c%23999999999999999999999",
		"an empty part":          "X-Bod-Key: a//c",
		"a long key":             "X-Bod-Key: a/b/" + strings.Repeat("c", 5000),
		"two senders":            "From: keiri@aozora.example, x@y.example",
		"no Message-ID":          "Message-ID: ",
		"a Message-ID of two":    "Message-ID: <a@b.example> <c@d.example>",
		"no date":                "Date: yesterday",
		"the future":             "Date: Wed, 25 Nov 2099 10:00:00 +0900",
		"nobody":                 "To: undisclosed-recipients:;\r\nCc: ",
		"an address with a gap":  "To: \"a b\"@acme.example",
	} {
		t.Run(name, func(t *testing.T) {
			e := findIn(t, map[string]string{"x.eml": copyOf("hosting/2026-11/acme", "a", strings.Split(change, "\r\n")...)})
			if len(e.Found) != 0 || len(e.Doubts) != 1 {
				t.Errorf("%+v", *e)
			}
		})
	}
	e := findIn(t, map[string]string{"1.eml": copyOf("hosting/2026-11/acme", "late", "Date: Thu, 26 Nov 2026 08:00:00 +0900"), "2.eml": copyOf("hosting/2026-11/acme", "first")})
	if len(e.Found) != 1 || e.Found[0].Message.MessageID != "first@aozora.example" || len(e.Doubts) != 1 {
		t.Errorf("two messages with one key: %+v", *e)
	}
}

// Nothing outside the folder is read, and nothing in it stops the search.
func TestFindMailStaysInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside.eml")
	if err := os.WriteFile(outside, []byte(copyOf("hosting/2026-11/secret", "x")), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, err := range []error{
		os.Symlink(outside, filepath.Join(dir, "link.eml")), os.Symlink(filepath.Dir(outside), filepath.Join(dir, "folder")),
		os.Symlink(dir, filepath.Join(dir, "loop")), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
		os.WriteFile(filepath.Join(dir, "long"), []byte("X-Bod-Key: "+strings.Repeat("a", 3<<20)), 0o600),
		os.WriteFile(filepath.Join(dir, "lines"), []byte(strings.Repeat("X-Line: a\r\n", 1<<17)), 0o600),
		os.WriteFile(filepath.Join(dir, "mbox"), []byte("From x\n"+strings.Repeat("From ", 1<<17)), 0o600),
		os.WriteFile(filepath.Join(dir, "good.eml"), []byte(copyOf("hosting/2026-11/acme", "a")), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	e := findAt(t, dir)
	if len(e.Found) != 1 || e.Found[0].Message.Part != "acme" {
		t.Errorf("%+v", *e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FindMail(ctx, testOffice(t), dir, foundNow, nil); err == nil {
		t.Error("it went on after it was stopped")
	}
	if _, err := FindMail(t.Context(), testOffice(t), filepath.Join(dir, "nowhere"), foundNow, nil); err == nil {
		t.Error("a folder that is not there was searched")
	}
}

// Whatever key bod writes is read back, and whatever is read back is one that it would write.
func FuzzReadKey(f *testing.F) {
	for _, s := range []string{"a/b/c", "a/b/c%232", "アクメ/2026-11/x%252Fy", "notice/a/b/c", "=?UTF-8?B?YS9iL2M=?=", "a/b/%2523", "a/b/c#2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, job, period, part, generation, ok := readKey(value)
		if !ok || job == "notice" {
			return
		}
		if ledger.Key(job, period, part, generation) != key {
			t.Errorf("%q is read as %s %s %s %d", value, job, period, part, generation)
		}
		again, _, _, _, _, ok := readKey(headerKey(key))
		if !ok || again != key {
			t.Errorf("%q is written as %q and read as %q", key, headerKey(key), again)
		}
	})
}

func FuzzFindMail(f *testing.F) {
	f.Add([]byte(copyOf("hosting/2026-11/acme", "a")))
	f.Add([]byte("From x\n" + copyOf("hosting/2026-11/acme", "a") + "\nFrom y\n" + copyOf("a/b/c", "b")))
	var c *config.Config
	f.Fuzz(func(t *testing.T, data []byte) {
		if c == nil {
			c = testOffice(t)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := FindMail(t.Context(), c, dir, foundNow, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		for _, m := range e.Found {
			if b, err := e.Body(m); err != nil || len(b) == 0 && len(data) > 0 || len(m.Message.Recipients) == 0 {
				t.Errorf("%+v %v", m, err)
			}
		}
	})
}
