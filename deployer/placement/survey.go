package placement

import (
	"slices"

	"pacer/apps"
)

// A survey asks many hosts about one app, while nothing is booked. What is the same for
// all hosts of a class, it asks once.
type survey struct {
	b       *Board
	app     *apps.App
	crowd   *crowd // nil where nothing of the app is placed
	later   bool   // hosts count as open where others are making way
	named   []int  // constraints of the host's name
	classes map[int32]*verdict
	class   int32 // of which last is the verdict
	last    *verdict
}

// A verdict is what an app and its constraints say of a class of hosts.
type verdict struct {
	takes   bool  // the role
	broken  []int // constraints, but those of the name
	missing bool  // it has not the attribute of the first of those
}

func (b *Board) survey(app *apps.App, c *crowd) *survey {
	s := &survey{b: b, app: app, crowd: c, classes: map[int32]*verdict{}}
	for i, con := range app.Constraints {
		if ofName(con) {
			s.named = append(s.named, i)
		}
	}
	return s
}

func ofName(con apps.Constraint) bool { return con.Field == "hostname" || con.Field == "@hostname" }

func (s *survey) of(h *host) *verdict {
	if s.last != nil && s.class == h.class {
		return s.last
	}
	v := s.classes[h.class]
	if v == nil {
		v = &verdict{takes: s.app.Takes(h.Host.Role)}
		for i, con := range s.app.Constraints {
			if ofName(con) || s.fulfils(con, h) {
				continue
			}
			if v.broken == nil {
				_, has := attribute(&h.Host, con.Field)
				v.missing = !has
			}
			v.broken = append(v.broken, i)
		}
		s.classes[h.class] = v
	}
	s.class, s.last = h.class, v
	return v
}

// fulfils applies one of Marathon's constraints: a host without the attribute passes only
// UNLIKE.
func (s *survey) fulfils(con apps.Constraint, h *host) bool {
	value, has := attribute(&h.Host, con.Field)
	return has && s.b.holds(con, s.crowd, value) || !has && con.Operator == "UNLIKE"
}

// broken is the constraints that the host does not fulfil, by their index.
func (s *survey) broken(h *host) []int {
	out := s.of(h).broken
	for _, i := range s.named {
		if !s.fulfils(s.app.Constraints[i], h) {
			out = append(slices.Clip(out), i)
		}
	}
	if len(s.named) > 0 {
		slices.Sort(out)
	}
	return out
}

// refuses is the first filter that the host does not pass; free is how much it has of what
// is lacking.
func (s *survey) refuses(h *host) (why refused, free int64) {
	if !h.open && !(s.later && h.Closed == MakingWay) {
		return refused{code: AgentMaintenance, closed: h.Closed}, 0
	}
	v := s.of(h)
	if !v.takes {
		return refused{code: UnfulfilledRole, role: h.Host.Role}, 0
	}
	if broken := s.broken(h); len(broken) > 0 {
		first := broken[0]
		return refused{code: UnfulfilledConstraint, constraint: first, missing: v.missing && len(v.broken) > 0 && v.broken[0] == first}, 0
	}
	switch n := &s.app.Needs; {
	case n.CPU > h.free.CPU:
		return refused{code: InsufficientCpus}, h.free.CPU
	case n.Mem > h.free.Mem:
		return refused{code: InsufficientMemory}, h.free.Mem
	case n.Disk > h.free.Disk:
		return refused{code: InsufficientDisk}, h.free.Disk
	case n.GPU > h.free.GPU:
		return refused{code: InsufficientGpus}, h.free.GPU
	}
	if len(s.app.Ports) > 0 {
		if port := h.ports.lacks(s.app); port != 0 {
			return refused{code: InsufficientPorts, port: port}, 0
		}
	}
	return refused{}, 0
}

// constraints are those of the indices.
func (s *survey) constraints(indices []int) (out []apps.Constraint) {
	for _, i := range indices {
		out = append(out, s.app.Constraints[i])
	}
	return out
}
