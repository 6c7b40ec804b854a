package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"bod/internal/ledger"
)

// clockSlack is how far the clock may be before the ledger's last entry: the jitter of a time server is no reason to stop.
const clockSlack = 5 * time.Minute

// clock compares the wall clock with the ledger's last entry. While it is before it, nothing is planned and nothing sent: what
// is due can't be told. It heals by itself when the clock catches up, or by a person who says that the clock is right.
func (o *Office) clock(ctx context.Context, now time.Time) (ok bool, err error) {
	var at time.Time
	var stands bool
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		_, _, last, err := v.Head()
		if err != nil {
			return err
		}
		at = last
		flags, err := v.Flags()
		for _, f := range flags {
			stands = stands || f.Name == flagClock
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("couldn't compare the clock with the ledger: %w", err)
	}
	wrong := now.Before(at.Add(-clockSlack))
	w := o.at.Load().words()
	switch {
	case wrong:
		o.log.Error("the clock is before the ledger's last entry: nothing is done until it catches up or a person says that it is right (bod retry --clock REASON)",
			"clock", now, "last", at)
		if !stands {
			text := w.say("時計（%s）が、記録の最後（%s）より前を指しています", "the clock (%s) is before the ledger's last entry (%s)", w.at(now), w.at(at))
			err = o.ledger.UpdateClock(ctx, now, self(), func(tx *ledger.Tx) error {
				return tx.SetFlag(ledger.Flag{Name: flagClock, Text: text, Since: now})
			})
		}
		if err == nil {
			err = o.clockIntents(ctx, now)
		}
	case stands:
		err = o.ledger.UpdateClock(ctx, now, self(), func(tx *ledger.Tx) error { return tx.ClearFlag(flagClock) })
		if err == nil {
			o.log.Info("the clock is right again")
		}
	}
	if err != nil {
		return false, fmt.Errorf("couldn't note how the clock stands: %w", err)
	}
	return !wrong, nil
}

// clockIntents answers what can be answered while the clock is wrong: that it is right.
func (o *Office) clockIntents(ctx context.Context, now time.Time) error {
	var waiting []ledger.Intent
	err := o.ledger.View(ctx, func(v *ledger.View) (err error) {
		waiting, err = v.Intents()
		return err
	})
	if err != nil {
		return err
	}
	for _, in := range waiting {
		var r Request
		if in.Verb != "retry" || json.Unmarshal(in.Args, &r) != nil || !r.Clock {
			continue
		}
		if err := o.answer(ctx, in, now, o.ledger.UpdateClock); err != nil {
			return err
		}
	}
	return nil
}
