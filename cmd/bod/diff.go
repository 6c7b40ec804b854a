package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
)

// changeJSON is one changed job, or what holds for all of them, for programs.
type changeJSON struct {
	Change string    `json:"change"` // added, removed, paused, resumed, edited, settings
	Job    string    `json:"job"`    // "" for settings
	Title  string    `json:"title"`
	Keys   []keyJSON `json:"keys"`
	Next   []string  `json:"next"`
}

type keyJSON struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new"`
}

func (b *desk) diffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff [FILE]",
		Short: b.in("予定表の変更で何が変わるかを見る", "what an edit of the rules would change"),
		Long: b.in(`FILE（なければ予定表）を、いま働いている予定と比べ、変わるところを仕事ごとに言葉で出します。
保存したあとに届くお知らせと同じ内容です。記録がまだなければ、いまの予定表と比べます。
何も変えず、何も送りません。`,
			`Compares FILE (else the rules' own file) with the rules at work and says in words what would
change, job by job: what the notice after the edit will say. Where there is no ledger yet it
compares with the present file. Nothing is changed and nothing is sent.`),
		Example: b.in(`  bod diff 新しい予定表.toml
  bod diff --json`, `  bod diff draft.toml
  bod diff --json`),
		Args: b.takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			draft := b.file
			if len(args) == 1 {
				draft = args[0]
			}
			return b.diff(cmd.Context(), draft)
		},
	}
	b.jsonFlag(cmd)
	return cmd
}

func (b *desk) diff(ctx context.Context, draft string) error {
	old, against, err := b.rulesNow(ctx)
	if err != nil {
		return err
	}
	c, problems := b.load(draft)
	if c == nil {
		b.file = draft
		return b.misread(problems)
	}
	changes := jobs.Changes(old, c, b.now())
	if b.json {
		out := make([]changeJSON, 0, len(changes))
		for _, x := range changes {
			j := changeJSON{Change: string(x.Kind), Job: x.Job, Title: x.Title, Keys: []keyJSON{}, Next: []string{}}
			for _, k := range x.Keys {
				j.Keys = append(j.Keys, keyJSON{k.Key, k.Name, k.Old, k.New})
			}
			for _, t := range x.Next {
				j.Next = append(j.Next, b.stamp(t))
			}
			out = append(out, j)
		}
		return b.list(struct {
			File    string       `json:"file"`
			Against string       `json:"against"` // ledger or file
			Changes []changeJSON `json:"changes"`
		}{c.Path, against, out})
	}
	if len(changes) == 0 {
		b.say(b.in("%s: いまの予定と同じです\n", "%s: nothing would change\n"), filepath.Base(draft))
		return nil
	}
	for i, x := range changes {
		if i > 0 {
			b.say("\n")
		}
		line, below := jobs.ChangeWords(x, c)
		if x.Job != "" {
			line = x.Job + "  " + line
		}
		b.say("%s\n", line)
		wide := 0
		for _, r := range below {
			wide = max(wide, cells(r[0]))
		}
		for _, r := range below {
			b.say("  %s  %s\n", pad(r[0], wide), indented(r[1], 4+wide))
		}
	}
	b.say(b.in("\n%s: 変わるところは %d 件です。まだ何も変えていません\n", "\n%s: %d change(s); nothing has been changed yet\n"), filepath.Base(draft), len(changes))
	return nil
}

// rulesNow are the rules at work: the ledger's, else those of the present file, else none.
func (b *desk) rulesNow(ctx context.Context) (old jobs.Before, against string, err error) {
	present, _ := b.load(b.file)
	dir := ""
	if present != nil {
		dir = present.StateDir(b.state, os.Getenv("STATE_DIRECTORY"))
	} else {
		dir, _ = b.place() // says that the file can't be read
	}
	l, err := ledger.OpenReader(ctx, dir)
	switch {
	case err == nil:
		defer l.Close()
		err = l.View(ctx, func(v *ledger.View) (err error) {
			old, err = jobs.AtWork(v)
			return err
		})
		for i, r := range old.Rules {
			// The ledger keeps no closing days; the present file's are those at work as long as its rule is.
			if j := jobOf(present, r.Name); j != nil && bytes.Equal(j.Rule, r.Rule) {
				old.Rules[i].When = j.When
			}
		}
		if err != nil || len(old.Rules) > 0 {
			return old, "ledger", err
		}
	case !errors.Is(err, ledger.ErrNone):
		return jobs.Before{}, "", b.ledgerFault(dir, err)
	}
	if present == nil {
		return jobs.Before{}, "", &fault{code: exitConfig, what: fmt.Sprintf(b.in("比べる相手がありません。記録はまだなく、予定表 %s は読めません", "there is nothing to compare with: no ledger yet, and %s can't be read"), b.file),
			next: b.in("bod check で予定表を確かめてください", "see bod check")}
	}
	return jobs.Of(present), "file", nil
}

// jobOf is a job of rules that may be unreadable.
func jobOf(c *config.Config, name string) *config.Job {
	if c == nil {
		return nil
	}
	return c.Job(name)
}

// indented keeps the lines of a text below its first one.
func indented(s string, n int) string {
	return strings.ReplaceAll(s, "\n", "\n"+strings.Repeat(" ", n))
}
