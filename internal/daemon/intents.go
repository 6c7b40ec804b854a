package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// refusal is a request that can't be done, in words for the person who asked. Nothing of it is written but the words.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }

// intents acts on what people asked for. Each request and its answer are one transaction: who waits for the answer can rely on it,
// and a request is never done twice.
func (o *Office) intents(ctx context.Context, now time.Time) error {
	var waiting []ledger.Intent
	err := o.ledger.View(ctx, func(v *ledger.View) (err error) {
		waiting, err = v.Intents()
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't read what people asked for: %w", err)
	}
	for _, in := range waiting {
		if err := o.answer(ctx, in, now, o.ledger.Update); err != nil {
			return err
		}
	}
	return nil
}

// update is Ledger.Update, or UpdateClock while the clock is wrong.
type update func(context.Context, time.Time, ledger.Who, func(*ledger.Tx) error) error

func (o *Office) answer(ctx context.Context, in ledger.Intent, now time.Time, write update) error {
	st := o.at.Load()
	a := &asking{office: o, rules: st, words: st.words(), in: in, now: now}
	result := ""
	err := write(ctx, now, in.Who, func(tx *ledger.Tx) (err error) {
		a.Tx = tx
		if result, err = a.act(); err != nil {
			return err
		}
		return tx.FinishIntent(in.ID, true, result)
	})
	if err == nil {
		o.log.Info("done as asked", "verb", in.Verb, "who", in.Who.Name, "result", result)
		o.scan.stale = true
		return nil
	}
	no, refused := errors.AsType[refusal](err)
	switch {
	case refused:
	case errors.Is(err, ledger.ErrMove), errors.Is(err, ledger.ErrStale), errors.Is(err, ledger.ErrNotFound), errors.Is(err, ledger.ErrFenced):
		no = refusal{a.say("いまの状態ではできません（%v）", "that can't be done in the present state (%v)", err)}
	default:
		if ctx.Err() != nil {
			return err
		}
		no = refusal{a.say("エラーのため、できませんでした：%v", "couldn't do it: %v", err)}
		if what, _ := ledger.Advice(err, a.lang != calendar.English); what != "" {
			no = refusal{a.say("%sそのため、行っていません。直ってから、もう一度依頼してください（%v）", "%s So it was not done: ask again when that is mended (%v)", what, err)}
		}
	}
	o.log.Warn("refused", "verb", in.Verb, "who", in.Who.Name, "err", no.text)
	if err := write(ctx, now, in.Who, func(tx *ledger.Tx) error { return tx.FinishIntent(in.ID, false, no.text) }); err != nil {
		return fmt.Errorf("couldn't answer the request %d: %w", in.ID, err)
	}
	return nil
}

// asking is one request being answered.
type asking struct {
	*ledger.Tx
	words
	office *Office
	rules  *standing
	in     ledger.Intent
	req    Request
	now    time.Time
}

func (a *asking) no(ja, en string, args ...any) error { return refusal{a.say(ja, en, args...)} }

// act does what is asked and returns the words for it.
func (a *asking) act() (string, error) {
	if err := json.Unmarshal(a.in.Args, &a.req); err != nil && len(a.in.Args) > 0 {
		return "", a.no("依頼を読めませんでした：%v", "couldn't read the request: %v", err)
	}
	verbs := map[string]func() (string, error){
		"confirm": a.confirm, "hold": a.hold, "release": a.release, "reject": a.reject, "skip": a.skip, "do": a.do,
		"settle": a.settle, "resend": a.resend, "retry": a.retry, "by-hand": a.byHand, "hello": a.hello, "stop": a.stop, "start": a.start,
		"accept": a.accept, "take-back": a.takeBack,
	}
	do, ok := verbs[a.in.Verb]
	if !ok {
		return "", a.no("「%s」という依頼は、この版にはありません", "%q is not in this version", a.in.Verb)
	}
	if strings.TrimSpace(a.in.Who.Name) == "" {
		return "", a.no("だれの依頼かがありません。--by 名前 を付けてください", "it doesn't say who asks: add --by NAME")
	}
	return do()
}

// why is the reason, which most requests need: the record has to say it to somebody who reads it years later.
func (a *asking) why() (string, error) {
	if s := strings.TrimSpace(a.in.Why); s != "" {
		return s, nil
	}
	return "", a.no("理由を添えてください", "say why: the record keeps the reason")
}

// by is the reason with the person's name before it, as colleagues call them.
func (a *asking) by(why string) string {
	name := a.in.Who.Name
	if p := a.rules.config.People[name]; p != nil && p.Name != "" {
		name = a.say(p.Name+cmpOr(p.Title, "さん"), p.Name)
	}
	return a.say("%s：%s", "%s: %s", name, why)
}

// duty finds the job that the request names, by its name in the file or by its identity.
func (a *asking) duty() (*duty, error) {
	for _, d := range a.rules.duties {
		if d.job.Name == a.req.Job {
			return d, nil
		}
	}
	if d := a.rules.duties[a.req.Job]; d != nil {
		return d, nil
	}
	return nil, a.no("「%s」という仕事は、いまの予定表（jobs.toml）にありません。保存したばかりなら、1分ほど待ってください", "there is no job %q in jobs.toml; if it was saved just now, wait a minute", a.req.Job)
}

// run finds the run that the request names; there is false when it names a message only.
func (a *asking) run() (r ledger.Run, there bool, err error) {
	switch {
	case a.req.Run != "":
		r, err = a.RunByNumber(a.req.Run)
		if isNone(err) {
			return r, false, a.no("%s という回はありません", "there is no run %s", a.req.Run)
		}
		return r, true, err
	case a.req.Message == "" && a.req.Job != "":
		d, err := a.duty()
		if err != nil {
			return r, false, err
		}
		if a.req.Period != "" {
			r, err = a.RunOf(d.identity, a.req.Period)
			if isNone(err) {
				return r, false, a.no("「%s」に %s の回はまだありません", "%s has no run %s yet", d.job.Name, a.req.Period)
			}
			return r, true, err
		}
		for r, err := range a.Runs(ledger.RunQuery{Job: d.identity, Newest: true, Limit: 1}) {
			return r, true, err
		}
		return r, false, a.no("「%s」の回はまだありません", "%s has no run yet", d.job.Name)
	}
	return r, false, nil
}

// messages are the messages that the request speaks of: the one that it names, or those of the run, in one of the given states.
func (a *asking) messages(states ...ledger.State) (ms []ledger.Message, r ledger.Run, err error) {
	if a.req.Message != "" {
		m, err := a.MessageByNumber(a.req.Message)
		if isNone(err) {
			return nil, r, a.no("%s というメールはありません", "there is no message %s", a.req.Message)
		}
		if err != nil {
			return nil, r, err
		}
		if m.Run != 0 {
			if r, err = a.Run(m.Run); err != nil {
				return nil, r, err
			}
		}
		if len(states) > 0 && !slices.ContainsFunc(m.Deliveries, func(d ledger.Delivery) bool { return slices.Contains(states, d.State) }) {
			return nil, r, a.no("メール %s は「%s」なので、これはできません", "message %s is %q, so that can't be done", m.Number, jobs.MessageWords(m, a.lang))
		}
		return []ledger.Message{m}, r, nil
	}
	r, there, err := a.run()
	if err != nil {
		return nil, r, err
	}
	if !there {
		return nil, r, a.no("どのメールか、どの回かを指定してください", "say which message or which run")
	}
	for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID, States: states}) {
		if err != nil {
			return nil, r, err
		}
		ms = append(ms, m)
	}
	if len(ms) == 0 {
		return nil, r, a.no("回 %s（%s）に、これができるメールはありません", "run %s (%s) has no message of which that can be done", r.Number, jobs.RunWords(r, a.lang))
	}
	return ms, r, nil
}

// person resolves who asks to somebody in [people]: by name in the file, or by what they are called.
func (a *asking) person() (*config.Person, bool) {
	if p := a.rules.config.People[a.in.Who.Name]; p != nil {
		return p, true
	}
	if all := a.called(); len(all) == 1 {
		return a.rules.config.People[all[0]], true
	}
	return nil, false // nobody, or one of several: who of them it was can't be told
}

// called are the people whom the given name or address means, by their names in the file.
func (a *asking) called() (ids []string) {
	for id, p := range a.rules.config.People {
		if p.Name == a.in.Who.Name || strings.EqualFold(p.Mail.Mail, a.in.Who.Name) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// mayConfirm reports whether the person who asks is one who confirms this message.
func (a *asking) mayConfirm(m ledger.Message) bool {
	p, ok := a.person()
	return ok && slices.Contains(m.ConfirmBy, p.ID)
}

func numbers(ms []ledger.Message) string {
	var n []string
	for _, m := range ms {
		n = append(n, m.Number)
	}
	return strings.Join(n, ", ")
}

func (a *asking) confirm() (string, error) {
	ms, r, err := a.messages(ledger.StateHeld)
	if err != nil {
		return "", err
	}
	all := ms
	if a.req.Message != "" && r.ID != 0 {
		if all, err = heldOf(a.View, r.ID); err != nil {
			return "", err
		}
	}
	all, ms = jobs.ConfirmSet(all), jobs.ConfirmSet(ms)
	if len(ms) == 0 {
		return "", a.no("確認の要るメールではありません", "this needs no confirmation")
	}
	p, ok := a.person()
	if all := a.called(); !ok && len(all) > 1 {
		return "", a.no("「%s」さんは [people] に%d人います。--by に %s のどれかを書いてください", "%s is the name of %d people: give one of %s with --by",
			a.in.Who.Name, len(all), strings.Join(all, ", "))
	}
	if !ok {
		return "", a.no("「%s」さんは [people] にいません。--by に登録された名前を書いてください", "%s is not in [people]: give a name of the file with --by", a.in.Who.Name)
	}
	// Who may not confirm is told that, and nothing of what there is to confirm.
	for _, m := range ms {
		if !slices.Contains(m.ConfirmBy, p.ID) {
			return "", a.no("「%s」さんは、メール %s の確認者ではありません（確認者：%s）", "%s is not among those who confirm message %s (%s)",
				p.Name, m.Number, strings.Join(a.names(m.ConfirmBy), ", "))
		}
	}
	// What the person saw is either the whole run or the one message; in both cases it is these bytes and no others.
	if set := a.req.Set; len(set) < 8 || !strings.HasPrefix(jobs.SetDigest(all), set) && !strings.HasPrefix(jobs.SetDigest(ms), set) {
		return "", a.no("ご覧になったあとで内容が変わったか、照合値がありません。もう一度内容を見てから確認してください（いまの照合値：%s）",
			"what you saw has changed since, or its check value was not given: look again, then confirm (the value is now %s)", short(jobs.SetDigest(all)))
	}
	left := 0
	// What this person has confirmed and what still has the same bytes stays confirmed; only the rest is said yes to now.
	fresh := slices.DeleteFunc(slices.Clone(ms), func(m ledger.Message) bool { return slices.Contains(m.Confirmed, p.ID) })
	if len(fresh) == 0 {
		return "", a.no("「%s」さんは、すでに確認済みです。もう1人の確認を待っています", "%s has confirmed already; somebody else is waited for", p.Name)
	}
	ms = fresh
	for _, m := range ms {
		err := a.Decide(ledger.Decision{Message: m.ID, Person: p.ID, Yes: true, Why: a.in.Why, By: a.in.Who, At: a.now}, m.Hash)
		if err != nil {
			return "", err
		}
		left = max(left, m.ConfirmCount-len(m.Confirmed)-1)
	}
	if left > 0 {
		return a.say("確認しました（%d通：%s）。あと%d人の確認が要ります", "confirmed (%d: %s); %d more must confirm", len(ms), numbers(ms), left), nil
	}
	return a.say("確認しました（%d通：%s）。%s", "confirmed (%d: %s); %s", len(ms), numbers(ms), a.outlook(ms)), nil
}

func (a *asking) names(ids []string) []string {
	var out []string
	for _, id := range ids {
		if p := a.rules.config.People[id]; p != nil {
			id = p.Name
		}
		out = append(out, id)
	}
	return out
}

func short(digest string) string { return digest[:min(8, len(digest))] }

// outlook says what keeps the messages now: it is asked after the change, in the same transaction.
func (a *asking) outlook(ms []ledger.Message) string {
	waits := map[ledger.HoldReason]bool{}
	var refused []string
	var due time.Time
	for _, m := range ms {
		m, err := a.Message(m.ID)
		if err != nil {
			continue
		}
		for _, h := range m.Holds {
			waits[h.Reason] = true
		}
		for _, p := range a.names(m.Refused) {
			if !slices.Contains(refused, p) {
				refused = append(refused, p)
			}
		}
		due = earlier(due, m.NotBefore)
	}
	switch {
	case len(refused) > 0 && a.lang == calendar.Japanese:
		return strings.Join(refused, "さん、") + "さんが「送らない」と答えているので、本人が確認するまで送りません"
	case len(refused) > 0:
		return strings.Join(refused, ", ") + " said no to it: it is not sent before they confirm it after all"
	case waits[ledger.Confirmation]:
		return a.say("確認がそろうまで送りません", "it is not sent before it is confirmed")
	case waits[ledger.Person]:
		return a.say("保留中です。解くまで送りません", "it is on hold and not sent before that is lifted")
	case waits[ledger.Late]:
		return a.say("期日を過ぎているため、保留を解くまで送りません", "it is late and not sent before it is released")
	case waits[ledger.Check]:
		return a.say("検査で止まっているため、保留を解くまで送りません", "a check holds it; it is not sent before it is released")
	case waits[ledger.Gone], waits[ledger.Restored]:
		return a.say("止まっているため、保留を解くまで送りません", "it is held and not sent before it is released")
	case waits[ledger.NotDue] && due.After(a.now):
		return a.say("%sに送ります", "it goes at %s", a.at(due))
	}
	return a.say("このあと送ります", "it goes now")
}

func (a *asking) hold() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	ms, _, err := a.messages(ledger.StateHeld, ledger.StateQueued, ledger.StateDeferred, ledger.StateClaimed, ledger.StateSending)
	if err != nil {
		return "", err
	}
	var held []ledger.Message
	no := false // somebody who is asked to confirm it: releasing it would not be enough then
	for _, m := range ms {
		if m.Class == ledger.ClassNotice {
			return "", a.no("お知らせのメールは保留できません", "a notice can't be held")
		}
		if err := a.Hold(m.ID, ledger.Person, why); err != nil { // the hold knows who
			return "", err
		}
		// What was queued is held by now, and a no can be said to it.
		if m, err = a.Message(m.ID); err != nil {
			return "", err
		}
		said, err := a.sayNo(m, why)
		if err != nil {
			return "", err
		}
		no = no || said
		if in(m, ledger.StateHeld) {
			held = append(held, m)
		}
	}
	var said []string
	switch {
	case len(held) > 0 && no:
		said = append(said, a.say("保留にしました（%d通：%s）。%s", "held (%d: %s); %s", len(held), numbers(held), a.outlook(held)))
	case len(held) > 0:
		said = append(said, a.say("保留にしました（%d通：%s）。解くまで送りません", "held (%d: %s); nothing goes before it is released", len(held), numbers(held)))
	}
	return a.sentences(append(said, a.onTheWay(ms)...)), nil
}

// in reports whether some delivery of the message is in one of the states.
func in(m ledger.Message, states ...ledger.State) bool {
	return slices.ContainsFunc(m.Deliveries, func(d ledger.Delivery) bool { return slices.Contains(states, d.State) })
}

func (a *asking) sentences(all []string) string {
	return strings.Join(all, a.say("。", ". "))
}

// onTheWay names what is being carried at this moment: a word against it comes too late, unless the server doesn't take it.
func (a *asking) onTheWay(ms []ledger.Message) []string {
	flight := slices.DeleteFunc(slices.Clone(ms), func(m ledger.Message) bool { return !in(m, ledger.StateClaimed, ledger.StateSending) })
	if len(flight) == 0 {
		return nil
	}
	return []string{a.say("いま送っている途中のものは止められません（%d通：%s）。送れずに終わったときは保留にし、自動では送り直しません",
		"what is on its way at this moment can't be stopped (%d: %s); if the server doesn't take it now, it is held and not tried again by itself", len(flight), numbers(flight))}
}

// sayNo records the no of a person who is asked to confirm, and tells whether it is one; it takes an earlier yes back.
func (a *asking) sayNo(m ledger.Message, why string) (said bool, err error) {
	if m.ConfirmCount == 0 || !in(m, ledger.StateHeld) || !a.mayConfirm(m) {
		return false, nil
	}
	p, _ := a.person()
	return true, a.Decide(ledger.Decision{Message: m.ID, Person: p.ID, Why: why, By: a.in.Who, At: a.now}, m.Hash)
}

func (a *asking) release() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	if a.req.Message == "" {
		r, there, err := a.run()
		if err != nil {
			return "", err
		}
		if there && (r.State == ledger.RunPlanned || r.State == ledger.RunWaiting) && (hasReason(r.Reasons, codeLate) || hasReason(r.Reasons, codeRestored)) {
			held, err := heldOf(a.View, r.ID)
			if err != nil {
				return "", err
			}
			if len(held) == 0 { // late, and not even complete: it goes when it is
				if err := a.released(r, why, r.State, true); err != nil {
					return "", err
				}
				return a.say("回 %s は、そろいしだい送ります", "run %s goes as soon as it is complete", r.Number), nil
			}
		}
	}
	ms, r, err := a.messages(ledger.StateHeld)
	if err != nil {
		return "", err
	}
	back := a.rules.duties[r.Job] != nil
	for _, m := range ms {
		lift := []ledger.HoldReason{ledger.Check, ledger.Late, ledger.Person, ledger.Restored}
		if holds(m, ledger.Gone) {
			if !back && a.rules.resting[r.Job] {
				return "", a.no("この仕事は休止中（enabled = false）です。休止を解いてから、保留を解いてください", "the job is paused (enabled = false): set it to work first, then release")
			}
			if !back {
				return "", a.no("この仕事は、いまの予定表（jobs.toml）にありません。予定表に戻してから解いてください", "the job is not in jobs.toml: put it back first, then release")
			}
			for _, d := range m.Deliveries {
				if d.State == ledger.StateHeld && !a.rules.reaches(a.rules.duties[r.Job], d.Mail) {
					return "", a.no("宛先の%sは、いまの予定表（jobs.toml）にありません", "%s is not in jobs.toml", d.Mail)
				}
			}
			lift = append(lift, ledger.Gone)
		}
		if err := a.Lift(m.ID, lift...); err != nil {
			return "", err
		}
	}
	whole, err := a.whole(r)
	if err != nil {
		return "", err
	}
	switch r.State {
	case ledger.RunMissed, ledger.RunSkipped, ledger.RunFailed:
		// What is held can only leave from a run that is at work: its inputs are compared again before it goes.
		err = a.released(r, why, ledger.RunPlanned, whole)
	case ledger.RunPlanned, ledger.RunWaiting, ledger.RunRunning, ledger.RunDrafted:
		err = a.released(r, why, r.State, whole)
	}
	if err != nil {
		return "", err
	}
	return a.say("保留を解きました（%d通：%s）。%s", "released (%d: %s); %s", len(ms), numbers(ms), a.outlook(ms)), nil
}

// whole reports whether the word is about all that the run has and will have: the run was named, or the letter that was named is its
// last one.
func (a *asking) whole(r ledger.Run) (bool, error) {
	if a.req.Message == "" || r.ID == 0 {
		return true, nil
	}
	if r.State != ledger.RunDrafted {
		return false, nil // some of it is not complete yet
	}
	held, err := heldOf(a.View, r.ID)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(held, func(m ledger.Message) bool { return m.Number != a.req.Message }), nil
}

// released remembers at the run that a person let it go, so that the same lateness doesn't hold it again. Where only one letter of it
// was let go, the reason to ask stays: it holds what is sealed from now on, and nobody has said a word about that.
// What a person rejected of a run that had ended stays rejected.
func (a *asking) released(r ledger.Run, why string, to ledger.RunState, whole bool) error {
	reasons := slices.DeleteFunc(slices.Clone(r.Reasons), func(x ledger.Reason) bool {
		if x.Code == codeLate || x.Code == codeRestored || x.Code == codeGone {
			return whole
		}
		return to != r.State && x.Code != codeReleased
	})
	return a.MoveRun(r.ID, r.State, to, ledger.RunChange{Reasons: withReason(reasons, a.releasedBy(why)), Same: true})
}

func (a *asking) releasedBy(why string) ledger.Reason {
	return ledger.Reason{Code: codeReleased, Text: a.by(why)}
}

func (a *asking) reject() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	ms, r, err := a.messages(ledger.StateHeld, ledger.StateQueued, ledger.StateDeferred, ledger.StateUnknown)
	if err != nil {
		return "", err
	}
	for _, m := range ms {
		if m.Class == ledger.ClassNotice {
			return "", a.no("お知らせのメールは取りやめられません", "a notice can't be rejected")
		}
		if _, err := a.sayNo(m, why); err != nil {
			return "", err
		}
		if err := rejectAll(a.Tx, m, a.by(why)); err != nil {
			return "", err
		}
	}
	said := []string{a.say("取りやめました（%d通：%s）。送りません", "rejected (%d: %s); it is not sent", len(ms), numbers(ms))}
	flight := ms
	if a.req.Message == "" {
		flight = nil
		for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID, States: []ledger.State{ledger.StateClaimed, ledger.StateSending}}) {
			if err != nil {
				return "", err
			}
			flight = append(flight, m)
		}
	}
	for _, m := range flight {
		if !in(m, ledger.StateClaimed, ledger.StateSending) {
			continue
		}
		if err := a.Hold(m.ID, ledger.Person, why); err != nil {
			return "", err
		}
	}
	return a.sentences(append(said, a.onTheWay(flight)...)), nil
}

func (a *asking) skip() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	d, err := a.duty()
	if err != nil {
		return "", err
	}
	if a.req.Period == "" {
		return "", a.no("どの回かを --period で指定してください", "say which period with --period")
	}
	reason := ledger.Reason{Code: codeSkipped, Text: a.by(why)}
	r, err := a.RunOf(d.identity, a.req.Period)
	if isNone(err) {
		o, ok := d.job.When.Of(a.req.Period)
		if !ok {
			return "", a.noPeriod(d)
		}
		_, _, err := a.AddRun(ledger.Run{
			Job: d.identity, Period: o.Period, Nominal: o.Nominal, Due: o.Due, PrepareAt: d.rule.prepareAt(o.Due),
			State: ledger.RunSkipped, Reasons: []ledger.Reason{reason}, Generation: 1,
		})
		if err != nil {
			return "", err
		}
		return a.say("「%s」の %s の回（%s）を見送ります", "%s: the run %s (%s) is skipped", d.job.Name, o.Period, a.at(o.Due)), nil
	}
	if err != nil {
		return "", err
	}
	var all []ledger.Message
	for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID}) {
		if err != nil {
			return "", err
		}
		all = append(all, m)
	}
	for _, m := range all {
		switch m.State {
		case ledger.StateHeld, ledger.StateReplaced, ledger.StateRejected:
		default:
			return "", a.no("この回のメール %s はもう「%s」なので、見送りにできません", "message %s of this run is %q already, so it can't be skipped",
				m.Number, jobs.MessageWords(m, a.lang))
		}
	}
	for _, m := range all {
		if err := rejectAll(a.Tx, m, a.by(why)); err != nil {
			return "", err
		}
	}
	switch r.State {
	case ledger.RunPlanned, ledger.RunWaiting:
		err = a.MoveRun(r.ID, r.State, ledger.RunSkipped, ledger.RunChange{Reasons: []ledger.Reason{reason}})
	case ledger.RunDrafted:
		// Rejected letters end the run by themselves; the reason stays with it.
		err = a.MoveRun(r.ID, r.State, r.State, ledger.RunChange{Reasons: []ledger.Reason{reason}})
	case ledger.RunSkipped:
		return "", a.no("この回は、もう見送りになっています", "this run is skipped already")
	default:
		return "", a.no("この回は「%s」なので、見送りにできません", "this run is %q, so it can't be skipped", jobs.RunWords(r, a.lang))
	}
	if err != nil {
		return "", err
	}
	return a.say("「%s」の %s の回（%s）を見送ります", "%s: the run %s (%s) is skipped", d.job.Name, r.Period, a.at(r.Due)), nil
}

func (a *asking) noPeriod(d *duty) error {
	return a.no("「%s」の予定（%s）に %s の回はありません", "%s (%s) names no period %s", d.job.Name, d.job.When.Sentence(a.lang), a.req.Period)
}

func (a *asking) do() (string, error) {
	d, err := a.duty()
	if err != nil {
		return "", err
	}
	o, err := a.occurrence(d)
	if err != nil {
		return "", err
	}
	if len(a.req.To) > 0 && !a.req.Again {
		return "", a.no("--to は --again と一緒に使います", "--to goes with --again")
	}
	early := o.Due.After(a.now)
	asked := ledger.Reason{Code: codeReleased, Text: a.by(cmpOr(strings.TrimSpace(a.in.Why), "bod do"))}
	r, err := a.RunOf(d.identity, o.Period)
	if isNone(err) {
		if a.req.Again {
			return "", a.no("%s の回はまだ一度も実施していません。--again は要りません", "%s has not been done yet: leave --again out", o.Period)
		}
		_, _, err := a.AddRun(ledger.Run{
			Job: d.identity, Period: o.Period, Nominal: o.Nominal, Due: o.Due, PrepareAt: a.now,
			State: ledger.RunPlanned, Generation: 1, Early: early, Late: !early, Reasons: []ledger.Reason{asked},
		})
		if err != nil {
			return "", err
		}
		return a.doing(d, o), nil
	}
	if err != nil {
		return "", err
	}
	c := ledger.RunChange{Reasons: []ledger.Reason{asked}, Early: &early}
	if a.req.Again {
		return a.again(d, r, c)
	}
	switch r.State {
	case ledger.RunRunning:
		return "", a.no("いま準備しているところです。すこし待ってください", "it is being prepared just now: wait a moment")
	case ledger.RunDone:
		if sent, err := a.everythingWent(r); err != nil || sent {
			if err == nil {
				err = a.no("%s の回は済んでいます（%s）。もう一度送るときは --again に理由を添えてください", "%s is done (%s): to send it a second time say --again REASON", r.Period, r.Number)
			}
			return "", err
		}
		err = a.MoveRun(r.ID, r.State, ledger.RunPlanned, c)
	case ledger.RunMissed, ledger.RunSkipped, ledger.RunFailed:
		err = a.MoveRun(r.ID, r.State, ledger.RunPlanned, c)
	case ledger.RunPlanned, ledger.RunWaiting:
		err = a.MoveRun(r.ID, r.State, r.State, c)
		delete(a.office.scan.looks, r.ID) // look at once
	case ledger.RunDrafted:
		held, err := heldOf(a.View, r.ID)
		if err != nil {
			return "", err
		}
		if len(held) == 0 {
			return "", a.no("%s の回は、もう送り始めています（%s）", "%s is on its way already (%s)", r.Period, r.Number)
		}
		if !early {
			return "", a.no("%s の回は準備できていて、止まっています（%s）。%s", "%s is prepared and held (%s). %s", r.Period, r.Number, a.outlook(held))
		}
		if err := a.MoveRun(r.ID, r.State, r.State, c); err != nil {
			return "", err
		}
		delete(a.office.scan.looks, r.ID)
	}
	if err != nil {
		return "", err
	}
	text := a.doing(d, o)
	// What is sealed already keeps its reasons: the word was about the run, and whoever gave it has perhaps not seen that letter.
	held, err := heldOf(a.View, r.ID)
	if err != nil {
		return "", err
	}
	held = slices.DeleteFunc(held, func(m ledger.Message) bool { return len(m.Holds) == 0 })
	if len(held) > 0 && r.State != ledger.RunDrafted {
		text = a.sentences([]string{strings.TrimRight(text, "。."), a.say("用意してあった %s は、%s", "of %s, which was prepared before: %s", numbers(held), a.outlook(held))})
	}
	return text, nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (a *asking) doing(d *duty, o calendar.Occurrence) string {
	// A letter often speaks of another month than the one that names the period: whoever mixed them up reads it here.
	about := d.job.When.About(d.job.About, o).Words(a.lang)
	text := a.say("「%s」の %s の回（%s分）を実施します。", "%s: the period %s (about %s) is being done.", d.job.Name, o.Period, about)
	if d.job.Confirm != nil {
		text += a.say("確認がそろってから送ります", " It goes when it is confirmed")
	}
	return text
}

// occurrence is the one that `do` means: the period that was named, else the latest that was due.
func (a *asking) occurrence(d *duty) (calendar.Occurrence, error) {
	if a.req.Period != "" {
		o, ok := d.job.When.Of(a.req.Period)
		if !ok {
			return o, a.noPeriod(d)
		}
		return o, nil
	}
	for _, days := range []int{2, 40, 400, 4000} {
		if all := d.job.When.Due(a.now.AddDate(0, 0, -days), a.now); len(all) > 0 {
			return all[len(all)-1], nil
		}
	}
	return calendar.Occurrence{}, a.no("「%s」には、予定日の来た回がまだありません。これからの回は --period で指定してください",
		"%s has no period that was due yet: name a coming one with --period", d.job.Name)
}

// everythingWent reports whether nothing of the run was rejected, failed or taken elsewhere: then there is nothing left to do.
func (a *asking) everythingWent(r ledger.Run) (bool, error) {
	for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID}) {
		if err != nil {
			return false, err
		}
		for _, d := range m.Deliveries {
			if d.State == ledger.StateRejected || d.State == ledger.StateFailed {
				return false, nil
			}
		}
	}
	return true, nil
}

// again makes a deliberate second one of what was done: a new generation, whose keys end in #2.
func (a *asking) again(d *duty, r ledger.Run, c ledger.RunChange) (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	if d.job.Kind == "summary" {
		return "", a.no("まとめのメールは、1回に1通だけです", "a summary goes at most once for each period")
	}
	switch r.State {
	case ledger.RunDone, ledger.RunFailed, ledger.RunMissed, ledger.RunSkipped:
	default:
		return "", a.no("%s の回はまだ終わっていません（%s）", "%s has not ended yet (%s)", r.Period, jobs.RunWords(r, a.lang))
	}
	parts, err := a.parts(r)
	if err != nil {
		return "", err
	}
	var open []ledger.Message
	for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID, States: ledger.OpenStates}) {
		if err != nil {
			return "", err
		}
		if len(parts) == 0 || slices.Contains(parts, m.Part) {
			open = append(open, m)
		}
	}
	if len(open) > 0 { // it might go as well
		return "", a.no("%s の回には、まだ決まっていないメールがあります（%s：%s）。先に、送るか取りやめるかを決めてください", "%s has messages that are not settled (%s: %s): decide on these first",
			r.Period, numbers(open), jobs.MessageWords(open[0], a.lang))
	}
	c.Again = parts
	c.Reasons = []ledger.Reason{{Code: codeReleased, Text: a.by(why)}}
	if err := a.MoveRun(r.ID, r.State, ledger.RunPlanned, c); err != nil {
		return "", err
	}
	text := a.say("「%s」の %s の回を、もう一度作ります（%d通目）。", "%s: the period %s is made again (number %d).", d.job.Name, r.Period, r.Generation+1)
	if d.job.Confirm != nil {
		text += a.say("確認がそろってから送ります", " It goes when it is confirmed")
	}
	return text, nil
}

// parts turns --to into parts of the run's letters: a name of the file, what the addressee is called, or an address.
func (a *asking) parts(r ledger.Run) ([]string, error) {
	parts := []string{}
	if len(a.req.To) == 0 {
		return parts, nil
	}
	var all []ledger.Message
	for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID}) {
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	for _, name := range a.req.To {
		found := ""
		for _, m := range all {
			if m.Part == name || m.Addressee == name || slices.ContainsFunc(m.Recipients, func(x ledger.Recipient) bool { return strings.EqualFold(x.Mail, name) || x.Name == name }) {
				found = m.Part
			}
		}
		if found == "" {
			return nil, a.no("%s の回に「%s」宛てのメールはありません", "the run %s has no message to %q", r.Period, name)
		}
		if !slices.Contains(parts, found) {
			parts = append(parts, found)
		}
	}
	return parts, nil
}

// deliveries moves every delivery of the messages that is in a state, and says how many.
func (a *asking) deliveries(ms []ledger.Message, from []ledger.State, to ledger.State, text string) (n int, err error) {
	for _, m := range ms {
		for _, d := range m.Deliveries {
			if !slices.Contains(from, d.State) {
				continue
			}
			if err := a.MoveDelivery(d.ID, d.State, to, text); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

func (a *asking) settle() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	to := map[string]ledger.State{"sent": ledger.StateSent, "not-sent": ledger.StateFailed}[a.req.Result]
	if to == "" {
		return "", a.no("届いていたなら sent、届いていなければ not-sent と書いてください", "say sent if it arrived, not-sent if it did not")
	}
	ms, _, err := a.messages(ledger.StateUnknown)
	if err != nil {
		return "", err
	}
	if _, err := a.deliveries(ms, []ledger.State{ledger.StateUnknown}, to, a.by(why)); err != nil {
		return "", err
	}
	if to == ledger.StateSent {
		return a.say("届いていたと記録しました（%s）", "recorded as sent (%s)", numbers(ms)), nil
	}
	return a.say("届いていないと記録しました（%s）。送り直すときは bod retry です", "recorded as not sent (%s); to send it use bod retry", numbers(ms)), nil
}

func (a *asking) resend() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	ms, _, err := a.messages(ledger.StateUnknown)
	if err != nil {
		return "", err
	}
	for _, m := range ms {
		if m.Class != ledger.ClassLetter {
			return "", a.no("まとめとお知らせは送り直しません（%s）。内容は次のまとめにも載ります", "a summary or a notice is never sent again (%s); the next summary tells the same", m.Number)
		}
	}
	if _, err := a.deliveries(ms, []ledger.State{ledger.StateUnknown}, ledger.StateQueued, a.by(why)); err != nil {
		return "", err
	}
	return a.leaves(ms, a.say("同じ内容でもう一度送ります（%s）", "the same bytes are sent again (%s)", numbers(ms)))
}

func (a *asking) retry() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	switch {
	case a.req.Session:
		return a.retrySession()
	case a.req.Clock:
		if err := a.clearFlag(flagClock); err != nil {
			return "", err
		}
		return a.say("いまの時計のまま進めます", "bod goes on with the clock as it is"), a.AcceptClock(a.by(why))
	case a.req.Restored:
		return a.retryRestored()
	}
	if a.req.Message == "" {
		r, there, err := a.run()
		if err != nil {
			return "", err
		}
		if there && r.State == ledger.RunFailed && hasReason(r.Reasons, codeError) {
			err := a.MoveRun(r.ID, r.State, ledger.RunPlanned, ledger.RunChange{Reasons: []ledger.Reason{a.releasedBy(why)}, Same: true})
			return a.say("回 %s をもう一度準備します", "run %s is prepared again", r.Number), err
		}
	}
	ms, r, err := a.messages(ledger.StateFailed)
	if err != nil {
		return "", err
	}
	if a.req.Message == "" {
		followed := map[int64]bool{} // another letter stands in for it
		for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID}) {
			if err != nil {
				return "", err
			}
			followed[m.Predecessor] = true
		}
		ms = slices.DeleteFunc(ms, func(m ledger.Message) bool { return followed[m.ID] })
		if len(ms) == 0 {
			return "", a.no("回 %s に、送り直すメールはありません。新しいものが代わりになっています", "run %s has nothing to send again: newer messages stand in for what failed", r.Number)
		}
	}
	if _, err := a.deliveries(ms, []ledger.State{ledger.StateFailed}, ledger.StateQueued, a.by(why)); err != nil {
		return "", err
	}
	if err := reopen(a.Tx, r); err != nil {
		return "", err
	}
	return a.leaves(ms, a.say("もう一度送ります（%s）", "sending again (%s)", numbers(ms)))
}

// reopen lets a run of which a letter was refused be drafted again, so that it ends as that letter does. One that could not be prepared
// to its end stays failed: nobody knows what else it would have drafted.
func reopen(tx *ledger.Tx, r ledger.Run) error {
	if r.State != ledger.RunFailed || hasReason(r.Reasons, codeError) {
		return nil
	}
	return tx.MoveRun(r.ID, r.State, ledger.RunDrafted, ledger.RunChange{})
}

// leaves gives the words for what was queued again, or what keeps it: a reason to hold that was set while it was on its way.
func (a *asking) leaves(ms []ledger.Message, words string) (string, error) {
	var held []ledger.Message
	for _, m := range ms {
		m, err := a.Message(m.ID)
		if err != nil {
			return "", err
		}
		if in(m, ledger.StateHeld) {
			held = append(held, m)
		}
	}
	if len(held) == 0 {
		return words, nil
	}
	return a.say("送り直すことを記録しました（%s）。ただし %s は%s", "recorded that it is to be sent again (%s), but for %s: %s", numbers(ms), numbers(held), a.outlook(held)), nil
}

func (a *asking) clearFlag(name string) error {
	flags, err := a.Flags()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(flags, func(f ledger.Flag) bool { return f.Name == name }) {
		return a.no("そのような停止中のものはありません", "nothing of that kind is paused")
	}
	return a.ClearFlag(name)
}

func (a *asking) retrySession() (string, error) {
	flags, err := a.Flags()
	if err != nil {
		return "", err
	}
	for _, f := range flags {
		if f.Name == flagSession {
			f.Probe, f.Credential = a.now, ""
			return a.say("メールサーバーへの接続を、いますぐ試します", "the mail server is tried at once"), a.SetFlag(f)
		}
	}
	return "", a.no("メールの送信は止まっていません", "mail is not paused")
}

func (a *asking) byHand() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	from := []ledger.State{ledger.StateHeld, ledger.StateFailed, ledger.StateUnknown}
	var ms []ledger.Message
	var said []string
	r, there, err := a.run()
	if err != nil {
		return "", err
	}
	if there && r.State == ledger.RunFailed && hasReason(r.Reasons, codeError) {
		if err := a.MoveRun(r.ID, r.State, ledger.RunDone, ledger.RunChange{Reasons: []ledger.Reason{{Code: "by hand", Text: a.by(why)}}}); err != nil {
			return "", err
		}
		said = append(said, a.say("回 %s は手作業で済みと記録しました", "run %s is recorded as done by hand", r.Number))
		for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID, States: from}) {
			if err != nil {
				return "", err
			}
			ms = append(ms, m)
		}
	} else if ms, r, err = a.messages(from...); err != nil {
		return "", err
	}
	if _, err := a.deliveries(ms, from, ledger.StateByHand, a.by(why)); err != nil {
		return "", err
	}
	if err := reopen(a.Tx, r); err != nil {
		return "", err
	}
	if len(ms) > 0 {
		said = append(said, a.say("手作業で済みと記録しました（%s）。bod からは送りません", "recorded as done by hand (%s); bod doesn't send it", numbers(ms)))
	}
	if r.ID != 0 {
		var going []ledger.Message
		for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID, States: []ledger.State{ledger.StateQueued, ledger.StateDeferred, ledger.StateClaimed, ledger.StateSending}}) {
			if err != nil {
				return "", err
			}
			if a.req.Message == "" || m.Number == a.req.Message {
				going = append(going, m)
			}
		}
		if len(going) > 0 {
			said = append(said, a.say("ほかに、このまま送るものがあります（%s）。それも手作業で済んでいるときは、取りやめてください", "others of it are still to go (%s): reject them if they are done by hand too", numbers(going)))
		}
	}
	return a.sentences(said), nil
}

func isNone(err error) bool { return errors.Is(err, ledger.ErrNotFound) }
