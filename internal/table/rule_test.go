package table

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
)

func ruleDays(t testing.TB) *calendar.Days {
	t.Helper()
	d, ps := calendar.NewDays(calendar.DaysOptions{Country: "jp"})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	return d
}

func dayOf(y int, m time.Month, d int) Value { return DateOf(calendar.Date{Year: y, Month: m, Day: d}) }

// ruleOrders is a small order list with an empty day, an empty amount, and a twice used number.
func ruleOrders(t testing.TB) *Table {
	t.Helper()
	tab, err := Of("orders", []string{"注文番号", "状態", "注文日", "納期", "金額(税込)", "数量", "単価", "得意先コード", "承認", "備 考", "メモ"},
		[]Value{TextOf("PO-1"), TextOf("未発送"), dayOf(2026, 11, 16), dayOf(2026, 11, 20), IntOf(1200), IntOf(3), IntOf(400), TextOf("C01"), YesNoOf(true), TextOf("ＡＢＣ"), {}},
		[]Value{TextOf("PO-2"), TextOf("入荷済"), dayOf(2026, 11, 24), {}, {}, IntOf(10), IntOf(33), TextOf("C02"), YesNoOf(false), {}, {}},
		[]Value{TextOf("PO-2"), TextOf("未発送"), dayOf(2026, 11, 20), dayOf(2026, 12, 4), IntOf(110), IntOf(1), IntOf(110), TextOf("C09"), {}, TextOf("x"), {}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func ruleWorld(t testing.TB, tab *Table) RuleWorld {
	return RuleWorld{Today: calendar.Date{Year: 2026, Month: 11, Day: 24}, Days: ruleDays(t), Table: tab}
}

// answers asks a rule of every row: y, n, or ? where there is no answer.
func answers(t testing.TB, w RuleWorld, src string, s RuleScope) string {
	t.Helper()
	s.Columns = w.Table.Columns()
	r, ps := CompileRule(src, s)
	if r == nil {
		for _, p := range ps {
			t.Logf("%s: %d:%d %s → %s", src, p.Line, p.Column, p.What.JA, p.Next.JA)
		}
		return "wrong"
	}
	j := NewJudge(t.Context(), w)
	var b strings.Builder
	for row, err := range w.Table.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		switch yes, err := j.Holds(r, row); {
		case err != nil:
			if _, ok := err.(*Unjudged); !ok {
				t.Fatal(err)
			}
			b.WriteByte('?')
		case yes:
			b.WriteByte('y')
		default:
			b.WriteByte('n')
		}
	}
	return b.String()
}

// A column in which nothing stands has no type of its own: a rule takes it as what it needs, when it is read and when it is asked.
func TestRulesOverAnEmptyColumn(t *testing.T) {
	tab, err := Of("orders", []string{"注文番号", "値引", "納期", "承認", "備考"}, []Value{TextOf("PO-1"), {}, {}, {}, {}})
	if err != nil {
		t.Fatal(err)
	}
	w := ruleWorld(t, tab)
	for _, c := range []struct{ src, want string }{
		{`空なら(値引, 0) > 1000`, "n"},
		{`空なら(値引, 1001) > 1000`, "y"},
		{`空なら(納期, 今日()) = 今日()`, "y"},
		{`空なら(備考, "なし") = "なし"`, "y"},
		{`空(値引) かつ 空(納期) かつ 空(承認)`, "y"},
		{`値引 > 1000`, "?"},
		{`絶対値(値引) > 1000`, "?"},
		{`承認`, "?"},
	} {
		if got := answers(t, w, c.src, RuleScope{}); got != c.want {
			t.Errorf("%s: %s, want %s", c.src, got, c.want)
		}
	}
}

// So does it with a column of another table in which nothing stands yet, and with a table that has no rows.
func TestRulesOverAnEmptyColumnElsewhere(t *testing.T) {
	w := ruleWorld(t, ruleOrders(t))
	customers, err := Of("customers", []string{"コード", "値引", "期限", "止める", "備考"},
		[]Value{TextOf("C01"), {}, {}, {}, {}}, []Value{TextOf("C02"), {}, {}, {}, {}})
	if err != nil {
		t.Fatal(err)
	}
	bare, err := Of("bare", []string{"番号", "数", "日"})
	if err != nil {
		t.Fatal(err)
	}
	w.Tables = NewTables(&World{}, nil)
	w.Tables.sources = map[string]*Source{"customers": nil, "bare": nil}
	for _, x := range []*Table{customers, bare} {
		o := &once{table: x}
		o.Do(func() {})
		w.Tables.read[x.Name()] = o
	}
	scope := RuleScope{Source: func(name string) ([]Column, bool) {
		if name == "bare" {
			return bare.Columns(), true
		}
		return customers.Columns(), name == "customers"
	}}
	for _, c := range []struct{ src, want string }{
		{`空なら(参照("customers", コード = 得意先コード).値引, 0) = 0`, "yy?"},
		{`参照("customers", コード = 得意先コード).値引 > 100`, "???"},
		{`空なら(参照("customers", コード = 得意先コード).期限, 今日()) = 今日()`, "yy?"},
		{`空なら(参照("customers", コード = 得意先コード).値引, 0) + 数量 > 3 または 空なら(参照("customers", コード = 得意先コード).期限, 注文日) > 注文日`, "ny?"},
		{`空なら(参照("customers", コード = 得意先コード).備考, "なし") = "なし"`, "yy?"},
		{`参照("customers", コード = 得意先コード).止める`, "???"},
		{`合計("customers", 値引, コード = 得意先コード) = 0`, "??y"}, // an amount that is missing is no 0
		{`合計("bare", 数, 番号 = 注文番号) < 数量`, "yyy"},
		{`最大("bare", 数, 番号 = 注文番号) < 数量`, "???"},
		{`最大("bare", 日, 番号 = 注文番号) < 注文日`, "???"},
		{`件数("bare", 番号 = 注文番号) = 0`, "yyy"},
		{`絶対値(参照("customers", コード = 得意先コード).値引) = 今日()`, "wrong"},
	} {
		if got := answers(t, w, c.src, scope); got != c.want {
			t.Errorf("%s: %s, want %s", c.src, got, c.want)
		}
	}
}

func TestRules(t *testing.T) {
	tab := ruleOrders(t)
	w := ruleWorld(t, tab)
	for _, c := range []struct{ src, want string }{
		{`状態 == "未発送"`, "yny"},
		{`状態 = "未発送"`, "yny"},
		{`状態 ≠ 「未発送」`, "nyn"},
		{`状態<>“未発送”`, "nyn"},
		{`状態 ではない "未発送"`, "nyn"},
		{`状態 != "未発送" または 数量 ＞ ２`, "yyn"},
		{`状態=="未発送"かつ数量>2`, "ynn"},
		{`承認かつ数量>2`, "yn?"},
		{`状態 not in ["入荷済", "キャンセル"] and 経過営業日数(注文日) > 3`, "ynn"},
		{`状態 in ["入荷済"、"キャンセル"]`, "nyn"},
		{`数量 in [3, 10]`, "yyn"},
		{`注文日 in ["2026-11-16", "2026/11/20"]`, "yny"},
		{`経過営業日数(注文日) == 5`, "ynn"}, // 16 → 17 18 19 20 24: the 23rd is a holiday
		{`経過日数(注文日) = 0`, "nyn"},
		{`残り営業日数(納期) < 0`, "y?n"},
		{`納期 < 今日`, "y?n"},
		{`納期 != 空 かつ 納期 < 今日()`, "ynn"},
		{`納期 == 空`, "nyn"},
		{`空(納期)`, "nyn"},
		{`空(承認)`, "nny"},
		{`承認 == 空`, "nny"},
		{`承認`, "yn?"},
		{`承認 = いいえ`, "ny?"},
		{`not 承認`, "ny?"},
		{`[金額(税込)] ≥ 1200`, "y?n"},
		{`［金額（税込）］ >= 1200`, "y?n"},
		{`[金額(税込)] = 1200.00`, "ynn"},
		{`空なら([金額(税込)], 0) = 0`, "nyn"},
		{`数量 * 単価 != [金額(税込)]`, "nyn"},
		{`切捨て(単価 * 0.1) == 40`, "ynn"},
		{`単価 * 1.1 == 36.3`, "nyn"},
		{`-数量 + 3 = 0`, "ynn"},
		{`数量 > -1`, "yyy"},
		{`数量 / 0 > 1`, "???"},
		{`数量 % 2 == 1`, "yny"},
		{`備考 == "ABC"`, "ynn"},
		{`[備 考] == "ＡＢＣ"`, "ynn"},
		{`注文番号 matches "^PO-\d$"`, "yyy"},
		{`注文番号 contains "２"`, "nyy"},
		{`注文番号 で始まる "PO" かつ 注文番号 で終わる "1"`, "ynn"},
		{`件数(注文番号) > 1`, "nyy"},
		{`合計(数量, 注文番号) == 11`, "nyy"},
		{`合計(数量) == 14`, "yyy"},
		{`最大(単価, 注文番号) == 単価`, "yny"},
		{`合計([金額(税込)], 注文番号) > 0`, "y??"},
		{`注文日 + 4 == 納期`, "ynn"},
		{`納期 - 注文日 > 10`, "n?y"},
		{`1 < 数量 < 5`, "ynn"},
		{`営業日後(注文日, 4) == 納期`, "ynn"},
		{`営業日後(注文日, 4) = "2026-11-20"`, "ynn"},
		{`曜日(注文日) == "月"`, "ynn"},
		{`月末(注文日) == 日付("2026-11-30")`, "yyy"},
		{`日(注文日) == 16 and 年(注文日) = 2026 and 月(注文日)=11`, "ynn"},
		{`長さ(注文番号) = 4`, "yyy"},
		{`メモ == "x"`, "nnn"},
		{`メモ == 空`, "yyy"},
		{`経過日数(メモ) > 3`, "???"},
		{`メモ > 5`, "???"},
		{`状態 == "未発送" ? 数量 > 2 : false`, "ynn"},
		{`(数量 > 2 and 単価 > 100) or 注文番号 == "PO-2"`, "yyy"},
		{`数(大文字("５")) == 5`, "yyy"},
		{`営業日(注文日)`, "yyy"},
	} {
		if got := answers(t, w, c.src, RuleScope{}); got != c.want {
			t.Errorf("%s: %s, want %s", c.src, got, c.want)
		}
	}
}

func TestRuleProblems(t *testing.T) {
	tab := ruleOrders(t)
	for _, c := range []struct {
		src        string
		line, col  int
		what, next string
	}{
		{``, 1, 1, "規則が空です", ""},
		{`状熊 == "未発送"`, 1, 1, "「状熊」という列はありません", "「状態」のことでしょうか"},
		{`状態 == 未発送`, 1, 7, "「未発送」という列はありません", "文字なら"},
		{`経過営業日(注文日) > 5`, 1, 1, "「経過営業日」という関数はありません", "経過営業日数"},
		{`経過営業日数(状態) > 5`, 1, 8, "「経過営業日数」には文字を渡せません", "経過営業日数(注文日)"},
		{`経過営業日数() > 5`, 1, 1, "「経過営業日数」の ( ) の中が足りません", ""},
		{`状態 > 5`, 1, 4, "「>」の左は文字、右は数です", "数(列)"},
		{`状態 > "a"`, 1, 4, "文字どうしの大小は比べられません", ""},
		{`数量 in ["3"]`, 1, 4, "in の左は数、並びの中には文字があります", ""},
		{`数量 + 3`, 1, 1, "「はい」か「いいえ」になりません（数になります）", ""},
		{`状態 and 数量 > 2`, 1, 4, "「かつ」の左は文字、右ははい・いいえです", ""},
		{`状態 == "未発送`, 1, 7, "閉じられていません", ""},
		{`切捨て(単価 * 状態) > 3`, 1, 8, "「*」の左は数、右は文字です", ""},
		{`経過日数(注文日 + 状態) > 3`, 1, 10, "「+」の左は日付、右は文字です", ""},
		{`四捨五入(切捨て(状態 * 2)) > 3`, 1, 13, "「*」の左は文字、右は数です", ""},
		{`(状態 == "未発送"`, 1, 13, "途中で終わっています", ""},
		{`状態 ==`, 1, 6, "途中で終わっています", ""},
		{"数量 > 2 and\n  単化 > 5", 2, 3, "「単化」という列はありません", "「単価」"},
		{`数量 > 5日`, 1, 7, "数のあとの「日」は読めません", "単位"},
		{`参照("customers", 得意先コード).担当 == "x"`, 1, 1, "表「customers」は jobs.toml にありません", ""},
		{`前回(状態) == "x"`, 1, 1, "「前回」はここでは使えません", ""},
		{`状態 matches "(["`, 1, 12, "正規表現", ""},
		{`状態 contains ""`, 1, 13, "空の文字を探そうとしています", ""},
		{`all(1..100000000, # > 0)`, 1, 19, "規則に使えない文字", ""},
		{`状態 ; 数量`, 1, 4, "規則に使えない文字「;」", ""},
		{`状態 == "a" "b"`, 1, 11, "読めません", ""},
		{`p.judge == 1`, 1, 1, "「p」という列はありません", ""},
		{`$env == 1`, 1, 1, "規則に使えない文字", ""},
		{strings.Repeat("数量 > 1 or ", 200) + "数量 > 1", 1, 1, "規則が長すぎます", ""},
		{strings.Repeat("x", 5000), 1, 4001, "規則が長すぎます", ""},
		{"a\x00", 1, 2, "読めない文字", ""},
	} {
		r, ps := CompileRule(c.src, RuleScope{Columns: tab.Columns(), Source: func(string) ([]Column, bool) { return nil, false }})
		if r != nil || len(ps) == 0 {
			t.Errorf("%.60s was taken", c.src)
			continue
		}
		p := ps[0]
		if p.Line != c.line || p.Column != c.col || !strings.Contains(p.What.JA, c.what) || !strings.Contains(p.Next.JA, c.next) || p.What.EN == "" || p.Next.EN == "" || p.Next.JA == "" {
			t.Errorf("%.60s: %d:%d %s → %s (%s → %s)", c.src, p.Line, p.Column, p.What.JA, p.Next.JA, p.What.EN, p.Next.EN)
		}
	}
}

func TestRulesOverOtherSources(t *testing.T) {
	customers, err := Of("customers", []string{"コード", "担当", "得意先コード", "限度額"},
		[]Value{TextOf("C01"), TextOf("小川"), TextOf("C01"), IntOf(1000)},
		[]Value{TextOf("C02"), TextOf("高木"), TextOf("C02"), {}},
		[]Value{TextOf("C02x"), TextOf("高木"), TextOf("C02"), {}})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := Of("lines", []string{"注文番号", "行", "単価", "数量"},
		[]Value{TextOf("PO-1"), IntOf(1), IntOf(400), IntOf(2)},
		[]Value{TextOf("PO-1"), IntOf(2), IntOf(400), IntOf(1)},
		[]Value{TextOf("PO-2"), IntOf(1), IntOf(33), {}})
	if err != nil {
		t.Fatal(err)
	}
	w := ruleWorld(t, ruleOrders(t))
	w.Tables = NewTables(&World{}, nil)
	for _, x := range []*Table{customers, lines} {
		o := &once{table: x}
		o.Do(func() {})
		w.Tables.read[x.Name()] = o
		w.Tables.sources = map[string]*Source{"customers": nil, "lines": nil}
	}
	before := map[string]string{"PO-1": "受付", "PO-2": "入荷済"}
	w.Before = func(row Row, column string) (Value, bool) {
		n, _ := row.Get("注文番号")
		s, ok := before[n.Text()]
		return TextOf(s), ok && column == "状態"
	}
	scope := RuleScope{Before: true, Source: func(name string) ([]Column, bool) {
		switch name {
		case "customers":
			return customers.Columns(), true
		case "lines":
			return lines.Columns(), true
		}
		return nil, false
	}}
	for _, c := range []struct{ src, want string }{
		{`lookup("customers", 得意先コード).担当 == "小川"`, "y??"},
		{`参照("customers", コード = 得意先コード).担当 == "小川"`, "yn?"},
		{`ある("customers", 得意先コード)`, "yyn"},
		{`ではない ある("customers", コード = 得意先コード)`, "nny"},
		{`参照("customers", コード = 得意先コード).限度額 < [金額(税込)]`, "y??"},
		{`件数("lines", 注文番号) = 2`, "ynn"},
		{`合計("lines", 単価 * 数量, 注文番号) == [金額(税込)]`, "y??"},
		{`最大("lines", 行, 注文番号) = 2`, "ynn"},
		{`件数("lines", 注文番号, 行 = 数量) = 0`, "yyn"},
		{`変わった(状態)`, "yny"},
		{`前回(状態) == "入荷済"`, "nyy"},
	} {
		if got := answers(t, w, c.src, scope); got != c.want {
			t.Errorf("%s: %s, want %s", c.src, got, c.want)
		}
	}
	scope.Columns = w.Table.Columns()
	for _, c := range []struct{ src, what string }{
		{`参照("customers", 得意先コード).担当者 == "x"`, "表「customers」に「担当者」という欄はありません"},
		{`参照("customers", 得意先コード) == "x"`, "どの欄を使うか"},
		{`参照("customers").担当 == "x"`, "どの値で探すか"},
		{`参照(得意先コード).担当 == "x"`, "まず表の名前を書きます"},
		{`参照("customers", "C01").担当 == "x"`, "どの欄で探すか"},
		{`件数() > 1`, "どの値で探すか"},
		{`合計("lines", 商品, 注文番号) > 1`, "「商品」という列はありません"},
		{`合計(状態) > 1`, "文字なので、合計を計算できません"},
		{`前回(状態 == "x") == "y"`, "列の名前を1つ書きます"},
	} {
		_, ps := CompileRule(c.src, scope)
		if len(ps) == 0 || !strings.Contains(ps[0].What.JA, c.what) {
			t.Errorf("%s: %v", c.src, ps)
		}
	}

	r, ps := CompileRule(`[金額(税込)] != 合計("lines", 単価 * 数量, 注文番号) and 経過営業日数(注文日) > 1`, scope)
	if r == nil {
		t.Fatal(ps)
	}
	j := NewJudge(t.Context(), w)
	var told []string
	for row := range w.Table.Rows() {
		for _, f := range j.Figures(r, row) {
			if f.Unjudged != nil {
				told = append(told, f.Name+"?"+f.Unjudged.What.JA)
				continue
			}
			told = append(told, f.Name+"="+f.Value.In(calendar.Japanese))
		}
		break
	}
	if got, want := strings.Join(told, " "), `[金額(税込)]=1,200 合計("lines", 単価 * 数量, 注文番号)=1,200 経過営業日数(注文日)=5 注文日=2026年11月16日`; got != want {
		t.Errorf("figures %s, want %s", got, want)
	}
}

// TestUncheckedRule reads a rule while the source cannot be read: what is wrong without the columns is told, the rest is not guessed.
func TestUncheckedRule(t *testing.T) {
	r, ps := CompileRule(`状態 != "入荷済" かつ 経過営業日数(注文日) > 5`, RuleScope{})
	if r == nil || r.Checked() {
		t.Fatalf("%v, %v", r, ps)
	}
	j := NewJudge(t.Context(), ruleWorld(t, ruleOrders(t)))
	for row := range ruleOrders(t).Rows() {
		if _, err := j.Holds(r, row); err == nil {
			t.Error("a rule that is not checked gave an answer")
		}
	}
	if r, _ := CompileRule(`状態 != "入荷済" かつ`, RuleScope{}); r != nil {
		t.Error("half a rule was taken")
	}
}

// TestMisfitIsUnjudged holds that a value that its column's type doesn't fit is never compared.
func TestMisfitIsUnjudged(t *testing.T) {
	tab, err := Of("x", []string{"金額", "品名"}, []Value{IntOf(5), TextOf("a")}, []Value{IntOf(6), TextOf("b")}, []Value{TextOf("一式"), TextOf("c")})
	if err != nil {
		t.Fatal(err)
	}
	if c := tab.Columns()[0]; c.Type != Number {
		t.Fatalf("the column is %s", c.Type)
	}
	w := ruleWorld(t, tab)
	for _, src := range []string{`金額 > 5`, `金額 != 5`, `金額 + 1 > 6`} {
		if got := answers(t, w, src, RuleScope{}); got != "ny?" {
			t.Errorf("%s: %s", src, got)
		}
	}
}

func TestEveryRuleFunctionHasADoc(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range RuleFunctions() {
		if f.JA == "" || f.EN == "" || f.Meaning.JA == "" || f.Meaning.EN == "" || f.Example == "" || seen[f.JA] || seen[f.EN] {
			t.Errorf("%+v", f)
		}
		seen[f.JA], seen[f.EN] = true, true
		if _, p := lexRule(f.Example); p != nil {
			t.Errorf("%s: %s", f.Example, p.What.EN)
		}
	}
}

func FuzzRule(f *testing.F) {
	tab := ruleOrders(f)
	for _, s := range []string{`状態 ≠ "x"`, `件数(注文番号) > 1 かつ [金額(税込)] * 1.1 < 5`, `合計("orders", 数量, 注文番号) > 3`, `参照("orders", 注文番号).状態 == 「入荷済」`, `((((`, `a[1:2]`, `let x = 1; x > 2`, `状態 ? 1 : 2`, `数量 in [1,2`, "`", `"\`} {
		f.Add(s)
	}
	w := ruleWorld(f, tab)
	scope := RuleScope{Columns: tab.Columns(), Before: true, Source: func(name string) ([]Column, bool) { return tab.Columns(), name == "orders" }}
	f.Fuzz(func(t *testing.T, src string) {
		r, ps := CompileRule(src, scope)
		if (r == nil) != (len(ps) > 0) {
			t.Fatalf("%q: a rule %v and problems %v", src, r, ps)
		}
		for _, p := range ps {
			if p.Line < 1 || p.Column < 1 || p.What.JA == "" || p.What.EN == "" || p.Next.JA == "" || p.Next.EN == "" {
				t.Fatalf("%q: %+v", src, p)
			}
		}
		if r == nil {
			return
		}
		j := NewJudge(t.Context(), w)
		for row := range tab.Rows() {
			if _, err := j.Holds(r, row); err != nil {
				if _, ok := err.(*Unjudged); !ok {
					t.Fatalf("%q: %v", src, err)
				}
			}
			j.Figures(r, row)
		}
	})
}

func BenchmarkTenRules(b *testing.B) {
	var rows [][]Value
	for i := range 1000 {
		rows = append(rows, []Value{TextOf(fmt.Sprintf("PO-%d", i)), TextOf("未発送"), dayOf(2026, 11, 1+i%30), IntOf(int64(i)), IntOf(int64(i) * 3)})
	}
	tab, err := Of("orders", []string{"注文番号", "状態", "注文日", "数量", "金額"}, rows...)
	if err != nil {
		b.Fatal(err)
	}
	var rules []*Rule
	for _, s := range []string{`状態 == "入荷済"`, `数量 > 500`, `金額 != 数量 * 3`, `経過営業日数(注文日) > 5`, `注文番号 matches "^X"`, `状態 not in ["入荷済", "キャンセル"] and 数量 > 2000`,
		`空(注文日)`, `金額 * 1.1 > 100000`, `件数(注文番号) > 1`, `注文日 > 今日`} {
		r, ps := CompileRule(s, RuleScope{Columns: tab.Columns()})
		if r == nil {
			b.Fatal(ps)
		}
		rules = append(rules, r)
	}
	w := ruleWorld(b, tab)
	n := 0
	for b.Loop() {
		j := NewJudge(b.Context(), w)
		for row := range tab.Rows() {
			for _, r := range rules {
				if _, err := j.Holds(r, row); err != nil {
					b.Fatal(err)
				}
			}
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// TestRuleFor: a rule is compiled anew when one of its tables has other columns, and only then.
func TestRuleFor(t *testing.T) {
	columns := []Column{{Name: "数量", Type: Number}, {Name: "納期", Type: Date}}
	lines := []Column{{Name: "数量", Type: Number}, {Name: "個数", Type: Number}}
	asked := 0
	scope := RuleScope{Columns: columns, Source: func(string) ([]Column, bool) { asked++; return lines, true }}
	r, ps := CompileRule(`数量 < 合計("lines", 個数, 数量)`, RuleScope{Source: func(string) ([]Column, bool) { return nil, true }})
	if len(ps) > 0 || r.Checked() {
		t.Fatal(ps, "it is checked without columns")
	}
	first, ps := r.For(scope)
	if len(ps) > 0 || !first.Checked() || first.Type() != YesNo {
		t.Fatal(ps)
	}
	before := asked
	if again, _ := r.For(scope); again != first || asked == before {
		t.Errorf("the same columns: compiled anew %v, the other table was asked for %d times", again != first, asked-before)
	}
	lines = []Column{{Name: "数量", Type: Number}, {Name: "個数", Type: Text}}
	if out, ps := r.For(scope); len(ps) == 0 {
		t.Errorf("a text is added up: %v", out)
	}
	lines = []Column{{Name: "個数", Type: Number}, {Name: "数量", Type: Number}}
	if out, ps := r.For(scope); len(ps) > 0 || out == first {
		t.Errorf("the other table's columns are in another order: %v", ps)
	}
	scope.Columns = []Column{{Name: "納期", Type: Date}, {Name: "数量", Type: Number}}
	if out, ps := r.For(scope); len(ps) > 0 || out == first || out.columns[0] != 1 {
		t.Errorf("the columns are in another order: %v", ps)
	}
}
