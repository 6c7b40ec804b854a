package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"bod/internal/calendar"
	"bod/internal/mailer"
)

const summaryName = "summary"

// loader is one Load at work.
type loader struct {
	c     *Config
	lang  calendar.Language
	f     findings
	at    *lines
	tree  *tree
	all   []Key
	kinds map[string]*kindKeys
	names []string // of the kinds
	sets  map[string]*keySet
	mixed *keySet // a job whose kind is not known may have any kind's keys

	peopleNames, partnerNames []string
	peopleLost                bool // somebody may be missing only because a line could not be read

	words      map[string]string
	rules      map[string]ruleResult
	schedules  map[scheduleKey]scheduleResult
	leads      map[string]leadResult
	abouts     map[string]aboutResult
	addressees map[string]Addressee
	looked     int // nearest words searched for

	asked map[string]bool // test hook: the keys that were read
}

type kindKeys struct {
	kind Kind
	own  []Key
	keys *keySet // own and common
}

type ruleResult struct {
	rule     calendar.Rule
	sentence string // English
	problems []calendar.Problem
}

type scheduleKey struct{ sentence, country string }

type scheduleResult struct {
	schedule *calendar.Schedule
	problems []calendar.Problem
}

type leadResult struct {
	lead    calendar.Lead
	problem *calendar.Problem
}

type aboutResult struct {
	about   calendar.AboutRule
	problem *calendar.Problem
}

// Load reads the file. A nil Config means that at least one problem is no warning.
func Load(path string, kinds []Kind) (*Config, []Problem) {
	l := read(path, kinds, nil)
	ps := l.f.problems(path, l.at, l.lang)
	if l.f.errors > 0 {
		return nil, ps
	}
	return l.c, ps
}

// read does the work of Load; what is wrong is left in l.f in both languages.
func read(path string, kinds []Kind, asked map[string]bool) *loader {
	l := &loader{
		all: Keys(kinds), sets: make(map[string]*keySet), kinds: make(map[string]*kindKeys),
		words: make(map[string]string), rules: make(map[string]ruleResult),
		schedules: make(map[scheduleKey]scheduleResult), leads: make(map[string]leadResult),
		abouts: make(map[string]aboutResult), addressees: make(map[string]Addressee),
		asked: asked,
	}
	for _, k := range Keys(nil) {
		if l.sets[k.Table] == nil {
			l.sets[k.Table] = keysOf(l.all, k.Table)
		}
	}
	l.mixed = l.sets["job.NAME"]
	own := keysOf(ownKeys, "job.NAME")
	for _, k := range kinds {
		if k.Name() == summaryName {
			l.kinds[k.Name()] = &kindKeys{kind: k, own: k.Keys(), keys: l.sets[summaryName]}
			continue
		}
		set := &keySet{table: own.table, names: own.names[:len(own.names):len(own.names)], keys: make(map[string]*Key)}
		for _, key := range ownKeys {
			if key.Table == own.table {
				set.keys[key.Name] = own.keys[key.Name]
			}
		}
		for _, key := range k.Keys() {
			key.Table = own.table
			set.names = append(set.names, key.Name)
			set.keys[key.Name] = &key
		}
		l.kinds[k.Name()] = &kindKeys{kind: k, own: k.Keys(), keys: set}
		l.names = append(l.names, k.Name())
	}

	l.lang = calendar.Japanese
	b, err := readConfig(path)
	if err != nil {
		l.f.add(finding{off: noPlace,
			what: say("ファイルを開けません（%v）", "the file cannot be opened (%v)", err),
			next: say("ファイルの名前と場所を確かめてください", "see whether name and folder are right")})
		return l
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	sum := sha256.Sum256(b)
	l.c = &Config{
		Path: abs, Dir: filepath.Dir(abs), Digest: hex.EncodeToString(sum[:]),
		People: make(map[string]*Person), Partners: make(map[string]*Partner), Folders: make(map[string]string),
		jobs: make(map[string]*Job), inside: make(map[string]bool), days: make(map[string]*calendar.Days),
		seen: &seen{files: make(map[string]fileResult), globs: make(map[string]globResult)},
	}
	text, ok := plainText(b, &l.f)
	b = nil
	if !ok {
		return l
	}
	l.at = newLines(text)
	l.tree = plant(text, &l.f, l.at)
	l.top()
	l.c.seen = nil
	return l
}

// readConfig reads the file, whatever it is that lies there.
func readConfig(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("larger than %s", SizeWords(maxFile))
	}
	return b, nil
}

// keep holds one copy of a text, so that 10,000 jobs with the same letter share
// its name and the file's text can be let go.
func (l *loader) keep(s string) string {
	if k, ok := l.words[s]; ok {
		return k
	}
	s = strings.Clone(s)
	l.words[s] = s
	return s
}

// nearest stops after some hundred searches: a file full of nonsense names needs no more hints.
func (l *loader) nearest(word string, known []string) string {
	if l.looked++; l.looked > 300 {
		return ""
	}
	return nearest(word, known)
}

// did asks "did you mean", or gives the other advice.
func (l *loader) did(word string, known []string, otherwise calendar.Text) calendar.Text {
	if near := l.nearest(word, known); near != "" {
		return say("%s のことですか", "did you mean %s?", near)
	}
	return otherwise
}

func (l *loader) section(t *table, set, name, job string) *section {
	return &section{l: l, t: t, keys: l.sets[set], name: name, job: job}
}

// named gets a top-level table; where something else has its name that is told.
func (l *loader) named(key string) *table {
	e := l.tree.root.find(key)
	if e == nil {
		return nil
	}
	t, ok := e.value.(*table)
	if !ok && !e.broken {
		ja, en := "["+key+"]", "["+key+"]"
		if key == "job" || key == "partner" {
			ja, en = "["+key+".名前]", "["+key+".NAME]"
		}
		l.f.add(finding{off: e.off,
			what: calendar.Text{JA: key + " は " + ja + " の表で書きます", EN: key + " has to be the table " + en},
			next: calendar.Text{JA: ja + " と1行に書き、その下に項目を書いてください", EN: "write " + en + " on a line and its keys below"}})
	}
	return t
}

// topTables are the tables that a file may have, as a hint for those it may not.
var topTables = []string{"company", "calendar", "mail", "folders", "people", "partner", summaryName, "job"}

func (l *loader) top() {
	root := l.section(l.tree.root, "", "", "")
	l.language(root)
	if root.need("timezone") {
		l.zone(root)
	}
	for i := range l.tree.root.entries {
		l.topEntry(root, &l.tree.root.entries[i])
	}
	l.company()
	l.folders()
	l.calendar()
	l.people()
	l.partners()
	l.mail()
	if root.need("admin") {
		l.c.Admin = root.persons("admin")
	}
	if v := root.str("state"); v != "" {
		l.c.State = l.keep(l.c.adminPath(v))
	}
	l.jobs()
}

// topEntry tells what does not belong at the top.
func (l *loader) topEntry(root *section, e *entry) {
	for _, name := range topTables {
		if e.key == name {
			return
		}
	}
	if root.keys.has(e.key) {
		if _, ok := e.value.(*table); ok {
			k := root.keys.keys[e.key]
			root.problem(e.off, say("%s は表ではありません", "%s is no table", e.key), likeThis(k))
		}
		return
	}
	_, isTable := e.value.(*table)
	_, isList := e.value.([]*table)
	if !isTable && !isList {
		root.unknownKey(e, nil)
		return
	}
	if root.keys.later(e.key) {
		root.problem(e.off, say("[%s] はこの版ではまだ使えません", "[%s]: not in this version", e.key),
			say("その表を消すか、行の頭に # を付けてください", "delete that table or put # at the beginning of its lines"))
		return
	}
	// What stands in it may be the very people or jobs that others name.
	l.peopleLost, l.tree.lost = true, true
	root.problem(e.off, say("[%s] という表はありません", "there is no table [%s]", clip(shownKey(e.key))),
		l.did(e.key, topTables, say("使えるのは %s です", "what can be used: %s", "["+strings.Join(topTables, "] [")+"]")))
}

func (l *loader) language(root *section) {
	l.c.Language = l.lang
	e := root.get("language")
	if e == nil {
		return
	}
	switch text(e.value) {
	case "ja":
	case "en":
		l.lang, l.c.Language = calendar.English, calendar.English
	default:
		root.problem(e.val, say("language は ja か en です", "language is ja or en"), say(`language = "ja" と書いてください`, `write language = "en"`))
	}
}

func (l *loader) zone(root *section) {
	e := root.get("timezone")
	v := root.str("timezone")
	if v == "" {
		return
	}
	z, err := time.LoadLocation(v)
	// "Local" would mean another thing on another machine.
	if err != nil || v == "Local" {
		root.problem(e.val, say("時間帯 %s はありません", "there is no time zone %s", clip(v)),
			say(`timezone = "Asia/Tokyo" のように書いてください`, `write it like timezone = "Asia/Tokyo"`))
		return
	}
	l.c.Zone = z
}

func (l *loader) company() {
	s := l.section(l.named("company"), "company", "[company]", "")
	s.unknown(l.sets[""])
	c := &l.c.Company
	c.Name, c.Dept, c.Address, c.Tel, c.Bank = s.str("name"), s.str("dept"), s.str("address"), s.str("tel"), s.str("bank")
	if e := s.get("registration"); e != nil {
		if c.Registration = s.str("registration"); c.Registration != "" {
			s.registration(e.val, c.Registration, c.Name)
		}
	}
	c.FiscalYearEnd = time.December
	if e := s.get("fiscal_year_end"); e != nil {
		n := s.whole("fiscal_year_end", 12)
		if n < 1 || n > 12 {
			s.problem(e.val, say("決算月 %d はありません", "there is no month %d", n), say("fiscal_year_end = 3 のように、1 から 12 の数字で書いてください", "write a number from 1 to 12, like fiscal_year_end = 3"))
			n = 12
		}
		c.FiscalYearEnd = time.Month(n)
	}
}

func (l *loader) folders() {
	t := l.named("folders")
	if t == nil {
		return
	}
	s := l.section(t, "folders", "[folders]", "")
	for i := range t.entries {
		e := &t.entries[i]
		l.note("folders", anyName)
		if e.broken || !l.goodName(s, e, "folder") {
			continue
		}
		v, ok := e.value.(string)
		if !ok {
			s.wrongType(e.key, e.val, e.value, aText)
			continue
		}
		if v = s.oneLine(e.key, e.val, v); v == "" {
			continue
		}
		if !filepath.IsAbs(v) {
			s.problem(e.val, say("フォルダー %s の場所が / で始まっていません", "the place of the folder %s does not begin with /", e.key),
				say(`%s = "/mnt/share" のように書いてください`, `write it like %s = "/mnt/share"`, shownKey(e.key)))
			continue
		}
		v = filepath.Clean(v)
		if info, err := os.Stat(v); err != nil || !info.IsDir() {
			s.problem(e.val, say("フォルダー %s（%s）がありません", "the folder %s (%s) is not there", e.key, v),
				say("つながっているか（マウントされているか）を確かめてください", "see whether it is mounted"))
		}
		l.c.Folders[l.keep(nfc(e.key))] = l.keep(v)
	}
}

// note tells the test hook that a key with a free name was read.
func (l *loader) note(table, key string) {
	if l.asked != nil {
		l.asked[table+"\x00"+key] = true
	}
}

func (l *loader) calendar() {
	s := l.section(l.named("calendar"), "calendar", "[calendar]", "")
	s.unknown(l.sets[""])
	if e := s.get("holidays_file"); e != nil {
		if v := s.str("holidays_file"); v != "" {
			l.holidays(s, e, v)
		}
	}
	l.c.closed, l.c.open = s.ranges("closed"), s.ranges("open")
	country := s.str("country")
	if country == "" {
		country = "jp"
	}
	l.c.Days = l.daysOf(s, country, true)
}

func (l *loader) holidays(s *section, e *entry, v string) {
	b, err := l.c.ReadFile(v, 4<<20)
	if err != nil {
		s.fileProblem("holidays_file", e.val, v, err)
		return
	}
	h, err := calendar.ParseHolidays(b)
	if err != nil {
		s.problem(e.val, calendar.Text{JA: "祝日の表 " + clip(v) + " が読めないか、足りない祝日があります", EN: "holidays_file " + clip(v) + ": " + err.Error()},
			say("内閣府の syukujitsu.csv をそのまま置いてください", "use the Cabinet Office's syukujitsu.csv as it is"))
		return
	}
	l.c.Holidays = h
}

// fileProblem passes a *FileError on in the words of the file's reader.
func (s *section) fileProblem(key string, off int, path string, err error) {
	if fe, ok := errors.AsType[*FileError](err); ok {
		s.problem(off, calendar.Text{JA: key + " の " + clip(path) + "：" + fe.What.JA, EN: key + " " + clip(path) + ": " + fe.What.EN}, fe.Next)
		return
	}
	s.problem(off, say("%s の %s を読めません（%v）", "%s %s cannot be read (%v)", key, clip(path), err),
		say("名前と場所を確かめてください", "see whether name and folder are right"))
}

// ranges reads days and spans of days.
func (s *section) ranges(key string) []calendar.Range {
	e := s.get(key)
	if e == nil {
		return nil
	}
	var out []calendar.Range
	for _, it := range s.itemsOf(key, e, dayText) {
		r, p := calendar.ParseRange(it.text)
		if p != nil {
			s.problem(it.off, p.What, p.Next)
			continue
		}
		out = append(out, r)
	}
	return out
}

// daysOf gives the business days of a country, each made once. own tells whether
// s is [calendar] itself, where closed and open stand too.
func (l *loader) daysOf(s *section, country string, own bool) *calendar.Days {
	if d, ok := l.c.days[country]; ok {
		return d
	}
	d, problems := calendar.NewDays(calendar.DaysOptions{Country: country, Closed: l.c.closed, Open: l.c.open, Holidays: l.c.Holidays})
	for _, p := range problems {
		if p.Key != "country" && !own {
			continue // told at [calendar]
		}
		s.problem(s.off(p.Key), p.What, p.Next)
	}
	if len(problems) > 0 {
		return nil
	}
	l.c.days[l.keep(country)] = d
	return d
}

// goodName checks a name that goes into keys of the ledger, into commands and into mails.
func (l *loader) goodName(s *section, e *entry, what string) bool {
	words := map[string]calendar.Text{
		"job":     say("job の名前", "the name of the job"),
		"person":  say("[people] の名前", "the name in [people]"),
		"partner": say("[partner] の名前", "the name in [partner]"),
		"folder":  say("[folders] の名前", "the name in [folders]"),
	}[what]
	bad := func(ja, en string) bool {
		s.problem(e.off,
			calendar.Text{JA: words.JA + "「" + clip(e.key) + "」" + ja, EN: words.EN + " \"" + clip(e.key) + "\" " + en},
			say("文字と数字と - だけの短い名前にしてください", "choose a short name of letters, digits and -"))
		return false
	}
	switch {
	case e.key == "" || strings.TrimSpace(e.key) != e.key:
		return bad("は空か、前後に空白があります", "is empty or has blanks around it")
	case strings.ContainsAny(e.key, "/#@"):
		return bad("に / # @ は使えません", "cannot have / # or @")
	case strings.ContainsFunc(e.key, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return bad("に目に見えない文字があります", "has an invisible character")
	case utf8.RuneCountInString(e.key) > 60:
		return bad("が長すぎます（60文字まで）", "is longer than 60 characters")
	case strings.HasPrefix(e.key, "-"):
		return bad("が - で始まっています", "begins with -") // a command would take it for an option
	case what == "job" && e.key == "notice":
		return bad("は bod が自分の知らせに使います", "is what bod calls its own messages")
	case what == "job" && e.key == summaryName:
		s.problem(e.off, say("summary という名前の job は作れません", "a job cannot be called summary"),
			say("まとめは [summary] に書きます。ほかの名前にしてください", "the summary is written in [summary]; choose another name"))
		return false
	case (what == "person" || what == "partner") && allNames[e.key]:
		return bad("は全員を指す言葉と紛らわしいので使えません", "could be taken for everybody")
	}
	return true
}

func (l *loader) people() {
	t := l.named("people")
	if l.tree.lost || t != nil && t.lost {
		l.peopleLost = true
	}
	if t == nil {
		return
	}
	s := l.section(t, "people", "[people]", "")
	for i := range t.entries {
		e := &t.entries[i]
		l.note("people", anyName)
		p := &Person{ID: l.keep(e.key)}
		before := l.f.errors
		if !e.double {
			l.c.People[p.ID] = p
			l.peopleNames = append(l.peopleNames, p.ID)
		}
		if !l.goodName(s, e, "person") || e.broken {
			continue
		}
		switch v := e.value.(type) {
		case string:
			if v = s.oneLine(e.key, e.val, v); v != "" {
				p.Mail, _ = s.parseAddress(v, e.val)
			}
		case *table:
			in := l.section(v, "people.NAME", "[people] "+e.key, "")
			in.unknown(l.sets[""])
			p.Name, p.Title = in.str("name"), in.str("title")
			if in.need("mail") {
				p.Mail, _ = in.address("mail")
			}
		default:
			s.wrongType(e.key, e.val, e.value, say(" \"名前 <アドレス>\" か { name, title, mail } ", "\"Name <address>\" or { name, title, mail }"))
			continue
		}
		if p.Name == "" {
			p.Name = p.Mail.Name
		}
		if p.Name == "" && p.Mail.Mail != "" {
			p.Name = p.ID
			if isASCII(p.ID) && l.c.Language == calendar.Japanese && l.f.errors == before {
				s.warn(e.val, say("%s に名前がないので、手紙には「%[1]s」と書かれます", "%s has no name; letters will say %[1]s", p.ID),
					say(`%s = "名前 <%s>" のように書いてください`, `write it like %s = "Name <%s>"`, shownKey(p.ID), p.Mail.Mail))
			}
		}
		if p.Mail.Mail != "" {
			p.Mail.Name = p.Name
			l.c.inside[strings.ToLower(p.Mail.Mail)] = true
		}
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (l *loader) partners() {
	t := l.named("partner")
	if t == nil {
		return
	}
	l.peopleLost = l.peopleLost || t.lost
	outer := l.section(t, "partner.NAME", "[partner]", "")
	owner := make(map[string]string) // address → partner
	for i := range t.entries {
		e := &t.entries[i]
		p := &Partner{ID: l.keep(e.key)}
		if !e.double {
			l.c.Partners[p.ID] = p
			l.partnerNames = append(l.partnerNames, p.ID)
		}
		v, ok := e.value.(*table)
		if !ok {
			if !e.broken {
				outer.problem(e.off, say("partner は [partner.名前] の表で書きます", "a partner has to be a table [partner.NAME]"),
					say("[partner.%s] と1行に書き、その下に name と mail を書いてください", "write [partner.%s] on a line, and name and mail below", shownKey(e.key)))
			}
			continue
		}
		l.goodName(outer, e, "partner")
		s := l.section(v, "partner.NAME", "[partner."+shownKey(e.key)+"]", "")
		if q := l.tree.root.sub("people").find(e.key); q != nil {
			s.problem(e.off, say("%s という名前は [people] にもあります（%d行目）", "%s is in [people] as well (line %d)", e.key, l.at.line(q.off)),
				say("どちらかの名前を変えてください", "change one of the two names"))
		}
		s.unknown(l.sets[""])
		s.need("name")
		p.Name, p.Dept, p.Person, p.Title = s.str("name"), s.str("dept"), s.str("person"), s.str("title")
		if s.need("mail") {
			p.Mail = s.addresses("mail")
		}
		p.Cc = s.addresses("cc")
		for _, a := range p.Cc {
			for _, b := range p.Mail {
				if strings.EqualFold(a.Mail, b.Mail) {
					s.problem(s.off("cc"), say("%s は mail にも cc にもあります", "%s is in mail and in cc", a.Mail), say("cc から消してください", "delete it from cc"))
				}
			}
		}
		for _, a := range p.Mail {
			k := strings.ToLower(a.Mail)
			if other, ok := owner[k]; ok && other != p.ID {
				s.warn(s.off("mail"), say("%s は %s の宛先でもあります", "%s is an address of %s, too", a.Mail, other),
					say("写し間違いでないか確かめてください", "see whether it was copied by mistake"))
			}
			owner[k] = p.ID
		}
	}
}

func (l *loader) mail() {
	t := l.named("mail")
	s := l.section(t, "mail", "[mail]", "")
	s.unknown(l.sets[""], l.sets["mail.oauth2"])
	m := &l.c.Mail
	if s.need("from") {
		m.From, _ = s.address("from")
	}
	m.ReplyTo, _ = s.address("reply_to")
	m.Bcc = s.addresses("bcc")
	m.User, m.Hello = s.str("user"), s.str("hello")
	if e := s.get("server"); e != nil {
		if v := s.str("server"); v != "" && s.server(e.val, v) {
			m.Server = v
		}
	}
	if e := s.get("auth"); e != nil {
		m.Auth = strings.ToLower(s.str("auth"))
		switch m.Auth {
		case "", "plain", "login", "cram-md5", "scram-sha-256", "xoauth2":
		default:
			s.problem(e.val, say("ログインの方式 %s はありません", "there is no way to log in called %s", clip(m.Auth)),
				say("plain、login、cram-md5、scram-sha-256、xoauth2 のどれかです", "it is one of plain, login, cram-md5, scram-sha-256, xoauth2"))
		}
	}
	m.PasswordFile = s.secretFile("password_file")
	if e := s.get("ca"); e != nil {
		if v := s.str("ca"); v != "" {
			l.ca(s, e, v)
		}
	}
	if e := s.get("rate"); e != nil {
		if v := s.str("rate"); v != "" {
			r, err := mailer.ParseRate(v)
			if err != nil {
				s.problem(e.val, say("「%s」は速さとして読めません", "%q is no rate", clip(v)), say(`rate = "20 per minute" のように書いてください`, `write it like rate = "20 per minute"`))
			}
			m.Rate = r
		}
	}
	if a, ok := s.address("trial_to"); ok {
		m.TrialTo = &a
	}
	m.Outbox = filepath.Join(l.c.Dir, "outbox")
	if v := s.str("outbox"); v != "" {
		m.Outbox = l.c.adminPath(v)
	}
	var ok bool
	if m.GiveUp, ok = s.lead("give_up"); !ok {
		m.GiveUp, _ = calendar.ParseLead("3 days")
	}
	l.oauth2(s)
	if m.Auth == "xoauth2" && !s.has("oauth2") {
		s.problem(s.off("auth"), say(`auth = "xoauth2" には [mail.oauth2] が要ります`, `auth = "xoauth2" needs [mail.oauth2]`),
			say("[mail.oauth2] に token_url と client_id を書いてください", "write token_url and client_id in [mail.oauth2]"))
	}
	if m.User != "" && !s.has("server") {
		s.warn(s.off("user"), say("server がないので、メールは送られず outbox に書き出されます", "there is no server, so that mail is written to the outbox and not sent"),
			say("送るときは server を書いてください", "write server to send it"))
	}
}

func (l *loader) oauth2(m *section) {
	e := m.get("oauth2")
	if e == nil {
		return
	}
	t, ok := e.value.(*table)
	if !ok {
		m.wrongType("oauth2", e.val, e.value, aTable)
		return
	}
	s := l.section(t, "mail.oauth2", "[mail.oauth2]", "")
	s.unknown(m.keys, l.sets[""])
	o := &OAuth2{SecretFile: s.secretFile("secret_file")}
	if s.need("token_url") {
		o.TokenURL = s.str("token_url")
		if o.TokenURL != "" && !strings.HasPrefix(o.TokenURL, "https://") {
			s.problem(s.off("token_url"), say("token_url が https:// で始まっていません", "token_url does not begin with https://"), s.likeExample("token_url"))
		}
	}
	if s.need("client_id") {
		o.ClientID = s.str("client_id")
	}
	for _, it := range s.items("scopes") {
		o.Scopes = append(o.Scopes, it.text)
	}
	l.c.Mail.OAuth2 = o
}
