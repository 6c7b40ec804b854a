package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/daemon"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// ask notes a request in the ledger and waits for the answer of the process that
// holds it. The request is durable before anything else is said: if we die
// right after, it is acted upon all the same.
func (b *desk) ask(ctx context.Context, verb string, req daemon.Request, why string) error {
	dir, c := b.place()
	who, err := b.who(c)
	if err != nil {
		return err
	}
	l, err := b.reader(ctx, dir)
	if err != nil {
		return err
	}
	defer l.Close()
	return b.askOf(ctx, l, dir, who, verb, req, why)
}

// askOf is ask with the ledger open and the person known.
func (b *desk) askOf(ctx context.Context, l *ledger.Ledger, dir string, who ledger.Who, verb string, req daemon.Request, why string) error {
	args, err := json.Marshal(req)
	if err != nil {
		return err
	}
	id, err := l.AddIntent(ctx, ledger.Intent{Verb: verb, Args: args, Why: why, Who: who, At: b.now()})
	if err != nil {
		f := b.fail(err, calendar.Text{JA: "依頼を記録できませんでした。何も変わっていません", EN: "couldn't note the request; nothing has changed"},
			calendar.Text{JA: "記録のフォルダ（" + dir + "）に書けるか確かめてください", EN: "check who may write into " + dir})
		if _, next := ledger.Advice(err, b.lang != calendar.English); next != "" {
			f.next = sentence(next)
		}
		return f
	}
	// Asked only now: a daemon that starts between the two finds the request.
	if _, held, err := ledger.Holder(dir); err == nil && !held {
		return &fault{code: exitNoted,
			what: fmt.Sprintf(b.in("依頼を記録しました（番号 %d）。いま bod は動いていないので、まだ行われていません", "noted as request %d, but no bod is running, so nothing has been done yet"), id),
			next: b.in("次に bod run（または bod run --once）を始めたときに行います", "it will be done at the next bod run (or bod run --once)")}
	}
	wait, cancel := context.WithTimeout(ctx, awaitFor)
	defer cancel()
	slow := time.AfterFunc(2*time.Second, func() {
		fmt.Fprintln(b.err, b.in("bod の返事を待っています…", "waiting for the answer of bod ..."))
	})
	defer slow.Stop()
	in, err := l.Await(wait, id)
	switch {
	case err != nil && wait.Err() != nil:
		return &fault{code: exitNoted,
			what: fmt.Sprintf(b.in("依頼は記録しましたが（番号 %d）、bod の返事がまだありません", "the request is noted (number %d), but bod has not answered yet"), id),
			next: b.in("bod status で様子を見てください。同じ依頼をくり返す必要はありません", "see bod status; there is no need to ask again")}
	case err != nil:
		return b.fail(err, calendar.Text{JA: fmt.Sprintf("依頼は記録しましたが（番号 %d）、返事を読めませんでした", id), EN: fmt.Sprintf("the request is noted (number %d), but couldn't read the answer", id)}, calendar.Text{})
	case !in.OK:
		return &fault{code: exitFailed, what: in.Result}
	}
	b.say("%s\n", in.Result)
	return nil
}

var (
	messageNumber = regexp.MustCompile(`^\d{4}-\d{4,}$`)
	runNumber     = regexp.MustCompile(`^[Rr]\d{4}-\d{4,}$`)
)

// target is what a person points at: a message, or a run.
type target struct {
	run     *ledger.Run
	message *ledger.Message
}

// find reads a message's number, a run's number, JOB/PERIOD, a message's key, or
// a job's name, which means its newest run.
func (b *desk) find(v *ledger.View, id string) (target, error) {
	lost := &fault{code: exitUsage, what: fmt.Sprintf(b.in("「%s」は記録に見つかりません", "couldn't find %q in the ledger"), id),
		next: b.in("番号は bod messages と bod runs で見られます", "bod messages and bod runs list the numbers")}
	message := func(m ledger.Message, err error) (target, error) {
		if errors.Is(err, ledger.ErrNotFound) {
			return target{}, lost
		}
		return target{message: &m}, err
	}
	run := func(r ledger.Run, err error) (target, error) {
		if errors.Is(err, ledger.ErrNotFound) {
			return target{}, lost
		}
		return target{run: &r}, err
	}
	if messageNumber.MatchString(id) {
		return message(v.MessageByNumber(id))
	}
	if runNumber.MatchString(id) {
		return run(v.RunByNumber(strings.ToUpper(id)))
	}
	if i := strings.LastIndexByte(id, '/'); i > 0 {
		if j, err := v.Job(id[:i]); err == nil {
			return run(v.RunOf(j.Name, id[i+1:]))
		}
		return message(v.MessageByKey(id))
	}
	j, err := v.Job(id)
	if errors.Is(err, ledger.ErrNotFound) {
		return target{}, lost
	}
	if err != nil {
		return target{}, err
	}
	for r, err := range v.Runs(ledger.RunQuery{Job: j.Name, Newest: true, Limit: 1}) {
		return run(r, err)
	}
	return target{}, lost
}

// request names the target for the office.
func (t target) request() daemon.Request {
	if t.message != nil {
		return daemon.Request{Message: t.message.Number}
	}
	return daemon.Request{Run: t.run.Number, Job: t.run.Job, Period: t.run.Period}
}

// whyFlag adds --why.
func (b *desk) whyFlag(cmd *cobra.Command, why *string) {
	cmd.Flags().StringVar(why, "why", "", b.in("理由 `REASON`（最後の言葉として書いてもよい）", "the reason `REASON`; the last words do as well"))
}

// reason is --why, or the words that are left; it is asked for where it is needed.
func (b *desk) reason(cmd *cobra.Command, why string, rest []string, needed bool) (string, error) {
	words := strings.TrimSpace(strings.Join(rest, " "))
	switch {
	case why != "" && words != "":
		return "", &fault{code: exitUsage, what: fmt.Sprintf(b.in("理由が2つあります: 「%s」と「%s」", "there are two reasons: %q and %q"), why, words),
			next: b.in("書き方: ", "usage: ") + b.useLine(cmd)}
	case why != "":
		words = why
	}
	if words == "" && needed {
		return "", &fault{code: exitUsage, what: b.in("理由を書いてください。記録に残り、あとで読まれます", "say why; the reason is kept and read later"),
			next: b.in("書き方: ", "usage: ") + b.useLine(cmd)}
	}
	return words, nil
}

// deed describes a command that asks the office for one thing about one message or run.
type deed struct {
	verb, use      string
	short, long    calendar.Text
	example        calendar.Text
	runs, messages bool // what the shell completes
	ready          func(*desk, target) error
	result         func(*desk, string) (string, error) // not nil: a word after the ID is the request's result
}

// deedCommand makes the command of a deed.
func (b *desk) deedCommand(d deed) *cobra.Command {
	var why string
	words := 1 // before the reason
	if d.result != nil {
		words = 2
	}
	cmd := &cobra.Command{
		Use: d.use, Short: d.short.In(b.lang), Long: d.long.In(b.lang), Example: d.example.In(b.lang),
		Args:              b.takes(words, -1),
		ValidArgsFunction: b.completeNumbers(d.runs, d.messages),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var req daemon.Request
		var result string
		reason, err := b.reason(cmd, why, args[words:], true)
		if err != nil {
			return err
		}
		if d.result != nil {
			if result, err = d.result(b, args[1]); err != nil {
				return err
			}
		}
		err = b.view(cmd.Context(), func(_ *config.Config, _ string, v *ledger.View) error {
			t, err := b.find(v, args[0])
			if err != nil {
				return err
			}
			if d.ready != nil {
				if err := d.ready(b, t); err != nil {
					return err
				}
			}
			req = t.request()
			return nil
		})
		if err != nil {
			return err
		}
		req.Result = result
		return b.ask(cmd.Context(), d.verb, req, reason)
	}
	b.whyFlag(cmd, &why)
	return cmd
}

func (b *desk) holdCommand() *cobra.Command {
	return b.deedCommand(deed{
		verb: "hold", use: "hold ID WHY", runs: true, messages: true,
		short: calendar.Text{JA: "送るのを止める", EN: "keep a message back"},
		long: calendar.Text{JA: `メール（番号）や、仕事の1回分（R から始まる番号、または JOB/PERIOD）を止めます。
送られるのは release したあとです。もう送っている途中のもの、送ったものは止められません。`,
			EN: `Holds a message (its number), or all of a run (R..., or JOB/PERIOD), until it is released.
What is on its way already, or was sent, cannot be held.`},
		example: calendar.Text{JA: `  bod hold 2611-0044 "金額を確かめています" --by sato
  bod hold hosting-acme/2026-11 --why "先方から待ってほしいとの連絡" --by sato`,
			EN: `  bod hold 2611-0044 "checking the amount" --by sato
  bod hold hosting-acme/2026-11 --why "they asked us to wait" --by sato`},
	})
}

func (b *desk) releaseCommand() *cobra.Command {
	return b.deedCommand(deed{
		verb: "release", use: "release ID WHY", runs: true, messages: true,
		short: calendar.Text{JA: "止めたものを送ってよいことにする", EN: "let a held message go"},
		long: calendar.Text{JA: `止めてある理由（人が止めた、検査、期日超過など）を外します。確認（confirm）の代わりには
なりません。予定の時刻より前に送られることもありません。`,
			EN: `Takes away why a message is held: a person's hold, a check, its being late. It never stands
for a confirmation, and nothing leaves before it is due.`},
		example: calendar.Text{JA: `  bod release 2611-0044 "金額を確かめました" --by sato`,
			EN: `  bod release 2611-0044 "the amount is right" --by sato`},
	})
}

func (b *desk) rejectCommand() *cobra.Command {
	return b.deedCommand(deed{
		verb: "reject", use: "reject ID WHY", runs: true, messages: true,
		short: calendar.Text{JA: "送るのを取りやめる", EN: "call a message off for good"},
		long: calendar.Text{JA: `まだ送っていないメールを取りやめます。元には戻せません。同じ回をもう一度作るときは
bod do を使ってください。`,
			EN: `Calls off what has not been sent. There is no way back; to draft the same occurrence anew
use bod do.`},
		example: calendar.Text{JA: `  bod reject 2611-0044 "今月分は書面でお渡しした" --by sato`,
			EN: `  bod reject 2611-0044 "handed over on paper this month" --by sato`},
	})
}

func (b *desk) settleCommand() *cobra.Command {
	return b.deedCommand(deed{
		verb: "settle", use: "settle ID sent|not-sent WHY", messages: true,
		short: calendar.Text{JA: "届いたか不明のメールの結果を伝える", EN: "say what became of an unknown message"},
		long: calendar.Text{JA: `「届いたか不明」のメールについて、確かめた結果を伝えます。sent は届いていた、not-sent は
届いていなかった。not-sent のあとで送り直すには bod retry を使います。`,
			EN: `Where the mail server's answer was lost only a person can find out. sent: it arrived.
not-sent: it did not; to send it then, use bod retry.`},
		example: calendar.Text{JA: `  bod settle 2611-0044 sent "お客様に電話で確かめました" --by sato
  bod settle 2611-0044 not-sent "届いていないとのこと" --by sato`,
			EN: `  bod settle 2611-0044 sent "they have it, asked by phone" --by sato
  bod settle 2611-0044 not-sent "they did not get it" --by sato`},
		result: func(b *desk, word string) (string, error) {
			if word != "sent" && word != "not-sent" {
				return "", b.usage(calendar.Text{JA: fmt.Sprintf("「%s」ではなく、sent か not-sent を書いてください", word), EN: fmt.Sprintf("say sent or not-sent, not %q", word)}, calendar.Text{})
			}
			return word, nil
		},
		ready: inState(ledger.StateUnknown),
	})
}

func (b *desk) resendCommand() *cobra.Command {
	return b.deedCommand(deed{
		verb: "resend", use: "resend ID WHY", messages: true,
		short: calendar.Text{JA: "届いたか不明のメールを送り直す", EN: "send an unknown message again"},
		long: calendar.Text{JA: `「届いたか不明」のメールを、まったく同じ内容でもう一度送ります。すでに届いていれば、
相手には2通になります。まず相手に確かめてください。`,
			EN: `Sends a message whose fate is unknown once more, byte for byte. If the first one did arrive
its reader has two: ask them first.`},
		example: calendar.Text{JA: `  bod resend 2611-0044 "届いていないと電話で確認" --by sato`,
			EN: `  bod resend 2611-0044 "not there, asked by phone" --by sato`},
		ready: inState(ledger.StateUnknown),
	})
}

func (b *desk) byHandCommand() *cobra.Command {
	return b.deedCommand(deed{
		verb: "by-hand", use: "by-hand ID WHY", runs: true, messages: true,
		short: calendar.Text{JA: "ほかの方法で済んだことを伝える", EN: "say that it was done another way"},
		long: calendar.Text{JA: `止まっている、送れなかった、または届いたか不明のメールを、人がほかの方法（電話、郵送、
自分のメール）で済ませたと記録します。bod からは送りません。`,
			EN: `Notes that a person brought a held, failed or unknown message another way (by phone, by post,
from their own mail). bod does not send it any more.`},
		example: calendar.Text{JA: `  bod by-hand 2611-0044 "郵送しました" --by sato`,
			EN: `  bod by-hand 2611-0044 "sent by post" --by sato`},
	})
}

// inState refuses early what the office would refuse: a message none of whose deliveries is in the state.
func inState(s ledger.State) func(*desk, target) error {
	return func(b *desk, t target) error {
		if t.message == nil {
			return b.usage(calendar.Text{JA: "メールの番号で示してください", EN: "name a message by its number"},
				calendar.Text{JA: "番号は bod messages で見られます", EN: "bod messages lists them"})
		}
		for _, d := range t.message.Deliveries {
			if d.State == s {
				return nil
			}
		}
		return &fault{code: exitFailed,
			what: fmt.Sprintf(b.in("メール %s は「%s」で、「%s」ではありません", "message %s is %q, not %q"), t.message.Number, jobs.MessageWords(*t.message, b.lang), jobs.DeliveryWords(s, b.lang)),
			next: "bod show " + t.message.Number}
	}
}

func (b *desk) doCommand() *cobra.Command {
	var why, period, again string
	var to []string
	cmd := &cobra.Command{
		Use:   "do JOB [WHY]",
		Short: b.in("仕事の1回分を、いま行う", "do one occurrence now"),
		Long: b.in(`仕事の1回分を行います。--period がなければ、過ぎた回のうち最後のものです。これからの回を
選ぶと、予定を待たずに送ります。確認が要る仕事では、確認をもらってから送ります。
もう送ったものは送りません。わざともう一度送るときだけ --again に理由を書きます。
--to を添えると、その宛先の分だけを作ります。`,
			`Does one occurrence: the latest due one, or --period. A coming one leaves now. Confirmations
are asked for as ever. What has gone does not go again; a deliberate second one needs
--again with its reason, and --to limits it to the named recipients.`),
		Example: b.in(`  bod do hosting-acme --by sato
  bod do hosting-acme --period 2026-12 "休業前に送りたい" --by sato
  bod do hosting-acme --again "金額を直して再送" --to acme --by sato`,
			`  bod do hosting-acme --by sato
  bod do hosting-acme --period 2026-12 "before the holidays" --by sato
  bod do hosting-acme --again "with the right amount" --to acme --by sato`),
		Args:              b.takes(1, -1),
		ValidArgsFunction: b.completeJobs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		reason, err := b.reason(cmd, why, args[1:], false)
		if err != nil {
			return err
		}
		req := daemon.Request{Job: args[0], Period: period, To: to}
		if cmd.Flags().Changed("again") {
			if strings.TrimSpace(again) == "" {
				return b.usage(calendar.Text{JA: "--again には、もう一度送る理由を書いてください", EN: "--again needs the reason for a second one"}, calendar.Text{})
			}
			req.Again = true
			reason = nonEmptyJoin(again, reason)
		} else if len(to) > 0 {
			return b.usage(calendar.Text{JA: "--to は --again と一緒に使います", EN: "--to goes with --again"}, calendar.Text{})
		}
		if err := b.checkOccurrence(req.Job, period); err != nil {
			return err
		}
		return b.ask(cmd.Context(), "do", req, reason)
	}
	f := cmd.Flags()
	f.StringVar(&period, "period", "", b.in("どの回か `PERIOD`（2026-11 など）", "which occurrence: `PERIOD`, such as 2026-11"))
	f.StringVar(&again, "again", "", b.in("わざともう一度送る理由 `REASON`", "a deliberate second one, and why `REASON`"))
	f.StringSliceVar(&to, "to", nil, b.in("この宛先の分だけ `NAME`", "only for this recipient `NAME`"))
	b.whyFlag(cmd, &why)
	b.completePeriods(cmd)
	return cmd
}

// checkOccurrence refuses a job or period that the rules do not have, where the rules can be read.
func (b *desk) checkOccurrence(job, period string) error {
	c, _ := b.load(b.file)
	if c == nil {
		return nil
	}
	j, err := b.job(c, job)
	if err != nil || period == "" {
		return err
	}
	_, err = b.occurrence(j, period)
	return err
}

func nonEmptyJoin(parts ...string) string { return strings.Join(nonEmpty(parts), " / ") }

func (b *desk) skipCommand() *cobra.Command {
	var why, period string
	cmd := &cobra.Command{
		Use:   "skip JOB --period PERIOD WHY",
		Short: b.in("仕事の1回分を見送る", "leave one occurrence out"),
		Long: b.in(`仕事の1回分を、行わないことにします。これからの回も、待っている回も見送れます。
送ったものは取り消せません。考え直したときは bod do で行えます。`,
			`Leaves one occurrence out, coming or waiting. What was sent stays sent. bod do does it after
all.`),
		Example: b.in(`  bod skip hosting-acme --period 2026-12 "12月は無料のため" --by sato`,
			`  bod skip hosting-acme --period 2026-12 "free in December" --by sato`),
		Args:              b.takes(1, -1),
		ValidArgsFunction: b.completeJobs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if period == "" {
			return b.usage(calendar.Text{JA: "どの回を見送るか --period で示してください", EN: "say with --period which occurrence"},
				calendar.Text{JA: "回の名前は bod next " + args[0] + " で見られます", EN: "bod next " + args[0] + " tells the periods"})
		}
		reason, err := b.reason(cmd, why, args[1:], true)
		if err != nil {
			return err
		}
		if err := b.checkOccurrence(args[0], period); err != nil {
			return err
		}
		return b.ask(cmd.Context(), "skip", daemon.Request{Job: args[0], Period: period}, reason)
	}
	cmd.Flags().StringVar(&period, "period", "", b.in("どの回か `PERIOD`（2026-11 など）", "which occurrence: `PERIOD`, such as 2026-11"))
	b.whyFlag(cmd, &why)
	b.completePeriods(cmd)
	return cmd
}

func (b *desk) retryCommand() *cobra.Command {
	var why, clock, restored, until string
	var session bool
	cmd := &cobra.Command{
		Use:   "retry [ID] [WHY]",
		Short: b.in("送れなかったものを、もう一度試す", "try again what failed"),
		Long: b.in(`送れなかったメール（番号）や、失敗した回（R から始まる番号、または JOB/PERIOD）を、
もう一度試します。全体が止まっているときは、次のどれかで動かします。
  --session            メールサーバーへの接続を、いま試す
  --clock REASON       時計が戻っていても、このまま進める
  --restored REASON    控えから戻した記録で進める（未送信は止めたまま）
    --sent-until 日時  そのうち、この日時までの予定は済んでいたと記録する`,
			`Tries a failed message (its number) or a failed run (R..., or JOB/PERIOD) again. Where
everything is paused:
  --session            try the mail server now, as after mending the password
  --clock REASON       go on although the clock was set back
  --restored REASON    go on with a restored ledger; what is unsent stays held
    --sent-until TIME  and record what was due by then as done`),
		Example: b.in(`  bod retry 2611-0044 "宛先のサーバーが直ったとのこと" --by sato
  bod retry --session --by sato
  bod retry --clock "時計を合わせました" --by sato
  bod retry --restored "昨夜の控え" --sent-until "2026-11-25 12:00" --by sato`,
			`  bod retry 2611-0044 "their server works again" --by sato
  bod retry --session --by sato
  bod retry --clock "the clock is right now" --by sato
  bod retry --restored "last night" --sent-until "2026-11-25 12:00" --by sato`),
		ValidArgsFunction: b.completeNumbers(true, true),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f := cmd.Flags()
		req := daemon.Request{Session: session, Clock: f.Changed("clock"), Restored: f.Changed("restored")}
		if until != "" {
			if !req.Restored {
				return b.usage(calendar.Text{JA: "--sent-until は --restored と一緒に使います", EN: "--sent-until goes with --restored"}, calendar.Text{})
			}
			b.place() // the rules say in which zone
			at, err := time.ParseInLocation("2006-01-02 15:04", until, b.zone)
			if err != nil {
				return b.usage(calendar.Text{JA: fmt.Sprintf("「%s」は日時として読めません", until), EN: fmt.Sprintf("couldn't read %q as a moment", until)},
					calendar.Text{JA: `"2026-11-25 12:00" のように書いてください`, EN: `write it like "2026-11-25 12:00"`})
			}
			req.Until = at
		}
		if !req.Session && !req.Clock && !req.Restored {
			if len(args) == 0 {
				return b.takes(1, -1)(cmd, args)
			}
			reason, err := b.reason(cmd, why, args[1:], true)
			if err != nil {
				return err
			}
			err = b.view(cmd.Context(), func(_ *config.Config, _ string, v *ledger.View) error {
				t, err := b.find(v, args[0])
				if err == nil {
					req = t.request()
				}
				return err
			})
			if err != nil {
				return err
			}
			return b.ask(cmd.Context(), "retry", req, reason)
		}
		reason, err := b.reason(cmd, why, args, false)
		if err != nil {
			return err
		}
		reason = nonEmptyJoin(clock, restored, reason)
		if reason == "" && req.Session {
			reason = b.in("接続をもう一度試す", "try the connection once more") // no decision that would need more words
		}
		if reason == "" {
			return b.usage(calendar.Text{JA: "理由を書いてください。記録に残り、あとで読まれます", EN: "say why; the reason is kept and read later"}, calendar.Text{})
		}
		return b.ask(cmd.Context(), "retry", req, reason)
	}
	f := cmd.Flags()
	f.BoolVar(&session, "session", false, b.in("メールサーバーへの接続をいま試す", "try the mail server now"))
	f.StringVar(&clock, "clock", "", b.in("時計が戻っていても進める理由 `REASON`", "go on after the clock was set back, and why `REASON`"))
	f.StringVar(&restored, "restored", "", b.in("控えから戻した記録で進める理由 `REASON`", "go on with a restored ledger, and why `REASON`"))
	f.StringVar(&until, "sent-until", "", b.in("--restored のとき、この日時までの予定は済んでいた `TIME`", "with --restored: what was due by then had been sent `TIME`"))
	cmd.MarkFlagsMutuallyExclusive("session", "clock", "restored")
	b.whyFlag(cmd, &why)
	return cmd
}
