package table

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"bod/internal/calendar"
)

// Source is a [source.NAME] of jobs.toml: what is read, and how. It never changes.
type Source struct {
	name   string
	origin origin
	common common
	rule   string
}

// Key documents one key of [source.NAME], as the manual, the schema and the examples have it.
type Key struct {
	Name    string
	Type    string // as config's key table names types
	Default string // as written in the file; "" for none
	Meaning calendar.Text
	Example string // one line of TOML
}

// Settings is what [source.NAME] says. Problems that are told through it get the line of their key.
type Settings interface {
	Has(key string) bool
	String(key string) string
	Strings(key string) []string
	Bool(key string, otherwise bool) bool
	Number(key string, otherwise int) int
	Size(key string, otherwise int64) int64
	Span(key string) calendar.Lead
	Table(key string) map[string]string
	Problem(key string, what, next calendar.Text)
	Warn(key string, what, next calendar.Text)
	// CheckPath tells what is wrong with a path or pattern itself, whatever lies there.
	CheckPath(path string) error
	// SecretFile is the place of a file with a secret, looked at and not read.
	SecretFile(key string) string
}

// World is what a source may reach while it is read. The caller decides what that is.
type World struct {
	Now      time.Time
	Zone     *time.Location    // of times that don't say theirs
	Days     *calendar.Days    // business days, for fresh_within
	Language calendar.Language // of what takes the place of a value that is not there
	Played   bool              // Now is played: how long ago a file was written can't be told by it
	Guarded  bool              // there is an administrator: a secret goes only to hosts that MayReach names
	// Open opens a file that jobs.toml may name, and nothing else.
	Open func(path string) (*os.File, error)
	// Glob finds the files of a pattern, sorted by name.
	Glob func(pattern string) ([]Found, error)
	// MayReach reports whether the administrator has named the host (or the folder of a socket) that
	// lies in the local network or on this machine. Hosts of the internet need not be named.
	MayReach func(host string) bool
	// Secret reads the secret of a source anew: from the file that its key names, else the service's credential
	// source-NAME. has is false when there is neither.
	Secret func(source, file string) (secret string, has bool, err error)
	// Progress, when not nil, hears now and then how many rows of a source were read.
	Progress func(source string, rows int)
}

// Found is one file that a pattern found.
type Found struct {
	Path, Name string
	Size       int64
	Modified   time.Time
}

// worded is an error that says itself to people, such as config's.
type worded interface {
	error
	Words() (what, next calendar.Text)
}

// origin is one type of source: where rows come from. Each has a file of its own and a line in origins.
type origin interface {
	// words says where the rows come from, as it stands in messages: data/orders.csv.
	words() string
	// read hands over every row, or says why it cannot.
	read(ctx context.Context, r *reading) error
}

// Keys documents every key of [source.NAME], in the order of the manual.
func Keys() []Key {
	var all []Key
	for _, o := range origins {
		for _, k := range o.keys {
			// Some are shared: a sheet is that of a file and of many files.
			if !slices.ContainsFunc(all, func(x Key) bool { return x.Name == k.Name }) {
				all = append(all, k)
			}
		}
	}
	return append(all, commonKeys...)
}

// Name is the source's name in jobs.toml.
func (s *Source) Name() string { return s.name }

// Title is what people call the source; "" when nobody said it.
func (s *Source) Title() string { return s.common.title }

// Origin says where the rows come from, as it stands in messages: data/orders.csv. There is never a password in it.
func (s *Source) Origin() string { return s.origin.words() }

// Tables are the sources of one run, each read at most once, when it is first asked for. The caller makes one for a
// run and closes it when the run is over. It may be used by several goroutines.
type Tables struct {
	world   *World
	sources map[string]*Source
	mu      sync.Mutex
	read    map[string]*once
}

type once struct {
	sync.Once
	table    *Table
	problems []Problem
}

// NewTables makes the tables of a run.
func NewTables(w *World, sources map[string]*Source) *Tables {
	return &Tables{world: w, sources: sources, read: make(map[string]*once)}
}

// Table is a source as it was when this run first asked for it. Without a table the problems say why; beside one
// they are the table's own. A name that is no source is a Problem too.
func (ts *Tables) Table(ctx context.Context, name string) (*Table, []Problem) {
	s, ok := ts.sources[name]
	if !ok {
		return nil, []Problem{{Code: CodeMissing,
			What: calendar.Text{JA: "表「" + name + "」は jobs.toml の [source] にありません", EN: "there is no [source." + name + "] in jobs.toml"},
			Next: calendar.Text{JA: "名前を確かめるか、[source." + name + "] を書き足してください", EN: "see whether the name is right, or add it"}}}
	}
	ts.mu.Lock()
	o := ts.read[name]
	if o == nil {
		o = &once{}
		ts.read[name] = o
	}
	ts.mu.Unlock()
	o.Do(func() { o.table, o.problems = s.Read(ctx, ts.world) })
	return o.table, o.problems
}

// Close lets go of every table.
func (ts *Tables) Close() error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var err error
	for _, o := range ts.read {
		if o.table != nil {
			if e := o.table.Close(); e != nil {
				err = e
			}
		}
	}
	return err
}
