package mailer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// mechanisms are, for each way to log in that can be asked for, what is looked
// for in the server's offer, in this order. PLAIN stands before CRAM-MD5: under TLS it tells
// nobody anything, and many servers offer CRAM-MD5 without being able to do it.
var mechanisms = map[string][]string{
	"":              {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"},
	"plain":         {"PLAIN"},
	"login":         {"LOGIN"},
	"cram-md5":      {"CRAM-MD5"},
	"scram-sha-256": {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"},
	"scram-sha-1":   {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"},
	"xoauth2":       {"XOAUTH2"},
}

// login runs one AUTH dialogue. Everything that it says about a failure has
// gone through hide: servers have been seen to repeat the command that they refuse.
func (s *server) login(ctx context.Context, l *line, conn net.Conn) error {
	state, err := l.GetTLSConnectionState()
	secure := err == nil
	if !secure {
		// The URL said loopback when it was checked; a name may have led elsewhere since.
		if peer, ok := conn.RemoteAddr().(*net.TCPAddr); s.security != clearText || ok && !peer.IP.IsLoopback() {
			return &SessionError{Stage: "auth", Words: "no login over clear text"}
		}
	}
	mechanism, err := s.mechanism(l, secure)
	if err != nil {
		return err
	}
	secret, err := s.secret(ctx)
	if err != nil {
		return err
	}
	var auth smtp.Auth
	switch mechanism {
	case "SCRAM-SHA-256-PLUS":
		auth = smtp.ScramSHA256PlusAuth(s.o.User, secret, state)
	case "SCRAM-SHA-256":
		auth = smtp.ScramSHA256Auth(s.o.User, secret)
	case "SCRAM-SHA-1-PLUS":
		auth = smtp.ScramSHA1PlusAuth(s.o.User, secret, state)
	case "SCRAM-SHA-1":
		auth = smtp.ScramSHA1Auth(s.o.User, secret)
	case "PLAIN":
		auth = smtp.PlainAuth("", s.o.User, secret, s.host, true) // clear text was ruled out above
	case "LOGIN":
		auth = smtp.LoginAuth(s.o.User, secret, s.host, true)
	case "CRAM-MD5":
		auth = smtp.CRAMMD5Auth(s.o.User, secret)
	case "XOAUTH2":
		auth = smtp.XOAuth2Auth(s.o.User, secret)
	}
	l.begin(commandLimit)
	err = l.Auth(&guarded{Auth: auth})
	if err == nil {
		l.hide = func(words string) string { return s.hide(words, secret) }
		return nil
	}
	code, words := answer(err)
	words = s.hide(words, secret)
	s.forgetToken() // whatever it was, the next login starts afresh
	switch {
	case code == 0 && isNetwork(err):
		return sayAgain(err)
	case code >= 400 && code < 500:
		return fmt.Errorf("the login: %d %s", code, words)
	}
	return &SessionError{Stage: "auth", Code: code, Words: words, Credential: isLoginRefusal(code), Err: errors.New(words)}
}

// isLoginRefusal reports whether the server judged the login. An answer about
// the command or the mechanism (500 to 504, 538) says nothing about the password, and asking again locks no account.
func isLoginRefusal(code int) bool {
	return code > 504 && code < 600 && code != 538
}

func (s *server) mechanism(l *line, secure bool) (string, error) {
	ok, words := l.Extension("AUTH")
	if !ok {
		return "", &SessionError{Stage: "auth", Words: "the server does not offer a login (AUTH)"}
	}
	offered := strings.Fields(strings.ToUpper(words))
	wanted := mechanisms[s.o.Auth]
	if s.usesToken() {
		wanted = mechanisms["xoauth2"]
	}
	for _, m := range wanted {
		if strings.HasSuffix(m, "-PLUS") && !secure {
			continue // nothing to bind the login to
		}
		if slices.Contains(offered, m) {
			return m, nil
		}
	}
	return "", &SessionError{Stage: "auth", Words: clean(fmt.Sprintf("the server offers the logins %s, but not %s",
		strings.Join(offered, ", "), strings.Join(wanted, ", ")), maxWords)}
}

// secret reads the password, or fetches a token.
func (s *server) secret(ctx context.Context) (string, error) {
	if s.usesToken() {
		return s.fetchToken(ctx)
	}
	password, err := s.o.Password()
	if err != nil {
		return "", &SessionError{Stage: "auth", Words: clean("couldn't read the password: "+err.Error(), maxWords), Err: err}
	}
	if password == "" || strings.ContainsRune(password, 0) {
		return "", &SessionError{Stage: "auth", Words: "the password is empty or has a NUL"}
	}
	return password, nil
}

// fetchToken keeps a token as long as it is good, for whoever sends every few minutes.
func (s *server) fetchToken(ctx context.Context) (string, error) {
	secret, err := s.o.OAuth2.ClientSecret()
	if err != nil {
		return "", &SessionError{Stage: "auth", Words: clean("couldn't read the client secret: "+err.Error(), maxWords), Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.Valid() && s.tokenSecret == secret {
		return s.token.AccessToken, nil
	}
	config := clientcredentials.Config{
		ClientID: s.o.OAuth2.ClientID, ClientSecret: secret,
		TokenURL: s.o.OAuth2.TokenURL, Scopes: s.o.OAuth2.Scopes,
	}
	client := &http.Client{
		Timeout: commandLimit,
		// A redirect would carry the secret to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	if err == nil {
		if token.AccessToken == "" || strings.ContainsAny(token.AccessToken, "\r\n\x00\x01") {
			return "", &SessionError{Stage: "auth", Words: "the token server gave no usable token"}
		}
		s.token, s.tokenSecret = token, secret
		return token.AccessToken, nil
	}
	words := s.hide(clean("couldn't fetch a token: "+err.Error(), maxWords), secret)
	answered, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || answered.Response == nil || answered.Response.StatusCode >= 500 || answered.Response.StatusCode == http.StatusTooManyRequests {
		return "", errors.New(words)
	}
	status := answered.Response.StatusCode
	return "", &SessionError{Stage: "auth", Words: words, Err: errors.New(words),
		Credential: status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden}
}

func (s *server) forgetToken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.tokenSecret = nil, ""
}

// hide takes a secret out of words, also in the forms in which it goes over the line.
func (s *server) hide(words, secret string) string {
	encode := base64.StdEncoding.EncodeToString
	for _, form := range []string{
		encode([]byte("\x00" + s.o.User + "\x00" + secret)),
		encode([]byte("user=" + s.o.User + "\x01auth=Bearer " + secret + "\x01\x01")),
		encode([]byte(secret)),
		url.QueryEscape(secret),
		clean(secret, len(secret)+1), // words were cleaned, and so is the secret in them
		secret,
	} {
		if form != "" {
			words = strings.ReplaceAll(words, form, "…")
		}
	}
	return clean(words, maxWords)
}

// guarded holds a dialogue to what an honest server needs. A hostile one could
// ask without end, or want SCRAM's key derived for hours.
type guarded struct {
	smtp.Auth
	rounds int
}

const (
	maxRounds     = 6
	maxIterations = 1_000_000 // the usual is 4096 to 600,000
)

func (g *guarded) Next(challenge []byte, more bool) ([]byte, error) {
	if g.rounds++; g.rounds > maxRounds {
		return nil, errors.New("the login does not come to an end")
	}
	if more && strings.HasPrefix(string(challenge), "r=") {
		for field := range strings.SplitSeq(string(challenge), ",") {
			count, ok := strings.CutPrefix(field, "i=")
			if n, err := strconv.Atoi(count); ok && (err != nil || n < 1 || n > maxIterations) {
				return nil, errors.New("the server wants the password hashed an absurd number of times")
			}
		}
	}
	return g.Auth.Next(challenge, more)
}
