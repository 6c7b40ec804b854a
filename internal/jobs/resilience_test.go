package jobs

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// broken is a matter that can't be worded: what a later version, or a damaged row, might bring.
func brokenMatter() matter {
	return matter{what: whatPerson, run: ledger.Run{ID: 9, Number: "R2611-0009"}, messages: []ledger.Message{{
		Number: "2611-0044", Holds: []ledger.Hold{{Reason: ledger.Person, Text: "x", By: ledger.Who{Name: "sato"}}}}}}
}

func TestOneItemThatCantBeWordedLosesNeitherSummaryNorNotice(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	w := d.world("summary", "2026-11-24", tokyo(2026, 11, 24, 17, 0))
	e := &edition{w: w, l: calendar.Japanese}
	got := e.item(3, brokenMatter(), func() (int, bool) { return 0, false }).text(e.l)
	if !strings.HasPrefix(got, "3. 番号 2611-0044") {
		t.Errorf("the item is %q", got)
	}
	d.view(func(v *ledger.View) error {
		m, err := noticeOf(d.c, v, brokenMatter(), d.c.People["sato"], "notice/person/2611-0044/x", d.now)
		if err != nil || !strings.Contains(m.Subject, "2611-0044") {
			t.Errorf("the notice is %q, %v", m.Subject, err)
		}
		return nil
	})
	e = &edition{w: w, l: calendar.Japanese, records: map[int64]summaryRecord{}, readers: []*config.Person{d.c.People["sato"]}}
	e.try("the days ahead", "これからの予定", func() error { panic("a kind of a later version") })
	_, words := e.words(d.c.People["sato"])
	if !strings.Contains(words.text(), "このまとめに入っていません：これからの予定") {
		t.Errorf("what is missing is not said:\n%s", words.text())
	}
}

func TestEachReaderSeesTheirOwnMattersFirst(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0)) // waits for 田中
	d.remove("請求書/2026-11/minato-0044.pdf")
	d.run("hosting-minato", "2026-11", tokyo(2026, 11, 24, 10, 0)) // waits for 佐藤
	got := d.summaryAt(tokyo(2026, 11, 24, 17, 0))
	for reader, first := range map[string]string{"tanaka": "1. アクメ商事", "sato": "1. みなと物産"} {
		if !strings.Contains(got[reader], first) || !strings.Contains(got[reader], "要対応2件") {
			t.Errorf("%s's copy does not begin with %s:\n%s", reader, first, got[reader])
		}
	}
}

func TestMoreThanEightJobsThatWentWellAreFolded(t *testing.T) {
	var toml strings.Builder
	toml.WriteString(realMail + "\n[summary]\nto = \"sato\"\nat = \"17:00\"\n")
	for i := range 12 {
		toml.WriteString(fmt.Sprintf("[job.n%d]\nkind = \"send\"\ntitle = \"お知らせ%d\"\nwhen = \"毎営業日 9:30\"\nto = \"ogawa\"\nletter = \"letters/b.txt\"\n", i, i))
	}
	d := newDesk(t, toml.String(), monthFiles(), tokyo(2026, 11, 24, 8, 0))
	for i := range 12 {
		d.run(fmt.Sprintf("n%d", i), "2026-11-24", tokyo(2026, 11, 24, 9, 30))
	}
	d.deliver(tokyo(2026, 11, 24, 9, 30), mailer.Sent, "250 ok")
	got := d.summaryAt(tokyo(2026, 11, 24, 17, 0))["sato"]
	if strings.Count(got, "・ 9:30 お知らせ") != 8 || !strings.Contains(got, "ほか4件も完了") || !strings.Contains(got, "完了12件") {
		t.Errorf("not folded:\n%s", got)
	}
}

func TestANewReaderGetsWhatTheOthersGet(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	d.run("orders", "2026-11-24", tokyo(2026, 11, 24, 9, 30))
	d.deliver(tokyo(2026, 11, 24, 9, 30), mailer.Sent, "250 ok")
	d.summaryAt(tokyo(2026, 11, 24, 17, 0))
	d.deliver(tokyo(2026, 11, 24, 17, 0), mailer.Sent, "250 ok")
	d.run("orders", "2026-11-25", tokyo(2026, 11, 25, 9, 30))
	d.deliver(tokyo(2026, 11, 25, 9, 30), mailer.Sent, "250 ok")
	s := d.c.Job("summary").Spec.(*summarySpec)
	s.To = append(s.To, config.Addressee{Person: d.c.People["ogawa"]})
	got := d.summaryAt(tokyo(2026, 11, 25, 17, 0))["ogawa"]
	if strings.Count(got, "発注状況のお知らせ") != 1 {
		t.Errorf("the new reader's copy:\n%s", got)
	}
}

func TestAnUnknownSummaryIsToldToTheAdmins(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	d.summaryAt(tokyo(2026, 11, 24, 17, 0))
	d.deliver(tokyo(2026, 11, 24, 17, 0), mailer.Unknown, "")
	got := d.notices(tokyo(2026, 11, 24, 17, 1))
	if len(got) != 2 { // one for each reader's copy, both to sato
		t.Fatalf("got %d notices:\n%s", len(got), strings.Join(got, "\n"))
	}
	golden(t, "notice-summary-unknown-ja", got[0])
	for _, n := range got {
		if strings.Contains(n, "bod resend") || !strings.HasPrefix(n, "宛先：佐藤") {
			t.Errorf("a summary is never sent again, and its admin has to know:\n%s", n)
		}
	}
}

func TestPreviewNeedsNoLedger(t *testing.T) {
	o := newOffice(t, monthJobs, monthFiles())
	w := o.world("summary", "2026-11-24", tokyo(2026, 11, 23, 12, 0))
	ms, missing, _, err := Preview(t.Context(), w)
	if err != nil || len(ms) != 2 || len(missing) != 0 {
		t.Fatalf("%d messages, missing %v, %v", len(ms), missing, err)
	}
	s, err := showMessage(ms[0].Body)
	if err != nil || !strings.Contains(s.text, "佐藤さん、田中さん") {
		t.Errorf("%v\n%s", err, s.text)
	}
	if s.text[strings.Index(s.text, "あす"):][:len("あす 11/25")] != "あす 11/25" {
		t.Errorf("looked at a day before, its tomorrow is another:\n%s", s.text)
	}
	w = o.world("report", "2026-11", tokyo(2026, 11, 24, 17, 0))
	if ms, missing, _, err := Preview(t.Context(), w); err != nil || len(ms) != 0 || len(missing) != 1 {
		t.Errorf("%d messages, missing %v, %v", len(ms), missing, err)
	}
}

func TestRestAgesInBusinessDays(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 20, 8, 0))
	d.remove("請求書/2026-11/acme-0042.pdf")
	// The 23rd is a holiday: Friday the 20th is the first day, Tuesday the 24th the second.
	d.run("hosting-acme", "2026-11", tokyo(2026, 11, 20, 10, 0))
	w := d.world("summary", "2026-11-24", tokyo(2026, 11, 24, 17, 0))
	e := &edition{w: w, l: calendar.Japanese, day: calendar.Date{Year: 2026, Month: time.November, Day: 24}}
	if n := e.age("2026-11-20"); n != 2 {
		t.Errorf("day %d, want 2", n)
	}
	e.day = calendar.Date{Year: 2026, Month: time.November, Day: 26}
	if n := e.age("2026-11-20"); n != 4 {
		t.Errorf("day %d, want 4", n)
	}
}

func TestKeyHeaderCanBeReadBack(t *testing.T) {
	for _, key := range []string{"hosting-acme/2026-11/acme", "請求書/2026-11/a@b.example#2", "x/2026-11-25T09:30/all"} {
		h := headerKey(key)
		for _, r := range h {
			if r <= ' ' || r > '~' {
				t.Errorf("%s: %q may not stand in a header", key, r)
			}
		}
		if got, err := url.PathUnescape(h); err != nil || got != key {
			t.Errorf("%s reads back as %s, %v", key, got, err)
		}
	}
}
