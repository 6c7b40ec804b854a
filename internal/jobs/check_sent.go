package jobs

import (
	"fmt"
	"slices"
	"strings"

	"bod/internal/calendar"
	"bod/internal/config"
	"bod/internal/ledger"
)

// notSentBefore asks whether an attachment, or the text of one, went out before: last month's file again, or one that
// another addressee got.
var notSentBefore = checkType{name: "not_sent_before",
	keys: []config.Key{{Name: "not_sent_before", Type: "true or false", Example: `not_sent_before = true`, Meaning: calendar.Text{
		JA: "添付したファイルと同じ中身のもの、同じ文字のPDF（作り直したもの）を、前の回やほかの宛先に送っていないこと", EN: "no attachment has the content of one that went out before, or to somebody else; nor has a PDF its text, made anew"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		if !yes(d, "not_sent_before") {
			return nil, calendar.Text{}
		}
		return sentBefore{}, calendar.Text{JA: "前の回やほかの宛先に送ったものと同じ添付がないこと", EN: "no attachment went out before, or to somebody else"}
	}}

// yes reads a check that has nothing to say but that it is wanted.
func yes(d *config.Decoder, key string) bool {
	if d.Bool(key, false) {
		return true
	}
	d.Problem(key, calendar.Text{JA: key + " は true と書きます", EN: key + " has to be true"}, calendar.Text{JA: "確かめないのなら、この [[…check]] を消してください", EN: "where it is not to be checked, delete this [[…check]]"})
	return false
}

type sentBefore struct{}

func (sentBefore) judge(s *subject) (Result, error) {
	files := s.files()
	if len(files) == 0 {
		return Result{Verdict: Unjudged, What: s.say("添付ファイルがないので、前に送ったものと比べられません", "there is no attachment to compare with earlier ones")}, nil
	}
	if s.world.Ledger == nil && !slices.ContainsFunc(s.draft.Letter.Files, isPDF) {
		return Result{Verdict: Passed, What: s.say("記録がまだないので、前に送ったものはありません", "there is no record yet, so that nothing went out before")}, nil
	}
	texts, unjudged, err := s.pdfTexts()
	if err != nil {
		return Result{}, err
	}
	for _, in := range slices.Concat(files, texts) {
		if part := s.another(in); part != "" {
			return Result{Verdict: Wrong, What: s.say("この回のほかの宛先と、添付の中身が同じです", "somebody else gets the same attachment in this run"),
				Figures: []Figure{{s.say("今回", "now"), baseName(in.Name)}, {s.say("ほかの宛先", "somebody else"), part}}}, nil
		}
		before, err := s.before(in)
		if err != nil {
			return Result{}, err
		}
		if before == nil {
			continue
		}
		r := Result{Verdict: Wrong, What: s.say("添付の中身が、前に送ったものと同じです", "an attachment went out before")}
		other := before.Job != s.world.Identity || before.Part != s.draft.Part
		switch {
		case other && in.Kind == textInput:
			r.What = s.say("PDFの文字が、ほかの宛先に送ったものと同じです", "a PDF says what somebody else's said")
		case other:
			r.What = s.say("添付の中身が、ほかの宛先に送ったものと同じです", "an attachment is one that somebody else got")
		case in.Kind == textInput:
			r.What = s.say("PDFの文字が、前に送ったものと同じです", "a PDF says what one said that went out before")
		}
		r.Figures = []Figure{
			{s.say("今回", "now"), baseName(in.Name)},
			{s.say("前", "before"), strings.Join(slices.DeleteFunc([]string{before.Number, before.Addressee, calendar.DateOf(before.Date.In(s.world.Config.Zone)).Short(s.world.Config.Language)}, func(x string) bool { return x == "" }), " ")},
		}
		return r, nil
	}
	if unjudged != nil {
		return *unjudged, nil // the same page scanned again has other bytes, and no text to tell it by
	}
	return Result{Verdict: Passed, What: s.say("前に送ったものと同じ添付はありません", "no attachment went out before"),
		Figures: []Figure{{s.say("添付", "attachments"), fmt.Sprint(len(files))}}}, nil
}

// textInput is the kind of the input that is the text of a PDF: the same document, made anew, has other bytes.
const textInput = "text"

// pdfTexts are the texts of the PDFs as inputs of the message; unjudged says which can't be read.
func (s *subject) pdfTexts() (out []ledger.Input, unjudged *Result, err error) {
	if !slices.ContainsFunc(s.draft.Letter.Files, isPDF) {
		return nil, nil, nil
	}
	ps, unjudged, err := s.pdfs()
	if unjudged == nil {
		unjudged = s.unread(ps)
	}
	for _, p := range ps {
		out = append(out, input(textInput, p.name, []byte(p.doc.Text())))
	}
	for _, in := range out {
		if !slices.Contains(s.draft.Inputs, in) {
			s.draft.Inputs = append(s.draft.Inputs, in)
		}
	}
	return out, unjudged, err
}

// files are the inputs of the attachments.
func (s *subject) files() (out []ledger.Input) {
	for _, in := range s.draft.Inputs {
		if in.Kind == "file" {
			out = append(out, in)
		}
	}
	return out
}

// before is the newest letter that was made of the same, and isn't this one: a deliberate second one may say the same again.
func (s *subject) before(in ledger.Input) (*ledger.Message, error) {
	if s.world.Ledger == nil {
		return nil, nil
	}
	ms, err := s.world.Ledger.LettersWith(in.Kind, in.Hash)
	if err != nil {
		return nil, err
	}
	for _, m := range slices.Backward(ms) {
		if m.Run == 0 || m.Run != s.world.Run.ID || m.Part != s.draft.Part {
			return &m, nil
		}
	}
	return nil, nil
}

// required names fields that have to be filled, in the letter's words or the job's own.
var required = checkType{name: "required", mails: true,
	keys: []config.Key{{Name: "required", Type: "list of texts", Example: `required = ["対象月", "差出人"]`, Meaning: calendar.Text{
		JA: "空であってはならない欄。手紙の欄の名前か、fields に書いた名前。watch では社外へのメールを見ます", EN: "fields that may not be empty: those of letters, or names of fields. Of a watch it looks at the mails to the outside"}}},
	decode: func(d *config.Decoder, s checkScope) (judge, calendar.Text) {
		names := d.Strings("required")
		for i, n := range names {
			if !s.hasField(n) {
				d.ProblemAt("required", i, calendar.Text{JA: fmt.Sprintf("「%s」という欄はありません", n), EN: fmt.Sprintf("there is no field %s", n)},
					calendar.Text{JA: "手紙の { } に書ける名前か、fields の名前を書いてください", EN: "write a name that can stand in { } of a letter, or one of fields"})
				return nil, calendar.Text{}
			}
		}
		if len(names) == 0 {
			return nil, calendar.Text{}
		}
		return filled(names), calendar.Text{JA: strings.Join(names, "、") + "が空でないこと", EN: strings.Join(names, ", ") + " is not empty"}
	}}

type filled []string

func (names filled) judge(s *subject) (Result, error) {
	r := Result{Verdict: Passed, What: s.say("必要な欄はすべて埋まっています", "all that is required is there")}
	for _, n := range names {
		v := s.scope.find(n)
		if f, ours := fieldOf(n); v == "" && ours && len(s.scope.to) != 1 && (strings.HasPrefix(f.EN, "to.") || f.EN == "partner.id") {
			// One letter to several has no one company: that is neither filled nor empty.
			r.Verdict, r.What = Unjudged, s.say("宛先が1件ではないので、「"+n+"」は決まりません", "with several addressees there is no one "+n)
			v = s.say("（決まりません）", "(undecided)")
		} else if v == "" && r.Verdict == Passed {
			r.Verdict, r.What = Wrong, s.say("空の欄があります", "a field is empty")
		}
		if v == "" {
			v = s.say("（空）", "(empty)")
		}
		r.Figures = append(r.Figures, Figure{n, strings.ReplaceAll(v, "\n", " ")})
	}
	return r, nil
}
