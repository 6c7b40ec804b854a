package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/daemon"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// restoring is what bod restore was asked to do.
type restoring struct {
	backup  string // the copy; "" for none
	mail    string // the folder of mail; "" for none
	lost    bool   // begin anew
	another bool
	look    bool // only look
	yes     bool
	why     string
}

func (b *desk) restoreCommand() *cobra.Command {
	var r restoring
	cmd := &cobra.Command{
		Use:   "restore [BACKUP]",
		Short: b.in("記録を控えから戻す", "put a copy of the ledger back"),
		Long: b.in(`bod backup で取った控えを、記録の場所に戻します。bod を止めてから行ってください。控えが
壊れていないか、この記録の控えか、この版で読めるかを先に調べ、いまの記録は消さずに
before-restore-… フォルダに残します。

戻した記録は、控えを取ったあとに送ったものを知りません。そのため bod は何も送らずに待ち、
送信の途中だったものは「届いたか不明」、送る前だったものは保留にし、その間に予定の時刻が
来た回は送らずに確認をお願いします。bod retry --restored で再開します。

--from-mail は、メールの控え（bcc の受信箱、送信済み、まとめの受信箱）を読み、見つかった
ものを送信済みと記録します。記録がまるごと失われたときにも使えます。まず見つけたものを
表示し、--yes を付けると記録します。
--lost は、控えもメールもないときに、新しい記録を作ります。最近の予定は送らずに確認を
お願いします。`,
			`Puts a copy that bod backup made in the place of the ledger. Stop bod first. The copy is
checked before anything is touched (whole, of this ledger, of a form that this bod knows),
and the ledger that is there stays, in a folder before-restore-...

A restored ledger does not know what was sent since the copy was made. So bod sends nothing
and waits: what was on its way is "not known whether it arrived", what had not been sent is
on hold, and what was due in between is asked about. Go on with bod retry --restored.

--from-mail reads copies of mail (the mailbox of bcc, a sent folder, the mailbox of the
summaries) and records what it finds as sent, also where the whole ledger was lost. It
tells first what it found; --yes records it.
--lost makes a new ledger where there is neither a copy nor mail. What was due lately is
asked about, not sent.`),
		Example: b.in(`  bod restore /media/hikae/bod-20261125.db --by sato
  bod restore --from-mail /srv/mail/hikae --by sato
  bod restore --from-mail /srv/mail/hikae --yes --by sato
  bod restore --lost --by sato`,
			`  bod restore /media/usb/bod-20261125.db --by sato
  bod restore --from-mail /srv/mail/copies --by sato
  bod restore --from-mail /srv/mail/copies --yes --by sato
  bod restore --lost --by sato`),
		Args: b.takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				r.backup = args[0]
			}
			switch {
			case r.backup == "" && r.mail == "" && !r.lost:
				return b.takes(1, 1)(cmd, args)
			case r.backup != "" && r.lost:
				return b.usage(calendar.Text{JA: "控えのファイルと --lost は一緒に使えません", EN: "a copy and --lost do not go together"}, calendar.Text{})
			}
			return b.restore(cmd.Context(), r)
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.mail, "from-mail", "", b.in("メールの控えから送信済みを見つける `FOLDER`", "find in copies of mail what was sent `FOLDER`"))
	f.BoolVar(&r.lost, "lost", false, b.in("失われた記録の代わりに、新しい記録を作る", "make a new ledger for one that was lost"))
	f.BoolVar(&r.another, "another", false, b.in("いまある別の記録の代わりにする", "take the place of another ledger"))
	f.BoolVar(&r.look, "dry-run", false, b.in("調べるだけで、何も変えない", "look only, change nothing"))
	f.BoolVar(&r.yes, "yes", false, b.in("--from-mail で見つけたものを記録する", "record what --from-mail found"))
	f.StringVar(&r.why, "why", "", b.in("理由 `REASON`", "the reason `REASON`"))
	_ = cmd.MarkFlagDirname("from-mail")
	return cmd
}

func (b *desk) restore(ctx context.Context, r restoring) error {
	c, err := b.rules()
	if err != nil {
		return err
	}
	dir := b.ledgerFolder(c)
	who, err := b.who(c)
	if err != nil {
		return err
	}
	r.look = r.look || r.mail != "" && !r.yes
	var found *jobs.Evidence
	if r.mail != "" {
		if c.Mail.Trial() {
			return &fault{code: exitFailed, what: b.in("[mail] が試しなので、メールの控えから分かることはありません", "[mail] is a trial, so there is nothing to find in mail"),
				next: b.in("本番の予定表を -f で示してください", "name the real rules with -f")}
		}
		if found, err = b.findMail(ctx, c, r.mail); err != nil {
			return err
		}
		defer found.Close()
	}
	// Mail alone is added to a ledger that was restored before; else a new one begins.
	begin := r.backup != "" || r.lost
	if !begin {
		if begin, err = b.beginsAnew(ctx, dir); err != nil {
			return err
		}
	}
	if begin {
		if err := b.replace(ctx, c, dir, who, r); err != nil {
			return err
		}
	}
	if r.look {
		b.say("%s\n", b.in("まだ何も変えていません", "nothing has been changed"))
		if r.mail != "" && !r.yes {
			b.say("  → %s\n", b.in("これでよければ、同じ書き方に --yes を付けて実行してください", "if this is right, run the same with --yes"))
		}
		return nil
	}
	if found != nil {
		if err := b.record(ctx, c, dir, who, found); err != nil {
			return err
		}
	}
	b.say("%s\n", b.in("bod を始めると、何も送らずに待ちます。bod status で確かめ、次のように再開してください", "when bod is started it sends nothing and waits; look with bod status, then go on:"))
	b.say("  bod retry --restored %s --by %s\n", b.in(`"理由"`, `"why"`), who.Name)
	return nil
}

// beginsAnew reports whether there is no ledger to which mail could be added.
func (b *desk) beginsAnew(ctx context.Context, dir string) (bool, error) {
	l, err := ledger.OpenReader(ctx, dir)
	for _, gone := range []error{ledger.ErrNone, ledger.ErrMissing, ledger.ErrDamaged} {
		if errors.Is(err, gone) {
			return true, nil
		}
	}
	if err != nil {
		return false, b.ledgerFault(dir, err)
	}
	defer l.Close()
	var flags []ledger.Flag
	if err := l.View(ctx, func(v *ledger.View) (err error) { flags, err = v.Flags(); return err }); err != nil {
		return false, b.ledgerFault(dir, err)
	}
	if !slices.ContainsFunc(flags, func(f ledger.Flag) bool { return f.Name == flagRestored }) {
		return false, &fault{code: exitFailed, what: fmt.Sprintf(b.in("%s の記録はそのままで、失われていません", "the ledger in %s is there and not lost"), dir),
			next: b.in("控えから戻すときは、控えのファイルも書いてください。別の記録が新しくできてしまったときは --lost --another です",
				"to restore a copy name it as well; where a new ledger began by mistake: --lost --another")}
	}
	return false, nil
}

// replace puts the copy, or an empty ledger, in the ledger's place, and says what it did.
func (b *desk) replace(ctx context.Context, c *config.Config, dir string, who ledger.Who, r restoring) error {
	tell := b.slowly(b.in("控えを調べています… %d%%\n", "checking the copy ... %d%%\n"))
	o := ledger.RestoreOptions{Trial: c.Mail.Trial(), Another: r.another, Look: r.look, Who: who, Why: r.why,
		Now: func() time.Time { return b.now().In(b.zone) }, Progress: func(done, total int64) {
			if total > 0 {
				tell(int(done * 100 / total))
			}
		}}
	did, err := ledger.Restore(ctx, dir, r.backup, o)
	if err != nil {
		return b.restoreFault(dir, r, err)
	}
	if r.backup != "" {
		b.say(b.in("控え：%s\n　最後の記録 %s、メール %d通\n", "the copy: %s\n  its last entry is of %s, %d messages\n"), r.backup, b.moment(did.Last), did.Messages)
		switch {
		case did.Lost > 0:
			b.say(b.in("　いまの記録には、そのあとの出来事が %d件あります。戻すと失われます\n", "  the present ledger has %d later entries, which a restore loses\n"), did.Lost)
		case did.Lost < 0:
			b.say("%s\n", b.in("　いまの記録がどこまで進んでいたかは、分かりません", "  how far the ledger had come since nobody can tell"))
		}
		b.say(b.in("　届いたか不明になるもの %d件、保留になるもの %d通\n", "  not known whether it arrived: %d; put on hold: %d\n"), did.Unknown, did.Held)
	}
	if r.look {
		return nil
	}
	if r.backup != "" {
		b.say(b.in("控えを戻しました：%s\n", "the copy is in place: %s\n"), dir)
	} else {
		b.say(b.in("新しい記録を作りました：%s\n", "a new ledger was made: %s\n"), dir)
	}
	if did.Archive != "" {
		b.say(b.in("　前の記録は %s に残してあります\n", "  the ledger that was there is kept in %s\n"), did.Archive)
	}
	return nil
}

// restoreFault says what is wrong with the copy or the place.
func (b *desk) restoreFault(dir string, r restoring, err error) error {
	next := func(code int, ja, en, nextJA, nextEN string) error {
		return &fault{code: code, what: b.in(ja, en), next: b.in(nextJA, nextEN), cause: err}
	}
	switch {
	case errors.Is(err, ledger.ErrLocked), errors.Is(err, ledger.ErrBusy):
		return next(exitFailed, "いま bod か bod のコマンドが記録を使っています。何も変えていません", "a bod is using the ledger; nothing has been changed",
			"bod を止めてから（systemctl stop bod）、もう一度実行してください", "stop it (systemctl stop bod), then run this again")
	case errors.Is(err, os.ErrExist) && r.backup == "":
		return next(exitFailed, "読める記録がそこにあります。失われていません", "a ledger lies there that can be read; it is not lost",
			"それでも新しくするときは --another を付けてください（前の記録は残します）", "to begin anew all the same: --another (the old one is kept)")
	case errors.Is(err, ledger.ErrTrial):
		return next(exitFailed, "控えと予定表の [mail] が、試しと本番で違います。何も変えていません", "the copy and [mail] differ: one is a trial, the other is real; nothing has been changed",
			"どちらの控えかを確かめてください", "see which copy it is")
	case errors.Is(err, ledger.ErrSchema):
		return next(exitFailed, "この控えは、この bod より新しい版のものか、手を加えられたものです。何も変えていません", "the copy was made by a newer bod, or was altered; nothing has been changed",
			"新しい版の bod を入れてから、もう一度実行してください", "install the newer bod, then run this again")
	case errors.Is(err, ledger.ErrDamaged):
		return next(exitFailed, "この控えは使えません（壊れているか、bod backup で取ったものではありません）。何も変えていません", "the copy can't be used: it is damaged, or not one that bod backup made; nothing has been changed",
			"ほかの控えを試してください", "try another copy")
	case errors.Is(err, os.ErrNotExist) && r.backup != "":
		return next(exitFailed, "控えのファイルがありません："+r.backup, "there is no such copy: "+r.backup, "名前と場所を確かめてください", "check its name and folder")
	}
	return b.ledgerFault(dir, err)
}

// findMail looks through the folder and says what is in it.
func (b *desk) findMail(ctx context.Context, c *config.Config, folder string) (*jobs.Evidence, error) {
	tell := b.slowly(b.in("メールを調べています… ファイル %d件\n", "looking through mail ... %d files\n"))
	e, err := jobs.FindMail(ctx, c, folder, b.now(), func(files, _ int) { tell(files) })
	if err != nil {
		return nil, b.fail(err, calendar.Text{JA: "メールのフォルダを調べられませんでした", EN: "couldn't look through the folder of mail"},
			calendar.Text{JA: "フォルダの場所と、読む権限を確かめてください", EN: "check the folder and who may read it"})
	}
	full, err := filepath.Abs(folder)
	if err != nil {
		full = folder
	}
	b.say(b.in("%s：ファイル %d件、メール %d通\n", "%s: %d files, %d messages\n"), full, e.Files, e.Mails)
	b.say(b.in("　bod が送ったもの %d通\n", "  sent by bod: %d\n"), len(e.Found))
	jobsFound := map[string]int{}
	first, last := map[string]time.Time{}, map[string]time.Time{}
	var names []string
	for _, f := range e.Found {
		j, at := f.Message.Job, f.Message.Date
		if jobsFound[j]++; jobsFound[j] == 1 {
			names = append(names, j)
			first[j], last[j] = at, at
		}
		if at.Before(first[j]) {
			first[j] = at
		}
		if at.After(last[j]) {
			last[j] = at
		}
	}
	slices.Sort(names)
	var rows [][]string
	for _, j := range names {
		title := b.in("（いまの予定表にない仕事）", "(not in jobs.toml now)")
		if x := c.Job(j); x != nil {
			title = x.Title
		}
		rows = append(rows, []string{j, fmt.Sprintf(b.in("%d通", "%d"), jobsFound[j]), b.moment(first[j]) + b.in(" 〜 ", " to ") + b.moment(last[j]), title})
	}
	columns(b.out, "    ", rows)
	for _, left := range []struct {
		n      int
		ja, en string
	}{
		{e.Others, "ほかのメールやファイル", "other mail and files"},
		{e.Foreign, "差出人が違うもの（ほかの事務所の bod）", "of another sender (another office's bod)"},
		{e.Notices, "bod からのお知らせ（記録しません）", "bod's own notices (not recorded)"},
		{e.Trials, "試しに送ったもの（記録しません）", "sent as a trial (not recorded)"},
		{e.Duplicates, "同じメールの写し", "further copies of the same message"},
		{len(e.Doubts), "bod のものか疑わしいもの（記録しません）", "doubtful (not recorded)"},
		{len(e.Unread), "読めなかったファイル", "files that could not be read"},
	} {
		if left.n > 0 {
			b.say(b.in("　%s %d件\n", "  %s: %d\n"), b.in(left.ja, left.en), left.n)
		}
	}
	const most = 20
	for _, list := range [][]string{e.Doubts, e.Unread} {
		for i, line := range list {
			if i == most {
				b.say(b.in("    ほか%d件\n", "    and %d more\n"), len(list)-most)
				break
			}
			b.say("    %s\n", line)
		}
	}
	return e, nil
}

// record writes what was found into the ledger.
func (b *desk) record(ctx context.Context, c *config.Config, dir string, who ledger.Who, found *jobs.Evidence) (err error) {
	l, err := ledger.Open(ctx, dir, ledger.Options{Trial: c.Mail.Trial()})
	if err != nil {
		return b.ledgerFault(dir, err)
	}
	defer func() {
		if e := l.Close(); err == nil && e != nil {
			err = b.ledgerFault(dir, e)
		}
	}()
	tell := b.slowly(b.in("記録しています… %d通\n", "recording ... %d\n"))
	did, err := daemon.Recall(ctx, c, l, b.now(), who, found, func(done, _ int) { tell(done) })
	if err != nil {
		return b.fail(err, calendar.Text{JA: "見つかったものを記録しきれませんでした", EN: "couldn't record all that was found"},
			calendar.Text{JA: "もう一度実行してください。記録したものは二重にはなりません", EN: "run it again; what was recorded is not recorded twice"})
	}
	b.say(b.in("送信済みと記録しました：%d通（%d回分）\n", "recorded as sent: %d (of %d runs)\n"), did.Messages+did.Settled, did.Runs)
	if did.Known > 0 {
		b.say(b.in("　すでに記録にあったもの %d通\n", "  known already: %d\n"), did.Known)
	}
	if did.Left > 0 {
		b.say(b.in("　新しい記録があるため、加えなかったもの %d通\n", "  left out, for the ledger has later ones: %d\n"), did.Left)
	}
	return nil
}

// slowly tells how far something has come: a word after two seconds, then each second.
func (b *desk) slowly(format string) func(n int) {
	began := time.Now()
	told := began
	return func(n int) {
		if now := time.Now(); now.Sub(began) > 2*time.Second && now.Sub(told) > time.Second {
			told = now
			fmt.Fprintf(b.err, format, n)
		}
	}
}
