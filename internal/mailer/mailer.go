// Package mailer renders one message and gives it to one mail server, once,
// and says honestly what is known afterwards.
//
// It promises that a receipt never says more than the server said: where the
// answer to the final dot was lost the receipt is Unknown, and no other
// outcome is ever guessed. It never sends by itself again.
package mailer

import (
	"context"
	"net"
	"time"
)

// Address is a display name and a mailbox.
type Address struct{ Name, Mail string }

// ParseAddress reads "名前 <a@b>" or "a@b", quotes local parts that need it
// (foo..bar@docomo.ne.jp), and refuses CR, LF, NUL and everything that is not one address.
func ParseAddress(s string) (Address, error) { panic("contract") }

// String is the form for people: 名前 <a@b>.
func (a Address) String() string { panic("contract") }

// File is one attachment.
type File struct {
	Name string // as the recipient sees it
	Type string // MIME type
	Data []byte
}

// Letter is what one message says. Text and HTML have the same content; HTML may be empty.
type Letter struct {
	From, ReplyTo Address // ReplyTo.Mail == "" for none
	To, Cc        []Address
	Subject       string
	Text, HTML    string
	Files         []File
	MessageID     string // without angle brackets
	Date          time.Time
	Boundary      string            // seed of the MIME boundaries: same letter, same bytes
	Headers       map[string]string // X-… headers of ours; names are checked
}

// NewMessageID makes a random Message-ID at the address's domain.
func NewMessageID(from Address) string { panic("contract") }

// Render gives the bytes of the message, CRLF line ends, lines of at most 998 bytes, the same bytes for the same letter.
func Render(l Letter) ([]byte, error) { panic("contract") }

// Result is what is known about one recipient after one attempt.
type Result string

// The results.
const (
	Sent     Result = "sent"     // 2xx after the dot, for this recipient
	Deferred Result = "deferred" // refused for now: nothing was accepted
	Failed   Result = "failed"   // refused for good
	Unknown  Result = "unknown"  // the dot went out and no usable answer came
	Written  Result = "written"  // into a folder, without a server
)

// Receipt is the honest word on one recipient.
type Receipt struct {
	To     string // envelope recipient
	Result Result
	Stage  string // "dial", "mail", "rcpt", "data", "body", "dot", "file"
	Code   int    // 0: no usable answer
	Words  string // the server's words or our error's, cleaned of control characters, at most 1000 bytes
	At     time.Time
}

// SessionError says that the session, not a message, was refused: the whole queue pauses.
type SessionError struct {
	Stage      string // "banner", "ehlo", "starttls", "certificate", "auth"
	Code       int
	Words      string
	Credential bool // a refused login: no probing until the credential or the rules change
	Err        error
}

func (e *SessionError) Error() string { panic("contract") }
func (e *SessionError) Unwrap() error { return e.Err }

// Parcel is one stored message on its way.
type Parcel struct {
	From string
	To   []string
	Data []byte
	// BeforeDot is called with the accepted recipients after everything is said but the final dot. It commits
	// `sending`; when it fails the connection is cut without the dot and nothing was accepted.
	BeforeDot func(accepted []string) error
}

// Carrier opens sessions; Server and Folder are carriers.
type Carrier interface {
	// Open connects and logs in. *SessionError: pause the queue. Any other error: try later.
	Open(ctx context.Context) (Session, error)
	// Trial reports whether what it carries stays in the house (a folder).
	Trial() bool
}

// Session carries parcels one after another over one connection.
type Session interface {
	// Carry makes one attempt and gives one receipt for each recipient in p.To, in order. broken reports that the session is of no use any more.
	Carry(ctx context.Context, p Parcel) (rs []Receipt, broken bool)
	Close() error
}

// ServerOptions describe a mail server.
type ServerOptions struct {
	URL      string // smtp://host:587 (STARTTLS), smtps://host:465 (implicit TLS), smtp+insecure://host:25 (in so many words)
	User     string
	Password func() (string, error)                                            // read anew at each login, so that a changed credential counts
	Auth     string                                                            // "", "plain", "login", "cram-md5", "scram-sha-256", "xoauth2"; "" picks the best offered
	OAuth2   *OAuth2Options                                                    // for xoauth2
	RootCA   []byte                                                            // PEM; nil: the system's
	Hello    string                                                            // EHLO name; "" : the host's name
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error) // test hook, nil otherwise
}

// OAuth2Options are client credentials (RFC 6749 4.4).
type OAuth2Options struct {
	TokenURL, ClientID string
	ClientSecret       func() (string, error)
	Scopes             []string
}

// NewServer checks the options. Nothing is dialled.
func NewServer(o ServerOptions) (Carrier, error) { panic("contract") }

// NewFolder writes one .eml a message into dir, atomically.
func NewFolder(dir string) Carrier { panic("contract") }

// Rate is "20 per minute".
type Rate struct {
	N   int
	Per time.Duration
}

// ParseRate reads "20 per minute", "1分に20通", "500 per hour".
func ParseRate(s string) (Rate, error) { panic("contract") }
