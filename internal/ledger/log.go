package ledger

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// thing is a table whose rows can be told again from the log. Everything that is
// written to it goes through Tx.write, and Verify compares every row of it.
type thing struct {
	name  string // in the log
	table string
	key   []string
	cols  []string // the columns beside the key that the log tells
	asked bool     // rows may be there that the log does not know yet: intents
}

// The things. A column that is left out here is not guarded by the log, so each
// such one is guarded otherwise: messages.live by its triggers.
var (
	ledgers      = &thing{name: "ledger", table: "ledger", key: []string{"one"}, cols: []string{"id", "trial"}}
	jobs         = &thing{name: "job", table: "jobs", key: []string{"name"}, cols: []string{"current", "kind", "rule", "shape", "mark", "gone", "seen", "changed"}}
	runs         = &thing{name: "run", table: "runs", key: []string{"id"}, cols: []string{"month", "serial", "job", "period", "nominal", "due", "prepare_at", "state", "reasons", "late", "generation", "asks", "only", "early", "next_look", "said", "created", "changed"}}
	messages     = &thing{name: "message", table: "messages", key: []string{"id"}, cols: []string{"month", "serial", "run", "generation", "asks", "class", "job", "part", "key", "subject", "addressee", "sender", "message_id", "date", "hash", "size", "inputs", "amount", "not_before", "deadline", "confirm_by", "confirm_count", "sealed", "predecessor", "queued"}}
	deliveries   = &thing{name: "delivery", table: "deliveries", key: []string{"id"}, cols: []string{"message", "mail", "name", "role", "outside", "due", "state", "attempts", "next_try", "token", "words", "changed"}}
	holds        = &thing{name: "hold", table: "holds", key: []string{"message", "reason"}, cols: []string{"text", "since", "who", "user"}}
	attempts     = &thing{name: "attempt", table: "attempts", key: []string{"id"}, cols: []string{"delivery", "result", "stage", "code", "words", "at"}}
	decisions    = &thing{name: "decision", table: "decisions", key: []string{"id"}, cols: []string{"message", "person", "yes", "why", "who", "user", "at"}}
	observations = &thing{name: "observation", table: "observations", key: []string{"run", "name"}, cols: []string{"value"}}
	flags        = &thing{name: "flag", table: "flags", key: []string{"name"}, cols: []string{"text", "since", "probe", "tries", "credential"}}
	offices      = &thing{name: "office", table: "office", key: []string{"one"}, cols: []string{"says"}}
	alarms       = &thing{name: "alarm", table: "alarms", key: []string{"name"}, cols: []string{"text", "since", "told", "tries", "next", "result"}}
	findings     = &thing{name: "finding", table: "findings", key: []string{"id"}, cols: []string{"month", "serial", "job", "asks", "row", "label", "says", "evidence", "value", "state", "tell", "run", "first", "message", "told", "times", "who", "user", "why", "accepted", "until", "ended", "changed"}}
	tellings     = &thing{name: "telling", table: "tellings", key: []string{"message", "finding"}, cols: []string{"counted"}}
	intents      = &thing{name: "intent", table: "intents", key: []string{"id"}, cols: []string{"verb", "args", "why", "who", "user", "at", "done", "ok", "result"}, asked: true}
)

var things = []*thing{ledgers, jobs, runs, messages, deliveries, holds, attempts, decisions, observations, flags, offices, alarms, findings, tellings, intents}

// clockThing names the events by which a person sets the log's time back.
const clockThing = "clock"

type verb int

const (
	insert verb = iota
	update
	remove
)

// column is a name with its value: int64, string or nil.
type column struct {
	name  string
	value any
}

// row is one change of one row.
type row struct {
	do   verb
	key  []any    // nil in an insert whose id the database gives
	set  []column // what is written
	when []column // what has to stand there now: the compare of the compare-and-swap
	free []column // written, but not told: it follows from other rows
	tell []column // an update's event tells these columns too: the row was not in the log before
}

// write is the one function by which a row of a thing changes: it executes the
// change and appends the event that tells it, in the same transaction. An update
// or removal that changes no row is ErrStale.
func (tx *Tx) write(t *thing, r row) (id int64, err error) {
	if tx.flagsOnly && t != flags && t != alarms && t != intents {
		return 0, fmt.Errorf("couldn't write the %s: %w", t.name, ErrClock)
	}
	for i := range r.set {
		r.set[i].value = storable(r.set[i].value)
	}
	for i := range r.key {
		r.key[i] = storable(r.key[i])
	}
	query, args := r.statement(t)
	res, err := tx.s.exec(query, args...)
	if err != nil {
		return 0, tx.fail(fmt.Errorf("couldn't write the %s: %w", t.name, err))
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, tx.fail(fmt.Errorf("couldn't write the %s: %w", t.name, err))
	}
	if n != 1 {
		return 0, fmt.Errorf("couldn't write the %s %s: %w", t.name, rowName(r.key), ErrStale)
	}
	if r.key == nil {
		if id, err = res.LastInsertId(); err != nil {
			return 0, tx.fail(fmt.Errorf("couldn't write the %s: %w", t.name, err))
		}
		r.key = []any{id}
	}
	if r.do == remove {
		return id, tx.append(t.name, rowName(r.key), []byte("null"))
	}
	return id, tx.append(t.name, rowName(r.key), canonical(append(r.tell, r.set...)))
}

func storable(v any) any {
	switch v := v.(type) {
	case string:
		return clean(v)
	case State:
		return string(v)
	case RunState:
		return string(v)
	case FindingState:
		return string(v)
	case HoldReason:
		return string(v)
	case Class:
		return string(v)
	case bool:
		return truth(v)
	case int:
		return int64(v)
	case int64, nil:
		return v
	}
	panic(fmt.Sprintf("ledger: a column of type %T", v)) // only a mistake in this package gets here
}

func (r row) statement(t *thing) (string, []any) {
	var q strings.Builder
	var args []any
	bind := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	switch r.do {
	case insert:
		var names, marks []string
		for i, v := range r.key {
			names, marks = append(names, t.key[i]), append(marks, bind(v))
		}
		for _, c := range append(r.set, r.free...) {
			names, marks = append(names, c.name), append(marks, bind(storable(c.value)))
		}
		q.WriteString("INSERT INTO " + t.table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")")
		return q.String(), args
	case update:
		q.WriteString("UPDATE " + t.table + " SET ")
		for i, c := range r.set {
			if i > 0 {
				q.WriteString(", ")
			}
			q.WriteString(c.name + " = " + bind(c.value))
		}
	case remove:
		q.WriteString("DELETE FROM " + t.table)
	}
	q.WriteString(" WHERE ")
	for i, v := range r.key {
		if i > 0 {
			q.WriteString(" AND ")
		}
		q.WriteString(t.key[i] + " = " + bind(v))
	}
	for _, c := range r.when {
		q.WriteString(" AND " + c.name + " IS " + bind(storable(c.value)))
	}
	return q.String(), args
}

// rowName is a row's key as the log writes it: "12", or "44/late".
func rowName(key []any) string {
	parts := make([]string, len(key))
	for i, v := range key {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, "/")
}

// canonical is the one JSON of these columns: names sorted, no spaces, no HTML escapes.
func canonical(cols []column) []byte {
	cols = slices.Clone(cols)
	slices.SortFunc(cols, func(a, b column) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	b.WriteByte('{')
	for i, c := range cols {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + c.name + `":`)
		b.Write(canonicalValue(c.value))
	}
	b.WriteByte('}')
	return b.Bytes()
}

func canonicalValue(v any) []byte {
	switch v := v.(type) {
	case nil:
		return []byte("null")
	case int64:
		return strconv.AppendInt(nil, v, 10)
	}
	return toJSON(v)
}

// toJSON is the JSON of v as all of the ledger writes it. What comes here are
// this package's own types of strings and numbers, which can't fail.
func toJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("ledger: couldn't write %T as JSON: %v", v, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// head is where the chain ends.
type head struct {
	seq  int64
	hash string
	at   time.Time
}

const noHash = "0000000000000000000000000000000000000000000000000000000000000000"

func (s *session) head() (head, error) {
	h := head{hash: noHash}
	var at sql.NullInt64
	err := s.each("SELECT seq, hash, at FROM events ORDER BY seq DESC LIMIT 1", nil, func(r scanner) error {
		return r.Scan(&h.seq, &h.hash, &at)
	})
	h.at = moment(at)
	return h, err
}

// append adds one event to the chain.
func (tx *Tx) append(thing, row string, change []byte) error {
	e := Event{Seq: tx.head.seq + 1, At: time.UnixMicro(tx.logged.UnixMicro()).UTC(), Who: tx.who, Table: thing, Row: row, Change: change}
	e.Hash = e.sum(tx.head.hash)
	_, err := tx.s.exec("INSERT INTO events (seq, at, who, user, thing, row, change, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		e.Seq, e.At.UnixMicro(), e.Who.Name, e.Who.User, e.Table, e.Row, string(e.Change), e.Hash)
	if err != nil {
		return tx.fail(fmt.Errorf("couldn't write to the log: %w", err))
	}
	tx.head = head{e.Seq, e.Hash, e.At}
	return nil
}

// sum is the event's hash: over the one before and every field, as one JSON array,
// so that no two different events can be written the same.
func (e Event) sum(before string) string {
	h := sha256.Sum256(toJSON([]any{before, e.Seq, e.At.UnixMicro(), e.Who.Name, e.Who.User, e.Table, e.Row, string(e.Change)}))
	return hex.EncodeToString(h[:])
}
