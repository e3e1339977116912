package api

import (
	"net/http"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// A top-level group may enforce its role: then its name is the role of what comes to it.
// The core decides; here a role that is not said is filled in, and what is wrong is told
// where it stands in the request.

// defaultRole is the role of an app or pod that says none; nil: there is no other than the
// usual one.
func (l *lookup) defaultRole(id apps.ID, said *string) *string {
	if g, there := l.Group(id.Top()); said == nil && there && g.EnforceRole {
		return new(g.ID.Name())
	}
	return said
}

// top is the top-level group of an app as the change will have it; nil: it has none.
func (g *groupTarget) top(id apps.ID) *apps.Group {
	top := apps.Group{ID: id.Top()}
	if there, ok := g.view.Group(top.ID); ok {
		top.EnforceRole = there.EnforceRole
	}
	if said, ok := g.enforce[top.ID]; ok {
		top.EnforceRole = said
	}
	if top.ID == "/" || !top.EnforceRole {
		return nil
	}
	return &top
}

func (g *groupTarget) defaultRole(id apps.ID, said *string) *string {
	if top := g.top(id); said == nil && top != nil {
		return new(top.ID.Name())
	}
	return said
}

func (g *groupTarget) checkRole(spec *apps.App) error {
	top, before := g.top(spec.ID), ""
	if top == nil {
		return nil
	}
	if there, ok := g.view.Spec(spec.ID); ok {
		before = there.SaidRole()
	}
	if fault := top.RoleFault(spec.SaidRole(), before); fault != "" {
		return invalid("Object is not valid", "/role", fault)
	}
	return nil
}

// checkEnforceRole refuses what Marathon refuses: to enforce a role in a group that is in
// another, and to change it together with apps or pods.
func (g *groupTarget) checkEnforceRole(id apps.ID, said *bool, at string) error {
	if said == nil {
		return nil
	}
	if *said && !id.IsTopLevel() {
		return invalid("Object is not valid", at+"/enforceRole", "enforceRole can only be set for top-level groups, and "+string(id)+" is not top-level")
	}
	if there, ok := g.view.Group(id); ok && there.EnforceRole != *said && g.services {
		return invalid("Object is not valid", at+"/enforceRole", "enforceRole cannot be modified in a request that adds, removes or modifies services; please make these changes in separate requests.")
	}
	return nil
}

// changesServices reports whether an update says anything of apps or pods.
func changesServices(body *wire.GroupUpdate) bool {
	if body.Apps != nil || body.Pods != nil {
		return true
	}
	for i := range body.Groups {
		if changesServices(&body.Groups[i]) {
			return true
		}
	}
	return false
}

// patchGroup answers PATCH: all that can be changed so is whether a top-level group
// enforces its role. What is in it keeps the role that it has.
func (d *door) patchGroup(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		var body wire.GroupUpdate
		if err := read(w, r, &body); err != nil {
			return err
		}
		match, err := ifMatch(r, appID(path))
		if err != nil {
			return err
		}
		_, err = d.submit(r, func(request string) cluster.Event {
			return cluster.PatchGroup{Request: request, Group: appID(path), EnforceRole: body.EnforceRole, Match: match}
		})
		if err != nil {
			return err
		}
		d.constants(w.Header())
		w.WriteHeader(http.StatusOK)
		return nil
	}
}
