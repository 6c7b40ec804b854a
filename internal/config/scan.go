package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"bod/internal/calendar"
)

// The scanner goes over the file before the TOML parser does, for two reasons.
// It knows the slips of people who type Japanese (full-width signs, quotation
// marks, words without quotes) and names them where the parser would say
// "expected '.' or '=', but got '＝' instead"; and it knows where each key and
// value stands, which the parser does not tell.
//
// Every slip is an error. The scanner still writes down what was probably meant,
// so that reading goes on and the file's other problems are told as well, without
// nonsense that follows from the first ("title is missing").

// statement is one "key = value" of the file or of an inline table.
type statement struct {
	key    []string
	off    int    // of the key
	val    int    // of the value
	text   string // TOML for the parser: as written, or mended
	mended bool
	broken bool        // no value can be had from it; what is wrong has been told
	elems  []int       // where the elements of a list begin
	inner  []statement // of an inline table
}

// header is a [table] line and the statements below it.
type header struct {
	key    []string
	off    int
	top    bool // what stands above the first header
	list   bool // [[…]]
	lost   bool // could not be read: nobody knows where the statements belong
	body   []statement
	mended bool // a full-width sign stands in its lines: the text is not what the parser can read at once
	lo, hi int  // the statements' place in the text
}

// maxDepth of lists and inline tables; the file needs two.
const maxDepth = 16

type edit struct {
	lo, hi int
	with   string
}

type scanner struct {
	src   string
	pos   int
	f     *findings
	edits []edit
	wide  []rune // full-width signs met in this statement
	woff  int
	blank int // offset of the first full-width space, or noPlace
	bol   int // from here to
	eol   int // here no line ends: known of the line that was looked at last
}

// scan splits the text into its tables and gives them one after another; the first
// has no header. What it gives is only good until the next: 10,000 jobs need not be
// held as statements and as values at the same time.
func scan(src string, f *findings, give func(*header)) {
	s := &scanner{src: src, f: f, blank: noPlace, eol: -1}
	h := header{top: true}
	for s.pos < len(s.src) && !f.full() {
		s.skipBlank()
		switch r, n := s.peek(); {
		case n == 0:
		case r == '\n' || r == '\r':
			s.pos++
		case r == '#' || r == '＃':
			s.comment()
		case r == '[' || r == '［':
			give(&h)
			body := h.body[:0]
			h = s.header()
			h.body = body
		default:
			st := s.statement()
			if len(h.body) == 0 {
				h.lo = st.off
			}
			h.hi = s.pos
			h.body = append(h.body, st)
		}
		h.mended = h.mended || len(s.edits) > 0
		s.flush()
	}
	give(&h)
}

func (s *scanner) peek() (rune, int) {
	if s.pos >= len(s.src) {
		return 0, 0
	}
	if c := s.src[s.pos]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRuneInString(s.src[s.pos:])
}

func (s *scanner) slip(off int, what, next calendar.Text) {
	s.f.add(finding{off: off, what: what, next: next})
}

// widened notes a full-width sign and puts the half-width one in its place.
func (s *scanner) widened(r rune, n int, narrow string) {
	if len(s.wide) == 0 {
		s.woff = s.pos
	}
	if !strings.ContainsRune(string(s.wide), r) {
		s.wide = append(s.wide, r)
	}
	s.edits = append(s.edits, edit{s.pos, s.pos + n, narrow})
	s.pos += n
}

// flush tells the full-width signs and spaces of one statement, each once.
func (s *scanner) flush() {
	if len(s.wide) > 0 {
		narrow := make([]string, len(s.wide))
		for i, r := range s.wide {
			narrow[i] = narrowed[r]
		}
		ja, en := string(s.wide), strings.Join(narrow, " ")
		s.slip(s.woff,
			say("全角の「%s」があります", "there is a full-width %s", ja),
			say("半角の %s に直してください", "write %s in half width", en))
		s.wide = s.wide[:0]
	}
	if s.blank != noPlace {
		s.slip(s.blank,
			say("全角の空白があります", "there is a full-width space"),
			say("半角の空白に直すか、消してください", "write a half-width space or delete it"))
		s.blank = noPlace
	}
	s.edits = s.edits[:0]
}

var narrowed = map[rune]string{
	'＝': "=", '［': "[", '］': "]", '＃': "#", '｛': "{", '｝': "}", '，': ",", '．': ".",
	'＋': "+", '－': "-", '：': ":", '／': "/",
}

// skipBlank skips blanks; full-width and no-break spaces are slips.
func (s *scanner) skipBlank() {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == ' ' || c == '\t':
			s.pos++
		case c < utf8.RuneSelf:
			return
		default:
			r, n := utf8.DecodeRuneInString(s.src[s.pos:])
			if !wideBlank(r) {
				return
			}
			if s.blank == noPlace {
				s.blank = s.pos
			}
			s.edits = append(s.edits, edit{s.pos, s.pos + n, " "})
			s.pos += n
		}
	}
}

// wideBlank also holds the invisible marks that are copied from web pages.
func wideBlank(r rune) bool {
	return r == '　' || r == '\u00A0' || r == '\uFEFF' || r == '\u200B' || r >= '\u2000' && r <= '\u200A' || r == '\u202F' || r == '\u2028' || r == '\u2029' || r == '\u0085'
}

// comment skips to the end of the line.
func (s *scanner) comment() {
	if r, n := s.peek(); r == '＃' {
		s.widened(r, n, "#")
	}
	s.toLineEnd()
}

// toLineEnd stops before a carriage return too: kept in a statement's text without
// its line feed, it is a control character to the parser.
func (s *scanner) toLineEnd() {
	s.pos += len(s.rest())
}

// rest is what is left of the line, without its end.
func (s *scanner) rest() string {
	if s.eol < s.pos || s.bol > s.pos {
		s.bol, s.eol = s.pos, len(s.src)
		if i := strings.IndexByte(s.src[s.pos:], '\n'); i >= 0 {
			s.eol = s.pos + i
		}
	}
	return strings.TrimSuffix(s.src[s.pos:s.eol], "\r")
}

func (s *scanner) header() header {
	h := header{off: s.pos}
	open := func() bool {
		switch r, n := s.peek(); r {
		case '[':
			s.pos++
		case '［':
			s.widened(r, n, "[")
		default:
			return false
		}
		return true
	}
	shut := func() bool {
		switch r, n := s.peek(); r {
		case ']':
			s.pos++
		case '］':
			s.widened(r, n, "]")
		default:
			return false
		}
		return true
	}
	open()
	h.list = open()
	key, ok := s.key(true)
	h.key = key
	if !ok {
		h.lost = true
		s.toLineEnd()
		return h
	}
	s.skipBlank()
	if !shut() || h.list && !shut() {
		close := "]"
		if h.list {
			close = "]]"
		}
		s.slip(h.off,
			say("%s が閉じていません", "%s is missing", close),
			say("行の終わりを %s にしてください", "end the line with %s", close))
		s.toLineEnd()
		return h
	}
	s.trailing(h.off)
	return h
}

// trailing checks that nothing but a comment follows in the line.
func (s *scanner) trailing(off int) {
	s.skipBlank()
	switch r, n := s.peek(); {
	case n == 0 || r == '\n' || r == '\r':
	case r == '#' || r == '＃':
		s.comment()
	default:
		rest := strings.TrimSpace(s.rest())
		what := say("行の終わりに余分な文字があります：%s", "there is more in the line than one value: %s", clip(rest))
		next := say("覚え書きなら、その前に # を付けてください", "put # before it if it is a remark")
		switch {
		case r == ',' || r == '、' || r == '，':
			next = say(`いくつか並べるときは ["…", "…"] のように [ ] で囲んでください`, `write several values in [ ], like ["…", "…"]`)
		case strings.ContainsAny(rest, `"”`):
			next = say(`文字の中で " は使えません。「」を使うか、全体を ' で囲んでください`, `a text cannot have " inside; put the whole text in ' instead`)
		}
		s.slip(s.pos, what, next)
		at := s.pos
		s.toLineEnd()
		s.edits = append(s.edits, edit{at, s.pos, ""})
	}
}

// clip keeps a quotation of the file short.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// key reads a.b."c d"; in a header up to the closing bracket, else up to the sign =.
func (s *scanner) key(inHeader bool) (parts []string, ok bool) {
	for {
		s.skipBlank()
		off := s.pos
		r, n := s.peek()
		switch {
		case r == '"' || r == '\'':
			p, good := s.quotedKey()
			if !good {
				return parts, false
			}
			parts = append(parts, p)
		case closing(r) != "" && r != '\'':
			p, good := s.wideQuoted(r, n)
			if !good {
				s.slip(off,
					say("引用符が全角です", "the quotation mark is not a straight one"),
					say(`半角の " で囲んでください`, `write the straight " on both sides`))
				return parts, false
			}
			parts = append(parts, norm.NFC.String(p))
		default:
			p := s.bareKey(inHeader)
			if p == "" {
				s.slip(off, say("項目の名前がありません", "the name is missing"), s.howToWrite(inHeader))
				return parts, false
			}
			parts = append(parts, p)
		}
		if len(parts) > 8 {
			s.slip(off, say("名前の点「.」が多すぎます", "there are too many dots in the name"), s.howToWrite(inHeader))
			return parts, false
		}
		s.skipBlank()
		switch r, n := s.peek(); r {
		case '.':
			s.pos++
		case '．':
			s.widened(r, n, ".")
		default:
			return parts, true
		}
	}
}

func (s *scanner) howToWrite(inHeader bool) calendar.Text {
	if inHeader {
		return say("[job.名前] のように書いてください", "write it like [job.NAME]")
	}
	return say(`項目 = "値" の形で書いてください`, `write it as key = "value"`)
}

func (s *scanner) quotedKey() (string, bool) {
	off := s.pos
	if strings.HasPrefix(s.src[s.pos:], `"""`) || strings.HasPrefix(s.src[s.pos:], `'''`) || !s.quoted() {
		if s.pos == off {
			s.slip(off, say(`項目の名前に """ は使えません`, `a name cannot stand in """`), s.howToWrite(false))
		}
		return "", false
	}
	raw := s.src[off:s.pos]
	if !strings.Contains(raw, `\`) {
		return norm.NFC.String(raw[1 : len(raw)-1]), true
	}
	var v struct{ K string }
	if _, err := toml.Decode("K = "+raw, &v); err != nil {
		s.slip(off, say("この名前は読めません", "this name cannot be read"), say(`\ を使わずに書いてください`, `write it without \`))
		return "", false
	}
	return norm.NFC.String(v.K), true
}

func isBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// bareKey reads a name without quotes and says so when it needs them.
func (s *scanner) bareKey(inHeader bool) string {
	off := s.pos
	for s.pos < len(s.src) && isBare(s.src[s.pos]) {
		s.pos++
	}
	end := func(r rune) bool {
		switch r {
		case '.', '．', '\n', '\r', '"', '\'', '#', '＃':
			return true
		case ']', '］':
			return inHeader
		case '=', '＝', '{', '｛', '}', '｝', ',', '、', '，':
			return !inHeader
		}
		return false
	}
	for {
		r, n := s.peek()
		if n == 0 || end(r) {
			break
		}
		s.pos += n
	}
	name := strings.TrimRightFunc(s.src[off:s.pos], unicode.IsSpace)
	s.pos = off + len(name)
	if name == "" {
		return ""
	}
	if shownKey(name) == name {
		return name
	}
	if narrow := width.Narrow.String(name); shownKey(narrow) == narrow {
		s.slip(off,
			say("全角の文字「%s」があります", "%s is in full width", clip(name)),
			say("半角の %s に直してください", "write %s in half width", clip(narrow)))
		s.edits = append(s.edits, edit{off, s.pos, narrow})
		return narrow
	}
	if !inHeader && !strings.ContainsAny(s.rest(), "=＝") {
		return name // the missing sign is told instead
	}
	quoted := quote(name)
	s.edits = append(s.edits, edit{off, s.pos, quoted})
	what := say("名前 %s は \" で囲む必要があります", "the name %s has to be quoted", clip(name))
	if inHeader {
		s.slip(off, what, say(`%s のように " で囲んでください（[job."請求書"] の形）`, `write %s, as in [job."my job"]`, clip(quoted)))
	} else {
		s.slip(off, what, say(`%s = … と書いてください`, `write %s = …`, clip(quoted)))
	}
	return norm.NFC.String(name)
}

// quote writes a TOML basic string. Control characters are gone already.
func quote(v string) string {
	v = strings.ReplaceAll(v, `\`, `\\`)
	return `"` + strings.ReplaceAll(v, `"`, `\"`) + `"`
}

func (s *scanner) statement() statement {
	st := statement{off: s.pos}
	if !s.pair(&st, 0) {
		st.broken = true
		s.toLineEnd()
	} else {
		s.trailing(st.off)
	}
	if st.val == 0 {
		st.val = st.off
	}
	st.text, st.mended = s.apply(st.off, s.pos)
	return st
}

// apply gives the text between two places with the edits that fall into it.
func (s *scanner) apply(lo, hi int) (string, bool) {
	var b strings.Builder
	at := lo
	for _, e := range s.edits {
		if e.lo < at || e.hi > hi {
			continue
		}
		b.WriteString(s.src[at:e.lo])
		b.WriteString(e.with)
		at = e.hi
	}
	if at == lo {
		return s.src[lo:hi], false
	}
	b.WriteString(s.src[at:hi])
	return b.String(), true
}

// pair reads key = value. false: nothing can be had from it, and that has been told.
func (s *scanner) pair(st *statement, depth int) bool {
	key, ok := s.key(false)
	st.key = key
	if !ok {
		return false
	}
	s.skipBlank()
	switch r, n := s.peek(); r {
	case '=':
		s.pos++
		if r, n := s.peek(); r == '=' || r == '＝' {
			s.slip(s.pos, say("= が2つあります", "there are two signs ="), say("= を1つにしてください", "write one ="))
			s.edits = append(s.edits, edit{s.pos, s.pos + n, " "})
			s.pos += n
		}
	case '＝':
		s.widened(r, n, "=")
	default:
		name := strings.Join(key, ".")
		if i := strings.IndexAny(name, ":：｜→"); i > 0 {
			name = strings.TrimSpace(name[:i])
		}
		// kind : "send" is meant for kind, which is not missing then.
		st.key = nil
		if name != "" && shownKey(name) == name {
			st.key = []string{name}
		}
		if mark := strings.TrimLeft(name, "/;※-"); mark != name {
			s.slip(st.off,
				say("%s で始まる行は読めません", "a line that begins with %s can't be read", name[:len(name)-len(mark)]),
				say("覚え書きなら、行の頭を # にしてください", "begin a remark with # instead"))
			return false
		}
		name = clip(name)
		s.slip(st.off,
			say("= がありません", "the sign = is missing"),
			say(`%s = "…" の形で書いてください。覚え書きの前には # を付けます`, `write it as %s = "…", and put # before a remark`, name))
		return false
	}
	s.skipBlank()
	st.val = s.pos
	return s.value(st, depth, false)
}
