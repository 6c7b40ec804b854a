package mailer

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "outbox")
	c := NewFolder(dir)
	if !c.Trial() {
		t.Error("a folder is no trial")
	}
	session, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	data := mustRender(t, invoice())
	p := Parcel{From: "keiri@aozora.example", To: []string{"ap@acme.example", "hidden@acme.example"}, Data: data,
		BeforeDot: func([]string) error { t.Error("BeforeDot was called without a dot"); return nil }}
	for range 2 { // again after a crash: the same file
		rs, broken := session.Carry(t.Context(), p)
		if got := told(t, p.To, rs); got != "written file 0, written file 0" || broken {
			t.Error(got, broken)
		}
	}
	rs, _ := session.Carry(t.Context(), Parcel{To: []string{"hidden@acme.example"}, Data: data}) // and for some of the recipients only
	other := invoice()
	other.MessageID = "another@aozora.example"
	more, _ := session.Carry(t.Context(), Parcel{To: []string{"ap@acme.example"}, Data: mustRender(t, other)})
	if more[0].Result != Written || more[0].Words == rs[0].Words {
		t.Errorf("another message with the same subject: %+v", more)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 2 {
		t.Fatalf("%q, %v", names, err)
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".*.tmp")); len(hidden) != 0 {
		t.Errorf("left over: %q", hidden)
	}
	got, err := os.ReadFile(filepath.Join(dir, rs[0].Words))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("the file differs: %v", err)
	}
	if want := "2026-11-25 1000 【株式会社青空システム】2026年11月分_請求書送付のご案内（INV-2611-0042） ap@acme.example "; !strings.HasPrefix(rs[0].Words, want) {
		t.Errorf("the file is named %q", rs[0].Words)
	}
}

// TestFolderAfterCrash: half a file of an attempt that died is not in the way, and was never under the message's name.
func TestFolderAfterCrash(t *testing.T) {
	dir := t.TempDir()
	data := mustRender(t, invoice())
	name := fileName(data)
	if err := os.WriteFile(filepath.Join(dir, "."+name+".tmp"), append(bytes.Repeat(data, 2), 'x'), 0o600); err != nil {
		t.Fatal(err)
	}
	session, err := NewFolder(dir).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if rs, _ := session.Carry(t.Context(), Parcel{To: []string{"a@x.example"}, Data: data}); rs[0].Result != Written {
		t.Fatal(rs)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, name)); !bytes.Equal(got, data) {
		t.Error("the file differs")
	}
}

func TestFolderCannotWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFolder(file).Open(t.Context()); err == nil {
		t.Error("a file is no folder")
	}
	session, err := NewFolder(filepath.Join(dir, "outbox")).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	data := mustRender(t, invoice())
	// A folder where the message should stand: the rename fails, for root as well.
	if err := os.MkdirAll(filepath.Join(dir, "outbox", fileName(data), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	rs, _ := session.Carry(t.Context(), Parcel{To: []string{"a@x.example"}, Data: data})
	if got := told(t, []string{"a@x.example"}, rs); got != "deferred file 0" {
		t.Error(got)
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, "outbox", ".*.tmp")); len(hidden) != 0 {
		t.Errorf("left over: %q", hidden)
	}
}

func TestFileNames(t *testing.T) {
	for _, head := range []string{
		"", "nonsense", "Subject: ../../etc/passwd\r\n", "Subject: =?utf-8?q?a=00b=0a?=\r\n", "Subject: " + strings.Repeat("x", 900) + "\r\n",
		"Subject: " + encodeWords(strings.Repeat("長い件名", 50), 36, "\r\n ") + "\r\nTo: <" + strings.Repeat("a", 60) + "@" + strings.Repeat("b", 60) + ".example>\r\n",
		"Subject: .hidden\r\nDate: nonsense\r\n", "Subject: \xff\r\n", "Subject: CON: a*b?c|d<e>f\"g\\h/i\r\n",
	} {
		name := fileName([]byte(head + "\r\nbody\r\n"))
		if len(name) > 240 || !utf8.ValidString(name) || strings.ContainsAny(name, "/\\:*?\"<>|\x00\r\n") || strings.HasPrefix(name, ".") || filepath.Base(name) != name {
			t.Errorf("%q gives %q", head, name)
		}
	}
}
