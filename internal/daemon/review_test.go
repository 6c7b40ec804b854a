package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

const japanese = `
timezone = "Asia/Tokyo"
language = "ja"
admin = ["sato"]
[company]
name = "株式会社青空システム"
dept = "経理部"
tel = "03-0000-0000"
address = "東京都見本区見本町1-2-3"
[calendar]
country = "jp"
[mail]
from = "青空システム 経理 <keiri@aozora.example>"
server = "smtp+insecure://sink.example:25"
[people]
sato = "佐藤 <sato@aozora.example>"
tanaka = { name = "田中", title = "部長", mail = "tanaka@aozora.example" }
mori = "森 <mori@aozora.example>"
ogawa = "小川 <ogawa@aozora.example>"
[partner.acme]
name = "株式会社アクメ商事"
mail = ["ap@acme.example"]
[partner.hibari]
name = "株式会社ひばり工業"
mail = ["soumu@hibari.example"]
`

const reviewed = `
[summary]
to = ["sato", "mori"]
at = "17:00"
review = "9:00"
review_own = true
[source.orders]
file = "orders.csv"
[job.invoices]
kind = "send"
title = "INVOICES"
owner = "sato"
when = "毎月20日 10:00 休みなら前営業日"
prepare = "2 business days before"
each = "orders"
key = ["code"]
company = "name"
amount = "amount"
to = ["{mail}"]
letter = "each.txt"
confirm = { by = ["tanaka"], count = 1 }
[[job.invoices.check]]
must = 'amount < 200000'
[[job.invoices.check]]
must = 'attachments == 0'
[job.note]
kind = "send"
title = "NOTE"
owner = "ogawa"
when = "毎月10日 9:30 休みなら翌営業日"
to = ["mori"]
attach = ["note/*.pdf"]
letter = "letter.txt"
`

// TestReview lives through October: an amount that a check holds back and that is mended, one that goes as it is because its
// reason is good, a file that comes two days late, a letter that the server refuses; then the reviews come on the first
// business day of November, once, and the command tells the same.
func TestReview(t *testing.T) {
	for _, l := range []calendar.Language{calendar.Japanese, calendar.English} {
		t.Run(string(l), func(t *testing.T) {
			rules, titles := japanese+reviewed, strings.NewReplacer("INVOICES", "月末の請求書", "NOTE", "社内のお知らせ", "WHY", "年額をまとめて請求", "ACME", "株式会社アクメ商事", "HIBARI", "株式会社ひばり工業")
			if l == calendar.English {
				rules, titles = strings.Replace(head, "[people]\n", "[people]\nogawa = \"Ogawa <ogawa@aozora.example>\"\n", 1)+reviewed, strings.NewReplacer("INVOICES", "Invoices", "NOTE", "Note", "WHY", "billed for the whole year", "ACME", "Acme Trading", "HIBARI", "Hibari Industries")
			}
			rules = titles.Replace(rules)
			d := &desk{t: t, dir: t.TempDir(), now: at(t, "09-28 09:00"), sink: newSink(t), log: slog.New(slog.DiscardHandler)}
			d.write("letter.txt", letter)
			d.write("each.txt", "Subject: {title} {code}\n\n{name}\n{amount}\n\n{signature}\n")
			orders := func(acme, hibari string) {
				d.write("orders.csv", titles.Replace("code,name,mail,amount\n0012,ACME,ap@acme.example,")+acme+titles.Replace("\n0013,HIBARI,soumu@hibari.example,")+hibari+"\n")
			}
			orders("1298000", "330000")
			d.write("jobs.toml", rules)
			d.open()
			t.Cleanup(d.close)

			d.to("10-13 10:00") // the note's file is missing since yesterday
			d.pdf("note/a.pdf", "note")
			d.to("10-16 10:30") // both invoices were held at 10:00
			orders("1298000", "331000")
			d.to("10-16 11:00") // one was made anew and is held for the same reason: what is released then was not held back
			why := titles.Replace("WHY")
			numbers := map[string]string{}
			for _, m := range d.letters(d.run("invoices", "2026-10").ID) {
				numbers[m.Part] = m.Number
			}
			d.must("sato", "release", why, Request{Message: numbers["0013"]})
			orders("129800", "331000")
			d.to("10-16 14:00")
			r := d.run("invoices", "2026-10")
			d.must("tanaka", "confirm", "", Request{Run: r.Number, Set: d.set(r.ID)})
			d.sink.data = func(key string) error {
				if strings.HasSuffix(key, "/0012") {
					return errors.New("EOF")
				}
				return nil
			}
			d.to("10-20 12:00")
			d.sink.data = nil
			d.to("11-02 09:30")

			got := map[string]string{}
			d.view(func(v *ledger.View) error {
				for m, err := range v.Messages(ledger.MessageQuery{KeyPrefix: config.ReviewName + "/2026-11/"}) {
					if err != nil {
						return err
					}
					if got[m.Part] != "" {
						t.Errorf("%s has two reviews", m.Part)
					}
					b, err := v.Body(m.ID)
					if err != nil {
						return err
					}
					got[m.Part] = m.Key + "\n" + m.Subject + "\n\n" + textOf(t, b)
					if dir := os.Getenv("BOD_TEST_PAGES"); dir != "" {
						if err := os.WriteFile(dir+"/review-"+m.Part+"-"+string(l)+".eml", b, 0o644); err != nil {
							return err
						}
					}
				}
				return nil
			})
			var command string
			d.view(func(v *ledger.View) error {
				r, err := jobs.ReviewOf(d.config, v, calendar.Date{Year: 2026, Month: 10, Day: 1}, nil, d.now)
				if err != nil {
					return err
				}
				command = r.Text()
				nov, err := jobs.ReviewOf(d.config, v, calendar.Date{Year: 2026, Month: 11, Day: 1}, nil, d.now)
				if err != nil {
					return err
				}
				command += "\n=====\n" + nov.Text()
				return nil
			})
			golden(t, "review-"+string(l)+".golden", got["sato"]+"\n=====\n"+got["mori"]+"\n=====\n"+got["ogawa"]+"\n=====\n"+command)
			if len(got) != 3 || len(d.runs(config.ReviewName)) > 2 {
				t.Errorf("%d readers, runs %q", len(got), d.runs(config.ReviewName))
			}
			for part, text := range got {
				for _, bad := range []string{"bod ", "--by", d.dir, "held", "waiting\n"} {
					if strings.Contains(text, bad) && !(l == calendar.English && bad == "held") {
						t.Errorf("%q stands in the mail to %s:\n%s", bad, part, text)
					}
				}
			}
		})
	}
}

// A month in which nothing was is told as one, and of a month over which an older copy was put back it is told what the record
// does not know.
func TestReviewOfNothingAndOverARestore(t *testing.T) {
	d := newDesk(t, "11-24 08:00", head+daily+invoice)
	review := func(month int) string {
		t.Helper()
		var text string
		d.view(func(v *ledger.View) error {
			r, err := jobs.ReviewOf(d.config, v, calendar.Date{Year: 2026, Month: time.Month(month), Day: 1}, nil, d.now)
			if err == nil {
				text = r.Text()
			}
			return err
		})
		return strings.Join(strings.Fields(text), " ")
	}
	d.to("11-24 18:00")
	copy := d.backup()
	d.to("11-25 12:00")
	d.restore(copy, "11-25 12:30")
	d.to("11-25 13:00")
	text := review(11)
	for _, want := range []string{
		"The record begins on Tue 24 Nov", "up to Wed 25 Nov 13:00", "what happened between Tue 24 Nov 17:00 and Wed 25 Nov 12:30 is not in here",
		"The record was restored from a copy: 1", "still open",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	if text := review(10); !strings.Contains(text, "In October 2026 nothing went out. Nothing needed a person.") || strings.Contains(text, "■") {
		t.Errorf("October: %s", text)
	}
}

// TestReviewOfRows: a row that vanished and a date that passed were put right by nobody, and the files that rows lacked are called
// what they are.
func TestReviewOfRows(t *testing.T) {
	list := strings.NewReplacer("source.orders", "source.list", "orders.csv", "list.csv", `source = "orders"`, `source = "list"`).Replace(orders)
	d := newDesk(t, "11-02 09:00", head+strings.ReplaceAll(contracts, "job.orders", "job.contracts")+list+eachRow)
	d.write("orders.csv", "no,ends,mail\nC-1,2026-11-10,mori@aozora.example\nC-2,2026-12-20,mori@aozora.example\n")
	d.write("list.csv", orderHead+"A-1,Notebook,open,2026-10-02,mori@aozora.example,1\nA-2,Screen,open,2026-10-02,mori@aozora.example,1\n")
	d.write("customers.csv", "code,company,mail\nC1,Company 1,a@c1.example\n")
	d.to("11-04 12:00")
	d.write("list.csv", orderHead+"A-1,Notebook,done,2026-10-02,mori@aozora.example,1\n")
	d.to("12-01 12:00")
	d.view(func(v *ledger.View) error {
		r, err := jobs.ReviewOf(d.config, v, calendar.Date{Year: 2026, Month: 11, Day: 1}, nil, d.now)
		if err != nil {
			return err
		}
		var got []string
		for _, x := range r.Rows {
			got = append(got, fmt.Sprintf("%s: found %d, mended %d, gone %d, open %d", x.Title, x.Found, x.Mended, x.Gone, x.Open))
		}
		if s := strings.Join(got, "; "); s != "Contracts: found 2, mended 0, gone 1, open 1; Contracts: found 1, mended 0, gone 1, open 0; Open orders: found 2, mended 1, gone 1, open 0" {
			t.Error(s)
		}
		if text := r.Text(); !strings.Contains(text, "1 gone from the table or past their date") || !strings.Contains(text, "An attachment was missing: 1") {
			t.Error(text)
		}
		return nil
	})
}
