package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Alarm is what bod cannot tell by mail, and what became of telling it otherwise.
type Alarm struct {
	Name   string // its kind, a slash, and what it is about: summary/2611-0044
	Text   string // what a person reads
	Since  time.Time
	Told   time.Time // when the administrator's program took it; zero: not yet
	Tries  int
	Next   time.Time // not to be tried again before
	Result string    // the program's last word
}

const selectAlarms = "SELECT name, text, since, told, tries, next, result FROM alarms"

func scanAlarm(r scanner) (Alarm, error) {
	var a Alarm
	var since, told, next sql.NullInt64
	err := r.Scan(&a.Name, &a.Text, &since, &told, &a.Tries, &next, &a.Result)
	a.Since, a.Told, a.Next = moment(since), moment(told), moment(next)
	return a, err
}

// Alarms returns those that stand, by name.
func (v *View) Alarms() ([]Alarm, error) {
	return collect(list(v, selectAlarms+" ORDER BY name", nil, scanAlarm))
}

// PutAlarm inserts or changes an alarm; the name says which.
func (tx *Tx) PutAlarm(a Alarm) error {
	r := row{do: insert, key: []any{a.Name}, set: []column{
		{"text", a.Text}, {"since", micro(a.Since)}, {"told", micro(a.Told)}, {"tries", a.Tries}, {"next", micro(a.Next)}, {"result", a.Result},
	}}
	switch _, err := one(tx.View, selectAlarms+" WHERE name = $1", []any{a.Name}, scanAlarm); {
	case err == nil:
		r.do = update
	case !errors.Is(err, ErrNotFound):
		return fmt.Errorf("couldn't remember the alarm %s: %w", a.Name, tx.fail(err))
	}
	_, err := tx.write(alarms, r)
	return err
}

// DropAlarm takes an alarm away: what it told of is over. nil when it was not there.
func (tx *Tx) DropAlarm(name string) error {
	_, err := tx.write(alarms, row{do: remove, key: []any{name}})
	if errors.Is(err, ErrStale) {
		return nil
	}
	return err
}
