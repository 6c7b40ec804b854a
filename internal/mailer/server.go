package mailer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/oauth2"
)

// ServerOptions describe a mail server.
type ServerOptions struct {
	URL      string // smtp://host:587 (STARTTLS), smtps://host:465 (implicit TLS), smtp+insecure://host:25 (in so many words)
	User     string
	Password func() (string, error)                                            // read anew at each login, so that a changed credential counts
	Auth     string                                                            // "", "plain", "login", "cram-md5", "scram-sha-256", "scram-sha-1", "xoauth2"; "" picks the best offered
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

// How a connection is kept from listeners.
type security int

const (
	startTLS    security = iota // mandatory, never given up for clear text
	implicitTLS                 // from the first byte
	clearText                   // only by the scheme that says so
)

var schemes = map[string]struct {
	security security
	port     string
}{
	"smtp":          {startTLS, "587"},
	"smtps":         {implicitTLS, "465"},
	"smtp+insecure": {clearText, "25"},
}

type server struct {
	o        ServerOptions
	host     string
	addr     string
	security security
	roots    *x509.CertPool
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)

	mu          sync.Mutex
	token       *oauth2.Token // the one that is still good
	tokenSecret string        // what it was got with: a changed secret asks anew
}

// NewServer checks the options. Nothing is dialled.
func NewServer(o ServerOptions) (Carrier, error) {
	s := &server{o: o, dial: o.Dial}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("couldn't use the mail server %q: %w", clean(withoutPassword(o.URL), 200), err)
	}
	if s.dial == nil {
		s.dial = (&net.Dialer{Timeout: dialLimit}).DialContext
	}
	return s, nil
}

// withoutPassword takes user and password out of a URL, where they don't belong but are often written.
func withoutPassword(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		scheme, _, _ := strings.Cut(s[:at], "//")
		return scheme + "//…@" + s[at+1:]
	}
	return s
}

func (s *server) check() error {
	if err := checkValue(s.o.URL); err != nil {
		return err
	}
	if strings.Contains(s.o.URL, "@") {
		return errors.New("user and password don't belong into the address of the server")
	}
	u, err := url.Parse(s.o.URL)
	if err != nil {
		return errors.New("it is no address such as smtp://mail.example.com:587")
	}
	scheme, ok := schemes[u.Scheme]
	if !ok || u.Opaque != "" {
		return errors.New("it has to begin with smtp:// (STARTTLS), smtps:// (TLS) or smtp+insecure:// (clear text)")
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("nothing may stand after the port")
	}
	s.security, s.host = scheme.security, u.Hostname()
	port := u.Port()
	if port == "" {
		port = scheme.port
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q is no port", port)
	}
	if s.host == "" || strings.ContainsFunc(s.host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("it names no host")
	}
	s.addr = net.JoinHostPort(s.host, port)
	if s.o.Hello != "" && (!isASCII(s.o.Hello) || strings.ContainsFunc(s.o.Hello, func(r rune) bool { return r <= ' ' || r >= 0x7f })) {
		return errors.New("its hello name is no host name")
	}
	if s.o.RootCA != nil {
		s.roots = x509.NewCertPool()
		if !s.roots.AppendCertsFromPEM(s.o.RootCA) {
			return errors.New("the file of the certificate authority holds no certificate (PEM)")
		}
	}
	return s.checkLogin()
}

func (s *server) checkLogin() error {
	if _, ok := mechanisms[s.o.Auth]; !ok {
		return fmt.Errorf("the way to log in %q is none of plain, login, cram-md5, scram-sha-256, scram-sha-1, xoauth2", clean(s.o.Auth, 50))
	}
	if err := checkValue(s.o.User); err != nil {
		return fmt.Errorf("the user: %w", err)
	}
	if s.o.User == "" {
		if s.o.Auth != "" || s.o.OAuth2 != nil {
			return errors.New("a way to log in is given, but no user")
		}
		return nil
	}
	if s.security == clearText && !isLoopback(s.host) {
		return errors.New("a login over clear text is only possible on this very machine: use smtp:// or smtps://")
	}
	if !s.usesToken() {
		if s.o.Password == nil {
			return errors.New("a user is given, but no password")
		}
		return nil
	}
	if s.o.Auth != "" && s.o.Auth != "xoauth2" {
		return fmt.Errorf("the way to log in is %q, but OAuth 2 is given", s.o.Auth)
	}
	o := s.o.OAuth2
	if o == nil || o.ClientID == "" || o.ClientSecret == nil {
		return errors.New("xoauth2 needs token address, client and client secret")
	}
	u, err := url.Parse(o.TokenURL)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname()))) {
		return errors.New("the token address has to begin with https://")
	}
	return nil
}

func (s *server) usesToken() bool { return s.o.Auth == "xoauth2" || s.o.OAuth2 != nil }

func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

func (s *server) Trial() bool { return false }

func (s *server) Open(ctx context.Context) (Session, error) {
	l, err := s.open(ctx)
	if err == nil {
		return &session{line: l}, nil
	}
	if refused, ok := errors.AsType[*SessionError](err); ok {
		return nil, refused
	}
	if cause := context.Cause(ctx); cause != nil {
		return nil, fmt.Errorf("couldn't open a session with the mail server %s: %w", s.addr, cause)
	}
	return nil, fmt.Errorf("couldn't open a session with the mail server %s: %w", s.addr, err)
}

func (s *server) open(ctx context.Context) (_ *line, err error) {
	conn, err := s.dial(ctx, "tcp", s.addr)
	if err != nil {
		return nil, sayAgain(err)
	}
	w := &wire{Conn: conn}
	stop := context.AfterFunc(ctx, w.cut)
	defer func() {
		if !stop() && err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			w.cut() // failed dials of go-mail leave their socket open
		}
	}()

	w.begin(greetingLimit)
	var top net.Conn = w
	if s.security == implicitTLS {
		secured := tls.Client(w, s.tlsConfig())
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, tlsError(err)
		}
		top = secured
	}
	w.begin(greetingLimit)
	client, err := smtp.NewClient(top, s.host)
	if err != nil {
		return nil, refusal("banner", err)
	}
	l := &line{Client: client, wire: w}
	l.begin(2 * commandLimit) // EHLO, and HELO where that is not known
	if err := client.Hello(s.hello(conn)); err != nil {
		return nil, helloError(err)
	}
	if s.security == startTLS {
		if err := s.startTLS(l); err != nil {
			return nil, err
		}
	}
	if s.o.User != "" {
		if err := s.login(ctx, l, conn); err != nil {
			return nil, err
		}
	}
	l.listen()
	return l, nil
}

// hello is the name to say. A machine without a full name says its address, as RFC 5321 4.1.4 asks.
func (s *server) hello(conn net.Conn) string {
	if s.o.Hello != "" {
		return s.o.Hello
	}
	name, err := os.Hostname()
	if err == nil && strings.Contains(name, ".") && checkDomain(name) == nil && isASCII(name) {
		return name
	}
	local, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok {
		return "localhost"
	}
	ip := local.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		return "[IPv6:" + ip.String() + "]"
	}
	return "[" + ip.String() + "]"
}

func (s *server) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

func (s *server) startTLS(l *line) error {
	if offered, _ := l.Extension("STARTTLS"); !offered {
		return &SessionError{Stage: "starttls", Words: "the server does not offer STARTTLS, and nothing is sent over clear text"}
	}
	l.begin(2 * commandLimit) // STARTTLS with the handshake, and the second EHLO
	err := l.StartTLS(s.tlsConfig())
	if err == nil {
		return nil
	}
	if code, _ := answer(err); code != 0 {
		return refusal("starttls", err)
	}
	return tlsError(err)
}

// tlsError tells a line that broke during the handshake from a certificate or a protocol that is wrong.
func tlsError(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &SessionError{Stage: "certificate", Words: clean(err.Error(), maxWords), Err: err}
	}
	if _, ok := errors.AsType[tls.AlertError](err); !ok && isNetwork(err) && !isAlert(err) {
		return sayAgain(err)
	}
	return &SessionError{Stage: "tls", Words: clean(err.Error(), maxWords), Err: err}
}

// isAlert reports whether a net.OpError is the other side's TLS alert: crypto/tls dresses it as one of the network.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}

// refusal sorts an error of one command before any message: an answer that is for good, or no SMTP at all,
// is about the session; a temporary one, or a line that broke, is not.
func refusal(stage string, err error) error {
	code, words := answer(err)
	if code >= 400 && code < 500 || code == 0 && isNetwork(err) {
		return sayAgain(err)
	}
	return &SessionError{Stage: stage, Code: code, Words: words, Err: cleaned(err)}
}

// helloError looks at both answers: HELO is tried after a refused EHLO, and only two refusals for good count as one.
func helloError(err error) error {
	if both, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range both.Unwrap() {
			if _, refused := errors.AsType[*SessionError](refusal("ehlo", one)); !refused {
				return sayAgain(err)
			}
		}
	}
	return refusal("ehlo", err)
}

// sayAgain keeps the cause and cleans what it says: a server's words may be in it.
func sayAgain(err error) error { return &spoken{clean(err.Error(), maxWords), err} }

type spoken struct {
	words string
	err   error
}

func (s *spoken) Error() string { return s.words }
func (s *spoken) Unwrap() error { return s.err }

// cleaned gives an error that holds nothing of the server's beside code and clean words.
func cleaned(err error) error {
	code, words := answer(err)
	if code == 0 {
		return errors.New(words)
	}
	return &textproto.Error{Code: code, Msg: words}
}
