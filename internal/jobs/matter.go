package jobs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// what a matter is about. The names stand in the keys of notices, so they never change.
const (
	whatConfirm  = "confirm"
	whatCheck    = "check"
	whatPerson   = "person"
	whatGone     = "gone"
	whatRestored = "restored"
	whatLate     = "late"
	whatFailed   = "failed"
	whatUnknown  = "unknown"
	whatWaiting  = "waiting"
	whatBroken   = "broken" // a run that failed before anything was drafted
	whatMissed   = "missed"
	whatPaused   = "paused" // the whole queue: a flag
)

// matter is one thing that needs a person, found in the ledger alone: the notice of the moment and the item in the
// evening's summary are worded from the same matter, so that they never contradict each other.
type matter struct {
	what     string
	run      ledger.Run       // zero for a flag
	messages []ledger.Message // those of the run that it is about
	flag     ledger.Flag
	job      *config.Job // nil when it is not in jobs.toml any more
	title    string      // as a person calls it, with the period
	owners   []*config.Person
	since    time.Time
	summary  bool // about a summary, not a letter
	config   *config.Config
	checked  Results // of whatCheck: how all checks of the messages came out
}

// id is the matter's name over days: the run and what it is about.
func (m matter) id() string {
	switch {
	case m.what == whatPaused:
		return keyPart(m.flag.Name)
	case m.summary && len(m.messages) > 0:
		return m.messages[0].Number
	}
	return m.run.Number
}

// flagStopped is the flag of a person's stop of all letters; with a slash and a job's identity, of that job's.
const flagStopped = "stopped"

// stopped reports whether a person stopped it, and stopsOne whether that is one job only.
func (m matter) stopped() bool { return m.flag.Name == flagStopped || m.stopsOne() }

func (m matter) stopsOne() bool { return strings.HasPrefix(m.flag.Name, flagStopped+"/") }

// facts are what the matter tells: when they change, it is told anew. No moment of telling is in them, and nothing
// that passes by itself.
func (m matter) facts() []string {
	out := []string{m.what, m.id()}
	switch m.what {
	case whatPaused:
		return append(out, fmt.Sprint(m.flag.Since.UnixMicro()))
	case whatWaiting, whatBroken, whatMissed:
		sorts := map[string]bool{} // of what rows lack: that there are fewer of them since is no news
		for _, r := range lasting(m.run.Reasons) {
			if strings.HasPrefix(r.Code, codeRows) {
				sorts[r.Code] = true
				continue
			}
			out = append(out, r.Code, r.Text)
		}
		out = append(out, slices.Sorted(maps.Keys(sorts))...)
		out = append(out, fmt.Sprint(m.run.Generation))
	case whatConfirm:
		out = append(out, SetDigest(m.messages))
	}
	for _, x := range m.messages {
		out = append(out, x.Number)
		for i, h := range x.Holds {
			// A letter that becomes late while it waits for a yes is the owner's matter: who was asked isn't asked again. The no of
			// somebody who was asked holds it twice, as an answer and as a hold; when only the hold is released that is no news.
			same := slices.ContainsFunc(x.Holds[:i], func(b ledger.Hold) bool {
				return b.Reason == h.Reason && b.Text == h.Text && b.By.Name == h.By.Name
			})
			if h.Reason != ledger.NotDue && h.Reason != ledger.Confirmation && (m.what != whatConfirm || h.Reason != ledger.Late) && !same {
				out = append(out, string(h.Reason), h.Text)
			}
		}
		if m.what == whatFailed || m.what == whatUnknown {
			for _, d := range x.Deliveries {
				if d.State == ledger.StateFailed || d.State == ledger.StateUnknown {
					// A second attempt that fails the same way is news: the person who retried wants to know.
					out = append(out, d.Mail, string(d.State), fmt.Sprint(d.Attempts))
				}
			}
		}
	}
	return out
}

// digest is one hash over the facts.
func (m matter) digest() string { return hash([]byte(strings.Join(m.facts(), "\x00"))) }

// lasting are the reasons that somebody has to do something about.
func lasting(rs []ledger.Reason) []ledger.Reason {
	var out []ledger.Reason
	for _, r := range rs {
		if !NeedsNobody(r) {
			out = append(out, r)
		}
	}
	return out
}

// matters finds everything that needs a person now. since is from when on missed runs are told: they have ended, so
// they are told once. What can't be read is left out and returned as an error beside the rest.
func matters(c *config.Config, v *ledger.View, since time.Time) ([]matter, error) {
	var out []matter
	var errs []error
	runs := map[int64]ledger.Run{}
	runOf := func(id int64) (ledger.Run, error) {
		if r, ok := runs[id]; ok {
			return r, nil
		}
		r, err := v.Run(id)
		if err == nil {
			runs[id] = r
		}
		return r, err
	}

	flags, err := v.Flags()
	errs = append(errs, err)
	for _, f := range flags {
		m := matter{what: whatPaused, flag: f, owners: c.Admin, since: f.Since, config: c}
		if identity, one := strings.CutPrefix(f.Name, flagStopped+"/"); one {
			m.job = jobOf(c, v, identity)
			m.run.Job, m.title = identity, jobTitle(m.job, identity)
			if m.job != nil {
				m.owners = m.job.Owners(c)
			}
		}
		out = append(out, m)
	}

	groups := map[string]*matter{}
	failed := map[int64]bool{} // runs of which a message did
	add := func(m ledger.Message, what string, since time.Time) error {
		r, err := runOf(m.Run)
		if err != nil {
			return fmt.Errorf("couldn't read the run of the message %s: %w", m.Number, err)
		}
		key := fmt.Sprintf("%d/%s", m.Run, what)
		if m.Class == ledger.ClassSummary {
			key += "/" + m.Number
		}
		g := groups[key]
		if g == nil {
			g = &matter{what: what, run: r, since: since, summary: m.Class == ledger.ClassSummary}
			g.ofJob(c, v)
			if what == whatCheck {
				if g.checked, err = CheckedIn(v, m.Run); err != nil {
					return err
				}
			}
			groups[key] = g
		}
		g.messages = append(g.messages, m)
		failed[m.Run] = failed[m.Run] || what == whatFailed
		if since.Before(g.since) {
			g.since = since
		}
		return nil
	}
	for m, err := range v.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateHeld, ledger.StateFailed, ledger.StateUnknown}}) {
		if err != nil {
			errs = append(errs, err)
			break
		}
		if m.Class == ledger.ClassNotice {
			continue // never a notice about a notice
		}
		for _, s := range []struct {
			state ledger.State
			what  string
		}{{ledger.StateUnknown, whatUnknown}, {ledger.StateFailed, whatFailed}} {
			at, some := deliveriesIn(m, s.state)
			if some && s.what == whatUnknown {
				again, err := resends(c, v, m)
				errs = append(errs, err)
				some = !again
			}
			if some {
				errs = append(errs, add(m, s.what, at))
			}
		}
		if what, at, held := heldFor(m); held {
			errs = append(errs, add(m, what, at))
		}
		if len(ConfirmSet([]ledger.Message{m})) > 0 {
			errs = append(errs, add(m, whatConfirm, m.Sealed))
		}
	}
	for r, err := range v.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunWaiting, ledger.RunFailed}}) {
		if err != nil {
			errs = append(errs, err)
			break
		}
		what := whatWaiting
		if r.State == ledger.RunFailed {
			if failed[r.ID] {
				continue // its messages say what failed
			}
			what = whatBroken
		}
		if what == whatWaiting && len(lasting(r.Reasons)) == 0 {
			continue
		}
		m := &matter{what: what, run: r, since: r.Changed}
		m.ofJob(c, v)
		groups[fmt.Sprintf("%d/%s", r.ID, what)] = m
	}
	for r, err := range v.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunMissed}, ChangedFrom: since}) {
		if err != nil {
			errs = append(errs, err)
			break
		}
		m := &matter{what: whatMissed, run: r, since: r.Changed}
		m.ofJob(c, v)
		groups[fmt.Sprintf("%d/%s", r.ID, whatMissed)] = m
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if m := groups[key]; m.what != whatConfirm || slices.ContainsFunc(m.messages, asks) {
			out = append(out, *m)
		}
	}
	// What is closest to being too late comes first.
	sort.SliceStable(out, func(i, j int) bool {
		if (out[i].what == whatPaused) != (out[j].what == whatPaused) {
			return out[i].what == whatPaused
		}
		return out[i].run.Due.Before(out[j].run.Due)
	})
	return out, errors.Join(errs...)
}

// asks reports whether a message is to be asked about now: it lacks a yes, and nothing else has to be decided first.
// What a check or a person stopped will change, and a yes to it would be asked for a second time.
func asks(m ledger.Message) bool {
	if len(m.Confirmed) >= m.ConfirmCount {
		return false
	}
	return !slices.ContainsFunc(m.Holds, func(h ledger.Hold) bool {
		return h.Reason != ledger.NotDue && h.Reason != ledger.Confirmation && h.Reason != ledger.Late
	})
}

// deliveriesIn reports whether some delivery is in a state, and since when.
func deliveriesIn(m ledger.Message, s ledger.State) (since time.Time, some bool) {
	for _, d := range m.Deliveries {
		if d.State == s && (!some || d.Changed.Before(since)) {
			since, some = d.Changed, true
		}
	}
	return since, some
}

// heldFor is the reason that a person has to decide about, the gravest first. Waiting for its day or for a
// confirmation is none of these.
func heldFor(m ledger.Message) (what string, since time.Time, held bool) {
	if _, some := deliveriesIn(m, ledger.StateHeld); !some {
		return "", time.Time{}, false
	}
	for _, r := range []struct {
		reason ledger.HoldReason
		what   string
	}{{ledger.Restored, whatRestored}, {ledger.Gone, whatGone}, {ledger.Check, whatCheck}, {ledger.Late, whatLate}, {ledger.Person, whatPerson}} {
		for _, h := range m.Holds {
			if h.Reason == r.reason {
				return r.what, h.Since, true
			}
		}
	}
	return "", time.Time{}, false
}

// ofJob fills in what jobs.toml says of the run's job.
func (m *matter) ofJob(c *config.Config, v *ledger.View) {
	m.config = c
	m.job = jobOf(c, v, m.run.Job)
	m.owners = c.Admin
	if m.job != nil {
		m.owners = m.job.Owners(c)
	}
	m.title = runTitle(c, m.job, m.run)
}

// jobOf finds a job of jobs.toml by the identity that the ledger knows it by.
func jobOf(c *config.Config, v *ledger.View, identity string) *config.Job {
	name := identity
	if v != nil {
		if j, err := v.Job(identity); err == nil && j.Current != "" {
			name = j.Current
		}
	}
	return c.Job(name)
}

// jobTitle is what a person calls the job.
func jobTitle(j *config.Job, identity string) string {
	if j != nil && j.Title != "" {
		return clean(j.Title)
	}
	return clean(identity)
}

// runTitle is a job's title with what the run is about: アクメ商事 ホスティング請求書 11月分.
func runTitle(c *config.Config, j *config.Job, r ledger.Run) string {
	title := jobTitle(j, r.Job)
	if j == nil || j.When == nil {
		return strings.TrimSpace(title + " " + r.Period)
	}
	about := j.When.About(j.About, occurrenceOf(j, r))
	if about.Shape == calendar.ByDate || about.Shape == calendar.ByMinute {
		return title
	}
	short := shortAbout(about, c.Language)
	if short == "" {
		return title
	}
	return calendar.Text{JA: title + " " + short, EN: title + " (" + short + ")"}.In(c.Language)
}

// occurrenceOf is what the rule says of the run's period.
func occurrenceOf(j *config.Job, r ledger.Run) calendar.Occurrence {
	o, ok := j.When.Of(r.Period)
	if !ok {
		o = calendar.Occurrence{Period: r.Period, Nominal: r.Nominal}
	}
	o.Due = r.Due
	return o
}

// shortAbout is 「11月分」; a quarter or a year is said in full.
func shortAbout(a calendar.About, l calendar.Language) string {
	if a.Shape != calendar.ByMonth || a.First.IsZero() {
		return aboutOf(a, l)
	}
	if l == calendar.English {
		return a.First.Month.String()
	}
	return fmt.Sprintf("%d月分", int(a.First.Month))
}

// deadline is until when somebody has to act: a moment, or the end of a business day.
type deadline struct {
	at  time.Time // in the office's zone
	day bool      // the day of at is meant, to its end
}

// said is the deadline as one says it on a day: あす10:00まで, 11/27(金)中に.
func (d deadline) said(now time.Time, l calendar.Language) string {
	if d.day {
		return calendar.Text{JA: relativeDay(d.at, now, l) + "中に", EN: "by the end of " + relativeDay(d.at, now, l)}.In(l)
	}
	return calendar.Text{JA: relative(d.at, now, l) + "まで", EN: "by " + relative(d.at, now, l)}.In(l)
}

// short is the same without today's name: 11/28(土) 12:00まで.
func (d deadline) short(l calendar.Language) string {
	day := calendar.DateOf(d.at).Short(l)
	if d.day {
		return calendar.Text{JA: day + "中", EN: "by the end of " + day}.In(l)
	}
	return calendar.Text{JA: shortMoment(d.at, l) + "まで", EN: "by " + shortMoment(d.at, l)}.In(l)
}

// long is the deadline in a row of its own.
func (d deadline) long(l calendar.Language) string {
	if d.day {
		return calendar.Text{JA: calendar.DateOf(d.at).Long(l) + "中", EN: "the end of " + calendar.DateOf(d.at).Long(l)}.In(l)
	}
	return moment(d.at, l)
}

// limit is until when somebody has to act: the due moment, or where that has passed the end of the time in which the
// run may still be done. Where that is on a closed day, it is the end of the last business day before: nobody is in the
// office on Saturday, and a later day would be too late. ok is false where there is none.
func (m matter) limit(now time.Time) (d deadline, ok bool) {
	if m.what == whatPaused || m.run.ID == 0 || m.what == whatMissed || m.summary {
		return deadline{}, false
	}
	t := m.run.Due
	if !t.After(now) {
		if m.job == nil {
			return deadline{}, false
		}
		if t = m.job.LateUntil.After(m.run.Due.In(m.config.Zone), m.job.Days); !t.After(now) {
			return deadline{}, false
		}
	}
	t = t.In(m.config.Zone)
	days := m.days()
	if days == nil || days.IsOpen(calendar.DateOf(t)) {
		return deadline{at: t}, true
	}
	last, found := days.OnOrBefore(calendar.DateOf(t))
	if !found || last.Before(calendar.DateOf(now.In(m.config.Zone))) {
		return deadline{at: t}, true // asked about on the closed days themselves
	}
	return deadline{at: last.At(calendar.Clock{}, m.config.Zone), day: true}, true
}

// days are the business days that the matter is counted in; nil where there are none.
func (m matter) days() *calendar.Days {
	if m.job != nil && m.job.Days != nil {
		return m.job.Days
	}
	return m.config.Days
}

// deputyAfter is for how many business days those who have to act are asked alone.
const deputyAfter = 3

// deputies are the admins who hear of a matter that nobody has settled for some business days: somebody may be ill, and
// to ask the same person for the same thing every evening moves nothing. The days are counted from when it came up, or
// where that was earlier from its due moment.
func (m matter) deputies(c *config.Config, now time.Time) (who []*config.Person, old bool) {
	if m.what == whatPaused || m.what == whatMissed || m.summary || m.days() == nil {
		return nil, false
	}
	from := m.since
	if from.Before(m.run.Due) || m.what == whatWaiting { // a waiting run changes each time it is looked at
		from = m.run.Due
	}
	day, ok := m.days().Add(calendar.DateOf(from.In(c.Zone)), deputyAfter)
	if !ok || calendar.DateOf(now.In(c.Zone)).Before(day) {
		return nil, false
	}
	whose := m.whose(c)
	for _, p := range c.Admin {
		if !slices.Contains(whose, p) {
			who = append(who, p)
		}
	}
	return who, true
}

// whose are the people who have to act: those who may confirm for a confirmation, else the owners.
func (m matter) whose(c *config.Config) []*config.Person {
	if m.what != whatConfirm {
		return m.owners
	}
	var out []*config.Person
	for _, x := range m.messages {
		for _, p := range people(c, x.ConfirmBy) {
			if !slices.Contains(x.Confirmed, p.ID) && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	if len(out) == 0 {
		return m.owners // nobody who may confirm is left in jobs.toml: the owner has to know
	}
	return out
}

// refused are the people who were asked and said no: nobody else can let it go.
func (m matter) refused() (out []string) {
	for _, x := range m.messages {
		for _, p := range x.Refused {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// reached are the addressees of a message that failed whom it reached all the same, or may yet reach: a server refuses
// one of several. Without them a person would bring it to all, and those have it twice. Blind copies are nobody to bring
// it to.
func (m matter) reached() (sent, coming []string) {
	for _, x := range m.messages {
		for _, d := range x.Deliveries {
			if m.what != whatFailed || d.Role == "bcc" {
				continue
			}
			switch d.State {
			case ledger.StateSent, ledger.StateWritten, ledger.StateByHand:
				if !slices.Contains(sent, d.Mail) {
					sent = append(sent, d.Mail)
				}
			case ledger.StateQueued, ledger.StateClaimed, ledger.StateSending, ledger.StateDeferred, ledger.StateUnknown:
				if !slices.Contains(coming, d.Mail) {
					coming = append(coming, d.Mail)
				}
			}
		}
	}
	return sent, coming
}

// partly is whether it failed for some of its addressees only.
func (m matter) partly() bool {
	sent, coming := m.reached()
	return len(sent)+len(coming) > 0
}

// state is the first sentence: what is the case.
func (m matter) state(l calendar.Language) string {
	n := len(m.messages)
	t := calendar.Text{}
	switch m.what {
	case whatConfirm:
		t = calendar.Text{JA: "確認を待っています。確認がすむまで送りません。", EN: "It waits for a confirmation and is not sent before."}
	case whatCheck, whatPerson, whatGone, whatRestored:
		t = calendar.Text{JA: "送らずに止めています。", EN: "It is on hold and has not been sent."}
	case whatLate:
		t = calendar.Text{JA: "予定の時刻を過ぎたので、送らずに止めています。", EN: "Its time has passed, so it is on hold and has not been sent."}
	case whatFailed:
		t = calendar.Text{JA: "送れませんでした。", EN: "It could not be sent."}
		if m.partly() {
			t = calendar.Text{JA: "一部の宛先に送れませんでした。", EN: "It could not be sent to some of its addressees."}
		}
	case whatUnknown:
		t = calendar.Text{JA: "届いたか分かりません。自動では送り直しません。", EN: "It is not known whether it arrived. It is not sent again by itself."}
	case whatWaiting:
		t = calendar.Text{JA: "まだ送っていません。", EN: "It has not been sent yet."}
	case whatBroken:
		t = calendar.Text{JA: "準備ができませんでした。", EN: "It could not be prepared."}
	case whatMissed:
		t = calendar.Text{JA: "実施できませんでした。", EN: "It was not done in time."}
	case whatPaused:
		return m.paused(l)
	}
	s := t.In(l)
	if n > 1 {
		s += calendar.Text{JA: fmt.Sprintf("（%d通）", n), EN: fmt.Sprintf(" (%d messages)", n)}.In(l)
	}
	return s
}

// paused says which flag pauses everything.
func (m matter) paused(l calendar.Language) string {
	switch m.flag.Name {
	case "session":
		return calendar.Text{JA: "メールサーバーにつながらないため、すべての送信を止めています。", EN: "The mail server refuses us, so nothing is being sent."}.In(l)
	case "clock":
		return calendar.Text{JA: "時計が記録より前に戻っているため、すべての送信を止めています。", EN: "The clock is before the last entry of the record, so nothing is being sent."}.In(l)
	case "restored":
		return calendar.Text{JA: "記録が控えから戻されたため、すべての送信を止めています。", EN: "The record was restored from a copy, so nothing is being sent."}.In(l)
	case "disk":
		return calendar.Text{JA: "記録を書き込めないため、すべての送信を止めています。", EN: "The record can't be written, so nothing is being sent."}.In(l)
	case flagStopped:
		return calendar.Text{JA: "すべての送信を、人が止めています。\nまとめとお知らせだけは届きます。", EN: "Somebody stopped all mail. Only summary and notices still come."}.In(l)
	}
	if m.stopsOne() {
		return calendar.Text{JA: "この仕事の送信を、人が止めています。\nほかの予定は、そのまま進めています。", EN: "Somebody stopped this job. Everything else goes on."}.In(l)
	}
	return calendar.Text{JA: "すべての送信を止めています。", EN: "Nothing is being sent."}.In(l)
}

// word is the matter's state in one word, for those who know it already.
func (m matter) word(l calendar.Language) string {
	t := map[string]calendar.Text{
		whatConfirm: {JA: "確認待ち", EN: "waiting for confirmation"},
		whatLate:    {JA: "期日超過・確認待ち", EN: "past its day"},
		whatFailed:  {JA: "送れませんでした", EN: "could not be sent"},
		whatUnknown: {JA: "届いたか不明", EN: "not known whether it arrived"},
		whatWaiting: {JA: "準備待ち", EN: "waiting for something"},
		whatBroken:  {JA: "準備できず", EN: "could not be prepared"},
		whatMissed:  {JA: "実施できず", EN: "not done in time"},
		whatPaused:  {JA: "停止中", EN: "paused"},
	}[m.what]
	switch {
	case t.JA == "":
		t = calendar.Text{JA: "保留", EN: "on hold"}
	case m.partly():
		t = calendar.Text{JA: "一部の宛先に送れませんでした", EN: "could not be sent to some of its addressees"}
	}
	return t.In(l)
}

// seen are what was found, one line each: the missing file, the server's answer, a person's word.
func (m matter) seen(l calendar.Language) []string {
	var out []string
	add := func(s string) {
		if s = strings.TrimSpace(clean(s)); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	switch m.what {
	case whatPaused:
		if m.flag.Name == "restored" { // its own words are for the log
			add(calendar.Text{JA: "控えを取ったあとに何を送ったかが、記録に残っていません", EN: "The record does not know what was sent after the copy was made"}.In(l))
			break
		}
		add(m.flag.Text)
	case whatWaiting:
		for _, r := range lasting(m.run.Reasons) {
			add(r.Text)
		}
	case whatBroken, whatMissed:
		for _, r := range m.run.Reasons {
			add(r.Text)
		}
	case whatUnknown, whatFailed:
		for _, x := range m.messages {
			for _, d := range x.Deliveries {
				if d.State == ledger.StateUnknown && m.what == whatUnknown {
					add(calendar.Text{JA: "宛先：" + d.Mail, EN: "To: " + d.Mail}.In(l))
				}
				if d.State == ledger.StateFailed && m.what == whatFailed {
					add(calendar.Text{JA: "宛先：" + d.Mail, EN: "To: " + d.Mail}.In(l))
					if d.Words != "" {
						add(calendar.Text{JA: "メールサーバーの返事：" + d.Words, EN: "The mail server said: " + d.Words}.In(l))
					}
				}
			}
		}
		sent, coming := m.reached()
		for _, a := range sent {
			add(calendar.Text{JA: "送信済み：" + a, EN: "Sent to: " + a}.In(l))
		}
		for _, a := range coming {
			add(calendar.Text{JA: "これから：" + a, EN: "Not settled: " + a}.In(l))
		}
	case whatCheck, whatLate, whatGone, whatRestored, whatPerson:
		for _, x := range m.messages {
			for _, h := range x.Holds {
				if h.Reason == ledger.NotDue || h.Reason == ledger.Confirmation {
					continue
				}
				if h.Text == "" && h.Reason == ledger.Gone {
					add(calendar.Text{JA: "予定表（jobs.toml）か、元の資料からなくなりました", EN: "It is not in jobs.toml, or not in its source, any more"}.In(l))
				}
				if h.Text == "" && h.Reason == ledger.Restored {
					add(calendar.Text{JA: "記録を控えから戻したため、もう送ったかどうか分かりません", EN: "The record was restored from a copy, so it is not known whether it was sent already"}.In(l))
				}
				if h.Text == "" {
					continue
				}
				if h.Reason == ledger.Person && h.By.Name != "" {
					who := h.By.Name
					if p := m.config.People[who]; p != nil {
						who = colleague(p, l)
					}
					add(calendar.Text{JA: fmt.Sprintf("%s（%sより）", h.Text, who), EN: fmt.Sprintf("%s (%s)", h.Text, who)}.In(l))
					continue
				}
				if m.what == whatCheck && h.Reason == ledger.Check && len(m.messages) > 1 && x.Addressee != "" {
					// Of many letters a person has to know which.
					add(calendar.Text{JA: x.Addressee + "：" + h.Text, EN: x.Addressee + ": " + h.Text}.In(l))
					continue
				}
				add(h.Text)
			}
		}
	}
	return out
}

// passed are the checks that a message which another one holds came through: what need not be looked at again.
func (m matter) passed(l calendar.Language) (out []string) {
	if m.what != whatCheck || len(m.messages) != 1 {
		return nil
	}
	for _, r := range m.checked.Of(m.messages[0].Part, m.messages[0].Inputs) {
		if r.Verdict == Passed || r.Then != thenHold {
			out = append(out, r.Sentence(l))
		}
	}
	return out
}

// todo are what a person can do, in words and without commands.
func (m matter) todo(l calendar.Language) []string {
	one := func(ja, en string) []string { return []string{calendar.Text{JA: ja, EN: en}.In(l)} }
	switch m.what {
	case whatConfirm:
		return one("内容を見て、よければ確認をお願いします", "look at it and confirm it, if it is right")
	case whatCheck:
		return one("内容を直すか、このまま送るかを決めてください", "mend it, or decide to send it as it is")
	case whatLate:
		return one("いまから送るか、取りやめるかを決めてください", "decide whether it still goes, or is called off")
	case whatGone:
		return one("予定表（jobs.toml）に戻すか、取りやめるかを決めてください", "put it back into jobs.toml, or call it off")
	case whatPerson:
		if who := m.refused(); len(who) > 0 {
			name := names(people(m.config, who), colleague, l)
			return one("内容を直すと、もう一度確認をお願いします。このまま送るときは、"+name+"に確認をお願いしてください", "mend it, and it is asked about anew; to send it as it is, ask "+name+" to confirm it after all")
		}
		return one("送ってよくなったら、止めたのを外してください", "release it when it may go")
	case whatRestored:
		return one("もう送っていないかを、控えのメール（bcc）やメールサーバーの記録で確かめてください", "see in the blind copies or the mail server's log whether it was sent already")
	case whatFailed:
		if m.summary {
			return one("宛先とメールサーバーを確かめてください", "look at the address and the mail server")
		}
		if m.partly() {
			return one("送れなかった宛先を確かめて、もう一度送るか（ほかの宛先には送りません）、別の方法でお届けください", "look at the address that failed; then try again (the others get nothing twice), or bring it another way")
		}
		return one("宛先を確かめて、もう一度送るか、別の方法でお届けください", "look at the address; then try again, or bring it another way")
	case whatUnknown:
		if m.summary {
			return one("届いていなくても、次のまとめに同じ内容が入ります", "wait for the next summary: it has what this one said, in case it did not arrive")
		}
		return one("お電話などで届いたかを確かめて、結果を知らせてください", "ask by telephone whether it arrived, and say so")
	case whatMissed:
		return one("いまから行うときは、この回をもう一度実行してください", "have this period done again, if it is still wanted")
	case whatBroken:
		var out []string
		for _, r := range m.run.Reasons {
			if r.Next != "" && !slices.Contains(out, r.Next) {
				out = append(out, clean(r.Next))
			}
		}
		if len(out) == 0 {
			out = one("原因を直してから、もう一度実行してください", "mend the cause, then have it done again")
		}
		return out
	case whatWaiting:
		var out []string
		for _, r := range lasting(m.run.Reasons) {
			if r.Next != "" && !slices.Contains(out, r.Next) {
				out = append(out, clean(r.Next))
			}
		}
		return out
	case whatPaused:
		switch m.flag.Name {
		case "session":
			if m.flag.Probe.IsZero() {
				return one("メールサーバーの名前とパスワードを確かめてください", "look at the mail server's user and password")
			}
			return one("しばらくすると、自動でもう一度試します。続くときはメールサーバーを確かめてください", "it is tried again by itself; if this goes on, look at the mail server")
		case "clock":
			return one("機械の時計を合わせてください。追いつけば、自動で再開します", "set the machine's clock; we go on by ourselves when it has caught up")
		case "restored":
			return one("控えのメール（bcc）やメールサーバーの記録で、どこまで送ったかを確かめて、再開してください", "see in the blind copies or the mail server's log what was sent since, then go on")
		case "disk":
			return one("ディスクの空きと書き込みの権限を確かめてください", "look at the disk's free space and permissions")
		}
		if m.stopped() {
			return one("送ってよくなったら、送信を再開してください", "start it again when it may go")
		}
		return one("原因を確かめてください", "look for the cause")
	}
	return nil
}

// byItself is what happens if nobody does anything.
func (m matter) byItself(now time.Time, l calendar.Language) string {
	_, ok := m.limit(now)
	future := m.run.Due.After(now)
	who := names(m.owners, colleague, l)
	switch {
	case m.summary:
		return ""
	case m.what == whatWaiting && future:
		return calendar.Text{JA: "間に合わないときは送らずに待ち、そろいしだい続けます。",
			EN: "If it comes later, it is done as soon as it is there."}.In(l)
	case m.what == whatWaiting && ok:
		return calendar.Text{JA: fmt.Sprintf("期限を過ぎると実施できずとして記録し、%sにお知らせします。", who),
			EN: fmt.Sprintf("After that it is noted as not done, and %s is told.", who)}.In(l)
	case m.what == whatConfirm && future:
		return calendar.Text{JA: "それまでに確認がないときは、送らずにお待ちします。", EN: "If there is no word by then, it is not sent and goes on waiting."}.In(l)
	case m.what == whatPaused && m.stopped():
		return calendar.Text{JA: "再開するまで送りません。準備と確認のお願いは続けます。", EN: "Until then nothing of it is sent. Preparing and asking go on as usual."}.In(l)
	case m.what == whatUnknown:
		return calendar.Text{JA: "お知らせいただくまで、送り直しません。", EN: "Until somebody says so, it is not sent again."}.In(l)
	case slices.Contains([]string{whatConfirm, whatLate, whatCheck, whatPerson, whatGone, whatRestored}, m.what):
		return calendar.Text{JA: "それまで、送らずにお待ちします。", EN: "Until then it is not sent."}.In(l)
	}
	return ""
}

// number is the number by which a person finds it.
func (m matter) number() string {
	switch {
	case m.what == whatPaused:
		return ""
	case len(m.messages) == 1:
		return m.messages[0].Number
	}
	return m.run.Number
}

// amount is the sum at stake; ok is false where one of the messages has none.
func (m matter) amount() (sum int64, ok bool) {
	for _, x := range m.messages {
		if x.Amount == nil {
			return 0, false
		}
		sum += *x.Amount
	}
	return sum, len(m.messages) > 0
}
