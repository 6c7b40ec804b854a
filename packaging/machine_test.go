package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// machine is a booted systemd on a disk of its own, and what its journal says.
type machine struct {
	share string // seen as /test inside
	disk  *held
	power *held  // nil while it is off
	init  string // PID 1, as seen from here

	marks   int
	mu      sync.Mutex
	journal []line
	more    chan struct{} // closed and replaced at each line
}

// line is one of the journal's.
type line struct {
	Unit    string `json:"_SYSTEMD_UNIT"`
	About   string `json:"UNIT"` // for what systemd itself says of a unit
	PID     string `json:"_PID"`
	Message any    `json:"MESSAGE"` // an array of numbers where it is no text
}

func (l line) text() string { s, _ := l.Message.(string); return s }

// of reports whether it is a unit's own word, or systemd's about it.
func (l line) of(unit, word string) bool {
	return (l.Unit == unit || l.About == unit) && strings.Contains(l.text(), word)
}

// held is a program that ends when our end of its standard input is closed, be it by us or by our death.
type held struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	first string // the line that it begins with
}

func hold(t *testing.T, name string, args ...string) *held {
	t.Helper()
	h := &held{cmd: exec.Command(name, args...)}
	h.cmd.Stderr = t.Output()
	var err error
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(out)
	if !s.Scan() {
		h.end()
		t.Fatalf("%s %s ended before it was ready", name, strings.Join(args, " "))
	}
	h.first = s.Text()
	return h
}

func (h *held) end() {
	_ = h.stdin.Close()
	_ = h.cmd.Wait()
}

// need skips a test that cannot run here, with the reason; where everything has to run, it fails.
func need(t *testing.T, ok bool, reason string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("BOD_TEST_ALL") != "":
		t.Fatal(reason)
	default:
		t.Skip(reason)
	}
}

// The program that stands in testdata/machine.
func machineScript(t *testing.T) string {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "machine"))
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// newMachine makes a disk and boots it. BOD_TEST_ROOT names another root folder, such as debootstrap makes: another systemd.
func newMachine(t *testing.T) *machine {
	t.Helper()
	if testing.Short() {
		t.Skip("booting a systemd takes long")
	}
	need(t, os.Geteuid() == 0, "booting a systemd needs root")
	root := os.Getenv("BOD_TEST_ROOT")
	if root == "" {
		root = "/"
	}
	_, err := os.Stat(filepath.Join(root, "lib/systemd/systemd"))
	need(t, err == nil, "there is no systemd here to boot")
	_, err = exec.LookPath("nsenter")
	need(t, err == nil, "nsenter is missing: it comes with util-linux")
	err = exec.Command("unshare", "--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "true").Run()
	need(t, err == nil, "namespaces can't be made here, as in a container without the right to it")

	m := &machine{share: t.TempDir(), more: make(chan struct{})}
	if err := os.Chmod(m.share, 0o755); err != nil {
		t.Fatal(err)
	}
	m.disk = hold(t, "unshare", "--mount", "--propagation", "private", machineScript(t), "disk", root, m.share)
	t.Cleanup(m.disk.end)
	m.boot(t)
	return m
}

// boot switches the machine on. The journal of before is forgotten.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	m.power = hold(t, "nsenter", "-t", fmt.Sprint(m.disk.cmd.Process.Pid), "-m", machineScript(t), "boot")
	m.init = m.power.first
	t.Cleanup(m.off)
	// It answers as soon as the manager listens; degraded is enough, for not all of a machine works here.
	deadline := time.Now().Add(time.Minute)
	for {
		out, _ := m.command(t.Context(), "systemctl", "is-system-running", "--wait").Output()
		if state := strings.TrimSpace(string(out)); state == "running" || state == "degraded" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("systemd did not come up within a minute")
		}
		<-time.After(100 * time.Millisecond) // PID 1 is not listening yet
	}
	m.follow(t)
}

// off is the power cut: everything is killed at once, and nobody is told.
func (m *machine) off() {
	if m.power != nil {
		m.power.end()
		m.power = nil
	}
}

// command runs a program inside.
func (m *machine) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"-t", m.init, "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w",
		"env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive"}, args...)...)
}

// try runs a program inside and answers what it said.
func (m *machine) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := m.command(t.Context(), args...).CombinedOutput()
	t.Logf("# %s\n%s", strings.Join(args, " "), out)
	return string(out), err
}

// run is try for what has to succeed.
func (m *machine) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := m.try(t, args...)
	if err != nil {
		m.mark(t) // lets the journal catch up
		t.Fatalf("%s: %v\n%s\nthe journal:\n%s", strings.Join(args, " "), err, out, m.tail())
	}
	return out
}

// sh is run for a line of shell.
func (m *machine) sh(t *testing.T, script string) string {
	t.Helper()
	return m.run(t, "sh", "-euc", script)
}

// write makes a file inside, and its folder.
func (m *machine) write(t *testing.T, name, text string) {
	t.Helper()
	cmd := m.command(t.Context(), "sh", "-euc", `mkdir -p "${0%/*}"; cat >"$0"`, name)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("couldn't write %s: %v\n%s", name, err, out)
	}
}

// show answers one property of bod.service.
func (m *machine) show(t *testing.T, property string) string {
	t.Helper()
	return strings.TrimSpace(m.run(t, "systemctl", "show", "--value", "--property="+property, "bod.service"))
}

// follow reads the journal from its beginning on, until the machine is off.
func (m *machine) follow(t *testing.T) {
	t.Helper()
	cmd := m.command(context.WithoutCancel(t.Context()), "journalctl", "--boot", "--follow", "--lines=all", "--output=json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	m.journal = nil
	m.mu.Unlock()
	go func() {
		for s := bufio.NewReader(out); ; {
			b, err := s.ReadBytes('\n')
			var l line
			if json.Unmarshal(b, &l) == nil {
				m.mu.Lock()
				m.journal = append(m.journal, l)
				close(m.more)
				m.more = make(chan struct{})
				m.mu.Unlock()
			}
			if err != nil {
				_ = cmd.Wait()
				return
			}
		}
	}()
}

// mark is a place in the journal: what is heard from there on happened after it. The journal is told of many things at once
// and a little late, so that it first has to catch up, and then to say a word of ours.
func (m *machine) mark(t *testing.T) int {
	t.Helper()
	m.marks++
	word := fmt.Sprintf("mark %d of the test", m.marks)
	cmd := m.command(t.Context(), "sh", "-euc", `journalctl --sync; echo "$0" | systemd-cat`, word)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("couldn't mark the journal: %v\n%s", err, out)
	}
	return m.find(t, 0, word, func(l line) bool { return l.text() == word })
}

// find waits for a line and answers the place behind it. The time is only there so that a test that fails ends.
func (m *machine) find(t *testing.T, from int, what string, is func(line) bool) int {
	t.Helper()
	late := time.After(time.Minute)
	for {
		m.mu.Lock()
		more := m.more
		for ; from < len(m.journal); from++ {
			if is(m.journal[from]) {
				m.mu.Unlock()
				return from + 1
			}
		}
		m.mu.Unlock()
		select {
		case <-more:
		case <-late:
			t.Fatalf("the journal did not say %q:\n%s", what, m.tail())
		}
	}
}

// hear waits until the journal says a word of a unit.
func (m *machine) hear(t *testing.T, from int, unit, word string) {
	t.Helper()
	at := m.find(t, from, unit+": "+word, func(l line) bool { return l.of(unit, word) })
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Logf("journal: %s: %s", unit, m.journal[at-1].text())
}

// heard counts the lines of a unit with a word, up to now.
func (m *machine) heard(t *testing.T, from int, unit, word string) (n int) {
	t.Helper()
	m.mark(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.journal[min(from, len(m.journal)):] {
		if l.of(unit, word) {
			n++
		}
	}
	return n
}

// tail is the end of the journal, for a test that failed.
func (m *machine) tail() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	for _, l := range m.journal[max(0, len(m.journal)-40):] {
		fmt.Fprintf(&b, "%s%s[%s]: %s\n", l.Unit, l.About, l.PID, l.text())
	}
	return b.String()
}
