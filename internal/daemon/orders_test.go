package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bod/internal/ledger"
)

// orders is a duty that looks after a list of orders.
const orders = `
[source.orders]
file = "orders.csv"
[job.orders]
kind = "watch"
title = "Open orders"
owner = "sato"
when = "毎営業日 9:30"
source = "orders"
key = ["no"]
[[job.orders.check]]
wrong_if = 'state == "open" and business_days_since(ordered) > 5'
say = "ordered {business_days_since(ordered)} business days ago"
tell = "{mail}"
remind = "3 business days"
`

const orderHead = "no,item,state,ordered,mail,cost\n"

const orderList = orderHead + "A-1,Notebook,open,2026-11-02,mori@aozora.example,70000\n" +
	"A-2,Screen,done,2026-11-02,mori@aozora.example,9000\n" +
	"A-3,Mouse,open,2026-11-19,mori@aozora.example,500\n"

// findings are the states of all findings, oldest first.
func (d *desk) findings() string {
	d.t.Helper()
	var out []string
	d.view(func(v *ledger.View) error {
		for f, err := range v.Findings(ledger.FindingQuery{}) {
			if err != nil {
				return err
			}
			out = append(out, f.Label+" "+string(f.State))
		}
		return nil
	})
	return strings.Join(out, ", ")
}

// text is what a message says.
func (d *desk) text(m ledger.Message) (text string) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		b, err := v.Body(m.ID)
		text = strings.ReplaceAll(string(b), "=\r\n", "")
		text, _, _ = strings.Cut(strings.ReplaceAll(text, "\r\n", "\n"), "text/html")
		return err
	})
	return text
}

// sealedOn are the messages of a day's run.
func (d *desk) sealedOn(period string) []ledger.Message {
	d.t.Helper()
	return d.letters(d.run("orders", period).ID)
}

func (d *desk) verified() {
	d.t.Helper()
	r, err := d.ledger.Verify(d.t.Context(), nil)
	if err != nil || len(r.Problems) > 0 {
		d.t.Error(err, r.Problems)
	}
}

// TestWatchTellsOnce: a row that breaks its rule is told once, again only after remind and no more than agreed, and
// thanked for when it is put right. When all is well nobody hears of it but the summary.
func TestWatchTellsOnce(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.write("orders.csv", orderList)
	for _, c := range []struct {
		until, period string
		mails         int
		findings      string
		said          string
	}{
		{"11-20 12:00", "2026-11-20", 1, "A-1 told", "checked 3 rows, 1 of them to look at; asked Mori about 1"},
		{"11-24 12:00", "2026-11-24", 0, "A-1 told", "checked 3 rows, 1 of them to look at; told already"},
		{"11-25 12:00", "2026-11-25", 0, "A-1 told", "checked 3 rows, 1 of them to look at; told already"},
		{"11-26 12:00", "2026-11-26", 1, "A-1 reminded", "checked 3 rows, 1 of them to look at; asked Mori about 1"},
	} {
		d.to(c.until)
		r := d.run("orders", c.period)
		if got := len(d.sealedOn(c.period)); got != c.mails || d.findings() != c.findings || r.Said != c.said || r.State != ledger.RunDone {
			t.Fatalf("%s: %d mails, %s, %q, %s", c.period, got, d.findings(), r.Said, r.State)
		}
	}
	first, again := d.sealedOn("2026-11-20")[0], d.sealedOn("2026-11-26")[0]
	if first.Recipients[0].Mail != "mori@aozora.example" || !strings.Contains(d.text(first), "* A-1\n") || !strings.Contains(d.text(first), "ordered 13 business days ago") {
		t.Errorf("the first mail:\n%s", d.text(first))
	}
	if !strings.HasPrefix(again.Subject, "(again)") {
		t.Errorf("the second one: %s", again.Subject)
	}
	// A-1 is put right, and on that day A-3 has waited for too long.
	d.write("orders.csv", strings.Replace(orderList, "A-1,Notebook,open", "A-1,Notebook,done", 1))
	d.to("11-30 12:00")
	if got := d.findings(); got != "A-1 resolved, A-3 told" {
		t.Fatal(got, d.run("orders", "2026-11-30").Said)
	}
	// All is well.
	d.write("orders.csv", strings.ReplaceAll(orderList, ",open", ",done"))
	d.to("12-01 12:00")
	if r := d.run("orders", "2026-12-01"); r.Said != "checked 3 rows, all well" || len(d.sealedOn("2026-12-01")) != 0 || r.State != ledger.RunDone {
		t.Errorf("all well: %q, %s", r.Said, r.State)
	}
	d.to("12-02 12:00")
	if r := d.run("orders", "2026-12-02"); r.Said != "checked 3 rows, all well" {
		t.Errorf("all well: %q", r.Said)
	}
	d.verified()
}

// TestWatchThanksWithTheNextMail: a word of thanks goes with the next mail to the same reader.
func TestWatchThanksWithTheNextMail(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.write("orders.csv", orderList)
	d.to("11-20 12:00")
	d.write("orders.csv", orderHead+"A-1,Notebook,done,2026-11-02,mori@aozora.example,70000\nA-2,Screen,open,2026-11-02,mori@aozora.example,9000\n")
	d.to("11-24 12:00")
	ms := d.sealedOn("2026-11-24")
	if len(ms) != 1 || !strings.Contains(d.text(ms[0]), "Thank you: A-1 is put right.") || !strings.Contains(d.text(ms[0]), "* A-2\n") {
		t.Fatalf("%d messages, %s", len(ms), d.findings())
	}
}

// TestWatchAccepted: what may stay as it is isn't told any more, until its value changes; then the mail says how it was settled.
func TestWatchAccepted(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.write("orders.csv", orderList)
	d.to("11-20 12:00")
	number := ""
	d.view(func(v *ledger.View) error {
		for f := range v.Findings(ledger.FindingQuery{}) {
			number = f.Number
		}
		return nil
	})
	d.refused("mori", "accept", "", Request{Findings: []string{number}})
	d.refused("mori", "accept", "agreed", Request{Findings: []string{"F2611-0099"}})
	d.refused("mori", "accept", "agreed", Request{Findings: []string{number}, Until: d.now})
	d.must("mori", "accept", "the customer agreed to December", Request{Findings: []string{number}})
	d.to("11-27 12:00")
	if got := d.findings(); got != "A-1 accepted" {
		t.Fatal(got)
	}
	d.write("orders.csv", strings.Replace(orderList, "2026-11-02", "2026-11-04", 1))
	d.to("11-30 12:00")
	if got := d.findings(); !strings.HasPrefix(got, "A-1 told") {
		t.Fatal(got)
	}
	ms := d.sealedOn("2026-11-30")
	if len(ms) != 1 || !strings.Contains(d.text(ms[0]), "the customer agreed to December") {
		t.Errorf("the mail doesn't say how it was settled:\n%s", d.text(ms[0]))
	}
	d.verified()
}

// TestWatchCrash: whatever happens between the seal and the sending, nothing is told twice and nothing is lost.
func TestWatchCrash(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.write("orders.csv", orderList)
	d.to("11-20 09:30")
	if d.findings() == "" {
		t.Fatal("nothing was found")
	}
	d.restart("11-20 09:31")
	d.settle()
	d.to("11-24 12:00")
	if got := d.findings(); got != "A-1 told" {
		t.Errorf("after a crash: %s", got)
	}
	if n := len(d.sealedOn("2026-11-20")) + len(d.sealedOn("2026-11-24")); n != 1 {
		t.Errorf("%d mails", n)
	}
	d.verified()
}

// TestWatchWaits: a table that can't be used is never "all well".
func TestWatchWaits(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.to("11-20 12:00")
	r := d.run("orders", "2026-11-20")
	if r.State != ledger.RunWaiting || len(r.Reasons) == 0 || !strings.Contains(r.Reasons[0].Text, "orders") || r.Said != "" {
		t.Fatalf("without its table: %s %v %q", r.State, r.Reasons, r.Said)
	}
	d.write("orders.csv", orderList)
	d.to("11-20 14:00")
	if got := d.findings(); got != "A-1 told" {
		t.Errorf("the table has come: %s", got)
	}
	// The next day a column is gone, then half of the rows: somebody has to look.
	d.write("orders.csv", strings.ReplaceAll(orderList, "ordered", "date"))
	d.to("11-24 12:00")
	if r := d.run("orders", "2026-11-24"); r.State != ledger.RunWaiting || d.findings() != "A-1 told" {
		t.Errorf("a column is gone: %s, %s", r.State, d.findings())
	}
}

// TestWatchUnjudged: what no rule can judge, and rows that can't be told apart, are told to the owner.
func TestWatchUnjudged(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.write("orders.csv", orderHead+"A-1,Notebook,open,,mori@aozora.example,1\n,Screen,open,2026-11-19,mori@aozora.example,1\nA-3,Mouse,open,2026-11-19,mori@aozora.example,1\nA-3,Mat,open,2026-11-19,mori@aozora.example,1\n")
	d.to("11-20 12:00")
	ms := d.sealedOn("2026-11-20")
	if len(ms) != 1 || ms[0].Recipients[0].Mail != "sato@aozora.example" {
		t.Fatalf("%d mails, %s", len(ms), d.findings())
	}
	for _, want := range []string{"A-1", "judged: ordered is empty", "no is empty", "one and the same no: 2"} {
		if !strings.Contains(d.text(ms[0]), want) {
			t.Errorf("the mail lacks %q:\n%s", want, d.text(ms[0]))
		}
	}
	if said := d.run("orders", "2026-11-20").Said; !strings.Contains(said, "3 could not be judged") || strings.Contains(said, "all well") {
		t.Error(said)
	}
}

const suppliers = `
[source.orders]
file = "orders.csv"
[job.orders]
kind = "watch"
title = "Delivery dates"
owner = "sato"
when = "毎営業日 9:30"
source = "orders"
key = ["no"]
group = "supplier"
columns = ["no", "item"]
[[job.orders.check]]
wrong_if = 'due == empty'
say = "bought for {cost}"
`

const supplierList = "no,item,supplier,due,cost,mail\nP-1,Notebook,Acme Trading,,70000,x@evil.example\nP-2,Screen,hibari,,9000,\nP-3,Mouse,acme,,500,\nP-4,Mat,Nobody Ltd,,31,\nP-5,Pen,acme,2026-12-01,7,\n"

// TestWatchOutside: to the outside go only the columns that were named, in one mail for each supplier, and after a yes. Whom
// nobody knows is the owner's to find.
func TestWatchOutside(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+suppliers)
	d.write("orders.csv", supplierList)
	d.to("11-20 12:00")
	ms := d.sealedOn("2026-11-20")
	to := map[string]ledger.Message{}
	for _, m := range ms {
		to[m.Recipients[0].Mail] = m
	}
	if len(ms) != 3 || len(to) != 3 {
		t.Fatalf("%d mails: %v", len(ms), to)
	}
	acme := to["ap@acme.example"]
	if acme.State != ledger.StateHeld || reasons(acme) != "confirmation" || !slices.Equal(acme.ConfirmBy, []string{"sato"}) {
		t.Errorf("to the outside: %s %s %v", acme.State, reasons(acme), acme.ConfirmBy)
	}
	text := d.text(acme)
	for _, want := range []string{"no: P-1", "item: Notebook", "no: P-3"} {
		if !strings.Contains(text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, text)
		}
	}
	for _, secret := range []string{"70000", "70,000", "evil", "P-2", "P-5", "bought"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q leaves the house:\n%s", secret, text)
		}
	}
	if own := d.text(to["sato@aozora.example"]); !strings.Contains(own, "P-4") || !strings.Contains(own, "Nobody Ltd") {
		t.Errorf("whom nobody knows:\n%s", own)
	}
	// hibari answers before anybody has said yes: there is nothing to ask any more.
	d.write("orders.csv", strings.Replace(supplierList, "hibari,,", "hibari,2026-12-03,", 1))
	d.to("11-20 14:00")
	for _, m := range d.sealedOn("2026-11-20") {
		want := map[string]ledger.State{"ap@acme.example": ledger.StateHeld, "soumu@hibari.example": ledger.StateRejected, "sato@aozora.example": ledger.StateSent}[m.Recipients[0].Mail]
		if m.State != want {
			t.Errorf("%s is %s, want %s", m.Recipients[0].Mail, m.State, want)
		}
	}
	d.must("sato", "confirm", "", Request{Run: d.run("orders", "2026-11-20").Number, Set: d.set(acme.Run)})
	d.to("11-20 15:00")
	if got := d.findings(); got != "P-1 told, P-2 resolved, P-3 told, P-4 told" {
		t.Error(got)
	}
	if r := d.run("orders", "2026-11-20"); r.State != ledger.RunDone {
		t.Error(r.State)
	}
	d.verified()
}

const contracts = `
[source.orders]
file = "orders.csv"
[job.orders]
kind = "watch"
title = "Contracts"
owner = "sato"
when = { every = "day", at = "9:30", if_closed = "as is" }
source = "orders"
key = ["no"]
tell = ["{mail}"]
remind_at = ["60 days before ends", "30 days before ends"]
`

// TestWatchStages: each stage is told once for each row and date, and of several that have passed only the last.
func TestWatchStages(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+contracts)
	list := "no,ends,mail\nC-1,%s,mori@aozora.example\nC-2,2026-12-01,mori@aozora.example\nC-3,2026-11-01,mori@aozora.example\n"
	d.write("orders.csv", fmt.Sprintf(list, "2027-01-20"))
	var told []string
	for _, day := range []string{"11-20", "11-21", "11-22", "12-20", "12-21", "12-22"} {
		if day == "12-22" { // the contract goes on: another date, another story
			d.write("orders.csv", fmt.Sprintf(list, "2027-01-25"))
		}
		d.to(day + " 12:00")
		for _, m := range d.sealedOn("2026-" + day) {
			for _, no := range []string{"C-1", "C-2", "C-3"} {
				if strings.Contains(d.text(m), no) {
					told = append(told, day+" "+no)
				}
			}
		}
	}
	if got := strings.Join(told, ", "); got != "11-20 C-2, 11-21 C-1, 12-21 C-1, 12-22 C-1" {
		t.Error(got, "|", d.findings())
	}
	d.verified()
}

const stateOrders = `
[source.orders]
file = "orders.csv"
[job.orders]
kind = "watch"
title = "States"
owner = "sato"
when = "毎営業日 9:30"
source = "orders"
key = ["no"]
[[job.orders.check]]
wrong_if = 'changed(state)'
say = "{previous(state)} is now {state}"
`

// TestWatchChanged: a change is told once, against what the last done run saw.
func TestWatchChanged(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+stateOrders)
	d.write("orders.csv", orderList)
	d.to("11-20 12:00")
	d.write("orders.csv", strings.Replace(orderList, "A-1,Notebook,open", "A-1,Notebook,shipped", 1))
	d.to("11-27 12:00")
	var told []string
	for _, p := range []string{"2026-11-20", "2026-11-24", "2026-11-25", "2026-11-26"} {
		for _, m := range d.sealedOn(p) {
			told = append(told, p)
			if !strings.Contains(d.text(m), "open is now shipped") {
				t.Error(d.text(m))
			}
		}
	}
	if got := strings.Join(told, ", "); got != "2026-11-24" {
		t.Error(got, d.findings())
	}
}

// TestWatchTellsEachOfSeveral: a row that concerns a colleague and a supplier is told to both, though one mail goes out at once
// and the other waits for its confirmation, and both together are one telling.
func TestWatchTellsEachOfSeveral(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+suppliers+"tell = [\"acme\", \"mori\"]\n")
	d.write("orders.csv", supplierList)
	d.to("11-20 12:00")
	// Somebody changes what supplier and colleague don't read, and the run is looked at again.
	d.write("orders.csv", strings.Replace(supplierList, "2026-12-01,7", "2026-12-02,8", 1))
	d.to("11-20 14:00")
	states := func() string {
		var out []string
		for _, m := range d.sealedOn("2026-11-20") {
			out = append(out, m.Part+" "+string(m.State))
		}
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	if got := states(); got != "acme held, mori sent" {
		t.Fatal(got)
	}
	d.must("sato", "confirm", "", Request{Run: d.run("orders", "2026-11-20").Number, Set: d.set(d.run("orders", "2026-11-20").ID)})
	d.to("11-20 15:00")
	if got := states(); got != "acme sent, mori sent" {
		t.Error(got)
	}
	d.view(func(v *ledger.View) error {
		for f, err := range v.Findings(ledger.FindingQuery{}) {
			if err != nil || f.State != ledger.FindingTold || f.Times != 1 {
				t.Errorf("%s is %s, told %d times, %v", f.Label, f.State, f.Times, err)
			}
		}
		return nil
	})
	d.verified()
}

// TestWatchDoubtResolvesNothing: a row that can't be judged today, or is there twice, is not put right: what was found of it
// stands, with what was agreed.
func TestWatchDoubtResolvesNothing(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+orders)
	d.write("orders.csv", orderList)
	d.to("11-20 12:00")
	d.must("mori", "accept", "the customer agreed", Request{Findings: []string{"F2611-0001", "F2611-0001"}})
	d.write("orders.csv", strings.Replace(orderList, "open,2026-11-02", "open,", 1))
	d.to("11-24 12:00")
	if got := d.findings(); got != "A-1 accepted, A-1 told" {
		t.Error("without a date:", got)
	}
	d.write("orders.csv", orderList+"A-1,Notebook,open,2026-11-02,mori@aozora.example,70000\n")
	d.to("11-25 12:00")
	if got := d.findings(); got != "A-1 accepted, A-1 told, A-1 told" {
		t.Error("twice:", got)
	}
	d.write("orders.csv", strings.Replace(orderList, "A-3,Mouse,open,2026-11-19", "A-3,Mouse,done,2026-11-19", 1))
	d.to("11-26 12:00")
	if got := d.findings(); got != "A-1 accepted, A-1 resolved, A-1 resolved" || len(d.sealedOn("2026-11-26")) != 0 {
		t.Error("as before:", got)
	}
	d.verified()
}

// TestWatchStagesOfTwoDates: the stage of one date doesn't take the place of another date's.
func TestWatchStagesOfTwoDates(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+strings.Replace(contracts, `"30 days before ends"`, `"30 days before notice"`, 1))
	d.write("orders.csv", "no,ends,notice,mail\nC-1,2027-01-10,2026-12-01,mori@aozora.example\n")
	d.to("11-20 12:00")
	ms := d.sealedOn("2026-11-20")
	if len(ms) != 1 || !strings.Contains(d.text(ms[0]), "ends: ") || !strings.Contains(d.text(ms[0]), "notice: ") {
		t.Errorf("%d mails, %s", len(ms), d.findings())
	}
}

// TestWatchWhereUnjudgedWithoutKey: a row of which neither the key nor where can be told is told all the same.
func TestWatchWhereUnjudgedWithoutKey(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+strings.Replace(orders, "[[job", "where = 'business_days_since(ordered) >= 0'\n[[job", 1))
	d.write("orders.csv", orderHead+",Screen,open,,mori@aozora.example,1\nA-3,Mouse,open,2026-11-19,mori@aozora.example,1\n")
	d.to("11-20 12:00")
	if r := d.run("orders", "2026-11-20"); strings.Contains(r.Said, "all well") || len(d.sealedOn("2026-11-20")) != 1 {
		t.Error(r.Said)
	}
}
