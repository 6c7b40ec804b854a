package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// About is the span that a letter speaks of.
type About struct {
	Shape       Shape
	First, Last Date
	name        Text
	folder      string
}

// AboutRule is the checked `about` key: "this month", "previous month", "当月",
// "前月", "this quarter" … Its zero value is the period itself.
type AboutRule struct {
	span  aboutSpan
	steps int
}

type aboutSpan uint8

const (
	aboutPeriod aboutSpan = iota
	aboutDay
	aboutWeek
	aboutMonth
	aboutQuarter
	aboutYear
	aboutFiscalYear
)

// aboutWords are the Japanese words as an office says them, before, at and after
// the present. Composed ones (今年度, 前四半期) are all listed, because 本, 今, 当
// don't go with everything.
var aboutWords = map[aboutSpan][3][]string{
	aboutDay:        {{"前日", "昨日"}, {"当日", "本日", "今日"}, {"翌日", "明日"}},
	aboutWeek:       {{"前週", "先週"}, {"当週", "今週"}, {"翌週", "来週"}},
	aboutMonth:      {{"前月", "先月"}, {"当月", "今月"}, {"翌月", "来月"}},
	aboutQuarter:    {{"前四半期"}, {"当四半期", "今四半期"}, {"翌四半期", "来四半期"}},
	aboutYear:       {{"前年", "昨年", "去年"}, {"当年", "本年", "今年"}, {"翌年", "来年"}},
	aboutFiscalYear: {{"前年度", "昨年度"}, {"当年度", "本年度", "今年度"}, {"翌年度", "来年度"}},
}

var aboutUnits = map[string]aboutSpan{"day": aboutDay, "week": aboutWeek, "month": aboutMonth,
	"quarter": aboutQuarter, "year": aboutYear, "fiscal year": aboutFiscalYear}

// ParseAbout reads an about rule; "" means the period itself.
func ParseAbout(s string) (AboutRule, *Problem) {
	text := strings.Join(strings.Fields(fold(s)), " ")
	if text == "" {
		return AboutRule{}, nil
	}
	text = strings.TrimSuffix(text, "分")
	var known []string
	for span, words := range aboutWords {
		for i, list := range words {
			if slices.Contains(list, text) {
				return AboutRule{span, i - 1}, nil
			}
			known = append(known, list...)
		}
	}
	for unit, span := range aboutUnits {
		for word, steps := range map[string]int{"this": 0, "same": 0, "previous": -1, "last": -1, "next": +1} {
			if text == word+" "+unit || text == "the "+word+" "+unit {
				return AboutRule{span, steps}, nil
			}
			known = append(known, word+" "+unit)
		}
	}
	switch text {
	case "today":
		return AboutRule{aboutDay, 0}, nil
	case "yesterday":
		return AboutRule{aboutDay, -1}, nil
	case "tomorrow":
		return AboutRule{aboutDay, +1}, nil
	}
	slices.Sort(known)
	return AboutRule{}, problem("about", Text{"「" + quote(s) + "」がどの期間か分かりません", fmt.Sprintf("it isn't clear which span %q is", quote(s))},
		didYouMean(text, known, Text{"「当月」「前月」「前四半期」「当年度」のように書いてください", `write "this month", "previous month", "previous quarter" or the like`}))
}

// Sentence says the rule: "前月", "previous month"; "" for the period itself.
func (r AboutRule) Sentence(l Language) string {
	if r.span == aboutPeriod {
		return ""
	}
	if l != English {
		return aboutWords[r.span][r.steps+1][0]
	}
	for unit, span := range aboutUnits {
		if span == r.span {
			return [...]string{"previous ", "this ", "next "}[r.steps+1] + unit
		}
	}
	return ""
}

// About returns what the occurrence's letter speaks of. It is counted from the
// nominal day, or from the first day of the occurrence's period if an offset
// has taken the nominal day out of it.
func (s *Schedule) About(r AboutRule, o Occurrence) About {
	date := DateOf(o.Nominal.In(s.zone))
	anchor := date.day()
	if first, last, ok := s.span(o.Period); ok && (anchor < first || anchor > last) {
		anchor = first
	}
	span := r.span
	if span == aboutPeriod {
		switch s.shape {
		case ByMinute:
			return aboutMinute(o.Nominal.In(s.zone))
		case ByDate:
			span = aboutDay
		case ByMonth:
			span = aboutMonth
		case ByQuarter:
			span = aboutQuarter
		case ByYear:
			span = aboutYear
			if s.rule.every == byFiscalYear {
				span = aboutFiscalYear
			}
		}
	}
	month := anchor.month()
	switch span {
	case aboutWeek:
		monday := anchor - day((anchor.weekday()+6)%7) + day(7*r.steps)
		first, last := monday.date(), (monday + 6).date()
		return About{ByDate, first, last, Text{
			first.Long(Japanese) + "〜" + strconv.Itoa(int(last.Month)) + "月" + strconv.Itoa(last.Day) + "日（" + weekdaySign(last.Weekday()) + "）",
			first.Long(English) + " to " + last.Long(English),
		}, first.String()}
	case aboutMonth:
		month += r.steps
		y, m := month/12, time.Month(month%12+1)
		return aboutMonths(ByMonth, month, 1, Text{fmt.Sprintf("%d年%d月", y, m), fmt.Sprintf("%s %d", m, y)}, fmt.Sprintf("%04d-%02d", y, m))
	case aboutQuarter:
		month += 3*r.steps - mod(month-s.fiscal, 3)
		name := s.quarter(month)
		y, q, _ := strings.Cut(name, "-")
		text := Text{y + "年度第" + q[1:] + "四半期", q + " FY" + y}
		if s.fiscal == 0 {
			text = Text{y + "年第" + q[1:] + "四半期", q + " " + y}
		}
		return aboutMonths(ByQuarter, month, 3, text, name)
	case aboutYear:
		y := month/12 + r.steps
		return aboutMonths(ByYear, y*12, 12, Text{fmt.Sprintf("%d年", y), strconv.Itoa(y)}, fmt.Sprintf("%04d", y))
	case aboutFiscalYear:
		y := floorDiv(month-s.fiscal, 12) + r.steps
		return aboutMonths(ByYear, y*12+s.fiscal, 12, Text{fmt.Sprintf("%d年度", y), fmt.Sprintf("FY%d", y)}, fmt.Sprintf("%04d", y))
	}
	d := (anchor + day(r.steps)).date()
	return About{ByDate, d, d, Text{d.Long(Japanese), d.Long(English)}, d.String()}
}

func aboutMonths(shape Shape, month, n int, name Text, folder string) About {
	return About{shape, monthFirst(month).date(), (monthFirst(month+n) - 1).date(), name, folder}
}

func aboutMinute(t time.Time) About {
	d := DateOf(t)
	h, m, _ := t.Clock()
	c := Clock{h, m}.String()
	return About{ByMinute, d, d, Text{d.Long(Japanese) + c, d.Long(English) + ", " + c}, d.String() + fmt.Sprintf("-%02d%02d", h, m)}
}

// Words says it: "2026年11月" / "November 2026", "2026年度第3四半期" / "Q3 FY2026", "2026年11月25日（水）".
func (a About) Words(l Language) string { return a.name.In(l) }

// Folder is its name in paths: "2026-11", "2026-Q3", "2026", "2026-11-25"; of a
// week its Monday, of a time "2026-11-25-0930".
func (a About) Folder() string { return a.folder }

// Compact is Folder without hyphens: "202611".
func (a About) Compact() string { return strings.ReplaceAll(a.folder, "-", "") }
