package table

import (
	"fmt"
	"math"

	"github.com/expr-lang/expr"
	"github.com/shopspring/decimal"

	"bod/internal/calendar"
)

// Inside expr every type of a value has a Go type of its own, because expr chooses an operator by
// the static types of its operands. Texts are plain strings, so that contains, matches and the like are expr's own.
type (
	numberV struct{ value }
	dateV   struct{ value }
	timeV   struct{ value }
	yesNoV  struct{ value }
	emptyV  struct{} // the word 空
)

// value is a Value that knows which column it comes from, for the message when it is empty.
type value struct {
	Value
	from string
}

// passName and columnAlias are the only names that expr sees. A column's own name may be anything.
const passName = "p"

func columnAlias(i int) string { return fmt.Sprintf("c%d", i) }

func wrapColumn(c Column, v Value) any { return wrap(c.Type, v, c.Name) }

// wrap makes a value what expr takes for a column of that type. A value of another type (one that
// doesn't fit its column) is kept as it is, and refused when it is used.
func wrap(t Type, v Value, from string) any {
	switch t {
	case Number:
		return numberV{value{v, from}}
	case Date:
		return dateV{value{v, from}}
	case Time:
		return timeV{value{v, from}}
	case YesNo:
		return yesNoV{value{v, from}}
	}
	if v.typ == Text {
		return Normal(v.text)
	}
	return v.Canonical()
}

func unwrap(x any) Value {
	switch v := x.(type) {
	case numberV:
		return v.Value
	case dateV:
		return v.Value
	case timeV:
		return v.Value
	case yesNoV:
		return v.Value
	case string:
		return TextOf(v)
	case bool:
		return YesNoOf(v)
	}
	return Value{}
}

// known refuses a value that nothing can be said about.
func (v value) known(t Type) error {
	if v.typ == t {
		return nil
	}
	if v.IsEmpty() {
		if v.from == "" {
			return unjudged("計算に使う値が空です", "a value is empty")
		}
		return unjudged("「%s」が空です", "%s is empty", clip(v.from))
	}
	return &Unjudged{calendar.Text{
		JA: fmt.Sprintf("「%s」の「%s」は%sとして読めません", clip(v.from), clip(asText(v.Value)), t.Words().JA),
		EN: fmt.Sprintf("%s: %q is no %s", clip(v.from), clip(asText(v.Value)), t.Words().EN)}}
}

// goTypes are the Go types as expr's messages name them, with their words.
var goTypes = map[string]Type{
	"table.numberV": Number, "table.dateV": Date, "table.timeV": Time, "table.yesNoV": YesNo, "bool": YesNo, "string": Text, "table.emptyV": Empty,
}

func number2(a, b any) (x, y Value, err error) {
	m, n := a.(numberV), b.(numberV)
	if err := m.known(Number); err != nil {
		return x, y, err
	}
	return m.Value, n.Value, n.known(Number)
}

// plainInts are two numbers that can be counted with as they lie.
func plainInts(a, b Value) bool {
	return a.big == nil && b.big == nil && a.scale == b.scale && a.n < math.MaxInt64/2 && a.n > math.MinInt64/2 && b.n < math.MaxInt64/2 && b.n > math.MinInt64/2
}

func numberAnswer(d decimal.Decimal) numberV { return numberV{value{Value: NumberOf(d)}} }

func addNumbers(ps ...any) (any, error) {
	a, b, err := number2(ps[0], ps[1])
	if err != nil {
		return nil, err
	}
	if plainInts(a, b) {
		return numberV{value{Value: Value{typ: Number, n: a.n + b.n, scale: a.scale}}}, nil
	}
	return numberAnswer(a.Number().Add(b.Number())), nil
}

func subNumbers(ps ...any) (any, error) {
	a, b, err := number2(ps[0], ps[1])
	if err != nil {
		return nil, err
	}
	if plainInts(a, b) {
		return numberV{value{Value: Value{typ: Number, n: a.n - b.n, scale: a.scale}}}, nil
	}
	return numberAnswer(a.Number().Sub(b.Number())), nil
}

func mulNumbers(ps ...any) (any, error) {
	a, b, err := number2(ps[0], ps[1])
	if err != nil {
		return nil, err
	}
	return numberAnswer(a.Number().Mul(b.Number())), nil
}

// divPlaces is to how many decimal places a division is worked out.
const divPlaces = 16

func divNumbers(ps ...any) (any, error) {
	a, b, err := number2(ps[0], ps[1])
	if err != nil {
		return nil, err
	}
	if b.Number().IsZero() {
		return nil, unjudged("0で割ることになります", "it would divide by zero")
	}
	return numberAnswer(a.Number().DivRound(b.Number(), divPlaces)), nil
}

func modNumbers(ps ...any) (any, error) {
	a, b, err := number2(ps[0], ps[1])
	if err != nil {
		return nil, err
	}
	if b.Number().IsZero() {
		return nil, unjudged("0で割ることになります", "it would divide by zero")
	}
	return numberAnswer(a.Number().Mod(b.Number())), nil
}

// ordered makes <, <=, > and >= of a comparison; both sides have to be known.
func ordered(holds func(c int) bool) func(ps ...any) (any, error) {
	return func(ps ...any) (any, error) {
		a, b, err := both(ps[0], ps[1])
		if err != nil {
			return nil, err
		}
		c, ok := a.Compare(b)
		if !ok {
			return nil, unjudged("「%s」と「%s」は比べられません", "%s and %s can't be compared", a.Canonical(), b.Canonical())
		}
		return holds(c), nil
	}
}

// both are two values that have to be known; a text beside a day is a day that was written out.
func both(x, y any) (a, b Value, err error) {
	if a, err = sure(x, y); err != nil {
		return a, b, err
	}
	b, err = sure(y, x)
	return a, b, err
}

func sure(x, beside any) (Value, error) {
	switch v := x.(type) {
	case numberV:
		return v.Value, v.known(Number)
	case dateV:
		return v.Value, v.known(Date)
	case timeV:
		return v.Value, v.known(Time)
	case yesNoV:
		return v.Value, v.known(YesNo)
	case string:
		switch beside.(type) {
		case dateV, timeV:
			return writtenDay(v)
		}
		return TextOf(v), nil
	}
	return Value{}, nil
}

// writtenDay reads a day that stands in quotes in a rule, or in a column of texts.
func writtenDay(s string) (Value, error) {
	v, ok := fit(cell{Value: TextOf(s)}, Date, nil)
	if !ok || v.typ != Date {
		return Value{}, unjudged("「%s」は日付として読めません", "%q is no date", clip(s))
	}
	return v, nil
}

// same makes == and !=. Nothing equals only nothing; a value that its column's type doesn't fit equals nothing that can be said.
func same(want bool) func(ps ...any) (any, error) {
	return func(ps ...any) (any, error) {
		a, b := unwrap(ps[0]), unwrap(ps[1])
		if a.IsEmpty() || b.IsEmpty() {
			return (a.IsEmpty() && b.IsEmpty()) == want, nil
		}
		a, b, err := both(ps[0], ps[1])
		if err != nil {
			return nil, err
		}
		c, ok := a.Compare(b)
		return (ok && c == 0) == want, nil
	}
}

// among makes in: whether a value equals one of a list.
func among(ps ...any) (any, error) {
	list, ok := ps[1].([]any)
	if !ok {
		return nil, unjudged("in の右は [ ] で囲んだ並びにしてください", "what stands after in has to be a list in [ ]")
	}
	equal := same(true)
	for _, x := range list {
		yes, err := equal(ps[0], x)
		if err != nil {
			return nil, err
		}
		if yes == true {
			return true, nil
		}
	}
	return false, nil
}

func daysBetween(ps ...any) (any, error) {
	a, b, err := both(ps[0], ps[1])
	if err != nil {
		return nil, err
	}
	return numberV{value{Value: IntOf(int64(DateOf(a.Date()).n - DateOf(b.Date()).n))}}, nil
}

// shifted makes day + n and day - n.
func shifted(sign int) func(ps ...any) (any, error) {
	return func(ps ...any) (any, error) {
		d, n := ps[0], ps[1]
		if _, is := d.(numberV); is {
			d, n = n, d
		}
		day, err := sure(d, nil)
		if err != nil {
			return nil, err
		}
		v, err := sure(n, nil)
		if err != nil {
			return nil, err
		}
		count, err := wholeDays(v)
		if err != nil {
			return nil, err
		}
		return dateV{value{Value: DateOf(day.Date().AddDays(sign * count))}}, nil
	}
}

// maxDays is how far a rule may reach. Farther is a slip.
const maxDays = 100_000

func wholeDays(v Value) (int, error) {
	n, ok := v.Int()
	if !ok || n > maxDays || n < -maxDays {
		return 0, unjudged("日数「%s」では日付を計算できません", "%s is no number of days to count by", v.In(calendar.English))
	}
	return int(n), nil
}

// operator is one overload of one sign.
type operator struct {
	sign, name string
	fn         func(ps ...any) (any, error)
	types      []any
}

func less(c int) bool        { return c < 0 }
func lessOrEqual(c int) bool { return c <= 0 }
func more(c int) bool        { return c > 0 }
func moreOrEqual(c int) bool { return c >= 0 }

// operators are all overloads.
var operators = []operator{
	{"+", "add_", addNumbers, []any{new(func(numberV, numberV) numberV)}},
	{"-", "sub_", subNumbers, []any{new(func(numberV, numberV) numberV)}},
	{"*", "mul_", mulNumbers, []any{new(func(numberV, numberV) numberV)}},
	{"/", "div_", divNumbers, []any{new(func(numberV, numberV) numberV)}},
	{"%", "mod_", modNumbers, []any{new(func(numberV, numberV) numberV)}},
	{"-", "days_", daysBetween, []any{new(func(dateV, dateV) numberV), new(func(timeV, timeV) numberV), new(func(dateV, timeV) numberV), new(func(timeV, dateV) numberV)}},
	{"+", "later_", shifted(+1), []any{new(func(dateV, numberV) dateV), new(func(timeV, numberV) dateV), new(func(numberV, dateV) dateV)}},
	{"-", "earlier_", shifted(-1), []any{new(func(dateV, numberV) dateV), new(func(timeV, numberV) dateV)}},
	{"<", "lt_", ordered(less), orderedTypes}, {"<=", "le_", ordered(lessOrEqual), orderedTypes},
	{">", "gt_", ordered(more), orderedTypes}, {">=", "ge_", ordered(moreOrEqual), orderedTypes},
	{"==", "eq_", same(true), equalTypes}, {"!=", "ne_", same(false), equalTypes},
}

var orderedTypes = []any{
	new(func(numberV, numberV) bool),
	new(func(dateV, dateV) bool), new(func(timeV, timeV) bool), new(func(dateV, timeV) bool), new(func(timeV, dateV) bool),
	new(func(dateV, string) bool), new(func(string, dateV) bool), new(func(timeV, string) bool), new(func(string, timeV) bool),
}

var equalTypes = append([]any{
	new(func(yesNoV, yesNoV) bool),
	new(func(numberV, emptyV) bool), new(func(emptyV, numberV) bool), new(func(dateV, emptyV) bool), new(func(emptyV, dateV) bool),
	new(func(timeV, emptyV) bool), new(func(emptyV, timeV) bool), new(func(yesNoV, emptyV) bool), new(func(emptyV, yesNoV) bool),
	new(func(string, emptyV) bool), new(func(emptyV, string) bool),
}, orderedTypes...)

// operatorOptions give expr the overloads.
func operatorOptions() []expr.Option {
	var out []expr.Option
	bySign := map[string][]string{}
	var order []string
	for _, o := range operators {
		out = append(out, expr.Function(o.name, o.fn, o.types...))
		if bySign[o.sign] == nil {
			order = append(order, o.sign)
		}
		bySign[o.sign] = append(bySign[o.sign], o.name)
	}
	for _, sign := range order {
		out = append(out, expr.Operator(sign, bySign[sign]...))
	}
	return out
}
