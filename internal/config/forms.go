package config

import (
	"strings"

	"bod/internal/calendar"
)

// form is what a key's values look like where its type does not say enough. It is
// the editors' knowledge; what is right is decided by the readers, and a test holds the two together.
type form struct {
	choices  []choice // the words that are offered
	pattern  string   // what is read; beside the choices, if there are any
	min, max int
	texts    bool // of a number: words as well
}

// choice is one word of an enumeration.
type choice struct {
	word    string
	meaning calendar.Text // may be empty where the word says it
}

// forms are by table and key.
var forms = map[string]form{
	".language":               {choices: []choice{{"ja", say("日本語", "Japanese")}, {"en", say("英語", "English")}}},
	".timezone":               {pattern: `^[A-Za-z]+[A-Za-z0-9_+/-]*$`},
	"company.registration":    {pattern: registrationForm.String()},
	"company.fiscal_year_end": {min: 1, max: 12},
	"calendar.country":        countryForm,
	"summary.country":         countryForm,
	"job.NAME.country":        countryForm,
	"mail.server":             {pattern: anyCase(`^(smtps?|smtp\+insecure)://`) + `[^\s/@]+/?$`},
	"mail.auth": {choices: []choice{{word: "plain"}, {word: "login"}, {word: "cram-md5"}, {word: "scram-sha-256"},
		{"xoauth2", say("[mail.oauth2] の設定でログインします", "logs in by the settings of [mail.oauth2]")}},
		pattern: anyCase(`^(plain|login|cram-md5|scram-sha-256|xoauth2)$`)},
	"mail.rate":             {pattern: `[0-9０-９]`},
	"mail.oauth2.token_url": {pattern: `^https://\S+$`},
	"folders.NAME":          {pattern: `^/`},
	"job.NAME.about": {choices: []choice{{word: "当月"}, {word: "前月"}, {word: "翌月"}, {word: "当四半期"}, {word: "前四半期"}, {word: "当年度"}, {word: "前年度"},
		{word: "this month"}, {word: "previous month"}, {word: "next month"}, {word: "this quarter"}, {word: "previous quarter"}, {word: "this fiscal year"}, {word: "previous fiscal year"}},
		pattern: aboutPattern},
	"job.NAME.missed": {choices: []choice{
		{string(MissedLatest), say("最新の1回だけ行います", "only the latest is done")},
		{string(MissedEach), say("過ぎた回を全部行います", "each of them is done")},
		{string(MissedSkip), say("見送ります", "they are left out")},
		{string(MissedAsk), say("人に聞きます", "a person is asked")}}},
	"job.NAME.confirm.count": {min: 1, max: 99},
	"job.NAME.when.every": {choices: []choice{{word: "day"}, {word: "business day"}, {word: "week"}, {word: "2 weeks"}, {word: "month"}, {word: "quarter"}, {word: "year"},
		{word: "毎日"}, {word: "毎営業日"}, {word: "毎週"}, {word: "2週間ごと"}, {word: "毎月"}, {word: "毎四半期"}, {word: "毎年"}},
		pattern: anyCase(`day|daily|week|fortnight|month|quarter|year|annual`) + `|日|週|月|期|年|[月火水木金土]曜`},
	"job.NAME.when.month": {min: 1, max: 12, texts: true},
	"job.NAME.when.on":    {pattern: anyCase(`sun|mon|tue|wed|thu|fri|sat`) + `|[日月火水木金土]`},
	"job.NAME.when.if_closed": {choices: []choice{
		{"before", say("前営業日", "the business day before")},
		{"after", say("翌営業日", "the business day after")},
		{"skip", say("その回は実施しない", "left out that time")},
		{"as is", say("休みでも実施", "on the closed day all the same")},
		{word: "前営業日"}, {word: "翌営業日"}, {word: "実施しない"}, {word: "休みでも実施"}},
		pattern: anyCase(`before|after|previous|preceding|next|following|skip|as is|even|unless`) + `|前|翌|次|後|実施|行|送|しない|中止|スキップ|飛ばす|なし|そのまま`},
	"job.NAME.when.cron": {pattern: `^\s*\S+(\s+\S+){4}\s*$`},
}

// The patterns of everyday spellings. They are wide on purpose: a word that bod
// reads must not be underlined, and what is nearly right gets bod's own sentence from bod check.
var (
	digit          = `[0-9０-９]`
	clockPattern   = anyCase(`^\s*(((午前|午後|am|pm)\s*)?([01０１]?` + digit + `|[2２][0-3０-３])\s*[:：]\s*[0-5０-５]` + digit + `([:：][0０][0０])?(\s*(am|pm|a\.m\.|p\.m\.))?|((午前|午後)\s*)?\S{1,3}\s*時\s*(半|\S{1,3}\s*分)?|` + digit + `{1,2}\s*(am|pm|a\.m\.|p\.m\.)|(am|pm)\s*` + digit + `{1,2}|正午|noon)\s*$`)
	datePattern    = `[0-9０-９〇一二三四五六七八九]{4}`
	addressPattern = `[^\s@]@[^\s@]`
	sizePattern    = anyCase(`^\s*[0-9]{1,9}(\.[0-9]{1,3})? ?[kmg]?i?b?\s*$`)
	spanPattern    = anyCase(`^\s*(([0-9０-９〇一二三四五六七八九十]+|an?|one|the)\s*(business days?|working days?|days?|weeks?|hours?|minutes?|min|営業日|日間?|週間?|時間|分間?)\s*(before|after|earlier|later|前|後|以内)?|前営業日|翌営業日|前日|翌日)\s*$`)
	aboutPattern   = anyCase(`^\s*((the\s+)?(this|same|previous|last|next)\s+(day|week|month|quarter|year|fiscal\s+year)|today|yesterday|tomorrow|[当本今前先昨去翌来明](日|週|月|四半期|年|年度)分?)\s*$`)
)

// anyCase lets small letters of a pattern stand for capitals too. JSON Schema has
// no flag for that, and a class is the one way that every engine reads alike.
func anyCase(pattern string) string {
	var b strings.Builder
	class, escaped := false, false
	for _, r := range pattern {
		switch {
		case escaped:
			b.WriteRune(r)
			escaped = false
			continue
		case r == '\\':
			escaped = true
		case r == '[':
			class = true
		case r == ']':
			class = false
		}
		switch {
		case r < 'a' || r > 'z':
			b.WriteRune(r)
		case class:
			b.WriteString(string(r) + string(r-'a'+'A'))
		default:
			b.WriteString("[" + string(r) + string(r-'a'+'A') + "]")
		}
	}
	return b.String()
}

// countryForm offers the calendars of Japan and reads every country's code.
var countryForm = form{
	choices: []choice{
		{"jp", say("日本の土日と祝日", "Japan's weekends and public holidays")},
		{"jp-bank", say("日本の銀行の休みも", "the closing days of Japan's banks too")},
		{"none", say("土日だけ", "weekends only")}},
	pattern: anyCase(`^\s*(` + strings.Join(calendar.Countries(), "|") + `)\s*$`),
}

// onto writes the form into the schema of a key's type.
func (f form) onto(s *schema) {
	if f.max > 0 {
		s.Minimum, s.Maximum = f.min, f.max
	}
	if f.texts {
		s.Type, s.Pattern = []string{"integer", "string"}, oneLineText
	}
	if f.pattern != "" {
		s.Pattern = f.pattern
		if s.Items != nil {
			s.Items.Pattern = f.pattern
		}
	}
	if len(f.choices) == 0 {
		return
	}
	offer := &schema{Editor: &editorHints{Docs: &editorDocs{}}}
	explained := false
	for _, c := range f.choices {
		offer.Enum = append(offer.Enum, c.word)
		words := c.meaning.JA + " / " + c.meaning.EN
		if c.meaning.JA == "" {
			words = c.word
		}
		explained = explained || c.meaning.JA != ""
		offer.Editor.Docs.EnumValues = append(offer.Editor.Docs.EnumValues, words)
	}
	if !explained {
		offer.Editor = nil
	}
	s.Pattern = ""
	if f.pattern == "" {
		s.Enum, s.Editor = offer.Enum, offer.Editor
		return
	}
	s.AnyOf = []*schema{offer, {Type: "string", Pattern: f.pattern, Description: "ほかの言い方でも書けます\n\nother ways to say it are read as well"}}
}
