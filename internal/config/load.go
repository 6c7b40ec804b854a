package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"bod/internal/calendar"
)

const summaryName = "summary"

// MorningName is the reserved job of [summary] morning: what has to be ready today and is not yet.
const MorningName = "morning"

// ReviewName is the reserved job of [summary] review: what the month before teaches.
const ReviewName = "review"

// loader is one Load at work, with one file.
type loader struct {
	c     *Config
	name  string  // what people call the file
	dir   string  // where its relative paths begin
	above *loader // of the administrator's file, once it is known; nil for none
	lang  calendar.Language
	f     findings
	at    *lines
	tree  *tree
	kinds map[string]*kindKeys
	names []string // of the kinds
	sets  map[string]*keySet

	peopleNames, partnerNames []string
	peopleLost                bool // somebody may be missing only because a line could not be read

	words      map[string]string
	rules      map[string]ruleResult
	schedules  map[scheduleKey]scheduleResult
	leads      map[string]leadResult
	abouts     map[string]aboutResult
	addressees map[string]Addressee
	looked     int // nearest words searched for

	testOnlyAsked map[string]bool // the keys that were read
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

// Load reads a jobs.toml that stands alone. A nil Config means that at least one problem is no warning.
func Load(path string, kinds []Kind) (*Config, []Problem) { return LoadWith(path, "", kinds) }

// read does the work of Load; what is wrong is left in l.f in both languages.
func read(path, admin string, kinds []Kind, asked map[string]bool) *loader {
	l := newLoader(kinds)
	l.testOnlyAsked, l.name = asked, "jobs.toml"
	b, err := readConfig(path)
	if fe, ok := errors.AsType[*FileError](err); ok {
		l.f.add(finding{off: noPlace, what: fe.What, next: fe.Next})
		return l
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	sum := sha256.Sum256(b)
	l.dir = filepath.Dir(abs)
	l.c = &Config{
		Path: abs, Dir: l.dir, Digest: hex.EncodeToString(sum[:]), Files: []string{abs},
		People: make(map[string]*Person), Partners: make(map[string]*Partner), Folders: make(map[string]string), mounts: make(map[string]bool),
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
	l.top(admin)
	l.c.seen = nil
	return l
}

func newLoader(kinds []Kind) *loader {
	l := &loader{
		lang:  calendar.Japanese,
		kinds: make(map[string]*kindKeys),
		words: make(map[string]string), rules: make(map[string]ruleResult),
		schedules: make(map[scheduleKey]scheduleResult), leads: make(map[string]leadResult),
		abouts: make(map[string]aboutResult), addressees: make(map[string]Addressee),
	}
	all := Keys(kinds)
	l.sets = setsOf(all)
	for _, k := range kinds {
		keys := l.sets[tableOfKind(k)]
		if !reserved(k.Name()) {
			keys = keysOf(Keys([]Kind{k}), "job.NAME")
			l.names = append(l.names, k.Name())
		}
		l.kinds[k.Name()] = &kindKeys{kind: k, own: k.Keys(), keys: keys}
	}
	return l
}

// readConfig reads the file, whatever it is that lies there. Errors are *FileError.
func readConfig(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer f.Close()
	return readAll(f, path, maxFile)
}

// Unreadable says, in both languages, why a file of rules can't even be read, nil where it can: such a file has told
// nobody its language yet.
func Unreadable(path string) *FileError {
	_, err := readConfig(path)
	fe, _ := errors.AsType[*FileError](err)
	return fe
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

// called is who bears a name, as a hint for those who write it where the key in the file is wanted.
func (l *loader) called(word string, partners bool) calendar.Text {
	bare := func(s string) string {
		s = strings.NewReplacer(" ", "", "　", "").Replace(s)
		for _, honour := range []string{"様", "さん", "御中", "殿"} {
			s = strings.TrimSuffix(s, honour)
		}
		return strings.ToLower(s)
	}
	word = bare(nfc(word))
	if word == "" {
		return calendar.Text{}
	}
	for _, id := range l.peopleNames {
		if p := l.c.People[id]; p != nil && (bare(p.Name) == word || bare(p.Name+p.Title) == word) {
			return say("%s（%s）のことですか", "did you mean %s (%s)?", shownKey(id), clip(p.Name))
		}
	}
	for _, id := range l.partnerNames {
		if p := l.c.Partners[id]; partners && p != nil && (bare(p.Name) == word || utf8.RuneCountInString(word) > 2 && strings.Contains(bare(p.Name), word)) {
			return say("%s（%s）のことですか", "did you mean %s (%s)?", shownKey(id), clip(p.Name))
		}
	}
	return calendar.Text{}
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
		if key == "job" || key == "partner" || key == sourceName {
			ja, en = "["+key+".名前]", "["+key+".NAME]"
		}
		l.f.add(finding{off: e.off,
			what: calendar.Text{JA: key + " は " + ja + " の表で書きます", EN: key + " has to be the table " + en},
			next: calendar.Text{JA: ja + " と1行に書き、その下に項目を書いてください", EN: "write " + en + " on a line and its keys below"}})
	}
	return t
}

// topTables are the tables that a file may have, as a hint for those it may not.
var topTables = []string{"company", "calendar", "mail", "folders", "people", "partner", sourceName, summaryName, "job"}

func (l *loader) top(admin string) {
	root := l.section(l.tree.root, "", "", "")
	l.language(root)
	if !l.readAdmin(admin) {
		return
	}
	if root.need("timezone") {
		l.zone(root)
	}
	for i := range l.tree.root.entries {
		l.topEntry(root, &l.tree.root.entries[i])
	}
	l.company()
	if e := l.tree.root.find("folders"); e != nil && l.above.has("folders") {
		root.settled(e.off, "[folders]")
	} else {
		l.folders(false)
	}
	l.calendar()
	l.people()
	l.partners()
	l.mail()
	if root.need("admin") {
		l.c.Admin = root.persons("admin")
	}
	if l.above.has("state") {
		if e := l.tree.root.find("state"); e != nil {
			root.settled(e.off, "state")
		}
	} else if v := root.str("state"); v != "" {
		l.c.State = l.keep(l.path(v))
	}
	l.sources()
	l.jobs()
}

// topEntry tells what does not belong at the top.
func (l *loader) topEntry(root *section, e *entry) {
	if slices.Contains(topTables, e.key) {
		return
	}
	if isAdminOnly(e.key) {
		root.adminOnly(e)
		return
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

// folders reads [folders]; the administrator's may say more of a folder. One that is not there, empty or not mounted is
// only a warning: were it an error, a daemon that starts before its share is mounted would end, and with it the duties
// that need nothing of that share. What reads from the folder gets the error, and its run waits.
func (l *loader) folders(admin bool) {
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
		place, off, mounted := "", e.val, false
		switch v := e.value.(type) {
		case string:
			place = s.oneLine(e.key, e.val, v)
		case *table:
			if !admin {
				s.wrongType(e.key, e.val, e.value, aText)
				continue
			}
			in := l.section(v, "folders.NAME", "[folders] "+e.key, "")
			in.unknown(l.sets[""])
			mounted = in.truth("mounted", false)
			if in.need("path") {
				place, off = in.str("path"), in.off("path")
			}
		default:
			s.wrongType(e.key, e.val, e.value, aText)
		}
		if place == "" {
			continue
		}
		if !filepath.IsAbs(place) {
			s.problem(off, say("フォルダー %s の場所が / で始まっていません", "the place of the folder %s does not begin with /", e.key),
				say(`%s = "/mnt/share" のように書いてください`, `write it like %s = "/mnt/share"`, shownKey(e.key)))
			continue
		}
		place = filepath.Clean(place)
		name := l.keep(nfc(e.key))
		l.c.Folders[name] = l.keep(place)
		l.c.mounts[name] = mounted
		if info, err := os.Stat(place); err == nil && !info.IsDir() {
			s.problem(off, say("フォルダー %s（%s）はフォルダーではありません", "the folder %s (%s) is no folder", e.key, place),
				say("フォルダーの場所を書いてください", "write the place of a folder"))
		} else if errors.Is(err, fs.ErrNotExist) {
			s.warn(off, say("フォルダー %s（%s）がありません。使う仕事は送らずに待ちます", "the folder %s (%s) is not there; what needs it waits", e.key, place),
				say("つながっているか（マウントされているか）を確かめてください", "see whether it is mounted"))
		} else if fe, ok := errors.AsType[*FileError](l.c.CheckFolder(name)); ok {
			s.warn(off, calendar.Text{
				JA: e.key + " の " + place + "：" + fe.What.JA + "。使う仕事は送らずに待ちます",
				EN: e.key + " " + place + ": " + fe.What.EN + "; what needs it waits"}, fe.Next)
		}
	}
}

// note tells the test hook that a key with a free name was read.
func (l *loader) note(table, key string) {
	if l.testOnlyAsked != nil {
		l.testOnlyAsked[table+"\x00"+key] = true
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
	l.c.ClosedDays, l.c.OpenDays = s.ranges("closed"), s.ranges("open")
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
	short := path
	if !filepath.IsAbs(path) { // an absolute one is the administrator's, who needs all of it
		short = clip(path)
	}
	if fe, ok := errors.AsType[*FileError](err); ok {
		s.problem(off, calendar.Text{JA: key + " の " + short + "：" + fe.What.JA, EN: key + " " + short + ": " + fe.What.EN}, fe.Next)
		return
	}
	s.problem(off, say("%s の %s を読めません（%v）", "%s %s cannot be read (%v)", key, short, err),
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
	d, problems := calendar.NewDays(calendar.DaysOptions{Country: country, Closed: l.c.ClosedDays, Open: l.c.OpenDays, Holidays: l.c.Holidays})
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
		"source":  say("source の名前", "the name of the source"),
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
	case what == "job" && e.key == ReviewName:
		s.problem(e.off, say("review という名前の job は作れません", "a job cannot be called review"),
			say("月のふりかえりは [summary] の review に書きます。ほかの名前にしてください", "the monthly review is written as review in [summary]; choose another name"))
	case what == "job" && e.key == MorningName:
		s.problem(e.off, say("morning という名前の job は作れません", "a job cannot be called morning"),
			say("朝のお知らせは [summary] の morning に書きます。ほかの名前にしてください", "the morning notice is written as morning in [summary]; choose another name"))
		return false
	case (what == "person" || what == "partner") && allNames[e.key]:
		return bad("は全員を指す言葉と紛らわしいので使えません", "could be taken for everybody")
	}
	return true
}
