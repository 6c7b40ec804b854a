package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"bod/internal/config"
)

const packagers = "the test's packagers <packages@bod.example>"

// A package names somebody who answers for it.
func TestMaintainer(t *testing.T) {
	for _, who := range []string{"", "nobody", "packages@bod.example"} {
		if _, err := build(t.Context(), order{root: "..", out: t.TempDir(), maintainer: who}); err == nil || !strings.Contains(err.Error(), "NAME <ADDRESS>") {
			t.Errorf("%q: %v", who, err)
		}
	}
}

// Versions are ordered as dpkg and rpm order them: what comes before a release stands before it.
func TestPackageVersion(t *testing.T) {
	for _, c := range []struct{ version, want string }{
		{"v0.1.0", "0.1.0"},
		{"v0.1.0-rc.1", "0.1.0~rc.1"},
		{"v0.0.0-20261124110307-6910fde59723", "0.0.0~20261124110307.6910fde59723"},
		{"v0.1.1-0.20261124110307-6910fde59723+dirty", "0.1.1~0.20261124110307.6910fde59723+dirty"},
	} {
		if got := (made{version: c.version}).packageVersion(); got != c.want {
			t.Errorf("%s became %s, not %s", c.version, got, c.want)
		}
	}
}

func TestAgrees(t *testing.T) {
	for _, c := range []struct{ version, changelog, want string }{
		{"v0.1.0", "# Changelog\n\n## 0.1.0（2026-12-01）\n\n## 0.0.9\n", ""},
		{"v0.1.0-rc.1", "## 0.1.0（2026-12-01）\n", ""},
		{"v0.1.0", "## 0.1.0（未公開 / unreleased）\n", "calls it unreleased"},
		{"v0.1.0", "## 0.2.0\n\n## 0.1.0\n", "the newest version in CHANGELOG.md is 0.2.0"},
		{"v0.0.0-20261124110307-6910fde59723", "## 0.1.0（未公開 / unreleased）\n", ""},
		{"v0.1.0", "# Changelog\n", "couldn't find a version"},
	} {
		err := (made{version: c.version}).agrees(c.changelog)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s with %q: %v", c.version, c.changelog, err)
		}
	}
}

// A line of admin.toml that would be at work without its mark: a table, or a key.
var switchedOff = regexp.MustCompile(`^# (\[[a-z0-9.]+\]|[a-z_]+ = .*)$`)

// The shipped admin.toml says where the service has its ledger, changes nothing else, and names every key that there is and none that
// there is not.
func TestAdminFile(t *testing.T) {
	text, err := os.ReadFile("admin.toml")
	if err != nil {
		t.Fatal(err)
	}
	var on strings.Builder
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == `state = "/var/lib/bod"`:
			on.WriteString(line + "\n")
		case line != "" && !strings.HasPrefix(line, "#"):
			t.Errorf("%q is at work in a file that has to change nothing", line)
		}
		if m := switchedOff.FindStringSubmatch(line); m != nil {
			on.WriteString(m[1] + "\n")
		}
	}
	var said map[string]any
	if _, err := toml.Decode(on.String(), &said); err != nil {
		t.Fatalf("switched on, it is no TOML: %v\n%s", err, on.String())
	}
	var have, want []string
	var walk func(table string, in map[string]any)
	walk = func(table string, in map[string]any) {
		for name, v := range in {
			below, is := v.(map[string]any)
			if table == "folders" { // the names are the administrator's own
				name = "NAME"
			}
			if full := strings.TrimPrefix(table+"."+name, "."); is {
				if strings.Contains(full, ".") {
					have = append(have, full)
				}
				walk(full, below)
			} else {
				have = append(have, full)
			}
		}
	}
	walk("", said)
	for _, k := range config.AdminKeys() {
		want = append(want, strings.TrimPrefix(k.Table+"."+k.Name, "."))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the file has\n%v\nand the keys are\n%v", have, want)
	}
}

// Whoever builds the same commit, wherever, gets the same bytes.
func TestReproducible(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("building everything twice takes long")
	}
	_, err := exec.LookPath("git")
	need(t, err == nil, "git is missing")
	_, err = os.Stat(filepath.Join("..", ".git"))
	need(t, err == nil, "this is no git clone, from which Go reads the version")
	var first map[string][]byte
	for _, place := range []string{"one", "two/further/down"} {
		root := filepath.Join(t.TempDir(), place)
		if out, err := exec.CommandContext(t.Context(), "git", "clone", "--quiet", "..", root).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out := t.TempDir()
		files, err := build(t.Context(), order{root: root, out: out, arch: runtime.GOARCH, release: "1", maintainer: packagers})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]byte{}
		for _, f := range files {
			if got[filepath.Base(f)], err = os.ReadFile(f); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) != 2 {
			t.Fatalf("made %v", files)
		}
		if first == nil {
			first = got
			continue
		}
		for name, b := range got {
			if !bytes.Equal(b, first[name]) {
				t.Errorf("%s (%d bytes) is another one (%d bytes) when it is built in another folder", name, len(b), len(first[name]))
			}
		}
	}
}

// A tree with changes makes no package that looks like a commit's.
func TestDirty(t *testing.T) {
	if testing.Short() {
		t.Skip("building everything takes long")
	}
	root := filepath.Join(t.TempDir(), "tree")
	if out, err := exec.CommandContext(t.Context(), "git", "clone", "--quiet", "..", root).CombinedOutput(); err != nil {
		need(t, false, "this is no git clone, from which Go reads the version: "+string(out))
	}
	if err := os.WriteFile(filepath.Join(root, "LICENSE"), []byte("mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := build(t.Context(), order{root: root, out: t.TempDir(), arch: runtime.GOARCH, release: "1", maintainer: packagers})
	if err == nil || !strings.Contains(err.Error(), "not committed") {
		t.Errorf("it was packaged: %v", err)
	}
}

// wanted is in both packages, however else they differ.
var wanted = []string{
	"/usr/bin/bod", "/usr/lib/bod/tell-failure", "/usr/lib/bod/postfix-proof", "/usr/share/doc/bod/example-programs/tell-alarm",
	"/usr/lib/systemd/system/bod.service", "/usr/lib/systemd/system/bod-failed.service",
	"/usr/lib/sysusers.d/bod.conf", "/usr/lib/tmpfiles.d/bod.conf", "/usr/share/bod/bod.service.252.conf", "/usr/share/bod/admin.schema.json",
	"/etc/bod/admin.toml",
	"/usr/share/bash-completion/completions/bod", "/usr/share/fish/vendor_completions.d/bod.fish",
	"/usr/share/man/man1/bod.1.gz", "/usr/share/man/man5/jobs.toml.5.gz", "/usr/share/man/ja/man1/bod.1.gz",
	"/usr/share/doc/bod/README.md", "/usr/share/doc/bod/CHANGELOG.md", "/usr/share/doc/bod/copyright", "/usr/share/doc/bod/third-party-licences",
	"/usr/share/doc/bod/example/jobs.toml", "/usr/share/doc/bod/example/example/letters/請求書送付.txt",
}

// Both packages have what they should, and own no folder that belongs to the system.
func TestContents(t *testing.T) {
	if testing.Short() {
		t.Skip("building everything takes long")
	}
	files, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	list := func(t *testing.T, name string, args ...string) []string {
		t.Helper()
		_, err := exec.LookPath(name)
		need(t, err == nil, name+" is missing")
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	holds := func(t *testing.T, have []string, more ...string) {
		t.Helper()
		for _, name := range slices.Concat(wanted, more) {
			if !slices.Contains(have, name) {
				t.Errorf("%s is missing", name)
			}
		}
	}
	t.Run("deb", func(t *testing.T) {
		var have []string
		line := regexp.MustCompile(`^(\S+) root/root +\d+ \S+ \S+ \.(/.*)$`)
		for _, l := range list(t, "dpkg-deb", "--contents", files[0]) {
			f := line.FindStringSubmatch(l)
			if f == nil {
				t.Errorf("not root's, or not understood: %s", l)
				continue
			}
			if f[1][8] == 'w' || strings.ContainsAny(f[1], "sS") {
				t.Errorf("a mode that is too wide: %s", l)
			}
			have = append(have, f[2])
		}
		holds(t, have, "/usr/share/zsh/vendor-completions/_bod")
		if got := strings.Join(list(t, "dpkg-deb", "--info", files[0], "conffiles"), "\n"); got != "/etc/bod/admin.toml" {
			t.Errorf("conffiles are %s", got)
		}
		if got := list(t, "dpkg-deb", "--field", files[0], "Maintainer")[0]; got != packagers {
			t.Errorf("the maintainer is %s", got)
		}
		version := list(t, "dpkg-deb", "--field", files[0], "Version")[0]
		if !strings.Contains(filepath.Base(files[0]), strings.TrimSuffix(version, "-1")) {
			t.Errorf("version %s in %s", version, files[0])
		}
	})
	t.Run("rpm", func(t *testing.T) {
		have := list(t, "rpm", "-qp", "--list", files[1])
		holds(t, have, "/usr/share/zsh/site-functions/_bod")
		for _, shared := range []string{"/usr", "/usr/bin", "/usr/share/man/man1", "/etc", "/usr/lib/systemd/system"} {
			if slices.Contains(have, shared) {
				t.Errorf("the package owns %s, which belongs to the system", shared)
			}
		}
		if got := strings.Join(list(t, "rpm", "-qp", "--configfiles", files[1]), "\n"); got != "/etc/bod/admin.toml" {
			t.Errorf("configuration files are %s", got)
		}
		if got := strings.Join(list(t, "rpm", "-qp", "--queryformat", "%{PACKAGER}", files[1]), ""); got != packagers {
			t.Errorf("the packager is %s", got)
		}
		scripts := strings.Join(list(t, "rpm", "-qp", "--scripts", files[1]), "\n")
		for _, part := range []string{"postinstall scriptlet", "preuninstall scriptlet", "postuninstall scriptlet"} {
			if !strings.Contains(scripts, part) {
				t.Errorf("there is no %s", part)
			}
		}
	})
}

// next is the package of a later revision, in which the vendor's admin.toml has changed.
func next(t *testing.T, deb string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "deb")
	later := filepath.Join(t.TempDir(), "later.deb")
	for _, args := range [][]string{
		{"dpkg-deb", "--raw-extract", deb, dir},
		{"sed", "-i", "s/^\\(Version: .*\\)-1$/\\1-2/", dir + "/DEBIAN/control"},
		{"sed", "-i", "$a # A word that is new in this version.", dir + "/etc/bod/admin.toml"},
		{"dpkg-deb", "--build", "-Znone", dir, later},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return later
}

// The life of the deb on a machine: install, upgrade, remove, install again, purge.
func TestDeb(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_, err := exec.LookPath("dpkg-deb")
	need(t, err == nil, "dpkg-deb is missing")
	install(t, m)
	chapter := func(name string, f func(t *testing.T)) {
		if !t.Run(name, f) {
			t.FailNow()
		}
	}
	link := "/etc/systemd/system/bod.service.d/50-systemd-252.conf"

	chapter("installed, it waits for its duties", func(t *testing.T) {
		if got := m.show(t, "ActiveState") + " " + m.show(t, "UnitFileState"); got != "inactive disabled" {
			t.Errorf("the service is %s", got)
		}
		m.run(t, "getent", "passwd", "bod")
		// The example that the words after the install name is a whole office.
		m.sh(t, "cp -r /usr/share/doc/bod/example/. /srv/bod/; chmod -R g+w /srv/bod/jobs.toml /srv/bod/example; cd /srv/bod; test $(stat -c %a-%G jobs.toml) = 660-bod; runuser -u bod -- bod check -q; rm -rf /srv/bod/example /srv/bod/jobs.*")
		reload := m.sh(t, "systemctl --version | sed -n '1s/systemd \\([0-9]*\\).*/\\1/p'")
		_, err := m.try(t, "test", "-L", link)
		if old := strings.TrimSpace(reload) < "253"; old != (err == nil) {
			t.Errorf("with systemd %s the drop-in for 252 is there: %v", reload, err == nil)
		}
	})

	chapter("a colleague's file is everybody's", func(t *testing.T) {
		got := m.sh(t, `useradd -G bod mori; useradd -G bod ogawa
runuser -u mori -- sh -c 'umask 077; echo a >/srv/bod/memo.txt'
runuser -u ogawa -- sh -c 'echo b >>/srv/bod/memo.txt'
runuser -u bod -- cat /srv/bod/memo.txt
stat -c %G /srv/bod/memo.txt; rm /srv/bod/memo.txt
runuser -u nobody -- ls /srv/bod && exit 1 || exit 0`)
		if !strings.HasPrefix(got, "a\nb\nbod\n") {
			t.Errorf("got %q", got)
		}
		if out, err := m.try(t, "runuser", "-u", "mori", "--", "ls", "/var/lib/bod"); err == nil {
			t.Errorf("the ledger's folder can be listed by the staff: %s", out)
		}
	})

	office(t, m, "first")
	m.run(t, "systemctl", "enable", "--now", "bod")
	m.do(t, "first")
	m.awaitState(t, "first", "sent")

	chapter("an upgrade restarts it and keeps the administrator's words", func(t *testing.T) {
		m.sh(t, "echo '# ours' >>/etc/bod/admin.toml")
		files, err := tree()
		if err != nil {
			t.Fatal(err)
		}
		m.bring(t, next(t, files[0]), "later.deb")
		pid, from := m.show(t, "MainPID"), m.mark(t)
		m.run(t, "dpkg", "--force-confdef", "--install", "/test/later.deb") // the default, where nobody is there to be asked
		m.hear(t, from, service, "msg=ready")
		if got := m.show(t, "MainPID"); got == pid {
			t.Errorf("process %s is still at work", pid)
		}
		m.sh(t, "grep -qx '# ours' /etc/bod/admin.toml; ! grep -q 'new in this version' /etc/bod/admin.toml; grep -q 'new in this version' /etc/bod/admin.toml.dpkg-dist")
		if got := m.show(t, "UnitFileState"); got != "enabled" {
			t.Errorf("the service is %s", got)
		}
		if got := m.run(t, "dpkg-query", "-W", "-f", "${Version}", "bod"); !strings.HasSuffix(got, "-2") {
			t.Errorf("version %s", got)
		}
	})

	kept := func(t *testing.T) {
		t.Helper()
		m.sh(t, "test -s /var/lib/bod/ledger.db; test -s /srv/bod/jobs.toml; test -s /etc/bod/smtp-password; id bod; test $(stat -c %U /var/lib/bod) = bod")
	}

	chapter("removed, it stops and leaves what is not its own", func(t *testing.T) {
		from := m.mark(t)
		m.run(t, "dpkg", "--remove", "bod")
		m.hear(t, from, service, "msg=stopping")
		kept(t)
		m.sh(t, "grep -qx '# ours' /etc/bod/admin.toml; ! test -e /usr/bin/bod; ! test -L "+link+"; ! test -e /etc/systemd/system/multi-user.target.wants/bod.service")
	})

	chapter("installed again, it goes on with its ledger", func(t *testing.T) {
		m.run(t, "dpkg", "--install", "/test/later.deb")
		from := m.mark(t)
		m.run(t, "systemctl", "enable", "--now", "bod")
		if got := m.states(t)["first"]; got != "sent" {
			t.Errorf("the message of before is %q", got)
		}
		if n := m.heard(t, from, service, "a new ledger"); n != 0 {
			t.Error("it began a new ledger")
		}
	})

	chapter("purged, it still leaves the ledger, the office and the password", func(t *testing.T) {
		out := m.run(t, "dpkg", "--purge", "bod")
		for _, name := range []string{"/var/lib/bod", "/srv/bod", "/etc/bod"} {
			if !strings.Contains(out, "bod: "+name+" was kept") {
				t.Errorf("nobody was told that %s was kept: %s", name, out)
			}
		}
		kept(t)
		m.sh(t, "! test -e /etc/bod/admin.toml; ! dpkg-query -W bod 2>/dev/null")
	})
}

// The same for the rpm, as far as Debian's rpm can play Fedora: the scripts run, what they need is not looked at.
func TestRPM(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_, err := m.try(t, "rpm", "--version")
	need(t, err == nil, "rpm is missing")
	files, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	m.bring(t, files[1], "bod.rpm")
	later, err := build(t.Context(), order{root: "..", out: t.TempDir(), arch: runtime.GOARCH, release: "2", maintainer: packagers, dirty: true})
	if err != nil {
		t.Fatal(err)
	}
	m.bring(t, later[1], "later.rpm")

	m.run(t, "rpm", "--install", "--nodeps", "/test/bod.rpm")
	office(t, m, "first")
	m.run(t, "systemctl", "enable", "--now", "bod")
	m.do(t, "first")
	m.awaitState(t, "first", "sent")

	m.sh(t, "echo '# ours' >>/etc/bod/admin.toml")
	from := m.mark(t)
	m.run(t, "rpm", "--upgrade", "--nodeps", "/test/later.rpm")
	m.hear(t, from, service, "msg=ready")
	if got := m.show(t, "ActiveState") + " " + m.show(t, "UnitFileState"); got != "active enabled" {
		t.Errorf("after the upgrade the service is %s", got)
	}
	m.sh(t, "grep -qx '# ours' /etc/bod/admin.toml")

	from = m.mark(t)
	m.run(t, "rpm", "--erase", "bod")
	m.hear(t, from, service, "msg=stopping")
	m.sh(t, "test -s /var/lib/bod/ledger.db; test -s /srv/bod/jobs.toml; test -s /etc/bod/smtp-password; id bod; ! test -e /usr/bin/bod; grep -qx '# ours' /etc/bod/admin.toml.rpmsave")
}
