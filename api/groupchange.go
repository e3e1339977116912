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
		if r.Method == http.MethodPost && v.hasGroup(id) {
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
			makeAnew(&c, id)
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

// makeAnew has the core make sure that the group is not there, too.
func makeAnew(c *cluster.Change, id apps.ID) {
	for i := range c.PutGroups {
		if c.PutGroups[i].ID == id {
			c.PutGroups[i].New = true
		}
	}
}

func (d *door) groupChange(r *http.Request, v *lookup, id apps.ID, body *wire.GroupUpdate) (cluster.Change, error) {
	forgetVersions(body)
	structural := body.Apps != nil || body.Groups != nil || body.Pods != nil || body.Dependencies != nil || body.EnforceRole != nil
	switch {
	case body.Version != nil && (structural || body.ScaleBy != nil), body.ScaleBy != nil && structural:
		return cluster.Change{}, apps.Errorf(apps.Invalid, "version and scaleBy are not allowed in conjunction with other properties.")
	case body.Version != nil:
		return d.groupRollback(r, v, id, *body.Version)
	case body.ScaleBy != nil:
		return scaleGroup(v.below(id), *body.ScaleBy), nil
	}
	g := groupTarget{settings: d.Wire, view: v, keep: map[apps.ID]bool{}, enforce: map[apps.ID]bool{}, services: changesServices(body)}
	if err := g.collect(id, body, ""); err != nil {
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

// groupRollback takes all that is below a group back to what it was. What is younger goes;
// apps that were deleted since do not come back, groups do.
func (d *door) groupRollback(r *http.Request, v *lookup, id apps.ID, version string) (c cluster.Change, err error) {
	at, err := apps.ParseVersion(version)
	if err != nil {
		return c, err
	}
	was, err := d.groupAt(r, v, id, at)
	if err != nil {
		return c, err
	}
	if was == nil {
		return c, apps.Errorf(apps.Invalid, "Group %s not available in version %s", id, at)
	}
	there := map[apps.ID]bool{"/": true}
	for _, spec := range was.members {
		edit := replace(spec)
		if spec.Pod != nil {
			edit = func(*apps.App) (*apps.App, error) { return spec, nil }
		}
		c.Edit = append(c.Edit, cluster.EditApp{App: spec.ID, Edit: edit})
		for group := spec.ID; group != "/"; group = group.Parent() {
			there[group] = true
		}
	}
	for _, row := range was.rows {
		there[row.ID] = true
		c.PutGroups = append(c.PutGroups, cluster.PutGroup{ID: row.ID, Dependencies: slices.Concat([]apps.ID{}, row.Dependencies), EnforceRole: &row.EnforceRole})
	}
	for _, app := range v.members(id) {
		if !there[app.ID] {
			c.Delete = append(c.Delete, app.ID)
		}
	}
	for _, row := range v.Groups(id) {
		if !there[row.ID] && row.ID != id {
			c.DropGroups = append(c.DropGroups, row.ID)
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
	groups   []cluster.PutGroup
	dropped  []apps.ID        // groups
	enforce  map[apps.ID]bool // what the body says of top-level groups
	services bool             // the request is about apps or pods, too
}

// collect walks an update: apps that are given replace the apps directly in the
// group, groups that are given replace its children; what is not given stays.
func (g *groupTarget) collect(id apps.ID, body *wire.GroupUpdate, at string) error {
	if body.Version != nil && at != "" || body.ScaleBy != nil && at != "" {
		return invalid("Object is not valid", at, "version and scaleBy are only possible for the group of the request")
	}
	if err := g.group(id, body, at); err != nil {
		return err
	}
	for i := range body.Apps {
		if err := g.app(id, &body.Apps[i], indexed(at+"/apps", i)); err != nil {
			return err
		}
	}
	for i, raw := range body.Pods {
		if err := g.pod(id, raw, indexed(at+"/pods", i)); err != nil {
			return err
		}
	}
	if body.Pods != nil {
		g.dropPods(id)
	}
	given := map[apps.ID]bool{}
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
		given[childOf(id, childID)] = true
		if err := g.collect(childID, child, here); err != nil {
			return err
		}
	}
	g.settle(id, body, given)
	return nil
}

// settle says what of the group stays that is not given, and which groups go.
func (g *groupTarget) settle(id apps.ID, body *wire.GroupUpdate, given map[apps.ID]bool) {
	for _, app := range g.view.below(id) {
		direct := app.ID.Parent() == id
		if direct && body.Apps == nil || !direct && body.Groups == nil {
			g.keep[app.ID] = true
		}
	}
	if body.Groups == nil {
		return
	}
	for _, row := range g.view.Groups(id) {
		if row.ID.Parent() == id && row.ID != id && !given[row.ID] {
			g.dropped = append(g.dropped, row.ID)
		}
	}
}

func (g *groupTarget) app(group apps.ID, body *wire.App, at string) error {
	if body.ID == "" {
		return invalid("Invalid JSON", at+"/id", "error.path.missing")
	}
	id := wire.Absolute(group, body.ID)
	if id == group || !id.Within(group) {
		return invalid("Object is not valid", at+"/id", "Identifier is not child of '"+string(group)+"'. Hint: use relative paths.")
	}
	body.Role = g.defaultRole(id, body.Role)
	spec, err := body.Create(g.settings, id)
	if err == nil {
		err = g.checkRole(spec)
	}
	if err != nil {
		return under(at, err)
	}
	g.specs = append(g.specs, spec)
	return nil
}

// change is what has to happen for the group to become as gathered.
func (g *groupTarget) change(id apps.ID) (c cluster.Change, err error) {
	c.Delete, c.PutGroups, c.DropGroups = g.gone, g.groups, g.dropped
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
		if !v.hasGroup(appID(path)) {
			return noGroup(appID(path))
		}
		force, err := flag(r, "force", false)
		if err != nil {
			return err
		}
		match, err := ifMatch(r, appID(path))
		if err != nil {
			return err
		}
		reply, err := d.change(r, cluster.Change{DropGroups: []apps.ID{appID(path)}, Force: force, Match: match})
		if err != nil {
			return err
		}
		return d.started(w, http.StatusOK, reply)
	}
}
