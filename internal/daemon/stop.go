package daemon

import (
	"maps"
	"slices"
	"strings"
	"time"

	"bod/internal/config"
	"bod/internal/ledger"
)

// flagStopped says that a person stopped all letters; followed by a slash and a job's identity, those of one job. What
// is stopped is planned, prepared and asked about as ever, and nothing of it is queued or claimed. Summary and notices
// go on: they tell of the stop.
const flagStopped = "stopped"

// stops is what people have stopped.
type stops struct {
	all  bool
	jobs map[string]bool // by identity
}

func stopsOf(v *ledger.View) (stops, error) {
	flags, err := v.Flags()
	if err != nil {
		return stops{}, err
	}
	s := stops{jobs: map[string]bool{}}
	for _, f := range flags {
		s.note(f)
	}
	return s, nil
}

// note reports whether a flag is a person's stop.
func (s *stops) note(f ledger.Flag) bool {
	identity, one := strings.CutPrefix(f.Name, flagStopped+"/")
	switch {
	case f.Name == flagStopped:
		s.all = true
	case one:
		s.jobs[identity] = true
	default:
		return false
	}
	return true
}

// some reports whether anything is stopped.
func (s stops) some() bool { return s.all || len(s.jobs) > 0 }

// holds reports whether a message may not leave now.
func (s stops) holds(m ledger.Message) bool {
	return m.Class == ledger.ClassLetter && (s.all || s.jobs[m.Job])
}

// stopped is the flag that the request speaks of, and the duty where it speaks of one.
func (a *asking) stopped() (name string, d *duty, err error) {
	if a.req.Job == "" {
		return flagStopped, nil, nil
	}
	if d, err = a.duty(); err != nil {
		// A job that left the rules while it was stopped can still be started.
		if a.in.Verb == "start" {
			if j, unknown := a.Job(a.req.Job); unknown == nil {
				return flagStopped + "/" + j.Name, nil, nil
			}
		}
		return "", nil, err
	}
	return flagStopped + "/" + d.identity, d, nil
}

func (a *asking) flag(name string) (f ledger.Flag, there bool, err error) {
	flags, err := a.Flags()
	if err != nil {
		return f, false, err
	}
	i := slices.IndexFunc(flags, func(f ledger.Flag) bool { return f.Name == name })
	if i < 0 {
		return f, false, nil
	}
	return flags[i], true, nil
}

// stop keeps the letters of one job, or all letters, from leaving.
func (a *asking) stop() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	name, d, err := a.stopped()
	if err != nil {
		return "", err
	}
	if d != nil && d.job.Kind == "summary" {
		return "", a.no("まとめは止められません。届かないこと自体が異常の知らせだからです。送らないことにするときは、予定表で enabled = false にしてください",
			"the summary can't be stopped, because its absence is itself the alarm: write enabled = false in the rules if it is not wanted")
	}
	if f, there, err := a.flag(name); err != nil || there {
		if err == nil {
			err = a.no("すでに止めてあります（%sから：%s）", "it is stopped already (since %s: %s)", a.at(f.Since), f.Text)
		}
		return "", err
	}
	if err := a.SetFlag(ledger.Flag{Name: name, Text: a.by(why), Since: a.now}); err != nil {
		return "", err
	}
	flight := 0
	for m, err := range a.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateClaimed, ledger.StateSending}}) {
		if err != nil {
			return "", err
		}
		if m.Class == ledger.ClassLetter && (d == nil || m.Job == d.identity) {
			flight++
		}
	}
	text := a.say("すべての送信を止めました。再開するまで、手紙は1通も送りません（まとめとお知らせは届きます）", "all letters are stopped; none goes before bod start. Summary and notices still come")
	if d != nil {
		text = a.say("「%s」の送信を止めました。再開するまで送りません", "%s is stopped; nothing of it goes before bod start", d.job.Title)
	}
	if flight > 0 {
		text += a.say("。いま送っている途中の%d通は止められませんでした", ". %d on the way at this moment could not be stopped", flight)
	}
	return text, nil
}

// start lets letters leave again. What became late meanwhile is met as after a time in which the machine was off: the
// rule's `missed` decides.
func (a *asking) start() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	name, d, err := a.stopped()
	if err != nil {
		return "", err
	}
	f, there, err := a.flag(name)
	if err != nil {
		return "", err
	}
	if !there {
		return "", a.no("止めてありません", "it is not stopped")
	}
	if err := a.ClearFlag(name); err != nil {
		return "", err
	}
	still, err := stopsOf(a.View)
	if err != nil {
		return "", err
	}
	late := 0
	for _, identity := range slices.Sorted(maps.Keys(a.rules.duties)) {
		x := a.rules.duties[identity]
		if x.job.Kind == "summary" || d != nil && x != d || still.all || still.jobs[identity] {
			continue
		}
		n, err := a.overtaken(x, f.Since)
		if err != nil {
			return "", err
		}
		late += n
	}
	a.office.log.Info("started again", "job", a.req.Job, "who", a.in.Who.Name, "why", why)
	text := a.say("送信を再開しました", "letters go again")
	if d != nil {
		text = a.say("「%s」の送信を再開しました", "%s goes again", d.job.Title)
	}
	switch {
	case still.all:
		text += a.say("。ただし、全体の送信は止めてあります", ", but all letters are still stopped")
	case d == nil && len(still.jobs) > 0:
		text += a.say("。別に止めてある仕事が%d件あります", "; %d jobs are stopped besides", len(still.jobs))
	}
	if late > 0 {
		text += a.say("。止めている間に予定の時刻を過ぎた%d件は、送る前にお聞きします", ". %d became late meanwhile and wait for a word", late)
	}
	return text, nil
}

// overtaken applies the rule's `missed` to the runs whose time came while the job was stopped, and says how many are held now.
func (a *asking) overtaken(d *duty, since time.Time) (held int, err error) {
	p := planning{identity: d.identity, now: a.now, new: d.rule, words: a.words}
	var overdue []late
	var queued []ledger.Message
	for r, err := range a.Runs(ledger.RunQuery{Job: d.identity, States: openStates}) {
		if err != nil {
			return 0, err
		}
		k := known{Run: r}
		if err := k.messages(a.Tx); err != nil {
			return 0, err
		}
		o, named := d.job.When.Of(r.Period)
		if r.Early || r.Generation > 1 || !named || k.queued || hasReason(r.Reasons, codeLate) || hasReason(r.Reasons, codeReleased) || hasReason(r.Reasons, codeRestored) ||
			!r.Due.After(since) || a.now.Sub(r.Due) <= lateness {
			continue // settled otherwise, or in time, or late for another reason than the stop
		}
		o.Due = r.Due
		overdue = append(overdue, late{o, k, true})
	}
	slices.SortStableFunc(overdue, func(a, b late) int { return a.Due.Compare(b.Due) })
	var c changes
	for i, l := range overdue {
		p.overdue(&c, l, i == len(overdue)-1)
	}
	for _, m := range c.move {
		if m.to == "" {
			m.to = m.run.State
		}
		if err := a.office.move(a.Tx, m); err != nil {
			return 0, err
		}
		if m.hold != "" {
			held++
		}
	}
	if a.now.Sub(since) <= lateness || !d.rule.outside && d.rule.missed != config.MissedAsk {
		return held, nil
	}
	// What was on its way when it was stopped is as late as the rest; the same bytes go when a person says so.
	for m, err := range a.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateQueued, ledger.StateDeferred}}) {
		if err != nil {
			return 0, err
		}
		if m.Class == ledger.ClassLetter && m.Job == d.identity {
			queued = append(queued, m)
		}
	}
	for _, m := range queued {
		if err := a.Hold(m.ID, ledger.Late, a.askLate(m.NotBefore).Text); err != nil {
			return 0, err
		}
		held++
	}
	return held, nil
}
