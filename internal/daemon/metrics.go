package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"bod/internal/ledger"
)

// The limits of whoever reads the metrics: they may come from anywhere that the administrator lets in.
const (
	metricsTime  = 5 * time.Second // to read the ledger
	metricsAge   = 5 * time.Second // what was read is given again so long: the ledger is not read as often as anybody asks
	metricsConns = 16
)

// metrics serves what an administrator would alarm on, in Prometheus' text format (prometheus.io/docs/instrumenting/
// exposition_formats), which is small enough to be written here; its client library would bring ten modules. Off unless
// the administrator names a place.
//
// It works beside the loop, which leaves a few numbers here and never waits for a reader. The ledger is read through a
// snapshot, by one reader at a time and for a limited time. No name of a person or partner and no address is in it.
type metrics struct {
	office *Office
	dir    string // of the ledger
	pulse  *pulse
	moved  chan struct{} // the rules may name another place
	began  time.Time

	mu       sync.Mutex
	steps    int64
	failures int64
	spent    time.Duration // in all Steps
	took     time.Duration // the last one
	stepped  time.Time     // when a Step last ended well
	next     time.Time
	refused  bool // the file as it is could not be put to work

	reading chan struct{} // holds a token while nobody reads
	text    []byte
	at      time.Time // of text
}

func newMetrics(o *Office, dir string, p *pulse) *metrics {
	m := &metrics{office: o, dir: dir, pulse: p, moved: make(chan struct{}, 1), began: time.Now(), reading: make(chan struct{}, 1)}
	m.reading <- struct{}{}
	return m
}

// step notes how a Step went.
func (m *metrics) step(began, next time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took = time.Since(began)
	m.steps++
	m.spent += m.took
	if err != nil {
		m.failures++
		return
	}
	m.stepped, m.next = time.Now(), next
}

// read notes whether the file could be put to work.
func (m *metrics) read(refused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = refused
}

// run serves where the rules say, until ctx ends. A place that can't be used is no reason to leave the duties undone: it
// is logged, and tried again.
func (m *metrics) run(ctx context.Context) {
	var at, trouble string
	stop := func() {}
	defer func() { stop() }()
	for {
		if want := m.office.at.Load().config.Metrics; want != at {
			stop()
			at, stop = "", func() {}
			if want != "" {
				end, err := m.serve(want)
				switch {
				case err == nil:
					at, stop, trouble = want, end, ""
					m.office.log.Info("serving metrics", "at", want)
				case err.Error() != trouble:
					trouble = err.Error()
					m.office.log.Error("couldn't serve the metrics; it is tried again", "err", err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-m.moved:
		}
	}
}

// serve begins to serve, and answers how to end it.
func (m *metrics) serve(at string) (end func(), err error) {
	l, err := listen(at)
	if err != nil {
		return nil, fmt.Errorf("couldn't listen at %s: %w", at, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", m.answer)
	// Whoever is reading when it ends is cut short, and waited for: the ledger is closed next.
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{BaseContext: func(net.Listener) context.Context { return ctx }, Handler: mux, ReadTimeout: metricsTime, WriteTimeout: 3 * metricsTime, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(&narrow{Listener: l, room: make(chan struct{}, metricsConns)})
	}()
	return func() {
		cancel()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // somebody holds a connection and says nothing
		}
		<-done
	}, nil
}

// listen opens the place. A socket's file that a killed daemon left is taken away; we hold the ledger's flock, so that no
// other bod serves there, and whatever answers at it or is no socket is left alone.
func listen(at string) (net.Listener, error) {
	path, is := strings.CutPrefix(at, "unix:")
	if !is {
		return net.Listen("tcp", at)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			_ = c.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			if err := os.Remove(path); err != nil {
				return nil, err
			}
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	// To read is to write into a socket: the group may, whatever the umask.
	// #nosec G302 -- a socket for its group
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// narrow accepts so many connections at a time and no more.
type narrow struct {
	net.Listener
	room chan struct{}
}

func (n *narrow) Accept() (net.Conn, error) {
	for {
		c, err := n.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case n.room <- struct{}{}:
			return &narrowConn{Conn: c, leave: sync.OnceFunc(func() { <-n.room })}, nil
		default:
			_ = c.Close() // whoever holds the others open can't make us hold more
		}
	}
}

type narrowConn struct {
	net.Conn
	leave func()
}

func (c *narrowConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

func (m *metrics) answer(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), metricsTime)
	defer cancel()
	text, err := m.latest(ctx)
	if err != nil {
		if r.Context().Err() == nil { // nobody hung up, and it is no stop
			m.office.log.Warn("couldn't read the metrics", "err", err)
		}
		http.Error(w, "the ledger can't be read now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(text) // whoever hung up asks again
}

// latest is what was read last, read anew where that is too old.
func (m *metrics) latest(ctx context.Context) ([]byte, error) {
	select {
	case <-m.reading:
	case <-ctx.Done():
		return nil, errors.New("somebody else is reading")
	}
	defer func() { m.reading <- struct{}{} }()
	if m.text == nil || time.Since(m.at) >= metricsAge {
		text, err := m.collect(ctx)
		if err != nil {
			m.text = nil
			return nil, err
		}
		m.text, m.at = text, time.Now()
	}
	return m.text, nil
}

// page writes the text format.
type page struct {
	bytes.Buffer
}

// family begins a metric. What follows of it has to follow at once.
func (p *page) family(name, kind, help string) {
	fmt.Fprintf(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

var labelValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// value writes one sample; labels are pairs.
func (p *page) value(name string, v float64, labels ...string) {
	p.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		p.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + labels[i] + `="` + labelValue.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		p.WriteString("}")
	}
	p.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
}

func (p *page) gauge(name, help string, v float64) {
	p.family(name, "gauge", help)
	p.value(name, v)
}

// moment writes when something was or will be. What never was is left out, so that nobody computes an age from 1970.
func (p *page) moment(name, help string, t time.Time) {
	if !t.IsZero() {
		p.gauge(name, help, unix(t))
	}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// collect reads everything once.
func (m *metrics) collect(ctx context.Context) ([]byte, error) {
	o := m.office
	st, now := o.at.Load(), o.moment()
	var p page
	version := "?"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	p.family("bod_build_info", "gauge", "The program that runs.")
	p.value("bod_build_info", 1, "version", version, "goversion", runtime.Version())
	p.moment("bod_start_time_seconds", "When it was started.", m.began)
	p.gauge("bod_trial", "1 while mail stays in the house.", truth(st.config.Mail.Trial()))
	p.gauge("bod_jobs", "Jobs in the rules at work, resting ones too.", float64(len(st.config.Jobs)))

	m.mu.Lock()
	p.gauge("bod_config_ok", "0 while the files as they are can't be put to work, and the rules of before are.", truth(!m.refused))
	p.family("bod_step_duration_seconds", "summary", "What the steps of the loop took.")
	p.value("bod_step_duration_seconds_sum", m.spent.Seconds())
	p.value("bod_step_duration_seconds_count", float64(m.steps))
	p.gauge("bod_step_last_duration_seconds", "What the last step took.", m.took.Seconds())
	p.family("bod_step_failures_total", "counter", "Steps that could not be done.")
	p.value("bod_step_failures_total", float64(m.failures))
	p.moment("bod_step_last_success_timestamp_seconds", "When a step was last done; at least every half a minute.", m.stepped)
	p.moment("bod_next_wake_timestamp_seconds", "When something moves next by itself.", m.next)
	m.mu.Unlock()

	err := o.ledger.View(ctx, func(v *ledger.View) error { return m.fromLedger(&p, v, st, now) })
	if err != nil {
		return nil, err
	}

	var size int64
	for _, name := range []string{"ledger.db", "ledger.db-wal"} {
		if info, err := os.Stat(filepath.Join(m.dir, name)); err == nil {
			size += info.Size()
		}
	}
	p.gauge("bod_ledger_bytes", "The size of the ledger's files.", float64(size))
	var room syscall.Statfs_t
	if err := syscall.Statfs(m.dir, &room); err == nil {
		p.gauge("bod_disk_free_bytes", "The room that is left where the ledger lies.", float64(uint64(room.Bavail)*uint64(room.Bsize)))
	}
	if a := st.config.Mail.OAuth2; a != nil && !a.Expires.IsZero() {
		// Its last day counts.
		end := a.Expires.AddDays(1)
		p.moment("bod_credential_expiry_timestamp_seconds", "When the client secret of the mail server ends, as the rules say.",
			time.Date(end.Year, end.Month, end.Day, 0, 0, 0, 0, st.config.Zone))
	}
	if st.config.Heartbeat != nil {
		p.family("bod_heartbeat_failures_total", "counter", "Words that the heartbeat's monitor did not take.")
		p.value("bod_heartbeat_failures_total", float64(m.pulse.failures.Load()))
		if at := m.pulse.heard.Load(); at != 0 {
			p.moment("bod_heartbeat_last_timestamp_seconds", "When the heartbeat's monitor last took a word.", time.UnixMicro(at))
		}
	}
	return p.Bytes(), nil
}

func (m *metrics) fromLedger(p *page, v *ledger.View, st *standing, now time.Time) error {
	deliveries, runs, err := v.Tallies()
	if err != nil {
		return err
	}
	states(p, "bod_deliveries", "Deliveries by state.", deliveries)
	oldest(p, "bod_deliveries_oldest_timestamp_seconds", "Since when the oldest delivery is in that state; a held one since its due.", deliveries)
	states(p, "bod_runs", "Runs by state.", runs)
	oldest(p, "bod_runs_oldest_due_timestamp_seconds", "The due moment of the oldest run in that state.", runs)

	flags, err := v.Flags()
	if err != nil {
		return err
	}
	since := map[string]time.Time{flagSession: {}, flagClock: {}, flagRestored: {}, flagStopped: {}}
	stopped := 0
	for _, f := range flags {
		if strings.HasPrefix(f.Name, flagStopped+"/") {
			stopped++ // one job's letters; its name is nobody's business here
			continue
		}
		since[f.Name] = f.Since
	}
	p.family("bod_paused", "gauge", "1 while all mail is paused for that reason.")
	for _, name := range slices.Sorted(maps.Keys(since)) {
		p.value("bod_paused", truth(!since[name].IsZero()), "reason", name)
	}
	p.gauge("bod_jobs_stopped", "Jobs whose letters a person stopped.", float64(stopped))

	intents, err := v.Intents()
	if err != nil {
		return err
	}
	p.gauge("bod_intents_waiting", "Requests of people that are not answered yet.", float64(len(intents)))
	seq, _, at, err := v.Head()
	if err != nil {
		return err
	}
	p.gauge("bod_ledger_last_event", "The number of the ledger's last entry.", float64(seq))
	p.moment("bod_ledger_last_event_timestamp_seconds", "When it was written.", at)

	why, err := m.office.summaryMissing(v, st, now)
	if err != nil {
		return err
	}
	p.gauge("bod_summary_ok", "0 while the summary that was due last has not left.", truth(why == ""))
	for s, err := range v.Messages(ledger.MessageQuery{Job: summaryJob, States: []ledger.State{ledger.StateSent, ledger.StateWritten, ledger.StateByHand}, Newest: true, Limit: 1}) {
		if err != nil {
			return err
		}
		p.moment("bod_summary_last_left_timestamp_seconds", "When a summary last left.", leftAt(s))
	}
	return nil
}

// states writes how many are in each state.
func states[S ~string](p *page, name, help string, all map[S]ledger.Tally) {
	p.family(name, "gauge", help)
	for _, s := range slices.Sorted(maps.Keys(all)) {
		p.value(name, float64(all[s].Count), "state", string(s))
	}
}

// oldest writes how long the oldest one is in its state, where there is one.
func oldest[S ~string](p *page, name, help string, all map[S]ledger.Tally) {
	p.family(name, "gauge", help)
	for _, s := range slices.Sorted(maps.Keys(all)) {
		if t := all[s].Oldest; !t.IsZero() {
			p.value(name, unix(t), "state", string(s))
		}
	}
}
