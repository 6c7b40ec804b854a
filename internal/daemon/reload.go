package daemon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// watch sees that jobs.toml or the administrator's file changed. Editors write in several steps, so a change counts when two looks find the same bytes;
// between looks only the file's size and time are asked. A file that is away or can't be read is one that an editor replaces, until it has been so for
// goneLooks: whoever saved it with rights that keep the service out would else believe that it counts.
type watch struct {
	path   string
	admin  string // as RunOptions.Admin
	last   string // the administrator's file that was last read, "" for none
	loaded string // digest of the bytes that were last read, good or bad
	stamp  string // size and time of those
	before string // digest at the last look; "" when it was the loaded one
	moment string // size and time at the last look
	gone   int    // looks in a row at which a file couldn't be read
}

// goneLooks are half a minute or a bit more: a saved file is told of within a minute, whatever has become of it.
const goneLooks = 15

// files are looked at: also an administrator's file that came since, and one that is gone since, for to lose it by
// accident must not give its part to whoever edits jobs.toml. Only a reload that is asked for goes on without it.
func (w *watch) files() []string {
	if admin := w.adminFile(); admin != "" {
		return []string{w.path, admin}
	}
	return []string{w.path}
}

func (w *watch) adminFile() string { return cmp.Or(config.AdminFile(w.admin), w.last) }

func (w *watch) stampOf() string {
	var stamp strings.Builder
	for _, name := range w.files() {
		info, err := os.Stat(name)
		if err != nil {
			return ""
		}
		stamp.WriteString(fmt.Sprintln(info.Size(), info.ModTime().UnixNano()))
	}
	return stamp.String()
}

// look reports whether there is something new to read, or, once, that it can't be read any more.
func (w *watch) look() bool {
	moment := w.stampOf()
	if moment != "" && moment == w.stamp {
		w.before, w.gone = "", 0
		return false
	}
	if moment != w.moment {
		w.moment, w.before = moment, ""
	}
	digest := w.digest()
	if digest == "" {
		w.before = ""
		w.gone++
		return w.gone == goneLooks
	}
	w.gone = 0
	if digest == w.loaded {
		w.stamp, w.before = moment, "" // touched, nothing else
		return false
	}
	if digest != w.before {
		w.before = digest
		return false
	}
	return true
}

func (w *watch) digest() string {
	h := sha256.New()
	for _, name := range w.files() {
		b, err := os.ReadFile(name)
		if err != nil {
			return ""
		}
		fmt.Fprintf(h, "%d:", len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// read notes the bytes that are being read now. What can't be read has no stamp: that it can be again is a change.
func (w *watch) read(admin string) {
	w.last = admin
	w.stamp, w.loaded, w.before = w.stampOf(), w.digest(), ""
	if w.loaded == "" {
		w.stamp = ""
	}
}

// reload reads the file and puts it to work. All that can fail is done first; a file that can't be used leaves the old
// rules at work, and the admins are told once for each content.
func (o *Office) reload(ctx context.Context, path, admin, digest string) (problems []config.Problem, err error) {
	c, problems := config.LoadWith(path, admin, jobs.ConfigKinds())
	if c == nil {
		if fe, lang := config.Unreadable(path), o.at.Load().config.Language; fe != nil {
			problems = []config.Problem{{File: path, What: fe.What.In(lang), Next: fe.Next.In(lang)}}
		}
		return problems, o.tellBad(ctx, digest, problems)
	}
	err = o.Swap(c)
	if err == nil {
		return problems, nil
	}
	old := o.at.Load()
	if p, is := o.modeProblem(err, c, path); is {
		problems = append(problems, p)
		return problems, o.tellBad(ctx, digest, problems)
	}
	o.log.Error("couldn't put the changed rules to work; the old ones stay at work", "err", err)
	return append(problems, config.Problem{File: path, What: err.Error()}), o.tellBad(ctx, digest, []config.Problem{{File: path,
		What: old.words().say("変更を取り込めませんでした（%v）", "the change couldn't be put to work (%v)", err)}})
}

// modeProblem says in words that trial and real don't mix.
func (o *Office) modeProblem(err error, c *config.Config, path string) (config.Problem, bool) {
	return trialProblem(err, c.Language, c.Mail.Trial(), path, o.ledger.Trial())
}

// tellBad tells the admins that a changed file couldn't be used; the same content is told once, and one that couldn't even be read each time.
func (o *Office) tellBad(ctx context.Context, digest string, problems []config.Problem) error {
	st := o.at.Load()
	list, bad := st.words().badLines(problems)
	now := o.moment()
	if digest == "" {
		digest = strconv.FormatInt(now.Unix(), 16)
	}
	notice, err := jobs.Alarm(st.config, now, "reload", short(digest),
		calendar.Text{
			JA: fmt.Sprintf("予定の変更を取り込めませんでした（直すところ%dか所）", bad),
			EN: fmt.Sprintf("The change to jobs.toml couldn't be taken over (%d to mend)", bad),
		},
		calendar.Text{
			JA: "いままでの予定のまま動いています。\n次のところを直して保存してください。自動で読み直します。\n\n" + list,
			EN: "The rules of before are still at work.\nMend the following and save the file: it is read again by itself.\n\n" + list,
		})
	if err != nil {
		return fmt.Errorf("couldn't word the alarm about jobs.toml: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ledger.Update(ctx, now, self(), func(tx *ledger.Tx) error {
		if _, err := tx.MessageByKey(notice.Key); !isNone(err) {
			return err // told before, or the ledger can't be read
		}
		_, err := tx.Seal(0, []ledger.NewMessage{notice}, nil, false)
		return err
	})
}

// badAtMost is how many problems a mail lists: one slip at the top of a file can be the cause of a hundred below.
const badAtMost = 5

// badLines lists the problems of a file that couldn't be used, each with its next step on a line of its own.
func (w words) badLines(problems []config.Problem) (list string, bad int) {
	var lines []string
	for _, p := range problems {
		if p.Warning {
			continue
		}
		if bad++; bad > badAtMost {
			continue
		}
		line := "　" + filepath.Base(p.File)
		if p.Line > 0 {
			line += w.say(" %d行目", ", line %d", p.Line)
		}
		line += w.say("：", ": ") + p.What
		if p.Next != "" {
			line += "\n　　" + p.Next
		}
		lines = append(lines, line)
	}
	if n := bad - badAtMost; n > 0 {
		lines = append(lines, w.say("　ほかに%d か所あります。すべては次のとおり見られます。\n　　bod check", "　and %d more; see them all with\n　　bod check", n))
	}
	return strings.Join(lines, "\n"), bad
}

// lookAtFile is how often jobs.toml is looked at.
const lookAtFile = 2 * time.Second
