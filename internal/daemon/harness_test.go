package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// head is what every test's jobs.toml begins with.
const head = `
timezone = "Asia/Tokyo"
language = "en"
admin = ["sato"]
[company]
name = "Aozora Systems K.K."
dept = "Accounts"
tel = "03-0000-0000"
address = "1-2-3 Mihon-cho, Tokyo"
[calendar]
country = "jp"
[mail]
from = "Accounts <keiri@aozora.example>"
server = "smtp+insecure://sink.example:25"
[people]
sato = "Sato <sato@aozora.example>"
tanaka = "Tanaka <tanaka@aozora.example>"
mori = "Mori <mori@aozora.example>"
[partner.acme]
name = "Acme Trading"
mail = ["ap@acme.example"]
[partner.hibari]
name = "Hibari Industries"
mail = ["soumu@hibari.example"]
`

// monthly is a duty to the outside that somebody has to confirm.
const monthly = `
[job.hosting]
kind = "send"
title = "Hosting invoice"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
prepare = "1 business day before"
to = ["acme"]
attach = ["pdf/acme-*.pdf"]
letter = "letter.txt"
confirm = { by = ["tanaka"], count = 1 }
`

// daily is a duty within the office.
const daily = `
[job.daily]
kind = "send"
title = "Daily note"
when = "毎営業日 9:30"
to = ["mori"]
letter = "letter.txt"
`

const letter = "Subject: {title} {period}\n\nHello,\n\nthis is {title}.\n\n{signature}\n"

// desk is an office in a test: a folder with rules and files, a ledger, a mail server, and a clock that only the test moves.
type desk struct {
	t      testing.TB
	dir    string
	now    time.Time
	local  *time.Location // the machine's zone, if a test moves it
	ledger *ledger.Ledger
	office *Office
	sink   *sink
	log    *slog.Logger
	config *config.Config
}

// newDesk opens an office whose clock stands at a moment in Tokyo ("11-20 09:00").
func newDesk(t testing.TB, moment, rules string) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), now: at(t, moment), sink: newSink(t), log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	d.write("letter.txt", letter)
	d.write("jobs.toml", rules)
	d.open()
	t.Cleanup(func() { d.close() })
	return d
}

func (d *desk) write(name, content string) {
	d.t.Helper()
	file := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		d.t.Fatal(err)
	}
	old := d.now.Add(-time.Hour) // files that are being written just now are waited for
	if err := os.Chtimes(file, old, old); err != nil {
		d.t.Fatal(err)
	}
}

// pdf writes a file that is a PDF by its name and its first bytes.
func (d *desk) pdf(name, content string) {
	d.t.Helper()
	d.write(name, "%PDF-1.4\n"+content+"\n%%EOF\n")
}

func (d *desk) load() *config.Config {
	d.t.Helper()
	c, problems := config.Load(filepath.Join(d.dir, "jobs.toml"), jobs.ConfigKinds())
	if c == nil {
		d.t.Fatal(problems)
	}
	return c
}

func (d *desk) open() {
	d.t.Helper()
	c := d.load()
	d.config = c
	l, err := ledger.Open(d.t.Context(), filepath.Join(d.dir, "state"), ledger.Options{Create: true, Trial: c.Mail.Trial(), Now: d.clock, Log: d.log})
	if err != nil {
		d.t.Fatal(err)
	}
	d.ledger = l
	o := Options{Config: c, Ledger: l, Now: d.clock, Log: d.log}
	if c.Mail.Server != "" {
		o.Carrier = d.sink.carrier(d.t)
	}
	if d.office, err = NewOffice(o); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) clock() time.Time {
	if d.local != nil {
		return d.now.In(d.local)
	}
	return d.now
}

func (d *desk) close() {
	if d.ledger == nil {
		return
	}
	if err := d.ledger.Close(); err != nil {
		d.t.Error(err)
	}
	d.ledger = nil
}

// restart is a stop and a start, with other rules if there are any.
func (d *desk) restart(moment string, rules ...string) {
	d.t.Helper()
	d.close()
	d.now = at(d.t, moment)
	if len(rules) > 0 {
		d.write("jobs.toml", strings.Join(rules, "\n"))
	}
	d.open()
}

// settle does all that is due at this moment.
func (d *desk) settle() {
	d.t.Helper()
	if err := d.office.settle(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// to moves the clock as the loop would: stopping wherever the office wants to be woken.
func (d *desk) to(moment string) {
	d.t.Helper()
	end := at(d.t, moment)
	for range 100_000 {
		d.settle()
		next, err := d.office.Step(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		if next.After(end) {
			break
		}
		if !next.After(d.now) {
			next = d.now.Add(time.Second)
		}
		d.now = next
	}
	d.now = end
	d.settle()
}

// jump moves the clock in one leap, as a suspend or a stopped machine does.
func (d *desk) jump(moment string) {
	d.t.Helper()
	d.now = at(d.t, moment)
	d.settle()
}

func (d *desk) view(fn func(*ledger.View) error) {
	d.t.Helper()
	if err := d.ledger.View(d.t.Context(), fn); err != nil {
		d.t.Fatal(err)
	}
}

// run is the job's run of the period.
func (d *desk) run(job, period string) (r ledger.Run) {
	d.t.Helper()
	d.view(func(v *ledger.View) (err error) {
		r, err = v.RunOf(job, period)
		return err
	})
	return r
}

// runs are all runs of a job in short lines.
func (d *desk) runs(job string) (out []string) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		for r, err := range v.Runs(ledger.RunQuery{Job: job}) {
			if err != nil {
				return err
			}
			s := r.Period + " " + string(r.State)
			if r.Late {
				s += " late"
			}
			out = append(out, s)
		}
		return nil
	})
	return out
}

// letters are the messages of a run.
func (d *desk) letters(run int64) (ms []ledger.Message) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{Run: run}) {
			if err != nil {
				return err
			}
			ms = append(ms, m)
		}
		return nil
	})
	return ms
}

// only is the one message of the job's run that has not been replaced.
func (d *desk) only(job, period string) ledger.Message {
	d.t.Helper()
	ms := slices.DeleteFunc(d.letters(d.run(job, period).ID), func(m ledger.Message) bool { return m.State == ledger.StateReplaced })
	if len(ms) != 1 {
		d.t.Fatalf("%s %s has %d messages", job, period, len(ms))
	}
	return ms[0]
}

func reasons(m ledger.Message) string {
	var out []string
	for _, h := range m.Holds {
		out = append(out, string(h.Reason))
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// ask writes an intent and lets the office answer it.
func (d *desk) ask(who, verb, why string, r Request) (ok bool, result string) {
	d.t.Helper()
	args, err := json.Marshal(r)
	if err != nil {
		d.t.Fatal(err)
	}
	id, err := d.ledger.AddIntent(d.t.Context(), ledger.Intent{Verb: verb, Args: args, Why: why, Who: ledger.Who{Name: who, User: "tester"}, At: d.now})
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.office.Step(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.view(func(v *ledger.View) error {
		in, err := v.Intent(id)
		if in.Done.IsZero() {
			d.t.Fatalf("%s was not answered", verb)
		}
		ok, result = in.OK, in.Result
		return err
	})
	d.t.Logf("%s asks to %s: %v %s", who, verb, ok, result)
	return ok, result
}

// must is ask for what has to be done.
func (d *desk) must(who, verb, why string, r Request) string {
	d.t.Helper()
	ok, result := d.ask(who, verb, why, r)
	if !ok {
		d.t.Fatalf("%s was refused: %s", verb, result)
	}
	return result
}

// refused is ask for what has to be refused.
func (d *desk) refused(who, verb, why string, r Request) string {
	d.t.Helper()
	ok, result := d.ask(who, verb, why, r)
	if ok {
		d.t.Fatalf("%s was done: %s", verb, result)
	}
	if strings.TrimSpace(result) == "" {
		d.t.Fatalf("%s was refused without a word", verb)
	}
	return result
}

// set is what a person who looks at the run's held messages confirms.
func (d *desk) set(run int64) string {
	d.t.Helper()
	var held []ledger.Message
	d.view(func(v *ledger.View) (err error) {
		held, err = heldOf(v, run)
		return err
	})
	return jobs.SetDigest(held)
}

// ---- a real mail server over net.Pipe ----

// arrival is one message that the server took.
type arrival struct {
	key, subject, from string
	to                 []string
	data               []byte
	at                 time.Time
}

// sink is emersion/go-smtp with knobs for what servers do.
type sink struct {
	t  testing.TB
	mu sync.Mutex
	// What it answers; nil or zero: everything is fine.
	login    error                     // at AUTH
	rcpt     func(to string) error     // at RCPT
	data     func(key string) error    // after the dot, before the answer
	stall    func(ctx context.Context) // while the body comes in
	dial     error                     // instead of a connection
	dialled  int
	got      []arrival
	listener *pipes
}

func newSink(t testing.TB) *sink {
	s := &sink{t: t, listener: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}}
	server := smtp.NewServer(s)
	server.Domain = "sink.example"
	server.AllowInsecureAuth = true
	server.MaxRecipients = 100
	server.ErrorLog = quiet{}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(s.listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (s *sink) carrier(t testing.TB, opts ...func(*mailer.ServerOptions)) mailer.Carrier {
	t.Helper()
	o := mailer.ServerOptions{URL: "smtp+insecure://127.0.0.1:25", Hello: "bod.example", Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		s.mu.Lock()
		err := s.dial
		s.dialled++
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		return s.listener.dial(ctx)
	}}
	for _, f := range opts {
		f(&o)
	}
	c, err := mailer.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }

// arrivals are what came, as "key → recipients".
func (s *sink) arrivals() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.got {
		out = append(out, a.key+" → "+strings.Join(a.to, " "))
	}
	return out
}

// letters are the arrivals that are no notices.
func (s *sink) letters() (out []string) {
	return slices.DeleteFunc(s.arrivals(), func(a string) bool { return strings.HasPrefix(a, "notice/") })
}

func (s *sink) notices() (out []string) {
	return slices.DeleteFunc(s.arrivals(), func(a string) bool { return !strings.HasPrefix(a, "notice/") })
}

func (s *sink) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

type sinkSession struct {
	sink *sink
	from string
	to   []string
}

func (s *sinkSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *sinkSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, _ string) error {
		s.sink.mu.Lock()
		defer s.sink.mu.Unlock()
		return s.sink.login
	}), nil
}

func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	s.from, s.to = from, nil
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.sink.mu.Lock()
	answer := s.sink.rcpt
	s.sink.mu.Unlock()
	if answer != nil {
		if err := answer(to); err != nil {
			return err
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	s.sink.mu.Lock()
	stall, after := s.sink.stall, s.sink.data
	s.sink.mu.Unlock()
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if stall != nil {
		stall(context.Background())
	}
	a := arrivalOf(b)
	a.from, a.to, a.at = s.from, slices.Clone(s.to), time.Now()
	if after != nil {
		if err := after(a.key); err != nil {
			return err
		}
	}
	s.sink.mu.Lock()
	s.sink.got = append(s.sink.got, a)
	s.sink.mu.Unlock()
	return nil
}

func (s *sinkSession) Reset()        { s.from, s.to = "", nil }
func (s *sinkSession) Logout() error { return nil }

func arrivalOf(b []byte) arrival {
	a := arrival{data: b}
	if m, err := mail.ReadMessage(bufio.NewReader(bytes.NewReader(b))); err == nil {
		a.key, a.subject = m.Header.Get("X-Bod-Key"), m.Header.Get("Subject")
	}
	return a
}

// pipes is a listener whose connections are net.Pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.IPAddr{IP: net.IPv4(127, 0, 0, 1)} }
