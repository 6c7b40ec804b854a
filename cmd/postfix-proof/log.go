package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// syslog is a line as rsyslog, syslog-ng and Postfix's own postlogd write it, with the traditional time or with RFC 3339's.
var syslog = regexp.MustCompile(`^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) \S+ (postfix[\w.-]*(?:/[\w.-]+)+)\[\d+\]: (?:\[ID \d+ mail\.\w+\] )?(.*)$`)

// parse reads a line of a file. now tells the year, which the traditional time lacks.
func parse(line string, now time.Time) (entry, bool) {
	m := syslog.FindStringSubmatch(line)
	if m == nil {
		return entry{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, m[1])
	if err != nil {
		at, err = time.ParseInLocation("2006 Jan _2 15:04:05", now.Format("2006 ")+m[1], now.Location())
		if err != nil {
			return entry{}, false
		}
		if at.After(now.AddDate(0, 0, 2)) {
			at = at.AddDate(-1, 0, 0) // December's lines are read in January
		}
	}
	return entry{at: at, service: service(m[2]), text: m[3]}, true
}

// service is the last part of postfix/smtp, postfix/submission/smtpd or postfix-out/qmgr.
func service(tag string) string { return tag[strings.LastIndexByte(tag, '/')+1:] }

// readFiles reads the logs that there are, with what was rotated away of each since the message began. None of them is
// os.ErrNotExist.
func readFiles(t *trail, names []string) error {
	var files []string
	written := map[string]time.Time{}
	for _, name := range names {
		all, err := filepath.Glob(escape(name) + "*")
		if err != nil {
			return fmt.Errorf("couldn't look for the log %s: %w", name, err)
		}
		for _, file := range all {
			if !rotated.MatchString(strings.TrimPrefix(file, name)) {
				continue
			}
			info, err := os.Stat(file)
			if err != nil {
				return fmt.Errorf("couldn't look at the log: %w", err)
			}
			if info.Mode().IsRegular() && !info.ModTime().Before(t.Began.Add(-slack)) {
				written[file] = info.ModTime()
			}
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return fmt.Errorf("couldn't find a log of Postfix (%s): %w", strings.Join(names, ", "), os.ErrNotExist)
	}
	files = slices.DeleteFunc(files, func(f string) bool { return written[f].IsZero() })
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Or(written[a].Compare(written[b]), -strings.Compare(a, b)) })
	for _, file := range files {
		if err := readFile(t, file); err != nil {
			return fmt.Errorf("couldn't read the log %s: %w", file, err)
		}
	}
	return nil
}

// rotated are the names that logrotate gives: nothing, .1, .2.gz, -20261124, -20261124.gz.
var rotated = regexp.MustCompile(`^(?:[.-]\d+(?:\.gz)?)?$`)

// escape keeps a file's name from being a pattern.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

func readFile(t *trail, name string) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		r = z
	}
	return readLines(t, r, time.Now())
}

// longest is how long a line may be; Postfix itself cuts its lines at 2,000 bytes.
const longest = 64 << 10

func readLines(t *trail, r io.Reader, now time.Time) error {
	in := bufio.NewReaderSize(r, longest)
	for {
		line, long, err := in.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for skip := long; skip; {
			if _, skip, err = in.ReadLine(); err != nil {
				return nil // a line without end at the end
			}
		}
		if s := string(line); !long && t.wants(s) {
			if e, ok := parse(s, now); ok {
				t.read(e)
			}
		}
	}
}

// readJournal reads what the units of Postfix wrote into systemd's journal. The unit's name is the journal's own word: unlike
// in a file, no other user can put a line there.
func readJournal(t *trail) error {
	cmd := exec.Command("journalctl", "--quiet", "--no-pager", "--all", "--output=json", "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT", // #nosec G204 -- fixed words, and a time that was formatted here
		fmt.Sprintf("--since=@%d", t.Began.Add(-slack).Unix()), "SYSLOG_FACILITY=2")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("couldn't read the journal: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("couldn't read the journal: %w", err)
	}
	readErr := readEntries(t, out)
	if readErr != nil {
		_ = cmd.Process.Kill() // or it would wait for us to read on
	}
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return fmt.Errorf("couldn't read the journal: %w", err)
	}
	return nil
}

func readEntries(t *trail, r io.Reader) error {
	in := json.NewDecoder(bufio.NewReaderSize(r, longest))
	for {
		var j struct {
			Message any    `json:"MESSAGE"` // a list of numbers where it is no text
			Tag     string `json:"SYSLOG_IDENTIFIER"`
			Unit    string `json:"_SYSTEMD_UNIT"`
			At      int64  `json:"__REALTIME_TIMESTAMP,string"`
		}
		err := in.Decode(&j)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text, ok := j.Message.(string)
		if ok && strings.HasPrefix(j.Tag, "postfix") && strings.Contains(j.Tag, "/") && unit.MatchString(j.Unit) && t.wants(text) {
			t.read(entry{at: time.UnixMicro(j.At), service: service(j.Tag), text: text})
		}
	}
}

// unit is postfix.service, postfix@-.service, or postfix@NAME.service.
var unit = regexp.MustCompile(`^postfix(@[^/]*)?\.service$`)
