package mailer

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const plainESMTP = "250-mail.test\n250 SIZE 1000"

// TestSessionTable is the first half of what may happen: everything before a
// message. A session that is wrong pauses the queue; anything else is tried again.
func TestSessionTable(t *testing.T) {
	withTLS, withLogin := "250-mail.test\n250 STARTTLS", "250-mail.test\n250 AUTH PLAIN"
	tests := []struct {
		name    string
		url     string
		user    string
		answers map[string]string

		stage      string // "" for a plain error: later again
		code       int
		credential bool
		took       time.Duration
	}{
		{name: "banner 421", answers: map[string]string{"banner": "421 too busy"}},
		{name: "banner 450", answers: map[string]string{"banner": "450 later"}},
		{name: "banner cut", answers: map[string]string{"banner": cut}},
		{name: "banner stalls", answers: map[string]string{"banner": stall}, took: 5 * time.Minute},
		{name: "banner 554", answers: map[string]string{"banner": "554 go away"}, stage: "banner", code: 554},
		{name: "banner is not SMTP", answers: map[string]string{"banner": "HTTP/1.1 400 Bad Request"}, stage: "banner"},
		{name: "banner breaks off", answers: map[string]string{"banner": "HALF 220-mail.te"}, took: 5 * time.Minute},
		{name: "banner of NULs", answers: map[string]string{"banner": "\x00\x00\x00\x00"}, stage: "banner"},
		{name: "banner without end", answers: map[string]string{"banner": strings.Repeat("220-more\n", maxReply/8)}, stage: "banner"},
		{name: "EHLO and HELO 5xx", answers: map[string]string{"EHLO": "550 no", "HELO": "550 no"}, stage: "ehlo", code: 550},
		{name: "EHLO and HELO 4xx", answers: map[string]string{"EHLO": "451 no", "HELO": "451 no"}},
		{name: "EHLO 5xx and HELO 4xx", answers: map[string]string{"EHLO": "502 what", "HELO": "421 no"}},
		{name: "EHLO and HELO 421", answers: map[string]string{"EHLO": "421 bye", "HELO": "421 bye"}},
		{name: "EHLO breaks off", answers: map[string]string{"EHLO": "HALF 250-mail.test"}, took: 10 * time.Minute},
		{name: "EHLO without end", answers: map[string]string{"EHLO": strings.Repeat("250-X-MORE\n", maxReply/8), "HELO": "502 what"}, took: 10 * time.Minute},
		{name: "EHLO is not SMTP", answers: map[string]string{"EHLO": "hello yourself", "HELO": "and again"}, stage: "ehlo"},
		{name: "EHLO cut", answers: map[string]string{"EHLO": cut}},
		{name: "EHLO stalls", answers: map[string]string{"EHLO": stall}, took: 10 * time.Minute},
		{name: "STARTTLS not offered", url: "smtp://localhost", stage: "starttls"},
		{name: "STARTTLS not known, HELO only", url: "smtp://localhost", answers: map[string]string{"EHLO": "502 what"}, stage: "starttls"},
		{name: "STARTTLS 454", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": "454 not now"}},
		{name: "STARTTLS 501", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": "501 no"}, stage: "starttls", code: 501},
		{name: "STARTTLS 421", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": "421 bye"}},
		{name: "STARTTLS 250", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": "250 well"}, stage: "starttls", code: 250},
		{name: "STARTTLS stalls", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": stall}, took: 10 * time.Minute},
		{name: "STARTTLS cut", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": cut}},
		{name: "STARTTLS, then no TLS", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": "220 go\n220 but not with TLS, sorry"}, stage: "tls"},
		{name: "AUTH not offered", user: "keiri", stage: "auth"},
		{name: "AUTH PLAIN not offered", user: "keiri", answers: map[string]string{"EHLO": "250-mail.test\n250 AUTH GSSAPI NTLM"}, stage: "auth"},
		{name: "AUTH 535", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "535 5.7.8 no"}, stage: "auth", code: 535, credential: true},
		{name: "AUTH 534", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "534 5.7.9 an app password, please"}, stage: "auth", code: 534, credential: true},
		{name: "AUTH 504", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "504 what"}, stage: "auth", code: 504},
		{name: "AUTH 454", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "454 not now"}},
		{name: "AUTH 421", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "421 not now"}},
		{name: "AUTH 530", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "530 5.7.0 TLS first"}, stage: "auth", code: 530, credential: true},
		{name: "AUTH nonsense", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "what?"}, stage: "auth"},
		{name: "AUTH cut", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": cut}},
		{name: "AUTH stalls", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": stall}, took: 5 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tt.answers}
				defer s.done()
				o := ServerOptions{URL: tt.url, User: tt.user}
				if tt.user != "" {
					o.Password = password("sesame-1234")
				}
				started := time.Now()
				session, err := s.server(t, o).Open(t.Context())
				if err == nil {
					session.Close()
					t.Fatal("the session opened")
				}
				if took := time.Since(started); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				synctest.Wait()
				s.mu.Lock()
				if !s.ended {
					t.Error("the connection was left open")
				}
				s.mu.Unlock()
				refused, _ := errors.AsType[*SessionError](err)
				switch {
				case tt.stage == "" && refused != nil:
					t.Errorf("%v pauses the queue", err)
				case tt.stage != "" && refused == nil:
					t.Fatalf("%v does not pause the queue", err)
				case tt.stage != "" && (refused.Stage != tt.stage || refused.Code != tt.code || refused.Credential != tt.credential || refused.Words == ""):
					t.Errorf("got %+v", refused)
				}
				if tt.url == "smtp://localhost" && s.heard("MAIL")+s.heard("AUTH") > 0 {
					t.Error("something was said over clear text")
				}
			})
		})
	}
}

func TestOpenLaterAgain(t *testing.T) {
	refused := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	_, err := (&script{}).server(t, ServerOptions{Dial: refused}).Open(t.Context())
	if _, paused := errors.AsType[*SessionError](err); err == nil || paused || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a refused connection gives %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: map[string]string{"banner": stall}}
		defer s.done()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the office closes"))
		defer cancel()
		started := time.Now()
		_, err := s.server(t, ServerOptions{}).Open(ctx)
		if err == nil || !strings.Contains(err.Error(), "the office closes") || time.Since(started) != time.Second {
			t.Errorf("a cancelled opening gives %v after %v", err, time.Since(started))
		}
	})
}

// TestCarryTable is the other half, row by row: what is known after one attempt.
func TestCarryTable(t *testing.T) {
	const a, b, c = "a@x.example", "b@x.example", "c@x.example"
	long := strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789\r\n", 2000)
	tests := []struct {
		name    string
		answers map[string]string
		to      []string
		body    string
		want    string // result, stage and code of each
		broken  bool
		dots    int // how many times the final dot may have arrived
		before  int // how many times BeforeDot was called
		took    time.Duration
	}{
		{name: "250", to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "2xx other than 250", answers: map[string]string{".": "252 well"}, to: []string{a}, want: "sent dot 252", dots: 1, before: 1},
		{name: "MAIL 4xx", answers: map[string]string{"MAIL": "451 later"}, to: []string{a, b}, want: "deferred mail 451, deferred mail 451"},
		{name: "MAIL 5xx", answers: map[string]string{"MAIL": "550 no"}, to: []string{a, b}, want: "failed mail 550, failed mail 550"},
		{name: "MAIL 421", answers: map[string]string{"MAIL": "421 bye"}, to: []string{a}, want: "deferred mail 421", broken: true},
		{name: "MAIL 530 is about the session", answers: map[string]string{"MAIL": "530 log in first"}, to: []string{a}, want: "deferred mail 530", broken: true},
		{name: "MAIL cut", answers: map[string]string{"MAIL": cut}, to: []string{a}, want: "deferred mail 0", broken: true},
		{name: "MAIL stalls", answers: map[string]string{"MAIL": stall}, to: []string{a}, want: "deferred mail 0", broken: true, took: 5 * time.Minute},
		{name: "MAIL 552, the size is too much", answers: map[string]string{"MAIL": "552 too big"}, to: []string{a}, want: "failed mail 552"},
		{name: "MAIL 555, a parameter it doesn't know", answers: map[string]string{"MAIL": "555 what"}, to: []string{a}, want: "failed mail 555"},
		{name: "MAIL breaks off", answers: map[string]string{"MAIL": "HALF 250 o"}, to: []string{a}, want: "deferred mail 0", broken: true, took: 5 * time.Minute},
		{name: "MAIL answers all that may come", answers: map[string]string{"MAIL": "250 ok\n250 ok\n354 go\n250 taken"}, to: []string{a}, want: "deferred rcpt 0", broken: true},
		{name: "MAIL nonsense", answers: map[string]string{"MAIL": "hello"}, to: []string{a}, want: "deferred mail 0", broken: true},
		{name: "MAIL 354", answers: map[string]string{"MAIL": "354 go"}, to: []string{a}, want: "deferred mail 354", broken: true},
		{name: "RCPT one 4xx of several", answers: map[string]string{"RCPT <b@x.example>": "450 busy"}, to: []string{a, b, c},
			want: "sent dot 250, deferred rcpt 450, sent dot 250", dots: 1, before: 1},
		{name: "RCPT one 5xx of several", answers: map[string]string{"RCPT <a@x.example>": "550 unknown"}, to: []string{a, b, c},
			want: "failed rcpt 550, sent dot 250, sent dot 250", dots: 1, before: 1},
		{name: "RCPT each its own", answers: map[string]string{"RCPT <a@x.example>": "550 unknown", "RCPT <c@x.example>": "451 grey"}, to: []string{a, b, c},
			want: "failed rcpt 550, sent dot 250, deferred rcpt 451", dots: 1, before: 1},
		{name: "RCPT 552 counts as 452", answers: map[string]string{"RCPT <b@x.example>": "552 too many"}, to: []string{a, b},
			want: "sent dot 250, deferred rcpt 552", dots: 1, before: 1},
		{name: "RCPT 251", answers: map[string]string{"RCPT": "251 will forward"}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "RCPT all refused", answers: map[string]string{"RCPT <a@x.example>": "550 unknown", "RCPT <b@x.example>": "450 busy"}, to: []string{a, b},
			want: "failed rcpt 550, deferred rcpt 450"},
		{name: "RCPT 421 amid several", answers: map[string]string{"RCPT <a@x.example>": "550 no", "RCPT <c@x.example>": "421 bye"}, to: []string{a, b, c},
			want: "failed rcpt 550, deferred rcpt 421, deferred rcpt 421", broken: true},
		{name: "RCPT answers for DATA too", answers: map[string]string{"RCPT": "250 ok\n354 go"}, to: []string{a}, want: "deferred data 0", broken: true},
		{name: "RCPT nonsense", answers: map[string]string{"RCPT <b@x.example>": "\x00\x00"}, to: []string{a, b}, want: "deferred rcpt 0, deferred rcpt 0", broken: true},
		{name: "RCPT 354", answers: map[string]string{"RCPT": "354 go"}, to: []string{a}, want: "deferred rcpt 354", broken: true},
		{name: "RCPT 530 is about the session", answers: map[string]string{"RCPT <a@x.example>": "550 unknown", "RCPT <b@x.example>": "530 log in first"}, to: []string{a, b, c},
			want: "failed rcpt 550, deferred rcpt 530, deferred rcpt 530", broken: true},
		{name: "DATA 530 is about the session", answers: map[string]string{"DATA": "530 log in first"}, to: []string{a}, want: "deferred data 530", broken: true},
		{name: "codes without a space or words", answers: map[string]string{"MAIL": "250", "RCPT": "250", "DATA": "354", ".": "250"}, to: []string{a, b}, want: "sent dot 250, sent dot 250", dots: 1, before: 1},
		{name: "many lines, the last without a space or words", answers: map[string]string{".": "250-queued\n250-somewhere\n250"}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "451 without a space or words", answers: map[string]string{".": "451"}, to: []string{a}, want: "deferred dot 451", dots: 1, before: 1},
		{name: "550 without a space or words", answers: map[string]string{"RCPT <a@x.example>": "550"}, to: []string{a, b}, want: "failed rcpt 550, sent dot 250", dots: 1, before: 1},
		{name: "two answers without a space or words", answers: map[string]string{"RCPT": "250\n354"}, to: []string{a}, want: "deferred data 0", broken: true},
		{name: "a code that breaks off without a space", answers: map[string]string{".": "HALF 250"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1, took: 10 * time.Minute},
		{name: "RCPT cut", answers: map[string]string{"RCPT <b@x.example>": cut}, to: []string{a, b}, want: "deferred rcpt 0, deferred rcpt 0", broken: true},
		{name: "RCPT stalls", answers: map[string]string{"RCPT": stall}, to: []string{a}, want: "deferred rcpt 0", broken: true, took: 5 * time.Minute},
		{name: "RCPT twice the same", to: []string{a, a}, want: "sent dot 250, sent dot 250", dots: 1, before: 1},
		{name: "DATA 4xx", answers: map[string]string{"DATA": "451 later"}, to: []string{a}, want: "deferred data 451"},
		{name: "DATA 5xx", answers: map[string]string{"DATA": "554 no"}, to: []string{a}, want: "failed data 554"},
		{name: "DATA 421", answers: map[string]string{"DATA": "421 bye"}, to: []string{a}, want: "deferred data 421", broken: true},
		{name: "DATA 250", answers: map[string]string{"DATA": "250 ok"}, to: []string{a}, want: "deferred data 250", broken: true},
		{name: "DATA 354 twice", answers: map[string]string{"DATA": "354 go\n354 go"}, to: []string{a}, want: "deferred body 0", broken: true},
		{name: "DATA nonsense", answers: map[string]string{"DATA": "ok"}, to: []string{a}, want: "deferred data 0", broken: true},
		{name: "DATA cut", answers: map[string]string{"DATA": cut}, to: []string{a}, want: "deferred data 0", broken: true},
		{name: "DATA stalls", answers: map[string]string{"DATA": stall}, to: []string{a}, want: "deferred data 0", broken: true, took: 2 * time.Minute},
		{name: "body cut", answers: map[string]string{"body": cut}, body: long, to: []string{a, b}, want: "deferred body 0, deferred body 0", broken: true},
		{name: "body stalls", answers: map[string]string{"body": stall}, body: long, to: []string{a}, want: "deferred body 0", broken: true, took: 3*time.Minute + 2*time.Second},
		{name: "body slow, and still moving", answers: map[string]string{"body": "AFTER 2m"}, body: long, to: []string{a}, want: "sent dot 250", dots: 1, before: 1, took: 8 * time.Minute},
		{name: "body stalls, of many megabytes", answers: map[string]string{"body": stall}, body: strings.Repeat(long, 100), to: []string{a, b}, want: "deferred body 0, deferred body 0", broken: true, took: 3*time.Minute + 2*time.Second},
		{name: "answered before the dot", answers: map[string]string{"DATA": "354 go\n250 taken"}, to: []string{a}, want: "deferred body 0", broken: true},
		{name: "4xx after the dot", answers: map[string]string{".": "451 later"}, to: []string{a, b}, want: "deferred dot 451, deferred dot 451", dots: 1, before: 1},
		{name: "421 after the dot", answers: map[string]string{".": "421 bye"}, to: []string{a}, want: "deferred dot 421", broken: true, dots: 1, before: 1},
		{name: "5xx after the dot", answers: map[string]string{".": "554 spam"}, to: []string{a, b}, want: "failed dot 554, failed dot 554", dots: 1, before: 1},
		{name: "552 after the dot", answers: map[string]string{".": "552 too big"}, to: []string{a}, want: "failed dot 552", dots: 1, before: 1},
		{name: "cut after the dot", answers: map[string]string{".": cut, "RCPT <b@x.example>": "550 no"}, to: []string{a, b}, want: "unknown dot 0, failed rcpt 550", broken: true, dots: 1, before: 1},
		{name: "stall after the dot", answers: map[string]string{".": stall}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1, took: 10 * time.Minute},
		{name: "slow after the dot", answers: map[string]string{".": "AFTER 9m 250 ok"}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1, took: 9 * time.Minute},
		{name: "slow and refused after the dot", answers: map[string]string{".": "AFTER 9m 451 later"}, to: []string{a}, want: "deferred dot 451", dots: 1, before: 1, took: 9 * time.Minute},
		{name: "half a line after the dot, then nothing", answers: map[string]string{".": "HALF 250 que"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1, took: 10 * time.Minute},
		{name: "two codes in one answer", answers: map[string]string{".": "250-queued\n554 or not"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1, took: 10 * time.Minute},
		{name: "an answer of many lines", answers: map[string]string{".": strings.Repeat("250-queued somewhere\n", 1000) + "250 queued"}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "an answer without end", answers: map[string]string{".": strings.Repeat("250-queued\n", maxReply/8)}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1},
		{name: "a line without end", answers: map[string]string{".": "250 " + strings.Repeat("x", 2*maxReply)}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1},
		{name: "NULs in the answer", answers: map[string]string{".": "250 que\x00ed"}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "NULs for an answer", answers: map[string]string{".": "\x00\x00\x00\x00"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1},
		{name: "a code of four digits", answers: map[string]string{".": "2500 ok"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1},
		{name: "a code of two digits", answers: map[string]string{".": "25 ok"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1},
		{name: "an empty line after the dot", answers: map[string]string{".": "\n250 ok"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1},
		{name: "600 after the dot", answers: map[string]string{".": "600 what"}, to: []string{a}, want: "unknown dot 600", broken: true, dots: 1, before: 1},
		{name: "no SMTP after the dot", answers: map[string]string{".": "thanks a lot"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1},
		{name: "354 after the dot", answers: map[string]string{".": "354 go on"}, to: []string{a}, want: "unknown dot 354", broken: true, dots: 1, before: 1},
		{name: "reply cut in its first line", answers: map[string]string{".": "250-queued"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1, took: 10 * time.Minute},
		{name: "QUIT cut after 250", answers: map[string]string{"QUIT": cut}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "QUIT 421 after 250", answers: map[string]string{"QUIT": "421 bye"}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "never hangs up after QUIT", answers: map[string]string{"QUIT": stall}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "RSET 421 after a refusal", answers: map[string]string{"RCPT": "550 no", "RSET": "421 bye"}, to: []string{a}, want: "failed rcpt 550", broken: true},
		{name: "RSET stalls after a refusal", answers: map[string]string{"DATA": "554 no", "RSET": stall}, to: []string{a}, want: "failed data 554", broken: true, took: 5 * time.Minute},
		{name: "QUIT 5xx after 250", answers: map[string]string{"QUIT": "500 what"}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
		{name: "RSET cut after a refusal", answers: map[string]string{"MAIL": "550 no", "RSET": cut}, to: []string{a}, want: "failed mail 550", broken: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tt.answers}
				defer s.done()
				session := s.open(t)
				before := 0
				started := time.Now()
				rs, broken := session.Carry(t.Context(), Parcel{
					From: "keiri@aozora.example", To: tt.to, Data: []byte("Subject: x\r\n\r\n" + tt.body + "body\r\n"),
					BeforeDot: func([]string) error { before++; return nil },
				})
				if took := time.Since(started); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if got := told(t, tt.to, rs); got != tt.want {
					t.Errorf("got  %s\nwant %s\n%+v", got, tt.want, rs)
				}
				if broken != tt.broken {
					t.Errorf("broken is %v", broken)
				}
				if before != tt.before {
					t.Errorf("BeforeDot was called %d times", before)
				}
				if err := session.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				synctest.Wait()
				s.mu.Lock()
				dots := len(s.messages)
				s.mu.Unlock()
				if dots != tt.dots {
					t.Errorf("the server saw %d dots, want %d", dots, tt.dots)
				}
				if quits := s.heard("QUIT"); (quits == 1) == tt.broken {
					t.Errorf("QUIT was said %d times", quits)
				}
			})
		})
	}
}

// TestSeveralOnOneConnection: what befalls the second of three messages says nothing about the first, and the third goes only where
// the dialogue is in order. A session that is of no use any more sends nothing further by itself.
func TestSeveralOnOneConnection(t *testing.T) {
	const ok, closed = "sent dot 250", "deferred mail 0"
	tests := []struct {
		name, at, answer string
		second, third    string
		dots             int
	}{
		{"MAIL 4xx", "MAIL", "451 later", "deferred mail 451", ok, 2},
		{"MAIL 5xx", "MAIL", "550 no", "failed mail 550", ok, 2},
		{"MAIL 421, too many messages", "MAIL", "421 enough", "deferred mail 421", closed, 1},
		{"MAIL cut", "MAIL", cut, "deferred mail 0", closed, 1},
		{"RCPT 5xx", "RCPT", "550 unknown", "failed rcpt 550", ok, 2},
		{"RCPT 4xx", "RCPT", "450 busy", "deferred rcpt 450", ok, 2},
		{"RCPT 421", "RCPT", "421 bye", "deferred rcpt 421", closed, 1},
		{"RCPT cut", "RCPT", cut, "deferred rcpt 0", closed, 1},
		{"DATA 4xx", "DATA", "451 later", "deferred data 451", ok, 2},
		{"DATA 5xx", "DATA", "554 no", "failed data 554", ok, 2},
		{"DATA cut", "DATA", cut, "deferred data 0", closed, 1},
		{"body cut", "body", cut, "deferred body 0", closed, 1},
		{"4xx after the dot", ".", "452 full", "deferred dot 452", ok, 3},
		{"5xx after the dot", ".", "554 spam", "failed dot 554", ok, 3},
		{"421 after the dot", ".", "421 bye", "deferred dot 421", closed, 2},
		{"cut after the dot", ".", cut, "unknown dot 0", closed, 2},
		{"no SMTP after the dot", ".", "thanks", "unknown dot 0", closed, 2},
		{"two answers after the dot", ".", "250 ok\n250 ok", ok, closed, 2},
		{"a late goodbye after the dot", ".", "250 ok\n421 bye", ok, closed, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: map[string]string{"2:" + tt.at: tt.answer}}
				defer s.done()
				session := s.open(t)
				dead := false
				for i, want := range []string{ok, tt.second, tt.third} {
					p := parcel("a@x.example")
					p.Data = append(p.Data, strings.Repeat("0123456789\r\n", 10000)...)
					rs, broken := session.Carry(t.Context(), p)
					if got := told(t, p.To, rs); got != want {
						t.Errorf("message %d: got %s, want %s (%s)", i+1, got, want, rs[0].Words)
					}
					if dead && !broken {
						t.Error("a session came back to life")
					}
					dead = broken
				}
				session.Close()
				synctest.Wait()
				if len(s.messages) != tt.dots {
					t.Errorf("the server saw %d dots, want %d", len(s.messages), tt.dots)
				}
			})
		})
	}
}

// TestAnswerBreaksOff: the connection ends amid the answer's line. Its first words look like an answer; they are none.
func TestAnswerBreaksOff(t *testing.T) {
	for _, half := range []string{"2", "25", "250", "250 ", "250 que", "250-que", "250-queued\r\n", "250-queued\r\n250 o", "451 la", "554 spa", "\r\n", "250 ok\x00"} {
		s := &script{answers: map[string]string{".": half}, raw: "."}
		session := s.open(t)
		rs, broken := session.Carry(t.Context(), parcel("a@x.example"))
		if got := told(t, []string{"a@x.example"}, rs); got != "unknown dot 0" || !broken {
			t.Errorf("%q counts as %s, broken %v: %s", half, got, broken, rs[0].Words)
		}
		session.Close()
	}
	for _, whole := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "250\x20\n"} {
		s := &script{answers: map[string]string{".": whole}, raw: "."}
		session := s.open(t)
		rs, _ := session.Carry(t.Context(), parcel("a@x.example"))
		if got := told(t, []string{"a@x.example"}, rs); got != "sent dot 250" {
			t.Errorf("%q counts as %s: %s", whole, got, rs[0].Words)
		}
		session.Close()
	}
}

// TestGoodbyeIsNotWaitedFor: a server that neither answers QUIT nor hangs up holds nobody.
func TestGoodbyeIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: map[string]string{"QUIT": stall}}
		defer s.done()
		session := s.open(t)
		session.Carry(t.Context(), parcel("a@x.example"))
		started := time.Now()
		if err := session.Close(); err != nil || time.Since(started) > quitLimit {
			t.Errorf("%v after %v", err, time.Since(started))
		}
		synctest.Wait()
		if !s.ended {
			t.Error("the connection was left open")
		}
	})
}

// TestStartTLSInjection: what stands behind the answer to STARTTLS in clear text was said by who knows whom. None of it counts as an answer
// within TLS, neither its offer nor its yes.
func TestStartTLSInjection(t *testing.T) {
	ca := newAuthority(t)
	for _, more := range []string{"250-evil\n250 AUTH PLAIN", "250 ok\n250 ok\n354 go\n250 taken"} {
		s := &script{tls: ca.server(t, "localhost"), answers: map[string]string{"EHLO": "250-mail.test\n250 STARTTLS", "STARTTLS": "220 go\n" + more, "MAIL": "550 no"}}
		c := s.server(t, ServerOptions{URL: "smtp://localhost", RootCA: ca.PEM, Dial: s.dialTCP})
		session, err := c.Open(t.Context())
		if err == nil {
			rs, _ := session.Carry(t.Context(), parcel("a@x.example"))
			if got := told(t, []string{"a@x.example"}, rs); got != "failed mail 550" {
				t.Errorf("%q: the message is %s", more, got)
			}
			session.Close()
		}
		if s.heard("AUTH") > 0 || len(s.messages) > 0 {
			t.Errorf("%q: said was %q", more, s.said())
		}
	}
}

// told writes receipts as the table has them, and holds them against what every receipt promises.
func told(t *testing.T, to []string, rs []Receipt) string {
	t.Helper()
	if len(rs) != len(to) {
		t.Fatalf("%d receipts for %d recipients", len(rs), len(to))
	}
	var out []string
	for i, r := range rs {
		if r.To != to[i] || r.At.IsZero() || r.Words == "" && r.Code == 0 || len(r.Words) > maxWords {
			t.Errorf("receipt %d is %+v", i, r)
		}
		out = append(out, strings.Join([]string{string(r.Result), r.Stage, itoa(r.Code)}, " "))
	}
	return strings.Join(out, ", ")
}
