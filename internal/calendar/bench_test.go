package calendar

import (
	"fmt"
	"testing"
	"time"
)

func BenchmarkNext(b *testing.B) {
	tokyo := zone(b, "Asia/Tokyo")
	berlin := zone(b, "Europe/Berlin")
	x := days(b, DaysOptions{Country: "jp", Closed: ranges(b, "12/29〜1/3")})
	for _, c := range []struct {
		name, sentence string
		zone           *time.Location
	}{
		{"month", "毎月25日 10:00 休みなら前営業日", tokyo},
		{"business-day", "毎営業日 9:30", tokyo},
		{"business-day-berlin", "毎営業日 9:30", berlin},
		{"nth-business-day", "毎月第3営業日 9:00", tokyo},
		{"two-weeks", "隔週金曜 10:00 休みなら前営業日 2026年1月9日から", tokyo},
		{"quarter", "四半期末 15:00 休みなら前営業日", tokyo},
		{"year", "毎年3月31日 10:00 休みなら前営業日", tokyo},
		{"cron", "cron */15 9-17 * * 1-5 休みなら実施しない", tokyo},
		{"cron-leap-day", "cron 0 9 29 2 * 休みでも実施", tokyo},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := schedule(b, c.sentence, x, c.zone)
			at := time.Date(2026, 11, 24, 9, 0, 0, 0, c.zone)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.Next(at); !ok {
					b.Fatal("there is no next one")
				}
			}
		})
	}
}

// BenchmarkNextOf10000 asks as many schedules as a large office has for their next occurrence.
func BenchmarkNextOf10000(b *testing.B) {
	tokyo := zone(b, "Asia/Tokyo")
	x := days(b, DaysOptions{Country: "jp"})
	all := make([]*Schedule, 10000)
	for i := range all {
		all[i] = schedule(b, fmt.Sprintf("毎月%d日 %d:%02d 休みなら前営業日", i%31+1, i%24, i%60), x, tokyo)
	}
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, tokyo)
	for b.Loop() {
		for _, s := range all {
			s.Next(at)
		}
	}
}

// BenchmarkDueOf10000 is one wake-up: what came due in the last minute?
func BenchmarkDueOf10000(b *testing.B) {
	tokyo := zone(b, "Asia/Tokyo")
	x := days(b, DaysOptions{Country: "jp"})
	all := make([]*Schedule, 10000)
	for i := range all {
		all[i] = schedule(b, fmt.Sprintf("毎月%d日 %d:%02d 休みなら前営業日", i%31+1, i%24, i%60), x, tokyo)
	}
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, tokyo)
	for b.Loop() {
		for _, s := range all {
			s.Due(now.Add(-time.Minute), now)
		}
	}
}

func BenchmarkDueYear(b *testing.B) {
	tokyo := zone(b, "Asia/Tokyo")
	s := schedule(b, "毎営業日 9:30", days(b, DaysOptions{Country: "jp"}), tokyo)
	after, until := year(tokyo, 2026)
	b.ReportAllocs()
	for b.Loop() {
		s.Due(after, until)
	}
}

func BenchmarkParseSentence(b *testing.B) {
	for _, s := range []string{"毎月25日 10:00 休みなら前営業日", "every month on the 25th at 10:00, or the business day before if closed"} {
		b.Run(fmt.Sprint(len(s)), func(b *testing.B) {
			for b.Loop() {
				ParseSentence(s)
			}
		})
	}
}

func BenchmarkNewDays(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		NewDays(DaysOptions{Country: "jp"})
	}
}
