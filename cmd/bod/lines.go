package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"bod/internal/calendar"
)

// cleaner lets words through and keeps control characters back: file names,
// subjects and servers' answers come from outside, and a terminal obeys what
// it is told. Colours are not used at all, so nothing is lost.
type cleaner struct{ w io.Writer }

func (c cleaner) Write(p []byte) (int, error) {
	if _, err := io.WriteString(c.w, clean(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// clean replaces what could move a terminal's cursor or turn the reading order around.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return utf8.RuneError
		}
		return r
	}, s)
}

// cells is how many columns of a terminal a text fills. Characters of ambiguous
// width count one, as terminals of today draw them.
func cells(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		default:
			switch width.LookupRune(r).Kind() {
			case width.EastAsianWide, width.EastAsianFullwidth:
				n += 2
			default:
				n++
			}
		}
	}
	return n
}

// pad fills a text up to n columns.
func pad(s string, n int) string {
	if c := cells(s); c < n {
		return s + strings.Repeat(" ", n-c)
	}
	return s
}

// columns prints rows under each other; the last column is left as it is. A
// column wider than widest does not push the others away.
func columns(w io.Writer, indent string, rows [][]string) {
	const widest = 34
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if n := cells(cell); n <= widest {
				widths[i] = max(widths[i], n)
			}
		}
	}
	for _, row := range rows {
		var line strings.Builder
		line.WriteString(indent)
		for i, cell := range row {
			if i == len(row)-1 {
				line.WriteString(cell)
				continue
			}
			line.WriteString(pad(cell, widths[i]))
			line.WriteString("  ")
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// wrap breaks a text into lines of at most n columns: at spaces where there are
// any, between characters where there are none, as Japanese is set.
func wrap(s string, n int) []string {
	var lines []string
	for para := range strings.SplitSeq(s, "\n") {
		line, fill := "", 0
		for _, word := range words(para) {
			c := cells(word)
			if fill+c > n && fill > 0 && strings.TrimSpace(word) != "" && !closing(word) {
				lines = append(lines, strings.TrimRight(line, " "))
				line, fill = "", 0
			}
			if fill == 0 && len(lines) > 0 {
				word = strings.TrimLeft(word, " ")
				c = cells(word)
			}
			line, fill = line+word, fill+c
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// closing reports whether a line must not begin with it (行頭禁則).
func closing(word string) bool {
	r, _ := utf8.DecodeRuneInString(word)
	return strings.ContainsRune("、。，．）」』】〕〉》：；？！ー・", r)
}

// words cuts a text where a line may break: after spaces, and around each wide character.
func words(s string) []string {
	var out []string
	start := 0
	var before rune
	for i, r := range s {
		if i > start && (before == ' ' || wide(before) || wide(r) || r == ' ') {
			out = append(out, s[start:i])
			start = i
		}
		before = r
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

func wide(r rune) bool { return cells(string(r)) == 2 }

// day says a day briefly, with its year where that is not this one.
func (b *desk) day(d calendar.Date) string {
	short := d.Short(b.lang)
	if d.Year == b.now().In(b.zone).Year() {
		return short
	}
	if b.lang == calendar.English {
		return fmt.Sprintf("%s %d", short, d.Year)
	}
	return fmt.Sprintf("%d/%s", d.Year, short)
}

// moment says a moment in the rules' zone.
func (b *desk) moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	t = t.In(b.zone)
	return b.day(calendar.DateOf(t)) + " " + hour(t)
}

// hour is the time of day as mails say it, and the file: 9:30.
func hour(t time.Time) string { return strings.TrimSpace(clock(t)) }

// clock is the same in a column of its own: " 9:30" below "10:00".
func clock(t time.Time) string { return fmt.Sprintf("%2d:%02d", t.Hour(), t.Minute()) }

// stamp is a moment for programs.
func (b *desk) stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(b.zone).Format(time.RFC3339)
}

// list prints a value as JSON, for programs.
func (b *desk) list(v any) error {
	e := json.NewEncoder(b.raw)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
