package calendar

import (
	"strings"
	"time"
)

// japaneseReader reads a folded Japanese sentence into a draft.
type japaneseReader struct {
	scanner
	b *draft
}

var japaneseWords = []string{"毎日", "毎営業日", "毎週", "隔週", "毎月", "隔月", "毎四半期", "四半期末", "毎年", "毎年度", "年度末", "月末", "末日",
	"最終営業日", "前営業日", "翌営業日", "休みなら前営業日", "休みなら翌営業日", "休みなら実施しない", "休みでも実施", "午前", "午後", "正午", "から"}

// read takes the parts of a sentence in any order.
func (p *japaneseReader) read(key string) {
	for {
		p.skip(" ,.の()に")
		if p.end() {
			return
		}
		switch {
		case p.b.readCron(&p.scanner):
		case p.closed():
		case p.every():
		case p.datesOrStarting():
		case p.b.readClock(&p.scanner):
		case p.days(true):
		default:
			word := p.unknown()
			next := didYouMean(word, japaneseWords, Text{"「毎月25日 10:00 休みなら前営業日」のように書いてください", `write it as "毎月25日 10:00 休みなら前営業日"`})
			if strings.HasPrefix(word, "前営業日") || strings.HasPrefix(word, "翌営業日") {
				next = Text{"休みのときの扱いなら「休みなら" + word + "」、日をずらすなら「25日の" + word + "」と書いてください", `write "休みなら` + word + `", or "25日の` + word + `" for an offset`}
			}
			p.b.fail(key, Text{"「" + quote(word) + "」の意味が分かりません", "it isn't clear what " + `"` + quote(word) + `" means`}, next)
		}
	}
}

func (p *japaneseReader) closed() bool {
	from := p.i
	if p.eat("休みでも", "休日でも", "休業日でも") {
		p.skip(" ,")
		if p.eat("そのまま実施", "そのまま", "実施", "行う", "送る") {
			p.eat("する")
			p.b.setIfClosed(asIs)
			return true
		}
	} else if p.eat("休みの日", "休みに当たる", "休み", "休業日", "休日", "土日祝日", "土日祝", "営業日でない", "非営業日", "定休日") {
		p.eat("に当たる", "と重なる", "の")
		if p.eat("ならば", "なら", "場合には", "場合は", "場合", "ときには", "ときは", "とき", "時は", "時には", "であれば", "は") {
			p.skip(" ,")
			p.eat("その", "直")
			if c, ok := p.closedAction(); ok {
				p.eat("にする", "に実施する", "に実施", "に送る", "に", "へ", "する")
				p.b.setIfClosed(c)
				return true
			}
		}
	}
	p.i = from
	return false
}

func (p *japaneseReader) closedAction() (ifClosed, bool) {
	switch {
	case p.eat("前の営業日", "前営業日", "前倒し"):
		return before, true
	case p.eat("翌営業日", "次の営業日", "次営業日", "後の営業日", "後営業日", "後ろ倒し", "後倒し"):
		return after, true
	case p.eat("実施しない", "行わない", "送らない", "しない", "中止", "見送る", "見送り", "スキップ", "飛ばす", "なし"):
		return skip, true
	case p.eat("そのまま実施", "そのまま", "実施"):
		return asIs, true
	}
	return notSaid, false
}

// weekday takes 月, 月曜, 月曜日.
func (p *japaneseReader) weekday() (time.Weekday, bool) {
	if strings.HasPrefix(p.rest(), "土日祝") {
		return 0, false // 土日祝なら: the head of another part
	}
	for w := time.Sunday; w <= time.Saturday; w++ {
		if p.eat(weekdaySign(w)) {
			p.eat("曜日", "曜")
			return w, true
		}
	}
	return 0, false
}

// weekdays takes a list of weekdays: 月・木, 月水金, 月曜と木曜.
func (p *japaneseReader) weekdays() bool {
	any := false
	for {
		from := p.i
		p.skip(" ,")
		p.eat("と", "および", "及び")
		p.skip(" ")
		w, ok := p.weekday()
		if !ok {
			p.i = from
			return any
		}
		p.b.addWeekday(w)
		any = true
	}
}

func (p *japaneseReader) every() bool {
	b, from := p.b, p.i
	// 毎月曜 and 毎日曜 are weekdays, though they begin like 毎月 and 毎日.
	for w := time.Sunday; w <= time.Saturday; w++ {
		if strings.HasPrefix(p.rest(), "毎"+weekdaySign(w)+"曜") {
			p.eat("毎")
			b.setEvery(byWeek, 1)
			p.weekdays()
			return true
		}
	}
	u, n := noUnit, 1
	switch {
	case p.eat("毎営業日", "各営業日", "営業日ごと", "営業日毎"):
		u = byBusinessDay
	case p.eat("毎平日", "平日"):
		b.weekday = true
		return true
	case p.eat("毎日", "日次"):
		u = byDay
	case p.eat("毎週", "週次"):
		u = byWeek
	case p.eat("隔週"):
		u, n = byWeek, 2
	case p.eat("毎月", "各月", "月次"):
		u = byMonth
	case p.eat("隔月"):
		u, n = byMonth, 2
	case p.eat("毎四半期", "各四半期", "四半期ごと", "四半期毎", "四半期"):
		u = byQuarter
	case p.eat("毎年度", "各年度", "年度ごと", "年度毎", "年度"):
		u = byFiscalYear
	case p.eat("毎年末日", "毎年末", "年末"):
		b.setEvery(byYear, 1)
		d := namedDay{month: 12, kind: dayLast}
		p.tail(&d)
		b.addDay(d)
		return true
	case p.eat("毎年", "年次"):
		u = byYear
	case strings.HasPrefix(p.rest(), "月末"):
		u = byMonth
	default:
		k, ok := p.number()
		p.skip(" ")
		switch n = k; {
		case !ok:
		case p.eat("日ごと", "日毎"):
			u = byDay
		case p.eat("週間ごと", "週ごと", "週間毎", "週毎", "週間に1回", "週に1回"):
			u = byWeek
		case p.eat("か月ごと", "か月毎", "か月に1回"):
			u = byMonth
		case p.eat("年ごと", "年毎", "年に1回"):
			u = byYear
		}
	}
	if u == noUnit {
		p.i = from
		return false
	}
	b.setEvery(u, n)
	p.skip(" の")
	switch {
	case u == byWeek:
		p.weekdays()
	case u.months() > 0:
		p.days(false)
	}
	return true
}

// days takes a list of days. alone says that it stands apart from its
// repetition, where a number by itself could be anything.
func (p *japaneseReader) days(alone bool) bool {
	any := false
	var open []int8 // numbers that wait for the word after the last one: 5・10・25日, 第1・3金曜
	for {
		from := p.i
		if any || len(open) > 0 {
			p.skip(" ,")
			p.eat("と", "および", "及び", "または")
			p.skip(" ")
			if p.i == from {
				break
			}
		}
		d, ok, bare := p.day(len(open) > 0)
		if !ok && bare >= 0 {
			open = append(open, bare)
			continue
		}
		if !ok {
			p.i = from
			break
		}
		for _, n := range open {
			e := d
			e.n, e.off, e.offOpen = n, 0, false
			p.b.addDay(e)
		}
		open, any = nil, true
		p.b.addDay(d)
	}
	if len(open) > 0 {
		p.b.fail("day", Text{"日の書き方が途中で終わっています", "a day is not finished"}, Text{"「5日・10日」「第1・第3金曜」のように書いてください", `write "5日・10日" or "第1・第3金曜"`})
		return true
	}
	if !any && !alone {
		return false
	}
	return any
}

// day takes one day. bare is a number after which the word is still to come, -1
// if there is none. After such a number 第 may be left out (第2・4火曜).
func (p *japaneseReader) day(listed bool) (d namedDay, ok bool, bare int8) {
	start := p.i
	bare = -1
	p.monthOf(&d)
	from := p.i
	switch {
	case p.eat("最終営業日", "最後の営業日", "月末営業日", "末営業日"):
		d.kind, ok = dayLastBusiness, true
	case !strings.HasPrefix(p.rest(), "最終日曜") && p.eat("最終日", "末日", "月末日", "月末", "末"):
		d.kind, ok = dayLast, true
	case p.eat("最初の営業日", "初営業日"):
		d.kind, d.n, ok = dayBusiness, 1, true
	case p.eat("最終", "最後の"):
		d.kind = dayLastWeekday
		d.weekday, ok = p.weekday()
	default:
		nth := p.eat("第")
		p.skip(" ")
		n, isNumber := p.number()
		if !isNumber {
			break
		}
		d.n = numberOf(n)
		p.skip(" ")
		switch after := p.i; {
		case p.eat("営業日目"):
			d.kind, ok = dayBusiness, true
		case p.eat("営業日"):
			d.kind, ok = dayBusiness, !p.eat("前", "後", "ごと")
		case !nth && !strings.HasPrefix(p.rest(), "日曜") && p.eat("日"):
			d.kind, ok = dayNumber, !p.eat("前", "後", "ごと", "間")
		case !nth && d.month == 0 && p.eat("/"):
			if m := p.i; p.number2(&d, n) {
				ok = true
			} else {
				p.i = m
			}
		case (nth || listed) && p.startsWeekday():
			d.kind = dayWeekday
			d.weekday, ok = p.weekday()
		default:
			p.i = after
			if p.waits() {
				return d, false, d.n
			}
		}
	}
	if !ok {
		p.i = from
		if d.month != 0 {
			p.i = start
		}
		return d, false, -1
	}
	p.tail(&d)
	return d, true, -1
}

// number2 takes the day of 3/31.
func (p *japaneseReader) number2(d *namedDay, month int) bool {
	n, ok := p.number()
	if ok {
		d.month, d.n, d.kind = numberOf(month), numberOf(n), dayNumber
	}
	return ok
}

func (p *japaneseReader) startsWeekday() bool {
	at := p.i
	_, ok := p.weekday()
	p.i = at
	return ok
}

// waits reports whether another member of a list follows a bare number.
func (p *japaneseReader) waits() bool {
	at := p.i
	defer func() { p.i = at }()
	p.skip(" ")
	if !p.eat(",", "と") {
		return false
	}
	p.skip(" ")
	p.eat("第")
	_, ok := p.number()
	return ok && !strings.HasPrefix(p.rest(), ":") && !strings.HasPrefix(p.rest(), "時")
}

// monthOf takes the month before a day: 3月, 3月の, 1か月目の, 初月の, 最終月の.
func (p *japaneseReader) monthOf(d *namedDay) {
	from := p.i
	switch {
	case strings.HasPrefix(p.rest(), "最終月曜"), strings.HasPrefix(p.rest(), "最後の月曜"), strings.HasPrefix(p.rest(), "最初の月曜"):
		return // the last Monday, not the last month
	case p.eat("初月", "最初の月"):
		d.month = 1
	case p.eat("最終月", "最後の月"):
		d.month = 3
	default:
		nth := p.eat("第")
		n, ok := p.number()
		p.skip(" ")
		switch {
		case ok && p.eat("か月目"):
			d.month = numberOf(n)
		case ok && !nth && !strings.HasPrefix(p.rest(), "月曜") && p.eat("月"):
			d.month = numberOf(n)
			if n == 0 {
				d.month = 127 // there is no month 0; 0 means that none is named
			}
		default:
			p.i = from
			return
		}
	}
	p.skip(" の")
}

// tail takes what may follow a day: the note on short months and an offset.
func (p *japaneseReader) tail(d *namedDay) {
	p.eat("(ない月は末日)", "(ない月は最終営業日)", "(ない年は28日)")
	from := p.i
	of := p.eat("の")
	p.skip(" ")
	n, isNumber := p.number()
	p.skip(" ")
	switch {
	case isNumber && p.eat("営業日前"):
		p.b.offset(d, -n, true)
	case isNumber && p.eat("営業日後"):
		p.b.offset(d, n, true)
	case isNumber && p.eat("日前"):
		p.b.offset(d, -n, false)
	case isNumber && p.eat("日後"):
		p.b.offset(d, n, false)
	case of && !isNumber && p.eat("前営業日"):
		p.b.offset(d, -1, true)
	case of && !isNumber && p.eat("翌営業日"):
		p.b.offset(d, 1, true)
	case of && !isNumber && p.eat("前日"):
		p.b.offset(d, -1, false)
	case of && !isNumber && p.eat("翌日"):
		p.b.offset(d, 1, false)
	default:
		p.i = from
	}
}

// datesOrStarting takes dates with their year, of which one may be where the rule begins.
func (p *japaneseReader) datesOrStarting() bool {
	var dates []Date
	for {
		from := p.i
		if len(dates) > 0 {
			p.skip(" ,")
			p.eat("と", "および", "及び")
			p.skip(" ")
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
		at := p.i
		p.skip(" ")
		if len(dates) == 0 && p.eat("から開始", "から", "開始", "以降") {
			p.b.setStarting(d)
			return true
		}
		p.i = at
		dates = append(dates, d)
	}
	if len(dates) > 0 {
		p.b.addDates(dates)
	}
	return len(dates) > 0
}
