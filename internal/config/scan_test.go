package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"github.com/BurntSushi/toml"

	"bod/internal/calendar"
)

// values turns the tree back into what the parser gives for a whole file.
func values(t *table) map[string]any {
	m := make(map[string]any)
	for _, e := range t.entries {
		switch v := e.value.(type) {
		case *table:
			m[e.key] = values(v)
		case []*table:
			var out []map[string]any
			for _, x := range v {
				out = append(out, values(x))
			}
			m[e.key] = out
		default:
			m[e.key] = v
		}
	}
	return m
}

// sameAsParser holds the scanner against the TOML parser: a text that the scanner
// has nothing to say about means the same to both, and what the parser refuses is
// never passed over, except for the date 2026/11/25, which is accepted on purpose.
func sameAsParser(t *testing.T, text string) {
	t.Helper()
	var f findings
	clean := withoutControls(text, &f)
	tree := plant(clean, &f, newLines(clean))
	want := make(map[string]any)
	_, err := toml.Decode(clean, &want)
	switch {
	case f.errors > 0:
		return // more is refused than TOML refuses: that is the scanner's purpose
	case err != nil:
		if slashDateAnywhere(clean) {
			return
		}
		t.Fatalf("the parser refuses what the scanner lets pass: %v\n%s", err, text)
	}
	if got := values(tree.root); !reflect.DeepEqual(got, want) {
		t.Fatalf("read differently\n got %#v\nwant %#v\ntext:\n%s", got, want, text)
	}
}

func TestScannerReadsWhatTheParserReads(t *testing.T) {
	files := []string{"../../jobs.toml", "../../example/en/jobs.toml"}
	more, _ := filepath.Glob("testdata/toml/*.toml")
	for _, name := range append(files, more...) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			var f findings
			scan(string(b), &f, func(*header) {})
			for _, x := range f.list {
				t.Errorf("%d: %s", x.off, x.what.EN)
			}
			sameAsParser(t, string(b))
		})
	}
}

var slashDateStart = regexp.MustCompile(`^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}`)

func slashDateAnywhere(s string) bool {
	for i := range s {
		if len(s) > i+5 && slashDateStart.MatchString(s[i:]) {
			return true
		}
	}
	return false
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{
		"a = 1\n[b.c]\nd = [1, 2,\n 3]\n[[e]]\nf = {g = 'h', i.j = 2}\n[[e]]\n",
		"［job.a］\ntitle ＝ “x”\nto = [\"a\"、\"b\"]", "a.b = 1\na.c = 2\n[a]\nd = 3", "x = \"\"\"a\n\\\n b\"\"\"\"\"\ny = '''z'''",
		"s = 2026/11/25\nt = 9:30\nu = 1979-05-27T07:32:00Z", "a = [[1,2],[3]]\nb = [{c = 1},{c = 2}]", "\"a b\".'c' = +1.5e3\nd = 0xFF",
		"a = \"\\u00e9\\\"\"", "a = {", "a = [\n[b]\nc = 1", "＃\n　a=1　\n", "a = 1 b = 2", "[a]\n[a.b]\n[a]\n",
		"a = {b = 1}\na.c = 2", "[a]\nb = {c = 1}\n[a.b.d]\n", "[a.b]\nc = 1\n[a]\nb.d = 2\n", "[a]\nb.c = 1\n[a.b]\n", "[[a]]\nb = 1\n[a]\n", "a = [1]\n[[a]]\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		var fs findings
		text, ok := plainText([]byte(text), &fs)
		if ok {
			sameAsParser(t, text)
		}
	})
}

// A table that is closed, or stands there already, takes nothing more.
func TestNothingIsSaidTwice(t *testing.T) {
	for _, text := range []string{
		"a = 1\na = 2", "a = {b = 1}\na.c = 2", "[a]\nb = {c = 1}\n[a.b.d]\n", "[a.b]\nc = 1\n[a]\nb.d = 2\n", "[a]\nb.c = 1\n[a.b]\n",
		"[[a]]\nb = 1\n[a]\n", "[a]\n[[a]]\n", "a = [1]\n[[a]]\n", "a = 1\n[a]\n", "a = 1\na.b = 2", "[a]\n[a]\n", "a = {b = 1, b = 2}",
	} {
		var f findings
		plant(text, &f, newLines(text))
		if f.errors != 1 {
			t.Errorf("%q has %d errors: %v", text, f.errors, f.list)
		}
	}
}

// One slip is one problem: the parser's own words about the same place would only confuse.
func TestWideSignsBetweenStatementsAreToldOnce(t *testing.T) {
	for _, between := range []string{"　\n", "　　\n\n", "＃めも\n", "　# remark\n", "　"} {
		l := loadText(t, inOffice(small+"[job.a]\nkind = \"send\"\n"+between+"title = \"請求書\"\nwhen = \"毎営業日 9:30\"\nto = \"acme\"\nletter = \"a.txt\"\n"))
		if l.f.errors != 1 {
			t.Errorf("%q: said\n%s", between, l.said(calendar.Japanese))
		}
	}
}
