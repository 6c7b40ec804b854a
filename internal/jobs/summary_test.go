package jobs

import (
	"mime"
	"net/mail"
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

func parseFrom(s string) (string, error) {
	a, err := (&mail.AddressParser{WordDecoder: new(mime.WordDecoder)}).Parse(s)
	if err != nil {
		return "", err
	}
	return a.Name + " <" + a.Address + ">", nil
}

// monthJobs is a small office of five duties.
const monthJobs = `
[summary]
to = ["sato", "tanaka"]
at = "17:00"

[job.hosting-acme]
kind = "send"
title = "アクメ商事 ホスティング請求書"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
prepare = "1営業日前"
about = "当月"
to = ["acme"]
attach = ["請求書/{about.folder}/acme-*.pdf"]
letter = "letters/a.txt"
confirm = { by = ["tanaka"], count = 1 }

[job.hosting-minato]
kind = "send"
title = "みなと物産 ホスティング請求書"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
prepare = "1営業日前"
about = "当月"
to = ["minato"]
attach = ["請求書/{about.folder}/minato-*.pdf"]
letter = "letters/a.txt"
confirm = { by = ["tanaka"], count = 1 }

[job.orders]
kind = "send"
title = "発注状況のお知らせ"
owner = "ogawa"
when = "毎営業日 9:30"
to = ["ogawa", "sato"]
letter = "letters/b.txt"

[job.report]
kind = "send"
title = "月次レポート"
owner = "sato"
when = "毎月最終営業日 16:00"
about = "当月"
to = ["tanaka"]
attach = ["レポート/売上_{about.compact}.xlsx"]
letter = "letters/c.txt"
`

func monthFiles() map[string]string {
	return map[string]string{
		"letters/a.txt":               officeLetter,
		"letters/b.txt":               "件名：発注状況\n\n{宛名}\n\nお疲れさまです。\n",
		"letters/c.txt":               "件名：{対象月} 月次レポート\n\n{宛名}\n\n{添付一覧}\n",
		"請求書/2026-11/acme-0042.pdf":   goodPDF + "acme",
		"請求書/2026-11/minato-0044.pdf": goodPDF + "minato",
	}
}

// realMail is the head with a mail server, so that the ledger is a real one.
var realMail = strings.Replace(officeHead, "[mail]\n", "[mail]\nserver = \"smtp://mail.aozora.example:587\"\n", 1)

// TestSummaryOfFourDays lives through four days: a day with something held, the day after with the same matter, a
// quiet day, and the Monday after.
func TestSummaryOfFourDays(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))

	// Tuesday: a first summary, with tomorrow's invoices prepared and one confirmed.
	d.run("orders", "2026-11-24", tokyo(2026, 11, 24, 9, 30))
	d.deliver(tokyo(2026, 11, 24, 9, 30), mailer.Sent, "250 ok")
	acme := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
	minato := d.run("hosting-minato", "2026-11", tokyo(2026, 11, 24, 10, 0))
	d.confirm(acme.ID, "tanaka", tokyo(2026, 11, 24, 15, 42))
	first := d.summaryAt(tokyo(2026, 11, 24, 17, 0))
	golden(t, "summary-first-ja", first["sato"])
	d.deliver(tokyo(2026, 11, 24, 17, 0), mailer.Sent, "250 ok")

	// Wednesday: Acme's goes out, Minato's is held by a person.
	d.now = tokyo(2026, 11, 25, 9, 0)
	d.update(func(tx *ledger.Tx) error {
		for _, m := range d.messages(minato.ID) {
			if err := tx.Hold(m.ID, ledger.Check, "PDFの金額が受注一覧と合いません（受注一覧 198,000円、PDF 189,000円）"); err != nil {
				return err
			}
		}
		return nil
	})
	d.run("orders", "2026-11-25", tokyo(2026, 11, 25, 9, 30))
	d.deliver(tokyo(2026, 11, 25, 9, 30), mailer.Sent, "250 ok")
	d.deliver(tokyo(2026, 11, 25, 10, 0), mailer.Sent, "250 ok")
	held := d.summaryAt(tokyo(2026, 11, 25, 17, 0))
	golden(t, "summary-held-ja", held["sato"])
	goldenHTML(t, "summary-held-ja", d.summaryHTML("sato"))
	d.deliver(tokyo(2026, 11, 25, 17, 0), mailer.Sent, "250 ok")

	// Thursday: nobody had the time yet.
	d.run("orders", "2026-11-26", tokyo(2026, 11, 26, 9, 30))
	d.deliver(tokyo(2026, 11, 26, 9, 30), mailer.Sent, "250 ok")
	second := d.summaryAt(tokyo(2026, 11, 26, 17, 0))
	golden(t, "summary-second-day-ja", second["tanaka"])
	goldenHTML(t, "summary-second-day-ja", d.summaryHTML("tanaka"))
	if strings.Count(second["sato"], "受注一覧") != 0 || !strings.Contains(second["sato"], "（2日目）") {
		t.Errorf("the second day tells the whole matter again:\n%s", second["sato"])
	}
	// This one's answer is lost: nobody knows whether it came.
	d.deliver(tokyo(2026, 11, 26, 17, 0), mailer.Unknown, "")

	// Friday: mended and sent; quiet, but for the summary that may not have come.
	d.now = tokyo(2026, 11, 27, 9, 0)
	d.update(func(tx *ledger.Tx) error {
		for _, m := range d.messages(minato.ID) {
			if err := tx.Lift(m.ID, ledger.Check); err != nil {
				return err
			}
		}
		return nil
	})
	d.confirm(minato.ID, "tanaka", tokyo(2026, 11, 27, 9, 10))
	d.run("orders", "2026-11-27", tokyo(2026, 11, 27, 9, 30))
	d.deliver(tokyo(2026, 11, 27, 9, 30), mailer.Sent, "250 ok")
	d.write("レポート/売上_202611.xlsx", zipOf(t, "xl/workbook.xml"))
	d.run("report", "2026-11", tokyo(2026, 11, 27, 16, 0))
	quiet := d.summaryAt(tokyo(2026, 11, 27, 17, 0))
	golden(t, "summary-after-unknown-ja", quiet["sato"])
	for _, want := range []string{"まとめ #3 11/26(木) が届いたか分かりません", "佐藤さん、田中さん宛て", "みなと物産"} {
		if !strings.Contains(quiet["sato"], want) {
			t.Errorf("after an unknown one, %q is missing:\n%s", want, quiet["sato"])
		}
	}
	d.deliver(tokyo(2026, 11, 27, 17, 0), mailer.Sent, "250 ok")

	// Monday: everything is well.
	d.run("orders", "2026-11-30", tokyo(2026, 11, 30, 9, 30))
	d.deliver(tokyo(2026, 11, 30, 9, 30), mailer.Sent, "250 ok")
	d.deliver(tokyo(2026, 11, 30, 16, 0), mailer.Sent, "250 ok")
	monday := d.summaryAt(tokyo(2026, 11, 30, 17, 0))
	golden(t, "summary-quiet-ja", monday["sato"])
	goldenHTML(t, "summary-quiet-ja", d.summaryHTML("sato"))
	if !strings.Contains(monday["sato"], "対応していただくことはありません。") {
		t.Error("a quiet day is not said to be one")
	}
}

// The sentence that is enough for most days is right for one as for many.
func TestOutcomeInEnglish(t *testing.T) {
	e := &edition{l: calendar.English}
	for _, tt := range []struct {
		tl   tally
		open int
		want string
	}{
		{tally{today: true, due: 1}, 1, "Today's duties: 0 of 1 done.\n1 matter needs a person."},
		{tally{today: true, due: 2, done: 1, open: 1}, 1, "Today's duties: 1 of 2 done, 1 on hold."},
		{tally{today: true, due: 1, open: 1}, 1, "Today's duties: 1 on hold."},
		{tally{due: 3, done: 1}, 0, "The duties since the last summary: 1 of 3 done.\nNothing needs you."},
		{tally{today: true}, 3, "There were no duties.\n3 matters need a person."},
	} {
		if got := e.outcome(tt.tl, make([]matter, tt.open)); got != tt.want {
			t.Errorf("%+v with %d open: %q, want %q", tt.tl, tt.open, got, tt.want)
		}
	}
}
