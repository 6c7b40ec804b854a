// Package document reads the text of PDFs that other programs made, so that a check can look for what has to stand in
// them and for what may not.
//
// It promises that a PDF harms nobody and is never taken for more than it says. The file is parsed by PDFium, which runs as
// WebAssembly and so sees no memory but its own, in a child process: bod itself, started again with one word. The
// child gets the bytes on its standard input, an empty environment and the folder /; before it looks at the first byte
// it gives up opening files, sockets and programs (see sandbox.go). It may use so much memory, processor and time and
// no more, and dies with a file that wants more. What it answers is read as hostile text again: so many bytes, one form.
//
// WebAssembly is interpreted and not compiled: the interpreter needs no memory that is writable and executable, which
// the service's sandbox denies (MemoryDenyWriteExecute), and no cache of machine code on the disk, which would
// have to be trusted. It costs about half a second and 200 MB for each file that is read, which is then
// remembered by its content.
//
// A document without text, one that is encrypted or that can't be read is an error in words for a person.
//
// It also writes tables that go out, as xlsx and as CSV: see Sheet.
package document

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"

	"bod/internal/calendar"
)

// Command is the word with which the program starts itself to read a PDF: see Serve.
const Command = "read-pdf"

// The limits of one file. An invoice has a page or two and some hundred kilobytes.
const (
	maxBytes  = 32 << 20
	maxPages  = 500
	maxText   = 4 << 20 // of all pages, in bytes
	maxAnswer = 3 * maxText
	maxTime   = 45 * time.Second
	maxMemory = 384 << 20 // of the module that parses
)

// Document is what was read of a PDF.
type Document struct {
	Pages   []string  `json:"pages"`             // the text of each page, lines ended by \n
	Created time.Time `json:"created,omitzero"`  // as the file says; zero when it doesn't
	Number  int       `json:"number,omitempty"`  // of pages
	Unread  []int     `json:"unread,omitempty"`  // the pages, from 1, that show something and have no text, as a scanner makes them
	Trouble Code      `json:"trouble,omitempty"` // between child and parent; "" beside what was read
}

// Code says why a document can't be judged.
type Code string

// The codes.
const (
	CodeEncrypted Code = "encrypted" // needs a password
	CodeDamaged   Code = "damaged"   // no PDF, or a broken one
	CodeTextless  Code = "textless"  // pictures only, as a scanner makes them
	CodeTooBig    Code = "too big"   // more bytes, pages or text than anybody reads
	CodeSlow      Code = "slow"      // not read to its end in the time, or in the memory, that it may take
	CodeAway      Code = "away"      // the reader itself could not be started
)

// Problem is why a document can't be judged, in words for a person.
type Problem struct {
	Code Code
	What calendar.Text
	Err  error // the cause, for the log; may be nil
}

// Error makes a Problem an error, in English; people read What.
func (p *Problem) Error() string { return p.What.EN }

func (p *Problem) Unwrap() error { return p.Err }

var words = map[Code]calendar.Text{
	CodeEncrypted: {JA: "パスワードがかかったPDFで、中身を読めません", EN: "the PDF is encrypted, so that it can't be read"},
	CodeDamaged:   {JA: "PDFが壊れていて、中身を読めません", EN: "the PDF is broken, so that it can't be read"},
	CodeTextless:  {JA: "PDFに文字がありません（画像だけです）。人の目で見てください", EN: "the PDF has no text, only pictures: a person has to look at it"},
	CodeTooBig:    {JA: fmt.Sprintf("PDFが大きすぎて、中身を確かめられません（%d MB、%dページまで）", maxBytes>>20, maxPages), EN: fmt.Sprintf("the PDF is too large to be looked at (%d MB and %d pages at most)", maxBytes>>20, maxPages)},
	CodeSlow:      {JA: "PDFの作りが複雑で、決めた時間とメモリーの中では読み終わりませんでした", EN: "the PDF was not read to its end within the time and memory that it may take"},
	CodeAway:      {JA: "PDFを読むプログラムを動かせませんでした", EN: "the program that reads PDFs could not be started"},
}

func problem(c Code, err error) *Problem { return &Problem{Code: c, What: words[c], Err: err} }

// read is what is remembered: one file at a time is read, for each takes memory, and none twice. The daemon looks at what
// waits again and again.
var read = struct {
	sync.Mutex
	known map[[sha256.Size]byte]*Document
	order [][sha256.Size]byte
	bytes int // of their texts
}{known: map[[sha256.Size]byte]*Document{}}

// maxKnown bounds what is remembered: a month's invoices, looked at in their order again and again, have to be fewer, for of
// one more than fits none would be found again. maxKnownText bounds their texts, of which a page has a few thousand bytes.
const (
	maxKnown     = 5000
	maxKnownText = 64 << 20
)

// size is how much of a document is remembered.
func (d *Document) size() (n int) {
	for _, p := range d.Pages {
		n += len(p)
	}
	return n
}

// forget is when a file that took too long is tried once more.
const forget = 15 * time.Minute

// timeLimit is maxTime but in a test.
var timeLimit = maxTime

// Read reads the text of a PDF in a child process. An error is a *Problem, or ctx's.
func Read(ctx context.Context, pdf []byte) (*Document, error) {
	if len(pdf) > maxBytes {
		return nil, problem(CodeTooBig, nil)
	}
	sum := sha256.Sum256(pdf)
	read.Lock()
	defer read.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, ok := read.known[sum]
	if ok && d.Trouble == CodeSlow && time.Since(d.Created) > forget {
		ok = false // the machine may just have been busy
	}
	if !ok {
		var err error
		if d, err = ask(ctx, pdf); err != nil {
			return nil, err
		}
		if d.Trouble == CodeSlow {
			d.Created = time.Now()
		}
		drop := func(s [sha256.Size]byte) {
			if old := read.known[s]; old != nil {
				read.bytes -= old.size()
				delete(read.known, s)
			}
		}
		if _, again := read.known[sum]; again {
			drop(sum)
			read.order = slices.DeleteFunc(read.order, func(s [sha256.Size]byte) bool { return s == sum })
		}
		for len(read.order) > 0 && (len(read.order) >= maxKnown || read.bytes+d.size() > maxKnownText) {
			drop(read.order[0])
			read.order = read.order[1:]
		}
		read.known[sum], read.order = d, append(read.order, sum)
		read.bytes += d.size()
	}
	if d.Trouble != "" {
		return nil, problem(d.Trouble, nil)
	}
	return d, nil
}

// self is the file to start again: what runs now, also when a new version was put in its place.
func self() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// ask starts the child and reads its answer. If we die here the child ends by itself: its time is limited.
func ask(ctx context.Context, pdf []byte) (*Document, error) {
	file, err := program()
	if err != nil {
		return nil, problem(CodeAway, err)
	}
	limited, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	// #nosec G204 -- this program itself, with a fixed word
	c := exec.CommandContext(limited, file, Command)
	c.Args[0] = os.Args[0]
	c.Dir, c.Env = "/", []string{}
	c.Stdin = bytes.NewReader(pdf)
	c.WaitDelay = time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, problem(CodeAway, err)
	}
	if err := c.Start(); err != nil {
		return nil, problem(CodeAway, err)
	}
	answer, readErr := io.ReadAll(io.LimitReader(out, maxAnswer+1))
	if len(answer) > maxAnswer {
		cancel()
	}
	err = c.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(answer) > maxAnswer:
		return &Document{Trouble: CodeTooBig}, nil
	case limited.Err() != nil:
		return &Document{Trouble: CodeSlow}, nil
	case err != nil || readErr != nil:
		if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() == exitNoSandbox {
			return nil, problem(CodeAway, err)
		}
		return &Document{Trouble: CodeSlow}, nil // it was killed, or had not enough memory: the same file does the same again
	}
	var d Document
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, problem(CodeAway, fmt.Errorf("couldn't read what the reader of PDFs answered: %w", err))
	}
	if _, known := words[d.Trouble]; d.Trouble != "" && !known {
		d.Trouble = CodeDamaged
	}
	return &d, nil
}
