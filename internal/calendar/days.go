package calendar

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// DaysOptions says which days are business days.
type DaysOptions struct {
	Country  string    // "jp", "jp-bank", another country's code, or "none" (weekends only)
	Closed   []Range   // company closing days
	Open     []Range   // extra working days; they win over everything else
	Holidays *Holidays // for jp: nil means the embedded table
}

// Days knows business days. It never changes after NewDays and may be shared by
// any number of schedules and goroutines. It takes about 7 KB; the names of the
// holidays are shared among all Days of a country.
type Days struct {
	closed   [(lastHolidayYear - firstHolidayYear + 1) * 366 / 64]uint64
	holidays holidayList
	bank     bool
	company  []Range
	known    Date
}

var (
	firstKnown = Date{firstHolidayYear, 1, 1}.day()
	lastKnown  = Date{lastHolidayYear, 12, 31}.day()
)

// weekendsOnly serves those who have no Days.
var weekendsOnly = sync.OnceValue(func() *Days {
	d, _ := NewDays(DaysOptions{Country: "none"})
	return d
})

// NewDays checks the options; the problems' keys are "country", "closed", "open".
// With problems the Days is nil.
func NewDays(o DaysOptions) (*Days, []Problem) {
	x := &Days{}
	var probs []Problem
	switch code := strings.ToLower(strings.TrimSpace(o.Country)); code {
	case "none":
	case "jp", "jp-bank":
		var official int
		if o.Holidays == nil {
			x.holidays, official = japanEmbedded()
		} else {
			x.holidays, official = japan(o.Holidays)
		}
		x.known = Date{official, 12, 31}
		x.bank = code == "jp-bank"
	default:
		i := slices.IndexFunc(countries, func(c country) bool { return c.code == code })
		if i < 0 {
			probs = append(probs, *unknownCountry(o.Country, code))
			break
		}
		x.holidays = holidaysOf(countries[i])
	}
	for d := firstKnown; d <= lastKnown; d++ {
		if w := d.weekday(); w == time.Saturday || w == time.Sunday {
			x.set(d, true)
		}
	}
	for _, h := range x.holidays {
		x.set(h.day, true)
	}
	if x.bank {
		// 銀行法施行令 5条1項: 31 December to 3 January.
		x.setRange(Range{Date{0, 12, 31}, Date{0, 1, 3}}, true)
	}
	for _, r := range o.Closed {
		probs = append(probs, checkedRange("closed", r)...)
		x.setRange(r, true)
	}
	for _, r := range o.Open {
		probs = append(probs, checkedRange("open", r)...)
		x.setRange(r, false)
	}
	x.company = slices.Clone(o.Closed)
	if len(probs) > 0 {
		return nil, probs
	}
	for y := firstHolidayYear; y <= lastHolidayYear; y++ {
		first := Date{y, 1, 1}.day()
		if d, ok := x.next(first-1, +1); !ok || d.date().Year > y {
			return nil, []Problem{*problem("closed",
				Text{fmt.Sprintf("休業日の指定で、%d年に営業日が1日もなくなります", y), fmt.Sprintf("these closing days leave no business day in %d", y)},
				Text{"休業日の範囲を見直してください", "make the closing days shorter"})}
		}
	}
	return x, nil
}

func unknownCountry(written, code string) *Problem {
	if name, ok := absent[code]; ok {
		return problem("country",
			Text{name.JA + "（" + code + "）の祝日は、すべてを前もって計算することができません", "the public holidays of " + name.EN + " (" + code + ") can't all be computed ahead"},
			Text{`country = "none" とし、祝日を closed に書いてください`, `write country = "none" and give the holidays with closed`})
	}
	if code == "au" {
		return problem("country", Text{"オーストラリアの祝日は州ごとに異なります", "Australia's public holidays differ by state"},
			Text{`"au-nsw" のように州まで書いてください`, `name the state, as in "au-nsw"`})
	}
	codes := Countries()
	next := "「jp」「jp-bank」「none」か、国のコード（us、gb、de など）を書いてください"
	nextEN := `write "jp", "jp-bank", "none" or a country's code such as us, gb or de`
	for _, c := range codes {
		if name := countryName(c); strings.EqualFold(name.EN, strings.TrimSpace(written)) || name.JA == strings.TrimSpace(written) {
			return problem("country", Text{"国「" + quote(written) + "」が分かりません", fmt.Sprintf("the country %q is not known", quote(written))},
				Text{`国は記号で書きます。country = "` + c + `" と書いてください`, `a country is written by its code: country = "` + c + `"`})
		}
	}
	if code != "" {
		sort.SliceStable(codes, func(i, j int) bool {
			return distance([]rune(code), []rune(codes[i])) < distance([]rune(code), []rune(codes[j]))
		})
		var ja, en []string
		for _, c := range codes[:5] {
			name := countryName(c)
			ja, en = append(ja, c+"（"+name.JA+"）"), append(en, c+" ("+name.EN+")")
		}
		next = "近いものは " + strings.Join(ja, "、") + " です。" + next
		nextEN = "the nearest are " + strings.Join(en, ", ") + "; " + nextEN
	}
	return problem("country", Text{"国「" + quote(written) + "」が分かりません", fmt.Sprintf("the country %q is not known", quote(written))}, Text{next, nextEN})
}

func checkedRange(key string, r Range) []Problem {
	var prob *Problem
	switch {
	case (r.First.Year == 0) != (r.Last.Year == 0):
		prob = problem(key, Text{r.String() + " は年のある日と年のない日が混ざっています", r.String() + " has a year on one side only"},
			Text{"両方に年を書くか、両方とも書かないでください", "write the year on both sides or on neither"})
	case r.First.Year == 0:
		if prob = checkedMonthDay(int(r.First.Month), r.First.Day); prob == nil {
			prob = checkedMonthDay(int(r.Last.Month), r.Last.Day)
		}
	default:
		_, prob = checkedDate(r.First.Year, int(r.First.Month), r.First.Day)
		if prob == nil {
			_, prob = checkedDate(r.Last.Year, int(r.Last.Month), r.Last.Day)
		}
		if prob == nil && r.Last.Before(r.First) {
			prob = problem(key, Text{r.String() + " は終わりの日が始まりの日より前です", r.String() + " ends before it begins"},
				Text{"始まりの日を先に書いてください", "write the first day first"})
		}
	}
	if prob == nil {
		return nil
	}
	prob.Key = key
	return []Problem{*prob}
}

func (x *Days) set(d day, closed bool) {
	if d < firstKnown || d > lastKnown {
		return
	}
	i := int(d - firstKnown)
	if closed {
		x.closed[i/64] |= 1 << (i % 64)
	} else {
		x.closed[i/64] &^= 1 << (i % 64)
	}
}

func (x *Days) setRange(r Range, closed bool) {
	years := lastHolidayYear
	if r.First.Year != 0 {
		years = firstHolidayYear - 1 // once
	}
	for y := firstHolidayYear - 1; y <= years; y++ {
		first, last := r.in(y)
		for d := max(first, firstKnown); d <= min(last, lastKnown); d++ {
			x.set(d, closed)
		}
	}
}

// in is the range as it begins in a year.
func (r Range) in(year int) (first, last day) {
	if r.First.Year != 0 {
		return r.First.day(), r.Last.day()
	}
	over := 0
	if r.Last.Month < r.First.Month || (r.Last.Month == r.First.Month && r.Last.Day < r.First.Day) {
		over = 1
	}
	return inYear(r.First, year), inYear(r.Last, year+over)
}

func (r Range) contains(d day) bool {
	for year := d.date().Year; ; year-- { // it may have begun in the year before
		if first, last := r.in(year); first <= d && d <= last {
			return true
		}
		if year < d.date().Year {
			return false
		}
	}
}

// inYear puts a day of every year into one; 29 February is the 28th in a common year.
func inYear(d Date, year int) day {
	return Date{year, d.Month, min(d.Day, daysIn(year, d.Month))}.day()
}

// IsOpen reports whether d is a business day.
func (x *Days) IsOpen(d Date) bool { return x.open(d.day()) }

func (x *Days) open(d day) bool {
	if d < firstKnown || d > lastKnown {
		w := d.weekday()
		return w != time.Saturday && w != time.Sunday
	}
	i := int(d - firstKnown)
	return x.closed[i/64]&(1<<(i%64)) == 0
}

// Why says why d is closed ("土曜日", "勤労感謝の日", "休業日"); empty Text when it is open.
func (x *Days) Why(d Date) Text {
	n := d.day()
	if x.open(n) {
		return Text{}
	}
	if name, ok := x.holidays.find(n); ok {
		return name
	}
	if w := n.weekday(); w == time.Saturday || w == time.Sunday {
		return weekdayName(w)
	}
	company := slices.ContainsFunc(x.company, func(r Range) bool { return r.contains(n) })
	if x.bank && !company {
		return Text{"銀行の休業日", "a bank holiday"}
	}
	return Text{"休業日", "a company holiday"}
}

// Add returns the n-th business day after (n > 0) or before (n < 0) d; ok is
// false when there is none within two years of the one before it.
func (x *Days) Add(d Date, n int) (day Date, ok bool) {
	e, ok := x.add(d.day(), n)
	return e.date(), ok
}

// OnOrBefore returns d if it is a business day, else the last one before it.
func (x *Days) OnOrBefore(d Date) (Date, bool) { return x.Add(d.AddDays(1), -1) }

// OnOrAfter returns d if it is a business day, else the next one.
func (x *Days) OnOrAfter(d Date) (Date, bool) { return x.Add(d.AddDays(-1), +1) }

// KnownUntil is the last day for which the public holidays are official; zero when there is no such end.
func (x *Days) KnownUntil() Date { return x.known }

// longestSearch is how many days a search for a business day looks at: two years.
const longestSearch = 731

// add is Add on day numbers. More than longestAdd business days are out of reach.
func (x *Days) add(d day, n int) (day, bool) {
	const longestAdd = 5000
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	if n > longestAdd {
		return d, false
	}
	for range n {
		var ok bool
		if d, ok = x.next(d, step); !ok {
			return d, false
		}
	}
	return d, true
}

// next is the business day nearest to d in one direction, d itself left out.
func (x *Days) next(d day, step int) (day, bool) {
	e := d
	for range longestSearch {
		e += day(step)
		if x.open(e) {
			return e, true
		}
	}
	return d, false
}
