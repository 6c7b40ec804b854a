package daemon

// testOnlyAt is called when the ledger is open and between any two steps of a send, so that a test can end the process or take its
// disk away there. It does nothing otherwise.
var testOnlyAt = func(step string) {}
