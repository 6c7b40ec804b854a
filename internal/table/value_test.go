package table

import (
	"testing"
	"time"

	"bod/internal/calendar"
)

var tokyo = func() *time.Location {
	z, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		panic(err)
	}
	return z
}()

func number1(t *testing.T, s string) Value {
	t.Helper()
	v, ok := parseNumber(narrow(s))
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return v
}

func TestOf(t *testing.T) {
	tb, err := Of("x", []string{"得意先 コード", "金額（税込）", "日"},
		[]Value{TextOf("1001"), number1(t, "1,200円"), DateOf(calendar.Date{Year: 2026, Month: 11, Day: 25})},
		[]Value{TextOf("１００２"), number1(t, "△3.50"), {}})
	if err != nil {
		t.Fatal(err)
	}
	defer tb.Close()
	if tb.Len() != 2 {
		t.Fatal(tb.Len())
	}
	want := []Type{Text, Number, Date}
	for i, c := range tb.Columns() {
		if c.Type != want[i] {
			t.Errorf("%s is %s", c.Name, c.Type)
		}
	}
	var said []string
	for row, err := range tb.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		v, ok := row.Get("金額(税込)")
		if !ok {
			t.Fatal("the column is not found")
		}
		said = append(said, v.In(calendar.Japanese), v.Canonical())
	}
	if said[0] != "1,200" || said[1] != "1200" || said[2] != "-3.50" || said[3] != "-3.5" {
		t.Error(said)
	}
	x, ok, err := tb.Index("得意先コード")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	rows, err := x.Find(IntOf(1002))
	if err != nil || len(rows) != 1 || rows[0].Number() != 2 {
		t.Error(rows, err)
	}
}
