package mailer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

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
	Stage  string // "mail", "rcpt", "data", "body", "dot", "file": how far the attempt came
	Code   int    // 0: no usable answer
	Words  string // the server's words or our error's, cleaned of control characters, at most 1000 bytes
	At     time.Time
}

// SessionError says that the session, not a message, was refused: the whole queue pauses.
type SessionError struct {
	Stage      string // "banner", "ehlo", "starttls", "tls", "certificate", "auth"
	Code       int    // 0: the server did not answer with a code
	Words      string // the server's words or our error's, cleaned as a Receipt's
	Credential bool   // a refused login: no probing until the credential or the rules change
	Err        error
}

// Error says at which step the session was refused, and why.
func (e *SessionError) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("couldn't open the mail session (%s): %s", e.Stage, e.Words)
	}
	return fmt.Sprintf("couldn't open the mail session (%s): the server said %d %s", e.Stage, e.Code, e.Words)
}

func (e *SessionError) Unwrap() error { return e.Err }

const maxWords = 1000

// clean makes words from outside fit for a log, a mail and a terminal: valid
// UTF-8, one line, no control characters, none that turn the direction of writing, at most so many bytes.
func clean(s string, most int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			space = b.Len() > 0
			continue
		}
		n := utf8.RuneLen(r) // an invalid byte comes as U+FFFD
		if space {
			n++
		}
		if b.Len()+n > most {
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// answer takes an error of the SMTP client apart. Code 0 means that there was
// no usable answer, whatever IsTemp and the like would make of it.
func answer(err error) (code int, words string) {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code, clean(reply.Msg, maxWords)
	}
	return 0, clean(err.Error(), maxWords)
}

// isNetwork reports whether the line failed rather than the one at its other end.
func isNetwork(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed)
}
