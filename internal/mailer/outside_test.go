package mailer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	accounts "os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// These tests meet programs that are not ours and not Go's: they skip with a
// sentence where one is missing, and fail instead when BOD_TEST_ALL is set.

func missing(t *testing.T, sentence string) {
	t.Helper()
	if os.Getenv("BOD_TEST_ALL") != "" {
		t.Fatal(sentence)
	}
	t.Skip(sentence)
}

func program(t *testing.T, name string) string {
	t.Helper()
	for _, candidate := range []string{name, filepath.Join("/usr/sbin", name)} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing(t, name+" is not installed")
	return ""
}

// start runs a server until the test ends; what it says is shown when the test fails. Without a command that
// stops it, it gets an interrupt.
func start(t *testing.T, command []string, stop ...string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	said, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) // a file: a pipe would be held open by the server's children
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	c := exec.Command(command[0], command[1:]...)
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if len(stop) > 0 {
			_ = exec.Command(stop[0], stop[1:]...).Run()
		} else {
			_ = c.Process.Signal(os.Interrupt)
		}
		_ = c.Wait()
		if t.Failed() {
			words, _ := os.ReadFile(log)
			t.Logf("%s said:\n%s", filepath.Base(command[0]), words)
		}
	})
}

// eventually looks until a program outside has done its part. It has no channel to wait on.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%s did not happen", what)
		}
	}
}

func listening(addr string) func() bool {
	return func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func carry(t *testing.T, o ServerOptions, p Parcel) []Receipt {
	t.Helper()
	c, err := NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	session, err := c.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	rs, _ := session.Carry(ctx, p)
	return rs
}

// readable is what another program makes of a message.
type readable struct {
	Subject  string
	From, To []string
	Cc       []string
	Text     string
	HTML     string
	Files    []struct{ Name, Type, SHA256 string }
	Images   []struct{ ID, Type, SHA256 string } // that belong to the HTML
}

func (r readable) compare(t *testing.T, l Letter) {
	t.Helper()
	if r.Subject != l.Subject {
		t.Errorf("the subject reads %q", r.Subject)
	}
	names := func(as ...Address) []string {
		out := make([]string, len(as))
		for i, a := range as {
			out[i] = a.Name + "|" + unquoted([]string{a.Mail})[0]
		}
		return out
	}
	for what, pair := range map[string][2][]string{"From": {r.From, names(l.From)}, "To": {r.To, names(l.To...)}, "Cc": {r.Cc, names(l.Cc...)}} {
		for i := range pair[0] {
			pair[0][i] = strings.ReplaceAll(pair[0][i], `"`, "") // some keep the quotes of foo..bar
		}
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s reads %q", what, pair[0])
		}
	}
	flat := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
	if flat(r.Text) != flat(l.Text) || flat(r.HTML) != flat(l.HTML) {
		t.Errorf("the text reads %q, the HTML %q", r.Text, r.HTML)
	}
	if len(r.Files) != len(l.Files) {
		t.Fatalf("it has %d files", len(r.Files))
	}
	if len(r.Images) != len(l.Images) {
		t.Fatalf("it has %d pictures", len(r.Images))
	}
	for i, p := range l.Images {
		sum := sha256.Sum256(p.Data)
		if got := r.Images[i]; got.ID != "<"+p.ID+">" || got.Type != p.Type || got.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("picture %d reads %+v", i, got)
		}
	}
	for i, f := range l.Files {
		sum := sha256.Sum256(f.Data)
		if got := r.Files[i]; got.Name != f.Name || got.SHA256 != hex.EncodeToString(sum[:]) || !strings.HasPrefix(f.Type, got.Type) {
			t.Errorf("file %d reads %+v", i, got)
		}
	}
}

const pythonReads = `
import sys, json, hashlib
from email import policy, message_from_binary_file
m = message_from_binary_file(sys.stdin.buffer, policy=policy.default)
def people(h):
    return [a.display_name + "|" + a.addr_spec for a in m[h].addresses] if m[h] else []
files, images = [], []
for p in m.walk():
    if p.get_content_disposition() == "inline":
        images.append({"ID": p["Content-ID"], "Type": p.get_content_type(), "SHA256": hashlib.sha256(p.get_payload(decode=True)).hexdigest()})
for p in m.iter_attachments():
    if p.get_content_disposition() == "inline":
        continue
    d = p.get_payload(decode=True)
    files.append({"Name": p.get_filename(), "Type": p.get_content_type(), "SHA256": hashlib.sha256(d).hexdigest()})
defects = list(m.defects)
for p in m.walk():
    defects += p.defects
if defects:
    sys.exit("defects: %r" % defects)
html = m.get_body(("html",))
json.dump({"Subject": m["Subject"], "From": people("From"), "To": people("To"), "Cc": people("Cc"),
  "Text": m.get_body(("plain",)).get_content(), "HTML": html.get_content() if html else "", "Files": files, "Images": images}, sys.stdout)
`

func readByPython(t *testing.T, data []byte) readable {
	t.Helper()
	c := exec.CommandContext(t.Context(), program(t, "python3"), "-c", pythonReads)
	c.Stdin = bytes.NewReader(data)
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		t.Fatalf("python3: %v: %s", err, complaint.String())
	}
	var r readable
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// letters are those that the readers outside are shown.
func letters() map[string]Letter {
	bare := invoice()
	bare.HTML, bare.Files, bare.Cc = "", nil, nil
	long := invoice()
	long.Files = []File{{strings.Repeat("長い名前の請求書", 10) + ".pdf", "application/pdf", []byte("%PDF-1.7 long")}}
	long.Subject = strings.Repeat("長い件名（続き）", 20)
	pictured, alone := chart(), chart()
	alone.Files = nil
	return map[string]Letter{"whole": invoice(), "bare": bare, "long names": long, "a picture and files": pictured, "a picture": alone}
}

func TestPythonReads(t *testing.T) {
	for name, l := range letters() {
		t.Run(name, func(t *testing.T) { readByPython(t, mustRender(t, l)).compare(t, l) })
	}
}

// TestPostfix carries over STARTTLS to a Postfix of its own, and reads what lies in the mailbox.
func TestPostfix(t *testing.T) {
	postfix := program(t, "postfix")
	if os.Getuid() != 0 {
		missing(t, "Postfix can only be started by root")
	}
	nobody, err := accounts.Lookup("nobody")
	if err != nil {
		missing(t, "there is no user nobody to deliver mail as")
	}

	// Not t.TempDir: Postfix's own users have to get through the folders above.
	dir, err := os.MkdirTemp("", "bod-postfix-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	for _, sub := range []string{"", "etc", "spool", "data", "mail"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	if err := os.Chown(filepath.Join(dir, "mail"), uid, gid); err != nil {
		t.Fatal(err)
	}
	if owner, err := accounts.Lookup("postfix"); err == nil {
		uid, _ := strconv.Atoi(owner.Uid)
		if err := os.Chown(filepath.Join(dir, "data"), uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	ca := newAuthority(t)
	config := ca.server(t, "localhost")
	key, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]})))
	write("main.cf", strings.NewReplacer("DIR", dir, "UID", nobody.Uid, "GID", nobody.Gid).Replace(`compatibility_level = 3.6
queue_directory = DIR/spool
data_directory = DIR/data
maillog_file = /dev/stdout
myhostname = mail.test
mydestination =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtputf8_enable = no
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = DIR/etc/key.pem, DIR/etc/cert.pem
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access inline:{ {gone@acme.example = 550 5.1.1 no such user}, {busy@acme.example = 450 4.2.1 busy} }, permit
virtual_transport = virtual
virtual_mailbox_domains = acme.example
virtual_mailbox_base = DIR/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
virtual_minimum_uid = 1
alias_maps =
alias_database =
`))
	write("master.cf", "127.0.0.1:"+port+` inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
`)
	etc := filepath.Join(dir, "etc")
	start(t, []string{postfix, "-c", etc, "start-fg"}, postfix, "-c", etc, "stop")
	eventually(t, "Postfix's answer", listening(addr))

	l := invoice()
	data := mustRender(t, l)
	p := Parcel{From: l.From.Mail, To: []string{"ap@acme.example", "gone@acme.example", "busy@acme.example", "someone@elsewhere.example"}, Data: data}
	rs := carry(t, ServerOptions{URL: "smtp://localhost:" + port, RootCA: ca.PEM}, p)
	if got := told(t, p.To, rs); got != "sent dot 250, failed rcpt 550, deferred rcpt 450, failed rcpt 554" {
		t.Fatal(got, rs)
	}
	if !strings.Contains(rs[0].Words, "queued as") {
		t.Errorf("Postfix's words are %q", rs[0].Words)
	}
	var names []string
	eventually(t, "the delivery", func() bool {
		names, _ = filepath.Glob(filepath.Join(dir, "mail", "box", "new", "*"))
		return len(names) > 0
	})
	arrived, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	readByPython(t, arrived).compare(t, l)
	if !bytes.HasSuffix(arrived, bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))) {
		t.Error("the bytes changed on the way")
	}
}

// TestMailpit reads what a mail server with a page of its own shows.
func TestMailpit(t *testing.T) {
	mailpit := os.Getenv("BOD_TEST_MAILPIT")
	if mailpit == "" {
		mailpit = program(t, "mailpit")
	}
	smtpAddr, webAddr := freeAddr(t), freeAddr(t)
	start(t, []string{mailpit, "--smtp", smtpAddr, "--listen", webAddr, "--database", filepath.Join(t.TempDir(), "mail.db"), "--disable-version-check", "--quiet"})
	eventually(t, "Mailpit's answer", func() bool { return listening(smtpAddr)() && listening(webAddr)() })

	get := func(path string) []byte {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+webAddr+"/api/v1/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, response.Status, err)
		}
		return body
	}
	type person struct{ Name, Address string }
	people := func(ps ...person) []string {
		var out []string
		for _, p := range ps {
			out = append(out, p.Name+"|"+p.Address)
		}
		return out
	}
	n := 0
	for name, l := range letters() {
		t.Run(name, func(t *testing.T) {
			n++
			l.MessageID = fmt.Sprintf("m%d@aozora.example", n)
			p := Parcel{From: l.From.Mail, To: []string{"ap@acme.example"}, Data: mustRender(t, l)}
			if rs := carry(t, ServerOptions{URL: "smtp+insecure://" + smtpAddr}, p); rs[0].Result != Sent {
				t.Fatal(rs)
			}
			var list struct {
				Messages []struct{ ID, MessageID string }
			}
			id := ""
			eventually(t, "the message", func() bool {
				if err := json.Unmarshal(get("messages"), &list); err != nil {
					t.Fatal(err)
				}
				for _, m := range list.Messages {
					if m.MessageID == l.MessageID {
						id = m.ID
					}
				}
				return id != ""
			})
			var m struct {
				Subject, Text, HTML string
				From                person
				To, Cc              []person
				Attachments         []struct{ PartID, FileName, ContentType string }
				Inline              []struct{ PartID, ContentID, ContentType string }
			}
			if err := json.Unmarshal(get("message/"+id), &m); err != nil {
				t.Fatal(err)
			}
			r := readable{Subject: m.Subject, From: people(m.From), To: people(m.To...), Cc: people(m.Cc...), Text: m.Text, HTML: m.HTML}
			if l.HTML == "" {
				r.HTML = ""
			}
			for _, a := range m.Attachments {
				sum := sha256.Sum256(get("message/" + id + "/part/" + a.PartID))
				r.Files = append(r.Files, struct{ Name, Type, SHA256 string }{a.FileName, a.ContentType, hex.EncodeToString(sum[:])})
			}
			for _, p := range m.Inline {
				sum := sha256.Sum256(get("message/" + id + "/part/" + p.PartID))
				r.Images = append(r.Images, struct{ ID, Type, SHA256 string }{"<" + p.ContentID + ">", p.ContentType, hex.EncodeToString(sum[:])})
			}
			r.compare(t, l)
		})
	}
}

// TestSpamAssassin: a letter scores below 1 by the rules that need no network.
func TestSpamAssassin(t *testing.T) {
	spamassassin := program(t, "spamassassin")
	home := t.TempDir()
	c := exec.CommandContext(t.Context(), spamassassin, "-t", "-L", "-x")
	c.Env = append(os.Environ(), "HOME="+home)
	c.Stdin = bytes.NewReader(mustRender(t, invoice()))
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`X-Spam-Status: \w+, score=(-?[\d.]+) [^\n]*(\n\s[^\n]*)*`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("no score in\n%.2000s", out)
	}
	score, err := strconv.ParseFloat(string(m[1]), 64)
	t.Logf("%s", m[0])
	if err != nil || score >= 1 {
		t.Errorf("the score is %s: %s", m[1], m[0])
	}
}
