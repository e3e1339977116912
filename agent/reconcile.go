package agent

import (
	"slices"
	"time"

	"pacer/apps"
)

// reconcile compares what is assigned with what there is, and issues the
// operations that lead from one to the other.
func (h *Host) reconcile(now time.Time, fx *Effects) {
	if !h.assigned {
		return
	}
	under := map[OpKind]int{}
	for _, id := range slices.Clone(h.ids) {
		in := h.instances[id]
		if in.owes && !in.have && in.op == "" { // there is no log any more
			h.give(now, in, "")
		}
		switch {
		case in.op != "":
			under[in.op]++
		case in.leaving && in.wanted && !in.have && !in.over():
			in.vanish("it was stopped because it was not assigned for a while, and is never started again")
			h.touch(in)
		case !in.wanted && !in.have:
			h.forget(in)
		}
	}
	if !h.listed {
		return
	}
	h.gather(now, under, fx)
	for _, id := range h.ids {
		switch in := h.instances[id]; {
		case in.leaving || !in.wanted:
			h.leave(now, in, under, fx)
		case in.phase == apps.PhaseExited && in.box.Rest:
			h.quiet(now, in, under, fx)
		}
	}
	h.wipe(now, fx)
	for _, id := range h.order {
		if in := h.instances[id]; !in.leaving {
			h.start(now, in, under, fx)
		}
	}
}

// leave takes an instance that is not assigned one operation closer to being gone.
func (h *Host) leave(now time.Time, in *instance, under map[OpKind]int, fx *Effects) {
	switch {
	case in.op == OpStart && !in.leaving:
		in.leaving = true
		fx.Cancel = append(fx.Cancel, in.id)
	case in.op != "" || !in.have || in.retryAt.After(now):
		return
	case in.running && under[OpStop] < stopsMax:
		in.leaving = true
		in.begins(OpStop, now, h.lists)
		under[OpStop]++
		fx.Stop = append(fx.Stop, Halt{Instance: in.id, Grace: in.grace()})
	case !in.running && !in.owes && under[OpRemove] < h.startsMax():
		in.leaving = true
		in.begins(OpRemove, now, h.lists)
		under[OpRemove]++
		fx.Remove = append(fx.Remove, in.id)
	default:
		return
	}
	h.touch(in)
}

// start starts an assigned instance that has not run yet, if there is room.
func (h *Host) start(now time.Time, in *instance, under map[OpKind]int, fx *Effects) {
	switch {
	case in.op != "" || in.phase != apps.PhaseQueued && in.phase != apps.PhaseStarting:
		return
	case in.ran && !in.have && !in.launched:
		in.vanish("container vanished while no agent watched it")
	case in.spec == nil:
		in.message = "its spec did not come with the assignment"
	case in.retryAt.After(now):
		return
	case under[OpStart] >= h.startsMax():
		in.message = "waits for its turn to start"
	case in.claim != "" && h.holder(in.claim, in) != nil:
		in.message = "waits until " + h.holder(in.claim, in).id + " has let go of its volumes"
	default:
		if in.phase == apps.PhaseQueued {
			in.phase, in.message = apps.PhaseStarting, ""
		}
		in.launched, in.have = true, true
		in.begins(OpStart, now, h.lists)
		under[OpStart]++
		fx.Start = append(fx.Start, Launch{Instance: in.id, App: in.spec, Ports: in.ports, Epoch: h.applied.Epoch, Claim: in.claim, Made: in.made, Enforced: in.enforced})
	}
	h.touch(in)
}

// probe asks the running instances what is due.
func (h *Host) probe(now time.Time, fx *Effects) {
	for _, id := range h.ids {
		in := h.instances[id]
		if !in.probed() {
			continue
		}
		ask := func(check int) {
			fx.Probe = append(fx.Probe, Probe{Instance: in.id, Check: check, App: in.spec, Ports: in.ports, IP: in.box.IP, IP6: in.box.IP6})
		}
		for i := range in.checks {
			v := &in.checks[i]
			engineless := !h.listed && in.spec.Checks[i].Protocol == "COMMAND"
			if engineless || v.Due().After(now) {
				continue
			}
			v.Ask(now)
			ask(i)
		}
		if r := in.readiness; r != nil && !r.Passed() && !r.Due().After(now) {
			r.Ask(now)
			ask(ReadyCheckIndex)
		}
		if g := in.gauge; g != nil && !g.Due().After(now) && (h.listed || in.spec.Gauge.Protocol != "COMMAND") {
			g.Ask(now)
			ask(GaugeIndex)
		}
	}
}
