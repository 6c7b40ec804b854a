package daemon

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"bod/internal/ledger"
)

// The kinds of alarm beside the names of the flags. Programs go by them, so they never change.
const (
	alarmSummary = "summary" // one that failed, or whose fate is unknown
	alarmNotice  = "notice"  // the same of bod's other mail
	alarmMail    = "mail"    // bod's own mail waits and does not leave
	alarmLedger  = "ledger"  // it can't be written
)

const (
	// alarmAfter is how long a thing has to stand before it is an alarm, while somebody looks again: a session may heal, and an
	// answer that was lost may be found in the relay's log.
	alarmAfter = 2 * time.Minute
	// alarmStuck is how long bod's own mail may be refused for now before it is an alarm.
	alarmStuck = time.Hour
	// alarmGap lies between two alarms of one kind about single messages, so that a hundred of them are few calls.
	alarmGap = 15 * time.Minute
	// alarmSpan is how old a message's failure may be: an alarm program that is named for the first time is not called for
	// all that ever failed.
	alarmSpan = 3 * 24 * time.Hour
)

// closes reports whether a flag keeps bod's own mail from leaving. A person's stop and a ledger that was put back don't.
func closes(name string) bool {
	return name != flagRestored && name != flagStopped && !strings.HasPrefix(name, flagStopped+"/")
}

// kindOf is an alarm's kind, and idOf what it is about.
func kindOf(name string) string { kind, _, _ := strings.Cut(name, "/"); return kind }
func idOf(name string) string   { _, id, _ := strings.Cut(name, "/"); return id }

// raise calls the administrator's program for what bod can't tell by mail. It is level-triggered as the notices are: which
// alarms ought to stand follows from the ledger, what was told is remembered there, and what is over is told once and
// forgotten. Die between a call and its result, and the program is called a second time; that harms nobody.
//
// after is how long a thing has to stand before it is an alarm.
func (o *Office) raise(ctx context.Context, after time.Duration) error {
	st := o.at.Load()
	if st.config.AlarmProgram == "" || o.ledger.Rehearsal() {
		return nil
	}
	now := o.moment()
	var want, have []ledger.Alarm
	err := o.ledger.View(ctx, func(v *ledger.View) (err error) {
		if have, err = v.Alarms(); err != nil {
			return err
		}
		want, err = alarming(v, st, have, now, after)
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't see what mail can't tell: %w", err)
	}
	unsaved := o.recall(have)
	if err := o.remember(ctx, now, unsaved); err != nil {
		o.log.Error("couldn't write which alarms were given; they are not given again meanwhile", "err", err)
	}
	in := func(as []ledger.Alarm, name string) bool {
		return slices.ContainsFunc(as, func(a ledger.Alarm) bool { return a.Name == name })
	}
	var over, fresh []ledger.Alarm
	for _, a := range have {
		if !in(want, a.Name) {
			over = append(over, a)
		}
	}
	for _, a := range want {
		if !in(have, a.Name) {
			fresh = append(fresh, a)
		}
	}
	have = slices.DeleteFunc(have, func(a ledger.Alarm) bool { return in(over, a.Name) })
	if err := o.remember(ctx, now, fresh); err != nil {
		return err
	}
	var errs []error
	for _, as := range byKind(append(have, fresh...), now) {
		errs = append(errs, o.sound(ctx, st, as))
	}
	for _, a := range over {
		errs = append(errs, o.over(ctx, st, a))
	}
	return errors.Join(errs...)
}

// given is what was told and perhaps could not be written: a ledger that fails between a call and its result must not make
// the program called for the same thing every half a minute.
type given struct {
	alarm ledger.Alarm
	over  bool
}

// recall brings alarms up to what was told, and answers which of them the ledger has still to learn of.
func (o *Office) recall(as []ledger.Alarm) (unsaved []ledger.Alarm) {
	still := map[string]given{}
	for i, a := range as {
		g, ok := o.raised[a.Name]
		if !ok {
			continue
		}
		still[a.Name] = g
		if g.alarm.Tries > a.Tries {
			as[i] = g.alarm
			unsaved = append(unsaved, g.alarm)
		}
	}
	o.raised = still
	return unsaved
}

// byKind are the alarms that are to be told now, those of one kind together.
func byKind(as []ledger.Alarm, now time.Time) (out [][]ledger.Alarm) {
	last := map[string]time.Time{}
	for _, a := range as {
		if k := kindOf(a.Name); a.Told.After(last[k]) {
			last[k] = a.Told
		}
	}
	at := map[string]int{}
	for _, a := range as {
		k := kindOf(a.Name)
		if !a.Told.IsZero() || now.Before(a.Next) || now.Before(last[k].Add(alarmGap)) && !now.Before(last[k]) {
			continue
		}
		if _, there := at[k]; !there {
			at[k] = len(out)
			out = append(out, nil)
		}
		out[at[k]] = append(out[at[k]], a)
	}
	return out
}

// remember writes alarms, whatever the clock says.
func (o *Office) remember(ctx context.Context, now time.Time, as []ledger.Alarm) error {
	if len(as) == 0 {
		return nil
	}
	err := o.ledger.UpdateClock(ctx, now, self(), func(tx *ledger.Tx) error {
		for _, a := range as {
			if err := tx.PutAlarm(a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't remember an alarm: %w", err)
	}
	return nil
}

// sound tells alarms of one kind in one call, and keeps the result.
func (o *Office) sound(ctx context.Context, st *standing, as []ledger.Alarm) error {
	var texts []string
	for _, a := range as {
		texts = append(texts, a.Text)
	}
	said, err := o.callAlarm(ctx, st, kindOf(as[0].Name), idOf(as[0].Name), "raised", texts)
	if ctx.Err() != nil {
		return nil // stopped; the next start tells it
	}
	now := o.moment()
	for i := range as {
		a := &as[i]
		a.Tries++
		if err == nil {
			a.Told, a.Next, a.Result = now, time.Time{}, said
		} else {
			a.Next, a.Result = now.Add(backoff(a.Tries)), err.Error()
		}
		o.raised[a.Name] = given{alarm: *a}
	}
	return o.remember(ctx, now, as)
}

// over forgets an alarm. Whoever heard of it hears that it is over, where it is something that ends by itself.
func (o *Office) over(ctx context.Context, st *standing, a ledger.Alarm) error {
	if text := st.words().healed(kindOf(a.Name)); text != "" && !a.Told.IsZero() && !o.raised[a.Name].over {
		_, _ = o.callAlarm(ctx, st, kindOf(a.Name), idOf(a.Name), "over", []string{text}) // logged; good news is not tried again
		if ctx.Err() != nil {
			return nil
		}
		o.raised[a.Name] = given{a, true}
	}
	err := o.ledger.UpdateClock(ctx, o.moment(), self(), func(tx *ledger.Tx) error { return tx.DropAlarm(a.Name) })
	if err != nil {
		return fmt.Errorf("couldn't forget the alarm %s: %w", a.Name, err)
	}
	return nil
}

// callAlarm calls the program once. systemd's own alarm (bod-failed.service) speaks of a process that ended; this one of
// what a living one can't tell. Both give the words on standard input and the rest in the environment, so that one program
// can serve both.
func (o *Office) callAlarm(ctx context.Context, st *standing, kind, id, state string, texts []string) (said string, err error) {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	words := strings.Join(texts, "\n\n") + "\n\n" + st.words().say("（%s の bod より。メールではお伝えできないため、この方法でお知らせしています）", "(bod on %s; told this way because mail can't)", host) + "\n"
	p := program{path: st.config.AlarmProgram, env: []string{"BOD_ALARM=" + kind, "BOD_ID=" + id, "BOD_STATE=" + state}}
	out, err := p.call(ctx, []byte(words))
	if err != nil {
		if ctx.Err() == nil {
			o.log.Error("couldn't give an alarm", "alarm", kind, "id", id, "state", state, "err", err)
		}
		return "", err
	}
	o.log.Warn("gave an alarm", "alarm", kind, "id", id, "state", state)
	return oneLine(string(bytes.TrimSpace(out)), 200), nil
}

// alarming are the alarms that ought to stand, from the ledger alone.
func alarming(v *ledger.View, st *standing, have []ledger.Alarm, now time.Time, after time.Duration) (out []ledger.Alarm, err error) {
	w := st.words()
	add := func(kind, id string, since time.Time, text string) {
		out = append(out, ledger.Alarm{Name: kind + "/" + id, Since: since, Text: text})
	}
	flags, err := v.Flags()
	if err != nil {
		return nil, err
	}
	closed := false
	var restored time.Time
	for _, f := range flags {
		if f.Name == flagRestored {
			restored = f.Since
		}
		if !closes(f.Name) {
			continue
		}
		closed = true
		// The clock that is wrong counts nothing: what it stops is told at once.
		if f.Name == flagClock || !now.Before(f.Since.Add(after)) {
			add(f.Name, f.Since.UTC().Format("20060102T150405Z"), f.Since, w.flagAlarm(f))
		}
	}
	// The alarm that mail waits goes on while one of those is being tried, or kept from it by a flag: only what left, or ended
	// otherwise, is good news.
	stood := slices.IndexFunc(have, func(a ledger.Alarm) bool { return kindOf(a.Name) == alarmMail })
	states := []ledger.State{ledger.StateUnknown, ledger.StateFailed, ledger.StateDeferred}
	if stood >= 0 {
		states = append(states, ledger.StateQueued, ledger.StateClaimed, ledger.StateSending)
	}
	var waits *ledger.Message
	for _, class := range []ledger.Class{ledger.ClassSummary, ledger.ClassNotice} {
		for m, err := range v.Messages(ledger.MessageQuery{Class: class, States: states}) {
			if err != nil {
				return nil, err
			}
			kind := alarmNotice
			if class == ledger.ClassSummary {
				kind = alarmSummary
			}
			if at, bad := lost(m); bad && !now.Before(at.Add(after)) && now.Before(at.Add(alarmSpan)) {
				add(kind, m.Number, at, w.lostAlarm(m))
			}
			if due := cmpTime(m.NotBefore, m.Sealed); m.State != ledger.StateUnknown && m.State != ledger.StateFailed && !now.Before(due.Add(alarmStuck)) && !m.Sealed.Before(restored) &&
				(waits == nil || due.Before(cmpTime(waits.NotBefore, waits.Sealed))) {
				waits = &m
			}
		}
	}
	if waits != nil && (!closed || stood >= 0) {
		id := waits.Number
		if stood >= 0 {
			id = idOf(have[stood].Name) // the first has left, another has not: it is the same event
		}
		add(alarmMail, id, cmpTime(waits.NotBefore, waits.Sealed), w.stuckAlarm(*waits))
	}
	return out, nil
}

func cmpTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// lost reports whether some delivery failed or is unknown, and since when.
func lost(m ledger.Message) (since time.Time, bad bool) {
	for _, d := range m.Deliveries {
		if (d.State == ledger.StateUnknown || d.State == ledger.StateFailed) && d.Changed.After(since) {
			since, bad = d.Changed, true
		}
	}
	return since, bad
}

// alarmText sets an alarm's sentences and facts one below the other. The first line is all that a pager shows.
func (w words) alarmText(what string, facts ...string) string {
	lines := []string{w.say("【bod】", "[bod] ") + what}
	for i := 0; i+1 < len(facts); i += 2 {
		if value := oneLine(facts[i+1], 500); value != "" {
			lines = append(lines, w.say("　", "  ")+facts[i]+w.say("：", ": ")+value)
		}
	}
	return strings.Join(lines, "\n")
}

func (w words) flagAlarm(f ledger.Flag) string {
	what := w.say("すべてのメールの送信を止めています", "all mail is paused")
	next := w.say("bod status と bod doctor で確かめてください", "look at bod status and bod doctor")
	switch {
	case f.Name == flagSession && f.Credential != "":
		what = w.say("メールサーバーへのログインを断られたため、すべてのメールの送信を止めています", "the mail server refused the login: all mail is paused")
		next = w.say("利用者名とパスワードを直してから、bod を再起動するか bod retry --session を実行してください", "mend user and password, then restart bod or say bod retry --session")
	case f.Name == flagSession:
		what = w.say("メールサーバーが接続を断るため、すべてのメールの送信を止めています", "the mail server refuses us: all mail is paused")
		next = w.say("自動でつなぎ直しています。続くときは、メールサーバーと証明書を bod doctor で確かめてください", "bod tries again by itself; if it goes on, look at the mail server and its certificate with bod doctor")
	case f.Name == flagClock:
		what = w.say("機械の時計が記録の最後より前を指しているため、すべてを止めています", "the machine's clock is before the ledger's last entry: nothing is done")
		next = w.say("時計を合わせてください。いまの時計が正しいときは、bod retry --clock に理由を添えて実行してください", "set the clock; where it is right as it is, say bod retry --clock REASON")
	}
	return w.alarmText(what, w.say("理由", "why"), f.Text, w.say("いつから", "since"), w.at(f.Since), w.say("次にすること", "next"), next)
}

func (w words) lostAlarm(m ledger.Message) string {
	name := w.say("お知らせのメール", "a notice")
	if m.Class == ledger.ClassSummary {
		name = w.say("まとめのメール", "a summary")
	}
	what := w.say(name+"を送れませんでした", name+" could not be sent")
	next := w.say("宛先とメールサーバーを確かめ、宛先の方に bod status の内容を伝えてください", "look at the address and the mail server, and tell the reader what bod status says")
	if m.State == ledger.StateUnknown {
		what = w.say(name+"が届いたか分かりません", "it is not known whether "+name+" arrived")
		next = w.say("届いたかを宛先の方に確かめ、届いていなければ bod status の内容を伝えてください", "ask the reader whether it came; where it did not, tell what bod status says")
	}
	var to, said []string
	for _, d := range m.Deliveries {
		if d.State == ledger.StateUnknown || d.State == ledger.StateFailed {
			to = append(to, d.Mail)
			if d.Words != "" && !slices.Contains(said, d.Words) {
				said = append(said, d.Words)
			}
		}
	}
	return w.alarmText(what, w.say("宛先", "to"), strings.Join(to, " "), w.say("件名", "subject"), m.Subject, w.say("メールサーバーの返事", "the mail server said"), strings.Join(said, " / "),
		w.say("番号", "number"), m.Number, w.say("次にすること", "next"), next)
}

func (w words) stuckAlarm(m ledger.Message) string {
	said := ""
	for _, d := range m.Deliveries {
		said = cmp.Or(said, d.Words)
	}
	return w.alarmText(w.say("bod からの知らせのメールが出ていません", "bod's own mail does not leave"),
		w.say("いつから", "since"), w.at(cmpTime(m.NotBefore, m.Sealed)), w.say("最後の返事", "the last answer"), said, w.say("件名", "subject"), m.Subject,
		w.say("次にすること", "next"), w.say("自動で送り直しています。続くときは、ネットワークとメールサーバーを bod doctor で確かめてください", "bod tries again by itself; if it goes on, look at the network and the mail server with bod doctor"))
}

func (w words) ledgerAlarm(since time.Time, err string) string {
	return w.alarmText(w.say("記録を書き込めないため、すべてを止めています", "the ledger can't be written: nothing is done"), w.say("理由", "why"), err,
		w.say("いつから", "since"), w.at(since), w.say("次にすること", "next"), w.say("ディスクの空きと権限を確かめてください。直れば自動で再開します", "look at the disk's free space and rights; bod goes on by itself when it can"))
}

// healed says that an alarm is over; "" for what does not end by itself.
func (w words) healed(kind string) string {
	switch kind {
	case alarmSummary, alarmNotice:
		return ""
	case alarmMail:
		return w.alarmText(w.say("解消しました：bod からの知らせのメールが出るようになりました", "over: bod's own mail leaves again"))
	case alarmLedger:
		return w.alarmText(w.say("解消しました：記録を書き込めるようになりました", "over: the ledger can be written again"))
	}
	return w.alarmText(w.say("解消しました：メールの送信を再開しました", "over: mail goes on"))
}

// outage is a ledger that can't be written: the one alarm that it can't remember itself. It is kept in memory, and told anew
// after a restart.
type outage struct {
	mu    sync.Mutex
	since time.Time
	why   string
	told  bool
	over  bool
	tries int
	next  time.Time
}

// note is told how the ledger does: nil is well.
func (x *outage) note(now time.Time, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case err == nil && !x.since.IsZero():
		x.over = x.told
		x.since, x.why, x.told, x.tries, x.next = time.Time{}, "", false, 0, time.Time{}
	case err != nil:
		if x.since.IsZero() {
			x.since = now
		}
		x.why = err.Error()
	}
}

// tell gives the alarm of an outage when it has stood long enough, and the word that it is over. Only one goroutine calls it.
func (x *outage) tell(ctx context.Context, o *Office) {
	st := o.at.Load()
	if st.config.AlarmProgram == "" || o.ledger.Rehearsal() {
		return
	}
	now := o.moment()
	x.mu.Lock()
	over, since, why := x.over, x.since, x.why
	due := !since.IsZero() && !x.told && !now.Before(since.Add(alarmAfter)) && !now.Before(x.next)
	x.over = false
	x.mu.Unlock()
	if over && since.IsZero() {
		_, _ = o.callAlarm(ctx, st, alarmLedger, "ledger", "over", []string{st.words().healed(alarmLedger)}) // logged
	}
	if !due {
		return
	}
	_, err := o.callAlarm(ctx, st, alarmLedger, "ledger", "raised", []string{st.words().ledgerAlarm(since, why)})
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.since != since {
		x.over = err == nil && x.since.IsZero() // it healed while the program was at work
		return
	}
	if x.told = err == nil; err != nil {
		x.tries++
		x.next = o.moment().Add(backoff(x.tries))
	}
}
