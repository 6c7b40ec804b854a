package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

func (b *desk) previewCommand() *cobra.Command {
	var period, out string
	var to, rows []string
	var text bool
	cmd := &cobra.Command{
		Use:   "preview JOB",
		Short: b.in("送られるメールを、送らずに見る", "the exact message of one occurrence, not sent"),
		Long: b.in(`仕事1回分のメールを、送るときと同じように作り、.eml のまま出します。何も送らず、
何も記録しません。--period がなければ次の回です。何通もあるときは、--to で1通を
選ぶか、--out でフォルダに書き出します。--text は読みやすい形で全部を出します。
足りないもの（添付や項目）や、決めてある確認（check）を通らないものがあればそれを
出し、1 で終わります。`,
			`Makes the mail of one occurrence as it will be made, and prints it as .eml. Nothing is
sent and nothing is noted. Without --period it is the next one. Where there are several
messages choose one with --to, or write all into a folder with --out; --text shows all of
them readably. What is missing or does not pass the agreed checks is told, and the exit
status is 1.`),
		Example: `  bod preview hosting-acme --text
  bod preview hosting-acme --period 2026-12 > acme.eml
  bod preview year-end-notice --to minato
  bod preview year-end-notice --out preview/`,
		Args:              b.takes(1, 1),
		ValidArgsFunction: b.completeJobs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return b.preview(cmd.Context(), args[0], period, out, to, rows, text)
		},
	}
	f := cmd.Flags()
	f.StringVar(&period, "period", "", b.in("どの回か `PERIOD`（2026-11 など）", "which occurrence: `PERIOD`, such as 2026-11"))
	f.StringVarP(&out, "out", "o", "", b.in("このフォルダに1通ずつ書き出す `DIR`", "write each message into the folder `DIR`"))
	f.StringSliceVar(&to, "to", nil, b.in("この宛先の分だけ `NAME`", "only for this recipient `NAME`"))
	f.StringSliceVar(&rows, "row", nil, b.in("表のこの行の分だけ。key の値 `KEY`", "only for the row of this `KEY`, where the job sends to each row of a table"))
	f.BoolVar(&text, "text", false, b.in("読みやすい形で出す", "show it as its reader will see it"))
	cmd.MarkFlagsMutuallyExclusive("text", "out")
	b.completePeriods(cmd)
	return cmd
}

func (b *desk) preview(ctx context.Context, name, period, out string, to, rows []string, text bool) error {
	c, err := b.rules()
	if err != nil {
		return err
	}
	j, err := b.job(c, name)
	if err != nil {
		return err
	}
	o, err := b.occurrence(j, period)
	if err != nil {
		return err
	}
	w := &jobs.World{Now: b.now(), Config: c, Job: j, Identity: identity(j), Occurrence: o, Run: ledger.Run{Only: rows}}
	defer w.OpenTables()()
	dir := c.StateDir(b.state, os.Getenv("STATE_DIRECTORY"))
	var ms []ledger.NewMessage
	var missing []ledger.Reason
	var checked jobs.Results
	l, err := ledger.OpenReader(ctx, dir)
	switch {
	case errors.Is(err, ledger.ErrNone):
		ms, missing, checked, err = jobs.Preview(ctx, w)
	case err != nil:
		return b.ledgerFault(dir, err)
	default:
		defer l.Close()
		err = l.View(ctx, func(v *ledger.View) error {
			w.Ledger = v
			if known, err := v.Job(j.Name); err == nil {
				w.Identity = known.Name
			}
			var err error
			ms, missing, checked, err = jobs.Preview(ctx, w)
			return err
		})
	}
	if err != nil {
		return b.fail(err, calendar.Text{JA: fmt.Sprintf("%s の %s の分を作れませんでした", j.Name, o.Period), EN: fmt.Sprintf("couldn't draft %s for %s", j.Name, o.Period)},
			calendar.Text{JA: "bod check で予定表を確かめてください", EN: "look at the rules with bod check"})
	}
	if ms, err = b.parts(ms, to); err != nil {
		return err
	}
	switch {
	case out != "":
		err = b.previewInto(out, ms)
	case text:
		err = b.previewText(ms, checked)
	case len(ms) == 1:
		_, err = b.raw.Write(ms[0].Body)
	case len(ms) > 1:
		var names []string
		for _, m := range ms {
			names = append(names, m.Part)
		}
		err = &fault{code: exitUsage,
			what: fmt.Sprintf(b.in("この回のメールは %d 通あります: %s", "there are %d messages: %s"), len(ms), strings.Join(names, ", ")),
			next: b.in("--to で1通を選ぶか、--out DIR で書き出すか、--text で読んでください", "choose one with --to, write all with --out DIR, or read them with --text")}
	}
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		for _, m := range missing {
			fmt.Fprintf(b.err, b.in("  ・%s\n", "  - %s\n"), m.Text)
			if m.Next != "" {
				fmt.Fprintf(b.err, "    → %s\n", m.Next)
			}
		}
		return &fault{code: exitFailed,
			what: fmt.Sprintf(b.in("%s の %s の分には、まだ足りないものが %d 件あります（このままでは送らずに待ちます）", "%s for %s is not complete: %d thing(s) missing; it would wait, unsent"), j.Name, o.Period, len(missing))}
	}
	held := 0
	for _, m := range ms {
		for _, h := range m.Hold {
			if h.Reason == ledger.Check {
				held++
				fmt.Fprintf(b.err, "  ・%s%s\n", prefixedBy(m.Addressee, b.in("：", ": ")), h.Text)
				break
			}
		}
	}
	if held > 0 {
		return &fault{code: exitFailed,
			what: fmt.Sprintf(b.in("%s の %s の分のうち %d 通は、決めてある確認を通りません（このままでは送らずに止めます）", "%s for %s: %d message(s) don't pass the agreed checks and would be held, unsent"), j.Name, o.Period, held)}
	}
	if len(ms) == 0 {
		return &fault{code: exitFailed, what: fmt.Sprintf(b.in("%s の %s の分で送るものはありません", "%s has nothing to send for %s"), j.Name, o.Period)}
	}
	return nil
}

// identity is the job's name in the ledger as far as the file alone tells it.
func identity(j *config.Job) string {
	if j.Renamed != "" {
		return j.Renamed
	}
	return j.Name
}

// occurrence is the one of a period, or the next one.
func (b *desk) occurrence(j *config.Job, period string) (calendar.Occurrence, error) {
	if period != "" {
		if o, ok := j.When.Of(period); ok {
			return o, nil
		}
		next := ""
		if o, ok := j.When.Next(b.now().Add(-time.Second)); ok {
			next = fmt.Sprintf(b.in("次の回は %s です", "the next one is %s"), o.Period)
		}
		return calendar.Occurrence{}, &fault{code: exitUsage,
			what: fmt.Sprintf(b.in("%s に「%s」という回はありません（%s）", "%s has no occurrence %s (%s)"), j.Name, period, j.When.Sentence(b.lang)), next: next}
	}
	if o, ok := j.When.Next(b.now().Add(-time.Second)); ok {
		return o, nil
	}
	return calendar.Occurrence{}, &fault{code: exitFailed,
		what: fmt.Sprintf(b.in("%s に、この先の予定はありません", "%s has nothing ahead"), j.Name),
		next: b.in("過ぎた回は --period で選べます", "choose a past one with --period")}
}

// parts keeps the messages for the named recipients.
func (b *desk) parts(ms []ledger.NewMessage, to []string) ([]ledger.NewMessage, error) {
	if len(to) == 0 {
		return ms, nil
	}
	var kept []ledger.NewMessage
	for _, name := range to {
		i := slices.IndexFunc(ms, func(m ledger.NewMessage) bool {
			return m.Part == name || slices.ContainsFunc(m.Recipients, func(r ledger.Recipient) bool { return r.Mail == name })
		})
		if i < 0 {
			return nil, b.usage(calendar.Text{JA: fmt.Sprintf("「%s」へのメールはこの回にありません", name), EN: fmt.Sprintf("there is no message for %q in this occurrence", name)}, calendar.Text{})
		}
		kept = append(kept, ms[i])
	}
	return kept, nil
}

func (b *desk) previewText(ms []ledger.NewMessage, checked jobs.Results) error {
	for i, m := range ms {
		if i > 0 {
			b.say("\n%s\n", strings.Repeat("=", 72))
		}
		if err := b.printLetter(m.Body, ""); err != nil {
			return err
		}
		b.printChecks(checked.Of(m.Part, m.Inputs), "  ")
	}
	return nil
}

// previewInto writes each message into the folder, which is made where it is
// not there. os.Root keeps a part's name from leading anywhere else.
func (b *desk) previewInto(dir string, ms []ledger.NewMessage) error {
	// #nosec G301 -- mails to look at, of files that its reader can read
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return b.fail(err, calendar.Text{JA: "書き出すフォルダを作れませんでした", EN: "couldn't make the folder"}, calendar.Text{})
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return b.fail(err, calendar.Text{JA: "書き出すフォルダを開けませんでした", EN: "couldn't open the folder"}, calendar.Text{})
	}
	defer root.Close()
	for _, m := range ms {
		name := fileName(m.Key) + ".eml"
		if err := root.WriteFile(name, m.Body, 0o600); err != nil {
			return b.fail(err, calendar.Text{JA: name + " を書けませんでした", EN: "couldn't write " + name}, calendar.Text{})
		}
		b.say("%s  %s\n", name, m.Subject)
	}
	return nil
}

// fileName makes a file's name of a key.
func fileName(key string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || strings.ContainsRune(`/\:*?"<>|#`, r) {
			return '_'
		}
		return r
	}, key)
}
