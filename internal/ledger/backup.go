package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Backup writes a complete copy into file (must not exist): VACUUM INTO, fsync,
// rename, fsync of the folder. Work goes on meanwhile; the copy is of one moment.
// Before it the marker is brought up, so that the copy, once it is put back, is
// known for what it is if anything happened after it.
func (l *Ledger) Backup(ctx context.Context, file string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't back the ledger up to %s: %w", file, err)
		}
	}()
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%w: it is there already", fs.ErrExist)
	}
	if l.holder {
		if err := l.markNow(ctx); err != nil {
			return err
		}
	}
	// A name of its own in the same folder, so that the rename is one step; 0600 before anything is in it.
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-")
	if err != nil {
		return rights(err)
	}
	name := f.Name()
	defer func() {
		if err == nil {
			return
		}
		for _, left := range []string{name, name + "-journal"} { // SQLite leaves the second on a full disk
			if gone := os.Remove(left); !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	// A connection of its own: it may take long, and VACUUM is refused where PRAGMA query_only stands.
	s, err := dial(ctx, l.file, false, false)
	if err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, "VACUUM INTO $1", name)
	if err := errors.Join(explain(err), s.close()); err != nil {
		return plain(filepath.Dir(file), err)
	}
	if f, err = os.OpenFile(name, os.O_RDWR, 0); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return rights(err)
	}
	// Link refuses a name that came to be taken meanwhile; a rename would not.
	if err := os.Link(name, file); errors.Is(err, fs.ErrExist) {
		return err
	} else if err == nil {
		err = os.Remove(name)
		return errors.Join(err, syncDir(filepath.Dir(file)))
	}
	if err := os.Rename(name, file); err != nil { // a file system without links
		return err
	}
	return syncDir(filepath.Dir(file))
}

func (l *Ledger) markNow(ctx context.Context) error {
	if err := l.take(ctx); err != nil {
		return err
	}
	defer l.give()
	h, err := l.writer.head()
	if err != nil || h == l.marked {
		return err
	}
	return l.mark(h)
}

// Archive moves the trial ledger in dir, with all that belongs to it, to a dated
// folder beside it (bod run --leave-trial). A real ledger is refused: without it
// every period would be done again.
func Archive(dir string, now time.Time) (to string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("couldn't put the ledger in %s away: %w", dir, err)
		}
	}()
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := folder(dir, false); err != nil {
		return "", err
	}
	if there, err := look(dir); err != nil {
		return "", err
	} else if !there {
		return "", ErrNone
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := files(dir); err != nil {
		return "", err
	}
	if err := settleFile(filepath.Join(dir, fileName)); err != nil {
		return "", err
	}
	if to, err = shelf(dir, "trial", now); err != nil {
		return "", err
	}
	// The marker first: if we die in between, what is left is a ledger without one, which is asked about; a marker
	// without its ledger would be refused.
	for _, name := range []string{markerName, fileName + "-wal", fileName + "-shm", fileName} {
		err := os.Rename(filepath.Join(dir, name), filepath.Join(to, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return to, errors.Join(syncDir(to), syncDir(dir))
}

// settleFile brings everything from the write-ahead log into the file, and refuses a
// real ledger.
func settleFile(file string) error {
	s, err := dial(context.Background(), file, false, false)
	if err != nil {
		return err
	}
	err = func() error {
		l := &Ledger{writer: s}
		if err := errors.Join(s.identify(true), l.who()); err != nil {
			return err
		}
		if !l.trial {
			return fmt.Errorf("%w: it is a real one", ErrTrial)
		}
		var busy, a, b int64
		if err := s.get("PRAGMA wal_checkpoint(TRUNCATE)", nil, &busy, &a, &b); err != nil {
			return err
		}
		if busy != 0 {
			return ErrBusy
		}
		return nil
	}()
	return errors.Join(err, s.close())
}
