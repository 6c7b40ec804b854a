// Package ledger remembers what was due, done, drafted, decided and sent. It is
// the only mutable state of bod.
//
// It promises that nothing moves between states but by the table of moves, each
// by compare-and-swap in one transaction; that what was acknowledged survives
// a power cut; that a message's key is taken once; and that every change is in
// a chained event log from which each row can be told again.
package ledger

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"bod/internal/mailer"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNone     = errors.New("there is no ledger")                          // neither ledger nor marker lies there
	ErrMissing  = errors.New("the ledger is gone, but its marker is there") // a mistake never looks like a fresh start
	ErrLocked   = errors.New("another bod holds the ledger")                // the flock is taken
	ErrTrial    = errors.New("the ledger is of the other mode")             // trial against real
	ErrSchema   = errors.New("the ledger's schema is newer or was altered")
	ErrDamaged  = errors.New("the ledger is damaged")                         // pragma, chain or quick check
	ErrStale    = errors.New("the row is not in the expected state any more") // a compare-and-swap that changed nothing
	ErrFenced   = errors.New("the claim is not ours any more")
	ErrMove     = errors.New("no such move") // not in the table of moves
	ErrNotFound = errors.New("not found")
	ErrClock    = errors.New("the clock is before the ledger's last entry") // more than 5 minutes
)

// Who acts: the name that is recorded, and the real user of the machine.
type Who struct {
	Name string // a person of jobs.toml, or "bod"
	User string // the operating system's user
}

// Options of Open.
type Options struct {
	Create bool             // make a ledger where neither ledger nor marker lies: only `bod run`
	Trial  bool             // the mode that the rules ask for
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger
}

// Ledger is an open ledger.
type Ledger struct{ unexported struct{} }

// Open takes the flock in dir and opens the ledger to prepare and send. It checks pragmas, schema hash, marker and the chain's tail, and after an
// unclean stop SQLite's quick check while the file is small; it recovers (claimed → queued, sending → unknown, running → planned).
func Open(ctx context.Context, dir string, o Options) (*Ledger, error) { panic("contract") }

// OpenReader opens the ledger beside a running daemon (or none): View, AddIntent, Await, Verify and Backup work, Update does not.
func OpenReader(ctx context.Context, dir string) (*Ledger, error) { panic("contract") }

// Created reports whether Open made the ledger just now.
func (l *Ledger) Created() bool { panic("contract") }

// Close ends the use of the ledger and marks a clean stop.
func (l *Ledger) Close() error { panic("contract") }

// Archive moves the ledger in dir, with all that belongs to it, to a dated folder beside it (bod run --leave-trial).
func Archive(dir string, now time.Time) (to string, err error) { panic("contract") }

// Holder reports whether some process holds dir's flock.
func Holder(dir string) (pid int, held bool, err error) { panic("contract") }

// Update runs fn in the one write transaction; what fn returns as error rolls everything back. All rows of one transaction bear one now.
// Once it returns nil the changes are durable. When the commit's own outcome is in doubt the ledger reads again before it answers.
func (l *Ledger) Update(ctx context.Context, now time.Time, who Who, fn func(*Tx) error) error {
	panic("contract")
}

// View runs fn on one consistent snapshot.
func (l *Ledger) View(ctx context.Context, fn func(*View) error) error { panic("contract") }

// Changes returns a number that differs after any other process wrote (PRAGMA data_version).
func (l *Ledger) Changes(ctx context.Context) (int64, error) { panic("contract") }

// Touch proves that the ledger can be written and read (for the watchdog).
func (l *Ledger) Touch(ctx context.Context, now time.Time) error { panic("contract") }

// Backup writes a complete copy into file (must not exist): VACUUM INTO, fsync, rename, fsync of the folder.
func (l *Ledger) Backup(ctx context.Context, file string) error { panic("contract") }

// Report is what Verify found.
type Report struct {
	Events, Rows, Messages int64
	Head                   string   // the chain's head
	Problems               []string // empty: all well
}

// Verify runs the full integrity check, folds the event log and compares every row, and hashes every stored body. progress may be nil.
func (l *Ledger) Verify(ctx context.Context, progress func(done, total int64)) (Report, error) {
	panic("contract")
}

// Trial reports the ledger's mode.
func (l *Ledger) Trial() bool { panic("contract") }

// ---- rows ----

// Job is what the ledger remembers of a rule.
type Job struct {
	Name    string // its identity: the first name that it ever had
	Current string // its name in jobs.toml now
	Kind    string
	Rule    []byte    // canonical JSON of the rule as last seen, config.Job.Rule
	Shape   string    // of its periods
	Mark    time.Time // occurrences due up to here were planned
	Gone    bool      // not in jobs.toml any more, or disabled
	Seen    time.Time // first seen
	Changed time.Time // when the rule last changed
}

// Run is the record of one (job, period).
type Run struct {
	ID          int64
	Number      string // for people: R2611-0012
	Job, Period string
	Nominal     time.Time
	Due         time.Time
	PrepareAt   time.Time
	State       RunState
	Reasons     []Reason  // why it waits, was missed, skipped, failed
	Late        bool      // passed its due over 10 minutes before it was met
	Generation  int       // 1; 2 after `bod do --again`
	Only        []string  // the parts that --again --to names; empty: all
	Early       bool      // `bod do` of a coming period: leaves now
	NextLook    time.Time // waiting: when to look again
	Said        string    // the run's line for the summary, in the file's language; may be empty
	Created     time.Time
	Changed     time.Time
}

// Reason is one machine-readable reason with what a person reads.
type Reason struct {
	Code string `json:"code"`           // "attachment", "field", "letter", "late", "person", "gone", "error", "check", …
	Text string `json:"text"`           // in the file's language
	Next string `json:"next,omitempty"` // the next step
}

// Class of a message.
type Class string

// The classes.
const (
	ClassLetter  Class = "letter"  // of a job: may be held, confirmed, unknown
	ClassSummary Class = "summary" // at most once, never resent
	ClassNotice  Class = "notice"  // of bod's own: never held, never the cause of a notice
)

// Recipient is one envelope recipient.
type Recipient struct {
	Mail    string `json:"mail"`
	Name    string `json:"name,omitempty"`
	Role    string `json:"role"`              // "to", "cc", "bcc"
	Outside bool   `json:"outside,omitempty"` // not in [people]
}

// Input is one thing that a draft was made of, with its hash.
type Input struct {
	Kind string `json:"kind"` // "letter", "file", "rule", "company", "addressee", "row"
	Name string `json:"name"`
	Hash string `json:"hash"` // SHA-256, hex
}

// NewMessage is a rendered draft that asks to be sealed.
type NewMessage struct {
	Class        Class
	Job          string // the job's identity; "" for a notice
	Part         string // recipient's name, "all", or the row's key
	Key          string // job/period/part, #2 for a second generation; notice/<what>/<id>/<digest>
	Subject      string
	Addressee    string // for people: アクメ商事
	From         string // envelope sender
	Recipients   []Recipient
	MessageID    string
	Date         time.Time
	Body         []byte // the exact bytes
	Inputs       []Input
	Amount       *int64    // yen at stake, where known
	NotBefore    time.Time // due: never queued before
	Deadline     time.Time // retries end here
	ConfirmBy    []string  // people who may confirm
	ConfirmCount int       // confirmations needed; 0: none
	Hold         []Hold    // further reasons to hold from the start
}

// Message is a sealed draft.
type Message struct {
	NewMessage  // Body is nil: see View.Body
	ID          int64
	Number      string // for people: 2611-0044
	Run         int64  // 0 for a notice
	Hash        string // SHA-256 of the bytes, hex
	Size        int64
	Sealed      time.Time
	Predecessor int64     // the message that it follows, 0 for none
	Queued      time.Time // when it was first queued; zero: never
	State       State     // the worst of its deliveries
	Deliveries  []Delivery
	Holds       []Hold   // all reasons why it is not queued, those that follow from time and confirmations too; empty unless held
	Confirmed   []string // people whose yes counts
}

// Delivery is one message to one envelope recipient.
type Delivery struct {
	ID      int64
	Message int64
	Recipient
	State    State
	Attempts int
	NextTry  time.Time
	Words    string // the last words about it: the server's, or a person's reason
	Changed  time.Time
}

// HoldReason is why a message is not queued.
type HoldReason string

// The reasons to hold. NotDue and Confirmation follow from the message itself; the others are rows that someone set and someone lifts.
const (
	NotDue       HoldReason = "not due"
	Confirmation HoldReason = "confirmation"
	Check        HoldReason = "check"
	Late         HoldReason = "late"
	Person       HoldReason = "person"
	Gone         HoldReason = "gone" // job or address gone
	Restored     HoldReason = "restored"
)

// Hold is one reason with its word.
type Hold struct {
	Reason HoldReason
	Text   string
	Since  time.Time
	By     Who
}

// Attempt is one receipt, kept.
type Attempt struct {
	Delivery int64
	mailer.Receipt
}

// Decision is one person's yes or no to one message.
type Decision struct {
	Message int64
	Person  string
	Yes     bool
	Why     string
	By      Who
	At      time.Time
}

// Observation is what a run saw, for later ones to compare.
type Observation struct {
	Name  string
	Value []byte // canonical JSON
}

// Flag pauses everything while it stands: "session", "clock", "restored", "disk", "stopped".
type Flag struct {
	Name  string
	Text  string
	Since time.Time
	Probe time.Time // next probe; zero: none by itself
	Tries int
	// Credential fingerprint for which a login was refused; probing resumes when it changes.
	Credential string
}

// Intent is what a command asks of the holder.
type Intent struct {
	ID     int64
	Verb   string // "confirm", "hold", "release", "reject", "skip", "do", "settle", "resend", "retry", "by-hand", …
	Args   []byte // JSON, the verb's own
	Why    string
	Who    Who
	At     time.Time
	Done   time.Time // zero while it waits
	OK     bool
	Result string // words for the person
}

// Event is one entry of the log.
type Event struct {
	Seq    int64
	At     time.Time
	Who    Who
	Table  string
	Row    string
	Change []byte // canonical JSON of the columns written
	Hash   string
}

// ---- reading ----

// View reads one snapshot.
type View struct{ unexported struct{} }

// Job returns one job by identity or current name.
func (v *View) Job(name string) (Job, error) { panic("contract") }

// Jobs returns all jobs by name.
func (v *View) Jobs() iter.Seq2[Job, error] { panic("contract") }

// RunQuery selects runs; zero fields select all.
type RunQuery struct {
	Job          string
	States       []RunState
	DueFrom      time.Time // inclusive
	DueUntil     time.Time // exclusive
	ChangedFrom  time.Time
	PrepareUntil time.Time // PrepareAt <= this
	Newest       bool      // newest due first
	Limit        int
}

// Run returns one run by id.
func (v *View) Run(id int64) (Run, error) { panic("contract") }

// RunOf returns the run of a period.
func (v *View) RunOf(job, period string) (Run, error) { panic("contract") }

// RunByNumber finds R2611-0012.
func (v *View) RunByNumber(number string) (Run, error) { panic("contract") }

// Runs returns runs by due.
func (v *View) Runs(q RunQuery) iter.Seq2[Run, error] { panic("contract") }

// MessageQuery selects messages; zero fields select all.
type MessageQuery struct {
	Run          int64
	Job          string
	Class        Class
	States       []State // of any delivery
	SealedFrom   time.Time
	ChangedFrom  time.Time // any delivery changed at or after
	ChangedUntil time.Time
	Recipient    string
	KeyPrefix    string
	Newest       bool
	Limit        int
}

// Message returns one message with deliveries, holds and confirmations.
func (v *View) Message(id int64) (Message, error) { panic("contract") }

// MessageByNumber finds 2611-0044.
func (v *View) MessageByNumber(number string) (Message, error) { panic("contract") }

// MessageByKey returns the newest message with the key.
func (v *View) MessageByKey(key string) (Message, error) { panic("contract") }

// Messages returns messages by id.
func (v *View) Messages(q MessageQuery) iter.Seq2[Message, error] { panic("contract") }

// Body returns the sealed bytes.
func (v *View) Body(message int64) ([]byte, error) { panic("contract") }

// Attempts returns a message's receipts, oldest first.
func (v *View) Attempts(message int64) ([]Attempt, error) { panic("contract") }

// Decisions returns what people said of a message, oldest first.
func (v *View) Decisions(message int64) ([]Decision, error) { panic("contract") }

// Observations returns what a run saw.
func (v *View) Observations(run int64) ([]Observation, error) { panic("contract") }

// LastObservation returns the newest one of that name among the job's runs before the given run (0: all).
func (v *View) LastObservation(job, name string, before int64) (Observation, error) {
	panic("contract")
}

// Flags returns what pauses everything.
func (v *View) Flags() ([]Flag, error) { panic("contract") }

// Intents returns the intents that wait.
func (v *View) Intents() ([]Intent, error) { panic("contract") }

// Intent returns one.
func (v *View) Intent(id int64) (Intent, error) { panic("contract") }

// Events returns the log after seq.
func (v *View) Events(after int64) iter.Seq2[Event, error] { panic("contract") }

// EventsOf returns the events of one row ("run", "12") in order.
func (v *View) EventsOf(table, row string) ([]Event, error) { panic("contract") }

// Head returns the last event's number, hash and time.
func (v *View) Head() (seq int64, hash string, at time.Time, err error) { panic("contract") }

// NextWake returns the earliest moment after now at which something of the ledger alone may move: a held message's due, a retry, a look again, a prepare.
func (v *View) NextWake(now time.Time) (time.Time, error) { panic("contract") }

// ---- writing ----

// Tx is the write transaction. It reads its own writes through View.
type Tx struct {
	*View
	unexported struct{}
}

// PutJob inserts or changes a job's row; Mark never moves back.
func (tx *Tx) PutJob(j Job) error { panic("contract") }

// AddRun inserts a planned run, or one that is missed or skipped at once, with its reasons. A taken (job, period) is not an error: added is false.
func (tx *Tx) AddRun(r Run) (id int64, added bool, err error) { panic("contract") }

// RunChange is what may change with a run's move.
type RunChange struct {
	Reasons   []Reason // replaces; nil keeps, empty clears
	NextLook  time.Time
	Said      *string
	Late      *bool
	Due       *time.Time
	PrepareAt *time.Time
	Again     []string // non-nil: a new generation, only for these parts (empty: all)
	Early     *bool
}

// MoveRun moves by compare-and-swap; from == to changes columns only.
func (tx *Tx) MoveRun(id int64, from, to RunState, c RunChange) error { panic("contract") }

// Sealed is what became of one draft.
type Sealed struct {
	Message int64
	Key     string
	Outcome string // "sealed", "kept" (same inputs: the held one stands), "replaced" (old one replaced by a new one), "taken" (went out already)
}

// Seal stores drafts of a run (run 0: notices) with their bytes, deliveries and observations. A draft whose key is taken is dropped;
// a held, never queued message whose inputs differ is replaced. Held, never queued messages of the run and generation that got no draft this time are held as Gone when complete is true.
// Notices and summaries with no reason to hold are queued in the same transaction.
func (tx *Tx) Seal(run int64, drafts []NewMessage, obs []Observation, complete bool) ([]Sealed, error) {
	panic("contract")
}

// Taken reports whether a key is taken by a live message, and that message.
func (v *View) Taken(key string) (Message, bool, error) { panic("contract") }

// Hold sets a reason; a queued or deferred message goes back to held.
func (tx *Tx) Hold(message int64, r HoldReason, text string) error { panic("contract") }

// Lift takes reasons away (none named: Check, Late, Person and Gone; never a confirmation).
func (tx *Tx) Lift(message int64, rs ...HoldReason) error { panic("contract") }

// Decide records a yes or no of a person to a message that still is held with these bytes.
func (tx *Tx) Decide(d Decision, hash string) error { panic("contract") }

// Queue moves a held message without any reason left to queued.
func (tx *Tx) Queue(message int64) error { panic("contract") }

// Ready returns the held messages that have no reason left at now.
func (tx *Tx) Ready() ([]Message, error) { panic("contract") }

// Claim moves every delivery of the message that may go now (queued, or deferred with its time come) to claimed under one token.
func (tx *Tx) Claim(message int64) (token string, to []Delivery, err error) { panic("contract") }

// Claimable returns messages with such deliveries, oldest due first.
func (v *View) Claimable(now time.Time, limit int) ([]Message, error) { panic("contract") }

// Unclaim gives claimed deliveries back to queued: nothing was said that counts.
func (tx *Tx) Unclaim(token string) error { panic("contract") }

// Sending is the fence: exactly the accepted recipients move claimed → sending under this token, else ErrFenced.
func (tx *Tx) Sending(token string, accepted []string) error { panic("contract") }

// Receive writes the receipts under a token and moves the deliveries; retry gives the next try of a deferred one, zero to give up (failed).
func (tx *Tx) Receive(token string, rs []mailer.Receipt, retry func(Delivery) time.Time) error {
	panic("contract")
}

// MoveDelivery is a person's move (or the relay's proof): unknown → sent, failed, rejected, queued; failed → queued; held, failed, unknown → by hand; held, queued, deferred → rejected.
func (tx *Tx) MoveDelivery(id int64, from, to State, words string) error { panic("contract") }

// CloseRuns moves drafted runs whose every delivery has ended to done or failed, and returns them.
func (tx *Tx) CloseRuns() ([]Run, error) { panic("contract") }

// SetFlag sets or changes a flag; ClearFlag takes it away (nil when it was not there).
func (tx *Tx) SetFlag(f Flag) error { panic("contract") }

// ClearFlag removes a flag.
func (tx *Tx) ClearFlag(name string) error { panic("contract") }

// FinishIntent writes the result for the person who waits.
func (tx *Tx) FinishIntent(id int64, ok bool, result string) error { panic("contract") }

// AddIntent writes an intent from any process, holder or not.
func (l *Ledger) AddIntent(ctx context.Context, in Intent) (id int64, err error) { panic("contract") }

// Await waits until the intent is done, or ctx ends.
func (l *Ledger) Await(ctx context.Context, id int64) (Intent, error) { panic("contract") }
