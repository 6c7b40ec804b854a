package daemon

import (
	"fmt"
	"testing"

	"bod/internal/calendar"
	"bod/internal/config"
)

// A mail about a file that couldn't be used names places as people do, and does not go on for pages.
func TestBadLines(t *testing.T) {
	ps := []config.Problem{
		{File: "/srv/bod/jobs.toml", Line: 42, Col: 7, What: "day = 月末", Next: `文字は " で囲んでください`},
		{File: "/srv/bod/jobs.toml", Line: 50, What: "a warning", Warning: true},
		{File: "/srv/bod/jobs.toml", What: "読めません"},
	}
	ja, en := words{lang: calendar.Japanese}, words{lang: calendar.English}
	list, bad := ja.badLines(ps)
	if want := "　jobs.toml 42行目：day = 月末\n　　文字は \" で囲んでください\n　jobs.toml：読めません"; list != want || bad != 2 {
		t.Errorf("%d, %s\nnot\n%s", bad, list, want)
	}
	for i := range 6 {
		ps = append(ps, config.Problem{File: "jobs.toml", Line: 60 + i, What: fmt.Sprintf("no %d", i)})
	}
	list, bad = en.badLines(ps)
	if want := "　jobs.toml, line 42: day = 月末\n　　文字は \" で囲んでください\n　jobs.toml: 読めません\n　jobs.toml, line 60: no 0\n　jobs.toml, line 61: no 1\n　jobs.toml, line 62: no 2\n　and 3 more; see them all with\n　　bod check"; list != want || bad != 8 {
		t.Errorf("%d, %s\nnot\n%s", bad, list, want)
	}
}
