package sim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pacer/apps"
)

const (
	patience = 10 * time.Minute // virtual time in which all must have come true
	settled  = 5 * time.Second  // what was under way has ended
	calm     = 3 * time.Second  // and stay so
)

// converge waits until everything that was asked for has come true, and a little
// longer.
func (w *World) converge() {
	w.run(w.now + settled)
	deadline := w.now + patience
	for {
		w.run(w.now + time.Second)
		lack := w.lack()
		if lack == "" {
			break
		}
		if w.now >= deadline {
			w.fail("%v after all faults ended: %s", patience, lack)
		}
	}
	w.run(w.now + calm)
	if lack := w.lack(); lack != "" {
		w.fail("what had come true did not stay so: %s", lack)
	}
	w.users.keep()
	for _, h := range w.hosts {
		w.mix(uint64(h.engine.foreign))
	}
}

// lack is what has not come true yet.
func (w *World) lack() string {
	s := w.leader()
	if s == nil {
		return "nobody leads"
	}
	st := w.store
	for _, id := range sorted(st.apps) {
		if lack := w.lackOf(st.apps[id], s.term); lack != "" {
			return lack
		}
	}
	for _, id := range sorted(st.deployments) {
		d := st.deployments[id]
		if d.Rollback {
			return fmt.Sprintf("the deployment %s may roll back, but neither does nor ends: it is in step %d of %d", id, d.Step, len(d.Steps))
		}
		if !w.waits(d) {
			return fmt.Sprintf("the deployment %s is in step %d of %d, though nothing keeps it", id, d.Step, len(d.Steps))
		}
		if in := w.outdated(d); in != nil {
			return fmt.Sprintf("the deployment %s is to replace %s, and nothing keeps it", id, in.ID)
		}
	}
	if lack := w.lackOfJobs(); lack != "" {
		return lack
	}
	for _, h := range w.hosts {
		if lack := h.lack(); lack != "" {
			return lack
		}
	}
	for _, b := range w.balancers {
		if lack := b.lack(); lack != "" {
			return lack
		}
	}
	return ""
}

// lackOf is what an app lacks: each of its instances must be ready, or wait for
// want of a host that could take it, with a reason that was told.
func (w *World) lackOf(spec *apps.App, t *term) string {
	st := w.store
	if spec.Deleted {
		return fmt.Sprintf("%s is deleted and still there:%s", spec.ID, st.list(spec.ID))
	}
	waiting := 0
	for _, id := range sorted(st.byApp[spec.ID]) {
		switch in := st.byApp[spec.ID][id]; {
		case in.State == apps.Running && in.Ready && !in.Unreachable:
		case in.State == apps.Waiting:
			waiting++
			if host := w.feasible(in); host != "" {
				return fmt.Sprintf("%s (needs %+v, %v) waits since %v until %v, though %s could take it; told is %+v", in.ID, in.Needs, spec.Constraints, in.Since, in.NotBefore, host, t.waits[spec.ID])
			}
		default:
			return fmt.Sprintf("%s is %s on %s, ready=%v unreachable=%v %s", in.ID, in.State, in.Host, in.Ready, in.Unreachable, in.Message)
		}
	}
	wait := t.waits[spec.ID]
	if wait.Waiting != waiting {
		return fmt.Sprintf("%d instances of %s wait, but the leader tells of %d", waiting, spec.ID, wait.Waiting)
	}
	sum := 0
	for _, r := range wait.Reasons {
		sum += r.Hosts
	}
	if waiting > 0 && (sum != wait.Hosts || sum == 0) {
		return fmt.Sprintf("%s waits with reasons for %d of %d hosts: %+v", spec.ID, sum, wait.Hosts, wait.Reasons)
	}
	moving := 0 // off hosts that are drained: there is one more for each of them
	for _, in := range st.byApp[spec.ID] {
		if st.hosts[in.Host].Draining {
			moving++
		}
	}
	if n := len(st.byApp[spec.ID]); !st.held(spec.ID) && (n < spec.Instances || n > spec.Instances+moving) {
		return fmt.Sprintf("%s wants %d instances and no deployment is under way, but:%s", spec.ID, spec.Instances, st.list(spec.ID))
	}
	return ""
}

// waits reports whether a deployment has a good reason not to have ended: an app of
// its present step has instances that no host can take.
func (w *World) waits(d *apps.Deployment) bool {
	if d.Step >= len(d.Steps) {
		return false
	}
	for _, a := range d.Steps[d.Step].Actions {
		for _, in := range w.store.byApp[a.App] {
			if in.State == apps.Waiting {
				return true // lackOf has seen that nobody can take it
			}
		}
	}
	return false
}

// outdated is an instance that a deployment which waits for room elsewhere can replace
// all the same, in its present step; nil: there is none.
func (w *World) outdated(d *apps.Deployment) *apps.Instance {
	for _, a := range d.Steps[d.Step].Actions {
		var old *apps.Instance
		waits := a.Kind != apps.RestartApplication
		for _, id := range sorted(w.store.byApp[a.App]) {
			in := w.store.byApp[a.App][id]
			waits = waits || in.State == apps.Waiting
			if !w.store.apps[a.App].Current(in.Version) {
				old = in
			}
		}
		if old != nil && !waits {
			return old
		}
	}
	return nil
}

// feasible looks at every host, by rules of its own, for one that could take a
// waiting instance.
func (w *World) feasible(in *apps.Instance) string {
	st := w.store
	spec := st.spec(in.App, in.Version)
	if spec == nil {
		return ""
	}
	for _, name := range sorted(st.hosts) {
		h := st.hosts[name]
		if h.Lost || h.Cordoned || h.Draining || in.Claim != "" && st.claims[in.Claim].Host != name {
			continue
		}
		free, used := h.Total, map[int]bool{}
		for _, o := range st.byHost[name] {
			free = free.Minus(o.Needs)
			for _, p := range o.Ports {
				used[p] = true
			}
		}
		free = free.Minus(st.reserved(name, in.Claim))
		if spec.Needs.Fits(free) && takes(spec, h.Role) && (in.Claim != "" || w.constraintsHold(spec, &h)) && portsFree(spec, &h, used) {
			return name
		}
	}
	return ""
}

func portsFree(spec *apps.App, h *apps.Host, used map[int]bool) bool {
	free, wanted := 0, 0
	for _, r := range h.Ports {
		for p := r.First; p <= r.Last; p++ {
			if !used[p] {
				free++
			}
		}
	}
	for i := range spec.Ports {
		switch p := spec.HostPort(i); {
		case p > 0 && used[p]:
			return false
		case p == 0:
			wanted++
		}
	}
	return wanted <= free
}

func fieldOf(h *apps.Host, field string) string {
	switch field {
	case "hostname":
		return h.Name
	case "@zone":
		return h.Zone
	}
	return h.Attributes[field]
}

func (w *World) constraintsHold(spec *apps.App, h *apps.Host) bool {
	st := w.store
	for _, c := range spec.Constraints {
		mine := fieldOf(h, c.Field)
		by := map[string]int{}
		for _, in := range st.byApp[spec.ID] {
			if s := st.spec(in.App, in.Version); in.Host != "" && s != nil && s.ConfigAt == spec.ConfigAt {
				o := st.hosts[in.Host]
				by[fieldOf(&o, c.Field)]++
			}
		}
		most, ok := 0, true
		switch c.Operator {
		case "UNIQUE":
			ok = by[mine] == 0
		case "MAX_PER":
			most, _ = strconv.Atoi(c.Value)
			ok = by[mine] < most
		case "CLUSTER":
			ok = c.Value == mine || c.Value == "" && (len(by) == 0 || by[mine] > 0)
		case "LIKE", "UNLIKE":
			ok = regexp.MustCompile("^("+c.Value+")$").MatchString(mine) == (c.Operator == "LIKE")
		case "IS":
			ok = strings.EqualFold(c.Value, mine)
		case "GROUP_BY":
			groups, _ := strconv.Atoi(c.Value)
			for _, n := range by {
				if by[mine] > 0 && (n < by[mine] || len(by) < groups) {
					ok = false
				}
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// lack is what the host runs too much or too little.
func (h *host) lack() string {
	e := h.engine
	for _, id := range sorted(e.boxes) {
		in := h.w.store.byHost[h.name][id]
		if in == nil || in.State != apps.Running || !e.boxes[id].Running {
			return fmt.Sprintf("%s has the container %v, but stored is %+v", h.name, e.boxes[id], in)
		}
	}
	if want := len(h.w.store.byHost[h.name]); want != len(e.boxes) {
		return fmt.Sprintf("%s runs %d of %d instances", h.name, len(e.boxes), want)
	}
	return ""
}

// lack is where the balancer's table differs from what is ready.
func (b *balancer) lack() string {
	st := b.w.store
	for _, id := range sorted(b.table.apps) {
		if st.apps[id] == nil {
			return fmt.Sprintf("%s serves %s, which is gone", b.name, id)
		}
	}
	for _, id := range sorted(st.apps) {
		s, known := b.table.apps[id]
		ready := 0
		for _, in := range st.byApp[id] {
			if in.State == apps.Running && in.Ready && b.table.has(id, in.ID) {
				ready++
			}
		}
		want := 0
		for _, in := range st.byApp[id] {
			if in.State == apps.Running {
				want++
			}
		}
		if !known || len(s.Endpoints) != ready || ready != want {
			return fmt.Sprintf("%s has %d endpoints of %s (known: %v), of which %d are ready, of %d that run", b.name, len(s.Endpoints), id, known, ready, want)
		}
	}
	return ""
}
