package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// desk is where one command works: what it was given and where it answers.
type desk struct {
	stdin io.Reader
	raw   io.Writer // bytes as they are: messages, calendars, JSON
	out   io.Writer // words for a person: control characters from outside never reach the terminal
	err   io.Writer

	rawErr io.Writer // the error stream itself, to see whether it is a terminal

	admin string // --admin
	file  string // --file, $BOD_JOBS, else jobs.toml
	state string // --state
	by    string // --by
	json  bool   // --json

	order []*cobra.Command // in the order of the help

	lang calendar.Language
	zone *time.Location
	now  func() time.Time
	txt  func(ctx context.Context, name string) ([]string, error) // asks DNS for texts
}

// newDesk finds the language first, for even the help is read by a person: the
// file's, where a file can be read, else the terminal's.
func newDesk(args []string, stdin io.Reader, stdout, stderr io.Writer) *desk {
	b := &desk{stdin: stdin, raw: stdout, out: cleaner{stdout}, err: cleaner{stderr}, rawErr: stderr, zone: time.Local, now: time.Now, txt: net.DefaultResolver.LookupTXT}
	b.file = fileFlag(args)
	b.lang = peek(b.file).language
	return b
}

// in picks the words in the person's language.
func (b *desk) in(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(b.lang) }

// say prints words for a person.
func (b *desk) say(format string, args ...any) { fmt.Fprintf(b.out, format, args...) }

// fail makes a fault of the ordinary kind.
func (b *desk) fail(cause error, what, next calendar.Text) *fault {
	return &fault{code: exitFailed, what: what.In(b.lang), next: next.In(b.lang), cause: cause}
}

// usage makes a fault about the command line.
func (b *desk) usage(what, next calendar.Text) *fault {
	return &fault{code: exitUsage, what: what.In(b.lang), next: next.In(b.lang)}
}

// fileFlag finds --file among the arguments before they are parsed, because the
// language of the help hangs on it.
func fileFlag(args []string) string {
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, "--file="); ok {
			return v
		}
		if (a == "--file" || a == "-f") && i+1 < len(args) {
			return args[i+1]
		}
		if v, ok := strings.CutPrefix(a, "-f"); ok && v != "" && !strings.HasPrefix(a, "--") {
			return strings.TrimPrefix(v, "=")
		}
	}
	if v := os.Getenv("BOD_JOBS"); v != "" {
		return v
	}
	return "jobs.toml"
}

// glimpse is what can be known of a jobs.toml that may be broken.
type glimpse struct {
	language calendar.Language
	state    string
}

var (
	languageLine = regexp.MustCompile(`(?m)^\s*language\s*=\s*"(ja|en)"`)
	stateLine    = regexp.MustCompile(`(?m)^\s*state\s*=\s*"([^"\\\n]+)"`)
)

// peek looks into the file without holding it to any rule. It is needed where the
// file cannot be read as rules: a daemon may still be at work with the rules
// before the slip, and whoever wants to hold a message has to reach it.
func peek(path string) glimpse {
	g := glimpse{language: calendar.English}
	if lang := cmpEnv("LC_ALL", "LC_MESSAGES", "LANG"); strings.HasPrefix(lang, "ja") {
		g.language = calendar.Japanese
	}
	f, err := os.Open(path)
	if err != nil {
		return g
	}
	defer f.Close()
	// A folder or a pipe has no head to look at; a duty list's head fits in here.
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return g
	}
	head, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return g
	}
	g.language = calendar.Japanese // what a file that does not say it means
	if m := languageLine.FindSubmatch(head); m != nil {
		g.language = calendar.Language(m[1])
	}
	if m := stateLine.FindSubmatch(head); m != nil {
		g.state = string(m[1])
		if !filepath.IsAbs(g.state) {
			g.state = filepath.Join(filepath.Dir(path), g.state)
		}
	}
	return g
}

// cmpEnv is the first of the variables that is set to something.
func cmpEnv(names ...string) string {
	for _, n := range names {
		if v := os.Getenv(n); v != "" {
			return v
		}
	}
	return ""
}

// load reads the rules. From here on the person is spoken to in their language and zone.
func (b *desk) load(path string) (*config.Config, []config.Problem) {
	c, problems := config.LoadWith(path, config.AdminFile(b.adminNamed()), jobs.ConfigKinds())
	if c != nil {
		b.lang, b.zone = c.Language, c.Zone
	} else if fe := config.Unreadable(path); fe != nil {
		// A file that can't be read has no language of its own: it is the person's.
		problems = []config.Problem{{File: path, What: fe.What.In(b.lang), Next: fe.Next.In(b.lang)}}
	}
	return c, problems
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// adminNamed is the administrator's file as it was named, "" where it was not.
func (b *desk) adminNamed() string {
	if b.admin != "" {
		return b.admin
	}
	return os.Getenv("BOD_ADMIN")
}

// rules reads the rules for a command that cannot work without them.
func (b *desk) rules() (*config.Config, error) {
	c, problems := b.load(b.file)
	if c == nil {
		return nil, b.misread(problems)
	}
	return c, nil
}

// misread tells every problem and makes the fault of it; that there is no file at all is told once.
func (b *desk) misread(problems []config.Problem) error {
	if missing(b.file) {
		return &fault{code: exitConfig, what: fmt.Sprintf(b.in("予定表 %s がありません", "couldn't find the rules %s"), b.file),
			next: b.in("予定表のあるフォルダで実行するか、--file で場所を示してください", "run bod in the folder of the rules, or name them with --file")}
	}
	n := 0
	for _, p := range problems {
		if !p.Warning {
			n++
			fmt.Fprintln(b.err, p)
		}
	}
	return &fault{code: exitConfig,
		what: fmt.Sprintf(b.in("%s に直すところが %d か所あります", "%s has to be mended in %d place(s)"), fileOf(problems, b.file), n),
		next: b.in("直したら bod check で確かめてください", "mend it, then look again with: bod check")}
}

// fileOf is the file that problems are about: the rules, unless every one of them is the administrator's.
func fileOf(problems []config.Problem, rules string) string {
	file := rules
	for _, p := range problems {
		if p.Warning {
			continue
		}
		if p.File == rules {
			return rules
		}
		file = p.File
	}
	return file
}

// place is the ledger's folder and the rules, as far as they can be read: nil
// rules are no reason not to look at the ledger.
func (b *desk) place() (dir string, c *config.Config) {
	c, problems := b.load(b.file)
	if c == nil && len(problems) > 0 {
		fmt.Fprintf(b.err, b.in("注意: 予定表 %s は読めない状態です（bod check で確かめられます）。記録だけを見ます\n",
			"note: the rules %s cannot be read now (see bod check); only the ledger is looked at\n"), b.file)
	}
	return b.ledgerFolder(c), c
}

// ledgerFolder is the ledger's folder by the rules, or by what can be seen of them.
func (b *desk) ledgerFolder(c *config.Config) string {
	if c != nil {
		return c.StateDir(b.state, os.Getenv("STATE_DIRECTORY"))
	}
	dir := b.state
	if dir == "" {
		dir, _, _ = strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	}
	if admin := config.AdminFile(b.adminNamed()); dir == "" && admin != "" {
		dir = peek(admin).state
	}
	if dir == "" {
		dir = peek(b.file).state
	}
	if dir == "" {
		dir = filepath.Join(filepath.Dir(b.file), ".bod")
	}
	if full, err := filepath.Abs(dir); err == nil {
		dir = full
	}
	return dir
}

// reader opens the ledger beside whoever holds it.
func (b *desk) reader(ctx context.Context, dir string) (*ledger.Ledger, error) {
	l, err := ledger.OpenReader(ctx, dir)
	if err != nil {
		return nil, b.ledgerFault(dir, err)
	}
	return l, nil
}

// ledgerFault words what is wrong with a ledger, with the next step.
func (b *desk) ledgerFault(dir string, err error) error {
	if err == nil {
		return nil
	}
	what, next := ledger.Advice(err, b.lang != calendar.English)
	if what == "" {
		return b.fail(err, calendar.Text{JA: "記録（" + dir + "）を読み書きできませんでした", EN: "couldn't use the ledger in " + dir},
			calendar.Text{JA: "フォルダの場所と、読み書きの権限を確かめてください", EN: "check the folder and who may read and write it"})
	}
	if owner, is := anothers(dir); is && errors.Is(err, ledger.ErrRights) {
		next := b.in("その利用者で実行してください（sudo -u "+owner+" bod …）", "run bod as that user (sudo -u "+owner+" bod …)")
		if b.state == "" && b.admin == "" && config.AdminFile(b.adminNamed()) != "" {
			next += b.in("。自分のフォルダーで試すときは --admin none を付けてください", "; to try it in a folder of your own say --admin none")
		}
		return &fault{code: exitFailed, what: fmt.Sprintf(b.in("この記録（%s）は、利用者 %s のものです", "the ledger in %s is the user %s's"), dir, owner), next: next}
	}
	f := &fault{code: exitFailed, what: sentence(what) + b.in("（", " (") + dir + b.in("）", ")"), next: sentence(next)}
	for _, lasting := range []error{ledger.ErrMissing, ledger.ErrTrial, ledger.ErrSchema, ledger.ErrDamaged} {
		if errors.Is(err, lasting) {
			f.code = exitConfig
		}
	}
	if errors.Is(err, ledger.ErrLocked) {
		if pid, held, herr := ledger.Holder(dir); herr == nil && held && pid > 0 {
			f.what += fmt.Sprintf(b.in("、プロセス %d", ", process %d"), pid)
		}
	}
	return f
}

// sentence fits a whole sentence into a line of this program's own: no full stop,
// and in English no capital.
func sentence(s string) string {
	s = strings.TrimRight(s, "。.")
	if s != "" && s[0] >= 'A' && s[0] <= 'Z' {
		s = strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// who answers for an act: the person of jobs.toml, and the machine's user.
func (b *desk) who(c *config.Config) (ledger.Who, error) {
	real, names := machineUser()
	if c == nil {
		// Without readable rules nobody can be looked up; the office does it with the rules it has.
		if b.by != "" {
			return ledger.Who{Name: b.by, User: real}, nil
		}
		return ledger.Who{}, b.usage(calendar.Text{JA: "どなたの操作か分かりません", EN: "couldn't tell who you are"},
			calendar.Text{JA: "--by に [people] の名前を書いてください", EN: "say it with --by, a name of [people]"})
	}
	known := slices.Sorted(maps.Keys(c.People))
	var called []string
	for _, id := range known {
		called = append(called, id+b.in("（", " (")+c.People[id].Name+b.in("）", ")"))
	}
	if b.by != "" {
		if p := c.People[b.by]; p != nil {
			return ledger.Who{Name: p.ID, User: real}, nil
		}
		var same []string
		for _, id := range known {
			if p := c.People[id]; p.Name == b.by || strings.EqualFold(p.Mail.Mail, b.by) {
				same = append(same, id)
			}
		}
		if len(same) == 1 {
			return ledger.Who{Name: same[0], User: real}, nil
		}
		return ledger.Who{}, &fault{code: exitUsage,
			what: fmt.Sprintf(b.in("「%s」さんは [people] に見つかりません", "couldn't find %q in [people]"), b.by),
			next: b.in("--by に書ける名前：", "--by takes one of: ") + strings.Join(called, ", ")}
	}
	for _, id := range known {
		local, _, _ := strings.Cut(c.People[id].Mail.Mail, "@")
		if slices.Contains(names, id) || slices.Contains(names, local) {
			return ledger.Who{Name: id, User: real}, nil
		}
	}
	return ledger.Who{}, &fault{code: exitUsage,
		what: fmt.Sprintf(b.in("どなたの操作か分かりません（この機械での名前は %s です）", "couldn't tell who you are (this machine calls you %s)"), strings.Join(names, ", ")),
		next: b.in("--by で名前を示してください：", "say it with --by: ") + strings.Join(called, ", ")}
}

// machineUser is the user of this process, and the one who logged in. They differ
// where the commands run as the service's user (sudo -u bod): the kernel's
// login id survives that, unlike a variable that anybody can set.
func machineUser() (recorded string, names []string) {
	recorded = "?"
	if u, err := user.Current(); err == nil {
		recorded = u.Username
	}
	names = []string{recorded}
	id, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return recorded, names
	}
	if u, err := user.LookupId(strings.TrimSpace(string(id))); err == nil && u.Username != recorded {
		return u.Username + " as " + recorded, append(names, u.Username)
	}
	return recorded, names
}

// terminal reports whether a stream is a terminal, where a question can be asked.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
