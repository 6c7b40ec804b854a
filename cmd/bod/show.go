package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

func (b *desk) showCommand() *cobra.Command {
	var eml bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: b.in("1通、または1回分のすべてを見る", "everything about one message or run"),
		Long: b.in(`メール（番号）や仕事の1回分（R から始まる番号、または JOB/PERIOD）、表の点検で見つかったこと
（F から始まる番号）について、記録にあるすべてを出します。状態、止めている理由、送ったときのサーバーの
返事、人の判断、もとにしたファイル、起きたこと、本文。--eml はしまってあるメールをそのまま出します。`,
			`Tells all that the ledger knows of a message (its number), a run (R..., or JOB/PERIOD) or
what a check of a table found (F...): states, why it is held, the server's words, people's
decisions, what it was made of, what happened, and the text. --eml prints the stored bytes
as they are.`),
		Example: `  bod show 2611-0044
  bod show hosting-acme/2026-11
  bod show 2611-0044 --eml > message.eml`,
		Args:              b.takes(1, 1),
		ValidArgsFunction: b.completeNumbers(true, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return b.show(cmd.Context(), args[0], eml)
		},
	}
	b.jsonFlag(cmd)
	cmd.Flags().BoolVar(&eml, "eml", false, b.in("しまってあるメールをそのまま出す", "the stored bytes of the message"))
	cmd.MarkFlagsMutuallyExclusive("json", "eml")
	return cmd
}

// eventJSON is one entry of the log, for programs.
type eventJSON struct {
	Seq    int64           `json:"seq"`
	At     string          `json:"at"`
	By     string          `json:"by"`
	User   string          `json:"user,omitempty"`
	Table  string          `json:"table"`
	Row    string          `json:"row"`
	Change json.RawMessage `json:"change"`
}

type attemptJSON struct {
	At     string `json:"at"`
	To     string `json:"to"`
	Result string `json:"result"`
	Stage  string `json:"stage"`
	Code   int    `json:"code,omitempty"`
	Words  string `json:"words"`
}

type decisionJSON struct {
	At     string `json:"at"`
	Person string `json:"person"`
	Yes    bool   `json:"yes"`
	Why    string `json:"why,omitempty"`
	User   string `json:"user,omitempty"`
}

func (b *desk) show(ctx context.Context, id string, eml bool) error {
	return b.view(ctx, func(c *config.Config, _ string, v *ledger.View) error {
		if findingNumber.MatchString(id) && !eml {
			f, err := v.FindingByNumber(id)
			if errors.Is(err, ledger.ErrNotFound) {
				return &fault{code: exitUsage, what: fmt.Sprintf(b.in("「%s」は記録に見つかりません", "couldn't find %q in the ledger"), id),
					next: b.in("番号は bod findings --all で見られます", "bod findings --all lists the numbers")}
			}
			if err != nil {
				return err
			}
			return b.showFinding(c, v, f)
		}
		t, err := b.find(v, id)
		if err != nil {
			return err
		}
		if t.message != nil {
			return b.showMessage(c, v, *t.message, eml)
		}
		if eml {
			ms, err := messagesOf(v, t.run.ID)
			if err != nil {
				return err
			}
			if len(ms) != 1 {
				return b.usage(calendar.Text{JA: fmt.Sprintf("この回のメールは %d 通あります。番号で示してください", len(ms)), EN: fmt.Sprintf("the run has %d messages; name one by its number", len(ms))}, calendar.Text{})
			}
			return b.showMessage(c, v, ms[0], true)
		}
		return b.showRun(c, v, *t.run)
	})
}

func messagesOf(v *ledger.View, run int64) ([]ledger.Message, error) {
	var ms []ledger.Message
	for m, err := range v.Messages(ledger.MessageQuery{Run: run}) {
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return ms, nil
}

func (b *desk) showMessage(c *config.Config, v *ledger.View, m ledger.Message, eml bool) error {
	body, err := v.Body(m.ID)
	if err != nil {
		return err
	}
	if eml {
		_, err := b.raw.Write(body)
		return err
	}
	attempts, err := v.Attempts(m.ID)
	if err != nil {
		return err
	}
	decisions, err := v.Decisions(m.ID)
	if err != nil {
		return err
	}
	events, err := v.EventsOf("message", strconv.FormatInt(m.ID, 10))
	if err != nil {
		return err
	}
	for _, d := range m.Deliveries {
		more, err := v.EventsOf("delivery", strconv.FormatInt(d.ID, 10))
		if err != nil {
			return err
		}
		events = append(events, more...)
	}
	slices.SortFunc(events, func(x, y ledger.Event) int { return int(x.Seq - y.Seq) })
	run, _ := v.Run(m.Run) // a notice has none
	checked, err := jobs.Checked(v, m)
	if err != nil {
		return err
	}
	before, err := jobs.PrecedentOf(c, v, m, b.now())
	if err != nil {
		return err
	}
	if b.json {
		var all []ledger.Message
		if run.ID != 0 {
			if all, err = messagesOf(v, run.ID); err != nil {
				return err
			}
		}
		return b.messageDetailJSON(m, run, all, checked, attempts, decisions, events, before)
	}

	rows := [][]string{{b.in("状態", "State"), jobs.MessageWords(m, b.lang)}}
	if run.ID != 0 {
		rows = append(rows, []string{b.in("仕事", "Job"), fmt.Sprintf(b.in("%s/%s（%s）", "%s/%s (%s)"), current(v, run.Job), run.Period, run.Number)})
	}
	if m.Addressee != "" {
		rows = append(rows, []string{b.in("あて先", "For"), m.Addressee})
	}
	if m.Amount != nil {
		rows = append(rows, []string{b.in("金額", "Amount"), fmt.Sprintf(b.in("%d円", "%d yen"), *m.Amount)})
	}
	rows = append(rows,
		[]string{b.in("予定", "Due"), b.moment(m.NotBefore)},
		[]string{b.in("作成", "Sealed"), b.moment(m.Sealed)},
		[]string{b.in("大きさ", "Size"), size(int(m.Size))},
		[]string{b.in("鍵", "Key"), m.Key},
		[]string{"Message-ID", m.MessageID},
		[]string{"SHA-256", m.Hash})
	if m.Predecessor != 0 {
		if p, err := v.Message(m.Predecessor); err == nil {
			rows = append(rows, []string{b.in("前のもの", "Follows"), p.Number})
		}
	}
	if m.ConfirmCount > 0 {
		said := fmt.Sprintf(b.in("%d / %d 人（%s）", "%d of %d (%s)"), len(m.Confirmed), m.ConfirmCount, strings.Join(m.ConfirmBy, ", "))
		if len(m.Confirmed) > 0 {
			said += b.in("　済み：", "  said yes: ") + strings.Join(m.Confirmed, ", ")
		}
		rows = append(rows, []string{b.in("確認", "Confirmed"), said})
	}
	b.say(b.in("メール %s\n", "Message %s\n"), m.Number)
	columns(b.out, "  ", rows)
	b.printDeliveries(m)
	if len(m.Holds) > 0 {
		b.section("送っていない理由", "Why it is not sent")
		for _, h := range m.Holds {
			by := ""
			if h.By.Name != "" {
				by = fmt.Sprintf(b.in("（%s、%s から）", " (%s, since %s)"), h.By.Name, b.moment(h.Since))
			}
			b.say(b.in("  ・%s%s\n", "  - %s%s\n"), nonEmptyOr(h.Text, b.holdWords(h.Reason)), by)
		}
	}
	b.printChecks(checked, "  ")
	if before != "" {
		b.section("前に同じことを決めたとき", "When the same was decided before")
		b.say("  %s\n", before)
	}
	if len(attempts) > 0 {
		b.section("送信の記録", "Attempts")
		for _, a := range attempts {
			b.say("  %s  %s  %s\n", b.moment(a.At), a.To, jobs.DeliveryWords(ledger.State(a.Result), b.lang))
			if a.Words != "" {
				code := ""
				if a.Code != 0 && !strings.HasPrefix(a.Words, strconv.Itoa(a.Code)) {
					code = strconv.Itoa(a.Code) + " "
				}
				b.say("    %s: %s%s\n", a.Stage, code, a.Words)
			}
		}
	}
	if len(decisions) > 0 {
		b.section("確認", "Decisions")
		for _, d := range decisions {
			b.say("  %s  %s: %s%s\n", b.moment(d.At), d.Person, b.yes(d.Yes), prefixed(b.in("　", "  "), d.Why))
		}
	}
	if err := b.printFindings("知らせること", "What it tells", c, v, ledger.FindingQuery{Message: m.ID}); err != nil {
		return err
	}
	b.section("もとにしたもの", "Made of")
	rows = nil
	for _, in := range m.Inputs {
		rows = append(rows, []string{in.Kind, in.Hash[:min(12, len(in.Hash))], in.Name})
	}
	columns(b.out, "  ", rows)
	b.printEvents(events, m)
	b.section("内容", "What it says")
	return b.printLetter(body, "  ")
}

// printChecks tells how the agreed checks came out, each with what was compared.
func (b *desk) printChecks(rs []jobs.Result, indent string) {
	if len(rs) == 0 {
		return
	}
	b.section("確かめたこと", "Checked")
	for _, r := range rs {
		b.say("%s%s\n", indent, r.Sentence(b.lang))
	}
}

func prefixedBy(s, sep string) string {
	if s == "" {
		return ""
	}
	return s + sep
}

// clipped is the beginning of what a run kept: a whole table may be in it. --json has all of it.
func clipped(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func (b *desk) yes(yes bool) string {
	if yes {
		return b.in("送ってよい", "yes")
	}
	return b.in("送らない", "no")
}

func prefixed(p, s string) string {
	if s == "" {
		return ""
	}
	return p + s
}

func nonEmptyOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// holdWords says a reason to hold that carries no words of its own.
func (b *desk) holdWords(r ledger.HoldReason) string {
	switch r {
	case ledger.NotDue:
		return b.in("送る時刻がまだです", "it is not due yet")
	case ledger.Confirmation:
		return b.in("確認を待っています", "it waits for a confirmation")
	case ledger.Check:
		return b.in("検査で止まっています", "a check holds it")
	case ledger.Late:
		return b.in("期日を過ぎています", "it is late")
	case ledger.Person:
		return b.in("人が止めています", "a person holds it")
	case ledger.Gone:
		return b.in("仕事か宛先が予定表にありません", "its job or address is not in the rules any more")
	case ledger.Restored:
		return b.in("控えから戻した記録です", "the ledger was restored")
	}
	return string(r)
}

func (b *desk) section(ja, en string) { b.say("\n%s\n", b.in(ja, en)) }

func (b *desk) printDeliveries(m ledger.Message) {
	b.section("宛先ごと", "To")
	roles := map[string]string{"to": b.in("宛先", "to"), "cc": b.in("写し", "cc"), "bcc": b.in("控え", "bcc")}
	var rows [][]string
	for _, d := range m.Deliveries {
		state := deliveryWords(m, d, b.lang)
		if !d.NextTry.IsZero() {
			state += fmt.Sprintf(b.in("（次は %s）", " (next try %s)"), b.moment(d.NextTry))
		}
		rows = append(rows, []string{roles[d.Role], d.Mail, state})
	}
	columns(b.out, "  ", rows)
}

// deliveryWords is the word for a delivery: why one is held is known of its message.
func deliveryWords(m ledger.Message, d ledger.Delivery, l calendar.Language) string {
	if d.State == ledger.StateHeld && m.State == ledger.StateHeld {
		return jobs.MessageWords(m, l)
	}
	return jobs.DeliveryWords(d.State, l)
}

// printEvents tells what happened to rows, briefly; --json has every column.
func (b *desk) printEvents(events []ledger.Event, m ledger.Message) {
	if len(events) == 0 {
		return
	}
	b.section("起きたこと", "What happened")
	var rows [][]string
	for _, e := range events {
		rows = append(rows, []string{b.moment(e.At), nonEmptyOr(e.Who.Name, e.Who.User), b.happened(e, m)})
	}
	columns(b.out, "  ", rows)
}

// happened says one event in words: the state it led to, else which columns it wrote.
func (b *desk) happened(e ledger.Event, m ledger.Message) string {
	var change map[string]json.RawMessage
	if err := json.Unmarshal(e.Change, &change); err != nil {
		return string(e.Change)
	}
	text := func(column string) string {
		var s string
		_ = json.Unmarshal(change[column], &s) // a column of another type has no text
		return s
	}
	about := ""
	if e.Table == "delivery" {
		for _, d := range m.Deliveries {
			if strconv.FormatInt(d.ID, 10) == e.Row {
				about = d.Mail + b.in("：", ": ")
			}
		}
	}
	switch {
	case e.Table == "message" && text("key") != "":
		return b.in("作成", "sealed")
	case e.Table == "delivery" && text("state") != "":
		return about + jobs.DeliveryWords(ledger.State(text("state")), b.lang) + prefixed(b.in("　", "  "), text("words"))
	case e.Table == "finding" && text("asks") != "":
		return b.in("見つかりました", "found")
	case e.Table == "finding" && text("state") == string(ledger.FindingNew):
		return b.in("もう一度お知らせします", "to be told again")
	case e.Table == "finding" && text("state") != "":
		return jobs.FindingWords(ledger.Finding{State: ledger.FindingState(text("state"))}, b.lang)
	case e.Table == "run" && text("state") != "":
		return jobs.RunWords(ledger.Run{State: ledger.RunState(text("state"))}, b.lang)
	}
	delete(change, "changed")
	return about + strings.Join(slices.Sorted(maps.Keys(change)), ", ")
}

func (b *desk) events(events []ledger.Event) []eventJSON {
	out := []eventJSON{}
	for _, e := range events {
		out = append(out, eventJSON{e.Seq, b.stamp(e.At), e.Who.Name, e.Who.User, e.Table, e.Row, e.Change})
	}
	return out
}

func (b *desk) messageDetailJSON(m ledger.Message, run ledger.Run, all []ledger.Message, checked []jobs.Result, attempts []ledger.Attempt, decisions []ledger.Decision, events []ledger.Event, before string) error {
	out := struct {
		Message   messageJSON    `json:"message"`
		Run       *runJSON       `json:"run,omitempty"`
		Checks    []jobs.Result  `json:"checks"`
		Attempts  []attemptJSON  `json:"attempts"`
		Decisions []decisionJSON `json:"decisions"`
		Inputs    []ledger.Input `json:"inputs"`
		Events    []eventJSON    `json:"events"`
		Last      string         `json:"last,omitempty"` // how the same was settled last
	}{Last: before, Message: b.messageJSON(m), Checks: append([]jobs.Result{}, checked...), Attempts: []attemptJSON{}, Decisions: []decisionJSON{}, Inputs: append([]ledger.Input{}, m.Inputs...), Events: b.events(events)}
	if run.ID != 0 {
		r := b.runJSON(run, all)
		out.Run = &r
	}
	for _, a := range attempts {
		out.Attempts = append(out.Attempts, attemptJSON{b.stamp(a.At), a.To, string(a.Result), a.Stage, a.Code, a.Words})
	}
	for _, d := range decisions {
		out.Decisions = append(out.Decisions, decisionJSON{b.stamp(d.At), d.Person, d.Yes, d.Why, d.By.User})
	}
	return b.list(out)
}

func (b *desk) showRun(c *config.Config, v *ledger.View, r ledger.Run) error {
	ms, err := messagesOf(v, r.ID)
	if err != nil {
		return err
	}
	events, err := v.EventsOf("run", strconv.FormatInt(r.ID, 10))
	if err != nil {
		return err
	}
	obs, err := v.Observations(r.ID)
	if err != nil {
		return err
	}
	checked, err := jobs.CheckedIn(v, r.ID)
	if err != nil {
		return err
	}
	before, err := jobs.PrecedentOfRun(c, v, r, b.now())
	if err != nil {
		return err
	}
	if b.json {
		out := struct {
			Run          runJSON           `json:"run"`
			Messages     []messageJSON     `json:"messages"`
			Observations map[string]string `json:"observations"`
			Events       []eventJSON       `json:"events"`
			Last         string            `json:"last,omitempty"` // how the same was settled last
		}{Last: before, Run: b.runJSON(r, ms), Messages: []messageJSON{}, Observations: map[string]string{}, Events: b.events(events)}
		for _, m := range ms {
			out.Messages = append(out.Messages, b.messageJSON(m))
		}
		for _, o := range obs {
			out.Observations[o.Name] = string(o.Value)
		}
		return b.list(out)
	}
	b.say(b.in("%s　%s/%s\n", "%s  %s/%s\n"), r.Number, current(v, r.Job), r.Period)
	rows := [][]string{{b.in("状態", "State"), jobs.RunWordsWith(r, ms, b.lang)}}
	if !r.Nominal.Equal(r.Due) {
		rows = append(rows, []string{b.in("本来の日時", "Nominal"), b.moment(r.Nominal)})
	}
	rows = append(rows, []string{b.in("予定", "Due"), b.moment(r.Due)})
	if !r.PrepareAt.IsZero() && !r.PrepareAt.Equal(r.Due) {
		rows = append(rows, []string{b.in("準備", "Prepared at"), b.moment(r.PrepareAt)})
	}
	if r.Generation > 1 {
		rows = append(rows, []string{b.in("何度目", "Generation"), strconv.Itoa(r.Generation)})
	}
	if r.State == ledger.RunWaiting && !r.NextLook.IsZero() {
		rows = append(rows, []string{b.in("次に見る時刻", "Looked at again"), b.moment(r.NextLook)})
	}
	if r.Said != "" {
		rows = append(rows, []string{b.in("結果", "Result"), r.Said})
	}
	columns(b.out, "  ", rows)
	if len(r.Reasons) > 0 {
		b.section("理由", "Why")
		for _, reason := range r.Reasons {
			b.say(b.in("  ・%s\n", "  - %s\n"), reason.Text)
			if reason.Next != "" {
				b.say("    → %s\n", reason.Next)
			}
		}
	}
	if before != "" {
		b.section("前に同じことを決めたとき", "When the same was decided before")
		b.say("  %s\n", before)
	}
	if len(ms) > 0 {
		b.section("メール", "Messages")
		for _, m := range ms {
			b.messageLine(m)
			passed := 0
			rs := checked.Of(m.Part, m.Inputs)
			for _, r := range rs {
				if r.Verdict == jobs.Passed {
					passed++
					continue
				}
				b.say("      %s\n", r.Sentence(b.lang))
			}
			if passed > 0 {
				b.say(b.in("      ○ 確認 %d 件のうち %d 件は合っています\n", "      ok: %[2]d of %[1]d checks\n"), len(rs), passed)
			}
		}
	}
	if err := b.printFindings("点検で見つかり、いまもそうか、この回に解決したこと", "Found by its checks, and still so or resolved by it", c, v, ledger.FindingQuery{Run: r.ID}); err != nil {
		return err
	}
	obs = slices.DeleteFunc(obs, jobs.IsChecked)
	if len(obs) > 0 {
		b.section("見たもの", "Seen")
		for _, o := range obs {
			b.say("  %s  %s\n", o.Name, clipped(string(o.Value)))
		}
	}
	b.printEvents(events, ledger.Message{})
	return nil
}
