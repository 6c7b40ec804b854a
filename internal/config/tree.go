package config

import (
	"errors"
	"strings"

	"github.com/BurntSushi/toml"

	"bod/internal/calendar"
)

// table is one table of the file, with the place of everything in it.
type table struct {
	off     int
	entries []entry
	index   map[string]int // only for big tables
	defined bool           // by a header of its own, by dotted keys or as an inline table
	dotted  bool           // by dotted keys: those may add to it
	inline  bool           // { }: nothing may be added below
	lost    bool           // a line in it could not be read: what seems to be missing may stand there
}

// entry is one key of a table.
type entry struct {
	key    string
	off    int
	val    int
	value  any   // as the parser gives it, or *table, or []*table
	elems  []int // where the elements of a list begin
	broken bool  // what is wrong with it has been told
	double bool  // a second one of that name; told, and looked through all the same
}

const indexFrom = 12

func (t *table) find(key string) *entry {
	if t == nil {
		return nil
	}
	if t.index != nil {
		if i, ok := t.index[key]; ok {
			return &t.entries[i]
		}
		return nil
	}
	for i := range t.entries {
		if t.entries[i].key == key && !t.entries[i].double {
			return &t.entries[i]
		}
	}
	return nil
}

func (t *table) add(e entry) {
	t.entries = append(t.entries, e)
	if t.index == nil && len(t.entries) > indexFrom {
		t.index = make(map[string]int, 2*len(t.entries))
		for i, e := range t.entries {
			if !e.double {
				t.index[e.key] = i
			}
		}
	} else if t.index != nil && !e.double {
		t.index[e.key] = len(t.entries) - 1
	}
}

// sub returns the table of that name, nil when there is none.
func (t *table) sub(key string) *table {
	if e := t.find(key); e != nil {
		s, _ := e.value.(*table)
		return s
	}
	return nil
}

// tree joins the scanned tables, with their values from the TOML parser.
type tree struct {
	f    *findings
	at   *lines
	root *table
	told int  // findings of the tables so far
	lost bool // a header could not be read: a whole table may be missing
}

// plant scans the text and joins what it finds.
func plant(src string, f *findings, at *lines) *tree {
	t := &tree{f: f, at: at, root: &table{defined: true}}
	scan(src, f, func(h *header) {
		// Slips are told before the table is known that they are in.
		for i := t.told; i < len(f.list); i++ {
			if x := &f.list[i]; x.off >= h.off && x.job == "" {
				x.job = jobOf(h.key)
			}
		}
		switch {
		case h.top:
			t.fill(src, t.root, h)
		case h.lost:
			// Its statements were scanned for slips; nobody knows what they mean.
			t.lost = true
		default:
			t.fill(src, t.open(h), h)
		}
		t.told = len(f.list)
	})
	return t
}

// open finds or makes the table that a header names.
func (t *tree) open(h *header) *table {
	at := t.root
	for i, k := range h.key {
		last := i == len(h.key)-1
		e := at.find(k)
		if e == nil {
			n := &table{off: h.off, defined: last}
			v := any(n)
			if last && h.list {
				v = []*table{n}
			}
			at.add(entry{key: k, off: h.off, val: h.off, value: v})
			at = n
			continue
		}
		switch v := e.value.(type) {
		case *table:
			if v.inline {
				return t.twice(at, h, k, e)
			}
			if !last {
				at = v
				continue
			}
			if !h.list && !v.defined {
				v.defined, v.off, e.off = true, h.off, h.off
				return v
			}
			return t.twice(at, h, k, e)
		case []*table:
			if !last {
				at = v[len(v)-1]
				continue
			}
			if h.list {
				n := &table{off: h.off, defined: true}
				e.value = append(v, n)
				return n
			}
			return t.twice(at, h, k, e)
		default:
			return t.twice(at, h, k, e)
		}
	}
	return at
}

// twice tells of a table that is there already. Its copy is looked through as
// well: somebody who copied a job and forgot the new name wants to hear of the rest.
func (t *tree) twice(at *table, h *header, k string, e *entry) *table {
	name := headerName(h)
	next := say("写したほうの名前を変えてください", "give the copy another name")
	if len(h.key) == 3 && jobOf(h.key) != "" && k == checkName {
		double := name
		if !h.list {
			double = "[" + name + "]"
		}
		next = say("どちらも %s と、[ ] を二重にしてください", "write both as %s, with two brackets", double)
	}
	t.f.add(finding{off: h.off, job: jobOf(h.key),
		what: say("%d行目にも %s があります", "%[2]s is in line %[1]d already", t.at.line(e.off), name), next: next})
	n := &table{off: h.off, defined: true}
	if v, single := e.value.(*table); single && k == checkName && len(h.key) == 3 && jobOf(h.key) != "" {
		// Each is looked through all the same.
		e.value = []*table{v, n}
		return n
	}
	if k == h.key[len(h.key)-1] {
		at.add(entry{key: k, off: h.off, val: h.off, value: n, double: true})
	}
	return n
}

func jobOf(key []string) string {
	if len(key) > 1 && key[0] == "job" {
		return key[1]
	}
	return ""
}

func headerName(h *header) string {
	parts := make([]string, len(h.key))
	for i, k := range h.key {
		parts[i] = shownKey(k)
	}
	if h.list {
		return "[[" + strings.Join(parts, ".") + "]]"
	}
	return "[" + strings.Join(parts, ".") + "]"
}

// shownKey writes a key as it has to stand in the file.
func shownKey(k string) string {
	for i := range len(k) {
		if !isBare(k[i]) {
			return quote(k)
		}
	}
	if k == "" {
		return `""`
	}
	return k
}

// fill decodes the statements of one header into its table: all at once, and
// one by one when the parser finds something that the scanner did not.
func (t *tree) fill(src string, to *table, h *header) {
	if len(h.body) == 0 {
		return
	}
	whole := !h.mended
	for i := range h.body {
		st := &h.body[i]
		whole = whole && !st.broken && !st.mended
		to.lost = to.lost || st.broken && len(st.key) == 0
	}
	if whole {
		m, err := decode(src[h.lo:h.hi])
		if err == nil {
			for i := range h.body {
				t.put(to, h, &h.body[i], m)
			}
			return
		}
		before := t.f.errors
		t.oneByOne(to, h)
		if t.f.errors == before {
			// The statements are right each by itself, but not together.
			t.unread(h.lo, err, src[h.lo:h.hi], jobOf(h.key))
		}
		return
	}
	t.oneByOne(to, h)
}

func (t *tree) oneByOne(to *table, h *header) {
	for i := range h.body {
		st := &h.body[i]
		var m map[string]any
		if !st.broken {
			var err error
			if m, err = decode(st.text); err != nil {
				t.unread(st.val, err, "", jobOf(h.key))
				st.broken = true
			}
		}
		t.put(to, h, st, m)
	}
}

// decode lets the parser read some statements. Into an any it hands over its own
// map; into a map it would copy each value by reflection.
func decode(text string) (map[string]any, error) {
	var v any
	if _, err := toml.Decode(text, &v); err != nil {
		return nil, err
	}
	m, _ := v.(map[string]any)
	return m, nil
}

// unread passes on what the parser says where we have no better words.
func (t *tree) unread(off int, err error, text, job string) {
	words := err.Error()
	if pe, ok := errors.AsType[toml.ParseError](err); ok {
		words = pe.Message
		if text != "" && pe.Position.Start <= len(text) {
			off += pe.Position.Start
		}
	}
	t.f.add(finding{off: off, job: job,
		what: say("この値は読めません（%s）", "this cannot be read (%s)", clip(words)),
		next: say(`文字は " で囲み、数字は半角で 25 のように、日付は "2026-11-25"、時刻は "9:30" のように書いてください`,
			`quote texts with ", write numbers like 25, dates like "2026-11-25" and times like "9:30"`)})
}

// put enters one statement into its table; m holds its value at its key.
func (t *tree) put(to *table, h *header, st *statement, m map[string]any) {
	if len(st.key) == 0 {
		return
	}
	var v any = m
	for i, k := range st.key {
		mm, _ := v.(map[string]any)
		v = mm[k]
		if v == nil && mm != nil {
			v = lookupNFC(mm, k)
		}
		if i == len(st.key)-1 {
			break
		}
		e := to.find(k)
		if e == nil {
			n := &table{off: st.off, defined: true, dotted: true}
			to.add(entry{key: k, off: st.off, val: st.off, value: n})
			to = n
			continue
		}
		sub, ok := e.value.(*table)
		if !ok || sub.inline || sub.defined && !sub.dotted {
			t.again(h, st, k, e)
			return
		}
		to = sub
	}
	k := st.key[len(st.key)-1]
	if e := to.find(k); e != nil {
		t.again(h, st, k, e)
		return
	}
	e := entry{key: k, off: st.off, val: st.val, elems: st.elems, value: v, broken: st.broken}
	if mm, ok := v.(map[string]any); ok {
		n := &table{off: st.val, defined: true, inline: true}
		for i := range st.inner {
			t.put(n, h, &st.inner[i], mm)
		}
		e.value = n
	}
	to.add(e)
}

// lookupNFC finds a key that macOS typed with its accents apart.
func lookupNFC(m map[string]any, k string) any {
	for have, v := range m {
		if nfc(have) == k {
			return v
		}
	}
	return nil
}

func (t *tree) again(h *header, st *statement, k string, e *entry) {
	t.f.add(finding{off: st.off, job: jobOf(h.key),
		what: say("%d行目にも %s があります", "%[2]s is in line %[1]d already", t.at.line(e.off), shownKey(k)),
		next: say("どちらか一方を消してください", "delete one of the two")})
}

// typeOf says in words what somebody wrote.
func typeOf(v any) calendar.Text {
	switch v.(type) {
	case string:
		return say("文字", "a text")
	case int64, float64:
		return say("数字", "a number")
	case bool:
		return say("true か false ", "true or false")
	case []any:
		return say("[ ] の並び", "a list in [ ]")
	case *table, []*table, []map[string]any, map[string]any:
		return say("項目の集まり { } ", "a table")
	}
	return say("日付か時刻", "a date or time")
}
