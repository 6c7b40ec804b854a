package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// TestSimulation runs whole offices, each from one seed: their rules, their people, and everything that goes wrong in mail, disk, clock
// and process. The ledger is a real one, the mail goes through a real SMTP dialogue over net.Pipe, and time is synctest's. After every step
// a checker that uses nothing of the program (sim_check_test.go) holds the promises:
//
//   - nothing reaches anybody twice but by a person's word, and then as the same bytes;
//   - every occurrence that a rule named has one run, and none ends without a reason;
//   - what the server took is sent or unknown in the ledger, and what is sent was taken;
//   - nothing leaves unconfirmed, before its due, to a stranger, or in a burst after an outage;
//   - what is unknown was told at once, and in the next summary, and never moves by itself;
//   - after the faults are gone all heals, and the queue drains.
//
// A failing seed is printed; it repeats exactly:
//
//	BOD_SIM_SEED=17 go test ./internal/daemon -run TestSimulation -v
//
// A longer run:
//
//	BOD_SIM_SEEDS=100 BOD_SIM_JOBS=200 BOD_SIM_DAYS=800 go test ./internal/daemon -run TestSimulation -v -timeout 0
//
// BOD_SIM_TRACE=1 prints every step.
func TestSimulation(t *testing.T) {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	seeds, days, size := []uint64{1, 2, 3, rand.Uint64N(1 << 32), rand.Uint64N(1 << 32)}, 8, 10 // the last ones are fresh
	switch {
	case testing.Short():
		seeds = seeds[:1]
	case raced:
		seeds, days, size = seeds[2:4], 4, 8
	}
	if n := number("BOD_SIM_SEEDS", 0); n > 0 {
		seeds = nil
		for i := range n {
			seeds = append(seeds, uint64(number("BOD_SIM_FROM", 1)+i))
		}
	}
	one := number("BOD_SIM_SEED", 0)
	if one > 0 {
		seeds = []uint64{uint64(one)}
	}
	total := map[string]int{}
	simulated := 0
	for i, seed := range seeds {
		o := simOptions{seed: seed, days: number("BOD_SIM_DAYS", days), jobs: number("BOD_SIM_JOBS", size)}
		first := simulate(t, o, total)
		simulated += o.days
		if i == 0 && one == 0 && !raced && !t.Failed() { // each repeats exactly; to see it of one is enough
			again := simulate(t, o, nil)
			for k := range max(len(first), len(again)) {
				if k >= len(first) || k >= len(again) || first[k] != again[k] {
					t.Errorf("seed %d did not repeat: first\n  %s\nthen\n  %s", seed, strings.Join(first[max(0, k-5):min(len(first), k+5)], "\n  "), strings.Join(again[max(0, k-5):min(len(again), k+5)], "\n  "))
					break
				}
			}
		}
		if t.Failed() {
			t.Fatalf("failed with seed %d: BOD_SIM_SEED=%d BOD_SIM_DAYS=%d BOD_SIM_JOBS=%d go test ./internal/daemon -run TestSimulation -v", seed, seed, o.days, o.jobs)
		}
	}
	t.Logf("%d seeds, %d days", len(seeds), simulated)
	for _, what := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%8d %s", total[what], what)
	}
}

type simOptions struct {
	seed       uint64
	days, jobs int
}

// simulate runs one office and returns all that happened, in lines.
func simulate(t *testing.T, o simOptions, total map[string]int) (story []string) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, o)
		defer s.end()
		s.live()
		if s.failed == 0 {
			s.heal()
		}
		s.check.whole()
		story = s.check.story
		for k, n := range s.check.count {
			if total != nil {
				total[k] += n
			}
		}
		for k, n := range s.server.faults {
			if total != nil {
				total["mail: "+k] += n
			}
		}
		if s.failed > 0 {
			t.Logf("what happened last:\n%s", strings.Join(s.tail, "\n"))
		}
	})
	return story
}

// sim is one office with all its world.
type sim struct {
	t           *testing.T
	seed        uint64
	r           *rand.Rand
	dir         string
	generation  int
	state       string // the ledger's folder
	first, last simDay
	begin, over time.Time

	model   *simModel // the file as it is
	at      *simModel // the rules at work
	offset  atomic.Int64
	server  *simServer
	check   *simChecker
	tail    []string
	failed  int
	steps   int
	quiet   int // steps in which nothing happened
	tried   time.Time
	letters int
	says    [4]string // what the letters say now
	table   map[string]simRow
	gone    []*simJob // removed from the file
	loaded  bool      // the checker knows the rules that are at work
	wg      sync.WaitGroup

	mu     sync.Mutex
	fuse   int    // points until the process dies; 0: it does not
	fuseAt string // the points that count; "": all
	dead   bool
	copied string // the folder as it was when the process died
	cancel context.CancelCauseFunc
	slip   bool      // somebody edits the letters in the worst moment
	amid   *simModel // rules that are put to work while a message is on its way
	disk   int       // of a hundred commits, how many fail
	diskOK time.Time // when the disk is mended

	ctx    context.Context
	ledger *ledger.Ledger
	office *Office
}

func newSim(t *testing.T, o simOptions) *sim {
	s := &sim{t: t, seed: o.seed, r: rand.New(rand.NewPCG(o.seed, 0xb0d)), dir: simFolder(t)}
	s.begin = time.Date(2021+s.r.IntN(4), time.Month(1+s.r.IntN(12)), 1+s.r.IntN(28), s.r.IntN(24), s.r.IntN(60), 0, 0, time.UTC)
	s.over = s.begin.AddDate(0, 0, o.days)
	time.Sleep(time.Until(s.begin))
	today := simDayOf(s.begin)
	s.first, s.last = today-120, today+simDay(o.days)+420
	s.model = simSomeModel(t, s.r, o.jobs, today)
	s.server = &simServer{s: s, mood: "fine", faults: map[string]int{}}
	s.check = &simChecker{s: s, jobs: map[string]*simWatched{}, current: map[string]string{}, must: map[string]*simMust{},
		messages: map[int64]*simMessage{}, byID: map[string]*simMessage{}, deliveries: map[int64]*simDelivery{}, of: map[string]*simDelivery{}, byRun: map[int64][]*simDelivery{}, drafted: map[int64]bool{}, runs: map[int64]*simRun{},
		took: map[string]int{}, permits: map[string]int{}, seen: map[int64]map[string]bool{}, late: map[string]string{}, stale: map[string]bool{},
		notices: map[string]bool{}, unknown: map[int64]bool{}, count: map[string]int{}, counted: map[string][]simOcc{}, findings: map[int64]*simFinding{}}
	testOnlyAt = func(at string) { s.point(at) }
	for n := range 4 {
		s.letter(n)
	}
	s.table = map[string]simRow{}
	s.orders(20)
	s.state = filepath.Join(s.dir, "state0")
	s.trace("BEGIN")
	s.start()
	return s
}

// simFolder is a folder in memory where there is one: thousands of commits are not to wait for a disk that nobody pulls.
func simFolder(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "bod-sim-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (s *sim) end() {
	testOnlyAt = func(string) {}
	s.cancel(nil)
	s.server.cutAll()
	if s.check.db != nil {
		_ = s.check.db.Close()
	}
	if s.ledger != nil {
		if err := s.ledger.Close(); err != nil {
			s.t.Error(err)
		}
	}
	s.wg.Wait()
}

// now is the machine's clock, which can be wrong.
func (s *sim) now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

func (s *sim) trace(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if line != "BEGIN" {
		line = s.now().In(s.model.zone).Format("2006-01-02 15:04:05 ") + line
	}
	if os.Getenv("BOD_SIM_TRACE") != "" {
		fmt.Println(line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tail = append(s.tail, line); len(s.tail) > 120 {
		s.tail = s.tail[60:]
	}
}

func (s *sim) count(what string) { s.check.count[what]++ }

func (s *sim) sortedJobs() []string { return slices.Sorted(maps.Keys(s.check.jobs)) }

// ---- the process ----

// Write is the process's log: each line is a point at which it can die, many of them within an open transaction.
func (s *sim) Write(b []byte) (int, error) {
	line := strings.TrimSpace(string(b))
	s.trace("  %s", line)
	if _, key, is := strings.Cut(line, "msg=sealed "); is && strings.Contains(line, "outcome=sealed") {
		_, key, _ = strings.Cut(key, "key=")
		key, _, _ = strings.Cut(key, " ")
		identity, _, _ := strings.Cut(key, "/")
		j := s.at.job(s.check.nameIn(s.at, identity))
		s.mu.Lock()
		slip := s.slip && !s.dead && j != nil && !j.watch && j.prepare == "" && j.confirm == 0 // it would be queued at once
		s.slip = s.slip && !slip
		s.mu.Unlock()
		if slip {
			// In the open transaction: what was just sealed may not be queued any more.
			s.check.stale[key] = true
			for n := range 4 {
				s.letter(n)
			}
			s.check.count["letters edited within a transaction"]++
		}
	}
	s.point("log")
	return len(b), nil
}

// commit stands in for the ledger's commits.
func (s *sim) commit(commit func() error) error {
	if s.point("before a commit") {
		return commit() // in the folder where nobody looks any more
	}
	s.mu.Lock()
	fails, happened := false, false
	if s.disk > 0 && s.now().Before(s.diskOK) && !s.dead {
		fails, happened = s.r.IntN(100) < s.disk, s.r.IntN(3) == 0
	}
	s.mu.Unlock()
	if fails && !happened {
		s.count("disk: a commit failed")
		return fmt.Errorf("the disk says no: %w", ledger.ErrDisk)
	}
	err := commit()
	if s.point("after a commit") || err != nil {
		return err
	}
	if fails {
		s.count("disk: a commit was written and failed")
		return fmt.Errorf("the disk says no, afterwards: %w", ledger.ErrDisk)
	}
	return nil
}

// point is where the process can die; true when it is dead. What it still does then counts for nothing: its folder was copied as it was,
// its connections are cut, and nobody listens to it any more.
func (s *sim) point(at string) bool {
	s.mu.Lock()
	if s.dead || s.fuse == 0 || s.fuseAt != "" && s.fuseAt != at {
		defer s.mu.Unlock()
		return s.dead
	}
	if s.fuse--; s.fuse > 0 {
		s.mu.Unlock()
		return false
	}
	s.dead = true
	s.generation++
	s.copied = filepath.Join(s.dir, fmt.Sprintf("state%d", s.generation))
	from, to := s.state, s.copied
	s.mu.Unlock()
	if err := os.Mkdir(to, 0o700); err != nil {
		s.t.Error(err)
	}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "ledger.db-shm", "marker", "marker.new", "ledger.db.new"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			s.t.Error(err)
		}
	}
	s.trace("KILLED at %s", at)
	s.check.count["killed at "+at]++
	s.cancel(errors.New("killed"))
	s.server.cutAll()
	return true
}

func (s *sim) isDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// start begins a process, again and again until one lives.
func (s *sim) start() {
	for tries := 0; ; tries++ {
		if tries > 50 {
			s.t.Fatalf("seed %d: the process does not start", s.seed)
		}
		s.ctx, s.cancel = context.WithCancelCause(context.Background())
		log := slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		c := simLoad(s.t, s.dir, s.model)
		l, err := ledger.Open(s.ctx, s.state, ledger.Options{Create: s.check.seq == 0, Now: s.now, Log: log, TestOnlyCommit: s.commit})
		if err == nil {
			s.ledger = l
			carrier, e := s.server.carrier()
			if e != nil {
				s.t.Fatal(e)
			}
			s.office, err = NewOffice(Options{Config: c, Ledger: l, Carrier: carrier, Now: s.now, Log: log})
			if err != nil {
				s.t.Fatal(err)
			}
			s.office.crew.places = 1 // side by side, what is ready first would be chance
		}
		if s.isDead() {
			s.bury()
			continue
		}
		if err != nil {
			if s.disk == 0 {
				s.t.Fatalf("seed %d: couldn't start: %v", s.seed, err)
			}
			s.trace("couldn't start: %v", err)
			time.Sleep(5 * time.Second)
			continue
		}
		break
	}
	s.trace("STARTED in %s", filepath.Base(s.state))
	s.check.open(s.state)
	if s.at != nil {
		s.check.check() // what the life before did was under the rules before
	}
	s.at, s.loaded = s.model.clone(), false
	s.check.learn(s.at)
	s.quiet = 0
}

// bury puts the dead process away, and the next one finds the folder as it was.
func (s *sim) bury() {
	if s.ledger != nil {
		_ = s.ledger.Close() // of the old folder, where nobody looks any more
		s.ledger = nil
	}
	_ = os.RemoveAll(s.state)
	s.mu.Lock()
	s.state, s.dead, s.fuse = s.copied, false, 0
	s.mu.Unlock()
}

// reborn starts a new process in place of a dead one.
func (s *sim) reborn() {
	s.check.db.Close()
	s.bury()
	s.count("kills")
	if s.r.IntN(3) == 0 {
		time.Sleep(time.Duration(s.r.IntN(3*24*60)) * time.Minute) // nobody noticed
	} else {
		time.Sleep(5 * time.Second)
	}
	if s.r.IntN(8) == 0 {
		s.burn(30) // it dies once more, soon
	}
	s.start()
}

// burn lets the process die after some points.
func (s *sim) burn(most int) {
	n, at := 1+s.r.IntN(most), ""
	if s.r.IntN(2) == 0 {
		// Around the dot, where a stray kill seldom falls.
		all := []string{"claimed", "before sending", "sending", "dot", "taken", "carried", "received"}
		n, at = 1+s.r.IntN(3), all[s.r.IntN(len(all))]
	}
	s.mu.Lock()
	s.fuse, s.fuseAt = n, at
	s.mu.Unlock()
}

// stop ends the process as systemd does.
func (s *sim) stop() {
	s.check.check()
	s.cancel(errors.New("stopped"))
	s.check.db.Close()
	if err := s.ledger.Close(); err != nil && s.disk == 0 {
		s.t.Errorf("seed %d: %v", s.seed, err)
	}
	s.ledger = nil
}

// work does what is due, as the loop does, until nothing moves any more. A process that dies is replaced.
func (s *sim) work() (next time.Time) {
	s.steps++
	for rounds := 0; ; rounds++ {
		if rounds > 200 {
			s.fail("IT NEVER RESTS: 200 steps at one moment")
			return s.now().Add(time.Hour)
		}
		before := s.check.seq
		if s.tried.IsZero() {
			s.tried = s.now()
		}
		at := s.now()
		s.count("steps")
		next, err := s.office.Step(s.ctx)
		if s.isDead() {
			s.reborn()
			continue
		}
		if err == nil {
			s.stepped(at)
			s.check.check()
			_, err = s.office.Deliver(s.ctx)
			if s.isDead() {
				s.reborn()
				continue
			}
		}
		if err != nil {
			s.count("steps that failed")
			s.trace("FAILED: %v", err)
			if s.disk == 0 || !s.now().Before(s.diskOK) {
				s.fail("with a good disk: %v", err)
				return s.now().Add(time.Hour)
			}
			if errors.Is(err, ledger.ErrDoubt) {
				s.stop()
				s.start()
			}
			time.Sleep(time.Duration(1+min(rounds, 29)) * time.Second)
			continue
		}
		s.check.check()
		if s.failed > 0 {
			return next // one failure is enough, and what follows from it may never end
		}
		if s.check.seq == before && next.After(s.now()) {
			s.check.told()
			return next
		}
	}
}

// stepped tells the checker that a Step came to its end.
func (s *sim) stepped(at time.Time) {
	if !s.loaded && s.clockIsRight() {
		s.loaded = true
		s.check.rules(s.at, at)
	}
	if s.loaded && s.clockIsRight() {
		s.check.planned(at, s.tried)
		s.tried = time.Time{}
	}
}

func (s *sim) clockIsRight() bool {
	n := 0
	s.check.one("SELECT count(*) FROM flags WHERE name = 'clock'", nil, &n)
	return n == 0
}

// wake is when the loop has to look again. Looks at a world that stands still are skipped, but never a moment that counts.
func (s *sim) wake(next time.Time) time.Time {
	if s.quiet < 2 {
		return next
	}
	now := s.now()
	hard := now.Add(time.Duration(min(s.quiet, 12)) * 20 * time.Minute)
	for _, d := range s.office.duties {
		if d.next.After(now) && d.next.Before(hard) {
			hard = d.next
		}
	}
	var at int64
	s.check.one(`SELECT coalesce(min(at), 0) FROM (
		SELECT min(next_try) AS at FROM deliveries WHERE next_try > ?1
		UNION ALL SELECT min(prepare_at) FROM runs WHERE state = 'planned' AND prepare_at > ?1
		UNION ALL SELECT min(probe) FROM flags WHERE probe > ?1
		UNION ALL SELECT min(due) FROM runs WHERE state IN ('drafted', 'waiting', 'planned') AND due > ?1)`, []any{now.UnixMicro()}, &at)
	if t := time.UnixMicro(at); at != 0 && t.Before(hard) {
		hard = t
	}
	if hard.Before(next) {
		return next
	}
	return hard
}

// live is the office's life: it sleeps until something is to be done or happens.
func (s *sim) live() {
	next := s.work()
	event := s.begin
	for time.Now().Before(s.over) && s.failed == 0 {
		event = event.Add(time.Duration(20+s.r.IntN(8*60)) * time.Minute)
		for s.failed == 0 {
			before := s.check.seq
			at := s.wake(next).Add(-time.Duration(s.offset.Load())) // by the time that passes
			if !at.Before(event) {
				break
			}
			s.sleepUntil(at)
			next = s.work()
			if s.quiet++; s.check.seq != before {
				s.quiet = 0
			}
		}
		s.sleepUntil(event)
		s.happen()
		s.quiet = 0
		next = s.work()
	}
}

func (s *sim) sleepUntil(at time.Time) {
	if wait := time.Until(at); wait > 0 {
		time.Sleep(wait)
	}
}

// heal: the faults are gone, and people settle what is open. Everything ends.
func (s *sim) heal() {
	s.trace("HEALING")
	s.server.set("fine")
	s.mu.Lock()
	s.disk, s.fuse = 0, 0
	s.mu.Unlock()
	end := time.Now().AddDate(0, 0, 4)
	next := s.work()
	event := time.Now()
	for time.Now().Before(end) && s.failed == 0 {
		for s.failed == 0 {
			at := s.wake(next).Add(-time.Duration(s.offset.Load()))
			if !at.Before(event) {
				break
			}
			before := s.check.seq
			s.sleepUntil(at)
			next = s.work()
			if s.quiet++; s.check.seq != before {
				s.quiet = 0
			}
		}
		s.sleepUntil(event)
		event = event.Add(8 * time.Hour)
		s.settleEverything()
		s.quiet = 0
		next = s.work()
	}
	s.check.rows(`SELECT m.key, d.mail, d.state FROM deliveries d JOIN messages m ON m.id = d.message
		WHERE d.state IN ('queued', 'claimed', 'sending', 'deferred', 'unknown') AND m.class = 'letter'`, nil, func(scan func(...any) error) error {
		var key, mail, state string
		err := scan(&key, &mail, &state)
		s.fail("IT DOES NOT DRAIN: %s to %s is still %s", key, mail, state)
		return err
	})
	s.check.rows("SELECT job, period, state, reasons FROM runs WHERE state IN ('planned', 'running', 'waiting', 'drafted') AND due < ?",
		[]any{s.now().AddDate(0, 0, -2).UnixMicro()}, func(scan func(...any) error) error {
			var job, period, state, reasons string
			err := scan(&job, &period, &state, &reasons)
			if s.check.nameIn(s.at, job) != "" {
				s.fail("IT DOES NOT END: the run %s/%s is still %s: %s", job, period, state, reasons)
			}
			return err
		})
	s.check.rows("SELECT name, text FROM flags", nil, func(scan func(...any) error) error {
		var name, text string
		err := scan(&name, &text)
		s.fail("IT DOES NOT HEAL: the flag %s stands: %s", name, text)
		return err
	})
	s.verify()
}

func (s *sim) verify() {
	report, err := s.ledger.Verify(s.ctx, nil)
	if err != nil || len(report.Problems) > 0 {
		s.fail("bod verify says %v %v", report.Problems, err)
	}
	s.count("verified")
}

// ---- what happens ----

// happen lets one thing happen.
func (s *sim) happen() {
	n := s.r.IntN(100)
	switch {
	case n < 46:
		s.person()
	case n < 51:
		s.orders(1 + s.r.IntN(4))
	case n < 57:
		s.file()
	case n < 59:
		if s.r.IntN(3) == 0 {
			s.slip = true
			break
		}
		s.letter(s.r.IntN(4))
		s.check.edits = s.letters
	case n < 68:
		s.edit()
	case n < 78:
		s.trace("a fuse burns")
		s.burn(80)
	case n < 82:
		s.trace("stop and start")
		s.stop()
		s.away()
		s.start()
		if s.r.IntN(3) == 0 {
			s.verify()
		}
	case n < 85:
		s.trace("asleep")
		s.count("suspends")
		s.away()
	case n < 86:
		s.offset.Add(int64(time.Duration(1+s.r.IntN(4*24)) * time.Hour))
		s.count("clock: forward")
		s.trace("the clock steps forward")
	case n < 88:
		back := time.Duration(1+s.r.IntN(300)) * time.Minute
		s.offset.Add(-int64(back))
		s.count("clock: back")
		s.trace("the clock steps back by %s", back)
	case n < 97:
		mood := []string{"fine", "fine", "fine", "flaky", "flaky", "awful", "down", "greylisting", "bad login", "bad banner"}[s.r.IntN(10)]
		s.trace("the mail server is %s", mood)
		s.server.set(mood)
		s.count("mail server " + mood)
	default:
		s.mu.Lock()
		s.disk, s.diskOK = 20+s.r.IntN(81), s.now().Add(time.Duration(1+s.r.IntN(30))*time.Minute)
		s.mu.Unlock()
		s.trace("the disk is bad")
		s.count("disk: bad times")
	}
}

func (v *simServer) set(mood string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mood = mood
}

// away passes minutes or days.
func (s *sim) away() {
	if s.r.IntN(3) == 0 {
		time.Sleep(time.Duration(s.r.IntN(6*24*60)) * time.Minute)
		return
	}
	time.Sleep(time.Duration(s.r.IntN(90)) * time.Minute)
}

// file lets attachments appear, change and vanish.
func (s *sim) file() {
	var with []*simJob
	for _, j := range s.model.jobs {
		if j.attach {
			with = append(with, j)
		}
	}
	if len(with) == 0 {
		return
	}
	for range 1 + s.r.IntN(3) {
		j := with[s.r.IntN(len(with))]
		name := filepath.Join(s.dir, "files", j.fileName()+"-a.pdf")
		switch s.r.IntN(4) {
		case 0:
			s.trace("%s vanishes", name)
			_ = os.Remove(name)
		case 1:
			name = filepath.Join(s.dir, "files", j.fileName()+"-b.pdf")
			fallthrough
		default:
			s.trace("%s is written", name)
			simWrite(s.t, name, fmt.Sprintf("%%PDF-1.4\n%d\n%%%%EOF\n", s.r.IntN(1000)), s.now())
		}
	}
}

// letter is edited.
func (s *sim) letter(n int) {
	s.letters++
	s.says[n] = fmt.Sprintf("Hello (edited %d),", s.letters)
	s.trace("letter%d is edited: %s", n, s.says[n])
	simWrite(s.t, filepath.Join(s.dir, fmt.Sprintf("letter%d.txt", n)), strings.Replace(letter, "Hello,", s.says[n], 1), s.now())
}

// edit changes the rules: while bod is at work, or while it is off.
func (s *sim) edit() {
	for range 1 + s.r.IntN(3) {
		s.editOne()
	}
	s.count("edits")
	if s.r.IntN(3) == 0 {
		s.trace("edited while bod is off")
		s.stop()
		s.away()
		s.start()
		return
	}
	s.check.check()
	if s.r.IntN(3) == 0 {
		s.trace("to be edited while mail is on its way")
		s.mu.Lock()
		s.amid = s.model
		s.mu.Unlock()
		return
	}
	path := filepath.Join(s.dir, "jobs.toml")
	if s.r.IntN(6) == 0 {
		if err := os.WriteFile(path, []byte(s.model.toml()+"\n[job.bad]\nkind = \"nothing\"\n"), 0o644); err != nil {
			s.t.Fatal(err)
		}
		s.trace("a bad file")
		_, _ = s.office.reload(s.ctx, path, "", fmt.Sprint(s.steps)) // the disk may be bad
		if s.isDead() {
			s.reborn()
		}
		return
	}
	s.reload()
	if s.isDead() {
		s.reborn()
	}
}

// reload puts the file to work while bod is.
func (s *sim) reload() {
	simLoad(s.t, s.dir, s.model)
	s.check.learn(s.model)
	at, before := s.now(), s.office.at.Load().config
	problems, err := s.office.reload(s.ctx, filepath.Join(s.dir, "jobs.toml"), "", fmt.Sprint(s.steps))
	if s.isDead() {
		return
	}
	if s.office.at.Load().config == before {
		s.trace("edited, and not taken over: %v %v", problems, err)
		return // the old rules are at work, and the file is read at the next start or edit
	}
	s.trace("edited")
	s.at, s.loaded = s.model.clone(), s.office.seen
	if s.loaded {
		s.check.rules(s.at, at)
		s.check.planned(at, at)
	}
}

func (s *sim) editOne() {
	m := s.model.clone()
	s.model = m
	r := s.r
	today := simDayOf(s.now().In(m.zone))
	switch n := r.IntN(20); {
	case n == 0:
		p := m.partners[r.IntN(len(m.partners))]
		m.mails[p] = fmt.Sprintf("%s-%d@%s.example", p, r.IntN(100), p)
		s.trace("edit: %s has another address", p)
		return
	case n == 1:
		p := m.partners[r.IntN(len(m.partners))]
		m.partnerTitle[p]++
		s.trace("edit: %s has another name", p)
		return
	case n == 2:
		d := today + simDay(r.IntN(30)-3)
		if m.days.closed[d] {
			delete(m.days.closed, d)
		} else {
			delete(m.days.open, d)
			m.days.closed[d] = true
		}
		s.trace("edit: %s is open or closed", d)
		return
	case n == 3:
		j := m.someJob(r, fmt.Sprintf("j%03d", len(m.jobs)+1000*s.steps%9000+r.IntN(900)), today)
		if m.job(j.name) == nil && s.check.current[j.name] == "" {
			m.jobs = append(m.jobs, j)
			s.trace("edit: new %s %s", j.name, j.rule.toml())
		}
		return
	}
	if r.IntN(25) == 0 {
		m.watch.rule.hours, m.watch.rule.minute = []int{8 + r.IntN(9)}, []int{0, 30}[r.IntN(2)]
		s.trace("edit: the table is looked at %s", m.watch.rule.toml())
		return
	}
	i := r.IntN(len(m.jobs))
	j := m.jobs[i]
	switch n := r.IntN(20); {
	case n < 2:
		if len(m.jobs) > 5 {
			m.jobs = slices.Delete(m.jobs, i, i+1)
			s.gone = append(s.gone, j)
			s.trace("edit: %s is removed", j.name)
		}
	case n < 4:
		if len(s.gone) > 0 {
			k := r.IntN(len(s.gone))
			if j = s.gone[k]; m.job(j.name) == nil {
				m.jobs = append(m.jobs, j.clone())
				s.trace("edit: %s is added again", j.name)
			}
			s.gone = slices.Delete(s.gone, k, k+1)
		}
	case n < 6:
		j.disabled = !j.disabled
		s.trace("edit: %s rests: %v", j.name, j.disabled)
	case n < 7:
		name := j.name[:1] + "x" + strings.TrimLeft(j.name, "jx")
		if j.name[:2] == "jx" {
			name = "j" + strings.TrimLeft(j.name, "jx")
		}
		if m.job(name) == nil && s.check.current[j.name] != "" {
			s.trace("edit: %s is now %s", j.name, name)
			j.was, j.name = j.name, name
		}
	case n < 11:
		j.rule = simSomeRule(r, today)
		s.trace("edit: %s is due %s", j.name, j.rule.toml())
	case n < 15:
		// The same rule on another day or at another time: what people edit most.
		j.rule.minute = []int{0, 15, 30}[r.IntN(3)]
		if len(j.rule.hours) == 1 {
			j.rule.hours = []int{8 + r.IntN(10)}
		}
		if len(j.rule.days) == 1 && j.rule.days[0].kind == "number" && j.rule.month == 0 && j.rule.days[0].before == 0 {
			_, _, d := today.utc().Date()
			j.rule.days = []simNamed{{kind: "number", n: max(1, min(28, d+r.IntN(9)-4))}}
		}
		s.trace("edit: %s is now due %s", j.name, j.rule.toml())
	case n < 17:
		m.someRecipients(r, j)
		s.trace("edit: %s goes to %v %v", j.name, j.to, j.cc)
	case n < 18:
		j.titleEdited++
		s.trace("edit: %s has another title", j.name)
	case n < 19:
		j.missed = []string{"", "ask", "each", "latest", "skip"}[r.IntN(5)]
		s.trace("edit: %s missed = %s", j.name, j.missed)
	default:
		j.confirm = r.IntN(3)
		j.confirmBy = []string{m.people[1], m.people[1+1+r.IntN(3)]}
		s.trace("edit: %s is confirmed by %d", j.name, j.confirm)
	}
}

// onTheWay is called by the mail server in the middle of a dialogue.
func (s *sim) onTheWay() {
	s.mu.Lock()
	m := s.amid
	s.amid = nil
	s.mu.Unlock()
	if m != nil && m == s.model && !s.isDead() {
		s.check.count["edits while mail is on its way"]++
		s.reload()
	}
}

// ---- people ----

// ask writes an intent, as a command does.
func (s *sim) ask(who, verb, why string, req Request) {
	args, err := json.Marshal(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.trace("%s asks to %s %s", who, verb, args)
	if _, err := s.ledger.AddIntent(s.ctx, ledger.Intent{Verb: verb, Args: args, Why: why, Who: ledger.Who{Name: who, User: "tester"}, At: s.now()}); err != nil {
		s.t.Fatalf("seed %d: %v", s.seed, err)
	}
}

// some picks rows of a query.
func (s *sim) some(query string) []string {
	var all []string
	s.check.rows(query, nil, func(scan func(...any) error) error {
		var v string
		err := scan(&v)
		all = append(all, v)
		return err
	})
	return all
}

const simNumber = "printf('%04d-%04d', m.month, m.serial)"

func (s *sim) inState(states string) string {
	all := s.some("SELECT DISTINCT " + simNumber + " FROM deliveries d JOIN messages m ON m.id = d.message WHERE m.class = 'letter' AND d.state IN (" + states + ") ORDER BY m.id")
	if len(all) == 0 {
		return ""
	}
	return all[s.r.IntN(len(all))]
}

// confirm is a person who looks at a run's letters and says yes to them.
func (s *sim) confirm(run, who string) {
	var set string
	var held []ledger.Message
	err := s.ledger.View(s.ctx, func(v *ledger.View) error {
		r, err := v.RunByNumber(run)
		if err != nil {
			return err
		}
		held, err = heldOf(v, r.ID)
		set = jobs.SetDigest(held)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.r.IntN(12) == 0 {
		set = strings.Repeat("0", 64) // what was seen has changed
	} else {
		for _, m := range held {
			if s.check.seen[m.ID] == nil {
				s.check.seen[m.ID] = map[string]bool{}
			}
			s.check.seen[m.ID][who] = true
		}
	}
	s.ask(who, "confirm", "", Request{Run: run, Set: set})
}

func (s *sim) toConfirm() []string {
	return s.some(`SELECT DISTINCT printf('R%04d-%04d', r.month, r.serial) FROM runs r JOIN messages m ON m.run = r.id JOIN deliveries d ON d.message = m.id
		WHERE d.state = 'held' AND m.confirm_count > 0 ORDER BY r.id`)
}

// person lets people do things, wise ones and others.
func (s *sim) person() {
	r := s.r
	who := s.model.people[r.IntN(len(s.model.people))]
	for range 1 + r.IntN(3) {
		switch n := r.IntN(30); {
		case n < 12:
			for _, run := range s.toConfirm() {
				if r.IntN(3) > 0 {
					s.confirm(run, s.model.people[1+r.IntN(2)])
				}
			}
		case n < 14:
			if m := s.inState("'held'"); m != "" {
				s.ask(who, "release", "it is wanted", Request{Message: m})
			}
		case n < 15:
			if m := s.inState("'held', 'queued', 'deferred'"); m != "" {
				s.ask(who, "hold", "wait", Request{Message: m})
			}
		case n < 16:
			if m := s.inState("'held', 'queued', 'deferred', 'unknown'"); m != "" {
				s.ask(who, "reject", "not wanted", Request{Message: m})
			}
		case n < 20:
			if m := s.inState("'unknown'"); m != "" {
				switch r.IntN(5) {
				case 0, 1:
					s.ask(who, "settle", "asked them", Request{Message: m, Result: "sent"})
				case 2:
					s.ask(who, "settle", "asked them", Request{Message: m, Result: "not-sent"})
				case 3:
					s.ask(who, "resend", "it did not come", Request{Message: m})
				default:
					s.ask(who, "by-hand", "brought it", Request{Message: m})
				}
			}
		case n < 22:
			if m := s.inState("'failed'"); m != "" {
				s.ask(who, "retry", "mended", Request{Message: m})
			}
		case n < 25:
			j := s.model.jobs[r.IntN(len(s.model.jobs))]
			req := Request{Job: j.name}
			if all := s.some("SELECT period FROM runs WHERE job = '" + s.identity(j.name) + "' ORDER BY id DESC LIMIT 4"); len(all) > 0 && r.IntN(2) == 0 {
				req.Period = all[r.IntN(len(all))]
			} else if w := s.check.jobs[s.identity(j.name)]; w != nil && w.next < len(w.all) && r.IntN(2) == 0 {
				req.Period = w.all[w.next].period // a coming one
			}
			switch r.IntN(5) {
			case 0:
				req.Again = true
				s.ask(who, "do", "once more", req)
			case 1:
				s.ask(who, "skip", "not this time", req)
			default:
				s.ask(who, "do", "now", req)
			}
		case n < 26:
			s.ask(who, "retry", "look now", Request{Session: true})
		case n < 27:
			s.ask(who, "retry", "the clock is right", Request{Clock: true})
		default:
			if all := s.some("SELECT name FROM flags WHERE name LIKE 'stopped%' ORDER BY name"); len(all) > 0 {
				name := strings.TrimPrefix(strings.TrimPrefix(all[0], "stopped"), "/")
				s.ask(who, "start", "go on", Request{Job: name})
			} else if r.IntN(3) == 0 {
				s.ask(who, "stop", "wait", Request{})
			} else {
				s.ask(who, "stop", "wait", Request{Job: s.model.jobs[r.IntN(len(s.model.jobs))].name})
			}
		}
	}
}

func (s *sim) identity(name string) string {
	if id := s.check.current[name]; id != "" {
		return id
	}
	return name
}

// settleEverything is an office on its best day.
func (s *sim) settleEverything() {
	for _, name := range s.some("SELECT name FROM flags ORDER BY name") {
		switch {
		case name == "clock":
			s.ask("sato", "retry", "the clock is right", Request{Clock: true})
		case name == "session":
			s.ask("sato", "retry", "the password is right", Request{Session: true})
		case strings.HasPrefix(name, "stopped"):
			s.ask("sato", "start", "go on", Request{Job: strings.TrimPrefix(strings.TrimPrefix(name, "stopped"), "/")})
		}
	}
	for _, j := range s.model.jobs {
		if name := filepath.Join(s.dir, "files", j.fileName()+"-a.pdf"); j.attach {
			if _, err := os.Stat(name); err != nil {
				simWrite(s.t, name, "%PDF-1.4\nlate\n%%EOF\n", s.now())
			}
		}
	}
	for _, run := range s.toConfirm() {
		for _, p := range s.model.people[1:] {
			s.confirm(run, p)
		}
	}
	letters := func(states string) []string {
		return s.some("SELECT DISTINCT " + simNumber + " FROM deliveries d JOIN messages m ON m.id = d.message WHERE m.class = 'letter' AND d.state IN (" + states + ") ORDER BY m.id")
	}
	for i, m := range letters("'unknown'") {
		s.ask("sato", []string{"settle", "resend"}[i%2], "looked", Request{Message: m, Result: "sent"})
	}
	for _, m := range s.some("SELECT DISTINCT " + simNumber + " FROM deliveries d JOIN messages m ON m.id = d.message WHERE m.class = 'summary' AND d.state = 'unknown' ORDER BY m.id") {
		s.ask("sato", "settle", "it did not come", Request{Message: m, Result: "not-sent"})
	}
	for _, m := range s.some("SELECT DISTINCT " + simNumber + " FROM holds h JOIN messages m ON m.id = h.message JOIN deliveries d ON d.message = m.id WHERE d.state = 'held' ORDER BY m.id") {
		s.ask("sato", []string{"release", "reject"}[s.r.IntN(2)], "decided", Request{Message: m})
	}
}
