package config

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
)

func (l *loader) jobs() {
	t := l.named("job")
	renamed := make(map[string]string)
	any := t == nil && l.tree.root.find("job") != nil // told already
	if t != nil {
		any = len(t.entries) > 0
		outer := l.section(t, "job.NAME", "[job]", "")
		for i := range t.entries {
			l.jobEntry(outer, &t.entries[i], renamed)
		}
	}
	if !any && !l.tree.lost {
		l.f.add(finding{off: noPlace,
			what: say("job が1つもありません", "there is no job"),
			next: say("[job.名前] の表を書いてください", "write a table [job.NAME]")})
	}
	l.summary()
}

func (l *loader) jobEntry(outer *section, e *entry, renamed map[string]string) {
	v, ok := e.value.(*table)
	if !ok {
		if e.broken {
			return
		}
		outer.job = e.key
		if _, list := e.value.([]*table); list {
			outer.problem(e.off, say("[[job.%s]] の [ ] が二重です", "[[job.%s]] has two brackets", shownKey(e.key)),
				say("[job.%s] と書いてください", "write [job.%s]", shownKey(e.key)))
		} else {
			outer.problem(e.off, say("%s は job の名前の下に書きます", "%s has to stand below the name of a job", e.key),
				say("[job.名前] と1行に書き、その下に項目を書いてください", "write [job.NAME] on a line and its keys below"))
		}
		outer.job = ""
		return
	}
	outer.job = e.key
	l.goodName(outer, e, "job")
	outer.job = ""
	job := &Job{Name: l.keep(e.key), Line: l.at.line(e.off)}
	s := &section{l: l, t: v, keys: l.sets["job.NAME"], name: "[job." + shownKey(e.key) + "]", job: job.Name}
	kind := l.kindOf(s)
	if kind != nil {
		s.keys = kind.keys
	} else if e := s.get("kind"); e != nil && slices.Contains(laterKinds, text(e.value)) {
		// Its own keys are not known here, so that only what all jobs have is held against the table.
		s.lenient = true
	}
	s.stray()
	if !s.lenient {
		s.unknown(l.sets[""], l.sets["job.NAME.when"], l.sets["job.NAME.confirm"])
	}
	job.Kind = l.keep(s.str("kind"))
	l.common(s, job)
	if s.need("when") {
		l.when(s, job, s.get("when"))
	}
	if e := s.get("renamed_from"); e != nil {
		l.renamed(s, e, job, renamed)
	}
	if kind != nil {
		l.finish(s, job, kind)
	}
	if !e.double {
		l.c.jobs[job.Name] = job
		l.c.Jobs = append(l.c.Jobs, job)
	}
}

func text(v any) string {
	t, _ := v.(string)
	return t
}

func (l *loader) kindOf(s *section) *kindKeys {
	if !s.need("kind") {
		return nil
	}
	e := s.get("kind")
	v := s.str("kind")
	if v == "" {
		return nil
	}
	if k, ok := l.kinds[v]; ok && !reserved(v) {
		return k
	}
	l.nearKind(s, e.val, v)
	return nil
}

// nearKind words what is wrong with a kind.
func (l *loader) nearKind(s *section, off int, kind string) {
	if slices.Contains(laterKinds, kind) {
		s.problem(off, say("kind = \"%s\" はこの版ではまだ使えません", "kind = %q: not in this version", kind),
			say("この job の行の頭に # を付けてください", "put # at the beginning of the job's lines"))
		return
	}
	s.problem(off, say("kind = \"%s\" という種類はありません", "there is no kind %q", clip(kind)),
		l.did(kind, l.names, say("使えるのは %s です", "what can be used: %s", strings.Join(l.names, ", "))))
}

// stray finds keys of the job that TOML puts into one of its tables, because they
// are written below it: they are told once, as what they are, and not missed again.
func (s *section) stray() {
	for i := range s.t.entries {
		e := &s.t.entries[i]
		var in []*table
		switch v := e.value.(type) {
		case *table:
			in = []*table{v}
		case []*table:
			in = v
		}
		var known []string
		switch e.key {
		case "check":
			known = s.l.sets["job.NAME.check"].list()
		case "when", "confirm":
			known = s.l.sets["job.NAME."+e.key].names
		default:
			continue
		}
		for _, t := range in {
			for j := range t.entries {
				x := &t.entries[j]
				if slices.Contains(known, x.key) || !s.keys.has(x.key) {
					continue
				}
				if s.strayed == nil {
					s.strayed = make(map[string]bool)
				}
				s.strayed[x.key] = true
				if e.key == "check" {
					(&section{l: s.l, keys: &keySet{}, job: s.job}).unknownKey(x, []*keySet{s.keys})
				}
			}
		}
	}
}

// common reads what all jobs have.
func (l *loader) common(s *section, job *Job) {
	job.Title, job.Purpose = s.str("title"), s.str("purpose")
	if job.Title == "" {
		job.Title = job.Name
	}
	job.Owner = s.person("owner")
	job.Disabled = !s.truth("enabled", true)
	job.Days = l.c.Days
	if v := s.str("country"); v != "" {
		job.Days = l.daysOf(s, v, false)
	}
	if e := s.get("prepare"); e != nil {
		job.Prepare, _ = s.leadOf("prepare", calendar.ParseLeadBefore)
	}
	about := ""
	if e := s.get("about"); e != nil {
		about = s.str("about")
	}
	l.about(s, job, about)
	if e := s.get("missed"); e != nil {
		job.Missed = Missed(s.str("missed"))
		switch job.Missed {
		case "", MissedLatest, MissedEach, MissedSkip, MissedAsk:
		default:
			s.problem(e.val, say("missed = \"%s\" という決め方はありません", "there is no missed = %q", clip(string(job.Missed))),
				say("latest、each、skip、ask のどれかです", "it is one of latest, each, skip, ask"))
		}
	}
	var ok bool
	if job.LateUntil, ok = s.leadOf("late_until", calendar.ParseLeadAfter); !ok {
		job.LateUntil, _ = calendar.ParseLead("3 days")
	}
	if job.GiveUp, ok = s.leadOf("give_up", calendar.ParseLeadAfter); !ok {
		job.GiveUp = l.c.Mail.GiveUp
	}
	if e := s.get("on_unknown"); e != nil {
		switch v := s.str("on_unknown"); v {
		case "", "hold":
		case "resend":
			job.Resend = true
		default:
			s.problem(e.val, say("on_unknown = \"%s\" という決め方はありません", "there is no on_unknown = %q", clip(v)),
				say("hold（人に聞く）か resend（自動で送り直す）です", "it is hold (a person is asked) or resend (sent again by itself)"))
		}
	}
	l.confirm(s, job)
}

// leadOf reads a span that is counted one way. "1営業日後" for prepare would else be
// taken for the business day before, and nobody would be told.
func (s *section) leadOf(key string, parse func(string) (calendar.Lead, *calendar.Problem)) (calendar.Lead, bool) {
	lead, ok := s.lead(key)
	if !ok {
		return lead, false
	}
	if _, p := parse(s.str(key)); p != nil {
		s.problem(s.get(key).val, p.What, p.Next)
		return calendar.Lead{}, false
	}
	return lead, true
}

func (l *loader) about(s *section, job *Job, v string) {
	r, ok := l.abouts[v]
	if !ok {
		r.about, r.problem = calendar.ParseAbout(v)
		l.abouts[v] = r
	}
	if r.problem != nil {
		s.problem(s.off("about"), r.problem.What, r.problem.Next)
		return
	}
	job.About = r.about
}

func (l *loader) confirm(s *section, job *Job) {
	e := s.get("confirm")
	if e == nil {
		return
	}
	t, ok := e.value.(*table)
	if !ok {
		s.wrongType("confirm", e.val, e.value, aTable)
		return
	}
	in := l.section(t, "job.NAME.confirm", s.name+" confirm", s.job)
	in.unknown(s.keys)
	before := l.f.errors
	c := &Confirm{}
	if in.need("by") {
		c.By = in.persons("by")
	}
	c.Count = in.whole("count", 1)
	job.Confirm = c
	if l.f.errors > before || len(c.By) == 0 {
		return
	}
	switch {
	case c.Count < 1:
		in.problem(in.off("count"), say("確認の回数 count は1以上です", "count has to be at least 1"), say("count = 1 のように書いてください", "write it like count = 1"))
	case c.Count > len(c.By):
		in.problem(in.off("count"), say("確認は%d回ですが、by には%d人しかいません", "%d confirmations are asked for, but by names %d", c.Count, len(c.By)),
			say("count を減らすか、by に人を足してください", "lower count or name more people in by"))
	}
	if c.Count < 2 {
		return
	}
	seen := make(map[string]string)
	for _, p := range c.By {
		if other, ok := seen[p.Mail.Mail]; ok && p.Mail.Mail != "" {
			in.problem(in.off("by"), say("%s と %s は同じアドレスなので、2人の確認になりません", "%s and %s have the same address, so that they are not two", other, p.ID),
				say("別のアドレスの人を書いてください", "name people with different addresses"))
		}
		seen[p.Mail.Mail] = p.ID
	}
}

// when reads the schedule: one sentence, or a table.
func (l *loader) when(s *section, job *Job, e *entry) {
	if e == nil {
		return
	}
	var r ruleResult
	place := func(string) int { return e.val }
	switch v := e.value.(type) {
	case string:
		if v = s.oneLine("when", e.val, v); v == "" {
			return
		}
		var ok bool
		if r, ok = l.rules[v]; !ok {
			r = l.rule(calendar.ParseSentence(v))
			l.rules[v] = r
		}
	case *table:
		in := l.section(v, "job.NAME.when", s.name+" when", s.job)
		before := l.f.errors
		in.unknown(s.keys)
		values := make(map[string]any, len(v.entries))
		broken := v.lost
		for i := range v.entries {
			x := &v.entries[i]
			broken = broken || x.broken || x.double
			if in.get(x.key) == nil {
				continue
			}
			if _, nested := x.value.(*table); nested {
				in.wrongType(x.key, x.val, x.value, aText)
				continue
			}
			values[x.key] = x.value
		}
		if broken || l.f.errors > before {
			return
		}
		r = l.rule(calendar.ParseTable(values))
		place = func(key string) int {
			if x := v.find(key); x != nil {
				return x.val
			}
			return e.off
		}
	default:
		s.wrongType("when", e.val, e.value, say("文か { } の表", "a sentence or a table { }"))
		return
	}
	l.schedule(s, job, r, place)
}

func (l *loader) rule(r calendar.Rule, problems []calendar.Problem) ruleResult {
	out := ruleResult{rule: r, problems: problems}
	if len(problems) == 0 {
		out.sentence = l.keep(r.Sentence(calendar.English))
	}
	return out
}

func (l *loader) schedule(s *section, job *Job, r ruleResult, place func(string) int) {
	tell := func(ps []calendar.Problem) bool {
		for _, p := range ps {
			s.problem(place(p.Key), p.What, p.Next)
		}
		return len(ps) > 0
	}
	if tell(r.problems) || job.Days == nil || l.c.Zone == nil {
		return
	}
	s.sentence = r.sentence
	k := scheduleKey{r.sentence, s.country()}
	w, ok := l.schedules[k]
	if !ok {
		w.schedule, w.problems = calendar.NewSchedule(r.rule, job.Days, l.c.Zone, l.c.Company.FiscalYearEnd)
		l.schedules[k] = w
	}
	if !tell(w.problems) {
		job.When = w.schedule
	}
}

// country is what the job's days are counted by.
func (s *section) country() string {
	if e := s.t.find("country"); e != nil {
		return text(e.value)
	}
	if e := s.l.tree.root.sub("calendar").find("country"); e != nil {
		return text(e.value)
	}
	return "jp"
}

func (l *loader) renamed(s *section, e *entry, job *Job, renamed map[string]string) {
	v := nfc(s.str("renamed_from"))
	if v == "" {
		return
	}
	jobs := l.tree.root.sub("job")
	other := jobs.find(v)
	switch {
	case v == job.Name:
		s.problem(e.val, say("renamed_from がいまの名前と同じです", "renamed_from is the name that the job has now"), say("この行を消してください", "delete the line"))
	case v == summaryName:
		s.problem(e.val, say("summary から名前を変えることはできません", "summary cannot be renamed"), say("この行を消してください", "delete the line"))
	case other != nil:
		s.problem(e.val, say("前の名前 %s の job がまだあります（%d行目）", "the former name %s is still a job (line %d)", v, l.at.line(other.off)),
			say("写した job なら renamed_from を消し、名前を変えたのなら古いほうを消してください", "delete renamed_from if this is a copy, or the old job if it was renamed"))
	case renamed[v] != "":
		s.problem(e.val, say("前の名前 %s は job %s でも使われています", "the former name %s is used by the job %s, too", v, renamed[v]),
			say("どちらか一方の renamed_from を消してください", "delete one of the two renamed_from"))
	default:
		renamed[v] = job.Name
		job.Renamed = l.keep(v)
	}
}

// finish lets the kind read its part and writes the rule down.
func (l *loader) finish(s *section, job *Job, kind *kindKeys) {
	d := &Decoder{Config: l.c, Job: job, s: s, spec: make(map[string]any), told: make(map[string]bool)}
	for _, k := range kind.own {
		if k.Needed && !s.need(k.Name) {
			d.told[k.Name] = true
		}
	}
	job.Spec = kind.kind.Decode(d)
	if s.has(checkName) && !d.checked {
		s.problem(s.off(checkName), say("kind = \"%s\" の仕事に check は書けません", "a job of the kind %q has no check", job.Kind), say("その表を消してください", "delete that table"))
	}
	outside := kind.kind.Outside(l.c, job.Spec)
	if job.Missed == "" {
		job.Missed = MissedLatest
		if outside {
			job.Missed = MissedAsk
		}
	}
	if job.Resend && outside {
		s.warn(s.off("on_unknown"), say("社外の方に、同じメールが2通届くことがあります（on_unknown = \"resend\"）", "people outside may get the same mail twice (on_unknown = \"resend\")"),
			say("2通届いては困るものなら、この行を消してください。届いたか分からないときは、担当者に聞きます", "where that matters delete this line: then a person is asked when it is not known whether it arrived"))
	}
	if l.f.errors > 0 || job.When == nil {
		return // there will be no Config
	}
	l.write(s, job, kind, d)
}

func (l *loader) write(s *section, job *Job, kind *kindKeys, d *Decoder) {
	r := RuleRecord{
		Country: s.country(), Enabled: !job.Disabled, FiscalYearEnd: int(l.c.Company.FiscalYearEnd),
		Kind: job.Kind, LateUntil: job.LateUntil.Sentence(calendar.English), Missed: job.Missed,
		Purpose: job.Purpose, Title: job.Title, When: s.sentence, Zone: l.c.Zone.String(),
		Spec: d.spec, About: job.About.Sentence(calendar.English),
	}
	if !job.Prepare.IsZero() {
		r.Prepare = job.Prepare.Sentence(calendar.English)
	}
	if s.has("give_up") {
		r.GiveUp = job.GiveUp.Sentence(calendar.English)
	}
	if job.Resend {
		r.OnUnknown = "resend"
	}
	if job.Owner != nil {
		o := ruleMail(job.Owner)
		r.Owner = &o
	}
	if job.Confirm != nil {
		r.Confirm = &RuleConfirm{By: ruleMails(job.Confirm.By), Count: job.Confirm.Count}
	}
	// A key that the kind has and did not ask for is part of the rule all the same.
	for _, k := range kind.own {
		if _, read := d.spec[k.Name]; read {
			continue
		}
		if e := s.t.find(k.Name); e != nil {
			r.Spec[k.Name] = plain(e.value)
		}
	}
	b, err := json.Marshal(r)
	if err != nil {
		s.problem(s.t.off, say("この job の予定を書き留められません（%v）", "the rule of this job cannot be written down (%v)", err),
			say("inf や nan を数字に直してください", "write numbers instead of inf and nan"))
		return
	}
	job.Rule = b
}

// summary makes the reserved job out of [summary].
func (l *loader) summary() {
	t := l.named(summaryName)
	if t == nil {
		if !l.tree.lost {
			l.f.add(finding{off: noPlace, warning: true,
				what: say("[summary] がないので、毎日のまとめが届きません", "there is no [summary], so that no daily summary will come"),
				next: say(`[summary] と書き、その下に to = ["名前"] と at = "17:00" を書いてください`, `write [summary], and to = ["NAME"] and at = "17:00" below it`)})
		}
		return
	}
	s := l.section(t, summaryName, "[summary]", summaryName)
	s.unknown(l.sets[""])
	job := &Job{Name: summaryName, Kind: summaryName, Line: l.at.line(t.off)}
	l.common(s, job)
	if job.Title == summaryName {
		job.Title = say("本日のまとめ", "Summary").In(l.c.Language)
	}
	switch e := s.get("when"); {
	case e != nil && s.has("at"):
		s.problem(s.off("at"), say("at と when は一緒に使えません", "at and when cannot both be used"),
			say("毎営業日なら at だけ、ほかの予定なら when だけを書いてください", "write only at for every business day, only when for another schedule"))
	case e != nil:
		l.when(s, job, e)
	case !s.has("when"):
		at := "17:00"
		place := func(string) int { return s.off("at") }
		if x := s.get("at"); x != nil {
			at = s.str("at")
		} else if s.has("at") {
			at = ""
		}
		if at != "" {
			l.schedule(s, job, l.rule(calendar.ParseTable(map[string]any{"every": "business day", "at": at})), place)
		}
	}
	kind, ok := l.kinds[summaryName]
	if !ok {
		s.problem(t.off, say("[summary] はこの版ではまだ使えません", "[summary]: not in this version"), say("その表を消してください", "delete that table"))
		return
	}
	l.finish(s, job, kind)
	l.c.jobs[summaryName] = job
	l.c.Jobs = append(l.c.Jobs, job)
	l.morning(s, job)
	l.review(s, job)
}

// review makes the reserved job of the monthly review: the summary's readers, on the first business day of the month after. It
// tells the same whenever it comes, so it has the month to come in.
func (l *loader) review(s *section, summary *Job) {
	e := s.get("review")
	if e == nil {
		return
	}
	job := *summary
	job.Name, job.When = ReviewName, nil
	job.About, _ = calendar.ParseAbout("previous month")
	job.Title = say("月のふりかえり", "Monthly review").In(l.c.Language)
	job.Missed, job.Line = MissedLatest, l.at.line(e.off)
	job.LateUntil, _ = calendar.ParseLead("20 days")
	if at := s.str("review"); at != "" {
		l.schedule(s, &job, l.rule(calendar.ParseTable(map[string]any{"every": "month", "day": "1st business day", "at": at})), func(string) int { return e.val })
	}
	l.reserve(s, summary, &job)
}

// morning makes the reserved job of the morning notice: the summary's readers and days at another time. One that is
// late tells nothing that people don't know by then, so it is left out.
func (l *loader) morning(s *section, summary *Job) {
	e := s.get("morning")
	if e == nil {
		return
	}
	job := *summary
	job.Name, job.When = MorningName, nil
	job.Title = say("朝のお知らせ", "Morning notice").In(l.c.Language)
	job.Missed, job.Line = MissedSkip, l.at.line(e.off)
	job.LateUntil, _ = calendar.ParseLead("3 hours")
	if at := s.str("morning"); at != "" {
		l.schedule(s, &job, l.rule(calendar.ParseTable(map[string]any{"every": "business day", "at": at})), func(string) int { return e.val })
	}
	l.reserve(s, summary, &job)
}

// reserve puts a job beside the summary that it was made of.
func (l *loader) reserve(s *section, summary, job *Job) {
	if l.f.errors > 0 || job.When == nil {
		return
	}
	r, err := ReadRule(summary.Rule)
	if err != nil {
		return // the summary's own problem was told
	}
	r.Title, r.When, r.Missed, r.LateUntil = job.Title, s.sentence, job.Missed, job.LateUntil.Sentence(calendar.English)
	if job.Rule, err = json.Marshal(r); err != nil {
		return
	}
	l.c.jobs[job.Name] = job
	l.c.Jobs = append(l.c.Jobs, job)
}

// plain makes a value of the tree one that JSON can write.
func plain(v any) any {
	switch v := v.(type) {
	case *table:
		m := make(map[string]any, len(v.entries))
		for _, e := range v.entries {
			m[e.key] = plain(e.value)
		}
		return m
	case []*table:
		out := make([]any, len(v))
		for i, t := range v {
			out[i] = plain(t)
		}
		return out
	case time.Time:
		// A local date carries the zone of this machine; the rule must not.
		return v.Format("2006-01-02T15:04:05")
	}
	return v
}
