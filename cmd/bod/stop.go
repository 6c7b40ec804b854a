package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"bod/internal/daemon"
	"bod/internal/ledger"
)

// flagStopped is the ledger's flag of a person's stop; with a slash and a job's identity behind it, of one job's.
const flagStopped = "stopped"

// The ledger's flags of what bod stopped by itself.
const (
	flagRestored = "restored" // by a copy that is older than the last entry
	flagClock    = "clock"    // by a clock before the last entry
	flagSession  = "session"  // by a mail server that refuses us
)

func (b *desk) stopCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   "stop [JOB] [WHY]",
		Short: b.in("送信を止める（1つの仕事、またはすべて）", "stop one job, or all letters, at once"),
		Long: b.in(`仕事の名前を書けばその仕事を、書かなければすべての手紙を、再開するまで止めます。理由が要ります。
止めている間も、準備と確認のお願い、まとめとお知らせは続きます。送っている途中の1通は
止められません。すでに送ったものは戻せません。`,
			`Stops the job that is named, or all letters where none is, until bod start. It needs a reason.
Preparing and asking go on, and so do summary and notices. The one message that is on the
wire at that moment can't be stopped, and nothing that was sent comes back.`),
		Example: b.in(`  bod stop hosting-acme "先方から待ってほしいとの連絡" --by sato
  bod stop --why "宛先がおかしい" --by sato`,
			`  bod stop hosting-acme "they asked us to wait" --by sato
  bod stop --why "the addresses look wrong" --by sato`),
		ValidArgsFunction: b.completeJobs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return b.stopOrStart(cmd, "stop", why, args) }
	b.whyFlag(cmd, &why)
	return cmd
}

func (b *desk) startCommand() *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   "start [JOB] [WHY]",
		Short: b.in("止めた送信を再開する", "let stopped letters go again"),
		Long: b.in(`bod stop で止めた送信を再開します。止めている間に予定の時刻を過ぎたものは、機械が止まって
いたときと同じく、予定表の missed のとおりに扱います（社外へのものは、送る前にお聞きします）。
bod そのものを始めるのは bod run です。`,
			`Ends a bod stop. What became late meanwhile is met as after a time in which the machine was
off: the rule's missed decides (what goes outside is asked about). To start bod itself, see
bod run.`),
		Example: b.in(`  bod start hosting-acme "先方の準備ができた" --by sato
  bod start --why "宛先を直した" --by sato`,
			`  bod start hosting-acme "they are ready" --by sato
  bod start --why "the addresses are mended" --by sato`),
		ValidArgsFunction: b.completeJobs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return b.stopOrStart(cmd, "start", why, args) }
	b.whyFlag(cmd, &why)
	return cmd
}

// stopOrStart asks the office. The first word has to be a job's name: a slip in it must neither stop everything nor nothing.
func (b *desk) stopOrStart(cmd *cobra.Command, verb, why string, args []string) error {
	var req daemon.Request
	if len(args) > 0 {
		if err := b.jobKnown(cmd.Context(), args[0]); err != nil {
			if f, ok := errors.AsType[*fault](err); ok && f.code == exitUsage {
				// A reason that stands alone is taken for a job's name, and never acted on as the wish to stop everything.
				all := fmt.Sprintf(b.in("すべてが対象のときは、bod %s --why \"理由\" としてください", "to %s everything, give the reason with --why: bod %[1]s --why REASON"), verb)
				f.next = strings.Join(nonEmpty([]string{all, f.next}), b.in("。", "; "))
			}
			return err
		}
		req.Job, args = args[0], args[1:]
	}
	reason, err := b.reason(cmd, why, args, true)
	if err != nil {
		return err
	}
	return b.ask(cmd.Context(), verb, req, reason)
}

// jobKnown reports whether the rules or the ledger know the job.
func (b *desk) jobKnown(ctx context.Context, name string) error {
	dir, c := b.place()
	if c != nil && c.Job(name) != nil {
		return nil
	}
	l, err := b.reader(ctx, dir)
	if err != nil {
		return err
	}
	defer l.Close()
	err = l.View(ctx, func(v *ledger.View) error {
		_, err := v.Job(name)
		return err
	})
	if err == nil {
		return nil
	}
	if c != nil {
		_, err = b.job(c, name)
		return err
	}
	return &fault{code: exitUsage, what: fmt.Sprintf(b.in("「%s」という仕事は予定表にありません", "there is no job %q in the rules"), name)}
}

// pausedWords says what a flag of the ledger keeps from going.
func (b *desk) pausedWords(name, text string) string {
	if name == flagStopped {
		return b.in("すべての送信を止めてあります: ", "all letters are stopped: ") + text
	}
	if job, one := strings.CutPrefix(name, flagStopped+"/"); one {
		return fmt.Sprintf(b.in("%s の送信を止めてあります: %s", "%s is stopped: %s"), job, text)
	}
	switch name {
	case flagRestored:
		// The cause is a sentence for the log; here it is what it means, and what there is to do.
		return b.in("控えから戻した記録なので、送信を止めています。そのあとに送られたものを確かめてから: bod retry --restored 理由",
			"sending is paused, for the ledger was restored from a copy. See what went out since, then: bod retry --restored WHY")
	case flagClock:
		return b.in("時計が合わないので、送信を止めています: ", "sending is paused, for the clock is wrong: ") + text
	case flagSession:
		return b.in("メールサーバーに断られたので、送信を止めています: ", "sending is paused, for the mail server refused us: ") + text
	}
	return fmt.Sprintf(b.in("送信を止めています（%s）: %s", "sending is paused (%s): %s"), name, text)
}

// flagsJSON are flags for programs.
func (b *desk) flagsJSON(fs []ledger.Flag) (out []flagJSON) {
	for _, f := range fs {
		out = append(out, flagJSON{f.Name, f.Text, b.stamp(f.Since), b.stamp(f.Probe)})
	}
	return out
}
