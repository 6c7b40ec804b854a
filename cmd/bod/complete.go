package main

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// completer offers words for the shell.
type completer = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

func (b *desk) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:                   "completion bash|zsh|fish|powershell",
		DisableFlagsInUseLine: true,
		Short:                 b.in("シェルの補完を用意する", "completion for the shell"),
		Long: b.in(`シェルに読み込ませる補完の手順を出します。コマンド、仕事の名前、回やメールの番号が
Tab キーで補われます。`,
			`Prints what a shell has to read so that Tab completes commands, job names, and the numbers
of runs and messages.`),
		Example: `  source <(bod completion bash)
  bod completion bash > /etc/bash_completion.d/bod
  bod completion zsh > "${fpath[1]}/_bod"
  bod completion fish > ~/.config/fish/completions/bod.fish`,
		Args:              b.takes(1, 1),
		ValidArgsFunction: fixed(shells),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(b.raw, true)
			case "zsh":
				return root.GenZshCompletion(b.raw)
			case "fish":
				return root.GenFishCompletion(b.raw, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(b.raw)
			}
			return b.usage(calendar.Text{JA: "「" + args[0] + "」というシェルは知りません", EN: "couldn't make completion for the shell " + args[0]},
				calendar.Text{JA: "書けるもの: " + strings.Join(shells, ", "), EN: "one of: " + strings.Join(shells, ", ")})
		},
	}
}

// fixed completes one of a few words.
func fixed(words []string) completer {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlag joins a flag that this program declared with its words: the
// library refuses only a flag that does not exist.
func (b *desk) completeFlag(cmd *cobra.Command, flag string, c completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, c); err != nil {
		panic(err)
	}
}

// completeJobs offers the names of jobs for the first most arguments (-1: for all).
func (b *desk) completeJobs(most int) completer {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, _ := b.load(b.file)
		if c == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []cobra.Completion
		for _, j := range c.Jobs {
			out = append(out, cobra.CompletionWithDesc(j.Name, clean(j.Title)))
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// completePeople offers the people of the file by their short names.
func (b *desk) completePeople(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, _ := b.load(b.file)
	if c == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, id := range slices.Sorted(maps.Keys(c.People)) {
		out = append(out, cobra.CompletionWithDesc(id, clean(c.People[id].Name)))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completePeriods offers the periods near now of the job that is named already.
func (b *desk) completePeriods(cmd *cobra.Command) {
	b.completeFlag(cmd, "period", func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c, _ := b.load(b.file)
		if c == nil || len(args) == 0 || c.Job(args[0]) == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		now := b.now()
		var out []cobra.Completion
		for _, o := range c.Job(args[0]).When.Due(now.AddDate(0, -3, 0), now.AddDate(0, 3, 0)) {
			out = append(out, cobra.CompletionWithDesc(o.Period, b.moment(o.Due)))
			if len(out) == 40 {
				break
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	})
}

// completeNumbers offers the newest runs and messages of the ledger; which ones is the caller's word.
func (b *desk) completeNumbers(runs, messages bool) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return b.offers(cmd, func(v *ledger.View, add func(number, words string)) error {
			if messages {
				for m, err := range v.Messages(ledger.MessageQuery{Newest: true, Limit: offered}) {
					if err != nil {
						return err
					}
					add(m.Number, clean(jobs.MessageWords(m, b.lang)+" "+m.Subject))
				}
			}
			if runs {
				for r, err := range v.Runs(ledger.RunQuery{Newest: true, Limit: offered}) {
					if err != nil {
						return err
					}
					add(r.Number, jobs.RunWords(r, b.lang)+" "+r.Job+"/"+r.Period)
				}
			}
			return nil
		})
	}
}

// completeFindings offers what stands open, and what was accepted.
func (b *desk) completeFindings(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return b.offers(cmd, func(v *ledger.View, add func(number, words string)) error {
		for f, err := range v.Findings(ledger.FindingQuery{Newest: true, Limit: offered, States: append([]ledger.FindingState{ledger.FindingAccepted}, jobs.OpenFindings...)}) {
			if err != nil {
				return err
			}
			add(f.Number, clean(f.Label+" "+f.Says))
		}
		return nil
	})
}

// offered is how many numbers a shell is given at most.
const offered = 50

// offers are numbers that the ledger has. Nothing is offered where it can't be read.
func (b *desk) offers(cmd *cobra.Command, read func(v *ledger.View, add func(number, words string)) error) ([]cobra.Completion, cobra.ShellCompDirective) {
	none := cobra.ShellCompDirectiveNoFileComp
	// Whoever presses Tab does not wait for a busy ledger.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 2*time.Second)
	defer cancel()
	b.err = io.Discard
	dir, _ := b.place()
	l, err := ledger.OpenReader(ctx, dir)
	if err != nil {
		return nil, none
	}
	defer l.Close()
	var out []cobra.Completion
	err = l.View(ctx, func(v *ledger.View) error {
		return read(v, func(number, words string) { out = append(out, cobra.CompletionWithDesc(number, words)) })
	})
	if err != nil {
		return nil, none
	}
	return out, none
}
