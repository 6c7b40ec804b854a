package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// coming is one occurrence in the list of what will happen.
type coming struct {
	job     *config.Job
	o       calendar.Occurrence
	skipped bool       // dropped because its day is closed
	beyond  bool       // after the end of the holiday table
	run     ledger.Run // what the ledger knows of it; none: the zero Run
	word    string     // for the run with its messages, as every other command says it
	why     string     // what stands beside the word: who left it out and why, or when it was done
}

// dropped reports whether it does not happen because a person left it out.
func (x coming) dropped() bool { return x.run.State == ledger.RunSkipped }

// comingJSON is a coming for programs.
type comingJSON struct {
	Job     string `json:"job"`
	Title   string `json:"title,omitempty"`
	Kind    string `json:"kind"`
	Period  string `json:"period"`
	About   string `json:"about"`
	Nominal string `json:"nominal"`
	Due     string `json:"due,omitempty"`
	Prepare string `json:"prepare,omitempty"`
	Shifted string `json:"shifted,omitempty"`
	Skipped bool   `json:"skipped,omitempty"`
	State   string `json:"state,omitempty"` // of its run, where the ledger has one
	Word    string `json:"word,omitempty"`
	Why     string `json:"why,omitempty"`
	Beyond  bool   `json:"beyond_holidays,omitempty"`
}

func (b *desk) nextCommand() *cobra.Command {
	var from string
	var days int
	var ics bool
	cmd := &cobra.Command{
		Use:   "next [JOB...]",
		Short: b.in("これからの予定を見る", "what will happen, and on which days"),
		Long: b.in(`これからの予定を、日時の順に出します。休みのために日がずれるものは、もとの日と理由を
添えます。祝日の表が途中で終わるときは、その先の日付に * を付けます（まだ変わるかも
しれません）。bod run が使うのと同じ暦で数えます。記録があれば、見送りにした回や前もって
送った回、確認を待っている回は、そのことを添えます（--json では state、word、why）。--ics は、
見送りにした回を取り消し（STATUS:CANCELLED）として出すので、前に取り込んだ予定も消えます。`,
			`Lists what will happen, by date. Where a closed day moves something, its own day and the
reason are told. Dates after the end of the holiday table are marked with *, for they may
still change. It counts with the very calendar that bod run uses. Where there is a ledger,
what was left out, was done early or waits for somebody says so (--json: state, word and
why). --ics calls off what was left out (STATUS:CANCELLED), so that a calendar which took it
in before drops it.`),
		Example: b.in(`  bod next
  bod next hosting-acme --days 365
  bod next --from 2026-12-01 --days 31
  bod next --days 365 --ics > 予定.ics    カレンダーに取り込む`, `  bod next
  bod next hosting-acme --days 365
  bod next --from 2026-12-01 --days 31
  bod next --days 365 --ics > bod.ics     for a calendar program`),
		ValidArgsFunction: b.completeJobs(-1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return b.next(cmd.Context(), args, from, days, ics)
		},
	}
	b.jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&from, "from", "", b.in("この日から `DATE`（なければ、いまから）", "from this day on `DATE`; else from now"))
	f.IntVar(&days, "days", 31, b.in("何日先まで見るか `N`（31）", "how many days ahead, `N` (31)"))
	f.BoolVar(&ics, "ics", false, b.in("カレンダーの形（iCalendar）で出す", "as iCalendar (RFC 5545)"))
	return cmd
}

func (b *desk) next(ctx context.Context, names []string, from string, days int, ics bool) error {
	c, err := b.rules()
	if err != nil {
		return err
	}
	if days < 1 || days > 3700 {
		return b.usage(calendar.Text{JA: "--days は 1 から 3700 までです", EN: "--days is a number from 1 to 3700"}, calendar.Text{})
	}
	selected, err := b.pick(c, names)
	if err != nil {
		return err
	}
	// An occurrence due at this very moment still is to come.
	start := b.now().Add(-time.Second)
	if from != "" {
		d, p := calendar.ParseDate(from)
		if p != nil {
			return b.usage(calendar.Text{JA: "--from の日付を読み取れません。" + p.What.JA, EN: "couldn't read the date of --from: " + p.What.EN}, p.Next)
		}
		start = d.At(calendar.Clock{}, c.Zone).Add(-time.Second)
	}
	first := calendar.DateOf(start.Add(time.Second).In(c.Zone))
	end := first.AddDays(days).At(calendar.Clock{}, c.Zone).Add(-time.Second)

	all := comings(selected, start, end)
	stopped := b.remember(ctx, c.StateDir(b.state, os.Getenv("STATE_DIRECTORY")), all)
	if ics {
		return b.writeICS(c, all)
	}
	if b.json {
		out := make([]comingJSON, 0, len(all))
		for _, x := range all {
			out = append(out, b.comingJSON(x))
		}
		return b.list(struct {
			From    string       `json:"from"`
			Until   string       `json:"until"`
			Next    []comingJSON `json:"next"`
			Stopped []flagJSON   `json:"stopped,omitempty"`
		}{b.stamp(start.Add(time.Second)), b.stamp(end), out, b.flagsJSON(stopped)})
	}
	b.printComings(c, selected, all, end, len(names) > 0)
	for i, f := range stopped {
		if i == 0 {
			b.say("\n")
		}
		b.say("%s\n", b.pausedWords(f.Name, f.Text))
	}
	return nil
}

// pick finds the named jobs; none named means all that are not resting.
func (b *desk) pick(c *config.Config, names []string) ([]*config.Job, error) {
	if len(names) == 0 {
		var all []*config.Job
		for _, j := range c.Jobs {
			if !j.Disabled {
				all = append(all, j)
			}
		}
		return all, nil
	}
	var picked []*config.Job
	for _, n := range names {
		j, err := b.job(c, n)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(picked, j) {
			picked = append(picked, j)
		}
	}
	return picked, nil
}

// job finds one job, or names the nearest ones.
func (b *desk) job(c *config.Config, name string) (*config.Job, error) {
	if j := c.Job(name); j != nil {
		return j, nil
	}
	var near []string
	for _, j := range c.Jobs {
		if strings.Contains(j.Name, name) || strings.Contains(name, j.Name) || strings.HasPrefix(j.Name, name[:min(3, len(name))]) {
			near = append(near, j.Name)
		}
	}
	if len(near) == 0 || len(near) > 12 {
		near = nil
		for _, j := range c.Jobs[:min(12, len(c.Jobs))] {
			near = append(near, j.Name)
		}
	}
	return nil, &fault{code: exitUsage,
		what: fmt.Sprintf(b.in("「%s」という仕事は予定表にありません", "there is no job %q in the rules"), name),
		next: b.in("予定表にある名前: ", "the rules have: ") + strings.Join(near, ", ")}
}

// comings are the occurrences with start < due <= end, and those that are
// dropped on a closed day, in the order of their days.
func comings(picked []*config.Job, start, end time.Time) []coming {
	var all []coming
	for _, j := range picked {
		known := j.Days.KnownUntil()
		beyond := func(t time.Time) bool { return !known.IsZero() && known.Before(calendar.DateOf(t)) }
		for _, o := range j.When.Due(start, end) {
			all = append(all, coming{job: j, o: o, beyond: beyond(o.Due) || beyond(o.Nominal)})
		}
		for _, o := range j.When.Skipped(start, end) {
			all = append(all, coming{job: j, o: o, skipped: true, beyond: beyond(o.Nominal)})
		}
	}
	slices.SortStableFunc(all, func(x, y coming) int { return cmp.Or(x.at().Compare(y.at()), cmp.Compare(x.job.Line, y.job.Line)) })
	return all
}

// remember adds to the occurrences what the ledger knows of them, and returns the stops of people. That no ledger is
// there is nothing to tell, for a look ahead needs the rules alone; one that cannot be read is told, for then the list
// may promise what somebody has left out.
func (b *desk) remember(ctx context.Context, dir string, all []coming) (stops []ledger.Flag) {
	l, err := ledger.OpenReader(ctx, dir)
	if errors.Is(err, ledger.ErrNone) {
		return nil
	}
	if err == nil {
		defer l.Close()
		err = l.View(ctx, func(v *ledger.View) error {
			flags, err := v.Flags()
			if err != nil {
				return err
			}
			for _, f := range flags {
				if f.Name == flagStopped || strings.HasPrefix(f.Name, flagStopped+"/") {
					stops = append(stops, f)
				}
			}
			// A name of old may be another job's now: the job that bears it today comes first.
			identity := map[string]string{}
			for j, err := range v.Jobs() {
				if err != nil {
					return err
				}
				if !j.Gone {
					identity[j.Current] = j.Name
				}
			}
			for i := range all {
				job, ok := identity[all[i].job.Name]
				if !ok {
					j, err := v.Job(all[i].job.Name) // one that rests
					if err != nil {
						continue // not seen yet
					}
					job = j.Name
				}
				if err := b.recall(v, job, &all[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		fmt.Fprintf(b.err, b.in("注意: 記録（%s）を読めないので、見送りにした回なども予定どおりに出します: %v\n",
			"note: the ledger in %s cannot be read, so what was left out is listed as the rules have it: %v\n"), dir, err)
	}
	return stops
}

// recall finds an occurrence's run and words it.
func (b *desk) recall(v *ledger.View, job string, x *coming) error {
	r, err := v.RunOf(job, x.o.Period)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	ms, err := messagesOf(v, r.ID)
	if err != nil {
		return err
	}
	x.run, x.word = r, jobs.RunWordsWith(r, ms, b.lang)
	switch r.State {
	case ledger.RunSkipped, ledger.RunMissed, ledger.RunWaiting, ledger.RunFailed:
		if n := len(r.Reasons); n > 0 {
			x.why = r.Reasons[n-1].Text
		}
	case ledger.RunDone:
		x.why = b.moment(r.Changed)
		if called := slices.DeleteFunc(slices.Clone(ms), func(m ledger.Message) bool { return m.Class != ledger.ClassLetter || m.State == ledger.StateReplaced }); len(called) > 0 &&
			!slices.ContainsFunc(called, func(m ledger.Message) bool { return m.State != ledger.StateRejected }) {
			x.word = jobs.DeliveryWords(ledger.StateRejected, b.lang)
		} else if r.Changed.Before(x.o.Due) {
			x.word = b.in("前もって実施済み", "done early")
		}
	}
	return nil
}

func (x coming) at() time.Time {
	if x.skipped {
		return x.o.Nominal
	}
	return x.o.Due
}

func (b *desk) comingJSON(x coming) comingJSON {
	out := comingJSON{Job: x.job.Name, Title: x.job.Title, Kind: x.job.Kind, Period: x.o.Period,
		About:   x.job.When.About(x.job.About, x.o).Words(b.lang),
		Nominal: b.stamp(x.o.Nominal), Shifted: x.o.Shifted.In(b.lang), Skipped: x.skipped, Beyond: x.beyond}
	out.State, out.Word, out.Why = string(x.run.State), x.word, x.why
	if !x.skipped {
		out.Due = b.stamp(x.o.Due)
		if !x.job.Prepare.IsZero() {
			out.Prepare = b.stamp(x.job.Prepare.Before(x.o.Due, x.job.Days))
		}
	}
	return out
}

func (b *desk) printComings(c *config.Config, picked []*config.Job, all []coming, end time.Time, named bool) {
	count, out := map[*config.Job]int{}, map[*config.Job]int{}
	wide := 0
	for _, x := range all {
		count[x.job]++
		if x.dropped() {
			out[x.job]++
		}
	}
	// What happens every day would hide the rest: where nobody asked for it by name, it is one line.
	often := func(j *config.Job) bool { return !named && count[j] > 8 }
	for _, j := range picked {
		if n := cells(j.Name); n <= 26 && !often(j) {
			wide = max(wide, n)
		}
	}
	month := ""
	beyond := false
	for _, x := range all {
		if x.beyond {
			beyond = true
		}
		if often(x.job) {
			continue
		}
		at := x.at().In(b.zone)
		if m := b.month(at); m != month {
			if month != "" {
				b.say("\n")
			}
			b.say("%s\n", m)
			month = m
		}
		mark := " "
		if x.beyond {
			mark = "*"
		}
		hhmm := clock(at)
		if x.skipped || x.dropped() {
			hhmm = "  -  "
		}
		short := calendar.DateOf(at).Short(b.lang)
		title := x.job.Title
		if named {
			// Whoever asks for one job is about to name a period to another command.
			title += b.in("（"+x.o.Period+" の回", " (period "+x.o.Period)
			if x.job.Disabled {
				title += b.in("、休止中のため送りません", ", not sent: the job is resting")
			}
			title += b.in("）", ")")
		}
		b.say(" %s%s  %s  %s  %s\n", mark, pad(short, b.shortWidth()), hhmm, pad(x.job.Name, wide), title)
		if why := x.o.Shifted.In(b.lang); why != "" || x.skipped {
			nominal := calendar.DateOf(x.o.Nominal.In(b.zone)).Short(b.lang)
			if x.skipped {
				b.say("  %s  %s  %s\n", pad("", b.shortWidth()), b.in("休みのため見送り", "left out on a closed day"), why)
			} else {
				b.say("  %s  %s → %s  %s\n", pad("", b.shortWidth()), nominal, short, why)
			}
		}
		if x.word != "" && x.run.State != ledger.RunPlanned && !x.skipped {
			b.say("  %s  %s\n", pad("", b.shortWidth()), strings.Join(nonEmpty([]string{x.word, x.why}), "  "))
		}
	}
	if len(all) == 0 {
		b.say(b.in("%s までに予定はありません\n", "nothing until %s\n"), b.day(calendar.DateOf(end.In(b.zone))))
	}
	var rows [][]string
	for _, j := range picked {
		if often(j) {
			times := fmt.Sprintf(b.in("%d回", "%d times"), count[j])
			if n := out[j]; n > 0 {
				times += fmt.Sprintf(b.in("（うち見送り%d回）", " (%d left out)"), n)
			}
			rows = append(rows, []string{pad(j.Name, wide), j.Title, j.When.Sentence(b.lang), times})
		}
	}
	if len(rows) > 0 {
		b.section("くり返し（bod next に名前を書くと1回ずつ出ます）", "Again and again (name the job to see each)")
		columns(b.out, "  ", rows)
	}
	// A job that does not happen in the span is not forgotten: its next day is told.
	rows = nil
	var later []coming
	var never []*config.Job
	for _, j := range picked {
		if count[j] > 0 {
			continue
		}
		if o, ok := j.When.Next(end); ok {
			later = append(later, coming{job: j, o: o})
		} else {
			never = append(never, j)
		}
	}
	slices.SortStableFunc(later, func(x, y coming) int { return x.at().Compare(y.at()) })
	for _, x := range later {
		rows = append(rows, []string{b.moment(x.o.Due), x.job.Name, x.job.Title})
	}
	for _, j := range never {
		rows = append(rows, []string{b.in("もうありません", "never again"), j.Name, j.Title})
	}
	if len(rows) > 0 {
		b.section("そのあとの予定", "Later")
		columns(b.out, "  ", rows)
	}
	if known := c.Days.KnownUntil(); beyond {
		b.say(b.in("\n* 祝日の表は%sまでです。この先の日付は変わることがあります\n", "\n* public holidays are known until %s; later dates may still change\n"), known.Long(b.lang))
	}
}

func (b *desk) month(t time.Time) string {
	if b.lang == calendar.English {
		return t.Format("January 2006")
	}
	return fmt.Sprintf("%d年%d月", t.Year(), t.Month())
}

// shortWidth is the widest short day.
func (b *desk) shortWidth() int {
	if b.lang == calendar.English {
		return len("Mon 30 Nov")
	}
	return len("12/31(xx)")
}
