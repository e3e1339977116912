package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// localVolumes are the persistent volumes of a task.
func localVolumes(in *apps.Instance, app *apps.App) []wire.LocalVolume {
	list := []wire.LocalVolume{}
	if in.Claim == "" || app == nil {
		return list
	}
	claim := apps.Claim{ID: in.Claim, App: in.App}
	for _, path := range app.Persistent() {
		list = append(list, wire.LocalVolume{
			RunSpecID: string(in.App), ContainerPath: path, UUID: claim.UUID(), PersistenceID: claim.PersistenceID(path),
		})
	}
	return list
}

// listVolumes shows all persistent volumes, those too that nobody uses now.
func (d *door) listVolumes(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	holders := map[string]string{}
	for _, app := range v.Apps() {
		if !app.Resident() {
			continue
		}
		for _, in := range v.InstancesOf(app.ID) {
			holders[in.Claim] = in.ID
		}
	}
	out := wire.Volumes{Volumes: []wire.VolumeSet{}}
	for _, c := range v.Claims() {
		set := wire.VolumeSet{
			ID: c.ID, App: string(c.App), Host: c.Host, Paths: c.Paths, Reserved: resources(c.Needs), Since: stamp(c.Since),
			Instance: holders[c.ID], State: "detached",
		}
		switch {
		case c.Wipe:
			set.State = "wiping"
		case set.Instance != "":
			set.State = "attached"
		}
		out.Volumes = append(out.Volumes, set)
	}
	return d.ok(w, out)
}

// wipeVolume deletes the data of a set of volumes that nobody uses.
func (d *door) wipeVolume(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	_, err := d.submit(r, func(request string) cluster.Event { return cluster.Wipe{Request: request, Claims: []string{id}} })
	if err != nil {
		return err
	}
	d.constants(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return nil
}
