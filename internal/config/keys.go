package config

import (
	"slices"
	"strings"

	"bod/internal/calendar"
)

// Key documents one key of the file: the one place from which manual, schema and example are checked.
type Key struct {
	Table   string // "", "company", "job.NAME", …
	Name    string // "NAME" where the user chooses the key
	Type    string // "text", "list of names", "number", "table", …
	Default string // as written in the file; "" for none
	Meaning calendar.Text
	Example string // one line of TOML
	Needed  bool
}

// anyName stands for a key that the user chooses.
const anyName = "NAME"

// Keys documents every key of the file, those of the kinds included.
func Keys(kinds []Kind) []Key {
	all := slices.Clone(ownKeys)
	for _, k := range kinds {
		all = append(all, keysOfKind(k)...)
	}
	return all
}

// keysOfKind are a kind's own keys, with their table.
func keysOfKind(k Kind) []Key {
	keys := slices.Clone(k.Keys())
	for i := range keys {
		keys[i].Table = tableOfKind(k)
	}
	return keys
}

// tableOfKind is where a kind's own keys stand: the kinds summary, source and check have tables of their own.
func tableOfKind(k Kind) string {
	switch k.Name() {
	case summaryName:
		return "summary"
	case sourceName:
		return "source.NAME"
	case checkName:
		return "job.NAME.check"
	}
	return "job.NAME"
}

// ownKeys is every key that all kinds share. The decoder knows a key only through
// this table: what is not in it is unknown to it, and nothing is read around it.
var ownKeys = []Key{
	{"", "timezone", "text", "", say("時間帯。予定の時刻はすべてこの時間帯で数えます", "the time zone in which all times are counted"), `timezone = "Asia/Tokyo"`, true},
	{"", "language", "text", `"ja"`, say("メールとメッセージの言葉。ja（日本語）か en（英語）", "the language of mails and messages: ja or en"), `language = "ja"`, false},
	{"", "admin", "list of names", "", say("困ったことが起きたときに知らせる人（[people] の名前）", "who hears of alarms (names of [people])"), `admin = ["sato"]`, true},
	{"", "state", "folder", `".bod"`, say("記録を置くフォルダー。jobs.toml からの道筋か、/ で始まる場所", "the folder of the ledger, from the folder of jobs.toml or beginning with /"), `state = "/var/lib/bod"`, false},

	{"company", "name", "text", "", say("会社名。手紙の署名と件名に使います", "the company's name, for signatures and subjects"), `name = "株式会社青空システム"`, false},
	{"company", "dept", "text", "", say("差し出す部署", "the department that mail comes from"), `dept = "経理部"`, false},
	{"company", "address", "text", "", say("所在地", "the postal address"), `address = "〒000-0000 東京都見本区見本町1-2-3"`, false},
	{"company", "tel", "text", "", say("電話番号", "the telephone number"), `tel = "03-0000-0000"`, false},
	{"company", "registration", "text", "", say("適格請求書発行事業者の登録番号。T と数字13桁", "the number of a registered invoice issuer in Japan: T and 13 digits"), `registration = "T7123456789012"`, false},
	{"company", "fiscal_year_end", "number", "12", say("決算月。3 なら3月決算で、第1四半期は4月から6月", "the last month of the fiscal year; with 3 the first quarter is April to June"), `fiscal_year_end = 3`, false},
	{"company", "bank", "text", "", say("振込先", "the bank account for payments"), `bank = "みほん銀行 千代田支店 普通 1234567 カ）アオゾラシステム"`, false},

	{"calendar", "country", "text", `"jp"`, say("休みの数え方。jp（土日と祝日）、jp-bank（銀行の休みも）、ほかの国の符号、none（土日だけ）", "which days are closed: jp (weekends and public holidays), jp-bank (the banks' closing days too), another country's code, or none (weekends only)"), `country = "jp"`, false},
	{"calendar", "closed", "list of days", "", say("会社の休み。年を書かなければ毎年", "the company's closing days; every year when no year is written"), `closed = ["12/29〜1/3", "2026-08-13〜2026-08-14"]`, false},
	{"calendar", "open", "list of days", "", say("土日や祝日でも開ける日", "weekends or holidays that are working days all the same"), `open = ["2027-02-06"]`, false},
	{"calendar", "holidays_file", "file", "", say("祝日の表。内閣府の syukujitsu.csv をそのまま使えます。なければ bod に入っている表", "a table of Japan's public holidays, the Cabinet Office's syukujitsu.csv as it is; else the table that bod brings"), `holidays_file = "syukujitsu.csv"`, false},

	{"mail", "from", "address", "", say("差出人", "the sender"), `from = "青空システム 経理 <keiri@aozora.example>"`, true},
	{"mail", "reply_to", "address", "", say("返信を受け取るアドレス。なければ差出人", "where replies go; else to the sender"), `reply_to = "keiri@aozora.example"`, false},
	{"mail", "bcc", "list of addresses", "", say("社外へ送るもの全部の控えを受け取るアドレス", "gets a copy of everything that goes outside"), `bcc = ["hikae@aozora.example"]`, false},
	{"mail", "server", "text", "", say("メールサーバー。smtp://名前:587（STARTTLS）か smtps://名前:465。なければ送らずに outbox フォルダーへ書き出します（お試し）", "the mail server: smtp://host:587 (STARTTLS) or smtps://host:465; without it mail is written to the folder outbox (trial)"), `server = "smtp://mail.aozora.example:587"`, false},
	{"mail", "user", "text", "", say("メールサーバーの利用者名。パスワードはここには書きません", "the login name at the mail server; the password never stands here"), `user = "keiri@aozora.example"`, false},
	{"mail", "auth", "text", "", say("ログインの方式。plain、login、cram-md5、scram-sha-256、xoauth2。なければサーバーに合わせます", "how to log in: plain, login, cram-md5, scram-sha-256 or xoauth2; else the best that the server offers"), `auth = "plain"`, false},
	{"mail", "password_file", "file", "", say("パスワードだけを書いたファイル。なければ systemd の credential「smtp-password」", "a file that has nothing but the password; else systemd's credential smtp-password"), `password_file = "/etc/bod/smtp-password"`, false},
	{"mail", "ca", "file", "", say("メールサーバーの証明書を確かめるための認証局の証明書（PEM）。なければ OS のもの", "certificates (PEM) that the server's is checked against; else the system's"), `ca = "/etc/bod/ca.pem"`, false},
	{"mail", "hello", "text", "", say("サーバーに名乗るコンピューターの名前。なければこの機械の名前", "the name given to the server in EHLO; else this machine's"), `hello = "bod.aozora.example"`, false},
	{"mail", "rate", "text", "", say("送る速さの上限", "how fast mail may go at most"), `rate = "20 per minute"`, false},
	{"mail", "trial_to", "address", "", say("書くと、すべてのメールをこのアドレスだけに送ります（お試し）", "when written, all mail goes to this address only (trial)"), `trial_to = "sato@aozora.example"`, false},
	{"mail", "outbox", "folder", `"outbox"`, say("サーバーがないときにメールを書き出すフォルダー", "the folder where mail is written when there is no server"), `outbox = "outbox"`, false},
	{"mail", "give_up", "span", `"3 days"`, say("サーバーにつながらない、またはいまは受け取れないと断られつづけたとき、送り直しをやめて担当者に知らせるまでの時間", "how long a letter is tried again while the server can't be reached or refuses it for now; then it has failed, and the owner is told"), `give_up = "3 days"`, false},
	{"mail", "oauth2", "table", "", say("auth = \"xoauth2\" のときの設定。[mail.oauth2] の表に書きます", "the settings for auth = \"xoauth2\", in the table [mail.oauth2]"), `oauth2 = { token_url = "https://login.example/token", client_id = "bod", scopes = ["mail.send"] }`, false},

	{"mail.oauth2", "token_url", "text", "", say("トークンを受け取る場所（https://）", "where the token is fetched (https://)"), `token_url = "https://login.example/token"`, true},
	{"mail.oauth2", "client_id", "text", "", say("クライアント ID", "the client id"), `client_id = "bod"`, true},
	{"mail.oauth2", "scopes", "list of texts", "", say("求める権限", "the scopes to ask for"), `scopes = ["mail.send"]`, false},
	{"mail.oauth2", "secret_file", "file", "", say("クライアントシークレットだけを書いたファイル。なければ systemd の credential「smtp-oauth2-secret」", "a file that has nothing but the client secret; else systemd's credential smtp-oauth2-secret"), `secret_file = "/etc/bod/oauth2-secret"`, false},
	{"mail.oauth2", "expires", "date", "", say("クライアントシークレットの期限。近づくと bod doctor が知らせます", "the last day of the client secret; bod doctor tells when it comes near"), `expires = "2027-03-31"`, false},

	{"folders", anyName, "folder", "", say("フォルダーに付けた名前。添付ファイルを \"folder:名前/…\" で指せます", "a name for a folder; attachments can say \"folder:NAME/…\""), `share = "/mnt/share"`, false},

	{"people", anyName, "person", "", say("社内の人。\"名前 <アドレス>\"、または { name, title, mail }", "somebody in the house: \"Name <address>\" or { name, title, mail }"), `sato = "佐藤 <sato@aozora.example>"`, true},
	{"people.NAME", "name", "text", "", say("名前。敬称は付けません", "the name, without Mr or Ms"), `name = "田中"`, false},
	{"people.NAME", "title", "text", "", say("役職", "the title"), `title = "部長"`, false},
	{"people.NAME", "mail", "address", "", say("メールアドレス", "the mail address"), `mail = "tanaka@aozora.example"`, true},

	{"partner.NAME", "name", "text", "", say("会社の正式な名前。御中や様は自動で付きます", "the company's full name"), `name = "株式会社アクメ商事"`, true},
	{"partner.NAME", "dept", "text", "", say("部署", "the department"), `dept = "経理部"`, false},
	{"partner.NAME", "person", "text", "", say("担当者の名前。敬称は付けません", "the person, without Mr or Ms"), `person = "山田"`, false},
	{"partner.NAME", "title", "text", "", say("担当者の役職", "the person's title"), `title = "部長"`, false},
	{"partner.NAME", "mail", "list of addresses", "", say("宛先のメールアドレス", "the mail addresses"), `mail = ["ap@acme.example"]`, true},
	{"partner.NAME", "cc", "list of addresses", "", say("いつも写しを送るアドレス", "addresses that always get a copy"), `cc = ["yamada@acme.example"]`, false},

	{"summary", "at", "time", `"17:00"`, say("毎営業日のまとめを送る時刻", "when the summary goes on each business day"), `at = "17:00"`, false},
	{"summary", "when", "schedule", "", say("毎営業日でないときの予定。at の代わりに書きます", "the schedule when it is not every business day, instead of at"), `when = "毎営業日 17:00"`, false},
	{"summary", "morning", "time", "", say("朝のお知らせの時刻。その日に要るのにまだそろっていないもの、確認がまだのものがある営業日にだけ届きます。書かなければ届きません", "when the morning notice goes: it comes only on business days on which something is needed that is not there or not confirmed yet; not said: never"), `morning = "8:45"`, false},
	{"summary", "review", "time", "", say("月のふりかえりの時刻。次の月の最初の営業日に、人の手が要ったこと、送る前に止めたもの、片付くまでの時間などを1通にまとめます。書かなければ届きません", "when the monthly review goes, on the first business day of the month after: what needed a person, what was held back in time, how long it took; not said: never"), `review = "9:00"`, false},
	{"summary", "title", "text", "", say("件名に使う呼び名", "what it is called"), `title = "本日のまとめ"`, false},
	{"summary", "owner", "name", "", say("担当者。なければ admin", "who looks after it; else admin"), `owner = "sato"`, false},
	{"summary", "country", "text", "", say("休みの数え方。なければ [calendar] の country", "which days are closed; else the country of [calendar]"), `country = "jp-bank"`, false},
	{"summary", "enabled", "true or false", "true", say("false なら送りません", "false: not sent"), `enabled = false`, false},

	{"job.NAME", "kind", "text", "", say("仕事の種類", "what the job does"), `kind = "send"`, true},
	{"job.NAME", "title", "text", "", say("人が読む呼び名。なければ表の名前", "what people call it; else the table's name"), `title = "アクメ商事 ホスティング請求書"`, false},
	{"job.NAME", "purpose", "text", "", say("何のための仕事か", "what the job is for"), `purpose = "毎月のホスティング料。遅れると入金が翌月になる。"`, false},
	{"job.NAME", "owner", "name", "", say("担当者（[people] の名前）。なければ admin", "who looks after it (a name of [people]); else admin"), `owner = "sato"`, false},
	{"job.NAME", "when", "schedule", "", say("いつするか。文か、[job.名前.when] の表で書きます", "when: a sentence, or the table [job.NAME.when]"), `when = "毎月25日 10:00 休みなら前営業日"`, true},
	{"job.NAME", "prepare", "span", "", say("いつ用意と確認をするか。なければ当日の時刻", "how long before it is drafted and asked about; else when due"), `prepare = "1営業日前"`, false},
	{"job.NAME", "about", "text", "", say("手紙が何月分の話か。当月、前月、当四半期など。なければその回の期間", "the period that the letter speaks of: this month, previous month, this quarter …; else the occurrence's own"), `about = "当月"`, false},
	{"job.NAME", "missed", "text", "", say("機械が止まっていて過ぎた分。latest（最新だけ）、each（全部）、skip（見送る）、ask（人に聞く）。なければ社外へは ask、社内へは latest", "what passed while the machine was off: latest, each, skip or ask; else ask where mail goes outside, latest in the house"), `missed = "ask"`, false},
	{"job.NAME", "late_until", "span", `"3 days"`, say("予定をどれだけ過ぎたら「実施できず」とするか", "how long after due it is given up"), `late_until = "3 days"`, false},
	{"job.NAME", "give_up", "span", "", say("サーバーにつながらない、またはいまは受け取れないと断られつづけたとき、送り直しをやめて担当者に知らせるまでの時間。なければ [mail] の give_up", "how long its letters are tried again while the server can't be reached or refuses them for now; then they have failed, and the owner is told. Else as in [mail]"), `give_up = "6 hours"`, false},
	{"job.NAME", "on_unknown", "text", `"hold"`, say("届いたか分からなくなったとき。hold（人に聞く）、resend（自動で送り直す。2回まで。同じものが2通届いても困らない仕事だけに）", "when it is not known whether it arrived: hold (a person is asked) or resend (sent again by itself, twice at most; only where a second copy harms nobody)"), `on_unknown = "resend"`, false},
	{"job.NAME", "confirm", "table", "", say("送る前の確認。だれの、何回の確認が要るか", "the yes that is needed before it goes: whose, and how many"), `confirm = { by = ["tanaka"], count = 1 }`, false},
	{"job.NAME", "check", "list of tables", "", say("出る前に確かめること。1つずつ [[job.名前.check]] の表で書きます", "what it is held against before anything leaves, each as a table [[job.NAME.check]]"), `check = [{ not_sent_before = true }]`, false},
	{"job.NAME", "country", "text", "", say("この仕事の休みの数え方。なければ [calendar] の country", "which days are closed for this job; else the country of [calendar]"), `country = "jp-bank"`, false},
	{"job.NAME", "enabled", "true or false", "true", say("false なら止めておきます", "false: the job rests"), `enabled = false`, false},
	{"job.NAME", "renamed_from", "text", "", say("前の名前。名前を変えても記録が続きます", "the former name, so that the record goes on"), `renamed_from = "hosting"`, false},

	{"job.NAME.confirm", "by", "list of names", "", say("確認する人（[people] の名前）", "who says yes (names of [people])"), `by = ["tanaka"]`, true},
	{"job.NAME.confirm", "count", "number", "1", say("何人の確認が要るか", "how many of them have to"), `count = 1`, false},

	{"job.NAME.when", "every", "text", "", say("くり返し。day、business day、week、month、quarter、year、2 weeks、毎月など", "how often: day, business day, week, month, quarter, year, 2 weeks …"), `every = "month"`, false},
	{"job.NAME.when", "day", "day", "", say("何日か。20、\"月末\"、\"第3営業日\"、\"最終営業日\"、\"第2火曜\"、[5, 10, \"last\"]、\"25, 2 business days before\"", "which day: 20, \"last\", \"3rd business day\", \"last business day\", \"2nd tue\", [5, 10, \"last\"], \"25, 2 business days before\""), `day = 25`, false},
	{"job.NAME.when", "month", "number", "", say("何月か（every = \"year\" のとき）", "which month (with every = \"year\")"), `month = 4`, false},
	{"job.NAME.when", "on", "list of texts", "", say("曜日", "the days of the week"), `on = ["mon", "thu"]`, false},
	{"job.NAME.when", "at", "time", "", say("時刻", "the time of day"), `at = "10:00"`, false},
	{"job.NAME.when", "if_closed", "text", "", say("休みの日に当たったとき。before（前営業日）、after（翌営業日）、skip（見送る）、as is（そのまま）", "what to do on a closed day: before, after, skip or as is"), `if_closed = "before"`, false},
	{"job.NAME.when", "starting", "date", "", say("数え始めの日。2週間ごとなどのときに要ります", "the first day; needed for every N weeks or months"), `starting = 2026-01-09`, false},
	{"job.NAME.when", "dates", "list of dates", "", say("決まった日だけ", "only these days"), `dates = ["2026-12-10"]`, false},
	{"job.NAME.when", "cron", "text", "", say("cron の書き方", "for those who want it"), `cron = "0 9 * * 1-5"`, false},
}

// laterKeys are keys of the file that this version does not act on. A file that
// says them is refused: to ignore them would be a promise that is not kept.
// A kind that has such a key of its own takes it from here.
var laterKeys = map[string][]string{
	"":         {"web", "program"},
	"job.NAME": {"remind"},
}

// laterKinds are the kinds that design says and this version does not have.
var laterKinds = []string{"invoice", "task"}

// secretKeys are what people call a password.
var secretKeys = []string{"password", "passwd", "pass", "secret", "client_secret", "token", "api_key", "パスワード", "暗証番号"}

// keySet is the part of the table for one table of the file.
type keySet struct {
	table string
	names []string
	keys  map[string]*Key
}

func keysOf(all []Key, table string) *keySet {
	s := &keySet{table: table, keys: make(map[string]*Key)}
	for i := range all {
		if k := &all[i]; k.Table == table {
			s.names = append(s.names, k.Name)
			s.keys[k.Name] = k
		}
	}
	return s
}

// list are the names; none for a table that no kind has.
func (s *keySet) list() []string {
	if s == nil {
		return nil
	}
	return s.names
}

func (s *keySet) has(name string) bool {
	_, ok := s.keys[name]
	return ok
}

// later reports whether a key comes with another version.
func (s *keySet) later(name string) bool {
	return slices.Contains(laterKeys[s.table], name)
}

func isSecret(name string) bool {
	return slices.Contains(secretKeys, strings.ToLower(name))
}

// englishExamples are shown to people who read English, where the example itself is Japanese.
var englishExamples = map[string]string{
	"company.name":        `name = "Aozora Systems Co., Ltd."`,
	"company.dept":        `dept = "Accounts"`,
	"company.address":     `address = "1-2-3 Mihoncho, Mihon-ku, Tokyo 000-0000, Japan"`,
	"company.bank":        `bank = "Mihon Bank, Chiyoda branch, ordinary account 1234567"`,
	"calendar.closed":     `closed = ["12/29-1/3", "2026-08-13 - 2026-08-14"]`,
	"mail.from":           `from = "Aozora Systems Accounts <accounts@aozora.example>"`,
	"people.NAME":         `sato = "Sato <sato@aozora.example>"`,
	"people.NAME.name":    `name = "Tanaka"`,
	"people.NAME.title":   `title = "Director"`,
	"partner.NAME.name":   `name = "Acme Trading Co., Ltd."`,
	"partner.NAME.dept":   `dept = "Accounts Payable"`,
	"partner.NAME.person": `person = "Yamada"`,
	"partner.NAME.title":  `title = "Director"`,
	"summary.when":        `when = "every business day at 17:00"`,
	"summary.title":       `title = "Summary of the day"`,
	"job.NAME.title":      `title = "Hosting invoice, Acme"`,
	"job.NAME.purpose":    `purpose = "The monthly hosting fee. When it is late, we are paid a month later."`,
	"job.NAME.when":       `when = { every = "month", day = 25, at = "10:00", if_closed = "before" }`,
	"job.NAME.prepare":    `prepare = "1 business day before"`,
	"job.NAME.about":      `about = "this month"`,
}
