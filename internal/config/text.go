package config

import (
	"bytes"
	"sort"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

// maxFile is far above what people write by hand (10,000 jobs are 4 MB) and
// keeps a file that was named by mistake out of memory.
const maxFile = 32 << 20

// plainText turns the file's bytes into the text that is read: UTF-8 without
// byte order mark. ok is false when there is nothing to go on with.
//
// Shift_JIS is read, with a warning: the office's editors write it by default,
// and a file that was right yesterday should not stop the office because it
// was saved by another editor today. A byte that neither reading explains is an error.
func plainText(b []byte, f *findings) (text string, ok bool) {
	switch {
	case bytes.HasPrefix(b, []byte{0xEF, 0xBB, 0xBF}):
		b = b[3:]
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}), bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		f.add(finding{off: noPlace,
			what: say("UTF-16（メモ帳の「Unicode」）で保存されています", "the file is saved as UTF-16 (Notepad's \"Unicode\")"),
			next: say("文字コードに UTF-8 を選んで保存し直してください", "save it again with the encoding UTF-8")})
		return "", false
	}
	if utf8.Valid(b) {
		text = string(b)
	} else {
		line := 1 + bytes.Count(b[:firstInvalid(b)], []byte("\n"))
		d, err := japanese.ShiftJIS.NewDecoder().Bytes(b)
		if i := bytes.IndexRune(d, utf8.RuneError); err != nil || i >= 0 {
			f.add(finding{off: noPlace,
				what: say("文字コードが UTF-8 でも Shift_JIS でもありません（%d行目）", "the file is neither UTF-8 nor Shift_JIS (line %d)", line),
				next: say("文字コードに UTF-8 を選んで保存し直してください", "save it again with the encoding UTF-8")})
			return "", false
		}
		text = string(d)
		f.add(finding{off: noPlace, warning: true,
			what: say("Shift_JIS で保存されています。そのまま読み取りました", "the file is saved as Shift_JIS; it was read as it is"),
			next: say("次に直すときに、文字コードに UTF-8 を選んで保存し直してください", "save it again with the encoding UTF-8 at the next edit")})
	}
	for line := range strings.Lines(text) {
		if len(line) > maxLine {
			f.add(finding{off: noPlace,
				what: say("1行が長すぎます", "a line is too long"),
				next: say("jobs.toml を渡しているか確かめてください", "see whether this is a jobs.toml")})
			return "", false
		}
	}
	return withoutControls(text, f), true
}

// maxLine is as much as some 1,000 addresses in one list.
const maxLine = 64 << 10

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// withoutControls reports characters that nobody can see in an editor, which
// TOML forbids, and reads on with blanks in their place. The places stay the same.
func withoutControls(text string, f *findings) string {
	bad := func(i int) bool {
		c := text[i]
		return c < 0x20 && c != '\t' && c != '\n' && (c != '\r' || i+1 == len(text) || text[i+1] != '\n') || c == 0x7F
	}
	var out []byte
	for i := range len(text) {
		if !bad(i) {
			continue
		}
		if out == nil {
			out = []byte(text)
		}
		f.add(finding{off: i,
			what: say("目に見えない制御文字（U+%04X）があります", "there is an invisible control character (U+%04X)", text[i]),
			next: say("その文字を消してください", "delete it")})
		out[i] = ' '
	}
	if out == nil {
		return text
	}
	return string(out)
}

// lines finds line and column of a byte offset.
type lines struct {
	text  string
	start []int
}

func newLines(text string) *lines {
	l := &lines{text: text, start: make([]int, 1, strings.Count(text, "\n")+1)}
	for i := 0; ; {
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			return l
		}
		i += n + 1
		l.start = append(l.start, i)
	}
}

func (l *lines) line(off int) int {
	return sort.SearchInts(l.start, off+1)
}

// position counts columns in characters, as editors do.
func (l *lines) position(off int) (line, col int) {
	off = min(off, len(l.text))
	line = l.line(off)
	return line, utf8.RuneCountInString(l.text[l.start[line-1]:off]) + 1
}
