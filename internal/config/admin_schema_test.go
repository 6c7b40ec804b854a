package config_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"encoding/json"

	"bod/internal/config"
	"bod/internal/jobs"
)

const adminSchemaFile = "../../packaging/admin.schema.json"

// The schema that the packages bring is what the key table says, with every key of it and no other.
func TestAdminSchemaIsTheKeyTable(t *testing.T) {
	want := config.AdminSchema()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(adminSchemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(adminSchemaFile)
	if err != nil || string(got) != string(want) {
		t.Errorf("admin.schema.json is not what the key table says; run go test ./internal/config -update (%v)", err)
	}
	var root node
	if err := json.Unmarshal(want, &root); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, k := range config.AdminKeys() {
		have[k.Table+"."+k.Name] = true
		in := root.below(t, k.Table)
		n := in.Properties[k.Name]
		if k.Name == "NAME" {
			n = in.free(t)
		}
		words := ""
		if n != nil {
			if words = n.Description; n.AnyOf != nil {
				words = n.AnyOf[0].Description
			}
		}
		if n == nil || n.Type == nil || !strings.Contains(words, k.Meaning.JA) || !strings.Contains(words, k.Meaning.EN) || len(n.Examples) == 0 {
			t.Errorf("[%s] %s: the schema has %+v", k.Table, k.Name, n)
		}
	}
	tables := map[string]bool{}
	for _, table := range config.AdminTables() {
		tables[table.Name] = true
	}
	for _, table := range config.AdminTables() {
		for name := range root.below(t, table.Name).Properties {
			if !have[table.Name+"."+name] && (table.Name != "" || !tables[name]) {
				t.Errorf("the schema has [%s] %s, which is not in the table of keys", table.Name, name)
			}
		}
	}
}

// What an editor underlines in admin.toml bod refuses, and none of the examples is underlined.
func TestEditorsAgreeAboutTheAdminsFile(t *testing.T) {
	dir := t.TempDir()
	here := config.World(t, dir)
	loads := func(k config.Key, line string) bool {
		rules, text := config.AdminWith(k, line)
		for name, text := range map[string]string{"jobs.toml": rules, "admin.toml": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(here.Replace(text)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, _ := config.LoadWith(filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "admin.toml"), jobs.ConfigKinds())
		return c != nil
	}
	file := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, "admin.toml"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	var right, bad []string
	for i, k := range config.AdminKeys() {
		if !loads(k, k.Example) {
			t.Errorf("bod refuses the example of [%s]: %s", k.Table, k.Example)
		}
		right = append(right, file(fmt.Sprintf("right%d.toml", i)))
	}
	for i, w := range []struct {
		table string
		line  string
	}{
		{"", `may_wirte_to = ["a.example"]`}, {"", `state = 3`}, {"mail", `server = "mail.example"`}, {"mail", `password = "x"`},
		{"folders", `share = "mnt/share"`}, {"folders", `share = { mounted = true }`}, {"programs", `alarm = 3`},
	} {
		if loads(config.Key{Table: w.table}, w.line) {
			t.Errorf("bod reads what should be wrong: [%s] %s", w.table, w.line)
		}
		bad = append(bad, file(fmt.Sprintf("bad%d.toml", i)))
	}
	taplo := editor(t)
	path, err := filepath.Abs(adminSchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	schema := (&url.URL{Scheme: "file", Path: path}).String()
	if said, refused := lint(t, taplo, dir, append([]string{"--schema", schema}, right...)...); len(refused) > 0 {
		t.Errorf("the schema refuses what bod reads:\n%s", said)
	}
	said, refused := lint(t, taplo, dir, append([]string{"--schema", schema}, bad...)...)
	for _, name := range bad {
		if !refused[name] {
			b, _ := os.ReadFile(filepath.Join(dir, name))
			t.Errorf("the schema lets pass:\n%s\n%s", b, said)
		}
	}
	// As the shipped file names it: by its place on the machine.
	b, err := os.ReadFile("../../packaging/admin.toml")
	if err != nil {
		t.Fatal(err)
	}
	named := strings.Replace(string(b), "file:///usr/share/bod/admin.schema.json", schema, 1)
	if named == string(b) {
		t.Fatal("packaging/admin.toml does not name its schema")
	}
	for name, more := range map[string]string{"shipped.toml": "", "slip.toml": "\ncolour = 3\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Replace(named, "\n\n", "\n"+more+"\n", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, refused := lint(t, taplo, dir, "shipped.toml", "slip.toml"); refused["shipped.toml"] || !refused["slip.toml"] {
		t.Errorf("refused are %v", refused)
	}
}
