package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"bod/internal/config"
	"bod/internal/jobs"
	"bod/internal/ledger"
	"bod/internal/mailer"
)

// manyJobs is a folder with rules of n jobs, of which none is due.
func manyJobs(b *testing.B, n int) string {
	b.Helper()
	dir := b.TempDir()
	var rules strings.Builder
	rules.WriteString(head)
	for i := range n {
		fmt.Fprintf(&rules, "[job.j%05d]\nkind = \"send\"\ntitle = \"Job %d\"\nwhen = \"毎月%d日 %d:%02d 休みなら前営業日\"\nprepare = \"1 business day before\"\nto = [\"acme\"]\nletter = \"letter.txt\"\n",
			i, i, 1+i%10, 8+i%10, i%60)
	}
	for name, content := range map[string]string{"jobs.toml": rules.String(), "letter.txt": letter} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// quietDay is a moment at which none of these jobs has anything to do.
func quietDay() time.Time { return time.Date(2026, time.November, 19, 3, 0, 0, 0, time.UTC) }

// BenchmarkStart10000Jobs is load, open and the first Step with a ledger that knows the jobs.
func BenchmarkStart10000Jobs(b *testing.B) {
	dir := manyJobs(b, 10_000)
	start := func() (time.Duration, time.Duration) {
		began := time.Now()
		c, problems := config.Load(filepath.Join(dir, "jobs.toml"), jobs.ConfigKinds())
		if c == nil {
			b.Fatal(problems)
		}
		loaded := time.Since(began)
		l, err := ledger.Open(b.Context(), filepath.Join(dir, "state"), ledger.Options{Create: true, Now: quietDay})
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		o, err := NewOffice(Options{Config: c, Ledger: l, Now: quietDay})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := o.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
		return loaded, time.Since(began)
	}
	start() // the first time the ledger learns them
	var load, all time.Duration
	for b.Loop() {
		l, a := start()
		load, all = load+l, all+a
	}
	b.ReportMetric(load.Seconds()*1000/float64(b.N), "ms-load/op")
	b.ReportMetric((all-load).Seconds()*1000/float64(b.N), "ms-open+step/op")
}

// BenchmarkIdle10000Jobs is a Step with nothing due, and what the idle daemon keeps in memory, its alarms included.
func BenchmarkIdle10000Jobs(b *testing.B) {
	dir := manyJobs(b, 10_000)
	c, problems := config.Load(filepath.Join(dir, "jobs.toml"), jobs.ConfigKinds())
	if c == nil {
		b.Fatal(problems)
	}
	l, err := ledger.Open(b.Context(), filepath.Join(dir, "state"), ledger.Options{Create: true, Now: quietDay})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	o, err := NewOffice(Options{Config: c, Ledger: l, Now: quietDay})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := o.Step(b.Context()); err != nil {
		b.Fatal(err)
	}
	a := alarms{log: slog.New(slog.DiscardHandler), ring: func() {}}
	began := time.Now()
	if err := a.set(o.duties, c.Zone); err != nil {
		b.Fatal(err)
	}
	set := time.Since(began)
	defer a.stop()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for b.Loop() {
		if _, err := o.Step(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-heap")
	b.ReportMetric(set.Seconds()*1000, "ms-alarms")
	runtime.KeepAlive(o)
}

// BenchmarkWholeWay is messages a second from queued to sent over TCP to a mail server on this machine, `sending` durable before
// each dot and the receipt after it, together with the claim of the next: two commits for each message.
func BenchmarkWholeWay(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKB", size>>10), func(b *testing.B) {
			drain, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			s := smtp.NewServer(&murderer{arrived: map[string]int{}})
			s.Domain, s.ErrorLog = "sink.example", quiet{}
			go func() { _ = s.Serve(drain) }()
			defer s.Close()

			dir := b.TempDir()
			rules := strings.Replace(head, "smtp+insecure://sink.example:25", "smtp+insecure://"+drain.Addr().String(), 1) + daily
			for name, content := range map[string]string{"jobs.toml": rules, "letter.txt": letter} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			c, problems := config.Load(filepath.Join(dir, "jobs.toml"), jobs.ConfigKinds())
			if c == nil {
				b.Fatal(problems)
			}
			l, err := ledger.Open(b.Context(), filepath.Join(dir, "state"), ledger.Options{Create: true})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			o, err := NewOffice(Options{Config: c, Ledger: l})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := o.Step(b.Context()); err != nil {
				b.Fatal(err)
			}
			body, err := mailer.Render(mailer.Letter{
				From: c.Mail.From, To: []mailer.Address{{Mail: "mori@aozora.example"}}, Subject: "A letter", Text: strings.Repeat("A line of seventy characters or so, as letters have them, and on.\n", size/66),
				MessageID: "x@aozora.example", Date: time.Now(), Boundary: "x",
			})
			if err != nil {
				b.Fatal(err)
			}
			fill(b, l, b.N, body)
			b.SetBytes(int64(len(body)))
			b.ResetTimer()
			began := time.Now()
			sent, err := o.Deliver(context.WithoutCancel(b.Context()))
			if err != nil || sent != b.N {
				b.Fatal(sent, err)
			}
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "messages/s")
		})
	}
}

// fill queues n messages of these bytes.
func fill(b *testing.B, l *ledger.Ledger, n int, body []byte) {
	b.Helper()
	now := time.Now()
	for i := 0; i < n; i += 1000 {
		err := l.Update(b.Context(), now, self(), func(tx *ledger.Tx) error {
			var ms []ledger.NewMessage
			for j := i; j < min(n, i+1000); j++ {
				args, err := json.Marshal(j)
				if err != nil {
					return err
				}
				ms = append(ms, ledger.NewMessage{
					Class: ledger.ClassNotice, Part: string(args), Key: fmt.Sprintf("notice/bench/%d/%d", j, n), Subject: "A letter",
					From: "keiri@aozora.example", Recipients: []ledger.Recipient{{Mail: "mori@aozora.example", Role: "to"}},
					MessageID: fmt.Sprintf("%d@aozora.example", j), Date: now, Body: bytes.Clone(body),
				})
			}
			_, err := tx.Seal(0, ms, nil, false)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
