package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

// Mail says how mail leaves.
type Mail struct {
	From, ReplyTo mailer.Address
	Bcc           []mailer.Address // a copy of everything that goes outside
	Server        string           // as mailer.ServerOptions.URL; "": into the folder outbox
	User          string
	Auth          string
	PasswordFile  string // absolute; "": systemd credential smtp-password ($CREDENTIALS_DIRECTORY)
	CA            *x509.CertPool
	CAPEM         []byte
	OAuth2        *OAuth2
	Rate          mailer.Rate // zero: no limit
	TrialTo       *mailer.Address
	Outbox        string // absolute folder for mail without a server
	Hello         string
	GiveUp        calendar.Lead // how long a deferred message is tried again
}

// OAuth2 are client credentials; the secret is systemd credential smtp-oauth2-secret or SecretFile.
type OAuth2 struct {
	TokenURL, ClientID, SecretFile string
	Scopes                         []string
}

// maxSecret is far above any password, and below a file that was named by mistake.
const maxSecret = 64 << 10

// Password reads the password anew: PasswordFile, or the systemd credential. It never appears in an error.
func (m Mail) Password() (string, error) {
	return secret("the mail password", m.PasswordFile, "smtp-password")
}

// ClientSecret reads the OAuth2 secret anew, like Password.
func (m Mail) ClientSecret() (string, error) {
	file := ""
	if m.OAuth2 != nil {
		file = m.OAuth2.SecretFile
	}
	return secret("the OAuth2 client secret", file, "smtp-oauth2-secret")
}

func secret(what, file, credential string) (string, error) {
	if file == "" {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fmt.Errorf("couldn't read %s: there is neither a file for it in jobs.toml nor the systemd credential %s", what, credential)
		}
		file = filepath.Join(dir, credential)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("couldn't read %s: %w", what, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("couldn't read %s: %w", what, err)
	}
	// Editors end a file with a line end; a password has none.
	s := strings.TrimRight(string(b), "\r\n")
	switch {
	case s == "":
		return "", fmt.Errorf("couldn't read %s: %w", what, errors.New(file+" is empty"))
	case len(b) > maxSecret || strings.ContainsAny(s, "\r\n\x00"):
		return "", fmt.Errorf("couldn't read %s: %s has more than one line", what, file)
	}
	return s, nil
}

// Trial reports whether mail stays in the house: no server, or trial_to.
func (m Mail) Trial() bool { return m.Server == "" || m.TrialTo != nil }
