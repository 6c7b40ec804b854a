package mailer

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// sink is a real SMTP server, emersion/go-smtp, on loopback.
type sink struct {
	addr string

	mu      sync.Mutex
	taken   []mailed
	logins  []string
	refuses map[string]*smtp.SMTPError // by recipient, or "." after the dot
}

type mailed struct {
	from string
	size int64
	to   []string
	data []byte
}

// sinkOptions are what a test may want of the server.
type sinkOptions struct {
	tls      *tls.Config
	implicit bool
	login    func(mechanism string) sasl.Server // nil: no AUTH
	offers   []string
	utf8     bool
	discard  bool
}

func newSink(t testing.TB, o sinkOptions) *sink {
	t.Helper()
	s := &sink{refuses: make(map[string]*smtp.SMTPError)}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		session := &sinkSession{sink: s, discard: o.discard}
		if o.login == nil {
			return session, nil
		}
		return &sinkLogin{session, o}, nil
	}))
	server.Domain, server.TLSConfig, server.AllowInsecureAuth = "sink.test", o.tls, true
	server.MaxMessageBytes, server.EnableSMTPUTF8, server.ErrorLog = 50<<20, o.utf8, log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	if o.implicit {
		listener = tls.NewListener(listener, o.tls)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-done })
	return s
}

func (s *sink) messages() []mailed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]mailed(nil), s.taken...)
}

type sinkSession struct {
	sink    *sink
	now     mailed
	discard bool
}

func (s *sinkSession) Mail(from string, o *smtp.MailOptions) error {
	s.now = mailed{from: from, size: o.Size}
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	if refusal := s.sink.refuses[to]; refusal != nil {
		return refusal
	}
	s.now.to = append(s.now.to, to)
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	if s.discard {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	if refusal := s.sink.refuses["."]; refusal != nil {
		return refusal
	}
	s.now.data = data
	s.sink.taken = append(s.sink.taken, s.now)
	return nil
}

func (s *sinkSession) Reset()        { s.now = mailed{} }
func (s *sinkSession) Logout() error { return nil }

type sinkLogin struct {
	*sinkSession
	o sinkOptions
}

func (s *sinkLogin) AuthMechanisms() []string { return s.o.offers }

func (s *sinkLogin) Auth(mechanism string) (sasl.Server, error) {
	machine := s.o.login(mechanism)
	if machine == nil {
		return nil, errors.New("unknown")
	}
	s.sink.mu.Lock()
	s.sink.logins = append(s.sink.logins, mechanism)
	s.sink.mu.Unlock()
	return machine, nil
}
