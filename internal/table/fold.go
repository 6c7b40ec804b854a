package table

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// lookalikes are characters of which Shift_JIS has one code and Unicode two: which of the two a
// text has hangs on who converted it, so that nobody can mean a difference.
var lookalikes = strings.NewReplacer(
	"\u301C", "~", // wave dash 〜; the full-width tilde ～ becomes ~ in NFKC
	"\u2212", "-", // minus sign −; the full-width hyphen － becomes - in NFKC
	"\u2014", "\u2015", // em dash and horizontal bar
	"\u2016", "\u2225", // double vertical line and parallel to
)

// Normal is the form in which texts are compared: NFKC (full-width letters and digits become
// half-width, half-width kana full-width, ㈱ becomes (株)), one blank between words, none around, and one
// of the characters that Shift_JIS cannot tell apart. Upper and lower case stay apart.
func Normal(s string) string {
	if plainASCII(s) || plainWords(s) {
		return s
	}
	return strings.Join(strings.Fields(norm.NFKC.String(lookalikes.Replace(s))), " ")
}

// plainASCII reports whether Normal has nothing to do.
func plainASCII(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 || c < ' ' || c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			return false
		}
	}
	return true
}

// plainWords reports the same for a text of kana and kanji without blanks, as most are.
func plainWords(s string) bool {
	for _, r := range s {
		switch {
		case r > ' ' && r < 0x7F, r >= '、' && r <= '〉', r >= 'ぁ' && r <= 'ゖ', r >= 'ァ' && r <= 'ー', r >= 0x4E00 && r <= 0x9FFF:
		default:
			return false
		}
	}
	return true
}

// Fold is the form in which names of columns are compared: Normal, without any blank and in lower case.
// 「注文 番号」 is 「注文番号」, 金額（税込） is 金額(税込), ＩＤ is id.
func Fold(s string) string {
	s = strings.ToLower(Normal(s))
	if !strings.ContainsFunc(s, unicode.IsSpace) {
		return s
	}
	return strings.Join(strings.Fields(s), "")
}

// tidy is a text as it is kept: NFC, without blanks, invisible marks and control characters around it.
func tidy(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\uFEFF' || r == '\u200B'
	})
	if composed(s) || norm.NFC.IsNormalString(s) {
		return s
	}
	return norm.NFC.String(s)
}

// composed reports whether a text has only characters that are in NFC whatever stands beside them: to look each up in
// the tables of Unicode takes longer than everything else that is done with a cell.
func composed(s string) bool {
	for _, r := range s {
		switch {
		case r < 0xC0, r >= 0x3000 && r <= 0x3029, r >= 'ぁ' && r <= 'ゖ', r >= 'ァ' && r <= 'ー', r >= 0x4E00 && r <= 0x9FFF, r >= 0xFF00 && r <= 0xFFEF:
		default:
			return false
		}
	}
	return true
}
