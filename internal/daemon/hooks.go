package daemon

// testOnlyAt is called between any two steps of a send, so that a test can end the process there. It does nothing otherwise.
var testOnlyAt = func(step string) {}
