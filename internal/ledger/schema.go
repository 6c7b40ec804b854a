package ledger

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Migrations are files of one transaction each, named by their version. What was
// applied is remembered with its SHA-256: a file that was altered afterwards, or
// a version that this program does not have, is refused.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	version   int64
	name, sql string
}

func (m migration) sum() string { return sum([]byte(m.sql)) }

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func migrations() ([]migration, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, e := range entries {
		b, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(e.Name(), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the version of the migration %s: %w", e.Name(), err)
		}
		all = append(all, migration{version, e.Name(), string(b)})
	}
	slices.SortFunc(all, func(a, b migration) int { return cmp.Compare(a.version, b.version) })
	return all, nil
}

// migrate brings the schema to this program's, or, when it may not write, refuses
// one that is not. Then it proves that nobody altered the schema since.
func (s *session) migrate(write bool) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	var fresh int64
	if err := s.get("SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'", nil, &fresh); err != nil {
		return err
	}
	var done int
	var last string // hash of the schema after the last one
	if fresh != 0 {
		err := s.stream("SELECT version, name, sha256, schema FROM migrations ORDER BY version", nil, func(r scanner) error {
			var version int64
			var name, hash string
			if err := r.Scan(&version, &name, &hash, &last); err != nil {
				return err
			}
			if done >= len(all) {
				return fmt.Errorf("%w: version %d (%s) is newer than this program", ErrSchema, version, name)
			}
			if m := all[done]; m.version != version || m.sum() != hash {
				return fmt.Errorf("%w: version %d (%s) is not the one that this program knows", ErrSchema, version, name)
			}
			done++
			return nil
		})
		if err != nil {
			return err
		}
	}
	if done < len(all) && !write {
		return fmt.Errorf("%w: it is older than this program; bod run brings it up", ErrSchema)
	}
	for _, m := range all[done:] {
		if last, err = s.apply(m); err != nil {
			return fmt.Errorf("couldn't apply the migration %s: %w", m.name, err)
		}
	}
	now, err := s.schemaHash()
	if err != nil {
		return err
	}
	if now != last {
		return fmt.Errorf("%w: tables, indices or triggers are not what bod made", ErrSchema)
	}
	for _, t := range moveTriggers() {
		var have string
		if err := s.get("SELECT coalesce(max(sql), '') FROM sqlite_schema WHERE type = 'trigger' AND name = $1", []any{t.name}, &have); err != nil {
			return err
		}
		if have != t.sql {
			return fmt.Errorf("%w: the trigger %s is not made of this program's table of moves", ErrSchema, t.name)
		}
	}
	return nil
}

// apply runs one migration in its transaction. The triggers of the moves are made
// anew each time, so that a change of the table of moves needs a migration, if an
// empty one, and nothing else. If we die in it, nothing of it happened.
func (s *session) apply(m migration) (schema string, err error) {
	if err := s.begin(); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			s.rollback()
		}
	}()
	const table = `CREATE TABLE IF NOT EXISTS migrations (
    version INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    sha256  TEXT NOT NULL,
    schema  TEXT NOT NULL
) STRICT`
	statements := []string{table, m.sql}
	for _, q := range statements {
		if err := s.script(q); err != nil {
			return "", err
		}
	}
	for _, t := range moveTriggers() {
		var there int64
		if err := s.get("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1", []any{t.table}, &there); err != nil {
			return "", err
		}
		if there == 0 {
			continue // a later migration makes the table
		}
		for _, q := range []string{"DROP TRIGGER IF EXISTS " + t.name, t.sql} {
			if err := s.script(q); err != nil {
				return "", err
			}
		}
	}
	if schema, err = s.schemaHash(); err != nil {
		return "", err
	}
	if _, err := s.exec("INSERT INTO migrations (version, name, sha256, schema) VALUES ($1, $2, $3, $4)", m.version, m.name, m.sum(), schema); err != nil {
		return "", err
	}
	_, err = s.exec("COMMIT")
	return schema, err
}

// schemaHash is over everything that the schema says but SQLite's own tables.
func (s *session) schemaHash() (string, error) {
	h := sha256.New()
	err := s.stream("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE substr(name, 1, 7) <> 'sqlite_' ORDER BY type, name", nil, func(r scanner) error {
		var row [4]string
		if err := r.Scan(&row[0], &row[1], &row[2], &row[3]); err != nil {
			return err
		}
		_, err := h.Write(toJSON(row))
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}

type trigger struct{ table, name, sql string }

// moveTriggers are the tables of moves as the database guards them.
func moveTriggers() []trigger {
	return slices.Concat(guard("deliveries", deliveryMoves), guard("runs", runMoves), guard("findings", findingMoves))
}

func guard[S ~string](table string, moves map[S][]S) []trigger {
	list := func(to []S) string {
		quoted := make([]string, len(to))
		for i, s := range to {
			quoted[i] = "'" + string(s) + "'"
		}
		slices.Sort(quoted)
		return "(" + strings.Join(quoted, ", ") + ")"
	}
	var allowed []string
	for _, from := range slices.Sorted(maps.Keys(moves)) {
		if from != "" {
			allowed = append(allowed, "OLD.state = '"+string(from)+"' AND NEW.state IN "+list(moves[from]))
		}
	}
	return []trigger{
		{table, table + "_born", "CREATE TRIGGER " + table + "_born BEFORE INSERT ON " + table +
			" WHEN NEW.state NOT IN " + list(moves[""]) +
			" BEGIN SELECT RAISE(ABORT, 'no such first state in " + table + "'); END"},
		{table, table + "_moves", "CREATE TRIGGER " + table + "_moves BEFORE UPDATE OF state ON " + table +
			" WHEN NEW.state <> OLD.state AND NOT (" + strings.Join(allowed, " OR ") + ")" +
			" BEGIN SELECT RAISE(ABORT, 'no such move in " + table + "'); END"},
	}
}
