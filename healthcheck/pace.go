package healthcheck

import "time"

const (
	// firstPause is the pause after the first answer that was no success; it
	// doubles up to the interval.
	firstPause = 50 * time.Millisecond
	// patience is how much later than its timeout an answer may come (it may wait
	// for its turn) before it counts as lost and the question is put again.
	patience = time.Minute
)

// A pace says when the next question is due: at once, again at short growing
// pauses until something succeeds, then every interval. There is never more than
// one question under way.
type pace struct {
	interval time.Duration // >= firstPause
	timeout  time.Duration
	pause    time.Duration // firstPause <= pause <= interval
	due      time.Time     // while asking: when to stop waiting for the answer
	asked    time.Time
	asking   bool
}

func newPace(interval, timeout time.Duration, due time.Time) pace {
	return pace{interval: max(interval, firstPause), timeout: timeout, pause: firstPause, due: due}
}

func (p *pace) ask(now time.Time) {
	p.asking, p.asked, p.due = true, now, now.Add(p.timeout+patience)
}

// growing sets the next question after the next pause.
func (p *pace) growing(now time.Time) {
	p.asking, p.due = false, now.Add(p.pause)
	p.pause = min(2*p.pause, p.interval)
}

// steady sets the next question one interval after this one was put, so that slow
// answers do not stretch the interval.
func (p *pace) steady(now time.Time) {
	p.asking, p.due = false, p.asked.Add(p.interval)
	if soonest := now.Add(firstPause); p.due.Before(soonest) {
		p.due = soonest
	}
}
