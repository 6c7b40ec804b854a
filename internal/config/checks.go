package config

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var registrationForm = regexp.MustCompile(`^T[0-9]{13}$`)

// corporation matches names of companies, whose registration number is T and
// their corporate number; sole traders have a number of their own.
var corporation = regexp.MustCompile(`株式会社|有限会社|合同会社|合資会社|合名会社|法人|[(（][株有同資名][)）]|㈱|㈲`)

// registration holds the number against its check digit (法人番号の指定等に関する省令):
// 9 − (Σ PₙQₙ mod 9), n from the right over the 12 digits after the first, Q 1 and 2 by turns.
// For a sole trader no source says that the digit applies, so that it is only a warning.
func (s *section) registration(off int, v, company string) {
	if !registrationForm.MatchString(v) {
		s.problem(off, say("登録番号 %s は T と数字13桁ではありません", "the registration number %s is not T and 13 digits", clip(v)),
			say(`"T7123456789012" のように、半角の T と数字13桁で書いてください`, `write T and 13 digits, like "T7123456789012"`))
		return
	}
	sum := 0
	for n := 1; n <= 12; n++ {
		sum += int(v[len(v)-n]-'0') * (2 - n%2)
	}
	if int(v[1]-'0') == 9-sum%9 {
		return
	}
	what := say("登録番号 %s の検査用数字が合いません", "the check digit of the registration number %s is wrong", v)
	if corporation.MatchString(company) {
		s.problem(off, what, say("登録通知書を見て、打ち間違いがないか確かめてください", "compare it with the notice of registration"))
		return
	}
	s.warn(off, what, say("法人の番号なら打ち間違いです。登録通知書と見比べてください", "for a company it is mistyped; compare it with the notice of registration"))
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
	file := s.l.c.adminPath(v)
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
func (l *loader) ca(s *section, e *entry, v string) {
	b, err := os.ReadFile(l.c.adminPath(v))
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
	l.c.Mail.CA, l.c.Mail.CAPEM = pool, b
}

// nearKind words what is wrong with a kind.
func (l *loader) nearKind(s *section, off int, kind string) {
	for _, k := range laterKinds {
		if k == kind {
			s.problem(off, say("kind = \"%s\" はこの版ではまだ使えません", "kind = %q: not in this version", kind),
				say("この job の行の頭に # を付けてください", "put # at the beginning of the job's lines"))
			return
		}
	}
	s.problem(off, say("kind = \"%s\" という種類はありません", "there is no kind %q", clip(kind)),
		l.did(kind, l.names, say("使えるのは %s です", "what can be used: %s", strings.Join(l.names, ", "))))
}
