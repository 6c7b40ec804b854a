package jobs

import (
	"bytes"
	"encoding/base64"
	"html"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"bod/internal/calendar"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// htmlPart is the HTML of sealed bytes.
func htmlPart(t testing.TB, body []byte) string {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var find func(header func(string) string, r io.Reader) string
	find = func(header func(string) string, r io.Reader) string {
		typ, params, err := mime.ParseMediaType(header("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(typ, "multipart/") {
			for parts := multipart.NewReader(r, params["boundary"]); ; {
				p, err := parts.NextRawPart()
				if err == io.EOF {
					return ""
				}
				if err != nil {
					t.Fatal(err)
				}
				if h := find(p.Header.Get, p); h != "" {
					return h
				}
			}
		}
		if typ != "text/html" {
			return ""
		}
		switch strings.ToLower(header("Content-Transfer-Encoding")) {
		case "base64":
			r = base64.NewDecoder(base64.StdEncoding, r)
		case "quoted-printable":
			r = quotedprintable.NewReader(r)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	return find(m.Header.Get, m.Body)
}

var (
	htmlHead  = regexp.MustCompile(`(?s)^.*</head>`)
	htmlNote  = regexp.MustCompile(`(?s)<!--.*?-->`)
	preheader = regexp.MustCompile(`(?s)<div style="display:none[^>]*>(.*?)</div>`)
	anyTag    = regexp.MustCompile(`(?s)<[^>]*>`)
	footDash  = regexp.MustCompile(`(?m)^--$`)
)

// bare leaves of a text only what is not space: how lines are folded is each rendering's own.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func tagsAway(h string) string { return html.UnescapeString(anyTag.ReplaceAllString(h, "")) }

// holdHTML holds the HTML of a mail of bod's own to the text beside it, and to the rules for mail programs.
func holdHTML(t testing.TB, l calendar.Language, text, h string) {
	t.Helper()
	if h == "" {
		t.Fatal("there is no HTML")
	}
	body := htmlNote.ReplaceAllString(htmlHead.ReplaceAllString(h, ""), "")
	for _, m := range preheader.FindAllStringSubmatch(body, -1) {
		if !strings.Contains(bare(text), bare(tagsAway(m[1]))) {
			t.Errorf("the inbox shows what the text doesn't say: %s", m[1])
		}
	}
	words := bare(tagsAway(preheader.ReplaceAllString(body, "")))
	if want := bare(footDash.ReplaceAllString(text, "")); words != want {
		t.Errorf("the two renderings differ.\nHTML\n%s\ntext\n%s", words, want)
	}
	want := map[calendar.Language]string{calendar.Japanese: `<html lang="ja">`, calendar.English: `<html lang="en">`}[l]
	for _, must := range []string{want, `<meta charset="utf-8">`, `<meta name="viewport"`, `<meta name="color-scheme" content="light dark">`, "@media (prefers-color-scheme:dark)", "<title>"} {
		if !strings.Contains(h, must) {
			t.Errorf("the HTML lacks %s", must)
		}
	}
	for _, never := range []string{"<script", "<img", "<link", "<iframe", "<form", "<input", "<svg", "<video", "@import", "url(", "http:", "https:", "src=", "onclick", "javascript:",
		"display:flex", "display:grid", "position:", "float:"} {
		if strings.Contains(strings.ToLower(body), never) || strings.Contains(strings.ToLower(htmlHead.FindString(h)), never) {
			t.Errorf("%q stands in the HTML", never)
		}
	}
	open := map[string]int{}
	for _, m := range regexp.MustCompile(`<(/?)(table|tr|td|p|h2|span|div|body|html)\b`).FindAllStringSubmatch(body, -1) {
		if m[1] == "" {
			open[m[2]]++
		} else {
			open[m[2]]--
		}
	}
	open["html"]++ // its beginning went away with the head
	for tag, n := range open {
		if n != 0 {
			t.Errorf("<%s> is open %d times at the end", tag, n)
		}
	}
	holdWord(t, h)
	if n := len(h); n > 90_000 {
		t.Errorf("the HTML is %d bytes; Gmail cuts a mail at 102 KB", n)
	}
}

// wordKnows is which style Word's engine reads where, by Microsoft's "Word 2007 HTML and CSS Rendering Capabilities in
// Outlook 2007": text, colour and the border shorthand everywhere, margins in paragraphs too, the rest in cells and tables.
func wordKnows(tag, property string) bool {
	switch property {
	case "color", "background-color", "font-family", "font-size", "font-weight", "line-height", "text-align", "white-space", "border", "border-color", "mso-hide":
		return true
	case "margin":
		return tag != "body" && tag != "span"
	case "width", "height", "padding", "border-left", "border-top":
		return tag != "body" && tag != "span" && tag != "p" && tag != "div"
	}
	return false
}

// ornament is what may be lost where Word does not know it: the page reads well without.
var ornament = map[string]string{
	"body":  "margin padding width -webkit-text-size-adjust -ms-text-size-adjust",
	"div":   "display max-height overflow",                // of the preheader, which mso-hide hides
	"table": "max-width",                                  // a table of 640 stands around it for Word alone
	"p":     "padding border-left border-top text-indent", // without text-indent the first line stands where the others do
	"td":    "word-break",
	"span":  "display",
}

// holdWord holds the HTML to what Outlook's engine reads. It can't be run here.
func holdWord(t testing.TB, h string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`<(\w+)\b([^>]*)>`).FindAllStringSubmatch(h, -1) {
		tag, attributes := m[1], m[2]
		if tag == "table" && (!strings.Contains(attributes, ` width="`) || !strings.Contains(attributes, ` cellpadding="0" cellspacing="0" border="0"`) || !strings.Contains(attributes, `role="presentation"`)) {
			t.Errorf("Word draws this table as it likes: <table%s>", attributes)
		}
		_, style, styled := strings.Cut(attributes, ` style="`)
		if !styled {
			continue
		}
		style, _, _ = strings.Cut(style, `"`)
		for declaration := range strings.SplitSeq(style, ";") {
			property, value, _ := strings.Cut(declaration, ":")
			if !wordKnows(tag, property) && !slices.Contains(strings.Fields(ornament[tag]), property) {
				t.Errorf("Word does not know %s of <%s>, and nobody said that it may be lost", declaration, tag)
			}
			if strings.Contains(value, "!important") || regexp.MustCompile(`\d(em|rem|vw|vh|ch)\b`).MatchString(value) || strings.Contains(value, "rgb") {
				t.Errorf("Word leaves %s out", declaration)
			}
		}
	}
	if strings.Count(h, "<!--[if mso]>") != strings.Count(h, "<![endif]-->") || !strings.Contains(h, `<!--[if mso]><table role="presentation" width="640"`) {
		t.Error("Word has no table of 640 around the page, or one without its end")
	}
}

// goldenHTML compares the HTML with the one that people looked at in a browser.
func goldenHTML(t *testing.T, name, h string) {
	t.Helper()
	h = headShown.ReplaceAllString(h, "8f3a-91c2-44e1-b07d")
	h = setShown.ReplaceAllString(h, "--set 8f3a91c2")
	path := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(path, []byte(h), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != h {
		t.Errorf("%s differs; got\n%s", path, h)
	}
}

// TestLooksAreReadable: every colour of a text stands out from its ground by at least 4.5 to 1 (WCAG 2, AA), in both lights.
func TestLooksAreReadable(t *testing.T) {
	colour := func(style, key string) string {
		for part := range strings.SplitSeq(style, ";") {
			if v, ok := strings.CutPrefix(part, key+":"); ok {
				return v
			}
		}
		return ""
	}
	ground := map[string][2]string{"card": {"#fdf4e8", "#33291d"}, "command": {"#eef1f3", "#2b3136"}, "ground": {"#eef1f3", "#131618"}}
	for _, k := range looks {
		for i, style := range []string{k.light, k.dark} {
			c := colour(style, "color")
			if c == "" {
				continue
			}
			on := [2]string{"#ffffff", "#1d2124"}[i]
			name, _, _ := strings.Cut(k.name, "-")
			if g, ok := ground[name]; ok {
				on = g[i]
			}
			if own := colour(style, "background-color"); own != "" && own != on {
				t.Errorf("%s has another ground, %s, than this test knows, %s", k.name, own, on)
			}
			if r := contrast(t, c, on); r < 4.5 {
				t.Errorf("%s: %s on %s is %.1f to 1", k.name, c, on, r)
			}
		}
		if (colour(k.light, "color") != "") != (colour(k.dark, "color") != "") {
			t.Errorf("%s has a colour in one light only", k.name)
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	light := func(c string) float64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(c, "#"), 16, 32)
		if err != nil || len(c) != 7 {
			t.Fatalf("%q is no colour", c)
		}
		sum := 0.0
		for i, w := range []float64{0.2126, 0.7152, 0.0722} {
			v := float64(n>>(16-8*i)&0xff) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += w * v
		}
		return sum
	}
	x, y := light(a), light(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestHTMLEscapesWhatComesFromOutside puts markup everywhere that a stranger writes.
func TestHTMLEscapesWhatComesFromOutside(t *testing.T) {
	const evil = `</td></table><script>alert(1)</script><img src="https://evil.example/x.png" onerror='x'>&amp;"`
	for _, l := range []calendar.Language{calendar.Japanese, calendar.English} {
		p := newPage(l, toneNeeds)
		p.pre = evil
		p.add(para{words: evil}, head{"■ ", evil, toneWell}, item{mark: evil, words: evil, who: evil, lines: []itemLine{{evil, evil, "card-line"}}},
			entry{mark: evil, when: evil, what: evil, sep: evil, aside: evil, note: evil, hang: " ", under: []string{evil}},
			facts{{evil, evil}}, commands{{evil, evil}, {"", evil}}, quoted{evil, evil, evil, evil}, foot{evil})
		h := p.html(evil)
		if n := strings.Count(h, "<script") + strings.Count(h, "<img") + strings.Count(h, "&amp;quot;"); n != 0 {
			t.Errorf("%d of it came through:\n%s", n, h)
		}
		if got, want := strings.Count(tagsAway(preheader.ReplaceAllString(h, "")), "alert(1)"), 25; got != want {
			t.Errorf("the words stand %d times, want %d", got, want)
		}
	}
}

// TestSpamAssassin: letter, summary and notice score below 1 by the rules that need no network.
func TestSpamAssassin(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	d.run("orders", "2026-11-24", tokyo(2026, 11, 24, 9, 30))
	r := d.run("hosting-acme", "2026-11", tokyo(2026, 11, 24, 10, 0))
	s := d.run("summary", "2026-11-24", tokyo(2026, 11, 24, 17, 0))
	mails := map[string][]byte{}
	d.view(func(v *ledger.View) error {
		for name, run := range map[string]int64{"letter": r.ID, "summary": s.ID} {
			b, err := v.Body(d.messages(run)[0].ID)
			if err != nil {
				return err
			}
			mails[name] = b
		}
		ns, err := Notices(t.Context(), d.c, v, d.now)
		if err != nil || len(ns) == 0 {
			t.Fatal(err, len(ns))
		}
		mails["notice"] = ns[0].Body
		return nil
	})
	holdSpam(t, mails)
}

// holdSpam holds mails to a score below 1.
func holdSpam(t *testing.T, mails map[string][]byte) {
	t.Helper()
	path, err := exec.LookPath("spamassassin")
	if err != nil {
		if os.Getenv("BOD_TEST_ALL") != "" {
			t.Fatal("spamassassin is not installed")
		}
		t.Skip("spamassassin is not installed")
	}
	score := regexp.MustCompile(`X-Spam-Status: \w+, score=(-?[\d.]+) [^\n]*(\n\s[^\n]*)*`)
	for name, b := range mails {
		c := exec.CommandContext(t.Context(), path, "-t", "-L", "-x")
		c.Env = append(os.Environ(), "HOME="+t.TempDir())
		c.Stdin = bytes.NewReader(b)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		m := score.FindSubmatch(out)
		if m == nil {
			t.Fatalf("no score in\n%.2000s", out)
		}
		n, err := strconv.ParseFloat(string(m[1]), 64)
		t.Logf("%s: %s", name, m[0])
		if err != nil || n >= 1 {
			t.Errorf("%s scores %s: %s", name, m[1], m[0])
		}
	}
}

// TestTrialBannerStandsInBoth: a trial says in both renderings whom it was for.
func TestTrialBannerStandsInBoth(t *testing.T) {
	d := newDesk(t, realMail+monthJobs, monthFiles(), tokyo(2026, 11, 24, 8, 0))
	p := newPage(calendar.Japanese, toneWell)
	p.say("本日の予定は、すべて完了しました。")
	d.c.Mail.TrialTo = &mailer.Address{Mail: "sato@aozora.example"}
	l := trial(d.c, ownLetter(d.c, nil, "件名", p), []ledger.Recipient{{Mail: "tanaka@aozora.example", Role: "to"}})
	holdHTML(t, calendar.Japanese, l.Text, l.HTML)
	if !strings.Contains(l.HTML, "tanaka@aozora.example") {
		t.Errorf("the HTML doesn't say whom it was for:\n%s", l.HTML)
	}
}
