//go:build !race

package document

// program is the file that reads PDFs.
func program() (string, error) { return self() }

// TestOnlyReader has nothing to do without the race detector.
func TestOnlyReader() (remove func(), err error) { return func() {}, nil }
