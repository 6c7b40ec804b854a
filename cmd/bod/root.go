package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bod/internal/calendar"
)

// The groups of the commands, in the order of a day.
const (
	groupRules = "rules" // before anything is sent
	groupWork  = "work"  // the daemon itself
	groupLook  = "look"  // what was and is
	groupAct   = "act"   // what a person decides
	groupKeep  = "keep"  // the ledger and the program
)

// root makes the commands, in the person's language.
func (b *desk) root() *cobra.Command {
	var versioned bool
	versionCmd := b.versionCommand()
	root := &cobra.Command{
		Use:   "bod",
		Short: b.in("事務の決まった仕事を、決めたとおりに行います", "does the recurring duties of a back office, as agreed"),
		Long: b.in(`予定表 jobs.toml に書いた仕事を、決めた日時に、決めた相手へ送ります。
送る前に確認を受け、送ったものは1通ずつ記録し、毎日のまとめを1通送ります。

人が決めることは、下の「人が決めること」のコマンドで伝えます。だれが（--by）、
なぜ（--why、または最後の言葉）を添えてください。どちらも記録に残ります。

終了の番号
   0  できました
   1  できませんでした
  64  コマンドの書き方が違います
  75  依頼を記録しました。まだ行われていません
  78  予定表か記録を直すまで、始められません`,
			`Does the duties that jobs.toml names, on their dates, for the people that were agreed.
What needs a yes waits for it; every message is remembered; one mail a day tells what was done.

What only a person can decide is said with the commands under "Decide". Say who you are
(--by) and why (--why, or the last words); both are kept.

Exit status
   0  done
   1  could not be done
  64  the command line is wrong
  75  the request is noted, but nobody has acted on it yet
  78  no start will succeed until jobs.toml or the ledger is mended`),
		Example: b.in(`  bod check                      予定表に間違いがないか確かめる
  bod next --days 14             これから2週間の予定を見る
  bod run                        bod を始める（止めるときは Ctrl+C）
  bod status                     いま、人の手が要ることを見る`,
			`  bod check                      are the rules right?
  bod next --days 14             what will happen in two weeks
  bod run                        start (stop with Ctrl+C)
  bod status                     what needs a person now`),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              b.noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if versioned {
				return versionCmd.RunE(versionCmd, nil)
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&versioned, "version", false, b.in("版を見る（bod version と同じ）", "which bod this is, as bod version"))
	root.SetOut(b.raw)
	root.SetErr(b.err)
	root.SetHelpFunc(b.help)
	root.SetUsageFunc(func(*cobra.Command) error { return nil })
	root.SetFlagErrorFunc(b.flagError)
	root.SetHelpCommand(b.helpCommand())

	f := root.PersistentFlags()
	f.StringVarP(&b.file, "file", "f", b.file, b.in("予定表（なければ環境変数 BOD_JOBS、それもなければ jobs.toml）`FILE`", "the rules `FILE`; else $BOD_JOBS, else jobs.toml"))
	f.StringVar(&b.admin, "admin", "", b.in("管理者のファイル（なければ環境変数 BOD_ADMIN、それもなければ /etc/bod/admin.toml があるときだけ。none なら読まない）`FILE`", "the administrator's file `FILE`; else $BOD_ADMIN, else /etc/bod/admin.toml where it exists; none: not read"))
	f.StringVar(&b.state, "state", "", b.in("記録のフォルダ（なければ $STATE_DIRECTORY、予定表の state、.bod の順に見る）`DIR`", "the ledger's folder `DIR`; else $STATE_DIRECTORY, state in the rules, .bod"))
	f.StringVar(&b.by, "by", "", b.in("操作する人（[people] の名前）`NAME`", "who acts, a name of [people] `NAME`"))
	b.completeFlag(root, "by", b.completePeople)

	for _, g := range []struct{ id, ja, en string }{
		{groupRules, "予定を確かめる", "Look ahead"},
		{groupWork, "動かす", "Run"},
		{groupLook, "記録を見る", "Look back"},
		{groupAct, "人が決めること", "Decide"},
		{groupKeep, "記録とプログラム", "Keep"},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: b.in(g.ja, g.en)})
	}
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
			b.order = append(b.order, c)
		}
	}
	add(groupRules, b.checkCommand(), b.diffCommand(), b.nextCommand(), b.rehearseCommand(), b.previewCommand(), b.sourceCommand())
	add(groupWork, b.runCommand())
	add(groupLook, b.statusCommand(), b.runsCommand(), b.messagesCommand(), b.findingsCommand(), b.showCommand(), b.reviewCommand())
	add(groupAct, b.confirmCommand(), b.holdCommand(), b.releaseCommand(), b.rejectCommand(), b.doCommand(), b.skipCommand(),
		b.settleCommand(), b.resendCommand(), b.retryCommand(), b.byHandCommand(), b.acceptCommand(),
		b.stopCommand(), b.startCommand())
	add(groupKeep, b.doctorCommand(), b.verifyCommand(), b.backupCommand(), b.restoreCommand(), b.schemaCommand(), versionCmd, b.completionCommand())
	return root
}

// jsonFlag adds --json where something is listed.
func (b *desk) jsonFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&b.json, "json", false, b.in("プログラムのために JSON で出す", "as JSON, for programs"))
}

// noSuchCommand answers a word that is no command, with the nearest ones.
func (b *desk) noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	f := b.usage(calendar.Text{JA: fmt.Sprintf("「%s」というコマンドはありません", args[0]), EN: fmt.Sprintf("there is no command %q", args[0])},
		calendar.Text{JA: "コマンドの一覧は bod --help で見られます", EN: "bod --help lists the commands"})
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		f.next = b.in("もしかして: bod ", "did you mean: bod ") + strings.Join(near, ", bod ")
	}
	return f
}

// flagError words what is wrong with a flag. Only what the flags' library tells
// apart can be said in Japanese; the rest keeps its English word after ours.
func (b *desk) flagError(cmd *cobra.Command, err error) error {
	f := &fault{code: exitUsage, next: fmt.Sprintf(b.in("使い方は %s --help で見られます", "see %s --help"), cmd.CommandPath())}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		dashes := "--"
		if e.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		f.what = fmt.Sprintf(b.in("「%s」という指定はありません", "there is no flag %s"), dashes+e.GetSpecifiedName())
	} else if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		f.what = fmt.Sprintf(b.in("--%s のあとに値を書いてください", "--%s needs a value"), e.GetFlag().Name)
	} else if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f.what = fmt.Sprintf(b.in("--%s に「%s」は書けません", "--%s cannot be %q"), e.GetFlag().Name, e.GetValue())
	} else {
		f.what, f.cause = b.in("指定を読み取れませんでした", "couldn't read the flags"), err
	}
	return f
}

// takes checks how many arguments there are; usage names them as the help does.
func (b *desk) takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return &fault{code: exitUsage,
				what: fmt.Sprintf(b.in("%s には、まだ書くものがあります", "%s needs more words"), cmd.CommandPath()),
				next: b.in("書き方: ", "usage: ") + b.useLine(cmd)}
		case most >= 0 && len(args) > most:
			return &fault{code: exitUsage,
				what: fmt.Sprintf(b.in("%s には、書かれたものが多すぎます: %s", "%s takes fewer words: %s"), cmd.CommandPath(), strings.Join(args[most:], " ")),
				next: b.in("書き方: ", "usage: ") + b.useLine(cmd)}
		}
		return nil
	}
}

func (b *desk) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "help [COMMAND]",
		DisableFlagsInUseLine: true,
		Short:                 b.in("使い方を見る", "how a command is used"),
		Long:                  b.in("コマンドの使い方を出します。bod COMMAND --help と同じです。", "Tells how a command is used, as bod COMMAND --help does."),
		Example:               "  bod help next",
		GroupID:               groupKeep,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, rest, err := cmd.Root().Find(args)
			if err != nil || c == cmd.Root() && len(rest) > 0 {
				return b.noSuchCommand(cmd.Root(), args)
			}
			return c.Help()
		},
	}
}

// help prints what a command is for, how it is written, and an example.
func (b *desk) help(cmd *cobra.Command, _ []string) {
	w := b.out
	head := func(title string) { fmt.Fprintf(w, "\n%s\n", title) }
	fmt.Fprintf(w, "%s - %s\n\n", cmd.CommandPath(), cmd.Short)
	for _, line := range b.reflow(cmd.Long, 78) {
		fmt.Fprintln(w, line)
	}
	head(b.in("書き方", "Usage"))
	fmt.Fprintf(w, "  %s\n", b.useLine(cmd))
	head(b.in("例", "Example"))
	fmt.Fprintln(w, cmd.Example)
	for _, g := range cmd.Groups() {
		head(g.Title)
		var rows [][]string
		for _, c := range b.order {
			if c.GroupID == g.ID {
				rows = append(rows, []string{c.Name(), c.Short})
			}
		}
		columns(w, "  ", rows)
	}
	b.flags(w, b.in("指定", "Flags"), cmd.LocalNonPersistentFlags())
	global := cmd.InheritedFlags()
	if !cmd.HasParent() {
		global = cmd.PersistentFlags()
	}
	b.flags(w, b.in("どのコマンドにも", "With every command"), global)
}

// useLine is how a command is written.
func (b *desk) useLine(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return b.in("bod コマンド [指定]", "bod COMMAND [flags]")
	}
	return strings.ReplaceAll(cmd.UseLine(), "[flags]", b.in("[指定]", "[flags]"))
}

// reflow fills the paragraphs of a text up to n columns. Indented lines stay as they are.
func (b *desk) reflow(s string, n int) []string {
	var out []string
	para := ""
	flush := func() {
		if para != "" {
			out = append(out, wrap(para, n)...)
			para = ""
		}
	}
	for line := range strings.SplitSeq(s, "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, " "):
			flush()
			out = append(out, line)
		case para == "":
			para = line
		default:
			para += b.in("", " ") + line
		}
	}
	flush()
	return out
}

// flags prints a set of flags so that it reads well at 80 columns.
func (b *desk) flags(w io.Writer, title string, set *pflag.FlagSet) {
	var rows [][]string
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		first, usage := b.flagWords(f)
		if f.Shorthand == "" {
			first = "    " + first
		}
		for _, line := range wrap(usage, 52) {
			rows = append(rows, []string{first, line})
			first = ""
		}
	})
	if len(rows) > 0 {
		fmt.Fprintf(w, "\n%s\n", title)
		columns(w, "  ", rows)
	}
}

// flagWords is how a flag is written, and what it says.
func (b *desk) flagWords(f *pflag.Flag) (written, says string) {
	says = f.Usage
	if f.Name == "help" {
		says = b.in("この説明を出す", "this help")
	}
	written = "--" + f.Name
	if f.Shorthand != "" {
		written = "-" + f.Shorthand + ", " + written
	}
	// The value's name, in backquotes, stands with the flag and not in the sentence.
	if before, rest, ok := strings.Cut(says, "`"); ok {
		name, after, _ := strings.Cut(rest, "`")
		written += " " + name
		says = strings.TrimRight(strings.TrimRight(before, " ,:")+after, " ,:")
	}
	return written, says
}
