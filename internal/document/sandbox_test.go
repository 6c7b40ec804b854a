//go:build linux && (amd64 || arm64)

package document

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// tried is what a confined child still can do, one a line: nothing.
func tried() string {
	if err := confine(); err != nil {
		return err.Error()
	}
	var out []string
	done := make(chan bool)
	go func() { // another thread is confined as well
		defer close(done)
		for what, try := range map[string]func() error{
			"read a file":     func() error { _, err := os.ReadFile("/etc/hostname"); return err },
			"make a file":     func() error { return os.WriteFile("/tmp/bod-test-confined", nil, 0o600) },
			"list a folder":   func() error { _, err := os.ReadDir("/"); return err },
			"dial":            func() error { _, err := net.Dial("tcp", "127.0.0.1:1"); return err },
			"start a program": func() error { _, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{}); return err },
			"kill":            func() error { return syscall.Kill(os.Getppid(), 0) },
		} {
			if err := try(); !errors.Is(err, syscall.EPERM) {
				out = append(out, what)
			}
		}
	}()
	<-done
	return strings.Join(out, "\n")
}

func TestChildCanDoNothing(t *testing.T) {
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), "BOD_TEST_CONFINED=1")
	out, err := c.CombinedOutput()
	if err != nil || string(out) != "confined\n" {
		t.Errorf("a confined child can %s (%v)", out, err)
	}
}
