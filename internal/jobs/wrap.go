package jobs

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// columns is how wide a line of mail may be: 35 full-width characters. A mail window beside the inbox, and most
// telephones held upright, show that much without folding it themselves at a worse place.
const columns = 70

// noStart are characters that never begin a line, noEnd those that never end one (JIS X 4051, 行頭・行末禁則).
const (
	noStart = "、。，．・：；？！」』）】〕〉》｝］”’,.:;?!)]}ー〜～々ゝゞヽヾぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ％%…‥"
	noEnd   = "「『（【〔〈《｛［“‘([{￥¥"
)

// counters follow a number on the same line: 12通, 11月, 15時.
const counters = "円年月日時分秒件通個名本台点枚冊回人社部章号度期週割倍行字℃％"

// runeWidth is the number of columns that a character takes: East Asian Wide and Fullwidth two (UAX #11), marks that
// sit on another character none. Ambiguous ones take two in Japanese, as Japanese fonts draw them so.
func runeWidth(r rune, wideAmbiguous bool) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Cc) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	case width.EastAsianAmbiguous:
		if wideAmbiguous {
			return 2
		}
	}
	return 1
}

// textWidth is the number of columns of one line.
func textWidth(s string, wideAmbiguous bool) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r, wideAmbiguous)
	}
	return n
}

// pad fills s with spaces to n columns; full-width ones where the gap allows, so that it stays in line in either kind of font.
func pad(s string, n int) string {
	gap := n - textWidth(s, true)
	if gap <= 0 {
		return s
	}
	return s + strings.Repeat("　", gap/2) + strings.Repeat(" ", gap%2)
}

// wrap folds lines that are wider than 35 full-width characters and leaves all others as they are. It only ever adds
// a line end (with the line's own indent) or puts one in the place of spaces, so nothing of the text is lost. Words of
// narrow characters, and with them addresses and URLs, are never broken, even where the line is too wide then.
func wrap(text string, ja bool) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if textWidth(l, ja) > columns {
			lines[i] = wrapLine(l, ja)
		}
	}
	return strings.Join(lines, "\n")
}

// wrapLine folds one line.
func wrapLine(line string, ja bool) string {
	indent := indentOf(line)
	if textWidth(indent, ja) > columns/2 {
		indent = "" // an indent of half a line would leave no room for words
	}
	var out strings.Builder
	room := columns
	rest := line
	for textWidth(rest, ja) > room {
		cut := breakPoint(rest, room, ja)
		if cut >= len(rest) {
			break
		}
		tail := strings.TrimLeft(rest[cut:], " 　")
		if tail == "" {
			break
		}
		out.WriteString(strings.TrimRight(rest[:cut], " 　"))
		out.WriteString("\n" + indent)
		rest = tail
		room = columns - textWidth(indent, ja)
	}
	out.WriteString(rest)
	return out.String()
}

// indentOf is what the following lines of a folded line begin with: the line's own leading spaces, one more
// full-width space below a bullet, and below an 「項目：値」 the width of its name.
func indentOf(line string) string {
	body := strings.TrimLeft(line, " 　")
	indent := line[:len(line)-len(body)]
	r, _ := utf8.DecodeRuneInString(body)
	switch {
	case r == '・' || r == '■' || r == '→':
		return indent + "　"
	case strings.HasPrefix(body, "- "):
		return indent + "  "
	}
	if digits := strings.TrimLeft(body, "0123456789"); digits != body && strings.HasPrefix(digits, ". ") {
		return blank(line[:len(line)-len(digits)+2])
	}
	if indent == "" {
		return ""
	}
	for _, colon := range []string{"：", ": "} {
		if name, _, ok := strings.Cut(line, colon); ok && textWidth(name, true) <= columns/4 {
			head := name + colon
			rest := line[len(head):]
			return blank(head + rest[:len(rest)-len(strings.TrimLeft(rest, " 　"))])
		}
	}
	return indent
}

// breakPoint is the last byte offset at which rest may be broken so that what stands before it fits into room; where
// nothing fits, the first offset at which it may be broken at all; len(rest) where it may not.
func breakPoint(rest string, room int, ja bool) int {
	best := -1
	used, solid := 0, 0 // solid leaves out the spaces at the end, which are dropped at a break
	leading := true     // a line is not broken inside its indent
	var prev rune
	for i, r := range rest {
		if !leading && mayBreak(prev, r) {
			if solid > room {
				if best >= 0 {
					return best
				}
				return i
			}
			best = i
		}
		used += runeWidth(r, ja)
		if r != ' ' && r != '　' {
			leading, solid = false, used
		}
		prev = r
	}
	if solid > room && best >= 0 {
		return best
	}
	return len(rest)
}

// mayBreak reports whether a line may end between two characters.
func mayBreak(prev, next rune) bool {
	switch {
	case strings.ContainsRune(noStart, next) || strings.ContainsRune(noEnd, prev):
		return false
	case unicode.In(next, unicode.Mn, unicode.Me, unicode.Cf) || prev == '\u200d':
		return false // a mark belongs to the character before it
	case prev == ' ' || prev == '　':
		return next != ' ' && next != '　'
	case next == ' ' || next == '　':
		return true
	case unicode.IsDigit(prev) && strings.ContainsRune(counters, next):
		return false
	case narrow(prev) && narrow(next):
		return false
	}
	return true
}

// narrow reports whether a character is part of a word that is not broken: Latin and other alphabetic letters,
// digits, and what addresses are made of.
func narrow(r rune) bool {
	if r < 0x2e80 {
		return true
	}
	k := width.LookupRune(r).Kind()
	return k != width.EastAsianWide && k != width.EastAsianFullwidth && k != width.EastAsianHalfwidth
}
