package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	_ "modernc.org/sqlite"
)

// The program as it is installed, a real mail server, and a disk that fails: after each fault the server's own list of what it took is
// held against the ledger, read by plain SQL. Nothing arrives twice; nothing that the ledger calls sent is missing; nothing that was to
// go is forgotten; and whoever reads what the program said knows what to do.

// installed builds bod as the package does.
var installed = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bod-installed-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "bod")
	cmd := exec.Command("go", "build", "-o", file, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return file, nil
})

// postOffice is a mail server that keeps a list of what it took.
type postOffice struct {
	addr string
	mu   sync.Mutex
	took map[string]int
	came chan string // each key as it is taken
}

func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	p := &postOffice{took: map[string]int{}, came: make(chan string, 10_000)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return counter{p}, nil }))
	s.Domain, s.ErrorLog = "mail.test", log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return p
}

// empty begins a new list.
func (p *postOffice) empty() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = map[string]int{}
}

func (p *postOffice) list() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.took)
}

type counter struct{ p *postOffice }

func (counter) Mail(string, *smtp.MailOptions) error { return nil }
func (counter) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (counter) Reset()                               {}
func (counter) Logout() error                        { return nil }
func (c counter) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err // cut before the dot: nothing was taken
	}
	m, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		return err
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	key := m.Header.Get("X-Bod-Key")
	c.p.took[key]++
	select {
	case c.p.came <- key:
	default: // nobody waits for so many
	}
	return nil
}

// firm is an office on a disk of its own with one job of a few letters.
type firm struct {
	t      *testing.T
	bod    string
	dir    string // jobs.toml and the letter
	state  string
	period string
	post   *postOffice

	enough string // a process that says so is killed: it would go on for as long as the disk is broken
}

// heard collects what a process says, and calls enough when a word is among it.
type heard struct {
	said   []byte
	word   string
	enough func()
}

func (h *heard) Write(p []byte) (int, error) {
	h.said = append(h.said, p...)
	if h.word != "" && bytes.Contains(h.said, []byte(h.word)) {
		h.enough()
	}
	return len(p), nil
}

const letters = 3

const hung = -2

func newFirm(t *testing.T, state string) *firm {
	t.Helper()
	bod, err := installed()
	if err != nil {
		t.Fatal("couldn't build bod: ", err)
	}
	f := &firm{t: t, bod: bod, dir: t.TempDir(), state: state, post: newPostOffice(t)}
	if f.state == "" {
		f.state = filepath.Join(f.dir, "state")
	}
	var rules strings.Builder
	rules.WriteString("timezone = \"Asia/Tokyo\"\nlanguage = \"en\"\nadmin = [\"sato\"]\n[company]\nname = \"Aozora\"\n[mail]\nfrom = \"keiri@aozora.example\"\n" +
		"server = \"smtp+insecure://" + f.post.addr + "\"\n[people]\nsato = \"Sato <sato@aozora.example>\"\n")
	var to []string
	for i := range letters {
		fmt.Fprintf(&rules, "[partner.p%d]\nname = \"Partner %d\"\nmail = [\"p%d@example.com\"]\n", i, i, i)
		to = append(to, fmt.Sprintf("%q", fmt.Sprintf("p%d", i)))
	}
	rules.WriteString("[job.many]\nkind = \"send\"\ntitle = \"Many\"\nwhen = \"毎日 00:00 休みでも実施\"\nto = [" + strings.Join(to, ", ") + "]\nletter = \"letter.txt\"\n")
	for name, text := range map[string]string{"jobs.toml": rules.String(), "letter.txt": "Subject: {title}\n\nHello.\n"} {
		if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(f.dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	f.period = time.Now().In(zone).Format(time.DateOnly)
	if out, code := f.run(); code != 0 {
		t.Fatalf("the first start ended with %d: %s", code, out)
	}
	return f
}

// run runs bod run --once for the job behind the words in before, and returns what it said. A process that goes on trying is killed, as
// an administrator pulls the plug: code is hung then; -1 is one that a signal ended.
func (f *firm) run(before ...string) (out string, code int) {
	return f.bodDoes(append(before, f.bod, "run", "--once", "--do", "many/"+f.period, "--by", "sato")...)
}

func (f *firm) bodDoes(args ...string) (out string, code int) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "LANG=C", "BOD_ADMIN=none", "BOD_JOBS=jobs.toml", "STATE_DIRECTORY="+f.state)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	b := &heard{word: f.enough, enough: cancel}
	cmd.Stdout, cmd.Stderr = b, b
	err := cmd.Run()
	out, code = string(b.said), 0
	if err != nil {
		exit, is := errors.AsType[*exec.ExitError](err)
		if !is {
			f.t.Fatal(err)
		}
		if code = exit.ExitCode(); ctx.Err() != nil {
			code = hung
		}
	}
	if strings.Contains(out, "panic:") || strings.Contains(out, "goroutine ") || strings.Contains(out, "SIGBUS") {
		f.t.Errorf("it panicked:\n%s", out)
	}
	return out, code
}

// states reads the ledger by plain SQL, as any program could.
func (f *firm) states() map[string]string { return f.statesIn(f.state) }

func (f *firm) statesIn(dir string) map[string]string {
	f.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "ledger.db")+"?mode=ro")
	if err != nil {
		f.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT m.key, d.state FROM messages m JOIN deliveries d ON d.message = m.id WHERE m.class = 'letter'")
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var key, state string
		if err := rows.Scan(&key, &state); err != nil {
			f.t.Fatal(err)
		}
		out[key] = state
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	return out
}

// tally counts what became of the letters over all faults.
type tally struct{ faults, messages, twice, lost, unknown, coming int }

func (s tally) String() string {
	return fmt.Sprintf("%d faults, %d messages: twice %d, lost %d, unknown %d, to be tried again %d", s.faults, s.messages, s.twice, s.lost, s.unknown, s.coming)
}

// settled lets bod go on on a disk that works, and holds the ledger against the server's list.
func (f *firm) settled(what string, sum *tally) {
	f.t.Helper()
	taken := f.post.list()
	for range 2 { // the second finds nothing to do
		if out, code := f.run(); code != 0 && code != 1 { // 1: the period is done already
			f.t.Errorf("%s: then it ended with %d:\n%s", what, code, out)
		}
	}
	if out, code := f.bodDoes(f.bod, "verify"); code != 0 {
		f.t.Errorf("%s: bod verify: %s", what, out)
	}
	sum.faults++
	states, arrived := f.states(), f.post.list()
	if status, _ := f.bodDoes(f.bod, "status"); strings.Contains(status, "restored") {
		f.t.Errorf("%s: it takes itself for an older copy: %s", what, status)
	}
	for i := range letters {
		key := fmt.Sprintf("many/%s/p%d", f.period, i)
		n, state := arrived[key], states[key]
		sum.messages++
		switch {
		case n > 1:
			sum.twice++
			f.t.Errorf("%s: %s arrived %d times", what, key, n)
		case state == "sent" && n == 1:
		case state == "unknown":
			sum.unknown++
		case state == "deferred" && n == 0: // the fence could not be passed: tried again in a minute
			sum.coming++
		default:
			sum.lost++
			f.t.Errorf("%s: %s is %q and arrived %d times", what, key, state, n)
		}
		if taken[key] == 1 && arrived[key] == 1 && state != "sent" && state != "unknown" {
			f.t.Errorf("%s: %s had arrived, and is %q", what, key, state)
		}
	}
}

func needs(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		unmet(t, program+" is not installed")
	}
	return path
}

// unmet skips a test that needs more than Go, and fails it where everything has to be there.
func unmet(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("BOD_TEST_ALL") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// snapshot keeps the state folder as it is, so that each fault begins with the same.
func (f *firm) snapshot() (again func()) {
	f.t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(f.state)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(f.state, e.Name())); err != nil {
			f.t.Fatal(err)
		}
	}
	return func() {
		f.t.Helper()
		err := os.RemoveAll(f.state)
		err = errors.Join(err, os.Mkdir(f.state, 0o700))
		for name, b := range files {
			err = errors.Join(err, os.WriteFile(filepath.Join(f.state, name), b, 0o600))
		}
		if err != nil {
			f.t.Fatal(err)
		}
		f.post.empty()
	}
}

// The calls that touch the disk, with what can be wrong with each. "+" is a disk that stays so.
var diskFaults = []struct{ call, fault string }{
	{"fsync", "error=EIO"}, {"fsync", "error=EIO+"}, {"fsync", "signal=SIGKILL"},
	{"pwrite64", "error=EIO"}, {"pwrite64", "error=EIO+"}, {"pwrite64", "error=ENOSPC"}, {"pwrite64", "error=ENOSPC+"}, {"pwrite64", "signal=SIGKILL"},
	{"pread64", "error=EIO"}, {"ftruncate", "error=EIO"}, {"renameat", "error=EIO"}, {"renameat", "signal=SIGKILL"}, {"unlink", "error=EIO"},
}

// TestDiskFaults injects one fault at each call that touches the disk in a short send: a few by chance, every one of them with
// BOD_TEST_DISK_FAULTS=all, or so many with a number.
func TestDiskFaults(t *testing.T) {
	t.Parallel() // it waits for other processes
	strace := needs(t, "strace")
	most := 14
	if s := os.Getenv("BOD_TEST_DISK_FAULTS"); s == "all" {
		most = 1 << 30
	} else if n, err := strconv.Atoi(s); err == nil {
		most = n
	}
	if testing.Short() {
		most = 3
	}
	f := newFirm(t, "")
	// The period is asked for anew in each trial, by a ledger that never heard of it.
	if err := os.RemoveAll(f.state); err != nil {
		t.Fatal(err)
	}
	if out, code := f.bodDoes(f.bod, "run", "--once"); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	again := f.snapshot()
	again()
	trace := filepath.Join(t.TempDir(), "trace")
	out, code := f.run(strace, "-f", "-qq", "-E", "GOMAXPROCS=1", "-o", trace, "-e", "trace=fsync,pwrite64,pread64,ftruncate,renameat,unlink", "-e", "signal=none")
	if code != 0 {
		if strings.Contains(out, "ptrace") {
			unmet(t, "no process may be traced here: "+out)
		}
		t.Fatalf("under strace it ended with %d: %s", code, out)
	}
	told, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{} // strace counts each thread's own, so this is the most that one thread makes
	each := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^(\d+) +(\w+)\(`).FindAllSubmatch(told, -1) {
		call := string(m[2])
		each[string(m[1])+call]++
		calls[call] = max(calls[call], each[string(m[1])+call])
	}
	type trial struct {
		call, fault string
		when        int
	}
	var trials []trial
	for _, d := range diskFaults {
		for n := 1; n <= calls[d.call]; n++ {
			trials = append(trials, trial{d.call, d.fault, n})
		}
	}
	seed := uint64(time.Now().UnixNano())
	chance := rand.New(rand.NewPCG(seed, 25))
	if most < len(trials) {
		// Each kind of fault has its turn, at a moment of chance.
		picked := make([]trial, 0, most)
		for i := range most {
			d := diskFaults[i%len(diskFaults)]
			if n := calls[d.call]; n > 0 {
				picked = append(picked, trial{d.call, d.fault, 1 + chance.IntN(n)})
			}
		}
		trials = picked
	}
	var sum tally
	for _, x := range trials {
		again()
		fault, stays := strings.CutSuffix(x.fault, "+")
		when := strconv.Itoa(x.when)
		if stays {
			when += "+"
		}
		what := fmt.Sprintf("%s %s when=%s", x.call, fault, when)
		f.enough = "trying again" // what the mail server answered can't be stored
		out, code := f.run(strace, "-f", "-qq", "-E", "GOMAXPROCS=1", "-o", trace, "-e", "trace="+x.call, "-e", "signal=none", "-e", "inject="+x.call+":"+fault+":when="+when)
		if code > 0 && !strings.Contains(out, "→") && !strings.Contains(out, "ask again") {
			t.Errorf("%s: it ended with %d and doesn't say what to do:\n%s", what, code, out)
		}
		if code == hung && !strings.Contains(out, "disk") {
			t.Errorf("%s: it waits and doesn't say for what:\n%s", what, out)
		}
		f.enough = ""
		f.settled(what, &sum)
		if told, err := os.ReadFile(trace); err != nil {
			t.Fatal(err)
		} else if code != -1 && !bytes.Contains(told, []byte("INJECTED")) {
			sum.faults-- // the thread was another one this time
		}
	}
	if sum.faults < len(trials)/4 {
		t.Errorf("only %d of %d trials met their fault", sum.faults, len(trials))
	}
	t.Logf("seed %d, calls %v, %d trials: %v", seed, calls, len(trials), sum)
}

// TestRestoreKilled: killed at any call, bod restore leaves the old ledger as it was, or one that sends nothing, or none that a start would
// take for a fresh one; the one that was there is never lost; and the same command once more does the rest.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	strace := needs(t, "strace")
	most := 10
	if s := os.Getenv("BOD_TEST_DISK_FAULTS"); s == "all" {
		most = 1 << 30
	} else if n, err := strconv.Atoi(s); err == nil {
		most = n
	}
	f := newFirm(t, "")
	copy := filepath.Join(t.TempDir(), "copy.db")
	if err := os.RemoveAll(f.state); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--once"}, {"backup", copy}, {"run", "--once", "--do", "many/" + f.period, "--by", "sato"}} {
		if out, code := f.bodDoes(append([]string{f.bod}, args...)...); code != 0 {
			t.Fatalf("%d: %s", code, out)
		}
	}
	again := f.snapshot()
	restore := []string{f.bod, "restore", copy, "--by", "sato"}
	calls := "fsync,write,pwrite64,linkat,renameat,unlinkat,unlink,mkdirat,ftruncate"
	trace := filepath.Join(t.TempDir(), "trace")
	if out, code := f.bodDoes(slices.Concat([]string{strace, "-f", "-qq", "-o", trace, "-e", "trace=" + calls, "-e", "signal=none"}, restore)...); code != 0 {
		if strings.Contains(out, "ptrace") {
			unmet(t, "no process may be traced here: "+out)
		}
		t.Fatalf("under strace it ended with %d: %s", code, out)
	}
	told, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllSubmatch(told, -1) {
		count[string(m[1])]++
	}
	type moment struct {
		call string
		n    int
	}
	var all []moment
	for call := range strings.SplitSeq(calls, ",") {
		for n := 1; n <= count[call]; n++ {
			all = append(all, moment{call, n})
		}
	}
	seed := uint64(time.Now().UnixNano())
	rand.New(rand.NewPCG(seed, 25)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b moment) int { return count[a.call] - count[b.call] }) // the rare calls are where it matters
	if most < len(all) {
		all = slices.Concat(all[:most-most/3], all[len(all)-most/3:])
	}
	key := "many/" + f.period + "/p0"
	for _, at := range all {
		what := fmt.Sprintf("killed at %s %d", at.call, at.n)
		again()
		f.bodDoes(slices.Concat([]string{strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + at.call, "-e", "signal=none",
			"-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", at.call, at.n)}, restore)...)
		out, code := f.run()
		if code != 0 && code != 1 && (code != 78 || !strings.Contains(out, "→")) {
			t.Errorf("%s: the next start ended with %d: %s", what, code, out)
		}
		if out, code := f.bodDoes(restore...); code != 0 {
			t.Errorf("%s: once more it ended with %d: %s", what, code, out)
		}
		if out, code := f.run(); code != 0 && code != 1 {
			t.Errorf("%s: after that bod ended with %d: %s", what, code, out)
		}
		if n := f.post.list()[key]; n > 0 { // it had arrived before the list was emptied
			t.Errorf("%s: %s went again", what, key)
		}
		if out, code := f.bodDoes(f.bod, "verify"); code != 0 {
			t.Errorf("%s: %s", what, out)
		}
		kept := 0
		archives, err := filepath.Glob(filepath.Join(f.state, "before-restore-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range archives {
			if _, err := os.Stat(filepath.Join(a, "ledger.db")); err == nil && f.statesIn(a)[key] == "sent" {
				kept++
			}
		}
		if kept == 0 {
			t.Errorf("%s: the ledger that was there is not in an archive: %v", what, archives)
		}
	}
	t.Logf("seed %d, calls %v: killed %d times", seed, count, len(all))
}

// smallDisk mounts a file system of 8 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		unmet(t, "only root may mount a small disk")
	}
	dir := t.TempDir()
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 8<<20), os.Mkdir(at, 0o700)); err != nil {
		t.Fatal(err)
	}
	mkfs, err := exec.Command(needs(t, "mkfs.ext4"), "-q", "-F", image).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, mkfs)
	}
	if out, err := exec.Command(needs(t, "mount"), "-o", "loop", image, at).CombinedOutput(); err != nil {
		// Where there is no loop device, a disk of memory is full as well.
		if e := syscall.Mount("tmpfs", at, "tmpfs", 0, "size=8m,mode=0700"); e != nil {
			unmet(t, fmt.Sprintf("couldn't mount a small disk: %v: %s", err, out))
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("couldn't unmount the small disk: %v: %s", err, out)
		}
	})
	return at
}

// fill takes all the room of a disk; give returns it.
func fill(t *testing.T, disk string, but int) (give func()) {
	t.Helper()
	name := filepath.Join(disk, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	n := 0
	for ; err == nil; n++ {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(int64(max(0, n-1-but)*len(block))), f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk: with every amount of room that is left, nothing is sent that the ledger does not hold, the words name the disk, and
// bod goes on by itself when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	f := newFirm(t, filepath.Join(disk, "state"))
	if err := os.RemoveAll(f.state); err != nil {
		t.Fatal(err)
	}
	if out, code := f.bodDoes(f.bod, "run", "--once"); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	again := f.snapshot()
	var sum tally
	said := 0
	for _, room := range []int{0, 1, 8, 20, 80} { // blocks of 4 KiB
		again()
		give := fill(t, disk, room)
		f.enough = "trying again"
		out, code := f.run()
		f.enough = ""
		if code != 0 {
			said++
			if !strings.Contains(out, "disk is full") && !strings.Contains(out, "no space left") {
				t.Errorf("with %d blocks left it ended with %d and doesn't name the disk:\n%s", room, code, out)
			}
			if strings.Contains(out, "could not be done") {
				t.Errorf("with %d blocks left a run has failed for good, and it was the disk:\n%s", room, out)
			}
		}
		give()
		f.settled(fmt.Sprintf("%d blocks left", room), &sum)
	}
	if said < 2 {
		t.Errorf("the disk was full only %d times", said)
	}
	t.Log(sum)

	// A copy that doesn't fit leaves nothing behind.
	copies := filepath.Join(disk, "copies")
	if err := os.Mkdir(copies, 0o700); err != nil {
		t.Fatal(err)
	}
	give := fill(t, disk, 4)
	out, code := f.bodDoes(f.bod, "backup", filepath.Join(copies, "x.db"))
	if code != 1 || !strings.Contains(out, "no room") {
		t.Errorf("a backup onto a full disk ended with %d: %s", code, out)
	}
	if left, err := os.ReadDir(copies); err != nil || len(left) > 0 {
		t.Errorf("half a copy was left: %v %v", left, err)
	}
	give()

	// Read-only: nothing is changed, and it is said.
	if out, err := exec.Command("mount", "-o", "remount,ro", disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f.post.empty()
	if out, code := f.run(); code == 0 || !strings.Contains(out, "read-only") {
		t.Errorf("on a read-only disk it ended with %d: %s", code, out)
	}
	if out, code := f.bodDoes(f.bod, "backup", filepath.Join(copies, "x.db")); code != 1 || !strings.Contains(out, "read-only") {
		t.Errorf("a backup onto a read-only disk ended with %d: %s", code, out)
	}
	if got := f.post.list(); len(got) > 0 {
		t.Errorf("sent without a ledger: %v", got)
	}
}

// TestDiskFullUnderTheDaemon: a disk that is full while bod is at work stops no process; the request that can't be noted says why, and
// with room again it goes on by itself.
func TestDiskFullUnderTheDaemon(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	f := newFirm(t, filepath.Join(disk, "state"))
	if err := os.RemoveAll(f.state); err != nil {
		t.Fatal(err)
	}
	f.post.empty()
	cmd := exec.CommandContext(t.Context(), f.bod, "run")
	cmd.Dir = f.dir
	cmd.Env = append(os.Environ(), "LANG=C", "BOD_ADMIN=none", "BOD_JOBS=jobs.toml", "STATE_DIRECTORY="+f.state)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), "ready") {
	}
	var rest []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines.Scan() {
			rest = append(rest, lines.Text())
		}
	}()
	do := func() (string, int) { return f.bodDoes(f.bod, "do", "many", "--period", f.period, "--by", "sato") }
	give := fill(t, disk, 0)
	if out, code := do(); code == 0 || !strings.Contains(out, "full") {
		t.Errorf("on a full disk bod do ended with %d: %s", code, out)
	}
	give()
	for len(f.post.came) > 0 {
		<-f.post.came
	}
	if out, code := do(); code != 0 {
		t.Errorf("with room again bod do ended with %d: %s", code, out)
	}
	for range letters {
		select {
		case <-f.post.came:
		case <-time.After(time.Minute):
			t.Fatal("it doesn't go on by itself")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-read
	if err := cmd.Wait(); err != nil {
		t.Errorf("the daemon ended with %v:\n%s", err, strings.Join(rest, "\n"))
	}
	for key, n := range f.post.list() {
		if n != 1 || f.states()[key] != "sent" {
			t.Errorf("%s arrived %d times and is %q", key, n, f.states()[key])
		}
	}
	if out, code := f.bodDoes(f.bod, "verify"); code != 0 {
		t.Error(out)
	}
}

// TestDamagedLedger: what a bad disk or a careless hand leaves. Nothing is sent from it, and the words name the next step.
func TestDamagedLedger(t *testing.T) {
	t.Parallel()
	f := newFirm(t, "")
	if err := os.RemoveAll(f.state); err != nil {
		t.Fatal(err)
	}
	if out, code := f.bodDoes(f.bod, "run", "--once"); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	older := filepath.Join(t.TempDir(), "older.db")
	if out, code := f.bodDoes(f.bod, "backup", older); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	fresh := f.snapshot()
	db := filepath.Join(f.state, "ledger.db")
	size := func() int64 {
		info, err := os.Stat(db)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	scribble := func(name string, at, n int64) error {
		h, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = h.WriteAt(bytes.Repeat([]byte{0xa5}, int(n)), at)
		return errors.Join(err, h.Close())
	}
	for _, c := range []struct {
		name string
		do   func() error
		code int
		says string
	}{
		{"cut in the middle", func() error { return os.Truncate(db, size()/2) }, 78, "damaged"},
		{"cut within its first page", func() error { return os.Truncate(db, 1000) }, 78, "damaged"},
		{"empty", func() error { return os.Truncate(db, 0) }, 78, "damaged"},
		{"its first page scribbled over", func() error { return scribble(db, 0, 4096) }, 78, "damaged"},
		{"a table's page scribbled over", func() error { return scribble(db, 4096, 4096) }, 78, "damaged"},
		{"gone, its marker there", func() error { return os.Remove(db) }, 78, "gone"},
		{"its marker scribbled over", func() error { return scribble(filepath.Join(f.state, "marker"), 0, 40) }, 78, "damaged"},
		{"others may read it", func() error { return os.Chmod(db, 0o644) }, 1, "rights"},
		{"held by another program", func() error {
			held, err := sql.Open("sqlite", "file:"+db)
			if err != nil {
				return err
			}
			held.SetMaxOpenConns(1)
			t.Cleanup(func() { held.Close() })
			_, err = held.Exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
			return err
		}, 1, "busy"},
	} {
		fresh()
		if err := c.do(); err != nil {
			t.Fatal(c.name, err)
		}
		out, code := f.bodDoes(f.bod, "run", "--once", "--do", "many/"+f.period, "--by", "sato")
		if code != c.code || !strings.Contains(out, c.says) || !strings.Contains(out, "→") {
			t.Errorf("%s: it ended with %d: %s", c.name, code, out)
		}
		if got := f.post.list(); len(got) > 0 {
			t.Errorf("%s: sent %v", c.name, got)
		}
		if c.code != 78 || c.says == "gone" {
			continue
		}
		// The way out: the backup, or where there is none a new ledger. The damaged one is kept.
		from := []string{older}
		if c.name == "empty" {
			from = []string{"--lost"}
		}
		if out, code := f.bodDoes(slices.Concat([]string{f.bod, "restore"}, from, []string{"--by", "sato"})...); code != 0 || !strings.Contains(out, "before-restore-") {
			t.Errorf("%s: the restore ended with %d: %s", c.name, code, out)
		}
		if out, code := f.run(); code != 0 && code != 1 {
			t.Errorf("%s: after the restore it ended with %d: %s", c.name, code, out)
		}
		if got := f.post.list(); got["many/"+f.period+"/p0"] > 0 {
			t.Errorf("%s: sent before a person said so: %v", c.name, got)
		}
	}

	// An older copy that is put there by hand holds everything.
	fresh()
	f.run()
	before := f.post.list()
	b, err := os.ReadFile(older)
	if err == nil {
		err = os.WriteFile(db, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"-wal", "-shm"} {
		_ = os.Remove(db + more)
	}
	f.run()
	if got := f.post.list(); len(before) < letters || got["many/"+f.period+"/p0"] != 1 {
		t.Errorf("a copy put there by hand: %v, before %v", got, before)
	}
	if out, _ := f.bodDoes(f.bod, "status"); !strings.Contains(out, "retry --restored") {
		t.Errorf("nobody hears of it: %s", out)
	}
}

// TestTornLog: a write-ahead log that ends in the middle, as after a power cut, is read up to its last whole commit.
func TestTornLog(t *testing.T) {
	t.Parallel()
	f := newFirm(t, "")
	if err := os.RemoveAll(f.state); err != nil {
		t.Fatal(err)
	}
	if out, code := f.bodDoes(f.bod, "run", "--once"); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	// A reader keeps the log from being folded into the file when bod ends.
	wal := filepath.Join(f.state, "ledger.db-wal")
	held, err := sql.Open("sqlite", "file:"+filepath.Join(f.state, "ledger.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	var n int
	if err := held.QueryRow("SELECT count(*) FROM events").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if out, code := f.run(); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
	info, err := os.Stat(wal)
	if err != nil || info.Size() < 100_000 {
		t.Fatal("there is no log to tear: ", err)
	}
	whole := f.snapshot()
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	before := f.post.list()
	for _, less := range []int64{1, 100, 4096, 5000, 50_000, info.Size() - 40} {
		whole()
		if err := os.Remove(filepath.Join(f.state, "ledger.db-shm")); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(wal, info.Size()-less); err != nil {
			t.Fatal(err)
		}
		out, code := f.bodDoes(f.bod, "run", "--once")
		if code != 0 {
			t.Errorf("%d bytes less: it ended with %d: %s", less, code, out)
		}
		for key, n := range f.post.list() {
			if before[key] > 0 && n > 0 && !strings.HasPrefix(key, "notice/") {
				t.Errorf("%d bytes less: %s went again", less, key)
			}
		}
		if out, code := f.bodDoes(f.bod, "verify"); code != 0 {
			t.Errorf("%d bytes less: bod verify: %s", less, out)
		}
	}
}
