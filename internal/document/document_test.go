package document

import (
	"os"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	b, err := os.ReadFile("testdata/chromium.pdf")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Read(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(d.Text(), Fold("株式会社アクメ商事 御中")) {
		t.Error(d.Pages)
	}
	if a := d.Amounts("ご請求金額"); len(a) != 1 || a[0] != "129800" {
		t.Error(a)
	}
	t.Log(d.Created, d.Words("請求書番号"))
}
