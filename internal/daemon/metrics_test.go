package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bod/internal/ledger"
)

// parse has an independent reader of the text format read the page: Prometheus' own client in Python.
func parse(t *testing.T, text []byte) map[string]float64 {
	t.Helper()
	// Debian's module belongs to Debian's own python3, which need not be the first on the path.
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", `
import json, sys
from prometheus_client.parser import text_string_to_metric_families as read
out, seen = {}, set()
for f in read(sys.stdin.read()):
    assert f.name not in seen and f.documentation and f.type != "unknown", f
    seen.add(f.name)
    for s in f.samples:
        key = s.name + "".join("|%s=%s" % kv for kv in sorted(s.labels.items()))
        assert key not in out, key
        out[key] = s.value
json.dump(out, sys.stdout)`)
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "ModuleNotFoundError") || len(out) == 0 {
			const words = "python3 with prometheus_client is not there: apt install python3-prometheus-client (%v)"
			if os.Getenv("BOD_TEST_ALL") != "" {
				t.Fatalf(words, err)
			}
			t.Skipf(words, err)
		}
		t.Fatalf("it can't be read: %v\n%s\n%s", err, out, text)
	}
	all := map[string]float64{}
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// scrape asks a place that is given to it, as Prometheus would.
func scrape(t *testing.T, network, addr, path string) (int, []byte) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}}
	answer, err := c.Get("http://bod" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, b
}

// The daemon serves its metrics while it runs, at a socket and at a port, and nowhere when it ended.
func TestMetricsOfADaemon(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "metrics.sock")
	// What a daemon that was killed left behind.
	old, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	for _, place := range []struct{ listen, network, addr string }{{port, "tcp", port}, {"unix:" + socket, "unix", socket}} {
		t.Run(place.network, func(t *testing.T) {
			serving := make(chan struct{})
			var once sync.Once
			r := &running{t: t, dir: t.TempDir(), sink: newSink(t), logged: func(words string) {
				if words == "serving metrics" {
					once.Do(func() { close(serving) })
				}
			}}
			r.write("letter.txt", letter)
			r.write("jobs.toml", head+daily+evening)
			r.admin = filepath.Join(r.dir, "admin.toml")
			if err := os.WriteFile(r.admin, []byte("[metrics]\nlisten = \""+place.listen+"\"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r.run()
			<-serving
			if code, _ := scrape(t, place.network, place.addr, "/"); code != http.StatusNotFound {
				t.Errorf("another page is answered with %d", code)
			}
			code, text := scrape(t, place.network, place.addr, "/metrics")
			// It serves before the loop has done its first step, which takes its time on a busy machine.
			for code == http.StatusOK && strings.Contains(string(text), "\nbod_step_duration_seconds_count 0\n") {
				code, text = scrape(t, place.network, place.addr, "/metrics")
			}
			if code != http.StatusOK {
				t.Fatalf("it answers %d", code)
			}
			if place.network == "unix" {
				if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
					t.Errorf("the socket is %v, %v", info.Mode(), err)
				}
			}
			r.end()
			if c, err := net.Dial(place.network, place.addr); err == nil {
				_ = c.Close()
				t.Error("it is served after the end")
			}
			for _, name := range []string{"sato", "mori", "acme", "@", "Acme"} {
				if strings.Contains(string(text), name) {
					t.Errorf("%q is in the metrics", name)
				}
			}
			got := parse(t, text)
			for name, want := range map[string]float64{"bod_config_ok": 1, "bod_trial": 0, "bod_summary_ok": 1, "bod_deliveries|state=unknown": 0, "bod_paused|reason=session": 0, "bod_step_failures_total": 0} {
				if v, there := got[name]; !there || v != want {
					t.Errorf("%s is %v (%v), not %v", name, v, there, want)
				}
			}
			for _, name := range []string{"bod_ledger_bytes", "bod_disk_free_bytes", "bod_ledger_last_event", "bod_next_wake_timestamp_seconds", "bod_step_duration_seconds_count"} {
				if got[name] <= 0 {
					t.Errorf("%s is %v", name, got[name])
				}
			}
			if _, there := got["bod_summary_last_left_timestamp_seconds"]; there {
				t.Error("a summary left that never was")
			}
		})
	}
}

// What needs a person is in the numbers, with its age.
func TestMetrics(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily+evening)
	m := newMetrics(d.office, filepath.Join(d.dir, "state"), newPulse(d.office, nil))
	read := func() map[string]float64 {
		t.Helper()
		text, err := m.collect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, text)
	}
	d.to("11-24 17:10")
	at1700 := float64(at(t, "11-24 17:00").Unix())
	got := read()
	if v := got["bod_summary_last_left_timestamp_seconds"]; v < at1700 || v > at1700+60 || got["bod_summary_ok"] != 1 || got["bod_deliveries|state=sent"] != 2 || got["bod_runs|state=done"] != 2 {
		t.Errorf("after the summary: %v", got)
	}
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errNever } })
	d.to("11-25 17:10")
	got = read()
	failed := got["bod_deliveries_oldest_timestamp_seconds|state=failed"]
	if got["bod_summary_ok"] != 0 || got["bod_deliveries|state=failed"] < 2 || failed < float64(at(t, "11-25 09:30").Unix()) || got["bod_summary_last_left_timestamp_seconds"] > at1700+60 {
		t.Errorf("after one that failed: %v", got)
	}
	err := d.ledger.Update(t.Context(), d.now, self(), func(tx *ledger.Tx) error {
		return tx.SetFlag(ledger.Flag{Name: flagSession, Text: "535", Since: d.now})
	})
	if err != nil {
		t.Fatal(err)
	}
	m.read(true)
	m.step(time.Now(), time.Time{}, os.ErrInvalid)
	got = read()
	if got["bod_paused|reason=session"] != 1 || got["bod_config_ok"] != 0 || got["bod_step_failures_total"] != 1 {
		t.Errorf("paused: %v", got)
	}
}

// Label values are escaped as the format says, so that no name can write a line of its own.
func TestMetricsEscape(t *testing.T) {
	var p page
	p.family("x", "gauge", "A test.")
	p.value("x", 1.5, "job", "a\"b\\c\nx 2", "b", "月")
	if got := parse(t, p.Bytes()); len(got) != 1 || got["x|b=月|job=a\"b\\c\nx 2"] != 1.5 {
		t.Errorf("%s is read as %v", p.Bytes(), got)
	}
}

// Whoever asks while the ledger can't be read, or while somebody else reads it, is told so in time; and one reading serves all
// who ask soon after.
func TestMetricsThatCannotBeRead(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily+evening)
	d.settle()
	m := newMetrics(d.office, filepath.Join(d.dir, "state"), newPulse(d.office, nil))
	ask := func(ctx context.Context) (int, string) {
		t.Helper()
		w := httptest.NewRecorder()
		m.answer(w, httptest.NewRequestWithContext(ctx, "GET", "/metrics", nil))
		return w.Code, w.Body.String()
	}
	code, first := ask(t.Context())
	if code != http.StatusOK {
		t.Fatalf("it answers %d", code)
	}
	m.step(time.Now(), time.Time{}, nil)
	if code, again := ask(t.Context()); code != http.StatusOK || again != first {
		t.Errorf("asked again at once it answers %d, the same: %v", code, again == first)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	<-m.reading // somebody reads
	if code, _ := ask(gone); code != http.StatusServiceUnavailable {
		t.Errorf("while somebody else reads it answers %d", code)
	}
	m.reading <- struct{}{}
	d.close()
	m.at = time.Time{}
	for range 2 { // whoever failed lets the next one in
		if code, text := ask(t.Context()); code != http.StatusServiceUnavailable || strings.Contains(text, "bod_") {
			t.Errorf("without its ledger it answers %d: %s", code, text)
		}
	}
}

// However many connect, some are served and the others hung up on; and when it ends it waits for none of them.
func TestMetricsConnections(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily+evening)
	d.settle()
	m := newMetrics(d.office, filepath.Join(d.dir, "state"), newPulse(d.office, nil))
	socket := filepath.Join(t.TempDir(), "metrics.sock")
	end, err := m.serve("unix:" + socket)
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	served := func(c net.Conn) bool {
		_, _ = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: bod\r\n\r\n") // it may be closed already
		line, err := bufio.NewReader(c).ReadString('\n')
		return err == nil && strings.HasPrefix(line, "HTTP/1.1 200")
	}
	var silent []net.Conn
	for range metricsConns {
		silent = append(silent, dial())
	}
	if served(dial()) {
		t.Errorf("more than %d are served at a time", metricsConns)
	}
	if !served(silent[0]) {
		t.Error("one who was let in is not served")
	}
	if err := silent[1].Close(); err != nil {
		t.Fatal(err)
	}
	for !served(dial()) { // until it is seen that one has gone
	}
	end()
	if _, err := net.Dial("unix", socket); err == nil {
		t.Error("it is served after the end")
	}
}
