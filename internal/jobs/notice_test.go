package jobs

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// englishOffice is the same office for English readers.
var englishOffice = strings.NewReplacer(
	`language = "ja"`, `language = "en"`, "株式会社青空システム", "Aozora Systems Co., Ltd.", "青空システム 経理", "Aozora Accounts", "経理部", "Accounts",
	`"佐藤"`, `"Sato"`, `"田中"`, `"Tanaka"`, `"部長"`, `"Director"`, `"小川"`, `"Ogawa"`, "株式会社アクメ商事", "Acme Trading Co., Ltd.", "みなと物産㈱", "Minato Goods Inc.",
	"業務部", "Sales", "鈴木", "Ms. Suzuki", "アクメ商事 ホスティング請求書", "Hosting invoice, Acme", "みなと物産 ホスティング請求書", "Hosting invoice, Minato",
	"発注状況のお知らせ", "Open orders", "月次レポート", "Monthly report", "請求書/", "invoices/", "レポート/売上_", "reports/sales_",
)

func englishFiles() map[string]string {
	return map[string]string{
		"letters/a.txt":                    "Subject: [{company.name}] Invoice for {about}\n\n{to.address}\n\nPlease find attached our invoice for {about}.\n\n  {attachments}\n\nKind regards,\n\n{signature}\n",
		"letters/b.txt":                    "Subject: Open orders\n\nDear colleagues,\n\nall is well.\n",
		"letters/c.txt":                    "Subject: Monthly report for {about}\n\nDear {to.name},\n\n{attachments}\n",
		"invoices/2026-11/acme-0042.pdf":   goodPDF + "acme",
		"invoices/2026-11/minato-0044.pdf": goodPDF + "minato",
	}
}

// both runs a test in both languages.
func both(t *testing.T, f func(t *testing.T, l calendar.Language, toml string, files map[string]string)) {
	t.Run("ja", func(t *testing.T) { f(t, calendar.Japanese, realMail+monthJobs, monthFiles()) })
	t.Run("en", func(t *testing.T) { f(t, calendar.English, englishOffice.Replace(realMail+monthJobs), englishFiles()) })
}

// invoiceOf is the invoice file's name in either language.
func invoiceOf(l calendar.Language, name string) string {
	if l == calendar.English {
		return "invoices/" + name
	}
	return "請求書/" + name
}

func TestNotices(t *testing.T) {
	set := func(state ledger.HoldReason, ja, en string) func(*desk, calendar.Language) {
		return func(d *desk, l calendar.Language) {
			r := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
			d.confirm(r.ID, "tanaka", tokyo(2026, 11, 24, 11, 0))
			d.now = tokyo(2026, 11, 24, 12, 0)
			if err := d.l.Update(d.t.Context(), d.now, ledger.Who{Name: "tanaka", User: "bod"}, func(tx *ledger.Tx) error {
				return tx.Hold(d.messages(r.ID)[0].ID, state, calendar.Text{JA: ja, EN: en}.In(l))
			}); err != nil {
				d.t.Fatal(err)
			}
		}
	}
	sent := func(result mailer.Result, words string) func(*desk, calendar.Language) {
		return func(d *desk, l calendar.Language) {
			r := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
			d.confirm(r.ID, "tanaka", tokyo(2026, 11, 24, 11, 0))
			d.deliver(tokyo(2026, 11, 25, 10, 0), result, words)
		}
	}
	ended := func(to ledger.RunState, code, ja, en, nextJA, nextEN string) func(*desk, calendar.Language) {
		return func(d *desk, l calendar.Language) {
			d.now = tokyo(2026, 11, 24, 10, 0)
			w := d.world("orders", "2026-11-24", d.now)
			d.update(func(tx *ledger.Tx) error {
				id, _, err := tx.AddRun(ledger.Run{Job: "orders", Period: "2026-11-24", Nominal: w.Occurrence.Nominal, Due: w.Occurrence.Due, PrepareAt: w.Occurrence.Due, State: ledger.RunPlanned})
				if err != nil {
					return err
				}
				from := ledger.RunPlanned
				if to == ledger.RunFailed {
					if err := tx.MoveRun(id, from, ledger.RunRunning, ledger.RunChange{}); err != nil {
						return err
					}
					from = ledger.RunRunning
				}
				return tx.MoveRun(id, from, to, ledger.RunChange{Reasons: []ledger.Reason{{Code: code, Text: calendar.Text{JA: ja, EN: en}.In(l), Next: calendar.Text{JA: nextJA, EN: nextEN}.In(l)}}})
			})
		}
	}
	flag := func(name, ja, en string) func(*desk, calendar.Language) {
		return func(d *desk, l calendar.Language) {
			d.now = tokyo(2026, 11, 25, 10, 0)
			d.update(func(tx *ledger.Tx) error {
				return tx.SetFlag(ledger.Flag{Name: name, Text: calendar.Text{JA: ja, EN: en}.In(l), Since: d.now})
			})
		}
	}
	for _, tt := range []struct {
		name string
		make func(*desk, calendar.Language)
		at   time.Time
		to   []string // who hears of it
	}{
		{"waiting", func(d *desk, l calendar.Language) {
			d.now = tokyo(2026, 11, 24, 10, 0)
			d.remove(invoiceOf(l, "2026-11/acme-0042.pdf"))
			d.run("hosting-acme", "2026-11", d.now)
		}, tokyo(2026, 11, 24, 10, 1), []string{"sato"}},
		{"confirm", func(d *desk, l calendar.Language) {
			d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
		}, tokyo(2026, 11, 24, 10, 1), []string{"tanaka"}},
		{"confirm-past-due", func(d *desk, l calendar.Language) {
			d.run("hosting-acme", "2026-11", tokyo(2026, 11, 26, 9, 0))
		}, tokyo(2026, 11, 26, 9, 1), []string{"tanaka"}},
		{"check", set(ledger.Check, "PDFの金額が受注一覧と合いません（受注一覧 198,000円、PDF 189,000円）", "The PDF's amount is not that of the orders (orders 198,000 yen, PDF 189,000 yen)"), tokyo(2026, 11, 24, 12, 1), []string{"sato"}},
		{"person", set(ledger.Person, "先方から待ってほしいとの連絡", "they asked us to wait"), tokyo(2026, 11, 24, 12, 1), []string{"sato"}},
		{"gone", set(ledger.Gone, "", ""), tokyo(2026, 11, 24, 12, 1), []string{"sato"}},
		{"late", set(ledger.Late, "", ""), tokyo(2026, 11, 26, 9, 0), []string{"sato"}},
		{"failed", sent(mailer.Failed, "550 5.1.1 <ap@acme.example>: Recipient address rejected: User unknown"), tokyo(2026, 11, 25, 10, 1), []string{"sato"}},
		{"unknown", sent(mailer.Unknown, "connection lost"), tokyo(2026, 11, 25, 10, 1), []string{"sato"}},
		{"missed", ended(ledger.RunMissed, "missed", "機械が止まっていたため、期限の11/27(金) 9:30を過ぎました", "the machine was off until after its limit, Fri 27 Nov 9:30", "", ""), tokyo(2026, 11, 24, 10, 1), []string{"ogawa"}},
		{"broken", ended(ledger.RunFailed, "error", "準備が2分のあいだ進みませんでした", "preparing it stood still for 2 minutes", "原因を直してから、もう一度実行してください", "mend the cause, then retry it"), tokyo(2026, 11, 24, 10, 1), []string{"ogawa"}},
		{"session", flag("session", "535 5.7.8 Error: authentication failed", "535 5.7.8 Error: authentication failed"), tokyo(2026, 11, 25, 10, 1), []string{"sato"}},
		{"stopped", flag("stopped", "佐藤さん：宛先がおかしいため", "Sato: the addresses look wrong"), tokyo(2026, 11, 25, 10, 1), []string{"sato"}},
		{"stopped-job", flag("stopped/orders", "佐藤さん：先方から待ってほしいとの連絡", "Sato: they asked us to wait"), tokyo(2026, 11, 25, 10, 1), []string{"ogawa"}},
		{"clock", flag("clock", "いまの時計 2026-11-25 9:00、最後の記録 2026-11-25 10:00", "now 2026-11-25 9:00, last entry 2026-11-25 10:00"), tokyo(2026, 11, 25, 10, 1), []string{"sato"}},
		{"restored", flag("restored", "最後の記録 4120、目印 4133", "last entry 4120, marker 4133"), tokyo(2026, 11, 25, 10, 1), []string{"sato"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			both(t, func(t *testing.T, l calendar.Language, toml string, files map[string]string) {
				d := newDesk(t, toml, files, tokyo(2026, 11, 24, 8, 0))
				tt.make(d, l)
				got := d.notices(tt.at)
				if len(got) != len(tt.to) {
					t.Fatalf("got %d notices:\n%s", len(got), strings.Join(got, "\n=====\n"))
				}
				for i, p := range tt.to {
					if !strings.Contains(strings.SplitN(got[i], "\n", 2)[0], p+"@") {
						t.Errorf("notice %d does not go to %s:\n%s", i, p, got[i])
					}
				}
				golden(t, fmt.Sprintf("notice-%s-%s", tt.name, l), strings.Join(got, "\n=====\n"))
				if slices.Contains([]string{"confirm", "check", "unknown"}, tt.name) {
					goldenHTML(t, fmt.Sprintf("notice-%s-%s", tt.name, l), d.lastHTML)
				}
				// The world moves on by a day, and nothing is told twice.
				if again := d.notices(tt.at.Add(26 * time.Hour)); len(again) != 0 {
					t.Errorf("told again a day later:\n%s", strings.Join(again, "\n=====\n"))
				}
			})
		})
	}
}

func TestConfirmRequestComparesWithLastTime(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 10, 22, 8, 0))
	d.write("請求書/2026-10/acme-0040.pdf", goodPDF+"acme")
	r := d.run("hosting-acme", "2026-10", tokyo(2026, 10, 22, 10, 0))
	d.confirm(r.ID, "tanaka", tokyo(2026, 10, 22, 11, 0))
	d.deliver(tokyo(2026, 10, 26, 10, 0), mailer.Sent, "250 ok")
	d.c.Partners["acme"].Mail[0].Mail = "seikyu@acme.example"
	d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
	got := strings.Join(d.notices(tokyo(2026, 11, 24, 10, 1)), "\n=====\n")
	for _, want := range []string{"宛先が前回から変わりました", "seikyu@acme.example", "添付の中身が前回とまったく同じです", "【見ていただきたいところ】2か所", "1通（10/26(月)）"} {
		if !strings.Contains(got, want) {
			t.Errorf("the request lacks %q:\n%s", want, got)
		}
	}
	golden(t, "notice-confirm-changed-ja", got)
}

// TestConfirmIsNotAskedAgainWhenItBecomesLate: the letter that became late while it waited for a yes is the owner's to
// decide; who was asked has nothing new to see. Who is asked only now hears that a yes alone does not send it.
func TestConfirmIsNotAskedAgainWhenItBecomesLate(t *testing.T) {
	both(t, func(t *testing.T, l calendar.Language, toml string, files map[string]string) {
		for _, before := range []bool{true, false} {
			d := newDesk(t, toml, files, tokyo(2026, 11, 24, 8, 0))
			r := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
			if before {
				if n := d.notices(tokyo(2026, 11, 24, 10, 1)); len(n) != 1 {
					t.Fatalf("got %d requests", len(n))
				}
			}
			d.now = tokyo(2026, 11, 28, 10, 0)
			d.update(func(tx *ledger.Tx) error { return tx.Hold(d.messages(r.ID)[0].ID, ledger.Late, "") })
			got := strings.Join(d.notices(tokyo(2026, 11, 28, 10, 1)), "\n=====\n")
			asked := calendar.Text{JA: "確認のお願い", EN: "[please confirm]"}.In(l)
			if strings.Contains(got, asked) == before {
				t.Errorf("asked before: %v; now got\n%s", before, got)
			}
			if alone := (calendar.Text{JA: "佐藤さんがいまから送ると決めたあと", EN: "Sato has decided to send it still"}).In(l); !before && !strings.Contains(got, alone) {
				t.Errorf("the request doesn't say %q:\n%s", alone, got)
			}
		}
	})
}

func TestConfirmIsAskedAgainWhenSomethingChanges(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	r := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
	if n := d.notices(tokyo(2026, 11, 24, 10, 1)); len(n) != 1 {
		t.Fatalf("got %d requests", len(n))
	}
	old := SetDigest(ConfirmSet(d.messages(r.ID)))
	d.confirm(r.ID, "tanaka", tokyo(2026, 11, 24, 11, 0))
	if n := d.notices(tokyo(2026, 11, 24, 11, 1)); len(n) != 0 {
		t.Errorf("asked although it was confirmed: %s", n)
	}
	d.write("請求書/2026-11/acme-0042.pdf", goodPDF+"mended")
	d.now = tokyo(2026, 11, 24, 12, 0)
	d.update(func(tx *ledger.Tx) error {
		return tx.MoveRun(r.ID, ledger.RunDrafted, ledger.RunRunning, ledger.RunChange{})
	})
	d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 12, 0))
	n := d.notices(tokyo(2026, 11, 24, 12, 1))
	if len(n) != 1 {
		t.Fatalf("the file was mended after the yes; got %d requests", len(n))
	}
	if now := SetDigest(ConfirmSet(d.messages(r.ID))); now == old || !strings.Contains(n[0], "--set "+now[:8]+" --by tanaka") {
		t.Errorf("the set is %s, before %s:\n%s", now, old, n[0])
	}
}

func TestNoNoticeForWhatPassesByItselfOrIsBodsOwn(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	now := tokyo(2026, 11, 24, 10, 0)
	touch(t, d.dir+"/請求書/2026-11/acme-0042.pdf", now.Add(-2*time.Second))
	if r := d.run("hosting-acme", "2026-11", now); r.State != ledger.RunWaiting {
		t.Fatalf("the run is %s", r.State)
	}
	if n := d.notices(now); len(n) != 0 {
		t.Errorf("a file that is being saved was told of:\n%s", n)
	}
	// A notice that failed is nobody's news.
	d.remove("請求書/2026-11/acme-0042.pdf")
	d.now = now.Add(time.Minute)
	d.run("hosting-acme", "2026-11", d.now)
	if n := d.notices(d.now); len(n) != 1 {
		t.Fatalf("got %d notices", len(n))
	}
	d.deliver(d.now.Add(time.Minute), mailer.Failed, "550 no")
	if n := d.notices(d.now.Add(time.Hour)); len(n) != 0 {
		t.Errorf("a notice about a notice:\n%s", n)
	}
}

// TestANoIsAnsweredByThoseWhoSaidIt: the owner hears who said no and what lets it go, which is no release.
func TestANoIsAnsweredByThoseWhoSaidIt(t *testing.T) {
	both(t, func(t *testing.T, l calendar.Language, toml string, files map[string]string) {
		d := newDesk(t, toml, files, tokyo(2026, 11, 24, 8, 0))
		r := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
		m := d.messages(r.ID)[0]
		d.now = tokyo(2026, 11, 24, 11, 0)
		d.update(func(tx *ledger.Tx) error {
			return tx.Decide(ledger.Decision{Message: m.ID, Person: "tanaka", Why: "500", By: ledger.Who{Name: "tanaka"}, At: d.now}, m.Hash)
		})
		got := d.notices(tokyo(2026, 11, 24, 11, 1))
		if len(got) != 1 || !strings.Contains(got[0], "sato@") {
			t.Fatalf("got %d notices:\n%s", len(got), strings.Join(got, "\n=====\n"))
		}
		for _, want := range []string{"bod confirm " + m.Number + " --set " + SetDigest(d.messages(r.ID))[:8] + " --by tanaka", "bod reject " + m.Number,
			calendar.Text{JA: "田中部長に確認をお願いしてください", EN: "ask Tanaka to confirm it"}.In(l)} {
			if !strings.Contains(bare(got[0]), bare(want)) {
				t.Errorf("the notice lacks %q:\n%s", want, got[0])
			}
		}
		if strings.Contains(got[0], "bod release") {
			t.Errorf("a release lifts no no:\n%s", got[0])
		}
	})
}

// TestNoNoticeForWhoBeganIt: that a person asked for a run is nothing that it waits for.
func TestNoNoticeForWhoBeganIt(t *testing.T) {
	if n := lasting([]ledger.Reason{{Code: codeReleased, Text: "佐藤さん：bod do"}, {Code: codeGrowing}, {Code: codeAttachment}}); len(n) != 1 || n[0].Code != codeAttachment {
		t.Errorf("somebody has to do something about %v", n)
	}
}

func TestWhoStoppedItIsNotTold(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	r := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
	d.confirm(r.ID, "tanaka", tokyo(2026, 11, 24, 11, 0))
	if err := d.l.Update(t.Context(), d.now, ledger.Who{Name: "sato", User: "sato"}, func(tx *ledger.Tx) error {
		return tx.Hold(d.messages(r.ID)[0].ID, ledger.Person, "確認中")
	}); err != nil {
		t.Fatal(err)
	}
	if n := d.notices(tokyo(2026, 11, 24, 12, 0)); len(n) != 0 {
		t.Errorf("told to the person who did it:\n%s", n)
	}
}

func TestAlarm(t *testing.T) {
	both(t, func(t *testing.T, l calendar.Language, toml string, files map[string]string) {
		d := newDesk(t, toml, files, tokyo(2026, 11, 24, 8, 0))
		m, err := Alarm(d.c, d.now, "rules", "abc123", calendar.Text{JA: "予定の変更を取り込めませんでした（直すところ1か所）", EN: "The change of the rules was not taken in (1 problem)"},
			calendar.Text{JA: "いままでの予定のまま動いています。\n\n　jobs.toml 42行目：day = 月末\n　　文字は \" で囲んでください", EN: "The old rules stay at work.\n\n  jobs.toml, line 42: day = last\n    put it in quotes"})
		if err != nil {
			t.Fatal(err)
		}
		s, err := showMessage(m.Body)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "alarm-"+string(l), "件名："+m.Subject+"\n\n"+s.text)
		holdHTML(t, l, s.text, htmlPart(t, m.Body))
		goldenHTML(t, "alarm-"+string(l), htmlPart(t, m.Body))
		again, err := Alarm(d.c, d.now.Add(time.Hour), "rules", "abc123", calendar.Text{JA: "予定の変更を取り込めませんでした（直すところ1か所）", EN: "The change of the rules was not taken in (1 problem)"},
			calendar.Text{JA: "別の間違い", EN: "another"})
		if err != nil || again.Key == m.Key || !strings.HasPrefix(again.Key, "notice/rules/abc123/") {
			t.Errorf("keys %s and %s, %v", m.Key, again.Key, err)
		}
	})
}

func TestSummaryInEnglish(t *testing.T) {
	d := newDesk(t, englishOffice.Replace(realMail+monthJobs), englishFiles(), tokyo(2026, 11, 24, 8, 0))
	d.run("orders", "2026-11-24", tokyo(2026, 11, 24, 9, 30))
	d.deliver(tokyo(2026, 11, 24, 9, 30), mailer.Sent, "250 ok")
	acme := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
	d.confirm(acme.ID, "tanaka", tokyo(2026, 11, 24, 15, 42))
	d.remove("invoices/2026-11/minato-0044.pdf")
	d.run("hosting-minato", "2026-11", tokyo(2026, 11, 24, 16, 0))
	golden(t, "summary-waiting-en", d.summaryAt(tokyo(2026, 11, 24, 17, 0))["sato"])
	goldenHTML(t, "summary-waiting-en", d.summaryHTML("sato"))
	d.deliver(tokyo(2026, 11, 24, 17, 0), mailer.Sent, "250 ok")
	d.run("orders", "2026-11-25", tokyo(2026, 11, 25, 9, 30))
	d.deliver(tokyo(2026, 11, 25, 10, 0), mailer.Sent, "250 ok")
	d.write("invoices/2026-11/minato-0044.pdf", goodPDF)
	d.run("hosting-minato", "2026-11", tokyo(2026, 11, 25, 11, 0))
	minato := d.run("hosting-minato", "2026-11", tokyo(2026, 11, 25, 11, 0))
	d.confirm(minato.ID, "tanaka", tokyo(2026, 11, 25, 11, 30))
	d.deliver(tokyo(2026, 11, 25, 11, 31), mailer.Sent, "250 ok")
	golden(t, "summary-quiet-en", d.summaryAt(tokyo(2026, 11, 25, 17, 0))["sato"])
}

func TestDigestOfASetIsItsOwn(t *testing.T) {
	a, b := ledger.Message{Number: "2611-0001", Hash: "aa"}, ledger.Message{Number: "2611-0002", Hash: "bb"}
	if SetDigest([]ledger.Message{a, b}) != SetDigest([]ledger.Message{b, a}) {
		t.Error("the order of messages changes the set's digest")
	}
	c := b
	c.Hash = "bc"
	if SetDigest([]ledger.Message{a, b}) == SetDigest([]ledger.Message{a, c}) || SetDigest([]ledger.Message{a}) == SetDigest([]ledger.Message{a, b}) {
		t.Error("other bytes have the same digest")
	}
}

func TestWordsAreThoseOfTheHouse(t *testing.T) {
	for s, want := range map[ledger.State]string{
		ledger.StateSent: "送信済み", ledger.StateUnknown: "届いたか不明", ledger.StateRejected: "取りやめ", ledger.StateByHand: "手作業で済み", ledger.StateReplaced: "差し替え済み",
		ledger.StateWritten: "試し書き出し", ledger.StateDeferred: "再送待ち（自動で送り直します）", ledger.StateFailed: "送れませんでした", ledger.StateQueued: "送信中", ledger.StateClaimed: "送信中", ledger.StateSending: "送信中",
	} {
		if got := DeliveryWords(s, calendar.Japanese); got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
		if got := DeliveryWords(s, calendar.English); got == "" || got == string(s) && s != ledger.StateSent {
			t.Errorf("%s in English: %q", s, got)
		}
	}
	held := func(rs ...ledger.HoldReason) ledger.Message {
		m := ledger.Message{State: ledger.StateHeld}
		for _, r := range rs {
			m.Holds = append(m.Holds, ledger.Hold{Reason: r})
		}
		return m
	}
	for _, tt := range []struct {
		m    ledger.Message
		want string
	}{
		{held(ledger.NotDue), "準備できています"},
		{held(ledger.NotDue, ledger.Confirmation), "確認待ち"},
		{held(ledger.NotDue, ledger.Confirmation, ledger.Check), "保留"},
		{held(ledger.Late), "期日超過・確認待ち"},
		{held(ledger.Late, ledger.Confirmation), "期日超過・確認待ち"},
		{held(ledger.Person), "保留"},
	} {
		if got := MessageWords(tt.m, calendar.Japanese); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.m.Holds, got, tt.want)
		}
	}
	for s, want := range map[ledger.RunState]string{ledger.RunWaiting: "準備待ち", ledger.RunMissed: "実施できず", ledger.RunSkipped: "見送り", ledger.RunDone: "完了"} {
		if got := RunWords(ledger.Run{State: s}, calendar.Japanese); got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
	for _, s := range []ledger.RunState{ledger.RunPlanned, ledger.RunRunning, ledger.RunWaiting, ledger.RunDrafted, ledger.RunDone, ledger.RunFailed, ledger.RunMissed, ledger.RunSkipped} {
		if !slices.Contains([]string{"予定", "準備中", "準備待ち", "準備できています", "完了", "送れませんでした", "実施できず", "見送り"}, RunWords(ledger.Run{State: s}, calendar.Japanese)) {
			t.Errorf("%s has no word", s)
		}
	}
}

// A server that refuses one of several addressees must not look as if nobody had it: who brings it to all then brings it twice.
func TestFailedForSomeTellsWhoHasIt(t *testing.T) {
	c := &config.Config{Language: calendar.Japanese, Zone: tokyo(2026, 11, 25, 0, 0).Location()}
	of := func(states ...ledger.State) matter {
		x := ledger.Message{Number: "2611-0032"}
		x.Subject = "請求書"
		for i, s := range states {
			r := ledger.Recipient{Role: "to", Mail: string(rune('a'+i)) + "@hibari.example"}
			x.Deliveries = append(x.Deliveries, ledger.Delivery{Recipient: r, State: s, Words: "no such user"})
		}
		x.Deliveries = append(x.Deliveries, ledger.Delivery{Recipient: ledger.Recipient{Role: "bcc", Mail: "hikae@aozora.example"}, State: ledger.StateSent})
		return matter{what: whatFailed, run: ledger.Run{ID: 1, Number: "R2611-0003", Due: tokyo(2026, 11, 25, 10, 0)}, messages: []ledger.Message{x}, title: "請求書 11月分", config: c}
	}
	told := func(m matter, l calendar.Language) string {
		c.Language = l
		at := func(t time.Time) string { return t.String() }
		return strings.Join(append(m.seen(l), m.subject(m.title, l), m.opening(l, at, m.run.Due), m.details(c, at, m.run.Due).text(l), m.state(l), m.word(l), strings.Join(m.todo(l), "")), "\n")
	}
	for _, tt := range []struct {
		m        matter
		l        calendar.Language
		has, not []string
	}{
		{of(ledger.StateFailed), calendar.Japanese, []string{"送れませんでした"}, []string{"一部", "送信済み", "これから", "hikae@"}},
		{of(ledger.StateFailed), calendar.English, []string{"could not be sent"}, []string{"some of", "Sent to", "hikae@"}},
		{of(ledger.StateSent, ledger.StateFailed), calendar.Japanese, []string{"（一部の宛先）", "一部の宛先に送れませんでした。", "送信済み：a@hibari.example", "　宛先　　：b@hibari.example", "ほかの宛先には送りません"}, []string{"これから", "hikae@"}},
		{of(ledger.StateSent, ledger.StateFailed), calendar.English, []string{"to some of its addressees", "Sent to: a@hibari.example", "get nothing twice"}, []string{"hikae@"}},
		{of(ledger.StateDeferred, ledger.StateFailed), calendar.Japanese, []string{"一部の宛先に送れませんでした。", "これから：a@hibari.example"}, []string{"送信済み"}},
	} {
		got := told(tt.m, tt.l)
		for _, s := range tt.has {
			if !strings.Contains(got, s) {
				t.Errorf("%s is not told:\n%s", s, got)
			}
		}
		for _, s := range tt.not {
			if strings.Contains(got, s) {
				t.Errorf("%s is told:\n%s", s, got)
			}
		}
	}
}
