package ledger

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"bod/internal/mailer"
)

// delivery is a row with what callers don't see.
type delivery struct {
	Delivery
	token string
}

const selectDeliveries = "SELECT id, message, mail, name, role, outside, state, attempts, next_try, coalesce(token, ''), words, changed FROM deliveries"

func scanDelivery(r scanner) (delivery, error) {
	var d delivery
	var next, changed sql.NullInt64
	err := r.Scan(&d.ID, &d.Message, &d.Mail, &d.Name, &d.Role, &d.Outside, &d.State, &d.Attempts, &next, &d.token, &d.Words, &changed)
	d.NextTry, d.Changed = moment(next), moment(changed)
	return d, err
}

// deliveries reads rows in the write transaction.
func (tx *Tx) deliveries(condition string, args ...any) ([]delivery, error) {
	ds, err := collect(list(tx.View, selectDeliveries+" WHERE "+condition+" ORDER BY id", args, scanDelivery))
	if err != nil {
		return nil, tx.fail(err)
	}
	return ds, nil
}

// move is the one function by which a delivery moves. The row must be in the state
// that the caller read, else ErrStale; the move must be in the table, else ErrMove.
// Words, attempts, next try and token are written as d has them.
func (tx *Tx) move(d delivery, to State, also ...column) error {
	if !slices.Contains(deliveryMoves[d.State], to) {
		return fmt.Errorf("couldn't move the delivery %d from %s to %s: %w", d.ID, d.State, to, ErrMove)
	}
	set := []column{{"state", to}, {"next_try", nil}, {"words", d.Words}, {"changed", micro(tx.now)}}
	if to == StateDeferred {
		set[1].value = micro(d.NextTry)
	}
	_, err := tx.write(deliveries, row{do: update, key: []any{d.ID}, set: append(set, also...), when: []column{{"state", d.State}}})
	if isConstraint(err) {
		err = fmt.Errorf("%w: %w", ErrMove, err)
	}
	return err
}

// Claim moves every delivery of the message that may go now (queued, or deferred
// with its time come) to claimed under one token. None is ErrStale.
func (tx *Tx) Claim(message int64) (token string, to []Delivery, err error) {
	ds, err := tx.deliveries("message = $1 AND (state = 'queued' OR state = 'deferred' AND next_try <= $2)", message, tx.now.UnixMicro())
	if err != nil {
		return "", nil, fmt.Errorf("couldn't claim the message %d: %w", message, err)
	}
	if len(ds) == 0 {
		return "", nil, fmt.Errorf("couldn't claim the message %d, nothing of it may go now: %w", message, ErrStale)
	}
	token = rand.Text()
	for _, d := range ds {
		if err := tx.move(d, StateClaimed, column{"token", token}); err != nil {
			return "", nil, err
		}
		d.State, d.NextTry, d.Changed = StateClaimed, time.Time{}, tx.now
		to = append(to, d.Delivery)
	}
	return token, to, nil
}

// claimed reads what a token stands for: what it holds, and what it once held.
func (tx *Tx) claimed(token string) ([]delivery, error) {
	if token == "" {
		return nil, ErrFenced
	}
	ds, err := tx.deliveries("token = $1", token)
	if err == nil && len(ds) == 0 {
		err = ErrFenced
	}
	return ds, err
}

// Unclaim gives claimed deliveries back to queued: nothing was said that counts.
// After the fence that is not true any more, and it is ErrFenced.
func (tx *Tx) Unclaim(token string) error {
	if err := tx.unclaim(token); err != nil {
		return fmt.Errorf("couldn't give the claim back: %w", err)
	}
	return nil
}

func (tx *Tx) unclaim(token string) error {
	ds, err := tx.claimed(token)
	if err != nil {
		return err
	}
	for _, d := range ds {
		if d.State != StateClaimed {
			return fmt.Errorf("%s is %s: %w", d.Mail, d.State, ErrFenced)
		}
		if err := tx.move(d, StateQueued); err != nil {
			return err
		}
	}
	return tx.settle(ds[0].Message)
}

// Sending is the fence: exactly the accepted recipients move claimed → sending
// under this token, else ErrFenced and nothing moves. If we die before its commit
// nothing was sent; after it, nobody knows, and recovery says so.
func (tx *Tx) Sending(token string, accepted []string) error {
	if err := tx.sending(token, accepted); err != nil {
		return fmt.Errorf("couldn't pass the fence: %w", err)
	}
	return nil
}

func (tx *Tx) sending(token string, accepted []string) error {
	ds, err := tx.claimed(token)
	if err != nil {
		return err
	}
	if len(accepted) == 0 || distinct(accepted) != len(accepted) {
		return fmt.Errorf("%d recipients, %d of them different: %w", len(accepted), distinct(accepted), ErrFenced)
	}
	for _, mail := range accepted {
		i := slices.IndexFunc(ds, func(d delivery) bool { return d.Mail == mail && d.State == StateClaimed })
		if i < 0 {
			return tx.fail(fmt.Errorf("%s is not claimed any more: %w", mail, ErrFenced))
		}
		if err := tx.move(ds[i], StateSending); err != nil {
			return tx.fail(fmt.Errorf("%w: %w", ErrFenced, err))
		}
	}
	return nil
}

// ways are how a receipt brings a delivery from the state in which it is met to
// where it belongs. The usual ones begin in claimed and sending. The others are
// for Sent alone: that a server took a message is a fact, and a ledger that
// refused it would send again. So it is stored even where the fence was never
// passed, where the claim was given back meanwhile, and where a recovery had
// called it unknown. A receipt that finds no way is an error.
var ways = map[mailer.Result]map[State][]State{
	mailer.Sent: {
		StateSending:  {StateSent},
		StateClaimed:  {StateSending, StateSent},
		StateUnknown:  {StateSent},
		StateQueued:   {StateClaimed, StateSending, StateSent},
		StateDeferred: {StateClaimed, StateSending, StateSent},
		StateHeld:     {StateQueued, StateClaimed, StateSending, StateSent},
		StateSent:     {},
	},
	mailer.Unknown: {
		StateSending: {StateUnknown},
		StateClaimed: {StateSending, StateUnknown},
		StateUnknown: {},
	},
	mailer.Deferred: {StateClaimed: {StateDeferred}, StateSending: {StateDeferred}},
	mailer.Failed:   {StateClaimed: {StateFailed}, StateSending: {StateFailed}},
	mailer.Written:  {StateClaimed: {StateWritten}, StateWritten: {}},
}

// Receive writes the receipts under a token and moves the deliveries; retry gives
// the next try of a deferred one, zero to give up (failed); nil gives up as well.
// The attempt is counted before retry is asked.
//
// The receipts are all that is known of the attempt. A delivery of the token that
// got none is queued again when it was still claimed, and unknown when the fence
// was passed. A receipt for a recipient that the token does not stand for, or for
// a state that it can't come from, is an error, and nothing is written.
func (tx *Tx) Receive(token string, rs []mailer.Receipt, retry func(Delivery) time.Time) error {
	if err := tx.receive(token, rs, retry); err != nil {
		return fmt.Errorf("couldn't store the receipts: %w", err)
	}
	return nil
}

func (tx *Tx) receive(token string, rs []mailer.Receipt, retry func(Delivery) time.Time) error {
	ds, err := tx.claimed(token)
	if err != nil {
		return err
	}
	got := map[string]bool{}
	for _, r := range rs {
		i := slices.IndexFunc(ds, func(d delivery) bool { return d.Mail == r.To })
		if i < 0 {
			return tx.fail(fmt.Errorf("nobody claimed %s: %w", r.To, ErrFenced))
		}
		if got[r.To] {
			return tx.fail(fmt.Errorf("two receipts for %s", r.To))
		}
		got[r.To] = true
		if err := tx.receiveOne(ds[i], r, retry); err != nil {
			return tx.fail(fmt.Errorf("%s: %w", r.To, err))
		}
	}
	for _, d := range ds {
		if got[d.Mail] {
			continue
		}
		to := StateQueued
		switch d.State {
		case StateClaimed:
		case StateSending:
			to, d.Words = StateUnknown, ""
		default:
			continue
		}
		if err := tx.move(d, to); err != nil {
			return tx.fail(err)
		}
	}
	return tx.settle(ds[0].Message)
}

func (tx *Tx) receiveOne(d delivery, r mailer.Receipt, retry func(Delivery) time.Time) error {
	way, ok := ways[r.Result][d.State]
	if !ok {
		return fmt.Errorf("a receipt says %q of a delivery that is %s: %w", r.Result, d.State, ErrMove)
	}
	if r.At.IsZero() {
		r.At = tx.now
	}
	_, err := tx.write(attempts, row{do: insert, set: []column{
		{"delivery", d.ID}, {"result", string(r.Result)}, {"stage", r.Stage}, {"code", r.Code}, {"words", r.Words}, {"at", micro(r.At)},
	}})
	if err != nil {
		return err
	}
	d.Attempts++
	d.Words = r.Words
	if r.Result == mailer.Deferred {
		if retry != nil {
			d.NextTry = retry(d.Delivery)
		}
		if d.NextTry.IsZero() {
			way = []State{StateFailed}
		}
	}
	for _, to := range way { // none when it is told twice: the state stands
		if to == StateQueued {
			m, err := tx.Message(d.Message)
			if err != nil {
				return err
			}
			if err := tx.stampQueued(m); err != nil {
				return err
			}
		}
		if err := tx.move(d, to, column{"attempts", d.Attempts}); err != nil {
			return err
		}
		d.State = to
	}
	return nil
}

// MoveDelivery is a person's move (or the relay's proof): unknown → sent, failed,
// rejected, queued, by hand; failed → queued, by hand; held → rejected, by hand;
// queued, deferred → rejected; and deferred → failed, giving up.
//
// A failed delivery whose message has a successor is not queued again, and an
// unknown one only of a letter: a summary or notice goes out at most once. One that
// is queued again is held when its message has a reason set.
func (tx *Tx) MoveDelivery(id int64, from, to State, words string) error {
	if err := tx.moveDelivery(id, from, to, words); err != nil {
		return fmt.Errorf("couldn't move the delivery %d from %s to %s: %w", id, from, to, err)
	}
	return nil
}

func (tx *Tx) moveDelivery(id int64, from, to State, words string) error {
	if !slices.Contains(personMoves[from], to) {
		return ErrMove
	}
	ds, err := tx.deliveries("id = $1", id)
	if err != nil {
		return err
	}
	if len(ds) == 0 {
		return ErrNotFound
	}
	d := ds[0]
	if d.State != from {
		return fmt.Errorf("it is %s: %w", d.State, ErrStale)
	}
	d.Words = words
	if to != StateQueued {
		return tx.move(d, to)
	}
	m, err := tx.Message(d.Message)
	if err != nil {
		return err
	}
	if from == StateUnknown && m.Class != ClassLetter {
		return fmt.Errorf("a %s goes out at most once: %w", m.Class, ErrMove)
	}
	var successor int64
	switch err := tx.s.get("SELECT id FROM messages WHERE predecessor = $1", []any{m.ID}, &successor); {
	case err == nil:
		return fmt.Errorf("the message %d follows it: %w", successor, ErrMove)
	case !errors.Is(err, ErrNotFound):
		return tx.fail(err)
	}
	if err := tx.move(d, to); err != nil {
		return err
	}
	return tx.settle(d.Message)
}
