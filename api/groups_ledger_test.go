package api

import (
	"context"
	"maps"
	"slices"

	"pacer/apps"
)

// groupsAt are the groups of a ledger as they were at a version, by id; 0: now.
func (l *ledger) groupsAt(within apps.ID, at apps.Version) (list []*apps.Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := map[apps.ID]*apps.Group{}
	for _, row := range l.groupRows {
		if row.ID.Within(within) && (at == 0 || row.Version <= at) {
			if by[row.ID] = row; row.Deleted {
				delete(by, row.ID)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(by)) {
		list = append(list, by[id])
	}
	return list
}

func (l *ledger) Groups(within apps.ID) []*apps.Group { return l.groupsAt(within, 0) }

func (l *ledger) Group(id apps.ID) (*apps.Group, bool) {
	if list := l.groupsAt(id, 0); len(list) > 0 && list[0].ID == id {
		return list[0], true
	}
	return nil, false
}

func (p past) GroupsAt(_ context.Context, group apps.ID, at apps.Version) ([]*apps.Group, error) {
	return p.groupsAt(group, max(at, 1)), nil
}

func (p past) GroupVersions(_ context.Context, group apps.ID) (list []apps.Version, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, row := range slices.Backward(p.groupRows) {
		if row.ID.Within(group) && !row.Deleted {
			list = append(list, row.Version)
		}
	}
	return list, nil
}
