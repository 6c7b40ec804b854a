package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bod/internal/config"
)

// The limits of a program that the administrator names: an alarm has to be given, and an answer taken, while it is news.
const (
	programTime   = time.Minute
	programOutput = 64 << 10
)

// program is one of the administrator's, at work or not. It runs with bod's rights and in bod's sandbox, but knows nothing
// of bod: no shell stands between, no argument is given, and of the environment it gets only what is said here. So it has
// neither the credentials' folder nor the notification socket, and no value of jobs.toml or of a mail can become a command.
type program struct {
	path  string
	env   []string      // "NAME=value", beside PATH and LANG
	limit time.Duration // 0: programTime
}

// errTime is why a program was killed.
var errTime = errors.New("it took too long and was ended")

// call runs the program with words on standard input and returns what it said on standard output. It ends with all that it
// started: at its time limit, when ctx ends, and also when it leaves something running behind itself.
func (p program) call(ctx context.Context, words []byte) (said []byte, err error) {
	// What was right when the file was read may be wrong by now.
	if err := config.CheckProgram(p.path); err != nil {
		return nil, err
	}
	closeOnExec()
	limit := p.limit
	if limit == 0 {
		limit = programTime
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTime)
	defer cancel()
	out, complaint := &capped{most: programOutput}, &capped{most: 1 << 10}
	cmd := exec.CommandContext(ctx, p.path) // #nosec G204 -- the administrator's own file, looked at right before
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/"}, p.env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(words), out, complaint
	// A session of its own is a process group of its own, which can be ended as a whole, and has no terminal to read from.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	group := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = group
	cmd.WaitDelay = 2 * time.Second // for what it left behind with its output in its hands
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("couldn't start the program %s: %w", p.path, err)
	}
	err = cmd.Wait()
	_ = group() // what it left behind; mostly there is nobody
	switch {
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil // it ended well, and only what it left behind had to be ended
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if err != nil {
		if s := oneLine(complaint.kept.String(), 300); s != "" {
			return nil, fmt.Errorf("the program %s failed: %w: %s", p.path, err, s)
		}
		return nil, fmt.Errorf("the program %s failed: %w", p.path, err)
	}
	if out.over {
		return nil, fmt.Errorf("the program %s says more than %d bytes", p.path, programOutput)
	}
	return out.kept.Bytes(), nil
}

// capped keeps the beginning of what is written and takes the rest without keeping it: a program that talks without end is
// neither stopped in the middle of a write nor does it fill the memory.
type capped struct {
	kept bytes.Buffer // not embedded: io.Copy would find its ReadFrom, which knows no limit
	most int
	over bool
}

func (c *capped) Write(b []byte) (int, error) {
	n := len(b)
	if room := c.most - c.kept.Len(); n > room {
		b, c.over = b[:room], true
	}
	c.kept.Write(b)
	return n, nil
}

// closeOnExec keeps from programs what bod itself was started with beside the three standard files. All that bod opened it
// opened so already.
func closeOnExec() {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // only Linux has it, and there only a service manager or a shell could have left something open
	}
	for _, f := range open {
		if n, err := strconv.Atoi(f.Name()); err == nil && n > 2 {
			syscall.CloseOnExec(n)
		}
	}
}

// oneLine is what somebody outside said, as one line that can be kept and shown.
func oneLine(s string, most int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return r < 0x21 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029'
	}), " ")
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}
