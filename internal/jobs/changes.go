package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// OldRule is a job as it stood before an edit: from the ledger, or from another jobs.toml.
type OldRule struct {
	Name string // in the file
	Rule []byte // config.RuleRecord as JSON
	Gone bool   // it was not at work: out of the file, or enabled = false
	When *calendar.Schedule
}

// rulesOf are the rules of a file. They know their days, so an edit of the closing days alone is seen as well.
func rulesOf(c *config.Config) []OldRule {
	var out []OldRule
	for _, j := range c.Jobs {
		out = append(out, OldRule{Name: j.Name, Rule: j.Rule, Gone: j.Disabled, When: j.When})
	}
	return out
}

// Before is what was at work before an edit.
type Before struct {
	Rules    []OldRule
	Settings []byte // SettingsOf; nil where nothing is known of them
}

// Of is what a file says.
func Of(c *config.Config) Before { return Before{rulesOf(c), SettingsOf(c)} }

// AtWork is what the ledger was brought to last.
func AtWork(v *ledger.View) (b Before, err error) {
	if b.Rules, err = rulesAtWork(v); err != nil {
		return b, err
	}
	b.Settings, err = v.Office()
	return b, err
}

func rulesAtWork(v *ledger.View) ([]OldRule, error) {
	var out []OldRule
	for j, err := range v.Jobs() {
		if err != nil {
			return nil, fmt.Errorf("couldn't read the rules at work: %w", err)
		}
		out = append(out, OldRule{Name: j.Current, Rule: j.Rule, Gone: j.Gone})
	}
	return out, nil
}

// ChangeKind says what an edit does to a job as a whole.
type ChangeKind string

// The kinds of change.
const (
	ChangeAdded    ChangeKind = "added"
	ChangeRemoved  ChangeKind = "removed"
	ChangePaused   ChangeKind = "paused"  // enabled = false
	ChangeResumed  ChangeKind = "resumed" // back in the rules
	ChangeEdited   ChangeKind = "edited"
	ChangeSettings ChangeKind = "settings" // of what holds for every job; its Job is empty
)

// Change is what an edit does to one job, or to what holds for all of them, in the words of the new file's language.
type Change struct {
	Kind  ChangeKind
	Job   string
	Title string
	Keys  []ChangedKey
	Next  []time.Time // the next moments at which it acts; none for a job that is not at work
	Unfit []string    // where the new rule does not fit its table as that is now; see config.Problem.Table

	owners []*config.Person
}

// ChangedKey is one key: what it is called, and what stood and stands there in words. Old is empty for a new job. Differs tells
// of a long list only what differs, so that nobody has to compare forty addressees with forty-one; else it is empty.
type ChangedKey struct{ Key, Name, Old, New, Differs string }

// nextShown is how many coming moments a change tells.
const nextShown = 2

// Changes compares what was at work before with a file: first what holds for every job, then job by job and key by key. It is
// a pure function: the notice after an edit, the summary's footer and `bod diff` say the same.
func Changes(b Before, c *config.Config, now time.Time) []Change {
	var out []Change
	if x, changed := changedSettings(b.Settings, c); changed {
		out = append(out, x)
	}
	old := b.Rules
	before := map[string]OldRule{}
	for _, o := range old {
		if have, twice := before[o.Name]; !twice || have.Gone {
			before[o.Name] = o
		}
	}
	seen := map[string]bool{}
	for _, j := range c.Jobs {
		o, there := before[j.Name]
		if !there && j.Renamed != "" {
			o, there = before[j.Renamed]
		}
		seen[o.Name] = there
		if there && !o.Gone && !j.Disabled && o.When == nil && o.Name == j.Name && bytes.Equal(o.Rule, j.Rule) {
			continue // reading ten thousand unchanged rules took longer than the rest of a start
		}
		was, err := config.ReadRule(o.Rule)
		if there && err != nil {
			there = false // what can't be read can't be compared: it is told as new
		}
		is, err := config.ReadRule(j.Rule)
		if err != nil {
			continue // config wrote it just now
		}
		x := Change{Job: j.Name, Title: jobTitle(j, j.Name), owners: j.Owners(c)}
		switch {
		case !there && j.Disabled, there && o.Gone && j.Disabled:
			continue
		case !there:
			x.Kind, x.Keys = ChangeAdded, newKeys(is, c.Language)
		case j.Disabled:
			x.Kind = ChangePaused
		default:
			x.Kind = ChangeEdited
			if o.Gone {
				x.Kind = ChangeResumed
			}
			if o.Name != j.Name {
				x.Keys = append(x.Keys, ChangedKey{Key: "name", Name: calendar.Text{JA: "名前", EN: "Name"}.In(c.Language), Old: o.Name, New: j.Name})
			}
			x.Keys = append(x.Keys, compareRules(was, is, c)...)
			if was.When == is.When && o.When != nil {
				x.Keys = append(x.Keys, moved(o.When, j.When, now, c)...)
			}
			if p := people(c, []string{ownerOf(was)}); len(p) == 1 && !slices.Contains(x.owners, p[0]) {
				x.owners = append(slices.Clone(x.owners), p[0]) // who looked after it until now hears of it too
			}
			if x.Kind == ChangeEdited && len(x.Keys) == 0 {
				continue
			}
		}
		if !j.Disabled {
			for at := now; len(x.Next) < nextShown; {
				o, ok := j.When.Next(at)
				if !ok {
					break
				}
				at, x.Next = o.Due, append(x.Next, o.Due)
			}
			for _, p := range c.Warnings {
				if p.Table && p.Job == j.Name {
					x.Unfit = append(x.Unfit, calendar.Text{JA: fmt.Sprintf("%d行目：%s", p.Line, p.What), EN: fmt.Sprintf("line %d: %s", p.Line, p.What)}.In(c.Language))
				}
			}
		}
		out = append(out, x)
	}
	for _, o := range old {
		if o.Gone || seen[o.Name] {
			continue
		}
		seen[o.Name] = true
		x := Change{Kind: ChangeRemoved, Job: o.Name, Title: clean(o.Name), owners: c.Admin}
		if was, err := config.ReadRule(o.Rule); err == nil {
			if was.Title != "" {
				x.Title = clean(was.Title)
			}
			if p := people(c, []string{ownerOf(was)}); len(p) == 1 {
				x.owners = p
			}
		}
		out = append(out, x)
	}
	return out
}

func ownerOf(r config.RuleRecord) string {
	if r.Owner == nil {
		return ""
	}
	return r.Owner.ID
}

// ruleKeys are the keys of every job in the order in which they are told.
var ruleKeys = []struct {
	key    string
	ja, en string
	value  func(config.RuleRecord, calendar.Language) string
}{
	{"title", "呼び名", "Title", func(r config.RuleRecord, _ calendar.Language) string { return clean(r.Title) }},
	{"when", "送る日", "When", func(r config.RuleRecord, l calendar.Language) string { return sentenceOf(r.When, l) }},
	{"about", "何の分", "About", func(r config.RuleRecord, l calendar.Language) string {
		if a, p := calendar.ParseAbout(r.About); p == nil {
			return a.Sentence(l)
		}
		return clean(r.About)
	}},
	{"prepare", "準備", "Prepared", func(r config.RuleRecord, l calendar.Language) string {
		if r.Prepare == "" {
			return calendar.Text{JA: "当日の時刻", EN: "when due"}.In(l)
		}
		return calendar.Text{JA: leadOf(r.Prepare, l) + "前", EN: leadOf(r.Prepare, l) + " before"}.In(l)
	}},
	{"confirm", "確認", "Confirmed by", func(r config.RuleRecord, l calendar.Language) string { return confirmOf(r.Confirm, l) }},
	{"owner", "担当", "Owner", func(r config.RuleRecord, l calendar.Language) string {
		if r.Owner == nil {
			return calendar.Text{JA: "admin", EN: "admin"}.In(l)
		}
		return mailShort(*r.Owner, l)
	}},
	{"country", "休みの数え方", "Closed days", func(r config.RuleRecord, _ calendar.Language) string { return clean(r.Country) }},
	{"missed", "過ぎた分", "When missed", func(r config.RuleRecord, l calendar.Language) string {
		t, ok := map[config.Missed]calendar.Text{
			config.MissedAsk: {JA: "人に聞く", EN: "ask"}, config.MissedLatest: {JA: "最新の分だけ行う", EN: "do the latest"},
			config.MissedEach: {JA: "すべて行う", EN: "do each"}, config.MissedSkip: {JA: "見送る", EN: "leave out"}}[r.Missed]
		if !ok {
			return clean(string(r.Missed))
		}
		return t.In(l)
	}},
	{"on_unknown", "届いたか不明のとき", "When not known to have arrived", func(r config.RuleRecord, l calendar.Language) string {
		if r.OnUnknown == "resend" {
			return calendar.Text{JA: "自動で送り直す", EN: "send it again"}.In(l)
		}
		return calendar.Text{JA: "人に聞く", EN: "ask"}.In(l)
	}},
	{"late_until", "待つ期限", "Given up after", func(r config.RuleRecord, l calendar.Language) string { return leadOf(r.LateUntil, l) }},
	{"give_up", "送り直しをやめるまで", "Tried again for", func(r config.RuleRecord, l calendar.Language) string {
		if r.GiveUp == "" {
			return calendar.Text{JA: "[mail] のとおり", EN: "as in [mail]"}.In(l)
		}
		return leadOf(r.GiveUp, l)
	}},
	{"purpose", "目的", "Purpose", func(r config.RuleRecord, _ calendar.Language) string { return clean(r.Purpose) }},
	{"kind", "種類", "Kind", func(r config.RuleRecord, _ calendar.Language) string { return clean(r.Kind) }},
	{"timezone", "時間帯", "Time zone", func(r config.RuleRecord, _ calendar.Language) string { return clean(r.Zone) }},
	{"fiscal_year_end", "決算月", "Fiscal year ends in", func(r config.RuleRecord, l calendar.Language) string {
		if r.FiscalYearEnd < 1 || r.FiscalYearEnd > 12 {
			return ""
		}
		return calendar.Text{JA: fmt.Sprintf("%d月", r.FiscalYearEnd), EN: time.Month(r.FiscalYearEnd).String()}.In(l)
	}},
}

// specKeys are the kinds' own keys; one that is not here is called as the file calls it.
var specKeys = []struct{ key, ja, en string }{
	{"to", "宛先", "To"}, {"cc", "写し", "Cc"}, {"bcc", "控え", "Bcc"}, {"letter", "手紙", "Letter"}, {"subject", "件名", "Subject"},
	{"attach", "添付", "Attached"}, {"fields", "手紙の欄", "Fields"}, {"together", "全員に1通", "One for all"}, {"max_size", "添付の上限", "Attachments up to"},
	{"each", "表", "Table"}, {"among", "数える行", "Rows counted"}, {"where", "対象の行", "Rows"}, {"key", "行を見分ける列", "Key"}, {"count_by", "内訳の列", "Counted by"},
	{"company", "会社名の列", "Company from"}, {"dept", "部署の列", "Department from"}, {"person", "担当者の列", "Person from"}, {"amount", "金額", "Amount"},
	{"if_no_file", "ファイルがないとき", "Without a file"}, {"once", "一度だけ送る", "Once"},
	{"morning", "朝のお知らせ", "Morning notice"},
	{"review", "月のふりかえり", "Monthly review"},
	{"review_own", "担当者ごとのふりかえり", "Owners' own reviews"},
}

func specName(key string, l calendar.Language) string {
	for _, k := range specKeys {
		if k.key == key {
			return calendar.Text{JA: k.ja, EN: k.en}.In(l)
		}
	}
	return clean(key)
}

// specOrder are the kind's keys of two rules, those that are known first.
func specOrder(a, b map[string]any) []string {
	all := map[string]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	var out []string
	for _, k := range specKeys {
		if all[k.key] {
			out = append(out, k.key)
			delete(all, k.key)
		}
	}
	return append(out, slices.Sorted(maps.Keys(all))...)
}

func compareRules(was, is config.RuleRecord, c *config.Config) []ChangedKey {
	l := c.Language
	var out []ChangedKey
	add := func(key, name, a, b string) {
		none := calendar.Text{JA: "なし", EN: "none"}.In(l)
		if a == "" {
			a = none
		}
		if b == "" {
			b = none
		}
		out = append(out, ChangedKey{Key: key, Name: name, Old: a, New: b})
	}
	for _, k := range ruleKeys {
		if a, b := k.value(was, l), k.value(is, l); a != b {
			add(k.key, calendar.Text{JA: k.ja, EN: k.en}.In(l), a, b)
		}
	}
	for _, key := range specOrder(was.Spec, is.Spec) {
		x, y := was.Spec[key], is.Spec[key]
		if reflect.DeepEqual(x, y) {
			continue
		}
		a, b := specWords(key, x, l, false), specWords(key, y, l, false)
		long := a == b // the same names with other addresses
		if long {
			a, b = specWords(key, x, l, true), specWords(key, y, l, true)
		}
		if a != b {
			add(key, specName(key, l), a, b)
			out[len(out)-1].Differs = listDiffers(key, x, y, l, long)
		}
	}
	// The same people by name, with another address, confirm or own it.
	if len(out) == 0 && was.Confirm != nil && is.Confirm != nil && !reflect.DeepEqual(was.Confirm, is.Confirm) {
		add("confirm", calendar.Text{JA: "確認", EN: "Confirmed by"}.In(l), mailsLong(was.Confirm.By, l), mailsLong(is.Confirm.By, l))
	}
	if len(out) == 0 && was.Owner != nil && is.Owner != nil && !reflect.DeepEqual(was.Owner, is.Owner) {
		add("owner", calendar.Text{JA: "担当", EN: "Owner"}.In(l), mailLong(*was.Owner, l), mailLong(*is.Owner, l))
	}
	return out
}

// newKeys are what one wants to know of a new job.
func newKeys(is config.RuleRecord, l calendar.Language) []ChangedKey {
	var out []ChangedKey
	for _, k := range ruleKeys {
		if k.key != "when" && k.key != "confirm" && k.key != "owner" {
			continue
		}
		if v := k.value(is, l); v != "" && (k.key != "confirm" || is.Confirm != nil) && (k.key != "owner" || is.Owner != nil) {
			out = append(out, ChangedKey{Key: k.key, Name: calendar.Text{JA: k.ja, EN: k.en}.In(l), New: v})
		}
	}
	for _, key := range []string{"to", "cc", "letter", "attach"} {
		if v := specWords(key, is.Spec[key], l, false); v != "" {
			out = append(out, ChangedKey{Key: key, Name: specName(key, l), New: v})
		}
	}
	return out
}

// moved tells where the same rule acts on another day, because holidays or closing days are others now.
func moved(was, is *calendar.Schedule, now time.Time, c *config.Config) []ChangedKey {
	const horizon, shown = 400, 3
	end := now.AddDate(1, 1, 0)
	var out []ChangedKey
	at := now
	for range horizon {
		o, ok := was.Next(at)
		if !ok || o.Due.After(end) {
			break
		}
		at = o.Due
		n, ok := is.Of(o.Period)
		if !ok || n.Due.Equal(o.Due) {
			continue
		}
		if len(out) == shown {
			break
		}
		out = append(out, ChangedKey{Key: "when", Name: calendar.Text{JA: "送る日", EN: "When"}.In(c.Language), Old: moment(o.Due.In(c.Zone), c.Language), New: moment(n.Due.In(c.Zone), c.Language)})
	}
	return out
}

// sentenceOf says a schedule's English sentence in the language.
func sentenceOf(s string, l calendar.Language) string {
	if r, problems := calendar.ParseSentence(s); len(problems) == 0 {
		return r.Sentence(l)
	}
	return clean(s)
}

func leadOf(s string, l calendar.Language) string {
	if x, p := calendar.ParseLead(s); p == nil {
		return x.Sentence(l)
	}
	return clean(s)
}

func confirmOf(cf *config.RuleConfirm, l calendar.Language) string {
	if cf == nil || cf.Count == 0 {
		return ""
	}
	var who []string
	for _, p := range cf.By {
		who = append(who, mailShort(p, l))
	}
	list := strings.Join(who, calendar.Text{JA: "、", EN: ", "}.In(l))
	if cf.Count < len(cf.By) {
		return calendar.Text{JA: fmt.Sprintf("%sのうち%d名", list, cf.Count), EN: fmt.Sprintf("%d of %s", cf.Count, list)}.In(l)
	}
	return list
}

// mailShort is an addressee's name as the office says it.
func mailShort(m config.RuleMail, l calendar.Language) string {
	name := m.Name
	if name == "" {
		name = m.ID
	}
	return clean(name)
}

// mailLong is an addressee with all that letters take from it.
func mailLong(m config.RuleMail, l calendar.Language) string {
	parts := []string{mailShort(m, l)}
	for _, s := range []string{m.Dept, m.Title, m.Person} {
		if s != "" {
			parts = append(parts, clean(s))
		}
	}
	s := strings.Join(parts, " ")
	if len(m.Mail) > 0 && (len(m.Mail) > 1 || m.Mail[0] != m.ID) {
		s += " <" + clean(strings.Join(m.Mail, ", ")) + ">"
	}
	if len(m.Cc) > 0 {
		s += calendar.Text{JA: "（写し ", EN: " (cc "}.In(l) + clean(strings.Join(m.Cc, ", ")) + calendar.Text{JA: "）", EN: ")"}.In(l)
	}
	return s
}

func mailsLong(ms []config.RuleMail, l calendar.Language) string {
	var out []string
	for _, m := range ms {
		out = append(out, mailLong(m, l))
	}
	return strings.Join(out, calendar.Text{JA: "、", EN: ", "}.In(l))
}

// specWords says a kind's own value: texts, lists, addressees, tables and numbers of JSON.
func specWords(key string, v any, l calendar.Language, long bool) string {
	comma := calendar.Text{JA: "、", EN: ", "}.In(l)
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return clean(v)
	case bool:
		if v {
			return calendar.Text{JA: "はい", EN: "yes"}.In(l)
		}
		return calendar.Text{JA: "いいえ", EN: "no"}.In(l)
	case float64:
		if key == "max_size" {
			return bytesWords(int(v))
		}
		return fmt.Sprintf("%v", v)
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, specWords(key, x, l, long))
		}
		return strings.Join(out, comma)
	case map[string]any:
		b, err := json.Marshal(v)
		var m config.RuleMail
		if err == nil && v["id"] != nil && json.Unmarshal(b, &m) == nil {
			if long {
				return mailLong(m, l)
			}
			return mailShort(m, l)
		}
		var out []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, clean(k)+" = "+specWords("", v[k], l, long))
		}
		return strings.Join(out, comma)
	}
	return clean(fmt.Sprint(v))
}

// words says in one line what stood and what stands there.
func (k ChangedKey) words(l calendar.Language) string {
	switch {
	case k.Differs != "":
		return k.Differs
	case k.Old == "":
		return k.New
	}
	return k.Old + calendar.Text{JA: " → ", EN: " -> "}.In(l) + k.New
}

// listWhole is how many entries a list may have to be told as a whole.
const listWhole = 3

// listDiffers says what an edit adds to a long list and takes from it; "" for a short one, and where there is no more to it
// than the order.
func listDiffers(key string, was, is any, l calendar.Language, long bool) string {
	entries := func(v any) (out []string) {
		list, _ := v.([]any)
		for _, x := range list {
			out = append(out, specWords(key, x, l, long))
		}
		return out
	}
	a, b := entries(was), entries(is)
	if max(len(a), len(b)) <= listWhole {
		return ""
	}
	without := func(a, b []string) string {
		left := slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
		return strings.Join(left, calendar.Text{JA: "、", EN: ", "}.In(l))
	}
	stay := 0
	for _, s := range a {
		if slices.Contains(b, s) {
			stay++
		}
	}
	gone, fresh := without(a, b), without(b, a)
	var t calendar.Text
	switch {
	case stay == 0 || gone == "" && fresh == "":
		return ""
	case gone == "":
		t = calendar.Text{JA: fresh + " を加えました", EN: "added " + fresh}
	case fresh == "":
		t = calendar.Text{JA: gone + " を外しました", EN: "took out " + gone}
	default:
		t = calendar.Text{JA: gone + " → " + fresh, EN: gone + " -> " + fresh}
	}
	return t.In(l) + calendar.Text{JA: fmt.Sprintf("（ほかの%d件はそのまま）", stay), EN: fmt.Sprintf(" (the other %d stay)", stay)}.In(l)
}

// ChangeWords is a change as one line and the rows below it: 「ホスティング請求書」 and 「送る日：毎月25日 → 毎月20日」.
func ChangeWords(x Change, c *config.Config) (line string, below [][2]string) {
	line, rs := x.words(c)
	for _, r := range rs {
		below = append(below, [2]string{r.name, r.value})
	}
	return line, below
}

func (x Change) words(c *config.Config) (string, facts) {
	l := c.Language
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	line := x.Title
	if s := x.whole(l); s != "" {
		line += t("：", ": ") + s
	}
	var rs facts
	for _, k := range x.Keys {
		v := k.words(l)
		if k.Old != "" && textWidth(v, true) > columns/2 {
			v = strings.Replace(v, t(" → ", " -> "), t("\n→ ", "\n-> "), 1)
		}
		rs = append(rs, row{k.Name, v})
	}
	if len(x.Unfit) > 0 {
		rs = append(rs, row{t("表と合わないところ", "Does not fit"), strings.Join(x.Unfit, "\n")})
	}
	if len(x.Next) > 0 {
		var at []string
		for _, d := range x.Next {
			at = append(at, moment(d.In(c.Zone), l))
		}
		rs = append(rs, row{t("次回", "Next"), strings.Join(at, "\n")})
	} else if x.Kind != ChangeRemoved && x.Kind != ChangePaused && x.Kind != ChangeSettings {
		rs = append(rs, row{t("次回", "Next"), t("この先の予定はありません", "nothing any more")})
	}
	return line, rs
}

// whole says what becomes of the job as a whole; "" for one that only changed.
func (x Change) whole(l calendar.Language) string {
	return map[ChangeKind]calendar.Text{
		ChangeAdded:   {JA: "新しい仕事です", EN: "new"},
		ChangeRemoved: {JA: "予定から外れました。これからの分は送りません", EN: "no longer in the rules; nothing of it goes out any more"},
		ChangePaused:  {JA: "休止しました。再開するまで送りません", EN: "rests; nothing of it goes out until it is taken up again"},
		ChangeResumed: {JA: "再開します", EN: "taken up again"},
	}[x.Kind].In(l)
}

// places counts what changed: the number in the subject.
func places(xs []Change) int {
	n := 0
	for _, x := range xs {
		if x.Kind == ChangeEdited || x.Kind == ChangeSettings {
			n += len(x.Keys)
		} else {
			n++
		}
	}
	return n
}

// ChangeNotices tells the admins of every change and each owner of theirs. id is what makes the edit one: the same edit
// made a second time, after it was taken back, is told a second time.
func ChangeNotices(c *config.Config, xs []Change, id string, now time.Time) ([]ledger.NewMessage, error) {
	who := slices.Clone(c.Admin)
	for _, x := range xs {
		for _, p := range x.owners {
			if !slices.Contains(who, p) {
				who = append(who, p)
			}
		}
	}
	var out []ledger.NewMessage
	for _, p := range who {
		var mine []Change
		for _, x := range xs {
			if slices.Contains(c.Admin, p) || slices.Contains(x.owners, p) {
				mine = append(mine, x)
			}
		}
		if len(mine) == 0 {
			continue
		}
		subject, words := tellChanges(c, mine, p)
		m, err := notice(c, now, []*config.Person{p}, noticeKey("rules", keyPart(id), words.text(), p.ID), p.ID, subject, words)
		if err != nil {
			return nil, fmt.Errorf("couldn't word the notice of the changed rules: %w", err)
		}
		out = append(out, m)
	}
	return out, nil
}

// changesAtMost is how many changed jobs a notice tells one by one.
const changesAtMost = 20

func tellChanges(c *config.Config, xs []Change, p *config.Person) (subject string, words *page) {
	l := c.Language
	n := places(xs)
	subject = calendar.Text{JA: fmt.Sprintf("予定の変更を受け取りました（%dか所）", n), EN: fmt.Sprintf("The rules were changed (%s)", plural(n, "place", "places"))}.In(l)
	if len(xs) == 1 && xs[0].Kind == ChangeSettings {
		subject = calendar.Text{JA: fmt.Sprintf("設定の変更を受け取りました（%dか所）", n), EN: fmt.Sprintf("The settings were changed (%s)", plural(n, "place", "places"))}.In(l)
	}
	words = newPage(l, tonePlain)
	words.greet(colleague(p, l))
	file := "jobs.toml"
	if xs[0].Kind == ChangeSettings && c.AdminPath != "" {
		file = words.t("jobs.toml または admin.toml", "jobs.toml or admin.toml")
	}
	words.pre = words.t(file+" の変更を取り込みました。これからは次のとおりに動きます。", "The change to "+file+" is at work. From now on:")
	words.say(words.pre)
	words.gap()
	for i, x := range xs {
		if i == changesAtMost {
			words.say(words.t(fmt.Sprintf("ほか%d件", len(xs)-i), fmt.Sprintf("and %d more", len(xs)-i)))
			words.gap()
			break
		}
		line, rs := x.words(c)
		words.add(head{words.t("・", "- "), line, tonePlain})
		if len(rs) > 0 {
			words.add(rs)
		}
		words.gap()
	}
	stop := "bod stop --why \"" + words.t("理由", "why") + "\" --by " + p.ID
	if len(xs) == 1 && xs[0].Job != "" && xs[0].Kind != ChangeRemoved && xs[0].Kind != ChangePaused {
		stop = "bod stop " + shell(xs[0].Job) + " --why \"" + words.t("理由", "why") + "\" --by " + p.ID
	}
	words.say(words.t("心当たりがない場合は、次のとおり送信を止められます。", "If you did not expect this, sending can be stopped:"))
	words.add(commands{{"", stop}})
	return subject, words
}
