package daemon

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/config"
	"bod/internal/jobs"
)

// simJob is a duty of the simulated office.
type simJob struct {
	name, was   string // was: renamed_from
	rule        simRule
	prepare     string
	missed      string // "" : the default
	lateDays    int
	confirmBy   []string
	confirm     int
	to, cc      []string // names of people and partners
	together    bool
	attach      bool
	letter      int
	disabled    bool
	titleEdited int
	watch       bool // see simOrders
}

func (j *simJob) clone() *simJob {
	c := *j
	c.to, c.cc, c.confirmBy = slices.Clone(j.to), slices.Clone(j.cc), slices.Clone(j.confirmBy)
	return &c
}

// simModel is a jobs.toml, as its user means it.
type simModel struct {
	zone         *time.Location
	country      string
	days         *simDays
	people       []string
	partners     []string
	mails        map[string]string // of partners, by name
	partnerTitle map[string]int
	jobs         []*simJob
	watch        *simJob
	bcc          bool
	summaryAt    int // hour
}

func (m *simModel) clone() *simModel {
	c := *m
	c.mails, c.partnerTitle = map[string]string{}, map[string]int{}
	maps.Copy(c.mails, m.mails)
	maps.Copy(c.partnerTitle, m.partnerTitle)
	c.jobs, c.watch = nil, m.watch.clone()
	for _, j := range m.jobs {
		c.jobs = append(c.jobs, j.clone())
	}
	d := *m.days
	d.closed, d.open = map[simDay]bool{}, map[simDay]bool{}
	for k := range m.days.closed {
		d.closed[k] = true
	}
	for k := range m.days.open {
		d.open[k] = true
	}
	c.days = &d
	return &c
}

func (m *simModel) job(name string) *simJob {
	if name == m.watch.name {
		return m.watch
	}
	for _, j := range m.jobs {
		if j.name == name {
			return j
		}
	}
	return nil
}

// outside reports whether mail of the job goes to partners.
func (m *simModel) outside(j *simJob) bool {
	return slices.ContainsFunc(slices.Concat(j.to, j.cc), func(n string) bool { return slices.Contains(m.partners, n) })
}

func (m *simModel) policy(j *simJob) string {
	switch {
	case j.missed != "":
		return j.missed
	case m.outside(j):
		return "ask"
	}
	return "latest"
}

func (m *simModel) mail(name string) string {
	if mail, ok := m.mails[name]; ok {
		return mail
	}
	return name + "@aozora.example"
}

// reaches reports whether the rules name the address for the job.
func (m *simModel) reaches(j *simJob, mail string) bool {
	if j.watch {
		return slices.ContainsFunc(m.people, func(n string) bool { return m.mail(n) == mail })
	}
	for _, n := range slices.Concat(j.to, j.cc) {
		if m.mail(n) == mail {
			return true
		}
	}
	return m.bcc && mail == "hikae@aozora.example"
}

var simSummaryRule = simRule{every: "business day", n: 1}

// summary is the summary as a duty like any other.
func (m *simModel) summary() *simJob {
	r := simSummaryRule
	r.hours = []int{m.summaryAt}
	return &simJob{name: "summary", rule: r, to: m.people[:2]}
}

func (m *simModel) toml() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	list := func(all []string) string {
		var q []string
		for _, s := range all {
			q = append(q, fmt.Sprintf("%q", s))
		}
		return "[" + strings.Join(q, ", ") + "]"
	}
	p("timezone = %q\nlanguage = \"en\"\nadmin = [%q]", m.zone.String(), m.people[0])
	p("[company]\nname = \"Aozora Systems K.K.\"\ndept = \"Accounts\"\ntel = \"03-0000-0000\"\naddress = \"1-2-3 Mihon-cho, Tokyo\"\nfiscal_year_end = 3")
	days := func(set map[simDay]bool) string {
		var all []simDay
		for d := range set {
			all = append(all, d)
		}
		slices.Sort(all)
		var out []string
		for _, d := range all {
			out = append(out, d.String())
		}
		return list(out)
	}
	p("[calendar]\ncountry = %q", m.country)
	for _, x := range []struct {
		key string
		set map[simDay]bool
	}{{"closed", m.days.closed}, {"open", m.days.open}} {
		if len(x.set) > 0 {
			p("%s = %s", x.key, days(x.set))
		}
	}
	p("[mail]\nfrom = \"Accounts <keiri@aozora.example>\"\nserver = \"smtp+insecure://sink.example:25\"")
	if m.bcc {
		p("bcc = [\"hikae@aozora.example\"]")
	}
	p("[summary]\nto = %s\nat = \"%d:00\"", list(m.people[:2]), m.summaryAt)
	p("[people]")
	for _, n := range m.people {
		p("%s = \"%s <%s@aozora.example>\"", n, strings.ToUpper(n[:1])+n[1:], n)
	}
	for _, n := range m.partners {
		p("[partner.%s]\nname = \"Trading %s %d\"\nmail = [%q]", n, n, m.partnerTitle[n], m.mails[n])
	}
	p("%s", m.watchTOML())
	for _, j := range m.jobs {
		p("[job.%s]\nkind = \"send\"\ntitle = \"Duty %s %d\"\nowner = %q", j.name, j.name, j.titleEdited, m.people[len(j.to)%len(m.people)])
		p("when = %s\nto = %s\nletter = \"letter%d.txt\"\ntogether = %v", j.rule.toml(), list(j.to), j.letter, j.together)
		if len(j.cc) > 0 {
			p("cc = %s", list(j.cc))
		}
		if j.prepare != "" {
			p("prepare = %q", j.prepare)
		}
		if j.missed != "" {
			p("missed = %q", j.missed)
		}
		if j.lateDays > 0 {
			p("late_until = \"%d days\"", j.lateDays)
		}
		if j.confirm > 0 {
			p("confirm = { by = %s, count = %d }", list(j.confirmBy), j.confirm)
		}
		if j.attach {
			p("attach = [\"files/%s-*.pdf\"]", j.fileName())
		}
		if j.disabled {
			p("enabled = false")
		}
		if j.was != "" {
			p("renamed_from = %q", j.was)
		}
	}
	return b.String()
}

// fileName is what the job's attachment begins with; it outlives a change of the job's name.
func (j *simJob) fileName() string {
	return "f" + strings.TrimLeft(j.name, "abcdefghijklmnopqrstuvwxyz-")
}

var simZones = []string{"Asia/Tokyo", "Asia/Tokyo", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "UTC"}

// simSomeModel draws an office.
func simSomeModel(t testing.TB, r *rand.Rand, n int, today simDay) *simModel {
	name := simZones[r.IntN(len(simZones))]
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	m := &simModel{zone: zone, country: "none", days: &simDays{closed: map[simDay]bool{}, open: map[simDay]bool{}},
		people: []string{"sato", "tanaka", "mori", "ogawa", "takagi"}, mails: map[string]string{}, partnerTitle: map[string]int{}, bcc: r.IntN(2) == 0, summaryAt: 16 + r.IntN(3)}
	if name == "Asia/Tokyo" {
		m.country = "jp"
		if m.days.holidays, err = simHolidays(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		d := today + simDay(r.IntN(200))
		m.days.closed[d], m.days.closed[d+1] = true, true
	}
	for i := range max(4, n/4) {
		p := fmt.Sprintf("p%02d", i)
		m.partners = append(m.partners, p)
		m.mails[p] = p + "@" + p + ".example"
	}
	m.watch = &simJob{name: simWatchName, watch: true, missed: "latest", rule: simRule{every: "business day", n: 1, hours: []int{8 + r.IntN(3)}, minute: 30}}
	for i := range n {
		m.jobs = append(m.jobs, m.someJob(r, fmt.Sprintf("j%03d", i), today))
	}
	return m
}

func (m *simModel) someJob(r *rand.Rand, name string, today simDay) *simJob {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	j := &simJob{name: name, rule: simSomeRule(r, today), letter: r.IntN(4)}
	j.prepare = pick("", "", "1 business day before", "2 days before", "3 hours before", "30 minutes before")
	j.missed = pick("", "", "ask", "each", "latest", "skip")
	j.lateDays = []int{0, 0, 1, 5}[r.IntN(4)]
	j.together = r.IntN(3) == 0
	m.someRecipients(r, j)
	if r.IntN(4) == 0 {
		j.confirmBy = []string{m.people[1], m.people[2]}
		j.confirm = 1 + r.IntN(2)
	}
	j.attach = r.IntN(4) == 0
	return j
}

func (m *simModel) someRecipients(r *rand.Rand, j *simJob) {
	j.to, j.cc = nil, nil
	add := func(all []string) {
		if n := all[r.IntN(len(all))]; !slices.Contains(j.to, n) {
			j.to = append(j.to, n)
		}
	}
	if r.IntN(10) < 7 {
		for range 1 + r.IntN(3) {
			add(m.partners)
		}
	} else {
		for range 1 + r.IntN(2) {
			add(m.people)
		}
	}
	if n := m.people[r.IntN(len(m.people))]; r.IntN(4) == 0 && !slices.Contains(j.to, n) {
		j.cc = append(j.cc, n)
	}
}

// simLoad reads what the model writes: the simulation only writes files that are right, unless it means to.
func simLoad(t testing.TB, dir string, m *simModel) *config.Config {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "jobs.toml"), []byte(m.toml()), 0o644); err != nil {
		t.Fatal(err)
	}
	c, problems := config.Load(filepath.Join(dir, "jobs.toml"), jobs.ConfigKinds())
	if c == nil {
		problems = slices.DeleteFunc(problems, func(p config.Problem) bool { return p.Warning })
		t.Fatalf("the simulation wrote a file that can't be read: %v\n%s", problems, m.toml())
	}
	return c
}

// simLetters writes the letters that all jobs use.
func simLetters(t testing.TB, dir string, now time.Time) {
	t.Helper()
	for i := range 4 {
		simWrite(t, filepath.Join(dir, fmt.Sprintf("letter%d.txt", i)), strings.Replace(letter, "Hello", fmt.Sprintf("Hello (%d)", i), 1), now)
	}
}

// simWrite writes a file that is an hour old.
func simWrite(t testing.TB, file, content string, now time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, now.Add(-time.Hour), now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func checkSimRules(t *testing.T, n int) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(11, 25))
	for range 6 {
		today := simDate(2021+r.IntN(4), 1+r.IntN(12), 1+r.IntN(28))
		m := simSomeModel(t, r, n/6, today)
		simLetters(t, dir, time.Now())
		c := simLoad(t, dir, m)
		for _, j := range m.jobs {
			from, to := today, today+500
			want := j.rule.occurrences(m.days, m.zone, from-40, to+40)
			got := c.Job(j.name).When.Due(simMoment(from, 0, 0, m.zone), simMoment(to, 0, 0, m.zone))
			var a, b []string
			for _, o := range want {
				if o.due.After(simMoment(from, 0, 0, m.zone)) && !o.due.After(simMoment(to, 0, 0, m.zone)) {
					a = append(a, o.period+" "+o.due.UTC().Format(time.RFC3339))
				}
			}
			for _, o := range got {
				b = append(b, o.Period+" "+o.Due.UTC().Format(time.RFC3339))
			}
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) {
				t.Errorf("%s (%s, shape %s, %s): counted\n  %v\nthe calendar says\n  %v", j.rule.toml(), m.zone, j.rule.shape(), c.Job(j.name).When.Shape(), simDiff(a, b), simDiff(b, a))
			}
		}
	}
}

func simDiff(a, b []string) []string {
	var out []string
	for _, s := range a {
		if !slices.Contains(b, s) && len(out) < 6 {
			out = append(out, s)
		}
	}
	return out
}
