package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	accounts "os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"bod/internal/ledger"
	"bod/internal/mailer"
)

// missing skips a test that needs more than Go, and fails it where everything has to be tested.
func missing(t *testing.T, sentence string) {
	t.Helper()
	if os.Getenv("BOD_TEST_ALL") != "" {
		t.Fatal(sentence)
	}
	t.Skip(sentence)
}

// deaf is a connection that is lost at the moment when everything, the final dot included, has been said.
type deaf struct {
	net.Conn
	mu  sync.Mutex
	end string
	cut bool
}

func (c *deaf) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.Conn.Write(b)
	c.end = last(c.end+string(b[:n]), 5)
	c.cut = c.cut || c.end == "\r\n.\r\n"
	return n, err
}

func (c *deaf) Read(b []byte) (int, error) {
	c.mu.Lock()
	cut := c.cut
	c.mu.Unlock()
	if cut {
		return 0, errors.New("the connection was cut")
	}
	return c.Conn.Read(b)
}

func last(s string, n int) string { return s[max(0, len(s)-n):] }

// postfix starts a Postfix of this test's own on a port of loopback, and answers its address and its log. What it takes for
// tanaka it brings to next.
func postfix(t *testing.T, next string) (addr, log string) {
	t.Helper()
	program, err := exec.LookPath("postfix")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/postfix"); err != nil {
			missing(t, "postfix is not installed")
		}
	}
	if os.Getuid() != 0 {
		missing(t, "Postfix can only be started by root")
	}
	owner, err := accounts.Lookup("postfix")
	if err != nil {
		missing(t, "there is no user postfix")
	}
	// Not t.TempDir: Postfix's own users have to get through the folders above.
	dir, err := os.MkdirTemp("", "bod-postfix-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, sub := range []string{"", "etc", "spool", "data", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, "data"), uid, -1); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(next)
	if err != nil {
		t.Fatal(err)
	}
	addr, log = l.Addr().String(), filepath.Join(dir, "log", "mail.log")
	l.Close()
	for name, content := range map[string]string{
		"main.cf": `compatibility_level = 3.6
queue_directory = DIR/spool
data_directory = DIR/data
maillog_file = DIR/log/mail.log
maillog_file_prefixes = DIR
myhostname = mail.test
mydestination =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtputf8_enable = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_end_of_data_restrictions = sleep 1, permit
virtual_mailbox_domains = aozora.example
virtual_mailbox_maps = static:box/
virtual_transport = discard:kept
transport_maps = inline:{ {tanaka@aozora.example = smtp:[HOST]:PORT} }
alias_maps =
alias_database =
`,
		"master.cf": addr + ` inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
smtp unix - - n - - smtp
postlog unix-dgram n - n - 1 postlogd
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(strings.NewReplacer("DIR", dir, "HOST", host, "PORT", port).Replace(content)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	etc := filepath.Join(dir, "etc")
	c := exec.Command(program, "-c", etc, "start-fg")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command(program, "-c", etc, "stop").Run()
		_ = c.Wait()
		if t.Failed() {
			words, _ := os.ReadFile(log)
			t.Logf("Postfix's log:\n%s", words)
		}
	})
	eventually(t, "Postfix's answer", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return addr, log
}

// eventually looks until a program outside has done its part. It has no channel to wait on.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("%s did not happen", what)
		}
	}
}

// TestPostfixProves goes the whole way with a real Postfix: a letter is sent, the answer to its dot is lost, Postfix has it all
// the same; it is unknown, the log is asked, and what the log says settles it.
func TestPostfixProves(t *testing.T) {
	further, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(&sink{t: t, rcpt: func(string) error { return &smtp.SMTPError{Code: 550, Message: "no such user"} }})
	server.Domain = "further.example"
	go func() { _ = server.Serve(further) }()
	defer server.Close()
	addr, log := postfix(t, further.Addr().String())
	proof := filepath.Join(t.TempDir(), "postfix-proof")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", proof, "bod/cmd/postfix-proof").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	now := time.Now().In(tokyo).Truncate(time.Second) // the log has the real time
	minute := now.Truncate(time.Minute)
	d := newDesk(t, minute.Add(-time.Minute).Format("2006-01-02 15:04"), strings.Replace(head, "sink.example:25", addr, 1)+
		"[job.daily]\nkind = \"send\"\ntitle = \"Daily note\"\nwhen = \"毎日 "+minute.Format("15:04")+" 休みでも実施\"\nto = [\"mori\", \"tanaka\"]\nletter = \"letter.txt\"\n")
	d.config.ProofProgram = script(t, "exec "+proof+" --log "+log)
	carrier, err := mailer.NewServer(mailer.ServerOptions{URL: "smtp+insecure://" + addr, Hello: "bod.test", Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, network, addr)
		return &deaf{Conn: conn}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	first := *d.office.at.Load()
	first.carrier = carrier
	d.office.at.Store(&first)
	d.settle()
	d.now = now
	for d.now = now; len(d.runs("daily")) == 0 || len(d.letters(d.run("daily", now.Format(time.DateOnly)).ID)) == 0; {
		if d.settle(); d.now.After(now.Add(time.Minute)) {
			t.Fatal("no letter was prepared")
		}
		d.now = d.now.Add(time.Second)
	}
	d.now = now
	states := func() string {
		by := map[string]string{}
		for _, m := range d.letters(d.run("daily", now.Format(time.DateOnly)).ID) {
			for _, x := range m.Deliveries {
				by[x.Mail] = string(x.State)
			}
		}
		return fmt.Sprint(by)
	}
	d.settle()
	if got := states(); got != "map[mori@aozora.example:unknown tanaka@aozora.example:unknown]" {
		t.Fatalf("the letters are %s", got)
	}
	// Postfix takes its second, then its own time; the office asks as often as it needs.
	eventually(t, "the proof", func() bool {
		d.office.asked = nil // now, and not in a minute
		if _, err := d.office.prove(t.Context()); err != nil {
			t.Fatal(err)
		}
		return !strings.Contains(states(), "unknown")
	})
	if got := states(); got != "map[mori@aozora.example:sent tanaka@aozora.example:failed]" {
		t.Errorf("the letters are %s", got)
	}
	for _, m := range d.letters(d.run("daily", now.Format(time.DateOnly)).ID) {
		want := map[ledger.State]string{ledger.StateSent: "status=sent (kept)", ledger.StateFailed: "no such user"}[m.State]
		if got := strings.Join(d.resolved(m), "\n"); want == "" || !strings.Contains(got, want) || !strings.Contains(got, " by proof:program ") {
			t.Errorf("the log says of %s: %s", m.Number, got)
		}
	}
}
