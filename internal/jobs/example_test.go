package jobs

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
)

// TestExampleLetters prepares every job of both examples in each month for which files were made, and holds the
// letters against the rules of the house.
func TestExampleLetters(t *testing.T) {
	for _, file := range []string{"../../jobs.toml", "../../example/en/jobs.toml"} {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		c, problems := config.Load(path, ConfigKinds())
		for _, p := range problems {
			t.Logf("%s", p)
		}
		if c == nil {
			t.Fatalf("%s has problems", file)
		}
		seen := 0
		for _, j := range c.Jobs {
			if j.Kind != "send" {
				continue
			}
			if s, ok := j.Spec.(*sendSpec); ok {
				s.Checks = nil // the words are looked at here; reading the PDFs takes half a second each
			}
			for _, o := range j.When.Due(tokyo(2026, 11, 1, 0, 0), tokyo(2026, 12, 31, 23, 59)) {
				// The example's files were written today, so the look is an hour later than their last change.
				w := &World{Now: time.Now().Add(time.Hour), Config: c, Job: j, Identity: j.Name, Occurrence: o}
				k, _ := KindOf(j.Kind)
				done := w.OpenTables()
				p, err := k.Prepare(t.Context(), w)
				done()
				if err != nil {
					t.Fatal(err)
				}
				if len(p.Missing) > 0 {
					t.Logf("%s %s waits: %s", j.Name, o.Period, texts(p.Missing))
				}
				for _, d := range p.Drafts {
					seen++
					house(t, c.Language, d.Letter.Subject, d.Letter.Text)
					if strings.Contains(d.Letter.Subject+d.Letter.Text, "{") {
						t.Errorf("%s %s: a field stands open:\n%s", j.Name, o.Period, d.Letter.Text)
					}
				}
			}
		}
		if seen < 10 {
			t.Errorf("%s: only %d letters", file, seen)
		}
	}
}

// house holds a mail's words against what a machine can check of the house's rules.
func house(t testing.TB, l calendar.Language, subject, text string) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		if n := textWidth(line, l != calendar.English); n > columns && strings.ContainsAny(strings.TrimSpace(line), " 　") {
			t.Errorf("line %d is %d columns wide: %s", i+1, n, line)
		}
		if strings.Contains(line, "御中") && strings.Contains(line, "様") {
			t.Errorf("御中 and 様 in one line: %s", line)
		}
		if strings.ContainsAny(line, "¥￥") && strings.Contains(line, "円") {
			t.Errorf("¥ and 円 in one line: %s", line)
		}
	}
	if l == calendar.English {
		return
	}
	for _, word := range []string{"至急", "督促", "催促", "各位様", "各位殿", "様様", "部長様", "さん様", "御社", "㈱",
		"held", "queued", "deferred", "unknown", "failed", "missed", "skipped", "rejected", "replaced", "waiting", "drafted", "のようです"} {
		if strings.Contains(subject+"\n"+text, word) {
			t.Errorf("%q stands in\n%s\n%s", word, subject, text)
		}
	}
	if strings.ContainsAny(text, "０１２３４５６７８９") {
		t.Errorf("full-width digits beside the narrow ones of dates and amounts:\n%s", text)
	}
}

func TestEveryKindIsDocumentedAndHasItsExample(t *testing.T) {
	if len(Kinds) == 0 {
		t.Fatal("there are no kinds")
	}
	seen := map[string]bool{}
	for _, k := range Kinds {
		if seen[k.Name()] {
			t.Errorf("two kinds are called %s", k.Name())
		}
		seen[k.Name()] = true
		if len(k.Keys()) == 0 {
			t.Errorf("the kind %s documents no keys", k.Name())
		}
		for _, key := range k.Keys() {
			if key.Table == "" || key.Name == "" || key.Type == "" || key.Meaning.JA == "" || key.Meaning.EN == "" || !strings.HasPrefix(key.Example, key.Name+" = ") {
				t.Errorf("the key %s of the kind %s lacks its doc or its example: %+v", key.Name, k.Name(), key)
			}
		}
		for _, file := range []string{"../../jobs.toml", "../../example/en/jobs.toml"} {
			path, _ := filepath.Abs(file)
			c, _ := config.Load(path, ConfigKinds())
			if c == nil {
				t.Fatalf("%s can't be loaded", file)
			}
			found := false
			for _, j := range c.Jobs {
				found = found || j.Kind == k.Name()
			}
			if !found {
				t.Errorf("no job of the kind %s stands in %s", k.Name(), file)
			}
		}
	}
}

func TestEveryFieldIsDocumentedAndNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields {
		if f.Meaning.JA == "" || f.Meaning.EN == "" || f.JA == "" || f.EN == "" {
			t.Errorf("the field %s (%s) lacks a name or its doc", f.JA, f.EN)
		}
		for _, n := range []string{f.JA, f.EN} {
			if seen[n] || fieldName(n) != n {
				t.Errorf("the name %s is taken twice, or can't be written", n)
			}
			seen[n] = true
		}
	}
}
