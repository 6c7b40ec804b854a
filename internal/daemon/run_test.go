package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
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
)

// running is a whole daemon in a bubble of time.
type running struct {
	t      *testing.T
	dir    string
	sink   *sink
	reload chan struct{}
	stop   context.CancelFunc
	ended  chan error
	said   []string
	admin  string // the administrator's file; "" for none

	monitor http.RoundTripper  // on the way to the heartbeat's monitor; nil: the network
	logged  func(words string) // hears of each line of the log before it is written; may be nil
}

// start runs the daemon from a moment on. Its time is the bubble's.
func start(t *testing.T, moment, rules string) *running {
	t.Helper()
	time.Sleep(time.Until(at(t, moment)))
	r := &running{t: t, dir: t.TempDir(), sink: newSink(t)}
	r.write("letter.txt", letter)
	r.write("jobs.toml", rules)
	r.run()
	return r
}

func (r *running) run() {
	ctx, stop := context.WithCancel(r.t.Context())
	r.reload, r.stop, r.ended = make(chan struct{}), stop, make(chan error, 1)
	var mu sync.Mutex
	o := RunOptions{
		ConfigPath: filepath.Join(r.dir, "jobs.toml"), Admin: cmp.Or(r.admin, config.NoAdmin), StateDir: filepath.Join(r.dir, "state"),
		Log:             slog.New(listening{slog.NewTextHandler(r.t.Output(), nil), r.logged}),
		Say:             func(format string, _ ...any) { mu.Lock(); r.said = append(r.said, format); mu.Unlock() },
		testOnlyCarrier: r.sink.carrier(r.t), testOnlyMonitor: r.monitor,
	}
	go func() { r.ended <- Run(ctx, o, r.reload) }()
}

// listening is a log that somebody listens to.
type listening struct {
	slog.Handler
	hears func(words string)
}

func (l listening) Handle(ctx context.Context, r slog.Record) error {
	if l.hears != nil {
		l.hears(r.Message)
	}
	return l.Handler.Handle(ctx, r)
}

func (r *running) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if name != "jobs.toml" {
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(r.dir, name), old, old); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *running) sleepTo(moment string) {
	r.t.Helper()
	time.Sleep(time.Until(at(r.t, moment)))
	synctest.Wait()
}

// end stops the daemon and waits for it.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Fatal(err)
	}
}

// reader is another process's look at the ledger.
func (r *running) reader() *ledger.Ledger {
	r.t.Helper()
	l, err := ledger.OpenReader(r.t.Context(), filepath.Join(r.dir, "state"))
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

func (r *running) message(key string) (m ledger.Message) {
	r.t.Helper()
	l := r.reader()
	err := l.View(r.t.Context(), func(v *ledger.View) (err error) {
		m, err = v.MessageByKey(key)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		r.t.Fatal(err)
	}
	return m
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "11-24 09:29", head+daily)
		r.sleepTo("11-24 09:29")
		if got := r.sink.letters(); len(got) != 0 {
			t.Errorf("sent early: %v", got)
		}
		r.sleepTo("11-24 09:31")
		if got := r.sink.letters(); !slices.Equal(got, []string{"daily/2026-11-24/mori → mori@aozora.example"}) {
			t.Errorf("sent: %v", got)
		}
		r.sink.mu.Lock()
		took := r.sink.got[0].at.Sub(at(t, "11-24 09:30"))
		r.sink.mu.Unlock()
		if took < 0 || took > time.Second {
			t.Errorf("it came %s after its due", took)
		}
		r.end()

		r.run() // and again, over night: nothing twice, the next one in time
		r.sleepTo("11-24 09:40")
		if got := r.sink.letters(); len(got) != 1 {
			t.Errorf("sent: %v", got)
		}
		r.end()
	})
}

// TestReload: a changed file is taken over by itself or at a hang-up; a bad one leaves the old rules at work, and is told once.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "11-24 09:00", head+daily)
		r.sleepTo("11-24 09:01")
		bad := head + strings.ReplaceAll(daily, `"mori"`, `"nobody"`)
		r.write("jobs.toml", bad)
		r.sleepTo("11-24 09:02")
		r.write("jobs.toml", bad+"\n")
		r.sleepTo("11-24 09:03")
		r.write("jobs.toml", bad) // the first content again
		r.sleepTo("11-24 09:05")
		r.reload <- struct{}{}
		r.sleepTo("11-24 09:31")
		if got := r.sink.letters(); len(got) != 1 {
			t.Errorf("the old rules are not at work: %v", got)
		}
		n := slices.DeleteFunc(r.sink.notices(), func(s string) bool { return !strings.HasPrefix(s, "notice/reload/") })
		if len(n) != 2 {
			t.Errorf("told %v, not once for each content", n)
		}
		later := head + strings.ReplaceAll(daily, "9:30", "9:45")
		r.write("jobs.toml", later+strings.ReplaceAll(strings.ReplaceAll(daily, "job.daily", "job.other"), "9:30", "9:50"))
		r.sleepTo("11-24 09:51")
		if got := r.sink.letters(); len(got) != 2 || !strings.HasPrefix(got[1], "other/") {
			t.Errorf("the new rules are not at work, or a period ran twice: %v", got)
		}
		r.write("jobs.toml", "")            // an editor between two steps
		time.Sleep(2001 * time.Millisecond) // two beats of the loop: one look at the file
		r.write("jobs.toml", head+daily)
		r.sleepTo("11-24 09:59")
		n = slices.DeleteFunc(r.sink.notices(), func(s string) bool { return !strings.HasPrefix(s, "notice/reload/") })
		if len(n) != 2 {
			t.Errorf("a file that was being written was told: %v", n)
		}
		r.end()
	})
}

// TestFileGone: a file that was saved so that it can't be read, or that is away, is told of within a minute and once, while the old rules
// stay at work; one that is away for a moment is an editor's.
func TestFileGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "11-24 09:00", head+daily)
		path := filepath.Join(r.dir, "jobs.toml")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		told := func(moment string, want int) {
			t.Helper()
			r.sleepTo(moment)
			n := slices.DeleteFunc(r.sink.notices(), func(s string) bool { return !strings.HasPrefix(s, "notice/reload/") })
			if len(n) != want {
				t.Errorf("told %v by %s, not %d times", n, moment, want)
			}
		}
		r.sleepTo("11-24 09:01")
		must(os.Rename(path, path+".away"))
		time.Sleep(20 * time.Second)
		must(os.Rename(path+".away", path))
		told("11-24 09:05", 0)

		must(os.Rename(path, path+".away"))
		told("11-24 09:06", 1)
		r.sink.set(func() {
			if last := string(r.sink.got[len(r.sink.got)-1].data); !strings.Contains(last, "jobs.toml: the file is not there") {
				t.Errorf("told in other words:\n%s", last)
			}
		})
		must(os.Rename(path+".away", path))
		told("11-24 09:10", 1)

		must(os.Remove(path))
		must(os.Mkdir(path, 0o700)) // as unreadable to root too as a file without rights is to the service
		told("11-24 09:11", 2)
		r.sleepTo("11-24 09:31")
		if got := r.sink.letters(); len(got) != 1 {
			t.Errorf("the old rules are not at work: %v", got)
		}
		must(os.Remove(path))
		r.write("jobs.toml", head+daily+strings.ReplaceAll(strings.ReplaceAll(daily, "job.daily", "job.other"), "9:30", "9:50"))
		told("11-24 09:51", 2)
		if got := r.sink.letters(); len(got) != 2 || !strings.HasPrefix(got[1], "other/") {
			t.Errorf("the new rules are not at work: %v", got)
		}
		r.end()
	})
}

// TestStopInFlight: the message in flight ends, and nothing new starts.
func TestStopInFlight(t *testing.T) {
	t.Run("before the body", func(t *testing.T) {
		stopInFlight(t, func(s *sink, stall func()) { s.rcpt = func(string) error { stall(); return nil } })
	})
	t.Run("before the answer to the dot", func(t *testing.T) {
		stopInFlight(t, func(s *sink, stall func()) { s.stall = func(context.Context) { stall() } })
	})
}

func stopInFlight(t *testing.T, where func(*sink, func())) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "11-24 09:29", head+daily+strings.ReplaceAll(daily, "job.daily", "job.other"))
		inFlight, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		r.sink.set(func() { where(r.sink, func() { once.Do(func() { close(inFlight); <-goOn }) }) })
		<-inFlight
		r.stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case err := <-r.ended:
			t.Fatalf("it ended with a message in flight: %v", err)
		default:
		}
		close(goOn)
		if err := <-r.ended; err != nil {
			t.Fatal(err)
		}
		states := []string{string(r.message("daily/2026-11-24/mori").State), string(r.message("other/2026-11-24/mori").State)}
		slices.Sort(states)
		if !slices.Equal(states, []string{"queued", "sent"}) {
			t.Errorf("after the stop the letters are %v", states)
		}
		r.run()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.sink.letters(); len(got) != 2 {
			t.Errorf("sent: %v", got)
		}
		r.end()
	})
}

// TestStalledServer: a server that doesn't answer holds neither the loop nor requests.
func TestStalledServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, "11-24 09:29", head+daily+strings.ReplaceAll(strings.ReplaceAll(daily, "job.daily", "job.other"), "9:30", "9:35"))
		inData, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		r.sink.set(func() { r.sink.stall = func(context.Context) { once.Do(func() { close(inData); <-goOn }) } })
		<-inData
		args, err := json.Marshal(Request{Job: "other", Period: "2026-11-24"})
		if err != nil {
			t.Fatal(err)
		}
		l := r.reader()
		asked := time.Now()
		id, err := l.AddIntent(t.Context(), ledger.Intent{Verb: "skip", Args: args, Why: "a day off", Who: ledger.Who{Name: "mori"}, At: asked})
		if err != nil {
			t.Fatal(err)
		}
		in, err := l.Await(t.Context(), id)
		if err != nil || !in.OK {
			t.Fatal(in.Result, err)
		}
		if took := time.Since(asked); took > 3*time.Second {
			t.Errorf("the answer took %s", took)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		r.sleepTo("11-24 09:40")
		if got := r.sink.letters(); len(got) != 1 {
			t.Errorf("sent: %v", got)
		}
		r.end()
	})
}

func TestRunRefuses(t *testing.T) {
	run := func(dir string, leave bool) error {
		ctx, stop := context.WithCancel(t.Context())
		stop() // what fails, fails before anything is done
		return Run(ctx, RunOptions{ConfigPath: filepath.Join(dir, "jobs.toml"), StateDir: filepath.Join(dir, "state"), LeaveTrial: leave}, nil)
	}
	write := func(dir, rules string) {
		for name, content := range map[string]string{"jobs.toml": rules, "letter.txt": letter} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	trial := strings.Replace(head, `server = "smtp+insecure://sink.example:25"`, "", 1)
	isConfig := func(t *testing.T, err error, word string) {
		t.Helper()
		e, ok := err.(*ConfigError)
		if !ok || !strings.Contains(e.Error(), word) {
			t.Errorf("got %v", err)
		}
	}
	t.Run("a file with problems", func(t *testing.T) {
		dir := t.TempDir()
		write(dir, head+strings.ReplaceAll(daily, "9:30", "25:00"))
		isConfig(t, run(dir, false), "25:00")
		if _, err := os.Stat(filepath.Join(dir, "state")); err == nil {
			t.Error("a ledger was made all the same")
		}
	})
	t.Run("trial and real", func(t *testing.T) {
		dir := t.TempDir()
		write(dir, trial+daily)
		if err := run(dir, false); err != nil {
			t.Fatal(err)
		}
		write(dir, head+daily)
		isConfig(t, run(dir, false), "--leave-trial")
		if err := run(dir, true); err != nil {
			t.Fatal(err)
		}
		if err := run(dir, false); err != nil {
			t.Fatal(err)
		}
		write(dir, trial+daily)
		isConfig(t, run(dir, false), "real")
		isConfig(t, run(dir, true), "real")
	})
	t.Run("a ledger that is gone", func(t *testing.T) {
		dir := t.TempDir()
		write(dir, head+daily)
		if err := run(dir, false); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "state", "ledger.db")); err != nil {
			t.Fatal(err)
		}
		if err := run(dir, false); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("got %v", err)
		}
	})
}

// TestOnceBesideTheService: whoever types bod run --once has not the service's password. What is ready stays queued for the
// service, mail is not paused, and no alarm is raised about a mail server that refused nothing.
func TestOnceBesideTheService(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	dir := t.TempDir()
	rules := strings.Replace(head, `server = "smtp+insecure://sink.example:25"`, "server = \"smtp+insecure://127.0.0.1:1\"\nuser = \"keiri\"", 1) + daily
	for name, text := range map[string]string{"jobs.toml": rules, "letter.txt": letter} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), time.Now().Add(-time.Hour), time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for _, leave := range []bool{false, true} {
		var said []string
		o := RunOptions{ConfigPath: filepath.Join(dir, "jobs.toml"), Admin: config.NoAdmin, StateDir: filepath.Join(dir, "state"), LeaveTrial: leave,
			Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
		err := Once(t.Context(), o, map[bool][]Request{false: {{Job: "daily"}}}[leave])
		if words := strings.Join(said, "\n") + fmt.Sprint(err); (err == nil) != leave || !strings.Contains(words, "nothing was sent") {
			t.Errorf("leaving a trial %v: %s", leave, words)
		}
	}
	l, err := ledger.OpenReader(t.Context(), filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.View(t.Context(), func(v *ledger.View) error {
		flags, err := v.Flags()
		if len(flags) > 0 {
			t.Errorf("it is paused: %+v", flags)
		}
		for m, err := range v.Messages(ledger.MessageQuery{}) {
			if err != nil {
				return err
			}
			if m.State != ledger.StateQueued {
				t.Errorf("%s is %s", m.Key, m.State)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestOnce does what is due and what is asked, and ends.
func TestOnce(t *testing.T) {
	dir := t.TempDir()
	rules := strings.Replace(head, `server = "smtp+insecure://sink.example:25"`, "", 1) + daily
	for name, content := range map[string]string{"jobs.toml": rules, "letter.txt": letter} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "letter.txt"), old, old); err != nil {
		t.Fatal(err)
	}
	var said []string
	o := RunOptions{ConfigPath: filepath.Join(dir, "jobs.toml"), StateDir: filepath.Join(dir, "state"), By: "sato",
		Say: func(format string, args ...any) { said = append(said, format) }}
	if err := Once(t.Context(), o, []Request{{Job: "daily"}}); err != nil {
		t.Fatal(err)
	}
	mails, err := filepath.Glob(filepath.Join(dir, "outbox", "*.eml"))
	if err != nil || len(mails) != 1 {
		t.Fatalf("%d mails were written: %v", len(mails), err)
	}
	if len(said) == 0 {
		t.Error("nothing was said")
	}
	if err := Once(t.Context(), o, []Request{{Job: "daily"}}); err == nil {
		t.Error("the same period was done again")
	}
	if err := Once(t.Context(), o, []Request{{Job: "nothing"}}); err == nil {
		t.Error("a job that isn't there was done")
	}
	if err := Once(t.Context(), o, nil); err != nil {
		t.Error(err)
	}
	if again, _ := filepath.Glob(filepath.Join(dir, "outbox", "*.eml")); len(again) != 1 {
		t.Errorf("%d mails were written", len(again))
	}
}
