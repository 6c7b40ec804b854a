package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

const (
	applicationID = 0x626f6431 // "bod1"
	busyTimeout   = 5 * time.Second
)

// The result codes of SQLite that callers are told apart by (sqlite.org/rescode.html).
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIO       = 10
	codeShmSize  = codeIO | 19<<8
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

// settings are set on every connection and read back; a connection on which one
// of them did not hold is refused, since each stands for a promise. FULL is what
// makes an acknowledged commit survive a power cut: NORMAL does not.
var settings = []struct{ name, value, want string }{
	{"busy_timeout", fmt.Sprint(busyTimeout.Milliseconds()), fmt.Sprint(busyTimeout.Milliseconds())},
	{"foreign_keys", "1", "1"},
	{"journal_mode", "wal", "wal"},
	{"synchronous", "full", "2"},
	{"trusted_schema", "0", "0"},
	{"recursive_triggers", "1", "1"}, // else a REPLACE would delete without its trigger
}

// connector opens connections of one kind to one file, every one of them with its
// settings read back.
type connector struct {
	driver.Connector
	queryOnly bool
}

// dsn names the file to SQLite. It never makes one: a ledger is made in one place.
// A write transaction takes its lock at once (see session.begin); a read one
// takes none.
func dsn(file string, create bool) string {
	mode := "rw"
	if create {
		mode = "rwc"
	}
	var q strings.Builder
	q.WriteString("mode=" + mode + "&_dqs=0&_txlock=immediate")
	for _, s := range settings {
		q.WriteString("&_pragma=" + s.name + "(" + s.value + ")")
	}
	return "file:" + (&url.URL{Path: filepath.ToSlash(file)}).EscapedPath() + "?" + q.String()
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.prove(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (c connector) prove(ctx context.Context, conn driver.Conn) error {
	q, ok := conn.(interface {
		driver.QueryerContext
		driver.ExecerContext
	})
	if !ok {
		return errors.New("couldn't read the settings of SQLite back: the driver has no queries")
	}
	if c.queryOnly {
		if _, err := q.ExecContext(ctx, "PRAGMA query_only = 1", nil); err != nil {
			return err
		}
	}
	for _, s := range settings {
		rows, err := q.QueryContext(ctx, "PRAGMA "+s.name, nil)
		if err != nil {
			return err
		}
		got := make([]driver.Value, 1)
		err = errors.Join(rows.Next(got), rows.Close())
		if err != nil {
			return fmt.Errorf("couldn't read SQLite's %s back: %w", s.name, err)
		}
		if fmt.Sprint(got[0]) != s.want {
			return fmt.Errorf("%w: SQLite's %s is %v and has to be %s; the file system may not be a local one", ErrDamaged, s.name, got[0], s.want)
		}
	}
	return nil
}

// session is one connection to the database with its prepared statements. It is
// used by one goroutine at a time.
type session struct {
	db    *sql.DB // of this one connection
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	spare map[string]*sql.Stmt // of streams, while nobody reads by them
}

// dial opens a session. Statements run to their end whatever becomes of a
// caller's context: an interrupted commit would be one whose outcome is in doubt.
func dial(ctx context.Context, file string, create, queryOnly bool) (*session, error) {
	base, err := sqlite.NewConnector(dsn(file, create))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{base, queryOnly})
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(context.WithoutCancel(ctx))
	if err != nil {
		return nil, errors.Join(explain(err), db.Close())
	}
	return &session{db, conn, map[string]*sql.Stmt{}, map[string]*sql.Stmt{}}, nil
}

func (s *session) close() error {
	var errs []error
	for _, kept := range []map[string]*sql.Stmt{s.stmts, s.spare} {
		for _, st := range kept {
			errs = append(errs, st.Close())
		}
	}
	return errors.Join(errors.Join(errs...), s.conn.Close(), s.db.Close())
}

// stmt prepares a statement once.
func (s *session) stmt(query string) (*sql.Stmt, error) {
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, explain(err)
	}
	s.stmts[query] = st
	return st, nil
}

func (s *session) exec(query string, args ...any) (sql.Result, error) {
	st, err := s.stmt(query)
	if err != nil {
		return nil, err
	}
	res, err := st.ExecContext(context.Background(), args...)
	return res, explain(err)
}

// script runs statements without parameters.
func (s *session) script(text string) error {
	_, err := s.conn.ExecContext(context.Background(), text)
	return explain(err)
}

// get reads one row. The columns are read before it returns, so that the
// prepared statement is free again.
func (s *session) get(query string, args []any, into ...any) error {
	st, err := s.stmt(query)
	if err != nil {
		return err
	}
	return explain(st.QueryRowContext(context.Background(), args...).Scan(into...))
}

// each reads all rows of a prepared statement, calling scan for each. scan must
// not use the same query.
func (s *session) each(query string, args []any, scan func(scanner) error) error {
	st, err := s.stmt(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(context.Background(), args...)
	if err != nil {
		return explain(err)
	}
	return drain(rows, scan)
}

// spareStatements is how many statements of streams are kept. Lists with conditions have many texts, so that there has to be an end.
const spareStatements = 64

// stream is each for long and nested reading: nobody else has its statement meanwhile. What ended well is kept for the next
// stream of the same text; to parse it anew took a sixth of a rehearsal's time.
func (s *session) stream(query string, args []any, scan func(scanner) error) error {
	st := s.spare[query]
	delete(s.spare, query)
	if st == nil {
		var err error
		if st, err = s.conn.PrepareContext(context.Background(), query); err != nil {
			return explain(err)
		}
	}
	rows, err := st.QueryContext(context.Background(), args...)
	if err != nil {
		return errors.Join(explain(err), st.Close())
	}
	if err := drain(rows, scan); err != nil {
		return errors.Join(err, st.Close())
	}
	if s.spare[query] != nil || len(s.spare) >= spareStatements {
		return st.Close()
	}
	s.spare[query] = st
	return nil
}

type scanner interface{ Scan(...any) error }

func drain(rows *sql.Rows, scan func(scanner) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return explain(errors.Join(rows.Err(), rows.Close()))
}

// kindOf is the kind that an extended result code of SQLite belongs to, nil for none.
func kindOf(code int) error {
	if code == codeShmSize {
		return ErrFull // a full disk is met first where the index of the WAL is to be made, before anything is written
	}
	switch code & 0xff {
	case codeFull:
		return ErrFull
	case codeReadOnly:
		return ErrReadOnly
	case codeCorrupt, codeNotADB:
		return ErrDamaged
	case codeIO:
		return ErrDisk
	case codeBusy:
		return ErrBusy
	case codeCantOpen:
		return ErrRights
	}
	return nil
}

// explain gives an error of SQLite the kind that callers tell apart.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	if kind := kindOf(e.Code()); kind != nil {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return err
}

// isConstraint reports whether a trigger, a CHECK or a key of the database refused.
func isConstraint(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == 19
}

// clean makes a text fit to be stored, logged as JSON and told again as the same
// text: valid UTF-8 without NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "")
}

// micro is a moment as it is stored; the zero time is no moment.
func micro(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func moment(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return time.UnixMicro(v.Int64).UTC()
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
