package jobs

import (
	"strings"
	"testing"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/mailer"
)

func TestOutsideAddressee(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    config.Partner
		want string
	}{
		{"company", config.Partner{Name: "株式会社アクメ商事"}, "株式会社アクメ商事 御中"},
		{"department", config.Partner{Name: "株式会社アクメ商事", Dept: "経理部"}, "株式会社アクメ商事\n経理部 御中"},
		{"person", config.Partner{Name: "株式会社アクメ商事", Dept: "経理部", Person: "山田"}, "株式会社アクメ商事\n経理部\n山田様"},
		{"person with position", config.Partner{Name: "株式会社アクメ商事", Dept: "経理部", Person: "山田", Title: "部長"}, "株式会社アクメ商事\n経理部長 山田様"},
		{"position already joined", config.Partner{Name: "株式会社アクメ商事", Dept: "経理部", Person: "山田", Title: "経理部長"}, "株式会社アクメ商事\n経理部長 山田様"},
		{"position of another kind", config.Partner{Name: "株式会社アクメ商事", Dept: "経理部", Person: "山田", Title: "主任"}, "株式会社アクメ商事\n経理部\n主任 山田様"},
		{"position without department", config.Partner{Name: "株式会社アクメ商事", Person: "山田", Title: "代表取締役社長"}, "株式会社アクメ商事\n代表取締役社長 山田様"},
		{"position typed behind the name", config.Partner{Name: "株式会社アクメ商事", Dept: "経理部", Person: "山田部長様"}, "株式会社アクメ商事\n経理部長 山田様"},
		{"position with 様", config.Partner{Name: "株式会社アクメ商事", Person: "山田", Title: "部長様"}, "株式会社アクメ商事\n部長 山田様"},
		{"person not known", config.Partner{Name: "株式会社アクメ商事", Person: "ご担当者"}, "株式会社アクメ商事\nご担当者様"},
		{"person not known, typed with 様", config.Partner{Name: "株式会社アクメ商事", Dept: "購買課", Person: "ご担当者様"}, "株式会社アクメ商事\n購買課\nご担当者様"},
		{"様 typed", config.Partner{Name: "株式会社アクメ商事", Dept: "経理部", Person: "山田 様"}, "株式会社アクメ商事\n経理部\n山田様"},
		{"先生 stays", config.Partner{Name: "医療法人みほん会", Person: "山田先生"}, "医療法人みほん会\n山田先生"},
		{"御中 typed", config.Partner{Name: "株式会社アクメ商事御中"}, "株式会社アクメ商事 御中"},
		{"御中 typed before a department", config.Partner{Name: "株式会社アクメ商事 御中", Dept: "経理部"}, "株式会社アクメ商事\n経理部 御中"},
		{"御中 typed before a person", config.Partner{Name: "株式会社アクメ商事御中", Dept: "経理部御中", Person: "山田"}, "株式会社アクメ商事\n経理部\n山田様"},
		{"様 typed on a company", config.Partner{Name: "アクメ商事様"}, "アクメ商事様"},
		{"㈱ before", config.Partner{Name: "㈱アクメ商事"}, "株式会社アクメ商事 御中"},
		{"㈱ behind", config.Partner{Name: "アクメ商事㈱"}, "アクメ商事株式会社 御中"},
		{"(株)", config.Partner{Name: "(株)アクメ商事"}, "株式会社アクメ商事 御中"},
		{"（株） with a space", config.Partner{Name: "（株） アクメ商事"}, "株式会社アクメ商事 御中"},
		{"(有)", config.Partner{Name: "みほん(有)"}, "みほん有限会社 御中"},
		{"behind stays behind", config.Partner{Name: "ひばり工業株式会社"}, "ひばり工業株式会社 御中"},
		{"brackets of the name's own", config.Partner{Name: "アクメ商事（大阪支店）"}, "アクメ商事（大阪支店） 御中"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := outsideJA(&tt.p)
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	for _, name := range []string{"(社)みほん協会", "㈶みほん財団", "ﾐﾎﾝ(ｶ"} {
		_, err := outsideJA(&config.Partner{ID: "x", Name: name})
		if e, ok := err.(*addresseeError); strings.ContainsAny(name, ")㈶") && (!ok || e.text().JA == "") {
			t.Errorf("%s: got %v, want an error that says which sign has more than one meaning", name, err)
		}
	}
}

func TestInsideAddressee(t *testing.T) {
	for _, tt := range []struct{ name, title, want, spoken string }{
		{"小川", "", "小川さん", "小川さん"},
		{"田中", "部長", "田中部長", "田中さん"},
		{"田中部長", "", "田中部長", "田中さん"},
		{"田中部長", "部長", "田中部長", "田中さん"},
		{"田中", "部長様", "田中部長", "田中さん"},
		{"小川さん", "", "小川さん", "小川さん"},
		{"小川様", "", "小川さん", "小川さん"},
	} {
		p := &config.Person{Name: tt.name, Title: tt.title}
		if got := colleague(p, calendar.Japanese); got != tt.want {
			t.Errorf("%s, %s: got %s, want %s", tt.name, tt.title, got, tt.want)
		}
		if got := withSan(p, calendar.Japanese); got != tt.spoken {
			t.Errorf("%s, %s: spoken of as %s, want %s", tt.name, tt.title, got, tt.spoken)
		}
	}
}

func TestAddressBlock(t *testing.T) {
	person := func(n string) config.Addressee { return config.Addressee{Person: &config.Person{ID: n, Name: n}} }
	partner := func(n string) config.Addressee { return config.Addressee{Partner: &config.Partner{ID: n, Name: n}} }
	plain := config.Addressee{Plain: &mailer.Address{Mail: "a@b.example"}}
	for _, tt := range []struct {
		name string
		to   []config.Addressee
		l    calendar.Language
		want string
	}{
		{"one colleague", []config.Addressee{person("佐藤")}, "ja", "佐藤さん"},
		{"several colleagues", []config.Addressee{person("佐藤"), person("小川")}, "ja", "各位"},
		{"colleagues in English", []config.Addressee{person("Sato"), person("Ogawa")}, "en", "All colleagues"},
		{"a customer and a colleague", []config.Addressee{partner("アクメ商事"), person("小川")}, "ja", "アクメ商事 御中"},
		{"two customers", []config.Addressee{partner("アクメ商事"), partner("ひばり工業")}, "ja", "アクメ商事 御中\nひばり工業 御中"},
		{"a plain address has none", []config.Addressee{plain}, "ja", ""},
		{"English", []config.Addressee{{Partner: &config.Partner{Name: "Acme Trading Co., Ltd.", Dept: "Accounts Payable", Person: "Ms. Yamada", Title: "Director"}}}, "en",
			"Acme Trading Co., Ltd.\nAccounts Payable\nAttn: Ms. Yamada, Director"},
	} {
		if got, err := addressBlock(tt.to, tt.l); err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

func FuzzAddressee(f *testing.F) {
	f.Add("㈱アクメ商事", "経理部御中", "山田部長様", "部長")
	f.Add("(株)(有)", "", "様", "様")
	f.Fuzz(func(t *testing.T, name, dept, person, title string) {
		got, err := outsideJA(&config.Partner{ID: "x", Name: name, Dept: dept, Person: person, Title: title})
		if err != nil {
			return
		}
		clean := !strings.ContainsAny(name+dept+person+title, "御中様殿")
		if clean && strings.Contains(got, "御中") && strings.Contains(got, "様") {
			t.Errorf("御中 and 様 together: %q", got)
		}
		if clean && strings.Contains(got, "様様") || clean && strings.Contains(got, "長様") && !strings.Contains(person, "長") {
			t.Errorf("honoured twice: %q", got)
		}
		if again, _ := outsideJA(&config.Partner{ID: "x", Name: strings.Split(got, "\n")[0]}); clean && name != "" && !strings.Contains(name, "\n") && dept == "" && person == "" && again != got {
			t.Errorf("an addressee of an addressee differs: %q, then %q", got, again)
		}
	})
}
