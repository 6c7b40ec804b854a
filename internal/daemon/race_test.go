//go:build race

package daemon

// raced: the race detector makes starting a process ten times as slow, and finds no more in the hundredth than in the thirtieth.
const raced = true
