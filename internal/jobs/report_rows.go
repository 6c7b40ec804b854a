package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"bod/internal/calendar"
	"bod/internal/document"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// reading is one run of a report, from its rows to its figures.
type reading struct {
	*reportSpec
	ctx     context.Context
	w       *World
	t       *table.Table
	l       calendar.Language
	judge   *table.Judge
	where   *table.Rule
	columns []readingCol // of reportSpec.cols
	all     []int        // the table's columns that the attachment has beside them
	span    calendar.About

	rows    []reportRow
	groups  []*reportGroup
	whole   reportSum
	before  *reportRecord // nil: there is nothing to compare with
	changed bool          // the last run counted something else
	missing []ledger.Reason
}

// readingCol is a column as this table has it.
type readingCol struct {
	at   int         // in the table
	rule *table.Rule // or what works it out
	typ  table.Type
	// places is how many decimal places its values have, at most.
	places int32
}

// reportRow is one row that is reported.
type reportRow struct {
	values []table.Value // of reportSpec.cols
	rest   []table.Value // of reading.all
}

// reportSum is a count with what was added up.
type reportSum struct {
	n      int
	totals []decimal.Decimal // of reportSpec.Total
}

func (s *reportSum) add(x reportSum) {
	s.n += x.n
	for i, v := range x.totals {
		s.totals[i] = s.totals[i].Add(v)
	}
}

func newSum(n int) reportSum { return reportSum{totals: make([]decimal.Decimal, n)} }

// reportGroup are the rows with one value.
type reportGroup struct {
	reportSum
	value table.Value
	rows  []reportRow
	was   *reportSum // what it had in the last run; nil where it was not there
}

// compile holds what jobs.toml says about columns against those that the table has now.
func (r *reading) compile() (seen []ledger.Observation) {
	scope := r.w.ruleScope(r.ctx, r.t, &r.missing, &seen)
	rule := func(key, src string, compile func(string, table.RuleScope) (*table.Rule, []table.RuleProblem)) *table.Rule {
		x, ps := compile(src, scope)
		for _, p := range ps {
			r.missing = append(r.missing, reason(r.w, codeTable, calendar.Text{JA: key + "：" + p.What.JA, EN: key + ": " + p.What.EN}, p.Next))
		}
		if len(ps) == 0 && (x == nil || !x.Checked()) && len(r.missing) == 0 {
			r.missing = append(r.missing, reason(r.w, codeTable, calendar.Text{JA: fmt.Sprintf("規則「%s」を確かめられません", src), EN: fmt.Sprintf("the rule %s can't be judged", src)}, calendar.Text{}))
		}
		return x
	}
	if r.Where != "" {
		r.where = rule("where", r.Where, table.CompileRule)
	}
	taken := map[int]bool{}
	for n, c := range r.cols {
		x := readingCol{at: -1}
		if c.rule != "" {
			if x.rule = rule(c.name, c.rule, table.CompileValue); x.rule != nil {
				x.typ = x.rule.Type()
			}
		} else if i, ok := r.t.Find(c.name); ok {
			x.at, x.typ = i, r.t.Columns()[i].Type
			taken[i] = true
		} else {
			r.missing = append(r.missing, reason(r.w, codeTable, calendar.Text{JA: fmt.Sprintf("表「%s」に「%s」という列はありません", r.Source, clean(c.name)), EN: fmt.Sprintf("the table %s has no column %q", r.Source, clean(c.name))}, columnsThere(r.t)))
		}
		if what, next, bad := r.unfit(n, x.typ); bad {
			r.missing = append(r.missing, reason(r.w, codeTable, what, next))
		}
		r.columns = append(r.columns, x)
	}
	if r.File != "" && len(r.Columns) == 0 { // all that the table has
		for i, c := range r.t.Columns() {
			if !taken[i] && (c.Name != "" || c.Filled > 0) {
				r.all = append(r.all, i)
			}
		}
	}
	r.span = r.w.Job.When.About(r.w.Job.About, r.w.Occurrence)
	// Today is the day on which the run is due, so that a look on the evening before and one after a late yes choose the same rows.
	r.judge = table.NewJudge(r.ctx, table.RuleWorld{Today: calendar.DateOf(dueOf(r.w).In(r.w.Config.Zone)), Days: r.w.Job.Days, Table: r.t, Tables: r.w.Tables})
	return seen
}

// troubleRows is how many rows are named that keep a report from being made.
const troubleRows = 5

// read goes through the table: which rows are reported, and what they come to.
func (r *reading) read() error {
	keep := len(r.Columns) > 0 || r.File != ""
	r.whole = newSum(len(r.Total))
	byKey := map[string]*reportGroup{}
	troubles := 0
	trouble := func(row table.Row, what calendar.Text) {
		if troubles++; troubles <= troubleRows {
			place := row.Place()
			r.missing = append(r.missing, reason(r.w, codeTable, calendar.Text{JA: fmt.Sprintf("表「%s」の%s：%s", r.Source, place.JA, what.JA), EN: fmt.Sprintf("table %s, %s: %s", r.Source, place.EN, what.EN)},
				calendar.Text{JA: "表のその行を直してください。直れば、自動で続けます。なくてよい行なら、where で外してください", EN: "mend that row of the table; we go on by ourselves then. A row that may be left out can be taken out by where"}))
		}
	}
	n := 0
	for row, err := range r.t.Rows() {
		if err != nil {
			return fmt.Errorf("couldn't go through the table %s: %w", r.Source, err)
		}
		if n++; n%1000 == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		in, u, err := r.chosen(row)
		if err != nil {
			return err
		}
		if u != nil {
			trouble(row, u.What)
			continue
		}
		if !in {
			continue
		}
		x := reportRow{values: make([]table.Value, len(r.columns))}
		sum := newSum(len(r.Total))
		sum.n = 1
		bad := false
		for i, c := range r.columns {
			v, u, err := r.value(row, c)
			if err != nil {
				return err
			}
			if k := slices.Index(r.Total, i); u == nil && k >= 0 {
				switch v.Type() {
				case table.Number:
					sum.totals[k] = v.Number()
				case table.Empty: // a total that silently left a row out would look like a right one
					u = &table.Unjudged{What: calendar.Text{JA: fmt.Sprintf("「%s」が空なので、合計できません", clean(r.cols[i].name)), EN: fmt.Sprintf("%s is empty, so there is no total", clean(r.cols[i].name))}}
				default:
					u = &table.Unjudged{What: calendar.Text{JA: fmt.Sprintf("「%s」の「%s」は数として読めません", clean(r.cols[i].name), clean(v.Text())), EN: fmt.Sprintf("%s: %q is no number", clean(r.cols[i].name), clean(v.Text()))}}
				}
			}
			if u != nil {
				trouble(row, u.What)
				bad = true
				break
			}
			if v.Type() == table.Number {
				r.columns[i].places = max(r.columns[i].places, placesOf(v.Number()))
			}
			x.values[i] = v
		}
		if bad {
			continue
		}
		for _, i := range r.all {
			x.rest = append(x.rest, row.Value(i))
		}
		r.whole.add(sum)
		if keep {
			if len(r.rows) == maxReport {
				r.missing = []ledger.Reason{reason(r.w, codeMany, calendar.Text{JA: fmt.Sprintf("行が%d行を超えるので、一覧にできません", maxReport), EN: fmt.Sprintf("there are more than %d rows to list", maxReport)},
					calendar.Text{JA: "where か date で絞るか、group だけにして attach_as を外してください", EN: "choose fewer by where or date, or write group alone and no attach_as"})}
				return nil
			}
			r.rows = append(r.rows, x)
		}
		if r.Group < 0 {
			continue
		}
		value := x.values[r.Group]
		g := byKey[value.Canonical()]
		if g == nil {
			g = &reportGroup{reportSum: newSum(len(r.Total)), value: value}
			byKey[value.Canonical()] = g
			r.groups = append(r.groups, g)
		}
		g.add(sum)
	}
	if more := troubles - troubleRows; more > 0 {
		r.missing = append(r.missing, reason(r.w, codeTable, calendar.Text{JA: fmt.Sprintf("表「%s」のほか%d行も同じです", r.Source, more), EN: fmt.Sprintf("table %s: the same of %d more rows", r.Source, more)}, calendar.Text{}))
	}
	r.sort(byKey)
	return nil
}

// chosen reports whether a row is of the period and of those that are reported.
func (r *reading) chosen(row table.Row) (in bool, u *table.Unjudged, err error) {
	var day *table.Unjudged
	if r.Date >= 0 { // first: a row of another period can be what it likes
		if in, day, err = r.dated(row); err != nil || !in && day == nil {
			return false, nil, err
		}
	}
	if r.where != nil {
		in, err := r.judge.Holds(r.where, row)
		if u, ok := errors.AsType[*table.Unjudged](err); ok {
			return false, u, nil
		}
		if err != nil || !in {
			return false, nil, err
		}
	}
	return day == nil, day, nil
}

// dated reports whether a row's day is of the period.
func (r *reading) dated(row table.Row) (in bool, u *table.Unjudged, err error) {
	v, u, err := r.value(row, r.columns[r.Date])
	switch {
	case u != nil || err != nil:
		return false, u, err
	case v.IsEmpty():
		return false, nil, nil // what has no day yet is of no period
	case v.Type() != table.Date && v.Type() != table.Time:
		name := clean(r.cols[r.Date].name)
		return false, &table.Unjudged{What: calendar.Text{JA: fmt.Sprintf("「%s」の「%s」は日付として読めません", name, clean(v.Text())), EN: fmt.Sprintf("%s: %q is no date", name, clean(v.Text()))}}, nil
	}
	d := v.Date()
	return !d.Before(r.span.First) && !r.span.Last.Before(d), nil, nil
}

func (r *reading) value(row table.Row, c readingCol) (table.Value, *table.Unjudged, error) {
	if c.rule == nil {
		return row.Value(c.at), nil, nil
	}
	v, err := r.judge.Value(c.rule, row)
	if u, ok := errors.AsType[*table.Unjudged](err); ok {
		return table.Value{}, u, nil
	}
	return v, nil, err
}

// placesOf is how many decimal places say something.
func placesOf(d decimal.Decimal) int32 {
	p := max(0, -d.Exponent())
	for p > 0 && d.Truncate(p-1).Equal(d) {
		p--
	}
	return p
}

// sort brings rows and groups into the order that was asked for, and the rows to their groups. Without an order both
// stand as the table has them; what is empty comes last.
func (r *reading) sort(byKey map[string]*reportGroup) {
	ordered := func(a, b table.Value, down bool) int {
		switch {
		case a.IsEmpty() || b.IsEmpty():
			return cmp.Compare(b2i(a.IsEmpty()), b2i(b.IsEmpty()))
		case a.Type() != b.Type():
			return cmp.Compare(a.Type(), b.Type())
		}
		c, _ := a.Compare(b)
		if down {
			c = -c
		}
		return c
	}
	slices.SortStableFunc(r.rows, func(a, b reportRow) int {
		for _, o := range r.Sort {
			if o.count {
				continue
			}
			if c := ordered(a.values[o.col], b.values[o.col], o.down); c != 0 {
				return c
			}
		}
		return 0
	})
	for _, row := range r.rows {
		if r.Group >= 0 {
			g := byKey[row.values[r.Group].Canonical()]
			g.rows = append(g.rows, row)
		}
	}
	slices.SortStableFunc(r.groups, func(a, b *reportGroup) int {
		for _, o := range r.Sort {
			c := 0
			k := slices.Index(r.Total, o.col)
			switch {
			case o.count:
				c = cmp.Compare(a.n, b.n)
			case o.col == r.Group:
				if c = ordered(a.value, b.value, o.down); c != 0 {
					return c
				}
			case k >= 0:
				c = a.totals[k].Cmp(b.totals[k])
			}
			if o.down {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	if r.Group >= 0 { // the rows in the order of their groups, for the attachment
		r.rows = r.rows[:0:0]
		for _, g := range r.groups {
			r.rows = append(r.rows, g.rows...)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// reportObserved names what a run keeps of its figures, so that the next one can say what changed.
const reportObserved = "report"

// reportRecord is what is kept of a report.
type reportRecord struct {
	Asked  string         `json:"asked"` // a digest of what was counted: other figures can't be compared
	About  string         `json:"about"` // the period in the words of the file
	Words  calendar.Text  `json:"words,omitzero"`
	Count  int            `json:"count"`
	Totals []string       `json:"totals,omitempty"`
	Groups []groupsRecord `json:"groups,omitempty"`
	More   bool           `json:"more,omitempty"` // groups beyond mostKept are left out
}

type groupsRecord struct {
	Key    string        `json:"key"`
	Label  string        `json:"label"`
	Count  int           `json:"count"`
	Totals []string      `json:"totals,omitempty"`
	Words  calendar.Text `json:"words,omitzero"` // where the languages have other words for it
}

// about is the period in the letter's language; what an earlier version of bod kept has one language.
func (o *reportRecord) about(l calendar.Language) string {
	return clean(cmp.Or(o.Words.In(l), o.About))
}

func (g groupsRecord) label(l calendar.Language) string { return clean(cmp.Or(g.Words.In(l), g.Label)) }

// mostKept is how many groups are kept for the next run.
const mostKept = 1000

// asked is a digest of what the figures mean.
func (r *reading) asked() string {
	what := []any{r.Source, r.Where}
	col := func(i int) {
		if i >= 0 {
			what = append(what, r.cols[i].name, r.cols[i].rule)
		} else {
			what = append(what, nil)
		}
	}
	col(r.Date)
	col(r.Group)
	for _, i := range r.Total {
		col(i)
	}
	b, _ := json.Marshal(what) // texts always marshal
	return hash(b)
}

func texted(ds []decimal.Decimal) (out []string) {
	for _, d := range ds {
		out = append(out, d.String())
	}
	return out
}

func (r *reading) observation() (ledger.Observation, error) {
	both := func(say func(calendar.Language) string) calendar.Text {
		return calendar.Text{JA: say(calendar.Japanese), EN: say(calendar.English)}
	}
	o := reportRecord{Asked: r.asked(), About: r.span.Words(r.l), Words: both(r.span.Words), Count: r.whole.n, Totals: texted(r.whole.totals)}
	for _, g := range r.groups {
		if len(o.Groups) == mostKept {
			o.More = true
			break
		}
		x := groupsRecord{Key: g.value.Canonical(), Label: groupLabel(g.value, r.l), Count: g.n, Totals: texted(g.totals)}
		if words := both(func(l calendar.Language) string { return groupLabel(g.value, l) }); words.JA != words.EN {
			x.Words = words
		}
		o.Groups = append(o.Groups, x)
	}
	b, err := json.Marshal(o)
	if err != nil {
		return ledger.Observation{}, fmt.Errorf("couldn't keep the figures of %s: %w", r.w.Job.Name, err)
	}
	return ledger.Observation{Name: reportObserved, Value: b}, nil
}

// last finds the figures of the last done run.
func (r *reading) last() error {
	if !r.Compare {
		return nil
	}
	kept, err := r.w.lastDone(reportObserved)
	if err != nil || kept == nil {
		return err
	}
	var o reportRecord
	if err := json.Unmarshal(kept, &o); err != nil {
		return fmt.Errorf("couldn't read the figures of the last run: %w", err)
	}
	if o.Asked != r.asked() || len(o.Totals) != len(r.Total) {
		r.changed = true
		return nil
	}
	r.compareWith(&o)
	return nil
}

// compareWith finds what each group had in an earlier run.
func (r *reading) compareWith(o *reportRecord) {
	r.before = o
	lists := [][]string{o.Totals}
	for _, g := range o.Groups {
		lists = append(lists, g.Totals)
	}
	for _, totals := range lists { // what was not whole then is not shown rounded now
		for k, i := range r.Total {
			if k < len(totals) {
				if d, err := decimal.NewFromString(totals[k]); err == nil {
					r.columns[i].places = max(r.columns[i].places, placesOf(d))
				}
			}
		}
	}
	kept := map[string]groupsRecord{}
	for _, g := range o.Groups {
		kept[g.Key] = g
	}
	for _, g := range r.groups {
		if was, ok := kept[g.value.Canonical()].sum(); ok && was.n > 0 { // a group that was there had rows
			g.was = &was
		}
	}
}

func (g groupsRecord) sum() (reportSum, bool) { return recorded(g.Count, g.Totals) }

func recorded(n int, totals []string) (reportSum, bool) {
	s := reportSum{n: n}
	for _, t := range totals {
		d, err := decimal.NewFromString(t)
		if err != nil {
			return s, false
		}
		s.totals = append(s.totals, d)
	}
	return s, true
}

// gone are the groups that the last run had and this one has not.
func (r *reading) gone() (out []groupsRecord) {
	if r.before == nil {
		return nil
	}
	now := map[string]bool{}
	for _, g := range r.groups {
		now[g.value.Canonical()] = true
	}
	for _, o := range r.before.Groups {
		if !now[o.Key] {
			out = append(out, o)
		}
	}
	return out
}

// groupLabel is a group's value for people.
func groupLabel(v table.Value, l calendar.Language) string {
	if v.IsEmpty() {
		return calendar.Text{JA: "（空欄）", EN: "(empty)"}.In(l)
	}
	return cellText(v, l)
}

// names are columns whose numbers name something: they have no commas.
var namesSomething = regexp.MustCompile(`(?i)(番号|コード|ＩＤ|№|年|年度|号|(^|[^a-z])(id|no|code|number|key|year)\.?|ID|No\.?)$`)

// amount reports whether a column's numbers are amounts.
func (r *reading) amount(i int) bool {
	return slices.Contains(r.Total, i) || r.columns[i].rule != nil || !namesSomething.MatchString(r.cols[i].name)
}

// attach makes the file with all rows. sum is a digest of what stands in it: the file itself may be written in other
// bytes by another version of bod, and what somebody confirmed would be asked about again for nothing.
func (r *reading) attach(name string, l calendar.Language) (f mailer.File, sum string, why *ledger.Reason, err error) {
	rows, digest := r.sheet()
	var data []byte
	if strings.EqualFold(path.Ext(name), ".csv") {
		data, err = document.CSV(rows, r.Encoding)
	} else {
		sheets := []document.Sheet{rows}
		if r.Group >= 0 {
			sheets = append(sheets, r.subtotals(l))
		}
		data, err = document.Workbook(sheets...)
	}
	if e, ok := errors.AsType[*document.CellProblem](err); ok {
		words := e.Words()
		x := reason(r.w, codeAttachment, calendar.Text{JA: fmt.Sprintf("添付ファイル「%s」を作れません（%s）", name, words.JA), EN: fmt.Sprintf("couldn't make the attachment %s (%s)", name, words.EN)},
			calendar.Text{JA: "表のその欄を直してください。CSVなら、encoding = \"UTF-8\" にすれば、どの文字も書けます", EN: "mend that cell of the table; a CSV in UTF-8 has every character"})
		return f, "", &x, nil
	}
	if err != nil {
		return f, "", nil, err
	}
	if len(data) > maxSize {
		x := reason(r.w, codeSize, calendar.Text{JA: fmt.Sprintf("添付ファイル「%s」が大きすぎます（%s）", name, bytesWords(len(data))), EN: fmt.Sprintf("the attachment %s is too large (%s)", name, bytesWords(len(data)))},
			calendar.Text{JA: "where か date で行を絞るか、columns で列を減らしてください", EN: "choose fewer rows by where or date, or fewer columns"})
		return f, "", &x, nil
	}
	return mailer.File{Name: name, Type: mimeType(name), Data: data}, digest, nil, nil
}

// sheet are all rows with their columns.
func (r *reading) sheet() (document.Sheet, string) {
	s := document.Sheet{Name: r.w.Job.Title}
	show := slices.Clone(r.Columns)
	if len(show) == 0 {
		for i, c := range r.columns {
			if c.rule == nil {
				show = append(show, i) // in the table's own order below
			}
		}
	}
	for _, i := range append([]int{r.Group}, r.Total...) {
		if i >= 0 && !slices.Contains(show, i) {
			show = append(show, i)
		}
	}
	type from struct{ col, rest int }
	var order []from
	for _, i := range show {
		order = append(order, from{i, -1})
	}
	for n := range r.all {
		order = append(order, from{-1, n})
	}
	if len(r.all) > 0 { // the table as it is, and then what was worked out
		place := func(f from) int {
			switch {
			case f.col < 0:
				return r.all[f.rest]
			case r.columns[f.col].rule == nil:
				return r.columns[f.col].at
			}
			return len(r.t.Columns()) + f.col
		}
		slices.SortStableFunc(order, func(a, b from) int { return cmp.Compare(place(a), place(b)) })
	}
	for _, f := range order {
		if f.col >= 0 {
			places := int(r.columns[f.col].places)
			s.Columns = append(s.Columns, document.SheetColumn{Name: r.cols[f.col].name, Commas: r.columns[f.col].typ == table.Number && r.amount(f.col), Decimal: places})
			continue
		}
		name := r.t.Columns()[r.all[f.rest]].Name
		s.Columns = append(s.Columns, document.SheetColumn{Name: name, Commas: !namesSomething.MatchString(name)})
	}
	var lines strings.Builder
	for _, c := range s.Columns {
		lines.WriteString(c.Name + "\x1f")
	}
	for _, row := range r.rows {
		var vs []table.Value
		for _, f := range order {
			var v table.Value
			if f.col >= 0 {
				v = row.values[f.col]
			} else {
				v = row.rest[f.rest]
			}
			lines.WriteString(v.Type().String() + "\x1f" + v.Canonical() + "\x1f")
			vs = append(vs, v)
		}
		lines.WriteString("\x1e")
		s.Rows = append(s.Rows, vs)
	}
	return s, hash([]byte(lines.String()))
}

// subtotals are the groups, beside the rows of a workbook.
func (r *reading) subtotals(l calendar.Language) document.Sheet {
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	s := document.Sheet{Name: t("集計", "Subtotals"), Columns: []document.SheetColumn{{Name: r.cols[r.Group].name}, {Name: t("件数", "Count"), Commas: true}}}
	for _, i := range r.Total {
		s.Columns = append(s.Columns, document.SheetColumn{Name: r.cols[i].name, Commas: true, Decimal: int(r.columns[i].places)})
	}
	line := func(label table.Value, sum reportSum) {
		row := []table.Value{label, table.IntOf(int64(sum.n))}
		for _, d := range sum.totals {
			row = append(row, table.NumberOf(d))
		}
		s.Rows = append(s.Rows, row)
	}
	for _, g := range r.groups {
		v := g.value
		if v.IsEmpty() {
			v = table.TextOf(groupLabel(v, l))
		}
		line(v, g.reportSum)
	}
	line(table.TextOf(t("合計", "Total")), r.whole)
	return s
}

// said is the run's line in the summary.
func (r *reading) said() string {
	out := []string{countWords(r.whole.n, r.l)}
	for k, i := range r.Total {
		out = append(out, clean(r.cols[i].name)+" "+figure(r.whole.totals[k], r.columns[i].places))
	}
	return strings.Join(out, calendar.Text{JA: "、", EN: ", "}.In(r.l))
}
