package jobs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bod/internal/calendar"
	"bod/internal/config"
)

// prepareReview drafts each reader's copy of the review of the month before, and where it is asked for the part of each owner
// who reads no summary.
func prepareReview(ctx context.Context, w *World, s *summarySpec) (Prepared, error) {
	if due := dueOf(w); w.Now.Before(due) {
		then := *w
		then.Now = due
		w = &then
	}
	var p Prepared
	if w.Ledger == nil {
		return p, nil
	}
	month := monthStart(calendar.DateOf(dueOf(w).In(w.Config.Zone)), -1)
	readers := map[*config.Person]bool{}
	draft := func(to *config.Person, words func() (string, *page)) error {
		if len(w.Run.Only) > 0 && !slices.Contains(w.Run.Only, to.ID) {
			return nil
		}
		d, err := ownDraft(w, to, words)
		p.Drafts = append(p.Drafts, d)
		return err
	}
	whole, err := ReviewOf(w.Config, w.Ledger, month, nil, w.Now)
	if err != nil {
		return Prepared{}, err
	}
	for _, a := range s.To {
		if a.Person == nil {
			continue
		}
		readers[a.Person] = true
		if err := draft(a.Person, func() (string, *page) { return whole.page(a.Person) }); err != nil {
			return Prepared{}, err
		}
	}
	if !s.Own {
		return p, ctx.Err()
	}
	for _, j := range w.Config.Jobs {
		for _, o := range j.Owners(w.Config) {
			if readers[o] || ownJob(j.Name) {
				continue
			}
			readers[o] = true
			own, err := ReviewOf(w.Config, w.Ledger, month, o, w.Now)
			if err != nil {
				return Prepared{}, err
			}
			if len(own.Events)+len(own.Rows) == 0 {
				continue // a month in which nothing needed them is no mail
			}
			if err := draft(o, func() (string, *page) { return own.page(o) }); err != nil {
				return Prepared{}, err
			}
		}
	}
	return p, ctx.Err()
}

// ReviewReaches reports whether the review may go to an address that the summary does not: an owner's, where they get their part.
func ReviewReaches(c *config.Config, j *config.Job, mail string) bool {
	s, ok := j.Spec.(*summarySpec)
	if !ok || j.Name != config.ReviewName || !s.Own {
		return false
	}
	return slices.ContainsFunc(c.Jobs, func(x *config.Job) bool {
		return !ownJob(x.Name) && slices.ContainsFunc(x.Owners(c), func(p *config.Person) bool { return strings.EqualFold(p.Mail.Mail, mail) })
	})
}

// Text is the review as the command prints it.
func (r *Review) Text() string {
	_, p := r.page(nil)
	return p.text()
}

// listed is how many things stand below one reason.
const listed = 6

// page words the review for one reader, whose own matters come first; nil: for the command, which greets nobody.
func (r *Review) page(reader *config.Person) (subject string, p *page) {
	p = newPage(r.l, tonePlain)
	month := r.t(fmt.Sprintf("%d年%d月", r.First.Year, r.First.Month), fmt.Sprintf("%s %d", r.First.Month, r.First.Year))
	held, amount, priced := r.heldBack()
	events := r.t(fmt.Sprintf("人の手が要ったことは%d件", len(r.Events)), plural(len(r.Events), "matter", "matters")+" needed a person")
	if len(r.Events) == 0 {
		events = r.t("人の手が要ったことはありませんでした", "nothing needed a person")
	}
	subject = r.t(month+"のふりかえり｜"+events, "Review of "+month+": "+events)
	if held > 0 {
		subject += r.t(fmt.Sprintf("・送る前に止めたもの%d通", held), fmt.Sprintf(", %d held back in time", held))
	}
	switch {
	case reader != nil:
		p.greet(withSan(reader, r.l))
	case r.Person != nil:
		p.say(r.t(month+"のふりかえり（"+withSan(r.Person, r.l)+"の担当）", "Review of "+month+" ("+withSan(r.Person, r.l)+"'s part)"))
		p.gap()
	default:
		p.say(r.t(month+"のふりかえり", "Review of "+month))
		p.gap()
	}
	r.known(p)
	went := r.t(month+"に送ったものはありませんでした。", "In "+month+" nothing went out.")
	if r.Went.Messages > 0 {
		went = r.t(fmt.Sprintf("%sは、%d通を送りました。", month, r.Went.Messages), fmt.Sprintf("In %s %s went out.", month, plural(r.Went.Messages, "message", "messages")))
	}
	p.pre = went + r.t("\n"+events+map[bool]string{true: "。", false: "です。"}[len(r.Events) == 0], "\n"+capital(events, r.l)+".")
	if held > 0 {
		p.pre += r.t(fmt.Sprintf("\n送る前に止めて、そのままでは送らなかったものが%d通あります%s。", held, prefixedBy("：", r.sum(amount, priced))),
			fmt.Sprintf("\n%s held back in time and did not leave as written%s.", plural(held, "message was", "messages were"), prefixedBy(": ", r.sum(amount, priced))))
	}
	p.add(para{words: p.pre, look: "lead"})
	p.gap()
	r.reasons(p, reader)
	r.backs(p)
	r.spans(p)
	r.checksPage(p)
	r.rowsPage(p)
	r.decisions(p)
	p.add(foot{r.t("この月に記録されたことだけから、まとめています。", "All of this is made of what was recorded, and of nothing else.")})
	return subject, p
}

func prefixedBy(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

// sum is the amount at stake, and how many had none is left to say by the caller.
func (r *Review) sum(amount int64, priced int) string {
	if priced == 0 {
		return ""
	}
	return yen(amount, r.l)
}

func (r *Review) heldBack() (n int, amount int64, priced int) {
	for _, e := range r.Events {
		for _, x := range e.Back {
			if n++; x.Amount != nil {
				amount, priced = amount+*x.Amount, priced+1
			}
		}
	}
	return n, amount, priced
}

// known says what the record does not know of the month.
func (r *Review) known(p *page) {
	var out []string
	at := func(t calendar.Date) string { return t.Short(r.l) }
	if !r.Begins.IsZero() {
		d := at(calendar.DateOf(r.Begins.In(r.zone)))
		out = append(out, r.t("記録は "+d+" からです。その前のことは入っていません。", "The record begins on "+d+"; what was before is not in here."))
	}
	if end := monthStart(r.First, 1).At(calendar.Clock{}, r.zone); r.Until.Before(end) {
		m := shortMoment(r.Until.In(r.zone), r.l)
		out = append(out, r.t("月の途中です："+m+" までのことです。", "The month is not over: it tells up to "+m+"."))
	}
	for _, g := range r.Gaps {
		a, b := shortMoment(g.From.In(r.zone), r.l), shortMoment(g.To.In(r.zone), r.l)
		out = append(out, r.t("記録を控えから戻したため、"+a+" から "+b+" までのことは\n入っていません。", "The record was restored from a copy: what happened between\n"+a+" and "+b+" is not in here."))
	}
	if len(out) > 0 {
		p.add(para{words: strings.Join(out, "\n"), look: "warn"})
		p.gap()
	}
}

// reasons lists what needed a person by reason, the most frequent first; a reader's own before the others'.
func (r *Review) reasons(p *page, reader *config.Person) {
	if len(r.Events) == 0 {
		return
	}
	own, others := r.Events, []Event(nil)
	if reader != nil && r.Person == nil {
		own, others = nil, nil
		for _, e := range r.Events {
			if slices.Contains(e.owners, reader) {
				own = append(own, e)
			} else {
				others = append(others, e)
			}
		}
	}
	name := r.t("人の手が要ったこと", "What needed a person")
	if reader != nil && r.Person == nil && len(own) > 0 {
		name = r.t(withSan(reader, r.l)+"の担当で、人の手が要ったこと", "Yours that needed a person")
	}
	for _, part := range []struct {
		name string
		of   []Event
	}{{name, own}, {r.t("ほかの担当で、人の手が要ったこと", "Others' that needed a person"), others}} {
		if len(part.of) == 0 {
			continue
		}
		p.add(head{"■ ", r.t(fmt.Sprintf("%s　%d件", part.name, len(part.of)), fmt.Sprintf("%s: %d", part.name, len(part.of))), toneNeeds})
		r.byReason(p, part.of)
		p.gap()
	}
}

func (r *Review) byReason(p *page, of []Event) {
	groups := map[string][]Event{}
	var order []string
	for _, e := range of {
		if groups[e.Reason] == nil {
			order = append(order, e.Reason)
		}
		groups[e.Reason] = append(groups[e.Reason], e)
	}
	slices.SortStableFunc(order, func(a, b string) int { return len(groups[b]) - len(groups[a]) })
	for _, reason := range order {
		g := groups[reason]
		x := entry{calm: true, mark: r.t("・", "- "), what: capital(reason, r.l), sep: r.t("　", ": "), aside: r.t(fmt.Sprintf("%d件", len(g)), fmt.Sprint(len(g))), hang: r.t("　　", "    ")}
		for i, e := range g {
			if i == listed {
				x.under = append(x.under, r.t(fmt.Sprintf("ほか%d件", len(g)-i), fmt.Sprintf("and %d more", len(g)-i)))
				break
			}
			x.under = append(x.under, r.line(e))
		}
		p.add(x)
	}
}

// line says one thing of the month: the day, what it was about, and how it ended.
func (r *Review) line(e Event) string {
	day := calendar.DateOf(e.Since.In(r.zone)).Short(r.l)
	s := day + " " + e.Title
	if e.Letters > 1 {
		s += r.t(fmt.Sprintf("（%d通）", e.Letters), fmt.Sprintf(" (%d messages)", e.Letters))
	} else if e.Letters == 1 && e.Addressee != "" && !strings.Contains(e.Title, bareName(e.Addressee)) {
		s += r.t("（"+e.Addressee+"）", " ("+e.Addressee+")")
	}
	switch {
	case e.Ended.IsZero() && (e.What == whatMissed || e.What == whatSkipped):
	case e.Ended.IsZero():
		s += r.t("：まだ片付いていません", ": still open")
	default:
		s += r.t("：", ": ") + strings.Join(nonEmptyWords(e.How, r.howLong(e.Since, e.Ended, e.days)), r.t("、", ", "))
	}
	return s
}

func nonEmptyWords(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// backs lists what was held back in time, with what was seen and what became of it.
func (r *Review) backs(p *page) {
	n, amount, priced := r.heldBack()
	if n == 0 {
		return
	}
	p.add(head{"■ ", r.t(fmt.Sprintf("送る前に止めたもの　%d通%s", n, prefixedBy("　", r.sum(amount, priced))), fmt.Sprintf("Held back in time: %d%s", n, prefixedBy(", ", r.sum(amount, priced)))), toneWell})
	shown := 0
	for _, e := range r.Events {
		for _, b := range e.Back {
			if shown++; shown > 2*listed {
				continue
			}
			x := entry{calm: true, mark: r.t("・", "- "), when: calendar.DateOf(e.Since.In(r.zone)).Short(r.l), what: e.Title, hang: r.t("　　", "    ")}
			if b.Addressee != "" && !strings.Contains(e.Title, bareName(b.Addressee)) {
				x.what += r.t("（"+b.Addressee+"）", " ("+b.Addressee+")")
			}
			if b.Amount != nil {
				x.sep, x.aside = r.t("　", ": "), yen(*b.Amount, r.l)
			}
			x.under = nonEmptyWords(b.Seen, strings.Join(nonEmptyWords(b.How, r.said(b.By, b.Why)), r.t("　", ", ")))
			p.add(x)
		}
	}
	if shown > 2*listed {
		p.add(para{words: r.t(fmt.Sprintf("ほか%d通", shown-2*listed), fmt.Sprintf("and %d more", shown-2*listed)), look: "small"})
	}
	if priced < n {
		p.add(para{words: r.t(fmt.Sprintf("このうち%d通は、金額が記録にありません。", n-priced), fmt.Sprintf("Of %d the amount is not recorded.", n-priced)), look: "small"})
	}
	p.gap()
}

// said is the reason that a person gave.
func (r *Review) said(by, why string) string {
	if why == "" {
		return ""
	}
	return r.t(by+"「"+why+"」", by+": \""+why+"\"")
}

// spans says how long things stayed open.
func (r *Review) spans(p *page) {
	var all []span
	open := 0
	for _, e := range r.Events {
		switch {
		case e.What == whatMissed || e.What == whatSkipped:
		case e.Ended.IsZero():
			open++
		default:
			all = append(all, span{e.Since, e.Ended, e.days})
		}
	}
	var lines []block
	line := func(name, median, longest string, n, open int) {
		words := r.lengths(median, longest, n)
		if open > 0 {
			words = append(words, r.t(fmt.Sprintf("まだのもの%d件", open), fmt.Sprintf("%d still open", open)))
		}
		if len(words) > 0 {
			lines = append(lines, entry{calm: true, mark: r.t("・", "- "), what: name, hang: r.t("　　", "    "), under: []string{strings.Join(words, r.t("、", ", "))}})
		}
	}
	median, longest := r.spread(all)
	line(r.t("人の手が要ったこと", "What needed a person"), median, longest, len(all), open)
	if r.Asked.Runs > 0 {
		line(r.t(fmt.Sprintf("確認のお願い　%d件", r.Asked.Runs), fmt.Sprintf("Confirmations: %d", r.Asked.Runs)), r.Asked.Median, r.Asked.Longest, r.Asked.answered, r.Asked.Open)
	}
	if len(lines) == 0 {
		return
	}
	p.add(head{"■ ", r.t("片付くまでの時間", "How long it took"), tonePlain})
	p.add(lines...)
	p.gap()
}

// lengths says how long some things took; of one there is nothing to compare.
func (r *Review) lengths(median, longest string, n int) []string {
	if n <= 1 {
		return nonEmptyWords(longest)
	}
	return []string{r.t("半分は"+median+"以内", "half of them within "+median), r.t("いちばん長くて"+longest, "the longest "+longest)}
}

// checksPage says which checks never and which always came out wrong: the first may look at nothing, the second may be the
// wrong rule.
func (r *Review) checksPage(p *page) {
	if len(r.Checks) == 0 {
		return
	}
	var never, always, blind []CheckTally
	ran := 0
	for _, t := range r.Checks {
		ran += t.Ran
		switch {
		case t.Fired == t.Ran:
			always = append(always, t)
		case t.Unjudged == t.Ran:
			blind = append(blind, t)
		case t.Fired == 0 && t.Unjudged == 0:
			never = append(never, t)
		}
	}
	p.add(head{"■ ", r.t(fmt.Sprintf("決めておいた確認　%d種、%d回", len(r.Checks), ran), fmt.Sprintf("Agreed checks: %d, asked %s", len(r.Checks), plural(ran, "time", "times"))), tonePlain})
	list := func(name string, of []CheckTally, say func(CheckTally) string) {
		if len(of) == 0 {
			return
		}
		x := entry{calm: true, mark: r.t("・", "- "), what: name, sep: r.t("　", ": "), aside: r.t(fmt.Sprintf("%d種", len(of)), fmt.Sprint(len(of))), hang: r.t("　　", "    ")}
		for i, t := range of {
			if i == listed {
				x.under = append(x.under, r.t(fmt.Sprintf("ほか%d種", len(of)-i), fmt.Sprintf("and %d more", len(of)-i)))
				break
			}
			x.under = append(x.under, say(t))
		}
		p.add(x)
	}
	what := func(t CheckTally) string { return t.Title + r.t("：", ": ") + t.Says }
	list(r.t("毎回当たった確認（規則が合っていないかもしれません）", "Always wrong (the rule may not fit)"), always, func(t CheckTally) string {
		return what(t) + r.t(fmt.Sprintf("　%d回とも", t.Ran), fmt.Sprintf(", all %d times", t.Ran))
	})
	list(r.t("いつも判断できなかった確認", "Never to be judged"), blind, func(t CheckTally) string {
		return what(t) + r.t(fmt.Sprintf("　%d回とも", t.Ran), fmt.Sprintf(", all %d times", t.Ran))
	})
	list(r.t("いちども当たらなかった確認", "Never wrong"), never, func(t CheckTally) string {
		s := what(t) + r.t(fmt.Sprintf("　%d回", t.Ran), ", "+plural(t.Ran, "time", "times"))
		if t.All > t.Ran {
			d := calendar.DateOf(t.Since.In(r.zone))
			s += r.t(fmt.Sprintf("（%d年%d月から%d回）", d.Year, d.Month, t.All), fmt.Sprintf(" (%d since %s %d)", t.All, d.Month, d.Year))
		}
		return s
	})
	if len(always)+len(blind)+len(never) == 0 {
		p.say(r.t("どの確認も、当たることも、当たらないこともありました。", "Each was right at times and wrong at times."))
	}
	p.gap()
}

// rowsPage says what checks of tables found.
func (r *Review) rowsPage(p *page) {
	if len(r.Rows) == 0 {
		return
	}
	p.add(head{"■ ", r.t("表の確認で見つかったこと", "What checks of tables found"), tonePlain})
	for _, t := range r.Rows {
		words := []string{r.t(fmt.Sprintf("直った%d件", t.Mended), fmt.Sprintf("%d mended", t.Mended))}
		if t.Accepted > 0 {
			words = append(words, r.t(fmt.Sprintf("このままでよい%d件", t.Accepted), fmt.Sprintf("%d left as they are", t.Accepted)))
		}
		if t.Gone > 0 {
			words = append(words, r.t(fmt.Sprintf("行がなくなったか、期日が過ぎた%d件", t.Gone), fmt.Sprintf("%d gone from the table or past their date", t.Gone)))
		}
		if t.Open > 0 {
			words = append(words, r.t(fmt.Sprintf("まだのもの%d件", t.Open), fmt.Sprintf("%d still open", t.Open)))
		}
		x := entry{calm: true, mark: r.t("・", "- "), what: t.Title, sep: r.t("　", ": "), aside: r.t(fmt.Sprintf("%d件", t.Found), fmt.Sprint(t.Found)), hang: r.t("　　", "    "),
			under: []string{r.t("例：", "such as: ") + t.Says, strings.Join(words, r.t("、", ", "))}}
		if words := r.lengths(t.Median, t.Worst, t.Mended+t.Accepted); len(words) > 0 {
			x.under = append(x.under, r.t("片付くまで：", "settled: ")+strings.Join(words, r.t("、", ", ")))
		}
		p.add(x)
	}
	p.gap()
}

// decisions are the reasons that people gave: the precedents of the next time.
func (r *Review) decisions(p *page) {
	var said []Event
	for _, e := range r.Events {
		if e.Why != "" {
			said = append(said, e)
		}
	}
	if len(said) == 0 {
		return
	}
	p.add(head{"■ ", r.t(fmt.Sprintf("理由を添えて決めたこと　%d件", len(said)), fmt.Sprintf("Decided with a reason: %d", len(said))), tonePlain})
	for i, e := range said {
		if i == 2*listed {
			p.add(para{words: r.t(fmt.Sprintf("ほか%d件", len(said)-i), fmt.Sprintf("and %d more", len(said)-i)), look: "small"})
			break
		}
		p.add(entry{calm: true, mark: r.t("・", "- "), when: calendar.DateOf(e.Since.In(r.zone)).Short(r.l), what: e.Title, hang: r.t("　　", "    "),
			under: []string{r.t(r.said(e.By, e.Why)+"として"+e.Decided, e.Decided+", "+r.said(e.By, e.Why))}})
	}
	p.say(r.t("次に同じことを決めるとき、お知らせに書き添えます。", "Where the same has to be decided again, these are told with it."))
	p.gap()
}
