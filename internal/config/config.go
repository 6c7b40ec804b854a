// Package config reads jobs.toml: checked values out, or every problem at once,
// each with its line, what is wrong and the next step, in the file's language.
//
// It promises that no key is ever ignored: what it returns is all that the file
// says, and a file with an error gives no Config at all. It reads files and has
// no other effect.
package config

import (
	"crypto/x509"
	"time"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

// Problem is one thing that is wrong with the file, in the file's language.
type Problem struct {
	File      string
	Line, Col int    // 0: not known
	Job       string // the job that it is about, "" for none
	What      string // what is wrong
	Next      string // the next step
	Warning   bool   // worth a word, no reason to refuse
}

// String is "jobs.toml:12:5: what — next".
func (p Problem) String() string { panic("contract") }

// Load reads the file. A nil Config means that at least one problem is no warning.
func Load(path string, kinds []Kind) (*Config, []Problem) { panic("contract") }

// Config is a checked jobs.toml. It is never changed after Load.
type Config struct {
	Path     string // absolute
	Dir      string // the folder of the file: where relative paths begin
	Digest   string // SHA-256 of the file's bytes, hex
	Language calendar.Language
	Zone     *time.Location
	Admin    []*Person
	Company  Company
	Mail     Mail
	People   map[string]*Person
	Partners map[string]*Partner
	Folders  map[string]string // [folders]: name → absolute path
	State    string            // absolute folder of the ledger as the file says it; "" when it does not
	Jobs     []*Job            // in the file's order; the reserved job summary last, when there is one
	Days     *calendar.Days    // of [calendar]
	Holidays *calendar.Holidays
}

// Job returns a job by its name in the file; nil when there is none.
func (c *Config) Job(name string) *Job { panic("contract") }

// Outside reports whether a mail address belongs to nobody in [people].
func (c *Config) Outside(mail string) bool { panic("contract") }

// StateDir answers where the ledger lies: flag, $STATE_DIRECTORY (env), the file's state, else .bod beside jobs.toml.
func (c *Config) StateDir(flag, env string) string { panic("contract") }

// Company is who we are.
type Company struct {
	Name, Dept, Address, Tel, Registration, Bank string
	FiscalYearEnd                                time.Month // December when not said
}

// Mail says how mail leaves.
type Mail struct {
	From, ReplyTo mailer.Address
	Bcc           []mailer.Address // a copy of everything that goes outside
	Server        string           // as mailer.ServerOptions.URL; "": into the folder outbox
	User          string
	Auth          string
	PasswordFile  string // absolute; "": systemd credential smtp-password ($CREDENTIALS_DIRECTORY)
	CA            *x509.CertPool
	CAPEM         []byte
	OAuth2        *OAuth2
	Rate          mailer.Rate // zero: no limit
	TrialTo       *mailer.Address
	Outbox        string // absolute folder for mail without a server
	Hello         string
}

// OAuth2 are client credentials; the secret is systemd credential smtp-oauth2-secret or SecretFile.
type OAuth2 struct {
	TokenURL, ClientID, SecretFile string
	Scopes                         []string
}

// Password reads the password anew: PasswordFile, or the systemd credential. It never appears in an error.
func (m Mail) Password() (string, error) { panic("contract") }

// ClientSecret reads the OAuth2 secret anew, like Password.
func (m Mail) ClientSecret() (string, error) { panic("contract") }

// Trial reports whether mail stays in the house: no server, or trial_to.
func (m Mail) Trial() bool { return m.Server == "" || m.TrialTo != nil }

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
func (a Addressee) ID() string { panic("contract") }

// Mails are its addresses.
func (a Addressee) Mails() []mailer.Address { panic("contract") }

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
	Name      string // as in the file; "summary" for [summary]
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
	Confirm   *Confirm      // nil: none
	Spec      any           // the kind's own part, decoded by its Kind
	Rule      []byte        // canonical JSON of all that the rule says, resolved: for the ledger and the input digests
	Line      int
}

// Owners are the owner, else the admins.
func (j *Job) Owners(c *Config) []*Person { panic("contract") }

// Kind is what config needs of a kind of job; jobs has the kinds, cmd/bod hands them in.
type Kind interface {
	Name() string
	// Keys documents the kind's own keys, in the order of the manual.
	Keys() []Key
	// Decode checks the kind's own part and returns what becomes Job.Spec. Problems go to d.
	Decode(d *Decoder) any
	// Outside reports whether mail of this spec goes to people outside (the default of missed hangs on it).
	Outside(c *Config, spec any) bool
}

// Key documents one key of the file: the one place from which manual, schema and example are checked.
type Key struct {
	Table   string // "", "company", "job.NAME", …
	Name    string
	Type    string // "text", "list of names", "number", "table", …
	Default string // as written in the file; "" for none
	Meaning calendar.Text
	Example string // one line of TOML
	Needed  bool
}

// Keys documents every key of the file, those of the kinds included.
func Keys(kinds []Kind) []Key { panic("contract") }

// Decoder hands a kind its own keys, checked, and collects problems with their lines.
type Decoder struct {
	Config     *Config
	Job        *Job // everything common to all kinds is filled in
	unexported struct{}
}

// Has reports whether the key is written.
func (d *Decoder) Has(key string) bool { panic("contract") }

// String reads a text; "" when it is not there.
func (d *Decoder) String(key string) string { panic("contract") }

// Strings reads a list of texts; one text without brackets is a list of one.
func (d *Decoder) Strings(key string) []string { panic("contract") }

// Bool reads true or false.
func (d *Decoder) Bool(key string, otherwise bool) bool { panic("contract") }

// Table reads a table of texts (fields = { 経費締切 = "…" }), numbers become their text.
func (d *Decoder) Table(key string) map[string]string { panic("contract") }

// Addressees reads names of [people] and [partner], or plain addresses; "people" and "all partners" are no names.
func (d *Decoder) Addressees(key string) []Addressee { panic("contract") }

// Size reads "20 MB".
func (d *Decoder) Size(key string, otherwise int64) int64 { panic("contract") }

// Problem reports that the value of key is wrong; the line is found.
func (d *Decoder) Problem(key string, what, next calendar.Text) { panic("contract") }

// Warn is a problem that is no reason to refuse.
func (d *Decoder) Warn(key string, what, next calendar.Text) { panic("contract") }

// OpenPath opens a file below jobs.toml's folder or a named folder ("folder:name/…"), through os.Root, and nothing else.
// It lives here because check and run have to agree on what a path may be.
func (c *Config) ReadFile(path string, limit int64) ([]byte, error) { panic("contract") }

// Match is one file found by a pattern.
type Match struct {
	Path    string // slash path relative to its root, for people
	Name    string // base name
	Size    int64
	ModTime time.Time
}

// Glob returns the files that match a pattern below jobs.toml's folder or a named folder, sorted by name; a folder that is not there gives none.
func (c *Config) Glob(pattern string) ([]Match, error) { panic("contract") }
