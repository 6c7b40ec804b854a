package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

func TestCells(t *testing.T) {
	for s, want := range map[string]int{
		"abc": 3, "請求書": 6, "ｱｸﾒ": 3, "１２": 4, "か\u3099": 2, "": 0, "→ a": 3, "\u200bx": 1, "𠮷田": 4,
	} {
		if got := cells(s); got != want {
			t.Errorf("cells(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	var out bytes.Buffer
	columns(&out, " ", [][]string{{"請求書", "x", "末"}, {"ab", "", "end"}, {strings.Repeat("長", 20), "y", "z"}})
	want := " 請求書  x  末\n ab         end\n " + strings.Repeat("長", 20) + "  y  z\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		s    string
		n    int
		want []string
	}{
		{"one two three", 8, []string{"one two", "three"}},
		{"請求書をお送りします。", 10, []string{"請求書をお", "送りします。"}},
		{"a\nb", 10, []string{"a", "b"}},
		{"", 10, []string{""}},
		{"averyveryverylongword x", 5, []string{"averyveryverylongword", "x"}},
	} {
		got := wrap(test.s, test.n)
		if strings.Join(got, "|") != strings.Join(test.want, "|") {
			t.Errorf("wrap(%q, %d) = %q, want %q", test.s, test.n, got, test.want)
		}
	}
}

// What comes from outside cannot move the cursor or turn the reading order around.
func TestClean(t *testing.T) {
	var out bytes.Buffer
	b := newDesk(nil, nil, &out, &out)
	b.say("%s\n", "件名\x1b[2J\r\x00\u202eabc")
	if got, want := out.String(), "件名\ufffd[2J\ufffd\ufffd\ufffdabc\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("請求書をお送りします。 abc", 7)
	f.Add("a b\n\nc", 1)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 1 || n > 200 || !utf8.ValidString(s) {
			t.Skip()
		}
		drop := func(s string) string {
			return strings.NewReplacer(" ", "", "\n", "").Replace(s)
		}
		if got := strings.Join(wrap(s, n), ""); drop(got) != drop(s) {
			t.Errorf("wrap lost something: %q became %q", s, got)
		}
	})
}

// A disk that fills up in the middle of a list is told; a reader that has had enough is not.
func TestOutputThatIsCutOff(t *testing.T) {
	rules := filepath.Join("..", "..", "jobs.toml")
	for _, tt := range []struct {
		cause  error
		status int
	}{{syscall.ENOSPC, exitFailed}, {syscall.EPIPE, exitOK}} {
		var said bytes.Buffer
		err := run(t.Context(), []string{"next", "-f", rules}, strings.NewReader(""), full{tt.cause}, &said)
		if got := status(err); got != tt.status {
			t.Errorf("%v: the status is %d, want %d", tt.cause, got, tt.status)
		}
		if told := strings.Contains(said.String(), "最後まで書き出せませんでした"); told != (tt.status != exitOK) {
			t.Errorf("%v: said %q", tt.cause, said.String())
		}
	}
}

type full struct{ err error }

func (f full) Write([]byte) (int, error) { return 0, f.err }
