package document

import (
	"regexp"
	"strings"
)

// Text is the folded text of all pages.
func (d *Document) Text() string { return Fold(strings.Join(d.Pages, "\n")) }

// amount is a number as documents write amounts: with commas or without, with a mark before or 円 behind it.
var amount = regexp.MustCompile(`([-△▲(]?)([\\]?)([-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?(円|%)?`)

// Amounts are the amounts that stand beside a label, one for each place at which the label stands with one, as digits
// with an optional sign: behind it on its line, else on one of the next two. A number with % is a rate; of several on a
// line one that is marked as money (円, ¥, commas) comes first.
func (d *Document) Amounts(label string) (out []string) {
	for _, tail := range d.after(label) {
		if a := amountIn(tail); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// Words are what stands beside a label: the rest of its line without a colon, else the next line.
func (d *Document) Words(label string) (out []string) {
	for _, tail := range d.after(label) {
		for _, line := range tail {
			if line = strings.Trim(line, " :.…-"); line != "" {
				out = append(out, line)
				break
			}
		}
	}
	return out
}

// after finds a label, blanks in it or not, and gives for each place the rest of its line and the next two lines.
func (d *Document) after(label string) (out [][]string) {
	want := []rune(Fold(label))
	if len(want) == 0 {
		return nil
	}
	for _, p := range d.Pages {
		var lines []string
		for line := range strings.SplitSeq(p, "\n") {
			if line = fold(line, true); line != "" {
				lines = append(lines, line)
			}
		}
		for i, line := range lines {
			rest, ok := cutLabel(line, want)
			for ok {
				out = append(out, append([]string{rest}, lines[i+1:min(i+3, len(lines))]...))
				rest, ok = cutLabel(rest, want)
			}
		}
	}
	return out
}

// cutLabel finds a label in a line, whatever blanks stand in it there, and gives what follows.
func cutLabel(line string, want []rune) (rest string, ok bool) {
	runes := []rune(line)
	for i := range runes {
		j, k := i, 0
		for j < len(runes) && k < len(want) && (runes[j] == want[k] || runes[j] == ' ' && k > 0) {
			if runes[j] != ' ' {
				k++
			}
			j++
		}
		if k == len(want) {
			return string(runes[j:]), true
		}
	}
	return "", false
}

func amountIn(lines []string) string {
	for _, line := range lines {
		plain := ""
		for _, m := range amount.FindAllStringSubmatch(line, -1) {
			minus, mark, inner, digits, part, behind := m[1], m[2], m[3], m[4], m[5], m[6]
			if behind == "%" {
				continue
			}
			value := strings.ReplaceAll(digits, ",", "") + part
			if minus == "-" || minus == "△" || minus == "▲" || inner == "-" {
				value = "-" + value
			}
			if mark != "" || behind == "円" || strings.Contains(digits, ",") {
				return value
			}
			if plain == "" {
				plain = value
			}
		}
		if plain != "" {
			return plain
		}
	}
	return ""
}
