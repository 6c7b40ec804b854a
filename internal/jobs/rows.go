package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"bod/internal/calendar"
	"bod/internal/ledger"
	"bod/internal/table"
)

// codeTable is the code of a reason that names a table which can't be used as it is.
const codeTable = "source"

// sourceObserved begins the name of what is kept of a source: "source orders".
const sourceObserved = "source "

// rows is how a kind comes to its table; every kind that reads one calls it, and also for each source that its rules look
// into (Rule.Sources):
//
//	t, waits, seen := w.rows(ctx, s.Source)
//	if len(waits) > 0 {
//		return Prepared{Missing: waits, Observations: seen}, nil
//	}
//
// What is wrong with the table, or suspicious beside what the last done run saw of it, makes the run wait with these
// words: a table that is missing, half written or suddenly half as long must never read as "all well". The observation is
// kept with the run, so that the next one can compare. The table is closed with the world, and not by the kind.
func (w *World) rows(ctx context.Context, source string) (*table.Table, []ledger.Reason, []ledger.Observation) {
	t, ps := w.Tables.Table(ctx, source)
	if t == nil || table.Broken(ps) {
		return nil, sourceReasons(w, source, ps), nil
	}
	before, err := w.lastDone(sourceObserved + source)
	if err != nil {
		return nil, []ledger.Reason{{Code: codeTable, Text: err.Error()}}, nil
	}
	if before != nil {
		var o table.Observation
		if err := json.Unmarshal(before, &o); err == nil {
			ps = append(ps, t.Compare(o)...)
		}
	}
	if table.Broken(ps) {
		return nil, sourceReasons(w, source, ps), nil
	}
	value, err := json.Marshal(t.Observe())
	if err != nil {
		return nil, []ledger.Reason{{Code: codeTable, Text: err.Error()}}, nil
	}
	return t, nil, []ledger.Observation{{Name: sourceObserved + source, Value: value}}
}

// sourceReasons name the source in front of each problem that keeps its rows from being used.
func sourceReasons(w *World, source string, ps []table.Problem) (out []ledger.Reason) {
	for _, p := range ps {
		if p.Warning {
			continue
		}
		out = append(out, reason(w, codeTable, calendar.Text{
			JA: fmt.Sprintf("表「%s」：%s", source, p.What.JA), EN: fmt.Sprintf("table %s: %s", source, p.What.EN)}, p.Next))
	}
	return uniqueReasons(out)
}

// lastDone is what the job's last done run kept under a name; nil where there is none. A run that was never brought to its
// end has told nobody anything: the next one compares with the one before it.
func (w *World) lastDone(name string) ([]byte, error) {
	if w.Ledger == nil {
		return nil, nil
	}
	for r, err := range w.Ledger.Runs(ledger.RunQuery{Job: w.Identity, States: []ledger.RunState{ledger.RunDone}, DueUntil: dueOf(w), Newest: true, Limit: 1}) {
		if err != nil {
			return nil, fmt.Errorf("couldn't read what the last run saw: %w", err)
		}
		kept, err := w.Ledger.Observations(r.ID)
		if err != nil {
			return nil, fmt.Errorf("couldn't read what the last run saw: %w", err)
		}
		for _, o := range kept {
			if o.Name == name {
				return o.Value, nil
			}
		}
	}
	return nil, nil
}

// ruleScope is what rules over a table's rows may name: its columns as they are now, and the other sources of jobs.toml, each
// read when a rule first asks for it. What keeps one of those from being used is added to missing, what was seen of it to seen.
func (w *World) ruleScope(ctx context.Context, t *table.Table, missing *[]ledger.Reason, seen *[]ledger.Observation) table.RuleScope {
	return table.RuleScope{Columns: t.Columns(), Source: func(name string) ([]table.Column, bool) {
		if w.Config.Source(name) == nil {
			return nil, false
		}
		t, waits, o := w.rows(ctx, name)
		if *missing = append(*missing, waits...); t == nil {
			return nil, true
		}
		*seen = uniqueObservations(append(*seen, o...))
		return t.Columns(), true
	}}
}
