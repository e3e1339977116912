package cluster

import (
	"slices"
	"strings"

	"pacer/apps"
)

// checkCircles refuses dependencies in a circle. It looks at what can be come to from
// where they are new: from apps that are new or depend on something else, and from those
// in groups that do.
func (s *State) checkCircles(target []*apps.App, groups *regrouping) error {
	specs := make(map[apps.ID]*apps.App, len(target))
	for _, spec := range target {
		specs[spec.ID] = spec
	}
	walk := walker{graph: s.graph(specs, groups.rows), met: map[apps.ID]mark{}}
	var from []apps.ID
	for _, spec := range target {
		if there := s.present(spec.ID); !spec.Deleted && (there == nil || !slices.Equal(spec.Dependencies, there.spec.Dependencies)) {
			from = append(from, spec.ID)
		}
	}
	for _, id := range sortedKeys(groups.rows) {
		if row := groups.rows[id]; row != nil && len(row.Dependencies) > 0 && (s.groups[id] == nil || !slices.Equal(row.Dependencies, s.groups[id].row.Dependencies)) {
			from = append(from, walk.graph.members(id)...)
		}
	}
	for _, id := range from {
		if circle := walk.circle(id); circle != nil {
			return wrong("/dependencies", "Dependency graph has cyclic dependencies.", circleText(circle))
		}
	}
	return nil
}

func wrong(path string, faults ...string) error {
	return &apps.Error{Kind: apps.Invalid, Message: "Object is not valid", Details: []apps.FieldErrors{{Path: path, Errors: faults}}}
}

// A graph is who depends on whom, as a change will have it.
type graph struct {
	s      *State
	specs  map[apps.ID]*apps.App   // of the change
	groups map[apps.ID]*apps.Group // the same; nil: it goes
	coming []apps.ID               // of specs, those that are new
	goes   bool                    // what goes is there, too
	known  map[apps.ID][]apps.ID   // members that were asked for
}

func (s *State) graph(specs map[apps.ID]*apps.App, groups map[apps.ID]*apps.Group) *graph {
	g := &graph{s: s, specs: specs, groups: groups, known: map[apps.ID][]apps.ID{}}
	for id := range specs {
		if s.present(id) == nil {
			g.coming = append(g.coming, id)
		}
	}
	return g
}

// app is the spec that an app will have; nil: it is not there.
func (g *graph) app(id apps.ID) *apps.App {
	if spec := g.specs[id]; spec != nil {
		if spec.Deleted && !g.goes {
			return nil
		}
		return spec
	}
	if a := g.s.present(id); a != nil {
		return a.spec
	}
	return nil
}

// dependencies are what an app depends on: its own dependencies, and those of the groups
// it is in.
func (g *graph) dependencies(id apps.ID) []apps.ID {
	var all []apps.ID
	if spec := g.app(id); spec != nil {
		all = spec.Dependencies
	}
	for group := id.Parent(); ; group = group.Parent() {
		if row := g.group(group); row != nil && len(row.Dependencies) > 0 {
			all = slices.Concat(all, row.Dependencies)
		}
		if group == "/" {
			return all
		}
	}
}

func (g *graph) group(id apps.ID) *apps.Group {
	row, changes := g.groups[id]
	if there := g.s.groups[id]; there != nil && (!changes || row == nil && g.goes) {
		return there.row
	}
	return row
}

// members are the apps that a dependency means: that one, or all of a group. What
// is not there is no app yet.
func (g *graph) members(dependency apps.ID) []apps.ID {
	if list, known := g.known[dependency]; known {
		return list
	}
	var list []apps.ID
	if g.app(dependency) != nil {
		list = []apps.ID{dependency}
	} else {
		for _, id := range slices.Concat(g.s.inside(dependency), g.coming) {
			if id.Within(dependency) && g.app(id) != nil {
				list = append(list, id)
			}
		}
		slices.Sort(list)
	}
	g.known[dependency] = list
	return list
}

// A walker looks for circles, meeting each app once.
type walker struct {
	graph *graph
	met   map[apps.ID]mark
	path  []apps.ID // those that are onPath, each depending on the next
}

type mark uint8

const (
	onPath mark = iota + 1 // its dependencies are being followed
	done                   // no circle by way of it
)

// circle is the first circle that is found by way of an app: each depends on the next,
// and the last on the first. nil: there is none.
func (w *walker) circle(id apps.ID) []apps.ID {
	switch w.met[id] {
	case onPath:
		return slices.Clone(w.path[slices.Index(w.path, id):])
	case done:
		return nil
	}
	w.met[id] = onPath
	w.path = append(w.path, id)
	for _, dependency := range w.graph.dependencies(id) {
		for _, member := range w.graph.members(dependency) {
			if circle := w.circle(member); circle != nil {
				return circle
			}
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.met[id] = done
	return nil
}

// circleText writes a circle, or the ends of a long one.
func circleText(circle []apps.ID) string {
	const most = 20 // apps
	var names []string
	for i, id := range circle {
		if i == most-1 && len(circle) > most {
			names = append(names, "…")
			break
		}
		names = append(names, string(id))
	}
	return strings.Join(append(names, string(circle[0])), " → ")
}
