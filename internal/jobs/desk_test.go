package jobs

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	headShown = regexp.MustCompile(`[0-9a-f]{4}(-[0-9a-f]{4}){3}`)
	// What a mail server answers is quoted as it came, English words and all.
	serverWords = regexp.MustCompile(`(?s)((?:返事|理由)　*：)5\d\d .*?(\n　[^　]|\n\n)`)
	setShown    = regexp.MustCompile(`--set [0-9a-f]{8}`)
)

// golden compares a mail with the one that people looked at.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = headShown.ReplaceAllString(got, "8f3a-91c2-44e1-b07d") // every ledger has its own chain
	got = setShown.ReplaceAllString(got, "--set 8f3a91c2")
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs.\ngot\n%s\nwant\n%s", path, got, want)
	}
}

// desk is an office with a real ledger: what the daemon does with it, moment by moment.
type desk struct {
	*office
	l        *ledger.Ledger
	now      time.Time
	lastHTML string // of the last notice
}

var bodItself = ledger.Who{Name: "bod", User: "bod"}

// newDesk opens a real (not a trial) ledger, unless the rules have no server.
func newDesk(t *testing.T, jobsToml string, files map[string]string, now time.Time) *desk {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	for name, text := range files {
		o.write(name, text)
	}
	path := o.write("jobs.toml", jobsToml)
	var problems []config.Problem
	if o.c, problems = config.Load(path, ConfigKinds()); o.c == nil {
		t.Fatalf("jobs.toml has problems: %v", problems)
	}
	d := &desk{office: o, now: now}
	var err error
	d.l, err = ledger.Open(t.Context(), filepath.Join(o.dir, ".bod"), ledger.Options{
		Create: true, Trial: o.c.Mail.Trial(), Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.l.Close(); err != nil {
			t.Error(err)
		}
	})
	d.rules()
	return d
}

// rules tells the ledger all jobs, as the daemon does when it starts.
func (d *desk) rules() {
	d.t.Helper()
	d.update(func(tx *ledger.Tx) error {
		for _, j := range d.c.Jobs {
			if err := tx.PutJob(ledger.Job{Name: j.Name, Current: j.Name, Kind: j.Kind, Rule: j.Rule, Shape: string(j.When.Shape())}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *desk) update(f func(*ledger.Tx) error) {
	d.t.Helper()
	if err := d.l.Update(d.t.Context(), d.now, bodItself, f); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) view(f func(*ledger.View) error) {
	d.t.Helper()
	if err := d.l.View(d.t.Context(), f); err != nil {
		d.t.Fatal(err)
	}
}

// run prepares a period at a moment and seals what it drafts.
func (d *desk) run(job, period string, now time.Time, holds ...ledger.Hold) ledger.Run {
	d.t.Helper()
	d.now = now
	w := d.world(job, period, now)
	defer w.OpenTables()()
	d.update(func(tx *ledger.Tx) error {
		_, _, err := tx.AddRun(ledger.Run{Job: job, Period: period, Nominal: w.Occurrence.Nominal, Due: w.Occurrence.Due, PrepareAt: now, State: ledger.RunPlanned})
		return err
	})
	var r ledger.Run
	d.update(func(tx *ledger.Tx) (err error) {
		if r, err = tx.RunOf(job, period); err != nil {
			return err
		}
		if r.State != ledger.RunRunning {
			if err := tx.MoveRun(r.ID, r.State, ledger.RunRunning, ledger.RunChange{}); err != nil {
				return err
			}
		}
		w.Run, w.Ledger = r, tx.View
		k, _ := KindOf(w.Job.Kind)
		p, err := k.Prepare(d.t.Context(), w)
		if err != nil {
			return err
		}
		var ms []ledger.NewMessage
		for _, draft := range p.Drafts {
			draft.Hold = append(draft.Hold, holds...)
			m, err := Render(w, draft)
			if err != nil {
				return err
			}
			ms = append(ms, m)
		}
		if _, err := tx.Seal(r.ID, ms, p.Observations, len(p.Missing) == 0); err != nil {
			return err
		}
		if len(p.Missing) > 0 {
			return tx.MoveRun(r.ID, ledger.RunRunning, ledger.RunWaiting, ledger.RunChange{Reasons: p.Missing, NextLook: now.Add(time.Minute)})
		}
		return tx.MoveRun(r.ID, ledger.RunRunning, ledger.RunDrafted, ledger.RunChange{Said: &p.Said})
	})
	d.view(func(v *ledger.View) (err error) { r, err = v.Run(r.ID); return err })
	return r
}

// notes are an edition's messages by reader.
func (d *desk) messages(run int64) (out []ledger.Message) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{Run: run}) {
			if err != nil {
				return err
			}
			out = append(out, m)
		}
		return nil
	})
	return out
}

// body is a sealed message as a person reads it.
func (d *desk) body(m ledger.Message) shownMessage {
	d.t.Helper()
	var s shownMessage
	d.view(func(v *ledger.View) error {
		b, err := v.Body(m.ID)
		if err != nil {
			return err
		}
		s, err = showMessage(b)
		return err
	})
	return s
}

// runOf is a run by its job and period.
func (d *desk) runOf(job, period string) (r ledger.Run) {
	d.t.Helper()
	d.view(func(v *ledger.View) (err error) {
		r, err = v.RunOf(job, period)
		return err
	})
	return r
}

// html is a sealed message's HTML.
func (d *desk) html(m ledger.Message) (h string) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		b, err := v.Body(m.ID)
		if err != nil {
			return err
		}
		h = htmlPart(d.t, b)
		return nil
	})
	return h
}

// summaryHTML is a reader's copy of the newest summary.
func (d *desk) summaryHTML(reader string) (h string) {
	d.t.Helper()
	d.view(func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{Class: ledger.ClassSummary, Newest: true}) {
			if err != nil {
				return err
			}
			if m.Part == reader {
				h = d.html(m)
				return nil
			}
		}
		return nil
	})
	return h
}

// confirm says yes to all of a run.
func (d *desk) confirm(run int64, person string, now time.Time) {
	d.t.Helper()
	d.now = now
	ms := ConfirmSet(d.messages(run))
	if len(ms) == 0 {
		d.t.Fatal("there is nothing to confirm")
	}
	d.update(func(tx *ledger.Tx) error {
		for _, m := range ms {
			if err := tx.Decide(ledger.Decision{Message: m.ID, Person: person, Yes: true, By: ledger.Who{Name: person}, At: now}, m.Hash); err != nil {
				return err
			}
		}
		return nil
	})
}

// deliver queues what may go and gives each message the result.
func (d *desk) deliver(now time.Time, result mailer.Result, words string) {
	d.t.Helper()
	d.now = now
	d.update(func(tx *ledger.Tx) error {
		ready, err := tx.Ready()
		if err != nil {
			return err
		}
		for _, m := range ready {
			if err := tx.Queue(m.ID); err != nil {
				return err
			}
		}
		ms, err := tx.Claimable(now, 0)
		if err != nil {
			return err
		}
		for _, m := range ms {
			token, to, err := tx.Claim(m.ID)
			if err != nil {
				return err
			}
			var accepted []string
			var rs []mailer.Receipt
			for _, x := range to {
				accepted = append(accepted, x.Mail)
				rs = append(rs, mailer.Receipt{To: x.Mail, Result: result, Stage: "dot", Words: words, At: now})
			}
			if result != mailer.Failed && result != mailer.Written {
				if err := tx.Sending(token, accepted); err != nil {
					return err
				}
			}
			if err := tx.Receive(token, rs, func(ledger.Delivery) time.Time { return now.Add(time.Hour) }); err != nil {
				return err
			}
		}
		_, err = tx.CloseRuns()
		return err
	})
}

// summaryAt makes the summary of a day and returns the copies by reader.
func (d *desk) summaryAt(now time.Time) map[string]string {
	d.t.Helper()
	r := d.run("summary", calendar.DateOf(now).String(), now)
	out := map[string]string{}
	for _, m := range d.messages(r.ID) {
		s := d.body(m)
		out[m.Part] = "差出人：" + fromOf(d.t, d, m) + "\n件名：" + m.Subject + "\n\n" + s.text
		house(d.t, d.c.Language, m.Subject, s.text)
		noCommands(d.t, d.dir, s.text)
		holdHTML(d.t, d.c.Language, s.text, d.html(m))
	}
	return out
}

// fromOf is the From line as its reader sees it.
func fromOf(t testing.TB, d *desk, m ledger.Message) string {
	t.Helper()
	var from string
	d.view(func(v *ledger.View) error {
		b, err := v.Body(m.ID)
		if err != nil {
			return err
		}
		head, _, _ := strings.Cut(string(b), "\r\n\r\n")
		head = strings.ReplaceAll(head, "\r\n ", " ")
		for l := range strings.SplitSeq(head, "\r\n") {
			if rest, ok := strings.CutPrefix(l, "From: "); ok {
				from = decodeAddress(t, rest)
			}
		}
		return nil
	})
	return from
}

// noCommands holds a summary to its sixth rule: no command line, no path of the server.
func noCommands(t testing.TB, dir, text string) {
	t.Helper()
	for _, bad := range []string{"bod confirm", "bod release", "bod settle", "bod do ", "bod retry", "bod skip", "--by", "--set", dir, "/tmp/", "/var/", "/srv/"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q stands in the summary:\n%s", bad, text)
		}
	}
}

// notices are those that ought to exist now, sealed and by their key's beginning.
func (d *desk) notices(now time.Time) []string {
	d.t.Helper()
	d.now = now
	var out []string
	d.update(func(tx *ledger.Tx) error {
		ms, err := Notices(d.t.Context(), d.c, tx.View, now)
		if err != nil {
			return err
		}
		sealed, err := tx.Seal(0, ms, nil, false)
		if err != nil {
			return err
		}
		for i, s := range sealed {
			if s.Outcome != ledger.OutcomeSealed {
				continue
			}
			shown, err := showMessage(ms[i].Body)
			if err != nil {
				return err
			}
			out = append(out, "宛先："+strings.Join(shown.to, ", ")+"\n件名："+ms[i].Subject+"\n\n"+shown.text)
			house(d.t, d.c.Language, "", commandsAway(shown.text))
			holdHTML(d.t, d.c.Language, shown.text, htmlPart(d.t, ms[i].Body))
			d.lastHTML = htmlPart(d.t, ms[i].Body)
			if ms[i].Class != ledger.ClassNotice || !strings.HasPrefix(ms[i].Key, "notice/") {
				d.t.Errorf("the notice %s is of class %s", ms[i].Key, ms[i].Class)
			}
		}
		return nil
	})
	slices.Sort(out)
	return out
}

// commandsAway leaves out the lines that a person copies, which are as wide as they have to be, and a server's words.
func commandsAway(text string) string {
	var out []string
	for l := range strings.SplitSeq(serverWords.ReplaceAllString(text, "$1"), "\n") {
		if !strings.HasPrefix(strings.Trim(l, " 　"), "bod ") {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

func decodeAddress(t testing.TB, s string) string {
	t.Helper()
	a, err := parseFrom(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// remove takes a file away.
func (o *office) remove(name string) {
	o.t.Helper()
	if err := os.Remove(filepath.Join(o.dir, filepath.FromSlash(name))); err != nil {
		o.t.Fatal(err)
	}
}

// touch sets a file's last change.
func touch(t *testing.T, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}
