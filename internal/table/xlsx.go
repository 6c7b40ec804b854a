package table

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"github.com/xuri/excelize/v2"

	"bod/internal/calendar"
)

// The sheets are read by our own reader and not by excelize's: that one gives every cell as a text, so that the text
// 0012 and the number 12 that is shown as 0012 look alike, ends a sheet at the first byte that is no XML without an
// error, and holds whole sheets in memory as soon as it is asked for a cell's type. What it alone can do is work out
// a formula, which is needed where a program wrote a workbook without the results.

// workbook is an open xlsx.
type workbook struct {
	reading  *reading
	content  content
	zip      *zip.Reader
	sheets   []sheetRef
	shared   []string
	sharedAt string
	styles   []numberStyle
	date1904 bool
	left     int64 // bytes that may still be unpacked
	excel    *excelize.File
	computed int
}

type sheetRef struct {
	name, part string
	hidden     bool
}

// numberStyle is what a cell's format says about its number.
type numberStyle struct {
	sort   styleSort
	digits int // of styleDigits
}

type styleSort uint8

const (
	styleNumber styleSort = iota
	styleDate
	styleTime   // a date with a time of day
	styleClock  // a time of day or a span without a date
	styleDigits // shown with zeros in front: a code
	styleText
)

func (r *reading) notWhole(name string, err error) *Problem {
	return &Problem{Code: CodeUnfinished, Err: err,
		What: calendar.Text{JA: fmt.Sprintf("%s は壊れているか、途中までしか書かれていません", name), EN: fmt.Sprintf("%s is damaged or only half written", name)},
		Next: calendar.Text{JA: "Excel で開けるかを確かめ、保存し直してください", EN: "see whether Excel opens it, and save it again"}}
}

// openWorkbook reads all of a workbook but its sheets.
func openWorkbook(r *reading, c content) (*workbook, error) {
	head := make([]byte, 8)
	if _, err := c.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	if bytes.Equal(head, []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}) {
		return nil, &Problem{Code: CodeUnreadable,
			What: calendar.Text{JA: fmt.Sprintf("%s はパスワードで保護されているか、古い形式（.xls）です", c.name), EN: fmt.Sprintf("%s is protected by a password or in the old format (.xls)", c.name)},
			Next: calendar.Text{JA: "パスワードを付けずに、xlsx の形式で保存し直してください", EN: "save it as xlsx, without a password"}}
	}
	z, err := zip.NewReader(c, c.size)
	if err != nil {
		return nil, r.notWhole(c.name, err)
	}
	w := &workbook{reading: r, content: c, zip: z, left: r.maxSize()}
	if err := w.parts(); err != nil {
		return nil, err
	}
	return w, nil
}

// open unpacks one part. All parts together may not become larger than max_size: a few kilobytes can hold gigabytes.
func (w *workbook) open(name string) (io.ReadCloser, error) {
	name = strings.TrimPrefix(name, "/")
	i := slices.IndexFunc(w.zip.File, func(f *zip.File) bool { return strings.EqualFold(strings.ReplaceAll(f.Name, `\`, "/"), name) })
	if i < 0 {
		return nil, w.reading.notWhole(w.content.name, fmt.Errorf("there is no part %s", name))
	}
	in, err := w.zip.File[i].Open()
	if err != nil {
		return nil, w.reading.notWhole(w.content.name, err)
	}
	return &unpacked{in, w}, nil
}

// unpacked counts what comes out of a part.
type unpacked struct {
	io.ReadCloser
	w *workbook
}

func (u *unpacked) Read(b []byte) (int, error) {
	n, err := u.ReadCloser.Read(b)
	if u.w.left -= int64(n); u.w.left < 0 {
		return n, u.w.reading.sized(u.w.content.name, math.MaxInt64)
	}
	return n, err
}

// walk goes through the elements of a part. fn gets the decoder to read on in it.
func (w *workbook) walk(part string, fn func(d *xml.Decoder, e xml.StartElement) error) error {
	in, err := w.open(part)
	if err != nil {
		return err
	}
	defer in.Close()
	d := xml.NewDecoder(in)
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return w.broken(err)
		}
		if e, ok := t.(xml.StartElement); ok {
			if err := fn(d, e); err != nil {
				return w.broken(err)
			}
		}
	}
}

// broken keeps a Problem and words everything else.
func (w *workbook) broken(err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return w.reading.notWhole(w.content.name, err)
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func yes(s string) bool { return s == "1" || s == "true" }

// parts reads the workbook, its relations, styles and shared texts.
func (w *workbook) parts() error {
	const book = "xl/workbook.xml"
	targets, sort := make(map[string]string), make(map[string]string)
	if err := w.walk("xl/_rels/workbook.xml.rels", func(_ *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local == "Relationship" {
			t := attr(e, "Target")
			if !strings.HasPrefix(t, "/") {
				t = path.Join("xl", t)
			}
			targets[attr(e, "Id")] = t
			sort[path.Base(attr(e, "Type"))] = t
		}
		return nil
	}); err != nil {
		return err
	}
	if err := w.walk(book, func(_ *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			w.date1904 = yes(attr(e, "date1904"))
		case "sheet":
			state := attr(e, "state")
			w.sheets = append(w.sheets, sheetRef{attr(e, "name"), targets[relation(e)], state == "hidden" || state == "veryHidden"})
		}
		return nil
	}); err != nil {
		return err
	}
	if part, ok := sort["styles"]; ok {
		if err := w.readStyles(part); err != nil {
			return err
		}
	}
	w.sharedAt = sort["sharedStrings"]
	return nil
}

// relation is the r:id of a sheet, whichever prefix the program chose.
func relation(e xml.StartElement) string {
	for _, a := range e.Attr {
		if a.Name.Local == "id" && a.Name.Space != "" {
			return a.Value
		}
	}
	return ""
}

func (w *workbook) readStyles(part string) error {
	codes := make(map[int]string)
	in := ""
	return w.walk(part, func(_ *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "cellXfs", "cellStyleXfs", "dxfs":
			in = e.Name.Local
		case "numFmt":
			if id, err := strconv.Atoi(attr(e, "numFmtId")); err == nil && in == "" {
				codes[id] = attr(e, "formatCode")
			}
		case "xf":
			if in == "cellXfs" {
				id, _ := strconv.Atoi(attr(e, "numFmtId"))
				w.styles = append(w.styles, styleOf(id, codes[id]))
			}
		}
		return nil
	})
}

// styleOf tells what a number format makes of a number. Formats that are built in have no code; 27 to 58 are those of
// a Japanese Excel (ECMA-376 part 1, 18.8.30).
func styleOf(id int, code string) numberStyle {
	if code == "" {
		switch {
		case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
			return numberStyle{sort: styleDate}
		case id == 22:
			return numberStyle{sort: styleTime}
		case id >= 18 && id <= 21, id >= 32 && id <= 35, id >= 45 && id <= 47, id == 55, id == 56:
			return numberStyle{sort: styleClock}
		case id == 49:
			return numberStyle{sort: styleText}
		}
		return numberStyle{}
	}
	first, _, _ := strings.Cut(code, ";")
	var date, clock bool
	zeros, other := 0, false
	for i := 0; i < len(first); i++ {
		switch c := first[i]; c {
		case '"':
			end := strings.IndexByte(first[i+1:], '"')
			if end < 0 {
				end = len(first) - i - 2
			}
			i += end + 1
			other = true
		case '[':
			end := strings.IndexByte(first[i:], ']')
			if end < 0 {
				break
			}
			switch in := strings.ToLower(first[i+1 : i+end]); in {
			case "h", "hh", "m", "mm", "s", "ss":
				clock = true
			}
			i += end
		case '\\', '_', '*':
			i++
			other = true
		case 'y', 'Y', 'd', 'D', 'g', 'e', 'b', 'B':
			// General has an e and a g, in a format of its own or behind a color.
			if strings.HasPrefix(strings.ToLower(first[i:]), "general") {
				return numberStyle{}
			}
			if c == 'e' && i+1 < len(first) && (first[i+1] == '+' || first[i+1] == '-') {
				other = true
				continue
			}
			date = true
		case 'G', 'E':
			if strings.HasPrefix(strings.ToLower(first[i:]), "general") {
				return numberStyle{}
			}
			if c == 'E' && i+1 < len(first) && (first[i+1] == '+' || first[i+1] == '-') {
				other = true
				continue
			}
			date = true
		case 'h', 'H', 's', 'S':
			clock = true
		case '0':
			zeros++
		case '@':
			return numberStyle{sort: styleText}
		default:
			other = other || c != ' ' && c < 0x80
		}
	}
	switch {
	case date && clock:
		return numberStyle{sort: styleTime}
	case date:
		return numberStyle{sort: styleDate}
	case clock:
		return numberStyle{sort: styleClock}
	case zeros > 1 && !other:
		return numberStyle{sort: styleDigits, digits: zeros}
	}
	// A month alone (m, mmm) has neither y nor d.
	if strings.ContainsAny(first, "mM") && !strings.ContainsAny(first, "0#?") && !strings.Contains(first, `"`) {
		return numberStyle{sort: styleDate}
	}
	return numberStyle{}
}

// readShared reads the texts that cells share. Readings (furigana) beside a text are no part of it.
func (w *workbook) readShared() error {
	if w.shared != nil || w.sharedAt == "" {
		return nil
	}
	w.shared = []string{}
	return w.walk(w.sharedAt, func(d *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		s, err := richText(d)
		w.shared = append(w.shared, s)
		return err
	})
}

// richText reads up to the end of the element that d is in.
func richText(d *xml.Decoder) (string, error) {
	var b strings.Builder
	depth, in, skip := 1, false, 0
	for depth > 0 {
		t, err := d.Token()
		if err != nil {
			return "", io.ErrUnexpectedEOF
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			if t.Name.Local == "rPh" {
				skip = depth
			}
			in = t.Name.Local == "t" && skip == 0
		case xml.EndElement:
			if depth == skip {
				skip = 0
			}
			depth--
			in = false
		case xml.CharData:
			if in {
				b.Write(t)
			}
		}
	}
	return unescaped(b.String()), nil
}

// unescaped reads _x000D_, by which a workbook writes characters that XML cannot have.
func unescaped(s string) string {
	for at := 0; ; {
		i := strings.Index(s[at:], "_x")
		if i < 0 {
			return s
		}
		i += at
		at = i + 2
		if i+7 > len(s) || s[i+6] != '_' {
			continue
		}
		n, err := strconv.ParseUint(s[i+2:i+6], 16, 16)
		if err != nil {
			continue
		}
		s = s[:i] + string(rune(n)) + s[i+7:]
		at = i + 1
	}
}

// sheet finds a sheet by its name, or the first that is not hidden.
func (w *workbook) sheet(name string) (sheetRef, error) {
	var all []string
	for _, s := range w.sheets {
		if name == "" && !s.hidden || name != "" && Fold(s.name) == Fold(name) {
			return s, nil
		}
		all = append(all, s.name)
	}
	return sheetRef{}, &Problem{Code: CodeMissing,
		What: calendar.Text{JA: fmt.Sprintf("%s にシート「%s」がありません", w.content.name, name), EN: fmt.Sprintf("%s has no sheet %s", w.content.name, name)},
		Next: calendar.Text{JA: "あるシート: " + strings.Join(all, ", "), EN: "its sheets: " + strings.Join(all, ", ")}}
}

// area is some cells of a sheet that were merged into one; rows and columns count from 1 and from 0.
type area struct{ top, bottom, left, right int }

// merged reads which cells of a sheet are one. It stands behind the cells, so that the sheet is unpacked once more for it.
func (w *workbook) merged(part string) ([]area, error) {
	in, err := w.open(part)
	if err != nil {
		return nil, err
	}
	left := w.left // the same bytes are not counted twice
	defer func() { w.left = left }()
	defer in.Close()
	mark := []byte("mergeCell ")
	buf := make([]byte, 0, 1<<18)
	var out []area
	for {
		n, err := io.ReadFull(in, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		done := 0
		for {
			i := bytes.Index(buf[done:], mark)
			if i < 0 {
				break
			}
			end := bytes.IndexByte(buf[done+i:], '>')
			if end < 0 {
				break
			}
			if _, rest, ok := strings.Cut(string(buf[done+i:done+i+end]), "ref="); ok && len(rest) > 1 {
				ref, _, _ := strings.Cut(rest[1:], rest[:1])
				if a, ok := areaOf(ref); ok && len(out) < 100_000 {
					out = append(out, a)
				}
			}
			done += i + end
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return out, nil
		}
		if err != nil {
			return nil, w.broken(err)
		}
		keep := max(done, len(buf)-256)
		buf = buf[:copy(buf, buf[keep:])]
	}
}

func areaOf(ref string) (a area, ok bool) {
	from, to, two := strings.Cut(ref, ":")
	if !two {
		to = from
	}
	c1, r1, ok1 := place(from)
	c2, r2, ok2 := place(to)
	return area{r1, r2, c1, c2}, ok1 && ok2
}

// place reads a cell's name: H30 is column 7, row 30.
func place(ref string) (column, row int, ok bool) {
	ref = strings.ReplaceAll(ref, "$", "")
	i := 0
	for i < len(ref) && i < 4 && ref[i]|0x20 >= 'a' && ref[i]|0x20 <= 'z' {
		column = column*26 + int(ref[i]|0x20-'a') + 1
		i++
	}
	row, err := strconv.Atoi(ref[i:])
	if i == 0 || err != nil || row < 1 || row > 1<<20 || column > 1<<14 {
		return 0, 0, false
	}
	return column - 1, row, true
}

// rows goes through the rows of a sheet that have cells. The cells of a row are the caller's only until the next one.
func (w *workbook) rows(ctx context.Context, s sheetRef, fn func(number int, hidden bool, cells []cell) error) error {
	if err := w.readShared(); err != nil {
		return err
	}
	in, err := w.open(s.part)
	if err != nil {
		return err
	}
	defer in.Close()
	d := xml.NewDecoder(in)
	var cells []cell
	number, column, hidden := 0, 0, false
	whole := false
	for {
		t, err := d.Token()
		if err == io.EOF && whole {
			return nil
		}
		if err != nil {
			return w.broken(errors.Join(io.ErrUnexpectedEOF, err))
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "row":
				number++
				if n, err := strconv.Atoi(attr(t, "r")); err == nil && n >= number {
					number = n
				}
				hidden = yes(attr(t, "hidden"))
				cells, column = cells[:0], 0
			case "c":
				if ref := attr(t, "r"); ref != "" {
					if c, _, ok := place(ref); ok {
						column = c
					}
				}
				v, err := w.cell(ctx, d, t, s, column, number)
				if err != nil {
					return w.broken(err)
				}
				if column < maxColumns && v.typ != Empty {
					for len(cells) <= column {
						cells = append(cells, cell{})
					}
					cells[column] = v
				}
				column++
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "row":
				if err := fn(number, hidden, cells); err != nil {
					return err
				}
			case "worksheet":
				whole = true
			}
		}
	}
}

// maxComputed is how many formulas without a result are worked out in one workbook.
const maxComputed = 10_000

// cell reads one cell; d is behind its beginning.
func (w *workbook) cell(ctx context.Context, d *xml.Decoder, e xml.StartElement, s sheetRef, column, row int) (cell, error) {
	var style numberStyle
	if i, err := strconv.Atoi(attr(e, "s")); err == nil && i >= 0 && i < len(w.styles) {
		style = w.styles[i]
	}
	var value, inline string
	var formula, has bool
	for {
		t, err := d.Token()
		if err != nil {
			return cell{}, errors.Join(io.ErrUnexpectedEOF, err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "f":
				formula = true
				if err := d.Skip(); err != nil {
					return cell{}, err
				}
			case "v":
				has = true
				if value, err = plainText(d); err != nil {
					return cell{}, err
				}
			case "is":
				if inline, err = richText(d); err != nil {
					return cell{}, err
				}
			default:
				if err := d.Skip(); err != nil {
					return cell{}, err
				}
			}
			continue
		case xml.EndElement:
		default:
			continue
		}
		break
	}
	sort := attr(e, "t")
	if formula && (!has || value == "") && sort != "str" {
		return w.compute(ctx, s, letters(column)+strconv.Itoa(row), style)
	}
	switch sort {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || i < 0 || i >= len(w.shared) {
			return cell{}, fmt.Errorf("there is no shared text %q", value)
		}
		return w.reading.text(w.shared[i]), nil
	case "inlineStr":
		return w.reading.text(inline), nil
	case "str":
		return w.reading.text(unescaped(value)), nil
	case "b":
		return cell{Value: YesNoOf(yes(value))}, nil
	case "e":
		return cell{Value: TextOf(value), fault: true}, nil
	case "d":
		c := cell{Value: TextOf(value)}
		if v, ok := fit(c, Time, w.reading.world.Zone); ok {
			c.Value = v
		}
		return c, nil
	}
	if !has || value == "" {
		return cell{}, nil
	}
	return w.number(value, style), nil
}

// plainText reads the characters of the element that d is in.
func plainText(d *xml.Decoder) (string, error) {
	var s strings.Builder
	for {
		t, err := d.Token()
		if err != nil {
			return "", errors.Join(io.ErrUnexpectedEOF, err)
		}
		switch t := t.(type) {
		case xml.CharData:
			s.Write(t)
		case xml.StartElement:
			if err := d.Skip(); err != nil {
				return "", err
			}
		case xml.EndElement:
			return s.String(), nil
		}
	}
}

// number reads a cell that holds a number as its format shows it.
func (w *workbook) number(s string, style numberStyle) cell {
	s = strings.TrimSpace(s)
	switch style.sort {
	case styleDate, styleTime:
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			if v, ok := w.serial(f); ok {
				return cell{Value: v}
			}
		}
	case styleClock:
		if f, err := strconv.ParseFloat(s, 64); err == nil && f >= 0 && f < 1e6 {
			m := int64(math.Round(f * 24 * 60))
			return cell{Value: TextOf(fmt.Sprintf("%d:%02d", m/60, m%60))}
		}
	case styleDigits:
		if n, err := strconv.ParseUint(s, 10, 63); err == nil {
			return cell{Value: TextOf(fmt.Sprintf("%0*d", style.digits, n))}
		}
	}
	d, ok := decimalOf(s)
	if !ok {
		return cell{Value: TextOf(s), fault: true}
	}
	return cell{Value: NumberOf(d)}
}

// decimalOf reads a number of a workbook. It is stored as the binary fraction that the program had, shown with 15
// digits by Excel: 0.30000000000000004 is 0.3.
func decimalOf(s string) (decimal.Decimal, bool) {
	if len(s) > 40 {
		return decimal.Decimal{}, false
	}
	if strings.ContainsAny(s, "eE") || len(strings.Trim(s, "-0.")) > 15 {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return decimal.Decimal{}, false
		}
		s = strconv.FormatFloat(f, 'e', 14, 64)
	}
	d, err := decimal.NewFromString(s)
	if err != nil || d.Exponent() < -400 || d.Exponent() > 400 {
		return decimal.Decimal{}, false
	}
	d, err = decimal.NewFromString(number(NumberOf(d)))
	return d, err == nil
}

// serial is the day (and time of day) of Excel's number. Excel has a 29 February 1900 (number 60), which never was.
func (w *workbook) serial(f float64) (Value, bool) {
	if f < 1 || f >= 2958466 { // 9999-12-31
		return Value{}, false
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case w.date1904:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case f < 60:
		first = first.AddDate(0, 0, 1)
	case f < 61:
		return Value{}, false
	}
	days := math.Floor(f)
	seconds := int(math.Round((f - days) * secondsOfDay))
	t := first.AddDate(0, 0, int(days)).Add(time.Duration(seconds) * time.Second)
	if seconds == 0 || seconds == secondsOfDay {
		return DateOf(calendar.DateOf(t)), true
	}
	return TimeOf(time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, w.reading.world.Zone)), true
}

// compute works out a formula that was stored without a result.
func (w *workbook) compute(ctx context.Context, s sheetRef, ref string, style numberStyle) (c cell, err error) {
	none := cell{Value: TextOf(w.noResult().In(w.reading.world.Language)), fault: true}
	if w.computed++; w.computed > maxComputed || w.content.size > 20<<20 {
		return none, nil
	}
	if err := ctx.Err(); err != nil {
		return cell{}, w.reading.slow(err)
	}
	if w.excel == nil {
		if w.excel, err = excelize.OpenReader(w.content.reader(), excelize.Options{UnzipSizeLimit: w.reading.maxSize(), UnzipXMLSizeLimit: min(16<<20, w.reading.maxSize()), RawCellValue: true, MaxCalcIterations: 1}); err != nil {
			return none, nil
		}
	}
	type result struct {
		value string
		err   error
	}
	done, book := make(chan result, 1), w.excel
	go func() {
		// What a workbook has inside is anybody's; a slip of the library's must not end the program.
		defer func() {
			if p := recover(); p != nil {
				done <- result{err: fmt.Errorf("couldn't work out %s: %v", ref, p)}
			}
		}()
		v, err := book.CalcCellValue(s.name, ref, excelize.Options{RawCellValue: true})
		done <- result{v, err}
	}()
	var got result
	select {
	case got = <-done:
	case <-ctx.Done():
		// The library cannot be stopped. What it works on is let go of when it is through.
		w.excel = nil
		w.computed = maxComputed
		return cell{}, w.reading.slow(ctx.Err())
	}
	v := got.value
	switch {
	case strings.HasPrefix(v, "#"):
		return cell{Value: TextOf(v), fault: true}, nil
	case got.err != nil:
		return none, nil
	case v == "":
		return cell{}, nil
	case v == "TRUE" || v == "FALSE":
		return cell{Value: YesNoOf(v == "TRUE")}, nil
	}
	if _, ok := decimalOf(v); ok {
		return w.number(v, style), nil
	}
	return w.reading.text(v), nil
}

func (w *workbook) noResult() calendar.Text {
	return calendar.Text{JA: "計算されていない式", EN: "a formula without a result"}
}

func (w *workbook) close() error {
	if w.excel == nil {
		return nil
	}
	return w.excel.Close()
}

// readWorkbook reads the rows of one sheet.
func readWorkbook(ctx context.Context, r *reading, c content, s shape) (err error) {
	w, err := openWorkbook(r, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	sheet, err := w.sheet(s.sheet)
	if err != nil {
		return err
	}
	areas, err := w.merged(sheet.part)
	if err != nil {
		return err
	}
	values := make(map[int]cell) // of merged areas, by their index
	starts := func(row, column int) int {
		return slices.IndexFunc(areas, func(a area) bool { return row == a.top && column == a.left })
	}
	tall := slices.DeleteFunc(slices.Clone(areas), func(a area) bool { return a.top == a.bottom })
	slices.SortFunc(tall, func(a, b area) int { return a.top - b.top })
	h := &heads{reading: r, shape: s}
	titles := make(map[int]string)
	h.upper = func(row, column int) (string, bool) {
		for i, a := range areas {
			if a.top <= row && row <= a.bottom && a.left <= column && column <= a.right {
				// A heading that is merged down stands once; one that is merged across stands above each of its columns.
				if row == a.top {
					name, ok := titles[i]
					return name, ok
				}
			}
		}
		return "", false
	}
	hidden, next := 0, 0
	open := []int(nil) // the tall areas that reach the row
	err = w.rows(ctx, sheet, func(number int, isHidden bool, cells []cell) error {
		if h.rows < s.headings && s.header >= 0 {
			for i, v := range cells {
				if at := starts(number, i); at >= 0 && v.typ != Empty {
					titles[at] = heading(asText(v.Value))
				}
			}
		}
		n := len(cells)
		if h.rows < s.headings && s.headings > 1 {
			for _, a := range areas {
				if a.top == number && a.right+1 > n && a.right < maxColumns {
					n = a.right + 1
				}
			}
		}
		if h.at(number, n, func(i int) string {
			if i >= len(cells) {
				return ""
			}
			return asText(cells[i].Value)
		}, letters) {
			return h.err()
		}
		if len(tall) > 0 {
			cells = mergedDown(tall, values, &open, &next, number, cells)
		}
		if !slices.ContainsFunc(cells, func(c cell) bool { return c.typ != Empty }) {
			return nil
		}
		if isHidden {
			hidden++
		}
		h.width(number, cells, -1)
		return r.add(ctx, number, cells)
	})
	if err != nil {
		return err
	}
	if hidden > 0 {
		r.problems.add(Problem{Code: CodeRows, Warning: true,
			What: calendar.Text{JA: fmt.Sprintf("%s に隠れた行が%d行あります。それも読みました", c.name, hidden), EN: fmt.Sprintf("%s has %d hidden rows; they were read too", c.name, hidden)},
			Next: calendar.Text{JA: "読ませたくない行は消すか、job の where で外してください", EN: "delete what is not to be read, or leave it out with the job's where"}})
	}
	return h.done(r.source.Origin())
}

// mergedDown gives each row of a merged area the value that a person sees beside it. The areas are sorted by their tops.
func mergedDown(tall []area, values map[int]cell, open *[]int, next *int, row int, cells []cell) []cell {
	for *next < len(tall) && tall[*next].top <= row {
		*open = append(*open, *next)
		*next++
	}
	*open = slices.DeleteFunc(*open, func(i int) bool { return tall[i].bottom < row })
	for _, i := range *open {
		a := tall[i]
		if a.left >= maxColumns {
			continue
		}
		if row == a.top {
			if a.left < len(cells) {
				values[i] = cells[a.left]
			}
			continue
		}
		if v, ok := values[i]; ok && v.typ != Empty {
			for len(cells) <= a.left {
				cells = append(cells, cell{})
			}
			if cells[a.left].typ == Empty {
				cells[a.left] = v
			}
		}
	}
	return cells
}

// jsonNumber reads a number of JSON or of a database, exactly as it is written.
func jsonNumber(s string) (decimal.Decimal, bool) {
	if len(s) > 60 {
		return decimal.Decimal{}, false
	}
	d, err := decimal.NewFromString(s)
	if err != nil || d.Exponent() > 60 || d.Exponent() < -60 {
		return decimal.Decimal{}, false
	}
	if d.Exponent() > 0 {
		d = decimal.NewFromBigInt(d.BigInt(), 0)
	}
	return d, true
}
