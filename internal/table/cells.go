package table

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"bod/internal/calendar"
)

// cellsOf is a source of single cells: each workbook that a pattern finds is a row.
type cellsOf struct {
	pattern string
	names   []string
	refs    []cellRef
}

type cellRef struct {
	sheet       string
	column, row int
}

var cellsKeys = []Key{
	{"files", "file", "", calendar.Text{JA: "1つが1行になるブック。* が使えます。cells と一緒に書きます", EN: "workbooks of which each is a row, with *; together with cells"}, `files = "data/quotes/*.xlsx"`},
	{"cells", "table", "", calendar.Text{JA: "欄の名前と、その値があるセル。ほかのシートなら \"内訳!H30\"", EN: "the columns' names and the cells where their values are; of another sheet \"Details!H30\""}, `cells = { "合計" = "H30", "顧客名" = "B4" }`},
	sheetKey,
}

// The columns that every row of files has beside its own.
var fileColumn, pathColumn = "ファイル", "場所"

func decodeCells(s Settings) origin {
	o := &cellsOf{pattern: s.String("files")}
	if o.pattern == "" || !goodPath(s, "files", o.pattern) {
		return nil
	}
	said := s.Table("cells")
	if len(said) == 0 {
		s.Problem("files", calendar.Text{JA: "files と一緒に cells を書きます", EN: "files needs cells"},
			calendar.Text{JA: `cells = { "合計" = "H30" } のように書いてください`, EN: `write it like cells = { total = "H30" }`})
		return nil
	}
	for _, name := range sortedKeys(said) {
		sheet, at, two := strings.Cut(said[name], "!")
		if !two {
			sheet, at = s.String("sheet"), sheet
		}
		column, row, ok := place(narrow(at))
		if !ok || column >= maxColumns {
			s.Problem("cells", calendar.Text{JA: fmt.Sprintf("%s の「%s」はセルの場所ではありません", name, said[name]), EN: fmt.Sprintf("%s: %q is no cell", name, said[name])},
				calendar.Text{JA: "\"H30\" か \"シート名!H30\" のように書いてください", EN: "write it like \"H30\" or \"Sheet!H30\""})
			continue
		}
		o.names = append(o.names, name)
		o.refs = append(o.refs, cellRef{strings.Trim(sheet, "'"), column, row})
	}
	return o
}

func (o *cellsOf) words() string { return o.pattern }

// read makes a row of each workbook. One that cannot be read is a row without values, with a problem of its own:
// the others are not to wait for it.
func (o *cellsOf) read(ctx context.Context, r *reading) error {
	found, err := r.found(o.pattern)
	if err != nil {
		return err
	}
	r.addColumn(fileColumn, "", Text)
	r.addColumn(pathColumn, "", Text)
	for i, name := range o.names {
		r.addColumn(name, letters(o.refs[i].column)+strconv.Itoa(o.refs[i].row), Empty)
	}
	n := 0
	for _, f := range found {
		// What Excel keeps beside an open workbook is no workbook.
		if strings.HasPrefix(f.Name, "~$") {
			continue
		}
		n++
		if f.Modified.After(r.modified) {
			r.modified = f.Modified
		}
		cells := make([]cell, 2+len(o.names))
		cells[0].Value, cells[1].Value = TextOf(f.Name), TextOf(f.Path)
		err := r.withFile(f.Path, func(c content) error { return o.workbook(ctx, r, c, cells[2:]) })
		if ctx.Err() != nil {
			return r.slow(ctx.Err())
		}
		if err != nil {
			p := r.problem(err)
			p.Row = n
			r.wrongRow(p)
		}
		if err := r.add(ctx, n, cells); err != nil {
			return err
		}
	}
	return nil
}

// workbook picks the cells out of one workbook.
func (o *cellsOf) workbook(ctx context.Context, r *reading, c content, out []cell) (err error) {
	w, err := openWorkbook(r, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	done := make(map[string]bool)
	for _, ref := range o.refs {
		if done[ref.sheet] {
			continue
		}
		done[ref.sheet] = true
		sheet, err := w.sheet(ref.sheet)
		if err != nil {
			return err
		}
		if err := w.rows(ctx, sheet, func(number int, _ bool, cells []cell) error {
			for i, want := range o.refs {
				if want.sheet == ref.sheet && want.row == number && want.column < len(cells) {
					out[i] = cells[want.column]
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
