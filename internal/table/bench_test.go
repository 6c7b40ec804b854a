package table

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// manyOrders writes a CSV of n rows as an order system exports it.
func manyOrders(tb testing.TB, name string, n int, note string) {
	tb.Helper()
	f, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "注文番号,得意先コード,得意先,注文日,納期,数量,金額,状態,備考")
	for i := range n {
		fmt.Fprintf(w, "%d,%04d,株式会社得意先%d,2026/%d/%d,2026-12-%02d,%d,\"%d,%03d\",未発送,%s\n", 100000+i, i%700, i%700, 1+i%12, 1+i%28, 1+i%28, i%100, 1+i%900, i%1000, note)
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, old, old); err != nil {
		tb.Fatal(err)
	}
}

func benchOffice(b *testing.B) (string, *World) {
	dir := b.TempDir()
	return dir, &World{Now: time.Now(), Zone: tokyo, Open: func(p string) (*os.File, error) { return os.Open(filepath.Join(dir, p)) }}
}

func benchSource(b *testing.B, keys said) *Source {
	s := &toldSettings{said: keys}
	src := Decode("x", s, nil)
	if src == nil {
		b.Fatal(s.told)
	}
	return src
}

const benchRows = 20_000

// The floor: encoding/csv alone, without encodings, types or anything that is looked at.
func BenchmarkBareCSV(b *testing.B) {
	dir, _ := benchOffice(b)
	manyOrders(b, filepath.Join(dir, "a.csv"), benchRows, "")
	for b.Loop() {
		f, err := os.Open(filepath.Join(dir, "a.csv"))
		if err != nil {
			b.Fatal(err)
		}
		in := csv.NewReader(f)
		in.ReuseRecord = true
		for {
			if _, err := in.Read(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		f.Close()
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// readAndWalk reads a source and goes once through its rows.
func readAndWalk(b *testing.B, w *World, src *Source) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		t, ps := src.Read(b.Context(), w)
		if t == nil {
			b.Fatal(words(ps))
		}
		n := 0
		for _, err := range t.Rows() {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != benchRows {
			b.Fatal(n)
		}
		t.Close()
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkCSV(b *testing.B) {
	dir, w := benchOffice(b)
	manyOrders(b, filepath.Join(dir, "a.csv"), benchRows, "")
	readAndWalk(b, w, benchSource(b, said{"file": "a.csv"}))
}

func BenchmarkShiftJIS(b *testing.B) {
	dir, w := benchOffice(b)
	name := filepath.Join(dir, "a.csv")
	manyOrders(b, name, benchRows, "")
	text, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(cp932Of(b, string(text))), 0o600); err != nil {
		b.Fatal(err)
	}
	w.Played = true
	readAndWalk(b, w, benchSource(b, said{"file": "a.csv"}))
}

func BenchmarkJSONLines(b *testing.B) {
	dir, w := benchOffice(b)
	var text strings.Builder
	for i := range benchRows {
		fmt.Fprintf(&text, `{"注文番号":"A%d","得意先コード":"%04d","得意先":"株式会社得意先%d","注文日":"2026-11-%02d","数量":%d,"金額":%d.50,"済":%t}`+"\n", i, i%700, i%700, 1+i%28, i%100, i, i%2 == 0)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	w.Played = true
	readAndWalk(b, w, benchSource(b, said{"file": "a.jsonl"}))
}

func BenchmarkWorkbook(b *testing.B) {
	dir, w := benchOffice(b)
	book := excelize.NewFile()
	s, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchRows + 1 {
		row := []any{"注文番号", "得意先コード", "得意先", "数量", "金額", "状態"}
		if i > 0 {
			row = []any{100000 + i, fmt.Sprintf("%04d", i%700), fmt.Sprintf("株式会社得意先%d", i%700), i % 100, float64(i) + 0.5, "未発送"}
		}
		if err := s.SetRow(fmt.Sprintf("A%d", i+1), row); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := book.SaveAs(filepath.Join(dir, "a.xlsx")); err != nil {
		b.Fatal(err)
	}
	w.Played = true
	readAndWalk(b, w, benchSource(b, said{"file": "a.xlsx"}))
}

func BenchmarkSQLite(b *testing.B) {
	dir, w := benchOffice(b)
	writeSQLite(b, filepath.Join(dir, "a.sqlite"), benchRows)
	readAndWalk(b, w, benchSource(b, said{"database": "sqlite:a.sqlite", "query": "select * from orders"}))
}

// A large CSV takes no more memory than a small one: what is kept of it lies in a file. BOD_TEST_ROWS says how many rows,
// a million where it is to be shown:
//
//	BOD_TEST_ROWS=1000000 go test ./internal/table -run TestMemory -v
func TestMemory(t *testing.T) {
	n, note := 30_000, strings.Repeat("x", 280)
	if v := os.Getenv("BOD_TEST_ROWS"); v != "" {
		if _, err := fmt.Sscan(v, &n); err != nil {
			t.Fatal(err)
		}
		note = ""
	}
	o := newOffice(t)
	manyOrders(t, filepath.Join(o.dir, "a.csv"), n, note)
	src := o.source(said{"file": "a.csv"})
	highest, told := uint64(0), 0
	look := func() {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		highest = max(highest, m.HeapInuse)
	}
	o.world.Progress = func(_ string, rows int) {
		if told++; rows < 100_000 || told%8 == 0 {
			look()
		}
	}
	start := time.Now()
	tb, ps := src.Read(t.Context(), o.world)
	if tb == nil {
		t.Fatal(words(ps))
	}
	defer tb.Close()
	read := time.Since(start)
	rows := 0
	for row, err := range tb.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if rows++; rows%10_000 == 0 {
			look()
		}
		if v := row.Value(6); v.Type() != Number {
			t.Fatalf("%s: %s", row.Place().EN, v.Type())
		}
	}
	if rows != n || tb.Len() != n || told == 0 {
		t.Errorf("%d rows, %d told", rows, told)
	}
	if tb.rows.file == nil {
		t.Error("all of it is in memory")
	}
	t.Logf("%d rows: read in %v (%.0f rows/s), gone through in %v, at most %d MB of memory", n, read.Round(time.Millisecond), float64(n)/read.Seconds(), (time.Since(start) - read).Round(time.Millisecond), highest>>20)
	if highest > 128<<20 {
		t.Errorf("%d MB of memory", highest>>20)
	}
}
