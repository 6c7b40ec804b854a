package table

import (
	"archive/zip"
	"bytes"
	"os"
	"strings"
	"testing"
)

const ordersBook = `得意先:text|コード:text|注文日:date|納期:time|納品先 会社名:text|納品先 住所:text|数量:number|単価:number|金額:number|確認:yes/no|時刻:text|率:number|枝番:text
5 株式会社アクメ商事|0012|2026年11月4日|2026年11月25日 10:30|アクメ倉庫|東京都|3|400|1,200|はい|10:30|0.08|0007
6 株式会社アクメ商事|0012|2026年11月5日|2026年11月26日 0:00|アクメ本社|東京都|2|0.1|0.2|いいえ|12:00|0.1|0012
7 ひばり製作所|0345|2026年11月6日|2026年11月27日 9:00|||1|1,200|1,200|はい|18:00|0.1|0345
8 しおかぜ|0400|2026年11月9日|2026年11月30日 17:00|しおかぜ|大阪府|10|1.5|15|いいえ|30:00|0|1000`

// A workbook of openpyxl, whose formulas have no results, and the same as LibreOffice saves it are one table.
func TestWorkbooks(t *testing.T) {
	digests := map[string]bool{}
	for _, name := range []string{"orders.xlsx", "orders-calc.xlsx"} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			b, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			o.write(name, string(b))
			tb := o.read(said{"file": name, "header": 4, "header_rows": 2})
			if got := shown(t, tb); got != ordersBook {
				t.Errorf("got\n%s\nwant\n%s", got, ordersBook)
			}
			digests[tb.Digest()] = true
			ps := tb.Problems()
			if len(ps) != 1 || !ps[0].Warning || !strings.Contains(ps[0].What.JA, "隠れた行が1行") {
				t.Error(words(ps))
			}
			// The title is no heading, and the error says so.
			if p := o.refused(said{"file": name}); p.Code != CodeColumns {
				t.Errorf("%+v", p)
			}
			// A formula that failed is told with its row.
			wrong := o.read(said{"file": name, "sheet": "誤り"})
			ps = wrong.Problems()
			if len(ps) != 1 || ps[0].Row != 3 || ps[0].Column != "金額" || !strings.Contains(ps[0].What.JA, "#N/A") {
				t.Errorf("%s\n%s", words(ps), shown(t, wrong))
			}
			if p := o.refused(said{"file": name, "sheet": "ない"}); !strings.Contains(p.Next.JA, "受注") {
				t.Errorf("%+v", p)
			}
			// Cut short anywhere it is refused.
			for _, n := range []int{10, len(b) / 2, len(b) - 1} {
				o.write("cut.xlsx", string(b[:n]))
				if p := o.refused(said{"file": "cut.xlsx"}); p.Code != CodeUnfinished {
					t.Errorf("%d bytes: %+v", n, p)
				}
			}
		})
	}
	if len(digests) != 1 {
		t.Error("the two have different digests")
	}
}

func TestCellsOfWorkbooks(t *testing.T) {
	o := newOffice(t)
	b, err := os.ReadFile("testdata/orders.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	o.write("見積/A社.xlsx", string(b))
	o.write("見積/B社.xlsx", string(b[:100]))
	o.write("見積/~$A社.xlsx", "x")
	tb := o.read(said{"files": "見積/*.xlsx", "sheet": "受注", "cells": map[string]string{"合計": "I5", "相手": "A5", "誤り": "誤り!B4"}})
	want := "ファイル:text|場所:text|合計:number|相手:text|誤り:number\n1 A社.xlsx|見積/A社.xlsx|1,200|株式会社アクメ商事|200\n2 B社.xlsx|見積/B社.xlsx|||"
	if got := shown(t, tb); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	ps := tb.Problems()
	if len(ps) != 1 || ps[0].Row != 2 || ps[0].Code != CodeUnfinished || Broken(ps) {
		t.Error(words(ps))
	}
}

func TestStyles(t *testing.T) {
	for code, want := range map[string]styleSort{
		"General": styleNumber, "#,##0": styleNumber, "0.00E+00": styleNumber, `#,##0"円"`: styleNumber, "0": styleNumber, "0.00": styleNumber,
		"yyyy/m/d": styleDate, `[$-411]ge\.m\.d;@`: styleDate, `yyyy"年"m"月"d"日"`: styleDate, "d-mmm-yy": styleDate, "mmm": styleDate,
		"yyyy/m/d h:mm": styleTime, "h:mm": styleClock, "[h]:mm": styleClock, "mm:ss": styleClock, "0000": styleDigits, "000-0000": styleNumber,
		"[Red]General": styleNumber, "@": styleText, `"No."0000`: styleNumber,
	} {
		if got := styleOf(200, code); got.sort != want {
			t.Errorf("%s is %d, want %d", code, got.sort, want)
		}
	}
}

// A small file that unpacks to a huge one is given up at max_size, wherever in it the bytes are.
func TestZipBombs(t *testing.T) {
	parts := map[string]string{
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Type="x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="x/sharedStrings" Target="sharedStrings.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns:r="r"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/sharedStrings.xml":       `<sst><si><t>番号</t></si>` + "@" + `</sst>`,
		"xl/worksheets/sheet1.xml":   `<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2"><v>12</v></c></row>@</sheetData></worksheet>`,
	}
	huge := strings.Repeat(" ", 3<<20)
	for _, bomb := range []string{"", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"} {
		o := newOffice(t)
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range sortedKeys(parts) {
			w, err := z.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(parts[name], "@", "", 1)
			if name == bomb {
				text = strings.Replace(parts[name], "@", huge, 1)
			}
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		o.write("a.xlsx", b.String())
		keys := said{"file": "a.xlsx", "max_size": 1 << 20}
		if bomb == "" {
			if got := shown(t, o.read(keys)); got != "番号:number\n2 12" && got != "番号:text\n2 12" {
				t.Errorf("got %s", got)
			}
			continue
		}
		if p := o.refused(keys); p.Code != CodeTooBig {
			t.Errorf("%s: %+v", bomb, p)
		}
	}
}
