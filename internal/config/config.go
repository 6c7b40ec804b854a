// Package config reads jobs.toml: checked values out, or every problem at once,
// each with its line, what is wrong and the next step, in the file's language.
//
// It promises that no key is ever ignored: what it returns is all that the file
// says, and a file with an error gives no Config at all. It reads files and has
// no other effect.
//
// The file goes through three steps. The scanner (scan.go, values.go) splits it
// into statements, names the slips of people who type Japanese and mends them so that
// reading goes on. The TOML parser turns each table into values (tree.go). The
// loader (load.go) holds them against the table of keys (keys.go), the one place
// that says which keys there are; the manual is made from it.
package config

import (
	"path/filepath"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

// Config is a checked jobs.toml. It is never changed after Load.
type Config struct {
	Path         string    // absolute
	Files        []string  // every file that it was read from, absolute: jobs.toml, then admin.toml where there is one
	Dir          string    // the folder of the file: where relative paths begin
	Digest       string    // SHA-256 of the file's bytes, hex
	Warnings     []Problem // what was no reason to refuse it
	Language     calendar.Language
	Zone         *time.Location
	Admin        []*Person
	Company      Company
	Mail         Mail
	People       map[string]*Person
	Partners     map[string]*Partner
	Folders      map[string]string // [folders]: name → absolute path
	State        string            // absolute folder of the ledger as the file says it; "" when it does not
	Sources      []*Source         // [source.NAME], in the file's order
	Jobs         []*Job            // in the file's order; the reserved job summary last, when there is one
	AdminPath    string            // admin.toml, absolute; "" for none
	AlarmProgram string            // [programs] alarm: an absolute path, checked when it was read (CheckProgram); "" for none
	ProofProgram string            // [programs] proof, in the same way
	Heartbeat    *Heartbeat        // nil: nobody is told
	Metrics      string            // where they are served: 127.0.0.1:9617 or unix:/run/…; "" for nowhere
	Days         *calendar.Days    // of [calendar]
	Holidays     *calendar.Holidays
	ClosedDays   []calendar.Range // of [calendar], as they were written
	OpenDays     []calendar.Range // weekends and holidays that are worked, in the same way

	jobs     map[string]*Job
	mayWrite []string                  // may_write_to in lower case; nil: anybody
	mayRead  []string                  // may_read_from in lower case
	mounts   map[string]bool           // folders that have to be mount points
	inside   map[string]bool           // addresses of [people], lower case
	days     map[string]*calendar.Days // by country, as far as the jobs name them
	seen     *seen                     // only while Load is at work
}

// Job returns a job by its name in the file; nil when there is none.
func (c *Config) Job(name string) *Job { return c.jobs[nfc(name)] }

// Outside reports whether a mail address belongs to nobody in [people].
func (c *Config) Outside(mail string) bool { return !c.inside[strings.ToLower(mail)] }

// StateDir answers where the ledger lies: flag, $STATE_DIRECTORY (env), the file's state, else .bod beside jobs.toml.
func (c *Config) StateDir(flag, env string) string {
	abs := func(p string) string {
		if a, err := filepath.Abs(p); err == nil {
			return a
		}
		return p
	}
	// systemd joins several directories with colons; ours is the first.
	env, _, _ = strings.Cut(env, ":")
	switch {
	case flag != "":
		return abs(flag)
	case env != "":
		return abs(env)
	case c.State != "":
		return c.State
	}
	return filepath.Join(c.Dir, ".bod")
}

// Company is who we are.
type Company struct {
	Name, Dept, Address, Tel, Registration, Bank string
	FiscalYearEnd                                time.Month // December when not said
}

// Person is somebody in [people].
type Person struct {
	ID    string
	Name  string // 田中
	Title string // 部長, may be empty
	Mail  mailer.Address
}

// Partner is an addressee outside.
type Partner struct {
	ID     string
	Name   string // 株式会社アクメ商事
	Dept   string
	Person string // 山田, may be empty
	Title  string // of the person: 部長
	Mail   []mailer.Address
	Cc     []mailer.Address
}

// Addressee is one entry of to, cc or bcc: exactly one of the three is set.
type Addressee struct {
	Person  *Person
	Partner *Partner
	Plain   *mailer.Address // has no addressee to write in a letter
}

// ID is the person's or partner's name in the file, or the plain address.
func (a Addressee) ID() string {
	switch {
	case a.Person != nil:
		return a.Person.ID
	case a.Partner != nil:
		return a.Partner.ID
	case a.Plain != nil:
		return a.Plain.Mail
	}
	return ""
}

// Mails are its addresses.
func (a Addressee) Mails() []mailer.Address {
	switch {
	case a.Person != nil:
		return []mailer.Address{a.Person.Mail}
	case a.Partner != nil:
		return a.Partner.Mail
	case a.Plain != nil:
		return []mailer.Address{*a.Plain}
	}
	return nil
}

// Missed says what to do with occurrences that passed while the machine was off.
type Missed string

// The policies.
const (
	MissedLatest Missed = "latest"
	MissedEach   Missed = "each"
	MissedSkip   Missed = "skip"
	MissedAsk    Missed = "ask"
)

// Confirm is who says yes, how often.
type Confirm struct {
	By    []*Person
	Count int
}

// Job is one rule, agreed before the work.
type Job struct {
	Name      string // as in the file; "summary" for [summary], MorningName and ReviewName for what else its readers get
	Renamed   string // renamed_from, "" for none
	Kind      string
	Title     string
	Purpose   string
	Owner     *Person // nil: the admins
	Disabled  bool    // enabled = false
	When      *calendar.Schedule
	Days      *calendar.Days // the business days that this job counts with
	Prepare   calendar.Lead  // zero: when due
	About     calendar.AboutRule
	Missed    Missed
	LateUntil calendar.Lead // 3 days when not said
	GiveUp    calendar.Lead // give_up: how long a refused letter is tried again; [mail]'s when not said
	Resend    bool          // on_unknown = "resend": sent again when it is not known whether it arrived
	Confirm   *Confirm      // nil: none
	Spec      any           // the kind's own part, decoded by its Kind
	Rule      []byte        // canonical JSON of a RuleRecord: for the ledger and the input digests
	Line      int
}

// Owners are the owner, else the admins.
func (j *Job) Owners(c *Config) []*Person {
	if j.Owner != nil {
		return []*Person{j.Owner}
	}
	return c.Admin
}

// Kind is what config needs of a kind of job; jobs has the kinds, cmd/bod hands them in.
type Kind interface {
	Name() string
	// Keys documents the kind's own keys, in the order of the manual. Their Table may stay empty.
	// That a Needed key is missing is told by config.
	Keys() []Key
	// Decode checks the kind's own part and returns what becomes Job.Spec. Problems go to d.
	Decode(d *Decoder) any
	// Outside reports whether mail of this spec goes to people outside (the default of missed hangs on it).
	Outside(c *Config, spec any) bool
}
