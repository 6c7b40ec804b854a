package daemon

import (
	"fmt"
	"strings"
	"testing"

	"bod/internal/ledger"
)

const eachRow = `
[source.customers]
file = "customers.csv"
[job.bills]
kind = "send"
title = "Invoices"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
prepare = "2 business days before"
each = "customers"
key = ["code"]
company = "company"
to = ["{mail}"]
attach = ["pdf/{code}-*.pdf"]
letter = "letter.txt"
confirm = { by = ["tanaka"], count = 1 }
`

// TestOwnerHearsOfEachSortOnce: that the file of one row has come, while others lack theirs, is no news that needs another mail,
// however many there are; another sort of trouble is.
func TestOwnerHearsOfEachSortOnce(t *testing.T) {
	d := newDesk(t, "11-20 09:00", head+eachRow)
	var list strings.Builder
	list.WriteString("code,company,mail\n")
	for i := 1; i <= 6; i++ {
		fmt.Fprintf(&list, "C%d,Company %d,a%d@c%d.example\n", i, i, i, i)
	}
	d.write("customers.csv", list.String())
	told := func() (n int) {
		t.Helper()
		d.view(func(v *ledger.View) error {
			for _, err := range v.Messages(ledger.MessageQuery{Class: ledger.ClassNotice, KeyPrefix: "notice/waiting/"}) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		return n
	}
	d.to("11-20 12:00")
	for i := 1; i <= 5; i++ {
		d.pdf(fmt.Sprintf("pdf/C%d-1.pdf", i), "x")
		d.to(fmt.Sprintf("11-20 %d:00", 12+i))
	}
	if n := told(); n != 1 {
		t.Errorf("told %d times of missing files", n)
	}
	d.write("customers.csv", list.String()+"C7,Company 7,\n")
	d.to("11-20 19:00")
	if n := told(); n != 2 {
		t.Errorf("with another sort of trouble told %d times", n)
	}
}
