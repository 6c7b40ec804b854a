package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
)

// types says the types of keys in the manual's other language.
var types = map[string]calendar.Text{
	"text":              {JA: "文字", EN: "text"},
	"number":            {JA: "数字", EN: "number"},
	"true or false":     {JA: "true か false", EN: "true or false"},
	"table":             {JA: "表 { }", EN: "table"},
	"name":              {JA: "名前", EN: "name"},
	"list of names":     {JA: "名前（いくつでも）", EN: "list of names"},
	"list of texts":     {JA: "文字（いくつでも）", EN: "list of texts"},
	"address":           {JA: "メールアドレス", EN: "mail address"},
	"list of addresses": {JA: "メールアドレス（いくつでも）", EN: "list of mail addresses"},
	"person":            {JA: "人", EN: "person"},
	"file":              {JA: "ファイル", EN: "file"},
	"list of patterns":  {JA: "ファイル（いくつでも、* も可）", EN: "list of files, with *"},
	"folder":            {JA: "フォルダー", EN: "folder"},
	"size":              {JA: "大きさ", EN: "size"},
	"span":              {JA: "長さ", EN: "span of time"},
	"time":              {JA: "時刻", EN: "time of day"},
	"date":              {JA: "日付", EN: "date"},
	"day":               {JA: "日", EN: "day"},
	"list of dates":     {JA: "日付（いくつでも）", EN: "list of dates"},
	"list of days":      {JA: "日付や期間（いくつでも）", EN: "list of days and spans"},
	"schedule":          {JA: "予定", EN: "schedule"},
}

// heads introduce the tables of the file, in the manual's order.
var heads = []struct {
	table string
	text  calendar.Text
}{
	{"", calendar.Text{JA: "いちばん上（どの [ ] よりも前）", EN: "At the top, above the first [ ]"}},
	{"company", calendar.Text{JA: "[company]　自社", EN: "[company]: who we are"}},
	{"calendar", calendar.Text{JA: "[calendar]　休みの日", EN: "[calendar]: closed days"}},
	{"mail", calendar.Text{JA: "[mail]　メールの送り方", EN: "[mail]: how mail leaves"}},
	{"mail.oauth2", calendar.Text{JA: "[mail.oauth2]　OAuth2 でのログイン", EN: "[mail.oauth2]: logging in with OAuth2"}},
	{"folders", calendar.Text{JA: "[folders]　名前を付けたフォルダー", EN: "[folders]: folders by name"}},
	{"people", calendar.Text{JA: "[people]　社内の人", EN: "[people]: people in the house"}},
	{"people.NAME", calendar.Text{JA: "[people] の { } の中", EN: "Inside the { } of [people]"}},
	{"partner.NAME", calendar.Text{JA: "[partner.名前]　取引先", EN: "[partner.NAME]: addressees outside"}},
	{"summary", calendar.Text{JA: "[summary]　毎日のまとめ", EN: "[summary]: the daily summary"}},
	{"job.NAME", calendar.Text{JA: "[job.名前]　仕事", EN: "[job.NAME]: a job"}},
	{"job.NAME.when", calendar.Text{JA: "[job.名前.when]　予定を表で書くとき", EN: "[job.NAME.when]: the schedule as a table"}},
	{"job.NAME.confirm", calendar.Text{JA: "[job.名前.confirm]　送る前の確認", EN: "[job.NAME.confirm]: the yes before it goes"}},
}

// manual writes the reference of all keys in one language.
func manual(t *testing.T, keys []config.Key, lang calendar.Language) string {
	var b strings.Builder
	say := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(lang) }
	b.WriteString(say("# jobs.toml の項目\n\nこのページは `go test ./internal/config -update` で作られます。◎は必ず書く項目です。\n",
		"# The keys of jobs.toml\n\nThis page is made by `go test ./internal/config -update`. ◎ marks what has to be written.\n"))
	left := len(keys)
	for _, h := range heads {
		fmt.Fprintf(&b, "\n## %s\n\n| %s | %s | %s | %s |\n|---|---|---|---|\n", h.text.In(lang), say("項目", "key"), say("書くもの", "type"), say("意味", "meaning"), say("例", "example"))
		for _, k := range keys {
			if k.Table != h.table {
				continue
			}
			left--
			ty, ok := types[k.Type]
			if !ok {
				t.Errorf("[%s] %s: the manual has no word for the type %q", k.Table, k.Name, k.Type)
			}
			name, meaning := "`"+k.Name+"`", k.Meaning.In(lang)
			if k.Name == "NAME" {
				name = say("名前", "a name")
			}
			if k.Needed {
				name += " ◎"
			}
			if k.Default != "" {
				meaning += say("。書かなければ `"+k.Default+"`", "; `"+k.Default+"` when not written")
			}
			cell := strings.NewReplacer("|", `\|`, "\n", " ")
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", name, ty.In(lang), cell.Replace(meaning), cell.Replace(config.ShownExample(k, lang)))
		}
	}
	if left != 0 {
		t.Errorf("%d keys stand in tables that the manual does not know", left)
	}
	return b.String()
}

// The manual is what the key table says, in both languages.
func TestManualIsTheKeyTable(t *testing.T) {
	keys := config.Keys(jobs.ConfigKinds())
	for _, lang := range []calendar.Language{calendar.Japanese, calendar.English} {
		name := "../../docs/keys." + string(lang) + ".md"
		want := manual(t, keys, lang)
		if flag.Lookup("update").Value.String() == "true" {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what the key table says; run go test ./internal/config -update (%v)", name, err)
		}
	}
}

// The examples that are shipped load without a word with the kinds that are built in,
// so that every key in them is documented.
func TestShippedExamplesLoad(t *testing.T) {
	for _, name := range []string{"../../jobs.toml", "../../example/en/jobs.toml"} {
		c, ps := config.Load(name, jobs.ConfigKinds())
		if c == nil {
			t.Errorf("%s doesn't load", name)
		}
		for _, p := range ps {
			if !p.Warning {
				t.Error(p)
			}
		}
	}
}
