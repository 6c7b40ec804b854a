package mailer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of RFC 5321 4.5.3.1.1 and 4.5.3.1.3 (a path of 256 with its brackets).
const (
	maxLocal   = 64
	maxMailbox = 254
	maxName    = 250
)

// Address is a display name and a mailbox.
type Address struct{ Name, Mail string }

// ParseAddress reads "名前 <a@b>" or "a@b", quotes local parts that need it
// (foo..bar@docomo.ne.jp), and refuses CR, LF, NUL and everything that is not one address.
//
// It reads what people type rather than RFC 5322: a name is taken as it
// stands, brackets and dots included, and needs quotes only where it has a
// character that would make two addresses of it.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(s)
	if err != nil {
		return Address{}, fmt.Errorf("couldn't read the address %q: %w", clean(s, 200), err)
	}
	return a, nil
}

func parseAddress(s string) (Address, error) {
	if err := checkValue(s); err != nil {
		return Address{}, err
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return Address{}, errors.New("it is empty")
	}
	name, mailbox := "", s
	if strings.HasSuffix(s, ">") {
		open := strings.LastIndexByte(s, '<')
		if open < 0 {
			return Address{}, errors.New("it has a > without a <")
		}
		name, mailbox = strings.TrimSpace(s[:open]), s[open+1:len(s)-1]
	}
	name, err := parseName(name)
	if err != nil {
		return Address{}, err
	}
	mailbox, err = parseMailbox(mailbox)
	if err != nil {
		return Address{}, err
	}
	return Address{Name: name, Mail: mailbox}, nil
}

func parseName(s string) (string, error) {
	if strings.HasPrefix(s, `"`) {
		inner, ok := unquote(s)
		if !ok {
			return "", errors.New(`the quotes around the name do not close`)
		}
		s = inner
	} else if i := strings.IndexAny(s, `"<>@,;`); i >= 0 {
		return "", fmt.Errorf(`the name has %q: one address only, and a name with such a character stands in "quotes"`, s[i])
	}
	if err := checkName(s); err != nil {
		return "", err
	}
	return s, nil
}

// checkName holds a display name against what a header can carry.
func checkName(s string) error {
	if err := checkValue(s); err != nil {
		return err
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("the name has a control character")
	}
	if len(s) > maxName {
		return fmt.Errorf("the name is longer than %d bytes", maxName)
	}
	return nil
}

// parseMailbox reads local@domain and gives it as it stands in headers and
// commands: with the local part quoted where RFC 5321 4.1.2 wants that. Mobile
// carriers in Japan once handed out addresses with two dots in a row or one before the @; they live on.
func parseMailbox(s string) (string, error) {
	local, domain, err := splitMailbox(s)
	if err != nil {
		return "", err
	}
	return formatMailbox(local, domain), nil
}

// splitMailbox gives the parts of a mailbox, the local one without quotes.
func splitMailbox(s string) (local, domain string, err error) {
	if err := checkValue(s); err != nil {
		return "", "", err
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		if strings.ContainsRune(s, '＠') {
			return "", "", errors.New("its ＠ is full-width: write @")
		}
		return "", "", errors.New("it has no @")
	}
	local, domain = s[:at], s[at+1:]
	if strings.HasPrefix(local, `"`) {
		inner, ok := unquote(local)
		if !ok {
			return "", "", errors.New("the quotes before the @ do not close")
		}
		local = inner
		if strings.ContainsFunc(local, func(r rune) bool { return unicode.IsControl(r) || r == '<' || r == '>' }) {
			return "", "", errors.New("the part before the @ has a character that no address has")
		}
	} else if i := strings.IndexFunc(local, func(r rune) bool { return !isAtom(r) && r != '.' }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(local[i:])
		return "", "", fmt.Errorf("the part before the @ has %q", r)
	}
	if local == "" {
		return "", "", errors.New("nothing stands before the @")
	}
	if len(local) > maxLocal {
		return "", "", fmt.Errorf("the part before the @ is longer than %d bytes", maxLocal)
	}
	if err := checkDomain(domain); err != nil {
		return "", "", err
	}
	if len(formatMailbox(local, domain)) > maxMailbox {
		return "", "", fmt.Errorf("it is longer than %d bytes", maxMailbox)
	}
	return local, domain, nil
}

func checkDomain(s string) error {
	if s == "" {
		return errors.New("nothing stands after the @")
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") { // an address literal, RFC 5321 4.1.3
		if strings.Trim(s[1:len(s)-1], "0123456789abcdefABCDEFIPv:.") != "" || len(s) < 4 {
			return errors.New("the part after the @ is no host name")
		}
		return nil
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("the part after the @ is no host name")
		}
		for _, r := range label {
			if r != '-' && r != '_' && (!isAtom(r) || !unicode.In(r, unicode.L, unicode.M, unicode.N)) {
				return fmt.Errorf("the part after the @ has %q", r)
			}
		}
	}
	return nil
}

// isAtom is atext of RFC 5322 3.2.3 and RFC 6531. Full-width ASCII is left
// out: it looks like an address and is a slip of the input method.
func isAtom(r rune) bool {
	switch {
	case r == utf8.RuneError, r >= 0xff01 && r <= 0xff5e:
		return false
	case r >= 0x80:
		return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.S, unicode.Pd, unicode.Po, unicode.Pc)
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	}
	return strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) && r != 0
}

func formatMailbox(local, domain string) string {
	plain := !strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".") && !strings.Contains(local, "..")
	if plain && !strings.ContainsFunc(local, func(r rune) bool { return !isAtom(r) && r != '.' }) {
		return local + "@" + domain
	}
	return quote(local) + "@" + domain
}

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func quote(s string) string { return `"` + quoter.Replace(s) + `"` }

// unquote takes a quoted-string of RFC 5322 3.2.4 apart.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	var b strings.Builder
	escaped := false
	for _, c := range []byte(s[1 : len(s)-1]) {
		switch {
		case escaped:
			b.WriteByte(c)
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), !escaped
}

// String is the form for people: 名前 <a@b>.
func (a Address) String() string {
	name := a.Name
	switch {
	case name == "":
		return a.Mail
	case strings.ContainsAny(name, `"<>@,;`), strings.TrimSpace(name) != name:
		name = quote(name)
	}
	return name + " <" + a.Mail + ">"
}

// NewMessageID makes a random Message-ID at the address's domain.
func NewMessageID(from Address) string {
	_, domain, err := splitMailbox(from.Mail)
	if err != nil || !isASCII(domain) {
		domain = "bod.invalid" // RFC 2606: never someone else's name
	}
	return strings.ToLower(rand.Text()) + "@" + strings.Trim(domain, "[]")
}

// checkValue refuses what would end a header or a command early. It stands
// before every value that comes from outside: the header writer lets CR and LF through in places.
func checkValue(s string) error {
	if strings.ContainsAny(s, "\r\n\x00") {
		return errors.New("it has a line end or a NUL")
	}
	if !utf8.ValidString(s) {
		return errors.New("it is not valid UTF-8")
	}
	return nil
}

func isASCII[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
