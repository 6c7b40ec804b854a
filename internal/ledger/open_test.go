package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start opens dir and closes it again.
func start(dir string, o Options) error {
	l, err := Open(context.Background(), dir, o)
	if err != nil {
		return err
	}
	return l.Close()
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// raw changes a closed ledger's file as another program would.
func raw(t *testing.T, dir string, statements ...string) {
	t.Helper()
	s, err := dial(context.Background(), filepath.Join(dir, fileName), false, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range statements {
		if err := s.script(q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	made := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "state")
		if err := start(dir, Options{Create: true}); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, c := range []struct {
		name   string
		break_ func(t *testing.T, dir string)
		o      Options
		want   error
		says   string
	}{
		{"nothing there", func(t *testing.T, dir string) { os.RemoveAll(dir) }, Options{}, ErrNone, ""},
		{"an empty folder", func(t *testing.T, dir string) { os.RemoveAll(dir); os.Mkdir(dir, 0o700) }, Options{}, ErrNone, ""},
		{"the file is gone", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, fileName)) }, Options{Create: true}, ErrMissing, "marker"},
		{"only a write-ahead log", func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, fileName))
			os.Rename(filepath.Join(dir, markerName), filepath.Join(dir, fileName+"-wal"))
		}, Options{Create: true}, ErrMissing, "-wal"},
		{"a trial's rules", nil, Options{Trial: true}, ErrTrial, "real mail"},
		{"an open folder", func(t *testing.T, dir string) { os.Chmod(dir, 0o755) }, Options{}, ErrRights, "chmod 700"},
		{"an open file", func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, fileName), 0o640) }, Options{}, ErrRights, "chmod 600"},
		{"an open marker", func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, markerName), 0o644) }, Options{}, ErrRights, "chmod 600"},
		{"a link", func(t *testing.T, dir string) {
			os.Rename(filepath.Join(dir, fileName), filepath.Join(dir, "elsewhere"))
			os.Symlink("elsewhere", filepath.Join(dir, fileName))
		}, Options{}, ErrRights, "not a plain file"},
		{"a file in place of the folder", func(t *testing.T, dir string) { os.RemoveAll(dir); write(t, dir, "", 0o600) }, Options{Create: true}, ErrRights, "not a folder"},
		{"no database", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, fileName), strings.Repeat("garbage ", 100), 0o600)
		}, Options{}, ErrDamaged, ""},
		{"another's database", func(t *testing.T, dir string) { raw(t, dir, "PRAGMA application_id = 7") }, Options{}, ErrDamaged, "not a ledger"},
		{"a table more", func(t *testing.T, dir string) { raw(t, dir, "CREATE TABLE mine (x)") }, Options{}, ErrSchema, "not what bod made"},
		{"a trigger less", func(t *testing.T, dir string) { raw(t, dir, "DROP TRIGGER deliveries_moves") }, Options{}, ErrSchema, ""},
		{"a newer one", func(t *testing.T, dir string) {
			raw(t, dir, "INSERT INTO migrations SELECT 99, 'later', sha256, schema FROM migrations WHERE version = 1")
		}, Options{}, ErrSchema, "newer"},
		{"an altered migration", func(t *testing.T, dir string) { raw(t, dir, "UPDATE migrations SET sha256 = 'x'") }, Options{}, ErrSchema, "not the one"},
		{"an altered log", func(t *testing.T, dir string) {
			raw(t, dir, "PRAGMA recursive_triggers = 0", "INSERT OR REPLACE INTO events SELECT seq, at + 1, who, user, thing, row, change, hash FROM events WHERE seq = 0",
				"BEGIN", "DROP TRIGGER events_stay", "UPDATE events SET at = at + 1",
				"CREATE TRIGGER events_stay BEFORE UPDATE ON events\nBEGIN SELECT RAISE(ABORT, 'events are never changed'); END", "COMMIT")
		}, Options{}, ErrDamaged, "log"},
		{"a marker of garbage", func(t *testing.T, dir string) { write(t, filepath.Join(dir, markerName), "garbage", 0o600) }, Options{}, ErrDamaged, "marker"},
		{"without its name", func(t *testing.T, dir string) { raw(t, dir, "DELETE FROM ledger") }, Options{}, ErrDamaged, "which ledger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := made(t)
			if c.break_ != nil {
				c.break_(t, dir)
			}
			err := start(dir, c.o)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			for _, japanese := range []bool{true, false} {
				if what, next := Advice(err, japanese); what == "" || next == "" {
					t.Errorf("no advice for %v", err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, newName)); err == nil {
				t.Error("something is left behind")
			}
		})
	}
}

func TestAdviceForAll(t *testing.T) {
	for _, a := range advice {
		for _, text := range []string{a.ja[0], a.ja[1], a.en[0], a.en[1]} {
			if text == "" {
				t.Errorf("%v lacks a text", a.err)
			}
		}
	}
	if what, next := Advice(errors.New("another"), true); what != "" || next != "" {
		t.Error(what, next)
	}
}

func TestCreate(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "state")
	if err := os.Mkdir(dir, 0o755); err != nil { // an empty folder is made private
		t.Fatal(err)
	}
	l, err := Open(t.Context(), dir, Options{Create: true, Trial: true})
	if err != nil {
		t.Fatal(err)
	}
	if !l.Created() || !l.Trial() {
		t.Error(l.Created(), l.Trial())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"update":  l.Update(t.Context(), begin, bod, func(*Tx) error { return nil }),
		"view":    l.View(t.Context(), func(*View) error { return nil }),
		"changes": func() error { _, err := l.Changes(t.Context()); return err }(),
	} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
	again, err := Open(t.Context(), dir, Options{Create: true, Trial: true})
	if err != nil || again.Created() {
		t.Fatal(again, err)
	}
	again.Close()
}

// A ledger that was being made when the machine stopped is made anew.
func TestCreateAfterCrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, newName), "half", 0o600)
	write(t, filepath.Join(dir, newName+"-wal"), "half", 0o600)
	if err := start(dir, Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	// After the rename, before the first marker: a ledger without any history is no restored one.
	if err := os.Remove(filepath.Join(dir, markerName)); err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = l.View(t.Context(), func(v *View) error {
		flags, err := v.Flags()
		if len(flags) != 0 {
			t.Errorf("%+v", flags)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOnlyOneHolder(t *testing.T) {
	o := open(t)
	if pid, held, err := Holder(o.dir); err != nil || !held || pid != os.Getpid() {
		t.Error(pid, held, err)
	}
	_, err := Open(t.Context(), o.dir, Options{})
	if !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	r, err := OpenReader(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Update(t.Context(), begin, bod, func(*Tx) error { return nil }); !errors.Is(err, errReader) {
		t.Error(err)
	}
	if err := r.Touch(t.Context(), begin); !errors.Is(err, errReader) {
		t.Error(err)
	}
	o.Ledger.Close()
	if pid, held, err := Holder(o.dir); err != nil || held || pid != 0 {
		t.Error(pid, held, err)
	}
	if _, held, err := Holder(t.TempDir()); err != nil || held {
		t.Error(held, err)
	}
	if _, err := OpenReader(t.Context(), filepath.Join(o.dir, "nowhere")); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

// copyLedger copies the closed ledger's file.
func copyLedger(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(b), 0o600)
}

// An older copy that is put in the ledger's place sends nothing until a person says so.
func TestRestored(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, o *office, backup string)
		want  bool
	}{
		{"the same ledger", func(t *testing.T, o *office, backup string) {}, false},
		{"an older copy", func(t *testing.T, o *office, backup string) {
			copyLedger(t, backup, filepath.Join(o.dir, fileName))
		}, true},
		{"an older copy that went on elsewhere", func(t *testing.T, o *office, backup string) {
			mark, err := os.ReadFile(filepath.Join(o.dir, markerName))
			if err != nil {
				t.Fatal(err)
			}
			copyLedger(t, backup, filepath.Join(o.dir, fileName))
			os.Remove(filepath.Join(o.dir, markerName))
			o.Ledger = nil
			o.reopen()
			for range 30 {
				o.running("other", time.Now().Format("150405.000000000"))
			}
			o.Ledger.Close()
			write(t, filepath.Join(o.dir, markerName), string(mark), 0o600)
			raw(t, o.dir, "DELETE FROM flags", "DELETE FROM holds")
		}, true},
		{"no marker", func(t *testing.T, o *office, backup string) { os.Remove(filepath.Join(o.dir, markerName)) }, true},
		{"another's marker", func(t *testing.T, o *office, backup string) {
			write(t, filepath.Join(o.dir, markerName), `{"ledger":"x","seq":1,"hash":"y"}`, 0o600)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := open(t)
			run := o.running("a", "2026-11")
			out := o.seal(run, letter("held"), letter("queued"), letter("claimed"), letter("sent"))
			o.send(out[3].Message, "sent")
			var token string
			o.do(func(tx *Tx) (err error) {
				if err := errors.Join(tx.Queue(out[1].Message), tx.Queue(out[2].Message)); err != nil {
					return err
				}
				token, _, err = tx.Claim(out[2].Message)
				return err
			})
			backup := filepath.Join(t.TempDir(), "backup.db")
			if err := o.Backup(t.Context(), backup); err != nil {
				t.Fatal(err)
			}
			o.do(func(tx *Tx) error { return tx.Unclaim(token) })
			o.Ledger.Close()
			c.spoil(t, o, backup)
			o.Ledger = nil
			o.reopen()
			o.view(func(v *View) error {
				flags, err := v.Flags()
				if got := len(flags) == 1 && flags[0].Name == "restored"; got != c.want {
					t.Errorf("%+v", flags)
				}
				return err
			})
			m := o.message(out[0].Message)
			if held := len(m.Holds) > 0 && m.Holds[len(m.Holds)-1].Reason == Restored && m.State == StateHeld; held != c.want {
				t.Errorf("held: %s %+v", m.State, m.Holds)
			}
			// What was on its way may have gone out since the copy was made: nobody knows.
			for i, name := range []string{"queued", "claimed"} {
				m := o.message(out[i+1].Message)
				if unknown := m.State == StateUnknown && m.Deliveries[0].Words == WordsRestored; unknown != c.want || !c.want && m.State != StateQueued {
					t.Errorf("%s: %s %+v", name, m.State, m.Deliveries)
				}
			}
			if m := o.message(out[3].Message); m.State != StateSent {
				t.Errorf("%+v", m)
			}
			if !c.want {
				return
			}
			// What is sealed meanwhile may have gone out in the lost time as well.
			next := o.running("b", "2026-11")
			if m := o.message(o.seal(next, letter("new"))[0].Message); len(m.Holds) != 1 || m.Holds[0].Reason != Restored {
				t.Errorf("%+v", m.Holds)
			}
			o.do(func(tx *Tx) error { return tx.ClearFlag("restored") })
			o.reopen() // the marker is its own again
			o.view(func(v *View) error {
				flags, err := v.Flags()
				if len(flags) != 0 {
					t.Errorf("%+v", flags)
				}
				return err
			})
			if m := o.message(out[0].Message); m.State != StateHeld {
				t.Error("held messages stay held:", m.State)
			}
			o.do(func(tx *Tx) error {
				return errors.Join(tx.Lift(out[0].Message, Restored), tx.Queue(out[0].Message))
			})
			if m := o.message(out[1].Message); m.State != StateUnknown {
				t.Error("what may have gone is decided by nobody but a person:", m.State)
			}
			o.verified()
		})
	}
}

// The marker may lag, never lead.
func TestMarkerNeverLeads(t *testing.T) {
	o := open(t)
	for i := range 50 {
		o.do(func(tx *Tx) error {
			return tx.PutJob(Job{Name: string(rune('a' + i%26)), Kind: "send", Shape: time.Duration(i).String(), Rule: []byte("{}")})
		})
		m, err := readMarker(o.dir)
		if err != nil {
			t.Fatal(err)
		}
		o.view(func(v *View) error {
			seq, _, _, err := v.Head()
			if m.Seq > seq {
				t.Errorf("the marker is at %d, the log at %d", m.Seq, seq)
			}
			return err
		})
	}
	o.markAt = time.Time{} // a second later
	if _, err := o.Changes(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := readMarker(o.dir)
	if err != nil {
		t.Fatal(err)
	}
	o.view(func(v *View) error {
		seq, hash, _, err := v.Head()
		if m.Seq != seq || m.Hash != hash {
			t.Errorf("the marker is at %d, the log at %d", m.Seq, seq)
		}
		return err
	})
}

func TestArchive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := Archive(dir, begin); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	l, err := Open(t.Context(), dir, Options{Create: true, Trial: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Archive(dir, begin); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	l.Close()
	for range 2 {
		to, err := Archive(dir, begin)
		if err != nil {
			t.Fatal(err)
		}
		r, err := OpenReader(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		if rep, err := r.Verify(t.Context(), nil); err != nil || len(rep.Problems) > 0 {
			t.Error(rep, err)
		}
		r.Close()
		if err := start(dir, Options{}); !errors.Is(err, ErrNone) {
			t.Error(err)
		}
		if err := start(dir, Options{Create: true, Trial: true}); err != nil {
			t.Error(err)
		}
	}
	if _, err := Archive(dir, begin.Add(time.Second)); err != nil {
		t.Error(err)
	}
	if err := start(dir, Options{Create: true}); err != nil { // now a real one
		t.Fatal(err)
	}
	if _, err := Archive(dir, begin.Add(2*time.Second)); !errors.Is(err, ErrTrial) {
		t.Error(err)
	}
}

func TestBackup(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	o.seal(run, letter("x"))
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, fileName)
	r, err := OpenReader(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, l := range []*Ledger{o.Ledger, r} { // a command makes one beside the daemon as well
		if err := l.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		if err := l.Backup(t.Context(), file); !errors.Is(err, os.ErrExist) {
			t.Error(err)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Error(info.Mode(), err)
		}
		c, err := OpenReader(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := c.Verify(t.Context(), nil)
		if err != nil || len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0], "marker") || rep.Messages != 1 {
			t.Errorf("%+v, %v", rep, err)
		}
		c.Close()
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 2 {
			t.Error("something is left behind:", left, err)
		}
		os.Remove(file + "-wal")
		os.Remove(file + "-shm")
	}
	if err := o.Backup(t.Context(), filepath.Join(dir, "nowhere", "x.db")); err == nil {
		t.Error("backed up into no folder")
	}
	o.do(func(tx *Tx) error { return tx.MoveRun(run, RunRunning, RunDrafted, RunChange{}) })
}
