package apps

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // time zones are known where the system has none
)

// A Cron is when a schedule is due: five fields (minute, hour, day of the month,
// month, day of the week) in the manner of crontab(5), as bits of the numbers that
// match. Make one with ParseCron.
type Cron struct {
	minute, hour, day, month, weekday uint64
	// Where day or weekday begins with a star the two must match both, else one of
	// them is enough (crontab(5)).
	both bool
}

var (
	cronMonths = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	cronDays   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
)

const everyHour = 1<<24 - 1

// ParseCron reads "30 2 * * 1-5". A field is a star, a number, a range or a list of
// them, each with a step where one is given; months and days of the week have their
// English names too, and Sunday is 0 and 7. It refuses what can never be due.
func ParseCron(text string) (Cron, error) {
	var c Cron
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return c, fmt.Errorf("has %d fields: write five, minute hour day-of-month month day-of-week", len(fields))
	}
	for i, f := range []struct {
		what        string
		first, last int
		names       []string
		bits        *uint64
	}{
		{"minute", 0, 59, nil, &c.minute}, {"hour", 0, 23, nil, &c.hour}, {"day of the month", 1, 31, nil, &c.day},
		{"month", 1, 12, cronMonths, &c.month}, {"day of the week", 0, 7, cronDays, &c.weekday},
	} {
		for part := range strings.SplitSeq(fields[i], ",") {
			bits, err := cronPart(part, f.first, f.last, f.names)
			if err != nil {
				return c, fmt.Errorf("%s: %w", f.what, err)
			}
			*f.bits |= bits
		}
	}
	c.weekday = (c.weekday | c.weekday>>7) & 0x7f // 7 is Sunday, too
	c.both = fields[2][0] == '*' || fields[4][0] == '*'
	if c.Next(time.Unix(0, 0), time.UTC).IsZero() {
		return c, fmt.Errorf("%q names no day that exists", text)
	}
	return c, nil
}

// cronPart reads one item of a list: "*", "5", "1-5", "*/15", "10-40/5", "5/15".
func cronPart(part string, first, last int, names []string) (bits uint64, err error) {
	span, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 {
			return 0, fmt.Errorf("%q is no step", stepText)
		}
	}
	from, to := first, last
	if span != "*" {
		low, high, isRange := strings.Cut(span, "-")
		if from, err = cronNumber(low, first, last, names); err != nil {
			return 0, err
		}
		switch {
		case isRange:
			if to, err = cronNumber(high, first, last, names); err != nil {
				return 0, err
			}
		case !stepped:
			to = from
		}
		if from > to {
			return 0, fmt.Errorf("%q runs backwards", span)
		}
	}
	for n := from; n <= to; n += step {
		bits |= 1 << n
	}
	return bits, nil
}

func cronNumber(text string, first, last int, names []string) (int, error) {
	for i, name := range names {
		if strings.EqualFold(text, name) {
			return i + first, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < first || n > last {
		return 0, fmt.Errorf("%q is not a number from %d to %d", text, first, last)
	}
	return n, nil
}

// cronDaysMax is how many days Next looks ahead: 29 February may be eight years away,
// and on a given day of the week forty.
const cronDaysMax = 41 * 366

// Next is the first moment after t at which the cron is due by the clocks of zone;
// the zero time where there is none.
//
// When the clocks are put forward, a time of day that is left out is due once, at the
// moment of the change. When they are put back, a time of day that comes twice is due
// the first time only. A cron of every hour is no time of day but a rhythm: it goes by
// what the clock shows, all the time.
func (c Cron) Next(t time.Time, zone *time.Location) time.Time {
	if c.hour == everyHour {
		return c.nextOfRhythm(t.In(zone))
	}
	y, m, d := t.In(zone).Date()
	day := time.Date(y, m, d-1, 0, 0, 0, 0, time.UTC) // days and times of day are counted in UTC, which has all of them
	for range cronDaysMax {
		if c.onDay(day) {
			for n := range 24 * 60 {
				if c.hour>>(n/60)&1 == 0 || c.minute>>(n%60)&1 == 0 {
					continue
				}
				if at := whenClocksShow(day.Add(time.Duration(n)*time.Minute), zone); at.After(t) {
					return at
				}
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}
}

// nextOfRhythm follows the clock minute by minute, and leaves out days that do not match.
func (c Cron) nextOfRhythm(t time.Time) time.Time {
	t = t.Truncate(time.Second).Add(-time.Duration(t.Second()) * time.Second)
	for days := 0; days < cronDaysMax; {
		t = t.Add(time.Minute)
		if c.onDay(t) {
			if c.minute>>t.Minute()&1 == 1 {
				return t
			}
			continue
		}
		days++
		y, m, d := t.Date()
		next := whenClocksShow(time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC), t.Location())
		t = next.In(t.Location()).Add(-time.Minute)
	}
	return time.Time{}
}

func (c Cron) onDay(day time.Time) bool {
	inMonth, onDay, onWeekday := c.month>>day.Month()&1 == 1, c.day>>day.Day()&1 == 1, c.weekday>>day.Weekday()&1 == 1
	if c.both {
		return inMonth && onDay && onWeekday
	}
	return inMonth && (onDay || onWeekday)
}

// Last is the newest moment after from, and not after to, at which the cron was due;
// the zero time where there is none.
func (c Cron) Last(from, to time.Time, zone *time.Location) time.Time {
	for _, span := range []time.Duration{time.Hour, 24 * time.Hour, 32 * 24 * time.Hour, to.Sub(from)} {
		begin := to.Add(-span)
		if begin.Before(from) {
			begin = from
		}
		var last time.Time
		for at := c.Next(begin, zone); !at.IsZero() && !at.After(to); at = c.Next(at, zone) {
			last = at
		}
		if !last.IsZero() || begin.Equal(from) {
			return last
		}
	}
	return time.Time{}
}

// whenClocksShow is the first moment at which the clocks of zone show wall (given in
// UTC), or something later.
func whenClocksShow(wall time.Time, zone *time.Location) time.Time {
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := offset(wall.Add(-26*time.Hour)), offset(wall.Add(26*time.Hour))
	early, late := wall.Add(-max(before, after)), wall.Add(-min(before, after))
	switch {
	case early.Add(offset(early)).Equal(wall):
		return early
	case late.Add(offset(late)).Equal(wall):
		return late
	}
	_, change := early.In(zone).ZoneBounds() // the clocks jump over it
	return change
}

var zones sync.Map // name → *time.Location: reading one takes longer than using it

// Zone is the time zone of a name like Europe/Berlin; "" is UTC.
func Zone(name string) (*time.Location, error) {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location), nil
	}
	if strings.EqualFold(name, "local") { // of which machine?
		return nil, fmt.Errorf("%q is no time zone: write one like Europe/Berlin, or UTC", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone: write one like Europe/Berlin, or UTC", name)
	}
	zones.Store(name, zone)
	return zone, nil
}
