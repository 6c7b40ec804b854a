package mailer

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/width"
)

// Rate is "20 per minute". The zero Rate is no limit.
type Rate struct {
	N   int
	Per time.Duration
}

const maxRate = 1_000_000

var (
	rateEnglish  = regexp.MustCompile(`^(\d{1,7}) ?(?:per|/) ?(\d{1,4} )?(second|minute|hour|day)s?$`)
	rateJapanese = regexp.MustCompile(`^(?:(\d{1,4})|毎)(秒|分|時間?|日)(?:間)?(?:に|あたり)?(\d{1,7})通(?:まで)?$`)
	rateUnits    = map[string]time.Duration{
		"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
		"秒": time.Second, "分": time.Minute, "時": time.Hour, "時間": time.Hour, "日": 24 * time.Hour,
	}
)

// ParseRate reads "20 per minute", "1分に20通", "500 per hour".
func ParseRate(s string) (Rate, error) {
	plain := strings.Join(strings.Fields(strings.ToLower(width.Fold.String(s))), " ")
	number, count, unit := "", "", ""
	if m := rateEnglish.FindStringSubmatch(plain); m != nil {
		number, count, unit = m[1], strings.TrimSpace(m[2]), m[3]
	} else if m := rateJapanese.FindStringSubmatch(strings.ReplaceAll(plain, " ", "")); m != nil {
		number, count, unit = m[3], m[1], m[2]
	} else {
		return Rate{}, fmt.Errorf(`couldn't read the rate %q: write it as "20 per minute" or "1分に20通"`, clean(s, 100))
	}
	if count == "" {
		count = "1"
	}
	n, _ := strconv.Atoi(number) // digits, few enough
	units, _ := strconv.Atoi(count)
	if n < 1 || n > maxRate || units < 1 {
		return Rate{}, fmt.Errorf("couldn't read the rate %q: from 1 to %d messages in at least one %s", clean(s, 100), maxRate, unit)
	}
	return Rate{N: n, Per: time.Duration(units) * rateUnits[unit]}, nil
}

// Limiter holds messages to a rate: in no span of Rate.Per do more than Rate.N
// go, wherever the span begins and however many connections they take. It remembers moments and not
// connections, so one Limiter serves a server for as long as the process lives.
type Limiter struct {
	rate Rate

	mu   sync.Mutex
	gone []time.Time // the last N, a ring
	next int         // the oldest of them
}

// NewLimiter makes a limiter; with the zero Rate nothing is held.
func NewLimiter(r Rate) *Limiter { return &Limiter{rate: r} }

// Next says when the next message may go: now, or a later moment. It takes nothing.
func (l *Limiter) Next(now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.nextLocked(now)
}

func (l *Limiter) nextLocked(now time.Time) time.Time {
	if l.rate.N <= 0 || l.rate.Per <= 0 || len(l.gone) < l.rate.N {
		return now
	}
	at := l.gone[l.next].Add(l.rate.Per)
	switch {
	case at.Before(now):
		return now
	case at.Sub(now) > l.rate.Per: // the clock was set back: nobody waits longer than one span
		return now.Add(l.rate.Per)
	}
	return at
}

// Take notes that a message goes at this moment.
func (l *Limiter) Take(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.takeLocked(now)
}

func (l *Limiter) takeLocked(now time.Time) {
	switch {
	case l.rate.N <= 0 || l.rate.Per <= 0:
	case len(l.gone) < l.rate.N:
		l.gone = append(l.gone, now)
	default:
		l.gone[l.next] = now
		l.next = (l.next + 1) % len(l.gone)
	}
}

// Wait returns when a message may go and takes its place, or with the cause for which ctx ended.
func (l *Limiter) Wait(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.mu.Lock()
		now := time.Now()
		at := l.nextLocked(now)
		if !at.After(now) {
			l.takeLocked(now)
			l.mu.Unlock()
			return nil
		}
		l.mu.Unlock()
		timer := time.NewTimer(at.Sub(now))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}
