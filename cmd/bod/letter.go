package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"bod/internal/mailer"
)

// letter is a sealed message as a person reads it: what the recipient's mail
// program would show, found in the bytes themselves and nowhere else.
type letter struct {
	headers [][2]string // name and decoded value, in the order of reading
	text    string
	html    string // the same, dressed; may be empty. Its pictures are in it
	files   []fileInfo

	pictures []string // what the HTML calls a picture, and the picture itself as a browser reads it
}

type fileInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Size int    `json:"size"`
}

// readLetter reads the bytes of a message.
func readLetter(raw []byte) (letter, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return letter{}, fmt.Errorf("couldn't read the message: %w", err)
	}
	var l letter
	words := new(mime.WordDecoder)
	for _, name := range []string{"From", "Reply-To", "To", "Cc", "Subject", "Date"} {
		v := m.Header.Get(name)
		if v == "" {
			continue
		}
		if list, err := m.Header.AddressList(name); err == nil {
			var people []string
			for _, a := range list {
				people = append(people, mailer.Address{Name: a.Name, Mail: a.Address}.String())
			}
			v = strings.Join(people, ", ")
		} else if d, err := words.DecodeHeader(v); err == nil {
			v = d
		}
		l.headers = append(l.headers, [2]string{name, v})
	}
	if err := l.part(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Header.Get("Content-Disposition"), "", m.Body, 0); err != nil {
		return letter{}, err
	}
	// A page in a browser has no message in which to look for a picture by its ID.
	l.html = strings.NewReplacer(l.pictures...).Replace(l.html)
	return l, nil
}

// part reads one part of the message, and those inside it.
func (l *letter) part(contentType, encoding, disposition, id string, body io.Reader, depth int) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		if depth > 8 {
			return fmt.Errorf("couldn't read the message: its parts are nested too deep")
		}
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("couldn't read the message: %w", err)
			}
			if err := l.part(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p.Header.Get("Content-Disposition"), p.Header.Get("Content-Id"), p, depth+1); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("couldn't read the message: %w", err)
	}
	how, dp, err := mime.ParseMediaType(disposition)
	if err == nil && how == "attachment" {
		l.files = append(l.files, fileInfo{Name: dp["filename"], Type: kind, Size: len(data)})
		return nil
	}
	if id = strings.Trim(id, "<>"); id != "" && strings.HasPrefix(kind, "image/") {
		l.pictures = append(l.pictures, `"`+(mailer.Image{ID: id}).URL()+`"`, `"data:`+kind+";base64,"+base64.StdEncoding.EncodeToString(data)+`"`)
		return nil
	}
	if kind == "text/plain" && l.text == "" {
		l.text = strings.ReplaceAll(string(data), "\r\n", "\n")
	}
	if kind == "text/html" && l.html == "" {
		l.html = string(data)
	}
	return nil
}

// printLetter shows a message as its recipient would read it, and the blind copies, which its bytes do not name.
func (b *desk) printLetter(raw []byte, indent string, blind ...string) error {
	l, err := readLetter(raw)
	if err != nil {
		return err
	}
	names := map[string]string{
		"From": b.in("差出人", "From"), "Reply-To": b.in("返信先", "Reply to"), "To": b.in("宛先", "To"), "Cc": b.in("写し", "Cc"),
		"Subject": b.in("件名", "Subject"), "Date": b.in("日付", "Date"),
	}
	var rows [][]string
	for _, h := range l.headers {
		if at, err := mail.ParseDate(h[1]); err == nil && h[0] == "Date" {
			h[1] = b.moment(at)
		}
		rows = append(rows, []string{names[h[0]], h[1]})
	}
	if len(blind) > 0 {
		rows = append(rows, []string{b.in("控え", "Blind copy"), strings.Join(blind, ", ")})
	}
	for i, f := range l.files {
		name := ""
		if i == 0 {
			name = b.in("添付", "Attached")
		}
		rows = append(rows, []string{name, fmt.Sprintf(b.in("%s（%s）", "%s (%s)"), f.Name, size(f.Size))})
	}
	columns(b.out, indent, rows)
	b.say("\n")
	for line := range strings.SplitSeq(strings.TrimRight(l.text, "\n"), "\n") {
		b.say("%s\n", strings.TrimRight(indent+line, " "))
	}
	return nil
}

// size says how large something is.
func size(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f KB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
