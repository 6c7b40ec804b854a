package table

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"bod/internal/calendar"
)

// maxLineJSON is the longest line of a JSON Lines file, and the largest row of a JSON file.
const maxLineJSON = 4 << 20

// readJSON reads the objects of an array, one after another, without holding the file in memory.
func readJSON(ctx context.Context, r *reading, c content, s shape) error {
	text, err := decoded(c, s.encoding)
	if err != nil {
		return err
	}
	d := json.NewDecoder(text)
	d.UseNumber()
	if s.array != "" {
		for part := range strings.SplitSeq(s.array, ".") {
			if err := enter(d, part); err != nil {
				return jsonProblem(r, s, err)
			}
		}
	}
	t, err := d.Token()
	if err != nil {
		return jsonProblem(r, s, err)
	}
	if t != json.Delim('[') {
		return jsonProblem(r, s, errNoArray)
	}
	o := &objects{r: r, at: make(map[string]int)}
	for n := 1; d.More(); n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return jsonProblem(r, s, err)
		}
		if err := o.row(ctx, n, raw); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return jsonProblem(r, s, err)
	}
	// What follows is looked at as well: a file that was cut short ends here.
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			return jsonProblem(r, s, err)
		}
	}
	return nil
}

var errNoArray = errors.New("no array")

// enter goes into the value of a key.
func enter(d *json.Decoder, key string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return errNoArray
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if name == key {
			return nil
		}
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return err
		}
	}
	return errNoArray
}

func jsonProblem(r *reading, s shape, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	switch {
	case errors.Is(err, errNoArray):
		where, whereEN := "いちばん外側", "at its top"
		if s.array != "" {
			where, whereEN = "「"+s.array+"」", "at "+s.array
		}
		return &Problem{Code: CodeColumns,
			What: calendar.Text{JA: fmt.Sprintf("%s の%sに行の並び [ ] がありません", r.source.Origin(), where), EN: fmt.Sprintf("%s has no list of rows %s", r.source.Origin(), whereEN)},
			Next: calendar.Text{JA: "array に、行が並んでいる場所を書いてください", EN: "say in array where the rows stand"}}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Problem{Code: CodeUnfinished, Err: err,
			What: calendar.Text{JA: fmt.Sprintf("%s が途中で終わっています", r.source.Origin()), EN: fmt.Sprintf("%s was cut short", r.source.Origin())},
			Next: calendar.Text{JA: "書き出しが途中で終わっていないかを確かめてください", EN: "see whether the export was cut short"}}
	}
	at := ""
	if se, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = fmt.Sprintf(" (%d)", se.Offset)
	}
	return &Problem{Code: CodeUnreadable, Err: err,
		What: calendar.Text{JA: fmt.Sprintf("%s を JSON として読めません%s", r.source.Origin(), at), EN: fmt.Sprintf("%s is no JSON%s", r.source.Origin(), at)},
		Next: calendar.Text{JA: "書き出した側を確かめてください", EN: "look at what wrote it"}}
}

// readJSONLines reads one object a line.
func readJSONLines(ctx context.Context, r *reading, c content, s shape) error {
	text, err := decoded(c, s.encoding)
	if err != nil {
		return err
	}
	in := bufio.NewScanner(text)
	in.Buffer(make([]byte, 64<<10), maxLineJSON)
	o := &objects{r: r, at: make(map[string]int)}
	for n := 1; in.Scan(); n++ {
		line := bytes.TrimSpace(in.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := o.row(ctx, n, line); err != nil {
			return err
		}
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return r.sized(r.source.Origin(), r.maxSize()+1)
	} else if err != nil {
		return err
	}
	return nil
}

// objects are rows whose columns are known only when they come.
type objects struct {
	r  *reading
	at map[string]int
}

// row reads one object. An object in an object becomes columns with a dot between (顧客.名前), a list its JSON as text.
func (o *objects) row(ctx context.Context, n int, raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return o.notRow(n, err)
	}
	cells := make([]cell, len(o.r.columns))
	if err := o.object(d, "", 0, &cells); err != nil {
		return o.notRow(n, err)
	}
	if d.More() {
		return o.notRow(n, nil)
	}
	return o.r.add(ctx, n, cells)
}

func (o *objects) notRow(n int, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return jsonProblem(o.r, shape{}, io.ErrUnexpectedEOF)
	}
	return &Problem{Code: CodeUnreadable, Err: err,
		What: calendar.Text{JA: fmt.Sprintf("%s の%d番目の行が { } ではありません", o.r.source.Origin(), n), EN: fmt.Sprintf("%s: row %d is no object { }", o.r.source.Origin(), n)},
		Next: calendar.Text{JA: "書き出した側を確かめてください", EN: "look at what wrote it"}}
}

func (o *objects) object(d *json.Decoder, prefix string, depth int, cells *[]cell) error {
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name := prefix + t.(string) // a JSON decoder gives a text where a key stands
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		if raw[0] == '{' && depth < 3 {
			in := json.NewDecoder(bytes.NewReader(raw))
			in.UseNumber()
			if _, err := in.Token(); err != nil {
				return err
			}
			if err := o.object(in, name+".", depth+1, cells); err != nil {
				return err
			}
			continue
		}
		i, ok := o.at[name]
		if !ok {
			if len(o.r.columns) == maxColumns {
				return &Problem{Code: CodeTooBig,
					What: calendar.Text{JA: fmt.Sprintf("%s の欄が%d個を超えています", o.r.source.Origin(), maxColumns), EN: fmt.Sprintf("%s has more than %d columns", o.r.source.Origin(), maxColumns)},
					Next: calendar.Text{JA: "array が行の並びを指しているかを確かめてください", EN: "see whether array names the list of rows"}}
			}
			i = o.r.addColumn(name, "", Empty)
			o.at[name] = i
		}
		for len(*cells) <= i {
			*cells = append(*cells, cell{})
		}
		v, err := o.value(raw)
		if err != nil {
			return err
		}
		(*cells)[i] = v
	}
	_, err := d.Token()
	return err
}

func (o *objects) value(raw json.RawMessage) (cell, error) {
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return cell{}, err
		}
		return o.r.text(s), nil
	case 't', 'f':
		return cell{Value: YesNoOf(raw[0] == 't')}, nil
	case 'n':
		return cell{}, nil
	case '[', '{':
		var b bytes.Buffer
		if err := json.Compact(&b, raw); err != nil {
			return cell{}, err
		}
		return cell{Value: TextOf(b.String())}, nil
	}
	d, ok := jsonNumber(string(raw))
	if !ok {
		return cell{Value: TextOf(string(raw)), fault: true}, nil
	}
	return cell{Value: NumberOf(d)}, nil
}
