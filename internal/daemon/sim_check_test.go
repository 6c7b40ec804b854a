package daemon

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// simChecker holds the promises against what the ledger's tables say in plain SQL, what the server's book says, and what the brute-force
// days say. It uses nothing of the program to know what should be there.
type simChecker struct {
	s     *sim
	db    *sql.DB
	seq   int64    // events up to here were looked at
	books int      // accepted messages up to here
	story []string // all that happened; the same whenever the seed is the same

	jobs       map[string]*simWatched // by identity, the job's first name
	current    map[string]string      // identity by the name in the file
	must       map[string]*simMust    // by identity/period
	messages   map[int64]*simMessage
	byID       map[string]*simMessage // by Message-ID
	deliveries map[int64]*simDelivery
	stale      map[string]bool // messages whose letter was edited in the transaction that sealed them
	edits      int             // of letters, when it looked last
	byRun      map[int64][]*simDelivery
	drafted    map[int64]bool          // runs that were drafted just now
	of         map[string]*simDelivery // by Message-ID and recipient
	runs       map[int64]*simRun
	took       map[string]int            // accepted copies, by key and recipient
	permits    map[string]int            // a person said that it may go again, by key and recipient
	seen       map[int64]map[string]bool // who said yes to a message after reading it
	late       map[string]string         // what went by itself though it was late: by job and outage, the period
	notices    map[string]bool           // key prefixes of notices of unknown deliveries
	unknown    map[int64]bool            // unknown deliveries of letters
	count      map[string]int
	counted    map[string][]simOcc
	findings   map[int64]*simFinding
}

// simWatched is a job as the checker sees it.
type simWatched struct {
	identity string
	active   bool
	mark     time.Time // everything due up to here is expected to have been planned
	shape    string
	all      []simOcc
	next     int // the first of all that is due after mark
	ever     map[string]bool
	policy   string
	outside  bool
}

// simMust is an occurrence that has to have a run.
type simMust struct {
	due, met time.Time
	late     bool
	unsure   bool // a step that failed may have met it in time
	outage   int
	policy   string
	outside  bool
}

type simMessage struct {
	id                    int64
	key, class, job, hash string
	mid                   string
	run                   int64
	generation            int
	confirmCount          int
	queued                bool
	number                string
	again                 bool // a person let it go once more
}

type simDelivery struct {
	message     *simMessage
	mail, state string
	attempts    int
}

type simRun struct {
	job, period, state string
	due                int64
	touched            bool // a person had a hand in it
	early              bool
	reasons            string
	only               bool // asked to go to some again
	generation         int
}

func (s *sim) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("seed %d, %s: %s", s.seed, s.now().In(s.model.zone).Format("2006-01-02 15:04:05"), fmt.Sprintf(format, args...))
	s.failed++
}

func (c *simChecker) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	c.story = append(c.story, c.s.now().UTC().Format("2006-01-02 15:04:05.000 ")+line)
	c.s.trace("%s", line)
}

// open looks at the ledger in another folder.
func (c *simChecker) open(state string) {
	if c.db != nil {
		_ = c.db.Close()
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(state, "ledger.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		c.s.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	c.db = db
}

func (c *simChecker) rows(query string, args []any, scan func(func(...any) error) error) {
	c.s.t.Helper()
	rows, err := c.db.QueryContext(context.Background(), query, args...)
	if err != nil {
		c.s.t.Fatalf("seed %d: %s: %v", c.s.seed, query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			c.s.t.Fatalf("seed %d: %s: %v", c.s.seed, query, err)
		}
	}
	if err := rows.Err(); err != nil {
		c.s.t.Fatalf("seed %d: %s: %v", c.s.seed, query, err)
	}
}

func (c *simChecker) one(query string, args []any, into ...any) {
	c.s.t.Helper()
	c.rows(query, args, func(scan func(...any) error) error { return scan(into...) })
}

// plain makes a key the same in each repetition: a notice's digest may hold the hash of random bytes.
func plainKey(key string) string {
	if strings.HasPrefix(key, "notice/") {
		return key[:strings.LastIndex(key, "/")]
	}
	return key
}

// ---- what the rules expect ----

// all are the summary, the watch and the jobs.
func (m *simModel) all() []*simJob { return append([]*simJob{m.summary(), m.watch}, m.jobs...) }

// learn tells the checker of rules that may be put to work: their names and what they name.
func (c *simChecker) learn(m *simModel) {
	current := map[string]string{}
	for _, j := range m.all() {
		identity, known := c.current[j.name]
		if !known && j.was != "" {
			identity, known = c.current[j.was]
		}
		if !known {
			identity = j.name
		}
		current[j.name] = identity
		w := c.jobs[identity]
		if w == nil {
			w = &simWatched{identity: identity, ever: map[string]bool{}}
			c.jobs[identity] = w
		}
		for _, o := range c.occurrences(m, j) {
			w.ever[o.period] = true
		}
	}
	for name, id := range c.current {
		if _, there := current[name]; !there && !slices.ContainsFunc(m.jobs, func(j *simJob) bool { return j.was == name }) {
			current[name] = id // gone for now
		}
	}
	c.current = current
}

// occurrences are those of a job over the whole time, counted once.
func (c *simChecker) occurrences(m *simModel, j *simJob) []simOcc {
	key := j.rule.toml() + m.days.String()
	all, known := c.counted[key]
	if !known {
		all = j.rule.occurrences(m.days, m.zone, c.s.first, c.s.last)
		c.counted[key] = all
	}
	return all
}

// rules tells the checker that these are at work from now on.
func (c *simChecker) rules(m *simModel, now time.Time) {
	c.learn(m)
	active := map[string]bool{}
	for _, j := range m.all() {
		if j.disabled {
			continue
		}
		w := c.jobs[c.current[j.name]]
		active[w.identity] = true
		all := c.occurrences(m, j)
		switch {
		case !w.active:
			w.mark = now // what was due while it was not in the rules is nobody's
		case w.shape != j.rule.shape():
			w.mark = now // a person is asked what of the past is still needed
		default:
			c.edited(w, all, m, j, now)
		}
		w.active, w.shape, w.all = true, j.rule.shape(), all
		w.policy, w.outside = m.policy(j), m.outside(j)
		w.next, _ = slices.BinarySearchFunc(all, w.mark, func(o simOcc, t time.Time) int {
			if o.due.After(t) {
				return 1
			}
			return -1
		})
	}
	for id, w := range c.jobs {
		if !active[id] {
			w.active = false
		}
	}
}

// edited expects each period that the old rule still had ahead and the new one has behind it.
func (c *simChecker) edited(w *simWatched, all []simOcc, m *simModel, j *simJob, now time.Time) {
	old := map[string]time.Time{}
	for _, o := range w.all {
		old[o.period] = o.due
	}
	for _, o := range all {
		before, named := old[o.period]
		if !named || o.due.After(w.mark) || !before.After(w.mark) || c.must[w.identity+"/"+o.period] != nil {
			continue
		}
		c.must[w.identity+"/"+o.period] = &simMust{due: o.due, met: now, late: true, unsure: true, outage: c.s.steps, policy: m.policy(j), outside: m.outside(j)}
	}
}

// planned tells the checker that a step met everything that was due by now. tried is the first step that tried to since the last one that did.
func (c *simChecker) planned(now, tried time.Time) {
	var fresh []string
	for _, id := range c.s.sortedJobs() {
		w := c.jobs[id]
		if !w.active {
			continue
		}
		for w.next < len(w.all) && !w.all[w.next].due.After(now) {
			o := w.all[w.next]
			w.next++
			key := w.identity + "/" + o.period
			if c.must[key] == nil {
				c.must[key] = &simMust{due: o.due, met: now, late: now.Sub(o.due) > 10*time.Minute,
					unsure: now.Sub(o.due) > 10*time.Minute && tried.Sub(o.due) <= 10*time.Minute, outage: c.s.steps, policy: w.policy, outside: w.outside}
			}
			fresh = append(fresh, key)
		}
		if now.After(w.mark) {
			w.mark = now
		}
	}
	for _, key := range fresh {
		c.hasRun(key)
	}
}

// hasRun: nothing that was due is without its record.
func (c *simChecker) hasRun(key string) {
	id, period, _ := strings.Cut(key, "/")
	n := 0
	c.one("SELECT count(*) FROM runs WHERE job = ? AND period = ?", []any{id, period}, &n)
	if n != 1 {
		c.s.fail("LOST: %s, due %s, met %s, has %d runs", key, c.must[key].due.In(c.s.model.zone), c.must[key].met.In(c.s.model.zone), n)
	}
}

// ---- what the ledger says ----

type simEvent struct {
	seq             int64
	who, thing, row string
	change          map[string]any
}

// check looks at everything that happened since it looked last.
func (c *simChecker) check() {
	c.s.t.Helper()
	var events []simEvent
	c.rows("SELECT seq, who, thing, row, change FROM events WHERE seq > ? ORDER BY seq", []any{c.seq}, func(scan func(...any) error) error {
		var e simEvent
		var change string
		if err := scan(&e.seq, &e.who, &e.thing, &e.row, &change); err != nil {
			return err
		}
		d := json.NewDecoder(strings.NewReader(change))
		d.UseNumber()
		if err := d.Decode(&e.change); err != nil {
			return err
		}
		events = append(events, e)
		return nil
	})
	sent := map[string]bool{}
	for _, e := range events {
		c.event(e, sent)
		c.seq = e.seq
	}
	c.edits = c.s.letters
	c.s.server.mu.Lock()
	fresh := slices.Clone(c.s.server.accepted[c.books:])
	c.books += len(fresh)
	c.s.server.mu.Unlock()
	for _, a := range fresh {
		c.accepted(a)
	}
	for what := range sent {
		key, _, _ := strings.Cut(what, "\x00")
		if c.took[key] == 0 {
			c.s.fail("NEVER ARRIVED: %q is sent in the ledger, and the server never took it", key)
		}
	}
	for id := range c.unknown {
		if c.deliveries[id].state != "unknown" {
			delete(c.unknown, id)
		}
	}
	for id := range c.drafted {
		c.looked(id)
		c.complete(id)
		delete(c.drafted, id)
	}
}

func num(v any) int64 {
	n, _ := v.(json.Number)
	i, _ := n.Int64()
	return i
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func (c *simChecker) event(e simEvent, sent map[string]bool) {
	var id int64
	_, _ = fmt.Sscan(e.row, &id)
	switch e.thing {
	case "message":
		m := c.messages[id]
		if m == nil {
			m = &simMessage{id: id, key: text(e.change["key"]), class: text(e.change["class"]), job: text(e.change["job"]), hash: text(e.change["hash"]),
				mid: strings.Trim(text(e.change["message_id"]), "<>"), run: num(e.change["run"]), generation: int(num(e.change["generation"])), confirmCount: int(num(e.change["confirm_count"])),
				number: fmt.Sprintf("%04d-%04d", num(e.change["month"]), num(e.change["serial"]))}
			c.messages[id], c.byID[m.mid] = m, m
			c.note("sealed %s %s", m.number, plainKey(m.key))
			c.count["sealed "+m.class]++
			switch m.class {
			case "notice":
				c.notices[plainKey(m.key)] = true
			case "summary":
				c.summary(m)
			}
			c.speaks(m)
		}
		if e.change["queued"] != nil && !m.queued {
			m.queued = true
			c.queued(m, e)
		}
	case "delivery":
		d := c.deliveries[id]
		if d == nil {
			d = &simDelivery{message: c.messages[num(e.change["message"])], mail: text(e.change["mail"])}
			c.byRun[d.message.run] = append(c.byRun[d.message.run], d)
			c.deliveries[id], c.of[d.message.mid+" "+d.mail] = d, d
		}
		d.attempts = max(d.attempts, int(num(e.change["attempts"])))
		if to := text(e.change["state"]); to != "" && to != d.state {
			c.moved(d, id, to, e.who, sent)
			d.state = to
		}
	case "run":
		r := c.runs[id]
		if r == nil {
			r = &simRun{job: text(e.change["job"]), period: text(e.change["period"])}
			c.runs[id] = r
			c.count["runs"]++
			if w := c.jobs[r.job]; e.who == "bod" && (w == nil || !w.ever[r.period]) {
				c.s.fail("NEVER NAMED: a run of %s %s, which no version of the rule names", r.job, r.period)
			}
		}
		r.touched = r.touched || e.who != "bod"
		if v, ok := e.change["due"]; ok {
			r.due = num(v)
		}
		if v, ok := e.change["early"]; ok {
			r.early = num(v) != 0
		}
		if v, ok := e.change["reasons"]; ok {
			r.reasons = text(v)
		}
		if v, ok := e.change["only"]; ok {
			r.only = text(v) != "[]"
		}
		if v, ok := e.change["generation"]; ok {
			r.generation = int(num(v))
		}
		if to := text(e.change["state"]); to != "" && to != r.state {
			c.note("run %s/%s %s→%s", r.job, r.period, r.state, to)
			if r.state == "running" && to == "drafted" {
				c.drafted[id] = true
			}
			r.state = to
			if (to == "missed" || to == "skipped" || to == "waiting") && (r.reasons == "" || r.reasons == "[]") {
				c.s.fail("SILENT: the run %s/%s is %s without a reason", r.job, r.period, to)
			}
		}
	case "decision":
		if num(e.change["yes"]) == 0 {
			break
		}
		m := num(e.change["message"])
		if !c.seen[m][text(e.change["person"])] {
			c.s.fail("UNCONFIRMED: %s is said to have confirmed %s, whose bytes they never saw", text(e.change["person"]), c.messages[m].key)
		}
	case "hold":
		var message int64
		_, _ = fmt.Sscan(strings.SplitN(e.row, "/", 2)[0], &message)
		if m := c.messages[message]; m != nil && e.who != "bod" {
			if r := c.runs[m.run]; r != nil {
				r.touched = true
			}
		}
		if m := c.messages[message]; m != nil {
			c.note("hold %s %s %v", plainKey(m.key), e.row, e.change != nil)
		}
	case "finding":
		c.finding(e, id)
	case "intent":
		c.note("intent %s %s %d", text(e.change["verb"]), text(e.change["who"]), num(e.change["ok"]))
		c.count[fmt.Sprintf("asked %s %s", text(e.change["verb"]), map[int64]string{0: "refused", 1: "done"}[num(e.change["ok"])])]++
	case "flag":
		c.note("flag %s %v", e.row, e.change != nil)
	}
}

// nameIn is the name that rules have for a job of this identity.
func (c *simChecker) nameIn(m *simModel, identity string) string {
	for _, j := range m.all() {
		if c.current[j.name] == identity {
			return j.name
		}
	}
	return ""
}

// complete: what was drafted goes to everybody whom the rule names.
func (c *simChecker) complete(id int64) {
	r := c.runs[id]
	j := c.s.at.job(c.nameIn(c.s.at, r.job))
	if j == nil || j.watch || r.only || r.state != "drafted" && r.state != "done" {
		return
	}
	want := map[string]bool{}
	for _, n := range slices.Concat(j.to, j.cc) {
		want[n] = true
	}
	for _, d := range c.byRun[id] {
		if d.message.generation == r.generation {
			name, _, _ := strings.Cut(d.mail, "@") // what went to an earlier address of theirs is theirs
			name, _, _ = strings.Cut(name, "-")
			delete(want, name)
		}
	}
	for name := range want {
		c.s.fail("LEFT OUT: the run %s/%s is %s, and nothing of it goes to %s", r.job, r.period, r.state, name)
	}
}

// moved judges one move of a delivery.
func (c *simChecker) moved(d *simDelivery, id int64, to, who string, sent map[string]bool) {
	c.note("delivery %s %s %s→%s", plainKey(d.message.key), d.mail, d.state, to)
	c.count["became "+to]++
	key := d.message.key + "\x00" + d.mail
	letter := d.message.class == "letter"
	switch {
	case d.state == "unknown" && who == "bod":
		c.s.fail("A GUESS: %s to %s moved by itself from unknown to %s", d.message.key, d.mail, to)
	case d.state == "unknown" && (to == "queued" || to == "failed" || to == "rejected"):
		c.permits[d.message.key+" "+d.mail]++
	}
	d.message.again = d.message.again || to == "queued" && who != "bod"
	switch to {
	case "sent":
		if who == "bod" {
			sent[d.message.key+" "+d.mail+"\x00"+key] = true
		}
	case "unknown":
		c.count["unknown"]++
		if letter {
			c.unknown[id] = true
		}
	}
	if to == "unknown" && who != "bod" {
		c.s.fail("%s made %s unknown", who, d.message.key)
	}
}

// queued judges that a message may go: from here on its bytes are what is sent.
func (c *simChecker) queued(m *simMessage, e simEvent) {
	if m.class != "letter" {
		return
	}
	r := c.runs[m.run]
	j := c.s.at.job(c.nameIn(c.s.at, m.job))
	if e.who != "bod" {
		r.touched = true
	}
	if j == nil || j.disabled {
		c.s.fail("GONE: %s was queued though its job is not in the rules", m.key)
		return
	}
	var body []byte
	c.one("SELECT bytes FROM bodies WHERE message = ?", []any{m.id}, &body)
	said, says := simPlain(body), c.s.says[j.letter]
	switch {
	case j.watch: // it has a letter of its own
	case c.stale[m.key] && !strings.Contains(said, says):
		c.s.fail("STALE: %s was queued in the transaction in which its letter was edited:\n%s", m.key, said)
	case c.edits == c.s.letters && !strings.Contains(said, says), !strings.Contains(said, fmt.Sprintf("this is Duty %s %d.", j.name, j.titleEdited)):
		c.s.fail("STALE: %s was queued, and says other than its letter (%s) and title (%s %d) do:\n%s", m.key, says, j.name, j.titleEdited, said)
	}
	if j.confirm > 0 {
		yes := 0
		for p := range c.seen[m.id] {
			if slices.Contains(j.confirmBy, p) {
				yes++
			}
		}
		if yes < j.confirm {
			c.s.fail("UNCONFIRMED: %s was queued with %d of %d confirmations of its bytes", m.key, yes, j.confirm)
		}
	}
	now := time.UnixMicro(num(e.change["queued"]))
	if w := c.jobs[r.job]; !r.early {
		i := slices.IndexFunc(w.all, func(o simOcc) bool { return o.period == r.period })
		if i >= 0 && w.all[i].due.After(now) {
			c.s.fail("TOO EARLY: %s was queued at %s and is due %s", m.key, now.In(c.s.model.zone), w.all[i].due.In(c.s.model.zone))
		}
		if i < 0 && !r.touched {
			c.s.fail("NOT NAMED: %s was queued though its rule does not name it any more", m.key)
		}
	}
	x := c.must[r.job+"/"+r.period]
	if x == nil || !x.late || x.unsure || r.touched || r.early {
		return
	}
	outage := fmt.Sprintf("%s/%d", r.job, x.outage)
	switch {
	case x.policy == "ask":
		c.s.fail("NOT ASKED: %s was due %s, met %s and went by itself", m.key, x.due, x.met)
	case x.policy == "skip":
		c.s.fail("NOT SKIPPED: %s was due %s, met %s and went by itself", m.key, x.due, x.met)
	case x.policy == "latest" || x.outside:
		if other, some := c.late[outage]; some && other != r.period {
			c.s.fail("A BURST: after one outage both %s and %s of %s went by themselves", other, r.period, r.job)
		}
		c.late[outage] = r.period
	}
}

// accepted judges what the server took.
func (c *simChecker) accepted(a simAccepted) {
	m := c.byID[a.id]
	c.note("accepted %s %v", plainKey(a.key), a.to)
	c.count["accepted messages"]++
	if m == nil || m.key != a.key || m.hash != a.hash {
		c.s.fail("OTHER BYTES: the server took %s (%s), and the ledger has not sealed that", a.key, a.id)
		return
	}
	for _, to := range a.to {
		c.count["accepted"]++
		key := a.key + " " + to
		if c.took[key]++; c.took[key] == 1 {
			c.tells(m, a.at)
		}
		if c.took[key] > 1+c.permits[key] {
			c.s.fail("TWICE: %s reached %s %d times, and people allowed %d more", a.key, to, c.took[key], c.permits[key])
		}
		if c.took[key] > 1 {
			c.count["sent again as people said"]++
		}
		d := c.of[a.id+" "+to]
		switch {
		case d == nil:
			c.s.fail("A STRANGER: %s went to %s, who is not in its envelope", a.key, to)
		case d.state == "sent":
		case d.state == "unknown" && a.said:
			c.count["unknown, answered"]++
		case d.state == "unknown":
			c.count["unknown, taken"]++
		case c.permits[key] > 0:
		default:
			c.s.fail("FORGOTTEN: the server took %s for %s, and it is %s", a.key, to, d.state)
		}
		if m.class == "letter" {
			if j := a.rules.job(c.nameIn(a.rules, m.job)); j == nil || j.disabled || !a.rules.reaches(j, to) {
				c.s.fail("A STRANGER: %s went to %s, who is not in the rules", a.key, to)
			}
		}
	}
}

// summary: what is unknown when it is sealed stands in it.
func (c *simChecker) summary(m *simMessage) {
	if len(c.unknown) == 0 {
		return
	}
	var body []byte
	c.one("SELECT bytes FROM bodies WHERE message = ?", []any{m.id}, &body)
	said := simPlain(body)
	for id := range c.unknown {
		d := c.deliveries[id]
		if d.state != "unknown" {
			continue // a person has settled it since, in the same step and before the summary
		}
		var number string
		c.one("SELECT printf('R%04d-%04d', month, serial) FROM runs WHERE id = ?", []any{d.message.run}, &number)
		if !strings.Contains(said, d.message.number) && !strings.Contains(said, number) {
			c.s.fail("NOT TOLD: %s (%s, %s) is unknown, and the summary %s does not say so:\n%s", d.message.key, d.message.number, number, m.key, said)
		}
	}
}

// told: whoever has to decide about an unknown delivery was told at once.
func (c *simChecker) told() {
	for id := range c.unknown {
		d := c.deliveries[id]
		var number string
		c.one("SELECT printf('R%04d-%04d', month, serial) FROM runs WHERE id = ?", []any{d.message.run}, &number)
		if !c.notices["notice/unknown/"+number] {
			c.s.fail("NOT TOLD: %s is unknown, and there is no notice of %s", d.message.key, number)
		}
	}
}

// simPlain is the plain text of a mail.
func simPlain(b []byte) string {
	m, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		return err.Error()
	}
	return simPart(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
}

func simPart(kind, encoding string, body io.Reader) string {
	media, params, err := mime.ParseMediaType(kind)
	if err == nil && strings.HasPrefix(media, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err != nil {
				return ""
			}
			if s := simPart(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p); s != "" {
				return s
			}
		}
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(body)
	if err != nil || media != "text/plain" && media != "" {
		return ""
	}
	return string(b)
}

// whole compares the record as the events tell it with the tables, and everything expected with everything there.
func (c *simChecker) whole() {
	n := 0
	c.rows("SELECT d.id, d.state FROM deliveries d", nil, func(scan func(...any) error) error {
		var id int64
		var state string
		if err := scan(&id, &state); err != nil {
			return err
		}
		n++
		if d := c.deliveries[id]; d == nil || d.state != state {
			c.s.fail("the delivery %d is %s, and its events say otherwise", id, state)
		}
		return nil
	})
	if n != len(c.deliveries) {
		c.s.fail("%d deliveries, and the events tell of %d", n, len(c.deliveries))
	}
	for key := range c.must {
		c.hasRun(key)
	}
	ends := map[string]int{}
	total := 0
	c.rows("SELECT state, count(*), count(DISTINCT job || '/' || period) FROM runs GROUP BY state", nil, func(scan func(...any) error) error {
		var state string
		var all, distinct int
		if err := scan(&state, &all, &distinct); err != nil {
			return err
		}
		if all != distinct {
			c.s.fail("TWICE: %d runs that are %s are %d periods", all, state, distinct)
		}
		ends[state] = all
		total += all
		return nil
	})
	for state, n := range ends {
		c.count["runs "+state] = n
	}
	if total < len(c.must) {
		c.s.fail("LOST: %d occurrences were due and %d runs are there", len(c.must), total)
	}
}
