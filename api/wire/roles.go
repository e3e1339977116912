package wire

// Roles is the answer to GET /pacer/v1/roles: how the cluster is shared now.
type Roles struct {
	Roles []Role    `json:"roles"`
	Total Resources `json:"total"` // of all hosts
}

// A Role is a user of the cluster, for fairness: the role of an app, else the first
// element of its path.
type Role struct {
	Name      string     `json:"name"`
	Set       bool       `json:"set"`    // else it is known by its apps only: weight 1, no guarantee, no limit
	Weight    float64    `json:"weight"` // what is due to it, relative to others
	Guarantee Resources  `json:"guarantee"`
	Limit     RoleLimits `json:"limit"`
	Version   string     `json:"version,omitzero"` // when it was set

	Share         float64   `json:"share"`         // of its dominant resource, of the whole cluster: 0 to 1
	WeightedShare float64   `json:"weightedShare"` // share by weight: the role with the smallest is served next
	Dominant      string    `json:"dominant"`      // cpus, mem, disk or gpus; empty: it has nothing
	Held          Resources `json:"held"`
	Instances     int       `json:"instances"` // that have a host
	Waiting       int       `json:"waiting"`   // for a host
	Wanted        Resources `json:"wanted"`    // by those
}

// RoleLimits are the most that a role may hold; what is absent has no limit.
type RoleLimits struct {
	Cpus *float64 `json:"cpus,omitzero" rule:"min=0 max=1000000000"`
	Mem  *int     `json:"mem,omitzero" rule:"min=0"`
	Disk *int     `json:"disk,omitzero" rule:"min=0"`
	GPUs *int     `json:"gpus,omitzero" rule:"min=0"`
}

// A RoleUpdate is the body of PUT /pacer/v1/roles/{role}: all of it, absent parts are
// as if they were never set.
type RoleUpdate struct {
	Name      string      `json:"name,omitzero"`
	Weight    *float64    `json:"weight,omitzero" rule:"min=0.001 max=1000000"`
	Guarantee *RoleLimits `json:"guarantee,omitzero"`
	Limit     *RoleLimits `json:"limit,omitzero"`
}

// A RoleDetail is the answer to GET /pacer/v1/roles/{role}: the role, and what it was
// set to before.
type RoleDetail struct {
	Role
	History []RoleSetting `json:"history"` // newest first
}

// A RoleSetting is what a role was set to, by whom.
type RoleSetting struct {
	Version   string     `json:"version"`
	By        string     `json:"by,omitzero"`
	Weight    float64    `json:"weight"`
	Guarantee Resources  `json:"guarantee"`
	Limit     RoleLimits `json:"limit"`
}

// Decisions is why instances of an app were placed where they are, or not placed, the
// oldest first: GET /pacer/v1/apps/{id}/decisions. The last 4,096 decisions of the
// cluster are kept, by the leader that made them.
type Decisions struct {
	Decisions []Decision `json:"decisions"`
}

// A Decision is one turn of the scheduler.
type Decision struct {
	Number     uint64  `json:"number"`
	Instance   string  `json:"instance"`
	Role       string  `json:"role"`
	Share      float64 `json:"share"`      // the role's, by weight, when it was its turn
	Guaranteed bool    `json:"guaranteed"` // served first: it was below its guarantee
	Next       string  `json:"next,omitzero"`
	NextShare  float64 `json:"nextShare"`
	Host       string  `json:"host,omitzero"` // absent: no host took it
	Hosts      int     `json:"hosts"`
	Tried      int     `json:"tried"` // hosts looked at one by one; the index left out the others
	Sentence   string  `json:"sentence"`
}
