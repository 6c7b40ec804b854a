package jobs

import (
	"math"
	"strings"
	"testing"
	"unicode"
)

func TestWrap(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"short lines stay", "いつもお世話になっております。\n青空システム 経理部です。", "いつもお世話になっております。\n青空システム 経理部です。"},
		{"exactly 35 stays", strings.Repeat("あ", 35), strings.Repeat("あ", 35)},
		{"36 is folded", strings.Repeat("あ", 36), strings.Repeat("あ", 35) + "\nあ"},
		{"no 。 at a line's start", strings.Repeat("あ", 35) + "。", strings.Repeat("あ", 34) + "\nあ。"},
		{"no 」 and 、 at a line's start", strings.Repeat("あ", 34) + "い」、う", strings.Repeat("あ", 34) + "\nい」、う"},
		{"no 「 at a line's end", strings.Repeat("あ", 34) + "「い", strings.Repeat("あ", 34) + "\n「い"},
		{"an address is never broken", "お問い合わせは次のアドレスまでお願いいたします： keiri-long-address@aozora.example です",
			"お問い合わせは次のアドレスまでお願いいたします：\nkeiri-long-address@aozora.example です"},
		{"a URL wider than the line stays whole", "https://bod.aozora.example/" + strings.Repeat("a", 80), "https://bod.aozora.example/" + strings.Repeat("a", 80)},
		{"what follows a wide URL goes below it", "https://bod.aozora.example/" + strings.Repeat("a", 80) + "をご覧ください",
			"https://bod.aozora.example/" + strings.Repeat("a", 80) + "\nをご覧ください"},
		{"a number keeps its counter", strings.Repeat("あ", 33) + "1,234円です", strings.Repeat("あ", 33) + "\n1,234円です"},
		{"a bullet's second line is indented", "・" + strings.Repeat("あ", 40), "・" + strings.Repeat("あ", 34) + "\n　" + strings.Repeat("あ", 6)},
		{"an indented line keeps its indent", "　" + strings.Repeat("あ", 40), "　" + strings.Repeat("あ", 34) + "\n　" + strings.Repeat("あ", 6)},
		{"decomposed が is one character wide", strings.Repeat("か\u3099", 35), strings.Repeat("か\u3099", 35)},
		{"half-width katakana is narrow", strings.Repeat("ｱ", 70), strings.Repeat("ｱ", 70)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrap(tt.in, true); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	english := "Please find attached our invoice for November 2026, which lists what was used, and by whom, in that month."
	want := "Please find attached our invoice for November 2026, which lists what\nwas used, and by whom, in that month."
	if got := wrap(english, false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// squeezed is a text without any white space: what folding may not change.
func squeezed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func FuzzWrap(f *testing.F) {
	f.Add("いつもお世話になっております。ａｂｃ「あ」、https://example.com/あ　　　い 1,234円", true)
	f.Add(strings.Repeat("・", 80), true)
	f.Add(strings.Repeat(" ", 100)+"a", false)
	f.Fuzz(func(t *testing.T, s string, ja bool) {
		got := wrap(s, ja)
		if squeezed(got) != squeezed(s) {
			t.Fatalf("folding changed the text\nfrom %q\nto   %q", s, got)
		}
		if again := wrap(got, ja); squeezed(again) != squeezed(got) {
			t.Fatalf("folding twice changed the text: %q", again)
		}
		for l := range strings.SplitSeq(got, "\n") {
			if textWidth(l, ja) <= columns {
				continue
			}
			// A line that is still too wide has no place where it may be broken after its indent.
			body := strings.TrimLeft(l, " 　")
			var prev rune
			for i, r := range body {
				if i > 0 && mayBreak(prev, r) && strings.Trim(body[i:], " 　") != "" && textWidth(l[:len(l)-len(body)]+strings.TrimRight(body[:i], " 　"), ja) <= columns {
					t.Fatalf("the line could be folded at %d: %q", i, l)
				}
				prev = r
			}
		}
	})
}

func TestHTMLSaysTheSame(t *testing.T) {
	text := "株式会社アクメ商事 御中\n\nA & B <script>alert(1)</script>\n　一覧：\n  two spaces\n\n\n\n終わり\n"
	got := htmlOf(text, "ja")
	for _, want := range []string{"A &amp; B &lt;script&gt;alert(1)&lt;/script&gt;", "<p>株式会社アクメ商事 御中</p>", "<p style=\"margin:0px 0 0px 16px;text-indent:-16px\">　一覧：</p>\n<p style=\"margin:0px 0 16px 9px;text-indent:-9px\">&nbsp;&nbsp;two spaces</p>", "<p>終わり</p>"} {
		if !strings.Contains(got, want) {
			t.Errorf("the HTML lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "<script") {
		t.Error("a tag of the letter's text came through")
	}
	for line, want := range map[string]float64{"": 0, "本文": 0, "　　": 0, "　・品名": 2, "　　→ 見て": 3.3, "■ Q-1": 1.3, "・理由": 1, "- a": 0.7, "    → a": 2.5, "-----": 0, "-5": 0, "* a": 0.7, "**a**": 0} {
		if n := hang(line); math.Abs(n-want) > 0.01 {
			t.Errorf("%q hangs by %.1f, not %.1f", line, n, want)
		}
	}
}
