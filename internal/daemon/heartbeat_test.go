package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// monitor is what Healthchecks would hear. It is an HTTP server behind net.Pipes, so that it can stand in a bubble of time.
type monitor struct {
	over http.RoundTripper

	mu     sync.Mutex
	heard  []string // "15:04:05 GET /x" and what was said
	answer func(http.ResponseWriter, *http.Request)
}

func newMonitor(t *testing.T) *monitor {
	t.Helper()
	m := &monitor{}
	wire := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: m, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(wire) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	m.over = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return wire.dial(ctx) }}
	return m
}

func (m *monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	m.mu.Lock()
	m.heard = append(m.heard, strings.TrimSpace(time.Now().In(tokyo).Format("15:04:05 ")+r.Method+" "+r.URL.String()+" "+string(b)))
	answer := m.answer
	m.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	_, _ = io.WriteString(w, "OK")
}

func (m *monitor) answers(fn func(http.ResponseWriter, *http.Request)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = fn
}

// since takes what was heard.
func (m *monitor) since() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	heard := m.heard
	m.heard = nil
	return heard
}

// watched starts a daemon with a heartbeat.
func watched(t *testing.T, moment, rules, heartbeat string) (*running, *monitor) {
	t.Helper()
	time.Sleep(time.Until(at(t, moment)))
	m := newMonitor(t)
	r := &running{t: t, dir: t.TempDir(), sink: newSink(t), monitor: m.over}
	r.write("letter.txt", letter)
	r.write("jobs.toml", rules)
	r.admin = filepath.Join(r.dir, "admin.toml")
	if err := os.WriteFile(r.admin, []byte("[heartbeat]\nurl = \"http://127.0.0.1/sesame?create=1\"\n"+heartbeat), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run()
	return r, m
}

func beats(heard []string) (well, amiss int) {
	for _, h := range heard {
		switch {
		case strings.Contains(h, " GET /sesame?create=1"):
			well++
		case strings.Contains(h, " POST /sesame/fail?create=1 "):
			amiss++
		}
	}
	return well, amiss
}

// Every few minutes the monitor hears that all is well, through the evening's summary and after it.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := watched(t, "11-24 16:30", head+daily+evening, "")
		r.sleepTo("11-24 16:32")
		if heard := m.since(); len(heard) != 1 || !strings.Contains(heard[0], "16:30:00 GET /sesame?create=1") {
			t.Errorf("at the start it heard %q", heard)
		}
		r.sleepTo("11-24 19:32")
		well, amiss := beats(m.since())
		if well < 34 || well > 36 || amiss != 0 {
			t.Errorf("in three hours it heard %d times that all is well, and %d times not", well, amiss)
		}
		r.end()
		time.Sleep(10 * time.Minute)
		if heard := m.since(); len(heard) != 0 {
			t.Errorf("after the end it heard %q", heard)
		}
	})
}

// A summary that did not leave is told once, in words without an address, and then there is silence until one has left.
func TestHeartbeatWithheld(t *testing.T) {
	for _, test := range []struct {
		name   string
		break_ func(*sink)
		by     string // told by then
		words  string
		mend   func(*running)
	}{
		{"unknown", func(s *sink) { s.stall = func(context.Context) { time.Sleep(20 * time.Minute) } }, "17:15", "it is not known whether it arrived", decided("settle", Request{Message: "2611-0001", Result: "sent"})},
		{"failed", func(s *sink) { s.rcpt = func(string) error { return errNever } }, "17:03", "it could not be sent", decided("by-hand", Request{Message: "2611-0001"})},
		{"waiting", func(s *sink) { s.rcpt = func(string) error { return errLater } }, "18:01", "it still waits", func(r *running) {
			r.sink.set(func() { r.sink.rcpt = nil })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, m := watched(t, "11-24 16:50", head+daily+evening, "")
				r.sleepTo("11-24 16:59")
				r.sink.set(func() { test.break_(r.sink) })
				by := at(t, "11-24 "+test.by)
				r.sleepTo("11-24 17:00")
				m.since()
				r.sleepTo("11-24 " + by.In(tokyo).Format("15:04"))
				heard := m.since()
				_, amiss := beats(heard)
				if amiss != 1 || !strings.Contains(heard[len(heard)-1], "the summary due ") || !strings.Contains(heard[len(heard)-1], test.words) {
					t.Fatalf("by %s it heard %q", test.by, heard)
				}
				if strings.Contains(strings.Join(heard, ""), "@") {
					t.Errorf("an address was told: %q", heard)
				}
				r.sleepTo("11-24 18:30")
				if heard := m.since(); len(heard) != 0 {
					t.Errorf("it was not left in silence: %q", heard)
				}
				test.mend(r)
				r.sleepTo("11-24 19:30")
				if well, amiss := beats(m.since()); well == 0 || amiss != 0 {
					t.Errorf("when one had left it heard %d and %d", well, amiss)
				}
				r.end()
			})
		})
	}
}

// decided is a person's word about the summary.
func decided(verb string, q Request) func(*running) {
	return func(r *running) {
		args, err := json.Marshal(q)
		if err != nil {
			r.t.Fatal(err)
		}
		l := r.reader()
		id, err := l.AddIntent(r.t.Context(), ledger.Intent{Verb: verb, Args: args, Why: "looked it up", Who: ledger.Who{Name: "sato"}, At: time.Now()})
		if err != nil {
			r.t.Fatal(err)
		}
		if in, err := l.Await(r.t.Context(), id); err != nil || !in.OK {
			r.t.Fatal(in.Result, err)
		}
		if err := l.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// The daemon that hangs is silent: only the loop itself beats, after it wrote into the ledger.
func TestHeartbeatOfAStuckLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, m := watched(t, "11-24 16:30", head+daily+evening, "")
		r.sleepTo("11-24 16:40")
		if well, _ := beats(m.since()); well < 2 {
			t.Errorf("it heard %d times that all is well", well)
		}
		// A word for the log that is never taken stands for anything in which the loop may hang.
		stuck, free := make(chan struct{}), make(chan struct{})
		var once sync.Once
		r.logged = func(words string) {
			if words == "jobs.toml" {
				once.Do(func() { close(stuck); <-free })
			}
		}
		r.end()
		r.run()
		time.Sleep(time.Minute)
		r.write("jobs.toml", head+strings.ReplaceAll(daily, `"mori"`, `"nobody"`))
		<-stuck
		synctest.Wait()
		m.since()
		time.Sleep(time.Hour)
		synctest.Wait()
		if heard := m.since(); len(heard) > 0 {
			t.Errorf("over a loop that hangs it heard %q", heard)
		}
		close(free)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if well, amiss := beats(m.since()); well == 0 {
			t.Errorf("when the loop went on it heard %d and %d", well, amiss)
		}
		r.end()
	})
}

// A monitor that hangs or refuses delays neither the loop nor the mail, and is tried again.
func TestHeartbeatOfABrokenMonitor(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"500":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"404":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, m := watched(t, "11-24 09:20", head+daily+evening, "")
				m.answers(answer)
				r.sleepTo("11-24 09:31")
				if got := r.sink.letters(); len(got) != 1 {
					t.Errorf("sent: %v", got)
				}
				r.sink.mu.Lock()
				if took := r.sink.got[0].at.Sub(at(t, "11-24 09:30")); took > time.Second {
					t.Errorf("it was late by %v", took)
				}
				r.sink.mu.Unlock()
				if n := len(m.since()); n < 5 || n > 40 {
					t.Errorf("it was tried %d times in ten minutes", n)
				}
				m.answers(nil)
				r.sleepTo("11-24 09:34")
				if well, _ := beats(m.since()); well == 0 {
					t.Error("once it was well again it heard nothing")
				}
				r.end()
			})
		})
	}
}

// A real server on loopback. No error and no line of the log has anything of the address but the host.
func TestHeartbeatErrors(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		says   string
		again  bool
	}{
		{"well", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK") }, "", false},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "", false},
		{"moved", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/sesame", http.StatusFound)
		}, "another one now (302)", false},
		{"moved for good", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/sesame", http.StatusPermanentRedirect)
		}, "another one now (308)", false},
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "answers 404", false},
		{"broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, "answers 502", true},
		{"busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, "answers 429", true},
		{"not found, with 200", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK (not found)") }, "does not know this address", false},
		{"rate limited", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK (rate limited)") }, "no more words", false},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", true},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<10))
			}
		}, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			u, err := url.Parse(server.URL + "/sesame?key=sesame")
			if err != nil {
				t.Fatal(err)
			}
			again, err := newPulse(nil, nil).send(t.Context(), u, "amiss")
			if err == nil && test.says != "" || err != nil && (test.says == "" || !strings.Contains(err.Error(), test.says)) || again != test.again {
				t.Errorf("%v, again %v", err, again)
			}
			if err != nil && (strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), u.Host)) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	d := newDesk(t, "11-24 09:00", head+daily+evening)
	var said bytes.Buffer
	d.office.log = slog.New(slog.NewTextHandler(&said, nil))
	c := *d.config
	c.Heartbeat = &config.Heartbeat{URL: gone.URL + "/sesame", Every: 5 * time.Minute}
	if err := d.office.Swap(&c); err != nil {
		t.Fatal(err)
	}
	p := newPulse(d.office, nil)
	p.wait = 0
	p.tell(t.Context(), d.now)
	if p.failures.Load() != 1 || !strings.Contains(said.String(), "couldn't tell the monitor") || strings.Contains(said.String(), "sesame") {
		t.Errorf("the log says %s", said.String())
	}
}

// A rehearsal is a play: nobody is called.
func TestNoHeartbeatInARehearsal(t *testing.T) {
	d := newDesk(t, "11-24 09:00", head+daily+evening)
	d.settle()
	l, err := ledger.Rehearsal(t.Context(), d.ledger, ledger.Options{Now: d.clock, Log: d.log})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var heard []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard = append(heard, r.Method) }))
	defer server.Close()
	c := *d.config
	c.Heartbeat = &config.Heartbeat{URL: server.URL, Every: time.Minute}
	o, err := NewOffice(Options{Config: &c, Ledger: l, Carrier: mailer.NewFolder(t.TempDir()), Now: d.clock, Log: d.log})
	if err != nil {
		t.Fatal(err)
	}
	newPulse(o, nil).tell(t.Context(), d.now)
	if len(heard) > 0 {
		t.Errorf("it heard %v", heard)
	}
	if o, err = NewOffice(Options{Config: &c, Ledger: d.ledger, Carrier: d.sink.carrier(t), Now: d.clock, Log: d.log}); err != nil {
		t.Fatal(err)
	}
	newPulse(o, nil).tell(t.Context(), d.now)
	if !slices.Equal(heard, []string{"GET"}) {
		t.Errorf("outside of it, it heard %v", heard)
	}
}

// What a person has to decide before anything is planned is told too, and a summary that nobody is to get is not missed.
func TestAmiss(t *testing.T) {
	d := newDesk(t, "11-24 16:00", head+daily+evening)
	is := func(when, want string) {
		t.Helper()
		why, err := d.office.amiss(t.Context())
		if err != nil || want == "" && why != "" || !strings.Contains(why, want) {
			t.Errorf("%s: %q, %v", when, why, err)
		}
	}
	d.settle()
	is("before any summary", "")
	d.sink.set(func() { d.sink.rcpt = func(string) error { return errNever } })
	d.to("11-24 17:01")
	is("while the alarm program may still find out", "")
	d.to("11-24 17:10")
	is("refused", "could not be sent")
	if err := d.ledger.Update(t.Context(), d.now, self(), func(tx *ledger.Tx) error {
		for m, err := range tx.Messages(ledger.MessageQuery{Class: ledger.ClassSummary}) {
			if err != nil {
				return err
			}
			for _, x := range m.Deliveries {
				if err := tx.MoveDelivery(x.ID, x.State, ledger.StateByHand, "read out"); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	is("by hand", "")
	if err := d.ledger.Update(t.Context(), d.now, self(), func(tx *ledger.Tx) error {
		return tx.SetFlag(ledger.Flag{Name: flagRestored, Text: "x", Since: d.now.Add(-time.Hour)})
	}); err != nil {
		t.Fatal(err)
	}
	is("restored", "waits for a person")
}
