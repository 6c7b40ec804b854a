package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"bod/internal/config"
	"bod/internal/ledger"
)

// The limits of one word to the monitor. All tries together end before the next beat of the loop counts.
const (
	beatTime  = 10 * time.Second
	beatTries = 3
	beatWait  = 2 * time.Second
)

// pulse tells the administrator's monitor, by Healthchecks' convention (healthchecks.io/docs/http_api): a GET of its address
// says that all is well, and a POST to /fail below it that something is not, with a short word. What counts for any dead man's
// switch is the silence: a monitor that knows no /fail hears nothing while something is wrong, and gives its alarm by that.
//
// "All is well" means that the loop came round just now and wrote into the ledger, that it did all that was due, and that
// the summary that was due last has left. /start and run ids are not used, for nothing is measured here.
//
// It works beside the loop, which only nudges it: a monitor that hangs delays nothing. And only the loop nudges it: a
// timer of its own would go on beating over a loop that hangs.
type pulse struct {
	office *Office
	beat   chan struct{} // the loop came round
	client *http.Client
	wait   time.Duration // before the second try; four times as long before the third
	next   time.Time     // nothing is said before, unless something is amiss that was not told
	told   string        // what was told to be amiss, "" while all is well
	silent string        // why the monitor could not be reached, "" while it can

	heard    atomic.Int64 // when it last took a word, in microseconds; 0: never
	failures atomic.Int64 // words that it did not take
}

// newPulse makes a pulse that goes over the network, or over what a test gives.
func newPulse(o *Office, over http.RoundTripper) *pulse {
	if over == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true // the next word is minutes away
		t.MaxResponseHeaderBytes = 16 << 10
		over = t
	}
	return &pulse{office: o, beat: make(chan struct{}, 1), wait: beatWait, client: &http.Client{
		Transport: over, Timeout: beatTime,
		// An answer may not send the address, which is a secret, nor the word that all is well, to anybody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// run is the pulse at work, until ctx ends.
func (p *pulse) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.beat:
			p.tell(ctx, time.Now().Round(0))
		}
	}
}

// tell says how bod does, where it is time to.
func (p *pulse) tell(ctx context.Context, now time.Time) {
	st := p.office.at.Load()
	h := st.config.Heartbeat
	if h == nil || p.office.ledger.Rehearsal() {
		p.next, p.told, p.silent = time.Time{}, "", ""
		return
	}
	why, err := p.office.amiss(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.office.log.Error("couldn't see how bod does; the monitor is not told that all is well", "err", err)
		}
		return
	}
	// A clock that was set back must not make the monitor wait.
	early := now.Before(p.next) && p.next.Sub(now) <= h.Every
	switch {
	case why == "" && p.told == "" && early, why != "" && (why == p.told || p.silent != "" && early):
		return
	}
	if err := p.say(ctx, h, why); err != nil {
		if ctx.Err() != nil {
			return
		}
		p.failures.Add(1)
		// A monitor that is away is one line in the log, and not one a minute.
		if text := err.Error(); text != p.silent {
			p.silent = text
			p.office.log.Warn("couldn't tell the monitor; it is tried again", "err", err)
		}
		p.next = now.Add(min(h.Every, time.Minute))
		return
	}
	if p.silent != "" || why != p.told {
		p.office.log.Info("told the monitor", "amiss", why)
	}
	// The loop comes round every half a minute: without the slack a beat would always be late by up to that.
	p.told, p.silent, p.next = why, "", now.Add(h.Every-look/2)
	p.heard.Store(now.UnixMicro())
}

// say gives one word to the monitor, with some tries: why is "" where all is well.
func (p *pulse) say(ctx context.Context, h *config.Heartbeat, why string) error {
	u, err := h.Address()
	if err != nil {
		return err
	}
	wait := p.wait
	for try := 1; ; try++ {
		again, err := p.send(ctx, u, why)
		if err == nil || !again || try == beatTries {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
		wait *= 4
	}
}

// errNotHeard is an answer that the monitor gives to what it does not take.
var errNotHeard = errors.New("couldn't tell the monitor")

// send makes one request. Its errors name the host and nothing else of the address.
func (p *pulse) send(ctx context.Context, u *url.URL, why string) (again bool, err error) {
	method, body := http.MethodGet, io.Reader(nil)
	if why != "" {
		// What stands behind a question mark belongs to the address (Healthchecks' create=1), so only the path grows.
		u = u.JoinPath("fail")
		method, body = http.MethodPost, strings.NewReader(why+"\n")
	}
	failed := func(format string, args ...any) error {
		return fmt.Errorf("%w at %s: %w", errNotHeard, u.Host, fmt.Errorf(format, args...))
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return false, failed("its address can't be used") // err quotes it
	}
	req.Header.Set("User-Agent", "bod")
	if why != "" {
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	answer, err := p.client.Do(req)
	if err != nil {
		if e, is := errors.AsType[*url.Error](err); is {
			err = e.Err // without the address
		}
		return true, failed("%w", err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	switch code := answer.StatusCode; {
	case code >= 300 && code < 400:
		return false, failed("it answers that its address is another one now (%d): write that one", code)
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= 500:
		return true, failed("it answers %d", code)
	case code < 200 || code > 299:
		return false, failed("it answers %d", code)
	case err != nil:
		return true, failed("its answer broke off")
	// Healthchecks says so with 200, for the sake of scripts that would stop.
	case strings.HasPrefix(string(said), "OK (not found)"):
		return false, failed("it does not know this address")
	case strings.HasPrefix(string(said), "OK (rate limited)"):
		return false, failed("it takes no more words for now")
	}
	return false, nil
}

// amiss says why the monitor is not told that all is well, "" where it is. The words leave the house, and so they have
// neither names nor addresses.
func (o *Office) amiss(ctx context.Context) (why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	st, now := o.at.Load(), o.moment()
	err = o.ledger.View(ctx, func(v *ledger.View) error {
		flags, err := v.Flags()
		if err != nil {
			return err
		}
		for _, f := range flags {
			// While one of these stands nothing is planned, not even a summary. One that is paused by the mail server is
			// planned, and missed here when its time has come.
			if f.Name == flagClock || f.Name == flagRestored && !now.Before(f.Since.Add(alarmAfter)) {
				why = st.words().say("bod は人の判断を待っていて、何も送りません（bod status）", "bod waits for a person and sends nothing (bod status)")
				return nil
			}
		}
		why, err = o.summaryMissing(v, st, now)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("couldn't see whether the summary has left: %w", err)
	}
	return why, nil
}

// summaryJob is the identity of the reserved job.
const summaryJob = "summary"

// summaryMissing says what has become of the summary that was due last, where it did not leave. It has left when it went to
// at least one of its readers: what became of the others that one tells. A summary that a person rejected, or that is
// missed because bod was off, is nothing that the monitor could hear better: its silence has told it.
func (o *Office) summaryMissing(v *ledger.View, st *standing, now time.Time) (why string, err error) {
	if j := st.config.Job(summaryJob); j == nil || j.Disabled {
		return "", nil
	}
	var run ledger.Run
	for r, err := range v.Runs(ledger.RunQuery{Job: summaryJob, DueUntil: now, Newest: true, Limit: 1}) {
		if err != nil {
			return "", err
		}
		run = r
	}
	var stuck time.Time
	switch run.State {
	case "", ledger.RunDone, ledger.RunMissed, ledger.RunSkipped:
		return "", nil
	case ledger.RunFailed:
		stuck = run.Changed.Add(alarmAfter)
	default:
		stuck = run.Due
		if run.Created.After(stuck) {
			stuck = run.Created
		}
		stuck = stuck.Add(alarmStuck)
	}
	w := st.words()
	what := w.say("まだ出ていません", "it still waits")
	if run.State == ledger.RunFailed {
		what = w.say("送れませんでした", "it could not be sent")
	}
	for m, err := range v.Messages(ledger.MessageQuery{Run: run.ID}) {
		if err != nil {
			return "", err
		}
		if leftAt(m).IsZero() {
			if at, bad := lost(m); bad && at.Add(alarmAfter).Before(stuck) {
				stuck = at.Add(alarmAfter)
			}
			if m.State == ledger.StateUnknown {
				what = w.say("届いたか不明です", "it is not known whether it arrived")
			} else if m.State == ledger.StateFailed {
				what = w.say("送れませんでした", "it could not be sent")
			}
			continue
		}
		return "", nil
	}
	if now.Before(stuck) {
		return "", nil
	}
	return w.say("%s のまとめが出ていません：%s（bod status）", "the summary due %s has not left: %s (bod status)", w.at(run.Due), what), nil
}

// leftAt is when the message left for its first reader, zero where it did not.
func leftAt(m ledger.Message) (at time.Time) {
	for _, d := range m.Deliveries {
		switch d.State {
		case ledger.StateSent, ledger.StateWritten, ledger.StateByHand:
			at = earlier(at, d.Changed)
		}
	}
	return at
}
