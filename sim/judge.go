package sim

import (
	"fmt"
	"slices"
	"strings"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// Messages of the core that tell why it let an instance go.
const (
	whyReplaced   = "replaced by a newer version"
	whyScaledDown = "scaled down"
	whyMoved      = "moved " // away from a host that is drained, or to one that has more room
)

// What was true before a commit.
type before struct {
	steps   map[string]int            // of the running deployments that change
	left    map[apps.ID]bool          // apps of which the core let a ready instance go, for a deployment's sake
	made    map[apps.ID]int           // new instances
	hosts   map[string]apps.Resources // hosts that were given something, and how much
	placed  []*apps.Instance          // that were given a host
	inForce map[apps.ID]*apps.App     // what the apps in left followed
	passing bool                      // a deployment began and ended: nobody can see what was in force between
	braked  bool                      // most hosts were lost
}

// judgeChanges notes, before a commit is stored, what judge has to look at.
func (st *store) judgeChanges(c cluster.Changes) before {
	b := before{steps: map[string]int{}, left: map[apps.ID]bool{}, made: map[apps.ID]int{}, hosts: map[string]apps.Resources{}, inForce: map[apps.ID]*apps.App{}, braked: st.braked(0)}
	for i := range c.Deployments {
		if d := st.deployments[c.Deployments[i].ID]; d != nil {
			b.steps[d.ID] = d.Step
		} else if c.Deployments[i].State != apps.DeploymentRunning {
			b.passing = true
		}
	}
	for _, in := range c.Instances {
		old := st.instances[in.ID]
		switch {
		case old == nil:
			b.made[in.App]++
		case old.State < apps.Draining && in.State >= apps.Draining && in.Ready && !in.Unreachable:
			if in.Message == whyReplaced || strings.HasPrefix(in.Message, whyMoved) || in.Message == whyScaledDown && !st.named(in.ID, c) {
				b.left[in.App] = true
				b.inForce[in.App] = st.inForce(in.App)
			}
		}
		if in.Host != "" && (old == nil || old.Host == "") {
			b.hosts[in.Host] = b.hosts[in.Host].Plus(in.Needs)
			b.placed = append(b.placed, in)
		}
	}
	return b
}

// named reports whether a user named the instance as a victim.
func (st *store) named(id string, c cluster.Changes) bool {
	for _, d := range st.deployments {
		if slices.Contains(d.Kill, id) {
			return true
		}
	}
	return slices.ContainsFunc(c.Deployments, func(d apps.Deployment) bool { return slices.Contains(d.Kill, id) })
}

// heldBy is the running deployment that has the app, and what its present step does
// to it.
func (st *store) heldBy(id apps.ID) (d *apps.Deployment, action apps.ActionKind) {
	spec := st.apps[id]
	for _, o := range st.deployments { // of one that names it from before it was made anew, it is not
		if _, takesPart := o.Old[id]; takesPart && spec != nil && spec.Version == o.Version {
			d = o
		}
	}
	if d != nil {
		action, _ = d.Action(id)
	}
	return d, action
}

// held reports whether a running deployment has the app.
func (st *store) held(id apps.ID) bool {
	d, _ := st.heldBy(id)
	return d != nil
}

// inForce is the spec that the app has to follow now.
func (st *store) inForce(id apps.ID) *apps.App {
	if d, _ := st.heldBy(id); d != nil {
		if step, ok := d.Affects(id); ok && d.Step < step {
			return d.Old[id]
		}
	}
	return st.apps[id]
}

// judge holds what a commit did against the promises.
//
//	1  of a deployment, the core lets a ready instance go only while HealthyMin others are ready;
//	2  in a rolling update it starts none beyond LiveMax;
//	9  no host is given more than it has, nor a port twice, nor what does not accept its role.
func (st *store) judge(c cluster.Changes, b before) {
	w := st.w
	for _, id := range sorted(b.left) {
		spec := st.inForce(id)
		if spec == nil || b.passing {
			continue
		}
		if was := b.inForce[id]; was != nil && was.HealthyMin() < spec.HealthyMin() {
			spec = was // decided before the step in which spec came into force
		}
		ready := 0
		for _, in := range st.byApp[id] {
			if in.State == apps.Running && in.Ready && !in.Unreachable {
				ready++
			}
		}
		if ready < spec.HealthyMin() {
			w.fail("%s: the core let a ready instance go and leaves %d ready, but the minimum is %d of %d:%s", id, ready, spec.HealthyMin(), spec.Instances, st.list(id))
		}
	}
	for _, id := range sorted(b.made) {
		d, action := st.heldBy(id)
		if d == nil || action != apps.RestartApplication {
			continue
		}
		if step, known := b.steps[d.ID]; known && step != d.Step {
			continue // made before this step of the deployment began
		}
		spec, live, old := st.apps[id], 0, 0
		for _, in := range st.byApp[id] {
			if in.Unreachable {
				continue
			}
			live++
			if !spec.Current(in.Version) {
				old++
			}
		}
		if old > 0 && live > spec.LiveMax() {
			w.fail("%s: the core made %d instances in a rolling update, and %d live, but the maximum is %d:%s", id, b.made[id], live, spec.LiveMax(), st.list(id))
		}
	}
	for _, name := range sorted(b.hosts) {
		st.judgeHost(name, b.hosts[name])
	}
	for _, in := range b.placed {
		st.judgeRole(in)
	}
}

// judgeHost looks at a host that was given something: of what that needs it has enough
// for all. Of other things it may have too little, if it has become smaller.
func (st *store) judgeHost(name string, given apps.Resources) {
	h, known := st.hosts[name]
	if !known {
		return
	}
	var held apps.Resources
	ports := map[int]string{}
	for _, in := range st.byHost[name] {
		held = held.Plus(in.Needs)
		for _, p := range in.Ports {
			if other := ports[p]; p > 0 && other != "" {
				st.w.fail("host %s: port %d is given to %s and to %s", name, p, min(other, in.ID), max(other, in.ID))
			}
			ports[p] = in.ID
		}
	}
	if h.Silent && !h.Lost {
		st.w.fail("host %s: %+v is given to it, though it is silent", name, given)
	}
	if !needed(held, given).Fits(h.Total) {
		st.w.fail("host %s: %+v is given of %+v", name, held, h.Total)
	}
}

// needed is as much of what is held as is of a kind that is needed.
func needed(held, needs apps.Resources) apps.Resources {
	for _, kind := range []struct {
		held  *int64
		needs int64
	}{{&held.CPU, needs.CPU}, {&held.Mem, needs.Mem}, {&held.Disk, needs.Disk}, {&held.GPU, needs.GPU}} {
		if kind.needs == 0 {
			*kind.held = 0
		}
	}
	return held
}

// list is the instances of an app, for people.
func (st *store) list(id apps.ID) string {
	out := ""
	for _, name := range sorted(st.byApp[id]) {
		in := st.byApp[id][name]
		out += fmt.Sprintf("\n  %s v%d %s on %q ready=%v unreachable=%v %s", in.ID, in.Version%1e6, in.State, in.Host, in.Ready, in.Unreachable, in.Message)
	}
	return out
}
