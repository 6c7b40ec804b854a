package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"bod/internal/document"
	"bod/internal/ledger"
)

// TestMain lets the test binary be the daemon that is killed, and the mail server.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == document.Command: // the child that reads PDFs
		os.Exit(document.Serve(os.Stdin, os.Stdout))
	case os.Getenv("BOD_TEST_DAEMON") != "":
		os.Exit(victim(os.Getenv("BOD_TEST_DAEMON")))
	case os.Getenv("BOD_TEST_OFFICE") != "":
		os.Exit(officeVictim(os.Getenv("BOD_TEST_OFFICE")))
	case os.Getenv("BOD_TEST_POST") != "":
		os.Exit(postOffice(os.Getenv("BOD_TEST_POST"), os.Getenv("BOD_TEST_ADDR")))
	}
	remove, err := document.TestOnlyReader()
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // the tests' own program reads them then, slowly
	}
	status := m.Run()
	remove()
	os.Exit(status)
}

// victim is `bod run --once --do` that kills itself at the n-th time that it comes to a step.
func victim(dir string) int {
	step, count, _ := strings.Cut(os.Getenv("BOD_TEST_STEP"), ":")
	left, _ := strconv.Atoi(count)
	testOnlyAt = func(at string) {
		if at == "opened" && os.Getenv("BOD_TEST_ROOM") != "" {
			// No file may grow any more, as on a full disk.
			_ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1, Max: 1})
		}
		if at != step {
			return
		}
		if left--; left <= 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	o := RunOptions{ConfigPath: filepath.Join(dir, "jobs.toml"), StateDir: filepath.Join(dir, "state"), Log: log}
	// The second time the request is refused, since the period is being done; the work goes on all the same.
	if err := Once(context.Background(), o, []Request{{Job: "many", Period: os.Getenv("BOD_TEST_PERIOD")}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// The steps of a send. The first ones are the daemon's own; at the others the mail server kills it.
var steps = []string{"claimed", "before sending", "sending", "carried", "received", "MAIL", "RCPT", "DATA", "body", "dot"}

// TestKilledBetweenAnyTwoSteps: kill -9, a hundred times, against a real mail server. No message arrives twice, none is lost:
// what bod says was sent did arrive, and what it can't know it says so.
func TestKilledBetweenAnyTwoSteps(t *testing.T) {
	kills := 100
	switch {
	case testing.Short():
		kills = len(steps)
	case raced:
		kills = 3 * len(steps)
	}
	dir := t.TempDir()
	server := newMurderer(t)
	var rules strings.Builder
	rules.WriteString(strings.Replace(head, "smtp+insecure://sink.example:25", "smtp+insecure://"+server.addr, 1))
	var to []string
	for i := range 3 * kills {
		fmt.Fprintf(&rules, "[partner.p%d]\nname = \"Partner %d\"\nmail = [\"p%d@example.com\"]\n", i, i, i)
		to = append(to, fmt.Sprintf("%q", fmt.Sprintf("p%d", i)))
	}
	fmt.Fprintf(&rules, "[job.many]\nkind = \"send\"\ntitle = \"Many\"\nwhen = \"毎日 00:00 休みでも実施\"\nto = [%s]\nletter = \"letter.txt\"\nmissed = \"each\"\n", strings.Join(to, ", "))
	for name, content := range map[string]string{"jobs.toml": rules.String(), "letter.txt": letter + strings.Repeat("A line of the letter that makes its body longer than a buffer.\n", 100)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "letter.txt"), old, old); err != nil {
		t.Fatal(err)
	}

	period := time.Now().In(tokyo).Format("2006-01-02")
	r := rand.New(rand.NewPCG(2611, 25))
	killed := map[string]int{}
	done := 0
	for done < kills {
		step := steps[done%len(steps)]
		if server.killed(t, dir, period, step, 1+r.IntN(3)) {
			killed[step]++
			done++
			continue
		}
		break // it came to its end: there is nothing more to kill
	}
	if done < kills {
		t.Fatalf("all was sent after %d kills", done)
	}
	server.killed(t, dir, period, "never", 1)
	t.Logf("killed: %v", killed)

	l, err := ledger.OpenReader(t.Context(), filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	count := map[ledger.State]int{}
	err = l.View(t.Context(), func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{Job: "many"}) {
			if err != nil {
				return err
			}
			n := server.arrived[m.Key]
			count[m.State]++
			switch {
			case n > 1:
				t.Errorf("%s arrived %d times", m.Key, n)
			case m.State == ledger.StateSent && n != 1:
				t.Errorf("%s is said to be sent and arrived %d times", m.Key, n)
			case m.State != ledger.StateSent && m.State != ledger.StateUnknown:
				t.Errorf("%s is %s in the end", m.Key, m.State)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count[ledger.StateSent] + count[ledger.StateUnknown]; n != len(to) {
		t.Errorf("%d of %d messages are accounted for", n, len(to))
	}
	for key, n := range server.arrived {
		if n > 1 {
			t.Errorf("%s arrived %d times", key, n)
		}
	}
	if count[ledger.StateUnknown] > kills/2 {
		t.Errorf("%d of %d kills left a message unknown: only those around the dot may", count[ledger.StateUnknown], kills)
	}
	t.Logf("in the end: %v", count)
	if report, err := l.Verify(t.Context(), nil); err != nil || len(report.Problems) > 0 {
		t.Errorf("bod verify says %v %v", report.Problems, err)
	}
}

// murderer is a real mail server that kills its client at a step.
type murderer struct {
	addr    string
	mu      sync.Mutex
	step    string
	left    int
	victim  *os.Process
	arrived map[string]int
}

func newMurderer(t *testing.T) *murderer {
	t.Helper()
	m := &murderer{arrived: map[string]int{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	s := smtp.NewServer(m)
	s.Domain, s.ErrorLog = "sink.example", quiet{}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-served })
	return m
}

// killed runs the daemon until it is killed; false when it came to its end.
func (m *murderer) killed(t *testing.T, dir, period, step string, n int) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "BOD_TEST_DAEMON="+dir, "BOD_TEST_PERIOD="+period, fmt.Sprintf("BOD_TEST_STEP=%s:%d", step, n))
	var out strings.Builder
	cmd.Stderr = &out
	m.mu.Lock()
	m.step, m.left = step, n
	if err := cmd.Start(); err != nil {
		m.mu.Unlock()
		t.Fatal(err)
	}
	m.victim = cmd.Process
	m.mu.Unlock()
	err := cmd.Wait()
	exit, is := errors.AsType[*exec.ExitError](err)
	if err != nil && !is {
		t.Fatal(err)
	}
	if is && exit.Sys().(syscall.WaitStatus).Signaled() {
		return true
	}
	if is && exit.ExitCode() != 1 || strings.Contains(out.String(), "panic") {
		t.Fatalf("the daemon ended with %v:\n%s", err, out.String())
	}
	return false
}

// at kills the victim when it has come to the step often enough.
func (m *murderer) at(step string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if step != m.step {
		return
	}
	if m.left--; m.left == 0 {
		_ = m.victim.Kill()
	}
}

func (m *murderer) NewSession(*smtp.Conn) (smtp.Session, error) { return &scene{m}, nil }

type scene struct{ m *murderer }

func (s *scene) Mail(string, *smtp.MailOptions) error { s.m.at("MAIL"); return nil }
func (s *scene) Rcpt(string, *smtp.RcptOptions) error { s.m.at("RCPT"); return nil }
func (s *scene) Data(r io.Reader) error {
	s.m.at("DATA")
	half := make([]byte, 1000)
	n, err := io.ReadFull(r, half)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	s.m.at("body")
	rest, err := io.ReadAll(r)
	if err != nil {
		return err // cut before the dot: nothing was taken
	}
	// From here on the server has it, whether the client lives to hear so or not.
	a := arrivalOf(append(half[:n:n], rest...))
	s.m.mu.Lock()
	s.m.arrived[a.key]++
	s.m.mu.Unlock()
	s.m.at("dot")
	return nil
}
func (s *scene) Reset()        {}
func (s *scene) Logout() error { return nil }
