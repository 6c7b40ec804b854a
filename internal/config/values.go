package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

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
			say("引用符が全角です", "the quotation mark is not a straight one"),
			say(`半角の " で囲んでください`, `write the straight " on both sides`))
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
			say("引用符が全角です", "the quotation mark is not a straight one"),
			say(`半角の " で囲んでください`, `write the straight " on both sides`))
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
