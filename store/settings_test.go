package store

import (
	"testing"

	"pacer/apps"
	"pacer/deployer/cluster"
)

func TestTheNewestSettingsAreInForce(t *testing.T) {
	engines(t, func(t *testing.T, url string) {
		d := open(t, url)
		l := lead(t, d)
		diff(t, "before", []apps.Settings(nil), must(d.SettingsVersions(t.Context()))(t))
		for v := apps.Version(1); v <= versionsMax+3; v++ {
			commit(t, d, l, cluster.Changes{Settings: &apps.Settings{Version: v, By: "somebody"}})
		}

		diff(t, "loaded", apps.Settings{Version: versionsMax + 3, By: "somebody"}, load(t, d).Settings)
		all := must(d.SettingsVersions(t.Context()))(t)
		if len(all) != versionsMax || all[0].Version != versionsMax+3 || all[versionsMax-1].Version != 4 {
			t.Errorf("kept are %d, from %d to %d", len(all), all[len(all)-1].Version, all[0].Version)
		}
	})
}
