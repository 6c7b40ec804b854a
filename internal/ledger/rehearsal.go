package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Rehearsal opens a ledger to play with: a copy of from, or an empty one where from
// is nil. It lies in a folder of its own among the temporary files, which is made
// here and removed by Close, so it can't be taken for the one that remembers: no
// folder that is named by anybody is ever opened this way.
//
// A copy keeps its mode, real or trial, and has a marker of its own, for it is no
// backup that was put back. Nothing is waited for until it is on the disk: what a
// power cut takes of a rehearsal is played again.
func Rehearsal(ctx context.Context, from *Ledger, o Options) (_ *Ledger, err error) {
	dir, err := os.MkdirTemp("", "bod-rehearsal-") // 0700
	if err != nil {
		return nil, fmt.Errorf("couldn't make a folder for the rehearsal: %w", rights(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("couldn't open a ledger for the rehearsal: %w", err), os.RemoveAll(dir))
		}
	}()
	o.Create = from == nil
	if from != nil {
		o.Trial = from.trial
		file := filepath.Join(dir, fileName)
		if err := from.Backup(ctx, file); err != nil {
			return nil, err
		}
		if err := markCopy(ctx, file); err != nil {
			return nil, err
		}
	}
	l, err := Open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	l.rehearsal = true
	if err := l.writer.script("PRAGMA synchronous = OFF"); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// markCopy writes the marker that belongs to a copy as it is.
func markCopy(ctx context.Context, file string) error {
	s, err := dial(ctx, file, false, false)
	if err != nil {
		return err
	}
	l := &Ledger{dir: filepath.Dir(file), writer: s}
	err = l.who()
	if err == nil {
		var h head
		if h, err = s.head(); err == nil {
			err = l.mark(h)
		}
	}
	return errors.Join(err, s.close())
}

// Rehearsal reports whether the ledger is one to play with.
func (l *Ledger) Rehearsal() bool { return l.rehearsal }
