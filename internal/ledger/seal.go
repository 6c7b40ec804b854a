package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sealed is what became of one draft.
type Sealed struct {
	Message int64
	Key     string
	Outcome string // one of the Outcomes
}

// The outcomes of a draft.
const (
	OutcomeSealed   = "sealed"
	OutcomeKept     = "kept"     // same inputs: the held one stands
	OutcomeReplaced = "replaced" // the held one was replaced by this new one
	OutcomeTaken    = "taken"    // it went out or is on its way, or was rejected or refused
	OutcomeLeftOut  = "left out" // not among the parts that the run was asked to do again
)

// Once stands in a key for the period where a part is sent once in all. No period is written so.
const Once = "once"

// Key is what a message means: job/period/part, and #2 for a deliberate second
// one. A part may come from a row's key, so what has a meaning here is escaped.
//
// Where the period is Once the key is one over all periods of the job.
func Key(job, period, part string, generation int) string {
	var b strings.Builder
	b.WriteString(job + "/" + period + "/")
	for _, r := range part {
		if strings.ContainsRune("/#%", r) || r < 0x20 || r == 0x7f {
			fmt.Fprintf(&b, "%%%02X", r)
		} else {
			b.WriteRune(r)
		}
	}
	if generation > 1 {
		b.WriteString("#" + strconv.Itoa(generation))
	}
	return b.String()
}

// Seal stores drafts of a run (run 0: notices) with their bytes, deliveries and
// observations. The run has to be running or drafted.
//
// A draft whose key is taken is dropped (see View.Taken). A held, never queued
// message stands when its inputs are the same, and is replaced when they differ;
// that voids its confirmations, while what a person held stays held. A message of which any delivery was ever queued is
// never replaced. Two drafts with one key are an error, and nothing is stored.
//
// Held, never queued messages of the run and generation that got no draft this
// time are held as Gone when complete is true; one that comes back is lifted.
// Notices and summaries with no reason to hold are queued in the same transaction.
// While the flag "restored" stands every letter is held as Restored.
//
// Bytes are needed only where something is sealed: a draft that is kept may come
// without.
func (tx *Tx) Seal(run int64, drafts []NewMessage, obs []Observation, complete bool) ([]Sealed, error) {
	out, err := tx.seal(run, drafts, obs, complete)
	if err != nil {
		return nil, fmt.Errorf("couldn't seal: %w", err)
	}
	return out, nil
}

// origin is the run that drafts come from; zero for notices.
type origin struct {
	Run
	asks     int64
	restored bool
}

func (tx *Tx) seal(run int64, drafts []NewMessage, obs []Observation, complete bool) ([]Sealed, error) {
	var from origin
	if run != 0 {
		var err error
		if from.Run, err = tx.Run(run); err != nil {
			return nil, err
		}
		if from.State != RunRunning && from.State != RunDrafted {
			return nil, fmt.Errorf("the run %s is %s: %w", from.Number, from.State, ErrStale)
		}
		if err := tx.s.get("SELECT asks FROM runs WHERE id = $1", []any{run}, &from.asks); err != nil {
			return nil, tx.fail(err)
		}
	} else if len(obs) > 0 || complete {
		return nil, errors.New("observations and completeness belong to a run")
	}
	var restored int64
	if err := tx.s.get("SELECT count(*) FROM flags WHERE name = $1", []any{flagRestored}, &restored); err != nil {
		return nil, tx.fail(err)
	}
	from.restored = restored > 0

	seen := map[string]bool{}
	var out []Sealed
	for _, m := range drafts {
		if err := from.name(&m); err != nil {
			return nil, err
		}
		if seen[m.Key] {
			return nil, fmt.Errorf("two drafts have the key %s", m.Key)
		}
		seen[m.Key] = true
		s, err := tx.sealOne(from, m)
		if err != nil {
			return nil, fmt.Errorf("the draft %s: %w", m.Key, err)
		}
		out = append(out, s)
	}
	if complete {
		if err := tx.dropped(from, seen); err != nil {
			return nil, err
		}
	}
	for _, o := range obs {
		if err := tx.observe(run, o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// name gives the draft its key, or sees that the one it has is right.
func (from origin) name(m *NewMessage) error {
	switch {
	case m.Class == ClassNotice:
		if parts := strings.Split(m.Key, "/"); len(parts) < 4 || parts[0] != "notice" || slices.Contains(parts, "") {
			return fmt.Errorf("%q is not the key of a notice: notice/<what>/<id>/<digest>", m.Key)
		}
		return nil
	case m.Class != ClassLetter && m.Class != ClassSummary:
		return fmt.Errorf("a draft with the class %q", m.Class)
	case from.ID == 0:
		return fmt.Errorf("the draft %q has no run, and is no notice", m.Key)
	case m.Part == "":
		return fmt.Errorf("a draft of the run %s has no part", from.Number)
	}
	key := Key(from.Job, from.Period, m.Part, from.Generation)
	if m.Key == "" {
		m.Key = key
	}
	if once := Key(from.Job, Once, m.Part, 1); m.Key != key && (m.Key != once || from.Generation > 1) {
		return fmt.Errorf("the draft's key is %q and has to be %q", m.Key, key)
	}
	m.Job = from.Job
	return nil
}

func (tx *Tx) sealOne(from origin, m NewMessage) (Sealed, error) {
	s := Sealed{Key: m.Key}
	if m.Class != ClassNotice && len(from.Only) > 0 && !slices.Contains(from.Only, m.Part) {
		s.Outcome = OutcomeLeftOut
		return s, nil
	}
	taken, newest, err := tx.taker(m.Key)
	if err != nil {
		return s, tx.fail(err)
	}
	s.Outcome = OutcomeSealed
	if taken != 0 {
		s.Message = taken
		have, err := tx.Message(taken)
		if err != nil {
			return s, tx.fail(err)
		}
		if from.ID != 0 && have.Run == from.ID {
			if err := tx.drafted(taken, from.asks); err != nil {
				return s, err
			}
		}
		switch {
		case !have.Queued.IsZero() || !have.isHeld():
			s.Outcome = OutcomeTaken
			return s, nil
		case sameInputs(have.Inputs, m.Inputs):
			s.Outcome = OutcomeKept
			return s, tx.comesBack(have)
		}
		over, err := tx.heldOver(have.ID)
		if err != nil {
			return s, tx.fail(err)
		}
		m.Hold = slices.Concat(m.Hold, over)
		if err := tx.replace(have); err != nil {
			return s, err
		}
		s.Outcome = OutcomeReplaced
	}
	if newest == 0 && from.Generation > 1 {
		// A deliberate second one follows the newest of the earlier generation.
		for g := from.Generation - 1; g > 0 && newest == 0; g-- {
			if _, newest, err = tx.taker(Key(from.Job, from.Period, m.Part, g)); err != nil {
				return s, tx.fail(err)
			}
		}
	}
	s.Message, err = tx.store(from, m, newest)
	return s, err
}

func sameInputs(a, b []Input) bool {
	sorted := func(in []Input) []Input {
		in = slices.Clone(in)
		slices.SortFunc(in, func(a, b Input) int {
			return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name), strings.Compare(a.Hash, b.Hash))
		})
		return in
	}
	return slices.Equal(sorted(a), sorted(b))
}

// drafted remembers for which asking of the run the message stands.
func (tx *Tx) drafted(message, asks int64) error {
	var have int64
	if err := tx.s.get("SELECT asks FROM messages WHERE id = $1", []any{message}, &have); err != nil {
		return tx.fail(err)
	}
	if have == asks {
		return nil
	}
	_, err := tx.write(messages, row{do: update, key: []any{message}, set: []column{{"asks", asks}}})
	return err
}

// comesBack lifts what bod itself set when the message once got no draft.
func (tx *Tx) comesBack(m Message) error {
	for _, h := range m.Holds {
		if h.Reason == Gone && h.By == tx.who && h.Text == "" {
			return tx.Lift(m.ID, Gone)
		}
	}
	return nil
}

// heldOver are the reasons that go over to the successor of a replaced message:
// what a person set, for an edit of the letter is nobody's leave to send it; and
// Restored, for what went out in the lost time is not known of the new one either.
// Check, Late and Gone follow from what is drafted, and come with it. The no of
// someone who was asked to confirm follows from the old bytes: they are asked anew.
func (tx *Tx) heldOver(message int64) ([]Hold, error) {
	var over []Hold
	err := tx.s.each("SELECT reason, text, since, who, user FROM holds WHERE message = $1 AND reason IN ('person', 'restored') ORDER BY reason",
		[]any{message}, func(r scanner) error {
			var h Hold
			var since int64
			err := r.Scan(&h.Reason, &h.Text, &since, &h.By.Name, &h.By.User)
			h.Since = time.UnixMicro(since).UTC()
			over = append(over, h)
			return err
		})
	return over, err
}

// replace ends the held deliveries of a message whose inputs changed. One that was
// rejected stays rejected.
func (tx *Tx) replace(m Message) error {
	for _, d := range m.Deliveries {
		if d.State != StateHeld {
			continue
		}
		if err := tx.move(delivery{Delivery: d}, StateReplaced); err != nil {
			return err
		}
	}
	return nil
}

// dropped holds what the run once drafted and does not any more.
func (tx *Tx) dropped(from origin, drafted map[string]bool) error {
	ms, err := collect(tx.messages(selectMessages+` WHERE m.run = $1 AND m.generation = $2 AND m.class <> 'notice' AND m.queued IS NULL
		AND EXISTS (SELECT 1 FROM deliveries d WHERE d.message = m.id AND d.state = 'held')`, []any{from.ID, int64(from.Generation)}))
	if err != nil {
		return tx.fail(err)
	}
	for _, m := range ms {
		if drafted[m.Key] || len(from.Only) > 0 && !slices.Contains(from.Only, m.Part) {
			continue
		}
		if slices.ContainsFunc(m.Holds, func(h Hold) bool { return h.Reason == Gone }) {
			continue
		}
		if err := tx.Hold(m.ID, Gone, ""); err != nil {
			return err
		}
	}
	return nil
}

// store seals one message: row, bytes, deliveries, reasons.
func (tx *Tx) store(from origin, m NewMessage, predecessor int64) (int64, error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	month, serial, err := tx.serial("messages")
	if err != nil {
		return 0, tx.fail(err)
	}
	var run, job, before, amount any
	generation := int64(0)
	if from.ID != 0 {
		run, job, generation = from.ID, from.Job, int64(from.Generation)
	} else if m.Job != "" {
		job = m.Job
	}
	if predecessor != 0 {
		before = predecessor
	}
	if m.Amount != nil {
		amount = *m.Amount
	}
	if m.Date.IsZero() {
		m.Date = tx.now
	}
	id, err := tx.write(messages, row{do: insert, set: []column{
		{"month", month}, {"serial", serial}, {"run", run}, {"generation", generation}, {"asks", from.asks}, {"class", m.Class},
		{"job", job}, {"part", m.Part}, {"key", m.Key}, {"subject", m.Subject}, {"addressee", m.Addressee}, {"sender", m.From},
		{"message_id", m.MessageID}, {"date", micro(m.Date)}, {"hash", sum(m.Body)}, {"size", len(m.Body)},
		{"inputs", string(toJSON(nonNil(m.Inputs)))}, {"amount", amount}, {"not_before", micro(m.NotBefore)}, {"deadline", micro(m.Deadline)},
		{"confirm_by", string(toJSON(nonNil(m.ConfirmBy)))}, {"confirm_count", m.ConfirmCount}, {"sealed", micro(tx.now)},
		{"predecessor", before}, {"queued", nil},
	}, free: []column{{"live", 1}}})
	if err != nil {
		return 0, err
	}
	if _, err := tx.s.exec("INSERT INTO bodies (message, bytes) VALUES ($1, $2)", id, m.Body); err != nil {
		return 0, tx.fail(fmt.Errorf("couldn't store the bytes: %w", err))
	}
	due := m.NotBefore
	if due.IsZero() {
		due = tx.now
	}
	seen := map[string]bool{}
	for _, to := range m.Recipients {
		if seen[to.Mail] { // named in to and in cc: one envelope recipient, one delivery
			continue
		}
		seen[to.Mail] = true
		_, err := tx.write(deliveries, row{do: insert, set: []column{
			{"message", id}, {"mail", to.Mail}, {"name", to.Name}, {"role", to.Role}, {"outside", to.Outside}, {"due", micro(due)},
			{"state", StateHeld}, {"attempts", 0}, {"next_try", nil}, {"token", nil}, {"words", ""}, {"changed", micro(tx.now)},
		}})
		if err != nil {
			return 0, err
		}
	}
	for _, h := range m.Hold {
		if h.By == (Who{}) {
			h.By = tx.who
		}
		if h.Since.IsZero() {
			h.Since = tx.now
		}
		if err := tx.setHold(id, h); err != nil {
			return 0, err
		}
	}
	if err := tx.tells(id, from.Job, m.Tells); err != nil {
		return 0, err
	}
	if m.Class == ClassLetter {
		if from.restored {
			return id, tx.setHold(id, Hold{Reason: Restored, Since: tx.now, By: tx.who})
		}
		return id, nil
	}
	if whole, err := tx.Message(id); err != nil {
		return 0, tx.fail(err)
	} else if len(whole.Holds) == 0 {
		return id, tx.Queue(id)
	}
	return id, nil
}

// check refuses what could not be sent, or would be sent otherwise than it reads.
func (m *NewMessage) check() error {
	if len(m.Body) == 0 {
		return errors.New("it has no bytes")
	}
	if m.MessageID == "" {
		return errors.New("it has no Message-ID")
	}
	if len(m.Recipients) == 0 {
		return errors.New("it has no recipient")
	}
	if m.ConfirmCount < 0 || m.ConfirmCount > distinct(m.ConfirmBy) {
		return fmt.Errorf("it asks for %d confirmations of %d people", m.ConfirmCount, distinct(m.ConfirmBy))
	}
	if m.Class == ClassNotice && (m.ConfirmCount > 0 || len(m.Hold) > 0) {
		return errors.New("a notice is never held")
	}
	for _, s := range []string{m.From, m.MessageID, m.Subject, m.Key, m.Part, m.Addressee} {
		if hasControl(s) {
			return fmt.Errorf("%q has a control character", s)
		}
	}
	for _, r := range m.Recipients {
		if r.Mail == "" || hasControl(r.Mail) || clean(r.Mail) != r.Mail || strings.Contains(r.Mail, " ") && !strings.Contains(r.Mail, `"`) {
			return fmt.Errorf("%q is not an address", r.Mail)
		}
		if r.Role != "to" && r.Role != "cc" && r.Role != "bcc" {
			return fmt.Errorf("%s is neither to, cc nor bcc but %q", r.Mail, r.Role)
		}
	}
	return nil
}

func distinct(names []string) int {
	names = slices.Sorted(slices.Values(names))
	return len(slices.Compact(names))
}

// ---- reasons to hold ----

// Hold sets a reason; a queued or deferred message goes back to held. What is being
// carried at this moment can't be held any more: it is held when it comes back.
func (tx *Tx) Hold(message int64, r HoldReason, text string) error {
	if err := tx.hold(message, Hold{Reason: r, Text: text, Since: tx.now, By: tx.who}); err != nil {
		return fmt.Errorf("couldn't hold the message %d: %w", message, err)
	}
	return nil
}

func (tx *Tx) hold(message int64, h Hold) error {
	m, err := tx.Message(message)
	if err != nil {
		return err
	}
	if m.Class == ClassNotice && h.Reason != Restored {
		return fmt.Errorf("a notice is never held: %w", ErrMove)
	}
	if !slices.ContainsFunc(m.Deliveries, func(d Delivery) bool {
		return d.State.open() && d.State != StateUnknown
	}) {
		return fmt.Errorf("it is %s: %w", m.State, ErrStale)
	}
	if err := tx.setHold(message, h); err != nil {
		return err
	}
	return tx.settle(message)
}

func (tx *Tx) setHold(message int64, h Hold) error {
	if !slices.Contains(rowReasons, h.Reason) {
		return fmt.Errorf("%q follows from the message itself: %w", h.Reason, ErrMove)
	}
	r := row{do: insert, key: []any{message, h.Reason}, set: []column{{"text", h.Text}, {"since", micro(h.Since)}, {"who", h.By.Name}, {"user", h.By.User}}}
	var have Hold
	err := tx.s.get("SELECT text, who, user FROM holds WHERE message = $1 AND reason = $2", []any{message, string(h.Reason)}, &have.Text, &have.By.Name, &have.By.User)
	switch {
	case err == nil && have.Text == clean(h.Text) && have.By == h.By:
		return nil
	case err == nil:
		r.do = update
	case !errors.Is(err, ErrNotFound):
		return tx.fail(err)
	}
	_, err = tx.write(holds, r)
	return err
}

// settle takes a message that has a reason set back to held, as far as it is not
// being carried.
func (tx *Tx) settle(message int64) error {
	var set int64
	if err := tx.s.get("SELECT count(*) FROM holds WHERE message = $1", []any{message}, &set); err != nil {
		return tx.fail(err)
	}
	if set == 0 {
		return nil
	}
	ds, err := tx.deliveries("message = $1 AND state IN ('queued', 'deferred')", message)
	if err != nil {
		return err
	}
	for _, d := range ds {
		if err := tx.move(d, StateHeld); err != nil {
			return err
		}
	}
	return nil
}

// rowReasons are those that are set and lifted; the others follow from the message.
var rowReasons = []HoldReason{Check, Late, Person, Gone, Restored}

// Lift takes reasons away (none named: Check, Late, Person and Gone; never a
// confirmation, nor the no of someone who was asked for one). A reason that is not
// there is no error. It queues nothing: see Ready and Queue.
func (tx *Tx) Lift(message int64, rs ...HoldReason) error {
	if len(rs) == 0 {
		rs = []HoldReason{Check, Late, Person, Gone}
	}
	for _, r := range rs {
		if !slices.Contains(rowReasons, r) {
			return fmt.Errorf("couldn't lift %q of the message %d, it follows from the message itself: %w", r, message, ErrMove)
		}
		if _, err := tx.write(holds, row{do: remove, key: []any{message, r}}); err != nil && !errors.Is(err, ErrStale) {
			return fmt.Errorf("couldn't lift %q of the message %d: %w", r, message, err)
		}
	}
	return nil
}

// Decide records a yes or no of a person to a message that still is held with
// these bytes; anything else is ErrStale. The person has to be among those who
// were asked (ErrPerson). What someone says later counts instead of what they
// said before.
func (tx *Tx) Decide(d Decision, hash string) error {
	if err := tx.decide(d, hash); err != nil {
		return fmt.Errorf("couldn't record what %s says of the message %d: %w", d.Person, d.Message, err)
	}
	return nil
}

func (tx *Tx) decide(d Decision, hash string) error {
	m, err := tx.Message(d.Message)
	if err != nil {
		return err
	}
	if m.Hash != hash {
		return fmt.Errorf("its bytes are others: %w", ErrStale)
	}
	if !m.isHeld() {
		return fmt.Errorf("it is %s: %w", m.State, ErrStale)
	}
	if !slices.Contains(m.ConfirmBy, d.Person) {
		return ErrPerson
	}
	if d.By == (Who{}) {
		d.By = tx.who
	}
	if d.At.IsZero() {
		d.At = tx.now
	}
	_, err = tx.write(decisions, row{do: insert, set: []column{
		{"message", d.Message}, {"person", d.Person}, {"yes", d.Yes}, {"why", d.Why}, {"who", d.By.Name}, {"user", d.By.User}, {"at", micro(d.At)},
	}})
	return err
}

// Queue moves a held message without any reason left to queued: from here on the
// bytes are what is sent. A reason that stands is ErrHeld.
func (tx *Tx) Queue(message int64) error {
	if err := tx.queue(message); err != nil {
		return fmt.Errorf("couldn't queue the message %d: %w", message, err)
	}
	return nil
}

func (tx *Tx) queue(message int64) error {
	m, err := tx.Message(message)
	if err != nil {
		return err
	}
	if !m.isHeld() {
		return fmt.Errorf("it is %s: %w", m.State, ErrStale)
	}
	if len(m.Holds) > 0 {
		return fmt.Errorf("%s: %w", m.Holds[0].Reason, ErrHeld)
	}
	ds, err := tx.deliveries("message = $1 AND state = 'held'", message)
	if err != nil {
		return err
	}
	// First the message: no delivery was ever queued of one that does not say so.
	if err := tx.stampQueued(m); err != nil {
		return err
	}
	for _, d := range ds {
		if err := tx.move(d, StateQueued); err != nil {
			return err
		}
	}
	return nil
}

// Ready returns the held messages that have no reason left at now.
func (tx *Tx) Ready() ([]Message, error) {
	var ready []Message
	for m, err := range tx.messages(selectMessages+` WHERE m.id IN (SELECT message FROM deliveries WHERE state = 'held')
		AND (coalesce(r.early, 0) OR coalesce(m.not_before, 0) <= $1) AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.message = m.id) ORDER BY m.id`,
		[]any{tx.now.UnixMicro()}) {
		if err != nil {
			return nil, fmt.Errorf("couldn't find what is ready: %w", err)
		}
		if len(m.Holds) == 0 {
			ready = append(ready, m)
		}
	}
	return ready, nil
}

// stampQueued remembers when the message was first queued.
func (tx *Tx) stampQueued(m Message) error {
	if !m.Queued.IsZero() {
		return nil
	}
	_, err := tx.write(messages, row{do: update, key: []any{m.ID}, set: []column{{"queued", micro(tx.now)}}, when: []column{{"queued", nil}}})
	return err
}
