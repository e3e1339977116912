package sim

import (
	"fmt"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// manyHosts is how many hosts a world of many has.
const manyHosts = 100

// many is what users of a big cluster ask for, in a world that was made with
// NewWithManyHosts.
type many struct {
	w *World
	dice
}

// manyIDs are the apps of many instances.
var manyIDs = []apps.ID{"/many/a", "/many/b", "/many/c", "/many/d", "/many/e", "/many/f"}

// NewWithManyHosts is the world of a seed, with its faults, on a hundred hosts.
func NewWithManyHosts(seed uint64) *World {
	w := newWorld(seed, func(p *plan) { p.hosts = manyHosts })
	w.many = &many{w, newDice(seed, 0x100)}
	return w
}

// LiveWithManyHosts lives the history of a seed twice; both must be the same.
func LiveWithManyHosts(seed uint64) (Result, error) { return twice(seed, NewWithManyHosts) }

// begin asks for all apps, then again and again for a change of one.
func (m *many) begin() {
	for i, id := range manyIDs {
		m.w.after(time.Duration(5+i)*time.Second, func() { m.w.users.submit(m.put(id)) })
	}
	m.w.after(15*time.Second, m.ask)
}

func (m *many) ask() {
	if m.w.healed {
		return
	}
	m.w.users.submit(m.request())
	m.w.after(m.exp(8*time.Second), m.ask)
}

func (m *many) request() cluster.Event {
	id := pick(m, manyIDs...)
	change := m.change()
	switch m.intn(4) {
	case 0:
		return m.put(id)
	case 1, 2:
		change.Edit = append(change.Edit, scale(id, 10+m.intn(40)))
	default:
		change.Restart = append(change.Restart, id)
	}
	return change
}

func (m *many) change() cluster.Change {
	name := m.w.users.name()
	return cluster.Change{Request: name, Deployment: "d-" + name, Force: m.chance(0.3), Rollback: m.chance(0.3)}
}

func (m *many) put(id apps.ID) cluster.Event {
	spec := &apps.App{
		ID: id, Instances: 10 + m.intn(40), Needs: apps.Resources{CPU: int64(50 + 50*m.intn(2)), Mem: int64(100 + 100*m.intn(2))},
		Network: apps.NetworkBridge, Env: map[string]string{"V": fmt.Sprint(m.w.users.next)}, Ports: []apps.Port{{Protocol: "tcp", Container: 80}},
		Upgrade: pick(m, upgrades...), Backoff: apps.Backoff{First: time.Second, Factor: 1.5, Max: 20 * time.Second},
		Unreachable: apps.Unreachable{InactiveAfter: pick(m, 0, 5*time.Second), ExpungeAfter: pick(m, 0, 20*time.Second)},
	}
	if m.chance(0.5) {
		spec.Checks = []apps.Check{{Protocol: "HTTP", Path: "/", Grace: 5 * time.Second, Interval: 5 * time.Second, Timeout: time.Second, FailuresMax: 3}}
	}
	if m.chance(0.4) {
		spec.Constraints = []apps.Constraint{pick(m,
			apps.Constraint{Field: "hostname", Operator: "UNIQUE"},
			apps.Constraint{Field: "hostname", Operator: "MAX_PER", Value: "2"},
			apps.Constraint{Field: "@zone", Operator: "GROUP_BY", Value: "3"},
			apps.Constraint{Field: "rack", Operator: "UNLIKE", Value: "r2"},
		)}
	}
	change := m.change()
	change.Put = append(change.Put, cluster.PutApp{App: spec})
	return change
}
