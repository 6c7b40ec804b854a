package jobs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// deliveryWords are the words for the states of a delivery: the same in mail, command and page.
var deliveryWords = map[ledger.State]calendar.Text{
	ledger.StateHeld:     {JA: "保留", EN: "on hold"},
	ledger.StateQueued:   {JA: "送信中", EN: "going out"},
	ledger.StateClaimed:  {JA: "送信中", EN: "going out"},
	ledger.StateSending:  {JA: "送信中", EN: "going out"},
	ledger.StateDeferred: {JA: "再送待ち（自動で送り直します）", EN: "to be tried again (by itself)"},
	ledger.StateSent:     {JA: "送信済み", EN: "sent"},
	ledger.StateWritten:  {JA: "試し書き出し", EN: "written as a trial"},
	ledger.StateFailed:   {JA: "送れませんでした", EN: "could not be sent"},
	ledger.StateUnknown:  {JA: "届いたか不明", EN: "not known whether it arrived"},
	ledger.StateByHand:   {JA: "手作業で済み", EN: "done by hand"},
	ledger.StateRejected: {JA: "取りやめ", EN: "called off"},
	ledger.StateReplaced: {JA: "差し替え済み", EN: "replaced by a newer one"},
}

// runWords are the words for the states of a run.
var runWords = map[ledger.RunState]calendar.Text{
	ledger.RunPlanned: {JA: "予定", EN: "planned"},
	ledger.RunRunning: {JA: "準備中", EN: "being prepared"},
	ledger.RunWaiting: {JA: "準備待ち", EN: "waiting for something"},
	ledger.RunDrafted: {JA: "準備できています", EN: "ready"},
	ledger.RunDone:    {JA: "完了", EN: "done"},
	ledger.RunFailed:  {JA: "送れませんでした", EN: "could not be done"},
	ledger.RunMissed:  {JA: "実施できず", EN: "not done in time"},
	ledger.RunSkipped: {JA: "見送り", EN: "left out"},
}

// findingWords are the words for the states of a finding.
var findingWords = map[ledger.FindingState]calendar.Text{
	ledger.FindingNew:      {JA: "まだお知らせしていません", EN: "not told yet"},
	ledger.FindingTold:     {JA: "お知らせ済み", EN: "told"},
	ledger.FindingReminded: {JA: "再度お知らせ", EN: "told again"},
	ledger.FindingResolved: {JA: "解決", EN: "resolved"},
	ledger.FindingAccepted: {JA: "このままでよい", EN: "may stay as it is"},
}

// FindingWords is the word for a finding's state. A mail that tells it and waits for its confirmation is on its way to
// nobody: the word says so.
func FindingWords(f ledger.Finding, l calendar.Language) string {
	if f.State == ledger.FindingNew && f.Pending != 0 {
		if f.PendingQueued {
			return calendar.Text{JA: "お知らせを送信中", EN: "being told"}.In(l)
		}
		return calendar.Text{JA: "お知らせの送信待ち", EN: "waits to be told"}.In(l)
	}
	if t, ok := findingWords[f.State]; ok {
		return t.In(l)
	}
	return string(f.State)
}

// OpenFindings are the states of what a check finds and nobody has put right or accepted.
var OpenFindings = []ledger.FindingState{ledger.FindingNew, ledger.FindingTold, ledger.FindingReminded}

// FindingAge is the number of business days for which a finding has stood, the first included.
func FindingAge(c *config.Config, job string, f ledger.Finding, now time.Time) int {
	if c == nil {
		return 1 + int(now.Sub(f.First).Hours()/24)
	}
	days := c.Days
	if j := c.Job(job); j != nil {
		days = j.Days
	}
	n := 1
	today := calendar.DateOf(now.In(c.Zone))
	for d := calendar.DateOf(f.First.In(c.Zone)); d.Before(today) && n < 1000; {
		if d = d.AddDays(1); days == nil || days.IsOpen(d) {
			n++
		}
	}
	return n
}

// MessageWords is the word for a message's state as mail, command and page say it: 確認待ち, 準備できています, 送信済み …
func MessageWords(m ledger.Message, l calendar.Language) string {
	if m.State != ledger.StateHeld {
		return DeliveryWords(m.State, l)
	}
	has := func(rs ...ledger.HoldReason) bool {
		return slices.ContainsFunc(m.Holds, func(h ledger.Hold) bool { return slices.Contains(rs, h.Reason) })
	}
	switch {
	case has(ledger.Check, ledger.Person, ledger.Gone, ledger.Restored):
		return DeliveryWords(ledger.StateHeld, l)
	case has(ledger.Late):
		return calendar.Text{JA: "期日超過・確認待ち", EN: "past its day, waiting for a word"}.In(l)
	case has(ledger.Confirmation):
		return calendar.Text{JA: "確認待ち", EN: "waiting for confirmation"}.In(l)
	case has(ledger.NotDue):
		return calendar.Text{JA: "準備できています", EN: "ready"}.In(l)
	}
	// No reason is left: it leaves with the next look.
	return DeliveryWords(ledger.StateQueued, l)
}

// DeliveryWords is the word for one delivery's state.
func DeliveryWords(s ledger.State, l calendar.Language) string {
	if t, ok := deliveryWords[s]; ok {
		return t.In(l)
	}
	return string(s)
}

// RunWords is the word for a run's state.
func RunWords(r ledger.Run, l calendar.Language) string {
	if t, ok := runWords[r.State]; ok {
		return t.In(l)
	}
	return string(r.State)
}

// RunWordsWith is the word for a run with its messages: once it is drafted, it is what the worst of them is. "Ready" for
// a run that nobody has confirmed, or whose message may not have arrived, would be a false word.
func RunWordsWith(r ledger.Run, ms []ledger.Message, l calendar.Language) string {
	if r.State != ledger.RunDrafted {
		return RunWords(r, l)
	}
	rank := func(m ledger.Message) int {
		if m.State == ledger.StateHeld && !slices.ContainsFunc(m.Holds, func(h ledger.Hold) bool { return h.Reason != ledger.NotDue }) {
			return len(openStates) // ready: better than what is on its way
		}
		return slices.Index(openStates, m.State)
	}
	worst, word := len(openStates)+1, RunWords(r, l)
	for _, m := range ms {
		if n := rank(m); m.Class != ledger.ClassNotice && n >= 0 && n < worst {
			worst, word = n, MessageWords(m, l)
		}
	}
	return word
}

// openStates are the states in which something is still to come, the worst first.
var openStates = []ledger.State{ledger.StateUnknown, ledger.StateFailed, ledger.StateHeld, ledger.StateDeferred, ledger.StateSending, ledger.StateClaimed, ledger.StateQueued}

// ConfirmSet are the messages of a run that a confirmation is about: those that are held and were to be confirmed.
// It stays the same while several people say yes one after another, and changes with anything that is drafted anew.
func ConfirmSet(ms []ledger.Message) []ledger.Message {
	var out []ledger.Message
	for _, m := range ms {
		if _, held := deliveriesIn(m, ledger.StateHeld); held && m.Class == ledger.ClassLetter && m.ConfirmCount > 0 {
			out = append(out, m)
		}
	}
	return out
}

// SetDigest binds a confirmation to the messages of a run that a person saw: a hash over their numbers and bytes. Eight characters of it are shown.
func SetDigest(ms []ledger.Message) string {
	var lines []string
	for _, m := range ms {
		lines = append(lines, m.Number+" "+m.Hash)
	}
	slices.Sort(lines)
	return hash([]byte(strings.Join(lines, "\n")))
}

// shownSet is as much of a set's digest as a person copies.
func shownSet(ms []ledger.Message) string { return SetDigest(ms)[:8] }

// moment says a day and a time of day: 2026年11月26日（木）12:00.
func moment(t time.Time, l calendar.Language) string {
	if l == calendar.English {
		return calendar.DateOf(t).Long(l) + ", " + hour(t)
	}
	return calendar.DateOf(t).Long(l) + hour(t)
}

// shortMoment says it briefly: 11/26(木) 12:00.
func shortMoment(t time.Time, l calendar.Language) string {
	return calendar.DateOf(t).Short(l) + " " + hour(t)
}

// hour is the time of day: 9:30.
func hour(t time.Time) string { return strings.TrimSpace(clockOf(t)) }

// clockOf is the time of day of five columns, so that a list stays in line: " 9:30", "10:00".
func clockOf(t time.Time) string { return fmt.Sprintf("%2d:%02d", t.Hour(), t.Minute()) }

// relative says a moment as one says it on a day: あす12:00, きょう15:00, else 11/30(月) 12:00.
func relative(t, now time.Time, l calendar.Language) string {
	day := relativeDay(t, now, l)
	if l == calendar.English || day == calendar.DateOf(t).Short(l) {
		day += " "
	}
	return day + hour(t)
}

// relativeDay says a day as one says it on another: きょう, あす, else 11/30(月).
func relativeDay(t, now time.Time, l calendar.Language) string {
	today := calendar.DateOf(now)
	switch calendar.DateOf(t) {
	case today:
		return calendar.Text{JA: "きょう", EN: "today"}.In(l)
	case today.AddDays(1):
		return calendar.Text{JA: "あす", EN: "tomorrow"}.In(l)
	}
	return calendar.DateOf(t).Short(l)
}

// yen writes an amount: 110,000円.
func yen(n int64, l calendar.Language) string {
	s := group(n)
	if l == calendar.English {
		return s + " yen"
	}
	return s + "円"
}

// group writes a number with a comma every three digits.
func group(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// names joins people as they are spoken of.
func names(ps []*config.Person, say func(*config.Person, calendar.Language) string, l calendar.Language) string {
	var out []string
	for _, p := range ps {
		out = append(out, say(p, l))
	}
	return strings.Join(out, calendar.Text{JA: "、", EN: ", "}.In(l))
}

// people finds the people of jobs.toml by their IDs; those who are gone are left out.
func people(c *config.Config, ids []string) []*config.Person {
	var out []*config.Person
	for _, id := range ids {
		if p := c.People[id]; p != nil {
			out = append(out, p)
		}
	}
	return out
}

// codeReleased is the reason that the daemon writes where a person began a run or let it go: it says who, and nothing is
// missing for it.
const codeReleased = "released"

// NeedsNobody reports whether a reason asks nothing of anybody: it passes by itself within moments, or says who began it.
func NeedsNobody(r ledger.Reason) bool { return r.Code == codeGrowing || r.Code == codeReleased }
