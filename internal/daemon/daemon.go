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
	"log/slog"
	"time"

	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// Options of an Office.
type Options struct {
	Config  *config.Config
	Ledger  *ledger.Ledger
	Carrier mailer.Carrier   // nil: NewCarrier(Config) at start and at each reload
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger
}

// Office is the loop's body: rules, ledger and carrier at one moment.
type Office struct{ unexported struct{} }

// NewOffice joins the parts. Nothing is done yet.
func NewOffice(o Options) (*Office, error) { panic("contract") }

// Step does everything that is due now but the delivery: intents, rules, planning, preparing, sealing, lateness, notices, release, closing.
// next is when it has to be called again at the latest, if nothing else happens.
func (o *Office) Step(ctx context.Context) (next time.Time, err error) { panic("contract") }

// Deliver claims and sends what may go now over one connection, until nothing is left or ctx ends; the message in flight always ends.
func (o *Office) Deliver(ctx context.Context) (sent int, err error) { panic("contract") }

// Swap puts new rules to work. All that can fail first, then the swap.
func (o *Office) Swap(c *config.Config) error { panic("contract") }

// NewCarrier makes what the rules say mail leaves by.
func NewCarrier(c *config.Config) (mailer.Carrier, error) { panic("contract") }

// RunOptions of the whole daemon.
type RunOptions struct {
	ConfigPath string
	StateDir   string // the --state flag; "" : see config.StateDir
	LeaveTrial bool
	Log        *slog.Logger
	Say        func(format string, args ...any) // words for the person at the terminal
}

// Run is the daemon: it loads, opens, steps, reloads on SIGHUP (reload) and on a changed file, and drains when ctx ends.
func Run(ctx context.Context, o RunOptions, reload <-chan struct{}) error { panic("contract") }

// Once does everything due now, and what do names, and returns.
func Once(ctx context.Context, o RunOptions, do []Request) error { panic("contract") }

// ConfigError carries the problems of a jobs.toml that could not be used: exit 78.
type ConfigError struct{ Problems []config.Problem }

func (e *ConfigError) Error() string { panic("contract") }

// Request is what an intent asks, the JSON of ledger.Intent.Args.
type Request struct {
	Job      string   `json:"job,omitempty"`
	Period   string   `json:"period,omitempty"`
	Run      string   `json:"run,omitempty"`      // R2611-0012
	Message  string   `json:"message,omitempty"`  // 2611-0044
	Set      string   `json:"set,omitempty"`      // jobs.SetDigest of what the person saw
	Result   string   `json:"result,omitempty"`   // settle: "sent" | "not-sent"
	To       []string `json:"to,omitempty"`       // do --again --to
	Again    bool     `json:"again,omitempty"`    // do: deliberate second one, why is the reason
	Session  bool     `json:"session,omitempty"`  // retry --session
	Clock    bool     `json:"clock,omitempty"`    // retry --clock
	Restored bool     `json:"restored,omitempty"` // retry --restored: messages stay held; new work goes on
}

// Verbs are the intents that the office acts on.
var Verbs = []string{"confirm", "hold", "release", "reject", "skip", "do", "settle", "resend", "retry", "by-hand"}
