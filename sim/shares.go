package sim

import (
	"cmp"
	"slices"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// preemptedMax is how many instances one step makes give way, as the core promises.
const preemptedMax = 10

// sharers are the roles that operators set, and whose hosts there are.
var sharers = []string{"shop", "lab", "*"}

// share is what an operator asks for who divides the cluster among roles.
func (p *powers) share(name string) cluster.Event {
	switch p.intn(6) {
	case 0, 1:
		return cluster.SetSettings{Request: name, Settings: apps.Settings{
			Placement: pick(p, "", apps.PlaceSpread, apps.PlacePack), Fairness: pick(p, "", apps.FairDRF, apps.FairTasks), Preemption: p.chance(0.8),
		}}
	case 2:
		return cluster.DropRole{Request: name, Name: pick(p, sharers...)}
	default:
		return p.guarantee(name)
	}
}

func (p *powers) guarantee(name string) cluster.Event {
	return cluster.SetRole{Request: name, Role: apps.Role{
		Name: pick(p, sharers...), Weight: int64(500 * p.intn(5)), Guarantee: apps.Resources{CPU: int64(200 * p.intn(8)), Mem: int64(200 * p.intn(8))},
	}}
}

// accepted are the roles of hosts that an app says it takes; mostly it says nothing.
func (p *powers) accepted() []string {
	return pick(p, nil, nil, nil, []string{"*"}, []string{"lab"}, []string{"*", "lab"}, []string{"shop", "*"})
}

// takes reports whether an app may be on a host of that role, by the rule that users
// are told: what it accepts; if it does not say, what belongs to all or to its own role.
func takes(spec *apps.App, host string) bool {
	host = cmp.Or(host, "*")
	if len(spec.AcceptedRoles) > 0 {
		return slices.Contains(spec.AcceptedRoles, host)
	}
	return host == "*" || host == spec.FairRole()
}

// applyShares stores what holds for the cluster and its roles.
func (st *store) applyShares(c *cluster.Changes) {
	if c.Settings != nil {
		st.settings = *c.Settings
	}
	for _, name := range c.GoneRoles {
		delete(st.roles, name)
	}
	for _, r := range c.Roles {
		st.roles[r.Name] = r
	}
}

func (st *store) storedShares(out *cluster.Stored) {
	out.Settings = st.settings
	for _, name := range sorted(st.roles) {
		out.Roles = append(out.Roles, st.roles[name])
	}
}

// preempted are the instances that a commit makes give way.
func (st *store) preempted(c *cluster.Changes) (out []*apps.Instance) {
	for _, in := range c.Instances {
		if old := st.instances[in.ID]; in.Preempted && (old == nil || !old.Preempted) {
			out = append(out, in)
		}
	}
	return out
}

// judgePreempted holds those who gave way against the promises: only where the settings
// say so, few at a time, only of roles above their fair share, and of no app so many that
// fewer than its minimum are ready.
func (st *store) judgePreempted(gone []*apps.Instance) {
	w := st.w
	if len(gone) == 0 {
		return
	}
	w.hours.Preempted += len(gone)
	if !st.settings.Preemption {
		w.fail("%s gives way, and the cluster does not preempt", gone[0].ID)
	}
	if len(gone) > preemptedMax {
		w.fail("%d instances give way in one step", len(gone))
	}
	weights := st.weights()
	of := map[string]apps.Resources{} // the most that one of a role's held, of each
	for _, in := range gone {
		m := of[in.Role]
		of[in.Role] = apps.Resources{CPU: max(m.CPU, in.Needs.CPU), Mem: max(m.Mem, in.Needs.Mem), Disk: max(m.Disk, in.Needs.Disk), GPU: max(m.GPU, in.Needs.GPU)}
	}
	for _, role := range sorted(of) {
		// The last of them went when the role held what it holds now, and that one.
		if held := st.roleHolds(role).Plus(of[role]); !aboveFair(held, st.total(), st.weight(role), weights) {
			w.fail("instances of role %s give way, and it held %+v of %+v with weight %d of %d", role, held, st.total(), st.weight(role), weights)
		}
	}
	for _, in := range gone {
		spec, ready := st.inForce(in.App), 0
		for _, o := range st.byApp[in.App] {
			if o.State == apps.Running && o.Ready && !o.Unreachable {
				ready++
			}
		}
		if spec != nil && ready < spec.HealthyMin() {
			w.fail("%s gives way, and leaves %d of %s ready, but the minimum is %d of %d:%s", in.ID, ready, in.App, spec.HealthyMin(), spec.Instances, st.list(in.App))
		}
	}
}

func (st *store) weight(role string) int64 { return cmp.Or(st.roles[role].Weight, 1000) }

// weights is the sum of the weights of all roles that have instances.
func (st *store) weights() (sum int64) {
	seen := map[string]bool{}
	for _, in := range st.instances {
		if !seen[in.Role] {
			seen[in.Role] = true
			sum += st.weight(in.Role)
		}
	}
	return sum
}

// roleHolds is what the instances of a role hold that have a host and do not go.
func (st *store) roleHolds(role string) (sum apps.Resources) {
	for _, in := range st.instances {
		if in.Role == role && in.Host != "" && in.State < apps.Draining {
			sum = sum.Plus(in.Needs)
		}
	}
	return sum
}

// total is what all hosts have.
func (st *store) total() (sum apps.Resources) {
	for _, h := range st.hosts {
		sum = sum.Plus(h.Total)
	}
	return sum
}

// aboveFair reports whether of any resource more is held than the weight's part of it.
func aboveFair(held, total apps.Resources, weight, weights int64) bool {
	above := func(held, total int64) bool { return total > 0 && held*weights > total*weight }
	return above(held.CPU, total.CPU) || above(held.Mem, total.Mem) || above(held.Disk, total.Disk) || above(held.GPU, total.GPU)
}

// judgeRole: who is given a host takes the host's role.
func (st *store) judgeRole(in *apps.Instance) {
	spec, h := st.spec(in.App, in.Version), st.hosts[in.Host]
	if spec != nil && h.Name != "" && !takes(spec, h.Role) {
		st.w.fail("%s is given host %s of role %q, and accepts %q of role %s", in.ID, h.Name, h.Role, spec.AcceptedRoles, spec.FairRole())
	}
}
