package config

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"bod/internal/calendar"
)

// The patterns of the schema let pass what the readers of calendar read.
func TestPatternsLetPassWhatIsRead(t *testing.T) {
	clock, span, about := regexp.MustCompile(clockPattern), regexp.MustCompile(spanPattern), regexp.MustCompile(aboutPattern)
	read := 0
	hold := func(p *regexp.Regexp, s string, bad *calendar.Problem) {
		if bad != nil {
			return
		}
		read++
		if !p.MatchString(s) {
			t.Errorf("%q is read, but an editor would underline it", s)
		}
	}
	for h := range 25 {
		for _, m := range []int{0, 5, 30, 59} {
			for _, form := range []string{"%d:%02d", "%02d:%02d", "%02d:%02d:00", "%d：%02d", "午前%d:%02d", "午後%d時%d分", "%d時%d分", "%d 時 %d 分", "%d:%02d pm", "%d:%02d a.m.", "PM %d:%02d"} {
				s := fmt.Sprintf(form, h, m)
				_, bad := calendar.ParseClock(s)
				hold(clock, s, bad)
				wide := strings.Map(func(r rune) rune {
					if r >= '0' && r <= '9' {
						return r - '0' + '０'
					}
					return r
				}, s)
				_, bad = calendar.ParseClock(wide)
				hold(clock, wide, bad)
			}
		}
		for _, form := range []string{"%d時", "%d時半", "午後%d時", "午前 %d時", "%d am", "%dPM", "pm %d"} {
			s := fmt.Sprintf(form, h)
			_, bad := calendar.ParseClock(s)
			hold(clock, s, bad)
		}
	}
	for _, s := range []string{"正午", "noon", "Noon", "九時", "十時半", "午後五時三十分", " 9:30 "} {
		_, bad := calendar.ParseClock(s)
		hold(clock, s, bad)
	}
	for _, n := range []string{"1", "2", "１０", "三", "十二", "a", "an", "One", "the"} {
		for _, unit := range []string{"day", "days", "business day", "Business Days", "working days", "week", "hours", "minutes", "min", "日", "日間", "営業日", "週", "週間", "時間", "分", "分間"} {
			for _, dir := range []string{"", " before", " after", "前", "後", "以内", " earlier", " later"} {
				for _, s := range []string{n + unit + dir, n + " " + unit + dir} {
					_, bad := calendar.ParseLead(s)
					hold(span, s, bad)
				}
			}
		}
	}
	for _, s := range []string{"前営業日", "翌営業日", "前日", "翌日", "the business day before", "the day before"} {
		_, bad := calendar.ParseLead(s)
		hold(span, s, bad)
	}
	for _, unit := range []string{"day", "week", "month", "quarter", "year", "fiscal year", "Month", "日", "週", "月", "四半期", "年", "年度", "月分"} {
		for _, step := range []string{"this ", "same ", "previous ", "last ", "next ", "the previous ", "This ", "当", "本", "今", "前", "先", "昨", "去", "翌", "来", "明"} {
			_, bad := calendar.ParseAbout(step + unit)
			hold(about, step+unit, bad)
		}
	}
	for _, s := range []string{"today", "yesterday", "Tomorrow", "本日"} {
		_, bad := calendar.ParseAbout(s)
		hold(about, s, bad)
	}
	if read < 3000 {
		t.Errorf("only %d spellings were read", read)
	}
}

// Every word that an editor offers is one that the file may say; the loader decides.
func TestOfferedWordsAreRead(t *testing.T) {
	for key, f := range forms {
		dot := strings.LastIndex(key, ".")
		table, name := key[:dot], key[dot+1:]
		for _, c := range f.choices {
			example := fmt.Sprintf("%s = %q", name, c.word)
			text := fileWith(table, name, example)
			switch {
			case key == "mail.auth" && c.word == "xoauth2":
				text = strings.Replace(text, example, example+"\noauth2 = { token_url = \"https://login.example\", client_id = \"bod\" }", 1)
			case key == "job.NAME.when.every":
				text = strings.NewReplacer("day = 25\n", dayFor(c.word), `if_closed = "before"`, closedFor(c.word)).Replace(text)
			}
			l := loadText(t, text)
			if l.f.errors > 0 {
				t.Errorf("%s = %q is offered:\n%s", key, c.word, l.said(calendar.English))
			}
		}
		if len(f.choices) > 0 && f.pattern == "" {
			if l := loadText(t, fileWith(table, name, name+` = "sometimes"`)); l.f.errors == 0 {
				t.Errorf("%s has other words than those that are offered", key)
			}
		}
	}
}

// dayFor is the day that a repetition needs beside it.
func dayFor(every string) string {
	switch every {
	case "week", "毎週":
		return "on = \"fri\"\n"
	case "2 weeks", "2週間ごと":
		return "on = \"fri\"\nstarting = 2026-11-27\n"
	case "year", "毎年":
		return "month = 4\nday = 25\n"
	case "quarter", "毎四半期":
		return "day = \"last\"\n"
	case "month", "毎月":
		return "day = 25\n"
	}
	return ""
}

func closedFor(every string) string {
	if every == "day" || every == "毎日" {
		return `if_closed = "as is"`
	}
	if strings.Contains(every, "business") || strings.Contains(every, "営業日") {
		return ""
	}
	return `if_closed = "before"`
}

// other is a second kind, as a version to come may have it.
type other struct{ letter }

func (other) Name() string { return "watch" }
func (other) Keys() []Key {
	return []Key{
		{Name: "source", Type: "name", Needed: true, Example: `source = "orders"`, Meaning: say("表", "the table")},
		{Name: "letter", Type: "file", Example: `letter = "a.txt"`, Meaning: say("手紙", "the letter")},
	}
}

// With two kinds a job is held to the keys of its own.
func TestSchemaTellsKindsApart(t *testing.T) {
	kinds := append(testKinds[:len(testKinds):len(testKinds)], other{})
	w := &schemaWriter{tables: Tables(), keys: Keys(kinds), kinds: kinds}
	job := w.object("job.NAME")
	if got := strings.Join(job.Required, " "); got != "kind when" {
		t.Errorf("every job needs %s", got)
	}
	if got := strings.Join(job.Properties["kind"].Enum, " "); got != "send watch" {
		t.Errorf("the kinds are %s", got)
	}
	if len(job.AllOf) != 2 {
		t.Fatalf("%d kinds are told apart", len(job.AllOf))
	}
	watch := job.AllOf[1]
	if watch.If.Properties["kind"].Enum[0] != "watch" || strings.Join(watch.Then.Required, " ") != "source" {
		t.Errorf("watch needs %v", watch.Then.Required)
	}
	has := " " + strings.Join(watch.Then.PropertyNames.Enum, " ") + " "
	for name, want := range map[string]bool{"source": true, "letter": true, "title": true, "when": true, "to": false, "attach": false} {
		if strings.Contains(has, " "+name+" ") != want {
			t.Errorf("watch takes %s: %t", name, !want)
		}
	}
}
