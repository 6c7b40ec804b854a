// Package calendar says when: it turns a schedule as people say it ("毎月25日
// 10:00 休みなら前営業日") into occurrences, each with its period, its nominal
// and its due moment.
//
// It promises that everything in it is a pure function of its arguments: the
// same rule, business days and zone give the same occurrences whenever, and on
// whatever machine, they are asked for. No function looks at a clock, a file
// or the environment, and none waits.
package calendar

import "time"

// Language is the language of dates, sentences and problems: "ja" or "en".
type Language string

// The languages that bod speaks.
const (
	Japanese Language = "ja"
	English  Language = "en"
)

// Text is one statement to a person in each language.
type Text struct{ JA, EN string }

// In returns the text in one language, Japanese unless it is English.
func (t Text) In(l Language) string {
	if l == English {
		return t.EN
	}
	return t.JA
}

// Date is a day of the civil calendar, without time or zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Clock is a time of day in hours and minutes.
type Clock struct{ Hour, Minute int }

// Problem is one thing that is wrong with a schedule, a date or a time.
type Problem struct {
	Key  string // the key of the table that it is about, "" for the whole
	What Text   // what is wrong
	Next Text   // the next step
}

// Range is the days from First to Last, both included. Year 0 in both means
// every year (and First after Last then runs over new year).
type Range struct{ First, Last Date }

// DaysOptions says which days are business days.
type DaysOptions struct {
	Country  string    // "jp", "jp-bank", another country's code, or "none" (weekends only)
	Closed   []Range   // company closing days
	Open     []Range   // extra working days; they win over everything else
	Holidays *Holidays // for jp: nil means the embedded table
}

// Holidays is a table of public holidays.
type Holidays struct{ unexported struct{} }

// ParseHolidays reads the Cabinet Office's syukujitsu.csv as it is (CP932 or UTF-8).
func ParseHolidays(b []byte) (*Holidays, error) { panic("contract") }

// Days knows business days.
type Days struct{ unexported struct{} }

// NewDays checks the options; the problems' keys are "country", "closed", "open".
func NewDays(o DaysOptions) (*Days, []Problem) { panic("contract") }

// IsOpen reports whether d is a business day.
func (x *Days) IsOpen(d Date) bool { panic("contract") }

// Why says why d is closed ("土曜日", "勤労感謝の日", "休業日"); empty Text when it is open.
func (x *Days) Why(d Date) Text { panic("contract") }

// Add returns the n-th business day after (n > 0) or before (n < 0) d; ok is false when there is none within two years.
func (x *Days) Add(d Date, n int) (day Date, ok bool) { panic("contract") }

// KnownUntil is the last day for which the public holidays are official; zero when there is no such end.
func (x *Days) KnownUntil() Date { panic("contract") }

// Rule is a schedule as written, checked, without days and zone.
type Rule struct{ unexported struct{} }

// ParseSentence reads a schedule said as one sentence, Japanese or English.
func ParseSentence(s string) (Rule, []Problem) { panic("contract") }

// ParseTable reads a schedule written as a table. Values are what a TOML decoder gives into any:
// string, int64, bool, time.Time (TOML local dates too), []any.
func ParseTable(t map[string]any) (Rule, []Problem) { panic("contract") }

// Sentence says the rule as one sentence that ParseSentence reads back as the same rule.
func (r Rule) Sentence(l Language) string { panic("contract") }

// Shape is what a rule's periods are about.
type Shape string

// The shapes of periods.
const (
	ByMinute  Shape = "minute"  // 2026-11-25T09:30, with +0900 offset when the local time repeats
	ByDate    Shape = "date"    // 2026-11-25
	ByMonth   Shape = "month"   // 2026-11
	ByQuarter Shape = "quarter" // 2026-Q3: the fiscal year's third quarter
	ByYear    Shape = "year"    // 2026: the calendar year of the nominal day (fiscal year when the rule says so)
)

// Schedule is a rule at work: with business days, a zone and a fiscal year.
type Schedule struct{ unexported struct{} }

// NewSchedule joins a rule with its surroundings. fiscalYearEnd is a month, 12 when not said.
func NewSchedule(r Rule, d *Days, zone *time.Location, fiscalYearEnd time.Month) (*Schedule, []Problem) {
	panic("contract")
}

// Occurrence is one time that a schedule names.
type Occurrence struct {
	Period  string    // identity together with the job's name; always from Nominal
	Nominal time.Time // the moment that the rule names
	Due     time.Time // the moment that it acts, after the shift
	Shifted Text      // why Due is on another day ("11/23は勤労感謝の日のため"), empty when it is not
}

// Sentence is the rule's sentence.
func (s *Schedule) Sentence(l Language) string { panic("contract") }

// Shape is the shape of the schedule's periods.
func (s *Schedule) Shape() Shape { panic("contract") }

// Due returns the occurrences with after < Due <= until, ordered by Due, then Nominal.
func (s *Schedule) Due(after, until time.Time) []Occurrence { panic("contract") }

// Next returns the first occurrence with Due > after; ok is false when there is none within ten years.
func (s *Schedule) Next(after time.Time) (o Occurrence, ok bool) { panic("contract") }

// Of returns the occurrence of one period; ok is false when the rule has none such.
func (s *Schedule) Of(period string) (o Occurrence, ok bool) { panic("contract") }

// Skipped returns the occurrences that the rule drops because of if_closed = "skip", by Nominal in (after, until].
func (s *Schedule) Skipped(after, until time.Time) []Occurrence { panic("contract") }

// Lead is a time span counted back from a due moment or on from it: "1 business day before", "2日前", "30 minutes before", "3 days".
type Lead struct{ unexported struct{} }

// ParseLead reads a lead; dir words ("before", "前") may be left out.
func ParseLead(s string) (Lead, *Problem) { panic("contract") }

// Before counts the lead back from t: days and business days keep the time of day.
func (l Lead) Before(t time.Time, d *Days) time.Time { panic("contract") }

// After counts the lead on from t.
func (l Lead) After(t time.Time, d *Days) time.Time { panic("contract") }

// IsZero reports whether the lead is nothing.
func (l Lead) IsZero() bool { panic("contract") }

// Sentence says the lead in words, without "before": "1営業日", "3 days".
func (l Lead) Sentence(lang Language) string { panic("contract") }

// About is the span that a letter speaks of.
type About struct {
	Shape       Shape
	First, Last Date
	name        Text
}

// AboutRule is the checked `about` key: "this month", "previous month", "当月", "前月", "this quarter" …
type AboutRule struct{ unexported struct{} }

// ParseAbout reads an about rule; "" means the period itself.
func ParseAbout(s string) (AboutRule, *Problem) { panic("contract") }

// About returns what the occurrence's letter speaks of.
func (s *Schedule) About(r AboutRule, o Occurrence) About { panic("contract") }

// Words says it: "2026年11月" / "November 2026", "2026年度第3四半期" / "Q3 FY2026", "2026年11月25日（水）".
func (a About) Words(l Language) string { panic("contract") }

// Folder is its name in paths: "2026-11", "2026-Q3", "2026", "2026-11-25". Compact gives "202611".
func (a About) Folder() string { panic("contract") }

// Compact is Folder without hyphens.
func (a About) Compact() string { panic("contract") }

// ParseDate reads "2026-11-25", "2026/11/25", "2026年11月25日", full-width digits too.
func ParseDate(s string) (Date, *Problem) { panic("contract") }

// ParseRange reads "12/29〜1/3", "12/29-1/3", "2026-08-13〜2026-08-14", a single day, with 〜 ～ ~ - –, "から…まで" and full-width digits.
func ParseRange(s string) (Range, *Problem) { panic("contract") }

// ParseClock reads "9:30", "09:30", "９：３０", "9時30分", "17時".
func ParseClock(s string) (Clock, *Problem) { panic("contract") }

// DateOf is the day of t in t's own zone.
func DateOf(t time.Time) Date { y, m, d := t.Date(); return Date{y, m, d} }

// String is the ISO form.
func (d Date) String() string { panic("contract") }

// At is the moment of the clock time on that day; in a gap the first moment after it, in an overlap the first of the two.
func (d Date) At(c Clock, zone *time.Location) time.Time { panic("contract") }

// AddDays counts calendar days.
func (d Date) AddDays(n int) Date { panic("contract") }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { panic("contract") }

// Before reports whether d is earlier than e.
func (d Date) Before(e Date) bool { panic("contract") }

// IsZero reports whether d is the zero Date.
func (d Date) IsZero() bool { return d == Date{} }

// Long says the day in full: 2026年11月30日（月） / Monday 30 November 2026.
func (d Date) Long(l Language) string { panic("contract") }

// Short says the day briefly: 11/30(月) / Mon 30 Nov.
func (d Date) Short(l Language) string { panic("contract") }
