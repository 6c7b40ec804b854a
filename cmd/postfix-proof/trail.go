package main

import (
	"regexp"
	"strings"
	"time"
)

// entry is one line of the log: which of Postfix's programs wrote it, when, and what.
type entry struct {
	at      time.Time
	service string // cleanup, qmgr, smtp …
	text    string
}

// trail follows one message through the log. Entries have to come in their order.
type trail struct {
	question
	held  map[string]*file // by queue id, as long as Postfix has it: a short id is used anew
	files []*file
}

// file is one queue file with the message's Message-ID. There are several where the message passed a filter, or where other
// recipients of it were served by another attempt.
type file struct {
	id       string
	ours     bool // its sender is the message's
	rejected string
	lines    []delivery
}

// delivery is one line about one recipient.
type delivery struct {
	recipient, status, detail, line string
}

func newTrail(q question) *trail {
	return &trail{question: q, held: map[string]*file{}}
}

var (
	// Postfix writes every line itself and masks what can't be printed, so that a line can't be forged from a mail; but what
	// stands in a header or in a server's answer is in it. So each pattern is held to the beginning of what Postfix writes
	// first, and what others wrote is looked for nowhere.
	queueID = regexp.MustCompile(`^([0-9A-Za-z]{5,40}): (.*)$`)
	active  = regexp.MustCompile(`^from=<(.*)>, size=\d+, nrcpt=\d+ \(queue active\)$`)
	status  = regexp.MustCompile(`^(?:orig_to=<([^>]*)>, )?relay=[^ ,]*, (?:conn_use=\d+, )?delay=[\d.]+, delays=[\d./]+, dsn=\d\.\d+\.\d+, status=([a-z]+) \((.*)\)$`)
	refused = regexp.MustCompile(`^milter-reject: END-OF-MESSAGE from [^ \[\]]*\[[0-9a-fA-F.:]*\]: 5\.\d+\.\d+ `)
	queued  = regexp.MustCompile(`queued as ([0-9A-Za-z]{5,40})\)?$`)
	agents  = map[string]bool{"smtp": true, "lmtp": true, "local": true, "virtual": true, "pipe": true, "error": true, "discard": true, "relay": true, "retry": true}
)

// wants reports whether a line can matter, cheaply: most lines of a log are about other messages.
func (t *trail) wants(line string) bool {
	if strings.Contains(line, t.MessageID) {
		return true
	}
	for id := range t.held {
		if strings.Contains(line, id) {
			return true
		}
	}
	return false
}

// read takes the next entry.
func (t *trail) read(e entry) {
	m := queueID.FindStringSubmatch(e.text)
	if m == nil {
		return
	}
	id, text := m[1], m[2]
	f := t.held[id]
	switch {
	case e.service == "cleanup" && strings.HasPrefix(text, "message-id="):
		delete(t.held, id)
		if text != "message-id=<"+t.MessageID+">" || e.at.Before(t.Began.Add(-slack)) {
			return
		}
		f = &file{id: id}
		t.held[id], t.files = f, append(t.files, f)
	case f == nil:
	case e.service == "cleanup" && refused.MatchString(text):
		f.rejected = e.text
	case e.service == "qmgr" && text == "removed":
		delete(t.held, id)
	case e.service == "qmgr":
		if m := active.FindStringSubmatch(text); m != nil {
			f.ours = strings.EqualFold(m[1], t.From)
		}
	case agents[e.service]:
		t.delivered(f, e.text, text)
	}
}

// delivered reads a line about a recipient. The address is compared as a whole and never cut out of the line: what stands
// between < and > may hold anything.
func (t *trail) delivered(f *file, line, text string) {
	for _, r := range t.Recipients {
		rest, found := cutFold(text, "to=<"+r+">, ")
		alias := false
		if !found {
			// An alias: the address that it was sent to stands second.
			to, after, ok := strings.Cut(strings.TrimPrefix(text, "to=<"), ">, ")
			if !ok || strings.ContainsAny(to, "<> \"") || !strings.HasPrefix(text, "to=<") {
				continue
			}
			rest, alias = after, true
		}
		m := status.FindStringSubmatch(rest)
		if m == nil || alias && !strings.EqualFold(m[1], r) {
			continue
		}
		f.lines = append(f.lines, delivery{r, m[2], m[3], line})
	}
}

func cutFold(s, prefix string) (rest string, found bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// answers are what the log proves.
func (t *trail) answers() []answer {
	out := []answer{}
	for _, r := range t.Recipients {
		out = append(out, t.about(r))
	}
	return out
}

// about looks at all lines about one recipient. That Postfix has the message and tries, or waits to try, is "sent" as bod
// means it: the relay took it, and tells the sender itself should it not arrive.
func (t *trail) about(r string) answer {
	var sent, deferred, bounced, rejected string
	waits := ""
	for _, f := range t.files {
		if f.rejected != "" {
			rejected = f.rejected
			continue
		}
		if !f.ours {
			continue
		}
		waits = f.id
		for _, d := range f.lines {
			switch {
			case d.recipient != r:
			case d.status == "sent" && t.passedOn(d, f):
			case d.status == "sent":
				sent = d.line
			case d.status == "deferred":
				deferred = d.line
			case d.status == "bounced":
				bounced = d.line
			}
		}
	}
	switch {
	case sent != "":
		return answer{r, "sent", sent}
	case bounced != "":
		return answer{r, "refused", bounced}
	case deferred != "":
		return answer{r, "sent", deferred}
	case waits != "":
		return answer{r, "unknown", waits + ": the log has the message, and nothing about this recipient yet"}
	case rejected != "":
		return answer{r, "refused", rejected}
	case len(t.files) > 0:
		return answer{r, "unknown", t.files[0].id + ": the log has the Message-ID, but not that the message was taken"}
	}
	return answer{r, "not-found", "the log has no message with this Message-ID since " + t.Began.Add(-slack).Format(time.RFC3339)}
}

// passedOn reports whether a delivery was one to a filter that gave the message back to this Postfix: what became of it
// stands with the other queue file.
func (t *trail) passedOn(d delivery, from *file) bool {
	m := queued.FindStringSubmatch(d.detail)
	if m == nil {
		return false
	}
	for _, f := range t.files {
		if f != from && f.id == m[1] {
			return true
		}
	}
	return false
}
