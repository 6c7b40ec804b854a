package daemon

import (
	"errors"

	"bod/internal/calendar"
	"bod/internal/ledger"
)

// accept says that what a check found may stay as it is.
func (a *asking) accept() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	f, err := a.FindingByNumber(a.req.Finding)
	if errors.Is(err, ledger.ErrNotFound) {
		return "", a.no("「%s」というお知らせは記録にありません。番号は bod findings で見られます", "there is no finding %q: bod findings lists the numbers", a.req.Finding)
	}
	if err != nil {
		return "", err
	}
	if f.State == ledger.FindingResolved {
		return "", a.no("%s は、もう解決しています", "%s is resolved already", f.Number)
	}
	words := a.say("以後、お知らせしません", "it won't be told again")
	if until := a.req.Until; !until.IsZero() {
		if !until.After(a.now) {
			return "", a.no("その日は過ぎています", "that day has passed")
		}
		words = a.say("%sまで、お知らせしません", "it won't be told again until %s", calendar.DateOf(until.Add(-1).In(a.rules.config.Zone)).Long(a.lang))
	}
	if err := a.Accept(f.ID, a.in.Who, why, a.req.Until); err != nil {
		return "", err
	}
	return a.say("%s（%s）は、このままでよいとしました。%s", "%s (%s) may stay as it is; %s", f.Number, f.Label, words), nil
}
