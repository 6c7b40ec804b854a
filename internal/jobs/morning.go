package jobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// morning is the mail before the day's work: what has to be ready today and is not. It is a second job of the kind
// summary, because it shares its readers, its once-ness and its look at the days ahead.
type morning struct {
	w       *World
	l       calendar.Language
	readers []*config.Person
	today   calendar.Date
	all     []coming
	oops    bool // a part could not be looked at
}

// prepareMorning drafts each reader's copy. A morning on which nothing is missing sends nothing: a mail that comes every
// day whatever is the case is soon not read any more, and that bod is alive the evening's summary says.
func prepareMorning(ctx context.Context, w *World, s *summarySpec) (Prepared, error) {
	due := dueOf(w)
	if w.Now.Before(due) {
		then := *w
		then.Now = due
		w = &then
	}
	m := &morning{w: w, l: w.Config.Language, today: calendar.DateOf(due.In(w.Config.Zone))}
	for _, a := range s.To {
		if a.Person != nil {
			m.readers = append(m.readers, a.Person)
		}
	}
	var err error
	if m.all, err = ahead(ctx, w, m.today, m.today); err != nil {
		m.oops = true
	}
	if err := ctx.Err(); err != nil {
		return Prepared{}, err
	}
	var p Prepared
	if !slices.ContainsFunc(m.all, coming.lacks) && !m.oops {
		p.Said = calendar.Text{JA: "準備できていないものはありませんでした", EN: "nothing was missing"}.In(m.l)
		return p, nil
	}
	for _, r := range m.readers {
		if len(w.Run.Only) > 0 && !slices.Contains(w.Run.Only, r.ID) {
			continue
		}
		d, err := ownDraft(w, r, func() (string, *page) { return m.words(r) })
		if err != nil {
			return Prepared{}, err
		}
		p.Drafts = append(p.Drafts, d)
	}
	return p, nil
}

// lacks reports whether somebody has to do something before it can go.
func (x coming) lacks() bool { return len(x.missing) > 0 || len(x.confirm) > 0 }

// concerns reports whether the reader is one who has to do it.
func (x coming) concerns(c *config.Config, p *config.Person) bool {
	return len(x.missing) > 0 && slices.Contains(x.job.Owners(c), p) || slices.Contains(x.confirm, p)
}

// words words one reader's copy: what is missing by the hour at which it is needed, their own first, then the day.
func (m *morning) words(reader *config.Person) (subject string, p *page) {
	c, zone := m.w.Config, m.w.Config.Zone
	var lacking []coming
	for _, x := range m.all {
		if x.lacks() {
			lacking = append(lacking, x)
		}
	}
	slices.SortStableFunc(lacking, func(a, b coming) int {
		if n := a.due.Compare(b.due); n != 0 {
			return n
		}
		switch x, y := a.concerns(c, reader), b.concerns(c, reader); {
		case x && !y:
			return -1
		case y && !x:
			return 1
		}
		return 0
	})
	p = newPage(m.l, toneNeeds)
	day := m.today.Short(m.l)
	subject = p.t(fmt.Sprintf("本日の予定%d件・準備できていないもの%d件｜%s", len(m.all), len(lacking), day),
		fmt.Sprintf("%d planned today, %d not ready | %s", len(m.all), len(lacking), day))
	p.greet(withSan(reader, m.l))
	if m.oops {
		p.add(para{words: p.t("記録を読めず、確かめられなかったものがあります。", "Some of it could not be looked at, because the record could not be read."), look: "warn"})
		p.gap()
	}
	var at time.Time
	for _, x := range lacking {
		if !x.due.Equal(at) {
			p.gap()
			at = x.due
			h := hour(at.In(zone))
			p.add(head{"■ ", p.t(h+" までにお願いします", "Needed by "+h), toneNeeds})
		}
		line := entry{mark: p.t("・", "- "), what: x.title, sep: p.t("　", ": "), hang: p.t("　　", "    ")}
		if len(x.confirm) > 0 {
			line.aside = p.t("確認がまだです（"+names(x.confirm, withSan, m.l)+"）", "not confirmed yet ("+names(x.confirm, withSan, m.l)+")")
		} else {
			line.aside = p.t("まだそろっていません", "not there yet")
		}
		for i, r := range x.missing {
			if i == 3 {
				line.under = append(line.under, p.t(fmt.Sprintf("ほか%d件", len(x.missing)-i), fmt.Sprintf("and %d more", len(x.missing)-i)))
				break
			}
			line.under = append(line.under, clean(r.Text))
			if r.Next != "" {
				line.under = append(line.under, p.t("→ ", "-> ")+clean(r.Next))
			}
		}
		p.add(line)
	}
	p.gap()
	for _, b := range p.blocks {
		if e, is := b.(entry); is {
			p.pre = e.what + e.sep + e.aside
			break
		}
	}
	p.add(head{"■ ", p.t("本日の予定", "Planned today"), tonePlain})
	for i, x := range m.all {
		if i == 2*foldAfter {
			p.add(para{words: p.t(fmt.Sprintf("ほか%d件", len(m.all)-i), fmt.Sprintf("and %d more", len(m.all)-i)), look: "small"})
			break
		}
		word := x.word
		switch {
		case len(x.missing) > 0:
			word = p.t("まだそろっていません", "not there yet")
		case word == "":
			word = p.t("準備できています", "ready")
		}
		p.add(entry{mark: p.t("・", "- "), when: clockOf(x.due.In(zone)), what: x.title, sep: p.t("　", ": "), aside: word})
	}
	return subject, p
}

// ownDraft is a draft of bod's own mail to one reader.
func ownDraft(w *World, reader *config.Person, words func() (string, *page)) (Draft, error) {
	c := w.Config
	subject, p := words()
	to := addressesOf(config.Addressee{Person: reader})
	l := ownLetter(c, to, subject, p)
	env := &envelope{config: c}
	env.add("to", to...)
	var inputs []ledger.Input
	for _, in := range []struct {
		kind, name string
		value      any
	}{
		{"rule", w.Identity, effectiveRule(w)},
		{"company", c.Company.Name, []any{c.Company, c.Mail.From, c.Mail.ReplyTo, c.Mail.TrialTo, c.Language}},
		{"addressee", reader.ID, env.rs},
	} {
		i, err := inputOf(in.kind, in.name, in.value)
		if err != nil {
			return Draft{}, err
		}
		inputs = append(inputs, i)
	}
	return Draft{
		Class: ledger.ClassSummary, Part: reader.ID, Addressee: nameOf(config.Addressee{Person: reader}, c.Language),
		Letter: l, Recipients: env.rs, Inputs: inputs, Unconfirmed: true,
	}, nil
}
