//go:build !linux || !(amd64 || arm64)

package document

import (
	"errors"
	"runtime"
)

// confine refuses: without a way to give up its rights, the child reads nothing. bod is made for Linux on amd64 and arm64;
// elsewhere what needs a PDF's text waits for a person.
func confine() error {
	return errors.New("there is no sandbox on " + runtime.GOOS + "/" + runtime.GOARCH)
}
