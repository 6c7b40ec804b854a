package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// missedSpan is how long a missed run is told of by a notice: the ledger knows which notices went out, so a longer span
// tells nothing twice, it only costs reading.
const missedSpan = 7 * 24 * time.Hour

// proofFirst is how long the mail server's log is given, where it can be asked, before a person is.
const proofFirst = 2 * time.Minute

// Notices returns every notice that ought to exist now, from the ledger alone: what is held, late, failed, missed, unknown, what waits, what asks for a confirmation, a paused queue.
// Their keys are notice/<what>/<id>/<digest of what it tells>, so that each goes out once; the ledger drops those that it has.
// What can't be read or worded is left out and returned as an error beside the others.
func Notices(ctx context.Context, c *config.Config, v *ledger.View, now time.Time) ([]ledger.NewMessage, error) {
	ms, err := matters(c, v, now.Add(-missedSpan))
	errs := []error{err}
	var out []ledger.NewMessage
	for _, m := range ms {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if m.what == whatUnknown && c.ProofProgram != "" && now.Before(m.since.Add(proofFirst)) {
			continue
		}
		for _, p := range m.told(c, now) {
			key := noticeKey(m.what, m.id(), m.digest(), p.ID)
			switch _, err := v.MessageByKey(key); {
			case err == nil:
				continue // told already, or at least tried: a notice is never sent a second time
			case !errors.Is(err, ledger.ErrNotFound):
				errs = append(errs, err)
				continue
			}
			n, err := noticeOf(c, v, m, p, key, now)
			if err != nil {
				errs = append(errs, fmt.Errorf("couldn't word the notice %s: %w", key, err))
				continue
			}
			out = append(out, n)
		}
	}
	told, err := tellings(c, v, now)
	return append(out, told...), errors.Join(append(errs, err)...)
}

// told are the people who get a notice: those who have to act, but not who did it themselves, and once the matter is
// old the admins.
func (m matter) told(c *config.Config, now time.Time) []*config.Person {
	who := m.whose(c)
	if m.summary {
		who = c.Admin
	}
	deputies, _ := m.deputies(c, now)
	who = slices.Concat(who, deputies)
	if m.what != whatPerson {
		return who
	}
	return slices.DeleteFunc(who, func(p *config.Person) bool {
		return !slices.ContainsFunc(m.messages, func(x ledger.Message) bool {
			return slices.ContainsFunc(x.Holds, func(h ledger.Hold) bool { return h.Reason == ledger.Person && h.By.Name != p.ID })
		})
	})
}

// noticeKey names a notice by what it tells to whom.
func noticeKey(what, id, digest, person string) string {
	return "notice/" + what + "/" + id + "/" + hash([]byte(digest + "\x00" + person))[:16]
}

// noticeOf words one notice. What can't be worded is told all the same, by its number: a notice that is lost because
// of one odd value would be a silent end.
func noticeOf(c *config.Config, v *ledger.View, m matter, p *config.Person, key string, now time.Time) (ledger.NewMessage, error) {
	subject, words, err := wordsOf(c, v, m, p, now)
	if err != nil {
		subject = calendar.Text{JA: fmt.Sprintf("【要確認】%s（番号 %s）", m.word(c.Language), m.number()), EN: fmt.Sprintf("[please check] %s (number %s)", m.word(c.Language), m.number())}.In(c.Language)
		words = newPage(c.Language, toneNeeds)
		words.greet(colleague(p, c.Language))
		words.say(calendar.Text{JA: fmt.Sprintf("番号 %s の状態は「%s」です。\n内容を文にできませんでしたので、記録でご確認ください。", m.number(), m.word(c.Language)),
			EN: fmt.Sprintf("number %s is %q.\nIt could not be put into words; please look it up in the record.", m.number(), m.word(c.Language))}.In(c.Language))
		words.gap()
		words.add(commands{{"", "bod show " + m.number()}})
	}
	return notice(c, now, []*config.Person{p}, key, p.ID, subject, words)
}

// wordsOf words a notice; a panic is an error of this one.
func wordsOf(c *config.Config, v *ledger.View, m matter, p *config.Person, now time.Time) (subject string, words *page, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("an error inside bod (panic): %v", r)
		}
	}()
	if m.what == whatConfirm && slices.Contains(m.whose(c), p) {
		return request(c, v, m, p, now)
	}
	subject, words = tell(c, m, p, m.precedent(c, v, now), now)
	return subject, words, nil
}

// notice renders a mail of bod's own.
func notice(c *config.Config, now time.Time, to []*config.Person, key, part, subject string, words *page) (ledger.NewMessage, error) {
	env := &envelope{config: c}
	var header []mailer.Address
	var who []string
	for _, p := range to {
		header = append(header, env.add("to", addressesOf(config.Addressee{Person: p})...)...)
		who = append(who, withSan(p, c.Language))
	}
	l := ownLetter(c, header, clean(subject), words)
	in, err := inputOf("row", key, []any{env.rs, subject})
	if err != nil {
		return ledger.NewMessage{}, err
	}
	return finish(c, ledger.NewMessage{
		Class: ledger.ClassNotice, Part: part, Key: key, Addressee: strings.Join(who, calendar.Text{JA: "、", EN: ", "}.In(c.Language)),
		Recipients: env.rs, Inputs: []ledger.Input{in}, Date: now, NotBefore: now, Deadline: now.Add(noticeDeadline),
	}, l)
}

// Alarm words one notice to the admins about something that is not in the ledger: a jobs.toml that could not be read, a job that panicked.
func Alarm(c *config.Config, now time.Time, what, id string, subject, text calendar.Text) (ledger.NewMessage, error) {
	l := c.Language
	body := strings.Trim(text.In(l), "\n")
	to := names(c.Admin, colleague, l)
	if l == calendar.English {
		body = to + ",\n\n" + body
	} else {
		body = to + "\n\nお疲れさまです。\n" + body
	}
	key := "notice/" + keyPart(what) + "/" + keyPart(id) + "/" + hash([]byte(subject.In(l) + "\x00" + body))[:16]
	m, err := notice(c, now, c.Admin, key, "admin", subject.In(l), pageOf(l, cleanLines(body)))
	if err != nil {
		return ledger.NewMessage{}, fmt.Errorf("couldn't word the alarm %s: %w", key, err)
	}
	return m, nil
}

// keyPart keeps a name from looking like more parts of a key.
func keyPart(s string) string {
	return strings.ReplaceAll(clean(s), "/", "-")
}

// cleanLines is clean for a text of several lines.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// pageOf makes a page of a text: lines that are set in stay lines of their own.
func pageOf(l calendar.Language, text string) *page {
	p := newPage(l, toneNeeds)
	var run []string
	set := false
	flush := func() {
		if len(run) > 0 {
			p.say(strings.Join(run, "\n"))
		}
		run = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		in := strings.HasPrefix(line, "　") || strings.HasPrefix(line, " ")
		if line == "" || in != set {
			flush()
		}
		if line == "" {
			p.gap()
			continue
		}
		run, set = append(run, line), in
	}
	flush()
	return p
}

// tell words a notice about what is held, late, failed, missed or unknown, what waits, and what pauses everything. It
// says no day by today's name: the same matter is worded the same however late it is read. before is how the same was settled last.
func tell(c *config.Config, m matter, p *config.Person, before string, now time.Time) (subject string, words *page) {
	l := c.Language
	at := func(t time.Time) string { return moment(t.In(c.Zone), l) }
	title := m.title
	if m.what == whatPaused {
		title = ""
	}
	subject = m.subject(title, l)
	words = newPage(l, toneNeeds)
	words.greet(colleague(p, l))
	words.pre = m.opening(l, at, now)
	words.add(para{words: words.pre, look: "lead"})
	if deputies, _ := m.deputies(c, now); slices.Contains(deputies, p) {
		words.say(calendar.Text{
			JA: fmt.Sprintf("%sにお願いしましたが、%d営業日たってもそのままです。\nあわせて見ていただけますでしょうか。", names(m.whose(c), withSan, l), deputyAfter),
			EN: fmt.Sprintf("%s was asked %d business days ago, and nothing has changed.\nCould you see to it, too?", names(m.whose(c), withSan, l), deputyAfter)}.In(l))
	}
	words.gap()
	if rs := m.details(c, at, now); len(rs) > 0 {
		words.add(rs)
		words.gap()
	}
	if before != "" {
		words.say(before)
		words.gap()
	}
	todo := m.todo(l)
	if m.what == whatConfirm { // told to a deputy, whose own yes would not count
		whose := names(m.whose(c), withSan, l)
		todo = []string{calendar.Text{JA: whose + "に声をかけるか、予定表（jobs.toml）の確認する人を見直してください", EN: "ask " + whose + ", or look at who confirms it in jobs.toml"}.In(l)}
	}
	for _, s := range todo {
		if s = stop(capital(s, l), l); len(todo) == 1 {
			words.say(s)
		} else {
			words.add(entry{mark: calendar.Text{JA: "・", EN: "- "}.In(l), what: s})
		}
	}
	if m.what != whatUnknown {
		if s := m.byItself(now, l); s != "" {
			words.say(s)
		}
	}
	if cmds := m.commands(c, p); len(cmds) > 0 {
		words.gap()
		words.add(cmds)
	}
	return subject, words
}

// capital begins an English sentence.
func capital(s string, l calendar.Language) string {
	if l != calendar.English || s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// subject says at a glance what is the case and with what.
func (m matter) subject(title string, l calendar.Language) string {
	if m.summary {
		n := ""
		if len(m.messages) > 0 && m.messages[0].Addressee != "" {
			n = m.messages[0].Addressee
		}
		if m.what == whatUnknown {
			return calendar.Text{JA: fmt.Sprintf("【要確認】%sへの%sが届いたか分かりません", n, m.own(l)), EN: fmt.Sprintf("[please check] The %s to %s may not have arrived", m.own(l), n)}.In(l)
		}
		return calendar.Text{JA: fmt.Sprintf("【要確認】%sへの%sをお届けできていません", n, m.own(l)), EN: fmt.Sprintf("[please check] The %s to %s was not sent", m.own(l), n)}.In(l)
	}
	amount := ""
	if sum, ok := m.amount(); ok {
		amount = calendar.Text{JA: "（" + yen(sum, l) + "）", EN: " (" + yen(sum, l) + ")"}.In(l)
	}
	var t calendar.Text
	switch m.what {
	case whatConfirm:
		t = calendar.Text{JA: "【確認待ち】%sを送らずに待っています", EN: "[not confirmed] %s is waiting"}
	case whatCheck, whatPerson, whatGone, whatRestored:
		t = calendar.Text{JA: "【保留】%sを送っていません", EN: "[on hold] %s has not been sent"}
	case whatLate:
		t = calendar.Text{JA: "【期日超過】%sを送らずに止めています", EN: "[past its day] %s is on hold"}
	case whatFailed:
		t = calendar.Text{JA: "【送れませんでした】%s", EN: "[not sent] %s could not be sent"}
		if m.partly() {
			t = calendar.Text{JA: "【送れませんでした】%s（一部の宛先）", EN: "[not sent] %s could not be sent to some of its addressees"}
		}
	case whatUnknown:
		t = calendar.Text{JA: "【要確認】%sが届いたか分かりません", EN: "[please check] %s may not have arrived"}
	case whatWaiting:
		t = calendar.Text{JA: "【準備待ち】%sがまだそろっていません", EN: "[waiting] %s is not complete yet"}
	case whatBroken:
		t = calendar.Text{JA: "【準備できません】%s", EN: "[not prepared] %s could not be prepared"}
	case whatMissed:
		t = calendar.Text{JA: "【実施できず】%s", EN: "[not done] %s was not done in time"}
	case whatPaused:
		return m.pausedSubject(l)
	}
	return fmt.Sprintf(t.In(l), title) + amount
}

func (m matter) pausedSubject(l calendar.Language) string {
	switch m.flag.Name {
	case "session":
		return calendar.Text{JA: "【送信停止中】メールサーバーにつながりません", EN: "[mail is paused] The mail server refuses us"}.In(l)
	case "clock":
		return calendar.Text{JA: "【送信停止中】時計が戻っています", EN: "[mail is paused] The clock was set back"}.In(l)
	case "restored":
		return calendar.Text{JA: "【送信停止中】記録が控えから戻されました", EN: "[mail is paused] The record was restored from a copy"}.In(l)
	case "disk":
		return calendar.Text{JA: "【送信停止中】記録を書き込めません", EN: "[mail is paused] The record can't be written"}.In(l)
	case flagStopped:
		return calendar.Text{JA: "【送信停止中】すべての送信を止めています", EN: "[stopped] All mail is stopped"}.In(l)
	}
	if m.stopsOne() {
		return calendar.Text{JA: "【送信停止中】" + m.title + "を止めています", EN: "[stopped] " + m.title}.In(l)
	}
	return calendar.Text{JA: "【送信停止中】確認をお願いします", EN: "[mail is paused] Please have a look"}.In(l)
}

// opening is the sentence that says what happened.
func (m matter) opening(l calendar.Language, at func(time.Time) string, now time.Time) string {
	due := at(m.run.Due)
	switch {
	case m.what == whatPaused:
		return m.state(l)
	case m.summary && m.what == whatUnknown:
		return calendar.Text{JA: m.own(l) + "を送る途中で接続が切れ、届いたか分かりません。\n自動では送り直しません。", EN: "The connection broke while the " + m.own(l) + " was being sent. It is not\nknown whether it arrived, and it is not sent again."}.In(l)
	case m.summary:
		return calendar.Text{JA: m.own(l) + "をお届けできていません。", EN: "The " + m.own(l) + " has not been sent."}.In(l)
	}
	var t calendar.Text
	switch m.what {
	case whatConfirm:
		t = calendar.Text{JA: fmt.Sprintf("%sに送る予定のものが、\n確認を待っています。", due), EN: fmt.Sprintf("What was to go out on %s waits for its confirmation.", due)}
	case whatCheck, whatPerson, whatGone, whatRestored:
		t = calendar.Text{JA: fmt.Sprintf("%sに送る予定のものを、\n送らずに止めています。", due), EN: fmt.Sprintf("What was to go out on %s is on hold.", due)}
	case whatLate:
		t = calendar.Text{JA: fmt.Sprintf("%sに送る予定でしたが、その時刻に\n送れなかったため、送らずに止めています。", due), EN: fmt.Sprintf("It was to go out on %s.\nThat time has passed, so it is on hold until somebody decides.", due)}
		if m.run.Due.After(now) { // its day was moved ahead again after it had passed
			t = calendar.Text{JA: fmt.Sprintf("予定の時刻をいちど過ぎたあとで、予定が%sに\n変わりました。送ってよいか分からないので、止めています。", due), EN: fmt.Sprintf("Its time had passed before its day was moved to %s.\nIt is on hold until somebody decides.", due)}
		}
	case whatFailed:
		t = calendar.Text{JA: fmt.Sprintf("%sに送る予定のものを、\n送れませんでした。", due), EN: fmt.Sprintf("What was to go out on %s could not be sent.", due)}
		if m.partly() {
			t = calendar.Text{JA: fmt.Sprintf("%sに送る予定のものを、\n一部の宛先に送れませんでした。", due), EN: fmt.Sprintf("What was to go out on %s could not be\nsent to some of its addressees.", due)}
		}
	case whatUnknown:
		t = calendar.Text{JA: fmt.Sprintf("%sの送信で、メールサーバーの返事の途中で\n接続が切れました。届いている可能性があるため、自動では送り直しません。", m.tried(at)),
			EN: fmt.Sprintf("On %s the connection broke while\nthe mail server was answering. It may have arrived, so it is not\nsent again by itself.", m.tried(at))}
		if m.restored() {
			t = calendar.Text{JA: fmt.Sprintf("%sに送る予定のものを送ったかどうか、\n記録を控えから戻したため分かりません。自動では送りません。", due),
				EN: fmt.Sprintf("The record was restored from a copy, so it is not known whether what\nwas to go out on %s was sent. It is not sent again by itself.", due)}
		}
	case whatWaiting:
		t = calendar.Text{JA: fmt.Sprintf("%sに送る予定のものの準備が、\nまだそろっていません。", due), EN: fmt.Sprintf("What goes out on %s is not complete yet.", due)}
	case whatBroken:
		t = calendar.Text{JA: fmt.Sprintf("%sに予定していたことの準備が\nできませんでした。ほかの予定は、そのまま進めています。", due), EN: fmt.Sprintf("What was planned for %s could not be prepared.\nEverything else goes on.", due)}
	case whatMissed:
		t = calendar.Text{JA: fmt.Sprintf("%sに予定していたことを、\n実施できませんでした。", due), EN: fmt.Sprintf("What was planned for %s was not done.", due)}
	}
	return t.In(l)
}

// restored reports whether it is unknown because an older record was put back, not because an answer was lost.
func (m matter) restored() bool {
	for _, x := range m.messages {
		for _, d := range x.Deliveries {
			if d.State == ledger.StateUnknown && d.Words != ledger.WordsRestored {
				return false
			}
		}
	}
	return true
}

// tried is when the attempt was whose answer was lost.
func (m matter) tried(at func(time.Time) string) string {
	for _, x := range m.messages {
		if t, some := deliveriesIn(x, ledger.StateUnknown); some {
			return at(t)
		}
	}
	return at(m.run.Due)
}

// own is what bod's own mail to its readers is called.
func (m matter) own(l calendar.Language) string {
	if m.run.Job == config.MorningName {
		return calendar.Text{JA: "朝のお知らせ", EN: "morning notice"}.In(l)
	}
	if m.run.Job == config.ReviewName {
		return calendar.Text{JA: "月のふりかえり", EN: "monthly review"}.In(l)
	}
	return calendar.Text{JA: "まとめ", EN: "summary"}.In(l)
}

// details are what a person needs to see: what, why, to whom, until when.
func (m matter) details(c *config.Config, at func(time.Time) string, now time.Time) facts {
	l := c.Language
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	var rs facts
	if m.what == whatPaused {
		rs = append(rs, row{t("内容", "What"), m.title}, row{t("理由", "Why"), strings.Join(m.seen(l), "\n")}, row{t("いつから", "Since"), at(m.flag.Since)})
		return rs
	}
	if !m.summary {
		rs = append(rs, row{t("内容", "What"), m.title})
	}
	switch m.what {
	case whatUnknown, whatFailed:
		var to, words, subjects []string
		for _, x := range m.messages {
			for _, d := range x.Deliveries {
				if d.State != ledger.StateUnknown && d.State != ledger.StateFailed {
					continue
				}
				if d.Role == "bcc" {
					to = append(to, d.Mail+t("（控え）", " (blind copy)"))
				} else {
					to = append(to, d.Mail)
				}
				if d.State == ledger.StateFailed && d.Words != "" && !slices.Contains(words, clean(d.Words)) {
					words = append(words, clean(d.Words))
				}
			}
			if !slices.Contains(subjects, x.Subject) {
				subjects = append(subjects, x.Subject)
			}
		}
		sent, coming := m.reached()
		rs = append(rs, row{t("宛先", "To"), few(to, l)}, row{t("件名", "Subject"), few(subjects, l)}, row{t("返事", "Answer"), few(words, l)})
		if len(sent) > 0 {
			rs = append(rs, row{t("送信済み", "Sent to"), few(sent, l)})
		}
		if len(coming) > 0 {
			rs = append(rs, row{t("これから", "Not settled"), few(coming, l)})
		}
	case whatWaiting:
		rs = append(rs, row{t("まだのもの", "Missing"), strings.Join(m.seen(l), "\n")})
	default:
		rs = append(rs, row{t("理由", "Why"), strings.Join(m.seen(l), "\n")})
		if passed := m.passed(l); len(passed) > 0 {
			rs = append(rs, row{t("ほかの確認", "Other checks"), strings.Join(passed, "\n")})
		}
	}
	if limit, ok := m.limit(now); ok && !slices.Contains([]string{whatUnknown, whatFailed, whatBroken}, m.what) {
		rs = append(rs, row{t("期限", "By"), limit.long(l)})
	}
	if n := m.number(); n != "" {
		rs = append(rs, row{t("番号", "Number"), n})
	}
	return rs
}

// few joins a list one a line, and counts what is beyond the fifth.
func few(s []string, l calendar.Language) string {
	const most = 5
	if len(s) <= most {
		return strings.Join(s, "\n")
	}
	return strings.Join(s[:most], "\n") + calendar.Text{JA: fmt.Sprintf("\nほか%d件", len(s)-most), EN: fmt.Sprintf("\nand %d more", len(s)-most)}.In(l)
}

// commands are what the reader can type, each with what it does.
func (m matter) commands(c *config.Config, p *config.Person) commands {
	l := c.Language
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	why := t("理由", "why")
	id := m.number()
	by := " --by " + p.ID
	var cs commands
	switch m.what {
	case whatConfirm:
		cs = commands{{t("内容を見る", "See what it is"), "bod show " + id}}
	case whatRestored:
		cs = commands{
			{t("まだなので送る", "It was not sent: send it"), "bod release " + id + " \"" + why + "\"" + by},
			{t("もう済んでいた", "It was sent already"), "bod by-hand " + id + " \"" + why + "\"" + by}}
	case whatCheck, whatLate, whatPerson:
		if who := m.refused(); m.what == whatPerson && len(who) > 0 {
			for _, x := range people(c, who) {
				cs = append(cs, row{t("このまま送る（"+colleague(x, l)+"が確認する）", "Send it as it is ("+colleague(x, l)+" confirms it)"), "bod confirm " + id + " --set " + shownSet(m.messages) + " --by " + x.ID})
			}
			cs = append(cs, row{t("取りやめる", "Call it off"), "bod reject " + id + " \"" + why + "\"" + by})
			break
		}
		cs = commands{
			{t("このまま送る", "Send it as it is"), "bod release " + id + " \"" + why + "\"" + by},
			{t("取りやめる", "Call it off"), "bod reject " + id + " \"" + why + "\"" + by}}
	case whatGone:
		cs = commands{{t("取りやめる", "Call it off"), "bod reject " + id + " \"" + why + "\"" + by}}
	case whatFailed:
		if m.summary {
			return nil
		}
		cs = commands{
			{t("もう一度送る", "Try it again"), "bod retry " + id + " \"" + why + "\"" + by},
			{t("別の方法で済んだ", "It was brought another way"), "bod by-hand " + id + " \"" + why + "\"" + by}}
	case whatUnknown:
		if m.summary {
			return nil
		}
		for _, x := range m.messages {
			cs = append(cs,
				row{t("届いていた", "It arrived"), "bod settle " + x.Number + " sent \"" + why + "\"" + by},
				row{t("届いていない（送り直す）", "It did not (send it again)"), "bod resend " + x.Number + " \"" + why + "\"" + by})
		}
	case whatBroken:
		cs = commands{{t("もう一度実行する", "Try it again"), "bod retry " + id + " \"" + why + "\"" + by}}
	case whatMissed:
		cs = commands{{t("いまから行う", "Do it now"), "bod do " + shell(m.jobName()) + " --period " + shell(m.run.Period) + by}}
	case whatWaiting:
		cs = commands{{t("今回は見送る", "Leave it out this time"), "bod skip " + shell(m.jobName()) + " --period " + shell(m.run.Period) + " \"" + why + "\"" + by}}
	case whatPaused:
		switch m.flag.Name {
		case "session":
			cs = commands{{t("いま試す", "Try it now"), "bod retry --session" + by}}
		case "clock":
			cs = commands{{t("このまま進める", "Go on as it is"), "bod retry --clock \"" + why + "\"" + by}}
		case "restored":
			cs = commands{
				{t("再開する", "Go on"), "bod retry --restored \"" + why + "\"" + by},
				{t("ある時刻までの分は送ったとして再開する", "Go on, all up to a moment having been sent"), "bod retry --restored \"" + why + "\" --sent-until \"" + t("日時", "MOMENT") + "\"" + by}}
		case flagStopped:
			cs = commands{{t("再開する", "Start again"), "bod start --why \"" + why + "\"" + by}}
		}
		if m.stopsOne() {
			cs = commands{{t("再開する", "Start again"), "bod start " + shell(m.jobName()) + " \"" + why + "\"" + by}}
		}
	}
	return cs
}

// jobName is the job's name as the commands take it.
func (m matter) jobName() string {
	if m.job != nil {
		return m.job.Name
	}
	return m.run.Job
}

// shell quotes a word for a command line where it needs it.
func shell(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:+", r) || r > 0x7f)
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
