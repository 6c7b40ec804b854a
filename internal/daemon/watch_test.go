package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"bod/internal/config"
)

// A change of either file counts when two looks found the same bytes. An administrator's file that is gone is no change.
func TestWatchSeesBothFiles(t *testing.T) {
	dir := t.TempDir()
	rules, admin := filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "admin.toml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(rules, "a")
	write(admin, "b")
	w := &watch{path: rules, admin: admin}
	w.read()
	quiet := func(when string) {
		t.Helper()
		first, second := w.look(), w.look()
		if first || second {
			t.Errorf("%s: there is something new to read", when)
		}
	}
	changed := func(when string) {
		t.Helper()
		if w.look() {
			t.Errorf("%s: read at the first look", when)
		}
		if !w.look() {
			t.Errorf("%s: not seen", when)
		}
		first := w.loaded
		w.read()
		if w.loaded == first {
			t.Errorf("%s: it has the digest of before", when)
		}
		quiet("after it was read")
	}
	quiet("nothing changed")
	write(admin, "bb")
	changed("the administrator's file")
	write(rules, "aa")
	changed("the rules")
	if err := os.Remove(admin); err != nil {
		t.Fatal(err)
	}
	quiet("the administrator's file is gone")
	write(admin, "bbb")
	changed("it came back")

	w = &watch{path: rules, admin: config.NoAdmin}
	w.read()
	write(rules, "aaa")
	changed("the rules alone")
}
