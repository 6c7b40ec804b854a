// Package ledger remembers what was due, done, drafted, decided and sent. It is
// the only mutable state of bod.
//
// It promises that nothing moves between states but by the table of moves
// (state.go), each by compare-and-swap in one transaction, and that the database
// itself refuses any other; that what was acknowledged survives a power cut;
// that a message's key is taken once; that sealed bytes never change; and that
// every change is in a chained event log from which each row can be told again.
//
// One process holds the folder's flock and writes (Open). Any other reads beside
// it, and asks for something by writing an intent (OpenReader).
//
// In the folder lie ledger.db (with SQLite's -wal and -shm), lock, which carries
// the flock, and marker, which tells how far the ledger once came, so that an
// older copy put in its place does not send again.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// tolerance is how far the clock may stand before the log's last entry: clocks
// are corrected by seconds all the time. Within it the log's time stands still.
const tolerance = 5 * time.Minute

// readers is how many snapshots may be open at the same time: every run that is
// prepared reads in one of its own, for as long as its job takes. Connections are
// only made as far as they are needed.
const readers = 16

var (
	errClosed = errors.New("the ledger is closed")
	errReader = errors.New("the ledger was opened to read: only the process that holds it writes")
)

// Options of Open.
type Options struct {
	Create bool             // make a ledger where neither ledger nor marker lies: only `bod run`
	Trial  bool             // the mode that the rules ask for
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: nothing is logged

	TestOnlyCommit func(commit func() error) error // stands in for every commit: a disk that fails
}

// Ledger is an open ledger. Its methods may be called from several goroutines.
type Ledger struct {
	dir, file string
	id        string
	trial     bool
	created   bool
	rehearsal bool // see Rehearsal: Close removes its folder
	holder    bool
	now       func() time.Time
	log       *slog.Logger

	lock   *os.File
	turn   chan struct{} // who has taken its one token may use writer and what stands below it
	writer *session      // of a reader: for intents only
	broken error         // whether the last commit was written could not be told
	marked head          // what the marker says
	markAt time.Time     // when it was last written

	seats   chan struct{} // how many may read at the same time
	idle    pool          // read-only sessions that wait
	intents atomic.Int64  // that this process added itself
	gone    chan struct{} // closed by Close

	testOnlyCommit func(commit func() error) error // stands in for the commit
}

// Created reports whether Open made the ledger just now.
func (l *Ledger) Created() bool { return l.created }

// Trial reports the ledger's mode.
func (l *Ledger) Trial() bool { return l.trial }

// Close ends the use of the ledger and marks a clean stop. It waits for the
// snapshots that are in use.
func (l *Ledger) Close() error {
	select {
	case <-l.gone:
		return nil
	case <-l.turn:
	}
	close(l.gone)
	var errs []error
	for range readers {
		<-l.seats
	}
	for s := l.idle.take(); s != nil; s = l.idle.take() {
		errs = append(errs, s.close())
	}
	if l.holder && l.broken == nil {
		if h, err := l.writer.head(); err != nil {
			errs = append(errs, err)
		} else {
			errs = append(errs, l.mark(h))
		}
		_, err := l.writer.exec("UPDATE pulse SET clean = 1 WHERE one = 1")
		errs = append(errs, err)
	}
	errs = append(errs, l.writer.close())
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	if l.rehearsal {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("couldn't close the ledger in %s: %w", l.dir, err)
	}
	return nil
}

// take waits for the writer.
func (l *Ledger) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	select {
	case <-l.gone:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.turn:
		return nil
	}
}

func (l *Ledger) give() { l.turn <- struct{}{} }

// mode says what an update may do when the clock stands before the log.
type mode int

const (
	whenClockRuns mode = iota
	flagsWhatever      // flags, alarms and the answers to intents, whatever the clock says
	allWhatever        // the recovery at start
)

// Update runs fn in the one write transaction; what fn returns as error rolls
// everything back. All rows of one transaction bear one now. Once it returns nil
// the changes are durable. When the commit's own outcome is in doubt the ledger
// reads again before it answers; when even that can't be told it answers ErrDoubt,
// then and from then on, until it is opened anew.
//
// A now that is more than 5 minutes before the log's last entry is ErrClock. A
// smaller step back is taken as it is in the rows, while the log's own time
// stands still.
//
// ctx is heeded while waiting for the turn. A transaction that has begun is not
// interrupted.
func (l *Ledger) Update(ctx context.Context, now time.Time, who Who, fn func(*Tx) error) error {
	return l.update(ctx, now, who, whenClockRuns, fn)
}

// UpdateClock is Update whatever the clock says, for the little that has to be
// written while it is wrong: fn may set and clear flags and alarms, finish
// intents, and accept the clock (Tx.AcceptClock). Any other write is ErrClock.
func (l *Ledger) UpdateClock(ctx context.Context, now time.Time, who Who, fn func(*Tx) error) error {
	return l.update(ctx, now, who, flagsWhatever, fn)
}

func (l *Ledger) update(ctx context.Context, now time.Time, who Who, m mode, fn func(*Tx) error) error {
	if !l.holder {
		return errReader
	}
	if err := l.take(ctx); err != nil {
		return err
	}
	defer l.give()
	if l.broken != nil {
		return l.broken
	}
	return plain(l.dir, l.transact(ctx, now, who, m, fn))
}

// transact is update by who has the turn.
func (l *Ledger) transact(ctx context.Context, now time.Time, who Who, m mode, fn func(*Tx) error) error {
	s := l.writer
	if err := s.begin(); err != nil {
		return fmt.Errorf("couldn't begin to write the ledger: %w", err)
	}
	open := true
	defer func() {
		if open { // fn panicked or returned an error
			s.rollback()
		}
	}()
	before, err := s.head()
	if err != nil {
		return fmt.Errorf("couldn't read the end of the log: %w", err)
	}
	behind := now.Before(before.at.Add(-tolerance))
	if behind && m == whenClockRuns {
		return fmt.Errorf("couldn't write the ledger at %s, its last entry is of %s: %w",
			now.Format(time.RFC3339), before.at.In(now.Location()).Format(time.RFC3339), ErrClock)
	}
	tx := &Tx{View: &View{l: l, s: s, ctx: ctx, now: now, collect: true}, who: who, head: before, logged: now, flagsOnly: behind && m == flagsWhatever}
	if before.at.After(now) {
		tx.logged = before.at
	}
	defer func() { tx.View.over = true }()
	if err := fn(tx); err != nil {
		return err
	}
	if tx.err != nil { // fn may not go on after a statement that failed: half of a change is none
		return tx.err
	}

	// The commit point. Die before it, and nothing of this happened; after it, all.
	err = l.commit()
	open = false
	if err != nil {
		if err = l.reread(before, tx.head, err); err != nil {
			return fmt.Errorf("couldn't commit to the ledger: %w", err)
		}
	}
	if tx.head.seq > before.seq {
		l.mayMark(tx.head)
	}
	return nil
}

func (l *Ledger) commit() error {
	commit := func() error {
		_, err := l.writer.exec("COMMIT")
		return err
	}
	if l.testOnlyCommit != nil {
		return l.testOnlyCommit(commit)
	}
	return commit()
}

// reread finds out what became of a commit that returned an error: after an error
// of the disk the rows may or may not be there. The end of the log tells it.
func (l *Ledger) reread(before, after head, failed error) error {
	l.writer.rollback()
	if before.seq == after.seq {
		return failed // no event, nothing that matters: doing it again does the same
	}
	now, err := l.writer.head()
	switch {
	case err != nil:
		l.broken = fmt.Errorf("%w: %w, and the log can't be read: %w", ErrDoubt, failed, err)
		return l.broken
	case now == after:
		l.log.Warn("a commit returned an error but was written", "err", failed)
		return nil
	case now == before:
		return failed
	}
	l.broken = fmt.Errorf("%w: %w, and the log ends elsewhere", ErrDoubt, failed)
	return l.broken
}

func (s *session) begin() error {
	_, err := s.exec("BEGIN IMMEDIATE")
	if err == nil {
		return nil
	}
	// A rollback that failed leaves a transaction open; a second try ends it.
	s.rollback()
	_, err = s.exec("BEGIN IMMEDIATE")
	return err
}

// rollback undoes the transaction. SQLite has often done so itself by then, after
// a full disk for instance, and says that there is none: no error of ours.
func (s *session) rollback() { _, _ = s.exec("ROLLBACK") }

// View runs fn on one consistent snapshot. What it hands to fn must not be used
// after fn returned.
func (l *Ledger) View(ctx context.Context, fn func(*View) error) error {
	s, err := l.reader(ctx)
	if err != nil {
		return err
	}
	defer l.done(s)
	if _, err := s.exec("BEGIN"); err != nil {
		return fmt.Errorf("couldn't begin to read the ledger: %w", err)
	}
	defer s.rollback()
	v := &View{l: l, s: s, ctx: ctx, now: l.now()}
	defer func() { v.over = true }()
	return fn(v)
}

// reader takes a session out of the pool; done puts it back.
func (l *Ledger) reader(ctx context.Context) (*session, error) {
	select {
	case <-l.gone:
		return nil, errClosed
	default:
	}
	select {
	case <-l.gone:
		return nil, errClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-l.seats:
	}
	if s := l.idle.take(); s != nil {
		return s, nil
	}
	s, err := dial(ctx, l.file, false, true)
	if err != nil {
		l.seats <- struct{}{}
		return nil, fmt.Errorf("couldn't open the ledger in %s to read: %w", l.dir, err)
	}
	return s, nil
}

func (l *Ledger) done(s *session) {
	l.idle.put(s)
	l.seats <- struct{}{}
}

// pool keeps the session on top that was used last: with one reader at a time there
// is one connection, and its statements are prepared.
type pool struct {
	mu       sync.Mutex
	sessions []*session
}

func (p *pool) put(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions = append(p.sessions, s)
}

func (p *pool) take() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.sessions)
	if n == 0 {
		return nil
	}
	s := p.sessions[n-1]
	p.sessions = p.sessions[:n-1]
	return s
}

// Changes returns a number that differs after any other process wrote (PRAGMA
// data_version), or this one added an intent. The process's own updates don't
// change it, so that a loop that looks at it is not woken by itself. It is also
// the moment at which a marker that lags is brought up.
func (l *Ledger) Changes(ctx context.Context) (int64, error) {
	if err := l.take(ctx); err != nil {
		return 0, err
	}
	defer l.give()
	var n int64
	if err := l.writer.get("PRAGMA data_version", nil, &n); err != nil {
		return 0, fmt.Errorf("couldn't see whether the ledger changed: %w", err)
	}
	if err := l.catchUp(); err != nil {
		return 0, err
	}
	return n + l.intents.Load(), nil
}

// Touch proves that the ledger can be written and read (for the watchdog).
func (l *Ledger) Touch(ctx context.Context, now time.Time) error {
	if !l.holder {
		return errReader
	}
	if err := l.take(ctx); err != nil {
		return err
	}
	defer l.give()
	if l.broken != nil {
		return l.broken
	}
	if _, err := l.writer.exec("UPDATE pulse SET touched = $1 WHERE one = 1", now.UnixMicro()); err != nil {
		return fmt.Errorf("couldn't touch the ledger: %w", plain(l.dir, err))
	}
	var at int64
	if err := l.writer.get("SELECT touched FROM pulse WHERE one = 1", nil, &at); err != nil {
		return fmt.Errorf("couldn't read the ledger: %w", err)
	}
	if at != now.UnixMicro() {
		return fmt.Errorf("couldn't read back what was written: %w", ErrDamaged)
	}
	return l.catchUp()
}

// Touched returns when a process that held the ledger last touched it: a moment
// up to which bod was at work.
func (v *View) Touched() (time.Time, error) {
	var at int64
	if err := v.get("SELECT touched FROM pulse WHERE one = 1", nil, &at); err != nil {
		return time.Time{}, err
	}
	return time.UnixMicro(at).UTC(), nil
}
