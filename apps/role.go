package apps

import "regexp"

// roleForm is Mesos' rule for roles, without hierarchies.
var roleForm = regexp.MustCompile(`^(\*|[^-./*\s\x00-\x1f][^/*\s\x00-\x1f]{0,254})$`)

// ValidRole reports whether a role may have that name: a word without blanks or slashes,
// or "*".
func ValidRole(name string) bool { return roleForm.MatchString(name) }

// A Role is a user of the cluster, for fairness: how much of it is due to the apps
// that have the role. A role that was never set has weight 1, no guarantee and no
// limit.
type Role struct {
	Name      string    `json:"name"`
	Weight    int64     `json:"weight,omitempty"`   // in thousandths; 0 is 1000
	Guarantee Resources `json:"guarantee,omitzero"` // served before others up to it; 0: none of that resource
	Limit     Limit     `json:"limit,omitzero"`     // never exceeded
	Version   Version   `json:"version,omitempty"`  // when it was set
	By        string    `json:"by,omitempty"`       // who set it
}

// A Limit is the most that a role may hold of each resource; nil is without limit.
type Limit struct {
	CPU  *int64 `json:"cpu,omitempty"`  // thousandths of a core
	Mem  *int64 `json:"mem,omitempty"`  // MiB
	Disk *int64 `json:"disk,omitempty"` // MiB
	GPU  *int64 `json:"gpu,omitempty"`
}
