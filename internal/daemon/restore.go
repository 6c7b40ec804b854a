package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bod/internal/ledger"
)

// What becomes of an office whose ledger was replaced by an older copy, or lost.
//
// The ledger pauses it with the flag "restored" and says what it knows itself: what was on its way is unknown, what was sealed is
// held. The rest follows from the rules. A period that was due up to then, and an open run, may have been done: it is prepared, held
// and asked about; past late_until it is told and not done. So is a period to the outside whose time is near, for a person may have
// asked for it ahead of its day. A summary goes at most once, and the next one tells what it would have told. While the flag stands
// nothing but notices leaves. A person ends it (bod retry --restored), and may say at once until when everything had gone.

// early is how long before its due somebody asks for a period with bod do: today's that went yesterday evening.
const early = 24 * time.Hour

// mayHaveGone reports whether a coming period may have been asked for ahead of its day before the copy was put back.
func (p planning) mayHaveGone(due time.Time) bool {
	return !p.restored.IsZero() && p.new.outside && (due.Before(p.restored.Add(early)) || !p.new.prepareAt(due).After(p.restored))
}

// lately is the mark with which a job begins that the ledger doesn't know: now; in a restored ledger before the first period that may still
// be done, for a job that is new to the copy may have been at work for long.
func (p planning) lately(r rule) time.Time {
	if p.restored.IsZero() {
		return p.now
	}
	for _, o := range r.schedule.Due(p.now.Add(-behind), p.now) {
		if !r.until(o.Due).Before(p.now) {
			return o.Due.Add(-time.Microsecond)
		}
	}
	return p.now
}

// restoredAt is when an older copy was put back; zero when none was, or a person has said that the office goes on.
func (o *Office) restoredAt(ctx context.Context) (at time.Time, err error) {
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		at, err = restoredAt(v)
		return err
	})
	if err != nil {
		return at, fmt.Errorf("couldn't read the flags: %w", err)
	}
	return at, nil
}

func restoredAt(v *ledger.View) (time.Time, error) {
	flags, err := v.Flags()
	for _, f := range flags {
		if f.Name == flagRestored {
			return f.Since, err
		}
	}
	return time.Time{}, err
}

// retryRestored lets the office go on after an older copy was put back. What is unknown or held stays so, and what may have been done is
// asked about, unless it was due by the moment until which the person says that all had gone.
func (a *asking) retryRestored() (string, error) {
	at, err := restoredAt(a.View)
	if err != nil {
		return "", err
	}
	if err := a.clearFlag(flagRestored); err != nil {
		return "", err
	}
	if err := a.askOpen(at); err != nil {
		return "", err
	}
	if err := a.planAsking(at); err != nil {
		return "", err
	}
	settled := 0
	if !a.req.Until.IsZero() {
		if a.req.Until.After(a.now) {
			return "", a.no("「いつまで」が先の時刻です（%s）", "the moment until which all had gone is still to come (%s)", a.at(a.req.Until))
		}
		why, err := a.why()
		if err != nil {
			return "", err
		}
		if settled, err = a.hadGone(a.req.Until, why); err != nil {
			return "", err
		}
	}
	unknown, held, asked, err := a.doubtful()
	if err != nil {
		return "", err
	}
	text := ""
	if settled > 0 {
		text = a.say("%sまでの予定の%d件を、済んでいたと記録しました。", "%[2]d due by %[1]s are recorded as done. ", a.at(a.req.Until), settled)
	}
	return text + a.say("新しい予定から再開します。送ったか分からないもの %d通、止めているもの %d通、これから確認をお願いする回 %d件。\n記録を戻す前に伝えられた見送り・送信停止・保留は残っていません。必要なら、もう一度伝えてください",
		"New work goes on. Not known whether sent: %d; held: %d; runs that are asked about: %d.\nWhat people said since the copy was made (skip, stop, hold) is gone with it: say it again where it still counts", unknown, held, asked), nil
}

// askOpen asks about every run that is open in the copy: it may have been ended since.
func (a *asking) askOpen(at time.Time) error {
	var open []ledger.Run
	for r, err := range a.Runs(ledger.RunQuery{States: openStates}) {
		if err != nil {
			return err
		}
		open = append(open, r)
	}
	for _, r := range open {
		d := a.rules.duties[r.Job]
		switch idle := r.State == ledger.RunPlanned || r.State == ledger.RunWaiting; {
		case hasReason(r.Reasons, codeRestored), !r.Created.Before(at): // told already, or planned since
		case d != nil && d.rule.own && idle && !r.Due.After(at):
			if err := a.MoveRun(r.ID, r.State, ledger.RunSkipped, ledger.RunChange{Reasons: []ledger.Reason{a.nextTells(r.Due)}}); err != nil {
				return err
			}
		case d != nil && d.rule.own:
		default:
			if err := a.MoveRun(r.ID, r.State, r.State, ledger.RunChange{Reasons: withReason(r.Reasons, a.askRestored(r.Due))}); err != nil {
				return err
			}
		}
	}
	return nil
}

// planAsking plans everything that is due as something to be asked about.
func (a *asking) planAsking(at time.Time) error {
	for _, d := range a.rules.duties {
		copied := *d
		if err := a.office.planJob(a.Tx, a.rules, &copied, planning{now: a.now, mark: d.mark, asking: true, restored: at}); err != nil {
			return err
		}
	}
	a.office.seen = false // the marks are read again from the ledger, once this is in it
	return nil
}

// hadGone records that whatever was due by a moment, and is in doubt, had gone. It never sends: that is decided one by one.
func (a *asking) hadGone(until time.Time, why string) (n int, err error) {
	var runs []ledger.Run
	for r, err := range a.Runs(ledger.RunQuery{States: append(slices.Clone(openStates), ledger.RunMissed)}) {
		if err != nil {
			return 0, err
		}
		if !r.Due.After(until) {
			runs = append(runs, r)
		}
	}
	done := []ledger.Reason{{Code: "by hand", Text: a.by(why)}}
	for _, r := range runs {
		var ms []ledger.Message
		for m, err := range a.Messages(ledger.MessageQuery{Run: r.ID}) {
			if err != nil {
				return n, err
			}
			ms = append(ms, m)
		}
		moved := 0
		for _, m := range ms {
			for _, d := range m.Deliveries {
				to := ledger.StateSent
				switch {
				case d.State == ledger.StateUnknown && d.Words == ledger.WordsRestored:
				case d.State == ledger.StateHeld && holds(m, ledger.Restored):
					to = ledger.StateByHand
				default:
					continue
				}
				if err := a.MoveDelivery(d.ID, d.State, to, a.by(why)); err != nil {
					return n, err
				}
				moved++
			}
		}
		if hasReason(r.Reasons, codeRestored) {
			// Nothing of it is prepared any more: from the rules' side it is done, and CloseRuns says so.
			way := map[ledger.RunState][]ledger.RunState{
				ledger.RunMissed:  {ledger.RunPlanned, ledger.RunRunning, ledger.RunDrafted},
				ledger.RunPlanned: {ledger.RunRunning, ledger.RunDrafted},
				ledger.RunWaiting: {ledger.RunRunning, ledger.RunDrafted},
				ledger.RunDrafted: {ledger.RunDrafted},
			}[r.State]
			from := r.State
			for _, to := range way {
				if err := a.MoveRun(r.ID, from, to, ledger.RunChange{Reasons: done}); err != nil {
					return n, err
				}
				from, moved = to, moved+1
			}
		}
		if moved > 0 {
			n++
		}
	}
	return n, nil
}

// doubtful counts what a person has to decide after a copy was put back.
func (a *asking) doubtful() (unknown, held, asked int, err error) {
	for m, err := range a.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateUnknown, ledger.StateHeld}}) {
		switch {
		case err != nil:
			return 0, 0, 0, err
		case slices.ContainsFunc(m.Deliveries, func(d ledger.Delivery) bool {
			return d.State == ledger.StateUnknown
		}):
			unknown++
		case holds(m, ledger.Restored):
			held++
		}
	}
	for r, err := range a.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunPlanned, ledger.RunWaiting}}) {
		if err != nil {
			return 0, 0, 0, err
		}
		if hasReason(r.Reasons, codeRestored) {
			asked++
		}
	}
	return unknown, held, asked, nil
}

func (w words) askRestored(due time.Time) ledger.Reason {
	return ledger.Reason{Code: codeRestored,
		Text: w.say("記録を控えから戻したため、%sの予定を済ませたかどうか分かりません", "the ledger was restored, so it is not known whether what was planned for %s was done", w.at(due)),
		Next: w.say("まだのときは保留を解き、済んでいたときはそう記録してください（bod by-hand）", "release it if it was not done; if it was, say so (bod by-hand)")}
}

func (w words) maybeDone(due time.Time) ledger.Reason {
	return ledger.Reason{Code: codeRestored,
		Text: w.say("記録を控えから戻したため、%sの予定を済ませたかどうか分かりません。期限を過ぎているので、bod からは送りません",
			"the ledger was restored, so it is not known whether what was planned for %s was done; its limit has passed, and bod doesn't do it now", w.at(due)),
		Next: w.say("まだで、いまからでも必要なときは、この回を指定して実行してください", "if it was not done and is still needed, ask for this period by name")}
}

func (w words) nextTells(due time.Time) ledger.Reason {
	return ledger.Reason{Code: codeSkipped,
		Text: w.say("記録を控えから戻したため、%sの分は送ったかどうか分かりません。内容は次の分に入ります",
			"the ledger was restored, so it is not known whether that of %s was sent; the next one tells the same", w.at(due))}
}
