package deployer

import (
	"maps"
	"slices"

	"pacer/apps"
	"pacer/deployer/placement"
)

// A tally is what one role has and waits for.
type tally struct {
	held      apps.Resources
	instances int
	wanted    apps.Resources // by instances that wait for a host
	waiting   int
}

// count adds an instance to its role's tally, or takes it away.
func (v *View) count(in *apps.Instance, sign int64) {
	t := v.tallies[in.Role]
	if t == nil {
		t = &tally{}
		v.tallies[in.Role] = t
	}
	needs := apps.Resources{CPU: sign * in.Needs.CPU, Mem: sign * in.Needs.Mem, Disk: sign * in.Needs.Disk, GPU: sign * in.Needs.GPU}
	if in.Host == "" {
		t.wanted, t.waiting = t.wanted.Plus(needs), t.waiting+int(sign)
	} else {
		t.held, t.instances = t.held.Plus(needs), t.instances+int(sign)
	}
	if t.instances == 0 && t.waiting == 0 {
		delete(v.tallies, in.Role)
	}
}

// A RoleStatus is a role with what it has, is due and waits for, now.
type RoleStatus struct {
	placement.RoleShare
	Instances int            // that have a host
	Waiting   int            // for a host
	Wanted    apps.Resources // by those
}

// Roles are the roles that were set or have instances, ordered by name, and what there
// is to share.
func (v *View) Roles() (roles []RoleStatus, total apps.Resources) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, h := range v.hosts {
		total = total.Plus(h.Total)
	}
	reserved := map[string]apps.Resources{} // by volumes that nobody uses now
	for _, c := range v.claims {
		if !c.Wipe && !v.attached(c) {
			reserved[c.Role] = reserved[c.Role].Plus(c.Needs)
		}
	}
	names := map[string]bool{}
	for _, m := range []map[string]bool{keys(v.roles), keys(v.tallies), keys(reserved)} {
		maps.Copy(names, m)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		role, set := v.roles[name]
		if !set {
			role = apps.Role{Name: name}
		}
		t := tally{}
		if have := v.tallies[name]; have != nil {
			t = *have
		}
		roles = append(roles, RoleStatus{
			RoleShare: placement.ShareOf(role, set, t.held.Plus(reserved[name]), total),
			Instances: t.instances, Waiting: t.waiting, Wanted: t.wanted,
		})
	}
	return roles, total
}

// attached reports whether an instance runs with the claim.
func (v *View) attached(c apps.Claim) bool {
	if a := v.apps[c.App]; a != nil {
		for _, in := range a.instances {
			if in.Claim == c.ID && in.Host != "" {
				return true
			}
		}
	}
	return false
}

func keys[V any](m map[string]V) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[k] = true
	}
	return out
}
