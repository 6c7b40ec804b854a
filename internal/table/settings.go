package table

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
)

// defaultRows is max_rows when it is not said.
const defaultRows = 1_000_000

// common is what every source may say.
type common struct {
	title     string
	types     map[string]Type // by Fold
	spelled   map[string]string
	empty     []string // after Normal
	maxRows   int
	maxSize   int64
	limit     time.Duration
	fresh     calendar.Lead
	mayShrink bool
}

const (
	defaultSize    = 200 << 20
	defaultTimeout = 2 * time.Minute
)

func (c *common) timeout() time.Duration {
	if c.limit == 0 {
		return defaultTimeout
	}
	return c.limit
}

func (c *common) typeOf(name string) (Type, bool) {
	t, ok := c.types[Fold(name)]
	return t, ok
}

// unknownTypes tells of a column in types that the table does not have: what it was meant for is not done.
func (c *common) unknownTypes(r *reading, t *Table) {
	for _, f := range sortedKeys(c.types) {
		if _, ok := t.index[f]; !ok {
			r.problems.add(Problem{Code: CodeColumns, Column: c.spelled[f],
				What: calendar.Text{JA: fmt.Sprintf("types にある「%s」という欄が %s にありません", c.spelled[f], r.source.Origin()), EN: fmt.Sprintf("types names the column %s, which %s does not have", c.spelled[f], r.source.Origin())},
				Next: calendar.Text{JA: "見出しの名前を確かめてください。あるのは " + namesOf(t.columns), EN: "see whether the name is right; the columns are " + namesOf(t.columns)}})
		}
	}
}

// namesOf are the columns' names for a message.
func namesOf(cs []Column) string {
	var out []string
	for _, c := range cs {
		if c.Name != "" {
			out = append(out, clip(c.Name))
		}
	}
	if len(out) > 12 {
		out = append(out[:12], "…")
	}
	return strings.Join(out, ", ")
}

// commonKeys are the keys that every type of source has.
var commonKeys = []Key{
	{"title", "text", "", calendar.Text{JA: "人が読む呼び名。なければ表の名前", EN: "what people call it; else the table's name"}, `title = "受注一覧"`},
	{"types", "table", "", calendar.Text{JA: "欄の型を決めるとき。text（文字）、number（数）、date（日付）、time（日時）、yes/no。書かなければ値から見分けます", EN: "the types of columns: text, number, date, time, yes/no; else they are found out from the values"}, `types = { "得意先コード" = "text" }`},
	{"empty", "list of texts", "", calendar.Text{JA: "空とみなす書き方", EN: "what means that nothing stands there"}, `empty = ["-", "未定"]`},
	{"fresh_within", "span", "", calendar.Text{JA: "これより古ければ使わずに待ちます", EN: "the run waits when the source is older"}, `fresh_within = "1 business day"`},
	{"may_shrink", "true or false", "false", calendar.Text{JA: "true なら、前より行が大きく減っていても使います", EN: "true: it is used although it has far fewer rows than before"}, `may_shrink = true`},
	{"max_rows", "number", "1000000", calendar.Text{JA: "多くても何行まで読むか", EN: "how many rows are read at most"}, `max_rows = 200000`},
	{"max_size", "size", `"200 MB"`, calendar.Text{JA: "大きさの上限（圧縮されたファイルは広げた大きさ）", EN: "how large it may be; a compressed file when unpacked"}, `max_size = "50 MB"`},
	{"timeout", "span", `"2 minutes"`, calendar.Text{JA: "読み終えるまでの時間の上限", EN: "how long reading may take"}, `timeout = "1 minute"`},
}

// decodeCommon reads the keys that every type of source has.
func decodeCommon(s Settings) common {
	c := common{types: make(map[string]Type), spelled: make(map[string]string), title: s.String("title")}
	said := s.Table("types")
	for _, name := range sortedKeys(said) {
		t, ok := ParseType(said[name])
		if !ok {
			s.Problem("types", calendar.Text{JA: fmt.Sprintf("「%s」の型「%s」はありません", name, said[name]), EN: fmt.Sprintf("%s: there is no type %q", name, said[name])},
				calendar.Text{JA: "text、number、date、time、yes/no のどれかを書いてください", EN: "it is one of text, number, date, time, yes/no"})
			continue
		}
		c.types[Fold(name)], c.spelled[Fold(name)] = t, name
	}
	for _, e := range s.Strings("empty") {
		c.empty = append(c.empty, Normal(e))
	}
	c.fresh = s.Span("fresh_within")
	c.mayShrink = s.Bool("may_shrink", false)
	if c.maxRows = s.Number("max_rows", defaultRows); c.maxRows < 1 {
		s.Problem("max_rows", calendar.Text{JA: "max_rows は1以上です", EN: "max_rows has to be at least 1"}, calendar.Text{JA: "max_rows = 200000 のように書いてください", EN: "write it like max_rows = 200000"})
	}
	c.maxSize = s.Size("max_size", defaultSize)
	if s.Has("timeout") {
		start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
		if c.limit = s.Span("timeout").After(start, nil).Sub(start); c.limit <= 0 || c.limit > 24*time.Hour {
			s.Problem("timeout", calendar.Text{JA: "timeout は1日までの長さです", EN: "timeout is a span of a day at most"}, calendar.Text{JA: "timeout = \"1 minute\" のように書いてください", EN: "write it like timeout = \"1 minute\""})
		}
	}
	return c
}

// originType is how one type of source is written in jobs.toml.
type originType struct {
	keys   []Key
	decode func(Settings) origin // nil: something is wrong, which was told
}

// origins are all types of sources, in the manual's order: the one visible table. The first key of each says that a
// [source.NAME] is of that type.
var origins = []originType{
	{fileKeys, decodeFile},
	{cellsKeys, decodeCells},
	{folderKeys, decodeFolder},
	{webKeys, decodeWeb},
	{databaseKeys, decodeDatabase},
}

// Decode reads a [source.NAME]. rule is its canonical form, by which a later run sees that the source was changed by
// hand. It is nil when something is wrong, which was told.
func Decode(name string, s Settings, rule []byte) *Source {
	sum := sha256.Sum256(rule)
	out := &Source{name: name, common: decodeCommon(s), rule: hex.EncodeToString(sum[:8])}
	var said, first []string
	for _, o := range origins {
		first = append(first, o.keys[0].Name)
		if s.Has(o.keys[0].Name) {
			said = append(said, o.keys[0].Name)
		}
	}
	all := strings.Join(first, ", ")
	switch len(said) {
	case 0:
		s.Problem("", calendar.Text{JA: "どこから読むかがありません", EN: "it does not say where it is read from"},
			calendar.Text{JA: all + " のどれか1つを書いてください", EN: "write one of " + all})
		return nil
	case 1:
	default:
		s.Problem(said[1], calendar.Text{JA: strings.Join(said, " と ") + " は一緒に書けません", EN: strings.Join(said, " and ") + " cannot stand together"},
			calendar.Text{JA: "1つにしてください", EN: "keep one of them"})
		return nil
	}
	own := slices.Index(first, said[0])
	for i, o := range origins {
		for _, k := range o.keys {
			if i != own && s.Has(k.Name) && !slices.ContainsFunc(origins[own].keys, func(x Key) bool { return x.Name == k.Name }) {
				s.Problem(k.Name, calendar.Text{JA: fmt.Sprintf("%s は %s と一緒には使えません", k.Name, said[0]), EN: fmt.Sprintf("%s cannot be used with %s", k.Name, said[0])},
					calendar.Text{JA: "消してください", EN: "delete it"})
			}
		}
	}
	out.origin = origins[own].decode(s)
	if out.origin == nil {
		return nil
	}
	return out
}
