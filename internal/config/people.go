package config

import (
	"strings"
	"unicode/utf8"

	"bod/internal/calendar"
)

func (l *loader) people() {
	t := l.named("people")
	if l.tree.lost || t != nil && t.lost {
		l.peopleLost = true
	}
	if t == nil {
		return
	}
	s := l.section(t, "people", "[people]", "")
	for i := range t.entries {
		e := &t.entries[i]
		l.note("people", anyName)
		p := &Person{ID: l.keep(e.key)}
		before := l.f.errors
		if !e.double {
			l.c.People[p.ID] = p
			l.peopleNames = append(l.peopleNames, p.ID)
		}
		if !l.goodName(s, e, "person") || e.broken {
			continue
		}
		switch v := e.value.(type) {
		case string:
			if v = s.oneLine(e.key, e.val, v); v != "" {
				p.Mail, _ = s.parseAddress(v, e.val)
			}
		case *table:
			in := l.section(v, "people.NAME", "[people] "+e.key, "")
			in.unknown(l.sets[""])
			p.Name, p.Title = in.str("name"), in.str("title")
			if in.need("mail") {
				p.Mail, _ = in.address("mail")
			}
		default:
			s.wrongType(e.key, e.val, e.value, say(" \"名前 <アドレス>\" か { name, title, mail } ", "\"Name <address>\" or { name, title, mail }"))
			continue
		}
		if p.Name == "" {
			p.Name = p.Mail.Name
		}
		if p.Name == "" && p.Mail.Mail != "" {
			p.Name = p.ID
			if isASCII(p.ID) && l.c.Language == calendar.Japanese && l.f.errors == before {
				s.warn(e.val, say("%s に名前がないので、手紙には「%[1]s」と書かれます", "%s has no name; letters will say %[1]s", p.ID),
					say(`%s = "名前 <%s>" のように書いてください`, `write it like %s = "Name <%s>"`, shownKey(p.ID), p.Mail.Mail))
			}
		}
		if p.Mail.Mail != "" {
			p.Mail.Name = p.Name
			l.c.inside[strings.ToLower(p.Mail.Mail)] = true
		}
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (l *loader) partners() {
	t := l.named("partner")
	if t == nil {
		return
	}
	l.peopleLost = l.peopleLost || t.lost
	outer := l.section(t, "partner.NAME", "[partner]", "")
	owner := make(map[string]string) // address → partner
	for i := range t.entries {
		e := &t.entries[i]
		p := &Partner{ID: l.keep(e.key)}
		if !e.double {
			l.c.Partners[p.ID] = p
			l.partnerNames = append(l.partnerNames, p.ID)
		}
		v, ok := e.value.(*table)
		if !ok {
			if !e.broken {
				outer.problem(e.off, say("partner は [partner.名前] の表で書きます", "a partner has to be a table [partner.NAME]"),
					say("[partner.%s] と1行に書き、その下に name と mail を書いてください", "write [partner.%s] on a line, and name and mail below", shownKey(e.key)))
			}
			continue
		}
		l.goodName(outer, e, "partner")
		s := l.section(v, "partner.NAME", "[partner."+shownKey(e.key)+"]", "")
		if q := l.tree.root.sub("people").find(e.key); q != nil {
			s.problem(e.off, say("%s という名前は [people] にもあります（%d行目）", "%s is in [people] as well (line %d)", e.key, l.at.line(q.off)),
				say("どちらかの名前を変えてください", "change one of the two names"))
		}
		s.unknown(l.sets[""])
		s.need("name")
		p.Name, p.Dept, p.Person, p.Title = s.str("name"), s.str("dept"), s.str("person"), s.str("title")
		if s.need("mail") {
			p.Mail = s.addresses("mail")
		}
		p.Cc = s.addresses("cc")
		for _, a := range p.Cc {
			for _, b := range p.Mail {
				if strings.EqualFold(a.Mail, b.Mail) {
					s.problem(s.off("cc"), say("%s は mail にも cc にもあります", "%s is in mail and in cc", a.Mail), say("cc から消してください", "delete it from cc"))
				}
			}
		}
		for _, a := range p.Mail {
			k := strings.ToLower(a.Mail)
			if other, ok := owner[k]; ok && other != p.ID {
				s.warn(s.off("mail"), say("%s は %s の宛先でもあります", "%s is an address of %s, too", a.Mail, other),
					say("写し間違いでないか確かめてください", "see whether it was copied by mistake"))
			}
			owner[k] = p.ID
		}
	}
}
