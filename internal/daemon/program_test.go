package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes a program of the administrator's.
func script(t testing.TB, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// A program knows nothing of bod but what it is told.
func TestProgramKnowsNothing(t *testing.T) {
	for _, name := range []string{"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "STATE_DIRECTORY", "SECRET"} {
		t.Setenv(name, "/run/secret")
	}
	// What bod was started with, and would be handed on.
	secret, err := os.Create(filepath.Join(t.TempDir(), "inherited"))
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	inherited, err := syscall.Dup(int(secret.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)

	p := program{path: script(t, `tr '\0' '\n' </proc/$$/environ | sort
echo "in $(pwd), $# arguments"
for f in /proc/$$/fd/*; do readlink "$f"; done | grep -v -e pipe: -e '/program$' -e /dev/null
read -r line && echo "$line"
test "$(cut -d' ' -f6 /proc/$$/stat)" = $$ && echo "a session of its own"`), env: []string{"BOD_ALARM=session"}}
	said, err := p.call(t.Context(), []byte("言葉\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := `BOD_ALARM=session
HOME=/
LANG=C.UTF-8
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
in /, 0 arguments
言葉
a session of its own
`
	if string(said) != want {
		t.Errorf("the program saw:\n%s\nwant:\n%s", said, want)
	}
}

// gone reports whether a process has ended; one that nobody has waited for yet has.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// Whatever a program started ends with it.
func TestProgramEnds(t *testing.T) {
	left := filepath.Join(t.TempDir(), "left")
	pid := func() int {
		t.Helper()
		b, err := os.ReadFile(left)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	hangs := program{path: script(t, "sleep 1000 & echo $! >"+left+"\nwait"), limit: time.Second}
	if _, err := hangs.call(t.Context(), nil); !errors.Is(err, errTime) {
		t.Errorf("it took too long, and the error is %v", err)
	}
	// The kill is sent; the process is gone when the system has come to it.
	ended := func(what string) {
		t.Helper()
		for n := 0; !gone(pid()); n++ {
			if n > 1e6 {
				t.Fatal(what)
			}
		}
	}
	ended("what the program started is still at work after its time")
	leaves := program{path: script(t, "sleep 1000 >/dev/null 2>&1 & echo $! >"+left+"\necho done")}
	if said, err := leaves.call(t.Context(), nil); err != nil || string(said) != "done\n" {
		t.Errorf("it said %q, %v", said, err)
	}
	ended("what the program left behind is still at work")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("bod is being stopped"))
	if _, err := hangs.call(ctx, nil); err == nil || !strings.Contains(err.Error(), "bod is being stopped") {
		t.Errorf("it was called in spite of a stop: %v", err)
	}
}

func TestProgramFails(t *testing.T) {
	writable := script(t, "true")
	if err := os.Chmod(writable, 0o777); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(folder, "program")
	if err := os.WriteFile(inside, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	plain := script(t, "true")
	if err := os.Chmod(plain, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"no such file", "/nowhere/program", "couldn't open /nowhere/program"},
		{"others may write it", writable, "other users can change"},
		{"others may write the folder", inside, "other users can write into the folder"},
		{"it can't be run", plain, "cannot be run"},
		{"a folder", folder, "cannot be run"},
		{"it fails", script(t, "echo no network 1>&2\nexit 3"), "exit status 3: no network"},
		{"it is killed", script(t, "kill -9 $$"), "signal: killed"},
		{"it talks without end", script(t, "yes | head -c 1000000"), "says more than 65536 bytes"},
		{"what it says can't hurt a terminal", script(t, `printf '\033[2J\r\nred\007' 1>&2; exit 1`), "exit status 1: [2J red"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := program{path: c.path}.call(t.Context(), []byte(strings.Repeat("x", 1<<20))) // which none of them reads
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
