package calendar

import (
	_ "embed"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have no zones, or old ones
)

//go:embed testdata/zones.txt
var zoneNames string

// zone loads a zone that every machine has, because the test brings it.
func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatalf("couldn't load the zone: %v", err)
	}
	return z
}

// transitions are the moments at which a zone's clock jumps.
func transitions(z *time.Location, from, to time.Time) []time.Time {
	var all []time.Time
	for t := from.In(z); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || end.After(to) {
			return all
		}
		all, t = append(all, end), end
	}
}

// firstMoment finds the moment of a wall clock's reading by trying every offset that the zone has near it.
func firstMoment(d Date, c Clock, z *time.Location) time.Time {
	wall := time.Date(d.Year, d.Month, d.Day, c.Hour, c.Minute, 0, 0, time.UTC)
	near := transitions(z, wall.Add(-60*time.Hour), wall.Add(60*time.Hour))
	var found []time.Time
	for _, in := range append([]time.Time{wall.Add(-60 * time.Hour)}, near...) {
		_, offset := in.In(z).Zone()
		m := wall.Add(-time.Duration(offset) * time.Second).In(z)
		if _, o := m.Zone(); o == offset {
			found = append(found, m)
		}
	}
	if len(found) > 0 {
		return slices.MinFunc(found, time.Time.Compare)
	}
	for _, jump := range near {
		_, o1 := jump.Add(-1).In(z).Zone()
		_, o2 := jump.In(z).Zone()
		last, first := jump.Add(time.Duration(o1)*time.Second), jump.Add(time.Duration(o2)*time.Second)
		if !wall.Before(last) && wall.Before(first) {
			return jump.In(z)
		}
	}
	return time.Time{}
}

// TestEveryZoneOncePerDate is the promise on clocks that jump: a rule for every
// day has exactly one occurrence on each local date, in every zone, around every
// transition from 2020 to 2037, at any time of day, never early and never on the
// second of two.
func TestEveryZoneOncePerDate(t *testing.T) {
	from, to := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
	clocks := []Clock{{0, 0}, {0, 30}, {1, 0}, {1, 30}, {2, 0}, {2, 30}, {3, 0}, {23, 30}}
	zones, jumps := 0, 0
	seen := map[string]bool{}
	for name := range strings.FieldsSeq(zoneNames) {
		z := zone(t, name)
		zones++
		all := transitions(z, from, to)
		// Zones that are only other names of one another are tried once.
		var id strings.Builder
		for _, jump := range all {
			id.WriteString(jump.UTC().Format(time.RFC3339) + jump.In(z).Format("-0700"))
		}
		if seen[id.String()] {
			continue
		}
		seen[id.String()] = true
		jumps += len(all)
		for _, c := range clocks {
			r := Rule{every: byDay, n: 1, at: c, ifClosed: asIs}
			s, probs := NewSchedule(r, nil, z, 0)
			if probs != nil {
				t.Fatal(probs)
			}
			for _, jump := range all {
				d := DateOf(jump.In(z)).AddDays(-2)
				o, ok := s.Next(d.At(c, z).Add(-1))
				for i := range 5 {
					want := d.AddDays(i)
					if !ok || o.Period != want.String() || !o.Due.Equal(firstMoment(want, c, z)) {
						t.Fatalf("%s %v on %v: %v due %v, want %v", name, c, want, o.Period, o.Due, firstMoment(want, c, z))
					}
					o, ok = s.Next(o.Due)
				}
			}
		}
	}
	if zones < 590 || jumps < 1200 {
		t.Errorf("only %d zones and %d transitions were tried", zones, jumps)
	}
}

// TestEveryDateOfSomeZones looks at each date from 2020 to 2037 in zones whose clocks do something odd.
func TestEveryDateOfSomeZones(t *testing.T) {
	days := int(Date{2038, 1, 1}.day() - Date{2020, 1, 1}.day())
	for _, name := range []string{"Asia/Tokyo", "America/Santiago", "Africa/Casablanca", "Australia/Lord_Howe", "Asia/Beirut", "America/Nuuk", "Antarctica/Troll"} {
		z := zone(t, name)
		for _, c := range []Clock{{0, 0}, {2, 15}} {
			s, _ := NewSchedule(Rule{every: byDay, n: 1, at: c, ifClosed: asIs}, nil, z, 0)
			all := s.Due(Date{2020, 1, 1}.At(Clock{}, z).Add(-1), Date{2038, 1, 1}.At(Clock{}, z).Add(-1))
			if len(all) != days {
				t.Errorf("%s at %v: %d occurrences on %d dates", name, c, len(all), days)
			}
			for i, o := range all {
				if want := (Date{2020, 1, 1}).AddDays(i); DateOf(o.Due) != want || o.Period != want.String() {
					t.Fatalf("%s: the occurrence of %v is %v", name, want, o)
				}
			}
		}
	}
}

func TestSkippedDates(t *testing.T) {
	for name, lost := range map[string]Date{"Pacific/Apia": {2011, 12, 30}, "Pacific/Kwajalein": {1993, 8, 21}} {
		z := zone(t, name)
		start, end := lost.AddDays(-3).At(Clock{}, z), lost.AddDays(3).At(Clock{}, z)
		for _, every := range []string{`every day at 10:00 even if closed`, `cron 0 10 * * *, even if closed`} {
			s := schedule(t, every, nil, z)
			var got []string
			for _, o := range s.Due(start, end) {
				got = append(got, o.Period)
			}
			var want []string
			for i := -3; i < 3; i++ {
				if i != 0 {
					want = append(want, lost.AddDays(i).String())
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s: %v, want %v", name, every, got, want)
			}
			if o, ok := s.Of(lost.String()); ok {
				t.Errorf("%s never had %v, but %v", name, lost, o)
			}
		}
		// A monthly duty isn't lost with its date.
		s := schedule(t, "every month on the "+ordinal(lost.Day)+" at 10:00 even if closed", nil, z)
		o, ok := s.Next(start)
		if want := lost.AddDays(1).At(Clock{}, z); !ok || o.Period != lost.String()[:7] || !o.Due.Equal(want) {
			t.Errorf("%s: %v, want due %v", name, o, want)
		}
	}
}

func TestCronWhereClocksJump(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		rule     string
		day      Date
		from, to Clock
		want     string
	}{
		{"cron 30 * * * *, even if closed", Date{2026, 3, 29}, Clock{0, 0}, Clock{4, 0}, "2026-03-29T00:30 2026-03-29T01:30 2026-03-29T03:30"},
		{"cron 30 * * * *, even if closed", Date{2026, 10, 25}, Clock{1, 0}, Clock{4, 0}, "2026-10-25T01:30 2026-10-25T02:30+0200 2026-10-25T02:30+0100 2026-10-25T03:30"},
		{"cron 0,30 1,2 * * *, even if closed", Date{2026, 3, 29}, Clock{0, 0}, Clock{4, 0}, "2026-03-29T01:00 2026-03-29T01:30 2026-03-29T03:00"},
		{"cron 0,30 1,2 * * *, even if closed", Date{2026, 10, 25}, Clock{0, 0}, Clock{4, 0}, "2026-10-25T01:00 2026-10-25T01:30 2026-10-25T02:00+0200 2026-10-25T02:30+0200"},
		{"cron 0 2 * * *, even if closed", Date{2026, 10, 25}, Clock{0, 0}, Clock{4, 0}, "2026-10-25"},
	} {
		s := schedule(t, c.rule, nil, z)
		from, to := c.day.At(c.from, z), c.day.At(c.to, z)
		var got []string
		for _, o := range s.Due(from, to) {
			got = append(got, o.Period)
			if again, ok := s.Of(o.Period); !ok || again != o {
				t.Errorf("%s: Of(%s) is %v", c.rule, o.Period, again)
			}
			if next, ok := s.Next(o.Due.Add(-1)); !ok || next != o {
				t.Errorf("%s: Next before %s is %v", c.rule, o.Period, next)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s on %v:\n%v\nwant\n%v", c.rule, c.day, strings.Join(got, " "), c.want)
		}
	}
}
