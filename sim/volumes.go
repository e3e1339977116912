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
	up map[string]bool   // claims that a user asked to give up
}

// residents are the apps that keep data.
var residents = []apps.ID{"/data/db", "/data/queue"}

// NewWithVolumes is the world of a seed in which apps keep data on their hosts, too.
func NewWithVolumes(seed uint64) *World {
	w := New(seed)
	w.volumes = &volumes{w: w, at: map[string]string{}, up: map[string]bool{}}
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
		claim := ids[w.rng.IntN(len(ids))]
		v.up[claim] = true
		return cluster.Wipe{Request: name, Claims: []string{claim}}
	default:
		rows := sorted(st.byApp[app])
		if len(rows) == 0 {
			return nil
		}
		kill := cluster.Kill{Request: name, Instances: []string{rows[w.rng.IntN(len(rows))]}, Wipe: w.chance(0.3)}
		if in := st.instances[kill.Instances[0]]; in != nil && kill.Wipe {
			v.up[in.Claim] = true
		}
		return kill
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

// judgeClaim holds a changed claim against the promises: it stays where it is, and is
// given up only when a user said so, with its app, or when nothing ever ran with it.
func (st *store) judgeClaim(row apps.Claim) {
	w, old := st.w, st.claims[row.ID]
	if old.ID == "" {
		return
	}
	if old.Host != row.Host || old.App != row.App || old.Made && !row.Made || old.Wipe && !row.Wipe {
		w.fail("a claim never changes its host, and moves forward only: %+v became %+v", old, row)
	}
	app := st.apps[row.App]
	if row.Wipe && !old.Wipe && old.Made && w.volumes != nil && !w.volumes.up[row.ID] && app != nil && !app.Deleted {
		w.fail("the volumes %s are given up, and nobody asked for it", row.ID)
	}
}

// judgeResidents: of an app that keeps data there are never more instances with a host
// than any of its kept versions wants.
func (st *store) judgeResidents(id apps.ID) {
	wanted, placed := 0, 0
	for _, spec := range st.versions[id] {
		if wanted = max(wanted, spec.Instances); !spec.Resident() && !spec.Deleted {
			return
		}
	}
	for _, in := range st.byApp[id] {
		if in.Host != "" {
			placed++
		}
	}
	if placed > wanted {
		st.w.fail("%s keeps data, and has %d instances with a host, where %d were wanted at most:%s", id, placed, wanted, st.list(id))
	}
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
