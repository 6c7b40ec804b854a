package jobs

import (
	"fmt"
	"strings"
	"testing"
)

// sixty is a list of n customers with a PDF for each.
func sixty(b *testing.B, n int) map[string]string {
	files := map[string]string{"letters/each.txt": eachLetter}
	pdf, rows := realPDF(b, "chromium.pdf"), []string(nil)
	for i := range n {
		rows = append(rows, fmt.Sprintf("%04d,株式会社アクメ商事%d,経理部,,ap%d@acme%d.example,メール,月末,129800,2026/12/31", i, i, i, i))
		files[fmt.Sprintf("請求書/2026-11/%04d-INV.pdf", i)] = pdf + fmt.Sprintf("%% %d\n", i)
	}
	files["data/customers.csv"] = customerList(b, rows...)
	return files
}

// A month end of sixty customers: drafted, with each PDF read and held against six checks, and rendered as it is sealed.
func BenchmarkMonthEndOfSixty(b *testing.B) {
	const checks = `[[job.monthend.check]]
attached = ["pdf"]
[[job.monthend.check]]
pdf_contains = ["アクメ商事", "{company.registration}"]
[[job.monthend.check]]
pdf_amount = { label = "ご請求金額" }
[[job.monthend.check]]
no_other_partner = true
[[job.monthend.check]]
own_address = true
[[job.monthend.check]]
wrong_if = '件数("customers", 得意先コード) > 1'
`
	for _, bb := range []struct{ name, checks string }{{"unchecked", ""}, {"checked", checks}} {
		b.Run(bb.name, func(b *testing.B) {
			o := newOffice(b, eachJob+bb.checks, sixty(b, 60))
			for b.Loop() {
				w := o.world("monthend", "2026-11", preparedAt)
				done := w.OpenTables()
				p, err := send{}.Prepare(b.Context(), w)
				if err != nil || len(p.Drafts) != 60 || len(p.Missing) > 0 {
					b.Fatal(err, len(p.Drafts), texts(p.Missing))
				}
				for _, d := range p.Drafts {
					if len(d.Hold) > 0 {
						b.Fatal(d.Part, d.Hold[0].Text)
					}
					if _, err := Render(w, d); err != nil {
						b.Fatal(err)
					}
				}
				done()
			}
			b.ReportMetric(60*float64(b.N)/b.Elapsed().Seconds(), "letters/s")
		})
	}
}

// Sixty names in a text, and five thousand.
func BenchmarkNamesInText(b *testing.B) {
	text := strings.Repeat("毎度ありがとうございます。下記のとおりご請求申し上げます。数量 10 単価 1,200 金額 12,000 ", 40)
	for _, n := range []int{60, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o := newOffice(b, eachJob, someCustomers(b))
			x := newChecking(b.Context(), o.world("monthend", "2026-11", preparedAt), nil)
			for i := range n {
				x.rows = append(x.rows, fmt.Sprintf("株式会社とくいさき%d商店", i))
			}
			names := x.partners()
			for b.Loop() {
				if names.find(nameText(text), nil) != "" {
					b.Fatal("found")
				}
			}
		})
	}
}
