package mailer

import (
	"context"
	"crypto/tls"
	"errors"
	"strconv"
	"time"
)

// Inspection is what a session with a mail server showed before any message.
type Inspection struct {
	TLS      string    // "TLS 1.3"; "" where the line is clear text
	Expires  time.Time // the first certificate of the server's chain to expire; zero without TLS
	LoggedIn bool
	MaxSize  int64 // of a message; 0 where the server doesn't say
}

// Inspect opens a session, login included, looks, and says goodbye. Nothing is
// sent. Its errors are those of Open.
func Inspect(ctx context.Context, c Carrier) (Inspection, error) {
	srv, ok := c.(*server)
	if !ok {
		return Inspection{}, errors.New("couldn't inspect the mail server: there is none")
	}
	opened, err := srv.Open(ctx)
	if err != nil {
		return Inspection{}, err
	}
	s := opened.(*session)
	in := Inspection{LoggedIn: srv.o.User != ""}
	if state, err := s.line.GetTLSConnectionState(); err == nil {
		in.TLS = tls.VersionName(state.Version)
		for _, cert := range state.PeerCertificates {
			if in.Expires.IsZero() || cert.NotAfter.Before(in.Expires) {
				in.Expires = cert.NotAfter
			}
		}
	}
	if ok, words := s.line.Extension("SIZE"); ok {
		in.MaxSize, _ = strconv.ParseInt(words, 10, 64) // what is no number says nothing
	}
	return in, s.Close()
}
