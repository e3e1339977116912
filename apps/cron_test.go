package apps

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustZone(t interface{ Fatal(...any) }, name string) *time.Location {
	zone, err := Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestCronIsDueWhenCrontabSays(t *testing.T) {
	for _, c := range []struct {
		cron, zone, from string
		want             string // moments, UTC
	}{
		{"* * * * *", "UTC", "2026-01-05T10:00:30Z", "01-05 10:01, 01-05 10:02"},
		{"*/15 * * * *", "UTC", "2026-01-05T10:15:00Z", "01-05 10:30, 01-05 10:45, 01-05 11:00"},
		{"5/20 9 * * *", "UTC", "2026-01-05T10:00:00Z", "01-06 09:05, 01-06 09:25, 01-06 09:45, 01-07 09:05"},
		{"0 12 * * mon-fri", "UTC", "2026-01-09T12:00:00Z", "01-12 12:00"},
		{"0 12 * * 5-7", "UTC", "2026-01-09T12:00:00Z", "01-10 12:00, 01-11 12:00, 01-16 12:00"},
		{"0 0 13 * FRI", "UTC", "2026-02-01T00:00:00Z", "02-06 00:00, 02-13 00:00, 02-20 00:00"}, // one of the two is enough
		{"0 0 */2 * 1", "UTC", "2026-01-01T00:00:00Z", "01-05 00:00, 01-19 00:00"},               // a star: both
		{"0 0 29 2 *", "UTC", "2026-03-01T00:00:00Z", "02-29 00:00"},
		{"0 3 1,15 jan *", "Europe/Berlin", "2026-01-02T00:00:00Z", "01-15 02:00, 01-01 02:00"},
		// the clocks are put forward at 01:00 UTC, from 02:00 to 03:00
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "03-28 01:30, 03-29 01:00, 03-30 00:30"},
		{"0,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "03-29 01:00, 03-29 01:30, 03-30 00:00"},
		{"30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "03-29 00:30, 03-29 01:30"},
		// and back at 01:00 UTC, from 03:00 to 02:00
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "10-25 00:30, 10-26 01:30"},
		{"0 */2 * * *", "Europe/Berlin", "2026-10-24T21:00:00Z", "10-24 22:00, 10-25 00:00, 10-25 03:00"},
		{"30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "10-25 00:30, 10-25 01:30, 10-25 02:30"},
		// by half an hour, and by a whole day
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-02T16:00:00Z", "10-03 15:30, 10-04 15:15"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "12-29 22:00, 12-30 10:00, 12-30 22:00"},
	} {
		cron, err := ParseCron(c.cron)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range strings.Count(c.want, ",") + 1 {
			at = cron.Next(at, mustZone(t, c.zone))
			got = append(got, at.UTC().Format("01-02 15:04"))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s in %s after %s: due at %s, want %s", c.cron, c.zone, c.from, s, c.want)
		}
	}
}

func TestWhatIsNoCronIsRefused(t *testing.T) {
	for cron, want := range map[string]string{
		"* * * *": "4 fields", "* * * * * *": "6 fields", "60 * * * *": "minute", "* 24 * * *": "hour", "* * 0 * *": "day of the month",
		"* * * 13 *": "month", "* * * * 8": "day of the week", "*/0 * * * *": "step", "5-1 * * * *": "backwards", "a * * * *": "minute",
		", * * * *": "minute", "@daily": "1 fields", "0 0 31 2,4 *": "no day", "-1 * * * *": "minute", "1- * * * *": "minute",
	} {
		if _, err := ParseCron(cron); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something about %q", cron, err, want)
		}
	}
	for _, zone := range []string{"Local", "local", "Europe/Nowhere", "../etc/passwd"} {
		if _, err := Zone(zone); err == nil {
			t.Errorf("the zone %q should be refused", zone)
		}
	}
}

// A clock that is watched minute by minute says when a cron is due: a time of day, when
// a clock that is never put back first comes to it; a rhythm, when the clock shows it.
func TestCronAgreesWithAClockThatIsWatched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := mustZone(t, rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Asia/Kathmandu"}).Draw(t, "zone"))
		change := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 1, 0, 0, 0, 0, time.UTC)
		if _, end := change.In(zone).ZoneBounds(); !end.IsZero() && end.Year() < 2028 {
			change = end
		}
		from := change.Add(-time.Duration(rapid.IntRange(0, 30*60).Draw(t, "before")) * time.Minute).UTC()
		number := func(name string, first, last int) string {
			if rapid.Bool().Draw(t, name+" any") {
				return rapid.SampledFrom([]string{"*", "*/7", "*/2"}).Draw(t, name)
			}
			return fmt.Sprintf("%d,%d", rapid.IntRange(first, last).Draw(t, name), rapid.IntRange(first, last).Draw(t, name+" too"))
		}
		text := strings.Join([]string{number("minute", 0, 59), number("hour", 0, 4), "*", "*", number("weekday", 0, 6)}, " ")
		cron, err := ParseCron(text)
		if err != nil {
			t.Fatal(err)
		}
		var want []time.Time
		wall := func(at time.Time) time.Time {
			l := at.In(zone)
			return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), 0, 0, time.UTC)
		}
		matches := func(w time.Time) bool {
			return cron.minute>>w.Minute()&1 == 1 && cron.hour>>w.Hour()&1 == 1 && cron.onDay(w)
		}
		end := from.Add(60 * time.Hour)
		shown := wall(from.Add(-3 * time.Hour))
		for at := from.Add(-3 * time.Hour); !at.After(end); at = at.Add(time.Minute) {
			now, due := wall(at), false
			if cron.hour == everyHour {
				due = matches(now)
			} else {
				for ; shown.Before(now); due = due || matches(shown) {
					shown = shown.Add(time.Minute)
				}
			}
			if due && at.After(from) {
				want = append(want, at)
			}
		}
		at := from
		for _, w := range want {
			if at = cron.Next(at, zone); !at.Equal(w) {
				t.Fatalf("%s in %s from %v: due at %v, a watched clock says %v", text, zone, from, at.UTC(), w)
			}
		}
		if next := cron.Next(at, zone); !next.IsZero() && !next.After(end) {
			t.Fatalf("%s in %s: due at %v, a watched clock does not say so", text, zone, next.UTC())
		}
		if len(want) > 0 {
			if last := cron.Last(from, end, zone); !last.Equal(want[len(want)-1]) {
				t.Fatalf("%s in %s: last due at %v, want %v", text, zone, last, want[len(want)-1])
			}
		} else if last := cron.Last(from, end, zone); !last.IsZero() {
			t.Fatalf("%s in %s: never due, but last at %v", text, zone, last)
		}
	})
}

func FuzzParseCron(f *testing.F) {
	for _, seed := range []string{"* * * * *", "0 0 29 2 *", "1-5/2,7 */3 1,2 jan-mar sun", "9999999999999999999 * * * *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCron(text)
		if err != nil {
			return
		}
		if from := time.Unix(0, 0); !c.Next(from, time.UTC).After(from) {
			t.Fatalf("%q was accepted, but is never due", text)
		}
	})
}

func TestRunIDsOfOneSecondDiffer(t *testing.T) {
	now, seen := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC), map[string]bool{}
	for serial := range uint64(100_000) {
		id := RunID(now, serial)
		if len(id) != 19 || seen[id] {
			t.Fatalf("the id %s of serial %d is no new one of 19 signs", id, serial)
		}
		seen[id] = true
	}
}
