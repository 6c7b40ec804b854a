package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
)

func nfc(s string) string { return norm.NFC.String(s) }

// folderPrefix begins a path in a folder of [folders]: "folder:share/2026/…".
const folderPrefix = "folder:"

// maxEntries of one folder are looked at; more are a folder that was named by mistake.
const maxEntries = 100_000

// FileError says why a file or folder of the configuration could not be had, in
// words for the person who wrote the path.
type FileError struct {
	Path       string
	What, Next calendar.Text
	Err        error // may be nil
	Away       bool  // the folder of [folders] itself could not be had: a share that may be mounted later
}

func (e *FileError) Error() string {
	s := "couldn't open " + e.Path + ": " + e.What.EN
	if e.Err != nil && !errors.Is(e.Err, fs.ErrNotExist) {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *FileError) Unwrap() error { return e.Err }

// Match is one file found by a pattern.
type Match struct {
	Path    string // as ReadFile takes it, with the folder's name where it has one
	Name    string // base name, in NFC
	Size    int64
	ModTime time.Time
}

// place splits a path of the file into the folder that it may lie in and the
// way from there. Nothing is opened.
func (c *Config) place(p string) (dir, prefix, rel string, err error) {
	bad := func(what, next calendar.Text) error { return &FileError{Path: p, What: what, Next: next} }
	fromHere := say("jobs.toml のあるフォルダーからの道筋か、\"folder:名前/…\" で書いてください",
		"write it from the folder of jobs.toml, or as \"folder:NAME/…\"")
	switch {
	case p == "":
		return "", "", "", bad(say("ファイルの名前がありません", "there is no file name"), fromHere)
	case strings.ContainsFunc(p, func(r rune) bool { return r < 0x20 || r == 0x7F }):
		return "", "", "", bad(say("ファイルの名前に制御文字があります", "there is a control character in the file name"),
			say(`\ の代わりに / で書いてください`, `write / instead of \`))
	case len(p) >= 2 && p[1] == ':' && (p[0]|0x20 >= 'a' && p[0]|0x20 <= 'z'):
		return "", "", "", bad(say("%c: のようなドライブの場所は使えません", "a drive such as %c: cannot be used", p[0]),
			say("そのフォルダーを [folders] に名前を付けて書き、\"folder:名前/…\" で指してください",
				"give the folder a name in [folders] and write \"folder:NAME/…\""))
	case strings.Contains(p, `\`):
		return "", "", "", bad(say(`ファイルの名前に \ は使えません`, `a file name cannot have \`), say(`/ で書いてください`, `write / instead`))
	}
	dir, rel = c.Dir, p
	if rest, ok := strings.CutPrefix(p, folderPrefix); ok {
		name, r, _ := strings.Cut(rest, "/")
		name = nfc(name)
		d, known := c.Folders[name]
		if !known {
			next := say("[folders] に %s = \"/場所\" を書いてください", "write %s = \"/place\" in [folders]", shownKey(name))
			if c.AdminPath != "" {
				next = say("名前を確かめてください。新しいフォルダーは管理者に頼んでください", "see whether the name is right; ask the administrator for a new folder")
			}
			return "", "", "", bad(say("フォルダー %s は [folders] にありません", "the folder %s is not in [folders]", name), next)
		}
		dir, prefix, rel = d, folderPrefix+name+"/", r
	}
	switch {
	case strings.HasPrefix(rel, "/"):
		return "", "", "", bad(say("/ で始まる場所は使えません", "a path that begins with / cannot be used"), fromHere)
	case slices.Contains(strings.Split(rel, "/"), ".."):
		return "", "", "", bad(say("「..」は使えません", "\"..\" cannot be used"), fromHere)
	}
	rel = path.Clean(rel)
	if rel == "." {
		return "", "", "", bad(say("ファイルの名前がありません", "there is no file name"), fromHere)
	}
	return dir, prefix, rel, nil
}

// openRoot opens one of the folders that paths may lie in. A named folder that is
// not there, has nothing at all in it, or is no mount point where it has to be one,
// is a share that is not mounted: an error, never an empty folder.
func (c *Config) openRoot(dir, prefix string) (*os.Root, error) {
	r, err := os.OpenRoot(dir)
	next := say("フォルダーがつながっているか（マウントされているか）を確かめてください", "see whether the folder is there and mounted")
	if err != nil {
		return nil, &FileError{Path: dir, What: say("フォルダーを開けません", "the folder cannot be opened"), Next: next, Err: err, Away: prefix != ""}
	}
	if prefix == "" {
		return r, nil
	}
	// It is opened before anything is asked of it: that makes an automounter mount it.
	d, err := r.Open(".")
	if err == nil {
		_, err = d.ReadDir(1)
		if c.mounts[strings.TrimSuffix(strings.TrimPrefix(prefix, folderPrefix), "/")] && !mountPoint(d, dir) {
			err = errors.Join(r.Close(), d.Close())
			return nil, &FileError{Path: dir, What: say("フォルダーに何もマウントされていません", "nothing is mounted on the folder"), Next: next, Err: err, Away: true}
		}
		d.Close()
	}
	if err != nil {
		r.Close()
		return nil, &FileError{Path: dir, What: say("フォルダーが空か、読めません", "the folder is empty or cannot be read"), Next: next, Err: err, Away: true}
	}
	return r, nil
}

// mountPoint reports whether another file system begins at an open folder. A part of
// the same disk that is bound there has the same device number and is not recognised.
func mountPoint(d *os.File, dir string) bool {
	here, err := d.Stat()
	above, aboveErr := os.Stat(filepath.Join(dir, ".."))
	if err != nil || aboveErr != nil {
		return false
	}
	a, okA := here.Sys().(*syscall.Stat_t)
	b, okB := above.Sys().(*syscall.Stat_t)
	return okA && okB && (a.Dev != b.Dev || os.SameFile(here, above))
}

// CheckFolder reports whether a folder of [folders] is there, mounted where it has
// to be, and not empty. Errors are *FileError.
func (c *Config) CheckFolder(name string) error {
	r, err := c.openRoot(c.Folders[name], folderPrefix+name+"/")
	if err != nil {
		return err
	}
	return r.Close()
}

// ReadFile reads a file below jobs.toml's folder or a named folder ("folder:name/…"), through os.Root, and nothing else.
// It lives here because check and run have to agree on what a path may be. Errors are *FileError.
func (c *Config) ReadFile(p string, limit int64) ([]byte, error) {
	if c.seen == nil {
		return c.readFile(p, limit)
	}
	r, ok := c.seen.files[p]
	if !ok {
		r.b, r.err = c.readFile(p, limit)
		c.seen.files[p] = r
	}
	if r.err == nil && int64(len(r.b)) > limit {
		return nil, tooBig(p, limit)
	}
	return r.b, r.err
}

// seen keeps what was read while Load is at work: 10,000 jobs may share one
// letter, and look into one folder. Afterwards every look is a new one.
type seen struct {
	files map[string]fileResult
	globs map[string]globResult
}

type fileResult struct {
	b   []byte
	err error
}

type globResult struct {
	m   []Match
	err error
}

func (c *Config) readFile(p string, limit int64) ([]byte, error) {
	dir, prefix, rel, err := c.place(p)
	if err != nil {
		return nil, err
	}
	root, err := c.openRoot(dir, prefix)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	// O_NONBLOCK: a pipe that somebody put there must not hold the daemon.
	open := func(rel string) (*os.File, error) { return root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0) }
	f, err := open(rel)
	if errors.Is(err, fs.ErrNotExist) {
		if other, ok := spelledApart(root, rel); ok {
			f, err = open(other)
		}
	}
	if err != nil {
		return nil, fileError(p, err)
	}
	defer f.Close()
	return readAll(f, p, limit)
}

// readAll reads an open file to its end, when it is one and not larger than limit.
func readAll(f *os.File, p string, limit int64) ([]byte, error) {
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, fileError(p, err)
	case !info.Mode().IsRegular():
		return nil, &FileError{Path: p, What: say("ファイルではありません", "it is no file"), Next: say("ファイルの名前を書いてください", "write the name of a file")}
	case info.Size() > limit:
		return nil, tooBig(p, limit)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, fileError(p, err)
	case int64(len(b)) > limit:
		return nil, tooBig(p, limit)
	}
	return b, nil
}

func tooBig(p string, limit int64) error {
	return &FileError{Path: p,
		What: say("ファイルが大きすぎます（上限 %s）", "the file is larger than %s", SizeWords(limit)),
		Next: say("小さいファイルにしてください", "use a smaller file")}
}

func fileError(p string, err error) error {
	e := &FileError{Path: p, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.What = say("ファイルがありません", "the file is not there")
		e.Next = say("名前と場所を確かめてください", "see whether name and folder are right")
	case errors.Is(err, fs.ErrPermission):
		e.What = say("ファイルを読む権限がありません", "the file may not be read")
		e.Next = say("bod を動かしている利用者が読めるようにしてください", "let the user that runs bod read it")
	default:
		e.What = say("ファイルを読めません", "the file cannot be read")
		e.Next = say("ファイルがこのフォルダーの中にあり、開けるかを確かめてください", "see whether it lies inside this folder and opens")
	}
	return e
}

// SizeWords says a size as people write it in the file: "20 MB".
func SizeWords(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d %s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

// spelledApart finds a file whose name is the same after NFC: macOS stores が as か and ゛.
func spelledApart(root *os.Root, rel string) (string, bool) {
	at := "."
	for part := range strings.SplitSeq(rel, "/") {
		names, err := readNames(root, at)
		if err != nil {
			return "", false
		}
		i := slices.IndexFunc(names, func(e fs.DirEntry) bool { return nfc(e.Name()) == nfc(part) })
		if i < 0 {
			return "", false
		}
		at = path.Join(at, names[i].Name())
	}
	return at, true
}

func readNames(root *os.Root, dir string) ([]fs.DirEntry, error) {
	d, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	es, err := d.ReadDir(maxEntries)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(es) == maxEntries {
		return nil, &FileError{Path: dir, What: say("フォルダーの中のファイルが多すぎます", "there are too many files in the folder"),
			Next: say("フォルダーを月ごとなどに分けてください", "divide the folder, for example by month")}
	}
	return es, nil
}

// Glob returns the files that match a pattern below jobs.toml's folder or a named folder, sorted by name; a folder that is not there gives none.
// A named folder itself has to be there. * and ? stop at /; names are compared in NFC, their endings whatever the case:
// scanners write A.PDF where the office wrote *.pdf.
func (c *Config) Glob(pattern string) ([]Match, error) {
	if c.seen == nil {
		return c.glob(pattern)
	}
	r, ok := c.seen.globs[pattern]
	if !ok {
		r.m, r.err = c.glob(pattern)
		c.seen.globs[pattern] = r
	}
	return slices.Clone(r.m), r.err
}

func (c *Config) glob(pattern string) ([]Match, error) {
	dir, prefix, rel, err := c.place(pattern)
	if err != nil {
		return nil, err
	}
	if err := checkPattern(pattern, rel); err != nil {
		return nil, err
	}
	root, err := c.openRoot(dir, prefix)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	parts := strings.Split(nfc(rel), "/")
	dirs := []string{"."}
	for _, part := range parts[:len(parts)-1] {
		var below []string
		for _, d := range dirs {
			es, err := readNames(root, d)
			if isNoFolder(err) {
				continue
			}
			if err != nil {
				return nil, globError(prefix+d, err)
			}
			for _, e := range es {
				if ok, _ := path.Match(part, nfc(e.Name())); ok && (e.IsDir() || e.Type()&fs.ModeSymlink != 0) {
					below = append(below, path.Join(d, e.Name()))
				}
			}
		}
		if len(below) > maxEntries {
			return nil, &FileError{Path: pattern, What: say("当てはまるフォルダーが多すぎます", "too many folders match"), Next: say("* を減らしてください", "use fewer *")}
		}
		dirs = below
	}
	var found []Match
	last := parts[len(parts)-1]
	for _, d := range dirs {
		es, err := readNames(root, d)
		if isNoFolder(err) {
			continue
		}
		if err != nil {
			return nil, globError(prefix+d, err)
		}
		for _, e := range es {
			name := nfc(e.Name())
			if !matchName(last, name) || e.IsDir() {
				continue
			}
			rel := path.Join(d, e.Name())
			info, err := root.Stat(rel)
			if err != nil || !info.Mode().IsRegular() {
				// Gone since, a link that leads outside, a pipe: nothing that could be attached.
				continue
			}
			found = append(found, Match{Path: prefix + rel, Name: name, Size: info.Size(), ModTime: info.ModTime()})
		}
	}
	slices.SortFunc(found, func(a, b Match) int {
		return strings.Compare(a.Name+"\x00"+a.Path, b.Name+"\x00"+b.Path)
	})
	return found, nil
}

// matchName reports whether a file's name fits the last part of a pattern.
func matchName(pattern, name string) bool {
	if ok, _ := path.Match(pattern, name); ok {
		return true
	}
	end, has := path.Ext(pattern), path.Ext(name)
	if end == "" || strings.ContainsAny(end, `*?[]\`) || !strings.EqualFold(end, has) {
		return false
	}
	ok, _ := path.Match(strings.TrimSuffix(pattern, end), strings.TrimSuffix(name, has))
	return ok
}

func isNoFolder(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func globError(p string, err error) error {
	if e, ok := errors.AsType[*FileError](err); ok {
		e.Path = p
		return e
	}
	return fileError(p, err)
}

func checkPattern(pattern, rel string) error {
	for part := range strings.SplitSeq(rel, "/") {
		if strings.Contains(part, "**") {
			return &FileError{Path: pattern, What: say("** は使えません", "** cannot be used"), Next: say("フォルダーごとに * を書いてください", "write one * for each folder")}
		}
		if _, err := path.Match(part, ""); err != nil {
			return &FileError{Path: pattern, What: say("[ や \\ の使い方が正しくありません", "the pattern is not complete"), Next: say("* か ? だけを使ってください", "use only * and ?")}
		}
	}
	return nil
}

// CheckPath reports what is wrong with a path or pattern itself, whatever lies there; nil when nothing is.
func (c *Config) CheckPath(p string) error {
	_, _, rel, err := c.place(p)
	if err != nil {
		return err
	}
	return checkPattern(p, rel)
}

// path is a path of the administrator's part, in whichever file it stands: anywhere,
// from the file's own folder when it does not begin with /.
func (l *loader) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(l.dir, p)
}
