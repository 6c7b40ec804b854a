// Package calendar says when: it turns a schedule as people say it ("毎月25日
// 10:00 休みなら前営業日") into occurrences, each with its period, its nominal
// and its due moment.
//
// It promises that everything in it is a pure function of its arguments: the
// same rule, business days and zone give the same occurrences whenever, and on
// whatever machine, they are asked for. No function looks at a clock, a file
// or the environment, and none waits.
//
// # How a schedule is said
//
// As one sentence, Japanese or English, or as a table:
//
//	毎月25日 10:00 休みなら前営業日
//	every month on the 25th at 10:00, or the business day before if closed
//	{ every = "month", day = 25, at = "10:00", if_closed = "before" }
//
// The parts of a sentence stand in any order, full-width letters and missing
// spaces do no harm, and [Rule.Sentence] says every rule back in the one form
// that the reader should come to know.
//
//   - every: "day", "business day", "week", "month", "quarter", "year", "fiscal
//     year"; "3 days", "2 weeks", "3 months", "2 years" count from starting.
//   - on: the weekdays of a week.
//   - day: 1 to 31, "last", "3rd business day", "last business day", "2nd tue",
//     "last fri", in a year "3/31", each with an offset if need be ("25, 2
//     business days before"); a list names several days.
//   - month: in a quarter 1 to 3, "first" or "last"; in a year 1 to 12. Without
//     it a day is counted in the whole quarter or fiscal year, which only the
//     words "last", "3rd business day" and the like can mean clearly; a day's
//     number needs the month. The year's end is said as 12/31 (年末) or as the
//     last day of the fiscal year (年度末).
//   - at: one time of day. It is always said: no hour is plainly right for mail.
//   - if_closed: "before", "after", "skip" or "as is". It has to be said wherever
//     a closed day is possible, with cron and every day too, and is refused where
//     none is, because it would look as if it did something.
//   - starting: the first day that counts.
//   - dates: the days themselves. Only if one of them is closed if_closed is needed.
//   - cron: five fields as in cron(5), and if_closed. When both the day of the
//     month and the day of the week are restricted, either is enough. W, L, # and
//     ? are refused: "nearest weekday" knows no holidays.
//
// # What a day means
//
// Day 29, 30 or 31 is the last day of a month that has no such day: an office
// that closes on the 31st closes each month. So is 29 February in a common
// year. Likewise the n-th business day of a month that has fewer is its last
// one, so that a monthly duty comes exactly once in each month; and in a month
// that is closed from end to end it is the month's last day. Days that can
// never exist (the 30th of February) are refused, and so is a fifth Friday,
// which most months lack. In cron, as ever, day 31 comes only where there is one.
//
// An offset in business days counts from the named day itself, whether that is
// open or not, and always ends on an open day.
//
// # Periods
//
// The period of an occurrence is the month, quarter or year if the rule names
// one day in it, else the date, else (cron, several times a day) the date and
// time. It always follows from what the rule names and never from the shift:
// what is due on 30 April because 1 May is closed is still about May. If an
// offset leaves the month ("1, 2 business days before") the period is the month
// in which the rule counts, so that two occurrences never share one. Quarters
// and fiscal years bear the year in which the fiscal year begins, as in Japan:
// with a year that ends in March, 2026-Q4 is January to March 2027.
//
// # Clocks that jump
//
// A rule with one time a day has exactly one occurrence on each local date. In
// a gap (clocks go forward) it is the first moment after the gap: late by
// minutes is better than not at all, and never before the hour that was said. (Where
// the gap runs into midnight that moment is 0:00 of the date after.)
// In an overlap (clocks go back) it is the first of the two, because the second
// would be a repetition. Where a zone skipped a whole date, that date has no
// occurrence of a rule for every day, every business day or of cron; a rule that
// names certain days acts at the first moment of the date after, so that the duty is
// not lost. A cron rule with several times a day follows cron: with * in its
// minutes or hours it follows the clock, in an overlap twice, in a gap not;
// with fixed hours it acts once, as above.
//
// # Bounds
//
// Occurrences are known from 1970 to 2199, public holidays from 2000 to 2149
// (outside only weekends are closed). A search for an open day ends after two
// years; if there is none, the day stays where it was.
package calendar
