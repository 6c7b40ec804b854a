package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"bod/internal/calendar"
)

// sourceName is the reserved kind whose tables are [source.NAME]: what jobs read. Like the summary's its keys
// and its decoding come with the kinds, so that config does not know what a source is.
const sourceName = "source"

// Source is a [source.NAME]: a table that jobs read.
type Source struct {
	Name string
	Spec any // decoded by the kind "source"
	Line int
}

// reserved reports whether a kind has tables of its own and is none of a job.
func reserved(kind string) bool {
	return kind == summaryName || kind == sourceName || kind == checkName
}

// Source returns a source by its name in the file; nil when there is none.
func (c *Config) Source(name string) *Source {
	i := slices.IndexFunc(c.Sources, func(s *Source) bool { return s.Name == nfc(name) })
	if i < 0 {
		return nil
	}
	return c.Sources[i]
}

// sources reads every [source.NAME]. They come before the jobs, which name them.
func (l *loader) sources() {
	t := l.named(sourceName)
	if t == nil {
		return
	}
	outer := l.section(t, "source.NAME", "[source]", "")
	kind, ok := l.kinds[sourceName]
	if !ok {
		outer.problem(t.off, say("[source] はこの版ではまだ使えません", "[source]: not in this version"), say("その表を消すか、行の頭に # を付けてください", "delete that table or put # at the beginning of its lines"))
		return
	}
	for i := range t.entries {
		e := &t.entries[i]
		v, ok := e.value.(*table)
		if !ok {
			if !e.broken {
				outer.problem(e.off, say("source は [source.名前] の表で書きます", "a source has to be a table [source.NAME]"),
					say("[source.%s] と1行に書き、その下に file などを書いてください", "write [source.%s] on a line, and file or the like below", shownKey(e.key)))
			}
			continue
		}
		l.goodName(outer, e, sourceName)
		s := &section{l: l, t: v, keys: kind.keys, name: "[source." + shownKey(e.key) + "]"}
		s.unknown(l.sets[""])
		src := &Source{Name: l.keep(nfc(e.key)), Line: l.at.line(e.off)}
		d := &Decoder{Config: l.c, Source: src.Name, s: s, spec: make(map[string]any), told: make(map[string]bool)}
		src.Spec = kind.kind.Decode(d)
		if !e.double {
			l.c.Sources = append(l.c.Sources, src)
		}
	}
}

// Rule is what the table says, as canonical JSON.
func (d *Decoder) Rule() []byte {
	b, err := json.Marshal(plain(d.s.t))
	if err != nil {
		return nil // inf and nan, of which the reader of the key has told
	}
	return b
}

// Number reads a whole number.
func (d *Decoder) Number(key string, otherwise int) (n int) {
	d.read(key, func() any { n = d.s.whole(key, otherwise); return n })
	return n
}

// Span reads a length of time such as "1 business day"; zero when it is not there.
func (d *Decoder) Span(key string) (lead calendar.Lead) {
	d.read(key, func() any {
		lead, _ = d.s.leadOf(key, calendar.ParseLeadAfter)
		return lead.Sentence(calendar.English)
	})
	return lead
}

// CheckPath is Config.CheckPath.
func (d *Decoder) CheckPath(p string) error { return d.Config.CheckPath(p) }

// SecretFile reads the place of a file that has nothing but a secret. It is looked at and not read.
func (d *Decoder) SecretFile(key string) (file string) {
	d.read(key, func() any { file = d.s.secretFile(key); return file })
	return file
}

// Words say the error to people.
func (e *FileError) Words() (what, next calendar.Text) { return e.What, e.Next }

// Open opens a file for reading as ReadFile does, without reading it. Errors are *FileError.
func (c *Config) Open(p string) (*os.File, error) {
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
	f, err := root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if other, ok := spelledApart(root, rel); ok {
			f, err = root.OpenFile(other, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		}
	}
	if err != nil {
		return nil, fileError(p, err)
	}
	return f, nil
}

// MayReadFrom reports whether the administrator has named a host, or a socket's place, that sources may be read from.
// A name stands for its ports too; "*.intra.example" for every host below it.
func (c *Config) MayReadFrom(host string) bool {
	host = strings.ToLower(nfc(host))
	return slices.ContainsFunc(c.mayRead, func(allowed string) bool {
		below, under := strings.CutPrefix(allowed, "*")
		return allowed == host || under && strings.HasSuffix(host, below)
	})
}

// mayReadFrom reads the hosts that sources may be read from.
func (l *loader) mayReadFrom(root *section) {
	for _, it := range root.items("may_read_from") {
		host := strings.TrimPrefix(it.text, "*.")
		if host == "" || !filepath.IsAbs(host) && strings.ContainsAny(host, "/@ ,*") || strings.Contains(host, "://") {
			root.problem(it.off, say("「%s」はサーバーの名前として読めません", "%q is no host", clip(it.text)),
				say(`"db.intra.example"、"*.intra.example"、"192.168.0.5"、"/run/postgresql/.s.PGSQL.5432" のように書いてください`, `write it like "db.intra.example", "*.intra.example", "192.168.0.5" or "/run/postgresql/.s.PGSQL.5432"`))
			continue
		}
		l.c.mayRead = append(l.c.mayRead, l.keep(strings.ToLower(nfc(it.text))))
	}
}

// SourceSecret reads the secret of a source anew: from the file that its secret_file names, else the systemd credential
// source-NAME. has is false where there is neither. The secret never appears in an error.
func (c *Config) SourceSecret(source, file string) (s string, has bool, err error) {
	credential := "source-" + source
	if file == "" {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" || strings.ContainsAny(source, "/\x00") {
			return "", false, nil
		}
		if _, err := os.Stat(filepath.Join(dir, credential)); errors.Is(err, fs.ErrNotExist) {
			return "", false, nil
		}
	}
	s, err = secret("the secret of the source "+source, file, credential)
	return s, err == nil, err
}
