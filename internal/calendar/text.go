package calendar

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Language is the language of dates, sentences and problems: "ja" or "en".
type Language string

// The languages that bod speaks.
const (
	Japanese Language = "ja"
	English  Language = "en"
)

// Text is one statement to a person in each language.
type Text struct{ JA, EN string }

// In returns the text in one language, Japanese unless it is English.
func (t Text) In(l Language) string {
	if l == English {
		return t.EN
	}
	return t.JA
}

// Problem is one thing that is wrong with a schedule, a date or a time.
type Problem struct {
	Key  string // the key of the table that it is about, "" for the whole
	What Text   // what is wrong
	Next Text   // the next step
}

// Error makes a Problem an error, in English; people read What and Next.
func (p *Problem) Error() string {
	if p.Next.EN == "" {
		return p.What.EN
	}
	return p.What.EN + ": " + p.Next.EN
}

func problem(key string, what, next Text) *Problem {
	return &Problem{Key: key, What: what, Next: next}
}

// quote shows what was written, cut short: it comes from outside and may be anything.
func quote(s string) string {
	const most = 40
	r := []rune(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?")))
	if len(r) > most {
		r = append(r[:most], '…')
	}
	return string(r)
}

// nearest finds the known word that somebody probably meant, "" when none is near.
func nearest(word string, known []string) string {
	w := []rune(word)
	best, bestAt := "", 3
	for _, k := range known {
		if k == word {
			return k
		}
		r := []rune(k)
		limit := 2
		if min(len(w), len(r)) <= 4 {
			limit = 1
		}
		if min(len(w), len(r)) < 2 || max(len(w), len(r)) > 40 || len(w)-len(r) > limit || len(r)-len(w) > limit {
			continue
		}
		if d := distance(w, r); d <= limit && d < bestAt {
			best, bestAt = k, d
		}
	}
	return best
}

// distance counts the slips between two words: a letter too many, too few,
// another one, or two that changed places.
func distance(a, b []rune) int {
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	this := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		this[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		before, last, this = last, this, before
	}
	return last[len(b)]
}

// didYouMean is the next step after an unknown word.
func didYouMean(word string, known []string, otherwise Text) Text {
	if n := nearest(word, known); n != "" {
		return Text{"「" + n + "」のことでしたら、そのように直してください", "did you mean " + `"` + n + `"?`}
	}
	return otherwise
}

// fold makes everyday spellings one: full-width letters and signs, ideographic
// spaces and commas, the many dashes, capital letters and kanji numerals. It is
// done by hand and not by Unicode's compatibility forms because those leave 〜,
// 、 and ・ alone and turn other things into digits.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	run := make([]rune, 0, 8)
	flush := func() {
		if len(run) > 0 {
			b.WriteString(kanjiNumber(run))
			run = run[:0]
		}
	}
	for _, c := range strings.ToValidUTF8(s, "\uFFFD") {
		if slices.Contains(kanjiDigits, c) || c == '十' {
			run = append(run, c)
			continue
		}
		flush()
		switch {
		case c >= 0xFF01 && c <= 0xFF5E && c != '～':
			c -= 0xFEE0
		case c == '〜' || c == '～' || c == '∼' || c == '〰':
			c = '~'
		case c == '−' || c == '–' || c == '—' || c == '―' || c == '‐' || c == '‑' || c == '‒':
			c = '-'
		case c == '、' || c == '・' || c == '･' || c == '､':
			c = ','
		case c == '。' || c == '｡':
			c = '.'
		case c == '　' || c == '\u00a0' || c == '\t' || c == '\n' || c == '\r':
			c = ' '
		case c == 'ヶ' || c == 'ヵ' || c == 'ｹ' || c == '箇' || c == 'ケ' || c == 'カ' || c == 'ｶ':
			c = 'か'
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	flush()
	// The one numeral that counts nothing.
	return strings.TrimSpace(strings.ReplaceAll(b.String(), "4半期", "四半期"))
}

var kanjiDigits = []rune("〇一二三四五六七八九")

// kanjiNumber turns 二十五 into 25 and 二〇二六 into 2026; what is no number stays.
func kanjiNumber(run []rune) string {
	digit := func(c rune) int { return slices.Index(kanjiDigits, c) }
	ten := slices.Index(run, '十')
	var out []byte
	switch {
	case ten < 0:
		for _, c := range run {
			out = append(out, byte('0'+digit(c)))
		}
	case ten > 1 || len(run)-ten > 2 || slices.Contains(run[ten+1:], '十'):
		return string(run)
	default:
		tens, ones := 1, 0
		if ten == 1 {
			tens = digit(run[0])
		}
		if len(run) > ten+1 {
			ones = digit(run[ten+1])
		}
		out = append(out, byte('0'+tens), byte('0'+ones))
	}
	return string(out)
}

// scanner reads folded text from left to right. Its methods either take what
// they name or leave the place as it was.
type scanner struct {
	s string
	i int
}

func (p *scanner) rest() string { return p.s[p.i:] }
func (p *scanner) end() bool    { return p.i >= len(p.s) }

// skip passes every one of the given characters.
func (p *scanner) skip(chars string) {
	for !p.end() {
		r, size := utf8.DecodeRuneInString(p.rest())
		if !strings.ContainsRune(chars, r) {
			return
		}
		p.i += size
	}
}

// eat takes the first of the given texts that stands here.
func (p *scanner) eat(texts ...string) bool {
	for _, t := range texts {
		if strings.HasPrefix(p.rest(), t) {
			p.i += len(t)
			return true
		}
	}
	return false
}

// word takes the first of the given English words or phrases that stands here as a whole.
func (p *scanner) word(words ...string) bool {
	for _, w := range words {
		if !strings.HasPrefix(p.rest(), w) {
			continue
		}
		after := p.i + len(w)
		if after < len(p.s) && letter(p.s[after]) {
			continue
		}
		p.i = after
		p.skip(" ")
		return true
	}
	return false
}

// number takes at most four digits.
func (p *scanner) number() (int, bool) {
	n, i := 0, p.i
	for i < len(p.s) && p.s[i] >= '0' && p.s[i] <= '9' {
		n = n*10 + int(p.s[i]-'0')
		i++
		if i-p.i > 4 {
			return 0, false
		}
	}
	if i == p.i {
		return 0, false
	}
	p.i = i
	return n, true
}

// unknown returns the piece that could not be read, for a problem, and passes it.
func (p *scanner) unknown() string {
	i := p.i
	for i < len(p.s) && p.s[i] != ' ' && p.s[i] != ',' {
		i++
	}
	w := p.s[p.i:i]
	p.i = i
	return w
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' }
