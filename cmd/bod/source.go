package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"bod/internal/calendar"
	"bod/internal/jobs"
	"bod/internal/table"
)

// sourceJSON is a source as it was read, for programs.
type sourceJSON struct {
	Source   string          `json:"source"`
	Title    string          `json:"title,omitempty"`
	Origin   string          `json:"origin"`
	Read     bool            `json:"read"`
	Rows     int             `json:"rows"`
	Modified string          `json:"modified,omitempty"`
	Digest   string          `json:"digest,omitempty"`
	Columns  []sourceColumn  `json:"columns"`
	First    []sourceRow     `json:"first"`
	Problems []sourceProblem `json:"problems"`
}

type sourceColumn struct {
	Name   string `json:"name"`
	Place  string `json:"place,omitempty"`
	Type   string `json:"type"`
	Given  bool   `json:"given,omitempty"`
	Filled int    `json:"filled"`
	Twice  bool   `json:"twice,omitempty"`
}

type sourceRow struct {
	Row    int      `json:"row"`
	Values []string `json:"values"`
}

type sourceProblem struct {
	Code    table.Code `json:"code"`
	What    string     `json:"what"`
	Next    string     `json:"next"`
	Row     int        `json:"row,omitempty"`
	Column  string     `json:"column,omitempty"`
	Warning bool       `json:"warning,omitempty"`
}

func (b *desk) sourceCommand() *cobra.Command {
	rows := 10
	cmd := &cobra.Command{
		Use:   "source [NAME]",
		Short: b.in("仕事が読む表を見る", "the tables that jobs read, as they are read"),
		Long: b.in(`[source.NAME] の表を、仕事が読むのと同じように読み、欄の型、はじめの行、おかしい
ところを出します。何も書きません。NAME がなければ、表の一覧です。読めないか、直さないと
使えない表なら 1 で終わります。`,
			`Reads the table of [source.NAME] as a job reads it: the columns with their types, the first
rows, and what looks wrong. Nothing is written. Without NAME it lists the tables. A table
that cannot be read, or not be used before it is mended, ends with 1.`),
		Example: `  bod source
  bod source orders
  bod source orders --rows 30
  bod source orders --json`,
		Args:              b.takes(0, 1),
		ValidArgsFunction: b.completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return b.listSources()
			}
			return b.source(cmd.Context(), args[0], rows)
		},
	}
	b.jsonFlag(cmd)
	cmd.Flags().IntVar(&rows, "rows", rows, b.in("はじめの何行を出すか `N`（10）", "how many of the first rows, `N` (10)"))
	return cmd
}

// completeSources offers the names of the sources.
func (b *desk) completeSources(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, _ := b.load(b.file)
	if c == nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for name, s := range jobs.Sources(c) {
		out = append(out, cobra.CompletionWithDesc(name, clean(s.Origin())))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (b *desk) listSources() error {
	c, err := b.rules()
	if err != nil {
		return err
	}
	out := make([]sourceJSON, 0, len(c.Sources))
	rows := make([][]string, 0, len(c.Sources))
	all := jobs.Sources(c)
	for _, s := range c.Sources {
		src := all[s.Name]
		out = append(out, sourceJSON{Source: s.Name, Title: src.Title(), Origin: src.Origin()})
		rows = append(rows, []string{s.Name, src.Title(), src.Origin()})
	}
	if b.json {
		return b.list(struct {
			Sources []sourceJSON `json:"sources"`
		}{out})
	}
	if len(rows) == 0 {
		b.say("%s\n", b.in("予定表に [source.名前] の表はありません", "the rules have no table [source.NAME]"))
	}
	columns(b.out, "", rows)
	return nil
}

func (b *desk) source(ctx context.Context, name string, first int) error {
	c, err := b.rules()
	if err != nil {
		return err
	}
	src, ok := jobs.Sources(c)[name]
	if !ok {
		f := b.usage(calendar.Text{JA: fmt.Sprintf("「%s」という表は予定表にありません", name), EN: fmt.Sprintf("the rules have no source %q", name)},
			calendar.Text{JA: "表の一覧は bod source で見られます", EN: "bod source lists them"})
		return f
	}
	w := jobs.TableWorld(c, b.now(), false)
	t, problems := src.Read(ctx, w)
	out := sourceJSON{Source: name, Title: src.Title(), Origin: src.Origin(), Read: t != nil, Columns: []sourceColumn{}, First: []sourceRow{}, Problems: []sourceProblem{}}
	wrong := 0
	for _, p := range problems {
		if !p.Warning {
			wrong++
		}
		out.Problems = append(out.Problems, sourceProblem{p.Code, p.What.In(b.lang), p.Next.In(b.lang), p.Row, p.Column, p.Warning})
	}
	var fail error
	if wrong > 0 {
		fail = &fault{code: exitFailed, what: fmt.Sprintf(b.in("「%s」は、直さないと使えないところが %d か所あります", "%s has to be mended in %d place(s) before it can be used"), name, wrong)}
	}
	if t != nil {
		defer t.Close()
		out.Rows, out.Digest, out.Modified = t.Len(), t.Digest(), b.stamp(t.Modified())
		for _, col := range t.Columns() {
			out.Columns = append(out.Columns, sourceColumn{col.Name, col.Place, col.Type.String(), col.Given, col.Filled, col.Twice})
		}
		for row, err := range t.Rows() {
			if err != nil {
				return b.fail(err, calendar.Text{JA: "読んだ表を出せませんでした", EN: "couldn't show the table"}, calendar.Text{})
			}
			if len(out.First) >= first {
				break
			}
			r := sourceRow{Row: row.Number()}
			for _, v := range row.Values() {
				if b.json {
					r.Values = append(r.Values, v.Canonical())
				} else {
					r.Values = append(r.Values, v.In(b.lang))
				}
			}
			out.First = append(out.First, r)
		}
	}
	if b.json {
		if err := b.list(out); err != nil || fail == nil {
			return err
		}
		fail.(*fault).told = true
		return fail
	}
	b.sourceWords(out, t)
	if fail != nil {
		fail.(*fault).next = b.in("上の「おかしいところ」を直して、もう一度 bod source "+name+" を実行してください", "mend what looks wrong above and run bod source "+name+" again")
	}
	return fail
}

// sourceWords shows a source to a person.
func (b *desk) sourceWords(s sourceJSON, t *table.Table) {
	head := s.Source
	if s.Title != "" {
		head = s.Title + " (" + s.Source + ")"
	}
	b.say("%s  %s\n", head, s.Origin)
	if t != nil {
		b.say(b.in("  %d 行", "  %d rows"), s.Rows)
		if m := t.Modified(); !m.IsZero() {
			b.say(b.in("、%s に更新", ", changed %s"), b.moment(m))
		}
		b.say("\n\n%s\n", b.in("欄", "Columns"))
		var rows [][]string
		for _, col := range t.Columns() {
			name := col.Name
			if name == "" {
				name = b.in("（見出しなし）", "(no heading)")
			}
			filled := ""
			if col.Filled < s.Rows {
				filled = fmt.Sprintf(b.in("%d 行が空", "%d empty"), s.Rows-col.Filled)
			}
			given := ""
			if col.Given {
				given = b.in("決められた型", "given")
			}
			rows = append(rows, []string{col.Place, oneCell(name, 34), col.Type.Words().In(b.lang), given, filled})
		}
		columns(b.out, "  ", rows)
		b.firstRows(s, t)
	}
	if len(s.Problems) == 0 {
		b.say("\n%s\n", b.in("おかしいところはありません", "Nothing looks wrong"))
		return
	}
	b.say("\n%s\n", b.in("おかしいところ", "What looks wrong"))
	for _, p := range s.Problems {
		mark := ""
		if p.Warning {
			mark = b.in("注意: ", "note: ")
		}
		for i, line := range wrap(mark+p.What, 74) {
			b.say("%s%s\n", [2]string{"  ", "    "}[min(i, 1)], line)
		}
		for i, line := range wrap(p.Next, 70) {
			b.say("%s%s\n", [2]string{"    → ", "      "}[min(i, 1)], line)
		}
	}
}

// firstRows shows the first rows below each other as wide as they need, each value in at most 20 columns; numbers stand at
// the right, as on paper.
func (b *desk) firstRows(s sourceJSON, t *table.Table) {
	if len(s.First) == 0 {
		return
	}
	b.say("\n%s\n", fmt.Sprintf(b.in("はじめの %d 行", "The first %d rows"), len(s.First)))
	cols := t.Columns()
	lines := [][]string{{b.in("行", "row")}}
	for _, col := range cols {
		lines[0] = append(lines[0], oneCell(col.Name, 20))
	}
	for _, r := range s.First {
		line := []string{fmt.Sprint(r.Row)}
		for _, v := range r.Values {
			line = append(line, oneCell(v, 20))
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(cols)+1)
	for _, line := range lines {
		for i, v := range line {
			widths[i] = max(widths[i], cells(v))
		}
	}
	for _, line := range lines {
		var out strings.Builder
		for i, v := range line {
			if i == 0 || cols[i-1].Type == table.Number {
				v = strings.Repeat(" ", widths[i]-cells(v)) + v
			} else {
				v = pad(v, widths[i])
			}
			out.WriteString("  " + v)
		}
		b.say("%s\n", strings.TrimRight(out.String(), " "))
	}
}

// oneCell is a value on one line of at most n columns.
func oneCell(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if cells(s) <= n {
		return s
	}
	var out strings.Builder
	fill := 0
	for _, r := range s {
		if fill += cells(string(r)); fill > n-1 {
			break
		}
		out.WriteRune(r)
	}
	return out.String() + "…"
}
