package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The example of an alarm program posts the words as they are, and says when it couldn't.
func TestTellAlarm(t *testing.T) {
	_, err := exec.LookPath("curl")
	need(t, err == nil, "curl is missing")
	status := http.StatusOK
	var got []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body) // what is cut off is no JSON
		w.WriteHeader(status)
	}))
	defer server.Close()
	address := filepath.Join(t.TempDir(), "alarm.curl")
	if err := os.WriteFile(address, []byte(`url = "`+server.URL+`/secret"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(words string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "./tell-alarm")
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/", "BOD_ALARM=session", "BOD_ID=x", "BOD_STATE=raised", "ALARM_CURL=" + address}
		cmd.Stdin = strings.NewReader(words)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := call("【bod】\"引用\" と \\ と\tタブと $(id) `id` %s\r\n　二行目\x1b[2J\x00\n"); err != nil {
		t.Fatal(err, out)
	}
	var said struct{ Text string }
	if err := json.Unmarshal(got, &said); err != nil || said.Text != "【bod】\"引用\" と \\ と タブと $(id) `id` %s\n　二行目[2J\n" {
		t.Errorf("the chat got %q %v", got, err)
	}
	status = http.StatusForbidden
	if out, err := call("x\n"); err == nil || strings.Contains(out, "secret") {
		t.Errorf("a refusal: %v %s", err, out)
	}
}

// The administrator's programs work inside the service's sandbox as it is installed: the alarm is given, a network can be
// used, and the mail server's log is read with nothing but a group.
func TestProgramsInTheSandbox(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	install(t, m)
	office(t, m, "first")
	// The server offers no encryption, which this office demands: the session is at fault, and nothing can be told by mail.
	m.write(t, "/srv/bod/jobs.toml", strings.Replace(rules("first"), "smtp+insecure://", "smtp://", 1))
	m.write(t, "/etc/bod/admin.toml", "state = \"/var/lib/bod\"\n[programs]\nfolder = \"/etc/bod/programs\"\nalarm = \"look\"\nproof = \"postfix-proof\"\n")
	m.sh(t, "install -d -m 755 /etc/bod/programs && ln -s /usr/lib/bod/postfix-proof /etc/bod/programs/postfix-proof")
	m.write(t, "/etc/bod/programs/look", `#!/bin/sh
exec >/var/lib/bod/told 2>&1
echo "$BOD_ALARM $BOD_STATE"
cat
env | sed 's/^/env: /'
echo '{"message_id":"abc@x","from":"keiri@x","recipients":["ap@acme.example"],"began":"2026-01-01T00:00:00Z"}' | /etc/bod/programs/postfix-proof --log /var/log/bod-test.log
echo '{"message_id":"abc@x","from":"keiri@x","recipients":["ap@acme.example"],"began":"2026-01-01T00:00:00Z"}' | /etc/bod/programs/postfix-proof --journal
journalctl --quiet --no-pager --lines=1 --unit=sink.service >/dev/null && echo "the journal can be read"
curl --silent --show-error --max-time 5 telnet://127.0.0.1:2525 </dev/null | head -c 3
`)
	m.sh(t, "chmod 755 /etc/bod/programs/look")
	m.write(t, "/var/log/bod-test.log", `2026-11-24T10:00:00+09:00 mail postfix/cleanup[1]: 4B1C2D: message-id=<abc@x>
2026-11-24T10:00:00+09:00 mail postfix/qmgr[1]: 4B1C2D: from=<keiri@x>, size=1, nrcpt=1 (queue active)
2026-11-24T10:00:00+09:00 mail postfix/smtp[1]: 4B1C2D: to=<ap@acme.example>, relay=none, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250)
`)
	m.sh(t, "chown root:adm /var/log/bod-test.log && chmod 640 /var/log/bod-test.log")
	// What the manual tells an administrator to add, and a single run in the place of the daemon: nobody waits two minutes.
	m.tune(t, "[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=/usr/bin/bod run --once\nSupplementaryGroups=adm systemd-journal\n")
	m.run(t, "systemctl", "start", "bod")
	if out, err := m.try(t, "runuser", "-u", "bod", "--", "bod", "-f", "/srv/bod/jobs.toml", "do", "first", "--period", someday, "--by", "sato", "--why", "asked"); err == nil {
		t.Errorf("it was done without a daemon: %s", out)
	}
	m.run(t, "systemctl", "start", "bod")
	told := m.sh(t, "cat /var/lib/bod/told")
	for _, want := range []string{
		"session raised\n[bod] the mail server refuses us: all mail is paused\n", "env: PATH=",
		`"result":"sent","evidence":"4B1C2D: to=\u003cap@acme.example\u003e`, `"result":"not-found"`, "the journal can be read", "220",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("without %q:\n%s", want, told)
		}
	}
	for _, secret := range []string{"CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "STATE_DIRECTORY", "INVOCATION_ID"} {
		if strings.Contains(told, secret) {
			t.Errorf("the program knows %s:\n%s", secret, told)
		}
	}
}
