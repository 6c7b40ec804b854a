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

// manual writes the reference of all keys in one language: those of jobs.toml, then the administrator's.
func manual(t *testing.T, lang calendar.Language) string {
	say := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(lang) }
	return say("# jobs.toml の項目\n\nこのページは `go test ./internal/config -update` で作られます。◎は必ず書く項目です。\n",
		"# The keys of jobs.toml\n\nThis page is made by `go test ./internal/config -update`. ◎ marks what has to be written.\n") +
		manualOf(t, config.Sections(jobs.ConfigKinds()), len(config.Keys(jobs.ConfigKinds())), lang) +
		say("\n# admin.toml の項目\n\n管理者のファイル（なければ `/etc/bod/admin.toml`）です。ここに書いた表や項目は、予定表には書けなくなります。`[mail]` を書いたときは、予定表の `[mail]` に書けるのは、ここにない `from`、`reply_to`、`bcc` だけです。\n",
			"\n# The keys of admin.toml\n\nThe administrator's file, `/etc/bod/admin.toml` unless another is named. What it has is not accepted from jobs.toml any more; beside its `[mail]` that of jobs.toml may only say `from`, `reply_to` and `bcc`, where they are not said here.\n") +
		manualOf(t, config.AdminSections(), len(config.AdminKeys()), lang)
}

func manualOf(t *testing.T, sections []config.Section, left int, lang calendar.Language) string {
	var b strings.Builder
	say := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(lang) }
	for _, h := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| %s | %s | %s | %s |\n|---|---|---|---|\n", h.Head.In(lang), say("項目", "key"), say("書くもの", "type"), say("意味", "meaning"), say("例", "example"))
		for _, k := range h.Keys {
			left--
			ty := k.TypeWords()
			if ty.JA == "" || ty.EN == "" {
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
			fmt.Fprintf(&b, "| %s | %s | %s | `%s` |\n", name, ty.In(lang), cell.Replace(meaning), cell.Replace(k.ExampleIn(lang)))
		}
	}
	if left != 0 {
		t.Errorf("%d keys stand in tables that the manual does not know", left)
	}
	return b.String()
}

// The manual is what the key table says, in both languages.
func TestManualIsTheKeyTable(t *testing.T) {
	for _, lang := range []calendar.Language{calendar.Japanese, calendar.English} {
		name := "../../docs/keys." + string(lang) + ".md"
		want := manual(t, lang)
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
		for _, p := range ps {
			t.Error(p)
		}
		if c == nil {
			t.Fatalf("%s doesn't load", name)
		}
		if n := len(c.Jobs); c.Job("summary") == nil || c.Jobs[n-2].Name != "summary" || c.Jobs[n-1].Name != config.ReviewName {
			t.Errorf("%s: the summary and its review are not the last jobs", name)
		}
	}
}
