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

func TestNumbers(t *testing.T) {
	for s, want := range map[string]string{
		"0": "0", "12": "12", "12.0": "12", "12.50": "12.5", "1,234,567": "1234567", "1,200円": "1200", "１，２００円": "1200", "¥1,200": "1200", "￥1,200-": "1200", "\\1,200": "1200",
		"△1,200": "-1200", "▲ 1,200": "-1200", "(1,200)": "-1200", "¥-5": "-5", "-¥5": "-5", "−５": "-5", "+5": "5", "12%": "0.12", "0.5": "0.5", "-0": "0",
		"123456789012345678901234567890.5": "123456789012345678901234567890.5",
	} {
		v, ok := parseNumber(narrow(s))
		if !ok || v.Canonical() != want {
			t.Errorf("%q is %q (%v), want %q", s, v.Canonical(), ok, want)
		}
	}
	for _, s := range []string{"", "0012", "-0012", "1,20", "12,34,567", ",100", "1.2.3", "1e5", "12個", "5-3", "--5", "△-5", "()", "%", "円", ".5", "5.", "1 200", "０１"} {
		if v, ok := parseNumber(narrow(s)); ok {
			t.Errorf("%q is read as %s", s, v.Canonical())
		}
	}
}

func TestDates(t *testing.T) {
	for s, want := range map[string]string{
		"2026/11/25": "2026-11-25", "2026/1/5": "2026-01-05", "2026-11-25": "2026-11-25", "2026.11.25": "2026-11-25", "2026年11月25日": "2026-11-25", "２０２６年 ８月 ５日": "2026-08-05",
		"令和8年11月25日": "2026-11-25", "令和元年5月1日": "2019-05-01", "R8.11.25": "2026-11-25", "r8/11/25": "2026-11-25", "㋿8年1月2日": "2026-01-02", "平成31年4月30日": "2019-04-30",
		"S64.1.7": "1989-01-07", "昭和元年12月25日": "1926-12-25", "T15.12.24": "1926-12-24", "2026/11/25(水)": "2026-11-25", "2026/11/25 (水曜日)": "2026-11-25", "20261125": "2026-11-25", "2026-11-25 00:00:00": "2026-11-25",
	} {
		v, ok := fit(cell{Value: TextOf(s)}, Date, tokyo)
		if !ok || v.Canonical() != want {
			t.Errorf("%q is %q (%v), want %q", s, v.Canonical(), ok, want)
		}
	}
	for _, s := range []string{"2026/11/31", "2026/2/29", "2026/13/1", "11/25", "26/11/25", "令和8年", "平成31年5月1日", "令和元年4月30日", "昭和64年1月8日", "2026/11-25", "2026-11", "明治1年1月1日", "1/2/2026", "2026-11-25 10:30", "20261399", "2300/1/1", "R0.1.1"} {
		if v, ok := fit(cell{Value: TextOf(s)}, Date, tokyo); ok {
			t.Errorf("%q is read as %s", s, v.Canonical())
		}
	}
	for s, want := range map[string]string{
		"2026/11/25 10:30": "2026-11-25T01:30:00Z", "2026-11-25T10:30:15.25Z": "2026-11-25T10:30:15.25Z", "2026-11-25T10:30:00+00:00": "2026-11-25T10:30:00Z", "2026年11月25日 9時5分": "2026-11-25T00:05:00Z",
		"令和8年11月25日 23時": "2026-11-25T14:00:00Z", "2026-11-25 10:30:00 -0500": "2026-11-25T15:30:00Z", "2026/11/25": "2026-11-24T15:00:00Z",
	} {
		v, ok := fit(cell{Value: TextOf(s)}, Time, tokyo)
		if !ok || v.Canonical() != want {
			t.Errorf("%q is %q (%v), want %q", s, v.Canonical(), ok, want)
		}
	}
	for _, s := range []string{"2026/11/25 24:00", "2026/11/25 10:60", "2026/11/25 10", "2026/11/25x10:30", "10:30"} {
		if v, ok := fit(cell{Value: TextOf(s)}, Time, tokyo); ok {
			t.Errorf("%q is read as %s", s, v.Canonical())
		}
	}
}

// What a column is follows from all of its values and from its name, and from nothing else.
func TestTypesOfColumns(t *testing.T) {
	for name, c := range map[string]struct {
		heading string
		values  []string
		want    Type
		wrong   int
	}{
		"numbers":                    {"金額", []string{"1", "2,000円", "△3"}, Number, 0},
		"most are numbers":           {"金額", []string{"1", "2", "多い"}, Number, 1},
		"half are numbers":           {"備考", []string{"1", "多い"}, Text, 0},
		"a code among them":          {"枝", []string{"1", "2", "0012"}, Text, 0},
		"too long for a number":      {"枝", []string{"1234567890123456"}, Text, 0},
		"a code by its name":         {"注文番号", []string{"1001", "1002"}, Text, 0},
		"a code with letters":        {"OrderID", []string{"1", "2", "B-3"}, Text, 0},
		"no code by its name":        {"paid", []string{"1", "0"}, Number, 0},
		"an amount called by a code": {"番号", []string{"1.5", "2"}, Number, 0},
		"days":                       {"日", []string{"2026/11/25", "令和8年11月26日"}, Date, 0},
		"days of eight digits":       {"納期日", []string{"20261125", "20261126"}, Date, 0},
		"eight digits of another":    {"数量", []string{"20261125"}, Number, 0},
		"times":                      {"いつ", []string{"2026/11/25 10:30", "2026/11/26"}, Time, 0},
		"times at midnight are days": {"いつ", []string{"2026-11-25 00:00:00", "2026-11-26 00:00:00"}, Date, 0},
		"truths of a program":        {"済", []string{"TRUE", "false"}, YesNo, 0},
		"words of people stay words": {"済", []string{"はい", "いいえ"}, Text, 0},
		"circles stay circles":       {"済", []string{"○", "×"}, Text, 0},
		"days without a year":        {"日", []string{"11/25", "11/26"}, Text, 0},
		"nothing":                    {"空", []string{"", " "}, Empty, 0},
		"a number of full width":     {"数", []string{"１２", "３"}, Number, 0},
		"a fault among many":         {"日", []string{"2026/11/25", "2026/11/26", "2026/11/31"}, Date, 1},
	} {
		r := newReading(&Source{name: "x", origin: made{}}, &World{Zone: tokyo})
		r.addColumn(c.heading, "A", Empty)
		for i, v := range c.values {
			if err := r.add(t.Context(), i+1, []cell{r.text(v)}); err != nil {
				t.Fatal(err)
			}
		}
		tb, err := r.table()
		if err != nil {
			t.Fatal(err)
		}
		if got := tb.Columns()[0].Type; got != c.want || len(tb.bad) != c.wrong {
			t.Errorf("%s: %s with %d wrong, want %s with %d", name, got, len(tb.bad), c.want, c.wrong)
		}
		if name == "days without a year" && len(tb.Problems()) != 1 {
			t.Error("nobody is told that the year is missing")
		}
	}
}

func TestValuesInWords(t *testing.T) {
	at := time.Date(2026, 11, 25, 9, 5, 0, 0, tokyo)
	for v, want := range map[*Value][2]string{
		{}:                               {"", ""},
		new(IntOf(1234567)):              {"1,234,567", "1,234,567"},
		new(IntOf(-1000)):                {"-1,000", "-1,000"},
		new(number1(t, "1,200.50")):      {"1,200.50", "1,200.50"},
		new(DateOf(calendar.DateOf(at))): {"2026年11月25日", "25 November 2026"},
		new(TimeOf(at)):                  {"2026年11月25日 9:05", "25 November 2026 9:05"},
		new(YesNoOf(true)):               {"はい", "yes"},
		new(TextOf(" ㈱アクメ　")):            {"㈱アクメ", "㈱アクメ"},
	} {
		if ja, en := v.In(calendar.Japanese), v.In(calendar.English); ja != want[0] || en != want[1] {
			t.Errorf("%q, %q, want %q", ja, en, want)
		}
	}
	if !TextOf("㈱アクメ").Equal(TextOf("(株)ｱｸﾒ")) || TextOf("12").Equal(IntOf(12)) || !number1(t, "12.0").Equal(IntOf(12)) {
		t.Error("what is the same is not equal, or the other way round")
	}
	tb, err := Of("x", []string{"年度", "数"}, []Value{IntOf(2026), IntOf(2026)})
	if err != nil {
		t.Fatal(err)
	}
	for row := range tb.Rows() {
		if row.Value(0).In(calendar.Japanese) != "2026" || row.Value(1).In(calendar.Japanese) != "2,026" || !row.Value(0).Equal(row.Value(1)) {
			t.Error("a year has a comma, or a number has none")
		}
	}
}
