package mailer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

var itoa = strconv.Itoa

func parcel(to ...string) Parcel {
	return Parcel{From: "keiri@aozora.example", To: to, Data: []byte("Subject: x\r\n\r\nbody\r\n")}
}

// TestBeforeDotIsTheCommitPoint: at that moment the whole body is with the
// server, the dot is not, and only those who were accepted are named.
func TestBeforeDotIsTheCommitPoint(t *testing.T) {
	for _, size := range []int{1, 3000, 4095, 4096, 4097, 100_000} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: map[string]string{"RCPT <b@x.example>": "550 no"}}
			defer s.done()
			session := s.open(t)
			p := parcel("a@x.example", "b@x.example", "c@x.example")
			p.Data = append(p.Data, []byte(strings.Repeat(strings.Repeat("x", 70)+"\r\n", size/72+1))...)
			calls := 0
			p.BeforeDot = func(accepted []string) error {
				calls++
				synctest.Wait()
				s.mu.Lock()
				defer s.mu.Unlock()
				if !bytes.Equal(s.body, p.Data) {
					t.Errorf("size %d: %d of %d bytes are with the server", size, len(s.body), len(p.Data))
				}
				if len(s.messages) != 0 {
					t.Error("the dot went out")
				}
				if want := []string{"a@x.example", "c@x.example"}; !slices.Equal(accepted, want) {
					t.Errorf("accepted are %v", accepted)
				}
				return nil
			}
			if got := told(t, p.To, first(session.Carry(t.Context(), p))); got != "sent dot 250, failed rcpt 550, sent dot 250" {
				t.Error(got)
			}
			if calls != 1 {
				t.Errorf("called %d times", calls)
			}
			session.Close()
		})
	}
}

func first(rs []Receipt, _ bool) []Receipt { return rs }

func TestBeforeDotFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: map[string]string{"RCPT <b@x.example>": "550 no"}}
		defer s.done()
		session := s.open(t)
		p := parcel("a@x.example", "b@x.example")
		p.BeforeDot = func([]string) error { return errors.New("the claim is another's") }
		rs, broken := session.Carry(t.Context(), p)
		if got := told(t, p.To, rs); got != "deferred body 0, failed rcpt 550" || !broken {
			t.Error(got, broken)
		}
		if !strings.Contains(rs[0].Words, "the claim is another's") {
			t.Error(rs[0].Words)
		}
		rs, broken = session.Carry(t.Context(), p)
		if got := told(t, p.To, rs); got != "deferred mail 0, deferred mail 0" || !broken {
			t.Error("a second try on the cut connection:", got, broken)
		}
		session.Close()
		synctest.Wait()
		if len(s.messages) != 0 || s.heard("QUIT") != 0 {
			t.Errorf("the server has %d messages, and heard %v", len(s.messages), s.said())
		}
	})
}

func TestBeforeDotPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		defer s.done()
		session := s.open(t)
		p := parcel("a@x.example")
		p.BeforeDot = func([]string) error { panic("bug") }
		func() {
			defer func() { _ = recover() }()
			session.Carry(t.Context(), p)
		}()
		session.Close()
		synctest.Wait()
		if len(s.messages) != 0 || s.heard("QUIT") != 0 {
			t.Error("the message was completed")
		}
	})
}

// TestLineBreaksBeforeTheDot: the connection dies while the ledger commits. Not a byte of the dot
// was taken by the system, so this is no unknown.
func TestLineBreaksBeforeTheDot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		defer s.done()
		session := s.open(t)
		p := parcel("a@x.example")
		p.BeforeDot = func([]string) error { return s.conn.Close() }
		rs, broken := session.Carry(t.Context(), p)
		if got := told(t, p.To, rs); got != "deferred body 0" || !broken {
			t.Error(got, broken)
		}
		session.Close()
	})
}

func TestCancel(t *testing.T) {
	tests := []struct {
		name, at, answer string
		want             string
		took             time.Duration
		broken           bool
	}{
		{"at MAIL", "MAIL", stall, "deferred mail 0", time.Second, true},
		{"at RCPT", "RCPT", stall, "deferred rcpt 0", time.Second, true},
		{"at DATA", "DATA", stall, "deferred data 0", time.Second, true},
		{"amid the body", "body", stall, "deferred body 0", time.Second, true},
		{"after the dot", ".", "AFTER 4m 250 ok", "sent dot 250", 4 * time.Minute, false},
		{"after the dot, refused", ".", "AFTER 4m 550 no", "failed dot 550", 4 * time.Minute, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: map[string]string{tt.at: tt.answer}}
				defer s.done()
				session := s.open(t)
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the office closes"))
				defer cancel()
				p := parcel("a@x.example")
				p.Data = append(p.Data, strings.Repeat("0123456789\r\n", 10000)...)
				started := time.Now()
				rs, broken := session.Carry(ctx, p)
				if got := told(t, p.To, rs); got != tt.want || broken != tt.broken {
					t.Error(got, broken, rs[0].Words)
				}
				if took := time.Since(started); took != tt.took {
					t.Errorf("took %v", took)
				}
				if strings.HasPrefix(tt.want, "deferred") && rs[0].Words != "the office closes" {
					t.Errorf("words are %q", rs[0].Words)
				}
				session.Close()
			})
		})
	}
	t.Run("while the ledger commits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{}
			defer s.done()
			session := s.open(t)
			ctx, cancel := context.WithCancel(t.Context())
			p := parcel("a@x.example")
			p.BeforeDot = func([]string) error { cancel(); synctest.Wait(); return nil }
			if got := told(t, p.To, first(session.Carry(ctx, p))); got != "sent dot 250" {
				t.Error(got)
			}
			session.Close()
		})
	})
	t.Run("before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &script{}
			defer s.done()
			session := s.open(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			rs, broken := session.Carry(ctx, parcel("a@x.example"))
			if got := told(t, []string{"a@x.example"}, rs); got != "deferred mail 0" || broken || s.heard("MAIL") != 0 {
				t.Error(got, broken)
			}
			session.Close()
		})
	})
}

// TestBatch: one connection, many messages, refused ones between them.
func TestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		s := &script{answers: map[string]string{"RCPT <gone@x.example>": "550 unknown"}}
		defer s.done()
		session := s.open(t)
		dials++
		for i := range 20 {
			to, want := fmt.Sprintf("p%d@x.example", i), "sent dot 250"
			if i%3 == 1 {
				to, want = "gone@x.example", "failed rcpt 550"
			}
			rs, broken := session.Carry(t.Context(), parcel(to))
			if got := told(t, []string{to}, rs); got != want || broken {
				t.Fatal(i, got, broken)
			}
		}
		session.Close()
		if s.heard("EHLO") != 1 || s.heard("RSET") != 7 || s.heard("QUIT") != 1 || len(s.messages) != 13 {
			t.Errorf("%d EHLO, %d RSET, %d messages", s.heard("EHLO"), s.heard("RSET"), len(s.messages))
		}
	})
}

// TestBeforeAnythingIsSaid are the refusals that need no server's answer, but its offer.
func TestBeforeAnythingIsSaid(t *testing.T) {
	const offersAll = "250-mail.test\n250-8BITMIME\n250-SMTPUTF8\n250 SIZE 1000"
	data := func(s string) []byte { return []byte("Subject: x\r\n\r\n" + s) }
	tests := []struct {
		name, ehlo string
		p          Parcel
		want       string
		words      string
		command    string // one that has to have been said
	}{
		{"too big", offersAll, Parcel{From: "a@x.example", To: []string{"b@x.example"}, Data: data(strings.Repeat("0123456789\r\n", 100))},
			"failed mail 0", "no more than 1000", ""},
		{"size is announced", offersAll, parcel("b@x.example"), "sent dot 250", "queued", "MAIL FROM:<keiri@aozora.example> SIZE=20 BODY=8BITMIME"},
		{"size is not asked for", "250 mail.test", parcel("b@x.example"), "sent dot 250", "queued", "MAIL FROM:<keiri@aozora.example>"},
		{"any size", "250-mail.test\n250 SIZE 0", parcel("b@x.example"), "sent dot 250", "queued", "MAIL FROM:<keiri@aozora.example> SIZE=20"},
		{"a recipient beyond ASCII", plainESMTP, parcel("佐藤@x.example", "b@x.example"), "failed rcpt 0, sent dot 250", "SMTPUTF8", ""},
		{"a domain beyond ASCII", plainESMTP, parcel("b@青空.example"), "failed rcpt 0", "SMTPUTF8", ""},
		{"a sender beyond ASCII", plainESMTP, Parcel{From: "佐藤@x.example", To: []string{"b@x.example"}, Data: data("y\r\n")}, "failed mail 0", "SMTPUTF8", ""},
		{"beyond ASCII, offered", offersAll, parcel("佐藤@x.example"), "sent dot 250", "queued", "MAIL FROM:<keiri@aozora.example> SIZE=20 BODY=8BITMIME SMTPUTF8"},
		{"8-bit body", plainESMTP, Parcel{From: "a@x.example", To: []string{"b@x.example"}, Data: data("日本\r\n")}, "failed mail 0", "8BITMIME", ""},
		{"8-bit headers", plainESMTP, Parcel{From: "a@x.example", To: []string{"b@x.example"}, Data: []byte("To: 佐藤@x.example\r\n\r\nx\r\n")}, "failed mail 0", "SMTPUTF8", ""},
		{"a quoted local part", plainESMTP, parcel("foo..bar@docomo.ne.jp"), "sent dot 250", "queued", `RCPT TO:<"foo..bar"@docomo.ne.jp>`},
		{"no sender, as bounces have it", "250 mail.test", Parcel{To: []string{"b@x.example"}, Data: data("y\r\n")}, "sent dot 250", "queued", "MAIL FROM:<>"},
		{"a command in the recipient", plainESMTP, parcel("b@x.example>\r\nDATA", "c@x.example"), "failed rcpt 0, sent dot 250", "line end", ""},
		{"a parameter in the recipient", plainESMTP, parcel("b@x.example> ORCPT=x"), "failed rcpt 0", "can't be used", ""},
		{"a command in the sender", plainESMTP, Parcel{From: "a@x.example>\r\nRSET", To: []string{"b@x.example"}, Data: data("y\r\n")}, "failed mail 0", "line end", ""},
		{"a lone LF", plainESMTP, Parcel{From: "a@x.example", To: []string{"b@x.example"}, Data: data("a\nb\r\n")}, "failed mail 0", "lone LF", ""},
		{"a lone CR", plainESMTP, Parcel{From: "a@x.example", To: []string{"b@x.example"}, Data: data("a\rb\r\n")}, "failed mail 0", "lone CR", ""},
		{"no end", plainESMTP, Parcel{From: "a@x.example", To: []string{"b@x.example"}, Data: data("a")}, "failed mail 0", "no end", ""},
		{"a line too long", plainESMTP, Parcel{From: "a@x.example", To: []string{"b@x.example"}, Data: data(strings.Repeat("x", 999) + "\r\n")}, "failed mail 0", "999", ""},
		{"nothing", plainESMTP, Parcel{From: "a@x.example", To: []string{"b@x.example"}}, "failed mail 0", "no end", ""},
		{"nobody", plainESMTP, Parcel{From: "a@x.example", Data: data("a\r\n")}, "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{answers: map[string]string{"EHLO": tt.ehlo}}
			session := s.open(t)
			defer session.Close()
			rs, broken := session.Carry(t.Context(), tt.p)
			if got := told(t, tt.p.To, rs); got != tt.want || broken {
				t.Fatal(got, broken, rs)
			}
			if len(rs) > 0 && !strings.Contains(rs[0].Words, tt.words) {
				t.Errorf("words are %q", rs[0].Words)
			}
			if tt.command != "" && !slices.Contains(s.said(), tt.command) {
				t.Errorf("said was %q", s.said())
			}
			if !strings.Contains(tt.want, "sent") && s.heard("MAIL") != 0 {
				t.Errorf("said was %q", s.said())
			}
		})
	}
}

// TestLastWord: who hangs up amid the body may have said why.
func TestLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: map[string]string{"DATA": "354 go on\n552 5.3.4 message too big for us"}}
		defer s.done()
		session := s.open(t)
		p := parcel("a@x.example")
		// The answer stands in the buffer before the first write: it is found there.
		rs, broken := session.Carry(t.Context(), p)
		if got := told(t, p.To, rs); got != "deferred body 0" || !broken {
			t.Error(got, broken, rs)
		}
		session.Close()
	})
}

// TestNamedTwice: a server that is told a recipient twice may well deliver twice.
func TestNamedTwice(t *testing.T) {
	s := &script{}
	session := s.open(t)
	defer session.Close()
	p := parcel("a@x.example", "b@x.example", "a@x.example")
	p.BeforeDot = func(accepted []string) error {
		if !slices.Equal(accepted, []string{"a@x.example", "b@x.example"}) {
			t.Errorf("accepted are %v", accepted)
		}
		return nil
	}
	rs, _ := session.Carry(t.Context(), p)
	if got := told(t, p.To, rs); got != "sent dot 250, sent dot 250, sent dot 250" || s.heard("RCPT") != 2 {
		t.Error(got, s.said())
	}
}

func TestReplyWithoutEnd(t *testing.T) {
	s := &script{answers: map[string]string{"MAIL": strings.Repeat("250-more\n", maxReply/8)}}
	session := s.open(t)
	rs, broken := session.Carry(t.Context(), parcel("a@x.example"))
	if got := told(t, []string{"a@x.example"}, rs); got != "deferred mail 0" || !broken || !strings.Contains(rs[0].Words, "does not end") {
		t.Error(got, broken, rs)
	}
	session.Close()
}

func TestWords(t *testing.T) {
	s := &script{answers: map[string]string{".": "550-\x1b[31mred\x07\n550-\xff\xfe caf\xe9\n550 \u202etxt.exe " + strings.Repeat("長", 1000)}}
	session := s.open(t)
	defer session.Close()
	rs, _ := session.Carry(t.Context(), parcel("a@x.example"))
	w := rs[0].Words
	if rs[0].Result != Failed || len(w) > maxWords || !utf8.ValidString(w) || strings.ContainsAny(w, "\x1b\x07\r\n\u202e") || !strings.HasPrefix(w, "[31mred ") {
		t.Errorf("%+v", rs[0])
	}
	if !strings.Contains(w, "\ufffd") || !strings.HasSuffix(w, "長") || len(w) < maxWords-3 {
		t.Errorf("%q", w)
	}
}
