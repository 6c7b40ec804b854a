package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// runJSON is a run, for programs.
type runJSON struct {
	Number  string          `json:"number"`
	Job     string          `json:"job"`
	Period  string          `json:"period"`
	State   ledger.RunState `json:"state"`
	Words   string          `json:"words"`
	Nominal string          `json:"nominal"`
	Due     string          `json:"due"`
	Prepare string          `json:"prepare,omitempty"`
	Late    bool            `json:"late,omitempty"`
	Again   int             `json:"generation,omitempty"`
	Reasons []ledger.Reason `json:"reasons,omitempty"`
	Changed string          `json:"changed"`
}

func (b *desk) runJSON(r ledger.Run, ms []ledger.Message) runJSON {
	out := runJSON{Number: r.Number, Job: r.Job, Period: r.Period, State: r.State, Words: jobs.RunWordsWith(r, ms, b.lang),
		Nominal: b.stamp(r.Nominal), Due: b.stamp(r.Due), Prepare: b.stamp(r.PrepareAt), Late: r.Late, Reasons: r.Reasons, Changed: b.stamp(r.Changed)}
	if r.Generation > 1 {
		out.Again = r.Generation
	}
	return out
}

// messageJSON is a message, for programs.
type messageJSON struct {
	Number     string         `json:"number"`
	Key        string         `json:"key"`
	Class      ledger.Class   `json:"class"`
	State      ledger.State   `json:"state"`
	Words      string         `json:"words"`
	Subject    string         `json:"subject"`
	Addressee  string         `json:"addressee,omitempty"`
	MessageID  string         `json:"message_id"`
	Sealed     string         `json:"sealed"`
	Date       string         `json:"date"`
	Size       int64          `json:"size"`
	Hash       string         `json:"sha256"`
	Amount     *int64         `json:"amount,omitempty"`
	Confirm    int            `json:"confirm,omitempty"`
	Confirmed  []string       `json:"confirmed,omitempty"`
	Holds      []holdJSON     `json:"holds,omitempty"`
	Deliveries []deliveryJSON `json:"deliveries"`
}

type holdJSON struct {
	Reason ledger.HoldReason `json:"reason"`
	Text   string            `json:"text,omitempty"`
	Since  string            `json:"since,omitempty"`
	By     string            `json:"by,omitempty"`
}

type deliveryJSON struct {
	To       string       `json:"to"`
	Role     string       `json:"role"`
	State    ledger.State `json:"state"`
	Words    string       `json:"words"`
	Attempts int          `json:"attempts"`
	Next     string       `json:"next_try,omitempty"`
	Said     string       `json:"said,omitempty"`
	Changed  string       `json:"changed"`
}

func (b *desk) messageJSON(m ledger.Message) messageJSON {
	out := messageJSON{Number: m.Number, Key: m.Key, Class: m.Class, State: m.State, Words: jobs.MessageWords(m, b.lang), Subject: m.Subject,
		Addressee: m.Addressee, MessageID: m.MessageID, Sealed: b.stamp(m.Sealed), Date: b.stamp(m.Date), Size: m.Size, Hash: m.Hash,
		Amount: m.Amount, Confirm: m.ConfirmCount, Confirmed: m.Confirmed, Deliveries: []deliveryJSON{}}
	for _, h := range m.Holds {
		out.Holds = append(out.Holds, holdJSON{h.Reason, h.Text, b.stamp(h.Since), h.By.Name})
	}
	for _, d := range m.Deliveries {
		out.Deliveries = append(out.Deliveries, deliveryJSON{d.Mail, d.Role, d.State, deliveryWords(m, d, b.lang), d.Attempts, b.stamp(d.NextTry), d.Words, b.stamp(d.Changed)})
	}
	return out
}

func (b *desk) runsCommand() *cobra.Command {
	var job string
	var states []string
	var days, limit int
	cmd := &cobra.Command{
		Use:   "runs",
		Short: b.in("行った回、待っている回の一覧", "the occurrences that were and are"),
		Long: b.in(`仕事の1回ずつの記録を、新しいものから出します。--days は、予定日が何日前からのものを
見るか。--only には planned、waiting（準備待ち）、drafted、done、failed、missed、
skipped のどれかを書きます。`,
			`Lists the record of each occurrence, newest first. --days is how many days back its due
day may lie. --only takes planned, waiting, drafted, done, failed, missed or skipped.`),
		Example: `  bod runs
  bod runs --job hosting-acme --days 365
  bod runs --only waiting --only failed --json`,
		Args: b.takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := ledger.RunQuery{Newest: true, Limit: limit}
			for _, s := range states {
				rs, ok := runState(s)
				if !ok {
					return b.usage(calendar.Text{JA: fmt.Sprintf("--only に「%s」は書けません", s), EN: fmt.Sprintf("there is no state %q of a run", s)},
						calendar.Text{JA: "書けるもの: " + strings.Join(runStates(), ", "), EN: "the states are: " + strings.Join(runStates(), ", ")})
				}
				q.States = append(q.States, rs)
			}
			return b.listRuns(cmd.Context(), q, job, days)
		},
	}
	b.jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&job, "job", "", b.in("この仕事だけ `JOB`", "only this job `JOB`"))
	f.StringSliceVar(&states, "only", nil, b.in("この状態だけ `STATE`", "only this state `STATE`"))
	f.IntVar(&days, "days", 31, b.in("何日前まで `N`（31、0 はすべて）", "how many days back, `N` (31; 0: all)"))
	f.IntVar(&limit, "limit", 200, b.in("多くても何件 `N`（200、0 はすべて）", "at most so many `N` (200; 0: all)"))
	b.completeFlag(cmd, "job", b.completeJobs(-1))
	b.completeFlag(cmd, "only", fixed(runStates()))
	return cmd
}

func runStates() []string {
	var out []string
	for _, s := range []ledger.RunState{ledger.RunPlanned, ledger.RunRunning, ledger.RunWaiting, ledger.RunDrafted, ledger.RunDone, ledger.RunFailed, ledger.RunMissed, ledger.RunSkipped} {
		out = append(out, string(s))
	}
	return out
}

func runState(s string) (ledger.RunState, bool) {
	return ledger.RunState(s), slices.Contains(runStates(), s)
}

// view opens the ledger and runs fn on one snapshot of it.
func (b *desk) view(ctx context.Context, fn func(c *config.Config, dir string, v *ledger.View) error) error {
	dir, c := b.place()
	l, err := b.reader(ctx, dir)
	if err != nil {
		return err
	}
	defer l.Close()
	return l.View(ctx, func(v *ledger.View) error { return fn(c, dir, v) })
}

func (b *desk) listRuns(ctx context.Context, q ledger.RunQuery, job string, days int) error {
	return b.view(ctx, func(_ *config.Config, _ string, v *ledger.View) error {
		var err error
		if q.Job, err = b.known(v, job); err != nil {
			return err
		}
		if days > 0 {
			q.DueFrom = b.daysAgo(days)
		}
		var all []ledger.Run
		drafted := map[int64][]ledger.Message{}
		for r, err := range v.Runs(q) {
			if err != nil {
				return err
			}
			all = append(all, r)
			if r.State == ledger.RunDrafted {
				if drafted[r.ID], err = messagesOf(v, r.ID); err != nil {
					return err
				}
			}
		}
		if b.json {
			out := make([]runJSON, 0, len(all))
			for _, r := range all {
				out = append(out, b.runJSON(r, drafted[r.ID]))
			}
			return b.list(struct {
				Runs []runJSON `json:"runs"`
			}{out})
		}
		if len(all) == 0 {
			b.say("%s\n", b.in("当てはまる記録はありません", "no such runs"))
		}
		var rows [][]string
		for _, r := range all {
			rows = append(rows, []string{r.Number, b.moment(r.Due), jobs.RunWordsWith(r, drafted[r.ID], b.lang), current(v, r.Job) + "/" + r.Period})
		}
		columns(b.out, "", rows)
		return nil
	})
}

// current is the name that a job has in the rules now; the ledger keeps its first one.
func current(v *ledger.View, identity string) string {
	if j, err := v.Job(identity); err == nil && j.Current != "" {
		return j.Current
	}
	return identity
}

// known is a job's identity in the ledger.
func (b *desk) known(v *ledger.View, job string) (string, error) {
	if job == "" {
		return "", nil
	}
	j, err := v.Job(job)
	if err != nil {
		return "", &fault{code: exitUsage, what: fmt.Sprintf(b.in("「%s」という仕事は記録にありません", "the ledger has no job %q"), job),
			next: b.in("bod next で名前を確かめてください", "see the names with bod next")}
	}
	return j.Name, nil
}

// daysAgo is the start of the day so many days ago.
func (b *desk) daysAgo(n int) time.Time {
	return calendar.DateOf(b.now().In(b.zone)).AddDays(-n).At(calendar.Clock{}, b.zone)
}

func (b *desk) messagesCommand() *cobra.Command {
	var job, to string
	var states []string
	var days, limit int
	var all bool
	cmd := &cobra.Command{
		Use:   "messages",
		Short: b.in("メールの一覧", "the messages that were and are"),
		Long: b.in(`作られたメールを、新しいものから出します。bod 自身のお知らせは --all で出ます。
--only には held（保留・確認待ち）、queued、deferred、sent、written、failed、
unknown、rejected、replaced、"by hand" のどれかを書きます。`,
			`Lists the messages, newest first; bod's own notices with --all. --only takes held, queued,
deferred, sent, written, failed, unknown, rejected, replaced or "by hand".`),
		Example: `  bod messages
  bod messages --only unknown --only failed
  bod messages --to ap@acme.example --days 365 --json`,
		Args: b.takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := ledger.MessageQuery{Newest: true, Limit: limit, Recipient: to}
			for _, s := range states {
				s = strings.ReplaceAll(s, "-", " ")
				if !slices.Contains(messageStates(), s) {
					return b.usage(calendar.Text{JA: fmt.Sprintf("--only に「%s」は書けません", s), EN: fmt.Sprintf("there is no state %q of a message", s)},
						calendar.Text{JA: "書けるもの: " + strings.Join(messageStates(), ", "), EN: "the states are: " + strings.Join(messageStates(), ", ")})
				}
				q.States = append(q.States, ledger.State(s))
			}
			return b.listMessages(cmd.Context(), q, job, days, all)
		},
	}
	b.jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&job, "job", "", b.in("この仕事だけ `JOB`", "only this job `JOB`"))
	f.StringVar(&to, "to", "", b.in("この宛先だけ `MAIL`", "only to this address: `MAIL`"))
	f.StringSliceVar(&states, "only", nil, b.in("この状態だけ `STATE`", "only this state `STATE`"))
	f.IntVar(&days, "days", 31, b.in("何日前まで `N`（31、0 はすべて）", "how many days back, `N` (31; 0: all)"))
	f.IntVar(&limit, "limit", 200, b.in("多くても何件 `N`（200、0 はすべて）", "at most so many `N` (200; 0: all)"))
	f.BoolVarP(&all, "all", "a", false, b.in("bod 自身のお知らせも出す", "bod's own notices too"))
	b.completeFlag(cmd, "job", b.completeJobs(-1))
	b.completeFlag(cmd, "only", fixed(messageStates()))
	return cmd
}

func messageStates() []string {
	var out []string
	for _, s := range []ledger.State{ledger.StateHeld, ledger.StateQueued, ledger.StateClaimed, ledger.StateSending, ledger.StateDeferred, ledger.StateSent,
		ledger.StateWritten, ledger.StateFailed, ledger.StateUnknown, ledger.StateByHand, ledger.StateRejected, ledger.StateReplaced} {
		out = append(out, string(s))
	}
	return out
}

func (b *desk) listMessages(ctx context.Context, q ledger.MessageQuery, job string, days int, notices bool) error {
	return b.view(ctx, func(_ *config.Config, _ string, v *ledger.View) error {
		var err error
		if q.Job, err = b.known(v, job); err != nil {
			return err
		}
		if days > 0 {
			q.SealedFrom = b.daysAgo(days)
		}
		// Notices are left out here and not by the query, so the limit is counted here too.
		limit := q.Limit
		q.Limit = 0
		var all []ledger.Message
		for m, err := range v.Messages(q) {
			if err != nil {
				return err
			}
			if m.Class == ledger.ClassNotice && !notices {
				continue
			}
			all = append(all, m)
			if limit > 0 && len(all) == limit {
				break
			}
		}
		if b.json {
			out := make([]messageJSON, 0, len(all))
			for _, m := range all {
				out = append(out, b.messageJSON(m))
			}
			return b.list(struct {
				Messages []messageJSON `json:"messages"`
			}{out})
		}
		if len(all) == 0 {
			b.say("%s\n", b.in("当てはまるメールはありません", "no such messages"))
		}
		for _, m := range all {
			b.messageLine(m)
		}
		return nil
	})
}

// messageLine is one message in two lines, which fit a terminal of 80 columns.
func (b *desk) messageLine(m ledger.Message) {
	columns(b.out, "", [][]string{{m.Number, b.moment(m.Date), jobs.MessageWords(m, b.lang)}})
	b.say("           %s\n", m.Subject)
	var to []string
	for _, d := range m.Deliveries {
		if d.Role != "bcc" {
			to = append(to, d.Mail)
		}
	}
	line := strings.Join(to, ", ")
	if len(to) > 3 {
		line = fmt.Sprintf(b.in("%s ほか %d 件", "%s and %d more"), strings.Join(to[:3], ", "), len(to)-3)
	}
	b.say("           → %s\n", line)
}
