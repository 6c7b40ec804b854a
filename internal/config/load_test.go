package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

// letter is a small kind of the tests, shaped like the real kind send.
type letter struct{}

type letterSpec struct {
	To, Cc   []Addressee
	Letter   string
	Fields   map[string]string
	Together bool
	Limit    int64
	Checks   [][]string // the keys of each
}

func (letter) Name() string { return "send" }

func (letter) Keys() []Key {
	return []Key{
		{Name: "to", Type: "list of names", Meaning: say("宛先", "addressees"), Example: `to = ["acme"]`, Needed: true},
		{Name: "cc", Type: "list of names", Meaning: say("写し", "copies"), Example: `cc = ["tanaka"]`},
		{Name: "letter", Type: "file", Meaning: say("手紙", "the letter"), Example: `letter = "letters/a.txt"`, Needed: true},
		{Name: "attach", Type: "list of files", Meaning: say("添付", "attachments"), Example: `attach = ["a-*.pdf"]`},
		{Name: "fields", Type: "table", Meaning: say("欄", "fields"), Example: `fields = { a = "b" }`},
		{Name: "together", Type: "true or false", Meaning: say("全員に1通", "one for all"), Example: `together = true`},
		{Name: "limit", Type: "size", Meaning: say("上限", "limit"), Example: `limit = "20 MB"`},
	}
}

func (letter) Decode(d *Decoder) any {
	s := &letterSpec{To: d.Addressees("to"), Cc: d.Addressees("cc"), Letter: d.String("letter"),
		Fields: d.Table("fields"), Together: d.Bool("together", false), Limit: d.Size("limit", 20<<20)}
	for _, x := range d.Checks() {
		s.Checks = append(s.Checks, x.Keys())
		x.String("wrong_if")
		x.String("say")
		x.Strings("pdf_contains")
		x.Bool("not_sent_before", false)
	}
	for i, p := range d.Strings("attach") {
		if err := d.Config.CheckPath(p); err != nil {
			f := err.(*FileError)
			d.ProblemAt("attach", i, f.What, f.Next)
		}
	}
	if s.Letter != "" {
		if _, err := d.Config.ReadFile(s.Letter, 1<<20); err != nil {
			f := err.(*FileError)
			d.Problem("letter", f.What, f.Next)
		}
	}
	return s
}

func (letter) Outside(c *Config, spec any) bool {
	for _, a := range spec.(*letterSpec).To {
		for _, m := range a.Mails() {
			if c.Outside(m.Mail) {
				return true
			}
		}
	}
	return false
}

// daily is the kind of [summary].
type daily struct{}

func (daily) Name() string { return summaryName }

func (daily) Keys() []Key {
	return []Key{{Name: "to", Type: "list of names", Meaning: say("宛先", "readers"), Example: `to = ["sato"]`, Needed: true}}
}

func (daily) Decode(d *Decoder) any { return d.Addressees("to") }

func (daily) Outside(*Config, any) bool { return false }

// held is the kind of [[job.NAME.check]].
type held struct{}

func (held) Name() string { return checkName }

func (held) Keys() []Key {
	return []Key{
		{Name: "wrong_if", Type: "text", Meaning: say("おかしい場合", "what is wrong"), Example: `wrong_if = "添付数 > 1"`},
		{Name: "not_sent_before", Type: "true or false", Meaning: say("はじめて送る", "never sent"), Example: `not_sent_before = true`},
		{Name: "pdf_contains", Type: "list of texts", Meaning: say("PDFにある文字", "words of the PDF"), Example: `pdf_contains = ["アクメ商事"]`},
		{Name: "say", Type: "text", Meaning: say("言い方", "words"), Example: `say = "x"`},
	}
}

func (held) Decode(*Decoder) any { return nil }

func (held) Outside(*Config, any) bool { return false }

var testKinds = []Kind{letter{}, daily{}, held{}}

const small = "timezone = \"Asia/Tokyo\"\nadmin = \"sato\"\n"

func mustLoad(t testing.TB, text string) *Config {
	t.Helper()
	l := loadText(t, inOffice(text))
	if l.f.errors > 0 {
		t.Fatalf("doesn't load:\n%s", l.said(calendar.English))
	}
	return l.c
}

func TestWhatIsRead(t *testing.T) {
	c := mustLoad(t, `timezone = "Asia/Tokyo"
admin = ["sato", "tanaka"]
state = "ledger"
[company]
name = "株式会社青空システム"
fiscal_year_end = 3
[mail]
from = "青空システム 経理 <keiri@aozora.example>"
reply_to = "keiri@aozora.example"
bcc = "hikae@aozora.example"
server = "smtps://mail.aozora.example:465"
rate = "20 per minute"
trial_to = "sato@aozora.example"
give_up = "2 days"
[job.a]
kind = "send"
title = "請求書"
owner = "tanaka"
when = "毎月25日 10:00 休みなら前営業日"
prepare = "1営業日前"
about = "当月"
to = ["acme", "Taro <taro@else.example>"]
cc = "sato"
letter = "a.txt"
fields = { "内線" = 21, "率" = 0.5, "長い" = """一
二""" }
limit = "1.5 MB"
confirm = { by = ["tanaka"] }
country = "jp-bank"
enabled = false
renamed_from = "older"
[job.b]
kind = "send"
when = "毎営業日 9:30"
to = "sato"
letter = "a.txt"
`)
	a, b, sum := c.Job("a"), c.Job("b"), c.Job("summary")
	spec := a.Spec.(*letterSpec)
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"the zone", c.Zone.String(), "Asia/Tokyo"},
		{"the admins", c.Admin[0].Name + c.Admin[1].Title, "佐藤部長"},
		{"the state", c.StateDir("", ""), filepath.Join(c.Dir, "ledger")},
		{"the state of the environment", c.StateDir("", "/var/lib/bod:/x"), "/var/lib/bod"},
		{"the state of the flag", c.StateDir("/flag", "/env"), "/flag"},
		{"the fiscal year", c.Company.FiscalYearEnd, time.March},
		{"from", c.Mail.From, mailer.Address{Name: "青空システム 経理", Mail: "keiri@aozora.example"}},
		{"bcc", c.Mail.Bcc[0].Mail, "hikae@aozora.example"},
		{"the rate", c.Mail.Rate, mailer.Rate{N: 20, Per: time.Minute}},
		{"trial", c.Mail.Trial(), true},
		{"give_up", c.Mail.GiveUp.Sentence(calendar.English), "2 days"},
		{"outside", c.Outside("AP@acme.example"), true},
		{"inside", c.Outside("SATO@aozora.example"), false},
		{"the order", c.Jobs[0].Name + c.Jobs[1].Name + c.Jobs[2].Name, "absummary"},
		{"the schedule", a.When.Sentence(calendar.Japanese), "毎月25日 10:00 休みなら前営業日"},
		{"the lead", a.Prepare.Sentence(calendar.English), "1 business day"},
		{"late_until", a.LateUntil.Sentence(calendar.English), "3 days"},
		{"missed outside", a.Missed, MissedAsk},
		{"missed inside", b.Missed, MissedLatest},
		{"the confirmation", a.Confirm.By[0].ID, "tanaka"},
		{"its count", a.Confirm.Count, 1},
		{"the owner", a.Owners(c)[0].ID, "tanaka"},
		{"no owner", b.Owners(c)[1].ID, "tanaka"},
		{"the bank's days", a.Days.IsOpen(calendar.Date{Year: 2026, Month: 12, Day: 31}), false},
		{"the other days", b.Days.IsOpen(calendar.Date{Year: 2026, Month: 12, Day: 31}), true},
		{"disabled", a.Disabled, true},
		{"renamed_from", a.Renamed, "older"},
		{"the line", a.Line, 15},
		{"a partner", spec.To[0].ID() + spec.To[0].Mails()[0].Mail, "acmeap@acme.example"},
		{"a plain address", spec.To[1].ID(), "taro@else.example"},
		{"a field", spec.Fields["内線"] + spec.Fields["率"] + spec.Fields["長い"], "210.5一\n二"},
		{"the size", spec.Limit, int64(3 << 19)},
		{"the summary", sum.When.Sentence(calendar.English), mustLoad(t, small+"[summary]\nto = \"sato\"\nwhen = \"毎営業日 17:00\"\n").Job("summary").When.Sentence(calendar.English)},
		{"its kind", sum.Kind, "summary"},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.what, check.got, check.want)
		}
	}
	if got := mustLoad(t, small).StateDir("", ""); filepath.Base(got) != ".bod" {
		t.Errorf("the state lies in %s", got)
	}
}

// The office's editors save as they like; what they mean is the same.
func TestEncodings(t *testing.T) {
	text := inOffice(small + "[job.a]\nkind = \"send\"\ntitle = \"請求書\"\nwhen = \"毎営業日 9:30\"\nto = [\"acme\"] # 宛先\nletter = \"a.txt\" # 手紙\nlate_until = \"2 days\" # remark\n")
	sjis, err := japanese.ShiftJIS.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, says string }{
		{"UTF-8", text, ""},
		{"BOM", "\ufeff" + text, ""},
		{"CRLF", strings.ReplaceAll(text, "\n", "\r\n"), ""},
		{"BOM and CRLF", "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"), ""},
		{"Shift_JIS", sjis, "warning: jobs.toml: Shift_JIS で保存されています。そのまま読み取りました — 次に直すときに、文字コードに UTF-8 を選んで保存し直してください\n"},
		{"no line end", strings.TrimRight(text, "\n"), ""},
		{"UTF-16", "\xff\xfe" + text, "UTF-16（メモ帳の「Unicode」）"},
		{"neither", strings.Replace(text, "請求書", "請\xff求書", 1), "Shift_JIS でもありません（5行目）"},
		{"one long line", text + "# " + strings.Repeat("x", maxLine), "1行が長すぎます"},
	} {
		l := loadText(t, test.text)
		said := l.said(calendar.Japanese)
		switch {
		case test.says == "" || strings.HasPrefix(test.says, "warning: "):
			if said != test.says {
				t.Errorf("%s: said %q", test.name, said)
			} else if got := l.c.Job("a").Title; got != "請求書" {
				t.Errorf("%s: the title is %q", test.name, got)
			}
		case !strings.Contains(said, test.says) || l.f.errors == 0:
			t.Errorf("%s: said %q", test.name, said)
		}
	}
}

func TestNamesAreTheSameHoweverTheyAreTyped(t *testing.T) {
	apart := norm.NFD.String("ガス")
	c := mustLoad(t, small+"[people]\nsato = \"佐藤 <s@x.example>\"\n\""+apart+"\" = \"ガス係 <g@x.example>\"\n[job.\""+apart+"\"]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"ガス\"\nletter = \"a.txt\"\n")
	if c.People["ガス"] == nil || c.Job("ガス") == nil || c.Job(apart) == nil {
		t.Error("a name that was typed on a Mac is another one")
	}
}

// What counts the other way than it says is refused, not turned round.
func TestSpansThatCountTheOtherWay(t *testing.T) {
	job := small + "[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\n"
	for line, wrong := range map[string]bool{
		`prepare = "1営業日後"`: true, `prepare = "2 days after"`: true, `prepare = "1営業日前"`: false, `prepare = "2 days"`: false,
		`give_up = "3日前"`: true, `give_up = "6 hours"`: false, `late_until = "3日前"`: true, `late_until = "3日以内"`: false, `late_until = "2 days after"`: false,
	} {
		if l := loadText(t, inOffice(job+line+"\n")); (l.f.errors > 0) != wrong {
			t.Errorf("%s: said %q", line, l.said(calendar.Japanese))
		}
	}
}

func TestNothingToRead(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none.toml"), dir} {
		if c, ps := Load(path, testKinds); c != nil || len(ps) != 1 || ps[0].Warning {
			t.Errorf("%s: %v, %v", path, c, ps)
		}
	}
}

// A folder that is named in the file has to be there; an empty one is told where it is read.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	c := mustLoad(t, small+"[folders]\nshare = \""+dir+"\"\n")
	if _, err := c.Glob("folder:share/*.pdf"); err == nil {
		t.Error("a share that is not mounted looks like an empty folder")
	}
	if err := os.WriteFile(filepath.Join(dir, "x.pdf"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ms, err := c.Glob("folder:share/*.pdf"); err != nil || len(ms) != 1 {
		t.Errorf("%v, %v", ms, err)
	}
}

// FuzzLoad wants -fuzzminimizetime=10x: its inputs are whole files, and to shrink the first one that is new takes the engine its whole
// minute, in which it counts nothing and looks as if it hung.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/slips/*.txtar")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), "-- jobs.toml --\n")
		text, _, _ = strings.Cut(text, "-- ja --\n")
		f.Add(inOffice(text))
	}
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("件名：x\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, "jobs.toml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, ps := Load(path, testKinds)
		errors := 0
		for i, p := range ps {
			if !p.Warning {
				errors++
			}
			if p.What == "" || p.Next == "" || strings.ContainsAny(p.String(), "\r\n\x00") {
				t.Errorf("a problem that cannot be told: %q", p.String())
			}
			if i > 0 && p.Line > 0 && p.Line < ps[i-1].Line {
				t.Errorf("out of order: %v", ps)
			}
		}
		if (c == nil) != (errors > 0) {
			t.Fatalf("config %v with %d errors: %v", c != nil, errors, ps)
		}
		if c == nil {
			return
		}
		for _, j := range c.Jobs {
			r, err := ReadRule(j.Rule)
			if err != nil || j.When == nil || j.Days == nil || j.Missed == "" {
				t.Fatalf("job %s is not complete: %v", j.Name, err)
			}
			if s, err := r.Schedule(c); err != nil || s.Sentence(calendar.English) != j.When.Sentence(calendar.English) {
				t.Fatalf("job %s: its rule gives another schedule: %v", j.Name, err)
			}
		}
	})
}
