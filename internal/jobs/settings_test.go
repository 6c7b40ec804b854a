package jobs

import (
	"os"
	"strings"
	"testing"

	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// TestEverySettingIsCompared: a key that holds for every job is told when it changes, or here stands why not.
func TestEverySettingIsCompared(t *testing.T) {
	elsewhere := map[string]string{
		"timezone": "stands in each job's rule", "calendar.country": "stands in each job's rule", "calendar.holidays_file": "is told by the days that move", "company.fiscal_year_end": "stands in each job's rule",
		"state": "is not changed while bod runs", "mail.oauth2": "its keys are compared",
		"programs.folder": "the administrator's", "programs.alarm": "the administrator's", "may_write_to": "the administrator's", "may_read_from": "the administrator's",
		"folders.NAME": "compared as folders", "folders.NAME.path": "compared as folders", "folders.NAME.mounted": "the administrator's",
	}
	have := map[string]bool{}
	for _, s := range settings {
		have[s.key] = true
	}
	for _, k := range append(config.Keys(ConfigKinds()), config.AdminKeys()...) {
		name := strings.TrimPrefix(k.Table+"."+k.Name, ".")
		if k.Table != "" && k.Table != "company" && k.Table != "calendar" && k.Table != "mail" && k.Table != "mail.oauth2" && !strings.HasPrefix(k.Table, "folders") {
			continue
		}
		if !have[name] && elsewhere[name] == "" {
			t.Errorf("a change of %s is told nowhere", name)
		}
	}
}

func TestChangedSettings(t *testing.T) {
	ja := realMail + monthJobs
	now := tokyo(2026, 11, 24, 12, 0)
	d := newDesk(t, ja, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	if err := os.Chmod(d.write("secret", "sesame-1234\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := d.edited(ja,
		"server = \"smtp://mail.aozora.example:587\"\n", "server = \"smtp://mail.example:587\"\nuser = \"keiri\"\npassword_file = \"secret\"\nrate = \"20 per minute\"\n",
		`bank = "みほん銀行 千代田支店 普通 1234567"`, `bank = "よその銀行 普通 7654321"`)
	xs := Changes(Of(d.c), c, now)
	got := told(c, xs)
	for _, want := range []string{
		"会社全体の設定\n", "振込先：みほん銀行 千代田支店 普通 1234567 / → よその銀行 普通 7654321\n", "メールサーバー：", " → smtp://mail.example:587\n",
		"送る速さの上限：なし → 1分に20通\n", "パスワードのファイル：なし / → ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q:\n%s", want, got)
		}
	}
	if strings.Contains(got+string(SettingsOf(c)), "sesame") {
		t.Errorf("a secret is told:\n%s\n%s", got, SettingsOf(c))
	}
	if len(xs) != 1 || xs[0].Kind != ChangeSettings || strings.Contains(got, "次回") {
		t.Errorf("%+v", xs)
	}
	ms, err := ChangeNotices(c, xs, "ab-1", now)
	if err != nil {
		t.Fatal(err)
	}
	if len(ms) != 2 || !strings.HasPrefix(ms[0].Subject, "設定の変更を受け取りました（") { // 佐藤 is admin, 小川 looks after a job
		t.Errorf("%d notices, the first %q", len(ms), ms[0].Subject)
	}

	// A closing day is told whether or not anything moves for it.
	c = d.edited(ja, "[calendar]\n", "[calendar]\nclosed = [\"2027-06-30\", \"12/29-1/3\"]\nopen = [\"2027-02-06\"]\n")
	if got := told(c, Changes(Of(d.c), c, now)); !strings.Contains(got, "会社の休み：なし → 2027-06-30、12/29〜1/3\n") || !strings.Contains(got, "休みでも開ける日：なし → 2027-02-06\n") {
		t.Errorf("of closing days:\n%s", got)
	}
	// A rate alone is the admins' affair.
	c = d.edited(ja, "[mail]\n", "[mail]\nrate = \"20 per minute\"\n")
	if ms, err := ChangeNotices(c, Changes(Of(d.c), c, now), "ab-2", now); err != nil || len(ms) != len(c.Admin) {
		t.Errorf("%d notices of a rate, %v", len(ms), err)
	}
	// Whoever is taken off the admins hears of it.
	c = d.edited(ja, `admin = ["sato"]`, `admin = ["tanaka"]`)
	xs = Changes(Of(d.c), c, now)
	if ms, err := ChangeNotices(c, xs, "ab-3", now); err != nil || len(ms) < 2 {
		t.Errorf("%d notices of another admin, %v\n%s", len(ms), err, told(c, xs))
	}
	// A ledger of before there was this memory, and one that remembers fewer settings, tell nothing that they can't know.
	for _, before := range []string{"", `{"company.name":"株式会社青空システム"}`} {
		if x, changed := changedSettings([]byte(before), d.c); changed {
			t.Errorf("against %q: %+v", before, x)
		}
	}
}

// TestSummarySaysWhichSettingsChanged: the evening's footer names them too.
func TestSummarySaysWhichSettingsChanged(t *testing.T) {
	toml := realMail + monthJobs
	d := newDesk(t, toml, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	put := func() { d.update(func(tx *ledger.Tx) error { return tx.PutOffice(SettingsOf(d.c)) }) }
	put()
	d.summaryAt(tokyo(2026, 11, 24, 17, 0))
	d.deliver(tokyo(2026, 11, 24, 17, 0), mailer.Sent, "250 ok")
	d.now = tokyo(2026, 11, 25, 11, 0)
	d.c = d.edited(toml, `tel = "03-0000-0000"`, `tel = "03-0000-1111"`)
	put()
	got := d.summaryAt(tokyo(2026, 11, 25, 17, 0))["sato"]
	if want := "予定の変更：1件"; !strings.Contains(got, want) || !strings.Contains(got, "・会社全体の設定：電話 03-0000-0000 → 03-0000-1111") {
		t.Errorf("the footer lacks it:\n%s", got)
	}
}
