package table

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"bod/internal/calendar"
)

// reading is one source on its way to a Table: an origin hands over its columns and rows, and at the end the
// types are decided.
type reading struct {
	source   *Source
	world    *World
	columns  []*counted
	rows     *spool
	problems problems
	bad      map[int][]Problem // by row
	modified time.Time
	limit    int // of rows
}

// counted is a column with what was counted of it.
type counted struct {
	Column
	source Type // said by the source itself; Empty when it doesn't know
	typed  [YesNo + 1]int
	whole  int // of the typed numbers
	fits   [9]int
	fault  int
}

// addColumn adds a column and gives its place.
func (r *reading) addColumn(name, place string, source Type) int {
	r.columns = append(r.columns, &counted{Column: Column{Name: heading(name), Place: place}, source: source})
	return len(r.columns) - 1
}

// heading is a column's name on one line.
func heading(s string) string {
	s = tidy(s)
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
		s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }), " ")
	}
	return s
}

// add takes one row. Cells beyond the columns are the origin's own matter.
func (r *reading) add(ctx context.Context, number int, cells []cell) error {
	if r.rows.n&0xFFF == 0 {
		if err := ctx.Err(); err != nil {
			return r.slow(err)
		}
		if r.world.Progress != nil && r.rows.n > 0 {
			r.world.Progress(r.source.name, r.rows.n)
		}
	}
	if r.rows.n >= r.limit {
		return &Problem{Code: CodeTooBig,
			What: calendar.Text{JA: fmt.Sprintf("%s の行が%s行を超えています", r.source.Origin(), grouped(fmt.Sprint(r.limit))), EN: fmt.Sprintf("%s has more than %s rows", r.source.Origin(), grouped(fmt.Sprint(r.limit)))},
			Next: calendar.Text{JA: "行を減らすか、max_rows を大きくしてください", EN: "make it smaller, or raise max_rows"}}
	}
	for i, c := range cells {
		if i == len(r.columns) {
			break
		}
		r.columns[i].count(c)
	}
	return r.rows.add(number, cells)
}

func (r *reading) slow(err error) error {
	return &Problem{Code: CodeSlow, Err: err,
		What: calendar.Text{JA: fmt.Sprintf("%s を時間内に読み終えられませんでした", r.source.Origin()), EN: fmt.Sprintf("%s could not be read to its end in time", r.source.Origin())},
		Next: calendar.Text{JA: "相手が混んでいないかを確かめるか、timeout を長くしてください", EN: "see whether the other side is busy, or raise timeout"}}
}

func (c *counted) count(v cell) {
	switch {
	case v.typ == Empty:
		return
	case v.fault:
		c.fault++
		c.Filled++
		return
	}
	c.Filled++
	if v.typ != Text {
		c.typed[v.typ]++
		if _, whole := v.Int(); whole {
			c.whole++
		}
		if v.typ == Time && !midnight(v.Value) {
			c.fits[5]++
		}
		return
	}
	f := sniff(v.text)
	for i := range c.fits {
		if f&(1<<i) != 0 {
			c.fits[i]++
		}
	}
}

func midnight(v Value) bool {
	t := v.Time()
	return t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && t.Nanosecond() == 0
}

func (c *counted) fitting(f fits) int {
	for i := range c.fits {
		if f == 1<<i {
			return c.fits[i]
		}
	}
	return 0
}

// decide says what type a column has. More than half of its values have to be of a type for it to have it: then what
// doesn't fit is told. With half or fewer it is a column of texts in which a few numbers occur.
func (c *counted) decide() Type {
	filled := c.Filled - c.fault
	number := c.typed[Number] + c.fitting(fitsNumber)
	date := c.typed[Date] + c.fitting(fitsDate)
	moment := c.typed[Time] + c.fitting(fitsTime)
	switch {
	case filled == 0:
		if c.Filled == 0 {
			return c.source
		}
		return Text
	case c.fitting(fitsCode) > 0:
		return Text
	case c.source == Text:
		return Text
	case c.typed[YesNo]+c.fitting(fitsYesNo) == filled:
		return YesNo
	case number > 0 && c.whole+c.fitting(fitsWhole) == number && isCode(c.Name):
		return Text
	case c.fitting(fitsDigits8) == filled && isDay(c.Name):
		return Date
	case 2*number > filled:
		return Number
	case 2*(date+moment) > filled && (c.fitting(fitsClock) > 0 || c.source == Time):
		return Time
	case 2*(date+moment) > filled:
		return Date
	}
	return Text
}

// isCode reports whether a column's name says that its digits are a name and no number: 注文番号, 得意先コード, 電話,
// OrderID. Nobody counts with them, and a mail that said 「注文番号 10,248」 would look foolish.
func isCode(name string) bool {
	f := Fold(name)
	for _, end := range [...]string{"コード", "番号", "ナンバー", "電話", "tel", "fax", "郵便", "〒", "型番", "品番", "社員番", "code", "number", "phone", "no", "no.", "id", "#"} {
		before, ok := strings.CutSuffix(f, end)
		if !ok {
			continue
		}
		if end[0] >= 0x80 || before == "" {
			return true
		}
		// The English ends are words of their own: OrderID and order_no, but neither paid nor casino.
		n := []rune(Normal(name))
		at := n[len(n)-len(end)]
		last := n[len(n)-len(end)-1]
		return last >= 0x80 || !unicode.IsLetter(last) || unicode.IsLower(last) && unicode.IsUpper(at)
	}
	return false
}

// isDay reports whether a column's name says that 20261125 is a day.
func isDay(name string) bool {
	f := Fold(name)
	return strings.HasSuffix(f, "日") || strings.Contains(f, "日付") || strings.Contains(f, "年月日") || strings.Contains(f, "date")
}

// isYear reports whether a column's name says that its numbers are years: 2026, never 2,026.
func isYear(name string) bool {
	f := Fold(name)
	return strings.HasSuffix(f, "年") || strings.HasSuffix(f, "年度") || f == "year" || strings.HasSuffix(f, "fiscalyear")
}

// maxTold is how many problems of one sort and column are told one by one.
const maxTold = 3

// problems are kept up to maxTold of a sort and column; of the others only their number is.
type problems struct {
	list []Problem
	told map[string]int
	more map[string]int
	last map[string]Problem
}

func (ps *problems) add(p Problem) {
	if ps.told == nil {
		ps.told, ps.more, ps.last = make(map[string]int), make(map[string]int), make(map[string]Problem)
	}
	key := string(p.Code) + "\x00" + p.Column
	if p.Row > 0 {
		if ps.told[key] >= maxTold {
			ps.more[key]++
			ps.last[key] = p
			return
		}
		ps.told[key]++
	}
	ps.list = append(ps.list, p)
}

// all are the problems, with a word on each sort of which not all were told.
func (ps *problems) all() []Problem {
	out := slices.Clone(ps.list)
	for _, key := range sortedKeys(ps.more) {
		p, n := ps.last[key], ps.more[key]
		in, inEN := "", ""
		if p.Column != "" {
			in, inEN = "「"+p.Column+"」の欄には、", " in the column "+p.Column
		}
		p.What = calendar.Text{JA: fmt.Sprintf("%s同じような行がほかに%d行あります（最後は%d行目）", in, n, p.Row), EN: fmt.Sprintf("%d more rows like these%s, the last is row %d", n, inEN, p.Row)}
		out = append(out, p)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// maxBad is of how many rows is kept what is wrong with them; a table with more of them is one that was read wrongly.
const maxBad = 1000

// table decides the types, goes once through the rows and gives the table.
func (r *reading) table() (*Table, error) {
	if err := r.rows.done(); err != nil {
		return nil, err
	}
	t := &Table{name: r.source.name, index: make(map[string]int), rows: r.rows, bad: r.bad, modified: r.modified, zone: r.world.Zone,
		origin: r.source.Origin(), rule: r.source.rule, mayShrink: r.source.common.mayShrink}
	for i, c := range r.columns {
		given, said := r.source.common.typeOf(c.Name)
		switch {
		case said:
			c.Type, c.Given = given, true
		default:
			c.Type, c.Given = c.decide(), c.source != Empty
		}
		c.years = c.Type == Number && isYear(c.Name)
		if f := Fold(c.Name); f != "" {
			if j, twice := t.index[f]; twice {
				r.twice(c, t.columns, j)
			} else {
				t.index[f] = i
			}
		} else if c.Filled > 0 {
			r.problems.add(Problem{Code: CodeColumns, Warning: true, Column: c.Place,
				What: calendar.Text{JA: fmt.Sprintf("%s列目（%s）に見出しがないので、この欄は使えません", ordinal(i), c.Place), EN: fmt.Sprintf("column %d (%s) has no heading and cannot be used", i+1, c.Place)},
				Next: calendar.Text{JA: "見出しを書き足すか、header の行を確かめてください", EN: "give it one, or see whether header names the right row"}})
		}
		t.columns = append(t.columns, c.Column)
	}
	for i := range t.columns {
		if t.columns[i].Twice {
			delete(t.index, Fold(t.columns[i].Name))
		}
		r.tellDates(t.columns[i], r.columns[i])
	}
	r.source.common.unknownTypes(r, t)
	sum := sha256.New()
	for _, c := range t.columns {
		fmt.Fprintf(sum, "%s\x00%s\x01", Fold(c.Name), c.Type)
	}
	for rec, err := range r.rows.all() {
		if err != nil {
			return nil, err
		}
		row, wrong := t.typed(rec)
		for i, v := range row.values {
			if i > 0 {
				io.WriteString(sum, "\x00")
			}
			io.WriteString(sum, v.Canonical())
		}
		io.WriteString(sum, "\x01")
		for _, i := range wrong {
			r.wrongRow(r.misfit(t.columns[i], rec.number, rec.cells[i]))
		}
	}
	t.digest = hex.EncodeToString(sum.Sum(nil))
	t.problems = r.problems.all()
	return t, nil
}

func ordinal(i int) string { return fmt.Sprint(i + 1) }

func (r *reading) twice(c *counted, columns []Column, j int) {
	c.Twice = true
	first := !columns[j].Twice
	columns[j].Twice = true
	if !first {
		return
	}
	r.problems.add(Problem{Code: CodeColumns, Warning: true, Column: c.Name,
		What: calendar.Text{JA: fmt.Sprintf("「%s」という見出しが2つあるので（%s と %s）、この欄は使えません", c.Name, columns[j].Place, c.Place), EN: fmt.Sprintf("two columns are called %s (%s and %s): neither can be used", c.Name, columns[j].Place, c.Place)},
		Next: calendar.Text{JA: "見出しを書き分けてください", EN: "give them different names"}})
}

// tellDates warns of a column that looks like dates that nobody can be sure of.
func (r *reading) tellDates(c Column, n *counted) {
	if c.Type != Text || 2*n.fitting(fitsNoYear) <= c.Filled {
		return
	}
	r.problems.add(Problem{Code: CodeValue, Warning: true, Column: c.Name,
		What: calendar.Text{JA: fmt.Sprintf("「%s」は日付のようですが、年が4桁で書かれていないので、文字として読みました", c.Name), EN: fmt.Sprintf("%s looks like dates, but without a year of four digits it was read as text", c.Name)},
		Next: calendar.Text{JA: "2026/11/25 のように、年を4桁で書き出してください", EN: "write the year with four digits, as in 2026/11/25"}})
}

// misfit words a value that its column's type doesn't fit.
func (r *reading) misfit(c Column, row int, v cell) Problem {
	shown := clip(asText(v.Value))
	p := Problem{Code: CodeValue, Row: row, Column: c.Name}
	where := fmt.Sprintf("%d行目の「%s」", row, c.Name)
	whereEN := fmt.Sprintf("row %d, %s", row, c.Name)
	if v.fault {
		p.What = calendar.Text{JA: fmt.Sprintf("%sが %s になっています", where, shown), EN: fmt.Sprintf("%s is %s", whereEN, shown)}
		p.Next = calendar.Text{JA: "元の表の式を直してください", EN: "mend the formula in the source"}
		return p
	}
	p.What = calendar.Text{JA: fmt.Sprintf("%s「%s」は%sとして読めません", where, shown, c.Type.Words().JA), EN: fmt.Sprintf("%s: %q is no %s", whereEN, shown, c.Type.Words().EN)}
	p.Next = calendar.Text{
		JA: fmt.Sprintf("元の表を直してください。数や日付の欄でないなら、types = { \"%s\" = \"text\" } と書いてください", c.Name),
		EN: fmt.Sprintf("mend it in the source; where the column is text, write types = { %q = \"text\" }", c.Name)}
	return p
}

// clip shortens what comes from a source for a message, and makes it one line.
func clip(s string) string {
	s = heading(s)
	if r := []rune(s); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return s
}

// row is a record with its values of the columns' types.
func (t *Table) row(rec record) Row {
	row, _ := t.typed(rec)
	return row
}

func (t *Table) typed(rec record) (row Row, wrong []int) {
	row = Row{table: t, number: rec.number, values: make([]Value, len(t.columns))}
	for i, c := range rec.cells {
		if i == len(t.columns) {
			break
		}
		v, ok := fit(c, t.columns[i].Type, t.zone)
		if !ok {
			wrong = append(wrong, i)
			v = Value{typ: Text, text: asText(c.Value)}
		}
		v.year = t.columns[i].years
		row.values[i] = v
	}
	return row, wrong
}

// Of makes a table of rows that are there already: what a job computed, or a test. The columns' types are found out
// from the values.
func Of(name string, columns []string, rows ...[]Value) (*Table, error) {
	r := newReading(&Source{name: name, origin: made{}}, &World{Zone: time.UTC})
	for _, c := range columns {
		r.addColumn(c, "", Empty)
	}
	for i, vs := range rows {
		if len(vs) != len(columns) {
			return nil, fmt.Errorf("couldn't make the table %s: row %d has %d values for %d columns", name, i+1, len(vs), len(columns))
		}
		cells := make([]cell, len(vs))
		for j, v := range vs {
			cells[j].Value = v
		}
		if err := r.add(context.Background(), i+1, cells); err != nil {
			return nil, err
		}
	}
	return r.table()
}

// made is the origin of a table made by Of.
type made struct{}

func (made) words() string { return "" }

func (made) read(context.Context, *reading) error { return nil }

func newReading(s *Source, w *World) *reading {
	r := &reading{source: s, world: w, rows: &spool{}, limit: s.common.maxRows, bad: make(map[int][]Problem)}
	if r.limit == 0 {
		r.limit = defaultRows
	}
	return r
}

// Read reads the source to its end. A nil Table means that it could not be read, and the problems say why. Beside a
// Table the problems are its own; where Broken tells so, its rows are not to be used.
func (s *Source) Read(ctx context.Context, w *World) (*Table, []Problem) {
	r := newReading(s, w)
	ctx, cancel := context.WithTimeoutCause(ctx, s.common.timeout(), context.DeadlineExceeded)
	defer cancel()
	err := s.origin.read(ctx, r)
	var t *Table
	if err == nil {
		r.fresh()
		t, err = r.table()
	}
	if err != nil {
		err = errors.Join(err, r.rows.close())
		return nil, append(r.problems.all(), r.problem(err))
	}
	return t, t.Problems()
}

// fresh tells of a source that is older than agreed, and of one whose age nobody can know.
func (r *reading) fresh() {
	within := r.source.common.fresh
	if within.IsZero() || r.world.Played {
		return
	}
	said := within.Sentence(calendar.Japanese)
	if r.modified.IsZero() {
		r.problems.add(Problem{Code: CodeOld,
			What: calendar.Text{JA: fmt.Sprintf("%s がいつのものか分からないので、fresh_within（%s）を確かめられません", r.source.Origin(), said), EN: fmt.Sprintf("%s does not tell how old it is, so fresh_within cannot be held", r.source.Origin())},
			Next: calendar.Text{JA: "fresh_within を消してください", EN: "delete fresh_within"}})
		return
	}
	if !within.After(r.modified.In(r.world.Zone), r.world.Days).Before(r.world.Now) {
		return
	}
	at := r.modified.In(r.world.Zone)
	clock := fmt.Sprintf(" %d:%02d", at.Hour(), at.Minute())
	r.problems.add(Problem{Code: CodeOld,
		What: calendar.Text{JA: fmt.Sprintf("%s は%s%sのもので、%sより古くなっています", r.source.Origin(), day(calendar.DateOf(at), calendar.Japanese), clock, said),
			EN: fmt.Sprintf("%s is of %s%s, older than %s", r.source.Origin(), day(calendar.DateOf(at), calendar.English), clock, within.Sentence(calendar.English))},
		Next: calendar.Text{JA: "新しいものを書き出してください", EN: "export it anew"}})
}

// problem makes any error one that a person can read.
func (r *reading) problem(err error) Problem {
	var p *Problem
	if errors.As(err, &p) {
		return *p
	}
	var w worded
	if errors.As(err, &w) {
		what, next := w.Words()
		return Problem{Code: CodeUnreadable, What: about(r.source.Origin(), what), Next: next, Err: err}
	}
	return Problem{Code: CodeUnreadable, Err: err,
		What: calendar.Text{JA: fmt.Sprintf("%s を読めませんでした", r.source.Origin()), EN: fmt.Sprintf("couldn't read %s", r.source.Origin())},
		Next: calendar.Text{JA: "開けるかどうかを確かめてください", EN: "see whether it opens"}}
}

func about(origin string, t calendar.Text) calendar.Text {
	return calendar.Text{JA: origin + "：" + t.JA, EN: origin + ": " + t.EN}
}
