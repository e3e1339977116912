package api

import (
	"cmp"
	"net/http"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// getSettings shows what holds for the whole cluster, and what did.
func (d *door) getSettings(w http.ResponseWriter, r *http.Request) error {
	v, err := d.view()
	if err != nil {
		return err
	}
	history, err := d.Reader.SettingsVersions(r.Context())
	if err != nil {
		return err
	}
	now := v.Settings()
	is := settingsOf(now)
	out := wire.ClusterSettings{Placement: is.Placement, Fairness: is.Fairness, Preemption: is.Preemption, By: is.By, History: []wire.SettingsBefore{}}
	if now.Version != 0 {
		out.Version = is.Version
	}
	for _, old := range history {
		out.History = append(out.History, settingsOf(old))
	}
	return d.ok(w, out)
}

func settingsOf(s apps.Settings) wire.SettingsBefore {
	return wire.SettingsBefore{
		Placement: cmp.Or(s.Placement, apps.PlaceSpread), Fairness: cmp.Or(s.Fairness, apps.FairDRF), Preemption: s.Preemption, Version: s.Version.String(), By: s.By,
	}
}

func (d *door) setSettings(w http.ResponseWriter, r *http.Request) error {
	var body wire.SettingsUpdate
	if err := read(w, r, &body); err != nil {
		return err
	}
	set := cluster.SetSettings{Settings: apps.Settings{Placement: body.Placement, Fairness: body.Fairness, Preemption: body.Preemption, By: clientIP(r)}}
	for _, one := range []struct{ path, value, first, second string }{
		{"/placement", body.Placement, apps.PlaceSpread, apps.PlacePack},
		{"/fairness", body.Fairness, apps.FairDRF, apps.FairTasks},
	} {
		if one.value != "" && one.value != one.first && one.value != one.second {
			return invalid("Object is not valid", one.path, "is neither "+one.first+" nor "+one.second)
		}
	}
	if body.Version != "" {
		version, err := apps.ParseVersion(body.Version)
		if err != nil {
			return invalid("Object is not valid", "/version", err.Error())
		}
		set.IfVersion = version
	}
	if _, err := d.submit(r, func(request string) cluster.Event {
		set.Request = request
		return set
	}); err != nil {
		return err
	}
	return d.getSettings(w, r)
}
