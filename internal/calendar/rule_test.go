package calendar

import (
	"strings"
	"testing"
	"time"
)

// same reports a rule that isn't said back, in either language, as itself.
func roundTrip(t testing.TB, r Rule) {
	t.Helper()
	for _, l := range []Language{Japanese, English} {
		said := r.Sentence(l)
		again, probs := ParseSentence(said)
		if len(probs) > 0 {
			t.Fatalf("%q is not read back: %+v", said, probs)
		}
		if !again.Equal(r) {
			t.Fatalf("%q is read back as %q:\n%+v\n%+v", said, again.Sentence(l), r, again)
		}
	}
}

func TestSentences(t *testing.T) {
	for _, c := range []struct{ ja, en, said string }{
		{"毎月25日 10:00 休みなら前営業日", "every month on the 25th at 10:00, or the business day before if closed", `毎月２５日の１０時、休みなら前営業日。
			毎月二十五日10:00(休みなら前営業日)
			10:00に毎月25日、休業日の場合は直前の営業日
			毎月25日午前10時 土日祝なら前営業日
			毎月25日10時休日の場合は前営業日に実施
			25th of every month at 10am, or the business day before
			on the 25th of each month at 10:00, if closed the previous business day
			monthly on the 25th at 10:00, otherwise before`},
		{"毎営業日 9:30", "every business day at 9:30", "毎営業日の9時半\n営業日ごと 9:30\nevery working day at 9:30 am\n9:30 every business day"},
		{"毎日 18:00 休みでも実施", "every day at 18:00 even if closed", "毎日午後6時 休みでも実施\n休みでもそのまま 毎日18時\ndaily at 6 pm, even on holidays\nevery day at 18:00, as is if closed"},
		{"毎週月曜・木曜 9:30 休みなら翌営業日", "every week on Monday and Thursday at 9:30, or the business day after if closed", `毎週月・木9:30 休みなら次の営業日
			毎週月曜日と木曜日 9:30 休みの場合は翌営業日
			毎週月木 ９：３０ 休みなら翌営業日
			every Mon, Thu at 9:30 or the next business day
			weekly on Thursdays and Mondays at 9:30, if closed, the following business day`},
		{"毎週土曜・日曜 8:00 休みでも実施", "every week on Saturday and Sunday at 8:00 even if closed", "毎週土日 8:00 休みでも実施"},
		{"毎週日曜 8:00 休みでも実施", "every week on Sunday at 8:00 even if closed", "毎日曜 8:00 休みでも実施\n毎日曜日8時 休みでも実施"},
		{"毎週月曜 8:00 休みなら実施しない", "every week on Monday at 8:00, skipped if closed", "毎月曜 8:00 休みならスキップ\n毎月曜日8時 休みなら中止\nevery monday at 8:00 unless closed"},
		{"2週間ごとの金曜 10:00 休みなら前営業日 2026年1月9日から", "every 2 weeks on Friday at 10:00, or the business day before if closed, starting 2026-01-09", `隔週金曜 10:00 休みなら前営業日 2026-01-09から
			2026年1月9日から２週間ごと 10:00 休みなら前営業日
			2週ごと金曜日10:00 休みなら前営業日 2026/1/9開始
			every other Friday at 10:00 starting 9 January 2026, or the business day before if closed
			fortnightly on friday 10:00 from 2026-01-09 if closed then the business day before`},
		{"3日ごと 10:00 休みなら翌営業日 2026年1月9日から", "every 3 days at 10:00, or the business day after if closed, starting 2026-01-09", "2026年1月9日から3日毎 10時 休みなら翌営業日"},
		{"毎月末日 17:00 休みなら前営業日", "every month on the last day at 17:00, or the business day before if closed", "毎月末 17:00 休みなら前営業日\n月末17時 休みなら前営業日\n毎月月末日 17:00 休みなら前営業日\n毎月最終日17:00 休みなら前営業日\nevery month end... at 17:00"},
		{"毎月第3営業日 9:00", "every month on the 3rd business day at 9:00", "毎月3営業日目 9:00\n毎月第三営業日 9時\nthird business day of every month at 9:00"},
		{"毎月最終営業日 17:00", "every month on the last business day at 17:00", "毎月最後の営業日 17:00\n毎月の最終営業日17時\nlast business day of each month, 5pm"},
		{"毎月第2火曜 9:30 休みなら翌営業日", "every month on the 2nd Tuesday at 9:30, or the business day after if closed", "毎月第二火曜日 9:30 休みなら翌営業日"},
		{"毎月第1金曜・第3金曜 9:30 休みなら翌営業日", "every month on the 1st Friday and the 3rd Friday at 9:30, or the business day after if closed", "毎月第1・第3金曜 9:30 休みなら翌営業日\n毎月第１・３金曜日 AM9:30 休みなら翌営業日\n毎月第1、第3金曜日の9時30分 休みなら翌営業日"},
		{"毎月第1日曜・第3日曜 9:30 休みでも実施", "every month on the 1st Sunday and the 3rd Sunday at 9:30 even if closed", "毎月第1・3日曜 9:30 休みでも実施\n毎月第1日曜日・第3日曜日 9:30 休みでも実施"},
		{"毎月最終月曜 9:30 休みなら翌営業日", "every month on the last Monday at 9:30, or the business day after if closed", "毎月最後の月曜 9:30 休みなら翌営業日"},
		{"毎月最終日曜 9:30 休みでも実施", "every month on the last Sunday at 9:30 even if closed", "毎月最後の日曜 9:30 休みでも実施"},
		{"毎四半期の3か月目の最終月曜 9:30 休みなら翌営業日", "every quarter on the last Monday of its 3rd month at 9:30, or the business day after if closed", "毎四半期 最終月の最終月曜 9:30 休みなら翌営業日"},
		{"毎月最終金曜 9:30 休みでも実施", "every month on the last Friday at 9:30 even if closed", ""},
		{"毎月5日・10日・末日 9:00 休みなら前営業日", "every month on the 5th, the 10th and the last day at 9:00, or the business day before if closed", "毎月5・10日と末日 9:00 休みなら前営業日\n毎月10日、5日、月末 9:00 休みなら前営業日\nevery month on 5, 10 and last at 9:00 or the business day before"},
		{"毎月25日の2営業日前 10:00", "every month on 2 business days before the 25th at 10:00", "毎月25日2営業日前 10:00\n毎月25日の二営業日前 10:00\nevery month on the 25th, 2 business days before at 10:00"},
		{"毎月25日の1営業日前 10:00", "every month on 1 business day before the 25th at 10:00", "毎月25日の前営業日 10:00\nevery month on the business day before the 25th at 10:00"},
		{"毎月末日の3日前 10:00 休みなら前営業日", "every month on 3 days before the last day at 10:00, or the business day before if closed", "月末の3日前 10:00 休みなら前営業日"},
		{"毎月5日・10日の2営業日前 10:00 休みなら前営業日", "every month on the 5th and 2 business days before the 10th at 10:00, or the business day before if closed", "every month on the 5th, 2 business days before the 10th at 10:00 or the business day before"},
		{"毎月31日（ない月は末日） 10:00 休みなら前営業日", "every month on the 31st (in shorter months the last day) at 10:00, or the business day before if closed", "毎月31日 10:00 休みなら前営業日"},
		{"毎月第20営業日（ない月は最終営業日） 10:00", "every month on the 20th business day (in shorter months the last business day) at 10:00", "毎月第20営業日 10:00"},
		{"3か月ごとの20日 9:00 休みなら前営業日 2026年1月1日から", "every 3 months on the 20th at 9:00, or the business day before if closed, starting 2026-01-01", "3ヶ月ごと20日 9:00 休みなら前営業日 2026年1月1日から\n3カ月ごとの20日 9:00 休みなら前営業日 2026年1月1日から\n三箇月毎の20日 9:00 休みなら前営業日 2026/1/1から"},
		{"2か月ごとの末日 9:00 休みなら前営業日 2026年1月1日から", "every 2 months on the last day at 9:00, or the business day before if closed, starting 2026-01-01", "隔月末日 9:00 休みなら前営業日 2026年1月1日から"},
		{"毎四半期の末日 15:00 休みなら前営業日", "every quarter on the last day at 15:00, or the business day before if closed", "四半期末 15:00 休みなら前営業日\n毎四半期末15時 休みなら前営業日\nquarterly on the last day at 3pm or the business day before"},
		{"毎四半期の第3営業日 15:00", "every quarter on the 3rd business day at 15:00", "四半期ごとの第3営業日 15:00"},
		{"毎四半期の1か月目の31日（ない月は末日） 15:00 休みなら前営業日", "every quarter on the 31st of its 1st month (in shorter months the last day) at 15:00, or the business day before if closed", "毎四半期の初月31日 15:00 休みなら前営業日"},
		{"毎四半期の3か月目の25日の2営業日前 15:00", "every quarter on 2 business days before the 25th of its 3rd month at 15:00", "四半期の最終月の25日の2営業日前 15:00\nevery quarter on 2 business days before the 25th of the last month of the quarter at 15:00"},
		{"毎年3月31日 10:00 休みなら前営業日", "every year on 31 March at 10:00, or the business day before if closed", "毎年3/31 10:00 休みなら前営業日\n毎年三月三十一日 10時 休みなら前営業日\nyearly on March 31st at 10:00 or the business day before\nevery year on 3/31 at 10:00 or the business day before"},
		{"毎年2月29日（ない年は28日） 10:00 休みなら前営業日", "every year on 29 February (in common years the 28th) at 10:00, or the business day before if closed", ""},
		{"毎年3月の第2営業日・3月の最終営業日 10:00", "every year on the 2nd business day of March and the last business day of March at 10:00", "毎年3月第2営業日・3月最終営業日 10:00"},
		{"毎年5月の第2月曜 10:00 休みでも実施", "every year on the 2nd Monday of May at 10:00 even if closed", ""},
		{"毎年12月末日 10:00 休みなら前営業日", "every year on the last day of December at 10:00, or the business day before if closed", "年末 10:00 休みなら前営業日\n毎年末10:00 休みなら前営業日\n毎年12月末 10:00 休みなら前営業日"},
		{"毎年度の末日 10:00 休みなら前営業日", "every fiscal year on the last day at 10:00, or the business day before if closed", "年度末 10:00 休みなら前営業日\n毎年度末 10:00 休みなら前営業日"},
		{"毎年度の4月1日 10:00 休みなら翌営業日", "every fiscal year on 1 April at 10:00, or the business day after if closed", "毎年度4月1日 10:00 休みなら翌営業日"},
		{"2026年3月10日・2026年6月10日 10:00 休みなら前営業日", "on 2026-03-10 and 2026-06-10 at 10:00, or the business day before if closed", "2026/6/10、2026/3/10 10:00 休みなら前営業日\non 10 March 2026, June 10, 2026 at 10:00 or the business day before"},
		{"2026年3月10日 10:00", "on 2026-03-10 at 10:00", "2026-03-10 10:00"},
		{"cron 0 9,17 * * mon-fri 休みなら実施しない", "cron 0 9,17 * * mon-fri, skipped if closed", "cron ０ ９,１７ ＊ ＊ MON-FRI 休みなら実施しない\ncron 0  9,17 * * Mon-Fri skip if closed\ncron \"0 9,17 * * mon-fri\" skip"},
	} {
		r, probs := ParseSentence(c.ja)
		if len(probs) > 0 {
			t.Errorf("%s: %+v", c.ja, probs)
			continue
		}
		if got := r.Sentence(Japanese); got != c.ja {
			t.Errorf("%s is said back as %s", c.ja, got)
		}
		if got := r.Sentence(English); got != c.en {
			t.Errorf("%s is said as\n%s, want\n%s", c.ja, got, c.en)
		}
		roundTrip(t, r)
		for s := range strings.SplitSeq(c.said, "\n") {
			if s = strings.TrimSpace(s); s == "" || strings.Contains(s, "...") {
				continue
			}
			if also, probs := ParseSentence(s); len(probs) > 0 || !also.Equal(r) {
				t.Errorf("%s is read as %q, want %q: %+v", s, also.Sentence(Japanese), c.ja, probs)
			}
		}
	}
}

func TestTables(t *testing.T) {
	for want, table := range map[string]map[string]any{
		"毎月20日 10:00 休みなら前営業日":                {"every": "month", "day": int64(20), "at": "10:00", "if_closed": "before"},
		"毎月5日・10日・末日 9:00 休みなら翌営業日":           {"every": "毎月", "day": []any{int64(5), "10", "last"}, "at": "9時", "if_closed": "翌営業日"},
		"毎月第3営業日 9:00":                        {"every": "month", "day": "3rd business day", "at": "9:00"},
		"毎月最終営業日 9:00":                        {"every": "月", "day": "最終営業日", "at": "9:00"},
		"毎月第2火曜 9:00 休みでも実施":                  {"every": "month", "day": "2nd tue", "at": "9:00", "if_closed": "as is"},
		"毎月最終金曜 9:00 休みなら実施しない":               {"every": "monthly", "day": "last fri", "at": "9:00", "if_closed": "実施しない"},
		"毎月25日の2営業日前 9:00":                    {"every": "month", "day": "25, 2 business days before", "at": "9:00"},
		"毎月末日の3日前 9:00 休みでも実施":                {"every": "month", "day": "月末の3日前", "at": "9:00", "if_closed": "休みでも実施"},
		"毎週月曜・木曜 9:00 休みなら実施しない":              {"every": "week", "on": []any{"mon", "木"}, "at": "9:00", "if_closed": "skip"},
		"毎週金曜 9:00 休みなら実施しない":                 {"every": "毎週金曜", "at": "9:00", "if_closed": "見送り"},
		"2週間ごとの金曜 9:00 休みなら前営業日 2026年1月9日から":  {"every": "2 weeks", "at": "9:00", "if_closed": "前営業日", "starting": "2026/1/9"},
		"2週間ごとの月曜 9:00 休みなら前営業日 2026年1月9日から":  {"every": "2週間", "on": "月曜", "at": "9:00", "if_closed": "before", "starting": time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)},
		"3か月ごとの20日 9:00 休みなら前営業日 2026年1月1日から": {"every": "3か月", "day": int64(20), "at": "9:00", "if_closed": "before", "starting": "2026年1月1日"},
		"毎四半期の末日 9:00 休みなら前営業日":               {"every": "quarter", "day": "last", "at": "9:00", "if_closed": "before"},
		"毎四半期の3か月目の25日 9:00 休みなら前営業日":         {"every": "四半期", "day": int64(25), "month": "last", "at": "9:00", "if_closed": "before"},
		"毎四半期の1か月目の第2営業日 9:00":                {"every": "quarter", "day": "2nd business day", "month": int64(1), "at": "9:00"},
		"毎年3月31日 9:00 休みなら前営業日":               {"every": "year", "day": "3/31", "at": "9:00", "if_closed": "before"},
		"毎年3月末日 9:00 休みなら前営業日":                {"every": "year", "day": "last", "month": "march", "at": "9:00", "if_closed": "before"},
		"毎年6月10日・12月10日 9:00 休みなら前営業日":        {"every": "year", "day": []any{"12/10", "6月10日"}, "at": "9:00", "if_closed": "before"},
		"毎年度の末日 9:00 休みなら前営業日":                {"every": "fiscal year", "day": "last", "at": "9:00", "if_closed": "before"},
		"毎営業日 9:30":                   {"every": "business day", "at": "９：３０"},
		"毎日 9:30 休みでも実施":              {"every": "day", "at": time.Date(0, 1, 1, 9, 30, 0, 0, time.UTC), "if_closed": "as is"},
		"2026年3月10日・2026年6月10日 10:00": {"dates": []any{"2026/6/10", "2026-03-10"}, "at": "10:00"},
		"cron 0 9 * * 1-5 休みなら実施しない":  {"cron": "0 9 * * 1-5", "if_closed": "skip"},
		"毎月25日 10:00 休みなら前営業日":        {"every": "every month on the 25th at 10:00", "if_closed": "or the business day before"},
	} {
		r, probs := ParseTable(table)
		if len(probs) > 0 || r.Sentence(Japanese) != want {
			t.Errorf("%v is read as %q, want %q: %+v", table, r.Sentence(Japanese), want, probs)
			continue
		}
		roundTrip(t, r)
	}
}

// TestWrongSchedules has what people get wrong: the key that it is about, and words of what they are told.
func TestWrongSchedules(t *testing.T) {
	month := func(key string, v any) map[string]any {
		m := map[string]any{"every": "month", "day": int64(25), "at": "10:00", "if_closed": "before"}
		if v == nil {
			delete(m, key)
		} else {
			m[key] = v
		}
		return m
	}
	for _, c := range []struct {
		rule     any
		key, say string
	}{
		{"", "", "予定が書かれていません"},
		{"montly on the 5th at 9:00 even if closed", "", "「monthly」のこと"},
		{"毎月25日 10:00 休みなら前営業", "", "「休みなら前営業日」のこと"},
		{"毎月25日 10:00 前営業日", "", "休みなら前営業日"},
		{"毎月25日 25:00 休みなら前営業日", "at", "25:00"},
		{"毎月25日 休みなら前営業日", "at", "時刻が書かれていません"},
		{"every month on the 25th at 9, even if closed", "at", "時刻として読めません"},
		{"毎月25日 10:00", "if_closed", "休みなら前営業日"},
		{"毎日 10:00", "if_closed", "毎営業日"},
		{"毎日 10:00 休みなら前営業日", "if_closed", "毎営業日"},
		{"毎営業日 10:00 休みなら前営業日", "if_closed", "消してください"},
		{"毎月最終営業日 10:00 休みなら前営業日", "if_closed", "消してください"},
		{"毎年2月31日 10:00 休みなら前営業日", "day", "29日まで"},
		{"毎年4月31日 10:00 休みなら前営業日", "day", "30日まで"},
		{"毎年13月1日 10:00 休みなら前営業日", "month", "13月"},
		{"毎年0月1日 10:00 休みなら前営業日", "month", "月という月はありません"},
		{"毎月32日 10:00 休みなら前営業日", "day", "32日"},
		{"毎月0日 10:00 休みなら前営業日", "day", "0日"},
		{"毎月3月5日 10:00 休みなら前営業日", "day", "毎年"},
		{"毎月第5金曜 10:00 休みなら前営業日", "day", "最終金曜"},
		{"毎月第24営業日 10:00", "day", "23"},
		{"毎月25日の99営業日前 10:00", "day", "60"},
		{"毎月 10:00 休みなら前営業日", "day", "何日か"},
		{"毎週 10:00 休みなら前営業日", "on", "何曜日か"},
		{"隔週金曜 10:00 休みなら前営業日", "starting", "いつから"},
		{"3か月ごとの5日 10:00 休みなら前営業日", "starting", "いつから"},
		{"99週間ごとの金曜 10:00 休みなら前営業日 2026年1月9日から", "every", "52"},
		{"every 2 quarters on the last day at 9:00 even if closed, starting 2026-01-01", "every", "6か月ごと"},
		{"every 2nd Tuesday at 9:00 even if closed", "every", "隔週火曜"},
		{"平日 9:00", "every", "毎営業日"},
		{"every weekday at 9:00", "every", "毎営業日"},
		{"毎四半期の25日 10:00 休みなら前営業日", "month", "何か月目か"},
		{"毎年末日 10:00 休みなら前営業日 毎月", "every", "2回"},
		{"毎年25日 10:00 休みなら前営業日", "month", "3/31"},
		{"25日 10:00 休みなら前営業日", "every", "くり返すのか"},
		{"毎月25日 10:00 11:00 休みなら前営業日", "at", "2回"},
		{"2026年2月30日 10:00", "dates", "28日まで"},
		{"cron 0 9 20w * * 休みなら実施しない", "cron", "W、L"},
		{"cron 0 9 * *", "cron", "4個"},
		{"cron 0 25 * * * 休みでも実施", "cron", "0から23"},
		{"cron 0 9 30 2 * 休みでも実施", "cron", "2月30日"},
		{"cron 0 9,17 * * * 休みなら前営業日", "if_closed", "skip"},
		{"cron 0 9 * * *", "if_closed", "実施しない"},
		{strings.Repeat("毎月", 5000), "", "長すぎます"},
		{month("at", nil), "at", "時刻が書かれていません"},
		{month("at", int64(9)), "at", "時刻として読めません"},
		{month("at", []any{"9:00", "17:00"}), "at", "cron"},
		{month("if_closed", nil), "if_closed", "before"},
		{month("if_closed", "befor"), "if_closed", "「before」"},
		{month("if_closed", true), "if_closed", "文字ではありません"},
		{month("day", nil), "day", "何日か"},
		{month("day", int64(32)), "day", "32日"},
		{month("day", int64(-1)), "day", "-1日"},
		{month("day", int64(1)<<40), "day", "31まで"},
		{month("day", "lst"), "day", "「last」"},
		{month("day", 2.5), "day", "日ではありません"},
		{month("on", "mon"), "on", "2nd tue"},
		{month("month", int64(3)), "month", "毎年"},
		{month("every", "montly"), "every", "「month"},
		{month("every", int64(1)), "every", "文字ではありません"},
		{month("dates", []any{"2026-11-25"}), "every", "2つ以上"},
		{month("dates", []any{}), "dates", "日付がありません"},
		{month("dats", "x"), "dats", "「dates」"},
		{month("starting", "soon"), "starting", "日付として"},
		{month("starting", int64(3)), "starting", "日付ではありません"},
		{map[string]any{"every": "week", "on": []any{"mon", "funday"}, "at": "9:00", "if_closed": "skip"}, "on", "funday"},
		{map[string]any{"every": "quarter", "day": int64(5), "month": int64(4), "at": "9:00", "if_closed": "skip"}, "month", "1から3"},
		{map[string]any{"every": "year", "day": "3/31", "month": int64(4), "at": "9:00", "if_closed": "skip"}, "month", "2回"},
		{map[string]any{"every": "year", "day": int64(31), "month": int64(2), "at": "9:00", "if_closed": "skip"}, "day", "2月31日"},
		{map[string]any{"every": "year", "day": int64(1), "month": []any{int64(2)}, "at": "9:00", "if_closed": "skip"}, "month", "6/10"},
		{map[string]any{"dates": []any{"2026-11-25"}, "at": "9:00", "starting": "2026-11-01"}, "starting", "消してください"},
		{map[string]any{"cron": "0 9 * * *", "at": "9:00", "if_closed": "skip"}, "at", "cron の中"},
		{map[string]any{}, "every", "くり返すのか"},
	} {
		var r Rule
		var probs []Problem
		switch rule := c.rule.(type) {
		case string:
			r, probs = ParseSentence(rule)
		case map[string]any:
			r, probs = ParseTable(rule)
		}
		if len(probs) == 0 || !r.IsZero() {
			t.Errorf("%v is read as %q", c.rule, r.Sentence(Japanese))
			continue
		}
		found := false
		for _, p := range probs {
			found = found || p.Key == c.key && strings.Contains(p.What.JA+"→"+p.Next.JA, c.say)
			if p.What.JA == "" || p.What.EN == "" || p.Next.JA == "" || p.Next.EN == "" {
				t.Errorf("%v: a part is empty: %+v", c.rule, p)
			}
		}
		if !found {
			t.Errorf("%v: nothing about %q says %q: %+v", c.rule, c.key, c.say, probs)
		}
	}
}

// TestManyProblemsAtOnce: a table with several slips names each.
func TestManyProblemsAtOnce(t *testing.T) {
	_, probs := ParseTable(map[string]any{"every": "month", "day": "lst", "at": "25:00", "if_closed": "befor", "colour": "red"})
	keys := map[string]bool{}
	for _, p := range probs {
		keys[p.Key] = true
	}
	for _, k := range []string{"day", "at", "if_closed", "colour"} {
		if !keys[k] {
			t.Errorf("nothing is said about %s: %+v", k, probs)
		}
	}
}
