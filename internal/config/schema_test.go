package config_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
)

const schemaFile = "../../jobs.schema.json"

// The schema in the root is what the key table says.
func TestSchemaIsTheKeyTable(t *testing.T) {
	want := config.Schema(jobs.ConfigKinds())
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil || string(got) != string(want) {
		t.Errorf("jobs.schema.json is not what the key table says; run go test ./internal/config -update (%v)", err)
	}
}

// node is what a walk through the schema needs of it.
type node struct {
	Type        any
	Description string
	Default     any
	Examples    []any
	Properties  map[string]*node
	Additional  json.RawMessage `json:"additionalProperties"`
	AnyOf       []*node
}

// below finds the schema of a table: job.NAME.when.
func (n *node) below(t *testing.T, table string) *node {
	t.Helper()
	for part := range strings.SplitSeq(table, ".") {
		if table == "" {
			break
		}
		next := n.Properties[part]
		if part == "NAME" {
			next = n.free(t)
		}
		if next == nil {
			t.Fatalf("the schema has no [%s]", table)
		}
		n = next
	}
	return n
}

// free is the schema of a key with a name that the user chooses.
func (n *node) free(t *testing.T) *node {
	t.Helper()
	var v *node
	if err := json.Unmarshal(n.Additional, &v); err != nil {
		t.Fatalf("no free names: %s", n.Additional)
	}
	return v
}

// No key is missing in the schema, and it has none that is not in the table.
func TestSchemaHasEveryKeyAndNoOther(t *testing.T) {
	var root node
	if err := json.Unmarshal(config.Schema(jobs.ConfigKinds()), &root); err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	for _, k := range config.Keys(jobs.ConfigKinds()) {
		keys[k.Table+"."+k.Name] = true
		in := root.below(t, k.Table)
		n := in.Properties[k.Name]
		if k.Name == "NAME" {
			n = in.free(t)
		}
		if n == nil {
			t.Errorf("[%s] %s is not in the schema", k.Table, k.Name)
			continue
		}
		if n.Type == nil {
			t.Errorf("[%s] %s: the schema does not know the type %q", k.Table, k.Name, k.Type)
		}
		words := n.Description
		if n.AnyOf != nil {
			words = n.AnyOf[0].Description
		}
		for _, want := range []string{k.Meaning.JA, k.Meaning.EN, k.ExampleIn(calendar.Japanese), k.ExampleIn(calendar.English)} {
			if !strings.Contains(words, want) {
				t.Errorf("[%s] %s: the schema does not say %q", k.Table, k.Name, want)
			}
		}
		if len(n.Examples) == 0 || n.Examples[0] == nil || (k.Default != "") != (n.Default != nil) {
			t.Errorf("[%s] %s: examples %v, default %v for %q", k.Table, k.Name, n.Examples, n.Default, k.Default)
		}
	}
	tables := make(map[string]bool)
	for _, table := range config.Tables() {
		tables[table.Name] = true
	}
	for _, table := range config.Tables() {
		for name := range root.below(t, table.Name).Properties {
			if !keys[table.Name+"."+name] && !(table.Name == "" && (tables[name] || tables[name+".NAME"])) {
				t.Errorf("the schema has [%s] %s, which is not in the table of keys", table.Name, name)
			}
		}
	}
}

// The files that are shipped name the schema, so that an editor needs no setting.
func TestShippedExamplesNameTheSchema(t *testing.T) {
	for _, name := range []string{"../../jobs.toml", "../../example/en/jobs.toml"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(b), "\n")
		path, ok := strings.CutPrefix(first, "#:schema ")
		if !ok {
			t.Errorf("%s does not begin with #:schema", name)
			continue
		}
		if got := filepath.Join(filepath.Dir(name), path); got != filepath.Clean(schemaFile) {
			t.Errorf("%s names the schema %s", name, got)
		}
	}
}

// editor is taplo, which editors of TOML have inside.
func editor(t *testing.T) string {
	t.Helper()
	path := os.Getenv("BOD_TEST_TAPLO")
	if path == "" {
		path = "taplo"
	}
	path, err := exec.LookPath(path)
	if err != nil {
		const words = "taplo is not there: npm install @taplo/cli, and put node_modules/.bin into PATH or the program's path into BOD_TEST_TAPLO (%v)"
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatalf(words, err)
		}
		t.Skipf(words, err)
	}
	return path
}

// lint gives what taplo says, and the files that it refuses.
func lint(t *testing.T, taplo, dir string, args ...string) (said string, refused map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), taplo, append([]string{"lint", "--no-auto-config", "--colors", "never"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	refused = make(map[string]bool)
	for line := range strings.SplitSeq(string(out), "\n") {
		if _, path, ok := strings.Cut(line, "path=\""); ok && strings.Contains(line, "invalid file") {
			refused[filepath.Base(strings.TrimRight(path, "\""))] = true
		}
	}
	if (err != nil) != (len(refused) > 0) {
		t.Fatalf("taplo: %v\n%s", err, out)
	}
	return string(out), refused
}

// everyday are spellings that bod reads, and that an editor may not underline.
var everyday = []string{
	"[company]\nregistration = \"T7123456789012\"",
	"[calendar]\ncountry = \"JP-Bank\"\nclosed = \"12/29〜1/3\"\nopen = [\"2027-02-06\", 2027-02-13]",
	"[mail]\nfrom = \"経理 <keiri@aozora.example>\"\nserver = \"SMTPS://mail.aozora.example\"\nauth = \"Plain\"\nrate = \"1分に20通\"\nbcc = \"hikae@aozora.example\"",
	"[summary]\nto = \"sato\"\nat = \"午後5時半\"",
	"[summary]\nto = [\"sato\"]\nwhen = { every = \"business day\", at = \"17:00:00\" }",
	"[job.a]\nkind = \"send\"\nwhen = \"毎営業日　９：３０\"\nto = \"ap@acme.example\"\nletter = \"a.txt\"\nprepare = \"前営業日\"\nabout = \"This Month\"\nlate_until = \"３日\"\nmax_size = \"10mb\"\nfields = { \"数\" = 3 }",
	"[job.a]\nkind = \"send\"\nto = [\"acme\"]\nletter = \"a.txt\"\nabout = \"先月分\"\n[job.a.when]\nevery = \"2週間ごと\"\non = \"金\"\nstarting = \"2026年11月27日\"\nat = \"９時半\"\nif_closed = \"休みなら前営業日\"",
	"[job.a]\nkind = \"send\"\nto = [\"acme\"]\nletter = \"a.txt\"\nwhen = { every = \"quarter\", month = \"last\", day = [5, \"月末\"], at = \"9 am\", if_closed = \"the next business day\" }",
	"[job.a]\nkind = \"send\"\nto = [\"acme\"]\nletter = \"a.txt\"\nwhen = { dates = \"2026/11/25\", at = \"noon\", if_closed = \"As Is\" }",
	"[job.a]\nkind = \"send\"\nto = [\"acme\"]\nletter = \"a.txt\"\nconfirm = { by = \"tanaka\" }\nwhen = { cron = \"0 9 * * 1-5\", if_closed = \"skip\" }",
}

// wrong are files that an editor has to underline. The word is one that it has to show.
var wrong = []struct{ lines, word string }{
	{"langauge = \"ja\"", "langauge"},
	{"language = \"fr\"", "fr"},
	{"[jobs.a]\nkind = \"send\"", "jobs"},
	{"[company]\nslogan = \"x\"", "slogan"},
	{"[company]\nname = 3", "3"},
	{"[company]\nfiscal_year_end = \"3\"", "integer"},
	{"[company]\nfiscal_year_end = 13", "12"},
	{"[company]\nregistration = \"7123456789012\"", "T"},
	{"[calendar]\ncountry = \"zz\"", "zz"},
	{"[mail]\nserver = \"mail.aozora.example\"\nfrom = \"keiri@aozora.example\"", "mail.aozora.example"},
	{"[mail]\npassword = \"x\"\nfrom = \"keiri@aozora.example\"", "password"},
	{"[mail]\nfrom = \"keiri\"", "keiri"},
	{"[mail]\nreply_to = \"keiri@aozora.example\"", "from"},
	{"[mail]\nfrom = \"keiri@aozora.example\"\nauth = \"xoauth2\"\noauth2 = { token_url = \"http://login.example\", client_id = \"bod\" }", "http://login.example"},
	{"[folders]\nshare = \"mnt/share\"", "mnt/share"},
	{"[people]\nsato = { name = \"佐藤\" }\ntanaka = \"tanaka@aozora.example\"", "mail"},
	{"[people]\nsato = 3\ntanaka = \"tanaka@aozora.example\"", "3"},
	{"[partner.acme]\nmail = \"ap@acme.example\"", "name"},
	{"[partner.\"a/b\"]\nname = \"x\"\nmail = \"ap@acme.example\"\n[partner.acme]\nname = \"y\"\nmail = \"ap2@acme.example\"", "a/b"},
	{"[summary]\nto = [\"sato\"]\nat = \"25:00\"", "25:00"},
	{"[summary]\nto = [\"sato\"]\nat = \"1700\"", "1700"},
	{"[summary]\nto = []", "[]"},
	{"[job.a]\nkind = \"sned\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"", "sned"},
	{"[job.a]\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"", "kind"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nletter = \"a.txt\"", "to"},
	{"[job.notice]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"", "notice"},
	{"[job.a]\nkind = \"send\"\nwhen = 9\nto = \"acme\"\nletter = \"a.txt\"", "9"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = [\"acme\", \"acme\"]\nletter = \"a.txt\"", "acme"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\nmissed = \"all\"", "all"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\nprepare = \"soon\"", "soon"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\nabout = \"last moon\"", "last moon"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\nenabled = \"no\"", "boolean"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\nmax_size = \"large\"", "large"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\nsource = \"orders\"", "source"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\nconfirm = { by = [\"tanaka\"], count = 0 }", "1"},
	{"[job.a]\nkind = \"send\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\nconfirm = { count = 1 }", "by"},
	{"[job.a]\nkind = \"send\"\nwhen = { every = \"month\", day = 32, at = \"9:30\", if_closed = \"before\" }\nto = \"acme\"\nletter = \"a.txt\"", "31"},
	{"[job.a]\nkind = \"send\"\nwhen = { every = \"moon\", at = \"9:30\", if_closed = \"before\" }\nto = \"acme\"\nletter = \"a.txt\"", "moon"},
	{"[job.a]\nkind = \"send\"\nwhen = { every = \"month\", day = 3, at = \"9:30\", if_closed = \"nearest\" }\nto = \"acme\"\nletter = \"a.txt\"", "nearest"},
	{"[job.a]\nkind = \"send\"\nwhen = { every = \"month\", day = 3, at = \"9:30\", if_close = \"before\" }\nto = \"acme\"\nletter = \"a.txt\"", "if_close"},
	{"[job.a]\nkind = \"send\"\nwhen = { dates = [\"12/10\"], at = \"9:30\", if_closed = \"before\" }\nto = \"acme\"\nletter = \"a.txt\"", "12/10"},
	{"[job.a]\nkind = \"send\"\nwhen = { cron = \"0 9 * *\", if_closed = \"before\" }\nto = \"acme\"\nletter = \"a.txt\"", "0 9 * *"},
}

// What an editor underlines bod refuses, and nothing that bod reads is underlined:
// the examples of all keys, the shipped files and everyday spellings.
func TestEditorsAgreeWithBod(t *testing.T) {
	dir := t.TempDir()
	here := config.World(t, dir)
	write := func(name, text string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	loads := func(name string) bool {
		c, _ := config.Load(filepath.Join(dir, name), jobs.ConfigKinds())
		return c != nil
	}
	const head = "timezone = \"Asia/Tokyo\"\nadmin = [\"sato\"]\n"
	schema, err := filepath.Abs(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	schema = (&url.URL{Scheme: "file", Path: schema}).String()

	// bod has to read each example by itself, for some exclude one another; an editor sees
	// those of a table at once, which the schema allows and taplo is quicker at.
	var right []string
	for i, s := range config.Sections(jobs.ConfigKinds()) {
		for _, lang := range []calendar.Language{calendar.Japanese, calendar.English} {
			var examples []string
			for _, k := range s.Keys {
				example := here.Replace(k.ExampleIn(lang))
				examples = append(examples, example)
				if name := write("example.toml", config.FileWith(s.Name+" "+s.Kind, k.Name, example)); !loads(name) {
					t.Errorf("bod refuses the example of [%s]: %s", k.Table, example)
				}
			}
			right = append(right, write(fmt.Sprintf("table%d-%s.toml", i, lang), config.FileWith(s.Name+" "+s.Kind, "", examples...)))
		}
	}
	for i, lines := range everyday {
		name := write(fmt.Sprintf("everyday%d.toml", i), config.InOffice(head+lines+"\n"))
		right = append(right, name)
		if !loads(name) {
			t.Errorf("bod refuses an everyday spelling:\n%s", lines)
		}
	}
	var bad []string
	for i, w := range wrong {
		name := write(fmt.Sprintf("wrong%d.toml", i), config.InOffice(head+w.lines+"\n"))
		bad = append(bad, name)
		if loads(name) {
			t.Errorf("bod reads what should be wrong:\n%s", w.lines)
		}
	}

	taplo := editor(t)
	if said, refused := lint(t, taplo, dir, append([]string{"--schema", schema}, right...)...); len(refused) > 0 {
		t.Errorf("the schema refuses what bod reads:\n%s", said)
	}
	said, refused := lint(t, taplo, dir, append([]string{"--schema", schema}, bad...)...)
	for i, w := range wrong {
		if !refused[bad[i]] {
			t.Errorf("the schema lets pass:\n%s", w.lines)
		}
		told := false
		for part := range strings.SplitSeq(said, "\nerror: ") {
			first, rest, _ := strings.Cut(part, "\n")
			told = told || strings.Contains(rest, bad[i]) && strings.Contains(first, w.word)
		}
		if !told {
			t.Errorf("nothing is said about %q in:\n%s", w.word, w.lines)
		}
	}

	// By the line #:schema alone, as an editor finds it.
	root := filepath.Dir(filepath.Clean(schemaFile))
	if said, refused := lint(t, taplo, root, "jobs.toml", filepath.Join("example", "en", "jobs.toml")); len(refused) > 0 {
		t.Errorf("the shipped files are refused:\n%s", said)
	}
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	write("jobs.schema.json", string(text))
	write("named.toml", "#:schema ./jobs.schema.json\n"+config.InOffice(head+"langauge = \"ja\"\n"))
	if _, refused := lint(t, taplo, dir, "named.toml"); !refused["named.toml"] {
		t.Error("the line #:schema has no effect")
	}
}
