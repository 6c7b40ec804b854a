package config

import (
	"fmt"
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

// The server that check lets pass is one that the mailer takes.
func TestServerIsWhatTheMailerTakes(t *testing.T) {
	for _, u := range []string{
		"smtp://mail.example:587", "smtps://mail.example:465", "smtp+insecure://127.0.0.1:25", "smtp://mail.example", "smtp://[::1]:25",
		"mail.example:587", "http://mail.example", "smtp://", "smtp://:587", "smtp://mail.example:0", "smtp://mail.example:99999",
		"smtp://u:p@mail.example:587", "smtp://mail.example:587/x", "smtp://mail.example:587?tls=no", "smtp://mail example:587", "",
	} {
		l := loadText(t, inOffice(small+fmt.Sprintf("[mail]\nfrom = \"a@x.example\"\nserver = %q\n", u)))
		_, err := mailer.NewServer(mailer.ServerOptions{URL: u, Hello: "x"})
		if (l.f.errors == 0) != (err == nil) {
			t.Errorf("%q: the mailer says %v, we say %q", u, err, l.said(calendar.English))
		}
		if said := l.said(calendar.English) + l.said(calendar.Japanese); strings.Contains(said, "u:p") {
			t.Errorf("%q: the password is said: %s", u, said)
		}
	}
}

func TestRegistrationNumbers(t *testing.T) {
	for number, right := range map[string]bool{
		"T7123456789012": true, "T4011001098993": true, "T2120901007402": true, "T8700110005901": true,
		"T7123456789013": false, "T1234567890123": false, "T0123456789012": false,
	} {
		l := loadText(t, inOffice(small+fmt.Sprintf("[company]\nname = \"株式会社x\"\nregistration = %q\n", number)))
		if (l.f.errors == 0) != right {
			t.Errorf("%s: %s", number, l.said(calendar.English))
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"title", "to", "cc", "letter", "late_until", "renamed_from"}
	for word, want := range map[string]string{
		"titel": "title", "Title": "title", "leter": "letter", "lateuntil": "late_until", "rename_from": "renamed_from",
		"tilte": "title", "x": "", "subject": "", "": "", strings.Repeat("title", 50): "",
	} {
		if got := nearest(word, known); got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"20 MB": 20 << 20, "20MB": 20 << 20, "1.5 kb": 1536, "2 GiB": 2 << 30, "300 B": 300, "300b": 300, "20M": 20 << 20} {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "MB", "-1 MB", "0", "1e9 GB", "20 MBB", "9999999999 GB", "20", "1.5", "20 I", "20 IB"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("%q: %d", text, got)
		}
	}
	if got := SizeWords(20 << 20); got != "20 MB" {
		t.Error(got)
	}
}

// What is wrong with a day or a time is worded by the calendar; the place is ours.
func TestWrongTimesAreToldWhereTheyStand(t *testing.T) {
	l := loadText(t, inOffice(`timezone = "Asia/Tokyo"
admin = "sato"
[calendar]
closed = ["2/31", "13/1"]
country = "xx"
[summary]
to = "sato"
at = "25:00"
[job.a]
kind = "send"
when = { every = "month", day = 32, at = "24:30" }
to = "acme"
letter = "a.txt"
[job.b]
kind = "send"
when = "毎月25日 25:00 休みなら前営業日"
to = "acme"
letter = "a.txt"
prepare = "きのう"
about = "先々月"
late_until = "x"
[job.c]
kind = "send"
when = { dates = [2026-02-31], at = "9:00" }
to = "acme"
letter = "a.txt"
[job.d]
kind = "send"
when = "毎月25日 10:00"
to = "acme"
letter = "a.txt"
`))
	var places []string
	for _, p := range l.f.problems("", l.at, calendar.Japanese) {
		places = append(places, fmt.Sprintf("%d:%d", p.Line, p.Col))
	}
	if got, want := strings.Join(places, " "), "4:11 4:19 5:11 8:6 11:42 16:8 19:11 20:9 21:14 24:19 29:8"; got != want {
		t.Errorf("told at %s, want %s\n%s", got, want, l.said(calendar.Japanese))
	}
}
