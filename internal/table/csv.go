package table

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"bod/internal/calendar"
)

func readCSV(ctx context.Context, r *reading, c content, s shape) error {
	text, err := decoded(c, s.encoding)
	if err != nil {
		return err
	}
	in := bufio.NewReaderSize(text, 128<<10)
	if s.delimiter == 0 {
		// What cannot be peeked at is shorter than that; its error comes again when it is read.
		sample, _ := in.Peek(64 << 10)
		s.delimiter = delimiterOf(sample)
	}
	return readFields(ctx, r, in, c, s)
}

func readTSV(ctx context.Context, r *reading, c content, s shape) error {
	if s.delimiter == 0 {
		s.delimiter = '\t'
	}
	return readCSV(ctx, r, c, s)
}

// decoded gives the content as UTF-8. Bytes that the encoding does not have become U+FFFD, which is looked for where
// row and column are known.
func decoded(c content, said string) (io.Reader, error) {
	name := said
	if name == "" {
		var err error
		if name, err = encodingOf(c); err != nil {
			return nil, err
		}
	}
	var e encoding.Encoding
	switch name {
	case "shift_jis":
		e = japanese.ShiftJIS
	case "utf-16", "utf-16le":
		e = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case "utf-16be":
		e = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	default:
		e = unicode.UTF8BOM
	}
	return e.NewDecoder().Reader(c.reader()), nil
}

// encodingOf finds out an encoding: a byte order mark says it; else zeros in every second byte of the beginning are
// UTF-16; else what is UTF-8 to its end is that. What is UTF-8 but for a few bytes among many that are right is a damaged
// UTF-8, and not Shift_JIS: a Japanese text in the wrong one of the two is wrong in nearly every character.
func encodingOf(c content) (string, error) {
	head := make([]byte, 512)
	n, err := c.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return "", err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		return "utf-8", nil
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return "utf-16le", nil
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return "utf-16be", nil
	}
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i%2]++
		}
	}
	switch {
	case zeros[1] > len(head)/8 && zeros[0] == 0:
		return "utf-16le", nil
	case zeros[0] > len(head)/8 && zeros[1] == 0:
		return "utf-16be", nil
	}
	right, wrong, err := utf8Runes(c.reader())
	if err != nil {
		return "", err
	}
	if wrong == 0 || right > 10*wrong {
		return "utf-8", nil
	}
	return "shift_jis", nil
}

// utf8Runes counts the characters of more than one byte, and the bytes that are none.
func utf8Runes(in io.Reader) (right, wrong int, err error) {
	buf := make([]byte, 64<<10)
	kept := 0
	for {
		n, err := in.Read(buf[kept:])
		b := buf[:kept+n]
		end := err != nil
		if err != nil && err != io.EOF {
			return 0, 0, err
		}
		i := 0
		for i < len(b) {
			if b[i] < utf8.RuneSelf {
				i++
				continue
			}
			if !end && !utf8.FullRune(b[i:]) {
				break
			}
			c, size := utf8.DecodeRune(b[i:])
			if c == utf8.RuneError && size == 1 {
				wrong++
			} else {
				right++
			}
			i += size
		}
		if end {
			return right, wrong, nil
		}
		kept = copy(buf, b[i:])
	}
}

// delimiterOf finds out what divides the fields: what gives the same number of them, more than one, in the most lines.
func delimiterOf(sample []byte) rune {
	best, lines := ',', 0
	for _, d := range [...]rune{',', '\t', ';', '|'} {
		in := csv.NewReader(bytes.NewReader(sample))
		in.Comma, in.FieldsPerRecord, in.LazyQuotes, in.ReuseRecord = d, -1, true, true
		counts := make(map[int]int)
		for range 100 {
			rec, err := in.Read()
			if err != nil {
				break
			}
			counts[len(rec)]++
		}
		for fields, n := range counts {
			if fields > 1 && n > lines {
				best, lines = d, n
			}
		}
	}
	return best
}

// readFields reads headings and rows.
func readFields(ctx context.Context, r *reading, text io.Reader, c content, s shape) error {
	in := csv.NewReader(text)
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = s.delimiter, -1, true
	h := &heads{reading: r, shape: s}
	var cells []cell
	for {
		fields, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return csvProblem(r, in, err)
		}
		line, _ := in.FieldPos(0)
		if h.at(line, len(fields), func(i int) string { return fields[i] }, letters) {
			if err := h.err(); err != nil {
				return err
			}
			continue
		}
		cells = cells[:0]
		filled := false
		for i, f := range fields {
			v := r.text(f)
			filled = filled || v.typ != Empty
			if strings.ContainsRune(f, utf8.RuneError) || strings.IndexByte(f, 0) >= 0 {
				r.badBytes(line, i, f)
			}
			cells = append(cells, v)
		}
		if !filled {
			continue
		}
		h.width(line, cells, len(fields))
		if err := r.add(ctx, line, cells); err != nil {
			return err
		}
	}
	if err := h.done(r.source.Origin()); err != nil {
		return err
	}
	return r.cutShort(c, h)
}

// cutShort tells of a file whose last line has no end and fewer fields than its headings: half of it is missing.
func (r *reading) cutShort(c content, h *heads) error {
	if h.short == 0 || h.short != h.last {
		return nil
	}
	tail := make([]byte, 2)
	n, err := c.ReadAt(tail, max(0, c.size-2))
	if err != nil && err != io.EOF {
		return err
	}
	// A line end is the last byte, or the last but one before the zero of UTF-16.
	if tail = bytes.TrimSuffix(tail[:n], []byte{0}); bytes.HasSuffix(tail, []byte("\n")) || bytes.HasSuffix(tail, []byte("\r")) {
		return nil
	}
	return &Problem{Code: CodeUnfinished, Row: 0,
		What: calendar.Text{JA: fmt.Sprintf("%s が%d行目の途中で終わっています", r.source.Origin(), h.last), EN: fmt.Sprintf("%s ends in the middle of row %d", r.source.Origin(), h.last)},
		Next: calendar.Text{JA: "書き出しが途中で終わっていないかを確かめてください", EN: "see whether the export was cut short"}}
}

func csvProblem(r *reading, in *csv.Reader, err error) error {
	pe, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return err
	}
	next := calendar.Text{JA: "その行の \" を確かめてください。値の中の \" は \"\" と書きます", EN: "look at the quotes of that row; one inside a value is written twice"}
	if _, after := in.Read(); errors.Is(err, csv.ErrQuote) && after == io.EOF {
		return &Problem{Code: CodeUnfinished, Err: err,
			What: calendar.Text{JA: fmt.Sprintf("%s の%d行目で始まる \" が閉じられないまま終わっています", r.source.Origin(), pe.StartLine), EN: fmt.Sprintf("%s: the quote that opens in row %d is never closed", r.source.Origin(), pe.StartLine)},
			Next: calendar.Text{JA: "書き出しが途中で終わっていないか、その行の \" を確かめてください", EN: "see whether the export was cut short, and look at the quotes of that row"}}
	}
	return &Problem{Code: CodeUnreadable, Err: err,
		What: calendar.Text{JA: fmt.Sprintf("%s の%d行目の %d 文字目で、\" の使い方が正しくありません", r.source.Origin(), pe.Line, pe.Column), EN: fmt.Sprintf("%s: a quote is out of place in row %d at %d", r.source.Origin(), pe.Line, pe.Column)},
		Next: next}
}

// badBytes tells of characters that the encoding does not have.
func (r *reading) badBytes(line, i int, f string) {
	name := letters(i)
	if i < len(r.columns) && r.columns[i].Name != "" {
		name = r.columns[i].Name
	}
	r.wrongRow(Problem{Code: CodeUnreadable, Row: line, Column: name,
		What: calendar.Text{JA: fmt.Sprintf("%d行目の「%s」に読めない文字があります（%s）", line, name, clip(f)), EN: fmt.Sprintf("row %d, %s has bytes that are no characters (%s)", line, name, clip(f))},
		Next: calendar.Text{JA: "文字コードが合っているかを確かめてください（encoding に書けます）。元の値が壊れていれば直してください", EN: "see whether the encoding is right (encoding says it), and mend the value where it is damaged"}})
}

// letters are what a workbook calls its columns: A, B, … Z, AA.
func letters(i int) string {
	var b []byte
	for i++; i > 0; i = (i - 1) / 26 {
		b = append([]byte{byte('A' + (i-1)%26)}, b...)
	}
	return string(b)
}

// maxColumns of a table are read. A workbook with more has a stray cell at its far end.
const maxColumns = 1000

// heads finds the headings among the first rows.
type heads struct {
	reading *reading
	shape   shape
	names   []string
	rows    int // of headings, as far as they were met
	wide    int // the widest row of the first few, and where it is
	wideAt  int
	seen    int
	short   int // the last row with too few fields
	last    int
	problem error
	upper   func(row, column int) (string, bool) // of a merged heading
}

// at takes a row for a heading when it is one.
func (h *heads) at(number, n int, field func(int) string, place func(int) string) bool {
	first := h.shape.header - h.shape.headings + 1
	switch {
	case h.rows == h.shape.headings || h.shape.header < 0:
		if h.shape.header < 0 && h.rows == 0 {
			h.rows = h.shape.headings
			for i := range min(n, maxColumns) {
				h.reading.addColumn(letters(i), letters(i), Empty)
			}
		}
		return false
	case h.shape.header > 0 && number < first:
		return true
	}
	blank := true
	for i := range n {
		if tidy(field(i)) != "" {
			blank = false
		}
	}
	if blank && h.shape.header == 0 {
		return true
	}
	if n > maxColumns {
		for n > maxColumns && tidy(field(n-1)) == "" {
			n--
		}
		if n > maxColumns {
			h.problem = &Problem{Code: CodeTooBig,
				What: calendar.Text{JA: fmt.Sprintf("%s の列が%d列を超えています", h.reading.source.Origin(), maxColumns), EN: fmt.Sprintf("%s has more than %d columns", h.reading.source.Origin(), maxColumns)},
				Next: calendar.Text{JA: "見出しの行が合っているかを確かめてください", EN: "see whether the row of the headings is right"}}
			return true
		}
	}
	for len(h.names) < n {
		h.names = append(h.names, "")
	}
	for i := range n {
		name := heading(field(i))
		if name == "" && h.upper != nil {
			name, _ = h.upper(number, i)
		}
		if name != "" && h.names[i] != name {
			h.names[i] = strings.TrimSpace(h.names[i] + " " + name)
		}
	}
	h.rows++
	if h.rows == h.shape.headings {
		for len(h.names) > 0 && h.names[len(h.names)-1] == "" {
			h.names = h.names[:len(h.names)-1]
		}
		for i, name := range h.names {
			h.reading.addColumn(name, place(i), Empty)
		}
	}
	return true
}

func (h *heads) err() error { return h.problem }

// width holds a row against the headings.
func (h *heads) width(line int, cells []cell, n int) {
	r := h.reading
	h.last = line
	filled := len(cells)
	for filled > 0 && cells[filled-1].typ == Empty {
		filled--
	}
	if h.seen++; h.seen <= 20 && filled > h.wide {
		h.wide, h.wideAt = filled, line
	}
	switch {
	case filled > len(r.columns):
		r.wrongRow(Problem{Code: CodeUnreadable, Row: line,
			What: calendar.Text{JA: fmt.Sprintf("%d行目に、見出しより多い%d個の値があります（見出しは%d個）", line, filled, len(r.columns)), EN: fmt.Sprintf("row %d has %d values for %d headings", line, filled, len(r.columns))},
			Next: calendar.Text{JA: "その行の区切りや \" を確かめてください", EN: "look at the delimiters and quotes of that row"}})
	case n < len(r.columns) && n >= 0:
		h.short = line
		r.wrongRow(Problem{Code: CodeUnreadable, Row: line,
			What: calendar.Text{JA: fmt.Sprintf("%d行目の値が%d個しかありません（見出しは%d個）", line, n, len(r.columns)), EN: fmt.Sprintf("row %d has only %d values for %d headings", line, n, len(r.columns))},
			Next: calendar.Text{JA: "その行の区切りや \" を確かめてください", EN: "look at the delimiters and quotes of that row"}})
	}
}

// done tells when there are no headings, or when a title was taken for them.
func (h *heads) done(origin string) error {
	if h.rows < h.shape.headings {
		return &Problem{Code: CodeUnfinished,
			What: calendar.Text{JA: fmt.Sprintf("%s に見出しの行がありません", origin), EN: fmt.Sprintf("%s has no row of headings", origin)},
			Next: calendar.Text{JA: "中身があるかどうかと、header の行を確かめてください", EN: "see whether there is something in it, and whether header names the right row"}}
	}
	if named := len(h.names); h.shape.header == 0 && named <= 2 && h.wide > named+1 {
		return &Problem{Code: CodeColumns,
			What: calendar.Text{JA: fmt.Sprintf("%s の最初の行は表の題で、見出しは%d行目のようです", origin, h.wideAt), EN: fmt.Sprintf("the first row of %s looks like a title; the headings seem to be in row %d", origin, h.wideAt)},
			Next: calendar.Text{JA: fmt.Sprintf("header = %d と書いてください", h.wideAt), EN: fmt.Sprintf("write header = %d", h.wideAt)}}
	}
	return nil
}

// wrongRow tells of something wrong with one row.
func (r *reading) wrongRow(p Problem) {
	r.problems.add(p)
	if len(r.bad) < maxBad {
		r.bad[p.Row] = append(r.bad[p.Row], p)
	}
}
