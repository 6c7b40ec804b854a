package jobs

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"bod/internal/document"
)

// nameIndex finds names of companies in a text, however many there are: by the first two characters of each.
type nameIndex struct {
	names map[string]string   // as they are compared → as they are written
	heads map[string][]string // first two characters → names
}

// partners are the names of all partners, and of the companies in the table that the letters are made of. Those that stand
// in our own address, account or name are none that a letter could not have.
func (x *checking) partners() *nameIndex {
	if x.names != nil {
		return x.names
	}
	x.names = &nameIndex{names: map[string]string{}, heads: map[string][]string{}}
	c := x.world.Config.Company
	ours := nameText(strings.Join([]string{c.Name, c.Dept, c.Address, c.Tel, c.Bank}, "\n"))
	add := func(name string) {
		key := nameKey(name)
		if utf8.RuneCountInString(key) < 2 || strings.Contains(ours, key) || x.names.names[key] != "" {
			return
		}
		head := string([]rune(key)[:2])
		x.names.names[key] = name
		x.names.heads[head] = append(x.names.heads[head], key)
	}
	for _, p := range x.world.Config.Partners {
		add(p.Name)
	}
	for _, name := range x.rows {
		add(name)
	}
	return x.names
}

// nameKey is a company's name as it is looked for: without its legal form, which people leave out.
func nameKey(name string) string { return strings.TrimSpace(nameText(shortCompany(name))) }

// sameCompany reports whether two names may be of one company: one of them without its legal form is a part of the other, as a
// branch's is.
func sameCompany(a, b string) bool {
	a, b = nameKey(a), nameKey(b)
	return a != "" && b != "" && (strings.Contains(a, b) || strings.Contains(b, a))
}

// nameText is a text in which names are looked for. Beside what is folded everywhere, case is; blanks are kept between Latin
// letters alone: "Ace" is not in "place", nor in "a center".
func nameText(s string) string {
	var b strings.Builder
	gap := false
	last := rune(0)
	for _, word := range strings.FieldsFunc(s, unicode.IsSpace) {
		for i, r := range strings.ToLower(document.Fold(word)) {
			if gap = i == 0 && last != 0; gap && latin(last) && latin(r) {
				b.WriteByte(' ')
			}
			b.WriteRune(r)
			last = r
		}
	}
	return b.String()
}

func latin(r rune) bool {
	return r < 0x250 && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// find is a name that stands in the text and is not, nor is part of, one of own.
func (x *nameIndex) find(text string, own []string) string {
	prev, prevAt := rune(0), -1
	for at, r := range text {
		if prevAt >= 0 {
			for _, key := range x.heads[string(prev)+string(r)] {
				if strings.HasPrefix(text[prevAt:], key) && whole(text, prevAt, prevAt+len(key)) && !partOf(own, key) {
					return x.names[key]
				}
			}
		}
		prev, prevAt = r, at
	}
	return ""
}

// whole reports whether Latin letters end where a name in them does.
func whole(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	first, _ := utf8.DecodeRuneInString(text[from:])
	last, _ := utf8.DecodeLastRuneInString(text[:to])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return !(from > 0 && latin(before) && latin(first)) && !(to < len(text) && latin(last) && latin(after))
}

// partOf reports whether a name is one of these or a part of one.
func partOf(own []string, key string) bool {
	for _, o := range own {
		if strings.Contains(o, key) {
			return true
		}
	}
	return false
}

// others is how many names there are beside one's own.
func (x *nameIndex) others(own []string) (n int) {
	for key := range x.names {
		if !partOf(own, key) {
			n++
		}
	}
	return n
}
