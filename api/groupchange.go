package api

import (
	"math"
	"net/http"
	"slices"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// changeGroup answers POST and PUT of groups: a version to return to, a factor to
// scale by, or the apps and groups that shall be there. All is one deployment.
func (d *door) changeGroup(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		var body wire.GroupUpdate
		if err := read(w, r, &body); err != nil {
			return err
		}
		force, err := flag(r, "force", false)
		if err != nil {
			return err
		}
		dry, err := flag(r, "dryRun", false)
		if err != nil {
			return err
		}
		id := wire.Absolute(appID(path), body.ID)
		if err := wire.CheckGroupID(id); err != nil {
			return err
		}
		if err := checkEnforceRole(&body, ""); err != nil {
			return err
		}
		if r.Method == http.MethodPost && (id == "/" || len(v.members(id)) > 0) {
			return apps.Errorf(apps.Conflict, "Group %s is already created. Use PUT to change this group.", id)
		}
		if _, taken := v.Spec(id); taken {
			return apps.Errorf(apps.Conflict, "An app with the path %s already exists.", id)
		}
		c, err := d.groupChange(r, v, id, &body)
		if err != nil {
			return err
		}
		if dry {
			f, err := d.foresee(r, c)
			if err != nil {
				return err
			}
			return d.ok(w, map[string]any{"steps": steps(&apps.Deployment{Steps: f.Steps})})
		}
		c.Force = force
		if c.Match, err = ifMatch(r, id); err != nil {
			return err
		}
		if r.Method == http.MethodPost {
			c.Created = id
		}
		reply, err := d.change(r, c)
		if err != nil {
			return err
		}
		if r.Method == http.MethodPost {
			location(w, r, id)
			return d.started(w, http.StatusCreated, reply)
		}
		return d.started(w, http.StatusOK, reply)
	}
}

func (d *door) groupChange(r *http.Request, v *lookup, id apps.ID, body *wire.GroupUpdate) (cluster.Change, error) {
	forgetVersions(body)
	structural := body.Apps != nil || body.Groups != nil || body.Pods != nil || body.Dependencies != nil
	switch {
	case body.Version != nil && (structural || body.ScaleBy != nil), body.ScaleBy != nil && structural:
		return cluster.Change{}, apps.Errorf(apps.Invalid, "version and scaleBy are not allowed in conjunction with other properties.")
	case body.Version != nil:
		return d.groupRollback(r, v, id, *body.Version)
	case body.ScaleBy != nil:
		return scaleGroup(v.below(id), *body.ScaleBy), nil
	}
	g := groupTarget{settings: d.Wire, view: v, keep: map[apps.ID]bool{}}
	if err := g.collect(id, body, "", nil); err != nil {
		return cluster.Change{}, err
	}
	return g.change(id)
}

// scaleGroup multiplies the instances of every app, rounding up.
func scaleGroup(members []*apps.App, factor float64) (c cluster.Change) {
	for _, app := range members {
		c.Edit = append(c.Edit, cluster.EditApp{App: app.ID, Edit: func(old *apps.App) (*apps.App, error) {
			next := *old
			next.Instances = int(math.Ceil(float64(old.Instances)*factor - 1e-9))
			if next.Instances > instancesMax {
				return nil, invalid("Object is not valid", "/scaleBy", "would make more than 100000 instances of "+string(old.ID))
			}
			return &next, nil
		}})
	}
	return c
}

// instancesMax is the bound of wire.App.Instances.
const instancesMax = 100_000

func (d *door) groupRollback(r *http.Request, v *lookup, id apps.ID, version string) (c cluster.Change, err error) {
	at, err := apps.ParseVersion(version)
	if err != nil {
		return c, err
	}
	members, err := d.groupAt(r, v, id, at)
	if err != nil {
		return c, err
	}
	if len(members) == 0 {
		return c, apps.Errorf(apps.Invalid, "Group %s not available in version %s", id, at)
	}
	for _, spec := range members {
		c.Edit = append(c.Edit, cluster.EditApp{App: spec.ID, Edit: replace(spec)})
	}
	for _, app := range v.below(id) {
		if !slices.ContainsFunc(members, func(spec *apps.App) bool { return spec.ID == app.ID }) {
			c.Delete = append(c.Delete, app.ID)
		}
	}
	return c, nil
}

// A groupTarget gathers what a structural change of a group wants.
type groupTarget struct {
	settings wire.Settings
	view     *lookup
	specs    []*apps.App
	keep     map[apps.ID]bool // apps that are there and stay as they are
	gone     []apps.ID        // pods that go
}

// collect walks an update: apps that are given replace the apps directly in the
// group, groups that are given replace its children; what is not given stays.
// Dependencies of a group are dependencies of the apps that are given in it.
func (g *groupTarget) collect(id apps.ID, body *wire.GroupUpdate, at string, inherited []string) error {
	if body.Version != nil && at != "" || body.ScaleBy != nil && at != "" {
		return invalid("Object is not valid", at, "version and scaleBy are only possible for the group of the request")
	}
	dependencies := slices.Clone(inherited)
	for _, dependency := range body.Dependencies {
		dependencies = append(dependencies, string(wire.Absolute(id.Parent(), dependency)))
	}
	for i := range body.Apps {
		if err := g.app(id, &body.Apps[i], indexed(at+"/apps", i), dependencies); err != nil {
			return err
		}
	}
	given := map[apps.ID]bool{}
	for i, raw := range body.Pods {
		if err := g.pod(id, raw, indexed(at+"/pods", i)); err != nil {
			return err
		}
	}
	if body.Pods != nil {
		g.dropPods(id)
	}
	for i := range body.Groups {
		child, here := &body.Groups[i], indexed(at+"/groups", i)
		if child.ID == "" {
			return invalid("Invalid JSON", here+"/id", "error.path.missing")
		}
		childID := wire.Absolute(id, child.ID)
		if childID == id || !childID.Within(id) {
			return invalid("Object is not valid", here+"/id", "Identifier is not child of '"+string(id)+"'. Hint: use relative paths.")
		}
		if err := wire.CheckGroupID(childID); err != nil {
			return under(here, err)
		}
		given[childID] = true
		if err := g.collect(childID, child, here, dependencies); err != nil {
			return err
		}
	}
	for _, app := range g.view.below(id) {
		direct := app.ID.Parent() == id
		if direct && body.Apps == nil || !direct && body.Groups == nil && !given[childOf(id, app.ID)] {
			g.keep[app.ID] = true
		}
	}
	return nil
}

func (g *groupTarget) app(group apps.ID, body *wire.App, at string, dependencies []string) error {
	if body.ID == "" {
		return invalid("Invalid JSON", at+"/id", "error.path.missing")
	}
	id := wire.Absolute(group, body.ID)
	if id == group || !id.Within(group) {
		return invalid("Object is not valid", at+"/id", "Identifier is not child of '"+string(group)+"'. Hint: use relative paths.")
	}
	for _, dependency := range body.Dependencies {
		dependencies = append(dependencies, string(wire.Absolute(id.Parent(), dependency)))
	}
	body.Dependencies = slices.Clone(dependencies)
	spec, err := body.Create(g.settings, id)
	if err != nil {
		return under(at, err)
	}
	g.specs = append(g.specs, spec)
	return nil
}

// change is what has to happen for the group to become as gathered.
func (g *groupTarget) change(id apps.ID) (c cluster.Change, err error) {
	c.Delete = g.gone
	for _, spec := range g.specs {
		g.keep[spec.ID] = true
		if there, exists := g.view.Spec(spec.ID); exists && there.Pod != nil && spec.Pod != nil {
			c.Edit = append(c.Edit, cluster.EditApp{App: spec.ID, Edit: func(*apps.App) (*apps.App, error) { return spec, nil }})
		} else if exists && there.Pod == nil && spec.Pod == nil {
			c.Edit = append(c.Edit, cluster.EditApp{App: spec.ID, Edit: replace(spec)})
		} else {
			c.Put = append(c.Put, cluster.PutApp{App: spec})
		}
	}
	for _, app := range g.view.below(id) {
		if !g.keep[app.ID] {
			c.Delete = append(c.Delete, app.ID)
		}
	}
	return c, nil
}

func (d *door) deleteGroup(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		force, err := flag(r, "force", false)
		if err != nil {
			return err
		}
		match, err := ifMatch(r, appID(path))
		if err != nil {
			return err
		}
		c := cluster.Change{Force: force, Match: match}
		for _, app := range v.members(appID(path)) {
			c.Delete = append(c.Delete, app.ID)
		}
		if len(c.Delete) == 0 && len(path) > 0 {
			return noGroup(appID(path))
		}
		reply, err := d.change(r, c)
		if err != nil {
			return err
		}
		return d.started(w, http.StatusOK, reply)
	}
}
