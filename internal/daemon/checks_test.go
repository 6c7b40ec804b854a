package daemon

import (
	"os"
	"strings"
	"testing"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// checked is a duty whose letters are held against its orders and its PDF before they go.
const checked = `
[source.orders]
file = "orders.csv"
[job.hosting]
kind = "send"
title = "Hosting invoice"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
prepare = "1 business day before"
to = ["acme"]
attach = ["pdf/acme-*.pdf"]
letter = "letter.txt"
[[job.hosting.check]]
pdf_contains = ["アクメ商事"]
[[job.hosting.check]]
pdf_amount = { label = "ご請求金額", equals = 'sum("orders", amount)' }
`

// checkHold is why a check holds a message; "" where none does.
func checkHold(m ledger.Message) string {
	for _, h := range m.Holds {
		if h.Reason == ledger.Check {
			return h.Text
		}
	}
	return ""
}

func (d *desk) realPDF(name, from string) {
	d.t.Helper()
	b, err := os.ReadFile("../document/testdata/" + from)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(name, string(b))
}

// TestCheckIsRunAgainByItself: what could not be judged, then what is wrong, is held; when the file, and then the orders, are
// mended nobody has to say anything: it is drafted anew, passes, and goes when it is due.
func TestCheckIsRunAgainByItself(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+checked)
	d.write("orders.csv", "no,amount\nA-1,129801\n")
	d.realPDF("pdf/acme-1.pdf", "scanned.pdf")
	d.to("11-24 11:00")
	first := d.only("hosting", "2026-11")
	if first.State != ledger.StateHeld || checkHold(first) == "" {
		t.Fatalf("a scanned PDF is %s, held for %q", first.State, checkHold(first))
	}
	d.realPDF("pdf/acme-1.pdf", "chromium.pdf")
	d.to("11-24 12:00")
	second := d.only("hosting", "2026-11")
	if second.Number == first.Number || !strings.Contains(checkHold(second), "orders: 129,801 yen, PDF: 129,800 yen") {
		t.Fatalf("%s: held for %q", second.Number, checkHold(second))
	}
	d.write("orders.csv", "no,amount\nA-1,129800\n")
	d.to("11-24 13:00")
	third := d.only("hosting", "2026-11")
	if third.State != ledger.StateHeld || reasons(third) != string(ledger.NotDue) {
		t.Fatalf("mended, it is %s: %s", third.State, reasons(third))
	}
	d.to("11-25 10:01")
	if m := d.only("hosting", "2026-11"); m.Number != third.Number || m.State != ledger.StateSent {
		t.Errorf("%s is %s", m.Number, m.State)
	}
	// What each of them was held against is known for ever.
	d.view(func(v *ledger.View) error {
		for number, want := range map[string]jobs.Verdict{first.Number: jobs.Unjudged, second.Number: jobs.Passed, third.Number: jobs.Passed} {
			m, err := v.MessageByNumber(number)
			if err != nil {
				return err
			}
			rs, err := jobs.Checked(v, m)
			if err != nil || len(rs) != 2 || rs[0].Verdict != want {
				t.Errorf("%s: %v %+v", number, err, rs)
			}
		}
		return nil
	})
	d.verified()
}

// TestCheckReleasedByAPerson: a person lets go what a check holds, with a reason; it goes when it is due and the check does
// not hold the same letter again. Of another letter it does.
func TestCheckReleasedByAPerson(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+checked)
	d.write("orders.csv", "no,amount\nA-1,129801\n")
	d.realPDF("pdf/acme-1.pdf", "chromium.pdf")
	d.to("11-24 11:00")
	m := d.only("hosting", "2026-11")
	d.refused("sato", "release", "", Request{Message: m.Number})
	d.must("sato", "release", "a discount of 1 yen was agreed", Request{Message: m.Number})
	d.to("11-24 12:00")
	if x := d.only("hosting", "2026-11"); x.Number != m.Number || reasons(x) != string(ledger.NotDue) {
		t.Fatalf("released, %s is held for %s", x.Number, reasons(x))
	}
	d.write("orders.csv", "no,amount\nA-1,150000\n")
	d.to("11-24 13:00")
	x := d.only("hosting", "2026-11")
	if x.Number == m.Number || !strings.Contains(checkHold(x), "orders: 150,000 yen") {
		t.Fatalf("with other orders %s is held for %q", x.Number, checkHold(x))
	}
	d.must("sato", "release", "agreed by telephone", Request{Message: x.Number})
	d.to("11-25 10:01")
	if y := d.only("hosting", "2026-11"); y.Number != x.Number || y.State != ledger.StateSent {
		t.Errorf("%s is %s", y.Number, y.State)
	}
	d.verified()
}

const purchases = `
[source.orders]
file = "orders.csv"
[source.pos]
file = "pos.csv"
[job.unbought]
kind = "watch"
title = "Purchases"
owner = "sato"
when = "毎営業日 9:30"
source = "orders"
key = ["no"]
[[job.unbought.check]]
must = 'found("pos", order = no)'
say = "not bought yet"
[[job.unbought.check]]
wrong_if = 'count("pos", order = no) > 1'
say = 'bought {count("pos", order = no)} times'
`

// TestPurchasesForgottenAndTwice: an order for which nothing was bought, and one for which it was bought twice, are found by
// looking into the other table (発注漏れ and 二重発注).
func TestPurchasesForgottenAndTwice(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+purchases)
	d.write("orders.csv", "no,item\nA-1,Notebook\nA-2,Screen\nA-3,Mouse\n")
	d.write("pos.csv", "po,order\nP-1,A-1\nP-2,A-3\nP-3,A-3\n")
	d.to("11-20 12:00")
	ms := d.letters(d.run("unbought", "2026-11-20").ID)
	if len(ms) != 1 {
		t.Fatalf("%d mails", len(ms))
	}
	text := d.text(ms[0])
	for _, want := range []string{"A-2", "not bought yet", "A-3", "bought 2 times"} {
		if !strings.Contains(text, want) {
			t.Errorf("the mail lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "A-1") {
		t.Errorf("A-1 was bought once:\n%s", text)
	}
	d.write("pos.csv", "po,order\nP-1,A-1\nP-2,A-3\nP-4,A-2\n")
	d.to("11-24 12:00")
	if said := d.run("unbought", "2026-11-24").Said; said != "checked 3 rows, all well" {
		t.Error(said)
	}
}
