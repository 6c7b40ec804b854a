package table

import (
	"bod/internal/calendar"
)

// Code says what sort of thing is wrong, for a caller that treats one sort apart and for keys of notices.
type Code string

// The codes.
const (
	CodeMissing    Code = "missing"    // nothing lies there, or the host doesn't answer
	CodeUnreadable Code = "unreadable" // it is not what it should be, or may not be read
	CodeUnfinished Code = "unfinished" // half written, or written while it was read
	CodeOld        Code = "old"        // older than fresh_within
	CodeTooBig     Code = "too big"    // more bytes, rows or columns than agreed
	CodeSlow       Code = "slow"       // not read to its end within the time agreed
	CodeColumns    Code = "columns"    // other columns than before, or a name twice
	CodeRows       Code = "rows"       // far fewer rows than before
	CodeValue      Code = "value"      // a value that its column's type doesn't fit
	CodeForbidden  Code = "forbidden"  // a place that the administrator has not named
)

// Problem is one thing that is wrong with a source, in words for a person. A run that meets one
// which is no warning waits with these words.
type Problem struct {
	Code       Code
	What, Next calendar.Text
	Row        int    // the row's Number, 0 when it is about more than a row
	Column     string // as the source writes it, "" when it is about no single column
	Warning    bool   // worth a word; the rows can be used
	Err        error  // the cause, for the log; may be nil
}

// Error makes a Problem an error, in English; people read What and Next.
func (p *Problem) Error() string {
	if p.Err != nil {
		return p.What.EN + ": " + p.Err.Error()
	}
	return p.What.EN
}

func (p *Problem) Unwrap() error { return p.Err }

// Broken reports whether one of the problems is no warning and about the table as a whole: then none of
// its rows is to be used. What is wrong with single rows is told by Row.Problems as well.
func Broken(ps []Problem) bool {
	for _, p := range ps {
		if !p.Warning && p.Row == 0 {
			return true
		}
	}
	return false
}
