package jobs

import (
	"time"

	"bod/internal/config"
	"bod/internal/ledger"
)

// Who resolves what is unknown, beside people: the names that the record has.
const (
	ByRule = "bod (on_unknown)" // the job's rule
	Proof  = "proof:"           // followed by the name of the administrator's program
)

// maxResends is how often on_unknown = "resend" sends a message again by itself. A server that loses its answer three times
// is a matter for a person, and so is what it may have delivered.
const maxResends = 2

// resendAfter is how long each of them waits: the fault that took the answer may still be there, and the relay's log, where
// it can be asked, knows more in a moment.
var resendAfter = [maxResends]time.Duration{2 * time.Minute, 15 * time.Minute}

// Resend says when a delivery that is unknown is sent again by its job's rule, and the how manieth time that is; ok is false
// where a person decides: the rule does not say it, it was done often enough, or the time in which the message may be tried
// has passed. A ledger that was put back from a copy is another doubt than one lost answer, and never settled by the rule.
func Resend(c *config.Config, v *ledger.View, m ledger.Message, d ledger.Delivery) (at time.Time, nth int, ok bool, err error) {
	if m.Class != ledger.ClassLetter || d.State != ledger.StateUnknown || d.Words == ledger.WordsRestored {
		return at, 0, false, nil
	}
	j := jobOf(c, v, m.Job)
	if j == nil || !j.Resend || j.Disabled {
		return at, 0, false, nil
	}
	for x, err := range v.Messages(ledger.MessageQuery{Run: m.Run}) {
		if err != nil || x.Predecessor == m.ID {
			return at, 0, false, err // another one stands in for it already
		}
	}
	// What a copy already had as unknown was perhaps settled, or sent again, in the time that the ledger has lost.
	restored, err := v.EventsOf("flag", "restored")
	if n := len(restored); err != nil || n > 0 && !d.Changed.After(restored[n-1].At) {
		return at, 0, false, err
	}
	past, err := v.ResolvedOf(d.ID)
	if err != nil {
		return at, 0, false, err
	}
	for _, p := range past {
		if p.To == ledger.StateQueued {
			nth++ // a person's counts as well: the reader has had as many
		}
	}
	if nth >= maxResends {
		return at, nth, false, nil
	}
	at = d.Changed.Add(resendAfter[nth])
	return at, nth + 1, at.Before(c.Mail.GiveUp.After(m.Queued.In(c.Zone), j.Days)), nil
}

// resends reports whether all of a message's unknown deliveries will be sent again by themselves. Then nobody has to be asked.
func resends(c *config.Config, v *ledger.View, m ledger.Message) (bool, error) {
	for _, d := range m.Deliveries {
		if d.State != ledger.StateUnknown {
			continue
		}
		if _, _, ok, err := Resend(c, v, m, d); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}
