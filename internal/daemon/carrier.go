package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"bod/internal/config"
	"bod/internal/mailer"
)

// NewCarrier makes what the rules say mail leaves by.
func NewCarrier(c *config.Config) (mailer.Carrier, error) {
	m := c.Mail
	if m.Server == "" {
		return mailer.NewFolder(m.Outbox), nil
	}
	o := mailer.ServerOptions{
		URL: m.Server, User: m.User, Password: m.Password, Auth: m.Auth, RootCA: m.CAPEM, Hello: m.Hello,
	}
	if a := m.OAuth2; a != nil {
		o.OAuth2 = &mailer.OAuth2Options{TokenURL: a.TokenURL, ClientID: a.ClientID, ClientSecret: m.ClientSecret, Scopes: a.Scopes}
	}
	carrier, err := mailer.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("couldn't use the mail server: %w", err)
	}
	return carrier, nil
}

// credential tells whether a login is the one that was refused: server, user and secret. It is cut to 32 bits, so that what the
// ledger keeps of a password helps nobody to find it.
func credential(c *config.Config) string {
	m := c.Mail
	h := sha256.New()
	part := func(s string) { fmt.Fprintf(h, "%d:%s,", len(s), s) }
	part(m.Server)
	part(m.User)
	part(m.Auth)
	secret, err := m.Password()
	if err != nil {
		secret = "unreadable" // until it can be read, it is not another one
	}
	part(secret)
	if a := m.OAuth2; a != nil {
		part(a.TokenURL)
		part(a.ClientID)
		secret, err := m.ClientSecret()
		if err != nil {
			secret = "unreadable"
		}
		part(secret)
	}
	return hex.EncodeToString(h.Sum(nil))[:8]
}
