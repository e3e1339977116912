package agent

import (
	"fmt"
	"time"

	"pacer/apps"
	"pacer/healthcheck"
)

// fold takes one event over. It decides nothing.
func (h *Host) fold(now time.Time, ev Event) {
	switch ev := ev.(type) {
	case Assigned:
		h.foldAssigned(now, ev.Assignment)
	case Listed:
		h.foldListed(now, ev)
	case Changed:
		h.sighted(now, ev.Container)
	case Did:
		h.foldDid(now, ev)
	case Probed:
		h.foldProbed(now, ev)
	case Engine:
		h.foldEngine(now, ev)
	case Unwatched:
		h.suspect(now)
	default:
		panic(fmt.Sprintf("agent: no case for %T", ev))
	}
}

// foldAssigned takes a letter of the leader over if it is newer than what is
// known. Any letter is answered: it may be the leader's way to ask.
func (h *Host) foldAssigned(now time.Time, a apps.Assignment) {
	h.answer = true
	if a.Host != h.host.Name || a.Boot != 0 && a.Boot != h.boot || a.Epoch < h.floor || !a.After(h.applied) {
		return
	}
	h.applied, h.assigned, h.floor, h.news = a.Stamp, true, a.Epoch, true
	type version struct {
		app apps.ID
		at  apps.Version
	}
	specs := make(map[version]*apps.App, len(a.Specs))
	for _, s := range a.Specs {
		specs[version{s.ID, s.Version}] = s
	}
	enforced := make(map[apps.ID]bool, len(a.Enforced))
	for _, id := range a.Enforced {
		enforced[id] = true
	}
	h.unwant()
	for _, as := range a.Instances {
		_, ended := h.ended[as.ID]
		in := h.instance(as.ID)
		if in.wanted {
			continue // named twice
		}
		h.order = append(h.order, as.ID)
		in.wanted, in.ran = true, in.ran || as.Ran
		if in.spec == nil {
			in.spec, in.ports = specs[version{as.App, as.Version}], as.Ports
		}
		in.claim, in.made, in.enforced = as.Claim, in.made || as.Made, enforced[as.App]
		if ended && !in.found && !in.launched {
			in.found = true
			in.vanish("it was stopped and removed before, and is never started again")
		}
		in.begin(now)
		h.touch(in)
	}
	h.foldWipes(a.Wipe)
}

// unwant takes the last assignment back.
func (h *Host) unwant() {
	for _, id := range h.order {
		in := h.instances[id]
		in.wanted = false
		h.touch(in)
	}
	h.order = h.order[:0]
}

// foldListed compares what the engine has with what is known.
func (h *Host) foldListed(now time.Time, ev Listed) {
	answers := h.listing // else it is doubled, or given up: what it lacks says nothing
	h.tried = true
	if ev.Err != "" {
		h.away(now, ev.Err)
		return
	}
	if answers {
		h.reached(now)
	}
	for _, id := range h.ids {
		if in := h.instances[id]; in.op != "" && now.Sub(in.opSince) > in.opWait() {
			in.op = "" // its Did is lost; the list says what came of it
		}
	}
	shown := make(map[string]bool, len(ev.Containers))
	for _, c := range ev.Containers {
		shown[c.Instance] = true
		if went, ended := h.ended[c.Instance]; ended && h.instances[c.Instance] == nil && (!answers || went >= h.lists) {
			continue // the list is older than the removal
		}
		h.see(now, c)
	}
	if !answers {
		return
	}
	for _, id := range h.ids {
		in := h.instances[id]
		if shown[id] || !in.have || in.op != "" || in.seen >= h.lists {
			continue
		}
		in.have, in.running = false, false
		if in.phase == apps.PhaseRunning && !in.leaving {
			in.vanish("container vanished")
		}
		h.touch(in)
	}
}

// away notes that the engine could not be asked.
func (h *Host) away(now time.Time, why string) {
	h.listing, h.again, h.listed = false, false, false
	h.pause = min(max(2*h.pause, relistFirst), relistMax)
	h.listDue = now.Add(h.pause)
	if h.down != why {
		h.down, h.news = why, true
	}
}

// reached notes that the engine has answered.
func (h *Host) reached(now time.Time) {
	if h.down != "" || !h.heard {
		h.down, h.news = "", true
		for _, id := range h.ids { // what failed for the engine's sake need not wait
			in := h.instances[id]
			in.pause, in.retryAt = 0, time.Time{}
		}
	}
	h.listing, h.listed, h.heard, h.pause = false, true, true, 0
	h.listDue = now.Add(relistEvery)
	if h.again {
		h.again = false
		h.suspect(now)
	}
}

// sighted takes over what the engine says of one container outside of a list.
func (h *Host) sighted(now time.Time, c Container) {
	if _, ended := h.ended[c.Instance]; ended && h.instances[c.Instance] == nil {
		h.suspect(now) // it may be an old event, or a stray: the list tells
		return
	}
	h.see(now, c)
}

// see takes over what the engine says of one container. A container runs at most
// once, so having ended is the last word on it, whatever older news come after.
func (h *Host) see(now time.Time, c Container) {
	if c.Epoch > h.floor {
		h.floor = c.Epoch
		if h.assigned && h.applied.Epoch < h.floor { // a later leader was here: what we were told is void
			h.assigned, h.applied, h.news = false, apps.Stamp{}, true
			h.unwant()
			h.foldWipes(nil)
		}
	}
	in := h.instance(c.Instance)
	if !c.Running && c.Started.IsZero() && in.phase == apps.PhaseRunning {
		return // older than its start
	}
	in.seen, in.have, in.found, in.running = h.lists, true, true, c.Running || c.Rest
	if c.Claim != "" {
		in.claim = c.Claim
	}
	h.touch(in)
	switch {
	case in.over():
	case c.Running:
		in.box = c
		if in.phase != apps.PhaseRunning {
			in.phase, in.message = apps.PhaseRunning, ""
			in.adopted = !in.launched
			in.begin(now)
		}
	case !c.Started.IsZero():
		in.exit(c)
	default:
		in.box = c
		in.phase = apps.PhaseStarting
	}
}

// foldDid takes the outcome of an operation over. One that is not awaited is late
// or doubled: of it, only what it saw counts.
func (h *Host) foldDid(now time.Time, ev Did) {
	if ev.Op == OpWipe {
		h.foldWipeDid(now, ev)
		return
	}
	ev.Container.Instance = ev.Instance
	in := h.instances[ev.Instance]
	if in == nil || in.op != ev.Op {
		if ev.Op == OpStart && ev.Err == "" {
			h.sighted(now, ev.Container)
		}
		return
	}
	in.op, in.seen = "", h.lists
	h.touch(in)
	if ev.Op == OpEvidence {
		h.give(now, in, ev.Log)
		return
	}
	if ev.Err == "" {
		in.pause, in.retryAt = 0, time.Time{}
	}
	switch ev.Op {
	case OpStart:
		if ev.Err == "" {
			h.see(now, ev.Container)
			return
		}
		h.foldNotStarted(now, in, ev)
	case OpStop:
		if ev.Err == "" {
			in.running = false
			return
		}
		in.message = "cannot be stopped: " + ev.Err
		in.later(now)
		h.suspect(now)
	case OpRemove:
		if ev.Err == "" {
			in.have, in.running = false, false
			return
		}
		in.message = "cannot be removed: " + ev.Err
		in.later(now)
		h.suspect(now)
	default:
		panic(fmt.Sprintf("agent: no operation %q", ev.Op))
	}
}

func (h *Host) foldNotStarted(now time.Time, in *instance, ev Did) {
	if in.over() || in.phase == apps.PhaseRunning { // it was seen to run: the list tells
		h.suspect(now)
		return
	}
	in.running = true // nobody knows: stop it before it is removed
	in.message = ev.Err
	if !ev.Retry {
		in.phase = apps.PhaseFailed
		in.owe()
		return
	}
	if in.wanted && !in.leaving {
		in.later(now)
	}
	h.suspect(now)
}

func (h *Host) foldProbed(now time.Time, ev Probed) {
	in := h.instances[ev.Instance]
	if in == nil || !in.probed() {
		return
	}
	a := healthcheck.Answer{OK: ev.OK, Ignore: ev.Ignore, Cause: ev.Cause, Status: ev.Status, ContentType: ev.Type, ExitCode: ev.ExitCode, Body: ev.Body, Took: ev.Took}
	switch {
	case ev.Check == ReadyCheckIndex && in.readiness != nil:
		in.readiness.Hear(now, a)
	case ev.Check == GaugeIndex && in.gauge != nil:
		in.gauge.Hear(now, a)
	case ev.Check >= 0 && ev.Check < len(in.checks):
		// A command runs through the engine: while that is away, it says nothing of the instance.
		a.Ignore = a.Ignore || !a.OK && !h.listed && in.spec.Checks[ev.Check].Protocol == "COMMAND"
		in.checks[ev.Check].Hear(now, a)
		if in.checks[ev.Check].Health().Kill {
			in.owe()
		}
	default:
		return
	}
	h.touch(in)
}

// foldEngine takes over what the host is, and lists: the engine can be watched
// only from now.
func (h *Host) foldEngine(now time.Time, ev Engine) {
	host := ev.Host
	if host.Name == "" {
		host.Name = h.host.Name
	}
	h.host, h.cores, h.news = host, ev.Cores, true
	h.pause = 0
	if h.listing {
		h.again = true
	} else {
		h.listDue = now
	}
}
