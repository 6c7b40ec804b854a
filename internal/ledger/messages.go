package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"bod/internal/mailer"
)

// MessageQuery selects messages; zero fields select all.
type MessageQuery struct {
	Run          int64
	Job          string
	Class        Class
	States       []State // of any delivery
	SealedFrom   time.Time
	ChangedFrom  time.Time // any delivery changed at or after
	ChangedUntil time.Time // and before
	Recipient    string
	KeyPrefix    string
	Newest       bool
	Limit        int
}

const selectMessages = `SELECT m.id, m.month, m.serial, coalesce(m.run, 0), m.class, coalesce(m.job, ''), m.part, m.key, m.subject, m.addressee,
	m.sender, m.message_id, m.date, m.hash, m.size, m.inputs, m.amount, m.not_before, m.deadline, m.confirm_by, m.confirm_count,
	m.sealed, coalesce(m.predecessor, 0), m.queued, coalesce(r.due, 0), coalesce(r.early, 0)
	FROM messages m LEFT JOIN runs r ON r.id = m.run`

// loaded is a message with what its reasons to be held follow from.
type loaded struct {
	Message
	runDue time.Time
	early  bool
}

func scanMessage(r scanner) (*loaded, error) {
	m := new(loaded)
	var month, serial int64
	var date, notBefore, deadline, sealed, queued, due sql.NullInt64
	var inputs, confirmBy string
	err := r.Scan(&m.ID, &month, &serial, &m.Run, &m.Class, &m.Job, &m.Part, &m.Key, &m.Subject, &m.Addressee,
		&m.From, &m.MessageID, &date, &m.Hash, &m.Size, &inputs, &m.Amount, &notBefore, &deadline, &confirmBy, &m.ConfirmCount,
		&sealed, &m.Predecessor, &queued, &due, &m.early)
	if err != nil {
		return nil, err
	}
	m.Number = number(month, serial)
	m.Date, m.NotBefore, m.Deadline, m.Sealed, m.Queued = moment(date), moment(notBefore), moment(deadline), moment(sealed), moment(queued)
	if m.Run != 0 {
		m.runDue = moment(due)
	}
	return m, errors.Join(fromJSON(inputs, &m.Inputs), fromJSON(confirmBy, &m.ConfirmBy))
}

// messages streams whole messages, completed 200 at a time.
func (v *View) messages(query string, args []any) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for m, err := range batches(v, query, args, scanMessage, 200, v.complete) {
			if err != nil {
				yield(Message{}, err)
				return
			}
			if !yield(m.Message, nil) {
				return
			}
		}
	}
}

// complete adds deliveries, reasons and confirmations.
func (v *View) complete(ms []*loaded) error {
	byID := make(map[int64]*loaded, len(ms))
	ids := make([]int64, len(ms))
	for i, m := range ms {
		byID[m.ID], ids[i] = m, m.ID
	}
	of := "(SELECT value FROM json_each($1))"
	args := []any{string(toJSON(ids))}

	// The set of ids drives each query: its few rows are looked up in the other table's index.
	err := v.s.each(selectDeliveries+" WHERE message IN "+of+" ORDER BY message, id", args, func(r scanner) error {
		d, err := scanDelivery(r)
		if err != nil {
			return err
		}
		m := byID[d.Message]
		m.Deliveries = append(m.Deliveries, d.Delivery)
		m.Recipients = append(m.Recipients, d.Recipient)
		return nil
	})
	if err != nil {
		return err
	}
	var confirmed, held bool
	for _, m := range ms {
		m.State = worst(m.Deliveries)
		confirmed = confirmed || len(m.ConfirmBy) > 0
		held = held || m.isHeld()
	}
	said := map[int64][]Decision{}
	if confirmed {
		err := v.s.each(selectDecisions+" WHERE message IN "+of+" ORDER BY id", args, func(r scanner) error {
			d, err := scanDecision(r)
			said[d.Message] = append(said[d.Message], d)
			return err
		})
		if err != nil {
			return err
		}
	}
	set := map[int64][]Hold{}
	if held {
		err := v.s.each("SELECT message, reason, text, since, who, user FROM holds WHERE message IN "+of+" ORDER BY message, since, reason", args, func(r scanner) error {
			var id, since int64
			var h Hold
			if err := r.Scan(&id, &h.Reason, &h.Text, &since, &h.By.Name, &h.By.User); err != nil {
				return err
			}
			h.Since = time.UnixMicro(since).UTC()
			set[id] = append(set[id], h)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, m := range ms {
		m.reasons(said[m.ID], set[m.ID], v.now)
	}
	return nil
}

func worst(ds []Delivery) State {
	for _, s := range states {
		if slices.ContainsFunc(ds, func(d Delivery) bool { return d.State == s }) {
			return s
		}
	}
	return ""
}

func (m *Message) isHeld() bool {
	return slices.ContainsFunc(m.Deliveries, func(d Delivery) bool { return d.State == StateHeld })
}

// leaves is the moment before which it is never queued: its own, and its run's due
// if an edit moved that later.
func (m *loaded) leaves() time.Time {
	if m.early {
		return time.Time{}
	}
	if m.runDue.After(m.NotBefore) {
		return m.runDue
	}
	return m.NotBefore
}

// reasons fills who confirmed and why it is not queued. What a person said last
// counts. A no of someone who was asked holds it until that person says yes:
// nobody lifts it for them.
func (m *loaded) reasons(said []Decision, set []Hold, now time.Time) {
	last := map[string]Decision{}
	for _, d := range said {
		last[d.Person] = d
	}
	var refused []Hold
	for _, p := range m.ConfirmBy {
		switch d, ok := last[p]; {
		case !ok:
		case d.Yes:
			m.Confirmed = append(m.Confirmed, p)
		default:
			m.Refused = append(m.Refused, p)
			refused = append(refused, Hold{Reason: Person, Text: d.Why, Since: d.At, By: d.By})
		}
		delete(last, p) // a person who is named twice counts once
	}
	if !m.isHeld() {
		return
	}
	if m.leaves().After(now) {
		m.Holds = append(m.Holds, Hold{Reason: NotDue, Since: m.Sealed, By: Who{Name: "bod"}})
	}
	if len(m.Confirmed) < m.ConfirmCount {
		m.Holds = append(m.Holds, Hold{Reason: Confirmation, Since: m.Sealed, By: Who{Name: "bod"}})
	}
	m.Holds = slices.Concat(m.Holds, refused, set)
}

func (v *View) message(condition string, args ...any) (Message, error) {
	m, err := one(v, selectMessages+" WHERE "+condition, args, scanMessage)
	if err == nil {
		err = v.complete([]*loaded{m})
	}
	if err != nil {
		return Message{}, fmt.Errorf("couldn't find the message: %w", err)
	}
	return m.Message, nil
}

// Message returns one message with deliveries, holds and confirmations.
func (v *View) Message(id int64) (Message, error) { return v.message("m.id = $1", id) }

// MessageByNumber finds 2611-0044.
func (v *View) MessageByNumber(text string) (Message, error) {
	month, serial, ok := parseNumber(text)
	if !ok {
		return Message{}, fmt.Errorf("couldn't find the message %q: %w", text, ErrNotFound)
	}
	return v.message("m.month = $1 AND m.serial = $2", month, serial)
}

// MessageByKey returns the newest message with the key.
func (v *View) MessageByKey(key string) (Message, error) {
	return v.message("m.key = $1 ORDER BY m.id DESC LIMIT 1", key)
}

// Messages returns messages by id.
func (v *View) Messages(q MessageQuery) iter.Seq2[Message, error] {
	var w where
	if q.Run != 0 {
		w.add("m.run = " + w.bind(q.Run))
	}
	if q.Job != "" {
		w.add("m.job = " + w.bind(q.Job))
	}
	if q.Class != "" {
		w.add("m.class = " + w.bind(string(q.Class)))
	}
	if !q.SealedFrom.IsZero() {
		w.add("m.sealed >= " + w.bind(micro(q.SealedFrom)))
	}
	if q.KeyPrefix != "" {
		w.add("m.key >= " + w.bind(q.KeyPrefix) + " AND m.key < " + w.bind(q.KeyPrefix+"\U0010FFFF"))
	}
	var d where
	d.args = w.args
	if len(q.States) > 0 {
		d.in("state", texts(q.States))
	}
	if !q.ChangedFrom.IsZero() {
		d.add("changed >= " + d.bind(micro(q.ChangedFrom)))
	}
	if !q.ChangedUntil.IsZero() {
		d.add("changed < " + d.bind(micro(q.ChangedUntil)))
	}
	if q.Recipient != "" {
		d.add("mail = " + d.bind(q.Recipient))
	}
	if w.args = d.args; len(d.terms) > 0 {
		w.add("m.id IN (SELECT message FROM deliveries" + d.String() + ")")
	}
	query := selectMessages + w.String() + w.tail("m.id", q.Newest, q.Limit)
	return v.messages(query, w.args)
}

// Body returns the sealed bytes. They are hashed again on the way: what is not what
// was sealed is ErrDamaged, never handed out.
func (v *View) Body(message int64) ([]byte, error) {
	var body []byte
	var hash string
	err := v.get("SELECT b.bytes, m.hash FROM messages m JOIN bodies b ON b.message = m.id WHERE m.id = $1", []any{message}, &body, &hash)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the bytes of the message %d: %w", message, err)
	}
	if sum(body) != hash {
		return nil, fmt.Errorf("couldn't read the bytes of the message %d: %w: they are not what was sealed", message, ErrDamaged)
	}
	return body, nil
}

// Attempts returns a message's receipts, oldest first.
func (v *View) Attempts(message int64) ([]Attempt, error) {
	return collect(list(v, `SELECT a.delivery, d.mail, a.result, a.stage, a.code, a.words, a.at FROM attempts a
		JOIN deliveries d ON d.id = a.delivery WHERE d.message = $1 ORDER BY a.id`, []any{message}, func(r scanner) (Attempt, error) {
		var a Attempt
		var at int64
		var result string
		err := r.Scan(&a.Delivery, &a.To, &result, &a.Stage, &a.Code, &a.Words, &at)
		a.Result, a.At = mailer.Result(result), time.UnixMicro(at).UTC()
		return a, err
	}))
}

const selectDecisions = "SELECT message, person, yes, why, who, user, at FROM decisions"

func scanDecision(r scanner) (Decision, error) {
	var d Decision
	var at int64
	err := r.Scan(&d.Message, &d.Person, &d.Yes, &d.Why, &d.By.Name, &d.By.User, &at)
	d.At = time.UnixMicro(at).UTC()
	return d, err
}

// Decisions returns what people said of a message, oldest first.
func (v *View) Decisions(message int64) ([]Decision, error) {
	return collect(list(v, selectDecisions+" WHERE message = $1 ORDER BY id", []any{message}, scanDecision))
}

// Claimable returns messages with deliveries that may go now (queued, or deferred
// with their time come), oldest due first. limit 0: all.
func (v *View) Claimable(now time.Time, limit int) ([]Message, error) {
	if err := v.usable(); err != nil {
		return nil, err
	}
	if limit <= 0 {
		limit = -1
	}
	// The index on (due, message) of these two states gives the order, so that a long queue is not sorted for each batch.
	var ids []int64
	err := v.s.each(`SELECT message FROM deliveries INDEXED BY deliveries_go
		WHERE state IN ('queued', 'deferred') AND (next_try IS NULL OR next_try <= $1)
		GROUP BY due, message ORDER BY due, message LIMIT $2`, []any{now.UnixMicro(), int64(limit)}, func(r scanner) error {
		var id int64
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't find what may go: %w", err)
	}
	ms, err := collect(v.messages(selectMessages+" WHERE m.id IN (SELECT value FROM json_each($1))", []any{string(toJSON(nonNil(ids)))}))
	if err != nil {
		return nil, err
	}
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(ms, func(a, b Message) int { return place[a.ID] - place[b.ID] })
	return ms, nil
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Taken reports whether a draft with this key would be dropped, and the message
// because of which: a live one; or one that a person rejected or the server
// refused since the run was last asked for. The latter keeps a rejected letter
// from coming back when another part of its run is prepared again; `bod do` asks
// anew and frees it.
func (v *View) Taken(key string) (Message, bool, error) {
	id, _, err := v.taker(key)
	if err != nil || id == 0 {
		return Message{}, false, err
	}
	m, err := v.Message(id)
	return m, err == nil, err
}

// taker finds who takes a key; newest is the newest message with it, taking it or not.
func (v *View) taker(key string) (taken, newest int64, err error) {
	if err := v.usable(); err != nil {
		return 0, 0, err
	}
	var takes bool
	err = v.s.get(`SELECT m.id, m.live = 1 OR EXISTS (SELECT 1 FROM deliveries d WHERE d.message = m.id AND d.state IN ('rejected', 'failed'))
			AND m.asks = coalesce(r.asks, 0)
		FROM messages m LEFT JOIN runs r ON r.id = m.run WHERE m.key = $1 ORDER BY m.live DESC, m.id DESC LIMIT 1`, []any{key}, &newest, &takes)
	if errors.Is(err, ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("couldn't look up the key %s: %w", key, err)
	}
	if takes {
		taken = newest
	}
	return taken, newest, nil
}
