package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bod/internal/ledger"
)

// witness is the administrator's proof program: it writes down what it was asked, and gives the answer of a file.
type witness struct {
	t         testing.TB
	path      string
	log, says string
}

func newWitness(t testing.TB) *witness {
	dir := t.TempDir()
	w := &witness{t: t, log: filepath.Join(dir, "log"), says: filepath.Join(dir, "says")}
	w.path = script(t, fmt.Sprintf("cat >>%s\ncat %s", w.log, w.says))
	w.say("not-found", "")
	return w
}

// say sets the answer about mori.
func (w *witness) say(result, evidence string) {
	w.t.Helper()
	b, err := json.Marshal(map[string]any{"answers": []answer{{"mori@aozora.example", result, evidence}}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.raw(string(b))
}

func (w *witness) raw(s string) {
	w.t.Helper()
	if err := os.WriteFile(w.says, []byte(s), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// asked are the questions so far.
func (w *witness) asked() (qs []question) {
	w.t.Helper()
	b, err := os.ReadFile(w.log)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var q question
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			w.t.Fatal(err)
		}
		qs = append(qs, q)
	}
	return qs
}

// programs calls the administrator's programs now, and does what follows.
func (d *desk) programs() {
	d.t.Helper()
	if _, err := d.office.programs(d.t.Context(), alarmAfter); err != nil {
		d.t.Fatal(err)
	}
	d.settle()
}

// doubtful is an office in which the answer about a letter is lost at 9:30.
func doubtful(t *testing.T) (*desk, *witness) {
	t.Helper()
	d := newDesk(t, "11-24 09:00", head+daily+"[summary]\nto = [\"sato\"]\n")
	w := newWitness(t)
	d.config.ProofProgram = w.path
	cut := d.losing()
	d.to("11-24 09:30")
	cut.fine = true
	if m := d.only("daily", "2026-11-24"); m.State != ledger.StateUnknown {
		t.Fatalf("the letter is %s", m.State)
	}
	return d, w
}

func TestProofSettles(t *testing.T) {
	t.Run("sent", func(t *testing.T) {
		d, w := doubtful(t)
		m := d.only("daily", "2026-11-24")
		w.say("sent", "4B1C2D: to=<mori@aozora.example>,\n\x1b[2Jstatus=sent (250 2.0.0 Ok)")
		d.programs()
		qs := w.asked()
		if len(qs) != 1 {
			t.Fatalf("it was asked %v", qs)
		}
		want := question{m.MessageID, "keiri@aozora.example", []string{"mori@aozora.example"}, at(t, "11-24 09:30").UTC(), "smtp+insecure://sink.example:25"}
		if fmt.Sprint(qs[0]) != fmt.Sprint(want) {
			t.Errorf("it was asked %+v, want %+v", qs[0], want)
		}
		if m = d.only("daily", "2026-11-24"); m.State != ledger.StateSent {
			t.Fatalf("the letter is %s", m.State)
		}
		if got, want := strings.Join(d.resolved(m), "\n"), "09:30 sent by proof:program ("+self().User+"): mail log (program): 4B1C2D: to=<mori@aozora.example>, [2Jstatus=sent (250 2.0.0 Ok)"; got != want {
			t.Errorf("the log says\n%s\nwant\n%s", got, want)
		}
		if r := d.run("daily", "2026-11-24"); r.State != ledger.RunDone {
			t.Errorf("the run is %s", r.State)
		}
		d.to("11-24 17:01")
		d.programs()
		if got := d.sink.notices(); len(got) > 0 {
			t.Errorf("somebody was asked: %v", got)
		}
		if got := d.summaryText(); !strings.Contains(got, "the answer was lost; the mail server's log says that it") {
			t.Errorf("the summary says\n%s", got)
		}
		if got := d.sink.letters(); len(got) != 2 { // and the summary
			t.Errorf("sent: %v", got)
		}
		if qs := w.asked(); len(qs) != 1 {
			t.Errorf("it was asked again: %v", qs)
		}
	})

	t.Run("refused", func(t *testing.T) {
		d, w := doubtful(t)
		w.say("refused", "4B1C2D: to=<mori@aozora.example>, status=bounced (550 no such user)")
		d.programs()
		m := d.only("daily", "2026-11-24")
		if m.State != ledger.StateFailed || !strings.Contains(m.Deliveries[0].Words, "status=bounced (550 no such user)") {
			t.Errorf("the letter is %s: %s", m.State, m.Deliveries[0].Words)
		}
		d.to("11-24 12:00")
		if got := d.sink.notices(); len(got) != 1 || !strings.HasPrefix(got[0], "notice/failed/") {
			t.Errorf("the owner was told %v", got)
		}
		if got := d.sink.letters(); len(got) != 1 {
			t.Errorf("sent: %v", got)
		}
	})
}

// What proves nothing leaves it to a person, who is asked when the log had its time.
func TestProofThatIsNone(t *testing.T) {
	for name, says := range map[string]string{
		"not found":          `{"answers":[{"recipient":"mori@aozora.example","result":"not-found","evidence":"the log has it not"}]}`,
		"in the queue":       `{"answers":[{"recipient":"mori@aozora.example","result":"unknown","evidence":"4B1: in the queue"}]}`,
		"another word":       `{"answers":[{"recipient":"mori@aozora.example","result":"queued","evidence":"4B1"}]}`,
		"no evidence":        `{"answers":[{"recipient":"mori@aozora.example","result":"sent","evidence":" \n"}]}`,
		"somebody else":      `{"answers":[{"recipient":"tanaka@aozora.example","result":"sent","evidence":"4B1"}]}`,
		"two answers":        `{"answers":[{"recipient":"mori@aozora.example","result":"sent","evidence":"4B1"},{"recipient":"Mori@aozora.example","result":"refused","evidence":"4B2"}]}`,
		"nothing":            ``,
		"no JSON":            `sent`,
		"more than one JSON": `{"answers":[{"recipient":"mori@aozora.example","result":"sent","evidence":"4B1"}]} {}`,
		"too much":           strings.Repeat(" ", programOutput) + `{"answers":[{"recipient":"mori@aozora.example","result":"sent","evidence":"4B1"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			d, w := doubtful(t)
			w.raw(says)
			d.programs()
			d.to("11-24 09:31")
			if got := d.sink.notices(); len(got) > 0 {
				t.Errorf("somebody was asked already: %v", got)
			}
			d.to("11-24 09:33")
			d.programs()
			if m := d.only("daily", "2026-11-24"); m.State != ledger.StateUnknown {
				t.Errorf("the letter is %s", m.State)
			}
			if got := d.sink.notices(); len(got) != 1 || !strings.HasPrefix(got[0], "notice/unknown/") {
				t.Errorf("the owner was told %v", got)
			}
		})
	}
}

// Logs come late: it is asked again, less and less often, and for some hours.
func TestProofIsAskedAgain(t *testing.T) {
	d, w := doubtful(t)
	var when []string
	for d.now.Before(at(t, "11-25 00:00")) {
		before := len(w.asked())
		if _, err := d.office.prove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(w.asked()) > before {
			when = append(when, d.now.Format("15:04"))
		}
		d.now = d.now.Add(time.Minute)
	}
	if got := strings.Join(when[:8], " "); got != "09:30 09:31 09:33 09:37 09:45 10:01 10:31 11:01" {
		t.Errorf("asked at %s", got)
	}
	if got := when[len(when)-1]; got != "21:01" && got != "21:30" {
		t.Errorf("last asked at %s", got)
	}
	// A restart has forgotten when it was asked, and asks at once.
	d.restart("11-24 23:00")
	d.now = at(t, "11-25 00:00")
	before := len(w.asked())
	d.config.ProofProgram = w.path
	if _, err := d.office.prove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(w.asked()) != before {
		t.Error("asked about what is older than a log's delay")
	}
}

// A summary or a notice whose fate is unknown is proven in the same way, and is then no alarm.
func TestProofOfASummary(t *testing.T) {
	d := newDesk(t, "11-24 16:50", head+daily+"[summary]\nto = [\"mori\"]\n")
	w := newWitness(t)
	d.config.ProofProgram = w.path
	p := d.pager()
	d.losing()
	d.to("11-24 17:00")
	w.say("sent", "4B1: status=sent")
	d.now = d.now.Add(3 * time.Minute)
	d.programs()
	p.only("")
	var states []ledger.State
	d.view(func(v *ledger.View) error {
		for m, err := range v.Messages(ledger.MessageQuery{Class: ledger.ClassSummary}) {
			if err != nil {
				return err
			}
			states = append(states, m.State)
		}
		return nil
	})
	if fmt.Sprint(states) != "[sent]" {
		t.Errorf("the summaries are %v", states)
	}
}
