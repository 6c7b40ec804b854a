package jobs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"mime"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// Bounds of what is read in a folder of mail. Whoever can mail into it decides what lies there.
const (
	maxFoundHeader = 256 << 10
	maxFoundMail   = 64 << 20
	maxFoundFiles  = 2_000_000
	maxFoundKey    = 1000
)

// Found is a copy of one of our letters or summaries that lies in a folder of mail: a blind copy, a sent folder, a reader's mailbox.
type Found struct {
	Message     ledger.NewMessage // without its bytes: see Evidence.Body
	Period      string
	Generation  int
	File        string // in the folder
	at, size    int64
	observation *ledger.Observation
}

// Observations are what the next run of its job wants to know: the number of a summary.
func (f Found) Observations() []ledger.Observation {
	if f.observation == nil {
		return nil
	}
	return []ledger.Observation{*f.observation}
}

// Evidence is what FindMail found.
type Evidence struct {
	root  *os.Root
	Found []Found // one for each key, by key
	Files int     // that were looked at
	Mails int     // messages in them

	// What is left out, and why.
	Others     int      // mail that bod did not make
	Foreign    int      // made by another office's bod: its From is not ours
	Notices    int      // bod's own alarms and questions: a new ledger words them anew
	Trials     int      // went to ourselves as a trial
	Duplicates int      // further copies of one message
	Doubts     []string // that look like ours and are not as bod writes them, one line each
	Unread     []string // files that could not be read
}

// Close ends the use of the folder.
func (e *Evidence) Close() error { return e.root.Close() }

// FindMail looks through every file below dir for mail of ours: .eml files and maildirs (one message a file) and mbox files. It
// reads the headers and believes what they say where From is ours and the key is one that bod could have written; that they are
// genuine only the folder's owner knows, for whoever can put a message there can write such headers. Nothing outside dir is read,
// whatever links lie in it, and nothing is executed, decoded or followed.
func FindMail(ctx context.Context, c *config.Config, dir string, now time.Time, progress func(files, mails int)) (_ *Evidence, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the folder of mail: %w", err)
	}
	f := &finder{Evidence: &Evidence{root: root}, config: c, now: now, best: map[string]Found{}, ids: map[string]bool{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Close())
		}
	}()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			f.unread(name, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() { // a link, a pipe or a device is no mail
			return nil
		}
		if f.Files++; f.Files > maxFoundFiles {
			return fmt.Errorf("couldn't look through %s: it has over %d files", dir, maxFoundFiles)
		}
		if err := f.file(ctx, name); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			f.unread(name, err)
		}
		if progress != nil {
			progress(f.Files, f.Mails)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(f.best)) {
		f.Found = append(f.Found, f.best[key])
	}
	return f.Evidence, nil
}

// Body reads a found message as it lies there.
func (e *Evidence) Body(f Found) ([]byte, error) {
	file, err := e.root.Open(f.File)
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s again: %w", f.File, err)
	}
	defer file.Close()
	b := make([]byte, f.size)
	if _, err := io.ReadFull(io.NewSectionReader(file, f.at, f.size), b); err != nil {
		return nil, fmt.Errorf("couldn't read %s again: %w", f.File, err)
	}
	return b, nil
}

type finder struct {
	*Evidence
	config *config.Config
	now    time.Time
	best   map[string]Found // by key
	ids    map[string]bool  // Message-IDs that were seen
}

func (f *finder) unread(name string, err error) {
	f.Unread = append(f.Unread, fmt.Sprintf("%s: %v", clean(name), err))
}

// file reads one file: an mbox, or one message.
func (f *finder) file(ctx context.Context, name string) error {
	file, err := f.root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	r := bufio.NewReaderSize(file, 64<<10)
	first, err := r.Peek(5)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(first) == "From " {
		return f.mbox(ctx, name, r)
	}
	header, err := readHeader(r)
	if err != nil {
		return err
	}
	f.message(name, 0, info.Size(), header)
	return nil
}

// readHeader reads up to the empty line that ends the header.
func readHeader(r *bufio.Reader) (header []byte, err error) {
	for {
		line, err := r.ReadSlice('\n')
		header = append(header, line...)
		switch {
		case errors.Is(err, io.EOF):
			return header, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case err == nil && len(bytes.TrimRight(line, "\r\n")) == 0, len(header) > maxFoundHeader: // no header of ours is as long as that
			return header, nil
		}
	}
}

// mbox reads the messages of one file, which are parted by lines that begin with "From " after an empty one.
func (f *finder) mbox(ctx context.Context, name string, r *bufio.Reader) error {
	var at, start int64
	var header []byte
	inHeader, empty, begun := false, true, false
	end := func() {
		if begun {
			f.message(name, start, at-start, header)
		}
	}
	for whole := true; ; {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		if whole && empty && bytes.HasPrefix(line, []byte("From ")) {
			if end(); ctx.Err() != nil {
				return context.Cause(ctx)
			}
			header, inHeader, begun, start = nil, true, true, at+int64(len(line))
		} else if inHeader {
			if len(header)+len(line) <= maxFoundHeader {
				header = append(header, line...)
			}
			inHeader = !whole || len(bytes.TrimRight(line, "\r\n")) > 0
		}
		at += int64(len(line))
		if errors.Is(err, io.EOF) {
			end()
			return nil
		}
		empty = whole && len(bytes.TrimRight(line, "\r\n")) == 0
		whole = err == nil
	}
}

// message looks at one message.
func (f *finder) message(name string, at, size int64, header []byte) {
	m, err := mail.ReadMessage(io.MultiReader(bytes.NewReader(header), strings.NewReader("\r\n\r\n")))
	if err != nil {
		f.Others++ // no mail at all: an index of the mail program, a picture
		return
	}
	f.Mails++
	keys := m.Header[keyHeader]
	if len(keys) == 0 {
		f.Others++
		return
	}
	found, why := f.read(m.Header, keys)
	switch why {
	case "":
	case leftForeign:
		f.Foreign++
		return
	case leftNotice:
		f.Notices++
		return
	case leftTrial:
		f.Trials++
		return
	default:
		f.doubt(name, why)
		return
	}
	if size > maxFoundMail {
		f.doubt(name, "it is larger than any letter of ours")
		return
	}
	found.File, found.at, found.size = name, at, size
	have, there := f.best[found.Message.Key]
	switch same := f.ids[found.Message.MessageID]; {
	case same:
		f.Duplicates++
	case there:
		// Two different messages say that they are the same letter: the first one counts, and people look at both.
		f.doubt(name, "another message has the key "+found.Message.Key+" as well ("+have.File+")")
	}
	f.ids[found.Message.MessageID] = true
	if !there || found.Message.Date.Before(have.Message.Date) {
		f.best[found.Message.Key] = found
	}
}

func (f *finder) doubt(name, why string) {
	f.Doubts = append(f.Doubts, clean(name)+": "+clean(why))
}

const (
	leftForeign = "foreign"
	leftNotice  = "notice"
	leftTrial   = "trial"
)

var summaryNumber = regexp.MustCompile(`#(\d{1,9})$`)

// read says why a message with our header is left out, or what it is.
func (f *finder) read(h mail.Header, keys []string) (found Found, why string) {
	from, err := mail.ParseAddress(one(h, "From"))
	if err != nil {
		return found, "its From is not one address"
	}
	if !strings.EqualFold(from.Address, f.config.Mail.From.Mail) {
		return found, leftForeign
	}
	if len(keys) != 1 {
		return found, "it has more than one " + keyHeader
	}
	key, job, period, part, generation, ok := readKey(keys[0])
	if !ok {
		return found, "its " + keyHeader + " is not one that bod writes"
	}
	if job == "notice" {
		return found, leftNotice
	}
	decoder := mime.WordDecoder{}
	subject, err := decoder.DecodeHeader(one(h, "Subject"))
	if err != nil {
		subject = one(h, "Subject")
	}
	subject = clean(subject)
	if strings.HasPrefix(subject, "【試し】") || strings.HasPrefix(subject, "[trial] ") {
		return found, leftTrial
	}
	id, ok := strings.CutPrefix(strings.TrimSpace(one(h, "Message-Id")), "<")
	id, closed := strings.CutSuffix(id, ">")
	if !ok || !closed || id == "" || strings.ContainsAny(id, "<> \t\r\n") || len(id) > 250 || clean(id) != id {
		return found, "its Message-ID is not one that bod writes"
	}
	date, err := mail.ParseDate(one(h, "Date"))
	if err != nil || date.Year() < 2000 || date.After(f.now.Add(24*time.Hour)) {
		return found, "its Date can't be"
	}
	found = Found{Period: period, Generation: generation, Message: ledger.NewMessage{
		Class: ledger.ClassLetter, Job: job, Part: part, Key: key, Subject: subject, From: f.config.Mail.From.Mail, MessageID: id,
		Date: date, NotBefore: date, Inputs: []ledger.Input{},
	}}
	e := envelope{config: f.config}
	for _, role := range []string{"To", "Cc"} {
		list, err := mail.ParseAddressList(strings.Join(h[role], ", "))
		if err != nil {
			continue
		}
		for _, a := range list {
			if a.Address == "" || len(a.Address) > 320 || clean(a.Address) != a.Address || strings.ContainsAny(a.Address, " \t") {
				return found, "one of its addresses is none"
			}
			e.rs = append(e.rs, ledger.Recipient{Mail: a.Address, Name: clean(a.Name), Role: strings.ToLower(role), Outside: f.config.Outside(a.Address)})
		}
	}
	if len(e.rs) == 0 || len(e.rs) > 1000 {
		return found, "it doesn't say to whom it went"
	}
	found.Message.Recipients, found.Message.Addressee = e.rs, e.rs[0].Mail
	if e.rs[0].Name != "" {
		found.Message.Addressee = e.rs[0].Name
	}
	if j := f.config.Job(job); ownJob(job) || j != nil && j.Kind == "summary" {
		found.Message.Class = ledger.ClassSummary
		if n := summaryNumber.FindStringSubmatch(subject); n != nil {
			number, _ := strconv.Atoi(n[1]) // digits only
			value, err := json.Marshal(summaryRecord{Number: number, Until: date.UnixMicro(), Day: calendar.DateOf(date.In(f.config.Zone)).String()})
			if err == nil {
				found.observation = &ledger.Observation{Name: observedSummary, Value: value}
			}
		}
	}
	return found, ""
}

// one is the header's only value; "" where there are several.
func one(h mail.Header, name string) string {
	if v := h[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// readKey reads the header that headerKey wrote. What ledger.Key would not write the same again is refused.
func readKey(value string) (key, job, period, part string, generation int, ok bool) {
	value, err := new(mime.WordDecoder).DecodeHeader(value)
	if err != nil || len(value) > maxFoundKey {
		return key, job, period, part, 0, false
	}
	parts := strings.Split(strings.TrimSpace(value), "/")
	for i, p := range parts {
		if parts[i], err = url.PathUnescape(p); err != nil || parts[i] == "" || clean(parts[i]) != parts[i] || strings.Contains(parts[i], "/") {
			return key, job, period, part, 0, false
		}
	}
	key = strings.Join(parts, "/")
	if parts[0] == "notice" {
		return key, "notice", "", "", 0, len(parts) >= 4
	}
	if len(parts) != 3 || strings.Contains(parts[0]+parts[1], "#") {
		return key, job, period, part, 0, false
	}
	job, period, part, generation = parts[0], parts[1], parts[2], 1
	if before, n, second := strings.Cut(part, "#"); second {
		if generation, err = strconv.Atoi(n); err != nil || generation < 2 || generation > 1000 {
			return key, job, period, part, 0, false
		}
		part = before
	}
	if part, err = url.PathUnescape(part); err != nil || part == "" || ledger.Key(job, period, part, generation) != key {
		return key, job, period, part, 0, false
	}
	return key, job, period, part, generation, true
}
