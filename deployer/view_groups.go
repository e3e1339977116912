package deployer

import (
	"cmp"
	"maps"
	"slices"

	"pacer/apps"
)

func (v *View) foldGroups(rows []*apps.Group) {
	for _, row := range rows {
		if v.appsRev = v.now; row.Deleted {
			delete(v.groups, row.ID)
		} else {
			v.groups[row.ID] = row
		}
	}
}

// Group is a group of its own row; every group has one but "/", which has one once
// something was said of it.
func (v *View) Group(id apps.ID) (*apps.Group, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	g, ok := v.groups[id]
	return g, ok
}

// Groups are a group and those below it, ordered by id.
func (v *View) Groups(id apps.ID) []*apps.Group {
	v.mu.RLock()
	defer v.mu.RUnlock()
	list := slices.Collect(maps.Values(v.groups))
	list = slices.DeleteFunc(list, func(g *apps.Group) bool { return !g.ID.Within(id) })
	slices.SortFunc(list, func(a, b *apps.Group) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
