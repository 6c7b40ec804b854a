package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sentence says the rule as one sentence that ParseSentence reads back as the same rule.
func (r Rule) Sentence(l Language) string {
	if r.IsZero() {
		return ""
	}
	if l == English {
		return r.english()
	}
	return r.japanese()
}

var ifClosedWords = [...]Text{
	notSaid: {},
	before:  {"休みなら前営業日", "or the business day before if closed"},
	after:   {"休みなら翌営業日", "or the business day after if closed"},
	skip:    {"休みなら実施しない", "skipped if closed"},
	asIs:    {"休みでも実施", "even if closed"},
}

func (r Rule) japanese() string {
	step := strconv.Itoa(r.n)
	var days []string
	for _, d := range r.days {
		days = append(days, d.japanese(r.every))
	}
	list := strings.Join(days, "・")
	every := func(one, many string) string {
		if r.n == 1 {
			return one
		}
		return step + many
	}
	var b strings.Builder
	switch r.every {
	case byDay:
		b.WriteString(every("毎日", "日ごと"))
	case byBusinessDay:
		b.WriteString("毎営業日")
	case byWeek:
		var names []string
		for _, w := range weekOrder {
			if r.on.has(w) {
				names = append(names, weekdaySign(w)+"曜")
			}
		}
		b.WriteString(every("毎週", "週間ごとの") + strings.Join(names, "・"))
	case byMonth:
		b.WriteString(every("毎月", "か月ごとの") + list)
	case byQuarter:
		b.WriteString("毎四半期の" + list)
	case byYear:
		b.WriteString(every("毎年", "年ごとの") + list)
	case byFiscalYear:
		b.WriteString("毎年度の" + list)
	case byDates:
		for i, d := range r.dates {
			if i > 0 {
				b.WriteString("・")
			}
			b.WriteString(d.words(Japanese))
		}
	case byCron:
		b.WriteString("cron " + r.cron.text)
	}
	if r.every != byCron {
		b.WriteString(" " + r.at.String())
	}
	if r.ifClosed != notSaid {
		b.WriteString(" " + ifClosedWords[r.ifClosed].JA)
	}
	if !r.starting.IsZero() {
		b.WriteString(" " + r.starting.words(Japanese) + "から")
	}
	return b.String()
}

// shortOf tells the reader what a day means where it may be missing.
func (d namedDay) shortOf(u unit) Text {
	switch {
	case d.kind == dayNumber && d.n > 28 && d.month == int8(time.February) && u != byQuarter:
		return Text{"（ない年は28日）", " (in common years the 28th)"}
	case d.kind == dayNumber && d.n > 28 && (d.month == 0 || u == byQuarter):
		return Text{"（ない月は末日）", " (in shorter months the last day)"}
	case d.kind == dayBusiness && d.n > 17 && (u == byMonth || d.month != 0):
		return Text{"（ない月は最終営業日）", " (in shorter months the last business day)"}
	}
	return Text{}
}

func (d namedDay) japanese(u unit) string {
	n := strconv.Itoa(int(d.n))
	var s string
	switch d.kind {
	case dayNumber:
		s = n + "日"
	case dayLast:
		s = "末日"
	case dayBusiness:
		s = "第" + n + "営業日"
	case dayLastBusiness:
		s = "最終営業日"
	case dayWeekday:
		s = "第" + n + weekdaySign(d.weekday) + "曜"
	case dayLastWeekday:
		s = "最終" + weekdaySign(d.weekday) + "曜"
	}
	if d.month != 0 {
		month := strconv.Itoa(int(d.month))
		switch {
		case u == byQuarter:
			s = month + "か月目の" + s
		case d.kind == dayNumber || d.kind == dayLast:
			s = month + "月" + s
		default:
			s = month + "月の" + s
		}
	}
	s += d.shortOf(u).JA
	if d.off != 0 {
		unit, way := "日", "後"
		if d.offOpen {
			unit = "営業日"
		}
		if d.off < 0 {
			way = "前"
		}
		s += "の" + strconv.Itoa(abs(int(d.off))) + unit + way
	}
	return s
}

func (r Rule) english() string {
	every := func(word string) string {
		if r.n == 1 {
			return "every " + word
		}
		return "every " + count(r.n, word)
	}
	var days []string
	for _, d := range r.days {
		days = append(days, d.english(r.every))
	}
	list := englishList(days)
	var b strings.Builder
	switch r.every {
	case byDay:
		b.WriteString(every("day"))
	case byBusinessDay:
		b.WriteString("every business day")
	case byWeek:
		var names []string
		for _, w := range weekOrder {
			if r.on.has(w) {
				names = append(names, w.String())
			}
		}
		b.WriteString(every("week") + " on " + englishList(names))
	case byMonth:
		b.WriteString(every("month") + " on " + list)
	case byQuarter:
		b.WriteString("every quarter on " + list)
	case byYear:
		b.WriteString(every("year") + " on " + list)
	case byFiscalYear:
		b.WriteString("every fiscal year on " + list)
	case byDates:
		var dates []string
		for _, d := range r.dates {
			dates = append(dates, d.String())
		}
		b.WriteString("on " + englishList(dates))
	case byCron:
		b.WriteString("cron " + r.cron.text)
	}
	if r.every != byCron {
		b.WriteString(" at " + r.at.String())
	}
	if r.ifClosed == asIs {
		b.WriteString(" " + ifClosedWords[asIs].EN)
	} else if r.ifClosed != notSaid {
		b.WriteString(", " + ifClosedWords[r.ifClosed].EN)
	}
	if !r.starting.IsZero() {
		b.WriteString(", starting " + r.starting.String())
	}
	return b.String()
}

func (d namedDay) english(u unit) string {
	nth := ordinal(int(d.n))
	var s string
	switch d.kind {
	case dayNumber:
		s = "the " + nth
	case dayLast:
		s = "the last day"
	case dayBusiness:
		s = "the " + nth + " business day"
	case dayLastBusiness:
		s = "the last business day"
	case dayWeekday:
		s = "the " + nth + " " + d.weekday.String()
	case dayLastWeekday:
		s = "the last " + d.weekday.String()
	}
	if d.month != 0 {
		switch {
		case u == byQuarter:
			s += " of its " + ordinal(int(d.month)) + " month"
		case d.kind == dayNumber:
			s = fmt.Sprintf("%d %s", d.n, time.Month(d.month))
		default:
			s += " of " + time.Month(d.month).String()
		}
	}
	s += d.shortOf(u).EN
	if d.off != 0 {
		unit, way := "day", " after "
		if d.offOpen {
			unit = "business day"
		}
		if d.off < 0 {
			way = " before "
		}
		s = count(abs(int(d.off)), unit) + way + s
	}
	return s
}

func englishList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func abs(n int) int { return max(n, -n) }

// longestSentence is more than any rule needs; reading stops there.
const longestSentence = 8000

// ParseSentence reads a schedule said as one sentence, Japanese or English.
func ParseSentence(s string) (Rule, []Problem) {
	b := newDraft()
	b.sentence("", s)
	return b.rule()
}

// sentence reads a sentence, or the part of one that stands in a table's every.
func (b *draft) sentence(key, s string) {
	text := fold(s)
	switch {
	case len(text) > longestSentence:
		b.fail(key, Text{"予定の文が長すぎます", "the schedule is too long"}, Text{"短くしてください", "make it shorter"})
	case text == "":
		b.fail(key, Text{"予定が書かれていません", "the schedule is empty"},
			Text{"「毎月25日 10:00 休みなら前営業日」のように書いてください", `write it as "every month on the 25th at 10:00, or the business day before if closed"`})
	case isJapanese(text):
		(&japaneseReader{scanner{s: text}, b}).read(key)
	default:
		(&englishReader{scanner{s: text}, b}).read(key)
	}
}

// isJapanese reports whether folded text has kana or kanji.
func isJapanese(s string) bool {
	for _, c := range s {
		if c >= 0x3040 && c <= 0x30ff || c >= 0x3400 && c <= 0x9fff || c >= 0xf900 && c <= 0xfaff || c >= 0x20000 {
			return true
		}
	}
	return false
}

// These take the parts that both languages share. Each returns whether the part stood here.

func (b *draft) readClock(p *scanner) bool {
	c, ok, prob := p.clock()
	if !ok {
		return false
	}
	if prob != nil {
		b.failWith("at", prob)
	} else if b.say("at") {
		b.at = c
	}
	return true
}

func (b *draft) setEvery(u unit, n int) {
	if b.say("every") {
		b.every, b.n = u, n
	}
}

func (b *draft) setIfClosed(c ifClosed) {
	if b.say("if_closed") {
		b.ifClosed = c
	}
}

func (b *draft) setStarting(d Date) {
	if b.say("starting") {
		b.starting = d
	}
}

func (b *draft) addWeekday(w time.Weekday) {
	b.has["on"] = true
	b.on |= 1 << w
}

// The longest lists of days and dates that make sense.
const (
	mostDays  = 40
	mostDates = 200
)

func (b *draft) addDay(d namedDay) {
	b.has["day"] = true
	if b.days = append(b.days, d); len(b.days) > mostDays {
		b.fail("day", Text{"日が多すぎます", "there are too many days"}, Text{"予定を分けるか「毎日」にしてください", `split the rule, or say "every day"`})
	}
}

func (b *draft) addDates(dates []Date) {
	if !b.say("dates") {
		return
	}
	seen := map[Date]bool{}
	for _, d := range dates {
		if !seen[d] {
			seen[d] = true
			b.dates = append(b.dates, d)
		}
	}
	slices.SortFunc(b.dates, Date.Compare)
	if len(b.dates) > mostDates {
		b.fail("dates", Text{"日付が多すぎます", "there are too many dates"}, Text{fmt.Sprintf("%d日までにしてください", mostDates), fmt.Sprintf("write at most %d", mostDates)})
	}
}

func (b *draft) readCron(p *scanner) bool {
	if !p.word("cron") {
		return false
	}
	p.skip(" :\"")
	var fields []string
	for len(fields) < 5 {
		p.skip(" ")
		from := p.i
		for !p.end() && p.s[p.i] > ' ' && p.s[p.i] < 0x7f && p.s[p.i] != '"' {
			p.i++
		}
		if from == p.i {
			break
		}
		field := p.s[from:p.i]
		if len(fields) == 4 && strings.HasSuffix(field, ",") {
			field = strings.TrimSuffix(field, ",")
			p.i--
		}
		fields = append(fields, field)
	}
	p.skip("\"")
	b.setCron(strings.Join(fields, " "))
	return true
}

func (b *draft) setCron(s string) {
	c, prob := parseCron(s)
	if prob != nil {
		b.failWith("cron", prob)
	} else if b.say("cron") {
		b.cron = c
	}
}

// maxOffset is the longest offset of a day.
const maxOffset = 60

// offset turns "2 business days before" into a part of the named day.
func (b *draft) offset(d *namedDay, n int, open bool) {
	if abs(n) > maxOffset || n == 0 {
		b.fail("day", Text{"ずらす日数が範囲の外です", "the offset is out of reach"}, Text{fmt.Sprintf("1から%dまでにしてください", maxOffset), fmt.Sprintf("write a number from 1 to %d", maxOffset)})
		return
	}
	if d.off != 0 {
		b.fail("day", Text{"「〜前」「〜後」が2回書かれています", "a day has two offsets"}, Text{"どちらか1つにしてください", "leave only one of them"})
		return
	}
	d.off, d.offOpen = int8(n), open
}

// numberOf keeps a day's number in the range of its type; what is too large is refused later.
func numberOf(n int) int8 { return int8(min(n, 127)) }
