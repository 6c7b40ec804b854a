package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"bod/internal/calendar"
	"bod/internal/ledger"
	"bod/internal/table"
)

const watchedOrders = `
[source.orders]
file = "data/orders.csv"

[job.open-orders]
kind = "watch"
title = "発注状況の確認"
owner = "sato"
when = "毎営業日 9:30"
source = "orders"
key = ["注文番号"]
where = '状態 != "キャンセル"'
columns = ["注文番号", "品名"]
group = "仕入先"
remind_at = ["納期の3営業日前"]
tell = "{担当メール}"
[[job.open-orders.check]]
wrong_if = '状態 == "発注済" and 経過営業日数(注文日) > 5'
say = "{注文日}のご注文です"
`

// TestWatchIsHeldAgainstItsTable: what names a column that the table has not is told when the file is checked, with its
// line; it is no reason to refuse the file, for tables change without anybody's having touched it.
func TestWatchIsHeldAgainstItsTable(t *testing.T) {
	files := map[string]string{"data/orders.csv": "注文番号,品名,仕入先,状態,注文日,納期,担当メール\nPO-1,ノートPC,東亜流通,発注済,2026-11-16,2026-12-01,ogawa@aozora.example\n"}
	o := newOffice(t, watchedOrders, files)
	if _, ps := o.load(watchedOrders); len(ps) > 1 { // that there is no summary
		t.Errorf("the table has it all: %v", ps)
	}
	for _, c := range []struct{ old, new, want string }{
		{`key = ["注文番号"]`, `key = ["枝番"]`, "「枝番」という列はありません"},
		{`"注文番号", "品名"]`, `"注文番号", "型番"]`, "「型番」という列はありません"},
		{`group = "仕入先"`, `group = "業者"`, "「業者」という列はありません"},
		{`納期の3営業日前`, `期限の3営業日前`, "「期限」という列はありません"},
		{`"{担当メール}"`, `"{担当}"`, "担当"},
		{`状態 != "キャンセル"`, `状熊 != "キャンセル"`, "状熊"},
		{`経過営業日数(注文日)`, `経過営業日数(品名)`, "経過営業日数"},
		{`{注文日}のご注文`, `{発注日}のご注文`, "発注日"},
	} {
		conf, ps := o.load(strings.Replace(watchedOrders, c.old, c.new, 1))
		found := false
		for _, p := range ps {
			found = found || p.Warning && p.Line > 0 && strings.Contains(p.What, c.want)
		}
		if conf == nil || !found {
			t.Errorf("%s: %v", c.new, ps)
		}
	}
	// What is wrong whatever the table has is refused.
	for _, c := range []struct{ old, new, want string }{
		{`経過営業日数(注文日) > 5`, `経過営業日数(注文日) >`, ""},
		{`納期の3営業日前`, `納期のあたり`, "読み取れません"},
		{`columns = ["注文番号", "品名"]`, ``, "columns がありません"},
		{`source = "orders"`, `source = "order"`, "[source.order] がありません"},
		{"[[job.open-orders.check]]", "[[job.open-orders.check]]\nthen = \"hold\"", "行の確認には書けません"},
		{"wrong_if = ", "not_sent_before = true\n# ", "行には使えません"},
		{"wrong_if = ", "own_address = true\nremind = \"3 business days\"\n# ", "行の確認"},
	} {
		conf, ps := o.load(strings.Replace(watchedOrders, c.old, c.new, 1))
		found := false
		for _, p := range ps {
			found = found || !p.Warning && p.Line > 0 && strings.Contains(p.What, c.want)
		}
		if conf != nil || !found {
			t.Errorf("%s: %v", c.new, ps)
		}
	}
}

// TestRemindersCountTheOfficesDays: at eight in the morning in Tokyo it is the day before in UTC, in which the ledger keeps its
// moments. Five business days after Friday 20 November are Monday 30 November (the 23rd is a holiday), and not the Saturday before.
func TestRemindersCountTheOfficesDays(t *testing.T) {
	o := newOffice(t, strings.Replace(watchedOrders, "[[job.open-orders.check]]", "[[job.open-orders.check]]\nremind = \"5 business days\"", 1), map[string]string{"data/orders.csv": "注文番号,品名,仕入先,状態,注文日,納期,担当メール\nPO-1,ノートPC,東亜流通,発注済,2026-11-16,2026-12-01,ogawa@aozora.example\n"})
	job := o.c.Job("open-orders")
	s := job.Spec.(*watchSpec)
	told := tokyo(2026, 11, 20, 8, 0).UTC()
	for _, c := range []struct {
		due  time.Time
		want bool
	}{{tokyo(2026, 11, 28, 8, 0), false}, {tokyo(2026, 11, 30, 8, 0), true}} {
		k := &looking{watchSpec: s, w: &World{Config: o.c, Job: job, Run: ledger.Run{Due: c.due.UTC()}}}
		if got := k.reminds(hit{check: s.Checks[0]}, heard{times: 1, last: told}); got != c.want {
			t.Errorf("on %s it is time: %t", c.due.Format("Mon 2 Jan"), got)
		}
	}
}

// TestSavedValues: what is kept of a row is what the next look compares with, whatever its type.
func TestSavedValues(t *testing.T) {
	zone := tokyo(2026, 11, 30, 0, 0).Location()
	for _, v := range []table.Value{{}, table.TextOf("発注済"), table.TextOf("0012"), table.IntOf(-12), table.NumberOf(decimal.RequireFromString("1234.50")),
		table.DateOf(calendar.Date{Year: 2026, Month: 11, Day: 30}), table.TimeOf(tokyo(2026, 11, 30, 9, 30)), table.YesNoOf(true), table.YesNoOf(false)} {
		got := savedValue{v.Type().String(), v.Canonical()}.value(zone)
		if got.Type() != v.Type() || got.Canonical() != v.Canonical() || got.In(calendar.Japanese) != strings.Replace(v.In(calendar.Japanese), "1,234.50", "1,234.5", 1) {
			t.Errorf("%s %q became %s %q", v.Type(), v.In(calendar.Japanese), got.Type(), got.In(calendar.Japanese))
		}
	}
}

// TestWatchMailsToTheOutsideAreChecked: what a watch sends out of the house is held against the checks of mails: a customer's name in
// what a supplier reads, an address that is none of the supplier's. A mail among colleagues is not.
func TestWatchMailsToTheOutsideAreChecked(t *testing.T) {
	const job = `
[source.orders]
file = "orders.csv"
[partner.toa]
name = "東亜流通株式会社"
mail = ["order@toa.example"]
[partner.kitakaze]
name = "きたかぜ電子株式会社"
mail = ["nishimura@kitakaze.example"]
[job.dates]
kind = "watch"
title = "納期ご回答"
owner = "sato"
when = "毎営業日 9:30"
source = "orders"
key = ["注文番号"]
columns = ["注文番号", "品名"]
group = "仕入先"
tell = "{宛先}"
[[job.dates.check]]
wrong_if = '回答 = 空'
[[job.dates.check]]
no_other_partner = true
[[job.dates.check]]
own_address = true
then = "THEN"
`
	list := "注文番号,品名,仕入先,宛先,回答\nPO-1,ノートPC,東亜流通株式会社,order@toa.example,\nPO-2,アクメ商事向けサーバー,東亜流通株式会社,order@toa.example,\nPO-3,スイッチ,きたかぜ電子株式会社,suzuki@minato.example,\n"
	for _, then := range []string{"hold", "warn"} {
		o := newOffice(t, strings.Replace(job, "THEN", then, 1), map[string]string{"orders.csv": list})
		p := o.prepare(o.rowWorld("dates", "2026-11-24", tokyo(2026, 11, 24, 9, 30)))
		if len(p.Missing) > 0 || len(p.Drafts) != 2 {
			t.Fatalf("%d drafts, missing: %s", len(p.Drafts), texts(p.Missing))
		}
		held := map[string]string{}
		for _, d := range p.Drafts {
			var b strings.Builder
			for _, h := range d.Hold {
				b.WriteString(h.Text)
			}
			held[d.Addressee] = b.String()
		}
		for who, text := range held {
			switch toa := strings.Contains(who, "東亜"); {
			case toa && !strings.Contains(text, "アクメ商事"), !toa && (text != "") != (then == "hold"), !toa && then == "hold" && !strings.Contains(text, "別の会社（みなと物産"):
				t.Errorf("then = %s, %s: held for %q", then, who, text)
			}
		}
	}
	said := Checks(newOffice(t, strings.Replace(job, "THEN", "warn", 1), map[string]string{"orders.csv": list}).c.Job("dates"))
	if len(said) != 3 || said[0].Then != "" || said[1].Then != "hold" || said[2].Then != "warn" {
		t.Errorf("listed as %v", said)
	}

	// Among colleagues no name and no address is a secret.
	inside := strings.NewReplacer("group = \"仕入先\"\n", "", "{宛先}", "ogawa", "THEN", "hold").Replace(job)
	o := newOffice(t, inside, map[string]string{"orders.csv": list})
	p := o.prepare(o.rowWorld("dates", "2026-11-24", tokyo(2026, 11, 24, 9, 30)))
	if len(p.Drafts) != 1 || len(p.Drafts[0].Hold) != 0 {
		t.Errorf("inside: %d drafts, missing %s", len(p.Drafts), texts(p.Missing))
	}
	only := strings.Replace(job, "[[job.dates.check]]\nwrong_if = '回答 = 空'\n", "", 1)
	if c, ps := o.load(strings.Replace(only, "THEN", "hold", 1)); c != nil {
		t.Errorf("it asks nothing of the rows: %v", ps)
	}
}
