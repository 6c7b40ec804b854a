package config

import (
	"regexp"
	"strings"

	"golang.org/x/text/width"

	"bod/internal/calendar"
)

var (
	numberLike = regexp.MustCompile(`^[+-]?(0[xob][0-9A-Fa-f_]+|[0-9][0-9_]*(\.[0-9_]+)?([eE][+-]?[0-9_]+)?|inf|nan)$`)
	dateLike   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	momentLike = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?$`)
	slashDate  = regexp.MustCompile(`^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}$`)
	timeLike   = regexp.MustCompile(`^[0-9]{1,2}[:：][0-9]{2}([:：][0-9]{2})?$`)
)

// bare reads a value without quotes: a number, true, false or a date are right;
// everything else is a text that lacks them.
func (s *scanner) bare(depth int, inList bool) bool {
	off := s.pos
	stop := func(r rune) bool {
		switch r {
		case '\n', '\r', '#', '＃':
			return true
		case ',', '、', '，', '､':
			return inList || depth > 0
		case ']', '］':
			return inList
		case '}', '｝':
			return depth > 0 && !inList
		}
		return false
	}
	for {
		r, n := s.peek()
		if n == 0 || stop(r) {
			break
		}
		s.pos += n
	}
	tok := strings.TrimRightFunc(s.src[off:s.pos], func(r rune) bool { return r == ' ' || r == '\t' || wideBlank(r) })
	s.pos = off + len(tok)
	mend := func(with string) { s.edits = append(s.edits, edit{off, s.pos, with}) }
	switch {
	case tok == "":
		// Only a stray closing sign gets here.
		r, n := s.peek()
		s.slip(off, say("値がありません", "the value is missing"), say("%c の前に値を書いてください", "write a value before the %c", r))
		s.pos += n
		return false
	case tok == "true" || tok == "false" || numberLike.MatchString(tok) || momentLike.MatchString(tok):
		return true
	case dateLike.MatchString(tok):
		if _, p := calendar.ParseDate(tok); p != nil {
			s.slip(off, p.What, p.Next)
			return false
		}
		return true
	case slashDate.MatchString(tok):
		mend(quote(tok))
		return true
	case timeLike.MatchString(tok):
		s.slip(off,
			say(`時刻 %s が " で囲まれていません`, "the time %s is not quoted", tok),
			say(`"%s" のように " で囲んでください`, `write "%s"`, width.Narrow.String(tok)))
		mend(quote(width.Narrow.String(tok)))
		return true
	}
	if b, ok := truth(tok); ok {
		s.slip(off,
			say("%s は使えません", "%s is not understood", tok),
			say("小文字で %s と書いてください", "write %s in small letters", b))
		mend(b)
		return true
	}
	if narrow := width.Narrow.String(tok); narrow != tok && numberLike.MatchString(narrow) {
		s.slip(off,
			say("全角の数字「%s」があります", "the number %s is in full width", tok),
			say("半角の %s に直してください", "write %s in half width", narrow))
		mend(narrow)
		return true
	}
	// to = sato, tanaka: several values, without brackets and quotes.
	if fields := strings.FieldsFunc(tok, func(r rune) bool { return strings.ContainsRune(",、，", r) }); depth == 0 && len(fields) > 1 && !strings.ContainsAny(tok, `"'“”「」`) {
		for i, v := range fields {
			fields[i] = quote(strings.TrimSpace(v))
		}
		all := "[" + strings.Join(fields, ", ") + "]"
		s.slip(off,
			say(`値が " で囲まれていません`, "the values are not quoted"),
			say("%s のように書いてください", "write %s", clip(all)))
		mend(all)
		return true
	}
	v := tok
	if i := strings.IndexAny(v, `"“”`); i >= 0 {
		v = strings.Map(func(r rune) rune {
			if strings.ContainsRune(`"“”`, r) {
				return -1
			}
			return r
		}, v)
	}
	s.slip(off,
		say(`%s が " で囲まれていません`, "%s is not quoted", clip(tok)),
		say(`"%s" のように " で囲んでください`, `write "%s"`, clip(v)))
	mend(quote(v))
	return true
}

func truth(tok string) (string, bool) {
	switch strings.ToLower(tok) {
	case "true", "yes", "on", "はい":
		return "true", true
	case "false", "no", "off", "いいえ":
		return "false", true
	}
	return "", false
}
