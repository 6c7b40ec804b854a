package ledger

import (
	"time"

	"bod/internal/mailer"
)

// Who acts: the name that is recorded, and the real user of the machine.
type Who struct {
	Name string // a person of jobs.toml, or "bod"
	User string // the operating system's user
}

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
	Tells        []Tell    // the findings that it tells; not read back, see FindingQuery.Message
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
	Refused     []string // people whose no counts: it is held until they say yes
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
