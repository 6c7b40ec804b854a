package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// readICS reads a calendar with python3-icalendar and prints its entries as JSON.
const readICS = `
import icalendar, json, sys
c = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
assert c["VERSION"] == "2.0" and c["PRODID"]
out = []
for e in c.walk("VEVENT"):
    assert not e.errors, e.errors
    out.append({"uid": str(e["UID"]), "start": e["DTSTART"].dt.strftime("%Y-%m-%dT%H:%M:%S%z"), "stamp": e["DTSTAMP"].dt.isoformat(),
                "summary": str(e["SUMMARY"]), "description": str(e["DESCRIPTION"])})
json.dump(out, sys.stdout)
`

// A calendar program that isn't ours reads bod next --ics, and finds what bod next tells: every occurrence with its moment and title.
func TestCalendarProgramReadsICS(t *testing.T) {
	// Debian's module belongs to Debian's own python3, which need not be the first on the path.
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import icalendar").Run(); err != nil {
		missing := "python3 with the module icalendar is missing (apt-get install python3-icalendar), so no calendar program reads bod next --ics"
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	for _, file := range []string{"jobs.toml", filepath.Join("example", "en", "jobs.toml")} {
		args := []string{"next", "--file", filepath.Join("..", "..", file), "--from", "2026-12-01", "--days", "365"}
		output := func(flag string) []byte {
			var out, errs bytes.Buffer
			if err := run(t.Context(), append(args, flag), nil, &out, &errs); err != nil {
				t.Fatal(err, errs.String())
			}
			return out.Bytes()
		}
		var told struct{ Next []comingJSON }
		if err := json.Unmarshal(output("--json"), &told); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(python, "-c", readICS)
		cmd.Stdin, cmd.Stderr = bytes.NewReader(output("--ics")), os.Stderr
		b, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: the calendar can't be read: %v", file, err)
		}
		var read []struct{ UID, Start, Stamp, Summary, Description string }
		if err := json.Unmarshal(b, &read); err != nil {
			t.Fatal(err)
		}
		uids := map[string]bool{}
		i := 0
		for _, want := range told.Next {
			if want.Skipped {
				continue
			}
			if i == len(read) {
				t.Fatalf("%s: only %d entries", file, i)
			}
			got := read[i]
			i++
			start, err := time.Parse("2006-01-02T15:04:05-0700", got.Start)
			if err != nil {
				t.Fatal(err)
			}
			due, err := time.Parse(time.RFC3339, want.Due)
			if err != nil {
				t.Fatal(err)
			}
			title := want.Title
			if title == "" {
				title = want.Job
			}
			if !start.Equal(due) || got.Summary != title || got.Description == "" || uids[got.UID] {
				t.Errorf("%s: %s at %s reads as %+v", file, title, want.Due, got)
			}
			uids[got.UID] = true
		}
		if i != len(read) || i < 100 {
			t.Errorf("%s: %d entries were read, %d told", file, len(read), i)
		}
	}
}
