package placement

import (
	"cmp"
	"maps"
	"slices"

	"pacer/apps"
)

// Role and Limit are how a user of the cluster is treated.
type (
	Role  = apps.Role
	Limit = apps.Limit
)

// WeightOne is the Weight of a role that was never set.
const WeightOne = 1000

// A RoleShare is what a role has and is due, now.
type RoleShare struct {
	Role
	Set      bool           `json:"set"` // else it is known by its instances only
	Held     apps.Resources `json:"held"`
	Share    float64        `json:"share"`    // of its dominant resource, of the whole cluster
	Weighted float64        `json:"weighted"` // Share by weight: the smallest is served next
	Dominant string         `json:"dominant"` // cpus, mem, disk or gpus; empty: it holds nothing
}

// A Fairness is what shares are compared.
type Fairness uint8

const (
	// DRF compares dominant shares, role by role and within a role app by app (H-DRF).
	DRF Fairness = iota
	// TaskShare compares, of all instances that would run if an app had the whole cluster
	// to itself and no constraints, the part that does (TSF, Wang et al., SC 2016).
	TaskShare
)

// A Policy is where instances go.
type Policy uint8

const (
	// Spread puts an app's instances on as many zones, then hosts, as there are.
	Spread Policy = iota
	// Pack puts instances on the fullest host that takes them, to keep others free.
	Pack
)

// PolicyLabel is the label by which an app chooses: "spread" or "pack".
const PolicyLabel = "PACER_PLACEMENT"

// A roleBook is a role with what it holds.
type roleBook struct {
	name      string
	weight    uint64
	guarantee vector
	guards    kinds // resources with a guarantee
	limit     vector
	limits    kinds // resources with a limit
	set       *Role
	held      apps.Resources
	n         int // instances
	apps      map[apps.ID]*appBook

	turn // of the round of Place that goes on
}

// An appBook is what one app of a role holds.
type appBook struct {
	id   apps.ID
	role *roleBook
	held apps.Resources
	n    int
	last apps.Resources // what one instance needs, as it was booked last

	lot // of the round of Place that goes on
}

// SetRole changes how a role is treated.
func (b *Board) SetRole(r Role) {
	book := b.role(r.Name)
	book.set = &r
	book.weight = uint64(max(cmp.Or(r.Weight, WeightOne), 1))
	book.guarantee = vectorOf(r.Guarantee)
	book.guards = book.guarantee.needed()
	book.limit, book.limits = vector{}, 0
	for i, most := range []*int64{r.Limit.CPU, r.Limit.Mem, r.Limit.Disk, r.Limit.GPU} {
		if most != nil {
			book.limit[i], book.limits = uint64(max(*most, 0)), book.limits|1<<i
		}
	}
	b.grew = true
}

// RemoveRole has a role treated as if it was never set.
func (b *Board) RemoveRole(name string) {
	if r := b.roles[name]; r != nil && r.set != nil {
		b.SetRole(Role{Name: name})
		r.set = nil
		b.dropRole(r)
	}
}

// SetFairness changes what shares are compared. SetPolicy changes where instances of
// apps go that do not choose by label.
func (b *Board) SetFairness(f Fairness) { b.fairness = f }

// SetPolicy is the policy of apps that do not choose one by label.
func (b *Board) SetPolicy(p Policy) {
	if b.policy != p {
		b.policy = p
		b.forgetFinders()
	}
}

// Shares is what each role has and is due, ordered by name.
func (b *Board) Shares() []RoleShare {
	var out []RoleShare
	for _, name := range slices.Sorted(maps.Keys(b.roles)) {
		r := b.roles[name]
		role := Role{Name: name}
		if r.set != nil {
			role = *r.set
		}
		out = append(out, ShareOf(role, r.set != nil, r.held, b.total))
	}
	return out
}

// ShareOf is what a role that holds so much of total has and is due.
func ShareOf(role Role, set bool, held, total apps.Resources) RoleShare {
	role.Weight = max(cmp.Or(role.Weight, WeightOne), 1)
	s := RoleShare{Role: role, Set: set, Held: held}
	have, all := vectorOf(held), vectorOf(total)
	share, kind := have.dominant(&all, allKinds)
	s.Share = float64(share.held) / float64(share.total)
	s.Weighted = s.Share * WeightOne / float64(role.Weight)
	if kind >= 0 {
		s.Dominant = kindNames[kind]
	}
	return s
}

var kindNames = [...]string{"cpus", "mem", "disk", "gpus"}

func (b *Board) role(name string) *roleBook {
	r := b.roles[name]
	if r == nil {
		r = &roleBook{name: name, weight: WeightOne, apps: map[apps.ID]*appBook{}}
		b.roles[name] = r
	}
	return r
}

func (r *roleBook) app(id apps.ID) *appBook {
	a := r.apps[id]
	if a == nil {
		a = &appBook{id: id, role: r}
		r.apps[id] = a
	}
	return a
}

// book adds one instance to what the app and its role hold, or takes it away.
func (a *appBook) book(needs, amount apps.Resources, sign int) {
	a.held, a.n, a.last = a.held.Plus(amount), a.n+sign, needs
	a.role.held, a.role.n = a.role.held.Plus(amount), a.role.n+sign
}

func (b *Board) dropApp(a *appBook) {
	if a.n == 0 && !a.waits {
		delete(a.role.apps, a.id)
		b.dropRole(a.role)
	}
}

func (b *Board) dropRole(r *roleBook) {
	if r.set == nil && len(r.apps) == 0 {
		delete(b.roles, r.name)
	}
}

// above is the first resource of which the role would hold more than its limit; -1 if
// there is none.
func (r *roleBook) above(needs *vector) int {
	if r.limits == 0 {
		return -1
	}
	held := vectorOf(r.held)
	for i, n := range needs {
		if r.limits>>i&1 != 0 && n > 0 && held[i]+n > r.limit[i] {
			return i
		}
	}
	return -1
}

// guaranteed reports whether what is asked lies within the role's guarantee: of each
// resource that is needed and guaranteed, and there is one.
func (r *roleBook) guaranteed(needs *vector) bool {
	if r.guards&needs.needed() == 0 {
		return false
	}
	held := vectorOf(r.held)
	for i, n := range needs {
		if r.guards>>i&1 != 0 && n > 0 && held[i]+n > r.guarantee[i] {
			return false
		}
	}
	return true
}
