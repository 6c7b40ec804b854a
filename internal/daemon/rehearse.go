package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// RehearseOptions of a rehearsal.
type RehearseOptions struct {
	Config   *config.Config
	Ledger   *ledger.Ledger // what is to be remembered at the start: it is copied and never written; nil: nothing
	From     time.Time      // what is due at this very moment is played too
	Until    time.Time
	Confirm  bool               // who is asked for a confirmation says yes at once; else nobody answers
	Log      *slog.Logger       // nil: nothing is logged
	Progress func(at time.Time) // called as the played time goes on; may be nil
}

// Need is a run that could not be prepared at its moment, for something was not there.
type Need struct {
	Run     int64
	Job     string // its identity
	Period  string
	By      time.Time // when it was to be prepared
	Due     time.Time
	Reasons []ledger.Reason // what a person has to bring
}

// Rehearsal is what was played. Its ledger tells the rest, until Close.
type Rehearsal struct {
	Ledger *ledger.Ledger
	Needs  []Need   // in the order of By
	Paused []string // what pauses mail now, and was taken as mended
}

// Close removes what the rehearsal remembered.
func (r *Rehearsal) Close() error { return r.Ledger.Close() }

// Rehearse plays the rules from one moment to another: the same Step and Deliver as the daemon's, at each next
// instant at which something moves by itself, with a clock that jumps there. Mail is put nowhere but in the played
// ledger, and no program or address is called. Files are read as they are now; one that isn't there stays away.
func Rehearse(ctx context.Context, o RehearseOptions) (_ *Rehearsal, err error) {
	rules := *o.Config
	rules.Mail.Rate = mailer.Rate{} // a rate would be waited for by the wall clock

	// The clock counts microseconds, as the ledger does: a moment between two of them would never be reached.
	o.From, o.Until = o.From.Truncate(time.Second), o.Until.Truncate(time.Second)
	var clock atomic.Int64
	now := func() time.Time { return time.UnixMicro(clock.Load()).In(rules.Zone) }
	// What is due exactly at the first moment counts as ahead of it.
	clock.Store(o.From.Add(-time.Second).UnixMicro())

	l, err := ledger.Rehearsal(ctx, o.Ledger, ledger.Options{Trial: rules.Mail.Trial(), Now: now, Log: o.Log})
	if err != nil {
		return nil, err
	}
	r := &Rehearsal{Ledger: l}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := r.unpause(ctx, now()); err != nil {
		return nil, err
	}
	office, err := NewOffice(Options{Config: &rules, Ledger: l, Carrier: &stage{real: rules.Mail.Server != "", now: now}, Now: now, Log: o.Log})
	if err != nil {
		return nil, err
	}
	// Files are read as they are now, so that once is enough: thirty days of looks at one table are one reading of it.
	office.tables = table.NewTables(jobs.TableWorld(&rules, now(), true), jobs.Sources(&rules))
	defer func() { _ = office.tables.Close() }() // nothing is written through them
	p := player{Rehearsal: r, office: office, asked: map[string]bool{}, confirm: o.Confirm}
	for {
		if err := p.play(ctx); err != nil {
			return nil, fmt.Errorf("couldn't play %s: %w", now().Format(time.DateTime), err)
		}
		next, err := office.wake(ctx, now())
		if err != nil {
			return nil, err
		}
		if !next.After(now()) {
			next = now().Add(time.Second)
		}
		if now().Before(o.From) && next.After(o.From) {
			next = o.From
		}
		if !now().Before(o.Until) {
			return r, nil
		}
		if next.After(o.Until) {
			next = o.Until
		}
		clock.Store(next.UnixMicro())
		if o.Progress != nil {
			o.Progress(next)
		}
	}
}

// unpause takes away what pauses mail now, so that the days ahead can be seen.
func (r *Rehearsal) unpause(ctx context.Context, now time.Time) error {
	err := r.Ledger.UpdateClock(ctx, now, self(), func(tx *ledger.Tx) error {
		flags, err := tx.Flags()
		for _, f := range flags {
			r.Paused = append(r.Paused, f.Text)
			err = errors.Join(err, tx.ClearFlag(f.Name))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("couldn't take the pause away: %w", err)
	}
	return nil
}

// player plays one moment after the other.
type player struct {
	*Rehearsal
	office  *Office
	confirm bool
	asked   map[string]bool // answers that were given: one that was refused isn't given again
}

// play does all that is due at this moment, and what people answer to it.
func (p *player) play(ctx context.Context) error {
	for {
		if err := p.office.settle(ctx); err != nil {
			return err
		}
		if err := p.look(ctx); err != nil {
			return err
		}
		answered, err := p.answer(ctx)
		if err != nil || !answered {
			return err
		}
	}
}

// look notes what waits for a person.
func (p *player) look(ctx context.Context) error {
	return p.Ledger.View(ctx, func(v *ledger.View) error {
		for run, err := range v.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunWaiting}}) {
			if err != nil {
				return err
			}
			i := slices.IndexFunc(p.Needs, func(n Need) bool { return n.Run == run.ID })
			if i < 0 {
				by := run.PrepareAt
				if by.IsZero() || by.After(run.Due) {
					by = run.Due
				}
				p.Needs = append(p.Needs, Need{Run: run.ID, Job: run.Job, Period: run.Period, By: by, Due: run.Due})
				i = len(p.Needs) - 1
			}
			for _, why := range run.Reasons {
				if n := &p.Needs[i]; why.Code != codeLate && why.Code != codeReleased && why.Code != codeRestored && !slices.Contains(n.Reasons, why) {
					n.Reasons = append(n.Reasons, why)
				}
			}
		}
		slices.SortStableFunc(p.Needs, func(a, b Need) int { return a.By.Compare(b.By) })
		return nil
	})
}

// answer is the people who are asked for a confirmation and say yes, as many as are needed, each by a request of
// their own as bod confirm would write it.
func (p *player) answer(ctx context.Context) (answered bool, err error) {
	if !p.confirm {
		return false, nil
	}
	var intents []ledger.Intent
	err = p.Ledger.View(ctx, func(v *ledger.View) error {
		waiting := map[int64][]ledger.Message{}
		var order []int64
		for m, err := range v.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateHeld}}) {
			if err != nil {
				return err
			}
			if m.ConfirmCount > 0 && m.Run != 0 && waiting[m.Run] == nil {
				order = append(order, m.Run)
			}
			waiting[m.Run] = append(waiting[m.Run], m)
		}
		for _, id := range order {
			run, err := v.Run(id)
			if err != nil {
				return err
			}
			set := jobs.ConfirmSet(waiting[id])
			if len(set) == 0 || !slices.ContainsFunc(set, func(m ledger.Message) bool { return holds(m, ledger.Confirmation) }) {
				continue
			}
			digest := jobs.SetDigest(set)
			args, err := json.Marshal(Request{Run: run.Number, Set: digest})
			if err != nil {
				return err
			}
			left := set[0].ConfirmCount - len(set[0].Confirmed)
			for _, who := range set[0].ConfirmBy {
				key := who + " " + digest
				if left == 0 || p.asked[key] || slices.Contains(set[0].Confirmed, who) {
					continue
				}
				left, p.asked[key] = left-1, true
				intents = append(intents, ledger.Intent{Verb: "confirm", Args: args, Who: ledger.Who{Name: who, User: self().User}, At: p.office.moment()})
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("couldn't see who is asked: %w", err)
	}
	for _, in := range intents {
		if _, err := p.Ledger.AddIntent(ctx, in); err != nil {
			return false, err
		}
	}
	return len(intents) > 0, nil
}

// stage is where a rehearsal's mail ends: it takes every message and keeps none, for the played ledger has them all.
// It answers as the rules' own carrier would: written where no server is named, else sent.
type stage struct {
	real bool
	now  func() time.Time
}

func (s *stage) Open(context.Context) (mailer.Session, error) { return s, nil }
func (s *stage) Trial() bool                                  { return true }
func (s *stage) Close() error                                 { return nil }

func (s *stage) Carry(_ context.Context, p mailer.Parcel) (rs []mailer.Receipt, broken bool) {
	r := mailer.Receipt{Result: mailer.Written, Stage: "file", At: s.now()}
	if s.real {
		r.Result, r.Stage = mailer.Sent, "dot"
		if err := p.BeforeDot(p.To); err != nil {
			r.Result, r.Words, broken = mailer.Deferred, err.Error(), true
		}
	}
	for _, to := range p.To {
		r.To = to
		rs = append(rs, r)
	}
	return rs, broken
}
