package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bod/internal/mailer"
)

// DefaultAdmin is where the administrator's file lies when nothing else is said.
const DefaultAdmin = "/etc/bod/admin.toml"

// NoAdmin, said instead of a file's name, means that there is no administrator's file.
const NoAdmin = "none"

// AdminFile answers which administrator's file is read: the one that is named,
// else DefaultAdmin where it exists, else none (""). A file that is named has to be there.
func AdminFile(named string) string {
	switch named {
	case NoAdmin:
		return ""
	case "":
		if _, err := os.Lstat(DefaultAdmin); err != nil {
			return ""
		}
		return DefaultAdmin
	}
	return named
}

// LoadWith reads jobs.toml together with the administrator's file, "" for none.
// What stands in the latter is not accepted from jobs.toml, so that whoever edits
// duties cannot change servers, folders or programs. A nil Config means that at
// least one problem is no warning; each problem names its file.
func LoadWith(path, admin string, kinds []Kind) (*Config, []Problem) {
	l := read(path, admin, kinds, nil)
	var ps []Problem
	errs := l.f.errors
	if a := l.above; a != nil {
		ps = a.f.problems(admin, a.at, l.lang)
		errs += a.f.errors
	}
	ps = append(ps, l.f.problems(path, l.at, l.lang)...)
	if errs > 0 {
		return nil, ps
	}
	l.c.Warnings = ps
	return l.c, ps
}

// adminTables are the tables of admin.toml; those with a dot stand in the value of a key.
var adminTables = []string{"mail", "folders", "programs", "heartbeat", "metrics"}

// officeMail are the keys of [mail] that jobs.toml may have beside an administrator's
// [mail] that does not say them: they are words of the letter and not of the way that it goes.
var officeMail = []string{"from", "reply_to", "bcc"}

// readAdmin reads the administrator's file for the loader of jobs.toml. ok is false
// when nothing of it can be known: to go on would hold jobs.toml against half of the rules.
func (l *loader) readAdmin(path string) (ok bool) {
	if path == "" {
		return true
	}
	a := newLoader(nil)
	a.sets = setsOf(AdminKeys())
	a.testOnlyAsked, a.c, a.lang, a.name = l.testOnlyAsked, l.c, l.lang, "admin.toml"
	l.above = a
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	a.dir, l.c.AdminPath = filepath.Dir(abs), abs
	l.c.Files = append(l.c.Files, abs)
	refuse := func(err error) bool {
		if fe, is := errors.AsType[*FileError](err); is {
			a.f.add(finding{off: noPlace, what: fe.What, next: fe.Next})
			return false
		}
		return true
	}
	b, err := readConfig(abs)
	if !refuse(err) || !refuse(trusted(abs)) {
		return false
	}
	text, ok := plainText(b, &a.f)
	if !ok {
		return false
	}
	a.at = newLines(text)
	a.tree = plant(text, &a.f, a.at)
	a.adminTop()
	return true
}

func (l *loader) adminTop() {
	root := l.section(l.tree.root, "", "", "")
	for i := range l.tree.root.entries {
		l.adminEntry(root, &l.tree.root.entries[i])
	}
	l.mayWriteTo(root)
	l.mayReadFrom(root)
	if v := root.str("state"); v != "" {
		l.c.State = l.keep(l.path(v))
	}
	l.folders(true)
	l.programs()
	l.heartbeat()
	l.metrics()
}

// adminEntry tells what does not belong at the top of admin.toml.
func (l *loader) adminEntry(root *section, e *entry) {
	_, isTable := e.value.(*table)
	_, isList := e.value.([]*table)
	switch {
	case slices.Contains(adminTables, e.key):
	case root.keys.has(e.key):
		if isTable {
			root.problem(e.off, say("%s は表ではありません", "%s is no table", e.key), likeThis(root.keys.keys[e.key]))
		}
	case slices.Contains(topTables, e.key), keysOf(ownKeys, "").has(e.key):
		root.problem(e.off, say("%s は予定表（jobs.toml）に書くものです", "%s belongs in jobs.toml", e.key),
			say("ここから消して、予定表に書いてください", "delete it here and write it there"))
	case !isTable && !isList:
		root.unknownKey(e, nil)
	case root.keys.later(e.key):
		root.problem(e.off, say("[%s] はこの版ではまだ使えません", "[%s]: not in this version", e.key),
			say("その表を消すか、行の頭に # を付けてください", "delete that table or put # at the beginning of its lines"))
	default:
		root.problem(e.off, say("[%s] という表はありません", "there is no table [%s]", clip(shownKey(e.key))),
			l.did(e.key, adminTables, say("使えるのは %s です", "what can be used: %s", "["+strings.Join(adminTables, "] [")+"]")))
	}
}

// has reports whether the administrator's file has that table or key at its top.
func (l *loader) has(key string) bool {
	return l != nil && l.tree != nil && l.tree.root.find(key) != nil
}

// settled tells that a key of jobs.toml is the administrator's.
func (s *section) settled(off int, key string) {
	what := say("%s は管理者のファイル（%s）で決めています", "%s is settled by the administrator, in %s", key, s.l.c.AdminPath)
	if s.name != "" {
		what = say("%s の %s は管理者のファイル（%s）で決めています", "%[2]s of %[1]s is settled by the administrator, in %[3]s", s.name, key, s.l.c.AdminPath)
	}
	s.problem(off, what, say("ここから消してください。変えるときは管理者に頼んでください", "delete it here; ask the administrator where it has to change"))
}

// mayWriteTo reads the domains and addresses that mail may go to.
func (l *loader) mayWriteTo(root *section) {
	for _, it := range root.items("may_write_to") {
		probe := it.text
		if !strings.Contains(probe, "@") {
			probe = "x@" + strings.TrimPrefix(probe, "*.")
		}
		if a, err := mailer.ParseAddress(probe); err != nil || a.Name != "" || !strings.Contains(probe, ".") {
			root.problem(it.off, say("「%s」は相手先のドメインとして読めません", "%q is no domain", clip(it.text)),
				say(`"acme.example"、"*.acme.example"、"ap@acme.example" のように書いてください`, `write it like "acme.example", "*.acme.example" or "ap@acme.example"`))
			continue
		}
		l.c.mayWrite = append(l.c.mayWrite, l.keep(strings.ToLower(nfc(it.text))))
	}
}

// MayWriteTo reports whether the administrator lets mail go to that address: always,
// where may_write_to is not said.
func (c *Config) MayWriteTo(mail string) bool {
	if c.mayWrite == nil {
		return true
	}
	mail = strings.ToLower(nfc(mail))
	domain := mail[strings.LastIndexByte(mail, '@')+1:]
	return slices.ContainsFunc(c.mayWrite, func(allowed string) bool {
		below, under := strings.CutPrefix(allowed, "*")
		return allowed == domain || allowed == mail || under && strings.HasSuffix(domain, below)
	})
}

// DataMayWriteTo is MayWriteTo for an address that stands in a table's data and nowhere in the file: only what the
// administrator names may be written to then.
func (c *Config) DataMayWriteTo(mail string) bool { return c.mayWrite != nil && c.MayWriteTo(mail) }

// mayWrite tells of an address that mail may not go to.
func (s *section) mayWrite(mail string, off int) bool {
	c := s.l.c
	if c.MayWriteTo(mail) {
		return true
	}
	_, domain, _ := strings.Cut(mail, "@")
	s.problem(off, say("%s へは送れません。管理者が許している宛先（may_write_to）にありません", "mail may not go to %s: the administrator's may_write_to does not have it", clip(mail)),
		say("写し間違いでなければ、管理者に頼んで %[2]s の may_write_to に \"%[1]s\" を足してもらってください",
			"where it is no slip, ask the administrator to add \"%s\" to may_write_to in %s", clip(domain), c.AdminPath))
	return false
}

// programs reads which programs bod may call. Each is a file's name in one folder
// that only root and the user of the service can change; it is never a path or a
// command line, so that nothing can be smuggled in behind the name.
func (l *loader) programs() {
	t := l.named("programs")
	if t == nil {
		return
	}
	s := l.section(t, "programs", "[programs]", "")
	s.unknown(l.sets[""])
	folder := filepath.Join(l.dir, "programs")
	if v := s.str("folder"); v != "" {
		folder = l.path(v)
	}
	l.c.AlarmProgram = s.program("alarm", folder)
	l.c.ProofProgram = s.program("proof", folder)
}

func (s *section) program(key, folder string) string {
	e := s.get(key)
	if e == nil {
		return ""
	}
	v := s.str(key)
	switch {
	case v == "":
		return ""
	case v == "." || v == ".." || strings.ContainsAny(v, "/\\ \t"):
		s.problem(e.val, say("%s の「%s」はファイルの名前ではありません", "%s: %q is no file's name", key, clip(v)),
			say("%s に置いたプログラムの名前だけを書いてください。道筋や引数は書けません", "write only the name of a program in %s, without a path or arguments", folder))
		return ""
	}
	file := filepath.Join(folder, v)
	if err := CheckProgram(file); err != nil {
		s.fileProblem(key, e.val, file, err)
		return ""
	}
	return s.l.keep(file)
}

// CheckProgram sees that a file is a program that may be called: that it is there,
// can be run, and that nobody but root and the user of this process can change it
// or any folder on the way to it. It gives a *FileError with the remedy.
//
// Whoever calls the program asks this again right before. Between that look and
// the call only root and bod itself could put another file in its place, so that
// nothing would be won by opening it first and running it by its descriptor, which
// would hide its own name from it.
func CheckProgram(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fileError(file, err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return &FileError{Path: file,
			What: say("これを実行できません", "this cannot be run"),
			Next: say("chmod 755 %s で、実行できるようにしてください", "chmod 755 %s", file)}
	}
	return trusted(file)
}

// isAdminOnly reports whether a key or table of the top is one that only admin.toml has.
func isAdminOnly(name string) bool {
	return slices.ContainsFunc(adminKeys, func(k Key) bool { return name == k.Table || k.Table == "" && name == k.Name }) && !slices.Contains(topTables, name)
}

// adminOnly tells that a key of jobs.toml is one that only the administrator's file may have.
func (s *section) adminOnly(e *entry) {
	s.problem(e.off, say("%s は予定表には書けません", "%s does not belong in jobs.toml", clip(e.key)),
		say("管理者のファイル（admin.toml）に書きます。ここから消してください", "it belongs in the administrator's file (admin.toml); delete it here"))
}

// setsOf sorts keys by their tables.
func setsOf(all []Key) map[string]*keySet {
	sets := make(map[string]*keySet)
	for _, k := range all {
		if sets[k.Table] == nil {
			sets[k.Table] = keysOf(all, k.Table)
		}
	}
	return sets
}

// AdminKeys documents every key of admin.toml. Those that jobs.toml has as well mean the same there.
func AdminKeys() []Key {
	all := slices.Clone(adminKeys)
	for _, k := range ownKeys {
		if k.Table == "" && k.Name == "state" || k.Table == "mail" || strings.HasPrefix(k.Table, "mail.") {
			k.Needed = k.Needed && k.Table != "mail" // the sender may stand in jobs.toml
			all = append(all, k)
		}
	}
	return all
}

// AdminTables documents the tables of admin.toml, in the order of the manual.
func AdminTables() []Table {
	out := []Table{{"", say("いちばん上（どの [ ] よりも前）", "At the top, above the first [ ]"), false}}
	for _, t := range Tables() {
		if t.Name == "mail" || strings.HasPrefix(t.Name, "mail.") {
			t.Needed = false
			out = append(out, t)
		}
	}
	return append(out,
		Table{"folders", say("[folders]　名前を付けたフォルダー", "[folders]: folders by name"), false},
		Table{"folders.NAME", say("[folders] の { } の中", "Inside the { } of [folders]"), false},
		Table{"programs", say("[programs]　bod が呼ぶプログラム", "[programs]: programs that bod may call"), false},
		Table{"heartbeat", say("[heartbeat]　監視サービスへの「異常なし」の合図", "[heartbeat]: telling a monitor that all is well"), false},
		Table{"metrics", say("[metrics]　Prometheus の測定値", "[metrics]: for Prometheus"), false})
}

// adminKeys is every key that admin.toml has and jobs.toml has not, or not like this.
var adminKeys = []Key{
	{"", "may_write_to", "list of texts", "", say("メールを送ってよい相手のドメインかアドレス。[people] の人のドメインも要ります。書かなければ、だれにでも送れます", "the domains or addresses that mail may go to, those of [people] included; when not written, mail may go to anybody"), `may_write_to = ["aozora.example", "acme.example"]`, false},

	{"", "may_read_from", "list of texts", "", say("source で読んでよい、社内やこの機械のサーバー（ソケットはその場所）。書かなければ、インターネットのサーバーだけ読めます。管理者のファイルがあるとき、パスワードやトークンはここに書いたサーバーにだけ渡します", "the hosts of the local network or this machine (or the places of sockets) that sources may be read from; when not written, only hosts of the internet. Beside an administrator's file a password or token is given only to hosts that stand here"), `may_read_from = ["db.intra.example", "192.168.0.5"]`, false},

	{"folders", anyName, "folder", "", say("フォルダーに付けた名前。空なら、つながっていない（マウントされていない）ものとして扱います。マウントされているかも確かめるときは { path, mounted }", "a name for a folder; an empty one is taken for a share that is not mounted. { path, mounted } looks at the mount as well"), `share = "/mnt/share"`, false},
	{"folders.NAME", "path", "folder", "", say("フォルダーの場所。/ で始めます", "the place of the folder, beginning with /"), `path = "/mnt/share"`, true},
	{"folders.NAME", "mounted", "true or false", "false", say("true なら、別のディスクや共有フォルダーがそこにマウントされていなければ使いません（装置番号で見分けます）", "true: used only while another disk or a share is mounted there, told by the device's number"), `mounted = false`, false},

	{"programs", "folder", "folder", `"programs"`, say("プログラムを置くフォルダー。root（か bod の利用者）のもので、ほかの人が書き換えられないもの", "the folder of the programs: root's or the service's own, and nobody else may write there"), `folder = "/etc/bod/programs"`, false},
	{"programs", "alarm", "text", "", say("急ぎの知らせをメール以外の方法で届けるプログラムの、ファイルの名前", "the file's name of the program that tells an alarm by another way than mail"), `alarm = "tell-alarm"`, false},
	{"programs", "proof", "text", "", say("届いたか分からないメールについて、メールサーバーの記録を調べるプログラムの、ファイルの名前", "the file's name of the program that looks up in the mail server's log what became of a message whose answer was lost"), `proof = "postfix-proof"`, false},

	{"heartbeat", "url", "text", "", say("監視サービス（Healthchecks など）が出したアドレス。知られると偽の合図を送られるので、url_file か systemd の credential「heartbeat-url」のほうが安全です", "the address that the monitor (Healthchecks or the like) gave; whoever knows it can say that all is well, so that url_file or systemd's credential heartbeat-url is safer"), `url = "https://hc-ping.com/11111111-2222-3333-4444-555555555555"`, false},
	{"heartbeat", "url_file", "file", "", say("アドレスだけを書いたファイル。url も url_file もなければ systemd の credential「heartbeat-url」", "a file that has nothing but the address; without url and url_file it is systemd's credential heartbeat-url"), `url_file = "/etc/bod/heartbeat-url"`, false},
	{"heartbeat", "every", "span", `"5 minutes"`, say("合図を送る間隔。1分から24時間まで", "how often it is told, from 1 minute to 24 hours"), `every = "10 minutes"`, false},

	{"metrics", "listen", "text", "", say("測定値（/metrics）を出すところ。アドレスの数字とポートか、unix: とソケットの場所", "where the metrics are served (/metrics): an address in figures and a port, or unix: and the place of a socket"), `listen = "127.0.0.1:9617"`, true},
}
