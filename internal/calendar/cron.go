package calendar

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// cron is a rule as cron(5) writes it.
type cron struct {
	text               string // five fields with one space between
	minutes            uint64
	hours, days        uint32
	months             uint16
	weekdays           weekdays
	anyDay, anyWeekday bool // the field begins with *: it restricts nothing when the other one does
	follows            bool // * in minutes or hours: the times follow the clock, also where it jumps
}

var cronFields = [...]struct {
	name     Text
	min, max int
	names    []string
}{
	{Text{"分", "minute"}, 0, 59, nil},
	{Text{"時", "hour"}, 0, 23, nil},
	{Text{"日", "day"}, 1, 31, nil},
	{Text{"月", "month"}, 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{Text{"曜日", "weekday"}, 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

func parseCron(s string) (*cron, *Problem) {
	fields := strings.Fields(fold(s))
	if len(s) > longestSentence/2 {
		return nil, problem("cron", Text{"cron が長すぎます", "cron is too long"}, Text{"*/5 や 1-5 のようにまとめてください", "write ranges such as 1-5 or steps such as */5"})
	}
	if len(fields) != 5 {
		return nil, problem("cron", Text{fmt.Sprintf("cron は5つの欄が要りますが、%d個あります", len(fields)), fmt.Sprintf("cron has five fields, here are %d", len(fields))},
			Text{`分 時 日 月 曜日 の順に "0 9 * * 1-5" のように書いてください`, `write minute, hour, day, month and weekday, as in "0 9 * * 1-5"`})
	}
	var sets [5]uint64
	for i, f := range fields {
		set, ok := cronSet(f, i)
		if !ok {
			d := cronFields[i]
			next := Text{fmt.Sprintf("%dから%dまでの数、*、1-5、1,15、*/10 の形で書いてください", d.min, d.max), fmt.Sprintf("write numbers from %d to %d, *, 1-5, 1,15 or */10", d.min, d.max)}
			if strings.ContainsAny(f, "wl#?") && i != 3 {
				next = Text{`W、L、#、? は使えません。祝日を見る「毎月最終営業日」「毎月第2火曜」などの書き方にしてください`,
					`W, L, # and ? are not known; say "every month on the last business day" or "on the 2nd Tuesday", which know holidays`}
			}
			return nil, problem("cron", Text{"cron の" + d.name.JA + "の欄「" + quote(f) + "」が読めません", fmt.Sprintf("the %s %q of cron can't be read", d.name.EN, quote(f))}, next)
		}
		sets[i] = set
	}
	c := &cron{
		text:    strings.Join(fields, " "),
		minutes: sets[0], hours: uint32(sets[1]), days: uint32(sets[2]), months: uint16(sets[3]),
		weekdays:   weekdays(sets[4]&0x7f | sets[4]>>7), // 7 is Sunday too
		anyDay:     fields[2][0] == '*',
		anyWeekday: fields[4][0] == '*',
	}
	c.follows = fields[0][0] == '*' || fields[1][0] == '*'
	for d := (Date{2000, 1, 1}).day(); ; d++ { // four years have every month and day there is
		if c.on(d) {
			return c, nil
		}
		if d.date().Year == 2004 {
			return nil, problem("cron", Text{"cron の日と月の組み合わせに当たる日がありません", "no day has this day and month of cron"},
				Text{"日と月を見直してください（2月30日はありません）", "there is no 30 February: look at day and month again"})
		}
	}
}

func cronSet(f string, i int) (set uint64, ok bool) {
	field := cronFields[i]
	for part := range strings.SplitSeq(f, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 || n > 59 {
				return 0, false
			}
			step = n
		}
		first, last := field.min, field.max
		if i == 4 {
			last = 6 // * is the seven days, 7 only another name of Sunday
		}
		if span != "*" {
			a, b, isRange := strings.Cut(span, "-")
			if first, ok = cronValue(a, i); !ok {
				return 0, false
			}
			switch {
			case isRange:
				if last, ok = cronValue(b, i); !ok {
					return 0, false
				}
			case !stepped:
				last = first
			}
		}
		if first < field.min || last > field.max || first > last {
			return 0, false
		}
		for n := first; n <= last; n += step {
			set |= 1 << n
		}
	}
	return set, true
}

func cronValue(s string, i int) (int, bool) {
	for n, name := range cronFields[i].names {
		if s == name {
			return n + cronFields[i].min, true
		}
	}
	if s == "" || len(s) > 2 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// times is how often a day the rule comes.
func (c *cron) times() int { return bits.OnesCount64(c.minutes) * bits.OnesCount32(c.hours) }

// first is the first time of day.
func (c *cron) first() Clock {
	return Clock{bits.TrailingZeros32(c.hours), bits.TrailingZeros64(c.minutes)}
}

// on reports whether the rule names a day.
func (c *cron) on(d day) bool {
	date := d.date()
	if c.months&(1<<date.Month) == 0 {
		return false
	}
	byDay := c.days&(1<<date.Day) != 0
	byWeekday := c.weekdays.has(d.weekday())
	if c.anyDay || c.anyWeekday {
		return byDay && byWeekday
	}
	return byDay || byWeekday
}

// shape is what the periods of the rule are about: it names one day in a month
// or year if it has one day's number and any weekday.
func (c *cron) shape() Shape {
	oneDay := bits.OnesCount32(c.days) == 1 && !c.anyDay && c.weekdays == 0x7f && c.anyWeekday
	switch {
	case c.times() > 1:
		return ByMinute
	case oneDay && bits.OnesCount16(c.months) == 1:
		return ByYear
	case oneDay:
		return ByMonth
	}
	return ByDate
}

// nextMinute is the first minute of the day, counted from midnight, at or after one.
func (c *cron) nextMinute(from int) (int, bool) {
	from = max(from, 0)
	for h := from / 60; h < 24; h++ {
		if c.hours&(1<<h) == 0 {
			continue
		}
		m := 0
		if h == from/60 {
			m = from % 60
		}
		if left := c.minutes >> m; left != 0 {
			return h*60 + m + bits.TrailingZeros64(left), true
		}
	}
	return 0, false
}

// moments appends all moments of one day in order. See "Clocks that jump" in the
// package's documentation.
func (c *cron) moments(d day, zone *time.Location, out []time.Time) []time.Time {
	if start, ok := wholeDay(d, zone); ok {
		for m, ok := c.nextMinute(0); ok; m, ok = c.nextMinute(m + 1) {
			out = append(out, start.Add(time.Duration(m)*time.Minute))
		}
		return out
	}
	if !c.follows {
		for m, ok := c.nextMinute(0); ok; m, ok = c.nextMinute(m + 1) {
			t := d.at(time.Duration(m)*time.Minute, zone)
			if n := len(out); n == 0 || t.After(out[n-1]) {
				out = append(out, t)
			}
		}
		return out
	}
	midnight := time.Unix(int64(d)*86400, 0)
	last := midnight.Add(76 * time.Hour)
	for t := midnight.Add(-50 * time.Hour).In(zone); t.Before(last); {
		_, offset := t.Zone()
		start, end := t.ZoneBounds()
		for m, ok := c.nextMinute(0); ok; m, ok = c.nextMinute(m + 1) {
			moment := midnight.Add(time.Duration(m)*time.Minute - time.Duration(offset)*time.Second).In(zone)
			if (start.IsZero() || !moment.Before(start)) && (end.IsZero() || moment.Before(end)) {
				out = append(out, moment)
			}
		}
		if end.IsZero() {
			break
		}
		t = end
	}
	return out
}

// wholeDay reports whether no clock jumps near the day, and when it begins.
func wholeDay(d day, zone *time.Location) (time.Time, bool) {
	const near = 76 * time.Hour
	date := d.date()
	t := time.Date(date.Year, date.Month, date.Day, 0, 0, 0, 0, zone)
	start, end := t.ZoneBounds()
	return t, (start.IsZero() || t.Sub(start) > near) && (end.IsZero() || end.Sub(t) > near)
}
