package table

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"bod/internal/calendar"
)

// Column is one column of a table.
type Column struct {
	Name   string // as the source writes it: NFC, on one line, "" for a column without a name
	Type   Type   // Empty when no row has a value in it
	Given  bool   // the type was said by the file's types or by the source itself, not found out
	Twice  bool   // another column has the same name after Fold: neither can be found by it
	Filled int    // how many rows have a value in it
	Place  string // where a person finds it: "C" in a workbook or a CSV; "" where that means nothing

	years bool // its numbers are years
}

// Table is a source that was read to its end. It never changes and may be used by several goroutines.
type Table struct {
	name     string
	columns  []Column
	index    map[string]int // by Fold; without those that stand twice
	rows     *spool
	problems []Problem
	bad      map[int][]Problem // by row number
	digest   string
	modified time.Time
	zone     *time.Location

	origin    string // in words
	rule      string
	mayShrink bool
}

// Origin says where the rows came from, as Source.Origin.
func (t *Table) Origin() string { return t.origin }

// Name is the source's name in jobs.toml.
func (t *Table) Name() string { return t.name }

// Columns are the columns in the source's order.
func (t *Table) Columns() []Column { return slices.Clone(t.columns) }

// Find finds a column by its name, compared by Fold. ok is false where there is none, and where two have that name.
func (t *Table) Find(name string) (i int, ok bool) {
	i, ok = t.index[Fold(name)]
	return i, ok
}

// Len is the number of rows.
func (t *Table) Len() int { return t.rows.len() }

// Modified is when the source was last changed, as far as it tells: a file's time, a reply's Last-Modified; else zero.
func (t *Table) Modified() time.Time { return t.modified }

// Digest is the SHA-256 of the names, types and canonical values of all rows in their order, in hex. The same
// rows have the same digest in whatever encoding and format they lie.
func (t *Table) Digest() string { return t.digest }

// Rows goes through the rows in the source's order, as often as it is called. An error means that what was kept
// of the source cannot be had any more; no row follows it.
func (t *Table) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for at, err := range t.rows.all() {
			if !yield(t.row(at), err) || err != nil {
				return
			}
		}
	}
}

// Problems are what is wrong with the table, those of its rows included: of each sort and column the first few,
// and how many more there are.
func (t *Table) Problems() []Problem { return slices.Clone(t.problems) }

// Close lets go of what was kept. The rows that were handed out stay good.
func (t *Table) Close() error { return t.rows.close() }

// Row is one record of a table. It stays good after the table is closed.
type Row struct {
	table  *Table
	number int
	values []Value
}

// Number is where a person finds the row: the line of a CSV or JSON Lines file on which it begins, the row of a sheet;
// counted from 1 in what has no lines (a database, JSON, a folder).
func (r Row) Number() int { return r.number }

// Values are the row's values, one for each column of the table; they may not be changed.
func (r Row) Values() []Value { return r.values }

// Value is the value in the i-th column.
func (r Row) Value(i int) Value { return r.values[i] }

// Get finds the value of a column by its name; ok is false where Find's is.
func (r Row) Get(name string) (v Value, ok bool) {
	i, ok := r.table.Find(name)
	if !ok {
		return Value{}, false
	}
	return r.values[i], true
}

// Problems are the values of this row that their columns' types don't fit. Such a value is a Text here, as it is
// written, in a column of another type.
func (r Row) Problems() []Problem { return slices.Clone(r.table.bad[r.number]) }

// Place says where a person finds the row: 「12行目」, row 12.
func (r Row) Place() calendar.Text {
	n := strconv.Itoa(r.number)
	return calendar.Text{JA: n + "行目", EN: "row " + n}
}

// Key is the canonical values of some columns as one text, the identity of a row among others and in another
// source. ok is false when one of the values is empty: what has no key is no row to act on.
func (r Row) Key(columns ...int) (key string, ok bool) {
	parts := make([]string, len(columns))
	for n, i := range columns {
		if r.values[i].IsEmpty() {
			return "", false
		}
		parts[n] = r.values[i].Canonical()
	}
	return joined(parts), true
}

// joined makes several parts of a key one text from which each can be told again.
func joined(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	for i, p := range parts {
		parts[i] = strings.NewReplacer(`\`, `\\`, `/`, `\/`).Replace(p)
	}
	return strings.Join(parts, "/")
}

// Canonical is the row as inputs and observations have it: the names and canonical values of its filled columns,
// in the order of their names. It does not change when a column is moved or an empty one added.
func (r Row) Canonical() string {
	lines := make([]string, 0, len(r.values))
	for i, v := range r.values {
		if !v.IsEmpty() {
			lines = append(lines, strconv.Quote(Fold(r.table.columns[i].Name))+": "+strconv.Quote(v.Canonical()))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Index finds the rows of a table by the values of some columns. It may be used by several goroutines.
type Index struct {
	table   *Table
	columns []int
	at      map[string][]int64
}

// Index makes an index over columns, as Find finds them; ok is false when one of them cannot be found. Rows
// of which one of these values is empty are in no index.
func (t *Table) Index(columns ...string) (x *Index, ok bool, err error) {
	x = &Index{table: t, at: make(map[string][]int64)}
	for _, c := range columns {
		i, found := t.Find(c)
		if !found {
			return nil, false, nil
		}
		x.columns = append(x.columns, i)
	}
	for at, err := range t.rows.all() {
		if err != nil {
			return nil, true, err
		}
		if key, has := t.row(at).Key(x.columns...); has {
			x.at[key] = append(x.at[key], at.offset)
		}
	}
	return x, true, nil
}

// Find are the rows whose columns have these values, compared by Canonical, in the table's order; none for an
// empty value.
func (x *Index) Find(values ...Value) ([]Row, error) {
	parts := make([]string, len(values))
	for i, v := range values {
		if v.IsEmpty() {
			return nil, nil
		}
		parts[i] = v.Canonical()
	}
	var out []Row
	for _, offset := range x.at[joined(parts)] {
		at, err := x.table.rows.at(offset)
		if err != nil {
			return nil, err
		}
		out = append(out, x.table.row(at))
	}
	return out, nil
}

// Count is how many rows Find would give, without reading them.
func (x *Index) Count(values ...Value) int {
	parts := make([]string, len(values))
	for i, v := range values {
		if v.IsEmpty() {
			return 0
		}
		parts[i] = v.Canonical()
	}
	return len(x.at[joined(parts)])
}
