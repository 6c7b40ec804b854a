package jobs

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"

	"bod/internal/config"
	"bod/internal/ledger"
)

func invoices() map[string]string {
	return map[string]string{
		"letters/a.txt":               officeLetter,
		"請求書/2026-11/acme-0042.pdf":   goodPDF + "acme",
		"請求書/2026-11/minato-0044.pdf": goodPDF + "minato",
	}
}

var preparedAt = tokyo(2026, 11, 24, 10, 0)

func TestSendWritesOneLetterForEachCustomer(t *testing.T) {
	o := newOffice(t, invoiceJob, invoices())
	w := o.world("hosting", "2026-11", preparedAt)
	p := o.prepare(w)
	if len(p.Missing) != 0 || len(p.Drafts) != 2 {
		t.Fatalf("got %d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
	}
	m, s := o.render(w, p.Drafts[0])
	want := `株式会社アクメ商事
経理部 御中

いつもお世話になっております。
株式会社青空システム 経理部です。

2026年11月分の請求書（PDF 1点）をお送りいたします。
　acme-0042.pdf

--------------------------------------------------
株式会社青空システム　経理部
〒000-0000　東京都見本区見本町1-2-3
TEL 03-0000-0000
keiri@aozora.example
--------------------------------------------------
`
	if s.text != want {
		t.Errorf("the letter is\n%s\nwant\n%s", s.text, want)
	}
	if m.Subject != "【株式会社青空システム】2026年11月分 請求書送付のご案内" {
		t.Errorf("subject %q", m.Subject)
	}
	if m.Key != "hosting/2026-11/acme" || m.ConfirmCount != 1 || !slices.Equal(m.ConfirmBy, []string{"tanaka"}) {
		t.Errorf("key %s, confirm %d by %v", m.Key, m.ConfirmCount, m.ConfirmBy)
	}
	due := tokyo(2026, 11, 25, 10, 0)
	if !m.NotBefore.Equal(due) || !m.Date.Equal(due) {
		t.Errorf("not before %v, date %v, want the due moment %v", m.NotBefore, m.Date, due)
	}
	if !m.Deadline.IsZero() {
		t.Errorf("the letter's deadline is %v: how long it is tried counts from when it may go", m.Deadline)
	}
	var env []string
	for _, r := range m.Recipients {
		env = append(env, r.Role+" "+r.Mail)
	}
	if got := strings.Join(env, ", "); got != "to ap@acme.example, cc ogawa@aozora.example, bcc hikae@aozora.example" {
		t.Errorf("envelope: %s", got)
	}
	if bytes.Contains(m.Body, []byte("hikae@")) {
		t.Error("the blind copy's address stands in the message")
	}
	if !strings.Contains(string(m.Body), "X-Bod-Key: hosting/2026-11/acme") {
		t.Error("the message does not carry its key")
	}
	if p.Drafts[0].Addressee != "アクメ商事様" {
		t.Errorf("addressee for people: %q", p.Drafts[0].Addressee)
	}
	m2, s2 := o.render(w, p.Drafts[1])
	if !strings.HasPrefix(s2.text, "みなと物産株式会社\n業務部\n鈴木様\n") || strings.Contains(string(m2.Body), "acme") {
		t.Errorf("the second letter is\n%s", s2.text)
	}
	if got := strings.Join(s2.cc, ", "); !strings.Contains(got, "gyomu@minato.example") {
		t.Errorf("the partner's own cc is missing: %s", got)
	}
}

// What went out last time, what is asked and what is released are compared by the digest of the inputs.
func TestDigestChangesExactlyWithWhatGoesOut(t *testing.T) {
	at := func(o *office, now time.Time) string {
		t.Helper()
		p := o.prepare(o.world("hosting", "2026-11", now))
		if len(p.Drafts) != 2 {
			t.Fatalf("missing:\n%s", texts(p.Missing))
		}
		return Digest(p.Drafts[0].Inputs)
	}
	base := newOffice(t, invoiceJob, invoices())
	want := at(base, preparedAt)
	if got := at(base, preparedAt.Add(26*time.Hour)); got != want {
		t.Error("the time of day changed the digest")
	}
	for _, tt := range []struct {
		name   string
		differ bool
		job    string
		files  func(map[string]string)
	}{
		{"nothing", false, invoiceJob, nil},
		{"a comment and a purpose", false, "# note\n" + invoiceJob + "purpose = \"毎月の請求\"\nprepare = \"1営業日前\"\n", nil},
		{"another customer's file", false, invoiceJob, func(f map[string]string) { f["請求書/2026-11/minato-0044.pdf"] = goodPDF + "other" }},
		{"the file's bytes", true, invoiceJob, func(f map[string]string) { f["請求書/2026-11/acme-0042.pdf"] = goodPDF + "mended" }},
		{"one more file", true, invoiceJob, func(f map[string]string) { f["請求書/2026-11/acme-0043.pdf"] = goodPDF }},
		{"the letter", true, invoiceJob, func(f map[string]string) { f["letters/a.txt"] = officeLetter + "追伸\n" }},
		{"the copy", true, strings.Replace(invoiceJob, `cc = ["ogawa"]`, `cc = ["sato"]`, 1), nil},
		{"who confirms", true, strings.Replace(invoiceJob, `by = ["tanaka"]`, `by = ["sato"]`, 1), nil},
		{"the hour", true, strings.Replace(invoiceJob, "10:00", "11:00", 1), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := invoices()
			if tt.files != nil {
				tt.files(files)
			}
			if got := at(newOffice(t, tt.job, files), preparedAt); (got != want) != tt.differ {
				t.Errorf("differs: %t, want %t", got != want, tt.differ)
			}
		})
	}
}

func TestDigestFollowsTheDayOnlyWhereTheLetterTellsIt(t *testing.T) {
	files := invoices()
	files["letters/a.txt"] = officeLetter + "{送付日}\n"
	o := newOffice(t, invoiceJob, files)
	at := func(now time.Time) string {
		return Digest(o.prepare(o.world("hosting", "2026-11", now)).Drafts[0].Inputs)
	}
	if at(preparedAt) != at(tokyo(2026, 11, 25, 18, 0)) {
		t.Error("the digest changed within the day")
	}
	if at(preparedAt) == at(tokyo(2026, 11, 26, 9, 0)) {
		t.Error("released a day later the letter would tell another day, and the digest is the same")
	}
}

func zipOf(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		f, err := z.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("<x/>")); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAttachmentIsWholeOrWaitedFor(t *testing.T) {
	book := zipOf(t, "[Content_Types].xml", "xl/workbook.xml")
	job := strings.Replace(strings.Replace(invoiceJob, `to = ["acme", "minato"]`, `to = ["acme"]`, 1), "{partner.id}-*.pdf", "acme-*", 1)
	for _, tt := range []struct {
		name, file, content string
		code, says          string // "" : goes out
	}{
		{"a PDF", "acme-1.pdf", goodPDF, "", ""},
		{"a PDF with bytes behind its end", "acme-1.pdf", goodPDF + strings.Repeat(" ", 500), "", ""},
		{"a book", "acme-1.xlsx", book, "", ""},
		{"a list in Shift_JIS", "acme-1.csv", "\x90\xa1\x8b\x8d,1\r\n", "", ""},
		{"a picture", "acme-1.png", "\x89PNG\x0d\x0a\x1a\x0a0000", "", ""},
		{"a kind that we can't tell", "acme-1.dwg", "AC1027", "", ""},
		{"nothing", "other.pdf", goodPDF, codeAttachment, "アクメ商事様用の「acme-*」がまだありません"},
		{"an empty file", "acme-1.pdf", "", codeUnfit, "中身が空"},
		{"half a PDF, long ago", "acme-1.pdf", "%PDF-1.7\n1 0 obj", codeUnfit, "途中で切れています"},
		{"a book under a PDF's name", "acme-1.pdf", book, codeUnfit, "中身がPDFではありません"},
		{"a zip under a book's name", "acme-1.xlsx", zipOf(t, "a.txt"), codeUnfit, "中身がXLSXではありません"},
		{"an encrypted book", "acme-1.xlsx", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("x", 600), codeUnfit, "パスワードがかかっているか"},
		{"half a book", "acme-1.xlsx", book[:len(book)/2], codeUnfit, "中身がXLSXではありません"},
		{"bytes under a list's name", "acme-1.csv", "a\x00b", codeUnfit, "中身がCSVではありません"},
		{"only Excel's lock file", "acme-1.tmp", "x", codeAttachment, "作業中のファイルしかありません"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t, job, map[string]string{"letters/a.txt": officeLetter, "請求書/2026-11/" + tt.file: tt.content})
			p := o.prepare(o.world("hosting", "2026-11", preparedAt))
			if tt.code == "" {
				if len(p.Drafts) != 1 || len(p.Missing) != 0 {
					t.Fatalf("it does not go out:\n%s", texts(p.Missing))
				}
				if got := p.Drafts[0].Letter.Files; len(got) != 1 || got[0].Name != tt.file || string(got[0].Data) != tt.content {
					t.Errorf("attached %v", got)
				}
				return
			}
			if len(p.Drafts) != 0 || len(p.Missing) != 1 || p.Missing[0].Code != tt.code || !strings.Contains(p.Missing[0].Text, tt.says) {
				t.Fatalf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
			}
			if !strings.Contains(p.Missing[0].Next, "請求書/2026-11") {
				t.Errorf("the next step does not say where: %s", p.Missing[0].Next)
			}
		})
	}
}

func TestAttachmentStillBeingWritten(t *testing.T) {
	o := newOffice(t, invoiceJob, invoices())
	path := filepath.Join(o.dir, "請求書", "2026-11", "acme-0042.pdf")
	touch := func(at time.Time) {
		t.Helper()
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	touch(preparedAt.Add(-3 * time.Second))
	p := o.prepare(o.world("hosting", "2026-11", preparedAt))
	if len(p.Missing) != 1 || p.Missing[0].Code != codeGrowing || len(p.Drafts) != 1 {
		t.Fatalf("a file of three seconds ago: %d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
	}
	if len(lasting(p.Missing)) != 0 {
		t.Error("somebody would be told about a file that is being saved")
	}
	if p := o.prepare(o.world("hosting", "2026-11", preparedAt.Add(time.Minute))); len(p.Missing) != 0 {
		t.Errorf("a minute later:\n%s", texts(p.Missing))
	}
	if err := os.WriteFile(path, []byte("%PDF-1.7\nhalf"), 0o644); err != nil {
		t.Fatal(err)
	}
	touch(preparedAt.Add(-time.Minute))
	if p := o.prepare(o.world("hosting", "2026-11", preparedAt)); len(p.Missing) != 1 || p.Missing[0].Code != codeGrowing {
		t.Errorf("a PDF without its end, a minute old:\n%s", texts(p.Missing))
	}
}

func TestAttachmentChangedWhileRead(t *testing.T) {
	o := newOffice(t, invoiceJob, invoices())
	ms, err := o.c.Glob("請求書/2026-11/acme-*.pdf")
	if err != nil || len(ms) != 1 {
		t.Fatal(ms, err)
	}
	w := o.world("hosting", "2026-11", preparedAt)
	if _, r := readFile(w, ms[0], maxSize); r != nil {
		t.Errorf("a quiet file: %+v", *r)
	}
	// Between the first look and the reading somebody wrote.
	o.write("請求書/2026-11/acme-0042.pdf", goodPDF+"grown since")
	if _, r := readFile(w, ms[0], maxSize); r == nil || r.Code != codeGrowing {
		t.Errorf("a file that grew since the first look counts as whole: %+v", r)
	}
	// The same size, but written again.
	ms, err = o.c.Glob("請求書/2026-11/acme-*.pdf")
	if err != nil || len(ms) != 1 {
		t.Fatal(ms, err)
	}
	touch(t, filepath.Join(o.dir, "請求書", "2026-11", "acme-0042.pdf"), ms[0].ModTime.Add(time.Second))
	if _, r := readFile(w, ms[0], maxSize); r == nil || r.Code != codeGrowing {
		t.Errorf("a file that was written since the first look counts as whole: %+v", r)
	}
}

func TestAttachmentsTooLargeOrOfOneName(t *testing.T) {
	job := strings.Replace(invoiceJob, `to = ["acme", "minato"]`, `to = ["acme"]`, 1)
	o := newOffice(t, job+"max_size = \"1 KB\"\n", map[string]string{"letters/a.txt": officeLetter, "請求書/2026-11/acme-1.pdf": goodPDF + strings.Repeat(" ", 990)})
	if p := o.prepare(o.world("hosting", "2026-11", preparedAt)); len(p.Missing) != 1 || p.Missing[0].Code != codeSize {
		t.Errorf("too large:\n%s", texts(p.Missing))
	}
	two := strings.Replace(job, `attach = ["請求書/{about.folder}/{partner.id}-*.pdf"]`, `attach = ["a/*.pdf", "b/*.pdf", "a/acme.pdf"]`, 1)
	o = newOffice(t, two, map[string]string{"letters/a.txt": officeLetter, "a/acme.pdf": goodPDF, "b/ACME.pdf": goodPDF})
	if p := o.prepare(o.world("hosting", "2026-11", preparedAt)); len(p.Missing) != 1 || !strings.Contains(p.Missing[0].Text, "同じ名前") {
		t.Errorf("two of one name:\n%s", texts(p.Missing))
	}
	o = newOffice(t, two, map[string]string{"letters/a.txt": officeLetter, "a/acme.pdf": goodPDF, "b/other.pdf": goodPDF})
	if p := o.prepare(o.world("hosting", "2026-11", preparedAt)); len(p.Drafts) != 1 || len(p.Drafts[0].Letter.Files) != 2 {
		t.Errorf("one file that two patterns name is not attached once:\n%s", texts(p.Missing))
	}
}

func TestAttachmentNameDecomposedByAMac(t *testing.T) {
	job := strings.Replace(strings.Replace(invoiceJob, `to = ["acme", "minato"]`, `to = ["acme"]`, 1), "{partner.id}-*.pdf", "ご請求-*.pdf", 1)
	o := newOffice(t, job, map[string]string{"letters/a.txt": officeLetter, "請求書/2026-11/こ\u3099請求-1.pdf": goodPDF})
	p := o.prepare(o.world("hosting", "2026-11", preparedAt))
	if len(p.Drafts) != 1 || p.Drafts[0].Letter.Files[0].Name != "ご請求-1.pdf" {
		t.Fatalf("missing:\n%s", texts(p.Missing))
	}
}

func TestTogether(t *testing.T) {
	letter := "件名：{対象月} 勤怠\n\n{宛名}\n\nお疲れさまです。\n"
	notice := func(to, more string) string {
		return "[job.a]\nkind = \"send\"\ntitle = \"勤怠\"\nwhen = \"毎月25日 10:00 休みなら前営業日\"\nto = " + to + "\nletter = \"a.txt\"\n" + more
	}
	parts := func(job string, only ...string) (out []string) {
		o := newOffice(t, job, map[string]string{"a.txt": letter})
		w := o.world("a", "2026-11", preparedAt)
		w.Run.Only = only
		for _, d := range o.prepare(w).Drafts {
			block, _, _ := strings.Cut(d.Letter.Text, "\n")
			out = append(out, d.Part+": "+block)
		}
		return out
	}
	for _, tt := range []struct {
		name, job string
		only      []string
		want      []string
	}{
		{"colleagues get one", notice(`["sato", "ogawa"]`, ""), nil, []string{"all: 各位"}},
		{"customers get one each", notice(`["acme", "minato"]`, ""), nil, []string{"acme: 株式会社アクメ商事", "minato: みなと物産株式会社"}},
		{"one customer among colleagues: one each", notice(`["acme", "sato"]`, ""), nil, []string{"acme: 株式会社アクメ商事", "sato: 佐藤さん"}},
		{"colleagues, one each", notice(`["tanaka", "ogawa"]`, "together = false\n"), nil, []string{"tanaka: 田中部長", "ogawa: 小川さん"}},
		{"a second one for one of them", notice(`["acme", "minato"]`, ""), []string{"minato"}, []string{"minato: みなと物産株式会社"}},
		{"a second one of a common letter for one of them", notice(`["sato", "ogawa"]`, ""), []string{"ogawa"}, []string{"ogawa: 小川さん"}},
	} {
		if got := parts(tt.job, tt.only...); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestLateEarlyAndSecond(t *testing.T) {
	o := newOffice(t, invoiceJob, invoices())
	w := o.world("hosting", "2026-11", tokyo(2026, 11, 26, 9, 0))
	m, _ := o.render(w, o.prepare(w).Drafts[0])
	if !m.Date.Equal(w.Now) || !m.NotBefore.Equal(tokyo(2026, 11, 25, 10, 0)) {
		t.Errorf("late: date %v, not before %v", m.Date, m.NotBefore)
	}
	w = o.world("hosting", "2026-11", preparedAt)
	w.Run = ledger.Run{ID: 7, Due: w.Occurrence.Due, Early: true, Generation: 2}
	m, _ = o.render(w, o.prepare(w).Drafts[0])
	if !m.Date.Equal(preparedAt) || m.NotBefore.After(preparedAt) {
		t.Errorf("early: date %v, not before %v", m.Date, m.NotBefore)
	}
	if m.Key != "hosting/2026-11/acme#2" {
		t.Errorf("the second one's key is %s", m.Key)
	}
}

func TestTrialGoesToOneselfAndShowsWhomItWasFor(t *testing.T) {
	o := &office{t: t, dir: t.TempDir()}
	for n, s := range invoices() {
		o.write(n, s)
	}
	path := o.write("jobs.toml", strings.Replace(officeHead, "[mail]\n", "[mail]\nserver = \"smtp://mail.aozora.example:587\"\ntrial_to = \"sato@aozora.example\"\n", 1)+invoiceJob)
	var ps []config.Problem
	if o.c, ps = config.Load(path, ConfigKinds()); o.c == nil {
		t.Fatal(ps)
	}
	w := o.world("hosting", "2026-11", preparedAt)
	m, s := o.render(w, o.prepare(w).Drafts[0])
	if len(m.Recipients) != 1 || m.Recipients[0].Mail != "sato@aozora.example" {
		t.Errorf("envelope %v", m.Recipients)
	}
	if !strings.HasPrefix(m.Subject, "【試し】【株式会社青空システム】") {
		t.Errorf("subject %s", m.Subject)
	}
	for _, want := range []string{"宛先：ap@acme.example", "Cc　：ogawa@aozora.example", "Bcc ：hikae@aozora.example", "株式会社アクメ商事\n経理部 御中"} {
		if !strings.Contains(s.text, want) {
			t.Errorf("the trial lacks %q:\n%s", want, s.text)
		}
	}
	if len(s.to) != 1 || !strings.Contains(s.to[0], "sato@aozora.example") || len(s.cc) != 0 {
		t.Errorf("To %v, Cc %v", s.to, s.cc)
	}
}

func TestLetterInShiftJISAndWithItsOwnFields(t *testing.T) {
	text := "件名：{対象月} 月次締めのご案内（経費 {経費締切}）\r\n\r\n各位\r\n\r\n{経費締切}までにお願いします。〜①\r\n{メモ?}\r\n{{そのまま}}\r\n　日程：{日程}\r\n"
	sjis, err := japanese.ShiftJIS.NewEncoder().String(strings.ReplaceAll(text, "〜", "～"))
	if err != nil {
		t.Fatal(err)
	}
	job := `[job.a]
kind = "send"
title = "締め"
when = "毎月25日 10:00 休みなら前営業日"
to = ["sato", "ogawa"]
letter = "a.txt"
fields = { "経費締切" = "11/27 金 17:00", "メモ" = "", "日程" = "11/27 経費\n11/30 売上" }
`
	o := newOffice(t, job, map[string]string{"a.txt": sjis})
	p := o.prepare(o.world("a", "2026-11", preparedAt))
	if len(p.Drafts) != 1 {
		t.Fatalf("missing:\n%s", texts(p.Missing))
	}
	l := p.Drafts[0].Letter
	if l.Subject != "2026年11月分 月次締めのご案内（経費 11/27 金 17:00）" {
		t.Errorf("subject %q", l.Subject)
	}
	want := "各位\n\n11/27 金 17:00までにお願いします。～①\n{そのまま}\n　日程：11/27 経費\n　　　　11/30 売上\n"
	if l.Text != want {
		t.Errorf("got\n%s\nwant\n%s", l.Text, want)
	}
}

func TestEmptyFieldHoldsWithItsPlace(t *testing.T) {
	files := invoices()
	files["letters/a.txt"] = officeLetter + "担当 {担当}\n"
	o := newOffice(t, invoiceJob, files)
	p := o.prepare(o.world("hosting", "2026-11", preparedAt))
	if len(p.Drafts) != 1 || p.Drafts[0].Part != "minato" {
		t.Fatalf("only the customer whose contact is known gets a letter; got %d drafts", len(p.Drafts))
	}
	if len(p.Missing) != 1 || p.Missing[0].Code != codeField || p.Missing[0].Text != "手紙「letters/a.txt」12行目：{担当} に入れる値がありません（アクメ商事様）" ||
		!strings.Contains(p.Missing[0].Next, "[partner.acme] の person") {
		t.Errorf("missing:\n%s", texts(p.Missing))
	}
}

func TestLetterGoneOrBrokenSinceTheCheck(t *testing.T) {
	o := newOffice(t, invoiceJob, invoices())
	o.write("letters/a.txt", strings.Replace(officeLetter, "{対象月}の", "{対象付}の", 1))
	p := o.prepare(o.world("hosting", "2026-11", preparedAt))
	if len(p.Drafts) != 0 || len(p.Missing) != 1 || !strings.Contains(p.Missing[0].Text, "8行目") || !strings.Contains(p.Missing[0].Next, "{対象月} のことでしょうか") {
		t.Errorf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
	}
	if err := os.Remove(filepath.Join(o.dir, "letters", "a.txt")); err != nil {
		t.Fatal(err)
	}
	p = o.prepare(o.world("hosting", "2026-11", preparedAt))
	if len(p.Drafts) != 0 || len(p.Missing) != 1 || p.Missing[0].Code != codeLetter {
		t.Errorf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
	}
}

func TestCheckFindsWhatASendJobGetsWrong(t *testing.T) {
	base := "[job.a]\nkind = \"send\"\ntitle = \"請求書\"\nwhen = \"毎月25日 10:00 休みなら前営業日\"\n"
	good := "件名：a\n\n{宛名}\n"
	for _, tt := range []struct {
		name, job, letter, says string
		warning                 bool
	}{
		{"no such letter", "to = \"acme\"\nletter = \"b.txt\"\n", good, "b.txt", false},
		{"unknown field", "to = \"acme\"\nletter = \"a.txt\"\n", "件名：a\n\n{宛め}\n", "3行目：{宛め} という欄はありません", false},
		{"unknown field in English", "to = \"acme\"\nletter = \"a.txt\"\n", "Subject: a\n\n{to.adress}\n", "{to.adress}", false},
		{"full-width brackets", "to = \"acme\"\nletter = \"a.txt\"\n", "件名：a\n\n｛宛名｝\n", "全角", false},
		{"two brackets", "to = \"acme\"\nletter = \"a.txt\"\n", "件名：a\n\n{{ 宛名 }}\n", "「{{宛名}}」は欄にならず", false},
		{"an honour of its own", "to = \"acme\"\nletter = \"a.txt\"\n", "件名：a\n\n{宛名}　様\n", "3行目：{宛名} には「御中」や「様」が付くので、「様」が二重になります", false},
		{"a file of Word", "to = \"acme\"\nletter = \"a.txt\"\n", "PK\x03\x04xx", "文字だけのファイルではありません", false},
		{"unclosed", "to = \"acme\"\nletter = \"a.txt\"\n", "件名：a\n\n{宛名\n", "3行目：{ に対する } がありません", false},
		{"no subject", "to = \"acme\"\nletter = \"a.txt\"\n", "{宛名}\n", "件名がありません", false},
		{"a plain address has no 宛名", "to = \"x@y.example\"\nletter = \"a.txt\"\n", good, "x@y.example はメールアドレスだけ", false},
		{"outside the folder", "to = \"acme\"\nletter = \"a.txt\"\nattach = \"../a/*.pdf\"\n", good, "..", false},
		{"a field that has no place in a pattern", "to = \"acme\"\nletter = \"a.txt\"\nattach = \"{署名}/*.pdf\"\n", good, "{署名} は attach に使えません", false},
		{"no file yet", "to = \"acme\"\nletter = \"a.txt\"\nattach = \"price.pdf\"\n", good, "まだありません", true},
		{"a field of its own that is ours", "to = \"acme\"\nletter = \"a.txt\"\nfields = { \"宛名\" = \"x\" }\n", good, "もともとある欄", false},
		{"named twice", "to = [\"acme\", \"acme\"]\nletter = \"a.txt\"\n", good, "2回", false},
		{"customers see each other", "to = [\"acme\", \"minato\"]\ntogether = true\nletter = \"a.txt\"\n", good, "お互いに見えます", true},
		{"nothing to fill a field with", "to = \"acme\"\nletter = \"a.txt\"\n", good + "{担当}様\n", "{担当} に入れる値がありません", true},
		{"attachments in words only", "to = \"acme\"\nletter = \"a.txt\"\n", good + "{添付一覧}\n", "attach がありません", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &office{t: t, dir: t.TempDir()}
			o.write("a.txt", tt.letter)
			c, problems := o.load(base + tt.job)
			if (c == nil) == tt.warning {
				t.Errorf("loaded: %t", c != nil)
			}
			i := slices.IndexFunc(problems, func(p config.Problem) bool { return strings.Contains(p.What, tt.says) && p.Warning == tt.warning })
			if i < 0 {
				t.Fatalf("no problem says %q: %v", tt.says, problems)
			}
			if problems[i].Line == 0 || problems[i].Next == "" {
				t.Errorf("the problem has no line or no next step: %+v", problems[i])
			}
		})
	}
}

func TestHostileValuesAreRefused(t *testing.T) {
	o := newOffice(t, invoiceJob, invoices())
	o.c.Company.Name = "青空\r\nBcc: evil@example.com"
	p := o.prepare(o.world("hosting", "2026-11", preparedAt))
	if len(p.Drafts) != 0 || !strings.Contains(texts(p.Missing), "使えない文字") {
		t.Errorf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
	}
}

func FuzzLetter(f *testing.F) {
	f.Add("件名：a\n\n{宛名}{{x}}{添付一覧?}\n", "値")
	f.Add("Subject: {a}\n{b?}{", "x\r\ny{宛名}")
	f.Fuzz(func(t *testing.T, letter, value string) {
		tm, problems := parseLetter("a.txt", []byte(letter), "ja")
		if tm == nil || len(problems) > 0 {
			return
		}
		subject, _ := expandSubject(tm.subject, func(string) string { return value })
		if strings.ContainsAny(subject, "\r\n\x00") {
			t.Fatalf("the subject has a line end: %q", subject)
		}
		text, empty := tm.expand(func(string) string { return value })
		if strings.ContainsAny(text, "\r\x00") {
			t.Fatalf("the text has a control character: %q", text)
		}
		if len(tm.names()) > 0 && value == "" && len(empty) == 0 {
			for _, line := range tm.lines {
				for _, p := range line {
					if p.field != "" && !p.optional {
						t.Fatalf("{%s} is empty and nobody is told", p.field)
					}
				}
			}
		}
		if filled, _ := tm.expand(func(string) string { return "{宛名}" }); len(tm.names()) > 0 && len(tm.lines) > 0 {
			for _, line := range tm.lines {
				for _, p := range line {
					if p.field != "" && !strings.Contains(filled, "{宛名}") {
						t.Fatal("a field's value was read as a field again")
					}
				}
			}
		}
	})
}

// A scanner writes its endings as it likes; two files that differ only there are one too many.
func TestAttachmentWithAnotherCaseOfItsEnding(t *testing.T) {
	job := strings.Replace(invoiceJob, `to = ["acme", "minato"]`, `to = ["acme"]`, 1)
	o := newOffice(t, job, map[string]string{"letters/a.txt": officeLetter, "請求書/2026-11/acme-1.PDF": goodPDF})
	w := o.world("hosting", "2026-11", preparedAt)
	p := o.prepare(w)
	if len(p.Missing) != 0 || len(p.Drafts) != 1 {
		t.Fatalf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
	}
	if _, s := o.render(w, p.Drafts[0]); len(s.files) != 1 || s.files[0].name != "acme-1.PDF" {
		t.Errorf("attached: %v", s.files)
	}
	o.write("請求書/2026-11/acme-1.pdf", goodPDF+" ")
	if p := o.prepare(w); len(p.Drafts) != 0 || !strings.Contains(texts(p.Missing), "2つあります") {
		t.Errorf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
	}
}

// A share that is mounted after bod starts holds up only the duties that read from it, and only until it is there.
func TestShareThatIsMountedLaterIsWaitedFor(t *testing.T) {
	share := filepath.Join(t.TempDir(), "share")
	folders := "\n[folders]\nshare = \"" + share + "\"\n"
	for _, job := range []string{
		strings.Replace(invoiceJob, `"letters/a.txt"`, `"folder:share/a.txt"`, 1),
		strings.Replace(invoiceJob, `"請求書/{about.folder}/`, `"folder:share/{about.folder}/`, 1),
	} {
		if err := os.RemoveAll(share); err != nil {
			t.Fatal(err)
		}
		o := newOffice(t, folders+job, invoices())
		for _, make := range []func(){func() {}, func() {
			if err := os.Mkdir(share, 0o755); err != nil {
				t.Fatal(err)
			}
		}} {
			make()
			p := o.prepare(o.world("hosting", "2026-11", preparedAt))
			if got := texts(p.Missing); len(p.Drafts) != 0 || !strings.Contains(got, "フォルダー") || !strings.Contains(got, "マウントされているか") {
				t.Errorf("%d drafts, missing:\n%s", len(p.Drafts), got)
			}
		}
		for name, text := range map[string]string{"a.txt": officeLetter, "2026-11/acme-1.pdf": goodPDF, "2026-11/minato-1.pdf": goodPDF + " "} {
			path := filepath.Join(share, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			touch(t, path, preparedAt.Add(-time.Hour))
		}
		if p := o.prepare(o.world("hosting", "2026-11", preparedAt)); len(p.Missing) != 0 || len(p.Drafts) != 2 {
			t.Errorf("mounted: %d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
		}
	}
}
