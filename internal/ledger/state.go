package ledger

// State is the state of a delivery; a message shows the worst of its deliveries'.
type State string

// The states of a delivery, worst first; design: each documents who enters, who leaves, what a restart does.
const (
	StateUnknown  State = "unknown"
	StateFailed   State = "failed"
	StateHeld     State = "held"
	StateDeferred State = "deferred"
	StateSending  State = "sending"
	StateClaimed  State = "claimed"
	StateQueued   State = "queued"
	StateSent     State = "sent"
	StateWritten  State = "written"
	StateByHand   State = "by hand"
	StateRejected State = "rejected"
	StateReplaced State = "replaced"
)

// RunState is the state of a run.
type RunState string

// The states of a run.
const (
	RunPlanned RunState = "planned"
	RunRunning RunState = "running"
	RunWaiting RunState = "waiting"
	RunDrafted RunState = "drafted"
	RunDone    RunState = "done"
	RunFailed  RunState = "failed"
	RunMissed  RunState = "missed"
	RunSkipped RunState = "skipped"
)
