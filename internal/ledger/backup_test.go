package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Copies that are made while messages are sent are each of one moment, whole, and can be put back; the work goes on meanwhile.
func TestBackupUnderLoad(t *testing.T) {
	o := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	done := make(chan int, 1)
	work.Go(func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			s := &stage{period: fmt.Sprintf("p%d", n)}
			for _, step := range wholeWay {
				if err := o.try(func(tx *Tx) error { return step.do(tx, s) }); err != nil {
					t.Errorf("%s: %v", step.name, err)
					break
				}
			}
		}
		done <- n
	})
	defer func() { cancel(); work.Wait() }()
	r, err := OpenReader(t.Context(), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir := t.TempDir()
	last := int64(-1)
	for i := range 6 {
		l := o.Ledger
		if i%2 == 1 { // the command beside the daemon
			l = r
		}
		file := filepath.Join(dir, fmt.Sprintf("%d.db", i))
		if err := l.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		got, err := Restore(t.Context(), filepath.Join(dir, "nowhere"), file, RestoreOptions{Look: true, Who: bod})
		if err != nil {
			t.Fatal(err)
		}
		if got.Events <= last {
			t.Errorf("copy %d has %d entries, the one before %d", i, got.Events, last)
		}
		last = got.Events
	}
	cancel()
	if n := <-done; n < 5 {
		t.Errorf("only %d messages went meanwhile", n)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 6 {
		t.Error("something is left beside the copies:", left, err)
	}
	did, err := Restore(t.Context(), filepath.Join(dir, "state"), filepath.Join(dir, "5.db"), RestoreOptions{Who: bod})
	if err != nil || did.Events != last {
		t.Fatal(did, err)
	}
	again := &office{t: t, dir: filepath.Join(dir, "state"), now: begin}
	again.reopen()
	again.verified()
}

// What can't be written whole is not there at all, and the kind of the error says why.
func TestBackupFails(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	big := letter("x")
	big.Body = []byte(strings.Repeat("x", 3<<20))
	o.seal(run, big)
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string) error
		want error
	}{
		{"a full disk", func(t *testing.T, dir string) error {
			return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700")
		}, ErrFull},
		{"a read-only disk", func(t *testing.T, dir string) error {
			return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, "size=1m,mode=0700")
		}, ErrReadOnly},
		{"no folder", func(t *testing.T, dir string) error { return os.Remove(dir) }, os.ErrNotExist},
		{"stopped", nil, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "to")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.make == nil {
				cancel()
			} else if err := c.make(t, dir); err != nil {
				if os.Getenv("BOD_TEST_ALL") != "" {
					t.Fatal("couldn't mount a small disk, that needs root: ", err)
				}
				t.Skip("couldn't mount a small disk, that needs root: ", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // where one was mounted
			if err := o.Backup(ctx, filepath.Join(dir, "x.db")); !errors.Is(err, c.want) {
				t.Errorf("%v", err)
			}
			if left, err := os.ReadDir(dir); err == nil && len(left) > 0 {
				t.Error("half a copy is left:", left)
			}
		})
	}
	o.verified()
}
