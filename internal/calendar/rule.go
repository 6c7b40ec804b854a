package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rule is a schedule as written, checked, without days and zone.
type Rule struct {
	every    unit
	n        int // every n units
	on       weekdays
	days     []namedDay
	at       Clock
	ifClosed ifClosed
	starting Date
	dates    []Date
	cron     *cron
}

// Equal reports whether two rules say the same.
func (r Rule) Equal(s Rule) bool {
	same := r.cron == nil && s.cron == nil || r.cron != nil && s.cron != nil && *r.cron == *s.cron
	return same && r.every == s.every && r.n == s.n && r.on == s.on && r.at == s.at && r.ifClosed == s.ifClosed &&
		r.starting == s.starting && slices.Equal(r.days, s.days) && slices.Equal(r.dates, s.dates)
}

// IsZero reports whether the rule says nothing.
func (r Rule) IsZero() bool { return r.every == noUnit }

type unit uint8

const (
	noUnit unit = iota
	byDay
	byBusinessDay
	byWeek
	byMonth
	byQuarter
	byYear
	byFiscalYear
	byDates
	byCron
)

// months is the length of the units in which a day is named; 0 for the others.
func (u unit) months() int {
	switch u {
	case byMonth:
		return 1
	case byQuarter:
		return 3
	case byYear, byFiscalYear:
		return 12
	}
	return 0
}

// weekdays is a set, bit 0 being Sunday.
type weekdays uint8

func (w weekdays) has(d time.Weekday) bool { return w&(1<<d) != 0 }

// weekOrder is Monday first.
var weekOrder = [...]time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}

type ifClosed uint8

const (
	notSaid ifClosed = iota
	before
	after
	skip
	asIs
)

// namedDay is one day that a rule names in a month, quarter or year.
type namedDay struct {
	month   int8 // 0: the whole span; in a quarter 1 to 3, in a year the calendar's month
	kind    dayKind
	n       int8 // the number of the day, business day or weekday
	weekday time.Weekday
	off     int8 // counted on from the day that is named so far
	offOpen bool // the offset counts business days
}

type dayKind uint8

const (
	dayNumber dayKind = iota
	dayBusiness
	dayWeekday
	dayLastWeekday
	dayLastBusiness
	dayLast
)

// alwaysOpen reports whether the day can't be closed.
func (d namedDay) alwaysOpen() bool {
	if d.off != 0 {
		return d.offOpen
	}
	return d.kind == dayBusiness || d.kind == dayLastBusiness
}

// draft is a rule while it is being read: what was said so far, and what was wrong with it.
type draft struct {
	Rule
	month    int8
	has      map[string]bool
	problems []Problem
	weekday  bool // "weekday" (平日) was written, which people read in two ways
}

func newDraft() *draft { return &draft{Rule: Rule{n: 1}, has: map[string]bool{}} }

// fail notes a problem once for each key.
func (b *draft) fail(key string, what, next Text) {
	for _, p := range b.problems {
		if p.Key == key {
			return
		}
	}
	b.problems = append(b.problems, Problem{key, what, next})
}

func (b *draft) failWith(key string, p *Problem) { b.fail(key, p.What, p.Next) }

// say notes that a key is said, once.
func (b *draft) say(key string) bool {
	if b.has[key] {
		name := partNames[key]
		b.fail(key, Text{name.JA + "が2回書かれています", name.EN + " is said twice"}, Text{"どちらか1つにしてください", "leave only one of them"})
		return false
	}
	b.has[key] = true
	return true
}

var partNames = map[string]Text{
	"every":     {"くり返し（every）", "the repetition (every)"},
	"day":       {"日（day）", "the day (day)"},
	"on":        {"曜日（on）", "the weekday (on)"},
	"at":        {"時刻（at）", "the time (at)"},
	"if_closed": {"休みのときの扱い（if_closed）", "what to do when closed (if_closed)"},
	"starting":  {"始まりの日（starting）", "the first day (starting)"},
	"dates":     {"日付（dates）", "the dates (dates)"},
	"cron":      {"cron", "cron"},
	"month":     {"月（month）", "the month (month)"},
}

// rule checks what was said as a whole.
func (b *draft) rule() (Rule, []Problem) {
	b.settleUnit()
	if len(b.problems) == 0 {
		b.checkDays()
	}
	if len(b.problems) == 0 || !b.has["at"] {
		b.checkTime()
	}
	if len(b.problems) == 0 {
		b.checkStarting()
		b.checkIfClosed()
	}
	if len(b.problems) > 0 {
		return Rule{}, b.problems
	}
	return b.Rule, nil
}

func (b *draft) settleUnit() {
	if len(b.problems) > 0 && !b.has["every"] && !b.has["dates"] && !b.has["cron"] {
		return // what could not be read was probably it
	}
	if b.weekday {
		b.fail("every", Text{"「平日」は祝日を含むかどうかが分かりません", `"weekday" may or may not include public holidays`},
			Text{"祝日を除くなら「毎営業日」、含むなら「毎週月・火・水・木・金」と書いてください", `write "every business day", or "every week on Monday, Tuesday, Wednesday, Thursday and Friday" if holidays count`})
		return
	}
	said := 0
	for _, k := range []string{"every", "dates", "cron"} {
		if b.has[k] {
			said++
		}
	}
	switch {
	case said == 0:
		b.fail("every", Text{"いつくり返すのかが書かれていません", "it isn't said how often"},
			Text{`「毎月25日」「毎営業日」のように書くか、表では every = "month" と書いてください`, `say "every month on the 25th" or "every business day"; in a table every = "month"`})
	case said > 1:
		b.fail("every", Text{"every、dates、cron のうち2つ以上が書かれています", "more than one of every, dates and cron is said"},
			Text{"どれか1つにしてください", "leave only one of them"})
	case b.has["dates"]:
		b.every, b.n = byDates, 0
	case b.has["cron"]:
		b.every, b.n = byCron, 0
	}
}

// only refuses a key that this unit doesn't know.
func (b *draft) only(key string, allowed bool, next Text) {
	if b.has[key] && !allowed {
		name := partNames[key]
		b.fail(key, Text{name.JA + "は、このくり返しでは使えません", name.EN + " means nothing with this repetition"}, next)
	}
}

func (b *draft) checkDays() {
	inMonths := b.every.months() > 0
	b.only("day", inMonths, Text{"毎週なら曜日を on に、毎月・四半期・毎年なら日を day に書いてください", "use day with month, quarter and year, and on with week"})
	b.only("on", b.every == byWeek, Text{`曜日は毎週のときに書きます。毎月なら day = "2nd tue"（第2火曜）のように書いてください`, `use on with week; with month write day = "2nd tue"`})
	b.only("month", b.every.months() > 1, Text{"month は四半期か毎年のときに書きます", "use month with quarter and year"})
	if len(b.problems) > 0 {
		return
	}
	if b.every == byWeek && b.on == 0 {
		if b.starting.IsZero() {
			b.fail("on", Text{"何曜日かが書かれていません", "the weekday is missing"},
				Text{`「毎週月曜」のように書くか、表では on = ["mon"] と書いてください`, `say "every week on Monday"; in a table on = ["mon"]`})
			return
		}
		b.on = 1 << b.starting.Weekday()
	}
	if !inMonths {
		return
	}
	if len(b.days) == 0 {
		b.fail("day", Text{"何日かが書かれていません", "the day is missing"},
			Text{`「毎月25日」「毎月末」のように書くか、表では day = 25 や day = "last" と書いてください`, `say "every month on the 25th" or "on the last day"; in a table day = 25 or day = "last"`})
		return
	}
	for i := range b.days {
		d := &b.days[i]
		if b.month != 0 {
			if d.month != 0 {
				b.fail("month", Text{"月が2回書かれています", "the month is said twice"}, Text{"day か month のどちらかだけに書いてください", "say it in day or in month, not in both"})
				return
			}
			d.month = b.month
		}
		b.checkDay(*d)
	}
	slices.SortFunc(b.days, func(x, y namedDay) int {
		return cmp.Or(cmp.Compare(x.month, y.month), cmp.Compare(x.kind, y.kind), cmp.Compare(x.n, y.n),
			cmp.Compare((x.weekday+6)%7, (y.weekday+6)%7), cmp.Compare(x.off, y.off))
	})
	b.days = slices.Compact(b.days)
}

func (b *draft) checkDay(d namedDay) {
	if d.kind == dayNumber && (d.n < 1 || d.n > 31) {
		b.fail("day", Text{fmt.Sprintf("%d日という日はありません", d.n), fmt.Sprintf("there is no day %d", d.n)}, Text{"1から31までの日を書いてください", "write a day from 1 to 31"})
		return
	}
	if d.kind == dayBusiness {
		if most := [...]int8{byMonth: 23, byQuarter: 66, byYear: 127, byFiscalYear: 127}[b.every]; d.n < 1 || d.n > most {
			b.fail("day", Text{fmt.Sprintf("第%d営業日は数えられません", d.n), fmt.Sprintf("a business day number %d can't be counted", d.n)},
				Text{fmt.Sprintf("1から%dまでにしてください", most), fmt.Sprintf("write a number from 1 to %d", most)})
			return
		}
	}
	if d.kind == dayWeekday && (d.n < 1 || d.n > 4) {
		b.fail("day", Text{fmt.Sprintf("第%d%s曜はない月があります", d.n, weekdaySign(d.weekday)), fmt.Sprintf("not every month has a %s %s", ordinal(int(d.n)), d.weekday)},
			Text{"最終" + weekdaySign(d.weekday) + "曜なら「最終" + weekdaySign(d.weekday) + "曜」と書いてください", "if the last one is meant, write \"last " + strings.ToLower(d.weekday.String()) + "\""})
		return
	}
	switch b.every {
	case byMonth:
		if d.month != 0 {
			b.fail("day", Text{"毎月のくり返しに月が書かれています", "a month is named, but the rule is for every month"},
				Text{"毎年なら「毎年」、毎月なら日だけにしてください", `say "every year", or leave out the month`})
		}
	case byQuarter:
		if d.month > 3 {
			b.fail("month", Text{"四半期の月は1から3までです", "a quarter has months 1 to 3"},
				Text{`四半期の何か月目かを 1、2、3 か "first"、"last" で書いてください`, `say which month of the quarter: 1, 2, 3, "first" or "last"`})
		} else if d.month == 0 && d.kind == dayNumber {
			b.fail("month", Text{"四半期の何か月目かが書かれていません", "it isn't said which month of the quarter"},
				Text{`「毎四半期の1か月目の25日」のように書くか、表では month = 1（2、3、"last"）を足してください`, `say "on the 25th of its 1st month"; in a table add month = 1 (2, 3, "last")`})
		}
	case byYear, byFiscalYear:
		switch {
		case d.month == 0 && (b.every == byYear || d.kind == dayNumber):
			b.fail("month", Text{"何月かが書かれていません", "the month is missing"},
				Text{`「毎年3月31日」のように書くか、表では day = "3/31"、年度の終わりなら every = "fiscal year" と day = "last" にしてください`,
					`say "every year on 31 March"; in a table day = "3/31", or every = "fiscal year" and day = "last" for the fiscal year's end`})
		case d.month < 0 || d.month > 12:
			b.failWith("month", noMonth(int(d.month)))
		case d.kind == dayNumber:
			if p := checkedMonthDay(int(d.month), int(d.n)); p != nil {
				b.failWith("day", p)
			}
		}
	}
}

func (b *draft) checkTime() {
	b.only("at", b.every != byCron, Text{"時刻は cron の中に書いてください", "the time stands in cron"})
	if !b.has["at"] && b.every != byCron && b.every != noUnit {
		b.fail("at", Text{"時刻が書かれていません", "the time is missing"},
			Text{`「10:00」のように時刻を足してください（表では at = "10:00"）`, `add a time such as "at 10:00" (in a table at = "10:00")`})
	}
}

func (b *draft) checkStarting() {
	b.only("starting", b.every != byDates, Text{"dates に書いた日がそのまま使われます。starting を消してください", "the dates are the days themselves; remove starting"})
	most := map[unit]int{byDay: 366, byWeek: 52, byMonth: 60, byYear: 10}[b.every]
	if b.n == 1 || b.every == byDates || b.every == byCron {
		return
	}
	switch {
	case most == 0:
		b.fail("every", Text{"このくり返しに「〜ごと」の数は付けられません", "this can't be counted in steps"},
			Text{"四半期なら月で「6か月ごと」、営業日なら「3日ごと」か曜日で書いてください", `write quarters as "6 months"; for business days use "3 days" or weekdays`})
	case b.n < 1 || b.n > most:
		b.fail("every", Text{fmt.Sprintf("%dごとにはできません", b.n), fmt.Sprintf("steps of %d are out of reach", b.n)},
			Text{fmt.Sprintf("1から%dまでにしてください", most), fmt.Sprintf("write a number from 1 to %d", most)})
	case b.starting.IsZero():
		b.fail("starting", Text{"いつから数えるかが書かれていません", "it isn't said from when to count"},
			Text{`「2026年1月9日から」のように書くか、表では starting = "2026-01-09" を足してください`, `add "starting 2026-01-09" (in a table starting = "2026-01-09")`})
	}
}

// checkIfClosed asks for if_closed where a closed day is possible. Dates are
// looked at when the business days are known.
func (b *draft) checkIfClosed() {
	possible := true
	switch b.every {
	case byBusinessDay:
		possible = false
	case byMonth, byQuarter, byYear, byFiscalYear:
		possible = slices.ContainsFunc(b.days, func(d namedDay) bool { return !d.alwaysOpen() })
	case byDates:
		return
	}
	switch {
	case possible && b.ifClosed == notSaid:
		next := Text{`「休みなら前営業日」「休みなら翌営業日」「休みなら実施しない」「休みでも実施」のどれかを足してください（表では if_closed = "before"、"after"、"skip"、"as is"）`,
			`add "or the business day before if closed", "or the business day after if closed", "skipped if closed" or "even if closed" (in a table if_closed = "before", "after", "skip" or "as is")`}
		if b.every == byDay {
			next = Text{`営業日だけなら「毎営業日」、休みの日もなら「休みでも実施」を足してください（表では every = "business day"、または if_closed = "as is"）`,
				`write "every business day", or add "even if closed" (in a table every = "business day", or if_closed = "as is")`}
		}
		b.fail("if_closed", Text{"休みの日に当たったときの扱いが書かれていません", "it isn't said what to do on a closed day"}, next)
	case !possible && b.ifClosed != notSaid:
		b.fail("if_closed", Text{"この予定は休みの日に当たらないため、休みのときの扱いは意味を持ちません", "this rule never falls on a closed day, so that if_closed does nothing"},
			Text{"休みのときの扱い（if_closed）を消してください", "remove if_closed"})
	case b.every == byDay && b.n == 1 && (b.ifClosed == before || b.ifClosed == after):
		b.fail("if_closed", Text{"毎日の予定をずらすと、同じ日に何回も重なります", "moving a daily rule would put several on one day"},
			Text{`営業日だけなら「毎営業日」（every = "business day"）と書いてください`, `write "every business day"`})
	case b.every == byCron && b.cron.times() > 1 && (b.ifClosed == before || b.ifClosed == after):
		b.fail("if_closed", Text{"1日に何回もある予定はずらせません", "a rule with several times a day can't be moved"},
			Text{`if_closed は "skip" か "as is" にしてください`, `write if_closed = "skip" or "as is"`})
	}
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}
