package jobs

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode/utf8"

	"bod/internal/calendar"
)

// htmlOf gives a text the plainest HTML that says the same: paragraphs where the text has empty lines, line breaks
// where it has line ends. The text comes without the folding at 35 characters, for a telephone folds by itself.
// Nothing is in one form that is not in the other: filters distrust a mail whose two parts differ.
func htmlOf(text, language string) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html lang=\"" + language + "\"><head><meta charset=\"utf-8\"></head>\n<body>\n")
	for para := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		para = strings.Trim(para, "\n")
		if para == "" {
			continue
		}
		lines := strings.Split(para, "\n")
		if !slices.ContainsFunc(lines, func(line string) bool { return hang(line) > 0 }) {
			for i := range lines {
				lines[i] = spaced(lines[i])
			}
			b.WriteString("<p>" + strings.Join(lines, "<br>\n") + "</p>\n")
			continue
		}
		// Entries and indented lines: what a telephone folds stands below the words and not below the mark. The spaces stay, for a
		// program that reads no styles.
		for i, line := range lines {
			top, bottom := 0, 0
			if i == 0 {
				top = letterSize
			}
			if i == len(lines)-1 {
				bottom = letterSize
			}
			n := int(hang(line) * letterSize)
			fmt.Fprintf(&b, "<p style=\"margin:%dpx 0 %dpx %dpx;text-indent:-%dpx\">%s</p>\n", top, bottom, n, n, spaced(line))
		}
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

// letterSize is the size of a letter's characters, in pixels, where nobody chose another: Word reads no em.
const letterSize = 16

// hang is how far, in the size of the letters, the words of a line stand from its beginning: its indent and its mark.
func hang(line string) float64 {
	n := 0.0
	for _, r := range line {
		switch r {
		case '　', '・', '→', '■':
			n++
		case ' ':
			n += 0.3
		case '-', '*':
			if !strings.HasPrefix(strings.TrimLeft(line, " "), string(r)+" ") {
				return n
			}
			n += 0.4
		default:
			return n
		}
	}
	return 0 // nothing but blanks
}

// spaced escapes a line and keeps its spaces.
func spaced(line string) string {
	body := strings.TrimLeft(line, " ")
	return strings.Repeat("&nbsp;", len(line)-len(body)) + html.EscapeString(strings.ReplaceAll(body, "  ", " \u00a0"))
}

// look is how one part of a page looks: light stands inline, for most mail programs read nothing else; dark is for
// those that read a style sheet and show mail on a dark ground.
type look struct{ name, light, dark string }

// looks is every look there is. Outlook's engine is Word's (Microsoft, "Word 2007 HTML and CSS Rendering Capabilities in
// Outlook 2007"): it knows tables, the padding and single borders of cells, margins of paragraphs and colours, and
// nothing of flex, grid, rounded corners or max-width; what it does not know is only ornament here, as a test holds.
var looks = []look{
	{"ground", "margin:0;padding:0;width:100%;background-color:#eef1f3;color:#1b2226;-webkit-text-size-adjust:100%;-ms-text-size-adjust:100%", "background-color:#131618;color:#e8ebed"},
	{"sheet", "background-color:#ffffff;color:#1b2226", "background-color:#1d2124;color:#e8ebed"},
	{"bar-needs", "background-color:#b4540a;height:6px;font-size:6px;line-height:6px", "background-color:#f0a050"},
	{"bar-well", "background-color:#2b7a4b;height:6px;font-size:6px;line-height:6px", "background-color:#57b67d"},
	{"bar-plain", "background-color:#46687d;height:6px;font-size:6px;line-height:6px", "background-color:#86a9be"},
	{"inside", "padding:22px 20px 24px 20px;font-size:16px;line-height:1.65", ""},
	{"p", "margin:0 0 14px 0", ""},
	{"lead", "margin:0 0 18px 0;font-size:19px;line-height:1.5;font-weight:bold", ""},
	{"warn", "margin:0 0 16px 0;padding:10px 12px;border:2px solid #b4540a;color:#1b2226", "border-color:#f0a050;color:#e8ebed"},
	{"note", "margin:0 0 14px 14px", ""},
	{"small", "margin:0 0 14px 0;font-size:14px;color:#515c64", "color:#b3bcc3"},
	{"head", "margin:22px 0 8px 0;font-size:17px;line-height:1.4;font-weight:bold;color:#1b2226", "color:#e8ebed"},
	{"mark-needs", "color:#b4540a", "color:#f0a050"},
	{"mark-well", "color:#2b7a4b", "color:#57b67d"},
	{"mark-plain", "color:#46687d", "color:#86a9be"},
	{"card", "padding:14px 16px 6px 16px;background-color:#fdf4e8;border-left:5px solid #b4540a;color:#1b2226", "background-color:#33291d;border-left-color:#f0a050;color:#f3ece2"},
	{"card-head", "margin:0 0 4px 0;font-size:17px;line-height:1.45;font-weight:bold", ""},
	{"card-who", "margin:0 0 10px 0;font-weight:bold;color:#8a3d00", "color:#ffbe7d"},
	{"card-line", "margin:0 0 8px 0", ""},
	{"card-seen", "margin:0 0 8px 2px;padding:0 0 0 12px;border-left:2px solid #d9b48a", "border-left-color:#8a6a45"},
	{"card-small", "margin:0 0 8px 0;font-size:14px;color:#5c5347", "color:#cbbfae"},
	{"list", "margin:0 0 14px 0", ""},
	{"cell-mark", "padding:5px 10px 5px 0;font-size:15px;line-height:1.5;white-space:nowrap;color:#515c64", "color:#b3bcc3"},
	{"cell", "padding:5px 0 5px 0;font-size:15px;line-height:1.5", ""},
	{"cell-name", "padding:4px 8px 4px 0;font-size:15px;line-height:1.5;white-space:nowrap;color:#515c64", "color:#b3bcc3"},
	{"aside", "display:inline-block;color:#515c64", "color:#b3bcc3"},
	{"lacks", "font-weight:bold;color:#8a3d00", "color:#ffbe7d"},
	{"command", "padding:8px 10px;background-color:#eef1f3;color:#1b2226;font-family:Consolas,Menlo,'Courier New',monospace;font-size:14px;line-height:1.5;word-break:break-all", "background-color:#2b3136;color:#e8ebed"},
	{"quoted", "padding:12px 14px;border:1px solid #c3cbd1;font-size:15px;line-height:1.6;word-break:break-word", "border-color:#4a535a"},
	{"data", "margin:0 0 4px 0", ""},
	{"data-head", "padding:6px 10px 6px 0;font-size:13px;line-height:1.4;text-align:left;font-weight:normal;color:#515c64", "color:#b3bcc3"},
	{"data-head-num", "padding:6px 0 6px 10px;font-size:13px;line-height:1.4;text-align:right;font-weight:normal;color:#515c64", "color:#b3bcc3"},
	{"data-cell", "padding:6px 10px 6px 0;border-top:1px solid #d9dfe3;font-size:15px;line-height:1.4", "border-top-color:#3b444b"},
	{"data-cell-num", "padding:6px 0 6px 10px;border-top:1px solid #d9dfe3;font-size:15px;line-height:1.4;text-align:right;white-space:nowrap", "border-top-color:#3b444b"},
	{"data-group", "padding:10px 10px 6px 0;border-top:1px solid #8a959d;font-size:15px;line-height:1.4;font-weight:bold", "border-top-color:#7a858d"},
	{"data-group-num", "padding:10px 0 6px 10px;border-top:1px solid #8a959d;font-size:15px;line-height:1.4;text-align:right;white-space:nowrap;font-weight:bold", "border-top-color:#7a858d"},
	{"data-more", "padding:6px 10px 6px 0;border-top:1px solid #d9dfe3;font-size:15px;line-height:1.4;color:#515c64", "border-top-color:#3b444b;color:#b3bcc3"},
	{"data-more-num", "padding:6px 0 6px 10px;border-top:1px solid #d9dfe3;font-size:15px;line-height:1.4;text-align:right;white-space:nowrap;color:#515c64", "border-top-color:#3b444b;color:#b3bcc3"},
	{"data-sum", "padding:8px 10px 6px 0;border-top:2px solid #8a959d;font-size:15px;line-height:1.4;font-weight:bold", "border-top-color:#7a858d"},
	{"data-sum-num", "padding:8px 0 6px 10px;border-top:2px solid #8a959d;font-size:15px;line-height:1.4;text-align:right;white-space:nowrap;font-weight:bold", "border-top-color:#7a858d"},
	{"change", "font-size:12px;font-weight:normal;color:#515c64", "color:#b3bcc3"},
	{"foot", "margin:20px 0 0 0;padding:12px 0 0 0;border-top:1px solid #c3cbd1;font-size:13px;line-height:1.6;color:#515c64", "border-top-color:#4a535a;color:#b3bcc3"},
}

// fonts of a language. A Japanese text in a font for Chinese has the wrong shapes, so the family is named.
func fonts(l calendar.Language) string {
	if l == calendar.English {
		return "-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
	}
	return "'Hiragino Sans','Hiragino Kaku Gothic ProN','Noto Sans JP','Noto Sans CJK JP','BIZ UDPGothic','Yu Gothic Medium',Meiryo,sans-serif"
}

// sheet writes a page as HTML.
type sheet struct {
	l    calendar.Language
	b    strings.Builder
	list bool // a table of entries is open
}

// as is the attributes of a look.
func as(name string) string {
	i := slices.IndexFunc(looks, func(k look) bool { return k.name == name })
	return ` class="` + name + `" style="` + looks[i].light + `"`
}

const tableHead = `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"`

// html is the page as HTML: no script, no image, nothing that is fetched, and every word escaped.
func (p *page) html(title string) string {
	s := &sheet{l: p.l}
	lang, mso := "ja", "Meiryo"
	if p.l == calendar.English {
		lang, mso = "en", "Segoe UI"
	}
	s.b.WriteString("<!DOCTYPE html>\n<html lang=\"" + lang + "\"><head><meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" +
		"<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n" +
		"<meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no\">\n" +
		"<title>" + html.EscapeString(title) + "</title>\n<style>\n:root{color-scheme:light dark;supported-color-schemes:light dark}\n@media (prefers-color-scheme:dark){\n")
	for _, k := range looks {
		if k.dark != "" {
			s.b.WriteString("." + k.name + "{" + strings.ReplaceAll(k.dark, ";", " !important;") + " !important}\n")
		}
	}
	s.b.WriteString("}\n</style>\n")
	for _, x := range p.blocks {
		if x, is := x.(interface {
			css(calendar.Language) string
		}); is && x.css(p.l) != "" {
			// In a style sheet of its own: a mail program that can't read it may leave it out as a whole.
			s.b.WriteString("<style>\n" + x.css(p.l) + "</style>\n")
		}
	}
	s.b.WriteString("<!--[if mso]><style>body,table,td,p,h2{font-family:'" + mso + "',sans-serif !important}</style><![endif]-->\n</head>\n")
	s.b.WriteString("<body" + as("ground") + ">\n")
	if p.pre != "" {
		s.b.WriteString(`<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">` + s.words(p.pre) + "</div>\n")
	}
	s.b.WriteString(tableHead + `><tr><td align="center">` + "\n<!--[if mso]><table role=\"presentation\" width=\"640\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td><![endif]-->\n" +
		`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="sheet" style="` + lookOf("sheet") + `;max-width:640px;text-align:left;font-family:` + fonts(p.l) + "\">\n" +
		"<tr><td" + as("bar-"+string(p.tone)) + ">&nbsp;</td></tr>\n<tr><td" + as("inside") + ">\n")
	for _, x := range p.blocks {
		if _, is := x.(entry); !is {
			s.endList()
		}
		x.html(s)
	}
	s.endList()
	s.b.WriteString("</td></tr></table>\n<!--[if mso]></td></tr></table><![endif]-->\n</td></tr></table>\n</body></html>\n")
	return s.b.String()
}

func lookOf(name string) string {
	i := slices.IndexFunc(looks, func(k look) bool { return k.name == name })
	return looks[i].light
}

func (s *sheet) endList() {
	if s.list {
		s.b.WriteString("</table>\n")
		s.list = false
	}
}

// words escapes a text. A line end within a sentence goes: a telephone has other lines than a plain text.
func (s *sheet) words(text string) string {
	var b strings.Builder
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i, line := range lines {
		line = strings.Trim(line, " 　")
		b.WriteString(html.EscapeString(line))
		if i == len(lines)-1 || line == "" {
			continue
		}
		last, _ := utf8.DecodeLastRuneInString(line)
		switch {
		case strings.ContainsRune("。.：:？?）)」】", last) || s.l != calendar.English && !strings.ContainsRune("、", last) && last < 0x2e80:
			b.WriteString("<br>\n")
		case s.l == calendar.English:
			b.WriteString(" ")
		}
	}
	return b.String()
}

// lines escapes a text whose lines stay lines.
func (s *sheet) lines(text string) string {
	out := strings.Split(text, "\n")
	for i, line := range out {
		out[i] = html.EscapeString(strings.Trim(line, " 　"))
	}
	return strings.Join(out, "<br>\n")
}

func (gap) html(*sheet) {}

func (b para) html(s *sheet) {
	look := b.look
	words := s.words(b.words)
	if look == "" {
		look = "p"
		if strings.HasPrefix(b.words, "　") || strings.HasPrefix(b.words, " ") {
			look, words = "note", s.lines(b.words)
		}
	}
	s.b.WriteString("<p" + as(look) + ">" + words + "</p>\n")
}

func (b head) html(s *sheet) {
	s.b.WriteString("<h2" + as("head") + ">")
	if b.mark != "" {
		s.b.WriteString("<span" + as("mark-"+string(b.tone)) + ">" + html.EscapeString(strings.TrimSpace(b.mark)) + "</span> ")
	}
	s.b.WriteString(html.EscapeString(b.words) + "</h2>\n")
}

func (b item) html(s *sheet) {
	s.b.WriteString(tableHead + "><tr><td" + as("card") + ">\n<p" + as("card-head") + ">" + html.EscapeString(b.mark) + " " + html.EscapeString(b.words) + "</p>\n" +
		"<p" + as("card-who") + ">" + html.EscapeString(b.who) + "</p>\n")
	for _, x := range b.lines {
		s.b.WriteString("<p" + as(x.look) + ">" + html.EscapeString(strings.Trim(x.mark, " 　")))
		if strings.Trim(x.mark, " 　") == "-" {
			s.b.WriteString(" ")
		}
		s.b.WriteString(s.lines(x.words) + "</p>\n")
	}
	s.b.WriteString("</td></tr><tr><td style=\"height:12px;font-size:12px;line-height:12px\">&nbsp;</td></tr></table>\n")
}

func (b entry) html(s *sheet) {
	if !s.list {
		s.b.WriteString(tableHead + as("list") + ">\n")
		s.list = true
	}
	s.b.WriteString("<tr><td width=\"1\" valign=\"top\"" + as("cell-mark") + ">" + html.EscapeString(strings.TrimRight(strings.ReplaceAll(b.mark, " ", "\u00a0"), "　\u00a0")+nbsp(b)+strings.TrimSpace(b.when)) + "</td><td valign=\"top\"" + as("cell") + ">" + s.lines(b.what))
	if b.aside != "" {
		s.b.WriteString(html.EscapeString(strings.Trim(b.sep, " 　")) + " <span" + as("aside") + ">" + html.EscapeString(b.aside) + "</span>")
	}
	if b.note != "" {
		s.b.WriteString(" <span" + as("aside") + ">" + html.EscapeString(b.note) + "</span>")
	}
	look := "lacks"
	if b.calm {
		look = "aside"
	}
	for _, u := range b.under {
		s.b.WriteString("<br>\n<span" + as(look) + ">" + s.lines(u) + "</span>")
	}
	s.b.WriteString("</td></tr>\n")
}

// nbsp keeps the space of "- 9:30".
func nbsp(b entry) string {
	if b.when != "" && strings.HasSuffix(b.mark, " ") {
		return "\u00a0"
	}
	return ""
}

func (b facts) html(s *sheet) {
	s.b.WriteString(tableHead + as("list") + ">\n")
	for _, r := range b {
		if r.value == "" {
			continue
		}
		s.b.WriteString("<tr><td width=\"1\" valign=\"top\"" + as("cell-name") + ">" + html.EscapeString(r.name+calendar.Text{JA: "：", EN: ":"}.In(s.l)) +
			"</td><td valign=\"top\"" + as("cell") + ">" + s.lines(r.value) + "</td></tr>\n")
	}
	s.b.WriteString("</table>\n")
}

func (b commands) html(s *sheet) {
	for _, r := range b {
		if r.name != "" {
			s.b.WriteString("<p style=\"margin:8px 0 4px 0\">" + html.EscapeString(r.name+calendar.Text{JA: "：", EN: ":"}.In(s.l)) + "</p>\n")
		}
		s.b.WriteString(tableHead + "><tr><td" + as("command") + ">" + html.EscapeString(r.value) + "</td></tr></table>\n")
	}
	s.b.WriteString("<p style=\"margin:0 0 14px 0;font-size:2px;line-height:2px\">&nbsp;</p>\n")
}

func (b quoted) html(s *sheet) {
	var words []string
	for line := range strings.SplitSeq(b.words, "\n") {
		if len(line) >= 30 && strings.Trim(line, "-=_") == "" {
			// The rule around a signature has to fit a telephone, for a second line of it looks like a slip.
			words = append(words, `<span style="font-size:10px">`+html.EscapeString(line)+"</span>")
			continue
		}
		words = append(words, spaced(line))
	}
	s.b.WriteString("<p" + as("small") + ">" + html.EscapeString(b.begins) + "</p>\n" + tableHead + "><tr><td" + as("quoted") + ">" + strings.Join(words, "<br>\n") + "</td></tr></table>\n")
	if b.rest != "" {
		s.b.WriteString("<p" + as("small") + ">" + html.EscapeString(b.rest) + "</p>\n")
	}
	s.b.WriteString("<p style=\"margin:8px 0 0 0\"></p><p" + as("small") + ">" + html.EscapeString(b.ends) + "</p>\n")
}

func (b foot) html(s *sheet) {
	s.b.WriteString("<p" + as("foot") + ">" + s.lines(strings.Join(b, "\n")) + "</p>\n")
}
