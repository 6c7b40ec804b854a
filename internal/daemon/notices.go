package daemon

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// recount is how often bod's own notices are worked out again while the ledger stands still: some tell of days that passed.
const recount = 10 * time.Minute

// recountDoubt is the same where the mail server's log can be asked: what it did not settle by then is told.
const recountDoubt = time.Minute

// told is when the notices were last worked out.
type told struct {
	head int64
	at   time.Time
}

// notices seals every notice that ought to exist and doesn't. They follow from the ledger alone, so one that was lost
// with a crash is made again, and its key lets it go out once.
func (o *Office) notices(ctx context.Context, now time.Time) error {
	head, err := o.head(ctx)
	if err != nil {
		return err
	}
	st := o.at.Load()
	every := recount
	if st.config.ProofProgram != "" {
		every = recountDoubt
	}
	if head == o.told.head && now.Before(o.told.at.Add(every)) {
		return nil
	}
	var fresh []ledger.NewMessage
	err = o.ledger.View(ctx, func(v *ledger.View) (err error) {
		defer func() {
			if p := recover(); p != nil {
				o.log.Error("wording the notices panicked", "err", p, "stack", string(debug.Stack()))
				fresh, err = nil, nil
			}
		}()
		all, err := jobs.Notices(ctx, st.config, v, now)
		if err != nil {
			return err
		}
		for _, m := range all {
			_, err := v.MessageByKey(m.Key)
			switch {
			case isNone(err):
				fresh = append(fresh, m)
			case err != nil:
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't work out the notices: %w", err)
	}
	if err := o.tell(ctx, now, fresh); err != nil {
		return err
	}
	if o.told.head, err = o.head(ctx); err != nil {
		return err
	}
	o.told.at = now
	return nil
}

// tell seals notices, together if it can be; one that can't be sealed keeps no other back.
func (o *Office) tell(ctx context.Context, now time.Time, ms []ledger.NewMessage) error {
	if len(ms) == 0 {
		return nil
	}
	seal := func(ms ...ledger.NewMessage) error {
		return o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
			_, err := tx.Seal(0, ms, nil, false)
			return err
		})
	}
	err := seal(ms...)
	if err != nil && len(ms) > 1 {
		failed := 0
		for _, m := range ms {
			if one := seal(m); one != nil {
				failed++
				o.log.Error("couldn't seal a notice", "key", m.Key, "err", one)
			}
		}
		if failed < len(ms) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("couldn't seal the notices: %w", err)
	}
	for _, m := range ms {
		o.log.Info("notice", "key", m.Key)
	}
	return nil
}
