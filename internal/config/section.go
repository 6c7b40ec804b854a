package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

// section reads one table of the file by its documented keys. A value of the
// wrong type is told once and then reads as if it were not there.
type section struct {
	l    *loader
	t    *table // nil: not in the file
	keys *keySet
	name string // as people see it: [company]
	job  string

	sentence string          // of a job: its schedule in English
	strayed  map[string]bool // keys that slipped into a table below; told
	lenient  bool            // a kind of a later version: its keys are not known
}

// get is the only way to a value: a key that is not documented has none.
func (s *section) get(key string) *entry {
	if s.t == nil {
		return nil
	}
	s.l.note(s.keys.table, key)
	if !s.keys.has(key) {
		return nil
	}
	e := s.t.find(key)
	if e == nil || e.broken {
		return nil
	}
	return e
}

// has reports whether the key is written, readable or not.
func (s *section) has(key string) bool {
	return s.t != nil && s.keys.has(key) && s.t.find(key) != nil
}

// off is where a problem with the key's value is shown.
func (s *section) off(key string) int {
	if s.t == nil {
		return noPlace
	}
	if e := s.t.find(key); e != nil {
		return e.val
	}
	return s.t.off
}

func (s *section) problem(off int, what, next calendar.Text) {
	s.l.f.add(finding{off: off, job: s.job, what: what, next: next})
}

func (s *section) warn(off int, what, next calendar.Text) {
	s.l.f.add(finding{off: off, job: s.job, what: what, next: next, warning: true})
}

// unfit is a warning about a table that does not fit what the file says of it.
func (s *section) unfit(off int, what, next calendar.Text) {
	s.l.f.add(finding{off: off, job: s.job, what: what, next: next, warning: true, table: true})
}

// need tells that a key is missing, unless it stands there broken.
func (s *section) need(key string) bool {
	if s.has(key) {
		return true
	}
	if s.strayed[key] {
		return false
	}
	if s.t != nil && s.t.lost || s.l.tree.lost && s.t == nil {
		return false
	}
	off := 0
	if s.t != nil {
		off = s.t.off
	}
	k := s.keys.keys[key]
	where := ""
	whereEN := ""
	if s.name != "" {
		where, whereEN = s.name+" に ", " in "+s.name
	}
	s.problem(off,
		calendar.Text{JA: where + key + " がありません", EN: key + " is missing" + whereEN},
		likeThis(k))
	return false
}

// wrongType tells what should stand there. ja ends in "で" form: "文字".
func (s *section) wrongType(key string, off int, v any, should calendar.Text) {
	is := typeOf(v)
	s.problem(off,
		calendar.Text{JA: fmt.Sprintf("%s は%sで書くところですが、%sになっています", key, should.JA, is.JA),
			EN: fmt.Sprintf("%s should be %s, but it is %s", key, should.EN, is.EN)},
		s.likeExample(key))
}

func (s *section) likeExample(key string) calendar.Text {
	k := s.keys.keys[key]
	if k == nil {
		k = s.keys.keys[anyName]
	}
	if k == nil || k.Example == "" {
		return say("正しい形に直してください", "correct it")
	}
	return likeThis(k)
}

// likeThis shows the documented example, in the reader's language.
func likeThis(k *Key) calendar.Text {
	en := k.Example
	if e, ok := englishExamples[k.Table+"."+k.Name]; ok {
		en = e
	}
	return calendar.Text{JA: k.Example + " のように書いてください", EN: "write it like " + en}
}

var (
	aText  = say("文字", "a text")
	texts  = say("文字の並び [ ] ", "a list of texts")
	aWhole = say("整数", "a whole number")
	aTruth = say(" true か false ", "true or false")
	aTable = say("項目の集まり { } ", "a table { }")
)

// str reads one text of one line without control characters.
func (s *section) str(key string) string {
	e := s.get(key)
	if e == nil {
		return ""
	}
	v, ok := e.value.(string)
	if !ok {
		s.wrongType(key, e.val, e.value, aText)
		return ""
	}
	return s.oneLine(key, e.val, v)
}

// oneLine refuses what could become a second header line or hide in a screen.
func (s *section) oneLine(key string, off int, v string) string {
	for _, r := range v {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069' {
			s.problem(off,
				say("%s に改行や制御文字（U+%04X）があります", "%s has a line break or control character (U+%04X)", key, r),
				say("1行の文字で書いてください", "write it as one line of text"))
			return ""
		}
	}
	if v != "" && strings.TrimSpace(v) == "" {
		v = ""
	}
	if v == "" {
		s.problem(off,
			say("%s が空です", "%s is empty", key),
			say("値を書くか、この行を消してください", "write a value or delete the line"))
	}
	return s.l.keep(v)
}

// item is one element of a list, with its place.
type item struct {
	text string
	off  int
}

// items reads a list of texts; one text without brackets is a list of one.
func (s *section) items(key string) []item {
	e := s.get(key)
	if e == nil {
		return nil
	}
	return s.itemsOf(key, e, func(v any) (string, bool) { t, ok := v.(string); return t, ok })
}

func (s *section) itemsOf(key string, e *entry, text func(any) (string, bool)) []item {
	list, ok := e.value.([]any)
	if !ok {
		t, ok := text(e.value)
		if !ok {
			s.wrongType(key, e.val, e.value, texts)
			return nil
		}
		if t = s.oneLine(key, e.val, t); t == "" {
			return nil
		}
		return []item{{t, e.val}}
	}
	out := make([]item, 0, len(list))
	for i, v := range list {
		off := e.val
		if i < len(e.elems) {
			off = e.elems[i]
		}
		t, ok := text(v)
		if !ok {
			s.wrongType(key, off, v, texts)
			continue
		}
		if t = s.oneLine(key, off, t); t != "" {
			out = append(out, item{t, off})
		}
	}
	if len(list) == 0 {
		s.problem(e.val,
			say("%s が空です", "%s is empty", key),
			say("値を書くか、この行を消してください", "write a value or delete the line"))
	}
	return out
}

func (s *section) whole(key string, otherwise int) int {
	e := s.get(key)
	if e == nil {
		return otherwise
	}
	n, ok := e.value.(int64)
	if !ok || n > math.MaxInt32 || n < math.MinInt32 {
		s.wrongType(key, e.val, e.value, aWhole)
		return otherwise
	}
	return int(n)
}

func (s *section) truth(key string, otherwise bool) bool {
	e := s.get(key)
	if e == nil {
		return otherwise
	}
	b, ok := e.value.(bool)
	if !ok {
		s.wrongType(key, e.val, e.value, aTruth)
		return otherwise
	}
	return b
}

// address reads one mail address that mail may go to.
func (s *section) address(key string) (a mailer.Address, ok bool) {
	e := s.get(key)
	if e == nil {
		return a, false
	}
	v := s.str(key)
	if v == "" {
		return a, false
	}
	return s.parseAddress(v, e.val)
}

// sender reads one mail address of our own, which nothing is sent to.
func (s *section) sender(key string) (a mailer.Address, ok bool) {
	e := s.get(key)
	if e == nil {
		return a, false
	}
	v := s.str(key)
	if v == "" {
		return a, false
	}
	return s.readAddress(v, e.val)
}

// parseAddress reads an address that mail may go to. Every address of the file but the
// sender's comes this way, so that none is forgotten where the administrator says whom bod may write to.
func (s *section) parseAddress(v string, off int) (mailer.Address, bool) {
	a, ok := s.readAddress(v, off)
	if ok && !s.mayWrite(a.Mail, off) {
		return mailer.Address{}, false
	}
	return a, ok
}

func (s *section) readAddress(v string, off int) (mailer.Address, bool) {
	a, err := mailer.ParseAddress(v)
	if err != nil {
		next := say(`"名前 <kei@example.jp>" か "kei@example.jp" の形で書いてください`, `write it as "Name <kei@example.com>" or "kei@example.com"`)
		switch {
		case strings.ContainsAny(v, "＠．＜＞"):
			next = say(`@ や . や < > は半角で書いてください`, `write @ . < > in half width`)
		case strings.Count(v, "@") > 1 && strings.ContainsAny(v, ",;、，； 　"):
			next = say(`アドレスは1つずつ " で囲みます。いくつも書けるところでは、["a@example.jp", "b@example.jp"] のように並べます`, `quote each address by itself; where there may be several, list them like ["a@example.com", "b@example.com"]`)
		case strings.HasPrefix(strings.ToLower(v), "mailto:"):
			next = say("先頭の mailto: を消してください", "take mailto: away")
		case strings.ContainsAny(v, " 　") && !strings.Contains(v, "<"):
			next = say("途中の空白を消してください", "take the space away")
			i := strings.LastIndexAny(v, " 　")
			if _, err := mailer.ParseAddress(strings.TrimLeft(v[i:], " 　")); err == nil {
				next = say(`途中の空白を消すか、名前なら "%s <%s>" と書いてください`, `take the space away, or if that is a name write "%s <%s>"`, clip(strings.TrimRight(v[:i], " 　")), clip(strings.TrimLeft(v[i:], " 　")))
			}
		}
		s.problem(off, say("「%s」はメールアドレスとして読めません", "%q is no mail address", clip(v)), next)
		return mailer.Address{}, false
	}
	return mailer.Address{Name: s.l.keep(a.Name), Mail: s.l.keep(a.Mail)}, true
}

func (s *section) addresses(key string) []mailer.Address {
	var out []mailer.Address
	for _, it := range s.items(key) {
		a, ok := s.parseAddress(it.text, it.off)
		if !ok {
			continue
		}
		if slices.ContainsFunc(out, func(b mailer.Address) bool { return strings.EqualFold(a.Mail, b.Mail) }) {
			s.twiceAddress(key, it.off, a.Mail)
			continue
		}
		out = append(out, a)
	}
	return out
}

func (s *section) twiceAddress(key string, off int, mail string) {
	s.problem(off,
		say("%s に同じ宛先 %s が2回あります", "%s names %s twice", key, mail),
		say("1つにしてください", "name it once"))
}

// person reads one name of [people].
func (s *section) person(key string) *Person {
	e := s.get(key)
	if e == nil {
		return nil
	}
	v := s.str(key)
	if v == "" {
		return nil
	}
	return s.findPerson(item{v, e.val})
}

func (s *section) persons(key string) []*Person {
	var out []*Person
	for _, it := range s.items(key) {
		p := s.findPerson(it)
		if p == nil {
			continue
		}
		if slices.Contains(out, p) {
			s.problem(it.off, say("%s に %s が2回あります", "%s names %s twice", key, it.text), say("1つにしてください", "name it once"))
			continue
		}
		out = append(out, p)
	}
	return out
}

func (s *section) findPerson(it item) *Person {
	name := nfc(it.text)
	if p, ok := s.l.c.People[name]; ok {
		return p
	}
	l := s.l
	if l.peopleLost {
		return nil
	}
	what := say("%s という人は [people] にいません", "there is nobody called %s in [people]", clip(name))
	if _, ok := l.c.Partners[name]; ok {
		what = say("%s は取引先です。ここには [people] の人を書きます", "%s is a partner; this has to be somebody of [people]", clip(name))
		s.problem(it.off, what, say("[people] の名前を書いてください", "write a name of [people]"))
		return nil
	}
	next := l.called(name, false)
	if next.JA == "" {
		next = l.did(name, l.peopleNames,
			say(`[people] に %s = "名前 <アドレス>" を書き足してください`, `add %s = "Name <address>" to [people]`, shownKey(name)))
	}
	s.problem(it.off, what, next)
	return nil
}

// text of a value that a day or time may be written as.
func dayText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case time.Time:
		return v.Format("2006-01-02"), true
	}
	return "", false
}

// lead reads a span such as "3 days".
func (s *section) lead(key string) (calendar.Lead, bool) {
	e := s.get(key)
	if e == nil {
		return calendar.Lead{}, false
	}
	v := s.str(key)
	if v == "" {
		return calendar.Lead{}, false
	}
	r, ok := s.l.leads[v]
	if !ok {
		r.lead, r.problem = calendar.ParseLead(v)
		s.l.leads[v] = r
	}
	if r.problem != nil {
		s.problem(e.val, r.problem.What, r.problem.Next)
		return calendar.Lead{}, false
	}
	return r.lead, true
}

// text of a number, as it was written.
func numberText(v any) (string, bool) {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// unknown tells of every key that is not documented for this table.
func (s *section) unknown(parents ...*keySet) {
	if s.t == nil {
		return
	}
	for i := range s.t.entries {
		e := &s.t.entries[i]
		if e.double || e.broken || s.keys.has(e.key) || s.keys.has(anyName) {
			continue
		}
		s.unknownKey(e, parents)
	}
}

func (s *section) unknownKey(e *entry, parents []*keySet) {
	key := clip(e.key)
	where, whereEN := s.name+" に ", "in "+s.name
	if s.name == "" {
		where, whereEN = "", "here"
	}
	switch {
	case s.keys.later(e.key):
		s.problem(e.off, say("%s はこの版ではまだ使えません", "%s: not in this version", key),
			say("消すか、行の頭に # を付けてください", "delete it or put # at the beginning of the line"))
		return
	case isSecret(e.key):
		s.problem(e.off, say("%s は %s に書けません", "%s does not belong in %s", key, s.l.name),
			say("systemd の credential「smtp-password」に入れるか、bod だけが読めるファイルに書いて password_file = \"場所\" としてください。ここに書いたパスワードは変えてください",
				"put it into systemd's credential smtp-password, or into a file that only bod can read and write password_file = \"PLACE\"; change the password that stood here"))
		return
	}
	for _, p := range parents {
		if !p.has(e.key) {
			continue
		}
		switch p.table {
		case "":
			s.problem(e.off, say("%s は %s の項目ではありません", "%s is no key of %s", key, s.name),
				say("%s は、最初の [ ] の行より上に移してください", "move %s above the first line with [ ]", key))
		case "job.NAME":
			s.problem(e.off, say("%s は job の項目です", "%s is a key of the job", key),
				say("[job.%s] のすぐ下へ移してください", "move it right below [job.%s]", shownKey(s.job)))
		case "job.NAME.when", "job.NAME.confirm":
			_, in, _ := strings.Cut(p.table, ".NAME.")
			s.problem(e.off, say("%s は %s の項目です", "%s is a key of %s", key, in),
				say("%[1]s = { … } の中か、[job.%[2]s.%[1]s] の下に書いてください", "write it in %[1]s = { … } or below [job.%[2]s.%[1]s]", in, shownKey(s.job)))
		default:
			s.problem(e.off, say("%s は [%s] の項目です", "%s is a key of [%s]", key, p.table),
				say("[%s] のすぐ下へ移してください", "move it right below [%s]", p.table))
		}
		return
	}
	next := say("消すか、行の頭に # を付けてください", "delete it or put # at the beginning of the line")
	if near := s.l.nearest(e.key, s.keys.names); near != "" {
		next = say("%s のことですか。直すか、消してください", "did you mean %s? correct or delete it", near)
	} else if n := len(s.keys.names); n > 0 && n <= 15 {
		next = say("使えるのは %s です", "what can be used: %s", strings.Join(s.keys.names, ", "))
	}
	s.problem(e.off, calendar.Text{
		JA: fmt.Sprintf("%s%s という項目はありません", where, key),
		EN: fmt.Sprintf("there is no key %s %s", key, whereEN)}, next)
}
