package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bod/internal/mailer"
)

// wholeWay is a message's life as the daemon writes it: one step, one transaction.
// Each step looks at what is there, so that it can be done again.
var wholeWay = []struct {
	name string
	do   func(tx *Tx, s *stage) error
}{
	{"plan", func(tx *Tx, s *stage) error {
		if err := tx.PutJob(Job{Name: "a", Kind: "send", Rule: []byte("{}")}); err != nil {
			return err
		}
		_, _, err := tx.AddRun(Run{Job: "a", Period: s.period, Nominal: tx.Now(), Due: tx.Now()})
		return err
	}},
	{"run", func(tx *Tx, s *stage) error {
		r, err := tx.RunOf("a", s.period)
		if err != nil || r.State != RunPlanned {
			return err
		}
		return tx.MoveRun(r.ID, RunPlanned, RunRunning, RunChange{})
	}},
	{"seal", func(tx *Tx, s *stage) error {
		r, err := tx.RunOf("a", s.period)
		if err != nil || r.State != RunRunning {
			return err
		}
		if _, err := tx.Seal(r.ID, []NewMessage{letter("x")}, []Observation{{Name: "n", Value: []byte("1")}}, true); err != nil {
			return err
		}
		return tx.MoveRun(r.ID, RunRunning, RunDrafted, RunChange{})
	}},
	{"queue", func(tx *Tx, s *stage) error {
		m, err := tx.MessageByKey("a/" + s.period + "/x")
		if err != nil || m.State != StateHeld {
			return err
		}
		return tx.Queue(m.ID)
	}},
	{"claim", func(tx *Tx, s *stage) error {
		m, err := tx.MessageByKey("a/" + s.period + "/x")
		if err != nil || m.State != StateQueued {
			return err
		}
		s.token, _, err = tx.Claim(m.ID)
		return err
	}},
	{"fence", func(tx *Tx, s *stage) error {
		m, err := tx.MessageByKey("a/" + s.period + "/x")
		if err != nil || m.State != StateClaimed {
			return err
		}
		return tx.Sending(s.token, []string{"x@acme.example"})
	}},
	{"receive", func(tx *Tx, s *stage) error {
		m, err := tx.MessageByKey("a/" + s.period + "/x")
		if err != nil || m.State != StateSending {
			return err
		}
		return tx.Receive(s.token, receipts(mailer.Sent, "x@acme.example"), nil)
	}},
	{"close", func(tx *Tx, s *stage) error { _, err := tx.CloseRuns(); return err }},
}

type stage struct{ period, token string }

var errPulled = errors.New("the disk was pulled")

// Every step fails twice: it did not happen, and it happened but the commit said
// otherwise. The daemon does it again, or dies there and begins anew. The letter's
// dot goes out once; where we died between the fence and the receipt its fate is
// unknown; and every row can be told again.
func TestEveryStepFailsTwice(t *testing.T) {
	for _, failing := range wholeWay {
		for _, happened := range []bool{false, true} {
			for _, dies := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s happened=%v dies=%v", failing.name, happened, dies), func(t *testing.T) {
					o := open(t)
					s := &stage{period: "2026-11"}
					dots, pulled := 0, false
					for i := 0; i < len(wholeWay); i++ {
						step := wholeWay[i]
						pull := step.name == failing.name && !pulled
						if pull {
							pulled = true
							o.testOnlyCommit = func(commit func() error) error {
								o.testOnlyCommit = nil
								if happened {
									if err := commit(); err != nil {
										return err
									}
								}
								return errPulled
							}
						}
						before := o.state(s)
						err := o.try(func(tx *Tx) error { return step.do(tx, s) })
						if step.name == "fence" && err == nil && before == StateClaimed {
							dots++
						}
						if (err == nil) != (!pull || happened) {
							t.Fatalf("%s: the ledger says %v", step.name, err)
						}
						switch {
						case pull && dies:
							s.token = ""
							o.reopen()
							i = -1 // begin anew: recovery is the normal path
						case err != nil:
							i-- // the same again
						}
					}
					want := StateSent
					if dies && (failing.name == "fence" && happened || failing.name == "receive" && !happened) {
						want = StateUnknown
					}
					if got := o.state(s); got != want || dots != 1 {
						t.Errorf("it is %s, want %s, after %d dots", got, want, dots)
					}
					if got, open := o.run(1).State, want == StateUnknown; open != (got == RunDrafted) || !open && got != RunDone {
						t.Errorf("the run is %s", got)
					}
					o.verified()
				})
			}
		}
	}
}

// state is that of the stage's message; "" while there is none.
func (o *office) state(s *stage) (state State) {
	o.t.Helper()
	o.view(func(v *View) error {
		m, err := v.MessageByKey("a/" + s.period + "/x")
		if state = m.State; errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
	return state
}

// When even the log can't be read after a failed commit, nothing is claimed to be
// known, and nothing is written any more until the ledger is opened anew.
func TestDoubt(t *testing.T) {
	o := open(t)
	o.testOnlyCommit = func(commit func() error) error {
		o.writer.conn.Close()
		return errPulled
	}
	if err := o.touchJob(); !errors.Is(err, ErrDoubt) || !errors.Is(err, errPulled) {
		t.Error(err)
	}
	o.testOnlyCommit = nil
	if err := o.touchJob(); !errors.Is(err, ErrDoubt) {
		t.Error(err)
	}
	if err := o.Touch(t.Context(), o.now); !errors.Is(err, ErrDoubt) {
		t.Error("the watchdog is told that all is well:", err)
	}
	o.Ledger.Close()
	o.Ledger = nil
	o.reopen()
	if err := o.touchJob(); err != nil {
		t.Error(err)
	}
	o.verified()
}

func TestRolledBack(t *testing.T) {
	o := open(t)
	put := func(tx *Tx) error { return tx.PutJob(Job{Name: "a", Kind: "send", Rule: []byte("{}")}) }
	boom := errors.New("boom")
	if err := o.try(func(tx *Tx) error { return errors.Join(put(tx), boom) }); !errors.Is(err, boom) {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() != "boom" {
				t.Error("the panic was swallowed")
			}
		}()
		o.try(func(tx *Tx) error { put(tx); panic("boom") })
	}()
	if err := o.try(func(tx *Tx) error { put(tx); tx.s.exec("INSERT INTO nowhere VALUES (1)"); tx.fail(boom); return nil }); !errors.Is(err, boom) {
		t.Error("an error that fn didn't heed was committed:", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(boom)
	if err := o.Update(ctx, o.now, bod, put); !errors.Is(err, boom) {
		t.Error(err)
	}
	if err := o.View(ctx, func(v *View) error { _, err := collect(v.Jobs()); return err }); !errors.Is(err, boom) {
		t.Error(err)
	}
	var kept *View
	o.view(func(v *View) error {
		for j := range v.Jobs() {
			t.Errorf("%+v", j)
		}
		kept = v
		return nil
	})
	if _, err := kept.Job("a"); !errors.Is(err, errOver) {
		t.Error(err)
	}
	o.do(put)
	o.verified()
}

// A full disk: a clear error, nothing lost, and it goes on when there is room.
func TestFull(t *testing.T) {
	o := open(t)
	run := o.running("a", "2026-11")
	var pages int64
	if err := o.writer.get("PRAGMA page_count", nil, &pages); err != nil {
		t.Fatal(err)
	}
	if err := o.writer.script(fmt.Sprintf("PRAGMA max_page_count = %d", pages+2)); err != nil {
		t.Fatal(err)
	}
	big := letter("x")
	big.Body = make([]byte, 1<<20)
	seal := func() error {
		return o.try(func(tx *Tx) error { _, err := tx.Seal(run, []NewMessage{big}, nil, true); return err })
	}
	for range 3 {
		if err := seal(); !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	}
	if err := o.Touch(t.Context(), o.now); err != nil {
		t.Error(err)
	}
	if err := o.writer.script("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := seal(); err != nil {
		t.Error(err)
	}
	if err := o.writer.script("PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if err := o.touchJob(); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if err := o.writer.script("PRAGMA query_only = 0"); err != nil {
		t.Fatal(err)
	}
	o.verified()
}

// The same on a real file system of its own.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=8m,mode=0700"); err != nil {
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatal("couldn't mount a small disk, that needs root: ", err)
		}
		t.Skip("couldn't mount a small disk, that needs root: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(root, syscall.MNT_DETACH) })
	ballast := filepath.Join(root, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, dir: filepath.Join(root, "state"), now: begin}
	o.reopen()
	run := o.running("a", "2026-11")
	part := 0
	seal := func() error {
		m := letter(fmt.Sprint("x", part))
		m.Body = make([]byte, 100<<10)
		err := o.try(func(tx *Tx) error { _, err := tx.Seal(run, []NewMessage{m}, nil, false); return err })
		if err == nil {
			part++
		}
		return err
	}
	var err error
	for range 100 {
		if err = seal(); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFull) && !errors.Is(err, ErrDisk) {
		t.Fatal("the disk was never full:", err)
	}
	if err := seal(); err == nil {
		t.Error("sealed on a full disk")
	}
	full := part
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := seal(); err != nil {
		t.Error(err)
	}
	o.reopen()
	n := 0
	o.view(func(v *View) error {
		for _, err := range v.Messages(MessageQuery{}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if n != full+1 {
		t.Errorf("%d messages, acknowledged were %d", n, full+1)
	}
	o.verified()
	o.Ledger.Close()
	if err := syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := start(o.dir, Options{}); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
}

const childEnv = "BOD_LEDGER_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child works until it is killed, by its own hand at the commit that chance names:
// just before it or just after it. Each line is what was acknowledged.
func child(dir string) int {
	if os.Getenv("BOD_LEDGER_DIE") == "never" {
		return reader(dir)
	}
	for i := range settings {
		if s := os.Getenv("BOD_LEDGER_SYNC"); s == "normal" && settings[i].name == "synchronous" {
			settings[i].value, settings[i].want = "normal", "1"
		}
	}
	var before, left int
	fmt.Sscan(os.Getenv("BOD_LEDGER_DIE"), &before, &left)
	periods := 1 << 30
	fmt.Sscanf(os.Getenv("BOD_LEDGER_DIE"), "power %d", &periods)
	l, err := Open(context.Background(), dir, Options{Create: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	l.testOnlyCommit = func(commit func() error) error {
		left--
		if left == 0 && before == 1 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		err := commit()
		if left == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return err
	}
	for i := range periods {
		s := &stage{period: fmt.Sprintf("%d-%d", time.Now().UnixNano(), i)}
		for _, step := range wholeWay {
			if err := l.Update(context.Background(), time.Now(), bod, func(tx *Tx) error { return step.do(tx, s) }); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			fmt.Println(step.name, s.period)
		}
	}
	return 0 // without a word to the ledger, as when the power goes
}

// reader has the ledger open until its input ends, as a command does that shows a list.
func reader(dir string) int {
	l, err := OpenReader(context.Background(), dir)
	if err == nil {
		fmt.Println("open")
		_, err = io.Copy(io.Discard, os.Stdin)
		err = errors.Join(err, l.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// holdOpen lets another process have the ledger open until release is called.
func holdOpen(t *testing.T, dir string) (release func()) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+dir, "BOD_LEDGER_DIE=never")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatal(line, err)
	}
	return func() {
		t.Helper()
		if err := errors.Join(in.Close(), c.Wait()); err != nil {
			t.Fatal(err)
		}
	}
}

// after is what each acknowledged step leaves behind when the next one may have been stored as well.
var after = map[string][]State{
	"plan": {"", StateHeld}, "run": {"", StateHeld}, "seal": {StateHeld, StateQueued}, "queue": {StateQueued},
	"claim": {StateQueued, StateUnknown}, "fence": {StateUnknown, StateSent}, "receive": {StateSent}, "close": {StateSent},
}

// Killed at any commit: what was acknowledged is there, nothing is claimed or being
// sent any more, and every row can be told again.
func TestKilled(t *testing.T) {
	t.Parallel() // it waits for other processes
	dir := filepath.Join(t.TempDir(), "state")
	acknowledged := map[string]string{}
	for range 30 {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprintf("BOD_LEDGER_DIE=%d %d", rand.IntN(2), 1+rand.IntN(2*len(wholeWay))))
		var said strings.Builder
		c.Stderr = &said
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan(); {
			step, period, _ := strings.Cut(lines.Text(), " ")
			acknowledged[period] = step
		}
		if err := c.Wait(); err == nil || c.ProcessState.Exited() {
			t.Fatalf("it was not killed: %v %s", err, said.String())
		}
		// A reader beside no daemon at all reads what the killed one left.
		if r, err := OpenReader(t.Context(), dir); err != nil {
			t.Fatal(err)
		} else if rep, err := r.Verify(t.Context(), nil); err != nil || len(rep.Problems) > 0 {
			t.Fatal(rep.Problems, err)
		} else if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	o := &office{t: t, dir: dir, now: time.Now()}
	o.reopen()
	states := map[string]State{}
	o.view(func(v *View) error {
		for m, err := range v.Messages(MessageQuery{}) {
			if err != nil {
				return err
			}
			states[strings.Split(m.Key, "/")[1]] = m.State
			if m.State == StateClaimed || m.State == StateSending {
				t.Errorf("%s is %s after the recovery", m.Key, m.State)
			}
		}
		flags, err := v.Flags()
		if len(flags) > 0 {
			t.Errorf("%+v", flags)
		}
		return err
	})
	for period, step := range acknowledged {
		if !slices.Contains(after[step], states[period]) {
			t.Errorf("after %s of %s it is %q", step, period, states[period])
		}
	}
	if len(acknowledged) < 20 {
		t.Errorf("only %d periods: the kills came too early to mean anything", len(acknowledged))
	}
	o.verified()
}

// What a person is told hangs on the kind: "full" can be mended by making room, "the disk returned an error" can't.
func TestKindsOfErrors(t *testing.T) {
	for code, want := range map[int]error{
		13: ErrFull, 10 | 19<<8: ErrFull, 10: ErrDisk, 10 | 3<<8: ErrDisk, 8: ErrReadOnly, 8 | 5<<8: ErrReadOnly,
		11: ErrDamaged, 26: ErrDamaged, 5: ErrBusy, 14: ErrRights, 1: nil,
	} {
		if got := kindOf(code); got != want {
			t.Errorf("%d is %v, want %v", code, got, want)
		}
	}
}
