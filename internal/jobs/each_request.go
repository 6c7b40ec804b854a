package jobs

import (
	"fmt"
	"slices"
	"strings"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// eachOf is the job's part about rows; nil where it has none, or is not in jobs.toml any more.
func eachOf(j *config.Job) *each {
	if j == nil {
		return nil
	}
	s, ok := j.Spec.(*sendSpec)
	if !ok {
		return nil
	}
	return s.Each
}

// listedRows is how many rows one point of a request lists, and muchPercent from which change on an amount is one of them:
// the amounts of sixty customers differ every month, and a list of sixty would hide the one that is wrong.
const (
	listedRows  = 10
	muchPercent = 20
)

// compareRows is compare for a run that writes to the rows of a table: what differs from last time, in a few points.
func compareRows(c *config.Config, e *each, shown []shownMessage, earlier []ledger.Message) (look, well []string) {
	l, table := c.Language, sourceTitle(c, e.Source)
	t := func(ja, en string) string { return calendar.Text{JA: ja, EN: en}.In(l) }
	point := func(ja, en string, rows []string) {
		if len(rows) == 0 {
			return
		}
		n := len(rows)
		if n > listedRows {
			rows = append(slices.Clone(rows[:listedRows]), t(fmt.Sprintf("ほか%d件", n-listedRows), fmt.Sprintf("and %d more", n-listedRows)))
		}
		look = append(look, t(fmt.Sprintf("%s：%d件", ja, n), fmt.Sprintf("%s: %d", en, n))+"\n"+strings.Join(rows, "\n"))
	}
	arrow := t(" → ", " -> ")
	var fresh, moved, amounts, repeated, gone []string
	same, files, letters := 0, 0, 0
	for _, s := range shown {
		m := s.message
		files += len(s.files)
		before, known := find(earlier, m.Part)
		to := strings.Join(outsiders(m), t("、", ", "))
		if !known {
			fresh = append(fresh, m.Addressee+t("　", " ")+to)
			continue
		}
		if was := strings.Join(outsiders(before), t("、", ", ")); was != to {
			moved = append(moved, m.Addressee+t("　", " ")+was+arrow+to)
		} else {
			same++
		}
		if m.Amount != nil && before.Amount != nil && much(*before.Amount, *m.Amount) {
			amounts = append(amounts, m.Addressee+t("　", " ")+yen(*before.Amount, l)+arrow+yen(*m.Amount, l))
		}
		for _, in := range m.Inputs {
			has := slices.ContainsFunc(before.Inputs, func(b ledger.Input) bool { return b.Kind == in.Kind && b.Hash == in.Hash })
			if in.Kind == "file" && has {
				repeated = append(repeated, m.Addressee+t("　", " ")+baseName(in.Name))
			}
			if in.Kind == "letter" && !has {
				letters++
			}
		}
	}
	for _, m := range earlier {
		if !slices.ContainsFunc(shown, func(s shownMessage) bool { return s.message.Part == m.Part }) {
			gone = append(gone, m.Addressee)
		}
	}
	if len(earlier) > 0 && !e.Once {
		point("前回はなく、今回から送る宛先", "not written to last time", fresh)
		point("前回は送り、今回はない宛先", "written to last time, and not now", gone)
	}
	point("宛先のアドレスが前回から変わったもの", "addresses that changed since last time", moved)
	point(fmt.Sprintf("金額が前回から%d%%以上変わったもの", muchPercent), fmt.Sprintf("amounts that changed by %d%% or more", muchPercent), amounts)
	point("添付の中身が前回とまったく同じもの", "attachments that are exactly last time's", repeated)
	if letters > 0 {
		look = append(look, t("手紙の文面が前回から変わりました", "The letter's text changed since last time"))
	}
	well = append(well, t(fmt.Sprintf("宛先は、表「%s」と予定表（jobs.toml）のとおりです", table), fmt.Sprintf("The addresses are those of the table %s and of jobs.toml", table)))
	if same > 0 {
		well = append(well, t(fmt.Sprintf("宛先のアドレスが前回と同じもの：%d件", same), fmt.Sprintf("With last time's address: %d", same)))
	}
	if files > 0 {
		well = append(well, t(fmt.Sprintf("添付%d点は空ではなく、名前どおりの種類のファイルで、ほかの行には当てはまりません", files), fmt.Sprintf("The attachments (%d) are not empty, are the kind of file that they say, and fit no other row", files)))
	}
	return look, append(well, t("同じ行は2つなく、文面に埋まっていない欄はありません", "No row is there twice, and no field of the text is left open"))
}

// much reports whether an amount differs a good deal from the one before.
func much(before, now int64) bool {
	d := now - before
	if d < 0 {
		d = -d
	}
	if before < 0 {
		before = -before
	}
	return d > 0 && float64(d)*100 >= float64(before)*muchPercent
}

// rowsTable lists what would go out, one line or two for each row.
func rowsTable(p *page, shown []shownMessage) {
	for i, s := range shown {
		if i == listAtMost {
			p.say(p.t(fmt.Sprintf("ほか%d通（bod show %s などで見られます）", len(shown)-i, s.message.Number), fmt.Sprintf("and %d more (see each with bod show %s and so on)", len(shown)-i, s.message.Number)))
			break
		}
		what := s.message.Addressee
		if s.message.Amount != nil {
			what += p.t("　", "  ") + yen(*s.message.Amount, p.l)
		}
		var names []string
		for _, f := range s.files {
			names = append(names, f.name)
		}
		under := []string{strings.Join(slices.Concat(outsiders(s.message), blindCopies(s.message)), p.t("、", ", "))}
		if len(names) > 0 {
			under = append(under, strings.Join(names, p.t("、", ", ")))
		}
		p.add(entry{mark: fmt.Sprintf("%d. ", i+1), what: what, under: under, hang: p.t("　 ", "   ")})
	}
}
