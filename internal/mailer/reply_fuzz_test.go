package mailer

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReplies: whatever a server says at whatever moment, there is an end, one
// receipt for each recipient, and Sent only where a 2xx stood at the dot.
func FuzzReplies(f *testing.F) {
	stages := []string{"banner", "EHLO", "HELO", "AUTH", "MAIL", "RCPT", "DATA", ".", "RSET", "QUIT"}
	for i := range stages {
		for _, reply := range []string{
			"", "250 ok\r\n", "220 x\r\n", "354 x\r\n", "421 bye\r\n", "550-a\r\n550 b\r\n", "250-a\r\n250-b\r\n", "250-a\r\n550 b\r\n", "999 x\r\n", "25\r\n", "2500 x\r\n", "\r\n\r\n", "\x00\xff\r\n", "100 ", "250 half", "250-half",
			"334 \r\n334 \r\n334 \r\n334 \r\n334 \r\n334 \r\n334 \r\n334 \r\n", "250-SIZE 99999999999999999999\r\n250 AUTH\r\n", "235 ok\r\n250 ok\r\n250 ok\r\n354 ok\r\n250 ok\r\n", strings.Repeat("250-x\r\n", 100),
		} {
			f.Add(uint8(i), reply)
		}
	}
	f.Fuzz(func(t *testing.T, at uint8, reply string) {
		stage := stages[int(at)%len(stages)]
		s := &script{answers: map[string]string{stage: reply}, raw: stage}
		if stage != "EHLO" {
			s.answers["EHLO"] = "250-mail.test\n250 AUTH CRAM-MD5"
		}
		if stage == "HELO" {
			s.answers["EHLO"] = "502 what"
		}
		if stage == "RSET" {
			s.answers["MAIL"] = "550 no"
		}
		if reply == "" {
			s.answers[stage] = cut
		}
		o := ServerOptions{}
		if stage == "AUTH" {
			o.User, o.Password = "keiri", password("sesame-1234")
		}
		session, err := s.server(t, o).Open(t.Context())
		if err != nil {
			if !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Fatalf("%q", err)
			}
			return
		}
		p := parcel("a@x.example", "b@x.example")
		dotted := false
		p.BeforeDot = func([]string) error { dotted = true; return nil }
		rs, broken := session.Carry(t.Context(), p)
		told(t, p.To, rs)
		for _, r := range rs {
			if !slices.Contains([]Result{Sent, Deferred, Failed, Unknown}, r.Result) {
				t.Fatalf("%+v", r)
			}
			if !utf8.ValidString(r.Words) || strings.ContainsAny(r.Words, "\r\n\x00") {
				t.Fatalf("%+v", r)
			}
			if r.Result == Sent && (!dotted || r.Code/100 != 2) || r.Result == Unknown && (!dotted || !broken) {
				t.Fatalf("%+v, dotted %v, broken %v", r, dotted, broken)
			}
			if stage == "." && r.Result == Sent && (!strings.HasPrefix(reply, "2") || !strings.Contains(reply, "\n")) {
				t.Fatalf("%q counts as %+v", reply, r)
			}
		}
		session.Close()
	})
}
