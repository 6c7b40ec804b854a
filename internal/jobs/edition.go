package jobs

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// footAtMost is how many changes of the rules the footer tells one by one.
const footAtMost = 5

// foldAfter is how many jobs that went well are listed; the rest is a number, so that the mail stays one screen.
const foldAfter = 8

// foundAtMost is how much of what checks found, and let go, is told of one run.
const foundAtMost = 3

// t is a sentence in the summary's language.
func (e *edition) t(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(e.l) }

// deed is a run of which something was done since the last summary.
type deed struct {
	run     ledger.Run
	title   string
	at      time.Time
	sent    int
	all     int // messages of the run that count
	amount  int64
	priced  bool // every one of them has an amount
	yes     []string
	how     string   // 手作業で済み, 見送り: where it is not the usual way
	doubts  []string // what became of an answer that was lost
	found   []string // by checks, of messages that went all the same
	said    string
	whole   bool
	whose   []*config.Person
	leftOut bool
}

// tally is what happened in a reader's span.
type tally struct {
	due   int // runs that were due
	done  int
	open  int // of the due ones, held or waiting for a person
	deeds []deed
	today bool // everything due was due on the summary's own day
}

// words words one reader's copy.
func (e *edition) words(reader *config.Person) (subject string, p *page) {
	since := e.since(reader.ID)
	var tl tally
	e.try("what was done", "完了したこと", func() (err error) {
		tl, err = e.tally(reader, since)
		return err
	})
	open := slices.Clone(e.open)
	sort.SliceStable(open, func(i, j int) bool {
		return e.concerns(open[i], reader) && !e.concerns(open[j], reader)
	})
	quiet := len(open) == 0
	p = newPage(e.l, toneNeeds)
	if quiet {
		p.tone = toneWell
	}
	p.say(e.greeting())
	if s := strings.Trim(e.lost(since)+e.troubles(), "\n"); s != "" {
		p.gap()
		p.add(para{words: s, look: "warn"})
	}
	p.gap()
	p.pre = e.outcome(tl, open)
	p.add(para{words: p.pre, look: "lead"})
	p.gap()
	if !quiet {
		e.needs(p, open, reader)
	}
	e.deeds(p, tl, quiet)
	e.thanks(p, reader)
	e.found(p)
	e.days(p, quiet)
	e.try("this month", "今月ここまで", func() error {
		s, err := e.month()
		if s != "" {
			p.say(s)
			p.gap()
		}
		return err
	})
	p.add(e.foot(reader, since))
	return e.subject(len(open), tl), p
}

// concerns reports whether a reader is one of those who have to act.
func (e *edition) concerns(m matter, reader *config.Person) bool {
	return slices.Contains(m.whose(e.w.Config), reader)
}

func (e *edition) subject(open int, tl tally) string {
	done := 0
	for _, d := range tl.deeds {
		if d.whole && !d.leftOut {
			done++
		}
	}
	day := e.day.Short(e.l)
	if e.l == calendar.English {
		needs := "nothing needs you"
		if open > 0 {
			needs = plural(open, "matter needs", "matters need") + " a person"
		}
		return fmt.Sprintf("%s, %d done | %s, daily summary #%d", needs, done, day, e.number)
	}
	needs := "要対応なし"
	if open > 0 {
		needs = fmt.Sprintf("要対応%d件", open)
	}
	if done > 0 {
		needs += fmt.Sprintf("・完了%d件", done)
	}
	return fmt.Sprintf("%s｜%s 本日のまとめ #%d", needs, day, e.number)
}

// plural is a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// greeting names everybody who reads it, so that each knows who else knows.
func (e *edition) greeting() string {
	if len(e.readers) > 5 {
		return e.t("各位", "All colleagues,")
	}
	s := names(e.readers, withSan, e.l)
	if e.l == calendar.English {
		return s + ","
	}
	return s
}

// lost says first which earlier summary may not have come: nobody sends it again, and what it said is in this one.
func (e *edition) lost(since time.Time) string {
	type fate struct {
		run     int64
		unknown bool
	}
	who := map[fate][]string{}
	var order []fate
	for _, m := range e.history {
		if m.State != ledger.StateUnknown && m.State != ledger.StateFailed || m.Sealed.Before(since) {
			continue
		}
		f := fate{m.Run, m.State == ledger.StateUnknown}
		if who[f] == nil {
			order = append(order, f)
		}
		name := m.Part
		if p := e.w.Config.People[m.Part]; p != nil {
			name = withSan(p, e.l)
		}
		who[f] = append([]string{name}, who[f]...) // the history is newest first
	}
	var out []string
	for _, f := range order {
		r := e.records[f.run]
		which := fmt.Sprintf("#%d", r.Number)
		if d, p := calendar.ParseDate(r.Day); p == nil {
			which += " " + d.Short(e.l)
		}
		list := strings.Join(who[f], e.t("、", ", "))
		if f.unknown {
			out = append(out, e.t(fmt.Sprintf("まとめ %s が届いたか分かりません（%s宛て）。", which, list),
				fmt.Sprintf("It is not known whether the summary %s arrived (to %s).", which, list)))
		} else {
			out = append(out, e.t(fmt.Sprintf("まとめ %s をお届けできませんでした（%s宛て）。", which, list),
				fmt.Sprintf("The summary %s could not be sent (to %s).", which, list)))
		}
	}
	if len(out) > 0 {
		out = append(out, e.t("その分も、このまとめに入れています。", "What it said is in this one too."))
	}
	return strings.Join(out, "\n")
}

// troubles says what this summary could not read.
func (e *edition) troubles() string {
	if len(e.oops) == 0 {
		return ""
	}
	return "\n" + e.t("次のところは、記録を読めず、このまとめに入っていません："+strings.Join(e.oops, "、"),
		"These parts are missing here, because the record could not be read: "+strings.Join(e.oops, ", "))
}

// outcome is the sentence that is enough for most days.
func (e *edition) outcome(tl tally, open []matter) string {
	span := e.t("本日の予定", "today's duties")
	if !tl.today {
		span = e.t("前回のまとめからの予定", "the duties since the last summary")
	}
	k := len(open)
	nothing := e.t("対応していただくことはありません。", "Nothing needs you.")
	rest := tl.due - tl.done
	switch {
	case k == 0 && tl.due == 0:
		return e.t(span+"はありませんでした。\n", "There were no duties.\n") + nothing
	case k == 0 && rest == 0:
		return e.t(span+"は、すべて完了しました。\n", "All of "+span+" are done.\n") + nothing
	case k == 0:
		return e.t(fmt.Sprintf("%s%d件のうち%d件が完了しました。\n", span, tl.due, tl.done), fmt.Sprintf("%s: %d of %d done.\n", capital(span, e.l), tl.done, tl.due)) + nothing
	case tl.due == 0:
		return e.t(fmt.Sprintf("%sはありませんでした。\n対応をお願いしたいことが%d件あります。", span, k), fmt.Sprintf("There were no duties.\n%s a person.", plural(k, "matter needs", "matters need")))
	case rest == 0:
		return e.t(fmt.Sprintf("%s%d件は、すべて完了しました。\nほかに、対応をお願いしたいことが%d件あります。", span, tl.due, k),
			fmt.Sprintf("All of %s are done (%d).\nBesides, %s a person.", span, tl.due, plural(k, "matter needs", "matters need")))
	case tl.open == rest && tl.done > 0:
		return e.t(fmt.Sprintf("%s%d件のうち%d件が完了し、%d件を送らずに止めています。", span, tl.due, tl.done, rest),
			fmt.Sprintf("%s: %d of %d done, %d on hold.", capital(span, e.l), tl.done, tl.due, rest))
	case tl.open == rest:
		return e.t(fmt.Sprintf("%s%d件を、送らずに止めています。", span, rest), fmt.Sprintf("%s: %d on hold.", capital(span, e.l), rest))
	}
	return e.t(fmt.Sprintf("%s%d件のうち%d件が完了しました。\n対応をお願いしたいことが%d件あります。", span, tl.due, tl.done, k),
		fmt.Sprintf("%s: %d of %d done.\n%s a person.", capital(span, e.l), tl.done, tl.due, plural(k, "matter needs", "matters need")))
}

// needs lists what needs a person: in full the first time, one line with its age afterwards.
func (e *edition) needs(p *page, open []matter, reader *config.Person) {
	p.add(head{e.t("■ ", "■ "), e.t(fmt.Sprintf("要対応 %d件", len(open)), fmt.Sprintf("Needs a person: %d", len(open))), toneNeeds})
	p.gap()
	old, hadOne := e.known(reader.ID)
	for i, m := range open {
		p.add(e.item(i+1, m, func() (days int, told bool) {
			if !hadOne {
				return 0, false
			}
			t, told := e.records[old.Run].Told[m.what+"/"+m.id()]
			if !told || t.Digest != m.digest() {
				return 0, false
			}
			return e.age(t.First), true
		}))
		p.gap()
	}
}

// age is the number of business days on which a matter was open, the first included: 2 on the second day.
func (e *edition) age(first string) int {
	d, p := calendar.ParseDate(first)
	if p != nil {
		return 2
	}
	n := 1
	for d.Before(e.day) && n < 400 {
		d = d.AddDays(1)
		if e.w.Job.Days.IsOpen(d) || d == e.day {
			n++
		}
	}
	return max(n, 2)
}

// item words one matter. Whatever goes wrong in wording it costs that item only its words, never the summary.
func (e *edition) item(n int, m matter, told func() (int, bool)) (b block) {
	mark := fmt.Sprintf("%d.", n)
	defer func() {
		if p := recover(); p != nil {
			b = para{words: mark + " " + e.t(fmt.Sprintf("番号 %s：内容を文にできませんでした。記録で確かめてください。", m.number()),
				fmt.Sprintf("Number %s: it could not be put into words; look it up in the record.", m.number())), look: "warn"}
		}
	}()
	words := e.heading(m)
	days, again := told()
	if again {
		words += e.t(fmt.Sprintf("：%s（%d日目）", m.word(e.l), days), fmt.Sprintf(": %s (day %d)", m.word(e.l), days))
	}
	if sum, ok := m.amount(); ok {
		words += e.t("　", "  ") + yen(sum, e.l)
	}
	who := e.t("→ ", "-> ") + names(m.whose(e.w.Config), withSan, e.l)
	now := e.w.Now.In(e.w.Config.Zone)
	deputies, old := m.deputies(e.w.Config, now)
	if limit, ok := m.limit(now); ok {
		who += e.t("／", ", ") + limit.said(now, e.l)
	} else if !old && m.what != whatPaused {
		day := relativeDay(e.next.At(calendar.Clock{}, e.w.Config.Zone), now, e.l)
		who += e.t("／"+day+"までに", ", by "+day)
	}
	if len(deputies) > 0 {
		who += e.t("（"+names(deputies, withSan, e.l)+"にもお知らせしています）", " ("+names(deputies, withSan, e.l)+" told as well)")
	}
	var lines []itemLine
	say := func(look, mark, words string) { lines = append(lines, itemLine{mark, words, look}) }
	if !again {
		state := m.state(e.l)
		if m.what != whatConfirm && m.what != whatPaused && slices.ContainsFunc(m.messages, func(x ledger.Message) bool {
			return x.State == ledger.StateHeld && len(x.Confirmed) < x.ConfirmCount
		}) {
			state += e.t("確認もまだです。", " It has not been confirmed either.")
		}
		say("card-line", "", state)
		for _, s := range m.seen(e.l) {
			say("card-seen", e.t("　", "  "), s)
		}
		todo := m.todo(e.l)
		if len(todo) == 1 {
			say("card-line", "", e.t("お願い：", "Please ")+stop(todo[0], e.l))
		} else if len(todo) > 1 {
			say("card-line", "", e.t("次のことをお願いします。", "Please:"))
			for _, s := range todo {
				say("card-line", e.t("　・", "  - "), stop(s, e.l))
			}
		}
		if s := m.byItself(e.w.Now, e.l); s != "" {
			say("card-small", "", s)
		}
	}
	if m.number() != "" {
		say("card-small", "", e.t("番号 ", "Number ")+m.number())
	}
	return item{mark: mark, words: words, who: who, lines: lines}
}

// stop ends a sentence that was handed in without its end.
func stop(s string, l calendar.Language) string {
	if l == calendar.English {
		if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") {
			return s
		}
		return s + "."
	}
	if strings.HasSuffix(s, "。") || strings.HasSuffix(s, "？") {
		return s
	}
	return s + "。"
}

// heading is what a matter is about: the run, and whom it is for where that is not all of it.
func (e *edition) heading(m matter) string {
	if m.what == whatPaused && !m.stopsOne() {
		return e.t("送信の全体", "All mail")
	}
	s := m.title
	if n := len(m.messages); n > 0 {
		first := m.messages[0].Addressee
		switch {
		case first == "" || strings.Contains(s, bareName(first)):
		case n == 1:
			s += e.t("（"+first+"）", " ("+first+")")
		default:
			s += e.t(fmt.Sprintf("（%sなど%d通）", first, n), fmt.Sprintf(" (%s and %d more)", first, n-1))
		}
	}
	return s
}

// bareName is an addressee without 様 or さん, for seeing whether a title names it already.
func bareName(s string) string {
	bare, _ := honored(s)
	return bare
}

// tally reads what happened since the reader's last summary.
func (e *edition) tally(reader *config.Person, since time.Time) (tally, error) {
	v := e.w.Ledger
	tl := tally{today: true}
	if v == nil {
		return tl, nil
	}
	now := e.w.Now
	byRun := map[int64]*deed{}
	of := func(r ledger.Run) *deed {
		d := byRun[r.ID]
		if d == nil {
			m := matter{run: r}
			m.ofJob(e.w.Config, v)
			d = &deed{run: r, title: m.title, said: clean(r.Said), priced: true, whose: m.owners, at: r.Changed}
			byRun[r.ID] = d
		}
		return d
	}
	mine := func(job string) bool { return job == e.w.Identity || ownJob(job) } // bod's own mails are no duties
	due := map[int64]bool{}
	for r, err := range v.Runs(ledger.RunQuery{DueFrom: since, DueUntil: now.Add(time.Microsecond)}) {
		if err != nil {
			return tl, err
		}
		if !mine(r.Job) && r.State != ledger.RunSkipped {
			due[r.ID] = true
			if calendar.DateOf(r.Due.In(e.w.Config.Zone)) != e.day {
				tl.today = false
			}
		}
	}
	for r, err := range v.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunDone, ledger.RunSkipped}, ChangedFrom: since}) {
		if err != nil {
			return tl, err
		}
		if mine(r.Job) {
			continue
		}
		d := of(r)
		d.whole = true
		if r.State == ledger.RunSkipped {
			d.how, d.leftOut = RunWords(r, e.l), true
			if len(r.Reasons) > 0 {
				d.said = clean(r.Reasons[len(r.Reasons)-1].Text)
			}
			continue
		}
		due[r.ID] = true
		tl.done++
	}
	results := map[int64]Results{}
	resolved, err := v.Resolved(since)
	if err != nil {
		return tl, err
	}
	for m, err := range v.Messages(ledger.MessageQuery{Class: ledger.ClassLetter, ChangedFrom: since}) {
		if err != nil {
			return tl, err
		}
		at, ended := endedAt(m)
		if !ended || at.Before(since) || m.Run == 0 {
			continue
		}
		r, err := v.Run(m.Run)
		if err != nil {
			return tl, err
		}
		if r.State == ledger.RunSkipped || r.State == ledger.RunMissed {
			continue
		}
		d := of(r)
		if d.sent == 0 || at.After(d.at) {
			d.at = at
		}
		d.sent++
		switch {
		case m.Amount == nil:
			d.priced = false
		default:
			d.amount += *m.Amount
		}
		if m.State != ledger.StateSent {
			d.how = DeliveryWords(m.State, e.l)
		}
		d.doubt(m, resolved, e)
		if err := e.decided(d, m); err != nil {
			return tl, err
		}
		if soft(jobOf(e.w.Config, v, r.Job), thenWarn, thenTell) {
			if results[r.ID] == nil {
				if results[r.ID], err = CheckedIn(v, r.ID); err != nil {
					return tl, err
				}
			}
			for _, x := range letGo(results[r.ID].Of(m.Part, m.Inputs), thenWarn, thenTell) {
				d.found = append(d.found, m.Addressee+e.t("：", ": ")+x.Words(e.l))
			}
		}
	}
	for id, d := range byRun {
		if d.leftOut || d.sent == 0 {
			continue
		}
		for m, err := range v.Messages(ledger.MessageQuery{Run: id}) {
			if err != nil {
				return tl, err
			}
			if m.State != ledger.StateReplaced && m.State != ledger.StateRejected {
				d.all++
			}
		}
	}
	tl.due = len(due)
	waits := map[int64]bool{}
	for _, m := range e.open {
		if due[m.run.ID] && slices.Contains([]string{whatConfirm, whatCheck, whatPerson, whatGone, whatRestored, whatLate, whatWaiting}, m.what) {
			waits[m.run.ID] = true
		}
	}
	tl.open = len(waits)
	for _, d := range byRun {
		tl.deeds = append(tl.deeds, *d)
	}
	sort.Slice(tl.deeds, func(i, j int) bool {
		a, b := tl.deeds[i], tl.deeds[j]
		if x, y := slices.Contains(a.whose, reader), slices.Contains(b.whose, reader); x != y {
			return x
		}
		if !a.at.Equal(b.at) {
			return a.at.Before(b.at)
		}
		return a.run.ID < b.run.ID
	})
	return tl, nil
}

// endedAt is when the last of a message's deliveries ended; ended is false while one is open, and for what was
// replaced or called off.
func endedAt(m ledger.Message) (at time.Time, ended bool) {
	if m.State != ledger.StateSent && m.State != ledger.StateWritten && m.State != ledger.StateByHand {
		return at, false
	}
	for _, d := range m.Deliveries {
		if d.Changed.After(at) {
			at = d.Changed
		}
	}
	return at, true
}

// doubt notes what became of answers that were lost, where no person decided it.
func (d *deed) doubt(m ledger.Message, resolved []ledger.Resolved, e *edition) {
	for _, r := range resolved {
		if !slices.ContainsFunc(m.Deliveries, func(x ledger.Delivery) bool { return x.ID == r.Delivery }) {
			continue
		}
		said := ""
		switch {
		case r.To == ledger.StateSent && strings.HasPrefix(r.By.Name, Proof):
			said = e.t("届いたか不明でしたが、メールサーバーの記録で送信済みと確かめました", "the answer was lost; the mail server's log says that it was sent")
		case r.To == ledger.StateQueued && r.By.Name == ByRule:
			said = e.t("届いたか不明だったため、決めたとおり送り直しました", "the answer was lost; sent again as the rule says")
		}
		if said != "" && !slices.Contains(d.doubts, said) {
			d.doubts = append(d.doubts, said)
		}
	}
}

// decided notes who said yes, and when.
func (e *edition) decided(d *deed, m ledger.Message) error {
	if len(m.Confirmed) == 0 {
		return nil
	}
	ds, err := e.w.Ledger.Decisions(m.ID)
	if err != nil {
		return err
	}
	for _, x := range ds {
		p := e.w.Config.People[x.Person]
		if !x.Yes || p == nil {
			continue
		}
		at := x.At.In(e.w.Config.Zone)
		when := hour(at)
		if day := calendar.DateOf(at); day != calendar.DateOf(d.at.In(e.w.Config.Zone)) {
			when = day.Short(e.l)
		}
		if s := withSan(p, e.l) + " " + when; !slices.ContainsFunc(d.yes, func(y string) bool { return strings.HasPrefix(y, withSan(p, e.l)) }) {
			d.yes = append(d.yes, s)
		}
	}
	return nil
}

// deeds lists what was done, one line a job.
func (e *edition) deeds(p *page, tl tally, quiet bool) {
	if len(tl.deeds) == 0 {
		return
	}
	whole := 0
	for _, d := range tl.deeds {
		if d.whole && !d.leftOut {
			whole++
		}
	}
	if !quiet {
		p.add(head{"■ ", e.t(fmt.Sprintf("完了 %d件", whole), fmt.Sprintf("Done: %d", whole)), toneWell})
	}
	for i, d := range tl.deeds {
		if i == foldAfter && len(tl.deeds) > foldAfter {
			p.add(para{words: e.t(fmt.Sprintf("ほか%d件も完了", len(tl.deeds)-i), fmt.Sprintf("and %d more", len(tl.deeds)-i)), look: "small"})
			break
		}
		p.add(e.deed(d))
	}
	p.gap()
}

// deed words one line of what was done.
func (e *edition) deed(d deed) entry {
	at := d.at.In(e.w.Config.Zone)
	x := entry{mark: e.t("・", "- "), when: clockOf(at), what: d.title, sep: e.t("　", "  ")}
	if calendar.DateOf(at) != e.day {
		x.when = shortMoment(at, e.l)
	}
	if d.priced && d.sent > 0 {
		x.aside = yen(d.amount, e.l)
	} else {
		x.aside = d.said
	}
	var notes []string
	switch {
	case d.all > d.sent:
		notes = append(notes, e.t(fmt.Sprintf("%d通のうち%d通", d.all, d.sent), fmt.Sprintf("%d of %d messages", d.sent, d.all)))
	case d.sent > 1:
		notes = append(notes, e.t(fmt.Sprintf("%d通", d.sent), fmt.Sprintf("%d messages", d.sent)))
	}
	if d.how != "" {
		notes = append(notes, d.how)
	}
	if len(d.yes) > 0 {
		notes = append(notes, e.t("確認：", "confirmed: ")+strings.Join(d.yes, e.t("、", ", ")))
	}
	notes = append(notes, d.doubts...)
	if due := d.run.Due.In(e.w.Config.Zone); !d.leftOut && calendar.DateOf(due).Before(calendar.DateOf(at)) {
		notes = append(notes, e.t(calendar.DateOf(due).Short(e.l)+"の分", "due "+calendar.DateOf(due).Short(e.l)))
	}
	if len(notes) > 0 {
		x.note = e.t("（"+strings.Join(notes, "、")+"）", "("+strings.Join(notes, ", ")+")")
	}
	for i, s := range d.found {
		if i == foundAtMost {
			x.under = append(x.under, e.t(fmt.Sprintf("ほか%d件の注意", len(d.found)-i), fmt.Sprintf("and %d more to note", len(d.found)-i)))
			break
		}
		x.under = append(x.under, e.t("注意　", "to note: ")+s)
	}
	return x
}

// days says what comes: the next business day line by line, later only what is not there yet.
func (e *edition) days(p *page, quiet bool) {
	zone := e.w.Config.Zone
	today := calendar.DateOf(e.w.Now.In(zone))
	var near, far []coming
	bad := 0
	for _, x := range e.ahead {
		if d := calendar.DateOf(x.due.In(zone)); !e.next.Before(d) {
			near = append(near, x)
			if len(x.missing) > 0 || x.word != "" {
				bad++
			}
		} else if len(x.missing) > 0 {
			far = append(far, x)
		}
	}
	name := e.t("あす ", "Tomorrow, ")
	if e.next != today.AddDays(1) {
		name = e.t("次の営業日 ", "Next business day, ")
	}
	name += e.next.Short(e.l)
	section := func(words string, quiet bool) {
		if quiet {
			p.say(words)
		} else {
			p.add(head{"■ ", words, tonePlain})
		}
	}
	switch {
	case len(near) == 0:
		section(e.t(name+"　予定はありません", name+": nothing planned"), quiet)
	case quiet && bad == 0:
		section(e.t(fmt.Sprintf("%s　%d件、準備できています", name, len(near)), fmt.Sprintf("%s: %d, ready", name, len(near))), quiet)
	default:
		section(e.t(fmt.Sprintf("%s　%d件", name, len(near)), fmt.Sprintf("%s: %d", name, len(near))), false)
		for _, x := range near {
			p.add(e.soon(x))
		}
	}
	if len(far) > 0 {
		section(e.t("まだそろっていないもの", "Not there yet"), quiet && bad == 0)
	}
	for i, x := range far {
		if i == foldAfter {
			p.add(para{words: e.t(fmt.Sprintf("ほか%d件", len(far)-i), fmt.Sprintf("and %d more", len(far)-i)), look: "small"})
			break
		}
		p.add(e.lacking(entry{mark: e.t("・", "- "), when: calendar.DateOf(x.due.In(zone)).Short(e.l), what: x.title}, x))
	}
	p.gap()
}

// soon is one line of the next business day.
func (e *edition) soon(x coming) entry {
	due := x.due.In(e.w.Config.Zone)
	out := entry{mark: e.t("・", "- "), when: clockOf(due), what: x.title, sep: e.t("　", ": "), aside: x.word}
	if calendar.DateOf(due) != e.next {
		out.when = shortMoment(due, e.l)
	}
	switch {
	case len(x.missing) > 0:
		out.aside = e.t("まだそろっていません", "not there yet")
	case x.word == "":
		out.aside = e.t("準備できています", "ready")
	}
	const title = 38
	if e.l != calendar.English && textWidth(x.title, true) <= title {
		out.pad = title
	}
	return e.lacking(out, x)
}

// lacking adds what a coming occurrence lacks.
func (e *edition) lacking(out entry, x coming) entry {
	out.hang = e.t("　　", "    ")
	for i, r := range x.missing {
		if i == 3 {
			out.under = append(out.under, e.t(fmt.Sprintf("ほか%d件", len(x.missing)-i), fmt.Sprintf("and %d more", len(x.missing)-i)))
			break
		}
		out.under = append(out.under, clean(r.Text))
	}
	return out
}

// month is what went out this month, so that a quiet day still says that the office runs.
func (e *edition) month() (string, error) {
	v := e.w.Ledger
	if v == nil {
		return "", nil
	}
	zone := e.w.Config.Zone
	first := calendar.Date{Year: e.day.Year, Month: e.day.Month, Day: 1}.At(calendar.Clock{}, zone)
	n, onDay, written := 0, 0, 0
	sum, priced := int64(0), true
	for m, err := range v.Messages(ledger.MessageQuery{Class: ledger.ClassLetter, States: []ledger.State{ledger.StateSent, ledger.StateWritten, ledger.StateByHand}, ChangedFrom: first}) {
		if err != nil {
			return "", err
		}
		at, ended := endedAt(m)
		if !ended || at.Before(first) {
			continue
		}
		n++
		if m.State == ledger.StateWritten {
			written++
		}
		if !calendar.DateOf(m.NotBefore.In(zone)).Before(calendar.DateOf(at.In(zone))) {
			onDay++
		}
		if m.Amount == nil {
			priced = false
		} else {
			sum += *m.Amount
		}
	}
	if n == 0 {
		return "", nil
	}
	ja, en := fmt.Sprintf("%d通", n), plural(n, "message", "messages")
	if priced {
		ja, en = ja+" "+yen(sum, e.l), en+", "+yen(sum, e.l)
	}
	verbJA, verbEN := "送付", "sent"
	if written == n {
		verbJA, verbEN = "試しに書き出し", "written as a trial"
	}
	if onDay == n {
		return e.t(fmt.Sprintf("今月ここまで：%sを予定日どおりに%s", ja, verbJA), fmt.Sprintf("This month so far: %s, all %s on their day", en, verbEN)), nil
	}
	return e.t(fmt.Sprintf("今月ここまで：%sを%s（うち%d通は予定日のあと）", ja, verbJA, n-onDay),
		fmt.Sprintf("This month so far: %s %s (%d after their day)", en, verbEN, n-onDay)), nil
}

// foot says whether the rules changed, which summary came before, and the chain's head: a record that was changed
// afterwards no longer leads to it.
func (e *edition) foot(reader *config.Person, since time.Time) foot {
	changed := e.t("予定の変更：なし", "Changes to the rules: none")
	previous := e.t("前回：なし（はじめてのまとめです）", "last summary: none, this is the first")
	check := ""
	var told []string
	first := len(e.history) == 0
	e.try("the changes to the rules", "予定の変更", func() error {
		if e.w.Ledger == nil || first {
			return nil
		}
		what, err := e.changes(since)
		if len(what) > 0 {
			changed = e.t(fmt.Sprintf("予定の変更：%d件", len(what)), fmt.Sprintf("Changes to the rules: %d", len(what)))
		}
		for i, w := range what {
			if i == footAtMost {
				told = append(told, e.t(fmt.Sprintf("・ほか%d件", len(what)-i), fmt.Sprintf("- and %d more", len(what)-i)))
				break
			}
			told = append(told, e.t("・", "- ")+w)
		}
		return err
	})
	for _, m := range e.history {
		if m.Part != reader.ID {
			continue
		}
		r := e.records[m.Run]
		previous = e.t("前回 ", "last summary: ") + fmt.Sprintf("#%d", r.Number)
		if d, p := calendar.ParseDate(r.Day); p == nil {
			previous += " " + d.Short(e.l)
		}
		break
	}
	e.try("the record's head", "記録の照合値", func() error {
		if e.w.Ledger == nil {
			return nil
		}
		_, h, _, err := e.w.Ledger.Head()
		if len(h) >= 16 {
			check = e.t("記録の照合値 ", "Check value of the record ") + h[0:4] + "-" + h[4:8] + "-" + h[8:12] + "-" + h[12:16]
		}
		return err
	})
	lines := foot{changed + e.t("　", "; ") + previous}
	if textWidth(lines[0], true) > columns {
		lines = foot{changed, previous}
	}
	lines = append(lines, told...)
	if check != "" {
		lines = append(lines, check)
	}
	return lines
}

// changes says what became of each job whose rule changed, came or went since then: the title, and what it was and is.
func (e *edition) changes(since time.Time) ([]string, error) {
	c, v := e.w.Config, e.w.Ledger
	var out []string
	held, err := settingsAt(v, since)
	if err != nil {
		return nil, err
	}
	if x, changed := changedSettings(held, c); changed {
		out = append(out, x.Title+e.keysWords(x.Keys))
	}
	for j, err := range v.Jobs() {
		if err != nil {
			return out, err
		}
		if !j.Changed.After(since) && !j.Seen.After(since) {
			continue
		}
		title := jobTitle(jobOf(c, v, j.Name), j.Current)
		switch {
		case j.Gone:
			if r, err := config.ReadRule(j.Rule); err == nil && r.Title != "" {
				title = clean(r.Title)
			}
			title += e.t("：終了", " ended")
		case j.Seen.After(since):
			title += e.t("：追加", " added")
		default:
			keys, err := e.changedKeys(j, since)
			if err != nil {
				return out, err
			}
			title += e.keysWords(keys)
		}
		out = append(out, title)
	}
	return out, nil
}

// keysWords are changed keys in a line, behind what they belong to.
func (e *edition) keysWords(keys []ChangedKey) string {
	var out []string
	for _, k := range keys {
		out = append(out, k.Name+" "+k.words(e.l))
	}
	if len(out) == 0 {
		return ""
	}
	return e.t("：", ": ") + strings.Join(out, e.t("、", ", "))
}

// changedKeys compares a job's rule with the one of a moment before, which the event log still tells.
func (e *edition) changedKeys(j ledger.Job, since time.Time) ([]ChangedKey, error) {
	events, err := e.w.Ledger.EventsOf("job", j.Name)
	if err != nil {
		return nil, err
	}
	was := ""
	for _, x := range events {
		if x.At.After(since) {
			break
		}
		var change struct {
			Rule string `json:"rule"`
		}
		if err := json.Unmarshal(x.Change, &change); err == nil && change.Rule != "" {
			was = change.Rule
		}
	}
	before, err := config.ReadRule([]byte(was))
	if err != nil {
		return nil, nil // nothing is known of it: the title alone is told
	}
	now, err := config.ReadRule(j.Rule)
	if err != nil {
		return nil, nil
	}
	return compareRules(before, now, e.w.Config), nil
}
