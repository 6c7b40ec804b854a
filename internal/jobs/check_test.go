package jobs

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/config"
	"bod/internal/document"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// TestMain lets the test binary be the child that reads PDFs.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == document.Command {
		os.Exit(document.Serve(os.Stdin, os.Stdout))
	}
	remove, err := document.TestOnlyReader()
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // the tests' own program reads them then, slowly
	}
	status := m.Run()
	remove()
	os.Exit(status)
}

// realPDF is an invoice that Chromium made: 株式会社アクメ商事 御中, 2026年11月分, INV-2026-1101, 129,800円, T7123456789012.
func realPDF(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("../document/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const checkedJob = `
[source.orders]
title = "受注一覧"
file = "data/orders.csv"
[job.hosting]
kind = "send"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
about = "当月"
to = ["acme"]
letter = "letters/a.txt"
fields = { "得意先コード" = "C001", "備考" = "" }
`

const orders = "得意先コード,金額\nC001,100000\nC001,29800\nC002,5\n"

// checkCase is one message and how the last of its checks has to come out.
type checkCase struct {
	name    string
	lines   string // of jobs.toml: keys of the job, then its checks
	file    string // of the attachment; "" for Chromium's invoice
	files   map[string]string
	before  func(d *desk) // what happened in October
	want    Verdict
	says    string // in the result's words
	waiting bool   // it waits for a source, so that nothing is judged
}

const (
	oneFile = "attach = [\"請求書/{about.folder}/acme-*.pdf\"]\n"
	noFile  = ""
)

func october(d *desk) {
	d.write("請求書/2026-10/acme-1.pdf", d.read("請求書/2026-11/acme-1.pdf"))
	sentInOctober(d)
}

func sentInOctober(d *desk) {
	d.run("hosting", "2026-10", tokyo(2026, 10, 23, 10, 0))
	d.deliver(tokyo(2026, 10, 23, 10, 1), mailer.Sent, "250 ok")
}

// read is a file of the office.
func (d *desk) read(name string) string {
	d.t.Helper()
	b, err := os.ReadFile(d.dir + "/" + name)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

// otherInOctober sends another file with the amount of October.
func otherInOctober(amount int64) func(d *desk) {
	return func(d *desk) {
		d.write("請求書/2026-10/acme-1.pdf", realPDF(d.t, "libreoffice.pdf"))
		d.now = tokyo(2026, 10, 23, 10, 0)
		w := d.world("hosting", "2026-10", d.now)
		d.update(func(tx *ledger.Tx) error {
			id, _, err := tx.AddRun(ledger.Run{Job: "hosting", Period: "2026-10", Nominal: w.Occurrence.Nominal, Due: w.Occurrence.Due, PrepareAt: d.now, State: ledger.RunPlanned})
			if err != nil {
				return err
			}
			if err := tx.MoveRun(id, ledger.RunPlanned, ledger.RunRunning, ledger.RunChange{}); err != nil {
				return err
			}
			m, err := Render(w, Draft{Class: ledger.ClassLetter, Part: "acme", Addressee: "アクメ商事様", Letter: letterTo(d.c, []mailer.Address{{Mail: "ap@acme.example"}}, nil, "x", "x", true),
				Recipients: []ledger.Recipient{{Mail: "ap@acme.example", Role: "to", Outside: true}}, Amount: &amount})
			if err != nil {
				return err
			}
			if _, err := tx.Seal(id, []ledger.NewMessage{m}, nil, true); err != nil {
				return err
			}
			return tx.MoveRun(id, ledger.RunRunning, ledger.RunDrafted, ledger.RunChange{})
		})
		d.deliver(tokyo(2026, 10, 23, 10, 1), mailer.Sent, "250 ok")
	}
}

func check1(lines string) string { return "[[job.hosting.check]]\n" + lines + "\n" }

const readAmount = "[[job.hosting.check]]\npdf_amount = { label = \"ご請求金額\" }\n"

func checkCases(t *testing.T) map[string][]checkCase {
	scanned, encrypted := realPDF(t, "scanned.pdf"), realPDF(t, "encrypted.pdf")
	half := realPDF(t, "half-scanned.pdf") // its second page is a picture
	return map[string][]checkCase{
		"own_address": {
			{name: "the partner's own", lines: check1("own_address = true"), want: Passed},
			{name: "a colleague of theirs", lines: "cc = [\"boss@acme.example\"]\n" + check1("own_address = true"), want: Passed},
			{name: "another partner's", lines: "cc = [\"gyomu@minato.example\"]\n" + check1("own_address = true"), want: Wrong, says: "みなと物産"},
			{name: "nobody's", lines: "cc = [\"x@elsewhere.example\"]\n" + check1("own_address = true"), want: Wrong, says: "x@elsewhere.example"},
			{name: "several", lines: "together = true\nto = [\"acme\", \"minato\"]\n" + check1("own_address = true"), want: Unjudged},
		},
		"attached": {
			{name: "a PDF", lines: oneFile + check1("attached = \"pdf\""), want: Passed},
			{name: "scanned", lines: oneFile + check1("attached = \"pdf\""), file: scanned, want: Passed},
			{name: "nothing", lines: noFile + check1("attached = \"pdf\""), want: Wrong, says: "添付がありません"},
			{name: "another type", lines: oneFile + check1("attached = \"xlsx\""), want: Wrong, says: "種類"},
			{name: "encrypted", lines: oneFile + check1("attached = \"pdf\""), file: encrypted, want: Wrong, says: "パスワード"},
			{name: "broken inside", lines: oneFile + check1("attached = \"pdf\""), file: goodPDF, want: Unjudged},
		},
		"made_within": {
			{name: "this month's", lines: oneFile + check1("made_within = \"40 days\""), want: Passed},
			{name: "old", lines: "about = \"前月\"\n" + oneFile + check1("made_within = \"1 day\""), files: map[string]string{"請求書/2026-10/acme-1.pdf": goodPDF}, want: Wrong, says: "11/1"},
			{name: "no file", lines: noFile + check1("made_within = \"40 days\""), want: Unjudged},
		},
		"pdf_contains": {
			{name: "it stands there", lines: oneFile + check1(`pdf_contains = ["アクメ商事", "{対象月}", "{company.registration}", "Ｔ７１２３ ４５６７"]`), want: Passed},
			{name: "another month", lines: oneFile + check1(`pdf_contains = ["2026年10月分"]`), want: Wrong, says: "2026年10月分"},
			{name: "scanned", lines: oneFile + check1(`pdf_contains = ["アクメ商事"]`), file: scanned, want: Unjudged, says: "画像"},
			{name: "a page scanned", lines: oneFile + check1(`pdf_contains = ["アクメ商事"]`), file: half, want: Passed},
			{name: "perhaps on the page scanned", lines: oneFile + check1(`pdf_contains = ["しおかぜ"]`), file: half, want: Unjudged, says: "2ページ目"},
			{name: "encrypted", lines: oneFile + check1(`pdf_contains = ["アクメ商事"]`), file: encrypted, want: Unjudged},
			{name: "an empty field", lines: oneFile + check1(`pdf_contains = ["{備考}"]`), want: Unjudged},
			{name: "no PDF", lines: noFile + check1(`pdf_contains = ["アクメ商事"]`), want: Unjudged},
		},
		"pdf_lacks": {
			{name: "it does", lines: oneFile + check1(`pdf_lacks = ["見積書"]`), want: Passed},
			{name: "it stands there", lines: oneFile + check1(`pdf_lacks = ["御請求書"]`), want: Wrong},
			{name: "scanned", lines: oneFile + check1(`pdf_lacks = ["見積書"]`), file: scanned, want: Unjudged},
			{name: "a page scanned", lines: oneFile + check1(`pdf_lacks = ["見積書"]`), file: half, want: Unjudged, says: "2ページ目"},
		},
		"pdf_amount": {
			{name: "the orders' total", lines: oneFile + check1(`pdf_amount = { label = "ご請求金額", equals = '合計("orders", 金額, 得意先コード)' }`), want: Passed, says: "受注一覧 129,800円"},
			{name: "another amount", lines: oneFile + check1(`pdf_amount = { label = "ご請求金額", equals = '合計("orders", 金額, 得意先コード)' }`), files: map[string]string{"data/orders.csv": orders + "C001,1\n"}, want: Wrong, says: "受注一覧 129,801円、PDF 129,800円"},
			{name: "read twice, from itself", lines: oneFile + readAmount + readAmount, want: Passed, says: "PDFの金額を読みました"},
			{name: "no such label", lines: oneFile + check1(`pdf_amount = { label = "お見積金額", equals = '1' }`), want: Unjudged},
			{name: "scanned", lines: oneFile + check1(`pdf_amount = { label = "ご請求金額", equals = '129800' }`), file: scanned, want: Unjudged},
			{name: "no orders", lines: oneFile + check1(`pdf_amount = { label = "ご請求金額", equals = '合計("orders", 金額, 得意先コード)' }`), files: map[string]string{"data/orders.csv": ""}, waiting: true},
			{name: "no such column", lines: oneFile + check1(`pdf_amount = { label = "ご請求金額", equals = '合計("orders", 請求額, 得意先コード)' }`), want: Unjudged},
		},
		"within": {
			{name: "near", lines: oneFile + readAmount + check1(`within = "20%"`), before: otherInOctober(120_000), want: Passed},
			{name: "far", lines: oneFile + readAmount + check1(`within = "5%"`), before: otherInOctober(110_000), want: Wrong, says: "110,000円"},
			{name: "the first", lines: oneFile + readAmount + check1(`within = "20%"`), want: Unjudged},
			{name: "no amount", lines: oneFile + check1(`within = "20%"`), before: otherInOctober(110_000), want: Unjudged},
		},
		"no_other_partner": {
			{name: "nobody else", lines: oneFile + check1("no_other_partner = true"), want: Passed},
			{name: "in the subject", lines: oneFile + "subject = \"みなと物産様の請求書\"\n" + check1("no_other_partner = true"), want: Wrong, says: "件名 みなと物産"},
			{name: "in the PDF", lines: "to = [\"minato\"]\n" + strings.ReplaceAll(oneFile, "acme", "acme") + check1("no_other_partner = true"), want: Wrong, says: "アクメ商事"},
			{name: "scanned", lines: oneFile + check1("no_other_partner = true"), file: scanned, want: Unjudged},
			{name: "a page scanned", lines: oneFile + check1("no_other_partner = true"), file: half, want: Unjudged, says: "2ページ目"},
		},
		"not_sent_before": {
			{name: "the first", lines: oneFile + check1("not_sent_before = true"), want: Passed},
			{name: "last month's file", lines: oneFile + check1("not_sent_before = true"), before: october, want: Wrong, says: "10/23"},
			{name: "no file", lines: noFile + check1("not_sent_before = true"), want: Unjudged},
			{name: "the same text, made anew", lines: oneFile + check1("not_sent_before = true"), before: func(d *desk) {
				// Behind the end of a PDF may stand anything: other bytes, the same document.
				d.write("請求書/2026-10/acme-1.pdf", d.read("請求書/2026-11/acme-1.pdf")+"% made anew\n")
				sentInOctober(d)
			}, want: Wrong, says: "PDFの文字が、前に送ったものと同じです"},
			{name: "scanned", lines: oneFile + check1("not_sent_before = true"), file: scanned, want: Unjudged},
			{name: "a page scanned", lines: oneFile + check1("not_sent_before = true"), file: half, want: Unjudged, says: "2ページ目"},
		},
		"new_number": {
			{name: "the first", lines: oneFile + check1(`new_number = "請求書番号"`), want: Passed, says: "INV-2026-1101"},
			{name: "last month's", lines: oneFile + check1(`new_number = "請求書番号"`), before: func(d *desk) {
				d.write("請求書/2026-10/acme-1.pdf", realPDF(d.t, "libreoffice.pdf"))
				sentInOctober(d)
			}, want: Wrong},
			{name: "no number", lines: oneFile + check1(`new_number = "ファイル番号"`), want: Unjudged},
		},
		"required": {
			{name: "filled", lines: check1(`required = ["対象月", "得意先コード"]`), want: Passed},
			{name: "empty", lines: check1(`required = ["備考"]`), want: Wrong},
			{name: "nobody in particular", lines: "together = true\nto = [\"acme\", \"minato\"]\n" + check1(`required = ["会社名"]`), want: Unjudged},
		},
		"wrong_if": {
			{name: "it is not so", lines: oneFile + check1(`wrong_if = '添付数 > 1'`), want: Passed},
			{name: "it is so", lines: oneFile + check1(`wrong_if = '添付数 = 1'`), want: Wrong},
			{name: "no amount", lines: oneFile + check1(`wrong_if = '金額 > 1000000'`), want: Unjudged},
		},
		"must": {
			{name: "it holds", lines: oneFile + readAmount + check1(`must = '金額 = 合計("orders", 金額, 得意先コード)'`), want: Passed},
			{name: "it does not", lines: oneFile + check1("must = '添付数 = 2'\nsay = \"添付は2点のはずです（{添付数}点）\""), want: Wrong, says: "添付は2点のはずです（1点）"},
			{name: "no amount", lines: oneFile + check1(`must = '金額 > 0'`), want: Unjudged},
		},
	}
}

// Every type of check passes what is right, holds what is wrong, and holds what it can't judge.
func TestChecks(t *testing.T) {
	cases := checkCases(t)
	for _, typ := range checkTypes {
		for _, v := range []Verdict{Passed, Wrong, Unjudged} {
			if !slices.ContainsFunc(cases[typ.name], func(c checkCase) bool { return c.want == v && !c.waiting }) {
				t.Errorf("the check %s has no case that comes out as %s", typ.name, v)
			}
		}
		for _, c := range cases[typ.name] {
			t.Run(typ.name+"/"+c.name, func(t *testing.T) {
				file := c.file
				if file == "" {
					file = realPDF(t, "chromium.pdf")
				}
				files := map[string]string{"letters/a.txt": "件名：ご請求書\n\n{対象月}\n", "data/orders.csv": orders, "請求書/2026-11/acme-1.pdf": file}
				maps.Copy(files, c.files)
				job := checkedJob
				for _, key := range []string{"to = ", "about = "} { // said anew by the case
					if at := strings.Index(c.lines, key); at == 0 || at > 0 && c.lines[at-1] == '\n' {
						was := job[strings.Index(job, "\n"+key)+1:]
						job = strings.Replace(job, was[:strings.Index(was, "\n")+1], "", 1)
					}
				}
				d := newDesk(t, officeHead+job+c.lines, files, tokyo(2026, 10, 1, 9, 0))
				if c.before != nil {
					c.before(d)
				}
				d.now = tokyo(2026, 11, 24, 10, 0)
				r := d.run("hosting", "2026-11", d.now)
				if c.waiting {
					if r.State != ledger.RunWaiting {
						t.Errorf("the run is %s", r.State)
					}
					return
				}
				ms := d.messages(r.ID)
				if len(ms) != 1 {
					t.Fatalf("%d messages: %v", len(ms), r.Reasons)
				}
				var rs []Result
				d.view(func(v *ledger.View) (err error) { rs, err = Checked(v, ms[0]); return err })
				if len(rs) == 0 {
					t.Fatal("the ledger does not know how the checks came out")
				}
				last := rs[len(rs)-1]
				if last.Check != typ.name || last.Verdict != c.want || !strings.Contains(last.Words("ja"), c.says) {
					t.Errorf("%s is %s: %s, want %s with %q", last.Check, last.Verdict, last.Words("ja"), c.want, c.says)
				}
				held := slices.ContainsFunc(ms[0].Holds, func(h ledger.Hold) bool { return h.Reason == ledger.Check })
				if want := c.want != Passed; held != want {
					t.Errorf("held by the check: %t, want %t", held, want)
				}
			})
		}
	}
}

// A cause that was mended lets the letter go by itself; the same cause holds the same letter, and a person's word about it
// counts until something changes.
func TestCheckIsAskedAgain(t *testing.T) {
	files := map[string]string{"letters/a.txt": "件名：ご請求書\n\n{対象月}\n", "data/orders.csv": orders + "C001,1\n", "請求書/2026-11/acme-1.pdf": realPDF(t, "chromium.pdf")}
	d := newDesk(t, officeHead+checkedJob+oneFile+check1(`pdf_amount = { label = "ご請求金額", equals = '合計("orders", 金額, 得意先コード)' }`), files, tokyo(2026, 11, 1, 9, 0))
	at := tokyo(2026, 11, 24, 10, 0)
	first := d.messages(d.run("hosting", "2026-11", at).ID)[0]
	digest := func() (string, int) {
		w := d.world("hosting", "2026-11", at.Add(time.Hour))
		defer w.OpenTables()()
		var p Prepared
		d.view(func(v *ledger.View) error {
			w.Ledger, w.Run = v, d.runOf("hosting", "2026-11")
			p = d.prepare(w)
			return nil
		})
		if len(p.Drafts) != 1 {
			t.Fatal(texts(p.Missing))
		}
		return Digest(p.Drafts[0].Inputs), len(p.Drafts[0].Hold)
	}
	if got, holds := digest(); got != Digest(first.Inputs) || holds != 1 {
		t.Error("the same message is another one an hour later")
	}
	d.write("data/orders.csv", orders)
	if got, holds := digest(); got == Digest(first.Inputs) || holds != 0 {
		t.Error("the mended orders do not let it go")
	}
}

// What is agreed to be no reason to hold is told and not held: with warn in the request and the summary, with tell at once
// to those who were named, and each only once.
func TestCheckThatHoldsNothing(t *testing.T) {
	lines := "confirm = { by = [\"tanaka\"], count = 1 }\n" + oneFile +
		check1("must = '添付数 = 2'\nthen = \"warn\"\nsay = \"添付は2点のはずです（{添付数}点）\"") +
		check1("wrong_if = '添付数 > 0'\nthen = \"tell\"\ntell = [\"ogawa\"]\nsay = \"添付があります\"") +
		check1("must = '金額 > 0'\nthen = \"warn\"")
	files := map[string]string{"letters/a.txt": "件名：ご請求書\n\n{対象月}\n", "data/orders.csv": orders, "請求書/2026-11/acme-1.pdf": realPDF(t, "chromium.pdf")}
	d := newDesk(t, realMail+"[summary]\nto = \"sato\"\nat = \"17:00\"\n"+checkedJob+lines, files, tokyo(2026, 11, 1, 9, 0))
	r := d.run("hosting", "2026-11", tokyo(2026, 11, 24, 10, 0))
	m := d.messages(r.ID)[0]
	var rs []Result
	d.view(func(v *ledger.View) (err error) { rs, err = Checked(v, m); return err })
	if len(rs) != 3 || rs[0].Then != thenWarn || rs[1].Then != thenTell || rs[2].Verdict != Unjudged || rs[2].Then != thenHold {
		t.Fatalf("%+v", rs)
	}
	// What could not be judged is held, whatever was agreed of what is wrong.
	holds := slices.DeleteFunc(slices.Clone(m.Holds), func(h ledger.Hold) bool { return h.Reason != ledger.Check })
	if len(holds) != 1 || strings.Contains(holds[0].Text, "添付") {
		t.Fatalf("%v", holds)
	}
	told := strings.Join(d.notices(tokyo(2026, 11, 24, 10, 1)), "\n=====\n")
	for _, want := range []string{"小川", "送るのは止めていません", "添付があります", "△ 添付は2点のはずです（1点）"} {
		if !strings.Contains(told, want) {
			t.Errorf("the notices lack %q:\n%s", want, told)
		}
	}
	if again := d.notices(tokyo(2026, 11, 24, 11, 0)); len(again) != 0 {
		t.Errorf("told again: %v", again)
	}
}

func TestSoftCheckInRequestAndSummary(t *testing.T) {
	lines := "confirm = { by = [\"tanaka\"], count = 1 }\n" + oneFile +
		check1("must = '添付数 = 2'\nthen = \"warn\"\nsay = \"添付は2点のはずです（{添付数}点）\"") + check1(`pdf_contains = ["アクメ商事"]`)
	files := map[string]string{"letters/a.txt": "件名：ご請求書\n\n{対象月}\n", "data/orders.csv": orders, "請求書/2026-11/acme-1.pdf": realPDF(t, "chromium.pdf")}
	d := newDesk(t, realMail+"[summary]\nto = \"sato\"\nat = \"17:00\"\n"+checkedJob+lines, files, tokyo(2026, 11, 1, 9, 0))
	r := d.run("hosting", "2026-11", tokyo(2026, 11, 24, 10, 0))
	request := strings.Join(d.notices(tokyo(2026, 11, 24, 10, 1)), "\n=====\n")
	look, well, _ := strings.Cut(request, "【確認済みのところ】")
	if !strings.Contains(look, "1. アクメ商事様：添付は2点のはずです（1点）") || !strings.Contains(well, "PDFに「アクメ商事」があります") {
		t.Errorf("the request is\n%s", request)
	}
	d.confirm(r.ID, "tanaka", tokyo(2026, 11, 24, 11, 0))
	d.deliver(tokyo(2026, 11, 25, 10, 1), mailer.Sent, "250 ok")
	s := d.summaryAt(tokyo(2026, 11, 25, 17, 0))["sato"]
	if !strings.Contains(s, "注意　アクメ商事様：添付は2点のはずです（1点）") {
		t.Errorf("the summary is\n%s", s)
	}
}

// Two customers under whose names one and the same invoice was saved: neither is sent it.
func TestTwoWithTheSameFile(t *testing.T) {
	files := someCustomers(t)
	files["請求書/2026-11/0013-INV2.pdf"] = files["請求書/2026-11/0012-INV1.pdf"]
	o := newOffice(t, eachJob+"[[job.monthend.check]]\nnot_sent_before = true\n", files)
	p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
	if len(p.Drafts) != 2 {
		t.Fatal(texts(p.Missing))
	}
	for _, d := range p.Drafts {
		if len(d.Hold) != 1 || !strings.Contains(d.Hold[0].Text, "この回のほかの宛先と、添付の中身が同じです") {
			t.Errorf("%s: %v", d.Part, d.Hold)
		}
	}
}

// Two invoices of one run that bear one number: neither is sent.
func TestTwoWithTheSameNumber(t *testing.T) {
	files := someCustomers(t)
	files["請求書/2026-11/0012-INV1.pdf"] = realPDF(t, "chromium.pdf")
	files["請求書/2026-11/0013-INV2.pdf"] = realPDF(t, "chromium.pdf") + "\n"
	o := newOffice(t, eachJob+"[[job.monthend.check]]\nnew_number = \"請求書番号\"\n", files)
	p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
	if len(p.Drafts) != 2 {
		t.Fatal(texts(p.Missing))
	}
	for _, d := range p.Drafts {
		if len(d.Hold) != 1 || !strings.Contains(d.Hold[0].Text, "この回のほかの宛先と、同じ番号です（請求書番号 INV-2026-1101") {
			t.Errorf("%s: %v", d.Part, d.Hold)
		}
	}
}

// A file's name is read by who gets it, and what can't be looked into is for a person.
func TestNamesInAttachments(t *testing.T) {
	for _, tt := range []struct{ ending, file, content, says string }{
		{"pdf", "0012-1.pdf", realPDF(t, "chromium.pdf"), ""},
		{"pdf", "0012-さくら商会.pdf", realPDF(t, "chromium.pdf"), "添付の名前 さくら商会"},
		{"csv", "0012-1.csv", "品名,金額\r\nさくら商会,1\r\n", "PDFでない添付の中は"},
	} {
		files := map[string]string{"letters/each.txt": eachLetter, "請求書/2026-11/" + tt.file: tt.content, "data/customers.csv": customerList(t,
			"0012,株式会社アクメ商事,,,ap@acme.example,メール,月末,129800,2026/12/31", "0014,さくら商会,,,,郵送,月末,5000,2026/12/31")}
		o := newOffice(t, strings.Replace(eachJob, "-*.pdf", "-*."+tt.ending, 1)+"[[job.monthend.check]]\nno_other_partner = true\n", files)
		p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
		if len(p.Drafts) != 1 {
			t.Fatal(texts(p.Missing))
		}
		text := ""
		for _, h := range p.Drafts[0].Hold {
			text = h.Text
		}
		if (tt.says == "") != (text == "") || !strings.Contains(text, tt.says) {
			t.Errorf("%s: held for %q, want %q", tt.file, text, tt.says)
		}
	}
}

// The names that no letter to one customer may have are those of the table, too; what our own address, or a longer name of
// one's own, has in it is none.
func TestNamesOfOtherRows(t *testing.T) {
	for _, tt := range []struct{ name, subject, company, says string }{
		{"its own", "ひばり工業様の件", "", ""},
		{"another row's", "さくら商会様の件", "", "件名 さくら商会"},
		{"another row's, in half-width and apart", "ｻｸﾗ物流 と", "サクラ物流㈱", "サクラ物流"},
		{"in Latin letters", "For ACE  Ltd", "Ace 株式会社", "Ace"},
		{"a part of a word", "A place", "Ace 株式会社", ""},
		{"our bank's", "みほん銀行の口座", "みほん銀行", ""},
		{"one's own is longer", "ひばり工業様の件", "ひばり", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := someCustomers(t)
			rows := []string{"0012,株式会社ひばり工業,,,hibari@hibari.example,メール,月末,1,2026/12/31", "0014,さくら商会,,,,郵送,月末,5000,2026/12/31"}
			if tt.company != "" {
				rows = append(rows, "0020,"+tt.company+",,,,郵送,月末,5000,2026/12/31")
			}
			files["data/customers.csv"] = customerList(t, rows...)
			files["letters/each.txt"] = "件名：" + tt.subject + "\n\n{宛名}\n"
			for name := range files {
				if strings.HasPrefix(name, "請求書/") {
					delete(files, name)
				}
			}
			job := strings.Replace(eachJob, "attach = [\"請求書/{about.folder}/{得意先コード}-*.pdf\"]\n", "", 1)
			o := newOffice(t, job+"[[job.monthend.check]]\nno_other_partner = true\n", files)
			p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
			if len(p.Drafts) != 1 {
				t.Fatal(texts(p.Missing))
			}
			var text strings.Builder
			for _, h := range p.Drafts[0].Hold {
				text.WriteString(h.Text)
			}
			if (tt.says == "") != (text.String() == "") || !strings.Contains(text.String(), tt.says) {
				t.Errorf("held: %q, want %q", text.String(), tt.says)
			}
		})
	}
}

const checkedRows = `
[source.pos]
file = "data/pos.csv"
[source.orders]
title = "受注一覧"
file = "data/orders.csv"
[job.po]
kind = "send"
title = "注文書"
owner = "sato"
when = "毎営業日 10:00"
each = "pos"
key = ["注文番号"]
once = "key"
company = "仕入先"
to = ["{メール}"]
letter = "letters/po.txt"
`

// An order that is sent by row is held against the one that it fulfils: what, how many, where to. What the row names and the
// orders don't have can't be judged.
func TestRowsAgainstWhatTheyFulfil(t *testing.T) {
	const checks = `[[job.po.check]]
must = '参照("orders", 受注番号).型番 = 型番'
say = '型番が受注（{参照("orders", 受注番号).型番}）と違います：{型番}'
[[job.po.check]]
must = '参照("orders", 受注番号).数量 = 数量'
[[job.po.check]]
must = '参照("orders", 受注番号).納品先 = 納品先'
[[job.po.check]]
required = ["納品先", "型番"]
[[job.po.check]]
wrong_if = '件数("pos", 受注番号) > 1'
say = '受注 {受注番号} の注文が {件数("pos", 受注番号)} 件あります'
`
	const list = "注文番号,受注番号,仕入先,メール,型番,数量,納品先\n"
	for _, tt := range []struct{ name, rows, says string }{
		{"all the same", "P1,S1,東亜流通,toa@toa.example,AB-100,3,本社倉庫", ""},
		{"written otherwise", "P1,S1,東亜流通,toa@toa.example,ＡＢ－100,\"3\",本社倉庫", ""},
		{"another part", "P1,S1,東亜流通,toa@toa.example,AB-101,3,本社倉庫", "型番が受注（AB-100）と違います：AB-101"},
		{"another number", "P1,S1,東亜流通,toa@toa.example,AB-100,30,本社倉庫", "参照(\"orders\", 受注番号).数量 3、数量 30"},
		{"another place", "P1,S1,東亜流通,toa@toa.example,AB-100,3,大阪支店", "納品先 大阪支店"},
		{"no place", "P1,S1,東亜流通,toa@toa.example,AB-100,3,", "空の欄があります"},
		{"no such order", "P1,S9,東亜流通,toa@toa.example,AB-100,3,本社倉庫", "S9"},
		{"ordered twice", "P1,S1,東亜流通,toa@toa.example,AB-100,3,本社倉庫\nP2,S1,東亜流通,toa@toa.example,AB-100,3,本社倉庫", "受注 S1 の注文が 2 件あります"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"letters/po.txt": "件名：注文書（{注文番号}）\n\n{宛名}\n\n{型番}を{数量}個お願いします。\n", "data/pos.csv": list + tt.rows + "\n",
				"data/orders.csv": "受注番号,型番,数量,納品先\nS1,AB-100,3,本社倉庫\nS2,AB-200,1,本社倉庫\n"}
			for _, away := range []bool{false, true} { // the rules are typed when the file is read, or when the run is
				o := &office{t: t, dir: t.TempDir()}
				for name, text := range files {
					if !away || !strings.HasPrefix(name, "data/") {
						o.write(name, text)
					}
				}
				c, ps := o.load(checkedRows + checks)
				if c == nil {
					t.Fatal(ps)
				}
				o.c = c
				for name, text := range files {
					o.write(name, text)
				}
				p := o.prepare(o.rowWorld("po", "2026-11-24", tokyo(2026, 11, 24, 10, 0)))
				if len(p.Missing) > 0 || len(p.Drafts) == 0 {
					t.Fatal(texts(p.Missing))
				}
				text := ""
				for _, h := range p.Drafts[0].Hold {
					text = h.Text
				}
				if (tt.says == "") != (text == "") || !strings.Contains(text, tt.says) {
					t.Errorf("away %t: held for %q, want %q", away, text, tt.says)
				}
			}
		})
	}
	o := newOffice(t, checkedRows, map[string]string{"letters/po.txt": "件名：注文書\n\n{宛名}\n", "data/pos.csv": list + "P1,S1,東亜流通,toa@toa.example,AB-100,3,本社\n", "data/orders.csv": "受注番号\nS1\n"})
	for lines, want := range map[string]string{
		`must = '型蕃 = "x"'`: "「型蕃」という列はありません", `pdf_contains = ["{納品元}"]`: "{納品元} という欄はありません", `required = ["納品元"]`: "「納品元」という欄はありません", `must = '数量 = "3"'`: "左は数、右は文字",
	} {
		c, ps := o.load(checkedRows + "[[job.po.check]]\n" + lines + "\n")
		if c == nil || !slices.ContainsFunc(ps, func(p config.Problem) bool { return p.Table && p.Line > 0 && strings.Contains(p.What, want) }) {
			t.Errorf("%s: %v", lines, ps)
		}
	}
}

// Each customer's PDF is held against its own row: the name and the amount that stand there.
func TestRowsPDFs(t *testing.T) {
	const checks = `[[job.monthend.check]]
pdf_contains = ["{得意先名}"]
[[job.monthend.check]]
pdf_amount = { label = "ご請求金額" }
[[job.monthend.check]]
own_address = true
`
	for _, tt := range []struct{ name, row, more, says string }{
		{"right", "0012,株式会社アクメ商事,,,ap@acme.example,メール,月末,129800,2026/12/31", "", ""},
		{"another's", "0012,ひばり工業,,,hibari@hibari.example,メール,月末,129800,2026/12/31", "", "PDFに「ひばり工業」がありません"},
		{"another amount", "0012,株式会社アクメ商事,,,ap@acme.example,メール,月末,129801,2026/12/31", "", "表 129,801円、PDF 129,800円"},
		{"a branch at the address of its company", "0012,アクメ商事 大阪支店,,,ap@acme.example,メール,月末,129800,2026/12/31", "", "PDFに「アクメ商事 大阪支店」がありません"},
		{"another row's address", "0012,株式会社アクメ商事,,,x@hibari.example,メール,月末,129800,2026/12/31", "0013,ひばり工業,,,x@hibari.example,郵送,月末,1,2026/12/31", "別の会社（ひばり工業）"},
		{"one of several that another row has", "0012,株式会社アクメ商事,,,x@hibari.example,メール,月末,129800,2026/12/31", "0013,ひばり工業,,,y@hibari.example； X@hibari.example,郵送,月末,1,2026/12/31", "別の会社（ひばり工業）"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"letters/each.txt": eachLetter, "data/customers.csv": customerList(t, tt.row, tt.more), "請求書/2026-11/0012-1.pdf": realPDF(t, "chromium.pdf")}
			o := newOffice(t, eachJob+checks, files)
			p := o.prepare(o.rowWorld("monthend", "2026-11", preparedAt))
			if len(p.Drafts) != 1 {
				t.Fatal(texts(p.Missing))
			}
			text := ""
			for _, h := range p.Drafts[0].Hold {
				text = h.Text
			}
			if (tt.says == "") != (text == "") || !strings.Contains(text, tt.says) {
				t.Errorf("held for %q, want %q", text, tt.says)
			}
		})
	}
}

// What a check may not say is an error with its line.
func TestCheckProblems(t *testing.T) {
	o := newOffice(t, checkedJob, map[string]string{"letters/a.txt": "件名：x\n\nx\n", "data/orders.csv": orders})
	for _, tt := range []struct{ lines, want string }{
		{`say = "x"`, "何を確かめるかがありません"},
		{"not_sent_before = true\npdf_lacks = \"x\"", "pdf_lacks と not_sent_before"},
		{"not_sent_before = false", "true と書きます"},
		{"not_sent_before = true\nthen = \"stop\"", "then = \"stop\""},
		{"not_sent_before = true\nthen = \"tell\"", "だれに知らせるか（tell）がありません"},
		{"not_sent_before = true\nthen = \"tell\"\ntell = \"nobody\"", "「nobody」という人は [people] にいません"},
		{"not_sent_before = true\ntell = \"sato\"", "tell は then = \"tell\" のときに書きます"},
		{"not_sent_before = true\nremind = \"3 business days\"", "remind は行の確認"},
		{`wrong_if = '添付敷 > 1'`, "添付敷"},
		{`must = '件名'`, "must"},
		{`attached = "exe"`, "exe"},
		{`pdf_contains = ["{対象付}"]`, "対象付"},
		{`pdf_amount = { lable = "x" }`, "lable"},
		{`within = "many"`, "割合"},
		{`required = ["得意先名"]`, "得意先名"},
	} {
		c, ps := o.load(checkedJob + check1(tt.lines))
		found := slices.ContainsFunc(ps, func(p config.Problem) bool {
			return !p.Warning && p.Line > 0 && p.Job == "hosting" && (strings.Contains(p.What, tt.want) || tt.want == "must")
		})
		if c != nil || !found {
			t.Errorf("%s: %v", tt.lines, ps)
		}
	}
}
