package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// Recalled is what Recall wrote.
type Recalled struct {
	Messages int // recorded as sent
	Known    int // the ledger knew already that they went
	Settled  int // were unknown, and went
	Runs     int // that the messages belong to
	Left     int // that the ledger can't take: an older one of a period that has a later one
}

// Recall writes into a restored ledger, or a new one after a loss, what a folder of mail shows to have gone out: each message with its
// bytes as they were found, sent, with who says so and why. So its key is taken, and it never goes again. A period of which some letter
// was found is prepared once more while it may still be done, for another letter of it may have no copy: what was found is not drafted
// again, and the rest is asked about. An older one is done.
//
// It needs the flag that a restore set: in a ledger that is whole nothing has to be found. One transaction a run: if we die in
// between, calling it again does the rest.
func Recall(ctx context.Context, c *config.Config, l *ledger.Ledger, now time.Time, who ledger.Who, e *jobs.Evidence, progress func(done, total int)) (Recalled, error) {
	r := recall{config: c, words: words{lang: c.Language, zone: c.Zone}, evidence: e, now: now.In(c.Zone)}
	groups := map[[2]string][]jobs.Found{}
	var order [][2]string
	for _, f := range e.Found {
		k := [2]string{f.Message.Job, f.Period}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], f)
	}
	err := l.Update(ctx, r.now, who, func(tx *ledger.Tx) (err error) {
		if r.at, err = restoredAt(tx.View); err != nil {
			return err
		}
		if r.at.IsZero() {
			return errors.New("the ledger was not restored, so there is nothing to find")
		}
		return r.jobs(tx, order)
	})
	if err != nil {
		return r.Recalled, fmt.Errorf("couldn't record what was found in mail: %w", err)
	}
	done := 0
	for _, k := range order {
		if ctx.Err() != nil {
			return r.Recalled, context.Cause(ctx)
		}
		fs := groups[k]
		slices.SortStableFunc(fs, func(a, b jobs.Found) int { return a.Generation - b.Generation })
		before := r.Recalled
		err := l.Update(ctx, r.now, who, func(tx *ledger.Tx) error { return r.run(tx, k[0], k[1], fs) })
		if err != nil {
			r.Recalled = before
			return r.Recalled, fmt.Errorf("couldn't record what was found in mail for %s/%s: %w", k[0], k[1], err)
		}
		if done += len(fs); progress != nil {
			progress(done, len(e.Found))
		}
	}
	return r.Recalled, nil
}

type recall struct {
	Recalled
	words
	config   *config.Config
	evidence *jobs.Evidence
	now, at  time.Time
	duties   map[string]*duty // by identity; nil for a job that is not in the rules any more
}

// jobs makes the rows that the runs belong to. One that the rules know begins as it would in a restored ledger; its identity is the one
// in the key, which may be a name that it had before.
func (r *recall) jobs(tx *ledger.Tx, runs [][2]string) error {
	known, err := knownJobs(tx)
	if err != nil {
		return err
	}
	r.duties = map[string]*duty{}
	for _, k := range runs {
		identity := k[0]
		if _, done := r.duties[identity]; done {
			continue
		}
		var j *config.Job
		for _, x := range r.config.Jobs {
			if was, there := known.of(x); there && was.Name == identity || !there && (x.Name == identity || x.Renamed == identity) {
				j = x
				break
			}
		}
		r.duties[identity] = nil
		row := ledger.Job{Name: identity, Current: identity, Kind: "send", Rule: []byte("{}"), Mark: r.now, Gone: true, Seen: r.now, Changed: r.now}
		if j != nil {
			d := newDuty(r.config, j, identity)
			r.duties[identity] = d
			row.Current, row.Kind, row.Rule, row.Shape, row.Gone = j.Name, j.Kind, j.Rule, string(j.When.Shape()), false
			row.Mark = planning{now: r.now, restored: r.at}.lately(d.rule)
		}
		if _, there := known.byName[identity]; there {
			continue
		}
		if err := tx.PutJob(row); err != nil {
			return err
		}
		known.byName[identity], known.byCurrent[row.Current] = row, row
	}
	return nil
}

// run records what was found of one run.
func (r *recall) run(tx *ledger.Tx, job, period string, fs []jobs.Found) error {
	d := r.duties[job]
	run, err := tx.RunOf(job, period)
	if isNone(err) {
		run = ledger.Run{Job: job, Period: period, Nominal: fs[0].Message.Date, Due: fs[0].Message.Date, State: ledger.RunPlanned, Generation: fs[0].Generation}
		if d != nil {
			if o, ok := d.rule.schedule.Of(period); ok {
				run.Nominal, run.Due, run.PrepareAt = o.Nominal, o.Due, d.rule.prepareAt(o.Due)
			}
		}
		var id int64
		if id, _, err = tx.AddRun(run); err == nil {
			run, err = tx.Run(id)
		}
	}
	if err != nil {
		return err
	}
	found := 0
	for len(fs) > 0 {
		n := 1
		for n < len(fs) && fs[n].Generation == fs[0].Generation {
			n++
		}
		add, err := r.generation(tx, &run, fs[:n])
		if err != nil {
			return err
		}
		found += add
		fs = fs[n:]
	}
	if found == 0 {
		return nil
	}
	r.Runs++
	why := ledger.Reason{Code: "found", Text: r.say("控えのメールが見つかったため、送信済みと記録しました（%d通）", "recorded as sent, for copies of %d were found in mail", found)}
	reasons := slices.DeleteFunc(slices.Clone(run.Reasons), func(x ledger.Reason) bool { return x.Code != codeRestored })
	if d != nil && !d.rule.own && !d.rule.until(run.Due).Before(r.now) {
		// Another letter of it may have no copy: it is prepared again, and whatever is not taken is asked about.
		return tx.MoveRun(run.ID, run.State, ledger.RunPlanned, ledger.RunChange{Reasons: append(withReason(reasons, r.askRestored(run.Due)), why)})
	}
	if err := tx.MoveRun(run.ID, run.State, ledger.RunDrafted, ledger.RunChange{Reasons: []ledger.Reason{why}}); err != nil {
		return err
	}
	_, err = tx.CloseRuns()
	return err
}

// generation records the messages of one generation; the run is running afterwards, if there was anything to record.
func (r *recall) generation(tx *ledger.Tx, run *ledger.Run, fs []jobs.Found) (recorded int, err error) {
	var fresh []jobs.Found
	ended := !slices.Contains(openStates, run.State)
	asks := false // it went after somebody had asked for the run anew
	for _, f := range fs {
		m, taken, err := tx.Taken(f.Message.Key)
		if err != nil {
			return 0, err
		}
		switch {
		case taken && m.State == ledger.StateRejected && ended:
			asks, taken = true, false
		case taken && m.State == ledger.StateHeld && m.Queued.IsZero():
			taken = false
		}
		switch {
		case !taken && (f.Generation < run.Generation || f.Generation == run.Generation && len(run.Only) > 0 && !slices.Contains(run.Only, f.Message.Part)):
			r.Left++
		case !taken:
			fresh = append(fresh, f)
		case m.State == ledger.StateRejected:
			r.Left++ // the run is open: what it asks for comes first
		case in(m, ledger.StateSent, ledger.StateWritten, ledger.StateByHand) && m.State == ledger.StateFailed:
			r.Known++ // a blind copy went, and shows nothing about the others
		case slices.Contains([]ledger.State{ledger.StateUnknown, ledger.StateHeld, ledger.StateFailed}, m.State):
			// Its answer was lost, or it was put on hold on its way, or refused and sent again when somebody asked for it.
			for _, d := range m.Deliveries {
				to, open := map[ledger.State]ledger.State{ledger.StateUnknown: ledger.StateSent, ledger.StateHeld: ledger.StateByHand, ledger.StateFailed: ledger.StateByHand}[d.State]
				if !open || d.State == ledger.StateFailed && m.State != ledger.StateFailed {
					continue
				}
				if err := tx.MoveDelivery(d.ID, d.State, to, r.seen(f)); err != nil {
					return 0, err
				}
			}
			r.Settled++
			if err := reopen(tx, *run); err != nil {
				return 0, err
			}
			if _, err := tx.CloseRuns(); err != nil {
				return 0, err
			}
			if *run, err = tx.Run(run.ID); err != nil {
				return 0, err
			}
		default:
			r.Known++
		}
	}
	if len(fresh) == 0 {
		return 0, nil
	}
	switch run.State {
	case ledger.RunDone, ledger.RunFailed, ledger.RunMissed, ledger.RunSkipped:
		err = r.move(tx, run, ledger.RunPlanned, ledger.RunChange{Same: !asks})
	}
	if err == nil && run.State != ledger.RunRunning {
		err = r.move(tx, run, ledger.RunRunning, ledger.RunChange{})
	}
	for err == nil && run.Generation < fs[0].Generation {
		err = r.move(tx, run, ledger.RunRunning, ledger.RunChange{Again: []string{}})
	}
	if early := run.Due.After(r.now); err == nil && early && !run.Early {
		err = r.move(tx, run, ledger.RunRunning, ledger.RunChange{Early: &early}) // it left before its day
	}
	if err != nil {
		return 0, err
	}
	for _, f := range fresh {
		if err := r.sent(tx, run.ID, f); err != nil {
			return recorded, fmt.Errorf("%s: %w", f.File, err)
		}
		recorded++
	}
	r.Messages += recorded
	return recorded, nil
}

func (r *recall) move(tx *ledger.Tx, run *ledger.Run, to ledger.RunState, c ledger.RunChange) (err error) {
	if err := tx.MoveRun(run.ID, run.State, to, c); err != nil {
		return err
	}
	*run, err = tx.Run(run.ID)
	return err
}

// sent seals a message as it was found and takes it the whole way, for that is the way that it went.
func (r *recall) sent(tx *ledger.Tx, run int64, f jobs.Found) (err error) {
	m := f.Message
	if m.Body, err = r.evidence.Body(f); err != nil {
		return err
	}
	m.NotBefore = earlier(m.NotBefore, r.now) // what went was due, whatever the clock said that dated it
	out, err := tx.Seal(run, []ledger.NewMessage{m}, f.Observations(), false)
	if err != nil {
		return err
	}
	id := out[0].Message
	if out[0].Outcome != ledger.OutcomeSealed && out[0].Outcome != ledger.OutcomeReplaced {
		return fmt.Errorf("the key %s is %s", m.Key, out[0].Outcome)
	}
	// Whatever held an earlier draft with this key: what went, went.
	if err := errors.Join(tx.Lift(id), tx.Lift(id, ledger.Restored)); err != nil {
		return err
	}
	sealed, err := tx.Message(id)
	if err != nil {
		return err
	}
	if sealed.State == ledger.StateHeld { // a summary is queued as it is sealed
		if err := tx.Queue(id); err != nil {
			return err
		}
	}
	token, to, err := tx.Claim(id)
	if err != nil {
		return err
	}
	var mails []string
	var receipts []mailer.Receipt
	for _, d := range to {
		mails = append(mails, d.Mail)
		receipts = append(receipts, mailer.Receipt{To: d.Mail, Result: mailer.Sent, Stage: "found", Words: r.seen(f), At: m.Date})
	}
	if err := tx.Sending(token, mails); err != nil {
		return err
	}
	return tx.Receive(token, receipts, nil)
}

func (r *recall) seen(f jobs.Found) string {
	return r.say("控えのメールで見つかりました：%s", "found in mail: %s", f.File)
}
