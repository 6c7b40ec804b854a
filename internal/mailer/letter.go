package mailer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// File is one attachment.
type File struct {
	Name string // as the recipient sees it
	Type string // MIME type
	Data []byte
}

// Image is a picture that the HTML shows where it has src="cid:ID". It has no name: a reader who saves what is
// attached is not meant to find it among the files.
type Image struct {
	ID   string // as a Content-ID has it, without angle brackets
	Type string // image/png, image/jpeg or image/gif
	Data []byte
}

// NewImage is a picture with an ID made of its content and the sender's domain: the same picture, the same bytes.
func NewImage(kind string, data []byte, from Address) Image {
	sum := sha256.Sum256(data)
	_, domain, ok := strings.Cut(from.Mail, "@")
	id := hex.EncodeToString(sum[:12]) + "@" + domain
	if !ok || !messageIDs.MatchString(id) {
		id = hex.EncodeToString(sum[:12]) + "@localhost"
	}
	return Image{ID: id, Type: kind, Data: data}
}

// URL is where the HTML finds the picture.
func (i Image) URL() string { return "cid:" + strings.ReplaceAll(i.ID, "%", "%25") }

// Letter is what one message says. Text and HTML have the same content; HTML may be empty.
type Letter struct {
	From, ReplyTo Address // ReplyTo.Mail == "" for none
	To, Cc        []Address
	Subject       string
	Text, HTML    string
	Images        []Image // that the HTML shows
	Files         []File
	MessageID     string // without angle brackets
	Date          time.Time
	Boundary      string            // seed of the MIME boundaries: same letter, same bytes
	Headers       map[string]string // X-… headers of ours; names are checked
}

// maxFileName is what file systems take. Percent-encoded it still fits into one line of 998 bytes.
const maxFileName = 255

var (
	messageIDs  = regexp.MustCompile(`^[!#-'*+\-./-9=?A-Z^-~]+@[!#-'*+\-./-9=:?A-Z^-~]+$`)
	headerNames = regexp.MustCompile(`^X-[A-Za-z0-9-]{1,60}$`)
)

// normal is the letter as it will read when it is parsed back: addresses in
// their one form, line ends as CRLF. It refuses what can't be said in a message.
func (l Letter) normal() (Letter, error) {
	var err error
	if l.From, err = normalAddress("From", l.From); err != nil {
		return l, err
	}
	if l.ReplyTo != (Address{}) {
		if l.ReplyTo, err = normalAddress("Reply-To", l.ReplyTo); err != nil {
			return l, err
		}
	}
	if len(l.To) == 0 {
		return l, errors.New("it has no addressee")
	}
	if l.To, err = normalAddresses("To", l.To); err != nil {
		return l, err
	}
	if l.Cc, err = normalAddresses("Cc", l.Cc); err != nil {
		return l, err
	}
	if err := checkText("subject", l.Subject); err != nil {
		return l, err
	}
	if !messageIDs.MatchString(l.MessageID) || len(l.MessageID) > maxMailbox {
		return l, fmt.Errorf("the Message-ID %q is none", clean(l.MessageID, 100))
	}
	if l.Date.Year() < 1970 || l.Date.Year() > 9999 {
		return l, errors.New("it has no date")
	}
	seen := map[string]bool{"x-auto-response-suppress": true}
	for name, value := range l.Headers {
		key := strings.ToLower(name)
		if !headerNames.MatchString(name) || seen[key] {
			return l, fmt.Errorf("the header name %q can't be used", clean(name, 100))
		}
		seen[key] = true
		if err := checkText("header "+name, value); err != nil {
			return l, err
		}
	}
	if strings.TrimSpace(l.Text) == "" {
		return l, errors.New("it has no text")
	}
	if l.Text, err = normalBody("text", l.Text); err != nil {
		return l, err
	}
	if l.HTML != "" {
		if l.HTML, err = normalBody("HTML", l.HTML); err != nil {
			return l, err
		}
	}
	shown := map[string]bool{}
	for i, p := range l.Images {
		if err := p.check(l.HTML); err != nil || shown[p.ID] {
			return l, fmt.Errorf("picture %d can't be shown: %w", i+1, cmp.Or(err, errors.New("another has its ID")))
		}
		shown[p.ID] = true
	}
	for i, f := range l.Files {
		if err := f.check(); err != nil {
			return l, fmt.Errorf("attachment %d (%q): %w", i+1, clean(f.Name, 100), err)
		}
	}
	return l, nil
}

func normalAddress(header string, a Address) (Address, error) {
	if err := checkName(a.Name); err != nil {
		return a, fmt.Errorf("%s: %w", header, err)
	}
	mailbox, err := parseMailbox(a.Mail)
	if err != nil {
		return a, fmt.Errorf("%s: the address %q: %w", header, clean(a.Mail, 100), err)
	}
	// Folding may break a header at a run of spaces and leave a line with nothing on it, which
	// some readers take for the end of the headers. In a name a run means no more than one.
	name := strings.Join(strings.FieldsFunc(a.Name, func(r rune) bool { return r == ' ' }), " ")
	return Address{Name: name, Mail: mailbox}, nil
}

func normalAddresses(header string, as []Address) ([]Address, error) {
	out := make([]Address, len(as))
	for i, a := range as {
		var err error
		if out[i], err = normalAddress(header, a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func checkText(what, s string) error {
	if err := checkValue(s); err != nil {
		return fmt.Errorf("the %s can't be sent: %w", what, err)
	}
	if len(s) > 900 {
		return fmt.Errorf("the %s is longer than 900 bytes", what)
	}
	return nil
}

var lineEnds = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")

// normalBody makes every line end a CRLF, also the last one.
func normalBody(what, s string) (string, error) {
	s = lineEnds.Replace(s)
	if !strings.HasSuffix(s, "\r\n") {
		s += "\r\n"
	}
	if err := checkValue(strings.ReplaceAll(s, "\r\n", " ")); err != nil {
		return "", fmt.Errorf("the %s can't be sent: %w", what, err)
	}
	return s, nil
}

func (i Image) check(html string) error {
	switch {
	case !messageIDs.MatchString(i.ID) || len(i.ID) > 200:
		return errors.New("its ID is none")
	case i.Type != "image/png" && i.Type != "image/jpeg" && i.Type != "image/gif":
		return fmt.Errorf("mail programs show no %q", clean(i.Type, 100)) // and an SVG may have a script in it
	case http.DetectContentType(i.Data) != i.Type:
		return errors.New("its content is of another type")
	case !strings.Contains(html, `"`+i.URL()+`"`):
		return errors.New("the HTML does not have it")
	}
	return nil
}

func (f File) check() error {
	if err := checkValue(f.Name); err != nil {
		return fmt.Errorf("its name: %w", err)
	}
	if f.Name == "" || f.Name == "." || f.Name == ".." || len(f.Name) > maxFileName ||
		strings.ContainsAny(f.Name, `/\`) || strings.ContainsFunc(f.Name, unicode.IsControl) {
		return fmt.Errorf("that is no file name of 1 to %d bytes", maxFileName)
	}
	if err := checkValue(f.Type); err != nil || !isASCII(f.Type) {
		return errors.New("its type is no MIME type")
	}
	kind, params, err := mime.ParseMediaType(f.Type)
	if err != nil || !strings.Contains(kind, "/") || params["name"] != "" || len(f.Type) > 200 {
		return fmt.Errorf("its type %q is no MIME type", clean(f.Type, 100))
	}
	if strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "message/") {
		return fmt.Errorf("its type %q can't be attached", kind) // RFC 2045 6.4: no base64 for these
	}
	if len(f.Data) == 0 {
		return errors.New("it is empty")
	}
	return nil
}
