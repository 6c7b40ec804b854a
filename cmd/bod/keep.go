package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/ledger"
)

func (b *desk) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: b.in("記録が確かなことを調べる", "prove that the ledger is whole"),
		Long: b.in(`記録をすべて調べます。データベースの検査をし、出来事の記録をはじめからたどって今の内容と
突き合わせ、しまってあるメールの1通1通が書き換えられていないことを確かめます。bod が
動いたままで構いません。おかしなところがあれば 1 で終わります。`,
			`Looks through the whole ledger: the database's own check, the event log from its first entry
folded and compared with every row, and every stored message against its hash. bod may
go on meanwhile. Ends with 1 where something is wrong.`),
		Example: "  bod verify",
		Args:    b.takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return b.verify(cmd.Context()) },
	}
	b.jsonFlag(cmd)
	return cmd
}

func (b *desk) verify(ctx context.Context) error {
	dir, _ := b.place()
	l, err := b.reader(ctx, dir)
	if err != nil {
		return err
	}
	defer l.Close()
	began := time.Now()
	told := began
	report, err := l.Verify(ctx, func(done, total int64) {
		// A word after two seconds, then each second: a small ledger is not worth any.
		if now := time.Now(); now.Sub(began) > 2*time.Second && now.Sub(told) > time.Second && total > 0 {
			told = now
			fmt.Fprintf(b.err, b.in("調べています… %d%%\n", "verifying ... %d%%\n"), done*100/total)
		}
	})
	if err != nil {
		return b.ledgerFault(dir, err)
	}
	bad := &fault{code: exitFailed, what: fmt.Sprintf(b.in("記録におかしなところが %d か所あります", "the ledger is wrong in %d place(s)"), len(report.Problems)),
		next: b.in("bod を止め、このフォルダ（"+dir+"）をそのまま写し取ってから、管理者に見せてください", "stop bod, copy the folder "+dir+" as it is, and ask the administrator")}
	if b.json {
		err := b.list(struct {
			OK       bool     `json:"ok"`
			Events   int64    `json:"events"`
			Rows     int64    `json:"rows"`
			Messages int64    `json:"messages"`
			Head     string   `json:"head"`
			Problems []string `json:"problems"`
		}{len(report.Problems) == 0, report.Events, report.Rows, report.Messages, report.Head, append([]string{}, report.Problems...)})
		if err == nil && len(report.Problems) > 0 {
			bad.told = true
			return bad
		}
		return err
	}
	if len(report.Problems) > 0 {
		for _, p := range report.Problems {
			b.say(b.in("・%s\n", "- %s\n"), p)
		}
		return bad
	}
	b.say(b.in("記録は確かです（出来事 %d 件、行 %d 件、メール %d 通）\n", "the ledger is whole (%d events, %d rows, %d messages)\n"), report.Events, report.Rows, report.Messages)
	b.say(b.in("照合値 %s\n", "head %s\n"), report.Head)
	return nil
}

func (b *desk) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: b.in("記録の控えを取る", "write a copy of the ledger"),
		Long: b.in(`記録の完全な控えを1つのファイルに書きます。bod が動いたままで構いません。FILE がすでに
あるときは書きません。控えから戻したあとは、二重に送らないよう、bod は一度すべてを
止めて確認を求めます（bod restore）。`,
			`Writes a complete copy of the ledger into one file, which must not be there yet. bod may go
on meanwhile. After a restore bod holds everything until a person says to go on
(see bod restore), for the copy does not know what was sent since.`),
		Example: b.in("  bod backup /media/hikae/bod-20261125.db", "  bod backup /media/usb/bod-20261125.db"),
		Args:    b.takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, _ := b.place()
			l, err := b.reader(cmd.Context(), dir)
			if err != nil {
				return err
			}
			defer l.Close()
			if _, err := os.Lstat(args[0]); err == nil {
				return &fault{code: exitFailed, what: fmt.Sprintf(b.in("%s はすでにあります。上書きはしません", "%s is there already; it is not overwritten"), args[0]),
					next: b.in("ほかの名前を書いてください", "choose another name")}
			}
			if err := l.Backup(cmd.Context(), args[0]); err != nil {
				switch {
				case errors.Is(err, ledger.ErrFull):
					return &fault{code: exitFailed, what: b.in("書き込む先に空きがなく、控えを取れませんでした", "there is no room for the copy"),
						next: b.in("空きを作るか、ほかの場所に取ってください。途中のものは残していません", "make room or choose another place; nothing of it was left there"), cause: err}
				case errors.Is(err, ledger.ErrReadOnly):
					return &fault{code: exitFailed, what: b.in("書き込む先が読み取り専用で、控えを取れませんでした", "couldn't write the copy, for its place is read-only"),
						next: b.in("ほかの場所に取ってください", "choose another place"), cause: err}
				}
				return b.fail(err, calendar.Text{JA: "控えを取れませんでした", EN: "couldn't write the copy"},
					calendar.Text{JA: "書き込む先のフォルダと空きを確かめてください", EN: "check the folder and the room on its disk"})
			}
			st, err := os.Stat(args[0])
			if err != nil {
				return b.fail(err, calendar.Text{JA: "控えを確かめられませんでした", EN: "couldn't look at the copy"}, calendar.Text{})
			}
			full, err := filepath.Abs(args[0])
			if err != nil {
				full = args[0]
			}
			b.say(b.in("控えを取りました: %s（%s）\n", "written: %s (%s)\n"), full, size(int(st.Size())))
			return nil
		},
	}
}

// versionJSON is the program's own description, for programs.
type versionJSON struct {
	Version  string   `json:"version"`
	Revision string   `json:"revision,omitempty"`
	Time     string   `json:"time,omitempty"`
	Modified bool     `json:"modified,omitempty"`
	Go       string   `json:"go"`
	OS       string   `json:"os"`
	Arch     string   `json:"arch"`
	SQLite   string   `json:"sqlite"`
	Kinds    []string `json:"kinds"`
}

func (b *desk) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   b.in("版を見る", "which bod this is"),
		Long:    b.in("この bod の版と、何から作られたかを出します。", "Tells which bod this is and what it was built of."),
		Example: "  bod version --json",
		Args:    b.takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := version()
			if b.json {
				return b.list(v)
			}
			b.say("bod %s\n", v.Version)
			var rows [][]string
			if v.Revision != "" {
				rev := v.Revision
				if v.Modified {
					rev += b.in("（手を加えたもの）", " (modified)")
				}
				rows = append(rows, []string{b.in("もと", "from"), rev}, []string{b.in("日時", "time"), v.Time})
			}
			rows = append(rows, []string{"Go", v.Go + " " + v.OS + "/" + v.Arch}, []string{"SQLite", v.SQLite})
			columns(b.out, "  ", rows)
			return nil
		},
	}
	b.jsonFlag(cmd)
	return cmd
}

func version() versionJSON {
	v := versionJSON{Version: "?", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, SQLite: ledger.SQLiteVersion(), Kinds: kinds()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
