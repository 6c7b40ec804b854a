package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bod/internal/ledger"
)

// nightly is the summary of an office with orders.
const nightly = `
[summary]
to = ["sato"]
at = "17:00"
`

// finding is the newest finding about a row.
func (d *desk) finding(label string) (out ledger.Finding) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		for f, err := range v.Findings(ledger.FindingQuery{}) {
			if err != nil {
				return err
			}
			if f.Label == label {
				out = f
			}
		}
		return nil
	})
	return out
}

// TestWatchAcceptedForATime: when the time agreed is over it is told again, with how it was settled.
func TestWatchAcceptedForATime(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.write("orders.csv", orderList)
	d.to("11-20 12:00")
	number := d.finding("A-1").Number
	d.must("mori", "accept", "half of it comes later", Request{Findings: []string{number}, Until: at(t, "11-27 00:00")})
	d.to("11-26 12:00")
	if got := d.findings(); got != "A-1 accepted" {
		t.Fatal(got)
	}
	d.to("11-27 12:00")
	ms := d.sealedOn("2026-11-27")
	if got := d.findings(); got != "A-1 told" || len(ms) != 1 || !strings.Contains(d.text(ms[0]), "half of it comes later") {
		t.Errorf("%s, %d messages", got, len(ms))
	}
	d.verified()
}

// TestWatchTakenBack: what was accepted by mistake is told at the next look, and is no precedent.
func TestWatchTakenBack(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.write("orders.csv", orderList)
	d.to("11-20 12:00")
	number := d.finding("A-1").Number
	d.refused("sato", "take-back", "it is not", Request{Findings: []string{number}})
	d.must("mori", "accept", "a reason that was none", Request{Findings: []string{number}})
	d.refused("sato", "take-back", "", Request{Findings: []string{number}})
	d.must("sato", "take-back", "the customer called", Request{Findings: []string{number}})
	d.to("11-24 12:00")
	ms := d.sealedOn("2026-11-24")
	if got := d.findings(); got != "A-1 told" || len(ms) != 1 || strings.Contains(d.text(ms[0]), "left as it is before") {
		t.Errorf("%s, %d messages", got, len(ms))
	}
	d.write("orders.csv", strings.Replace(orderList, "A-1,Notebook,open", "A-1,Notebook,done", 1))
	d.to("11-25 12:00")
	d.refused("sato", "accept", "late", Request{Findings: []string{number}})
	d.verified()
}

// TestWatchIsNoFoolOfItsTable: a row that is gone is over, and nobody is thanked for it; a table that is gone, or has
// suddenly half its rows, says nothing of any row.
func TestWatchIsNoFoolOfItsTable(t *testing.T) {
	var more strings.Builder
	for i := 4; i <= 30; i++ {
		more.WriteString(fmt.Sprintf("A-%d,Cable,done,2026-11-02,mori@aozora.example,1\n", i))
	}
	d := newDesk(t, "11-20 09:00", head+orders+nightly)
	d.write("orders.csv", orderList+more.String())
	d.to("11-20 12:00")
	for _, c := range []struct{ until, period, table string }{
		{"11-24 12:00", "2026-11-24", ""},        // nothing but an empty file
		{"11-25 12:00", "2026-11-25", orderHead}, // no row is left
		{"11-26 12:00", "2026-11-26", orderHead + more.String()[:strings.Index(more.String(), "A-12")]}, // a third of them
	} {
		d.write("orders.csv", c.table)
		d.to(c.until)
		if r := d.run("orders", c.period); r.State != ledger.RunWaiting || d.findings() != "A-1 told" {
			t.Errorf("%s: %s, %s", c.period, r.State, d.findings())
		}
	}
	d.write("orders.csv", strings.Replace(orderList+more.String(), "A-1,Notebook,open,2026-11-02,mori@aozora.example,70000\n", "", 1))
	d.to("11-26 18:00")
	f := d.finding("A-1")
	if f.State != ledger.FindingResolved || f.Ended != ledger.EndedGone {
		t.Errorf("the row is gone: %s %q", f.State, f.Ended)
	}
	if text := d.summaryText(); strings.Contains(text, "thank you") || strings.Contains(text, "Mori:") {
		t.Errorf("somebody is thanked for a row that is gone:\n%s", text)
	}
	d.verified()
}

// TestWatchReminders: as often as agreed and no more; then it stands in the summary alone, until it is put right and the
// summary says thank you.
func TestWatchReminders(t *testing.T) {
	rules := strings.Replace(strings.Replace(orders, `remind = "3 business days"`, `remind = "1 business day"`, 1), `key = ["no"]`, "key = [\"no\"]\nreminders = 2", 1)
	d := newDesk(t, "11-20 09:00", head+rules+nightly)
	d.write("orders.csv", strings.Replace(orderList, "2026-11-19", "2026-11-20", 1))
	var told []string
	for _, day := range []string{"11-20", "11-24", "11-25", "11-26", "11-27"} {
		d.to(day + " 18:00")
		for range d.sealedOn("2026-" + day) {
			told = append(told, day)
		}
	}
	if got := strings.Join(told, " "); got != "11-20 11-24 11-25" {
		t.Errorf("told on %s", got)
	}
	text := d.summaryText()
	for _, want := range []string{"Found by checks and not put right: 1", d.finding("A-1").Number, "A-1", "Mori: told again, day 5", "ready"} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "could not be looked at") {
		t.Errorf("a table that lies there is not looked at for tomorrow:\n%s", text)
	}
	d.write("orders.csv", strings.ReplaceAll(orderList, ",open", ",done"))
	d.to("11-30 18:00")
	text = d.summaryText()
	if !strings.Contains(text, "Mori: 1 item of \"Open orders\" put right, thank you") || strings.Contains(text, "not put right") || !strings.Contains(text, "checked 3 rows, all well") {
		t.Errorf("put right:\n%s", text)
	}
	d.to("12-01 18:00")
	if text = d.summaryText(); strings.Contains(text, "thank you") {
		t.Errorf("thanked twice:\n%s", text)
	}
	d.verified()
}

// TestWatchHandedOver: when somebody else looks after a row while its finding is open they are told, once and as for the first
// time; whoever was told is not told again, and each is reminded on their own.
func TestWatchHandedOver(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	list := strings.Replace(orderList, "open,2026-11-19", "done,2026-11-19", 1)
	whose := func(who string) {
		d.write("orders.csv", strings.Replace(list, "2026-11-02,mori@", "2026-11-02,"+who+"@", 1))
	}
	var told []string
	day := func(day string) {
		t.Helper()
		d.to(day + " 12:00")
		for _, m := range d.sealedOn("2026-" + day) {
			word := ""
			if strings.HasPrefix(m.Subject, "(again)") {
				word = " again"
			}
			told = append(told, day+" "+m.Part+word)
		}
	}
	whose("mori")
	day("11-20")
	whose("tanaka")
	day("11-24")
	day("11-25")
	whose("nobody") // whom nobody knows: the owner hears of it
	day("11-26")
	whose("tanaka")
	day("11-27") // three business days after the 24th
	day("11-30")
	whose("mori")
	day("12-01") // and more than three after the 20th
	day("12-02")
	if got := strings.Join(told, ", "); got != "11-20 mori, 11-24 tanaka, 11-26 sato, 11-27 tanaka again, 12-01 mori again" {
		t.Error(got)
	}
	// Put right and open once more, it is another story.
	d.write("orders.csv", strings.ReplaceAll(list, ",open", ",done"))
	day("12-03")
	whose("mori")
	told = nil
	day("12-04")
	if got := strings.Join(told, ", "); got != "12-04 mori" {
		t.Error(got)
	}
	d.verified()
}

// TestWatchHandedOverOutside: so it is with a supplier's row. What still waited for its confirmation is called off.
func TestWatchHandedOverOutside(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+suppliers)
	list := "no,item,supplier,due,cost,mail\nP-1,Notebook,%s,,1,\nP-2,Screen,acme,,1,\n"
	d.write("orders.csv", fmt.Sprintf(list, "acme"))
	d.to("11-20 12:00")
	d.write("orders.csv", fmt.Sprintf(list, "hibari"))
	d.to("11-24 12:00")
	var got []string
	for _, p := range []string{"2026-11-20", "2026-11-24"} {
		for _, m := range d.sealedOn(p) {
			if m.State == ledger.StateReplaced {
				continue
			}
			got = append(got, fmt.Sprintf("%s %s %s %v %v", p, m.Part, m.State, strings.Contains(d.text(m), "P-1"), strings.Contains(d.text(m), "P-2")))
		}
	}
	slices.Sort(got)
	want := "2026-11-20 acme held false true, 2026-11-20 hibari held true false"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("%s, want %s", s, want)
	}
}

// TestWatchWaitsForItsConfirmation: a mail that nobody confirms is asked about once, and again only when the day has come by which
// it asks for an answer; not each day.
func TestWatchWaitsForItsConfirmation(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+suppliers)
	d.write("orders.csv", "no,item,supplier,due,cost,mail\nP-1,Notebook,acme,,1,\n")
	d.to("11-27 12:00")
	var got []string
	d.view(func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{KeyPrefix: "notice/confirm/"}) {
			if err != nil {
				return err
			}
			got = append(got, "asked "+m.Sealed.In(d.config.Zone).Format("01-02"))
		}
		return nil
	})
	for _, m := range d.sealedOn("2026-11-20") {
		for _, by := range []string{"Thursday 26 November 2026", "Tuesday 1 December 2026"} {
			if strings.Contains(d.text(m), by) {
				got = append(got, string(m.State)+" by "+by)
			}
		}
	}
	if s := strings.Join(got, ", "); s != "asked 11-20, asked 11-26, replaced by Thursday 26 November 2026, held by Tuesday 1 December 2026" {
		t.Error(s)
	}
}

// TestWatchStageHandedOver: whoever looks after a contract when it is handed over hears of the stage that has begun, once. How many
// days are left stands in the mail alone: what is kept of the finding is read on other days as well.
func TestWatchStageHandedOver(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+contracts)
	list := "no,ends,mail\nC-2,2026-12-01,%s@aozora.example\n"
	var told []string
	for _, c := range []struct{ day, who string }{{"11-20", "mori"}, {"11-21", "mori"}, {"11-22", "tanaka"}, {"11-23", "tanaka"}, {"11-24", "mori"}} {
		d.write("orders.csv", fmt.Sprintf(list, c.who))
		d.to(c.day + " 12:00")
		for _, m := range d.sealedOn("2026-" + c.day) {
			_, left, _ := strings.Cut(d.text(m), "1 December 2026")
			left, _, _ = strings.Cut(left, "\n")
			told = append(told, c.day+" "+m.Part+left)
		}
	}
	if got := strings.Join(told, ", "); got != "11-20 mori (in 11 days), 11-22 tanaka (in 9 days)" {
		t.Error(got)
	}
	if f := d.finding("C-2"); !strings.HasSuffix(f.Says, "1 December 2026") {
		t.Errorf("kept: %q", f.Says)
	}
	d.verified()
}

// TestWatchRejected: a mail that its confirmer calls off told nobody anything: the finding is new, and asked about again
// with the next run. What changes while it waits is told as it is then.
func TestWatchRejected(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+suppliers)
	d.write("orders.csv", "no,item,supplier,due,cost,mail\nP-1,Notebook,acme,,70000,\nP-5,Pen,hibari,2026-12-01,7,\n")
	d.to("11-20 12:00")
	held := d.sealedOn("2026-11-20")[0]
	// One more row comes in before anybody has said yes: the mail tells both.
	d.write("orders.csv", "no,item,supplier,due,cost,mail\nP-1,Notebook,acme,,70000,\nP-5,Pen,hibari,2026-12-01,7,\nP-6,Ruler,acme,,9,\n")
	d.to("11-20 13:00")
	states := map[string]ledger.State{}
	var open ledger.Message
	for _, m := range d.sealedOn("2026-11-20") {
		states[m.Number] = m.State
		if m.State == ledger.StateHeld {
			open = m
		}
	}
	if states[held.Number] != ledger.StateReplaced || open.ID == 0 || !strings.Contains(d.text(open), "P-6") {
		t.Fatalf("%v", states)
	}
	d.must("sato", "reject", "they answered by phone", Request{Message: open.Number})
	d.to("11-20 15:00")
	if got := d.findings(); got != "P-1 new, P-6 new" {
		t.Errorf("called off: %s", got)
	}
	if r := d.run("orders", "2026-11-20"); r.State != ledger.RunDone {
		t.Error(r.State)
	}
	d.must("sato", "accept", "they answered by phone", Request{Findings: []string{d.finding("P-1").Number}})
	d.to("11-24 12:00")
	ms := d.sealedOn("2026-11-24")
	if len(ms) != 1 || strings.Contains(d.text(ms[0]), "P-1") || !strings.Contains(d.text(ms[0]), "P-6") {
		t.Fatalf("%d messages, %s", len(ms), d.findings())
	}
	d.verified()
}

// TestWatchAcceptedWhileItWaits: what is accepted while its mail waits for a yes is not told by it.
func TestWatchAcceptedWhileItWaits(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+suppliers)
	d.write("orders.csv", "no,item,supplier,due,cost,mail\nP-1,Notebook,acme,,70000,\nP-5,Pen,hibari,2026-12-01,7,\n")
	d.to("11-20 12:00")
	held := d.sealedOn("2026-11-20")[0]
	d.must("sato", "accept", "they answered by phone", Request{Findings: []string{d.finding("P-1").Number}})
	d.to("11-20 14:00")
	if ms := d.sealedOn("2026-11-20"); len(ms) != 1 || ms[0].ID != held.ID || ms[0].State != ledger.StateRejected {
		t.Errorf("%d messages, the first is %s", len(ms), ms[0].State)
	}
	if got := d.findings(); got != "P-1 accepted" {
		t.Error(got)
	}
	d.verified()
}

// TestWatchMayWriteTo: an address that only the table knows is written to where the administrator lets data do so; else the
// owner hears, and nobody outside.
func TestWatchMayWriteTo(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+strings.Replace(orders, `key = ["no"]`, "key = [\"no\"]\ncolumns = [\"no\"]", 1))
	d.write("orders.csv", orderHead+"A-1,Notebook,open,2026-11-02,thief@evil.example,70000\nA-2,Screen,done,2026-11-02,mori@aozora.example,9000\n")
	d.to("11-20 12:00")
	ms := d.sealedOn("2026-11-20")
	if len(ms) != 1 || len(ms[0].Recipients) != 1 || ms[0].Recipients[0].Mail != "sato@aozora.example" || !strings.Contains(d.text(ms[0]), "thief@evil.example") {
		t.Errorf("%d messages, %+v", len(ms), ms)
	}
}

// TestWatchStagesWhileOff: a stage whose day passed while bod was off is told when it is on again, once.
func TestWatchStagesWhileOff(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+contracts)
	d.write("orders.csv", "no,ends,mail\nC-1,2027-01-20,mori@aozora.example\nC-2,2028-01-20,mori@aozora.example\n")
	d.to("11-20 12:00")
	if got := d.findings(); got != "" {
		t.Fatal(got)
	}
	d.restart("11-25 08:00") // its 60 days began on the 21st
	d.settle()
	d.to("11-27 12:00")
	var told []string
	for _, day := range []string{"21", "22", "23", "24", "25", "26", "27"} {
		if slices.Contains(d.runs("orders"), "2026-11-"+day+" done") {
			for _, m := range d.sealedOn("2026-11-" + day) {
				told = append(told, m.Recipients[0].Mail)
			}
		}
	}
	if got := d.findings(); got != "C-1 told" || len(told) > 1 {
		t.Errorf("%s, %v, %v", got, told, d.runs("orders"))
	}
	d.verified()
}

const models = `
[source.orders]
file = "orders.csv"
[job.orders]
kind = "watch"
title = "Quotes"
owner = "sato"
when = "毎営業日 9:30"
source = "orders"
key = ["no"]
[[job.orders.check]]
must = 'model in ["CX-2", "CX-3"]'
say = "{model} is not in the list of products"
tell = "{mail}"
`

// TestWatchPrecedent: the same question about another row comes with how it was settled the first time.
func TestWatchPrecedent(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+models)
	d.write("orders.csv", "no,model,mail\nQ-1,OLD-9,mori@aozora.example\nQ-2,CX-2,mori@aozora.example\n")
	d.to("11-20 12:00")
	d.must("mori", "accept", "made to order", Request{Findings: []string{d.finding("Q-1").Number}})
	d.write("orders.csv", "no,model,mail\nQ-1,OLD-9,mori@aozora.example\nQ-2,CX-2,mori@aozora.example\nQ-3,OLD-9,tanaka@aozora.example\nQ-4,OLD-8,tanaka@aozora.example\n")
	d.to("11-24 12:00")
	ms := d.sealedOn("2026-11-24")
	if len(ms) != 1 {
		t.Fatalf("%d messages, %s", len(ms), d.findings())
	}
	text := d.text(ms[0])
	if strings.Count(text, "made to order") != 1 || !strings.Contains(text, "Q-1") || strings.Index(text, "made to order") > strings.Index(text, "* Q-4") {
		t.Errorf("how it was settled:\n%s", text)
	}
}
