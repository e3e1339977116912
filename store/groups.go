package store

import (
	"context"
	"fmt"
	"strings"

	"pacer/apps"
)

var (
	groupsTable   = newTable("groups", 1, "id", "doc")
	groupVersions = newTable("group_versions", 2, "id", "version#", "gone#", "doc")
)

// putGroups keeps every version of the groups, and of each group whether it is there.
func (p *planner) putGroups(rows []*apps.Group) {
	if len(rows) == 0 {
		return
	}
	id := func(g *apps.Group) string { return string(g.ID) }
	var there []*apps.Group
	var gone []string
	for _, row := range lastOfEach(rows, id) {
		if row.Deleted {
			gone = append(gone, id(row))
		} else {
			there = append(there, row)
		}
	}
	p.drop("groups", "id", gone)
	putAll(p, groupsTable, there, id, func(g *apps.Group) []any { return []any{id(g)} })
	putAll(p, groupVersions, rows, func(g *apps.Group) string { return fmt.Sprint(g.ID, " ", int64(g.Version)) }, func(g *apps.Group) []any {
		var gone int64
		if g.Deleted {
			gone = 1
		}
		return []any{id(g), int64(g.Version), gone}
	})
	p.writes = append(p.writes, trim{"group_versions", "id", each(rows, id)})
}

// inGroup selects a group, $1, and those below it, whose ids begin with $2.
const inGroup = `(id = $1 OR substr(id, 1, length($2)) = $2)`

func below(group apps.ID) string { return strings.TrimSuffix(string(group), "/") + "/" }

// GroupVersions are the kept versions of a group itself and of the groups below it, newest
// first; none where it never was. Those of deleted groups are kept, too: of the last 1,000.
func (d *DB) GroupVersions(ctx context.Context, group apps.ID) ([]apps.Version, error) {
	return d.versions(ctx, `SELECT DISTINCT version FROM group_versions WHERE gone = 0 AND `+inGroup+` ORDER BY version DESC`, string(group), below(group))
}

// GroupsAt are a group and those below it as they were at a version, ordered by id.
func (d *DB) GroupsAt(ctx context.Context, group apps.ID, at apps.Version) ([]*apps.Group, error) {
	found, err := readAll[*apps.Group](ctx, d.read, `SELECT doc FROM group_versions AS g WHERE `+inGroup+` AND gone = 0
		AND version = (SELECT max(version) FROM group_versions AS o WHERE o.id = g.id AND o.version <= $3) ORDER BY id`, string(group), below(group), int64(at))
	if err != nil {
		return nil, failed("read what groups were", err)
	}
	return found, nil
}
