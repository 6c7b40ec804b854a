package jobs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/table"
)

// A [[job.NAME.check]] is what a row or a message is held against before anything leaves. It is agreed beforehand; how
// it came out, with the figures that were compared, is kept in the ledger. What can't be judged is never taken for right.

// checkType is one sort of check.
type checkType struct {
	name string // of the key that asks for it
	keys []config.Key
	rows bool // may be asked about rows; every type may be asked about a message
	// mails: may be asked about what a watch sends to the outside as well, which has no attachments and no amount.
	mails bool
	// decode reads the keys of one check; nil when something is wrong, which was told.
	decode func(d *config.Decoder, s checkScope) (judge, calendar.Text)
}

// judge holds a message against one check. It returns an error only where the run has to wait or is broken.
type judge interface {
	judge(s *subject) (Result, error)
}

// checkTypes are all types, in the manual's order: the one visible table.
var checkTypes = []checkType{
	ownAddress, attached, madeWithin, pdfContains, pdfLacks, pdfAmount, withinLast, noOtherPartner, notSentBefore, newNumber, required,
	wrongIf, must,
}

// commonCheckKeys are the keys that every check may have.
var commonCheckKeys = []config.Key{
	{Name: "then", Type: "text", Default: `"hold"`, Example: `then = "warn"`, Meaning: calendar.Text{
		JA: "送るメールがおかしいときにどうするか。hold（送らずに止める）、warn（送り、確認のお願いとまとめに書く）、tell（送り、tell の人に知らせる）。確かめられなかったときは、いつも止めます", EN: "what happens to a message that is wrong: hold (it is not sent), warn (it is sent; request and summary say so) or tell (it is sent, and the people of tell hear of it). What could not be judged is always held"}},
	{Name: "say", Type: "text", Example: `say = "受注一覧の金額と合いません"`, Meaning: calendar.Text{
		JA: "おかしいときに人に伝える言葉。行の確認では \"ご注文から{経過営業日数(注文日)}営業日\" のように { } で列や計算を書けます。「→」のあとはお願いとして、メールでは次の行になります", EN: "the words for people when it is wrong; about rows they may have columns and rules in { }, and after → what is asked, like \"{business_days_since(ordered)} business days ago\""}},
	{Name: "tell", Type: "list of texts", Example: `tell = ["ogawa"]`, Meaning: calendar.Text{
		JA: "だれに知らせるか。[people] の名前。表の行の確認では \"{担当メール}\" のような列も書けます。送るメールの確認では then = \"tell\" のときに書きます", EN: "who hears of it: names of [people]; of a check of rows also a column, like \"{mail}\". For messages it belongs to then = \"tell\""}},
}

// rowCheckKeys are those that only a check of rows has.
var rowCheckKeys = []config.Key{
	{Name: "remind", Type: "span", Example: `remind = "3 business days"`, Meaning: calendar.Text{
		JA: "行の確認で、まだ直っていないときにもう一度知らせるまでの間。書かなければ1回だけ", EN: "of a check of rows: how long until it is told again when it is not mended; once only when not said"}},
}

// checks is how config reads a [[job.NAME.check]]: with the types' own lists of keys. It is no kind of job and has no run.
type checks struct{}

func (checks) Name() string { return "check" }

func (checks) Keys() []config.Key {
	var out []config.Key
	for _, t := range checkTypes {
		out = append(out, t.keys...)
	}
	out = append(out, commonCheckKeys...)
	return append(out, rowCheckKeys...)
}

func (checks) Decode(*config.Decoder) any { return nil } // a kind reads its checks itself: see decodeChecks

func (checks) Outside(*config.Config, any) bool { return false }

// What becomes of a message that a check finds wrong.
const (
	thenHold = "hold"
	thenWarn = "warn"
	thenTell = "tell"
)

// check is one [[job.NAME.check]] as it was agreed.
type check struct {
	Type   string // its type's name
	Line   int
	Said   calendar.Text // what it looks at, as bod check lists it
	Then   string
	Say    sentence   // nil: the check's own words
	Tell   []sentence // about rows; one without a rule is a name or an address
	People []*config.Person
	Remind calendar.Lead
	rule   *rowRule // of wrong_if and must
	at     *config.Decoder
	judge  judge

	aboutRows bool // about rows of a table, not about a message
}

// checkScope is what checks are decoded for.
type checkScope struct {
	rows   bool // about rows; else about messages
	rules  table.RuleScope
	fields []string // the job's own, which a message's letter may have

	each  bool         // the letters are to the rows of a table
	table *table.Table // that table; nil where it could not be read now

	mails *checkScope // about rows: of the mails to the outside that tell of them
}

// ofRows lets the checks of letters to the rows of a table name its columns, whatever these are.
func (s *checkScope) ofRows() { s.each, s.rules.Columns = true, nil }

// on is the same with the columns that the table has now.
func (s checkScope) on(t *table.Table, fields map[string]string) checkScope {
	s.table, s.rules.Columns = t, rowColumns(fields, t.Columns())
	return s
}

// hasField reports whether a text of a check may have a field in { }.
func (s checkScope) hasField(name string) bool {
	if _, ok := fieldOf(name); ok || slices.Contains(s.fields, name) {
		return true
	}
	if !s.each || s.table == nil {
		return s.each // whether it is a column is seen when the table can be read
	}
	_, ok := s.table.Find(rowName(name))
	return ok
}

// decodeChecks reads a job's checks. Rules are typed by the columns of scope, when they are known.
func decodeChecks(d *config.Decoder, s checkScope) []*check {
	var out []*check
	for _, x := range d.Checks() {
		if c := decodeCheck(x, s); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// decodeTelling reads of a check of rows who hears of it, and how often.
func decodeTelling(d *config.Decoder, s checkScope, c *check) {
	c.Remind = d.Span("remind")
	for i, t := range d.Strings("tell") {
		if p := d.Config.People[t]; p != nil {
			c.People = append(c.People, p)
			c.Tell = append(c.Tell, sentence{{text: t}})
			continue
		}
		c.Tell = append(c.Tell, decodeSentence(d, "tell", i, t, s))
	}
}

// decodeTold reads of a check of messages who hears of one that goes although it is wrong.
func decodeTold(d *config.Decoder, c *check) {
	for i, t := range d.Strings("tell") {
		p := d.Config.People[t]
		if p == nil {
			d.ProblemAt("tell", i, calendar.Text{JA: fmt.Sprintf("「%s」という人は [people] にいません", t), EN: fmt.Sprintf("there is nobody called %s in [people]", t)},
				calendar.Text{JA: "[people] にある名前を書いてください", EN: "write names of [people]"})
			continue
		}
		c.People = append(c.People, p)
	}
	switch {
	case c.Then == thenTell && !d.Has("tell"):
		d.Problem("then", calendar.Text{JA: "then = \"tell\" ですが、だれに知らせるか（tell）がありません", EN: "then = \"tell\", but it doesn't say whom (tell)"},
			calendar.Text{JA: `tell = ["sato"] のように書いてください`, EN: `write it like tell = ["sato"]`})
	case c.Then != thenTell && d.Has("tell"):
		d.Problem("tell", calendar.Text{JA: "tell は then = \"tell\" のときに書きます", EN: "tell belongs to then = \"tell\""},
			calendar.Text{JA: "then = \"tell\" と書くか、この行を消してください。止めたときは、担当者に知らせます", EN: "write then = \"tell\", or delete the line; of what is held the owner hears"})
	}
}

func decodeCheck(d *config.Decoder, s checkScope) *check {
	if s.mails != nil && slices.ContainsFunc(checkTypes, func(t checkType) bool { return t.mails && d.Has(t.name) }) {
		return decodeCheck(d, *s.mails)
	}
	c := &check{Line: d.Line(), Then: thenHold, aboutRows: s.rows, at: d}
	if s.rows {
		decodeTelling(d, s, c)
	} else {
		for _, k := range rowCheckKeys {
			if d.Has(k.Name) {
				d.Problem(k.Name, calendar.Text{JA: k.Name + " は行の確認（kind = \"watch\"）にだけ書けます", EN: "only a check of rows (kind = \"watch\") has " + k.Name},
					calendar.Text{JA: "この行を消してください", EN: "delete the line"})
			}
		}
	}
	c.Say = decodeSentence(d, "say", 0, d.String("say"), s)
	if v := d.String("then"); v != "" {
		c.Then = v
		if !slices.Contains([]string{thenHold, thenWarn, thenTell}, v) {
			d.Problem("then", calendar.Text{JA: fmt.Sprintf("then = \"%s\" という決め方はありません", v), EN: fmt.Sprintf("there is no then = %q", v)},
				calendar.Text{JA: "hold（止める）、warn（書いて送る）、tell（知らせて送る）のどれかです", EN: "it is hold, warn or tell"})
		}
	}
	switch {
	case s.rows && d.Has("then"):
		d.Problem("then", calendar.Text{JA: "then は行の確認には書けません", EN: "a check of rows has no then"}, calendar.Text{JA: "この行を消してください", EN: "delete the line"})
	case !s.rows:
		decodeTold(d, c)
	}
	t, ok := typeOfCheck(d)
	if !ok {
		return nil
	}
	c.Type = t.name
	if s.rows && !t.rows {
		d.Problem(t.name, calendar.Text{JA: fmt.Sprintf("%s は送るメールの確認で、表の行には使えません", t.name), EN: fmt.Sprintf("%s is a check of messages, not of rows", t.name)},
			calendar.Text{JA: "wrong_if か must を書いてください", EN: "write wrong_if or must"})
		return nil
	}
	if c.judge, c.Said = t.decode(d, s); c.judge == nil {
		return nil
	}
	c.rule, _ = c.judge.(*rowRule)
	return c
}

// typeOfCheck finds the one type that a table asks for.
func typeOfCheck(d *config.Decoder) (checkType, bool) {
	var types []checkType
	for _, t := range checkTypes {
		if d.Has(t.name) {
			types = append(types, t)
		}
	}
	switch len(types) {
	case 1:
		return types[0], true
	case 0:
		var names []string
		for _, t := range checkTypes {
			names = append(names, t.name)
		}
		d.Trouble(calendar.Text{JA: "何を確かめるかがありません", EN: "it doesn't say what is checked"},
			calendar.Text{JA: strings.Join(names, "、") + " のどれかを書いてください", EN: "write one of " + strings.Join(names, ", ")})
	default:
		d.Problem(types[1].name, calendar.Text{JA: fmt.Sprintf("1つの確認に %s と %s があります", types[0].name, types[1].name), EN: fmt.Sprintf("one check has %s and %s", types[0].name, types[1].name)},
			calendar.Text{JA: "[[…check]] をもう1つ書き、片方をそこへ移してください", EN: "write another [[…check]] and move one of them there"})
	}
	return checkType{}, false
}

// Verdict is how a check came out.
type Verdict string

// The verdicts.
const (
	Passed   Verdict = "passed"
	Wrong    Verdict = "wrong"
	Unjudged Verdict = "unjudged" // there was no way to tell: for a person, and never a pass
)

// Result is one check that ran, in the file's language, as the ledger keeps it.
type Result struct {
	Check   string   `json:"check"` // the type's name
	Line    int      `json:"line"`  // of the check in jobs.toml
	Verdict Verdict  `json:"verdict"`
	Then    string   `json:"then,omitempty"` // of one that is wrong
	What    string   `json:"what"`           // what was found
	Figures []Figure `json:"figures,omitempty"`
	Tell    []string `json:"tell,omitempty"` // names of [people]
}

// Figure is one of the figures that were compared: 受注一覧、198,000円.
type Figure struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Words are what was found with its figures, on one line.
func (r Result) Words(l calendar.Language) string {
	var figures []string
	for _, e := range r.Figures {
		switch {
		case e.Value == "":
		case l == calendar.English:
			figures = append(figures, e.Label+": "+e.Value)
		default:
			figures = append(figures, e.Label+" "+e.Value)
		}
	}
	if len(figures) == 0 {
		return r.What
	}
	return r.What + calendar.Text{JA: "（" + strings.Join(figures, "、") + "）", EN: " (" + strings.Join(figures, ", ") + ")"}.In(l)
}

// rowRule is wrong_if or must.
type rowRule struct {
	rule  *table.Rule
	wrong bool // the rule says what is wrong; else what has to hold
}

var wrongIf = checkType{name: "wrong_if", rows: true,
	keys: []config.Key{{Name: "wrong_if", Type: "text", Example: `wrong_if = '添付数 > 1'`, Meaning: calendar.Text{
		JA: "おかしいのはどういうときか。行なら表の列、メールなら 宛先ID、件名、本文、添付数、金額、PDF などが使えます", EN: "when it is wrong: a rule over the row's columns, of a message over addressee, subject, body, attachments, amount, pdf and the like"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) { return decodeRule(d, "wrong_if", s) }}

var must = checkType{name: "must", rows: true,
	keys: []config.Key{{Name: "must", Type: "text", Example: `must = '添付数 == 1'`, Meaning: calendar.Text{
		JA: "必ず成り立つべきこと。書き方は wrong_if と同じ", EN: "what has to hold; written as wrong_if is"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) { return decodeRule(d, "must", s) }}

func decodeRule(d *config.Decoder, key string, s checkScope) (judge, calendar.Text) {
	src := d.String(key)
	if src == "" {
		return nil, calendar.Text{}
	}
	r, ps := table.CompileRule(src, s.rules)
	for _, p := range ps {
		d.ProblemInside(key, p.Column, p.What, p.Next)
	}
	if r == nil || len(ps) > 0 {
		return nil, calendar.Text{}
	}
	said := calendar.Text{JA: "「" + src + "」が成り立つこと", EN: src + " holds"}
	if key == "wrong_if" {
		said = calendar.Text{JA: "「" + src + "」でないこと", EN: "not: " + src}
	}
	return &rowRule{r, key == "wrong_if"}, said
}

// judgeRow asks a check of rows. What a table does not hold any more is an error; what can't be told is Unjudged.
func (c *check) judgeRow(j *table.Judge, row table.Row, l calendar.Language) (Result, error) {
	r := Result{Check: c.Type, Line: c.Line, Verdict: Passed, What: c.Said.In(l)}
	for _, f := range j.Figures(c.rule.rule, row) {
		e := Figure{Label: f.Name, Value: f.Value.In(l)}
		if f.Unjudged != nil {
			e.Value = "（" + f.Unjudged.What.In(l) + "）"
		}
		r.Figures = append(r.Figures, e)
	}
	holds, err := j.Holds(c.rule.rule, row)
	if u, ok := errors.AsType[*table.Unjudged](err); ok {
		r.Verdict, r.What = Unjudged, u.What.In(l)
		return r, nil
	}
	if err != nil {
		return Result{}, err
	}
	if holds == c.rule.wrong {
		r.Verdict = Wrong
		r.What = calendar.Text{JA: "「" + c.rule.rule.Source() + "」に当たります", EN: "it is so that " + c.rule.rule.Source()}.In(l)
		if !c.rule.wrong {
			r.What = calendar.Text{JA: "「" + c.rule.rule.Source() + "」が成り立ちません", EN: "it is not so that " + c.rule.rule.Source()}.In(l)
		}
		if c.Say != nil {
			if r.What, err = c.Say.expand(j, row, l); err != nil {
				return Result{}, err
			}
		}
	}
	return r, nil
}

// sentence is a text with columns and rules of a row in { }.
type sentence []sentencePart

type sentencePart struct {
	text string
	rule *table.Rule
}

// decodeSentence reads a text with { }; i is its place in a list.
func decodeSentence(d *config.Decoder, key string, i int, text string, s checkScope) sentence {
	if text == "" {
		return nil
	}
	var out sentence
	for rest := text; rest != ""; {
		before, inner, after, problem := cutRule(rest)
		if problem {
			d.ProblemAt(key, i, calendar.Text{JA: fmt.Sprintf("%s の { } が閉じていません", key), EN: fmt.Sprintf("a { in %s has no }", key)},
				calendar.Text{JA: "{列の名前} のように書いてください", EN: "write it like {column}"})
			return nil
		}
		if before != "" {
			out = append(out, sentencePart{text: before})
		}
		if inner != "" {
			r, ps := table.CompileValue(inner, s.rules)
			for _, p := range ps {
				d.ProblemAt(key, i, p.What, p.Next)
			}
			if r == nil || len(ps) > 0 {
				return nil
			}
			out = append(out, sentencePart{rule: r})
		}
		rest = after
	}
	return out
}

// cutRule takes the first {rule} out of a text; a bracket inside of quotation marks is the rule's own.
func cutRule(s string) (before, inner, after string, open bool) {
	i := strings.IndexByte(s, '{')
	if i < 0 {
		return s, "", "", false
	}
	quote := byte(0)
	for j := i + 1; j < len(s); j++ {
		switch c := s[j]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '}':
			return s[:i], strings.TrimSpace(s[i+1 : j]), s[j+1:], strings.TrimSpace(s[i+1:j]) == ""
		}
	}
	return s[:i], "", "", true
}

// expand fills a sentence for a row; what has no value is said as such.
func (s sentence) expand(j *table.Judge, row table.Row, l calendar.Language) (string, error) {
	var b strings.Builder
	for _, p := range s {
		if p.rule == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := j.Value(p.rule, row)
		if u, ok := errors.AsType[*table.Unjudged](err); ok {
			b.WriteString("（" + u.What.In(l) + "）")
			continue
		}
		if err != nil {
			return "", err
		}
		b.WriteString(v.In(l))
	}
	return clean(b.String()), nil
}
