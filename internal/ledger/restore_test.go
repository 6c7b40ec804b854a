package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// backedUp is an office with one letter of each kind at the moment of its backup, after which
// everything went out.
func backedUp(t *testing.T) (o *office, backup string, out []Sealed) {
	o = open(t)
	run := o.running("a", "2026-11")
	held := letter("held")
	held.ConfirmBy, held.ConfirmCount = []string{"tanaka"}, 1
	out = o.seal(run, held, letter("queued"), letter("deferred"), letter("sent"))
	o.send(out[3].Message, "sent")
	o.do(func(tx *Tx) error {
		if err := errors.Join(tx.Queue(out[1].Message), tx.Queue(out[2].Message)); err != nil {
			return err
		}
		token, _, err := tx.Claim(out[2].Message)
		if err != nil {
			return err
		}
		return tx.Receive(token, receipts("deferred", "deferred@acme.example"), func(Delivery) time.Time { return o.now.Add(time.Hour) })
	})
	o.do(func(tx *Tx) error {
		_, err := tx.Seal(0, []NewMessage{toldOnce("told")}, nil, false)
		return err
	})
	backup = filepath.Join(t.TempDir(), "backup.db")
	if err := o.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	o.do(func(tx *Tx) error {
		token, _, err := tx.Claim(out[1].Message)
		if err != nil {
			return err
		}
		return errors.Join(tx.Sending(token, []string{"queued@acme.example"}), tx.Receive(token, receipts("sent", "queued@acme.example"), nil))
	})
	if err := o.Ledger.Close(); err != nil {
		t.Fatal(err)
	}
	o.Ledger = nil
	return o, backup, out
}

func toldOnce(id string) NewMessage {
	m := letter(id)
	m.Class, m.Job, m.Part, m.Key = ClassNotice, "", "admin", "notice/held/"+id+"/0123"
	return m
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A copy that is put back: what may have gone out since is unknown and not queued, what had not been
// queued is held, and the ledger that was there is in the archive, whole.
func TestRestore(t *testing.T) {
	o, backup, out := backedUp(t)
	before := tree(t, o.dir)
	opts := RestoreOptions{Now: func() time.Time { return o.now }, Who: Who{Name: "sato", User: "root"}, Why: "the disk broke"}
	look := opts
	look.Look = true
	seen, err := Restore(t.Context(), o.dir, backup, look)
	if err != nil {
		t.Fatal(err)
	}
	if after := tree(t, o.dir); len(after) != len(before) || after[fileName] != before[fileName] || after[markerName] != before[markerName] {
		t.Error("a look changed something")
	}
	did, err := Restore(t.Context(), o.dir, backup, opts)
	if err != nil {
		t.Fatal(err)
	}
	if did.Archive == "" || did.Lost <= 0 || did.Unknown != 2 || did.Held != 1 || did.Messages != 5 {
		t.Errorf("%+v", did)
	}
	did.Archive = ""
	if seen != did {
		t.Errorf("a look says %+v, then it is %+v", seen, did)
	}
	entries, err := filepath.Glob(filepath.Join(o.dir, "before-restore-*"))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	a, err := OpenReader(t.Context(), entries[0])
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := a.Verify(t.Context(), nil); err != nil || len(rep.Problems) > 0 {
		t.Error(rep.Problems, err)
	}
	a.Close()

	o.reopen()
	o.verified()
	for i, want := range []State{StateHeld, StateUnknown, StateUnknown, StateSent} {
		if m := o.message(out[i].Message); m.State != want {
			t.Errorf("%s is %s, not %s", m.Part, m.State, want)
		}
	}
	if m := o.message(out[0].Message); len(m.Holds) != 2 || m.Holds[1].Reason != Restored || m.Holds[1].By.Name != "sato" {
		t.Errorf("%+v", m.Holds)
	}
	o.view(func(v *View) error {
		m, err := v.MessageByKey("notice/held/told/0123")
		if m.State != StateRejected {
			t.Errorf("the notice is %s: what goes at most once is not sent again", m.State)
		}
		flags, ferr := v.Flags()
		if len(flags) != 1 || flags[0].Name != flagRestored || !strings.Contains(flags[0].Text, "the disk broke") {
			t.Errorf("%+v", flags)
		}
		return errors.Join(err, ferr)
	})
	if info, err := os.Stat(filepath.Join(o.dir, fileName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	o.do(func(tx *Tx) error { // a person says that it never arrived: the same bytes go
		return tx.MoveDelivery(o.message(out[1].Message).Deliveries[0].ID, StateUnknown, StateQueued, "asked them")
	})
}

// Whatever is wrong with a copy is found before anything is touched.
func TestRestoreRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, o *office, backup string, r *RestoreOptions) string
		want   error
	}{
		{"another office's", func(t *testing.T, o *office, backup string, r *RestoreOptions) string {
			l, err := Open(t.Context(), filepath.Join(t.TempDir(), "other"), Options{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			other := filepath.Join(t.TempDir(), "other.db")
			if err := errors.Join(l.Backup(t.Context(), other), l.Close()); err != nil {
				t.Fatal(err)
			}
			return other
		}, ErrOther},
		{"a trial's", func(t *testing.T, o *office, backup string, r *RestoreOptions) string { r.Trial = true; return backup }, ErrTrial},
		{"garbage", func(t *testing.T, o *office, backup string, r *RestoreOptions) string {
			write(t, backup, strings.Repeat("garbage ", 1000), 0o600)
			return backup
		}, ErrDamaged},
		{"empty", func(t *testing.T, o *office, backup string, r *RestoreOptions) string {
			write(t, backup, "", 0o600)
			return backup
		}, ErrDamaged},
		{"cut short", func(t *testing.T, o *office, backup string, r *RestoreOptions) string {
			if err := os.Truncate(backup, 100<<10); err != nil {
				t.Fatal(err)
			}
			return backup
		}, ErrDamaged},
		{"one byte of a letter is another", func(t *testing.T, o *office, backup string, r *RestoreOptions) string {
			b, err := os.ReadFile(backup)
			if err != nil {
				t.Fatal(err)
			}
			at := bytes.LastIndex(b, letter("queued").Body)
			if at < 0 {
				t.Fatal("the letter's bytes are not in the copy")
			}
			b[at] ^= 1
			write(t, backup, string(b), 0o600)
			return backup
		}, ErrDamaged},
		{"a newer one", func(t *testing.T, o *office, backup string, r *RestoreOptions) string {
			s, err := dial(t.Context(), backup, false, false)
			if err != nil {
				t.Fatal(err)
			}
			err = s.script("INSERT INTO migrations SELECT 99, 'later', sha256, schema FROM migrations WHERE version = (SELECT max(version) FROM migrations)")
			if err := errors.Join(err, s.close()); err != nil {
				t.Fatal(err)
			}
			return backup
		}, ErrSchema},
		{"a ledger in use", func(t *testing.T, o *office, backup string, r *RestoreOptions) string {
			write(t, backup+"-wal", "frames", 0o600)
			return backup
		}, ErrDamaged},
		{"no file", func(t *testing.T, o *office, backup string, r *RestoreOptions) string { return backup + ".nowhere" }, fs.ErrNotExist},
		{"a folder", func(t *testing.T, o *office, backup string, r *RestoreOptions) string { return o.dir }, ErrDamaged},
		{"a pipe", func(t *testing.T, o *office, backup string, r *RestoreOptions) string {
			if err := syscall.Mkfifo(backup+".pipe", 0o600); err != nil {
				t.Fatal(err)
			}
			return backup + ".pipe"
		}, ErrDamaged},
		{"a daemon is at work", func(t *testing.T, o *office, backup string, r *RestoreOptions) string { o.reopen(); return backup }, ErrLocked},
		{"lost, though it is there", func(t *testing.T, o *office, backup string, r *RestoreOptions) string { return "" }, fs.ErrExist},
	} {
		for _, look := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				o, backup, _ := backedUp(t)
				r := RestoreOptions{Now: func() time.Time { return o.now }, Who: bod, Look: look}
				from := c.change(t, o, backup, &r)
				before := tree(t, o.dir)
				_, err := Restore(t.Context(), o.dir, from, r)
				if !errors.Is(err, c.want) {
					t.Errorf("%v", err)
				}
				after := tree(t, o.dir)
				for name, b := range before {
					if after[name] != b && !strings.HasSuffix(name, "-shm") && name != lockName {
						t.Errorf("%s was changed", name)
					}
				}
				if len(after) != len(before) && o.Ledger == nil && after[lockName] == before[lockName] {
					t.Errorf("something is left behind: %d files, then %d", len(before), len(after))
				}
				if o.Ledger == nil {
					o.reopen()
				}
				o.view(func(v *View) error {
					flags, err := v.Flags()
					if len(flags) > 0 {
						t.Errorf("%+v", flags)
					}
					return err
				})
			})
		}
	}
}

// Where the folder is lost a new ledger begins with the flag; a damaged one is archived as it is.
func TestRestoreLost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	did, err := Restore(t.Context(), dir, "", RestoreOptions{Who: bod})
	if err != nil || did.Archive != "" || did.Lost != -1 {
		t.Fatalf("%+v %v", did, err)
	}
	o := &office{t: t, dir: dir, now: time.Now()}
	o.reopen()
	run := o.running("a", "2026-11")
	if m := o.message(o.seal(run, letter("x"))[0].Message); len(m.Holds) != 1 || m.Holds[0].Reason != Restored {
		t.Errorf("%+v", m.Holds)
	}
	o.verified()
	o.Ledger.Close()
	o.Ledger = nil
	if err := os.Truncate(filepath.Join(dir, fileName), 5000); err != nil {
		t.Fatal(err)
	}
	did, err = Restore(t.Context(), dir, "", RestoreOptions{Who: bod})
	if err != nil || did.Archive == "" {
		t.Fatalf("%+v %v", did, err)
	}
	if info, err := os.Stat(filepath.Join(did.Archive, fileName)); err != nil || info.Size() != 5000 {
		t.Error(info, err)
	}
	o.reopen()
	o.verified()
}

// A request that nobody had answered when the copy was made was answered since.
func TestRestoreAnswersOldRequests(t *testing.T) {
	o := open(t)
	asked, err := o.AddIntent(t.Context(), Intent{Verb: "resend", Who: bod})
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if err := o.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if err := o.Ledger.Close(); err != nil {
		t.Fatal(err)
	}
	o.Ledger = nil
	if _, err := Restore(t.Context(), o.dir, backup, RestoreOptions{Who: bod}); err != nil {
		t.Fatal(err)
	}
	o.reopen()
	o.verified()
	o.view(func(v *View) error {
		waiting, err := v.Intents()
		if len(waiting) > 0 {
			t.Errorf("%+v is done a second time", waiting)
		}
		if in, ierr := v.Intent(asked); ierr != nil || in.OK || in.Result != WordsRestored {
			t.Errorf("%+v %v", in, ierr)
		}
		return err
	})
}

// A daemon that was killed leaves its log beside the file; the ledger is archived with what stands in it.
func TestRestoreAfterAKill(t *testing.T) {
	o, backup, _ := backedUp(t)
	o.reopen() // a commit that lies in the log alone
	dir := filepath.Join(t.TempDir(), "killed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fileName, fileName + "-wal", fileName + "-shm", markerName} {
		b, err := os.ReadFile(filepath.Join(o.dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	did, err := Restore(t.Context(), dir, backup, RestoreOptions{Who: bod})
	if err != nil {
		t.Fatal(err)
	}
	a, err := OpenReader(t.Context(), did.Archive)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	rep, err := a.Verify(t.Context(), nil)
	if err != nil || len(rep.Problems) > 0 || rep.Events != did.Events+did.Lost {
		t.Errorf("%d entries in the archive, %d and %d in the copy and beyond: %v %v", rep.Events, did.Events, did.Lost, rep.Problems, err)
	}
}

// An other program that has the old file open would remove the new ledger's log when it closes it.
func TestRestoreWaitsForReaders(t *testing.T) {
	o, backup, _ := backedUp(t)
	release := holdOpen(t, o.dir)
	if _, err := Restore(t.Context(), o.dir, backup, RestoreOptions{Who: bod}); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	release()
	if _, err := Restore(t.Context(), o.dir, backup, RestoreOptions{Who: bod}); err != nil {
		t.Error(err)
	}
}

// Whatever step Restore dies in, the next start either finds the old ledger as it was, or refuses, or holds
// everything; and Restore can be called again.
func TestRestoreDies(t *testing.T) {
	o, backup, out := backedUp(t)
	whole := t.TempDir()
	if err := os.CopyFS(filepath.Join(whole, "state"), os.DirFS(o.dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), o.dir, backup, RestoreOptions{Who: bod}); err != nil {
		t.Fatal(err)
	}
	marker, err := os.ReadFile(filepath.Join(o.dir, markerName))
	if err != nil {
		t.Fatal(err)
	}
	for _, died := range []struct {
		name string
		do   func(dir string) error
		want func(t *testing.T, o *office, err error)
	}{
		{"before the marker", func(string) error { return nil }, func(t *testing.T, o *office, err error) {
			if m := o.message(out[1].Message); err != nil || m.State != StateSent {
				t.Error(m.State, err)
			}
		}},
		{"after the marker", func(dir string) error { return os.WriteFile(filepath.Join(dir, markerName), marker, 0o600) }, func(t *testing.T, o *office, err error) {
			o.view(func(v *View) error {
				flags, ferr := v.Flags()
				if err != nil || len(flags) != 1 {
					t.Error(flags, err)
				}
				return ferr
			})
		}},
	} {
		t.Run(died.name, func(t *testing.T) {
			o := &office{t: t, dir: filepath.Join(t.TempDir(), "state"), now: begin}
			if err := os.CopyFS(o.dir, os.DirFS(filepath.Join(whole, "state"))); err != nil {
				t.Fatal(err)
			}
			for name, mode := range map[string]os.FileMode{"": 0o700, fileName: 0o600, markerName: 0o600, lockName: 0o600} {
				if err := os.Chmod(filepath.Join(o.dir, name), mode); err != nil {
					t.Fatal(err)
				}
			}
			if err := died.do(o.dir); err != nil {
				t.Fatal(err)
			}
			o.reopen()
			died.want(t, o, nil)
			o.Ledger.Close()
			o.Ledger = nil
			if _, err := Restore(t.Context(), o.dir, backup, RestoreOptions{Who: bod}); err != nil {
				t.Fatal(err)
			}
			o.reopen()
			o.verified()
		})
	}
}
