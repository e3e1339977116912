package sim

import (
	"time"

	"pacer/agent"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// volumes are the wishes of users whose databases keep data, in a world that was made
// with NewWithVolumes; in others there are none, and their dice fall as ever.
type volumes struct {
	w  *World
	at map[string]string // host of each claim that was ever made
}

// residents are the apps that keep data.
var residents = []apps.ID{"/data/db", "/data/queue"}

// NewWithVolumes is the world of a seed in which apps keep data on their hosts, too.
func NewWithVolumes(seed uint64) *World {
	w := New(seed)
	w.volumes = &volumes{w: w, at: map[string]string{}}
	return w
}

// LiveWithVolumes lives the history of a seed twice; both must be the same.
func LiveWithVolumes(seed uint64) (Result, error) { return twice(seed, NewWithVolumes) }

func (v *volumes) begin() { v.ask() }

func (v *volumes) ask() {
	w := v.w
	if w.healed {
		return
	}
	w.users.submit(v.request())
	w.after(w.exp(2*time.Second), v.ask)
}

func (v *volumes) request() cluster.Event {
	w, st := v.w, v.w.store
	name := w.users.name()
	app := residents[w.rng.IntN(len(residents))]
	change := cluster.Change{Request: name, Deployment: "d-" + name, Force: w.chance(0.3), Rollback: w.chance(0.2)}
	switch w.rng.IntN(10) {
	case 0, 1, 2, 3:
		spec := w.users.spec(app)
		spec.Instances = w.rng.IntN(3)
		spec.Needs = apps.Resources{CPU: 100, Mem: 100}
		spec.Network, spec.RequirePorts = apps.NetworkBridge, false
		spec.Container = &apps.Container{Type: "MESOS", Volumes: []apps.Volume{{ContainerPath: "data", Size: 1}}}
		spec.Upgrade, spec.Unreachable = apps.Upgrade{HealthyMin: 0.5}, apps.Unreachable{Disabled: true}
		change.Put = append(change.Put, cluster.PutApp{App: spec})
	case 4, 5:
		change.Edit = append(change.Edit, scale(app, w.rng.IntN(3)))
	case 6:
		change.Restart = []apps.ID{app}
	case 7:
		if w.chance(0.3) {
			change.Delete = []apps.ID{app}
			return change
		}
		ids := sorted(st.claims)
		if len(ids) == 0 {
			return nil
		}
		return cluster.Wipe{Request: name, Claims: []string{ids[w.rng.IntN(len(ids))]}}
	default:
		rows := sorted(st.byApp[app])
		if len(rows) == 0 {
			return nil
		}
		return cluster.Kill{Request: name, Instances: []string{rows[w.rng.IntN(len(rows))]}, Wipe: w.chance(0.3)}
	}
	return change
}

// judgeVolumes holds the start of a container against what volumes promise: nobody
// else has them, anywhere, and what was there once is there.
func (e *engine) judgeVolumes(l agent.Launch) {
	w := e.w
	if l.Claim == "" || w.volumes == nil {
		return
	}
	for _, h := range w.hosts {
		for _, id := range sorted(h.engine.boxes) {
			if o := h.engine.boxes[id]; o.Running && o.Claim == l.Claim && id != l.Instance {
				w.fail("%s starts on %s with the volumes that %s has on %s", l.Instance, e.h.name, id, h.name)
			}
		}
	}
	if at := w.volumes.at[l.Claim]; at != "" && at != e.h.name {
		w.fail("%s starts on %s, its volumes are on %s", l.Instance, e.h.name, at)
	}
	if l.Made && !e.data[l.Claim] {
		w.fail("%s: the data of %s is gone", e.h.name, l.Claim)
	}
	w.volumes.at[l.Claim], e.data[l.Claim] = e.h.name, true
}

// wipe deletes a claim's volumes, which somebody must have given up and nobody uses.
func (e *engine) wipe(claim string) {
	w := e.w
	did := agent.Did{Op: agent.OpWipe, Instance: claim}
	happens := e.trouble(&did)
	boot := e.h.boot
	e.does(w.between(time.Millisecond, 100*time.Millisecond), func() {
		if row, kept := w.store.claims[claim]; kept && !row.Wipe {
			w.fail("%s deletes the volumes of %s, which nobody gave up", e.h.name, claim)
		}
		for _, id := range sorted(e.boxes) {
			if o := e.boxes[id]; o.Running && o.Claim == claim {
				w.fail("%s deletes the volumes of %s under %s", e.h.name, claim, id)
			}
		}
		if happens {
			delete(e.data, claim)
		}
		if e.h.machine != nil && e.h.boot == boot {
			e.answer(did)()
		}
	}, e.away(agent.OpWipe, claim))
}

// reserved is what claims that no instance runs with keep of a host, but for one.
func (st *store) reserved(host, but string) (sum apps.Resources) {
	for _, id := range sorted(st.claims) {
		c := st.claims[id]
		held := false
		for _, in := range st.byHost[host] {
			held = held || in.Claim == id
		}
		if c.Host == host && id != but && !c.Wipe && !held {
			sum = sum.Plus(c.Needs)
		}
	}
	return sum
}
