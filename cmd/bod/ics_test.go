package main

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFolding(t *testing.T) {
	for _, s := range []string{
		"SUMMARY:short",
		"SUMMARY:" + strings.Repeat("請求書", 60),
		"SUMMARY:" + strings.Repeat("a", 67),
		"SUMMARY:" + strings.Repeat("a", 68),
		"SUMMARY:" + strings.Repeat("a", 500) + "𠮷",
	} {
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		writeFolded(w, s)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\r\n"), "\r\n") {
			if len(line) > 75 {
				t.Errorf("a line of %d octets: %q", len(line), line)
			}
			if !utf8.ValidString(line) {
				t.Errorf("a character is cut: %q", line)
			}
		}
		if got := strings.ReplaceAll(strings.TrimSuffix(out.String(), "\r\n"), "\r\n ", ""); got != s {
			t.Errorf("unfolded it is %q, want %q", got, s)
		}
	}
}

func TestICSText(t *testing.T) {
	for in, want := range map[string]string{
		`a;b,c\d`:    `a\;b\,c\\d`,
		"a\r\nb\rc":  `a\nb\nc`,
		"a\x00\x1bb": "ab",
		"株式会社":       "株式会社",
	} {
		if got := icsText(in); got != want {
			t.Errorf("icsText(%q) = %q, want %q", in, got, want)
		}
	}
}
