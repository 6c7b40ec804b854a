package ledger

import "slices"

// State is the state of a delivery; a message shows the worst of its deliveries'.
type State string

// The states of a delivery, worst first.
const (
	// StateUnknown: the final dot went out and no usable answer came, or we died
	// before the answer was stored. Entered from sending, by a receipt or by the
	// recovery at start. Left only by a person or by the relay's proof; never
	// sent again by itself. A restart leaves it as it is.
	StateUnknown State = "unknown"
	// StateFailed: refused for good, or given up. Entered from claimed, sending
	// and deferred, or by a person from unknown. Left by a person: queued again,
	// or by hand. A restart leaves it as it is.
	StateFailed State = "failed"
	// StateHeld: sealed, with a reason not to go. Every delivery begins here, and
	// comes back when someone holds it before it is claimed. Left for queued when
	// no reason stands, for replaced when its inputs changed before it was ever
	// queued, for rejected or by hand by a person. A restart leaves it as it is.
	StateHeld State = "held"
	// StateDeferred: refused for now, with the time of the next try. Entered from
	// claimed and sending by a receipt. Left by the next claim, by giving up, or
	// by a person. A restart leaves it as it is.
	StateDeferred State = "deferred"
	// StateSending: committed just before the final dot; what happens next can be
	// an effect on the world. Entered from claimed with the claim's own token.
	// Left by a receipt. A restart makes it unknown, never queued.
	StateSending State = "sending"
	// StateClaimed: someone with a token carries it, nothing that counts was said
	// yet. Entered from queued and deferred. Left by the fence to sending, by a
	// receipt, or back to queued. A restart makes it queued.
	StateClaimed State = "claimed"
	// StateQueued: may go now, as the sealed bytes and nothing else. Entered from
	// held; from failed and unknown by a person; from claimed when nothing was
	// said. Left by a claim, or by a person. A restart leaves it as it is.
	StateQueued State = "queued"
	// StateSent: the server took it. Entered from sending, and from unknown by a
	// person or the relay's proof. Never left.
	StateSent State = "sent"
	// StateWritten: put into a folder, where there is no server. Entered from
	// claimed. Never left.
	StateWritten State = "written"
	// StateByHand: a person sent it another way. Entered from held, failed and
	// unknown. Never left.
	StateByHand State = "by hand"
	// StateRejected: a person does not want it. Entered from held, queued,
	// deferred and unknown. Never left.
	StateRejected State = "rejected"
	// StateReplaced: its inputs changed while it was held and had never been
	// queued; the successor names it. Entered from held. Never left.
	StateReplaced State = "replaced"
)

// states are all states of a delivery, worst first.
var states = []State{
	StateUnknown, StateFailed, StateHeld, StateDeferred, StateSending, StateClaimed, StateQueued,
	StateSent, StateWritten, StateByHand, StateRejected, StateReplaced,
}

// RunState is the state of a run.
type RunState string

// The states of a run.
const (
	// RunPlanned: it is due at a known moment and nothing was prepared. Every run
	// begins here but those missed or skipped at once. Entered again from running
	// after a crash, and from done, missed, skipped and failed by a person.
	RunPlanned RunState = "planned"
	// RunRunning: its job reads the world and drafts. Entered from planned,
	// waiting and, when an input changed, drafted. A restart makes it planned:
	// preparing is repeatable.
	RunRunning RunState = "running"
	// RunWaiting: something is missing: a file, a person, another job. Looked at
	// again by itself until late_until. A restart leaves it as it is.
	RunWaiting RunState = "waiting"
	// RunDrafted: its messages are sealed and not all of them have ended. Entered
	// from running, and from failed when a delivery is retried. A restart leaves
	// it as it is.
	RunDrafted RunState = "drafted"
	// RunDone: every delivery was sent, written, sent by hand or rejected, and
	// each replaced one has a successor. Left only by a person (bod do).
	RunDone RunState = "done"
	// RunFailed: its job is broken, or nothing is open and one delivery failed.
	// Left only by a person.
	RunFailed RunState = "failed"
	// RunMissed: nobody was there in time, or what it waited for never came.
	// Entered at planning, from planned and waiting. Left only by a person.
	RunMissed RunState = "missed"
	// RunSkipped: the rule or a person said that it need not be done. Entered at
	// planning, from planned and waiting. Left only by a person.
	RunSkipped RunState = "skipped"
)

// runStates are all states of a run.
var runStates = []RunState{RunPlanned, RunRunning, RunWaiting, RunDrafted, RunDone, RunFailed, RunMissed, RunSkipped}

// deliveryMoves is the table of moves of deliveries: the only truth about them.
// The triggers in the database are made of it. "" is before the row was there.
var deliveryMoves = map[State][]State{
	"":            {StateHeld},
	StateHeld:     {StateQueued, StateRejected, StateReplaced, StateByHand},
	StateQueued:   {StateClaimed, StateHeld, StateRejected},
	StateClaimed:  {StateQueued, StateDeferred, StateFailed, StateSending, StateWritten},
	StateDeferred: {StateClaimed, StateHeld, StateRejected, StateFailed},
	StateSending:  {StateSent, StateDeferred, StateFailed, StateUnknown},
	StateUnknown:  {StateSent, StateFailed, StateRejected, StateQueued, StateByHand},
	StateFailed:   {StateQueued, StateByHand},
}

// personMoves are those of deliveryMoves that MoveDelivery makes: a person's, or
// giving up. The others belong to the functions that know their conditions.
var personMoves = map[State][]State{
	StateHeld:     {StateRejected, StateByHand},
	StateQueued:   {StateRejected},
	StateDeferred: {StateRejected, StateFailed},
	StateUnknown:  {StateSent, StateFailed, StateRejected, StateQueued, StateByHand},
	StateFailed:   {StateQueued, StateByHand},
}

// runMoves is the table of moves of runs.
var runMoves = map[RunState][]RunState{
	"":         {RunPlanned, RunMissed, RunSkipped},
	RunPlanned: {RunRunning, RunWaiting, RunMissed, RunSkipped},
	RunRunning: {RunWaiting, RunDrafted, RunFailed, RunPlanned},
	RunWaiting: {RunRunning, RunMissed, RunSkipped, RunFailed},
	RunDrafted: {RunRunning, RunDone, RunFailed},
	RunFailed:  {RunPlanned, RunDrafted, RunDone},
	RunDone:    {RunPlanned},
	RunMissed:  {RunPlanned},
	RunSkipped: {RunPlanned},
}

// live reports whether a delivery in this state keeps its message's key taken.
func (s State) live() bool {
	return s != StateRejected && s != StateFailed && s != StateReplaced
}

// OpenStates are those of a delivery that has not come to an end: it may still go out, or
// may have. A failed one has ended, though a person may queue it again; an unknown one has not.
var OpenStates = []State{StateUnknown, StateHeld, StateDeferred, StateSending, StateClaimed, StateQueued}

func (s State) open() bool { return slices.Contains(OpenStates, s) }
