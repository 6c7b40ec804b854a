package calendar

import (
	"strings"
	"time"
)

// englishReader reads a folded English sentence into a draft.
type englishReader struct {
	scanner
	b *draft
}

var englishWords = []string{"every", "each", "daily", "weekly", "monthly", "quarterly", "yearly", "annually", "fortnightly",
	"day", "days", "business", "week", "weeks", "month", "months", "quarter", "quarters", "year", "years", "fiscal", "other",
	"first", "second", "third", "fourth", "last", "before", "after", "skip", "skipped", "even", "closed", "starting", "noon",
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "cron",
	"january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december"}

var ordinals = []string{"first", "second", "third", "fourth", "fifth"}

// read takes the parts of a sentence in any order.
func (p *englishReader) read(key string) {
	for {
		p.skip(" ,.();")
		if p.end() {
			return
		}
		switch {
		case p.b.readCron(&p.scanner):
		case p.closed():
		case p.every():
		case p.starting():
		case p.at():
		case p.dates():
		case p.b.readClock(&p.scanner):
		case p.daysOrWeekdays():
		case p.noise():
		default:
			word := p.unknown()
			p.b.fail(key, Text{"「" + quote(word) + "」の意味が分かりません", "it isn't clear what " + `"` + quote(word) + `" means`},
				didYouMean(strings.Trim(word, "0123456789():;."), englishWords, Text{`「毎月25日 10:00 休みなら前営業日」のように書いてください`, `write it as "every month on the 25th at 10:00, or the business day before if closed"`}))
		}
	}
}

// noise passes "on" before something that is read next, and nothing else.
func (p *englishReader) noise() bool {
	from := p.i
	if p.word("on") && !p.end() {
		at := p.i
		probe := &englishReader{p.scanner, newDraft()}
		if probe.dates() || probe.daysOrWeekdays() || probe.every() || probe.closed() {
			p.i = at
			return true
		}
	}
	p.i = from
	return false
}

func (p *englishReader) at() bool {
	from := p.i
	if !p.word("at") {
		return false
	}
	if p.b.readClock(&p.scanner) {
		return true
	}
	at := p.i
	if _, ok := p.number(); ok {
		p.b.failWith("at", noClock(p.s[at:p.i]))
		return true
	}
	p.i = from
	return false
}

func (p *englishReader) starting() bool {
	from := p.i
	if !p.word("starting on", "starting from", "starting", "from", "since", "beginning on", "beginning") {
		return false
	}
	d, prob := p.date()
	switch {
	case prob != nil:
		p.b.failWith("starting", prob)
	case d.IsZero():
		p.i = from
		return false
	default:
		p.b.setStarting(d)
	}
	return true
}

// dates takes dates with their year.
func (p *englishReader) dates() bool {
	var dates []Date
	start := p.i
	p.word("on")
	for {
		from := p.i
		if len(dates) > 0 {
			p.skip(" ,")
			p.word("and")
		}
		d, prob := p.date()
		if prob != nil {
			p.b.failWith("dates", prob)
			return true
		}
		if d.IsZero() {
			p.i = from
			break
		}
		dates = append(dates, d)
	}
	if len(dates) == 0 {
		p.i = start
		return false
	}
	p.b.addDates(dates)
	return true
}

func (p *englishReader) closed() bool {
	from := p.i
	if p.word("even") {
		if p.word("if closed", "when closed", "on closed days", "on holidays") {
			p.b.setIfClosed(asIs)
			return true
		}
		p.i = from
		return false
	}
	if p.word("unless closed") {
		p.b.setIfClosed(skip)
		return true
	}
	said := p.word("if closed", "when closed")
	p.skip(" ,")
	p.word("then")
	or := p.word("or else", "or", "otherwise")
	c, ok := p.closedAction(said || or)
	if !ok {
		p.i = from
		return false
	}
	at := p.i
	p.skip(" ,")
	if said || !p.word("if closed", "when closed", "if it is closed", "if that is closed") {
		p.i = at
		// "before" without "if closed" is understood only after "or".
		if !said && !or && c != skip {
			p.i = from
			return false
		}
	}
	p.b.setIfClosed(c)
	return true
}

func (p *englishReader) closedAction(said bool) (ifClosed, bool) {
	p.word("on")
	p.word("the")
	day := func(way ...string) bool {
		from := p.i
		if p.word(way...) && p.word("business day", "working day") {
			return true
		}
		p.i = from
		return false
	}
	from := p.i
	switch {
	case p.word("skipped", "skip it", "skip"):
		return skip, true
	case p.word("as is"):
		return asIs, true
	case day("previous", "preceding"):
		return before, true
	case day("next", "following"):
		return after, true
	case p.word("business day", "working day"):
		if p.word("before") {
			return before, true
		}
		if p.word("after") {
			return after, true
		}
	case said && p.word("before"):
		return before, true
	case said && p.word("after"):
		return after, true
	}
	p.i = from
	return notSaid, false
}

func (p *englishReader) weekday() (time.Weekday, bool) {
	for w := time.Sunday; w <= time.Saturday; w++ {
		name := strings.ToLower(w.String())
		if p.word(name+"s", name, name[:3]+".", name[:3]) || w == time.Tuesday && p.word("tues") || w == time.Thursday && p.word("thurs", "thur", "thu") {
			return w, true
		}
	}
	return 0, false
}

func (p *englishReader) weekdays() bool {
	any := false
	for {
		from := p.i
		if any {
			p.skip(" ,/")
			p.word("and")
		}
		w, ok := p.weekday()
		if !ok {
			p.i = from
			return any
		}
		p.b.addWeekday(w)
		any = true
	}
}

func (p *englishReader) every() bool {
	b, from := p.b, p.i
	for word, u := range map[string]unit{"daily": byDay, "weekly": byWeek, "monthly": byMonth, "quarterly": byQuarter, "yearly": byYear, "annually": byYear} {
		if p.word(word) {
			b.setEvery(u, 1)
			return true
		}
	}
	if p.word("fortnightly", "biweekly") {
		b.setEvery(byWeek, 2)
		return true
	}
	if !p.word("of every", "of each", "every", "each") {
		return false
	}
	n := 1
	if p.word("other") {
		n = 2
	} else {
		at := p.i
		k, ok := p.number()
		if ok && p.eat(" ") {
			p.skip(" ")
			n = k
		} else {
			p.i = at
		}
	}
	switch {
	case p.word("business days", "business day", "working days", "working day", "workday"):
		b.setEvery(byBusinessDay, n)
	case p.word("weekdays", "weekday"):
		b.weekday = true
	case p.word("days", "day"):
		b.setEvery(byDay, n)
	case p.word("weeks", "week"):
		b.setEvery(byWeek, n)
	case p.word("months", "month"):
		b.setEvery(byMonth, n)
	case p.word("quarters", "quarter"):
		b.setEvery(byQuarter, n)
	case p.word("fiscal years", "fiscal year", "financial year"):
		b.setEvery(byFiscalYear, n)
	case p.word("years", "year"):
		b.setEvery(byYear, n)
	case p.weekdays():
		b.setEvery(byWeek, n)
	default:
		// "every 25th", "every last business day": a month is meant. "every 2nd
		// Tuesday" could be every other Tuesday as well.
		at := p.i
		probe := newDraft()
		reader := &englishReader{p.scanner, probe}
		if n != 1 || !reader.days() {
			p.i = from
			return false
		}
		for _, d := range probe.days {
			if d.kind == dayWeekday {
				b.fail("every", Text{"「every 2nd Tuesday」は毎月第2火曜とも隔週火曜とも読めます", `"every 2nd Tuesday" can be read in two ways`},
					Text{"「every month on the 2nd Tuesday」か「every 2 weeks on Tuesday」と書いてください", `write "every month on the 2nd Tuesday" or "every 2 weeks on Tuesday"`})
			}
		}
		if !probe.has["every"] {
			b.setEvery(byMonth, 1)
		}
		p.i = at
		p.days()
	}
	return true
}

func (p *englishReader) daysOrWeekdays() bool {
	from := p.i
	p.word("on")
	p.word("the")
	if p.days() || p.weekdays() {
		return true
	}
	p.i = from
	return false
}

// days takes a list of days.
func (p *englishReader) days() bool {
	any := false
	for {
		from := p.i
		if any {
			p.skip(" ,")
			p.word("and")
			p.word("on")
			if p.i == from {
				return true
			}
		}
		d, ok := p.day()
		if !ok {
			p.i = from
			return any
		}
		p.b.addDay(d)
		any = true
	}
}

// day takes one day with its offset: "2 business days before the 25th", or "25, 2 business days before".
func (p *englishReader) day() (namedDay, bool) {
	from := p.i
	if n, open, ok := p.offset(); ok {
		if d, ok := p.named(); ok {
			p.b.offset(&d, n, open)
			return d, true
		}
		p.i = from
		return namedDay{}, false
	}
	d, ok := p.named()
	if !ok {
		p.i = from
		return d, false
	}
	after := p.i
	p.skip(" ,")
	if n, open, ok := p.offset(); ok {
		// It may belong to the day after it instead.
		probe := &englishReader{p.scanner, newDraft()}
		if _, more := probe.named(); !more {
			p.b.offset(&d, n, open)
			return d, true
		}
	}
	p.i = after
	return d, true
}

// offset takes "2 business days before".
func (p *englishReader) offset() (n int, open, ok bool) {
	from := p.i
	p.word("the")
	n, ok = p.number()
	if !ok {
		n = 1
		p.word("a", "one")
	}
	p.skip(" ")
	switch {
	case p.word("business days", "business day", "working days", "working day"):
		open = true
	case p.word("days", "day"):
	default:
		p.i = from
		return 0, false, false
	}
	switch {
	case p.word("before"):
		return -n, open, true
	case p.word("after"):
		return n, open, true
	}
	p.i = from
	return 0, false, false
}

// named takes one day without an offset.
func (p *englishReader) named() (d namedDay, ok bool) {
	from := p.i
	p.word("the")
	p.word("day")
	nth := 0
	switch {
	case p.word("last"):
		ok = true
		switch {
		case p.word("business day", "working day"):
			d.kind = dayLastBusiness
		case p.word("day"):
			d.kind = dayLast
		default:
			if w, is := p.weekday(); is {
				d.kind, d.weekday = dayLastWeekday, w
			} else {
				d.kind = dayLast
			}
		}
	case p.word("month-end", "month end", "end of month", "end of the month"):
		d.kind, ok = dayLast, true
	default:
		for i, word := range ordinals {
			if p.word(word) {
				nth = i + 1
			}
		}
		if nth == 0 {
			at := p.i
			if m, n, is := p.monthDay(); is && !strings.HasPrefix(p.rest(), ":") {
				d.month, d.n, ok = numberOf(m), numberOf(n), true
				if m == 0 {
					d.month = 127
				}
				break
			}
			p.i = at
			n, is := p.number()
			if !is || p.i-at > 2 || strings.HasPrefix(p.rest(), ":") {
				break
			}
			suffix := p.eat("st", "nd", "rd", "th")
			if !suffix && !p.end() && letter(p.s[p.i]) {
				break // 9am
			}
			p.skip(" ")
			nth = n
			if !suffix && p.word("am", "pm", "a.m.", "p.m.") {
				break
			}
		}
		d.n, ok = numberOf(nth), true
		switch {
		case p.word("business day", "working day"):
			d.kind = dayBusiness
		case p.word("day"):
			d.kind = dayNumber
		default:
			if w, is := p.weekday(); is {
				d.kind, d.weekday = dayWeekday, w
			}
		}
	}
	if !ok {
		p.i = from
		return d, false
	}
	p.note()
	p.of(&d)
	p.note()
	return d, true
}

// note passes what a sentence says about short months.
func (p *englishReader) note() {
	from := p.i
	p.skip(" ")
	if !p.eat("(in shorter months the last day)", "(in shorter months the last business day)", "(in common years the 28th)") {
		p.i = from
	}
}

// of takes what a day is counted in: "of March", "of its 1st month", "of the month".
func (p *englishReader) of(d *namedDay) {
	from := p.i
	p.skip(" ")
	if !p.word("of") {
		p.i = from
		return
	}
	if m := p.monthName(); m > 0 && d.month == 0 {
		d.month = int8(m)
		return
	}
	at := p.i
	if p.word("the month", "the quarter", "the fiscal year", "the year") {
		return
	}
	p.i = at
	if p.word("its", "the") {
		n := 0
		if p.word("last") {
			n = 3
		}
		for i, word := range ordinals[:3] {
			if p.word(word) {
				n = i + 1
			}
		}
		if n == 0 {
			if k, ok := p.number(); ok && p.eat("st", "nd", "rd", "th") {
				n = k
				if k == 0 {
					n = 127
				}
			}
			p.skip(" ")
		}
		if n > 0 && d.month == 0 && p.word("month") {
			d.month = numberOf(n)
			at := p.i
			if !p.word("of the quarter") {
				p.i = at
			}
			return
		}
	}
	p.i = from
}
