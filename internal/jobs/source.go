package jobs

import (
	"time"

	"bod/internal/config"
	"bod/internal/table"
)

// source is how config reads a [source.NAME]: with table's own list of keys. It is no kind of job and has no run.
type source struct{}

func (source) Name() string { return "source" }

func (source) Keys() []config.Key {
	var out []config.Key
	for _, k := range table.Keys() {
		out = append(out, config.Key{Table: "source.NAME", Name: k.Name, Type: k.Type, Default: k.Default, Meaning: k.Meaning, Example: k.Example})
	}
	return out
}

func (source) Decode(d *config.Decoder) any { return table.Decode(d.Source, d, d.Rule()) }

func (source) Outside(*config.Config, any) bool { return false }

// Sources are the sources of a configuration by name.
func Sources(c *config.Config) map[string]*table.Source {
	out := make(map[string]*table.Source, len(c.Sources))
	for _, s := range c.Sources {
		if spec, ok := s.Spec.(*table.Source); ok && spec != nil {
			out[s.Name] = spec
		}
	}
	return out
}

// sourceTitle is what people call a table: its title, else its name in jobs.toml.
func sourceTitle(c *config.Config, name string) string {
	if s := c.Source(name); s != nil {
		if spec, ok := s.Spec.(*table.Source); ok && spec != nil && spec.Title() != "" {
			return spec.Title()
		}
	}
	return name
}

// TableWorld is what the sources of a configuration may reach. With played time nothing is told by how long ago a file
// was written.
func TableWorld(c *config.Config, now time.Time, played bool) *table.World {
	return &table.World{
		Now: now, Zone: c.Zone, Days: c.Days, Language: c.Language, Played: played, Guarded: c.AdminPath != "",
		Open: c.Open, MayReach: c.MayReadFrom, Secret: c.SourceSecret,
		Glob: func(pattern string) ([]table.Found, error) {
			ms, err := c.Glob(pattern)
			out := make([]table.Found, len(ms))
			for i, m := range ms {
				out[i] = table.Found{Path: m.Path, Name: m.Name, Size: m.Size, Modified: m.ModTime}
			}
			return out, err
		},
	}
}

// OpenTables gives the world its sources, each read once when it is first asked for, and returns what closes them. Whoever
// makes a World for a kind calls it: defer w.OpenTables()().
func (w *World) OpenTables() (close func()) {
	w.Tables = table.NewTables(TableWorld(w.Config, w.Now, w.Rehearsal), Sources(w.Config))
	return func() { _ = w.Tables.Close() } // nothing is written through them, so there is nothing to lose
}
