package cluster

import (
	"maps"
	"slices"
	"strings"

	"pacer/apps"
)

// checkTree refuses what is only wrong beside other apps: an app in the place of a
// group, or the other way round, and dependencies in a circle. target is complete specs,
// those to be deleted among them.
func (s *State) checkTree(target []*apps.App) error {
	folders := map[apps.ID]int{} // how many more apps are below
	comes, goes := map[apps.ID]bool{}, map[apps.ID]bool{}
	depends := false
	for _, spec := range target {
		switch there := s.present(spec.ID); {
		case spec.Deleted:
			goes[spec.ID] = true
			seat(folders, spec.ID, -1)
		case there == nil:
			comes[spec.ID] = true
			seat(folders, spec.ID, 1)
			depends = depends || len(spec.Dependencies) > 0
		default:
			depends = depends || len(spec.Dependencies) > 0 && !slices.Equal(spec.Dependencies, there.spec.Dependencies)
		}
	}
	for _, spec := range target {
		clash := comes[spec.ID] && s.folders[spec.ID]+folders[spec.ID] > 0
		for group := spec.ID.Parent(); group != "/" && comes[spec.ID] && !clash; group = group.Parent() {
			clash = comes[group] || s.present(group) != nil && !goes[group]
		}
		if clash {
			return wrong("/id", "Groups and Applications may not have the same identifier.")
		}
	}
	if !depends { // a circle needs one that is new in it
		return nil
	}
	return s.checkCircles(target)
}

func (s *State) checkCircles(target []*apps.App) error {
	tree := map[apps.ID]*apps.App{}
	for id := range s.apps {
		if a := s.present(id); a != nil {
			tree[id] = a.spec
		}
	}
	for _, spec := range target {
		if tree[spec.ID] = spec; spec.Deleted {
			delete(tree, spec.ID)
		}
	}
	walk := walker{tree: tree, order: slices.Sorted(maps.Keys(tree)), met: map[apps.ID]mark{}}
	for _, spec := range target {
		if spec.Deleted {
			continue
		}
		if circle := walk.circle(spec.ID); circle != nil {
			return wrong("/dependencies", "Dependency graph has cyclic dependencies.", circleText(circle))
		}
	}
	return nil
}

// seat counts an app in the groups that it is in.
func seat(folders map[apps.ID]int, id apps.ID, sign int) {
	for group := id.Parent(); group != "/"; group = group.Parent() {
		if folders[group] += sign; folders[group] == 0 {
			delete(folders, group)
		}
	}
}

// seats recounts all apps.
func (s *State) seats() map[apps.ID]int {
	folders := map[apps.ID]int{}
	for id := range s.apps {
		if s.present(id) != nil {
			seat(folders, id, 1)
		}
	}
	return folders
}

func wrong(path string, faults ...string) error {
	return &apps.Error{Kind: apps.Invalid, Message: "Object is not valid", Details: []apps.FieldErrors{{Path: path, Errors: faults}}}
}

// A walker looks for circles, meeting each app once.
type walker struct {
	tree  map[apps.ID]*apps.App
	order []apps.ID // of the tree
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
	for _, dependency := range w.tree[id].Dependencies {
		for _, member := range w.members(dependency) {
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

// members are the apps that a dependency means: that one, or all of a group. What
// is not there is no app yet.
func (w *walker) members(dependency apps.ID) []apps.ID {
	if w.tree[dependency] != nil {
		return []apps.ID{dependency}
	}
	first, _ := slices.BinarySearch(w.order, dependency+"/")
	last, _ := slices.BinarySearch(w.order, dependency+"0") // '0' follows '/'
	if dependency == "/" {
		first, last = 0, len(w.order)
	}
	return w.order[first:last]
}
