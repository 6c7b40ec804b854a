package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"bod/internal/mailer"
)

// Durable commits: one row, one event, one fsync each.
func BenchmarkCommit(b *testing.B) {
	o := open(b)
	n := 0
	for b.Loop() {
		n++
		o.do(func(tx *Tx) error {
			return tx.SetFlag(Flag{Name: "bench", Tries: n, Since: begin})
		})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// What one message costs from the queue to its receipt, as the daemon writes it:
// the claim, the fence, and the receipt.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10} {
		b.Run(fmt.Sprint(size>>10, "KB"), func(b *testing.B) {
			o := open(b)
			run := o.running("a", "2026-11")
			body := make([]byte, size)
			n := 0
			for b.Loop() {
				n++
				m := letter(fmt.Sprint("p", n))
				m.Body = body
				var token string
				o.do(func(tx *Tx) error {
					out, err := tx.Seal(run, []NewMessage{m}, nil, false)
					if err != nil {
						return err
					}
					if err := tx.Queue(out[0].Message); err != nil {
						return err
					}
					token, _, err = tx.Claim(out[0].Message)
					return err
				})
				to := m.Recipients[0].Mail
				o.do(func(tx *Tx) error { return tx.Sending(token, []string{to}) })
				o.do(func(tx *Tx) error { return tx.Receive(token, receipts(mailer.Sent, to), nil) })
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func many(b *testing.B, n int) *office {
	o := open(b)
	run := o.running("a", "2026-11")
	o.do(func(tx *Tx) error {
		for i := range n {
			m := letter(fmt.Sprint("p", i))
			m.ConfirmBy, m.ConfirmCount = []string{"tanaka"}, 1
			if _, err := tx.Seal(run, []NewMessage{m}, nil, false); err != nil {
				return err
			}
		}
		return nil
	})
	b.ResetTimer()
	return o
}

func BenchmarkList10000(b *testing.B) {
	o := many(b, 10000)
	for b.Loop() {
		n := 0
		o.view(func(v *View) error {
			for _, err := range v.Messages(MessageQuery{}) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if n != 10000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkVerify10000(b *testing.B) {
	o := many(b, 10000)
	for b.Loop() {
		o.verified()
	}
}

func BenchmarkPutJobs10000(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		o := open(b)
		jobs := make([]Job, 10000)
		for i := range jobs {
			jobs[i] = Job{Name: fmt.Sprint("job-", i), Kind: "send", Shape: "month", Mark: begin, Seen: begin, Changed: begin,
				Rule: fmt.Appendf(nil, `{"kind":"send","title":"アクメ商事 ホスティング請求書 %d","when":"毎月25日 10:00 休みなら前営業日","to":["acme"],"letter":"letters/請求書送付.txt"}`, i)}
		}
		put := func() time.Duration {
			began := time.Now()
			o.do(func(tx *Tx) error {
				var errs []error
				for _, j := range jobs {
					errs = append(errs, tx.PutJob(j))
				}
				return errors.Join(errs...)
			})
			return time.Since(began)
		}
		b.StartTimer()
		b.ReportMetric(put().Seconds()*1000, "ms/first")
		b.ReportMetric(put().Seconds()*1000, "ms/unchanged")
	}
}

func BenchmarkOpen(b *testing.B) {
	o := many(b, 10000)
	b.ResetTimer()
	for b.Loop() {
		o.reopen()
	}
}

// What a review of a month with 100,000 letters reads of the log and the tables.
func BenchmarkReview100000(b *testing.B) {
	o := many(b, 100_000)
	for b.Loop() {
		o.view(func(v *View) error {
			_, err := v.Spells(begin.AddDate(0, -1, 0), begin.AddDate(0, 1, 0))
			if err == nil {
				_, err = v.Went(begin.AddDate(0, -1, 0), begin.AddDate(0, 1, 0))
			}
			if err == nil {
				_, err = v.Answers(begin.AddDate(0, -1, 0), begin.AddDate(0, 1, 0))
			}
			return err
		})
	}
}
