package mailer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
)

// verify parses the rendered bytes with the standard library, which shares no
// code with go-mail's writer, and compares them with the letter: every
// header, no header more, every part, every attachment byte by byte.
func verify(data []byte, l Letter) error {
	if err := canonical(data); err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if err := verifyHeaders(m.Header, l); err != nil {
		return err
	}
	leaves, err := readLeaves(textproto.MIMEHeader(m.Header), m.Body, 0)
	if err != nil {
		return err
	}
	return verifyParts(leaves, l)
}

func verifyHeaders(h mail.Header, l Letter) error {
	want := map[string]string{
		"Subject":                  l.Subject,
		"Message-Id":               "<" + l.MessageID + ">",
		"Auto-Submitted":           autoSubmitted,
		"X-Auto-Response-Suppress": suppressReplies,
		"Mime-Version":             "1.0",
	}
	for name, value := range l.Headers {
		want[textproto.CanonicalMIMEHeaderKey(name)] = value
	}
	addresses := map[string][]Address{"From": {l.From}, "To": l.To}
	if l.ReplyTo.Mail != "" {
		addresses["Reply-To"] = []Address{l.ReplyTo}
	}
	if len(l.Cc) > 0 {
		addresses["Cc"] = l.Cc
	}
	for name, values := range h {
		if len(values) != 1 {
			return fmt.Errorf("the header %s stands there %d times", name, len(values))
		}
		_, plain := want[name]
		_, address := addresses[name]
		if !plain && !address && name != "Date" && name != "Content-Type" && name != "Content-Transfer-Encoding" {
			return fmt.Errorf("the header %s is not of the letter", name)
		}
	}
	for name, value := range want {
		got, err := new(mime.WordDecoder).DecodeHeader(h.Get(name))
		if err != nil || got != value {
			return fmt.Errorf("the header %s is missing or differs", name)
		}
	}
	for name, as := range addresses {
		list, err := h.AddressList(name)
		if err != nil {
			return fmt.Errorf("the header %s: %w", name, err)
		}
		same := slices.EqualFunc(list, netAddresses(as), func(a, b *mail.Address) bool { return *a == *b })
		if !same {
			return fmt.Errorf("the header %s is missing an address or differs", name)
		}
	}
	date, err := h.Date()
	if err != nil || date.Unix() != l.Date.Unix() {
		return errors.New("the header Date is missing or differs")
	}
	return nil
}

// leaf is a part that holds no other parts.
type leaf struct {
	header textproto.MIMEHeader
	kind   string
	params map[string]string
	data   []byte
}

func readLeaves(h textproto.MIMEHeader, body io.Reader, depth int) ([]leaf, error) {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return nil, fmt.Errorf("a Content-Type: %w", err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		switch h.Get("Content-Transfer-Encoding") {
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, body)
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		default:
			return nil, errors.New("a part has an unknown encoding")
		}
		data, err := io.ReadAll(body)
		if err != nil {
			return nil, fmt.Errorf("a part of type %s: %w", kind, err)
		}
		return []leaf{{header: h, kind: kind, params: params, data: data}}, nil
	}
	if depth == 3 { // mixed, related, alternative, and no more
		return nil, errors.New("its parts are nested too deeply")
	}
	var leaves []leaf
	r := multipart.NewReader(body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return leaves, nil
		}
		if err != nil {
			return nil, err
		}
		more, err := readLeaves(p.Header, p, depth+1)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, more...)
	}
}

func verifyParts(leaves []leaf, l Letter) error {
	bodies := []struct{ kind, content string }{{"text/plain", l.Text}}
	if l.HTML != "" {
		bodies = append(bodies, struct{ kind, content string }{"text/html", l.HTML})
	}
	if want := len(bodies) + len(l.Images) + len(l.Files); len(leaves) != want {
		return fmt.Errorf("it has %d parts instead of %d", len(leaves), want)
	}
	for i, b := range bodies {
		p := leaves[i]
		// A part's last line end belongs to the boundary where it is not encoded itself (RFC 2046 5.1.1).
		if p.kind != b.kind || !strings.EqualFold(p.params["charset"], "utf-8") ||
			strings.TrimSuffix(string(p.data), "\r\n") != strings.TrimSuffix(b.content, "\r\n") {
			return fmt.Errorf("the part %s differs", b.kind)
		}
	}
	for n, i := range l.Images {
		p := leaves[len(bodies)+n]
		if p.kind != i.Type || p.header.Get("Content-Id") != "<"+i.ID+">" || p.header.Get("Content-Disposition") != "inline" || !bytes.Equal(p.data, i.Data) {
			return fmt.Errorf("the picture %q differs", i.ID)
		}
	}
	for i, f := range l.Files {
		p := leaves[len(bodies)+len(l.Images)+i]
		disposition, params, err := mime.ParseMediaType(p.header.Get("Content-Disposition"))
		if err != nil || disposition != "attachment" || params["filename"] != f.Name {
			return fmt.Errorf("the name of the attachment %q differs", f.Name)
		}
		name, err := new(mime.WordDecoder).DecodeHeader(p.params["name"])
		kind, _, _ := mime.ParseMediaType(f.Type)
		if err != nil || name != f.Name || p.kind != kind {
			return fmt.Errorf("the type of the attachment %q differs", f.Name)
		}
		if !bytes.Equal(p.data, f.Data) {
			return fmt.Errorf("the attachment %q differs", f.Name)
		}
	}
	return nil
}
