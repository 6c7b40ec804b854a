package table

import (
	"fmt"
	"strings"
	"time"

	"bod/internal/calendar"
)

// Observation is what a run keeps of a source, for a later one to compare. Its JSON is canonical.
type Observation struct {
	Columns  []ObservedColumn `json:"columns"`
	Digest   string           `json:"digest"`
	Modified string           `json:"modified,omitempty"` // RFC 3339, UTC
	Rows     int              `json:"rows"`
	Rule     string           `json:"rule"` // of the source in jobs.toml: after an edit nothing is compared
}

// ObservedColumn is a column of an Observation.
type ObservedColumn struct {
	Name string `json:"name"` // as the source writes it
	Type string `json:"type"`
}

// Observe is what a later run compares this table with.
func (t *Table) Observe() Observation {
	o := Observation{Columns: make([]ObservedColumn, 0, len(t.columns)), Digest: t.digest, Rows: t.Len(), Rule: t.rule}
	for _, c := range t.columns {
		if c.Name != "" {
			o.Columns = append(o.Columns, ObservedColumn{c.Name, c.Type.String()})
		}
	}
	if !t.modified.IsZero() {
		o.Modified = t.modified.UTC().Format(time.RFC3339)
	}
	return o
}

// fewRows is from how many rows on a loss of half of them is told: a list of three may well become one of one.
const fewRows = 10

// Compare tells what is suspicious about a table beside what a run saw before: a column that is gone or has another
// type, half of the rows or more gone, nothing left. A column more is a warning. Nothing is told when
// [source.NAME] was edited in between: then somebody meant the change.
func (t *Table) Compare(before Observation) []Problem {
	if before.Rule != t.rule {
		return nil
	}
	var ps problems
	was := make(map[string]ObservedColumn)
	for _, c := range before.Columns {
		was[Fold(c.Name)] = c
	}
	is := make(map[string]Column)
	var added []string
	for _, c := range t.columns {
		f := Fold(c.Name)
		if f == "" {
			continue
		}
		is[f] = c
		if _, ok := was[f]; !ok {
			added = append(added, c.Name)
		}
	}
	look := calendar.Text{JA: "元の表が変わったのなら、jobs.toml の [source." + t.name + "] とその表を使う仕事を見直してください", EN: "where the source was changed on purpose, look at [source." + t.name + "] in jobs.toml and at the jobs that use it"}
	for _, c := range before.Columns {
		now, ok := is[Fold(c.Name)]
		switch {
		case !ok:
			p := Problem{Code: CodeColumns, Column: c.Name, Next: look,
				What: calendar.Text{JA: fmt.Sprintf("%s から「%s」という欄がなくなっています", t.origin, clip(c.Name)), EN: fmt.Sprintf("%s has lost the column %s", t.origin, clip(c.Name))}}
			if len(added) > 0 {
				p.What.JA += "（新しい欄: " + clip(strings.Join(added, ", ")) + "）"
				p.What.EN += " (new: " + clip(strings.Join(added, ", ")) + ")"
			}
			ps.add(p)
		case now.Type.String() != c.Type && now.Type != Empty && c.Type != Empty.String():
			old, _ := ParseType(c.Type)
			ps.add(Problem{Code: CodeColumns, Column: c.Name, Next: look,
				What: calendar.Text{JA: fmt.Sprintf("%s の「%s」が、前は%sでしたが、いまは%sです", t.origin, clip(c.Name), old.Words().JA, now.Type.Words().JA),
					EN: fmt.Sprintf("%s: %s was %s and is %s now", t.origin, clip(c.Name), old.Words().EN, now.Type.Words().EN)}})
		}
	}
	if len(ps.list) == 0 && len(added) > 0 {
		ps.add(Problem{Code: CodeColumns, Warning: true,
			What: calendar.Text{JA: fmt.Sprintf("%s に新しい欄があります: %s", t.origin, clip(strings.Join(added, ", "))), EN: fmt.Sprintf("%s has new columns: %s", t.origin, clip(strings.Join(added, ", ")))},
			Next: calendar.Text{JA: "そのまま使えます", EN: "nothing has to be done"}})
	}
	if n := t.Len(); !t.mayShrink && (n == 0 && before.Rows > 0 || before.Rows >= fewRows && 2*n <= before.Rows) {
		ps.add(Problem{Code: CodeRows,
			What: calendar.Text{JA: fmt.Sprintf("%s の行が、前の%s行から%s行に減っています", t.origin, grouped(fmt.Sprint(before.Rows)), grouped(fmt.Sprint(n))), EN: fmt.Sprintf("%s has %s rows, and had %s before", t.origin, grouped(fmt.Sprint(n)), grouped(fmt.Sprint(before.Rows)))},
			Next: calendar.Text{JA: "書き出しが途中で終わっていないかを確かめてください。減るのがふつうの表なら may_shrink = true と書いてください", EN: "see whether the export was cut short; where it is usual, write may_shrink = true"}})
	}
	return ps.all()
}
