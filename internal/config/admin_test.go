package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bod/internal/calendar"
)

// adminWith is a jobs.toml and an admin.toml that has the example of one of its keys.
func adminWith(k Key, example string) (rules, admin string) {
	rules = fileWith("", "")
	beside := map[string][]string{
		"mail": {"[mail]"}, "folders": {"[folders]"}, "folders.NAME": {"[folders.share]", `path = "/mnt/share"`},
		"mail.oauth2": {"[mail.oauth2]", `token_url = "https://login.example/token"`, `client_id = "bod"`},
		"programs":    {"[programs]", `folder = "/etc/bod/programs"`, `alarm = "tell-alarm"`, `proof = "postfix-proof"`},
		"heartbeat":   {"[heartbeat]"}, "metrics": {"[metrics]"},
	}[k.Table]
	for _, line := range beside {
		if !strings.HasPrefix(line, k.Name+" = ") {
			admin += line + "\n"
		}
	}
	admin += example + "\n"
	if k.Table == "mail" && k.Name == "from" {
		rules = strings.Replace(rules, "from = \"経理 <keiri@aozora.example>\"\n", "", 1)
	}
	return rules, admin
}

// Every key of admin.toml has its words, and only the tables of the manual have keys.
func TestAdminKeysAreComplete(t *testing.T) {
	seen := make(map[string]bool)
	tables := AdminTables()
	for _, k := range AdminKeys() {
		id := k.Table + "." + k.Name
		if seen[id] {
			t.Errorf("%s is documented twice", id)
		}
		seen[id] = true
		if k.Meaning.JA == "" || k.Meaning.EN == "" || k.Example == "" || k.TypeWords().JA == "" {
			t.Errorf("%s lacks a meaning, an example or a word for its type", id)
		}
		if !slices.ContainsFunc(tables, func(h Table) bool { return h.Name == k.Table }) {
			t.Errorf("%s stands in a table that the manual does not know", id)
		}
	}
}

// withAdmin loads two texts as jobs.toml and admin.toml. In both @ is the folder that they
// lie in, with the files of the examples below it.
func withAdmin(t *testing.T, rules, admin string) (dir string, l *loader, said func(calendar.Language) string) {
	t.Helper()
	dir = t.TempDir()
	world(t, dir)
	path, adminPath := filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "admin.toml")
	for name, text := range map[string]string{path: rules, adminPath: admin} {
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "@/", dir+"/")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, read(path, adminPath, testKinds, nil), func(lang calendar.Language) string {
		_, ps := LoadWith(path, adminPath, testKinds)
		var b strings.Builder
		for _, p := range ps {
			if lang == calendar.English && strings.ContainsFunc(p.What+p.Next, func(r rune) bool { return r >= 'ぁ' && r <= 'ん' }) {
				t.Errorf("Japanese in English: %s", p)
			}
			b.WriteString(strings.ReplaceAll(p.String(), dir+"/", "") + "\n")
		}
		return b.String()
	}
}

const adminRules = `timezone = "Asia/Tokyo"
admin = ["sato"]
[mail]
from = "経理 <keiri@aozora.example>"
[people]
sato = "佐藤 <sato@aozora.example>"
[partner.acme]
name = "株式会社アクメ商事"
mail = ["ap@acme.example"]
[summary]
to = ["sato"]
[job.a]
kind = "send"
when = "毎営業日 9:30"
to = ["acme"]
letter = "a.txt"
`

func TestAdmin(t *testing.T) {
	dir, l, said := withAdmin(t, strings.Replace(adminRules, "from = ", "reply_to = \"kei@aozora.example\"\nfrom = ", 1), `state = "ledger"
may_write_to = ["Aozora.example", "*.example.net", "ap@acme.example"]
[mail]
server = "smtp://mail.aozora.example:587"
user = "keiri"
password_file = "etc/bod/smtp-password"
outbox = "out"
bcc = ["hikae@a.example.net"]
[folders]
share = { path = "@/mnt/share" }
letters = "@/letters"
[programs]
folder = "etc/bod/programs"
alarm = "tell-alarm"
proof = "postfix-proof"
`)
	if text := said(calendar.Japanese); text != "" {
		t.Fatalf("doesn't load:\n%s", text)
	}
	c := l.c
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"the file", c.AdminPath, in("admin.toml")},
		{"the files", strings.Join(c.Files, " "), in("jobs.toml") + " " + in("admin.toml")},
		{"the state", c.StateDir("", ""), in("ledger")},
		{"the server", c.Mail.Server, "smtp://mail.aozora.example:587"},
		{"the password", c.Mail.PasswordFile, in("etc/bod/smtp-password")},
		{"the outbox", c.Mail.Outbox, in("out")},
		{"the sender of jobs.toml", c.Mail.From.Mail, "keiri@aozora.example"},
		{"the replies of jobs.toml", c.Mail.ReplyTo.Mail, "kei@aozora.example"},
		{"the copies of admin.toml", c.Mail.Bcc[0].Mail, "hikae@a.example.net"},
		{"a folder", c.Folders["share"], in("mnt/share")},
		{"the alarm", c.AlarmProgram, in("etc/bod/programs/tell-alarm")},
		{"the proof", c.ProofProgram, in("etc/bod/programs/postfix-proof")},
		{"a domain, in whatever letters", c.MayWriteTo("SATO@aozora.EXAMPLE"), true},
		{"a domain below", c.MayWriteTo("x@b.example.net"), true},
		{"the domain above it", c.MayWriteTo("x@example.net"), false},
		{"a domain that ends alike", c.MayWriteTo("x@evilexample.net"), false},
		{"a domain below one that is alone", c.MayWriteTo("x@mail.aozora.example"), false},
		{"an address", c.MayWriteTo("AP@acme.example"), true},
		{"its neighbour", c.MayWriteTo("cfo@acme.example"), false},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.what, check.got, check.want)
		}
	}
	if !mustLoad(t, small).MayWriteTo("anybody@anywhere.example") {
		t.Error("without may_write_to somebody may not be written to")
	}
}

// What is refused, with its file and line.
func TestAdminRefuses(t *testing.T) {
	job := func(old, new string) string { return strings.Replace(adminRules, old, new, 1) }
	mail := "[mail]\nserver = \"smtp://mail.aozora.example\"\n"
	for _, test := range []struct {
		name, rules, admin string
		ja, en             []string
	}{
		{"the server twice", job("[people]", "server = \"smtp://evil.example\"\n[people]"), mail,
			[]string{"jobs.toml:5:1: [mail] の server は管理者のファイル（admin.toml）で決めています"}, []string{"jobs.toml:5:1: server of [mail] is settled by the administrator, in admin.toml — delete it here"}},
		{"another way to the same server", job("[people]", "trial_to = \"sato@aozora.example\"\n[people]"), mail, []string{"jobs.toml:5:1: [mail] の trial_to"}, nil},
		{"a password beside it", job("[people]", "password_file = \"/etc/shadow\"\n[people]"), mail, []string{"jobs.toml:5:1: [mail] の password_file"}, nil},
		{"the sender twice", adminRules, mail + "from = \"keiri@aozora.example\"\n", []string{"jobs.toml:4:1: [mail] の from"}, nil},
		{"no sender at all", job("from = \"経理 <keiri@aozora.example>\"\n", ""), mail, []string{"jobs.toml:3:1: [mail] に from がありません"}, nil},
		{"the state twice", "state = \"x\"\n" + adminRules, "state = \"/var/lib/bod\"\n", []string{"jobs.toml:1:1: state は管理者の"}, []string{"state is settled by the administrator"}},
		{"folders twice", adminRules + "[folders]\nx = \"/etc\"\n", "[folders]\nshare = \"@/mnt/share\"\n", []string{"jobs.toml:17:1: [folders] は管理者の"}, nil},
		{"programs in jobs.toml", adminRules + "[programs]\nalarm = \"x\"\n", "", []string{"jobs.toml:17:1: programs は予定表には書けません"}, []string{"programs does not belong in jobs.toml"}},
		{"may_write_to in jobs.toml", "may_write_to = [\"x.example\"]\n" + adminRules, "", []string{"jobs.toml:1:1: may_write_to は予定表には書けません"}, nil},
		{"a job in admin.toml", adminRules, "[job.x]\nkind = \"send\"\n[people]\nx = \"x@y.example\"\n", []string{"admin.toml:1:1: job は予定表（jobs.toml）に書くものです", "admin.toml:3:1: people"}, nil},
		{"a key of jobs.toml", adminRules, "timezone = \"Asia/Tokyo\"\n", []string{"admin.toml:1:1: timezone は予定表"}, []string{"timezone belongs in jobs.toml"}},
		{"an unknown key", adminRules, "may_write = [\"x.example\"]\n", []string{"admin.toml:1:1: may_write という項目はありません — may_write_to のことですか"}, nil},
		{"an unknown table", adminRules, "[program]\nx = 1\n[folder]\nx = 1\n", []string{"admin.toml:1:1: [program] はこの版では", "admin.toml:3:1: [folder] という表はありません — folders のことですか"}, nil},
		{"an unknown key of mail", adminRules, mail + "pasword_file = \"x\"\n", []string{"admin.toml:3:1: [mail] に pasword_file という項目はありません — password_file"}, nil},
		{"a password", adminRules, mail + "password = \"x\"\n", []string{"admin.toml:3:1: password は admin.toml に書けません"}, []string{"password does not belong in admin.toml"}},
		{"a partner elsewhere", adminRules, "may_write_to = [\"aozora.example\"]\n", []string{"jobs.toml:9:9: ap@acme.example へは送れません", "admin.toml の may_write_to に \"acme.example\""}, []string{"jobs.toml:9:9: mail may not go to ap@acme.example", "add \"acme.example\" to may_write_to in admin.toml"}},
		{"a colleague elsewhere", adminRules, "may_write_to = [\"acme.example\"]\n", []string{"jobs.toml:6:8: sato@aozora.example へは送れません"}, nil},
		{"a plain address elsewhere", job("to = [\"acme\"]", "to = [\"acme\", \"x@evil.example\"]"), "may_write_to = [\"aozora.example\", \"acme.example\"]\n", []string{"jobs.toml:15:15: x@evil.example へは送れません"}, nil},
		{"a copy elsewhere", job("[people]", "bcc = [\"x@evil.example\"]\n[people]"), "may_write_to = [\"aozora.example\", \"acme.example\"]\n", []string{"jobs.toml:5:8: x@evil.example へは送れません"}, nil},
		{"no domain", adminRules, "may_write_to = [\"*\", \"a b.example\", \"com\"]\n", []string{"「*」は相手先の", "「a b.example」は", "「com」は"}, nil},
		{"nobody to write to", adminRules, "may_write_to = []\n", []string{"admin.toml:1:16: may_write_to が空です"}, nil},
		{"a relative folder", adminRules, "[folders]\nshare = \"mnt/share\"\n", []string{"admin.toml:2:9: フォルダー share の場所が / で"}, nil},
		{"a folder without a path", adminRules, "[folders.share]\nmounted = false\n", []string{"[folders] share に path がありません"}, nil},
		{"a program by its path", adminRules, "[programs]\nfolder = \"etc/bod/programs\"\nalarm = \"../smtp-password\"\n", []string{"admin.toml:3:9: alarm の「../smtp-password」はファイルの名前ではありません"}, []string{"is no file's name"}},
		{"a command line", adminRules, "[programs]\nfolder = \"etc/bod/programs\"\nalarm = \"tell-alarm -x\"\n", []string{"道筋や引数は書けません"}, nil},
		{"a program that is not there", adminRules, "[programs]\nalarm = \"tell-alarm\"\n", []string{"admin.toml:2:9: alarm の programs/tell-alarm：ファイルがありません"}, nil},
		{"no program", adminRules, "[programs]\nfolder = \"etc/bod\"\nalarm = \"smtp-password\"\n", []string{"を実行できません — chmod 755"}, nil},
		{"no program for the proof", adminRules, "[programs]\nfolder = \"etc/bod\"\nproof = \"smtp-password\"\n", []string{"admin.toml:3:9: proof の"}, []string{"this cannot be run"}},
		{"no TOML", adminRules, "[mail\nserver = \n", []string{"admin.toml:1"}, []string{"admin.toml:1"}},
		{"both at once", job("to = [\"acme\"]", "to = [\"nobody\"]"), "[folders]\nshare = \"@/nowhere\"\n", []string{"admin.toml:2:9: ", "jobs.toml:15:7: "}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, lang := range []calendar.Language{calendar.Japanese, calendar.English} {
				rules, want := test.rules, test.ja
				if lang == calendar.English {
					// The language is said on the last line of the top, so that no other line moves.
					rules, want = strings.Replace(rules, "admin = [\"sato\"]\n", "admin = [\"sato\"]; language = \"en\"\n", 1), test.en
					rules = strings.Replace(rules, "timezone = \"Asia/Tokyo\"\nadmin = [\"sato\"]; ", "timezone = \"Asia/Tokyo\"\nadmin = [\"sato\"]\n", 1)
				}
				dir, _, said := withAdmin(t, rules, test.admin)
				if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
					t.Fatal(err)
				}
				text := said(lang)
				if text == "" {
					t.Errorf("%s: nothing is refused", lang)
				}
				for _, w := range want {
					if lang == calendar.English {
						_, w, _ = strings.Cut(w, ": ") // one line further down in jobs.toml
					}
					if !strings.Contains(text, w) {
						t.Errorf("%s: said\n%swithout %q", lang, text, w)
					}
				}
			}
		})
	}
}

// A share that is mounted later than bod starts is told, and stops nothing; what reads from it is refused until then.
func TestSharesMayBeMountedLater(t *testing.T) {
	for _, test := range []struct{ name, admin, ja, en string }{
		{"a folder that is not there", "share = \"@/nowhere\"\n", "admin.toml:2:9: フォルダー share（nowhere）がありません。使う仕事は送らずに待ちます — つながっているか", "the folder share (nowhere) is not there; what needs it waits — see whether it is mounted"},
		{"an empty folder", "share = \"@/empty\"\n", "admin.toml:2:9: share の empty：フォルダーが空か、読めません。使う仕事は送らずに待ちます — フォルダーがつながっているか", "share empty: the folder is empty or cannot be read; what needs it waits — see whether"},
		{"nothing mounted", "share = { path = \"@/mnt/share\", mounted = true }\n", "admin.toml:2:18: share の mnt/share：フォルダーに何もマウントされていません。使う仕事は", "nothing is mounted on the folder; what needs it waits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, lang := range []calendar.Language{calendar.Japanese, calendar.English} {
				rules, want := adminRules, test.ja
				if lang == calendar.English {
					rules, want = strings.Replace(rules, "admin = [\"sato\"]\n", "admin = [\"sato\"]\nlanguage = \"en\"\n", 1), test.en
				}
				dir, l, said := withAdmin(t, rules, "[folders]\n"+test.admin)
				if err := os.Mkdir(filepath.Join(dir, "empty"), 0o700); err != nil {
					t.Fatal(err)
				}
				if text := said(lang); !strings.Contains(text, want) {
					t.Errorf("said\n%swithout %q", text, want)
				}
				c, _ := LoadWith(filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "admin.toml"), testKinds)
				if c == nil || l.f.errors > 0 {
					t.Fatal("the file is refused")
				}
				ms, err := c.Glob("folder:share/*")
				if e, ok := errors.AsType[*FileError](err); !ok || !e.Away || len(ms) > 0 {
					t.Errorf("read as an empty folder: %v, %v", ms, err)
				}
			}
		})
	}
	if dir, _, said := withAdmin(t, adminRules, "[folders]\nshare = \"@/a.txt\"\n"); !strings.Contains(said(calendar.Japanese), "はフォルダーではありません") {
		t.Errorf("%s: a file is taken for a folder", dir)
	}
}

// A file that somebody else could change is refused, with the command that mends it.
func TestAdminIsTrustedOnlyWhereNobodyElseCanChangeIt(t *testing.T) {
	set := func(name string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	const programs = "[programs]\nfolder = \"etc/bod/programs\"\nalarm = \"tell-alarm\"\n"
	for _, test := range []struct {
		name  string
		do    func(*testing.T, string)
		says  string // "" where it is trusted
		admin string
	}{
		{"for oneself", set("admin.toml", 0o600), "", ""},
		{"for others to read", set("admin.toml", 0o644), "", ""},
		{"for the group to write", set("admin.toml", 0o620), "other users can change admin.toml (0620) — chmod go-w admin.toml", ""},
		{"for all to write", set("admin.toml", 0o606), "other users can change admin.toml (0606)", ""},
		{"in a folder for all to write", set(".", 0o777), "other users can write into the folder", ""},
		{"below a folder for all to write", set("..", 0o777), "other users can write into the folder", ""},
		{"in a folder such as /tmp", set(".", 0o777|os.ModeSticky), "", ""},
		{"a program for the group to write", set("etc/bod/programs/tell-alarm", 0o775), "alarm etc/bod/programs/tell-alarm: other users can change", programs},
		{"a program's folder for all to write", set("etc/bod/programs", 0o777), "alarm etc/bod/programs/tell-alarm: other users can write into the folder", programs},
		{"by way of a link into a folder for all", func(t *testing.T, dir string) {
			open := filepath.Join(dir, "open")
			if err := os.Mkdir(open, 0o700); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(dir, "admin.toml")
			if err := os.Rename(name, filepath.Join(open, "real.toml")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(open, "real.toml"), name); err != nil {
				t.Fatal(err)
			}
			set("open", 0o777)(t, dir)
		}, "other users can write into the folder open (0777)", ""},
		{"another user's", func(t *testing.T, dir string) {
			if os.Getuid() != 0 {
				t.Skip("only root can give a file away")
			}
			if err := os.Chown(filepath.Join(dir, "admin.toml"), 54321, -1); err != nil {
				t.Fatal(err)
			}
		}, "admin.toml belongs to neither root nor the user that runs bod, but to 54321 — chown root admin.toml", ""},
		{"that is not there", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "admin.toml")); err != nil {
				t.Fatal(err)
			}
		}, "admin.toml: the file is not there", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, _, said := withAdmin(t, "language = \"en\"\n"+adminRules, test.admin)
			test.do(t, dir)
			text := said(calendar.English)
			if test.says == "" && text != "" || !strings.Contains(text, test.says) {
				t.Errorf("said %q, want %q", text, test.says)
			}
			if strings.Count(text, "\n") > 1 {
				t.Errorf("more is told than what is wrong:\n%s", text)
			}
		})
	}
}

func TestAdminFile(t *testing.T) {
	if got := AdminFile("x.toml"); got != "x.toml" {
		t.Errorf("a named file is %q", got)
	}
	if got := AdminFile(NoAdmin); got != "" {
		t.Errorf("none is %q", got)
	}
	want := DefaultAdmin
	if _, err := os.Lstat(want); err != nil {
		want = ""
	}
	if got := AdminFile(""); got != want {
		t.Errorf("by itself %q is read, want %q", got, want)
	}
}

// /proc is another file system than the root's, everywhere.
func TestMountPoint(t *testing.T) {
	for dir, want := range map[string]bool{"/proc": true, "/": true, "/proc/self/fd": false, t.TempDir(): false} {
		d, err := os.Open(dir)
		if err != nil {
			t.Skip("no /proc here:", err)
		}
		if got := mountPoint(d, dir); got != want {
			t.Errorf("mountPoint(%s) = %v", dir, got)
		}
		d.Close()
	}
}
