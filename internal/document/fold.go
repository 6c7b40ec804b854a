package document

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// alike are characters that a PDF has in place of others: radicals of the CJK Radicals Supplement, which NFKC leaves as they
// are (those of the Kangxi block it turns by itself) and which fonts made on Macs and by some printers bring in place of
// the characters of daily use, and the many hyphens, dashes and waves.
var alike = map[rune]rune{
	'⺀': '冫', '⺅': '亻', '⺈': '刀', '⺉': '刂', '⺋': '卩', '⺌': '小', '⺍': '小', '⺎': '兀', '⺏': '尣', '⺐': '尢', '⺑': '尢', '⺒': '巳', '⺓': '幺',
	'⺔': '彑', '⺕': '彐', '⺖': '忄', '⺗': '心', '⺘': '扌', '⺙': '攵', '⺛': '旡', '⺜': '日', '⺝': '月', '⺞': '歹', '⺠': '民', '⺡': '氵', '⺢': '水',
	'⺣': '灬', '⺤': '爫', '⺥': '爫', '⺦': '丬', '⺧': '牛', '⺨': '犭', '⺩': '王', '⺪': '疋', '⺫': '目', '⺬': '示', '⺭': '礻', '⺮': '竹', '⺯': '糹',
	'⺰': '纟', '⺱': '罓', '⺲': '罒', '⺳': '网', '⺴': '网', '⺵': '网', '⺶': '羊', '⺷': '羊', '⺸': '羊', '⺹': '耂', '⺺': '聿', '⺻': '聿', '⺼': '肉',
	'⺽': '臼', '⺾': '艹', '⺿': '艹', '⻀': '艹', '⻁': '虎', '⻂': '衤', '⻃': '覀', '⻄': '西', '⻅': '见', '⻆': '角', '⻇': '角', '⻈': '讠', '⻉': '贝',
	'⻊': '足', '⻋': '车', '⻌': '辶', '⻍': '辶', '⻎': '辶', '⻏': '阝', '⻐': '钅', '⻑': '長', '⻒': '長', '⻓': '长', '⻔': '门', '⻕': '阜', '⻖': '阝',
	'⻗': '雨', '⻘': '青', '⻙': '韦', '⻚': '页', '⻛': '风', '⻜': '飞', '⻝': '食', '⻞': '飠', '⻟': '飠', '⻠': '饣', '⻡': '首', '⻢': '马', '⻣': '骨',
	'⻤': '鬼', '⻥': '鱼', '⻦': '鸟', '⻧': '卤', '⻨': '麦', '⻩': '黄', '⻪': '黾', '⻫': '斉', '⻬': '齐', '⻭': '歯', '⻮': '齿', '⻯': '竜', '⻰': '龙',
	'⻱': '龟', '⻲': '亀', '⺟': '母', '⺁': '厂', '⺂': '乛', '⺃': '乚', '⺄': '乙', '⺆': '冂', '⺇': '几', '⺊': '卜',
	'‐': '-', '‑': '-', '‒': '-', '–': '-', '—': '-', '―': '-', '−': '-', '⁃': '-', '­': '-', '～': '~', '〜': '~', '∼': '~', '¥': '\\',
}

// Fold is the form in which the text of a document is compared: NFKC (full-width letters and digits are half-width, ㈱ is
// (株)), with one of the characters that look alike, and without blanks and line ends, for where a PDF has a blank hangs
// on the program that made it.
func Fold(s string) string { return fold(s, false) }

// foldLine is Fold for one line, with one blank where there are some.
func fold(s string, blanks bool) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKC.String(s) {
		if x, ok := alike[r]; ok {
			r = x
		}
		switch {
		case unicode.IsSpace(r):
			gap = true
			continue
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\ufffe':
			continue
		case r == 'ー' && b.Len() > 0 && isDigit(b.String()[b.Len()-1]):
			r = '-' // typed with a Japanese keyboard between digits
		}
		if gap && blanks && b.Len() > 0 {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
