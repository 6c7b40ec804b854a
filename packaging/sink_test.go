package main

import (
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// TestMain lets the tests' own program be the mail server inside of a machine, and otherwise keeps a folder for all tests.
func TestMain(m *testing.M) {
	if gate := os.Getenv("BOD_TEST_SINK"); gate != "" {
		fmt.Println("sink: ended:", serve(gate))
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "bod-packages-")
	if err != nil {
		panic(err)
	}
	packages = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// serve takes mail on loopback and tells each step on standard output, which is the journal. While there is a pipe called
// gate, the answer after the dot waits until somebody has opened it for writing and closed it again.
func serve(gate string) error {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &taking{gate: gate}, nil }))
	s.Addr, s.Domain, s.AllowInsecureAuth, s.MaxMessageBytes = "127.0.0.1:2525", "sink.test", true, 50<<20
	return s.ListenAndServe()
}

type taking struct {
	gate string
	to   []string
}

func (s *taking) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *taking) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		fmt.Printf("sink: login %s %s\n", user, password)
		if password != "open sesame" {
			return errors.New("refused")
		}
		return nil
	}), nil
}

func (s *taking) Mail(string, *smtp.MailOptions) error { return nil }

func (s *taking) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *taking) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, m.Body); err != nil {
		return err
	}
	subject := m.Header.Get("Subject")
	if _, err := os.Stat(s.gate); err == nil {
		fmt.Printf("sink: holding %s\n", subject)
		f, err := os.Open(s.gate)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, f)
		_ = f.Close()
	}
	fmt.Printf("sink: took %s for %v\n", subject, s.to)
	return nil
}

func (s *taking) Reset()        { s.to = nil }
func (s *taking) Logout() error { return nil }
