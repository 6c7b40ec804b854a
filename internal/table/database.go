package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"bod/internal/calendar"
)

// database is a source of one query.
type database struct {
	engine engine
	path   string   // of a SQLite file, as World.Open takes it
	at     *url.URL // of a server
	query  string
	secret string
}

// engine is a kind of database.
type engine struct {
	scheme string
	modes  []string // of TLS, the first when none is said
	open   func(ctx context.Context, r *reading, o *database, secret string) (*sql.DB, error)
}

// engines are all kinds of databases: the one visible table. postgresql:// and mariadb:// are other names.
var engines = []engine{
	{"sqlite", nil, openSQLite},
	{"postgres", []string{"prefer", "disable", "require", "verify-full"}, openPostgres},
	{"mysql", []string{"preferred", "false", "skip-verify", "true"}, openMySQL},
}

var databaseKeys = []Key{
	{"database", "text", "", calendar.Text{JA: "データベース。sqlite:ファイル、postgres://利用者@サーバー/名前、mysql://利用者@サーバー/名前。サーバーは、管理者が may_read_from に書いたものだけ読めます", EN: "the database: sqlite:FILE, postgres://USER@HOST/NAME or mysql://USER@HOST/NAME; a server of the local network has to stand in the administrator's may_read_from"}, `database = "sqlite:data/shop.sqlite"`},
	{"query", "text", "", calendar.Text{JA: "問い合わせ。select（か with）を1つだけ。読み取り専用で行います", EN: "the query: one select (or with), run read-only"}, `query = "select * from orders where shipped is null"`},
	secretKey,
}

func decodeDatabase(s Settings) origin {
	o := &database{query: s.String("query"), secret: s.SecretFile("secret_file")}
	raw := s.String("database")
	if raw == "" {
		return nil
	}
	how := calendar.Text{JA: `"sqlite:data/shop.sqlite"、"postgres://bod@db.example/erp"、"mysql://bod@db.example/erp" のように書いてください`,
		EN: `write it like "sqlite:data/shop.sqlite", "postgres://bod@db.example/erp" or "mysql://bod@db.example/erp"`}
	bad := func(ja, en string, next calendar.Text) origin {
		s.Problem("database", calendar.Text{JA: ja, EN: en}, next)
		return nil
	}
	scheme, rest, ok := strings.Cut(raw, ":")
	switch scheme {
	case "postgresql":
		scheme = "postgres"
	case "mariadb":
		scheme = "mysql"
	}
	i := slices.IndexFunc(engines, func(e engine) bool { return e.scheme == scheme })
	if !ok || i < 0 {
		return bad("database が読めません", "database cannot be read", how)
	}
	o.engine = engines[i]
	if !goodQuery(s, o.query) {
		return nil
	}
	if scheme == "sqlite" {
		o.path = rest
		if !goodPath(s, "database", rest) {
			return nil
		}
		return o
	}
	u, err := url.Parse(raw)
	if err != nil || strings.Trim(u.Path, "/") == "" || strings.Contains(strings.Trim(u.Path, "/"), "/") {
		return bad("database が読めません", "database cannot be read", how)
	}
	if _, has := u.User.Password(); has {
		return bad("database にパスワードは書けません", "database cannot have a password", calendar.Text{
			JA: "secret_file のファイルか credential に入れてください。ここに書いたパスワードは変えてください", EN: "put it into the file of secret_file or a credential; change the one that stood here"})
	}
	for k, v := range u.Query() {
		switch {
		case k == "socket" && filepath.IsAbs(v[0]):
		case k == "tls" && slices.Contains(o.engine.modes, v[0]):
		default:
			return bad(fmt.Sprintf("database の %s=%s は使えません", clip(k), clip(v[0])), fmt.Sprintf("%s=%s cannot stand in database", clip(k), clip(v[0])),
				calendar.Text{JA: "使えるのは socket=/場所 と tls=（" + strings.Join(o.engine.modes, "、") + "）です", EN: "what can be used: socket=/PLACE and tls= (" + strings.Join(o.engine.modes, ", ") + ")"})
		}
	}
	if u.Hostname() == "" && u.Query().Get("socket") == "" {
		return bad("database にサーバーの名前がありません", "database names no host", how)
	}
	o.at = u
	return o
}

// goodQuery takes one select and nothing else. The transaction is read-only too; but there are statements that read
// or write files whatever the transaction is (attach, into outfile), and what MySQL runs inside its comments.
func goodQuery(s Settings, query string) bool {
	bad := func(ja, en string) bool {
		s.Problem("query", calendar.Text{JA: ja, EN: en}, calendar.Text{JA: `query = "select …" のように、select を1つだけ書いてください`, EN: `write one select: query = "select …"`})
		return false
	}
	if query == "" {
		if !s.Has("query") {
			return bad("query がありません", "query is missing")
		}
		return false
	}
	words, ok := sqlWords(query)
	switch {
	case !ok:
		return bad("query に、閉じていない引用符か、使えない注釈があります", "query has a quote that is not closed, or a comment that cannot be used")
	case len(words) == 0, words[0] != "select" && words[0] != "with" && words[0] != "values":
		return bad("query は select で始めます", "query has to begin with select")
	case slices.Contains(words, ";"):
		return bad("query は1つだけです。; は使えません", "query is one statement, without ;")
	}
	for _, w := range words {
		switch w {
		case "into", "insert", "update", "delete", "attach", "pragma", "copy", "call", "load_file":
			return bad(fmt.Sprintf("query に %s は使えません", w), fmt.Sprintf("query cannot have %s", w))
		}
	}
	return true
}

// sqlWords are the words of a query in lower case, without texts, quoted names and comments; ok is false where one of them
// has no end.
func sqlWords(q string) (words []string, ok bool) {
	for i := 0; i < len(q); {
		c := q[i]
		switch {
		case c == '\'' || c == '"' || c == '`' || c == '[':
			end := c
			if c == '[' {
				end = ']'
			}
			j := i + 1
			for j < len(q) && q[j] != end {
				if q[j] == '\\' && c != '[' {
					return nil, false // MySQL goes on behind \', the others end there: nobody can tell which was meant
				}
				j++
			}
			if j >= len(q) {
				return nil, false
			}
			i = j + 1
		case strings.HasPrefix(q[i:], "--") || c == '#':
			j := strings.IndexByte(q[i:], '\n')
			if j < 0 {
				return words, true
			}
			i += j
		case strings.HasPrefix(q[i:], "/*"):
			j := strings.Index(q[i+2:], "*/")
			if j < 0 || strings.HasPrefix(q[i+2:], "!") || strings.HasPrefix(q[i+2:], "M!") || strings.Contains(q[i+2:i+2+j], "/*") {
				return nil, false
			}
			i += j + 4
		case c == '$':
			return nil, false // a PostgreSQL text in dollars
		case c == ';':
			words = append(words, ";")
			i++
		case c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf:
			j := i
			for j < len(q) && (q[j] == '_' || q[j]|0x20 >= 'a' && q[j]|0x20 <= 'z' || q[j] >= '0' && q[j] <= '9' || q[j] >= utf8.RuneSelf) {
				j++
			}
			words = append(words, strings.ToLower(q[i:j]))
			i = j
		default:
			i++
		}
	}
	// One ; at the very end is how people end a query.
	if n := len(words); n > 0 && words[n-1] == ";" && strings.HasSuffix(strings.TrimSpace(q), ";") {
		words = words[:n-1]
	}
	return words, true
}

func (o *database) words() string {
	if o.at == nil {
		return o.path
	}
	return o.engine.scheme + "://" + o.at.Host + o.at.Path
}

func (o *database) read(ctx context.Context, r *reading) (err error) {
	secret, has, err := r.secret(o.secret)
	if err != nil {
		return err
	}
	if has && o.at != nil {
		_, _, named := o.where("")
		if err := r.guarded(named); err != nil {
			return err
		}
	}
	db, err := o.engine.open(ctx, r, o, secret)
	if err != nil {
		return o.failed(ctx, r, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return o.failed(ctx, r, err)
	}
	defer tx.Rollback()
	rows, err := tx.QueryContext(ctx, o.query)
	if err != nil {
		return o.failed(ctx, r, err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return o.failed(ctx, r, err)
	}
	if len(types) > maxColumns {
		return &Problem{Code: CodeTooBig,
			What: calendar.Text{JA: fmt.Sprintf("%s の列が%d列を超えています", o.words(), maxColumns), EN: fmt.Sprintf("%s has more than %d columns", o.words(), maxColumns)},
			Next: calendar.Text{JA: "query で列を選んでください", EN: "choose columns in query"}}
	}
	readers := make([]columnReader, len(types))
	for i, t := range types {
		readers[i] = columnReader{zone: r.world.Zone, typ: strings.ToUpper(t.DatabaseTypeName()), loose: o.engine.scheme == "sqlite"}
		r.addColumn(t.Name(), "", readers[i].known())
	}
	values := make([]any, len(types))
	to := make([]any, len(types))
	for i := range values {
		to[i] = &values[i]
	}
	var size int64
	cells := make([]cell, len(types))
	for n := 1; rows.Next(); n++ {
		if err := rows.Scan(to...); err != nil {
			return o.failed(ctx, r, err)
		}
		for i, v := range values {
			c, bytes := readers[i].cell(r, v)
			size += int64(bytes)
			cells[i] = c
		}
		if size > r.maxSize() {
			return r.sized(o.words(), size)
		}
		if err := r.add(ctx, n, cells); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return o.failed(ctx, r, err)
	}
	for i := range readers {
		if readers[i].binary > 0 {
			r.problems.add(Problem{Code: CodeValue, Warning: true, Column: types[i].Name(),
				What: calendar.Text{JA: fmt.Sprintf("「%s」の中身は文字ではないので、空として読みました", clip(types[i].Name())), EN: fmt.Sprintf("%s holds no text and was read as empty", clip(types[i].Name()))},
				Next: calendar.Text{JA: "要らなければ query から外してください", EN: "leave it out of query"}})
		}
	}
	return nil
}

// columnReader reads the values of one column as the driver gives them.
type columnReader struct {
	zone   *time.Location
	typ    string // the database's own name
	loose  bool   // any value may stand in any column, as in SQLite
	binary int
}

// known is the type that the database itself says a column has.
func (c *columnReader) known() Type {
	if c.loose {
		return Empty
	}
	switch t := strings.TrimPrefix(c.typ, "UNSIGNED "); t {
	case "INT2", "INT4", "INT8", "NUMERIC", "FLOAT4", "FLOAT8", "OID", "INT", "TINYINT", "SMALLINT", "MEDIUMINT", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE", "YEAR":
		return Number
	case "DATE":
		return Date
	case "TIMESTAMP", "TIMESTAMPTZ", "DATETIME":
		return Time
	case "BOOL":
		return YesNo
	case "TEXT", "VARCHAR", "BPCHAR", "CHAR", "NAME", "UUID", "ENUM", "SET", "LONGTEXT", "MEDIUMTEXT", "TINYTEXT", "JSON", "JSONB":
		return Text
	}
	return Empty
}

func (c *columnReader) cell(r *reading, v any) (out cell, bytes int) {
	switch v := v.(type) {
	case nil:
		return cell{}, 0
	case bool:
		return cell{Value: YesNoOf(v)}, 1
	case int64:
		if c.loose && strings.HasPrefix(c.typ, "BOOL") && (v == 0 || v == 1) {
			return cell{Value: YesNoOf(v == 1)}, 1
		}
		return cell{Value: IntOf(v)}, 8
	case uint64:
		return c.text(r, strconv.FormatUint(v, 10))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return cell{Value: TextOf(fmt.Sprint(v)), fault: true}, 8
		}
		d, ok := decimalOf(strconv.FormatFloat(v, 'f', -1, 64))
		if !ok {
			return cell{Value: TextOf(fmt.Sprint(v)), fault: true}, 8
		}
		return cell{Value: NumberOf(d)}, 8
	case float32:
		return c.text(r, strconv.FormatFloat(float64(v), 'f', -1, 32))
	case time.Time:
		return cell{Value: c.time(v)}, 8
	case []byte:
		if !utf8.Valid(v) || strings.IndexByte(string(v), 0) >= 0 {
			c.binary++
			return cell{}, len(v)
		}
		return c.text(r, string(v))
	case string:
		return c.text(r, v)
	}
	return c.text(r, fmt.Sprint(v))
}

func (c *columnReader) text(r *reading, s string) (cell, int) {
	if c.known() == Number {
		if d, ok := jsonNumber(s); ok {
			return cell{Value: NumberOf(d)}, len(s)
		}
	}
	return r.text(s), len(s)
}

// time is a moment where the database keeps one, and else what a clock on the wall showed: in the office's zone.
func (c *columnReader) time(t time.Time) Value {
	if c.typ == "DATE" {
		return DateOf(calendar.DateOf(t))
	}
	if c.typ == "TIMESTAMPTZ" || c.loose && t.Location() != time.UTC {
		return TimeOf(t.In(c.zone))
	}
	return TimeOf(time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), c.zone))
}

// openSQLite opens a file of the office for reading. SQLite wants a name and not an open file, so that the name is held
// against the file that World let through.
func openSQLite(ctx context.Context, r *reading, o *database, _ string) (*sql.DB, error) {
	f, err := r.world.Open(o.path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &Problem{Code: CodeMissing, Err: err,
				What: calendar.Text{JA: fmt.Sprintf("%s がありません", o.path), EN: fmt.Sprintf("%s is not there", o.path)},
				Next: calendar.Text{JA: "名前と場所を確かめてください", EN: "see whether name and folder are right"}}
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r.modified = info.ModTime()
	name, err := filepath.EvalSymlinks(f.Name())
	if err != nil {
		return nil, err
	}
	if now, err := os.Stat(name); err != nil || !os.SameFile(now, info) || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("couldn't open the file: %s is another now", o.path), err)
	}
	head := make([]byte, 16)
	if _, err := f.ReadAt(head, 0); err != nil || string(head) != "SQLite format 3\x00" {
		return nil, &Problem{Code: CodeUnreadable, Err: err,
			What: calendar.Text{JA: fmt.Sprintf("%s は SQLite のファイルではありません", o.path), EN: fmt.Sprintf("%s is no SQLite database", o.path)},
			Next: calendar.Text{JA: "ファイルの名前を確かめてください", EN: "see whether the name is right"}}
	}
	dsn := "file:" + (&url.URL{Path: name}).EscapedPath() + "?mode=ro&_pragma=query_only(1)&_pragma=trusted_schema(0)&_pragma=busy_timeout(5000)"
	db, err := try(ctx, dsn)
	if err == nil {
		return db, nil
	}
	// In a folder that may not be written to, SQLite cannot make the index of a write-ahead log. Where there is no log nothing
	// is missing without it.
	for _, beside := range []string{"-wal", "-journal"} {
		if _, e := os.Stat(name + beside); !errors.Is(e, fs.ErrNotExist) {
			return nil, err
		}
	}
	return try(ctx, dsn+"&immutable=1")
}

func try(ctx context.Context, dsn string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err == nil {
		// No other file can be read beside this one.
		_, err = sqlite.Limit(conn, limitAttached, 0)
		var n int
		err = errors.Join(err, conn.QueryRowContext(ctx, "select count(*) from sqlite_master").Scan(&n), conn.Close())
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// limitAttached is SQLITE_LIMIT_ATTACHED.
const limitAttached = 7

func (o *database) mode() string {
	if m := o.at.Query().Get("tls"); m != "" {
		return m
	}
	return o.engine.modes[0]
}

// where is the network and address of the server, and what the administrator has to have named.
func (o *database) where(port string) (network, address, named string) {
	if socket := o.at.Query().Get("socket"); socket != "" {
		return "unix", socket, socket
	}
	if p := o.at.Port(); p != "" {
		port = p
	}
	return "tcp", net.JoinHostPort(o.at.Hostname(), port), o.at.Hostname()
}

// dialTo connects to the server and to nothing else, whatever its driver reads out of the environment.
func dialTo(r *reading, network, address, named string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		if network == "unix" {
			if r.world.MayReach == nil || !r.world.MayReach(named) {
				return nil, forbidden(r.source.Origin(), named)
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		return dial(r)(ctx, network, address)
	}
}

func openPostgres(_ context.Context, r *reading, o *database, secret string) (*sql.DB, error) {
	network, address, named := o.where("5432")
	// What the environment says (PGHOST, PGSERVICE) is for people at a terminal; every part is said here.
	cfg, err := pgx.ParseConfig("postgres://x@localhost:5432/x?connect_timeout=30&sslmode=" + o.mode())
	if err != nil {
		return nil, err
	}
	host := o.at.Hostname()
	cfg.Host, cfg.User, cfg.Password, cfg.Database = host, o.at.User.Username(), secret, strings.Trim(o.at.Path, "/")
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.DialFunc = dialTo(r, network, address, named)
	if network == "unix" {
		cfg.Host, cfg.TLSConfig, cfg.Fallbacks = "localhost", nil, nil
	}
	if cfg.TLSConfig != nil {
		cfg.TLSConfig.ServerName = host
	}
	for _, f := range cfg.Fallbacks {
		f.Host = cfg.Host
		if f.TLSConfig != nil {
			f.TLSConfig.ServerName = host
		}
	}
	cfg.RuntimeParams = map[string]string{"application_name": "bod", "default_transaction_read_only": "on",
		"statement_timeout": strconv.FormatInt(r.source.common.timeout().Milliseconds(), 10), "TimeZone": r.world.Zone.String()}
	return stdlib.OpenDB(*cfg), nil
}

func openMySQL(_ context.Context, r *reading, o *database, secret string) (*sql.DB, error) {
	network, address, named := o.where("3306")
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = o.at.User.Username(), secret, network, address, strings.Trim(o.at.Path, "/")
	cfg.ParseTime, cfg.Loc, cfg.TLSConfig = true, time.UTC, o.mode()
	// TIMESTAMP is shown in the session's zone. Many servers know no zones by name; the offset of now is wrong for moments
	// in the other half of a year with summer time.
	cfg.Params = map[string]string{"time_zone": "'" + r.world.Now.In(r.world.Zone).Format("-07:00") + "'"}
	if network == "unix" {
		cfg.TLSConfig = "false"
	}
	cfg.Timeout, cfg.ReadTimeout = 30*time.Second, r.source.common.timeout()
	cfg.DialFunc = dialTo(r, network, address, named)
	// The driver's own log would go to standard error; whatever it tells comes back as an error as well.
	cfg.Logger = silent{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

type silent struct{}

func (silent) Print(...any) {}

// failed words what a database or its driver says.
func (o *database) failed(ctx context.Context, r *reading, err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return r.slow(err)
	}
	said := calendar.Text{JA: fmt.Sprintf("%s が「%s」と答えました", o.words(), clipLong(err.Error())), EN: fmt.Sprintf("%s answered: %s", o.words(), clipLong(err.Error()))}
	query := calendar.Text{JA: "query を確かめてください", EN: "look at query"}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		said = calendar.Text{JA: fmt.Sprintf("%s が「%s」と答えました", o.words(), clipLong(pe.Message)), EN: fmt.Sprintf("%s answered: %s", o.words(), clipLong(pe.Message))}
		switch {
		case pe.Code == "57014":
			return r.slow(err)
		case strings.HasPrefix(pe.Code, "28"), pe.Code == "3D000", pe.Code == "42501":
			query = calendar.Text{JA: "利用者、パスワード、読む権限を確かめてください", EN: "look at the user, the password and what the user may read"}
		}
		return &Problem{Code: CodeUnreadable, What: said, Next: query, Err: err}
	}
	if me, ok := errors.AsType[*mysql.MySQLError](err); ok {
		switch me.Number {
		case 1044, 1045, 1049, 1142, 1698:
			query = calendar.Text{JA: "利用者、パスワード、読む権限を確かめてください", EN: "look at the user, the password and what the user may read"}
		case 1969, 3024:
			return r.slow(err)
		}
		return &Problem{Code: CodeUnreadable, What: said, Next: query, Err: err}
	}
	if _, ok := errors.AsType[*sqlite.Error](err); ok {
		return &Problem{Code: CodeUnreadable, What: said, Next: query, Err: err}
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return &Problem{Code: CodeMissing, Err: err,
			What: calendar.Text{JA: fmt.Sprintf("%s につながりません", o.words()), EN: fmt.Sprintf("%s cannot be reached", o.words())},
			Next: calendar.Text{JA: "データベースのサーバーと、この機械のネットワークを確かめてください", EN: "look at the server and at this machine's network"}}
	}
	if w, ok := errors.AsType[worded](err); ok {
		return w
	}
	return &Problem{Code: CodeUnreadable, What: said, Next: query, Err: err}
}

// clipLong shortens an error of somebody else's.
func clipLong(s string) string {
	s = heading(s)
	if r := []rune(s); len(r) > 160 {
		return string(r[:159]) + "…"
	}
	return s
}
