package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
)

// A group has a row of its own, and is also there while an app or pod is below it: of an
// older store the rows are made by the next leader. Its version is the newest of its own
// and of all below it.

func noGroup(id apps.ID) error { return apps.Errorf(apps.NotFound, "Group '%s' does not exist", id) }

// A groupEmbed says which parts of a GroupInfo are wanted.
type groupEmbed struct {
	groups, apps, pods bool
	app                embed
}

// groupEmbeds reads the embed parameters: without any, all parts are wanted and no
// details of apps.
func groupEmbeds(r *http.Request) groupEmbed {
	names := r.URL.Query()["embed"]
	if len(names) == 0 {
		return groupEmbed{groups: true, apps: true, pods: true}
	}
	e := groupEmbed{
		groups: slices.Contains(names, "group.groups"), apps: slices.Contains(names, "group.apps"), pods: slices.Contains(names, "group.pods"),
		app: embeds(r),
	}
	e.apps = e.apps || e.app != embed{}
	return e
}

// hasGroup reports whether there is a group of that id. "/" is always there.
func (l *lookup) hasGroup(id apps.ID) bool {
	_, there := l.Group(id)
	return there || id == "/" || len(l.members(id)) > 0
}

func (d *door) getGroup(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		e := groupEmbeds(r)
		if len(path) == 0 && !e.app.taskStats { // it tells ages: of it nothing can be kept
			return d.wholeTree(w, r, v, e)
		}
		id := appID(path)
		if !v.hasGroup(id) {
			return noGroup(id)
		}
		tree := groupTree{embed: e, info: func(app *apps.App) wire.AppInfo { return v.info(app, e.app) }, pod: v.podStatus}
		g, _ := tree.of(id, v.members(id), v.Groups(id))
		return d.ok(w, g)
	}
}

// A groupTree tells of groups, and of what is in them.
type groupTree struct {
	embed groupEmbed
	info  func(*apps.App) wire.AppInfo
	pod   func(*apps.App) wire.PodStatus
}

// of is the tree of a group, with its version. members are all apps and pods below it, and
// rows the groups, itself among them where it has a row; both are ordered by id.
func (t *groupTree) of(id apps.ID, members []*apps.App, rows []*apps.Group) (g wire.GroupInfo, newest apps.Version) {
	g, newest = t.embed.shell(id, rows)
	children := map[apps.ID][]*apps.App{}
	for _, app := range members {
		newest = max(newest, app.Version)
		if app.ID.Parent() != id {
			child := childOf(id, app.ID)
			children[child] = append(children[child], app)
			continue
		}
		if app.Pod != nil && t.embed.pods {
			g.Pods = append(g.Pods, t.pod(app))
		}
		if app.Pod == nil && t.embed.apps {
			g.Apps = append(g.Apps, t.info(app))
		}
	}
	below := rowsByChild(id, rows)
	for _, child := range childrenOf(children, below) {
		one, version := t.of(child, children[child], below[child])
		if newest = max(newest, version); t.embed.groups {
			g.Groups = append(g.Groups, one)
		}
	}
	g.Version = newest.String()
	return g, newest
}

// shell is a group with its own words and its lists empty.
func (e groupEmbed) shell(id apps.ID, rows []*apps.Group) (g wire.GroupInfo, version apps.Version) {
	g = wire.GroupInfo{ID: string(id), Dependencies: []string{}}
	if e.apps {
		g.Apps = []wire.AppInfo{}
	}
	if e.groups {
		g.Groups = []wire.GroupInfo{}
	}
	if e.pods {
		g.Pods = []wire.PodStatus{}
	}
	if len(rows) > 0 && rows[0].ID == id {
		row := rows[0]
		for _, dependency := range row.Dependencies {
			g.Dependencies = append(g.Dependencies, string(dependency))
		}
		if version = row.Version; row.EnforceRole {
			g.EnforceRole = &row.EnforceRole
		}
	}
	return g, version
}

// rowsByChild are the rows of the groups below a group, by the one directly in it.
func rowsByChild(id apps.ID, rows []*apps.Group) map[apps.ID][]*apps.Group {
	by := map[apps.ID][]*apps.Group{}
	for _, row := range rows {
		if row.ID != id {
			child := childOf(id, row.ID)
			by[child] = append(by[child], row)
		}
	}
	return by
}

// childrenOf are the groups directly in a group, ordered by id: those that hold something,
// and those that have a row.
func childrenOf[T any](members map[apps.ID][]T, rows map[apps.ID][]*apps.Group) []apps.ID {
	ids := slices.Collect(maps.Keys(members))
	for id := range rows {
		if _, both := members[id]; !both {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// childOf is the group directly below group that leads to id.
func childOf(group, id apps.ID) apps.ID {
	prefix := strings.TrimSuffix(string(group), "/") + "/"
	first, _, _ := strings.Cut(strings.TrimPrefix(string(id), prefix), "/")
	return apps.ID(prefix + first)
}

func (d *door) listAppsOfGroup(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		list := []wire.AppInfo{}
		e := embeds(r)
		for _, app := range v.below(appID(path)) {
			list = append(list, v.info(app, e))
		}
		return d.ok(w, list)
	}
}

// groupVersions are the versions of a group: whenever it or something below it changed.
// What the past of deleted apps was is not kept.
func (d *door) groupVersions(r *http.Request, v *lookup, id apps.ID) ([]apps.Version, error) {
	versions, err := d.Reader.GroupVersions(r.Context(), id)
	if err != nil {
		return nil, err
	}
	for _, app := range v.members(id) {
		list, err := d.Reader.Versions(r.Context(), app.ID)
		if err != nil {
			return nil, err
		}
		versions = append(versions, list...)
	}
	slices.SortFunc(versions, func(a, b apps.Version) int { return cmp.Compare(b, a) })
	return slices.Compact(versions), nil
}

func (d *door) listGroupVersions(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		if !v.hasGroup(appID(path)) {
			return noGroup(appID(path))
		}
		versions, err := d.groupVersions(r, v, appID(path))
		if err != nil {
			return err
		}
		list := []string{}
		for _, version := range versions {
			list = append(list, version.String())
		}
		return d.ok(w, list)
	}
}

// getGroupVersion is a group as it was at one of its versions.
func (d *door) getGroupVersion(path []string, version string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		at, err := apps.ParseVersion(version)
		if err != nil {
			return err
		}
		v, err := d.view()
		if err != nil {
			return err
		}
		was, err := d.groupAt(r, v, appID(path), at)
		if err != nil {
			return err
		}
		if was == nil {
			return apps.Errorf(apps.NotFound, "Group '%s' does not exist in version %s", appID(path), at)
		}
		tree := groupTree{embed: groupEmbeds(r), info: func(app *apps.App) wire.AppInfo { return wire.AppInfo{App: wire.FromSpec(app)} }, pod: v.podStatus}
		g, _ := tree.of(appID(path), was.members, was.rows)
		return d.ok(w, g)
	}
}

// A pastGroup is what a group was: the apps and pods below it, each in the newest version
// that is not newer, and the groups. Both are ordered by id.
type pastGroup struct {
	members []*apps.App
	rows    []*apps.Group
}

// groupAt is a group as it was; nil where it has no such version.
func (d *door) groupAt(r *http.Request, v *lookup, id apps.ID, at apps.Version) (*pastGroup, error) {
	known, err := d.groupVersions(r, v, id)
	if err != nil || !slices.Contains(known, at) {
		return nil, err
	}
	var was pastGroup
	if was.rows, err = d.Reader.GroupsAt(r.Context(), id, at); err != nil {
		return nil, err
	}
	for _, app := range v.members(id) {
		versions, err := d.Reader.Versions(r.Context(), app.ID)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(versions, func(version apps.Version) bool { return version <= at })
		if i < 0 {
			continue // younger
		}
		spec, err := d.Reader.AppVersion(r.Context(), app.ID, versions[i])
		if err != nil {
			return nil, err
		}
		was.members = append(was.members, spec)
	}
	return &was, nil
}
