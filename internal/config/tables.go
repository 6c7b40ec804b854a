package config

import "bod/internal/calendar"

// Table documents one table of the file: what its keys have in common.
type Table struct {
	Name   string        // as in Key.Table
	Head   calendar.Text // how a manual introduces it
	Needed bool          // a file without it is refused
}

// Tables documents the tables of the file, in the order of the manual. Every key stands in one of them.
func Tables() []Table {
	return []Table{
		{"", say("いちばん上（どの [ ] よりも前）", "At the top, above the first [ ]"), true},
		{"company", say("[company]　自社", "[company]: who we are"), false},
		{"calendar", say("[calendar]　休みの日", "[calendar]: closed days"), false},
		{"mail", say("[mail]　メールの送り方", "[mail]: how mail leaves"), true},
		{"mail.oauth2", say("[mail.oauth2]　OAuth2 でのログイン", "[mail.oauth2]: logging in with OAuth2"), false},
		{"folders", say("[folders]　名前を付けたフォルダー", "[folders]: folders by name"), false},
		{"people", say("[people]　社内の人", "[people]: people in the house"), true},
		{"people.NAME", say("[people] の { } の中", "Inside the { } of [people]"), false},
		{"partner.NAME", say("[partner.名前]　取引先", "[partner.NAME]: addressees outside"), false},
		{"source.NAME", say("[source.名前]　仕事が読む表", "[source.NAME]: a table that jobs read"), false},
		{"summary", say("[summary]　毎日のまとめ", "[summary]: the daily summary"), false},
		{"job.NAME", say("[job.名前]　仕事", "[job.NAME]: a job"), true},
		{"job.NAME.when", say("[job.名前.when]　予定を表で書くとき", "[job.NAME.when]: the schedule as a table"), false},
		{"job.NAME.confirm", say("[job.名前.confirm]　送る前の確認", "[job.NAME.confirm]: the yes before it goes"), false},
		{"job.NAME.check", say("[[job.名前.check]]　出る前に確かめること", "[[job.NAME.check]]: what it is held against before it goes"), false},
	}
}

// Section is what a manual has under one heading: the keys of a table. Those that only a kind of job has stand under a
// heading of their own, for two kinds may have a key of one name that means something else.
type Section struct {
	Table
	Kind string // "" where the keys are those of every job, or no job's
	Keys []Key
}

// Sections are the tables of the file with their keys, in the order of the manual.
func Sections(kinds []Kind) []Section {
	var out []Section
	for _, t := range Tables() {
		s := Section{Table: t}
		for _, k := range ownKeys {
			if k.Table == t.Name {
				s.Keys = append(s.Keys, k)
			}
		}
		var own []Section
		for _, k := range kinds {
			if tableOfKind(k) != t.Name {
				continue
			}
			keys := keysOfKind(k)
			if reserved(k.Name()) {
				s.Keys = append(s.Keys, keys...)
				continue
			}
			own = append(own, Section{Kind: k.Name(), Keys: keys, Table: Table{Name: t.Name,
				Head: say("[job.名前]　kind = \"%s\" の仕事だけの項目", "[job.NAME] with kind = %q: keys of its own", k.Name())}})
		}
		out = append(append(out, s), own...)
	}
	return out
}

// AdminSections are those of the administrator's file.
func AdminSections() []Section {
	var out []Section
	for _, t := range AdminTables() {
		s := Section{Table: t}
		for _, k := range AdminKeys() {
			if k.Table == t.Name {
				s.Keys = append(s.Keys, k)
			}
		}
		out = append(out, s)
	}
	return out
}

// typeWords says each type of a key as people read it. A type that is not here does not exist.
var typeWords = map[string]calendar.Text{
	"text":              {JA: "文字", EN: "text"},
	"number":            {JA: "数字", EN: "number"},
	"true or false":     {JA: "true か false", EN: "true or false"},
	"table":             {JA: "表 { }", EN: "table"},
	"list of tables":    {JA: "表（いくつでも）", EN: "list of tables"},
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

// TypeWords says what is written for the key; empty for a type that nobody has documented.
func (k Key) TypeWords() calendar.Text { return typeWords[k.Type] }

// ExampleIn is the example that is shown in one language.
func (k Key) ExampleIn(l calendar.Language) string {
	if en, ok := englishExamples[k.Table+"."+k.Name]; ok && l == calendar.English {
		return en
	}
	return k.Example
}
