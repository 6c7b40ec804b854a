package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The unit leaves open what its comments explain, and no more.
// TestNoCoreFiles holds that a crash leaves no copy of the memory behind: a password is in it.
func TestNoCoreFiles(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "systemd", "bod.service"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^LimitCORE=0$`).Match(b) {
		t.Error("the unit lets a crash write a core file")
	}
}

func TestExposure(t *testing.T) {
	_, err := exec.LookPath("systemd-analyze")
	need(t, err == nil, "systemd-analyze is missing")
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--no-pager", "--offline=true", filepath.Join("..", "systemd", "bod.service")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := regexp.MustCompile(`Overall exposure level for bod.service: (\d+\.\d)`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("no exposure in\n%s", out)
	}
	if level, err := strconv.ParseFloat(string(found[1]), 64); err != nil || level > 1.1 {
		t.Errorf("exposure %s, above 1.1:\n%s", found[1], out)
	}
}

// packages is the folder of what tree makes.
var packages string

// tree makes the packages of this tree as it is, once for all tests that look at them.
var tree = sync.OnceValues(func() ([]string, error) {
	return build(context.Background(), order{root: "..", out: packages, arch: runtime.GOARCH, release: "1", maintainer: packagers, dirty: true})
})

// install puts the deb of this tree onto a machine.
func install(t *testing.T, m *machine) {
	t.Helper()
	files, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	m.bring(t, files[0], "bod.deb")
	m.run(t, "dpkg", "-i", "/test/bod.deb")
}

// bring copies a program or a package into the share. Another process does it: a file that this one has open for writing
// when it starts a program is open there too, and cannot be run ("text file busy").
func (m *machine) bring(t *testing.T, from, name string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "install", "-m", "755", from, filepath.Join(m.share, name)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// someday is when the duties are due, if nobody asks for them before.
var someday = time.Now().AddDate(0, 0, 100).Format(time.DateOnly)

// rules is an office with duties that are only done when somebody asks for them.
func rules(jobs ...string) string {
	var b strings.Builder
	b.WriteString(`timezone = "Asia/Tokyo"
language = "en"
admin = ["sato"]
[company]
name = "Aozora Systems"
[mail]
from = "Aozora <keiri@aozora.example>"
server = "smtp+insecure://127.0.0.1:2525"
user = "keiri"
[people]
sato = "Sato <sato@aozora.example>"
[partner.acme]
name = "Acme"
mail = ["ap@acme.example"]
`)
	for _, j := range jobs {
		fmt.Fprintf(&b, `[job.%[1]s]
kind = "send"
title = "%[1]s"
owner = "sato"
when = { dates = ["%[2]s"], at = "10:00" }
to = ["acme"]
letter = "%[1]s.txt"
`, j, someday)
	}
	return b.String()
}

// letter is what the duty of this name sends.
func letter(job string) string { return "Subject: about " + job + "\n\nThis is " + job + ".\n" }

// office gives a machine an office and a mail server.
func office(t *testing.T, m *machine, jobs ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m.bring(t, self, "sink")
	m.write(t, "/etc/systemd/system/sink.service", `[Service]
Type=exec
Environment=BOD_TEST_SINK=/test/gate
ExecStart=/test/sink
[Install]
WantedBy=multi-user.target
`)
	m.run(t, "systemctl", "enable", "--now", "sink")
	m.write(t, "/srv/bod/jobs.toml", rules(jobs...))
	for _, j := range jobs {
		m.write(t, "/srv/bod/"+j+".txt", letter(j))
	}
	m.sh(t, "install -m 600 /dev/null /etc/bod/smtp-password")
	m.write(t, "/etc/bod/smtp-password", "open sesame\n")
	// A restart in half a second, where an office would wait 15; everything else is as it is installed.
	m.write(t, "/etc/systemd/system/bod.service.d/90-test.conf",
		"[Service]\nLoadCredential=smtp-password:/etc/bod/smtp-password\nRestartSec=500ms\n")
	m.run(t, "systemctl", "daemon-reload")
}

// bod runs one of its commands as the user bod, as an administrator does.
func (m *machine) bod(t *testing.T, args ...string) string {
	t.Helper()
	return m.run(t, append([]string{"runuser", "-u", "bod", "--", "bod", "-f", "/srv/bod/jobs.toml"}, args...)...)
}

// do asks for a duty.
func (m *machine) do(t *testing.T, job string) {
	t.Helper()
	m.bod(t, "do", job, "--period", someday, "--by", "sato", "--why", "asked")
}

// states are the messages of the ledger: what became of each, by its job.
func (m *machine) states(t *testing.T) map[string]string {
	t.Helper()
	// Not by run: what every look at it says would bury the story.
	out, err := m.command(t.Context(), "runuser", "-u", "bod", "--", "bod", "-f", "/srv/bod/jobs.toml", "messages", "--json").Output()
	if err != nil {
		t.Fatalf("couldn't list the messages: %v", err)
	}
	var list struct {
		Messages []struct{ Key, State string }
	}
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	states := map[string]string{}
	for _, msg := range list.Messages {
		job, _, _ := strings.Cut(msg.Key, "/")
		states[job] = msg.State
	}
	return states
}

// awaitState waits until a job's message is in a state: the ledger is written a moment after the mail server has answered.
func (m *machine) awaitState(t *testing.T, job, state string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for m.states(t)[job] != state {
		if time.Now().After(deadline) {
			t.Fatalf("the message of %s is %v, not %s:\n%s", job, m.states(t), state, m.tail())
		}
		<-time.After(100 * time.Millisecond)
	}
}

// tune changes the service by a drop-in; no words take it away.
func (m *machine) tune(t *testing.T, words string) {
	t.Helper()
	m.write(t, "/etc/systemd/system/bod.service.d/95-tune.conf", words)
	m.run(t, "systemctl", "daemon-reload")
}

const (
	service = "bod.service"
	alarm   = "bod-failed.service"
	sink    = "sink.service"
)

// The life of the service under a real systemd, in one story. Each chapter leaves it at work.
func TestService(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	install(t, m)
	office(t, m, "first", "second", "third", "fourth", "fifth", "sixth")
	version := m.run(t, "systemctl", "--version")
	t.Log(strings.SplitN(version, "\n", 2)[0])

	chapter := func(name string, f func(t *testing.T)) {
		if !t.Run(name, f) {
			t.FailNow()
		}
	}

	chapter("the unit is understood", func(t *testing.T) {
		out, _ := m.try(t, "systemd-analyze", "verify", "--man=no", "bod.service", "bod-failed.service")
		for line := range strings.Lines(out) {
			// The one word that 252 does not know, on purpose.
			if strings.Contains(line, "/bod") && !strings.Contains(line, "Failed to parse service type, ignoring: notify-reload") {
				t.Errorf("systemd-analyze verify: %s", line)
			}
		}
	})

	chapter("start", func(t *testing.T) {
		m.run(t, "systemctl", "enable", "--now", "bod") // returns once bod has said READY=1
		if got := m.show(t, "ActiveState"); got != "active" {
			t.Errorf("ActiveState=%s", got)
		}
		if got := m.show(t, "StatusText"); !strings.HasPrefix(got, "at work") {
			t.Errorf("StatusText=%s", got)
		}
		for property, want := range map[string]string{
			"TimeoutStopUSec": "11min", // the message in flight has 10 minutes
			"WatchdogUSec":    "3min",
			"NotifyAccess":    "main",
		} {
			if got := m.show(t, property); got != want {
				t.Errorf("%s=%s, not %s", property, got, want)
			}
		}
		if got := m.sh(t, "stat -c '%U:%G %a' /srv/bod /srv/bod/outbox /var/lib/bod"); got != "root:bod 2770\nbod:bod 2750\nbod:bod 700\n" {
			t.Errorf("owners and modes: %s", got)
		}
	})

	chapter("the sandbox", func(t *testing.T) {
		// From inside the service's own namespaces: the office's files are readable and not writable.
		pid := m.show(t, "MainPID")
		m.sh(t, "nsenter -t "+pid+" -m -S $(id -u bod) -G $(id -g bod) sh -c 'cat /srv/bod/jobs.toml >/dev/null; touch /srv/bod/outbox/x; rm /srv/bod/outbox/x'")
		for _, name := range []string{"/srv/bod/jobs.toml", "/etc/bod/admin.toml", "/usr/bin/other"} {
			if out, err := m.try(t, "nsenter", "-t", pid, "-m", "sh", "-c", ": >> "+name); err == nil || !strings.Contains(out, "Read-only file system") {
				t.Errorf("%s can be written in there, even as root is: %s", name, out)
			}
		}
	})

	chapter("the password reaches the mail server", func(t *testing.T) {
		from := m.mark(t)
		m.do(t, "first")
		m.hear(t, from, sink, "sink: login keiri open sesame")
		m.hear(t, from, sink, "sink: took about first for [ap@acme.example]")
		m.awaitState(t, "first", "sent")
		env := m.sh(t, "tr '\\0' '\\n' </proc/"+m.show(t, "MainPID")+"/environ")
		if strings.Contains(env, "sesame") {
			t.Error("the password stands in the environment")
		}
	})

	chapter("the doctor finds nothing wrong", func(t *testing.T) {
		out := m.bod(t, "doctor") // ends with 1 where something is WRONG
		for _, line := range []string{
			"ok      bod.service is active (running)", "ok      exposure: 1.1 OK\n", "ok      systemd's credential smtp-password can be read",
			"ok      the login as keiri is taken", "ok      /etc/bod/admin.toml (root, 0644)", "ok      /var/lib/bod (bod, 0700)", ": a real ledger, ", "ok      bod is running (process " + m.show(t, "MainPID") + ")",
		} {
			if !strings.Contains(out, line) {
				t.Errorf("without %q:\n%s", line, out)
			}
		}
		if strings.Contains(out, "sesame") {
			t.Errorf("the password is shown:\n%s", out)
		}
		// Whoever is not the service's user is told to be it, and of nothing that would only be wrong for them.
		out = m.run(t, "bod", "-f", "/srv/bod/jobs.toml", "doctor")
		if !strings.Contains(out, "note    the ledger in /var/lib/bod is the user bod's") {
			t.Errorf("as root:\n%s", out)
		}
	})

	chapter("a missing credential fails loudly, and heals", func(t *testing.T) {
		m.run(t, "mv", "/etc/bod/smtp-password", "/etc/bod/away")
		from := m.mark(t)
		if out, err := m.try(t, "systemctl", "restart", "bod"); err == nil {
			t.Errorf("it started without its password: %s", out)
		}
		m.hear(t, from, alarm, "a credential is missing")
		m.run(t, "mv", "/etc/bod/away", "/etc/bod/smtp-password")
		m.hear(t, from, service, "msg=ready")
	})

	chapter("an encrypted credential does as well", func(t *testing.T) {
		m.sh(t, "systemd-creds encrypt --with-key=host --name=smtp-password /etc/bod/smtp-password /etc/bod/smtp-password.cred; ! grep -q sesame /etc/bod/smtp-password.cred")
		m.tune(t, "[Service]\nLoadCredential=\nLoadCredentialEncrypted=smtp-password:/etc/bod/smtp-password.cred\n")
		m.run(t, "systemctl", "restart", "bod")
		from := m.mark(t)
		m.do(t, "sixth")
		m.hear(t, from, sink, "sink: login keiri open sesame")
		m.hear(t, from, sink, "sink: took about sixth")
		m.tune(t, "")
		m.run(t, "systemctl", "restart", "bod")
	})

	chapter("reload", func(t *testing.T) {
		m.write(t, "/srv/bod/jobs.toml", rules("first", "second", "third", "fourth", "fifth", "sixth", "new"))
		m.write(t, "/srv/bod/new.txt", letter("new"))
		pid := m.show(t, "MainPID")
		from := m.mark(t)
		m.run(t, "systemctl", "reload", "bod")
		m.do(t, "new")
		m.hear(t, from, sink, "sink: took about new")
		if got := m.show(t, "MainPID"); got != pid {
			t.Errorf("the reload made another process, %s after %s", got, pid)
		}
	})

	chapter("a bad reload leaves the old rules at work", func(t *testing.T) {
		m.run(t, "cp", "/srv/bod/jobs.toml", "/srv/bod/good.toml")
		m.write(t, "/srv/bod/jobs.toml", "colour = \"red\"\n"+rules("first"))
		from := m.mark(t)
		m.run(t, "systemctl", "reload", "bod")
		m.hear(t, from, service, "colour")
		m.hear(t, from, sink, "for [sato@aozora.example]") // the admin hears of it
		// The same bytes again: only a reload reads them once more, and only once.
		from = m.mark(t)
		m.run(t, "systemctl", "reload", "bod")
		m.hear(t, from, service, "colour")
		m.run(t, "runuser", "-u", "bod", "--", "bod", "-f", "/srv/bod/good.toml", "do", "second", "--period", someday, "--by", "sato", "--why", "the old rules")
		m.hear(t, from, sink, "sink: took about second")
		if n := m.heard(t, from, service, "colour"); n != 1 {
			t.Errorf("one reload read the rules %d times:\n%s", n, m.tail())
		}
		if got := m.show(t, "ActiveState"); got != "active" {
			t.Errorf("ActiveState=%s", got)
		}
		m.run(t, "mv", "/srv/bod/good.toml", "/srv/bod/jobs.toml")
		m.run(t, "systemctl", "reload", "bod")
	})

	chapter("the watchdog ends a wedged process", func(t *testing.T) {
		m.tune(t, "[Service]\nWatchdogSec=2s\n")
		m.run(t, "systemctl", "restart", "bod")
		// It is heard of again and again while it is well.
		told := func() string { return m.show(t, "WatchdogTimestampMonotonic") }
		for before, changes := told(), 0; changes < 3; {
			if now := told(); now != before {
				before, changes = now, changes+1
			}
			<-time.After(100 * time.Millisecond)
		}
		pid, from := m.show(t, "MainPID"), m.mark(t)
		m.sh(t, "kill -STOP "+pid)
		m.hear(t, from, service, "Watchdog timeout")
		m.hear(t, from, service, "SIGABRT: abort") // its stacks
		m.hear(t, from, alarm, "was ended by the watchdog")
		m.hear(t, from, service, "msg=ready")
		if got := m.show(t, "MainPID"); got == pid || got == "0" {
			t.Errorf("MainPID=%s after %s", got, pid)
		}
		m.tune(t, "")
		m.run(t, "systemctl", "restart", "bod")
	})

	chapter("killed, it comes back", func(t *testing.T) {
		pid, from := m.show(t, "MainPID"), m.mark(t)
		m.sh(t, "kill -KILL "+pid)
		m.hear(t, from, service, "msg=ready")
		if got := m.show(t, "MainPID"); got == pid || got == "0" {
			t.Errorf("MainPID=%s after %s", got, pid)
		}
		if out := m.bod(t, "doctor"); !strings.Contains(out, "note    bod.service was restarted 1 time(s) by itself") {
			t.Errorf("the doctor does not see it:\n%s", out)
		}
	})

	chapter("after a panic it comes back", func(t *testing.T) {
		m.bring(t, panicking(t), "bod-panics")
		m.tune(t, "[Service]\nExecStart=\nExecStart=/test/bod-panics run\n")
		m.run(t, "systemctl", "restart", "bod")
		from := m.mark(t)
		m.run(t, "systemctl", "kill", "--kill-who=main", "--signal=USR1", "bod")
		m.hear(t, from, service, "panic: on purpose")
		m.hear(t, from, service, "status=2")
		m.hear(t, from, alarm, "a fault of its own")
		m.hear(t, from, service, "msg=ready")
		m.tune(t, "")
		m.run(t, "systemctl", "restart", "bod")
	})

	chapter("status 78 stays down, and a person is told", func(t *testing.T) {
		m.run(t, "cp", "/srv/bod/jobs.toml", "/srv/bod/good.toml")
		m.write(t, "/srv/bod/jobs.toml", "colour = \"red\"\n"+rules("first"))
		m.write(t, "/etc/bod/on-failure", "#!/bin/sh\n{ echo \"$BOD_RESULT $BOD_STATUS $BOD_ALARM $BOD_STATE\"; cat; } >>/test/told\n")
		m.run(t, "chmod", "775", "/etc/bod/on-failure")
		from := m.mark(t)
		if out, err := m.try(t, "systemctl", "restart", "bod"); err == nil {
			t.Errorf("it started: %s", out)
		}
		if got := m.show(t, "ExecMainStatus") + " " + m.show(t, "SubState"); got != "78 failed" {
			t.Errorf("status and state are %q; a restart would show auto-restart", got)
		}
		m.hear(t, from, alarm, "stays down")
		if out, err := m.try(t, "runuser", "-u", "bod", "--", "bod", "-f", "/srv/bod/good.toml", "doctor"); err == nil || !strings.Contains(out, "WRONG   bod.service has failed (exit-code)") {
			t.Errorf("the doctor says %v:\n%s", err, out)
		}
		m.hear(t, from, alarm, "couldn't run /etc/bod/on-failure") // the group could have written it
		if _, err := os.Stat(filepath.Join(m.share, "told")); err == nil {
			t.Error("a program that others than root can change was run as root")
		}

		m.run(t, "chmod", "755", "/etc/bod/on-failure")
		m.sh(t, "rm /run/bod-failed/*")
		from = m.mark(t)
		if out, err := m.try(t, "systemctl", "restart", "bod"); err == nil {
			t.Errorf("it started: %s", out)
		}
		m.hear(t, from, alarm, "Finished")
		told, err := os.ReadFile(filepath.Join(m.share, "told"))
		if err != nil || !strings.HasPrefix(string(told), "exit-code 78 ended raised\noffice: bod stopped and stays down") {
			t.Errorf("the administrator's program was told %q, %v", told, err)
		}

		from = m.mark(t)
		if out, err := m.try(t, "systemctl", "restart", "bod"); err == nil {
			t.Errorf("it started: %s", out)
		}
		m.hear(t, from, alarm, "told within the hour")
		m.run(t, "mv", "/srv/bod/good.toml", "/srv/bod/jobs.toml")
		m.run(t, "systemctl", "restart", "bod")
	})

	gate := filepath.Join(m.share, "gate")
	shut := func(t *testing.T) {
		if err := syscall.Mkfifo(gate, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	chapter("a stop lets the message in flight end", func(t *testing.T) {
		shut(t)
		from := m.mark(t)
		m.do(t, "third")
		m.hear(t, from, sink, "sink: holding about third")
		m.run(t, "systemctl", "stop", "--no-block", "bod")
		m.hear(t, from, service, "msg=stopping")
		if got := m.show(t, "ActiveState"); got != "deactivating" {
			t.Errorf("ActiveState=%s while the mail server has not answered", got)
		}
		if got := m.states(t)["third"]; got != "sending" {
			t.Errorf("the message is %s", got)
		}
		f, err := os.OpenFile(gate, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(gate); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		m.run(t, "systemctl", "stop", "bod") // joins the stop that is under way
		if got := m.show(t, "Result") + " " + m.show(t, "ExecMainStatus"); got != "success 0" {
			t.Errorf("it ended with %s", got)
		}
		if got := m.states(t)["third"]; got != "sent" {
			t.Errorf("the message is %s", got)
		}
		if out := m.bod(t, "doctor"); !strings.Contains(out, "note    bod.service is not running (inactive)") || !strings.Contains(out, "note    couldn't read smtp-password") {
			t.Errorf("the doctor of a stopped service says\n%s", out)
		}
		m.run(t, "systemctl", "start", "bod")
		if out := m.bod(t, "doctor"); !strings.Contains(out, "ok      bod.service is active") {
			t.Errorf("the doctor says\n%s", out)
		}
		if n := m.heard(t, from, sink, "sink: took about third"); n != 1 {
			t.Errorf("it was taken %d times", n)
		}
	})

	chapter("a power cut with work waiting", func(t *testing.T) {
		shut(t)
		from := m.mark(t)
		m.do(t, "fourth")
		m.hear(t, from, sink, "sink: holding about fourth")
		m.do(t, "fifth") // waits behind it
		m.awaitState(t, "fifth", "queued")
		m.off()
		if err := os.Remove(gate); err != nil {
			t.Fatal(err)
		}
		m.boot(t)
		m.hear(t, 0, service, "msg=ready") // it is enabled
		m.hear(t, 0, sink, "sink: took about fifth")
		m.awaitState(t, "fifth", "sent")
		// Nobody knows whether the fourth had arrived, and so nobody sends it again.
		if got := m.states(t)["fourth"]; got != "unknown" {
			t.Errorf("the message in flight is %s", got)
		}
		if n := m.heard(t, 0, sink, "took about fourth"); n != 0 {
			t.Errorf("it was sent again:\n%s", m.tail())
		}
		m.bod(t, "verify")
	})
}

// panicking builds a bod that panics on SIGUSR1, in a goroutine of its own where nothing recovers. Only the build knows of the
// file that does it.
func panicking(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	fault := filepath.Join(dir, "fault.go")
	if err := os.WriteFile(fault, []byte(`package main

import (
	"os"
	"os/signal"
	"syscall"
)

var _ = func() bool {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	go func() {
		<-c
		panic("on purpose")
	}()
	return true
}()
`), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := filepath.Abs(filepath.Join("..", "cmd", "bod", "fault.go"))
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{target: fault}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "bod")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "./cmd/bod")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
