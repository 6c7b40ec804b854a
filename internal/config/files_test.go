package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// folder is a Config at work in a new folder, with a named folder "share" beside it.
func folder(t *testing.T, files ...string) (*Config, string) {
	t.Helper()
	base := t.TempDir()
	c := &Config{Dir: filepath.Join(base, "office"), Folders: map[string]string{"share": filepath.Join(base, "share"), "away": filepath.Join(base, "away"), "empty": filepath.Join(base, "empty")}}
	for _, d := range []string{"office", "share", "empty"} {
		if err := os.Mkdir(filepath.Join(base, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range append(files, "share/keep", "secret") {
		path := filepath.Join(base, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c, base
}

func TestReadFileStaysInside(t *testing.T) {
	c, base := folder(t, "office/letters/a.txt", "share/2026/x.pdf")
	for name, to := range map[string]string{"out": "../secret", "up": "..", "in": "letters/a.txt"} {
		if err := os.Symlink(to, filepath.Join(c.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(c.Dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, good := range []struct{ path, text string }{
		{"letters/a.txt", "office/letters/a.txt"}, {"./letters/a.txt", "office/letters/a.txt"},
		{"in", "office/letters/a.txt"}, {"folder:share/2026/x.pdf", "share/2026/x.pdf"},
	} {
		if b, err := c.ReadFile(good.path, 100); err != nil || string(b) != good.text {
			t.Errorf("%s: %q, %v", good.path, b, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "../secret", "letters/../../secret", "/etc/passwd", base + "/secret", "out", "up/secret", "pipe", "letters",
		"folder:share/../secret", "folder:share", "folder:share//etc/passwd", "folder:nobody/x", "folder:", "folder:away/x", "folder:empty/x",
		`C:\x`, "c:/x", `a\b`, "a\x00b", "a\nb", "nothing",
	} {
		b, err := c.ReadFile(bad, 100)
		fe, ok := errors.AsType[*FileError](err)
		if !ok || b != nil {
			t.Errorf("%q was read: %q, %v", bad, b, err)
			continue
		}
		if fe.What.JA == "" || fe.What.EN == "" || fe.Next.JA == "" || fe.Next.EN == "" {
			t.Errorf("%q: the error lacks words: %+v", bad, fe)
		}
	}
	if _, err := c.ReadFile("letters/a.txt", 3); err == nil {
		t.Error("a file over the limit was read")
	}
}

func TestFilesAreFoundHoweverTheirNamesAreStored(t *testing.T) {
	apart, together := norm.NFD.String("office/請求書/ガス.pdf"), "請求書/ガス.pdf"
	c, _ := folder(t, apart)
	if apart == "office/"+together {
		t.Fatal("the name has nothing to take apart")
	}
	if _, err := c.ReadFile(together, 100); err != nil {
		t.Error(err)
	}
	for _, pattern := range []string{"請求書/ガ*.pdf", norm.NFD.String("請求書/ガ*.pdf"), "請求書/??.pdf"} {
		ms, err := c.Glob(pattern)
		if err != nil || len(ms) != 1 || ms[0].Name != "ガス.pdf" {
			t.Fatalf("%q: %v, %v", pattern, ms, err)
		}
		if _, err := c.ReadFile(ms[0].Path, 100); err != nil {
			t.Errorf("what Glob found cannot be read: %v", err)
		}
	}
}

func TestGlob(t *testing.T) {
	c, _ := folder(t, "office/a/2026-11/x-1.pdf", "office/a/2026-11/x-2.pdf", "office/a/2026-12/x-3.pdf", "office/a/2026-12/y.txt", "office/Z.PDF/A.PDF", "office/Z.PDF/B.Pdf", "office/Z.PDF/a.pdf.txt", "office/Z.PDF/pdf", "share/inv/1.pdf")
	if err := os.Symlink("../secret", filepath.Join(c.Dir, "a", "2026-11", "x-9.pdf")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.Dir, "a", "2026-11", "x-dir.pdf"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ pattern, want string }{
		{"a/2026-11/x-*.pdf", "a/2026-11/x-1.pdf a/2026-11/x-2.pdf"},
		{"a/*/x-?.pdf", "a/2026-11/x-1.pdf a/2026-11/x-2.pdf a/2026-12/x-3.pdf"},
		{"a/2026-11/x-1.pdf", "a/2026-11/x-1.pdf"},
		{"a/2027-01/*", ""},
		{"Z.PDF/*.pdf", "Z.PDF/A.PDF Z.PDF/B.Pdf"},
		{"Z.PDF/?.PDF", "Z.PDF/A.PDF Z.PDF/B.Pdf"},
		{"Z.PDF/A.pdf", "Z.PDF/A.PDF"},
		{"Z.PDF/a.pdf", ""},
		{"Z.PDF/*.p?f", ""},
		{"z.pdf/*", ""},
		{"nowhere/*/x", ""},
		{"a/2026-12/y.txt/z", ""},
		{"folder:share/inv/*.pdf", "folder:share/inv/1.pdf"},
	} {
		ms, err := c.Glob(test.pattern)
		var got []string
		for _, m := range ms {
			got = append(got, m.Path)
			if m.Size == 0 || m.ModTime.IsZero() || m.Name != filepath.Base(m.Path) {
				t.Errorf("%s: %+v", test.pattern, m)
			}
		}
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, %v; want %q", test.pattern, got, err, test.want)
		}
	}
	for _, bad := range []string{"../*", "/etc/*", "a/**/x", "a/[x", "folder:away/*", "folder:empty/*", "folder:nobody/*", `C:\*`} {
		if ms, err := c.Glob(bad); err == nil {
			t.Errorf("%s gave %v", bad, ms)
		}
	}
}

func TestSecretsAreReadAnewAndNeverSaid(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pw")
	m := Mail{PasswordFile: file}
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []string{"hunter2\n", "hunter3\r\n", "with blank "} {
		write(s)
		if got, err := m.Password(); err != nil || got != strings.TrimRight(s, "\r\n") {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, s := range []string{"", "\n", "hunter2\nhunter3\n", "hunter2\x00", strings.Repeat("hunter2", 20000)} {
		write(s)
		if got, err := m.Password(); err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%.20q gave %.20q, %v", s, got, err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if err := os.WriteFile(filepath.Join(dir, "smtp-password"), []byte("credential"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := (Mail{}).Password(); err != nil || got != "credential" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := (Mail{OAuth2: &OAuth2{}}).ClientSecret(); err == nil {
		t.Error("a client secret was read that is not there")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := (Mail{}).Password(); err == nil || !strings.Contains(err.Error(), "smtp-password") {
		t.Errorf("the error does not name the credential: %v", err)
	}
}
