package jobs

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// request words the asking for a confirmation: what goes out, what deserves a look, what was looked at already, and
// the one command. It is made of the sealed bytes, so what a person reads is what will be sent.
func request(c *config.Config, v *ledger.View, m matter, p *config.Person, now time.Time) (subject string, words *page, err error) {
	l := c.Language
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	at := func(x time.Time) string { return moment(x.In(c.Zone), l) }
	var shown []shownMessage
	for _, x := range m.messages {
		body, err := v.Body(x.ID)
		if err != nil {
			return "", nil, fmt.Errorf("couldn't read the message %s: %w", x.Number, err)
		}
		s, err := showMessage(body)
		if err != nil {
			return "", nil, fmt.Errorf("couldn't read the message %s: %w", x.Number, err)
		}
		s.message = x
		shown = append(shown, s)
	}
	n := len(shown)
	sum, priced := m.amount()
	count, total := t(fmt.Sprintf("%d通", n), plural(n, "message", "messages")), ""
	if priced {
		total = t("　", ", ") + yen(sum, l)
	}
	subject = t(fmt.Sprintf("【確認のお願い】%s %s", m.title, count), fmt.Sprintf("[please confirm] %s, %s", m.title, count))
	if priced {
		subject += t(" ", ", ") + yen(sum, l)
	}
	ahead := m.run.Due.After(now) // a yes that comes after the due moment still lets it go, at once
	if ahead {
		limit, _ := m.limit(now)
		subject += t("（"+limit.short(l)+"）", " ("+limit.short(l)+")")
	}

	earlier := previousRun(v, m.run)
	look, well := compare(c, shown, earlier)
	rows := eachOf(m.job)
	if rows != nil {
		look, well = compareRows(c, rows, shown, earlier)
	}
	if len(earlier) == 0 {
		if slices.ContainsFunc(shown, func(s shownMessage) bool { return len(s.files) > 0 }) {
			look = append(look, t("はじめての送付です。宛先と添付の中身をご覧ください", "It goes out for the first time. Please see the addresses and what is attached"))
		} else {
			look = append(look, t("はじめての送付です。宛先と文面をご覧ください", "It goes out for the first time. Please see the addresses and the text"))
		}
	}
	found, passed, err := requestChecks(c, v, shown)
	if err != nil {
		return "", nil, err
	}
	look, well = slices.Concat(found, look), append(well, passed...)
	words = newPage(l, toneNeeds)
	words.greet(colleague(p, l))
	words.pre = t("お疲れさまです。\n下記を送る前の確認をお願いいたします。", "please have a look at the following before it is sent.\n") + quorum(c, m, l)
	words.add(para{words: words.pre})
	words.gap()
	rs := facts{
		{t("内容", "What"), m.title},
		{t("送付予定", "Goes out"), at(m.run.Due)},
		{t("通数合計", "Messages"), count + total},
	}
	if stay := heldByChecks(m.messages); len(stay) > 0 {
		// Who says yes to a sum has to know what of it won't leave by that yes alone.
		what := t(fmt.Sprintf("%d通", len(stay)), plural(len(stay), "message", "messages"))
		if sum, priced := (matter{messages: stay}).amount(); priced {
			what += t("　", ", ") + yen(sum, l)
		}
		rs = append(rs, row{t("うち止めているもの", "Held of these"), what + t("（下にあります。直るか、送ると決めるまで送りません）", " (see below; not sent before it is mended, or somebody decides that it goes)")})
	}
	if rows != nil && m.run.Said != "" {
		rs = append(rs, row{t("内訳", "Of these"), clean(m.run.Said)})
	}
	if len(earlier) > 0 {
		rs = append(rs, row{t("前回", "Last time"), lastTime(c, earlier)})
	}
	words.add(rs)
	words.gap()
	if len(look) > 0 {
		words.add(head{"", t(fmt.Sprintf("【見ていただきたいところ】%dか所", len(look)), fmt.Sprintf("[Please look at] %s", plural(len(look), "point", "points"))), toneNeeds})
		for i, s := range look {
			first, under, _ := strings.Cut(s, "\n")
			x := entry{mark: fmt.Sprintf("%d. ", i+1), what: first, hang: t("　 ", "   ")}
			if under != "" {
				x.under = strings.Split(under, "\n")
			}
			words.add(x)
		}
		words.gap()
	}
	if len(well) > 0 {
		words.add(head{"", t("【確認済みのところ】（見直しは不要です）", "[Looked at already] (no need to look again)"), toneWell})
		for _, s := range well {
			words.add(entry{mark: t("・", "- "), what: s})
		}
		words.gap()
	}
	if before := m.precedent(c, v, now); before != "" {
		words.say(before)
		words.gap()
	}
	contents(words, shown, rows != nil)
	words.say(t("確認できたら、次のとおりお願いします。", "If all is right, please confirm with this line."))
	late := slices.ContainsFunc(m.messages, func(x ledger.Message) bool {
		return slices.ContainsFunc(x.Holds, func(h ledger.Hold) bool { return h.Reason == ledger.Late })
	})
	switch {
	case late:
		owners := names(m.owners, withSan, l)
		words.say(t("（予定の時刻を過ぎて止めています。送られるのは、確認がそろい、\n"+owners+"がいまから送ると決めたあとです）",
			"It is on hold, for its time has passed: it goes out once it is\nconfirmed and "+owners+" has decided to send it still."))
	case ahead && m.messages[0].ConfirmCount > 1:
		words.say(t("（この1行で確認したことになり、確認がそろえば、送る予定の時刻に\n送られます）", "It goes out at its time, once everyone needed has confirmed."))
	case ahead:
		words.say(t("（この1行で確認したことになり、送る予定の時刻に送られます）", "It goes out at its time then."))
	default:
		words.say(t("（予定の時刻を過ぎていますので、確認がそろうと送られます）", "Its time has passed, so it goes out as soon as it is confirmed."))
	}
	words.add(commands{{"", "bod confirm " + m.run.Number + " --set " + shownSet(m.messages) + " --by " + p.ID}})
	words.gap()
	if ahead {
		words.say(t(fmt.Sprintf("%sまでに確認がない場合は、\n送らずにお待ちします。", at(m.run.Due)), fmt.Sprintf("If there is no word by %s,\nit is not sent and goes on waiting.", at(m.run.Due))))
	} else {
		words.say(t("確認があるまで、送らずにお待ちします。", "Until then it is not sent."))
	}
	words.gap()
	words.say(names(m.owners, func(p *config.Person, _ calendar.Language) string { s, _ := honored(p.Name); return s }, l))
	return subject, words, nil
}

// heldByChecks are the messages that a check holds: a yes alone lets none of them go.
func heldByChecks(ms []ledger.Message) (out []ledger.Message) {
	for _, m := range ms {
		if slices.ContainsFunc(m.Holds, func(h ledger.Hold) bool { return h.Reason == ledger.Check }) {
			out = append(out, m)
		}
	}
	return out
}

// requestChecks are what the job's checks found: what is wrong and was agreed not to be held for, first, and what passed. Of one
// message each check is said with its figures; of many each sort once, with how many passed.
func requestChecks(c *config.Config, v *ledger.View, shown []shownMessage) (look, well []string, err error) {
	l := c.Language
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	results, err := CheckedIn(v, shown[0].message.Run)
	if err != nil {
		return nil, nil, err
	}
	passed := 0
	for _, s := range shown {
		all := true
		for _, r := range results.Of(s.message.Part, s.message.Inputs) {
			switch {
			case r.Verdict != Passed:
				all = false
				if len(look) < listAtMost {
					look = append(look, s.message.Addressee+t("：", ": ")+r.Words(l))
				}
			case len(shown) == 1:
				well = append(well, r.Words(l))
			}
		}
		if all && len(results.Of(s.message.Part, s.message.Inputs)) > 0 {
			passed++
		}
	}
	if len(shown) > 1 && passed > 0 {
		well = append(well, t(fmt.Sprintf("決めてある確認（check）を、%d通すべてが通りました", passed), fmt.Sprintf("All %d messages came through the agreed checks", passed)))
		if passed < len(shown) {
			well[len(well)-1] = t(fmt.Sprintf("決めてある確認（check）を、%d通のうち%d通が通りました", len(shown), passed), fmt.Sprintf("%d of %d messages came through the agreed checks", passed, len(shown)))
		}
	}
	return look, well, nil
}

// quorum says who confirms and how often: 確認は1回（田中部長）です.
func quorum(c *config.Config, m matter, l calendar.Language) string {
	x := m.messages[0]
	who := people(c, x.ConfirmBy)
	list := names(who, colleague, l)
	if x.ConfirmCount < len(who) {
		return calendar.Text{JA: fmt.Sprintf("確認は%d回（%sのうち%d名）です。", x.ConfirmCount, list, x.ConfirmCount),
			EN: fmt.Sprintf("It needs %s (of %s).", plural(x.ConfirmCount, "confirmation", "confirmations"), list)}.In(l)
	}
	return calendar.Text{JA: fmt.Sprintf("確認は%d回（%s）です。", x.ConfirmCount, list),
		EN: fmt.Sprintf("It needs %s (%s).", plural(x.ConfirmCount, "confirmation", "confirmations"), list)}.In(l)
}

// previousRun are the letters of the job's run before this one that went out.
func previousRun(v *ledger.View, r ledger.Run) []ledger.Message {
	for x, err := range v.Runs(ledger.RunQuery{Job: r.Job, States: []ledger.RunState{ledger.RunDone}, DueUntil: r.Due, Newest: true, Limit: 3}) {
		if err != nil {
			return nil
		}
		if x.ID == r.ID {
			continue
		}
		var out []ledger.Message
		for m, err := range v.Messages(ledger.MessageQuery{Run: x.ID}) {
			if err != nil {
				return nil
			}
			if _, ended := endedAt(m); ended && m.Class == ledger.ClassLetter {
				out = append(out, m)
			}
		}
		return out
	}
	return nil
}

// lastTime is how many there were last time, and how much.
func lastTime(c *config.Config, ms []ledger.Message) string {
	l := c.Language
	sum, priced := matter{messages: ms}.amount()
	s := calendar.Text{JA: fmt.Sprintf("%d通", len(ms)), EN: plural(len(ms), "message", "messages")}.In(l)
	if priced {
		s += calendar.Text{JA: "　", EN: ", "}.In(l) + yen(sum, l)
	}
	if at, ok := endedAt(ms[0]); ok {
		s += calendar.Text{JA: "（" + calendar.DateOf(at.In(c.Zone)).Short(l) + "）", EN: " (" + calendar.DateOf(at.In(c.Zone)).Short(l) + ")"}.In(l)
	}
	return s
}

// compare says what differs from last time, and what needs no second look because it was looked at. Only what the
// ledger knows is said: a statement that nobody checked would be worse than none.
func compare(c *config.Config, shown []shownMessage, earlier []ledger.Message) (look, well []string) {
	l := c.Language
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	files, recipients, letters := 0, 0, 0
	repeated, moved := false, 0
	for _, s := range shown {
		m := s.message
		files += len(s.files)
		recipients += len(outsiders(m))
		before, known := find(earlier, m.Part)
		if len(earlier) > 0 && !known {
			look = append(look, t(fmt.Sprintf("%s：前回は宛先にありませんでした\n%s", m.Addressee, strings.Join(outsiders(m), "、")),
				fmt.Sprintf("%s was not written to last time\n%s", m.Addressee, strings.Join(outsiders(m), ", "))))
			moved++
			continue
		}
		if !known {
			continue
		}
		if a, b := outsiders(before), outsiders(m); !slices.Equal(a, b) {
			moved++
			look = append(look, t(fmt.Sprintf("%s：宛先が前回から変わりました\n%s → %s", m.Addressee, strings.Join(a, "、"), strings.Join(b, "、")),
				fmt.Sprintf("%s: the address changed since last time\n%s -> %s", m.Addressee, strings.Join(a, ", "), strings.Join(b, ", "))))
		}
		if m.Amount != nil && before.Amount != nil && *m.Amount != *before.Amount {
			look = append(look, t(fmt.Sprintf("%s：金額が前回から変わりました\n%s → %s", m.Addressee, yen(*before.Amount, l), yen(*m.Amount, l)),
				fmt.Sprintf("%s: the amount changed since last time\n%s -> %s", m.Addressee, yen(*before.Amount, l), yen(*m.Amount, l))))
		}
		for _, in := range m.Inputs {
			switch in.Kind {
			case "file":
				if slices.ContainsFunc(before.Inputs, func(b ledger.Input) bool { return b.Kind == "file" && b.Hash == in.Hash }) {
					repeated = true
					look = append(look, t(fmt.Sprintf("%s：添付の中身が前回とまったく同じです\n%s", m.Addressee, baseName(in.Name)),
						fmt.Sprintf("%s: the attachment is exactly last time's\n%s", m.Addressee, baseName(in.Name))))
				}
			case "letter":
				if !slices.ContainsFunc(before.Inputs, func(b ledger.Input) bool { return b.Kind == "letter" && b.Hash == in.Hash }) {
					letters++
				}
			}
		}
	}
	if letters > 0 {
		look = append(look, t("手紙の文面が前回から変わりました", "The letter's text changed since last time"))
	}
	if recipients > 0 && moved == 0 && len(earlier) > 0 {
		well = append(well, t(fmt.Sprintf("宛先%d件は、前回と同じです", recipients), fmt.Sprintf("The addresses are last time's (%d)", recipients)))
	} else {
		well = append(well, t("宛先は、予定表（jobs.toml）に登録したとおりです", "The addresses are those of jobs.toml"))
	}
	if files > 0 {
		well = append(well, t(fmt.Sprintf("添付%d点は空ではなく、名前どおりの種類のファイルです", files), fmt.Sprintf("The attachments (%d) are not empty and are the kind of file that they say", files)))
		if len(earlier) > 0 && !repeated {
			well = append(well, t("前回と同じ中身の添付はありません", "No attachment is last time's again"))
		}
	}
	well = append(well, t("文面に、埋まっていない欄はありません", "No field of the text is left open"))
	if len(earlier) > 0 && letters == 0 {
		well = append(well, t("手紙の文面は、前回と同じです", "The letter's text is last time's"))
	}
	return look, well
}

// find is the earlier message to the same addressee.
func find(ms []ledger.Message, part string) (ledger.Message, bool) {
	i := slices.IndexFunc(ms, func(m ledger.Message) bool { return m.Part == part })
	if i < 0 {
		return ledger.Message{}, false
	}
	return ms[i], true
}

// outsiders are the addresses that a message goes to, without blind copies, sorted.
func outsiders(m ledger.Message) []string {
	var out []string
	for _, r := range m.Recipients {
		if r.Role != "bcc" {
			out = append(out, r.Mail)
		}
	}
	slices.Sort(out)
	return out
}

// blindCopies are the addresses that get a copy which the others don't see: no header names them, but the office has to
// know before it says yes.
func blindCopies(m ledger.Message) (out []string) {
	for _, r := range m.Recipients {
		if r.Role == "bcc" {
			out = append(out, r.Mail)
		}
	}
	return out
}

// baseName is a file's name without its folders.
func baseName(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// listAtMost is how many messages of one run are listed one by one, and linesAtMost how much of a letter is shown.
const (
	listAtMost  = 20
	linesAtMost = 40
)

// lettersList says of each message whom it is for and what goes with it.
func lettersList(p *page, shown []shownMessage) {
	for i, s := range shown {
		if i == listAtMost {
			p.say(p.t(fmt.Sprintf("ほか%d通", len(shown)-i), fmt.Sprintf("and %d more", len(shown)-i)))
			break
		}
		if len(shown) > 1 {
			p.say(fmt.Sprintf("%d. %s", i+1, s.message.Addressee) + p.t("（番号 "+s.message.Number+"）", " (number "+s.message.Number+")"))
		}
		p.add(facts{
			{p.t("宛先", "To"), strings.Join(s.to, "\n")},
			{p.t("写し", "Cc"), strings.Join(s.cc, "\n")},
			{p.t("控え", "Blind copy"), strings.Join(blindCopies(s.message), "\n")},
			{p.t("件名", "Subject"), s.message.Subject},
			{p.t("添付", "Attached"), strings.Join(s.attached(p.l), "\n")},
		})
	}
}

// contents shows what would go out; short is a line or two for each message.
func contents(p *page, shown []shownMessage, short bool) {
	p.add(head{"", p.t("【送る内容】", "[What goes out]"), tonePlain})
	if short && len(shown) > 1 {
		rowsTable(p, shown)
	} else {
		lettersList(p, shown)
	}
	p.gap()
	if len(shown) > 1 {
		p.say(p.t("1通目の文面です。", "The text of the first:"))
	}
	lines := strings.Split(strings.TrimRight(shown[0].text, "\n"), "\n")
	letter := quoted{begins: p.t("----- ここから -----", "----- begins -----"), ends: p.t("----- ここまで -----", "----- ends -----")}
	if rest := len(lines) - linesAtMost; rest > 0 {
		lines = lines[:linesAtMost]
		letter.rest = p.t(fmt.Sprintf("（このあと%d行）", rest), fmt.Sprintf("(%d more lines)", rest))
	}
	letter.words = strings.Join(lines, "\n")
	p.add(letter)
	p.gap()
	if n := len(shown) - 1; n > 0 {
		p.say(p.t(fmt.Sprintf("ほか%d通の文面は、このメールにはありません。\n番号を付けて、次のように見られます。", n),
			fmt.Sprintf("The text of the other %s is not in this mail.\nSee each by its number, like this:", plural(n, "message", "messages"))))
		p.add(commands{{"", "bod show " + shown[1].message.Number}})
		p.gap()
	}
}

// shownMessage is a sealed message as a person reads it.
type shownMessage struct {
	message ledger.Message
	to, cc  []string
	text    string
	files   []shownFile
}

// shownFile is an attachment by its name and size.
type shownFile struct {
	name string
	size int
}

// showMessage reads sealed bytes back.
func showMessage(body []byte) (s shownMessage, err error) {
	m, err := mail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		return s, fmt.Errorf("couldn't read the headers: %w", err)
	}
	addresses := func(name string) (out []string) {
		if m.Header.Get(name) == "" {
			return nil
		}
		as, err := (&mail.AddressParser{WordDecoder: new(mime.WordDecoder)}).ParseList(m.Header.Get(name))
		if err != nil {
			return []string{clean(m.Header.Get(name))}
		}
		for _, a := range as {
			if a.Name == "" {
				out = append(out, a.Address)
				continue
			}
			out = append(out, clean(a.Name)+" <"+a.Address+">")
		}
		return out
	}
	s.to, s.cc = addresses("To"), addresses("Cc")
	err = s.part(m.Header.Get, m.Body, 0)
	return s, err
}

// attached lists the attachments with their sizes.
func (s shownMessage) attached(l calendar.Language) (out []string) {
	for _, f := range s.files {
		out = append(out, f.name+calendar.Text{JA: "（" + bytesWords(f.size) + "）", EN: " (" + bytesWords(f.size) + ")"}.In(l))
	}
	return out
}

// part reads one MIME part and those inside it.
func (s *shownMessage) part(header func(string) string, r io.Reader, depth int) error {
	typ, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		typ = "text/plain"
	}
	if strings.HasPrefix(typ, "multipart/") && depth < 8 {
		parts := multipart.NewReader(r, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("couldn't read a part: %w", err)
			}
			if err := s.part(p.Header.Get, p, depth+1); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(header("Content-Transfer-Encoding")) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("couldn't decode a part: %w", err)
	}
	disposition, dp, _ := mime.ParseMediaType(header("Content-Disposition"))
	switch {
	case disposition == "attachment":
		name := dp["filename"]
		if name == "" {
			name = params["name"]
		}
		s.files = append(s.files, shownFile{clean(name), len(b)})
	case typ == "text/plain" && s.text == "":
		s.text = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	return nil
}

// bytesWords says a file's size as people read it.
func bytesWords(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KB", (n+1023)/1024)
	}
	return fmt.Sprintf("%d B", n)
}
