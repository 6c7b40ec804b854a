package jobs

import (
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// mornings are the readers' copies of a morning.
func (d *desk) mornings(period string, hour, minute int) map[string]string {
	d.t.Helper()
	day, p := calendar.ParseDate(period)
	if p != nil {
		d.t.Fatal(p)
	}
	r := d.run(config.MorningName, period, tokyo(day.Year, day.Month, day.Day, hour, minute))
	out := map[string]string{}
	for _, m := range d.messages(r.ID) {
		s := d.body(m)
		out[m.Part] = "件名：" + m.Subject + "\n\n" + s.text
		house(d.t, d.c.Language, m.Subject, s.text)
		noCommands(d.t, d.dir, s.text)
		holdHTML(d.t, d.c.Language, s.text, d.html(m))
		if m.Class != ledger.ClassSummary || len(m.Holds) != 0 && m.Holds[0].Reason != ledger.NotDue {
			d.t.Errorf("%s is of class %s, held %v", m.Number, m.Class, m.Holds)
		}
	}
	return out
}

func TestMorning(t *testing.T) {
	both(t, func(t *testing.T, l calendar.Language, toml string, files map[string]string) {
		toml = strings.Replace(toml, `at = "17:00"`, "at = \"17:00\"\nmorning = \"8:45\"", 1)
		d := newDesk(t, toml, files, tokyo(2026, 11, 24, 8, 0))
		if got := d.mornings("2026-11-24", 8, 45); len(got) != 0 {
			t.Errorf("nothing is missing today, and it was told: %v", got)
		}
		// Acme's waits for a yes, Minato's for a file, the daily one is well.
		d.remove(invoiceOf(l, "2026-11/minato-0044.pdf"))
		d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
		d.run("hosting-minato", "2026-11", tokyo(2026, 11, 24, 10, 0))
		got := d.mornings("2026-11-25", 8, 45)
		if len(got) != 2 {
			t.Fatalf("%d copies", len(got))
		}
		golden(t, "morning-"+string(l), got["sato"]+"\n=====\n"+got["tanaka"])
		goldenHTML(t, "morning-"+string(l), d.html(d.messages(d.runOf(config.MorningName, "2026-11-25").ID)[0]))
		minato, acme := "みなと物産", "アクメ商事"
		if l == calendar.English {
			minato, acme = "Minato", "Acme"
		}
		for reader, own := range map[string][2]string{"sato": {minato, acme}, "tanaka": {acme, minato}} {
			if strings.Index(got[reader], own[0]) > strings.Index(got[reader], own[1]) {
				t.Errorf("%s does not see their own first:\n%s", reader, got[reader])
			}
		}
		// The evening's summary counts no duty for it.
		d.deliver(tokyo(2026, 11, 25, 8, 46), mailer.Sent, "250 ok")
		s := d.summaryAt(tokyo(2026, 11, 25, 17, 0))["sato"]
		for _, not := range []string{"朝のお知らせ", "Morning notice"} {
			if strings.Contains(s, not) {
				t.Errorf("the summary tells of the morning notice:\n%s", s)
			}
		}
	})
}
