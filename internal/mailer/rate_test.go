package mailer

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseRate(t *testing.T) {
	for in, want := range map[string]Rate{
		"20 per minute": {20, time.Minute}, "500 per hour": {500, time.Hour}, "1分に20通": {20, time.Minute}, "１分に２０通": {20, time.Minute},
		"1 per second": {1, time.Second}, "10 per 2 minutes": {10, 2 * time.Minute}, "30/minute": {30, time.Minute}, " 30  Per  Minute ": {30, time.Minute},
		"1時間に500通": {500, time.Hour}, "毎時500通": {500, time.Hour}, "1日に10000通": {10000, 24 * time.Hour}, "毎分20通まで": {20, time.Minute}, "10分間に 5 通": {5, 10 * time.Minute},
	} {
		if got, err := ParseRate(in); err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "20", "per minute", "0 per minute", "-1 per minute", "20 per 0 minutes", "2000000 per hour", "20 per week", "20 per minute or so", "1分に0通", "毎分", "1.5 per minute", "99999999999999999999 per hour"} {
		if got, err := ParseRate(in); err == nil {
			t.Errorf("%q is read as %+v", in, got)
		}
	}
}

// TestLimiter: however the messages come, no span has more of them than it may.
func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(Rate{20, time.Minute})
		random := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		var gone []time.Time
		var wg sync.WaitGroup
		for range 3 { // three connections
			wg.Go(func() {
				for range 50 {
					if err := l.Wait(t.Context()); err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					gone = append(gone, time.Now())
					pause := time.Duration(random.IntN(2000)) * time.Millisecond
					mu.Unlock()
					time.Sleep(pause)
				}
			})
		}
		started := time.Now()
		wg.Wait()
		for i := 20; i < len(gone); i++ {
			if span := gone[i].Sub(gone[i-20]); span < time.Minute {
				t.Fatalf("21 messages in %v", span)
			}
		}
		if took := time.Since(started); took < 7*time.Minute || took > 9*time.Minute {
			t.Errorf("150 messages took %v", took)
		}
	})
}

func TestLimiterNext(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, jst)
	free := NewLimiter(Rate{})
	for range 100 {
		free.Take(now)
	}
	if got := free.Next(now); !got.Equal(now) {
		t.Errorf("no rate, and yet %v", got)
	}
	l := NewLimiter(Rate{2, time.Minute})
	l.Take(now)
	l.Take(now.Add(10 * time.Second))
	if got := l.Next(now.Add(20 * time.Second)); !got.Equal(now.Add(time.Minute)) {
		t.Errorf("next is %v", got)
	}
	if got := l.Next(now.Add(2 * time.Minute)); !got.Equal(now.Add(2 * time.Minute)) {
		t.Errorf("next is %v", got)
	}
	if back := now.Add(-24 * time.Hour); !l.Next(back).Equal(back.Add(time.Minute)) {
		t.Error("a clock that was set back stops the mail for a day")
	}
}

func TestLimiterCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(Rate{1, time.Hour})
		l.Take(time.Now())
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("the office closes"))
		defer cancel()
		if err := l.Wait(ctx); err == nil || err.Error() != "the office closes" {
			t.Error(err)
		}
		if got := l.Next(time.Now()); !got.Equal(time.Now().Add(time.Hour - time.Second)) {
			t.Error("a cancelled wait took a place")
		}
	})
}
