package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bod/internal/calendar"
)

// tables is a kind "source" as jobs has one.
type tables struct{}

type tableSpec struct {
	Name, File string
	Rows       int
	Fresh      calendar.Lead
	Rule       string
}

func (tables) Name() string { return sourceName }

func (tables) Keys() []Key {
	return []Key{
		{Name: "file", Type: "file", Meaning: say("ファイル", "the file"), Example: `file = "a.csv"`},
		{Name: "max_rows", Type: "number", Meaning: say("行", "rows"), Example: `max_rows = 3`},
		{Name: "fresh_within", Type: "span", Meaning: say("新しさ", "freshness"), Example: `fresh_within = "3 days"`},
	}
}

func (tables) Decode(d *Decoder) any {
	return &tableSpec{d.Source, d.String("file"), d.Number("max_rows", 7), d.Span("fresh_within"), string(d.Rule())}
}

func (tables) Outside(*Config, any) bool { return false }

func loadSources(t *testing.T, admin, text string) (*Config, string) {
	t.Helper()
	dir := t.TempDir()
	path, adminPath := filepath.Join(dir, "jobs.toml"), ""
	if err := os.WriteFile(path, []byte(inOffice(small+text)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"a.txt", "a.csv"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("件名：x\n\n本文\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if admin != "" {
		adminPath = filepath.Join(dir, "admin.toml")
		if err := os.WriteFile(adminPath, []byte(admin), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, ps := LoadWith(path, adminPath, append([]Kind{tables{}}, testKinds...))
	var b strings.Builder
	for _, p := range ps {
		if !p.Warning {
			b.WriteString(strings.ReplaceAll(p.String(), dir+"/", "") + "\n")
		}
	}
	return c, b.String()
}

func TestSources(t *testing.T) {
	c, said := loadSources(t, "", "[source.orders]\nfile = \"a.csv\"\nmax_rows = 3\nfresh_within = \"3営業日\"\n[source.\"得意先\"]\nfile = \"b.csv\"\n")
	if c == nil {
		t.Fatal(said)
	}
	if len(c.Sources) != 2 || c.Source("得意先") == nil || c.Source("nothing") != nil {
		t.Errorf("%d sources", len(c.Sources))
	}
	s := c.Source("orders").Spec.(*tableSpec)
	if s.Name != "orders" || s.File != "a.csv" || s.Rows != 3 || s.Fresh.Sentence(calendar.English) != "3 business days" || s.Rule != `{"file":"a.csv","fresh_within":"3営業日","max_rows":3}` {
		t.Errorf("%+v", s)
	}
	if c.Source("得意先").Spec.(*tableSpec).Rows != 7 {
		t.Error("not the default")
	}
	f, err := c.Open("a.csv")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, p := range []string{"/etc/passwd", "../x", "nowhere.csv", "folder:x/a.csv", `C:\a.csv`} {
		f, err := c.Open(p)
		if e, ok := errors.AsType[*FileError](err); !ok {
			t.Errorf("%s: %v", p, err)
			f.Close()
		} else if what, next := e.Words(); what.JA == "" || next.EN == "" {
			t.Errorf("%s says nothing", p)
		}
	}
}

func TestSourceSlips(t *testing.T) {
	for text, want := range map[string]string{
		"[source.orders]\nfile = 3\n":                                       "file は文字で書くところですが",
		"[source.orders]\nmax_rows = \"3\"\n":                               "max_rows は整数で書くところですが",
		"[source.orders]\nfresh_within = \"3 days before\"\n":               "前へ数える",
		"[source.orders]\nslip = 1\n":                                       "slip という項目はありません",
		"[source.orders]\npassword = \"x\"\n":                               "password は jobs.toml に書けません",
		"[source]\nfile = \"a.csv\"\n":                                      "source は [source.名前] の表で書きます",
		"[source.\"a/b\"]\nfile = \"a.csv\"\n":                              "に / # @ は使えません",
		"[[source.a]]\nfile = \"a.csv\"\n":                                  "[source.名前] の表で書きます",
		"[source.a]\n[source.a]\n":                                          "写したほうの名前",
		"may_read_from = [\"x\"]\n[source.a]\n":                             "予定表には書けません",
		"[job.x]\nkind = \"source\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\n": "kind = \"source\" という種類はありません",
	} {
		if c, said := loadSources(t, "", text); c != nil || !strings.Contains(said, want) {
			t.Errorf("%s: said %s", text, said)
		}
	}
}

func TestMayReadFrom(t *testing.T) {
	c, said := loadSources(t, "may_read_from = [\"ERP.intra.example\", \"*.db.example\", \"192.168.0.5\", \"::1\", \"/run/x.sock\"]\n", "")
	if c == nil {
		t.Fatal(said)
	}
	for host, want := range map[string]bool{"erp.intra.example": true, "Erp.Intra.Example": true, "a.db.example": true, "db.example": false, "xdb.example": false, "192.168.0.5": true,
		"192.168.0.50": false, "::1": true, "/run/x.sock": true, "/run/y.sock": false, "": false} {
		if c.MayReadFrom(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
	for _, bad := range []string{"https://x", "a/b", "*", "a b", "x@y", "a,b"} {
		if c, said := loadSources(t, "may_read_from = \""+bad+"\"\n", ""); c != nil || !strings.Contains(said, "サーバーの名前として読めません") {
			t.Errorf("%s: %s", bad, said)
		}
	}
}

func TestSourceSecret(t *testing.T) {
	c := &Config{}
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if s, has, err := c.SourceSecret("orders", ""); s != "" || has || err != nil {
		t.Error(s, has, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "source-orders"), []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, has, err := c.SourceSecret("orders", ""); s != "geheim" || !has || err != nil {
		t.Error(s, has, err)
	}
	if _, has, err := c.SourceSecret("orders", filepath.Join(dir, "nowhere")); has || err == nil {
		t.Error("a file that is not there is no secret")
	}
	if _, has, _ := c.SourceSecret("../source-orders", ""); has {
		t.Error("a name led out of the folder")
	}
}
