package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// render makes the drafts ready to be sealed. What is sealed with the same inputs stays as it is: rendering it again would give
// other bytes (a Message-ID) and void what a person confirmed.
func (out *outcome) render(w *jobs.World, v *ledger.View) error {
	held := map[string]ledger.Message{}
	for m, err := range v.Messages(ledger.MessageQuery{Run: out.run.ID, States: []ledger.State{ledger.StateHeld}}) {
		if err != nil {
			return err
		}
		if m.Queued.IsZero() {
			held[m.Key] = m
		}
	}
	for _, d := range out.prepared.Drafts {
		if w.Run.Early {
			// It leaves before its due: another Date, so other bytes than those that may be sealed already.
			sum := sha256.Sum256([]byte("early"))
			d.Inputs = append(slices.Clone(d.Inputs), ledger.Input{Kind: "rule", Name: "early", Hash: hex.EncodeToString(sum[:])})
		}
		key := keyOf(w, d)
		if m, ok := held[key]; ok {
			delete(held, key)
			if jobs.Digest(m.Inputs) == jobs.Digest(d.Inputs) {
				out.drafts = append(out.drafts, m.NewMessage)
				continue
			}
		} else if _, taken, err := v.Taken(key); err != nil {
			return err
		} else if taken {
			continue // it went out, or is on its way
		}
		// What planning holds stays held when an edit replaces it: an edit is nobody's leave to send it.
		for _, x := range []struct {
			code   string
			reason ledger.HoldReason
		}{{codeLate, ledger.Late}, {codeRestored, ledger.Restored}, {codeGone, ledger.Gone}} {
			if hasReason(out.run.Reasons, x.code) {
				d.Hold = append(slices.Clone(d.Hold), ledger.Hold{Reason: x.reason, Text: reasonText(out.run.Reasons, x.code), Since: w.Now, By: self()})
			}
		}
		m, err := jobs.Render(w, d)
		if err != nil {
			return err
		}
		out.drafts = append(out.drafts, m)
		out.changed = true
	}
	for _, m := range held {
		// Sealed, but not drafted any more. With something missing its part may just be incomplete today.
		if len(out.prepared.Missing) == 0 && !holds(m, ledger.Gone) {
			out.changed = true
		}
	}
	return nil
}

func holds(m ledger.Message, r ledger.HoldReason) bool {
	return slices.ContainsFunc(m.Holds, func(h ledger.Hold) bool { return h.Reason == r })
}

func reasonText(rs []ledger.Reason, code string) string {
	for _, r := range rs {
		if r.Code == code {
			return r.Text
		}
	}
	return ""
}

// commit writes what preparing a run came to, and releases what may go, in one transaction. If we die before it, nothing
// happened and the run is prepared again; after it, its letters are sealed or queued.
func (o *Office) commit(ctx context.Context, out outcome) error {
	now := o.moment()
	err := o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
		r, err := tx.Run(out.run.ID)
		if err != nil {
			return err
		}
		if !sameRun(r, out.run) || out.rules != nil && out.rules != o.at.Load() {
			// A person, an edit or new rules were faster: what was prepared answers an old question.
			if r.State == ledger.RunRunning {
				return tx.MoveRun(r.ID, ledger.RunRunning, ledger.RunPlanned, ledger.RunChange{})
			}
			return nil
		}
		if out.err != nil {
			return o.fail(tx, r, out)
		}
		return o.bring(tx, r, out, now)
	})
	if err != nil && out.err == nil && ctx.Err() == nil && !unwritable(err) {
		// The drafts themselves may be what can't be sealed (two with one key): then this run has failed, and no other.
		out.err = err
		if again := o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
			r, err := tx.Run(out.run.ID)
			if err != nil {
				return err
			}
			return o.fail(tx, r, out)
		}); again != nil {
			return fmt.Errorf("couldn't write what became of the run %s: %w", out.run.Number, errors.Join(err, again))
		}
		err = nil
	}
	if err != nil {
		return fmt.Errorf("couldn't write what became of the run %s: %w", out.run.Number, err)
	}
	if out.err != nil && !errors.Is(out.err, context.Canceled) {
		o.log.Error("couldn't prepare the run", "job", out.duty.job.Name, "run", out.run.Number, "err", out.err)
	}
	o.scan.looked(out, now)
	return nil
}

// unwritable reports whether it is the ledger that can't be written at the moment: no fault of what was prepared. A disk that is almost full
// takes the few words that a run has failed, and would keep them when there is room again.
func unwritable(err error) bool {
	return slices.ContainsFunc([]error{ledger.ErrFull, ledger.ErrDisk, ledger.ErrReadOnly, ledger.ErrBusy, ledger.ErrDoubt, ledger.ErrClock, ledger.ErrRights},
		func(kind error) bool { return errors.Is(err, kind) })
}

// sameRun reports whether a run still asks what it asked when it was prepared.
func sameRun(a, b ledger.Run) bool {
	return a.State == b.State && a.Generation == b.Generation && a.Early == b.Early && a.Due.Equal(b.Due) &&
		slices.Equal(a.Only, b.Only) && hasReason(a.Reasons, codeLate) == hasReason(b.Reasons, codeLate) &&
		hasReason(a.Reasons, codeRestored) == hasReason(b.Reasons, codeRestored) && hasReason(a.Reasons, codeGone) == hasReason(b.Reasons, codeGone)
}

// fail ends a run whose job is broken. Its letters that are held stay held.
func (o *Office) fail(tx *ledger.Tx, r ledger.Run, out outcome) error {
	if errors.Is(out.err, context.Canceled) {
		if r.State == ledger.RunRunning { // stopped in the middle: as after a crash
			return tx.MoveRun(r.ID, r.State, ledger.RunPlanned, ledger.RunChange{})
		}
		return nil
	}
	w := o.at.Load().words()
	why := ledger.Reason{Code: codeError, Text: w.say("準備の途中でエラーになりました：%v", "preparing it ended in an error: %v", out.err),
		Next: w.say("原因を直してから、もう一度実行してください", "mend the cause, then retry it")}
	if errors.Is(out.err, errSlow) {
		why.Text = w.say("準備が2分のあいだ進みませんでした", "preparing it stood still for 2 minutes")
	}
	c := ledger.RunChange{Reasons: withReason(r.Reasons, why)}
	switch r.State {
	case ledger.RunPlanned:
		if err := tx.MoveRun(r.ID, r.State, ledger.RunRunning, ledger.RunChange{}); err != nil {
			return err
		}
		r.State = ledger.RunRunning
	case ledger.RunRunning, ledger.RunWaiting, ledger.RunDrafted:
	default:
		return nil
	}
	return tx.MoveRun(r.ID, r.State, ledger.RunFailed, c)
}

// bring seals what was drafted, moves the run to where that leaves it and queues what has no reason left to be held.
func (o *Office) bring(tx *ledger.Tx, r ledger.Run, out outcome, now time.Time) error {
	missing := out.prepared.Missing
	state := r.State
	to := func(next ledger.RunState, c ledger.RunChange) error {
		err := tx.MoveRun(r.ID, state, next, c)
		state = next
		return err
	}
	if state == ledger.RunPlanned {
		if err := to(ledger.RunRunning, ledger.RunChange{}); err != nil {
			return err
		}
	}
	waits := len(missing) > 0
	if state != ledger.RunRunning && (out.changed || waits != (state == ledger.RunWaiting)) {
		if err := to(ledger.RunRunning, ledger.RunChange{}); err != nil {
			return err
		}
	}
	if out.changed || state == ledger.RunRunning {
		if l := out.prepared.Looked; l != nil {
			if err := tx.See(r.ID, l.Seen, l.Mended); err != nil {
				return err
			}
		}
		sealed, err := tx.Seal(r.ID, out.drafts, out.prepared.Observations, !waits)
		if err != nil {
			return err
		}
		for _, s := range sealed {
			o.log.Info("sealed", "job", out.duty.job.Name, "run", r.Number, "key", s.Key, "outcome", s.Outcome)
		}
	}
	if out.prepared.Looked != nil && !waits {
		if err := o.overtaken(tx, r); err != nil {
			return err
		}
	}
	said := out.prepared.Said
	switch {
	case waits:
		reasons := slices.Concat(planned(r.Reasons), missing)
		if state == ledger.RunRunning || !slices.Equal(reasons, r.Reasons) {
			c := ledger.RunChange{Reasons: reasons, NextLook: now.Add(firstLook), Said: &said}
			if err := to(ledger.RunWaiting, c); err != nil {
				return err
			}
		}
	case state == ledger.RunRunning:
		if err := to(ledger.RunDrafted, ledger.RunChange{Reasons: nonNil(planned(r.Reasons)), Said: &said}); err != nil {
			return err
		}
	}

	fresh := map[string]bool{} // what this moment's inputs stand behind
	for _, d := range out.drafts {
		fresh[d.Key] = true
	}
	held, err := heldOf(tx.View, r.ID)
	if err != nil {
		return err
	}
	halted, err := stopsOf(tx.View)
	if err != nil {
		return err
	}
	for _, m := range held {
		if len(m.Holds) > 0 || !fresh[m.Key] || !m.Queued.IsZero() || halted.holds(m) {
			continue
		}
		same, err := unchanged(out.rules.config, m)
		if err != nil || !same {
			// A file moved while we were looking: the next look prepares anew and replaces the message.
			o.log.Info("an input changed just now", "job", out.duty.job.Name, "message", m.Number, "err", err)
			o.scan.stale = true
			continue
		}
		if err := tx.Queue(m.ID); err != nil {
			return err
		}
		o.log.Info("queued", "job", out.duty.job.Name, "message", m.Number, "key", m.Key)
	}
	return nil
}

// overtaken rejects the mails of a run that tell of rows of which there is nothing to tell any more: what a person was asked
// to confirm has settled itself.
func (o *Office) overtaken(tx *ledger.Tx, r ledger.Run) error {
	held, err := heldOf(tx.View, r.ID)
	if err != nil {
		return err
	}
	w := o.at.Load().words()
	for _, m := range held {
		if !m.Queued.IsZero() || !slices.ContainsFunc(m.Holds, func(h ledger.Hold) bool { return h.Reason == ledger.Gone && h.Text == "" }) {
			continue
		}
		for _, d := range m.Deliveries {
			if d.State != ledger.StateHeld {
				continue
			}
			if err := tx.MoveDelivery(d.ID, ledger.StateHeld, ledger.StateRejected, w.say("知らせることがなくなりました", "there is nothing to tell any more")); err != nil {
				return err
			}
		}
		o.log.Info("nothing to tell any more", "job", r.Job, "message", m.Number)
	}
	return nil
}

// planned keeps what planning and people said of a run, when what it waits for is told anew.
func planned(rs []ledger.Reason) []ledger.Reason {
	return slices.DeleteFunc(slices.Clone(rs), func(r ledger.Reason) bool {
		return r.Code != codeLate && r.Code != codeReleased && r.Code != codeRestored && r.Code != codeGone
	})
}

func nonNil(rs []ledger.Reason) []ledger.Reason {
	if rs == nil {
		return []ledger.Reason{} // clears; nil would keep
	}
	return rs
}

// maxInput bounds what is read again before a message is queued; config checked the size when it was prepared.
const maxInput = 256 << 20

// unchanged hashes the files of a sealed message again, in the transaction that queues it: from then on nothing is re-read.
func unchanged(c *config.Config, m ledger.Message) (bool, error) {
	for _, in := range m.Inputs {
		if in.Kind != "file" && in.Kind != "letter" {
			continue
		}
		b, err := c.ReadFile(in.Name, maxInput)
		if err != nil {
			return false, err
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != in.Hash {
			return false, nil
		}
	}
	return true, nil
}

// keyOf is the key that the draft will have: from its meaning, so that the same letter is never sealed a second time.
func keyOf(w *jobs.World, d jobs.Draft) string {
	if d.Key != "" {
		return d.Key
	}
	return ledger.Key(w.Identity, w.Occurrence.Period, d.Part, w.Run.Generation)
}
