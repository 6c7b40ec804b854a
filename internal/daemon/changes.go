package daemon

import (
	"fmt"
	"time"

	"bod/internal/jobs"
	"bod/internal/ledger"
)

// rulesBefore is what was at work: the ledger's word, with the days of the rules in memory.
func (o *Office) rulesBefore(v *ledger.View) (jobs.Before, error) {
	old, err := jobs.AtWork(v)
	if err != nil || !o.seen {
		return old, err
	}
	for i := range old.Rules {
		if j := o.at.Load().config.Job(old.Rules[i].Name); j != nil {
			old.Rules[i].When = j.When
		}
	}
	return old, nil
}

// tellChanges seals what owners and admins hear of an edit, in the transaction that puts it to work: die before its
// commit, and the edit is found and told at the next start; after it, it was told once. The first rules of a new ledger
// are no edit.
func (o *Office) tellChanges(tx *ledger.Tx, next *standing, old jobs.Before, now time.Time) error {
	if err := tx.PutOffice(jobs.SettingsOf(next.config)); err != nil {
		return err
	}
	if len(old.Rules) == 0 {
		return nil
	}
	changes := jobs.Changes(old, next.config, now)
	if len(changes) == 0 {
		return nil
	}
	ms, err := jobs.ChangeNotices(next.config, changes, fmt.Sprintf("%s-%d", short(next.config.Digest), now.UnixMicro()), now)
	if err != nil {
		// An edit that can't be worded is at work all the same.
		o.log.Error("couldn't word the notice of the changed rules", "err", err)
		return nil
	}
	for _, x := range changes {
		o.log.Info("rule changed", "job", x.Job, "change", x.Kind, "keys", len(x.Keys))
	}
	_, err = tx.Seal(0, ms, nil, false)
	return err
}
