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
		{name: "EHLO and HELO 5xx", answers: map[string]string{"EHLO": "550 no", "HELO": "550 no"}, stage: "ehlo", code: 550},
		{name: "EHLO and HELO 4xx", answers: map[string]string{"EHLO": "451 no", "HELO": "451 no"}},
		{name: "EHLO 5xx and HELO 4xx", answers: map[string]string{"EHLO": "502 what", "HELO": "421 no"}},
		{name: "EHLO cut", answers: map[string]string{"EHLO": cut}},
		{name: "EHLO stalls", answers: map[string]string{"EHLO": stall}, took: 10 * time.Minute},
		{name: "STARTTLS not offered", url: "smtp://localhost", stage: "starttls"},
		{name: "STARTTLS not known, HELO only", url: "smtp://localhost", answers: map[string]string{"EHLO": "502 what"}, stage: "starttls"},
		{name: "STARTTLS 454", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": "454 not now"}},
		{name: "STARTTLS 501", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": "501 no"}, stage: "starttls", code: 501},
		{name: "STARTTLS cut", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": cut}},
		{name: "STARTTLS, then no TLS", url: "smtp://localhost", answers: map[string]string{"EHLO": withTLS, "STARTTLS": "220 go\n220 but not with TLS, sorry"}, stage: "tls"},
		{name: "AUTH not offered", user: "keiri", stage: "auth"},
		{name: "AUTH PLAIN not offered", user: "keiri", answers: map[string]string{"EHLO": "250-mail.test\n250 AUTH GSSAPI NTLM"}, stage: "auth"},
		{name: "AUTH 535", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "535 5.7.8 no"}, stage: "auth", code: 535, credential: true},
		{name: "AUTH 534", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "534 5.7.9 an app password, please"}, stage: "auth", code: 534, credential: true},
		{name: "AUTH 504", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "504 what"}, stage: "auth", code: 504},
		{name: "AUTH 454", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "454 not now"}},
		{name: "AUTH 421", user: "keiri", answers: map[string]string{"EHLO": withLogin, "AUTH": "421 not now"}},
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
		{name: "RCPT cut", answers: map[string]string{"RCPT <b@x.example>": cut}, to: []string{a, b}, want: "deferred rcpt 0, deferred rcpt 0", broken: true},
		{name: "RCPT stalls", answers: map[string]string{"RCPT": stall}, to: []string{a}, want: "deferred rcpt 0", broken: true, took: 5 * time.Minute},
		{name: "RCPT twice the same", to: []string{a, a}, want: "sent dot 250, sent dot 250", dots: 1, before: 1},
		{name: "DATA 4xx", answers: map[string]string{"DATA": "451 later"}, to: []string{a}, want: "deferred data 451"},
		{name: "DATA 5xx", answers: map[string]string{"DATA": "554 no"}, to: []string{a}, want: "failed data 554"},
		{name: "DATA 421", answers: map[string]string{"DATA": "421 bye"}, to: []string{a}, want: "deferred data 421", broken: true},
		{name: "DATA 250", answers: map[string]string{"DATA": "250 ok"}, to: []string{a}, want: "deferred data 250", broken: true},
		{name: "DATA cut", answers: map[string]string{"DATA": cut}, to: []string{a}, want: "deferred data 0", broken: true},
		{name: "DATA stalls", answers: map[string]string{"DATA": stall}, to: []string{a}, want: "deferred data 0", broken: true, took: 2 * time.Minute},
		{name: "body cut", answers: map[string]string{"body": cut}, body: long, to: []string{a, b}, want: "deferred body 0, deferred body 0", broken: true},
		{name: "body stalls", answers: map[string]string{"body": stall}, body: long, to: []string{a}, want: "deferred body 0", broken: true, took: 3*time.Minute + 2*time.Second},
		{name: "answered before the dot", answers: map[string]string{"DATA": "354 go\n250 taken"}, to: []string{a}, want: "deferred body 0", broken: true},
		{name: "4xx after the dot", answers: map[string]string{".": "451 later"}, to: []string{a, b}, want: "deferred dot 451, deferred dot 451", dots: 1, before: 1},
		{name: "421 after the dot", answers: map[string]string{".": "421 bye"}, to: []string{a}, want: "deferred dot 421", broken: true, dots: 1, before: 1},
		{name: "5xx after the dot", answers: map[string]string{".": "554 spam"}, to: []string{a, b}, want: "failed dot 554, failed dot 554", dots: 1, before: 1},
		{name: "552 after the dot", answers: map[string]string{".": "552 too big"}, to: []string{a}, want: "failed dot 552", dots: 1, before: 1},
		{name: "cut after the dot", answers: map[string]string{".": cut, "RCPT <b@x.example>": "550 no"}, to: []string{a, b}, want: "unknown dot 0, failed rcpt 550", broken: true, dots: 1, before: 1},
		{name: "stall after the dot", answers: map[string]string{".": stall}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1, took: 10 * time.Minute},
		{name: "slow after the dot", answers: map[string]string{".": "AFTER 9m 250 ok"}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1, took: 9 * time.Minute},
		{name: "no SMTP after the dot", answers: map[string]string{".": "thanks a lot"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1},
		{name: "354 after the dot", answers: map[string]string{".": "354 go on"}, to: []string{a}, want: "unknown dot 354", broken: true, dots: 1, before: 1},
		{name: "reply cut in its first line", answers: map[string]string{".": "250-queued"}, to: []string{a}, want: "unknown dot 0", broken: true, dots: 1, before: 1, took: 10 * time.Minute},
		{name: "QUIT cut after 250", answers: map[string]string{"QUIT": cut}, to: []string{a}, want: "sent dot 250", dots: 1, before: 1},
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
