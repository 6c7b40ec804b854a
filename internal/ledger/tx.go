package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Tx is the write transaction. It reads its own writes through View.
type Tx struct {
	*View
	who       Who
	head      head
	logged    time.Time // the events' time: it never runs back
	flagsOnly bool
	err       error // the first statement that failed: the transaction can't be committed any more
}

// Now is the one moment that all rows of the transaction bear.
func (tx *Tx) Now() time.Time { return tx.now }

func (tx *Tx) fail(err error) error {
	if tx.err == nil {
		tx.err = err
	}
	return err
}

// PutJob inserts or changes a job's row; Mark never moves back, Seen never
// changes. A row that already says all this is not written, so that telling the
// ledger all jobs again costs a look-up for each.
func (tx *Tx) PutJob(j Job) error {
	if err := tx.putJob(j); err != nil {
		return fmt.Errorf("couldn't remember the job %s: %w", j.Name, err)
	}
	return nil
}

func (tx *Tx) putJob(j Job) error {
	if j.Name == "" || strings.ContainsAny(j.Name, "/#") || hasControl(j.Name) {
		return fmt.Errorf("a job can't have the name %q: its messages' keys are made of it", j.Name)
	}
	if !json.Valid(j.Rule) {
		return errors.New("its rule is not JSON")
	}
	if j.Current == "" {
		j.Current = j.Name
	}
	var have Job
	there := true
	err := tx.s.each(selectJobs+" WHERE name = $1", []any{j.Name}, func(r scanner) (err error) {
		have, err = scanJob(r)
		return err
	})
	if err != nil {
		return tx.fail(err)
	}
	if there = have.Name != ""; !there {
		if j.Seen.IsZero() {
			j.Seen = tx.now
		}
		if j.Changed.IsZero() {
			j.Changed = tx.now
		}
		if j.Mark.IsZero() {
			j.Mark = j.Seen // what was due before anybody asked for it is nobody's
		}
	}
	cols := []column{
		{"current", clean(j.Current)}, {"kind", clean(j.Kind)}, {"rule", clean(string(j.Rule))}, {"shape", clean(j.Shape)},
		{"mark", micro(j.Mark)}, {"gone", truth(j.Gone)}, {"seen", micro(j.Seen)}, {"changed", micro(j.Changed)},
	}
	if !there {
		_, err := tx.write(jobs, row{do: insert, key: []any{j.Name}, set: cols})
		return err
	}
	was := map[string]any{
		"current": have.Current, "kind": have.Kind, "rule": string(have.Rule), "shape": have.Shape,
		"mark": micro(have.Mark), "gone": truth(have.Gone), "seen": micro(have.Seen), "changed": micro(have.Changed),
	}
	cols = slices.DeleteFunc(cols, func(c column) bool {
		return c.value == was[c.name] || c.name == "seen" || c.value == nil || c.name == "mark" && !j.Mark.After(have.Mark)
	})
	if len(cols) == 0 {
		return nil
	}
	_, err = tx.write(jobs, row{do: update, key: []any{j.Name}, set: cols})
	return err
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// PutOffice keeps what holds for every job (JSON), when it is another than before.
func (tx *Tx) PutOffice(says []byte) error {
	have, err := tx.Office()
	r := row{do: insert, key: []any{int64(1)}, set: []column{{"says", string(says)}}}
	switch {
	case err != nil:
		return err
	case string(have) == clean(string(says)):
		return nil
	case have != nil:
		r.do = update
	}
	_, err = tx.write(offices, r)
	return err
}

// month is the counter's month of this transaction, in the zone of its now: 2611.
func (tx *Tx) month() int64 { return int64(tx.now.Year()%100*100 + int(tx.now.Month())) }

func (tx *Tx) serial(table string) (month, serial int64, err error) {
	month = tx.month()
	err = tx.s.get("SELECT coalesce(max(serial), 0) + 1 FROM "+table+" WHERE month = $1", []any{month}, &serial)
	return month, serial, err
}

// AddRun inserts a planned run, or one that is missed or skipped at once, with its
// reasons. A taken (job, period) is not an error: added is false, and id is the
// run's that is there.
func (tx *Tx) AddRun(r Run) (id int64, added bool, err error) {
	id, added, err = tx.addRun(r)
	if err != nil {
		return 0, false, fmt.Errorf("couldn't plan %s of the job %s: %w", r.Period, r.Job, err)
	}
	return id, added, nil
}

func (tx *Tx) addRun(r Run) (int64, bool, error) {
	if r.State == "" {
		r.State = RunPlanned
	}
	if !slices.Contains(runMoves[""], r.State) {
		return 0, false, fmt.Errorf("%w: a run doesn't begin as %s", ErrMove, r.State)
	}
	if r.Period == "" || strings.ContainsAny(r.Period, "/#") || hasControl(r.Period) {
		return 0, false, fmt.Errorf("%q can't be a period: its messages' keys are made of it", r.Period)
	}
	if r.Nominal.IsZero() || r.Due.IsZero() {
		return 0, false, errors.New("it has no moment")
	}
	if r.PrepareAt.IsZero() {
		r.PrepareAt = r.Due
	}
	if have, err := tx.RunOf(r.Job, r.Period); err == nil {
		return have.ID, false, nil
	} else if !errors.Is(err, ErrNotFound) {
		return 0, false, err
	}
	if _, err := one(tx.View, selectJobs+" WHERE name = $1", []any{r.Job}, scanJob); err != nil {
		return 0, false, fmt.Errorf("its job: %w", err) // said here, since the foreign key's own words name nothing
	}
	month, serial, err := tx.serial("runs")
	if err != nil {
		return 0, false, err
	}
	id, err := tx.write(runs, row{do: insert, set: []column{
		{"month", month}, {"serial", serial}, {"job", r.Job}, {"period", r.Period},
		{"nominal", micro(r.Nominal)}, {"due", micro(r.Due)}, {"prepare_at", micro(r.PrepareAt)},
		{"state", r.State}, {"reasons", string(toJSON(nonNil(r.Reasons)))}, {"late", r.Late},
		{"generation", max(r.Generation, 1)}, {"asks", 1}, {"only", string(toJSON(nonNil(r.Only)))}, {"early", r.Early},
		{"next_look", nil}, {"said", r.Said}, {"created", micro(tx.now)}, {"changed", micro(tx.now)},
	}})
	return id, err == nil, err
}

// RunChange is what may change with a run's move.
type RunChange struct {
	Reasons   []Reason  // replaces; nil keeps, empty clears
	NextLook  time.Time // only while it waits; zero keeps what a waiting run has
	Said      *string
	Late      *bool
	Due       *time.Time
	PrepareAt *time.Time
	Again     []string // non-nil: a new generation, only for these parts (empty: all)
	Early     *bool
	Same      bool // with a move to planned: it goes on as it was asked for, and what was rejected or refused stays so
}

// MoveRun moves by compare-and-swap; from == to changes columns only. When a
// person asks anew for an ended run, keys that were rejected or refused are free
// again; with Same they are not.
func (tx *Tx) MoveRun(id int64, from, to RunState, c RunChange) error {
	if err := tx.moveRun(id, from, to, c); err != nil {
		return fmt.Errorf("couldn't move the run %d from %s to %s: %w", id, from, to, err)
	}
	return nil
}

func (tx *Tx) moveRun(id int64, from, to RunState, c RunChange) error {
	if from != to && !slices.Contains(runMoves[from], to) || from == "" {
		return ErrMove
	}
	var generation, asks int64
	if err := tx.s.get("SELECT generation, asks FROM runs WHERE id = $1", []any{id}, &generation, &asks); err != nil {
		return err
	}
	set := []column{{"state", to}, {"changed", micro(tx.now)}}
	if c.Reasons != nil {
		set = append(set, column{"reasons", string(toJSON(c.Reasons))})
	}
	switch {
	case to == RunWaiting && !c.NextLook.IsZero():
		set = append(set, column{"next_look", micro(c.NextLook)})
	case to != RunWaiting:
		set = append(set, column{"next_look", nil})
	}
	if c.Said != nil {
		set = append(set, column{"said", *c.Said})
	}
	if c.Late != nil {
		set = append(set, column{"late", *c.Late})
	}
	if c.Due != nil {
		set = append(set, column{"due", micro(*c.Due)})
	}
	if c.PrepareAt != nil {
		set = append(set, column{"prepare_at", micro(*c.PrepareAt)})
	}
	if c.Early != nil {
		set = append(set, column{"early", *c.Early})
	}
	if c.Again != nil {
		set = append(set, column{"generation", generation + 1}, column{"only", string(toJSON(c.Again))})
	}
	if to == RunPlanned && from != RunRunning && from != RunPlanned && !c.Same {
		set = append(set, column{"asks", asks + 1})
	}
	_, err := tx.write(runs, row{do: update, key: []any{id}, set: set, when: []column{{"state", from}}})
	return err
}

// CloseRuns moves drafted runs whose every delivery has ended to done or failed,
// and returns them. Done: each is sent, written, by hand or rejected, and each
// replaced one has a successor. Failed: nothing is open, and one failed that no
// later message stands in for. Unknown counts as open: a person has to decide.
func (tx *Tx) CloseRuns() ([]Run, error) {
	type ending struct {
		id     int64
		failed bool
	}
	// Deliveries of one run are found through its messages; only drafted runs are looked at.
	ends, err := collect(list(tx.View, `SELECT r.id, EXISTS (SELECT 1 FROM messages m JOIN deliveries d ON d.message = m.id
			WHERE m.run = r.id AND m.class <> 'notice' AND d.state = 'failed' AND NOT EXISTS (SELECT 1 FROM messages s WHERE s.predecessor = m.id))
		FROM runs r WHERE r.state = 'drafted' AND NOT EXISTS (SELECT 1 FROM messages m JOIN deliveries d ON d.message = m.id
			WHERE m.run = r.id AND m.class <> 'notice' AND (d.state IN ('unknown', 'held', 'deferred', 'sending', 'claimed', 'queued')
			OR d.state = 'replaced' AND NOT EXISTS (SELECT 1 FROM messages s WHERE s.predecessor = m.id)))
		ORDER BY r.due, r.id`, nil, func(r scanner) (e ending, err error) {
		err = r.Scan(&e.id, &e.failed)
		return e, err
	}))
	if err != nil {
		return nil, fmt.Errorf("couldn't find the runs that have ended: %w", err)
	}
	var closed []Run
	for _, e := range ends {
		to := RunDone
		if e.failed {
			to = RunFailed
		}
		if err := tx.MoveRun(e.id, RunDrafted, to, RunChange{}); err != nil {
			return nil, err
		}
		r, err := tx.Run(e.id)
		if err != nil {
			return nil, err
		}
		closed = append(closed, r)
	}
	return closed, nil
}

// observe stores what a run saw.
func (tx *Tx) observe(run int64, o Observation) error {
	if !json.Valid(o.Value) || o.Name == "" || strings.Contains(o.Name, "/") {
		return fmt.Errorf("couldn't store the observation %q: its value is not JSON or its name is none", o.Name)
	}
	var have string
	err := tx.s.get("SELECT value FROM observations WHERE run = $1 AND name = $2", []any{run, o.Name}, &have)
	r := row{do: insert, key: []any{run, o.Name}, set: []column{{"value", string(o.Value)}}}
	switch {
	case err == nil && have == clean(string(o.Value)):
		return nil
	case err == nil:
		r.do = update
	case !errors.Is(err, ErrNotFound):
		return tx.fail(err)
	}
	_, err = tx.write(observations, r)
	return err
}

// SetFlag sets or changes a flag.
func (tx *Tx) SetFlag(f Flag) error {
	if f.Since.IsZero() {
		f.Since = tx.now
	}
	r := row{do: insert, key: []any{f.Name}, set: []column{
		{"text", f.Text}, {"since", micro(f.Since)}, {"probe", micro(f.Probe)}, {"tries", f.Tries}, {"credential", f.Credential},
	}}
	have, err := one(tx.View, selectFlags+" WHERE name = $1", []any{f.Name}, scanFlag)
	switch {
	case err == nil && have.same(f):
		return nil
	case err == nil:
		r.do = update
	case !errors.Is(err, ErrNotFound):
		return fmt.Errorf("couldn't set the flag %s: %w", f.Name, tx.fail(err))
	}
	_, err = tx.write(flags, r)
	return err
}

func (f Flag) same(g Flag) bool {
	return f.Text == clean(g.Text) && micro(f.Since) == micro(g.Since) && micro(f.Probe) == micro(g.Probe) && f.Tries == g.Tries && f.Credential == clean(g.Credential)
}

// ClearFlag takes a flag away; nil when it was not there.
func (tx *Tx) ClearFlag(name string) error {
	_, err := tx.write(flags, row{do: remove, key: []any{name}})
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}

// AcceptClock says that the clock is right and the log was ahead of it: the log
// goes on from the transaction's now, and the event that says so carries who and
// why. It is the only event before which the log's time may run back.
func (tx *Tx) AcceptClock(why string) error {
	if !tx.logged.After(tx.now) {
		return nil
	}
	was := tx.logged
	tx.logged = tx.now
	return tx.append(clockThing, "set", canonical([]column{{"from", was.UnixMicro()}, {"why", clean(why)}}))
}

// FinishIntent writes the result for the person who waits. It is here that the
// intent enters the log: the process that asked does not write there.
func (tx *Tx) FinishIntent(id int64, ok bool, result string) error {
	in, err := tx.Intent(id)
	if err != nil {
		return err
	}
	_, err = tx.write(intents, row{do: update, key: []any{id},
		set:  []column{{"done", micro(tx.now)}, {"ok", ok}, {"result", result}},
		when: []column{{"done", nil}},
		tell: []column{{"verb", in.Verb}, {"args", string(in.Args)}, {"why", in.Why}, {"who", in.Who.Name}, {"user", in.Who.User}, {"at", in.At.UnixMicro()}},
	})
	return err
}
