package daemon

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheUsualWay is the kill loop around what offices have instead: cron, a script with smtplib (testdata/usual/send.py) and one
// file of what was sent, in both orders. It shows what bod's loop would say of a program that keeps other promises.
//
//	BOD_TEST_KILLS=100 go test -run TestTheUsualWay -v ./internal/daemon
func TestTheUsualWay(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills real processes for some seconds")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatal("python3 is missing: the usual way is a script of it")
		}
		t.Skip("python3 is missing: the usual way is a script of it")
	}
	kills := 4
	if n, err := strconv.Atoi(os.Getenv("BOD_TEST_KILLS")); err == nil {
		kills = n
	}
	for _, order := range []string{"send-then-mark", "mark-then-send"} {
		t.Run(order, func(t *testing.T) {
			dir := t.TempDir()
			server := newPost(t, dir)
			_, port, _ := strings.Cut(server.addr, ":")
			r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 25))
			var due []string
			var span time.Duration
			made := 0
			for day := 0; made < kills; day++ {
				// Enough messages that a kill meets the sending and not only the start of the script.
				for i := range 40 {
					due = append(due, fmt.Sprintf("invoice/%d/p%d p%d@example.com", day, i, i))
				}
				if err := os.WriteFile(filepath.Join(dir, "due.txt"), []byte(strings.Join(due, "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
				tries := 1 + r.IntN(4)
				if span == 0 {
					tries = 0
				}
				for n := 0; ; n++ {
					cmd := exec.Command(python, "testdata/usual/send.py", order, dir, port)
					var out, said strings.Builder
					cmd.Stdout, cmd.Stderr = &out, &said
					began := time.Now()
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					if n < tries && made < kills {
						time.AfterFunc(time.Duration(r.Int64N(int64(span))), func() { _ = cmd.Process.Kill() })
					}
					err := cmd.Wait()
					if out.String() == "done\n" {
						if n == 0 {
							span = time.Since(began)
						}
						if n >= tries {
							break
						}
						continue
					}
					if status, is := cmd.ProcessState.Sys().(syscall.WaitStatus); !is || !status.Signaled() {
						t.Fatalf("the script ended with %v: %s", err, said.String())
					}
					made++
				}
			}
			server.kill()
			came, err := readPost(dir)
			if err != nil {
				t.Fatal(err)
			}
			twice, lost := 0, 0
			for _, line := range due {
				key, _, _ := strings.Cut(line, " ")
				switch n := len(came[key]); {
				case n == 0:
					lost++
				case n > 1:
					twice++
				}
			}
			t.Logf("%s: %d kills, %d messages; twice %d, lost %d, and nobody was told of any", order, made, len(due), twice, lost)
			if order == "send-then-mark" && lost > 0 || order == "mark-then-send" && twice > 0 {
				t.Error("the script does not keep even the promise that it can keep")
			}
		})
	}
}
