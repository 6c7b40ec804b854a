package table

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
)

// fits is what a text may be read as.
type fits uint16

const (
	fitsNumber  fits = 1 << iota // 1,200円
	fitsWhole                    // nothing but digits
	fitsCode                     // digits that are no number: 0012, and more of them than a number has
	fitsDate                     // 2026/11/25
	fitsTime                     // 2026/11/25 10:30
	fitsClock                    // with fitsTime: the time of day is not 0:00
	fitsYesNo                    // TRUE
	fitsDigits8                  // 20261125, when it is a day
	fitsNoYear                   // 11/25 and 26/11/25: a date of which the century or the year is a guess
)

// maxDigits of a whole number are read as one; more are a code. Excel keeps 15.
const maxDigits = 15

// sniff says what a text may be read as. It has to be fast: it sees every cell of a table.
func sniff(s string) fits {
	if s == "" {
		return 0
	}
	// Whatever is none of the types begins with a letter of some script most of the time.
	switch c := s[0]; {
	case c >= '0' && c <= '9':
		if digits(s) {
			return sniffDigits(s)
		}
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		if _, ok := truth(s); ok {
			return fitsYesNo
		}
		if c != 'M' && c != 'T' && c != 'S' && c != 'H' && c != 'R' && c != 'r' && c != 'h' && c != 's' && c != 't' && c != 'm' {
			return 0
		}
	case c >= utf8.RuneSelf:
		if r, _ := utf8.DecodeRuneInString(s); !mayBegin(r) {
			return 0
		}
	}
	if len(s) > 64 {
		return 0
	}
	t := narrow(s)
	if digits(t) {
		return sniffDigits(t)
	}
	if _, ok := parseNumber(t); ok {
		return fitsNumber
	}
	if _, ok := parseDate(t); ok {
		return fitsDate
	}
	if y, _, _, h, m, sec, us, _, ok := parseTime(t); ok && y != 0 {
		f := fitsTime
		if h+m+sec+us != 0 {
			f |= fitsClock
		}
		return f
	}
	if noYear(t) {
		return fitsNoYear
	}
	return 0
}

// mayBegin reports whether a number or a date may begin with a character that is no ASCII.
func mayBegin(r rune) bool {
	return r >= '０' && r <= '９' || strings.ContainsRune("△▲▼￥¥－−＋（明大昭平令㍾㍽㍼㍻㋿ＭＴＳＨＲ", r)
}

func sniffDigits(s string) fits {
	switch {
	case len(s) > 1 && s[0] == '0', len(s) > maxDigits:
		return fitsCode
	case len(s) == 8:
		if _, ok := eightDigits(s); ok {
			return fitsNumber | fitsWhole | fitsDigits8
		}
	}
	return fitsNumber | fitsWhole
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// narrow makes full-width digits and signs half-width.
func narrow(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.TrimSpace(norm.NFKC.String(lookalikes.Replace(s)))
		}
	}
	return s
}

// truth reads the words by which programs write a truth value. What people write (はい, ○) stays a text
// unless the column is said to be yes/no: a rule names the word that its author sees.
func truth(s string) (yes, ok bool) {
	switch len(s) {
	case 4:
		return true, strings.EqualFold(s, "true")
	case 5:
		return false, strings.EqualFold(s, "false")
	}
	return false, false
}

// saidYesNo reads what people write in a column that is said to be yes/no.
func saidYesNo(s string) (yes, ok bool) {
	switch Fold(s) {
	case "true", "yes", "y", "はい", "1", "○", "〇", "◯", "o", "有", "有り", "あり", "済", "済み", "✓", "✔", "レ", "☑", "可", "要":
		return true, true
	case "false", "no", "n", "いいえ", "0", "×", "✕", "✖", "x", "無", "無し", "なし", "未", "☐", "不可", "不要":
		return false, true
	}
	return false, false
}

// parseNumber reads a number after narrow: 1200, 1,200, -1,200.50, 1,200円, ¥1,200, △1,200, (1,200), 12%. Commas
// have to stand between thousands; a number that begins with a 0 of no meaning is a code.
func parseNumber(s string) (Value, bool) {
	t, neg, percent := s, false, false
	if len(t) > 2 && t[0] == '(' && t[len(t)-1] == ')' {
		t, neg = strings.TrimSpace(t[1:len(t)-1]), true
	}
	sign := func() {
		for _, p := range [...]string{"-", "△", "▲", "▼"} {
			if rest, ok := strings.CutPrefix(t, p); ok && !neg {
				t, neg = strings.TrimSpace(rest), true
				return
			}
		}
		t = strings.TrimPrefix(t, "+")
	}
	sign()
	for _, p := range [...]string{"¥", "\\"} {
		if rest, ok := strings.CutPrefix(t, p); ok {
			t = strings.TrimSpace(rest)
			sign()
			break
		}
	}
	if rest, ok := strings.CutSuffix(t, "円"); ok {
		t = strings.TrimSpace(rest)
	} else if rest, ok := strings.CutSuffix(t, "%"); ok {
		t, percent = strings.TrimSpace(rest), true
	} else if rest, ok := strings.CutSuffix(t, "-"); ok && strings.HasPrefix(s, "¥") {
		t = rest // ¥1,200-
	}
	whole, part, has := strings.Cut(t, ".")
	if has && !digits(part) || len(part) > 30 || len(whole) > 40 {
		return Value{}, false
	}
	if strings.Contains(whole, ",") {
		groups := strings.Split(whole, ",")
		if len(groups[0]) == 0 || len(groups[0]) > 3 {
			return Value{}, false
		}
		for _, g := range groups[1:] {
			if len(g) != 3 {
				return Value{}, false
			}
		}
		whole = strings.Join(groups, "")
	}
	if !digits(whole) || len(whole) > 1 && whole[0] == '0' {
		return Value{}, false
	}
	scale := len(part)
	if percent {
		scale += 2
	}
	if len(whole)+len(part) <= 18 && scale <= maxScale {
		n, err := strconv.ParseInt(whole+part, 10, 64)
		if err != nil {
			return Value{}, false
		}
		if neg {
			n = -n
		}
		return Value{typ: Number, n: n, scale: uint8(scale)}, true
	}
	d, err := decimal.NewFromString(whole + "." + part + "0")
	if err != nil {
		return Value{}, false
	}
	if percent {
		d = d.Shift(-2)
	}
	if neg {
		d = d.Neg()
	}
	return NumberOf(d), true
}

// The years that a date may bear. A birthday may lie before the calendar's own beginning.
const (
	firstYear = 1868
	lastYear  = 2199
)

func validDate(y, m, d int) (calendar.Date, bool) {
	if y < firstYear || y > lastYear || m < 1 || m > 12 || d < 1 || d > 31 {
		return calendar.Date{}, false
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Day() != d {
		return calendar.Date{}, false
	}
	return calendar.Date{Year: y, Month: time.Month(m), Day: d}, true
}

func eightDigits(s string) (calendar.Date, bool) {
	if len(s) != 8 || !digits(s) {
		return calendar.Date{}, false
	}
	y, _ := strconv.Atoi(s[:4])
	m, _ := strconv.Atoi(s[4:6])
	d, _ := strconv.Atoi(s[6:])
	if y < 1900 {
		return calendar.Date{}, false
	}
	return validDate(y, m, d)
}

// eras are the Japanese eras with their first day. Dates before an era's first day or after its last are refused.
var eras = []struct {
	names []string
	first calendar.Date
}{
	{[]string{"令和", "令", "R"}, calendar.Date{Year: 2019, Month: 5, Day: 1}},
	{[]string{"平成", "平", "H"}, calendar.Date{Year: 1989, Month: 1, Day: 8}},
	{[]string{"昭和", "昭", "S"}, calendar.Date{Year: 1926, Month: 12, Day: 25}},
	{[]string{"大正", "大", "T"}, calendar.Date{Year: 1912, Month: 7, Day: 30}},
	{[]string{"明治", "明", "M"}, calendar.Date{Year: 1868, Month: 1, Day: 25}},
}

// take reads up to n digits.
func take(s string, n int) (v int, rest string, ok bool) {
	i := 0
	for i < len(s) && i < n && s[i] >= '0' && s[i] <= '9' {
		v = v*10 + int(s[i]-'0')
		i++
	}
	return v, s[i:], i > 0
}

// datePrefix reads a date at the beginning of a text after narrow: 2026/11/25, 2026-11-25, 2026.11.25,
// 2026年11月25日, 令和8年11月25日, R8.11.25, a weekday in brackets behind it.
func datePrefix(s string) (d calendar.Date, rest string, ok bool) {
	none := func() (calendar.Date, string, bool) { return calendar.Date{}, s, false }
	var year int
	t := s
	era := -1
	if len(s) > 0 && (s[0] < '0' || s[0] > '9') {
		for i, e := range eras {
			for _, n := range e.names {
				r, has := strings.CutPrefix(t, n)
				if !has && len(n) == 1 && len(t) > 0 && t[0]|0x20 == n[0]|0x20 {
					r, has = t[1:], true
				}
				if has && era < 0 {
					era, t = i, strings.TrimSpace(r)
				}
			}
			if era >= 0 {
				break
			}
		}
		if era < 0 {
			return none()
		}
		if r, first := strings.CutPrefix(t, "元"); first {
			year, t = 1, r
		} else if year, t, ok = take(t, 2); !ok || year == 0 {
			return none()
		}
		year += eras[era].first.Year - 1
	} else {
		var r string
		if year, r, ok = take(s, 4); !ok || len(s)-len(r) != 4 {
			return none()
		}
		t = r
	}
	sep, close := "", ""
	switch {
	case strings.HasPrefix(t, "年"):
		sep, close = "月", "日"
		t = strings.TrimSpace(t[len("年"):])
	case t != "" && strings.IndexByte("/-.", t[0]) >= 0:
		sep, t = t[:1], t[1:]
	default:
		return none()
	}
	month, t, ok := take(strings.TrimLeft(t, " "), 2)
	if !ok {
		return none()
	}
	t = strings.TrimLeft(t, " ")
	if !strings.HasPrefix(t, sep) {
		return none()
	}
	dayOf, t, ok := take(strings.TrimLeft(t[len(sep):], " "), 2)
	if !ok {
		return none()
	}
	if close != "" {
		if t, ok = strings.CutPrefix(strings.TrimLeft(t, " "), close); !ok {
			return none()
		}
	}
	if d, ok = validDate(year, month, dayOf); !ok {
		return none()
	}
	if era >= 0 && (d.Before(eras[era].first) || era > 0 && !d.Before(eras[era-1].first)) {
		return none()
	}
	return d, withoutWeekday(t), true
}

// withoutWeekday drops (水), (水曜日), (Wed) behind a date. It is not held against the day: what is
// wrong there is not what the date says.
func withoutWeekday(s string) string {
	t := strings.TrimLeft(s, " ")
	if !strings.HasPrefix(t, "(") {
		return s
	}
	in, rest, ok := strings.Cut(t[1:], ")")
	in = strings.TrimSuffix(strings.TrimSuffix(in, "日"), "曜")
	switch strings.ToLower(in) {
	case "", "月", "火", "水", "木", "金", "土", "日", "祝", "mon", "tue", "wed", "thu", "fri", "sat", "sun":
		if ok {
			return rest
		}
	}
	return s
}

// parseDate reads a day and nothing else.
func parseDate(s string) (calendar.Date, bool) {
	d, rest, ok := datePrefix(s)
	if !ok || strings.TrimSpace(rest) != "" {
		return calendar.Date{}, false
	}
	return d, true
}

// parseTime reads a day with a time of day behind it: 2026/11/25 10:30, 2026-11-25T10:30:00.5+09:00,
// 2026年11月25日 10時30分. Without a zone (nil) it is the office's.
func parseTime(s string) (y int, mo time.Month, d, h, m, sec, us int, zone *time.Location, ok bool) {
	date, t, ok := datePrefix(s)
	if !ok {
		return
	}
	ok = false
	if t == "" || t[0] != ' ' && t[0] != 'T' {
		return
	}
	t = strings.TrimLeft(t[1:], " ")
	h, t, good := take(t, 2)
	if !good {
		return
	}
	if r, words := strings.CutPrefix(t, "時"); words {
		t = r
		if t != "" {
			if m, t, good = take(t, 2); !good {
				return
			}
			if t, good = strings.CutPrefix(t, "分"); !good {
				return
			}
		}
		if t != "" {
			if sec, t, good = take(t, 2); !good {
				return
			}
			if t, good = strings.CutPrefix(t, "秒"); !good {
				return
			}
		}
	} else {
		if !strings.HasPrefix(t, ":") {
			return
		}
		if m, t, good = take(t[1:], 2); !good {
			return
		}
		if strings.HasPrefix(t, ":") {
			if sec, t, good = take(t[1:], 2); !good {
				return
			}
			if strings.HasPrefix(t, ".") || strings.HasPrefix(t, ",") {
				n, r, digits := take(t[1:], 6)
				if !digits {
					return
				}
				for range 6 - (len(t) - 1 - len(r)) {
					n *= 10
				}
				us, t = n, strings.TrimLeft(r, "0123456789")
			}
		}
	}
	t = strings.TrimSpace(t)
	switch {
	case t == "":
	case t == "Z" || t == "z" || t == "UTC":
		zone = time.UTC
	case t[0] == '+' || t[0] == '-':
		zh, r, good := take(t[1:], 2)
		if !good {
			return
		}
		zm := 0
		if r = strings.TrimPrefix(r, ":"); r != "" {
			if zm, r, good = take(r, 2); !good || r != "" {
				return
			}
		}
		if zh > 15 || zm > 59 {
			return
		}
		offset := zh*3600 + zm*60
		if t[0] == '-' {
			offset = -offset
		}
		zone = time.FixedZone("", offset)
	default:
		return
	}
	if h > 23 || m > 59 || sec > 59 {
		return
	}
	return date.Year, date.Month, date.Day, h, m, sec, us, zone, true
}

// noYear reports whether a text is a date that leaves out its year or century.
func noYear(s string) bool {
	if len(s) > 16 || !strings.ContainsAny(s, "/月") {
		return false
	}
	for _, shape := range [...]string{"1/2", "1月2日", "06/1/2", "'06/1/2", "1/2/2006"} {
		if _, err := time.Parse(shape, s); err == nil {
			return true
		}
	}
	return false
}

// fit reads a cell as a type. ok is false when it doesn't fit.
func fit(c cell, t Type, zone *time.Location) (v Value, ok bool) {
	switch {
	case c.typ == Empty:
		return Value{}, true
	case c.fault:
		return Value{}, false
	case t == Empty, c.typ == t:
		return c.Value, true
	case t == Text:
		return Value{typ: Text, text: asText(c.Value)}, true
	case c.typ == Time && t == Date:
		if y := c.Time(); y.Hour()+y.Minute()+y.Second()+y.Nanosecond() != 0 {
			return Value{}, false
		}
		return DateOf(c.Date()), true
	case c.typ == Date && t == Time:
		d := c.Date()
		return TimeOf(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)), true
	case c.typ == Number && t == YesNo:
		n, whole := c.Int()
		return YesNoOf(n == 1), whole && (n == 0 || n == 1)
	case c.typ == Number && t == Date:
		n, whole := c.Int()
		if !whole {
			return Value{}, false
		}
		d, good := eightDigits(strconv.FormatInt(n, 10))
		return DateOf(d), good
	case c.typ != Text:
		return Value{}, false
	}
	s := narrow(c.text)
	switch t {
	case Number:
		if v, ok = parseNumber(s); ok {
			return v, true
		}
		// A column that is said to be of numbers may have leading zeros.
		if digits(s) {
			d, err := decimal.NewFromString(s)
			return NumberOf(d), err == nil
		}
		return Value{}, false
	case Date:
		if d, good := parseDate(s); good {
			return DateOf(d), true
		}
		if d, good := eightDigits(s); good {
			return DateOf(d), true
		}
		y, mo, d, h, m, sec, us, _, good := parseTime(s)
		if !good || h+m+sec+us != 0 {
			return Value{}, false
		}
		return DateOf(calendar.Date{Year: y, Month: mo, Day: d}), true
	case Time:
		if d, good := parseDate(s); good {
			return TimeOf(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)), true
		}
		y, mo, d, h, m, sec, us, z, good := parseTime(s)
		if !good {
			return Value{}, false
		}
		if z == nil {
			z = zone
		}
		return TimeOf(time.Date(y, mo, d, h, m, sec, us*1000, z).In(zone)), true
	case YesNo:
		yes, good := saidYesNo(c.text)
		return YesNoOf(yes), good
	}
	return Value{}, false
}

// asText is a value of another type in a column of texts: as somebody would have typed it.
func asText(v Value) string {
	switch v.typ {
	case Number:
		return number(v)
	case Time:
		t := v.Time()
		if t.Second() == 0 {
			return t.Format("2006-01-02 15:04")
		}
		return t.Format("2006-01-02 15:04:05")
	case YesNo:
		return strings.ToUpper(strconv.FormatBool(v.n == 1))
	case Text:
		return v.text
	}
	return v.Canonical()
}
