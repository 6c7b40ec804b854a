package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// FindingState is the state of a finding.
type FindingState string

// The states of a finding.
const (
	// FindingNew: a check found it and nobody was told yet. Every finding begins here; entered again from accepted when
	// the time agreed is over, when the row's value changed, or when a person takes it back. A restart leaves it as it
	// is, as it does all of them.
	FindingNew FindingState = "new"
	// FindingTold: a message that tells it was sent. Entered from new.
	FindingTold FindingState = "told"
	// FindingReminded: it was told again. Entered from told.
	FindingReminded FindingState = "reminded"
	// FindingResolved: the check doesn't find it any more. Entered from all others; never left. What is found again
	// afterwards is a finding of its own.
	FindingResolved FindingState = "resolved"
	// FindingAccepted: a person said that it may stay as it is. Left when the time agreed is over, when the row's value
	// changed, when a person takes it back, or when it is resolved.
	FindingAccepted FindingState = "accepted"
)

// findingMoves is the table of moves of findings, of which the triggers are made.
var findingMoves = map[FindingState][]FindingState{
	"":              {FindingNew},
	FindingNew:      {FindingTold, FindingResolved, FindingAccepted},
	FindingTold:     {FindingReminded, FindingResolved, FindingAccepted},
	FindingReminded: {FindingResolved, FindingAccepted},
	FindingAccepted: {FindingNew, FindingResolved},
}

// How a finding came to its end.
const (
	EndedMended = "mended" // the row is there, and right
	EndedGone   = "gone"   // the row, or the check, is not there any more
)

// Seen is what a check found now.
type Seen struct {
	Check    string // its identity among the job's checks
	Row      string // the row's key
	Label    string // the row, for people
	Says     string // what was found, for people
	Evidence []byte // canonical JSON
	Value    string // the row's value under the check
	Tell     string // whom it concerns, for people
}

// Tell names a finding that a draft tells.
type Tell struct{ Check, Row string }

// Finding is what a check found, with its life.
type Finding struct {
	Seen
	ID       int64
	Number   string // for people: F2611-0003
	Job      string
	State    FindingState
	Run      int64 // that saw it last, or resolved it
	First    time.Time
	Message  int64 // that told it last, 0 for none
	Told     time.Time
	Times    int // how often it was told
	By       Who // who accepted it last, or took that back
	Why      string
	Accepted time.Time // zero: nobody ever did, or it was taken back
	Until    time.Time // zero: for good
	Ended    string
	Changed  time.Time
	// Pending is a message that tells it and has neither been sent nor come to nothing; 0 for none.
	Pending       int64
	PendingRun    int64
	PendingQueued bool // it was queued: what it says stands
}

// FindingQuery selects findings; zero fields select all.
type FindingQuery struct {
	Job      string
	Check    string
	Row      string
	Message  int64 // that tells them
	Run      int64 // that saw them last, or resolved them
	States   []FindingState
	Accepted bool // that were accepted at some time
	// ChangedFrom is the earliest moment at which its state last changed.
	ChangedFrom time.Time
	Newest      bool
	Limit       int
}

const selectFindings = `SELECT f.id, f.month, f.serial, f.job, f.asks, f.row, f.label, f.says, f.evidence, f.value, f.state, f.tell, f.run,
	f.first, coalesce(f.message, 0), f.told, f.times, f.who, f.user, f.why, f.accepted, f.until, f.ended, f.changed,
	coalesce(p.id, 0), coalesce(p.run, 0), p.queued
	FROM findings f LEFT JOIN messages p ON p.id = (SELECT max(t.message) FROM tellings t JOIN messages m ON m.id = t.message
		WHERE t.finding = f.id AND t.counted = 0 AND m.live = 1)`

func scanFinding(r scanner) (Finding, error) {
	var f Finding
	var month, serial int64
	var first, told, accepted, until, changed, queued sql.NullInt64
	var evidence string
	err := r.Scan(&f.ID, &month, &serial, &f.Job, &f.Check, &f.Row, &f.Label, &f.Says, &evidence, &f.Value, &f.State, &f.Tell, &f.Run,
		&first, &f.Message, &told, &f.Times, &f.By.Name, &f.By.User, &f.Why, &accepted, &until, &f.Ended, &changed,
		&f.Pending, &f.PendingRun, &queued)
	f.Number = "F" + number(month, serial)
	f.Evidence = []byte(evidence)
	f.First, f.Told, f.Accepted, f.Until, f.Changed = moment(first), moment(told), moment(accepted), moment(until), moment(changed)
	f.PendingQueued = queued.Valid
	return f, err
}

// Findings returns findings in the order in which they were first seen.
func (v *View) Findings(q FindingQuery) iter.Seq2[Finding, error] {
	var terms []string
	var args []any
	where := func(term string, value any) {
		args = append(args, value)
		terms = append(terms, strings.ReplaceAll(term, "?", fmt.Sprintf("$%d", len(args))))
	}
	if q.Job != "" {
		where("f.job = ?", q.Job)
	}
	if q.Check != "" {
		where("f.asks = ?", q.Check)
	}
	if q.Row != "" {
		where("f.row = ?", q.Row)
	}
	if q.Message != 0 {
		where("EXISTS (SELECT 1 FROM tellings t WHERE t.finding = f.id AND t.message = ?)", q.Message)
	}
	if q.Run != 0 {
		where("f.run = ?", q.Run)
	}
	if len(q.States) > 0 {
		var marks []string
		for _, s := range q.States {
			args = append(args, string(s))
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
		terms = append(terms, "f.state IN ("+strings.Join(marks, ", ")+")")
	}
	if !q.ChangedFrom.IsZero() {
		where("f.changed >= ?", micro(q.ChangedFrom))
	}
	if q.Accepted {
		terms = append(terms, "f.accepted IS NOT NULL")
	}
	query := selectFindings
	if len(terms) > 0 {
		query += " WHERE " + strings.Join(terms, " AND ")
	}
	query += " ORDER BY f.id"
	if q.Newest {
		query += " DESC"
	}
	if q.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	return list(v, query, args, scanFinding)
}

// FindingByNumber finds F2611-0003.
func (v *View) FindingByNumber(text string) (Finding, error) {
	bare, isFinding := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(text)), "F")
	month, serial, ok := parseNumber(bare)
	if !ok || !isFinding {
		return Finding{}, fmt.Errorf("couldn't find the finding %q: %w", text, ErrNotFound)
	}
	f, err := one(v, selectFindings+" WHERE f.month = $1 AND f.serial = $2", []any{month, serial}, scanFinding)
	if err != nil {
		return Finding{}, fmt.Errorf("couldn't find the finding %s: %w", text, err)
	}
	return f, nil
}

// openFinding is the one finding of a check about a row that is not resolved.
func (v *View) openFinding(job string, t Tell) (Finding, error) {
	return one(v, selectFindings+" WHERE f.job = $1 AND f.asks = $2 AND f.row = $3 AND f.state <> 'resolved'", []any{job, t.Check, t.Row}, scanFinding)
}

// See brings a job's findings to what a run sees now: what it finds for the first time is new, what it doesn't find any
// more is resolved, and what was accepted is new again when its time is over or its value changed. mended are the rows
// that are there and right. It says the whole of what there is, so it is called only where every row was judged, and
// before Seal, whose drafts name what they tell. Seen again with the same words nothing is written.
func (tx *Tx) See(run int64, seen []Seen, mended []Tell) error {
	if err := tx.see(run, seen, mended); err != nil {
		return fmt.Errorf("couldn't write what the checks found: %w", err)
	}
	return nil
}

func (tx *Tx) see(run int64, seen []Seen, mended []Tell) error {
	r, err := tx.Run(run)
	if err != nil {
		return err
	}
	right := make(map[Tell]bool, len(mended))
	for _, t := range mended {
		right[t] = true
	}
	open := map[Tell]Finding{}
	var order []Tell // the same ledger gets the same entries in the same order
	for f, err := range tx.Findings(FindingQuery{Job: r.Job, States: []FindingState{FindingNew, FindingTold, FindingReminded, FindingAccepted}}) {
		if err != nil {
			return tx.fail(err)
		}
		open[Tell{f.Check, f.Row}] = f
		order = append(order, Tell{f.Check, f.Row})
	}
	now := map[Tell]bool{}
	for _, s := range seen {
		t := Tell{clean(s.Check), clean(s.Row)}
		if now[t] {
			return fmt.Errorf("the check %s found the row %s twice", s.Check, s.Row)
		}
		now[t] = true
		set := []column{{"label", clean(s.Label)}, {"says", clean(s.Says)}, {"evidence", clean(string(s.Evidence))}, {"value", clean(s.Value)}, {"tell", clean(s.Tell)}}
		f, there := open[t]
		if !there {
			month, serial, err := tx.serial("findings")
			if err != nil {
				return tx.fail(err)
			}
			if _, err := tx.write(findings, row{do: insert, set: append(set, []column{
				{"month", month}, {"serial", serial}, {"job", r.Job}, {"asks", t.Check}, {"row", t.Row}, {"state", FindingNew}, {"run", run},
				{"first", micro(tx.now)}, {"message", nil}, {"told", nil}, {"times", 0}, {"who", ""}, {"user", ""}, {"why", ""}, {"accepted", nil},
				{"until", nil}, {"ended", ""}, {"changed", micro(tx.now)},
			}...)}); err != nil {
				return err
			}
			continue
		}
		to := f.State
		if f.State == FindingAccepted && (f.Value != clean(s.Value) || !f.Until.IsZero() && !f.Until.After(tx.now)) {
			to = FindingNew
		}
		if to == f.State && f.Run == run && f.Label == clean(s.Label) && f.Says == clean(s.Says) && string(f.Evidence) == clean(string(s.Evidence)) && f.Value == clean(s.Value) && f.Tell == clean(s.Tell) {
			continue
		}
		if err := tx.moveFinding(f, to, append(set, column{"run", run})...); err != nil {
			return err
		}
	}
	for _, t := range order {
		if now[t] {
			continue
		}
		ended := EndedGone
		if right[t] {
			ended = EndedMended
		}
		if err := tx.moveFinding(open[t], FindingResolved, column{"run", run}, column{"ended", ended}); err != nil {
			return err
		}
	}
	return nil
}

// moveFinding moves a finding by compare-and-swap.
func (tx *Tx) moveFinding(f Finding, to FindingState, set ...column) error {
	_, err := tx.write(findings, row{do: update, key: []any{f.ID}, set: append(set, column{"state", to}, column{"changed", micro(tx.now)}),
		when: []column{{"state", f.State}}})
	return err
}

// Accept says that a finding may stay as it is, until a moment or, with the zero time, for good. One that is accepted
// already is accepted anew, with the new words. A resolved one is ErrStale.
func (tx *Tx) Accept(finding int64, by Who, why string, until time.Time) error {
	f, err := one(tx.View, selectFindings+" WHERE f.id = $1", []any{finding}, scanFinding)
	if err == nil && f.State == FindingResolved {
		err = ErrStale
	}
	if err == nil {
		err = tx.moveFinding(f, FindingAccepted, column{"who", by.Name}, column{"user", by.User}, column{"why", why},
			column{"accepted", micro(tx.now)}, column{"until", micro(until)})
	}
	if err != nil {
		return fmt.Errorf("couldn't accept the finding %d: %w", finding, err)
	}
	return nil
}

// TakeBack says that a finding that was accepted may not stay as it is after all: it is new again, and told with the next
// look. It is no precedent for others any more; the log keeps who accepted it and why.
func (tx *Tx) TakeBack(finding int64, by Who, why string) error {
	f, err := one(tx.View, selectFindings+" WHERE f.id = $1", []any{finding}, scanFinding)
	if err == nil && f.State != FindingAccepted {
		err = ErrStale
	}
	if err == nil {
		err = tx.moveFinding(f, FindingNew, column{"who", by.Name}, column{"user", by.User}, column{"why", why}, column{"accepted", nil}, column{"until", nil})
	}
	if err != nil {
		return fmt.Errorf("couldn't take back that the finding %d was accepted: %w", finding, err)
	}
	return nil
}

// CountTold moves the findings whose message was sent since: new ones are told, told ones are reminded. It follows from
// the deliveries alone, so what a crash left undone is done by the next call, and each message counts once. One that was
// resolved or accepted while its mail was on its way keeps that state, and remembers that it was told.
func (tx *Tx) CountTold() error {
	type telling struct {
		message, finding, run int64
		at                    time.Time
	}
	open, err := collect(list(tx.View, `SELECT t.message, t.finding, (SELECT max(d.changed) FROM deliveries d WHERE d.message = t.message AND d.state IN ('sent', 'written', 'by hand')) AS at
		, (SELECT coalesce(m.run, 0) FROM messages m WHERE m.id = t.message)
		FROM tellings t WHERE t.counted = 0 AND at IS NOT NULL ORDER BY t.message, t.finding`, nil, func(r scanner) (x telling, err error) {
		var at sql.NullInt64
		err = r.Scan(&x.message, &x.finding, &at, &x.run)
		x.at = moment(at)
		return x, err
	}))
	if err != nil {
		return fmt.Errorf("couldn't find what was told: %w", tx.fail(err))
	}
	for _, x := range open {
		f, err := one(tx.View, selectFindings+" WHERE f.id = $1", []any{x.finding}, scanFinding)
		if err != nil {
			return fmt.Errorf("couldn't find what was told: %w", tx.fail(err))
		}
		// A run that writes to several people of one row tells it once.
		same := false
		if f.Message != 0 {
			last, err := tx.Message(f.Message)
			if err != nil {
				return fmt.Errorf("couldn't find what was told: %w", err)
			}
			same = last.Run == x.run
		}
		to, times := f.State, f.Times+1
		switch {
		case f.State == FindingNew:
			to = FindingTold
		case same:
			times = f.Times
		case f.State == FindingTold:
			to = FindingReminded
		}
		if err := tx.moveFinding(f, to, column{"message", x.message}, column{"told", micro(x.at)}, column{"times", times}); err != nil {
			return err
		}
		if _, err := tx.write(tellings, row{do: update, key: []any{x.message, x.finding}, set: []column{{"counted", 1}}, when: []column{{"counted", 0}}}); err != nil {
			return err
		}
	}
	return nil
}

// tells notes which findings a message tells that is being sealed.
func (tx *Tx) tells(message int64, job string, ts []Tell) error {
	for _, t := range ts {
		f, err := tx.openFinding(job, t)
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("the draft tells of the row %s, which no check found: %w", t.Row, err)
		}
		if err != nil {
			return tx.fail(err)
		}
		if _, err := tx.write(tellings, row{do: insert, key: []any{message, f.ID}, set: []column{{"counted", 0}}}); err != nil {
			return err
		}
	}
	return nil
}
