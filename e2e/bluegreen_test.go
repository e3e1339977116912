package e2e

import (
	"fmt"
	"testing"
)

func TestABlueAppYieldsToAGreenOneOfItsGroup(t *testing.T) {
	engines := hosts(t, 1)
	p := dev(t, engines)
	half := func(id, version, started string) map[string]any {
		app := hello(t, image(t, "pacer/hello:"+version))
		app["id"], app["mem"] = id, 16
		app["labels"] = map[string]any{
			"HAPROXY_0_VHOST": "shop.localhost,shop.example.com", "HAPROXY_DEPLOYMENT_GROUP": "shop",
			"HAPROXY_DEPLOYMENT_STARTED_AT": started, "HAPROXY_DEPLOYMENT_TARGET_INSTANCES": "2",
		}
		return app
	}
	p.do("POST", "/v2/apps", half("/shop-blue", "1", "2026-01-01T00:00:00"))
	p.deployed()
	l := press(t, p, "shop.localhost", "shop.example.com")
	l.more(t, 100)

	p.do("POST", "/v2/apps", half("/shop-green", "2", "2026-01-02T00:00:00"))
	p.deployed()
	l.more(t, 100) // what was under way
	blue := l.answered("1")
	l.more(t, 300)
	if n := l.answered("1") - blue; n > 0 {
		t.Errorf("%d answers came from the blue app though the green one is complete", n)
	}
	p.do("DELETE", "/v2/apps/shop-blue", nil)
	p.deployed()
	p.wait("the blue app to be gone", func() error {
		if list, err := containers(engines, "/shop-blue"); err != nil || len(list) > 0 {
			return fmt.Errorf("%d run, %v", len(list), err)
		}
		return nil
	})
	l.more(t, 300)
	l.clean(t)
}
