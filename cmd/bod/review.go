package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

func (b *desk) reviewCommand() *cobra.Command {
	var month, who string
	cmd := &cobra.Command{
		Use:   "review",
		Short: b.in("1か月をふりかえる", "what a month teaches"),
		Long: b.in(`その月に人の手が要ったことと理由、送る前に止めたものと金額、片付くまでの時間、
いつも当たる確認と当たらない確認、理由を添えて決めたことを、記録だけからまとめます。
--month がなければ先月です。--for は、その人の担当の分だけを出します。`,
			`Tells of a month what needed a person and why, what was held back in time with the amounts,
how long it took, which checks were always or never wrong, and what was decided with a
reason. It reads the record alone. Without --month it is the last one; --for tells one
person's part.`),
		Example: `  bod review
  bod review --month 2026-10
  bod review --for sato --json`,
		Args: b.takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return b.review(cmd.Context(), month, who) },
	}
	b.jsonFlag(cmd)
	cmd.Flags().StringVar(&month, "month", "", b.in("どの月か `YYYY-MM`（なければ先月）", "which month, `YYYY-MM` (the last one)"))
	cmd.Flags().StringVar(&who, "for", "", b.in("この人の担当の分だけ `NAME`", "this person's part alone `NAME`"))
	return cmd
}

func (b *desk) review(ctx context.Context, month, who string) error {
	return b.view(ctx, func(c *config.Config, _ string, v *ledger.View) error {
		if c == nil {
			return b.fail(nil, calendar.Text{JA: "予定表を読めないので、ふりかえれません", EN: "couldn't review the month: the rules cannot be read"},
				calendar.Text{JA: "bod check で直すところを確かめてください", EN: "see what to mend with: bod check"})
		}
		now := b.now()
		first := calendar.DateOf(now.In(c.Zone))
		first.Day = 1
		if month == "" {
			first = first.AddDays(-1)
			first.Day = 1
		} else {
			t, err := time.Parse("2006-01", month)
			if err != nil {
				return b.usage(calendar.Text{JA: fmt.Sprintf("--month に「%s」は書けません", month), EN: fmt.Sprintf("%q is not a month", month)},
					calendar.Text{JA: "2026-10 のように書いてください", EN: "write it like 2026-10"})
			}
			d := calendar.DateOf(t)
			if first.Before(d) {
				return b.usage(calendar.Text{JA: fmt.Sprintf("%s はまだ来ていません", month), EN: fmt.Sprintf("%s has not come yet", month)},
					calendar.Text{JA: "今月か、前の月を書いてください", EN: "name this month or one before"})
			}
			first = d
		}
		var person *config.Person
		if who != "" {
			if person = c.People[who]; person == nil {
				return b.usage(calendar.Text{JA: fmt.Sprintf("「%s」さんは [people] に見つかりません", who), EN: fmt.Sprintf("couldn't find %q in [people]", who)},
					calendar.Text{JA: "--for には [people] の名前を書いてください", EN: "--for takes a name of [people]"})
			}
		}
		r, err := jobs.ReviewOf(c, v, first, person, now)
		if err != nil {
			return err
		}
		if b.json {
			return b.list(b.reviewJSON(r))
		}
		b.say("%s", r.Text())
		return nil
	})
}

// reviewJSON is a review, for programs. Lengths of time are in seconds.
type reviewJSON struct {
	Month     string        `json:"month"`
	For       string        `json:"for,omitempty"`
	Until     string        `json:"until"`
	Begins    string        `json:"begins,omitempty"` // of the record, where that is within the month
	Gaps      [][2]string   `json:"gaps,omitempty"`
	Messages  int           `json:"messages"`
	Events    []eventOfJSON `json:"events"`
	HeldBack  int           `json:"held_back"`
	AtStake   int64         `json:"at_stake"`
	Confirmed confirmedJSON `json:"confirmations"`
	Checks    []checkJSON   `json:"checks"`
	Rows      []rowsJSON    `json:"rows"`
}

type confirmedJSON struct {
	Runs int `json:"runs"`
	No   int `json:"no"`
	Open int `json:"open"`
}

type eventOfJSON struct {
	What     string   `json:"what"`
	Code     string   `json:"code,omitempty"`
	Words    string   `json:"words"`
	Job      string   `json:"job,omitempty"`
	Title    string   `json:"title"`
	Numbers  []string `json:"numbers"`
	Seen     string   `json:"seen,omitempty"`
	Since    string   `json:"since"`
	Ended    string   `json:"ended,omitempty"`
	Seconds  int64    `json:"seconds,omitempty"`
	HeldBack int      `json:"held_back,omitempty"` // letters
	AtStake  int64    `json:"at_stake,omitempty"`
	How      string   `json:"how,omitempty"`
	By       string   `json:"by,omitempty"`
	Why      string   `json:"why,omitempty"`
}

type checkJSON struct {
	Job      string `json:"job"`
	Title    string `json:"title"`
	Check    string `json:"check"`
	Ran      int    `json:"ran"`
	Wrong    int    `json:"wrong"`
	Unjudged int    `json:"unjudged"`
	Since    string `json:"since"`
}

type rowsJSON struct {
	Job      string `json:"job"`
	Title    string `json:"title"`
	Found    int    `json:"found"`
	Mended   int    `json:"mended"`
	Gone     int    `json:"gone"`
	Accepted int    `json:"accepted"`
	Open     int    `json:"open"`
}

func (b *desk) reviewJSON(r *jobs.Review) reviewJSON {
	out := reviewJSON{Month: fmt.Sprintf("%d-%02d", r.First.Year, r.First.Month), Until: b.stamp(r.Until), Begins: b.stamp(r.Begins), Messages: r.Went.Messages,
		Confirmed: confirmedJSON{r.Asked.Runs, r.Asked.No, r.Asked.Open}, Events: []eventOfJSON{}, Checks: []checkJSON{}, Rows: []rowsJSON{}}
	if r.Person != nil {
		out.For = r.Person.ID
	}
	for _, g := range r.Gaps {
		out.Gaps = append(out.Gaps, [2]string{b.stamp(g.From), b.stamp(g.To)})
	}
	for _, e := range r.Events {
		x := eventOfJSON{What: e.What, Code: e.Code, Words: e.Reason, Job: e.Job, Title: e.Title, Numbers: append([]string{}, e.Numbers...), Seen: e.Seen,
			Since: b.stamp(e.Since), Ended: b.stamp(e.Ended), HeldBack: len(e.Back), How: e.How, By: e.By, Why: e.Why}
		if !e.Ended.IsZero() {
			x.Seconds = int64(e.Ended.Sub(e.Since).Seconds())
		}
		for _, h := range e.Back {
			if h.Amount != nil {
				x.AtStake += *h.Amount
			}
		}
		out.HeldBack, out.AtStake = out.HeldBack+x.HeldBack, out.AtStake+x.AtStake
		out.Events = append(out.Events, x)
	}
	for _, t := range r.Checks {
		out.Checks = append(out.Checks, checkJSON{t.Job, t.Title, t.Check, t.Ran, t.Fired, t.Unjudged, b.stamp(t.Since)})
	}
	for _, t := range r.Rows {
		out.Rows = append(out.Rows, rowsJSON{t.Job, t.Title, t.Found, t.Mended, t.Gone, t.Accepted, t.Open})
	}
	return out
}
