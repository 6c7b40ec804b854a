package mailer

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func TestNewServerRefuses(t *testing.T) {
	secret := password("sesame-1234")
	oauth := &OAuth2Options{TokenURL: "https://login.example/token", ClientID: "bod", ClientSecret: secret}
	tests := []struct {
		o    ServerOptions
		says string
	}{
		{ServerOptions{URL: ""}, "has to begin with"},
		{ServerOptions{URL: "mail.example:587"}, "has to begin with"},
		{ServerOptions{URL: "http://mail.example"}, "has to begin with"},
		{ServerOptions{URL: "smtp:mail.example"}, "has to begin with"},
		{ServerOptions{URL: "smtp://"}, "no host"},
		{ServerOptions{URL: "smtp://mail.example:0"}, "no port"},
		{ServerOptions{URL: "smtp://mail.example:99999"}, "no port"},
		{ServerOptions{URL: "smtp://mail.example:x"}, "no address"},
		{ServerOptions{URL: "smtp://mail.example/x"}, "after the port"},
		{ServerOptions{URL: "smtp://mail.example?tls=no"}, "after the port"},
		{ServerOptions{URL: "smtp://keiri:sesame-1234@mail.example"}, "don't belong"},
		{ServerOptions{URL: "smtp://mail.example\r\nx"}, "line end"},
		{ServerOptions{URL: "smtp://メール.example"}, "no host"},
		{ServerOptions{URL: "smtp://mail.example", RootCA: []byte("x")}, "no certificate"},
		{ServerOptions{URL: "smtp://mail.example", Hello: "a b"}, "hello name"},
		{ServerOptions{URL: "smtp://mail.example", User: "u"}, "no password"},
		{ServerOptions{URL: "smtp://mail.example", Auth: "plain"}, "no user"},
		{ServerOptions{URL: "smtp://mail.example", User: "u", Password: secret, Auth: "ntlm"}, "none of"},
		{ServerOptions{URL: "smtp://mail.example", User: "u\r\nx", Password: secret}, "line end"},
		{ServerOptions{URL: "smtp+insecure://mail.example", User: "u", Password: secret}, "clear text"},
		{ServerOptions{URL: "smtp+insecure://192.0.2.1", User: "u", Password: secret}, "clear text"},
		{ServerOptions{URL: "smtp://mail.example", User: "u", Password: secret, Auth: "xoauth2"}, "token address"},
		{ServerOptions{URL: "smtp://mail.example", User: "u", Auth: "plain", OAuth2: oauth}, "OAuth"},
		{ServerOptions{URL: "smtp://mail.example", OAuth2: oauth}, "no user"},
		{ServerOptions{URL: "smtp://mail.example", User: "u", OAuth2: &OAuth2Options{TokenURL: "http://login.example", ClientID: "bod", ClientSecret: secret}}, "https"},
	}
	for _, tt := range tests {
		_, err := NewServer(tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%+v: %v, want %q", tt.o, err, tt.says)
		}
	}
	for url, addr := range map[string]string{
		"smtp://mail.example": "mail.example:587", "smtps://mail.example": "mail.example:465",
		"smtp+insecure://mail.example": "mail.example:25", "smtp://[::1]:2525/": "[::1]:2525",
	} {
		c, err := NewServer(ServerOptions{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
		} else if got := c.(*server).addr; got != addr || c.Trial() {
			t.Errorf("%s dials %s", url, got)
		}
	}
}

// TestTLS: both ways in, and nothing is said over clear text to who can't show the right certificate.
func TestTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	offer := map[string]string{"EHLO": "250-mail.test\n250 STARTTLS"}
	old := ca.server(t, "localhost")
	old.MaxVersion = tls.VersionTLS11
	old.MinVersion = tls.VersionTLS10
	tests := []struct {
		name     string
		url      string
		cert     *tls.Config
		implicit bool
		roots    []byte
		stage    string // "" when it works
	}{
		{"STARTTLS", "smtp://localhost", ca.server(t, "localhost"), false, ca.PEM, ""},
		{"implicit", "smtps://localhost", ca.server(t, "localhost"), true, ca.PEM, ""},
		{"STARTTLS, unknown authority", "smtp://localhost", ca.server(t, "localhost"), false, other.PEM, "certificate"},
		{"implicit, unknown authority", "smtps://localhost", ca.server(t, "localhost"), true, other.PEM, "certificate"},
		{"STARTTLS, the system's authorities", "smtp://localhost", ca.server(t, "localhost"), false, nil, "certificate"},
		{"STARTTLS, another host's", "smtp://localhost", ca.server(t, "elsewhere.test"), false, ca.PEM, "certificate"},
		{"implicit, another host's", "smtps://localhost", ca.server(t, "elsewhere.test"), true, ca.PEM, "certificate"},
		{"implicit, asked of a clear port", "smtps://localhost", nil, false, ca.PEM, "tls"},
		{"STARTTLS, too old", "smtp://localhost", old, false, ca.PEM, "tls"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{answers: offer, tls: tt.cert, implicit: tt.implicit}
			defer s.done()
			session, err := s.server(t, ServerOptions{URL: tt.url, RootCA: tt.roots, Dial: s.dialTCP}).Open(t.Context())
			if tt.stage == "" {
				if err != nil {
					t.Fatal(err)
				}
				rs, _ := session.Carry(t.Context(), parcel("a@x.example"))
				if rs[0].Result != Sent {
					t.Error(rs)
				}
				session.Close()
				return
			}
			refused, ok := errors.AsType[*SessionError](err)
			if !ok || refused.Stage != tt.stage || refused.Credential {
				t.Fatalf("got %v", err)
			}
			if s.heard("MAIL") != 0 {
				t.Error("a message was said")
			}
		})
	}
}

// user knows one password and checks it in every way that is offered.
type user struct{ name, password string }

func (u user) login(mechanism string) sasl.Server {
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, name, password string) error { return u.check(name, password) })
	case "LOGIN":
		return &loginMachine{user: u}
	case "CRAM-MD5":
		return &cramMachine{user: u}
	case "SCRAM-SHA-1":
		return &scramMachine{user: u, hash: sha1.New}
	case "SCRAM-SHA-256":
		return &scramMachine{user: u, hash: sha256.New}
	case "XOAUTH2":
		return &xoauthMachine{user: u}
	}
	return nil
}

func (u user) check(name, password string) error {
	if name != u.name || password != u.password {
		return smtp.ErrAuthFailed
	}
	return nil
}

type loginMachine struct {
	user
	step int
	name string
}

func (m *loginMachine) Next(response []byte) ([]byte, bool, error) {
	m.step++
	switch m.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		m.name = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, m.check(m.name, string(response))
}

type cramMachine struct {
	user
	asked bool
}

func (m *cramMachine) Next(response []byte) ([]byte, bool, error) {
	const challenge = "<1896.697170952@mail.test>"
	if !m.asked {
		m.asked = true
		return []byte(challenge), false, nil
	}
	mac := hmac.New(md5.New, []byte(m.password))
	mac.Write([]byte(challenge))
	if string(response) != fmt.Sprintf("%s %x", m.name, mac.Sum(nil)) {
		return nil, false, smtp.ErrAuthFailed
	}
	return nil, true, nil
}

type xoauthMachine struct {
	user
	refused bool
}

func (m *xoauthMachine) Next(response []byte) ([]byte, bool, error) {
	switch {
	case m.refused:
		return nil, false, smtp.ErrAuthFailed
	case string(response) == "user="+m.name+"\x01auth=Bearer "+m.password+"\x01\x01":
		return nil, true, nil
	}
	m.refused = true
	return []byte(`{"status":"401"}`), false, nil
}

// scramMachine is the server's side of RFC 5802, with channel binding (RFC 9266) when state is set.
type scramMachine struct {
	user
	hash       func() hash.Hash
	state      func() tls.ConnectionState
	iterations int // 0: 4096
	step       int
	first      string
	challenge  string
	bound      string
}

func (m *scramMachine) Next(response []byte) ([]byte, bool, error) {
	const salt, nonce = "salty-salt", "servernonce"
	m.step++
	switch m.step {
	case 1:
		return nil, false, nil
	case 2:
		header, bare := "n,,", strings.TrimPrefix(string(response), "n,,")
		if m.state != nil {
			header = "p=tls-exporter,,"
			bare = strings.TrimPrefix(string(response), header)
			key, err := m.keying()
			if err != nil {
				return nil, false, err
			}
			m.bound = header + key
		} else {
			m.bound = header
		}
		name, random, ok := strings.Cut(bare, ",r=")
		if !ok || name != "n="+m.name {
			return nil, false, errors.New("wrong first message")
		}
		count := m.iterations
		if count == 0 {
			count = 4096
		}
		m.first = bare
		m.challenge = fmt.Sprintf("r=%s%s,s=%s,i=%d", random, nonce, base64.StdEncoding.EncodeToString([]byte(salt)), count)
		return []byte(m.challenge), false, nil
	case 3:
		without, proof, ok := strings.Cut(string(response), ",p=")
		if !ok || !strings.HasPrefix(without, "c="+base64.StdEncoding.EncodeToString([]byte(m.bound))+",r=") {
			return nil, false, errors.New("wrong binding")
		}
		salted, err := pbkdf2.Key(m.hash, m.password, []byte(salt), 4096, m.hash().Size())
		if err != nil {
			return nil, false, err
		}
		clientKey := m.mac(salted, "Client Key")
		stored := m.hash()
		stored.Write(clientKey)
		message := m.first + "," + m.challenge + "," + without
		signature := m.mac(stored.Sum(nil), message)
		for i := range clientKey {
			clientKey[i] ^= signature[i]
		}
		if base64.StdEncoding.EncodeToString(clientKey) != proof {
			return nil, false, smtp.ErrAuthFailed
		}
		verifier := m.mac(m.mac(salted, "Server Key"), message)
		return []byte("v=" + base64.StdEncoding.EncodeToString(verifier)), false, nil
	}
	return nil, true, nil
}

func (m *scramMachine) keying() (string, error) {
	state := m.state()
	key, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	return string(key), err
}

func (m *scramMachine) mac(key []byte, message string) []byte {
	mac := hmac.New(m.hash, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

// TestLogins: every mechanism logs in with the right password and is a refused credential with a wrong one.
func TestLogins(t *testing.T) {
	ca := newAuthority(t)
	u := user{"keiri@aozora.example", "日本 sesame=,1234"}
	all := []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"}
	tests := []struct {
		auth   string
		offers []string
		used   string
	}{
		{"plain", all, "PLAIN"},
		{"login", all, "LOGIN"},
		{"cram-md5", all, "CRAM-MD5"},
		{"scram-sha-1", all, "SCRAM-SHA-1"},
		{"scram-sha-256", all, "SCRAM-SHA-256"},
		{"", all, "SCRAM-SHA-256"},
		{"", []string{"CRAM-MD5", "LOGIN", "PLAIN"}, "PLAIN"},
		{"", []string{"CRAM-MD5", "LOGIN"}, "LOGIN"},
		{"", []string{"NTLM", "CRAM-MD5"}, "CRAM-MD5"},
	}
	for _, tt := range tests {
		t.Run(tt.auth+" "+strings.Join(tt.offers, " "), func(t *testing.T) {
			s := newSink(t, sinkOptions{tls: ca.server(t, "localhost"), login: u.login, offers: tt.offers})
			_, port, _ := net.SplitHostPort(s.addr)
			o := ServerOptions{URL: "smtp://localhost:" + port, User: u.name, Password: password(u.password), Auth: tt.auth, RootCA: ca.PEM}
			c, err := NewServer(o)
			if err != nil {
				t.Fatal(err)
			}
			session, err := c.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if rs, _ := session.Carry(t.Context(), parcel("a@x.example")); rs[0].Result != Sent {
				t.Error(rs)
			}
			session.Close()
			if !slices.Equal(s.logins, []string{tt.used}) {
				t.Errorf("logged in by %v", s.logins)
			}

			o.Password = password("wrong-sesame")
			c, err = NewServer(o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Open(t.Context())
			refused, ok := errors.AsType[*SessionError](err)
			if !ok || !refused.Credential || refused.Stage != "auth" || refused.Code == 0 {
				t.Errorf("a wrong password gives %v", err)
			}
		})
	}
}

func TestChannelBinding(t *testing.T) {
	ca := newAuthority(t)
	s := &script{answers: map[string]string{"EHLO": "250-mail.test\n250 AUTH PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-256"}, tls: ca.server(t, "localhost"), implicit: true}
	defer s.done()
	s.login = func(mechanism string) sasl.Server {
		if mechanism != "SCRAM-SHA-256-PLUS" {
			t.Errorf("chose %s", mechanism)
		}
		return &scramMachine{user: user{"keiri", "sesame-1234"}, hash: sha256.New,
			state: func() tls.ConnectionState { return s.secured().ConnectionState() }}
	}
	o := ServerOptions{URL: "smtps://localhost", RootCA: ca.PEM, User: "keiri", Password: password("sesame-1234"), Dial: s.dialTCP}
	session, err := s.server(t, o).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
}

// TestScramIterations: a hostile server must not keep the processor busy for hours.
func TestScramIterations(t *testing.T) {
	s := &script{answers: map[string]string{"EHLO": "250-mail.test\n250 AUTH SCRAM-SHA-256"}}
	s.login = func(string) sasl.Server {
		return &scramMachine{user: user{"keiri", "sesame-1234"}, hash: sha256.New, iterations: 2_000_000_000}
	}
	_, err := s.server(t, ServerOptions{User: "keiri", Password: password("sesame-1234")}).Open(t.Context())
	refused, ok := errors.AsType[*SessionError](err)
	if !ok || refused.Credential || !strings.Contains(refused.Words, "absurd") {
		t.Error(err)
	}
}

// TestLoginWithoutEnd: nor by asking on and on.
func TestLoginWithoutEnd(t *testing.T) {
	s := &script{answers: map[string]string{"EHLO": "250-mail.test\n250 AUTH CRAM-MD5"}}
	s.login = func(string) sasl.Server { return curious{} }
	_, err := s.server(t, ServerOptions{User: "keiri", Password: password("sesame-1234")}).Open(t.Context())
	refused, ok := errors.AsType[*SessionError](err)
	if !ok || refused.Credential || !strings.Contains(refused.Words, "come to an end") {
		t.Error(err)
	}
}

type curious struct{}

func (curious) Next([]byte) ([]byte, bool, error) { return []byte("and?"), false, nil }

// TestPasswordIsReadAtEachLogin, so that a changed credential counts without a restart.
func TestPasswordIsReadAtEachLogin(t *testing.T) {
	s := newSink(t, sinkOptions{login: user{"keiri", "new-sesame"}.login, offers: []string{"PLAIN"}})
	now := "old-sesame"
	c, err := NewServer(ServerOptions{URL: "smtp+insecure://" + s.addr, User: "keiri", Password: func() (string, error) {
		if now == "" {
			return "", errors.New("no such file")
		}
		return now, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(t.Context()); err == nil {
		t.Fatal("the old password opened")
	}
	now = ""
	_, err = c.Open(t.Context())
	if refused, ok := errors.AsType[*SessionError](err); !ok || refused.Credential || !strings.Contains(refused.Words, "no such file") {
		t.Errorf("an unreadable password gives %v", err)
	}
	now = "new-sesame"
	session, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
}

// TestNoLoginOverClearText also where the name that the URL has leads elsewhere.
func TestNoLoginOverClearText(t *testing.T) {
	s := &script{answers: map[string]string{"EHLO": "250-mail.test\n250 AUTH PLAIN"}}
	c := s.server(t, ServerOptions{User: "keiri", Password: password("sesame-1234")}).(*server)
	opened := s.open(t).(*session)
	err := c.login(t.Context(), opened.line, farAway{})
	if refused, ok := errors.AsType[*SessionError](err); !ok || !strings.Contains(refused.Words, "clear text") {
		t.Error(err)
	}
	if s.heard("AUTH") != 0 {
		t.Error("the password was said")
	}
	opened.Close()
}

type farAway struct{ net.Conn }

func (farAway) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

// TestSecretsStaySecret: servers that repeat what they refuse do not get it into our words.
func TestSecretsStaySecret(t *testing.T) {
	const secret = "open+Sesame/1234 x"
	forms := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("\x00keiri\x00" + secret))}
	for _, code := range []string{"535", "454", "504"} {
		for _, form := range forms {
			s := &script{answers: map[string]string{"EHLO": "250-mail.test\n250 AUTH PLAIN", "AUTH": code + " bad login: " + form}}
			_, err := s.server(t, ServerOptions{User: "keiri", Password: password(secret)}).Open(t.Context())
			if err == nil {
				t.Fatal("opened")
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				said := fmt.Sprintf("%v %+v", e, e)
				if refused, ok := e.(*SessionError); ok {
					said += refused.Words
				}
				for _, form := range forms {
					if strings.Contains(said, form) {
						t.Errorf("%s: %s", code, said)
					}
				}
			}
		}
	}
}

// TestSecretsStaySecretAfterTheLogin: nor do those that took the login and repeat it later, in whatever answer.
func TestSecretsStaySecretAfterTheLogin(t *testing.T) {
	const secret = "open+Sesame/1234 x"
	forms := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("\x00keiri\x00" + secret))}
	for at, codes := range map[string][]string{"MAIL": {"550", "451", "530"}, "RCPT": {"550", "450", "421"}, "DATA": {"554", "451"}, ".": {"250", "554", "451", "600", "quite"}} {
		for _, code := range codes {
			for _, form := range forms {
				s := &script{answers: map[string]string{"EHLO": "250-mail.test\n250 AUTH PLAIN", at: code + " of keiri, who said " + form}}
				session, err := s.server(t, ServerOptions{User: "keiri", Password: password(secret)}).Open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				rs, _ := session.Carry(t.Context(), parcel("a@x.example"))
				session.Close()
				if len(rs) != 1 || !strings.Contains(rs[0].Words, "who said …") {
					t.Errorf("%s %s: %+v", at, code, rs)
				}
				for _, form := range forms {
					if strings.Contains(fmt.Sprintf("%+v", rs), form) {
						t.Errorf("%s %s: %+v", at, code, rs)
					}
				}
			}
		}
	}
}

// TestXOAUTH2: a token is fetched with client credentials, kept while it is good, and fetched anew after a refusal.
func TestXOAUTH2(t *testing.T) {
	const secret, good = "client-secret-1234", "token-1234-abcd"
	fetched, status, token := 0, http.StatusOK, good
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched++
		w.Header().Set("Content-Type", "application/json")
		id, given, basic := r.BasicAuth()
		if !basic {
			id, given = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
		}
		if r.PostFormValue("grant_type") != "client_credentials" || id != "bod" || given != secret || r.PostFormValue("scope") != "https://outlook.office365.com/.default" {
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": "no such secret: " + given})
			return
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
	}))
	defer tokens.Close()
	s := newSink(t, sinkOptions{login: user{"keiri@aozora.example", good}.login, offers: []string{"XOAUTH2", "PLAIN"}})
	given := secret
	c, err := NewServer(ServerOptions{URL: "smtp+insecure://" + s.addr, User: "keiri@aozora.example", OAuth2: &OAuth2Options{
		TokenURL: tokens.URL, ClientID: "bod", Scopes: []string{"https://outlook.office365.com/.default"},
		ClientSecret: func() (string, error) { return given, nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	open := func() error {
		t.Helper()
		session, err := c.Open(t.Context())
		if err == nil {
			session.Close()
		}
		return err
	}
	for range 2 {
		if err := open(); err != nil {
			t.Fatal(err)
		}
	}
	if fetched != 1 || !slices.Equal(s.logins, []string{"XOAUTH2", "XOAUTH2"}) {
		t.Errorf("fetched %d tokens for the logins %v", fetched, s.logins)
	}

	token = "stale-token-99"
	c.(*server).forgetToken()
	err = open()
	if refused, ok := errors.AsType[*SessionError](err); !ok || !refused.Credential || strings.Contains(err.Error(), token) {
		t.Errorf("a refused token gives %v", err)
	}
	token = good
	if err := open(); err != nil {
		t.Errorf("a refused token was kept: %v", err)
	}

	given = "wrong-secret-77"
	err = open()
	if refused, ok := errors.AsType[*SessionError](err); !ok || !refused.Credential || strings.Contains(err.Error(), given) {
		t.Errorf("a wrong client secret gives %v", err)
	}
	given, status = secret, http.StatusServiceUnavailable
	c.(*server).forgetToken()
	err = open()
	if _, ok := errors.AsType[*SessionError](err); ok || err == nil {
		t.Errorf("a busy token server gives %v", err)
	}
	tokens.Close()
	err = open()
	if _, ok := errors.AsType[*SessionError](err); ok || err == nil {
		t.Errorf("a token server that is away gives %v", err)
	}
}

// TestRealServer carries over TCP to emersion/go-smtp: several recipients, stuffed dots, bytes as they were.
func TestRealServer(t *testing.T) {
	ca := newAuthority(t)
	for _, implicit := range []bool{false, true} {
		s := newSink(t, sinkOptions{tls: ca.server(t, "localhost"), implicit: implicit, utf8: true})
		s.refuses["b@x.example"] = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
		s.refuses["c@x.example"] = &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 2, 2}, Message: "too many"}
		_, port, _ := net.SplitHostPort(s.addr)
		url := map[bool]string{false: "smtp://localhost:", true: "smtps://localhost:"}[implicit] + port
		c, err := NewServer(ServerOptions{URL: url, RootCA: ca.PEM})
		if err != nil {
			t.Fatal(err)
		}
		session, err := c.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := parcel("a@x.example", "b@x.example", "c@x.example", "foo..bar@docomo.ne.jp", "佐藤@x.example")
		p.Data = []byte("Subject: x\r\n\r\n.\r\n..\r\n.hidden\r\n" + strings.Repeat("....\r\n", 20000) + ".\r\n")
		rs, broken := session.Carry(t.Context(), p)
		if got := told(t, p.To, rs); got != "sent dot 250, failed rcpt 550, deferred rcpt 552, sent dot 250, sent dot 250" || broken {
			t.Error(got, broken)
		}
		s.mu.Lock()
		s.refuses["."] = &smtp.SMTPError{Code: 554, Message: "spam"}
		s.mu.Unlock()
		rs, broken = session.Carry(t.Context(), parcel("a@x.example"))
		if got := told(t, []string{"a@x.example"}, rs); got != "failed dot 554" || broken {
			t.Error(got, broken)
		}
		s.mu.Lock()
		delete(s.refuses, ".")
		s.mu.Unlock()
		rs, broken = session.Carry(t.Context(), parcel("a@x.example"))
		if got := told(t, []string{"a@x.example"}, rs); got != "sent dot 250" || broken {
			t.Error("after a refused message:", got, broken)
		}
		session.Close()
		taken := s.messages()
		if len(taken) != 2 {
			t.Fatalf("%d messages", len(taken))
		}
		if !bytes.Equal(taken[0].data, p.Data) || taken[0].size != int64(len(p.Data)) {
			t.Error("the bytes changed on the way")
		}
		if want := []string{"a@x.example", "foo..bar@docomo.ne.jp", "佐藤@x.example"}; !slices.Equal(unquoted(taken[0].to), want) {
			t.Errorf("went to %q", taken[0].to)
		}
	}
}

func unquoted(as []string) []string {
	out := make([]string, len(as))
	for i, a := range as {
		local, domain, err := splitMailbox(a)
		if err != nil {
			local = err.Error()
		}
		out[i] = local + "@" + domain
	}
	return out
}

// TestServerDies: killed sockets give what is known, over real TCP too.
func TestServerDies(t *testing.T) {
	s := &script{answers: map[string]string{".": cut}}
	c := s.server(t, ServerOptions{Dial: s.dialTCP})
	session, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rs, broken := session.Carry(t.Context(), parcel("a@x.example"))
	if rs[0].Result != Unknown || !broken {
		t.Error(rs, broken)
	}
	session.Close()

	s = &script{answers: map[string]string{"body": cut}}
	session, err = s.server(t, ServerOptions{Dial: s.dialTCP}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := parcel("a@x.example")
	p.Data = append(p.Data, bytes.Repeat([]byte("0123456789\r\n"), 1<<20)...)
	p.BeforeDot = func([]string) error { t.Error("BeforeDot after a cut"); return nil }
	rs, broken = session.Carry(t.Context(), p)
	if rs[0].Result != Deferred && rs[0].Stage != "body" || !broken {
		t.Error(rs, broken)
	}
	session.Close()
}

func TestHello(t *testing.T) {
	s := &script{}
	session, err := s.server(t, ServerOptions{Hello: "bod.aozora.example", Dial: s.dialTCP}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
	if s.said()[0] != "EHLO bod.aozora.example" {
		t.Error(s.said())
	}
	session, err = s.server(t, ServerOptions{Dial: s.dialTCP}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
	name := strings.TrimPrefix(s.said()[2], "EHLO ")
	if checkDomain(name) != nil || name == "localhost" {
		t.Errorf("says %q", name)
	}
}
