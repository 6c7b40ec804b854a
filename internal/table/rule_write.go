package table

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
)

// maxNodes is how large a rule's tree may be.
const maxNodes = 500

// maxUnknown is for how many columns without any value, those of other sources among them, the type that the rule wants is
// tried out.
const maxUnknown = 3

// compile reads, checks and types a rule.
func compile(src string, s RuleScope, condition bool) (*Rule, []RuleProblem) {
	tokens, p := lexRule(src)
	if p != nil {
		return nil, []RuleProblem{*p}
	}
	if len(tokens) == 1 {
		return nil, []RuleProblem{*problemAt(src, 0, text2("規則が空です", "the rule is empty"), text2(`状態 != "入荷済" のように書いてください`, `write something like status != "arrived"`))}
	}
	r, problems := compileTokens(src, tokens, s, condition)
	if r != nil {
		r.condition = condition
	}
	return r, problems
}

// compileTokens compiles a part of a rule. A column without any value has no type yet; then each type is tried,
// because what is empty today must not make a rule wrong that was right yesterday.
func compileTokens(src string, tokens []token, s RuleScope, condition bool) (*Rule, []RuleProblem) {
	var untyped []int
	for i, c := range s.Columns {
		if c.Type == Empty && len(untyped) < maxUnknown && slices.ContainsFunc(tokens, func(t token) bool {
			return (t.kind == tokName || t.kind == tokColumn) && Fold(t.text) == Fold(c.Name)
		}) {
			untyped = append(untyped, i)
		}
	}
	var first []RuleProblem
	guess := make([]Type, len(untyped))
	for n, tries := 0, power(int(YesNo), len(untyped)); n < tries; n++ {
		columns := slices.Clone(s.Columns)
		for i := range columns {
			if columns[i].Type == Empty {
				columns[i].Type = Text
			}
		}
		for k, rest := 0, n; k < len(guess); k++ {
			guess[k] = Text + Type(rest%int(YesNo))
			rest /= int(YesNo)
		}
		for k, i := range untyped {
			columns[i].Type = guess[k]
		}
		if s.Columns == nil {
			columns = nil
		}
		w := &writer{src: src, scope: s, columns: columns, at: []int{}, guess: guess[len(untyped):]}
		r := w.rule(tokens, condition)
		if r != nil {
			return r, nil
		}
		if n == 0 {
			first = w.problems
			if more := min(len(w.vague), maxUnknown-len(untyped)); more > 0 {
				guess = append(guess, make([]Type, more)...)
				tries = power(int(YesNo), len(guess))
			}
		}
	}
	return nil, first
}

func power(base, n int) int {
	out := 1
	for range n {
		out *= base
	}
	return out
}

// writer makes of a person's tokens what expr reads. Everything that it writes is ASCII, so that expr's
// places are offsets into it, and at says which place of the source each came from.
type writer struct {
	src      string
	scope    RuleScope
	columns  []Column
	out      strings.Builder
	at       []int // for each byte of out, the offset in src
	problems []RuleProblem
	used     []int
	slots    []*slot
	numbers  []Value
	figures  []part
	vague    []string // what is taken from columns of other sources in which nothing stands, as written
	guess    []Type   // as what each of them is tried
}

// part is a piece of the source that a person may want to see the value of.
type part struct{ tokens []token }

func (w *writer) problem(off int, what, next calendar.Text) {
	w.problems = append(w.problems, *problemAt(w.src, off, what, next))
}

func (w *writer) emit(s string, off int) {
	if w.out.Len() > 0 {
		w.out.WriteByte(' ')
		w.at = append(w.at, off)
	}
	w.out.WriteString(s)
	for range len(s) {
		w.at = append(w.at, off)
	}
}

// rule compiles the tokens; nil means that there are problems.
func (w *writer) rule(tokens []token, condition bool) *Rule {
	if n := len(tokens); n > 0 && tokens[n-1].kind == tokEnd {
		tokens = tokens[:n-1]
	}
	w.write(tokens)
	if len(w.problems) > 0 {
		return nil
	}
	r := &Rule{src: w.text(tokens), columns: w.used, slots: w.slots, sources: sourcesIn(tokens)}
	if w.columns == nil {
		if _, err := parser.Parse(w.out.String()); err != nil {
			w.exprProblem(err)
			return nil
		}
		return r
	}
	env := types.Map{passName: types.TypeOf(&pass{})}
	for _, i := range w.used {
		env[columnAlias(i)] = typesOf(w.columns[i].Type)
		r.types = append(r.types, w.columns[i].Type)
	}
	constants, check := &constantWriter{w: w}, &checker{w: w}
	options := append([]expr.Option{expr.Env(env), expr.DisableAllBuiltins(), expr.MaxNodes(maxNodes), expr.Patch(constants), expr.Patch(check)}, ruleOptions()...)
	options = append(options, expr.Patch(forgetter{}))
	if condition {
		options = append(options, expr.AsBool())
	}
	program, err := expr.Compile(w.out.String(), options...)
	if len(w.problems) > 0 {
		return nil
	}
	if err != nil {
		w.exprProblem(err)
		return nil
	}
	r.program = program
	r.result = YesNo
	if !condition {
		t, ok := resultType(program.Node().Type())
		if !ok {
			w.problem(tokens[0].lo, text2("値になりません", "this gives no value"), text2("列や計算を書いてください", "write a column or something to work out"))
			return nil
		}
		r.result = t
	}
	r.figures = w.seen(tokens)
	return r
}

// sourcesIn are the names of the other sources in a rule, also of one that cannot be typed before they are read.
func sourcesIn(tokens []token) []string {
	var out []string
	for i, t := range tokens {
		if t.kind != tokName || i+2 >= len(tokens) || !tokens[i+1].is(tokPunct, "(") || tokens[i+2].kind != tokText {
			continue
		}
		if _, ok := slotNamed(t.text); ok && !slices.Contains(out, tokens[i+2].text) {
			out = append(out, tokens[i+2].text)
		}
	}
	return out
}

// text is what was written for the tokens, in one line.
func (w *writer) text(tokens []token) string {
	if len(tokens) == 0 {
		return ""
	}
	return strings.Join(strings.Fields(w.src[tokens[0].lo:tokens[len(tokens)-1].hi]), " ")
}

// seen compiles each part that a person wants to see; a rule that is nothing else has none.
func (w *writer) seen(tokens []token) []figure {
	var out []figure
	for _, p := range w.figures {
		name := w.text(p.tokens)
		if len(p.tokens) == len(tokens) || slices.ContainsFunc(out, func(f figure) bool { return f.name == name }) {
			continue
		}
		sub := &writer{src: w.src, scope: w.scope, columns: w.columns, vague: w.vague, guess: w.guess}
		if r := sub.rule(p.tokens, false); r != nil {
			r.figures = nil
			out = append(out, figure{name: name, rule: r})
		}
	}
	return out
}

func typesOf(t Type) types.Type {
	switch t {
	case Number:
		return types.TypeOf(numberV{})
	case Date:
		return types.TypeOf(dateV{})
	case Time:
		return types.TypeOf(timeV{})
	case YesNo:
		return types.TypeOf(yesNoV{})
	}
	return types.String
}

func resultType(t reflect.Type) (Type, bool) {
	if t == nil {
		return Empty, false
	}
	v, ok := goTypes[t.String()]
	return v, ok && v != Empty
}

// column finds a column by its name.
func (w *writer) column(name string) (int, bool) {
	f := Fold(name)
	for i, c := range w.columns {
		if Fold(c.Name) == f && !c.Twice {
			return i, true
		}
	}
	return 0, false
}

// write writes tokens, innermost parts by calling itself.
func (w *writer) write(tokens []token) {
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t.kind {
		case tokNumber:
			w.number(t, t.text)
		case tokText:
			w.text1(t, i > 0 && tokens[i-1].is(tokOp, "matches"), i > 0 && slices.Contains([]string{"contains", "startsWith", "endsWith"}, tokens[i-1].text) && tokens[i-1].kind == tokOp)
		case tokOp:
			i = w.sign(tokens, i)
		case tokPunct:
			w.emit(t.text, t.lo)
		case tokName, tokColumn:
			i = w.name(tokens, i)
		}
	}
}

func (w *writer) number(t token, digits string) {
	d, err := decimal.NewFromString(digits)
	if err != nil || len(digits) > 40 {
		w.problem(t.lo, text2("「"+t.text+"」は数として読めません", t.text+" is no number"), text2("数を打ち直してください", "type it again"))
		return
	}
	w.emit(fmt.Sprintf("n%d", len(w.numbers)), t.lo)
	w.numbers = append(w.numbers, NumberOf(d))
}

// text1 writes a text in quotes. What is outside ASCII is written as escapes, so that offsets stay offsets.
func (w *writer) text1(t token, pattern, part bool) {
	s := t.text
	if pattern {
		s = norm.NFKC.String(lookalikes.Replace(s))
		if _, err := regexp.Compile(s); err != nil {
			w.problem(t.lo, text2("正規表現「"+clip(t.text)+"」が読めません", "the pattern "+clip(t.text)+" can't be read"),
				text2(`「^A-[0-9]+$」のように書いてください。記号そのものは \( のように \ を付けます`, `write something like ^A-[0-9]+$, and \( for the sign itself`))
			return
		}
	} else {
		s = Normal(s)
		if s == "" && part {
			w.problem(t.lo, text2("空の文字を探そうとしています", "there is nothing to look for"), text2("探す文字を書いてください。空かどうかは 空(列) で分かります", "write what to look for; empty(column) tells whether something is empty"))
			return
		}
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r < 0x7F:
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	w.emit(b.String(), t.lo)
}

// sign writes an operator, and answers which token was written last.
func (w *writer) sign(tokens []token, i int) int {
	t := tokens[i]
	unary := i == 0 || tokens[i-1].kind == tokOp || tokens[i-1].is(tokPunct, "(") || tokens[i-1].is(tokPunct, "[") || tokens[i-1].is(tokPunct, ",") || tokens[i-1].is(tokPunct, "?") || tokens[i-1].is(tokPunct, ":")
	switch {
	case t.text == "-" && unary && i+1 < len(tokens) && tokens[i+1].kind == tokNumber:
		w.number(tokens[i+1], "-"+tokens[i+1].text)
		return i + 1
	case t.text == "-" && unary && i > 0 && (tokens[i-1].text == "*" || tokens[i-1].text == "/" || tokens[i-1].text == "%"):
		w.problem(t.lo, text2("「"+tokens[i-1].text+"」のあとに「-」は続けられません", "- can't follow "+tokens[i-1].text), text2("( ) で囲んでください", "put it in ( )"))
		return i
	case t.text == "-" && unary:
		// -a is written -1 * a, because expr has no sign for our numbers.
		w.number(t, "-1")
		w.emit("*", t.lo)
		return i
	case t.text == "!=" && w.src[t.lo:t.hi] != "!=" && unary:
		// 「ではない ある(…)」: with nothing before it, the word says not.
		w.emit("not", t.lo)
		return i
	case t.text == "!=" && utf8.RuneCountInString(w.src[t.lo:t.hi]) > 2 && i+1 == len(tokens):
		w.problem(t.lo, text2("「"+w.src[t.lo:t.hi]+"」は、比べる2つの間に書きます", "this stands between two values"), text2(`状態 ではない "入荷済" のように書いてください`, `write status != "arrived"`))
		return i
	}
	w.emit(t.text, t.lo)
	return i
}

// name writes a column, a function, or one of the few words.
func (w *writer) name(tokens []token, i int) int {
	t := tokens[i]
	called := t.kind == tokName && i+1 < len(tokens) && tokens[i+1].is(tokPunct, "(")
	if called {
		if end, ok := closing(tokens, i+1); ok {
			if what, is := slotNamed(t.text); is {
				return w.slot(tokens, i, end, what)
			}
			if n, is := funcNamed(t.text); is {
				w.figures = append(w.figures, part{tokens[i : end+1]})
				w.function(tokens[i:end+1], n)
				return end
			}
		}
	}
	if c, ok := w.column(t.text); ok {
		if called {
			w.problem(t.lo, text2("「"+t.text+"」は列の名前で、関数ではありません", t.text+" is a column and no function"), text2("あとの ( ) を取るか、[ ] で囲んだ列の名前にしてください", "take the ( ) away, or write the column's whole name in [ ]"))
			return i
		}
		w.figures = append(w.figures, part{tokens[i : i+1]})
		w.useColumn(c, t.lo, besideEmpty(tokens, i))
		return i
	}
	if t.kind == tokName {
		switch t.text {
		case "true", "TRUE", "はい", "真":
			w.emit("true", t.lo)
			return i
		case "false", "FALSE", "いいえ", "偽":
			w.emit("false", t.lo)
			return i
		case "空", "empty", "nil", "null":
			w.emit("nothing("+passName+")", t.lo)
			return i
		case "今日", "本日", "today":
			n, _ := funcNamed("今日")
			w.emit(fmt.Sprintf("f%d(%s)", n, passName), t.lo)
			return i
		case "が", "は":
			return i // 状態 が "未発送"
		}
		if parts, ok := w.split(t); ok {
			w.write(parts)
			return i
		}
	}
	if w.columns == nil {
		w.emit("u", t.lo) // the columns are not known: any name may be one
		return i
	}
	w.unknown(t, called)
	return i
}

// besideEmpty reports whether a column is compared with 空: then it may be empty.
func besideEmpty(tokens []token, i int) bool {
	sign := func(k int) bool {
		return k >= 0 && k < len(tokens) && (tokens[k].is(tokOp, "==") || tokens[k].is(tokOp, "!="))
	}
	word := func(k int) bool {
		return k >= 0 && k < len(tokens) && tokens[k].kind == tokName && slices.Contains([]string{"空", "empty", "nil", "null"}, tokens[k].text)
	}
	return sign(i+1) && word(i+2) || sign(i-1) && word(i-2)
}

// useColumn writes a column. One of yes and no is asked for its answer, unless it may be empty.
func (w *writer) useColumn(c, off int, raw bool) {
	if !slices.Contains(w.used, c) {
		w.used = append(w.used, c)
	}
	if w.columns[c].Type == YesNo && !raw {
		w.emit("yes("+columnAlias(c)+")", off)
		return
	}
	w.emit(columnAlias(c), off)
}

// function writes a call of one of ruleFuncs; tokens are its name, ( and all up to ).
func (w *writer) function(tokens []token, n int) {
	w.emit(fmt.Sprintf("f%d", n), tokens[0].lo)
	w.emit("(", tokens[1].lo)
	w.emit(passName, tokens[1].lo)
	args := arguments(tokens[2 : len(tokens)-1])
	for _, a := range args {
		if len(a) == 0 {
			w.problem(tokens[1].lo, text2("「"+tokens[0].text+"」の ( ) の中に書き忘れがあります", "something is missing in the ( ) of "+tokens[0].text), text2("「"+ruleFuncs[n].Example+"」のように書いてください", "write something like "+ruleFuncs[n].Example))
			return
		}
		w.emit(",", a[0].lo)
		c, ok := 0, false
		if len(a) == 1 && (a[0].kind == tokName || a[0].kind == tokColumn) {
			c, ok = w.column(a[0].text)
		}
		if ok && w.columns[c].Type == YesNo && ruleFuncs[n].forms[0].raw {
			w.useColumn(c, a[0].lo, true)
			continue
		}
		w.write(a)
	}
	w.emit(")", tokens[len(tokens)-1].lo)
}

// slot writes a part that looks into rows, from its name at i to its ) at end, and answers which token was written last.
func (w *writer) slot(tokens []token, i, end int, what string) int {
	t := tokens[i]
	s := &slot{what: what, result: YesNo}
	args := arguments(tokens[i+2 : end])
	last := end
	defer func() { w.figures = append(w.figures, part{tokens[i : last+1]}) }()
	s.text = w.text(tokens[i : end+1])
	var example string
	for _, f := range slotFuncs {
		if f.EN == what {
			example = f.Example
		}
	}
	bad := func(off int, ja, en string) {
		w.problem(off, text2(ja, en), text2("「"+example+"」のように書いてください", "write something like "+example))
	}
	for _, a := range args {
		if len(a) == 0 {
			bad(t.lo, "「"+t.text+"」の ( ) の中に書き忘れがあります", "something is missing in the ( ) of "+t.text)
			return last
		}
	}
	if what == "lookup" {
		if end+2 < len(tokens) && tokens[end+1].is(tokPunct, ".") && (tokens[end+2].kind == tokName || tokens[end+2].kind == tokColumn) {
			last = end + 2
			s.column = tokens[last].text
		} else {
			bad(tokens[end].lo, "「"+t.text+"」のどの欄を使うかがありません", "it is not said which column is wanted")
			return last
		}
	}
	if what == "previous" || what == "changed" {
		c, ok := 0, false
		if len(args) == 1 && len(args[0]) == 1 {
			c, ok = w.column(args[0][0].text)
		}
		switch {
		case !w.scope.Before:
			w.problem(t.lo, text2("「"+t.text+"」はここでは使えません", t.text+" can't be used here"), text2("表の行を見る仕事（kind = \"watch\"）の規則で使えます", "it is for the rules of kind = \"watch\""))
		case w.columns == nil:
			w.emit("u", t.lo)
		case !ok:
			bad(t.lo, "「"+t.text+"」には列の名前を1つ書きます", t.text+" takes the name of one column")
		default:
			s.column = w.columns[c].Name
			if what == "previous" {
				s.result = w.columns[c].Type
			}
			w.putSlot(s, t.lo)
		}
		return last
	}
	if len(args) > 0 && len(args[0]) == 1 && args[0][0].kind == tokText {
		s.source = args[0][0].text
		args = args[1:]
	} else if what == "lookup" || what == "found" {
		bad(t.lo, "「"+t.text+"」には、まず表の名前を書きます", "the name of a source comes first")
		return last
	}
	other := w.columns
	if s.source != "" {
		known := false
		if w.scope.Source != nil {
			other, known = w.scope.Source(s.source)
		}
		if !known {
			w.problem(t.lo, text2("表「"+clip(s.source)+"」は jobs.toml にありません", "there is no source "+clip(s.source)), text2("[source."+clip(s.source)+"] を書き足すか、名前を確かめてください", "add [source."+clip(s.source)+"], or see whether the name is right"))
			return last
		}
	}
	in := func(name string) (Column, bool) {
		for _, c := range other {
			if Fold(c.Name) == Fold(name) && !c.Twice {
				return c, true
			}
		}
		return Column{}, false
	}
	missing := func(t token) {
		what := text2("表「"+s.source+"」に「"+t.text+"」という欄はありません", "the source "+s.source+" has no column "+t.text)
		w.problem(t.lo, what, nearestOf(t.text, columnNames(other)))
	}
	if what == "sum" || what == "max" || what == "min" {
		if len(args) == 0 {
			bad(t.lo, "「"+t.text+"」する欄がありません", "it is not said what to work out")
			return last
		}
		scope := w.scope
		scope.Columns, scope.Before = other, false
		if other != nil && w.columns != nil {
			v, ps := compileTokens(w.src, append(slices.Clone(args[0]), token{kind: tokEnd}), scope, false)
			if v == nil {
				w.problems = append(w.problems, ps...)
				return last
			}
			if bare := slices.Clone(other); (v.result == Text || v.result == YesNo) && slices.ContainsFunc(bare, func(c Column) bool { return c.Type == Empty }) {
				// Nothing stands in the column, so that it could be any; only some can be worked out.
				as := Number
				if what != "sum" {
					as = w.guessed(s.text)
				}
				for i := range bare {
					if bare[i].Type == Empty {
						bare[i].Type = as
					}
				}
				scope.Columns = bare
				if x, _ := compileTokens(w.src, append(slices.Clone(args[0]), token{kind: tokEnd}), scope, false); x != nil {
					v = x
				}
			}
			if what == "sum" && v.result != Number || v.result == Text || v.result == YesNo {
				bad(args[0][0].lo, "「"+v.src+"」は"+v.result.Words().JA+"なので、"+t.text+"を計算できません", v.src+" is "+v.result.Words().EN)
				return last
			}
			s.value, s.result = v, v.result
		}
		args = args[1:]
	}
	if what == "count" {
		s.result = Number
	}
	if len(args) == 0 && (s.source != "" && what != "count" && what != "sum" && what != "max" && what != "min" || what == "count" && s.source == "") {
		bad(t.lo, "「"+t.text+"」に、どの値で探すかがありません", "it is not said what to look for")
		return last
	}
	for _, a := range args {
		column := token{}
		if len(a) > 2 && a[1].is(tokOp, "==") && s.source != "" {
			column, a = a[0], a[2:]
		} else if s.source != "" {
			if len(a) != 1 || a[0].kind != tokName && a[0].kind != tokColumn {
				bad(a[0].lo, "表「"+s.source+"」のどの欄で探すかがありません（欄 = 値 の形で書きます）", "it is not said which column of "+s.source+" to look in (write column = value)")
				return last
			}
			column = a[0]
		}
		if s.source != "" {
			if _, ok := in(column.text); !ok && other != nil {
				missing(column)
				return last
			}
			s.columns = append(s.columns, column.text)
		}
		if w.columns == nil {
			continue
		}
		scope := w.scope
		scope.Columns = w.columns
		v, ps := compileTokens(w.src, append(slices.Clone(a), token{kind: tokEnd}), scope, false)
		if v == nil {
			w.problems = append(w.problems, ps...)
			return last
		}
		s.keys = append(s.keys, v)
	}
	if what == "lookup" && other != nil {
		c, ok := in(s.column)
		if !ok {
			missing(tokens[last])
			return last
		}
		if s.result = c.Type; s.result == Empty {
			s.result = w.guessed(s.source + "\x00" + Fold(c.Name))
		}
	}
	if w.columns == nil || other == nil {
		// Not to be typed before the other source can be read.
		w.columns = nil
		w.emit("u", t.lo)
		return last
	}
	w.putSlot(s, t.lo)
	return last
}

// guessed is the type that something of which there is no value is tried as.
func (w *writer) guessed(name string) Type {
	i := slices.Index(w.vague, name)
	if i < 0 {
		i = len(w.vague)
		w.vague = append(w.vague, name)
	}
	if i < len(w.guess) {
		return w.guess[i]
	}
	return Text
}

// putSlot writes the call that answers a slot.
func (w *writer) putSlot(s *slot, off int) {
	w.emit(fmt.Sprintf("slot%d(%s, %d)", s.result, passName, len(w.slots)), off)
	w.slots = append(w.slots, s)
}

// closing finds the ) of the ( at i.
func closing(tokens []token, i int) (int, bool) {
	depth := 0
	for k := i; k < len(tokens); k++ {
		switch {
		case tokens[k].is(tokPunct, "("), tokens[k].is(tokPunct, "["):
			depth++
		case tokens[k].is(tokPunct, ")"), tokens[k].is(tokPunct, "]"):
			if depth--; depth == 0 {
				return k, true
			}
		}
	}
	return 0, false
}

// arguments splits what stands between ( and ) at its commas.
func arguments(tokens []token) [][]token {
	if len(tokens) == 0 {
		return nil
	}
	var out [][]token
	depth, from := 0, 0
	for k, t := range tokens {
		switch {
		case t.is(tokPunct, "("), t.is(tokPunct, "["):
			depth++
		case t.is(tokPunct, ")"), t.is(tokPunct, "]"):
			depth--
		case t.is(tokPunct, ",") && depth == 0:
			out = append(out, tokens[from:k])
			from = k + 1
		}
	}
	return append(out, tokens[from:])
}

// split takes a run of letters apart where かつ or または stands in it and each side is a name of its own.
func (w *writer) split(t token) ([]token, bool) {
	for _, x := range [...]struct{ word, op string }{{"かつ", "and"}, {"または", "or"}, {"又は", "or"}, {"ではない", "!="}} {
		// In NFKC and as written the words are the same, and so are offsets up to the first difference.
		at := strings.Index(w.src[t.lo:t.hi], x.word)
		if at < 0 {
			continue
		}
		left := strings.TrimSpace(w.src[t.lo : t.lo+at])
		right := strings.TrimSpace(w.src[t.lo+at+len(x.word) : t.hi])
		if left != "" && !w.knownName(left) || right != "" && !w.knownName(right) {
			continue
		}
		var out []token
		if left != "" {
			out = append(out, token{tokName, norm.NFKC.String(left), t.lo, t.lo + at})
		}
		out = append(out, token{tokOp, x.op, t.lo + at, t.lo + at + len(x.word)})
		if right != "" {
			out = append(out, token{tokName, norm.NFKC.String(right), t.lo + at + len(x.word), t.hi})
		}
		return out, true
	}
	return nil, false
}

func (w *writer) knownName(name string) bool {
	if _, ok := w.column(name); ok || w.columns == nil {
		return true
	}
	_, f := funcNamed(norm.NFKC.String(name))
	_, s := slotNamed(norm.NFKC.String(name))
	return f || s || name == "今日"
}

func columnNames(columns []Column) []string {
	out := make([]string, 0, len(columns))
	for _, c := range columns {
		if c.Name != "" {
			out = append(out, c.Name)
		}
	}
	return out
}

// unknown tells a name that is nothing, with the nearest one that is something.
func (w *writer) unknown(t token, called bool) {
	if called {
		var all []string
		for _, f := range RuleFunctions() {
			all = append(all, f.JA, f.EN)
		}
		w.problem(t.lo, text2("「"+clip(t.text)+"」という関数はありません", "there is no function "+clip(t.text)), nearestOf(t.text, all))
		return
	}
	for _, c := range w.columns {
		if c.Twice && Fold(c.Name) == Fold(t.text) {
			w.problem(t.lo, text2("「"+c.Name+"」という見出しが2つあるので、どちらか決まりません", "two columns are called "+c.Name), text2("表の見出しを書き分けてください", "give them different names in the source"))
			return
		}
	}
	w.problem(t.lo, text2("「"+clip(t.text)+"」という列はありません", "there is no column "+clip(t.text)), nearestOf(t.text, columnNames(w.columns)))
}

// nearestOf suggests the name that was probably meant, else says which there are.
func nearestOf(name string, all []string) calendar.Text {
	f := []rune(Fold(name))
	best, at := len(f)/2+1, -1
	for i, x := range all {
		if d := distance(f, []rune(Fold(x)), best); d < best {
			best, at = d, i
		}
	}
	if at >= 0 {
		return text2("「"+clip(all[at])+"」のことでしょうか", "did you mean "+clip(all[at])+"?")
	}
	if len(all) == 0 {
		return text2("表の見出しを確かめてください", "look at the names in the source")
	}
	const shown = 8
	list := make([]string, 0, shown)
	for _, x := range all[:min(shown, len(all))] {
		list = append(list, clip(x))
	}
	more, moreEN := "", ""
	if len(all) > shown {
		more, moreEN = " など", " …"
	}
	return text2("使えるのは "+strings.Join(list, "、")+more+" です。文字なら \" \" で囲んでください", "there are "+strings.Join(list, ", ")+moreEN+"; a text stands in quotes")
}

// distance is how many letters have to be changed, at most limit.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		before := row[0]
		row[0] = i + 1
		for j, y := range b {
			d := before
			if x != y {
				d = 1 + min(before, row[j], row[j+1])
			}
			before, row[j+1] = row[j+1], d
		}
	}
	return min(row[len(b)], limit)
}

// forget makes expr type a call anew. Its checker takes the type that a call got in an earlier round, and then looks at
// none of the arguments: one that was patched since has no type, and a wrong one is let through.
func forget(node *ast.Node) {
	if n, ok := (*node).(*ast.CallNode); ok {
		n.SetType(reflect.TypeFor[any]())
	}
}

// forgetter forgets after each round of operators. Reset and ShouldRepeat are what expr knows such a visitor by.
type forgetter struct{}

func (forgetter) Visit(node *ast.Node) { forget(node) }
func (forgetter) Reset()               {}
func (forgetter) ShouldRepeat() bool   { return false }

// constantWriter puts the rule's numbers in the place of their names.
type constantWriter struct{ w *writer }

func (c *constantWriter) Visit(node *ast.Node) {
	forget(node)
	n, ok := (*node).(*ast.IdentifierNode)
	if !ok || !strings.HasPrefix(n.Value, "n") {
		return
	}
	var i int
	if _, err := fmt.Sscanf(n.Value, "n%d", &i); err != nil || i >= len(c.w.numbers) || n.Value != fmt.Sprintf("n%d", i) {
		return
	}
	ast.Patch(node, &ast.ConstantNode{Value: numberV{value{Value: c.w.numbers[i]}}})
}

// checker lets through only what a rule may be made of, and makes in work for all types. Whatever can
// loop, build lists or reach into Go is not there.
type checker struct{ w *writer }

func (c *checker) Visit(node *ast.Node) {
	forget(node)
	off := c.w.source((*node).Location().From)
	refuse := func(what, next calendar.Text) {
		if len(c.w.problems) == 0 {
			c.w.problem(off, what, next)
		}
	}
	switch n := (*node).(type) {
	case *ast.IdentifierNode, *ast.StringNode, *ast.BoolNode, *ast.ConstantNode, *ast.IntegerNode, *ast.UnaryNode, *ast.ConditionalNode, *ast.CallNode, *ast.ArrayNode:
	case *ast.BinaryNode:
		left, right := n.Left.Type(), n.Right.Type()
		switch n.Operator {
		case "in":
			list, ok := n.Right.(*ast.ArrayNode)
			if !ok {
				refuse(text2("in のあとは [ ] で囲んだ並びです", "a list in [ ] follows in"), text2(`状態 in ["入荷済", "キャンセル"] のように書いてください`, `write status in ["arrived", "cancelled"]`))
				return
			}
			plain := true
			for _, x := range list.Nodes {
				if x.Type() != left && !((left == reflect.TypeFor[dateV]() || left == reflect.TypeFor[timeV]()) && x.Type() == reflect.TypeFor[string]()) {
					a, b := typeWords(left), typeWords(x.Type())
					refuse(text2("in の左は"+a.JA+"、並びの中には"+b.JA+"があります", "the left of in is "+a.EN+", and the list has "+b.EN), text2("同じ種類どうしで比べてください", "compare what is of one type"))
					return
				}
				if _, is := x.(*ast.StringNode); !is {
					plain = false
				}
			}
			if !plain || left != reflect.TypeFor[string]() {
				ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: "among"}, Arguments: []ast.Node{n.Left, n.Right}})
			}
		case "<", ">", "<=", ">=":
			if left == reflect.TypeFor[string]() && right == left {
				refuse(text2("文字どうしの大小は比べられません", "texts are not ordered"), text2("数なら 数(列)、日付なら 日付(列) と書いてください", "write number(column) or date(column)"))
			}
		case "matches":
			if _, ok := n.Right.(*ast.StringNode); !ok {
				refuse(text2("matches のあとは \" \" で囲んだ形です", "a pattern in quotes follows matches"), text2(`型番 matches "^A-[0-9]+$" のように書いてください`, `write code matches "^A-[0-9]+$"`))
			}
		case "..", "??", "|", "**", "^":
			refuse(text2("「"+n.Operator+"」は規則に使えません", n.Operator+" can't be used in a rule"), text2("ほかの書き方にしてください", "say it another way"))
		}
	default:
		refuse(text2("規則のこのあたりが読めません", "this part of the rule can't be read"), text2("「bod --help」の手引きにある書き方だけが使えます", "only what the manual lists can be used"))
	}
}

// source is the offset in the source of an offset in what was written for expr.
func (w *writer) source(off int) int {
	switch {
	case len(w.at) == 0:
		return 0
	case off >= len(w.at):
		return len(w.src)
	}
	return w.at[max(0, off)]
}

func typeWords(t reflect.Type) calendar.Text {
	if t == nil {
		return text2("空", "nothing")
	}
	if v, ok := goTypes[t.String()]; ok {
		return v.Words()
	}
	return text2("ほかの種類", "something else")
}

// What expr says, and what people hear instead.
var (
	mismatchTwo = regexp.MustCompile(`invalid operation: (\S+) \(mismatched types (\S+) and (\S+)\)`)
	mismatchOne = regexp.MustCompile(`invalid operation: (\S+) \(mismatched type (\S+)\)`)
	badArgument = regexp.MustCompile(`cannot use (\S+) as argument \(type (\S+)\) to call f(\d+)`)
	fewOrMany   = regexp.MustCompile(`(not enough|too many) arguments to call f(\d+)`)
	noBool      = regexp.MustCompile(`expected bool, but got (\S+)`)
	noCondition = regexp.MustCompile(`non-bool expression \(type (\S+)\)`)
)

func wordsOf(goType string) calendar.Text {
	if t, ok := goTypes[goType]; ok {
		return t.Words()
	}
	return text2("ほかの種類", "something else")
}

// exprProblem says expr's error in our words, at its place in the source.
func (w *writer) exprProblem(err error) {
	e, ok := errors.AsType[*file.Error](err)
	if !ok {
		if m := noBool.FindStringSubmatch(err.Error()); m != nil {
			t := wordsOf(m[1])
			w.problem(0, text2("規則の答えが「はい」か「いいえ」になりません（"+t.JA+"になります）", "the rule's answer is no yes or no but "+t.EN),
				text2(`状態 != "入荷済" のように、比べる形で書いてください`, `write a comparison, such as status != "arrived"`))
			return
		}
		w.problem(0, text2("規則が読めません", "the rule can't be read"), text2("書き方を見直してください", "look at how it is written"))
		return
	}
	off := w.source(e.From)
	near := ""
	if off < len(w.src) {
		near = clip(strings.Fields(w.src[off:] + " ")[0])
	}
	switch msg := e.Message; {
	case strings.Contains(msg, "unexpected token EOF"):
		w.problem(len(w.src), text2("規則が途中で終わっています", "the rule ends too early"), text2("( ) や \" \" の閉じ忘れ、書きかけがないか見てください", "see whether a ) is missing or something was left unfinished"))
	case strings.Contains(msg, "unexpected token"), strings.Contains(msg, "expected"), strings.Contains(msg, "unclosed"):
		w.problem(off, text2("「"+near+"」のところが読めません", near+" can't be read here"), text2("その前後に かつ・または・比べる記号・カンマの書き忘れがないか見てください", "see whether and, or, a sign or a comma is missing beside it"))
	case mismatchTwo.MatchString(msg):
		m := mismatchTwo.FindStringSubmatch(msg)
		a, b := wordsOf(m[2]), wordsOf(m[3])
		w.problem(off, text2("「"+signWords(m[1])+"」の左は"+a.JA+"、右は"+b.JA+"です", "the left of "+m[1]+" is "+a.EN+", and the right is "+b.EN), mismatchNext(m[1], m[2], m[3]))
	case mismatchOne.MatchString(msg):
		m := mismatchOne.FindStringSubmatch(msg)
		a := wordsOf(m[2])
		w.problem(off, text2("「"+signWords(m[1])+"」は"+a.JA+"には使えません", m[1]+" can't be used with "+a.EN), text2("not なら、あとを ( ) で囲んでください", "after not, put the rest in ( )"))
	case badArgument.MatchString(msg):
		m := badArgument.FindStringSubmatch(msg)
		f := ruleFuncs[atoi(m[3])]
		a := wordsOf(m[1])
		w.problem(off, text2("「"+f.JA+"」には"+a.JA+"を渡せません", f.EN+" can't take "+a.EN), text2("「"+f.Example+"」のように書いてください", "write something like "+f.Example))
	case fewOrMany.MatchString(msg):
		m := fewOrMany.FindStringSubmatch(msg)
		f := ruleFuncs[atoi(m[2])]
		ja, en := "足りません", "too few"
		if m[1] == "too many" {
			ja, en = "多すぎます", "too many"
		}
		w.problem(off, text2("「"+f.JA+"」の ( ) の中が"+ja, "there are "+en+" values in the ( ) of "+f.EN), text2("「"+f.Example+"」のように書いてください", "write something like "+f.Example))
	case noCondition.MatchString(msg):
		a := wordsOf(noCondition.FindStringSubmatch(msg)[1])
		w.problem(off, text2("? の前が「はい」か「いいえ」になりません（"+a.JA+"です）", "what stands before ? is "+a.EN), text2("比べる形で書いてください", "write a comparison"))
	case strings.Contains(msg, "exceeds maximum"):
		w.problem(0, text2("規則が長すぎます", "the rule is too long"), text2("いくつかの規則に分けてください", "split it into several rules"))
	default:
		w.problem(off, text2("「"+near+"」のあたりが読めません", "the part near "+near+" can't be read"), text2("書き方を見直してください", "look at how it is written"))
	}
}

func atoi(s string) (n int) {
	fmt.Sscanf(s, "%d", &n)
	return min(max(n, 0), len(ruleFuncs)-1)
}

func signWords(op string) string {
	switch op {
	case "and":
		return "かつ"
	case "or":
		return "または"
	}
	return op
}

func mismatchNext(op, a, b string) calendar.Text {
	switch {
	case op == "and" || op == "or":
		return text2(`どちらの側も 状態 != "入荷済" のように、比べる形で書いてください`, "write a comparison on both sides")
	case (a == "string") != (b == "string") && (a == "table.numberV" || b == "table.numberV"):
		return text2("文字の列を数として使うなら 数(列)、数の列を文字として比べるなら 文字(列) と書いてください", "write number(column) for a column of texts, or text(column) for one of numbers")
	case a == "bool" || b == "bool" || a == "table.yesNoV" || b == "table.yesNoV":
		return text2("「はい」「いいえ」の列は、はい か いいえ と比べてください。比べる形が2つ続くときは かつ でつないでください", "compare a column of yes and no with true or false, and join two comparisons by and")
	}
	return text2("同じ種類どうしで比べてください", "compare what is of one type")
}

// ruleOptions are the operators and functions, the same for every rule.
var ruleOptions = sync.OnceValue(makeRuleOptions)

func makeRuleOptions() []expr.Option {
	out := operatorOptions()
	for i := range ruleFuncs {
		f := &ruleFuncs[i]
		var signatures []any
		for _, x := range f.forms {
			signatures = append(signatures, x.signature())
		}
		out = append(out, expr.Function(fmt.Sprintf("f%d", i), f.call, signatures...))
	}
	for t := Text; t <= YesNo; t++ {
		sig := reflect.New(reflect.FuncOf([]reflect.Type{reflect.TypeFor[*pass](), reflect.TypeFor[int]()}, []reflect.Type{goTypeOf[t]}, false)).Interface()
		out = append(out, expr.Function(fmt.Sprintf("slot%d", t), func(ps ...any) (any, error) {
			p := ps[0].(*pass)
			v, err := p.answer(p.rule.slots[ps[1].(int)])
			if err != nil {
				return nil, err
			}
			if t == YesNo && v.IsEmpty() {
				return nil, unjudged("「%s」が空です", "%s is empty", clip(p.rule.slots[ps[1].(int)].text))
			}
			if t == YesNo {
				return v.YesNo(), nil
			}
			return wrap(t, v, p.rule.slots[ps[1].(int)].text), nil
		}, sig))
	}
	return append(out,
		expr.Function("yes", func(ps ...any) (any, error) {
			v := ps[0].(yesNoV)
			return v.YesNo(), v.known(YesNo)
		}, new(func(yesNoV) bool)),
		expr.Function("nothing", func(ps ...any) (any, error) { return emptyV{}, nil }, new(func(*pass) emptyV)),
		expr.Function("among", among, new(func(any, []any) bool)),
	)
}
