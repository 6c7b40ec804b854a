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

// ParseLead reads a lead; the words for its way ("before", "後") may be left out
// and are not looked at.
func ParseLead(s string) (Lead, *Problem) {
	l, _, p := parseLead(s)
	return l, p
}

// ParseLeadBefore reads a lead that is counted back. One that says "after" would
// be counted the other way without a word, so it is a problem.
func ParseLeadBefore(s string) (Lead, *Problem) { return parseLeadOf(s, back) }

// ParseLeadAfter reads a lead that is counted on.
func ParseLeadAfter(s string) (Lead, *Problem) { return parseLeadOf(s, on) }

// leadWay is the way in which a lead says that it is counted.
type leadWay uint8

const (
	unsaid leadWay = iota
	back
	on
)

func parseLeadOf(s string, want leadWay) (Lead, *Problem) {
	l, way, p := parseLead(s)
	if p != nil || way == unsaid || way == want {
		return l, p
	}
	if want == back {
		return Lead{}, problem("", Text{"「" + quote(s) + "」は後ろへ数える書き方ですが、ここでは前へ数えます", fmt.Sprintf("%q counts on, but here it is counted back", quote(s))},
			Text{"「" + l.Sentence(Japanese) + "前」のように書いてください", fmt.Sprintf("write it like %q", l.Sentence(English)+" before")})
	}
	return Lead{}, problem("", Text{"「" + quote(s) + "」は前へ数える書き方ですが、ここでは後ろへ数えます", fmt.Sprintf("%q counts back, but here it is counted on", quote(s))},
		Text{"「" + l.Sentence(Japanese) + "」のように書いてください", fmt.Sprintf("write it like %q", l.Sentence(English))})
}

func parseLead(s string) (Lead, leadWay, *Problem) {
	l, way, ok := readLead(fold(s))
	if !ok {
		return Lead{}, unsaid, problem("", Text{"「" + quote(s) + "」は長さとして読めません", fmt.Sprintf("%q is no length of time", quote(s))},
			Text{"「1営業日前」「3日」「2時間前」「30分前」のように書いてください", `write it as "1 business day before", "3 days", "2 hours before" or "30 minutes before"`})
	}
	if most := [...]int{3660, 2500, 520, 24 * 366, 60 * 24 * 31}[l.unit]; l.n > most {
		return Lead{}, unsaid, problem("", Text{"「" + quote(s) + "」は長すぎます", fmt.Sprintf("%q is too long", quote(s))},
			Text{"10年より短くし、長いものは日数で書いてください", "keep it under ten years, and write long ones in days"})
	}
	return l, way, nil
}

func readLead(s string) (l Lead, way leadWay, ok bool) {
	p := scanner{s: s}
	switch {
	case p.eat("前営業日"):
		l, way = Lead{1, leadBusinessDays}, back
	case p.eat("翌営業日"):
		l, way = Lead{1, leadBusinessDays}, on
	case p.eat("前日"):
		l, way = Lead{1, leadDays}, back
	case p.eat("翌日"):
		l, way = Lead{1, leadDays}, on
	case p.word("the business day", "the day"):
		l = Lead{1, leadDays}
		if p.s[:p.i] != "the day " && p.s[:p.i] != "the day" {
			l.unit = leadBusinessDays
		}
		way = p.way()
	default:
		if l.n, ok = p.number(); !ok {
			if !p.word("a", "an", "one") {
				return Lead{}, unsaid, false
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
			return Lead{}, unsaid, false
		}
		p.skip(" ")
		way = p.way()
	}
	p.skip(" ")
	return l, way, p.end()
}

func (p *scanner) way() leadWay {
	switch {
	case p.eat("前") || p.word("before", "earlier"):
		return back
	case p.eat("後") || p.word("after", "later"):
		return on
	}
	p.eat("以内")
	return unsaid
}

// Before counts the lead back from t: days and business days are those where t is, and keep the time of day there.
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
