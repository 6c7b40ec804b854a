package jobs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"bod/internal/config"
	"bod/internal/ledger"
)

// found tells what checks of tables found and nobody has put right, one line each with its age; what was told in full is
// not told in full again.
func (e *edition) found(p *page) {
	e.try("what checks found", "点検で見つかったこと", func() error {
		v := e.w.Ledger
		if v == nil {
			return nil
		}
		var open []ledger.Finding
		for f, err := range v.Findings(ledger.FindingQuery{States: OpenFindings}) {
			if err != nil {
				return err
			}
			open = append(open, f)
		}
		if len(open) > 0 {
			p.add(head{"■ ", e.t(fmt.Sprintf("点検で見つかり、まだ直っていないこと %d件", len(open)), fmt.Sprintf("Found by checks and not put right: %d", len(open))), tonePlain})
		}
		for i, f := range open {
			if i == foldAfter {
				p.add(para{words: e.t(fmt.Sprintf("ほか%d件", len(open)-i), fmt.Sprintf("and %d more", len(open)-i)), look: "small"})
				break
			}
			p.add(e.finding(f))
		}
		if len(open) > 0 {
			p.gap()
		}
		return nil
	})
}

// finding words one line of what stands open.
func (e *edition) finding(f ledger.Finding) entry {
	job := f.Job
	if j := jobOf(e.w.Config, e.w.Ledger, f.Job); j != nil {
		job = j.Name
	}
	stands := []string{FindingWords(f, e.l)}
	if f.Tell != "" {
		stands[0] = e.t(clean(f.Tell)+"に"+stands[0], clean(f.Tell)+": "+stands[0])
	}
	if n := FindingAge(e.w.Config, job, f, e.w.Now); n > 1 {
		stands = append(stands, e.t(fmt.Sprintf("%d日目", n), fmt.Sprintf("day %d", n)))
	}
	return entry{mark: e.t("・", "- "), when: f.Number, what: clean(f.Label), sep: e.t("　", "  "), aside: clean(f.Says),
		note: e.t("（"+strings.Join(stands, "、")+"）", "("+strings.Join(stands, ", ")+")")}
}

// thanks are the words for colleagues who put right what they were told of since the reader's last summary.
func (e *edition) thanks(p *page, reader *config.Person) {
	e.try("what was put right", "直ったこと", func() error {
		v := e.w.Ledger
		if v == nil {
			return nil
		}
		type mended struct{ who, job string }
		count := map[mended]int{}
		for f, err := range v.Findings(ledger.FindingQuery{States: []ledger.FindingState{ledger.FindingResolved}, ChangedFrom: e.since(reader.ID)}) {
			if err != nil {
				return err
			}
			if f.Ended != ledger.EndedMended || f.Times == 0 {
				continue
			}
			for _, person := range e.w.Config.People {
				if who := withSan(person, e.l); slices.Contains(strings.Split(f.Tell, "、"), who) {
					count[mended{who, f.Job}]++
				}
			}
		}
		order := slices.SortedFunc(maps.Keys(count), func(a, b mended) int { return cmp.Or(strings.Compare(a.job, b.job), strings.Compare(a.who, b.who)) })
		for _, m := range order[:min(foldAfter, len(order))] {
			title := jobTitle(jobOf(e.w.Config, v, m.job), m.job)
			p.say(e.t(fmt.Sprintf("%s、「%s」の%d件が直りました。ありがとうございました", m.who, title, count[m]),
				fmt.Sprintf("%s: %s of %q put right, thank you", m.who, plural(count[m], "item", "items"), title)))
		}
		if len(order) > 0 {
			p.gap()
		}
		return nil
	})
}
