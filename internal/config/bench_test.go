package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// manyJobs is a jobs.toml with n jobs for 500 partners, as a big office would write it.
func manyJobs(n int) string {
	var b strings.Builder
	b.WriteString(`timezone = "Asia/Tokyo"
language = "ja"
admin = ["p0"]
[company]
name = "株式会社青空システム"
[calendar]
closed = ["12/29〜1/3"]
[mail]
from = "経理 <keiri@aozora.example>"
[summary]
to = ["p0"]
[people]
`)
	for i := range 100 {
		fmt.Fprintf(&b, "p%d = { name = \"社員%d\", mail = \"p%d@aozora.example\" }\n", i, i, i)
	}
	for i := range 500 {
		fmt.Fprintf(&b, "[partner.c%d]\nname = \"株式会社得意先%d\"\ndept = \"経理部\"\nmail = [\"ap@c%d.example\"]\n", i, i, i)
	}
	for i := range n {
		fmt.Fprintf(&b, `
[job.invoice-%d]                        # 毎月の請求
kind    = "send"
title   = "得意先%d 請求書"
purpose = "毎月のホスティング料。"
owner   = "p%d"
when    = "毎月%d日 %d:00 休みなら前営業日"
prepare = "1営業日前"
about   = "当月"
to      = ["c%d"]
attach  = ["請求書/{about.folder}/c%d-*.pdf"]
letter  = "a.txt"
confirm = { by = ["p%d"], count = 1 }
`, i, i, i%100, 1+i%28, 9+i%9, i%500, i, (i+1)%100)
	}
	return b.String()
}

func BenchmarkLoad10000(b *testing.B) {
	dir := b.TempDir()
	path := filepath.Join(dir, "jobs.toml")
	for name, text := range map[string]string{path: manyJobs(10_000), filepath.Join(dir, "a.txt"): "件名：x\n\n本文\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	var c *Config
	for b.Loop() {
		var ps []Problem
		if c, ps = Load(path, testKinds); c == nil || len(ps) > 0 {
			b.Fatal(ps[:min(3, len(ps))])
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	runtime.KeepAlive(c)
	c = nil
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(before.HeapAlloc-after.HeapAlloc)/(1<<20), "MB-kept")
}
