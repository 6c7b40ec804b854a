package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// office writes an office of n duties into a folder.
func office(t testing.TB, n int) (file string) {
	dir := t.TempDir()
	var s strings.Builder
	s.WriteString(`timezone = "Asia/Tokyo"
language = "ja"
admin = ["sato"]
[company]
name = "株式会社青空システム"
[calendar]
country = "jp"
closed = ["12/29〜1/3"]
[mail]
from = "青空システム 経理 <keiri@aozora.example>"
[people]
sato = "佐藤 <sato@aozora.example>"
[summary]
to = ["sato"]
at = "17:00"
`)
	for i := range n {
		fmt.Fprintf(&s, `[job.duty-%05d]
kind = "send"
title = "お知らせ %d"
owner = "sato"
when = "毎月%d日 %d:%02d 休みなら前営業日"
prepare = "1営業日前"
about = "当月"
to = ["sato"]
letter = "letter.txt"
`, i, i, 1+i%28, 8+i%10, i%60)
	}
	file = filepath.Join(dir, "jobs.toml")
	for name, text := range map[string]string{file: s.String(), filepath.Join(dir, "letter.txt"): "件名：お知らせ\n\n各位\n\n{対象月}のお知らせです。\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// BenchmarkCheck is `bod check` of an office of 10,000 duties.
func BenchmarkCheck(b *testing.B) {
	file := office(b, 10_000)
	for b.Loop() {
		var out, errs bytes.Buffer
		if err := run(b.Context(), []string{"check", "-q", "-f", file}, nil, &out, &errs); err != nil {
			b.Fatal(errs.String())
		}
	}
}

// BenchmarkRehearse is `bod rehearse --days 365` of an office of 100 duties, as a process: cpu-s is its time on the processors,
// peak-MB the most memory that it had.
func BenchmarkRehearse(b *testing.B) {
	bod := program(b)
	file := office(b, 100)
	var cpu, peak float64
	for b.Loop() {
		cmd := exec.Command(bod, "rehearse", "-f", file, "--admin", "none", "--from", "2026-12-01", "--days", "365", "--out", b.TempDir())
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, float64(u.Maxrss)/1000) // in kilobytes, on Linux
		}
	}
	b.ReportMetric(cpu/float64(b.N), "cpu-s")
	b.ReportMetric(peak, "peak-MB")
}

// program builds bod as it is shipped.
func program(b *testing.B) string {
	b.Helper()
	bod := filepath.Join(b.TempDir(), "bod")
	build := exec.Command("go", "build", "-trimpath", "-o", bod, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return bod
}

// BenchmarkStart is `bod run` with 10,000 duties, from the start of the process to the word that the rules are at work, the
// first time (with a new ledger) and again; idle-MB is the resident memory once it waits.
func BenchmarkStart(b *testing.B) {
	bod := program(b)
	for _, first := range []bool{true, false} {
		b.Run(map[bool]string{true: "new", false: "again"}[first], func(b *testing.B) {
			file := office(b, 10_000)
			state := filepath.Join(filepath.Dir(file), ".bod")
			if !first {
				startAndStop(b, bod, file)
			}
			memory := 0.0
			for b.Loop() {
				memory = max(memory, startAndStop(b, bod, file))
				if first {
					b.StopTimer()
					if err := os.RemoveAll(state); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
			b.ReportMetric(memory, "idle-MB")
		})
	}
}

// startAndStop runs the daemon until the rules are at work, and answers how much memory it keeps.
func startAndStop(b *testing.B, bod, file string) float64 {
	cmd := exec.Command(bod, "run", "-v", "-f", file)
	r, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "rules at work") {
			break
		}
	}
	b.StopTimer()
	defer b.StartTimer()
	memory := resident(b, cmd.Process.Pid)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	return memory
}

// resident is a process's VmRSS in megabytes.
func resident(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				b.Fatal(err)
			}
			return float64(kb) / 1000
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
