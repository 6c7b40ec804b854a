package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"bod/internal/config"
)

// A change of either file counts when two looks found the same bytes. One that is gone is no change until it has been gone for a while, and then once.
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
	w.read(admin)
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
		w.read(w.adminFile())
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

	for _, again := range []string{"the file of before", "another"} {
		if err := os.Remove(admin); err != nil {
			t.Fatal(err)
		}
		told := 0
		for range 3 * goneLooks {
			if w.look() {
				told++
				w.read(w.adminFile())
			}
		}
		if told != 1 || w.loaded != "" {
			t.Errorf("the administrator's file stays away: told %d times, and read as %q", told, w.loaded)
		}
		write(admin, "bbb"+map[bool]string{true: "b"}[again == "another"])
		changed(again)
	}

	// One that nobody named is held to as well, once it was read: without it the rest would count for all.
	w = &watch{path: rules}
	w.read(admin)
	if err := os.Remove(admin); err != nil {
		t.Fatal(err)
	}
	if got := w.adminFile(); config.AdminFile("") == "" && got != admin {
		t.Errorf("without the administrator's file it goes on with %q", got)
	}

	w = &watch{path: rules, admin: config.NoAdmin}
	w.read("")
	write(rules, "aaa")
	changed("the rules alone")
}
