package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// send is the simplest duty: these files with this letter to these people.
type send struct{}

// sendSpec is a send job's own part.
type sendSpec struct {
	To, Cc, Bcc []config.Addressee
	Attach      []string
	Letter      string
	Subject     []piece // nil: the letter's own
	Fields      map[string]string
	Together    bool
	MaxSize     int64
	Checks      []*check
	Makes       bool  // it attaches what it makes itself
	Each        *each // nil: to the people of To, not to the rows of a table
}

// maxSize is what most mail servers take, with the third that base64 adds (25 to 35 MB).
const maxSize = 20 << 20

func (send) Name() string { return "send" }

func (send) Keys() []config.Key {
	return append([]config.Key{
		{Table: "job.NAME", Name: "to", Type: "list of names", Needed: true, Example: `to = ["acme"]`, Meaning: calendar.Text{
			JA: "宛先。[people] か [partner] の名前、またはメールアドレス", EN: "whom it goes to: names of [people] and [partner], or mail addresses"}},
		{Table: "job.NAME", Name: "cc", Type: "list of names", Example: `cc = ["ogawa"]`, Meaning: calendar.Text{
			JA: "写しの宛先。どのメールにも付きます", EN: "who gets a visible copy of each message"}},
		{Table: "job.NAME", Name: "bcc", Type: "list of names", Example: `bcc = ["tanaka"]`, Meaning: calendar.Text{
			JA: "ほかの宛先に見えない写し", EN: "who gets a copy that the others do not see"}},
		{Table: "job.NAME", Name: "letter", Type: "file", Needed: true, Example: `letter = "letters/請求書送付.txt"`, Meaning: calendar.Text{
			JA: "手紙のファイル（UTF-8かShift_JIS）。1行目の「件名：…」が件名になります", EN: "the letter's file (UTF-8 or Shift_JIS); its first line \"Subject: …\" is the subject"}},
		{Table: "job.NAME", Name: "subject", Type: "text", Example: `subject = "{対象月} 請求書送付のご案内"`, Meaning: calendar.Text{
			JA: "件名。手紙の1行目より優先します", EN: "the subject, instead of the letter's own"}},
		{Table: "job.NAME", Name: "attach", Type: "list of patterns", Example: `attach = ["請求書/{about.folder}/acme-*.pdf"]`, Meaning: calendar.Text{
			JA: "添付するファイル。* と ? と {about.folder} などが使えます。1つもなければ送らずに待ちます", EN: "the files to attach, with *, ? and fields such as {about.folder}; each has to be there, else the run waits"}},
		{Table: "job.NAME", Name: "fields", Type: "table", Example: `fields = { "内線" = "21" }`, Meaning: calendar.Text{
			JA: "手紙の { } に入れる、この仕事だけの言葉", EN: "this job's own fields of the letter"}},
		{Table: "job.NAME", Name: "together", Type: "true or false", Example: `together = true`, Meaning: calendar.Text{
			JA: "true なら宛先全員に1通、false なら1件に1通ずつ。書かなければ、社外の宛先があれば1通ずつ、社内だけなら全員に1通", EN: "true: one message for all; false: one for each; not said: one for each as soon as somebody outside is among them"}},
		{Table: "job.NAME", Name: "max_size", Type: "size", Default: `"20 MB"`, Example: `max_size = "10 MB"`, Meaning: calendar.Text{
			JA: "添付ファイルを合わせた大きさの上限", EN: "how large the attachments may be together"}},
	}, eachKeys...)
}

func (send) Outside(c *config.Config, spec any) bool {
	s, ok := spec.(*sendSpec)
	if !ok {
		return false
	}
	return s.Each != nil || anyOutside(c, s.To, s.Cc, s.Bcc)
}

// anyOutside reports whether one of the addressees is nobody in [people].
func anyOutside(c *config.Config, lists ...[]config.Addressee) bool {
	for _, a := range slices.Concat(lists...) {
		if a.Partner != nil {
			return true
		}
		if slices.ContainsFunc(a.Mails(), func(m mailer.Address) bool { return c.Outside(m.Mail) }) {
			return true
		}
	}
	return false
}

func (send) Decode(d *config.Decoder) any {
	s := &sendSpec{
		Bcc:     d.Addressees("bcc"),
		Attach:  d.Strings("attach"),
		Letter:  d.String("letter"),
		Fields:  d.Table("fields"),
		MaxSize: d.Size("max_size", maxSize),
	}
	if s.Each = readEach(d, s); s.Each != nil {
		s.To, s.Cc = d.AddresseesBeside("to", takes(&s.Each.To)), d.AddresseesBeside("cc", takes(&s.Each.Cc))
	} else {
		s.To, s.Cc = d.Addressees("to"), d.Addressees("cc")
	}
	s.Together = d.Bool("together", !anyOutside(d.Config, s.To))
	scope := messageScope(d, s.Fields)
	var tab *table.Table
	if s.Each != nil {
		var done func()
		tab, done = lookAt(d, "each", s.Each.Source)
		defer done()
		scope.ofRows()
	}
	s.Checks = decodeChecks(d, scope)
	if tab != nil {
		decodeChecks(d.AgainstTable(), scope.on(tab, s.Fields)) // for what it tells
	}
	s.checkTo(d)
	t := s.checkLetter(d)
	s.checkAttach(d)
	if t != nil {
		s.checkFields(d, t, s.Fields)
	}
	if s.Each != nil {
		s.Each.check(d, s, t, tab)
	}
	return s
}

// checkTo finds addressees that nothing can be sent to.
func (s *sendSpec) checkTo(d *config.Decoder) {
	if d.Has("to") && len(s.To) == 0 && (s.Each == nil || len(s.Each.To) == 0) {
		d.Problem("to", calendar.Text{JA: "宛先がありません", EN: "nobody is named"},
			calendar.Text{JA: `to = ["名前"] のように書いてください`, EN: `write to = ["name"]`})
	}
	seen := map[string]bool{}
	partners := 0
	for _, a := range s.To {
		if id := a.ID(); seen[id] {
			d.Problem("to", calendar.Text{JA: fmt.Sprintf("「%s」が2回あります", id), EN: fmt.Sprintf("%s is named twice", id)},
				calendar.Text{JA: "片方を消してください", EN: "take one out"})
		} else {
			seen[id] = true
		}
		if a.Partner != nil {
			partners++
			if _, err := outsideJA(a.Partner); err != nil && d.Config.Language != calendar.English {
				if e, ok := err.(*addresseeError); ok {
					d.Warn("to", e.text(), calendar.Text{JA: fmt.Sprintf("[partner.%s] の name に正式な名前を書いてください。それまで送らずに待ちます", a.Partner.ID), EN: "write the full name"})
				}
			}
		}
	}
	if s.Together && partners > 1 {
		d.Warn("together", calendar.Text{JA: "1通にまとめるので、得意先どうしの宛先がお互いに見えます", EN: "in one message the customers see each other's addresses"},
			calendar.Text{JA: "1社に1通ずつ送るときは together = false にしてください", EN: "write together = false to send one to each"})
	}
}

// checkLetter reads the letter as Prepare will.
func (s *sendSpec) checkLetter(d *config.Decoder) *template {
	if s.Letter == "" {
		return nil // config says that the key is needed
	}
	if d.Has("subject") {
		pieces, problems := parseLine(d.String("subject"), 0)
		s.Subject = append([]piece{}, pieces...)
		for _, p := range problems {
			d.Problem("subject", p.What, p.Next)
		}
		if len(pieces) == 0 || hostile(d.String("subject"), false) {
			d.Problem("subject", calendar.Text{JA: "件名が空か、改行などの使えない文字があります", EN: "the subject is empty or has a line end or another control character"},
				calendar.Text{JA: "1行の件名を書いてください", EN: "write one line"})
		}
	}
	b, err := d.Config.ReadFile(s.Letter, letterLimit)
	if err != nil {
		what, next := fileErrorWords(err)
		tell := d.Problem
		if e, ok := errors.AsType[*config.FileError](err); ok && e.Away {
			tell = d.Warn // the share may be mounted before the letter is needed; until then the run waits
		}
		tell("letter", calendar.Text{JA: fmt.Sprintf("手紙「%s」：%s", s.Letter, what.JA), EN: fmt.Sprintf("letter %s: %s", s.Letter, what.EN)}, next)
		return nil
	}
	t, problems := parseLetter(s.Letter, b, d.Config.Language)
	for _, p := range problems {
		d.Problem("letter", p.in(s.Letter), p.Next)
	}
	if t == nil {
		return nil
	}
	if s.Subject != nil {
		t.subject = s.Subject
	}
	if len(t.subject) == 0 {
		d.Problem("letter", letterProblem{Line: 1, What: calendar.Text{JA: "件名がありません", EN: "there is no subject"}}.in(s.Letter),
			calendar.Text{JA: "1行目に「件名：…」と書くか、jobs.tomlに subject を書いてください", EN: "write \"Subject: …\" on its first line, or subject in jobs.toml"})
	}
	return t
}

// checkFields looks whether every field of the letter can be filled: bod's, and those that are known of the job.
func (s *sendSpec) checkFields(d *config.Decoder, t *template, known map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		if f, ours := fieldOf(name); ours {
			d.Problem("fields", calendar.Text{JA: fmt.Sprintf("「%s」はもともとある欄です（%s）", name, f.Meaning.JA), EN: fmt.Sprintf("%s is a field already (%s)", name, f.Meaning.EN)},
				calendar.Text{JA: "別の名前にしてください", EN: "choose another name"})
		}
		if strings.ContainsAny(name, "{}?\n") || fieldName(name) != name {
			d.Problem("fields", calendar.Text{JA: fmt.Sprintf("欄の名前「%s」に使えない文字があります", clean(name)), EN: fmt.Sprintf("the field's name %q has a character that it may not have", clean(name))},
				calendar.Text{JA: "{ } ? や全角の英数字を使わない名前にしてください", EN: "leave out { } ? and full-width letters"})
		}
		if hostile(s.Fields[name], true) {
			d.Problem("fields", calendar.Text{JA: fmt.Sprintf("「%s」の値に使えない文字があります", name), EN: fmt.Sprintf("the value of %s has a control character", name)},
				calendar.Text{JA: "その文字を消してください", EN: "take it out"})
		}
		if !slices.Contains(t.names(), name) && !slices.ContainsFunc(s.Checks, func(c *check) bool { return strings.Contains(c.Said.JA, name) }) {
			d.Warn("fields", calendar.Text{JA: fmt.Sprintf("「%s」は手紙で使われていません", name), EN: fmt.Sprintf("the letter does not use %s", name)},
				calendar.Text{JA: "手紙に { } で書くか、消してください", EN: "write it into the letter in { }, or take it out"})
		}
	}
	for _, p := range t.unknown(known) {
		if s.Each != nil {
			break // it may be a column
		}
		if p.Line == 0 {
			d.Problem("subject", p.What, p.Next)
			continue
		}
		d.Problem("letter", p.in(s.Letter), p.Next)
	}
	for _, n := range t.names() {
		f, ok := fieldOf(n)
		if !ok || f.EN != "to.address" {
			continue
		}
		for _, a := range s.To {
			if a.Plain != nil {
				d.Problem("letter",
					calendar.Text{JA: fmt.Sprintf("手紙に {%s} がありますが、%s はメールアドレスだけで、宛名が分かりません", n, a.Plain.Mail), EN: fmt.Sprintf("the letter has {%s}, but %s is only an address: nothing to write there", n, a.Plain.Mail)},
					calendar.Text{JA: "[partner] か [people] に登録してその名前を to に書くか、手紙から宛名の行を消してください", EN: "put it into [partner] or [people] and name that in to, or take the line out of the letter"})
				break
			}
		}
	}
	s.warnEmpty(d, t)
}

// warnEmpty says at once which lines of [company] and the like a letter lacks: as it is, every run would wait for them.
func (s *sendSpec) warnEmpty(d *config.Decoder, t *template) {
	fixed := map[string]bool{"company.name": true, "company.dept": true, "company.address": true, "company.tel": true, "company.registration": true,
		"company.bank": true, "signature": true, "owner.name": true, "title": true, "to.company": true, "to.dept": true, "to.name": true}
	told := map[string]bool{}
	for _, to := range s.groups() {
		sc := &scope{config: d.Config, job: d.Job, to: to, language: t.language, own: s.Fields}
		for _, line := range append([][]piece{t.subject}, t.lines...) {
			for _, p := range line {
				f, ours := fieldOf(p.field)
				if p.field == "" || p.optional || told[p.field] || ours && !fixed[f.EN] || !ours && !knownField(p.field, s.Fields) {
					continue
				}
				if sc.value(p.field) == "" {
					told[p.field] = true
					lp := letterProblem{Line: p.line, What: calendar.Text{JA: fmt.Sprintf("{%s} に入れる値がありません。このままでは送らずに待ちます", p.field), EN: fmt.Sprintf("{%s} has no value: as it is, it would wait", p.field)}}
					d.Warn("letter", lp.in(s.Letter), whereFilled(p.field, sc))
				}
			}
		}
	}
	if len(s.Attach) == 0 && !s.Makes && (slices.ContainsFunc(t.names(), func(n string) bool {
		f, ok := fieldOf(n)
		return ok && (f.EN == "attachments" || f.EN == "attachment_count")
	})) {
		d.Warn("letter", calendar.Text{JA: fmt.Sprintf("手紙「%s」は添付ファイルに触れていますが、attach がありません。このままでは送らずに待ちます", s.Letter), EN: fmt.Sprintf("the letter %s speaks of attachments, but there is no attach: as it is, it would wait", s.Letter)},
			calendar.Text{JA: "attach を書くか、手紙からその欄を消してください", EN: "write attach, or take the field out of the letter"})
	}
}

// whereFilled says where a field gets its value.
func whereFilled(name string, s *scope) calendar.Text {
	f, ours := fieldOf(name)
	key, ofCompany := strings.CutPrefix(f.EN, "company.")
	switch {
	case !ours:
		return calendar.Text{JA: fmt.Sprintf("fields の \"%s\" に書いてください", name), EN: fmt.Sprintf("write it in fields, %q", name)}
	case ofCompany:
		return calendar.Text{JA: fmt.Sprintf("[company] の %s に書いてください", key), EN: fmt.Sprintf("write %s in [company]", key)}
	case f.EN == "signature":
		return calendar.Text{JA: "[company] の name に会社名を書いてください", EN: "write name in [company]"}
	case f.EN == "attachments" || f.EN == "attachment_count":
		return calendar.Text{JA: "attach に添付するファイルを書いてください", EN: "write attach"}
	case len(s.to) == 1 && s.to[0].Partner != nil && f.EN == "to.name":
		return calendar.Text{JA: fmt.Sprintf("[partner.%s] の person に書いてください", s.id()), EN: fmt.Sprintf("write person in [partner.%s]", s.id())}
	case len(s.to) == 1 && s.to[0].Partner != nil && f.EN == "to.dept":
		return calendar.Text{JA: fmt.Sprintf("[partner.%s] の dept に書いてください", s.id()), EN: fmt.Sprintf("write dept in [partner.%s]", s.id())}
	case strings.HasPrefix(f.EN, "to.") || f.EN == "partner.id":
		return calendar.Text{JA: "宛先が1件ずつのときだけ使える欄です。together = false にするか、手紙からその欄を消してください", EN: "it needs one addressee a message: write together = false, or take the field out of the letter"}
	case f.EN == "title":
		return calendar.Text{JA: "title に仕事の名前を書いてください", EN: "write the job's title"}
	}
	return calendar.Text{JA: "手紙のその欄を見直してください", EN: "look at that field of the letter"}
}

// checkAttach looks at the patterns. What is to be filled later is fine; what can never be filled is not.
func (s *sendSpec) checkAttach(d *config.Decoder) {
	for _, p := range s.Attach {
		pieces, problems := parseLine(p, 0)
		for _, lp := range problems {
			d.Problem("attach", calendar.Text{JA: fmt.Sprintf("「%s」：%s", p, lp.What.JA), EN: fmt.Sprintf("%s: %s", p, lp.What.EN)}, lp.Next)
		}
		var b strings.Builder
		fields := false
		for _, x := range pieces {
			if x.field == "" {
				b.WriteString(x.text)
				continue
			}
			fields = true
			b.WriteString("x")
			f, ok := fieldOf(x.field)
			switch {
			case s.Each != nil && !ok:
				// A column of the row.
			case !ok || !f.Pattern:
				d.Problem("attach", calendar.Text{JA: fmt.Sprintf("{%s} は attach に使えません", x.field), EN: fmt.Sprintf("{%s} can't stand in attach", x.field)},
					calendar.Text{JA: "使えるのは {about.folder} {about.compact} {about} {period} {partner.id} などです", EN: "these can: {about.folder} {about.compact} {about} {period} {partner.id}"})
			case f.EN == "partner.id" && s.Together && len(s.To) > 1:
				d.Problem("attach", calendar.Text{JA: fmt.Sprintf("宛先をまとめた1通では {%s} が決まりません", x.field), EN: fmt.Sprintf("in one message for all there is no one {%s}", x.field)},
					calendar.Text{JA: "together = false にするか、attach から外してください", EN: "write together = false, or take it out of attach"})
			}
		}
		if len(problems) > 0 {
			continue
		}
		if err := d.Config.CheckPath(b.String()); err != nil {
			what, next := fileErrorWords(err)
			d.Problem("attach", calendar.Text{JA: fmt.Sprintf("「%s」：%s", p, what.JA), EN: fmt.Sprintf("%s: %s", p, what.EN)}, next)
			continue
		}
		if fields {
			continue
		}
		switch ms, err := d.Config.Glob(b.String()); {
		case err != nil:
			what, next := fileErrorWords(err)
			d.Warn("attach", calendar.Text{JA: fmt.Sprintf("「%s」：%s", p, what.JA), EN: fmt.Sprintf("%s: %s", p, what.EN)}, next)
		case len(ms) == 0:
			d.Warn("attach", calendar.Text{JA: fmt.Sprintf("「%s」に当てはまるファイルは、まだありません", p), EN: fmt.Sprintf("no file matches %s yet", p)},
				calendar.Text{JA: "送る日までに入れてください。なければ送らずに待ちます", EN: "it is to be filled later; without it the run waits"})
		}
	}
}

// groups are the addressees of each message: all together, or one by one.
func (s *sendSpec) groups() [][]config.Addressee {
	if s.Together || len(s.To) == 1 {
		return [][]config.Addressee{s.To}
	}
	var out [][]config.Addressee
	for _, a := range s.To {
		out = append(out, []config.Addressee{a})
	}
	return out
}

// partOfAll is the part of a message to several.
const partOfAll = "all"

// part names a group in the message's key.
func part(to []config.Addressee) string {
	if len(to) == 1 {
		return to[0].ID()
	}
	return partOfAll
}

func (send) Prepare(ctx context.Context, w *World) (Prepared, error) {
	s, ok := w.Job.Spec.(*sendSpec)
	if !ok {
		return Prepared{}, fmt.Errorf("couldn't prepare the job %s: it was not decoded as a send job", w.Job.Name)
	}
	b, err := w.Config.ReadFile(s.Letter, letterLimit)
	if err != nil {
		r := fileReason(w, s.Letter, err)
		r.Code = codeLetter
		return Prepared{Missing: []ledger.Reason{r}}, nil
	}
	t, problems := parseLetter(s.Letter, b, w.Config.Language)
	if t != nil {
		if s.Each == nil {
			problems = append(problems, t.unknown(s.Fields)...)
		}
		if s.Subject != nil {
			t.subject = s.Subject
		}
		if len(t.subject) == 0 {
			problems = append(problems, letterProblem{Line: 1, What: calendar.Text{JA: "件名がありません", EN: "there is no subject"},
				Next: calendar.Text{JA: "1行目に「件名：…」と書いてください", EN: "write \"Subject: …\" on its first line"}})
		}
	}
	if len(problems) > 0 {
		var p Prepared
		for _, lp := range problems {
			p.Missing = append(p.Missing, reason(w, codeLetter, lp.in(s.Letter), lp.Next))
		}
		return p, nil
	}
	if s.Each != nil {
		return s.prepareEach(ctx, w, t, b)
	}
	var p Prepared
	type letter struct {
		draft Draft
		scope *scope
	}
	var ls []letter
	for _, to := range only(s.groups(), w.Run.Only) {
		if err := ctx.Err(); err != nil {
			return Prepared{}, err
		}
		d, sc, missing, err := s.draft(w, t, b, letterFor{to: to, cc: s.Cc, part: part(to), own: s.Fields, place: s.Fields})
		switch {
		case err != nil:
			return Prepared{}, err
		case len(missing) > 0:
			p.Missing = append(p.Missing, missing...)
		default:
			ls = append(ls, letter{d, sc})
		}
	}
	held := newChecking(ctx, w, s.Checks)
	var ds []*Draft
	for i := range ls {
		ds = append(ds, &ls[i].draft)
	}
	if err := held.learn(ds); err != nil {
		return Prepared{}, err
	}
	for i := range ls {
		seen, missing, err := held.message(ls[i].scope, &ls[i].draft)
		switch {
		case err != nil:
			return Prepared{}, err
		case len(missing) > 0:
			p.Missing = append(p.Missing, missing...)
		default:
			p.Observations = append(p.Observations, seen...)
			p.Drafts = append(p.Drafts, ls[i].draft)
		}
	}
	p.Missing = uniqueReasons(p.Missing)
	return p, nil
}

// only keeps the messages that a deliberate second run names. Somebody who shared a message with others gets one of
// their own then: the others have had theirs.
func only(groups [][]config.Addressee, names []string) [][]config.Addressee {
	if len(names) == 0 || slices.Contains(names, partOfAll) {
		return groups
	}
	var out [][]config.Addressee
	for _, a := range slices.Concat(groups...) {
		if slices.Contains(names, a.ID()) {
			out = append(out, []config.Addressee{a})
		}
	}
	return out
}

// uniqueReasons drops a reason that was said already, such as one file that several messages need.
func uniqueReasons(rs []ledger.Reason) []ledger.Reason {
	var out []ledger.Reason
	for _, r := range rs {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// letterFor is whom a message is for, with what only this one has.
type letterFor struct {
	to, cc     []config.Addressee
	part       string
	key        string            // "": made from job, period and part
	own, place map[string]string // fields beside bod's: in the letter, and in attach
	inputs     []ledger.Input
	amount     *int64
	ours       bool          // the letter is one of bod's own, and no file
	made       []mailer.File // attached beside the files of attach: what the job made itself
	// dress gives the letter its text and HTML, where there is more to it than words.
	dress func(l *mailer.Letter, text string)
}

// draft makes one message, or says what it lacks.
func (s *sendSpec) draft(w *World, t *template, letter []byte, x letterFor) (d Draft, sc *scope, missing []ledger.Reason, err error) {
	c, to := w.Config, x.to
	sc = &scope{
		config: c, job: w.Job, period: w.Occurrence.Period, about: w.Job.When.About(w.Job.About, w.Occurrence),
		day: calendar.DateOf(leaves(w).In(c.Zone)), to: to, language: t.language, own: x.own,
	}
	block, err := addressBlock(to, t.language)
	if e, ok := err.(*addresseeError); ok {
		next := calendar.Text{JA: fmt.Sprintf("jobs.tomlの [partner.%s] の name に、正式な名前を書いてください", e.Partner), EN: fmt.Sprintf("write the full name in [partner.%s]", e.Partner)}
		if c.Partners[e.Partner] == nil {
			next = calendar.Text{JA: "表の会社名の列に、正式な名前を書いてください", EN: "write the full name in the table"}
		}
		missing = append(missing, reason(w, codeAddressee, e.text(), next))
	} else if err != nil {
		return Draft{}, nil, nil, err
	}
	sc.block = block
	places := *sc
	places.own = x.place
	files, inputs, ms := attachments(w, &places, s.Attach, s.MaxSize)
	missing = append(missing, ms...)
	if len(missing) > 0 {
		return Draft{}, nil, missing, nil
	}
	files = append(files, x.made...)
	for _, f := range files {
		sc.files = append(sc.files, f.Name)
	}
	subject, empty := expandSubject(t.subject, sc.value)
	text, es := t.expand(sc.value)
	for _, e := range append(empty, es...) {
		missing = append(missing, s.emptyReason(w, sc, e))
	}
	if len(missing) == 0 && (subject == "" || strings.TrimSpace(text) == "") {
		missing = append(missing, reason(w, codeField, letterProblem{What: calendar.Text{JA: "件名か本文が空になります", EN: "the subject or the text would be empty"}}.in(s.Letter),
			calendar.Text{JA: "手紙を見直してください", EN: "look at the letter"}))
	}
	if len(missing) > 0 {
		return Draft{}, nil, missing, nil
	}

	e := &envelope{config: c}
	var toHeader, cc []mailer.Address
	for _, a := range to {
		toHeader = append(toHeader, e.add("to", addressesOf(a)...)...)
	}
	for _, a := range to {
		if a.Partner != nil {
			cc = append(cc, e.add("cc", a.Partner.Cc...)...)
		}
	}
	for _, a := range x.cc {
		cc = append(cc, e.add("cc", addressesOf(a)...)...)
	}
	for _, a := range s.Bcc {
		e.add("bcc", addressesOf(a)...)
	}
	if e.outside() {
		e.add("bcc", c.Mail.Bcc...)
	}
	l := letterTo(c, toHeader, cc, subject, text, t.language != calendar.English)
	if x.dress != nil {
		x.dress(&l, text)
	}
	l.Files = files
	kind := "letter"
	if x.ours {
		kind = "rule"
	}
	inputs = append(append(inputs, input(kind, s.Letter, letter)), x.inputs...)
	for _, in := range []struct {
		kind, name string
		value      any
	}{
		{"rule", w.Identity, effectiveRule(w)},
		{"company", c.Company.Name, []any{c.Company, c.Mail.From, c.Mail.ReplyTo, c.Mail.TrialTo, c.Language}},
		{"addressee", x.part, []any{block, e.rs, sc.owner()}},
	} {
		i, err := inputOf(in.kind, in.name, in.value)
		if err != nil {
			return Draft{}, nil, nil, err
		}
		inputs = append(inputs, i)
	}
	if slices.ContainsFunc(t.names(), func(n string) bool { f, _ := fieldOf(n); return f.EN == "date" }) {
		// Only a letter that tells the day changes with it: released a day later it is another letter.
		inputs = append(inputs, input("rule", "date", []byte(sc.day.String())))
	}
	return Draft{
		Class:      ledger.ClassLetter,
		Key:        x.key,
		Part:       x.part,
		Amount:     x.amount,
		Addressee:  groupName(to, c.Language),
		Letter:     l,
		Recipients: e.rs,
		Inputs:     inputs,
	}, sc, nil, nil
}

// emptyReason says which field of which letter has no value, and where it would come from.
func (s *sendSpec) emptyReason(w *World, sc *scope, e emptyField) ledger.Reason {
	what := calendar.Text{JA: fmt.Sprintf("{%s} に入れる値がありません（%s）", e.Name, sc.whom()), EN: fmt.Sprintf("{%s} has no value (%s)", e.Name, sc.whom())}
	if e.Bad {
		what = calendar.Text{JA: fmt.Sprintf("{%s} の値に、改行などの使えない文字があります（%s）", e.Name, sc.whom()), EN: fmt.Sprintf("the value of {%s} has a line end or another control character (%s)", e.Name, sc.whom())}
	}
	if e.Line == 0 {
		what = calendar.Text{JA: "件名の" + what.JA, EN: "in the subject, " + what.EN}
		return reason(w, codeField, what, whereFilled(e.Name, sc))
	}
	return reason(w, codeField, letterProblem{Line: e.Line, What: what}.in(s.Letter), whereFilled(e.Name, sc))
}

// inert are the parts of a rule that change neither what goes out nor when nor after whose yes.
var inert = []string{"purpose", "missed", "prepare", "give_up", "on_unknown", "renamed_from", "name", "line"}

// effectiveRule is the rule without its inert parts, with the due moment and the period's place. A part that this
// version does not know counts: a confirmation asked twice is better than one that no longer fits.
func effectiveRule(w *World) any {
	var rule map[string]json.RawMessage
	if err := json.Unmarshal(w.Job.Rule, &rule); err != nil {
		return []any{string(w.Job.Rule), dueOf(w).UTC()}
	}
	for _, k := range inert {
		delete(rule, k)
	}
	return []any{rule, w.Occurrence.Period, dueOf(w).UTC()}
}

// addressesOf are an addressee's addresses as the To line shows them.
func addressesOf(a config.Addressee) []mailer.Address {
	as := slices.Clone(a.Mails())
	for i := range as {
		if as[i].Name != "" {
			continue
		}
		switch {
		case a.Person != nil:
			as[i].Name = a.Person.Name
		case a.Partner != nil:
			as[i].Name = fullName(a.Partner.Name)
		}
		if hostile(as[i].Name, false) {
			as[i].Name = ""
		}
	}
	return as
}

// groupName is whom a message is for, in few words.
func groupName(to []config.Addressee, l calendar.Language) string {
	if len(to) == 0 {
		return ""
	}
	first := nameOf(to[0], l)
	switch {
	case len(to) == 1:
		return first
	case l == calendar.English:
		return fmt.Sprintf("%s and %d more", first, len(to)-1)
	}
	return fmt.Sprintf("%sほか%d件", first, len(to)-1)
}
