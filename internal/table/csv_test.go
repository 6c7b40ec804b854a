package table

import (
	"maps"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

const orderList = "注文番号,得意先コード,得意先,注文日,納期,金額（税込）,値引,備考\r\n" +
	"10248,0012,㈱アクメ商事,2026/11/04,令和8年11月25日,\"1,200円\",△100,～至急～\r\n" +
	"10249,0345,ひばり 製作所,2026-11-05,R8.12.1,￥3450,,\"改行\r\nあり\"\r\n" +
	"\r\n" +
	"10250,0012,ｱｸﾒ,2026年11月6日,2026/12/02,\"(1,000)\",0,\r\n"

const ordersShown = `注文番号:text|得意先コード:text|得意先:text|注文日:date|納期:date|金額（税込）:number|値引:number|備考:text
2 10248|0012|㈱アクメ商事|2026年11月4日|2026年11月25日|1,200|-100|～至急～
3 10249|0345|ひばり 製作所|2026年11月5日|2026年12月1日|3,450||改行
あり
6 10250|0012|ｱｸﾒ|2026年11月6日|2026年12月2日|-1,000|0|`

func cp932(t *testing.T, s string) string { return cp932Of(t, s) }

func cp932Of(t testing.TB, s string) string {
	t.Helper()
	out, err := japanese.ShiftJIS.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func utf16(t *testing.T, s string, big bool, bom unicode.BOMPolicy) string {
	t.Helper()
	e := unicode.LittleEndian
	if big {
		e = unicode.BigEndian
	}
	out, err := unicode.UTF16(e, bom).NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The same table is read from every encoding and with every delimiter, found out or said, with one digest.
func TestEncodingsAndDelimiters(t *testing.T) {
	o := newOffice(t)
	o.write("want.csv", orderList)
	want := o.read(said{"file": "want.csv"})
	if got := shown(t, want); got != ordersShown {
		t.Fatalf("got\n%s\nwant\n%s", got, ordersShown)
	}
	if ps := want.Problems(); len(ps) > 0 {
		t.Error(words(ps))
	}
	// Tabs and semicolons stand for the commas between fields only.
	with := func(d string) string {
		var b strings.Builder
		quoted := false
		for _, r := range orderList {
			if r == '"' {
				quoted = !quoted
			}
			if r == ',' && !quoted {
				b.WriteString(d)
				continue
			}
			b.WriteRune(r)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, file, text string
		more             said
	}{
		{"utf-8 with mark", "a.csv", "\uFEFF" + orderList, nil},
		{"shift_jis", "b.csv", cp932(t, orderList), nil},
		{"shift_jis, said", "c.csv", cp932(t, orderList), said{"encoding": "cp932"}},
		{"utf-16le with mark", "d.csv", utf16(t, orderList, false, unicode.UseBOM), nil},
		{"utf-16be with mark", "e.csv", utf16(t, orderList, true, unicode.UseBOM), nil},
		{"tab", "f.csv", with("\t"), nil},
		{"tab, tsv", "g.tsv", cp932(t, with("\t")), nil},
		{"semicolon", "h.csv", with(";"), nil},
		{"semicolon, said", "i.txt", with(";"), said{"delimiter": ";"}},
		{"line feeds", "j.csv", strings.ReplaceAll(orderList, "\r\n", "\n"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.write(c.file, c.text)
			keys := said{"file": c.file}
			maps.Copy(keys, c.more)
			tb := o.read(keys)
			if got := strings.ReplaceAll(shown(t, tb), "～", "〜"); got != strings.ReplaceAll(ordersShown, "～", "〜") {
				t.Errorf("got\n%s", got)
			}
			if c.name != "line feeds" && tb.Digest() != want.Digest() {
				t.Error("another digest")
			}
			if ps := tb.Problems(); len(ps) > 0 {
				t.Error(words(ps))
			}
		})
	}
}

// What is wrong in a file is told with its place, and never becomes an empty table or another value.
func TestDamagedCSV(t *testing.T) {
	o := newOffice(t)
	big := strings.Repeat("これは正しい行です,1\n", 50)
	for _, c := range []struct {
		name, text string
		refused    bool
		code       Code
		row        int
		says       string
	}{
		{"nothing", "", true, CodeUnfinished, 0, "空（0バイト）"},
		{"blank", "\n\n\n", true, CodeUnfinished, 0, "見出し"},
		{"cut in a field", "番号,金額\n1,10\n2", true, CodeUnfinished, 0, "3行目の途中"},
		{"cut in quotes", "番号,金額\n1,\"10\n2,3\n", true, CodeUnfinished, 0, "2行目で始まる"},
		{"a stray quote", "番号,金額\n1,1\"0\n2,3\n", true, CodeUnreadable, 0, "2行目"},
		{"too few", "番号,金額\n1\n2,3\n", false, CodeUnreadable, 2, "1個しか"},
		{"too many", "番号,金額\n1,2,3\n2,3\n", false, CodeUnreadable, 2, "3個の値"},
		{"a title", "受注一覧\n\n番号,金額,日\n1,2,2026/11/25\n", true, CodeColumns, 0, "見出しは3行目"},
		{"a byte", "名前,数\n" + big + "こわれ\xE3\x81,3\n", false, CodeUnreadable, 52, "「名前」に読めない文字"},
		{"a byte in shift_jis", cp932(t, "名前,数\n正しい行です,1\n") + "\x81\xFF,2\n", false, CodeUnreadable, 3, "「名前」に読めない文字"},
		{"a value", "番号,金額\n1,10\n2,約20\n3,30\n", false, CodeValue, 3, "「約20」は数として読めません"},
		{"a date that never was", "日,数\n2026/11/30,1\n2026/11/31,2\n2026/12/01,3\n", false, CodeValue, 3, "「2026/11/31」は日付として"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.write("x.csv", c.text)
			var p Problem
			if c.refused {
				p = o.refused(said{"file": "x.csv"})
			} else {
				tb := o.read(said{"file": "x.csv"})
				ps := tb.Problems()
				if len(ps) == 0 {
					t.Fatalf("no problem in\n%s", shown(t, tb))
				}
				p = ps[0]
				for row, err := range tb.Rows() {
					if err != nil {
						t.Fatal(err)
					}
					if (len(row.Problems()) > 0) != (row.Number() == c.row) {
						t.Errorf("row %d: %s", row.Number(), words(row.Problems()))
					}
				}
			}
			if p.Code != c.code || p.Row != c.row || !strings.Contains(p.What.JA, c.says) {
				t.Errorf("%+v", p)
			}
		})
	}
}
