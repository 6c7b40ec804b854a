package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"bod/internal/config"
	"bod/internal/ledger"
)

// writeICS prints occurrences as an iCalendar object (RFC 5545). The times are
// UTC, so that no zone's rules have to be shipped with it; a calendar shows
// them in the reader's own zone. A UID is made of the job's first name and the
// period alone: a file taken in again, after the day was moved, moves the entry
// instead of doubling it.
func (b *desk) writeICS(c *config.Config, all []coming) error {
	domain := "bod"
	if _, host, ok := strings.Cut(c.Mail.From.Mail, "@"); ok {
		domain = host
	}
	w := bufio.NewWriter(b.raw)
	line := func(name, value string) { writeFolded(w, name+":"+value) }
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//bod//back-office daemon//"+strings.ToUpper(string(b.lang)))
	line("CALSCALE", "GREGORIAN")
	line("METHOD", "PUBLISH")
	stamp := b.now().UTC().Format("20060102T150405Z")
	for _, x := range all {
		if x.skipped {
			continue // it does not happen
		}
		name := x.job.Name
		if x.job.Renamed != "" {
			name = x.job.Renamed
		}
		sum := sha256.Sum256([]byte(name + "/" + x.o.Period))
		line("BEGIN", "VEVENT")
		line("UID", hex.EncodeToString(sum[:16])+"@"+domain)
		line("DTSTAMP", stamp)
		line("DTSTART", x.o.Due.UTC().Format("20060102T150405Z"))
		title := x.job.Title
		if title == "" {
			title = x.job.Name
		}
		if x.dropped() {
			// A file taken in before had it: under the same UID the entry is called off, which leaving it out wouldn't do.
			// Not every calendar shows the status, so the title says it too.
			line("STATUS", "CANCELLED")
			title = b.in("【見送り】", "Left out: ") + title
		}
		line("SUMMARY", icsText(title))
		about := x.job.When.About(x.job.About, x.o).Words(b.lang)
		text := []string{fmt.Sprintf("%s / %s", x.job.Name, x.o.Period), about, x.job.Purpose, x.o.Shifted.In(b.lang)}
		if x.run.State != ledger.RunPlanned {
			text = append(text, strings.Join(nonEmpty([]string{x.word, x.why}), " "))
		}
		if x.beyond {
			text = append(text, b.in("祝日の表より先の日付です。変わることがあります", "after the end of the holiday table: may still change"))
		}
		text = nonEmpty(text)
		line("DESCRIPTION", icsText(strings.Join(text, "\n")))
		// The entry tells, it does not take anybody's time.
		line("TRANSP", "TRANSPARENT")
		line("END", "VEVENT")
	}
	line("END", "VCALENDAR")
	return w.Flush()
}

func nonEmpty(in []string) []string {
	var out []string
	for _, s := range in {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// icsText escapes a TEXT value (RFC 5545 3.3.11). Other control characters have
// no place in one.
func icsText(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	s = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(s)
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// writeFolded writes one content line in pieces of at most 75 octets, none of
// which cuts a character (RFC 5545 3.1).
func writeFolded(w *bufio.Writer, s string) {
	room := 75
	for len(s) > room {
		cut := room
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		w.WriteString(s[:cut])
		w.WriteString("\r\n ")
		s, room = s[cut:], 74 // the space counts
	}
	w.WriteString(s)
	w.WriteString("\r\n")
}
