package sim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// users ask for things, at random, until the world heals.
type users struct {
	w    *World
	next int
	said map[apps.ID]apps.Version // the newest accepted write that they heard of
}

var appIDs = []apps.ID{"/solo", "/shop/web", "/shop/db", "/shop/api", "/lab/x"}

func (u *users) begin() {
	u.said = map[apps.ID]apps.Version{}
	u.ask()
}

func (u *users) ask() {
	w := u.w
	if w.healed {
		return
	}
	if u.next == 0 || !w.chance(0.02) {
		u.submit(u.request())
	} else { // many at once
		for range 5 {
			u.submit(u.request())
		}
	}
	w.after(w.exp(w.plan.users), u.ask)
}

// submit asks a server that thinks it leads; where none does, nobody hears.
func (u *users) submit(ev cluster.Event) {
	var leaders []*server
	for _, s := range u.w.servers {
		if s.alive && s.term != nil {
			leaders = append(leaders, s)
		}
	}
	if ev == nil || len(leaders) == 0 {
		return
	}
	s := leaders[u.w.rng.IntN(len(leaders))]
	s.does(0, func() {
		if s.term != nil {
			u.w.tracef("user asks %s: %s", s.name, describe(ev))
			s.term.tell(ev)
		}
	})
}

func (u *users) name() string {
	u.next++
	return "r" + strconv.Itoa(u.next)
}

// request is something a user may ask for, sense or nonsense.
func (u *users) request() cluster.Event {
	w, st := u.w, u.w.store
	name := u.name()
	change := cluster.Change{Request: name, Deployment: "d-" + name, Force: w.chance(0.25), Rollback: w.chance(0.2)}
	app := appIDs[w.rng.IntN(len(appIDs))]
	switch w.rng.IntN(20) {
	case 0, 1, 2, 3, 4, 5:
		change.Put = append(change.Put, cluster.PutApp{App: u.spec(app), New: w.chance(0.1)})
	case 6, 7, 8:
		change.Edit = append(change.Edit, scale(app, w.rng.IntN(6)))
		if rows := sorted(st.byApp[app]); len(rows) > 0 && w.chance(0.3) {
			change.Kill = []string{rows[w.rng.IntN(len(rows))]}
		}
	case 9, 10:
		change.Restart = []apps.ID{app}
	case 11:
		change.Delete = []apps.ID{app}
	case 12: // a group
		n := 2 + w.rng.IntN(3)
		for i := range n {
			spec := u.spec(appIDs[i])
			if i > 0 && w.chance(0.6) {
				spec.Dependencies = []apps.ID{appIDs[w.rng.IntN(i)]}
			}
			change.Put = append(change.Put, cluster.PutApp{App: spec})
		}
	case 13, 14:
		rows := sorted(st.instances)
		if len(rows) == 0 {
			return nil
		}
		kill := cluster.Kill{Request: name}
		for range 1 + w.rng.IntN(2) {
			kill.Instances = append(kill.Instances, rows[w.rng.IntN(len(rows))])
		}
		return kill
	case 15, 16:
		ids := sorted(st.deployments)
		if len(ids) == 0 {
			return nil
		}
		return cluster.Cancel{Request: name, ID: ids[w.rng.IntN(len(ids))], Revert: w.chance(0.6), Deployment: "d-" + name}
	case 17:
		return cluster.ResetDelay{Request: name, App: app}
	case 18:
		if w.chance(0.4) {
			return cluster.Drain{Request: name, Host: w.hosts[w.rng.IntN(len(w.hosts))].name, On: w.chance(0.6)}
		}
		return cluster.Cordon{Request: name, Host: w.hosts[w.rng.IntN(len(w.hosts))].name, On: w.chance(0.4)}
	case 19:
		if w.chance(0.7) {
			return nil
		}
		return cluster.Forget{Request: name, Host: w.hosts[w.rng.IntN(len(w.hosts))].name}
	}
	return change
}

func scale(app apps.ID, n int) cluster.EditApp {
	return cluster.EditApp{App: app, Edit: func(old *apps.App) (*apps.App, error) {
		spec := *old
		spec.Instances = n
		return &spec, nil
	}}
}

var upgrades = []apps.Upgrade{{HealthyMin: 1, OverMax: 1}, {HealthyMin: 1, OverMax: 0}, {HealthyMin: 0.5, OverMax: 0.5}, {HealthyMin: 0.66, OverMax: 0.34},
	{}, {HealthyMin: 0.5}, {HealthyMin: 0.8, OverMax: 0.25}, {HealthyMin: 0, OverMax: 1}, {HealthyMin: 0.3, OverMax: 0.1}}

func (u *users) spec(id apps.ID) *apps.App {
	w := u.w
	spec := &apps.App{
		ID: id, Instances: w.rng.IntN(6), Needs: apps.Resources{CPU: int64(50 + 50*w.rng.IntN(4)), Mem: int64(100 + 100*w.rng.IntN(4))},
		Network: apps.NetworkBridge, Env: map[string]string{"V": strconv.Itoa(u.next)},
		Upgrade: upgrades[w.rng.IntN(len(upgrades))], KillOldest: w.chance(0.3),
		Backoff:     apps.Backoff{First: pick(w, 100*time.Millisecond, time.Second, 3*time.Second), Factor: 1.5, Max: pick(w, 5*time.Second, 20*time.Second)},
		Unreachable: apps.Unreachable{InactiveAfter: pick(w, 0, 0, 5*time.Second), ExpungeAfter: pick(w, 0, 5*time.Second, 20*time.Second), Disabled: w.chance(0.1)},
	}
	for range w.rng.IntN(3) {
		spec.Ports = append(spec.Ports, apps.Port{Protocol: "tcp", Container: 80})
	}
	if w.chance(0.05) && len(spec.Ports) > 0 {
		spec.Network, spec.RequirePorts = apps.NetworkHost, true
		for i := range spec.Ports {
			spec.Ports[i].Service = 9000 + w.rng.IntN(20)*2 + i
		}
	}
	if w.chance(0.5) {
		spec.Checks = []apps.Check{{Protocol: "HTTP", Path: "/", Grace: 5 * time.Second, Interval: pick(w, time.Second, 5*time.Second), Timeout: time.Second, FailuresMax: w.rng.IntN(4)}}
	}
	if w.chance(0.1) {
		spec.Readiness = []apps.ReadyCheck{{Name: "ready", Protocol: "HTTP", Path: "/", Interval: time.Second, Timeout: time.Second, StatusCodes: []int{200}}}
	}
	if w.chance(0.3) {
		spec.Constraints = []apps.Constraint{pick(w,
			apps.Constraint{Field: "hostname", Operator: "UNIQUE"},
			apps.Constraint{Field: "hostname", Operator: "MAX_PER", Value: "2"},
			apps.Constraint{Field: "rack", Operator: "GROUP_BY"},
			apps.Constraint{Field: "@zone", Operator: "GROUP_BY", Value: "2"},
			apps.Constraint{Field: "rack", Operator: "CLUSTER", Value: "r1"},
			apps.Constraint{Field: "@zone", Operator: "CLUSTER"},
			apps.Constraint{Field: "hostname", Operator: "LIKE", Value: "h[1-3]"},
			apps.Constraint{Field: "rack", Operator: "UNLIKE", Value: "r2"},
			apps.Constraint{Field: "level", Operator: "IS", Value: "1"},
		)}
	}
	return spec
}

// hear takes an answer: what was accepted must be stored, in order, for ever (5).
func (u *users) hear(r cluster.Reply) {
	w := u.w
	if w.groups != nil {
		w.groups.hear(r)
	}
	if r.Err != nil {
		w.tracef("user hears %s: %v", r.Request, r.Err)
		return
	}
	w.tracef("user hears %s: yes, deployment %q", r.Request, r.Deployment)
	for _, spec := range r.Apps {
		if spec.Deleted {
			if now := w.store.apps[spec.ID]; now != nil && !now.Deleted && now.Version < spec.Version {
				w.fail("the user was told that %s is deleted, but stored is version %v", spec.ID, now.Version)
			}
			delete(u.said, spec.ID)
			continue
		}
		found := false
		for _, v := range w.store.writes[spec.ID] {
			found = found || v == spec.Version || v == 0 // accepted and deleted in one step
		}
		if !found {
			w.fail("the user was told that version %v of %s is accepted, but it is not stored", spec.Version, spec.ID)
		}
		u.said[spec.ID] = max(u.said[spec.ID], spec.Version)
		if w.chance(w.plan.badSpecs) {
			w.bad[badKey{spec.ID, spec.ConfigAt}] = true
		}
	}
}

// keep checks that no accepted write was lost.
func (u *users) keep() {
	st := u.w.store
	for _, id := range sorted(u.said) {
		all := st.writes[id]
		switch last := all[len(all)-1]; {
		case last == 0 && st.apps[id] != nil, last != 0 && (st.apps[id] == nil || st.apps[id].Version != last):
			u.w.fail("the last write of %s was %v, but stored is %+v", id, last, st.apps[id])
		case last != 0 && last < u.said[id] && !goneSince(all, u.said[id]):
			u.w.fail("version %v of %s was accepted, but stored is %v", u.said[id], id, last)
		}
	}
}

// goneSince reports whether the app was gone after that version: made anew, it may have an
// older one, where clocks leap.
func goneSince(writes []apps.Version, v apps.Version) bool {
	return slices.Contains(writes[slices.Index(writes, v)+1:], 0)
}

func describe(ev cluster.Event) string {
	c, ok := ev.(cluster.Change)
	if !ok {
		return fmt.Sprintf("%T%+v", ev, ev)
	}
	s := fmt.Sprintf("%s force=%v", c.Request, c.Force)
	for _, p := range c.Put {
		s += fmt.Sprintf(" put %s ×%d min=%v over=%v needs=%v deps=%v ports=%d %v", p.App.ID, p.App.Instances, p.App.Upgrade.HealthyMin, p.App.Upgrade.OverMax, p.App.Needs, p.App.Dependencies, len(p.App.Ports), p.App.Constraints)
	}
	for _, e := range c.Edit {
		s += fmt.Sprintf(" scale %s", e.App)
	}
	for _, p := range c.PutGroups {
		s += fmt.Sprintf(" group %s new=%v deps=%v", p.ID, p.New, p.Dependencies)
	}
	return s + fmt.Sprintf(" restart %v delete %v kill %v drop %v", c.Restart, c.Delete, c.Kill, c.DropGroups)
}
