package config

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

// Decoder hands a kind its own keys, checked, and collects problems with their lines.
type Decoder struct {
	Config *Config
	Job    *Job   // everything common to all kinds is filled in; nil for a source
	Source string // the source's name, "" for a job

	s    *section
	spec map[string]any  // what was read, for the rule
	told map[string]bool // keys of which the reader already told what is wrong

	checked bool // Checks was asked for
	against bool // see AgainstTable
}

// read runs one reader and remembers whether it complained.
func (d *Decoder) read(key string, f func() any) {
	before := d.s.l.f.errors
	v := f()
	if d.s.l.f.errors > before {
		d.told[key] = true
		return
	}
	if d.s.get(key) != nil {
		d.spec[key] = v
	}
}

// Has reports whether the key is written.
func (d *Decoder) Has(key string) bool { return d.s.has(key) }

// String reads a text; "" when it is not there.
func (d *Decoder) String(key string) (v string) {
	d.read(key, func() any { v = d.s.str(key); return v })
	return v
}

// Strings reads a list of texts; one text without brackets is a list of one.
func (d *Decoder) Strings(key string) (out []string) {
	d.read(key, func() any {
		for _, it := range d.s.items(key) {
			out = append(out, it.text)
		}
		return out
	})
	return out
}

// Bool reads true or false.
func (d *Decoder) Bool(key string, otherwise bool) (v bool) {
	d.read(key, func() any { v = d.s.truth(key, otherwise); return v })
	return v
}

// Table reads a table of texts (fields = { 経費締切 = "…" }), numbers become their text.
func (d *Decoder) Table(key string) (out map[string]string) {
	d.read(key, func() any {
		e := d.s.get(key)
		if e == nil {
			return nil
		}
		t, ok := e.value.(*table)
		if !ok {
			d.s.wrongType(key, e.val, e.value, aTable)
			return nil
		}
		out = make(map[string]string, len(t.entries))
		for i := range t.entries {
			x := &t.entries[i]
			if x.broken || x.double {
				continue
			}
			switch v := x.value.(type) {
			case string:
				out[d.s.l.keep(x.key)] = d.clean(key, x, v)
			default:
				text, ok := numberText(v)
				if !ok {
					d.s.wrongType(x.key, x.val, x.value, aText)
				}
				out[d.s.l.keep(x.key)] = text
			}
		}
		return out
	})
	return out
}

// clean allows line ends in a text for a letter, and no other control characters.
func (d *Decoder) clean(key string, e *entry, v string) string {
	for _, r := range v {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			d.s.problem(e.val,
				say("%s に制御文字（U+%04X）があります", "%s has a control character (U+%04X)", e.key, r),
				say("その文字を消してください", "delete it"))
			return ""
		}
	}
	return d.s.l.keep(v)
}

// Addressees reads names of [people] and [partner], or plain addresses; "people" and "all partners" are no names.
func (d *Decoder) Addressees(key string) (out []Addressee) {
	d.read(key, func() any {
		var rule []RuleMail
		for _, it := range d.s.items(key) {
			a, ok := d.s.addressee(it)
			if !ok {
				continue
			}
			if twice := sameAddress(out, a); twice != "" {
				d.s.twiceAddress(key, it.off, twice)
				continue
			}
			out = append(out, a)
			rule = append(rule, ruleAddressee(a))
		}
		return rule
	})
	return out
}

// sameAddress finds an address that an earlier addressee has: the same mail would arrive there twice.
func sameAddress(have []Addressee, a Addressee) string {
	for _, h := range have {
		if h == a {
			return a.ID()
		}
		for _, x := range h.Mails() {
			for _, y := range a.Mails() {
				if strings.EqualFold(x.Mail, y.Mail) {
					return x.Mail
				}
			}
		}
	}
	return ""
}

func (s *section) addressee(it item) (Addressee, bool) {
	l := s.l
	name := nfc(it.text)
	if a, ok := l.addressees[name]; ok {
		return a, true
	}
	var a Addressee
	if p, ok := l.c.People[name]; ok {
		a.Person = p
	} else if p, ok := l.c.Partners[name]; ok {
		a.Partner = p
	} else if strings.ContainsAny(name, "@＠") {
		m, ok := s.parseAddress(it.text, it.off)
		if !ok {
			return a, false
		}
		a.Plain = &mailer.Address{Name: m.Name, Mail: m.Mail}
	} else {
		if !l.peopleLost {
			s.unknownName(it, name)
		}
		return a, false
	}
	l.addressees[l.keep(name)] = a
	return a, true
}

func (s *section) unknownName(it item, name string) {
	if allNames[name] {
		s.problem(it.off,
			say("%s は名前としては使えません", "%s is not a name", name),
			say(`["sato", "tanaka"] のように、宛先を1つずつ書いてください`, `write each addressee, like ["sato", "tanaka"]`))
		return
	}
	next := s.l.called(name, true)
	switch {
	case next.JA != "":
	case strings.ContainsAny(name, ",、，;；"):
		next = say(`["acme", "minato"] のように、1つずつ " で囲み、半角の , で区切ってください`, `quote each by itself and put a comma between them, like ["acme", "minato"]`)
	default:
		next = s.l.did(name, append(s.l.peopleNames[:len(s.l.peopleNames):len(s.l.peopleNames)], s.l.partnerNames...),
			say("[partner.%s] を書き足すか、メールアドレスを書いてください", "add [partner.%s] or write a mail address", shownKey(name)))
	}
	s.problem(it.off,
		say("%s という宛先は [people] にも [partner] にもありません", "%s is neither in [people] nor in [partner]", clip(name)), next)
}

// allNames are words that somebody may take for "everybody".
var allNames = map[string]bool{"people": true, "partners": true, "all": true, "all partners": true, "全員": true, "各位": true}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}}

var sizeText = regexp.MustCompile(`^([0-9]{1,9})(?:\.([0-9]{1,3}))? ?(?:([KMG])I?B?|B)$`)

// Size reads "20 MB".
func (d *Decoder) Size(key string, otherwise int64) (n int64) {
	n = otherwise
	d.read(key, func() any {
		e := d.s.get(key)
		if e == nil {
			return n
		}
		v, ok := e.value.(string)
		if !ok {
			d.s.wrongType(key, e.val, e.value, say(` "20 MB" のような大きさ`, `a size like "20 MB"`))
			return n
		}
		size, ok := parseSize(v)
		if !ok {
			d.s.problem(e.val, say("「%s」は大きさとして読めません", "%q is no size", clip(v)), say(`"20 MB" のように書いてください`, `write it like "20 MB"`))
			return n
		}
		n = size
		return n
	})
	return n
}

// parseSize reads a number with its unit. A bare "20" is refused: whoever writes it means 20 MB, and 20 bytes would
// hold every letter.
func parseSize(v string) (int64, bool) {
	m := sizeText.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(v)))
	if m == nil {
		return 0, false
	}
	unit := int64(1)
	for _, u := range sizeUnits {
		if m[3] != "" && u.name[:1] == m[3] {
			unit = u.bytes
		}
	}
	f, err := strconv.ParseFloat(m[1]+"."+m[2]+"0", 64)
	if err != nil || f <= 0 || f*float64(unit) > math.MaxInt64/2 {
		return 0, false
	}
	return int64(f * float64(unit)), true
}

// AgainstTable is the decoder for holding what the table says against a table as it is now: its problems are warnings of
// their own kind; see Problem.Table.
func (d *Decoder) AgainstTable() *Decoder {
	x := *d
	x.against = true
	return &x
}

func (d *Decoder) problem(off int, what, next calendar.Text) {
	if d.against {
		d.s.unfit(off, what, next)
		return
	}
	d.s.problem(off, what, next)
}

// Problem reports that the value of key is wrong; the line is found. It is
// dropped where the reader of that key has told already what is wrong with it.
func (d *Decoder) Problem(key string, what, next calendar.Text) {
	if d.silent(key) {
		return
	}
	d.problem(d.s.off(key), what, next)
}

// ProblemAt is Problem about the i-th element of a list.
func (d *Decoder) ProblemAt(key string, i int, what, next calendar.Text) {
	if d.silent(key) {
		return
	}
	d.problem(d.elem(key, i), what, next)
}

// Warn is a problem that is no reason to refuse.
func (d *Decoder) Warn(key string, what, next calendar.Text) {
	if d.silent(key) {
		return
	}
	d.s.warn(d.s.off(key), what, next)
}

func (d *Decoder) elem(key string, i int) int {
	if e := d.s.t.find(key); e != nil && i >= 0 && i < len(e.elems) {
		return e.elems[i]
	}
	return d.s.off(key)
}

func (d *Decoder) silent(key string) bool {
	if d.told[key] || d.s.strayed[key] {
		return true
	}
	e := d.s.t.find(key)
	return e != nil && e.broken
}
