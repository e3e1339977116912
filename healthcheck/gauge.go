package healthcheck

import (
	"time"

	"pacer/apps"
)

// gaugeMin is how often a gauge is asked at most.
const gaugeMin = time.Second

// A Gauge is the last answer of an instance to its apps.Gauge. It is pure, like a
// Verdict.
type Gauge struct {
	pace
	reading *apps.Reading
}

// BeginGauge is a gauge of an instance that runs since started and was not asked yet.
func BeginGauge(g *apps.Gauge, started, now time.Time) Gauge {
	due := now
	if first := started.Add(g.Delay); first.After(now) && !started.After(now) {
		due = first
	}
	return Gauge{pace: newPace(max(g.Interval, gaugeMin), g.Timeout, quick, due)}
}

// Due is when the next question is to be put.
func (g *Gauge) Due() time.Time { return g.due }

// Ask notes that a question is put now.
func (g *Gauge) Ask(now time.Time) { g.ask(now) }

// Reading is the last answer; nil: there is none yet.
func (g *Gauge) Reading() *apps.Reading { return g.reading }

// Hear folds the answer to the question under way; without one it is dropped.
func (g *Gauge) Hear(now time.Time, a Answer) {
	if !g.asking {
		return
	}
	if !a.Ignore {
		g.reading = &apps.Reading{Status: a.Status, Open: a.OK, ExitCode: a.ExitCode}
	}
	g.steady(now)
}
