package healthcheck

import (
	"strings"
	"time"

	"pacer/apps"
)

// Marathon puts its first question min(interval, 5 s) after the start; a failure
// before that moment cannot count here either, though we ask earlier.
const firstCountMax = 5 * time.Second

// tellingPause is the pause from which an instance that never succeeded has failed
// long enough, a second or two, for people to want to know why.
const tellingPause = 300 * time.Millisecond

// A Verdict is what one check says about one running instance. It is pure: the
// caller puts the question when Due, calls Ask, and Hear with what came back.
//
// The rules are Marathon's (REST v2, healthChecks): a failure does not count while
// nothing succeeded yet and the instance runs for less than the grace period; each
// failure that counts makes the check not alive, and as many in a row as
// maxConsecutiveFailures allows call for a kill. 0 never kills; for the MESOS_*
// protocols it kills with the first failure. Two things differ, so that nobody
// waits an interval to become healthy: the first question is put at once (after
// Delay, where there is one) and again at short growing pauses until the first
// success. These dense questions must not use up maxConsecutiveFailures faster than
// the interval would, so until the first success at most one failure per interval
// counts, and none in the first min(interval, 5 s).
type Verdict struct {
	pace
	check  apps.Check
	counts time.Time // before the first success: a question put earlier cannot count as failed
	heard  bool
	health apps.Health
}

// Begin is the verdict on an instance of which nothing is known but that it runs
// since started.
func Begin(c apps.Check, started, now time.Time) Verdict {
	if started.IsZero() || started.After(now) { // the engine's clock may be ahead of ours
		started = now
	}
	v := Verdict{check: c}
	grows := quick
	if c.Protocol == "COMMAND" {
		grows = costly
	}
	v.pace = newPace(c.Interval, c.Timeout, grows, now)
	if first := started.Add(c.Delay); first.After(now) {
		v.due = first
	}
	v.counts = started.Add(max(c.Grace, c.Delay+min(v.interval, firstCountMax)))
	return v
}

// Due is when the next question is to be put.
func (v *Verdict) Due() time.Time { return v.due }

// Asking reports whether a question is under way.
func (v *Verdict) Asking() bool { return v.asking }

// Ask notes that a question is put now.
func (v *Verdict) Ask(now time.Time) { v.ask(now) }

// Heard reports whether any answer came that was not ignored, counted or not.
func (v *Verdict) Heard() bool { return v.heard }

// Health is what the answers so far amount to. The Cause of failures that do not
// count is told too once they go on for more than a moment: it says why an
// instance does not become healthy.
func (v *Verdict) Health() apps.Health { return v.health }

// Hear folds the answer to the question under way. Without one, an answer is late
// or doubled, and is dropped.
func (v *Verdict) Hear(now time.Time, a Answer) {
	if !v.asking {
		return
	}
	h := &v.health
	fresh := h.FirstSuccess.IsZero()
	v.heard = v.heard || !a.Ignore
	if !a.Ignore {
		h.Last = &apps.CheckAnswer{At: now, OK: a.OK, Status: a.Status, Body: a.Body, Error: a.Cause, Latency: a.Took.Milliseconds()}
	}
	switch {
	case a.Ignore:
		v.explain(a.Cause)
	case a.OK:
		if fresh {
			h.FirstSuccess = now
		}
		if h.LastFailure.IsZero() {
			h.Cause = ""
		}
		h.Alive, h.Known, h.Failures, h.Kill, h.LastSuccess = true, true, 0, false, now
		fresh = false
	case fresh && v.asked.Before(v.counts):
		v.explain(a.Cause)
	default:
		h.Failures++
		h.Alive, h.Known, h.LastFailure, h.Cause = false, true, now, a.Cause
		h.Kill = v.kills(h.Failures)
		v.counts = v.asked.Add(v.interval)
	}
	if !fresh {
		v.steady(now)
		return
	}
	v.growing(now)
	if v.counts.After(now) && v.counts.Before(v.due) {
		v.due = v.counts
	}
}

// explain keeps the cause of an answer that does not count.
func (v *Verdict) explain(cause string) {
	if v.health.LastFailure.IsZero() && v.health.FirstSuccess.IsZero() && v.pause >= min(tellingPause, v.interval) {
		v.health.Cause = cause
	}
}

func (v *Verdict) kills(failures int) bool {
	if v.check.FailuresMax > 0 {
		return failures >= v.check.FailuresMax
	}
	return strings.HasPrefix(v.check.Protocol, "MESOS_")
}

// A Readiness is whether an instance has passed its readiness check once
// (Marathon's readinessChecks). It is pure, like a Verdict.
type Readiness struct {
	pace
	passed bool
	cause  string
	keeps  bool
	last   *apps.ReadyAnswer
}

// BeginReadiness is the readiness of an instance that runs and was not asked yet.
func BeginReadiness(r apps.ReadyCheck, now time.Time) Readiness {
	return Readiness{pace: newPace(r.Interval, r.Timeout, quick, now), keeps: r.KeepResponse}
}

// Due is when the next question is to be put. It means nothing once Passed.
func (r *Readiness) Due() time.Time { return r.due }

// Asking reports whether a question is under way.
func (r *Readiness) Asking() bool { return r.asking }

// Ask notes that a question is put now.
func (r *Readiness) Ask(now time.Time) { r.ask(now) }

// Passed reports whether the instance was ready once. It stays so.
func (r *Readiness) Passed() bool { return r.passed }

// Last is the last answer, where the check keeps it; nil: there is none.
func (r *Readiness) Last() *apps.ReadyAnswer { return r.last }

// Cause is why the instance has not passed, once that goes on for more than a moment.
func (r *Readiness) Cause() string { return r.cause }

// Hear folds the answer to the question under way; without one it is dropped.
func (r *Readiness) Hear(now time.Time, a Answer) {
	if !r.asking {
		return
	}
	r.cause = ""
	if r.keeps && a.Status != 0 {
		r.last = &apps.ReadyAnswer{Status: a.Status, ContentType: a.ContentType, Body: a.Body}
	}
	if a.OK {
		r.passed = true
	} else if r.pause >= min(tellingPause, r.interval) {
		r.cause = a.Cause
	}
	r.growing(now)
}
