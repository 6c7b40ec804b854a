package daemon

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// A day of the office: letters that somebody confirms the day before, with a file; one letter to two colleagues; one in a single
// transaction to five addresses; and the summary.
const dayRules = `
[job.invoice]
kind = "send"
title = "Invoice"
owner = "sato"
when = "毎日 10:00 休みでも実施"
prepare = "1 day before"
to = ["acme", "hibari", "kumo"]
attach = ["pdf/{partner.id}-*.pdf"]
letter = "letter.txt"
confirm = { by = ["tanaka"], count = 1 }

[job.note]
kind = "send"
title = "Note"
owner = "sato"
when = "毎日 11:00 休みでも実施"
to = ["mori", "tanaka"]
letter = "letter.txt"

[job.order]
kind = "send"
title = "Order"
owner = "sato"
when = "毎日 12:00 休みでも実施"
to = ["nami"]
attach = ["pdf/terms.pdf"]
letter = "letter.txt"

[summary]
to = ["sato", "tanaka"]
when = "毎日 17:00 休みでも実施"

[partner.kumo]
name = "Kumo Works"
mail = ["kumo@kumo.example", "desk@kumo.example"]
[partner.nami]
name = "Nami Trading"
mail = ["a@nami.example", "b@nami.example"]
cc = ["c@nami.example"]
`

// due are the keys of a day's messages, with the addresses of each.
func dueOn(day string) map[string][]string {
	const copies = "hikae@aozora.example"
	return map[string][]string{
		"invoice/" + day + "/acme":   {"ap@acme.example", copies},
		"invoice/" + day + "/hibari": {"soumu@hibari.example", copies},
		"invoice/" + day + "/kumo":   {"kumo@kumo.example", "desk@kumo.example", copies},
		"note/" + day + "/all":       {"mori@aozora.example", "tanaka@aozora.example"},
		"order/" + day + "/nami":     {"a@nami.example", "b@nami.example", "c@nami.example", copies},
		"summary/" + day + "/sato":   {"sato@aozora.example"},
		"summary/" + day + "/tanaka": {"tanaka@aozora.example"},
	}
}

// ---- the daemon that is killed, a process of its own ----

// officeVictim lets the office's clock walk to a moment, as the loop would, and says "done". Where the clock stands is in a file that is
// written before the clock moves, so that the next process goes on from there.
func officeVictim(dir string) int {
	if err := walk(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("done")
	return 0
}

func walk(dir string) error {
	ctx := context.Background()
	until, err := time.Parse(time.RFC3339, os.Getenv("BOD_TEST_UNTIL"))
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(dir, "clock"))
	if err != nil {
		return err
	}
	now, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return err
	}
	clock := func() time.Time { return now }

	var windows []string
	var sending, carried time.Time
	testOnlyAt = func(step string) {
		switch step {
		case "sending":
			sending = time.Now()
		case "carried":
			carried = time.Now()
		case "received":
			if !sending.IsZero() {
				windows = append(windows, fmt.Sprintf("%d %d\n", carried.Sub(sending).Microseconds(), time.Since(carried).Microseconds()))
				sending = time.Time{}
			}
		}
	}

	c, problems := config.Load(filepath.Join(dir, "jobs.toml"), jobs.ConfigKinds())
	if c == nil {
		return &ConfigError{problems}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	l, err := ledger.Open(ctx, filepath.Join(dir, "state"), ledger.Options{Create: true, Now: clock, Log: log})
	if err != nil {
		return err
	}
	o, err := NewOffice(Options{Config: c, Ledger: l, Now: clock, Log: log})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	for {
		if err := o.settle(ctx); err != nil {
			return errors.Join(err, l.Close())
		}
		if asked, err := people(ctx, dir, l, now); err != nil {
			return errors.Join(err, l.Close())
		} else if asked {
			continue
		}
		next, err := o.Step(ctx)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		if !next.After(now) {
			next = now.Add(time.Second)
		}
		if t := desk14(now); t.Before(next) {
			next = t
		}
		if next.After(until) {
			break
		}
		now = next
		if err := setClock(dir, now); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, "windows"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(strings.Join(windows, ""))
		err = errors.Join(err, f.Close())
	}
	return errors.Join(err, l.Close())
}

func setClock(dir string, now time.Time) error {
	temp := filepath.Join(dir, "clock.tmp")
	if err := os.WriteFile(temp, []byte(now.Format(time.RFC3339Nano)), 0o644); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, "clock"))
}

// desk14 is the next moment after now at which people come to the office: at 14:00 to confirm, at 17:30 to look after what is unknown.
func desk14(now time.Time) time.Time {
	y, m, d := now.In(tokyo).Date()
	for _, at := range []time.Time{time.Date(y, m, d, 14, 0, 0, 0, tokyo), time.Date(y, m, d, 17, 30, 0, 0, tokyo)} {
		if at.After(now) {
			return at
		}
	}
	return time.Date(y, m, d+1, 14, 0, 0, 0, tokyo)
}

// people do at the hour what people do, once: confirm what waits for them, and ask the mail server's log about what is unknown.
func people(ctx context.Context, dir string, l *ledger.Ledger, now time.Time) (asked bool, err error) {
	var ins []ledger.Intent
	add := func(who, verb, why string, r Request) error {
		args, err := json.Marshal(r)
		ins = append(ins, ledger.Intent{Verb: verb, Args: args, Why: why, Who: ledger.Who{Name: who, User: "tester"}, At: now})
		return err
	}
	clock := now.In(tokyo).Format("15:04:05")
	err = l.View(ctx, func(v *ledger.View) error {
		switch clock {
		case "14:00:00":
			for r, err := range v.Runs(ledger.RunQuery{Job: "invoice", States: []ledger.RunState{ledger.RunDrafted}}) {
				if err != nil {
					return err
				}
				held, err := heldOf(v, r.ID)
				if err != nil {
					return err
				}
				if !slices.ContainsFunc(held, func(m ledger.Message) bool { return holds(m, ledger.Confirmation) }) {
					continue
				}
				if err := add("tanaka", "confirm", "", Request{Run: r.Number, Set: jobs.SetDigest(held)}); err != nil {
					return err
				}
			}
		case "17:30:00":
			came, err := readPost(dir)
			if err != nil {
				return err
			}
			for m, err := range v.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateUnknown}, Class: ledger.ClassLetter}) {
				if err != nil {
					return err
				}
				if len(came[m.Key]) > 0 {
					err = add("sato", "settle", "the mail server's log has it", Request{Message: m.Number, Result: "sent"})
				} else {
					err = add("sato", "resend", "the mail server's log doesn't have it", Request{Message: m.Number})
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, in := range ins {
		if _, err := l.AddIntent(ctx, in); err != nil {
			return false, err
		}
	}
	return len(ins) > 0, nil
}

// ---- the mail server, another process ----

// posted is a message that the mail server took: one line of its log, on the disk before the server says so.
type posted struct {
	Key, ID, Hash string
	To            []string
}

// postOffice is emersion/go-smtp at an address, with a log. It can be killed like the daemon.
func postOffice(dir, addr string) int {
	f, err := os.OpenFile(filepath.Join(dir, "post.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString("\n") // ends a line that a kill left unfinished: what stands in it was never acknowledged
	}
	var l net.Listener
	if err == nil {
		l, err = net.Listen("tcp", addr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	slow, _ := time.ParseDuration(os.Getenv("BOD_TEST_SLOW"))
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &counter{log: f, slow: slow}, nil }))
	s.Domain, s.ErrorLog = "post.example", quiet{}
	fmt.Println("ready")
	fmt.Fprintln(os.Stderr, s.Serve(l))
	return 1
}

type counter struct {
	log  *os.File
	slow time.Duration
	to   []string
}

func (c *counter) Mail(string, *smtp.MailOptions) error { c.to = nil; return nil }
func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.to = append(c.to, to)
	return nil
}
func (c *counter) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	p := posted{To: c.to}
	if m, err := mail.ReadMessage(bytes.NewReader(b)); err == nil {
		p.Key, p.ID = m.Header.Get("X-Bod-Key"), m.Header.Get("Message-Id")
	}
	sum := sha256.Sum256(b)
	p.Hash = hex.EncodeToString(sum[:])
	line, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if _, err := c.log.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := c.log.Sync(); err != nil {
		return err
	}
	if c.slow > 0 {
		<-time.After(rand.N(2 * c.slow)) // what a server of the world needs to answer: it scans, it queues
	}
	return nil
}
func (c *counter) Reset()        {}
func (c *counter) Logout() error { return nil }

// readPost reads the mail server's log: what it took, by key.
func readPost(dir string) (map[string][]posted, error) {
	b, err := os.ReadFile(filepath.Join(dir, "post.log"))
	if err != nil {
		return nil, err
	}
	out := map[string][]posted{}
	for line := range strings.SplitSeq(string(b), "\n") {
		var p posted
		if json.Unmarshal([]byte(line), &p) == nil {
			out[p.Key] = append(out[p.Key], p)
		}
	}
	return out, nil
}

// post holds the mail server's process.
type post struct {
	t         *testing.T
	dir, addr string
	mu        sync.Mutex
	cmd       *exec.Cmd
}

func newPost(t *testing.T, dir string) *post {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{t: t, dir: dir, addr: l.Addr().String()}
	l.Close()
	p.start()
	t.Cleanup(p.kill)
	return p
}

func (p *post) start() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BOD_TEST_POST="+p.dir, "BOD_TEST_ADDR="+p.addr)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		_ = cmd.Wait()
		p.t.Fatalf("the mail server doesn't start: %q %v %s", line, err, said.String())
	}
	p.cmd = cmd
}

func (p *post) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

// ---- the test ----

// tally is what the loop comes to.
type tally struct {
	kills    map[string]int
	messages int // different ones that reached the server
	days     int
	unknown  int // by message and time
	arrived  int // of the unknown ones
	twice    int
	lost     int
	notices  int
	answers  []time.Duration // from the commit before the dot to the server's answer
	commits  []time.Duration // from the answer to the commit of the receipt
}

func (y *tally) killed() (n int) {
	for _, k := range y.kills {
		n += k
	}
	return n
}

func (y *tally) String() string {
	span := func(d []time.Duration) string {
		if len(d) == 0 {
			return "not measured"
		}
		slices.Sort(d)
		return fmt.Sprintf("median %v, 99%% %v", d[len(d)/2], d[len(d)*99/100])
	}
	return fmt.Sprintf("%d kills %v in %d days; %d messages reached the server; twice %d, lost %d; unknown %d, of which %d had arrived and %d had not; "+
		"the window: the answer to the dot %s; the receipt's commit %s (%d measured)",
		y.killed(), y.kills, y.days, y.messages, y.twice, y.lost, y.unknown, y.arrived, y.unknown-y.arrived, span(y.answers), span(y.commits), len(y.answers))
}

// calls are the system calls at whose n-th a thread of the daemon is killed. pwrite64 and fsync are the ledger's, write the mail's.
var calls = []string{"pwrite64", "fsync", "write", "fcntl", "read", "pread64", "connect", "openat", "close", "ftruncate,unlinkat,unlink,renameat", "setsockopt", "epoll_ctl", "futex", "mmap"}

// TestKilledAtAnyMoment: kill -9 of the daemon, of the mail server and of both, at random moments and at the n-th system call, from the
// prepare moment to the summary, day after day. Nothing arrives twice, nothing that was due is forgotten, what nobody can know is told
// at once and in the next summary; a person's word then brings even that to its end.
//
// BOD_TEST_KILLS=1000 makes it as long as that, and asks bod status too; BOD_TEST_SLOW=20ms lets the mail server take its time to answer:
//
//	BOD_TEST_KILLS=1000 go test -run TestKilledAtAnyMoment -v -timeout 0 ./internal/daemon
func TestKilledAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills real processes for some seconds")
	}
	kills, bod := 24, ""
	if raced {
		kills = 5
	}
	if n, err := strconv.Atoi(os.Getenv("BOD_TEST_KILLS")); err == nil {
		kills, bod = n, filepath.Join(t.TempDir(), "bod")
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bod, "bod/cmd/bod").CombinedOutput(); err != nil {
			t.Fatalf("couldn't build bod: %v\n%s", err, out)
		}
	}
	trace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatal("strace is missing: kills at a system call need it")
		}
		t.Log("strace is missing: the kills are at random moments only")
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("BOD_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("BOD_TEST_SEED=%d", seed) // the moments come from it; what the processes are at then does not
	r := rand.New(rand.NewPCG(seed, 25))
	y := &tally{kills: map[string]int{}}
	sweep := map[string]int{}
	for y.killed() < kills && !t.Failed() {
		k := newKillOffice(t, r, y, trace, sweep)
		k.bod = bod
		for day := 0; day < 20 && y.killed() < kills; day++ {
			k.day(true)
		}
		k.day(false)
		k.check()
		if y.killed() >= 100 {
			t.Log(y)
		}
	}
	t.Log(y)
	if y.twice > 0 || y.lost > 0 {
		t.Error("a promise is broken")
	}
}

// killOffice is one office, from its first day to its last.
type killOffice struct {
	t     *testing.T
	dir   string
	post  *post
	r     *rand.Rand
	y     *tally
	trace string
	sweep map[string]int // up to which n-th call each system call was swept
	first time.Time
	today time.Time
	span  time.Duration // that a day takes without a kill
	bod   string        // the program, for bod status; "": it is not asked
	asked int           // how often bod status was looked at
}

func newKillOffice(t *testing.T, r *rand.Rand, y *tally, trace string, sweep map[string]int) *killOffice {
	t.Helper()
	dir := t.TempDir()
	k := &killOffice{t: t, dir: dir, post: newPost(t, dir), r: r, y: y, trace: trace, sweep: sweep}
	k.first = time.Date(2026, 11, 24, 0, 0, 0, 0, tokyo)
	k.today = k.first
	rules := strings.Replace(head, "server = \"smtp+insecure://sink.example:25\"", "server = \"smtp+insecure://"+k.post.addr+"\"\nbcc = [\"hikae@aozora.example\"]", 1) + dayRules
	big := strings.Repeat("a line of a file that is larger than any buffer on its way\n", 1500)
	old := time.Now().Add(-10 * 365 * 24 * time.Hour)
	for name, content := range map[string]string{
		"jobs.toml": rules, "letter.txt": letter, "pdf/acme-1.pdf": "%PDF-1.4\n" + big + "%%EOF\n", "pdf/hibari-1.pdf": "%PDF-1.4\nhibari\n%%EOF\n",
		"pdf/kumo-1.pdf": "%PDF-1.4\nkumo\n%%EOF\n", "pdf/terms.pdf": "%PDF-1.4\n" + big[:9000] + "\n%%EOF\n",
	} {
		file := filepath.Join(dir, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644), os.Chtimes(file, old, old))
		if err != nil {
			t.Fatal(err)
		}
	}
	// The office opens on the day before, in time for people to confirm the first day's letters.
	if err := setClock(dir, k.first.Add(-11*time.Hour)); err != nil {
		t.Fatal(err)
	}
	return k
}

// start starts the daemon, which walks to a moment; with wrap before it.
func (k *killOffice) start(until time.Time, wrap ...string) (cmd *exec.Cmd, out, said *strings.Builder) {
	k.t.Helper()
	args := append(slices.Clone(wrap), os.Args[0])
	cmd = exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "BOD_TEST_OFFICE="+k.dir, "BOD_TEST_UNTIL="+until.Format(time.RFC3339))
	out, said = &strings.Builder{}, &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, said
	// The daemon may be a grandchild (below strace): all of it is one group, which ends as one.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	return cmd, out, said
}

// ended waits for the daemon and reports whether it came to its end by itself.
func (k *killOffice) ended(cmd *exec.Cmd, out, said *strings.Builder) bool {
	k.t.Helper()
	err := cmd.Wait()
	if out.String() == "done\n" {
		return true
	}
	exit, is := errors.AsType[*exec.ExitError](err)
	status, signal := syscall.WaitStatus(0), false
	if is {
		status, signal = exit.Sys().(syscall.WaitStatus), true
		signal = status.Signaled() && status.Signal() == syscall.SIGKILL
	}
	if !signal {
		k.t.Fatalf("the daemon ended with %v:\n%s", err, said.String())
	}
	return false
}

// day lets one day pass, from 17:40 to 17:40: with kills until the summary is out and after it, and at last without.
func (k *killOffice) day(kills bool) {
	k.t.Helper()
	noon := k.today.Add(17*time.Hour + 5*time.Minute)
	evening := k.today.Add(17*time.Hour + 40*time.Minute)
	if kills {
		for range 1 + k.r.IntN(4) {
			k.kill(evening)
		}
	}
	began := time.Now()
	if !k.ended(k.start(noon)) { // up to after the summary, before people look after what is unknown
		k.t.Fatal("somebody else killed the daemon")
	}
	k.status()
	if !k.ended(k.start(evening)) {
		k.t.Fatal("somebody else killed the daemon")
	}
	if took := time.Since(began); k.span == 0 || !kills {
		k.span = took
	}
	k.today = k.today.AddDate(0, 0, 1)
	k.y.days++
}

// kill makes one kill, if it comes in time.
func (k *killOffice) kill(until time.Time) {
	k.t.Helper()
	how := k.r.IntN(10)
	if k.trace == "" && how >= 5 {
		how -= 5
	}
	wait := 50 * time.Millisecond
	if k.span > 0 {
		wait = time.Duration(k.r.Int64N(int64(k.span)))
	}
	switch {
	case how < 3: // the daemon
		cmd, out, said := k.start(until)
		timer := time.AfterFunc(wait, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		if !k.ended(cmd, out, said) {
			k.y.kills["bod"]++
		}
		timer.Stop()
	case how < 5: // the mail server, or both of them
		both := how == 4
		cmd, out, said := k.start(until)
		struck := make(chan struct{})
		timer := time.AfterFunc(wait, func() {
			k.post.kill()
			if both {
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			}
			close(struck)
		})
		if both {
			if !k.ended(cmd, out, said) {
				k.y.kills["both"]++
			}
			if !timer.Stop() {
				<-struck
				k.post.start()
			}
			return
		}
		<-struck
		k.y.kills["server"]++
		k.post.start()
		if !k.ended(cmd, out, said) {
			k.t.Fatal("somebody else killed the daemon")
		}
	default: // the n-th system call of a thread; strace 6.1 injects nothing below --seccomp-bpf
		call := calls[k.r.IntN(len(calls))]
		if k.r.IntN(2) == 0 {
			call = calls[k.r.IntN(3)]
		}
		k.sweep[call] += 1 + k.r.IntN(12)
		n := k.sweep[call]
		killed := !k.ended(k.start(until, k.trace, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, n)))
		if killed {
			k.y.kills["at "+call]++
		} else {
			k.sweep[call] = 0 // the whole run was swept
		}
	}
}

// status holds bod status to what is unknown now, the first times.
func (k *killOffice) status() {
	k.t.Helper()
	var unknown []string
	k.view(func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateUnknown}, Class: ledger.ClassLetter}) {
			if err != nil {
				return err
			}
			unknown = append(unknown, m.Number)
		}
		return nil
	})
	if len(unknown) == 0 || k.bod == "" || k.asked == 2 {
		return
	}
	k.asked++
	out, err := exec.Command(k.bod, "status", "-f", filepath.Join(k.dir, "jobs.toml"), "--state", filepath.Join(k.dir, "state")).Output()
	if err != nil {
		k.t.Fatalf("bod status: %v", err)
	}
	for _, n := range unknown {
		if !strings.Contains(string(out), n) {
			k.t.Errorf("bod status doesn't tell of %s:\n%s", n, out)
		}
	}
}

func (k *killOffice) view(fn func(*ledger.View) error) {
	k.t.Helper()
	l, err := ledger.OpenReader(k.t.Context(), filepath.Join(k.dir, "state"))
	if err != nil {
		k.t.Fatal(err)
	}
	defer l.Close()
	if err := l.View(k.t.Context(), fn); err != nil {
		k.t.Fatal(err)
	}
	if report, err := l.Verify(k.t.Context(), nil); err != nil || len(report.Problems) > 0 {
		k.t.Errorf("bod verify says %v %v", report.Problems, err)
	}
}

// doubt is a message that became unknown at a moment.
type doubt struct {
	message int64
	at      time.Time
}

// check holds the ledger against the mail server's log and against what was due.
func (k *killOffice) check() {
	t := k.t
	t.Helper()
	k.post.kill()
	came, err := readPost(k.dir)
	if err != nil {
		t.Fatal(err)
	}
	delete(came, "")
	k.y.messages += len(came)
	times := func(key, to string) (n int) {
		for _, p := range came[key] {
			for _, a := range p.To {
				if a == to {
					n++
				}
			}
		}
		return n
	}
	last := k.today.AddDate(0, 0, -1)
	k.view(func(v *ledger.View) error {
		all := map[int64]ledger.Message{}
		byKey := map[string]ledger.Message{}
		var summaries, notices []ledger.Message
		for m, err := range v.Messages(ledger.MessageQuery{}) {
			if err != nil {
				return err
			}
			all[m.ID] = m
			if m.State == ledger.StateReplaced {
				continue
			}
			if other, taken := byKey[m.Key]; taken {
				t.Errorf("%s and %s both have the key %s", other.Number, m.Number, m.Key)
			}
			byKey[m.Key] = m
			switch m.Class {
			case ledger.ClassSummary:
				summaries = append(summaries, m)
			case ledger.ClassNotice:
				notices = append(notices, m)
				k.y.notices++
			}
		}

		// Never twice, and what is said is so.
		for key, m := range byKey {
			body, err := v.Body(m.ID)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(body)
			for _, p := range came[key] {
				if p.Hash != hex.EncodeToString(sum[:]) || p.ID != "<"+strings.Trim(m.MessageID, "<>")+">" {
					t.Errorf("what arrived as %s is not what was sealed", key)
				}
			}
			for _, d := range m.Deliveries {
				n := times(key, d.Mail)
				over := m.Run != 0 && m.NotBefore.After(k.today.Add(-7*time.Hour)) // of the days ahead
				switch {
				case n > 1:
					k.y.twice++
					t.Errorf("%s reached %s %d times", key, d.Mail, n)
				case d.State == ledger.StateSent && n != 1:
					k.y.lost++
					t.Errorf("%s is said to be sent to %s and arrived %d times", key, d.Mail, n)
				case d.State == ledger.StateUnknown && m.Class != ledger.ClassLetter, over:
				case d.State != ledger.StateSent:
					k.y.lost++
					t.Errorf("%s to %s is %s in the end", key, d.Mail, d.State)
				}
			}
		}
		for key := range came {
			if _, known := byKey[key]; !known {
				t.Errorf("%s arrived, and the ledger doesn't know it", key)
			}
		}

		// Never lost: counted from the calendar, not from the ledger.
		for day := k.first; !day.After(last); day = day.AddDate(0, 0, 1) {
			for key, to := range dueOn(day.Format("2006-01-02")) {
				m, there := byKey[key]
				if !there {
					k.y.lost++
					t.Errorf("nothing is known of %s", key)
					continue
				}
				var have []string
				for _, d := range m.Deliveries {
					have = append(have, d.Mail)
				}
				slices.Sort(have)
				if want := slices.Sorted(slices.Values(to)); !slices.Equal(have, want) {
					t.Errorf("%s goes to %v, not to %v", key, have, want)
				}
			}
			n := 0
			for r, err := range v.Runs(ledger.RunQuery{Job: "summary"}) {
				if err != nil {
					return err
				}
				if r.Period == day.Format("2006-01-02") {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s has %d summaries", day.Format("2006-01-02"), n)
			}
		}

		// What nobody can know was told at once, and in the next summary.
		doubts := map[doubt]bool{}
		settled := map[int64][]time.Time{}
		again := map[doubt]bool{}        // it had not arrived, and was sent again
		pending := map[int64]time.Time{} // by delivery
		for e, err := range v.Events(0) {
			if err != nil {
				return err
			}
			if e.Table != "delivery" {
				continue
			}
			var change struct {
				State   string
				Message int64
			}
			if err := json.Unmarshal(e.Change, &change); err != nil {
				return err
			}
			id, err := strconv.ParseInt(e.Row, 10, 64)
			if err != nil {
				return err
			}
			for _, m := range all {
				if !slices.ContainsFunc(m.Deliveries, func(d ledger.Delivery) bool { return d.ID == id }) {
					continue
				}
				if at, is := pending[id]; is && change.State == string(ledger.StateQueued) {
					again[doubt{m.ID, at}] = true
				}
				delete(pending, id)
				if change.State == string(ledger.StateUnknown) {
					doubts[doubt{m.ID, e.At}] = true
					pending[id] = e.At
				} else if e.Who.Name == "sato" {
					settled[m.ID] = append(settled[m.ID], e.At)
				}
			}
		}
		slices.SortFunc(summaries, func(a, b ledger.Message) int { return a.Sealed.Compare(b.Sealed) })
		for x := range doubts {
			m := all[x.message]
			k.y.unknown++
			if m.Class == ledger.ClassLetter {
				if !again[x] {
					k.y.arrived++
				}
			} else if len(came[m.Key]) > 0 {
				k.y.arrived++
			}
			if m.Class == ledger.ClassNotice {
				continue // never a notice about a notice
			}
			id := m.Number
			if m.Class == ledger.ClassLetter {
				r, err := v.Run(m.Run)
				if err != nil {
					return err
				}
				id = r.Number
			}
			if !slices.ContainsFunc(notices, func(n ledger.Message) bool {
				return strings.HasPrefix(n.Key, "notice/unknown/"+id+"/") && !n.Sealed.Before(x.at) && n.Sealed.Sub(x.at) < time.Minute
			}) {
				t.Errorf("%s became unknown at %s, and nobody was told at once", m.Key, x.at.In(tokyo))
			}
			for _, s := range summaries {
				if !s.Sealed.After(x.at) {
					continue
				}
				if m.Class != ledger.ClassLetter || slices.ContainsFunc(settled[m.ID], func(at time.Time) bool { return at.After(x.at) && !at.After(s.Sealed) }) {
					break
				}
				body, err := v.Body(s.ID)
				if err != nil {
					return err
				}
				if text := plainText(t, body); !strings.Contains(text, m.Number) && !strings.Contains(text, id) {
					t.Errorf("%s became unknown at %s, and the next summary doesn't tell of it:\n%s", m.Key, x.at.In(tokyo), text)
				}
				break
			}
		}
		return nil
	})

	b, err := os.ReadFile(filepath.Join(k.dir, "windows"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
		var answer, commit int64
		if _, err := fmt.Sscan(line, &answer, &commit); err == nil {
			k.y.answers = append(k.y.answers, time.Duration(answer)*time.Microsecond)
			k.y.commits = append(k.y.commits, time.Duration(commit)*time.Microsecond)
		}
	}
}

// plainText is what a reader of a mail sees: its text parts.
func plainText(t *testing.T, raw []byte) string {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	var read func(header map[string][]string, r io.Reader)
	read = func(header map[string][]string, r io.Reader) {
		h := mail.Header(header)
		kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(kind, "multipart/") {
			parts := multipart.NewReader(r, params["boundary"])
			for {
				p, err := parts.NextRawPart()
				if err != nil {
					return
				}
				read(p.Header, p)
			}
		}
		switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
		case "base64":
			r = base64.NewDecoder(base64.StdEncoding, r)
		case "quoted-printable":
			r = quotedprintable.NewReader(r)
		}
		if kind == "text/plain" {
			if _, err := io.Copy(&out, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	read(maps.Clone(m.Header), m.Body)
	return out.String()
}
