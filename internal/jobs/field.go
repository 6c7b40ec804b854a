package jobs

import (
	"strconv"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/table"
)

// Field is one name that a letter, and where Pattern says so a file pattern, may have in {brackets}.
type Field struct {
	JA, EN  string // both names mean the same field; EN may be "" where only the Japanese form makes sense
	Meaning calendar.Text
	Pattern bool // may stand in attach
	value   func(s *scope) string
}

// scope is what a letter's fields are filled from.
type scope struct {
	config   *config.Config
	job      *config.Job
	period   string
	about    calendar.About
	day      calendar.Date // on which the letter goes out
	to       []config.Addressee
	files    []string // names of the attachments, as the recipient sees them
	language calendar.Language
	own      map[string]string
	block    string // 宛名, computed beforehand because it can fail

	// Of a letter to a row of a table, what a check may ask about beside all this.
	company string
	row     *table.Row
	columns []table.Column
	fields  map[string]string // the job's own, without the row's columns that the letter names
}

// jobFields are the job's own fields.
func (s *scope) jobFields() map[string]string {
	if s.row != nil {
		return s.fields
	}
	return s.own
}

// find is value, and the row's column where the name is none of ours. A {row.column} is always the column.
func (s *scope) find(name string) string {
	bare := rowName(name)
	if _, own := s.jobFields()[name]; bare == name {
		if _, ours := fieldOf(name); ours || own || s.row == nil {
			return s.value(name)
		}
	}
	if s.row == nil {
		return ""
	}
	v, _ := s.row.Get(bare)
	return strings.Trim(v.In(s.language), " 　\n")
}

// Fields are all fields that a letter may use: the one visible table.
var Fields = []Field{
	{"宛名", "to.address", calendar.Text{JA: "宛名。社外は会社・部署・担当者に御中か様、社内は「佐藤さん」「田中部長」「各位」", EN: "the addressee's block above the letter"}, false,
		func(s *scope) string { return s.block }},
	{"会社名", "to.company", calendar.Text{JA: "宛先の会社の正式な名前（敬称なし）", EN: "the addressee's company"}, false,
		func(s *scope) string { return s.partner(func(p *config.Partner) string { return fullName(p.Name) }) }},
	{"部署", "to.dept", calendar.Text{JA: "宛先の部署", EN: "the addressee's department"}, false,
		func(s *scope) string { return s.partner(func(p *config.Partner) string { return p.Dept }) }},
	{"担当", "to.name", calendar.Text{JA: "宛先の人の名前（敬称なし）", EN: "the addressee's own name"}, false,
		func(s *scope) string { return s.name() }},
	{"宛先ID", "partner.id", calendar.Text{JA: "jobs.tomlでの宛先の名前（acme など）", EN: "the addressee's name in jobs.toml"}, true,
		func(s *scope) string { return s.id() }},
	{"自社名", "company.name", calendar.Text{JA: "自社の名前", EN: "our company's name"}, true,
		func(s *scope) string { return s.config.Company.Name }},
	{"差出部署", "company.dept", calendar.Text{JA: "差出人の部署", EN: "our department"}, false,
		func(s *scope) string { return s.config.Company.Dept }},
	{"自社住所", "company.address", calendar.Text{JA: "自社の住所", EN: "our address"}, false,
		func(s *scope) string { return s.config.Company.Address }},
	{"電話番号", "company.tel", calendar.Text{JA: "自社の電話番号", EN: "our telephone number"}, false,
		func(s *scope) string { return s.config.Company.Tel }},
	{"登録番号", "company.registration", calendar.Text{JA: "適格請求書発行事業者の登録番号", EN: "our registration number as an invoice issuer"}, false,
		func(s *scope) string { return s.config.Company.Registration }},
	{"振込先", "company.bank", calendar.Text{JA: "自社の振込先", EN: "our bank account"}, false,
		func(s *scope) string { return s.config.Company.Bank }},
	{"差出人", "owner.name", calendar.Text{JA: "この仕事の担当者の名前。いなければ管理担当", EN: "the owner of the job, else the first admin"}, false,
		func(s *scope) string { return s.owner() }},
	{"差出アドレス", "from.mail", calendar.Text{JA: "返信が届くメールアドレス", EN: "the mail address that replies reach"}, false,
		func(s *scope) string { return replyMail(s.config) }},
	{"件名", "title", calendar.Text{JA: "この仕事の名前（title）", EN: "the job's title"}, false,
		func(s *scope) string { return s.job.Title }},
	{"対象月", "about.of", calendar.Text{JA: "何月分の話か：2026年11月分（四半期や年のときも「…分」）", EN: "what the letter speaks of: November 2026"}, true,
		func(s *scope) string { return aboutOf(s.about, s.language) }},
	{"対象", "about", calendar.Text{JA: "何月の話か：2026年11月", EN: "what the letter speaks of: November 2026"}, true,
		func(s *scope) string { return s.about.Words(s.language) }},
	{"対象フォルダー", "about.folder", calendar.Text{JA: "フォルダーの名前としての対象：2026-11", EN: "the same as the name of a folder: 2026-11"}, true,
		func(s *scope) string { return s.about.Folder() }},
	{"対象数字", "about.compact", calendar.Text{JA: "数字だけの対象：202611", EN: "the same without hyphens: 202611"}, true,
		func(s *scope) string { return s.about.Compact() }},
	{"実施期間", "period", calendar.Text{JA: "この回の呼び名：2026-11（about に関わらない）", EN: "the period of this run itself, whatever about says"}, true,
		func(s *scope) string { return s.period }},
	{"送付日", "date", calendar.Text{JA: "送る日：2026年11月25日（水）", EN: "the day on which it goes out"}, false,
		func(s *scope) string { return s.day.Long(s.language) }},
	{"添付数", "attachment_count", calendar.Text{JA: "添付ファイルの数", EN: "how many files are attached"}, false,
		func(s *scope) string { return positive(len(s.files)) }},
	{"添付一覧", "attachments", calendar.Text{JA: "添付ファイルの名前（1行に1つ）", EN: "the names of the attached files, one a line"}, false,
		func(s *scope) string { return strings.Join(s.files, "\n") }},
	{"署名", "signature", calendar.Text{JA: "[company] から作る署名", EN: "the signature, made of [company]"}, false,
		func(s *scope) string { return signature(s.config, s.language) }},
}

// fieldOf finds a field by either name.
func fieldOf(name string) (Field, bool) {
	for _, f := range Fields {
		if name != "" && (f.JA == name || strings.EqualFold(f.EN, name)) {
			return f, true
		}
	}
	return Field{}, false
}

// knownField reports whether a name is a field, ours or the job's own.
func knownField(name string, own map[string]string) bool {
	if _, ok := fieldOf(name); ok {
		return true
	}
	_, ok := own[name]
	return ok
}

// value fills one field; "" where it has none here.
func (s *scope) value(name string) string {
	if f, ok := fieldOf(name); ok {
		return strings.Trim(f.value(s), " 　\n")
	}
	return strings.Trim(s.own[name], " 　\n")
}

// nearestField is the name that was probably meant: at most a third of its letters differ.
func nearestField(name string, own map[string]string) string {
	best, least := "", len([]rune(name))/3+1
	try := func(candidate string) {
		if candidate == "" {
			return
		}
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < least || d == least && best == "" {
			best, least = candidate, d
		}
	}
	for _, f := range Fields {
		try(f.JA)
		try(f.EN)
	}
	for n := range own {
		try(n)
	}
	if best == "" {
		for _, f := range Fields { // 自社 for 自社名
			if len([]rune(name)) >= 2 && (strings.HasPrefix(f.JA, name) || strings.HasPrefix(name, f.JA)) {
				return f.JA
			}
		}
	}
	return best
}

// distance is the number of letters to change, add or take away between two words (Levenshtein).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(y)]
}

// partner is a word about the one partner that the letter is for; with several there is none.
func (s *scope) partner(word func(*config.Partner) string) string {
	if len(s.to) == 1 && s.to[0].Partner != nil {
		return word(s.to[0].Partner)
	}
	return ""
}

// name is the one addressee's own name.
func (s *scope) name() string {
	if len(s.to) != 1 {
		return ""
	}
	if p := s.to[0].Person; p != nil {
		name, _ := honored(p.Name)
		return name
	}
	return s.partner(func(p *config.Partner) string { name, _ := honored(p.Person); return name })
}

// id is the one addressee's name in jobs.toml.
func (s *scope) id() string {
	if len(s.to) != 1 || s.to[0].Plain != nil {
		return ""
	}
	return s.to[0].ID()
}

// owner is the name under a letter to colleagues.
func (s *scope) owner() string {
	for _, p := range s.job.Owners(s.config) {
		name, _ := honored(p.Name)
		return name
	}
	return ""
}

// aboutOf is 「2026年11月分」.
func aboutOf(a calendar.About, l calendar.Language) string {
	w := a.Words(l)
	if w != "" && l != calendar.English {
		w += "分"
	}
	return w
}

// fullName is a company's name with its legal form in full, as far as it can be told.
func fullName(name string) string {
	name, _ = honored(name)
	full, _ := openForms(name)
	return full
}

// positive is a count that is worth saying.
func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// replyMail is where an answer arrives.
func replyMail(c *config.Config) string {
	if c.Mail.ReplyTo.Mail != "" {
		return c.Mail.ReplyTo.Mail
	}
	return c.Mail.From.Mail
}

// rule is the line above and below a signature.
const rule = "--------------------------------------------------"

// signature is made of what [company] has; without a name there is none.
func signature(c *config.Config, l calendar.Language) string {
	name := c.Company.Name
	if name == "" {
		return ""
	}
	tel := c.Company.Tel
	if tel != "" {
		tel = "TEL " + tel
	}
	if l == calendar.English {
		return join(rule, name, c.Company.Dept, c.Company.Address, tel, replyMail(c), rule)
	}
	if c.Company.Dept != "" {
		name += "　" + c.Company.Dept
	}
	return join(rule, name, c.Company.Address, tel, replyMail(c), rule)
}

// leaves is the moment at which a run's letters go out: when due, or now if that is past. An early run goes now.
func leaves(w *World) time.Time {
	due := dueOf(w)
	if w.Run.Early || due.Before(w.Now) {
		return w.Now
	}
	return due
}

// dueOf is the run's own due moment, which an edit may have moved, else the occurrence's.
func dueOf(w *World) time.Time {
	if !w.Run.Due.IsZero() {
		return w.Run.Due
	}
	return w.Occurrence.Due
}
