package deployer

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"pacer/deployer/cluster"
)

// stats counts what the loop does.
type stats struct {
	steps, events, stepNanos     atomic.Int64
	batchMax                     atomic.Int64
	commits, commitNanos, notice atomic.Int64
	refused, dropped             atomic.Int64
}

func (s *stats) committed(took time.Duration, notices int) {
	s.commits.Add(1)
	s.commitNanos.Add(int64(took))
	s.notice.Add(int64(notices))
}

// A measured machine is the core with a watch on it.
type measured struct {
	*cluster.State
	stats *stats
}

func (m measured) Step(now time.Time, events []cluster.Event) (cluster.Effects, time.Time) {
	begun := time.Now()
	fx, wake := m.State.Step(now, events)
	m.stats.stepNanos.Add(int64(time.Since(begun)))
	m.stats.steps.Add(1)
	m.stats.events.Add(int64(len(events)))
	if n := int64(len(events)); n > m.stats.batchMax.Load() {
		m.stats.batchMax.Store(n)
	}
	return fx, wake
}

// WriteMetrics writes the loop's statistics in Prometheus's text format.
func (d *Deployer) WriteMetrics(w io.Writer) {
	leading, inbox := 0, 0
	if t := d.term.Load(); t != nil {
		leading, inbox = 1, len(t.inbox)
	}
	s := &d.stats
	for _, m := range []struct {
		name, kind, help string
		value            float64
	}{
		{"pacer_leading", "gauge", "1 while this server leads.", float64(leading)},
		{"pacer_loop_inbox", "gauge", "Events that wait for the loop.", float64(inbox)},
		{"pacer_loop_steps_total", "counter", "Steps of the core.", float64(s.steps.Load())},
		{"pacer_loop_step_seconds_total", "counter", "Time spent in steps.", float64(s.stepNanos.Load()) / 1e9},
		{"pacer_loop_events_total", "counter", "Events folded.", float64(s.events.Load())},
		{"pacer_loop_batch_max", "gauge", "Largest batch of events in one step.", float64(s.batchMax.Load())},
		{"pacer_commits_total", "counter", "Transactions of the loop.", float64(s.commits.Load())},
		{"pacer_commit_seconds_total", "counter", "Time spent in commits.", float64(s.commitNanos.Load()) / 1e9},
		{"pacer_notices_total", "counter", "Notices committed.", float64(s.notice.Load())},
		{"pacer_requests_refused_total", "counter", "Requests refused because the inbox was full.", float64(s.refused.Load())},
		{"pacer_letters_dropped_total", "counter", "Letters dropped because the inbox was full.", float64(s.dropped.Load())},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %g\n", m.name, m.help, m.name, m.kind, m.name, m.value)
	}
}
