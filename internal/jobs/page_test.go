package jobs

import (
	"testing"

	"bod/internal/calendar"
)

// How something stands is read in one piece: where it doesn't fit beside a long title, it has a line of its own.
func TestEntryKeepsItsStateTogether(t *testing.T) {
	for _, tt := range []struct {
		l    calendar.Language
		e    entry
		want string
	}{
		{calendar.Japanese, entry{mark: "・", when: " 9:30", what: "発注状況のお知らせ", sep: "　", aside: "準備できています", pad: 38}, "・ 9:30 発注状況のお知らせ　　　　　　　　　　　準備できています\n"},
		{calendar.Japanese, entry{mark: "・", when: "10:00", what: "株式会社アクメ商事様 ホスティングとドメイン管理の請求書 11月分", sep: "　", aside: "準備できています", hang: "　　", under: []string{"まだのもの"}},
			"・10:00 株式会社アクメ商事様 ホスティングとドメイン管理の請求書 11月分\n　　準備できています\n　　まだのもの\n"},
		{calendar.Japanese, entry{mark: "・", when: "10:00", what: "株式会社アクメ商事様 ホスティングとドメイン管理の請求書 11月分", sep: "　", aside: "110,000円", note: "（確認：田中さん 9:42）"},
			"・10:00 株式会社アクメ商事様 ホスティングとドメイン管理の請求書 11月分\n　　110,000円（確認：田中さん 9:42）\n"},
		{calendar.English, entry{mark: "- ", when: "10:00", what: "Hosting and domain name invoice, Acme Trading (November)", sep: ": ", aside: "waiting for confirmation"},
			"- 10:00 Hosting and domain name invoice, Acme Trading (November):\n    waiting for confirmation\n"},
	} {
		if got := tt.e.text(tt.l); got != tt.want || wrap(got, tt.l == calendar.Japanese) != tt.want {
			t.Errorf("got\n%swant\n%s", got, tt.want)
		}
	}
}
