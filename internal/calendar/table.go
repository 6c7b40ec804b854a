package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

var tableKeys = []string{"every", "on", "day", "month", "at", "if_closed", "starting", "dates", "cron"}

// ParseTable reads a schedule written as a table. Values are what a TOML decoder gives into any:
// string, int64, bool, time.Time (TOML local dates too), []any.
func ParseTable(t map[string]any) (Rule, []Problem) {
	b := newDraft()
	keys := make([]string, 0, len(t))
	for k := range t {
		keys = append(keys, k)
	}
	// The keys are read in a fixed order, so that the same table has the same problems.
	slices.SortFunc(keys, func(x, y string) int {
		return strings.Compare(fmt.Sprint(slices.Index(tableKeys, x)+1, x), fmt.Sprint(slices.Index(tableKeys, y)+1, y))
	})
	for _, k := range keys {
		b.key(k, t[k])
	}
	return b.rule()
}

func (b *draft) key(k string, v any) {
	switch k {
	case "every":
		if s, ok := b.text(k, v); ok {
			if !isJapanese(fold(s)) && !hasWord(fold(s), "every", "each", "daily", "weekly", "monthly", "quarterly", "yearly", "annually", "fortnightly", "biweekly") {
				b.everyWord(s)
				return
			}
			switch word := fold(s); {
			case word == "日", word == "営業日", word == "週", word == "月", word == "年", word == "年度":
				s = "毎" + word
			case strings.Trim(word, "0123456789") != word && slices.Contains([]string{"日", "週間", "週", "か月", "年"}, strings.TrimLeft(word, "0123456789 ")):
				s = word + "ごと"
			}
			b.sentence(k, s)
		}
	case "cron":
		if s, ok := b.text(k, v); ok {
			b.setCron(s)
		}
	case "at":
		b.tableClock(v)
	case "starting":
		if d, ok := b.tableDate(k, v); ok {
			b.setStarting(d)
		}
	case "dates":
		var dates []Date
		for _, x := range list(v) {
			if d, ok := b.tableDate(k, x); ok {
				dates = append(dates, d)
			}
		}
		if len(dates) == 0 {
			b.fail(k, Text{"dates に日付がありません", "dates has no date"}, Text{`dates = ["2026-11-25"] のように書いてください`, `write dates = ["2026-11-25"]`})
			return
		}
		b.addDates(dates)
	case "day":
		for _, x := range list(v) {
			b.tableDay(x)
		}
	case "on":
		for _, x := range list(v) {
			b.tableWeekday(x)
		}
	case "month":
		b.tableMonth(v)
	case "if_closed":
		b.tableIfClosed(v)
	default:
		b.fail(k, Text{"「" + quote(k) + "」という項目はありません", fmt.Sprintf("there is no key %q", quote(k))},
			didYouMean(k, tableKeys, Text{"使えるのは " + strings.Join(tableKeys, "、") + " です", "the keys are " + strings.Join(tableKeys, ", ")}))
	}
}

// list makes one value a list of one.
func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func hasWord(s string, words ...string) bool {
	p := scanner{s: s}
	return p.word(words...)
}

func (b *draft) text(k string, v any) (string, bool) {
	if s, ok := v.(string); ok {
		return s, true
	}
	b.fail(k, Text{fmt.Sprintf("%s の値が文字ではありません", k), fmt.Sprintf("%s is no text", k)}, Text{`" で囲んで書いてください`, `put it between quotation marks`})
	return "", false
}

// everyWord reads "month", "2 weeks", "business day".
func (b *draft) everyWord(s string) {
	reader := &englishReader{scanner{s: "every " + fold(s)}, b}
	if reader.every(); b.has["every"] || b.weekday {
		if reader.skip(" "); reader.end() {
			return
		}
		reader.read("every")
		return
	}
	units := []string{"day", "business day", "week", "month", "quarter", "year", "fiscal year", "2 weeks", "3 months"}
	b.fail("every", Text{"「" + quote(s) + "」がどのくり返しか分かりません", fmt.Sprintf("it isn't clear how often %q is", quote(s))},
		didYouMean(fold(s), append(units, "days", "weeks", "months", "years", "monthly", "weekly", "daily", "yearly"),
			Text{`"day"、"business day"、"week"、"month"、"quarter"、"year"、"2 weeks" などを書いてください`, `write "day", "business day", "week", "month", "quarter", "year", "2 weeks" or the like`}))
}

func (b *draft) tableClock(v any) {
	switch v := v.(type) {
	case string:
		c, prob := ParseClock(v)
		if prob != nil {
			b.failWith("at", prob)
			return
		}
		if b.say("at") {
			b.at = c
		}
	case time.Time:
		if v.Second() == 0 && b.say("at") {
			b.at = Clock{v.Hour(), v.Minute()}
			return
		}
		b.failWith("at", noClock(v.Format("15:04:05")))
	case []any:
		b.fail("at", Text{"at に時刻が2つ以上あります", "at has more than one time"},
			Text{`時刻ごとに予定を分けるか、cron = "0 9,17 * * *" のように書いてください`, `make one job for each time, or write cron = "0 9,17 * * *"`})
	default:
		b.failWith("at", noClock(fmt.Sprint(v)))
	}
}

func (b *draft) tableDate(k string, v any) (Date, bool) {
	switch v := v.(type) {
	case string:
		d, prob := ParseDate(v)
		if prob != nil {
			b.failWith(k, prob)
			return Date{}, false
		}
		return d, true
	case time.Time:
		d := DateOf(v)
		if _, prob := checkedDate(d.Year, int(d.Month), d.Day); prob != nil {
			b.failWith(k, prob)
			return Date{}, false
		}
		return d, true
	}
	b.fail(k, Text{fmt.Sprintf("%s の値が日付ではありません", k), fmt.Sprintf("%s is no date", k)}, Text{`"2026-11-25" のように書いてください`, `write it as "2026-11-25"`})
	return Date{}, false
}

func (b *draft) tableDay(v any) {
	switch v := v.(type) {
	case int64:
		b.addDay(namedDay{kind: dayNumber, n: numberOf(int(max(min(v, 127), -1)))})
		return
	case string:
		if text := fold(v); len(text) <= longestSentence {
			var p *scanner
			var ok bool
			if isJapanese(text) {
				r := &japaneseReader{scanner{s: text}, b}
				ok, p = r.days(true), &r.scanner
			} else {
				r := &englishReader{scanner{s: text}, b}
				ok, p = r.daysOrNothing(), &r.scanner
			}
			if p.skip(" "); ok && p.end() {
				return
			}
		}
		b.fail("day", Text{"「" + quote(v) + "」がどの日か分かりません", fmt.Sprintf("it isn't clear which day %q is", quote(v))},
			didYouMean(fold(v), []string{"last", "last business day", "first business day", "末日", "月末", "最終営業日"},
				Text{`25、"last"（"月末"）、"3rd business day"（"第3営業日"）、"2nd tue"（"第2火曜"）のように書いてください`, `write 25, "last", "3rd business day", "last business day" or "2nd tue"`}))
		return
	}
	b.fail("day", Text{"day の値が日ではありません", "day is no day"}, Text{`25 か "last" のように書いてください`, `write 25 or "last"`})
}

// daysOrNothing takes a list of days without words around it.
func (p *englishReader) daysOrNothing() bool {
	p.word("on")
	return p.days()
}

func (b *draft) tableWeekday(v any) {
	if s, ok := v.(string); ok {
		text := fold(s)
		var p *scanner
		if isJapanese(text) {
			r := &japaneseReader{scanner{s: text}, b}
			ok, p = r.weekdays(), &r.scanner
		} else {
			r := &englishReader{scanner{s: text}, b}
			ok, p = r.weekdays(), &r.scanner
		}
		if p.skip(" "); ok && p.end() {
			return
		}
		b.fail("on", Text{"「" + quote(s) + "」という曜日はありません", fmt.Sprintf("there is no weekday %q", quote(s))},
			didYouMean(text, []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
				Text{`on = ["mon", "thu"] や on = ["月", "木"] のように書いてください`, `write on = ["mon", "thu"]`}))
		return
	}
	b.fail("on", Text{"on の値が曜日ではありません", "on is no weekday"}, Text{`on = ["mon", "thu"] のように書いてください`, `write on = ["mon", "thu"]`})
}

func (b *draft) tableMonth(v any) {
	switch v := v.(type) {
	case int64:
		if v < 1 || v > 12 {
			b.failWith("month", noMonth(int(max(min(v, 9999), -9999))))
			return
		}
		b.has["month"], b.month = true, int8(v)
		return
	case string:
		p := scanner{s: fold(v)}
		m := p.monthName()
		switch {
		case m > 0:
		case p.eat("first", "初月", "最初の月"):
			m = 1
		case p.eat("last", "最終月", "最後の月"):
			if m = 12; b.every == byQuarter {
				m = 3
			}
		default:
			m, _ = p.number()
			p.eat("月", "か月目", "st", "nd", "rd", "th")
		}
		if p.skip(" "); p.end() && m >= 1 && m <= 12 {
			b.has["month"], b.month = true, int8(m)
			return
		}
		b.fail("month", Text{"「" + quote(v) + "」という月はありません", fmt.Sprintf("there is no month %q", quote(v))},
			didYouMean(fold(v), append([]string{"first", "last"}, monthNames...), Text{`1から12（四半期なら 1、2、3、"first"、"last"）で書いてください`, `write 1 to 12 (in a quarter 1, 2, 3, "first" or "last")`}))
		return
	case []any:
		b.fail("month", Text{"month に月が2つ以上あります", "month has more than one month"}, Text{`day = ["6/10", "12/10"] のように書いてください`, `write day = ["6/10", "12/10"]`})
		return
	}
	b.fail("month", Text{"month の値が月ではありません", "month is no month"}, Text{"1から12で書いてください", "write 1 to 12"})
}

func (b *draft) tableIfClosed(v any) {
	s, ok := b.text("if_closed", v)
	if !ok {
		return
	}
	text := fold(s)
	if isJapanese(text) {
		r := &japaneseReader{scanner{s: text}, b}
		if r.closed() {
			if r.skip(" ."); r.end() {
				return
			}
		} else if c, ok := r.closedAction(); ok {
			if r.skip(" ."); r.end() {
				b.setIfClosed(c)
				return
			}
		}
	} else {
		r := &englishReader{scanner{s: text}, b}
		if r.closed() {
			if r.skip(" ."); r.end() {
				return
			}
		} else if c, ok := r.closedAction(true); ok {
			if r.skip(" ."); r.end() {
				b.setIfClosed(c)
				return
			}
		}
	}
	b.fail("if_closed", Text{"「" + quote(s) + "」という休みのときの扱いはありません", fmt.Sprintf("if_closed knows no %q", quote(s))},
		didYouMean(text, []string{"before", "after", "skip", "as is", "前営業日", "翌営業日", "実施しない", "休みでも実施"},
			Text{`"before"（前営業日）、"after"（翌営業日）、"skip"（実施しない）、"as is"（休みでも実施）のどれかを書いてください`, `write "before", "after", "skip" or "as is"`}))
}
