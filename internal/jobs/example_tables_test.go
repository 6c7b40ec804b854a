package jobs

import (
	"archive/zip"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"

	"bod/internal/config"
)

// The example's tables are read here by the plainest means, and what its jobs say is held against a loop over them.

// plainCSV is a CSV file, a row by its headings.
func plainCSV(t *testing.T, name string) (out []map[string]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../example", name))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimPrefix(string(b), "\ufeff")
	if !strings.HasPrefix(name, "en/") && text == string(b) {
		if text, err = japanese.ShiftJIS.NewDecoder().String(text); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return headed(rows)
}

func headed(rows [][]string) (out []map[string]string) {
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, h := range rows[0] {
			if i < len(r) {
				m[h] = r[i]
			}
		}
		out = append(out, m)
	}
	return out
}

// plainSheet is the first sheet of a workbook as the file has it: texts and numbers, from a row on.
func plainSheet(t *testing.T, name string, from int) (out []map[string]string) {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join("../../example", name))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	part := func(name string, into any) {
		f, err := z.Open(name)
		if errors.Is(err, fs.ErrNotExist) { // the other program writes its texts into the cells
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	var shared struct {
		SI []struct {
			T string `xml:"t"`
			R []struct {
				T string `xml:"t"`
			} `xml:"r"`
		} `xml:"si"`
	}
	part("xl/sharedStrings.xml", &shared)
	var sheet struct {
		Rows []struct {
			N     int `xml:"r,attr"`
			Cells []struct {
				At string `xml:"r,attr"`
				T  string `xml:"t,attr"`
				V  string `xml:"v"`
				IS string `xml:"is>t"`
			} `xml:"c"`
		} `xml:"sheetData>row"`
	}
	part("xl/worksheets/sheet1.xml", &sheet)
	var rows [][]string
	for _, r := range sheet.Rows {
		if r.N < from {
			continue
		}
		row := make([]string, 26)
		for _, c := range r.Cells {
			v := c.V + c.IS
			if n, err := strconv.Atoi(v); c.T == "s" && err == nil {
				v = shared.SI[n].T
				for _, x := range shared.SI[n].R {
					v += x.T
				}
			}
			row[c.At[0]-'A'] = v
		}
		rows = append(rows, row)
	}
	return headed(rows)
}

// exampleOffice is one of the two examples with the names of its files and columns.
type exampleOffice struct {
	*config.Config
	words map[string]string // from the Japanese names of files and columns; nothing for the Japanese example
}

// in is a name as this example has it.
func (e *exampleOffice) in(ja string) string {
	if w, ok := e.words[ja]; ok {
		return w
	}
	return ja
}

func exampleOffices(t *testing.T) map[string]*exampleOffice {
	t.Helper()
	out := map[string]*exampleOffice{
		"ja": {},
		"en": {words: map[string]string{
			"data/得意先一覧.xlsx": "en/data/customers.xlsx", "data/請求一覧.csv": "en/data/invoices.csv", "月末請求書": "en/month-end",
			"お客様コード": "customer_no", "締め日": "closes", "月末": "month end", "送付方法": "sent_by", "メール": "mail",
			"対象月": "month", "請求金額(税込)": "amount",
		}},
	}
	for l, file := range map[string]string{"ja": "../../jobs.toml", "en": "../../example/en/jobs.toml"} {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		c, problems := config.Load(path, ConfigKinds())
		if c == nil {
			t.Fatal(problems)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", l, p)
		}
		out[l].Config = c
	}
	return out
}

// prepared is what a job of the example comes to in the run of a period, without a ledger.
func (e *exampleOffice) prepared(t *testing.T, job string, due time.Time) Prepared {
	t.Helper()
	j := e.Job(job)
	if j == nil {
		t.Fatalf("there is no job %s", job)
	}
	occ := j.When.Due(due.Add(-time.Minute), due)
	if len(occ) != 1 {
		t.Fatalf("%s is due %d times at %s", job, len(occ), due)
	}
	// The example's files were written today, so the look is an hour later than their last change.
	w := &World{Now: time.Now().Add(time.Hour), Config: e.Config, Job: j, Identity: j.Name, Occurrence: occ[0]}
	defer w.OpenTables()()
	k, _ := KindOf(j.Kind)
	p, err := k.Prepare(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestExampleMonthEnd: who gets a letter, with which amount, who is held and for whom a file is waited for is what a loop over
// the customers and the invoices says.
func TestExampleMonthEnd(t *testing.T) {
	offices := exampleOffices(t)
	for _, c := range []struct {
		l, month string
		due      time.Time
	}{{"ja", "2026-12", tokyo(2027, 1, 5, 11, 0)}, {"en", "2026-11", tokyo(2026, 12, 2, 11, 0)}} {
		l, e, month := c.l, offices[c.l], c.month
		bills := map[string]string{}
		for _, b := range plainCSV(t, e.in("data/請求一覧.csv")) {
			if b[e.in("対象月")] == month {
				bills[b[e.in("お客様コード")]] = b[e.in("請求金額(税込)")]
			}
		}
		var want, waits, counted []string
		for _, c := range plainSheet(t, e.in("data/得意先一覧.xlsx"), 3) {
			code := c[e.in("お客様コード")]
			if c[e.in("締め日")] != e.in("月末") {
				continue
			}
			counted = append(counted, code)
			if c[e.in("送付方法")] != e.in("メール") {
				continue
			}
			files, err := filepath.Glob(filepath.Join("../../example", e.in("月末請求書"), month, code+"-*.pdf"))
			if err != nil {
				t.Fatal(err)
			}
			if len(files) == 0 {
				waits = append(waits, code)
				continue
			}
			line := fmt.Sprintf("%s %s %s", code, c[e.in("メール")], bills[code])
			if month == "2026-12" && code == "0034" { // its PDF has two digits changed over
				line += " held"
			}
			want = append(want, line)
		}
		p := e.prepared(t, "month-end", c.due)
		var got []string
		for _, d := range p.Drafts {
			line := fmt.Sprintf("%s %s %d", d.Part, d.Recipients[0].Mail, *d.Amount)
			if len(d.Hold) > 0 {
				line += " held"
				if want := "請求一覧と合いません（請求一覧 173,800円、PDF 178,300円"; !strings.Contains(fmt.Sprint(d.Hold), want) {
					t.Errorf("%s %s: it is held with %v", l, month, d.Hold)
				}
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s %s: letters\n%s\nthe tables say\n%s", l, month, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if len(p.Missing) != len(waits) || len(waits) > 0 && !strings.Contains(texts(p.Missing), waits[0]) {
			t.Errorf("%s %s: waits for %v: %s", l, month, waits, texts(p.Missing))
		}
		if !strings.Contains(p.Said, strconv.Itoa(len(counted))) {
			t.Errorf("%s %s: %q doesn't count the %d customers", l, month, p.Said, len(counted))
		}
	}
}
