package config

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bod/internal/calendar"
)

var update = flag.Bool("update", false, "write the golden files and docs/keys.*.md anew")

// office is what a test's file needs beside the lines that it is about; each
// table is added below them unless they have it themselves.
var office = []struct{ name, text string }{
	{"mail", "[mail]\nfrom = \"経理 <keiri@aozora.example>\"\n"},
	{"people", "[people]\nsato = \"佐藤 <sato@aozora.example>\"\ntanaka = { name = \"田中\", title = \"部長\", mail = \"tanaka@aozora.example\" }\n"},
	{"partner", "[partner.acme]\nname = \"株式会社アクメ商事\"\nmail = \"ap@acme.example\"\n"},
	{"summary", "[summary]\nto = [\"sato\"]\n"},
	{"job", "[job.ok]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\n"},
}

// inOffice completes a test's file.
func inOffice(text string) string {
	for _, o := range office {
		if !regexp.MustCompile(`(?m)^[\s　]*[\[［]+"?` + o.name + `[^\w]`).MatchString(text) {
			text += "\n" + o.text
		}
	}
	return text
}

// loadText loads a text as the jobs.toml of a folder with a letter in it.
func loadText(t testing.TB, text string, kinds ...Kind) *loader {
	t.Helper()
	dir := t.TempDir()
	for name, b := range map[string]string{"jobs.toml": text, "a.txt": "件名：x\n\n本文\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if kinds == nil {
		kinds = testKinds
	}
	return read(filepath.Join(dir, "jobs.toml"), "", kinds, nil)
}

// said gives what is told about a file, a line each.
func (l *loader) said(lang calendar.Language) string {
	var b strings.Builder
	for _, p := range l.f.problems("jobs.toml", l.at, lang) {
		if p.Warning {
			b.WriteString("warning: ")
		}
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

// TestSlips holds what is said about each slip, in both languages. A file is the
// lines that somebody typed; "none" as the comment says that they are accepted.
func TestSlips(t *testing.T) {
	files, err := filepath.Glob("testdata/slips/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			comment, rest, _ := strings.Cut(string(b), "-- jobs.toml --\n")
			text, rest, _ := strings.Cut(rest, "-- ja --\n")
			wantJA, wantEN, _ := strings.Cut(rest, "-- en --\n")
			l := loadText(t, inOffice(text))
			ja, en := l.said(calendar.Japanese), l.said(calendar.English)
			if *update {
				b := comment + "-- jobs.toml --\n" + text + "-- ja --\n" + ja + "-- en --\n" + en
				if err := os.WriteFile(name, []byte(b), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if ja != wantJA {
				t.Errorf("in Japanese:\n got %s\nwant %s", ja, wantJA)
			}
			if en != wantEN {
				t.Errorf("in English:\n got %s\nwant %s", en, wantEN)
			}
			if (l.f.errors == 0) != (strings.TrimSpace(comment) == "none") {
				t.Errorf("%d errors, but the comment is %q", l.f.errors, comment)
			}
		})
	}
}
