package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The doctor looks whether the monitor can be reached and tells it nothing, and sees who answers in the metrics' place.
func TestDoctorWatch(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	monitor := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the monitor heard %s %s", r.Method, r.URL)
	}))
	defer monitor.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(w, "x 1\n")
	}))
	defer served.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	addr := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	for _, test := range []struct {
		name, admin string
		mode        os.FileMode
		says        []string
	}{
		{"neither", "", 0o600, []string{"ok      no monitor is told", "ok      no metrics are served", "ok      no program tells what mail can't"}},
		{"programs", "[programs]\nfolder = \"/usr/bin\"\nalarm = \"true\"\nproof = \"env\"\n", 0o600, []string{"ok      /usr/bin/true tells what mail can't", "ok      /usr/bin/env is asked"}},
		{"both", "[heartbeat]\nurl = \"" + monitor.URL + "/sesame\"\n[metrics]\nlisten = \"" + addr(served) + "\"\n", 0o600,
			[]string{"ok      the heartbeat's monitor " + addr(monitor) + " can be reached (it was told nothing)", "note    without [summary]", "ok      metrics are served at " + addr(served)}},
		{"away", "[heartbeat]\nurl = \"" + gone.URL + "/sesame\"\n[metrics]\nlisten = \"" + addr(gone) + "\"\n", 0o600,
			[]string{"WRONG   couldn't reach the heartbeat's monitor " + addr(gone), "note    no metrics are served at " + addr(gone)}},
		{"for everybody to read", "[heartbeat]\nurl = \"" + monitor.URL + "/sesame\"\n", 0o644, []string{"note    everybody can read ", "credential heartbeat-url"}},
		{"the service's", "[heartbeat]\n", 0o644, []string{"skipped the heartbeat's address is given to the service"}},
		{"another program", "[metrics]\nlisten = \"" + addr(other) + "\"\n", 0o644, []string{"are not bod's metrics (404)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			rules := strings.Replace(doctored, "server = \"smtp://ADDR\"\n", "", 1)
			rules = strings.Replace(strings.Replace(rules, "ca = \"ca.pem\"\n", "", 1), "password_file = \"password\"\n", "", 1)
			for name, text := range map[string]string{"jobs.toml": rules, "letter.txt": "Subject: x\n\ny\n", "admin.toml": test.admin} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(dir, "admin.toml"), test.mode); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			b := newDesk([]string{"doctor"}, nil, &out, &out)
			b.file, b.admin = filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "admin.toml")
			d := &doctor{desk: b}
			d.c, d.problems = b.load(b.file)
			if d.c == nil {
				t.Fatal(d.problems)
			}
			d.lang = "en"
			d.watched(t.Context())
			for _, f := range d.found {
				out.WriteString(stateMarks[f.State].EN + " " + f.What + "\n" + f.Next + "\n")
			}
			for _, s := range test.says {
				if !strings.Contains(out.String(), s) {
					t.Errorf("without %q:\n%s", s, out.String())
				}
			}
			if strings.Contains(out.String(), "sesame") {
				t.Errorf("the address is shown:\n%s", out.String())
			}
		})
	}
}
