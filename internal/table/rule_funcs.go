package table

import (
	"reflect"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"bod/internal/calendar"
)

// RuleFunction documents one function of the rules, as the manual has it.
type RuleFunction struct {
	JA, EN  string // its two names; either may be written
	Meaning calendar.Text
	Example string
}

// ruleFunc is one function with what it takes and gives.
type ruleFunc struct {
	RuleFunction
	forms []form
}

// form is one way to call a function. Its arguments are known and of these types: an empty one, or one that its
// column's type doesn't fit, makes the rule unjudged before fn is called; raw forms get them as they are.
type form struct {
	takes []Type
	gives Type
	raw   bool
	fn    func(p *pass, v []Value) (Value, error)
}

func text2(ja, en string) calendar.Text { return calendar.Text{JA: ja, EN: en} }

// dayForms are the same function for a day and for a day with a time.
func dayForms(gives Type, rest []Type, fn func(p *pass, v []Value) (Value, error)) []form {
	return []form{
		{takes: append([]Type{Date}, rest...), gives: gives, fn: fn},
		{takes: append([]Type{Time}, rest...), gives: gives, fn: fn},
	}
}

func today(p *pass) calendar.Date { return p.judge.world.Today }

// businessDays counts the open days after a up to and with b: 0 on the day itself, negative when b comes before a.
func businessDays(p *pass, a, b calendar.Date) (Value, error) {
	days := p.judge.world.Days
	if days == nil {
		return Value{}, unjudged("営業日の表がありません", "there are no business days")
	}
	sign := int64(1)
	if b.Before(a) {
		a, b, sign = b, a, -1
	}
	span := DateOf(b).n - DateOf(a).n
	if span > maxDays {
		return Value{}, unjudged("%s から %s までは長すぎて、営業日を数えられません", "%s to %s is too long to count business days", a, b)
	}
	n := int64(0)
	for i := int64(1); i <= span; i++ {
		// Backwards the day that is counted from is not counted either.
		d := a.AddDays(int(i))
		if sign < 0 {
			d = b.AddDays(-int(i))
		}
		if days.IsOpen(d) {
			n++
		}
	}
	return IntOf(sign * n), nil
}

func rounding(round func(d decimal.Decimal, places int32) decimal.Decimal) []form {
	fn := func(p *pass, v []Value) (Value, error) {
		places := int64(0)
		if len(v) > 1 {
			n, ok := v[1].Int()
			if !ok || n < -18 || n > 18 {
				return Value{}, unjudged("桁「%s」では丸められません", "%s is no number of decimal places", v[1].Canonical())
			}
			places = n
		}
		return NumberOf(round(v[0].Number(), int32(places))), nil
	}
	return []form{{takes: []Type{Number}, gives: Number, fn: fn}, {takes: []Type{Number, Number}, gives: Number, fn: fn}}
}

func isEmptyForms() []form {
	var out []form
	for t := Text; t <= YesNo; t++ {
		out = append(out, form{takes: []Type{t}, gives: YesNo, raw: true, fn: func(p *pass, v []Value) (Value, error) { return YesNoOf(v[0].IsEmpty()), nil }})
	}
	return out
}

func orElseForms() []form {
	var out []form
	for t := Text; t <= Time; t++ {
		out = append(out, form{takes: []Type{t, t}, gives: t, raw: true, fn: func(p *pass, v []Value) (Value, error) {
			if v[0].IsEmpty() {
				return v[1], nil
			}
			return v[0], nil
		}})
	}
	return out
}

func textForms() []form {
	var out []form
	for t := Text; t <= YesNo; t++ {
		out = append(out, form{takes: []Type{t}, gives: Text, raw: true, fn: func(p *pass, v []Value) (Value, error) { return TextOf(v[0].Canonical()), nil }})
	}
	return out
}

func picked(want int) func(p *pass, v []Value) (Value, error) {
	return func(p *pass, v []Value) (Value, error) {
		if c, _ := v[0].Compare(v[1]); c == want {
			return v[0], nil
		}
		return v[1], nil
	}
}

func cased(change func(string) string) []form {
	return []form{{takes: []Type{Text}, gives: Text, raw: true, fn: func(p *pass, v []Value) (Value, error) { return TextOf(change(v[0].text)), nil }}}
}

var weekdays = [...]string{"日", "月", "火", "水", "木", "金", "土"}

// ruleFuncs are all functions of a row's own values: the one visible table. Those that look into other rows are in slotFuncs.
var ruleFuncs = []ruleFunc{
	{RuleFunction{"今日", "today", text2("きょうの日付", "today's date"), `納期 < 今日()`},
		[]form{{gives: Date, fn: func(p *pass, v []Value) (Value, error) { return DateOf(today(p)), nil }}}},
	{RuleFunction{"経過日数", "days_since", text2("その日から何日たったか。当日は0", "days since that day; 0 on the day itself"), `経過日数(注文日) > 7`},
		dayForms(Number, nil, func(p *pass, v []Value) (Value, error) { return IntOf(DateOf(today(p)).n - DateOf(v[0].Date()).n), nil })},
	{RuleFunction{"経過営業日数", "business_days_since", text2("その日の翌日からきょうまでの営業日の数。当日は0", "business days after that day, up to today; 0 on the day itself"), `経過営業日数(注文日) > 5`},
		dayForms(Number, nil, func(p *pass, v []Value) (Value, error) { return businessDays(p, v[0].Date(), today(p)) })},
	{RuleFunction{"残り日数", "days_until", text2("その日まであと何日か。当日は0、過ぎれば負の数", "days until that day; 0 on the day itself, negative after it"), `残り日数(満了日) <= 30`},
		dayForms(Number, nil, func(p *pass, v []Value) (Value, error) { return IntOf(DateOf(v[0].Date()).n - DateOf(today(p)).n), nil })},
	{RuleFunction{"残り営業日数", "business_days_until", text2("あすからその日までの営業日の数。当日は0、過ぎれば負の数", "business days after today, up to that day; 0 on the day itself, negative after it"), `残り営業日数(納期) <= 3`},
		dayForms(Number, nil, func(p *pass, v []Value) (Value, error) { return businessDays(p, today(p), v[0].Date()) })},
	{RuleFunction{"日数", "days_between", text2("1つ目の日から2つ目の日までの日数", "days from the first day to the second"), `日数(注文日, 納期) > 30`},
		[]form{{takes: []Type{Date, Date}, gives: Number, fn: func(p *pass, v []Value) (Value, error) { return IntOf(v[1].n - v[0].n), nil }}}},
	{RuleFunction{"営業日数", "business_days_between", text2("1つ目の日の翌日から2つ目の日までの営業日の数", "business days after the first day, up to the second"), `営業日数(注文日, 出荷日) > 3`},
		[]form{{takes: []Type{Date, Date}, gives: Number, fn: func(p *pass, v []Value) (Value, error) { return businessDays(p, v[0].Date(), v[1].Date()) }}}},
	{RuleFunction{"営業日後", "business_days_after", text2("その日からn営業日あとの日（負の数なら前）", "the day n business days after that day (before it when negative)"), `回答日 > 営業日後(注文日, 3)`},
		dayForms(Date, []Type{Number}, func(p *pass, v []Value) (Value, error) {
			n, err := wholeDays(v[1])
			if err != nil {
				return Value{}, err
			}
			days := p.judge.world.Days
			if days == nil {
				return Value{}, unjudged("営業日の表がありません", "there are no business days")
			}
			d, ok := days.Add(v[0].Date(), n)
			if !ok {
				return Value{}, unjudged("%s から%d営業日の日が見つかりません", "there is no day %[2]d business days from %[1]s", v[0].Date(), n)
			}
			return DateOf(d), nil
		})},
	{RuleFunction{"営業日", "is_business_day", text2("その日が営業日かどうか", "whether that day is a business day"), `ではない 営業日(納期)`},
		dayForms(YesNo, nil, func(p *pass, v []Value) (Value, error) {
			if p.judge.world.Days == nil {
				return Value{}, unjudged("営業日の表がありません", "there are no business days")
			}
			return YesNoOf(p.judge.world.Days.IsOpen(v[0].Date())), nil
		})},
	{RuleFunction{"月末", "month_end", text2("その日の月の最後の日", "the last day of that day's month"), `満了日 == 月末(満了日)`},
		dayForms(Date, nil, func(p *pass, v []Value) (Value, error) {
			d := v[0].Date()
			next := calendar.Date{Year: d.Year, Month: d.Month, Day: 28}.AddDays(4) // some day of the next month
			return DateOf(next.AddDays(-next.Day)), nil
		})},
	{RuleFunction{"年", "year", text2("その日の年", "the year of that day"), `年(注文日) == 2026`},
		dayForms(Number, nil, func(p *pass, v []Value) (Value, error) { return IntOf(int64(v[0].Date().Year)), nil })},
	{RuleFunction{"月", "month", text2("その日の月（1〜12）", "the month of that day (1 to 12)"), `月(締め日) == 11`},
		dayForms(Number, nil, func(p *pass, v []Value) (Value, error) { return IntOf(int64(v[0].Date().Month)), nil })},
	{RuleFunction{"日", "day", text2("その日の日（1〜31）", "the day of the month (1 to 31)"), `日(締め日) == 20`},
		dayForms(Number, nil, func(p *pass, v []Value) (Value, error) { return IntOf(int64(v[0].Date().Day)), nil })},
	{RuleFunction{"曜日", "weekday", text2("その日の曜日（「月」など）", "the day of the week, as one Japanese character"), `曜日(納期) in ["土", "日"]`},
		dayForms(Text, nil, func(p *pass, v []Value) (Value, error) { return TextOf(weekdays[v[0].Date().Weekday()]), nil })},
	{RuleFunction{"空", "empty", text2("その欄が空かどうか", "whether nothing stands there"), `空(回答納期)`}, isEmptyForms()},
	{RuleFunction{"空なら", "or_else", text2("空のときに代わりに使う値", "the value, or another one where it is empty"), `空なら(値引, 0) > 1000`}, orElseForms()},
	{RuleFunction{"長さ", "length", text2("文字の数", "how many characters"), `長さ(郵便番号) != 8`},
		[]form{{takes: []Type{Text}, gives: Number, raw: true, fn: func(p *pass, v []Value) (Value, error) { return IntOf(int64(len([]rune(Normal(v[0].text))))), nil }}}},
	{RuleFunction{"大文字", "upper", text2("英字を大文字にした文字", "the text in upper case"), `大文字(型番) == 型番`}, cased(strings.ToUpper)},
	{RuleFunction{"小文字", "lower", text2("英字を小文字にした文字", "the text in lower case"), `小文字(メール)`}, cased(strings.ToLower)},
	{RuleFunction{"文字", "text", text2("値を文字にする", "the value as text"), `文字(数量) == "10"`}, textForms()},
	{RuleFunction{"数", "number", text2("文字を数として読む", "a text read as a number"), `数(枝番) > 3`},
		[]form{{takes: []Type{Text}, gives: Number, fn: func(p *pass, v []Value) (Value, error) {
			n, ok := fit(cell{Value: v[0]}, Number, nil)
			if !ok || n.IsEmpty() {
				return Value{}, unjudged("「%s」は数として読めません", "%q is no number", clip(v[0].text))
			}
			return n, nil
		}}}},
	{RuleFunction{"日付", "date", text2("文字を日付として読む", "a text read as a date"), `納期 < 日付("2026-12-29")`},
		[]form{{takes: []Type{Text}, gives: Date, fn: func(p *pass, v []Value) (Value, error) { return writtenDay(v[0].text) }},
			{takes: []Type{Time}, gives: Date, fn: func(p *pass, v []Value) (Value, error) { return DateOf(v[0].Date()), nil }}}},
	{RuleFunction{"四捨五入", "round", text2("四捨五入。2つ目は小数の桁（なければ0）", "rounded half up; the second is how many decimal places (0 if not said)"), `四捨五入(単価 * 数量) != 金額`},
		rounding(decimal.Decimal.Round)},
	{RuleFunction{"切捨て", "round_down", text2("0に近いほうへ切り捨て", "rounded towards zero"), `切捨て(本体 * 0.1) != 消費税`}, rounding(decimal.Decimal.RoundDown)},
	{RuleFunction{"切上げ", "round_up", text2("0から遠いほうへ切り上げ", "rounded away from zero"), `切上げ(金額 / 1000)`}, rounding(decimal.Decimal.RoundUp)},
	{RuleFunction{"絶対値", "abs", text2("符号を取った数", "the number without its sign"), `絶対値(前月比) > 0.3`},
		[]form{{takes: []Type{Number}, gives: Number, fn: func(p *pass, v []Value) (Value, error) { return NumberOf(v[0].Number().Abs()), nil }}}},
	{RuleFunction{"大きいほう", "larger", text2("2つのうち大きい（遅い）ほう", "the larger, or later, of two"), `大きいほう(見積, 実績)`},
		[]form{{takes: []Type{Number, Number}, gives: Number, fn: picked(1)}, {takes: []Type{Date, Date}, gives: Date, fn: picked(1)}}},
	{RuleFunction{"小さいほう", "smaller", text2("2つのうち小さい（早い）ほう", "the smaller, or earlier, of two"), `小さいほう(見積, 実績)`},
		[]form{{takes: []Type{Number, Number}, gives: Number, fn: picked(-1)}, {takes: []Type{Date, Date}, gives: Date, fn: picked(-1)}}},
}

// slotFuncs look into rows: of another source, of the whole table, or of an earlier run. Their arguments are not values
// but parts of the rule, so that the writer takes them apart.
var slotFuncs = []RuleFunction{
	{"参照", "lookup", text2("ほかの表の1行を探して、その欄の値を使う。1行だけ見つからなければ、人の判断に回します", "a value of the one row of another source that has these values; no row, or several, is for a person"), `参照("customers", 得意先コード).担当 == ""`},
	{"ある", "found", text2("ほかの表にその行があるかどうか", "whether another source has such a row"), `ではない ある("products", 型番)`},
	{"件数", "count", text2("同じ値の行の数。1つ目に表の名前を書けば、その表で数えます", "how many rows have the same values; of another source when its name comes first"), `件数(請求書番号) > 1`},
	{"合計", "sum", text2("同じ値の行の合計", "the sum over the rows that have the same values"), `合計("lines", 単価 * 数量, 注文番号) != 合計金額`},
	{"最大", "max", text2("同じ値の行の中でいちばん大きい値", "the largest over the rows that have the same values"), `最大(納期, 注文番号)`},
	{"最小", "min", text2("同じ値の行の中でいちばん小さい値", "the smallest over the rows that have the same values"), `最小(納期, 注文番号)`},
	{"前回", "previous", text2("前に見たときの値", "the value at the last look"), `前回(状態) == "未発送"`},
	{"変わった", "changed", text2("前に見たときから値が変わったかどうか", "whether the value is another one than at the last look"), `変わった(状態)`},
}

// RuleFunctions documents every function of the rules, in the order of the manual.
func RuleFunctions() []RuleFunction {
	var out []RuleFunction
	for _, f := range ruleFuncs {
		out = append(out, f.RuleFunction)
	}
	return append(out, slotFuncs...)
}

func funcNamed(name string) (int, bool) {
	i := slices.IndexFunc(ruleFuncs, func(f ruleFunc) bool { return f.JA == name || strings.EqualFold(f.EN, name) })
	return i, i >= 0
}

func slotNamed(name string) (string, bool) {
	i := slices.IndexFunc(slotFuncs, func(f RuleFunction) bool { return f.JA == name || strings.EqualFold(f.EN, name) })
	if i < 0 {
		return "", false
	}
	return slotFuncs[i].EN, true
}

var goTypeOf = map[Type]reflect.Type{
	Text: reflect.TypeFor[string](), Number: reflect.TypeFor[numberV](), Date: reflect.TypeFor[dateV](), Time: reflect.TypeFor[timeV](), YesNo: reflect.TypeFor[bool](),
}

// rawTypeOf is what a raw form takes: a yes/no column that may be empty.
func rawTypeOf(t Type, raw bool) reflect.Type {
	if t == YesNo && raw {
		return reflect.TypeFor[yesNoV]()
	}
	return goTypeOf[t]
}

// signature is a form as expr wants it: a pointer to a function of these types, the pass first.
func (f form) signature() any {
	in := []reflect.Type{reflect.TypeFor[*pass]()}
	for _, t := range f.takes {
		in = append(in, rawTypeOf(t, f.raw))
	}
	return reflect.New(reflect.FuncOf(in, []reflect.Type{goTypeOf[f.gives]}, false)).Interface()
}

// takes reports whether these arguments are the form's.
func (f form) fits(args []any) bool {
	if len(args) != len(f.takes) {
		return false
	}
	for i, a := range args {
		if reflect.TypeOf(a) != rawTypeOf(f.takes[i], f.raw) {
			return false
		}
	}
	return true
}

// call is what expr calls: the pass, then the arguments.
func (f *ruleFunc) call(ps ...any) (any, error) {
	p, args := ps[0].(*pass), ps[1:]
	for _, x := range f.forms {
		if !x.fits(args) {
			continue
		}
		values := make([]Value, len(args))
		for i, a := range args {
			if x.raw {
				values[i] = unwrap(a)
				continue
			}
			v, err := sure(a, nil)
			if err != nil {
				return nil, err
			}
			if v.IsEmpty() {
				return nil, &Unjudged{text2("「"+f.JA+"」に渡す値が空です", "a value for "+f.EN+" is empty")}
			}
			values[i] = v
		}
		v, err := x.fn(p, values)
		if err != nil {
			return nil, err
		}
		return answered(x.gives, v), nil
	}
	return nil, &Unjudged{text2("「"+f.JA+"」をその値では計算できません", f.EN+" can't take these values")}
}

// answered makes an answer what expr has been promised: a yes or no is a bool.
func answered(t Type, v Value) any {
	if t == YesNo {
		return v.YesNo()
	}
	return wrap(t, v, "")
}
