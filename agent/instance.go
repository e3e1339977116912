package agent

import (
	"cmp"
	"fmt"
	"time"

	"pacer/apps"
	"pacer/healthcheck"
)

// An instance is one of ours on this host: assigned, or found in the engine.
type instance struct {
	id     string
	spec   *apps.App // nil until an assignment brought it
	ports  []int
	wanted bool // it is in the newest assignment
	ran    bool // the leader has seen it run
	claim  string
	made   bool // the volumes of its claim must exist

	enforced bool // its group enforces its role

	// phase goes queued → starting → running → exited, or to failed; PhaseStopping
	// is how a report says leaving.
	phase    apps.Phase
	leaving  bool // stopping or removing has begun: it never comes back
	launched bool // a Start of this agent was issued
	found    bool // its container was seen
	adopted  bool // it ran already when this agent first saw it
	have     bool // a container exists, or may
	running  bool // the container runs, or may
	box      Container
	exitCode int
	lost     bool
	message  string

	owes bool // it failed: evidence is to be gathered before its container goes
	gave bool // and was

	op      OpKind // under way; empty: none
	opSince time.Time
	pause   time.Duration
	retryAt time.Time
	seen    uint64 // lists asked when it was last seen or worked on: an older list cannot deny it

	begun     bool // checks and readiness are made
	checks    []healthcheck.Verdict
	readiness *healthcheck.Readiness
	gauge     *healthcheck.Gauge

	told  apps.InstanceReport // as in the last look for news
	dirty bool
}

// over reports whether the instance ended, or never came up.
func (in *instance) over() bool { return in.phase == apps.PhaseExited || in.phase == apps.PhaseFailed }

// probed reports whether its checks are asked.
func (in *instance) probed() bool {
	return in.begun && in.phase == apps.PhaseRunning && !in.leaving
}

// begin makes the checks, once it runs and is known what it is.
func (in *instance) begin(now time.Time) {
	if in.begun || in.spec == nil || in.phase != apps.PhaseRunning {
		return
	}
	in.begun = true
	for _, c := range in.spec.Checks {
		in.checks = append(in.checks, healthcheck.Begin(c, in.box.Started, now))
	}
	if len(in.spec.Readiness) > 0 {
		r := healthcheck.BeginReadiness(in.spec.Readiness[0], now)
		in.readiness = &r
	}
	if in.spec.Gauge != nil {
		g := healthcheck.BeginGauge(in.spec.Gauge, in.box.Started, now)
		in.gauge = &g
	}
}

// well says whether the instance may get traffic. Of an adopted one that is
// unknown until its checks have answered; and since readiness is asked until it
// was passed once, "not ready" from an adopted one says nothing: the agent before
// may have seen it pass.
func (in *instance) well() (ready, unknown bool) {
	if in.phase != apps.PhaseRunning || in.leaving {
		return false, false
	}
	open := !in.begun || in.readiness != nil && !in.readiness.Passed()
	for i := range in.checks {
		switch v := &in.checks[i]; {
		case v.Health().Alive:
		case v.Heard():
			return false, false
		default:
			open = true
		}
	}
	if open {
		return false, in.adopted
	}
	return true, false
}

// later sets when the operation that failed may be tried again.
func (in *instance) later(now time.Time) {
	in.pause = min(max(2*in.pause, retryFirst), retryMax)
	in.retryAt = now.Add(in.pause)
}

// begins notes that an operation is issued.
func (in *instance) begins(op OpKind, now time.Time, list uint64) {
	in.op, in.opSince, in.seen = op, now, list
	in.retryAt = time.Time{}
}

// opWait is how long an operation may take; later its Did is lost. The edge's
// deadlines are shorter.
func (in *instance) opWait() time.Duration {
	switch in.op {
	case OpStart:
		return startLimit + time.Minute
	case OpStop:
		return in.grace() + stopLimit + time.Minute
	case OpEvidence:
		return evidenceLimit + time.Minute
	default:
		return removeLimit + time.Minute
	}
}

// grace is how long it may take between SIGTERM and SIGKILL.
func (in *instance) grace() time.Duration {
	switch {
	case in.box.Grace > 0:
		return in.box.Grace
	case in.spec != nil:
		return in.spec.Grace()
	default:
		return apps.DefaultKillGrace
	}
}

// exit notes that the container ended by itself. Where it answered, and since when it
// ran, is known better from when it did: it runs at most once.
func (in *instance) exit(c Container) {
	if in.phase == apps.PhaseRunning {
		c.Started, c.IP = in.box.Started, in.box.IP
	}
	in.phase, in.running, in.box, in.exitCode = apps.PhaseExited, c.Rest, c, c.ExitCode
	in.message = ending(c)
	if !in.leaving {
		in.owe()
	}
}

// vanish notes that a container that ran is not there any more.
func (in *instance) vanish(why string) {
	in.phase, in.running, in.have, in.lost = apps.PhaseExited, false, false, true
	in.message = why
	if !in.leaving {
		in.owe()
	}
}

// ending says how a container ended, for people.
func ending(c Container) string {
	if first := firstEnded(c.Parts); first != nil {
		return "container " + first.Name + ": " + first.Message
	}
	if c.OOM {
		if limit := cmp.Or(c.MemMax, c.Needs.Mem); limit > 0 {
			return fmt.Sprintf("out of memory: killed at its limit of %d MiB", limit)
		}
		return "out of memory: killed"
	}
	if name := signals[c.ExitCode-128]; name != "" {
		return fmt.Sprintf("exited with code %d (%s)", c.ExitCode, name)
	}
	return fmt.Sprintf("exited with code %d", c.ExitCode)
}

// signals are those that end a container in daily life; a shell's exit code is 128
// more.
var signals = map[int]string{2: "SIGINT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}

// report is what the host says of the instance.
func (in *instance) report() apps.InstanceReport {
	r := apps.InstanceReport{
		ID: in.id, Phase: in.phase, Lost: in.lost,
		IP: in.box.IP, Started: in.box.Started, ExitCode: in.exitCode, Message: in.message,
		Needs: in.box.Needs, Parts: in.box.Parts,
	}
	if r.Needs == (apps.Resources{}) && in.spec != nil { // no container yet
		r.Needs = in.spec.Needs
	}
	if in.leaving && in.have {
		r.Phase = apps.PhaseStopping
	}
	r.Ready, r.Unknown = in.well()
	for i := range in.checks {
		health := in.checks[i].Health()
		if health.Alive { // nobody needs it, and of many instances it is much
			health.Last = nil
		}
		r.Health = append(r.Health, health)
	}
	if in.readiness != nil {
		r.LastReady = in.readiness.Last()
	}
	if in.gauge != nil {
		r.Reading = in.gauge.Reading()
	}
	if in.readiness != nil && r.Message == "" && in.phase == apps.PhaseRunning && !r.Ready && in.readiness.Cause() != "" {
		r.Message = "not ready yet: " + in.readiness.Cause()
	}
	return r
}

// sameNews reports whether a reader would act alike on both. Counters and dates of
// checks are not news: the verdict travels, not the probe.
func sameNews(a, b apps.InstanceReport) bool {
	if a.Phase != b.Phase || a.Ready != b.Ready || a.Unknown != b.Unknown || a.Lost != b.Lost ||
		a.IP != b.IP || !a.Started.Equal(b.Started) || a.ExitCode != b.ExitCode ||
		a.Message != b.Message || a.Needs != b.Needs || !apps.SameParts(a.Parts, b.Parts) || len(a.Health) != len(b.Health) ||
		!apps.Same(a.Reading, b.Reading) || !apps.Same(a.LastReady, b.LastReady) {
		return false
	}
	for i, x := range a.Health {
		y := b.Health[i]
		if x.Alive != y.Alive || x.Known != y.Known || x.Kill != y.Kill || (x.Cause == "") != (y.Cause == "") {
			return false
		}
	}
	return true
}
