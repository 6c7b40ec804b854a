package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bod/internal/calendar"
)

// rest is what stands beside one key's example, so that the file loads.
var rest = map[string][]string{
	"":                 {`timezone = "Asia/Tokyo"`, `admin = ["sato"]`},
	"mail":             {`from = "経理 <keiri@aozora.example>"`},
	"mail.oauth2":      {`token_url = "https://login.example/token"`, `client_id = "bod"`},
	"people":           {`sato = "佐藤 <sato@aozora.example>"`, `tanaka = "田中 <tanaka@aozora.example>"`, `mori = { mail = "mori@aozora.example" }`, `ogawa = "小川 <ogawa@aozora.example>"`},
	"people.NAME":      {`name = "森"`, `mail = "mori@aozora.example"`},
	"partner.NAME":     {`name = "株式会社アクメ商事"`, `mail = ["info@acme.example"]`},
	"source.NAME":      {`file = "data/orders.csv"`},
	"summary":          {`to = ["sato"]`},
	"job.NAME":         {`kind = "send"`, `when = "毎営業日 9:30"`, `to = ["acme"]`, `letter = "a.txt"`},
	"job.NAME.confirm": {`by = ["tanaka"]`},
	"job.NAME.when":    {`every = "month"`, `day = 25`, `at = "10:00"`, `if_closed = "before"`},
}

// instead replaces the other keys of the table where an example excludes them.
var instead = map[string][]string{
	"partner.NAME.title":       {`name = "株式会社アクメ商事"`, `mail = ["info@acme.example"]`, `person = "山田"`},
	"source.NAME.files":        {`cells = { "合計" = "H30" }`},
	"source.NAME.cells":        {`files = "data/quotes/*.xlsx"`},
	"source.NAME.folder":       {},
	"source.NAME.parts":        {`folder = "data/invoices/*.pdf"`},
	"source.NAME.url":          {},
	"source.NAME.token_header": {`url = "https://erp.example/orders.csv"`},
	"source.NAME.user":         {`url = "https://erp.example/orders.csv"`},
	"source.NAME.secret_file":  {`url = "https://erp.example/orders.csv"`},
	"source.NAME.database":     {`query = "select 1"`},
	"source.NAME.query":        {`database = "sqlite:data/shop.sqlite"`},
	"mail.oauth2":              {`from = "経理 <keiri@aozora.example>"`, `auth = "xoauth2"`},
	"job.NAME.check.then":      {`not_sent_before = true`},
	"job.NAME.check.say":       {`not_sent_before = true`},
	"job.NAME.check.of_last":   {`within = "20%"`},
	"job.NAME.check.remind":    {`wrong_if = '数量 > 1'`},
	"job.NAME.check.tell":      {`wrong_if = '数量 > 1'`},
	"job.NAME.when.month":      {`every = "year"`, `day = 25`, `at = "10:00"`, `if_closed = "before"`},
	"job.NAME.when.on":         {`every = "week"`, `at = "10:00"`, `if_closed = "before"`},
	"job.NAME.when.starting":   {`every = "2 weeks"`, `at = "10:00"`, `if_closed = "before"`},
	"job.NAME.when.dates":      {`at = "10:00"`, `if_closed = "before"`},
	"job.NAME.when.cron":       {`if_closed = "before"`},
}

// beside are the other lines of the table, where one example has more than its key needs.
var beside = map[string][]string{
	`each = "customers"`:     {`key = ["得意先コード"]`},
	`key = ["得意先コード"]`:       {`each = "customers"`},
	`where = '送付方法 = "メール"'`: {`each = "customers"`, `key = ["得意先コード"]`},
	`among = '締め日 = "月末"'`:   {`each = "customers"`, `key = ["得意先コード"]`},
	`count_by = "送付方法"`:      {`each = "customers"`, `key = ["得意先コード"]`},
	`company = "得意先名"`:       {`each = "customers"`, `key = ["得意先コード"]`},
	`dept = "部署名"`:           {`each = "customers"`, `key = ["得意先コード"]`},
	`person = "担当者名"`:        {`each = "customers"`, `key = ["得意先コード"]`},
	`amount = "請求金額"`:        {`each = "customers"`, `key = ["得意先コード"]`},
	`if_no_file = "skip"`:    {`each = "customers"`, `key = ["得意先コード"]`},
	`once = "key"`:           {`each = "customers"`, `key = ["得意先コード"]`},
	`chart = "金額"`:           {`total = ["金額"]`},
	`encoding = "Shift_JIS"`: {`attach_as = "受注.csv"`},
	`group = "仕入先"`:          {`columns = ["注文番号"]`},
}

// headers are the tables of a complete file.
var headers = []struct{ table, header string }{
	{"", ""}, {"company", "[company]"}, {"calendar", "[calendar]"}, {"mail", "[mail]"}, {"mail.oauth2", "[mail.oauth2]"},
	{"folders", "[folders]"}, {"people", "[people]"}, {"people.NAME", "[people.mori]"}, {"partner.NAME", "[partner.acme]"}, {"source.NAME", "[source.orders]"},
	{"summary", "[summary]"}, {"job.NAME", "[job.a]"}, {"job.NAME.confirm", "[job.a.confirm]"}, {"job.NAME.when", "[job.a.when]"}, {"job.NAME.check", "[[job.a.check]]"},
}

// restOfKind is the job beside an example that only a kind of job has, where that kind is not send.
var restOfKind = map[string][]string{
	"report": {`kind = "report"`, `when = "毎営業日 9:30"`, `to = ["acme"]`, `source = "orders"`, `columns = ["得意先", "金額"]`},
	"watch":  {`kind = "watch"`, `when = "毎営業日 9:30"`, `source = "orders"`, `key = ["注文番号"]`, `remind_at = ["30 days before 満了日"]`},
}

// kindOf is the kind of job that a key of a table of its own belongs to, where it is not send.
var kindOf = map[string]string{"job.NAME.check.tell": "watch", "job.NAME.check.remind": "watch"}

// fileWith is a complete jobs.toml that has examples in their table, or, for the keys of one kind, in "job.NAME kind";
// name is that of the only key, if there is one.
func fileWith(table, name string, examples ...string) string {
	table, kind, _ := strings.Cut(table, " ")
	if kind == "" {
		kind = kindOf[table+"."+name]
	}
	word := func(line string) string { return strings.TrimSpace(strings.SplitN(line, "=", 2)[0]) }
	isExample := func(line string) bool {
		return slices.ContainsFunc(examples, func(example string) bool { return word(line) == word(example) })
	}
	var b strings.Builder
	for _, h := range headers {
		lines := rest[h.table]
		if other, ok := instead[table+"."+name]; ok && h.table == table {
			lines = other
		}
		if own, ok := restOfKind[kind]; ok && h.table == "job.NAME" {
			lines = own
		}
		if len(examples) == 1 && h.table == table {
			lines = append(slices.Clone(lines), beside[examples[0]]...)
		}
		// A table of its own only where the example stands in it: confirm, when and mori have two spellings.
		if h.table != table && (h.table == "job.NAME.confirm" || h.table == "job.NAME.when" || h.table == "people.NAME" || h.table == "folders" || h.table == "mail.oauth2" || h.table == "source.NAME" || h.table == "job.NAME.check") {
			continue
		}
		b.WriteString(h.header + "\n")
		for _, line := range lines {
			switch {
			case h.table == table && isExample(line):
			case h.table == "people" && table == "people.NAME" && word(line) == "mori":
			case h.table == "job.NAME" && table == "job.NAME.when" && word(line) == "when":
			default:
				b.WriteString(line + "\n")
			}
		}
		if h.table == table {
			b.WriteString(strings.Join(examples, "\n") + "\n")
		}
	}
	if strings.Contains(b.String(), `source = "orders"`) && table != "source.NAME" {
		b.WriteString("[source.orders]\nfile = \"data/orders.csv\"\n")
	}
	if strings.Contains(b.String(), `each = "customers"`) {
		b.WriteString("[source.customers]\nfile = \"data/customers.csv\"\n")
	}
	return b.String()
}

// world makes the files that examples name, below dir; the replacer points the examples there.
func world(t *testing.T, dir string) *strings.Replacer {
	t.Helper()
	cert, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	days, err := os.ReadFile("../calendar/syukujitsu.csv")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a.txt": "件名：x\n\n本文\n", "letters/a.txt": "件名：x\n", "letters/請求書送付.txt": "件名：x\n\n本文\n", "letters/納期確認.txt": "件名：x\n\n{明細}\n", "letters/受注レポート.txt": "件名：x\n\n{表}\n", "syukujitsu.csv": string(days),
		"etc/bod/smtp-password": "x", "etc/bod/oauth2-secret": "x", "etc/bod/erp-token": "x", "etc/bod/heartbeat-url": "https://hc-ping.com/x", "etc/bod/ca.pem": string(cert), "mnt/share/x": "x",
		"etc/bod/programs/tell-alarm": "#!/bin/sh\n", "etc/bod/programs/postfix-proof": "#!/bin/sh\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if strings.HasPrefix(text, "#!") {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return strings.NewReplacer(`"/etc/`, `"`+dir+`/etc/`, `"/mnt/`, `"`+dir+`/mnt/`)
}

// Every documented key is read by the decoder, and its example, in either language, loads.
func TestEveryKeyIsReadAndItsExampleLoads(t *testing.T) {
	asked := make(map[string]bool)
	dir := t.TempDir()
	here := world(t, dir)
	for _, k := range Keys(testKinds) {
		examples := []string{k.Example}
		if en, ok := englishExamples[k.Table+"."+k.Name]; ok {
			examples = append(examples, en)
		}
		for _, example := range examples {
			t.Run(k.Table+"."+k.Name, func(t *testing.T) {
				if k.Name != anyName && !strings.HasPrefix(example, k.Name+" = ") || strings.Contains(example, "\n") {
					t.Fatalf("the example %q is no line of the key", example)
				}
				path := filepath.Join(dir, "jobs.toml")
				text := fileWith(k.Table, k.Name, here.Replace(example))
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				l := read(path, "", testKinds, asked)
				for _, p := range l.f.problems("jobs.toml", l.at, calendar.English) {
					if !p.Warning {
						t.Errorf("%s\n%s", p, text)
					}
				}
			})
		}
		if !asked[k.Table+"\x00"+k.Name] {
			t.Errorf("[%s] %s is documented, but nothing reads it", k.Table, k.Name)
		}
	}
}

// A key that the table does not have is never read, whatever the code asks for.
func TestOnlyDocumentedKeysAreRead(t *testing.T) {
	l := loadText(t, inOffice("timezone = \"Asia/Tokyo\"\nadmin = \"sato\"\n[company]\nslogan = \"x\"\n"))
	s := l.section(l.tree.root.sub("company"), "company", "[company]", "")
	if s.t.find("slogan") == nil {
		t.Fatal("the tree lacks the key")
	}
	if v := s.str("slogan"); v != "" {
		t.Errorf("an undocumented key was read as %q", v)
	}
}

func TestKeysAreComplete(t *testing.T) {
	seen := make(map[string]bool)
	shared := AdminKeys()
	shared = slices.DeleteFunc(shared, func(k Key) bool { return slices.Contains(ownKeys, k) || k.Table == "mail" || k.Name == anyName })
	for _, k := range append(Keys(testKinds), shared...) {
		id := k.Table + "." + k.Name
		if seen[id] {
			t.Errorf("%s is documented twice", id)
		}
		seen[id] = true
		if k.Type == "" || k.Meaning.JA == "" || k.Meaning.EN == "" || k.Example == "" {
			t.Errorf("%s lacks a type, a meaning or an example", id)
		}
	}
	for id := range englishExamples {
		if !seen[id] {
			t.Errorf("there is an English example for %s, which does not exist", id)
		}
	}
	for table, names := range laterKeys {
		for _, n := range names {
			if seen[table+"."+n] {
				t.Errorf("%s.%s is both documented and for later", table, n)
			}
		}
	}
}
