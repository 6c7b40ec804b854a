package main

import (
	"strings"
	"testing"

	"bod/internal/calendar"
)

// TestPausedWords: a person reads why sending is paused in their language, never the flag's name or a cause of the log.
func TestPausedWords(t *testing.T) {
	for name, want := range map[string]calendar.Text{
		flagRestored:           {JA: "bod retry --restored 理由", EN: "bod retry --restored WHY"},
		flagClock:              {JA: "時計が合わない", EN: "the clock is wrong"},
		flagSession:            {JA: "メールサーバーに断られた", EN: "the mail server refused us"},
		flagStopped:            {JA: "すべての送信を止めてあります", EN: "all letters are stopped"},
		flagStopped + "/daily": {JA: "daily の送信を止めてあります", EN: "daily is stopped"},
	} {
		for _, lang := range []calendar.Language{calendar.Japanese, calendar.English} {
			got := (&desk{lang: lang}).pausedWords(name, "TEXT")
			if !strings.Contains(got, want.In(lang)) || strings.Contains(got, "（"+name+"）") || name == flagRestored && strings.Contains(got, "TEXT") {
				t.Errorf("%s in %s: %s", name, lang, got)
			}
		}
	}
}
