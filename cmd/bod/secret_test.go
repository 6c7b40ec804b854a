package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
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
)

// gossip is a mail server that repeats in every answer all that it was told to log in with. While it is proud it takes no login.
type gossip struct {
	addr string

	mu    sync.Mutex
	proud bool
	told  string // what was said at the last login, as it came and decoded
	took  int
}

func newGossip(t *testing.T) *gossip {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gossip{addr: l.Addr().String(), proud: true}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer conn.Close(); g.talk(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return g
}

func (g *gossip) talk(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(conn)
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	say("220 mail.test")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb, arg, _ := strings.Cut(line, " ")
		g.mu.Lock()
		if verb == "AUTH" {
			_, said, _ := strings.Cut(arg, " ")
			plain, _ := base64.StdEncoding.DecodeString(said)
			g.told = line + " " + strings.ReplaceAll(string(plain), "\x00", " ")
		}
		told, proud := g.told, g.proud
		g.mu.Unlock()
		switch verb {
		case "EHLO":
			say("250-mail.test\r\n250 AUTH PLAIN")
		case "AUTH":
			if proud {
				say("535 no: " + told)
			} else {
				say("235 yes: " + told)
			}
		case "RCPT":
			if strings.Contains(arg, "p1@") {
				say("550 nobody of that name: " + told)
			} else {
				say("250 ok: " + told)
			}
		case "DATA":
			say("354 go on")
			for err == nil && line != "." {
				line, err = r.ReadString('\n')
				line = strings.TrimRight(line, "\r\n")
			}
			g.mu.Lock()
			g.took++
			g.mu.Unlock()
			say("250 queued for " + told)
		case "QUIT":
			say("221 bye " + told)
			return
		default:
			say("250 ok: " + told)
		}
	}
}

func (g *gossip) set(proud bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.proud = proud
}

// TestSecretsStayInside: the mail password, the monitor's address and a source's token are in nothing that bod says or keeps, be it the log
// at its most talkative, the ledger, a copy of it, a mail, the words of any command, the stacks of a process that is ended amid its work,
// or a core file, which it never writes: also where everybody at the other end repeats them.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	bod, err := installed()
	if err != nil {
		t.Fatal("couldn't build bod: ", err)
	}
	const password, token, monitor = "canary+Pass/1 word", "canary-token-2", "canary-monitor-3"
	secrets := []string{password, token, monitor, "canary",
		base64.StdEncoding.EncodeToString([]byte(password)), base64.StdEncoding.EncodeToString([]byte("\x00keiri\x00" + password)), base64.StdEncoding.EncodeToString([]byte(token))}
	chatty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not "+r.URL.String()+" with "+r.Header.Get("Authorization"), http.StatusForbidden)
	}))
	t.Cleanup(chatty.Close)
	post := newGossip(t)

	dir, vault := t.TempDir(), t.TempDir()
	rules := fmt.Sprintf(`timezone = "Asia/Tokyo"
language = "en"
admin = ["sato"]
[company]
name = "Aozora"
[mail]
from = "keiri@aozora.example"
server = "smtp+insecure://%s"
user = "keiri"
password_file = %q
[people]
sato = "Sato <sato@aozora.example>"
[partner.p0]
name = "Partner 0"
mail = ["p0@example.com"]
[partner.p1]
name = "Partner 1"
mail = ["p1@example.com"]
[source.orders]
url = "%s/orders.csv"
format = "csv"
secret_file = %q
[summary]
to = ["sato"]
[job.many]
kind = "send"
title = "Many"
owner = "sato"
when = "毎日 00:00 休みでも実施"
to = ["p0", "p1"]
letter = "letter.txt"
`, post.addr, filepath.Join(vault, "password"), chatty.URL, filepath.Join(vault, "token"))
	admin := fmt.Sprintf("may_read_from = [\"127.0.0.1\"]\n[heartbeat]\nurl_file = %q\n", filepath.Join(vault, "monitor"))
	for file, text := range map[string]string{
		filepath.Join(dir, "jobs.toml"): rules, filepath.Join(dir, "admin.toml"): admin, filepath.Join(dir, "letter.txt"): "Subject: {title}\n\nHello.\n",
		filepath.Join(vault, "password"): password + "\n", filepath.Join(vault, "token"): token + "\n", filepath.Join(vault, "monitor"): chatty.URL + "/" + monitor + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}

	inside := func(what string, said []byte) {
		t.Helper()
		for _, secret := range secrets {
			if i := bytes.Index(said, []byte(secret)); i >= 0 {
				t.Errorf("%s: a secret is in\n…%s…", what, said[max(0, i-200):min(len(said), i+100)])
				return
			}
		}
	}
	env := append(os.Environ(), "LANG=C", "BOD_ADMIN=admin.toml", "BOD_JOBS=jobs.toml", "STATE_DIRECTORY="+filepath.Join(dir, "state"), "BOD_STACK=1", "GOTRACEBACK=crash")
	asked := 0
	ask := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), bod, args...)
		cmd.Dir, cmd.Env = dir, env
		out, _ := cmd.CombinedOutput() // that some of it is refused is what this is about
		inside("bod "+strings.Join(args, " "), out)
		asked++
	}

	// The daemon, with leave to write core files and every word of the log.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -c unlimited; exec "$0" run -v`, bod)
	cmd.Dir, cmd.Env = dir, env
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	defer r.Close()
	var log bytes.Buffer
	lines := bufio.NewScanner(io.TeeReader(r, &log))
	lines.Buffer(nil, 1<<20)
	hear := func(word string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), word) {
				return
			}
		}
		t.Fatalf("the daemon never said %q:\n%s", word, log.String())
	}
	hear("ready")
	ask("do", "many", "it is wanted now", "--by", "sato")
	hear("mail is paused")
	limits, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/limits")
	if err != nil {
		t.Fatal(err)
	}
	if at := bytes.Index(limits, []byte("Max core file size")); at < 0 || !slices.Equal(strings.Fields(string(limits[at:]))[4:6], []string{"0", "0"}) {
		t.Errorf("it may write core files:\n%s", limits)
	}
	ask("status")
	ask("doctor")
	post.set(false)
	ask("retry", "--session", "the server takes us now", "--by", "sato")
	hear("one attempt")
	hear("one attempt")
	for _, args := range [][]string{
		{"status"}, {"check"}, {"check", "-q"}, {"next"}, {"next", "--json"}, {"runs"}, {"messages"}, {"doctor"}, {"source", "orders"}, {"verify"},
		{"backup", "copy.db"}, {"rehearse"}, {"preview", "many"}, {"diff", "jobs.toml"}, {"schema"}, {"stop", "many", "why not", "--by", "sato"}, {"show", "many"}, {"nonsense", "--file"},
	} {
		ask(args...)
	}
	for _, c := range newDesk(nil, nil, io.Discard, io.Discard).root().Commands() {
		ask(c.Name(), "--help")
	}
	list := exec.CommandContext(t.Context(), bod, "messages")
	list.Dir, list.Env = dir, env
	numbers, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(numbers), "\n") {
		if f := strings.Fields(line); len(f) > 0 && strings.Count(f[0], "-") == 1 && f[0][0] >= '0' && f[0][0] <= '9' {
			ask("show", f[0])
		}
	}

	// An end amid its work, with the stacks of all that it does.
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	_ = cmd.Wait()
	if !strings.Contains(log.String(), "goroutine ") || !strings.Contains(log.String(), "one attempt") {
		t.Errorf("the daemon's log is not what it should be:\n%s", log.String())
	}
	inside("the log", log.Bytes())
	post.mu.Lock()
	told, took := post.told, post.took
	post.mu.Unlock()
	if !strings.Contains(told, password) || took == 0 {
		t.Fatalf("the mail server heard %q and took %d messages: nothing was tried", told, took)
	}
	files := 0
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		inside(path, b)
		if strings.HasPrefix(e.Name(), "core") {
			t.Errorf("a core file lies there: %s", path)
		}
		files++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commands and %d files were looked through, and %d bytes of the log", asked, files, log.Len())
}
