package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
)

func TestHeartbeatAndMetrics(t *testing.T) {
	for _, test := range []struct {
		name, admin string
		every       time.Duration
		url         string // as it is asked for
		metrics     string
		says        []string // problems and warnings, in part
	}{
		{"neither", "", 0, "", "", nil},
		{"the credential", "[heartbeat]\n", usualBeat, "https://hc.example/credential", "", nil},
		{"a file", "[heartbeat]\nurl_file = \"url\"\n", usualBeat, "https://hc.example/file", "", nil},
		{"written", "[heartbeat]\nurl = \"https://hc.example/x?create=1#y\"\nevery = \"2時間\"\n", 2 * time.Hour, "https://hc.example/x?create=1", "", nil},
		{"to this machine", "[heartbeat]\nurl = \"http://127.0.0.1:8000/x\"\n", usualBeat, "http://127.0.0.1:8000/x", "", nil},
		{"clear text where it is meant", "[heartbeat]\nurl = \"http+insecure://hc.example/x\"\n", usualBeat, "http://hc.example/x", "", nil},
		{"clear text", "[heartbeat]\nurl = \"http://hc.example/sesame\"\n", 0, "", "", []string{"does not begin with https://", "http+insecure://"}},
		{"another scheme", "[heartbeat]\nurl = \"ftp://hc.example/sesame\"\n", 0, "", "", []string{"does not begin with https://"}},
		{"no address", "[heartbeat]\nurl = \"https://hc.example:sesame/\"\n", 0, "", "", []string{"cannot be read"}},
		{"both", "[heartbeat]\nurl = \"https://hc.example/sesame\"\nurl_file = \"url\"\n", 0, "", "", []string{"both url and url_file"}},
		{"too often", "[heartbeat]\nevery = \"0 minutes\"\n", 0, "", "", []string{"from 1 minute to 24 hours"}},
		{"too seldom", "[heartbeat]\nevery = \"2 days\"\n", 0, "", "", []string{"from 1 minute to 24 hours"}},
		{"no span", "[heartbeat]\nevery = \"often\"\n", 0, "", "", []string{"often"}},
		{"a file that is not there", "[heartbeat]\nurl_file = \"nowhere\"\n", 0, "", "", []string{"is not there"}},
		{"an unknown key", "[heartbeat]\nurll = \"https://hc.example/sesame\"\n", 0, "", "", []string{"did you mean url"}},
		{"a port", "[metrics]\nlisten = \"127.0.0.1:9617\"\n", 0, "", "127.0.0.1:9617", nil},
		{"a port by a name", "[metrics]\nlisten = \"localhost:9617\"\n", 0, "", "127.0.0.1:9617", nil},
		{"a port of IPv6", "[metrics]\nlisten = \"[::1]:9617\"\n", 0, "", "[::1]:9617", nil},
		{"a socket", "[metrics]\nlisten = \"unix:/run/bod/metrics.sock\"\n", 0, "", "unix:/run/bod/metrics.sock", nil},
		{"a public address", "[metrics]\nlisten = \"0.0.0.0:9617\"\n", 0, "", "0.0.0.0:9617", []string{"everybody who reaches this machine"}},
		{"every address by leaving it out", "[metrics]\nlisten = \":9617\"\n", 0, "", "", []string{"listen cannot be read"}},
		{"a host", "[metrics]\nlisten = \"metrics.example:9617\"\n", 0, "", "", []string{"listen cannot be read"}},
		{"no port", "[metrics]\nlisten = \"127.0.0.1\"\n", 0, "", "", []string{"listen cannot be read"}},
		{"port 0", "[metrics]\nlisten = \"127.0.0.1:0\"\n", 0, "", "", []string{"listen cannot be read"}},
		{"a socket somewhere", "[metrics]\nlisten = \"unix:metrics.sock\"\n", 0, "", "", []string{"no place for a socket"}},
		{"a long socket", "[metrics]\nlisten = \"unix:/" + strings.Repeat("x", 107) + "\"\n", 0, "", "", []string{"no place for a socket"}},
		{"nothing to listen at", "[metrics]\n", 0, "", "", []string{"listen"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, _, said := withAdmin(t, "language = \"en\"\n"+adminRules, test.admin)
			for name, text := range map[string]string{"url": "https://hc.example/file\n", "heartbeat-url": "https://hc.example/credential"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("CREDENTIALS_DIRECTORY", dir)
			c, ps := LoadWith(filepath.Join(dir, "jobs.toml"), filepath.Join(dir, "admin.toml"), testKinds)
			var words strings.Builder
			for _, p := range ps {
				words.WriteString(p.String() + "\n")
			}
			for _, s := range test.says {
				if !strings.Contains(words.String(), s) {
					t.Errorf("without %q:\n%s", s, words.String())
				}
			}
			if strings.Contains(words.String(), "sesame") && !strings.Contains(test.name, "key") {
				t.Errorf("the address is shown:\n%s%s", words.String(), said(calendar.English))
			}
			if good := test.url != "" || test.metrics != "" || test.admin == ""; (c != nil) != good || good && len(test.says) == 0 && words.String() != "" {
				t.Fatalf("loaded: %v\n%s", c != nil, words.String())
			}
			if c == nil {
				return
			}
			if c.Metrics != test.metrics {
				t.Errorf("the metrics are served at %q", c.Metrics)
			}
			if c.Heartbeat == nil {
				if test.url != "" {
					t.Error("there is no heartbeat")
				}
				return
			}
			if u, err := c.Heartbeat.Address(); err != nil || u.String() != test.url || c.Heartbeat.Every != test.every {
				t.Errorf("%v, %v, every %v", u, err, c.Heartbeat.Every)
			}
		})
	}
}

// What stands in the file or the credential is read when it is needed, and never shown.
func TestHeartbeatAddressIsNotShown(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for _, text := range []string{"", "sesame", "http://hc.example/sesame", "https://hc.example:sesame/", "https://sesame .example/", "https://hc.example/sesame\nsesame"} {
		if err := os.WriteFile(filepath.Join(dir, "heartbeat-url"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		u, err := Heartbeat{}.Address()
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q gives %v, %v", text, u, err)
		}
	}
}
