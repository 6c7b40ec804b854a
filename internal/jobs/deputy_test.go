package jobs

import (
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// What nobody settles goes to the admins after some business days, once, and no day is named any more that has passed.
func TestOldMatterGoesToTheAdmins(t *testing.T) {
	both(t, func(t *testing.T, l calendar.Language, toml string, files map[string]string) {
		in := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
		d := newDesk(t, strings.Replace(toml, `admin = ["sato"]`, `admin = ["ogawa"]`, 1), files, tokyo(2026, 11, 24, 8, 0))
		acme := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
		d.run("hosting-minato", "2026-11", tokyo(2026, 11, 24, 10, 0))
		d.confirm(acme.ID, "tanaka", tokyo(2026, 11, 24, 11, 0))
		d.update(func(tx *ledger.Tx) error {
			return tx.Hold(d.messages(acme.ID)[0].ID, ledger.Check, in("金額が合いません", "the amounts differ"))
		})
		if n := d.notices(tokyo(2026, 11, 24, 12, 0)); len(n) != 2 {
			t.Fatalf("at first: %d notices", len(n))
		}
		for _, day := range []struct {
			month  int
			day    int
			told   int
			has    []string
			hasNot []string
		}{
			{11, 26, 0, []string{in("佐藤さん／あす中に", "-> Sato, by the end of tomorrow")}, []string{in("小川さんにもお知らせ", "Ogawa told")}},
			{11, 27, 0, []string{in("佐藤さん／きょう中", "-> Sato, by the end of today")}, []string{in("小川さんにもお知らせ", "Ogawa told")}},
			{11, 30, 2, []string{in("佐藤さん（小川さんにもお知らせしています）", "-> Sato (Ogawa told as well)"), in("田中さん（小川さんにもお知らせしています）", "-> Tanaka (Ogawa told as well)")},
				[]string{in("まで", ", by "), in("きょう中", "today,")}},
			{12, 1, 0, []string{in("（小川さんにもお知らせしています）", "Ogawa told as well")}, []string{in("あすまで", "by tomorrow")}},
		} {
			now := tokyo(2026, 11, 0, 17, 0).AddDate(0, day.month-11, day.day)
			told := d.notices(now)
			if len(told) != day.told {
				t.Errorf("%d/%d: %d notices:\n%s", day.month, day.day, len(told), strings.Join(told, "\n=====\n"))
			}
			if day.told > 0 {
				golden(t, "notice-deputy-"+string(l), strings.Join(told, "\n=====\n"))
			}
			// Only the items: the month's line speaks of days, too.
			got, _, _ := strings.Cut(d.summaryAt(now)["sato"], in("■ あす", "■ Tomorrow"))
			_, got, _ = strings.Cut(got, "\n\n1. ")
			d.deliver(now, mailer.Sent, "250 ok")
			for _, s := range day.has {
				if !strings.Contains(strings.ReplaceAll(got, "\n", ""), s) && !strings.Contains(got, s) {
					t.Errorf("%d/%d: %q is not said:\n%s", day.month, day.day, s, got)
				}
			}
			for _, s := range day.hasNot {
				if strings.Contains(got, s) {
					t.Errorf("%d/%d: %q is said:\n%s", day.month, day.day, s, got)
				}
			}
		}
	})
}
