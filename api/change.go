package api

import (
	"net/http"
	"strings"

	"github.com/google/uuid"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// change submits one deployment: what c says, with the rest filled in.
func (d *door) change(r *http.Request, c cluster.Change) (cluster.Reply, error) {
	c.Deployment, c.ClientIP, c.URI = uuid.NewString(), clientIP(r), r.URL.RequestURI()
	c.Rollback = r.URL.Query().Get("rollback") == "auto" // Pacer's own: go back if it cannot succeed
	c.Key = keyIn(r)
	if c.Match == nil && r.Header.Get("If-Match") != "" {
		return cluster.Reply{}, errManyMatch
	}
	if err := d.checkRunnable(&c); err != nil {
		return cluster.Reply{}, err
	}
	return d.submit(r, func(request string) cluster.Event {
		c.Request = request
		return c
	})
}

// checkRunnable refuses what no host of ours could run, now and when edits are folded.
func (d *door) checkRunnable(c *cluster.Change) error {
	if d.Runnable == nil {
		return nil
	}
	for _, p := range c.Put {
		if err := d.Runnable(p.App); err != nil {
			return err
		}
	}
	for i, e := range c.Edit {
		c.Edit[i].Edit = func(old *apps.App) (*apps.App, error) {
			next, err := e.Edit(old)
			if err == nil {
				err = d.Runnable(next)
			}
			return next, err
		}
	}
	return nil
}

func (d *door) createApp(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	force, err := flag(r, "force", false)
	if err != nil {
		return err
	}
	var body wire.App
	if err := read(w, r, &body); err != nil {
		return err
	}
	body.Role = v.defaultRole(wire.Absolute("/", body.ID), body.Role)
	spec, err := body.Create(d.Wire, "")
	if err != nil {
		return err
	}
	match, err := ifMatch(r, spec.ID)
	if err != nil {
		return err
	}
	reply, err := d.change(r, cluster.Change{Put: []cluster.PutApp{{App: spec, New: true}}, Force: force, Match: match, Created: spec.ID})
	if err != nil {
		return err
	}
	location(w, r, spec.ID)
	w.Header().Set("Marathon-Deployment-Id", reply.Deployment)
	d.writeJSON(w, http.StatusCreated, created(spec, reply))
	return nil
}

// created is the app as it was accepted, with nothing running yet.
func created(spec *apps.App, reply cluster.Reply) wire.AppInfo {
	if len(reply.Apps) > 0 {
		spec = reply.Apps[0]
	}
	zero := 0
	info := wire.AppInfo{
		App:         wire.FromSpec(spec),
		TasksStaged: &zero, TasksRunning: &zero, TasksHealthy: &zero, TasksUnhealthy: &zero,
		Deployments: []wire.Ref{{ID: reply.Deployment}},
	}
	info.Version, info.VersionInfo = new(reply.Version.String()), nil
	return info
}

// changeApp answers PUT and PATCH of one app: a whole definition, a partial one, or
// a version to return to.
func (d *door) changeApp(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := appID(path)
		v, err := d.view()
		if err != nil {
			return err
		}
		var body wire.App
		if err := read(w, r, &body); err != nil {
			return err
		}
		_, existed := v.App(id)
		c, _, err := d.changeOf(r, v, id, body)
		if err != nil {
			return err
		}
		if c.Match, err = ifMatch(r, id); err != nil {
			return err
		}
		if !existed {
			c.Created = id
		}
		reply, err := d.change(r, c)
		if err != nil {
			return err
		}
		if !existed {
			location(w, r, id)
			return d.started(w, http.StatusCreated, reply)
		}
		return d.started(w, http.StatusOK, reply)
	}
}

// changeApps answers PUT and PATCH of a list of apps: one deployment for all.
func (d *door) changeApps(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	all, err := d.listChange(w, r, v)
	if err != nil {
		return err
	}
	reply, err := d.change(r, all)
	if err != nil {
		return err
	}
	return d.started(w, http.StatusOK, reply)
}

// listChange is the change that a list of apps asks for.
func (d *door) listChange(w http.ResponseWriter, r *http.Request, v *lookup) (all cluster.Change, err error) {
	var list []wire.App
	if err := read(w, r, &list); err != nil {
		return all, err
	}
	const appsMax = 10_000 // that one request may change
	if len(list) > appsMax {
		return all, apps.Errorf(apps.Invalid, "One request may change at most %d apps: send them in parts", appsMax)
	}
	for i, body := range list {
		if body.ID == "" {
			return all, invalid("Invalid JSON", indexed("", i)+"/id", "error.path.missing")
		}
		c, _, err := d.changeOf(r, v, wire.Absolute("/", body.ID), body)
		if err != nil {
			return all, under(indexed("", i), err)
		}
		all.Put, all.Edit, all.Force = append(all.Put, c.Put...), append(all.Edit, c.Edit...), c.Force
	}
	return all, nil
}

// changeOf is the change that a body asks for, and what the app will be by it. Apps
// that are there are edited as they will be when the change is folded, so that two
// people who change different fields at once both get their way.
func (d *door) changeOf(r *http.Request, v *lookup, id apps.ID, body wire.App) (c cluster.Change, spec *apps.App, err error) {
	partial, err := flag(r, "partialUpdate", true)
	if err != nil {
		return c, nil, err
	}
	partial = partial || r.Method == http.MethodPatch
	if c.Force, err = flag(r, "force", false); err != nil {
		return c, nil, err
	}
	old, exists := v.App(id)
	if !exists && r.Method == http.MethodPatch {
		return c, nil, noApp(id)
	}
	if partial {
		at, rollback, err := body.RollbackVersion()
		if err != nil {
			return c, nil, err
		}
		if rollback {
			spec, err := d.version(r.Context(), id, at)
			c.Edit = []cluster.EditApp{{App: id, Edit: replace(spec)}}
			return c, spec, err
		}
	}
	if !exists || !partial {
		body.Role = v.defaultRole(id, body.Role)
		spec, err := body.Create(d.Wire, id)
		if exists {
			c.Edit = []cluster.EditApp{{App: id, Edit: replace(spec)}}
		} else {
			c.Put = []cluster.PutApp{{App: spec}}
		}
		return c, spec, err
	}
	if err := body.Migrate(d.Wire); err != nil {
		return c, nil, err
	}
	settings := d.Wire
	edit := func(old *apps.App) (*apps.App, error) { return wire.Update(old, &body, settings) }
	c.Edit = []cluster.EditApp{{App: id, Edit: edit}}
	spec, err = edit(old) // a fault in it is told without waking the deployer
	return c, spec, err
}

// replace puts a whole definition in the place of whatever is there.
func replace(spec *apps.App) func(*apps.App) (*apps.App, error) {
	return func(old *apps.App) (*apps.App, error) { return spec, wire.CheckUpdate(old, spec) }
}

func (d *door) deleteApp(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		force, err := flag(r, "force", true) // Marathon's default here, whatever its manual says
		if err != nil {
			return err
		}
		if err := d.unlessPod(appID(path)); err != nil {
			return err
		}
		match, err := ifMatch(r, appID(path))
		if err != nil {
			return err
		}
		reply, err := d.change(r, cluster.Change{Delete: []apps.ID{appID(path)}, Force: force, Match: match})
		if err != nil {
			return err
		}
		return d.started(w, http.StatusOK, reply)
	}
}

func (d *door) restartApp(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		force, err := flag(r, "force", false)
		if err != nil {
			return err
		}
		if err := d.unlessPod(appID(path)); err != nil {
			return err
		}
		match, err := ifMatch(r, appID(path))
		if err != nil {
			return err
		}
		reply, err := d.change(r, cluster.Change{Restart: []apps.ID{appID(path)}, Force: force, Match: match})
		if err != nil {
			return err
		}
		return d.started(w, http.StatusOK, reply)
	}
}

func invalid(message, path string, faults ...string) error {
	return &apps.Error{Kind: apps.Invalid, Message: message, Details: []apps.FieldErrors{{Path: path, Errors: faults}}}
}

func indexed(path string, i int) string { return path + "(" + itoa(i) + ")" }

// under moves the paths of an error under the place where its object stands.
func under(at string, err error) error {
	e, ok := err.(*apps.Error)
	if !ok || len(e.Details) == 0 {
		return err
	}
	moved := *e
	moved.Details = nil
	for _, f := range e.Details {
		moved.Details = append(moved.Details, apps.FieldErrors{Path: strings.TrimSuffix(at+f.Path, "/"), Errors: f.Errors})
	}
	return &moved
}
