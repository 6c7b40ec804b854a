package calendar

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The years that a date may bear: anything else is a slip of the hand.
const (
	firstYear = 1970
	lastYear  = 2199
)

var monthNames = []string{"january", "february", "march", "april", "may", "june", "july",
	"august", "september", "october", "november", "december"}

// ParseDate reads "2026-11-25", "2026/11/25", "2026年11月25日", full-width digits too.
func ParseDate(s string) (Date, *Problem) {
	p := scanner{s: fold(s)}
	d, prob := p.date()
	p.skip(" ")
	if prob == nil && (d.IsZero() || !p.end()) {
		prob = problem("", Text{"「" + quote(s) + "」は日付として読めません", fmt.Sprintf("%q is no date", quote(s))},
			Text{"2026-11-25 または 2026年11月25日 のように書いてください", "write it as 2026-11-25"})
	}
	if prob != nil {
		return Date{}, prob
	}
	return d, nil
}

// date takes a date with its year. It returns the zero Date if none stands
// here, and a problem if one does that no calendar has.
func (p *scanner) date() (Date, *Problem) {
	from := p.i
	y, ok := p.number()
	if !ok || p.i-from != 4 {
		p.i = from
		return p.englishDate()
	}
	p.skip(" ")
	sign := ""
	switch {
	case p.eat("年"):
		sign = "月"
	case p.eat("-"):
		sign = "-"
	case p.eat("/"):
		sign = "/"
	case p.eat("."):
		sign = "."
	default:
		p.i = from
		return Date{}, nil
	}
	p.skip(" ")
	m, ok1 := p.number()
	p.skip(" ")
	ok2 := p.eat(sign)
	p.skip(" ")
	d, ok3 := p.number()
	if !ok1 || !ok2 || !ok3 {
		p.i = from
		return Date{}, nil
	}
	if sign == "月" {
		p.skip(" ")
		if !p.eat("日") {
			p.i = from
			return Date{}, nil
		}
	}
	return checkedDate(y, m, d)
}

// englishDate takes 25 November 2026 or November 25, 2026.
func (p *scanner) englishDate() (Date, *Problem) {
	from := p.i
	m, d, ok := p.monthDay()
	if ok && !strings.ContainsAny(p.s[from:p.i], "/月") {
		p.skip(" ,")
		at := p.i
		if y, isYear := p.number(); isYear && p.i-at == 4 {
			return checkedDate(y, m, d)
		}
	}
	p.i = from
	return Date{}, nil
}

func checkedDate(y, m, d int) (Date, *Problem) {
	if y < firstYear || y > lastYear {
		return Date{}, problem("", Text{fmt.Sprintf("%d年は扱えません", y), fmt.Sprintf("the year %d is out of reach", y)},
			Text{fmt.Sprintf("%d年から%d年までの日付を書いてください", firstYear, lastYear), fmt.Sprintf("write a year from %d to %d", firstYear, lastYear)})
	}
	if m < 1 || m > 12 {
		return Date{}, noMonth(m)
	}
	if n := daysIn(y, time.Month(m)); d < 1 || d > n {
		return Date{}, problem("", Text{fmt.Sprintf("%d年%d月%d日という日はありません", y, m, d), fmt.Sprintf("there is no %d %s %d", d, time.Month(m), y)},
			Text{fmt.Sprintf("%d年%d月は%d日までです", y, m, n), fmt.Sprintf("%s %d has %d days", time.Month(m), y, n)})
	}
	return Date{y, time.Month(m), d}, nil
}

func noMonth(m int) *Problem {
	return problem("", Text{strconv.Itoa(m) + "月という月はありません", "there is no month " + strconv.Itoa(m)},
		Text{"1から12までの月を書いてください", "write a month from 1 to 12"})
}

func daysIn(y int, m time.Month) int {
	return int(monthFirst(y*12+int(m)) - monthFirst(y*12+int(m)-1))
}

// monthDay takes a day of every year: 12/29, 12月29日, 29 december, december 29.
func (p *scanner) monthDay() (month, day int, ok bool) {
	from := p.i
	defer func() {
		if !ok {
			p.i = from
		}
	}()
	if m := p.monthName(); m > 0 {
		if day, ok = p.number(); ok {
			p.eat("st", "nd", "rd", "th")
		}
		return m, day, ok
	}
	n, ok := p.number()
	if !ok {
		return 0, 0, false
	}
	p.eat("st", "nd", "rd", "th")
	p.skip(" ")
	if p.eat("/") {
		day, ok = p.number()
		return n, day, ok
	}
	if p.eat("月") {
		p.skip(" ")
		day, ok = p.number()
		p.skip(" ")
		return n, day, ok && p.eat("日")
	}
	if m := p.monthName(); m > 0 {
		return m, n, true
	}
	return 0, 0, false
}

// monthName takes an English month's name or its first three letters; 0 when there is none.
func (p *scanner) monthName() int {
	for i, name := range monthNames {
		if p.word(name, name[:3]+".", name[:3]) || (i == 8 && p.word("sept")) {
			return i + 1
		}
	}
	return 0
}

// checkedMonthDay holds a day of every year against the calendar of a leap year.
func checkedMonthDay(m, d int) *Problem {
	if m < 1 || m > 12 {
		return noMonth(m)
	}
	if n := daysIn(2000, time.Month(m)); d < 1 || d > n {
		return problem("", Text{fmt.Sprintf("%d月%d日という日はありません", m, d), fmt.Sprintf("there is no %d %s", d, time.Month(m))},
			Text{fmt.Sprintf("%d月は%d日までです", m, n), fmt.Sprintf("%s has %d days", time.Month(m), n)})
	}
	return nil
}

// Range is the days from First to Last, both included. Year 0 in both means
// every year (and First after Last then runs over new year).
type Range struct{ First, Last Date }

// String is "2026-08-13〜2026-08-14" or "12/29〜1/3"; ParseRange reads it back.
func (r Range) String() string {
	if r.First == r.Last {
		return rangeDay(r.First)
	}
	return rangeDay(r.First) + "〜" + rangeDay(r.Last)
}

func rangeDay(d Date) string {
	if d.Year == 0 {
		return fmt.Sprintf("%d/%d", d.Month, d.Day)
	}
	return d.String()
}

// ParseRange reads "12/29〜1/3", "12/29-1/3", "2026-08-13〜2026-08-14", a single
// day, with 〜 ～ ~ - –, "から…まで" and full-width digits. The last day of a
// dated range may leave out the year or the month ("2026/8/13〜8/14").
func ParseRange(s string) (Range, *Problem) {
	unread := problem("", Text{"「" + quote(s) + "」は期間として読めません", fmt.Sprintf("%q is no range of days", quote(s))},
		Text{"12/29〜1/3 または 2026-08-13〜2026-08-14 のように書いてください", "write it as 12/29-1/3 or 2026-08-13~2026-08-14"})
	p := scanner{s: fold(s)}
	first, prob := p.rangeDay(Date{})
	if prob != nil {
		return Range{}, prob
	}
	if first.IsZero() {
		return Range{}, unread
	}
	p.skip(" ")
	if p.end() {
		return Range{first, first}, nil
	}
	if !p.eat("~", "-", "から", "to ", "until ") {
		return Range{}, unread
	}
	p.skip(" ")
	last, prob := p.rangeDay(first)
	if prob != nil {
		return Range{}, prob
	}
	p.skip(" ")
	p.eat("まで")
	p.skip(" ")
	if last.IsZero() || !p.end() {
		return Range{}, unread
	}
	if (first.Year == 0) != (last.Year == 0) {
		return Range{}, problem("", Text{"「" + quote(s) + "」は年のある日と年のない日が混ざっています", fmt.Sprintf("%q has a year on one side only", quote(s))},
			Text{"両方に年を書くか、毎年なら両方とも年を書かないでください", "write the year on both sides, or on neither if it is for every year"})
	}
	if first.Year != 0 && last.Before(first) {
		return Range{}, problem("", Text{"「" + quote(s) + "」は終わりの日が始まりの日より前です", fmt.Sprintf("%q ends before it begins", quote(s))},
			Text{"始まりの日を先に書いてください", "write the first day first"})
	}
	return Range{first, last}, nil
}

// rangeDay takes a day with or without its year. After a dated first day the
// year, or year and month, may be missing: they are the first day's, or the
// next year's where the range would end before it begins.
func (p *scanner) rangeDay(first Date) (Date, *Problem) {
	d, prob := p.date()
	if prob != nil || !d.IsZero() {
		return d, prob
	}
	m, dd, ok := p.monthDay()
	if !ok {
		from := p.i
		n, isNumber := p.number()
		if !isNumber || first.IsZero() || !p.eat("日") {
			p.i = from
			return Date{}, nil
		}
		m, dd = int(first.Month), n
	}
	if prob := checkedMonthDay(m, dd); prob != nil {
		return Date{}, prob
	}
	d = Date{Month: time.Month(m), Day: dd}
	if first.Year == 0 {
		return d, nil
	}
	d.Year = first.Year
	if d.Before(first) {
		d.Year++
	}
	return checkedDate(d.Year, m, dd)
}

// ParseClock reads "9:30", "09:30", "９：３０", "9時30分", "17時", "午後5時", "5:30 pm".
func ParseClock(s string) (Clock, *Problem) {
	p := scanner{s: fold(s)}
	c, ok, prob := p.clock()
	p.skip(" ")
	if prob == nil && (!ok || !p.end()) {
		prob = noClock(s)
	}
	if prob != nil {
		return Clock{}, prob
	}
	return c, nil
}

func noClock(s string) *Problem {
	return problem("", Text{"「" + quote(s) + "」は時刻として読めません", fmt.Sprintf("%q is no time of day", quote(s))},
		Text{"\"9:30\" または \"17:00\" のように書いてください", `write it as "9:30" or "17:00"`})
}

// clock takes a time of day. ok is false if none stands here.
func (p *scanner) clock() (c Clock, ok bool, prob *Problem) {
	from := p.i
	if p.eat("正午") || p.word("noon") {
		return Clock{12, 0}, true, nil
	}
	half := 0 // 1 in the morning, 2 in the afternoon
	switch {
	case p.eat("午前"), p.word("am"):
		half = 1
	case p.eat("午後"), p.word("pm"):
		half = 2
	}
	p.skip(" ")
	h, isNumber := p.number()
	if !isNumber {
		p.i = from
		return c, false, nil
	}
	m := 0
	digits := p.i
	switch p.skip(" "); {
	case p.eat(":"):
		p.skip(" ")
		at := p.i
		if m, isNumber = p.number(); !isNumber || p.i-at != 2 {
			p.i = from
			return c, false, nil
		}
		if at = p.i; p.eat(":") { // 10:00:00, as databases write it
			if sec, ok := p.number(); !ok || sec != 0 {
				p.i = at
			}
		}
	case p.eat("時"):
		p.skip(" ")
		at := p.i
		if p.eat("半") {
			m = 30
		} else if m, isNumber = p.number(); !isNumber {
			m = 0
		} else if p.skip(" "); !p.eat("分") {
			p.i, m = at, 0
		}
	default:
		p.i = digits
		if half == 0 {
			at := p.i
			p.skip(" ")
			if !p.word("am", "a.m.", "pm", "p.m.") {
				p.i = from
				return c, false, nil
			}
			p.i = at
		} else {
			p.i = from
			return c, false, nil
		}
	}
	if half == 0 {
		at := p.i
		p.skip(" ")
		switch {
		case p.word("am", "a.m."):
			half = 1
		case p.word("pm", "p.m."):
			half = 2
		default:
			p.i = at
		}
	}
	written := p.s[from:p.i]
	if half > 0 {
		// 午後0時 and 12 pm are both noon; 午後17時 is a slip.
		if h > 12 {
			return c, true, noTime(written)
		}
		h %= 12
		if half == 2 {
			h += 12
		}
	}
	if h > 23 || m > 59 {
		return c, true, noTime(written)
	}
	return Clock{h, m}, true, nil
}

func noTime(written string) *Problem {
	return problem("", Text{"「" + quote(written) + "」という時刻はありません", fmt.Sprintf("there is no time %q", quote(written))},
		Text{"0:00 から 23:59 までの時刻を書いてください", "write a time from 0:00 to 23:59"})
}
