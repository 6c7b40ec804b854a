package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

// Mail says how mail leaves.
type Mail struct {
	From, ReplyTo mailer.Address
	Bcc           []mailer.Address // a copy of everything that goes outside
	Server        string           // as mailer.ServerOptions.URL; "": into the folder outbox
	User          string
	Auth          string
	PasswordFile  string // absolute; "": systemd credential smtp-password ($CREDENTIALS_DIRECTORY)
	CA            *x509.CertPool
	CAPEM         []byte
	OAuth2        *OAuth2
	Rate          mailer.Rate // zero: no limit
	TrialTo       *mailer.Address
	Outbox        string // absolute folder for mail without a server
	Hello         string
	GiveUp        calendar.Lead // how long a deferred message is tried again
}

// OAuth2 are client credentials; the secret is systemd credential smtp-oauth2-secret or SecretFile.
type OAuth2 struct {
	TokenURL, ClientID, SecretFile string
	Scopes                         []string
	Expires                        calendar.Date // the last day of the secret; zero when it is not said
}

// maxSecret is far above any password, and below a file that was named by mistake.
const maxSecret = 64 << 10

// Password reads the password anew: PasswordFile, or the systemd credential. It never appears in an error.
func (m Mail) Password() (string, error) {
	return secret("the mail password", m.PasswordFile, "smtp-password")
}

// ClientSecret reads the OAuth2 secret anew, like Password.
func (m Mail) ClientSecret() (string, error) {
	file := ""
	if m.OAuth2 != nil {
		file = m.OAuth2.SecretFile
	}
	return secret("the OAuth2 client secret", file, "smtp-oauth2-secret")
}

func secret(what, file, credential string) (string, error) {
	if file == "" {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fmt.Errorf("couldn't read %s: there is neither a file for it in the configuration nor the systemd credential %s", what, credential)
		}
		file = filepath.Join(dir, credential)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("couldn't read %s: %w", what, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("couldn't read %s: %w", what, err)
	}
	// Editors end a file with a line end; a password has none.
	s := strings.TrimRight(string(b), "\r\n")
	switch {
	case s == "":
		return "", fmt.Errorf("couldn't read %s: %w", what, errors.New(file+" is empty"))
	case len(b) > maxSecret || strings.ContainsAny(s, "\r\n\x00"):
		return "", fmt.Errorf("couldn't read %s: %s has more than one line", what, file)
	}
	return s, nil
}

// Trial reports whether mail stays in the house: no server, or trial_to.
func (m Mail) Trial() bool { return m.Server == "" || m.TrialTo != nil }

// mail reads [mail]. Where the administrator's file has one, how mail leaves is said
// there and only there; what stands on the letter may be said in either, once.
func (l *loader) mail() {
	own := l.section(l.named("mail"), "mail", "[mail]", "")
	own.unknown(l.sets[""], l.sets["mail.oauth2"])
	s := own
	if l.above.has("mail") {
		a := l.above
		s = a.section(a.named("mail"), "mail", "[mail]", "")
		s.unknown(a.sets[""], a.sets["mail.oauth2"])
		if own.t != nil {
			for i := range own.t.entries {
				e := &own.t.entries[i]
				if own.keys.has(e.key) && (s.has(e.key) || !slices.Contains(officeMail, e.key)) {
					own.settled(e.off, e.key)
				}
			}
		}
	}
	where := func(key string) *section {
		if s.has(key) {
			return s
		}
		return own
	}
	m := &l.c.Mail
	if from := where("from"); from.need("from") {
		m.From, _ = from.sender("from")
	}
	m.ReplyTo, _ = where("reply_to").sender("reply_to")
	m.Bcc = where("bcc").addresses("bcc")
	m.User, m.Hello = s.str("user"), s.str("hello")
	if e := s.get("server"); e != nil {
		if v := s.str("server"); v != "" && s.server(e.val, v) {
			m.Server = v
		}
	}
	if e := s.get("auth"); e != nil {
		m.Auth = strings.ToLower(s.str("auth"))
		switch m.Auth {
		case "", "plain", "login", "cram-md5", "scram-sha-256", "xoauth2":
		default:
			s.problem(e.val, say("ログインの方式 %s はありません", "there is no way to log in called %s", clip(m.Auth)),
				say("plain、login、cram-md5、scram-sha-256、xoauth2 のどれかです", "it is one of plain, login, cram-md5, scram-sha-256, xoauth2"))
		}
	}
	m.PasswordFile = s.secretFile("password_file")
	if e := s.get("ca"); e != nil {
		if v := s.str("ca"); v != "" {
			s.ca(e, v)
		}
	}
	if e := s.get("rate"); e != nil {
		if v := s.str("rate"); v != "" {
			r, err := mailer.ParseRate(v)
			if err != nil {
				s.problem(e.val, say("「%s」は速さとして読めません", "%q is no rate", clip(v)), say(`rate = "20 per minute" のように書いてください`, `write it like rate = "20 per minute"`))
			}
			m.Rate = r
		}
	}
	if a, ok := s.address("trial_to"); ok {
		m.TrialTo = &a
	}
	m.Outbox = filepath.Join(l.c.Dir, "outbox")
	if v := s.str("outbox"); v != "" {
		m.Outbox = s.l.path(v)
	}
	var ok bool
	if m.GiveUp, ok = s.leadOf("give_up", calendar.ParseLeadAfter); !ok {
		m.GiveUp, _ = calendar.ParseLead("3 days")
	}
	s.oauth2()
	if m.Auth == "xoauth2" && !s.has("oauth2") {
		s.problem(s.off("auth"), say(`auth = "xoauth2" には [mail.oauth2] が要ります`, `auth = "xoauth2" needs [mail.oauth2]`),
			say("[mail.oauth2] に token_url と client_id を書いてください", "write token_url and client_id in [mail.oauth2]"))
	}
	if m.User != "" && !s.has("server") {
		s.warn(s.off("user"), say("server がないので、メールは送られず outbox に書き出されます", "there is no server, so that mail is written to the outbox and not sent"),
			say("送るときは server を書いてください", "write server to send it"))
	}
}

func (m *section) oauth2() {
	e := m.get("oauth2")
	if e == nil {
		return
	}
	t, ok := e.value.(*table)
	if !ok {
		m.wrongType("oauth2", e.val, e.value, aTable)
		return
	}
	s := m.l.section(t, "mail.oauth2", "[mail.oauth2]", "")
	s.unknown(m.keys, m.l.sets[""])
	o := &OAuth2{SecretFile: s.secretFile("secret_file")}
	if s.need("token_url") {
		o.TokenURL = s.str("token_url")
		if o.TokenURL != "" && !strings.HasPrefix(o.TokenURL, "https://") {
			s.problem(s.off("token_url"), say("token_url が https:// で始まっていません", "token_url does not begin with https://"), s.likeExample("token_url"))
		}
	}
	if s.need("client_id") {
		o.ClientID = s.str("client_id")
	}
	for _, it := range s.items("scopes") {
		o.Scopes = append(o.Scopes, it.text)
	}
	o.Expires = s.day("expires")
	m.l.c.Mail.OAuth2 = o
}

// day reads one day with its year.
func (s *section) day(key string) calendar.Date {
	ranges := s.ranges(key)
	if len(ranges) == 0 {
		return calendar.Date{}
	}
	if r := ranges[0]; len(ranges) == 1 && r.First == r.Last && r.First.Year != 0 {
		return r.First
	}
	s.problem(s.off(key), say("%s には年月日を1つ書きます", "%s takes one day, with its year", key), s.likeExample(key))
	return calendar.Date{}
}

// server checks the address of the mail server; the mailer reads it in the same way.
func (s *section) server(off int, v string) bool {
	how := say(`"smtp://mail.example.jp:587" か "smtps://mail.example.jp:465" のように書いてください`, `write it like "smtp://mail.example.com:587" or "smtps://mail.example.com:465"`)
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		// The error may quote a password, so that it is not passed on.
		s.problem(off, say("メールサーバーの書き方が読めません", "the mail server cannot be read"), how)
		return false
	}
	if u.User != nil {
		s.problem(off, say("server に利用者名やパスワードは書けません", "server cannot have a user or a password"),
			say(`user = "…" に書き、パスワードは systemd の credential「smtp-password」か password_file に入れてください。ここに書いたパスワードは変えてください`,
				`write user = "…", and put the password into systemd's credential smtp-password or a password_file; change the one that stood here`))
		return false
	}
	port := u.Port()
	n, err := strconv.Atoi(port)
	switch {
	case u.Scheme != "smtp" && u.Scheme != "smtps" && u.Scheme != "smtp+insecure":
		s.problem(off, say("%s:// は使えません", "%s:// cannot be used", clip(u.Scheme)), how)
	case port != "" && (err != nil || n < 1 || n > 65535):
		s.problem(off, say("ポート %s はありません", "there is no port %s", clip(port)), how)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		s.problem(off, say("server のポートの後ろに余分な文字があります", "there is more than host and port in server"), how)
	default:
		return true
	}
	return false
}

// secretFile reads the place of a file with a secret. The file is looked at, not read.
func (s *section) secretFile(key string) string {
	e := s.get(key)
	if e == nil {
		return ""
	}
	v := s.str(key)
	if v == "" {
		return ""
	}
	file := s.l.path(v)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.problem(e.val, say("%s のファイル %s がありません", "%s: the file %s is not there", key, clip(v)),
			say("ファイルを置くか、名前と場所を直してください", "put it there, or correct name and folder"))
	case err != nil:
		// Whoever checks the file need not be allowed to look where the service may.
	case !info.Mode().IsRegular():
		s.problem(e.val, say("%s の %s はファイルではありません", "%s: %s is no file", key, clip(v)), say("ファイルの名前を書いてください", "write the name of a file"))
	case info.Mode().Perm()&0o007 != 0:
		s.warn(e.val, say("%s のファイル %s をだれでも読めます", "%s: everybody can read the file %s", key, clip(v)),
			say("chmod 600 などで、bod だけが読めるようにしてください", "let only bod read it, for example with chmod 600"))
	}
	return file
}

// ca reads the certificates that the server's is checked against.
func (s *section) ca(e *entry, v string) {
	b, err := os.ReadFile(s.l.path(v))
	if err != nil {
		s.fileProblem("ca", e.val, v, fileError(v, err))
		return
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		s.problem(e.val, say("ca の %s に証明書（PEM）がありません", "ca: there is no certificate (PEM) in %s", clip(v)),
			say("-----BEGIN CERTIFICATE----- で始まるファイルを書いてください", "use a file that begins with -----BEGIN CERTIFICATE-----"))
		return
	}
	s.l.c.Mail.CA, s.l.c.Mail.CAPEM = pool, b
}
