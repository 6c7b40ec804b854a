package table

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/expr-lang/expr/vm"

	"bod/internal/calendar"
)

// A Rule is what jobs.toml says about a row: a condition (状態 != "入荷済" かつ 経過営業日数(注文日) > 5) or
// a value (残り日数(満了日)). It is checked before anything is read: every name in it is a column, a function or a
// source, and every operator has operands of a type that it can take. It always ends: a rule has no
// loops, and what it goes through is only the rows of its tables.
//
// Texts are compared as Normal gives them. Numbers are decimals. What is empty equals nothing but 空; a rule that
// has to compare or count with an empty value, or with one that its column's type doesn't fit,
// gives no answer but Unjudged: that is for a person, and never a yes or no by guess. and, or and ?: look at
// their second part only where the first leaves it open, so that 「納期 != 空 かつ 納期 < 今日」 always has an answer.
type Rule struct {
	src     string
	program *vm.Program // nil: not checked yet, the columns were not known
	result  Type
	columns []int  // of the row, that the program wants
	types   []Type // of these columns, as the rule takes them: what a column without any value would have
	slots   []*slot
	sources []string
	figures []figure

	condition bool
	kept      atomic.Pointer[kept]
}

// kept is what a rule came to with the columns that its tables had.
type kept struct {
	rule    *Rule
	columns []Column
	others  map[string][]Column
	before  bool
}

// figure is a part of a rule that a person wants to see beside the rule's answer.
type figure struct {
	name string
	rule *Rule
}

// RuleScope is what a rule may name.
type RuleScope struct {
	// Columns of the row that the rule is about. Nil means that they are not known, because the source cannot be
	// read now: the rule is then only read, and has to be compiled again.
	Columns []Column
	// Source answers for another source: known is false when there is none of that name; its columns are nil
	// when they are not known. Nil: there are no other sources.
	Source func(name string) (columns []Column, known bool)
	// Before tells that a row's values at the last look are kept: previous and changed may be used.
	Before bool
}

// CompileRule checks a condition: a rule whose answer is yes or no.
func CompileRule(src string, s RuleScope) (*Rule, []RuleProblem) { return compile(src, s, true) }

// CompileValue checks a rule whose answer is any value, as it stands in {…} of a sentence.
func CompileValue(src string, s RuleScope) (*Rule, []RuleProblem) { return compile(src, s, false) }

// For is the rule, compiled for the columns that its tables have now. Most looks find the same columns as the one before, and
// then it is not compiled anew.
func (r *Rule) For(s RuleScope) (*Rule, []RuleProblem) {
	if k := r.kept.Load(); k != nil && k.fits(s) {
		return k.rule, nil
	}
	k := &kept{columns: slices.Clone(s.Columns), others: make(map[string][]Column), before: s.Before}
	if source := s.Source; source != nil {
		s.Source = func(name string) ([]Column, bool) {
			columns, known := source(name)
			k.others[name] = slices.Clone(columns)
			return columns, known
		}
	}
	out, ps := compile(r.src, s, r.condition)
	if k.rule = out; len(ps) == 0 && out.Checked() {
		r.kept.Store(k)
	}
	return out, ps
}

// fits reports whether all tables have the columns that they had. It asks for each of them, as compiling does.
func (k *kept) fits(s RuleScope) bool {
	if k.before != s.Before || !slices.Equal(k.columns, s.Columns) {
		return false
	}
	same := true
	for _, name := range slices.Sorted(maps.Keys(k.others)) {
		var columns []Column
		if s.Source != nil {
			columns, _ = s.Source(name)
		}
		same = same && slices.Equal(columns, k.others[name])
	}
	return same
}

// Source is the rule as it was written.
func (r *Rule) Source() string { return r.src }

// Checked reports whether the columns were known when the rule was compiled. One that is not checked cannot be asked.
func (r *Rule) Checked() bool { return r.program != nil }

// Type is the type of the answer.
func (r *Rule) Type() Type { return r.result }

// Sources are the names of the other sources that the rule looks into.
func (r *Rule) Sources() []string { return slices.Clone(r.sources) }

// Unjudged says why a rule has no answer for a row, in words for a person.
type Unjudged struct {
	What calendar.Text
}

func (u *Unjudged) Error() string { return u.What.EN }

func unjudged(ja, en string, args ...any) *Unjudged {
	return &Unjudged{calendar.Text{JA: fmt.Sprintf(ja, args...), EN: fmt.Sprintf(en, args...)}}
}

// RuleWorld is what rules are asked in.
type RuleWorld struct {
	Today  calendar.Date
	Days   *calendar.Days
	Table  *Table  // of the rows that are asked about, for what is counted over all of them; may be nil
	Tables *Tables // the other sources; may be nil
	// Before gives a column's value as an earlier run saw it for the row; ok is false when the row was not there. Nil: never.
	Before func(row Row, column string) (v Value, ok bool)
}

// Judge asks rules about rows. It keeps what was counted over whole tables, so that one is used for all rules of a
// run. It may be used by one goroutine at a time.
type Judge struct {
	ctx     context.Context
	world   RuleWorld
	indexes map[string]*Index
	groups  map[*slot]*grouping
	vms     map[*Rule]*asking
}

// asking is a rule with the machine that runs it.
type asking struct {
	vm  vm.VM
	env map[string]any
}

// NewJudge makes a judge for one run.
func NewJudge(ctx context.Context, w RuleWorld) *Judge {
	return &Judge{ctx: ctx, world: w, indexes: make(map[string]*Index), groups: make(map[*slot]*grouping), vms: make(map[*Rule]*asking)}
}

// Holds asks a condition. An error is an *Unjudged, or says that a table cannot be had any more.
func (j *Judge) Holds(r *Rule, row Row) (bool, error) {
	v, err := j.Value(r, row)
	if err != nil {
		return false, err
	}
	return v.YesNo(), nil
}

// Value asks for a rule's value. An error is an *Unjudged, or says that a table cannot be had any more.
func (j *Judge) Value(r *Rule, row Row) (Value, error) {
	if r.program == nil {
		return Value{}, unjudged("表を読めていないので、規則を確かめられません", "the table could not be read, so that the rule is not checked")
	}
	if err := j.ctx.Err(); err != nil {
		return Value{}, err
	}
	a := j.vms[r]
	if a == nil {
		a = &asking{env: make(map[string]any, len(r.columns)+1)}
		j.vms[r] = a
	}
	a.env[passName] = &pass{judge: j, rule: r, row: row}
	for n, i := range r.columns {
		c := row.table.columns[i]
		if c.Type == Empty {
			c.Type = r.types[n]
		}
		a.env[columnAlias(i)] = wrapColumn(c, row.values[i])
	}
	out, err := a.vm.Run(r.program, a.env)
	if err != nil {
		if u, ok := errors.AsType[*Unjudged](err); ok {
			return Value{}, u
		}
		if e, ok := errors.AsType[*tableError](err); ok {
			return Value{}, e.err
		}
		// What is left are limits of the machine itself; the sentence names no row, the caller does.
		return Value{}, unjudged("規則「%s」を計算できませんでした", "the rule %s could not be worked out", clip(r.src))
	}
	return unwrap(out), nil
}

// Figure is a part of a rule with its value: what a person compares.
type Figure struct {
	Name     string // as the rule has it: 経過営業日数(注文日)
	Value    Value
	Unjudged *Unjudged // why there is no value
}

// Figures are the values of the columns, counts and look-ups that a rule is made of, in the rule's order.
func (j *Judge) Figures(r *Rule, row Row) []Figure {
	out := make([]Figure, 0, len(r.figures))
	for _, f := range r.figures {
		v, err := j.Value(f.rule, row)
		x := Figure{Name: f.name, Value: v}
		if err != nil {
			u, ok := errors.AsType[*Unjudged](err)
			if !ok {
				u = unjudged("表を読めません", "the table can't be read")
			}
			x.Unjudged = u
		}
		out = append(out, x)
	}
	return out
}

// pass is one asking of one row. Functions get it as their first argument.
type pass struct {
	judge *Judge
	rule  *Rule
	row   Row
}

// tableError is an error of the table itself, on its way through expr.
type tableError struct{ err error }

func (e *tableError) Error() string { return e.err.Error() }

// slot is a part of a rule that looks into rows: one of another source, or counts over many.
type slot struct {
	what    string  // "lookup", "found", "count", "sum", "max", "min", "previous", "changed"
	source  string  // "" for the rule's own table
	keys    []*Rule // values of the asking row
	columns []string
	value   *Rule  // what is added up, asked of the rows that are counted
	column  string // of lookup and previous
	result  Type
	text    string // as written, for messages
}

// grouping is what a slot counted, by key.
type grouping struct {
	of map[string]*group
}

type group struct {
	n     int64
	value Value
	wrong error // an *Unjudged
}

// keyOf is the asking row's key for a slot.
func (p *pass) keyOf(s *slot) ([]Value, error) {
	values := make([]Value, len(s.keys))
	for i, k := range s.keys {
		v, err := p.judge.Value(k, p.row)
		if err != nil {
			return nil, err
		}
		if v.IsEmpty() {
			return nil, unjudged("「%s」が空です", "%s is empty", k.src)
		}
		values[i] = v
	}
	return values, nil
}

func canonicalKey(values []Value) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = v.Canonical()
	}
	return joined(parts)
}

// other is another source's table, or why it cannot be looked into.
func (j *Judge) other(name string) (*Table, error) {
	if j.world.Tables == nil {
		return nil, unjudged("表「%s」を読めていません", "the source %s was not read", name)
	}
	t, ps := j.world.Tables.Table(j.ctx, name)
	if t == nil || Broken(ps) {
		for _, p := range ps {
			if !p.Warning {
				return nil, &Unjudged{p.What}
			}
		}
		return nil, unjudged("表「%s」を読めていません", "the source %s was not read", name)
	}
	return t, nil
}

func (j *Judge) index(s *slot) (*Index, error) {
	name := s.source + "\x00" + strings.Join(s.columns, "\x00")
	if x, ok := j.indexes[name]; ok {
		return x, nil
	}
	t, err := j.other(s.source)
	if err != nil {
		return nil, err
	}
	x, ok, err := t.Index(s.columns...)
	if err != nil {
		return nil, &tableError{err}
	}
	if !ok {
		return nil, unjudged("「%s」に欄「%s」がありません", "%s has no column %s", s.source, strings.Join(s.columns, "、"))
	}
	j.indexes[name] = x
	return x, nil
}

// answer works a slot out for the asking row.
func (p *pass) answer(s *slot) (Value, error) {
	switch s.what {
	case "previous", "changed":
		return p.before(s)
	}
	key, err := p.keyOf(s)
	if err != nil {
		return Value{}, err
	}
	if s.what == "lookup" || s.what == "found" {
		x, err := p.judge.index(s)
		if err != nil {
			return Value{}, err
		}
		n := x.Count(key...)
		if s.what == "found" {
			return YesNoOf(n > 0), nil
		}
		shown := shownKey(key)
		switch {
		case n == 0:
			return Value{}, unjudged("「%s」が %s にありません", "there is no %s in %s", shown, s.source)
		case n > 1:
			return Value{}, unjudged("「%s」が %s に%d行あります", "%s stands in %s %d times", shown, s.source, n)
		}
		rows, err := x.Find(key...)
		if err != nil {
			return Value{}, &tableError{err}
		}
		v, ok := rows[0].Get(s.column)
		if !ok {
			return Value{}, unjudged("%s に欄「%s」がありません", "%s has no column %s", s.source, s.column)
		}
		return v, nil
	}
	g, err := p.judge.grouping(s)
	if err != nil {
		return Value{}, err
	}
	x := g.of[canonicalKey(key)]
	switch {
	case s.what == "count":
		if x == nil {
			return IntOf(0), nil
		}
		return IntOf(x.n), nil
	case x == nil && s.what == "sum":
		return IntOf(0), nil
	case x == nil || x.wrong == nil && x.value.IsEmpty():
		return Value{}, unjudged("「%s」にあたる行がありません", "no row belongs to %s", clip(s.text))
	case x.wrong != nil:
		return Value{}, x.wrong
	}
	return x.value, nil
}

func shownKey(key []Value) string {
	parts := make([]string, len(key))
	for i, v := range key {
		parts[i] = clip(v.Canonical())
	}
	return strings.Join(parts, " / ")
}

func (p *pass) before(s *slot) (Value, error) {
	i, ok := p.row.table.Find(s.column)
	if !ok {
		return Value{}, unjudged("欄「%s」がありません", "there is no column %s", s.column)
	}
	var was Value
	has := false
	if p.judge.world.Before != nil {
		was, has = p.judge.world.Before(p.row, s.column)
	}
	if s.what == "changed" {
		// A row that was not there before is new, which is not a change.
		return YesNoOf(has && was.Canonical() != p.row.values[i].Canonical()), nil
	}
	if has && was.Type() != s.result && !was.IsEmpty() {
		return Value{}, unjudged("「%s」の前回の値は%sではありません", "the earlier value of %s is no %s", s.column, s.result.Words().In(calendar.English))
	}
	return was, nil
}

// grouping counts over all rows of the slot's table, once a run.
func (j *Judge) grouping(s *slot) (*grouping, error) {
	if g, ok := j.groups[s]; ok {
		return g, nil
	}
	t := j.world.Table
	if s.source != "" {
		var err error
		if t, err = j.other(s.source); err != nil {
			return nil, err
		}
	}
	if t == nil {
		return nil, unjudged("「%s」を数える表がありません", "there is no table to count %s in", clip(s.text))
	}
	var columns []int
	for _, c := range s.columns {
		i, ok := t.Find(c)
		if !ok {
			return nil, unjudged("%s に欄「%s」がありません", "%s has no column %s", t.Name(), c)
		}
		columns = append(columns, i)
	}
	g := &grouping{of: make(map[string]*group)}
	for row, err := range t.Rows() {
		if err != nil {
			return nil, &tableError{err}
		}
		var key string
		if s.source != "" {
			k, ok := row.Key(columns...)
			if !ok && len(columns) > 0 {
				continue
			}
			key = k
		} else {
			values, err := (&pass{judge: j, row: row}).keyOf(s)
			if _, is := errors.AsType[*Unjudged](err); is {
				continue // a row without the key belongs to no group; asked itself, it is unjudged
			}
			if err != nil {
				return nil, err
			}
			key = canonicalKey(values)
		}
		x := g.of[key]
		if x == nil {
			x = &group{}
			g.of[key] = x
		}
		x.n++
		if s.value == nil || x.wrong != nil {
			continue
		}
		v, err := j.Value(s.value, row)
		if u, is := errors.AsType[*Unjudged](err); is {
			x.wrong = &Unjudged{calendar.Text{JA: row.Place().JA + "の" + u.What.JA, EN: row.Place().EN + ": " + u.What.EN}}
			continue
		}
		if err != nil {
			return nil, err
		}
		x.take(s.what, v, row)
	}
	j.groups[s] = g
	return g, nil
}

func (x *group) take(what string, v Value, row Row) {
	if v.IsEmpty() {
		if what == "sum" {
			// A sum that silently left a line out would look like a right one.
			x.wrong = unjudged("%[1]s行目に値がないので、合計できません", "row %[1]d has no value, so there is no sum", row.Number())
		}
		return
	}
	if x.value.IsEmpty() {
		x.value = v
		return
	}
	switch c, _ := v.Compare(x.value); {
	case what == "sum":
		x.value = NumberOf(x.value.Number().Add(v.Number()))
	case what == "max" && c > 0, what == "min" && c < 0:
		x.value = v
	}
}
