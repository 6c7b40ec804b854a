package jobs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// Hello words a message to one person that somebody asked for to see that mail
// arrives. It goes the way of every other: sealed in the ledger, then sent.
func Hello(c *config.Config, now time.Time, p *config.Person, by string) (ledger.NewMessage, error) {
	l := c.Language
	if who := c.People[by]; who != nil {
		by = colleague(who, l)
	}
	at := moment(now.In(c.Zone), l)
	subject := calendar.Text{JA: "【bod】届くかどうかの確認", EN: "[bod] does this arrive?"}.In(l)
	text := calendar.Text{
		JA: fmt.Sprintf("%s\n\nお疲れさまです。\nbod からのメールが届くことを確かめるための1通です。\n%sが%sに頼みました。\n\n届いていれば、何もしていただくことはありません。\n迷惑メールに入っていたときは、管理者に知らせてください。", colleague(p, l), by, at),
		EN: fmt.Sprintf("%s,\n\nThis message shows that mail of bod arrives.\n%s asked for it on %s.\n\nNothing is to be done.\nIf you found it among the junk, please tell the administrator.", colleague(p, l), by, at),
	}.In(l)
	id := keyPart(p.ID)
	key := "notice/hello/" + id + "/" + hash([]byte(strconv.FormatInt(now.UnixMicro(), 10) + "\x00" + by))[:16]
	m, err := notice(c, now, []*config.Person{p}, key, id, subject, pageOf(l, cleanLines(strings.TrimSpace(text))))
	if err != nil {
		return ledger.NewMessage{}, fmt.Errorf("couldn't word the message to %s: %w", p.ID, err)
	}
	return m, nil
}
