package daemon

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

var tokyo = func() *time.Location {
	z, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		panic(err)
	}
	return z
}()

// at reads a moment in Tokyo: "11-25 10:00" of 2026, or with its year.
func at(t testing.TB, s string) time.Time {
	t.Helper()
	if len(s) == len("11-25 10:00") {
		s = "2026-" + s
	}
	m, err := time.ParseInLocation("2006-01-02 15:04", s, tokyo)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ruleOf(t testing.TB, sentence, prepare string, missed config.Missed, outside bool) rule {
	t.Helper()
	days, problems := calendar.NewDays(calendar.DaysOptions{Country: "jp"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r, problems := calendar.ParseSentence(sentence)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", sentence, problems)
	}
	s, problems := calendar.NewSchedule(r, days, tokyo, 3)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", sentence, problems)
	}
	lead := func(s string) calendar.Lead {
		l, p := calendar.ParseLead(s)
		if p != nil {
			t.Fatal(*p)
		}
		return l
	}
	var before calendar.Lead
	if prepare != "" {
		before = lead(prepare)
	}
	until := lead("3 days")
	return rule{
		schedule: s, missed: missed, outside: outside,
		prepare: func(due time.Time) time.Time { return before.Before(due, days) },
		until:   func(due time.Time) time.Time { return until.After(due, days) },
	}
}

// inWords says changes in short lines, so that a table can hold them.
func inWords(c changes) []string {
	var out []string
	moment := func(t time.Time) string { return t.In(tokyo).Format("01-02 15:04") }
	for _, r := range c.add {
		var s strings.Builder
		s.WriteString(fmt.Sprintf("add %s %s %s", r.Period, moment(r.Due), r.State))
		if r.Late {
			s.WriteString(" late")
		}
		for _, why := range r.Reasons {
			s.WriteString(" (" + why.Code + ")")
		}
		out = append(out, s.String())
	}
	for _, m := range c.move {
		s := fmt.Sprintf("move %s %s→%s", m.run.Period, m.run.State, m.to)
		if m.change.Due != nil {
			s += " due " + moment(*m.change.Due)
		}
		if m.change.Late != nil {
			s += " late"
		}
		if m.hold != "" {
			s += " hold " + string(m.hold)
		}
		if m.reject {
			s += " reject"
		}
		out = append(out, s)
	}
	if c.ask {
		out = append(out, "ask")
	}
	return out
}

func TestPlan(t *testing.T) {
	const monthly = "毎月25日 10:00 休みなら前営業日"
	run := func(period, due string, state ledger.RunState) known {
		return known{Run: ledger.Run{ID: int64(len(period)), Period: period, Due: at(t, due), State: state, Generation: 1}}
	}
	sealed := func(k known) known { k.sealed = true; return k }
	queued := func(k known) known { k.queued = true; return k }
	tests := []struct {
		name              string
		rule              string
		prepare           string
		missed            config.Missed
		outside           bool
		old               string // another rule before
		mark, now         string
		runs              []known
		want              []string
		wantNext, wantMrk string
	}{
		{name: "nothing is due", rule: monthly, missed: config.MissedAsk, mark: "11-01 00:00", now: "11-20 10:00", wantNext: "11-25 10:00"},
		{name: "due in time", rule: monthly, missed: config.MissedAsk, mark: "11-01 00:00", now: "11-25 10:00",
			want: []string{"add 2026-11 11-25 10:00 planned"}, wantNext: "12-25 10:00", wantMrk: "11-25 10:00"},
		{name: "ten minutes are in time", rule: monthly, missed: config.MissedAsk, mark: "11-01 00:00", now: "11-25 10:10",
			want: []string{"add 2026-11 11-25 10:00 planned"}},
		{name: "eleven are late, and somebody is asked", rule: monthly, missed: config.MissedAsk, mark: "11-01 00:00", now: "11-25 10:11",
			want: []string{"add 2026-11 11-25 10:00 planned late (late)"}},
		{name: "prepared the business day before", rule: monthly, prepare: "1 business day before", missed: config.MissedAsk, mark: "11-01 00:00", now: "11-24 10:00",
			want: []string{"add 2026-11 11-25 10:00 planned"}, wantNext: "11-25 10:00", wantMrk: "11-24 10:00"},
		{name: "not yet prepared, and then woken for it", rule: monthly, prepare: "1 business day before", missed: config.MissedAsk, mark: "11-01 00:00", now: "11-20 10:00", wantNext: "11-24 10:00"},
		{name: "its due passes in time", rule: monthly, prepare: "1 business day before", missed: config.MissedAsk, mark: "11-24 10:00", now: "11-25 10:00",
			runs: []known{run("2026-11", "11-25 10:00", ledger.RunDrafted)}, wantMrk: "11-25 10:00"},
		{name: "prepared, but its due is met late", rule: monthly, prepare: "1 business day before", missed: config.MissedAsk, mark: "11-24 10:00", now: "11-25 12:00",
			runs: []known{sealed(run("2026-11", "11-25 10:00", ledger.RunDrafted))}, want: []string{"move 2026-11 drafted→drafted late hold late"}},
		{name: "prepared and met late, latest goes", rule: monthly, missed: config.MissedLatest, mark: "11-24 10:00", now: "11-25 12:00",
			runs: []known{sealed(run("2026-11", "11-25 10:00", ledger.RunDrafted))}, want: []string{"move 2026-11 drafted→drafted late"}},
		{name: "prepared and met late, skip rejects", rule: monthly, missed: config.MissedSkip, mark: "11-24 10:00", now: "11-25 12:00",
			runs: []known{sealed(run("2026-11", "11-25 10:00", ledger.RunDrafted))}, want: []string{"move 2026-11 drafted→drafted late reject"}},
		{name: "waiting and met late, skip skips", rule: monthly, missed: config.MissedSkip, mark: "11-24 10:00", now: "11-25 12:00",
			runs: []known{run("2026-11", "11-25 10:00", ledger.RunWaiting)}, want: []string{"move 2026-11 waiting→skipped late"}},
		{name: "waiting with a part that is sealed and met late, skip skips all of it", rule: monthly, missed: config.MissedSkip, mark: "11-24 10:00", now: "11-25 12:00",
			runs: []known{sealed(run("2026-11", "11-25 10:00", ledger.RunWaiting))}, want: []string{"move 2026-11 waiting→skipped late reject"}},
		{name: "being prepared and met late, skip skips it", rule: monthly, missed: config.MissedSkip, mark: "11-24 10:00", now: "11-25 12:00",
			runs: []known{run("2026-11", "11-25 10:00", ledger.RunRunning)}, want: []string{"move 2026-11 running→planned", "move 2026-11 planned→skipped late"}},
		{name: "being prepared and met late, somebody is asked", rule: monthly, missed: config.MissedAsk, mark: "11-24 10:00", now: "11-25 12:00",
			runs: []known{run("2026-11", "11-25 10:00", ledger.RunRunning)}, want: []string{"move 2026-11 running→running late hold late"}},
		{name: "done before its due by a person", rule: monthly, missed: config.MissedAsk, mark: "11-24 10:00", now: "11-25 12:00",
			runs: []known{run("2026-11", "11-25 10:00", ledger.RunDone)}},
		{name: "past late_until it is missed", rule: monthly, missed: config.MissedAsk, mark: "11-01 00:00", now: "11-29 10:00",
			want: []string{"add 2026-11 11-25 10:00 missed late (missed)"}},
		{name: "latest of a week off", rule: "毎日 9:00 休みでも実施", missed: config.MissedLatest, mark: "11-01 09:00", now: "11-04 12:00",
			want: []string{"add 2026-11-02 11-02 09:00 missed late (missed)", "add 2026-11-03 11-03 09:00 missed late (missed)", "add 2026-11-04 11-04 09:00 planned late"}},
		{name: "latest, when one is met in time", rule: "毎日 9:00 休みでも実施", missed: config.MissedLatest, mark: "11-01 09:00", now: "11-03 09:05",
			want: []string{"add 2026-11-03 11-03 09:00 planned", "add 2026-11-02 11-02 09:00 missed late (missed)"}},
		{name: "each, inside", rule: "毎日 9:00 休みでも実施", missed: config.MissedEach, mark: "11-01 09:00", now: "11-03 12:00",
			want: []string{"add 2026-11-02 11-02 09:00 planned late", "add 2026-11-03 11-03 09:00 planned late"}},
		{name: "each, outside: the latest, and the rest is asked", rule: "毎日 9:00 休みでも実施", missed: config.MissedEach, outside: true, mark: "11-01 09:00", now: "11-03 12:00",
			want: []string{"add 2026-11-02 11-02 09:00 planned late (late)", "add 2026-11-03 11-03 09:00 planned late"}},
		{name: "skip", rule: "毎日 9:00 休みでも実施", missed: config.MissedSkip, mark: "11-01 09:00", now: "11-03 12:00",
			want: []string{"add 2026-11-02 11-02 09:00 skipped late (skipped)", "add 2026-11-03 11-03 09:00 skipped late (skipped)"}},
		{name: "ask holds each that is not too old", rule: "毎日 9:00 休みでも実施", missed: config.MissedAsk, mark: "11-01 09:00", now: "11-05 10:00",
			want: []string{"add 2026-11-02 11-02 09:00 missed late (missed)", "add 2026-11-03 11-03 09:00 planned late (late)",
				"add 2026-11-04 11-04 09:00 planned late (late)", "add 2026-11-05 11-05 09:00 planned late (late)"}},

		// Edits.
		{name: "the new day is past and the old one ahead", rule: "毎月20日 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-22 10:00", now: "11-22 10:00",
			want: []string{"add 2026-11 11-20 10:00 planned late (late)"}, wantMrk: "11-22 10:00", wantNext: "12-18 10:00"},
		{name: "the new day is long past", rule: "毎月5日 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-22 10:00", now: "11-22 10:00",
			want: []string{"add 2026-11 11-05 10:00 missed late (missed)"}},
		{name: "the old day is past too, and has its run", rule: "毎月20日 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-26 10:00", now: "11-26 10:00",
			runs: []known{run("2026-11", "11-25 10:00", ledger.RunDone)}},
		{name: "the new day is ahead, the old one past: not twice", rule: "毎月28日 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-26 10:00", now: "11-27 10:00",
			runs: []known{run("2026-11", "11-25 10:00", ledger.RunDone)}},
		{name: "a day that the old rule never had stays past", rule: "毎週月曜と木曜 9:00 休みでもそのまま", old: "毎週月曜 9:00 休みでもそのまま", missed: config.MissedAsk, mark: "11-20 10:00", now: "11-20 10:00", wantNext: "11-23 09:00"},
		{name: "a prepared run takes the new due", rule: "毎月27日 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-24 11:00", now: "11-24 11:00",
			runs: []known{sealed(run("2026-11", "11-25 10:00", ledger.RunDrafted))}, want: []string{"move 2026-11 drafted→drafted due 11-27 10:00"}},
		{name: "a prepared run takes a past due and is held", rule: "毎月20日 10:00 休みなら前営業日", old: monthly, missed: config.MissedLatest, mark: "11-24 11:00", now: "11-24 11:00",
			runs: []known{sealed(run("2026-11", "11-25 10:00", ledger.RunDrafted))}, want: []string{"move 2026-11 drafted→drafted due 11-20 10:00 late hold late"}},
		{name: "what was queued keeps its due", rule: "毎月27日 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-25 10:01", now: "11-25 10:01",
			runs: []known{queued(run("2026-11", "11-25 10:00", ledger.RunDrafted))}},
		{name: "from month to date", rule: "毎週金曜 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-22 10:00", now: "11-22 10:00",
			want: []string{"ask"}, wantNext: "11-27 10:00"},
		{name: "a run that the new rule doesn't name", rule: "毎週金曜 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-24 11:00", now: "11-24 11:00",
			runs: []known{sealed(run("2026-11", "11-25 10:00", ledger.RunDrafted))}, want: []string{"move 2026-11 drafted→drafted hold gone", "ask"}},
		{name: "edited while off: the window belongs to the new rule", rule: "毎月20日 10:00 休みなら前営業日", old: monthly, missed: config.MissedAsk, mark: "11-18 10:00", now: "11-21 10:00",
			want: []string{"add 2026-11 11-20 10:00 planned late (late)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := planning{
				identity: "j", now: at(t, tt.now), mark: at(t, tt.mark), new: ruleOf(t, tt.rule, tt.prepare, tt.missed, tt.outside),
				words: words{lang: calendar.English, zone: tokyo}, open: slices.DeleteFunc(slices.Clone(tt.runs), func(k known) bool { return !k.open() }),
			}
			p.existing = func(period string) (known, bool) {
				for _, r := range tt.runs {
					if r.Period == period {
						return r, true
					}
				}
				return known{}, false
			}
			if tt.old != "" {
				old := ruleOf(t, tt.old, tt.prepare, tt.missed, tt.outside)
				p.old, p.changed, p.since = &old, true, at(t, "11-17 00:00")
			}
			c := p.plan()
			if got := inWords(c); !slices.Equal(got, tt.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tt.want, "\n  "))
			}
			if tt.wantNext != "" && !c.next.Equal(at(t, tt.wantNext)) {
				t.Errorf("next is %s, not %s", c.next.In(tokyo), tt.wantNext)
			}
			if tt.wantMrk != "" && !c.mark.Equal(at(t, tt.wantMrk)) {
				t.Errorf("the mark is %s, not %s", c.mark.In(tokyo), tt.wantMrk)
			}
		})
	}
}

// TestPlanAccountsForEverything is an oracle that knows nothing of planning: whatever the rules, restarts and clock walks, each
// occurrence that was due while the rule was at work has exactly one run, and what can't be done any more says so.
func TestPlanAccountsForEverything(t *testing.T) {
	rules := []string{"毎日 9:00 休みでも実施", "毎月25日 10:00 休みなら前営業日", "毎営業日 9:30", "毎週月曜 8:00 休みなら翌営業日", "毎月月末 18:00 休みなら前営業日", "毎月第3営業日 11:00"}
	leads := []string{"", "1 business day before", "2 days before", "30 minutes before"}
	policies := []config.Missed{config.MissedAsk, config.MissedEach, config.MissedLatest, config.MissedSkip}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		ru := ruleOf(t, rules[r.IntN(len(rules))], leads[r.IntN(len(leads))], policies[r.IntN(len(policies))], r.IntN(2) == 0)
		began := at(t, "09-01 00:00").Add(time.Duration(r.IntN(60*24)) * time.Hour)
		now, mark, high := began, began, began
		runs := map[string]known{}
		next := time.Time{}
		for range 40 {
			switch r.IntN(6) {
			case 0: // the machine was off for days
				now = now.Add(time.Duration(r.IntN(10*24)) * time.Hour)
			case 1: // the clock walks back: a step then plans from an earlier now
				now = now.Add(-time.Duration(r.IntN(5)) * time.Minute)
			case 2:
				now = now.Add(time.Duration(r.IntN(120)) * time.Minute)
			default: // woken as planned
				if next.After(now) {
					now = next
				}
			}
			c := planning{identity: "j", now: now, mark: mark, new: ru, words: words{zone: tokyo},
				existing: func(p string) (known, bool) { k, ok := runs[p]; return k, ok }}.plan()
			for _, a := range c.add {
				if _, twice := runs[a.Period]; twice {
					t.Fatalf("seed %d: %s was planned twice", seed, a.Period)
				}
				runs[a.Period] = known{Run: a}
			}
			for _, m := range c.move {
				k := runs[m.run.Period]
				k.State = m.to
				runs[m.run.Period] = k
			}
			if c.mark.After(mark) {
				mark = c.mark
			}
			if now.After(high) {
				high = now
			}
			next = c.next
			for p, k := range runs { // some of what is open comes to an end
				if k.open() && !k.Due.After(now) && r.IntN(2) == 0 {
					k.State = ledger.RunDone
					runs[p] = k
				}
			}
		}
		for _, o := range ru.schedule.Due(began, high) {
			k, ok := runs[o.Period]
			if !ok {
				t.Fatalf("seed %d: %s, due %s, was lost", seed, o.Period, o.Due.In(tokyo))
			}
			if !k.open() && k.State != ledger.RunDone && len(k.Reasons) == 0 && k.State != ledger.RunMissed && k.State != ledger.RunSkipped {
				t.Fatalf("seed %d: %s ended as %s", seed, o.Period, k.State)
			}
		}
		for p, k := range runs {
			if k.Due.Before(began) || k.Due.Equal(began) {
				t.Fatalf("seed %d: %s was due before anybody asked for it", seed, p)
			}
		}
	}
}
