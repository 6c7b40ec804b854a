package document

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each of the programs that offices make PDFs with, and what can't be judged.
func TestWhatProgramsMake(t *testing.T) {
	for _, name := range []string{"chromium.pdf", "libreoffice.pdf", "protected.pdf", "cairo.pdf", "reportlab.pdf"} {
		t.Run(name, func(t *testing.T) {
			d, err := Read(t.Context(), file(t, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"株式会社アクメ商事 御中", "2026年11月分", "Ｔ７１２３４５６７８９０１２", "長谷川", "青山", "(株)", "ABC-123"} {
				if !strings.Contains(d.Text(), Fold(want)) {
					t.Errorf("%q is not found in\n%s", want, d.Text())
				}
			}
			if got := fmt.Sprint(d.Amounts("ご請求金額")); got != "[129800]" {
				t.Errorf("the amounts are %s", got)
			}
			if got := d.Words("請求書番号"); len(got) != 1 || got[0] != "INV-2026-1101" {
				t.Errorf("the number is %q", got)
			}
		})
	}
}

// object joins a small PDF of the given objects, each from its number on.
func small(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	x := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, x)
	return b.Bytes()
}

func stream(dict, text string) string {
	return fmt.Sprintf("<< /Length %d %s >>\nstream\n%s\nendstream", len(text), dict, text)
}

func TestWhatCannotBeJudged(t *testing.T) {
	whole := file(t, "chromium.pdf")
	kids := strings.Repeat("3 0 R ", maxPages+1)
	for _, tt := range []struct {
		name string
		pdf  []byte
		want Code
	}{
		{"encrypted", file(t, "encrypted.pdf"), CodeEncrypted},
		{"scanned", file(t, "scanned.pdf"), CodeTextless},
		{"nothing", nil, CodeDamaged},
		{"no PDF", []byte("<html>"), CodeDamaged},
		{"cut off at its head", whole[:200], CodeDamaged},
		{"more bytes than anybody reads", make([]byte, maxBytes+1), CodeTooBig},
		{"a page that is there too often", small("<< /Type /Catalog /Pages 2 0 R >>", fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", maxPages+1, kids), "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"), CodeTooBig},
		{"a count that is a lie", small("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 2000000000 /Kids [3 0 R] >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"), ""},
		{"pages that are their own parents", small("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [2 0 R] >>"), ""},
		{"a form that draws itself", formOf("/A Do"), CodeTextless},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Read(t.Context(), tt.pdf)
			p, ok := errors.AsType[*Problem](err)
			if !ok || tt.want != "" && p.Code != tt.want {
				t.Fatalf("got %v, %v, want %s", d, err, tt.want)
			}
			if p.What.JA == "" || p.What.EN == "" {
				t.Error("it has no words")
			}
		})
	}
}

// A page that shows something and has no text was read by nobody; an empty one has nothing to read.
func TestPagesWithoutText(t *testing.T) {
	page := func(more string) string {
		return "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] " + more + " >>"
	}
	mixed := small("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 3 /Kids [3 0 R 4 0 R 5 0 R] >>",
		page("/Contents 6 0 R /Resources << /Font << /F 7 0 R >> >>"), page(""), page("/Contents 8 0 R"),
		stream("", "BT /F 12 Tf 10 10 Td (Invoice 110000) Tj ET"), "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", stream("", "10 10 50 50 re f"))
	for _, tt := range []struct {
		name string
		pdf  []byte
		want string
	}{
		{"text, nothing, a drawing", mixed, "[3]"},
		{"a scanned page behind", file(t, "half-scanned.pdf"), "[2]"},
		{"text alone", file(t, "libreoffice.pdf"), "[]"},
	} {
		d, err := Read(t.Context(), tt.pdf)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if got := fmt.Sprint(d.Unread); got != tt.want {
			t.Errorf("%s: the pages without text are %s, not %s", tt.name, got, tt.want)
		}
	}
}

// formOf is a page that draws a form, which draws what is said.
func formOf(draws string) []byte {
	return small("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /A 5 0 R >> >> >>",
		stream("", "/A Do"), stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /A 5 0 R >> >>", draws))
}

// A form that draws itself twice is drawn more often than there is time for: the child is ended, and the file waits for a
// person.
func TestEndless(t *testing.T) {
	timeLimit = 2 * time.Second
	defer func() { timeLimit = maxTime }()
	d, err := Read(t.Context(), formOf("/A Do /A Do"))
	if p, ok := errors.AsType[*Problem](err); !ok || p.Code != CodeSlow {
		t.Errorf("got %v, %v", d, err)
	}
}

// A stream that unpacks to gigabytes ends the child and nothing else.
func TestBomb(t *testing.T) {
	timeLimit = 3 * time.Second
	defer func() { timeLimit = maxTime }()
	d, err := Read(t.Context(), small("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
		stream("/Filter [/ASCIIHexDecode /FlateDecode /FlateDecode]", fmt.Sprintf("%X", bomb(t)))))
	if p, ok := errors.AsType[*Problem](err); !ok {
		t.Fatalf("got %v, %v", d, err)
	} else {
		t.Log(p.Code)
	}
	timeLimit = maxTime
	if _, err := Read(t.Context(), file(t, "chromium.pdf")); err != nil {
		t.Errorf("the next file can't be read: %v", err)
	}
}
