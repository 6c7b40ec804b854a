package jobs

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/document"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// reportLetters are bod's own, for who has no letter of theirs: to colleagues, and to the outside.
var reportLetters = map[bool]calendar.Text{
	false: {JA: `件名：{件名} {対象}（{件数}）

{宛名?}

お疲れさまです、{差出人}です。
{対象}の{件名}をお知らせします。

{合計}

{グラフ}

{表}

　添付：{添付一覧?}

{差出人}
`, EN: `Subject: {title}, {about} ({count})

{to.address?}

Hello, this is {owner.name}.
Here is the report "{title}" for {about}.

{totals}

{chart}

{table}

  Attached: {attachments?}

{owner.name}
`},
	true: {JA: `件名：【{自社名}】{対象} {件名}のご案内

{宛名?}

いつもお世話になっております。
{自社名}です。

{対象}の{件名}をお送りいたします。
ご確認くださいますよう、お願いいたします。

{合計}

{グラフ}

{表}

　添付：{添付一覧?}

ご不明な点がございましたら、本メールにご返信ください。
どうぞよろしくお願いいたします。

{署名}
`, EN: `Subject: {company.name}: {title}, {about}

{to.address?}

Please find below the report "{title}" for {about}.

{totals}

{chart}

{table}

  Attached: {attachments?}

If anything is unclear, please reply to this mail.

{signature}
`},
}

// reportFields are the fields of a report's letters beside those of every letter. A block stands on a line of its own.
var reportFields = []struct {
	JA, EN string
	block  bool
}{{"合計", "totals", true}, {"グラフ", "chart", true}, {"表", "table", true}, {"件数", "count", false}, {"前回", "previous", false}, {"基準日時", "as_of", false}}

// fields are those that the job's letters have beside those of every letter.
func (s *reportSpec) fields(values map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, s.send.Fields)
	for _, f := range reportFields {
		out[f.JA], out[f.EN] = values[f.EN], values[f.EN]
	}
	return out
}

// misplaced finds the blocks of a letter that don't stand on a line of their own, and what can never be filled.
func (s *reportSpec) misplaced(t *template) (out []letterProblem) {
	for _, line := range append([][]piece{t.subject}, t.lines...) {
		for _, p := range line {
			i := slices.IndexFunc(reportFields, func(f struct {
				JA, EN string
				block  bool
			}) bool {
				return f.block && (f.JA == p.field || f.EN == p.field)
			})
			switch {
			case i < 0:
			case len(line) > 1:
				out = append(out, letterProblem{Line: p.line, What: calendar.Text{JA: fmt.Sprintf("{%s} と同じ行に、ほかの言葉があります", p.field), EN: fmt.Sprintf("{%s} shares its line with other words", p.field)},
					Next: calendar.Text{JA: fmt.Sprintf("{%s} だけの行にしてください", p.field), EN: fmt.Sprintf("give {%s} a line of its own", p.field)}})
			case reportFields[i].EN == "chart" && s.Chart < 0 && !p.optional:
				out = append(out, letterProblem{Line: p.line, What: calendar.Text{JA: fmt.Sprintf("{%s} がありますが、何をグラフにするか（chart）がありません", p.field), EN: fmt.Sprintf("there is {%s}, but no chart", p.field)},
					Next: calendar.Text{JA: "chart を書くか、手紙からその行を消してください", EN: "write chart, or take the line out of the letter"}})
			}
		}
	}
	return out
}

// letter reads the job's letter, or takes bod's own.
func (r *reading) letter(send *sendSpec, to []config.Addressee) (t *template, text []byte, problems []letterProblem, missing []ledger.Reason) {
	c := r.w.Config
	if send.Letter != "" {
		b, err := c.ReadFile(send.Letter, letterLimit)
		if err != nil {
			x := fileReason(r.w, send.Letter, err)
			x.Code = codeLetter
			return nil, nil, nil, []ledger.Reason{x}
		}
		text = b
	} else {
		send.Letter = "report"
		text = []byte(reportLetters[anyOutside(c, to)].In(r.l))
	}
	t, problems = parseLetter(send.Letter, text, r.l)
	if t == nil {
		return nil, nil, problems, nil
	}
	problems = append(problems, t.unknown(r.fields(nil))...)
	if r.send.Letter != "" {
		problems = append(problems, r.misplaced(t)...)
	}
	if len(t.subject) == 0 {
		problems = append(problems, letterProblem{Line: 1, What: calendar.Text{JA: "件名がありません", EN: "there is no subject"},
			Next: calendar.Text{JA: "1行目に「件名：…」と書いてください", EN: "write \"Subject: …\" on its first line"}})
	}
	return t, text, problems, nil
}

// figure says a number with commas and its decimal places.
func figure(d decimal.Decimal, places int32) string {
	s := d.StringFixed(places)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	whole, rest, has := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if has {
		whole += "." + rest
	}
	return sign + whole
}

// change says what a figure has gained or lost: +23,000、+1.9%.
func change(now, was decimal.Decimal, places int32, l calendar.Language) string {
	d := now.Sub(was)
	if d.IsZero() {
		return "±0"
	}
	plus := func(d decimal.Decimal, places int32) string {
		if d.IsPositive() {
			return "+" + figure(d, places)
		}
		return figure(d, places)
	}
	s := plus(d, places)
	if was.IsZero() {
		return s
	}
	return s + calendar.Text{JA: "、", EN: ", "}.In(l) + plus(d.Mul(decimal.NewFromInt(100)).DivRound(was.Abs(), 1), 1) + "%"
}

// countWords is a number of rows.
func countWords(n int, l calendar.Language) string {
	s := figure(decimal.NewFromInt(int64(n)), 0)
	switch {
	case l != calendar.English:
		return s + "件"
	case n == 1:
		return s + " row"
	}
	return s + " rows"
}

// mostText is how long the text of one cell of a mail may be.
const mostText = 200

// cellText is a value as a table shows it.
func cellText(v table.Value, l calendar.Language) string {
	switch v.Type() {
	case table.Date, table.Time:
		d := v.Date()
		s := fmt.Sprintf("%d/%02d/%02d", d.Year, int(d.Month), d.Day)
		if l == calendar.English {
			s = fmt.Sprintf("%d %s %d", d.Day, d.Month.String()[:3], d.Year)
		}
		if v.Type() == table.Time {
			s += " " + v.Time().Format("15:04")
		}
		return s
	}
	s := strings.Join(strings.Fields(clean(v.In(l))), " ")
	if r := []rune(s); len(r) > mostText {
		return string(r[:mostText]) + "…"
	}
	return s
}

// cell is a value of a column as a table shows it.
func (r *reading) cell(i int, v table.Value, l calendar.Language) string {
	if v.Type() != table.Number {
		return cellText(v, l)
	}
	switch {
	case !r.amount(i):
		return v.Canonical()
	case !slices.Contains(r.Total, i) && r.columns[i].places == 0:
		return v.In(l) // of a year it knows that it has no comma
	}
	return figure(v.Number(), r.columns[i].places)
}

// reportView is a report in one language: what its blocks show.
type reportView struct {
	r       *reading
	l       calendar.Language
	outside bool // whose reader is told of changes, and not that there is nothing to compare with
	head    []viewHead
	lines   []viewLine
	after   []string
	picture []byte
	high    int
	alt     string
	legend  string
}

type viewHead struct {
	name string
	num  bool
}

type viewKind uint8

const (
	lineRow   viewKind = iota
	lineGroup          // a value with its subtotal, above its rows
	lineMore           // how many more there are
	lineSum
)

type viewLine struct {
	kind  viewKind
	rank  int // in the chart, 0 for none
	cells []viewCell
}

type viewCell struct{ text, change string }

func (v *reportView) t(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(v.l) }

// mostHTML is what a mail's HTML may weigh, so that Gmail does not hide its end (102 KB).
const mostHTML = 80_000

// view lays the report out. Where it would be too long for a mail it shows fewer lines, and says so.
func (r *reading) view(l calendar.Language, outside bool) (*reportView, error) {
	v := &reportView{r: r, l: l, outside: outside}
	for most := mostLines; ; most /= 2 {
		v.lay(most)
		if most < 10 || len(v.page("", []string{marked("table")}).html("")) <= mostHTML {
			break
		}
	}
	return v, v.draw()
}

// lay makes the lines of the table.
func (v *reportView) lay(most int) {
	r := v.r
	v.head, v.lines, v.after = nil, nil, nil
	show := slices.Clone(r.Columns)
	plainGroups := len(show) == 0
	if plainGroups {
		v.head = []viewHead{{clean(r.cols[r.Group].name), false}, {v.t("件数", "Count"), true}}
	}
	for _, i := range r.Total {
		if !slices.Contains(show, i) {
			show = append(show, i)
		}
	}
	for _, i := range show {
		v.head = append(v.head, viewHead{clean(r.cols[i].name), r.columns[i].typ == table.Number})
	}
	if r.whole.n == 0 {
		v.lay0()
		return
	}
	row := func(x reportRow) (out []viewCell) {
		for _, i := range show {
			out = append(out, viewCell{text: r.cell(i, x.values[i], v.l)})
		}
		return out
	}
	// sums are the cells of a count with its totals: under their columns, and what it is in the first that has no total.
	sums := func(label string, s reportSum, was *reportSum) []viewCell {
		out := make([]viewCell, len(v.head))
		first := slices.IndexFunc(show, func(i int) bool { return !slices.Contains(r.Total, i) })
		if plainGroups {
			first = 0
			out[1].text = figure(decimal.NewFromInt(int64(s.n)), 0)
			if was != nil {
				out[1].change = change(decimal.NewFromInt(int64(s.n)), decimal.NewFromInt(int64(was.n)), 0, v.l)
			}
		} else {
			first = max(first, 0)
		}
		for k, i := range r.Total {
			at := slices.Index(show, i)
			if plainGroups {
				at += 2
			}
			out[at].text = figure(s.totals[k], r.columns[i].places)
			if was != nil {
				out[at].change = change(s.totals[k], was.totals[k], r.columns[i].places, v.l)
			}
		}
		out[first].text = strings.TrimSpace(label + " " + out[first].text)
		return out
	}
	counted := func(label string, n int) string { return label + inBrackets(countWords(n, v.l), v.l) }
	name := func(g *reportGroup) string {
		s := groupLabel(g.value, v.l)
		if r.before != nil && g.was == nil && !r.before.More {
			s += v.t("（新）", " (new)")
		}
		return s
	}
	rank := func() int {
		if r.Chart < 0 {
			return 0
		}
		n := 1
		for _, x := range v.lines {
			if x.rank > 0 {
				n++
			}
		}
		if n > document.MostBars {
			return 0
		}
		return n
	}
	rest := newSum(len(r.Total))
	more := func(what string) {
		if rest.n > 0 {
			v.lines = append(v.lines, viewLine{kind: lineMore, cells: sums(what, rest, nil)})
		}
	}
	switch limit := min(r.Limit, most); {
	case r.Group < 0:
		for n, x := range r.rows {
			if n >= limit {
				rest.add(r.sumOf(x))
				continue
			}
			v.lines = append(v.lines, viewLine{rank: rank(), cells: row(x)})
		}
		more(v.t("ほか"+countWords(rest.n, v.l), strconv.Itoa(rest.n)+" more"))
	case plainGroups:
		left := 0
		for n, g := range r.groups {
			if n >= limit {
				rest.add(g.reportSum)
				left++
				continue
			}
			v.lines = append(v.lines, viewLine{rank: rank(), cells: sums(name(g), g.reportSum, g.was)})
		}
		more(v.t(fmt.Sprintf("ほか%dつ", left), fmt.Sprintf("%d more", left)))
	default:
		left := 0
		for _, g := range r.groups {
			if len(v.lines) >= most {
				rest.add(g.reportSum)
				left++
				continue
			}
			v.lines = append(v.lines, viewLine{kind: lineGroup, rank: rank(), cells: sums(counted(name(g), g.n), g.reportSum, g.was)})
			for n, x := range g.rows {
				if n >= r.Limit || len(v.lines) >= most {
					cells := make([]viewCell, len(v.head))
					cells[0].text = v.t(fmt.Sprintf("ほか%d件", g.n-n), fmt.Sprintf("%d more", g.n-n))
					v.lines = append(v.lines, viewLine{kind: lineMore, cells: cells})
					break
				}
				v.lines = append(v.lines, viewLine{cells: row(x)})
			}
		}
		more(counted(v.t(fmt.Sprintf("ほか%dつ", left), fmt.Sprintf("%d more", left)), rest.n))
	}
	if len(r.Total) > 0 || plainGroups {
		label := v.t("合計", "Total")
		if !plainGroups {
			label = counted(label, r.whole.n)
		}
		v.lines = append(v.lines, viewLine{kind: lineSum, cells: sums(label, r.whole, nil)})
	}
	v.lay0()
}

// sumOf is one row as a sum.
func (r *reading) sumOf(x reportRow) reportSum {
	s := reportSum{n: 1}
	for _, i := range r.Total {
		s.totals = append(s.totals, x.values[i].Number())
	}
	return s
}

// lay0 adds what was there last time and is not now.
func (v *reportView) lay0() {
	r := v.r
	gone := r.gone()
	for n, g := range gone {
		if n == 10 {
			v.after = append(v.after, v.t(fmt.Sprintf("・ほか%dつ", len(gone)-n), fmt.Sprintf("- %d more", len(gone)-n)))
			break
		}
		if n == 0 {
			v.after = append(v.after, v.t("前回あって、今回ないもの", "There last time, and not now"))
		}
		words := []string{countWords(g.Count, v.l)}
		if s, ok := g.sum(); ok && len(s.totals) == len(r.Total) {
			for k, i := range r.Total {
				words = append(words, clean(r.cols[i].name)+" "+figure(s.totals[k], r.columns[i].places))
			}
		}
		v.after = append(v.after, v.t("・", "- ")+g.label(v.l)+v.t("：", ": ")+strings.Join(words, v.t("、", ", ")))
	}
}

// facts are count and totals, and how they changed.
func (v *reportView) facts() facts {
	r := v.r
	var was *reportSum
	if r.before != nil {
		if s, ok := recorded(r.before.Count, r.before.Totals); ok {
			was = &s
		}
	}
	say := func(now string, n, w decimal.Decimal, places int32) string {
		if was == nil {
			return now
		}
		return now + v.t("（前回 ", " (last time ") + figure(w, places) + v.t("、", ", ") + change(n, w, places, v.l) + v.t("）", ")")
	}
	w := reportSum{totals: make([]decimal.Decimal, len(r.Total))}
	if was != nil {
		w = *was
	}
	out := facts{{v.t("件数", "Rows"), say(strings.TrimSuffix(strings.TrimSuffix(countWords(r.whole.n, v.l), " rows"), " row"), decimal.NewFromInt(int64(r.whole.n)), decimal.NewFromInt(int64(w.n)), 0)}}
	for k, i := range r.Total {
		out = append(out, row{clean(r.cols[i].name), say(figure(r.whole.totals[k], r.columns[i].places), r.whole.totals[k], w.totals[k], r.columns[i].places)})
	}
	return out
}

// compared says what the changes are counted from.
func (v *reportView) compared() string {
	r := v.r
	switch {
	case !r.Compare:
		return ""
	case v.outside && r.before == nil:
		return ""
	case r.before != nil:
		return v.t("増減は、前回（"+r.before.about(v.l)+"）と比べたものです。", "Changes are counted from the last report ("+r.before.about(v.l)+").")
	case r.changed:
		return v.t("集計のしかたが変わったので、前回とは比べていません。", "What is counted was changed, so it is not compared with the last report.")
	}
	return v.t("前回の記録がないので、比べていません。", "There is no earlier report to compare with.")
}

// draw makes the chart, where one was asked for and there is something to draw.
func (v *reportView) draw() error {
	r := v.r
	if r.Chart < 0 || r.whole.n == 0 {
		return nil
	}
	col := r.Total[r.Chart]
	places := r.columns[col].places
	var bars []document.Bar
	var words []string
	groups, rows := 0, 0
	before := false
	for _, x := range v.lines {
		var now decimal.Decimal
		var was *decimal.Decimal
		label := x.cells[0].text
		if r.Group >= 0 {
			if x.rank == 0 {
				continue
			}
			g := r.groups[groups]
			groups++
			now, label = g.totals[r.Chart], groupLabel(g.value, v.l)
			if g.was != nil {
				was = &g.was.totals[r.Chart]
			}
		} else {
			if x.rank == 0 {
				continue
			}
			now = r.rows[rows].values[col].Number()
			rows++
		}
		b := document.Bar{Mark: strconv.Itoa(x.rank), Value: now.InexactFloat64(), Label: figure(now, places)}
		said := strconv.Itoa(x.rank) + " " + label + " " + b.Label
		if was != nil {
			f := was.InexactFloat64()
			b.Before, before = &f, true
			said += v.t("（前回 ", " (last time ") + figure(*was, places) + v.t("）", ")")
		}
		bars, words = append(bars, b), append(words, said)
	}
	data, high, err := document.Chart(bars)
	if err != nil {
		return err
	}
	v.picture, v.high = data, high
	name := clean(r.cols[col].name)
	v.alt = v.t(name+"のグラフ：", "Chart of "+name+": ") + strings.Join(words, v.t("、", "; "))
	v.legend = v.t(name+"（番号は下の表のもの", name+" (numbers as in the table below")
	if before {
		v.legend += v.t("、細い棒は前回", "; the thin bars are the last report's")
	}
	v.legend += v.t("）", ")")
	return nil
}

// marked is what stands for a block in a letter while its fields are filled. The character is of the private use area,
// that no letter has.
func marked(block string) string { return "\ue000" + block }

// values are those of reportFields, by their English names.
func (v *reportView) values() map[string]string {
	r := v.r
	asOf := r.t.Modified()
	if asOf.IsZero() {
		asOf = leaves(r.w)
	}
	asOf = asOf.In(r.w.Config.Zone)
	out := map[string]string{"totals": marked("totals"), "chart": marked("chart"), "table": marked("table"), "count": countWords(r.whole.n, v.l),
		"as_of": calendar.DateOf(asOf).Long(v.l) + " " + asOf.Format("15:04"), "previous": v.t("なし", "none")}
	if r.before != nil {
		out["previous"] = r.before.about(v.l)
	}
	return out
}

// told is all that the mail shows of the rows.
func (v *reportView) told() []any {
	p := v.page("", []string{marked("totals"), marked("table")})
	return []any{p.text(), v.alt}
}

// dress makes the letter's two forms of the filled text.
func (v *reportView) dress(l *mailer.Letter, text string) {
	shown := v.picture
	url := ""
	if shown != nil && strings.Contains(text, marked("chart")) {
		i := mailer.NewImage("image/png", shown, l.From)
		l.Images, url = []mailer.Image{i}, i.URL()
	}
	p := v.page(url, strings.Split(text, "\n"))
	plain := p.text()
	for strings.Contains(plain, "\n\n\n") { // where an optional field or a block went
		plain = strings.ReplaceAll(plain, "\n\n\n", "\n\n")
	}
	l.Text, l.HTML = wrap(strings.TrimLeft(plain, "\n"), v.l != calendar.English), p.html(l.Subject)
}

// page is the letter as blocks: what is written, and in it what the rows come to.
func (v *reportView) page(url string, lines []string) *page {
	p := newPage(v.l, tonePlain)
	var words []string
	flush := func() {
		if len(words) > 0 {
			p.add(prose(strings.Join(words, "\n")))
			words = nil
		}
	}
	for _, line := range lines {
		switch line {
		case marked("totals"):
			flush()
			p.add(v.facts())
			if c := v.compared(); c != "" {
				p.add(para{words: c, look: "small"})
			}
		case marked("chart"):
			flush()
			if url != "" {
				p.add(picture{url: url, alt: v.alt, legend: v.legend, high: v.high})
			}
		case marked("table"):
			flush()
			if v.r.whole.n == 0 {
				p.add(para{words: v.t("該当するものはありませんでした。", "There was nothing to report.")})
			} else {
				p.add(dataTable{v})
			}
			if len(v.after) > 0 {
				p.add(gap{}, prose(strings.Join(v.after, "\n")))
			}
		default:
			words = append(words, line)
		}
	}
	flush()
	return p
}

// prose is a part of a letter: its lines stay lines.
type prose string

func (b prose) text(calendar.Language) string { return string(b) + "\n" }

func (b prose) html(s *sheet) {
	for para := range strings.SplitSeq(strings.Trim(string(b), "\n"), "\n\n") {
		if para = strings.Trim(para, "\n"); para == "" {
			continue
		}
		var lines []string
		for line := range strings.SplitSeq(para, "\n") {
			if len(line) >= 30 && strings.Trim(line, "-=_") == "" {
				// The rule around a signature has to fit a telephone, for a second line of it looks like a slip.
				lines = append(lines, `<span style="font-size:10px">`+html.EscapeString(line)+"</span>")
				continue
			}
			lines = append(lines, spaced(line))
		}
		s.b.WriteString("<p" + as("p") + ">" + strings.Join(lines, "<br>\n") + "</p>\n")
	}
}

// picture is the chart. The plain text has none: its figures stand in the table.
type picture struct {
	url, alt, legend string
	high             int
}

func (picture) text(calendar.Language) string { return "" }

func (b picture) html(s *sheet) {
	s.b.WriteString("<p" + as("small") + ">" + html.EscapeString(b.legend) + "</p>\n<p" + as("p") + ">" + fmt.Sprintf(`<img src="%s" width="%d" alt="%s" border="0" style="width:100%%;max-width:%dpx;height:auto">`,
		html.EscapeString(b.url), document.ChartWidth, html.EscapeString(b.alt), document.ChartWidth) + "</p>\n")
}

// dataTable is the rows. The plain text has no columns: they fall apart in a font of unequal letters and on a telephone.
type dataTable struct{ v *reportView }

func (b dataTable) text(l calendar.Language) string {
	v := b.v
	var out strings.Builder
	gap := v.t("　", "  ")
	for n, x := range v.lines {
		mark := map[viewKind]string{lineRow: v.t("・", "- "), lineGroup: v.t("■ ", "* "), lineMore: v.t("・", "- ")}[x.kind]
		if x.rank > 0 {
			mark = strconv.Itoa(x.rank) + ". "
			if x.kind == lineGroup {
				mark = v.t("■ ", "* ") + mark
			}
		}
		if n > 0 && (x.kind == lineGroup || x.kind == lineSum) {
			out.WriteString("\n")
		}
		// A line goes on below its mark, and breaks only between two columns.
		line := mark
		if x.kind == lineRow && len(v.r.Columns) > 0 && x.cells[0].text != "" {
			line += v.head[0].name + v.t("：", ": ")
		}
		line += x.cells[0].text + inBrackets(x.cells[0].change, v.l)
		if x.cells[0].text == "" {
			line = mark + v.t("（空欄）", "(empty)")
		}
		for i, c := range x.cells[1:] {
			if c.text == "" {
				continue
			}
			part := v.head[i+1].name + v.t("：", ": ") + c.text + inBrackets(c.change, v.l)
			if last := line[strings.LastIndexByte(line, '\n')+1:]; textWidth(last+gap+part, l != calendar.English) > columns {
				line += "\n" + v.t("　", "  ") + part
			} else {
				line += gap + part
			}
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

// inBrackets puts what belongs to a figure behind it.
func inBrackets(s string, l calendar.Language) string {
	if s == "" {
		return ""
	}
	return calendar.Text{JA: "（" + s + "）", EN: " (" + s + ")"}.In(l)
}

// fewColumns fit side by side on a telephone.
const fewColumns = 3

// css is for telephones: there each value of a wide table gets a line of its own, with its column's name. Where it is not
// read the table stays a table.
func (b dataTable) css(l calendar.Language) string {
	v := b.v
	if len(v.head) <= fewColumns {
		return ""
	}
	var out strings.Builder
	out.WriteString("@media (max-width:480px){\n.data tr,.data td{display:block !important;text-align:left !important;border-top:0 !important;white-space:normal !important}\n" +
		".data tr.names,.data td.none{display:none !important}\n.data tr{border-top:1px solid #8a959d !important;padding:8px 0 !important}\n.data td{padding:1px 0 !important}\n" +
		".data td.c0{font-weight:bold !important}\n.data td:before{font-weight:normal;font-size:13px}\n")
	for i, h := range v.head {
		if i > 0 {
			out.WriteString(".data td.c" + strconv.Itoa(i) + `:before{content:"` + cssText(h.name+calendar.Text{JA: "：", EN: ": "}.In(l)) + "\"}\n")
		}
	}
	out.WriteString("}\n")
	return out.String()
}

// cssText writes a text as a string of a style sheet, in which nothing of it means anything.
func cssText(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r < 0x80 && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			fmt.Fprintf(&out, `\%06x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (b dataTable) html(s *sheet) {
	v := b.v
	wide := len(v.head) > fewColumns
	s.b.WriteString(`<table role="table" width="100%" cellpadding="0" cellspacing="0" border="0"` + as("data") + ">\n<tr class=\"names\">")
	for _, h := range v.head {
		look, align := "data-head", ""
		if h.num {
			look, align = "data-head-num", ` align="right"`
		}
		s.b.WriteString(`<th scope="col"` + align + as(look) + ">" + html.EscapeString(h.name) + "</th>")
	}
	s.b.WriteString("</tr>\n")
	for _, x := range v.lines {
		kind := map[viewKind]string{lineRow: "data-cell", lineGroup: "data-group", lineMore: "data-more", lineSum: "data-sum"}[x.kind]
		s.b.WriteString("<tr>")
		for i, c := range x.cells {
			look, align := kind, ""
			if v.head[i].num {
				look, align = kind+"-num", ` align="right"`
			}
			text := html.EscapeString(c.text)
			if i == 0 && x.rank > 0 {
				text = strconv.Itoa(x.rank) + ".&nbsp;" + text
			}
			if c.change != "" {
				text += "<br>\n<span" + as("change") + ">" + html.EscapeString(c.change) + "</span>"
			}
			class := as(look)
			if wide {
				more := " c" + strconv.Itoa(i)
				if text == "" {
					more += " none"
				}
				class = strings.Replace(class, look, look+more, 1)
			}
			if text == "" {
				text = "&nbsp;"
			}
			s.b.WriteString("<td valign=\"top\"" + align + class + ">" + text + "</td>")
		}
		s.b.WriteString("</tr>\n")
	}
	s.b.WriteString("</table>\n<p style=\"margin:0 0 14px 0;font-size:2px;line-height:2px\">&nbsp;</p>\n")
}
