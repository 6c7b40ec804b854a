// Package jobs has the kinds: a due run in, drafts and observations out. It also
// words what bod itself says to people: summary, notices and the names of states.
//
// It promises that preparing has no effect and can be repeated: a job reads the
// world and drafts; the ledger decides; the mailer delivers. What a letter lacks
// is said and never filled in by guess, and nothing that a person or a file
// brings in is ever run or read as anything but text.
package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// Kind is what a job does.
type Kind interface {
	config.Kind
	// Prepare reads the world and drafts. An error means that the job is broken; what a person has to bring is in Prepared.Missing.
	Prepare(ctx context.Context, w *World) (Prepared, error)
}

// Kinds are all kinds, in the manual's order: the one visible table.
var Kinds = []Kind{send{}, watch{}, report{}, summary{}}

// ConfigKinds are Kinds as config.Load takes them, and with them how a [source.NAME] is read.
func ConfigKinds() []config.Kind {
	out := []config.Kind{source{}, checks{}}
	for _, k := range Kinds {
		out = append(out, k)
	}
	return out
}

// KindOf finds a kind by name.
func KindOf(name string) (Kind, bool) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name() == name })
	if i < 0 {
		return nil, false
	}
	return Kinds[i], true
}

// World is all that a kind may look at.
type World struct {
	Now        time.Time
	Config     *config.Config
	Job        *config.Job
	Identity   string // the job's first name: ledger.Job.Name
	Occurrence calendar.Occurrence
	Run        ledger.Run   // zero in a preview
	Ledger     *ledger.View // read-only; nil in a preview where there is no ledger
	Rehearsal  bool         // Now is played: how long ago a file was written can't be told by it
	// Tables are the job's sources, each read at most once; see OpenTables. A kind asks for them through rows.
	Tables *table.Tables
	Alive  func() // a long preparation calls it now and then, to be told from one that hangs; may be nil
}

func (w *World) alive() {
	if w.Alive != nil {
		w.Alive()
	}
}

// Prepared is what a kind returns.
type Prepared struct {
	Drafts       []Draft
	Missing      []ledger.Reason // not empty: the run waits for these, and Drafts of the affected part are left out
	Observations []ledger.Observation
	Looked       *Looked // what a look at all rows found; nil: no look was taken
	Said         string  // the run's line in the summary, "" when the messages say it
}

// Draft is what a job would like to send: everything but Message-ID and Date.
type Draft struct {
	Class       ledger.Class
	Key         string // "" : made from job, period, part and generation
	Part        string
	Addressee   string
	Letter      mailer.Letter // without MessageID, Date, Boundary
	Recipients  []ledger.Recipient
	Inputs      []ledger.Input
	Amount      *int64
	Hold        []ledger.Hold
	Confirm     *config.Confirm // whose yes it needs where the job names nobody
	Tells       []ledger.Tell   // the findings that it tells
	Unconfirmed bool            // needs no confirmation whatever the job says (summary, notices)
}

// Digest is one hash over the inputs, for comparison with a sealed message's.
func Digest(in []ledger.Input) string {
	lines := make([]string, 0, len(in))
	for _, i := range in {
		b, _ := json.Marshal([]string{i.Kind, i.Name, i.Hash}) // strings always marshal
		lines = append(lines, string(b))
	}
	slices.Sort(lines)
	return hash([]byte(strings.Join(lines, "\n")))
}

// Preview drafts and renders one occurrence without any effect. missing says what is not there yet.
func Preview(ctx context.Context, w *World) (ms []ledger.NewMessage, missing []ledger.Reason, checked Results, err error) {
	k, ok := KindOf(w.Job.Kind)
	if !ok {
		return nil, nil, nil, fmt.Errorf("couldn't preview the job %s: there is no kind %s", w.Job.Name, w.Job.Kind)
	}
	p, err := k.Prepare(ctx, w)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, d := range p.Drafts {
		m, err := Render(w, d)
		if err != nil {
			return nil, nil, nil, err
		}
		ms = append(ms, m)
	}
	checked, err = resultsIn(p.Observations)
	return ms, p.Missing, checked, err
}

// hash is SHA-256 in hex.
func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// input is one thing that a draft was made of.
func input(kind, name string, b []byte) ledger.Input {
	return ledger.Input{Kind: kind, Name: name, Hash: hash(b)}
}

// inputOf is an input that is a value of ours.
func inputOf(kind, name string, v any) (ledger.Input, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return ledger.Input{}, fmt.Errorf("couldn't hash the %s of %s: %w", kind, name, err)
	}
	return input(kind, name, b), nil
}
