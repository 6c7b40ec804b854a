package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/table"
)

// subject is a message before it is sealed, with all that a check may look at.
type subject struct {
	ctx   context.Context
	world *World
	scope *scope
	draft *Draft
	judge *table.Judge // of the run: what it has counted is counted once
	run   *checking

	amountRead bool // the draft's amount was read from its own PDF, which is nothing to hold it against
}

// in is a text in the file's language.
func (s *subject) in(t calendar.Text) string { return t.In(s.world.Config.Language) }

func (s *subject) say(ja, en string, args ...any) string {
	return fmt.Sprintf(s.in(calendar.Text{JA: ja, EN: en}), args...)
}

// messageFact is one column of the row that a message is to a rule.
type messageFact struct {
	JA, EN  string
	Meaning calendar.Text
	sample  table.Value // of the column's type
	value   func(s *subject) (table.Value, error)
}

// textFact is a column of text.
func textFact(ja, en, meaningJA, meaningEN string, value func(s *subject) string) messageFact {
	return messageFact{ja, en, calendar.Text{JA: meaningJA, EN: meaningEN}, table.TextOf("x"),
		func(s *subject) (table.Value, error) { return table.TextOf(value(s)), nil }}
}

// messageFacts are what a rule about a message may name, beside the job's own fields: the one visible table.
var messageFacts = []messageFact{
	textFact("宛先ID", "partner_id", "jobs.tomlでの宛先の名前", "the addressee's name in jobs.toml", func(s *subject) string { return s.scope.id() }),
	textFact("宛先名", "addressee", "だれに送るか", "whom it is for", func(s *subject) string { return s.draft.Addressee }),
	textFact("宛先アドレス", "addresses", "宛先と写しのアドレス（「, 」区切り）", "the addresses in To and Cc, with commas", func(s *subject) string {
		var out []string
		for _, r := range s.draft.Recipients {
			if r.Role != "bcc" {
				out = append(out, r.Mail)
			}
		}
		return strings.Join(out, ", ")
	}),
	textFact("件名", "subject", "件名", "the subject", func(s *subject) string { return s.draft.Letter.Subject }),
	textFact("本文", "body", "本文", "the text", func(s *subject) string { return s.draft.Letter.Text }),
	textFact("添付名", "attachment_names", "添付ファイルの名前（「, 」区切り）", "the names of the attachments, with commas", func(s *subject) string { return strings.Join(s.scope.files, ", ") }),
	textFact("対象フォルダー", "about_folder", "何月分の話か（2026-11）", "what the letter speaks of: 2026-11", func(s *subject) string { return s.scope.about.Folder() }),
	textFact("実施期間", "period", "この回の呼び名", "the period of this run", func(s *subject) string { return s.scope.period }),
	{"添付数", "attachments", calendar.Text{JA: "添付ファイルの数", EN: "how many files are attached"}, table.IntOf(1),
		func(s *subject) (table.Value, error) { return table.IntOf(int64(len(s.draft.Letter.Files))), nil }},
	{"送付日", "date", calendar.Text{JA: "送る日", EN: "the day on which it goes out"}, table.DateOf(calendar.Date{Year: 2026, Month: 11, Day: 25}),
		func(s *subject) (table.Value, error) { return table.DateOf(s.scope.day), nil }},
	{"金額", "amount", calendar.Text{JA: "金額（pdf_amount の確認が先にあれば、PDFの金額）", EN: "the amount, where a check pdf_amount before this one has read it"}, table.IntOf(1),
		func(s *subject) (table.Value, error) {
			if s.draft.Amount == nil {
				return table.Value{}, nil
			}
			return table.IntOf(*s.draft.Amount), nil
		}},
}

// messageColumns are the columns of a message with the job's own fields and, where it goes to a row of a table, that row's. A
// column that has the name of a fact or a field is written [行.金額], as {行.金額} is in letters.
func messageColumns(fields map[string]string, row []table.Column) (names []string, sample []table.Value) {
	for _, f := range messageFacts {
		names, sample = append(names, f.JA, f.EN), append(sample, f.sample, f.sample)
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		names, sample = append(names, k), append(sample, table.TextOf("x"))
	}
	taken := map[string]bool{}
	for _, n := range names {
		taken[table.Fold(n)] = true
	}
	for _, c := range row {
		for _, n := range rowNames(c) {
			if f := table.Fold(n); !taken[f] {
				taken[f] = true
				names, sample = append(names, n), append(sample, sampleOf(c.Type))
			}
		}
	}
	return names, sample
}

// rowNames are the names of a row's column in a rule about a message.
func rowNames(c table.Column) []string {
	if c.Name == "" || c.Twice {
		return nil
	}
	return []string{c.Name, "行." + c.Name, "row." + c.Name}
}

// sampleOf is a value of a type: it keeps a column its type where the message has no value.
func sampleOf(t table.Type) table.Value {
	switch t {
	case table.Text:
		return table.TextOf("x")
	case table.Number:
		return table.IntOf(1)
	case table.Date:
		return table.DateOf(calendar.Date{Year: 2026, Month: 11, Day: 25})
	case table.Time:
		return table.TimeOf(time.Date(2026, 11, 25, 10, 30, 0, 0, time.UTC))
	case table.YesNo:
		return table.YesNoOf(true)
	}
	return table.Value{}
}

// messageScope is what the rules of a message's checks may name. Where a source can be read now its columns are known.
func messageScope(d *config.Decoder, fields map[string]string) checkScope {
	return checkScope{fields: slices.Collect(maps.Keys(fields)), rules: table.RuleScope{Columns: rowColumns(fields, nil), Source: sourceColumns(d.Config)}}
}

// sourceColumns answers which sources there are. Their columns are read when a run needs them: what a rule says of them is
// held against the table then.
func sourceColumns(c *config.Config) func(name string) ([]table.Column, bool) {
	return func(name string) ([]table.Column, bool) { return nil, c.Source(name) != nil }
}

// facts is the message as a row. The sample beside it keeps each column its type where this message has no value.
func (s *subject) facts() (table.Row, error) {
	names, sample := messageColumns(s.scope.jobFields(), s.scope.columns)
	var row []table.Value
	for _, f := range messageFacts {
		v, err := f.value(s)
		if err != nil {
			return table.Row{}, err
		}
		row = append(row, v, v)
	}
	fields := s.scope.jobFields()
	for _, n := range names[len(row):] {
		v, own := fields[n]
		if own || s.scope.row == nil {
			row = append(row, table.TextOf(v))
			continue
		}
		cell, _ := s.scope.row.Get(rowName(n))
		row = append(row, cell)
	}
	t, err := table.Of("message", names, sample, sample, sample, row) // a value that doesn't fit does not change what its column is
	if err != nil {
		return table.Row{}, fmt.Errorf("couldn't make a row of the message: %w", err)
	}
	var last table.Row
	for r, err := range t.Rows() {
		if err != nil {
			return table.Row{}, err
		}
		last = r
	}
	return last, nil
}

// judge asks a rule about a message.
func (r *rowRule) judge(s *subject) (Result, error) {
	row, err := s.facts()
	if err != nil {
		return Result{}, err
	}
	rule, p := typed(s.ctx, r.rule, rowColumns(s.scope.jobFields(), s.scope.columns), s.world.Tables)
	if p != nil {
		return Result{Verdict: Unjudged, What: s.in(p.What)}, nil
	}
	return (&check{rule: &rowRule{rule, r.wrong}}).judgeRow(s.judge, row, s.world.Config.Language)
}

// rowColumns are the columns of a message.
func rowColumns(fields map[string]string, row []table.Column) []table.Column {
	names, sample := messageColumns(fields, row)
	t, err := table.Of("message", names, sample)
	if err != nil {
		return nil // two of our own columns with one name, which a test would see
	}
	return t.Columns()
}

// typed is a rule that was only read when the file was, because a source that it looks into could not be read or was not
// asked, held against the columns that its sources have now. It is nil with what is wrong with it where they don't fit.
func typed(ctx context.Context, r *table.Rule, columns []table.Column, tables *table.Tables) (*table.Rule, *table.RuleProblem) {
	if r.Checked() {
		return r, nil
	}
	again, ps := r.For(table.RuleScope{Columns: columns, Source: func(name string) ([]table.Column, bool) {
		t, _ := tables.Table(ctx, name)
		if t == nil {
			return nil, true
		}
		return t.Columns(), true
	}})
	switch {
	case len(ps) > 0:
		return nil, &ps[0]
	case again == nil || !again.Checked():
		return nil, &table.RuleProblem{What: calendar.Text{JA: "表を読めていないので、規則を確かめられません", EN: "a table could not be read, so that the rule can't be judged"}}
	}
	return again, nil
}

// held holds a draft against a job's checks, in their order. What is wrong holds it, as far as the checks don't say
// otherwise; the results are kept as an observation, and are an input of the message: when one comes out otherwise, it
// is another message, which is asked about anew.
func (s *subject) held(cs []*check) (ledger.Observation, error) {
	var results []Result
	for _, c := range cs {
		r, err := c.judge.judge(s)
		if err != nil {
			return ledger.Observation{}, err
		}
		r.Check, r.Line = c.Type, c.Line
		if r.Verdict != Passed {
			r.Then = c.Then
			if r.Verdict == Unjudged {
				r.Then = thenHold // nobody agreed to send what could not be looked at
			}
			if r.Verdict == Wrong && len(c.Say) > 0 {
				if r.What, err = s.words(c.Say); err != nil {
					return ledger.Observation{}, err
				}
			}
			if r.Then == thenTell {
				for _, p := range c.People {
					r.Tell = append(r.Tell, p.ID)
				}
			}
		}
		r.What = clean(r.What)
		for i := range r.Figures {
			r.Figures[i].Label, r.Figures[i].Value = clean(r.Figures[i].Label), clean(r.Figures[i].Value)
		}
		results = append(results, r)
	}
	b, err := json.Marshal(results)
	if err != nil {
		return ledger.Observation{}, fmt.Errorf("couldn't write down the checks: %w", err)
	}
	in := input(checkInput, s.draft.Part, b)
	s.draft.Inputs = append(s.draft.Inputs, in)
	var why []string
	for _, r := range results {
		if r.Then == thenHold {
			why = append(why, r.Words(s.world.Config.Language))
		}
	}
	if len(why) > 0 {
		s.draft.Hold = append(s.draft.Hold, ledger.Hold{Reason: ledger.Check, Text: strings.Join(why, s.in(calendar.Text{JA: "／", EN: "; "})), Since: s.world.Now, By: ledger.Who{Name: "bod"}})
	}
	return ledger.Observation{Name: checkName(s.draft.Part, in.Hash), Value: b}, nil
}

// words fills a check's own words for this message.
func (s *subject) words(say sentence) (string, error) {
	row, err := s.facts()
	if err != nil {
		return "", err
	}
	out := slices.Clone(say)
	for i, p := range out {
		if p.rule == nil {
			continue
		}
		rule, problem := typed(s.ctx, p.rule, rowColumns(s.scope.jobFields(), s.scope.columns), s.world.Tables)
		if out[i].rule = rule; problem != nil {
			out[i].text = s.say("（%s）", "(%s)", s.in(problem.What))
		}
	}
	return out.expand(s.judge, row, s.world.Config.Language)
}

// checking holds the messages of one run against its checks.
type checking struct {
	ctx     context.Context
	world   *World
	checks  []*check
	judge   *table.Judge
	seen    map[string][]ledger.Observation // of the sources that were looked into
	read    map[string]readPDF              // by the file's digest: several checks look into one
	whose   map[string][]string             // by kind and digest of a file, its text or its number: the parts that have it
	names   *nameIndex                      // of all partners and of the table's other rows
	rows    []string                        // companies of the table's rows
	earlier map[string][]int64              // see amounts
	owners  map[string][]string             // the companies that the table knows by an address
}

func newChecking(ctx context.Context, w *World, cs []*check) *checking {
	return &checking{ctx: ctx, world: w, checks: cs, seen: map[string][]ledger.Observation{}, read: map[string]readPDF{}, whose: map[string][]string{},
		judge: table.NewJudge(ctx, table.RuleWorld{Today: calendar.DateOf(w.Now.In(w.Config.Zone)), Days: w.Job.Days, Tables: w.Tables})}
}

// learn notes what all letters of the run are made of before the first is judged: of two that carry the same file, or
// the same number, both are doubtful, and not the second alone.
func (x *checking) learn(ds []*Draft) error {
	for _, d := range ds {
		s := &subject{ctx: x.ctx, world: x.world, draft: d, run: x}
		for _, c := range x.checks {
			var ins []ledger.Input
			var err error
			switch j := c.judge.(type) {
			case sentBefore:
				ins, _, err = s.pdfTexts()
				ins = slices.Concat(s.files(), ins)
			case numberOf:
				ins, _, _, err = j.numbers(s)
			}
			if err != nil {
				return err
			}
			for _, in := range ins {
				k := in.Kind + in.Hash
				if !slices.Contains(x.whose[k], d.Part) {
					x.whose[k] = append(x.whose[k], d.Part)
				}
			}
		}
	}
	return nil
}

// another is another letter of this run that is made of the same; "" where there is none.
func (s *subject) another(in ledger.Input) string {
	for _, part := range s.run.whose[in.Kind+in.Hash] {
		if part != s.draft.Part {
			return part
		}
	}
	return ""
}

// message holds one draft against the checks. A source that can't be used makes the run wait, for the message could not
// be told from a wrong one.
func (x *checking) message(sc *scope, d *Draft) (seen []ledger.Observation, missing []ledger.Reason, err error) {
	if len(x.checks) == 0 {
		return nil, nil, nil
	}
	for _, c := range x.checks {
		for _, name := range c.sources() {
			if _, done := x.seen[name]; done {
				continue
			}
			_, waits, o := x.world.rows(x.ctx, name)
			if missing = append(missing, waits...); len(waits) == 0 {
				x.seen[name] = o
				seen = append(seen, o...)
			}
		}
	}
	if len(missing) > 0 {
		return nil, uniqueReasons(missing), nil
	}
	s := &subject{ctx: x.ctx, world: x.world, scope: sc, draft: d, judge: x.judge, run: x}
	o, err := s.held(x.checks)
	if err != nil {
		return nil, nil, err
	}
	return append(seen, o), nil, nil
}

// sources are those that a check looks into.
func (c *check) sources() []string {
	if l, ok := c.judge.(interface{ sources() []string }); ok {
		return l.sources()
	}
	return nil
}

func (r *rowRule) sources() []string { return r.rule.Sources() }
