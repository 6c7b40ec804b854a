package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// resendUnknown queues again what is unknown and whose job says on_unknown = "resend": the sealed bytes, with the Message-ID
// that they have, so that a reader's mail program can tell the second copy from a second letter. next is when there is more
// of it; zero: nothing in sight.
func (o *Office) resendUnknown(ctx context.Context, now time.Time) (next time.Time, err error) {
	st := o.at.Load()
	if !st.resends() {
		return time.Time{}, nil
	}
	type again struct {
		message  ledger.Message
		delivery ledger.Delivery
		nth      int
	}
	var due []again
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{Class: ledger.ClassLetter, States: []ledger.State{ledger.StateUnknown}}) {
			if err != nil {
				return err
			}
			for _, d := range m.Deliveries {
				at, nth, ok, err := jobs.Resend(st.config, v, m, d)
				if err != nil {
					return err
				}
				if ok && at.After(now) {
					next = earlier(next, at)
				} else if ok {
					due = append(due, again{m, d, nth})
				}
			}
		}
		return nil
	})
	if err != nil {
		return next, fmt.Errorf("couldn't see what is sent again by its rule: %w", err)
	}
	who := self()
	who.Name = jobs.ByRule
	for _, x := range due {
		words := st.words().say("「%s」の on_unknown = \"resend\" により、送り直します（%d回目）", "the job %s says on_unknown = \"resend\": sent again, number %d", x.message.Job, x.nth)
		err := o.ledger.Update(ctx, now, who, func(tx *ledger.Tx) error {
			return tx.MoveDelivery(x.delivery.ID, ledger.StateUnknown, ledger.StateQueued, words)
		})
		switch {
		case errors.Is(err, ledger.ErrStale), errors.Is(err, ledger.ErrMove):
			continue // a person or the relay's log was faster
		case err != nil:
			return next, fmt.Errorf("couldn't send the message %s again: %w", x.message.Number, err)
		}
		o.log.Warn("sent again by the rule: it is not known whether it arrived", "job", x.message.Job, "message", x.message.Number, "key", x.message.Key, "nth", x.nth)
	}
	return next, nil
}

// resends reports whether some job's letters are sent again by themselves.
func (s *standing) resends() bool {
	for _, j := range s.config.Jobs {
		if j.Resend {
			return true
		}
	}
	return false
}
