package table

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
)

// office is a folder that sources may read from.
type office struct {
	t     *testing.T
	dir   string
	world *World
	reach []string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	days, ps := calendar.NewDays(calendar.DaysOptions{Country: "jp"})
	if len(ps) > 0 {
		t.Fatal(ps[0].What.EN)
	}
	root, err := os.OpenRoot(o.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	o.world = &World{
		Now: time.Now().Add(time.Hour), Zone: tokyo, Days: days, Language: calendar.Japanese,
		Open: func(p string) (*os.File, error) { return root.Open(p) },
		Glob: func(pattern string) (out []Found, err error) {
			all, err := filepath.Glob(filepath.Join(o.dir, pattern))
			for _, f := range all {
				info, err := os.Stat(f)
				if err != nil {
					return nil, err
				}
				if info.IsDir() {
					continue
				}
				rel, err := filepath.Rel(o.dir, f)
				if err != nil {
					return nil, err
				}
				out = append(out, Found{Path: rel, Name: path.Base(rel), Size: info.Size(), Modified: info.ModTime()})
			}
			return out, err
		},
		MayReach: func(host string) bool { return slices.Contains(o.reach, host) },
		Secret: func(_, file string) (string, bool, error) {
			if file == "" {
				return "", false, nil
			}
			b, err := os.ReadFile(filepath.Join(o.dir, file))
			return strings.TrimSpace(string(b)), true, err
		},
	}
	return o
}

func (o *office) write(name, text string) {
	o.t.Helper()
	p := filepath.Join(o.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// said is a [source.x] as jobs.toml would say it.
type said map[string]any

type toldSettings struct {
	said
	told []string
}

func (s *toldSettings) Has(k string) bool         { _, ok := s.said[k]; return ok }
func (s *toldSettings) String(k string) string    { v, _ := s.said[k].(string); return v }
func (s *toldSettings) Strings(k string) []string { v, _ := s.said[k].([]string); return v }
func (s *toldSettings) Bool(k string, otherwise bool) bool {
	if v, ok := s.said[k].(bool); ok {
		return v
	}
	return otherwise
}
func (s *toldSettings) Number(k string, otherwise int) int {
	if v, ok := s.said[k].(int); ok {
		return v
	}
	return otherwise
}
func (s *toldSettings) Size(k string, otherwise int64) int64 {
	if v, ok := s.said[k].(int); ok {
		return int64(v)
	}
	return otherwise
}
func (s *toldSettings) Span(k string) calendar.Lead {
	l, p := calendar.ParseLead(s.String(k))
	if p != nil {
		return calendar.Lead{}
	}
	return l
}
func (s *toldSettings) Table(k string) map[string]string {
	v, _ := s.said[k].(map[string]string)
	return v
}
func (s *toldSettings) Problem(k string, what, next calendar.Text) {
	s.told = append(s.told, k+": "+what.EN)
}
func (s *toldSettings) Warn(k string, what, next calendar.Text) { s.Problem(k, what, next) }
func (s *toldSettings) CheckPath(p string) error {
	if strings.HasPrefix(p, "/") || strings.Contains(p, "..") {
		return fmt.Errorf("the path %s is wrong", p)
	}
	return nil
}
func (s *toldSettings) SecretFile(k string) string { return s.String(k) }

func (o *office) source(keys said) *Source {
	o.t.Helper()
	s := &toldSettings{said: keys}
	src := Decode("x", s, fmt.Append(nil, keys))
	if len(s.told) > 0 || src == nil {
		o.t.Fatalf("%v: %s", keys, s.told)
	}
	return src
}

// read reads a source that has to be readable.
func (o *office) read(keys said) *Table {
	o.t.Helper()
	t, ps := o.source(keys).Read(o.t.Context(), o.world)
	if t == nil {
		o.t.Fatalf("%v: %s", keys, words(ps))
	}
	o.t.Cleanup(func() { t.Close() })
	return t
}

// refused reads a source that has to be refused and gives the last problem.
func (o *office) refused(keys said) Problem {
	o.t.Helper()
	t, ps := o.source(keys).Read(o.t.Context(), o.world)
	if t != nil {
		t.Close()
		o.t.Fatalf("%v was read: %s", keys, words(ps))
	}
	p := ps[len(ps)-1]
	if p.What.JA == "" || p.What.EN == "" || p.Next.JA == "" || p.Next.EN == "" || p.Warning {
		o.t.Errorf("%v: %+v", keys, p)
	}
	return p
}

func words(ps []Problem) string {
	var out []string
	for _, p := range ps {
		out = append(out, string(p.Code)+": "+p.What.JA+" — "+p.Next.JA)
	}
	return strings.Join(out, "\n")
}

// shown is a table as one text: headings with types, then the rows.
func shown(t *testing.T, tb *Table) string {
	t.Helper()
	var b strings.Builder
	for i, c := range tb.Columns() {
		if i > 0 {
			b.WriteString("|")
		}
		b.WriteString(c.Name + ":" + c.Type.String())
	}
	for row, err := range tb.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n%d ", row.Number())
		for i, v := range row.Values() {
			if i > 0 {
				b.WriteString("|")
			}
			b.WriteString(v.In(calendar.Japanese))
		}
	}
	return b.String()
}
