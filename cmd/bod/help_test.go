package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
)

// Every command has its words and an example in both languages, and its help fits a terminal of 80 columns.
func TestHelp(t *testing.T) {
	dir := t.TempDir()
	for _, lang := range []calendar.Language{calendar.Japanese, calendar.English} {
		file := filepath.Join(dir, string(lang)+".toml")
		if err := os.WriteFile(file, []byte("language = \""+string(lang)+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b := newDesk([]string{"--file", file}, nil, new(bytes.Buffer), new(bytes.Buffer))
		root := b.root()
		for _, c := range append([]*cobra.Command{root}, root.Commands()...) {
			t.Run(string(lang)+"/"+c.Name(), func(t *testing.T) {
				if c.Short == "" || c.Long == "" || c.Example == "" {
					t.Fatalf("a command without Short, Long or Example")
				}
				if !strings.Contains(c.Example, "bod "+c.Name()) && c.HasParent() {
					t.Errorf("the example does not use the command: %q", c.Example)
				}
				for _, s := range []string{c.Short, c.Long} {
					if japanese(s) != (lang == calendar.Japanese) {
						t.Errorf("not in %s: %q", lang, s)
					}
				}
				var out, errs bytes.Buffer
				args := []string{"--file", file, c.Name(), "--help"}
				if !c.HasParent() {
					args = []string{"--file", file, "--help"}
				}
				if err := run(context.Background(), args, nil, &out, &errs); err != nil {
					t.Fatalf("%v\n%s", err, errs.String())
				}
				for line := range strings.SplitSeq(out.String(), "\n") {
					if n := cells(line); n > 80 {
						t.Errorf("%d columns wide: %q", n, line)
					}
					if lang == calendar.English && japanese(line) {
						t.Errorf("Japanese in an English help: %q", line)
					}
				}
				if !strings.Contains(out.String(), c.Short) || strings.Contains(out.String(), "%!") {
					t.Errorf("the help is incomplete:\n%s", out.String())
				}
			})
		}
	}
}

func japanese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) })
}

// The help speaks the terminal's language where there is no file to ask.
func TestLanguageWithoutFile(t *testing.T) {
	for _, test := range []struct {
		lang string
		want calendar.Language
	}{{"ja_JP.UTF-8", calendar.Japanese}, {"en_US.UTF-8", calendar.English}, {"C", calendar.English}, {"", calendar.English}} {
		t.Setenv("LC_ALL", "")
		t.Setenv("LC_MESSAGES", "")
		t.Setenv("LANG", test.lang)
		if got := peek(filepath.Join(t.TempDir(), "jobs.toml")).language; got != test.want {
			t.Errorf("LANG=%q: %s, want %s", test.lang, got, test.want)
		}
	}
}

func TestFileFlag(t *testing.T) {
	t.Setenv("BOD_JOBS", "env.toml")
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "env.toml"},
		{[]string{"next", "--file", "a.toml"}, "a.toml"},
		{[]string{"next", "--file=a.toml"}, "a.toml"},
		{[]string{"-f", "a.toml", "next"}, "a.toml"},
		{[]string{"-fa.toml", "next"}, "a.toml"},
		{[]string{"hold", "--", "-f"}, "env.toml"},
		{[]string{"next", "--file"}, "env.toml"},
	} {
		if got := fileFlag(test.args); got != test.want {
			t.Errorf("fileFlag(%q) = %q, want %q", test.args, got, test.want)
		}
	}
	t.Setenv("BOD_JOBS", "")
	if got := fileFlag(nil); got != "jobs.toml" {
		t.Errorf("fileFlag(nil) = %q, want jobs.toml", got)
	}
}

// Whatever breaks, a person reads a calm word and never a stack.
func TestPanic(t *testing.T) {
	var errs bytes.Buffer
	err := run(context.Background(), []string{"version"}, nil, broken{}, &errs)
	if status(err) != exitFailed {
		t.Errorf("status %d, want %d", status(err), exitFailed)
	}
	if s := errs.String(); !strings.Contains(s, "the pipe burst") || strings.Contains(s, "goroutine") || strings.Count(s, "\n") != 2 {
		t.Errorf("a person reads %q", s)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { panic("the pipe burst") }
