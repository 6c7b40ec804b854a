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
