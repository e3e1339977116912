package api

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// plan answers POST /pacer/v1/plan: what a change would do, worked out ahead by the
// core itself. The body is an app, a list of apps or a group, as one would PUT it.
func (d *door) plan(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	c, err := d.planned(w, r, v)
	if err != nil {
		return err
	}
	f, err := d.foresee(r, c)
	if err != nil {
		return err
	}
	return d.ok(w, forecast(f))
}

func (d *door) foresee(r *http.Request, c cluster.Change) (cluster.Forecast, error) {
	if d.Plan == nil {
		return cluster.Forecast{}, apps.Errorf(apps.Unavailable, "this server cannot look ahead")
	}
	if err := d.checkRunnable(&c); err != nil {
		return cluster.Forecast{}, err
	}
	return d.Plan(r.Context(), c)
}

// planned is the change that the body describes, by what the body is.
func (d *door) planned(w http.ResponseWriter, r *http.Request, v *lookup) (all cluster.Change, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return all, err
	}
	again := func() { r.Body = io.NopCloser(bytes.NewReader(body)) }
	again()
	var keys map[string]json.RawMessage
	isGroup := json.Unmarshal(body, &keys) == nil && (keys["apps"] != nil || keys["groups"] != nil || keys["scaleBy"] != nil || keys["pods"] != nil || keys["enforceRole"] != nil)
	switch {
	case isGroup:
		var group wire.GroupUpdate
		if err := read(w, r, &group); err != nil {
			return all, err
		}
		id := wire.Absolute("/", group.ID)
		if err := wire.CheckGroupID(id); err != nil {
			return all, err
		}
		return d.groupChange(r, v, id, &group)
	case strings.HasPrefix(strings.TrimSpace(string(body)), "["):
		return d.listChange(w, r, v)
	}
	var app wire.App
	if err := read(w, r, &app); err != nil {
		return all, err
	}
	if app.ID == "" {
		return all, invalid("Invalid JSON", "/id", "error.path.missing")
	}
	c, _, err := d.changeOf(r, v, wire.Absolute("/", app.ID), app)
	if err != nil {
		return all, err
	}
	return c, nil
}

// forecast writes it for the wire.
func forecast(f cluster.Forecast) wire.Forecast {
	out := wire.Forecast{Changes: f.Changes, Stalls: f.Stalls, Reason: f.Reason, TookSeconds: f.Took.Seconds(), Steps: []wire.Step{}, Apps: []wire.AppPlan{}, Groups: []wire.GroupPlan{}}
	for _, g := range f.Groups {
		out.Groups = append(out.Groups, groupPlan(g))
	}
	out.Steps = append(out.Steps, steps(&apps.Deployment{Steps: f.Steps})...)
	for _, a := range f.Apps {
		part := wire.AppPlan{App: string(a.App), Action: action(f.Steps, a.App), Least: a.Least, Most: a.Most, ReadyMin: a.ReadyMin, Diff: difference(a.Old, a.New), Placements: []wire.Placement{}}
		index := map[string]int{}
		for _, p := range a.Placed {
			i, seen := index[p.Host]
			if !seen {
				i = len(part.Placements)
				index[p.Host] = i
				part.Placements = append(part.Placements, wire.Placement{Host: p.Host})
			}
			part.Placements[i].Instances++
		}
		out.Apps = append(out.Apps, part)
	}
	return out
}

func groupPlan(g cluster.GroupForecast) wire.GroupPlan {
	p := wire.GroupPlan{Group: string(g.Group), Action: "ChangeGroup", Diff: []wire.FieldChange{}}
	switch {
	case g.Old == nil:
		p.Action = "CreateGroup"
	case g.New == nil:
		p.Action = "DeleteGroup"
	}
	own := func(row *apps.Group) (dependencies, enforces json.RawMessage) {
		if row == nil {
			return nil, nil
		}
		shell, _ := groupEmbed{}.shell(g.Group, []*apps.Group{row})
		return must(json.Marshal(shell.Dependencies)), must(json.Marshal(row.EnforceRole))
	}
	oldDependencies, oldEnforces := own(g.Old)
	newDependencies, newEnforces := own(g.New)
	for _, change := range []wire.FieldChange{{Field: "dependencies", Old: oldDependencies, New: newDependencies}, {Field: "enforceRole", Old: oldEnforces, New: newEnforces}} {
		if change.Old != nil && change.New != nil && !bytes.Equal(change.Old, change.New) {
			p.Diff = append(p.Diff, change)
		}
	}
	return p
}

func must(raw []byte, err error) json.RawMessage {
	if err != nil {
		panic("api: " + err.Error())
	}
	return raw
}

// action is the last thing that the steps do to the app.
func action(all []apps.Step, id apps.ID) (kind string) {
	for _, step := range all {
		for _, a := range step.Actions {
			if a.App == id {
				kind = string(a.Kind)
			}
		}
	}
	return kind
}

// difference is field by field what changes of an app's JSON; versions do not count.
func difference(old, next *apps.App) []wire.FieldChange {
	before, after := fields(old), fields(next)
	out := []wire.FieldChange{}
	for _, name := range sortedFields(before, after) {
		if !bytes.Equal(before[name], after[name]) {
			out = append(out, wire.FieldChange{Field: name, Old: before[name], New: after[name]})
		}
	}
	return out
}

func formOf(spec *apps.App) any {
	if spec.Pod != nil {
		return wire.FromPod(spec)
	}
	return wire.FromSpec(spec)
}

func fields(spec *apps.App) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	if spec == nil {
		return out
	}
	raw, err := json.Marshal(formOf(spec))
	if err != nil || json.Unmarshal(raw, &out) != nil {
		panic("api: an app that is no JSON object: " + string(spec.ID))
	}
	delete(out, "version")
	delete(out, "versionInfo")
	return out
}

func sortedFields(a, b map[string]json.RawMessage) []string {
	all := map[string]bool{}
	for name := range a {
		all[name] = true
	}
	for name := range b {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}
