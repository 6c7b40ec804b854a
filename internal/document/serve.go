package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	pdfium "github.com/klippa-app/go-pdfium"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// exitNoSandbox is the status of a child that could not give up its rights. It has read nothing then.
const exitNoSandbox = 77

// Serve is the child: it gives up what it doesn't need, reads a PDF from in and writes what it found to out. The status
// is that of the process, which has to end with it.
func Serve(in io.Reader, out io.Writer) int {
	// The parent kills a child that is slow; one whose parent is gone ends by itself.
	time.AfterFunc(maxTime+5*time.Second, func() { os.Exit(1) })
	debug.SetMemoryLimit(maxMemory)
	if err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, "couldn't confine the reader of PDFs:", err)
		return exitNoSandbox
	}
	pdf, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil || len(pdf) > maxBytes {
		return 1
	}
	if err := json.NewEncoder(out).Encode(parse(pdf)); err != nil {
		return 1
	}
	return 0
}

// parse reads a PDF in this process.
func parse(pdf []byte) *Document {
	config := wazero.NewRuntimeConfigInterpreter().
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(maxMemory >> 16).WithCloseOnContextDone(false)
	pool, err := webassembly.Init(webassembly.Config{
		MaxIdle: 1, MaxTotal: 1, Context: context.Background(), RuntimeConfig: config,
		FSConfig: wazero.NewFSConfig(), Stdout: io.Discard, Stderr: io.Discard, // by default it gets the root folder
	})
	if err != nil {
		return &Document{Trouble: CodeSlow}
	}
	instance, err := pool.GetInstance(maxTime)
	if err != nil {
		return &Document{Trouble: CodeSlow}
	}
	opened, err := instance.OpenDocument(&requests.OpenDocument{File: &pdf})
	if errors.Is(err, pdfiumerrors.ErrPassword) || errors.Is(err, pdfiumerrors.ErrSecurity) {
		return &Document{Trouble: CodeEncrypted}
	}
	if err != nil {
		return &Document{Trouble: CodeDamaged}
	}
	count, err := instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
	switch {
	case err != nil || count.PageCount < 1:
		return &Document{Trouble: CodeDamaged}
	case count.PageCount > maxPages:
		return &Document{Trouble: CodeTooBig}
	}
	d := &Document{Number: count.PageCount}
	size, blank := 0, true
	for i := range count.PageCount {
		t, err := instance.GetPageText(&requests.GetPageText{Page: requests.Page{ByIndex: &requests.PageByIndex{Document: opened.Document, Index: i}}})
		if err != nil {
			return &Document{Trouble: CodeDamaged}
		}
		text := strings.ToValidUTF8(strings.ReplaceAll(t.Text, "\r\n", "\n"), string(utf8.RuneError))
		if size += len(text); size > maxText {
			return &Document{Trouble: CodeTooBig}
		}
		if Fold(text) == "" {
			shown, err := objects(instance, opened.Document, i)
			if err != nil {
				return &Document{Trouble: CodeDamaged}
			}
			if shown > 0 {
				d.Unread = append(d.Unread, i+1)
			}
		} else {
			blank = false
		}
		d.Pages = append(d.Pages, text)
	}
	if blank {
		return &Document{Trouble: CodeTextless}
	}
	d.Created = created(instance, opened.Document)
	return d
}

// objects is how many things a page draws.
func objects(instance pdfium.Pdfium, opened references.FPDF_DOCUMENT, page int) (int, error) {
	n, err := instance.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: requests.Page{ByIndex: &requests.PageByIndex{Document: opened, Index: page}}})
	if err != nil {
		return 0, err
	}
	return n.Count, nil
}

// created is when the document says that it was made. Whoever makes a file can write what they like there: it is worth a
// comparison, and no proof.
func created(instance pdfium.Pdfium, opened references.FPDF_DOCUMENT) time.Time {
	m, err := instance.FPDF_GetMetaText(&requests.FPDF_GetMetaText{Document: opened, Tag: "CreationDate"})
	if err != nil {
		return time.Time{}
	}
	return moment(m.Value)
}

// moment reads D:20261124140000+09'00' (ISO 32000-1, 7.9.4), of which all after the day may be left out.
func moment(s string) time.Time {
	s = strings.ReplaceAll(strings.TrimPrefix(s, "D:"), "'", "")
	for _, layout := range []string{"20060102150405Z0700", "20060102150405", "200601021504", "20060102"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1980 && t.Year() < 3000 {
			return t
		}
	}
	return time.Time{}
}
