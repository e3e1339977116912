package healthcheck

import "time"

const (
	intervalMin = 50 * time.Millisecond
	// patience is how much later than its timeout an answer may come (it may wait
	// for its turn) before it counts as lost and the question is put again.
	patience = time.Minute
)

// A growth is how the pauses between questions grow while nothing succeeds: from
// first, each by part of the one before, up to the interval.
type growth struct {
	first time.Duration
	part  time.Duration // a pause grows by 1/part of itself
}

var (
	// quick is for questions over the network, which cost next to nothing. Programs
	// come up within milliseconds; who takes longer waits for its next question at
	// most a quarter of the time it took. Some 35 questions are put until the pause
	// is 10 s.
	quick = growth{first: 5 * time.Millisecond, part: 4}
	// costly is for commands in the container, each of which is a process to start.
	costly = growth{first: 50 * time.Millisecond, part: 1}
)

// A pace says when the next question is due: at once, again at short growing
// pauses until something succeeds, then every interval. There is never more than
// one question under way.
type pace struct {
	interval time.Duration // >= intervalMin
	timeout  time.Duration
	grows    growth
	pause    time.Duration // grows.first <= pause <= interval
	due      time.Time     // while asking: when to stop waiting for the answer
	asked    time.Time
	asking   bool
}

func newPace(interval, timeout time.Duration, grows growth, due time.Time) pace {
	return pace{interval: max(interval, intervalMin), timeout: timeout, grows: grows, pause: grows.first, due: due}
}

func (p *pace) ask(now time.Time) {
	p.asking, p.asked, p.due = true, now, now.Add(p.timeout+patience)
}

// growing sets the next question after the next pause.
func (p *pace) growing(now time.Time) {
	p.asking, p.due = false, now.Add(p.pause)
	p.pause = min(p.pause+p.pause/p.grows.part, p.interval)
}

// steady sets the next question one interval after this one was put, so that slow
// answers do not stretch the interval.
func (p *pace) steady(now time.Time) {
	p.asking, p.due = false, p.asked.Add(p.interval)
	if soonest := now.Add(intervalMin); p.due.Before(soonest) {
		p.due = soonest
	}
}
