package daemon

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

// TestTwoMonthsOfTheExample runs the root's jobs.toml from 1 November to the end of December 2026 against a real mail server:
// files that come late, a person who confirms in the afternoon, holidays, and a summary each business day. What arrives, and
// when, is the golden file.
func TestTwoMonthsOfTheExample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := at(t, "11-01 00:00")
		time.Sleep(time.Until(began))
		dir := exampleCopy(t, began)
		o, l, s := exampleOffice(t, dir)

		file := func(name string) string { return filepath.Join(dir, "example", name) }
		away := map[string]string{} // files that aren't there yet
		for _, f := range []string{"請求書/2026-11/minato-2611-0044.pdf", "月次レポート/2026-11/売上_202611.xlsx"} {
			away[f] = file(f) + ".away"
			if err := os.Rename(file(f), away[f]); err != nil {
				t.Fatal(err)
			}
		}
		arrive := func(f, from string) func() {
			return func() {
				b, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file(f), b, 0o644); err != nil {
					t.Fatal(err)
				}
				old := time.Now().Add(-time.Hour)
				if err := os.Chtimes(file(f), old, old); err != nil {
					t.Fatal(err)
				}
			}
		}
		type event struct {
			at time.Time
			do func()
		}
		events := []event{
			{at(t, "11-25 09:30"), arrive("請求書/2026-11/minato-2611-0044.pdf", away["請求書/2026-11/minato-2611-0044.pdf"])},
			{at(t, "11-30 16:40"), arrive("月次レポート/2026-11/売上_202611.xlsx", away["月次レポート/2026-11/売上_202611.xlsx"])},
			// An order that was placed twice, and one of which the rest comes later.
			{at(t, "11-20 16:30"), decide(t, l, "reject", "PO-2611-024", "PO-2611-021 と重なっていたため")},
			{at(t, "11-27 16:30"), decide(t, l, "release", "PO-2611-031", "残りの8台は、別の注文で手配します")},
			// November's invoice once more, under December's name, and then the right one.
			{at(t, "12-25 11:30"), arrive("請求書/2026-12/minato-2612-0047.pdf", away["請求書/2026-11/minato-2611-0044.pdf"])},
			{at(t, "12-25 14:30"), arrive("請求書/2026-12/minato-2612-0047.pdf", filepath.Join("testdata", "minato-2612-0047.pdf"))},
		}
		for day := began; day.Month() <= 12 && day.Year() == 2026; day = day.AddDate(0, 0, 1) {
			events = append(events, event{day.Add(14 * time.Hour), func() { confirmAll(t, l) }})
		}
		slices.SortFunc(events, func(a, b event) int { return a.at.Compare(b.at) })

		var timeline []string
		end := at(t, "12-31 23:59")
		seen := 0
		for time.Now().Before(end) {
			if err := o.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, a := range s.got[seen:] {
				timeline = append(timeline, inLine(t, a))
			}
			seen = len(s.got)
			next, err := o.Step(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(events) > 0 && events[0].at.Before(next) {
				next = events[0].at
			}
			if next.After(end) {
				next = end
			}
			time.Sleep(max(time.Until(next), time.Second))
			for len(events) > 0 && !events[0].at.After(time.Now()) {
				events[0].do()
				events = events[1:]
			}
		}

		slices.Sort(timeline) // of one minute's mails none has to be the first
		golden(t, "two-months.golden", strings.Join(timeline, "\n")+"\n")
		summariesEachBusinessDay(t, timeline, o.at.Load().config)
		accountedFor(t, l, began, end, o)
		report, err := l.Verify(t.Context(), nil)
		if err != nil || len(report.Problems) > 0 {
			t.Errorf("bod verify says %v %v", report.Problems, err)
		}
	})
}

// exampleCopy copies the root's jobs.toml, with a mail server, and the files that it names.
func exampleCopy(t *testing.T, now time.Time) string {
	t.Helper()
	dir, root := t.TempDir(), filepath.Join("..", "..")
	if err := os.CopyFS(filepath.Join(dir, "example"), os.DirFS(filepath.Join(root, "example"))); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, "jobs.toml"))
	if err != nil {
		t.Fatal(err)
	}
	rules := strings.Replace(string(b), "[mail]\n", "[mail]\nserver = \"smtp+insecure://127.0.0.1:25\"\n", 1)
	if err := os.WriteFile(filepath.Join(dir, "jobs.toml"), []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, now.AddDate(0, 0, -1), now.AddDate(0, 0, -1))
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func exampleOffice(t *testing.T, dir string) (*Office, *ledger.Ledger, *sink) {
	t.Helper()
	c, problems := config.Load(filepath.Join(dir, "jobs.toml"), jobs.ConfigKinds())
	if c == nil {
		t.Fatal(problems)
	}
	s := newSink(t)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	l, err := ledger.Open(t.Context(), filepath.Join(dir, "state"), ledger.Options{Create: true, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	o, err := NewOffice(Options{Config: c, Ledger: l, Carrier: s.carrier(t), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return o, l, s
}

// confirmAll is the people who are asked: each looks at what waits for them and says yes.
func confirmAll(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	waiting := map[string][]ledger.Message{}
	err := l.View(t.Context(), func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{States: []ledger.State{ledger.StateHeld}}) {
			if err != nil {
				return err
			}
			if holds(m, ledger.Confirmation) {
				r, err := v.Run(m.Run)
				if err != nil {
					return err
				}
				waiting[r.Number] = append(waiting[r.Number], m)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for run, ms := range waiting {
		args, err := json.Marshal(Request{Run: run, Set: jobs.SetDigest(ms)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.AddIntent(t.Context(), ledger.Intent{Verb: "confirm", Args: args, Who: ledger.Who{Name: ms[0].ConfirmBy[0], User: ms[0].ConfirmBy[0]}, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
}

// decide is Hara, who settles what was held of an order.
func decide(t *testing.T, l *ledger.Ledger, verb, part, why string) func() {
	return func() {
		t.Helper()
		var args []byte
		err := l.View(t.Context(), func(v *ledger.View) error {
			for m, err := range v.Messages(ledger.MessageQuery{Job: "purchase-orders", States: []ledger.State{ledger.StateHeld}}) {
				if err != nil {
					return err
				}
				if m.Part == part {
					args, err = json.Marshal(Request{Message: m.Number})
					return err
				}
			}
			return fmt.Errorf("%s is not held", part)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.AddIntent(t.Context(), ledger.Intent{Verb: verb, Args: args, Who: ledger.Who{Name: "hara", User: "hara"}, Why: why, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
}

// inLine says one arrival: when, to whom, what.
func inLine(t *testing.T, a arrival) string {
	t.Helper()
	subject, err := new(mime.WordDecoder).DecodeHeader(a.subject)
	if err != nil {
		t.Fatal(err)
	}
	to := slices.Clone(a.to)
	for i := range to {
		to[i], _, _ = strings.Cut(to[i], "@")
	}
	return fmt.Sprintf("%s  %s  %s", time.Now().In(tokyo).Format("01-02 15:04"), strings.Join(to, "+"), subject)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s differs from line %d on:\ngot  %s\nwant %s", name, i+1, strings.Join(g[min(i, len(g)):min(i+3, len(g))], "\n     "),
				strings.Join(w[min(i, len(w)):min(i+3, len(w))], "\n     "))
		}
	}
}

// summariesEachBusinessDay: one at 17:00 of each business day, and on no other day.
func summariesEachBusinessDay(t *testing.T, timeline []string, c *config.Config) {
	t.Helper()
	got := map[string]int{}
	for _, l := range timeline {
		if strings.Contains(l, "本日のまとめ") {
			got[l[:len("11-01 15:04")]]++
		}
	}
	for day := (calendar.Date{Year: 2026, Month: 11, Day: 1}); day.Year == 2026; day = day.AddDays(1) {
		moment := fmt.Sprintf("%02d-%02d 17:00", day.Month, day.Day)
		want := 0
		if c.Days.IsOpen(day) {
			want = 2 // one copy for each reader
		}
		if got[moment] != want {
			t.Errorf("%s: %d summaries, not %d", moment, got[moment], want)
		}
		delete(got, moment)
	}
	for moment := range got {
		t.Errorf("a summary at %s", moment)
	}
}

// accountedFor: every occurrence that was due has one run, and none of them is lost or silent.
func accountedFor(t *testing.T, l *ledger.Ledger, began, end time.Time, o *Office) {
	t.Helper()
	err := l.View(t.Context(), func(v *ledger.View) error {
		for _, d := range o.duties {
			for _, occ := range d.job.When.Due(began, end) {
				r, err := v.RunOf(d.identity, occ.Period)
				if err != nil {
					t.Errorf("%s %s was lost: %v", d.job.Name, occ.Period, err)
					continue
				}
				switch r.State {
				case ledger.RunDone:
				case ledger.RunMissed, ledger.RunSkipped, ledger.RunFailed, ledger.RunWaiting:
					if len(r.Reasons) == 0 {
						t.Errorf("%s %s is %s without a reason", d.job.Name, occ.Period, r.State)
					}
				default:
					t.Errorf("%s %s is %s", d.job.Name, occ.Period, r.State)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
