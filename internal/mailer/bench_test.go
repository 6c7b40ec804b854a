package mailer

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkCarry is one connection to a sink in this process, with a claim
// that costs nothing: the mailer's own share of a message's way.
func BenchmarkCarry(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10} {
		for _, secured := range []bool{false, true} {
			b.Run(fmt.Sprintf("%dKB/tls=%v", size>>10, secured), func(b *testing.B) {
				ca := newAuthority(b)
				s := newSink(b, sinkOptions{tls: ca.server(b, "127.0.0.1"), discard: true})
				o := ServerOptions{URL: "smtp+insecure://" + s.addr}
				if secured {
					o = ServerOptions{URL: "smtp://" + s.addr, RootCA: ca.PEM}
				}
				c, err := NewServer(o)
				if err != nil {
					b.Fatal(err)
				}
				session, err := c.Open(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				defer session.Close()
				p := parcel("a@x.example")
				p.Data = append(p.Data, bytes.Repeat([]byte("0123456789012345678901234567890123456789012345678901234567890123456789012345\r\n"), size/78)...)
				p.BeforeDot = func([]string) error { return nil }
				for b.Loop() {
					if rs, _ := session.Carry(b.Context(), p); rs[0].Result != Sent {
						b.Fatal(rs)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			})
		}
	}
}

// BenchmarkRender has a PDF of 70 KB, as an invoice has.
func BenchmarkRender(b *testing.B) {
	l := invoice()
	l.Files = []File{{"請求書.pdf", "application/pdf", bytes.Repeat([]byte("0123456789"), 7000)}}
	for b.Loop() {
		if _, err := Render(l); err != nil {
			b.Fatal(err)
		}
	}
}
