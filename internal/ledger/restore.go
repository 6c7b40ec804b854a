package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// WordsRestored are the words of a delivery that is unknown for that reason, not for
// an answer that was lost.
const WordsRestored = "the ledger was restored from an older copy"

// ErrOther is a copy of another ledger than the one in whose place it is put.
var ErrOther = errors.New("the copy is of another ledger")

// RestoreOptions of Restore.
type RestoreOptions struct {
	Trial    bool             // the mode that the rules ask for
	Another  bool             // the copy is meant to take the place of another ledger, or a new one that of one that can be read
	Look     bool             // look only: nothing is changed
	Who      Who              // who restores
	Why      string           // and why
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: nothing is logged
	Progress func(done, total int64)
}

// Restoration is what Restore did, or would do.
type Restoration struct {
	Events   int64     // entries of the copy's log
	Messages int64     // messages that it has
	Last     time.Time // its last entry: what came later is not in it
	Lost     int64     // entries that the ledger in place had beyond it; -1 where nobody can tell
	Unknown  int       // deliveries that may have gone out since
	Held     int       // messages that are held until a person says so
	Archive  string    // where the ledger went that was there; "" when there was none
}

// Restore puts a copy that Backup made in the place of the ledger in dir, or a new
// and empty ledger where backup is "": the whole folder was lost.
//
// It takes the flock, so that no daemon is at work. The copy is copied into dir under
// a name of its own, verified to the last row, and there gets what a restored ledger
// gets at its first start as well (see Open): the flag "restored", unknown for what
// may have gone out, held for what had not been queued. Only then the ledger that is
// there is archived in a folder of its own, complete, and the copy takes its place.
//
// If we die before the marker is written nothing has changed. After that the old
// ledger, if still in place, doesn't fit its marker and opens with everything held;
// one that is gone is missing, which no start takes for a fresh one. In both cases
// Restore can be called again, and the archive is whole.
func Restore(ctx context.Context, dir, backup string, o RestoreOptions) (_ Restoration, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return Restoration{}, fmt.Errorf("couldn't find the ledger's folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't restore the ledger in %s: %w", dir, err)
		}
	}()
	r := &restoring{dir: dir, o: o, now: o.Now, log: o.Log}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if err := folder(dir, !o.Look); err != nil && (!o.Look || !errors.Is(err, ErrNone)) {
		return Restoration{}, err
	}
	if o.Look {
		if pid, held, err := Holder(dir); err != nil {
			return Restoration{}, err
		} else if held {
			return Restoration{}, fmt.Errorf("process %d has it: %w", pid, ErrLocked)
		}
	} else {
		lock, err := lockFolder(dir)
		if err != nil {
			return Restoration{}, err
		}
		defer func() { err = errors.Join(err, lock.Close()) }()
	}
	err = r.restore(ctx, backup)
	return r.Restoration, err
}

// parts are the files of a ledger.
var parts = []string{fileName, fileName + "-wal", fileName + "-shm", markerName}

type restoring struct {
	Restoration
	dir string
	o   RestoreOptions
	now func() time.Time
	log *slog.Logger

	was   marker // what is known of the ledger that is in place
	known bool   // its id is
	whole bool   // it can be read to its end
}

func (r *restoring) restore(ctx context.Context, backup string) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	// Where it is prepared: beside the ledger, so that the last step is one rename; for a mere look, among the temporary files.
	work := r.dir
	if r.o.Look {
		tmp, err := os.MkdirTemp("", "bod-restore-")
		if err != nil {
			return rights(err)
		}
		defer func() { _ = os.RemoveAll(tmp) }() // a copy of a copy
		work = tmp
	}
	name := filepath.Join(work, newName)
	defer func() {
		for _, left := range []string{name, name + "-wal", name + "-shm", name + "-journal"} {
			_ = os.Remove(left) // gone when it took its place; whatever is left the next Restore removes
		}
	}()
	var err error
	if backup == "" {
		err = r.fresh(ctx, work)
	} else {
		err = copyFile(backup, name)
	}
	if err != nil {
		return err
	}
	end, err := r.ready(ctx, name, backup)
	if err != nil || r.o.Look {
		return err
	}
	return r.swap(name, end)
}

// look finds what lies in dir now.
func (r *restoring) look(ctx context.Context) error {
	r.Lost = -1
	for _, name := range parts {
		info, err := os.Lstat(filepath.Join(r.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return rights(err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%w: %s is not a plain file", ErrRights, name)
		}
		if err := owned(filepath.Join(r.dir, name), info); err != nil {
			return err
		}
	}
	if err := unused(filepath.Join(r.dir, fileName)); err != nil {
		return err
	}
	mark, err := readMarker(r.dir)
	if err == nil && mark != nil { // one that can't be read is archived with the rest
		r.was, r.known = *mark, true
	}
	l := &Ledger{file: filepath.Join(r.dir, fileName)}
	if _, err := os.Lstat(l.file); err != nil {
		return nil
	}
	if l.writer, err = dial(ctx, l.file, false, false); err != nil {
		return nil // damaged: that is why it is replaced
	}
	if err := l.who(); err == nil {
		// The ledger itself counts before its marker, which may be another's.
		if h, err := l.writer.head(); err == nil {
			r.whole = l.writer.check("quick_check") == nil
			if !r.known || r.was.Ledger != l.id || h.seq > r.was.Seq {
				r.was, r.known = marker{l.id, h.seq, h.hash}, true
			}
		}
	}
	return l.writer.close()
}

// unused sees that no other process has the database open: the last one that closes
// it removes the write-ahead log by its name, which would then be another ledger's.
// SQLite keeps a shared lock on the file for as long as a connection in WAL mode is there.
func unused(file string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return rights(err)
	}
	defer f.Close()
	const lockBytes, lockLength = 0x40000000, 512 // sqlite.org/fileformat.html 1.3.3 and os_unix.c
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: lockBytes, Len: lockLength}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock); err != nil {
		return fmt.Errorf("couldn't see who uses the ledger's file: %w", err)
	}
	if lock.Type != syscall.F_UNLCK {
		return fmt.Errorf("process %d has %s open: %w", lock.Pid, file, ErrBusy)
	}
	return nil
}

// fresh makes an empty ledger where the old one was lost.
func (r *restoring) fresh(ctx context.Context, work string) error {
	if r.whole && !r.o.Another {
		return fmt.Errorf("a ledger lies there that can be read; it is not lost: %w", fs.ErrExist)
	}
	return fabricate(ctx, work, r.o.Trial, r.now())
}

// copyFile copies the backup to where it is looked at: its own file is never opened
// as a database, which would write beside it.
func copyFile(from, to string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't copy %s: %w", from, err)
		}
	}()
	src, err := os.OpenFile(from, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is refused, not waited for
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is not a plain file", ErrDamaged)
	}
	if wal, err := os.Stat(from + "-wal"); err == nil && wal.Size() > 0 {
		return fmt.Errorf("%w: it is the file of a ledger in use (a -wal lies beside it), not a copy that bod backup made", ErrDamaged)
	}
	for _, left := range []string{to, to + "-wal", to + "-shm", to + "-journal"} {
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return rights(err)
		}
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return rights(err)
	}
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		return rights(err)
	}
	return nil
}

// ready verifies the copy and makes a restored ledger of it. The end of its log is
// what the marker will say.
func (r *restoring) ready(ctx context.Context, name, backup string) (end marker, err error) {
	l := &Ledger{dir: filepath.Dir(name), file: name, holder: true, now: r.now, log: r.log}
	l.prepare()
	l.markAt = time.Now().Add(24 * time.Hour) // no marker for a name that is not its own yet; mayMark asks the machine's clock
	if l.writer, err = dial(ctx, name, false, false); err != nil {
		return end, damagedCopy(err)
	}
	defer func() { err = errors.Join(err, l.writer.close()) }()
	if err := errors.Join(l.writer.identify(true), l.who()); err != nil {
		return end, damagedCopy(err)
	}
	if l.trial != r.o.Trial {
		return end, fmt.Errorf("%w: %s", ErrTrial, map[bool]string{
			true:  "the copy is of a trial, the rules send real mail",
			false: "the copy is of real mail, the rules are a trial"}[l.trial])
	}
	if backup != "" && r.known && r.was.Ledger != l.id && !r.o.Another {
		return end, ErrOther
	}
	a := &audit{l: l, s: l.writer, ctx: ctx, progress: r.o.Progress}
	before, err := l.writer.head()
	if err != nil {
		return end, damagedCopy(err)
	}
	// The copy has no marker of its own: it is held against its own end.
	if err := a.run(&marker{l.id, before.seq, before.hash}, nil); err != nil {
		return end, damagedCopy(err)
	}
	if len(a.Problems) > 0 {
		return end, fmt.Errorf("%w: the copy is wrong in %d places, first: %s", ErrDamaged, len(a.Problems), a.Problems[0])
	}
	r.Events, r.Messages, r.Last = a.Events, a.Messages, before.at
	if r.known && r.was.Ledger == l.id {
		r.Lost = max(0, r.was.Seq-before.seq)
	}
	why := "a copy that ends at entry " + fmt.Sprint(before.seq) + " was put back"
	if backup == "" {
		why = "the ledger was lost, and a new one begins"
		r.Events, r.Messages, r.Last = 0, 0, time.Time{}
	}
	if r.o.Why != "" {
		why += ": " + r.o.Why
	}
	if err := l.transact(ctx, r.now(), r.o.Who, allWhatever, func(tx *Tx) error {
		if err := tx.recover(); err != nil {
			return err
		}
		var err error
		r.Unknown, r.Held, err = tx.restored(why)
		return err
	}); err != nil {
		return end, err
	}
	h, err := l.writer.head()
	if err != nil {
		return end, err
	}
	var busy, x, y int64
	if err := l.writer.get("PRAGMA wal_checkpoint(TRUNCATE)", nil, &busy, &x, &y); err != nil {
		return end, err
	}
	return marker{l.id, h.seq, h.hash}, nil
}

// damagedCopy says of an error that it is the copy's.
func damagedCopy(err error) error {
	if errors.Is(err, ErrRights) || errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fmt.Errorf("couldn't use the copy: %w", err)
}

// swap archives what is there and puts the copy in its place.
func (r *restoring) swap(name string, end marker) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return rights(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return rights(err)
	}
	if err := r.archive(); err != nil {
		return err
	}
	// If we die from here on: see Restore.
	if err := end.write(r.dir); err != nil {
		return rights(err)
	}
	for _, file := range []string{fileName + "-wal", fileName + "-shm"} {
		if err := os.Remove(filepath.Join(r.dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return rights(err)
		}
	}
	if err := syncDir(r.dir); err != nil {
		return rights(err)
	}
	if err := os.Rename(name, filepath.Join(r.dir, fileName)); err != nil {
		return rights(err)
	}
	return syncDir(r.dir)
}

// archive gives what is there a second name in a folder of its own; nothing is archived where nothing is. It looks again: the
// log that a killed daemon left is gone since look has read the ledger, and lies in the file now.
func (r *restoring) archive() (err error) {
	there := slices.DeleteFunc(slices.Clone(parts), func(name string) bool {
		_, err := os.Lstat(filepath.Join(r.dir, name))
		return errors.Is(err, fs.ErrNotExist)
	})
	if len(there) == 0 {
		return nil
	}
	if r.Archive, err = shelf(r.dir, "before-restore", r.now()); err != nil {
		return rights(err)
	}
	defer func() {
		if err != nil { // what stays in place must not have a second name
			err = errors.Join(err, os.RemoveAll(r.Archive))
			r.Archive = ""
		}
	}()
	for _, file := range there {
		if err := duplicate(filepath.Join(r.dir, file), filepath.Join(r.Archive, file)); err != nil {
			return fmt.Errorf("couldn't archive %s: %w", file, rights(err))
		}
	}
	if err := errors.Join(syncDir(r.Archive), syncDir(r.dir)); err != nil {
		return rights(err)
	}
	return nil
}

// shelf makes a dated folder for what is put away.
func shelf(dir, what string, now time.Time) (string, error) {
	for n := 1; ; n++ {
		to := filepath.Join(dir, what+"-"+now.Format("20060102-150405"))
		if n > 1 {
			to += fmt.Sprintf("-%d", n)
		}
		if err := os.Mkdir(to, 0o700); !errors.Is(err, fs.ErrExist) {
			return to, err
		}
	}
}

// duplicate gives a file a second name, or where the file system has no such thing a copy.
func duplicate(from, to string) error {
	if err := os.Link(from, to); err == nil {
		return nil
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}

// restored is what becomes of an older copy, in the transaction that finds it out. What
// it has as queued or deferred may have gone out since: a letter is unknown, as if
// the answer had been lost, and a person or the relay's proof settles it; a summary
// or notice goes at most once and is rejected, for the next one tells what still
// holds. What had not been queued is held: it may have gone as other bytes, so it is
// never sent as these before a person says so. What was refused may have been sent
// again since: a retry finds it held, with that reason. A request that waits in it had
// its answer long ago: what it asks would be done a second time.
func (tx *Tx) restored(text string) (unknown, held int, err error) {
	if err := tx.SetFlag(Flag{Name: flagRestored, Text: text, Since: tx.now}); err != nil {
		return 0, 0, err
	}
	asked, err := tx.Intents()
	if err != nil {
		return 0, 0, tx.fail(err)
	}
	for _, in := range asked {
		if err := tx.FinishIntent(in.ID, false, WordsRestored); err != nil {
			return 0, 0, err
		}
	}
	ds, err := tx.deliveries("state IN ('queued', 'deferred', 'held', 'failed')")
	if err != nil {
		return 0, 0, err
	}
	class := map[int64]Class{}
	for _, d := range ds {
		if class[d.Message] == "" {
			m, err := tx.Message(d.Message)
			if err != nil {
				return 0, 0, err
			}
			class[d.Message] = m.Class
			if m.Class == ClassLetter && m.isHeld() {
				if err := tx.Hold(m.ID, Restored, ""); err != nil {
					return 0, 0, err
				}
				held++
			}
		}
		switch {
		case d.State == StateFailed:
			if class[d.Message] == ClassLetter {
				if err := tx.setHold(d.Message, Hold{Reason: Restored, Since: tx.now, By: tx.who}); err != nil {
					return 0, 0, err
				}
			}
		case class[d.Message] != ClassLetter:
			d.Words = WordsRestored
			if err := tx.move(d, StateRejected); err != nil {
				return 0, 0, err
			}
		case d.State != StateHeld:
			if err := tx.maybeGone(d); err != nil {
				return 0, 0, err
			}
			unknown++
		}
	}
	return unknown, held, nil
}

// maybeGone walks a delivery to unknown over the states that it may have been in.
func (tx *Tx) maybeGone(d delivery) error {
	// A message that is held with one delivery queued has just become held as a whole.
	now, err := tx.deliveries("id = $1", d.ID)
	if err != nil {
		return err
	}
	d = now[0]
	way := []State{StateClaimed, StateSending, StateUnknown}
	if d.State == StateHeld {
		way = append([]State{StateQueued}, way...)
	}
	token := rand.Text()
	for _, to := range way {
		d.Words = WordsRestored
		if err := tx.move(d, to, column{"token", token}); err != nil {
			return err
		}
		d.State = to
	}
	return nil
}
