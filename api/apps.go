package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
)

// noApp is Marathon's answer for an app that is not there.
func noApp(id apps.ID) error { return apps.Errorf(apps.NotFound, "App '%s' does not exist", id) }

// view is the committed state; it fails where leadership was lost since the request
// came in.
func (d *door) view() (*lookup, error) {
	v := d.Deployer.View()
	if v == nil {
		return nil, apps.Errorf(apps.Unavailable, "This server does not lead any more: try again")
	}
	return look(v), nil
}

func (d *door) listApps(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	keep, err := appFilter(r)
	if err != nil {
		return err
	}
	e := embeds(r)
	e.counts, e.deployments = true, true
	if !e.taskStats { // it tells ages: of it nothing can be kept
		return d.keptApps(w, r, v, e, keep)
	}
	out := wire.Apps{Apps: []wire.AppInfo{}}
	for _, app := range v.Apps() {
		if keep == nil || keep(app) {
			out.Apps = append(out.Apps, v.info(app, e))
		}
	}
	return d.ok(w, out)
}

var appsHead, appsTail = newPart([]byte(`{"apps":[`)), newPart([]byte("]}\n"))

// keptApps answers from what was rendered before, as far as it still holds.
func (d *door) keptApps(w http.ResponseWriter, r *http.Request, v *lookup, e embed, keep func(*apps.App) bool) error {
	p, err := d.page(v, rollKey{of: "apps", parts: e}, listing{head: appsHead, tail: appsTail, render: func(app *apps.App) ([]byte, error) {
		if app.Pod != nil {
			return nil, nil
		}
		return encoded(v.info(app, e))
	}})
	if err != nil {
		return err
	}
	if keep != nil {
		q := r.URL.Query()
		p = p.excerpt(url.Values{"cmd": q["cmd"], "id": q["id"], "label": q["label"]}.Encode(), keep)
	}
	return d.writePage(w, r, p)
}

// appFilter is the filter of cmd, id and label. The first two are substrings,
// whatever their case. nil: all are wanted.
func appFilter(r *http.Request) (func(*apps.App) bool, error) {
	q := r.URL.Query()
	cmd, id := strings.ToLower(q.Get("cmd")), strings.ToLower(q.Get("id"))
	if cmd == "" && id == "" && q.Get("label") == "" {
		return nil, nil
	}
	var labels selector
	if text := q.Get("label"); text != "" {
		var err error
		if labels, err = parseSelector(text); err != nil {
			return nil, err
		}
	}
	return func(app *apps.App) bool {
		return strings.Contains(string(app.ID), id) && labels.matches(app.Labels) && (cmd == "" || strings.Contains(strings.ToLower(app.Cmd), cmd))
	}, nil
}

func (d *door) getApp(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		e := embeds(r)
		e.counts, e.tasks, e.deployments, e.lastTaskFailure = true, true, true, true
		key := keptKey{appID(path), e}
		revision := v.Revision(key.app) // before what it stands for
		p, ok := d.answers.get(key, revision)
		if !ok {
			app, ok := v.App(key.app)
			if !ok {
				return noApp(key.app)
			}
			text, err := encoded(wire.OneApp{App: v.info(app, e)})
			if err != nil {
				return err
			}
			p = newPage(newPart(append(text, '\n')))
			if !e.taskStats { // it tells ages
				d.answers.put(key, revision, p)
			}
		}
		return d.writePage(w, r, p)
	}
}

// listGroupApps answers /v2/apps/group/*: all apps below a group.
func (d *door) listGroupApps(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		e := embeds(r)
		e.counts, e.tasks, e.deployments, e.lastTaskFailure = true, true, true, true
		list := []wire.AppInfo{}
		for _, app := range v.below(appID(path)) {
			list = append(list, v.info(app, e))
		}
		if !v.hasGroup(appID(path)) {
			return noGroup(appID(path))
		}
		return d.ok(w, map[string][]wire.AppInfo{"*": list})
	}
}

// below is the apps inside a group; an app is not inside itself.
func (l *lookup) below(group apps.ID) (list []*apps.App) {
	for _, app := range l.Apps() {
		if app.ID != group && app.ID.Within(group) {
			list = append(list, app)
		}
	}
	return list
}

func (d *door) listVersions(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		id := appID(path)
		if _, ok := v.App(id); !ok {
			return noApp(id)
		}
		versions, err := d.Reader.Versions(r.Context(), id)
		if err != nil {
			return err
		}
		out := wire.Versions{Versions: []string{}}
		for _, version := range versions {
			out.Versions = append(out.Versions, version.String())
		}
		return d.ok(w, out)
	}
}

func (d *door) getVersion(path []string, version string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		at, err := apps.ParseVersion(version)
		if err != nil {
			return err
		}
		app, err := d.version(r.Context(), appID(path), at)
		if err != nil {
			return err
		}
		return d.ok(w, wire.FromSpec(app))
	}
}

// version is the spec of an app at one of its versions.
func (d *door) version(ctx context.Context, id apps.ID, at apps.Version) (*apps.App, error) {
	v, err := d.view()
	if err != nil {
		return nil, err
	}
	missing := apps.Errorf(apps.NotFound, "App '%s' does not exist in version %s", id, at)
	app, there := v.App(id)
	switch {
	case !there:
		return nil, noApp(id)
	case app.Version == at:
		return app, nil
	}
	old, err := d.Reader.AppVersion(ctx, id, at)
	if e := (*apps.Error)(nil); errors.As(err, &e) && e.Kind == apps.NotFound {
		return nil, missing
	}
	return old, err
}
