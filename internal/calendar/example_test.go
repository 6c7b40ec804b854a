package calendar_test

import (
	"fmt"
	"time"

	"bod/internal/calendar"
)

func Example() {
	rule, problems := calendar.ParseSentence("毎月２３日 午前１０時 休みなら前営業日")
	if len(problems) > 0 {
		fmt.Println(problems[0].What.JA, problems[0].Next.JA)
		return
	}
	days, _ := calendar.NewDays(calendar.DaysOptions{Country: "jp"})
	s, _ := calendar.NewSchedule(rule, days, time.FixedZone("JST", 9*60*60), time.March)
	fmt.Println(s.Sentence(calendar.Japanese))
	fmt.Println(s.Sentence(calendar.English))

	o, _ := s.Next(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	fmt.Println(o.Period, calendar.DateOf(o.Nominal), calendar.DateOf(o.Due).Long(calendar.Japanese), o.Shifted.JA)

	previous, _ := calendar.ParseAbout("前月分")
	fmt.Println(s.About(previous, o).Words(calendar.Japanese))

	_, problems = calendar.ParseSentence("毎月23日 25:00")
	for _, p := range problems {
		fmt.Println(p.What.JA + "。" + p.Next.JA)
	}
	// Output:
	// 毎月23日 10:00 休みなら前営業日
	// every month on the 23rd at 10:00, or the business day before if closed
	// 2026-11 2026-11-23 2026年11月20日（金） 11/23は勤労感謝の日のため
	// 2026年10月
	// 「25:00」という時刻はありません。0:00 から 23:59 までの時刻を書いてください
}
