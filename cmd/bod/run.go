package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
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
	f.StringArrayVar(&do, "do", nil, b.in("--once のとき、この仕事も行う `JOB`", "with --once: do this job too `JOB`"))
	f.BoolVar(&leave, "leave-trial", false, b.in("お試しの記録をしまって本番を始める", "archive the trial ledger, start a real one"))
	f.BoolVarP(&verbose, "verbose", "v", false, b.in("細かい記録も出す", "log more"))
	_ = cmd.RegisterFlagCompletionFunc("do", b.completeJobs(-1))
	return cmd
}

func (b *desk) run(ctx context.Context, once, leave, verbose bool, do []string) error {
	var requests []daemon.Request
	var asks string
	if len(do) > 0 {
		c, err := b.rules()
		if err != nil {
			return err
		}
		if requests, err = b.requests(c, do); err != nil {
			return err
		}
		if asks, err = b.asks(c); err != nil {
			return err
		}
	}
	o := daemon.RunOptions{ConfigPath: b.file, Admin: b.adminNamed(), StateDir: b.state, LeaveTrial: leave, Log: b.logger(verbose),
		Say: func(format string, args ...any) { b.say(strings.TrimRight(format, "\n")+"\n", args...) }}
	var err error
	began := b.now()
	if once {
		// A person at a terminal reads the words and what was done; the log is for those who ask for it.
		if terminal(b.rawErr) && !verbose {
			o.Log = slog.New(slog.DiscardHandler)
		}
		o.By = asks
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
	if _, refused := errors.AsType[*daemon.ConfigError](err); once && !refused {
		b.done(context.WithoutCancel(ctx), began)
	}
	return b.runFault(err, len(do) > 0)
}

// done tells what became of messages and runs since a moment. It only adds to
// what was said already, so that a ledger that cannot be read adds nothing.
func (b *desk) done(ctx context.Context, since time.Time) {
	dir, _ := b.place()
	l, err := ledger.OpenReader(ctx, dir)
	if err != nil {
		return
	}
	defer l.Close()
	_ = l.View(ctx, func(v *ledger.View) error {
		for r, err := range v.Runs(ledger.RunQuery{States: []ledger.RunState{ledger.RunWaiting, ledger.RunFailed}, ChangedFrom: since}) {
			if err != nil {
				return err
			}
			b.say("%s  %s  %s/%s\n", r.Number, jobs.RunWords(r, b.lang), current(v, r.Job), r.Period)
			for _, reason := range r.Reasons {
				b.say(b.in("  ・%s\n", "  - %s\n"), reason.Text)
			}
		}
		for m, err := range v.Messages(ledger.MessageQuery{ChangedFrom: since}) {
			if err != nil {
				return err
			}
			if m.State != ledger.StateReplaced {
				b.messageLine(m)
			}
		}
		return nil
	})
}

// requests are what --do names: JOB, or JOB/PERIOD.
func (b *desk) requests(c *config.Config, do []string) ([]daemon.Request, error) {
	var out []daemon.Request
	for _, name := range do {
		job, period := name, ""
		if i := strings.LastIndexByte(name, '/'); i >= 0 && c.Job(name) == nil {
			job, period = name[:i], name[i+1:]
		}
		j, err := b.job(c, job)
		if err != nil {
			return nil, err
		}
		if period != "" {
			if _, err := b.occurrence(j, period); err != nil {
				return nil, err
			}
		}
		out = append(out, daemon.Request{Job: j.Name, Period: period})
	}
	return out, nil
}

// asks is who asks for what --do names: a person where one can be told, else bod
// itself, for a timer may call bod run --once as well.
func (b *desk) asks(c *config.Config) (string, error) {
	who, err := b.who(c)
	if err != nil && b.by == "" {
		return "", nil
	}
	return who.Name, err
}

// runFault words why the daemon could not start, or had to end.
func (b *desk) runFault(err error, asked bool) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	if e, ok := errors.AsType[*daemon.ConfigError](err); ok {
		return b.misread(e.Problems)
	}
	if what, _ := ledger.Advice(err, true); what != "" {
		dir, _ := b.place()
		return b.ledgerFault(dir, err)
	}
	if _, ok := errors.AsType[*fault](err); ok {
		return err
	}
	if asked {
		return &fault{code: exitFailed, what: err.Error()} // the office's own answer to what --do asked
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
