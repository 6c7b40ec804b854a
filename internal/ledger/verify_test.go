package ledger

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// full is a ledger with a row in every table.
func full(t *testing.T) *office {
	o := open(t)
	run := o.running("a", "2026-11")
	draft := letter("x")
	draft.ConfirmBy, draft.ConfirmCount = []string{"tanaka"}, 1
	draft.Hold = []Hold{{Reason: Check, Text: "金額が前月の10倍です"}}
	yen := int64(55000)
	draft.Amount = &yen
	var out []Sealed
	o.do(func(tx *Tx) (err error) {
		out, err = tx.Seal(run, []NewMessage{draft, letter("y")}, []Observation{{Name: "rows", Value: []byte(`{"n":3}`)}}, true)
		return err
	})
	o.do(func(tx *Tx) error {
		return tx.Decide(Decision{Message: 1, Person: "tanaka", Yes: true}, o.message(1).Hash)
	})
	o.send(out[1].Message, "sent")
	id, err := o.AddIntent(t.Context(), Intent{Verb: "hold", Why: "確認したい", Who: sato})
	if err != nil {
		t.Fatal(err)
	}
	o.do(func(tx *Tx) error {
		return errors.Join(tx.FinishIntent(id, true, "保留にしました"), tx.SetFlag(Flag{Name: "stopped", Text: "社内の都合"}),
			tx.SetFlag(Flag{Name: "session", Text: "x", Probe: begin.Add(time.Hour), Tries: 2}), tx.ClearFlag("session"), tx.PutOffice([]byte(`{"a":"b"}`)),
			tx.PutAlarm(Alarm{Name: "summary/2611-0044", Text: "x", Since: begin, Next: begin.Add(time.Hour)}), tx.PutAlarm(Alarm{Name: "session/1", Since: begin}), tx.DropAlarm("session/1"))
	})
	if _, err := o.AddIntent(t.Context(), Intent{Verb: "release", Who: sato}); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestVerify(t *testing.T) {
	o := full(t)
	var last, total int64
	r, err := o.Verify(t.Context(), func(done, all int64) { last, total = done, all })
	if err != nil || len(r.Problems) > 0 {
		t.Fatal(r, err)
	}
	if last != total || total == 0 || r.Messages != 2 || r.Rows < 12 || len(r.Head) != 64 {
		t.Errorf("%+v, %d of %d", r, last, total)
	}
}

// disarm takes the triggers away that guard the tables, as someone with an SQLite
// shell would.
func disarm(t *testing.T, file string) {
	t.Helper()
	s, err := dial(t.Context(), file, false, false)
	if err != nil {
		t.Fatal(err)
	}
	var drop []string
	err = s.stream("SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'", nil, func(r scanner) error {
		var q string
		err := r.Scan(&q)
		drop = append(drop, q)
		return err
	})
	for _, q := range drop {
		err = errors.Join(err, s.script(q))
	}
	if err := errors.Join(err, s.close()); err != nil {
		t.Fatal(err)
	}
}

// Whatever is changed past bod is found, and named.
func TestVerifyFinds(t *testing.T) {
	o := full(t)
	o.Ledger.Close()
	disarm(t, o.file)
	for _, c := range []struct {
		change string
		says   string
	}{
		{"UPDATE deliveries SET state = 'queued' WHERE state = 'sent'", "delivery 2 was changed: state"},
		{"UPDATE deliveries SET mail = 'evil@evil.example' WHERE id = 1", "delivery 1 was changed: mail"},
		{"UPDATE messages SET amount = 1 WHERE id = 1", "message 1 was changed: amount"},
		{"UPDATE messages SET amount = NULL WHERE id = 1", "message 1 was changed: amount"},
		{"UPDATE messages SET live = 0 WHERE id = 1", "key of the message 1"},
		{"UPDATE jobs SET rule = '{}'", "job a was changed: rule"},
		{"UPDATE jobs SET mark = mark + 1", "job a was changed: mark"},
		{"UPDATE runs SET state = 'done'", "run 1 was changed: state"},
		{"DELETE FROM holds", "hold 1/check is gone"},
		{"UPDATE holds SET text = ''", "hold 1/check was changed: text"},
		{"UPDATE attempts SET result = 'failed'", "attempt 1 was changed: result"},
		{"DELETE FROM attempts", "attempt 1 is gone"},
		{"UPDATE decisions SET yes = 0", "decision 1 was changed: yes"},
		{"INSERT INTO decisions SELECT 2, message, 'sato', yes, why, who, user, at FROM decisions", "decision 2 is there, and the log never"},
		{"DELETE FROM decisions", "decision 1 is gone"},
		{"UPDATE observations SET value = '0'", "observation 1/rows was changed"},
		{"DELETE FROM flags", "flag stopped is gone"},
		{"INSERT INTO flags SELECT 'session', text, since, probe, tries, credential FROM flags", "flag session is there, and the log says that it was taken away"},
		{"DELETE FROM alarms", "alarm summary/2611-0044 is gone"},
		{"UPDATE alarms SET told = since, next = NULL", "alarm summary/2611-0044 was changed: told"},
		{"UPDATE intents SET result = 'x' WHERE done IS NOT NULL", "intent 1 was changed: result"},
		{"UPDATE intents SET done = NULL WHERE done IS NOT NULL", "intent 1 was changed: done"},
		{"UPDATE intents SET done = 1 WHERE done IS NULL", "intent 2 is there, and the log never"},
		{"UPDATE ledger SET trial = 1", "ledger 1 was changed: trial"},
		{"UPDATE bodies SET bytes = CAST(bytes || x'20' AS BLOB) WHERE message = 1", "bytes of the message 1 are not"},
		{"DELETE FROM bodies WHERE message = 2", "bytes of the message 2 are gone"},
		{"UPDATE events SET who = 'sato' WHERE seq = 5", "entry 5 of the log"},
		{"UPDATE events SET change = replace(change, '55000', '1') WHERE instr(change, '55000')", "was altered"},
		{"DELETE FROM events WHERE seq = 5", "entries 5 to 5 of the log are gone"},
		{"DELETE FROM events WHERE seq > 5", "the end of the log is missing"},
		{"DELETE FROM messages WHERE id = 2", "message 2 is gone"},
		{"CREATE TABLE mine (x)", "schema"},
	} {
		t.Run(c.change, func(t *testing.T) {
			l := &Ledger{dir: t.TempDir(), id: o.id}
			l.file = filepath.Join(l.dir, fileName)
			l.prepare()
			copyLedger(t, o.file, l.file)
			copyLedger(t, filepath.Join(o.dir, markerName), filepath.Join(l.dir, markerName))
			raw(t, l.dir, "PRAGMA foreign_keys = 0", c.change)
			r, err := l.Verify(t.Context(), nil)
			l.idle.take().close()
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(r.Problems, "\n"); !strings.Contains(all, c.says) {
				t.Errorf("%q is not among:\n%s", c.says, all)
			}
		})
	}
}

// What is written past bod is refused by the database itself where it can be.
func TestGuards(t *testing.T) {
	o := full(t)
	s, err := dial(t.Context(), o.file, false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, q := range []string{
		"UPDATE events SET who = 'x'", "DELETE FROM events", "INSERT OR REPLACE INTO events SELECT * FROM events WHERE seq = 2",
		"INSERT INTO events SELECT seq + 100, at, who, user, thing, row, change, hash FROM events WHERE seq = 2",
		"DELETE FROM jobs", "UPDATE jobs SET mark = mark - 1", "UPDATE jobs SET name = 'b'", "UPDATE jobs SET seen = 0",
		"DELETE FROM runs", "UPDATE runs SET period = 'x'", "UPDATE runs SET nominal = 0", "UPDATE runs SET next_look = 1",
		"DELETE FROM messages", "UPDATE messages SET subject = 'x'", "UPDATE messages SET key = 'x'", "UPDATE messages SET live = 0",
		"UPDATE messages SET queued = NULL WHERE id = 2", "UPDATE messages SET confirm_count = 0 WHERE id = 1",
		"UPDATE bodies SET bytes = x'00'", "DELETE FROM bodies",
		"DELETE FROM deliveries", "UPDATE deliveries SET mail = 'x'", "UPDATE deliveries SET state = 'nonsense'", "UPDATE deliveries SET due = 0",
		"UPDATE attempts SET words = 'x'", "DELETE FROM attempts", "UPDATE decisions SET yes = 0", "DELETE FROM decisions",
		"INSERT INTO holds VALUES (1, 'not due', '', 0, '', '')", "INSERT INTO holds VALUES (99, 'late', '', 0, '', '')",
		"INSERT INTO intents (verb, args, why, who, user, at, done, ok, result) VALUES ('hold', '{}', '', '', '', 0, 1, 1, '')",
		"UPDATE intents SET verb = 'x'", "UPDATE intents SET result = 'x' WHERE done IS NOT NULL", "DELETE FROM intents",
		"UPDATE runs SET late = 2", "UPDATE runs SET due = 'tomorrow'",
	} {
		if err := s.script(q); err == nil {
			t.Errorf("the database lets through: %s", q)
		}
	}
	o.verified()
}

// What happens once has one row, whatever the program believes: a second live message with a key, or a second run of a period, is refused by
// the database's own keys, not by a look before writing.
func TestGuardsOnce(t *testing.T) {
	o := full(t)
	s, err := dial(t.Context(), o.file, false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, x := range []struct{ q, says string }{
		{`INSERT INTO messages (month, serial, run, generation, asks, class, job, part, key, subject, addressee, sender, message_id, date, hash, size, inputs, amount, not_before, deadline, confirm_by, confirm_count, sealed, predecessor, queued, live)
			SELECT month, serial + 1000, run, generation, asks, class, job, part, key, subject, addressee, sender, message_id, date, hash, size, inputs, amount, not_before, deadline, confirm_by, confirm_count, sealed, NULL, queued, live
			FROM messages WHERE live = 1 LIMIT 1`, "UNIQUE constraint failed: messages.key"},
		{`INSERT INTO runs (month, serial, job, period, nominal, due, prepare_at, state, reasons, late, generation, asks, only, early, said, created, changed)
			SELECT month, serial + 1000, job, period, nominal, due, prepare_at, 'planned', reasons, late, generation, asks, only, early, said, created, changed
			FROM runs LIMIT 1`, "UNIQUE constraint failed: runs.job, runs.period"},
	} {
		if err := s.script(x.q); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("the database says %v to a second one, by\n%s", err, x.q)
		}
	}
	o.verified()
}

// A log that tells of a move which is not in the table was not written by bod, even
// when its hashes are right.
func TestVerifyFindsMoves(t *testing.T) {
	o := full(t)
	disarm(t, o.file)
	o.do(func(tx *Tx) error {
		_, err := tx.write(deliveries, row{do: update, key: []any{int64(2)}, set: []column{{"state", StateQueued}}})
		return err
	})
	r, err := o.Verify(t.Context(), nil)
	if err != nil || !strings.Contains(strings.Join(r.Problems, "\n"), `moves the delivery 2 from "sent" to "queued"`) {
		t.Error(r.Problems, err)
	}
}

func TestVerifyNeedsItsMarker(t *testing.T) {
	o := full(t)
	if err := os.Remove(filepath.Join(o.dir, markerName)); err != nil {
		t.Fatal(err)
	}
	r, err := o.Verify(t.Context(), nil)
	if err != nil || len(r.Problems) != 1 {
		t.Error(r.Problems, err)
	}
}
