package calendar

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rickar/cal/v2/jp"
	"golang.org/x/text/encoding/japanese"
)

//go:embed syukujitsu.csv
var syukujitsu []byte

// Holidays is a table of public holidays.
type Holidays struct {
	list        holidayList
	first, last int // the years that it knows as a whole
}

// embedded is the official table of the Cabinet Office that bod was built with.
var embedded = sync.OnceValue(func() *Holidays {
	h, err := ParseHolidays(syukujitsu)
	if err != nil {
		// It is part of the program and read by a test; without it the law alone is used.
		return &Holidays{first: lastHolidayYear + 1}
	}
	return h
})

// ParseHolidays reads the Cabinet Office's syukujitsu.csv as it is (CP932 or
// UTF-8). The error is a *Problem. A file that was cut short is refused: each
// year needs a holiday in January and in November, the first and the last month
// that have had one in every year since 1949.
func ParseHolidays(b []byte) (*Holidays, error) {
	text := string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if !utf8.ValidString(text) {
		s, err := japanese.ShiftJIS.NewDecoder().String(text)
		if err != nil || strings.ContainsRune(s, utf8.RuneError) {
			return nil, holidaysProblem(0, Text{"文字コードが Shift_JIS でも UTF-8 でもありません", "it is neither Shift_JIS nor UTF-8"})
		}
		text = s
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	r.Comment = '#'
	h := &Holidays{}
	january, november := map[int]bool{}, map[int]bool{}
	header := false
	for {
		row, err := r.Read()
		if row == nil {
			if err != nil && err.Error() != "EOF" {
				return nil, holidaysProblem(0, Text{"CSV として読めません", "it is no CSV file"})
			}
			break
		}
		line, _ := r.FieldPos(0)
		if err != nil || len(row) < 2 {
			return nil, holidaysProblem(line, Text{"日付と名称の2列がありません", "a date and a name are expected"})
		}
		if !header {
			if !strings.Contains(row[0], "月日") {
				return nil, holidaysProblem(line, Text{"1行目が「国民の祝日・休日月日,国民の祝日・休日名称」ではありません", "its first row is not 国民の祝日・休日月日,国民の祝日・休日名称"})
			}
			header = true
			continue
		}
		d, prob := ParseDate(row[0])
		// The Cabinet Office's table begins in 1955, before the years that bod counts.
		if prob != nil {
			if y, ok := (&scanner{s: row[0]}).number(); ok && y >= 1948 && y < firstYear {
				continue
			}
			return nil, holidaysProblem(line, prob.What)
		}
		name := strings.TrimSpace(row[1])
		if name == "" {
			return nil, holidaysProblem(line, Text{"名称がありません", "the name is missing"})
		}
		if n := len(h.list); n > 0 && d.day() <= h.list[n-1].day {
			return nil, holidaysProblem(line, Text{d.String() + " が日付順に並んでいません", d.String() + " is not in order"})
		}
		h.list = append(h.list, holiday{d.day(), japaneseHoliday(name)})
		if h.first == 0 {
			h.first = d.Year
		}
		h.last = d.Year
		january[d.Year] = january[d.Year] || d.Month == time.January
		november[d.Year] = november[d.Year] || d.Month == time.November
	}
	if len(h.list) == 0 {
		return nil, holidaysProblem(0, Text{"祝日が1日もありません", "it has no holidays"})
	}
	for y := h.first; y <= h.last; y++ {
		if !january[y] || !november[y] {
			return nil, holidaysProblem(0, Text{fmt.Sprintf("%d年の祝日がそろっていません", y), fmt.Sprintf("the holidays of %d are not complete", y)})
		}
	}
	return h, nil
}

func holidaysProblem(line int, why Text) error {
	at := Text{}
	if line > 0 {
		at = Text{fmt.Sprintf("（%d行目）", line), fmt.Sprintf(" (line %d)", line)}
	}
	return problem("", Text{"祝日の表を読めません：" + why.JA + at.JA, "couldn't read the table of holidays: " + why.EN + at.EN},
		Text{"内閣府の syukujitsu.csv をもう一度ダウンロードし、そのまま置いてください", "download the Cabinet Office's syukujitsu.csv again and leave it as it is"})
}

// japaneseHoliday gives a holiday its English name; one that is not known keeps its own.
func japaneseHoliday(name string) Text {
	if en, ok := holidayNames[name]; ok {
		return Text{name, en}
	}
	return Text{name, name}
}

var holidayNames = map[string]string{
	"元日":           "New Year's Day",
	"成人の日":         "Coming of Age Day",
	"建国記念の日":       "National Foundation Day",
	"天皇誕生日":        "the Emperor's Birthday",
	"春分の日":         "Vernal Equinox Day",
	"昭和の日":         "Showa Day",
	"憲法記念日":        "Constitution Memorial Day",
	"みどりの日":        "Greenery Day",
	"こどもの日":        "Children's Day",
	"海の日":          "Marine Day",
	"山の日":          "Mountain Day",
	"敬老の日":         "Respect for the Aged Day",
	"秋分の日":         "Autumnal Equinox Day",
	"体育の日":         "Health and Sports Day",
	"体育の日（スポーツの日）": "Health and Sports Day",
	"スポーツの日":       "Sports Day",
	"文化の日":         "Culture Day",
	"勤労感謝の日":       "Labour Thanksgiving Day",
	"休日":           "a public holiday",
	"振替休日":         "a substitute holiday",
	"国民の休日":        "a citizens' holiday",
	"休日（祝日扱い）":     "a public holiday",
}

// The same names as rickar/cal has them.
var rickarNames = map[string]string{
	"New Year's Day":            "元日",
	"Coming of Age Day":         "成人の日",
	"National Foundation Day":   "建国記念の日",
	"The Emperor's Birthday":    "天皇誕生日",
	"Vernal Equinox Day":        "春分の日",
	"Showa Day":                 "昭和の日",
	"Constitution Memorial Day": "憲法記念日",
	"Greenery Day":              "みどりの日",
	"Children's Day":            "こどもの日",
	"Marine Day":                "海の日",
	"Mountain Day":              "山の日",
	"Respect for the Aged Day":  "敬老の日",
	"Autumnal Equinox Day":      "秋分の日",
	"Sports Day":                "スポーツの日",
	"Culture Day":               "文化の日",
	"Labor Thanksgiving Day":    "勤労感謝の日",
}

// byLaw computes Japan's holidays of the years that no table knows, from the Act
// on National Holidays (昭和23年法律第178号). The days of Article 2 come from
// rickar/cal; the substitute holidays of Article 3 are computed here, because
// rickar/cal knows the days between two holidays only until 2032 and takes a
// holiday that falls on Sunday only one day on.
var byLaw = sync.OnceValue(func() holidayList {
	rickar.Lock()
	defer rickar.Unlock()
	var named holidayList
	for y := firstHolidayYear; y <= lastHolidayYear; y++ {
		for _, h := range jp.Holidays {
			name, ok := rickarNames[h.Name]
			if !ok && y != 2019 {
				continue // a day between two holidays: Article 3 below; 2019 had its own act
			}
			if actual, _, there := calculate(h, y); there {
				if !ok {
					name = "休日"
				}
				named = append(named, holiday{actual, japaneseHoliday(name)})
			}
		}
	}
	named = named.sorted()
	all := named
	for i, h := range named {
		// Article 3, paragraph 2: the next day that is no holiday itself.
		if h.day.weekday() == time.Sunday {
			d := h.day + 1
			for {
				if _, taken := named.find(d); !taken {
					break
				}
				d++
			}
			all = append(all, holiday{d, japaneseHoliday("振替休日")})
		}
		// Article 3, paragraph 3: a day between two holidays.
		if i+1 < len(named) && named[i+1].day == h.day+2 {
			all = append(all, holiday{h.day + 1, japaneseHoliday("国民の休日")})
		}
	}
	return all.sorted()
})

// japanEmbedded is what all share who give no table of their own.
var japanEmbedded = sync.OnceValues(func() (holidayList, int) { return japan(nil) })

// japan is the holidays of all years: from the given table where it knows them,
// else from the embedded one, else by law. official is the last year that one of
// the tables knows.
func japan(given *Holidays) (l holidayList, official int) {
	tables := []*Holidays{embedded()}
	if given != nil {
		tables = []*Holidays{given, embedded()}
	}
	for _, h := range byLaw() {
		y := h.day.date().Year
		known := false
		for _, t := range tables {
			known = known || (t.first <= y && y <= t.last)
		}
		if !known {
			l = append(l, h)
		}
	}
	for i, t := range tables {
		official = max(official, t.last)
		for _, h := range t.list {
			y := h.day.date().Year
			if i == 0 || y < tables[0].first || y > tables[0].last {
				l = append(l, h)
			}
		}
	}
	return l.sorted(), official
}
