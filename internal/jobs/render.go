package jobs

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// keyHeader carries the message's key, percent-encoded, so that a copy in the sent folder or at the relay can be found
// again when a ledger was restored from an older backup.
const keyHeader = "X-Bod-Key"

// summaryDeadline and noticeDeadline end the retries: a summary that comes after the next one confuses, and a notice of
// last week is told by the summary. A letter has none of its own: how long it is tried is counted from when it may go (give_up).
const (
	summaryDeadline = 20 * time.Hour
	noticeDeadline  = 3 * 24 * time.Hour
)

// Render makes the draft ready to be sealed: key, Message-ID, Date (the due moment, or now if that is later), bytes, envelope, confirmation, deadline.
// With trial_to the envelope is one's own address and the letter shows whom it was for.
func Render(w *World, d Draft) (ledger.NewMessage, error) {
	c := w.Config
	date := leaves(w)
	m := ledger.NewMessage{
		Class:      d.Class,
		Job:        w.Identity,
		Part:       d.Part,
		Key:        d.Key,
		Addressee:  d.Addressee,
		Inputs:     d.Inputs,
		Amount:     d.Amount,
		Hold:       d.Hold,
		Recipients: d.Recipients,
		Date:       date,
		NotBefore:  dueOf(w),
	}
	if m.Key == "" {
		m.Key = ledger.Key(w.Identity, w.Occurrence.Period, d.Part, w.Run.Generation)
	}
	if w.Run.Early {
		m.NotBefore = w.Now
	}
	switch d.Class {
	case ledger.ClassSummary:
		m.Deadline = date.Add(summaryDeadline)
		if w.Job.Name == config.MorningName {
			m.Deadline = w.Job.LateUntil.After(date.In(c.Zone), w.Job.Days)
		}
	case ledger.ClassNotice:
		m.Deadline = date.Add(noticeDeadline)
	}
	m.Tells = d.Tells
	cf := w.Job.Confirm
	if cf == nil {
		cf = d.Confirm
	}
	if cf != nil && cf.Count > 0 && !d.Unconfirmed {
		m.ConfirmCount = cf.Count
		for _, p := range cf.By {
			m.ConfirmBy = append(m.ConfirmBy, p.ID)
		}
	}
	return finish(c, m, d.Letter)
}

// finish fixes Message-ID, boundary and bytes. They are made once and stored, so a resend is the same to the last byte.
func finish(c *config.Config, m ledger.NewMessage, l mailer.Letter) (ledger.NewMessage, error) {
	if c.Mail.TrialTo != nil {
		l = trial(c, l, m.Recipients)
		m.Recipients = []ledger.Recipient{{Mail: c.Mail.TrialTo.Mail, Name: c.Mail.TrialTo.Name, Role: "to", Outside: c.Outside(c.Mail.TrialTo.Mail)}}
	}
	m.Subject = l.Subject
	m.From = l.From.Mail
	m.MessageID = mailer.NewMessageID(l.From)
	l.MessageID = m.MessageID
	l.Date = m.Date.In(c.Zone)
	l.Boundary = rand.Text()
	headers := map[string]string{keyHeader: headerKey(m.Key)}
	maps.Copy(headers, l.Headers)
	l.Headers = headers
	body, err := mailer.Render(l)
	if err != nil {
		return ledger.NewMessage{}, fmt.Errorf("couldn't render the message %s: %w", m.Key, err)
	}
	m.Body = body
	return m, nil
}

// headerKey writes a key in the characters that a header may bear; url.PathUnescape reads each part back.
func headerKey(key string) string {
	parts := strings.Split(key, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// trial turns a letter into one to ourselves that shows whom it was for.
func trial(c *config.Config, l mailer.Letter, rs []ledger.Recipient) mailer.Letter {
	en := c.Language == calendar.English
	var b strings.Builder
	if en {
		b.WriteString("[trial] This is a trial. In earnest it would go to:\n")
	} else {
		b.WriteString("【試し】これは試しのメールです。本番では次の宛先に届きます。\n")
	}
	for _, role := range []struct{ role, ja, en string }{{"to", "宛先：", "To:  "}, {"cc", "Cc　：", "Cc:  "}, {"bcc", "Bcc ：", "Bcc: "}} {
		for _, r := range rs {
			if r.Role != role.role {
				continue
			}
			if en {
				b.WriteString("  " + role.en + r.Mail + "\n")
			} else {
				b.WriteString("　" + role.ja + r.Mail + "\n")
			}
		}
	}
	if en {
		b.WriteString("What follows is the message as it would be sent.\n\n")
		l.Subject = "[trial] " + l.Subject
	} else {
		b.WriteString("ここから下が、本番で送る文面です。\n\n")
		l.Subject = "【試し】" + l.Subject
	}
	l.Text = b.String() + l.Text
	if l.HTML != "" {
		// The banner goes to the beginning of the body, through the same door as the rest.
		head, rest, _ := strings.Cut(l.HTML, "<body")
		attributes, rest, _ := strings.Cut(rest, ">\n")
		l.HTML = head + "<body" + attributes + ">\n" + bodyOf(htmlOf(b.String(), string(c.Language))) + rest
	}
	l.To, l.Cc = []mailer.Address{*c.Mail.TrialTo}, nil
	return l
}

// bodyOf is what stands between <body> and </body>.
func bodyOf(h string) string {
	_, rest, _ := strings.Cut(h, "<body>\n")
	inner, _, _ := strings.Cut(rest, "</body>")
	return inner
}

// letterTo starts a letter from us.
func letterTo(c *config.Config, to, cc []mailer.Address, subject, text string, ja bool) mailer.Letter {
	lang := "en"
	if ja {
		lang = "ja"
	}
	text = strings.TrimRight(text, "\n") + "\n"
	return mailer.Letter{
		From: c.Mail.From, ReplyTo: c.Mail.ReplyTo, To: to, Cc: cc,
		Subject: subject, Text: wrap(text, ja), HTML: htmlOf(text, lang),
	}
}

// ownLetter is a mail of bod's own.
func ownLetter(c *config.Config, to []mailer.Address, subject string, p *page) mailer.Letter {
	l := letterTo(c, to, nil, subject, p.text(), p.l != calendar.English)
	l.From.Name = ownName(c)
	l.HTML = p.html(subject)
	return l
}

// envelope collects recipients, each address once, in the first role that it has.
type envelope struct {
	config *config.Config
	rs     []ledger.Recipient
}

// add puts addresses in and returns those that were new.
func (e *envelope) add(role string, as ...mailer.Address) (added []mailer.Address) {
	for _, a := range as {
		if slices.ContainsFunc(e.rs, func(r ledger.Recipient) bool { return strings.EqualFold(r.Mail, a.Mail) }) {
			continue
		}
		e.rs = append(e.rs, ledger.Recipient{Mail: a.Mail, Name: a.Name, Role: role, Outside: e.config.Outside(a.Mail)})
		added = append(added, a)
	}
	return added
}

// outside reports whether somebody outside gets it.
func (e *envelope) outside() bool {
	return slices.ContainsFunc(e.rs, func(r ledger.Recipient) bool { return r.Outside })
}
