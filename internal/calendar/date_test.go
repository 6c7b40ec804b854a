package calendar

import (
	"strings"
	"testing"
	"time"
)

func TestDatesAgreeWithTime(t *testing.T) {
	at := time.Date(1899, 12, 25, 0, 0, 0, 0, time.UTC)
	d := Date{1899, 12, 25}
	for at.Year() < 2205 {
		if got := d.day().date(); got != d {
			t.Fatalf("%v becomes %v", d, got)
		}
		if want := DateOf(at); d != want || d.Weekday() != at.Weekday() {
			t.Fatalf("%v %v, time says %v %v", d, d.Weekday(), want, at.Weekday())
		}
		y, w := at.ISOWeek()
		if monday := d.AddDays(-int(d.Weekday()+6) % 7); monday.day().week() != d.day().week() {
			t.Fatalf("%v is not in the week of its Monday (%d-W%d)", d, y, w)
		}
		at, d = at.AddDate(0, 0, 1), d.AddDays(1)
	}
	if got := (Date{2026, 1, 31}).AddDays(-31); got != (Date{2025, 12, 31}) {
		t.Errorf("31 days before 2026-01-31: %v", got)
	}
	if !(Date{2026, 1, 1}).Before(Date{2026, 1, 2}) || (Date{2026, 1, 1}).Compare(Date{2025, 12, 31}) != 1 || !(Date{}).IsZero() {
		t.Error("the order of dates is wrong")
	}
}

func TestDateWords(t *testing.T) {
	d := Date{2026, 11, 3}
	for want, got := range map[string]string{
		"2026-11-03":              d.String(),
		"2026年11月3日（火）":           d.Long(Japanese),
		"Tuesday 3 November 2026": d.Long(English),
		"11/3(火)":                 d.Short(Japanese),
		"Tue 3 Nov":               d.Short(English),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseDate(t *testing.T) {
	want := Date{2026, 11, 25}
	for _, s := range []string{"2026-11-25", "2026/11/25", "2026.11.25", "2026年11月25日", "２０２６年１１月２５日", " 2026年 11月 25日 ", "二〇二六年十一月二十五日",
		"2026－11－25", "2026／11／25", "25 November 2026", "November 25, 2026", "nov 25 2026"} {
		if got, p := ParseDate(s); p != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, p)
		}
	}
	for s, part := range map[string]string{
		"2026-02-30": "2026年2月は28日まで", "2026/13/1": "13月", "2026-11-31": "30日まで", "": "日付として", "tomorrow": "日付として",
		"26/11/25": "日付として", "2026-11-25 10:00": "日付として", "0026-11-25": "26年", "2026年11月25": "日付として",
	} {
		d, p := ParseDate(s)
		if p == nil || !d.IsZero() {
			t.Errorf("%q was read as %v", s, d)
			continue
		}
		if both := p.What.JA + p.Next.JA; !strings.Contains(both, part) || p.What.EN == "" || p.Next.EN == "" {
			t.Errorf("%q: %q does not say %q", s, both, part)
		}
	}
}

func TestParseRange(t *testing.T) {
	newYear := Range{Date{0, 12, 29}, Date{0, 1, 3}}
	summer := Range{Date{2026, 8, 13}, Date{2026, 8, 14}}
	for s, want := range map[string]Range{
		"12/29〜1/3": newYear, "12/29～1/3": newYear, "12/29~1/3": newYear, "12/29-1/3": newYear, "12/29–1/3": newYear, "12/29 - 1/3": newYear,
		"１２／２９〜１／３": newYear, "12月29日から1月3日まで": newYear, "12月29日〜1月3日": newYear, "29 dec to 3 jan": newYear,
		"2026-08-13〜2026-08-14": summer, "2026/8/13-2026/8/14": summer, "2026年8月13日から14日まで": summer, "2026-08-13 ~ 8/14": summer,
		"2026-08-13":          {Date{2026, 8, 13}, Date{2026, 8, 13}},
		"10/1":                {Date{0, 10, 1}, Date{0, 10, 1}},
		"2026-12-29〜1/3":      {Date{2026, 12, 29}, Date{2027, 1, 3}},
		"2/29":                {Date{0, 2, 29}, Date{0, 2, 29}},
		"2026/12/29～2027/1/3": {Date{2026, 12, 29}, Date{2027, 1, 3}},
	} {
		got, p := ParseRange(s)
		if p != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, p)
		}
		if again, p := ParseRange(got.String()); p != nil || again != got {
			t.Errorf("%q is not read back: %v, %v", got.String(), again, p)
		}
	}
	for _, s := range []string{"", "休み", "12/29〜", "12/32", "13/1〜1/3", "12/29〜2027-01-03", "2026-08-14〜2026-08-13", "2/30", "12/29〜1/3〜1/4", "8/13から", "-"} {
		if got, p := ParseRange(s); p == nil {
			t.Errorf("%q was read as %v", s, got)
		}
	}
}

func TestParseClock(t *testing.T) {
	for s, want := range map[string]Clock{
		"9:30": {9, 30}, "09:30": {9, 30}, "９：３０": {9, 30}, "9時30分": {9, 30}, "17時": {17, 0}, "午後5時": {17, 0}, "午前9時半": {9, 30}, "九時三十分": {9, 30},
		"午後0時": {12, 0}, "午前0時": {0, 0}, "12:30 am": {0, 30}, "12pm": {12, 0}, "5 pm": {17, 0}, "5:30pm": {17, 30}, "正午": {12, 0}, "noon": {12, 0}, "0:00": {0, 0}, "23:59": {23, 59},
		"10:00:00": {10, 0}, " 9 : 30 ": {9, 30}, "午後5:30": {17, 30}, "ＰＭ５：３０": {17, 30}, "AM 9:30": {9, 30},
	} {
		if got, p := ParseClock(s); p != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, p)
		}
	}
	for _, s := range []string{"25:00", "24:00", "9:60", "9", "", "9:3", "午後17時", "13 pm", "-1:00", "9:30:15", "99999:00", "九"} {
		if got, p := ParseClock(s); p == nil {
			t.Errorf("%q was read as %v", s, got)
		} else if p.What.JA == "" || p.What.EN == "" || p.Next.JA == "" || p.Next.EN == "" {
			t.Errorf("%q: a part of the problem is empty: %+v", s, p)
		}
	}
}

func TestNearestWord(t *testing.T) {
	for word, want := range map[string]string{"montly": "monthly", "buisness": "business", "wensday": "wednesday", "evry": "every", "zzz": "", "x": ""} {
		if got := nearest(word, englishWords); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := nearest("休みなら前営業", japaneseWords); got != "休みなら前営業日" {
		t.Errorf("got %q", got)
	}
}
