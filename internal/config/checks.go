package config

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"bod/internal/calendar"
)

// checkName is the reserved kind whose tables are [[job.NAME.check]]. Like a source's its keys come with the kinds, so
// that config does not know what is held against what.
const checkName = "check"

// Checks are the [[job.NAME.check]] of a job, in the file's order, each with its own keys. [job.NAME.check] in single
// brackets is a first and only one, and so is check = { … }. A kind that has not asked for them can't have any.
func (d *Decoder) Checks() []*Decoder {
	d.checked = true
	e := d.s.get(checkName)
	if e == nil {
		return nil
	}
	var tables []*table
	switch v := e.value.(type) {
	case *table:
		tables = []*table{v}
	case []*table:
		tables = v
	case []any:
		for i, x := range v {
			off := e.val
			if i < len(e.elems) {
				off = e.elems[i]
			}
			m, ok := x.(map[string]any)
			if !ok {
				d.s.wrongType(checkName, off, x, aTable)
				return nil
			}
			tables = append(tables, inlineTable(m, off))
		}
	default:
		d.s.wrongType(checkName, e.val, e.value, aTable)
		return nil
	}
	var out []*Decoder
	var rule []any
	for _, t := range tables {
		in := d.s.l.section(t, "job.NAME.check", "[[job."+shownKey(d.s.job)+".check]]", d.s.job)
		if in.keys == nil {
			d.problem(t.off, say("check はこの版ではまだ使えません", "check: not in this version"), say("その表を消すか、行の頭に # を付けてください", "delete that table or put # at the beginning of its lines"))
			return nil
		}
		for i := range t.entries {
			x := &t.entries[i]
			// A key of the job that slipped below was told already, with the place where it belongs.
			if !x.double && !x.broken && !in.keys.has(x.key) && !d.s.keys.has(x.key) {
				in.unknownKey(x, nil)
			}
		}
		out = append(out, &Decoder{Config: d.Config, Job: d.Job, s: in, spec: make(map[string]any), told: make(map[string]bool), against: d.against})
		rule = append(rule, plain(t))
	}
	d.spec[checkName] = rule
	return out
}

// inlineTable is a { } inside a list: the places of its keys are not known, so they are the table's.
func inlineTable(m map[string]any, off int) *table {
	t := &table{off: off, defined: true, inline: true}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v := m[k]
		if sub, ok := v.(map[string]any); ok {
			v = inlineTable(sub, off)
		}
		t.add(entry{key: nfc(k), off: off, val: off, value: v})
	}
	return t
}

// Keys are the keys that are written, in the file's order.
func (d *Decoder) Keys() []string {
	var out []string
	for i := range d.s.t.entries {
		if e := &d.s.t.entries[i]; !e.double && d.s.keys.has(e.key) {
			out = append(out, e.key)
		}
	}
	return out
}

// Line is where the table begins.
func (d *Decoder) Line() int { return d.s.l.at.line(d.s.t.off) }

// Trouble reports a problem with the table as a whole.
func (d *Decoder) Trouble(what, next calendar.Text) { d.problem(d.s.t.off, what, next) }

// ProblemInside is Problem about a place in a text of one line: a rule's column, counted from 1 in characters.
func (d *Decoder) ProblemInside(key string, column int, what, next calendar.Text) {
	if d.silent(key) {
		return
	}
	e := d.s.t.find(key)
	off := d.s.off(key)
	if e != nil && column > 0 {
		if v, ok := e.value.(string); ok {
			off = d.s.l.inside(off, v, column)
		}
	}
	d.problem(off, what, next)
}

// ProblemInsideAt is ProblemInside about the i-th text of a list.
func (d *Decoder) ProblemInsideAt(key string, i, column int, what, next calendar.Text) {
	if d.silent(key) {
		return
	}
	off := d.elem(key, i)
	if e := d.s.t.find(key); e != nil && column > 0 {
		v, _ := e.value.(string)
		if list, ok := e.value.([]any); ok && i >= 0 && i < len(list) {
			v, _ = list[i].(string)
		}
		off = d.s.l.inside(off, v, column)
	}
	d.problem(off, what, next)
}

// inside is the place of a character in a text that is written without escapes; else the text's own place.
func (l *loader) inside(off int, text string, column int) int {
	rest := l.at.text[min(off, len(l.at.text)):]
	for _, quote := range []string{`'''`, `"""`, `'`, `"`} {
		if strings.HasPrefix(rest, quote+text) {
			for range column - 1 {
				_, n := utf8.DecodeRuneInString(text)
				off, text = off+n, text[n:]
			}
			return off + len(quote)
		}
	}
	return off
}
