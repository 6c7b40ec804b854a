//go:build race

package document

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// readerEnv names a bod without the race detector. Nothing but a build with the detector, which is a test's, looks at it.
const readerEnv = "BOD_TEST_READER"

// program is the file that reads PDFs. The detector makes the interpreter of WebAssembly many times as slow, and finds nothing
// in it: the child is one goroutine that shares no memory with us.
func program() (string, error) {
	if p := os.Getenv(readerEnv); p != "" {
		return p, nil
	}
	return self()
}

// TestOnlyReader builds bod without the detector, to read the PDFs of this process and of those that inherit its environment.
func TestOnlyReader() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "bod-reader")
	if err != nil {
		return func() {}, fmt.Errorf("couldn't make a folder for the reader of PDFs: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	file := filepath.Join(dir, "bod")
	build := exec.Command("go", "build", "-trimpath", "-o", file, "bod/cmd/bod")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		remove()
		return func() {}, fmt.Errorf("couldn't build the reader of PDFs: %w: %s", err, out)
	}
	return remove, os.Setenv(readerEnv, file)
}
