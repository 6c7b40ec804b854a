package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const ruled = small + `[company]
fiscal_year_end = 3
[people]
sato = "佐藤 <sato@aozora.example>"
tanaka = { name = "田中", mail = "tanaka@aozora.example" }
[partner.acme]
name = "株式会社アクメ商事"
mail = "ap@acme.example"
[job.a]
kind = "send"
when = "毎月25日 10:00 休みなら前営業日"
to = ["acme"]
letter = "a.txt"
attach = "x-*.pdf"
confirm = { by = "tanaka" }
`

func TestRule(t *testing.T) {
	c := mustLoad(t, ruled)
	got := c.Job("a").Rule
	r, err := ReadRule(got)
	if err != nil {
		t.Fatal(err)
	}
	if r.Country != "jp" || r.Zone != "Asia/Tokyo" || r.FiscalYearEnd != 3 || r.Kind != "send" || r.Missed != MissedAsk || !r.Enabled || r.Confirm.By[0].Mail[0] != "tanaka@aozora.example" {
		t.Errorf("%s", got)
	}
	for _, want := range []string{`"ap@acme.example"`, `"x-*.pdf"`, `"a.txt"`} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("the rule lacks %s: %s", want, got)
		}
	}
	var any map[string]any
	if err := json.Unmarshal(got, &any); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(any)
	if err != nil || !bytes.Equal(sorted, got) {
		t.Errorf("the keys are not sorted:\n%s\n%s", got, sorted)
	}
	if again := mustLoad(t, ruled).Job("a").Rule; !bytes.Equal(again, got) {
		t.Error("the same file gives another rule")
	}
}

// What is part of the rule changes it; what is an input of its own, or a way of writing, does not.
func TestWhatChangesARule(t *testing.T) {
	before := mustLoad(t, ruled).Job("a").Rule
	for _, test := range []struct {
		what, old, new string
		same           bool
	}{
		{"the day", "25日", "20日", false},
		{"the partner's address", "ap@acme", "new@acme", false},
		{"the confirmer's address", "tanaka@aozora", "t@aozora", false},
		{"the pattern", "x-*.pdf", "y-*.pdf", false},
		{"the fiscal year", "= 3", "= 4", false},
		{"the zone", "Asia/Tokyo", "Europe/Berlin", false},
		{"how long it is tried again", "letter = ", "give_up = \"6 hours\"\nletter = ", false},
		{"enabled", "letter = ", "enabled = false\nletter = ", false},
		{"somebody else's address", "佐藤 <sato@", "佐藤 <s@", true},
		{"the company", "fiscal_year_end", "tel = \"1\"\nfiscal_year_end", true},
		{"the list's brackets", `to = ["acme"]`, `to = "acme"`, true},
		{"the schedule as a table", `when = "毎月25日 10:00 休みなら前営業日"`, `when = { every = "month", day = 25, at = "10:00", if_closed = "before" }`, true},
		{"a default that is said", "letter = ", "enabled = true\nlate_until = \"3 days\"\nletter = ", true},
	} {
		text := strings.Replace(ruled, test.old, test.new, 1)
		if text == ruled {
			t.Fatalf("%s: nothing was replaced", test.what)
		}
		after := mustLoad(t, text).Job("a").Rule
		if bytes.Equal(before, after) != test.same {
			t.Errorf("%s:\n%s\n%s", test.what, before, after)
		}
	}
}

// The daemon rebuilds the schedule that a job had before an edit.
func TestRuleRebuildsItsSchedule(t *testing.T) {
	old := mustLoad(t, strings.Replace(ruled, "kind = \"send\"", "kind = \"send\"\ncountry = \"jp-bank\"", 1))
	r, err := ReadRule(old.Job("a").Rule)
	if err != nil {
		t.Fatal(err)
	}
	now := mustLoad(t, ruled)
	s, err := r.Schedule(now)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, now.Zone)
	want, got := old.Job("a").When.Due(from, from.AddDate(1, 0, 0)), s.Due(from, from.AddDate(1, 0, 0))
	if len(want) != 12 || len(got) != len(want) {
		t.Fatalf("%d and %d occurrences", len(want), len(got))
	}
	for i := range want {
		if !got[i].Due.Equal(want[i].Due) || got[i].Period != want[i].Period {
			t.Errorf("%v, not %v", got[i], want[i])
		}
	}
	for _, bad := range []RuleRecord{{When: "now and then", Country: "jp", Zone: "Asia/Tokyo"}, {When: r.When, Country: "xx", Zone: "Asia/Tokyo"}, {When: r.When, Country: "jp", Zone: "Mars"}} {
		if _, err := bad.Schedule(now); err == nil {
			t.Errorf("%+v has a schedule", bad)
		}
	}
	if _, err := ReadRule([]byte("{")); err == nil {
		t.Error("half a rule was read")
	}
}
