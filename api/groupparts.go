package api

import (
	"encoding/json"
	"slices"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// pod gathers a pod that is given in a group: as one would PUT it, or as GET of the
// group tells it, its definition under spec.
func (g *groupTarget) pod(group apps.ID, raw json.RawMessage, at string) error {
	var status struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(raw, &status); err == nil && status.Spec != nil {
		raw = status.Spec
	}
	var body wire.Pod
	if _, err := wire.Read(raw, &body); err != nil {
		return under(at, err)
	}
	id := wire.Absolute(group, body.ID)
	if id.Parent() != group {
		return invalid("Object is not valid", at+"/id", "Identifier is not child of '"+string(group)+"'. Hint: use relative paths.")
	}
	body.ID = string(id)
	body.Role = g.defaultRole(id, body.Role)
	spec, err := body.Spec(g.settings)
	if err == nil {
		err = g.checkRole(spec)
	}
	if err != nil {
		return under(at, err)
	}
	g.specs = append(g.specs, spec)
	return nil
}

// dropPods has those pods of a group go that are not given any more.
func (g *groupTarget) dropPods(group apps.ID) {
	given := map[apps.ID]bool{}
	for _, spec := range g.specs {
		given[spec.ID] = true
	}
	for _, p := range g.view.pods() {
		if p.ID.Parent() == group && !given[p.ID] {
			g.gone = append(g.gone, p.ID)
		}
	}
}

// group gathers what an update says of the group itself.
func (g *groupTarget) group(id apps.ID, body *wire.GroupUpdate, at string) error {
	put := cluster.PutGroup{ID: id}
	if body.Dependencies != nil {
		put.Dependencies = []apps.ID{}
	}
	for i, text := range body.Dependencies {
		dependency := wire.Absolute(id, text)
		if wire.CheckGroupID(dependency) != nil {
			return invalid("Object is not valid", indexed(at+"/dependencies", i), text+" is not the path of an app or a group")
		}
		if !slices.Contains(put.Dependencies, dependency) {
			put.Dependencies = append(put.Dependencies, dependency)
		}
	}
	if err := g.checkEnforceRole(id, body.EnforceRole, at); err != nil {
		return err
	}
	if body.EnforceRole != nil && id.IsTopLevel() {
		put.EnforceRole, g.enforce[id] = body.EnforceRole, *body.EnforceRole
	}
	g.groups = append(g.groups, put)
	return nil
}

// forgetVersions takes the versions from a whole answer of GET that is sent back, which
// is seen by its having every part of a group: they mean nothing there.
func forgetVersions(body *wire.GroupUpdate) {
	if body.ID == "" || body.Apps == nil || body.Groups == nil || body.Dependencies == nil || body.ScaleBy != nil {
		return
	}
	body.Version = nil
	for i := range body.Groups {
		forgetVersions(&body.Groups[i])
	}
}
