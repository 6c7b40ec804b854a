package table

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"

	"bod/internal/calendar"
)

// folder is a source whose rows are files: which invoices are there, how old they are.
type folder struct {
	pattern string
	parts   *regexp.Regexp
	names   []string
}

var folderKeys = []Key{
	{"folder", "file", "", calendar.Text{JA: "ファイルを1つずつ行にするフォルダー。* で選べます", EN: "a folder whose files are the rows; * chooses among them"}, `folder = "data/invoices/*.pdf"`},
	{"parts", "text", "", calendar.Text{JA: "ファイルの名前から取り出す欄。{ } の中が欄の名前です", EN: "columns taken from the files' names; what stands in { } is the column"}, `parts = "{得意先コード}_{請求番号}.pdf"`},
}

// folderColumns are the columns of every folder.
var folderColumns = []struct {
	name string
	typ  Type
}{{fileColumn, Text}, {pathColumn, Text}, {"拡張子", Text}, {"サイズ", Number}, {"更新日時", Time}}

func decodeFolder(s Settings) origin {
	o := &folder{pattern: s.String("folder")}
	if o.pattern == "" {
		return nil
	}
	if last := path.Base(o.pattern); !strings.ContainsAny(last, "*?") && path.Ext(last) == "" {
		o.pattern = strings.TrimSuffix(o.pattern, "/") + "/*"
	}
	if !goodPath(s, "folder", o.pattern) {
		return nil
	}
	if parts := s.String("parts"); parts != "" && !o.compile(parts) {
		s.Problem("parts", calendar.Text{JA: fmt.Sprintf("「%s」の { } が正しくありません", parts), EN: fmt.Sprintf("the braces in %q are wrong", parts)},
			calendar.Text{JA: `parts = "{得意先コード}_{請求番号}.pdf" のように書いてください`, EN: `write it like parts = "{customer}_{number}.pdf"`})
		return nil
	}
	return o
}

// compile reads {得意先コード}_{番号}.pdf. A part takes as little as it can, so that the first _ divides.
func (o *folder) compile(parts string) bool {
	var b strings.Builder
	b.WriteString("^")
	rest, between := parts, true
	for {
		before, after, has := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return false
		}
		b.WriteString(regexp.QuoteMeta(tidyName(before)))
		between = between || before != ""
		if !has {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || tidy(name) == "" || !between || strings.Contains(name, "{") {
			return false
		}
		for _, have := range o.names {
			if Fold(have) == Fold(name) {
				return false
			}
		}
		o.names = append(o.names, tidy(name))
		b.WriteString("(.+?)")
		rest, between = tail, false
	}
	b.WriteString("$")
	re, err := regexp.Compile("(?i)" + b.String())
	o.parts = re
	return err == nil && len(o.names) > 0
}

// tidyName is a part of a file's name as names are compared.
func tidyName(s string) string { return strings.ReplaceAll(s, "＿", "_") }

func (o *folder) words() string { return o.pattern }

func (o *folder) read(ctx context.Context, r *reading) error {
	found, err := r.found(o.pattern)
	if err != nil {
		return err
	}
	for _, c := range folderColumns {
		r.addColumn(c.name, "", c.typ)
	}
	for _, n := range o.names {
		r.addColumn(n, "", Empty)
	}
	for i, f := range found {
		if f.Modified.After(r.modified) {
			r.modified = f.Modified
		}
		cells := []cell{{Value: TextOf(f.Name)}, {Value: TextOf(f.Path)}, {Value: TextOf(strings.ToLower(strings.TrimPrefix(path.Ext(f.Name), ".")))},
			{Value: IntOf(f.Size)}, {Value: TimeOf(f.Modified.In(r.world.Zone))}}
		if o.parts != nil {
			m := o.parts.FindStringSubmatch(tidyName(f.Name))
			if m == nil {
				r.wrongRow(Problem{Code: CodeValue, Row: i + 1, Column: fileColumn,
					What: calendar.Text{JA: fmt.Sprintf("%s の名前が parts の形ではありません", clip(f.Path)), EN: fmt.Sprintf("the name of %s is not of the form that parts says", clip(f.Path))},
					Next: calendar.Text{JA: "ファイルの名前を直すか、ほかのフォルダーへ移してください", EN: "rename the file, or put it elsewhere"}})
				m = make([]string, len(o.names)+1)
			}
			for _, s := range m[1:] {
				cells = append(cells, r.text(s))
			}
		}
		if err := r.add(ctx, i+1, cells); err != nil {
			return err
		}
	}
	return nil
}
