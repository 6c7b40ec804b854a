package main

import (
	"os"

	"bod/internal/document"
)

// readPDF is how bod starts itself to read a PDF (see internal/document). It is nobody's command: nothing of the
// program is set up for it, so that a file that breaks the reader finds nothing there.
func readPDF(args []string) {
	if len(args) == 2 && args[1] == document.Command {
		os.Exit(document.Serve(os.Stdin, os.Stdout))
	}
}
