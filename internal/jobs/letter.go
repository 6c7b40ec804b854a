package jobs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"bod/internal/calendar"
)

// letterLimit is the largest letter that is read. A letter is a page; a file of this size is something else.
const letterLimit = 256 << 10

// template is a parsed letter: data, never code. It knows names of fields and nothing else, and what stands in a
// field's value is never read as a field again.
type template struct {
	path     string
	language calendar.Language // of its first line: 件名 or Subject
	subject  []piece           // nil: the letter has no subject line
	lines    [][]piece
	first    int // the number of lines[0] in the file
}

// piece is text as it stands, or a field.
type piece struct {
	text     string
	field    string // the name as it was written; "" for text
	optional bool   // {name?}: may be empty, and then its line goes
	line     int
}

// letterProblem is what is wrong with a letter, with its place.
type letterProblem struct {
	Line       int
	What, Next calendar.Text
}

// place says file and line as a person looks for them.
func (p letterProblem) in(path string) calendar.Text {
	if p.Line == 0 {
		return calendar.Text{JA: fmt.Sprintf("手紙「%s」：%s", path, p.What.JA), EN: fmt.Sprintf("letter %s: %s", path, p.What.EN)}
	}
	return calendar.Text{
		JA: fmt.Sprintf("手紙「%s」%d行目：%s", path, p.Line, p.What.JA),
		EN: fmt.Sprintf("letter %s, line %d: %s", path, p.Line, p.What.EN),
	}
}

// decodeLetter gives the text of a letter file, UTF-8 or Shift_JIS, with LF line ends and in NFC.
func decodeLetter(b []byte) (string, *letterProblem) {
	if utf16(b) {
		return "", &letterProblem{
			What: calendar.Text{JA: "文字コードがUTF-16です", EN: "it is saved as UTF-16"},
			Next: calendar.Text{JA: "UTF-8で保存し直してください", EN: "save it as UTF-8"},
		}
	}
	for _, begins := range []string{"PK\x03\x04", "\xd0\xcf\x11\xe0", "{\\rtf", "%PDF-"} {
		if bytes.HasPrefix(b, []byte(begins)) {
			return "", &letterProblem{
				What: calendar.Text{JA: "Word や PDF などのファイルで、文字だけのファイルではありません", EN: "it is a file of Word, PDF or the like, not plain text"},
				Next: calendar.Text{JA: "文面を写して、文字だけのファイル（.txt、UTF-8）で保存してください", EN: "copy its words into a plain text file (.txt, UTF-8)"},
			}
		}
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if !utf8.Valid(b) {
		d, err := japanese.ShiftJIS.NewDecoder().Bytes(b)
		if at := bytes.IndexRune(d, utf8.RuneError); err != nil || at >= 0 {
			line := 0
			if at >= 0 {
				line = 1 + bytes.Count(d[:at], []byte("\n"))
			}
			return "", &letterProblem{
				Line: line,
				What: calendar.Text{JA: "読めない文字があります", EN: "there is a character that can't be read"},
				Next: calendar.Text{JA: "UTF-8で保存し直してください", EN: "save it as UTF-8"},
			}
		}
		b = d
	}
	s := strings.ReplaceAll(string(b), "\r\n", "\n")
	for i, r := range s {
		if badRune(r) && r != '\n' && r != '\t' {
			return "", &letterProblem{
				Line: 1 + strings.Count(s[:i], "\n"),
				What: calendar.Text{JA: fmt.Sprintf("手紙に使えない制御文字（U+%04X）があります", r), EN: fmt.Sprintf("there is a control character (U+%04X)", r)},
				Next: calendar.Text{JA: "その文字を消してください", EN: "take it out"},
			}
		}
	}
	return norm.NFC.String(strings.ReplaceAll(s, "\t", "    ")), nil
}

// utf16 reports whether a file has UTF-16's byte order mark.
func utf16(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff})
}

// badRune reports characters that no letter and no value may bear: controls, other line ends than ours, and the marks
// that turn the direction of writing, with which one thing can be shown as another.
func badRune(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f'
}

// parseLetter reads a letter. All problems come at once.
func parseLetter(path string, b []byte, l calendar.Language) (*template, []letterProblem) {
	text, p := decodeLetter(b)
	if p != nil {
		return nil, []letterProblem{*p}
	}
	t := &template{path: path, language: l}
	lines := strings.Split(strings.TrimRight(text, "\n 　"), "\n")
	var problems []letterProblem
	n := 0
	if subject, lang, ok := subjectLine(lines[0]); ok {
		t.language = lang
		pieces, ps := parseLine(subject, 1)
		t.subject = append([]piece{}, pieces...)
		problems = append(problems, ps...)
		n = 1
	}
	for n < len(lines) && strings.Trim(lines[n], " 　") == "" {
		n++
	}
	t.first = n + 1
	for i, line := range lines[n:] {
		pieces, ps := parseLine(strings.TrimRight(line, " 　"), t.first+i)
		t.lines = append(t.lines, pieces)
		problems = append(problems, ps...)
	}
	if len(t.lines) == 0 {
		problems = append(problems, letterProblem{
			What: calendar.Text{JA: "本文がありません", EN: "it has no text"},
			Next: calendar.Text{JA: "1行目に「件名：…」、3行目から本文を書いてください", EN: "write \"Subject: …\" on the first line and the text from the third"},
		})
	}
	return t, problems
}

// subjectLine takes 「件名：」 or "Subject:" from a letter's first line.
func subjectLine(line string) (subject string, l calendar.Language, ok bool) {
	s := strings.Trim(line, " 　")
	for _, p := range []string{"件名：", "件名:", "件名 ：", "件名 :", "件名　："} {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return strings.Trim(rest, " 　"), calendar.Japanese, true
		}
	}
	if head, rest, found := strings.Cut(s, ":"); found && strings.EqualFold(strings.TrimSpace(head), "subject") {
		return strings.TrimSpace(rest), calendar.English, true
	}
	return "", "", false
}

// parseLine splits one line into text and fields: {name}, {name?}, and {{ and }} for the brackets themselves.
func parseLine(line string, n int) (pieces []piece, problems []letterProblem) {
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			pieces = append(pieces, piece{text: text.String(), line: n})
			text.Reset()
		}
	}
	if name := bracketed(line, "｛", "｝"); name != "" {
		problems = append(problems, letterProblem{
			Line: n,
			What: calendar.Text{JA: fmt.Sprintf("「｛%s｝」のかっこが全角です", name), EN: fmt.Sprintf("the brackets of ｛%s｝ are full-width", name)},
			Next: calendar.Text{JA: fmt.Sprintf("半角で {%s} と書いてください", name), EN: fmt.Sprintf("write {%s}", name)},
		})
	}
	if name := bracketed(line, "{{", "}}"); name != "" {
		problems = append(problems, letterProblem{
			Line: n,
			What: calendar.Text{JA: fmt.Sprintf("「{{%s}}」は欄にならず、{%s} という文字のまま送られます", name, name), EN: fmt.Sprintf("{{%s}} is no field: the reader would see {%s}", name, name)},
			Next: calendar.Text{JA: fmt.Sprintf("{%s} と書いてください", name), EN: fmt.Sprintf("write {%s}", name)},
		})
	}
	for line != "" {
		i := strings.IndexAny(line, "{}")
		if i < 0 {
			text.WriteString(line)
			break
		}
		text.WriteString(line[:i])
		bracket := line[i]
		line = line[i+1:]
		if line != "" && line[0] == bracket {
			text.WriteByte(bracket)
			line = line[1:]
			continue
		}
		if bracket == '}' {
			problems = append(problems, letterProblem{
				Line: n,
				What: calendar.Text{JA: "始まりの { がない } があります", EN: "there is a } without its {"},
				Next: calendar.Text{JA: "そのままの } を書くときは }} としてください", EN: "write }} where } itself is meant"},
			})
			continue
		}
		end := strings.IndexAny(line, "{}")
		if end < 0 || line[end] == '{' {
			problems = append(problems, letterProblem{
				Line: n,
				What: calendar.Text{JA: "{ に対する } がありません", EN: "a { is not closed"},
				Next: calendar.Text{JA: "} を足してください。そのままの { を書くときは {{ としてください", EN: "add the }, or write {{ where { itself is meant"},
			})
			text.WriteByte('{')
			continue
		}
		flush()
		name := fieldName(line[:end])
		bare, optional := strings.CutSuffix(name, "?")
		line = line[end+1:]
		if bare = strings.Trim(bare, " 　"); bare == "" {
			problems = append(problems, letterProblem{
				Line: n,
				What: calendar.Text{JA: "{ } の中が空です", EN: "there is nothing between { and }"},
				Next: calendar.Text{JA: "欄の名前を書くか、{ } を消してください", EN: "write a field's name, or take the brackets out"},
			})
			continue
		}
		if after := strings.TrimLeft(line, " 　"); isAddress(bare) {
			for _, honour := range []string{"様", "御中", "さま", "殿", "さん", "各位"} {
				if strings.HasPrefix(after, honour) {
					problems = append(problems, letterProblem{
						Line: n,
						What: calendar.Text{JA: fmt.Sprintf("{%s} には「御中」や「様」が付くので、「%s」が二重になります", bare, honour), EN: fmt.Sprintf("{%s} has its 御中 or 様 already, and %s follows it", bare, honour)},
						Next: calendar.Text{JA: fmt.Sprintf("{%s} のあとの「%s」を消してください", bare, honour), EN: fmt.Sprintf("take %s after {%s} out", honour, bare)},
					})
				}
			}
		}
		pieces = append(pieces, piece{field: bare, optional: optional, line: n})
	}
	flush()
	return pieces, problems
}

// isAddress reports whether a field is the addressee with the honour that belongs to it.
func isAddress(name string) bool {
	f, known := fieldOf(name)
	return known && f.EN == "to.address"
}

// bracketed finds a name that we know between brackets that make no field of it: ｛宛名｝, typed with the Japanese input
// on, or {{宛名}}, as other programs want it.
func bracketed(line, begin, end string) string {
	for rest := line; ; {
		_, after, ok := strings.Cut(rest, begin)
		if !ok {
			return ""
		}
		inner, tail, ok := strings.Cut(after, end)
		if !ok {
			return ""
		}
		if _, known := fieldOf(strings.TrimSuffix(fieldName(inner), "?")); known {
			return fieldName(inner)
		}
		rest = tail
	}
}

// fieldName brings a field's name into the one form in which names are compared: full-width letters, dots and ？ narrow, no spaces around.
func fieldName(s string) string {
	return strings.Trim(norm.NFC.String(width.Fold.String(s)), " 　")
}

// names are the fields that the letter uses, each once.
func (t *template) names() []string {
	var out []string
	for _, line := range append([][]piece{t.subject}, t.lines...) {
		for _, p := range line {
			if p.field != "" && !slices.Contains(out, p.field) {
				out = append(out, p.field)
			}
		}
	}
	return out
}

// unknown are the fields that nobody fills: neither ours nor the job's own.
func (t *template) unknown(own map[string]string) []letterProblem {
	var out []letterProblem
	for _, line := range append([][]piece{t.subject}, t.lines...) {
		for _, p := range line {
			if p.field != "" && !knownField(p.field, own) {
				out = append(out, unknownField(p, own))
			}
		}
	}
	return out
}

// unknownField words one of them, with the nearest name.
func unknownField(p piece, own map[string]string) letterProblem {
	next := calendar.Text{
		JA: fmt.Sprintf("名前を直すか、jobs.tomlの fields に \"%s\" を足してください", p.field),
		EN: fmt.Sprintf("mend the name, or add %q to the job's fields", p.field),
	}
	if near := nearestField(p.field, own); near != "" {
		next = calendar.Text{
			JA: fmt.Sprintf("{%s} のことでしょうか。%s", near, next.JA),
			EN: fmt.Sprintf("did you mean {%s}? %s", near, next.EN),
		}
	}
	return letterProblem{
		Line: p.line,
		What: calendar.Text{JA: fmt.Sprintf("{%s} という欄はありません", p.field), EN: fmt.Sprintf("there is no field {%s}", p.field)},
		Next: next,
	}
}

// emptyField is a field that has no value where it needs one.
type emptyField struct {
	Name string
	Line int
	Bad  bool // it has one, but with line ends or other characters that may not stand there
}

// expand fills the letter. A field without a value is reported; nothing is ever filled in its place.
func (t *template) expand(value func(name string) string) (text string, empty []emptyField) {
	var out []string
	for _, line := range t.lines {
		s, gone, es := fill(line, value, true)
		empty = append(empty, es...)
		if !gone {
			out = append(out, s)
		}
	}
	return strings.Join(out, "\n"), empty
}

// expandSubject fills the subject line: one line, whatever the values are.
func expandSubject(pieces []piece, value func(name string) string) (string, []emptyField) {
	s, _, empty := fill(pieces, value, false)
	return strings.TrimSpace(s), empty
}

// fill fills one line. A value of several lines goes on below its own beginning: each of its lines gets what stands
// before it as spaces of the same width.
func fill(line []piece, value func(string) string, lines bool) (s string, gone bool, empty []emptyField) {
	var b strings.Builder
	for _, p := range line {
		if p.field == "" {
			b.WriteString(p.text)
			continue
		}
		v := value(p.field)
		switch {
		case v == "" && p.optional:
			gone = true
		case v == "":
			empty = append(empty, emptyField{Name: p.field, Line: p.line})
		case hostile(v, lines):
			empty = append(empty, emptyField{Name: p.field, Line: p.line, Bad: true})
		default:
			b.WriteString(strings.ReplaceAll(v, "\n", "\n"+blank(b.String())))
		}
	}
	return strings.TrimRight(b.String(), " 　"), gone, empty
}

// blank is the last line of s as spaces of the same width.
func blank(s string) string {
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	var b strings.Builder
	for _, r := range s {
		switch runeWidth(r, true) {
		case 1:
			b.WriteByte(' ')
		case 2:
			b.WriteRune('　')
		}
	}
	return b.String()
}

// hostile reports whether a value has characters that may not stand in it; line ends only where lines are allowed.
func hostile(v string, lines bool) bool {
	for _, r := range v {
		if badRune(r) && !(lines && r == '\n') {
			return true
		}
	}
	return false
}
