package jobs

import (
	"strings"

	"bod/internal/calendar"
)

// page is a mail of bod's own: its words once, in the order in which they are read. The plain text and the HTML are
// two renderings of the same blocks, so that neither says anything that the other doesn't.
type page struct {
	l      calendar.Language
	tone   tone
	pre    string // what an inbox shows beside the subject: a sentence of the page itself
	blocks []block
}

// tone says at a glance whether somebody has to act; the words say it as well, for colour alone says nothing to many.
type tone string

const (
	toneNeeds tone = "needs"
	toneWell  tone = "well"
	tonePlain tone = "plain"
)

// block is one part of a page.
type block interface {
	// text ends with a line end.
	text(calendar.Language) string
	html(*sheet)
}

func newPage(l calendar.Language, t tone) *page { return &page{l: l, tone: t} }

func (p *page) t(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(p.l) }

func (p *page) add(bs ...block) { p.blocks = append(p.blocks, bs...) }

// say adds a paragraph.
func (p *page) say(words string) { p.add(para{words: words}) }

// gap adds the empty line that stands between two parts of the text.
func (p *page) gap() {
	if n := len(p.blocks); n > 0 && p.blocks[n-1] != (block)(gap{}) {
		p.add(gap{})
	}
}

// greet begins a notice: 佐藤さん.
func (p *page) greet(name string) {
	p.say(name + p.t("", ","))
	p.gap()
}

// text is the page as plain text, not yet folded.
func (p *page) text() string {
	var b strings.Builder
	for _, x := range p.blocks {
		b.WriteString(x.text(p.l))
	}
	return strings.Trim(b.String(), "\n") + "\n"
}

// gap is an empty line. HTML has its own distances.
type gap struct{}

func (gap) text(calendar.Language) string { return "\n" }

// para is a paragraph, or a part of one. A line end after a sentence stays one in HTML; within a sentence it is there
// for the plain text alone.
type para struct {
	words string
	look  string // "" or a name of looks
}

func (b para) text(calendar.Language) string { return b.words + "\n" }

// head begins a section: ■ 要対応 1件.
type head struct {
	mark, words string
	tone        tone
}

func (b head) text(calendar.Language) string { return b.mark + b.words + "\n" }

// item is one matter that needs a person.
type item struct {
	mark, words string // 1. and what it is about
	who         string // who has to act, and by when
	lines       []itemLine
}

type itemLine struct {
	mark, words string
	look        string
}

func (b item) text(l calendar.Language) string {
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	indent := t("　 ", "   ")
	line := b.mark + " " + b.words + t("　", "  ") + b.who
	if textWidth(line, true) > columns {
		line = b.mark + " " + b.words + "\n" + indent + b.who
	}
	var out strings.Builder
	out.WriteString(line + "\n")
	for _, x := range b.lines {
		out.WriteString(indent + x.mark + x.words + "\n")
	}
	return out.String()
}

// entry is one line of a list.
type entry struct {
	mark  string // ・
	when  string
	what  string
	sep   string // before aside
	aside string // how it stands, or an amount
	pad   int    // columns that what takes in the text before aside
	note  string // in brackets; on a line of its own where it would be too wide
	hang  string // what the lines below begin with in the text
	under []string
	calm  bool // what is below tells, and asks for nothing
}

func (b entry) text(l calendar.Language) string {
	s := b.mark
	if b.when != "" {
		s += b.when + " "
	}
	if b.aside != "" {
		s += pad(b.what, b.pad) + b.sep + b.aside
		if hang := b.hanging(l); textWidth(s, true) > columns && textWidth(hang+b.aside, true) <= columns {
			s = strings.TrimSuffix(s, pad(b.what, b.pad)+b.sep+b.aside) + b.what + strings.TrimRight(b.sep, " 　") + "\n" + hang + b.aside // its words are not broken
		}
	} else {
		s += pad(b.what, b.pad)
	}
	if b.note != "" {
		same, below := "", "　"
		if l == calendar.English {
			same, below = " ", "  "
		}
		if last := s[strings.LastIndexByte(s, '\n')+1:]; textWidth(last+same+b.note, true) > columns {
			s += "\n" + below + b.note
		} else {
			s += same + b.note
		}
	}
	s += "\n"
	for _, u := range b.under {
		s += b.hang + u + "\n"
	}
	return s
}

// hanging is what the lines below the first begin with.
func (b entry) hanging(l calendar.Language) string {
	if b.hang != "" {
		return b.hang
	}
	return calendar.Text{JA: "　　", EN: "    "}.In(l)
}

// row is one 「項目：値」, with the names filled to the same width in the text.
type row struct{ name, value string }

// facts are rows; those without a value are left out.
type facts []row

func (b facts) text(l calendar.Language) string {
	wide := 0
	for _, r := range b {
		wide = max(wide, textWidth(r.name, true))
	}
	var s strings.Builder
	for _, r := range b {
		if r.value == "" {
			continue
		}
		var head string
		if l == calendar.English {
			head = "  " + r.name + ": " + strings.Repeat(" ", wide-textWidth(r.name, true))
		} else {
			head = "　" + pad(r.name, wide) + "："
		}
		s.WriteString(head + strings.ReplaceAll(r.value, "\n", "\n"+blank(head)) + "\n")
	}
	return s.String()
}

// commands are lines that a person copies, each with what it does; the name may be empty.
type commands []row

func (b commands) text(l calendar.Language) string {
	var s strings.Builder
	for _, r := range b {
		if r.name != "" {
			s.WriteString(calendar.Text{JA: "　" + r.name + "：\n　　", EN: "  " + r.name + ":\n    "}.In(l))
		} else {
			s.WriteString("  ")
		}
		s.WriteString(r.value + "\n")
	}
	return s.String()
}

// quoted is a letter as it will be sent, between two lines that say where it begins and ends.
type quoted struct{ begins, words, rest, ends string }

func (b quoted) text(calendar.Language) string {
	s := b.begins + "\n" + b.words + "\n"
	if b.rest != "" {
		s += b.rest + "\n"
	}
	return s + b.ends + "\n"
}

// foot is what only a careful reader wants.
type foot []string

func (b foot) text(calendar.Language) string { return "--\n" + strings.Join(b, "\n") + "\n" }
