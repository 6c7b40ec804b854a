// Command bod is the back-office daemon: `bod run` does the recurring duties of
// an office by the rules of jobs.toml, and the other commands show what it did
// and will do, and bring it what only a person can decide.
//
// One process acts: the one that holds the ledger's lock. Every other command
// reads beside it, or notes a request that says who asks and why, and waits for
// the answer.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"bod/internal/calendar"
)

func main() {
	readPDF(os.Args)
	// A core file would hold letters, addresses and the password. The service's unit says so too, but bod is started by hand as well.
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once, as the system does it
	os.Exit(status(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)))
}

// The exit statuses. Those above 1 are the numbers of sysexits.h; 2 is never
// chosen, for a Go program that was killed by the watchdog ends with it.
const (
	exitOK     = 0
	exitFailed = 1  // it could not be done, or what was looked at is not well
	exitUsage  = 64 // the command line is wrong
	exitNoted  = 75 // the request is noted, but nobody has acted on it yet
	exitConfig = 78 // a start would fail again until somebody changes something: jobs.toml, or a ledger that does not fit
)

// run is the program. What it returns was already told to the person; status
// makes the exit status of it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	out := &outlet{w: stdout}
	b := newDesk(args, stdin, out, stderr)
	defer func() {
		// Whatever breaks in here: the ledger is only written in transactions,
		// so a panic leaves it as it was. The stack goes where an administrator looks
		// when asked to, and not before a person's eyes.
		if p := recover(); p != nil {
			err = b.panicked(p, debug.Stack())
		}
		// A list that was cut off by a full disk must not look whole to the script that reads it. A reader that has had enough
		// (| head) is no fault.
		if err == nil && out.err != nil && !errors.Is(out.err, syscall.EPIPE) {
			err = b.fail(out.err, calendar.Text{JA: "結果を最後まで書き出せませんでした", EN: "couldn't write all of the output"},
				calendar.Text{JA: "書き出す先の空きを確かめて、もう一度実行してください", EN: "see whether there is room for it, then run it once more"})
		}
		b.tell(err)
	}()
	root := b.root()
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

// outlet remembers the first error of writing to w: most lines are printed where nobody could do anything about one.
type outlet struct {
	w   io.Writer
	err error
}

func (o *outlet) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// status is the exit status of what run returned.
func status(err error) int {
	if err == nil {
		return exitOK
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f.code
	}
	return exitFailed
}

// fault is an error as a person reads it: what could not be done, to which
// thing, why, and the next step.
type fault struct {
	code  int
	what  string // in the person's language
	next  string // the next step; may be empty
	cause error  // may be nil
	told  bool   // the person has read all of it already
}

func (f *fault) Error() string {
	if f.cause == nil {
		return f.what
	}
	return fmt.Sprintf("%s: %v", f.what, f.cause)
}

func (f *fault) Unwrap() error { return f.cause }

// tell says to the person what went wrong, once.
func (b *desk) tell(err error) {
	if err == nil {
		return
	}
	f, ok := errors.AsType[*fault](err)
	if !ok {
		f = &fault{what: err.Error()}
	}
	if f.told {
		return
	}
	colon := b.in("：", ": ")
	what := f.what
	if f.cause != nil {
		what += colon + f.cause.Error()
	}
	fmt.Fprintf(b.err, "bod: %s\n", what)
	if f.next != "" {
		fmt.Fprintf(b.err, "  → %s\n", f.next)
	}
}

// panicked turns a panic into a calm word. With BOD_STACK set the stack follows
// it: whoever asks for it gets it, nobody else has to read it.
func (b *desk) panicked(p any, stack []byte) error {
	next := b.in("記録は途中のままにはなりません。BOD_STACK=1 を付けてもう一度実行し、出た内容を管理者に渡してください",
		"nothing is left half written; run it once more with BOD_STACK=1 and give what it prints to the administrator")
	if os.Getenv("BOD_STACK") != "" {
		fmt.Fprintf(b.err, "%s\n", stack)
	}
	return &fault{code: exitFailed,
		what:  b.in("bod の中で思わぬことが起き、この操作を続けられませんでした", "couldn't finish the command, for something unexpected happened inside bod"),
		next:  next,
		cause: fmt.Errorf("%v", p)}
}

// awaitFor is how long a command waits for the daemon's answer before it says
// that the request stays noted.
const awaitFor = 30 * time.Second
