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
	lo, hi int // the statements' place in the text
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

func (s *scanner) toLineEnd() {
	s.rest()
	s.pos = s.eol
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
					say("引用符が全角です", "the quotation mark is a full-width one"),
					say(`半角の " で囲んでください`, `write the half-width " on both sides`))
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

// value reads one value. st gets the places of a list's elements or an inline
// table's pairs when it is the statement's own value; else st is nil.
func (s *scanner) value(st *statement, depth int, inList bool) bool {
	off := s.pos
	if depth > maxDepth {
		s.slip(off, say("[ ] や { } の入れ子が深すぎます", "[ ] and { } are nested too deep"), say("入れ子をやめて書いてください", "write it without nesting"))
		return false
	}
	r, n := s.peek()
	switch {
	case n == 0 || r == '\n' || r == '\r' || r == '#' || r == '＃':
		s.slip(off,
			say("値がありません", "the value is missing"),
			say(`= の後ろに値を書くか、この行を消してください`, `write a value after the = or delete the line`))
		return false
	case r == '"' || r == '\'':
		return s.quoted()
	case closing(r) != "":
		v, ok := s.wideQuoted(r, n)
		s.slip(off,
			say("引用符が全角です", "the quotation mark is a full-width one"),
			say(`半角の " で囲んでください`, `write the half-width " on both sides`))
		if ok {
			s.edits = append(s.edits, edit{off, s.pos, quote(v)})
		}
		return ok
	case r == '[' || r == '［':
		return s.list(st, depth)
	case r == '{' || r == '｛':
		return s.inline(st, depth)
	}
	return s.bare(depth, inList)
}

// closing gives the marks that end a text which begins with a full-width quotation mark.
func closing(r rune) string {
	switch r {
	case '“', '”', '„', '‟', '＂', '〝', '〟':
		return "“”„‟＂〞〟\""
	case '‘', '’', '＇', '´', '`':
		return "‘’＇´`'"
	case '「':
		return "」"
	case '『':
		return "』"
	case '«', '»':
		return "«»"
	}
	return ""
}

// wideQuoted reads a text in full-width quotation marks, within the line.
func (s *scanner) wideQuoted(r rune, n int) (string, bool) {
	inner := s.src[s.pos+n:]
	if i := strings.IndexAny(inner, "\r\n"); i >= 0 {
		inner = inner[:i]
	}
	i := strings.IndexAny(inner, closing(r))
	if i < 0 {
		return "", false
	}
	_, m := utf8.DecodeRuneInString(inner[i:])
	s.pos += n + i + m
	return inner[:i], true
}

// quoted reads a text in " or ', also over several lines in """. It changes
// nothing inside, but reports backslashes that are none of TOML's.
func (s *scanner) quoted() bool {
	off := s.pos
	q := s.src[off]
	mark := string(q)
	long := strings.HasPrefix(s.src[off:], strings.Repeat(mark, 3))
	i := off + 1
	if long {
		i = off + 3
	}
	slash := q == '"' && !long && windowsPath(s.src[i:])
	for ; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '\\' && q == '"':
			if i+1 < len(s.src) && s.src[i+1] != '\n' {
				if !escape(s.src[i+1:]) && !(long && (s.src[i+1] == ' ' || s.src[i+1] == '\t' || s.src[i+1] == '\r')) {
					slash = true
				}
				i++
			}
		case c == '\n' && !long:
			return s.unclosed(off, q)
		case c == q:
			end := i + 1
			if long {
				if !strings.HasPrefix(s.src[i:], strings.Repeat(mark, 3)) {
					continue
				}
				// Up to two quotation marks may stand right before the closing three.
				for end = i + 3; end < len(s.src) && s.src[end] == q && end < i+5; end++ {
				}
			}
			s.pos = end
			if slash {
				next := say(`\ の代わりに / で書いてください`, `write / instead of \`)
				if windowsPath(s.src[off+1:]) {
					next = say(`/ で書いてください。場所は jobs.toml のあるフォルダーからの道筋か、[folders] で名前を付けたフォルダーで書きます`,
						`write / instead, and say the place from the folder of jobs.toml or from a folder that is named in [folders]`)
				}
				s.slip(off, say(`\ は使えません`, `\ cannot be used here`), next)
				return false // the file that was meant is not known yet
			}
			return true
		}
	}
	return s.unclosed(off, q)
}

func (s *scanner) unclosed(off int, q byte) bool {
	s.pos = off
	line := s.rest()
	if strings.ContainsAny(line, closing('“')[:len(closing('“'))-1]+"」』’") {
		s.slip(off,
			say("引用符が全角です", "the quotation mark is a full-width one"),
			say(`半角の " で囲んでください`, `write the half-width " on both sides`))
	} else {
		s.slip(off,
			say(`引用符 %c が閉じていません`, `the quotation mark %c is not closed`, q),
			say(`文字の終わりにも %c を付けてください`, `put %c at the end of the text as well`, q))
	}
	s.toLineEnd()
	return false
}

// windowsPath reports a text that begins like C:\ or \\server\share. Its \t or
// \n would be read as a tab and a line end without a word.
func windowsPath(v string) bool {
	if len(v) >= 3 && v[1] == ':' && v[2] == '\\' && (v[0]|0x20 >= 'a' && v[0]|0x20 <= 'z') {
		return true
	}
	return len(v) >= 3 && v[0] == '\\' && v[1] == '\\' && v[2] != '"'
}

func escape(v string) bool {
	hex := func(n int) bool {
		if len(v) <= n {
			return false
		}
		for _, c := range []byte(v[1 : n+1]) {
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
				return false
			}
		}
		return true
	}
	switch v[0] {
	case 'b', 't', 'n', 'f', 'r', '"', '\\':
		return true
	case 'u':
		return hex(4)
	case 'U':
		return hex(8)
	}
	return false
}

// list reads [a, b], also over several lines.
func (s *scanner) list(st *statement, depth int) bool {
	off := s.pos
	if r, n := s.peek(); r == '［' {
		s.widened(r, n, "[")
	} else {
		s.pos++
	}
	good, comma := true, true
	for {
		if !s.between(off) {
			return false
		}
		switch r, n := s.peek(); {
		case r == ']':
			s.pos++
			return good
		case r == '］':
			s.widened(r, n, "]")
			return good
		case r == ',' || r == '、' || r == '，' || r == '､' || r == '；' || r == ';':
			at := s.pos
			s.pos += n
			if comma {
				s.slip(at, say("カンマ「,」が余分です", "there is a comma too many"), say("1つ消してください", "delete one"))
				s.edits = append(s.edits, edit{at, at + n, " "})
				continue
			}
			comma = true
			if r != ',' {
				s.separator(at, n, r)
			}
		default:
			at := s.pos
			if !comma {
				s.slip(at,
					say("カンマがありません", "a comma is missing"),
					say("値と値のあいだを半角の , で区切ってください", "put a comma between the values"))
				s.edits = append(s.edits, edit{at, at, ","})
			}
			comma = false
			if st != nil {
				st.elems = append(st.elems, at)
			}
			if !s.value(nil, depth+1, true) {
				good = false
				if s.pos == at {
					s.pos += n
				}
			}
		}
	}
}

func (s *scanner) separator(at, n int, r rune) {
	s.slip(at,
		say("区切りが「%c」になっています", "the values are separated by %c", r),
		say("「%c」ではなく半角の , で区切ってください", "write a comma , instead of %c", r))
	s.edits = append(s.edits, edit{at, at + n, ","})
}

// between skips blanks, line ends and comments inside a list that began at off.
// A line that is plainly the next statement ends the list: without this, one
// forgotten bracket would swallow the rest of the file.
func (s *scanner) between(off int) bool {
	fresh, before := false, 0 // only blanks so far in this line; the end of the line before
	for {
		s.skipBlank()
		r, n := s.peek()
		if n == 0 || s.f.full() || fresh && r != '\n' && r != '\r' && s.looksLikeStatement() {
			s.slip(off,
				say("[ が閉じていません", "the [ is not closed"),
				say("最後に ] を付けてください", "put ] at the end"))
			if fresh {
				s.pos = before
			}
			return false
		}
		switch r {
		case '\n', '\r':
			before = s.pos
			s.pos++
			fresh = true
		case '#', '＃':
			s.comment()
		default:
			return true
		}
	}
}

// looksLikeStatement reports whether the line from here on is a header or "key =".
func (s *scanner) looksLikeStatement() bool {
	v := s.rest()
	if w := strings.TrimLeft(v, "[［"); len(w) < len(v) {
		w, ok := cutBare(w)
		if !ok || w == "" {
			return false
		}
		return strings.HasPrefix(w, "]") || strings.HasPrefix(w, "］") || strings.HasPrefix(w, ".")
	}
	w, ok := cutBare(v)
	if !ok && strings.HasPrefix(v, `"`) {
		_, w, ok = strings.Cut(v[1:], `"`)
	}
	w = strings.TrimLeft(w, " \t　")
	return ok && (strings.HasPrefix(w, "=") || strings.HasPrefix(w, "＝"))
}

// cutBare cuts a name of letters off; names with Japanese letters count as well.
func cutBare(v string) (rest string, ok bool) {
	rest = strings.TrimLeftFunc(v, func(r rune) bool {
		return r < utf8.RuneSelf && isBare(byte(r)) || r >= 0x3041 && unicode.IsLetter(r)
	})
	return rest, len(rest) < len(v)
}

// inline reads { a = 1, b = 2 } on one line.
func (s *scanner) inline(st *statement, depth int) bool {
	off := s.pos
	if r, n := s.peek(); r == '｛' {
		s.widened(r, n, "{")
	} else {
		s.pos++
	}
	good, comma, first := true, true, true
	lines := 0
	for {
		s.skipBlank()
		switch r, n := s.peek(); {
		case n == 0 || s.f.full():
			return s.unclosedTable(off)
		case r == '\n' || r == '\r' || r == '#' || r == '＃':
			if lines == 0 && !s.closesLater() {
				return s.unclosedTable(off)
			}
			if lines == 0 {
				s.slip(off,
					say("{ } が2行以上にわたっています", "the { } spans several lines"),
					say("{ } は1行で書いてください", "write { } on one line"))
			}
			lines++
			at := s.pos
			if r == '\n' || r == '\r' {
				s.pos++
				s.edits = append(s.edits, edit{at, s.pos, " "})
			} else {
				s.comment()
				s.edits = append(s.edits, edit{at, s.pos, ""})
			}
		case r == '}' || r == '｝':
			if comma && !first {
				s.slip(s.pos, say("} の前のカンマ「,」が余分です", "there is a comma too many before the }"), say("そのカンマを消してください", "delete that comma"))
				good = false
			}
			if r == '｝' {
				s.widened(r, n, "}")
			} else {
				s.pos++
			}
			return good
		case r == ',' || r == '、' || r == '，' || r == '､' || r == '；' || r == ';':
			at := s.pos
			s.pos += n
			if comma {
				s.slip(at, say("カンマ「,」が余分です", "there is a comma too many"), say("1つ消してください", "delete one"))
				good = false
				continue
			}
			comma = true
			if r != ',' {
				s.separator(at, n, r)
			}
		default:
			at := s.pos
			if !comma {
				s.slip(at,
					say("カンマがありません", "a comma is missing"),
					say("項目と項目のあいだを半角の , で区切ってください", "put a comma between the entries"))
				s.edits = append(s.edits, edit{at, at, ","})
			}
			comma, first = false, false
			p := statement{off: at}
			if !s.pair(&p, depth+1) {
				good = false
				p.broken = true
				if s.pos == at {
					s.pos += n
				}
				s.toSeparator()
			}
			if st != nil {
				st.inner = append(st.inner, p)
			}
		}
	}
}

func (s *scanner) unclosedTable(off int) bool {
	s.slip(off,
		say("{ が閉じていません", "the { is not closed"),
		say("最後に } を付けてください", "put } at the end"))
	return false
}

// closesLater reports whether the } of an inline table stands on one of the next
// lines, before anything that is plainly a new table.
func (s *scanner) closesLater() bool {
	n := 0
	for line := range strings.Lines(s.src[s.pos:]) {
		t := strings.TrimSpace(line)
		if strings.HasPrefix(t, "[") || strings.HasPrefix(t, "［") || n > 30 {
			return false
		}
		if i := strings.IndexAny(t, "{｛}｝"); i >= 0 {
			return t[i] == '}' || strings.HasPrefix(t[i:], "｝")
		}
		n++
	}
	return false
}

// toSeparator skips to where the next pair of an inline table can begin.
func (s *scanner) toSeparator() {
	if i := strings.IndexAny(s.rest(), ",、，}｝"); i >= 0 {
		s.pos += i
		return
	}
	s.toLineEnd()
}
