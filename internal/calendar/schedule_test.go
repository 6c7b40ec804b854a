package calendar

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

func parse(t testing.TB, sentence string) Rule {
	t.Helper()
	r, probs := ParseSentence(sentence)
	if len(probs) > 0 {
		t.Fatalf("%s: %+v", sentence, probs)
	}
	return r
}

func schedule(t testing.TB, sentence string, x *Days, z *time.Location) *Schedule {
	t.Helper()
	s, probs := NewSchedule(parse(t, sentence), x, z, time.March)
	if len(probs) > 0 {
		t.Fatalf("%s: %+v", sentence, probs)
	}
	return s
}

func year(z *time.Location, y int) (after, until time.Time) {
	return Date{y, 1, 1}.At(Clock{}, z).Add(-1), Date{y + 1, 1, 1}.At(Clock{}, z).Add(-1)
}

// TestTwentiethOrBusinessDayBefore has the dates that a Japanese office would have in 2026.
func TestTwentiethOrBusinessDayBefore(t *testing.T) {
	tokyo := zone(t, "Asia/Tokyo")
	r, probs := ParseTable(map[string]any{"every": "month", "day": int64(20), "at": "10:00", "if_closed": "before"})
	if probs != nil {
		t.Fatal(probs)
	}
	s, probs := NewSchedule(r, days(t, DaysOptions{Country: "jp"}), tokyo, time.March)
	if probs != nil {
		t.Fatal(probs)
	}
	want := "01-20 02-20 03-19 04-20 05-20 06-19 07-17 08-20 09-18 10-20 11-20 12-18"
	var got []string
	for i, o := range s.Due(year(tokyo, 2026)) {
		got = append(got, o.Due.Format("01-02"))
		if period := fmt.Sprintf("2026-%02d", i+1); o.Period != period || o.Nominal.Day() != 20 || o.Due.Hour() != 10 {
			t.Errorf("%+v is not the occurrence of %s", o, period)
		}
		if moved := !o.Due.Equal(o.Nominal); moved != (o.Shifted != Text{}) {
			t.Errorf("%+v doesn't say why it is moved", o)
		}
	}
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %v", got, want)
	}
	o, _ := s.Of("2026-09")
	if o.Shifted != (Text{"9/20は日曜日のため", "because 20 Sep is Sunday"}) {
		t.Errorf("got %+v", o.Shifted)
	}
}

// TestYear is a year of an office's rules as a person would check them.
func TestYear(t *testing.T) {
	tokyo := zone(t, "Asia/Tokyo")
	x := days(t, DaysOptions{Country: "jp", Closed: ranges(t, "12/29〜1/3", "2026-08-13〜2026-08-14"), Open: ranges(t, "2026-09-22")})
	var b strings.Builder
	for _, sentence := range []string{
		"毎月25日 10:00 休みなら前営業日",
		"毎月5日 10:00 休みなら翌営業日",
		"毎月末 17:00 休みなら前営業日",
		"毎月31日 17:00 休みなら実施しない",
		"毎月第3営業日 9:00",
		"毎月最終営業日 15:00",
		"毎月第2火曜 9:30 休みなら翌営業日",
		"毎月最終金曜 9:30 休みなら前営業日",
		"毎月1日の2営業日前 10:00",
		"毎月25日の3日前 10:00 休みなら翌営業日",
		"毎月5日・20日・末日 10:00 休みなら前営業日",
		"隔週金曜 10:00 休みなら前営業日 2026年1月9日から",
		"2か月ごとの15日 10:00 休みなら翌営業日 2026年1月1日から",
		"四半期末 15:00 休みなら前営業日",
		"毎四半期の2か月目の10日 10:00 休みなら前営業日",
		"毎四半期の第5営業日 10:00",
		"毎年3月31日 10:00 休みなら前営業日",
		"年度末 10:00 休みなら前営業日",
		"毎年度の3月31日 10:00 休みなら前営業日",
		"毎年度の4月1日 10:00 休みなら翌営業日",
		"毎年2月29日 10:00 休みなら翌営業日",
		"毎年6月10日・12月10日 10:00 休みなら前営業日",
		"2026年5月5日・2026年11月25日 9:00 休みなら翌営業日",
		"cron 0 9 1,15 * * 休みなら翌営業日",
		"毎週月曜 9:30 休みなら翌営業日",
	} {
		s := schedule(t, sentence, x, tokyo)
		fmt.Fprintf(&b, "%s\n%s\n", s.Sentence(Japanese), s.Sentence(English))
		after, until := year(tokyo, 2026)
		for _, o := range s.Due(after, until) {
			fmt.Fprintf(&b, "  %-10s  %s", o.Period, DateOf(o.Nominal).Short(Japanese))
			if o.Due.Equal(o.Nominal) {
				fmt.Fprintf(&b, " %s\n", o.Due.Format("15:04"))
			} else {
				fmt.Fprintf(&b, " → %s %s　%s\n", DateOf(o.Due).Short(Japanese), o.Due.Format("15:04"), o.Shifted.JA)
			}
		}
		for _, o := range s.Skipped(after, until) {
			fmt.Fprintf(&b, "  %-10s  %s 実施しない　%s\n", o.Period, DateOf(o.Nominal).Short(Japanese), o.Shifted.JA)
		}
		b.WriteByte('\n')
	}
	golden(t, "testdata/year.golden", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range g {
			if i >= len(w) || g[i] != w[i] {
				t.Fatalf("%s:%d: got\n%s\n(go test -update writes it anew)", name, i+1, g[i])
			}
		}
		t.Fatalf("%s has more lines", name)
	}
}

// consistent holds Due, Next, Of and Skipped of one schedule against one another.
func consistent(t testing.TB, s *Schedule, after, until time.Time) {
	t.Helper()
	name := s.Sentence(English)
	all := s.Due(after, until)
	seen := map[string]bool{}
	next, ok := s.Next(after)
	for i, o := range all {
		if !o.Due.After(after) || o.Due.After(until) {
			t.Fatalf("%s: %v is not in (%v, %v]", name, o, after, until)
		}
		if i > 0 && (o.Due.Before(all[i-1].Due) || o.Due.Equal(all[i-1].Due) && o.Nominal.Before(all[i-1].Nominal)) {
			t.Fatalf("%s: %v stands before %v", name, all[i-1], o)
		}
		if seen[o.Period] {
			t.Fatalf("%s: two occurrences of %s", name, o.Period)
		}
		seen[o.Period] = true
		if again, ok := s.Of(o.Period); !ok || again != o {
			t.Fatalf("%s: Of(%s) is %v %v, Due says %v", name, o.Period, again, ok, o)
		}
		// Next has the first of several that are due at one moment.
		if i == 0 || o.Due.After(all[i-1].Due) {
			if !ok || next != o {
				t.Fatalf("%s: Next is %v %v, Due says %v", name, next, ok, o)
			}
			next, ok = s.Next(o.Due)
		}
	}
	if ok && !next.Due.After(until) {
		t.Fatalf("%s: Next knows %v, Due doesn't", name, next)
	}
	for _, o := range s.Skipped(after, until) {
		if seen[o.Period] {
			t.Fatalf("%s: %s is due and skipped", name, o.Period)
		}
		if _, ok := s.Of(o.Period); ok {
			t.Fatalf("%s: Of knows %s, which is skipped", name, o.Period)
		}
		if o.Shifted == (Text{}) {
			t.Fatalf("%s: %s doesn't say why it is skipped", name, o.Period)
		}
	}
	middle := after.Add(until.Sub(after) / 2)
	if both := append(s.Due(after, middle), s.Due(middle, until)...); !slices.Equal(both, all) {
		t.Fatalf("%s: two halves have %d occurrences, the whole %d", name, len(both), len(all))
	}
}

// TestLongClosing moves occurrences by months: out of windows and into them.
func TestLongClosing(t *testing.T) {
	for _, closed := range []string{"2026-02-10〜2026-06-20", "2026-02-10〜2029-06-20"} {
		x := closedFor(t, closed)
		for _, sentence := range []string{
			"every month on the 15th at 9:00, or the business day before if closed",
			"every month on the 15th at 9:00, or the business day after if closed",
			"every month on the 15th and the last day at 9:00, or the business day after if closed",
			"every month on 2 business days before the 15th at 9:00",
			"every month on 40 business days after the 15th at 9:00",
			"every month on the 3rd business day at 9:00",
			"every month on the last business day at 9:00",
			"every week on Wednesday at 9:00, or the business day before if closed",
			"every business day at 9:00",
			"every day at 9:00, skipped if closed",
		} {
			s := schedule(t, sentence, x, time.UTC)
			for _, from := range []Date{{2026, 1, 1}, {2026, 2, 5}, {2026, 4, 1}, {2026, 6, 20}, {2026, 6, 22}, {2028, 1, 1}} {
				consistent(t, s, from.At(Clock{}, time.UTC), from.AddDays(200).At(Clock{}, time.UTC))
			}
		}
	}
	// Four months' occurrences wait for the first open day, each with its own period.
	x := days(t, DaysOptions{Country: "none", Closed: ranges(t, "2026-02-10〜2026-06-20")})
	s := schedule(t, "every month on the 15th at 9:00, or the business day after if closed", x, time.UTC)
	var got []string
	for _, o := range s.Due(Date{2026, 6, 21}.At(Clock{}, time.UTC), Date{2026, 6, 23}.At(Clock{}, time.UTC)) {
		got = append(got, o.Period)
	}
	if want := []string{"2026-02", "2026-03", "2026-04", "2026-05", "2026-06"}; !slices.Equal(got, want) {
		t.Errorf("due on 22 June: %v", got)
	}
	// A closing of three years: no open day is near enough, the day stays.
	x = closedFor(t, "2026-01-10〜2029-12-20")
	s = schedule(t, "every month on the 15th at 9:00, or the business day before if closed", x, time.UTC)
	if o, ok := s.Of("2028-06"); !ok || DateOf(o.Due) != (Date{2028, 6, 15}) {
		t.Errorf("got %v %v", o, ok)
	}
	s = schedule(t, "every month on the last business day at 9:00", x, time.UTC)
	if o, ok := s.Of("2028-06"); !ok || DateOf(o.Due) != (Date{2028, 6, 30}) {
		t.Errorf("got %v %v", o, ok)
	}
}

func TestShapesAndPeriods(t *testing.T) {
	tokyo := zone(t, "Asia/Tokyo")
	x := days(t, DaysOptions{Country: "jp"})
	from := Date{2026, 4, 1}.At(Clock{}, tokyo)
	for _, c := range []struct {
		sentence, period string
		shape            Shape
	}{
		{"毎月25日 10:00 休みなら前営業日", "2026-04", ByMonth},
		{"毎月1日の2営業日前 10:00", "2026-05", ByMonth},
		{"毎月5日・10日 10:00 休みなら前営業日", "2026-04-05", ByDate},
		{"毎日 10:00 休みでも実施", "2026-04-01", ByDate},
		{"毎営業日 10:00", "2026-04-01", ByDate},
		{"毎週土曜 10:00 休みなら前営業日", "2026-04-04", ByDate},
		{"四半期末 10:00 休みなら前営業日", "2026-Q1", ByQuarter},
		{"毎年3月31日 10:00 休みなら前営業日", "2027", ByYear},
		{"毎年度3月31日 10:00 休みなら前営業日", "2026", ByYear},
		{"年度末 10:00 休みなら前営業日", "2026", ByYear},
		{"毎年6月10日・12月10日 10:00 休みなら前営業日", "2026-06-10", ByDate},
		{"2026年5月8日 10:00", "2026-05-08", ByDate},
		{"cron 0 10 * * 1 休みなら実施しない", "2026-04-06", ByDate},
		{"cron 0 10 20 * * 休みなら前営業日", "2026-04", ByMonth},
		{"cron 0 10 20 6 * 休みなら前営業日", "2026", ByYear},
		{"cron 0 10,15 * * * 休みなら実施しない", "2026-04-01T10:00", ByMinute},
	} {
		s := schedule(t, c.sentence, x, tokyo)
		o, ok := s.Next(from)
		if s.Shape() != c.shape || !ok || o.Period != c.period {
			t.Errorf("%s: %s %s, want %s %s", c.sentence, s.Shape(), o.Period, c.shape, c.period)
		}
		consistent(t, s, from, from.AddDate(1, 3, 0))
		for _, wrong := range []string{"", "2026-4", "2026-13", "2026-02-30", "2026-Q5", "2026-Q0", "26", "2026-04-01T10:00+0900", "2026-04-01T25:00", "x", "2026-04 ", "99999"} {
			if o, ok := s.Of(wrong); ok {
				t.Errorf("%s: Of(%q) is %v", c.sentence, wrong, o)
			}
		}
	}
	// 1 May 2027 is a Saturday: the shift leaves the month, the period stays.
	s := schedule(t, "毎月1日 10:00 休みなら前営業日", x, tokyo)
	if o, ok := s.Of("2027-05"); !ok || DateOf(o.Due) != (Date{2027, 4, 30}) {
		t.Errorf("got %v", o)
	}
	if all := s.Due(Date{2027, 4, 30}.At(Clock{9, 0}, tokyo), Date{2027, 4, 30}.At(Clock{10, 0}, tokyo)); len(all) != 1 || all[0].Period != "2027-05" {
		t.Errorf("due on 30 April: %v", all)
	}
}

func TestEveryNthFromStarting(t *testing.T) {
	for sentence, want := range map[string]string{
		"every 2 weeks on Monday and Friday at 9:00 even if closed, starting 2026-01-09": "01-09 01-19 01-23 02-02 02-06",
		"every 2 weeks at 9:00 even if closed, starting 2026-01-09":                      "01-09 01-23 02-06 02-20 03-06",
		"every 3 days at 9:00 even if closed, starting 2026-01-09":                       "01-09 01-12 01-15 01-18 01-21",
		"every 3 months on the 31st at 9:00 even if closed, starting 2026-01-31":         "01-31 04-30 07-31 10-31 01-31",
		"every 5 months on the last day at 9:00 even if closed, starting 2026-02-01":     "02-28 07-31 12-31 05-31 10-31",
		"every 3 years on 1 May at 9:00 even if closed, starting 2026-01-01":             "05-01",
		"every 3 months on the 5th at 9:00 even if closed, starting 2026-01-09":          "04-05 07-05 10-05 01-05 04-05",
		"every 2 years on 29 February at 9:00 even if closed, starting 2026-01-01":       "02-28 02-29 02-28 02-29 02-28",
		"every month on the 1st at 9:00 even if closed, starting 2026-03-02":             "04-01 05-01 06-01 07-01 08-01",
		"every business day at 9:00, starting 2026-01-09":                                "01-09 01-12 01-13 01-14 01-15",
		"cron 0 9 29 2 *, even if closed, starting 2026-01-09":                           "02-29 02-29 02-29",
		"cron 0 9,17 * * *, even if closed, starting 2026-01-09":                         "01-09 01-09 01-10 01-10 01-11",
		"every 2 weeks on Sunday at 9:00 even if closed, starting 2026-01-05":            "01-11 01-25 02-08 02-22 03-08",
	} {
		s := schedule(t, sentence, nil, time.UTC)
		var got []string
		at := Date{2025, 6, 1}.At(Clock{}, time.UTC)
		for range 5 {
			o, ok := s.Next(at)
			if !ok {
				break
			}
			got = append(got, o.Due.Format("01-02"))
			at = o.Due
		}
		if !strings.HasPrefix(strings.Join(got, " "), want) {
			t.Errorf("%s:\n%v, want\n%v", sentence, got, want)
		}
	}
}

func TestNextEnds(t *testing.T) {
	s := schedule(t, "on 2026-11-25 at 9:00", nil, time.UTC)
	if o, ok := s.Next(Date{2026, 11, 25}.At(Clock{9, 0}, time.UTC)); ok {
		t.Errorf("after the last date comes %v", o)
	}
	if o, ok := s.Next(time.Time{}); ok {
		t.Errorf("a date more than ten years ahead: %v", o)
	}
	if o, ok := s.Next(Date{2016, 11, 26}.At(Clock{}, time.UTC)); !ok || o.Period != "2026-11-25" {
		t.Errorf("got %v", o)
	}
	daily := schedule(t, "every business day at 9:00", nil, time.UTC)
	for _, at := range []time.Time{{}, time.Unix(1<<40, 0), time.Unix(-1<<40, 0)} {
		daily.Next(at)
		if all := daily.Due(at, at.Add(time.Hour)); len(all) > 1 {
			t.Errorf("%d in an hour", len(all))
		}
	}
}

func TestNewScheduleNeedsAnswers(t *testing.T) {
	x := days(t, DaysOptions{Country: "jp"})
	r := parse(t, "2026年11月25日・2026年11月23日 9:00")
	_, probs := NewSchedule(r, x, time.UTC, 0)
	if len(probs) != 1 || probs[0].Key != "if_closed" || !strings.Contains(probs[0].What.JA, "勤労感謝の日") {
		t.Errorf("got %+v", probs)
	}
	if _, probs := NewSchedule(Rule{}, x, time.UTC, 0); len(probs) != 1 {
		t.Errorf("an empty rule gives %v", probs)
	}
	if _, probs := NewSchedule(r, nil, nil, 13); len(probs) != 1 || probs[0].Key != "fiscal_year_end" {
		t.Errorf("month 13 gives %v", probs)
	}
	if s, probs := NewSchedule(r, nil, nil, 0); s == nil || probs != nil {
		t.Errorf("without days only weekends are closed: %v", probs)
	}
}

func TestCronDays(t *testing.T) {
	for rule, want := range map[string]string{
		"0 9 13 * 5":        "6 13 20 27", // a day of the month or a weekday: either is enough
		"0 9 10 * 7":        "1 8 10 15 22",
		"0 9 */10 * 0":      "1", // with * on one side both have to hold, as in cron: the 11th and 21st are no Sundays
		"0 9 * 2 mon-wed":   "2 3 4 9 10 11 16 17 18 23 24 25",
		"0 9 * jan,mar *":   "",
		"0 9 1-20/9,28 * *": "1 10 19 28",
		"0 9 29-31 * *":     "",
	} {
		s := schedule(t, "cron "+rule+", even if closed", nil, time.UTC)
		var got []string
		for _, o := range s.Due(Date{2026, 2, 1}.At(Clock{}, time.UTC), Date{2026, 3, 1}.At(Clock{}, time.UTC)) {
			got = append(got, fmt.Sprint(o.Due.Day()))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s in February 2026: %v, want %s", rule, got, want)
		}
	}
}
