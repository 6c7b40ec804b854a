package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Report is what Verify found.
type Report struct {
	Events, Rows, Messages int64
	Head                   string   // the chain's head
	Problems               []string // empty: all well
}

// mostProblems bounds a report: a ledger in which everything is wrong is not told
// row by row.
const mostProblems = 200

// Verify runs SQLite's full check, hashes the log again, tells every row from it
// and compares it with the one that is there, and hashes every stored body. It
// finds rows that were changed, taken away or put in by anything but bod, a log
// whose end was cut off (by the marker), and moves that are not in the table.
// It reads one snapshot and stops nobody. progress may be nil.
func (l *Ledger) Verify(ctx context.Context, progress func(done, total int64)) (Report, error) {
	// The marker before the snapshot: it never leads, so the snapshot has all of it.
	mark, markErr := readMarker(l.dir)
	s, err := l.reader(ctx)
	if err != nil {
		return Report{}, err
	}
	defer l.done(s)
	if _, err := s.exec("BEGIN"); err != nil {
		return Report{}, fmt.Errorf("couldn't begin to read the ledger: %w", err)
	}
	defer s.rollback()
	a := &audit{l: l, s: s, ctx: ctx, progress: progress}
	if err := a.run(mark, markErr); err != nil {
		return a.Report, fmt.Errorf("couldn't verify the ledger in %s: %w", l.dir, err)
	}
	return a.Report, nil
}

type audit struct {
	Report
	l           *Ledger
	s           *session
	ctx         context.Context
	progress    func(done, total int64)
	done, total int64
	more        int64
	fold        folded
}

// folded is one row as the log tells it so far.
type folded struct {
	thing *thing
	row   string
	cols  map[string]json.RawMessage // nil: it is not there
	state string
}

func (a *audit) problem(format string, args ...any) {
	if len(a.Problems) == mostProblems {
		a.more++
		return
	}
	a.Problems = append(a.Problems, fmt.Sprintf(format, args...))
}

func (a *audit) step() error {
	a.done++
	if a.done%1000 == 0 || a.done == a.total {
		if a.progress != nil {
			a.progress(a.done, a.total)
		}
		if a.ctx.Err() != nil {
			return context.Cause(a.ctx)
		}
	}
	return nil
}

func (a *audit) run(mark *marker, markErr error) error {
	if err := a.s.get("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM messages)", nil, &a.Events, &a.Messages); err != nil {
		return err
	}
	a.total = 2*a.Events + a.Messages
	for _, check := range []func() error{a.sqlite, func() error { return a.chain(mark, markErr) }, a.rows, a.bodies} {
		if err := check(); err != nil {
			return err
		}
	}
	if a.more > 0 {
		a.Problems = append(a.Problems, fmt.Sprintf("and %d more", a.more))
	}
	return nil
}

// sqlite lets SQLite check its own file, and sees that the schema is ours.
func (a *audit) sqlite() error {
	if err := a.s.check("integrity_check"); err != nil {
		a.problem("%v", err)
	}
	if err := a.s.stream("PRAGMA foreign_key_check", nil, func(r scanner) error {
		var table, parent string
		var row, key any
		if err := r.Scan(&table, &row, &parent, &key); err != nil {
			return err
		}
		a.problem("row %v of %s names a row of %s that is not there", row, table, parent)
		return nil
	}); err != nil {
		return err
	}
	if err := a.s.identify(false); err != nil {
		a.problem("%v", err)
	}
	return nil
}

// chain hashes every event again.
func (a *audit) chain(mark *marker, markErr error) error {
	before := head{hash: noHash}
	marked := mark == nil
	err := a.s.stream(selectEvents+" ORDER BY seq", nil, func(r scanner) error {
		e, err := scanEvent(r)
		if err != nil {
			return err
		}
		if e.Seq != before.seq+1 {
			a.problem("entries %d to %d of the log are gone", before.seq+1, e.Seq-1)
		}
		if e.sum(before.hash) != e.Hash {
			a.problem("entry %d of the log (%s %s) was altered, or the one before it", e.Seq, e.Table, e.Row)
		}
		if e.At.Before(before.at) && e.Table != clockThing {
			a.problem("entry %d of the log is older than the one before it", e.Seq)
		}
		if mark != nil && e.Seq == mark.Seq {
			if marked = true; e.Hash != mark.Hash {
				a.problem("entry %d of the log is not the one that the marker knows", e.Seq)
			}
		}
		before = head{e.Seq, e.Hash, e.At}
		return a.step()
	})
	if err != nil {
		return err
	}
	a.Head = before.hash
	switch {
	case markErr != nil:
		a.problem("%v", markErr)
	case mark == nil:
		a.problem("the ledger's marker is gone, so nobody can see whether the end of the log is missing")
	case mark.Ledger != a.l.id:
		a.problem("the marker is of another ledger")
	case !marked:
		a.problem("the end of the log is missing: it ends at entry %d, and the marker knows entry %d", before.seq, mark.Seq)
	}
	return nil
}

// rows tells every row from the log, one after another, so that only one is in memory.
func (a *audit) rows() error {
	byName := map[string]*thing{}
	for _, t := range things {
		byName[t.name] = t
	}
	err := a.s.stream(selectEvents+" ORDER BY thing, row, seq", nil, func(r scanner) error {
		e, err := scanEvent(r)
		if err != nil {
			return err
		}
		t := byName[e.Table]
		if t == nil {
			if e.Table != clockThing {
				a.problem("entry %d of the log tells of a %q, which this program doesn't know", e.Seq, e.Table)
			}
			return a.step()
		}
		if t != a.fold.thing || e.Row != a.fold.row {
			if err := a.compare(); err != nil {
				return err
			}
			a.fold = folded{thing: t, row: e.Row}
		}
		a.apply(e)
		return a.step()
	})
	if err != nil {
		return err
	}
	if err := a.compare(); err != nil {
		return err
	}
	for _, t := range things {
		if err := a.extra(t); err != nil {
			return err
		}
	}
	return a.s.stream(`SELECT id FROM messages m WHERE live <> EXISTS (SELECT 1 FROM deliveries d WHERE d.message = m.id
		AND d.state NOT IN ('rejected', 'failed', 'replaced'))`, nil, func(r scanner) error {
		var id int64
		if err := r.Scan(&id); err != nil {
			return err
		}
		a.problem("whether the key of the message %d is taken doesn't follow from its deliveries", id)
		return nil
	})
}

// apply folds one event into the row.
func (a *audit) apply(e Event) {
	f := &a.fold
	if bytes.Equal(e.Change, []byte("null")) {
		f.cols, f.state = nil, ""
		return
	}
	var change map[string]json.RawMessage
	if err := json.Unmarshal(e.Change, &change); err != nil {
		a.problem("entry %d of the log (%s %s) is not JSON: %v", e.Seq, e.Table, e.Row, err)
		return
	}
	if f.cols == nil {
		f.cols = map[string]json.RawMessage{}
	}
	maps.Copy(f.cols, change)
	var state string
	if raw, ok := change["state"]; !ok || json.Unmarshal(raw, &state) != nil {
		return
	}
	legal := true
	switch f.thing {
	case runs:
		legal = state == f.state || slices.Contains(runMoves[RunState(f.state)], RunState(state))
	case findings:
		legal = state == f.state || slices.Contains(findingMoves[FindingState(f.state)], FindingState(state))
	case deliveries:
		legal = state == f.state || slices.Contains(deliveryMoves[State(f.state)], State(state))
	}
	if !legal {
		a.problem("entry %d of the log moves the %s %s from %q to %q, and there is no such move", e.Seq, e.Table, e.Row, f.state, state)
	}
	f.state = state
}

// compare holds the row that the log tells against the one that is there.
func (a *audit) compare() error {
	f := a.fold
	if f.thing == nil {
		return nil
	}
	key, ok := f.thing.parse(f.row)
	if !ok {
		a.problem("the log tells of the %s %q, which can't be one", f.thing.name, f.row)
		return nil
	}
	var terms []string
	for i, k := range f.thing.key {
		terms = append(terms, k+" = $"+strconv.Itoa(i+1))
	}
	values := make([]any, len(f.thing.cols))
	there := false
	query := "SELECT " + strings.Join(f.thing.cols, ", ") + " FROM " + f.thing.table + " WHERE " + strings.Join(terms, " AND ")
	err := a.s.each(query, key, func(r scanner) error {
		there = true
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		return r.Scan(into...)
	})
	if err != nil {
		return err
	}
	switch {
	case there && f.cols == nil:
		a.problem("the %s %s is there, and the log says that it was taken away", f.thing.name, f.row)
	case !there && f.cols != nil:
		a.problem("the %s %s is gone, and the log doesn't say so", f.thing.name, f.row)
	case there:
		for i, name := range f.thing.cols {
			value := values[i]
			if b, ok := value.([]byte); ok {
				value = string(b)
			}
			have := canonicalValue(value)
			if told, ok := f.cols[name]; !ok || !bytes.Equal(told, have) {
				a.problem("the %s %s was changed: %s is %s, and the log says %s", f.thing.name, f.row, name, brief(have), brief(told))
			}
		}
	}
	if there {
		a.Rows++
	}
	return nil
}

func brief(value []byte) string {
	if len(value) == 0 {
		return "nothing"
	}
	if text := []rune(string(value)); len(text) > 60 {
		return string(text[:60]) + "…"
	}
	return string(value)
}

// parse reads a row's name back into its key.
func (t *thing) parse(name string) ([]any, bool) {
	parts := strings.SplitN(name, "/", len(t.key))
	if len(parts) != len(t.key) {
		return nil, false
	}
	key := make([]any, len(parts))
	for i, p := range parts {
		key[i] = p
		if i == 0 && t != jobs && t != flags && t != alarms { // every other first key is a number
			n, err := strconv.ParseInt(p, 10, 64)
			if err != nil {
				return nil, false
			}
			key[i] = n
		}
	}
	return key, true
}

// extra finds rows that the log never told of. An intent is one of those until it
// is answered.
func (a *audit) extra(t *thing) error {
	known := ""
	if t.asked {
		known = " AND done IS NOT NULL"
	}
	return a.s.stream("SELECT "+strings.Join(t.key, " || '/' || ")+" AS name FROM "+t.table+
		" WHERE NOT EXISTS (SELECT 1 FROM events WHERE thing = $1 AND row = CAST("+strings.Join(t.key, " || '/' || ")+" AS TEXT))"+known,
		[]any{t.name}, func(r scanner) error {
			var name string
			if err := r.Scan(&name); err != nil {
				return err
			}
			a.problem("the %s %s is there, and the log never told of it", t.name, name)
			return nil
		})
}

// bodies hashes every stored body.
func (a *audit) bodies() error {
	err := a.s.stream("SELECT m.id, m.hash, m.size, b.bytes FROM messages m LEFT JOIN bodies b ON b.message = m.id ORDER BY m.id", nil, func(r scanner) error {
		var id, size int64
		var hash string
		var body []byte
		if err := r.Scan(&id, &hash, &size, &body); err != nil {
			return err
		}
		switch {
		case body == nil:
			a.problem("the bytes of the message %d are gone", id)
		case sum(body) != hash || int64(len(body)) != size:
			a.problem("the bytes of the message %d are not what was sealed", id)
		}
		return a.step()
	})
	return err
}
