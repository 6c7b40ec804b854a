package jobs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/table"
)

// rulesPage is docs/rules.*.md: what a rule may say. The functions and facts stand where the program has them, so that the
// page can't lag behind.
func rulesPage(l calendar.Language) string {
	var b strings.Builder
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	code := func(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }
	line := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	b.WriteString(t("# 規則の書き方\n\n`where`、`among`、`amount`、`wrong_if`、`must`、`pdf_amount` の equals に書く式です。このページは `go test ./internal/jobs -run TestRulesPage -update` が作ります。\n\n",
		"# How rules are written\n\nWhat stands in `where`, `among`, `amount`, `wrong_if`, `must` and in equals of `pdf_amount`. This page is made by `go test ./internal/jobs -run TestRulesPage -update`.\n\n"))
	b.WriteString(t("式は `'…'`（一重の引用符）で囲むと、中に `\"…\"` を書けます。読めない名前、合わない型、終わらない計算は、`bod check` が行と桁を示して知らせます。\n"+
		"空の欄を使う式のように、どちらとも言えないものは「確かめられない」とし、合っていることにはしません。\n\n",
		"A rule in `'…'` (single quotes) may have `\"…\"` inside. Names that nobody knows, types that don't fit and endless work are told by `bod check` with line and column.\n"+
			"What can't be told either way, such as a rule about an empty cell, is \"not judged\" and never right.\n\n"))
	b.WriteString(t("## 比べる、つなぐ\n\n", "## Comparing and joining\n\n"))
	line(t("書き方", "written"), t("同じもの", "also"), t("意味", "meaning"))
	line("---", "---", "---")
	for _, o := range [][4]string{
		{"==", "`=` `＝`", "等しい（全角・半角、空白の違いは見ません）", "equal, whatever the width of letters"},
		{"!=", "`≠` `<>` `ではない`", "等しくない", "not equal"},
		{"< <= > >=", "`＜` `≦` `≤` `＞` `≧` `≥`", "小さい、以下、大きい、以上。`1 < 数量 < 5` とも書けます", "less, at most, more, at least; `1 < n < 5` is understood"},
		{"and", "`かつ`", "両方が成り立つ", "both hold"},
		{"or", "`または`", "どちらかが成り立つ", "one of them holds"},
		{"not", "`ではない`", "成り立たない", "it does not hold"},
		{"in [\"a\", \"b\"]", "`not in`", "並べたもののどれか", "one of these"},
		{"contains", "`を含む`", "その文字がある", "the text has it in it"},
		{"startsWith, endsWith", "`で始まる` `で終わる`", "その文字で始まる、終わる", "the text begins, ends with it"},
		{"matches", "", "正規表現に合う", "a regular expression fits"},
		{"+ - * / %", "", "計算。金額は小数の誤差なしに計算します", "arithmetic, in decimals without error"},
		{"empty", "`空`", "何も書いていない：`納期 == 空`", "nothing stands there: `due == empty`"},
		{"true, false", "`はい` `いいえ`", "はい、いいえ", "yes and no"},
	} {
		line(code(o[0]), o[1], t(o[2], o[3]))
	}
	b.WriteString(t("\n列の名前はそのまま書きます。記号や空白のある名前は `[金額(税込)]` のように [ ] で囲みます。文字は `\"…\"` `「…」` `“…”` で囲み、日付は `\"2026-12-01\"` のように書きます。\n",
		"\nColumns are written as they are called; a name with blanks or signs in [ ], like `[price (net)]`. Texts stand in `\"…\"`, dates as `\"2026-12-01\"`.\n"))
	b.WriteString(t("\n## 使える計算\n\n営業日は `[calendar]` の休みで数えます。当日を0と数えるかどうかは、それぞれに書いてあります。\n\n", "\n## Functions\n\nBusiness days are those of `[calendar]`. Whether the day itself is 0 is said with each.\n\n"))
	line(t("名前", "name"), t("英語の名前", "in Japanese"), t("意味", "meaning"), t("例", "example"))
	line("---", "---", "---", "---")
	for _, f := range table.RuleFunctions() {
		a, c := f.JA, f.EN
		if l == calendar.English {
			a, c = c, a
		}
		line(code(a), code(c), f.Meaning.In(l), code(f.Example))
	}
	b.WriteString(t("\n## 送るメールの確認で使えるもの\n\n`kind = \"send\"` の `[[job.名前.check]]` では、次のものと fields の名前、表の行ごとに送るとき（each）はその行の列が使えます。同じ名前の列は `[行.金額]` と書きます。\n\n",
		"\n## What the checks of messages know\n\nIn a `[[job.NAME.check]]` of a `kind = \"send\"` these can be used, the names of fields, and where a row gets the letter (each) its columns. A column that has one of these names is written `[row.amount]`.\n\n"))
	line(t("名前", "name"), t("英語の名前", "in Japanese"), t("意味", "meaning"))
	line("---", "---", "---")
	for _, f := range messageFacts {
		a, c := f.JA, f.EN
		if l == calendar.English {
			a, c = c, a
		}
		line(code(a), code(c), f.Meaning.In(l))
	}
	return b.String()
}

func TestRulesPage(t *testing.T) {
	for _, l := range []calendar.Language{calendar.Japanese, calendar.English} {
		name := fmt.Sprintf("../../docs/rules.%s.md", l)
		want := rulesPage(l)
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s is not what the program says (%v): go test ./internal/jobs -run TestRulesPage -update", name, err)
		}
	}
}

// What the page says of operators is what rules take.
func TestRulesPageOperators(t *testing.T) {
	tab, err := table.Of("x", []string{"品名", "数量", "納期", "済", "金額(税込)"}, []table.Value{table.TextOf("ABC-1"), table.IntOf(3), table.DateOf(calendar.Date{Year: 2026, Month: 12, Day: 1}), table.YesNoOf(true), table.IntOf(5)})
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{`品名 == "ＡＢＣ-1"`, `品名 = 「ABC-1」`, `数量 ≠ 4`, `数量 <> 4`, `数量 ≦ 3`, `数量 ≤ 3`, `数量 ≧ 3`, `数量 ≥ 3`, `1 < 数量 < 5`, `数量 = 3 かつ 済 = はい`,
		`数量 = 4 または 済`, `ではない (数量 = 4)`, `品名 in ["ABC-1"]`, `品名 not in ["x"]`, `品名 contains "BC"`, `品名 を含む "BC"`, `品名 startsWith "A"`, `品名 endsWith "1"`, `品名 で始まる “A”`, `品名 matches "^A"`,
		`納期 = "2026-12-01"`, `納期 != 空`, `[金額(税込)] * 1.1 = 5.5`} {
		r, ps := table.CompileRule(src, table.RuleScope{Columns: tab.Columns()})
		if r == nil {
			t.Errorf("%s: %v", src, ps)
			continue
		}
		j := table.NewJudge(t.Context(), table.RuleWorld{Table: tab})
		for row := range tab.Rows() {
			if yes, err := j.Holds(r, row); err != nil || !yes {
				t.Errorf("%s: %v, %v", src, yes, err)
			}
		}
	}
}
