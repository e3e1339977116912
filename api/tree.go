package api

import (
	"maps"
	"slices"
	"strings"

	"pacer/apps"
)

// appsMax is how many apps one request may change.
const appsMax = 10_000

// checkTree refuses what is only wrong beside other apps: an app in the place of a
// group, or the other way round, and dependencies in a circle. gone are ids that
// the same change deletes.
func (l *lookup) checkTree(specs []*apps.App, gone []apps.ID) error {
	tree := map[apps.ID]*apps.App{}
	for _, app := range l.Specs() {
		tree[app.ID] = app
	}
	for _, id := range gone {
		delete(tree, id)
	}
	for _, spec := range specs {
		tree[spec.ID] = spec
	}
	groups := map[apps.ID]bool{}
	for id := range tree {
		for group := id.Parent(); group != "/" && !groups[group]; group = group.Parent() {
			groups[group] = true
		}
	}
	for _, spec := range specs {
		clash := groups[spec.ID]
		for group := spec.ID.Parent(); group != "/" && !clash; group = group.Parent() {
			clash = tree[group] != nil
		}
		if clash {
			return invalid("Object is not valid", "/id", "Groups and Applications may not have the same identifier.")
		}
	}
	walk := walker{tree: tree, order: slices.Sorted(maps.Keys(tree)), met: map[apps.ID]mark{}}
	for _, spec := range specs {
		if circle := walk.circle(spec.ID); circle != nil {
			return invalid("Object is not valid", "/dependencies", "Dependency graph has cyclic dependencies.", circleText(circle))
		}
	}
	return nil
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
