package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"bod/internal/calendar"
)

// content is the bytes of one file or reply, before it is known what they mean.
type content struct {
	io.ReaderAt
	size     int64
	name     string // as the file names it
	modified time.Time
}

func (c content) reader() io.Reader { return io.NewSectionReader(c.ReaderAt, 0, c.size) }

// shape is what [source.NAME] says about how a file's rows lie in it.
type shape struct {
	format    string // "" : by the name's ending
	encoding  string // "": found out
	delimiter rune   // 0: found out
	sheet     string // "": the first that is not hidden
	header    int    // the row of the (last) heading; 0: the first that is not blank; -1: there is none
	headings  int    // rows of headings
	array     string // where the rows of a JSON file stand
}

// format is how the rows of a file are written.
type format struct {
	name    string
	endings []string
	read    func(ctx context.Context, r *reading, c content, s shape) error
}

// formats are the formats of files: the one visible table.
var formats = []format{
	{"csv", []string{".csv", ".txt"}, readCSV},
	{"tsv", []string{".tsv", ".tab"}, readTSV},
	{"xlsx", []string{".xlsx", ".xlsm"}, readWorkbook},
	{"json", []string{".json"}, readJSON},
	{"jsonl", []string{".jsonl", ".ndjson"}, readJSONLines},
}

// oneFile is a source of one file.
type oneFile struct {
	path  string
	shape shape
}

var fileKeys = append([]Key{
	{"file", "file", "", calendar.Text{JA: "読むファイル。csv、tsv、xlsx、json、jsonl", EN: "the file that is read: csv, tsv, xlsx, json or jsonl"}, `file = "data/orders.csv"`},
}, shapeKeys...)

// shapeKeys are the keys of whatever has the content of a file.
var shapeKeys = []Key{
	{"format", "text", "", calendar.Text{JA: "ファイルの形式。csv、tsv、xlsx、json、jsonl。なければ名前の終わりで見分けます", EN: "the format: csv, tsv, xlsx, json or jsonl; else told by the name's ending"}, `format = "csv"`},
	{"encoding", "text", "", calendar.Text{JA: "文字コード。utf-8、utf-16、shift_jis。なければ中身から見分けます", EN: "the encoding: utf-8, utf-16 or shift_jis; else found out"}, `encoding = "shift_jis"`},
	{"delimiter", "text", "", calendar.Text{JA: "区切りの文字。, か ; か tab。なければ中身から見分けます", EN: "what divides the fields: , or ; or tab; else found out"}, `delimiter = ";"`},
	sheetKey,
	{"header", "number", "", calendar.Text{JA: "見出しの行。なければ最初の行。0 なら見出しはなく、欄は A、B、C…", EN: "the row of the headings; else the first. 0: there are none, and the columns are A, B, C …"}, `header = 3`},
	{"header_rows", "number", "1", calendar.Text{JA: "見出しが何行あるか。2行なら「納品先 会社名」のように上と下をつなぎます", EN: "how many rows the headings take; two are joined, as in \"Ship to Name\""}, `header_rows = 2`},
	{"array", "text", "", calendar.Text{JA: "JSON の中で行が並んでいる場所。なければいちばん外側", EN: "where the rows stand in a JSON file; else at its top"}, `array = "data.items"`},
}

var sheetKey = Key{"sheet", "text", "", calendar.Text{JA: "シートの名前。なければ最初の、隠れていないシート", EN: "the sheet; else the first that is not hidden"}, `sheet = "受注"`}

func decodeFile(s Settings) origin {
	f := &oneFile{path: s.String("file"), shape: decodeShape(s)}
	if f.path == "" || !goodPath(s, "file", f.path) {
		return nil
	}
	if f.shape.format == "" {
		if _, ok := formatOf(f.path); !ok {
			s.Problem("file", unknownFormat(f.path).What, unknownFormat(f.path).Next)
		}
	}
	return f
}

// goodPath tells what is wrong with a path.
func goodPath(s Settings, key, p string) bool {
	err := s.CheckPath(p)
	if err == nil {
		return true
	}
	what, next := calendar.Text{JA: err.Error(), EN: err.Error()}, calendar.Text{JA: "名前と場所を確かめてください", EN: "see whether name and folder are right"}
	if w, ok := errors.AsType[worded](err); ok {
		what, next = w.Words()
	}
	s.Problem(key, about(p, what), next)
	return false
}

func unknownFormat(name string) *Problem {
	return &Problem{Code: CodeUnreadable,
		What: calendar.Text{JA: fmt.Sprintf("%s の形式は読めません", name), EN: fmt.Sprintf("%s is in no format that can be read", name)},
		Next: calendar.Text{JA: "csv、tsv、xlsx、json、jsonl のどれかで書き出すか、format に書いてください（古い .xls は xlsx で保存し直してください）", EN: "export it as csv, tsv, xlsx, json or jsonl, or say format (save an old .xls as xlsx)"}}
}

func formatOf(name string) (string, bool) {
	end := strings.ToLower(path.Ext(name))
	for _, f := range formats {
		if slices.Contains(f.endings, end) {
			return f.name, true
		}
	}
	return "", false
}

func decodeShape(s Settings) shape {
	out := shape{format: strings.ToLower(s.String("format")), encoding: strings.ToLower(s.String("encoding")), sheet: s.String("sheet"), array: s.String("array"),
		header: s.Number("header", 0), headings: s.Number("header_rows", 1)}
	if out.format != "" && !slices.ContainsFunc(formats, func(f format) bool { return f.name == out.format }) {
		s.Problem("format", calendar.Text{JA: fmt.Sprintf("「%s」という形式はありません", out.format), EN: fmt.Sprintf("there is no format %q", out.format)},
			calendar.Text{JA: "csv、tsv、xlsx、json、jsonl のどれかです", EN: "it is one of csv, tsv, xlsx, json, jsonl"})
	}
	switch out.encoding {
	case "", "utf-8", "utf-16", "shift_jis":
	case "utf8":
		out.encoding = "utf-8"
	case "utf16":
		out.encoding = "utf-16"
	case "cp932", "sjis", "shift-jis", "ms932", "windows-31j":
		out.encoding = "shift_jis"
	default:
		s.Problem("encoding", calendar.Text{JA: fmt.Sprintf("「%s」という文字コードは読めません", out.encoding), EN: fmt.Sprintf("the encoding %q cannot be read", out.encoding)},
			calendar.Text{JA: "utf-8、utf-16、shift_jis のどれかです", EN: "it is one of utf-8, utf-16, shift_jis"})
	}
	switch d := s.String("delimiter"); d {
	case "":
	case ",", ";", "|":
		out.delimiter = rune(d[0])
	case "tab", `\t`, "\t", "タブ":
		out.delimiter = '\t'
	default:
		s.Problem("delimiter", calendar.Text{JA: fmt.Sprintf("「%s」では区切れません", d), EN: fmt.Sprintf("%q is no delimiter", d)},
			calendar.Text{JA: "「,」「;」「|」か「tab」と書いてください", EN: `write ",", ";", "|" or "tab"`})
	}
	if s.Has("header") && out.header == 0 {
		out.header = -1
	} else if out.header < 0 {
		s.Problem("header", calendar.Text{JA: "header は0以上です", EN: "header has to be at least 0"}, calendar.Text{JA: "header = 3 のように書いてください", EN: "write it like header = 3"})
	}
	if out.headings < 1 || out.headings > 5 {
		s.Problem("header_rows", calendar.Text{JA: "header_rows は1から5までです", EN: "header_rows is 1 to 5"}, calendar.Text{JA: "header_rows = 2 のように書いてください", EN: "write it like header_rows = 2"})
		out.headings = 1
	}
	return out
}

func (f *oneFile) words() string { return f.path }

func (f *oneFile) read(ctx context.Context, r *reading) error {
	return r.withFile(f.path, func(c content) error {
		r.modified = c.modified
		return readContent(ctx, r, c, f.shape)
	})
}

// readContent reads the rows of a file or reply in its format.
func readContent(ctx context.Context, r *reading, c content, s shape) error {
	name := s.format
	if name == "" {
		var ok bool
		if name, ok = formatOf(c.name); !ok {
			return unknownFormat(c.name)
		}
	}
	for _, f := range formats {
		if f.name == name {
			return f.read(ctx, r, c, s)
		}
	}
	return unknownFormat(c.name)
}

// settle is how long nobody may have written to a file. Programs on a shared folder write in bursts; ten seconds of quiet
// is what scanners and Excel on a slow line keep.
const settle = 10 * time.Second

// withFile opens a file of the office, hands it over, and sees that it was whole: not touched a moment ago, and the same
// afterwards as before. A file that is replaced by another under its name is read to its end as the old one.
func (r *reading) withFile(p string, use func(content) error) error {
	f, err := r.world.Open(p)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return &Problem{Code: CodeMissing, Err: err,
				What: calendar.Text{JA: fmt.Sprintf("%s がありません", p), EN: fmt.Sprintf("%s is not there", p)},
				Next: calendar.Text{JA: "書き出しが済んでいるか、名前と場所が合っているかを確かめてください", EN: "see whether it was exported, and whether name and folder are right"}}
		}
		return err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return err
	}
	if !before.Mode().IsRegular() {
		return &Problem{Code: CodeUnreadable,
			What: calendar.Text{JA: fmt.Sprintf("%s はファイルではありません", p), EN: fmt.Sprintf("%s is no file", p)},
			Next: calendar.Text{JA: "ファイルの名前を書いてください", EN: "write the name of a file"}}
	}
	if err := r.sized(p, before.Size()); err != nil {
		return err
	}
	if before.Size() == 0 {
		return &Problem{Code: CodeUnfinished,
			What: calendar.Text{JA: fmt.Sprintf("%s が空（0バイト）です", p), EN: fmt.Sprintf("%s is empty (0 bytes)", p)},
			Next: calendar.Text{JA: "書き出しが途中で終わっていないかを確かめてください", EN: "see whether the export was cut short"}}
	}
	if age := r.world.Now.Sub(before.ModTime()); !r.world.Played && age >= 0 && age < settle {
		return growing(p)
	}
	err = use(content{ReaderAt: f, size: before.Size(), name: p, modified: before.ModTime()})
	// A file that changed meanwhile is the reason for whatever else went wrong.
	if after, statErr := f.Stat(); statErr != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return growing(p)
	}
	return err
}

// found finds the files of a pattern. None at all is a folder without work; a folder that is not there is a mistake.
func (r *reading) found(pattern string) ([]Found, error) {
	fs, err := r.world.Glob(pattern)
	if err != nil || len(fs) > 0 {
		return fs, err
	}
	dir := pattern
	for strings.ContainsAny(dir, "*?[") {
		dir = path.Dir(dir)
	}
	if dir == pattern {
		dir = path.Dir(dir)
	}
	// A named folder itself was looked at by Glob, and that of jobs.toml is there.
	if dir == "." || strings.HasPrefix(dir, "folder:") && !strings.Contains(dir, "/") {
		return nil, nil
	}
	f, err := r.world.Open(dir)
	if err != nil {
		return nil, &Problem{Code: CodeMissing, Err: err,
			What: calendar.Text{JA: fmt.Sprintf("フォルダー %s がないか、開けません", dir), EN: fmt.Sprintf("the folder %s is not there, or cannot be opened", dir)},
			Next: calendar.Text{JA: "名前と場所を確かめてください", EN: "see whether name and folder are right"}}
	}
	return nil, f.Close()
}

func growing(p string) error {
	return &Problem{Code: CodeUnfinished,
		What: calendar.Text{JA: fmt.Sprintf("%s はいま書き込まれています", p), EN: fmt.Sprintf("%s is being written just now", p)},
		Next: calendar.Text{JA: "書き込みが終わるのを待って、もう一度読みます", EN: "it is read again when that is done"}}
}

func (r *reading) maxSize() int64 {
	if r.source.common.maxSize > 0 {
		return r.source.common.maxSize
	}
	return defaultSize
}

// sized holds a size against max_size.
func (r *reading) sized(what string, n int64) error {
	if n <= r.maxSize() {
		return nil
	}
	return &Problem{Code: CodeTooBig,
		What: calendar.Text{JA: fmt.Sprintf("%s が大きすぎます（上限 %s MB）", what, megabytes(r.maxSize())), EN: fmt.Sprintf("%s is larger than %s MB", what, megabytes(r.maxSize()))},
		Next: calendar.Text{JA: "小さくするか、max_size を大きくしてください", EN: "make it smaller, or raise max_size"}}
}

func megabytes(n int64) string {
	if n%(1<<20) == 0 {
		return grouped(fmt.Sprint(n >> 20))
	}
	return fmt.Sprintf("%.1f", float64(n)/(1<<20))
}

// text is a cell of a source that has only texts.
func (r *reading) text(s string) cell {
	v := TextOf(s)
	if len(r.source.common.empty) > 0 && v.typ == Text && slices.Contains(r.source.common.empty, Normal(v.text)) {
		return cell{}
	}
	return cell{Value: v}
}

// temporary keeps what a host sends in a file without a name, from inMemory on.
func temporary(in io.Reader, limit int64) (at io.ReaderAt, size int64, done func() error, err error) {
	head, err := io.ReadAll(io.LimitReader(in, min(inMemory, limit+1)))
	if err != nil {
		return nil, 0, nil, err
	}
	if int64(len(head)) < inMemory {
		return bytes.NewReader(head), int64(len(head)), func() error { return nil }, nil
	}
	f, err := os.CreateTemp("", "bod-table-")
	if err != nil {
		return nil, 0, nil, err
	}
	fail := func(err error) (io.ReaderAt, int64, func() error, error) {
		return nil, 0, nil, errors.Join(err, f.Close())
	}
	if err := os.Remove(f.Name()); err != nil {
		return fail(err)
	}
	if _, err := f.Write(head); err != nil {
		return fail(err)
	}
	n, err := io.Copy(f, io.LimitReader(in, limit-int64(len(head))+1))
	if err != nil {
		return fail(err)
	}
	return f, n + int64(len(head)), f.Close, nil
}
