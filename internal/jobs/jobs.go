// Package jobs has the kinds: a due run in, drafts and observations out. It also
// words what bod itself says to people: summary, notices and the names of states.
//
// It promises that preparing has no effect and can be repeated: a job reads the
// world and drafts; the ledger decides; the mailer delivers.
package jobs

import (
	"context"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// Kind is what a job does.
type Kind interface {
	config.Kind
	// Prepare reads the world and drafts. An error means that the job is broken; what a person has to bring is in Prepared.Missing.
	Prepare(ctx context.Context, w *World) (Prepared, error)
}

// Kinds are all kinds, in the manual's order: the one visible table.
var Kinds = []Kind{}

// ConfigKinds are Kinds as config.Load takes them.
func ConfigKinds() []config.Kind { panic("contract") }

// KindOf finds a kind by name.
func KindOf(name string) (Kind, bool) { panic("contract") }

// World is all that a kind may look at.
type World struct {
	Now        time.Time
	Config     *config.Config
	Job        *config.Job
	Identity   string // the job's first name: ledger.Job.Name
	Occurrence calendar.Occurrence
	Run        ledger.Run   // zero in a preview
	Ledger     *ledger.View // read-only; nil in a preview where there is no ledger
}

// Prepared is what a kind returns.
type Prepared struct {
	Drafts       []Draft
	Missing      []ledger.Reason // not empty: the run waits for these, and Drafts of the affected part are left out
	Observations []ledger.Observation
	Said         string // the run's line in the summary, "" when the messages say it
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
	Unconfirmed bool // needs no confirmation whatever the job says (summary, notices)
}

// Digest is one hash over the inputs, for comparison with a sealed message's.
func Digest(in []ledger.Input) string { panic("contract") }

// Render makes the draft ready to be sealed: key, Message-ID, Date (the due moment, or now if that is later), bytes, envelope, confirmation, deadline.
// With trial_to the envelope is one's own address and the letter shows whom it was for.
func Render(w *World, d Draft) (ledger.NewMessage, error) { panic("contract") }

// Notices returns every notice that ought to exist now, from the ledger alone: what is held, late, failed, missed, unknown, what waits, what asks for a confirmation, a paused queue.
// Their keys are notice/<what>/<id>/<digest of what it tells>, so that each goes out once; the ledger drops those that it has.
func Notices(ctx context.Context, c *config.Config, v *ledger.View, now time.Time) ([]ledger.NewMessage, error) {
	panic("contract")
}

// Alarm words one notice to the admins about something that is not in the ledger: a jobs.toml that could not be read, a job that panicked.
func Alarm(c *config.Config, now time.Time, what, id string, subject, text calendar.Text) (ledger.NewMessage, error) {
	panic("contract")
}

// Preview drafts and renders one occurrence without any effect. missing says what is not there yet.
func Preview(ctx context.Context, w *World) (ms []ledger.NewMessage, missing []ledger.Reason, err error) {
	panic("contract")
}

// MessageWords is the word for a message's state as mail, command and page say it: 確認待ち, 準備できています, 送信済み …
func MessageWords(m ledger.Message, l calendar.Language) string { panic("contract") }

// DeliveryWords is the word for one delivery's state.
func DeliveryWords(s ledger.State, l calendar.Language) string { panic("contract") }

// RunWords is the word for a run's state.
func RunWords(r ledger.Run, l calendar.Language) string { panic("contract") }

// SetDigest binds a confirmation to the messages of a run that a person saw: a hash over their numbers and bytes. Eight characters of it are shown.
func SetDigest(ms []ledger.Message) string { panic("contract") }
