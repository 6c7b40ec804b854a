package jobs

import (
	"html"
	"strings"
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
		b.WriteString("<p>")
		for i, line := range strings.Split(para, "\n") {
			if i > 0 {
				b.WriteString("<br>\n")
			}
			body := strings.TrimLeft(line, " ")
			b.WriteString(strings.Repeat("&nbsp;", len(line)-len(body)))
			b.WriteString(html.EscapeString(strings.ReplaceAll(body, "  ", " \u00a0")))
		}
		b.WriteString("</p>\n")
	}
	b.WriteString("</body></html>\n")
	return b.String()
}
