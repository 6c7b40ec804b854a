// Command packaging makes the deb and the rpm of bod:
//
//	go run ./packaging
//
// It promises that a package says what is in it. The program is static and built with -trimpath, so that anybody
// who builds the same commit gets the same bytes. Its version is the one that Go reads out of git, is the package's too, and
// for a release has to be the newest in CHANGELOG.md. A tree with changes that are not committed makes no package, unless it is
// asked for with -dirty, and then the version says so.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/mail"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("packaging", flag.ContinueOnError)
	f.SetOutput(stderr)
	root := f.String("C", ".", "the `FOLDER` of bod's source")
	out := f.String("o", "dist", "the `FOLDER` that the packages are written to")
	arch := f.String("arch", runtime.GOARCH, "the machine they are for, by Go's `NAME`: amd64 or arm64")
	release := f.String("release", "1", "the package's own `NUMBER`, raised when the same bod is packaged anew")
	maintainer := f.String("maintainer", "bod's packagers <packages@bod.example>", "who answers for the packages, as `NAME <ADDRESS>`; whoever gives them to others says so here")
	dirty := f.Bool("dirty", false, "package changes that are not committed, too; for trying out")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("couldn't understand %q: everything is said by flags", f.Arg(0))
	}
	files, err := build(ctx, order{root: *root, out: *out, arch: *arch, release: *release, maintainer: *maintainer, dirty: *dirty})
	for _, name := range files {
		fmt.Fprintln(stdout, name)
	}
	return err
}

// order is what is to be packaged, and where to.
type order struct {
	root, out, arch, release string
	maintainer               string // of the packages
	dirty                    bool
}

// build makes both packages and answers their names.
func build(ctx context.Context, o order) (files []string, err error) {
	if a, err := mail.ParseAddress(o.maintainer); err != nil || a.Name == "" {
		return nil, fmt.Errorf("couldn't use %q as the maintainer: it is NAME <ADDRESS>", o.maintainer)
	}
	if o.root, err = filepath.Abs(o.root); err != nil {
		return nil, fmt.Errorf("couldn't find the source: %w", err)
	}
	if o.out, err = filepath.Abs(o.out); err != nil {
		return nil, fmt.Errorf("couldn't find the place for the packages: %w", err)
	}
	stage, err := os.MkdirTemp("", "bod-packaging-")
	if err != nil {
		return nil, fmt.Errorf("couldn't make a folder to work in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	s := &stager{order: o, dir: stage}

	program := filepath.Join(stage, "bod")
	if err := s.compile(ctx, program, "./cmd/bod"); err != nil {
		return nil, err
	}
	proof := filepath.Join(stage, "postfix-proof")
	if err := s.compile(ctx, proof, "./cmd/postfix-proof"); err != nil {
		return nil, err
	}
	made, err := inspect(program)
	if err != nil {
		return nil, err
	}
	if made.dirty && !o.dirty {
		return nil, errors.New("couldn't package a tree with changes that are not committed: a package has to say what is in it; " +
			"commit them, or say -dirty to try something out")
	}
	changes, err := os.ReadFile(filepath.Join(o.root, "CHANGELOG.md"))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the changelog: %w", err)
	}
	if err := made.agrees(string(changes)); err != nil {
		return nil, err
	}
	s.when = made.time
	if err := s.collect(ctx, program, proof); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, fmt.Errorf("couldn't make the folder for the packages: %w", err)
	}
	for _, kind := range []string{"deb", "rpm"} {
		name, err := s.pack(ctx, kind, made.packageVersion())
		if err != nil {
			return files, err
		}
		files = append(files, name)
	}
	return files, nil
}

// stager collects what goes into the packages.
type stager struct {
	order
	dir      string
	when     time.Time // of every file: the commit's
	contents []content
}

// content is one file or folder, in nfpm's words.
type content struct {
	Src      string   `json:"src,omitempty"`
	Dst      string   `json:"dst"`
	Type     string   `json:"type,omitempty"`
	Packager string   `json:"packager,omitempty"`
	Info     fileInfo `json:"file_info"`
}

type fileInfo struct {
	Mode  fs.FileMode `json:"mode"`
	Mtime time.Time   `json:"mtime"`
}

// command runs a program in the source's folder and answers what it wrote.
func (s *stager) command(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = s.root, append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("couldn't run %s %s: %w\n%s%s", name, strings.Join(args, " "), err, said.String(), out)
	}
	return out, nil
}

// compile builds a program. GOFLAGS is emptied, because a -ldflags or -tags from somebody's environment would be in the bytes.
func (s *stager) compile(ctx context.Context, to, pkg string) error {
	_, err := s.command(ctx, []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + s.arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0"},
		"go", "build", "-trimpath", "-buildvcs=true", "-o", to, pkg)
	return err
}

// made is what a compiled bod says of itself.
type made struct {
	version string // as Go writes it: v0.1.0, or v0.1.1-0.20261124110307-6910fde59723+dirty
	time    time.Time
	dirty   bool
}

// inspect reads the program's own description, and holds it to what the packages promise.
func inspect(program string) (made, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return made{}, fmt.Errorf("couldn't read what bod was built of: %w", err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" {
		return made{}, errors.New("couldn't package bod: it was not built static and with -trimpath")
	}
	m := made{version: info.Main.Version, dirty: settings["vcs.modified"] == "true"}
	if m.time, err = time.Parse(time.RFC3339, settings["vcs.time"]); err != nil || !strings.HasPrefix(m.version, "v") {
		return made{}, errors.New("couldn't find bod's version: packages are made in a git clone, from which Go reads it")
	}
	return m, nil
}

// A version that names a commit and not a release, as Go makes it: v0.0.0-TIME-COMMIT, v1.2.4-0.TIME-COMMIT.
var unreleased = regexp.MustCompile(`\d{14}-[0-9a-f]{12}`)

// packageVersion is the version as dpkg and rpm order it: what comes before a release sorts before it ("~"), and there is no second
// hyphen, which both keep for the package's own revision.
func (m made) packageVersion() string {
	v := strings.TrimPrefix(m.version, "v")
	base, pre, is := strings.Cut(v, "-")
	if !is {
		return v
	}
	return base + "~" + strings.ReplaceAll(pre, "-", ".")
}

// The first heading of CHANGELOG.md: ## 0.1.0（未公開 / unreleased）
var heading = regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+)(.*)$`)

// agrees holds a release to its changelog: an operator who reads of 0.2.0 must not be given 0.1.0, nor the other way round.
func (m made) agrees(changelog string) error {
	h := heading.FindStringSubmatch(changelog)
	if h == nil {
		return errors.New("couldn't find a version in CHANGELOG.md: it is a heading like ## 0.1.0")
	}
	if unreleased.MatchString(m.version) {
		return nil
	}
	release, _, _ := strings.Cut(strings.TrimPrefix(m.version, "v"), "+")
	if release, _, _ = strings.Cut(release, "-"); release != h[1] {
		return fmt.Errorf("couldn't package %s: the newest version in CHANGELOG.md is %s", m.version, h[1])
	}
	if strings.Contains(h[2], "unreleased") {
		return fmt.Errorf("couldn't package %s: CHANGELOG.md calls it unreleased", m.version)
	}
	return nil
}

// The places of what bod brings beside the program.
const (
	docs     = "/usr/share/doc/bod"
	examples = docs + "/example"
)

// collect puts the list of contents together. Every file is named here, or stands in git: what lies about in the tree is not shipped.
func (s *stager) collect(ctx context.Context, program, proof string) error {
	s.file(program, "/usr/bin/bod", 0o755)
	s.file(proof, "/usr/lib/bod/postfix-proof", 0o755)
	s.file(s.in("packaging/tell-alarm"), examples+"-programs/tell-alarm", 0o755)
	s.file(s.in("systemd/bod.service"), "/usr/lib/systemd/system/bod.service", 0o644)
	s.file(s.in("systemd/bod-failed.service"), "/usr/lib/systemd/system/bod-failed.service", 0o644)
	s.file(s.in("systemd/bod.service.252.conf"), "/usr/share/bod/bod.service.252.conf", 0o644)
	s.file(s.in("packaging/admin.schema.json"), "/usr/share/bod/admin.schema.json", 0o644)
	s.file(s.in("systemd/tell-failure"), "/usr/lib/bod/tell-failure", 0o755)
	s.file(s.in("systemd/bod.sysusers.conf"), "/usr/lib/sysusers.d/bod.conf", 0o644)
	s.file(s.in("systemd/bod.tmpfiles.conf"), "/usr/lib/tmpfiles.d/bod.conf", 0o644)
	s.file(s.in("README.md"), docs+"/README.md", 0o644)
	s.file(s.in("CHANGELOG.md"), docs+"/CHANGELOG.md", 0o644)
	s.file(s.in("LICENSE"), docs+"/copyright", 0o644)
	s.add(content{Src: s.in("packaging/admin.toml"), Dst: "/etc/bod/admin.toml", Type: "config|noreplace", Info: fileInfo{Mode: 0o644}})
	for _, dir := range []string{"/etc/bod", "/usr/lib/bod", "/usr/share/bod", docs, examples, examples + "-programs"} {
		s.add(content{Dst: dir, Type: "dir", Info: fileInfo{Mode: 0o755}})
	}
	if err := s.example(ctx); err != nil {
		return err
	}
	if err := s.completions(ctx); err != nil {
		return err
	}
	if err := s.manual(); err != nil {
		return err
	}
	return s.licences(ctx)
}

func (s *stager) in(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

func (s *stager) file(src, dst string, mode fs.FileMode) {
	s.add(content{Src: src, Dst: dst, Info: fileInfo{Mode: mode}})
}

func (s *stager) add(c content) {
	c.Info.Mtime = s.when
	s.contents = append(s.contents, c)
}

// write makes a file that does not stand in the source.
func (s *stager) write(name string, data []byte, dst, packager string) error {
	src := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(src), 0o755); err != nil {
		return fmt.Errorf("couldn't make %s: %w", dst, err)
	}
	if err := os.WriteFile(src, data, 0o644); err != nil {
		return fmt.Errorf("couldn't make %s: %w", dst, err)
	}
	s.add(content{Src: src, Dst: dst, Packager: packager, Info: fileInfo{Mode: 0o644}})
	return nil
}

// example takes the office that the README plays with, such that a copy of the folder is one that runs.
func (s *stager) example(ctx context.Context) error {
	list, err := s.command(ctx, nil, "git", "ls-files", "-z", "--", "jobs.toml", "jobs.schema.json", "example")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		s.file(s.in(name), path.Join(examples, name), 0o644)
	}
	return nil
}

// completions are made by bod itself. For another machine's packages a second one is built that runs here.
func (s *stager) completions(ctx context.Context) error {
	program := filepath.Join(s.dir, "bod")
	if s.arch != runtime.GOARCH || runtime.GOOS != "linux" {
		program = filepath.Join(s.dir, "bod-here")
		if _, err := s.command(ctx, []string{"CGO_ENABLED=0"}, "go", "build", "-o", program, "./cmd/bod"); err != nil {
			return err
		}
	}
	for _, c := range []struct{ shell, packager, dst string }{
		{"bash", "", "/usr/share/bash-completion/completions/bod"},
		{"zsh", "deb", "/usr/share/zsh/vendor-completions/_bod"},
		{"zsh", "rpm", "/usr/share/zsh/site-functions/_bod"},
		{"fish", "", "/usr/share/fish/vendor_completions.d/bod.fish"},
	} {
		// The language of the words beside a completion comes from the terminal at the time, not from here.
		text, err := s.command(ctx, []string{"LC_ALL=C.UTF-8", "BOD_JOBS=" + filepath.Join(s.dir, "none.toml")}, program, "completion", c.shell)
		if err != nil {
			return err
		}
		if err := s.write("completion/"+c.packager+c.shell, text, c.dst, c.packager); err != nil {
			return err
		}
	}
	return nil
}

// manual takes every page in docs/man: NAME.SECTION in English, and below a folder LANGUAGE/ in others.
func (s *stager) manual() error {
	pages, err := filepath.Glob(s.in("docs/man/*.[1-9]"))
	if err != nil {
		return fmt.Errorf("couldn't look for the manual: %w", err)
	}
	others, err := filepath.Glob(s.in("docs/man/*/*.[1-9]"))
	if err != nil {
		return fmt.Errorf("couldn't look for the manual: %w", err)
	}
	for _, page := range slices.Concat(pages, others) {
		rel, err := filepath.Rel(s.in("docs/man"), page)
		if err != nil {
			return fmt.Errorf("couldn't find the language of %s: %w", page, err)
		}
		lang, name := path.Split(filepath.ToSlash(rel))
		data, err := os.ReadFile(page)
		if err != nil {
			return fmt.Errorf("couldn't read the manual: %w", err)
		}
		// Without a name and a time in its head, gzip gives the same bytes each time.
		var zipped bytes.Buffer
		z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		if _, err := z.Write(data); err != nil {
			return fmt.Errorf("couldn't compress the manual: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("couldn't compress the manual: %w", err)
		}
		dst := path.Join("/usr/share/man", lang, "man"+name[len(name)-1:], name+".gz")
		if err := s.write("man/"+lang+name+".gz", zipped.Bytes(), dst, ""); err != nil {
			return err
		}
	}
	return nil
}

// licences collects the words of every library that is part of the program, and Go's own: they ask to go where the program goes.
func (s *stager) licences(ctx context.Context) error {
	list, err := s.command(ctx, []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + s.arch, "GOFLAGS="}, "go", "list", "-deps",
		"-f", `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}`, "./cmd/bod")
	if err != nil {
		return err
	}
	goroot, err := s.command(ctx, nil, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	modules := strings.Split(strings.TrimSpace(string(list)), "\n")
	slices.Sort(modules)
	var text bytes.Buffer
	text.WriteString("bod is built of the following libraries beside its own code. Each stands under its own licence.\n")
	for _, line := range append([]string{"Go\t" + strings.TrimSpace(string(goroot))}, slices.Compact(modules)...) {
		name, dir, ok := strings.Cut(line, "\t")
		if !ok {
			continue // a package of ours or of Go
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("couldn't look for the licence of %s: %w", name, err)
		}
		found := false
		for _, e := range entries {
			upper := strings.ToUpper(e.Name())
			if e.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, func(p string) bool { return strings.HasPrefix(upper, p) }) {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return fmt.Errorf("couldn't read the licence of %s: %w", name, err)
			}
			fmt.Fprintf(&text, "\n==== %s: %s ====\n\n%s\n", name, e.Name(), bytes.TrimSpace(data))
			found = true
		}
		if !found {
			return fmt.Errorf("couldn't find the licence of %s in %s", name, dir)
		}
	}
	return s.write("licences", text.Bytes(), docs+"/third-party-licences", "")
}

// pack lets nfpm make one package. Its configuration is written as JSON, which YAML includes.
func (s *stager) pack(ctx context.Context, kind, version string) (string, error) {
	script := func(name string) string { return s.in("packaging/scripts/" + name) }
	type fields = map[string]any
	config, err := json.MarshalIndent(fields{
		"name":           "bod",
		"arch":           s.arch,
		"platform":       "linux",
		"version":        version,
		"version_schema": "none",
		"release":        s.release,
		"section":        "admin",
		"priority":       "optional",
		"maintainer":     s.maintainer,
		"license":        "Apache-2.0",
		"mtime":          s.when,
		"description": "the back-office daemon\n" +
			"Does the recurring duties of a back office as they were agreed: it sends the\n" +
			"invoices on their dates, waits for confirmations, sends nothing twice, and tells\n" +
			"the office once a day what was done, what needs a person and what comes next.",
		// With 252 "systemctl reload" works by a drop-in; before it, nobody has tried.
		"depends":    []string{map[string]string{"deb": "systemd (>= 252)", "rpm": "systemd >= 252"}[kind]},
		"recommends": []string{"ca-certificates"},
		"contents":   s.contents,
		"scripts":    fields{"postinstall": script("after-install"), "preremove": script("before-remove"), "postremove": script("after-remove")},
		// Where and with what it was packed is no part of what it is.
		"rpm": fields{"buildhost": "localhost", "group": "System Environment/Daemons", "summary": "the back-office daemon"},
		// Names of files are names: none of them is a pattern.
		"disable_globbing": true,
	}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("couldn't write the list for nfpm: %w", err)
	}
	list := filepath.Join(s.dir, kind+".json")
	if err := os.WriteFile(list, config, 0o600); err != nil {
		return "", fmt.Errorf("couldn't write the list for nfpm: %w", err)
	}
	said, err := s.command(ctx, []string{"SOURCE_DATE_EPOCH=" + fmt.Sprint(s.when.Unix())},
		"go", "tool", "-modfile=tools.mod", "nfpm", "package", "--config", list, "--packager", kind, "--target", s.out)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(said)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "created package: "); ok {
			return name, nil
		}
	}
	return "", fmt.Errorf("couldn't learn what the %s is called from what nfpm said:\n%s", kind, said)
}
