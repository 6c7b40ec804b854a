package ledger

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Spell is a time during which something was not as it should be: a message was held for a reason, a delivery was unknown or
// had failed, a run waited, had failed, was missed or skipped, or everything was paused. The rows forget it when it is
// over; the log does not.
type Spell struct {
	Thing   string   // "hold", "delivery", "run" or "flag"
	Was     string   // the reason to hold, the state, or the flag's name
	Message int64    // of a hold or a delivery
	Run     int64    // of a run; of a message its run, 0 for a notice's
	Text    string   // the hold's, the flag's, or the last words about the delivery
	Reasons []Reason // of a run: all that it gave while the spell lasted
	From    time.Time
	To      time.Time // zero: it is so still
	Then    string    // the state that followed; "" where a hold was lifted or a flag cleared
	By      Who       // who ended it
	Settled *Intent   // what a person asked that ended it; nil where it ended by itself
	id      int64     // the row's, of a delivery or a run
	end     int64     // the event that ended it
}

// The things of spells.
const (
	SpellHold     = "hold"
	SpellDelivery = "delivery"
	SpellRun      = "run"
	SpellFlag     = "flag"
)

// Spells returns what was not as it should be at some moment between from and until, in the order in which it began. What
// began before from and came to its end without a person, as when a mail server's log told it, may be left out.
func (v *View) Spells(from, until time.Time) ([]Spell, error) {
	out, err := v.spells(from, until)
	if err != nil {
		return nil, fmt.Errorf("couldn't read from the log what needed somebody: %w", err)
	}
	return out, nil
}

func (v *View) spells(from, until time.Time) ([]Spell, error) {
	first, err := v.firstEvent(from)
	if err != nil {
		return nil, err
	}
	// The words that are looked for stand in canonical JSON, so that a plain search finds them; a text that happens to hold
	// them has its quotation marks escaped there. What is found is replayed from its beginning, so a wrong one costs time only.
	messages, ds, rs, fs := map[int64]bool{}, map[int64]bool{}, map[int64]bool{}, map[string]bool{}
	err = v.s.each(`SELECT DISTINCT thing, row FROM events WHERE seq >= $1 AND (
			thing = 'delivery' AND (instr(change, '"state":"unknown"') OR instr(change, '"state":"failed"'))
			OR thing = 'run' AND (instr(change, '"state":"waiting"') OR instr(change, '"state":"failed"') OR instr(change, '"state":"missed"') OR instr(change, '"state":"skipped"')))
		UNION SELECT 'delivery', CAST(id AS TEXT) FROM deliveries WHERE state IN ('unknown', 'failed')
		UNION SELECT 'run', CAST(id AS TEXT) FROM runs WHERE state IN ('waiting', 'failed')
		UNION SELECT 'flag', row FROM events WHERE thing = 'flag'
		UNION SELECT 'hold', substr(row, 1, instr(row, '/') - 1) FROM events e WHERE thing = 'hold'
			AND EXISTS (SELECT 1 FROM deliveries d WHERE d.message = CAST(e.row AS INTEGER) AND (d.changed >= $2 OR d.state = 'held'))`,
		[]any{first, micro(from)}, func(r scanner) error {
			var thing, row string
			if err := r.Scan(&thing, &row); err != nil {
				return err
			}
			if thing == SpellFlag {
				fs[row] = true
				return nil
			}
			id, err := strconv.ParseInt(row, 10, 64)
			if err != nil {
				return fmt.Errorf("%w: the log has the %s %q", ErrDamaged, thing, row)
			}
			switch thing {
			case SpellHold:
				messages[id] = true
			case SpellDelivery:
				ds[id] = true
			case SpellRun:
				rs[id] = true
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	// A person's word ends what may have begun long before.
	for in, err := range v.decided("done >= $1", micro(from)) {
		if err != nil {
			return nil, err
		}
		ms, run, err := v.askedOf(in)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			messages[m] = true
			for _, d := range v.deliveriesOf(m, &err) {
				ds[d] = true
			}
		}
		if run != 0 {
			rs[run] = true
		}
		if err != nil {
			return nil, err
		}
	}
	var all []Spell
	for m := range messages {
		if err := v.holdSpells(m, &all); err != nil {
			return nil, err
		}
	}
	for d := range ds {
		if err := v.deliverySpells(d, &all); err != nil {
			return nil, err
		}
	}
	for r := range rs {
		if err := v.runSpells(r, &all); err != nil {
			return nil, err
		}
	}
	for f := range fs {
		if err := v.flagSpells(f, &all); err != nil {
			return nil, err
		}
	}
	all = slices.DeleteFunc(all, func(s Spell) bool { return !s.From.Before(until) || !s.To.IsZero() && s.To.Before(from) })
	for i := range all {
		if all[i].Settled, err = v.settledBy(all[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b Spell) int {
		if n := a.From.Compare(b.From); n != 0 {
			return n
		}
		return strings.Compare(fmt.Sprint(a.Thing, a.Message, a.id, a.Was), fmt.Sprint(b.Thing, b.Message, b.id, b.Was))
	})
	return all, nil
}

// firstEvent is the first event at or after a moment, found by halving: the log's time runs back nowhere but where a person
// set the clock, so each stretch between two such entries is halved for itself.
func (v *View) firstEvent(at time.Time) (int64, error) {
	h, err := v.s.head()
	if err != nil {
		return 0, err
	}
	set, err := collect(list(v, "SELECT seq FROM events WHERE thing = $1 ORDER BY seq", []any{clockThing}, scanID))
	if err != nil {
		return 0, err
	}
	begin := int64(1)
	for _, end := range append(set, h.seq+1) {
		lo, hi := begin, end
		for lo < hi {
			mid := lo + (hi-lo)/2
			var t int64
			if err := v.get("SELECT at FROM events WHERE seq = $1", []any{mid}, &t); err != nil {
				return 0, err
			}
			if t < at.UnixMicro() {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		if lo < end {
			return lo, nil
		}
		begin = end
	}
	return h.seq + 1, nil
}

// Around returns the last event before a moment and the first at or after it; zero where there is none.
func (v *View) Around(at time.Time) (before, after time.Time, err error) {
	seq, err := v.firstEvent(at)
	if err != nil {
		return before, after, fmt.Errorf("couldn't find the log's entries around a moment: %w", err)
	}
	for e, err := range list(v, selectEvents+" WHERE seq IN ($1, $2) ORDER BY seq", []any{seq - 1, seq}, scanEvent) {
		switch {
		case err != nil:
			return before, after, err
		case e.Seq < seq:
			before = e.At
		default:
			after = e.At
		}
	}
	return before, after, nil
}

// logged is what the events of these things say, as far as a spell hangs on it.
type logged struct {
	State   string `json:"state"`
	Text    string `json:"text"`
	Words   string `json:"words"`
	Reasons string `json:"reasons"`
	gone    bool
}

func readChange(e Event) (c logged, err error) {
	if string(e.Change) == "null" {
		return logged{gone: true}, nil
	}
	if err := json.Unmarshal(e.Change, &c); err != nil {
		return c, fmt.Errorf("%w: entry %d of the log: %w", ErrDamaged, e.Seq, err)
	}
	return c, nil
}

func (s *Spell) over(e Event, then string) {
	s.To, s.By, s.Then, s.end = e.At, e.Who, then, e.Seq
}

// holdSpells replays the reasons for which a message was held. One that was set while it was on its way counts if it came back.
// One ends when it is lifted, or when nothing of the message is held any more: what was rejected keeps its reason in the row.
func (v *View) holdSpells(message int64, all *[]Spell) error {
	var run sql.NullInt64
	switch err := v.get("SELECT run FROM messages WHERE id = $1", []any{message}, &run); {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	events, err := collect(list(v, selectEvents+` WHERE thing = 'hold' AND row >= $1 AND row < $2 OR thing = 'delivery' AND row IN
		(SELECT CAST(id AS TEXT) FROM deliveries WHERE message = $3) ORDER BY seq`, []any{fmt.Sprintf("%d/", message), fmt.Sprintf("%d0", message), message}, scanEvent))
	if err != nil {
		return err
	}
	open := map[string]*Spell{}
	held := map[string]bool{}
	end := func(reason string, e Event, then string) {
		if s := open[reason]; s != nil {
			s.over(e, then)
			*all = append(*all, *s)
			delete(open, reason)
		}
	}
	for _, e := range events {
		c, err := readChange(e)
		if err != nil {
			return err
		}
		if e.Table == SpellDelivery {
			if c.State == "" {
				continue
			}
			was := held[e.Row]
			if held[e.Row] = c.State == string(StateHeld); !held[e.Row] {
				delete(held, e.Row)
			}
			if was && len(held) == 0 {
				for _, reason := range sortedNames(open) {
					end(reason, e, c.State)
				}
			}
			continue
		}
		_, reason, _ := strings.Cut(e.Row, "/")
		switch {
		case c.gone:
			end(reason, e, "")
		case open[reason] != nil:
			open[reason].Text = c.Text
		default:
			open[reason] = &Spell{Thing: SpellHold, Was: reason, Message: message, Run: run.Int64, Text: c.Text, From: e.At, id: message}
		}
	}
	if len(held) == 0 {
		return nil // said of what was on its way, and it went or came to nothing: nothing was held for it
	}
	for _, reason := range sortedNames(open) {
		*all = append(*all, *open[reason])
	}
	return nil
}

func sortedNames(m map[string]*Spell) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (v *View) deliverySpells(delivery int64, all *[]Spell) error {
	var message int64
	var run, next sql.NullInt64
	switch err := v.get(`SELECT m.id, m.run, (SELECT n.sealed FROM messages n WHERE n.predecessor = m.id)
		FROM deliveries d JOIN messages m ON m.id = d.message WHERE d.id = $1`, []any{delivery}, &message, &run, &next); {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return v.replay(SpellDelivery, delivery, func(state string) bool { return state == string(StateUnknown) || state == string(StateFailed) }, func(s Spell) {
		s.Message, s.Run = message, run.Int64
		if s.To.IsZero() && next.Valid { // another letter took its place
			s.To, s.Then = moment(next), string(StateReplaced)
		}
		*all = append(*all, s)
	})
}

func (v *View) runSpells(run int64, all *[]Spell) error {
	return v.replay(SpellRun, run, func(state string) bool {
		return slices.Contains([]RunState{RunWaiting, RunFailed, RunMissed, RunSkipped}, RunState(state))
	}, func(s Spell) {
		s.Run = run
		*all = append(*all, s)
	})
}

// replay follows the states of one row and hands out the spells in those that are wanted. A run that waits is running each
// time it is looked at, and planned after a crash in it: that is one wait.
func (v *View) replay(thing string, id int64, wanted func(string) bool, found func(Spell)) error {
	events, err := v.EventsOf(thing, strconv.FormatInt(id, 10))
	if err != nil {
		return err
	}
	var s *Spell
	for _, e := range events {
		c, err := readChange(e)
		if err != nil {
			return err
		}
		between := s != nil && s.Was == string(RunWaiting) && e.Who.Name == "bod" && (c.State == string(RunRunning) || c.State == string(RunPlanned))
		if s != nil && c.State != "" && c.State != s.Was && !between {
			s.over(e, c.State)
			found(*s)
			s = nil
		}
		if s == nil && wanted(c.State) {
			s = &Spell{Thing: thing, Was: c.State, From: e.At, id: id}
		}
		if s == nil {
			continue
		}
		if c.Words != "" {
			s.Text = c.Words
		}
		if c.Reasons != "" && !between {
			var rs []Reason
			if err := fromJSON(c.Reasons, &rs); err != nil {
				return err
			}
			for _, r := range rs {
				if len(s.Reasons) < mostReasons && !slices.ContainsFunc(s.Reasons, func(x Reason) bool { return x.Code == r.Code && x.Text == r.Text }) {
					s.Reasons = append(s.Reasons, r)
				}
			}
		}
	}
	if s != nil {
		found(*s)
	}
	return nil
}

// mostReasons bounds what one wait remembers: a run over many rows names each of them.
const mostReasons = 100

func (v *View) flagSpells(name string, all *[]Spell) error {
	events, err := v.EventsOf(SpellFlag, name)
	if err != nil {
		return err
	}
	var s *Spell
	for _, e := range events {
		c, err := readChange(e)
		switch {
		case err != nil:
			return err
		case c.gone && s != nil:
			s.over(e, "")
			*all = append(*all, *s)
			s = nil
		case !c.gone && s == nil:
			s = &Spell{Thing: SpellFlag, Was: name, From: e.At}
			fallthrough
		case !c.gone && c.Text != "":
			s.Text = c.Text
		}
	}
	if s != nil {
		*all = append(*all, *s)
	}
	return nil
}

// settledBy finds what a person asked in the transaction that ended a spell: the answer to a request is its last entry.
func (v *View) settledBy(s Spell) (*Intent, error) {
	if s.end == 0 || s.By.Name == "bod" {
		return nil, nil
	}
	for e, err := range list(v, selectEvents+" WHERE seq > $1 ORDER BY seq LIMIT 10000", []any{s.end}, scanEvent) {
		switch {
		case err != nil:
			return nil, err
		case !e.At.Equal(s.To) || e.Who != s.By:
			return nil, nil
		case e.Table != intents.name:
			continue
		}
		id, err := strconv.ParseInt(e.Row, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d of the log", ErrDamaged, e.Seq)
		}
		in, err := v.Intent(id)
		if err != nil {
			return nil, err
		}
		return &in, nil
	}
	return nil, nil
}

// ---- what people decided ----

// decisive are the requests by which a person settles something.
const decisive = "'confirm', 'hold', 'release', 'reject', 'skip', 'do', 'settle', 'resend', 'retry', 'by-hand'"

func (v *View) decided(which string, args ...any) iter.Seq2[Intent, error] {
	return list(v, selectIntents+" WHERE ok = 1 AND verb IN ("+decisive+") AND "+which+" ORDER BY id DESC", args, scanIntent)
}

// Decided returns what people decided with a reason before a moment, the newest first.
func (v *View) Decided(before time.Time) iter.Seq2[Intent, error] {
	return v.decided("trim(why) <> '' AND done < $1", micro(before))
}

// Asked is what a request speaks of: its job, its run and the messages. Zero where it names none.
func (v *View) Asked(in Intent) (job string, run int64, messages []int64, err error) {
	messages, run, err = v.askedOf(in)
	if err != nil {
		return "", 0, nil, fmt.Errorf("couldn't see what the request %d spoke of: %w", in.ID, err)
	}
	if run != 0 {
		r, err := v.Run(run)
		return r.Job, run, messages, err
	}
	return "", 0, messages, nil
}

func (v *View) askedOf(in Intent) (messages []int64, run int64, err error) {
	var args struct{ Job, Period, Run, Message string }
	if err := json.Unmarshal(in.Args, &args); err != nil {
		return nil, 0, nil // what nobody could read was never done
	}
	none := func(err error) error {
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	if args.Message != "" {
		month, serial, ok := parseNumber(args.Message)
		if !ok {
			return nil, 0, nil
		}
		var id int64
		var of sql.NullInt64
		err := v.get("SELECT id, run FROM messages WHERE month = $1 AND serial = $2", []any{month, serial}, &id, &of)
		if err != nil {
			return nil, 0, none(err)
		}
		return []int64{id}, of.Int64, nil
	}
	var r Run
	switch {
	case args.Run != "":
		r, err = v.RunByNumber(args.Run)
	case args.Job != "" && args.Period != "":
		var j Job
		if j, err = v.Job(args.Job); err == nil {
			r, err = v.RunOf(j.Name, args.Period)
		}
	}
	if err != nil || r.ID == 0 {
		return nil, 0, none(err)
	}
	ids, err := collect(list(v, "SELECT id FROM messages WHERE run = $1 ORDER BY id", []any{r.ID}, scanID))
	return ids, r.ID, err
}

// Ended returns what a person's request brought to its end.
func (v *View) Ended(in Intent) ([]Spell, error) {
	ms, run, err := v.askedOf(in)
	var all []Spell
	for _, m := range ms {
		if err == nil {
			err = v.holdSpells(m, &all)
		}
		for _, d := range v.deliveriesOf(m, &err) {
			if err == nil {
				err = v.deliverySpells(d, &all)
			}
		}
	}
	if err == nil && run != 0 {
		err = v.runSpells(run, &all)
	}
	var at, seq int64
	if err == nil {
		err = v.get("SELECT at, seq FROM events WHERE thing = 'intent' AND row = $1 ORDER BY seq DESC LIMIT 1", []any{strconv.FormatInt(in.ID, 10)}, &at, &seq)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't see what the request %d ended: %w", in.ID, err)
	}
	return slices.DeleteFunc(all, func(s Spell) bool { return s.end == 0 || s.end >= seq || s.To.UnixMicro() != at || s.By != in.Who }), nil
}

func (v *View) deliveriesOf(message int64, err *error) []int64 {
	if *err != nil {
		return nil
	}
	var ids []int64
	ids, *err = collect(list(v, "SELECT id FROM deliveries WHERE message = $1 ORDER BY id", []any{message}, scanID))
	return ids
}

func scanID(r scanner) (id int64, err error) {
	err = r.Scan(&id)
	return id, err
}

// ---- what went out ----

// Went is what went out of one job.
type Went struct {
	Messages int
	Amount   int64 // of those whose amount is known
	Priced   int   // how many those are
}

// Went counts the letters whose last delivery left between two moments, by job.
func (v *View) Went(from, until time.Time) (map[string]Went, error) {
	out := map[string]Went{}
	err := v.usable()
	if err == nil {
		err = v.s.each(`SELECT m.job, count(*), coalesce(sum(m.amount), 0), count(m.amount) FROM messages m
			JOIN (SELECT message, max(changed) AS at FROM deliveries WHERE state IN ('sent', 'written', 'by hand') AND changed >= $1 GROUP BY message) d ON d.message = m.id
			WHERE m.class = 'letter' AND d.at < $2 GROUP BY m.job`, []any{micro(from), micro(until)}, func(r scanner) error {
			var job string
			var n, amount, priced int64
			err := r.Scan(&job, &n, &amount, &priced)
			out[job] = Went{int(n), amount, int(priced)}
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't count what went out: %w", err)
	}
	return out, nil
}

// Answer is how long a run's letters waited for their confirmation.
type Answer struct {
	Run      int64
	Messages int
	Sealed   time.Time // when the first of them was there to be looked at
	Said     time.Time // when the last word came that they needed; zero: not yet
	No       int       // how often somebody said no
}

// Answers returns the runs whose letters of between two moments needed a confirmation, by run.
func (v *View) Answers(from, until time.Time) ([]Answer, error) {
	out, err := collect(list(v, `SELECT m.run, count(*), min(m.sealed), max(x.said), sum(x.no), min(x.yes >= m.confirm_count OR NOT m.live OR m.queued IS NOT NULL) FROM messages m
		LEFT JOIN (SELECT message, max(at) AS said, sum(yes = 0) AS no, count(DISTINCT CASE WHEN yes = 1 THEN person END) AS yes FROM decisions GROUP BY message) x ON x.message = m.id
		WHERE m.sealed >= $1 AND m.sealed < $2 AND m.confirm_count > 0 AND m.class = 'letter' AND m.run IS NOT NULL GROUP BY m.run ORDER BY m.run`,
		[]any{micro(from), micro(until)}, func(r scanner) (Answer, error) {
			var a Answer
			var n int64
			var sealed, said, no, all sql.NullInt64
			err := r.Scan(&a.Run, &n, &sealed, &said, &no, &all)
			a.Messages, a.Sealed, a.No = int(n), moment(sealed), int(no.Int64)
			if all.Int64 == 1 {
				a.Said = moment(said)
			}
			return a, err
		}))
	if err != nil {
		return nil, fmt.Errorf("couldn't read how long confirmations took: %w", err)
	}
	return out, nil
}

// Kept is what runs of one job kept under one name's beginning.
type Kept struct {
	Job   string
	Run   int64
	Due   time.Time
	Name  string
	Value []byte
	Count int // how many observations this one stands for
}

// KeptBetween returns observations whose name begins with prefix, of runs due between two moments: each that holds one of the
// odd texts, and of the others one for each run, with their count. The thousands that say that all is well are so not handed out one by one.
func (v *View) KeptBetween(prefix string, odd []string, from, until time.Time) iter.Seq2[Kept, error] {
	var terms []string
	args := []any{prefix, prefix + "\U0010FFFF", micro(from), micro(until)}
	for _, o := range odd {
		args = append(args, o)
		terms = append(terms, fmt.Sprintf("instr(o.value, $%d) > 0", len(args)))
	}
	is := strings.Join(terms, " OR ")
	return list(v, `SELECT r.job, r.id, r.due, o.name, o.value, count(*) FROM runs r JOIN observations o ON o.run = r.id
		WHERE o.name >= $1 AND o.name < $2 AND r.due >= $3 AND r.due < $4
		GROUP BY r.id, iif(`+is+`, o.name, '') ORDER BY r.due, r.id, o.name`, args, func(r scanner) (k Kept, err error) {
		var due, n int64
		var value string
		err = r.Scan(&k.Job, &k.Run, &due, &k.Name, &value, &n)
		k.Due, k.Value, k.Count = time.UnixMicro(due).UTC(), []byte(value), int(n)
		return k, err
	})
}
