package mailer

import (
	"errors"
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
	wire *wire
}

func (l *line) begin(limit time.Duration) {
	l.wire.budget = maxReply
	_ = l.UpdateDeadline(limit)
}
