package jobs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bod/internal/config"
	"bod/internal/ledger"
)

// office is a jobs.toml with its files in a folder of its own.
type office struct {
	t   testing.TB
	dir string
	c   *config.Config
}

const officeHead = `
timezone = "Asia/Tokyo"
language = "ja"
admin = ["sato"]
[company]
name = "株式会社青空システム"
dept = "経理部"
address = "〒000-0000　東京都見本区見本町1-2-3"
tel = "03-0000-0000"
registration = "T7123456789012"
fiscal_year_end = 3
bank = "みほん銀行 千代田支店 普通 1234567"
[calendar]
country = "jp"
[mail]
from = "青空システム 経理 <keiri@aozora.example>"
bcc = ["hikae@aozora.example"]
[people]
sato = { name = "佐藤", mail = "sato@aozora.example" }
tanaka = { name = "田中", title = "部長", mail = "tanaka@aozora.example" }
ogawa = { name = "小川", mail = "ogawa@aozora.example" }
[partner.acme]
name = "株式会社アクメ商事"
dept = "経理部"
mail = ["ap@acme.example"]
[partner.minato]
name = "みなと物産㈱"
dept = "業務部"
person = "鈴木"
mail = ["suzuki@minato.example"]
cc = ["gyomu@minato.example"]
`

const officeLetter = `件名：【{自社名}】{対象月} 請求書送付のご案内

{宛名}

いつもお世話になっております。
{自社名} {差出部署}です。

{対象月}の請求書（PDF {添付数}点）をお送りいたします。
　{添付一覧}

{署名}
`

const invoiceJob = `
[job.hosting]
kind = "send"
title = "ホスティング請求書"
owner = "sato"
when = "毎月25日 10:00 休みなら前営業日"
about = "当月"
to = ["acme", "minato"]
cc = ["ogawa"]
attach = ["請求書/{about.folder}/{partner.id}-*.pdf"]
letter = "letters/a.txt"
confirm = { by = ["tanaka"], count = 1 }
`

const goodPDF = "%PDF-1.7\n1 0 obj\nendobj\ntrailer\n%%EOF\n"

// newOffice writes the files and loads jobs.toml, which has to be without problems.
func newOffice(t testing.TB, jobsToml string, files map[string]string) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	for name, text := range files {
		o.write(name, text)
	}
	var problems []config.Problem
	o.c, problems = o.load(jobsToml)
	if o.c == nil {
		t.Fatalf("jobs.toml has problems: %v", problems)
	}
	return o
}

func (o *office) load(jobsToml string) (*config.Config, []config.Problem) {
	path := o.write("jobs.toml", officeHead+jobsToml)
	return config.Load(path, ConfigKinds())
}

func (o *office) write(name, text string) string {
	o.t.Helper()
	path := filepath.Join(o.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		o.t.Fatal(err)
	}
	old := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, old, old); err != nil {
		o.t.Fatal(err)
	}
	return path
}

// tokyo is a moment in the office's zone.
func tokyo(y int, m time.Month, d, hour, minute int) time.Time {
	return time.Date(y, m, d, hour, minute, 0, 0, time.FixedZone("JST", 9*60*60))
}

// world is a job's occurrence at a moment.
func (o *office) world(job, period string, now time.Time) *World {
	o.t.Helper()
	j := o.c.Job(job)
	if j == nil {
		o.t.Fatalf("there is no job %s", job)
		return nil // Fatal does not come back, which a testing.TB does not promise
	}
	occ, ok := j.When.Of(period)
	if !ok {
		o.t.Fatalf("the job %s has no period %s", job, period)
	}
	return &World{Now: now, Config: o.c, Job: j, Identity: job, Occurrence: occ}
}

// prepare prepares and has to succeed.
func (o *office) prepare(w *World) Prepared {
	o.t.Helper()
	k, _ := KindOf(w.Job.Kind)
	p, err := k.Prepare(o.t.Context(), w)
	if err != nil {
		o.t.Fatal(err)
	}
	return p
}

// render renders a draft and reads it back.
func (o *office) render(w *World, d Draft) (ledger.NewMessage, shownMessage) {
	o.t.Helper()
	m, err := Render(w, d)
	if err != nil {
		o.t.Fatal(err)
	}
	s, err := showMessage(m.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return m, s
}

func texts(rs []ledger.Reason) string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Code+": "+r.Text+" — "+r.Next)
	}
	return strings.Join(out, "\n")
}
