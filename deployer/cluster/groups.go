package cluster

import (
	"fmt"
	"maps"
	"slices"

	"pacer/apps"
)

// A folder is a group: its row, and what users see in it.
type folder struct {
	row    *apps.Group
	apps   map[apps.ID]bool // directly in it
	groups map[apps.ID]bool // the same
	below  int              // apps in it and in all groups below it
}

// loadGroups makes the tree of the rows. A group that has none, because its app is older
// than the rows of groups are, gets one.
func (s *State) loadGroups(rows []*apps.Group, newest apps.Version) {
	s.groups, s.groupsAt = map[apps.ID]*folder{"/": newFolder(&apps.Group{ID: "/"})}, newest
	for _, row := range slices.SortedFunc(slices.Values(rows), func(a, b *apps.Group) int { return len(a.ID) - len(b.ID) }) {
		s.setGroup(row)
	}
	for _, id := range sortedKeys(s.apps) {
		a := s.present(id)
		if a == nil {
			continue
		}
		for _, group := range missing(id, func(group apps.ID) bool { return s.groups[group] != nil }) {
			row := &apps.Group{ID: group, Version: a.spec.Version}
			s.setGroup(row)
			s.unsaved = append(s.unsaved, row)
		}
		s.seatApp(id, 1)
	}
}

func newFolder(row *apps.Group) *folder {
	return &folder{row: row, apps: map[apps.ID]bool{}, groups: map[apps.ID]bool{}}
}

// missing are the groups that have to be made for id to be put there, the outermost first.
func missing(id apps.ID, there func(apps.ID) bool) (groups []apps.ID) {
	for group := id.Parent(); group != "/" && !there(group); group = group.Parent() {
		groups = append(groups, group)
	}
	slices.Reverse(groups)
	return groups
}

// setGroup puts a row into the tree, where those above it are.
func (s *State) setGroup(row *apps.Group) {
	s.groupsAt = max(s.groupsAt, row.Version)
	if g := s.groups[row.ID]; g != nil {
		g.row = row
		return
	}
	s.groups[row.ID] = newFolder(row)
	s.groups[row.ID.Parent()].groups[row.ID] = true
}

// dropGroup takes a group out of the tree that holds nothing any more.
func (s *State) dropGroup(id apps.ID) {
	if g := s.groups[id]; g.below+len(g.groups) > 0 {
		panic(fmt.Sprintf("cluster: the group %s goes with %d apps and %d groups in it", id, g.below, len(g.groups)))
	}
	delete(s.groups, id)
	delete(s.groups[id.Parent()].groups, id)
}

// seatApp counts an app in the groups that it is in.
func (s *State) seatApp(id apps.ID, sign int) {
	group := id.Parent()
	if sign > 0 {
		s.groups[group].apps[id] = true
	} else {
		delete(s.groups[group].apps, id)
	}
	for ; ; group = group.Parent() {
		if s.groups[group].below += sign; group == "/" {
			return
		}
	}
}

// inside lists the apps in a group and below it, ordered by id; none where there is no
// such group.
func (s *State) inside(id apps.ID) []apps.ID {
	var list []apps.ID
	s.eachGroup(id, func(g *folder) {
		for app := range g.apps {
			list = append(list, app)
		}
	})
	slices.Sort(list)
	return list
}

// eachGroup visits a group, then those below it, in any order.
func (s *State) eachGroup(id apps.ID, visit func(*folder)) {
	g := s.groups[id]
	if g == nil {
		return
	}
	visit(g)
	for child := range g.groups {
		s.eachGroup(child, visit)
	}
}

// groupVersion is what users see as the version of a group.
func (s *State) groupVersion(id apps.ID) (newest apps.Version) {
	s.eachGroup(id, func(g *folder) {
		newest = max(newest, g.row.Version)
		for app := range g.apps {
			newest = max(newest, s.apps[app].spec.Version)
		}
	})
	return newest
}

// checkGroups recounts the tree.
func (s *State) checkGroups() error {
	counted := map[apps.ID]*folder{"/": newFolder(s.groups["/"].row)}
	for id, g := range s.groups {
		if g.row == nil || g.row.ID != id || g.row.Deleted {
			return fmt.Errorf("the group %s has the row %+v", id, g.row)
		}
		if counted[id] == nil {
			counted[id] = newFolder(g.row)
		}
	}
	for id := range s.groups {
		parent := counted[id.Parent()]
		if parent == nil {
			return fmt.Errorf("the group %s is in no group", id)
		}
		if id != "/" {
			parent.groups[id] = true
		}
		if s.present(id) != nil {
			return fmt.Errorf("%s is a group and an app", id)
		}
	}
	for id := range s.apps {
		if s.present(id) == nil {
			continue
		}
		if counted[id.Parent()] == nil {
			return fmt.Errorf("%s is in no group", id)
		}
		counted[id.Parent()].apps[id] = true
		for group := id.Parent(); ; group = group.Parent() {
			if counted[group].below++; group == "/" {
				break
			}
		}
	}
	for id, g := range counted {
		if have := s.groups[id]; have.below != g.below || !maps.Equal(have.apps, g.apps) || !maps.Equal(have.groups, g.groups) {
			return fmt.Errorf("the group %s holds %d apps: %v and %v, recounted %d: %v and %v", id, have.below, have.apps, have.groups, g.below, g.apps, g.groups)
		}
	}
	return nil
}
