package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/pflag"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
)

var update = flag.Bool("update", false, "write the man pages in docs/man anew")

// manDate is the day on which the pages' own words were last looked through.
const manDate = "2026-11-24"

// bothLanguages are the languages of the pages, and their folders below docs/man.
var bothLanguages = []struct {
	lang calendar.Language
	dir  string
}{{calendar.English, ""}, {calendar.Japanese, "ja"}}

// files are the files that have a page in section 5, made from their tables of keys.
var files = []fileWords{
	{"jobs.toml", config.Sections(jobs.ConfigKinds()),
		calendar.Text{JA: "bod の予定表", EN: "the rules of bod"}, jobsWords, jobsSchedules, jobsExample},
	{"admin.toml", config.AdminSections(),
		calendar.Text{JA: "bod の管理者のファイル", EN: "the administrator's part of bod's settings"}, adminWords, calendar.Text{}, adminExample},
}

type fileWords struct {
	name      string
	sections  []config.Section
	short     calendar.Text
	words     calendar.Text
	schedules calendar.Text // sentences, a line each; empty where no key takes one
	example   calendar.Text
}

// The man pages are what the commands and the tables of keys say. They are made
// here and not by the program: an office needs them once, in its package.
func TestManPages(t *testing.T) {
	for _, l := range bothLanguages {
		b := newDesk([]string{"--file", filepath.Join(t.TempDir(), "none")}, nil, new(bytes.Buffer), new(bytes.Buffer))
		b.lang = l.lang
		pages := map[string]string{"bod.1": b.manOfCommands()}
		for _, f := range files {
			pages[f.name+".5"] = b.manOfFile(f)
		}
		for name, want := range pages {
			path := filepath.Join("..", "..", "docs", "man", l.dir, name)
			if *update {
				if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(path)
			if err != nil || string(got) != want {
				t.Errorf("%s is not what the program says; run go test ./cmd/bod -run TestManPages -update (%v)", path, err)
			}
			clean := strings.NewReplacer(`\:`, "", `\-`, "-", `\&`, "", `\e`, `\`, `\(dq`, `"`, `\(aq`, "'", `\(ga`, "`", `\(ha`, "^", `\(ti`, "~").Replace(want)
			if name == "bod.1" {
				for _, c := range b.order {
					if !strings.Contains(clean, c.Short) || !strings.Contains(clean, strings.SplitN(strings.TrimSpace(c.Example), "\n", 2)[0]) {
						t.Errorf("%s lacks bod %s", path, c.Name())
					}
				}
			}
			for _, f := range files {
				for _, s := range f.sections {
					for _, k := range s.Keys {
						if name == f.name+".5" && !(strings.Contains(clean, k.Meaning.In(l.lang)) && strings.Contains(clean, k.ExampleIn(l.lang))) {
							t.Errorf("%s lacks [%s] %s", path, k.Table, k.Name)
						}
					}
				}
			}
		}
	}
}

// The sentences and the example of jobs.toml(5) are right.
func TestManOfJobsIsRight(t *testing.T) {
	for _, l := range bothLanguages {
		for line := range strings.SplitSeq(jobsSchedules.In(l.lang), "\n") {
			if _, bad := calendar.ParseSentence(line); len(bad) > 0 {
				t.Errorf("%q is no schedule: %v", line, bad)
			}
		}
		dir := t.TempDir()
		for name, text := range map[string]string{"jobs.toml": jobsExample.In(l.lang), "letters/letter.txt": "Subject: x\n\nx\n"} {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if c, ps := config.Load(filepath.Join(dir, "jobs.toml"), jobs.ConfigKinds()); c == nil || len(ps) > 0 {
			t.Errorf("the example in %s does not load: %v", l.lang, ps)
		}
	}
}

// mandoc, the stricter reader of man pages, has nothing to say about them.
func TestManPagesAreClean(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		const words = "mandoc is not there: apt-get install mandoc (%v)"
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatalf(words, err)
		}
		t.Skipf(words, err)
	}
	pages, err := filepath.Glob("../../docs/man/*.[15]")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../docs/man/ja/*.[15]")
	if err != nil || len(pages) == 0 || len(more) != len(pages) {
		t.Fatalf("man pages: %d and %d (%v)", len(pages), len(more), err)
	}
	// Long lines of source are a matter of style: Japanese has no blanks to break a line at, and a line end would print one.
	out, err := exec.CommandContext(t.Context(), mandoc, append([]string{"-T", "lint", "-W", "warning"}, append(pages, more...)...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// page writes a man page in the macros of man(7), which groff and mandoc both read.
type page struct {
	strings.Builder
	b *desk
}

func (b *desk) newPage(name, section string) *page {
	p := &page{b: b}
	p.line(`.\" ` + b.in("cmd/bod/man_test.go が作ります。直すところは、コマンドと項目の表です。", "Made by cmd/bod/man_test.go from the commands and the table of keys."))
	p.line(fmt.Sprintf(`.TH %s %s %s bod "%s"`, strings.ToUpper(name), section, manDate, b.in("bod の手引き", "bod manual")))
	// Options and keys are copied by hand: a hyphen put into them at a line's end would be copied too.
	p.line(".nr HY 0")
	p.line(".nh")
	p.line(".ad l")
	return p
}

func (p *page) line(s string) { p.WriteString(s + "\n") }

// macro writes a request with its arguments quoted.
func (p *page) macro(name string, args ...string) {
	for i, a := range args {
		args[i] = `"` + roff(a) + `"`
	}
	p.line(strings.TrimRight(name+" "+strings.Join(args, " "), " "))
}

func (p *page) section(ja, en string) { p.macro(".SH", p.b.in(ja, en)) }

// text writes running words.
func (p *page) text(s string) { p.kept(breakable(s)) }

// kept writes a line as it is. A point or an apostrophe at its head would be a request.
func (p *page) kept(s string) {
	s = roff(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, `\(aq`) {
		s = `\&` + s
	}
	p.line(s)
}

// item is a word and what is said of it.
func (p *page) item(word, says string) {
	p.line(".TP")
	p.macro(".B", word)
	p.text(says)
}

// paragraph begins one, except where a section has just begun it.
func (p *page) paragraph() {
	s := strings.TrimRight(p.String(), "\n")
	if last := s[strings.LastIndexByte(s, '\n')+1:]; !strings.HasPrefix(last, ".S") {
		p.line(".PP")
	}
}

// block keeps lines as they are.
func (p *page) block(lines string) {
	p.paragraph()
	p.line(".RS 4")
	p.line(".EX")
	for line := range strings.SplitSeq(strings.TrimRight(lines, "\n"), "\n") {
		p.kept(strings.TrimPrefix(line, "  "))
	}
	p.line(".EE")
	p.line(".RE")
}

// prose writes paragraphs; indented lines stay as they are.
func (p *page) prose(s string) {
	for para := range strings.SplitSeq(s, "\n\n") {
		var words, kept []string
		for line := range strings.SplitSeq(para, "\n") {
			if strings.HasPrefix(line, " ") {
				kept = append(kept, line)
			} else {
				words = append(words, line)
			}
		}
		if len(words) > 0 {
			p.paragraph()
			p.text(strings.Join(words, p.b.in("", " ")))
		}
		if len(kept) > 0 {
			p.block(strings.Join(kept, "\n"))
		}
	}
}

// mayBreak marks where a line may end until groff's word for it is written.
const mayBreak = '\u200b'

// breakable lets a line of Japanese end between its phrases: after a sign, and
// where kana give way to something else. groff knows no other place than a blank
// unless the reader's locale is Japanese, which it is not on a server.
func breakable(s string) string {
	var b strings.Builder
	last := ' '
	for _, r := range s {
		after := unicode.Is(unicode.Hiragana, last) || strings.ContainsRune("、。）」・／", last)
		if after && !unicode.Is(unicode.Hiragana, r) && !strings.ContainsRune("、。）」・／ー…！？ ", r) {
			b.WriteRune(mayBreak)
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

// roff escapes what groff would read as its own.
func roff(s string) string {
	return strings.NewReplacer(string(mayBreak), `\:`, `\`, `\e`, "-", `\-`, `"`, `\(dq`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
}

// flags writes the flags that only this command has.
func (p *page) flags(set *pflag.FlagSet) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		p.item(p.b.flagWords(f))
	})
}

// manOfCommands is bod(1).
func (b *desk) manOfCommands() string {
	root := b.root()
	p := b.newPage("bod", "1")
	p.section("名前", "NAME")
	p.text("bod - " + root.Short)
	p.section("書式", "SYNOPSIS")
	p.macro(".B", b.useLine(root))
	about, exits, _ := strings.Cut(root.Long, b.in("\n\n終了の番号\n", "\n\nExit status\n"))
	p.section("説明", "DESCRIPTION")
	p.prose(about)
	p.prose(commandsWords.In(b.lang))
	p.section("どのコマンドにも書ける指定", "FLAGS OF EVERY COMMAND")
	p.flags(root.PersistentFlags())
	p.item("-h, --help", b.in("コマンドの使い方を出す", "how the command is used"))
	p.section("コマンド", "COMMANDS")
	for _, g := range root.Groups() {
		p.macro(".SS", g.Title)
		for _, c := range b.order {
			if c.GroupID != g.ID {
				continue
			}
			p.item(b.useLine(c), c.Short)
			p.line(".RS")
			p.prose(c.Long)
			p.flags(c.LocalNonPersistentFlags())
			p.block(c.Example)
			p.line(".RE")
		}
	}
	p.section("終了の番号", "EXIT STATUS")
	for line := range strings.SplitSeq(exits, "\n") {
		code, says, _ := strings.Cut(strings.TrimSpace(line), "  ")
		p.item(code, says)
	}
	p.section("環境変数", "ENVIRONMENT")
	for _, e := range environment {
		p.item(e.name, e.says.In(b.lang))
	}
	p.section("ファイル", "FILES")
	for _, e := range places {
		p.item(e.name, e.says.In(b.lang))
	}
	p.section("例", "EXAMPLES")
	p.block(root.Example)
	p.seeAlso("bod(1)")
	return p.String()
}

// manOfFile is the page of a file.
func (b *desk) manOfFile(f fileWords) string {
	p := b.newPage(f.name, "5")
	p.section("名前", "NAME")
	p.text(f.name + " - " + f.short.In(b.lang))
	p.section("説明", "DESCRIPTION")
	p.prose(f.words.In(b.lang))
	if f.schedules.JA != "" {
		p.section("予定の書き方", "SCHEDULES")
		p.prose(schedulesWords.In(b.lang))
		p.block(f.schedules.In(b.lang))
	}
	p.section("項目", "KEYS")
	p.text(b.in("◎は必ず書く項目です。", "What is marked with * has to be written."))
	for _, t := range f.sections {
		p.macro(".SS", t.Head.In(b.lang))
		for _, k := range t.Keys {
			name, mark, says := k.Name, "", k.Meaning.In(b.lang)
			if name == "NAME" {
				name = b.in("名前", "NAME")
			}
			if k.Needed {
				mark = b.in(" ◎", " *")
			}
			if k.Default != "" {
				says += b.in("。書かなければ ", "; when not written: ") + k.Default
			}
			p.line(".TP")
			p.line(fmt.Sprintf(`\fB%s\fP%s  \fI%s\fP`, roff(name), mark, roff(k.TypeWords().In(b.lang))))
			p.text(says)
			p.line(".RS")
			p.line(".EX")
			p.kept(k.ExampleIn(b.lang))
			p.line(".EE")
			p.line(".RE")
		}
	}
	p.section("例", "EXAMPLE")
	p.block(f.example.In(b.lang))
	p.seeAlso(f.name + "(5)")
	return p.String()
}

// seeAlso names the other pages.
func (p *page) seeAlso(own string) {
	p.section("関連項目", "SEE ALSO")
	var names []string
	for _, f := range files {
		names = append(names, f.name+"(5)")
	}
	var others []string
	for _, name := range append([]string{"bod(1)"}, names...) {
		if name != own {
			page, section, _ := strings.Cut(name, "(")
			others = append(others, fmt.Sprintf(`\fB%s\fP(%s`, roff(page), section))
		}
	}
	p.line(strings.Join(others, ",\n"))
}

// commandsWords is what the commands have in common.
var commandsWords = calendar.Text{
	JA: `記録に書くのは、動いている bod（bod run）だけです。ほかのコマンドは記録を読むか、だれが・なぜと添えた依頼を置いて、
bod の返事を30秒待ちます。bod が動いていなければ依頼は残り、次に動いたときに行われます（終了の番号 75）。`,
	EN: `Only the bod that runs (bod run) writes the ledger. The other commands read it, or leave a request that says who and why
and wait 30 seconds for the answer. While no bod runs the request stays noted, and is acted on at the next start (exit status 75).`,
}

type named struct {
	name string
	says calendar.Text
}

var environment = []named{
	{"BOD_JOBS", calendar.Text{JA: "--file がないときの予定表。", EN: "The rules where --file is not given."}},
	{"STATE_DIRECTORY", calendar.Text{JA: "--state がないときの、記録のフォルダー。systemd が決めます。", EN: "The ledger's folder where --state is not given; systemd sets it."}},
	{"CREDENTIALS_DIRECTORY", calendar.Text{
		JA: "systemd の credential のフォルダー。smtp-password と smtp-oauth2-secret をここから読みます。",
		EN: "The folder of systemd's credentials: smtp-password and smtp-oauth2-secret are read there."}},
	{"LC_ALL, LC_MESSAGES, LANG", calendar.Text{
		JA: "予定表が読めないときの言葉。ja で始まれば日本語、ほかは英語。",
		EN: "The language where no rules can be read: Japanese if it begins with ja, else English."}},
	{"BOD_STACK", calendar.Text{
		JA: "何か書いてあれば、bod の中で思わぬことが起きたときに、開発者のための詳しい記録を出します。",
		EN: "When set, what a developer wants to see is printed if something unexpected happens inside bod."}},
}

var places = []named{
	{"jobs.toml", calendar.Text{JA: "予定表。書き方は jobs.toml(5) にあります。", EN: "The rules; see jobs.toml(5)."}},
	{".bod/", calendar.Text{
		JA: "記録のフォルダー（サービスでは /var/lib/bod）。消すと、何を送ったかが分からなくなります。控えは bod backup で取ります。",
		EN: "The ledger's folder (of the service: /var/lib/bod). Whoever deletes it deletes the knowledge of what was sent; bod backup copies it."}},
	{"outbox/", calendar.Text{
		JA: "メールサーバーを書いていないあいだ、メールを書き出すフォルダー。",
		EN: "Where mail is written as long as there is no mail server in the rules."}},
}

// jobsWords opens jobs.toml(5).
var jobsWords = calendar.Text{
	JA: `事務の決まった仕事を、いつ、だれに、何を送るか書いたファイルです。文字コードは UTF-8、書き方は TOML です。行の頭に # を付けると、その行は無いものとして扱われます。

「[ ]」の行から次の「[ ]」の行までが1つのまとまりです。timezone、language、admin、state は、どの「[ ]」よりも上に書きます。文字は " で囲み、時刻は "9:30"、日付は "2026-11-25" のように書きます。いくつも書けるところは ["sato", "tanaka"] のように並べます。1つだけなら "sato" で足ります。

直したら bod check で確かめてください。まちがいは、行の番号と直し方を添えて、全部まとめて知らせます。知らない項目や、この版ではまだ使えない項目も、読み飛ばさずに知らせます。動いている bod は、保存されたファイルを自分で読み直します。まちがいがあれば、それまでの予定のまま動き続けます。

ファイルの1行目に #:schema ./jobs.schema.json と書くと、TOML を扱うエディターが、書きながら項目を補い、意味を見せます。jobs.schema.json は bod schema が出します。`,
	EN: `Says which duties of the office are done when, and what goes to whom. It is TOML in UTF-8. A # at the beginning of a line takes the line out.

The lines from one [ ] to the next belong together; timezone, language, admin and state stand above the first. Texts are quoted, times are written "9:30" and dates "2026-11-25". Where several can stand they are listed, ["sato", "tanaka"]; one alone may go without brackets.

After an edit bod check tells every mistake at once, each with its line and what to do. A key that is not known, or not in this version, is a mistake too and never ignored. A running bod reads a saved file again by itself, and keeps to the old rules while there is a mistake in it.

With #:schema ./jobs.schema.json as the first line, editors that know TOML complete the keys and explain them. bod schema prints that file.`,
}

var schedulesWords = calendar.Text{
	JA: `when には、次のような文を書きます。休みの日に当たることのある予定には、そのときどうするか（休みなら前営業日、翌営業日、実施しない、休みでも実施）を必ず書きます。四半期ごとや、決まった日だけの予定は、[job.名前.when] の表で書きます。bod check と bod next が、読み取った予定を文で言い直します。`,
	EN: `when takes sentences such as these. Where a day can be closed, the rule has to say what happens then: the business day before or after, skip, or as is. Everything can be said as the table [job.NAME.when] as well. bod check and bod next say each rule back as a sentence.`,
}

var jobsSchedules = calendar.Text{
	JA: `毎営業日 9:30
毎週月曜 9:00 休みなら翌営業日
毎月25日 10:00 休みなら前営業日
毎月末日 17:00 休みなら前営業日
毎月最終営業日 16:00
毎月第3営業日 9:30
毎月第2火曜 9:00 休みなら翌営業日
毎年4月1日 9:00 休みなら翌営業日`,
	EN: `every business day at 9:30
every week on Monday at 9:00, or the business day after if closed
every month on the 25th at 10:00, or the business day before if closed
every month on the last day at 17:00, or the business day before if closed
every month on the last business day at 16:00
every month on the 3rd business day at 9:30
every month on the 2nd Tuesday at 9:00, or the business day after if closed
every year on April 1 at 9:00, or the business day after if closed`,
}

var jobsExample = calendar.Text{
	JA: `#:schema ./jobs.schema.json
timezone = "Asia/Tokyo"
admin    = ["sato"]

[mail]
from = "青空システム 経理 <keiri@aozora.example>"

[people]
sato   = "佐藤 <sato@aozora.example>"
tanaka = { name = "田中", title = "部長", mail = "tanaka@aozora.example" }

[partner.acme]
name = "株式会社アクメ商事"
dept = "経理部"
mail = ["ap@acme.example"]

[summary]
to = ["sato", "tanaka"]
at = "17:00"

[job.hosting-acme]
kind    = "send"
title   = "アクメ商事 ホスティング請求書"
owner   = "sato"
when    = "毎月25日 10:00 休みなら前営業日"
prepare = "1営業日前"
about   = "当月"
to      = ["acme"]
attach  = ["請求書/{about.folder}/acme-*.pdf"]
letter  = "letters/letter.txt"
confirm = { by = ["tanaka"], count = 1 }
`,
	EN: `#:schema ./jobs.schema.json
timezone = "Asia/Tokyo"
language = "en"
admin    = ["sato"]

[mail]
from = "Aozora Systems Accounts <accounts@aozora.example>"

[people]
sato   = "Sato <sato@aozora.example>"
tanaka = { name = "Tanaka", title = "Director", mail = "tanaka@aozora.example" }

[partner.acme]
name = "Acme Trading Co., Ltd."
dept = "Accounts Payable"
mail = ["ap@acme.example"]

[summary]
to = ["sato", "tanaka"]
at = "17:00"

[job.hosting-acme]
kind    = "send"
title   = "Hosting invoice, Acme"
owner   = "sato"
when    = "every month on the 25th at 10:00, or the business day before if closed"
prepare = "1 business day before"
about   = "this month"
to      = ["acme"]
attach  = ["invoices/{about.folder}/acme-*.pdf"]
letter  = "letters/letter.txt"
confirm = { by = ["tanaka"], count = 1 }
`,
}

// adminWords opens admin.toml(5).
var adminWords = calendar.Text{
	JA: `管理者だけが決めることを書くファイルです。場所は --admin か環境変数 BOD_ADMIN で示したもの、なければ /etc/bod/admin.toml です。ファイルがなくてもかまいません。

ここに書いたものは予定表（jobs.toml）には書けなくなります。[mail] を書いたときは、予定表の [mail] に書けるのは、ここにない from、reply_to、bcc だけです。[folders] を書いたときは、予定表に [folders] は書けません。

root（か bod の利用者）のもので、ほかの人が書き換えられないことが要ります。そこまでのフォルダーも同じです。そうでなければ bod は使いません。/ で始まらない場所は、このファイルのフォルダーから数えます。動いている bod は、保存されたファイルを自分で読み直します。ファイルを消したときは、読み直しを頼むまで、それまでの設定のまま動きます。bod check と bod doctor で確かめられます。`,
	EN: `Holds what only the administrator decides. It lies where --admin or the variable BOD_ADMIN says, else at /etc/bod/admin.toml; there need not be one.

What it has is not accepted from jobs.toml any more. Beside its [mail] that of jobs.toml may only say from, reply_to and bcc, where they are not said here; beside its [folders] jobs.toml may have none.

It has to belong to root, or to the user that runs bod, and nobody else may be able to change it or a folder above it; otherwise bod does not use it. A path that does not begin with / is counted from the folder of this file. A running bod reads a saved file again by itself; when the file is gone it stays with the settings of before until a reload is asked for. Look at it with bod check and bod doctor.`,
}

// adminExample is a whole admin.toml.
var adminExample = calendar.Text{
	JA: `may_write_to = ["aozora.example", "acme.example"]

[mail]
server = "smtp://mail.aozora.example:587"
user = "keiri@aozora.example"

[folders]
share = { path = "/mnt/share", mounted = true }
`,
	EN: `may_write_to = ["aozora.example", "acme.example"]

[mail]
server = "smtp://mail.aozora.example:587"
user = "accounts@aozora.example"

[folders]
share = { path = "/mnt/share", mounted = true }
`,
}
