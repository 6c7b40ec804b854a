package daemon

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"bod/internal/calendar"
	"bod/internal/ledger"
)

// named are the findings that a request names. One that isn't there, or is resolved, refuses the whole of it: whoever asks
// for three has to hear that there are two.
func (a *asking) named() ([]ledger.Finding, error) {
	var out []ledger.Finding
	for _, number := range a.req.Findings {
		f, err := a.FindingByNumber(number)
		if errors.Is(err, ledger.ErrNotFound) {
			return nil, a.no("%s という番号は、表の点検の記録にありません。番号は bod findings で見られます", "there is no finding %s: bod findings lists the numbers", number)
		}
		if err != nil {
			return nil, err
		}
		if f.State == ledger.FindingResolved {
			return nil, a.no("%s（%s）は、もう解決しています", "%s (%s) is resolved already", f.Number, f.Label)
		}
		if slices.ContainsFunc(out, func(x ledger.Finding) bool { return x.ID == f.ID }) {
			continue // named twice: by itself, and by a mail that tells it
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, a.no("どれのことか、番号（F2611-0003 など）を書いてください", "say which: a number like F2611-0003")
	}
	return out, nil
}

// labels are the findings in a line.
func (a *asking) labels(fs []ledger.Finding) string {
	var out []string
	for _, f := range fs {
		out = append(out, fmt.Sprintf(a.say("%s（%s）", "%s (%s)"), f.Number, f.Label))
	}
	return strings.Join(out, a.say("、", ", "))
}

// accept says that what checks found may stay as it is.
func (a *asking) accept() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	fs, err := a.named()
	if err != nil {
		return "", err
	}
	words := a.say("中身が変わらないかぎり、もうお知らせしません", "They are not told again as long as their values stay")
	if until := a.req.Until; !until.IsZero() {
		if !until.After(a.now) {
			return "", a.no("その日は過ぎています", "that day has passed")
		}
		words = a.say("中身が変わらないかぎり、%sまでお知らせしません", "They are not told again until %s, as long as their values stay", calendar.DateOf(until.Add(-1).In(a.rules.config.Zone)).Long(a.lang))
	}
	for _, f := range fs {
		if err := a.Accept(f.ID, a.in.Who, why, a.req.Until); err != nil {
			return "", err
		}
	}
	return a.say("このままでよいとしました：%s。%s", "May stay as it is: %s. %s", a.labels(fs), words), nil
}

// takeBack says that what was accepted may not stay as it is after all.
func (a *asking) takeBack() (string, error) {
	why, err := a.why()
	if err != nil {
		return "", err
	}
	fs, err := a.named()
	if err != nil {
		return "", err
	}
	for _, f := range fs {
		if f.State != ledger.FindingAccepted {
			return "", a.no("%s（%s）は、「このままでよい」になっていません", "%s (%s) has not been accepted", f.Number, f.Label)
		}
		if err := a.TakeBack(f.ID, a.in.Who, why); err != nil {
			return "", err
		}
	}
	return a.say("「このままでよい」を取り消しました：%s。次に見たときにまだ残っていれば、お知らせします", "Taken back: %s. What is still there at the next look is told", a.labels(fs)), nil
}
