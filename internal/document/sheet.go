package document

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/width"

	"bod/internal/calendar"
	"bod/internal/table"
)

// Sheet is a table on its way out: as a sheet of a workbook, or as a CSV.
//
// The same sheet always gives the same bytes, so that what somebody confirmed is what is made again. What can't stand in
// the file as it is, is an error with its row and column, and never left out or shortened.
type Sheet struct {
	Name    string
	Columns []SheetColumn
	Rows    [][]table.Value // each with a value for every column
}

// SheetColumn is a column of a Sheet.
type SheetColumn struct {
	Name    string
	Commas  bool // 1,234,567: for amounts; a number that names something has none
	Decimal int  // how many places a number is shown with, at least
}

// CellProblem says which cell can't be written, in words for a person.
type CellProblem struct {
	Row    int    // of the file, the heading's is 1; 0 when it is about the whole
	Column string // "" when it is about the whole
	What   calendar.Text
}

// Error makes a CellProblem an error, in English; people read Words.
func (p *CellProblem) Error() string { return "couldn't write the table: " + p.Words().EN }

// Words are what is wrong, with its place.
func (p *CellProblem) Words() calendar.Text {
	if p.Row == 0 {
		return p.What
	}
	return calendar.Text{
		JA: fmt.Sprintf("%d行目の「%s」：%s", p.Row, p.Column, p.What.JA),
		EN: fmt.Sprintf("row %d, column %s: %s", p.Row, p.Column, p.What.EN),
	}
}

// The limits of Excel ("Excel specifications and limits"), beyond which it takes a file for broken, or excelize cuts.
const (
	maxSheetRows    = 1_048_576
	maxSheetColumns = 16_384
	maxCellText     = 32_767 // UTF-16 units
	maxSheetName    = 31
	maxDigits       = 15 // of a number; Excel makes zeros of those behind
)

// The columns' widths, in characters of the usual font.
const (
	leastWidth = 8
	mostWidth  = 48
	seenRows   = 500 // that a width is taken from
)

// Workbook writes sheets as an xlsx: a heading that stays in sight, columns as wide as what stands in them, and every value
// in its own type. A text is a text cell whatever it begins with, so that 「=1+1」 is never worked out, also when somebody
// edits the cell. A number of more digits than Excel keeps is a text, for else it would be another number.
func Workbook(sheets ...Sheet) ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close()
	w := &workbook{file: f, styles: make(map[string]int)}
	for i, s := range sheets {
		name := sheetName(s.Name, i)
		if i == 0 {
			if err := f.SetSheetName(f.GetSheetName(0), name); err != nil {
				return nil, fmt.Errorf("couldn't name the sheet %s: %w", name, err)
			}
		} else if _, err := f.NewSheet(name); err != nil {
			return nil, fmt.Errorf("couldn't add the sheet %s: %w", name, err)
		}
		if err := w.write(name, s); err != nil {
			return nil, err
		}
	}
	// The library's own words of who made it when are left out: nothing in the file hangs on when it was written.
	if err := f.SetDocProps(&excelize.DocProperties{Creator: "bod", Created: "2000-01-01T00:00:00Z", Modified: "2000-01-01T00:00:00Z"}); err != nil {
		return nil, fmt.Errorf("couldn't write the workbook's properties: %w", err)
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		return nil, fmt.Errorf("couldn't write the workbook: %w", err)
	}
	return b.Bytes(), nil
}

// sheetName is a name that Excel takes.
func sheetName(name string, i int) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`[]:*?/\'`, r) {
			return ' '
		}
		return r
	}, name)
	if name = strings.TrimSpace(name); name == "" {
		return "Sheet" + strconv.Itoa(i+1)
	}
	for units(name) > maxSheetName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = strings.TrimSpace(name[:len(name)-n])
	}
	return name
}

// units are the UTF-16 units in which Excel counts.
func units(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// workbook is an xlsx that is being written.
type workbook struct {
	file   *excelize.File
	styles map[string]int
}

// style is a number format, made once.
func (w *workbook) style(format string, bold bool) (int, error) {
	key := format
	if bold {
		key += "\x00bold"
	}
	if id, ok := w.styles[key]; ok {
		return id, nil
	}
	s := &excelize.Style{CustomNumFmt: &format}
	if bold {
		s.Font = &excelize.Font{Bold: true}
		s.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E3E9ED"}}
		s.Alignment = &excelize.Alignment{Vertical: "center", WrapText: true}
	}
	id, err := w.file.NewStyle(s)
	if err != nil {
		return 0, fmt.Errorf("couldn't make the format %s: %w", format, err)
	}
	w.styles[key] = id
	return id, nil
}

func (w *workbook) write(name string, s Sheet) error {
	if err := s.check(); err != nil {
		return err
	}
	if len(s.Rows)+1 > maxSheetRows || len(s.Columns) > maxSheetColumns {
		return &CellProblem{What: calendar.Text{
			JA: fmt.Sprintf("%d行%d列は、Excelの1枚のシートに入りません", len(s.Rows)+1, len(s.Columns)), EN: fmt.Sprintf("%d rows and %d columns don't fit on a sheet of Excel", len(s.Rows)+1, len(s.Columns))}}
	}
	for i, c := range s.Columns {
		if err := w.text(name, i+1, 1, c.Name, true); err != nil {
			return err
		}
	}
	for y, row := range s.Rows {
		for x, v := range row {
			if err := w.cell(name, x+1, y+2, s.Columns[x], v); err != nil {
				return err
			}
		}
	}
	for i := range s.Columns {
		letter, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return fmt.Errorf("couldn't name the column %d: %w", i+1, err)
		}
		if err := w.file.SetColWidth(name, letter, letter, s.width(i)); err != nil {
			return fmt.Errorf("couldn't set the width of column %s: %w", letter, err)
		}
	}
	if len(s.Columns) == 0 {
		return nil
	}
	err := w.file.SetPanes(name, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
	if err != nil {
		return fmt.Errorf("couldn't freeze the heading of %s: %w", name, err)
	}
	return nil
}

// The formats. @ keeps a text a text also when somebody edits the cell.
const (
	formatText = "@"
	formatDate = "yyyy/mm/dd"
	formatTime = "yyyy/mm/dd hh:mm:ss"
)

// cell writes one value.
func (w *workbook) cell(sheet string, x, y int, c SheetColumn, v table.Value) error {
	switch v.Type() {
	case table.Empty:
		return nil
	case table.Number:
		if n := v.Canonical(); digits(n) <= maxDigits {
			return w.raw(sheet, x, y, n, numberFormat(c, n))
		}
	case table.Date:
		if n, ok := serial(v.Date().Year, v.Date().Month, v.Date().Day); ok {
			return w.raw(sheet, x, y, strconv.Itoa(n), formatDate)
		}
	case table.Time:
		t := v.Time()
		if n, ok := serial(t.Year(), t.Month(), t.Day()); ok {
			clock := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
			return w.raw(sheet, x, y, strconv.FormatFloat(float64(n)+clock.Hours()/24, 'f', -1, 64), formatTime)
		}
	case table.YesNo:
		at, err := excelize.CoordinatesToCellName(x, y)
		if err == nil {
			err = w.file.SetCellBool(sheet, at, v.YesNo())
		}
		if err != nil {
			return fmt.Errorf("couldn't write the cell %d, %d: %w", x, y, err)
		}
		return nil
	case table.Text:
		return w.text(sheet, x, y, v.Text(), false)
	}
	// What Excel has no number for: a day before 1900-03-01, and more digits than it keeps.
	return w.text(sheet, x, y, plainValue(v), false)
}

func (w *workbook) text(sheet string, x, y int, s string, bold bool) error {
	return w.put(x, y, sheet, formatText, bold, func(at string) error { return w.file.SetCellStr(sheet, at, s) })
}

// raw writes a number as its digits, for on the way through a float its last one could change.
func (w *workbook) raw(sheet string, x, y int, n, format string) error {
	return w.put(x, y, sheet, format, false, func(at string) error { return w.file.SetCellDefault(sheet, at, n) })
}

func (w *workbook) put(x, y int, sheet, format string, bold bool, write func(at string) error) error {
	at, err := excelize.CoordinatesToCellName(x, y)
	if err == nil {
		err = write(at)
	}
	if err != nil {
		return fmt.Errorf("couldn't write the cell %d, %d: %w", x, y, err)
	}
	style, err := w.style(format, bold)
	if err != nil {
		return err
	}
	if err := w.file.SetCellStyle(sheet, at, at, style); err != nil {
		return fmt.Errorf("couldn't format the cell %s: %w", at, err)
	}
	return nil
}

// numberFormat shows all places that a number has, and at least those of its column.
func numberFormat(c SheetColumn, n string) string {
	_, fraction, _ := strings.Cut(n, ".")
	format := "0"
	if c.Commas {
		format = "#,##0"
	}
	if places := max(c.Decimal, len(fraction)); places > 0 {
		format += "." + strings.Repeat("0", places)
	}
	return format
}

// digits counts the figures of a number that say something: without zeros in front.
func digits(n string) int {
	n = strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(n, "-"), ".", ""), "0")
	return len(n)
}

// serial is the number that Excel has for a day. Before March 1900 it counts a day that there was not.
func serial(year int, month time.Month, day int) (int, bool) {
	n := int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24)
	return n, year >= 1900 && year <= 9999 && n >= 61
}

// width is how wide a column has to be for what stands in it.
func (s Sheet) width(i int) float64 {
	most := cellWidth(s.Columns[i].Name)
	for _, row := range s.Rows[:min(len(s.Rows), seenRows)] {
		v := row[i]
		n := cellWidth(plainValue(v))
		switch v.Type() {
		case table.Number:
			n += n/3 + s.Columns[i].Decimal
		case table.Date, table.Time:
			n++
		}
		most = max(most, n)
	}
	return float64(min(max(most+2, leastWidth), mostWidth))
}

// cellWidth counts a full-width character twice; of several lines the widest counts.
func cellWidth(s string) (most int) {
	for line := range strings.SplitSeq(s, "\n") {
		n := 0
		for _, r := range line {
			n++
			if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// plainValue is a value as a program reads it back.
func plainValue(v table.Value) string {
	switch v.Type() {
	case table.Text:
		return v.Text()
	case table.Time:
		return v.Time().Format("2006-01-02 15:04:05")
	}
	return v.Canonical()
}

// check finds what can stand in no file.
func (s Sheet) check() error {
	for i, c := range s.Columns {
		if what, bad := unfit(c.Name); bad {
			return &CellProblem{1, s.Columns[i].shown(), what}
		}
	}
	for y, row := range s.Rows {
		if len(row) != len(s.Columns) {
			return fmt.Errorf("couldn't write the table: row %d has %d values for %d columns", y+2, len(row), len(s.Columns))
		}
		for x, v := range row {
			if what, bad := unfit(v.Text()); bad {
				return &CellProblem{y + 2, s.Columns[x].shown(), what}
			}
		}
	}
	return nil
}

// shown is a column's name in a sentence.
func (c SheetColumn) shown() string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, c.Name)
}

// unfit tells what is wrong with a text. XML 1.0 has no control characters, and programs that read a CSV end at a NUL.
func unfit(s string) (calendar.Text, bool) {
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == utf8.RuneError || r == 0xfffe || r == 0xffff {
			return calendar.Text{JA: fmt.Sprintf("ファイルに書けない文字（U+%04X）があります", r), EN: fmt.Sprintf("there is a character that no file can have (U+%04X)", r)}, true
		}
	}
	if n := units(s); n > maxCellText {
		return calendar.Text{JA: fmt.Sprintf("文字が%d字あります（Excelの1つの欄は%d字まで）", n, maxCellText), EN: fmt.Sprintf("the text has %d characters; a cell of Excel has %d at most", n, maxCellText)}, true
	}
	return calendar.Text{}, false
}

// Encoding is how a CSV is written.
type Encoding string

// The encodings. Excel in Japan takes a CSV for Shift_JIS where it does not begin with a byte order mark.
const (
	UTF8     Encoding = "UTF-8" // with the mark
	ShiftJIS Encoding = "Shift_JIS"
)

// CSV writes a sheet as Excel in Japan opens it with a double click: commas, CRLF, dates as 2026-11-25, numbers without
// commas. A text that Excel would work out as a formula (=, +, -, @, also full-width) gets an apostrophe in front, as
// there is no other mark of a text that every program leaves alone; numbers keep their minus.
func CSV(s Sheet, e Encoding) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if e == UTF8 {
		b.WriteString("\ufeff")
	}
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	enc := japanese.ShiftJIS.NewEncoder()
	record := make([]string, len(s.Columns))
	line := func(row int, value func(i int) string) error {
		for i := range record {
			record[i] = value(i)
			if e != ShiftJIS {
				continue
			}
			// The writer looks only for ASCII characters, and of those none but the wanted ones is the second byte
			// of a character here: 0x22, 0x2c, 0x0a and 0x0d never are.
			out, bad, ok := shiftJIS(enc, record[i])
			if !ok {
				return &CellProblem{row, s.Columns[i].shown(), calendar.Text{
					JA: fmt.Sprintf("「%c」（U+%04X）はShift_JISにありません", bad, bad), EN: fmt.Sprintf("Shift_JIS has no %c (U+%04X)", bad, bad)}}
			}
			record[i] = out
		}
		if err := w.Write(record); err != nil {
			return fmt.Errorf("couldn't write row %d: %w", row, err)
		}
		return nil
	}
	if err := line(1, func(i int) string { return harmless(s.Columns[i].Name) }); err != nil {
		return nil, err
	}
	for y, row := range s.Rows {
		err := line(y+2, func(i int) string {
			if row[i].Type() == table.Text {
				return harmless(row[i].Text())
			}
			return plainValue(row[i])
		})
		if err != nil {
			return nil, err
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, fmt.Errorf("couldn't write the table: %w", err)
	}
	return b.Bytes(), nil
}

// harmless puts an apostrophe before what would be a formula. A mark that stands alone, as the hyphen for "none", is none.
func harmless(s string) string {
	t := strings.TrimLeft(s, " 　\t\n")
	r, n := utf8.DecodeRuneInString(t)
	if strings.ContainsRune("=+-@＝＋－＠", r) && len(t) > n {
		return "'" + s
	}
	return s
}

// cp932 are the characters that Windows' Shift_JIS has under another code point than other tables.
var cp932 = strings.NewReplacer("\u301c", "\uff5e", "\u2212", "\uff0d", "\u2014", "\u2015", "\u2016", "\u2225",
	"\u00a5", "\uffe5", "\u00a2", "\uffe0", "\u00a3", "\uffe1", "\u00ac", "\uffe2")

// shiftJIS encodes a text, or gives the first character that has no place there.
func shiftJIS(enc *encoding.Encoder, s string) (out string, bad rune, ok bool) {
	s = cp932.Replace(s)
	if out, err := enc.String(s); err == nil {
		return out, 0, true
	}
	for _, r := range s {
		if _, err := enc.String(string(r)); err != nil {
			return "", r, false
		}
	}
	return "", utf8.RuneError, false
}
