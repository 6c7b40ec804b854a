package table

import (
	"cmp"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"bod/internal/calendar"
)

// Type is the type of a value, and of a column.
type Type uint8

// The types. The zero Value is Empty.
const (
	Empty  Type = iota // nothing stands there; no column has this type but one without any value
	Text               // letters and digits as somebody wrote them: also codes such as 0012
	Number             // a decimal number, never a binary fraction
	Date               // a day
	Time               // a day and a time of day, in the office's time zone
	YesNo              // yes or no
)

// typeNames are what the file calls each type, and how it is said.
var typeNames = [...]struct {
	name  string
	words calendar.Text
}{
	Empty:  {"empty", calendar.Text{JA: "空", EN: "empty"}},
	Text:   {"text", calendar.Text{JA: "文字", EN: "text"}},
	Number: {"number", calendar.Text{JA: "数", EN: "number"}},
	Date:   {"date", calendar.Text{JA: "日付", EN: "date"}},
	Time:   {"time", calendar.Text{JA: "日時", EN: "date and time"}},
	YesNo:  {"yes/no", calendar.Text{JA: "はい・いいえ", EN: "yes/no"}},
}

// String is the type's name in jobs.toml.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t].name
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// Words says the type to a person.
func (t Type) Words() calendar.Text {
	if int(t) < len(typeNames) {
		return typeNames[t].words
	}
	return calendar.Text{}
}

// ParseType reads a type as jobs.toml names it, in English or Japanese.
func ParseType(s string) (Type, bool) {
	s = Fold(s)
	for t := Text; t <= YesNo; t++ {
		if s == typeNames[t].name || s == typeNames[t].words.JA {
			return t, true
		}
	}
	switch s {
	case "文字列":
		return Text, true
	case "数字", "数値", "金額", "amount", "decimal":
		return Number, true
	case "日", "年月日":
		return Date, true
	case "日付時刻", "datetime":
		return Time, true
	case "はい/いいえ", "yesno", "bool":
		return YesNo, true
	}
	return Empty, false
}

// Value is one value of a table. It never changes. The zero Value is empty.
//
// Values are compared with Equal and never with ==: 12.0 and 12 are the same number.
type Value struct {
	text  string           // Text: as written, NFC, without blanks around it
	big   *decimal.Decimal // Number that is too long for n
	zone  *time.Location   // Time
	n     int64            // Number: n × 10^-scale; Date: days since 1970-01-01; Time: microseconds since then; YesNo: 1 or 0
	scale uint8            // Number
	year  bool             // Number: of a column of years, said without a comma
	typ   Type
}

// TextOf is a text as it is written. An empty one, and one of blanks, is the empty Value.
func TextOf(s string) Value {
	s = tidy(s)
	if s == "" {
		return Value{}
	}
	return Value{typ: Text, text: s}
}

// NumberOf is a number.
func NumberOf(d decimal.Decimal) Value {
	if c := d.Coefficient(); c.IsInt64() && d.Exponent() <= 0 && d.Exponent() >= -maxScale {
		return Value{typ: Number, n: c.Int64(), scale: uint8(-d.Exponent())}
	}
	return Value{typ: Number, big: &d}
}

// maxScale is how many decimal places a short number may have.
const maxScale = 18

// IntOf is a whole number.
func IntOf(n int64) Value { return Value{typ: Number, n: n} }

// DateOf is a day.
func DateOf(d calendar.Date) Value {
	return Value{typ: Date, n: time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / secondsOfDay}
}

const secondsOfDay = 24 * 60 * 60

// TimeOf is a moment, shown in t's zone. What is finer than a microsecond is cut off.
func TimeOf(t time.Time) Value {
	return Value{typ: Time, n: t.UnixMicro(), zone: t.Location()}
}

// YesNoOf is yes or no.
func YesNoOf(yes bool) Value {
	v := Value{typ: YesNo}
	if yes {
		v.n = 1
	}
	return v
}

// Type is the value's type.
func (v Value) Type() Type { return v.typ }

// IsEmpty reports whether nothing stands there.
func (v Value) IsEmpty() bool { return v.typ == Empty }

// Text is a text as written (NFC, no blanks around it); "" for every other type.
func (v Value) Text() string { return v.text }

// Number is a number; zero for every other type.
func (v Value) Number() decimal.Decimal {
	if v.typ != Number {
		return decimal.Decimal{}
	}
	if v.big != nil {
		return *v.big
	}
	return decimal.NewFromBigInt(big.NewInt(v.n), -int32(v.scale))
}

// Int is a number that is whole and fits; ok is false for every other number and type.
func (v Value) Int() (n int64, ok bool) {
	switch {
	case v.typ != Number:
		return 0, false
	case v.big == nil && v.scale == 0:
		return v.n, true
	}
	d := v.Number()
	if b := d.BigInt(); d.IsInteger() && b.IsInt64() {
		return b.Int64(), true
	}
	return 0, false
}

// Date is a date, and the day of a time in its zone; the zero Date for every other type.
func (v Value) Date() calendar.Date {
	switch v.typ {
	case Date:
		return calendar.DateOf(time.Unix(v.n*secondsOfDay, 0).UTC())
	case Time:
		return calendar.DateOf(v.Time())
	}
	return calendar.Date{}
}

// Time is a moment; the zero Time for every type but Time.
func (v Value) Time() time.Time {
	if v.typ != Time {
		return time.Time{}
	}
	t := time.UnixMicro(v.n)
	if v.zone == nil {
		return t.UTC()
	}
	return t.In(v.zone)
}

// YesNo is true for yes; false for no and for every other type.
func (v Value) YesNo() bool { return v.typ == YesNo && v.n == 1 }

// Equal reports whether two values are the same: of one type and with one canonical text.
// 12.0 is 12, ＡＢＣ is ABC, two times are equal when they are the same moment, and nothing equals
// only nothing. A text is never equal to a number; keys are compared by Canonical.
func (v Value) Equal(w Value) bool {
	if v.typ != w.typ {
		return false
	}
	if v.typ == Text {
		return v.text == w.text || Normal(v.text) == Normal(w.text)
	}
	c, ok := v.Compare(w)
	return ok && c == 0
}

// Compare is -1, 0 or +1 as v comes before, with or after w; ok is false where there is no order
// between the two: between different types, and between something and nothing. A date and a time
// are compared as days. Texts are ordered by their canonical texts, no before yes, nothing beside nothing.
func (v Value) Compare(w Value) (c int, ok bool) {
	switch {
	case v.typ == Date && w.typ == Time, v.typ == Time && w.typ == Date:
		return v.Date().Compare(w.Date()), true
	case v.typ != w.typ:
		return 0, false
	}
	switch v.typ {
	case Text:
		return strings.Compare(Normal(v.text), Normal(w.text)), true
	case Number:
		if v.big == nil && w.big == nil && v.scale == w.scale {
			return cmp.Compare(v.n, w.n), true
		}
		return v.Number().Cmp(w.Number()), true
	}
	return cmp.Compare(v.n, w.n), true
}

// Canonical is the value as keys and digests have it: the same text for the same value, from
// whatever source it comes and however it was written there. Numbers stand without zeros at their
// end ("12", "-0.5"), dates as 2026-11-25, times in UTC, yes and no as those words, texts as Normal
// gives them; "" is nothing. The text 12 and the number 12 have the same one: the customer 1001 of a
// database is the 1001 of a CSV in which the column has letters too.
func (v Value) Canonical() string {
	switch v.typ {
	case Text:
		return Normal(v.text)
	case Number:
		return number(v)
	case Date:
		return v.Date().String()
	case Time:
		return time.UnixMicro(v.n).UTC().Format("2006-01-02T15:04:05.999999Z")
	case YesNo:
		if v.n == 1 {
			return "yes"
		}
		return "no"
	}
	return ""
}

// In says the value to a person: 1,234,567 with its decimal places as they were, 2026年11月25日,
// 2026年11月25日 10:30, はい; texts as they are; "" is nothing.
func (v Value) In(l calendar.Language) string {
	switch v.typ {
	case Text:
		return v.text
	case Number:
		if v.year {
			return v.plain()
		}
		return grouped(v.plain())
	case Date:
		return day(v.Date(), l)
	case Time:
		t := v.Time()
		clock := fmt.Sprintf("%d:%02d", t.Hour(), t.Minute())
		if t.Second() != 0 {
			clock += fmt.Sprintf(":%02d", t.Second())
		}
		return day(v.Date(), l) + " " + clock
	case YesNo:
		return yesNo(v.n == 1).In(l)
	}
	return ""
}

func yesNo(yes bool) calendar.Text {
	if yes {
		return calendar.Text{JA: "はい", EN: "yes"}
	}
	return calendar.Text{JA: "いいえ", EN: "no"}
}

func day(d calendar.Date, l calendar.Language) string {
	if l == calendar.English {
		return fmt.Sprintf("%d %s %d", d.Day, d.Month, d.Year)
	}
	return fmt.Sprintf("%d年%d月%d日", d.Year, int(d.Month), d.Day)
}

// plain is a number with the decimal places that it has.
func (v Value) plain() string {
	if v.big != nil {
		return v.big.StringFixed(max(0, -v.big.Exponent()))
	}
	if v.scale == 0 {
		return fmt.Sprint(v.n)
	}
	return v.Number().StringFixed(int32(v.scale))
}

// number is a number without the zeros at its end.
func number(v Value) string {
	s := v.plain()
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// grouped puts commas between the thousands.
func grouped(s string) string {
	sign, rest := "", s
	if strings.HasPrefix(s, "-") {
		sign, rest = "-", s[1:]
	}
	whole, part, has := strings.Cut(rest, ".")
	var b strings.Builder
	b.WriteString(sign)
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	if has {
		b.WriteString("." + part)
	}
	return b.String()
}
