package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockName is a file of its own: opening and closing the database's file would
// drop SQLite's locks on it (POSIX locks belong to the process and file).
const lockName = "lock"

// lockFolder takes the flock and writes our process id into the file. It is kept
// by the kernel as long as we live, however we die.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the lock in %s: %w", dir, rights(err))
	}
	// Holder looks by taking a shared lock for a moment; such a look is waited for.
	for try := range 10 {
		if try > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid := readPID(f)
		return nil, errors.Join(fmt.Errorf("couldn't take the ledger in %s, process %d has it: %w", dir, pid, ErrLocked), f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't lock the ledger in %s; it has to lie on a local disk: %w", dir, err), f.Close())
	}
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		return nil, errors.Join(fmt.Errorf("couldn't write the lock in %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func writePID(f *os.File) error {
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(f *os.File) int {
	b := make([]byte, 32)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// Holder reports whether some process holds dir's flock. pid is what it wrote
// there, 0 when it can't be told.
func Holder(dir string) (pid int, held bool, err error) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("couldn't look at the lock in %s: %w: %w", dir, ErrRights, err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return readPID(f), true, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("couldn't look at the lock in %s: %w", dir, err)
	}
	return 0, false, nil // closing the file gives the shared lock back
}
