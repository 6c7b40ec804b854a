package jobs

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/japanese"
	_ "modernc.org/sqlite" // plain SQL, to hold a report against

	"bod/internal/calendar"
	"bod/internal/ledger"
)

const salesHead = "受注番号,受注日,得意先,担当,品名,数量,単価,状態\r\n"

// salesRows are two months of an office's sales.
var salesRows = []string{
	"10248,2026/10/02,株式会社アクメ商事,小川,ノートPC 14型,10,98000,出荷済",
	"10249,2026/10/05,みなと物産株式会社,高木,サーバー更新一式,1,1243000,出荷済",
	"10250,2026/10/09,ひばり工業株式会社,小川,モニター 27型,6,32000.5,出荷済",
	"10253,2026/10/23,さくら商会,森,複合機リース,1,45000,キャンセル",
	"10254,2026/10/26,若葉電機株式会社,森,UPS 1500VA,3,52000,出荷済",
	"10255,2026/11/02,株式会社アクメ商事,小川,ノートPC 14型,12,98000,出荷済",
	"10256,2026/11/04,みなと物産株式会社,高木,保守部品,5,7800,出荷済",
	"10257,2026/11/06,ひばり工業株式会社,小川,モニター 27型,15,32000.5,出荷済",
	"10258,2026/11/10,港南運輸株式会社,佐々木,ハンディ端末,20,41000,手配中",
	"10260,2026/11/17,株式会社アクメ商事,小川,\"=HYPERLINK(\"\"http://evil.example\"\")\",1,1380000,手配中",
}

// salesList is a list in Shift_JIS, as a Japanese order system exports it.
func salesList(t testing.TB, rows ...string) string {
	t.Helper()
	s, err := japanese.ShiftJIS.NewEncoder().String(salesHead + strings.Join(rows, "\r\n") + "\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// salesReport is a report with the keys that are given.
func salesReport(keys string) string {
	return "\n[source.sales]\nfile = \"data/sales.csv\"\n[job.sales]\nkind = \"report\"\ntitle = \"受注の報告\"\nowner = \"sato\"\nwhen = \"毎月最終営業日 16:00\"\nabout = \"当月\"\nsource = \"sales\"\n" + keys
}

const byPerson = `to = ["tanaka", "ogawa"]
date = "受注日"
where = '状態 != "キャンセル"'
group = "担当"
total = ["金額 = 数量 * 単価"]
sort = ["金額 大きい順"]
chart = "金額"
attach_as = "受注_{about.compact}.xlsx"
`

const asList = `to = ["tanaka"]
columns = ["受注番号", "得意先", "品名", "受注日", "金額 = 数量 * 単価"]
where = '状態 != "キャンセル"'
sort = ["金額の大きい順"]
total = ["金額"]
limit = 3
attach_as = "受注_{about.compact}.csv"
`

func salesFiles(t testing.TB) map[string]string {
	return map[string]string{"data/sales.csv": salesList(t, salesRows...)}
}

var reportDay = tokyo(2026, 11, 30, 16, 0)

// reported prepares a report of November that has to come out.
func reported(t *testing.T, keys string, files map[string]string) (*office, *World, Draft) {
	t.Helper()
	o := newOffice(t, salesReport(keys), files)
	w := o.rowWorld("sales", "2026-11", reportDay)
	p := o.prepare(w)
	if len(p.Missing) > 0 || len(p.Drafts) != 1 {
		t.Fatalf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
	}
	return o, w, p.Drafts[0]
}

func has(t *testing.T, what, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q:\n%s", what, want, text)
		}
	}
}

func lacks(t *testing.T, what, text string, nots ...string) {
	t.Helper()
	for _, not := range nots {
		if strings.Contains(text, not) {
			t.Errorf("%s has %q:\n%s", what, not, text)
		}
	}
}

// TestReportBySomebody: one line for each person with its subtotal, the largest first; only the period's rows, only those
// that where lets through, and every row in the workbook.
func TestReportBySomebody(t *testing.T) {
	o, w, d := reported(t, byPerson, salesFiles(t))
	has(t, "the mail", d.Letter.Text, "　件数：5件\n　金額：3,895,007.5\n", "1. 小川　件数：3　金額：3,036,007.5\n2. 佐々木　件数：1　金額：820,000.0\n3. 高木　件数：1　金額：39,000.0\n\n合計　件数：5　金額：3,895,007.5\n",
		"前回の記録がないので、比べていません。", "添付：受注_202611.xlsx", "各位")
	lacks(t, "the mail", d.Letter.Text, "森", "さくら", "\ue000", "{", "│", "─")
	house(t, calendar.Japanese, d.Letter.Subject, d.Letter.Text)
	if d.Letter.Subject != "受注の報告 2026年11月（5件）" {
		t.Error(d.Letter.Subject)
	}
	m, s := o.render(w, d)
	if len(m.Recipients) != 2 || len(s.files) != 1 || s.files[0].name != "受注_202611.xlsx" {
		t.Errorf("to %v, with %v", m.Recipients, s.files)
	}
	if again := o.prepare(w).Drafts[0]; Digest(again.Inputs) != Digest(d.Inputs) || again.Letter.Text != d.Letter.Text ||
		!bytes.Equal(again.Letter.Files[0].Data, d.Letter.Files[0].Data) || !bytes.Equal(again.Letter.Images[0].Data, d.Letter.Images[0].Data) {
		t.Error("the same rows give another report")
	}

	f, err := excelize.OpenReader(bytes.NewReader(d.Letter.Files[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if names := f.GetSheetList(); !slices.Equal(names, []string{"受注の報告", "集計"}) {
		t.Errorf("the sheets are %v", names)
	}
	rows, err := f.GetRows("受注の報告")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"受注番号 受注日 得意先 担当 品名 数量 単価 状態 金額", "10260 2026/11/17 株式会社アクメ商事 小川 =HYPERLINK(\"http://evil.example\") 1 1,380,000 手配中 1,380,000.0"}
	if len(rows) != 6 || strings.Join(rows[0], " ") != want[0] || strings.Join(rows[1], " ") != want[1] {
		t.Errorf("the workbook has %d rows: %q", len(rows), rows)
	}
	if formula, _ := f.GetCellFormula("受注の報告", "E2"); formula != "" {
		t.Errorf("E2 is worked out: %s", formula)
	}
	if kind, _ := f.GetCellType("受注の報告", "I2"); kind != excelize.CellTypeNumber && kind != excelize.CellTypeUnset {
		t.Errorf("an amount is of the type %v", kind)
	}
	if p, err := f.GetPanes("受注の報告"); err != nil || !p.Freeze || p.YSplit != 1 {
		t.Errorf("the heading does not stay: %+v %v", p, err)
	}
	sums, err := f.GetRows("集計")
	if err != nil || len(sums) != 5 || strings.Join(sums[4], " ") != "合計 5 3,895,007.5" {
		t.Errorf("the subtotals are %q, %v", sums, err)
	}
	// And as a program that is neither ours nor excelize reads it.
	const python = "/usr/bin/python3" // Debian's module belongs to Debian's own, which need not be the first on the path
	if err := exec.CommandContext(t.Context(), python, "-c", "import openpyxl").Run(); err != nil {
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatal("python3-openpyxl is not there")
		}
		t.Skip("python3-openpyxl is not there")
	}
	file := filepath.Join(t.TempDir(), "a.xlsx")
	if err := os.WriteFile(file, d.Letter.Files[0].Data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", `
import openpyxl, sys
w = openpyxl.load_workbook(sys.argv[1])
s = w.worksheets[0]
print(s.freeze_panes, s["A2"].value, type(s["B2"].value).__name__, s["E2"].data_type, s["I2"].value, s["I2"].number_format, sum(r[8].value for r in s.iter_rows(min_row=2)), w.worksheets[1]["C5"].value)`, file).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "A2 10260 datetime s 1380000 #,##0.0 3895007.5 3895007.5" {
		t.Errorf("openpyxl reads %q, %v", got, err)
	}
}

// TestReportList: the largest rows, how many more there are with their total, and all of them in the CSV.
func TestReportList(t *testing.T) {
	_, _, d := reported(t, asList, salesFiles(t))
	has(t, "the mail", d.Letter.Text, "・受注番号：10260　得意先：株式会社アクメ商事\n", "　受注日：2026/11/02　金額：1,176,000.0\n", "・ほか6件　金額：2,667,010.5\n", "合計（9件）　金額：6,466,010.5\n")
	lacks(t, "the mail", d.Letter.Text, "10248", "1. ", "10,260")
	house(t, calendar.Japanese, d.Letter.Subject, d.Letter.Text)
	has(t, "the HTML", d.Letter.HTML, ">10260</td>", ">得意先</th>", ">ほか6件</td>", ">1,380,000.0</td>")
	if len(d.Letter.Images) != 0 {
		t.Error("nobody asked for a chart")
	}
	text := string(d.Letter.Files[0].Data)
	if d.Letter.Files[0].Name != "受注_202611.csv" || !strings.HasPrefix(text, "\ufeff受注番号,得意先,品名,受注日,金額\r\n") {
		t.Errorf("the CSV %s begins %.80q", d.Letter.Files[0].Name, text)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 10 || !slices.Equal(rows[1], []string{"10260", "株式会社アクメ商事", `'=HYPERLINK("http://evil.example")`, "2026-11-17", "1380000"}) {
		t.Errorf("the CSV has %d rows: %q %v", len(rows), rows[1], err)
	}

	_, _, d = reported(t, asList+"encoding = \"Shift_JIS\"\n", salesFiles(t))
	if b, err := japanese.ShiftJIS.NewDecoder().Bytes(d.Letter.Files[0].Data); err != nil || !strings.HasPrefix(string(b), "受注番号,得意先") {
		t.Errorf("not Shift_JIS: %.40q %v", b, err)
	}
}

// TestReportGroupsWithRows: each person's rows below the subtotal, each cut by itself.
func TestReportGroupsWithRows(t *testing.T) {
	_, _, d := reported(t, `to = ["tanaka"]
columns = ["受注番号", "品名", "数量"]
group = "担当"
total = ["数量"]
sort = ["件数 多い順", "受注番号"]
limit = 2
`, salesFiles(t))
	has(t, "the mail", d.Letter.Text, "■ 小川（5件）　数量：44\n・受注番号：10248　品名：ノートPC 14型　数量：10\n・受注番号：10250　品名：モニター 27型　数量：6\n・ほか3件\n\n■ 高木（2件）　数量：6\n", "■ 佐々木（1件）　数量：20\n・受注番号：10258", "合計（10件）　数量：74\n")
	if len(d.Letter.Files) != 0 {
		t.Error("nobody asked for a file")
	}
}

// TestReportOfNothing is a report, and no silence.
func TestReportOfNothing(t *testing.T) {
	for _, keys := range []string{byPerson, asList + "date = \"受注日\"\n"} {
		o := newOffice(t, salesReport(keys), salesFiles(t))
		w := o.rowWorld("sales", "2026-12", tokyo(2026, 12, 28, 16, 0))
		p := o.prepare(w)
		if len(p.Missing) > 0 || len(p.Drafts) != 1 {
			t.Fatalf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
		}
		d := p.Drafts[0]
		has(t, "the mail", d.Letter.Subject+d.Letter.Text, "2026年12月（0件）", "　件数：0件\n", "該当するものはありませんでした。")
		lacks(t, "the mail", d.Letter.Text, "\n\n\n", "合計")
		if len(d.Letter.Images) != 0 || len(d.Letter.Files) != 1 || p.Said != "0件、金額 0" {
			t.Errorf("%d pictures, %d files, said %q", len(d.Letter.Images), len(d.Letter.Files), p.Said)
		}
		o.render(w, d)
	}
}

// TestReportWaits: a row that can't be told or added up is never left out of a total.
func TestReportWaits(t *testing.T) {
	for name, c := range map[string]struct{ keys, row, says string }{
		"an amount is missing":    {byPerson, "10270,2026/11/20,A,小川,x,,98000,出荷済", "表「sales」の12行目：「数量」が空です"},
		"a total has a gap":       {"to = [\"tanaka\"]\ngroup = \"担当\"\ntotal = [\"単価\"]\n", "10270,2026/11/20,A,小川,x,1,,出荷済", "12行目：「単価」が空なので、合計できません"},
		"an amount is a word":     {"to = [\"tanaka\"]\ngroup = \"担当\"\ntotal = [\"単価\"]\n", "10270,2026/11/20,A,小川,x,1,応相談,出荷済", "12行目：「単価」の「応相談」は数として読めません"},
		"a date is a word":        {byPerson, "10270,未定,A,小川,x,1,1,出荷済", "12行目：「受注日」の「未定」は日付として読めません"},
		"a character has no code": {asList + "encoding = \"Shift_JIS\"\n", "10270,2026/11/20,髙木商店🍣,小川,x,1,1,出荷済", "添付ファイル「受注_202611.csv」を作れません"},
	} {
		o := newOffice(t, salesReport(c.keys), map[string]string{"data/sales.csv": salesHead + strings.Join(append(slices.Clone(salesRows), c.row), "\r\n") + "\r\n"})
		p := o.prepare(o.rowWorld("sales", "2026-11", reportDay))
		if len(p.Drafts) != 0 || !strings.Contains(texts(p.Missing), c.says) {
			t.Errorf("%s: %d drafts, %s", name, len(p.Drafts), texts(p.Missing))
		}
	}
	// An empty day is of no period yet, and says nothing.
	_, _, d := reported(t, byPerson, map[string]string{"data/sales.csv": salesList(t, append(slices.Clone(salesRows), "10270,,A,小川,x,1,1,出荷済")...)})
	has(t, "the mail", d.Letter.Text, "件数：5件")
	// Many such rows are not all named.
	var many []string
	for n := range 40 {
		many = append(many, fmt.Sprintf("%d,2026/11/20,A,小川,x,,1,出荷済", n))
	}
	o := newOffice(t, salesReport(byPerson), map[string]string{"data/sales.csv": salesList(t, append(many, salesRows...)...)})
	if p := o.prepare(o.rowWorld("sales", "2026-11", reportDay)); len(p.Missing) != troubleRows+1 || !strings.Contains(texts(p.Missing), "ほか35行") {
		t.Error(texts(p.Missing))
	}
}

// TestReportDecode: what is wrong is told with its place, and nothing that nobody acts on is taken.
func TestReportDecode(t *testing.T) {
	const ofTable = 7 // the first ones are about the table as it is now: told, and no reason to refuse the file
	for i, c := range []struct{ keys, at, says string }{
		{"to = [\"tanaka\"]\ncolumns = [\"単価 = 数量 * 2\"]\n", ":12:", "もともと表「sales」にある列"},
		{"to = [\"tanaka\"]\ncolumns = [\"受注番号\", \"金額 = 数量 * たんか\"]\n", ":12:31:", "たんか"},
		{"to = [\"tanaka\"]\ncolumns = [\"得意先\",\n  \"担当者\"]\n", ":13:", "「担当者」という列はありません"},
		{"to = [\"tanaka\"]\ngroup = \"月 = 月(得意先)\"\n", ":12:16:", "文字を渡せません"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\ntotal = [\"品名\"]\n", ":13:", "「品名」は文字の列なので、合計できません"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\ndate = \"品名\"\n", ":13:", "日付ではありません"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nwhere = '状態 = 1'\n", ":13:13:", "左は文字、右は数"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nchart = \"数量\"\n", ":13:", "total にありません"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nsort = [\"品名\"]\n", ":13:", "並べられません"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nlimit = 0\n", ":13:", "limit は1から100"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nattach_as = \"../a.xlsx\"\n", ":13:", "使えない文字"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nattach_as = \"a.pdf\"\n", ":13:", ".xlsx か .csv"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nattach_as = \"{宛名}.csv\"\n", ":13:", "attach_as に使えません"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nencoding = \"UTF-8\"\n", ":13:", "attach_as でCSV"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nattach_as = \"a.csv\"\nencoding = \"EUC-JP\"\n", ":14:", "EUC-JP"},
		{"to = [\"tanaka\"]\ncolumns = [\"得意先\", \"得意先\"]\n", ":12:", "2回あります"},
		{"to = [\"tanaka\"]\n", ":4:", "columns ="},
		{"to = [\"acme\"]\ngroup = \"担当\"\nattach_as = \"a.csv\"\n", ":13:", "外に出ます"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nletter = \"a.txt\"\n", ":13:", "{表} と同じ行"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nletter = \"b.txt\"\n", ":13:", "{グラフ} がありますが"},
		{"to = [\"tanaka\"]\ngroup = \"担当\"\nattach = [\"a\"]\n", ":13:", "attach"},
	} {
		files := salesFiles(t)
		files["a.txt"] = "件名：a\n\n一覧 {表}\n"
		files["b.txt"] = "件名：a\n\n{グラフ}\n\n{表}\n"
		o := &office{t: t, dir: t.TempDir()}
		for name, text := range files {
			o.write(name, text)
		}
		toml := salesReport(c.keys)
		conf, ps := o.load(toml)
		var all []string
		for _, p := range ps {
			// Lines are counted from where the report's own part begins.
			all = append(all, regexp.MustCompile(`:(\d+):`).ReplaceAllStringFunc(p.String(), func(m string) string {
				var n int
				fmt.Sscanf(m, ":%d:", &n)
				return fmt.Sprintf(":%d:", n-strings.Count(officeHead, "\n"))
			}))
		}
		if loaded := conf != nil; loaded != (i < ofTable) || !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, c.at) && strings.Contains(s, c.says) }) {
			t.Errorf("%s\nwant %s %s, got %s", c.keys, c.at, c.says, strings.Join(all, "\n"))
		}
	}
}

func TestReadOrderAndCol(t *testing.T) {
	for text, want := range map[string]string{"金額 大きい順": "金額 true", "金額の大きい順": "金額 true", "受注日 古い順": "受注日 false", "amount desc": "amount true", "unit price DESC": "unit price true",
		"amount asc": "amount false", "金額": "金額 false", "[金額(税込)] 降順": "金額(税込) true", "大きい順": "大きい順 false"} {
		if name, down := readOrder(text); fmt.Sprint(name, " ", down) != want {
			t.Errorf("%q is %s %v", text, name, down)
		}
	}
	for text, want := range map[string]string{"金額 = 数量 * 単価": "金額|数量 * 単価|5", "大口＝数量 >= 10": "大口|数量 >= 10|3", "a != b": "a != b||0", "同じ = a == b": "同じ|a == b|5", "[金額(税込)]": "金額(税込)||0", "[a=b]": "a=b||0", "[a=b] = 1": "a=b|1|8"} {
		if c := readCol("columns", 0, text); fmt.Sprintf("%s|%s|%d", c.name, c.rule, c.shift) != want {
			t.Errorf("%q is %+v", text, c)
		}
	}
}

// TestReportOwnLetter: the blocks stand where the letter has them, and its words stay as they are.
func TestReportOwnLetter(t *testing.T) {
	files := salesFiles(t)
	files["letters/r.txt"] = "件名：{件名} {件数} {前回}\n\n{宛名}\n\n内線{内線}の佐藤です。\n{表}\n以上、{基準日時}の時点。\n{グラフ?}\n\n{合計}\n"
	o, w, d := reported(t, byPerson+"letter = \"letters/r.txt\"\nfields = { \"内線\" = \"21\" }\n", files)
	if d.Letter.Subject != "受注の報告 5件 なし" || !strings.HasPrefix(d.Letter.Text, "各位\n\n内線21の佐藤です。\n1. 小川") {
		t.Errorf("%s\n%s", d.Letter.Subject, d.Letter.Text)
	}
	has(t, "the letter", d.Letter.Text, "\n以上、2026年11月1日（日） 18:00の時点。\n")
	if at := strings.Index(d.Letter.HTML, "<img"); at < strings.Index(d.Letter.HTML, "以上") || at > strings.Index(d.Letter.HTML, "件数：") {
		t.Errorf("the chart stands at %d in\n%s", at, d.Letter.HTML)
	}
	m, _ := o.render(w, d)
	if !slices.ContainsFunc(m.Inputs, func(i ledger.Input) bool { return i.Kind == "letter" && i.Name == "letters/r.txt" }) {
		t.Errorf("the letter is no input: %v", m.Inputs)
	}
}

// TestReportInTheLettersLanguage: an office that writes in Japanese sends an English letter, and all in it is English: a group
// without a value, one by its day, what was there last time and when that was.
func TestReportInTheLettersLanguage(t *testing.T) {
	files := map[string]string{"data/sales.csv": salesList(t, append(slices.Clone(salesRows), "10270,2026/11/20,A,,x,1,1,出荷済")...),
		"letters/en.txt": "Subject: {title}\n\nSince {previous}\n{totals}\n{chart}\n{table}\n"}
	record := func(keys, period string, due time.Time) ([]byte, Draft) {
		o := newOffice(t, salesReport(keys), files)
		p := o.prepare(o.rowWorld("sales", period, due))
		if len(p.Missing) > 0 || len(p.Drafts) != 1 {
			t.Fatalf("%d drafts, missing:\n%s", len(p.Drafts), texts(p.Missing))
		}
		for _, x := range p.Observations {
			if x.Name == reportObserved {
				return x.Value, p.Drafts[0]
			}
		}
		t.Fatal("nothing was kept")
		return nil, Draft{}
	}
	_, d := record(byPerson+"letter = \"letters/en.txt\"\n", "2026-11", reportDay)
	has(t, "the letter", d.Letter.Text, ". (empty)  Count: 1")
	lacks(t, "the letter", d.Letter.Text+d.Letter.HTML, "空欄")
	// What was kept is worded in the language of who reads it, whatever the file's is.
	kept, _ := record(strings.Replace(byPerson, `"担当"`, `"受注日"`, 1), "2026-10", tokyo(2026, 10, 30, 16, 0))
	var before reportRecord
	if err := json.Unmarshal(kept, &before); err != nil {
		t.Fatal(err)
	}
	for l, wants := range map[calendar.Language][]string{calendar.English: {"October 2026", "2 Oct 2026"}, calendar.Japanese: {"2026年10月", "2026/10/02"}} {
		v := &reportView{r: &reading{reportSpec: &reportSpec{Compare: true}, before: &before}, l: l}
		v.lay0()
		has(t, "what was there", v.compared()+strings.Join(v.after, "\n"), wants...)
	}
}

// TestReportRowsOfAnotherPeriod: a row of last year that nothing can be told of doesn't keep this month's report from being made.
func TestReportRowsOfAnotherPeriod(t *testing.T) {
	where := strings.Replace(byPerson, `状態 != "キャンセル"`, `数量 > 0`, 1)
	rows := append(slices.Clone(salesRows), "10001,2025/03/05,A,小川,x,,1,出荷済")
	_, _, d := reported(t, where, map[string]string{"data/sales.csv": salesList(t, rows...)})
	has(t, "the mail", d.Letter.Text, "件数：5件")
	o := newOffice(t, salesReport(where), map[string]string{"data/sales.csv": salesList(t, append(rows, "10271,2026/11/20,A,小川,x,,1,出荷済")...)})
	if p := o.prepare(o.rowWorld("sales", "2026-11", reportDay)); len(p.Drafts) != 0 || !strings.Contains(texts(p.Missing), "13行目：「数量」が空です") {
		t.Errorf("a row of the month: %d drafts, %s", len(p.Drafts), texts(p.Missing))
	}
}

// TestReportOutside: one letter for each outside, with the columns that were named and nothing else.
func TestReportOutside(t *testing.T) {
	o := newOffice(t, salesReport(`to = ["acme", "minato"]
where = '状態 == "手配中"'
columns = ["受注番号", "品名"]
attach_as = "手配中_{partner.id}.xlsx"
`), salesFiles(t))
	w := o.rowWorld("sales", "2026-11", reportDay)
	p := o.prepare(w)
	if parts(p) != "acme minato" {
		t.Fatal(parts(p), texts(p.Missing))
	}
	for i, d := range p.Drafts {
		house(t, calendar.Japanese, d.Letter.Subject, d.Letter.Text)
		has(t, "the letter", d.Letter.Text, []string{"株式会社アクメ商事\n経理部 御中", "鈴木様"}[i], "いつもお世話になっております。", "受注番号：10258")
		lacks(t, "the letter", d.Letter.Text+d.Letter.HTML, "41000", "41,000", "港南", "前回の記録")
		if want := "手配中_" + []string{"acme", "minato"}[i] + ".xlsx"; d.Letter.Files[0].Name != want {
			t.Errorf("attached %s, want %s", d.Letter.Files[0].Name, want)
		}
		f, err := excelize.OpenReader(bytes.NewReader(d.Letter.Files[0].Data))
		if err != nil {
			t.Fatal(err)
		}
		rows, _ := f.GetRows("受注の報告")
		if len(rows) != 3 || strings.Join(rows[0], " ") != "受注番号 品名" {
			t.Errorf("the workbook has %q", rows)
		}
		_ = f.Close()
	}
	if (report{}).Outside(o.c, w.Job.Spec) != true {
		t.Error("nobody is outside")
	}
}

// TestReportIsNeverTooLongForAMail: what a mail can't show is counted, and the whole is still right.
func TestReportIsNeverTooLongForAMail(t *testing.T) {
	var rows []string
	for n := range 2500 {
		rows = append(rows, fmt.Sprintf("%d,2026/11/%02d,%s,担当%d,%s,%d,10,出荷済", n, n%30+1, strings.Repeat("長い名前の得意先", 20), n%400, strings.Repeat("長い品名", 60), 1))
	}
	files := map[string]string{"data/sales.csv": salesList(t, rows...)}
	for _, keys := range []string{
		"to = [\"tanaka\"]\ncolumns = [\"受注番号\", \"得意先\", \"担当\", \"品名\", \"受注日\", \"数量\", \"単価\", \"状態\"]\ntotal = [\"数量\"]\nchart = \"数量\"\nlimit = 100\n",
		"to = [\"tanaka\"]\ncolumns = [\"受注番号\", \"得意先\", \"品名\"]\ngroup = \"担当\"\ntotal = [\"数量\"]\nlimit = 100\n",
		"to = [\"tanaka\"]\ngroup = \"担当\"\ntotal = [\"数量\"]\nlimit = 100\nchart = \"数量\"\n",
	} {
		_, _, d := reported(t, keys, files)
		if n := len(d.Letter.HTML); n > 100_000 {
			t.Errorf("the HTML is %d bytes; Gmail cuts a mail at 102 KB", n)
		}
		has(t, "the mail", d.Letter.Text, "ほか", "2,500")
	}
}

// TestReportGolden are the mails as people looked at them in a browser, compared with the report before.
func TestReportGolden(t *testing.T) {
	for _, l := range []calendar.Language{calendar.Japanese, calendar.English} {
		for name, keys := range map[string]string{"persons": byPerson, "list": asList + "chart = \"金額\"\n"} {
			o := newOffice(t, salesReport(keys), salesFiles(t))
			o.c.Language = l
			w := o.rowWorld("sales", "2026-11", reportDay)
			k := &reading{reportSpec: w.Job.Spec.(*reportSpec), w: w, ctx: t.Context(), l: l}
			k.t, _, _ = w.rows(t.Context(), "sales")
			k.compile()
			if err := k.read(); err != nil {
				t.Fatal(err)
			}
			if name == "persons" {
				k.compareWith(&reportRecord{About: calendar.Text{JA: "2026年10月", EN: "October 2026"}.In(l), Count: 4, Totals: []string{"2571003"},
					Groups: []groupsRecord{{Key: "小川", Label: "小川", Count: 2, Totals: []string{"1172003"}}, {Key: "森", Label: "森", Count: 1, Totals: []string{"156000"}}, {Key: "高木", Label: "高木", Count: 1, Totals: []string{"1243000"}}}})
			}
			d, _, missing, err := k.draft(k.send.groups()[0])
			if err != nil || len(missing) > 0 {
				t.Fatal(err, texts(missing))
			}
			golden(t, "report-"+name+"-"+string(l), d.Letter.Subject+"\n\n"+d.Letter.Text)
			goldenHTML(t, "report-"+name+"-"+string(l), d.Letter.HTML)
			house(t, l, d.Letter.Subject, d.Letter.Text)
			holdReport(t, l, d.Letter.Text, d.Letter.HTML)
		}
	}
}

// holdReport holds a report's HTML to the text beside it and to the rules for mail programs.
func holdReport(t *testing.T, l calendar.Language, text, h string) {
	t.Helper()
	body := htmlNote.ReplaceAllString(htmlHead.ReplaceAllString(h, ""), "")
	words := bare(tagsAway(body))
	// A column's name stands above its column there, and before each of its values here.
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("\n 　：・■（）、", r) }) {
		if w := strings.Trim(word, ":;,()-"); !strings.Contains(words, bare(w)) {
			t.Errorf("the HTML doesn't say %q:\n%s", w, words)
		}
	}
	for _, never := range []string{"<script", "<link", "<form", "<svg", "url(", "href=", "src=\"http", "onerror", "javascript:", "display:flex", "position:", "float:"} {
		if strings.Contains(strings.ToLower(h), never) {
			t.Errorf("%q stands in the HTML", never)
		}
	}
	for _, img := range regexp.MustCompile(`<img[^>]*>`).FindAllString(h, -1) {
		if !regexp.MustCompile(`^<img src="cid:[0-9a-f]+@[a-z.]+" width="400" alt="[^"]+`).MatchString(img) {
			t.Errorf("the picture is %s", img)
		}
	}
	// Word takes a table that says nothing of its borders as it likes; a table of data is announced as one.
	holdWord(t, strings.ReplaceAll(regexp.MustCompile(`<img[^>]*>`).ReplaceAllString(h, ""), `role="table"`, `role="presentation"`))
}

// TestReportSpamAssassin: a report scores below 1 by the rules that need no network.
func TestReportSpamAssassin(t *testing.T) {
	o, w, d := reported(t, byPerson, salesFiles(t))
	m, _ := o.render(w, d)
	holdSpam(t, map[string][]byte{"report": m.Body})
}

// TestReportEscapes: what stands in a table is never markup, nor style.
func TestReportEscapes(t *testing.T) {
	const evil = `</td></style><script>alert(1)</script><img src=x onerror='x'>&"}`
	files := map[string]string{"data/sales.csv": "a,\"" + strings.ReplaceAll(evil, `"`, `""`) + "\",c,d\r\n\"" + strings.ReplaceAll(evil, `"`, `""`) + "\",x,1,2\r\n"}
	_, _, d := reported(t, "to = [\"tanaka\"]\ncolumns = [\"a\", "+strconv.Quote("["+evil+"]")+", \"c\", \"d\"]\ntotal = [\"c\"]\nchart = \"c\"\n", files)
	h := d.Letter.HTML
	if strings.Contains(h, "<script") || strings.Contains(h, "<img src=x") || strings.Count(h, "</style>") != 3 {
		t.Errorf("markup came through:\n%s", h)
	}
}

// realTables is the folder of tables that nobody here made.
func realTables(t *testing.T, name string) string {
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

// TestRealReports: what a report of tables that nobody here made says is what plain SQL says.
func TestRealReports(t *testing.T) {
	for _, c := range []struct{ file, source, keys, sql, whole string }{
		{"northwind.sqlite", `query = "SELECT o.OrderID, o.ShipCountry, o.OrderDate, d.UnitPrice * d.Quantity AS amount FROM Orders o JOIN \"Order Details\" d ON d.OrderID = o.OrderID"`,
			"group = \"ShipCountry\"\ntotal = [\"amount\"]\nsort = [\"amount desc\", \"ShipCountry\"]\nlimit = 10\nchart = \"amount\"\nattach_as = \"a.xlsx\"\n",
			`SELECT o.ShipCountry, count(*), printf('%.2f', sum(d.UnitPrice * d.Quantity)) FROM Orders o JOIN "Order Details" d ON d.OrderID = o.OrderID GROUP BY 1 ORDER BY sum(d.UnitPrice * d.Quantity) DESC LIMIT 10`,
			`SELECT count(*), printf('%.2f', sum(UnitPrice * Quantity)) FROM "Order Details"`},
		{"chinook.sqlite", `query = "SELECT * FROM Invoice"`,
			"group = \"BillingCountry\"\ntotal = [\"Total\"]\nsort = [\"Total desc\", \"BillingCountry\"]\nlimit = 10\n",
			`SELECT BillingCountry, count(*), printf('%.2f', sum(Total)) FROM Invoice GROUP BY 1 ORDER BY round(sum(Total), 2) DESC, 1 LIMIT 10`,
			`SELECT count(*), printf('%.2f', sum(Total)) FROM Invoice`},
	} {
		file := realTables(t, c.file)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		o := newOffice(t, "[source.real]\ndatabase = \"sqlite:real.sqlite\"\n"+c.source+"\n[job.real]\nkind = \"report\"\nowner = \"sato\"\nwhen = \"毎月最終営業日 16:00\"\nto = [\"tanaka\"]\nsource = \"real\"\n"+c.keys, map[string]string{"real.sqlite": string(b)})
		p := o.prepare(o.rowWorld("real", "2026-11", reportDay))
		if len(p.Missing) > 0 || len(p.Drafts) != 1 {
			t.Fatalf("%s: %s", c.file, texts(p.Missing))
		}
		// Labels of one list are filled up to one width, and thousands have their commas: neither is what is compared.
		text := strings.NewReplacer(",", "", "　：", "：", " ：", "：").Replace(p.Drafts[0].Letter.Text)
		db, err := sql.Open("sqlite", file+"?mode=ro")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var n int
		var sum string
		if err := db.QueryRowContext(t.Context(), c.whole).Scan(&n, &sum); err != nil {
			t.Fatal(err)
		}
		has(t, c.file, text, fmt.Sprintf("件数：%d件", n), "："+sum)
		rows, err := db.QueryContext(t.Context(), c.sql)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		last := -1
		for rows.Next() {
			var country string
			if err := rows.Scan(&country, &n, &sum); err != nil {
				t.Fatal(err)
			}
			line := fmt.Sprintf("%s　件数：%d　", country, n)
			at := strings.Index(text, line)
			if at <= last || !strings.Contains(text[at:at+len(line)+40], "："+sum+"\n") {
				t.Errorf("%s: %s with %s is not at its place:\n%s", c.file, line, sum, text)
			}
			last = at
		}
		if err := rows.Err(); err != nil || last < 0 {
			t.Error(err, last)
		}
	}
}
