package daemon

import "time"

// Request is what an intent asks, the JSON of ledger.Intent.Args.
type Request struct {
	Job      string    `json:"job,omitempty"`
	Period   string    `json:"period,omitempty"`
	Run      string    `json:"run,omitempty"`      // R2611-0012
	Message  string    `json:"message,omitempty"`  // 2611-0044
	Set      string    `json:"set,omitempty"`      // jobs.SetDigest of what the person saw
	Result   string    `json:"result,omitempty"`   // settle: "sent" | "not-sent"
	To       []string  `json:"to,omitempty"`       // do --again --to; hello
	Again    bool      `json:"again,omitempty"`    // do: deliberate second one, why is the reason
	Session  bool      `json:"session,omitempty"`  // retry --session
	Clock    bool      `json:"clock,omitempty"`    // retry --clock
	Restored bool      `json:"restored,omitempty"` // retry --restored: messages stay held; new work goes on
	Until    time.Time `json:"until,omitzero"`     // retry --restored --sent-until: what was due by then had gone; accept: when it is asked again
	Findings []string  `json:"findings,omitempty"` // accept, take-back: F2611-0003
}

// Verbs are the intents that the office acts on.
var Verbs = []string{"confirm", "hold", "release", "reject", "skip", "do", "settle", "resend", "retry", "by-hand", "hello", "stop", "start", "accept", "take-back"}
