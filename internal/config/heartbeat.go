package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"bod/internal/calendar"
)

// Heartbeat says which monitor hears, again and again, that all is well.
type Heartbeat struct {
	URL     string        // whoever knows it can say that all is well: it is never shown; "" where the file or the credential has it
	URLFile string        // absolute; "": systemd credential heartbeat-url ($CREDENTIALS_DIRECTORY)
	Every   time.Duration // 5 minutes when not said
}

// Address reads where the heartbeat goes, anew each time. No error has anything of it.
func (h Heartbeat) Address() (*url.URL, error) {
	v := h.URL
	if v == "" {
		var err error
		if v, err = secret("the heartbeat's address", h.URLFile, "heartbeat-url"); err != nil {
			return nil, err
		}
	}
	u, what, _ := heartbeatURL(strings.TrimSpace(v))
	if u == nil {
		return nil, &FileError{Path: h.URLFile, What: what}
	}
	return u, nil
}

// heartbeatURL reads the address of a monitor. What is wrong never quotes it: it is a secret, and url.Parse's errors have it.
//
// Clear text is for this machine only, as for a mail server, unless it is said in these words. A network that sees the
// address can go on saying that all is well.
func heartbeatURL(v string) (u *url.URL, what, next calendar.Text) {
	next = say(`"https://hc-ping.com/…" のように、監視サービスが出したアドレスをそのまま書いてください`, `write the address that the monitor gave, such as "https://hc-ping.com/…"`)
	u, err := url.Parse(v)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, say("ハートビートのアドレスが読めません", "the heartbeat's address cannot be read"), next
	}
	switch {
	case u.Scheme == "http+insecure":
		u.Scheme = "http"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, say("ハートビートのアドレスが https:// で始まっていません", "the heartbeat's address does not begin with https://"),
			say("https:// にしてください。暗号化なしでよいときは http+insecure:// と書きます", "use https://, or write http+insecure:// where clear text is meant")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, say("ハートビートのアドレスが https:// で始まっていません", "the heartbeat's address does not begin with https://"), next
	}
	u.Fragment, u.RawFragment = "", ""
	return u, calendar.Text{}, calendar.Text{}
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// The bounds of every: a monitor waits for at least two of them before it is alarmed.
const (
	shortestBeat = time.Minute
	longestBeat  = 24 * time.Hour
	usualBeat    = 5 * time.Minute
)

// heartbeat reads [heartbeat] of the administrator's file. It stands nowhere else: whoever edits duties shall not make bod
// call addresses, nor say for it that all is well.
func (l *loader) heartbeat() {
	t := l.named("heartbeat")
	if t == nil {
		return
	}
	s := l.section(t, "heartbeat", "[heartbeat]", "")
	s.unknown(l.sets[""])
	h := &Heartbeat{Every: usualBeat, URLFile: s.secretFile("url_file")}
	if v := s.str("url"); v != "" {
		if u, what, next := heartbeatURL(v); u == nil {
			s.problem(s.off("url"), what, next)
		} else {
			h.URL = v
		}
	}
	if s.has("url") && s.has("url_file") {
		s.problem(s.off("url_file"), say("url と url_file の両方があります", "there are both url and url_file"), say("どちらかを消してください", "delete one of them"))
	}
	if e := s.get("every"); e != nil {
		if lead, ok := s.lead("every"); ok {
			h.Every = span(lead)
			if h.Every < shortestBeat || h.Every > longestBeat {
				s.problem(e.val, say("every は1分から24時間までです", "every is from 1 minute to 24 hours"), s.likeExample("every"))
			}
		}
	}
	l.c.Heartbeat = h
}

// span is the length of a lead as the clock counts it.
func span(lead calendar.Lead) time.Duration {
	every, _ := calendar.NewDays(calendar.DaysOptions{Country: "none"})
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	return lead.After(from, every).Sub(from)
}

// metrics reads [metrics] of the administrator's file.
func (l *loader) metrics() {
	t := l.named("metrics")
	if t == nil {
		return
	}
	s := l.section(t, "metrics", "[metrics]", "")
	s.unknown(l.sets[""])
	if !s.need("listen") {
		return
	}
	v := s.str("listen")
	if v == "" {
		return
	}
	if path, is := strings.CutPrefix(v, "unix:"); is {
		// The kernel takes 107 bytes (unix(7)).
		if !filepath.IsAbs(path) || len(path) > 107 || strings.HasSuffix(path, "/") {
			s.problem(s.off("listen"), say("listen のソケットの場所が読めません", "listen: this is no place for a socket"),
				say(`"unix:/run/bod/metrics.sock" のように、/ から始めて107バイトまでで書いてください`, `write it like "unix:/run/bod/metrics.sock", from / on and with at most 107 bytes`))
			return
		}
		l.c.Metrics = "unix:" + filepath.Clean(path)
		return
	}
	host, port, err := net.SplitHostPort(v)
	if err == nil && host == "localhost" {
		host = "127.0.0.1"
	}
	at, aerr := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil || aerr != nil || at.Port() == 0 {
		// A name may turn into another address, and none at all would mean every address of this machine.
		s.problem(s.off("listen"), say("listen が読めません", "listen cannot be read"),
			say(`"127.0.0.1:9617" のように、アドレスの数字とポートを書くか、"unix:/run/bod/metrics.sock" のように書いてください`, `write an address in figures and a port, such as "127.0.0.1:9617", or "unix:/run/bod/metrics.sock"`))
		return
	}
	if !at.Addr().Unmap().IsLoopback() {
		s.warn(s.off("listen"), say("%s では、この機械に届く人がだれでも測定値を読めます", "at %s everybody who reaches this machine can read the metrics", at.String()),
			say("そのつもりでなければ 127.0.0.1 にしてください", "write 127.0.0.1 unless that is meant"))
	}
	l.c.Metrics = at.String()
}
