package api

import (
	"encoding/json"
	"net/http"

	"pacer/api/wire"
	"pacer/apps"
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
	spec, err := body.Spec(g.settings)
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

// checkEnforceRole refuses what a group cannot do: to say the role of what is in it.
func checkEnforceRole(body *wire.GroupUpdate, at string) error {
	if body.EnforceRole != nil && *body.EnforceRole {
		return invalid("Object is not valid", at+"/enforceRole", "groups do not enforce a role: set the role of each app and pod; without one the first element of its path is what fairness counts it for")
	}
	for i := range body.Groups {
		if err := checkEnforceRole(&body.Groups[i], indexed(at+"/groups", i)); err != nil {
			return err
		}
	}
	return nil
}

// patchGroup answers PATCH: all that can be changed so is whether the role is enforced.
func (d *door) patchGroup(path []string) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := d.view()
		if err != nil {
			return err
		}
		if id := appID(path); len(v.members(id)) == 0 && id != "/" {
			return noGroup(id)
		}
		var body wire.GroupUpdate
		if err := read(w, r, &body); err != nil {
			return err
		}
		if err := checkEnforceRole(&body, ""); err != nil {
			return err
		}
		d.constants(w.Header())
		w.WriteHeader(http.StatusOK)
		return nil
	}
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
