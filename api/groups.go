package api

import (
	"net/http"
	"slices"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
)

// Groups are not kept: a group is there while an app is below it. Its version is
// the newest of its apps.

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
		members := v.members(appID(path))
		if len(members) == 0 && len(path) > 0 {
			return noGroup(appID(path))
		}
		return d.ok(w, groupInfo(appID(path), members, e, func(app *apps.App) wire.AppInfo { return v.info(app, e.app) }, v.podStatus))
	}
}

// groupInfo is the tree of a group. members are all apps below it, ordered by id.
func groupInfo(id apps.ID, members []*apps.App, e groupEmbed, info func(*apps.App) wire.AppInfo, pod func(*apps.App) wire.PodStatus) wire.GroupInfo {
	g := wire.GroupInfo{ID: string(id), Dependencies: []string{}}
	if e.apps {
		g.Apps = []wire.AppInfo{}
	}
	if e.groups {
		g.Groups = []wire.GroupInfo{}
	}
	if e.pods {
		g.Pods = []wire.PodStatus{}
	}
	var newest apps.Version
	children := map[apps.ID][]*apps.App{}
	var order []apps.ID
	for _, app := range members {
		newest = max(newest, app.Version)
		if app.ID.Parent() == id {
			if app.Pod != nil && e.pods {
				g.Pods = append(g.Pods, pod(app))
			}
			if app.Pod == nil && e.apps {
				g.Apps = append(g.Apps, info(app))
			}
			continue
		}
		child := childOf(id, app.ID)
		if children[child] == nil {
			order = append(order, child)
		}
		children[child] = append(children[child], app)
	}
	for _, child := range order {
		if e.groups {
			g.Groups = append(g.Groups, groupInfo(child, children[child], e, info, pod))
		}
	}
	g.Version = newest.String()
	return g
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

// groupVersions are the versions of a group: whenever one of its apps changed.
// What the past of deleted apps was is not kept.
func (d *door) groupVersions(r *http.Request, v *lookup, id apps.ID) ([]apps.Version, error) {
	var versions []apps.Version
	for _, app := range v.below(id) {
		list, err := d.Reader.Versions(r.Context(), app.ID)
		if err != nil {
			return nil, err
		}
		versions = append(versions, list...)
	}
	slices.SortFunc(versions, func(a, b apps.Version) int { return int(min(max(b-a, -1), 1)) })
	return slices.Compact(versions), nil
}

func (d *door) listGroupVersions(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		versions, err := d.groupVersions(r, v, appID(path))
		if err != nil {
			return err
		}
		if len(versions) == 0 && len(path) > 0 {
			return noGroup(appID(path))
		}
		list := []string{}
		for _, version := range versions {
			list = append(list, version.String())
		}
		return d.ok(w, list)
	}
}

// getGroupVersion is a group as it was at one of its versions: its apps, each in
// the newest version that is not newer.
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
		members, err := d.groupAt(r, v, appID(path), at)
		if err != nil {
			return err
		}
		if len(members) == 0 {
			return apps.Errorf(apps.NotFound, "Group '%s' does not exist in version %s", appID(path), at)
		}
		return d.ok(w, groupInfo(appID(path), members, groupEmbeds(r), func(app *apps.App) wire.AppInfo {
			return wire.AppInfo{App: wire.FromSpec(app)}
		}, v.podStatus))
	}
}

// groupAt is the apps of a group as they were; none where it has no such version.
func (d *door) groupAt(r *http.Request, v *lookup, id apps.ID, at apps.Version) ([]*apps.App, error) {
	known, err := d.groupVersions(r, v, id)
	if err != nil || !slices.Contains(known, at) {
		return nil, err
	}
	var members []*apps.App
	for _, app := range v.below(id) {
		versions, err := d.Reader.Versions(r.Context(), app.ID)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(versions, func(version apps.Version) bool { return version <= at })
		if i < 0 {
			continue // younger
		}
		spec, err := d.version(r.Context(), app.ID, versions[i])
		if err != nil {
			return nil, err
		}
		members = append(members, spec)
	}
	return members, nil
}
