package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
)

// View reads one snapshot. It belongs to one goroutine.
type View struct {
	l       *Ledger
	s       *session
	ctx     context.Context
	now     time.Time // for what follows from the time: NotDue
	collect bool      // lists are read whole before they are handed out: their rows may be changed meanwhile
	over    bool
}

var errOver = errors.New("the snapshot is used after its end")

func (v *View) usable() error {
	if v.over {
		return errOver
	}
	if v.ctx.Err() != nil && !v.collect { // a write transaction that has begun is not interrupted
		return context.Cause(v.ctx)
	}
	return nil
}

func (v *View) get(query string, args []any, into ...any) error {
	if err := v.usable(); err != nil {
		return err
	}
	return v.s.get(query, args, into...)
}

// where builds the conditions of a query.
type where struct {
	terms []string
	args  []any
}

// bind gives a value its parameter.
func (w *where) bind(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) add(term string) { w.terms = append(w.terms, term) }

func (w *where) in(column string, values []string) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.bind(v)
	}
	w.add(column + " IN (" + strings.Join(marks, ", ") + ")")
}

func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

func (w *where) tail(order string, newest bool, limit int) string {
	if newest {
		order = strings.ReplaceAll(order, ",", " DESC,") + " DESC"
	}
	order = " ORDER BY " + order
	if limit > 0 {
		order += " LIMIT " + w.bind(int64(limit))
	}
	return order
}

func texts[S ~string](values []S) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// list streams the rows of a query.
func list[T any](v *View, query string, args []any, scan func(scanner) (T, error)) iter.Seq2[T, error] {
	return batches(v, query, args, scan, 1, nil)
}

// batches is list for rows that are completed by further queries, many at a time.
func batches[T any](v *View, query string, args []any, scan func(scanner) (T, error), size int, complete func([]T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := v.usable(); err != nil {
			yield(none, err)
			return
		}
		var kept []T
		flush := func() error {
			for len(kept) > 0 {
				some := kept[:min(len(kept), max(size, 1))]
				if complete != nil {
					if err := complete(some); err != nil {
						return err
					}
				}
				for _, t := range some {
					if !yield(t, nil) {
						return errStop
					}
				}
				kept = kept[len(some):]
			}
			kept = nil
			return nil
		}
		read := v.s.stream
		if v.collect { // no row is handed out before the last is read, so the statement can be a prepared one
			read = v.s.each
		}
		err := read(query, args, func(r scanner) error {
			if err := v.usable(); err != nil {
				return err
			}
			t, err := scan(r)
			if err != nil {
				return err
			}
			kept = append(kept, t)
			if v.collect || len(kept) < size {
				return nil
			}
			return flush()
		})
		if err == nil {
			err = flush()
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(none, fmt.Errorf("couldn't read the ledger: %w", err))
		}
	}
}

// errStop says that the caller of an iterator broke out of its loop.
var errStop = errors.New("stop")

func collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var all []T
	for t, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// one reads the first row of a query; none is ErrNotFound.
func one[T any](v *View, query string, args []any, scan func(scanner) (T, error)) (T, error) {
	var found []T
	err := v.usable()
	if err == nil {
		err = v.s.each(query, args, func(r scanner) error {
			t, err := scan(r)
			found = append(found, t)
			return err
		})
	}
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

func fromJSON(text string, into any) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// ---- jobs ----

const selectJobs = "SELECT name, current, kind, rule, shape, mark, gone, seen, changed FROM jobs"

func scanJob(r scanner) (Job, error) {
	var j Job
	var mark, seen, changed sql.NullInt64
	var rule string
	err := r.Scan(&j.Name, &j.Current, &j.Kind, &rule, &j.Shape, &mark, &j.Gone, &seen, &changed)
	j.Rule, j.Mark, j.Seen, j.Changed = []byte(rule), moment(mark), moment(seen), moment(changed)
	return j, err
}

// Job returns one job by identity, else by current name.
func (v *View) Job(name string) (Job, error) {
	j, err := one(v, selectJobs+" WHERE name = $1 OR current = $1 ORDER BY name <> $1, gone, name LIMIT 1", []any{name}, scanJob)
	if err != nil {
		return Job{}, fmt.Errorf("couldn't find the job %s: %w", name, err)
	}
	return j, nil
}

// Jobs returns all jobs by name.
func (v *View) Jobs() iter.Seq2[Job, error] {
	return list(v, selectJobs+" ORDER BY name", nil, scanJob)
}

// Office returns what holds for every job as PutOffice kept it; nil when nobody did.
func (v *View) Office() ([]byte, error) {
	var says string
	err := v.get("SELECT says FROM office WHERE one = 1", nil, &says)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("couldn't read what holds for every job: %w", err)
	}
	return []byte(says), nil
}

// ---- runs ----

// RunQuery selects runs; zero fields select all.
type RunQuery struct {
	Job          string
	States       []RunState
	DueFrom      time.Time // inclusive
	DueUntil     time.Time // exclusive
	ChangedFrom  time.Time
	PrepareUntil time.Time // PrepareAt <= this
	Newest       bool      // newest due first
	Limit        int
}

const selectRuns = `SELECT id, month, serial, job, period, nominal, due, prepare_at, state, reasons, late, generation,
	only, early, next_look, said, created, changed FROM runs`

func scanRun(r scanner) (Run, error) {
	var u Run
	var month, serial int64
	var nominal, due, prepare, look, created, changed sql.NullInt64
	var reasons, only string
	if err := r.Scan(&u.ID, &month, &serial, &u.Job, &u.Period, &nominal, &due, &prepare, &u.State, &reasons, &u.Late, &u.Generation,
		&only, &u.Early, &look, &u.Said, &created, &changed); err != nil {
		return u, err
	}
	u.Number = "R" + number(month, serial)
	u.Nominal, u.Due, u.PrepareAt, u.NextLook, u.Created, u.Changed = moment(nominal), moment(due), moment(prepare), moment(look), moment(created), moment(changed)
	return u, errors.Join(fromJSON(reasons, &u.Reasons), fromJSON(only, &u.Only))
}

// Run returns one run by id.
func (v *View) Run(id int64) (Run, error) {
	u, err := one(v, selectRuns+" WHERE id = $1", []any{id}, scanRun)
	if err != nil {
		return Run{}, fmt.Errorf("couldn't find the run %d: %w", id, err)
	}
	return u, nil
}

// RunOf returns the run of a period.
func (v *View) RunOf(job, period string) (Run, error) {
	u, err := one(v, selectRuns+" WHERE job = $1 AND period = $2", []any{job, period}, scanRun)
	if err != nil {
		return Run{}, fmt.Errorf("couldn't find the run %s of %s: %w", period, job, err)
	}
	return u, nil
}

// RunByNumber finds R2611-0012.
func (v *View) RunByNumber(text string) (Run, error) {
	month, serial, ok := parseNumber(strings.TrimPrefix(text, "R"))
	if !ok || !strings.HasPrefix(text, "R") {
		return Run{}, fmt.Errorf("couldn't find the run %q: %w", text, ErrNotFound)
	}
	u, err := one(v, selectRuns+" WHERE month = $1 AND serial = $2", []any{month, serial}, scanRun)
	if err != nil {
		return Run{}, fmt.Errorf("couldn't find the run %s: %w", text, err)
	}
	return u, nil
}

// Runs returns runs by due.
func (v *View) Runs(q RunQuery) iter.Seq2[Run, error] {
	var w where
	if q.Job != "" {
		w.add("job = " + w.bind(q.Job))
	}
	if len(q.States) > 0 {
		w.in("state", texts(q.States))
	}
	if !q.DueFrom.IsZero() {
		w.add("due >= " + w.bind(micro(q.DueFrom)))
	}
	if !q.DueUntil.IsZero() {
		w.add("due < " + w.bind(micro(q.DueUntil)))
	}
	if !q.ChangedFrom.IsZero() {
		w.add("changed >= " + w.bind(micro(q.ChangedFrom)))
	}
	if !q.PrepareUntil.IsZero() {
		w.add("prepare_at <= " + w.bind(micro(q.PrepareUntil)))
	}
	query := selectRuns + w.String() + w.tail("due, id", q.Newest, q.Limit)
	return list(v, query, w.args, scanRun)
}

// number is how people name a row: the month in which it was made and a count.
func number(month, serial int64) string { return fmt.Sprintf("%04d-%04d", month, serial) }

func parseNumber(text string) (month, serial int64, ok bool) {
	a, b, cut := strings.Cut(text, "-")
	month, err1 := strconv.ParseInt(a, 10, 64)
	serial, err2 := strconv.ParseInt(b, 10, 64)
	return month, serial, cut && len(a) == 4 && len(b) >= 4 && err1 == nil && err2 == nil && text == number(month, serial)
}

// ---- what runs saw ----

// Observations returns what a run saw.
func (v *View) Observations(run int64) ([]Observation, error) {
	return collect(list(v, "SELECT name, value FROM observations WHERE run = $1 ORDER BY name", []any{run}, scanObservation))
}

// LastObservation returns the newest one of that name among the job's runs before
// the given run, in the order of their due (0: all).
func (v *View) LastObservation(job, name string, before int64) (Observation, error) {
	query := "SELECT o.name, o.value FROM observations o JOIN runs r ON r.id = o.run WHERE r.job = $1 AND o.name = $2"
	args := []any{job, name}
	if before != 0 {
		query += " AND (r.due, r.id) < (SELECT due, id FROM runs WHERE id = $3)"
		args = append(args, before)
	}
	o, err := one(v, query+" ORDER BY r.due DESC, r.id DESC LIMIT 1", args, scanObservation)
	if err != nil {
		return Observation{}, fmt.Errorf("couldn't find what %s saw as %s: %w", job, name, err)
	}
	return o, nil
}

func scanObservation(r scanner) (Observation, error) {
	var o Observation
	var value string
	err := r.Scan(&o.Name, &value)
	o.Value = []byte(value)
	return o, err
}

// ---- flags and intents ----

// The flags that the ledger itself knows.
const flagRestored = "restored"

const selectFlags = "SELECT name, text, since, probe, tries, credential FROM flags"

func scanFlag(r scanner) (Flag, error) {
	var f Flag
	var since, probe sql.NullInt64
	err := r.Scan(&f.Name, &f.Text, &since, &probe, &f.Tries, &f.Credential)
	f.Since, f.Probe = moment(since), moment(probe)
	return f, err
}

// Flags returns what pauses everything.
func (v *View) Flags() ([]Flag, error) {
	return collect(list(v, selectFlags+" ORDER BY name", nil, scanFlag))
}

const selectIntents = "SELECT id, verb, args, why, who, user, at, done, ok, result FROM intents"

func scanIntent(r scanner) (Intent, error) {
	var in Intent
	var at, done sql.NullInt64
	var args string
	err := r.Scan(&in.ID, &in.Verb, &args, &in.Why, &in.Who.Name, &in.Who.User, &at, &done, &in.OK, &in.Result)
	in.Args, in.At, in.Done = []byte(args), moment(at), moment(done)
	return in, err
}

// Intents returns the intents that wait, oldest first.
func (v *View) Intents() ([]Intent, error) {
	return collect(list(v, selectIntents+" WHERE done IS NULL ORDER BY id", nil, scanIntent))
}

// Intent returns one.
func (v *View) Intent(id int64) (Intent, error) {
	in, err := one(v, selectIntents+" WHERE id = $1", []any{id}, scanIntent)
	if err != nil {
		return Intent{}, fmt.Errorf("couldn't find the intent %d: %w", id, err)
	}
	return in, nil
}

// ---- the log ----

const selectEvents = "SELECT seq, at, who, user, thing, row, change, hash FROM events"

func scanEvent(r scanner) (Event, error) {
	var e Event
	var at sql.NullInt64
	var change string
	err := r.Scan(&e.Seq, &at, &e.Who.Name, &e.Who.User, &e.Table, &e.Row, &change, &e.Hash)
	e.At, e.Change = moment(at), []byte(change)
	return e, err
}

// Events returns the log after seq.
func (v *View) Events(after int64) iter.Seq2[Event, error] {
	return list(v, selectEvents+" WHERE seq > $1 ORDER BY seq", []any{after}, scanEvent)
}

// EventsOf returns the events of one row ("run", "12") in order.
func (v *View) EventsOf(table, row string) ([]Event, error) {
	return collect(list(v, selectEvents+" WHERE thing = $1 AND row = $2 ORDER BY seq", []any{table, row}, scanEvent))
}

// Head returns the last event's number, hash and time.
func (v *View) Head() (seq int64, hash string, at time.Time, err error) {
	if err := v.usable(); err != nil {
		return 0, "", time.Time{}, err
	}
	h, err := v.s.head()
	return h.seq, h.hash, h.at, err
}

// NextWake returns the earliest moment after now at which something of the ledger
// alone may move: a held message's due, a retry, a look again, a prepare, a
// probe. The zero time: none.
func (v *View) NextWake(now time.Time) (time.Time, error) {
	var at sql.NullInt64
	err := v.get(`SELECT min(at) FROM (
		SELECT min(next_try) AS at FROM deliveries WHERE next_try > $1
		UNION ALL SELECT min(prepare_at) FROM runs WHERE state = 'planned' AND prepare_at > $1
		UNION ALL SELECT min(next_look) FROM runs WHERE state = 'waiting' AND next_look > $1
		UNION ALL SELECT min(probe) FROM flags WHERE probe > $1
		UNION ALL SELECT min(max(coalesce(m.not_before, 0), coalesce(r.due, 0)))
			FROM deliveries d JOIN messages m ON m.id = d.message LEFT JOIN runs r ON r.id = m.run
			WHERE d.state = 'held' AND max(coalesce(m.not_before, 0), coalesce(r.due, 0)) > $1 AND NOT coalesce(r.early, 0))`,
		[]any{now.UnixMicro()}, &at)
	if err != nil {
		return time.Time{}, fmt.Errorf("couldn't see when the ledger moves next: %w", err)
	}
	return moment(at), nil
}

// Resolved is how a delivery came out of unknown.
type Resolved struct {
	Delivery int64
	To       State
	By       Who
	At       time.Time
	Words    string // the reason, or the evidence
}

// Resolved returns how deliveries came out of unknown since a moment, oldest first. The log alone tells it: the row has
// forgotten by then what it was, and the words of one that was sent again are the server's.
func (v *View) Resolved(since time.Time) ([]Resolved, error) {
	return v.resolved("e.seq > coalesce((SELECT seq FROM events WHERE at < $1 ORDER BY seq DESC LIMIT 1), 0)", micro(since))
}

// ResolvedOf returns the same of one delivery, from its beginning.
func (v *View) ResolvedOf(delivery int64) ([]Resolved, error) {
	return v.resolved("e.row = $1", strconv.FormatInt(delivery, 10))
}

func (v *View) resolved(which string, arg any) ([]Resolved, error) {
	query := `SELECT CAST(e.row AS INTEGER), json_extract(e.change, '$.state'), e.who, e.user, e.at, coalesce(json_extract(e.change, '$.words'), '')
		FROM events e WHERE e.thing = 'delivery' AND ` + which + ` AND json_extract(e.change, '$.state') IN ('sent', 'failed', 'rejected', 'queued', 'by hand')
		AND 'unknown' = (SELECT json_extract(b.change, '$.state') FROM events b WHERE b.thing = 'delivery' AND b.row = e.row AND b.seq < e.seq
			AND json_extract(b.change, '$.state') IS NOT NULL ORDER BY b.seq DESC LIMIT 1)
		ORDER BY e.seq`
	return collect(list(v, query, []any{arg}, func(r scanner) (x Resolved, err error) {
		var at sql.NullInt64
		err = r.Scan(&x.Delivery, &x.To, &x.By.Name, &x.By.User, &at, &x.Words)
		x.At = moment(at)
		return x, err
	}))
}
