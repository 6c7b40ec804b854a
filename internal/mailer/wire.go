package mailer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// The time limits of RFC 5321 4.5.3.2, one for each command. The RFC calls
// them minimums: a server that scans for viruses may take them.
const (
	dialLimit     = 1 * time.Minute
	greetingLimit = 5 * time.Minute
	commandLimit  = 5 * time.Minute // EHLO, AUTH, MAIL, RCPT, RSET
	dataLimit     = 2 * time.Minute
	blockLimit    = 3 * time.Minute
	dotLimit      = 10 * time.Minute
	quitLimit     = 5 * time.Second // its outcome means nothing
	lastWordLimit = 2 * time.Second // what a server said before it hung up
)

// maxReply bounds what a server may say to one command, the handshake of TLS
// included. Without it a reply that never ends would fill the memory for as long as the time limit lets it.
const maxReply = 256 << 10

var errTooMuch = errors.New("the server's answer does not end")

// wire is the connection below TLS. It can be cut from another goroutine, at
// any moment and without a word to the server, and it knows how much went out.
type wire struct {
	net.Conn
	budget  int   // bytes that may still be read in this step
	written int64 // bytes that the system took
}

func (w *wire) Read(p []byte) (int, error) {
	if w.budget <= 0 {
		return 0, errTooMuch
	}
	n, err := w.Conn.Read(p[:min(len(p), w.budget)])
	w.budget -= n
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.written += int64(n)
	return n, err
}

// cut closes the socket. It never says QUIT: go-mail's ends an open DATA with
// the dot, and the server would accept half a message.
func (w *wire) cut() { _ = w.Conn.Close() }

// begin starts a step of the dialogue: a new time limit and a new budget.
func (w *wire) begin(limit time.Duration) {
	w.budget = maxReply
	// A connection that can't take a deadline is closed; the step's first read or write says so.
	_ = w.SetDeadline(time.Now().Add(limit))
}

// line is a client with the wire below it.
type line struct {
	*smtp.Client
	wire    *wire
	replies *replies // from when the session stands

	// hide takes the login's secret out of what the server says later on: one that logs a whole dialogue may quote it in any
	// answer, and answers go into the ledger, the log and the mails about them. nil without a login.
	hide func(words string) string
}

// replies are what the server says, on the way to the client. The client takes the beginning of a line for all of it when the
// connection breaks there; but a reply ends with its line end (RFC 5321 4.2), and what breaks off before is none. And it takes a
// code alone for no reply, though a server may leave out the space where it has no words: the same section has clients be prepared
// for that. So the space is put in.
type replies struct {
	from  *bufio.Reader // the client's own, which may hold what came early
	last  byte          // of what was read; a line end before that
	torn  bool          // the connection broke amid a line
	code  int           // how many digits the line has so far; above 3 where it has anything else
	ready []byte        // for the client
	err   error         // for the client, after that
}

func (r *replies) Read(p []byte) (int, error) {
	for len(r.ready) == 0 && r.err == nil {
		var some [512]byte
		var n int
		n, r.err = r.from.Read(some[:])
		for _, c := range some[:n] {
			r.add(c)
		}
		r.torn = r.torn || r.err != nil && r.last != '\n'
	}
	n := copy(p, r.ready)
	if r.ready = r.ready[n:]; n > 0 {
		return n, nil
	}
	err := r.err
	r.err = nil // a time-out passes
	return 0, err
}

// add takes one byte. The CR behind three digits is kept back until it shows whether the line ends there.
func (r *replies) add(c byte) {
	const bare, ending = 3, 4
	if r.code == ending {
		if c == '\n' {
			r.ready = append(r.ready, ' ')
		}
		r.ready = append(r.ready, '\r')
		r.code++
	}
	r.last = c
	switch {
	case c == '\n':
		if r.code == bare {
			r.ready = append(r.ready, ' ')
		}
		r.code = 0
	case c == '\r' && r.code == bare:
		r.code = ending
		return
	case c >= '0' && c <= '9' && r.code < bare:
		r.code++
	default:
		r.code = ending + 1
	}
	r.ready = append(r.ready, c)
}

// listen puts replies between the connection and the client.
func (l *line) listen() {
	l.replies = &replies{from: l.Text.R, last: '\n'}
	l.Text.R = bufio.NewReader(l.replies)
}

// early reports whether the server has answered a question that was not asked yet. Whatever it is, it would be
// taken for the answer to the next one.
func (l *line) early() bool {
	return l.Text.R.Buffered() > 0 || len(l.replies.ready) > 0 || l.replies.from.Buffered() > 0
}

var errTorn = errors.New("the connection broke amid the server's answer")

// whole gives the error of a command whose answer broke off.
func (l *line) whole(err error) error {
	if err == nil && l.replies.torn {
		return io.ErrUnexpectedEOF
	}
	return err
}

// answer is what the server said; one that broke off is no answer.
func (l *line) answer(err error) (code int, words string) {
	if l.replies.torn {
		return 0, clean(fmt.Sprintf("%v: %v", errTorn, err), maxWords)
	}
	return answer(err)
}

func (l *line) begin(limit time.Duration) {
	l.wire.budget = maxReply
	_ = l.UpdateDeadline(limit)
}
