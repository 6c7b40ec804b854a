package mailer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// NewFolder writes one .eml a message into dir, atomically.
//
// The file has the message's bytes and nothing else. Its name begins with the message's date, so that a
// list of the folder reads in order, and ends with a digest of the Message-ID,
// so that the same message written again is the same file. Who is only in the envelope (Bcc) is not in the file; the
// receipts have it. BeforeDot is not called: there is no answer that could get lost.
func NewFolder(dir string) Carrier { return folder(dir) }

type folder string

func (f folder) Trial() bool { return true }

// Open makes the folder when it is missing.
func (f folder) Open(ctx context.Context) (Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := os.MkdirAll(string(f), 0o750); err != nil {
		return nil, fmt.Errorf("couldn't make the folder for mail: %w", err)
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return nil, fmt.Errorf("couldn't open the folder for mail: %w", err)
	}
	return &shelf{root: root}, nil
}

// shelf is an open folder.
type shelf struct{ root *os.Root }

func (s *shelf) Close() error { return s.root.Close() }

func (s *shelf) Carry(ctx context.Context, p Parcel) (rs []Receipt, broken bool) {
	result, words := Written, ""
	if name, err := s.write(ctx, p.Data); err != nil {
		result, words = Deferred, clean(err.Error(), maxWords)
	} else {
		words = name
	}
	for _, to := range p.To {
		rs = append(rs, Receipt{To: to, Result: result, Stage: "file", Words: words, At: time.Now()})
	}
	return rs, false
}

// write leaves the whole message under its name, or nothing: a reader never meets half a file. A crash
// leaves at most the temporary file, which the next attempt overwrites.
func (s *shelf) write(ctx context.Context, data []byte) (name string, err error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	name = fileName(data)
	temp := "." + name + ".tmp"
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return "", fmt.Errorf("couldn't write the message: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync())
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.root.Rename(temp, name)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("couldn't write the message: %w", err), s.root.Remove(temp))
	}
	// The name is in the folder, but only in memory: after a power cut it is there for sure once the folder is synced as well.
	dir, err := s.root.Open(".")
	if err != nil {
		return "", fmt.Errorf("couldn't sync the folder for mail: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return "", fmt.Errorf("couldn't sync the folder for mail: %w", err)
	}
	return name, nil
}

// fileName is date, subject, first addressee, and a digest of the Message-ID. It hangs on the message's bytes
// alone, not on the envelope, so that a second attempt for some of the recipients writes the same file.
func fileName(data []byte) string {
	date, subject, to, id := "undated", "", "", data
	if m, err := mail.ReadMessage(bytes.NewReader(data)); err == nil {
		if d, err := m.Header.Date(); err == nil {
			date = d.Format("2006-01-02 1504")
		}
		if s, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err == nil {
			subject = s
		}
		if as, err := m.Header.AddressList("To"); err == nil && len(as) > 0 {
			to = as[0].Address
		}
		if s := m.Header.Get("Message-Id"); s != "" {
			id = []byte(s)
		}
	}
	sum := sha256.Sum256(id)
	parts := []string{date}
	for _, s := range []string{fileWord(subject, 120), fileWord(to, 60)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(append(parts, hex.EncodeToString(sum[:])[:12]), " ") + ".eml"
}

// fileWord keeps what every file system and every shell's listing can show, at most so many bytes.
func fileWord(s string, most int) string {
	var b strings.Builder
	gap := false
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune("@._-+【】（）「」・〜", r) || r == utf8.RuneError {
			gap = b.Len() > 0
			continue
		}
		if b.Len()+utf8.RuneLen(r)+1 > most {
			break
		}
		if gap {
			b.WriteByte('_')
			gap = false
		}
		b.WriteRune(r)
	}
	return strings.Trim(b.String(), "._-")
}
