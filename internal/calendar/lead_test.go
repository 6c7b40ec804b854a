package calendar

import (
	"testing"
	"time"
)

func TestLead(t *testing.T) {
	tokyo := zone(t, "Asia/Tokyo")
	x := days(t, DaysOptions{Country: "jp"})
	due := time.Date(2026, 11, 24, 10, 0, 0, 0, tokyo) // the Tuesday after a long weekend
	for s, want := range map[string]string{
		"1 business day before": "11-20 10:00", "1営業日前": "11-20 10:00", "前営業日": "11-20 10:00", "the business day before": "11-20 10:00", "a business day before": "11-20 10:00",
		"2営業日前": "11-19 10:00", "２ 営業日前": "11-19 10:00", "二営業日": "11-19 10:00", "3 days": "11-21 10:00", "3日前": "11-21 10:00", "前日": "11-23 10:00", "the day before": "11-23 10:00",
		"1 week": "11-17 10:00", "2週間前": "11-10 10:00", "30 minutes before": "11-24 09:30", "30分前": "11-24 09:30", "2時間前": "11-24 08:00", "2 hours": "11-24 08:00", "0 days": "11-24 10:00",
	} {
		l, p := ParseLead(s)
		if p != nil {
			t.Errorf("%q: %v", s, p)
			continue
		}
		if got := l.Before(due, x).Format("01-02 15:04"); got != want {
			t.Errorf("%q before: %s, want %s", s, got, want)
		}
		if l.IsZero() != (s == "0 days") {
			t.Errorf("%q is zero: %v", s, l.IsZero())
		}
		for _, lang := range []Language{Japanese, English} {
			if again, p := ParseLead(l.Sentence(lang)); p != nil || again != l {
				t.Errorf("%q is said as %q, which is read as %v", s, l.Sentence(lang), again)
			}
		}
	}
	for _, s := range []string{"", "soon", "3", "3 fortnights", "business day", "3営業日 10:00", "-1 day", "99999 days", "5000 days", "1 month", "前"} {
		if l, p := ParseLead(s); p == nil {
			t.Errorf("%q was read as %q", s, l.Sentence(English))
		}
	}
	// Counted the other way than it says, a duty would be prepared on the wrong day.
	for s, way := range map[string]leadWay{
		"1営業日前": back, "前日": back, "前営業日": back, "2 days before": back, "1 hour earlier": back, "the business day before": back,
		"1営業日後": on, "翌日": on, "翌営業日": on, "2 days after": on, "1 hour later": on, "the day after": on,
		"1営業日": unsaid, "2 days": unsaid, "3日以内": unsaid,
	} {
		if _, p := ParseLeadBefore(s); (p == nil) != (way != on) {
			t.Errorf("%q counted back: %v", s, p)
		}
		if _, p := ParseLeadAfter(s); (p == nil) != (way != back) {
			t.Errorf("%q counted on: %v", s, p)
		}
	}
	l, _ := ParseLead("3 business days")
	if got := l.After(time.Date(2026, 11, 20, 17, 30, 15, 5, tokyo), x); got != time.Date(2026, 11, 26, 17, 30, 15, 5, tokyo) {
		t.Errorf("three business days on: %v", got)
	}
	if got := l.Before(due, nil); got.Day() != 19 {
		t.Errorf("without days only weekends are closed: %v", got)
	}
	// The time of day stays where the clock jumps between; hours don't.
	berlin := zone(t, "Europe/Berlin")
	monday := time.Date(2026, 3, 30, 9, 0, 0, 0, berlin)
	day, _ := ParseLead("3 days")
	hours, _ := ParseLead("72 hours")
	if got := day.Before(monday, nil); got != time.Date(2026, 3, 27, 9, 0, 0, 0, berlin) {
		t.Errorf("three days before: %v", got)
	}
	if got := hours.Before(monday, nil); got.Hour() != 8 {
		t.Errorf("72 hours before: %v", got)
	}
}

func TestAbout(t *testing.T) {
	tokyo := zone(t, "Asia/Tokyo")
	x := days(t, DaysOptions{Country: "jp"})
	for _, c := range []struct{ rule, period, about, ja, en, folder, compact, first, last string }{
		{"毎月25日 10:00 休みなら前営業日", "2026-11", "", "2026年11月", "November 2026", "2026-11", "202611", "2026-11-01", "2026-11-30"},
		{"毎月5日 10:00 休みなら翌営業日", "2026-01", "previous month", "2025年12月", "December 2025", "2025-12", "202512", "2025-12-01", "2025-12-31"},
		{"毎月5日 10:00 休みなら翌営業日", "2026-01", "前月分", "2025年12月", "December 2025", "2025-12", "202512", "2025-12-01", "2025-12-31"},
		{"毎月25日 10:00 休みなら前営業日", "2026-12", "翌月", "2027年1月", "January 2027", "2027-01", "202701", "2027-01-01", "2027-01-31"},
		{"毎月1日の2営業日前 10:00", "2026-12", "this month", "2026年12月", "December 2026", "2026-12", "202612", "2026-12-01", "2026-12-31"},
		{"毎月25日 10:00 休みなら前営業日", "2027-02", "this quarter", "2026年度第4四半期", "Q4 FY2026", "2026-Q4", "2026Q4", "2027-01-01", "2027-03-31"},
		{"四半期末 10:00 休みなら前営業日", "2026-Q1", "", "2026年度第1四半期", "Q1 FY2026", "2026-Q1", "2026Q1", "2026-04-01", "2026-06-30"},
		{"四半期末 10:00 休みなら前営業日", "2026-Q1", "前四半期", "2025年度第4四半期", "Q4 FY2025", "2025-Q4", "2025Q4", "2026-01-01", "2026-03-31"},
		{"年度末 10:00 休みなら前営業日", "2026", "", "2026年度", "FY2026", "2026", "2026", "2026-04-01", "2027-03-31"},
		{"毎年3月31日 10:00 休みなら前営業日", "2027", "", "2027年", "2027", "2027", "2027", "2027-01-01", "2027-12-31"},
		{"毎年3月31日 10:00 休みなら前営業日", "2027", "今年度", "2026年度", "FY2026", "2026", "2026", "2026-04-01", "2027-03-31"},
		{"毎年3月31日 10:00 休みなら前営業日", "2027", "last year", "2026年", "2026", "2026", "2026", "2026-01-01", "2026-12-31"},
		{"毎営業日 10:00", "2026-11-25", "", "2026年11月25日（水）", "Wednesday 25 November 2026", "2026-11-25", "20261125", "2026-11-25", "2026-11-25"},
		{"毎営業日 10:00", "2026-11-25", "前日", "2026年11月24日（火）", "Tuesday 24 November 2026", "2026-11-24", "20261124", "2026-11-24", "2026-11-24"},
		{"毎週月曜 10:00 休みなら翌営業日", "2026-11-23", "先週", "2026年11月16日（月）〜11月22日（日）", "Monday 16 November 2026 to Sunday 22 November 2026", "2026-11-16", "20261116", "2026-11-16", "2026-11-22"},
		{"cron 0 9,17 * * * 休みなら実施しない", "2026-11-25T17:00", "", "2026年11月25日（水）17:00", "Wednesday 25 November 2026, 17:00", "2026-11-25-1700", "202611251700", "2026-11-25", "2026-11-25"},
		{"cron 0 9,17 * * * 休みなら実施しない", "2026-11-25T17:00", "当月", "2026年11月", "November 2026", "2026-11", "202611", "2026-11-01", "2026-11-30"},
	} {
		s := schedule(t, c.rule, x, tokyo)
		o, ok := s.Of(c.period)
		if !ok {
			t.Errorf("%s has no %s", c.rule, c.period)
			continue
		}
		r, p := ParseAbout(c.about)
		if p != nil {
			t.Errorf("%q: %v", c.about, p)
			continue
		}
		a := s.About(r, o)
		got := []string{a.Words(Japanese), a.Words(English), a.Folder(), a.Compact(), a.First.String(), a.Last.String()}
		for i, want := range []string{c.ja, c.en, c.folder, c.compact, c.first, c.last} {
			if got[i] != want {
				t.Errorf("%s %s, %q: %q, want %q", c.rule, c.period, c.about, got[i], want)
			}
		}
		for _, l := range []Language{Japanese, English} {
			if again, p := ParseAbout(r.Sentence(l)); p != nil || again != r {
				t.Errorf("%q is said as %q", c.about, r.Sentence(l))
			}
		}
	}
	// A fiscal year that is the calendar's isn't called 年度.
	s, _ := NewSchedule(parse(t, "四半期末 10:00 休みなら前営業日"), x, tokyo, 0)
	o, _ := s.Of("2026-Q4")
	if a := s.About(AboutRule{}, o); a.Words(Japanese) != "2026年第4四半期" || a.Words(English) != "Q4 2026" || a.Last != (Date{2026, 12, 31}) {
		t.Errorf("got %+v", a)
	}
	for _, s := range []string{"month", "前", "before", "来世紀", "previos monht"} {
		if r, p := ParseAbout(s); p == nil {
			t.Errorf("%q was read as %q", s, r.Sentence(English))
		} else if p.Key != "about" || p.Next.JA == "" {
			t.Errorf("%q: %+v", s, p)
		}
	}
}
