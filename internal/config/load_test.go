package config

import "testing"

// letter is a small kind of the tests, shaped like the real kind send.
type letter struct{}

type letterSpec struct {
	To, Cc   []Addressee
	Letter   string
	Fields   map[string]string
	Together bool
	Limit    int64
}

func (letter) Name() string { return "send" }

func (letter) Keys() []Key {
	return []Key{
		{Name: "to", Type: "list of names", Meaning: say("宛先", "addressees"), Example: `to = ["acme"]`, Needed: true},
		{Name: "cc", Type: "list of names", Meaning: say("写し", "copies"), Example: `cc = ["tanaka"]`},
		{Name: "letter", Type: "file", Meaning: say("手紙", "the letter"), Example: `letter = "letters/a.txt"`, Needed: true},
		{Name: "attach", Type: "list of files", Meaning: say("添付", "attachments"), Example: `attach = ["a-*.pdf"]`},
		{Name: "fields", Type: "table", Meaning: say("欄", "fields"), Example: `fields = { a = "b" }`},
		{Name: "together", Type: "true or false", Meaning: say("全員に1通", "one for all"), Example: `together = true`},
		{Name: "limit", Type: "size", Meaning: say("上限", "limit"), Example: `limit = "20 MB"`},
	}
}

func (letter) Decode(d *Decoder) any {
	s := &letterSpec{To: d.Addressees("to"), Cc: d.Addressees("cc"), Letter: d.String("letter"),
		Fields: d.Table("fields"), Together: d.Bool("together", false), Limit: d.Size("limit", 20<<20)}
	for i, p := range d.Strings("attach") {
		if err := d.Config.CheckPath(p); err != nil {
			f := err.(*FileError)
			d.ProblemAt("attach", i, f.What, f.Next)
		}
	}
	if s.Letter != "" {
		if _, err := d.Config.ReadFile(s.Letter, 1<<20); err != nil {
			f := err.(*FileError)
			d.Problem("letter", f.What, f.Next)
		}
	}
	return s
}

func (letter) Outside(c *Config, spec any) bool {
	for _, a := range spec.(*letterSpec).To {
		for _, m := range a.Mails() {
			if c.Outside(m.Mail) {
				return true
			}
		}
	}
	return false
}

// daily is the kind of [summary].
type daily struct{}

func (daily) Name() string { return summaryName }

func (daily) Keys() []Key {
	return []Key{{Name: "to", Type: "list of names", Meaning: say("宛先", "readers"), Example: `to = ["sato"]`, Needed: true}}
}

func (daily) Decode(d *Decoder) any { return d.Addressees("to") }

func (daily) Outside(*Config, any) bool { return false }

var testKinds = []Kind{letter{}, daily{}}

func TestRootExampleLoads(t *testing.T) {
	for _, path := range []string{"../../jobs.toml", "../../example/en/jobs.toml"} {
		c, ps := Load(path, testKinds)
		for _, p := range ps {
			t.Error(p)
		}
		if c == nil {
			t.Fatalf("%s doesn't load", path)
		}
		if c.Job("summary") == nil || c.Jobs[len(c.Jobs)-1].Name != "summary" {
			t.Errorf("%s: the summary is not the last job", path)
		}
	}
}
