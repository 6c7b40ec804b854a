package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"bod/internal/calendar"
)

// RuleRecord is what the ledger keeps of a job: all that its rule says, with the
// people it names resolved to their addresses. Two records with equal bytes are
// the same rule. Sender and company are not in it: they are inputs of their own.
//
// It has what is needed to work out the occurrences of a rule that is not in the
// file any more: the daemon compares the old schedule with the new one after an edit.
type RuleRecord struct {
	// The fields stand in the order of their JSON names: canonical JSON has its keys sorted.
	About         string         `json:"about,omitempty"`      // English
	Confirm       *RuleConfirm   `json:"confirm,omitempty"`    //
	Country       string         `json:"country"`              // whose closed days count
	Enabled       bool           `json:"enabled"`              //
	FiscalYearEnd int            `json:"fiscal_year_end"`      // month
	GiveUp        string         `json:"give_up,omitempty"`    // English; "": as [mail] says
	Kind          string         `json:"kind"`                 //
	LateUntil     string         `json:"late_until"`           // English
	Missed        Missed         `json:"missed"`               //
	OnUnknown     string         `json:"on_unknown,omitempty"` // "resend"; "" for hold
	Owner         *RuleMail      `json:"owner,omitempty"`      // nil: the admins
	Prepare       string         `json:"prepare,omitempty"`    // English
	Purpose       string         `json:"purpose,omitempty"`    //
	Spec          map[string]any `json:"spec,omitempty"`       // the kind's own keys, read
	Title         string         `json:"title"`                //
	When          string         `json:"when"`                 // the schedule's English sentence
	Zone          string         `json:"zone"`                 // IANA name
}

// RuleConfirm is confirm with its people.
type RuleConfirm struct {
	By    []RuleMail `json:"by"`
	Count int        `json:"count"`
}

// RuleMail is an addressee of a rule, resolved.
type RuleMail struct {
	Cc     []string `json:"cc,omitempty"`
	Dept   string   `json:"dept,omitempty"`
	ID     string   `json:"id"`
	Mail   []string `json:"mail"`
	Name   string   `json:"name,omitempty"`
	Person string   `json:"person,omitempty"`
	Title  string   `json:"title,omitempty"`
}

// ReadRule reads what Job.Rule holds.
func ReadRule(b []byte) (RuleRecord, error) {
	var r RuleRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return RuleRecord{}, fmt.Errorf("couldn't read the rule: %w", err)
	}
	return r, nil
}

// Schedule rebuilds the rule's schedule. Zone, country and fiscal year are the
// record's; the company's own closing days and the holidays are base's, because
// the ledger does not keep them.
func (r RuleRecord) Schedule(base *Config) (*calendar.Schedule, error) {
	rule, problems := calendar.ParseSentence(r.When)
	if len(problems) > 0 {
		return nil, fmt.Errorf("couldn't rebuild the schedule %q: %s", r.When, problems[0].What.EN)
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return nil, fmt.Errorf("couldn't rebuild the schedule %q: %w", r.When, err)
	}
	days, err := base.DaysOf(r.Country)
	if err != nil {
		return nil, fmt.Errorf("couldn't rebuild the schedule %q: %w", r.When, err)
	}
	s, problems := calendar.NewSchedule(rule, days, zone, time.Month(r.FiscalYearEnd))
	if len(problems) > 0 {
		return nil, fmt.Errorf("couldn't rebuild the schedule %q: %s", r.When, problems[0].What.EN)
	}
	return s, nil
}

// DaysOf gives the business days of a country, with the company's closing and working days.
func (c *Config) DaysOf(country string) (*calendar.Days, error) {
	if d, ok := c.days[country]; ok {
		return d, nil
	}
	d, problems := calendar.NewDays(calendar.DaysOptions{Country: country, Closed: c.ClosedDays, Open: c.OpenDays, Holidays: c.Holidays})
	if len(problems) > 0 {
		return nil, errors.New(problems[0].What.EN)
	}
	return d, nil
}

func ruleMail(p *Person) RuleMail {
	return RuleMail{ID: p.ID, Mail: []string{p.Mail.Mail}, Name: p.Name, Title: p.Title}
}

func ruleMails(ps []*Person) []RuleMail {
	out := make([]RuleMail, len(ps))
	for i, p := range ps {
		out[i] = ruleMail(p)
	}
	return out
}

func ruleAddressee(a Addressee) RuleMail {
	switch {
	case a.Person != nil:
		return ruleMail(a.Person)
	case a.Partner != nil:
		p := a.Partner
		m := RuleMail{ID: p.ID, Name: p.Name, Dept: p.Dept, Person: p.Person, Title: p.Title}
		for _, x := range p.Mail {
			m.Mail = append(m.Mail, x.Mail)
		}
		for _, x := range p.Cc {
			m.Cc = append(m.Cc, x.Mail)
		}
		return m
	}
	return RuleMail{ID: a.Plain.Mail, Mail: []string{a.Plain.Mail}, Name: a.Plain.Name}
}
