package jobs

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/document"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// report makes the rows of a table a mail that can be read: a table, totals, what changed since the last one, a small
// chart, and all rows as a file.
type report struct{}

// reportSpec is a report's own part.
type reportSpec struct {
	send     sendSpec // to whom, with which letter, held against which checks
	Source   string
	Where    string // a rule; "" : every row
	Date     int    // the column whose day says whether a row is of the period; -1: every row
	Columns  []int  // of cols
	Group    int    // of cols, -1 for none
	Total    []int
	Sort     []reportOrder
	Limit    int
	Compare  bool
	Chart    int    // of Total, -1 for none
	File     string // the attachment's name, "" for none
	Encoding document.Encoding
	cols     []reportCol
}

// reportCol is a column of the table, or one that is worked out of each row.
type reportCol struct {
	name, rule string
	key        string // where jobs.toml names it first
	at, shift  int    // its place in that list, and how many characters of the text stand before the rule
}

// reportOrder is one thing to sort by.
type reportOrder struct {
	col   int
	count bool // how many rows a group has, instead of a column
	down  bool
}

const (
	usualLines = 50  // of the mail, when limit is not written
	mostLines  = 100 // Gmail hides what is beyond 102 KB, and nobody reads so much on a telephone
	// maxReport is how many rows are kept for a mail or a file. What is only counted has no such limit.
	maxReport = 100_000
)

func (report) Name() string { return "report" }

func (report) Keys() []config.Key {
	key := func(name, typ, def, example, ja, en string, needed bool) config.Key {
		return config.Key{Table: "job.NAME", Name: name, Type: typ, Default: def, Example: example, Needed: needed, Meaning: calendar.Text{JA: ja, EN: en}}
	}
	return []config.Key{
		key("source", "text", "", `source = "orders"`, "レポートにする表。[source.名前] の名前", "the table that is reported: the name of a [source.NAME]", true),
		key("to", "list of names", "", `to = ["sato", "tanaka"]`, "レポートの宛先。社内だけなら全員に1通、社外があれば1件に1通ずつ", "who gets the report: one message for all colleagues, or one for each as soon as somebody outside is among them", true),
		key("cc", "list of names", "", `cc = ["ogawa"]`, "写しの宛先", "who gets a visible copy", false),
		key("date", "text", "", `date = "受注日"`, "対象の期間（about）の行だけにするための日付の列。書かなければ、日付に関わらず全部", "the column with a row's day: only rows of the period that about names are reported; all when not said", false),
		key("where", "text", "", `where = '状態 != "キャンセル"'`, "どの行をレポートにするか。今日は、この回の送る日です", "which rows are reported; today is the day on which the run is due", false),
		key("columns", "list of texts", "", `columns = ["得意先", "受注日", "金額 = 数量 * 単価"]`, "メールの表に並べる列。「名前 = 計算」で計算した列も作れます。group があれば書かなくてもよく、そのときは小計だけを並べます", "the columns of the mail's table, in this order; NAME = RULE makes one that is worked out. With group they may be left out: then the table has the subtotals alone", false),
		key("group", "text", "", `group = "担当"`, "どの列の値ごとにまとめて小計を出すか。「月 = 月(受注日)」のような計算も書けます", "the column, or NAME = RULE, by whose values the rows are put together, each with its subtotal", false),
		key("total", "list of texts", "", `total = ["金額"]`, "合計する列。「名前 = 計算」も書けます。値のない行があれば、送らずに待ちます", "the columns that are added up, or NAME = RULE; a row without a value makes the run wait", false),
		key("sort", "list of texts", "", `sort = ["金額 大きい順", "得意先"]`, "並べ方。列の名前のあとに「大きい順」「新しい順」など。書かなければ小さい順（古い順）。「件数」は group の行の数", "the order: names of columns, with desc for the largest or newest first. count is how many rows a group has", false),
		key("limit", "number", strconv.Itoa(usualLines), `limit = 10`, "メールに並べる行の数（100まで）。group と columns があれば、まとまりごとの数。残りは件数と合計だけを書き、添付ファイルには全部入ります", "how many rows the mail shows (100 at most), of each group where there are group and columns. What is more is told as a count with its total; the attachment has all", false),
		key("compare", "true or false", "true", `compare = false`, "前回（最後に終わった回）の件数と合計に比べた増減を書くか", "whether the mail says how count and totals changed since the last run that is done", false),
		key("chart", "text", "", `chart = "金額"`, "棒グラフにする列。total にある名前を書きます", "the column of total that is drawn as a chart of bars", false),
		key("attach_as", "text", "", `attach_as = "受注_{about.compact}.xlsx"`, "全部の行を付けるファイルの名前。.xlsx か .csv。{about.compact} などが使えます。書かなければ付けません", "the name of a file with all rows, ending in .xlsx or .csv; it may have {about.compact} and the like. Without it nothing is attached", false),
		key("encoding", "text", `"UTF-8"`, `encoding = "Shift_JIS"`, "添付するCSVの文字コード。UTF-8（BOM付き。ダブルクリックでExcelで開けます）か Shift_JIS", "the encoding of an attached CSV: UTF-8 (with its mark, so that Excel opens it with a double click) or Shift_JIS", false),
		key("letter", "file", "", `letter = "letters/受注レポート.txt"`, "自分の手紙を使うときのファイル。{表} {合計} {グラフ}（それぞれ1行に1つだけ）と {件数} {前回} {基準日時} も使えます", "a letter of your own; it may have {table}, {totals} and {chart}, each on a line of its own, and {count}, {previous} and {as_of} as well", false),
		key("fields", "table", "", `fields = { "内線" = "21" }`, "手紙の { } に入れる、この仕事だけの言葉", "this job's own fields of the letter", false),
	}
}

func (report) Outside(c *config.Config, spec any) bool {
	s, ok := spec.(*reportSpec)
	return ok && anyOutside(c, s.send.To, s.send.Cc)
}

func (report) Decode(d *config.Decoder) any {
	s := &reportSpec{Source: d.String("source"), Where: d.String("where"), Limit: d.Number("limit", usualLines), Compare: d.Bool("compare", true),
		File: d.String("attach_as"), Date: -1, Group: -1, Chart: -1}
	s.send = sendSpec{To: d.Addressees("to"), Cc: d.Addressees("cc"), Letter: d.String("letter"), Fields: d.Table("fields"), MaxSize: maxSize, Makes: s.File != ""}
	s.send.Together = !anyOutside(d.Config, s.send.To)
	s.send.Checks = decodeChecks(d, messageScope(d, s.send.Fields))
	s.send.checkTo(d)
	s.decodeColumns(d)
	s.decodeFile(d)
	if s.Limit < 1 || s.Limit > mostLines {
		d.Problem("limit", calendar.Text{JA: fmt.Sprintf("limit は1から%dまでです", mostLines), EN: fmt.Sprintf("limit is 1 to %d", mostLines)},
			calendar.Text{JA: "limit = 10 のように書いてください。添付ファイルには全部の行が入ります", EN: "write it like limit = 10; an attachment has all rows"})
	}
	if anyOutside(d.Config, s.send.To, s.send.Cc) && len(s.Columns) == 0 && s.File != "" {
		d.Problem("attach_as", calendar.Text{JA: "社外へ送るのに columns がありません。このままでは表の全部の列が外に出ます", EN: "mail goes outside and there are no columns: every column of the table would leave the house"},
			calendar.Text{JA: `columns = ["注文番号", "品名"] のように、外に出してよい列を書いてください`, EN: `name the columns that may leave the house: columns = ["…"]`})
	}
	s.checkTable(d)
	s.checkLetter(d)
	return s
}

// decodeColumns reads all that names columns.
func (s *reportSpec) decodeColumns(d *config.Decoder) {
	add := func(key string, i int, text string) int {
		c := readCol(key, i, text)
		if c.name == "" {
			d.ProblemAt(key, i, calendar.Text{JA: fmt.Sprintf("「%s」に列の名前がありません", text), EN: fmt.Sprintf("%q has no name", text)},
				calendar.Text{JA: "「金額」か「金額 = 数量 * 単価」のように書いてください", EN: "write the name of a column, or NAME = RULE"})
			return -1
		}
		at := s.find(c.name)
		switch {
		case at >= 0 && c.rule != "":
			d.ProblemAt(key, i, calendar.Text{JA: fmt.Sprintf("「%s」が2回あります", c.name), EN: fmt.Sprintf("%s is there twice", c.name)},
				calendar.Text{JA: "計算は1か所に書き、ほかでは名前だけを書いてください", EN: "write the rule once, and only the name elsewhere"})
		case at < 0:
			s.cols = append(s.cols, c)
			at = len(s.cols) - 1
		}
		return at
	}
	list := func(key string) (out []int) {
		for i, text := range d.Strings(key) {
			at := add(key, i, text)
			if slices.Contains(out, at) && at >= 0 && s.cols[at].rule == "" {
				d.ProblemAt(key, i, calendar.Text{JA: fmt.Sprintf("「%s」が2回あります", text), EN: fmt.Sprintf("%s is there twice", text)}, calendar.Text{JA: "片方を消してください", EN: "take one out"})
				continue
			}
			if at >= 0 {
				out = append(out, at)
			}
		}
		return out
	}
	s.Columns = list("columns")
	if v := d.String("group"); v != "" {
		s.Group = add("group", -1, v)
	}
	s.Total = list("total")
	if v := d.String("date"); v != "" {
		s.Date = add("date", -1, v)
	}
	if len(s.Columns) == 0 && s.Group < 0 && !d.Has("columns") && !d.Has("group") {
		d.Trouble(calendar.Text{JA: "何を並べるかがありません", EN: "it doesn't say what is shown"},
			calendar.Text{JA: `columns = ["得意先", "金額"] か group = "担当" を書いてください`, EN: `write columns = ["…"] or group = "…"`})
	}
	if len(s.Columns) > 8 {
		d.Warn("columns", calendar.Text{JA: fmt.Sprintf("メールの表に%d列は、電話の画面では読みにくくなります", len(s.Columns)), EN: fmt.Sprintf("%d columns are hard to read on a telephone", len(s.Columns))},
			calendar.Text{JA: "columns を減らしてください", EN: "show fewer columns"})
	}
	for i, text := range d.Strings("sort") {
		name, down := readOrder(text)
		if at := s.find(name); at < 0 && s.Group >= 0 && (name == "件数" || strings.EqualFold(name, "count")) {
			s.Sort = append(s.Sort, reportOrder{col: -1, count: true, down: down})
			continue
		}
		at := add("sort", i, name)
		if at < 0 {
			continue
		}
		if s.Group >= 0 && len(s.Columns) == 0 && at != s.Group && !slices.Contains(s.Total, at) {
			d.ProblemAt("sort", i, calendar.Text{JA: fmt.Sprintf("小計だけの表は「%s」では並べられません", name), EN: fmt.Sprintf("a table of subtotals can't be sorted by %s", name)},
				calendar.Text{JA: "group の列、total の列、件数 のどれかを書いてください", EN: "write the column of group, one of total, or count"})
			continue
		}
		s.Sort = append(s.Sort, reportOrder{col: at, down: down})
	}
	if v := strings.Trim(d.String("chart"), " 　[]"); v != "" {
		if s.Chart = slices.Index(s.Total, s.find(v)); s.Chart < 0 || s.find(v) < 0 {
			s.Chart = -1
			d.Problem("chart", calendar.Text{JA: fmt.Sprintf("「%s」は total にありません", v), EN: fmt.Sprintf("%s is not in total", v)},
				calendar.Text{JA: fmt.Sprintf(`total = ["%s"] も書いてください`, v), EN: fmt.Sprintf("write total = [%q] as well", v)})
		}
	}
}

// find is the column of a name.
func (s *reportSpec) find(name string) int {
	return slices.IndexFunc(s.cols, func(c reportCol) bool { return table.Fold(c.name) == table.Fold(name) })
}

// readCol reads a column's name, or "NAME = RULE". The first = that compares nothing parts the two.
func readCol(key string, i int, text string) reportCol {
	c := reportCol{name: strings.Trim(text, " 　"), key: key, at: i}
	runes := []rune(text)
	named := strings.HasPrefix(c.name, "[") // a column's name may have any sign inside of its brackets
	for n, r := range runes {
		if named {
			named = r != ']'
			continue
		}
		if r != '=' && r != '＝' || n > 0 && strings.ContainsRune("!<>=≠≦≧", runes[n-1]) || n+1 < len(runes) && (runes[n+1] == '=' || runes[n+1] == '＝') {
			continue
		}
		rest := string(runes[n+1:])
		c.name, c.rule = strings.Trim(string(runes[:n]), " 　"), strings.TrimLeft(rest, " 　")
		c.shift = n + 1 + len([]rune(rest)) - len([]rune(c.rule))
		break
	}
	c.name = strings.TrimSuffix(strings.TrimPrefix(c.name, "["), "]")
	return c
}

var orderWords = regexp.MustCompile(`^(.*?)(?:[\s　]+|の)?(大きい順|多い順|高い順|新しい順|遅い順|降順|小さい順|少ない順|低い順|古い順|早い順|昇順)$`)

// readOrder reads "金額 大きい順" and "amount desc".
func readOrder(text string) (name string, down bool) {
	name = strings.Trim(text, " 　")
	if m := orderWords.FindStringSubmatch(name); m != nil && m[1] != "" {
		name, down = m[1], slices.Contains([]string{"大きい順", "多い順", "高い順", "新しい順", "遅い順", "降順"}, m[2])
	} else if i := strings.LastIndexAny(name, " 　"); i > 0 {
		switch strings.ToLower(strings.Trim(name[i:], " 　")) {
		case "desc", "descending":
			name, down = strings.TrimRight(name[:i], " 　"), true
		case "asc", "ascending":
			name = strings.TrimRight(name[:i], " 　")
		}
	}
	return strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"), down
}

// decodeFile reads what is attached.
func (s *reportSpec) decodeFile(d *config.Decoder) {
	s.Encoding = document.UTF8
	switch v := d.String("encoding"); strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(v, "-", ""), "_", "")) {
	case "", "utf8":
	case "shiftjis", "sjis", "cp932", "windows31j":
		s.Encoding = document.ShiftJIS
	default:
		d.Problem("encoding", calendar.Text{JA: fmt.Sprintf("文字コード「%s」では書けません", v), EN: fmt.Sprintf("couldn't write the encoding %q", v)},
			calendar.Text{JA: "UTF-8 か Shift_JIS を書いてください", EN: "write UTF-8 or Shift_JIS"})
	}
	if s.File == "" {
		if d.Has("encoding") {
			d.Problem("encoding", calendar.Text{JA: "encoding は、attach_as でCSVを付けるときの項目です", EN: "encoding belongs to attach_as with a CSV"}, calendar.Text{JA: "この行を消してください", EN: "delete the line"})
		}
		return
	}
	pieces, ps := parseLine(s.File, 0)
	for _, p := range ps {
		d.Problem("attach_as", p.What, p.Next)
	}
	var fixed strings.Builder
	for _, p := range pieces {
		fixed.WriteString(p.text)
		if p.field == "" {
			continue
		}
		if f, ok := fieldOf(p.field); !ok || !f.Pattern || f.EN == "partner.id" && s.send.Together && len(s.send.To) > 1 {
			d.Problem("attach_as", calendar.Text{JA: fmt.Sprintf("{%s} は attach_as に使えません", p.field), EN: fmt.Sprintf("{%s} can't stand in attach_as", p.field)},
				calendar.Text{JA: "使えるのは {about.folder} {about.compact} {about} {period} などです", EN: "these can: {about.folder} {about.compact} {about} {period}"})
		}
	}
	name := fixed.String()
	end := strings.ToLower(path.Ext(name))
	switch {
	case len(ps) > 0:
	case strings.ContainsAny(name, `/\:*?"<>|`) || hostile(name, false) || strings.HasPrefix(name, "."):
		d.Problem("attach_as", calendar.Text{JA: "ファイルの名前に使えない文字があります", EN: "that is no name of a file"},
			calendar.Text{JA: `/ や : などを使わない名前にしてください`, EN: `leave out / : and their like`})
	case end != ".xlsx" && end != ".csv":
		d.Problem("attach_as", calendar.Text{JA: "ファイルの名前の終わりは .xlsx か .csv です", EN: "the name has to end in .xlsx or .csv"},
			calendar.Text{JA: `"受注_{about.compact}.xlsx" のように書いてください`, EN: `write it like "orders_{about.compact}.xlsx"`})
	case d.Has("encoding") && end != ".csv":
		d.Problem("encoding", calendar.Text{JA: "encoding は、CSVを付けるときの項目です", EN: "encoding is for a CSV"}, calendar.Text{JA: "この行を消してください", EN: "delete the line"})
	}
}

// checkTable holds everything that names columns against the table, as far as that can be read quickly now.
func (s *reportSpec) checkTable(d *config.Decoder) {
	if s.Source == "" {
		return
	}
	if d.Config.Source(s.Source) == nil {
		d.Problem("source", calendar.Text{JA: fmt.Sprintf("[source.%s] がありません", s.Source), EN: fmt.Sprintf("there is no [source.%s]", s.Source)},
			calendar.Text{JA: "[source.名前] の名前を書いてください", EN: "write the name of a [source.NAME]"})
		return
	}
	tab, done := lookAt(d, "source", s.Source)
	defer done()
	s.hold(d, nil)
	if tab != nil {
		s.hold(d.AgainstTable(), tab)
	}
}

// hold is checkTable for one table; without one, for what is wrong whatever the table has.
func (s *reportSpec) hold(d *config.Decoder, tab *table.Table) {
	rules := table.RuleScope{Source: sourceColumns(d.Config)}
	if tab != nil {
		rules.Columns = tab.Columns()
	}
	if s.Where != "" {
		_, ps := table.CompileRule(s.Where, rules)
		for _, p := range ps {
			d.ProblemInside("where", p.Column, p.What, p.Next)
		}
	}
	for n, c := range s.cols {
		typ := table.Empty
		switch i, has := 0, false; {
		case c.rule != "":
			r, ps := table.CompileValue(c.rule, rules)
			for _, p := range ps {
				if c.at < 0 {
					d.ProblemInside(c.key, p.Column+c.shift, p.What, p.Next)
				} else {
					d.ProblemInsideAt(c.key, c.at, p.Column+c.shift, p.What, p.Next)
				}
			}
			if tab != nil {
				if _, twice := tab.Find(c.name); twice {
					d.ProblemAt(c.key, c.at, calendar.Text{JA: fmt.Sprintf("「%s」は、もともと表「%s」にある列です", c.name, s.Source), EN: fmt.Sprintf("%s is a column of the table %s already", c.name, s.Source)},
						calendar.Text{JA: "計算した列には、別の名前を付けてください", EN: "give what is worked out another name"})
				}
			}
			if r != nil && r.Checked() {
				typ = r.Type()
			}
		case tab == nil:
		default:
			if i, has = tab.Find(c.name); !has {
				d.ProblemAt(c.key, c.at, calendar.Text{JA: fmt.Sprintf("表「%s」に「%s」という列はありません", s.Source, clean(c.name)), EN: fmt.Sprintf("the table %s has no column %q", s.Source, clean(c.name))}, columnsThere(tab))
				continue
			}
			typ = tab.Columns()[i].Type
		}
		if what, next, bad := s.unfit(n, typ); bad {
			key, at := c.key, c.at
			if n == s.Date {
				key, at = "date", -1
			} else if slices.Contains(s.Total, n) {
				key, at = "total", slices.Index(s.Total, n)
			}
			d.ProblemAt(key, at, what, next)
		}
	}
}

// unfit tells why a column of that type can't be used as it is meant. Empty is a type that is not known.
func (s *reportSpec) unfit(n int, typ table.Type) (what, next calendar.Text, bad bool) {
	name := clean(s.cols[n].name)
	switch {
	case typ == table.Empty:
	case n == s.Date && typ != table.Date && typ != table.Time:
		return calendar.Text{JA: fmt.Sprintf("「%s」は%sの列で、日付ではありません", name, typ.Words().JA), EN: fmt.Sprintf("%s is %s, and no date", name, typ.Words().EN)},
			calendar.Text{JA: "日付の列の名前を書いてください", EN: "write the name of a column with dates"}, true
	case slices.Contains(s.Total, n) && typ != table.Number:
		return calendar.Text{JA: fmt.Sprintf("「%s」は%sの列なので、合計できません", name, typ.Words().JA), EN: fmt.Sprintf("%s is %s and can't be added up", name, typ.Words().EN)},
			calendar.Text{JA: "数の列の名前を書いてください", EN: "write the name of a column with numbers"}, true
	}
	return calendar.Text{}, calendar.Text{}, false
}

// checkLetter reads the letter as Prepare will.
func (s *reportSpec) checkLetter(d *config.Decoder) {
	for name := range s.send.Fields {
		for _, f := range reportFields {
			if name == f.JA || name == f.EN {
				d.Problem("fields", calendar.Text{JA: fmt.Sprintf("「%s」はレポートにもともとある欄です", name), EN: fmt.Sprintf("%s is a field of reports already", name)}, calendar.Text{JA: "別の名前にしてください", EN: "choose another name"})
			}
		}
	}
	t := s.send.checkLetter(d)
	if t == nil {
		return
	}
	s.send.checkFields(d, t, s.fields(nil))
	for _, p := range s.misplaced(t) {
		d.Problem("letter", p.in(s.send.Letter), p.Next)
	}
}

func (report) Prepare(ctx context.Context, w *World) (Prepared, error) {
	s, ok := w.Job.Spec.(*reportSpec)
	if !ok {
		return Prepared{}, fmt.Errorf("couldn't prepare the job %s: it was not decoded as a report", w.Job.Name)
	}
	t, waits, seen := w.rows(ctx, s.Source)
	if len(waits) > 0 {
		return Prepared{Missing: waits, Observations: seen}, nil
	}
	r := &reading{reportSpec: s, ctx: ctx, w: w, t: t, l: w.Config.Language}
	p := Prepared{Observations: append(seen, r.compile()...)}
	if len(r.missing) > 0 {
		p.Missing = uniqueReasons(r.missing)
		return p, nil
	}
	if err := r.read(); err != nil {
		return Prepared{}, err
	}
	if err := r.last(); err != nil {
		return Prepared{}, err
	}
	if len(r.missing) > 0 {
		p.Missing = uniqueReasons(r.missing)
		return p, nil
	}
	o, err := r.observation()
	if err != nil {
		return Prepared{}, err
	}
	p.Observations = append(p.Observations, o)
	p.Said = r.said()
	held := newChecking(ctx, w, s.send.Checks)
	for _, to := range only(s.send.groups(), w.Run.Only) {
		if err := ctx.Err(); err != nil {
			return Prepared{}, err
		}
		d, sc, missing, err := r.draft(to)
		if err == nil && len(missing) == 0 {
			var o []ledger.Observation
			o, missing, err = held.message(sc, &d)
			p.Observations = append(p.Observations, o...)
		}
		switch {
		case err != nil:
			return Prepared{}, err
		case len(missing) > 0:
			p.Missing = append(p.Missing, missing...)
		default:
			p.Drafts = append(p.Drafts, d)
		}
	}
	p.Missing, p.Observations = uniqueReasons(p.Missing), uniqueObservations(p.Observations)
	return p, nil
}

// draft makes the message to one addressee, or to all colleagues.
func (r *reading) draft(to []config.Addressee) (Draft, *scope, []ledger.Reason, error) {
	w := r.w
	send := r.send
	t, text, problems, missing := r.letter(&send, to)
	for _, p := range problems {
		missing = append(missing, reason(w, codeLetter, p.in(send.Letter), p.Next))
	}
	if len(missing) > 0 {
		return Draft{}, nil, missing, nil
	}
	x := letterFor{to: to, cc: send.Cc, part: part(to), place: send.Fields, ours: r.send.Letter == ""}
	sc := &scope{config: w.Config, job: w.Job, period: w.Occurrence.Period, about: w.Job.When.About(w.Job.About, w.Occurrence), to: to, language: t.language, own: send.Fields}
	digest := ""
	if r.File != "" {
		name, err := expandPattern(r.File, sc)
		if err != nil || strings.ContainsAny(name, `:"<>|`) {
			return Draft{}, nil, []ledger.Reason{reason(w, codeAttachment, calendar.Text{JA: fmt.Sprintf("添付ファイルの名前「%s」が決まりません", r.File), EN: fmt.Sprintf("the attachment's name %s has no value for all of its fields", r.File)},
				calendar.Text{JA: "attach_as の { } の中を見直してください", EN: "look at the { } in attach_as"})}, nil
		}
		f, sum, why, err := r.attach(name, t.language)
		if err != nil || why != nil {
			if why != nil {
				missing = []ledger.Reason{*why}
			}
			return Draft{}, nil, missing, err
		}
		x.made, digest = []mailer.File{f}, sum
	}
	v, err := r.view(t.language, anyOutside(w.Config, to))
	if err != nil {
		return Draft{}, nil, nil, err
	}
	x.own = r.fields(v.values())
	x.dress = v.dress
	in, err := inputOf("row", r.Source, []any{v.told(), digest}) // the rows as they are told, and not the file: one that was saved again is no other report
	if err != nil {
		return Draft{}, nil, nil, err
	}
	x.inputs = []ledger.Input{in}
	return send.draft(w, t, text, x)
}
