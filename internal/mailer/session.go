package mailer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// session is one connection, greeted and logged in.
type session struct {
	line *line
	dead bool
}

// Close says QUIT while that can do no harm, and hangs up.
func (s *session) Close() error {
	if !s.dead {
		s.line.begin(quitLimit)
		_ = s.line.Quit() // what was accepted is accepted, whatever comes back
	}
	s.dead = true
	s.line.wire.cut()
	return nil
}

// attempt collects the receipts of one Carry. Each recipient gets exactly one, the first that is known.
type attempt struct {
	receipts []Receipt
	hide     func(words string) string // see line
}

func (a *attempt) set(i int, result Result, stage string, code int, words string) {
	r := &a.receipts[i]
	if r.Result != "" {
		return
	}
	words = clean(words, maxWords)
	if a.hide != nil {
		words = a.hide(words)
	}
	r.Result, r.Stage, r.Code, r.Words, r.At = result, stage, code, words, time.Now()
}

// rest gives all that are still open the same receipt.
func (a *attempt) rest(result Result, stage string, code int, words string) {
	for i := range a.receipts {
		a.set(i, result, stage, code, words)
	}
}

// Carry makes one attempt.
func (s *session) Carry(ctx context.Context, p Parcel) ([]Receipt, bool) {
	a := &attempt{receipts: make([]Receipt, len(p.To)), hide: s.line.hide}
	for i, to := range p.To {
		a.receipts[i].To = to
	}
	switch {
	case len(p.To) == 0:
		return nil, s.dead
	case s.dead:
		a.rest(Deferred, "mail", 0, "the session is closed")
		return a.receipts, true
	case ctx.Err() != nil:
		a.rest(Deferred, "mail", 0, context.Cause(ctx).Error())
		return a.receipts, false
	}

	// Whatever ends this attempt halfway, a panic of BeforeDot included, leaves
	// the dialogue in a state that nobody knows: the connection is cut unless carry says that it is in order.
	sound := false
	defer func() {
		if !sound {
			s.dead = true
			s.line.wire.cut()
		}
	}()
	sound = s.carry(ctx, p, a)
	return a.receipts, !sound
}

// loginFirst is "Authentication required": about the session, though it comes as an answer about the message, to MAIL or, from
// some servers, only to RCPT or DATA (RFC 4954 6). As a failure for good it would use up every message of the queue.
const loginFirst = 530

// carry reports whether the session is ready for another parcel.
func (s *session) carry(ctx context.Context, p Parcel, a *attempt) (sound bool) {
	from, paths, ok := s.envelope(p, a)
	if !ok {
		return true // nothing was said
	}
	// Cancelling cuts the connection, whatever it waits for: the client's own context counts only while dialling.
	stop := context.AfterFunc(ctx, s.line.wire.cut)
	defer stop()
	lost := func(stage string, err error) bool {
		code, words := s.line.answer(err)
		if cause := context.Cause(ctx); cause != nil {
			code, words = 0, cause.Error()
		}
		a.rest(Deferred, stage, code, words)
		return false
	}

	errEarly := errors.New("the server answered what was not asked yet")
	if s.line.early() {
		return lost("mail", errEarly)
	}
	s.line.begin(commandLimit)
	if err := s.line.whole(s.line.Mail(from)); err != nil {
		code, words := s.line.answer(err)
		switch {
		case code == loginFirst:
			return lost("mail", err)
		case code >= 500 && code < 600:
			a.rest(Failed, "mail", code, words)
		case code >= 400 && code < 500 && code != 421:
			a.rest(Deferred, "mail", code, words)
		default:
			return lost("mail", err)
		}
		return s.reset(ctx)
	}

	var accepted []string
	first := make(map[string]int) // a recipient who is named twice is told to the server once
	for i, to := range p.To {
		if a.receipts[i].Result != "" {
			continue
		}
		if _, again := first[paths[i]]; again {
			continue
		}
		first[paths[i]] = i
		if s.line.early() {
			return lost("rcpt", errEarly)
		}
		s.line.begin(commandLimit)
		err := s.line.whole(s.line.Rcpt(paths[i]))
		if err == nil {
			accepted = append(accepted, to)
			continue
		}
		code, words := s.line.answer(err)
		switch {
		case code == 421, code == loginFirst, code < 400, code >= 600:
			return lost("rcpt", err)
		case code < 500, code == 552: // 552 here is "too many recipients" of old servers (RFC 5321 4.5.3.1.10)
			a.set(i, Deferred, "rcpt", code, words)
		default:
			a.set(i, Failed, "rcpt", code, words)
		}
	}
	defer func() {
		for i := range a.receipts {
			if j, ok := first[paths[i]]; ok && a.receipts[i].Result == "" {
				r := a.receipts[j]
				r.To = a.receipts[i].To
				a.receipts[i] = r
			}
		}
	}()
	settle := func(result Result, stage string, code int, words string) {
		for _, i := range first {
			a.set(i, result, stage, code, words)
		}
	}
	if len(accepted) == 0 {
		return s.reset(ctx)
	}

	if s.line.early() {
		return lost("data", errEarly)
	}
	s.line.begin(dataLimit)
	body, err := s.line.Data()
	if err = s.line.whole(err); err != nil {
		code, words := s.line.answer(err)
		switch {
		case code == loginFirst:
			return lost("data", err)
		case code >= 500 && code < 600:
			settle(Failed, "data", code, words)
		case code >= 400 && code < 500 && code != 421:
			settle(Deferred, "data", code, words)
		default:
			return lost("data", err)
		}
		return s.reset(ctx)
	}

	// From here to the dot an error cuts the connection. The server has the beginning of a message and must not get an end.
	const block = 32 << 10
	for data := p.Data; len(data) > 0 && err == nil; {
		n := min(block, len(data))
		s.line.begin(blockLimit)
		_, err = body.Write(data[:n])
		data = data[n:]
	}
	if err == nil {
		// Without this Flush the end of the body, or all of a short one, would leave together with the dot, and
		// a connection that was lost long ago would first show there, as an outcome nobody knows.
		err = s.line.Text.W.Flush()
	}
	if err != nil {
		return lost("body", s.lastWord(ctx, err))
	}
	if s.line.early() {
		return lost("body", errors.New("the server answered before the message was complete"))
	}
	if !stop() {
		return lost("body", context.Cause(ctx))
	}
	if p.BeforeDot != nil {
		if err := p.BeforeDot(accepted); err != nil {
			return lost("body", fmt.Errorf("stopped before the dot: %w", err))
		}
	}

	// The caller knows of the dot now. If we die from here on, nobody can say
	// whether the message arrived; so the answer is waited for whatever happens to ctx.
	before := s.line.wire.written
	s.line.begin(dotLimit)
	err = s.line.whole(body.Close())
	if err == nil {
		settle(Sent, "dot", 250, s.accepted(body))
		return true
	}
	code, words := s.line.answer(err)
	switch {
	case code >= 200 && code < 300: // 250 is not the only yes
		settle(Sent, "dot", code, words)
		return true
	case code >= 400 && code < 500:
		settle(Deferred, "dot", code, words)
		return code != 421
	case code >= 500 && code < 600:
		settle(Failed, "dot", code, words)
		return true
	case code == 0 && s.line.wire.written == before:
		// The system took not a byte of the dot: the server can't have seen it.
		settle(Deferred, "body", 0, words)
		return false
	}
	settle(Unknown, "dot", code, words)
	return false
}

// accepted are the words of a server that took the message, its queue's number often among them.
func (s *session) accepted(body any) string {
	if said, ok := body.(interface{ ServerResponse() string }); ok {
		return said.ServerResponse()
	}
	return ""
}

// lastWord listens for a moment to a server that hung up amid the body: some
// say why before they do. The words go into the receipt; the result stays what a cut is, later again.
func (s *session) lastWord(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	s.line.begin(lastWordLimit)
	if _, _, said := s.line.Text.ReadResponse(250); said != nil {
		if code, _ := s.line.answer(said); code >= 400 && code < 600 {
			return said
		}
	}
	return err
}

// reset clears the server's mind of a transaction that came to nothing.
func (s *session) reset(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	s.line.begin(commandLimit)
	return s.line.whole(s.line.Reset()) == nil
}

// envelope holds the parcel against what the server can take, before a word of
// it is said, and gives the arguments of MAIL and RCPT. Recipients that can't be named to this server get their
// receipt here; ok is false when nobody is left.
func (s *session) envelope(p Parcel, a *attempt) (from string, paths []string, ok bool) {
	if err := canonical(p.Data); err != nil {
		a.rest(Failed, "mail", 0, "the message can't be sent: "+err.Error())
		return "", nil, false
	}
	sized, words := s.line.Extension("SIZE")
	if most, err := strconv.ParseInt(words, 10, 64); sized && err == nil && most > 0 && int64(len(p.Data)) > most {
		a.rest(Failed, "mail", 0, fmt.Sprintf("the message has %d bytes, and the server takes no more than %d", len(p.Data), most))
		return "", nil, false
	}
	unicode, _ := s.line.Extension("SMTPUTF8")
	eightBit, _ := s.line.Extension("8BITMIME")
	headers, _, _ := bytes.Cut(p.Data, []byte("\r\n\r\n"))
	switch {
	case !isASCII(headers) && !unicode:
		a.rest(Failed, "mail", 0, "an address in the message has other than ASCII characters, and the server does not take such (SMTPUTF8)")
		return "", nil, false
	case !isASCII(p.Data) && !eightBit && !unicode:
		a.rest(Failed, "mail", 0, "the message has 8-bit characters, and the server does not take such (8BITMIME)")
		return "", nil, false
	}
	sender := ""
	if p.From != "" { // the empty one is that of bounces
		var err error
		if sender, err = parseMailbox(p.From); err != nil {
			a.rest(Failed, "mail", 0, "the sender's address can't be used: "+err.Error())
			return "", nil, false
		}
	}
	const foreign = "has other than ASCII characters, and the server does not take such (SMTPUTF8)"
	if !isASCII(sender) && !unicode {
		a.rest(Failed, "mail", 0, "the sender's address "+foreign)
		return "", nil, false
	}
	needs := !isASCII(headers) || !isASCII(sender)
	paths = make([]string, len(p.To))
	for i, to := range p.To {
		mailbox, err := parseMailbox(to)
		switch {
		case err != nil:
			a.set(i, Failed, "rcpt", 0, "the address can't be used: "+err.Error())
		case !isASCII(mailbox) && !unicode:
			a.set(i, Failed, "rcpt", 0, "the address "+foreign)
		default:
			needs = needs || !isASCII(mailbox)
			paths[i] = "<" + mailbox + ">"
			ok = true
		}
	}
	s.line.SkipSMTPUTF8(!needs)
	from = "<" + sender + ">"
	if sized {
		from += " SIZE=" + strconv.Itoa(len(p.Data)) // RFC 1870: refused here rather than after all of it
	}
	return from, paths, ok
}
