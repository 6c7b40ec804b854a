package calendar

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

func FuzzParseSentence(f *testing.F) {
	for _, s := range []string{
		"毎月25日 10:00 休みなら前営業日", "毎週月・木 9:30 休みなら翌営業日", "毎月第1・第3金曜 9:00 休みでも実施", "四半期末 15時 休みなら前営業日",
		"毎月31日（ない月は末日） 10:00 休みなら前営業日 2026年1月9日から", "毎月25日の2営業日前 10:00", "毎年3/31 10:00 休みなら前営業日", "年度末 午後5時 休みなら実施しない",
		"every 2 weeks on Friday at 10:00, or the business day before if closed, starting 2026-01-09", "25th of every month at 5 pm unless closed",
		"every quarter on 2 business days before the 25th of its 3rd month at 15:00", "on 2026-03-10 and June 10, 2026 at 10:00", "cron 0 9,17 * * mon-fri, skipped if closed",
		"every year on the last business day of March at noon", "毎月0日", "毎年0月127日 9:00 休みでも実施", "　毎月５、１０日　９：００　休みなら前営業日",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, probs := ParseSentence(s)
		if (len(probs) > 0) != r.IsZero() {
			t.Fatalf("%q: rule %+v with problems %v", s, r, probs)
		}
		for _, p := range probs {
			if p.What.JA == "" || p.What.EN == "" || p.Next.JA == "" || p.Next.EN == "" {
				t.Fatalf("%q: a part is empty: %+v", s, p)
			}
		}
		if len(probs) > 0 {
			return
		}
		roundTrip(t, r)
		if sch, probs := NewSchedule(r, nil, time.UTC, time.March); len(probs) == 0 {
			consistent(t, sch, time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC))
		}
	})
}

func FuzzParsePieces(f *testing.F) {
	for _, s := range []string{"2026-11-25", "2026年11月25日", "12/29〜1/3", "2026-08-13〜14日", "8/13から8/16まで", "9:30", "午後5時半", "5:30 pm", "1 business day before", "30分前", "前営業日", "29 dec to 3 jan"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, p := ParseDate(s); p == nil {
			if again, p := ParseDate(d.String()); p != nil || again != d {
				t.Fatalf("%q: %v is read back as %v", s, d, again)
			}
			if d.day().date() != d {
				t.Fatalf("%q: %v is no day", s, d)
			}
		}
		if r, p := ParseRange(s); p == nil {
			if again, p := ParseRange(r.String()); p != nil || again != r {
				t.Fatalf("%q: %v is read back as %v", s, r, again)
			}
			if probs := checkedRange("closed", r); len(probs) > 0 {
				t.Fatalf("%q: %v is refused: %v", s, r, probs)
			}
		}
		if c, p := ParseClock(s); p == nil {
			if again, p := ParseClock(c.String()); p != nil || again != c {
				t.Fatalf("%q: %v is read back as %v", s, c, again)
			}
		}
		if l, p := ParseLead(s); p == nil {
			for _, lang := range []Language{Japanese, English} {
				if again, p := ParseLead(l.Sentence(lang)); p != nil || again != l {
					t.Fatalf("%q: %q is read back as %v", s, l.Sentence(lang), again)
				}
			}
		}
		ParseAbout(s)
	})
}

func FuzzParseTable(f *testing.F) {
	f.Add("month", "25, 2 business days before", "mon", "10:00", "before", "last", int64(3))
	f.Add("四半期", "末日", "月", "9時", "前営業日", "初月", int64(25))
	f.Add("2週間", "3/31", "木", "", "as is", "march", int64(-1))
	f.Fuzz(func(t *testing.T, every, day, on, at, ifClosed, month string, n int64) {
		for _, table := range []map[string]any{
			{"every": every, "day": []any{day, n}, "at": at, "if_closed": ifClosed},
			{"every": every, "day": n, "month": month, "at": at, "if_closed": ifClosed},
			{"every": every, "on": on, "at": at, "if_closed": ifClosed, "starting": time.Unix(n, 0).UTC()},
			{"cron": every, "if_closed": ifClosed},
			{"dates": []any{every, day}, "at": at},
		} {
			if r, probs := ParseTable(table); len(probs) == 0 {
				roundTrip(t, r)
			}
		}
	})
}

func FuzzParseHolidays(f *testing.F) {
	if b, err := os.ReadFile("syukujitsu.csv"); err == nil {
		f.Add(b[:2000])
		f.Add(b)
	}
	f.Add([]byte("国民の祝日・休日月日,国民の祝日・休日名称\n2028/1/1,元日\n2028/11/3,文化の日\n"))
	f.Add([]byte("\x8d\x91\x96\xaf,\n2026/1/1,\x8c\xb3\x93\xfa"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHolidays(b)
		if (h == nil) == (err == nil) {
			t.Fatalf("%v, %v", h, err)
		}
		if h == nil {
			return
		}
		for i, x := range h.list {
			if y := x.day.date().Year; y < h.first || y > h.last || i > 0 && x.day <= h.list[i-1].day {
				t.Fatalf("%v is out of order", x.day.date())
			}
		}
	})
}

// someRule makes any rule that there is.
func someRule(r *rand.Rand) map[string]any {
	pick := func(words ...any) any { return words[r.IntN(len(words))] }
	closed := func(t map[string]any) map[string]any {
		t["if_closed"] = pick("before", "after", "skip", "as is")
		return t
	}
	day := func() any {
		base := pick("1", "5", "25", "30", "31", "last", "1st business day", "21st business day", "last business day", "2nd tue", "4th sat", "last fri").(string)
		if r.IntN(3) == 0 {
			base += ", " + strconv.Itoa(1+r.IntN(12)) + pick(" business days", " days").(string) + pick(" before", " after").(string)
		}
		return base
	}
	at := pick("0:00", "0:30", "2:30", "10:00", "23:30")
	starting := Date{2025, time.January, 1}.AddDays(r.IntN(700)).String()
	switch r.IntN(8) {
	case 0:
		return closed(map[string]any{"every": "month", "day": day(), "at": at})
	case 1:
		return closed(map[string]any{"every": "month", "day": []any{day(), day(), day()}, "at": at})
	case 2:
		return closed(map[string]any{"every": pick("2 months", "5 months", "12 months"), "day": day(), "at": at, "starting": starting})
	case 3:
		return closed(map[string]any{"every": pick("quarter", "fiscal year", "year"), "day": day(), "month": 1 + int64(r.IntN(3)), "at": at})
	case 4:
		return closed(map[string]any{"every": pick("week", "2 weeks", "7 weeks"), "on": []any{pick("mon", "sat"), pick("wed", "sun")}, "at": at, "starting": starting})
	case 5:
		return closed(map[string]any{"every": pick("3 days", "11 days"), "at": at, "starting": starting})
	case 6:
		return closed(map[string]any{"cron": pick("0 9 * * 1-5", "0,30 2,3 1-20 * *", "*/20 1-3 * * *", "0 0 31 * *", "0 10 15 6 *", "30 * 1 */2 1")})
	}
	return map[string]any{"every": pick("business day", "day"), "at": at, "if_closed": pick("skip", "as is")}
}

func FuzzDue(f *testing.F) {
	for i := range uint64(60) {
		f.Add(i, int64(i*9), uint16(20+i*5))
	}
	zones := []string{"Asia/Tokyo", "Europe/Berlin", "America/Santiago", "America/Nuuk", "Australia/Lord_Howe", "Pacific/Apia"}
	all := []*Days{
		days(f, DaysOptions{Country: "jp", Closed: ranges(f, "12/29〜1/3", "2026-08-13〜2026-08-14")}),
		days(f, DaysOptions{Country: "none", Closed: ranges(f, "2026-02-10〜2026-09-20")}),
		days(f, DaysOptions{Country: "us"}),
		closedFor(f, "2026-02-10〜2029-06-20"),
	}
	f.Fuzz(func(t *testing.T, seed uint64, start int64, length uint16) {
		r := rand.New(rand.NewPCG(seed, 1))
		rule, probs := ParseTable(someRule(r))
		if len(probs) > 0 {
			return
		}
		roundTrip(t, rule)
		s, probs := NewSchedule(rule, all[r.IntN(len(all))], zone(t, zones[r.IntN(len(zones))]), time.Month(1+r.IntN(12)))
		if len(probs) > 0 {
			t.Fatal(probs)
		}
		after := Date{2026, 1, 1}.AddDays(int(start%2000)).At(Clock{r.IntN(24), 30 * r.IntN(2)}, s.zone)
		consistent(t, s, after, after.Add(time.Duration(length%500)*24*time.Hour))
	})
}
