package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// watch looks after the rows of a table: what a check finds becomes a finding with a life, and whom it concerns gets one
// considerate mail.
type watch struct{}

// watchSpec is a watch's own part.
type watchSpec struct {
	Source    string
	Key       []string
	Where     *table.Rule
	Columns   []string
	Group     string
	Tell      []sentence
	Checks    []*check // of rows
	Mails     []*check // of the mails to the outside
	Stages    []stage
	Reminders int
	ReplyBy   calendar.Lead
	Letter    string
	Fields    map[string]string
	before    bool // a rule asks for a row's value at the last look
}

// stage is one of remind_at: a time before the date in a column.
type stage struct {
	text   string
	lead   calendar.Lead
	column string
}

const mostReminders = 1

func (watch) Name() string { return "watch" }

func (watch) Keys() []config.Key {
	key := func(name, typ, def, example, ja, en string, needed bool) config.Key {
		return config.Key{Table: "job.NAME", Name: name, Type: typ, Default: def, Example: example, Needed: needed, Meaning: calendar.Text{JA: ja, EN: en}}
	}
	return []config.Key{
		key("source", "text", "", `source = "orders"`, "どの表を見るか。[source.名前] の名前", "which table is looked at: the name of a [source.NAME]", true),
		key("key", "list of texts", "", `key = ["注文番号", "行"]`, "行を見分ける列。空や同じ値の行は、担当者に知らせます", "the columns that tell one row from another; rows without a value, or with one twice, are told to the owner", true),
		key("where", "text", "", `where = '状態 != "キャンセル"'`, "どの行を見るか。書かなければ全部", "which rows are looked at; all when not said", false),
		key("columns", "list of texts", "", `columns = ["注文番号", "品名", "数量"]`, "メールに書く列。社外へ送るときは要ります。ここにない列は社外に出ません", "the columns that the mail shows. Needed for mail to the outside: no other column leaves the house", false),
		key("group", "text", "", `group = "仕入先"`, "社外へのメールを、どの列の値ごとに1通にするか。checkに tell がなければ、その値が宛先（[partner] の名前）になります", "the column by which mails are made, one for each value; without tell it names the [partner] that is written to", false),
		key("tell", "list of texts", "", `tell = ["{担当メール}"]`, "だれに知らせるか。checkに tell がないときと remind_at で使います。書かなければ担当者", "who hears of it where a check doesn't say, and of remind_at; the owner when not said", false),
		key("remind_at", "list of texts", "", `remind_at = ["90 days before 満了日", "30 days before 満了日"]`, "列の日付の何日前に知らせるか。行と日付ごとに1回ずつ", "how long before the date in a column it is told, once for each row and date", false),
		key("reminders", "number", strconv.Itoa(mostReminders), `reminders = 2`, "checkの remind で、何回までもう一度知らせるか。あとはまとめだけに書きます", "how often remind tells something again; after that only the summary has it", false),
		key("reply_by", "span", `"3 business days"`, `reply_by = "2 business days"`, "メールの {回答期限} を、送る日からどれだけあとにするか", "the {reply_by} of the mail, counted from the day on which it goes out", false),
		key("letter", "file", "", `letter = "letters/納期確認.txt"`, "自分の手紙を使うときのファイル。{明細} {件数} {回答期限} {基準日時} {お礼} も使えます", "a letter of your own; it may have {rows}, {rows_told}, {reply_by}, {as_of} and {thanks} as well", false),
		key("fields", "table", "", `fields = { "内線" = "21" }`, "手紙の { } に入れる、この仕事だけの言葉", "this job's own fields of the letter", false),
	}
}

// Outside: mail to a partner or an address that is named in the file, or grouped for outsiders, goes outside. Who is named
// only by the table's data is told from the row, and asked about when it is somebody outside.
func (watch) Outside(c *config.Config, spec any) bool {
	s, ok := spec.(*watchSpec)
	return ok && s.outside(c)
}

func (s *watchSpec) outside(c *config.Config) bool {
	if s.Group != "" {
		return true
	}
	lists := slices.Clone(s.Tell)
	for _, k := range s.Checks {
		lists = append(lists, k.Tell...)
	}
	return slices.ContainsFunc(lists, func(t sentence) bool {
		return len(t) == 1 && t[0].rule == nil && (c.Partners[t[0].text] != nil || strings.Contains(t[0].text, "@") && c.Outside(t[0].text))
	})
}

func (watch) Decode(d *config.Decoder) any {
	s := &watchSpec{Source: d.String("source"), Key: d.Strings("key"), Columns: d.Strings("columns"), Group: d.String("group"),
		Reminders: d.Number("reminders", mostReminders), ReplyBy: d.Span("reply_by"), Letter: d.String("letter"), Fields: d.Table("fields")}
	if s.Source != "" && d.Config.Source(s.Source) == nil {
		d.Problem("source", calendar.Text{JA: fmt.Sprintf("[source.%s] がありません", s.Source), EN: fmt.Sprintf("there is no [source.%s]", s.Source)},
			calendar.Text{JA: "[source.名前] の名前を書いてください", EN: "write the name of a [source.NAME]"})
	}
	if s.Reminders < 0 {
		d.Problem("reminders", calendar.Text{JA: "reminders は0以上です", EN: "reminders is 0 or more"}, calendar.Text{JA: "0、1、2 のように書いてください", EN: "write 0, 1 or 2"})
	}
	sc := checkScope{rows: true, rules: table.RuleScope{Source: sourceColumns(d.Config), Before: true}}
	if where := d.String("where"); where != "" {
		r, ps := table.CompileRule(where, sc.rules)
		for _, p := range ps {
			d.ProblemInside("where", p.Column, p.What, p.Next)
		}
		s.Where = r
	}
	for i, t := range d.Strings("tell") {
		if x := decodeSentence(d, "tell", i, t, sc); x != nil {
			s.Tell = append(s.Tell, x)
		}
	}
	for i, t := range d.Strings("remind_at") {
		st, ok := parseStage(t)
		if !ok {
			d.ProblemAt("remind_at", i, calendar.Text{JA: fmt.Sprintf("「%s」は読み取れません", t), EN: fmt.Sprintf("couldn't read %q", t)},
				calendar.Text{JA: `"90 days before 満了日" か "満了日の90日前" のように書いてください`, EN: `write it like "90 days before COLUMN"`})
			continue
		}
		s.Stages = append(s.Stages, st)
	}
	mails := messageScope(d, s.own(nil))
	sc.mails = &mails
	for _, k := range decodeChecks(d, sc) {
		if k.aboutRows {
			s.Checks = append(s.Checks, k)
		} else {
			s.Mails = append(s.Mails, k)
		}
	}
	names := map[string]bool{}
	for _, k := range s.Checks {
		if id := k.identity(); names[id] {
			d.Trouble(calendar.Text{JA: fmt.Sprintf("同じ確認が2つあります（%s）", id), EN: fmt.Sprintf("one check is there twice (%s)", id)},
				calendar.Text{JA: "片方を消してください", EN: "take one out"})
		} else {
			names[id] = true
		}
	}
	if len(s.Checks) == 0 && len(s.Stages) == 0 && !d.Has("remind_at") && (len(s.Mails) > 0 || !d.Has("check")) {
		d.Trouble(calendar.Text{JA: "何を確かめるかがありません", EN: "it doesn't say what is checked"},
			calendar.Text{JA: "[[job." + d.Job.Name + ".check]] に wrong_if か must を書くか、remind_at を書いてください", EN: "write wrong_if or must in a [[job." + d.Job.Name + ".check]], or remind_at"})
	}
	if s.outside(d.Config) && len(s.Columns) == 0 {
		d.Trouble(calendar.Text{JA: "社外へ送るのに columns がありません", EN: "mail goes outside, and there are no columns"},
			calendar.Text{JA: `columns = ["注文番号", "品名"] のように、外に出してよい列を書いてください`, EN: `name the columns that may leave the house: columns = ["…"]`})
	}
	if s.Letter != "" {
		s.template(d)
	}
	if d.Config.Source(s.Source) != nil {
		t, done := lookAt(d, "source", s.Source)
		defer done()
		if t != nil {
			s.against(d, t)
		}
	}
	for _, k := range slices.Concat(s.Checks, s.Mails) {
		k.at = nil // its places in the file are known no longer than the file is read
	}
	return s
}

// against holds all that names columns against the table as it is now. What doesn't fit is told and no reason to refuse the
// file: a column that somebody took out of a table overnight makes this job wait, and no other one.
func (s *watchSpec) against(d *config.Decoder, t *table.Table) {
	d = d.AgainstTable()
	scope := table.RuleScope{Columns: t.Columns(), Source: sourceColumns(d.Config), Before: true}
	column := func(key string, i int, name string) {
		if _, ok := t.Find(name); !ok && name != "" {
			d.ProblemAt(key, i, calendar.Text{JA: fmt.Sprintf("表「%s」に「%s」という列はありません", s.Source, clean(name)), EN: fmt.Sprintf("the table %s has no column %q", s.Source, clean(name))}, columnsThere(t))
		}
	}
	rule := func(at *config.Decoder, key string, r *table.Rule) {
		_, ps := table.CompileRule(r.Source(), scope)
		for _, p := range ps {
			at.AgainstTable().ProblemInside(key, p.Column, p.What, p.Next)
		}
	}
	words := func(at *config.Decoder, key string, list []sentence) {
		for i, x := range list {
			for _, part := range x {
				if part.rule == nil {
					continue
				}
				_, ps := table.CompileValue(part.rule.Source(), scope)
				for _, p := range ps {
					at.AgainstTable().ProblemAt(key, i, p.What, p.Next)
				}
			}
		}
	}
	for i, name := range s.Key {
		column("key", i, name)
	}
	for i, name := range s.Columns {
		column("columns", i, name)
	}
	for i, st := range s.Stages {
		column("remind_at", i, st.column)
	}
	column("group", -1, s.Group)
	if s.Where != nil {
		rule(d, "where", s.Where)
	}
	words(d, "tell", s.Tell)
	for _, k := range s.Checks {
		rule(k.at, k.Type, k.rule.rule)
		words(k.at, "tell", k.Tell)
		if k.Say != nil {
			words(k.at, "say", []sentence{k.Say})
		}
	}
}

// template reads the job's own letter as Prepare will, and tells what is wrong with it.
func (s *watchSpec) template(d *config.Decoder) {
	b, err := d.Config.ReadFile(s.Letter, letterLimit)
	if err != nil {
		what, next := fileErrorWords(err)
		d.Warn("letter", calendar.Text{JA: fmt.Sprintf("手紙「%s」：%s", s.Letter, what.JA), EN: fmt.Sprintf("letter %s: %s", s.Letter, what.EN)}, next)
		return
	}
	t, ps := parseLetter(s.Letter, b, d.Config.Language)
	if t != nil {
		ps = append(ps, t.unknown(s.own(nil))...)
	}
	for _, p := range ps {
		d.Problem("letter", p.in(s.Letter), p.Next)
	}
}

// own are the fields that the job's letters have beside those of every letter.
func (s *watchSpec) own(values map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, s.Fields)
	for _, names := range watchFields {
		out[names[0]], out[names[1]] = values[names[1]], values[names[1]]
	}
	return out
}

var stageJA = regexp.MustCompile(`^(.+)の\s*([0-9０-９]+\s*(?:営業)?(?:日|週間|か月|ヶ月))前$`)

// parseStage reads "90 days before 満了日", and 「満了日の90日前」.
func parseStage(text string) (stage, bool) {
	span, column, ok := strings.Cut(text, " before ")
	if m := stageJA.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
		span, column, ok = m[2]+"前", m[1], true
	}
	column = strings.Trim(column, " 　[]")
	lead, p := calendar.ParseLeadBefore(strings.TrimSpace(span))
	return stage{text, lead, column}, ok && p == nil && column != "" && !lead.IsZero()
}

// identity names a check among the job's: what it asks. Told words and people may change; another question is another check.
func (c *check) identity() string { return c.Type + " " + table.Normal(c.rule.rule.Source()) }

// identity names a stage.
func (s stage) identity() string { return "remind_at " + table.Normal(s.text) }

// The identities of what no check found: rows that can't be told apart.
const (
	keyMissing = "key missing"
	keyTwice   = "key twice"
)

// unjudged begins the identity of what a check could not tell.
const unjudged = "unjudged "

// Looked is what a look at all rows of a table came to; see ledger.Tx.See.
type Looked struct {
	Seen   []ledger.Seen
	Mended []ledger.Tell
}

// hit is one finding as a run sees it.
type hit struct {
	ledger.Seen
	row    table.Row
	keyed  bool // row is one
	check  *check
	stage  bool
	until  calendar.Date // of a stage
	owner  bool          // nobody but the owner can do something about it
	inside string
	tells  []sentence
	group  string
}

func (i hit) tell() ledger.Tell { return ledger.Tell{Check: i.Check, Row: i.Row} }

// looking is one look at the rows.
type looking struct {
	*watchSpec
	ctx     context.Context
	w       *World
	t       *table.Table
	judge   *table.Judge
	today   calendar.Date
	key     []int
	items   []hit
	judged  int // rows that where let through
	wrong   map[string]bool
	mended  []ledger.Tell
	rows    map[string]map[string]savedValue
	l       calendar.Language
	missing []ledger.Reason

	// What this look can't tell: findings of these stand as they did, for nobody put anything right.
	unsure     map[ledger.Tell]bool
	unsureRows map[string]bool
	standing   []ledger.Seen
}

func (k *looking) say(ja, en string, args ...any) string {
	return fmt.Sprintf(calendar.Text{JA: ja, EN: en}.In(k.l), args...)
}

func (watch) Prepare(ctx context.Context, w *World) (Prepared, error) {
	s, ok := w.Job.Spec.(*watchSpec)
	if !ok {
		return Prepared{}, fmt.Errorf("couldn't prepare the job %s: it was not decoded as a watch", w.Job.Name)
	}
	t, waits, seen := w.rows(ctx, s.Source)
	if len(waits) > 0 {
		return Prepared{Missing: waits}, nil
	}
	k := &looking{watchSpec: s, ctx: ctx, w: w, t: t, today: calendar.DateOf(leaves(w).In(w.Config.Zone)), l: w.Config.Language,
		wrong: map[string]bool{}, unsure: map[ledger.Tell]bool{}, unsureRows: map[string]bool{}, rows: map[string]map[string]savedValue{}}
	if err := k.compile(&seen); err != nil {
		return Prepared{}, err
	}
	if len(k.missing) > 0 {
		return Prepared{Missing: uniqueReasons(k.missing)}, nil
	}
	if err := k.look(); err != nil {
		return Prepared{}, err
	}
	p := Prepared{Observations: seen, Looked: &Looked{Mended: k.mended}}
	if k.before {
		b, err := json.Marshal(k.rows)
		if err != nil {
			return Prepared{}, fmt.Errorf("couldn't keep the rows of %s: %w", s.Source, err)
		}
		p.Observations = append(p.Observations, ledger.Observation{Name: rowsObserved, Value: b})
	}
	ms, err := k.mails()
	if err != nil {
		return Prepared{}, err
	}
	for _, i := range k.items {
		p.Looked.Seen = append(p.Looked.Seen, i.Seen)
	}
	p.Looked.Seen = append(p.Looked.Seen, k.standing...)
	held := newChecking(ctx, w, s.Mails)
	for _, m := range ms {
		d, sc, missing, err := k.draft(m)
		if err != nil {
			return Prepared{}, err
		}
		if len(missing) == 0 && m.outside {
			sc.company = k.company(m)
			var seen []ledger.Observation
			if seen, missing, err = held.message(sc, &d); err != nil {
				return Prepared{}, err
			}
			p.Observations = append(p.Observations, seen...)
		}
		if p.Missing = append(p.Missing, missing...); len(missing) == 0 {
			p.Drafts = append(p.Drafts, d)
		}
	}
	if len(p.Missing) > 0 {
		p.Missing = uniqueReasons(p.Missing) // every row was judged all the same, and the drafts that are whole tell of them
		return p, nil
	}
	p.Said = k.said(ms)
	return p, nil
}

// compile holds the rules against the columns that the tables have now. What doesn't fit makes the run wait.
func (k *looking) compile(seen *[]ledger.Observation) error {
	s := *k.watchSpec
	scope := k.w.ruleScope(k.ctx, k.t, &k.missing, seen)
	scope.Before = true
	again := func(r *table.Rule) *table.Rule {
		out, ps := r.For(scope)
		for _, p := range ps {
			k.missing = append(k.missing, reason(k.w, codeTable, calendar.Text{JA: fmt.Sprintf("規則「%s」：%s", r.Source(), p.What.JA), EN: fmt.Sprintf("rule %s: %s", r.Source(), p.What.EN)}, p.Next))
		}
		if len(ps) == 0 && (out == nil || !out.Checked()) && len(k.missing) == 0 {
			k.missing = append(k.missing, reason(k.w, codeTable, calendar.Text{JA: fmt.Sprintf("規則「%s」を確かめられません", r.Source()), EN: fmt.Sprintf("the rule %s can't be judged", r.Source())}, calendar.Text{}))
		}
		if lower := strings.ToLower(r.Source()); strings.Contains(lower, "changed") || strings.Contains(lower, "previous") || strings.Contains(lower, "変わった") || strings.Contains(lower, "前回") {
			s.before = true
		}
		return out
	}
	words := func(in []sentence) (out []sentence) {
		for _, x := range in {
			x = slices.Clone(x)
			for i := range x {
				if x[i].rule != nil {
					x[i].rule = again(x[i].rule)
				}
			}
			out = append(out, x)
		}
		return out
	}
	if s.Where != nil {
		s.Where = again(s.Where)
	}
	s.Tell = words(s.Tell)
	s.Checks = nil
	for _, c := range k.watchSpec.Checks {
		x := *c
		x.rule = &rowRule{again(c.rule.rule), c.rule.wrong}
		x.Tell = words(c.Tell)
		if c.Say != nil {
			x.Say = words([]sentence{c.Say})[0]
		}
		s.Checks = append(s.Checks, &x)
	}
	k.watchSpec = &s
	column := func(name string) int {
		i, ok := k.t.Find(name)
		if !ok {
			k.missing = append(k.missing, reason(k.w, codeTable, calendar.Text{JA: fmt.Sprintf("表「%s」に列「%s」がありません", s.Source, name), EN: fmt.Sprintf("the table %s has no column %s", s.Source, name)},
				calendar.Text{JA: "jobs.toml か表の見出しを直してください", EN: "mend jobs.toml or the table's heading"}))
		}
		return i
	}
	for _, name := range s.Key {
		k.key = append(k.key, column(name))
	}
	for _, name := range s.Columns {
		column(name)
	}
	for _, st := range s.Stages {
		column(st.column)
	}
	if s.Group != "" {
		column(s.Group)
	}
	var before func(row table.Row, name string) (table.Value, bool)
	if s.before {
		kept, err := k.w.lastDone(rowsObserved)
		if err != nil {
			return err
		}
		was := map[string]map[string]savedValue{}
		if kept != nil {
			if err := json.Unmarshal(kept, &was); err != nil {
				return fmt.Errorf("couldn't read the rows that the last run saw: %w", err)
			}
		}
		before = func(row table.Row, name string) (table.Value, bool) {
			key, ok := row.Key(k.key...)
			if !ok {
				return table.Value{}, false
			}
			cols, ok := was[key]
			if !ok {
				return table.Value{}, false
			}
			return cols[table.Fold(name)].value(k.w.Config.Zone), true
		}
	}
	k.judge = table.NewJudge(k.ctx, table.RuleWorld{Today: k.today, Days: k.w.Job.Days, Table: k.t, Tables: k.w.Tables, Before: before})
	return nil
}

// rowsObserved names what a run keeps of its rows where a rule asks for the values at the last look.
const rowsObserved = "rows"

// savedValue is a value as a later run compares it.
type savedValue struct {
	Type  string `json:"t"`
	Value string `json:"v"`
}

func (s savedValue) value(zone *time.Location) table.Value {
	switch typ, _ := table.ParseType(s.Type); {
	case s.Value == "":
		return table.Value{}
	case typ == table.Number:
		if n, err := decimal.NewFromString(s.Value); err == nil {
			return table.NumberOf(n)
		}
	case typ == table.Date:
		if t, err := time.Parse(time.DateOnly, s.Value); err == nil {
			return table.DateOf(calendar.DateOf(t))
		}
	case typ == table.Time:
		if t, err := time.Parse(time.RFC3339Nano, s.Value); err == nil {
			return table.TimeOf(t.In(zone))
		}
	case typ == table.YesNo:
		return table.YesNoOf(s.Value == table.YesNoOf(true).Canonical())
	}
	return table.TextOf(s.Value)
}

// look asks every check about every row.
func (k *looking) look() error {
	index, ok, err := k.t.Index(k.Key...)
	if err != nil {
		return fmt.Errorf("couldn't look through %s: %w", k.Source, err)
	}
	twice := map[string]bool{}
	blank := map[string]bool{}
	for row, err := range k.t.Rows() {
		if err != nil {
			return fmt.Errorf("couldn't look through %s: %w", k.Source, err)
		}
		if k.Where != nil {
			in, err := k.judge.Holds(k.Where, row)
			if u, isUnjudged := errors.AsType[*table.Unjudged](err); isUnjudged {
				key, keyed := row.Key(k.key...)
				label := k.label(row)
				if !keyed {
					key, label = hash([]byte(row.Canonical())), row.Place().In(k.l)
				}
				k.unsureRows[key] = true
				if !twice["where "+key] {
					twice["where "+key] = true
					k.judged++
					k.wrong[key] = true
					k.problem(unjudged+"where", key, label, k.say("対象の行かどうか判断できません：%s", "whether it belongs to those looked at can't be told: %s", u.What.In(k.l)), row)
				}
				continue
			}
			if err != nil {
				return fmt.Errorf("couldn't judge a row of %s: %w", k.Source, err)
			}
			if !in {
				continue
			}
		}
		k.judged++
		key, keyed := row.Key(k.key...)
		switch {
		case !keyed:
			id := hash([]byte(row.Canonical()))
			if !blank[id] {
				blank[id] = true
				k.wrong[id] = true
				k.problem(keyMissing, id, row.Place().In(k.l), k.say("%sが空です", "%s is empty", strings.Join(k.Key, "・")), row)
			}
			continue
		case ok && index.Count(k.values(row)...) > 1:
			if !twice[key] {
				twice[key] = true
				k.wrong[key] = true
				k.unsureRows[key] = true
				k.problem(keyTwice, key, k.label(row), k.say("同じ%sの行が%d行あります", "there are rows with one and the same %s: %d", strings.Join(k.Key, "・"), index.Count(k.values(row)...)), row)
			}
			continue
		}
		if k.before {
			k.keep(key, row)
		}
		if err := k.row(key, row); err != nil {
			return err
		}
	}
	return nil
}

func (k *looking) values(row table.Row) []table.Value {
	var out []table.Value
	for _, i := range k.key {
		out = append(out, row.Value(i))
	}
	return out
}

// keep saves a row for the next run's previous and changed.
func (k *looking) keep(key string, row table.Row) {
	cols := map[string]savedValue{}
	for i, c := range k.t.Columns() {
		if v := row.Value(i); c.Name != "" && !c.Twice && !v.IsEmpty() {
			cols[table.Fold(c.Name)] = savedValue{v.Type().String(), v.Canonical()}
		}
	}
	k.rows[key] = cols
}

// label names a row for people: the values of its key.
func (k *looking) label(row table.Row) string {
	var out []string
	for _, v := range k.values(row) {
		out = append(out, v.In(k.l))
	}
	return clean(strings.Join(out, " / "))
}

// problem is a finding for the owner.
func (k *looking) problem(check, key, label, says string, row table.Row) {
	k.items = append(k.items, hit{Seen: ledger.Seen{Check: check, Row: key, Label: label, Says: clean(says), Evidence: []byte("[]"), Value: hash([]byte(row.Canonical()))}, row: row, owner: true})
}

// row asks the checks about one row, and finds its stage.
func (k *looking) row(key string, row table.Row) error {
	group := ""
	if k.Group != "" {
		v, _ := row.Get(k.Group)
		group = clean(v.In(k.l))
	}
	for _, c := range k.Checks {
		r, err := c.judgeRow(k.judge, row, k.l)
		if err != nil {
			return fmt.Errorf("couldn't judge a row of %s: %w", k.Source, err)
		}
		evidence, err := json.Marshal(r.Figures)
		if err != nil || r.Figures == nil {
			evidence = []byte("[]")
		}
		seen := ledger.Seen{Check: c.identity(), Row: key, Label: k.label(row), Says: clean(r.What), Evidence: evidence, Value: k.under(c, row)}
		switch r.Verdict {
		case Passed:
			k.mended = append(k.mended, ledger.Tell{Check: seen.Check, Row: key}, ledger.Tell{Check: unjudged + seen.Check, Row: key})
		case Unjudged:
			k.unsure[ledger.Tell{Check: seen.Check, Row: key}] = true
			seen.Check = unjudged + seen.Check
			seen.Says = k.say("「%s」を判断できません：%s", "%s can't be judged: %s", c.rule.rule.Source(), r.What)
			k.wrong[key] = true
			k.items = append(k.items, hit{Seen: seen, row: row, keyed: true, owner: true})
		default:
			k.wrong[key] = true
			tells := c.Tell
			if len(tells) == 0 {
				tells = k.Tell
			}
			k.items = append(k.items, hit{Seen: seen, row: row, keyed: true, check: c, tells: tells, group: group})
		}
	}
	type coming struct {
		*stage
		until, begins calendar.Date
	}
	var now []coming // one for each column: a second date is another thing to be told of
	for i := range k.Stages {
		st := &k.Stages[i]
		v, _ := row.Get(st.column)
		date := v.Date()
		if v.IsEmpty() {
			continue // without a date there is nothing to come to; a check can ask for one
		}
		if date.IsZero() {
			k.wrong[key] = true
			k.items = append(k.items, hit{Seen: ledger.Seen{Check: unjudged + st.identity(), Row: key, Label: k.label(row), Evidence: []byte("[]"),
				Says: clean(k.say("%sの「%s」は日付として読めません", "%s: %q is no date", st.column, v.In(k.l))), Value: v.Canonical()}, row: row, keyed: true, owner: true})
			continue
		}
		noon := date.At(calendar.Clock{Hour: 12}, k.w.Config.Zone)
		begins := calendar.DateOf(st.lead.Before(noon, k.w.Job.Days).In(k.w.Config.Zone))
		if k.today.Before(begins) || date.Before(k.today) {
			continue
		}
		// Of several stages that are past, the last one is told: the others would say less.
		at := slices.IndexFunc(now, func(x coming) bool { return table.Fold(x.column) == table.Fold(st.column) })
		switch {
		case at < 0:
			now = append(now, coming{st, date, begins})
		case now[at].begins.Before(begins):
			now[at] = coming{st, date, begins}
		}
	}
	for _, x := range now {
		k.items = append(k.items, hit{Seen: ledger.Seen{Check: x.identity(), Row: key + " " + x.until.String(), Label: k.label(row), Evidence: []byte("[]"), Value: x.until.String(),
			Says: clean(k.say("%sは%sです", "%s: %s", x.column, x.until.Long(k.l)))}, row: row, keyed: true, stage: true, until: x.until, tells: k.Tell, group: group})
	}
	return nil
}

// under is the row's value under a check: of those figures that are columns. What a rule counts from today is another
// one each day, and no reason to ask again what was accepted.
func (k *looking) under(c *check, row table.Row) string {
	var out []string
	for _, f := range k.judge.Figures(c.rule.rule, row) {
		if _, ok := k.t.Find(strings.Trim(f.Name, "[]")); ok {
			out = append(out, f.Value.Canonical())
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return ""
	}
	return string(b)
}

// watchMail is one mail of a run: to whom, and of what.
type watchMail struct {
	to      []config.Addressee
	part    string
	outside bool
	owner   bool
	items   []hit
	again   int // how many of them were told before
	thanks  []ledger.Finding
	early   map[ledger.Tell]string // how the same was settled before
}

// mails finds whom each finding concerns, and which of them are to be told now: those that nobody was told of, and those
// of which it is time to remind.
func (k *looking) mails() ([]*watchMail, error) {
	known := map[ledger.Tell]ledger.Finding{}
	waits := map[string]bool{} // parts and what their mails of this run tell, as long as these are held
	var settled, thanked []ledger.Finding
	if v := k.w.Ledger; v != nil {
		for f, err := range v.Findings(ledger.FindingQuery{Job: k.w.Identity}) {
			if err != nil {
				return nil, fmt.Errorf("couldn't read what was found before: %w", err)
			}
			t := ledger.Tell{Check: f.Check, Row: f.Row}
			if f.State != ledger.FindingResolved {
				known[t] = f
			}
			if !f.Accepted.IsZero() {
				settled = append(settled, f)
			}
			if f.Times > 0 && (f.State == ledger.FindingResolved && f.Ended == ledger.EndedMended && f.Run == k.w.Run.ID ||
				f.State != ledger.FindingResolved && f.State != ledger.FindingAccepted && slices.Contains(k.mended, t)) {
				thanked = append(thanked, f)
			}
		}
		for m, err := range v.Messages(ledger.MessageQuery{Run: k.w.Run.ID, States: []ledger.State{ledger.StateHeld}}) {
			if err != nil {
				return nil, fmt.Errorf("couldn't read what is held: %w", err)
			}
			if !m.Queued.IsZero() {
				continue
			}
			for f, err := range v.Findings(ledger.FindingQuery{Message: m.ID}) {
				if err != nil {
					return nil, fmt.Errorf("couldn't read what is held: %w", err)
				}
				waits[waiting(m.Part, ledger.Tell{Check: f.Check, Row: f.Row})] = true
			}
		}
	}
	for t, f := range known {
		if k.stands(t) && !slices.ContainsFunc(k.items, func(i hit) bool { return i.tell() == t }) {
			k.standing = append(k.standing, f.Seen)
		}
	}
	slices.SortFunc(k.standing, func(a, b ledger.Seen) int {
		return cmp.Or(strings.Compare(a.Check, b.Check), strings.Compare(a.Row, b.Row))
	})
	told, err := k.told(known)
	if err != nil {
		return nil, err
	}
	var out []*watchMail
	for n := range k.items {
		i := &k.items[n]
		to, err := k.addressees(i)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, a := range to {
			names = append(names, nameOf(a, k.l))
		}
		i.Tell = clean(strings.Join(names, "、"))
		f, was := known[i.tell()]
		if was && f.State == ledger.FindingAccepted && f.Value == i.Value && (f.Until.IsZero() || f.Until.After(k.w.Now)) {
			continue
		}
		// Each of those whom it concerns is told once, and reminded, on their own: the mail to one may wait for its confirmation
		// while another's went out, and whom a row is handed over to was told nothing yet.
		for _, a := range to {
			p := a.ID()
			outside := anyOutside(k.w.Config, []config.Addressee{a})
			if known := a.Partner != nil && k.w.Config.Partners[a.Partner.ID] == a.Partner; outside && !known && i.group != "" && i.group != p {
				p += " " + i.group
			}
			if i.owner {
				p += " ?"
			}
			h := heardOf(told[i.story(f)], a, p, k.w.Run.ID)
			again := h.times > 0 && was && f.State != ledger.FindingNew && f.State != ledger.FindingAccepted
			switch held := waits[waiting(p, i.tell())]; {
			case held: // by this run, which is looked at again
			case h.here, h.coming: // it is on its way, or this run told it
				continue
			case i.stage && h.times > 0: // each stage once
				continue
			case again && !k.reminds(*i, h):
				continue
			}
			at := slices.IndexFunc(out, func(m *watchMail) bool { return m.part == p })
			if at < 0 {
				at = len(out)
				out = append(out, &watchMail{to: []config.Addressee{a}, part: p, outside: outside, owner: i.owner, early: map[ledger.Tell]string{}})
			}
			m := out[at]
			m.items = append(m.items, *i)
			if again {
				m.again++
			}
			if !outside {
				if words := k.precedent(*i, settled); words != "" {
					m.early[i.tell()] = words
				}
			}
		}
	}
	if len(k.w.Run.Only) > 0 {
		out = slices.DeleteFunc(out, func(m *watchMail) bool { return !slices.Contains(k.w.Run.Only, m.part) })
	}
	for _, m := range out {
		for _, f := range thanked {
			if !m.outside && !m.owner && slices.Contains(strings.Split(f.Tell, "、"), clean(nameOf(m.to[0], k.l))) {
				m.thanks = append(m.thanks, f)
			}
		}
	}
	slices.SortFunc(out, func(a, b *watchMail) int { return strings.Compare(a.part, b.part) })
	return out, nil
}

// waiting names a row in the mail of a part.
func waiting(part string, t ledger.Tell) string { return part + "\x00" + t.Check + "\x00" + t.Row }

// stands reports whether this look can't tell if a finding is still there.
func (k *looking) stands(t ledger.Tell) bool {
	if k.unsure[t] || k.unsureRows[t.Row] && t.Check != keyTwice && t.Check != unjudged+"where" {
		return true
	}
	// A stage is kept by its row and the date.
	i := strings.LastIndexByte(t.Row, ' ')
	return i > 0 && strings.HasPrefix(t.Check, "remind_at ") && k.unsureRows[t.Row[:i]]
}

// reminds reports whether it is time to tell a finding again. It is counted to the run's due and not to this moment: a mail
// that waits for its confirmation stays the same.
func (k *looking) reminds(i hit, h heard) bool {
	if i.check == nil || i.check.Remind.IsZero() || h.times > k.Reminders {
		return false
	}
	day := func(t time.Time) calendar.Date { return calendar.DateOf(t.In(k.w.Config.Zone)) }
	return !day(dueOf(k.w)).Before(day(i.check.Remind.After(h.last.In(k.w.Config.Zone), k.w.Job.Days)))
}

// telling is a mail that tells of something.
type telling struct {
	ledger.Message
	counted bool // the finding's own life counts it, where it was sent
}

// heard is what somebody was told of one thing.
type heard struct {
	times  int // by runs before this one
	last   time.Time
	here   bool // this run told it
	coming bool // a mail is on its way, or waits to be let go
}

// story is the thing of which somebody is told once: a finding, that is over when the row is put right and a new one when it
// comes back; of a stage, the row with its date.
func (i hit) story(f ledger.Finding) string {
	if i.stage {
		return i.Check + "\x00" + i.Row
	}
	return strconv.FormatInt(f.ID, 10)
}

// told are the mails that tell of what is found now, by its story. What was called off, replaced or could not be sent told nobody.
func (k *looking) told(known map[ledger.Tell]ledger.Finding) (map[string][]telling, error) {
	v := k.w.Ledger
	if v == nil {
		return nil, nil
	}
	var since time.Time
	begin := func(f ledger.Finding) {
		if (f.Times > 0 || f.Pending != 0) && (since.IsZero() || f.First.Before(since)) {
			since = f.First
		}
	}
	now := map[ledger.Tell]hit{}
	for _, i := range k.items {
		now[i.tell()] = i
		if f, was := known[i.tell()]; was {
			begin(f)
		}
		if !i.stage {
			continue
		}
		for f, err := range v.Findings(ledger.FindingQuery{Job: k.w.Identity, Check: i.Check, Row: i.Row}) {
			if err != nil {
				return nil, fmt.Errorf("couldn't read what was found before: %w", err)
			}
			begin(f)
		}
	}
	if since.IsZero() {
		return nil, nil
	}
	out := map[string][]telling{}
	for m, err := range v.Messages(ledger.MessageQuery{Job: k.w.Identity, Class: ledger.ClassLetter, SealedFrom: since}) {
		if err != nil {
			return nil, fmt.Errorf("couldn't read what was told: %w", err)
		}
		if !slices.ContainsFunc(m.Deliveries, func(d ledger.Delivery) bool {
			return d.State != ledger.StateRejected && d.State != ledger.StateReplaced && d.State != ledger.StateFailed
		}) {
			continue
		}
		for f, err := range v.Findings(ledger.FindingQuery{Message: m.ID}) {
			if err != nil {
				return nil, fmt.Errorf("couldn't read what was told: %w", err)
			}
			if i, found := now[ledger.Tell{Check: f.Check, Row: f.Row}]; found {
				out[i.story(f)] = append(out[i.story(f)], telling{m, f.State != ledger.FindingNew || f.PendingRun != m.Run})
			}
		}
	}
	return out, nil
}

// heardOf is what one addressee heard: by the same mail of earlier runs, or at one of their addresses.
func heardOf(ms []telling, a config.Addressee, part string, run int64) (h heard) {
	runs := map[int64]bool{}
	for _, m := range ms {
		if m.Part != part && !slices.ContainsFunc(m.Recipients, func(r ledger.Recipient) bool {
			return r.Role == "to" && slices.ContainsFunc(addressesOf(a), func(b mailer.Address) bool { return strings.EqualFold(b.Mail, r.Mail) })
		}) {
			continue
		}
		var at time.Time
		for _, d := range m.Deliveries {
			if (d.State == ledger.StateSent || d.State == ledger.StateWritten || d.State == ledger.StateByHand) && d.Changed.After(at) {
				at = d.Changed
			}
		}
		switch {
		case m.Run == run:
			h.here = true
		case at.IsZero(), !m.counted:
			h.coming = true
		default:
			runs[m.Run] = true
			if at.After(h.last) {
				h.last = at
			}
		}
	}
	h.times = len(runs)
	return h
}

// precedent says how the same question, of the same row or with the same value, was settled before.
func (k *looking) precedent(i hit, settled []ledger.Finding) string {
	for n := len(settled) - 1; n >= 0; n-- {
		f := settled[n]
		if f.Check != i.Check || f.Row != i.Row && (f.Value != i.Value || i.Value == "" || i.Value == "null") {
			continue
		}
		who := f.By.Name
		if p := k.w.Config.People[who]; p != nil {
			who = withSan(p, k.l)
		}
		which := ""
		if f.Row != i.Row {
			which = f.Label
		}
		day := calendar.DateOf(f.Accepted.In(k.w.Config.Zone)).Short(k.l)
		if which != "" {
			return clean(k.say("前に同じ内容（%s）は、このままでよいとされました：%s（%s、%s）", "the same (%s) was left as it is before: %s (%s, %s)", which, f.Why, who, day))
		}
		return clean(k.say("前は、このままでよいとされました：%s（%s、%s）", "it was left as it is before: %s (%s, %s)", f.Why, who, day))
	}
	return ""
}

// addressees are those whom a finding concerns; whom nobody can tell, or who may not be written to, is the owner's to find.
func (k *looking) addressees(i *hit) ([]config.Addressee, error) {
	var out []config.Addressee
	var doubt string
	if !i.owner {
		tells := i.tells
		if len(tells) == 0 && i.group != "" {
			tells = []sentence{{{text: i.group}}}
		}
		for _, t := range tells {
			text, err := t.expand(k.judge, i.row, k.l)
			if err != nil {
				return nil, fmt.Errorf("couldn't find whom a row concerns: %w", err)
			}
			a, ok := k.addressee(strings.TrimSpace(text), i.group)
			switch {
			case !ok:
				doubt = k.say("知らせる相手「%s」が [people] や [partner] になく、送ってよい相手か分かりません", "%q is neither in [people] nor in [partner], and may_write_to doesn't name it", text)
			case anyOutside(k.w.Config, []config.Addressee{a}) && len(k.Columns) == 0:
				doubt = k.say("社外の「%s」へは、columns を決めてから送れます", "mail to %q outside needs columns", text)
			case !slices.ContainsFunc(out, func(b config.Addressee) bool { return a.ID() == b.ID() }):
				out = append(out, a)
			}
		}
		i.inside = clean(doubt)
	}
	if len(out) > 0 && (doubt == "" || slices.ContainsFunc(out, func(a config.Addressee) bool { return !anyOutside(k.w.Config, []config.Addressee{a}) })) {
		return out, nil
	}
	// Also where only outsiders are sure: they don't read that a colleague was not reached.
	for _, p := range k.w.Job.Owners(k.w.Config) {
		if a := (config.Addressee{Person: p}); !slices.ContainsFunc(out, func(b config.Addressee) bool { return a.ID() == b.ID() }) {
			out = append(out, a)
		}
	}
	return out, nil
}

// addressee finds who is meant by a name or an address that a row has.
func (k *looking) addressee(text, group string) (config.Addressee, bool) {
	c := k.w.Config
	same := func(a, b string) bool { return a != "" && strings.EqualFold(table.Normal(a), table.Normal(b)) }
	if p := c.People[text]; p != nil {
		return config.Addressee{Person: p}, true
	}
	if p := c.Partners[text]; p != nil {
		return config.Addressee{Partner: p}, true
	}
	var found []config.Addressee
	for _, p := range c.People {
		if same(p.Name, text) || same(p.Mail.Mail, text) {
			found = append(found, config.Addressee{Person: p})
		}
	}
	for _, p := range c.Partners {
		if same(p.Name, text) || same(fullName(p.Name), text) || slices.ContainsFunc(p.Mail, func(m mailer.Address) bool { return same(m.Mail, text) }) {
			found = append(found, config.Addressee{Partner: p})
		}
	}
	if len(found) == 1 {
		return found[0], true
	}
	a, err := mailer.ParseAddress(text)
	if err != nil || len(found) > 1 || !c.DataMayWriteTo(a.Mail) {
		return config.Addressee{}, false
	}
	if group != "" && !hostile(group, false) && a.Name == "" {
		return config.Addressee{Partner: &config.Partner{ID: a.Mail, Name: group, Mail: []mailer.Address{a}}}, true
	}
	return config.Addressee{Plain: &a}, true
}

// lines are the rows of a mail as its reader sees them: each once, and below it all that was found in it. To the outside goes
// nothing but the columns that were named.
func (k *looking) lines(m *watchMail) string {
	var out []string
	for n, i := range m.items {
		var b []string
		if n == 0 || !i.same(m.items[n-1]) {
			if out = append(out, ""); !m.outside {
				b = append(b, k.say("■ ", "* ")+i.Label)
			}
			b = append(b, k.shownColumns(m, i)...)
		}
		if m.outside {
			if words := k.shown(i); words != "" {
				b = append(b, k.say("　", "  ")+words)
			}
		} else {
			fact, request, asks := strings.Cut(i.Says, "→")
			if i.stage { // counted where it is told: what is kept of it is read on other days as well
				fact += k.ahead(i.until)
			}
			b = append(b, k.say("　・", "  - ")+fact)
			if asks {
				b = append(b, k.say("　　→ ", "    → ")+strings.TrimSpace(request))
			}
			if i.inside != "" {
				b = append(b, k.say("　　", "    ")+i.inside)
			}
			if words := m.early[i.tell()]; words != "" {
				b = append(b, k.say("　　（", "    (")+words+k.say("）", ")"))
			}
		}
		for _, line := range b {
			out[len(out)-1] += strings.TrimRight(clean(line), " 　") + "\n"
		}
	}
	return strings.TrimRight(strings.Join(slices.DeleteFunc(out, func(s string) bool { return s == "" }), "\n"), "\n")
}

// ahead says how far away a day is.
func (k *looking) ahead(day calendar.Date) string {
	noon := calendar.Clock{Hour: 12}
	switch n := int(day.At(noon, time.UTC).Sub(k.today.At(noon, time.UTC)).Hours() / 24); n {
	case 0:
		return k.say("（本日）", " (today)")
	case 1:
		return k.say("（あす）", " (tomorrow)")
	default:
		return k.say("（あと%d日）", " (in %d days)", n)
	}
}

// same reports whether two findings are of one row of the table.
func (i hit) same(j hit) bool { return i.row.Number() == j.row.Number() }

// shownColumns are the columns of a row that a mail shows. One of the key stands in the label already, but where no label is.
func (k *looking) shownColumns(m *watchMail, i hit) []string {
	var out []string
	if !i.keyed {
		return nil
	}
	for n, name := range k.Columns {
		v, ok := i.row.Get(name)
		if !ok || v.IsEmpty() || !m.outside && slices.Contains(k.Key, name) {
			continue
		}
		mark := k.say("　", "  ")
		if m.outside && n == 0 {
			mark = k.say("・", "- ")
		}
		text := v.In(k.l)
		if v.Type() == table.Date {
			text = v.Date().Long(k.l) // with its weekday: it is a day on which somebody waits
		}
		out = append(out, mark+name+k.say("：", ": ")+text)
	}
	return out
}

// rows is how many rows a mail tells of; of one there may be several findings.
func (m *watchMail) rows() int {
	n := 0
	for at, i := range m.items {
		if at == 0 || !i.same(m.items[at-1]) {
			n++
		}
	}
	return n
}

// shown are the words of a check to the outside: only where they are made of nothing but columns that may leave the house.
func (k *looking) shown(i hit) string {
	if i.check == nil || i.check.Say == nil {
		return ""
	}
	for _, p := range i.check.Say {
		if p.rule != nil && !slices.ContainsFunc(k.Columns, func(name string) bool { return table.Fold(name) == table.Fold(strings.Trim(p.rule.Source(), " []")) }) {
			return ""
		}
	}
	return i.Says
}

// company is the company that a mail's rows name as theirs, where the group is a name that [partner] knows: an address that
// stands in the table is held against it.
func (k *looking) company(m *watchMail) string {
	if k.Group == "" || len(m.items) == 0 {
		return ""
	}
	for _, p := range k.w.Config.Partners {
		if sameCompany(p.Name, m.items[0].group) {
			return m.items[0].group
		}
	}
	return ""
}

// draft makes one mail.
func (k *looking) draft(m *watchMail) (Draft, *scope, []ledger.Reason, error) {
	w, c := k.w, k.w.Config
	which := "first"
	stages := !slices.ContainsFunc(m.items, func(i hit) bool { return !i.stage })
	switch {
	case m.owner:
		which = "unjudged"
	case m.outside:
		which = "outside"
	case slices.ContainsFunc(w.Job.Owners(c), func(p *config.Person) bool { return p == m.to[0].Person }):
		which = "own"
	case stages:
		which = "stage"
	case m.again == len(m.items):
		which = "again"
	}
	path, text := "watch/"+which, []byte(watchLetters[which].In(k.l))
	kind := "rule"
	if k.Letter != "" && !m.owner {
		b, err := c.ReadFile(k.Letter, letterLimit)
		if err != nil {
			r := fileReason(w, k.Letter, err)
			r.Code = codeLetter
			return Draft{}, nil, []ledger.Reason{r}, nil
		}
		path, text, kind = k.Letter, b, "letter"
	}
	t, problems := parseLetter(path, text, k.l)
	asOf := k.t.Modified()
	if asOf.IsZero() {
		asOf = leaves(w)
	}
	asOf = asOf.In(c.Zone)
	values := map[string]string{
		"rows": k.lines(m), "rows_told": k.count(m.rows()), "as_of": calendar.DateOf(asOf).Long(k.l) + " " + asOf.Format("15:04"),
		"reply_by": k.replyBy().Long(k.l),
	}
	if len(m.thanks) > 0 {
		var labels []string
		for _, f := range m.thanks {
			labels = append(labels, f.Label)
		}
		values["thanks"] = k.say("ありがとうございました。%s は、直っていることを確認しました。", "Thank you: %s is put right.", strings.Join(labels, k.say("、", ", ")))
	}
	own := k.own(values)
	if t != nil {
		problems = append(problems, t.unknown(own)...)
		if len(t.subject) == 0 {
			problems = append(problems, letterProblem{Line: 1, What: calendar.Text{JA: "件名がありません", EN: "there is no subject"},
				Next: calendar.Text{JA: "1行目に「件名：…」と書いてください", EN: "write \"Subject: …\" on its first line"}})
		}
	}
	var missing []ledger.Reason
	for _, lp := range problems {
		missing = append(missing, reason(w, codeLetter, lp.in(path), lp.Next))
	}
	if len(missing) > 0 {
		return Draft{}, nil, missing, nil
	}
	block, err := addressBlock(m.to, t.language)
	if e, ok := err.(*addresseeError); ok {
		return Draft{}, nil, []ledger.Reason{reason(w, codeAddressee, e.text(), calendar.Text{JA: fmt.Sprintf("[partner.%s] の name に、正式な名前を書いてください", e.Partner), EN: fmt.Sprintf("write the full name in [partner.%s]", e.Partner)})}, nil
	} else if err != nil {
		return Draft{}, nil, nil, err
	}
	sc := &scope{config: c, job: w.Job, period: w.Occurrence.Period, about: w.Job.When.About(w.Job.About, w.Occurrence), day: k.today, to: m.to, language: t.language, own: own, block: block}
	subject, empty := expandSubject(t.subject, sc.value)
	body, es := t.expand(sc.value)
	send := &sendSpec{Letter: path}
	for _, e := range append(empty, es...) {
		missing = append(missing, send.emptyReason(w, sc, e))
	}
	if len(missing) > 0 {
		return Draft{}, nil, missing, nil
	}
	for strings.Contains(body, "\n\n\n") { // where an optional field and its line went
		body = strings.ReplaceAll(body, "\n\n\n", "\n\n")
	}
	e := &envelope{config: c}
	var to, cc []mailer.Address
	for _, a := range m.to {
		to = append(to, e.add("to", addressesOf(a)...)...)
		if a.Partner != nil {
			cc = append(cc, e.add("cc", a.Partner.Cc...)...)
		}
	}
	if e.outside() {
		e.add("bcc", c.Mail.Bcc...)
	}
	d := Draft{Class: ledger.ClassLetter, Part: m.part, Key: ledger.Key(w.Identity, w.Occurrence.Period, m.part, w.Run.Generation), Addressee: groupName(m.to, c.Language),
		Letter: letterTo(c, to, cc, subject, strings.TrimLeft(body, "\n"), t.language != calendar.English), Recipients: e.rs}
	switch {
	case !m.outside:
		d.Unconfirmed = true // a word among colleagues
	case w.Job.Confirm == nil:
		d.Confirm = &config.Confirm{By: w.Job.Owners(c), Count: 1}
	}
	for _, i := range m.items {
		d.Tells = append(d.Tells, i.tell())
	}
	d.Inputs = []ledger.Input{input(kind, path, text)}
	for _, in := range []struct {
		kind, name string
		value      any
	}{
		{"row", k.Source, []any{subject, body, d.Tells}}, // the words, and not what the letter leaves out: a table that was saved again is no other mail
		{"rule", w.Identity, effectiveRule(w)},
		{"company", c.Company.Name, []any{c.Company, c.Mail.From, c.Mail.ReplyTo, c.Mail.TrialTo, c.Language}},
		{"addressee", m.part, []any{block, e.rs, sc.owner()}},
	} {
		i, err := inputOf(in.kind, in.name, in.value)
		if err != nil {
			return Draft{}, nil, nil, err
		}
		d.Inputs = append(d.Inputs, i)
	}
	return d, sc, nil, nil
}

// replyBy is the day by which an answer is asked for. It is counted from the due moment and not from now, and moved on only when
// it has come: a mail that waits for its confirmation would else be another one each day, and be asked about anew.
func (k *looking) replyBy() calendar.Date {
	span := k.ReplyBy
	if span.IsZero() {
		span, _ = calendar.ParseLeadAfter("3 business days")
	}
	from := dueOf(k.w)
	if now := leaves(k.w); now.Before(from) { // an early run
		from = now
	}
	from = from.In(k.w.Config.Zone) // where its days are counted
	const most = 1000               // spans, for one of an hour and a mail of last year
	for range most {
		from = span.After(from, k.w.Job.Days)
		if day := calendar.DateOf(from); k.today.Before(day) {
			return day
		}
	}
	return calendar.DateOf(span.After(leaves(k.w).In(k.w.Config.Zone), k.w.Job.Days))
}

// count is how many rows a mail tells; the Japanese letters have their counter.
func (k *looking) count(n int) string {
	if k.l == calendar.English {
		return plural(n, "item", "items")
	}
	return strconv.Itoa(n)
}

// said is the run's line in the summary.
func (k *looking) said(ms []*watchMail) string {
	var out []string
	if len(k.items) == 0 {
		out = append(out, k.say("%d件、すべて問題なし", "checked %d rows, all well", k.judged))
	} else {
		rows := map[string]bool{}
		open := 0
		for _, i := range k.items {
			if i.owner {
				open++
				continue
			}
			rows[i.Label] = true
		}
		out = append(out, k.say("%d件中%d件", "checked %d rows, %d of them to look at", k.judged, len(rows)))
		if open > 0 {
			out = append(out, k.say("判断できないもの%d件", "%d could not be judged", open))
		}
		for _, m := range ms {
			switch {
			case m.owner:
			case m.outside:
				out = append(out, k.say("%s様へ%d件の確認", "asked %s about %d", nameOf(m.to[0], k.l), m.rows()))
			case m.to[0].Person != nil:
				out = append(out, k.say("%sへ%d件の確認を依頼", "asked %s about %d", withSan(m.to[0].Person, k.l), m.rows()))
			}
		}
		if len(ms) == 0 {
			out = append(out, k.say("お知らせ済み", "told already"))
		}
	}
	return strings.Join(out, k.say("、", "; "))
}

// WatchReaches reports whether a watch may still write to an address: whom it tells follows from its rows, so it has to be
// somebody whom the file still knows, or whom the administrator lets be written to.
func WatchReaches(c *config.Config, spec any, mail string) bool {
	if _, ok := spec.(*watchSpec); !ok {
		return false
	}
	if !c.Outside(mail) || c.DataMayWriteTo(mail) {
		return true
	}
	for _, p := range c.Partners {
		if slices.ContainsFunc(slices.Concat(p.Mail, p.Cc), func(a mailer.Address) bool { return strings.EqualFold(a.Mail, mail) }) {
			return true
		}
	}
	return false
}
