package table

import (
	"context"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
)

// whole reads any bytes as a format: there is a table or a problem, never a panic, and each row can be read and said.
func whole(f *testing.F, formatName string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 64<<10 {
			return
		}
		s := &Source{name: "x", origin: made{}, common: common{maxRows: 1000, maxSize: 4 << 20}}
		r := newReading(s, &World{Zone: tokyo, Language: calendar.Japanese})
		defer r.rows.close()
		if err := readContent(t.Context(), r, content{ReaderAt: strings.NewReader(string(b)), size: int64(len(b)), name: "x"}, shape{format: formatName, headings: 1}); err != nil {
			p := r.problem(err)
			if p.What.JA == "" || p.Next.JA == "" || p.What.EN == "" || p.Next.EN == "" {
				t.Errorf("%v says nothing", err)
			}
			return
		}
		tb, err := r.table()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for row, err := range tb.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			n++
			for i, v := range row.Values() {
				if c := tb.columns[i]; v.Type() != c.Type && !v.IsEmpty() && c.Type != Empty && len(row.Problems()) == 0 && len(tb.bad) < maxBad {
					t.Errorf("row %d: a %s in the column %s of %s, and nothing is told", row.Number(), v.Type(), c.Name, c.Type)
				}
				if !v.Equal(v) || v.Type() != Text && strings.ContainsFunc(v.In(calendar.Japanese)+v.Canonical(), func(r rune) bool { return r == utf8.RuneError }) {
					t.Errorf("%#v", v)
				}
			}
		}
		if n != tb.Len() {
			t.Errorf("%d of %d rows", n, tb.Len())
		}
		again := newReading(s, &World{Zone: tokyo, Language: calendar.Japanese})
		if err := readContent(context.WithoutCancel(t.Context()), again, content{ReaderAt: strings.NewReader(string(b)), size: int64(len(b)), name: "x"}, shape{format: formatName, headings: 1}); err != nil {
			t.Fatal(err)
		}
		if tb2, err := again.table(); err != nil || tb2.Digest() != tb.Digest() {
			t.Errorf("read twice it is another table: %v", err)
		}
	})
}

func FuzzCSV(f *testing.F) {
	whole(f, "csv", orderList, "a,b\n1\n", "a;b\n\"x\n", "\xFF\xFEa\x00,\x00", "あ,い\n\x81\xFF,1\n", "a,b,c,d\n0,2026/1/1,TRUE,1e5\n-,R8.1.1,,(1)\n")
}

func FuzzJSON(f *testing.F) {
	whole(f, "json", jsonRows, `[{"a":{"b":[1]}}]`, `[{}]`, `[{"a":1e400,"b":-0.0,"A":"x"}]`)
}

func FuzzJSONLines(f *testing.F) { whole(f, "jsonl", "{\"a\":1}\n{\"b\":null}\n", "{") }

func FuzzWorkbook(f *testing.F) {
	b, err := os.ReadFile("testdata/orders.xlsx")
	if err != nil {
		f.Fatal(err)
	}
	whole(f, "xlsx", string(b), string(b[:200]), "PK\x05\x06"+strings.Repeat("\x00", 18))
}

// What is said of a value is what it is: sniffing and reading agree, and a number's own words read back as it.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"1,200円", "¥1,200-", "△1,200", "(1,200)", "12%", "0012", "1.50", "令和8年11月25日", "R8.11.25(水)", "2026/11/25 10:30", "2026-11-25T10:30:00.5+09:00", "11/25", "20261125", "TRUE", "１２３", "-0", "999999999999999999999.9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := TextOf(s)
		if v.IsEmpty() {
			return
		}
		saw := sniff(v.Text())
		for typ, bit := range map[Type]fits{Number: fitsNumber, Date: fitsDate, Time: fitsTime} {
			if saw&bit == 0 {
				continue
			}
			got, ok := fit(cell{Value: v}, typ, tokyo)
			if !ok || got.Type() != typ {
				t.Errorf("%q looks like a %s and is none", s, typ)
				continue
			}
			if got.Canonical() == "" || got.In(calendar.English) == "" {
				t.Errorf("%q says nothing", s)
			}
			if typ == Number {
				back, ok := parseNumber(got.In(calendar.Japanese))
				if !ok || !back.Equal(got) || back.Canonical() != got.Canonical() {
					t.Errorf("%q is %s, which reads as %s", s, got.In(calendar.Japanese), back.Canonical())
				}
			}
		}
	})
}

// The short ways of tidy and Normal give what the long ones do.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"株式会社アクメ商事", "ｱｸﾒ　商事", "が", "か\u3099", "①㈱〜−", "ヷヸー・、。〈〉", "A  b", "Å\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		if got := tidy(s); !norm.NFC.IsNormalString(got) {
			t.Errorf("%q is not NFC", got)
		}
		want := strings.Join(strings.Fields(norm.NFKC.String(lookalikes.Replace(s))), " ")
		if got := Normal(s); got != want {
			t.Errorf("%q is %q, not %q", s, got, want)
		}
	})
}
