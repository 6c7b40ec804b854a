package calendar

import (
	"fmt"
	"strconv"
	"time"
)

// Lead is a time span counted back from a due moment or on from it: "1 business
// day before", "2日前", "30 minutes before", "3 days".
type Lead struct {
	n    int
	unit leadUnit
}

type leadUnit uint8

const (
	leadDays leadUnit = iota
	leadBusinessDays
	leadWeeks
	leadHours
	leadMinutes
)

// ParseLead reads a lead; dir words ("before", "前") may be left out.
func ParseLead(s string) (Lead, *Problem) {
	l, ok := readLead(fold(s))
	if !ok {
		return Lead{}, problem("", Text{"「" + quote(s) + "」は長さとして読めません", fmt.Sprintf("%q is no length of time", quote(s))},
			Text{"「1営業日前」「3日」「2時間前」「30分前」のように書いてください", `write it as "1 business day before", "3 days", "2 hours before" or "30 minutes before"`})
	}
	if most := [...]int{3660, 2500, 520, 24 * 366, 60 * 24 * 31}[l.unit]; l.n > most {
		return Lead{}, problem("", Text{"「" + quote(s) + "」は長すぎます", fmt.Sprintf("%q is too long", quote(s))},
			Text{"10年より短くし、長いものは日数で書いてください", "keep it under ten years, and write long ones in days"})
	}
	return l, nil
}

func readLead(s string) (l Lead, ok bool) {
	p := scanner{s: s}
	switch {
	case p.eat("前営業日", "翌営業日"):
		l = Lead{1, leadBusinessDays}
	case p.eat("前日", "翌日"):
		l = Lead{1, leadDays}
	case p.word("the business day", "the day"):
		l = Lead{1, leadDays}
		if p.s[:p.i] != "the day " && p.s[:p.i] != "the day" {
			l.unit = leadBusinessDays
		}
		p.word("before", "after")
	default:
		if l.n, ok = p.number(); !ok {
			if !p.word("a", "an", "one") {
				return Lead{}, false
			}
			l.n = 1
		}
		p.skip(" ")
		switch {
		case p.eat("営業日") || p.word("business days", "business day", "working days", "working day"):
			l.unit = leadBusinessDays
		case p.eat("週間", "週") || p.word("weeks", "week"):
			l.unit = leadWeeks
		case p.eat("日間", "日") || p.word("days", "day"):
			l.unit = leadDays
		case p.eat("時間") || p.word("hours", "hour"):
			l.unit = leadHours
		case p.eat("分間", "分") || p.word("minutes", "minute", "min"):
			l.unit = leadMinutes
		default:
			return Lead{}, false
		}
		p.skip(" ")
		if !p.eat("前", "後", "以内") {
			p.word("before", "after", "earlier", "later")
		}
	}
	p.skip(" ")
	return l, p.end()
}

// Before counts the lead back from t: days and business days keep the time of day.
func (l Lead) Before(t time.Time, d *Days) time.Time { return l.count(t, d, -1) }

// After counts the lead on from t.
func (l Lead) After(t time.Time, d *Days) time.Time { return l.count(t, d, +1) }

func (l Lead) count(t time.Time, d *Days, step int) time.Time {
	n := l.n * step
	if n == 0 {
		return t
	}
	to := dayOf(t)
	switch l.unit {
	case leadHours:
		return t.Add(time.Duration(n) * time.Hour)
	case leadMinutes:
		return t.Add(time.Duration(n) * time.Minute)
	case leadDays:
		to += day(n)
	case leadWeeks:
		to += day(7 * n)
	case leadBusinessDays:
		if d == nil {
			d = weekendsOnly()
		}
		e, ok := d.add(to, n)
		if !ok {
			// No business day is near enough: calendar days are an answer too.
			e = to + day(n)
		}
		to = e
	}
	h, m, s := t.Clock()
	clock := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
	return to.at(clock, t.Location())
}

// IsZero reports whether the lead is nothing.
func (l Lead) IsZero() bool { return l.n == 0 }

// Sentence says the lead in words, without "before": "1営業日", "3 days".
func (l Lead) Sentence(lang Language) string {
	if lang == English {
		words := [...]string{"day", "business day", "week", "hour", "minute"}
		return count(l.n, words[l.unit])
	}
	return strconv.Itoa(l.n) + [...]string{"日", "営業日", "週間", "時間", "分"}[l.unit]
}

// count says "1 day", "2 days".
func count(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return strconv.Itoa(n) + " " + word
}
