package document

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/text/encoding/japanese"

	"bod/internal/calendar"
	"bod/internal/table"
)

var tokyo = time.FixedZone("JST", 9*3600)

func number(s string) table.Value { return table.NumberOf(decimal.RequireFromString(s)) }

// orders has a row of ordinary values, one of what people write to harm, and one of what is at the edges.
func orders() Sheet {
	day := table.DateOf(calendar.Date{Year: 2026, Month: 11, Day: 25})
	at := table.TimeOf(time.Date(2026, 11, 25, 10, 30, 15, 0, tokyo))
	return Sheet{Name: "注文", Columns: []SheetColumn{{Name: "番号"}, {Name: "得意先"}, {Name: "金額", Commas: true}, {Name: "注文日"}, {Name: "時刻"}, {Name: "済"}},
		Rows: [][]table.Value{
			{table.TextOf("0012"), table.TextOf("アクメ商事〜本店"), number("1234567.50"), day, at, table.YesNoOf(true)},
			{table.TextOf("0013"), table.TextOf(`=HYPERLINK("http://evil.example","x")`), number("-5"), day, at, table.YesNoOf(false)},
			{table.TextOf("-"), table.TextOf("一行目\n二行目, \"引用\" −"), table.Value{}, table.Value{}, table.Value{}, table.Value{}},
			{table.TextOf("+1"), table.TextOf("@SUM(A1)"), number("0.1"), table.DateOf(calendar.Date{Year: 1873, Month: 1, Day: 1}), at, table.YesNoOf(true)},
			{table.TextOf("x"), table.TextOf("ソ表"), number("12345678901234567890"), day, at, table.YesNoOf(true)},
		}}
}

// The same sheet gives the same bytes, whenever and however often it is written.
func TestSameBytes(t *testing.T) {
	s := orders()
	first, err := Workbook(s, Sheet{Name: "集計", Columns: s.Columns[:1]})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := Workbook(s, Sheet{Name: "集計", Columns: s.Columns[:1]})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Fatal("the workbook has other bytes the second time")
		}
	}
	s.Rows[0][2] = number("1234567.51")
	if other, err := Workbook(s); err != nil || bytes.Equal(first, other) {
		t.Error("another amount gives the same bytes", err)
	}
}

// Another program finds each value in its own type, no formula, the frozen heading and the widths.
func TestWorkbookOutside(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import openpyxl").Run(); err != nil {
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatalf("python3-openpyxl is not there: %v", err)
		}
		t.Skipf("python3-openpyxl is not there: %v", err)
	}
	b, err := Workbook(orders(), Sheet{Name: "集計", Columns: []SheetColumn{{Name: "=A1"}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.xlsx")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", `
import json, sys
from openpyxl import load_workbook
b = load_workbook(sys.argv[1])
s = b.worksheets[0]
cells = [[[c.data_type, c.number_format, None if c.value is None else str(c.value)] for c in row] for row in s.iter_rows()]
print(json.dumps({"names": b.sheetnames, "frozen": s.freeze_panes, "cells": cells, "second": b.worksheets[1]["A1"].data_type,
  "widths": [s.column_dimensions[c].width for c in "ABCDEF"], "created": str(b.properties.created)}))
`, file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Names   []string
		Frozen  string
		Second  string
		Created string
		Widths  []float64
		Cells   [][][]*string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Join(got.Names, " ") != "注文 集計" || got.Frozen != "A2" || got.Second != "s" || !strings.HasPrefix(got.Created, "2000-01-01") {
		t.Errorf("%s", out)
	}
	want := []string{
		"s @ 番号|s @ 得意先|s @ 金額|s @ 注文日|s @ 時刻|s @ 済",
		"s @ 0012|s @ アクメ商事〜本店|n #,##0.0 1234567.5|d yyyy/mm/dd 2026-11-25 00:00:00|d yyyy/mm/dd hh:mm:ss 2026-11-25 10:30:15|b General True",
		"s @ 0013|s @ =HYPERLINK(\"http://evil.example\",\"x\")|n #,##0 -5|d yyyy/mm/dd 2026-11-25 00:00:00|d yyyy/mm/dd hh:mm:ss 2026-11-25 10:30:15|b General False",
		"s @ -|s @ 一行目\n二行目, \"引用\" −|n General |n General |n General |n General ",
		"s @ +1|s @ @SUM(A1)|n #,##0.0 0.1|s @ 1873-01-01|d yyyy/mm/dd hh:mm:ss 2026-11-25 10:30:15|b General True",
		"s @ x|s @ ソ表|s @ 12345678901234567890|d yyyy/mm/dd 2026-11-25 00:00:00|d yyyy/mm/dd hh:mm:ss 2026-11-25 10:30:15|b General True",
	}
	for y, row := range got.Cells {
		var line []string
		for _, c := range row {
			v := ""
			if c[2] != nil {
				v = *c[2]
			}
			line = append(line, *c[0]+" "+*c[1]+" "+v)
		}
		if y >= len(want) || strings.Join(line, "|") != want[y] {
			t.Errorf("row %d: %s", y+1, strings.Join(line, "|"))
		}
	}
	for i, w := range got.Widths {
		if w < leastWidth || w > mostWidth+1 {
			t.Errorf("column %d is %v wide", i, w)
		}
	}
	if got.Widths[1] <= got.Widths[0] {
		t.Error("the names have no more room than the numbers", got.Widths)
	}
}

// said is a [source.x] of one file.
type said struct{ file string }

func (s said) Has(key string) bool { return key == "file" }
func (s said) String(key string) string {
	if key == "file" {
		return s.file
	}
	return ""
}
func (said) Strings(string) []string                      { return nil }
func (said) Bool(_ string, otherwise bool) bool           { return otherwise }
func (said) Number(_ string, otherwise int) int           { return otherwise }
func (said) Size(_ string, otherwise int64) int64         { return otherwise }
func (said) Span(string) (l calendar.Lead)                { return l }
func (said) Table(string) map[string]string               { return nil }
func (said) Problem(string, calendar.Text, calendar.Text) {}
func (said) Warn(string, calendar.Text, calendar.Text)    {}
func (said) CheckPath(string) error                       { return nil }
func (said) SecretFile(string) string                     { return "" }

// readTable reads a file as bod reads the office's own tables.
func readTable(t *testing.T, name string, b []byte) (rows [][]table.Value) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	days, _ := calendar.NewDays(calendar.DaysOptions{Country: "jp"})
	open := func(p string) (*os.File, error) { return os.Open(filepath.Join(dir, p)) }
	w := &table.World{Now: time.Now().Add(time.Hour), Zone: tokyo, Days: days, Open: open,
		Glob: func(p string) ([]table.Found, error) {
			info, err := os.Stat(filepath.Join(dir, p))
			if err != nil {
				return nil, err
			}
			return []table.Found{{Path: p, Name: p, Size: info.Size(), Modified: info.ModTime()}}, nil
		}}
	tb, ps := table.Decode("x", said{name}, nil).Read(context.Background(), w)
	if tb == nil || table.Broken(ps) {
		t.Fatal(ps)
	}
	t.Cleanup(func() { tb.Close() })
	for r, err := range tb.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r.Values())
	}
	return rows
}

// What bod writes it reads as the same values: the text 0012 is no number, a date is a date.
func TestReadBack(t *testing.T) {
	s := orders()
	s.Rows = s.Rows[:1]
	s.Rows = append(s.Rows, []table.Value{table.TextOf("0014"), table.TextOf("みなと\n物産"), number("-3"), s.Rows[0][3], s.Rows[0][4], table.YesNoOf(false)})
	book, err := Workbook(s)
	if err != nil {
		t.Fatal(err)
	}
	marked, err := CSV(s, UTF8)
	if err != nil {
		t.Fatal(err)
	}
	old, err := CSV(s, ShiftJIS)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"a.xlsx": book, "a.csv": marked, "b.csv": old} {
		got := readTable(t, name, b)
		if len(got) != len(s.Rows) {
			t.Errorf("%s has %d rows", name, len(got))
			continue
		}
		for y, row := range s.Rows {
			for x, v := range row {
				// In a CSV yes and no are words like others.
				if g := got[y][x]; g.Canonical() != v.Canonical() || g.Type() != v.Type() && v.Type() != table.YesNo {
					t.Errorf("%s, row %d, %s: %v %q for %v %q", name, y+2, s.Columns[x].Name, g.Type(), g.Canonical(), v.Type(), v.Canonical())
				}
			}
		}
	}
}

// Nothing that a CSV says is a formula, and numbers keep their minus.
func TestCSVFormulas(t *testing.T) {
	b, err := CSV(orders(), UTF8)
	if err != nil {
		t.Fatal(err)
	}
	text, marked := strings.CutPrefix(string(b), "\ufeff")
	if !marked || !strings.Contains(text, "\r\n") {
		t.Errorf("%q", b)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		y, x int
		want string
	}{
		{2, 1, `'=HYPERLINK("http://evil.example","x")`}, {2, 2, "-5"}, {3, 0, "-"}, {3, 1, "一行目\n二行目, \"引用\" −"},
		{4, 0, "'+1"}, {4, 1, "'@SUM(A1)"}, {1, 0, "0012"}, {1, 2, "1234567.5"}, {1, 3, "2026-11-25"}, {1, 4, "2026-11-25 10:30:15"}, {1, 5, "yes"},
	} {
		if got := rows[at.y][at.x]; got != at.want {
			t.Errorf("row %d, column %d: %q", at.y+1, at.x+1, got)
		}
	}
	for text, want := range map[string]string{"＝1+1": "'＝1+1", " =1": " =1", "\t=1": "\t=1", "－": "－", "a=1": "a=1"} {
		if strings.TrimLeft(text, " \t") != text {
			want = "'" + want
		}
		if got := harmless(text); got != want {
			t.Errorf("%q is written as %q", text, got)
		}
	}
}

// Shift_JIS is the one of Windows; what it lacks is told with its place.
func TestShiftJIS(t *testing.T) {
	s := Sheet{Columns: []SheetColumn{{Name: "品名"}}, Rows: [][]table.Value{{table.TextOf("〜−—‖¥¢①髙ソ表,\"")}}}
	b, err := CSV(s, ShiftJIS)
	if err != nil {
		t.Fatal(err)
	}
	text, err := japanese.ShiftJIS.NewDecoder().Bytes(b)
	if err != nil || string(text) != "品名\r\n\"～－―∥￥￠①髙ソ表,\"\"\"\r\n" {
		t.Errorf("%q %v", text, err)
	}
	for _, bad := range []string{"吉野家𠮷", "café"} {
		s.Rows = [][]table.Value{{table.TextOf("ok")}, {table.TextOf(bad)}}
		_, err = CSV(s, ShiftJIS)
		p, ok := errors.AsType[*CellProblem](err)
		if !ok || p.Row != 3 || p.Column != "品名" || !strings.Contains(p.Words().JA, "3行目の「品名」") {
			t.Errorf("%s: %v", bad, err)
		}
		if _, err := CSV(s, UTF8); err != nil {
			t.Error(err)
		}
	}
}

// What a file can't hold is an error with its place: excelize would cut it or leave it out.
func TestUnfit(t *testing.T) {
	for _, bad := range []string{"a\x00b", "a\x0bb", strings.Repeat("あ", maxCellText+1)} {
		s := Sheet{Columns: []SheetColumn{{Name: "a"}, {Name: "備考"}}, Rows: [][]table.Value{{table.TextOf("x"), table.TextOf(bad)}}}
		for name, write := range map[string]func() ([]byte, error){
			"xlsx": func() ([]byte, error) { return Workbook(s) }, "csv": func() ([]byte, error) { return CSV(s, UTF8) }} {
			_, err := write()
			if p, ok := errors.AsType[*CellProblem](err); !ok || p.Row != 2 || p.Column != "備考" {
				t.Errorf("%s of %.10q: %v", name, bad, err)
			}
		}
	}
	for name, want := range map[string]string{"": "Sheet1", "a/b:c": "a b c", strings.Repeat("あ", 40): strings.Repeat("あ", 31)} {
		if got := sheetName(name, 0); got != want {
			t.Errorf("the sheet %q is called %q", name, got)
		}
	}
}
