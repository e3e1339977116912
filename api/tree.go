package api

import (
	"maps"
	"slices"

	"pacer/apps"
)

// appsMax is how many apps one request may change.
const appsMax = 10_000

// checkTree refuses what is only wrong beside other apps: an app in the place of a
// group, or the other way round, and dependencies in a circle. gone are ids that
// the same change deletes.
func (l *lookup) checkTree(specs []*apps.App, gone []apps.ID) error {
	tree := map[apps.ID]*apps.App{}
	for _, app := range l.Apps() {
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
		if walk.circle(spec.ID) {
			return invalid("Object is not valid", "/dependencies", "Dependency graph has cyclic dependencies.")
		}
	}
	return nil
}

// A walker looks for circles, meeting each app once.
type walker struct {
	tree  map[apps.ID]*apps.App
	order []apps.ID // of the tree
	met   map[apps.ID]mark
}

type mark uint8

const (
	onPath mark = iota + 1 // its dependencies are being followed
	done                   // no circle by way of it
)

func (w *walker) circle(id apps.ID) bool {
	switch w.met[id] {
	case onPath:
		return true
	case done:
		return false
	}
	w.met[id] = onPath
	for _, dependency := range w.tree[id].Dependencies {
		if slices.ContainsFunc(w.members(dependency), w.circle) {
			return true
		}
	}
	w.met[id] = done
	return false
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
