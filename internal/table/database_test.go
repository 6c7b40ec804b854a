package table

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// needs skips a test that needs more than Go, or fails it where everything has to be there.
func needs(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("BOD_TEST_ALL") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// shared is a table that nobody here made. Such tables lie beside the project and not in it, for they are not ours to
// give away, and nothing installs them: where the folder is not there, the tests that read it are skipped with a word.
// Those tests are called TestReal….
func shared(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs("../../../shared/data/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(p)); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the folder %s with real tables is not here", filepath.Dir(p))
	}
	return p
}

// put makes a file of the machine one of the office's.
func (o *office) put(name, from string) {
	o.t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		o.t.Fatal(err)
	}
	o.write(name, string(b))
}

// plain asks SQLite itself.
func plainSQL(t *testing.T, file, query string) (n int, s string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var v any
	if err := db.QueryRow(query).Scan(&v); err != nil {
		t.Fatal(err)
	}
	if i, ok := v.(int64); ok {
		n = int(i)
	}
	return n, fmt.Sprint(v)
}

// Northwind's orders are what plain SQL says they are: 830, of which 21 never left and 37 left too late.
func TestRealNorthwind(t *testing.T) {
	file := shared(t, "northwind.sqlite")
	o := newOffice(t)
	o.put("nw.sqlite", file)
	tb := o.read(said{"database": "sqlite:nw.sqlite", "query": "select * from Orders"})
	n, _ := plainSQL(t, file, "select count(*) from Orders")
	if tb.Len() != n || n != 830 {
		t.Errorf("%d rows, plain SQL has %d", tb.Len(), n)
	}
	want := map[string]Type{"OrderID": Text, "OrderDate": Date, "RequiredDate": Date, "ShippedDate": Date, "Freight": Number, "ShipCountry": Text}
	for _, c := range tb.Columns() {
		if w, ok := want[c.Name]; ok && c.Type != w {
			t.Errorf("%s is %s, not %s", c.Name, c.Type, w)
		}
	}
	unshipped, late := 0, 0
	for row, err := range tb.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		shipped, _ := row.Get("ShippedDate")
		required, _ := row.Get("RequiredDate")
		c, ok := shipped.Compare(required)
		switch {
		case shipped.IsEmpty():
			unshipped++
		case ok && c > 0:
			late++
		}
	}
	if unshipped != 21 || late != 37 {
		t.Errorf("%d not shipped, %d late", unshipped, late)
	}
	// By rule, as an office writes it, it is the same rows; and plain SQL says so.
	for rule, query := range map[string]string{
		`ShippedDate == 空`: "select count(*) from Orders where ShippedDate is null",
		`ShippedDate != 空 かつ ShippedDate ＞ RequiredDate`: "select count(*) from Orders where ShippedDate > RequiredDate",
	} {
		want, _ := plainSQL(t, file, query)
		if got := broken(t, tb, nil, rule); got != want {
			t.Errorf("%s: %d, plain SQL has %d", rule, got, want)
		}
	}
	if ps := tb.Problems(); len(ps) > 0 {
		t.Error(words(ps))
	}
}

// broken counts the rows for which a rule holds; one that can't be judged is a failure.
func broken(t *testing.T, tb *Table, ts *Tables, src string) (n int) {
	t.Helper()
	r, ps := CompileRule(src, RuleScope{Columns: tb.Columns(), Source: func(name string) ([]Column, bool) {
		other, _ := ts.Table(t.Context(), name)
		return other.Columns(), true
	}})
	if r == nil {
		t.Fatalf("%s: %v", src, ps)
	}
	j := NewJudge(t.Context(), RuleWorld{Table: tb, Tables: ts})
	for row, err := range tb.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		yes, err := j.Holds(r, row)
		if err != nil {
			t.Fatalf("%s, %s: %v", src, row.Place().EN, err)
		}
		if yes {
			n++
		}
	}
	return n
}

// Chinook's 412 invoices are their lines, counted in decimals.
func TestRealChinook(t *testing.T) {
	o := newOffice(t)
	o.put("c.sqlite", shared(t, "chinook.sqlite"))
	ts := NewTables(o.world, map[string]*Source{
		"invoices": o.source(said{"database": "sqlite:c.sqlite", "query": "select * from Invoice"}),
		"lines":    o.source(said{"database": "sqlite:c.sqlite", "query": "select * from InvoiceLine"}),
	})
	defer ts.Close()
	invoices, ps := ts.Table(t.Context(), "invoices")
	if invoices == nil || len(ps) > 0 {
		t.Fatal(words(ps))
	}
	lines, ps := ts.Table(t.Context(), "lines")
	if lines == nil || len(ps) > 0 {
		t.Fatal(words(ps))
	}
	if again, _ := ts.Table(t.Context(), "lines"); again != lines {
		t.Error("a source was read twice")
	}
	of, ok, err := lines.Index("InvoiceId")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	right := 0
	for row, err := range invoices.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		id, _ := row.Get("InvoiceId")
		total, _ := row.Get("Total")
		found, err := of.Find(id)
		if err != nil {
			t.Fatal(err)
		}
		sum := IntOf(0).Number()
		for _, l := range found {
			price, _ := l.Get("UnitPrice")
			quantity, _ := l.Get("Quantity")
			sum = sum.Add(price.Number().Mul(quantity.Number()))
		}
		if sum.Equal(total.Number()) {
			right++
		}
	}
	if got := broken(t, invoices, ts, `Total != 合計("lines", UnitPrice * Quantity, InvoiceId)`); got != 0 {
		t.Errorf("by rule %d invoices are not their lines", got)
	}
	if got := broken(t, invoices, ts, `Total = 合計("lines", UnitPrice * Quantity, InvoiceId)`); got != 412 {
		t.Errorf("by rule %d invoices are their lines", got)
	}
	if invoices.Len() != 412 || right != 412 || lines.Len() != 2240 {
		t.Errorf("%d invoices, %d right, %d lines", invoices.Len(), right, lines.Len())
	}
}

// The same rows as a Shift_JIS CSV, as UTF-8 and as a workbook of openpyxl's have the digest that the database has.
func TestRealRowsFromEverySource(t *testing.T) {
	shared(t, "northwind.sqlite")
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import openpyxl").Run(); err != nil {
		needs(t, "python3-openpyxl is not there: %v", err)
	}
	for file, query := range map[string]string{
		"northwind.sqlite": "select OrderID, CustomerID, date(OrderDate) as Day, Freight, ShipVia, ShipPostalCode from Orders order by OrderID",
		"chinook.sqlite":   "select InvoiceId, CustomerId, date(InvoiceDate) as Day, BillingCountry, BillingPostalCode, Total from Invoice order by InvoiceId",
	} {
		t.Run(file, func(t *testing.T) { realRows(t, python, file, query) })
	}
}

func realRows(t *testing.T, python, file, query string) {
	o := newOffice(t)
	o.put("nw.sqlite", shared(t, file))
	cmd := exec.CommandContext(t.Context(), python, "-c", `
import csv, sqlite3, sys, datetime
from openpyxl import Workbook
c = sqlite3.connect("nw.sqlite").execute(sys.argv[1])
heads = [d[0] for d in c.description]
rows = c.fetchall()
for name, enc in (("a.csv", "cp932"), ("b.csv", "utf-8-sig"), ("c.csv", "utf-16")):
    with open(name, "w", encoding=enc, newline="") as f:
        w = csv.writer(f)
        w.writerow(heads)
        w.writerows(rows)
book = Workbook()
book.active.append(heads)
for r in rows:
    book.active.append([datetime.date.fromisoformat(v) if h == "Day" else v for h, v in zip(heads, r)])
book.save("d.xlsx")
`, query)
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := o.read(said{"database": "sqlite:nw.sqlite", "query": query})
	for _, name := range []string{"a.csv", "b.csv", "c.csv", "d.xlsx"} {
		tb := o.read(said{"file": name})
		if tb.Digest() != want.Digest() || tb.Len() != want.Len() {
			t.Errorf("%s is another table:\n%.600s\nthan\n%.600s", name, shown(t, tb), shown(t, want))
		}
		if ps := tb.Problems(); len(ps) > 0 {
			t.Error(name, words(ps))
		}
	}
}

func TestSQLite(t *testing.T) {
	o := newOffice(t)
	file := filepath.Join(o.dir, "a.sqlite")
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`pragma journal_mode=wal; create table t (id integer, name text, amount numeric, day text, at datetime, ok boolean, pic blob);
insert into t values (1, '0012', 12.50, '2026-11-25', '2026-11-25 10:30:00', 1, x'00ff'), (2, 'あ', null, null, null, 0, null)`); err != nil {
		t.Fatal(err)
	}
	// Somebody is at work on it; the log is not yet in the file.
	tb := o.read(said{"database": "sqlite:a.sqlite", "query": "select * from t"})
	if got := shown(t, tb); got != "id:text|name:text|amount:number|day:date|at:time|ok:yes/no|pic:empty\n1 1|0012|12.5|2026年11月25日|2026年11月25日 10:30|はい|\n2 2|あ||||いいえ|" {
		t.Errorf("got\n%s", got)
	}
	if ps := tb.Problems(); len(ps) != 1 || !ps[0].Warning || ps[0].Column != "pic" {
		t.Error(words(ps))
	}
	if p := o.refused(said{"database": "sqlite:a.sqlite", "query": "select nothing from t"}); p.Code != CodeUnreadable || !strings.Contains(p.What.JA, "nothing") {
		t.Errorf("%+v", p)
	}
	// A query that never ends is ended.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	endless := o.source(said{"database": "sqlite:a.sqlite", "query": "with recursive n(x) as (select 1 union all select x+1 from n) select count(*) from n"})
	if tb, ps := endless.Read(ctx, o.world); tb != nil || ps[0].Code != CodeSlow {
		t.Error(words(ps))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	o.write("b.sqlite", "no database")
	if p := o.refused(said{"database": "sqlite:b.sqlite", "query": "select 1"}); p.Code != CodeUnreadable {
		t.Errorf("%+v", p)
	}
	if p := o.refused(said{"database": "sqlite:nowhere.sqlite", "query": "select 1"}); p.Code != CodeMissing {
		t.Errorf("%+v", p)
	}
	// Nothing can be written, and no other file be read beside it, even where the words of the query are not looked at.
	for _, query := range []string{"insert into t (id) values (9)", "attach database '" + file + "' as other", "create table x (y)"} {
		s := o.source(said{"database": "sqlite:a.sqlite", "query": "select 1"})
		s.origin.(*database).query = query
		if tb, _ := s.Read(t.Context(), o.world); tb != nil {
			t.Errorf("%s was carried out", query)
		}
	}
	if n, _ := plainSQL(t, file, "select count(*) from t"); n != 2 {
		t.Errorf("%d rows now", n)
	}
}

// process is a database server of Debian's, with a folder and a socket of its own.
type process struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// start starts it; stop is the signal that ends it in order.
func (p *process) start(t *testing.T, stop syscall.Signal, name string, args ...string) {
	t.Helper()
	p.cmd = exec.Command(name, args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Signal(stop)
		done := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
		p.cmd.Wait()
		done.Stop()
	})
}

// until tries until the server answers.
func until(t *testing.T, p *process, try func() error) {
	t.Helper()
	var err error
	for range 600 {
		if err = try(); err == nil {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("the server doesn't answer: %v\n%s", err, p.out.String())
}

// short is a folder whose name is short enough for a socket.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "bod-db-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

const createRows = `create table orders (no varchar(10), day date, at timestamp, amount decimal(12,2), n int, ok boolean, memo text)`

const insertRows = `insert into orders values ('0012', '2026-11-25', '2026-11-25 10:30:00', 1200.50, 3, true, 'あ㈱'), ('A-1', null, null, null, null, false, null)`

const rowsShown = "1 0012|2026年11月25日|2026年11月25日 10:30|1,200.50|3|はい|あ㈱\n2 A-1|||||いいえ|"

func TestPostgreSQL(t *testing.T) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		needs(t, "PostgreSQL is not there: apt install postgresql")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir := short(t)
	// PostgreSQL refuses to be root; the folder is its user's.
	as := func(args ...string) []string { return args }
	if os.Getuid() == 0 {
		if out, err := exec.Command("chown", "nobody", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		as = func(args ...string) []string {
			return append([]string{"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"}, args...)
		}
	}
	data := filepath.Join(dir, "data")
	pw := filepath.Join(dir, "pw")
	if err := os.WriteFile(pw, []byte("geheim\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	init := as(filepath.Join(bin, "initdb"), "-D", data, "-U", "bod", "--pwfile="+pw, "--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	cmd := exec.Command(init[0], init[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := &process{}
	serve := as(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-p", "5432")
	p.start(t, syscall.SIGINT, serve[0], serve[1:]...)
	socket := filepath.Join(dir, ".s.PGSQL.5432")
	o := newOffice(t)
	o.reach = []string{socket}
	o.write("pw", "geheim\n")
	o.write("wrong", "x\n")
	keys := func(query string) said {
		return said{"database": "postgres://bod@/postgres?socket=" + socket, "secret_file": "pw", "query": query}
	}
	src := o.source(keys("select 1"))
	until(t, p, func() error {
		tb, ps := src.Read(t.Context(), o.world)
		if tb == nil {
			return errors.New(words(ps))
		}
		return tb.Close()
	})
	db, err := openPostgresFor(t, o, src)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{createRows, insertRows} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	checkServer(t, o, keys, "select pg_sleep(30)")
	bad := keys("select 1")
	bad["secret_file"] = "wrong"
	if p := o.refused(bad); p.Code != CodeUnreadable || strings.Contains(fmt.Sprint(p), "geheim") {
		t.Errorf("%+v", p)
	}
}

func openPostgresFor(t *testing.T, o *office, src *Source) (*sql.DB, error) {
	t.Helper()
	r := newReading(src, o.world)
	d := src.origin.(*database)
	db, err := openPostgres(t.Context(), r, d, "geheim")
	if err != nil {
		return nil, err
	}
	// The test writes what bod may only read.
	if _, err := db.Exec("set default_transaction_read_only = off"); err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func TestMariaDB(t *testing.T) {
	server, err := exec.LookPath("mariadbd")
	if err != nil {
		needs(t, "MariaDB is not there: apt install mariadb-server")
	}
	dir := short(t)
	data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "s")
	args := []string{"--no-defaults", "--datadir=" + data}
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	if out, err := exec.Command("mariadb-install-db", append(args, "--auth-root-authentication-method=normal", "--skip-test-db")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := &process{}
	p.start(t, syscall.SIGTERM, server, append(args, "--socket="+socket, "--skip-networking", "--pid-file="+filepath.Join(dir, "pid"), "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4")...)
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.Logger = "root", "unix", socket, silent{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	until(t, p, func() error { return db.PingContext(t.Context()) })
	for _, q := range []string{"create database erp", "use erp", "create user bod@localhost identified by 'geheim'", "grant all on *.* to bod@localhost",
		strings.Replace(createRows, "at timestamp", "at datetime", 1), insertRows} {
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(q); err != nil {
			t.Fatal(q, err)
		}
	}
	o := newOffice(t)
	o.reach = []string{socket}
	o.write("pw", "geheim\n")
	keys := func(query string) said {
		return said{"database": "mariadb://bod@/erp?socket=" + socket, "secret_file": "pw", "query": query, "types": map[string]string{}}
	}
	checkServer(t, o, keys, "select sleep(30)")
	o.write("wrong", "x\n")
	bad := keys("select 1")
	bad["secret_file"] = "wrong"
	if p := o.refused(bad); p.Code != CodeUnreadable || strings.Contains(fmt.Sprint(p), "geheim") {
		t.Errorf("%+v", p)
	}
}

// checkServer is what both servers have to do.
func checkServer(t *testing.T, o *office, keys func(string) said, slow string) {
	t.Helper()
	tb := o.read(keys("select * from orders order by no"))
	got := shown(t, tb)
	// MariaDB has no type of its own for yes and no.
	got = strings.ReplaceAll(strings.ReplaceAll(got, "|1|あ", "|はい|あ"), "|0|", "|いいえ|")
	if _, rows, _ := strings.Cut(got, "\n"); rows != rowsShown {
		t.Errorf("got\n%s\nwant\n%s", got, rowsShown)
	}
	want := []Type{Text, Date, Time, Number, Number}
	for i, w := range want {
		if c := tb.Columns()[i]; c.Type != w || !c.Given {
			t.Errorf("%s is %s", c.Name, c.Type)
		}
	}
	// It is read-only whatever the words are.
	s := o.source(keys("select 1"))
	s.origin.(*database).query = "insert into orders (no) values ('x')"
	if tb, ps := s.Read(t.Context(), o.world); tb != nil {
		t.Errorf("a row was written: %s", words(ps))
	}
	if n := o.read(keys("select * from orders")).Len(); n != 2 {
		t.Errorf("%d rows now", n)
	}
	if p := o.refused(keys("select nothing from orders")); p.Code != CodeUnreadable || !strings.Contains(p.What.JA, "nothing") {
		t.Errorf("%+v", p)
	}
	many := keys("select * from orders")
	many["max_rows"] = 1
	if p := o.refused(many); p.Code != CodeTooBig {
		t.Errorf("%+v", p)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if tb, ps := o.source(keys(slow)).Read(ctx, o.world); tb != nil || ps[len(ps)-1].Code != CodeSlow {
		t.Error(words(ps))
	}
	// A driver may still ask after the source was given up: the world of another test is another one.
	closed := *o.world
	closed.MayReach = nil
	if tb, ps := o.source(keys("select 1")).Read(t.Context(), &closed); tb != nil || ps[len(ps)-1].Code != CodeForbidden {
		t.Error(words(ps))
	}
}

// writeSQLite writes a database of n orders.
func writeSQLite(tb testing.TB, name string, n int) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+name)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(fmt.Sprintf(`create table orders (no integer, code text, name text, day text, n integer, amount numeric, state text);
with recursive i(x) as (select 1 union all select x+1 from i where x < %d)
insert into orders select x, printf('%%04d', x %% 700), '株式会社得意先', date('2026-01-01', x %% 300 || ' days'), x %% 100, x + 0.5, '未発送' from i`, n)); err != nil {
		tb.Fatal(err)
	}
}
