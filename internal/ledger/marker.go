package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The marker tells beside the database how far the ledger came: its id and its
// last event. A copy of an older ledger that is put in its place is behind it,
// and opens with everything held, for what it has as queued may have gone out.
//
// It is written after a commit, never before, so it may lag and never leads. It
// is not written after every commit, since that would double the cost of each:
// at most once a second while there is work, once it is quiet, before a backup
// is made and at a clean stop. What that loses: a copy that was made by other
// means within the last second before a crash, and put back after it, is not
// recognised.
const (
	markerName  = "marker"
	markerEvery = time.Second
)

type marker struct {
	Ledger string `json:"ledger"`
	Seq    int64  `json:"seq"`
	Hash   string `json:"hash"`
}

// readMarker returns nil when there is none.
func readMarker(dir string) (*marker, error) {
	b, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the ledger's marker: %w: %w", ErrRights, err)
	}
	var m marker
	if err := json.Unmarshal(b, &m); err != nil {
		// It is replaced in one step, so no crash of ours leaves half of one.
		return nil, fmt.Errorf("couldn't read the ledger's marker, its content is not bod's: %w: %w", ErrDamaged, err)
	}
	return &m, nil
}

// write replaces the marker in one step.
func (m marker) write(dir string) error {
	err := m.replace(dir)
	if kind := fileKind(err); kind != nil {
		err = fmt.Errorf("%w: %w", kind, err)
	}
	if err != nil {
		return fmt.Errorf("couldn't write the ledger's marker: %w", err)
	}
	return nil
}

func (m marker) replace(dir string) error {
	name := filepath.Join(dir, markerName)
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(toJSON(m), '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(name+".new"))
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a change of names durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// mark writes the marker for this end of the log.
func (l *Ledger) mark(h head) error {
	l.markAt = time.Now() // also when it fails: a full disk is not asked at every commit
	if err := (marker{l.id, h.seq, h.hash}).write(l.dir); err != nil {
		return err
	}
	l.marked = h
	return nil
}

// mayMark writes the marker unless it was just written. The commit stands
// whatever becomes of it.
func (l *Ledger) mayMark(h head) {
	if time.Since(l.markAt) < markerEvery {
		return
	}
	if err := l.mark(h); err != nil {
		l.log.Warn("the ledger's marker lags", "err", err)
	}
}

// catchUp brings a marker up that lags.
func (l *Ledger) catchUp() error {
	if !l.holder || time.Since(l.markAt) < markerEvery {
		return nil
	}
	h, err := l.writer.head()
	if err != nil {
		return fmt.Errorf("couldn't read the end of the log: %w", err)
	}
	if h != l.marked {
		l.mayMark(h)
	}
	return nil
}

// behind says how the ledger falls short of its marker; "" when it does not.
func (s *session) behind(id string, m *marker) (string, error) {
	h, err := s.head()
	if err != nil {
		return "", err
	}
	switch {
	case m == nil && h.seq <= 1:
		return "", nil // it was made just now; we died before its first marker
	case m == nil:
		return "the ledger's marker is gone, so nobody knows how far the ledger once came", nil
	case m.Ledger != id:
		return "the marker is of another ledger", nil
	case h.seq < m.Seq:
		return fmt.Sprintf("the ledger ends at entry %d, but it once came to entry %d", h.seq, m.Seq), nil
	}
	var hash string
	err = s.get("SELECT hash FROM events WHERE seq = $1", []any{m.Seq}, &hash)
	if errors.Is(err, ErrNotFound) || err == nil && hash != m.Hash {
		return fmt.Sprintf("entry %d of the ledger is not the one that the marker knows", m.Seq), nil
	}
	return "", err
}

// Behind says how the ledger falls short of its marker, "" when it does not. It may
// be asked beside the holder: the marker is read first, and it never leads.
func (l *Ledger) Behind(ctx context.Context) (string, error) {
	if err := l.take(ctx); err != nil {
		return "", err
	}
	defer l.give()
	m, err := readMarker(l.dir)
	if err != nil {
		return "", err
	}
	return l.writer.behind(l.id, m)
}
