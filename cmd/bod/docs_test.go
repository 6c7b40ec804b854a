package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bod/internal/config"
	"bod/internal/jobs"
)

// manualPages are the pages that people read. Those that are written by the program are held to it elsewhere.
func manualPages(t *testing.T) (root string, files []string) {
	t.Helper()
	root = filepath.Join("..", "..")
	for _, pattern := range []string{"*.md", "docs/*.md", "example/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 6 {
		t.Fatalf("only %d pages: %v", len(files), files)
	}
	return root, files
}

// fence is a block of code in a page.
type fence struct {
	kind, text, lang string // lang is of the part of the page that it stands in
	line             int
}

// fences finds the blocks of code, and answers what is left of the page without them.
func fences(name, page string) (found []fence, prose string) {
	lang := "ja"
	if strings.HasSuffix(name, ".en.md") || strings.HasSuffix(name, "SECURITY.md") || strings.HasSuffix(name, "CONTRIBUTING.md") {
		lang = "en"
	}
	var open *fence
	var rest strings.Builder
	for n, line := range strings.Split(page, "\n") {
		mark, is := strings.CutPrefix(line, "```")
		switch {
		case is && open == nil:
			open = &fence{kind: strings.TrimSpace(mark), lang: lang, line: n + 1}
		case is:
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		default:
			if strings.HasPrefix(line, "# ") && strings.Contains(line, "English") {
				lang = "en"
			}
			rest.WriteString(line + "\n")
		}
	}
	return found, rest.String()
}

var (
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	pageLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	callOfBod  = regexp.MustCompile(`(?:^|\s)(?:go run \./cmd/bod|bod)(?:\s|$)`)
	pageTitle  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

// Every command that a page shows is one that bod has, with its flags.
func TestPagesShowCommandsThatExist(t *testing.T) {
	_, files := manualPages(t)
	count := 0
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blocks, prose := fences(file, string(page))
		var lines []string
		for _, b := range blocks {
			if b.kind == "sh" {
				lines = append(lines, strings.Split(b.text, "\n")...)
			}
		}
		for _, m := range inlineCode.FindAllStringSubmatch(prose, -1) {
			if strings.HasPrefix(m[1], "bod ") || strings.Contains(m[1], " bod ") || strings.Contains(m[1], "./cmd/bod ") {
				lines = append(lines, m[1])
			}
		}
		for _, line := range lines {
			for _, args := range calls(line) {
				count++
				if err := understood(args); err != nil {
					t.Errorf("%s: %q: %v", filepath.Base(file), line, err)
				}
			}
		}
	}
	if count < 60 {
		t.Errorf("only %d commands were found in the pages", count)
	}
}

// calls finds the calls of bod in a line of a shell, as a person would type it.
func calls(line string) (found [][]string) {
	for _, part := range regexp.MustCompile(`&&|\|\||[|;]`).Split(line, -1) {
		words := shellWords(part)
		at := slices.IndexFunc(words, func(w string) bool { return w == "bod" || w == "./cmd/bod" })
		if at < 0 || !callOfBod.MatchString(part) {
			continue
		}
		if before := words[:at]; len(before) > 0 && !slices.Contains([]string{"run", "bod", "sudo"}, before[len(before)-1]) && before[0] != "BOD_JOBS=/srv/bod/jobs.toml" {
			continue // systemctl reload bod, man bod
		}
		rest := words[at+1:]
		if len(rest) > 0 && rest[0] == "bod" { // sudo -u bod bod …
			rest = rest[1:]
		}
		found = append(found, rest)
	}
	return found
}

// shellWords splits a line as a shell does, up to a remark or a redirection.
func shellWords(line string) (words []string) {
	var w strings.Builder
	quoted, some := false, false
	end := func() {
		if some {
			words = append(words, w.String())
		}
		w.Reset()
		some = false
	}
	for _, r := range line {
		switch {
		case r == '"':
			quoted, some = !quoted, true
		case quoted:
			w.WriteRune(r)
		case r == '#' && !some, r == '>':
			end()
			return words
		case r == ' ' || r == '\t':
			end()
		default:
			w.WriteRune(r)
			some = true
		}
	}
	end()
	return words
}

// understood asks the commands themselves whether they take the words.
func understood(args []string) error {
	if len(args) == 0 || args[0] == "COMMAND" {
		return nil
	}
	var out bytes.Buffer
	root := newDesk([]string{"--file", "none.toml"}, nil, &out, &out).root()
	root.InitDefaultHelpFlag()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if !cmd.HasParent() {
		if strings.HasPrefix(args[0], "-") {
			return cmd.ParseFlags(rest)
		}
		return cmd.Args(cmd, args)
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if left := cmd.Flags().Args(); len(left) > 0 && cmd.Args != nil {
		return cmd.Args(cmd, left)
	}
	return nil // in the prose a command is often named without what it takes
}

// Every piece of a file that a page shows can be put into the example, and bod takes it.
func TestPagesShowRulesThatLoad(t *testing.T) {
	root, files := manualPages(t)
	bases := map[string]string{}
	count := 0
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blocks, _ := fences(file, string(page))
		letter := ""
		for _, b := range blocks {
			if b.kind == "text" && (strings.HasPrefix(b.text, "件名：") || strings.HasPrefix(b.text, "Subject:")) {
				letter = b.text
			}
			if b.kind != "toml" {
				continue
			}
			count++
			base := bases[b.lang]
			if base == "" {
				base = exampleOffice(t, root, b.lang)
				bases[b.lang] = base
			}
			rules, err := os.ReadFile(filepath.Join(base, "jobs.toml"))
			if err != nil {
				t.Fatal(err)
			}
			text, admin := string(rules), ""
			if strings.HasPrefix(b.text, "# /etc/bod/admin.toml") {
				admin = filepath.Join(t.TempDir(), "admin.toml")
				own := filepath.Dir(admin)
				placed := strings.NewReplacer("/etc/bod/", own+"/", "/mnt/keiri", own).Replace(b.text)
				for _, name := range []string{"smtp-password", "ca.pem", "oauth2-secret"} {
					write(t, filepath.Join(own, name), "x\n")
				}
				if err := os.Mkdir(filepath.Join(own, "programs"), 0o755); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"tell-alarm", "postfix-proof"} {
					program := filepath.Join(own, "programs", name)
					write(t, program, "#!/bin/sh\n")
					if err := os.Chmod(program, 0o755); err != nil {
						t.Fatal(err)
					}
				}
				write(t, admin, placed)
			} else {
				text = merge(text, b.text)
			}
			for _, m := range regexp.MustCompile(`(?m)^letter\s*=\s*"([^"]+)"`).FindAllStringSubmatch(b.text, -1) {
				place := filepath.Join(base, filepath.FromSlash(m[1]))
				if _, err := os.Stat(place); err != nil && letter != "" {
					write(t, place, letter)
				}
			}
			merged := filepath.Join(base, "merged.toml")
			write(t, merged, text)
			c, problems := config.LoadWith(merged, admin, jobs.ConfigKinds())
			for _, p := range problems {
				if c == nil || !strings.HasSuffix(p.File, "admin.toml") {
					t.Errorf("%s, the block in line %d: %s", filepath.Base(file), b.line, p)
				}
			}
		}
	}
	if count < 15 {
		t.Errorf("only %d blocks were found in the pages", count)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// exampleOffice is a copy of the example that a reader of the language has before them.
func exampleOffice(t *testing.T, root, lang string) string {
	t.Helper()
	dir := t.TempDir()
	from, rules := filepath.Join(root, "example", "en"), filepath.Join(root, "example", "en", "jobs.toml")
	to := dir
	if lang == "ja" {
		from, rules, to = filepath.Join(root, "example"), filepath.Join(root, "jobs.toml"), filepath.Join(dir, "example")
	}
	skip := func(name string) bool { return strings.Contains(name, ".bod") || strings.Contains(name, "outbox") }
	err := fs.WalkDir(os.DirFS(from), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || skip(name) {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(rules)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "jobs.toml"), string(text))
	return dir
}

var tableHead = regexp.MustCompile(`^\[+[^\]]+\]+`)

// merge does to a file of rules what a page tells a person to do: a table that is there gets the keys that the page shows, in
// the place of those with the same name, and a new one is put below.
func merge(rules, block string) string {
	type part struct {
		head  string
		lines []string
	}
	split := func(text string) []part {
		parts := []part{{}}
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\n")
			if head := tableHead.FindString(line); head != "" {
				parts = append(parts, part{head: head})
			}
			last := &parts[len(parts)-1]
			last.lines = append(last.lines, line)
		}
		return parts
	}
	key := func(line string) string {
		k, _, is := strings.Cut(line, "=")
		if k = strings.TrimSpace(k); !is || strings.HasPrefix(k, "#") {
			return ""
		}
		return k
	}
	all := split(rules)
	for _, p := range split(block) {
		at := slices.IndexFunc(all, func(have part) bool { return have.head == p.head })
		if at < 0 || strings.HasPrefix(p.head, "[[") { // one more of a list
			all = append(all, p)
			continue
		}
		for _, line := range p.lines {
			k := key(line)
			if k == "" {
				continue
			}
			i := slices.IndexFunc(all[at].lines, func(have string) bool { return key(have) == k })
			if i < 0 {
				all[at].lines = append(all[at].lines, line)
			} else {
				all[at].lines[i] = line
			}
		}
	}
	var out strings.Builder
	for _, p := range all {
		for _, line := range p.lines {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

// What a page shows under a command is what bod answers.
func TestPagesShowWhatBodSays(t *testing.T) {
	root, _ := manualPages(t)
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, _ := fences("README.md", string(page))
	count := 0
	for _, b := range blocks {
		first, want, _ := strings.Cut(b.text, "\n")
		line, is := strings.CutPrefix(first, "$ ")
		if !is {
			continue
		}
		count++
		base := exampleOffice(t, root, b.lang)
		args := slices.DeleteFunc(calls(line)[0], func(w string) bool { return w == "-f" || strings.HasSuffix(w, "jobs.toml") })
		args = append(args, "--file", filepath.Join(base, "jobs.toml"))
		if args[0] == "rehearse" {
			args = append(args, "--out", filepath.Join(base, "played"))
		}
		var out, errs bytes.Buffer
		if err := run(t.Context(), args, nil, &out, &errs); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, errs.String())
		}
		// What follows names the folder, which is another one here.
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s is answered with\n%s\nbut the page shows\n%s", line, out.String(), want)
		}
	}
	if count != 4 {
		t.Errorf("%d answers are shown, not two in each language", count)
	}
}

// A link leads to a file of the repository, and to a heading that it has.
func TestPagesLinkToWhatIsThere(t *testing.T) {
	_, files := manualPages(t)
	count := 0
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, prose := fences(file, string(page))
		for _, m := range pageLink.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			count++
			name, anchor, _ := strings.Cut(m[1], "#")
			target := file
			if name != "" {
				target = filepath.Join(filepath.Dir(file), filepath.FromSlash(name))
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: the link %q leads nowhere", filepath.Base(file), m[1])
				continue
			}
			if anchor == "" || info.IsDir() {
				continue
			}
			there, err := os.ReadFile(target)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(anchors(string(there)), anchor) {
				t.Errorf("%s: there is no heading for %q", filepath.Base(file), m[1])
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d links were found in the pages", count)
	}
}

// anchors are a page's headings as the usual renderers name them: lower case, hyphens for spaces, no punctuation.
func anchors(page string) (names []string) {
	drop := regexp.MustCompile(`[^\p{L}\p{N}\p{M} _-]`)
	for _, m := range pageTitle.FindAllStringSubmatch(page, -1) {
		names = append(names, strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return names
}
