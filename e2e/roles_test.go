package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Two roles want twice as much as three engines have. They get it by their weights, and
// what one gives back goes to the poorer one.
func TestRolesShareEnginesByTheirWeights(t *testing.T) {
	engines := hosts(t, 3)
	p := dev(t, engines, "--resources", "cpus:2;mem:1024;ports:[31000-31999]")
	p.do("PUT", "/pacer/v1/roles/gold", map[string]any{"weight": 2})
	web := hello(t, map[string]any{"id": "web", "instances": 6, "cpus": 1, "mem": 16, "labels": map[string]any{}})
	p.do("PUT", "/v2/groups", map[string]any{"groups": []any{
		map[string]any{"id": "gold", "apps": []any{web}}, map[string]any{"id": "silver", "apps": []any{web}},
	}})

	gold := running(t, engines, "/gold/web", 4)
	running(t, engines, "/silver/web", 2)
	shares(p, 4, 2)
	for _, name := range []string{"gold", "silver"} {
		if r := p.cli("app", "explain", "/"+name+"/web"); !strings.Contains(r.stdout, "3 too little cpu (needs 1, most free 0)") {
			t.Errorf("why instances of /%s/web wait: %s%s", name, r.stdout, r.stderr)
		}
	}

	p.do("PUT", "/pacer/v1/roles/gold", map[string]any{"weight": 1}) // what runs runs on
	p.do("POST", "/v2/tasks/delete", map[string]any{"ids": []any{gold[0].Instance + "._app.1"}})

	running(t, engines, "/silver/web", 3)
	running(t, engines, "/gold/web", 3)
	shares(p, 3, 3)
	list := p.do("GET", "/pacer/v1/apps/silver/web/decisions", nil)["decisions"].([]any)
	placed := ""
	for _, one := range list {
		if d := one.(map[string]any); d["host"] != nil {
			placed = d["sentence"].(string)
		}
	}
	if !strings.HasPrefix(placed, "role silver was next") || !strings.Contains(placed, "gold") {
		t.Errorf("why the last instance of /silver/web runs where it does: %q", placed)
	}
}

// shares waits until the two roles have so many instances, and says so of no more.
func shares(p *platform, gold, silver int) {
	p.t.Helper()
	p.wait("the shares of the roles", func() error {
		got := map[string]any{}
		for _, one := range p.do("GET", "/pacer/v1/roles", nil)["roles"].([]any) {
			r := one.(map[string]any)
			got[r["name"].(string)] = fmt.Sprint(r["instances"], " ", r["waiting"])
		}
		if got["gold"] != fmt.Sprint(gold, " ", 6-gold) || got["silver"] != fmt.Sprint(silver, " ", 6-silver) {
			return fmt.Errorf("instances and waiting are %v", got)
		}
		return nil
	})
}
