package jobs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"

	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

const eachLetter = `件名：【{自社名}】{対象月} 請求書送付のご案内（{得意先コード}）

{宛名}

いつもお世話になっております。
{得意先名}様の{対象月}の請求書をお送りいたします。

　ご請求金額　：{請求金額}円（税込）
　お支払期日　：{支払期日}

{署名}
`

const eachJob = `
[source.customers]
file = "data/customers.csv"
[job.monthend]
kind = "send"
title = "月末締め請求書"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
about = "当月"
each = "customers"
among = '締め日 = "月末"'
where = '送付方法 = "メール"'
count_by = "送付方法"
key = ["得意先コード"]
company = "得意先名"
dept = "部署名"
person = "担当者名"
amount = "請求金額"
to = ["{メール}"]
attach = ["請求書/{about.folder}/{得意先コード}-*.pdf"]
letter = "letters/each.txt"
confirm = { by = ["tanaka"], count = 1 }
`

const eachHead = "得意先コード,得意先名,部署名,担当者名,メール,送付方法,締め日,請求金額,支払期日\r\n"

// customerList is a list in Shift_JIS, as a Japanese order system exports it.
func customerList(t testing.TB, rows ...string) string {
	t.Helper()
	s, err := japanese.ShiftJIS.NewEncoder().String(eachHead + strings.Join(rows, "\r\n") + "\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func someCustomers(t testing.TB) map[string]string {
	return map[string]string{
		"letters/each.txt": eachLetter,
		"data/customers.csv": customerList(t,
			"0012,株式会社ひばり工業,購買部,山田,hibari@hibari.example,メール,月末,129800,2026/12/31",
			"0013,みなと物産㈱,,,suzuki@minato.example,メール,月末,88000,2026/12/31",
			"0014,さくら商会,,,,郵送,月末,5000,2026/12/31",
			"0015,若葉電機,,,wakaba@wakaba.example,ポータル,月末,7000,2026/12/31",
			"0016,港南運輸,,,konan@konan.example,メール,20日,9000,2026/12/31"),
		"請求書/2026-11/0012-INV1.pdf": goodPDF + "12",
		"請求書/2026-11/0013-INV2.pdf": goodPDF + "13",
		"請求書/2026-11/0014-INV3.pdf": goodPDF + "14",
	}
}

// rowWorld is a world with its tables open.
func (o *office) rowWorld(job, period string, now time.Time) *World {
	w := o.world(job, period, now)
	if w.Tables == nil {
		o.t.Cleanup(w.OpenTables())
	}
	return w
}

func parts(p Prepared) string {
	var out []string
	for _, d := range p.Drafts {
		out = append(out, d.Part)
	}
	return strings.Join(out, " ")
}

func TestEachRowGetsItsOwnLetter(t *testing.T) {
	o := newOffice(t, eachJob, someCustomers(t))
	w := o.rowWorld("monthend", "2026-11", preparedAt)
	p := o.prepare(w)
	if len(p.Missing) > 0 || parts(p) != "0012 0013" {
		t.Fatalf("drafted %s, missing:\n%s", parts(p), texts(p.Missing))
	}
	m, s := o.render(w, p.Drafts[0])
	if m.Key != "monthend/2026-11/0012" || m.Addressee != "ひばり工業様" || m.Amount == nil || *m.Amount != 129800 {
		t.Errorf("key %s, addressee %s, amount %v", m.Key, m.Addressee, m.Amount)
	}
	if !strings.HasPrefix(s.text, "株式会社ひばり工業\n購買部\n山田様\n") || !strings.Contains(s.text, "　ご請求金額　：129,800円（税込）\n　お支払期日　：2026年12月31日\n") {
		t.Errorf("the letter is\n%s", s.text)
	}
	if len(s.files) != 1 || s.files[0].name != "0012-INV1.pdf" {
		t.Errorf("attached %v", s.files)
	}
	// The address is minato's of [partner]: the name and the copies that were agreed there.
	m2, s2 := o.render(w, p.Drafts[1])
	if m2.Key != "monthend/2026-11/0013" || !strings.HasPrefix(s2.text, "みなと物産株式会社\n業務部\n鈴木様\n") || !strings.Contains(strings.Join(s2.cc, " "), "gyomu@minato.example") {
		t.Errorf("%s to %v cc %v\n%s", m2.Key, s2.to, s2.cc, s2.text)
	}
	if want := "4件＝メール2＋ポータル1＋郵送1"; p.Said != want {
		t.Errorf("said %q, want %q", p.Said, want)
	}
}

// An address that [partner] has for another company than the row names keeps the row waiting: neither name is taken by guess. The copies that a row names are its own, unless another company's row has them as well.
func TestRowNamesItsCompany(t *testing.T) {
	files := map[string]string{
		"letters/each.txt": "件名：請求書\n\n{宛名}\n\n請求書をお送りします。\n",
		"data/customers.csv": "得意先コード,得意先名,部署名,担当者名,メール,写し,送付方法,締め日,請求金額\n" +
			"0012,株式会社ひばり工業,購買部,山田,suzuki@minato.example,,メール,月末,1\n" +
			"0013,みなと物産㈱ 大阪支店,,,suzuki@minato.example,,メール,月末,2\n" +
			"0014,さくら商会,,,sakura@sakura.example,copy@elsewhere.example,メール,月末,3\n" +
			"0015,若葉電機,,,wakaba@wakaba.example,copy@other.example,メール,月末,4\n" +
			"0016,港南運輸,,,konan@konan.example,copy@other.example,ポータル,月末,5\n",
	}
	for _, k := range []string{"0012", "0013", "0014", "0015"} {
		files["請求書/2026-11/"+k+"-1.pdf"] = goodPDF + k
	}
	job := strings.Replace(eachJob, `to = ["{メール}"]`, "to = [\"{メール}\"]\ncc = [\"{写し}\"]", 1)
	o := newOffice(t, job+"\n[[job.monthend.check]]\nown_address = true\n", files)
	w := o.rowWorld("monthend", "2026-11", preparedAt)
	p := o.prepare(w)
	if parts(p) != "0013 0014 0015" || len(p.Missing) != 1 || !strings.Contains(texts(p.Missing), "suzuki@minato.example は") || !strings.Contains(texts(p.Missing), "表の会社名は「株式会社ひばり工業」") {
		t.Fatalf("drafted %s: %s", parts(p), texts(p.Missing))
	}
	for i, want := range []struct{ to, held string }{
		{"みなと物産株式会社\n業務部\n鈴木様\n", "別の会社（株式会社ひばり工業）"}, // the partner's own name, and the other row has its address
		{"さくら商会 御中\n", ""},
		{"若葉電機 御中\n", "登録していないアドレス"},
	} {
		_, m := o.render(w, p.Drafts[i])
		var held strings.Builder
		for _, h := range p.Drafts[i].Hold {
			held.WriteString(h.Text)
		}
		if !strings.HasPrefix(m.text, want.to) || (held.String() == "") != (want.held == "") || !strings.Contains(held.String(), want.held) {
			t.Errorf("%s: held for %q, and the letter is\n%s", p.Drafts[i].Part, held.String(), m.text)
		}
	}
}

func TestOneRowsTroubleHoldsBackNoOther(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string // beside the usual ones; "" takes away
		rows  []string          // instead of the usual ones
		parts string
		codes string
		says  string
	}{
		{"a customer without a file", map[string]string{"請求書/2026-11/0013-INV2.pdf": ""}, nil, "0012", "rows-attachment", "みなと物産様（0013、3行目）"},
		{"a file without a customer", map[string]string{"請求書/2026-11/0099-INV9.pdf": goodPDF}, nil, "0012 0013", "rows-stray", "「0099-INV9.pdf」は、表「customers」のどの行のものか分かりません"},
		{"two equal keys", nil, []string{"0012,A社,,,a@a.example,メール,月末,1,2026/12/31", "0012,B社,,,b@b.example,メール,月末,2,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"},
			"0013", "rows-key rows-key", "同じ key の行が2つ以上あります"},
		{"an empty key", nil, []string{",A社,,,a@a.example,メール,月末,1,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-key", "2行目"},
		{"no address", nil, []string{"0012,A社,,,,メール,月末,1,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-address", "メールアドレスが空です"},
		{"a name in the address", nil, []string{"0012,A社,,,A <a@a.example>,メール,月末,1,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-address", "メールアドレスとして読めません"},
		{"a line end in the address", nil, []string{"0012,A社,,,\"a@a.example\r\nBcc: x@x.example\",メール,月末,1,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-address", "メールアドレスとして読めません"},
		{"no amount", nil, []string{"0012,A社,,,a@a.example,メール,月末,,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-amount", "金額が空です"},
		{"half a yen", nil, []string{"0012,A社,,,a@a.example,メール,月末,1.5,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-amount", "円の整数ではありません"},
		{"a path in the key", nil, []string{"../0012,A社,,,a@a.example,メール,月末,1,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-attachment", "場所が決まりません"},
		{"a wild card in the key", nil, []string{"*,A社,,,a@a.example,メール,月末,1,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-attachment", "場所が決まりません"},
		{"a legal form that is none", nil, []string{"0012,（社）A,,,a@a.example,メール,月末,1,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0013", "rows-addressee", "どの法人の略か分かりません"},
		{"several addresses", nil, []string{"0012,A社,,,a@a.example、b@a.example; c@a.example,メール,月末,1,2026/12/31", "0013,C社,,,c@c.example,メール,月末,3,2026/12/31"}, "0012 0013", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := someCustomers(t)
			if tt.rows != nil {
				files["data/customers.csv"] = customerList(t, tt.rows...)
				delete(files, "請求書/2026-11/0014-INV3.pdf")
				if !strings.Contains(tt.parts, "0012") && !strings.HasPrefix(tt.rows[0], "0012") {
					delete(files, "請求書/2026-11/0012-INV1.pdf")
				}
			}
			for name, text := range tt.files {
				if files[name] = text; text == "" {
					delete(files, name)
				}
			}
			o := newOffice(t, eachJob, files)
			p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
			var codes []string
			for _, r := range p.Missing {
				codes = append(codes, r.Code)
			}
			if parts(p) != tt.parts || strings.Join(codes, " ") != tt.codes || !strings.Contains(texts(p.Missing), tt.says) {
				t.Errorf("drafted %q, want %q; codes %q, want %q:\n%s", parts(p), tt.parts, codes, tt.codes, texts(p.Missing))
			}
		})
	}
}

func TestManyRowsWithOneTroubleAreOneReason(t *testing.T) {
	files := map[string]string{"letters/each.txt": eachLetter}
	var rows []string
	for i := range 200 {
		rows = append(rows, fmt.Sprintf("%04d,会社%d,,,a%d@a.example,メール,月末,%d,2026/12/31", i, i, i, 1000+i))
	}
	files["data/customers.csv"] = customerList(t, rows...)
	files["請求書/2026-11/0000-1.pdf"] = goodPDF
	o := newOffice(t, eachJob, files)
	p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
	if len(p.Drafts) != 1 || len(p.Missing) != 1 || !strings.Contains(p.Missing[0].Text, "：199件（") || !strings.Contains(p.Missing[0].Text, "ほか179件") {
		t.Fatalf("%d drafts:\n%s", len(p.Drafts), texts(p.Missing))
	}
	before := matter{what: whatWaiting, run: ledger.Run{Number: "R1", Reasons: p.Missing}}.digest()
	o.write("請求書/2026-11/0001-1.pdf", goodPDF)
	p = o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
	if len(p.Drafts) != 2 || before != (matter{what: whatWaiting, run: ledger.Run{Number: "R1", Reasons: p.Missing}}).digest() {
		t.Error("each file that comes would be another mail to the owner")
	}
	if p.Said != "200件＝メール200（うち待ち198）" {
		t.Errorf("said %q", p.Said)
	}
	// Files that are there and can't be used are another sort: nobody looks for them where they are missing.
	for i := range 5 {
		o.write(fmt.Sprintf("請求書/2026-11/%04d-1.pdf", i+10), "%PDF-1.4\ncut")
	}
	p = o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
	if s := texts(p.Missing); len(p.Missing) != 2 || !strings.Contains(s, "そろっていません：193件（") || !strings.Contains(s, "途中で切れているか、開けません：5件（会社10様") || !strings.Contains(s, "入れ直して") {
		t.Errorf("some are cut short:\n%s", s)
	}
}

func TestARowsFileFitsNoOther(t *testing.T) {
	files := someCustomers(t)
	files["data/customers.csv"] = customerList(t, "12,A社,,,a@a.example,メール,月末,1,2026/12/31", "123,B社,,,b@b.example,郵送,月末,2,2026/12/31")
	for name := range files {
		if strings.HasSuffix(name, ".pdf") {
			delete(files, name)
		}
	}
	files["請求書/2026-11/123.pdf"] = goodPDF
	o := newOffice(t, strings.Replace(eachJob, "{得意先コード}-*.pdf", "{得意先コード}*.pdf", 1), files)
	p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
	if len(p.Drafts) != 0 || !strings.Contains(texts(p.Missing), "ほかの行にも当てはまるファイルがあります（123.pdf）") {
		t.Fatalf("B's invoice goes to A: %s\n%s", parts(p), texts(p.Missing))
	}
}

func TestRowWithoutAFileIsSkippedFromItsDueOn(t *testing.T) {
	files := someCustomers(t)
	delete(files, "請求書/2026-11/0013-INV2.pdf")
	o := newOffice(t, strings.Replace(eachJob, "[job.monthend]", "[job.monthend]\nif_no_file = \"skip\"", 1), files)
	p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
	if parts(p) != "0012" || len(p.Missing) != 1 || !NeedsNobody(p.Missing[0]) {
		t.Errorf("before: %s\n%s", parts(p), texts(p.Missing))
	}
	p = o.prepare(o.rowWorld("monthend", "2026-11", tokyo(2026, 11, 25, 10, 0)))
	if parts(p) != "0012" || len(p.Missing) != 0 || p.Said != "4件＝メール2＋ポータル1＋郵送1（うちファイルなし1）" {
		t.Errorf("when due: %s, %s\n%s", parts(p), p.Said, texts(p.Missing))
	}
}

func TestRowChangedSinceIsAnotherLetter(t *testing.T) {
	digest := func(row string) string {
		files := someCustomers(t)
		files["data/customers.csv"] = customerList(t, row)
		o := newOffice(t, eachJob, files)
		p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
		if len(p.Drafts) != 1 {
			t.Fatal(texts(p.Missing))
		}
		return Digest(p.Drafts[0].Inputs)
	}
	a := digest("0012,A社,,,a@a.example,メール,月末,129800,2026/12/31")
	if a != digest("0012,A社,,,a@a.example,メール,月末,\"129,800\",2026-12-31") {
		t.Error("the same row written in another way is another letter")
	}
	for _, row := range []string{"0012,A社,,,b@a.example,メール,月末,129800,2026/12/31", "0012,A社,,,a@a.example,メール,月末,129801,2026/12/31", "0012,A社,,,a@a.example,メール,月末,129800,2026/12/30"} {
		if a == digest(row) {
			t.Errorf("the change is not seen: %s", row)
		}
	}
}

const orderJob = `
[source.pos]
file = "data/pos.csv"
[job.po]
kind = "send"
title = "注文書"
owner = "sato"
when = "毎営業日 10:00"
each = "pos"
where = '状態 = "発注"'
key = ["注文番号"]
once = "key"
company = "仕入先"
to = ["{メール}"]
attach = ["注文書/{注文番号}.pdf"]
letter = "letters/po.txt"
`

// An order stands in the list for days; its letter goes once, however often it is looked at.
func TestOnceInAllPeriods(t *testing.T) {
	list := "注文番号,仕入先,メール,状態\nPO-1,東亜流通,toa@toa.example,発注\n"
	d := newDesk(t, officeHead+"\n"+orderJob, map[string]string{"letters/po.txt": "件名：注文書（{注文番号}）\n\n{宛名}\n\n注文書をお送りします。\n", "data/pos.csv": list, "注文書/PO-1.pdf": goodPDF}, tokyo(2026, 11, 24, 10, 0))
	d.run("po", "2026-11-24", tokyo(2026, 11, 24, 10, 0))
	first := d.messages(d.runOf("po", "2026-11-24").ID)
	if len(first) != 1 || first[0].Key != "po/once/PO-1" {
		t.Fatalf("sealed %v", first)
	}
	d.write("data/pos.csv", list+"PO-2,東亜流通,toa@toa.example,発注\n")
	d.write("注文書/PO-2.pdf", goodPDF)
	d.remove("注文書/PO-1.pdf") // nobody asks for what is on its way already
	r := d.run("po", "2026-11-25", tokyo(2026, 11, 25, 10, 0))
	second := d.messages(r.ID)
	if len(second) != 1 || second[0].Key != "po/once/PO-2" || r.State != ledger.RunDrafted {
		t.Fatalf("the second day: %s %v %v", r.State, r.Reasons, second)
	}
	if got := d.messages(first[0].Run); len(got) != 1 || got[0].State != ledger.StateHeld {
		t.Errorf("the first letter became %v", got)
	}
}

// What is wrong whatever the table has is refused. What doesn't fit the table as it is now keeps this job's run waiting with the
// same words, and nothing else: somebody who renames a column in the evening must not keep bod from starting.
func TestCheckFindsWhatARowJobGetsWrong(t *testing.T) {
	for _, tt := range []struct{ name, from, to, says string }{
		{"a wrong key", `key = ["得意先コード"]`, `key = ["得意先番号"]`, "「得意先番号」という列はありません"},
		{"a wrong address", `{メール}`, `{アドレス}`, "「アドレス」という列はありません"},
		{"a wrong company", `company = "得意先名"`, `company = "会社"`, "「会社」という列はありません"},
		{"a wrong rule", `送付方法 = "メール"`, `送付 = "メール"`, "「送付」という列はありません"},
		{"a wrong pattern", `{得意先コード}-*`, `{得意先番号}-*`, "{得意先番号} は、表「customers」の列でも"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t, strings.Replace(eachJob, tt.from, tt.to, 1), someCustomers(t))
			if !slices.ContainsFunc(o.c.Warnings, func(p config.Problem) bool { return p.Table && p.Line > 0 && strings.Contains(p.String(), tt.says) }) {
				t.Errorf("told %v", o.c.Warnings)
			}
			p := o.prepare(o.rowWorld("monthend", "2026-11", tokyo(2026, 11, 24, 10, 0)))
			if len(p.Drafts) > 0 || !strings.Contains(texts(p.Missing), tt.says) {
				t.Errorf("the run drafted %d and waits for %s", len(p.Drafts), texts(p.Missing))
			}
		})
	}
	for _, tt := range []struct{ name, from, to, says string }{
		{"no source", `each = "customers"`, `each = "client"`, "[source.client] がありません"},
		{"no key", `key = ["得意先コード"]`, ``, "行を見分ける列（key）がありません"},
		{"a rule that can't be read", `送付方法 = "メール"`, `送付方法 = = "メール"`, ""},
		{"a choice", `count_by = "送付方法"`, `if_no_file = "ignore"`, "wait、skip のどれか"},
		{"together", `count_by = "送付方法"`, `together = true`, "together は書けません"},
		{"without each", `each = "customers"`, ``, "表の行ごとに送るときの項目です"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &office{t: t, dir: t.TempDir()}
			for name, text := range someCustomers(t) {
				o.write(name, text)
			}
			c, ps := o.load(strings.Replace(eachJob, tt.from, tt.to, 1))
			if c != nil || !slices.ContainsFunc(ps, func(p config.Problem) bool { return p.Line > 0 && strings.Contains(p.String(), tt.says) }) {
				t.Errorf("loaded %t, told %v", c != nil, ps)
			}
		})
	}
}

// Who says yes to a sum reads what of it a check holds, and so will not leave by that yes.
func TestRequestTellsWhatACheckHolds(t *testing.T) {
	const check = "\n[[job.monthend.check]]\nwrong_if = '得意先コード == \"0012\"'\nsay = \"先方と調整中です\"\n"
	d := newDesk(t, realMail+eachJob+check, someCustomers(t), tokyo(2026, 11, 24, 8, 0))
	r := d.run("monthend", "2026-11", tokyo(2026, 11, 24, 10, 0))
	got := strings.Join(d.notices(tokyo(2026, 11, 24, 10, 1)), "\n=====\n")
	if !strings.Contains(got, "うち止めているもの：1通　129,800円（") {
		t.Errorf("the request of %s lacks what is held:\n%s", r.Number, got)
	}
}

// The request says the count in words, last month's beside this month's, and what changed: not sixty points.
func TestConfirmRequestOfRows(t *testing.T) {
	files := someCustomers(t)
	d := newDesk(t, realMail+eachJob, files, tokyo(2026, 11, 24, 8, 0))
	r := d.run("monthend", "2026-11", tokyo(2026, 11, 24, 10, 0))
	golden(t, "notice-confirm-rows-ja", strings.Join(d.notices(tokyo(2026, 11, 24, 10, 1)), "\n=====\n"))
	d.confirm(r.ID, "tanaka", tokyo(2026, 11, 24, 11, 0))
	d.deliver(tokyo(2026, 11, 25, 10, 1), mailer.Sent, "")
	d.write("data/customers.csv", customerList(t,
		"0012,株式会社ひばり工業,購買部,山田,keiri@hibari.example,メール,月末,220000,2027/01/31",
		"0017,合同会社すばる,,,subaru@subaru.example,メール,月末,1000,2027/01/31"))
	d.write("請求書/2026-12/0012-INV8.pdf", goodPDF+"128")
	d.write("請求書/2026-12/0017-INV9.pdf", goodPDF+"179")
	d.run("monthend", "2026-12", tokyo(2026, 12, 22, 10, 0))
	got := strings.Join(d.notices(tokyo(2026, 12, 22, 10, 1)), "\n=====\n")
	for _, want := range []string{"hibari@hibari.example → keiri@hibari.example", "129,800円 → 220,000円", "すばる様", "今回はない宛先：1件", "2件＝メール2"} {
		if !strings.Contains(got, want) {
			t.Errorf("the request lacks %q", want)
		}
	}
	golden(t, "notice-confirm-rows-later-ja", got)
}
