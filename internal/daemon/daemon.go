// Package daemon runs the office: it wakes, looks which occurrences are due and
// not in the ledger and which messages may go now, and does that. Start-up, a
// timer, an edit, waking from suspend, a clock step and a takeover are the same
// code: Office.Step.
//
// It promises that a slow or broken job disturbs no other, that a bad jobs.toml
// leaves the old rules at work, and that a stop lets the message in flight end.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"sync"
	"sync/atomic"
	"time"

	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// look is how often the world is looked at without being told: the wall clock, held messages' files, the credential.
const look = 30 * time.Second

// self is bod as the one who acts, with the user of the machine that it runs as.
var self = sync.OnceValue(func() ledger.Who {
	w := ledger.Who{Name: "bod"}
	if u, err := user.Current(); err == nil {
		w.User = u.Username
	}
	return w
})

// Options of an Office.
type Options struct {
	Config  *config.Config
	Ledger  *ledger.Ledger
	Carrier mailer.Carrier   // nil: NewCarrier(Config) at start and at each reload
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger
}

// Office is the loop's body: rules, ledger and carrier at one moment.
type Office struct {
	ledger *ledger.Ledger
	now    func() time.Time
	log    *slog.Logger
	given  mailer.Carrier // of Options; nil: made from the rules

	at   atomic.Pointer[standing] // the rules at work, for Step and Deliver alike
	ring chan struct{}            // a worker ended after its Step had gone on without it

	mu      sync.Mutex // Step and Swap
	duties  map[string]*duty
	seen    bool // the rules at work are in the ledger
	started time.Time
	last    time.Time // the last wake-up that planned
	crew    crew
	scan    scan
	told    told

	sending sync.Mutex // Deliver
	line    line

	calling sync.Mutex // programs
	asked   map[int64]asked
	raised  map[string]given

	tables *table.Tables // of a rehearsal: each source is read once for all of it; nil: once for each run
}

// standing is one jobs.toml at work. It is never changed; Swap puts another in its place.
type standing struct {
	config  *config.Config
	carrier mailer.Carrier
	limiter *mailer.Limiter
	duties  map[string]*duty // by identity; nil until the ledger knows the rules
	resting map[string]bool  // by identity: jobs of the file that are not at work (enabled = false)
	swapped int              // how often the rules were put to work: a reload lets a refused login be tried again
}

func (s *standing) words() words { return words{lang: s.config.Language, zone: s.config.Zone} }

// NewOffice joins the parts. Nothing is done yet.
func NewOffice(o Options) (*Office, error) {
	if o.Config == nil || o.Ledger == nil {
		return nil, errors.New("couldn't open the office: it needs rules and a ledger")
	}
	if o.Ledger.Rehearsal() && (o.Carrier == nil || !o.Carrier.Trial()) {
		return nil, errors.New("couldn't open the office: what is rehearsed never leaves the house")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	office := &Office{
		ledger: o.Ledger, now: o.Now, log: o.Log, given: o.Carrier,
		ring:    make(chan struct{}, 1),
		started: o.Now(),
		crew:    newCrew(),
		scan:    scan{still: o.Ledger.Rehearsal()},
	}
	first, err := office.stand(o.Config)
	if err != nil {
		return nil, err
	}
	office.at.Store(first)
	return office, nil
}

// moment is now, in the rules' zone: the ledger counts its numbers by the month that it is there.
func (o *Office) moment() time.Time { return o.now().In(o.at.Load().config.Zone) }

// stand does all of putting rules to work that can fail before anything live is touched.
func (o *Office) stand(c *config.Config) (*standing, error) {
	if c.Mail.Trial() != o.ledger.Trial() {
		return nil, fmt.Errorf("couldn't put the rules to work: %w", ledger.ErrTrial)
	}
	s := &standing{config: c, carrier: o.given, limiter: mailer.NewLimiter(c.Mail.Rate)}
	if s.carrier == nil {
		carrier, err := NewCarrier(c)
		if err != nil {
			return nil, err
		}
		s.carrier = carrier
	}
	if old := o.at.Load(); old != nil {
		s.swapped = old.swapped + 1
		if old.config.Mail.Rate == c.Mail.Rate {
			s.limiter = old.limiter // a reload is no way around the rate
		}
	}
	return s, nil
}

// Swap puts new rules to work. All that can fail first, then the swap: on an error the old rules are at work as before.
func (o *Office) Swap(c *config.Config) error {
	next, err := o.stand(c)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.moment()
	if ok, err := o.clock(context.Background(), now); err != nil {
		return err
	} else if !ok {
		// Nothing is planned while the clock is wrong; the first Step after it is right again sees the rules.
		next.duties = o.at.Load().duties
		o.at.Store(next)
		o.seen = false
		return nil
	}
	restored, err := o.restoredAt(context.Background())
	if err != nil {
		return err
	}
	return o.see(context.Background(), next, now, restored)
}

// Step does everything that is due now but the delivery: intents, rules, planning, preparing, sealing, lateness, notices, release, closing.
// next is when it has to be called again at the latest, if nothing else happens.
func (o *Office) Step(ctx context.Context) (next time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.moment()
	if ok, err := o.clock(ctx, now); err != nil || !ok {
		return now.Add(look), err
	}
	restored, err := o.restoredAt(ctx)
	if err == nil && !o.seen {
		// A request speaks of jobs by the rules at work, so the ledger has to know them first.
		err = o.see(ctx, o.at.Load(), now, restored)
	}
	if err == nil {
		err = o.intents(ctx, now)
	}
	if err == nil && !restored.IsZero() {
		// A ledger from an older backup doesn't know what went out since: a person has to say that the office goes on.
		if restored, err = o.restoredAt(ctx); err == nil && !restored.IsZero() {
			return now.Add(look), o.notices(ctx, now)
		}
	}
	if err != nil {
		return now.Add(look), err
	}
	if err := o.planDue(ctx, now); err != nil {
		return now.Add(look), err
	}
	more, err := o.advance(ctx, now)
	if err != nil {
		return now.Add(look), err
	}
	again, err := o.resendUnknown(ctx, now)
	if err != nil {
		return now.Add(look), err
	}
	if err := o.notices(ctx, now); err != nil {
		return now.Add(look), err
	}
	if more {
		return now, nil
	}
	next, err = o.wake(ctx, now)
	return earlier(next, again), err
}

// wake answers when something moves by itself: an occurrence, a prepare moment, or whatever the ledger and the last survey wait for.
func (o *Office) wake(ctx context.Context, now time.Time) (time.Time, error) {
	next := now.Add(24 * time.Hour) // nothing in sight: look again all the same
	for _, d := range o.duties {
		if !d.next.IsZero() && d.next.Before(next) {
			next = d.next
		}
	}
	err := o.ledger.View(ctx, func(v *ledger.View) error {
		at, err := v.NextWake(now)
		if err != nil {
			return err
		}
		if at.After(now) {
			next = earlier(next, at)
		}
		flags, err := v.Flags()
		for _, f := range flags {
			if f.Probe.After(now) {
				next = earlier(next, f.Probe)
			}
		}
		return err
	})
	if err != nil {
		return now.Add(look), fmt.Errorf("couldn't see when to wake: %w", err)
	}
	if o.scan.next.After(now) {
		next = earlier(next, o.scan.next)
	}
	return next, nil
}
