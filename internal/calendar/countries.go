package calendar

import (
	"slices"
	"sync"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/au"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/bg"
	"github.com/rickar/cal/v2/br"
	"github.com/rickar/cal/v2/ca"
	"github.com/rickar/cal/v2/ch"
	"github.com/rickar/cal/v2/cy"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/ecb"
	"github.com/rickar/cal/v2/ee"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fi"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/gr"
	"github.com/rickar/cal/v2/hr"
	"github.com/rickar/cal/v2/hu"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/is"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/lt"
	"github.com/rickar/cal/v2/lu"
	"github.com/rickar/cal/v2/lv"
	"github.com/rickar/cal/v2/mt"
	"github.com/rickar/cal/v2/mx"
	"github.com/rickar/cal/v2/nc"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/pt"
	"github.com/rickar/cal/v2/ro"
	"github.com/rickar/cal/v2/rs"
	"github.com/rickar/cal/v2/se"
	"github.com/rickar/cal/v2/si"
	"github.com/rickar/cal/v2/sk"
	"github.com/rickar/cal/v2/ua"
	"github.com/rickar/cal/v2/us"
	"github.com/rickar/cal/v2/za"
)

// country is one whose public holidays can be computed.
type country struct {
	code     string
	name     Text
	holidays []*cal.Holiday
}

// countries are all of them beside Japan, which has a table of its own.
var countries = []country{
	{"at", Text{"オーストリア", "Austria"}, at.Holidays},
	{"au-act", Text{"オーストラリア・首都特別地域", "Australia, Australian Capital Territory"}, au.HolidaysACT},
	{"au-nsw", Text{"オーストラリア・ニューサウスウェールズ", "Australia, New South Wales"}, au.HolidaysNSW},
	{"au-nt", Text{"オーストラリア・北部準州", "Australia, Northern Territory"}, au.HolidaysNT},
	{"au-qld", Text{"オーストラリア・クイーンズランド", "Australia, Queensland"}, au.HolidaysQLD},
	{"au-sa", Text{"オーストラリア・南オーストラリア", "Australia, South Australia"}, au.HolidaysSA},
	{"au-tas", Text{"オーストラリア・タスマニア", "Australia, Tasmania"}, au.HolidaysTAS},
	{"au-vic", Text{"オーストラリア・ビクトリア", "Australia, Victoria"}, au.HolidaysVIC},
	{"au-wa", Text{"オーストラリア・西オーストラリア", "Australia, Western Australia"}, au.HolidaysWA},
	{"be", Text{"ベルギー", "Belgium"}, be.Holidays},
	{"bg", Text{"ブルガリア", "Bulgaria"}, bg.Holidays},
	{"br", Text{"ブラジル", "Brazil"}, br.Holidays},
	{"ca", Text{"カナダ", "Canada"}, ca.Holidays},
	{"ch", Text{"スイス", "Switzerland"}, ch.Holidays},
	{"cy", Text{"キプロス", "Cyprus"}, cy.Holidays},
	{"cz", Text{"チェコ", "Czechia"}, cz.Holidays},
	{"de", Text{"ドイツ", "Germany"}, de.Holidays},
	{"de-bb", Text{"ドイツ・Brandenburg", "Germany, Brandenburg"}, de.HolidaysBB},
	{"de-be", Text{"ドイツ・Berlin", "Germany, Berlin"}, de.HolidaysBE},
	{"de-bw", Text{"ドイツ・Baden-Württemberg", "Germany, Baden-Württemberg"}, de.HolidaysBW},
	{"de-by", Text{"ドイツ・Bayern", "Germany, Bayern"}, de.HolidaysBY},
	{"de-hb", Text{"ドイツ・Bremen", "Germany, Bremen"}, de.HolidaysHB},
	{"de-he", Text{"ドイツ・Hessen", "Germany, Hessen"}, de.HolidaysHE},
	{"de-hh", Text{"ドイツ・Hamburg", "Germany, Hamburg"}, de.HolidaysHH},
	{"de-mv", Text{"ドイツ・Mecklenburg-Vorpommern", "Germany, Mecklenburg-Vorpommern"}, de.HolidaysMV},
	{"de-ni", Text{"ドイツ・Niedersachsen", "Germany, Niedersachsen"}, de.HolidaysNI},
	{"de-nw", Text{"ドイツ・Nordrhein-Westfalen", "Germany, Nordrhein-Westfalen"}, de.HolidaysNW},
	{"de-rp", Text{"ドイツ・Rheinland-Pfalz", "Germany, Rheinland-Pfalz"}, de.HolidaysRP},
	{"de-sh", Text{"ドイツ・Schleswig-Holstein", "Germany, Schleswig-Holstein"}, de.HolidaysSH},
	{"de-sl", Text{"ドイツ・Saarland", "Germany, Saarland"}, de.HolidaysSL},
	{"de-sn", Text{"ドイツ・Sachsen", "Germany, Sachsen"}, de.HolidaysSN},
	{"de-st", Text{"ドイツ・Sachsen-Anhalt", "Germany, Sachsen-Anhalt"}, de.HolidaysST},
	{"de-th", Text{"ドイツ・Thüringen", "Germany, Thüringen"}, de.HolidaysTH},
	{"dk", Text{"デンマーク", "Denmark"}, dk.Holidays},
	{"ecb", Text{"欧州中央銀行（TARGET）", "European Central Bank (TARGET)"}, ecb.Holidays},
	{"ee", Text{"エストニア", "Estonia"}, ee.Holidays},
	{"es", Text{"スペイン", "Spain"}, es.Holidays},
	{"fi", Text{"フィンランド", "Finland"}, fi.Holidays},
	{"fr", Text{"フランス", "France"}, fr.Holidays},
	{"gb", Text{"イギリス（イングランドとウェールズ）", "England and Wales"}, gb.Holidays},
	{"gr", Text{"ギリシャ", "Greece"}, gr.Holidays},
	{"hr", Text{"クロアチア", "Croatia"}, hr.Holidays},
	{"hu", Text{"ハンガリー", "Hungary"}, hu.Holidays},
	{"ie", Text{"アイルランド", "Ireland"}, ie.Holidays},
	{"is", Text{"アイスランド", "Iceland"}, is.Holidays},
	{"it", Text{"イタリア", "Italy"}, it.Holidays},
	{"lt", Text{"リトアニア", "Lithuania"}, lt.Holidays},
	{"lu", Text{"ルクセンブルク", "Luxembourg"}, lu.Holidays},
	{"lv", Text{"ラトビア", "Latvia"}, lv.Holidays},
	{"mt", Text{"マルタ", "Malta"}, mt.Holidays},
	{"mx", Text{"メキシコ", "Mexico"}, mx.Holidays},
	{"nc", Text{"ニューカレドニア", "New Caledonia"}, nc.Holidays},
	{"nl", Text{"オランダ", "Netherlands"}, nl.Holidays},
	{"no", Text{"ノルウェー", "Norway"}, no.Holidays},
	{"pl", Text{"ポーランド", "Poland"}, pl.Holidays},
	{"pt", Text{"ポルトガル", "Portugal"}, pt.Holidays},
	{"ro", Text{"ルーマニア", "Romania"}, ro.Holidays},
	{"rs", Text{"セルビア", "Serbia"}, rs.Holidays},
	{"se", Text{"スウェーデン", "Sweden"}, se.Holidays},
	{"si", Text{"スロベニア", "Slovenia"}, si.Holidays},
	{"sk", Text{"スロバキア", "Slovakia"}, sk.Holidays},
	{"ua", Text{"ウクライナ", "Ukraine"}, ua.Holidays},
	{"us", Text{"アメリカ", "United States"}, us.Holidays},
	{"za", Text{"南アフリカ", "South Africa"}, za.Holidays},
}

// absent are countries that a Japanese office may think of and whose holidays
// follow a lunar calendar or are decreed each year. Where rickar/cal has the
// rest of their days it is not used: a calendar that lacks some holidays looks
// right until mail goes out on one.
var absent = map[string]Text{
	"ar": {"アルゼンチン", "Argentina"},
	"cn": {"中国", "China"},
	"hk": {"香港", "Hong Kong"},
	"id": {"インドネシア", "Indonesia"},
	"in": {"インド", "India"},
	"ke": {"ケニア", "Kenya"},
	"kr": {"韓国", "Korea"},
	"mw": {"マラウイ", "Malawi"},
	"my": {"マレーシア", "Malaysia"},
	"nz": {"ニュージーランド", "New Zealand"},
	"ph": {"フィリピン", "the Philippines"},
	"ru": {"ロシア", "Russia"},
	"sg": {"シンガポール", "Singapore"},
	"th": {"タイ", "Thailand"},
	"tw": {"台湾", "Taiwan"},
	"vn": {"ベトナム", "Vietnam"},
}

// Countries are the codes that DaysOptions.Country may bear.
func Countries() []string {
	codes := []string{"jp", "jp-bank", "none"}
	for _, c := range countries {
		codes = append(codes, c.code)
	}
	return codes
}

func countryName(code string) Text {
	switch code {
	case "jp":
		return Text{"日本", "Japan"}
	case "jp-bank":
		return Text{"日本の銀行", "Japan's banks"}
	case "none":
		return Text{"土日だけ", "weekends only"}
	}
	i := slices.IndexFunc(countries, func(c country) bool { return c.code == code })
	return countries[i].name
}

// The years for which public holidays are computed.
const (
	firstHolidayYear = 2000
	lastHolidayYear  = 2149
)

// holidayList is the public holidays of a country in order, without duplicates.
type holidayList []holiday

type holiday struct {
	day  day
	name Text
}

// find returns the name of the holiday on a day.
func (l holidayList) find(d day) (Text, bool) {
	i, ok := slices.BinarySearchFunc(l, d, func(h holiday, d day) int { return int(h.day - d) })
	if !ok {
		return Text{}, false
	}
	return l[i].name, true
}

// rickar guards all use of rickar/cal: its functions read the package variable
// DefaultLoc, and some write into the holiday that they compute. Everything is
// computed once, under this lock, from copies, and in UTC, because midnight does
// not exist everywhere on every day.
var rickar struct {
	sync.Mutex
	lists map[string]holidayList
}

// holidaysOf computes the days that a country really takes off: a holiday that
// is moved to a Monday closes the Monday.
func holidaysOf(c country) holidayList {
	rickar.Lock()
	defer rickar.Unlock()
	if l, ok := rickar.lists[c.code]; ok {
		return l
	}
	var l holidayList
	for y := firstHolidayYear; y <= lastHolidayYear; y++ {
		for _, h := range c.holidays {
			if _, observed, ok := calculate(h, y); ok {
				l = append(l, holiday{observed, Text{h.Name, h.Name}})
			}
		}
	}
	l = l.sorted()
	if rickar.lists == nil {
		rickar.lists = map[string]holidayList{}
	}
	rickar.lists[c.code] = l
	return l
}

// calculate asks rickar/cal about one holiday; the caller holds the lock.
func calculate(h *cal.Holiday, year int) (actual, observed day, ok bool) {
	cal.DefaultLoc = time.UTC
	a, o := h.Clone(nil).Calc(year)
	if a.Year() < year-1 || a.Year() > year+1 {
		return 0, 0, false // the zero time, or what was made of it: not in this year
	}
	// Noon is the same date wherever midnight was missing.
	return dayOf(a.Add(12 * time.Hour)), dayOf(o.Add(12 * time.Hour)), true
}

// sorted brings a list into order; of two holidays on one day the first stays.
func (l holidayList) sorted() holidayList {
	slices.SortStableFunc(l, func(a, b holiday) int { return int(a.day - b.day) })
	return slices.Clip(slices.CompactFunc(l, func(a, b holiday) bool { return a.day == b.day }))
}
