package daemon

import (
	"strings"
	"testing"

	"bod/internal/ledger"
)

const salesReport = `
[source.sales]
file = "sales.csv"
[job.sales]
kind = "report"
title = "Sales"
owner = "sato"
when = "毎月最終営業日 16:00"
prepare = "1 business day before"
about = "this month"
to = ["tanaka"]
source = "sales"
date = "day"
group = "who"
total = ["amount = n * price"]
sort = ["amount desc"]
chart = "amount"
attach_as = "sales_{about.compact}.xlsx"
`

const salesList = "day,who,n,price\n2026-10-05,Ogawa,2,100\n2026-10-09,Mori,1,500\n2026-10-20,Ogawa,3,100\n2026-11-04,Ogawa,9,100\n2026-11-09,Takagi,1,250.5\n"

// TestReportTellsWhatChanged: the first report has nothing to compare with, the second one says what changed since the
// first that was done; and nothing of it hangs on the run that is prepared twice.
func TestReportTellsWhatChanged(t *testing.T) {
	d := newDesk(t, "10-29 09:00", head+salesReport)
	d.write("sales.csv", salesList)
	d.to("10-30 17:00")
	first := d.only("sales", "2026-10")
	if first.State != ledger.StateSent || d.run("sales", "2026-10").Said != "3 rows, amount 1,000" {
		t.Fatalf("%s, %q", first.State, d.run("sales", "2026-10").Said)
	}
	for _, want := range []string{"There is no earlier report to compare with.", "1. Ogawa  Count: 2  amount: 500\n2. Mori  Count: 1  amount: 500\n", "sales_202610.xlsx"} {
		if !strings.Contains(d.text(first), want) {
			t.Errorf("the first lacks %q:\n%s", want, d.text(first))
		}
	}
	d.to("11-30 17:00")
	second := d.only("sales", "2026-11")
	for _, want := range []string{"amount: 1,150.5 (last time 1,000.0, +150.5, +15.1%)", "Rows:   2 (last time 3, -1, -33.3%)", "1. Ogawa  Count: 1 (-1, -50.0%)  amount: 900.0 (+400.0, +80.0%)",
		"2. Takagi (new)  Count: 1  amount: 250.5", "There last time, and not now\n- Mori: 1 row, amount 500.0", "the last report (October 2026)"} {
		if !strings.Contains(d.text(second), want) {
			t.Errorf("the second lacks %q:\n%s", want, d.text(second))
		}
	}
	// Sent a second time on purpose, it is compared with the month before and not with itself.
	d.must("sato", "do", "it was lost", Request{Job: "sales", Period: "2026-11", Again: true})
	d.to("11-30 18:00")
	ms := d.letters(d.run("sales", "2026-11").ID)
	if len(ms) != 2 || !strings.Contains(d.text(ms[1]), "the last report (October 2026)") {
		t.Errorf("%d messages; the second:\n%s", len(ms), d.text(ms[len(ms)-1]))
	}
	d.verified()
}

// TestReportOfAnotherQuestion: figures that mean something else are not compared.
func TestReportOfAnotherQuestion(t *testing.T) {
	d := newDesk(t, "10-29 09:00", head+salesReport)
	d.write("sales.csv", salesList)
	d.to("10-30 17:00")
	d.restart("11-20 09:00", head+strings.Replace(salesReport, "n * price", "price", 1))
	d.to("11-30 17:00")
	if text := d.text(d.only("sales", "2026-11")); !strings.Contains(text, "What is counted was changed") || strings.Contains(text, "last time") {
		t.Error(text)
	}
}

// TestReportWhoseRowsChange: between the confirmation and the due moment the rows are compared again; what somebody
// confirmed is what goes out, or it is asked about anew.
func TestReportWhoseRowsChange(t *testing.T) {
	d := newDesk(t, "11-26 09:00", head+salesReport+"confirm = { by = [\"mori\"], count = 1 }\n")
	d.write("sales.csv", salesList)
	d.to("11-27 16:30")
	first := d.only("sales", "2026-11")
	d.must("mori", "confirm", "", Request{Run: d.run("sales", "2026-11").Number, Set: d.set(first.Run)})
	// The same rows, saved again with another line end: the same report.
	d.write("sales.csv", strings.ReplaceAll(salesList, "\n", "\r\n"))
	d.to("11-28 10:00")
	if m := d.only("sales", "2026-11"); m.ID != first.ID || reasons(m) != "not due" {
		t.Errorf("the same rows: %s %s", m.Number, reasons(m))
	}
	d.write("sales.csv", strings.Replace(salesList, "250.5", "999", 1))
	d.to("11-29 10:00")
	second := d.only("sales", "2026-11")
	if second.ID == first.ID || !strings.Contains(reasons(second), "confirmation") {
		t.Errorf("other rows: %s %s", second.Number, reasons(second))
	}
	d.to("11-30 17:00")
	if m := d.only("sales", "2026-11"); m.State != ledger.StateHeld {
		t.Errorf("without a yes it is %s", m.State)
	}
	d.must("mori", "confirm", "", Request{Run: d.run("sales", "2026-11").Number, Set: d.set(second.Run)})
	d.to("11-30 18:00")
	if m := d.only("sales", "2026-11"); m.State != ledger.StateSent || !strings.Contains(d.text(m), "1. Takagi  Count: 1  amount: 999") {
		t.Errorf("%s:\n%s", m.State, d.text(m))
	}
	d.verified()
}

// TestReportWaits: a table that is gone or suddenly half as long is never a short report.
func TestReportWaits(t *testing.T) {
	d := newDesk(t, "10-29 09:00", head+salesReport)
	long := salesList + strings.Repeat("2026-09-01,Ogawa,1,1\n", 40)
	d.write("sales.csv", long)
	d.to("10-30 17:00")
	d.write("sales.csv", salesList)
	d.to("11-30 17:00")
	r := d.run("sales", "2026-11")
	if r.State != ledger.RunWaiting || len(r.Reasons) == 0 || !strings.Contains(r.Reasons[0].Text, "had 45 before") || len(d.letters(r.ID)) != 0 {
		t.Fatalf("half of the rows: %s %v", r.State, r.Reasons)
	}
	d.write("sales.csv", long+"2026-11-30,Ogawa,1,1\n")
	d.to("11-30 18:00")
	if m := d.only("sales", "2026-11"); m.State != ledger.StateSent {
		t.Errorf("with all rows it is %s", m.State)
	}
}
