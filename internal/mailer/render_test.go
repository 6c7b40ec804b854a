package mailer

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var jst = time.FixedZone("JST", 9*60*60)

// invoice is a letter with everything in it.
func invoice() Letter {
	return Letter{
		From: Address{"株式会社青空システム 経理部", "keiri@aozora.example"}, ReplyTo: Address{"佐藤 花子", "sato@aozora.example"},
		To:      []Address{{"株式会社アクメ商事 経理部", "ap@acme.example"}, {"Smith, Jo", "jo@acme.example"}},
		Cc:      []Address{{"", "foo..bar@docomo.ne.jp"}, {"田中「部長」", "tanaka@aozora.example"}},
		Subject: "【株式会社青空システム】2026年11月分 請求書送付のご案内（INV-2611-0042）",
		Text:    "株式会社アクメ商事\n経理部　御中\n\nいつもお世話になっております。\n株式会社青空システム　経理部でございます。\n\n2026年11月分の請求書（PDF 1点）をお送りいたします。\n.\n",
		HTML:    "<!DOCTYPE html>\n<html lang=\"ja\"><body><p>株式会社アクメ商事<br>経理部　御中</p>\n<p>いつもお世話になっております。<br>株式会社青空システム　経理部でございます。</p>\n<p>2026年11月分の請求書（PDF 1点）をお送りいたします。</p></body></html>\n",
		Files: []File{
			{"請求書_202611_株式会社アクメ商事_INV-2611-0042.pdf", "application/pdf", append([]byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\r\n"), bytes.Repeat([]byte{0, '\r', '\n', '.', 0xff}, 1000)...)},
			{"list.csv", "text/csv; charset=Shift_JIS", []byte("a,b\r\n1,2")},
			{`it's 100% "quoted"; é 𠮷.txt`, "text/plain", []byte("x")},
		},
		MessageID: "n7q2k5w3x4y6z7a2b3c4d5e6f7@aozora.example", Boundary: "seed",
		Date:    time.Date(2026, 11, 25, 10, 0, 0, 123456000, jst),
		Headers: map[string]string{"X-Bod-Job": "hosting-acme", "X-Bod-Key": "hosting-acme/2026-11/アクメ", "X-Bod-Note": "two  spaces and =?utf-8?q?this?="},
	}
}

// chart is a letter whose HTML shows a picture.
func chart() Letter {
	l := invoice()
	p := NewImage("image/png", []byte("\x89PNG\r\n\x1a\n and the rest\r\n."), l.From)
	l.Images = []Image{p}
	l.HTML = strings.Replace(l.HTML, "</body>", `<img src="`+p.URL()+`" alt="12"></body>`, 1)
	return l
}

func mustRender(t testing.TB, l Letter) []byte {
	t.Helper()
	data, err := Render(l)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRenderIsTheSameEachTime(t *testing.T) {
	l := invoice()
	want := mustRender(t, l)
	for range 5 {
		other := l
		other.Headers = maps.Clone(l.Headers)
		if !bytes.Equal(mustRender(t, other), want) {
			t.Fatal("the same letter gives other bytes")
		}
	}
	l.Boundary = "another seed"
	if bytes.Equal(mustRender(t, l), want) {
		t.Error("the seed of the boundaries does not count")
	}
}

// TestRenderReadsBack by net/mail, part by part, without verify's help.
func TestRenderReadsBack(t *testing.T) {
	l := invoice()
	data := mustRender(t, l)
	if err := canonical(data); err != nil {
		t.Fatal(err)
	}
	if !isASCII(data) {
		t.Error("not 7-bit")
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	decode := func(name string) string {
		s, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return s
	}
	for name, want := range map[string]string{
		"Subject": l.Subject, "Message-Id": "<" + l.MessageID + ">", "Date": "Wed, 25 Nov 2026 10:00:00 +0900",
		"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "OOF, AutoReply",
		"X-Bod-Job": "hosting-acme", "X-Bod-Key": "hosting-acme/2026-11/アクメ", "X-Bod-Note": "two  spaces and =?utf-8?q?this?=",
	} {
		if got := decode(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, name := range []string{"Bcc", "User-Agent", "X-Mailer", "List-Id"} {
		if m.Header[name] != nil {
			t.Errorf("it has a %s", name)
		}
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 2 || to[0].Name != "株式会社アクメ商事 経理部" || to[1].Name != "Smith, Jo" {
		t.Errorf("To is %v, %v", to, err)
	}
	cc, err := m.Header.AddressList("Cc")
	if err != nil || len(cc) != 2 || cc[0].Address != "foo..bar@docomo.ne.jp" || cc[1].Name != "田中「部長」" {
		t.Errorf("Cc is %v, %v", cc, err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatal(kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	p, err := r.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if kind, inner, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); kind != "multipart/alternative" || inner["boundary"] == params["boundary"] {
		t.Errorf("the first part is %s within %v", kind, inner)
	}
	for i, f := range l.Files {
		p, err := r.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.FileName(); got != f.Name {
			t.Errorf("attachment %d is named %q", i, got)
		}
		if strings.Contains(p.Header.Get("Content-Disposition"), "=?") {
			t.Errorf("attachment %d has an encoded word in its disposition", i)
		}
		got, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
		if err != nil || !bytes.Equal(got, f.Data) {
			t.Errorf("attachment %d differs: %v", i, err)
		}
	}
	if _, err := r.NextPart(); err != io.EOF {
		t.Errorf("after the last attachment: %v", err)
	}
}

func TestRenderShapes(t *testing.T) {
	for html := range 2 {
		for files := range 3 {
			l := invoice()
			if html == 0 {
				l.HTML = ""
			}
			l.Files = l.Files[:files]
			m, err := mail.ReadMessage(bytes.NewReader(mustRender(t, l)))
			if err != nil {
				t.Fatal(err)
			}
			want := map[[2]int]string{{0, 0}: "text/plain", {1, 0}: "multipart/alternative"}[[2]int{html, files}]
			if want == "" {
				want = "multipart/mixed"
			}
			if kind, _, _ := mime.ParseMediaType(m.Header.Get("Content-Type")); kind != want {
				t.Errorf("html %d, files %d: %s", html, files, kind)
			}
		}
	}
}

// TestRenderImage: a picture stands beside the HTML that shows it (RFC 2387), and no reader takes it for a file.
func TestRenderImage(t *testing.T) {
	for files := range 2 {
		l := chart()
		l.Files = l.Files[:files]
		data := mustRender(t, l)
		if !bytes.Equal(mustRender(t, l), data) {
			t.Fatal("the same letter gives other bytes")
		}
		m, err := mail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var shape func(h string, r io.Reader) string
		shape = func(h string, r io.Reader) string {
			kind, params, err := mime.ParseMediaType(h)
			if err != nil {
				t.Fatal(err)
			}
			if params["boundary"] == "" {
				return kind
			}
			var in []string
			for parts := multipart.NewReader(r, params["boundary"]); ; {
				p, err := parts.NextRawPart()
				if err != nil {
					return strings.TrimPrefix(kind, "multipart/") + "(" + strings.Join(in, " ") + ")"
				}
				in = append(in, shape(p.Header.Get("Content-Type"), p))
			}
		}
		want := []string{"related(alternative(text/plain text/html) image/png)", "mixed(related(alternative(text/plain text/html) image/png) application/pdf)"}[files]
		if got := shape(m.Header.Get("Content-Type"), m.Body); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		normal, err := l.normal()
		if err != nil {
			t.Fatal(err)
		}
		for name, changed := range map[string]string{
			"another picture":   strings.Replace(string(data), "iVBORw0KGgog", "iVBORw0KGgoh", 1),
			"another ID":        strings.Replace(string(data), "<"+l.Images[0].ID, "<x"+l.Images[0].ID, 1),
			"a picture as file": strings.Replace(string(data), "Content-Disposition: inline", "Content-Disposition: attachment", 1),
		} {
			if changed == string(data) {
				t.Errorf("%s: nothing was changed", name)
			} else if err := verify([]byte(changed), normal); err == nil {
				t.Errorf("%s is not noticed", name)
			}
		}
	}
}

func TestRenderAddressBeyondASCII(t *testing.T) {
	l := invoice()
	l.To = []Address{{"佐藤", "佐藤@青空.example"}, {"Jo", "jo@x.example"}}
	data := mustRender(t, l)
	if !bytes.Contains(data, []byte("<佐藤@青空.example>")) {
		t.Error("the address is not there as it is (RFC 6532)")
	}
}

// TestRenderLooksEncoded: what only looks like an encoded word arrives as it was typed.
func TestRenderLooksEncoded(t *testing.T) {
	l := invoice()
	l.Subject, l.From.Name = "=?utf-8?q?x?=", "=?utf-8?q?y?="
	if data := mustRender(t, l); bytes.Contains(data, []byte("=?utf-8?q?")) {
		t.Error("it stands there as an encoded word")
	}
}

// TestRenderChecksItself: a name that go-mail is known to break in this place is refused, not sent broken.
func TestRenderChecksItself(t *testing.T) {
	l := invoice()
	l.To = []Address{{`\\\佐藤`, "佐藤@青空.example"}}
	if _, err := Render(l); err == nil || !strings.Contains(err.Error(), "does not read back") {
		t.Errorf("got %v", err)
	}
}

func TestRenderText(t *testing.T) {
	l := invoice()
	l.HTML, l.Files = "", nil
	for _, text := range []string{"a", "a\nb", "a\r\nb\rc\n\n", ".\n..\nFrom here\n", strings.Repeat("長い行", 5000), strings.Repeat("x", 5000), "trailing \t \nspace ", "== =3D =\n", "日本\n" + strings.Repeat("plain English ", 50)} {
		l.Text = text
		data := mustRender(t, l)
		for line := range bytes.SplitSeq(data, []byte("\r\n")) {
			if len(line) > 78 {
				t.Errorf("%.20q: a line of %d bytes", text, len(line))
			}
		}
	}
	l.Text = "Plain English text, readable in the raw message.\n"
	if data := mustRender(t, l); !bytes.Contains(data, []byte(l.Text[:len(l.Text)-1])) {
		t.Error("plain ASCII is hidden in base64")
	}
}

func TestRenderRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Letter)
		says   string
	}{
		{"a line end in the subject", func(l *Letter) { l.Subject = "x\r\nBcc: evil@x.example" }, "line end"},
		{"a NUL in the subject", func(l *Letter) { l.Subject = "x\x00" }, "NUL"},
		{"bad UTF-8 in the subject", func(l *Letter) { l.Subject = "\xff" }, "UTF-8"},
		{"a subject without end", func(l *Letter) { l.Subject = strings.Repeat("長", 301) }, "longer"},
		{"a line end in a name", func(l *Letter) { l.To[0].Name = "x\nBcc: evil@x.example" }, "line end"},
		{"a bell in a name", func(l *Letter) { l.From.Name = "x\x07" }, "control"},
		{"a line end in an address", func(l *Letter) { l.Cc[0].Mail = "a@b.example>\r\nBcc: <evil@x.example" }, "line end"},
		{"no address", func(l *Letter) { l.ReplyTo.Mail = "" }, "Reply-To"},
		{"no sender", func(l *Letter) { l.From = Address{} }, "From"},
		{"no addressee", func(l *Letter) { l.To = nil }, "addressee"},
		{"no text", func(l *Letter) { l.Text = " \n" }, "no text"},
		{"a NUL in the text", func(l *Letter) { l.Text = "a\x00b" }, "NUL"},
		{"bad UTF-8 in the HTML", func(l *Letter) { l.HTML = "\xff" }, "UTF-8"},
		{"no date", func(l *Letter) { l.Date = time.Time{} }, "date"},
		{"no Message-ID", func(l *Letter) { l.MessageID = "" }, "Message-ID"},
		{"brackets in the Message-ID", func(l *Letter) { l.MessageID = "<a@b>" }, "Message-ID"},
		{"a line end in the Message-ID", func(l *Letter) { l.MessageID = "a@b\r\nBcc: c" }, "Message-ID"},
		{"a header name with a line end", func(l *Letter) { l.Headers = map[string]string{"X-A: b\r\nBcc": "c"} }, "header name"},
		{"a header name not ours", func(l *Letter) { l.Headers = map[string]string{"Bcc": "c@x.example"} }, "header name"},
		{"a header twice", func(l *Letter) { l.Headers = map[string]string{"X-A": "1", "X-a": "2"} }, "header name"},
		{"the header that suppresses failures", func(l *Letter) { l.Headers = map[string]string{"X-Auto-Response-Suppress": "All"} }, "header name"},
		{"a line end in a header", func(l *Letter) { l.Headers = map[string]string{"X-A": "b\r\nBcc: c"} }, "line end"},
		{"an empty attachment", func(l *Letter) { l.Files[0].Data = nil }, "empty"},
		{"a path as attachment name", func(l *Letter) { l.Files[0].Name = "../x.pdf" }, "file name"},
		{"a line end in an attachment name", func(l *Letter) { l.Files[0].Name = "x\r\nBcc: c.pdf" }, "line end"},
		{"an attachment without name", func(l *Letter) { l.Files[0].Name = "" }, "file name"},
		{"a line end in a type", func(l *Letter) { l.Files[0].Type = "a/b\r\nBcc: c" }, "MIME type"},
		{"no type", func(l *Letter) { l.Files[0].Type = "" }, "MIME type"},
		{"a picture that nothing shows", func(l *Letter) { l.Images = chart().Images }, "does not have it"},
		{"a picture twice", func(l *Letter) { *l = chart(); l.Images = append(l.Images, l.Images[0]) }, "another has its ID"},
		{"a line end in a picture's ID", func(l *Letter) { *l = chart(); l.Images[0].ID = "a@b\r\nBcc: c" }, "ID"},
		{"an SVG", func(l *Letter) { *l = chart(); l.Images[0].Type = "image/svg+xml" }, "show no"},
		{"a picture that is none", func(l *Letter) { *l = chart(); l.Images[0].Data = []byte("<script>") }, "another type"},
		{"a message attached", func(l *Letter) { l.Files[0].Type = "message/rfc822" }, "can't be attached"},
	}
	for _, tt := range tests {
		l := invoice()
		tt.change(&l)
		if data, err := Render(l); err == nil || data != nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		} else if strings.ContainsAny(err.Error(), "\r\n\x00\x07") {
			t.Errorf("%s: the error has control characters", tt.name)
		}
	}
}

// TestVerify: whatever is lost or added between letter and bytes is found.
func TestVerify(t *testing.T) {
	l, err := invoice().normal()
	if err != nil {
		t.Fatal(err)
	}
	data := string(mustRender(t, l))
	if err := verify([]byte(data), l); err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) string {
		t.Helper()
		if !strings.Contains(data, old) {
			t.Fatalf("%q is not in the message", old)
		}
		return strings.Replace(data, old, new, 1)
	}
	boundary := boundaryOf(func() string {
		m, _ := mail.ReadMessage(strings.NewReader(data))
		return m.Header.Get("Content-Type")
	}())
	lastPart := strings.LastIndex(data[:len(data)-len(boundary)-6], "--"+boundary)
	for name, changed := range map[string]string{
		"an attachment less":   data[:lastPart] + "--" + boundary + "--\r\n",
		"a Bcc":                replace("Auto-Submitted:", "Bcc: evil@x.example\r\nAuto-Submitted:"),
		"a second To":          replace("Auto-Submitted:", "To: evil@x.example\r\nAuto-Submitted:"),
		"another addressee":    replace("jo@acme.example", "evil@x.example"),
		"an addressee less":    replace("<ap@acme.example>,", ""),
		"another sender":       replace("<keiri@", "<evil@"),
		"no Auto-Submitted":    replace("Auto-Submitted: auto-generated\r\n", ""),
		"another Message-ID":   replace("Message-ID: <n", "Message-ID: <m"),
		"another date":         replace("10:00:00", "10:00:01"),
		"another charset":      replace("charset=UTF-8", "charset=EUC-JP"),
		"another file name":    replace("filename=\"list.csv", "filename=\"lost.csv"),
		"another type":         replace("application/pdf", "application/zip"),
		"a byte of the PDF":    replace("JVBERi0xLjcK", "JVBERi0xLjgK"),
		"a lone line feed":     replace("\r\n\r\n", "\r\n\n"),
		"an end in the middle": data[:len(data)/2] + "\r\n",
	} {
		if changed == data {
			t.Errorf("%s: nothing was changed", name)
		} else if err := verify([]byte(changed), l); err == nil {
			t.Errorf("%s is not noticed", name)
		}
	}
	missing := l
	missing.Files = l.Files[:2]
	if err := verify([]byte(data), missing); err == nil || !strings.Contains(err.Error(), "parts") {
		t.Errorf("a part more is not noticed: %v", err)
	}
}

// FuzzHeaders: whatever the values are, the headers are ours and say what they were given, or the letter is refused.
func FuzzHeaders(f *testing.F) {
	f.Add("件名", "佐藤", "value", "name")
	f.Add("a\r\nBcc: x@y.example", "b\nTo: x@y.example", "c\x00", "d\r\n\r\nbody")
	f.Add(" lead", "trail ", "two  three   four", "=?utf-8?q?x?=")
	f.Add(strings.Repeat("長い件名", 50), strings.Repeat("n", 200), strings.Repeat(" ", 200), strings.Repeat("x ", 100))
	f.Add("0", `\\\י`, "0", "0")
	f.Add("\t", "\\\"", "\x7f\x1b", "<a@b>,")
	f.Fuzz(func(t *testing.T, subject, name, value, other string) {
		l := Letter{
			From: Address{name, "a@x.example"}, To: []Address{{other, "b@x.example"}, {name, "c@x.example"}}, Subject: subject, Text: "text",
			MessageID: "id@x.example", Date: time.Date(2026, 11, 25, 10, 0, 0, 0, jst), Headers: map[string]string{"X-Bod": value},
		}
		data, err := Render(l)
		if err != nil {
			for _, s := range []string{subject, name, value, other} {
				if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == utf8.RuneError || r >= 0x7f && r < 0xa0 }) || len(s) > maxName {
					return
				}
			}
			t.Fatalf("a harmless letter is refused: %v", err)
		}
		head, _, _ := strings.Cut(string(data), "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			if strings.TrimSpace(line) == "" {
				t.Fatalf("a line with nothing on it in\n%s", head)
			}
		}
		m, err := mail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		want := "Auto-Submitted Content-Transfer-Encoding Content-Type Date From Message-Id Mime-Version Subject To X-Auto-Response-Suppress X-Bod"
		for key, values := range m.Header {
			if len(values) != 1 || !strings.Contains(" "+want+" ", " "+key+" ") {
				t.Fatalf("header %s: %q", key, values)
			}
		}
		if len(m.Header) != len(strings.Fields(want)) {
			t.Fatalf("headers are %v", m.Header)
		}
		for key, value := range map[string]string{"Subject": subject, "X-Bod": value} {
			if got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get(key)); err != nil || got != value {
				t.Fatalf("%s is %q, %v instead of %q", key, got, err, value)
			}
		}
	})
}

func FuzzAttachmentName(f *testing.F) {
	for _, s := range []string{"a.pdf", "請求書.pdf", "a b.txt", `a"b;c=d%20'é.txt`, "x\r\nBcc: y", "..", "a/b", "𠮷田 様.xlsx", "=?utf-8?q?x?=", " ", "ガ.pdf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		l := invoice()
		l.Files = []File{{name, "application/pdf", []byte("x")}}
		data, err := Render(l)
		if err != nil {
			if (File{name, "application/pdf", []byte("x")}).check() == nil {
				t.Fatalf("%q: %v", name, err)
			}
			return
		}
		if n := bytes.Count(data, []byte("Content-Disposition:")); n != 1 {
			t.Fatalf("%d dispositions", n)
		}
	})
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " a \r\n\t b ": "a b", "\x1b[0m": "[0m", "\xff": "\ufffd", "日本\u202e語": "日本 語", "a\u3000b": "a b", "x\x00y\x7fz": "x y z",
	} {
		if got := clean(in, 100); got != want {
			t.Errorf("%q gives %q", in, got)
		}
	}
	if got := clean("日本語", 7); got != "日本" {
		t.Errorf("cut to %q", got)
	}
	if got := fmt.Sprint(&SessionError{Stage: "auth", Code: 535, Words: "no"}); got != "couldn't open the mail session (auth): the server said 535 no" {
		t.Error(got)
	}
}
