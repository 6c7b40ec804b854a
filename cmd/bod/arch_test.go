package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows are the imports that each package may have of ours. A package that is not here may not exist.
var arrows = map[string][]string{
	"internal/calendar": {},
	"internal/mailer":   {},
	"internal/table":    {"internal/calendar"},
	"internal/document": {"internal/calendar", "internal/table"},
	"internal/config":   {"internal/calendar", "internal/mailer"},
	"internal/ledger":   {"internal/mailer"},
	"internal/jobs":     {"internal/calendar", "internal/config", "internal/document", "internal/ledger", "internal/mailer", "internal/table"},
	"internal/daemon":   {"internal/calendar", "internal/config", "internal/jobs", "internal/ledger", "internal/mailer", "internal/table"},
	"cmd/bod":           {"internal/calendar", "internal/config", "internal/daemon", "internal/document", "internal/jobs", "internal/ledger", "internal/mailer", "internal/table"},
	"cmd/postfix-proof": {},
	"packaging":         {},
}

// doors are the packages through which each library is used. What is not here is not used at all.
var doors = map[string][]string{
	"github.com/go-co-op/gocron":      {"internal/daemon"},
	"github.com/coreos/go-systemd":    {"internal/daemon"},
	"github.com/wneessen/go-mail":     {"internal/mailer"},
	"golang.org/x/oauth2":             {"internal/mailer"},
	"github.com/BurntSushi/toml":      {"internal/config"},
	"modernc.org/sqlite":              {"internal/ledger", "internal/table"},
	"github.com/jackc/pgx":            {"internal/table"},
	"github.com/go-sql-driver/mysql":  {"internal/table"},
	"github.com/xuri/excelize":        {"internal/document", "internal/table"},
	"github.com/expr-lang/expr":       {"internal/table"},
	"github.com/shopspring/decimal":   {"internal/table", "internal/jobs"},
	"golang.org/x/image":              {"internal/document"},
	"golang.org/x/sys":                {"internal/ledger", "internal/document"},
	"github.com/klippa-app/go-pdfium": {"internal/document"},
	"github.com/tetratelabs/wazero":   {"internal/document"},
	"github.com/rickar/cal":           {"internal/calendar"},
	"github.com/spf13/cobra":          {"cmd/bod"},
	"github.com/spf13/pflag":          {"cmd/bod"},
	"github.com/mattn/go-isatty":      {"cmd/bod"},
	"golang.org/x/text":               {"internal/calendar", "internal/config", "internal/document", "internal/jobs", "internal/mailer", "internal/table", "cmd/bod"}, // of the language itself
	"github.com/emersion/go-smtp":     {},                                                                                                                             // tests only
	"github.com/emersion/go-sasl":     {},
	"github.com/rogpeppe/go-internal": {},
}

// file is one Go file of the module.
type file struct {
	name    string // slash path from the module's root
	pkg     string // its folder
	test    bool
	syntax  *ast.File
	imports []string
}

func module(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != root && (strings.HasPrefix(base, ".") || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		f := file{name: filepath.ToSlash(rel), test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
		f.pkg = path.Dir(f.name)
		for _, i := range syntax.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, p)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d Go files were found below %s", len(files), root)
	}
	return files
}

// CONTRIBUTING shows the packages and the doors as they are.
func TestContributingShowsTheHouse(t *testing.T) {
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range arrows {
		if !strings.Contains(string(text), "\n    "+pkg+"/ ") {
			t.Errorf("the shape of the house lacks %s", pkg)
		}
	}
	shown := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			for name := range strings.SplitSeq(cells[1], ",") {
				shown[strings.TrimSpace(name)] = strings.TrimSpace(cells[2])
			}
		}
	}
	for library, pkgs := range doors {
		if len(pkgs) == 0 || library == "golang.org/x/text" {
			continue // tests only, and the language itself
		}
		var names []string
		for _, p := range pkgs {
			names = append(names, strings.TrimPrefix(p, "internal/"))
		}
		if got, want := shown[strings.TrimPrefix(library, "github.com/")], strings.Join(names, ", "); got != want {
			t.Errorf("the door of %s is shown as %q, not %q", library, got, want)
		}
	}
}

// README's tables name every command, in both languages.
func TestReadmeNamesEveryCommand(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	ja, en, is := strings.Cut(string(text), "\n# bod in English\n")
	if !is {
		t.Fatal("README has no English part")
	}
	for lang, part := range map[string]string{"ja": ja, "en": en} {
		var table strings.Builder
		for line := range strings.Lines(part) {
			if strings.HasPrefix(line, "| `bod ") {
				table.WriteString(line)
			}
		}
		for _, c := range newDesk([]string{"--file", "none.toml"}, nil, io.Discard, io.Discard).root().Commands() {
			if c.Hidden || c.Name() == "help" {
				continue
			}
			if !regexp.MustCompile("`(bod )?" + c.Name() + "[ `]").MatchString(table.String()) {
				t.Errorf("%s: README does not name %s", lang, c.Name())
			}
		}
	}
}

// The imports point one way, and each library has one door.
func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range module(t) {
		allowed, ok := arrows[f.pkg]
		if !ok {
			t.Errorf("%s: the package %s is not in the table of arrows", f.name, f.pkg)
			continue
		}
		seen[f.pkg] = true
		for _, imp := range f.imports {
			if ours, ok := strings.CutPrefix(imp, "bod/"); ok {
				if !f.test && !slices.Contains(allowed, ours) {
					t.Errorf("%s imports %s", f.name, imp)
				}
				continue
			}
			if !strings.Contains(strings.Split(imp, "/")[0], ".") {
				continue // the standard library
			}
			door := ""
			for d := range maps.Keys(doors) {
				if imp == d || strings.HasPrefix(imp, d+"/") {
					door = d
				}
			}
			if door == "" {
				t.Errorf("%s imports %s, which is not in the table of doors", f.name, imp)
			} else if !f.test && !slices.Contains(doors[door], f.pkg) {
				t.Errorf("%s imports %s, whose door is %s", f.name, imp, strings.Join(doors[door], ", "))
			}
		}
	}
	for pkg := range arrows {
		if !seen[pkg] {
			t.Errorf("the table of arrows has %s, which does not exist", pkg)
		}
	}
}

// Each package says what it is for and what it promises, each exported name what it means,
// and nothing happens by being imported.
func TestDocs(t *testing.T) {
	docs := map[string]string{}
	for _, f := range module(t) {
		if f.test {
			continue
		}
		if f.syntax.Doc != nil {
			if docs[f.pkg] != "" {
				t.Errorf("%s: the package %s is documented twice", f.name, f.pkg)
			}
			docs[f.pkg] = f.syntax.Doc.Text()
		} else {
			docs[f.pkg] += ""
		}
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s has an init function", f.name)
				}
				if d.Name.IsExported() && d.Doc == nil && !wellKnown(d) && exportedReceiver(d) {
					t.Errorf("%s: %s has no doc comment", f.name, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
							t.Errorf("%s: %s has no doc comment", f.name, s.Name.Name)
						}
					case *ast.ValueSpec:
						if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
							t.Errorf("%s: %s has no doc comment", f.name, s.Names[0].Name)
						}
					}
				}
			}
		}
	}
	for pkg, doc := range docs {
		if len(strings.Fields(doc)) < 25 {
			t.Errorf("%s: its doc comment is missing or says next to nothing: %q", pkg, doc)
		}
	}
}

// wellKnown are methods whose meaning is their interface's.
func wellKnown(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String", "Is", "Close", "Write", "Read", "MarshalJSON", "UnmarshalJSON", "UnmarshalText", "MarshalText", "Len", "Less", "Swap"}, d.Name.Name)
}

// exportedReceiver reports whether a method belongs to an exported type; functions count as such.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// The words that the vocabulary of the house leaves no room for, and what is not done yet, stand nowhere.
func TestNoLoosePaths(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "X" + "XX", "not " + "implemented"}
	for _, f := range module(t) {
		for part := range strings.SplitSeq(f.pkg, "/") {
			if slices.Contains([]string{"util", "utils", "types", "common", "helpers"}, part) {
				t.Errorf("%s: a package of no meaning", f.pkg)
			}
		}
		src, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(f.name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range marks {
			if i := strings.Index(string(src), m); i >= 0 {
				t.Errorf("%s:%d: %q", f.name, 1+strings.Count(string(src[:i]), "\n"), m)
			}
		}
	}
}
