package config

import (
	"regexp"
	"time"
)

func (l *loader) company() {
	s := l.section(l.named("company"), "company", "[company]", "")
	s.unknown(l.sets[""])
	c := &l.c.Company
	c.Name, c.Dept, c.Address, c.Tel, c.Bank = s.str("name"), s.str("dept"), s.str("address"), s.str("tel"), s.str("bank")
	if e := s.get("registration"); e != nil {
		if c.Registration = s.str("registration"); c.Registration != "" {
			s.registration(e.val, c.Registration, c.Name)
		}
	}
	c.FiscalYearEnd = time.December
	if e := s.get("fiscal_year_end"); e != nil {
		n := s.whole("fiscal_year_end", 12)
		if n < 1 || n > 12 {
			s.problem(e.val, say("決算月 %d はありません", "there is no month %d", n), say("fiscal_year_end = 3 のように、1 から 12 の数字で書いてください", "write a number from 1 to 12, like fiscal_year_end = 3"))
			n = 12
		}
		c.FiscalYearEnd = time.Month(n)
	}
}

var registrationForm = regexp.MustCompile(`^T[0-9]{13}$`)

// corporation matches names of companies, whose registration number is T and
// their corporate number; sole traders have a number of their own.
var corporation = regexp.MustCompile(`株式会社|有限会社|合同会社|合資会社|合名会社|法人|[(（][株有同資名][)）]|㈱|㈲|Ltd|Inc\b|Corp|LLC|K\.K\.|G\.K\.`)

// registration holds the number against its check digit (法人番号の指定等に関する省令):
// 9 − (Σ PₙQₙ mod 9), n from the right over the 12 digits after the first, Q 1 and 2 by turns.
// For a sole trader no source says that the digit applies, so that it is only a warning.
func (s *section) registration(off int, v, company string) {
	if !registrationForm.MatchString(v) {
		s.problem(off, say("登録番号 %s は T と数字13桁ではありません", "the registration number %s is not T and 13 digits", clip(v)),
			say(`"T7123456789012" のように、半角の T と数字13桁で書いてください`, `write T and 13 digits, like "T7123456789012"`))
		return
	}
	sum := 0
	for n := 1; n <= 12; n++ {
		sum += int(v[len(v)-n]-'0') * (2 - n%2)
	}
	if int(v[1]-'0') == 9-sum%9 {
		return
	}
	what := say("登録番号 %s の検査用数字が合いません", "the check digit of the registration number %s is wrong", v)
	if corporation.MatchString(company) {
		s.problem(off, what, say("登録通知書を見て、打ち間違いがないか確かめてください", "compare it with the notice of registration"))
		return
	}
	s.warn(off, what, say("法人の番号なら打ち間違いです。登録通知書と見比べてください", "for a company it is mistyped; compare it with the notice of registration"))
}
