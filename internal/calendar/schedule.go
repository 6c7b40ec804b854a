package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Shape is what a rule's periods are about.
type Shape string

// The shapes of periods.
const (
	ByMinute  Shape = "minute"  // 2026-11-25T09:30, with +0900 offset when the local time repeats
	ByDate    Shape = "date"    // 2026-11-25
	ByMonth   Shape = "month"   // 2026-11
	ByQuarter Shape = "quarter" // 2026-Q3: the fiscal year's third quarter
	ByYear    Shape = "year"    // 2026: the calendar year of the nominal day (fiscal year when the rule says so)
)

// Schedule is a rule at work: with business days, a zone and a fiscal year. It
// never changes and may be used by any number of goroutines.
type Schedule struct {
	rule   Rule
	days   *Days
	zone   *time.Location
	fiscal int // the month in which the fiscal year begins, January being 0
	shape  Shape
	clock  time.Duration // since midnight; of ByMinute the first
}

// NewSchedule joins a rule with its surroundings. fiscalYearEnd is a month, 12
// when not said. Without days only weekends are closed; without a zone it is UTC.
func NewSchedule(r Rule, d *Days, zone *time.Location, fiscalYearEnd time.Month) (*Schedule, []Problem) {
	if fiscalYearEnd == 0 {
		fiscalYearEnd = time.December
	}
	if fiscalYearEnd < 1 || fiscalYearEnd > 12 {
		return nil, []Problem{*problem("fiscal_year_end", noMonth(int(fiscalYearEnd)).What, noMonth(int(fiscalYearEnd)).Next)}
	}
	if r.IsZero() {
		_, probs := newDraft().rule()
		return nil, probs
	}
	if d == nil {
		d = weekendsOnly()
	}
	if zone == nil {
		zone = time.UTC
	}
	s := &Schedule{rule: r, days: d, zone: zone, fiscal: int(fiscalYearEnd) % 12}
	at := r.at
	switch {
	case r.every == byCron:
		s.shape = r.cron.shape()
		at = r.cron.first()
	case r.every.months() > 0 && len(r.days) == 1:
		s.shape = map[unit]Shape{byMonth: ByMonth, byQuarter: ByQuarter, byYear: ByYear, byFiscalYear: ByYear}[r.every]
	default:
		s.shape = ByDate
	}
	s.clock = time.Duration(at.Hour)*time.Hour + time.Duration(at.Minute)*time.Minute
	if r.every == byDates && r.ifClosed == notSaid {
		for _, date := range r.dates {
			if !d.IsOpen(date) {
				why := d.Why(date)
				return nil, []Problem{*problem("if_closed",
					Text{fmt.Sprintf("%sは%sです。休みのときの扱いが書かれていません", date.Long(Japanese), why.JA), fmt.Sprintf("%s is %s, and it isn't said what to do on a closed day", date.Long(English), why.EN)},
					Text{`日付を変えるか、「休みなら前営業日」などを足してください（表では if_closed = "before"、"after"、"skip"、"as is"）`,
						`change the date, or add "or the business day before if closed" or the like (in a table if_closed = "before", "after", "skip" or "as is")`})}
			}
		}
	}
	return s, nil
}

// Occurrence is one time that a schedule names.
type Occurrence struct {
	Period  string    // identity together with the job's name; always from Nominal
	Nominal time.Time // the moment that the rule names
	Due     time.Time // the moment that it acts, after the shift
	Shifted Text      // why Due is on another day ("11/23は勤労感謝の日のため"), empty when it is not
}

// Rule is the rule at work.
func (s *Schedule) Rule() Rule { return s.rule }

// Sentence is the rule's sentence.
func (s *Schedule) Sentence(l Language) string { return s.rule.Sentence(l) }

// Shape is the shape of the schedule's periods.
func (s *Schedule) Shape() Shape { return s.shape }

// Due returns the occurrences with after < Due <= until, ordered by Due, then Nominal.
func (s *Schedule) Due(after, until time.Time) []Occurrence {
	if s.shape == ByMinute {
		return s.minutes(after, until, false)
	}
	var found []candidate
	s.due(s.dayOf(after)-1, s.dayOf(until)+1, func(c candidate) {
		if t := s.at(c.due); t.After(after) && !t.After(until) && s.exists(c) {
			found = append(found, c)
		}
	})
	return s.occurrences(found)
}

// Skipped returns the occurrences that the rule drops because of if_closed = "skip", by Nominal in (after, until].
func (s *Schedule) Skipped(after, until time.Time) []Occurrence {
	if s.rule.ifClosed != skip {
		return nil
	}
	if s.shape == ByMinute {
		return s.minutes(after, until, true)
	}
	var found []candidate
	s.nominals(s.dayOf(after)-1, s.dayOf(until)+1, func(c candidate) {
		if s.days.open(c.nominal) {
			return
		}
		if t := s.at(c.nominal); t.After(after) && !t.After(until) && s.exists(c) {
			c.due = c.nominal
			found = append(found, c)
		}
	})
	all := s.occurrences(found)
	for i := range all {
		all[i].Shifted = s.because(DateOf(all[i].Nominal))
	}
	return all
}

// farthest is how far Next looks.
const farthest = 10

// Next returns the first occurrence with Due > after; ok is false when there is none within ten years.
func (s *Schedule) Next(after time.Time) (o Occurrence, ok bool) {
	after = after.In(s.zone)
	limit := after.AddDate(farthest, 0, 0)
	if s.shape == ByMinute {
		t, ok := s.nextMinute(after)
		if !ok || t.After(limit) {
			return Occurrence{}, false
		}
		return s.minute(t), true
	}
	// The window of due days begins small, because most rules come soon, and
	// doubles. Its first occurrence is the first of all: due finds every
	// occurrence of a window, wherever its nominal day lies.
	first, last := s.dayOf(after)-1, s.dayOf(limit)
	for width := s.stride(); first <= last; first, width = first+width, 2*width {
		best := candidate{due: last + 1}
		s.due(first, min(first+width-1, last), func(c candidate) {
			if c.compare(best) < 0 && s.at(c.due).After(after) && s.exists(c) {
				best = c
			}
		})
		if best.due <= last {
			o := s.occurrence(best)
			return o, !o.Due.After(limit)
		}
	}
	return Occurrence{}, false
}

// stride is a first guess of the days until the next occurrence.
func (s *Schedule) stride() day {
	switch n := day(s.rule.n); s.rule.every {
	case byDay:
		return n + 2
	case byBusinessDay:
		return 7
	case byWeek:
		return 7*n + 2
	case byMonth:
		return 32 * n
	case byQuarter:
		return 94
	case byYear, byFiscalYear:
		return 367 * n
	}
	return 35
}

// Of returns the occurrence of one period; ok is false when the rule has none such.
func (s *Schedule) Of(period string) (o Occurrence, ok bool) {
	first, last, ok := s.span(period)
	if !ok {
		return Occurrence{}, false
	}
	if s.shape == ByMinute {
		// A gap may have moved it here from the end of the day before.
		start := first.at(0, s.zone)
		found := s.minutes(start.Add(-1), start.Add(26*time.Hour), false)
		i := slices.IndexFunc(found, func(o Occurrence) bool { return o.Period == period })
		if i < 0 {
			return Occurrence{}, false
		}
		return found[i], true
	}
	// An offset may take the nominal day out of its month.
	found := false
	var c candidate
	visit := func(x candidate) {
		if !found && s.act(&x) && s.exists(x) && s.period(x) == period {
			c, found = x, true
		}
	}
	if m := s.rule.every.months(); m > 0 && s.shape != ByDate {
		s.unit(s.unitOf(first.month()), visit)
	} else {
		s.nominals(first, last, visit)
	}
	if !found {
		return Occurrence{}, false
	}
	return s.occurrence(c), true
}

// span is the first and last day of a period of the schedule's shape.
func (s *Schedule) span(period string) (first, last day, ok bool) {
	p := scanner{s: period}
	y, ok := p.number()
	if !ok || y < firstYear-1 || y > lastYear+1 {
		return 0, 0, false
	}
	switch s.shape {
	case ByYear:
		m := y * 12
		if s.rule.every == byFiscalYear {
			m += s.fiscal
		}
		return monthFirst(m), monthFirst(m+12) - 1, p.end()
	case ByQuarter:
		if !p.eat("-Q") {
			return 0, 0, false
		}
		q, ok := p.number()
		m := y*12 + s.fiscal + 3*(q-1)
		return monthFirst(m), monthFirst(m+3) - 1, ok && p.end() && q >= 1 && q <= 4
	}
	if !p.eat("-") {
		return 0, 0, false
	}
	m, ok := p.number()
	if !ok || m < 1 || m > 12 {
		return 0, 0, false
	}
	if s.shape == ByMonth {
		m += y*12 - 1
		return monthFirst(m), monthFirst(m+1) - 1, p.end()
	}
	if !p.eat("-") {
		return 0, 0, false
	}
	d, ok := p.number()
	if !ok || d < 1 || d > 31 {
		return 0, 0, false
	}
	first = Date{y, time.Month(m), d}.day()
	return first, first, p.end() || s.shape == ByMinute
}

// candidate is an occurrence in days.
type candidate struct {
	month   int // the first month of the unit in which the rule counted, or the nominal day's
	nominal day
	due     day
}

func (c candidate) compare(d candidate) int {
	return cmp.Or(cmp.Compare(c.due, d.due), cmp.Compare(c.nominal, d.nominal))
}

func (s *Schedule) dayOf(t time.Time) day {
	return min(max(dayOf(t.In(s.zone)), firstDay), lastDay)
}

func (s *Schedule) at(d day) time.Time { return d.at(s.clock, s.zone) }

// exists refuses a date that the zone skipped, for rules that name every day.
func (s *Schedule) exists(c candidate) bool {
	if s.rule.every != byBusinessDay && (s.rule.every != byDay || s.rule.n > 1) && s.rule.every != byCron {
		return true
	}
	// Its midnight tells: in a gap at the end of a date a late hour moves into the
	// next date, though the date itself was there.
	return dayOf(c.nominal.at(0, s.zone)) == c.nominal
}

// act shifts a candidate to the day on which it acts; false when it is dropped.
// Where no open day is near enough the day stays.
func (s *Schedule) act(c *candidate) bool {
	c.due = c.nominal
	if s.rule.ifClosed == notSaid || s.rule.ifClosed == asIs || s.days.open(c.nominal) {
		return true
	}
	switch s.rule.ifClosed {
	case before:
		c.due, _ = s.days.next(c.nominal, -1)
	case after:
		c.due, _ = s.days.next(c.nominal, +1)
	case skip:
		return false
	}
	return true
}

// due visits the candidates that act on the days from first to last, wherever
// their nominal day lies: before first if they are moved on, and after last if
// they are moved back.
func (s *Schedule) due(first, last day, visit func(candidate)) {
	from, to := first, last
	switch s.rule.ifClosed {
	case before:
		to = s.beyond(last, +1)
	case after:
		from = s.beyond(first, -1)
	}
	s.nominals(from, to, func(c candidate) {
		if s.act(&c) && c.due >= first && c.due <= last {
			visit(c)
		}
	})
}

// beyond is the last of the closed days that follow d in one direction.
func (s *Schedule) beyond(d day, step day) day {
	if e, ok := s.days.next(d, int(step)); ok {
		return e - step
	}
	return d + step*longestSearch
}

// nominals visits the candidates whose nominal day is from first to last.
func (s *Schedule) nominals(first, last day, visit func(candidate)) {
	r := &s.rule
	first, last = max(first, firstDay), min(last, lastDay)
	if !r.starting.IsZero() {
		first = max(first, r.starting.day())
	}
	switch r.every {
	case byDay:
		if r.n > 1 {
			first += day(mod(int(r.starting.day()-first), r.n))
		}
		for d := first; d <= last; d += day(r.n) {
			visit(candidate{month: 0, nominal: d})
		}
	case byBusinessDay:
		for d := first; d <= last; d++ {
			if s.days.open(d) {
				visit(candidate{nominal: d})
			}
		}
	case byWeek:
		phase := 0
		if r.n > 1 {
			phase = r.starting.day().week()
		}
		for d := first; d <= last; d++ {
			if r.on.has(d.weekday()) && (r.n == 1 || mod(d.week()-phase, r.n) == 0) {
				visit(candidate{nominal: d})
			}
		}
	case byDates:
		for _, date := range r.dates {
			if d := date.day(); d >= first && d <= last {
				visit(candidate{nominal: d})
			}
		}
	case byCron:
		for d := first; d <= last; d++ {
			if r.cron.on(d) {
				visit(candidate{nominal: d})
			}
		}
	default:
		from, to := s.bases(first, last)
		for m := s.unitOf(from.month()); m <= to.month(); m += r.every.months() * r.n {
			s.unit(m, func(c candidate) {
				if c.nominal >= first && c.nominal <= last {
					visit(c)
				}
			})
		}
	}
}

// bases are the days between which the named days lie whose offsets lead to the
// days from first to last.
func (s *Schedule) bases(first, last day) (from, to day) {
	from, to = first, last
	for _, d := range s.rule.days {
		switch off := int(d.off); {
		case off == 0:
		case !d.offOpen:
			from, to = min(from, first-day(off)), max(to, last-day(off))
		case off < 0:
			// The k-th open day before a base is last at the latest if the base is
			// the k-th open day after it at the latest.
			e, ok := s.days.add(last, -off)
			if !ok {
				e = last + longestSearch
			}
			to = max(to, e)
		default:
			e, ok := s.days.add(first, -off)
			if !ok {
				e = first - longestSearch
			}
			from = min(from, e)
		}
	}
	return from, to
}

// unitOf is the first month of the unit that contains a month, or of the last
// counted unit before it if the rule takes every n-th.
func (s *Schedule) unitOf(month int) int {
	length := s.rule.every.months()
	start := 0
	if s.rule.every == byQuarter || s.rule.every == byFiscalYear {
		start = s.fiscal
	}
	month -= mod(month-start, length)
	if n := s.rule.n; n > 1 {
		phase := s.rule.starting.day().month()
		phase -= mod(phase-start, length)
		month -= mod(month-phase, length*n)
	}
	return month
}

// unit visits the days that the rule names in the unit that begins with a month.
func (s *Schedule) unit(month int, visit func(candidate)) {
	if n := s.rule.n; n > 1 && s.unitOf(month) != month {
		return
	}
	for i := range s.rule.days {
		d := s.nominal(&s.rule.days[i], month)
		if d < firstDay || d > lastDay || !s.rule.starting.IsZero() && d < s.rule.starting.day() {
			continue
		}
		visit(candidate{month: month, nominal: d})
	}
}

// nominal is one named day in the unit that begins with a month.
func (s *Schedule) nominal(d *namedDay, month int) day {
	first, last := monthFirst(month), monthFirst(month+s.rule.every.months())-1
	if d.month > 0 {
		m := month + int(d.month) - 1
		if s.rule.every == byFiscalYear {
			m = month + mod(int(d.month)-1-month, 12)
		}
		first, last = monthFirst(m), monthFirst(m+1)-1
	}
	base := last
	switch d.kind {
	case dayNumber:
		base = min(first+day(d.n)-1, last)
	case dayWeekday:
		base = first + day(mod(int(d.weekday-first.weekday()), 7)) + 7*day(d.n-1)
	case dayLastWeekday:
		base = last - day(mod(int(last.weekday()-d.weekday), 7))
	case dayBusiness, dayLastBusiness:
		// The n-th, the last one of a span that has fewer, or the last day of one
		// that has none.
		e, left := first-1, int(d.n)
		if d.kind == dayLastBusiness {
			if e, ok := s.days.next(last+1, -1); ok && e >= first {
				base = e
			}
			break
		}
		for e++; e <= last && left > 0; e++ {
			if s.days.open(e) {
				base = e
				left--
			}
		}
	}
	if !d.offOpen {
		return base + day(d.off)
	}
	if e, ok := s.days.add(base, int(d.off)); ok {
		return e
	}
	return base
}

// occurrences orders candidates and leaves out those that are named twice.
func (s *Schedule) occurrences(found []candidate) []Occurrence {
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, candidate.compare)
	found = slices.CompactFunc(found, func(a, b candidate) bool { return a.nominal == b.nominal && (s.shape == ByDate || a.month == b.month) })
	all := make([]Occurrence, len(found))
	for i, c := range found {
		all[i] = s.occurrence(c)
	}
	return all
}

func (s *Schedule) occurrence(c candidate) Occurrence {
	o := Occurrence{Period: s.period(c), Nominal: s.at(c.nominal)}
	o.Due = o.Nominal
	if c.due != c.nominal {
		o.Due = s.at(c.due)
		o.Shifted = s.because(c.nominal.date())
	}
	return o
}

// because says why a day is closed: "11/23は勤労感謝の日のため".
func (s *Schedule) because(d Date) Text {
	why := s.days.Why(d)
	return Text{
		strconv.Itoa(int(d.Month)) + "/" + strconv.Itoa(d.Day) + "は" + why.JA + "のため",
		"because " + strconv.Itoa(d.Day) + " " + d.Month.String()[:3] + " is " + why.EN,
	}
}

func (s *Schedule) period(c candidate) string {
	b := make([]byte, 0, 16)
	month := c.month
	if s.rule.every == byCron {
		month = c.nominal.month()
	}
	switch s.shape {
	case ByYear:
		return string(pad(b, month/12, 4))
	case ByQuarter:
		return s.quarter(month)
	case ByMonth:
		b = append(pad(b, month/12, 4), '-')
		return string(pad(b, month%12+1, 2))
	}
	return string(c.nominal.date().append(b))
}

// quarter is the fiscal quarter that contains a month.
func (s *Schedule) quarter(month int) string {
	m := month - s.fiscal
	b := append(pad(nil, m/12, 4), "-Q"...)
	return string(pad(b, m%12/3+1, 1))
}

// minutes are the occurrences of a rule with several times a day; dropped
// chooses those that are skipped, else those that are not.
func (s *Schedule) minutes(after, until time.Time, dropped bool) []Occurrence {
	var all []Occurrence
	var times []time.Time
	s.nominals(s.dayOf(after)-1, s.dayOf(until)+1, func(c candidate) {
		if dropped != (s.rule.ifClosed == skip && !s.days.open(c.nominal)) {
			return
		}
		times = s.rule.cron.moments(c.nominal, s.zone, times[:0])
		for _, t := range times {
			if t.After(after) && !t.After(until) {
				o := s.minute(t)
				if dropped {
					o.Shifted = s.because(c.nominal.date())
				}
				all = append(all, o)
			}
		}
	})
	// A day that the zone skipped acts at the first moment of the next one.
	slices.SortStableFunc(all, func(a, b Occurrence) int { return a.Due.Compare(b.Due) })
	return slices.CompactFunc(all, func(a, b Occurrence) bool { return a.Due.Equal(b.Due) })
}

// nextMinute is the first moment after one of a rule with several times a day.
func (s *Schedule) nextMinute(after time.Time) (time.Time, bool) {
	first := s.dayOf(after) - 1
	if !s.rule.starting.IsZero() {
		first = max(first, s.rule.starting.day())
	}
	var times []time.Time
	for d := first; d <= min(first+farthest*366, lastDay); d++ {
		if !s.rule.cron.on(d) || s.rule.ifClosed == skip && !s.days.open(d) {
			continue
		}
		if start, ok := wholeDay(d, s.zone); ok {
			m := 0
			if wait := after.Sub(start); wait >= 0 {
				m = int(min(wait/time.Minute+1, 24*60))
			}
			if m, ok := s.rule.cron.nextMinute(m); ok {
				return start.Add(time.Duration(m) * time.Minute), true
			}
			continue
		}
		times = s.rule.cron.moments(d, s.zone, times[:0])
		for _, t := range times {
			if t.After(after) {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

func (s *Schedule) minute(t time.Time) Occurrence {
	return Occurrence{Period: s.periodOfMinute(t), Nominal: t, Due: t}
}

// periodOfMinute bears the offset where the clock shows the same time twice.
func (s *Schedule) periodOfMinute(t time.Time) string {
	b := append(DateOf(t).append(make([]byte, 0, 24)), 'T')
	b = append(pad(b, t.Hour(), 2), ':')
	b = pad(b, t.Minute(), 2)
	if repeats(t) {
		b = t.AppendFormat(b, "-0700")
	}
	return string(b)
}

// repeats reports whether the clock shows the time of t once more, before or after.
func repeats(t time.Time) bool {
	start, end := t.ZoneBounds()
	_, offset := t.Zone()
	if !start.IsZero() {
		// Before start the clock was ahead: it has shown what it shows less than
		// the difference after start.
		_, earlier := start.Add(-1).Zone()
		if t.Sub(start) < time.Duration(earlier-offset)*time.Second {
			return true
		}
	}
	if !end.IsZero() {
		_, later := end.Zone()
		if end.Sub(t) <= time.Duration(offset-later)*time.Second {
			return true
		}
	}
	return false
}
