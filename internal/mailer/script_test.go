package mailer

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
)

// What a scripted server can do instead of answering.
const (
	cut   = "CUT"   // hangs up
	stall = "STALL" // says nothing more
)

// script is an SMTP server that answers as it was told, over net.Pipe, so that
// time-outs run in a synctest bubble.
type script struct {
	// answers by command: "banner", "EHLO", "MAIL", "RCPT", "RCPT <a@b.example>", "DATA", "body", ".", …;
	// "2:MAIL" for the second message alone. "AFTER 3m " before one lets time pass, "HALF " sends it without a line end and
	// then says nothing more, "AFTER 3m" for "body" takes its time over each block. What is not said here goes well.
	answers  map[string]string
	raw      string // the command whose answer is sent as it is, without a line end, before hanging up
	tls      *tls.Config
	implicit bool // TLS from the first byte, with dialTCP
	login    func(mechanism string) sasl.Server

	mu       sync.Mutex
	commands []string
	body     []byte // of the message on its way, as it came, dots included
	messages [][]byte
	release  chan struct{} // ends a stall amid the body
	conn     net.Conn
	ended    bool // the connection is closed
	nth      int  // the message that is spoken of
}

func (s *script) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	s.mu.Lock()
	s.conn = server
	if s.release == nil {
		s.release = make(chan struct{})
	}
	s.mu.Unlock()
	go s.serve(server)
	return client, nil
}

// dialTCP is for what TLS does at its end: both sides write at once there, and a pipe without a buffer would stand still.
func (s *script) dialTCP(ctx context.Context, _, _ string) (net.Conn, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, err
	}
	server, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	if s.implicit {
		server = tls.Server(server, s.tls)
	}
	s.mu.Lock()
	s.conn = server
	s.mu.Unlock()
	go s.serve(server)
	return client, nil
}

func (s *script) secured() *tls.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.(*tls.Conn)
}

func (s *script) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.commands...)
}

func (s *script) heard(verb string) int {
	n := 0
	for _, c := range s.said() {
		if strings.HasPrefix(c, verb) {
			n++
		}
	}
	return n
}

var usual = map[string]string{
	"banner": "220 mail.test ready", "EHLO": "250-mail.test\n250-8BITMIME\n250 SIZE 100000000", "HELO": "250 mail.test",
	"STARTTLS": "220 go ahead", "AUTH": "235 welcome", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", ".": "250 queued as 4711",
	"RSET": "250 ok", "NOOP": "250 ok", "QUIT": "221 bye",
}

func (s *script) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
	}()
	r := bufio.NewReader(conn)
	answer := func(keys ...string) bool {
		text := ""
		for _, key := range keys {
			if told, ok := s.answers[itoa(s.nth)+":"+key]; ok && text == "" {
				text = told
			}
			if told, ok := s.answers[key]; ok && text == "" {
				text = told
			}
		}
		if text == "" {
			text = usual[keys[len(keys)-1]]
		}
		if rest, ok := strings.CutPrefix(text, "AFTER "); ok {
			span, rest, _ := strings.Cut(rest, " ")
			d, err := time.ParseDuration(span)
			if err != nil {
				panic(err)
			}
			time.Sleep(d)
			text = rest
		}
		if rest, ok := strings.CutPrefix(text, "HALF "); ok {
			if _, err := io.WriteString(conn, rest); err != nil {
				return false
			}
			text = stall
		}
		switch {
		case text == cut:
			return false
		case text == stall:
			_, _ = io.Copy(io.Discard, r)
			return false
		case s.raw != "" && s.raw == keys[len(keys)-1]:
			_, _ = io.WriteString(conn, text)
			return false
		}
		_, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n")+"\r\n")
		return err == nil
	}
	if !answer("banner") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.commands = append(s.commands, line)
		s.mu.Unlock()
		verb, arg, _ := strings.Cut(line, " ")
		if verb == "MAIL" {
			s.nth++
		}
		switch verb {
		case "STARTTLS":
			if !answer("STARTTLS") {
				return
			}
			if s.tls != nil {
				secured := tls.Server(conn, s.tls)
				if secured.Handshake() != nil {
					return
				}
				conn, r = secured, bufio.NewReader(secured)
			}
		case "AUTH":
			if s.login == nil {
				if !answer("AUTH") {
					return
				}
				continue
			}
			if !s.dialogue(conn, r, arg) {
				return
			}
		case "RCPT":
			path, _, _ := strings.Cut(strings.TrimPrefix(arg, "TO:"), " ")
			if !answer("RCPT "+path, "RCPT") {
				return
			}
		case "DATA":
			before := cmp.Or(s.answers[itoa(s.nth)+":DATA"], s.answers["DATA"])
			if !answer("DATA") {
				return
			}
			if before != "" && !strings.HasPrefix(before, "354") {
				continue
			}
			if !s.readBody(r) || !answer(".") {
				return
			}
		default:
			if !answer(verb) || verb == "QUIT" {
				return
			}
		}
	}
}

// dialogue runs a login the way RFC 4954 has it.
func (s *script) dialogue(conn io.Writer, r *bufio.Reader, arg string) bool {
	mechanism, initial, has := strings.Cut(arg, " ")
	var response []byte
	if has {
		response, _ = base64.StdEncoding.DecodeString(initial)
		if response == nil {
			response = []byte{}
		}
	}
	machine := s.login(mechanism)
	for {
		challenge, done, err := machine.Next(response)
		switch {
		case err != nil:
			_, werr := fmt.Fprintf(conn, "535 5.7.8 %v\r\n", err)
			return werr == nil
		case done:
			_, werr := io.WriteString(conn, "235 welcome\r\n")
			return werr == nil
		}
		if _, err := fmt.Fprintf(conn, "334 %s\r\n", base64.StdEncoding.EncodeToString(challenge)); err != nil {
			return false
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if response, err = base64.StdEncoding.DecodeString(strings.TrimSpace(line)); err != nil {
			_, werr := io.WriteString(conn, "501 aborted\r\n")
			return werr == nil
		}
	}
}

func (s *script) readBody(r *bufio.Reader) bool {
	s.mu.Lock()
	s.body = nil
	s.mu.Unlock()
	told := cmp.Or(s.answers[itoa(s.nth)+":body"], s.answers["body"])
	pause, paces := time.Duration(0), 0
	if span, ok := strings.CutPrefix(told, "AFTER "); ok {
		var err error
		if pause, err = time.ParseDuration(span); err != nil {
			panic(err)
		}
	}
	for {
		line, err := r.ReadBytes('\n')
		s.mu.Lock()
		s.body = append(s.body, line...)
		full := len(s.body) > (paces+1)<<15
		whole := bytes.Equal(line, []byte(".\r\n"))
		if whole {
			s.messages = append(s.messages, s.body)
		}
		s.mu.Unlock()
		if full {
			paces++
			time.Sleep(pause)
		}
		switch {
		case err != nil:
			return false
		case told == cut:
			return false
		case told == stall:
			<-s.release
			return false
		case whole:
			return true
		}
	}
}

// server makes a carrier that talks to the script.
func (s *script) server(t testing.TB, o ServerOptions) Carrier {
	t.Helper()
	if o.URL == "" {
		o.URL = "smtp+insecure://localhost:25"
	}
	if o.Dial == nil {
		o.Dial = s.dial
	}
	c, err := NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *script) open(t testing.TB) Session {
	t.Helper()
	session, err := s.server(t, ServerOptions{}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// done lets every goroutine of the script end, as a synctest bubble wants it.
func (s *script) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.release != nil {
		close(s.release)
	}
	if s.conn != nil {
		s.conn.Close()
	}
}

func password(s string) func() (string, error) { return func() (string, error) { return s, nil } }

// authority is a certificate authority of the test's own. Its times hold in a synctest bubble, where it is the year 2000.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	PEM  []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key: key, cert: cert, PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) server(t testing.TB, name string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
