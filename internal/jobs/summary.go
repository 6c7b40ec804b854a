package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// summary is the daily mail: what needs a person, what was done, what comes. Its source is the ledger.
type summary struct{}

// summarySpec is whom it goes to.
type summarySpec struct {
	To  []config.Addressee
	Own bool // owners who don't read it get their part of the review
}

func (summary) Name() string { return "summary" }

func (summary) Keys() []config.Key {
	return []config.Key{
		{Table: "summary", Name: "to", Type: "list of names", Needed: true, Example: `to = ["sato", "tanaka"]`, Meaning: calendar.Text{
			JA: "まとめを読む人（[people] の名前）。1人に1通ずつ届き、自分の件が先に並びます", EN: "who reads it: names of [people]; each gets a copy with their own matters first"}},
		{Table: "summary", Name: "review_own", Type: "true or false", Default: "false", Example: `review_own = true`, Meaning: calendar.Text{
			JA: "true なら、まとめを読まない担当者にも、月のふりかえりの自分の担当の分だけを送ります（何かあった月だけ）", EN: "true: owners who don't read the summary get their own part of the monthly review, in months in which there was something"}},
	}
}

func (summary) Outside(*config.Config, any) bool { return false }

func (summary) Decode(d *config.Decoder) any {
	s := &summarySpec{To: d.Addressees("to"), Own: d.Bool("review_own", false)}
	if d.Has("to") && len(s.To) == 0 {
		d.Problem("to", calendar.Text{JA: "まとめを読む人がいません", EN: "nobody reads the summary"}, calendar.Text{JA: `to = ["名前"] のように書いてください`, EN: `write to = ["name"]`})
	}
	seen := map[string]bool{}
	for _, a := range s.To {
		if a.Person == nil {
			d.Problem("to", calendar.Text{JA: fmt.Sprintf("「%s」は [people] にいません。まとめは社内の人にだけ送れます", a.ID()), EN: fmt.Sprintf("%s is not in [people]; the summary goes to colleagues only", a.ID())},
				calendar.Text{JA: "[people] に登録して、その名前を書いてください", EN: "put them into [people] and write that name"})
		}
		if seen[a.ID()] {
			d.Problem("to", calendar.Text{JA: fmt.Sprintf("「%s」が2回あります", a.ID()), EN: fmt.Sprintf("%s is named twice", a.ID())}, calendar.Text{JA: "片方を消してください", EN: "take one out"})
		}
		seen[a.ID()] = true
	}
	return s
}

// summaryRecord is what one summary told: kept as an observation of its run, so that the next one knows what is news.
type summaryRecord struct {
	Number int                   `json:"number"`
	Until  int64                 `json:"until"` // microseconds UTC: what came later is for the next one
	Day    string                `json:"day"`
	Told   map[string]toldMatter `json:"told,omitempty"`
}

// toldMatter is an open matter as it was told.
type toldMatter struct {
	Digest string `json:"digest"`
	First  string `json:"first"` // the day on which it was first told
}

const observedSummary = "summary"

// edition is one summary: what all its copies share.
type edition struct {
	w       *World
	l       calendar.Language
	readers []*config.Person
	number  int
	day     calendar.Date // that it is about
	history []ledger.Message
	records map[int64]summaryRecord // of earlier runs
	open    []matter                // what needs a person
	record  summaryRecord
	oops    []string // what could not be read or worded: told, never silently left out
	ahead   []coming
	next    calendar.Date // the next business day
	until   calendar.Date // the last day that is looked ahead to
}

func (summary) Prepare(ctx context.Context, w *World) (Prepared, error) {
	s, ok := w.Job.Spec.(*summarySpec)
	if !ok {
		return Prepared{}, fmt.Errorf("couldn't prepare the summary: it was not decoded as one")
	}
	if w.Job.Name == config.MorningName {
		return prepareMorning(ctx, w, s)
	}
	if w.Job.Name == config.ReviewName {
		return prepareReview(ctx, w, s)
	}
	if due := dueOf(w); w.Now.Before(due) {
		// A look at a coming summary: its tomorrow is the day after it, not after today.
		then := *w
		then.Now = due
		w = &then
	}
	e := &edition{w: w, l: w.Config.Language, records: map[int64]summaryRecord{}}
	for _, a := range s.To {
		if a.Person != nil {
			e.readers = append(e.readers, a.Person)
		}
	}
	e.day = calendar.DateOf(dueOf(w).In(w.Config.Zone))
	e.look(ctx)
	if err := ctx.Err(); err != nil {
		return Prepared{}, err
	}
	var p Prepared
	for _, r := range e.readers {
		if len(w.Run.Only) > 0 && !slices.Contains(w.Run.Only, r.ID) {
			continue
		}
		d, err := ownDraft(e.w, r, func() (string, *page) { return e.words(r) })
		if err != nil {
			return Prepared{}, err
		}
		p.Drafts = append(p.Drafts, d)
	}
	b, err := json.Marshal(e.record)
	if err != nil {
		return Prepared{}, fmt.Errorf("couldn't keep what the summary told: %w", err)
	}
	p.Observations = []ledger.Observation{{Name: observedSummary, Value: b}}
	return p, nil
}

// look reads the ledger and the days ahead. Whatever can't be read is said in the summary, and the rest goes out all
// the same: a summary that fails over one item hides all the others.
func (e *edition) look(ctx context.Context) {
	w := e.w
	now := w.Now.In(w.Config.Zone)
	e.number = 1
	if w.Ledger != nil {
		e.try("the summaries before this one", "これまでのまとめ", func() error {
			for m, err := range w.Ledger.Messages(ledger.MessageQuery{Job: w.Identity, Class: ledger.ClassSummary, Newest: true, Limit: 60 * max(1, len(e.readers))}) {
				if err != nil {
					return err
				}
				if m.Run != w.Run.ID || w.Run.ID == 0 {
					e.history = append(e.history, m)
				}
			}
			for _, m := range e.history {
				if _, known := e.records[m.Run]; known {
					continue
				}
				r, err := readRecord(w.Ledger, m.Run)
				if err != nil {
					return err
				}
				e.records[m.Run] = r
				e.number = max(e.number, r.Number+1)
			}
			return nil
		})
		e.try("what needs a person", "お願いしたいこと", func() (err error) {
			e.open, err = matters(w.Config, w.Ledger, e.earliest())
			return err
		})
	}
	e.record = summaryRecord{Number: e.number, Until: w.Now.UnixMicro(), Day: e.day.String(), Told: map[string]toldMatter{}}
	today := calendar.DateOf(now)
	e.next = today.AddDays(1)
	if d, ok := w.Job.Days.Add(today, 1); ok {
		e.next = d
	}
	e.until = monthEnd(today)
	if week := today.AddDays(7); e.until.Before(week) {
		e.until = week
	}
	e.try("the days ahead", "これからの予定", func() (err error) {
		e.ahead, err = ahead(ctx, w, e.next, e.until)
		return err
	})
	// A run that waits and is due later is told with the days ahead, not as something for today.
	e.open = slices.DeleteFunc(slices.Clone(e.open), func(m matter) bool {
		if m.summary {
			return true // said above everything else
		}
		if m.what == whatConfirm && slices.ContainsFunc(e.open, func(o matter) bool {
			return o.run.ID == m.run.ID && slices.Contains([]string{whatLate, whatCheck, whatPerson, whatGone, whatRestored}, o.what)
		}) {
			return true // one item a run: what stops it comes before its confirmation
		}
		return m.what == whatWaiting && e.next.Before(calendar.DateOf(m.run.Due.In(w.Config.Zone)))
	})
	for _, m := range e.open {
		first := e.day.String()
		for _, x := range e.history { // newest first
			if t, ok := e.records[x.Run].Told[m.what+"/"+m.id()]; ok && t.Digest == m.digest() {
				first = t.First
				break
			}
		}
		e.record.Told[m.what+"/"+m.id()] = toldMatter{Digest: m.digest(), First: first}
	}
}

// try runs one part of the work and notes what went wrong, a panic included.
func (e *edition) try(en, ja string, f func() error) {
	defer func() {
		if p := recover(); p != nil {
			e.oops = append(e.oops, calendar.Text{JA: ja, EN: en}.In(e.l))
		}
	}()
	if err := f(); err != nil {
		e.oops = append(e.oops, calendar.Text{JA: ja, EN: en}.In(e.l))
	}
}

// readRecord reads what an earlier summary told; the zero record where that was not kept.
func readRecord(v *ledger.View, run int64) (summaryRecord, error) {
	obs, err := v.Observations(run)
	if err != nil {
		return summaryRecord{}, err
	}
	var r summaryRecord
	for _, o := range obs {
		if o.Name != observedSummary {
			continue
		}
		var got summaryRecord
		if err := json.Unmarshal(o.Value, &got); err != nil {
			return summaryRecord{}, fmt.Errorf("couldn't read what the summary of run %d told: %w", run, err)
		}
		if got.Number >= r.Number {
			r = got
		}
	}
	return r, nil
}

// known is the last summary that is known to have reached the reader.
func (e *edition) known(reader string) (ledger.Message, bool) {
	for _, m := range e.history {
		if m.Part == reader && (m.State == ledger.StateSent || m.State == ledger.StateWritten || m.State == ledger.StateByHand) {
			return m, true
		}
	}
	return ledger.Message{}, false
}

// firstSpan is how far back the first summary looks.
const firstSpan = 7 * 24 * time.Hour

// since is from when on the reader's copy covers what happened: the end of the last summary known to have come. Somebody
// who never had one gets what the others got last, else the last week.
func (e *edition) since(reader string) time.Time {
	m, ok := e.known(reader)
	if ok {
		if r := e.records[m.Run]; r.Until > 0 {
			return time.UnixMicro(r.Until)
		}
		return m.Sealed
	}
	mine := slices.ContainsFunc(e.history, func(m ledger.Message) bool { return m.Part == reader })
	if !mine && len(e.history) > 0 {
		if r := e.records[e.history[0].Run]; r.Until > 0 {
			return time.UnixMicro(r.Until)
		}
	}
	return e.w.Now.Add(-firstSpan)
}

// earliest is the earliest since of all readers.
func (e *edition) earliest() time.Time {
	t := e.w.Now
	for _, r := range e.readers {
		if s := e.since(r.ID); s.Before(t) {
			t = s
		}
	}
	return t
}

// ownName is the name that bod's own mail comes from: bod（青空システム）.
func ownName(c *config.Config) string {
	name := shortCompany(c.Company.Name)
	switch {
	case name == "" || hostile(name, false):
		return "bod"
	case c.Language == calendar.English:
		return "bod (" + name + ")"
	}
	return "bod（" + name + "）"
}

// monthEnd is the last day of d's month.
func monthEnd(d calendar.Date) calendar.Date {
	t := time.Date(d.Year, d.Month+1, 0, 12, 0, 0, 0, time.UTC)
	return calendar.DateOf(t)
}

// coming is one occurrence of the days ahead.
type coming struct {
	job     *config.Job
	due     time.Time
	title   string
	missing []ledger.Reason  // not empty: not prepared
	word    string           // how it stands, where it is more than ready
	confirm []*config.Person // whose yes it still needs
}

// aheadLimit bounds the occurrences that are prepared for a look: the summary has to come also where there are thousands.
const aheadLimit = 300

// ahead looks which occurrences are due up to the end of until, and whether what they need is there: the same Prepare
// that will do it, without any effect. Up to the next business day all are listed, later only the first of each job.
func ahead(ctx context.Context, w *World, next, until calendar.Date) ([]coming, error) {
	var out []coming
	var errs []error
	c := w.Config
	end := until.AddDays(1).At(calendar.Clock{}, c.Zone).Add(-time.Microsecond)
	near := next.AddDays(1).At(calendar.Clock{}, c.Zone)
	stopped := map[string]bool{}
	if w.Ledger != nil {
		flags, err := w.Ledger.Flags()
		errs = append(errs, err)
		for _, f := range flags {
			stopped[f.Name] = true
		}
	}
	for _, j := range c.Jobs {
		k, ok := KindOf(j.Kind)
		if !ok || j.Disabled || j.Kind == (summary{}).Name() || j.When == nil {
			continue
		}
		identity, later := "", false
		for _, o := range j.When.Due(w.Now, end) {
			if identity == "" { // most jobs have nothing to do these days
				identity = j.Name
				if w.Ledger != nil {
					if lj, err := w.Ledger.Job(j.Name); err == nil {
						identity = lj.Name
					}
				}
			}
			far := !o.Due.Before(near)
			if far && later || len(out) >= aheadLimit || ctx.Err() != nil {
				break
			}
			later = later || far
			x, ok, err := comingOf(ctx, w, k, j, identity, o)
			if err != nil {
				errs = append(errs, err)
			}
			if ok && (stopped[flagStopped] || stopped[flagStopped+"/"+identity]) {
				x.word = calendar.Text{JA: "停止中", EN: "stopped"}.In(c.Language)
			}
			if ok {
				out = append(out, x)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b coming) int { return a.due.Compare(b.due) })
	return out, errors.Join(errs...)
}

// comingOf says how one occurrence stands. ok is false when there is nothing left to do.
func comingOf(ctx context.Context, w *World, k Kind, j *config.Job, identity string, o calendar.Occurrence) (x coming, ok bool, err error) {
	x = coming{job: j, due: o.Due, title: runTitle(w.Config, j, ledger.Run{Job: identity, Period: o.Period, Nominal: o.Nominal, Due: o.Due})}
	defer func() {
		if p := recover(); p != nil {
			x.word, ok = calendar.Text{JA: "準備を確かめられませんでした", EN: "it could not be looked at"}.In(w.Config.Language), true
		}
	}()
	wd := &World{Now: w.Now, Config: w.Config, Job: j, Identity: identity, Occurrence: o, Ledger: w.Ledger, Rehearsal: w.Rehearsal, Tables: w.Tables}
	if w.Ledger != nil {
		r, err := w.Ledger.RunOf(identity, o.Period)
		switch {
		case errors.Is(err, ledger.ErrNotFound):
		case err != nil:
			return x, false, err
		default:
			wd.Run = r
			x.due = r.Due
			switch r.State {
			case ledger.RunDone, ledger.RunSkipped, ledger.RunMissed:
				return x, false, nil
			case ledger.RunWaiting:
				if x.missing = lasting(r.Reasons); len(x.missing) > 0 {
					return x, true, nil
				}
			case ledger.RunDrafted, ledger.RunFailed:
				x.word, x.confirm, err = standing(w, r)
				return x, true, err
			}
		}
	}
	p, err := k.Prepare(ctx, wd)
	if err != nil {
		x.word = calendar.Text{JA: "準備を確かめられませんでした", EN: "it could not be looked at"}.In(w.Config.Language)
		return x, true, nil
	}
	x.missing = lasting(p.Missing)
	return x, true, nil
}

// standing words how a run's messages stand, "" when all are ready, and names those whose yes it still needs.
func standing(w *World, r ledger.Run) (worst string, confirm []*config.Person, err error) {
	l := w.Config.Language
	if r.State == ledger.RunFailed {
		return RunWords(r, l), nil, nil
	}
	ready := calendar.Text{JA: "準備できています", EN: "ready"}.In(l)
	for m, err := range w.Ledger.Messages(ledger.MessageQuery{Run: r.ID}) {
		if err != nil {
			return "", nil, err
		}
		if m.State == ledger.StateReplaced || m.State == ledger.StateRejected {
			continue
		}
		word := MessageWords(m, l)
		if len(m.Confirmed) < m.ConfirmCount && m.State == ledger.StateHeld {
			asked := people(w.Config, m.ConfirmBy)
			for _, p := range asked {
				if !slices.Contains(confirm, p) && !slices.Contains(m.Confirmed, p.ID) {
					confirm = append(confirm, p)
				}
			}
			who := names(asked, withSan, l)
			if l == calendar.English {
				word += " (" + who + ")"
			} else {
				word += "（" + who + "）"
			}
		}
		if worst == "" || word != ready {
			worst = word
		}
	}
	if worst == ready {
		worst = ""
	}
	return worst, confirm, nil
}
