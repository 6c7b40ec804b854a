package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"bod/internal/document"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == document.Command { // a page's rehearsal reads PDFs in this program's child
		os.Exit(document.Serve(os.Stdin, os.Stdout))
	}
	testscript.Main(reading{m}, map[string]func(){"bod": main})
}

// reading runs the tests with a reader of PDFs that the race detector doesn't slow down.
type reading struct{ *testing.M }

func (r reading) Run() int {
	remove, err := document.TestOnlyReader()
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // the tests' own program reads them then, slowly
	}
	defer remove()
	return r.M.Run()
}

// The scripts run the program as a person does. Each begins in a folder with what
// it brings, and with the example's letters and files beside it.
func TestScripts(t *testing.T) {
	example, err := filepath.Abs(filepath.Join("..", "..", "example"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("BOD_UPDATE_SCRIPTS") != "", // then read the diff
		Setup: func(e *testscript.Env) error {
			e.Setenv("LANG", "C")
			// Each process of a race build sleeps a second before it ends, in case a race is still to be told.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			e.Setenv("BOD_TEST_READER", os.Getenv("BOD_TEST_READER")) // see document.TestOnlyReader
			e.Setenv("EXAMPLE", example)
			e.Setenv("BOD_ADMIN", "none") // whatever lies on this machine
			e.Setenv("ROOT", filepath.Dir(example))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"dates":  dates,
			"daemon": daemonUp,
			"hangup": hangUp,
			"halt":   daemonStop,
			"number": number,
			"copy":   copyTree,
			"old":    old,
		},
	})
}

// exits runs a program that has to end with a status: exits 78 bod check.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("couldn't run %s: %v", args[1], err)
		}
		got = e.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s ended with %d, not %d", strings.Join(args[1:], " "), got, want)
	}
}

// dates replaces @today@, @yesterday@ and @tomorrow@ in files by the days of Japan's clock now.
func dates(ts *testscript.TestScript, _ bool, args []string) {
	zone, err := time.LoadLocation("Asia/Tokyo")
	ts.Check(err)
	now := time.Now().In(zone)
	r := strings.NewReplacer(
		"@today@", now.Format(time.DateOnly),
		"@yesterday@", now.AddDate(0, 0, -1).Format(time.DateOnly),
		"@tomorrow@", now.AddDate(0, 0, 1).Format(time.DateOnly),
	)
	for _, name := range args {
		text := r.Replace(ts.ReadFile(name))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
	ts.Setenv("TODAY", now.Format(time.DateOnly))
	ts.Setenv("TOMORROW", now.AddDate(0, 0, 1).Format(time.DateOnly))
}

// number puts the first number that a pattern's line of a command's output begins with into a variable:
// number VAR WORD PROGRAM ARG...
func number(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: number VAR WORD PROGRAM ARG...")
	}
	out, err := os.CreateTemp(ts.Getenv("WORK"), "number")
	ts.Check(err)
	defer out.Close()
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir, cmd.Env, cmd.Stdout = ts.MkAbs("."), environ(ts), out
	ts.Check(cmd.Run())
	text, err := os.ReadFile(out.Name())
	ts.Check(err)
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.Contains(line, args[1]) {
			ts.Setenv(args[0], strings.Fields(line)[0])
			return
		}
	}
	ts.Fatalf("no line with %q in\n%s", args[1], text)
}

func environ(ts *testscript.TestScript) []string {
	env := os.Environ()
	for _, name := range []string{"PATH", "HOME", "LANG", "TMPDIR", "WORK", "GORACE", "BOD_ADMIN"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// copyTree copies a folder: copy FROM TO.
func copyTree(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

// old makes files a day old: what was changed a moment ago may still be growing, and is waited for.
func old(ts *testscript.TestScript, _ bool, args []string) {
	day := time.Now().AddDate(0, 0, -1)
	for _, name := range args {
		ts.Check(os.Chtimes(ts.MkAbs(name), day, day))
	}
}

// up is a daemon that runs beside the script.
type up struct {
	cmd   *exec.Cmd
	lines chan string // what it says, closed when it has ended
	said  []string
}

// running are the daemons by their script; scripts run side by side.
var running sync.Map

// daemonUp starts bod run in the background and goes on when it says a word: daemon WORD ARG...
// It waits for the words themselves, so nothing here guesses how long a start takes.
func daemonUp(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath("bod")
	ts.Check(err)
	d := &up{cmd: exec.Command(path, append([]string{"run"}, args[1:]...)...), lines: make(chan string, 10_000)}
	d.cmd.Dir, d.cmd.Env = ts.MkAbs("."), environ(ts)
	r, w, err := os.Pipe()
	ts.Check(err)
	d.cmd.Stdout, d.cmd.Stderr = w, w
	ts.Check(d.cmd.Start())
	ts.Check(w.Close())
	go func() {
		defer close(d.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			d.lines <- s.Text()
		}
	}()
	ts.Defer(func() { _ = d.cmd.Process.Kill() })
	running.Store(ts, d)
	d.hear(ts, args[0])
}

// hear reads on until the daemon says a word.
func (d *up) hear(ts *testscript.TestScript, word string) {
	for line := range d.lines {
		d.said = append(d.said, line)
		if strings.Contains(line, word) {
			return
		}
	}
	ts.Fatalf("the daemon ended before it said %q:\n%s", word, strings.Join(d.said, "\n"))
}

func daemonOf(ts *testscript.TestScript) *up {
	v, ok := running.Load(ts)
	if !ok {
		ts.Fatalf("no daemon was started")
	}
	return v.(*up)
}

// hangUp asks the daemon to read its rules again, and goes on when it says a word: hangup WORD
func hangUp(ts *testscript.TestScript, _ bool, args []string) {
	d := daemonOf(ts)
	ts.Check(d.cmd.Process.Signal(syscall.SIGHUP))
	d.hear(ts, args[0])
}

// daemonStop ends the daemon as systemd does, and wants it to end well.
func daemonStop(ts *testscript.TestScript, _ bool, _ []string) {
	d := daemonOf(ts)
	ts.Check(d.cmd.Process.Signal(syscall.SIGTERM))
	for line := range d.lines {
		d.said = append(d.said, line)
	}
	if err := d.cmd.Wait(); err != nil {
		ts.Fatalf("the daemon ended badly: %v\n%s", err, strings.Join(d.said, "\n"))
	}
}
