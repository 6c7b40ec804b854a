package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/daemon"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

func (b *desk) runCommand() *cobra.Command {
	var once, leave, verbose bool
	var do []string
	cmd := &cobra.Command{
		Use:   "run",
		Short: b.in("bod を始める", "do the duties, until stopped"),
		Long: b.in(`予定表のとおりに働き続けます。止めるには Ctrl+C（または SIGTERM）。送っている途中の
1通は最後まで送ってから止まります。予定表を保存し直すと、自分で読み直します（SIGHUP
でも読み直します）。記録がまだないときは作り、そう言います。

--once は、いま行うことをすべて行って終わります。--do を添えると、その仕事の回も
行います（過ぎた回のうち最後のもの、または JOB/PERIOD）。
--leave-trial は、お試しの記録をしまい、本番の記録で始めます。`,
			`Works by the rules until it is stopped (Ctrl+C or SIGTERM); the message that is on its way is
finished first. A saved jobs.toml is read again by itself, and on SIGHUP. Where there is no
ledger yet one is made, and that is said.

--once does everything that is due now and ends. With --do it also does that job: its
latest due period, or JOB/PERIOD.
--leave-trial archives the ledger of a trial and starts with a new, real one.`),
		Example: `  bod run
  bod run --once
  bod run --once --do hosting-acme
  bod run --leave-trial`,
		Args: b.takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(do) > 0 && !once {
				return b.usage(calendar.Text{JA: "--do は --once と一緒に使います", EN: "--do goes with --once"},
					calendar.Text{JA: "動いている bod に頼むなら bod do を使ってください", EN: "to ask a running bod: bod do"})
			}
			return b.run(cmd.Context(), once, leave, verbose, do)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&once, "once", false, b.in("いま行うことを行って終わる", "do what is due now, then end"))
	f.StringArrayVar(&do, "do", nil, b.in("--once のとき、この仕事も行う `JOB`", "with --once: do `JOB` too"))
	f.BoolVar(&leave, "leave-trial", false, b.in("お試しの記録をしまって本番を始める", "archive the trial ledger, start a real one"))
	f.BoolVarP(&verbose, "verbose", "v", false, b.in("細かい記録も出す", "log more"))
	_ = cmd.RegisterFlagCompletionFunc("do", b.completeJobs(-1))
	return cmd
}

func (b *desk) run(ctx context.Context, once, leave, verbose bool, do []string) error {
	// The rules are read once here for the person's sake: every problem in their
	// language before anything is opened.
	c, err := b.rules()
	if err != nil {
		return err
	}
	var requests []daemon.Request
	for _, name := range do {
		job, period := name, ""
		if i := strings.LastIndexByte(name, '/'); i >= 0 && c.Job(name) == nil {
			job, period = name[:i], name[i+1:]
		}
		j, err := b.job(c, job)
		if err != nil {
			return err
		}
		if period != "" {
			if _, err := b.occurrence(j, period); err != nil {
				return err
			}
		}
		requests = append(requests, daemon.Request{Job: j.Name, Period: period})
	}
	o := daemon.RunOptions{ConfigPath: b.file, StateDir: b.state, LeaveTrial: leave, Log: b.logger(verbose),
		Say: func(format string, args ...any) { b.say(strings.TrimRight(format, "\n")+"\n", args...) }}
	if once {
		err = daemon.Once(ctx, o, requests)
	} else {
		// Only the daemon listens to a hang-up, as a wish to read the rules again; every
		// other command dies of it as programs do.
		reload := make(chan struct{}, 1)
		hangup := make(chan os.Signal, 1)
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-hangup:
					select {
					case reload <- struct{}{}:
					default: // one wish is waiting already
					}
				}
			}
		}()
		err = daemon.Run(ctx, o, reload)
	}
	return b.runFault(c.StateDir(b.state, os.Getenv("STATE_DIRECTORY")), err)
}

// runFault words why the daemon could not start, or had to end.
func (b *desk) runFault(dir string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	if e, ok := errors.AsType[*daemon.ConfigError](err); ok {
		return b.misread(e.Problems)
	}
	for _, known := range []error{ledger.ErrNone, ledger.ErrMissing, ledger.ErrLocked, ledger.ErrTrial, ledger.ErrSchema, ledger.ErrDamaged} {
		if errors.Is(err, known) {
			return b.ledgerFault(dir, err)
		}
	}
	if _, ok := errors.AsType[*fault](err); ok {
		return err
	}
	return b.fail(err, calendar.Text{JA: "bod を続けられませんでした", EN: "couldn't go on"},
		calendar.Text{JA: "記録はそのままです。原因を直して、もう一度始めてください", EN: "the ledger is as it was; mend the cause and start again"})
}

// logger writes for the journal. Under systemd the journal adds the time itself.
func (b *desk) logger(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	o := &slog.HandlerOptions{Level: level}
	if os.Getenv("JOURNAL_STREAM") != "" {
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{}
			}
			return a
		}
	}
	return slog.New(slog.NewTextHandler(b.err, o))
}

// kinds says which kinds of jobs this bod knows.
func kinds() []string {
	var names []string
	for _, k := range jobs.Kinds {
		names = append(names, k.Name())
	}
	return names
}
