package main

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"strings"

	"bod/internal/calendar"
)

const (
	mailFolder = "mails"
	shelfList  = ".bod-rehearsal" // the files that a rehearsal wrote, a line each: only these are replaced by the next one
)

// shelf is the folder where a rehearsal leaves its mails and its page.
type shelf struct {
	root *os.Root
	left []string // of an earlier rehearsal
}

// openShelf takes a new folder, an empty one, or one that an earlier rehearsal filled. Any other is somebody's.
func (b *desk) openShelf(dir string) (*shelf, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, b.fail(err, calendar.Text{JA: "書き出すフォルダを作れませんでした", EN: "couldn't make the folder"},
			calendar.Text{JA: "--out でほかの場所を示してください", EN: "name another with --out"})
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, b.fail(err, calendar.Text{JA: "書き出すフォルダを開けませんでした", EN: "couldn't open the folder"}, calendar.Text{})
	}
	s := &shelf{root: root}
	list, err := root.ReadFile(shelfList)
	if err == nil {
		for name := range strings.Lines(string(list)) {
			name = strings.TrimSuffix(name, "\n")
			// The list may have been changed by anybody: no file elsewhere is named by it.
			if name == "index.html" || path.Dir(name) == mailFolder {
				s.left = append(s.left, name)
			}
		}
		return s, nil
	}
	entries, rerr := fs.ReadDir(root.FS(), ".")
	switch {
	case !errors.Is(err, fs.ErrNotExist) || rerr != nil:
		err = errors.Join(err, rerr)
		s.close()
		return nil, b.fail(err, calendar.Text{JA: "書き出すフォルダを読めませんでした", EN: "couldn't read the folder"}, calendar.Text{})
	case len(entries) > 0:
		s.close()
		return nil, b.usage(calendar.Text{JA: fmt.Sprintf("%s には、ほかのファイルが入っています", dir), EN: fmt.Sprintf("%s has other files in it", dir)},
			calendar.Text{JA: "空のフォルダか新しい名前を --out で示してください", EN: "name an empty folder or a new one with --out"})
	}
	return s, nil
}

func (s *shelf) close() { _ = s.root.Close() }

// put replaces what an earlier rehearsal left.
func (s *shelf) put(b *desk, p *played) error {
	for _, name := range s.left {
		if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := s.root.MkdirAll(mailFolder, 0o750); err != nil {
		return err
	}
	files := map[string][]byte{}
	names := []string{"index.html"}
	put := func(name string, data []byte) {
		names = append(names, name)
		files[name] = data
	}
	for i, m := range p.mails {
		base := path.Join(mailFolder, m.name)
		put(base+".eml", m.body)
		put(base+".txt", []byte(b.plainMail(m)))
		page, err := b.mailPage(p, i)
		if err != nil {
			return err
		}
		put(base+".html", page)
		if m.letter.html != "" {
			put(base+".view.html", []byte(m.letter.html))
		}
	}
	index, err := b.indexPage(p)
	if err != nil {
		return err
	}
	files["index.html"] = index
	// The list first: if we die in between, the next rehearsal knows what is ours.
	if err := s.root.WriteFile(shelfList, []byte(strings.Join(names, "\n")+"\n"), 0o640); err != nil {
		return err
	}
	for _, name := range names {
		if err := s.root.WriteFile(name, files[name], 0o640); err != nil {
			return err
		}
	}
	return nil
}

// headers are a mail's headers as people read them.
func (b *desk) headers(m playedMail) [][2]string {
	names := map[string]string{
		"From": b.in("差出人", "From"), "Reply-To": b.in("返信先", "Reply to"), "To": b.in("宛先", "To"), "Cc": b.in("写し", "Cc"), "Subject": b.in("件名", "Subject"),
	}
	var out [][2]string
	for _, h := range m.letter.headers {
		if n := names[h[0]]; n != "" && h[0] != "Subject" {
			out = append(out, [2]string{n, h[1]})
		}
	}
	out = append(out, [2]string{b.in("日時", "Date"), calendar.DateOf(m.at).Long(b.lang) + " " + hour(m.at)})
	for i, f := range m.letter.files {
		name := ""
		if i == 0 {
			name = b.in("添付", "Attached")
		}
		out = append(out, [2]string{name, fmt.Sprintf(b.in("%s（%s）", "%s (%s)"), f.Name, size(f.Size))})
	}
	return out
}

func (b *desk) plainMail(m playedMail) string {
	var out bytes.Buffer
	rows := [][]string{{b.in("件名", "Subject"), m.subject}}
	for _, h := range b.headers(m) {
		rows = append(rows, []string{h[0], h[1]})
	}
	columns(&out, "", rows)
	return out.String() + "\n" + strings.TrimRight(m.letter.text, "\n") + "\n"
}

// sheet is what both templates read.
type sheet struct {
	Lang, Title string
	Heading     string
	Span        string
	Grounds     []string
	Needs       []pageNeed
	Days        []pageDay
	Summaries   []pageMoment
	Words       map[string]string
	Style       template.CSS

	// of one mail
	Headers         [][2]string
	Text            string
	Eml, Txt, View  string
	Earlier, Later  string
	EarlierT, NextT string
}

type pageNeed struct {
	By, For, Title string
	Reasons        [][2]string
}

type pageDay struct {
	Month string // where a month begins
	Day   string
	Is    []pageMoment
}

type pageMoment struct {
	Time, What, Word, Title string
	Href                    string // of the one mail whose subject is the title
	Lines                   []string
	Mails                   []pageMail
}

type pageMail struct{ Href, Subject, To string }

func (b *desk) sheet(title string) sheet {
	word := map[string]string{
		"needed": b.in("いつまでに要るもの", "Needed by"), "neededNone": b.in("このあいだに要るものは、すべてそろっています。", "All that these days need is there."),
		"timeline": b.in("日ごとの予定", "Day by day"), "summaries": b.in("本日のまとめ", "Summaries"), "grounds": b.in("このリハーサルについて", "About this rehearsal"),
		"back": b.in("一覧へ", "All"), "eml": b.in("メール（.eml）を開く", "Open the mail (.eml)"),
		"txt": b.in("文章だけ", "Text only"), "view": b.in("飾りのある形で見る", "As HTML"), "none": b.in("このあいだに、送るものも頼むこともありません。", "Nothing is to be sent or asked in these days."),
	}
	return sheet{Lang: string(b.lang), Title: title, Words: word, Style: pageStyle}
}

func (b *desk) pageMoment(p *played, m *moment) pageMoment {
	out := pageMoment{Time: hour(m.at), What: m.what, Word: momentWords[m.what].In(b.lang), Title: m.title, Lines: b.details(p, m)}
	if len(m.mails) == 1 && p.mails[m.mails[0]].subject == m.title {
		out.Href = path.Join(mailFolder, p.mails[m.mails[0]].name+".html")
		return out
	}
	for _, i := range m.mails {
		mail := p.mails[i]
		to := "" // the one mail of a moment has been told of above it
		if len(m.mails) > 1 || m.what == momentSummary {
			to = "→ " + strings.Join(mail.to, b.in("、", ", "))
		}
		out.Mails = append(out.Mails, pageMail{Href: path.Join(mailFolder, mail.name+".html"), Subject: mail.subject, To: to})
	}
	return out
}

func (b *desk) indexPage(p *played) ([]byte, error) {
	x := b.sheet(b.in("リハーサル ", "Rehearsal ") + b.span(p))
	x.Heading, x.Span, x.Grounds = b.in("リハーサル", "Rehearsal"), b.span(p), b.grounds(p)
	for _, n := range p.needs {
		y := pageNeed{By: fmt.Sprintf(b.in("%sまで", "by %s"), p.moment(n.by, b.lang)), For: b.neededFor(p, n), Title: n.title}
		if n.atOnce {
			y.By = b.in("いますぐ", "at once")
		}
		for _, r := range n.reasons {
			y.Reasons = append(y.Reasons, [2]string{r.Text, r.Next})
		}
		x.Needs = append(x.Needs, y)
	}
	month, last := "", calendar.Date{}
	for _, m := range p.moments {
		if d := calendar.DateOf(m.at); d != last || len(x.Days) == 0 {
			day := pageDay{Day: d.Short(b.lang)}
			if s := b.month(m.at); s != month {
				day.Month, month = s, s
			}
			x.Days, last = append(x.Days, day), d
		}
		day := &x.Days[len(x.Days)-1]
		day.Is = append(day.Is, b.pageMoment(p, m))
	}
	for _, m := range p.summaries {
		y := b.pageMoment(p, m)
		y.Time = p.moment(m.at, b.lang)
		x.Summaries = append(x.Summaries, y)
	}
	var out bytes.Buffer
	err := pages.ExecuteTemplate(&out, "index", x)
	return out.Bytes(), err
}

func (b *desk) mailPage(p *played, i int) ([]byte, error) {
	m := p.mails[i]
	x := b.sheet(m.subject)
	x.Headers, x.Text = b.headers(m), strings.TrimRight(m.letter.text, "\n")
	x.Eml, x.Txt = m.name+".eml", m.name+".txt"
	if m.letter.html != "" {
		x.View = m.name + ".view.html"
	}
	if i > 0 {
		x.Earlier, x.EarlierT = p.mails[i-1].name+".html", p.mails[i-1].subject
	}
	if i+1 < len(p.mails) {
		x.Later, x.NextT = p.mails[i+1].name+".html", p.mails[i+1].subject
	}
	var out bytes.Buffer
	err := pages.ExecuteTemplate(&out, "mail", x)
	return out.Bytes(), err
}

// The pages need no script and load nothing: they are read from a disk, also where there is no network.
var pages = template.Must(template.New("").Parse(`
{{define "head"}}<!doctype html>
<html lang="{{.Lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<style>{{.Style}}</style>
</head>
{{end}}

{{define "index"}}{{template "head" .}}<body>
<header><h1>{{.Heading}}</h1><p class="span">{{.Span}}</p></header>
<main>
<section class="grounds"><h2>{{.Words.grounds}}</h2><ul>{{range .Grounds}}<li>{{.}}</li>{{end}}</ul></section>

<section class="needs"><h2>{{.Words.needed}}{{with .Needs}} <span class="count">{{len .}}</span>{{end}}</h2>
{{range .Needs}}<article>
<p class="by"><strong>{{.By}}</strong></p>
<h3>{{.Title}}</h3>
{{range .Reasons}}<p>{{index . 0}}</p>{{with index . 1}}<p class="next">{{.}}</p>{{end}}{{end}}
<p class="due">{{.For}}</p>
</article>
{{else}}<p class="well">{{.Words.neededNone}}</p>{{end}}</section>

<section class="days"><h2>{{.Words.timeline}}</h2>
{{range .Days}}{{with .Month}}<h3 class="month">{{.}}</h3>{{end}}
<div class="day"><h4>{{.Day}}</h4><ol>
{{range .Is}}<li class="{{.What}}">
<p class="what"><time>{{.Time}}</time><span class="word">{{.Word}}</span></p>
<div><p class="title">{{if .Href}}<a href="{{.Href}}">{{.Title}}</a>{{else}}{{.Title}}{{end}}</p>
{{range .Lines}}<p class="line">{{.}}</p>{{end}}
{{with .Mails}}<ul class="mails">{{range .}}<li><a href="{{.Href}}">{{.Subject}}</a> <span class="to">{{.To}}</span></li>{{end}}</ul>{{end}}</div>
</li>
{{end}}</ol></div>
{{else}}<p class="well">{{.Words.none}}</p>{{end}}</section>

{{if .Summaries}}<section class="summaries"><h2>{{.Words.summaries}} <span class="count">{{len .Summaries}}</span></h2><ol>
{{range .Summaries}}<li><time>{{.Time}}</time><ul class="mails">{{range .Mails}}<li><a href="{{.Href}}">{{.Subject}}</a> <span class="to">{{.To}}</span></li>{{end}}</ul></li>
{{end}}</ol></section>{{end}}
</main>
</body>
</html>
{{end}}

{{define "mail"}}{{template "head" .}}<body class="mail">
<nav><a href="../index.html">{{.Words.back}}</a><span>{{with .Earlier}}<a href="{{.}}" title="{{$.EarlierT}}">←</a>{{end}} {{with .Later}}<a href="{{.}}" title="{{$.NextT}}">→</a>{{end}}</span></nav>
<main>
<h1>{{.Title}}</h1>
<table>{{range .Headers}}<tr><th>{{index . 0}}</th><td>{{index . 1}}</td></tr>{{end}}</table>
<pre>{{.Text}}</pre>
<p class="links"><a href="{{.Eml}}">{{.Words.eml}}</a> <a href="{{.Txt}}">{{.Words.txt}}</a>{{with .View}} <a href="{{.}}">{{$.Words.view}}</a>{{end}}</p>
</main>
</body>
</html>
{{end}}
`))

const pageStyle = template.CSS(`
:root { color-scheme: light dark; --ink: #1f2328; --soft: #5b636d; --line: #d9dee4; --back: #f5f6f8; --card: #fff; --link: #0b57b7;
 --send: #e3f2e6; --send-ink: #14532d; --ask: #fff1d6; --ask-ink: #7a4100; --wait: #fde4e1; --wait-ink: #8c1d18; --tell: #e6edf8; --tell-ink: #1d3d73; --rest: #eceef1; --rest-ink: #454c55 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #a2abb5; --line: #363c44; --back: #14171b; --card: #1d2126; --link: #8ab8ff;
 --send: #173a24; --send-ink: #a6e3b8; --ask: #47310c; --ask-ink: #ffd699; --wait: #4a1f1c; --wait-ink: #ffb9b2; --tell: #1e2f4d; --tell-ink: #b7cdf7; --rest: #2b3037; --rest-ink: #bcc4cd } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.6 system-ui, -apple-system, "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", "BIZ UDPGothic", "Yu Gothic", Meiryo, sans-serif; overflow-wrap: anywhere }
header, main, nav { max-width: 56rem; margin: 0 auto; padding: 0 1rem }
header { padding-top: 1.5rem }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 } .span { margin: .2rem 0 0; color: var(--soft) }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem } h3 { font-size: 1rem; margin: 0 } h4 { font-size: .95rem; margin: 0; font-weight: 600 }
p { margin: 0 } ul, ol { margin: 0; padding: 0; list-style: none }
a { color: var(--link); text-underline-offset: .15em }
.count { font-size: .85rem; font-weight: 600; color: var(--soft); margin-left: .3em }
.grounds h2 { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.grounds ul { margin-top: 1rem; color: var(--soft); font-size: .93rem } .grounds li { list-style: disc; margin-left: 1.2em }
:lang(en) .grounds li::first-letter { text-transform: uppercase }
.needs article, .day, .summaries ol, .well, .mail main { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; margin-bottom: .7rem }
.needs article { border-left: .3rem solid var(--wait-ink) } .by { color: var(--wait-ink) } .next, .due { color: var(--soft); font-size: .93rem } .next::before { content: "→ " }
.month { margin: 1.2rem 0 .5rem; color: var(--soft) }
.day > ol > li { display: grid; grid-template-columns: 9.5rem 1fr; gap: .1rem 1rem; padding: .6rem 0 0 } .day > ol > li + li { border-top: 1px solid var(--line); margin-top: .6rem }
.what { display: flex; gap: .6rem; align-items: baseline; white-space: nowrap } time { font-variant-numeric: tabular-nums }
.word { font-size: .82rem; font-weight: 600; padding: .05rem .55rem; border-radius: 1rem; background: var(--rest); color: var(--rest-ink) }
.send .word { background: var(--send); color: var(--send-ink) } .confirm .word { background: var(--ask); color: var(--ask-ink) } .wait .word { background: var(--wait); color: var(--wait-ink) } .tell .word { background: var(--tell); color: var(--tell-ink) }
.title { font-weight: 600 } .line { color: var(--soft); font-size: .93rem }
.mails { margin-top: .3rem; font-size: .93rem } .mails li { padding: .15rem 0 } .to { color: var(--soft); font-size: .88rem }
.summaries ol > li { display: grid; grid-template-columns: 9.5rem 1fr; gap: 0 1rem; padding: .35rem 0 } .summaries ol > li + li { border-top: 1px solid var(--line) } .summaries .mails { margin: 0 }
body > main > section:last-child { padding-bottom: 3rem }
nav { display: flex; justify-content: space-between; padding-top: 1rem; padding-bottom: .6rem } nav span a { display: inline-block; padding: 0 .5rem }
.mail h1 { font-size: 1.15rem } .mail table { margin: .8rem 0; border-collapse: collapse; font-size: .93rem } .mail th { text-align: left; font-weight: 400; color: var(--soft); padding: .1rem 1rem .1rem 0; vertical-align: top; white-space: nowrap } .mail td { vertical-align: top }
pre { white-space: pre-wrap; font: inherit; margin: 0; padding: 1rem 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line) }
.links { padding-top: .8rem; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .93rem }
@media (max-width: 34rem) { .day > ol > li, .summaries ol > li { grid-template-columns: 1fr } header { padding-top: 1rem } h1 { font-size: 1.3rem } }
`)
