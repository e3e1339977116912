package sim

import (
	"fmt"
	"slices"
	"time"

	"pacer/agent"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// A host is a machine with an agent on it: the real agent.Host, before a pretend
// engine.
type host struct {
	w      *World
	node   int
	name   string
	skew   time.Duration
	offer  apps.Host      // what it is and has
	most   apps.Resources // the most of each that it ever had
	up     bool
	engine *engine

	machine *agent.Host // nil: no agent runs
	boot    int64
	inbox   []agent.Event
	due     bool
	wakes   int
	epoch   uint64 // the newest of the letters to this boot
	applied apps.Stamp
	letter  letter
}

var zones = []string{"a", "b", "c"}

func newHost(w *World, i int) *host {
	h := &host{w: w, node: w.plan.servers + i, name: fmt.Sprintf("h%d", i+1), up: true}
	cpu := int64(pick(w, 400, 800, 1200))
	if w.plan.roomy {
		cpu = 6000
	}
	first := 31000
	h.offer = apps.Host{
		Name: h.name, Addr: fmt.Sprintf("10.0.0.%d", i+1), Total: apps.Resources{CPU: cpu, Mem: cpu * 4},
		Ports: []apps.Range{{First: first, Last: first + pick(w, 5, 20, 100)}},
		Zone:  zones[w.rng.IntN(len(zones))], Attributes: map[string]string{"rack": pick(w, "r1", "r2"), "level": fmt.Sprint(w.rng.IntN(3))},
	}
	if w.plan.skew > 0 {
		h.skew = w.between(-w.plan.skew, w.plan.skew)
	}
	h.most = h.offer.Total
	h.engine = &engine{w: w, h: h, up: true, boxes: map[string]*box{}, data: map[string]bool{}}
	return h
}

func (h *host) now() time.Time { return h.w.time(h.skew) }

// startAgent starts the process: it remembers nothing.
func (h *host) startAgent() {
	if !h.up || h.machine != nil {
		return
	}
	w := h.w
	h.boot = max(h.boot+1, h.now().UnixMilli())
	h.machine = agent.NewHost(apps.Host{Name: h.name, Addr: h.offer.Addr, Zone: h.offer.Zone, Attributes: h.offer.Attributes, Role: h.offer.Role}, h.boot)
	h.inbox, h.due, h.epoch, h.applied, h.letter = nil, false, 0, apps.Stamp{}, letter{}
	w.tracef("%s: agent starts with boot %d", h.name, h.boot)
	if h.engine.up {
		h.engine.connect()
	}
	h.soon(0)
}

// stopAgent ends the process at once; containers live on.
func (h *host) stopAgent(politely bool) {
	if h.machine == nil {
		return
	}
	h.w.tracef("%s: agent stops", h.name)
	h.machine = nil
	h.engine.orphan()
	if politely {
		h.w.toLeader(h.node, cluster.Left{Host: h.name, Boot: h.boot})
	}
}

// does has something done by this life of the agent.
func (h *host) does(after time.Duration, do func()) {
	boot := h.boot
	h.w.after(after, func() {
		if h.machine != nil && h.boot == boot {
			do()
		}
	})
}

func (h *host) soon(d time.Duration) {
	if h.due {
		return
	}
	h.due = true
	h.does(d, func() {
		h.due = false
		h.step()
	})
}

// tell brings an event to the agent that runs.
func (h *host) tell(ev agent.Event) {
	if h.machine != nil {
		h.inbox = append(h.inbox, ev)
		h.soon(100 * time.Microsecond)
	}
}

// assign is a letter that arrives.
func (h *host) assign(a apps.Assignment) {
	if h.machine == nil {
		return
	}
	if h.w.Trace != nil {
		h.w.tracef("%s: gets %+v boot %d (is %d): %s", h.name, a.Stamp, a.Boot, h.boot, ids(a))
	}
	h.letter.take(h, &a)
	if a.Boot == 0 || a.Boot == h.boot {
		h.epoch = max(h.epoch, a.Epoch)
	}
	h.tell(agent.Assigned{Assignment: a})
}

func ids(a apps.Assignment) (out []string) {
	for _, in := range a.Instances {
		out = append(out, in.ID)
	}
	return out
}

func (h *host) step() {
	w := h.w
	batch := h.inbox
	h.inbox = nil
	now := h.now()
	fx, wake := h.machine.Step(now, batch)
	w.hours.Steps++
	w.mixHostEffects(&fx)
	for _, l := range fx.Start {
		if l.Epoch < h.epoch {
			w.fail("%s starts %s for epoch %d after it heard epoch %d", h.name, l.Instance, l.Epoch, h.epoch)
		}
		h.engine.start(l)
	}
	for _, id := range fx.Cancel {
		h.engine.cancel(id)
	}
	for _, s := range fx.Stop {
		h.judgeHalt(s)
		h.engine.stop(s)
	}
	for _, id := range fx.Remove {
		h.engine.remove(id)
	}
	for _, claim := range fx.Wipe {
		h.engine.wipe(claim)
	}
	for _, id := range fx.Evidence {
		h.engine.evidence(id)
	}
	for _, p := range fx.Probe {
		h.engine.probe(p)
	}
	if fx.List {
		h.engine.list()
	}
	if fx.Report != nil {
		h.report(*fx.Report)
	}
	h.wakes++
	if this := h.wakes; !wake.IsZero() {
		h.does(wake.Sub(now), func() {
			if h.wakes == this && !h.due {
				h.step()
			}
		})
	}
}

func (h *host) report(r apps.Report) {
	w := h.w
	if h.applied.After(r.Applied) && r.Applied != (apps.Stamp{}) {
		w.fail("%s went back from assignment %+v to %+v", h.name, h.applied, r.Applied)
	}
	h.applied = r.Applied
	if w.Trace != nil && !r.Beat {
		line := ""
		for _, run := range r.Runs {
			line += fmt.Sprintf(" %s:%s,ready=%v", run.ID, run.Phase, run.Ready)
		}
		w.tracef("%s: reports %d.%d applied %+v down=%q%s", h.name, r.Boot, r.Revision, r.Applied, r.Down, line)
	}
	w.toLeader(h.node, cluster.Reported{Report: r})
}

// crash is the machine losing power. Containers have ended when it comes back, or
// are gone with its disk.
func (h *host) crash(wiped bool) {
	if !h.up {
		return
	}
	h.w.tracef("%s: machine crashes (disk lost: %v)", h.name, wiped)
	h.up, h.machine = false, nil
	h.engine.down(true, wiped)
}

func (h *host) recover() {
	if h.up {
		return
	}
	h.w.tracef("%s: machine is back", h.name)
	h.up = true
	h.engine.back()
	h.w.after(h.w.between(10*time.Millisecond, time.Second), h.startAgent)
}

// strayApp is an app of which only stray containers are left.
const strayApp apps.ID = "/old/app"

// populate puts containers on the host that the leader knows nothing of: ones that
// are not ours, and strays of ours.
func (h *host) populate() {
	e := h.engine
	e.foreign = 1 + h.w.rng.IntN(3)
	if h.w.chance(0.2) {
		id := "old_app.instance-" + h.name
		b := &box{Container: agent.Container{Instance: id, App: strayApp, Needs: apps.Resources{CPU: 100, Mem: 100}, Running: true, Started: h.now().Add(-time.Hour)}}
		e.boxes[id] = b
		h.w.started[id] = h.name
	}
}

// running is the containers that run, by id.
func (e *engine) running() []string {
	return slices.DeleteFunc(sorted(e.boxes), func(id string) bool { return !e.boxes[id].Running })
}
