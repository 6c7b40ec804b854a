package mailer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
)

// An inspection logs in and looks; nothing is sent.
func TestInspect(t *testing.T) {
	ca := newAuthority(t)
	who := user{"keiri", "sesame-1234"}
	s := newSink(t, sinkOptions{tls: ca.server(t, "127.0.0.1"), login: func(m string) sasl.Server { return who.login(m) }, offers: []string{"PLAIN"}})
	inspect := func(o ServerOptions) (Inspection, error) {
		t.Helper()
		o.URL, o.RootCA = "smtp://"+s.addr, ca.PEM
		c, err := NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		return Inspect(t.Context(), c)
	}
	in, err := inspect(ServerOptions{User: "keiri", Password: password("sesame-1234")})
	if err != nil || !strings.HasPrefix(in.TLS, "TLS 1.") || in.Expires.Before(time.Now()) || !in.LoggedIn || in.MaxSize != 50<<20 {
		t.Errorf("%+v, %v", in, err)
	}
	if in, err = inspect(ServerOptions{}); err != nil || in.LoggedIn {
		t.Errorf("without a login: %+v, %v", in, err)
	}
	_, err = inspect(ServerOptions{User: "keiri", Password: password("wrong-sesame")})
	if refused, ok := errors.AsType[*SessionError](err); !ok || !refused.Credential || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a wrong password: %v", err)
	}
	if n := len(s.messages()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	if _, err := Inspect(t.Context(), NewFolder(t.TempDir())); err == nil {
		t.Error("a folder was inspected")
	}
}
