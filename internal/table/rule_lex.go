package table

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
)

// A rule is read in two steps. The lexer knows how people at a Japanese keyboard
// write (full-width signs, curly quotes, かつ, ≠) and gives tokens in one spelling,
// each with its place in what was written. The writer (rule_write.go) resolves the
// names in them and writes what expr then parses, types and runs. expr's own
// lexer is not asked about a person's text: it would say "unrecognized character:
// U+2260 '≠'" where the sign is perfectly clear.

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokName             // a column, a function, true, false, empty
	tokColumn           // [金額(税込)]: a column whatever its name looks like
	tokNumber           // digits, one point at most, no sign
	tokText             // the text between the quotes
	tokOp               // in expr's spelling
	tokPunct            // ( ) [ ] , . ? :
)

// token is one word of a rule; lo and hi are byte offsets in what was written.
type token struct {
	kind   tokenKind
	text   string
	lo, hi int
}

func (t token) is(kind tokenKind, text string) bool { return t.kind == kind && t.text == text }

// RuleProblem is what is wrong with a rule itself. Line and Column count from 1, in characters.
type RuleProblem struct {
	Line, Column int
	What, Next   calendar.Text
}

func (p *RuleProblem) Error() string { return p.What.EN }

// problemAt finds the line and column of an offset.
func problemAt(src string, off int, what, next calendar.Text) *RuleProblem {
	off = min(max(off, 0), len(src))
	before := src[:off]
	line := strings.Count(before, "\n") + 1
	if i := strings.LastIndexByte(before, '\n'); i >= 0 {
		before = before[i+1:]
	}
	return &RuleProblem{Line: line, Column: utf8.RuneCountInString(before) + 1, What: what, Next: next}
}

// signs are the operators as people write them, longest first, in NFKC except where that would lose the sign.
var signs = []struct{ written, op string }{
	{"&&", "and"}, {"||", "or"}, {"==", "=="}, {"!=", "!="}, {"<>", "!="}, {"><", "!="}, {">=", ">="}, {"=>", ">="}, {"<=", "<="}, {"=<", "<="},
	{"≠", "!="}, {"≧", ">="}, {"≥", ">="}, {"⩾", ">="}, {"≦", "<="}, {"≤", "<="}, {"⩽", "<="},
	{"=", "=="}, {"<", "<"}, {">", ">"}, {"+", "+"}, {"-", "-"}, {"−", "-"}, {"*", "*"}, {"×", "*"}, {"/", "/"}, {"÷", "/"}, {"%", "%"}, {"!", "not"},
}

// wordOps are operators that are words. Japanese ones need no space beside them.
var wordOps = map[string]string{
	"and": "and", "or": "or", "not": "not", "in": "in", "contains": "contains", "matches": "matches", "startsWith": "startsWith", "endsWith": "endsWith",
	"AND": "and", "OR": "or", "NOT": "not", "IN": "in", "かつ": "and", "または": "or", "又は": "or", "ではない": "!=", "でない": "!=",
	"を含む": "contains", "含む": "contains", "で始まる": "startsWith", "で終わる": "endsWith",
}

// quotes pairs what opens a text with what may close it. Who types “ often closes with “ as well.
var quotes = map[rune]string{
	'"': "\"", '\'': "'", '`': "`", '“': "“”\"", '”': "“”\"", '＂': "＂\"", '‘': "‘’'", '’': "‘’'", '＇': "＇'", '「': "」", '『': "』",
}

// ruleLimit is how long a rule may be, in bytes. The longest sensible one is a few hundred.
const ruleLimit = 4000

// lexRule splits a rule into its words.
func lexRule(src string) ([]token, *RuleProblem) {
	if len(src) > ruleLimit {
		return nil, problemAt(src, ruleLimit, calendar.Text{JA: "規則が長すぎます", EN: "the rule is too long"},
			calendar.Text{JA: "いくつかの規則に分けてください", EN: "split it into several rules"})
	}
	if i := strings.IndexFunc(src, func(r rune) bool { return r == utf8.RuneError || r == 0 }); i >= 0 {
		return nil, problemAt(src, i, calendar.Text{JA: "読めない文字があります", EN: "there is a character that can't be read"},
			calendar.Text{JA: "その文字を打ち直してください", EN: "type it again"})
	}
	var out []token
	for pos := 0; pos < len(src); {
		r, n := utf8.DecodeRuneInString(src[pos:])
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Cf, r):
			pos += n
		case quotes[r] != "":
			t, p := lexText(src, pos)
			if p != nil {
				return nil, p
			}
			out, pos = append(out, t), t.hi
		case (r == '[' || r == '［') && !afterOperand(out):
			t, ok := lexColumn(src, pos)
			if !ok {
				t = token{tokPunct, "[", pos, pos + n}
			}
			out, pos = append(out, t), t.hi
		case folded(r) >= '0' && folded(r) <= '9':
			t, p := lexNumber(src, pos)
			if p != nil {
				return nil, p
			}
			out, pos = append(out, t), t.hi
		case isNameRune(r, true):
			t := lexName(src, pos)
			out, pos = append(out, t), t.hi
		default:
			t, ok := lexSign(src, pos)
			if !ok {
				return nil, problemAt(src, pos, calendar.Text{JA: "規則に使えない文字「" + string(r) + "」があります", EN: "a rule can't have the character " + string(r)},
					calendar.Text{JA: "列の名前にある記号なら、[列の名前] のように半角の [ ] で囲んでください", EN: "if it is part of a column's name, write the name in [ ]"})
			}
			out, pos = append(out, t), t.hi
		}
	}
	return append(out, token{tokEnd, "", len(src), len(src)}), nil
}

// folded is a full-width sign, letter or digit as its plain one.
func folded(r rune) rune {
	if r >= '！' && r <= '～' {
		return r - '！' + '!'
	}
	return r
}

func isNameRune(r rune, first bool) bool {
	f := folded(r)
	if f == '_' || unicode.IsLetter(f) || f == '〆' || f == '々' || f == '○' || f == '№' || f == '℡' || f == '㈱' {
		return true
	}
	return !first && (unicode.IsDigit(f) || unicode.IsMark(f) || f == '・' || unicode.IsNumber(f))
}

func lexName(src string, pos int) token {
	lo := pos
	for pos < len(src) {
		r, n := utf8.DecodeRuneInString(src[pos:])
		if !isNameRune(r, pos == lo) {
			break
		}
		pos += n
	}
	text := norm.NFKC.String(src[lo:pos])
	if op, ok := wordOps[text]; ok {
		return token{tokOp, op, lo, pos}
	}
	return token{tokName, text, lo, pos}
}

func lexNumber(src string, pos int) (token, *RuleProblem) {
	lo := pos
	var b strings.Builder
	points := 0
	for pos < len(src) {
		r, n := utf8.DecodeRuneInString(src[pos:])
		f := folded(r)
		if f == '.' && points == 0 {
			next, _ := utf8.DecodeRuneInString(src[pos+n:])
			if folded(next) < '0' || folded(next) > '9' {
				break
			}
			points++
		} else if f < '0' || f > '9' {
			break
		}
		b.WriteRune(f)
		pos += n
	}
	if r, _ := utf8.DecodeRuneInString(src[pos:]); isNameRune(r, true) {
		t := lexName(src, pos)
		if t.kind == tokName { // 5かつ is fine
			return token{}, problemAt(src, pos, calendar.Text{JA: "数のあとの「" + t.text + "」は読めません", EN: "a number can't be followed by " + t.text},
				calendar.Text{JA: "単位は書かず、数だけにしてください（営業日で数えるときは 経過営業日数(列) のように書きます）", EN: "write the number alone, without its unit"})
		}
	}
	return token{tokNumber, b.String(), lo, pos}, nil
}

// lexText reads a text in quotes. A backslash stands for itself, as regular
// expressions want it, but before the quote and before another backslash.
func lexText(src string, pos int) (token, *RuleProblem) {
	lo := pos
	open, n := utf8.DecodeRuneInString(src[pos:])
	closes := quotes[open]
	var b strings.Builder
	for pos += n; pos < len(src); {
		r, n := utf8.DecodeRuneInString(src[pos:])
		if strings.ContainsRune(closes, r) {
			return token{tokText, b.String(), lo, pos + n}, nil
		}
		if r == '\\' && open != '`' {
			if next, m := utf8.DecodeRuneInString(src[pos+n:]); next == '\\' || strings.ContainsRune(closes, next) && m > 0 {
				b.WriteRune(next)
				pos += n + m
				continue
			}
		}
		b.WriteRune(r)
		pos += n
	}
	first, _ := utf8.DecodeRuneInString(closes)
	return token{}, problemAt(src, lo, calendar.Text{JA: "引用符「" + string(open) + "」が閉じられていません", EN: "the quotation mark " + string(open) + " is not closed"},
		calendar.Text{JA: "文字のおわりに " + string(first) + " を付けてください", EN: "put " + string(first) + " at the end of the text"})
}

// lexColumn reads [金額(税込)]. A bracket that holds quotes, figures or several
// things is a list: the second token says which by being nothing of that.
func lexColumn(src string, pos int) (token, bool) {
	_, n := utf8.DecodeRuneInString(src[pos:])
	end := strings.IndexFunc(src[pos+n:], func(r rune) bool { return r == ']' || r == '］' })
	if end < 0 {
		return token{}, false
	}
	name := strings.TrimSpace(src[pos+n : pos+n+end])
	first, _ := utf8.DecodeRuneInString(name)
	if name == "" || quotes[first] != "" || strings.ContainsAny(name, ",、，\"“”「") || numeric(name) {
		return token{}, false
	}
	_, m := utf8.DecodeRuneInString(src[pos+n+end:])
	return token{tokColumn, norm.NFKC.String(name), pos, pos + n + end + m}, true
}

func numeric(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { f := folded(r); return (f < '0' || f > '9') && f != '.' && f != '-' }) < 0
}

// afterOperand reports whether the last token ends a value: [ then begins an index, which rules do not have.
func afterOperand(ts []token) bool {
	if len(ts) == 0 {
		return false
	}
	t := ts[len(ts)-1]
	return t.kind == tokName || t.kind == tokColumn || t.kind == tokNumber || t.kind == tokText || t.is(tokPunct, ")") || t.is(tokPunct, "]")
}

func lexSign(src string, pos int) (token, bool) {
	// The next two signs, folded, are enough for the longest operator.
	var b strings.Builder
	widths := []int{}
	for at := pos; at < len(src) && len(widths) < 2; {
		r, n := utf8.DecodeRuneInString(src[at:])
		b.WriteRune(folded(r))
		widths = append(widths, n)
		at += n
	}
	s := b.String()
	for _, x := range signs {
		if strings.HasPrefix(s, x.written) {
			hi := pos
			for i := range utf8.RuneCountInString(x.written) {
				hi += widths[i]
			}
			return token{tokOp, x.op, pos, hi}, true
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	switch r {
	case '、':
		r = ','
	case '（', '(':
		r = '('
	case '）', ')':
		r = ')'
	case '。':
		r = '.'
	}
	if strings.ContainsRune("()[],.?:", r) {
		return token{tokPunct, string(r), pos, pos + widths[0]}, true
	}
	return token{}, false
}
