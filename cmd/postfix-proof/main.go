// Command postfix-proof looks up in Postfix's log what became of a message whose
// answer was lost. The administrator names it as [programs] proof in admin.toml,
// and bod calls it with one question on standard input, as JSON; the answer goes
// to standard output. It only reads, and needs no right but to read the log.
//
// It promises to say "sent" or "refused" of a recipient only where Postfix itself
// wrote so, in a line that belongs to a queue file with this Message-ID and this
// sender. What the log does not have it calls "not-found", which proves nothing:
// a log may be late, cut, or another machine's.
//
// Without --log and --journal it reads /var/log/mail.log or /var/log/maillog with
// what was rotated away of them, or, where there is neither, the journal.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// question is what bod asks.
type question struct {
	MessageID  string    `json:"message_id"`
	From       string    `json:"from"`
	Recipients []string  `json:"recipients"`
	Began      time.Time `json:"began"`
}

// answer is what the log says of one recipient.
type answer struct {
	Recipient string `json:"recipient"`
	Result    string `json:"result"` // sent, refused, unknown or not-found
	Evidence  string `json:"evidence"`
}

// slack is how far the clocks of bod and of the log may be apart.
const slack = 2 * time.Minute

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("postfix-proof", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var logs []string
	flags.Func("log", "the `FILE` of Postfix's log; what was rotated away of it is read too", func(s string) error {
		logs = append(logs, s)
		return nil
	})
	journal := flags.Bool("journal", false, "read systemd's journal")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var q question
	if err := json.NewDecoder(io.LimitReader(stdin, 1<<20)).Decode(&q); err != nil {
		return fmt.Errorf("couldn't read the question: %w", err)
	}
	q.MessageID = strings.TrimSuffix(strings.TrimPrefix(q.MessageID, "<"), ">")
	if q.MessageID == "" || len(q.Recipients) == 0 || q.Began.IsZero() {
		return errors.New("couldn't answer: the question lacks message_id, recipients or began")
	}
	t := newTrail(q)
	var err error
	switch {
	case *journal:
		err = readJournal(t)
	case len(logs) > 0:
		err = readFiles(t, logs)
	default:
		err = readFiles(t, []string{"/var/log/mail.log", "/var/log/maillog"})
		if errors.Is(err, os.ErrNotExist) {
			err = readJournal(t)
		}
	}
	if err != nil {
		return err
	}
	reply := struct {
		Answers []answer `json:"answers"`
	}{t.answers()}
	if err := json.NewEncoder(stdout).Encode(reply); err != nil {
		return fmt.Errorf("couldn't write the answer: %w", err)
	}
	return nil
}
