package jobs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/document"
	"bod/internal/ledger"
	"bod/internal/mailer"
	"bod/internal/table"
)

// pdf is one attachment with its text.
type pdf struct {
	name string
	doc  *document.Document
}

// pdfs reads the attachments that are PDFs. Where one can't be read, or there is none, the result says so: what was not
// looked at is for a person.
func (s *subject) pdfs() ([]pdf, *Result, error) {
	var out []pdf
	for _, f := range s.draft.Letter.Files {
		if !isPDF(f) {
			continue
		}
		d, err := s.run.document(s.ctx, f.Data)
		if p, ok := errors.AsType[*document.Problem](err); ok {
			if p.Code == document.CodeAway {
				return nil, nil, fmt.Errorf("couldn't read the PDF %s: %w", f.Name, errors.Join(p, p.Err))
			}
			return nil, &Result{Verdict: Unjudged, What: s.in(p.What), Figures: []Figure{{s.say("ファイル", "file"), f.Name}}}, nil
		}
		if err != nil {
			return nil, nil, err
		}
		out = append(out, pdf{f.Name, d})
	}
	if len(out) == 0 {
		return nil, &Result{Verdict: Unjudged, What: s.say("PDFの添付がないので、確かめられません", "there is no PDF to look at")}, nil
	}
	return out, nil, nil
}

// unread is the result where a PDF has a page that is a picture: what stands on it nobody has read, so that a check that found
// nothing wrong in the rest can't say that all is well. nil where every page was read.
func (s *subject) unread(ps []pdf) *Result {
	for _, p := range ps {
		if len(p.doc.Unread) > 0 {
			page := p.doc.Unread[0]
			return &Result{Verdict: Unjudged, What: s.say("PDFの%dページ目に文字がありません（画像だけです）。人の目で見てください", "page %d of the PDF has no text, only a picture: a person has to look at it", page),
				Figures: []Figure{{s.say("ファイル", "file"), p.name}}}
		}
	}
	return nil
}

// readPDF is what came of reading one PDF.
type readPDF struct {
	doc *document.Document
	err error
}

// document reads a PDF once for all checks of a run.
func (x *checking) document(ctx context.Context, data []byte) (*document.Document, error) {
	key := hash(data)
	r, known := x.read[key]
	if !known {
		r.doc, r.err = document.Read(ctx, data)
		if ctx.Err() == nil {
			x.read[key] = r
		}
		x.world.alive() // three hundred invoices take minutes the first time
	}
	return r.doc, r.err
}

func isPDF(f mailer.File) bool { return fileTypes[".pdf"].fits(f.Data) }

// expected are texts with fields of letters, filled for one message.
func (s *subject) expected(texts []string) ([]string, *Result) {
	var out []string
	for _, t := range texts {
		pieces, problems := parseLine(t, 0)
		var b strings.Builder
		for _, p := range pieces {
			v := p.text
			if p.field != "" {
				if v = s.scope.find(p.field); v == "" {
					return nil, &Result{Verdict: Unjudged, What: s.say("{%s} に入れる値がないので、確かめられません", "{%s} has no value, so that it can't be judged", p.field)}
				}
			}
			b.WriteString(v)
		}
		if len(problems) > 0 || document.Fold(b.String()) == "" {
			return nil, &Result{Verdict: Unjudged, What: s.say("「%s」を読めないので、確かめられません", "%s can't be read, so that it can't be judged", t)}
		}
		out = append(out, b.String())
	}
	return out, nil
}

// decodeExpected reads texts that may have fields of letters.
func decodeExpected(d *config.Decoder, key string, s checkScope) []string {
	texts := d.Strings(key)
	for i, t := range texts {
		pieces, problems := parseLine(t, 0)
		for _, p := range problems {
			d.ProblemAt(key, i, p.What, p.Next)
		}
		for _, p := range pieces {
			if p.field != "" && !s.hasField(p.field) {
				d.ProblemAt(key, i, calendar.Text{JA: fmt.Sprintf("{%s} という欄はありません", p.field), EN: fmt.Sprintf("there is no field {%s}", p.field)},
					calendar.Text{JA: "手紙の { } に書ける名前か、fields の名前を書いてください", EN: "write a name that can stand in { } of a letter, or one of fields"})
			}
		}
		if document.Fold(t) == "" {
			d.ProblemAt(key, i, calendar.Text{JA: "探す文字がありません", EN: "there is nothing to look for"}, calendar.Text{JA: "文字を書くか、消してください", EN: "write a text, or delete it"})
		}
	}
	return texts
}

var pdfContains = checkType{name: "pdf_contains",
	keys: []config.Key{{Name: "pdf_contains", Type: "list of texts", Example: `pdf_contains = ["アクメ商事", "{about}分", "{company.registration}"]`, Meaning: calendar.Text{
		JA: "添付のPDFのどれにも必ず書いてあるべき文字。手紙の { } が使えます。全角と半角、空白や改行の違いは問いません", EN: "what has to stand in each attached PDF; it may have the fields of letters. Width, blanks and line ends don't matter"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		texts := decodeExpected(d, "pdf_contains", s)
		if len(texts) == 0 {
			return nil, calendar.Text{}
		}
		return contained{texts, true}, calendar.Text{JA: "PDFに「" + strings.Join(texts, "」「") + "」があること", EN: "the PDF says " + strings.Join(texts, ", ")}
	}}

var pdfLacks = checkType{name: "pdf_lacks",
	keys: []config.Key{{Name: "pdf_lacks", Type: "list of texts", Example: `pdf_lacks = ["見積", "下書き"]`, Meaning: calendar.Text{
		JA: "添付のPDFにあってはならない文字", EN: "what may stand in no attached PDF"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		texts := decodeExpected(d, "pdf_lacks", s)
		if len(texts) == 0 {
			return nil, calendar.Text{}
		}
		return contained{texts, false}, calendar.Text{JA: "PDFに「" + strings.Join(texts, "」「") + "」がないこと", EN: "the PDF doesn't say " + strings.Join(texts, ", ")}
	}}

// contained looks for texts in every PDF.
type contained struct {
	texts []string
	want  bool
}

func (c contained) judge(s *subject) (Result, error) {
	texts, unjudged := s.expected(c.texts)
	if unjudged != nil {
		return *unjudged, nil
	}
	ps, unjudged, err := s.pdfs()
	if unjudged != nil || err != nil {
		return orNothing(unjudged), err
	}
	quoted := s.say("「%s」", "%s", strings.Join(texts, s.say("」「", ", ")))
	for _, p := range ps {
		all := p.doc.Text()
		for _, t := range texts {
			if strings.Contains(all, document.Fold(t)) == c.want {
				continue
			}
			if u := s.unread([]pdf{p}); u != nil && c.want {
				return *u, nil // it may stand in the picture
			}
			r := Result{Verdict: Wrong, Figures: []Figure{{s.say("ファイル", "file"), p.name}}}
			if r.What = s.say("PDFに「%s」がありません", "the PDF doesn't say %s", t); !c.want {
				r.What = s.say("PDFに「%s」があります", "the PDF says %s", t)
			}
			return r, nil
		}
	}
	if u := s.unread(ps); u != nil && !c.want {
		return *u, nil
	}
	if !c.want {
		return Result{Verdict: Passed, What: s.say("PDFに%sはありません", "the PDF doesn't say %s", quoted)}, nil
	}
	return Result{Verdict: Passed, What: s.say("PDFに%sがあります", "the PDF says %s", quoted)}, nil
}

func orNothing(r *Result) Result {
	if r == nil {
		return Result{}
	}
	return *r
}

var pdfAmount = checkType{name: "pdf_amount",
	keys: []config.Key{{Name: "pdf_amount", Type: "table", Example: `pdf_amount = { label = "ご請求金額", equals = "110000" }`, Meaning: calendar.Text{
		JA: "PDFの label の隣にある金額。equals（計算。ほかの表の合計なら '合計(\"orders\", 金額, 得意先コード)' のように。得意先コード は fields に書きます）があれば、それと等しいこと。読んだ金額はメールの金額になります。表の行ごとに送り、amount があれば、何も書かなくてもそれと比べます", EN: "the amount beside a label in the PDF. With equals, a rule such as 'sum(\"orders\", amount, code)' where code stands in fields, it has to be equal to that. What was read becomes the message's amount; where a row gets the letter and amount is written, it is compared with that"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		t := d.Table("pdf_amount")
		for k := range t {
			if k != "label" && k != "equals" {
				d.Problem("pdf_amount", calendar.Text{JA: fmt.Sprintf("pdf_amount に %s という項目はありません", k), EN: fmt.Sprintf("there is no key %s in pdf_amount", k)}, calendar.Text{JA: "使えるのは label と equals です", EN: "what can be used: label, equals"})
				return nil, calendar.Text{}
			}
		}
		a := amountOf{label: t["label"]}
		if document.Fold(a.label) == "" {
			d.Problem("pdf_amount", calendar.Text{JA: "金額の隣の文字 label がありません", EN: "label is missing: the words beside the amount"}, calendar.Text{JA: `pdf_amount = { label = "ご請求金額" } のように書いてください`, EN: `write it like pdf_amount = { label = "Total" }`})
			return nil, calendar.Text{}
		}
		if src := t["equals"]; src != "" {
			r, ps := table.CompileValue(src, s.rules)
			for _, p := range ps {
				d.Problem("pdf_amount", p.What, p.Next)
			}
			if r == nil || len(ps) > 0 {
				return nil, calendar.Text{}
			}
			if r.Checked() && r.Type() != table.Number {
				d.Problem("pdf_amount", calendar.Text{JA: "equals は金額になりません", EN: "equals is no amount"}, calendar.Text{JA: "数になる計算を書いてください", EN: "write a rule that is a number"})
				return nil, calendar.Text{}
			}
			a.equals = r
			return a, calendar.Text{JA: "PDFの「" + a.label + "」が「" + src + "」と同じであること", EN: "the PDF's " + a.label + " is " + src}
		}
		return a, calendar.Text{JA: "PDFの「" + a.label + "」の金額が読めること", EN: "the PDF's " + a.label + " can be read"}
	}}

// amountOf reads the amount beside a label and compares it.
type amountOf struct {
	label  string
	equals *table.Rule
}

func (a amountOf) sources() []string {
	if a.equals == nil {
		return nil
	}
	return a.equals.Sources()
}

func (a amountOf) judge(s *subject) (Result, error) {
	ps, unjudged, err := s.pdfs()
	if unjudged != nil || err != nil {
		return orNothing(unjudged), err
	}
	total := decimal.Zero
	for _, p := range ps {
		found := p.doc.Amounts(a.label)
		slices.Sort(found)
		switch found = slices.Compact(found); {
		case len(found) == 0:
			return Result{Verdict: Unjudged, What: s.say("PDFの「%s」の隣に金額が見つかりません", "the PDF has no amount beside %s", a.label), Figures: []Figure{{s.say("ファイル", "file"), p.name}}}, nil
		case len(found) > 1:
			return Result{Verdict: Unjudged, What: s.say("PDFの「%s」の隣に、違う金額がいくつかあります", "the PDF has several amounts beside %s", a.label), Figures: []Figure{{p.name, strings.Join(found, s.say("、", ", "))}}}, nil
		}
		d, err := decimal.NewFromString(found[0])
		if err != nil {
			return Result{Verdict: Unjudged, What: s.say("PDFの「%s」の隣の金額を読めません", "the amount beside %s can't be read", a.label)}, nil
		}
		total = total.Add(d)
	}
	row, err := s.facts() // before the amount becomes the message's: it is not to be compared with itself
	if err != nil {
		return Result{}, err
	}
	ours := s.draft.Amount
	if s.amountRead {
		ours = nil
	}
	if n := total.BigInt(); total.IsInteger() && n.IsInt64() && s.draft.Amount == nil {
		n := n.Int64()
		s.draft.Amount, s.amountRead = &n, true
	}
	read := Figure{s.say("PDF", "PDF"), s.amount(total) + s.say("（%sの欄）", " (%s)", a.label)}
	if a.equals == nil && ours != nil {
		r := Result{Verdict: Passed, What: s.say("PDFの金額は、表の金額と同じです", "the PDF's amount is the table's"), Figures: []Figure{{s.say("表", "table"), yen(*ours, s.world.Config.Language)}, read}}
		if !decimal.NewFromInt(*ours).Equal(total) {
			r.Verdict, r.What = Wrong, s.say("PDFの金額が、表の金額と合いません", "the PDF's amount is not the table's")
		}
		return r, nil
	}
	if a.equals == nil {
		return Result{Verdict: Passed, What: s.say("PDFの金額を読みました", "the PDF's amount was read"), Figures: []Figure{read}}, nil
	}
	rule, p := typed(s.ctx, a.equals, rowColumns(s.scope.jobFields(), s.scope.columns), s.world.Tables)
	if p != nil {
		return Result{Verdict: Unjudged, What: s.in(p.What)}, nil
	}
	v, err := s.judge.Value(rule, row)
	if u, ok := errors.AsType[*table.Unjudged](err); ok {
		return Result{Verdict: Unjudged, What: s.in(u.What), Figures: []Figure{read}}, nil
	}
	if err != nil {
		return Result{}, err
	}
	if v.Type() != table.Number {
		return Result{Verdict: Unjudged, What: s.say("比べる金額がありません", "there is no amount to compare with"), Figures: []Figure{read}}, nil
	}
	label := a.beside(s)
	r := Result{Verdict: Passed, What: s.say("PDFの金額は、%sと同じです", "the PDF's amount is that of %s", label), Figures: []Figure{{label, s.amount(v.Number())}, read}}
	if !v.Number().Equal(total) {
		r.Verdict, r.What = Wrong, s.say("PDFの金額が、%sと合いません", "the PDF's amount is not that of %s", label)
	}
	return r, nil
}

// beside names what the PDF's amount is held against: the table that it comes from, be it by equals itself or by the amount
// of each row.
func (a amountOf) beside(s *subject) string {
	names := a.equals.Sources()
	if spec, ok := s.world.Job.Spec.(*sendSpec); ok && len(names) == 0 && spec.Each != nil && slices.Contains([]string{"金額", "amount"}, strings.TrimSpace(a.equals.Source())) {
		if names = []string{spec.Each.Source}; spec.Each.Amount != "" {
			r, _ := table.CompileValue(spec.Each.Amount, table.RuleScope{Source: sourceColumns(s.world.Config)})
			if r != nil && len(r.Sources()) > 0 {
				names = r.Sources()
			}
		}
	}
	if len(names) == 0 {
		return a.equals.Source()
	}
	return sourceTitle(s.world.Config, names[0])
}

// amount is an amount as people read it.
func (s *subject) amount(d decimal.Decimal) string {
	if n := d.BigInt(); d.IsInteger() && n.IsInt64() {
		return yen(n.Int64(), s.world.Config.Language)
	}
	return table.NumberOf(d).In(s.world.Config.Language)
}

var noOtherPartner = checkType{name: "no_other_partner", mails: true,
	keys: []config.Key{{Name: "no_other_partner", Type: "true or false", Example: `no_other_partner = true`, Meaning: calendar.Text{
		JA: "件名、本文、添付の名前、PDFに、ほかの得意先の名前がないこと。PDFでない添付は中を読めないので、止めて人に見てもらいます。[partner] と、表の行ごとに送るときは表（company の列）のほかの行を見ます。1文字の名前は見ません。watch では社外へのメールを見ます", EN: "neither subject, text, the names of attachments nor PDF has the name of another partner; with an attachment that is no PDF it is held for a person to look. The names are those of each [partner], and where a row gets a letter each those of the table's other rows (its column company). Names of one character are not looked for. Of a watch it looks at the mails to the outside"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		if !yes(d, "no_other_partner") {
			return nil, calendar.Text{}
		}
		return otherPartner{}, calendar.Text{JA: "ほかの得意先の名前がないこと", EN: "no other partner's name is in it"}
	}}

type otherPartner struct{}

func (otherPartner) judge(s *subject) (Result, error) {
	if len(s.scope.to) == 0 {
		return Result{Verdict: Unjudged, What: s.say("だれに送るのか分からないので、確かめられません", "it is not known whom it is for")}, nil
	}
	var unread *Result
	texts := []Figure{{s.say("件名", "subject"), s.draft.Letter.Subject}, {s.say("本文", "text"), s.draft.Letter.Text}}
	for _, f := range s.draft.Letter.Files {
		texts = append(texts, Figure{s.say("添付の名前", "attachment"), f.Name})
	}
	if slices.ContainsFunc(s.draft.Letter.Files, isPDF) {
		ps, unjudged, err := s.pdfs()
		if unjudged != nil || err != nil {
			return orNothing(unjudged), err
		}
		for _, p := range ps {
			texts = append(texts, Figure{p.name, strings.Join(p.doc.Pages, "\n")})
		}
		unread = s.unread(ps)
	}
	var own []string // a group's parent is part of its daughters' names
	for _, a := range s.scope.to {
		if a.Partner != nil {
			own = append(own, nameKey(a.Partner.Name))
		}
	}
	if s.scope.company != "" {
		own = append(own, nameKey(s.scope.company))
	}
	x := s.run.partners()
	for _, t := range texts {
		text := nameText(t.Value)
		for _, o := range own {
			if len([]rune(o)) > 1 {
				text = strings.ReplaceAll(text, o, "\n")
			}
		}
		if name := x.find(text, own); name != "" {
			return Result{Verdict: Wrong, What: s.say("ほかの得意先の名前があります", "another partner's name is in it"),
				Figures: []Figure{{s.say("宛先", "for"), s.draft.Addressee}, {t.Label, name}}}, nil
		}
	}
	if i := slices.IndexFunc(s.draft.Letter.Files, func(f mailer.File) bool { return !isPDF(f) }); i >= 0 {
		return Result{Verdict: Unjudged, What: s.say("PDFでない添付の中は、ほかの得意先の名前がないか確かめられません", "an attachment that is no PDF can't be looked into for the names of other partners"),
			Figures: []Figure{{s.say("ファイル", "file"), s.draft.Letter.Files[i].Name}}}, nil
	}
	if unread != nil {
		return *unread, nil
	}
	return Result{Verdict: Passed, What: s.say("ほかの得意先（%d件）の名前はありません", "no name of the other partners (%d) is in it", x.others(own))}, nil
}

var newNumber = checkType{name: "new_number",
	keys: []config.Key{{Name: "new_number", Type: "text", Example: `new_number = "請求書番号"`, Meaning: calendar.Text{
		JA: "PDFのこの文字の隣にある番号を、前に使っていないこと", EN: "the number beside these words in the PDF was not used before"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		label := d.String("new_number")
		if document.Fold(label) == "" {
			return nil, calendar.Text{}
		}
		return numberOf(label), calendar.Text{JA: "PDFの「" + label + "」が前に使った番号でないこと", EN: "the PDF's " + label + " was not used before"}
	}}

type numberOf string

// numbers are the numbers of the PDFs as inputs of the message; unjudged says which has none.
func (label numberOf) numbers(s *subject) (out []ledger.Input, read []string, unjudged *Result, err error) {
	ps, unjudged, err := s.pdfs()
	if unjudged != nil || err != nil {
		return nil, nil, unjudged, err
	}
	for _, p := range ps {
		words := p.doc.Words(string(label))
		if len(words) == 0 || !strings.ContainsAny(words[0], "0123456789") {
			return nil, nil, &Result{Verdict: Unjudged, What: s.say("PDFの「%s」の隣に番号が見つかりません", "the PDF has no number beside %s", string(label)), Figures: []Figure{{s.say("ファイル", "file"), p.name}}}, nil
		}
		number, _, _ := strings.Cut(words[0], " ")
		out = append(out, input("number", string(label), []byte(number)))
		read = append(read, number)
	}
	return out, read, nil, nil
}

func (label numberOf) judge(s *subject) (Result, error) {
	ins, read, unjudged, err := label.numbers(s)
	if unjudged != nil || err != nil {
		return orNothing(unjudged), err
	}
	s.draft.Inputs = append(s.draft.Inputs, ins...)
	var figures []Figure
	for i, in := range ins {
		figures = append(figures, Figure{string(label), read[i]})
		if part := s.another(in); part != "" {
			return Result{Verdict: Wrong, What: s.say("この回のほかの宛先と、同じ番号です", "somebody else's has the same number in this run"), Figures: append(figures, Figure{s.say("ほかの宛先", "somebody else"), part})}, nil
		}
		m, err := s.before(in)
		if err != nil {
			return Result{}, err
		}
		if m != nil {
			return Result{Verdict: Wrong, What: s.say("前に使った番号です", "the number was used before"), Figures: append(figures, Figure{s.say("前", "before"), m.Number + " " + m.Addressee})}, nil
		}
	}
	return Result{Verdict: Passed, What: s.say("前に使っていない番号です", "the number is new"), Figures: figures}, nil
}

var attached = checkType{name: "attached",
	keys: []config.Key{{Name: "attached", Type: "list of texts", Example: `attached = ["pdf"]`, Meaning: calendar.Text{
		JA: "添付があり、中身がこの種類（pdf、xlsx、csv など）で、空でもパスワード付きでもないこと", EN: "something is attached and is of one of these types inside (pdf, xlsx, csv …), neither empty nor encrypted"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		types := d.Strings("attached")
		for i, t := range types {
			types[i] = strings.ToLower(strings.TrimPrefix(t, "."))
			if _, ok := fileTypes["."+types[i]]; !ok {
				d.ProblemAt("attached", i, calendar.Text{JA: fmt.Sprintf("「%s」という種類は分かりません", t), EN: fmt.Sprintf("the type %s is not known", t)}, calendar.Text{JA: "pdf、xlsx、docx、csv などと書いてください", EN: "write pdf, xlsx, docx, csv or the like"})
				return nil, calendar.Text{}
			}
		}
		if len(types) == 0 {
			return nil, calendar.Text{}
		}
		return attachedAs(types), calendar.Text{JA: "添付があり、" + strings.Join(types, "か") + "であること", EN: "there is an attachment, and it is " + strings.Join(types, " or ")}
	}}

type attachedAs []string

func (types attachedAs) judge(s *subject) (Result, error) {
	files := s.draft.Letter.Files
	r := Result{Verdict: Passed, What: s.say("添付%d点は、決めた種類のファイルです", "the attachments (%d) are of the agreed type", len(files))}
	if len(files) == 0 {
		return Result{Verdict: Wrong, What: s.say("添付がありません", "nothing is attached")}, nil
	}
	for _, f := range files {
		figure := []Figure{{s.say("ファイル", "file"), f.Name}, {s.say("大きさ", "size"), bytesWords(len(f.Data))}}
		switch {
		case len(f.Data) == 0:
			return Result{Verdict: Wrong, What: s.say("添付の中身が空です", "an attachment is empty"), Figures: figure}, nil
		case compound(f.Data) && slices.Contains([]string{".xlsx", ".xlsm", ".docx", ".pptx"}, strings.ToLower(path.Ext(f.Name))), zipEncrypted(f.Data):
			return Result{Verdict: Wrong, What: s.say("添付にパスワードがかかっています", "an attachment is encrypted"), Figures: figure}, nil
		case !slices.ContainsFunc(types, func(t string) bool { return fileTypes["."+t].fits(f.Data) }):
			return Result{Verdict: Wrong, What: s.say("添付の種類が違います（%sのはずです）", "an attachment is of another type, not %s", strings.Join(types, s.say("か", " or "))), Figures: figure}, nil
		case isPDF(f):
			_, err := s.run.document(s.ctx, f.Data)
			p, ok := errors.AsType[*document.Problem](err)
			switch {
			case err != nil && !ok:
				return Result{}, err
			case ok && p.Code == document.CodeEncrypted:
				return Result{Verdict: Wrong, What: s.in(p.What), Figures: figure}, nil
			case ok && p.Code == document.CodeAway:
				return Result{}, fmt.Errorf("couldn't read the PDF %s: %w", f.Name, errors.Join(p, p.Err))
			case ok && p.Code != document.CodeTextless:
				return Result{Verdict: Unjudged, What: s.in(p.What), Figures: figure}, nil
			}
		}
		r.Figures = append(r.Figures, figure...)
	}
	return r, nil
}

// zipEncrypted reports a zip whose first file needs a password (general purpose bit 0, APPNOTE 4.4.4).
func zipEncrypted(b []byte) bool { return len(b) > 8 && string(b[:4]) == "PK\x03\x04" && b[6]&1 == 1 }

var madeWithin = checkType{name: "made_within",
	keys: []config.Key{{Name: "made_within", Type: "span", Example: `made_within = "31 days"`, Meaning: calendar.Text{
		JA: "添付が、送る日からさかのぼってこの間に作られたものであること。PDFは中に書かれた作成日、ほかはファイルの日付で見ます", EN: "the attachments were made within this time before they go out: by the date in a PDF, else by the file's"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		l := d.Span("made_within")
		if l.IsZero() {
			return nil, calendar.Text{}
		}
		return made{l}, calendar.Text{JA: "添付が" + l.Sentence(calendar.Japanese) + "以内に作られたこと", EN: "the attachments were made within " + l.Sentence(calendar.English)}
	}}

type made struct{ span calendar.Lead }

func (x made) judge(s *subject) (Result, error) {
	c := s.world.Config
	if len(s.draft.Letter.Files) == 0 {
		return Result{Verdict: Unjudged, What: s.say("添付ファイルがないので、作られた日を確かめられません", "there is no attachment whose date could be seen")}, nil
	}
	if s.world.Rehearsal {
		return Result{Verdict: Passed, What: s.say("予行なので、添付の作られた日は見ていません", "in a rehearsal the dates of attachments are not looked at")}, nil
	}
	r := Result{Verdict: Passed, What: s.say("添付は、決めた期間に作られたものです", "the attachments were made within the agreed time")}
	leaves := leaves(s.world)
	for i, f := range s.draft.Letter.Files {
		at, from := s.modified(i), s.say("ファイルの日付", "the file's date")
		if isPDF(f) {
			d, err := s.run.document(s.ctx, f.Data)
			if p, ok := errors.AsType[*document.Problem](err); err != nil && (!ok || p.Code == document.CodeAway) {
				return Result{}, fmt.Errorf("couldn't read the PDF %s: %w", f.Name, err)
			}
			if d != nil && !d.Created.IsZero() {
				at, from = d.Created, s.say("PDFの作成日", "the PDF's date")
			}
		}
		if at.IsZero() {
			return Result{Verdict: Unjudged, What: s.say("添付の作られた日が分かりません", "it is not known when an attachment was made"), Figures: []Figure{{s.say("ファイル", "file"), f.Name}}}, nil
		}
		l := c.Language
		r.Figures = append(r.Figures, Figure{f.Name + " " + from, calendar.DateOf(at.In(c.Zone)).Short(l)}, Figure{s.say("送る日", "goes out"), calendar.DateOf(leaves.In(c.Zone)).Short(l)})
		if x.span.After(at.In(c.Zone), s.world.Job.Days).Before(leaves) {
			r.Verdict, r.What = Wrong, s.say("添付が古いものです", "an attachment is old")
		}
	}
	return r, nil
}

// modified is the date of the i-th attachment's file; zero when it is not there any more.
func (s *subject) modified(i int) time.Time {
	files := s.files()
	if i >= len(files) {
		return time.Time{}
	}
	ms, err := s.world.Config.Glob(literal(files[i].Name))
	if err != nil {
		return time.Time{}
	}
	for _, m := range ms {
		if m.Path == files[i].Name {
			return m.ModTime
		}
	}
	return time.Time{}
}

var withinLast = checkType{name: "within",
	keys: []config.Key{
		{Name: "within", Type: "text", Example: `within = "20%"`, Meaning: calendar.Text{
			JA: "金額が、前の回（of_last 回）の平均からこの割合より離れていないこと。金額は、前にある pdf_amount の確認が読みます", EN: "the amount is no further than this from the average of the last periods (of_last). The amount is read by a check pdf_amount before it"}},
		{Name: "of_last", Type: "number", Default: "3", Example: `of_last = 3`, Meaning: calendar.Text{JA: "within で比べる回数", EN: "how many periods within compares with"}},
	},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		v := strings.TrimSuffix(strings.NewReplacer("％", "%", " ", "").Replace(d.String("within")), "%")
		n, err := decimal.NewFromString(v)
		if err != nil || n.IsNegative() || n.GreaterThan(decimal.NewFromInt(1000)) {
			d.Problem("within", calendar.Text{JA: "within は割合で書きます", EN: "within is a percentage"}, calendar.Text{JA: `within = "20%" のように書いてください`, EN: `write it like within = "20%"`})
			return nil, calendar.Text{}
		}
		last := d.Number("of_last", 3)
		if last < 1 || last > 60 {
			d.Problem("of_last", calendar.Text{JA: "of_last は1から60です", EN: "of_last is 1 to 60"}, calendar.Text{JA: "of_last = 3 のように書いてください", EN: "write it like of_last = 3"})
			return nil, calendar.Text{}
		}
		return within{n, last}, calendar.Text{JA: fmt.Sprintf("金額が直近%d回の平均から±%s%%以内であること", last, n), EN: fmt.Sprintf("the amount is within %s%% of the last %d periods' average", n, last)}
	}}

// mostEarlier bounds how many of a job's letters are looked at for what was sent before: three periods of a job as large as
// one may be, and some more.
const mostEarlier = 20_000

// amounts are those of the job's earlier letters that went out, newest first, by their part. They are read once for all
// letters of a run.
func (x *checking) amounts(v *ledger.View) (map[string][]int64, error) {
	if x.earlier != nil {
		return x.earlier, nil
	}
	out := map[string][]int64{}
	for m, err := range v.Messages(ledger.MessageQuery{Job: x.world.Identity, Class: ledger.ClassLetter, Newest: true, Limit: mostEarlier}) {
		if err != nil {
			return nil, err
		}
		if _, ended := endedAt(m); ended && m.Run != x.world.Run.ID && m.Amount != nil && *m.Amount <= math.MaxInt64/100 {
			out[m.Part] = append(out[m.Part], *m.Amount)
		}
	}
	x.earlier = out
	return out, nil
}

type within struct {
	percent decimal.Decimal
	last    int
}

func (x within) judge(s *subject) (Result, error) {
	if s.draft.Amount == nil {
		return Result{Verdict: Unjudged, What: s.say("金額が分からないので、前の回と比べられません", "the amount is not known, so that it can't be compared")}, nil
	}
	now := *s.draft.Amount
	var sum, n int64
	if v := s.world.Ledger; v != nil {
		earlier, err := s.run.amounts(v)
		if err != nil {
			return Result{}, err
		}
		for _, amount := range earlier[s.draft.Part] {
			sum += amount
			if n++; n == int64(x.last) {
				break
			}
		}
	}
	figure := Figure{s.say("今回", "now"), yen(now, s.world.Config.Language)}
	if n == 0 {
		return Result{Verdict: Unjudged, What: s.say("前の回の金額がないので、比べられません", "there is no earlier amount to compare with"), Figures: []Figure{figure}}, nil
	}
	average := decimal.NewFromInt(sum).Div(decimal.NewFromInt(n))
	r := Result{Verdict: Passed, What: s.say("金額は、前の回から大きく変わっていません", "the amount is near those of the last periods"),
		Figures: []Figure{figure, {s.say("直近%d回の平均", "average of the last %d", n), s.amount(average.Round(0))}}}
	away := decimal.NewFromInt(now).Sub(average).Abs()
	if away.Mul(decimal.NewFromInt(100)).GreaterThan(average.Abs().Mul(x.percent)) {
		r.Verdict, r.What = Wrong, s.say("金額が、前の回から%s%%より大きく変わっています", "the amount differs from the last periods by more than %s%%", x.percent)
	}
	return r, nil
}

var ownAddress = checkType{name: "own_address", mails: true,
	keys: []config.Key{{Name: "own_address", Type: "true or false", Example: `own_address = true`, Meaning: calendar.Text{
		JA: "社外に出る宛先と写しが、すべてその得意先に登録したアドレスか、同じドメインであり、ほかの得意先のものでないこと。watch では社外へのメールを見ます", EN: "every address outside, in To, Cc and Bcc, is one of the partner's own or of its domain, and none of another partner. Of a watch it looks at the mails to the outside"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		if !yes(d, "own_address") {
			return nil, calendar.Text{}
		}
		return addressOwn{}, calendar.Text{JA: "宛先がその得意先のアドレスであること", EN: "the addresses are the partner's own"}
	}}

type addressOwn struct{}

// freeMail are domains in which everybody may have an address: there the domain tells nothing.
var freeMail = []string{"gmail.com", "googlemail.com", "yahoo.co.jp", "yahoo.com", "outlook.com", "outlook.jp", "hotmail.com", "hotmail.co.jp", "live.jp", "icloud.com", "me.com",
	"docomo.ne.jp", "ezweb.ne.jp", "au.com", "softbank.ne.jp", "i.softbank.jp", "nifty.com", "biglobe.ne.jp", "ocn.ne.jp", "so-net.ne.jp"}

func (addressOwn) judge(s *subject) (Result, error) {
	if len(s.scope.to) != 1 || s.scope.to[0].Partner == nil {
		return Result{Verdict: Unjudged, What: s.say("宛先が1件の得意先ではないので、アドレスを確かめられません", "it is not for one partner, so that the addresses can't be judged")}, nil
	}
	p := s.scope.to[0].Partner
	has := func(as []mailer.Address, mail string) bool {
		return slices.ContainsFunc(as, func(a mailer.Address) bool { return strings.EqualFold(a.Mail, mail) })
	}
	if company := s.scope.company; company != "" {
		// The table says who it is, and whose the address is [partner] or another row may know better.
		for _, a := range p.Mail {
			names := slices.Clone(s.run.owners[strings.ToLower(a.Mail)])
			for _, o := range s.world.Config.Partners {
				if has(o.Mail, a.Mail) {
					names = append(names, o.Name)
				}
			}
			slices.Sort(names)
			for _, name := range names {
				if !sameCompany(name, company) {
					return Result{Verdict: Wrong, What: s.say("アドレスが、別の会社（%s）のものとしても登録されています", "the address is known as that of another company, %s", name),
						Figures: []Figure{{s.say("表の会社名", "the table's company"), company}, {"to", a.Mail}}}, nil
				}
			}
		}
	}
	own := slices.Concat(p.Mail, p.Cc)
	ofRow := func(mail string) bool { // the copies that the table has for this company, and for no other
		names := s.run.owners[strings.ToLower(mail)]
		return len(names) > 0 && s.scope.company != "" && !slices.ContainsFunc(names, func(n string) bool { return !sameCompany(n, s.scope.company) })
	}
	n := 0
	for _, r := range s.draft.Recipients {
		if !r.Outside || r.Role == "bcc" && has(s.world.Config.Mail.Bcc, r.Mail) {
			continue
		}
		n++
		if has(own, r.Mail) {
			continue
		}
		figures := []Figure{{r.Role, r.Mail}, {s.say("登録", "registered"), own[0].Mail}}
		for _, o := range s.world.Config.Partners {
			if o != p && has(slices.Concat(o.Mail, o.Cc), r.Mail) {
				return Result{Verdict: Wrong, What: s.say("ほかの得意先（%s）のアドレスがあります", "an address is that of another partner, %s", o.Name), Figures: figures}, nil
			}
		}
		if ofRow(r.Mail) {
			continue
		}
		domain := domainOf(r.Mail)
		if slices.Contains(freeMail, domain) || !slices.ContainsFunc(own, func(a mailer.Address) bool { return domainOf(a.Mail) == domain }) {
			return Result{Verdict: Wrong, What: s.say("その得意先に登録していないアドレスがあります", "an address is none of the partner's own"), Figures: figures}, nil
		}
	}
	return Result{Verdict: Passed, What: s.say("社外の宛先%d件は、その得意先のアドレスです", "the addresses outside (%d) are the partner's own", n)}, nil
}

func domainOf(mail string) string { return strings.ToLower(mail[strings.LastIndexByte(mail, '@')+1:]) }
