package daemon

import (
	"encoding/csv"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What follows says when a rule is due, in another way than package calendar does: day by day and minute by minute, from the manual's
// words alone. It shares no line with the program, so that a mistake there is not repeated here.

// simDay is a day, counted from 1970-01-01.
type simDay int

func simDate(y, m, d int) simDay {
	return simDay(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d simDay) utc() time.Time        { return time.Unix(int64(d)*86400, 0).UTC() }
func (d simDay) weekday() time.Weekday { return d.utc().Weekday() }
func (d simDay) String() string        { return d.utc().Format("2006-01-02") }
func (d simDay) month() (y, m int)     { t := d.utc(); return t.Year(), int(t.Month()) }

func simDayOf(t time.Time) simDay { return simDate(t.Year(), int(t.Month()), t.Day()) }

// simDays are an office's business days.
type simDays struct {
	holidays     map[simDay]bool
	closed, open map[simDay]bool
}

func (x *simDays) isOpen(d simDay) bool {
	switch w := d.weekday(); {
	case x.open[d]:
		return true
	case x.closed[d], x.holidays[d], w == time.Saturday, w == time.Sunday:
		return false
	}
	return true
}

// String tells two offices' days apart; the holidays are the same for both.
func (x *simDays) String() string {
	return fmt.Sprint(slices.Sorted(maps.Keys(x.closed)), slices.Sorted(maps.Keys(x.open)))
}

// simHolidays are Japan's, read from the government's table.
var simHolidays = sync.OnceValues(func() (map[simDay]bool, error) {
	b, err := os.ReadFile(filepath.Join("..", "calendar", "syukujitsu.csv"))
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(strings.NewReader(string(b)))
	r.Comment, r.FieldsPerRecord = '#', -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	out := map[simDay]bool{}
	for _, row := range rows {
		if t, err := time.Parse("2006/1/2", row[0]); err == nil {
			out[simDayOf(t)] = true
		}
	}
	if len(out) < 150 {
		return nil, fmt.Errorf("only %d holidays were read", len(out))
	}
	return out, nil
})

// simNamed is one day that a rule names in its month.
type simNamed struct {
	kind    string // "number", "last", "nth business", "last business", "nth weekday", "last weekday"
	n       int
	weekday time.Weekday
	before  int // business days before it
}

// simRule is a rule as its user would say it.
type simRule struct {
	every    string // "day", "business day", "week", "month", "quarter", "year", "dates", "cron"
	n        int    // every n-th; counted from starting
	starting simDay
	weekdays []time.Weekday
	days     []simNamed
	month    int // of the quarter or the year
	dates    []simDay
	hours    []int // of cron; else one
	minute   int
	ifClosed string // "", "before", "after", "skip", "as is"
	sentence bool   // written as one
}

// simOcc is one occurrence.
type simOcc struct {
	period string
	due    time.Time
}

// shape is what the periods are about.
func (r *simRule) shape() string {
	switch {
	case r.every == "cron" && len(r.hours) > 1:
		return "minute"
	case (r.every == "month" || r.every == "quarter" || r.every == "year") && len(r.days) == 1:
		return r.every
	}
	return "date"
}

// simMoment is the first moment of a date at which the clock shows at least the time: the first of two where it is shown twice, the end
// of the gap where it is not shown.
func simMoment(d simDay, h, m int, zone *time.Location) time.Time {
	want := d.utc().Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
	wall := func(t time.Time) time.Time {
		l := t.In(zone)
		return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
	}
	// No zone is farther than 15 hours from UTC. The walk begins where the clock is surely before it.
	_, early := want.Add(-15 * time.Hour).In(zone).Zone()
	_, late := want.Add(15 * time.Hour).In(zone).Zone()
	if early == late {
		return want.Add(-time.Duration(early) * time.Second)
	}
	for t := want.Add(-15 * time.Hour); ; t = t.Add(time.Minute) {
		if !wall(t).Before(want) {
			return t
		}
	}
}

// base is the named day in the months from first to last.
func (n simNamed) base(first, last simDay, x *simDays) simDay {
	d := last
	switch n.kind {
	case "number":
		d = min(first+simDay(n.n)-1, last)
	case "nth business":
		left := n.n
		d = last
		for e := first; e <= last; e++ {
			if x.isOpen(e) {
				d = e
				if left--; left == 0 {
					break
				}
			}
		}
	case "last business":
		for e := last; e >= first; e-- {
			if x.isOpen(e) {
				d = e
				break
			}
		}
	case "nth weekday":
		left := n.n
		for e := first; e <= last; e++ {
			if e.weekday() == n.weekday {
				if left--; left == 0 {
					d = e
					break
				}
			}
		}
	case "last weekday":
		for e := last; e >= first; e-- {
			if e.weekday() == n.weekday {
				d = e
				break
			}
		}
	}
	for left := n.before; left > 0; {
		d--
		if x.isOpen(d) {
			left--
		}
	}
	return d
}

// occurrences are all whose nominal day is from first to last. The fiscal year ends in March.
func (r *simRule) occurrences(x *simDays, zone *time.Location, first, last simDay) []simOcc {
	var out []simOcc
	seen := map[string]bool{}
	add := func(period string, nominal simDay) {
		if nominal < first || nominal > last || r.starting != 0 && nominal < r.starting {
			return
		}
		due := nominal
		if r.ifClosed != "" && r.ifClosed != "as is" && !x.isOpen(nominal) {
			step := simDay(1)
			switch r.ifClosed {
			case "skip":
				return
			case "before":
				step = -1
			}
			for !x.isOpen(due) {
				due += step
			}
		}
		for _, h := range r.hours {
			p, at := period, simMoment(due, h, r.minute, zone)
			if p == "" {
				p = nominal.String()
			}
			if r.shape() == "minute" {
				p = at.In(zone).Format("2006-01-02T15:04")
				for m := -180; m <= 180; m++ {
					if o := at.Add(time.Duration(m) * time.Minute).In(zone); m != 0 && o.Format("2006-01-02T15:04") == p[:16] {
						p += at.In(zone).Format("-0700")
						break
					}
				}
			}
			if !seen[p] {
				seen[p] = true
				out = append(out, simOcc{p, at})
			}
		}
	}
	months := func(y, m, n int) (simDay, simDay) { return simDate(y, m, 1), simDate(y, m+n, 1) - 1 }
	begin := first
	if r.every == "month" || r.every == "quarter" || r.every == "year" {
		begin -= 370 // the unit may have begun long before the day that it names
	}
	for d := begin; d <= last+31; d++ {
		switch r.every {
		case "day":
			if r.n <= 1 || (int(d)-int(r.starting))%r.n == 0 && d >= r.starting {
				add("", d)
			}
		case "business day":
			if x.isOpen(d) {
				add("", d)
			}
		case "week":
			if slices.Contains(r.weekdays, d.weekday()) && (r.n <= 1 || d >= r.starting && (int(d)-int(r.starting))%(7*r.n) == 0) {
				add("", d)
			}
		case "cron":
			if slices.Contains(r.weekdays, d.weekday()) {
				add("", d)
			}
		case "dates":
			if slices.Contains(r.dates, d) {
				add("", d)
			}
		case "month", "quarter", "year":
			// Each unit is met on its first day.
			y, m := d.month()
			if d != simDate(y, m, 1) {
				continue
			}
			length, period := 1, fmt.Sprintf("%04d-%02d", y, m)
			switch r.every {
			case "quarter":
				if m%3 != 1 {
					continue
				}
				fy, q := y, (m-4)/3+1
				if m < 4 {
					fy, q = y-1, 4
				}
				length, period = 3, fmt.Sprintf("%04d-Q%d", fy, q)
			case "year":
				if m != 1 {
					continue
				}
				length, period = 12, fmt.Sprintf("%04d", y)
			}
			if r.n > 1 {
				sy, sm := r.starting.month()
				if gap := (y-sy)*12 + m - sm; gap%r.n != 0 {
					continue
				}
			}
			a, b := months(y, m, length)
			if r.month > 0 {
				a, b = months(y, m+r.month-1, 1)
			}
			for _, n := range r.days {
				if len(r.days) > 1 {
					period = ""
				}
				add(period, n.base(a, b, x))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b simOcc) int { return a.due.Compare(b.due) })
	return out
}

var simWeekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
var simYoubi = []string{"日曜", "月曜", "火曜", "水曜", "木曜", "金曜", "土曜"}

func (n simNamed) toml() string {
	s := ""
	switch n.kind {
	case "number":
		s = strconv.Itoa(n.n)
		if n.before == 0 {
			return s
		}
	case "last":
		s = "last"
	case "nth business":
		s = ordinal(n.n) + " business day"
	case "last business":
		s = "last business day"
	case "nth weekday":
		s = ordinal(n.n) + " " + simWeekdays[n.weekday]
	case "last weekday":
		s = "last " + simWeekdays[n.weekday]
	}
	switch {
	case n.before == 1:
		s += ", 1 business day before"
	case n.before > 1:
		s += fmt.Sprintf(", %d business days before", n.before)
	}
	return strconv.Quote(s)
}

func (n simNamed) japanese() string {
	switch n.kind {
	case "number":
		return fmt.Sprintf("%d日", n.n)
	case "last":
		return "月末"
	case "nth business":
		return fmt.Sprintf("第%d営業日", n.n)
	case "last business":
		return "最終営業日"
	case "nth weekday":
		return fmt.Sprintf("第%d%s", n.n, simYoubi[n.weekday])
	}
	return "最後の" + simYoubi[n.weekday]
}

func ordinal(n int) string {
	return strconv.Itoa(n) + map[int]string{1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}[n] + map[bool]string{true: "th"}[n > 3 && n < 21 || n > 23]
}

// toml is the rule as the value of `when`.
func (r *simRule) toml() string {
	clock := fmt.Sprintf("%d:%02d", r.hours[0], r.minute)
	if r.sentence {
		closed := map[string]string{"": "", "before": " 休みなら前営業日", "after": " 休みなら翌営業日", "as is": " 休みでもそのまま"}[r.ifClosed]
		switch r.every {
		case "day":
			return strconv.Quote("毎日 " + clock + closed)
		case "business day":
			return strconv.Quote("毎営業日 " + clock)
		case "week":
			var names []string
			for _, w := range r.weekdays {
				names = append(names, simYoubi[w])
			}
			return strconv.Quote("毎週" + strings.Join(names, "と") + " " + clock + closed)
		}
		return strconv.Quote("毎月" + r.days[0].japanese() + " " + clock + closed)
	}
	var parts []string
	say := func(k, v string) { parts = append(parts, k+" = "+v) }
	list := func(all []string) string { return "[" + strings.Join(all, ", ") + "]" }
	switch r.every {
	case "cron":
		var hours, week []string
		for _, h := range r.hours {
			hours = append(hours, strconv.Itoa(h))
		}
		for _, w := range r.weekdays {
			week = append(week, strconv.Itoa(int(w)))
		}
		say("cron", strconv.Quote(fmt.Sprintf("%d %s * * %s", r.minute, strings.Join(hours, ","), strings.Join(week, ","))))
	case "dates":
		var all []string
		for _, d := range r.dates {
			all = append(all, strconv.Quote(d.String()))
		}
		say("dates", list(all))
	default:
		every := r.every
		if r.n > 1 {
			every = fmt.Sprintf("%d %ss", r.n, r.every)
		}
		say("every", strconv.Quote(every))
		if r.starting != 0 {
			say("starting", r.starting.String())
		}
		if r.every == "week" {
			var all []string
			for _, w := range r.weekdays {
				all = append(all, strconv.Quote(simWeekdays[w]))
			}
			say("on", list(all))
		}
		if r.month > 0 {
			say("month", strconv.Itoa(r.month))
		}
		var all []string
		for _, d := range r.days {
			all = append(all, d.toml())
		}
		if len(all) == 1 {
			say("day", all[0])
		} else if len(all) > 1 {
			say("day", list(all))
		}
	}
	if r.every != "cron" {
		say("at", strconv.Quote(clock))
	}
	if r.ifClosed != "" {
		say("if_closed", strconv.Quote(r.ifClosed))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// simSomeRule draws a rule of any shape.
func simSomeRule(r *rand.Rand, today simDay) simRule {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	hours := []int{9, 10, 11, 13, 16, 17}
	if r.IntN(4) == 0 {
		hours = []int{0, 1, 2, 3, 23}
	}
	x := simRule{n: 1, hours: []int{hours[r.IntN(len(hours))]}, minute: []int{0, 0, 30, 15, 59}[r.IntN(5)]}
	weekday := func() time.Weekday { return time.Weekday(r.IntN(7)) }
	some := func() []time.Weekday {
		out := []time.Weekday{weekday()}
		if w := weekday(); r.IntN(3) == 0 && w != out[0] {
			out = append(out, w)
		}
		return out
	}
	closed := func() { x.ifClosed = pick("before", "after", "skip", "as is") }
	switch n := r.IntN(100); {
	case n < 2:
		x.every, x.ifClosed = "day", pick("skip", "as is")
	case n < 4:
		x.every, x.n, x.starting = "day", 2+r.IntN(12), today-simDay(r.IntN(40))
		x.ifClosed = pick("skip", "as is")
	case n < 9:
		x.every, x.sentence = "business day", r.IntN(2) == 0
	case n < 27:
		x.every, x.weekdays = "week", some()
		closed()
	case n < 32:
		x.every, x.n, x.starting = "week", 2+r.IntN(2), today-simDay(r.IntN(30))
		x.weekdays = []time.Weekday{x.starting.weekday()}
		closed()
	case n < 52:
		x.every, x.days = "month", []simNamed{{kind: "number", n: 1 + r.IntN(31)}}
		closed()
	case n < 55:
		x.every, x.days = "month", []simNamed{{kind: "last"}}
		closed()
	case n < 59:
		x.every = "month"
		first := 1 + r.IntN(14)
		x.days = []simNamed{{kind: "number", n: first}, {kind: "number", n: first + 1 + r.IntN(14)}, {kind: "last"}}[:2+r.IntN(2)]
		closed()
	case n < 67:
		x.every, x.days = "month", []simNamed{{kind: "nth business", n: 1 + r.IntN(15)}}
	case n < 72:
		x.every, x.days = "month", []simNamed{{kind: "last business"}}
	case n < 77:
		x.every, x.days = "month", []simNamed{{kind: "nth weekday", n: 1 + r.IntN(4), weekday: weekday()}}
		closed()
	case n < 79:
		x.every, x.days = "month", []simNamed{{kind: "last weekday", weekday: weekday()}}
		closed()
	case n < 84:
		x.every, x.days = "month", []simNamed{{kind: "number", n: 5 + r.IntN(24), before: 1 + r.IntN(3)}}
	case n < 86:
		x.every, x.n, x.days = "month", 2, []simNamed{{kind: "number", n: 1 + r.IntN(28)}}
		y, m := today.month()
		x.starting = simDate(y, m, 1)
		closed()
	case n < 90:
		x.every, x.month, x.days = "quarter", 1+r.IntN(3), []simNamed{{kind: "number", n: 1 + r.IntN(28)}}
		closed()
	case n < 92:
		x.every, x.days = "quarter", []simNamed{{kind: "last business"}}
	case n < 94:
		x.every, x.month, x.days = "year", 1+r.IntN(12), []simNamed{{kind: "number", n: 1 + r.IntN(28)}}
		closed()
	case n < 96:
		x.every = "dates"
		for d := today + simDay(r.IntN(20)); len(x.dates) < 3; d += simDay(1 + r.IntN(30)) {
			x.dates = append(x.dates, d)
		}
		closed()
	case n < 98:
		x.every, x.weekdays = "cron", some()
		slices.Sort(x.weekdays)
		closed()
	default:
		x.every, x.weekdays, x.ifClosed = "cron", some(), pick("skip", "as is")
		slices.Sort(x.weekdays)
		x.hours = []int{1, 9, 14}[:2+r.IntN(2)]
	}
	if x.n == 1 && x.month == 0 && x.starting == 0 && len(x.days) <= 1 && (x.every == "day" || x.every == "week" || x.every == "month") && x.ifClosed != "skip" && (len(x.days) == 0 || x.days[0].before == 0 && x.days[0].kind != "last weekday") {
		x.sentence = r.IntN(2) == 0
	}
	return x
}

// TestSimulatedDaysAreTheCalendars: the brute-force days of the simulation and package calendar say the same, each in its own way.
func TestSimulatedDaysAreTheCalendars(t *testing.T) {
	checkSimRules(t, 300)
}
