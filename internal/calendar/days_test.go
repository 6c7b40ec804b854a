package calendar

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/jp"
	"github.com/rickar/cal/v2/us"
	"golang.org/x/text/encoding/japanese"
)

func days(t testing.TB, o DaysOptions) *Days {
	t.Helper()
	x, probs := NewDays(o)
	if len(probs) > 0 {
		t.Fatalf("couldn't make the days: %v", probs)
	}
	return x
}

// closedFor closes longer than NewDays would allow: a search must end there too.
func closedFor(t testing.TB, closing string) *Days {
	x := days(t, DaysOptions{Country: "none"})
	x.company = ranges(t, closing)
	x.setRange(x.company[0], true)
	return x
}

func ranges(t testing.TB, texts ...string) []Range {
	t.Helper()
	var all []Range
	for _, s := range texts {
		r, p := ParseRange(s)
		if p != nil {
			t.Fatal(p)
		}
		all = append(all, r)
	}
	return all
}

// japaneseTable is 2016–2027 as the Cabinet Office published it, 2028–2030 as others computed it.
func japaneseTable(t testing.TB) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/jp_holidays.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for _, row := range rows[1:] {
		table[row[0]] = row[1]
	}
	return table
}

func TestJapaneseBusinessDaysEqualTheTable(t *testing.T) {
	table := japaneseTable(t)
	x := days(t, DaysOptions{Country: "jp"})
	bank := days(t, DaysOptions{Country: "jp-bank"})
	opened := 0
	for d := (Date{2016, 1, 1}); d.Year <= 2030; d = d.AddDays(1) {
		_, holiday := table[d.String()]
		weekend := d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
		if x.IsOpen(d) != (!holiday && !weekend) {
			t.Errorf("%v is open: %v", d.Long(English), x.IsOpen(d))
		}
		turn := d.Month == 12 && d.Day == 31 || d.Month == 1 && d.Day <= 3
		if bank.IsOpen(d) != (x.IsOpen(d) && !turn) {
			t.Errorf("%v is open for banks: %v", d.Long(English), bank.IsOpen(d))
		}
		if holiday && d.Year <= 2027 && x.Why(d).JA != table[d.String()] {
			t.Errorf("%v is %q, want %q", d, x.Why(d).JA, table[d.String()])
		}
		if why := x.Why(d); (why == Text{}) != x.IsOpen(d) || (why.JA == "") != (why.EN == "") {
			t.Errorf("%v: %v, though open is %v", d, why, x.IsOpen(d))
		}
		if x.IsOpen(d) {
			opened++
		}
	}
	if opened < 3600 {
		t.Errorf("only %d days are open", opened)
	}
	if got := x.KnownUntil(); got != (Date{2027, 12, 31}) {
		t.Errorf("known until %v", got)
	}
	for d, want := range map[Date]Text{
		{2026, 11, 23}: {"勤労感謝の日", "Labour Thanksgiving Day"},
		{2026, 11, 21}: {"土曜日", "Saturday"},
		{2026, 9, 22}:  {"休日", "a public holiday"},
		{2049, 9, 21}:  {"国民の休日", "a citizens' holiday"},
	} {
		if got := x.Why(d); got != want {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
	if got := bank.Why(Date{2026, 12, 31}); got.JA != "銀行の休業日" {
		t.Errorf("got %v", got)
	}
}

// TestLawEqualsTheTable holds what is computed for later years against what was published.
func TestLawEqualsTheTable(t *testing.T) {
	table := japaneseTable(t)
	law := byLaw()
	for d := (Date{2016, 1, 1}); d.Year <= 2030; d = d.AddDays(1) {
		_, published := table[d.String()]
		if _, computed := law.find(d.day()); computed != published {
			t.Errorf("%v: computed %v, published %v", d, computed, published)
		}
	}
	// The other way to ask rickar/cal, until its 国民の休日 end.
	c := cal.NewBusinessCalendar()
	c.AddHoliday(jp.Holidays...)
	for d := (Date{2016, 1, 1}); d.Year <= 2034; d = d.AddDays(1) {
		_, want, _ := c.IsHoliday(time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC))
		actual, _, _ := c.IsHoliday(time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC))
		if _, got := law.find(d.day()); got != (want || actual) {
			t.Errorf("%v: computed %v, rickar/cal %v", d, got, want || actual)
		}
	}
	// Two 国民の休日 that rickar/cal doesn't know.
	for _, d := range []Date{{2049, 9, 21}, {2060, 9, 21}} {
		if _, ok := law.find(d.day()); !ok {
			t.Errorf("%v lies between two holidays", d)
		}
	}
}

func TestOtherCountries(t *testing.T) {
	x := days(t, DaysOptions{Country: "US"})
	c := cal.NewBusinessCalendar()
	c.AddHoliday(us.Holidays...)
	for d := (Date{2020, 1, 1}); d.Year < 2037; d = d.AddDays(1) {
		if want := c.IsWorkday(time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC)); x.IsOpen(d) != want {
			t.Errorf("%v: open %v, want %v", d, x.IsOpen(d), want)
		}
	}
	if got := x.Why(Date{2026, 7, 3}); got.EN != "Independence Day" {
		t.Errorf("3 July 2026 is %q", got.EN)
	}
	if !x.KnownUntil().IsZero() {
		t.Errorf("computed holidays have no end, but %v", x.KnownUntil())
	}
	for _, code := range Countries() {
		x := days(t, DaysOptions{Country: code})
		closed := 0
		for d := (Date{2026, 1, 1}); d.Year == 2026; d = d.AddDays(1) {
			if !x.IsOpen(d) {
				closed++
			}
		}
		if code != "none" && closed < 108 || closed > 130 {
			t.Errorf("%s closes %d days of 2026", code, closed)
		}
	}
	for code, want := range map[string]string{"cn": "中国", "th": "タイ", "kr": "closed", "jpn": "jp", "usa": "us（アメリカ）", "": "jp-bank", "au": "au-nsw", "japan\r\n": "jp"} {
		_, probs := NewDays(DaysOptions{Country: code})
		if len(probs) != 1 || probs[0].Key != "country" || !strings.Contains(probs[0].What.JA+probs[0].Next.JA, want) {
			t.Errorf("%q: %+v", code, probs)
		}
	}
}

func TestCompanyDays(t *testing.T) {
	x := days(t, DaysOptions{Country: "jp", Closed: ranges(t, "12/29〜1/3", "2026-08-13〜2026-08-14"), Open: ranges(t, "2026-11-23", "12/30")})
	for d, open := range map[Date]bool{
		{2026, 12, 28}: true, {2026, 12, 29}: false, {2026, 12, 30}: true, {2026, 12, 31}: false, {2028, 1, 3}: false, {2027, 1, 4}: true, {2000, 1, 3}: false,
		{2026, 8, 13}: false, {2027, 8, 13}: true, {2026, 11, 23}: true, {2149, 12, 31}: false, {2300, 1, 3}: true, {1990, 12, 29}: false,
	} {
		if x.IsOpen(d) != open {
			t.Errorf("%v is open: %v", d.Long(English), x.IsOpen(d))
		}
	}
	if got := x.Why(Date{2026, 12, 29}); got.JA != "休業日" {
		t.Errorf("got %v", got)
	}
	bank := days(t, DaysOptions{Country: "jp-bank", Closed: ranges(t, "12/30〜1/4")})
	for d, want := range map[Date]string{{2026, 12, 30}: "休業日", {2027, 1, 4}: "休業日", {2027, 1, 5}: ""} {
		if got := bank.Why(d); got.JA != want {
			t.Errorf("%v: %q, want %q", d, got.JA, want)
		}
	}
	if d, ok := x.Add(Date{2026, 12, 28}, 1); !ok || d != (Date{2026, 12, 30}) {
		t.Errorf("the business day after 12/28 is %v", d)
	}
	if d, ok := x.Add(Date{2027, 1, 2}, -2); !ok || d != (Date{2026, 12, 28}) {
		t.Errorf("two business days before 1/2 is %v", d)
	}
	if d, ok := x.OnOrBefore(Date{2026, 12, 31}); !ok || d != (Date{2026, 12, 30}) {
		t.Errorf("on or before 12/31: %v", d)
	}
	if d, ok := x.OnOrAfter(Date{2026, 12, 31}); !ok || d != (Date{2027, 1, 4}) {
		t.Errorf("on or after 12/31: %v", d)
	}
	if d, ok := x.Add(Date{2026, 12, 31}, 0); !ok || d != (Date{2026, 12, 31}) {
		t.Errorf("no business day on: %v", d)
	}
	long := closedFor(t, "2026-02-01〜2028-11-30")
	if d, ok := long.Add(Date{2026, 2, 10}, 1); ok {
		t.Errorf("a business day in a closing of three years: %v", d)
	}
	for key, o := range map[string]DaysOptions{
		"closed": {Country: "none", Closed: ranges(t, "2026-08-13〜2062-08-14")},
		"open":   {Country: "none", Open: []Range{{Date{2026, 2, 30}, Date{2026, 3, 1}}}},
	} {
		if x, probs := NewDays(o); x != nil || len(probs) != 1 || probs[0].Key != key {
			t.Errorf("%s: %v", key, probs)
		}
	}
	if _, probs := NewDays(DaysOptions{Country: "none", Closed: []Range{{Date{2026, 2, 3}, Date{0, 2, 4}}, {Date{2026, 2, 3}, Date{2026, 2, 2}}, {Date{0, 2, 30}, Date{0, 3, 1}}}}); len(probs) != 3 {
		t.Errorf("three wrong ranges give %v", probs)
	}
}

func TestParseHolidays(t *testing.T) {
	official, err := os.ReadFile("syukujitsu.csv")
	if err != nil {
		t.Fatal(err)
	}
	// As the Cabinet Office publishes it: CP932, CRLF, from 1955 on, no comment.
	_, rows, _ := strings.Cut(string(official), "休日名称\n")
	file := "国民の祝日・休日月日,国民の祝日・休日名称\n1955/1/1,元日\n1955/11/23,勤労感謝の日\n" + rows
	cp932, err := japanese.ShiftJIS.NewEncoder().String(strings.ReplaceAll(file, "\n", "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := embedded()
	if want.first != 2016 || want.last != 2027 {
		t.Fatalf("the embedded table knows %d to %d", want.first, want.last)
	}
	for name, b := range map[string][]byte{"cp932": []byte(cp932), "bom": append([]byte("\xef\xbb\xbf"), file...)} {
		h, err := ParseHolidays(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if h.first != 2016 || h.last != 2027 || len(h.list) != len(want.list) || h.list[0] != want.list[0] {
			t.Errorf("%s: %d to %d, %d days", name, h.first, h.last, len(h.list))
		}
	}
	replaced, err := ParseHolidays([]byte("国民の祝日・休日月日,国民の祝日・休日名称\n2028/1/1,元日\n2028/11/3,文化の日\n2028/12/1,創業の日\n"))
	if err != nil {
		t.Fatal(err)
	}
	x := days(t, DaysOptions{Country: "jp", Holidays: replaced})
	for d, open := range map[Date]bool{{2028, 12, 1}: false, {2028, 2, 11}: true, {2026, 11, 23}: false, {2029, 1, 1}: false} {
		if x.IsOpen(d) != open {
			t.Errorf("%v is open: %v", d, x.IsOpen(d))
		}
	}
	if x.KnownUntil() != (Date{2028, 12, 31}) || x.Why(Date{2028, 12, 1}).JA != "創業の日" {
		t.Errorf("known until %v, 12/1 is %v", x.KnownUntil(), x.Why(Date{2028, 12, 1}))
	}
	older, err := ParseHolidays([]byte("国民の祝日・休日月日,国民の祝日・休日名称\n2026/1/1,元日\n2026/11/3,文化の日\n"))
	if err != nil {
		t.Fatal(err)
	}
	x = days(t, DaysOptions{Country: "jp", Holidays: older})
	if !x.IsOpen(Date{2026, 11, 23}) || x.IsOpen(Date{2027, 11, 23}) || x.KnownUntil() != (Date{2027, 12, 31}) {
		t.Error("the given table doesn't win in its own year, or loses the others")
	}
	head := "国民の祝日・休日月日,国民の祝日・休日名称\n"
	for name, s := range map[string]string{
		"empty": "", "only a head": head, "no head": "2026/1/1,元日\n2026/11/3,文化の日\n", "cut short": file[:strings.Index(file, "2027/5/")],
		"no date": head + "2026/13/1,元日\n", "no name": head + "2026/1/1,\n", "one column": head + "2026/1/1\n", "order": head + "2026/11/3,文化の日\n2026/1/1,元日\n",
		"twice": head + "2026/1/1,元日\n2026/1/1,元日\n2026/11/3,文化の日\n", "binary": "\x00\xff\xfe\x80\x81", "html": "<html><body>Not found</body></html>", "quote": head + "2026/1/1,\"元日\n",
		"gap": head + "2024/1/1,元日\n2024/11/3,文化の日\n2026/1/1,元日\n2026/11/3,文化の日\n",
	} {
		h, err := ParseHolidays([]byte(s))
		p, ok := errors.AsType[*Problem](err)
		if h != nil || !ok || p.What.JA == "" || p.Next.JA == "" || !strings.HasPrefix(p.Error(), "couldn't read the table of holidays: ") {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
	if !bytes.Contains(syukujitsu, []byte("cao.go.jp")) {
		t.Error("the embedded table doesn't name its origin")
	}
}

// TestDaysAreShared makes many of them at once, as a reload beside a running daemon does; the race detector looks on.
func TestDaysAreShared(t *testing.T) {
	shared := days(t, DaysOptions{Country: "jp", Closed: ranges(t, "12/29〜1/3")})
	var wg sync.WaitGroup
	for i, code := range []string{"jp", "jp-bank", "us", "gb", "de-by", "jp", "us", "fr"} {
		wg.Go(func() {
			x := days(t, DaysOptions{Country: code})
			s := schedule(t, "毎月25日 10:00 休みなら前営業日", shared, time.UTC)
			d := Date{2020 + i, 1, 1}
			for range 400 {
				if x.IsOpen(d) && !shared.IsOpen(d) {
					shared.Why(d)
				}
				d = d.AddDays(1)
			}
			s.Due(Date{2026, 1, 1}.At(Clock{}, time.UTC), Date{2027, 1, 1}.At(Clock{}, time.UTC))
		})
	}
	wg.Wait()
}
