package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// Agreed is one check of a job as it was agreed beforehand.
type Agreed struct {
	Line int           // of jobs.toml
	Said calendar.Text // what it looks at
	Then string        // hold, warn or tell; "" for a check of rows, which are told
	Tell []*config.Person
}

// agreedTo is a kind's part of a job that has checks.
type agreedTo interface{ agreed() []*check }

func (s *sendSpec) agreed() []*check  { return s.Checks }
func (s *watchSpec) agreed() []*check { return slices.Concat(s.Checks, s.Mails) }

// Checks lists what a job is held against, as it was agreed.
func Checks(j *config.Job) []Agreed {
	spec, ok := j.Spec.(agreedTo)
	if !ok {
		return nil
	}
	var out []Agreed
	for _, c := range spec.agreed() {
		a := Agreed{Line: c.Line, Said: c.Said, Then: c.Then}
		if c.aboutRows {
			a.Then = ""
		}
		a.Tell = c.People
		out = append(out, a)
	}
	return out
}

// Words say a check on one line, with what happens where it finds something wrong.
func (a Agreed) Words(l calendar.Language) string {
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	who := names(a.Tell, withSan, l)
	switch a.Then {
	case thenHold:
		return a.Said.In(l) + t("（違えば送らずに止めます）", " (else it is held)")
	case thenWarn:
		return a.Said.In(l) + t("（違っても送り、確認のお願いとまとめに書きます）", " (else it goes all the same, and request and summary say so)")
	case thenTell:
		return a.Said.In(l) + t("（違っても送り、"+who+"に知らせます）", " (else it goes all the same, and "+who+" hears of it)")
	}
	return a.Said.In(l)
}

// soft reports whether a job has a check that lets a message go although it is wrong.
func soft(j *config.Job, then ...string) bool {
	if j == nil {
		return false
	}
	spec, ok := j.Spec.(agreedTo)
	return ok && slices.ContainsFunc(spec.agreed(), func(c *check) bool { return !c.aboutRows && slices.Contains(then, c.Then) })
}

// checkObservation begins the name under which a run keeps how a message's checks came out. Part and digest follow: a later
// message of the same part has results of its own, and takes nothing from what is known of the one before.
const checkObservation = "check "

// checkInput is the kind of the input that is the results of a message's checks.
const checkInput = "check"

func checkName(part, digest string) string {
	return checkObservation + url.PathEscape(part) + " " + digest[:min(12, len(digest))]
}

// IsChecked reports whether an observation is of a message's checks.
func IsChecked(o ledger.Observation) bool { return strings.HasPrefix(o.Name, checkObservation) }

// Results are how the checks of one run's messages came out.
type Results map[string][]Result

// CheckedIn reads how the checks of a run's messages came out.
func CheckedIn(v *ledger.View, run int64) (Results, error) {
	if v == nil || run == 0 {
		return Results{}, nil
	}
	obs, err := v.Observations(run)
	if err != nil {
		return nil, err
	}
	return resultsIn(obs)
}

func resultsIn(obs []ledger.Observation) (Results, error) {
	out := Results{}
	for _, o := range obs {
		if !IsChecked(o) {
			continue
		}
		var rs []Result
		if err := json.Unmarshal(o.Value, &rs); err != nil {
			return nil, fmt.Errorf("couldn't read how the checks came out (%s): %w", o.Name, err)
		}
		out[o.Name] = rs
	}
	return out, nil
}

// Of are those of one message; nil when it had no checks.
func (x Results) Of(part string, inputs []ledger.Input) []Result {
	for _, in := range inputs {
		if in.Kind == checkInput {
			return x[checkName(part, in.Hash)]
		}
	}
	return nil
}

// Checked reads how the checks of a message came out; nil when it had none.
func Checked(v *ledger.View, m ledger.Message) ([]Result, error) {
	all, err := CheckedIn(v, m.Run)
	return all.Of(m.Part, m.Inputs), err
}

// Sentence is a result for people: how it came out, what was found and the figures.
func (r Result) Sentence(l calendar.Language) string {
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	switch {
	case r.Verdict == Passed:
		return t("○ ", "ok: ") + r.Words(l)
	case r.Verdict == Unjudged:
		return t("？ ", "not judged: ") + r.Words(l)
	case r.Then == thenWarn || r.Then == thenTell:
		return t("△ ", "wrong, and not held: ") + r.Words(l)
	}
	return t("× ", "wrong: ") + r.Words(l)
}

// letGo are the results that are wrong and hold nothing.
func letGo(rs []Result, then ...string) (out []Result) {
	for _, r := range rs {
		if r.Verdict == Wrong && slices.Contains(then, r.Then) {
			out = append(out, r)
		}
	}
	return out
}

// whatTold is what a notice is called that tells somebody what a check found, of a message that goes all the same.
const whatTold = "told"

// tellings are the notices about messages that go although a check found something, to those of then = "tell". They follow
// from the ledger, as all notices do, and their keys let each go out once.
func tellings(c *config.Config, v *ledger.View, now time.Time) (out []ledger.NewMessage, err error) {
	var errs []error
	for _, j := range c.Jobs {
		if !soft(j, thenTell) {
			continue
		}
		identity := j.Name
		if known, err := v.Job(j.Name); err == nil {
			identity = known.Name
		}
		var runs []ledger.Run
		for r, err := range v.Runs(ledger.RunQuery{Job: identity, ChangedFrom: now.Add(-missedSpan)}) {
			if err != nil {
				errs = append(errs, err)
				break
			}
			runs = append(runs, r)
		}
		for _, r := range runs {
			ms, err := tellingsOf(c, v, j, r, now)
			out, errs = append(out, ms...), append(errs, err)
		}
	}
	return out, errors.Join(errs...)
}

func tellingsOf(c *config.Config, v *ledger.View, j *config.Job, r ledger.Run, now time.Time) (out []ledger.NewMessage, err error) {
	results, err := CheckedIn(v, r.ID)
	if err != nil || len(results) == 0 {
		return nil, err
	}
	type found struct {
		message ledger.Message
		results []Result
	}
	byPerson := map[string][]found{}
	for m, err := range v.Messages(ledger.MessageQuery{Run: r.ID}) {
		if err != nil {
			return nil, err
		}
		if m.Class != ledger.ClassLetter || m.State == ledger.StateReplaced || m.State == ledger.StateRejected {
			continue
		}
		for _, x := range letGo(results.Of(m.Part, m.Inputs), thenTell) {
			for _, id := range x.Tell {
				fs := byPerson[id]
				if n := len(fs); n == 0 || fs[n-1].message.ID != m.ID {
					fs = append(fs, found{message: m})
				}
				fs[len(fs)-1].results = append(fs[len(fs)-1].results, x)
				byPerson[id] = fs
			}
		}
	}
	var errs []error
	for _, p := range people(c, slices.Sorted(maps.Keys(byPerson))) {
		fs := byPerson[p.ID]
		digest := []string{}
		for _, f := range fs {
			digest = append(digest, f.message.Part)
			for _, x := range f.results {
				digest = append(digest, x.Words(c.Language))
			}
		}
		key := noticeKey(whatTold, r.Number, strings.Join(digest, "\x00"), p.ID)
		if _, err := v.MessageByKey(key); err == nil {
			continue
		} else if !errors.Is(err, ledger.ErrNotFound) {
			errs = append(errs, err)
			continue
		}
		l := c.Language
		title := runTitle(c, j, r)
		words := newPage(l, toneNeeds)
		words.greet(colleague(p, l))
		words.pre = words.t("送る前の確認で、次のことが見つかりました。\n決めてあるとおり、送るのは止めていません。", "A check found the following before it was sent.\nAs agreed, it is not held for that.")
		words.add(para{words: words.pre, look: "lead"})
		words.gap()
		words.add(facts{{words.t("内容", "What"), title}, {words.t("送付予定", "Goes out"), moment(r.Due.In(c.Zone), l)}, {words.t("番号", "Number"), r.Number}})
		words.gap()
		for i, f := range fs {
			if i == listAtMost {
				words.say(words.t(fmt.Sprintf("ほか%d通", len(fs)-i), fmt.Sprintf("and %d more", len(fs)-i)))
				break
			}
			x := entry{mark: words.t("・", "- "), what: f.message.Addressee, hang: words.t("　", "  ")}
			for _, y := range f.results {
				x.under = append(x.under, y.Words(l))
			}
			words.add(x)
		}
		words.gap()
		words.add(commands{{words.t("内容を見る", "See what it is"), "bod show " + r.Number}})
		subject := words.t("【お知らせ】"+title+"の確認で、見ていただきたいことがあります", "[please note] A check of "+title+" found something")
		m, err := notice(c, now, []*config.Person{p}, key, p.ID, subject, words)
		if err != nil {
			errs = append(errs, fmt.Errorf("couldn't word the notice %s: %w", key, err))
			continue
		}
		out = append(out, m)
	}
	return out, errors.Join(errs...)
}
