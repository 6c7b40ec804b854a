package calendar

import (
	"strconv"
	"time"
)

// Date is a day of the civil calendar, without time or zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Clock is a time of day in hours and minutes.
type Clock struct{ Hour, Minute int }

// String is "9:30".
func (c Clock) String() string {
	b := strconv.AppendInt(nil, int64(c.Hour), 10)
	b = append(b, ':')
	return string(pad(b, c.Minute, 2))
}

// DateOf is the day of t in t's own zone.
func DateOf(t time.Time) Date { y, m, d := t.Date(); return Date{y, m, d} }

// String is the ISO form.
func (d Date) String() string { return string(d.append(nil)) }

func (d Date) append(b []byte) []byte {
	b = append(pad(b, d.Year, 4), '-')
	b = append(pad(b, int(d.Month), 2), '-')
	return pad(b, d.Day, 2)
}

func pad(b []byte, n, width int) []byte {
	for w, p := 1, 10; w < width; w, p = w+1, p*10 {
		if n < p && n >= 0 {
			for range width - w {
				b = append(b, '0')
			}
			break
		}
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// Compare is -1, 0 or +1 as d is earlier than, the same as or later than e.
func (d Date) Compare(e Date) int {
	switch a, b := d.day(), e.day(); {
	case a < b:
		return -1
	case a > b:
		return +1
	}
	return 0
}

// Before reports whether d is earlier than e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// IsZero reports whether d is the zero Date.
func (d Date) IsZero() bool { return d == Date{} }

// AddDays counts calendar days.
func (d Date) AddDays(n int) Date { return (d.day() + day(n)).date() }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.day().weekday() }

const weekdaySigns = "日月火水木金土"

// weekdayName is 月曜日, Monday.
func weekdayName(w time.Weekday) Text { return Text{weekdaySign(w) + "曜日", w.String()} }

func weekdaySign(w time.Weekday) string { return weekdaySigns[3*w : 3*w+3] }

// Long says the day in full: 2026年11月30日（月） / Monday 30 November 2026.
func (d Date) Long(l Language) string {
	if l == English {
		return d.Weekday().String() + " " + d.words(l)
	}
	return d.words(l) + "（" + weekdaySign(d.Weekday()) + "）"
}

// words is the day without its weekday: 2026年11月30日 / 30 November 2026.
func (d Date) words(l Language) string {
	if l == English {
		return strconv.Itoa(d.Day) + " " + d.Month.String() + " " + strconv.Itoa(d.Year)
	}
	return strconv.Itoa(d.Year) + "年" + strconv.Itoa(int(d.Month)) + "月" + strconv.Itoa(d.Day) + "日"
}

// Short says the day briefly: 11/30(月) / Mon 30 Nov.
func (d Date) Short(l Language) string {
	if l == English {
		return d.Weekday().String()[:3] + " " + strconv.Itoa(d.Day) + " " + d.Month.String()[:3]
	}
	return strconv.Itoa(int(d.Month)) + "/" + strconv.Itoa(d.Day) + "(" + weekdaySign(d.Weekday()) + ")"
}

// At is the moment of the clock time on that day; in a gap the first moment
// after it, in an overlap the first of the two.
func (d Date) At(c Clock, zone *time.Location) time.Time {
	return d.day().at(time.Duration(c.Hour)*time.Hour+time.Duration(c.Minute)*time.Minute, zone)
}

// day counts days from 1970-01-01: arithmetic on dates without allocation or zones.
type day int32

// The days between which occurrences are known.
var (
	firstDay = Date{1970, 1, 1}.day()
	lastDay  = Date{2199, 12, 31}.day()
)

func dayOf(t time.Time) day { return DateOf(t).day() }

// day follows Howard Hinnant's days_from_civil: the year begins in March, so
// that the leap day comes last.
func (d Date) day() day {
	y, m := d.Year, int(d.Month)
	if m <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*((m+9)%12)+2)/5 + d.Day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return day(era*146097 + doe - 719468)
}

func (n day) date() Date {
	z := int(n) + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	y := yoe + era*400
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	m := mp + 3
	if m > 12 {
		m -= 12
		y++
	}
	return Date{y, time.Month(m), doy - (153*mp+2)/5 + 1}
}

func (n day) weekday() time.Weekday { return time.Weekday(mod(int(n)+4, 7)) }

// week counts weeks from Monday to Sunday, as ISO 8601 does.
func (n day) week() int { return floorDiv(int(n)+3, 7) }

// month counts months from the year 0.
func (n day) month() int {
	d := n.date()
	return d.Year*12 + int(d.Month) - 1
}

// monthFirst is the first day of a month that is counted from the year 0.
func monthFirst(m int) day {
	return Date{floorDiv(m, 12), time.Month(mod(m, 12) + 1), 1}.day()
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func mod(a, b int) int { return a - floorDiv(a, b)*b }

// at is the moment of a time of day. time.Date does not say which moment it
// gives in a gap or an overlap, so near a transition the intervals of the zone
// are walked in order: the first that contains the wall clock's reading holds
// the moment, and one that begins after the reading begins with it.
func (n day) at(clock time.Duration, zone *time.Location) time.Time {
	const near = 50 * time.Hour // no zone differs from UTC by more than 26 hours, nor jumps by more than 24
	d := n.date()
	t := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, int(clock), zone)
	start, end := t.ZoneBounds()
	if (start.IsZero() || t.Sub(start) > near) && (end.IsZero() || end.Sub(t) > near) {
		return t
	}
	wall := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, int(clock), time.UTC)
	for t = wall.Add(-near).In(zone); ; t = end {
		_, offset := t.Zone()
		start, end = t.ZoneBounds()
		moment := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if !start.IsZero() && moment.Before(start) {
			return start.In(zone)
		}
		if end.IsZero() || moment.Before(end) {
			return moment
		}
	}
}
