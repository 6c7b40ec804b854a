package jobs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// edited loads the same office with other words in its jobs.toml.
func (d *desk) edited(toml string, pairs ...string) *config.Config {
	d.t.Helper()
	path := d.write("edited.toml", strings.NewReplacer(pairs...).Replace(toml))
	c, problems := config.Load(path, ConfigKinds())
	if c == nil {
		d.t.Fatalf("the edit has problems: %v", problems)
	}
	return c
}

// told is what one hears of changes, job by job.
func told(c *config.Config, xs []Change) string {
	var b strings.Builder
	for _, x := range xs {
		line, below := ChangeWords(x, c)
		b.WriteString(line + "\n")
		for _, r := range below {
			b.WriteString("  " + r[0] + "：" + strings.ReplaceAll(r[1], "\n", " / ") + "\n")
		}
	}
	return b.String()
}

func TestChanges(t *testing.T) {
	ja := realMail + monthJobs
	now := tokyo(2026, 11, 24, 12, 0)
	acme := "[job.hosting-acme]\nkind = \"send\"\ntitle = \"アクメ商事 ホスティング請求書\"\nowner = \"sato\"\n"
	for _, tt := range []struct {
		name  string
		pairs []string
		want  string
	}{
		{"nothing", nil, ""},
		{"a remark and the order of keys", []string{"owner = \"sato\"\nwhen = \"毎月25日 10:00 休みなら前営業日\"\nprepare = \"1営業日前\"", "when = \"毎月25日 10:00 休みなら前営業日\" # いつもの\nprepare = \"1営業日前\"\nowner = \"sato\""}, ""},
		{"the day", []string{acme + "when = \"毎月25日 10:00", acme + "when = \"毎月20日 10:00"},
			"アクメ商事 ホスティング請求書\n  送る日：毎月25日 10:00 休みなら前営業日 / → 毎月20日 10:00 休みなら前営業日\n  次回：2026年12月18日（金）10:00 / 2027年1月20日（水）10:00\n"},
		{"addressee, letter and who confirms", []string{"to = [\"tanaka\"]\nattach = [\"レポート/売上_{about.compact}.xlsx\"]\nletter = \"letters/c.txt\"", "to = [\"tanaka\", \"sato\"]\nattach = [\"レポート/売上_{about.compact}.xlsx\"]\nletter = \"letters/b.txt\"\nconfirm = { by = [\"sato\", \"ogawa\"], count = 1 }"},
			"月次レポート\n  確認：なし → 佐藤、小川のうち1名\n  宛先：田中 → 田中、佐藤\n  手紙：letters/c.txt → letters/b.txt\n  次回：2026年11月30日（月）16:00 / 2026年12月31日（木）16:00\n"},
		{"a partner's address", []string{`mail = ["ap@acme.example"]`, `mail = ["seikyu@acme.example"]`},
			"アクメ商事 ホスティング請求書\n  宛先：株式会社アクメ商事 経理部 <ap@acme.example> / → 株式会社アクメ商事 経理部 <seikyu@acme.example>\n  次回：2026年11月25日（水）10:00 / 2026年12月25日（金）10:00\n"},
		{"resting", []string{"title = \"月次レポート\"", "title = \"月次レポート\"\nenabled = false"}, "月次レポート：休止しました。再開するまで送りません\n"},
		{"gone and new", []string{"[job.report]", "[job.uriage]"},
			"月次レポート：新しい仕事です\n  送る日：毎月最終営業日 16:00\n  担当：佐藤\n  宛先：田中\n  手紙：letters/c.txt\n  添付：レポート/売上_{about.compact}.xlsx\n  次回：2026年11月30日（月）16:00 / 2026年12月31日（木）16:00\n月次レポート：予定から外れました。これからの分は送りません\n"},
		{"another name", []string{"[job.report]", "[job.uriage]\nrenamed_from = \"report\""}, "月次レポート\n  名前：report → uriage\n  次回：2026年11月30日（月）16:00 / 2026年12月31日（木）16:00\n"},
		{"closing days", []string{`country = "jp"`, "country = \"jp\"\nclosed = [\"2026-12-25\"]"},
			"会社全体の設定\n  会社の休み：なし → 2026-12-25\nアクメ商事 ホスティング請求書\n  送る日：2026年12月25日（金）10:00 / → 2026年12月24日（木）10:00\n  次回：2026年11月25日（水）10:00 / 2026年12月24日（木）10:00\n" +
				"みなと物産 ホスティング請求書\n  送る日：2026年12月25日（金）10:00 / → 2026年12月24日（木）10:00\n  次回：2026年11月25日（水）10:00 / 2026年12月24日（木）10:00\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, ja, monthFiles(), tokyo(2026, 11, 24, 8, 0))
			c := d.edited(ja, tt.pairs...)
			if got := told(c, Changes(Of(d.c), c, now)); got != tt.want {
				t.Errorf("between two files\ngot\n%s\nwant\n%s", got, tt.want)
			}
			if tt.name == "closing days" {
				return // the ledger doesn't keep the days themselves
			}
			d.view(func(v *ledger.View) error {
				old, err := AtWork(v)
				if got := told(c, Changes(old, c, now)); got != tt.want {
					t.Errorf("against the ledger\ngot\n%s\nwant\n%s", got, tt.want)
				}
				return err
			})
		})
	}
}

// TestALongListTellsWhatDiffers: nobody compares five addressees with four.
func TestALongListTellsWhatDiffers(t *testing.T) {
	ja := realMail + monthJobs
	d := newDesk(t, ja, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	to := func(list string) *config.Config {
		return d.edited(ja, "to = [\"tanaka\"]\nattach", "to = ["+list+"]\nattach", "[people]\n", "[people]\np1 = { name = \"一\", mail = \"p1@aozora.example\" }\np2 = { name = \"二\", mail = \"p2@aozora.example\" }\np3 = { name = \"三\", mail = \"p3@aozora.example\" }\n")
	}
	four := to(`"tanaka", "sato", "p1", "p2"`)
	for _, tt := range []struct{ name, list, want string }{
		{"one more", `"tanaka", "sato", "p1", "p2", "p3"`, "三 を加えました（ほかの4件はそのまま）"},
		{"one less", `"tanaka", "sato", "p1"`, "二 を外しました（ほかの3件はそのまま）"},
		{"another one", `"tanaka", "sato", "p3", "p2"`, "一 → 三（ほかの3件はそのまま）"},
		{"the order alone", `"sato", "tanaka", "p1", "p2"`, "田中、佐藤、一、二 → 佐藤、田中、一、二"},
		{"all others", `"p3"`, "田中、佐藤、一、二 → 三"},
	} {
		xs := Changes(Of(four), to(tt.list), d.now)
		if len(xs) != 1 || len(xs[0].Keys) != 1 || xs[0].Keys[0].Key != "to" || xs[0].Keys[0].words(calendar.Japanese) != tt.want {
			t.Errorf("%s: %+v, not %s", tt.name, xs, tt.want)
		}
	}
	address := d.edited(ja, "to = [\"tanaka\"]\nattach", "to = [\"tanaka\", \"sato\", \"p1\", \"p2\"]\nattach", "[people]\n", "[people]\np1 = { name = \"一\", mail = \"p9@aozora.example\" }\np2 = { name = \"二\", mail = \"p2@aozora.example\" }\n")
	want := "宛先：一 <p1@aozora.example> / → 一 <p9@aozora.example>（ほかの3件はそのまま）"
	if got := told(address, Changes(Of(four), address, d.now)); !strings.Contains(got, want) {
		t.Errorf("another address of one of four: %s, not %s", got, want)
	}
}

// TestEveryKeyIsComparedAndNamed: what a job's rule can say has a word, and a change of it is seen.
func TestEveryKeyIsComparedAndNamed(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	base, err := config.ReadRule(d.c.Job("hosting-acme").Rule)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*config.RuleRecord){
		"About": func(r *config.RuleRecord) { r.About = "previous month" }, "Confirm": func(r *config.RuleRecord) { r.Confirm = nil },
		"Country": func(r *config.RuleRecord) { r.Country = "jp-bank" }, "FiscalYearEnd": func(r *config.RuleRecord) { r.FiscalYearEnd = 12 },
		"Kind": func(r *config.RuleRecord) { r.Kind = "watch" }, "LateUntil": func(r *config.RuleRecord) { r.LateUntil = "5 days" },
		"Missed": func(r *config.RuleRecord) { r.Missed = config.MissedSkip }, "Owner": func(r *config.RuleRecord) { r.Owner = nil },
		"Prepare": func(r *config.RuleRecord) { r.Prepare = "" }, "Purpose": func(r *config.RuleRecord) { r.Purpose = "x" },
		"Title": func(r *config.RuleRecord) { r.Title = "x" }, "When": func(r *config.RuleRecord) { r.When = "every business day 9:00" },
		"Zone": func(r *config.RuleRecord) { r.Zone = "UTC" },
		"mail": func(r *config.RuleRecord) {
			r.Owner = &config.RuleMail{ID: "sato", Name: "佐藤", Mail: []string{"s@x.example"}}
		},
		"confirm": func(r *config.RuleRecord) {
			r.Confirm = &config.RuleConfirm{By: []config.RuleMail{{ID: "tanaka", Name: "田中", Title: "部長", Mail: []string{"t@x.example"}}}, Count: 1}
		},
	} {
		is := base
		edit(&is)
		got := compareRules(base, is, d.c)
		if len(got) != 1 || got[0].Name == "" || got[0].Old == got[0].New || got[0].Old == "" || got[0].New == "" {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, k := range (send{}).Keys() {
		if specName(k.Name, calendar.Japanese) == k.Name {
			t.Errorf("the key %s has no word", k.Name)
		}
	}
}

func TestChangeNotices(t *testing.T) {
	both(t, func(t *testing.T, l calendar.Language, toml string, files map[string]string) {
		d := newDesk(t, toml, files, tokyo(2026, 11, 24, 8, 0))
		c := d.edited(toml, "毎月25日", "毎月20日", "毎営業日 9:30", "毎営業日 9:00", "letters/c.txt", "letters/b.txt")
		xs := Changes(Of(d.c), c, d.now)
		ms, err := ChangeNotices(c, xs, "ab-1", d.now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range ms {
			s, err := showMessage(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, "宛先："+strings.Join(s.to, ", ")+"\n件名："+m.Subject+"\n\n"+s.text)
			house(t, l, m.Subject, commandsAway(s.text))
			holdHTML(t, l, s.text, htmlPart(t, m.Body))
			if m.Part == "sato" {
				goldenHTML(t, "notice-rules-"+string(l), htmlPart(t, m.Body))
			}
		}
		if len(ms) != 2 { // 佐藤, who is admin and owner, and 小川, who looks after one of them
			t.Errorf("%d notices", len(ms))
		}
		golden(t, "notice-rules-"+string(l), strings.Join(got, "\n=====\n"))
		again, err := ChangeNotices(c, xs, "ab-2", d.now)
		if err != nil || again[0].Key == ms[0].Key {
			t.Errorf("the same edit made again has the key %s, %v", again[0].Key, err)
		}
	})
}

// TestNoticeOfAHundredChanges stays a mail that one can read.
func TestNoticeOfAHundredChanges(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	var more strings.Builder
	for i := range 100 {
		fmt.Fprintf(&more, "\n[job.n%d]\nkind = \"send\"\ntitle = \"仕事%d\"\nwhen = \"毎営業日 9:30\"\nto = [\"ogawa\"]\nletter = \"letters/b.txt\"\n", i, i)
	}
	c := d.edited(realMail + monthJobs + more.String())
	subject, words := tellChanges(c, Changes(Of(d.c), c, d.now), c.People["sato"])
	if !strings.Contains(subject, "100か所") || !strings.Contains(words.text(), "ほか80件") || len(words.html(subject)) > 90_000 {
		t.Errorf("%s, %d bytes of HTML:\n%s", subject, len(words.html(subject)), words.text())
	}
	if slices.Contains(strings.Split(words.text(), "\n"), "") == false {
		t.Error("no empty line between the changes")
	}
}

// TestSummarySaysWhatTheRulesWereAndAre: the evening's footer names old and new.
func TestSummarySaysWhatTheRulesWereAndAre(t *testing.T) {
	toml := realMail + monthJobs
	d := newDesk(t, toml, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	d.summaryAt(tokyo(2026, 11, 24, 17, 0))
	d.deliver(tokyo(2026, 11, 24, 17, 0), mailer.Sent, "250 ok")
	d.now = tokyo(2026, 11, 25, 11, 0)
	d.c = d.edited(toml, "毎営業日 9:30", "毎営業日 9:00", "letters/c.txt", "letters/b.txt", "[job.hosting-minato]", "[job.minato]")
	d.update(func(tx *ledger.Tx) error {
		for _, j := range d.c.Jobs {
			if have, err := tx.Job(j.Name); err == nil && string(have.Rule) == string(j.Rule) {
				continue
			}
			if err := tx.PutJob(ledger.Job{Name: j.Name, Current: j.Name, Kind: j.Kind, Rule: j.Rule, Shape: string(j.When.Shape()), Changed: d.now}); err != nil {
				return err
			}
		}
		j, err := tx.Job("hosting-minato")
		if err != nil {
			return err
		}
		j.Gone, j.Changed = true, d.now
		return tx.PutJob(j)
	})
	got := d.summaryAt(tokyo(2026, 11, 25, 17, 0))["sato"]
	for _, want := range []string{"予定の変更：4件", "・発注状況のお知らせ：送る日 毎営業日 9:30 → 毎営業日 9:00\n", "・月次レポート：手紙 letters/c.txt → letters/b.txt\n", "・みなと物産 ホスティング請求書：終了\n", "・みなと物産 ホスティング請求書：追加\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the footer lacks %q:\n%s", want, got)
		}
	}
}
