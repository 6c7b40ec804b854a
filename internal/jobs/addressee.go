package jobs

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
	"bod/internal/config"
)

// legalForms opens the short signs of Japanese legal forms. A sign that stands for several (社, 財) is not here: which
// one is meant only the company knows, and a wrong name on a letter is worse than a letter that waits.
var legalForms = map[string]string{
	"株": "株式会社", "有": "有限会社", "同": "合同会社", "資": "合資会社", "名": "合名会社",
	"医": "医療法人", "学": "学校法人", "福": "社会福祉法人", "宗": "宗教法人", "特非": "特定非営利活動法人", "独": "独立行政法人",
}

// signs are the single characters that stand for a form in brackets.
var signs = strings.NewReplacer(
	"㈱", "(株)", "㈲", "(有)", "㈴", "(名)", "㈾", "(資)", "㈻", "(学)", "㈳", "(社)", "㈶", "(財)", "㈵", "(特)", "㊑", "(株)", "㊒", "(有)", "㍿", "(株)",
	"（", "(", "）", ")",
)

// openForms writes a company's name with its legal form in full. left is a sign that it can't open.
func openForms(name string) (full, left string) {
	s := signs.Replace(name)
	var b strings.Builder
	for s != "" {
		open := strings.IndexByte(s, '(')
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open:], ')')
		if end < 0 {
			break
		}
		inner := strings.TrimSpace(s[open+1 : open+end])
		before, after := s[:open], s[open+end+1:]
		switch form, ok := legalForms[inner]; {
		case ok:
			b.WriteString(strings.TrimRight(before, " 　"))
			b.WriteString(form)
			after = strings.TrimLeft(after, " 　")
		case utf8.RuneCountInString(inner) <= 2 && shortForm(inner):
			return name, inner
		default: // brackets of the name's own, such as a branch, stay as they were written
			b.WriteString(before + "（" + inner + "）")
		}
		s = after
	}
	b.WriteString(s)
	if b.String() == signs.Replace(name) {
		return name, ""
	}
	return b.String(), ""
}

// shortForm reports whether a bracketed sign looks like a legal form's abbreviation.
func shortForm(s string) bool {
	return slices.Contains([]string{"社", "財", "特", "公社", "公財", "一社", "一財", "監", "代", "ｶ", "ﾕ", "カ", "ユ", "ド", "社福", "合"}, s)
}

// honorifics end a name that was typed with one.
var honorifics = []string{"御中", "様", "さま", "殿", "さん", "先生", "各位"}

// honored splits a name from the honorific that it already ends in.
func honored(name string) (bare, honorific string) {
	name = strings.Trim(name, " 　")
	for _, h := range honorifics {
		if bare, ok := strings.CutSuffix(name, h); ok {
			if bare = strings.TrimRight(bare, " 　"); bare != "" {
				return bare, h
			}
		}
	}
	return name, ""
}

// positions are titles that people write behind a name although they belong before it when a letter says 様; longer ones first.
var positions = []string{
	"代表取締役社長", "代表取締役会長", "代表取締役", "専務取締役", "常務取締役", "取締役", "執行役員", "事業部長", "本部長", "支店長", "支社長", "営業所長",
	"部長代理", "課長代理", "課長補佐", "副社長", "副部長", "社長", "会長", "専務", "常務", "部長", "次長", "課長", "係長", "室長", "所長", "店長", "局長", "主任", "主査",
}

// positioned splits a name from the position that it already ends in.
func positioned(name string) (bare, position string) {
	for _, p := range positions {
		if bare, ok := strings.CutSuffix(name, p); ok {
			if bare = strings.TrimRight(bare, " 　"); bare != "" {
				return bare, p
			}
		}
	}
	return name, ""
}

// joinPosition joins department and position as they are said: 経理部 and 部長 are 経理部長.
func joinPosition(dept, position string) (string, bool) {
	for _, unit := range []string{"事業部", "本部", "部", "課", "係", "室", "局", "支店", "支社", "営業所", "所", "店"} {
		if strings.HasSuffix(dept, unit) && strings.HasPrefix(position, unit+"長") {
			return strings.TrimSuffix(dept, unit) + position, true
		}
	}
	return "", false
}

// anybody are the ways to write that the person is not known.
var anybody = []string{"ご担当者様", "ご担当者", "御担当者様", "御担当者", "担当者様", "担当者", "ご担当", "ご担当様"}

// outsideJA is the 宛名 of somebody outside. 御中 goes to a house, 様 to a person, never both; a position stands before
// the name, for 部長様 honours twice; what the name already bears is not doubled.
func outsideJA(p *config.Partner) (string, error) {
	name, onName := honored(norm.NFC.String(p.Name))
	full, left := openForms(name)
	if left != "" {
		return "", &addresseeError{Partner: p.ID, Sign: left}
	}
	dept, onDept := honored(norm.NFC.String(p.Dept))
	person, position := strings.Trim(norm.NFC.String(p.Person), " 　"), strings.Trim(norm.NFC.String(p.Title), " 　")
	if slices.Contains(anybody, person) {
		return join(full, dept, "ご担当者様"), nil
	}
	person, onPerson := honored(person)
	position, _ = honored(position)
	if bare, pos := positioned(person); pos != "" {
		person = bare
		if position == "" {
			position = pos
		}
	}
	switch {
	case person == "" && dept == "":
		if onName == "" || onName == "御中" {
			return full + " 御中", nil
		}
		return full + onName, nil // 「アクメ商事様」 stays as it was typed
	case person == "":
		if onDept != "" && onDept != "御中" {
			return join(full, dept+onDept), nil
		}
		return join(full, dept+" 御中"), nil
	}
	suffix := "様"
	if onPerson == "先生" || onPerson == "殿" {
		suffix = onPerson
	}
	switch joined, ok := joinPosition(dept, position); {
	case position == "":
		return join(full, dept, person+suffix), nil
	case ok:
		return join(full, joined+" "+person+suffix), nil
	case dept != "" && strings.HasPrefix(position, dept):
		return join(full, position+" "+person+suffix), nil
	default:
		return join(full, dept, position+" "+person+suffix), nil
	}
}

// outsideEN is the block above an English letter.
func outsideEN(p *config.Partner) string {
	person := strings.TrimSpace(p.Person)
	if person != "" {
		person = "Attn: " + person
		if t := strings.TrimSpace(p.Title); t != "" {
			person += ", " + t
		}
	}
	return join(strings.TrimSpace(p.Name), strings.TrimSpace(p.Dept), person)
}

// join puts what is there on lines of its own.
func join(lines ...string) string {
	var kept []string
	for _, l := range lines {
		if l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

// colleague is how somebody inside is called: 田中部長 where the office calls people by their position, else 佐藤さん.
func colleague(p *config.Person, l calendar.Language) string {
	if l == calendar.English {
		return p.Name
	}
	name, h := honored(norm.NFC.String(p.Name))
	bare, typed := positioned(name)
	switch position, _ := honored(strings.Trim(norm.NFC.String(p.Title), " 　")); {
	case typed != "":
		return bare + typed
	case position != "":
		return name + position
	case h == "先生":
		return name + h
	}
	return name + "さん"
}

// withSan is how somebody is spoken of in the summary, where everybody is さん.
func withSan(p *config.Person, l calendar.Language) string {
	if l == calendar.English {
		return p.Name
	}
	name, _ := honored(norm.NFC.String(p.Name))
	name, _ = positioned(name)
	return name + "さん"
}

// addresseeError is a name that no letter can be written to.
type addresseeError struct{ Partner, Sign string }

func (e *addresseeError) Error() string {
	return fmt.Sprintf("couldn't write out the legal form (%s) in the name of partner %s", e.Sign, e.Partner)
}

// text says it to the person who can mend it.
func (e *addresseeError) text() calendar.Text {
	return calendar.Text{
		JA: fmt.Sprintf("得意先「%s」の名前の（%s）が、どの法人の略か分かりません", e.Partner, e.Sign),
		EN: fmt.Sprintf("the short form (%s) in the name of partner %q has more than one meaning", e.Sign, e.Partner),
	}
}

// addressBlock is the 宛名 over a letter to these addressees. In a letter that goes outside only those outside are
// addressed; several colleagues are 各位. Plain addresses have none: "" then.
func addressBlock(to []config.Addressee, l calendar.Language) (string, error) {
	var outside, people []string
	for _, a := range to {
		switch {
		case a.Partner != nil && l == calendar.English:
			outside = append(outside, outsideEN(a.Partner))
		case a.Partner != nil:
			s, err := outsideJA(a.Partner)
			if err != nil {
				return "", err
			}
			outside = append(outside, s)
		case a.Person != nil:
			people = append(people, colleague(a.Person, l))
		}
	}
	switch {
	case len(outside) > 0:
		return strings.Join(outside, "\n"), nil
	case len(people) > 1 && l == calendar.English:
		return "All colleagues", nil
	case len(people) > 1:
		return "各位", nil
	}
	return strings.Join(people, ""), nil
}
