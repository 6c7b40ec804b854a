package jobs

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// each is a send job that writes to each row of a table. Rules and columns are kept as they are written: what they mean
// hangs on the table, and that is looked at anew by every run.
type each struct {
	Source                string
	Where, Among          string   // rules; "" : every row
	Key                   []string // columns
	To, Cc                []string // columns with addresses
	Company, Dept, Person string   // columns of which the addressee's block is made; "" for none
	Amount                string   // a rule
	CountBy               string   // a column
	Once                  bool     // a row is sent once in all, and not once in each period
	Skip                  bool     // a row without its file is left out, and not waited for
}

// eachKeys are the keys that belong to each.
var eachKeys = []config.Key{
	{Table: "job.NAME", Name: "each", Type: "text", Example: `each = "customers"`, Meaning: calendar.Text{
		JA: "表の1行に1通ずつ送るときの、表の名前（[source.customers]）。手紙と attach では {列の名前} が使えます。bod の欄と同じ名前の列は {行.担当} と書きます", EN: "the table (a [source.NAME]) of which each row gets a message of its own. Letter and attach may have its columns in { }; a column that has the name of one of bod's own fields is written {row.date}"}},
	{Table: "job.NAME", Name: "where", Type: "text", Example: `where = '送付方法 = "メール"'`, Meaning: calendar.Text{
		JA: "どの行に送るか。今日は、この回の送る日です", EN: "to which of the rows it goes; today is the day on which the run is due"}},
	{Table: "job.NAME", Name: "among", Type: "text", Example: `among = '締め日 = "月末"'`, Meaning: calendar.Text{
		JA: "where で選ぶ前に数える範囲。「53件＝メール42＋郵送8＋ポータル3」の53件", EN: "the rows that are counted, before where chooses among them"}},
	{Table: "job.NAME", Name: "key", Type: "list of texts", Example: `key = ["得意先コード"]`, Meaning: calendar.Text{
		JA: "行を見分ける列。同じものが2行あれば、どちらにも送らずに知らせます", EN: "the columns that tell a row from all others; where two rows have the same nothing is sent to either"}},
	{Table: "job.NAME", Name: "count_by", Type: "text", Example: `count_by = "送付方法"`, Meaning: calendar.Text{
		JA: "件数の内訳を、どの列で言うか", EN: "the column by which the rows are counted in words"}},
	{Table: "job.NAME", Name: "company", Type: "text", Example: `company = "得意先名"`, Meaning: calendar.Text{
		JA: "宛名の会社名にする列。御中や様は bod が付けます", EN: "the column with the addressee's company"}},
	{Table: "job.NAME", Name: "dept", Type: "text", Example: `dept = "部署名"`, Meaning: calendar.Text{
		JA: "宛名の部署にする列（空の行があってもかまいません）", EN: "the column with the addressee's department; it may be empty"}},
	{Table: "job.NAME", Name: "person", Type: "text", Example: `person = "担当者名"`, Meaning: calendar.Text{
		JA: "宛名の人にする列（空の行があってもかまいません）", EN: "the column with the person's name; it may be empty"}},
	{Table: "job.NAME", Name: "amount", Type: "text", Example: `amount = "請求金額"`, Meaning: calendar.Text{
		JA: "1通ごとの金額（円）にする列か計算。確認のお願いとまとめに合計を出します", EN: "the column or rule with each message's amount in yen, for the totals in requests and summary"}},
	{Table: "job.NAME", Name: "if_no_file", Type: "text", Default: `"wait"`, Example: `if_no_file = "skip"`, Meaning: calendar.Text{
		JA: "その行のファイルがないとき、wait（待つ）か skip（送る時刻まで待ち、なければその行だけ見送る）", EN: "what becomes of a row without its file: wait, or skip (from the due moment on it is left out)"}},
	{Table: "job.NAME", Name: "once", Type: "text", Example: `once = "key"`, Meaning: calendar.Text{
		JA: `"key" なら、同じ key の行には一度しか送りません（注文書など）。書かなければ、回ごとに1通`, EN: `"key": a row is sent once in all, however often the table shows it (purchase orders); else once in each period`}},
}

// codeRows begins the codes of what rows lack. The owner hears of each sort once: that one of sixty files has come since is
// no news that needs another mail.
const codeRows = "rows-"

// The further codes.
const (
	codeKey     = codeRows + "key"
	codeAddress = codeRows + "address"
	codeRule    = codeRows + "rule"
	codeStray   = codeRows + "stray"
	codeShared  = codeRows + "shared"
	codeAmount  = codeRows + "amount"
	codeMany    = codeRows + "many"
)

// maxEach is how many letters one run makes. More is a rule that chooses too much.
const maxEach = 5000

// readEach reads the part of a send job that is about rows; nil where it has none.
func readEach(d *config.Decoder, s *sendSpec) *each {
	if !d.Has("each") {
		for _, k := range eachKeys {
			if d.Has(k.Name) {
				d.String(k.Name)
				d.Problem(k.Name, calendar.Text{JA: fmt.Sprintf("%s は、表の行ごとに送るときの項目です", k.Name), EN: fmt.Sprintf("%s belongs to a job that sends to each row of a table", k.Name)},
					calendar.Text{JA: `each = "表の名前" を書くか、この行を消してください`, EN: `write each = "SOURCE", or delete the line`})
			}
		}
		return nil
	}
	e := &each{
		Source: d.String("each"), Where: d.String("where"), Among: d.String("among"), Key: d.Strings("key"),
		Company: d.String("company"), Dept: d.String("dept"), Person: d.String("person"), Amount: d.String("amount"), CountBy: d.String("count_by"),
	}
	choice := func(key, otherwise string, may ...string) string {
		v := d.String(key)
		if v == "" {
			return otherwise
		}
		if !slices.Contains(may, v) {
			d.Problem(key, calendar.Text{JA: fmt.Sprintf("%s = \"%s\" という決め方はありません", key, v), EN: fmt.Sprintf("there is no %s = %q", key, v)},
				calendar.Text{JA: strings.Join(may, "、") + " のどれかを書いてください", EN: "write one of " + strings.Join(may, ", ")})
		}
		return v
	}
	e.Skip = choice("if_no_file", "wait", "wait", "skip") == "skip"
	e.Once = choice("once", "", "key") == "key"
	if len(e.Key) == 0 {
		d.Problem("each", calendar.Text{JA: "行を見分ける列（key）がありません", EN: "the columns that tell the rows apart (key) are missing"},
			calendar.Text{JA: `key = ["得意先コード"] のように書いてください`, EN: `write key = ["customer number"]`})
	}
	if d.Has("together") {
		d.Problem("together", calendar.Text{JA: "表の行ごとに送るので、together は書けません", EN: "each row gets its own message, so there is no together"}, calendar.Text{JA: "この行を消してください", EN: "delete the line"})
	}
	return e
}

// takes hands out what in a list of addressees is a column in { }.
func takes(columns *[]string) func(i int, text string) bool {
	return func(_ int, text string) bool {
		text = strings.TrimSpace(text)
		if !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") {
			return false
		}
		*columns = append(*columns, rowName(fieldName(text[1:len(text)-1])))
		return true
	}
}

// rowName is a column's name without the word that says that it is one.
func rowName(name string) string {
	for _, p := range []string{"行.", "row."} {
		if rest, ok := strings.CutPrefix(name, p); ok {
			return rest
		}
	}
	return name
}

// columnOf is the column that a field of a letter or a pattern means. bod's own fields come first: what {担当} is in the
// letters of one job it is in all, whatever columns a table has; {行.担当} is the column.
func columnOf(t *table.Table, fields map[string]string, name string) (i int, ok bool) {
	bare := rowName(name)
	if bare == name {
		if _, own := fields[name]; own {
			return 0, false
		}
		if _, ours := fieldOf(name); ours {
			return 0, false
		}
	}
	return t.Find(bare)
}

// eachLook bounds what is read when jobs.toml is checked: a table that takes longer is looked at by its run.
const (
	eachLook     = 3 * time.Second
	eachLookSize = 8 << 20
)

// check holds everything that names columns against the table, as far as that can be read quickly now.
func (e *each) check(d *config.Decoder, s *sendSpec, t *template, tab *table.Table) {
	if d.Config.Source(e.Source) == nil {
		d.Problem("each", calendar.Text{JA: fmt.Sprintf("[source.%s] がありません", e.Source), EN: fmt.Sprintf("there is no [source.%s]", e.Source)},
			calendar.Text{JA: "表を [source.名前] に書き、その名前を書いてください", EN: "describe the table in a [source.NAME], and write that name"})
		return
	}
	if t != nil && e.Company == "" && slices.ContainsFunc(t.names(), isAddress) {
		d.Warn("each", calendar.Text{JA: "手紙に {宛名} がありますが、会社名の列（company）がありません。[partner] に登録のない宛先には、送らずに待ちます", EN: "the letter has {to.address}, and no column is named for it (company): only addresses of a [partner] can be written to"},
			calendar.Text{JA: `company = "得意先名" のように書いてください`, EN: `write company = "customer"`})
	}
	on := d.AgainstTable()
	for _, r := range []struct {
		key, src string
		compile  func(string, table.RuleScope) (*table.Rule, []table.RuleProblem)
	}{{"where", e.Where, table.CompileRule}, {"among", e.Among, table.CompileRule}, {"amount", e.Amount, table.CompileValue}} {
		if r.src == "" {
			continue
		}
		_, ps := r.compile(r.src, table.RuleScope{Source: sourceColumns(d.Config)})
		for _, p := range ps {
			d.ProblemInside(r.key, p.Column, p.What, p.Next)
		}
		if tab == nil || len(ps) > 0 {
			continue
		}
		_, ps = r.compile(r.src, table.RuleScope{Source: sourceColumns(d.Config), Columns: tab.Columns()})
		for _, p := range ps {
			on.ProblemInside(r.key, p.Column, p.What, p.Next)
		}
	}
	if tab == nil {
		return
	}
	named := func(key string, i int, name string) {
		if _, ok := tab.Find(name); ok || name == "" {
			return
		}
		on.ProblemAt(key, i, calendar.Text{JA: fmt.Sprintf("表「%s」に「%s」という列はありません", e.Source, clean(name)), EN: fmt.Sprintf("the table %s has no column %q", e.Source, clean(name))}, columnsThere(tab))
	}
	for i, k := range e.Key {
		named("key", i, k)
	}
	for _, k := range []struct{ key, name string }{{"company", e.Company}, {"dept", e.Dept}, {"person", e.Person}, {"count_by", e.CountBy}} {
		if k.name != "" && d.Has(k.key) {
			if _, ok := tab.Find(k.name); !ok {
				on.Problem(k.key, calendar.Text{JA: fmt.Sprintf("表「%s」に「%s」という列はありません", e.Source, clean(k.name)), EN: fmt.Sprintf("the table %s has no column %q", e.Source, clean(k.name))}, columnsThere(tab))
			}
		}
	}
	for i, k := range e.To {
		named("to", i, k)
	}
	for i, k := range e.Cc {
		named("cc", i, k)
	}
	for _, what := range e.unknownIn(s.Attach, tab) {
		on.Problem("attach", what, columnsThere(tab))
	}
	if t == nil {
		return
	}
	for _, n := range t.names() {
		f, ours := fieldOf(n)
		if _, column := tab.Find(n); ours && column && f.EN != "to.company" && f.EN != "to.dept" && f.EN != "to.name" {
			d.Warn("letter", calendar.Text{JA: fmt.Sprintf("手紙の {%s} は bod の欄（%s）で、表の列ではありません", n, f.Meaning.JA), EN: fmt.Sprintf("{%s} of the letter is bod's own field (%s), and not the table's column", n, f.Meaning.EN)},
				calendar.Text{JA: fmt.Sprintf("表の列を入れるときは {行.%s} と書いてください", n), EN: fmt.Sprintf("write {row.%s} for the column", n)})
		}
	}
	for _, p := range t.unknown(e.known(tab, s.Fields, t)) {
		on.Problem("letter", p.in(s.Letter), calendar.Text{JA: p.Next.JA + "。" + columnsThere(tab).JA, EN: p.Next.EN + ". " + columnsThere(tab).EN})
	}
}

// unknownIn tells the fields of attach that are neither bod's nor columns of the table.
func (e *each) unknownIn(attach []string, t *table.Table) (out []calendar.Text) {
	for _, n := range patternFields(attach) {
		if f, ours := fieldOf(n); ours && f.Pattern {
			continue
		}
		if _, ok := columnOf(t, nil, n); !ok {
			out = append(out, calendar.Text{JA: fmt.Sprintf("{%s} は、表「%s」の列でも attach に使える欄でもありません", clean(n), e.Source), EN: fmt.Sprintf("{%s} is no column of the table %s, and no field that can stand in attach", clean(n), e.Source)})
		}
	}
	return out
}

// columnsThere lists the columns of a table.
func columnsThere(t *table.Table) calendar.Text {
	var names []string
	for _, c := range t.Columns() {
		if c.Name != "" && len(names) < 20 {
			names = append(names, clean(c.Name))
		}
	}
	return calendar.Text{JA: "あるのは " + strings.Join(names, "、") + " です", EN: "there are " + strings.Join(names, ", ")}
}

// lookAt reads the table that a key names when jobs.toml is checked: only a file, and none of a size that would be felt.
func lookAt(d *config.Decoder, key, source string) (t *table.Table, done func()) {
	done = func() {}
	src := Sources(d.Config)[source]
	if src == nil {
		return nil, done
	}
	f, err := d.Config.Open(src.Origin())
	if err != nil {
		return nil, done
	}
	info, err := f.Stat()
	_ = f.Close() // it was only looked at
	if err != nil || !info.Mode().IsRegular() || info.Size() > eachLookSize {
		return nil, done
	}
	ctx, cancel := context.WithTimeout(context.Background(), eachLook)
	tables := table.NewTables(TableWorld(d.Config, time.Now(), true), map[string]*table.Source{source: src})
	t, ps := tables.Table(ctx, source)
	done = func() {
		_ = tables.Close() // nothing was written
		cancel()
	}
	if t == nil {
		for _, p := range ps {
			d.Warn(key, calendar.Text{JA: fmt.Sprintf("表「%s」：%s", source, p.What.JA), EN: fmt.Sprintf("table %s: %s", source, p.What.EN)}, p.Next)
		}
	}
	return t, done
}

// known are the fields of the job with those of the letter that are columns.
func (e *each) known(t *table.Table, fields map[string]string, letter *template) map[string]string {
	known := maps.Clone(fields)
	if known == nil {
		known = map[string]string{}
	}
	for _, n := range letter.names() {
		if _, ok := columnOf(t, fields, n); ok {
			known[n] = n
		}
	}
	return known
}

// patternFields are the fields that patterns have, each once.
func patternFields(patterns []string) (out []string) {
	for _, p := range patterns {
		pieces, _ := parseLine(p, 0)
		for _, x := range pieces {
			if x.field != "" && !slices.Contains(out, x.field) {
				out = append(out, x.field)
			}
		}
	}
	return out
}

// recipient is one row that a letter goes to.
type recipient struct {
	row      table.Row
	part     string
	name     string // for people: アクメ商事様（C001）
	place    map[string]string
	patterns []string // attach with the row's fields, as far as they have any
}

// trouble is what is wrong with one row.
type trouble struct {
	code       string
	sort       calendar.Text // what is wrong, without the row
	what, next calendar.Text
	who        string
}

// mailing is the preparing of one run that goes to each row.
type mailing struct {
	ctx     context.Context
	w       *World
	s       *sendSpec
	e       *each
	t       *template
	table   *table.Table
	judge   *table.Judge
	columns map[string]int // by the names in jobs.toml
	trouble []trouble
	counted int
	kinds   map[string]int // mailed rows by the value of count_by
	others  map[string]int // those that are counted and not mailed
	all     []recipient    // every row that could own a file, mailed or not

	companies []string            // of all rows, mailed or not
	owners    map[string][]string // by an address of the table: the companies that have it
}

// prepareEach drafts one letter for each row that where chooses. What one row lacks holds back no other; what makes it
// doubtful which row is which (two with one key) holds back exactly these.
func (s *sendSpec) prepareEach(ctx context.Context, w *World, t *template, letter []byte) (Prepared, error) {
	var p Prepared
	tab, waits, seen := w.rows(ctx, s.Each.Source)
	if len(waits) > 0 {
		return Prepared{Missing: waits, Observations: seen}, nil
	}
	p.Observations = seen
	m := &mailing{ctx: ctx, w: w, s: s, e: s.Each, t: t, table: tab, columns: map[string]int{}, kinds: map[string]int{}, others: map[string]int{}, owners: map[string][]string{}}
	where, among, amount, missing, seen := m.rules()
	if p.Observations = append(p.Observations, seen...); len(missing) > 0 {
		return Prepared{Missing: missing, Observations: p.Observations}, nil
	}
	// Today is the day on which the run is due, so that a look on the evening before and one after a late yes choose the
	// same rows: what is sealed would else be gone by midnight.
	m.judge = table.NewJudge(ctx, table.RuleWorld{Today: calendar.DateOf(dueOf(w).In(w.Config.Zone)), Days: w.Job.Days, Table: tab, Tables: w.Tables})
	mailed, err := m.choose(where, among)
	if err != nil {
		return Prepared{}, err
	}
	if len(mailed) > maxEach {
		p.Missing = []ledger.Reason{reason(w, codeMany, calendar.Text{JA: fmt.Sprintf("送る相手が%d件あります（1回に%d件まで）", len(mailed), maxEach), EN: fmt.Sprintf("%d rows are to be written to (up to %d in a run)", len(mailed), maxEach)},
			calendar.Text{JA: "where を見直してください", EN: "look at where"})}
		return p, nil
	}
	mailed = m.distinct(mailed)
	some := len(w.Run.Only) > 0
	mailed = onlyRows(mailed, w.Run.Only)
	files := m.files()
	type written struct {
		to    recipient
		draft Draft
		scope *scope
	}
	var ls []written
	sent, skipped := 0, 0
	for _, r := range mailed {
		if err := ctx.Err(); err != nil {
			return Prepared{}, err
		}
		gone, err := m.gone(r)
		if err != nil {
			return Prepared{}, err
		}
		if gone {
			sent++
			continue
		}
		before := len(m.trouble)
		if none, ok := files.of(r); !ok {
			m.shared(r, files)
		} else if none && s.Each.Skip {
			skipped++
			continue
		}
		x := m.letterFor(r, amount)
		if len(m.trouble) > before {
			continue
		}
		d, sc, missing, err := s.draft(w, t, letter, x)
		switch {
		case err != nil:
			return Prepared{}, err
		case len(missing) > 0:
			for _, why := range missing {
				m.lacks(r, why)
			}
		default:
			sc.company, sc.row, sc.columns, sc.fields = m.text(r.row, m.e.Company), &r.row, m.table.Columns(), m.s.Fields
			ls = append(ls, written{r, d, sc})
		}
	}
	held := newChecking(ctx, w, s.Checks)
	held.rows, held.owners = m.companies, m.owners
	var ds []*Draft
	for i := range ls {
		ds = append(ds, &ls[i].draft)
	}
	if err := held.learn(ds); err != nil {
		return Prepared{}, err
	}
	for i := range ls {
		if err := ctx.Err(); err != nil {
			return Prepared{}, err
		}
		seen, missing, err := held.message(ls[i].scope, &ls[i].draft)
		if err != nil {
			return Prepared{}, err
		}
		for _, why := range missing {
			m.lacks(ls[i].to, why)
		}
		if len(missing) == 0 {
			p.Observations = append(p.Observations, seen...)
			p.Drafts = append(p.Drafts, ls[i].draft)
		}
	}
	if !some {
		m.stray(files)
		p.Said = m.said(len(p.Drafts), sent, skipped)
	}
	p.Missing = m.reasons()
	if skipped > 0 && w.Now.Before(dueOf(w)) && !w.Run.Early {
		// Its file may still come, and that asks nothing of anybody.
		p.Missing = append(p.Missing, reason(w, codeGrowing, calendar.Text{JA: fmt.Sprintf("ファイルがまだないもの：%d件（送る時刻までになければ見送ります）", skipped), EN: fmt.Sprintf("%d without a file yet (left out when it is not there in time)", skipped)}, calendar.Text{}))
	}
	p.Observations = uniqueObservations(p.Observations)
	return p, nil
}

// uniqueObservations keeps the last of each name: two checks may look into the table that the letters are made of.
func uniqueObservations(os []ledger.Observation) (out []ledger.Observation) {
	for _, o := range os {
		if i := slices.IndexFunc(out, func(x ledger.Observation) bool { return x.Name == o.Name }); i >= 0 {
			out[i] = o
			continue
		}
		out = append(out, o)
	}
	return out
}

// onlyRows keeps the rows that a deliberate second run names.
func onlyRows(rs []recipient, parts []string) []recipient {
	if len(parts) == 0 {
		return rs
	}
	named := slices.DeleteFunc(slices.Clone(rs), func(r recipient) bool { return !slices.Contains(parts, r.part) })
	if len(named) == 0 && slices.Contains(parts, partOfAll) {
		return rs
	}
	return named
}

// rules holds what jobs.toml says about rows against the table as it is now.
func (m *mailing) rules() (where, among, amount *table.Rule, missing []ledger.Reason, seen []ledger.Observation) {
	scope := m.w.ruleScope(m.ctx, m.table, &missing, &seen)
	read := func(key, src string, compile func(string, table.RuleScope) (*table.Rule, []table.RuleProblem)) *table.Rule {
		if src == "" {
			return nil
		}
		r, ps := compile(src, scope)
		for _, p := range ps {
			missing = append(missing, reason(m.w, codeTable, calendar.Text{JA: key + "：" + p.What.JA, EN: key + ": " + p.What.EN}, p.Next))
		}
		return r
	}
	where, among = read("where", m.e.Where, table.CompileRule), read("among", m.e.Among, table.CompileRule)
	amount = read("amount", m.e.Amount, table.CompileValue)
	for _, name := range slices.Concat(m.e.Key, m.e.To, m.e.Cc, []string{m.e.Company, m.e.Dept, m.e.Person, m.e.CountBy}) {
		if name == "" {
			continue
		}
		i, ok := m.table.Find(name)
		if !ok {
			missing = append(missing, reason(m.w, codeTable, calendar.Text{JA: fmt.Sprintf("表「%s」に「%s」という列はありません", m.e.Source, clean(name)), EN: fmt.Sprintf("the table %s has no column %q", m.e.Source, clean(name))}, columnsThere(m.table)))
		}
		m.columns[name] = i
	}
	for _, what := range m.e.unknownIn(m.s.Attach, m.table) {
		missing = append(missing, reason(m.w, codeTable, what, columnsThere(m.table)))
	}
	for _, p := range m.t.unknown(m.e.known(m.table, m.s.Fields, m.t)) {
		missing = append(missing, reason(m.w, codeLetter, p.in(m.s.Letter), p.Next))
	}
	return where, among, amount, uniqueReasons(missing), seen
}

// value is what a row has in a column that jobs.toml names; empty where it names none.
func (m *mailing) value(r table.Row, column string) table.Value {
	if column == "" {
		return table.Value{}
	}
	return r.Value(m.columns[column])
}

// text is the same in words.
func (m *mailing) text(r table.Row, column string) string {
	return clean(m.value(r, column).In(m.w.Config.Language))
}

// choose goes through the table and finds who is written to. It counts the others.
func (m *mailing) choose(where, among *table.Rule) (mailed []recipient, err error) {
	owned := len(patternFields(m.s.Attach)) > 0
	holds := func(r *table.Rule, row table.Row) (yes, told bool, err error) {
		if r == nil {
			return true, false, nil
		}
		yes, err = m.judge.Holds(r, row)
		if u, ok := err.(*table.Unjudged); ok {
			m.tell(recipient{row: row, name: m.name(row)}, codeRule, calendar.Text{JA: "送るかどうか、表から決められません", EN: "the table does not tell whether it is to be sent"}, u.What,
				calendar.Text{JA: "表のその行を直してください。直れば、自動で続けます", EN: "mend that row of the table; we go on by ourselves then"})
			return false, true, nil
		}
		return yes, false, err
	}
	for row, err := range m.table.Rows() {
		if err != nil {
			return nil, fmt.Errorf("couldn't go through the table %s: %w", m.e.Source, err)
		}
		r := recipient{row: row}
		if name := m.text(row, m.e.Company); name != "" {
			m.companies = append(m.companies, name)
			for _, column := range slices.Concat(m.e.To, m.e.Cc) {
				for mail := range strings.FieldsFuncSeq(strings.ToLower(m.text(row, column)), betweenMails) {
					if mail = strings.Trim(mail, " 　"); mail != "" && !slices.Contains(m.owners[mail], name) {
						m.owners[mail] = append(m.owners[mail], name)
					}
				}
			}
		}
		if owned {
			r.place = m.places(row)
			r.patterns = m.patterns(r)
			m.all = append(m.all, r)
		}
		in, told, err := holds(among, row)
		if err != nil {
			return nil, err
		}
		kind := m.text(row, m.e.CountBy)
		if told {
			m.counted++
			m.others[m.in("決められないもの", "not decided")]++
			continue
		}
		if !in {
			continue
		}
		m.counted++
		yes, told, err := holds(where, row)
		switch {
		case err != nil:
			return nil, err
		case told:
			m.others[m.in("決められないもの", "not decided")]++
			continue
		case !yes:
			if m.e.CountBy == "" {
				kind = m.in("対象外", "not meant")
			} else if kind == "" {
				kind = m.in("空欄", "empty")
			}
			m.others[kind]++
			continue
		}
		if m.e.CountBy == "" {
			kind = m.in("メール", "by mail")
		} else if kind == "" {
			kind = m.in("空欄", "empty")
		}
		m.kinds[kind]++
		var cols []int
		for _, k := range m.e.Key {
			cols = append(cols, m.columns[k])
		}
		part, ok := row.Key(cols...)
		r.part, r.name = part, m.name(row)
		if !ok || hostile(part, false) || len([]rune(part)) > 200 {
			m.tell(r, codeKey, calendar.Text{JA: "行を見分ける列（key）が空か、使えない値です", EN: "the columns that tell the rows apart (key) are empty or unusable"}, calendar.Text{},
				calendar.Text{JA: "表のその行を直してください。直れば、自動で続けます", EN: "mend that row of the table; we go on by ourselves then"})
			continue
		}
		mailed = append(mailed, r)
	}
	return mailed, nil
}

func (m *mailing) in(ja, en string) string {
	return calendar.Text{JA: ja, EN: en}.In(m.w.Config.Language)
}

// name is a row for people: its company and its place, which is where somebody mends it.
func (m *mailing) name(row table.Row) string {
	place := row.Place().In(m.w.Config.Language)
	var keys []string
	for _, k := range m.e.Key {
		if v := m.text(row, k); v != "" {
			keys = append(keys, v)
		}
	}
	if company := m.text(row, m.e.Company); company != "" {
		keys = append([]string{m.in(shortCompany(company)+"様", company)}, keys...)
	}
	if len(keys) == 0 {
		return place
	}
	return keys[0] + m.in("（", " (") + strings.Join(append(keys[1:], place), m.in("、", ", ")) + m.in("）", ")")
}

// distinct takes out the rows of which another has the same key: which of them is right only a person knows.
func (m *mailing) distinct(rs []recipient) (out []recipient) {
	count := map[string]int{}
	for _, r := range rs {
		count[r.part]++
	}
	for _, r := range rs {
		if count[r.part] == 1 {
			out = append(out, r)
			continue
		}
		m.tell(r, codeKey, calendar.Text{JA: "同じ key の行が2つ以上あります", EN: "two rows or more have the same key"}, calendar.Text{},
			calendar.Text{JA: "表の重なりを直してください。それまで、これらの行には送りません", EN: "mend the table; until then none of these rows is sent to"})
	}
	return out
}

// tell notes what is wrong with a row.
func (m *mailing) tell(r recipient, code string, sort, more, next calendar.Text) {
	what := calendar.Text{JA: r.name + "：" + sort.JA, EN: r.name + ": " + sort.EN}
	if more.JA != "" {
		what = calendar.Text{JA: what.JA + "（" + more.JA + "）", EN: what.EN + " (" + more.EN + ")"}
	}
	m.trouble = append(m.trouble, trouble{code, sort, what, next, r.name})
}

// lacks notes what a row's letter lacks.
func (m *mailing) lacks(r recipient, why ledger.Reason) {
	sorts := map[string]calendar.Text{
		codeAttachment: {JA: "添付するファイルがそろっていません", EN: "the files to attach are not complete"},
		codeUnfit:      {JA: "添付するファイルが空か、途中で切れているか、開けません", EN: "the files to attach are empty, cut short, or can't be opened"},
		codeGrowing:    {JA: "添付するファイルが、まだ書き込み中です", EN: "the files to attach are still being written"},
		codeField:      {JA: "手紙に入れる値がありません", EN: "the letter lacks values"},
		codeAddressee:  {JA: "宛名が決まりません", EN: "there is no name to write to"},
		codeSize:       {JA: "添付するファイルが大きすぎます", EN: "the files to attach are too large"},
	}
	sort, ok := sorts[why.Code]
	if !ok {
		sort = calendar.Text{JA: why.Text, EN: why.Text}
	}
	code := why.Code
	if code != codeGrowing && code != codeTable {
		code = codeRows + code
	}
	m.trouble = append(m.trouble, trouble{code, sort, calendar.Text{JA: r.name + "：" + why.Text, EN: r.name + ": " + why.Text}, calendar.Text{JA: why.Next, EN: why.Next}, r.name})
}

// How many rows with one trouble are told one by one, and how many names are listed otherwise.
const (
	rowsAlone  = 3
	rowsListed = 20
)

// reasons words the troubles: of one sort a few by themselves, many in one line.
func (m *mailing) reasons() (out []ledger.Reason) {
	type sorted struct{ code, what string }
	groups := map[sorted][]trouble{}
	var order []sorted
	for _, t := range m.trouble {
		k := sorted{t.code, t.sort.JA}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], t)
	}
	for _, k := range order {
		g := groups[k]
		if len(g) <= rowsAlone {
			for _, t := range g {
				out = append(out, reason(m.w, t.code, t.what, t.next))
			}
			continue
		}
		var who []string
		for i, t := range g {
			if i == rowsListed {
				who = append(who, m.in(fmt.Sprintf("ほか%d件", len(g)-i), fmt.Sprintf("and %d more", len(g)-i)))
				break
			}
			who = append(who, t.who)
		}
		list := strings.Join(who, m.in("、", ", "))
		out = append(out, reason(m.w, k.code, calendar.Text{JA: fmt.Sprintf("%s：%d件（%s）", g[0].sort.JA, len(g), list), EN: fmt.Sprintf("%s: %d (%s)", g[0].sort.EN, len(g), list)}, g[0].next))
	}
	return uniqueReasons(out)
}

// key is the message's key in the ledger. A row that is sent once in all has one without a period; a deliberate second one
// is the period's.
func (m *mailing) key(part string) string {
	if m.e.Once && m.w.Run.Generation <= 1 {
		return ledger.Key(m.w.Identity, ledger.Once, part, 1)
	}
	return ledger.Key(m.w.Identity, m.w.Occurrence.Period, part, m.w.Run.Generation)
}

// gone reports whether a row's letter is past being drafted: it went out or is on its way, or another run has it. Then
// nothing is asked of it any more, neither its files nor its address.
func (m *mailing) gone(r recipient) (bool, error) {
	if m.w.Ledger == nil {
		return false, nil
	}
	x, taken, err := m.w.Ledger.Taken(m.key(r.part))
	if err != nil || !taken {
		return false, err
	}
	return x.Run != m.w.Run.ID || !x.Queued.IsZero() || x.State != ledger.StateHeld, nil
}

// letterFor is what a row says of its letter. What is wrong is noted.
func (m *mailing) letterFor(r recipient, amount *table.Rule) letterFor {
	x := letterFor{part: r.part, key: m.key(r.part), place: r.place, own: map[string]string{}}
	maps.Copy(x.own, m.s.Fields)
	used := slices.Concat(m.e.Key, m.e.To, m.e.Cc, []string{m.e.Company, m.e.Dept, m.e.Person})
	for _, n := range m.t.names() {
		if i, ok := columnOf(m.table, m.s.Fields, n); ok {
			x.own[n] = r.row.Value(i).In(m.t.language)
			used = append(used, m.table.Columns()[i].Name)
		}
	}
	for n := range r.place {
		if i, ok := columnOf(m.table, nil, n); ok {
			used = append(used, m.table.Columns()[i].Name)
		}
	}
	for _, p := range r.row.Problems() {
		if !p.Warning && slices.ContainsFunc(used, func(n string) bool { return n != "" && table.Fold(n) == table.Fold(p.Column) }) {
			m.tell(r, codeRule, calendar.Text{JA: "表に、読み取れない値があります", EN: "the table has a value that can't be read"}, p.What, p.Next)
		}
	}
	x.to, x.cc = m.addressees(r)
	x.inputs = []ledger.Input{input("row", m.e.Source+"/"+r.part, []byte(r.row.Canonical()))}
	if amount == nil {
		return x
	}
	v, err := m.judge.Value(amount, r.row)
	mend := calendar.Text{JA: "表の金額を直してください。直れば、自動で続けます", EN: "mend the amount in the table; we go on by ourselves then"}
	n, whole := v.Int()
	switch {
	case err != nil:
		m.tell(r, codeAmount, calendar.Text{JA: "金額が分かりません", EN: "the amount is not known"}, unjudgedWords(err), mend)
	case v.IsEmpty():
		m.tell(r, codeAmount, calendar.Text{JA: "金額が空です", EN: "the amount is empty"}, calendar.Text{}, mend)
	case !whole:
		m.tell(r, codeAmount, calendar.Text{JA: "金額が円の整数ではありません", EN: "the amount is not a whole number of yen"}, calendar.Text{JA: clean(v.In(calendar.Japanese)), EN: clean(v.In(calendar.English))}, mend)
	default:
		x.amount = &n
		x.inputs = append(x.inputs, input("row", "amount", fmt.Append(nil, n)))
	}
	return x
}

// unjudgedWords are why a rule has no answer.
func unjudgedWords(err error) calendar.Text {
	if u, ok := err.(*table.Unjudged); ok {
		return u.What
	}
	return calendar.Text{JA: clean(err.Error()), EN: clean(err.Error())}
}

// addressees are whom a row is written to. An address that [people] or [partner] has is theirs, with the name and the copies
// that were agreed there; else the row's columns say who it is. Where the row names another company than that partner (a slip in
// the table, or one accountant who reads the mail of two), whose letter it is can't be told: the row waits.
func (m *mailing) addressees(r recipient) (to, cc []config.Addressee) {
	mails := func(columns []string, needed bool) (out []string) {
		for _, c := range columns {
			out = append(out, m.mails(r, c, needed)...)
		}
		return out
	}
	var plain []mailer.Address
	for _, mail := range mails(m.e.To, true) {
		a := addresseeOf(m.w.Config, mail)
		switch {
		case a.Partner != nil && m.e.Company != "" && !sameCompany(a.Partner.Name, m.text(r.row, m.e.Company)):
			m.tell(r, codeAddress, calendar.Text{JA: "アドレスが、[partner] では別の会社のものです", EN: "the address is another company's in [partner]"},
				calendar.Text{JA: fmt.Sprintf("%s は%sのもの、表の会社名は「%s」", mail, clean(a.Partner.Name), m.text(r.row, m.e.Company)), EN: fmt.Sprintf("%s is that of %s, and the table says %s", mail, clean(a.Partner.Name), m.text(r.row, m.e.Company))},
				calendar.Text{JA: "表のその行か、jobs.toml の [partner] を直してください。直れば、自動で続けます", EN: "mend that row of the table, or [partner] in jobs.toml; we go on by ourselves then"})
			return nil, nil
		case a.Person != nil || a.Partner != nil:
			to = append(to, a)
		case m.e.Company != "":
			plain = append(plain, mailer.Address{Mail: mail})
		default:
			to = append(to, a)
		}
	}
	if len(plain) > 0 {
		to = append(to, config.Addressee{Partner: &config.Partner{
			ID: r.part, Name: m.value(r.row, m.e.Company).In(m.w.Config.Language), Dept: m.value(r.row, m.e.Dept).In(m.w.Config.Language),
			Person: m.value(r.row, m.e.Person).In(m.w.Config.Language), Mail: plain,
		}})
		if p := to[len(to)-1].Partner; hostile(p.Name+p.Dept+p.Person, false) || p.Name == "" {
			m.tell(r, codeAddress, calendar.Text{JA: "宛名にする列が空か、使えない文字があります", EN: "a column of the addressee is empty or has a control character"}, calendar.Text{}, mendRow)
		}
	}
	to = append(to, m.s.To...)
	for _, mail := range mails(m.e.Cc, false) {
		cc = append(cc, addresseeOf(m.w.Config, mail))
	}
	return to, append(cc, m.s.Cc...)
}

var mendRow = calendar.Text{JA: "表のその行を直してください。直れば、自動で続けます", EN: "mend that row of the table; we go on by ourselves then"}

// addresseeOf finds whose an address is. One of several that a partner has stands for itself: the row said which.
func addresseeOf(c *config.Config, mail string) config.Addressee {
	for _, id := range slices.Sorted(maps.Keys(c.People)) {
		if p := c.People[id]; strings.EqualFold(p.Mail.Mail, mail) {
			return config.Addressee{Person: p}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Partners)) {
		p := c.Partners[id]
		for _, a := range p.Mail {
			if strings.EqualFold(a.Mail, mail) {
				one := *p
				one.Mail = []mailer.Address{a}
				return config.Addressee{Partner: &one}
			}
		}
	}
	return config.Addressee{Plain: &mailer.Address{Mail: mail}}
}

// maxMails is how many addresses one cell may have.
const maxMails = 10

// betweenMails stands between the addresses of a cell.
func betweenMails(c rune) bool { return strings.ContainsRune(",;、，；", c) }

// mails reads the addresses of a cell: bare ones, with a comma or a semicolon between several. Names, groups, line ends and
// whatever else a header could be made of are refused, and so is what the administrator does not allow.
func (m *mailing) mails(r recipient, column string, needed bool) (out []string) {
	cell := m.value(r.row, column)
	shown := calendar.Text{JA: clean(clipped(cell.In(calendar.Japanese))), EN: clean(clipped(cell.In(calendar.English)))}
	if cell.IsEmpty() {
		if needed {
			m.tell(r, codeAddress, calendar.Text{JA: "メールアドレスが空です", EN: "there is no mail address"}, calendar.Text{}, mendRow)
		}
		return nil
	}
	bad := calendar.Text{JA: "メールアドレスとして読めません", EN: "it is no mail address"}
	text := cell.Text()
	if cell.Type() != table.Text || hostile(text, false) {
		m.tell(r, codeAddress, bad, shown, mendRow)
		return nil
	}
	for _, s := range strings.FieldsFunc(text, betweenMails) {
		if s = strings.Trim(s, " 　"); s == "" {
			continue
		}
		a, err := mailer.ParseAddress(s)
		switch {
		case err != nil || a.Name != "" || strings.ContainsAny(s, "<>\"() "):
			m.tell(r, codeAddress, bad, shown, mendRow)
			return nil
		case !m.w.Config.MayWriteTo(a.Mail):
			m.tell(r, codeAddress, calendar.Text{JA: "管理者が送信を許していない宛先です", EN: "the administrator does not let mail go there"}, calendar.Text{JA: a.Mail, EN: a.Mail},
				calendar.Text{JA: "表を直すか、管理者に may_write_to を見てもらってください", EN: "mend the table, or ask the administrator about may_write_to"})
			return nil
		case !slices.ContainsFunc(out, func(x string) bool { return strings.EqualFold(x, a.Mail) }):
			out = append(out, a.Mail)
		}
	}
	if len(out) == 0 || len(out) > maxMails {
		m.tell(r, codeAddress, bad, shown, mendRow)
		return nil
	}
	return out
}

// clipped is a value as far as it is shown.
func clipped(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// places are the row's values for the fields of attach, as files are named: 0012, 2026-11-25, 1200.
func (m *mailing) places(row table.Row) map[string]string {
	out := map[string]string{}
	for _, n := range patternFields(m.s.Attach) {
		if i, ok := columnOf(m.table, nil, n); ok {
			v := row.Value(i)
			if out[n] = v.Text(); v.Type() != table.Text {
				out[n] = v.Canonical()
			}
		}
	}
	return out
}

// scope is what attach's own fields are filled from for any row.
func (m *mailing) scope(place map[string]string) *scope {
	return &scope{config: m.w.Config, job: m.w.Job, period: m.w.Occurrence.Period, about: m.w.Job.When.About(m.w.Job.About, m.w.Occurrence), language: m.t.language, own: place}
}

// patterns are the row's own patterns; "" for one that can't be filled.
func (m *mailing) patterns(r recipient) (out []string) {
	for _, p := range m.s.Attach {
		if !m.own(p) {
			continue
		}
		x, err := expandPattern(p, m.scope(r.place))
		if err != nil {
			x = ""
		}
		out = append(out, x)
	}
	return out
}

// own reports whether a pattern has a field of the row.
func (m *mailing) own(pattern string) bool {
	return slices.ContainsFunc(patternFields([]string{pattern}), func(n string) bool { _, ok := columnOf(m.table, nil, n); return ok })
}

// fileOwners are the files that lie where the rows' files are looked for, and whose they are by their patterns.
type fileOwners struct {
	owners map[string][]string // path → the filled patterns that it fits
	count  map[string]int      // filled pattern → how many files
	mixed  map[string]bool     // filled patterns that a file fits which fits another one as well
	order  []string
}

// files looks once at everything that fits attach with any row in it.
func (m *mailing) files() fileOwners {
	f := fileOwners{owners: map[string][]string{}, count: map[string]int{}, mixed: map[string]bool{}}
	nth := 0
	for _, p := range m.s.Attach {
		if !m.own(p) {
			continue
		}
		pieces, _ := parseLine(p, 0)
		var b strings.Builder
		sc, ok := m.scope(nil), true
		for _, x := range pieces {
			switch _, column := columnOf(m.table, nil, x.field); {
			case x.field == "":
				b.WriteString(x.text)
			case column:
				b.WriteString("*")
			default:
				v := sc.value(x.field)
				if v == "" || strings.ContainsAny(v, "/\\*?[]") {
					ok = false
				}
				b.WriteString(v)
			}
		}
		broad := b.String()
		for strings.Contains(broad, "**") {
			broad = strings.ReplaceAll(broad, "**", "*")
		}
		var ms []config.Match
		if ok {
			ms, _ = m.w.Config.Glob(broad) // what can't be read is told where the row's own file is looked for
		}
		distinct := map[string]bool{}
		for _, r := range m.all {
			if x := r.patterns[nth]; x != "" {
				distinct[x] = true
			}
		}
		filled := slices.Sorted(maps.Keys(distinct))
		folded := make([]string, len(filled))
		for i, x := range filled {
			folded[i] = foldPath(x)
		}
		for _, file := range ms {
			if unfinished(file.Name) {
				continue
			}
			if _, there := f.owners[file.Path]; !there {
				f.order = append(f.order, file.Path)
				f.owners[file.Path] = nil
			}
			low := foldPath(file.Path)
			for i, x := range filled {
				if ok, err := path.Match(folded[i], low); ok && err == nil && !slices.Contains(f.owners[file.Path], x) {
					f.owners[file.Path] = append(f.owners[file.Path], x)
					f.count[x]++
				}
			}
		}
		nth++
	}
	for _, owners := range f.owners {
		if len(owners) > 1 {
			for _, x := range owners {
				f.mixed[x] = true
			}
		}
	}
	return f
}

// foldPath writes a path so that it is matched as config.Glob matches: in NFC, its ending whatever the case.
func foldPath(s string) string {
	s = norm.NFC.String(s)
	return strings.TrimSuffix(s, path.Ext(s)) + strings.ToLower(path.Ext(s))
}

// of says whether a row has none of one of its files, and whether those that it has are its alone.
func (f fileOwners) of(r recipient) (none, alone bool) {
	alone = true
	for _, x := range r.patterns {
		none = none || x != "" && f.count[x] == 0
		alone = alone && !f.mixed[x]
	}
	return none, alone
}

// shared tells of a file that fits the patterns of two rows: 12*.pdf takes 123.pdf, which is somebody else's invoice.
func (m *mailing) shared(r recipient, f fileOwners) {
	for _, file := range f.order {
		owners := f.owners[file]
		if len(owners) > 1 && slices.ContainsFunc(r.patterns, func(x string) bool { return slices.Contains(owners, x) }) {
			m.tell(r, codeShared, calendar.Text{JA: "ほかの行にも当てはまるファイルがあります", EN: "a file fits another row as well"}, calendar.Text{JA: baseName(file), EN: baseName(file)},
				calendar.Text{JA: "attach を、1つの行だけに当てはまる書き方にしてください（{列}-*.pdf など）", EN: "write attach so that a file fits one row only, such as {column}-*.pdf"})
			return
		}
	}
}

// stray tells of the files that lie among the rows' and belong to none: an invoice that nobody would get.
func (m *mailing) stray(f fileOwners) {
	for _, file := range f.order {
		if len(f.owners[file]) > 0 {
			continue
		}
		name := clean(baseName(file))
		m.trouble = append(m.trouble, trouble{codeStray,
			calendar.Text{JA: "どの行のものか分からないファイルがあります", EN: "files belong to no row"},
			calendar.Text{JA: fmt.Sprintf("「%s」は、表「%s」のどの行のものか分かりません", name, m.e.Source), EN: fmt.Sprintf("%s belongs to no row of the table %s", name, m.e.Source)},
			calendar.Text{JA: "表に行を足すか、ファイルを別の場所へ移してください。ほかの行の送信は続けています", EN: "add a row to the table, or move the file away; the other rows are not kept waiting"},
			name})
	}
}

// said reconciles the rows in words: 53件＝メール42＋郵送8＋ポータル3.
func (m *mailing) said(drafted, sent, skipped int) string {
	var parts []string
	mailed := 0
	add := func(counts map[string]int, mark func(string) string) {
		kinds := slices.Sorted(maps.Keys(counts))
		slices.SortStableFunc(kinds, func(a, b string) int { return counts[b] - counts[a] })
		for _, k := range kinds {
			parts = append(parts, m.in(fmt.Sprintf("%s%d", mark(k), counts[k]), fmt.Sprintf("%d %s", counts[k], mark(k))))
		}
	}
	for _, n := range m.kinds {
		mailed += n
	}
	add(m.kinds, func(k string) string { return k })
	add(m.others, func(k string) string {
		if m.kinds[k] > 0 {
			return k + m.in("（対象外）", " (not meant)")
		}
		return k
	})
	if len(parts) == 0 {
		parts = []string{"0"}
	}
	s := m.in(fmt.Sprintf("%d件＝%s", m.counted, strings.Join(parts, "＋")), fmt.Sprintf("%s = %s", plural(m.counted, "row", "rows"), strings.Join(parts, " + ")))
	var more []string
	if n := mailed - drafted - sent - skipped; n > 0 {
		more = append(more, m.in(fmt.Sprintf("待ち%d", n), fmt.Sprintf("%d waiting", n)))
	}
	if sent > 0 && m.e.Once {
		more = append(more, m.in(fmt.Sprintf("送付済み%d", sent), fmt.Sprintf("%d sent before", sent)))
	}
	if skipped > 0 {
		more = append(more, m.in(fmt.Sprintf("ファイルなし%d", skipped), fmt.Sprintf("%d without a file", skipped)))
	}
	if len(more) > 0 {
		s += m.in("（うち", " (of these ") + strings.Join(more, m.in("、", ", ")) + m.in("）", ")")
	}
	return s
}

// ByRow reports whether a job takes its addresses from a table.
func ByRow(spec any) bool {
	s, ok := spec.(*sendSpec)
	return ok && s.Each != nil
}
