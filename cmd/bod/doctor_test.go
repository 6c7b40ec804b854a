package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailHost is a real mail server on loopback, whose certificate its own authority signed. It wants no message.
func mailHost(t *testing.T, expires time.Time) (addr string, ca []byte) {
	t.Helper()
	return mailHostFor(t, expires, &visitor{t: t})
}

func mailHostFor(t *testing.T, expires time.Time, v *visitor) (addr string, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign}
	ours := &x509.Certificate{SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: authority.NotBefore, NotAfter: expires}
	sign := func(c *x509.Certificate) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, authority, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sign(authority)})
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return v, nil }))
	server.Domain, server.ErrorLog = "mail.test", log.New(io.Discard, "", 0)
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{sign(ours)}, PrivateKey: key}}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-done })
	return listener.Addr().String(), ca
}

// visitor may log in as keiri with one password, and must not say any message unless somebody waits for it.
type visitor struct {
	t     *testing.T
	taken chan string // "FROM TO" and the bytes
	from  string
	to    []string
}

func (*visitor) AuthMechanisms() []string { return []string{"PLAIN"} }
func (*visitor) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "keiri" || password != "sesame-1234" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
func (v *visitor) Reset()      { v.from, v.to = "", nil }
func (*visitor) Logout() error { return nil }
func (v *visitor) Mail(from string, _ *smtp.MailOptions) error {
	if v.taken == nil {
		v.t.Error("a message was said")
		return smtp.ErrAuthRequired
	}
	v.from = from
	return nil
}
func (v *visitor) Rcpt(to string, _ *smtp.RcptOptions) error { v.to = append(v.to, to); return nil }
func (v *visitor) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	v.taken <- v.from + " " + strings.Join(v.to, ",") + "\n" + string(b)
	return err
}

// examined runs bod doctor with an answer for every question to DNS.
func examined(t *testing.T, rules string, files map[string]string, txt func(string) ([]string, error), args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	files["jobs.toml"], files["letter.txt"] = rules, "件名：x\n\n本文\n"
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	args = append([]string{"doctor", "--file", filepath.Join(dir, "jobs.toml"), "--admin", "none"}, args...)
	b := newDesk(args, nil, &out, &errs)
	b.txt = func(_ context.Context, name string) ([]string, error) { return txt(strings.TrimSuffix(name, ".")) }
	root := b.root()
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	if text := out.String() + errs.String(); strings.Contains(text, "sesame") || err != nil && strings.Contains(err.Error(), "sesame") {
		t.Errorf("a secret is shown:\n%s", text)
	}
	return out.String(), err
}

const doctored = `language = "en"
timezone = "Asia/Tokyo"
admin = ["sato"]
[mail]
from = "keiri@aozora.co.jp"
user = "keiri"
password_file = "password"
ca = "ca.pem"
server = "smtp://ADDR"
[people]
sato = "Sato <sato@aozora.co.jp>"
[job.a]
kind = "send"
when = "every business day at 9:00"
to = ["sato"]
letter = "letter.txt"
`

func nothing(name string) ([]string, error) {
	return nil, &net.DNSError{Name: name, Err: "no such host", IsNotFound: true}
}

func TestDoctorAtTheMailServer(t *testing.T) {
	later := time.Now().AddDate(0, 6, 0)
	for _, test := range []struct {
		name, password string
		expires        time.Time
		rules          func(string) string
		says           []string
	}{
		{"right", "sesame-1234", later, nil, []string{"ok      smtp://127.0.0.1:", "(TLS 1.3,", "certificate is good until " + later.In(time.FixedZone("", 9*3600)).Format(time.DateOnly), "ok      the login as keiri is taken", "password (", "0600)"}},
		{"soon", "sesame-1234", time.Now().AddDate(0, 0, 3), nil, []string{"note    the server's certificate ends on"}},
		{"a wrong password", "wrong-sesame", later, nil, []string{"WRONG   smtp://127.0.0.1:", "refused the login: 535", "may lock the account"}},
		{"expired", "sesame-1234", time.Now().AddDate(0, 0, -3), nil, []string{"WRONG   the certificate of smtp://127.0.0.1:", "has expired", "clock is right"}},
		{"another authority", "sesame-1234", later, func(s string) string { return strings.Replace(s, "ca = \"ca.pem\"\n", "", 1) }, []string{"can't be trusted", "its certificate as ca"}},
		{"the wrong kind of port", "sesame-1234", later, func(s string) string { return strings.Replace(s, "smtp://", "smtps://", 1) }, []string{"couldn't secure the line", "port 465 smtps://"}},
		{"no password here", "sesame-1234", later, func(s string) string { return strings.Replace(s, "password_file = \"password\"\n", "", 1) }, []string{"note    couldn't read smtp-password", "skipped the login was not tried", "(TLS 1.3,"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", "")
			addr, ca := mailHost(t, test.expires)
			rules := strings.Replace(doctored, "ADDR", addr, 1)
			if test.rules != nil {
				rules = test.rules(rules)
			}
			out, _ := examined(t, rules, map[string]string{"ca.pem": string(ca), "password": test.password + "\n"}, nothing)
			for _, s := range test.says {
				if !strings.Contains(out, s) {
					t.Errorf("without %q:\n%s", s, out)
				}
			}
		})
	}
}

func TestDoctorAsksDNS(t *testing.T) {
	zone := func(records map[string][]string) func(string) ([]string, error) {
		return func(name string) ([]string, error) {
			if r, ok := records[name]; ok {
				return r, nil
			}
			return nothing(name)
		}
	}
	good := map[string][]string{
		"aozora.co.jp":                      {"google-site-verification=x", "v=spf1 include:_spf.relay.example -all"},
		"selector1._domainkey.aozora.co.jp": {"v=DKIM1; k=rsa; p=MIIB"},
		"_dmarc.aozora.co.jp":               {"v=DMARC1; p=quarantine"},
	}
	but := func(name string, records ...string) map[string][]string {
		m := map[string][]string{}
		maps.Copy(m, good)
		m[name] = records
		return m
	}
	for _, test := range []struct {
		name  string
		txt   func(string) ([]string, error)
		args  []string
		says  []string
		wrong bool
	}{
		{"all is well", zone(good), nil, []string{"ok      SPF: v=spf1 include:_spf.relay.example -all", "ok      DKIM: there is a key at selector1._domainkey.aozora.co.jp", "ok      DMARC: v=DMARC1; p=quarantine"}, false},
		{"nothing", nothing, nil, []string{"WRONG   SPF: aozora.co.jp has none", "note    DKIM: no key", "--selector", "note    DMARC: aozora.co.jp has none"}, true},
		{"two of SPF", zone(but("aozora.co.jp", "v=spf1 -all", "v=spf1 ~all")), nil, []string{"WRONG   SPF: aozora.co.jp has 2"}, true},
		{"SPF for all", zone(but("aozora.co.jp", "v=spf1 +all")), nil, []string{"WRONG   SPF: aozora.co.jp lets anybody send"}, true},
		{"no SPF, though alike", zone(but("aozora.co.jp", "v=spf10 -all")), nil, []string{"WRONG   SPF: aozora.co.jp has none"}, true},
		{"another selector", zone(but("s2026._domainkey.aozora.co.jp", "p=MIIB")), []string{"--selector", "s2026"}, []string{"ok      DKIM: there is a key at s2026._domainkey"}, false},
		{"a selector without a key", zone(good), []string{"--selector", "s2026"}, []string{"WRONG   DKIM: there is no key at s2026"}, true},
		{"a revoked key", zone(but("s2026._domainkey.aozora.co.jp", "v=DKIM1; p=")), []string{"--selector", "s2026"}, []string{"WRONG   DKIM: the key of s2026 is revoked"}, true},
		{"DMARC above", zone(map[string][]string{"aozora.co.jp": good["aozora.co.jp"], "_dmarc.co.jp": {"v=DMARC1; p=none"}}), nil, []string{"ok      DMARC: v=DMARC1; p=none"}, false},
		{"DNS is away", func(name string) ([]string, error) {
			return nil, &net.DNSError{Name: name, Err: "i/o timeout", IsTimeout: true}
		}, nil, []string{"skipped SPF, DKIM and DMARC were not looked at: DNS can't be reached"}, false},
		{"DNS breaks off", func(name string) ([]string, error) {
			if name == "aozora.co.jp" {
				return good[name], nil
			}
			return nil, errors.New("network is unreachable")
		}, nil, []string{"ok      SPF", "skipped DKIM: DNS can't be reached", "skipped DMARC: DNS can't be reached"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, ca := mailHost(t, time.Now().AddDate(0, 6, 0))
			out, err := examined(t, strings.Replace(doctored, "ADDR", addr, 1), map[string]string{"ca.pem": string(ca), "password": "sesame-1234"}, test.txt, test.args...)
			for _, s := range test.says {
				if !strings.Contains(out, s) {
					t.Errorf("without %q:\n%s", s, out)
				}
			}
			if (err != nil) != test.wrong {
				t.Errorf("ended with %v:\n%s", err, out)
			}
		})
	}
}

func TestDoctorOfSecrets(t *testing.T) {
	addr, ca := mailHost(t, time.Now().AddDate(0, 6, 0))
	oauth := strings.Replace(doctored, "ADDR", addr, 1)
	oauth = strings.Replace(oauth, "password_file = \"password\"\n", "auth = \"xoauth2\"\noauth2 = { token_url = \"https://127.0.0.1:1/token\", client_id = \"bod\", secret_file = \"password\", expires = \"DAY\" }\n", 1)
	for in, says := range map[int]string{-2: "WRONG   the client secret ended on", 5: "note    the client secret ends on", 90: "ok      the client secret is good until"} {
		rules := strings.Replace(oauth, "DAY", time.Now().AddDate(0, 0, in).Format(time.DateOnly), 1)
		out, _ := examined(t, rules, map[string]string{"ca.pem": string(ca), "password": "sesame-1234"}, nothing)
		if !strings.Contains(out, says) {
			t.Errorf("%d days: without %q:\n%s", in, says, out)
		}
	}
}

// TestDoctorSendsAMessage asks a running bod for the message to oneself, which a real mail server takes.
func TestDoctorSendsAMessage(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	v := &visitor{t: t, taken: make(chan string, 1)}
	addr, ca := mailHostFor(t, time.Now().AddDate(0, 6, 0), v)
	dir := t.TempDir()
	for name, text := range map[string]string{"jobs.toml": strings.Replace(doctored, "ADDR", addr, 1), "letter.txt": "Subject: x\n\ny\n", "ca.pem": string(ca), "password": "sesame-1234"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := []string{"-f", filepath.Join(dir, "jobs.toml"), "--admin", "none"}
	var none bytes.Buffer
	if err := run(t.Context(), append([]string{"doctor", "--mail", "sato", "--by", "sato"}, file...), nil, &none, &none); err == nil || !strings.Contains(err.Error(), "no bod is running") {
		t.Errorf("without a bod: %v", err)
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	log, ready := io.Pipe()
	go func() {
		ended <- run(ctx, append([]string{"run"}, file...), nil, io.Discard, ready)
		ready.Close()
	}()
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "msg=ready") {
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	var out, errs bytes.Buffer
	if err := run(t.Context(), append([]string{"doctor", "--mail", "sato", "--by", "sato"}, file...), nil, &out, &errs); err != nil {
		t.Errorf("%v\n%s", err, errs.String())
	}
	if !strings.Contains(out.String(), "sent to sato@aozora.co.jp and taken by the server") {
		t.Errorf("it says %q", out.String())
	}
	if m := <-v.taken; !strings.HasPrefix(m, "keiri@aozora.co.jp sato@aozora.co.jp\n") || !strings.Contains(m, "Subject: [bod] does this arrive?") || !strings.Contains(m, "Sato asked for it on ") {
		t.Errorf("the server took\n%s", m)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestDoctorOfAnotherUser: what only the service's user can see is no fault of the installation.
func TestDoctorOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder to somebody else")
	}
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 4711, 4711); err != nil {
		t.Fatal(err)
	}
	addr, ca := mailHost(t, time.Now().AddDate(0, 6, 0))
	out, err := examined(t, strings.Replace(doctored, "ADDR", addr, 1), map[string]string{"ca.pem": string(ca), "password": "sesame-1234"},
		func(string) ([]string, error) { return nil, errors.New("away") }, "--state", dir)
	if err != nil || !strings.Contains(out, "note    the ledger in "+dir+" is the user 4711's") || !strings.Contains(out, "sudo -u 4711 bod doctor") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestRoom(t *testing.T) {
	for _, test := range []struct {
		free, all, freeFiles, files uint64
		want                        string
	}{
		{50 << 30, 100 << 30, 1000, 1000, stateOK},
		{500 << 20, 100 << 30, 1000, 1000, stateNote},
		{4 << 30, 100 << 30, 1000, 1000, stateNote},
		{50 << 20, 100 << 30, 1000, 1000, stateWrong},
		{50 << 30, 100 << 30, 3, 1 << 20, stateWrong},
		{50 << 30, 100 << 30, 0, 0, stateOK},
	} {
		if got, remedy := room(test.free, test.all, test.freeFiles, test.files); got != test.want || remedy != (got != stateOK) {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
