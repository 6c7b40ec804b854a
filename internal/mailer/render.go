package mailer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"net/url"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

const (
	autoSubmitted = "auto-generated" // RFC 3834 5

	// Never "All": that asks Exchange to keep silent about failures too (MS-OXCMAIL 2.1.3.2.20).
	suppressReplies = "OOF, AutoReply"

	maxLine = 998 // RFC 5322 2.1.1, without the CRLF
)

// Render gives the bytes of the message, CRLF line ends, lines of at most 998 bytes, the same bytes for the same letter.
//
// The bytes are parsed back and compared with the letter before they are
// given away, so that nothing of it is missing and nothing stands in the headers that is not in it.
func Render(l Letter) ([]byte, error) {
	l, err := l.normal()
	if err != nil {
		return nil, fmt.Errorf("couldn't render the letter: %w", err)
	}
	m := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithNoDefaultUserAgent())
	setAddresses(m, "From", l.From)
	if l.ReplyTo.Mail != "" {
		setAddresses(m, "Reply-To", l.ReplyTo)
	}
	setAddresses(m, "To", l.To...)
	if len(l.Cc) > 0 {
		setAddresses(m, "Cc", l.Cc...)
	}
	m.Subject(encodeHeader(l.Subject))
	m.SetMessageIDWithValue(l.MessageID)
	m.SetDateWithValue(l.Date)
	m.SetGenHeader("Auto-Submitted", autoSubmitted)
	m.SetGenHeader("X-Auto-Response-Suppress", suppressReplies)
	for name, value := range l.Headers {
		m.SetGenHeader(gomail.Header(name), encodeHeader(value))
	}
	m.SetBodyString(gomail.TypeTextPlain, l.Text, gomail.WithPartEncoding(bodyEncoding(l.Text)))
	if l.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, l.HTML, gomail.WithPartEncoding(bodyEncoding(l.HTML)))
	}
	for _, i := range l.Images {
		if err := m.EmbedReader(i.ID, bytes.NewReader(i.Data), imageHeaders(i)); err != nil {
			return nil, fmt.Errorf("couldn't put in a picture: %w", err)
		}
	}
	for _, f := range l.Files {
		if err := m.AttachReader(f.Name, bytes.NewReader(f.Data), fileHeaders(f)); err != nil {
			return nil, fmt.Errorf("couldn't attach %q: %w", f.Name, err)
		}
	}
	var buf bytes.Buffer
	if _, err := m.WriteTo(&buf); err != nil {
		return nil, fmt.Errorf("couldn't render the letter: %w", err)
	}
	data, err := fixBoundaries(buf.Bytes(), l)
	if err != nil {
		return nil, fmt.Errorf("couldn't render the letter: %w", err)
	}
	if err := verify(data, l); err != nil {
		return nil, fmt.Errorf("couldn't render the letter: it does not read back as written: %w", err)
	}
	return data, nil
}

// setAddresses writes the names as encodeWords has them. net/mail's own form, which go-mail uses, breaks
// where a name beyond ASCII has a backslash; it is kept for mailboxes beyond ASCII (SMTPUTF8), which go-mail writes as they are only there.
func setAddresses(m *gomail.Msg, header string, as ...Address) {
	values := make([]string, len(as))
	for i, a := range as {
		if !isASCII(a.Mail) {
			m.SetAddrHeaderFromMailAddress(gomail.AddrHeader(header), netAddresses(as)...)
			return
		}
		values[i] = "<" + a.Mail + ">"
		switch {
		case a.Name == "":
		case isASCII(a.Name) && !strings.Contains(a.Name, "=?"):
			values[i] = quote(a.Name) + " " + values[i]
		default:
			// One word where one is enough: Python 3.11's email puts a space between two of them in an address.
			values[i] = encodeWords(a.Name, 45, " ") + " " + values[i]
		}
	}
	m.SetGenHeader(gomail.Header(header), values...)
}

// netAddress gives the address as net/mail has it: with the local part unquoted.
func netAddress(a Address) *mail.Address {
	local, domain, _ := splitMailbox(a.Mail) // normal has parsed it
	return &mail.Address{Name: a.Name, Address: local + "@" + domain}
}

func netAddresses(as []Address) []*mail.Address {
	out := make([]*mail.Address, len(as))
	for i, a := range as {
		out[i] = netAddress(a)
	}
	return out
}

// bodyEncoding is the shorter one: base64 for Japanese, quoted-printable for what is mostly ASCII
// (spam filters frown on plain English in base64).
func bodyEncoding(s string) gomail.Encoding {
	other := 0
	for i := range len(s) {
		if s[i] >= 0x80 {
			other++
		}
	}
	if other*4 > len(s) {
		return gomail.EncodingB64
	}
	return gomail.EncodingQP
}

// encodeHeader gives the value of an unstructured header. What is not plain
// words with single spaces goes into encoded words (RFC 2047), also where it
// only looks like one, so that every value reads back as it was.
func encodeHeader(s string) string {
	if isPlain(s) {
		return s
	}
	return encodeWords(s, 36, " ")
}

func isPlain(s string) bool {
	for word := range strings.SplitSeq(s, " ") {
		if word == "" || len(word) > 60 {
			return false
		}
		for i := range len(word) {
			if word[i] <= ' ' || word[i] > '~' {
				return false
			}
		}
	}
	return !strings.Contains(s, "=?")
}

// encodeWords cuts between characters, never within one, into words of so many
// bytes. 36 bytes make a word of 60, which fits onto the first line behind the header's name, so that this line is never empty;
// 45 bytes make the longest that RFC 2047 2 allows.
func encodeWords(s string, most int, between string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := min(most, len(s))
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n--
		}
		if b.Len() > 0 {
			b.WriteString(between)
		}
		b.WriteString("=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte(s[:n])) + "?=")
		s = s[n:]
	}
	return b.String()
}

// fileHeaders sets the headers of an attachment. go-mail would put encoded
// words into quotes for the file name, which RFC 2047 5 (3) forbids and half of the readers show as
// they are. So RFC 2231 for those who follow it, and the encoded words that old
// Japanese programs look for in the one place where they look, the type's name.
func fileHeaders(f File) gomail.FileOption {
	kind, params, _ := mime.ParseMediaType(f.Type) // checked by File.check
	kind = mime.FormatMediaType(kind, params)
	name, filename := `name="`+f.Name+`"`, `filename="`+f.Name+`"`
	if !isPlainFileName(f.Name) {
		name = `name="` + encodeWords(f.Name, 45, "\r\n ") + `"`
		filename = `filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(f.Name), "+", "%20")
	}
	return func(file *gomail.File) {
		file.Header.Set("Content-Type", kind+";\r\n "+name)
		file.Header.Set("Content-Disposition", "attachment;\r\n "+filename)
		file.Header.Set("Content-Transfer-Encoding", "base64")
	}
}

// imageHeaders sets the headers of a picture that the HTML shows.
func imageHeaders(i Image) gomail.FileOption {
	return func(file *gomail.File) {
		file.Header.Set("Content-Type", i.Type)
		file.Header.Set("Content-Disposition", "inline")
		file.Header.Set("Content-ID", "<"+i.ID+">")
		file.Header.Set("Content-Transfer-Encoding", "base64")
	}
}

func isPlainFileName(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

// fixBoundaries replaces the random boundaries by ones that follow from the
// letter. go-mail takes one boundary for all levels only (WithBoundary), which breaks
// nested multiparts; so it draws its own, and those, 240 bits of chance each, stand nowhere else in the message.
func fixBoundaries(data []byte, l Letter) ([]byte, error) {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var drawn []string
	header, body := textproto.MIMEHeader(m.Header), m.Body
	for {
		boundary := boundaryOf(header.Get("Content-Type"))
		if boundary == "" {
			break
		}
		drawn = append(drawn, boundary)
		first, err := multipart.NewReader(body, boundary).NextRawPart()
		if err != nil {
			return nil, err
		}
		header, body = first.Header, first // what holds other parts is always the first part
	}
	for i, old := range drawn {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%s", i, l.Boundary, l.MessageID))
		fixed := hex.EncodeToString(sum[:])[:60]
		if len(old) != len(fixed) {
			return nil, errors.New("a boundary has an unknown length") // header lines were folded around the old one
		}
		data = bytes.ReplaceAll(data, []byte(old), []byte(fixed))
	}
	return data, nil
}

func boundaryOf(contentType string) string {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return ""
	}
	return params["boundary"]
}

// canonical reports whether the bytes can be said after DATA as they are: CRLF
// line ends only, the last line ended, no NUL, no line over 998 bytes. The dot writer would mend lone line ends by itself,
// and then other bytes would leave than those that were sealed.
func canonical(data []byte) error {
	if !bytes.HasSuffix(data, []byte("\r\n")) {
		return errors.New("its last line has no end")
	}
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		if end == 0 || data[end-1] != '\r' {
			return errors.New("it has a lone LF")
		}
		line := data[:end-1]
		if len(line) > maxLine {
			return fmt.Errorf("it has a line of %d bytes, over %d", len(line), maxLine)
		}
		if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
			return errors.New("it has a lone CR or a NUL")
		}
		data = data[end+1:]
	}
	return nil
}
