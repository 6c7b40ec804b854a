package document

import (
	"fmt"
	"os"
	"testing"
)

// TestMain lets the test binary be the child.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == Command {
		os.Exit(Serve(os.Stdin, os.Stdout))
	}
	if os.Getenv("BOD_TEST_CONFINED") != "" {
		fmt.Println(tried() + "confined")
		os.Exit(0)
	}
	remove, err := TestOnlyReader()
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // the tests' own program reads them then, slowly
	}
	status := m.Run()
	remove()
	os.Exit(status)
}
