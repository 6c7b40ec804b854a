package jobs

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// The times that tell a file still being written from a broken one. Programs on a shared folder write in bursts; ten
// seconds of quiet is what scanners and Excel on a slow line keep. A PDF without its end that nobody touched for ten
// minutes is broken, and its owner should hear of it.
const (
	settleTime = 10 * time.Second
	brokenTime = 10 * time.Minute
)

// The codes of what a run waits for. codeGrowing passes by itself, so nobody is told at once.
const (
	codeAttachment = "attachment"
	codeUnfit      = "unfit" // an attachment is there, and can't be used
	codeGrowing    = "growing"
	codeField      = "field"
	codeLetter     = "letter"
	codeAddressee  = "addressee"
	codeSize       = "size"
)

// fileTypes are the endings whose content can be told, with their MIME type and what the content has to look like.
// A name that says one thing and bytes that say another are what a recipient's filter rejects, or a colleague's slip.
var fileTypes = map[string]struct {
	mime string
	fits func(b []byte) bool
}{
	".pdf":  {"application/pdf", func(b []byte) bool { return bytes.HasPrefix(b, []byte("%PDF-")) }},
	".xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", zipWith("xl/workbook.xml")},
	".xlsm": {"application/vnd.ms-excel.sheet.macroEnabled.12", zipWith("xl/workbook.xml")},
	".docx": {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", zipWith("word/document.xml")},
	".pptx": {"application/vnd.openxmlformats-officedocument.presentationml.presentation", zipWith("ppt/presentation.xml")},
	".zip":  {"application/zip", zipWith("")},
	".xls":  {"application/vnd.ms-excel", compound},
	".doc":  {"application/msword", compound},
	".ppt":  {"application/vnd.ms-powerpoint", compound},
	".png":  {"image/png", sniffs("image/png")},
	".jpg":  {"image/jpeg", sniffs("image/jpeg")},
	".jpeg": {"image/jpeg", sniffs("image/jpeg")},
	".gif":  {"image/gif", sniffs("image/gif")},
	".csv":  {"text/csv", plain},
	".tsv":  {"text/tab-separated-values", plain},
	".txt":  {"text/plain", plain},
	".xml":  {"application/xml", plain},
	".html": {"text/html", plain},
	".json": {"application/json", plain},
}

// zipWith reports whether bytes are a complete zip file with the named part.
func zipWith(part string) func([]byte) bool {
	return func(b []byte) bool {
		if !bytes.HasPrefix(b, []byte("PK")) {
			return false
		}
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return false
		}
		return part == "" || slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == part })
	}
}

// compound reports the old Office container.
func compound(b []byte) bool { return bytes.HasPrefix(b, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) }

// sniffs reports whether the first bytes are of a type.
func sniffs(mime string) func([]byte) bool {
	return func(b []byte) bool { return http.DetectContentType(b) == mime }
}

// plain reports text: no NUL, and not another kind of file under a text's name.
func plain(b []byte) bool {
	return !bytes.ContainsRune(b, 0) && !bytes.HasPrefix(b, []byte("%PDF-")) && !bytes.HasPrefix(b, []byte("PK\x03\x04"))
}

// unfinished reports names of files that programs make beside the real one, or that no office means to send.
func unfinished(name string) bool {
	lower := strings.ToLower(name)
	for _, end := range []string{".tmp", ".part", ".partial", ".crdownload", ".download", ".lnk", "~"} {
		if strings.HasSuffix(lower, end) {
			return true
		}
	}
	return strings.HasPrefix(name, "~$") || strings.HasPrefix(name, ".") || lower == "thumbs.db" || lower == "desktop.ini"
}

// attachments reads what the patterns name. What is not as it should be is missing, and nothing is attached then.
func attachments(w *World, s *scope, patterns []string, limit int64) (files []mailer.File, in []ledger.Input, missing []ledger.Reason) {
	var found []config.Match
	for _, p := range patterns {
		ms, r := matches(w, s, p)
		if r != nil {
			missing = append(missing, *r)
			continue
		}
		for _, m := range ms {
			if !slices.ContainsFunc(found, func(f config.Match) bool { return f.Path == m.Path }) {
				found = append(found, m)
			}
		}
	}
	total := int64(0)
	names := map[string]string{}
	for _, m := range found {
		name := norm.NFC.String(m.Name)
		say := func(code string, what, next calendar.Text) {
			missing = append(missing, reason(w, code, what, next))
		}
		if other, twice := names[strings.ToLower(name)]; twice {
			say(codeAttachment,
				calendar.Text{JA: fmt.Sprintf("同じ名前の添付ファイル「%s」が2つあります（%s、%s）", name, folderJA(other), folderJA(m.Path)), EN: fmt.Sprintf("two attachments have the name %s (%s, %s)", name, other, m.Path)},
				calendar.Text{JA: "受け取る方が見分けられるよう、どちらかの名前を変えてください", EN: "rename one, so that they can be told apart"})
			continue
		}
		names[strings.ToLower(name)] = m.Path
		if total += m.Size; total > limit {
			say(codeSize,
				calendar.Text{JA: fmt.Sprintf("添付ファイルが合わせて%sを超えます（「%s」まで）", config.SizeWords(limit), name), EN: fmt.Sprintf("the attachments are larger than %s together (up to %s)", config.SizeWords(limit), name)},
				calendar.Text{JA: "ファイルを小さくするか、max_size を見直してください", EN: "make them smaller, or look at max_size"})
			return nil, nil, missing
		}
		data, r := readFile(w, m, limit)
		if r != nil {
			missing = append(missing, *r)
			continue
		}
		files = append(files, mailer.File{Name: name, Type: mimeType(name), Data: data})
		in = append(in, input("file", m.Path, data))
	}
	if len(missing) > 0 {
		return nil, nil, missing
	}
	return files, in, nil
}

// matches finds the files of one pattern; there has to be at least one.
func matches(w *World, s *scope, pattern string) ([]config.Match, *ledger.Reason) {
	p, err := expandPattern(pattern, s)
	if err != nil {
		r := reason(w, codeAttachment,
			calendar.Text{JA: fmt.Sprintf("添付の指定「%s」の場所が決まりません", pattern), EN: fmt.Sprintf("the attachment pattern %s has no value for all of its fields", pattern)},
			calendar.Text{JA: "attach の { } の中を見直してください", EN: "look at the { } in attach"})
		return nil, &r
	}
	all, err := w.Config.Glob(p)
	if err != nil {
		r := fileReason(w, p, err)
		return nil, &r
	}
	ms := slices.DeleteFunc(all, func(m config.Match) bool { return unfinished(m.Name) })
	if len(ms) > 0 {
		return ms, nil
	}
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	what := calendar.Text{JA: fmt.Sprintf("%s用の「%s」がまだありません", s.whom(), base), EN: fmt.Sprintf("%s for %s is not there yet", base, s.whom())}
	next := calendar.Text{JA: fmt.Sprintf("「%s」に入れてください。入れば、自動で続けます", folderJA(dir)), EN: fmt.Sprintf("put it into the folder %s; we go on by ourselves then", dir)}
	if dir == "" {
		next = calendar.Text{JA: "jobs.tomlと同じフォルダーに入れてください。入れば、自動で続けます", EN: "put it beside jobs.toml; we go on by ourselves then"}
	}
	if len(all) > 0 { // only a temporary one: somebody has it open, or is still copying it
		what = calendar.Text{JA: fmt.Sprintf("%s用の「%s」は、作業中のファイルしかありません", s.whom(), base), EN: fmt.Sprintf("of %s for %s there is only a temporary file", base, s.whom())}
	}
	r := reason(w, codeAttachment, what, next)
	return nil, &r
}

// readFile reads one attachment and looks at it: quiet, whole, and what its name says.
func readFile(w *World, m config.Match, limit int64) ([]byte, *ledger.Reason) {
	say := func(code string, what, next calendar.Text) *ledger.Reason {
		r := reason(w, code, what, next)
		return &r
	}
	again := calendar.Text{JA: "書き終わるのを待って、自動で見直します", EN: "we look again by ourselves when it is finished"}
	growing := calendar.Text{JA: fmt.Sprintf("「%s」は、まだ書き込み中です", m.Name), EN: fmt.Sprintf("%s is still being written", m.Name)}
	anew := calendar.Text{JA: fmt.Sprintf("「%s」に入れ直してください。入れば、自動で続けます", folderJA(path.Dir(m.Path))), EN: fmt.Sprintf("put a good one into %s; we go on by ourselves then", path.Dir(m.Path))}
	if hostile(m.Name, false) {
		return nil, say(codeAttachment,
			calendar.Text{JA: "添付ファイルの名前に使えない文字があります", EN: "an attachment's name has a character that may not stand in a mail"},
			calendar.Text{JA: fmt.Sprintf("「%s」のファイルの名前を変えてください", folderJA(path.Dir(m.Path))), EN: fmt.Sprintf("rename the file in %s", path.Dir(m.Path))})
	}
	age := w.Now.Sub(m.ModTime)
	if w.Rehearsal {
		age = brokenTime
	}
	if age.Abs() < settleTime { // a file server's clock may be a little ahead of ours
		return nil, say(codeGrowing, growing, again)
	}
	data, err := w.Config.ReadFile(m.Path, limit)
	if err != nil {
		r := fileReason(w, m.Path, err)
		return nil, &r
	}
	if changed(w.Config, m, int64(len(data))) {
		return nil, say(codeGrowing, growing, again)
	}
	typ, known := fileTypes[strings.ToLower(path.Ext(m.Name))]
	switch {
	case len(data) == 0:
		return nil, say(codeUnfit, calendar.Text{JA: fmt.Sprintf("「%s」の中身が空です", m.Name), EN: fmt.Sprintf("%s is empty", m.Name)}, anew)
	case known && typ.mime == "application/pdf" && typ.fits(data) && !pdfEnds(data):
		if age < brokenTime && age > 0 {
			return nil, say(codeGrowing, growing, again)
		}
		return nil, say(codeUnfit, calendar.Text{JA: fmt.Sprintf("「%s」は途中で切れています", m.Name), EN: fmt.Sprintf("%s ends in the middle", m.Name)}, anew)
	case known && compound(data) && slices.Contains([]string{".xlsx", ".xlsm", ".docx", ".pptx"}, strings.ToLower(path.Ext(m.Name))):
		return nil, say(codeUnfit, calendar.Text{JA: fmt.Sprintf("「%s」は、パスワードがかかっているか、古い形式のファイルです", m.Name), EN: fmt.Sprintf("%s is encrypted, or of an old format", m.Name)}, anew)
	case known && !typ.fits(data):
		kind := strings.ToUpper(strings.TrimPrefix(path.Ext(m.Name), "."))
		return nil, say(codeUnfit, calendar.Text{JA: fmt.Sprintf("「%s」は、中身が%sではありません", m.Name, kind), EN: fmt.Sprintf("%s is not a %s file inside", m.Name, kind)}, anew)
	}
	return data, nil
}

// changed looks a second time: a file that grew, shrank or was written while it was read is not whole.
func changed(c *config.Config, m config.Match, read int64) bool {
	if read != m.Size {
		return true
	}
	again, err := c.Glob(literal(m.Path))
	if err != nil {
		return true
	}
	// Beside it there may be one whose name differs only in the case of its ending.
	i := slices.IndexFunc(again, func(x config.Match) bool { return x.Path == m.Path })
	return i < 0 || again[i].Size != m.Size || !again[i].ModTime.Equal(m.ModTime)
}

// literal writes a path as a pattern without wild cards.
func literal(p string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(p)
}

// pdfEnds reports whether a PDF has its trailer near the end (ISO 32000-1, 7.5.5; readers accept it in the last kilobyte).
func pdfEnds(b []byte) bool {
	return bytes.Contains(b[max(0, len(b)-1024):], []byte("%%EOF"))
}

// mimeType is the type that the mail says; the recipient's program goes by it and by the name.
func mimeType(name string) string {
	if t, ok := fileTypes[strings.ToLower(path.Ext(name))]; ok {
		return t.mime
	}
	return "application/octet-stream"
}

// expandPattern fills the fields of a file pattern. Values never bring in folders or wild cards of their own.
func expandPattern(pattern string, s *scope) (string, error) {
	pieces, problems := parseLine(pattern, 0)
	if len(problems) > 0 {
		return "", errors.New("the pattern can't be read")
	}
	var b strings.Builder
	for _, p := range pieces {
		if p.field == "" {
			b.WriteString(p.text)
			continue
		}
		v := s.value(p.field)
		if v == "" || strings.ContainsAny(v, "/\\*?[]") || hostile(v, false) || v == "." || v == ".." {
			return "", fmt.Errorf("couldn't fill {%s}", p.field)
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

// whom is whom the letter is for, in few words.
func (s *scope) whom() string {
	switch {
	case len(s.to) == 0:
		return ""
	case len(s.to) > 1 || s.to[0].Person != nil && s.job.Title != "":
		return s.job.Title // to colleagues a report is a report, whoever reads it
	}
	return nameOf(s.to[0], s.language)
}

// nameOf is an addressee for people: アクメ商事様 is said of customers inside the house, 佐藤さん of colleagues.
func nameOf(a config.Addressee, l calendar.Language) string {
	switch {
	case a.Person != nil:
		return withSan(a.Person, l)
	case a.Partner != nil && l == calendar.English:
		return a.Partner.Name
	case a.Partner != nil:
		return shortCompany(a.Partner.Name) + "様"
	case a.Plain != nil:
		return a.Plain.Mail
	}
	return ""
}

// shortCompany is a company's name as colleagues say it: without its legal form and without an honorific.
func shortCompany(name string) string {
	full := fullName(name)
	for _, form := range legalForms {
		if s := strings.Trim(strings.TrimSuffix(strings.TrimPrefix(full, form), form), " 　"); s != "" && s != full {
			return s
		}
	}
	return full
}

// folderJA is a folder as Japanese mails show it, without the prefix that jobs.toml needs.
func folderJA(p string) string {
	p = strings.TrimPrefix(p, "folder:")
	if p == "" || p == "." {
		return "jobs.tomlと同じフォルダー"
	}
	return p
}

// reason words something that is missing in the file's language.
func reason(w *World, code string, what, next calendar.Text) ledger.Reason {
	l := w.Config.Language
	return ledger.Reason{Code: code, Text: clean(what.In(l)), Next: clean(next.In(l))}
}

// fileReason words a file or folder that could not be had.
func fileReason(w *World, p string, err error) ledger.Reason {
	what, next := fileErrorWords(err)
	return reason(w, codeAttachment,
		calendar.Text{JA: fmt.Sprintf("「%s」：%s", folderJA(p), what.JA), EN: fmt.Sprintf("%s: %s", p, what.EN)}, next)
}

// fileErrorWords are what is wrong with a path, and the next step.
func fileErrorWords(err error) (what, next calendar.Text) {
	if e, ok := errors.AsType[*config.FileError](err); ok {
		return e.What, e.Next
	}
	return calendar.Text{JA: "読めません", EN: "it can't be read"}, calendar.Text{JA: "ファイルを確かめてください", EN: "look at the file"}
}

// clean takes characters out that would break a line of a mail or show something else than is there.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if badRune(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
