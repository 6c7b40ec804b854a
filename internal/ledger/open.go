package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	fileName = "ledger.db"
	newName  = "ledger.db.new" // a ledger that is being made

	// quickLimit is the size up to which SQLite's quick check runs after an unclean
	// stop: it takes about a second for 200 MiB, and the watchdog waits meanwhile.
	quickLimit = 512 << 20
	// tailLength is how many events are hashed again at each start. All of them
	// are by Verify.
	tailLength = 1000
)

// Open takes the flock in dir and opens the ledger to prepare and send. It checks
// rights, pragmas, schema and the chain's tail, and after an unclean stop runs
// SQLite's quick check while the file is small. Then it recovers, in one
// transaction: claimed → queued, sending → unknown, running → planned. A ledger
// that is behind its marker gets the flag "restored": what it has as queued is
// unknown, for it may have gone out since, and what is held is held as Restored (see
// Restore).
func Open(ctx context.Context, dir string, o Options) (_ *Ledger, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("couldn't find the ledger's folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't open the ledger in %s: %w", dir, plain(dir, err))
		}
	}()
	if err := folder(dir, o.Create); err != nil {
		return nil, err
	}
	if there, err := look(dir); err != nil {
		return nil, err
	} else if !there && !o.Create {
		return nil, ErrNone
	}

	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	l := &Ledger{dir: dir, file: filepath.Join(dir, fileName), holder: true, lock: lock, now: o.Now, log: o.Log, testOnlyCommit: o.TestOnlyCommit}
	l.prepare()
	defer func() {
		if err != nil {
			if l.writer != nil {
				err = errors.Join(err, l.writer.close())
			}
			err = errors.Join(err, lock.Close())
		}
	}()
	// Looked at again under the lock: another process may have made it meanwhile.
	there, err := look(dir)
	if err != nil {
		return nil, err
	}
	if !there {
		if !o.Create {
			return nil, ErrNone
		}
		if err := create(ctx, dir, o.Trial, l.now()); err != nil {
			return nil, fmt.Errorf("couldn't make it: %w", err)
		}
		l.created = true
	}
	if err := files(dir); err != nil {
		return nil, err
	}
	if l.writer, err = dial(ctx, l.file, false, false); err != nil {
		return nil, err
	}
	if err := l.writer.identify(true); err != nil {
		return nil, err
	}
	if err := l.who(); err != nil {
		return nil, err
	}
	if l.trial != o.Trial {
		return nil, fmt.Errorf("%w: %s", ErrTrial, map[bool]string{
			true:  "this ledger is of a trial, the rules send real mail",
			false: "this ledger is of real mail, the rules are a trial"}[l.trial])
	}
	if err := l.prove(); err != nil {
		return nil, err
	}
	mark, err := readMarker(dir)
	if err != nil {
		return nil, err
	}
	behind, err := l.writer.behind(l.id, mark)
	if err != nil {
		return nil, err
	}
	if err := l.recover(ctx, behind); err != nil {
		return nil, fmt.Errorf("couldn't recover what the last stop left: %w", err)
	}
	h, err := l.writer.head()
	if err != nil {
		return nil, err
	}
	if err := l.mark(h); err != nil {
		return nil, err
	}
	return l, nil
}

// OpenReader opens the ledger beside a running daemon (or none): View, AddIntent,
// Await, Verify and Backup work, Update does not. A write-ahead log that a killed
// daemon left is read as it stands.
func OpenReader(ctx context.Context, dir string) (_ *Ledger, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("couldn't find the ledger's folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't open the ledger in %s to read: %w", dir, plain(dir, err))
		}
	}()
	if err := folder(dir, false); err != nil {
		return nil, err
	}
	if there, err := look(dir); err != nil {
		return nil, err
	} else if !there {
		return nil, ErrNone
	}
	if err := files(dir); err != nil {
		return nil, err
	}
	l := &Ledger{dir: dir, file: filepath.Join(dir, fileName)}
	l.prepare()
	if l.writer, err = dial(ctx, l.file, false, false); err != nil {
		return nil, err
	}
	if err := errors.Join(l.writer.identify(false), l.who()); err != nil {
		return nil, errors.Join(err, l.writer.close())
	}
	return l, nil
}

func (l *Ledger) prepare() {
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.gone = make(chan struct{})
	l.turn = make(chan struct{}, 1)
	l.give()
	l.seats = make(chan struct{}, readers)
	for range readers {
		l.seats <- struct{}{}
	}
}

// folder sees to the ledger's folder: there, ours, and nobody else's to look into.
// Only an empty one is made private; rights that someone chose are theirs to mend.
func folder(dir string, create bool) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return ErrNone
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return rights(err)
		}
		return syncDir(filepath.Dir(dir))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRights, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is not a folder", ErrRights, dir)
	}
	if err := owned(dir, info); err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRights, err)
	}
	if len(entries) == 0 {
		if !create {
			return ErrNone
		}
		// #nosec G302 -- a folder
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("%w: %w", ErrRights, err)
		}
		return nil
	}
	return fmt.Errorf("%w: others can look into the folder (%v); chmod 700 %s", ErrRights, info.Mode().Perm(), dir)
}

// rights gives an error of the file system the kind that callers tell apart.
func rights(err error) error {
	if kind := fileKind(err); kind != nil {
		return fmt.Errorf("%w: %w", kind, err)
	}
	return fmt.Errorf("%w: %w", ErrRights, err)
}

// fileKind is the kind of an error of the file system that is not about rights; nil for none.
func fileKind(err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrFull
	case errors.Is(err, syscall.EIO):
		return ErrDisk
	}
	return nil
}

// plain says of an error of SQLite what is the matter with the disk that dir lies on. SQLite tells a disk that
// turned out to be full at the sync, or a file that it can't make on a read-only one, like any other error.
func plain(dir string, err error) error {
	if kind := fileKind(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	var fs syscall.Statfs_t
	if err == nil || !errors.Is(err, ErrDisk) && !errors.Is(err, ErrRights) || syscall.Statfs(dir, &fs) != nil {
		return err
	}
	const readOnly, room = 1, 64 << 10 // ST_RDONLY; less than a transaction of ours takes
	switch {
	case fs.Flags&readOnly != 0:
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case errors.Is(err, ErrDisk) && fs.Bavail*uint64(fs.Bsize) < room:
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// owned refuses what belongs to someone else: files that root makes in a service's
// folder are ones that the service can't open afterwards.
func owned(name string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == os.Geteuid() {
		return nil
	}
	owner := strconv.Itoa(int(st.Uid))
	if u, err := user.LookupId(owner); err == nil {
		owner = u.Username
	}
	return fmt.Errorf("%w: %s belongs to the user %s; run bod as that user (sudo -u %s bod …)", ErrRights, name, owner, owner)
}

// look reports whether a ledger lies in dir. A marker or a write-ahead log without
// it is not a fresh start.
func look(dir string) (bool, error) {
	exists := func(name string) (bool, error) {
		info, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("%w: %w", ErrRights, err)
		case !info.Mode().IsRegular():
			return false, fmt.Errorf("%w: %s is not a plain file", ErrRights, name)
		}
		return true, nil
	}
	there, err := exists(fileName)
	if there || err != nil {
		return there, err
	}
	for _, name := range []string{markerName, fileName + "-wal"} {
		left, err := exists(name)
		if err != nil {
			return false, err
		}
		if left {
			return false, fmt.Errorf("%w: %s lies there without %s", ErrMissing, name, fileName)
		}
	}
	return false, nil
}

// files sees that what lies in the folder is ours alone.
func files(dir string) error {
	for _, name := range []string{fileName, fileName + "-wal", fileName + "-shm", lockName, markerName} {
		name = filepath.Join(dir, name)
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRights, err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%w: %s is not a plain file", ErrRights, name)
		}
		if err := owned(name, info); err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("%w: others can read %s (%v); chmod 600 %s", ErrRights, filepath.Base(name), info.Mode().Perm(), name)
		}
	}
	return nil
}

// create makes a ledger and gives it its name when it is whole and on the disk. If
// we die before the rename there is no ledger, and the next one that is asked to make
// one begins anew; after it there is one, without a marker and without anything but
// its first event.
func create(ctx context.Context, dir string, trial bool, now time.Time) error {
	if err := fabricate(ctx, dir, trial, now); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, newName), filepath.Join(dir, fileName)); err != nil {
		return err
	}
	return syncDir(dir)
}

// fabricate makes an empty ledger under a name that nobody takes for one.
func fabricate(ctx context.Context, dir string, trial bool, now time.Time) error {
	name := filepath.Join(dir, newName)
	for _, left := range []string{name, name + "-wal", name + "-shm"} {
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// SQLite gives its -wal and -shm the rights of the file that it finds.
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return rights(err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	s, err := dial(ctx, name, false, false)
	if err != nil {
		return err
	}
	if err := s.fill(ctx, trial, now); err != nil {
		return errors.Join(err, s.close())
	}
	// Closing the last connection brings everything from the write-ahead log into the file.
	return s.close()
}

func (s *session) fill(ctx context.Context, trial bool, now time.Time) error {
	if err := s.script(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	if err := s.migrate(true); err != nil {
		return err
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	l := &Ledger{writer: s, now: func() time.Time { return now }}
	l.prepare()
	l.markAt = time.Now().Add(24 * time.Hour) // no marker for a name that is not its own yet, however slow the disk is
	return l.transact(ctx, now, self(), allWhatever, func(tx *Tx) error {
		if _, err := tx.write(ledgers, row{do: insert, key: []any{int64(1)}, set: []column{{"id", hex.EncodeToString(id)}, {"trial", trial}}}); err != nil {
			return err
		}
		_, err := tx.s.exec("INSERT INTO pulse (one, clean, touched) VALUES (1, 1, $1)", now.UnixMicro())
		return err
	})
}

// self is bod itself as the one who acts.
func self() Who {
	name := strconv.Itoa(os.Geteuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return Who{Name: "bod", User: name}
}

// identify sees that the file is a ledger of a form that this program knows.
func (s *session) identify(write bool) error {
	var id int64
	if err := s.get("PRAGMA application_id", nil, &id); err != nil {
		return err
	}
	if id != applicationID {
		return fmt.Errorf("%w: %s is not a ledger of bod", ErrDamaged, fileName)
	}
	return s.migrate(write)
}

// who reads which ledger this is.
func (l *Ledger) who() error {
	if err := l.writer.get("SELECT id, trial FROM ledger", nil, &l.id, &l.trial); err != nil {
		return fmt.Errorf("%w: it doesn't say which ledger it is: %w", ErrDamaged, err)
	}
	return nil
}

// prove checks what can be checked before the watchdog gets impatient.
func (l *Ledger) prove() error {
	s := l.writer
	var clean bool
	if err := s.get("SELECT clean FROM pulse WHERE one = 1", nil, &clean); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if !clean {
		info, err := os.Stat(l.file)
		if err != nil {
			return err
		}
		if info.Size() > quickLimit {
			l.log.Warn("bod was not stopped cleanly, and the ledger is too large to be checked at start; bod verify does it")
		} else if err := s.check("quick_check"); err != nil {
			return err
		}
	}
	return s.tail()
}

// check runs one of SQLite's own checks.
func (s *session) check(pragma string) error {
	var first string
	n := 0
	err := s.stream("PRAGMA "+pragma, nil, func(r scanner) error {
		n++
		var line string
		if err := r.Scan(&line); err != nil {
			return err
		}
		if n == 1 {
			first = line
		}
		return nil
	})
	if err != nil {
		return err
	}
	if first != "ok" {
		return fmt.Errorf("%w: SQLite's %s found %d problems, first: %s", ErrDamaged, pragma, n, first)
	}
	return nil
}

// tail hashes the last events again.
func (s *session) tail() error {
	h, err := s.head()
	if err != nil {
		return err
	}
	before, next := noHash, max(0, h.seq-tailLength)
	if next > 0 {
		if err := s.get("SELECT hash FROM events WHERE seq = $1", []any{next}, &before); err != nil {
			return fmt.Errorf("%w: entry %d of the log is gone: %w", ErrDamaged, next, err)
		}
	}
	return s.stream(selectEvents+" WHERE seq > $1 ORDER BY seq", []any{next}, func(r scanner) error {
		e, err := scanEvent(r)
		if err != nil {
			return err
		}
		next++
		if e.Seq != next || e.sum(before) != e.Hash {
			return fmt.Errorf("%w: entry %d of the log was altered or is gone", ErrDamaged, next)
		}
		before = e.Hash
		return nil
	})
}

// recover is what a restart does. It runs in one transaction: if we die in it, the
// next start does it all.
func (l *Ledger) recover(ctx context.Context, behind string) error {
	return l.transact(ctx, l.now(), self(), allWhatever, func(tx *Tx) error {
		if _, err := tx.s.exec("UPDATE pulse SET clean = 0 WHERE one = 1"); err != nil {
			return tx.fail(err)
		}
		if err := tx.recover(); err != nil || behind == "" {
			return err
		}
		l.log.Error("the ledger is older than it once was, as a copy that was put back: nothing is sent until a person says so (bod status)", "err", behind)
		_, _, err := tx.restored(behind)
		return err
	})
}

// recover ends what another process had in its hands.
func (tx *Tx) recover() error {
	open, err := collect(tx.Runs(RunQuery{States: []RunState{RunRunning}}))
	if err != nil {
		return err
	}
	for _, r := range open {
		if err := tx.MoveRun(r.ID, RunRunning, RunPlanned, RunChange{}); err != nil {
			return err
		}
	}
	ds, err := tx.deliveries("state IN ('claimed', 'sending')")
	if err != nil {
		return err
	}
	touched := map[int64]bool{}
	for _, d := range ds {
		to := StateQueued
		if d.State == StateSending {
			to = StateUnknown
			d.Words = ""
		}
		tx.l.log.Warn("recovered", "message", d.Message, "state", to, "was", d.State)
		if err := tx.move(d, to); err != nil {
			return err
		}
		touched[d.Message] = true
	}
	for id := range touched {
		if err := tx.settle(id); err != nil {
			return err
		}
	}
	return nil
}
