package jobs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// settings are what holds for every job, in the order in which a change of them is told. The values go into the ledger and into
// mails, so that nothing here may be a secret: of the password there is the file's name and no more.
var settings = []struct {
	key, ja, en string
	letter      bool // readers of letters see it, so that the owners hear of it as well as the admins
	value       func(*config.Config) string
	words       func(string, calendar.Language) string // nil: the value itself
}{
	{"company.name", "会社名", "Company", true, func(c *config.Config) string { return c.Company.Name }, nil},
	{"company.dept", "部署", "Department", true, func(c *config.Config) string { return c.Company.Dept }, nil},
	{"company.address", "所在地", "Postal address", true, func(c *config.Config) string { return c.Company.Address }, nil},
	{"company.tel", "電話", "Telephone", true, func(c *config.Config) string { return c.Company.Tel }, nil},
	{"company.registration", "登録番号", "Registration", true, func(c *config.Config) string { return c.Company.Registration }, nil},
	{"company.bank", "振込先", "Bank account", true, func(c *config.Config) string { return c.Company.Bank }, nil},
	{"mail.from", "差出人", "Sender", true, func(c *config.Config) string { return addressWords(c.Mail.From) }, nil},
	{"mail.reply_to", "返信先", "Replies to", true, func(c *config.Config) string { return addressWords(c.Mail.ReplyTo) }, nil},
	{"mail.bcc", "社外へ送るものの控え", "Copies of what goes outside", true, func(c *config.Config) string { return addressesWords(c.Mail.Bcc) }, nil},
	{"mail.trial_to", "お試しの宛先", "Trial, all mail to", true, func(c *config.Config) string {
		if c.Mail.TrialTo == nil {
			return ""
		}
		return addressWords(*c.Mail.TrialTo)
	}, nil},
	{"mail.server", "メールサーバー", "Mail server", false, func(c *config.Config) string { return c.Mail.Server }, nil},
	{"mail.user", "サーバーの利用者名", "Login", false, func(c *config.Config) string { return c.Mail.User }, nil},
	{"mail.auth", "ログインの方式", "Way to log in", false, func(c *config.Config) string { return c.Mail.Auth }, nil},
	{"mail.password_file", "パスワードのファイル", "File of the password", false, func(c *config.Config) string { return c.Mail.PasswordFile }, nil},
	{"mail.ca", "サーバーの証明書を確かめる認証局", "Authority of the server's certificate", false, func(c *config.Config) string {
		if len(c.Mail.CAPEM) == 0 {
			return ""
		}
		h := sha256.Sum256(c.Mail.CAPEM)
		return "SHA-256 " + hex.EncodeToString(h[:8]) // the file may be another under the same name
	}, nil},
	{"mail.hello", "サーバーに名乗る名前", "Name given to the server", false, func(c *config.Config) string { return c.Mail.Hello }, nil},
	{"mail.rate", "送る速さの上限", "No faster than", false, func(c *config.Config) string {
		if c.Mail.Rate.N == 0 {
			return ""
		}
		return fmt.Sprintf("%d/%s", c.Mail.Rate.N, c.Mail.Rate.Per)
	}, rateWords},
	{"mail.give_up", "送り直しをやめるまで", "Tried again for", false, func(c *config.Config) string { return c.Mail.GiveUp.Sentence(calendar.English) }, leadOf},
	{"mail.outbox", "書き出すフォルダー", "Outbox", false, func(c *config.Config) string { return c.Mail.Outbox }, nil},
	{"mail.oauth2.token_url", "トークンを受け取る場所", "Tokens come from", false, func(c *config.Config) string { return oauth(c).TokenURL }, nil},
	{"mail.oauth2.client_id", "クライアント ID", "Client id", false, func(c *config.Config) string { return oauth(c).ClientID }, nil},
	{"mail.oauth2.scopes", "求める権限", "Scopes", false, func(c *config.Config) string { return strings.Join(oauth(c).Scopes, " ") }, nil},
	{"mail.oauth2.secret_file", "シークレットのファイル", "File of the secret", false, func(c *config.Config) string { return oauth(c).SecretFile }, nil},
	{"mail.oauth2.expires", "シークレットの期限", "Secret good until", false, func(c *config.Config) string {
		if e := oauth(c).Expires; !e.IsZero() {
			return e.String()
		}
		return ""
	}, nil},
	{"admin", "困ったときに知らせる人（admin）", "Who hears of alarms (admin)", true, func(c *config.Config) string {
		var list []mailer.Address
		for _, p := range c.Admin {
			list = append(list, mailer.Address{Name: p.Name, Mail: p.Mail.Mail})
		}
		return addressesWords(list)
	}, nil},
	{"language", "メールの言葉", "Language of mails", true, func(c *config.Config) string { return string(c.Language) }, func(s string, l calendar.Language) string {
		return map[string]calendar.Text{"ja": {JA: "日本語", EN: "Japanese"}, "en": {JA: "英語", EN: "English"}}[s].In(l)
	}},
	{"calendar.closed", "会社の休み", "Closing days", false, func(c *config.Config) string { return rangesWords(c.ClosedDays) }, rangesIn},
	{"calendar.open", "休みでも開ける日", "Open all the same", false, func(c *config.Config) string { return rangesWords(c.OpenDays) }, rangesIn},
	{"folders", "名前を付けたフォルダー", "Folders by name", false, func(c *config.Config) string {
		var list []string
		for _, name := range slices.Sorted(maps.Keys(c.Folders)) {
			list = append(list, name+" = "+c.Folders[name])
		}
		return strings.Join(list, ", ")
	}, nil},
}

func rangesWords(days []calendar.Range) string {
	var out []string
	for _, r := range days {
		out = append(out, r.String())
	}
	return strings.Join(out, ", ")
}

func rangesIn(s string, l calendar.Language) string {
	if l == calendar.English {
		return strings.ReplaceAll(clean(s), "〜", " to ")
	}
	return strings.ReplaceAll(clean(s), ", ", "、")
}

func oauth(c *config.Config) config.OAuth2 {
	if c.Mail.OAuth2 == nil {
		return config.OAuth2{}
	}
	return *c.Mail.OAuth2
}

func addressWords(a mailer.Address) string {
	if a.Name == "" || a.Mail == "" {
		return a.Mail
	}
	return a.Name + " <" + a.Mail + ">"
}

func addressesWords(list []mailer.Address) string {
	var out []string
	for _, a := range list {
		out = append(out, addressWords(a))
	}
	return strings.Join(out, ", ")
}

func rateWords(s string, l calendar.Language) string {
	n, per, _ := strings.Cut(s, "/")
	d, err := time.ParseDuration(per)
	if err != nil {
		return clean(s)
	}
	unit, ok := map[time.Duration]calendar.Text{
		time.Second: {JA: "1秒に%s通", EN: "%s per second"}, time.Minute: {JA: "1分に%s通", EN: "%s per minute"},
		time.Hour: {JA: "1時間に%s通", EN: "%s per hour"}, 24 * time.Hour: {JA: "1日に%s通", EN: "%s per day"}}[d]
	if !ok {
		return clean(s)
	}
	return fmt.Sprintf(unit.In(l), n)
}

// SettingsOf is what holds for every job of a file, as the ledger keeps it. A setting that is not there stands as "", so that one
// that a later version of bod compares too is not told as a change.
func SettingsOf(c *config.Config) []byte {
	is := make(map[string]string, len(settings))
	for _, s := range settings {
		is[s.key] = s.value(c)
	}
	b, err := json.Marshal(is)
	if err != nil {
		panic(err) // texts under texts: nothing of it can fail to be written
	}
	return b
}

// changedSettings compares what held with a file. Nothing is known of a time before the ledger kept it.
func changedSettings(before []byte, c *config.Config) (x Change, changed bool) {
	was := map[string]string{}
	if len(before) == 0 || json.Unmarshal(before, &was) != nil {
		return x, false
	}
	l := c.Language
	x = Change{Kind: ChangeSettings, Title: calendar.Text{JA: "会社全体の設定", EN: "What holds for every job"}.In(l), owners: slices.Clone(c.Admin)}
	seen := false
	for _, s := range settings {
		old, known := was[s.key]
		now := s.value(c)
		if !known || old == now {
			continue
		}
		seen = seen || s.letter
		say := func(v string) string {
			switch {
			case v == "":
				return calendar.Text{JA: "なし", EN: "none"}.In(l)
			case s.words != nil:
				return s.words(v, l)
			}
			return clean(v)
		}
		x.Keys = append(x.Keys, ChangedKey{Key: s.key, Name: calendar.Text{JA: s.ja, EN: s.en}.In(l), Old: say(old), New: say(now)})
	}
	if !seen {
		return x, len(x.Keys) > 0
	}
	for _, id := range slices.Sorted(maps.Keys(c.People)) {
		// Who was taken off the admins hears of it while the file still has an address.
		if p := c.People[id]; strings.Contains(was["admin"], p.Mail.Mail) && p.Mail.Mail != "" && !slices.Contains(x.owners, p) {
			x.owners = append(x.owners, p)
		}
	}
	for _, j := range c.Jobs {
		for _, p := range j.Owners(c) {
			if !j.Disabled && !slices.Contains(x.owners, p) {
				x.owners = append(x.owners, p)
			}
		}
	}
	return x, true
}

// settingsAt is what held at a moment, which the event log still tells; nil when it is not known.
func settingsAt(v *ledger.View, at time.Time) ([]byte, error) {
	events, err := v.EventsOf("office", "1")
	if err != nil {
		return nil, err
	}
	var was []byte
	for _, x := range events {
		var change struct {
			Says string `json:"says"`
		}
		if x.At.After(at) {
			break
		}
		if err := json.Unmarshal(x.Change, &change); err == nil {
			was = []byte(change.Says)
		}
	}
	return was, nil
}
