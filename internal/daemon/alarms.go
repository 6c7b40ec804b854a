package daemon

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/go-co-op/gocron/v2"
)

// never stands for a rule without a further occurrence: gocron's Start hangs for ever on a Cron that returns the zero time.
const never = 100 * 365 * 24 * time.Hour

// alarm is one job's clock: it rings when one of its runs is to be prepared and when one is due. What is due then
// the ledger decides; an alarm that rings late, twice or not at all costs nothing but time.
type alarm struct{ rule rule }

// IsValid lets every alarm in: its rule was checked when the file was read.
func (a alarm) IsValid(string, *time.Location, time.Time) error { return nil }

// Next returns the next moment after last at which the job asks for the loop.
func (a alarm) Next(last time.Time) time.Time {
	var next time.Time
	at := last
	for range maxLead {
		o, ok := a.rule.schedule.Next(at)
		if !ok {
			break
		}
		next = earlier(next, o.Due)
		if prepare := a.rule.prepareAt(o.Due); prepare.After(last) {
			next = earlier(next, prepare)
			break
		}
		at = o.Due
	}
	if !next.After(last) {
		return last.Add(never)
	}
	return next
}

// alarms ring for every job at work. gocron keeps nothing and skips what passed while the machine slept; that is why it may
// only wake the loop, and why the loop looks at the wall clock as well.
type alarms struct {
	scheduler gocron.Scheduler
	ring      func()
	log       *slog.Logger
}

// set puts the alarms of other rules in place of those at work. The new set is built and started before the old one goes:
// an Update in place deletes a job whose definition is bad.
func (a *alarms) set(duties map[string]*duty, zone *time.Location) error {
	next, err := gocron.NewScheduler(gocron.WithLocation(zone))
	if err != nil {
		return fmt.Errorf("couldn't make the alarm clock: %w", err)
	}
	for _, d := range duties {
		_, err := next.NewJob(gocron.CronJob("", false), gocron.NewTask(a.ring),
			gocron.WithName(d.job.Name), gocron.WithCronImplementation(alarm{d.rule}))
		if err != nil {
			_ = next.Shutdown()
			return fmt.Errorf("couldn't set the alarm of the job %s: %w", d.job.Name, err)
		}
	}
	next.Start()
	old := a.scheduler
	a.scheduler = next
	if old != nil {
		if err := old.Shutdown(); err != nil {
			a.log.Warn("couldn't end the old alarms", "err", err)
		}
	}
	return nil
}

func (a *alarms) stop() error {
	if a.scheduler == nil {
		return nil
	}
	return a.scheduler.Shutdown()
}
