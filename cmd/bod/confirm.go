package main

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/daemon"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

func (b *desk) confirmCommand() *cobra.Command {
	var why, set, no string
	cmd := &cobra.Command{
		Use:   "confirm RUN [WHY]",
		Short: b.in("送る前の確認をする", "say yes (or no) to what would go out"),
		Long: b.in(`確認待ちの回（R から始まる番号、または JOB/PERIOD）に、送ってよいと答えます。--set が
なければ、送られる内容をすべて見せてから尋ねます。--set には、確認のお願いに書かれた
8文字を写します。そのときの内容と1文字でも違っていれば、確認にはなりません。
送ってはいけないときは --no に理由を書きます。送らずに保留になります。`,
			`Says yes to a run that waits for it (R..., or JOB/PERIOD). Without --set everything that
would go out is shown first, then you are asked. --set takes the eight characters of the
mail that asked you: if anything has changed since, they do not fit and it is no yes.
To say no give --no with the reason; the run is held then.`),
		Example: b.in(`  bod confirm R2611-0012 --by tanaka
  bod confirm R2611-0012 --set 8f3a91c2 --by tanaka
  bod confirm R2611-0012 --no "金額が先月と違います" --by tanaka`,
			`  bod confirm R2611-0012 --by tanaka
  bod confirm R2611-0012 --set 8f3a91c2 --by tanaka
  bod confirm R2611-0012 --no "the amount differs from last month's" --by tanaka`),
		Args:              b.takes(1, -1),
		ValidArgsFunction: b.completeNumbers(true, false),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("no") && strings.TrimSpace(no) == "" {
			return b.usage(calendar.Text{JA: "--no には理由を書いてください", EN: "--no needs the reason"}, calendar.Text{})
		}
		reason, err := b.reason(cmd, why, args[1:], false)
		if err != nil {
			return err
		}
		return b.confirm(cmd.Context(), args[0], set, no, reason)
	}
	f := cmd.Flags()
	f.StringVar(&set, "set", "", b.in("お願いのメールにある8文字 `SET`", "the eight characters of the mail that asked: `SET`"))
	f.StringVar(&no, "no", "", b.in("送らないと答える。その理由 `WHY`", "say no, and why: `WHY`"))
	b.whyFlag(cmd, &why)
	return cmd
}

func (b *desk) confirm(ctx context.Context, id, set, no, why string) error {
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
	var run ledger.Run
	var req daemon.Request
	var open []ledger.Message
	bodies := map[int64][]byte{}
	err = l.View(ctx, func(v *ledger.View) error {
		t, err := b.find(v, id)
		if err != nil {
			return err
		}
		req = t.request()
		if t.run != nil {
			run = *t.run
			if open, err = messagesOf(v, run.ID); err != nil {
				return err
			}
		} else {
			if t.message.Run != 0 {
				if run, err = v.Run(t.message.Run); err != nil {
					return err
				}
			}
			open = []ledger.Message{*t.message}
		}
		open = jobs.ConfirmSet(open)
		for _, m := range open {
			if bodies[m.ID], err = v.Body(m.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(open) == 0 {
		return &fault{code: exitFailed, what: fmt.Sprintf(b.in("%s に、確認を待っているものはありません", "%s waits for no confirmation"), id),
			next: "bod show " + id}
	}
	for _, m := range open {
		// The office would refuse it too, but perhaps later, when nobody is there to read why.
		if no == "" && !slices.Contains(m.ConfirmBy, who.Name) {
			return &fault{code: exitUsage,
				what: fmt.Sprintf(b.in("「%s」さんは、メール %s の確認者ではありません", "%s is not among those who confirm message %s"), called(c, who.Name), m.Number),
				next: b.in("確認する人：", "who confirms it: ") + b.people(c, m.ConfirmBy)}
		}
	}
	if no != "" {
		// The no of somebody who was asked is a hold with its reason: it takes an
		// earlier yes back, and whoever lifts it has to say why.
		return b.askOf(ctx, l, dir, who, "hold", req, nonEmptyJoin(no, why))
	}
	if req.Set = set; set == "" {
		// What is asked about and what is answered have to be the same bytes: the digest
		// is of what was shown, and the office compares it once more.
		req.Set = jobs.SetDigest(open)[:8]
		if err := b.showForConfirm(c, run, open, bodies, req.Set); err != nil {
			return err
		}
		if !terminal(b.stdin) {
			return &fault{code: exitUsage,
				what: b.in("ここでは尋ねられないので、まだ確認していません", "couldn't ask here, so nothing is confirmed yet"),
				next: fmt.Sprintf("bod confirm %s --set %s --by %s", id, req.Set, who.Name)}
		}
		b.say(b.in("\nこの %d 通を送ってよろしいですか（はい=y、やめる=Enter）: ", "\nMay these %d message(s) be sent (y, or Enter for no answer)? "), len(open))
		answer, err := bufio.NewReader(b.stdin).ReadString('\n')
		answer = strings.ToLower(strings.TrimSpace(answer))
		if err != nil && answer == "" || !slices.Contains([]string{"y", "yes", "はい", "ｙ"}, answer) {
			b.say("%s\n", b.in("確認しませんでした。何も変わっていません", "not confirmed; nothing has changed"))
			return &fault{code: exitFailed, told: true}
		}
	}
	return b.askOf(ctx, l, dir, who, "confirm", req, why)
}

// called is the name that a person goes by.
func called(c *config.Config, id string) string {
	if c != nil && c.People[id] != nil {
		return c.People[id].Name
	}
	return id
}

func (b *desk) showForConfirm(c *config.Config, run ledger.Run, open []ledger.Message, bodies map[int64][]byte, set string) error {
	title := run.Job
	if c != nil {
		if j := c.Job(run.Job); j != nil && j.Title != "" {
			title = j.Title
		}
	}
	b.say(b.in("%s　%s　%d 通　送付予定 %s　[%s]\n", "%s  %s  %d message(s), to leave %s  [%s]\n"), run.Number, title, len(open), b.moment(run.Due), set)
	for _, m := range open {
		b.say("\n%s %s %s\n", strings.Repeat("-", 4), m.Number, strings.Repeat("-", 56))
		var blind []string // they stand in no header, but get it all the same
		for _, r := range m.Recipients {
			if r.Role == "bcc" {
				blind = append(blind, r.Mail)
			}
		}
		if err := b.printLetter(bodies[m.ID], "", blind...); err != nil {
			return err
		}
	}
	return nil
}
