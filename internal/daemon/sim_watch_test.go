package daemon

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// simOrders is a table that people keep, and a duty that looks after it: what is open is told to whom it concerns once, and once more
// after two business days; what is closed or gone is resolved. The checker knows the table as it is written, the texts that were
// sealed and what the server took, and nothing of how the program comes from one to the other.
const simWatchName = "orders"

func (m *simModel) watchTOML() string {
	return fmt.Sprintf(`[source.orders]
file = "orders.csv"
[job.%s]
kind = "watch"
title = "Open orders"
owner = "sato"
when = %s
missed = "latest"
source = "orders"
key = ["no"]
[[job.%s.check]]
wrong_if = 'state == "open"'
say = "is still open"
tell = "{who}"
remind = "2 business days"
`, simWatchName, m.watch.rule.toml(), simWatchName)
}

// simRow is one line of the table.
type simRow struct {
	open bool
	who  string
}

// orders lets people work at the table.
func (s *sim) orders(edits int) {
	for range edits {
		no := fmt.Sprintf("A-%02d", 1+s.r.IntN(12))
		row, there := s.table[no]
		switch n := s.r.IntN(10); {
		case !there:
			s.table[no] = simRow{s.r.IntN(3) > 0, s.model.people[s.r.IntN(len(s.model.people))]}
		case n < 1:
			delete(s.table, no)
		case n < 4:
			row.open = !row.open
			s.table[no] = row
		case n < 5:
			row.who = s.model.people[s.r.IntN(len(s.model.people))]
			s.table[no] = row
		}
	}
	var b strings.Builder
	b.WriteString("no,state,who\n")
	for _, no := range slices.Sorted(maps.Keys(s.table)) {
		state := "done"
		if s.table[no].open {
			state = "open"
		}
		fmt.Fprintf(&b, "%s,%s,%s@aozora.example\n", no, state, s.table[no].who)
	}
	s.trace("the table of orders is edited: %v", s.table)
	simWrite(s.t, filepath.Join(s.dir, "orders.csv"), b.String(), s.now())
}

// simFinding is what was found of one row, from its first look to its end.
type simFinding struct {
	row, state string
	says       []*simMessage // that speak of it
	told       []simTelling
}

type simTelling struct {
	message *simMessage
	day     simDay
	days    string // the office's business days when it was told
}

func (f *simFinding) open() bool { return f.state != "resolved" }

// openFinding is the one about a row that has not ended.
func (c *simChecker) openFinding(row string) *simFinding {
	for _, f := range c.findings {
		if f.row == row && f.open() {
			return f
		}
	}
	return nil
}

// finding judges what a look says of a row.
func (c *simChecker) finding(e simEvent, id int64) {
	f := c.findings[id]
	if f == nil {
		f = &simFinding{row: text(e.change["row"])}
		if c.openFinding(f.row) != nil {
			c.s.fail("FOUND TWICE: %s", f.row)
		}
		if !c.s.table[f.row].open {
			c.s.fail("FOUND WHAT IS NOT: %s is %+v", f.row, c.s.table[f.row])
		}
		c.findings[id] = f
		c.count["findings"]++
	}
	to := text(e.change["state"])
	if to == "" || to == f.state {
		return
	}
	c.note("finding %s %s→%s", f.row, f.state, to)
	f.state = to
	c.count["findings "+to]++
	switch row, there := c.s.table[f.row]; to {
	case "resolved":
		if row.open {
			c.s.fail("NOT RESOLVED: %s is open in the table, and said to be resolved", f.row)
		}
		if want := map[bool]string{true: "mended", false: "gone"}[there]; text(e.change["ended"]) != want {
			c.s.fail("%s ended as %s, and in the table it is %s", f.row, text(e.change["ended"]), want)
		}
	case "told", "reminded":
		if !slices.ContainsFunc(f.says, func(m *simMessage) bool { return c.ended(m, "sent", "by hand") }) {
			c.s.fail("NOT TOLD: %s is said to be %s, and no mail that speaks of it has gone", f.row, to)
		}
	}
}

// ended reports whether a message's only delivery is in one of the states.
func (c *simChecker) ended(m *simMessage, states ...string) bool {
	for _, d := range c.byRun[m.run] {
		if d.message == m && slices.Contains(states, d.state) {
			return true
		}
	}
	return false
}

var simOrderNumbers = regexp.MustCompile(`A-\d\d`)

// speaks notes of which rows a sealed mail speaks. One that has ended is thanked for.
func (c *simChecker) speaks(m *simMessage) {
	if m.job != simWatchName || m.class != "letter" {
		return
	}
	var body []byte
	c.one("SELECT bytes FROM bodies WHERE message = ?", []any{m.id}, &body)
	for _, no := range slices.Compact(slices.Sorted(slices.Values(simOrderNumbers.FindAllString(simPlain(body), -1)))) {
		if f := c.openFinding(no); f != nil {
			f.says = append(f.says, m)
		}
	}
}

// tells judges a mail about the table that the server took for the first time.
func (c *simChecker) tells(m *simMessage, at time.Time) {
	if m.job != simWatchName || m.class != "letter" {
		return
	}
	days := c.s.at.days
	day := simDayOf(at.In(c.s.model.zone))
	for _, f := range c.findings {
		if !slices.Contains(f.says, m) {
			continue
		}
		// What came to nothing as people say, or was taken without an answer and settled so, is told again by right; and what people let
		// go once more counts as theirs.
		// A row that is handed over is told to each reader on their own.
		before := slices.DeleteFunc(slices.Clone(f.told), func(x simTelling) bool {
			return x.message.reader() != m.reader() || x.message.again || !c.ended(x.message, "sent", "by hand", "unknown")
		})
		c.count["rows told"]++
		if len(before) > 0 {
			c.count["rows told again"]++
		}
		switch {
		case m.again: // as a person said
		case len(before) > 1:
			c.s.fail("NAGGED: %s is told for the %d. time", f.row, len(before)+1)
		case len(before) == 1 && before[0].days == days.String():
			passed := 0
			for d := before[0].day + 1; d <= day; d++ {
				if days.isOpen(d) {
					passed++
				}
			}
			if passed < 2 {
				c.s.fail("NAGGED: %s was told on %s and again on %s", f.row, before[0].day, day)
			}
		}
		f.told = append(f.told, simTelling{m, day, days.String()})
	}
}

// reader is whom a mail of the table is to.
func (m *simMessage) reader() string {
	key, _, _ := strings.Cut(m.key, "#") // the generation follows
	return key[strings.LastIndexByte(key, '/')+1:]
}

// looked: after a look every open row is known, no other is, and of what nobody was told yet a mail speaks.
func (c *simChecker) looked(id int64) {
	r := c.runs[id]
	if r.job != simWatchName || r.only || r.state != "drafted" && r.state != "done" {
		return
	}
	c.count["looks at the table"]++
	for no, row := range c.s.table {
		f := c.openFinding(no)
		switch {
		case row.open && f == nil:
			c.s.fail("OVERLOOKED: %s is open, and no finding tells of it", no)
		case !row.open && f != nil:
			c.s.fail("NOT RESOLVED: %s is not open any more, and the finding of it is %s", no, f.state)
		case row.open && f.state == "new" && !slices.ContainsFunc(f.says, func(m *simMessage) bool {
			return m.run == id || c.ended(m, "held", "queued", "claimed", "sending", "deferred", "unknown", "sent")
		}) && !slices.ContainsFunc(c.byRun[id], func(d *simDelivery) bool { // this run's mail to them has come to nothing, and the next run tells it
			return d.mail == row.who+"@aozora.example" && (d.state == "rejected" || d.state == "failed")
		}):
			c.s.fail("FORGOTTEN: %s is open, and no mail speaks of it", no)
		}
	}
}
