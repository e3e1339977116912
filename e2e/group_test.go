package e2e

import (
	"fmt"
	"testing"
)

// tiers are three apps of which each depends on the next: web, api, db.
func tiers(t testing.TB, version string) map[string]any {
	t.Helper()
	var apps []any
	for i, id := range []string{"web", "api", "db"} {
		app := hello(t, image(t, "pacer/hello:"+version))
		app["id"], app["instances"], app["mem"] = id, 3-i/2, 16
		app["labels"] = map[string]any{"HAPROXY_0_VHOST": id + ".localhost"}
		app["upgradeStrategy"] = map[string]any{"minimumHealthCapacity": 1, "maximumOverCapacity": 0.5}
		if next := []string{"api", "db", ""}[i]; next != "" {
			app["dependencies"] = []any{"../shop/" + next}
		}
		apps = append(apps, app)
	}
	return map[string]any{"id": "/shop", "apps": apps}
}

func TestAGroupIsUpgradedLayerByLayerInOneDeployment(t *testing.T) {
	engines := hosts(t, 2)
	p := dev(t, engines)
	p.do("PUT", "/v2/groups", map[string]any{"groups": []any{tiers(t, "1")}})
	p.deployed()
	h := record(t, engines)
	l := press(t, p, "web.localhost", "api.localhost", "db.localhost")
	l.more(t, 300)

	id := p.do("PUT", "/v2/groups", map[string]any{"groups": []any{tiers(t, "2")}})["deploymentId"]
	p.deployed()
	l.more(t, 300)

	d := p.do("GET", fmt.Sprintf("/pacer/v1/deployments/%v", id), nil)
	if steps, _ := d["steps"].([]any); d["state"] != "succeeded" || len(steps) != 3 {
		t.Errorf("want one deployment of 3 steps that succeeded, got %v", d)
	}
	if all := p.do("GET", "/pacer/v1/deployments", nil)["deployments"].([]any); len(all) != 2 {
		t.Errorf("want the creation and the upgrade, got %d deployments", len(all))
	}
	before := []moment(nil) // the starts of the layer below
	for _, tier := range []struct {
		app         string
		least, most int
	}{{"/shop/db", 2, 3}, {"/shop/api", 3, 4}, {"/shop/web", 3, 4}} {
		starts := h.starts(tier.app, "pacer/hello:2")
		if len(starts) != tier.least {
			t.Fatalf("%s: want %d containers of version 2, Docker started %d", tier.app, tier.least, len(starts))
		}
		if len(before) > 0 && starts[0].at.Before(before[len(before)-1].at) {
			t.Errorf("%s was started at %s, before the last of what it depends on, at %s", tier.app, starts[0].at, before[len(before)-1].at)
		}
		before = starts
		h.bounds(tier.app, "", tier.least, tier.most)
		for _, c := range running(t, engines, tier.app, tier.least) {
			if c.Image != "pacer/hello:2" {
				t.Errorf("%s still runs %s", c.Instance, c.Image)
			}
		}
	}
	l.clean(t)
}
