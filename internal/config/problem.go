package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"bod/internal/calendar"
)

// Problem is one thing that is wrong with the file, in the file's language.
type Problem struct {
	File      string
	Line, Col int    // 0: not known
	Job       string // the job that it is about, "" for none
	What      string // what is wrong
	Next      string // the next step
	Warning   bool   // worth a word, no reason to refuse
	// Table is a warning that the file and a table which it names don't fit as the table is now. Who edits the file mends
	// it like an error; but tables change without anybody's having touched the file, and then only what reads them may wait.
	Table bool
}

// String is "jobs.toml:12:5: what — next".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Col > 0 {
			fmt.Fprintf(&b, ":%d", p.Col)
		}
	}
	b.WriteString(": ")
	b.WriteString(p.What)
	if p.Next != "" {
		b.WriteString(" — ")
		b.WriteString(p.Next)
	}
	return b.String()
}

// noPlace is the offset of a problem that belongs to no place in the file.
const noPlace = -1

// finding is a problem before its language is known: the key language may
// stand below the first slip, or after a line that cannot be read.
type finding struct {
	off        int // byte offset in the text, or noPlace
	job        string
	what, next calendar.Text
	warning    bool
	table      bool
}

// findings collects what is wrong. Each statement is worth one word for one
// thing, so equal words on one line are kept once.
type findings struct {
	list   []finding
	errors int
}

func (f *findings) add(x finding) {
	if !x.warning {
		f.errors++
	}
	if len(f.list) < maxFindings {
		f.list = append(f.list, x)
	}
}

// maxFindings is more than anybody reads. It bounds the work on a file that is no jobs.toml at all.
const maxFindings = 1000

func (f *findings) full() bool { return len(f.list) >= maxFindings }

// problems orders the findings by line and says them in one language.
func (f *findings) problems(file string, at *lines, lang calendar.Language) []Problem {
	out := make([]Problem, 0, len(f.list))
	for _, x := range f.list {
		p := Problem{File: file, Job: shown(x.job), What: shown(x.what.In(lang)), Next: shown(x.next.In(lang)), Warning: x.warning, Table: x.table}
		if x.off >= 0 && at != nil {
			p.Line, p.Col = at.position(x.off)
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	type same struct {
		line int
		what string
	}
	seen := make(map[same]bool, len(out))
	out = slices.DeleteFunc(out, func(p Problem) bool {
		k := same{p.Line, p.What}
		was := seen[k]
		seen[k] = true
		return was
	})
	if len(out) == 0 {
		return nil
	}
	if f.full() {
		out = append(out, Problem{File: file,
			What: say("直すところが多いので、ここまでにします", "there is more to correct than is listed here").In(lang),
			Next: say("上から直して、もう一度確かめてください", "correct these and check again").In(lang)})
	}
	return out
}

// shown takes out what a quotation of the file could do to a terminal or a mail.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// say words one statement in both languages; both take the same arguments.
func say(ja, en string, args ...any) calendar.Text {
	if len(args) == 0 {
		return calendar.Text{JA: ja, EN: en}
	}
	return calendar.Text{JA: fmt.Sprintf(ja, args...), EN: fmt.Sprintf(en, args...)}
}

// nearest finds the known word that was probably meant, "" when none is near.
// A word is near when a third of its letters, at least one, at most three, would have to change.
func nearest(word string, known []string) string {
	w := []rune(strings.ToLower(word))
	if len(w) == 0 || len(w) > 60 {
		return ""
	}
	best, found := min(max(len(w)/3, 1), 3)+1, ""
	for _, k := range known {
		r := []rune(strings.ToLower(k))
		if len(r)-len(w) >= best || len(w)-len(r) >= best {
			continue
		}
		if d := distance(w, r); d < best && d < len(r) && d < len(w) {
			best, found = d, k
		}
	}
	return found
}

// distance counts the letters to insert, leave out, change or swap with their
// neighbour between two words (optimal string alignment).
func distance(a, b []rune) int {
	two, one, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(one[j]+1, now[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], two[j-2]+1)
			}
		}
		two, one, now = one, now, two
	}
	return one[len(b)]
}
