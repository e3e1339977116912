package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestADrainedHostIsEmptiedUnderLoad(t *testing.T) {
	engines := hosts(t, 3)
	p := dev(t, engines, "--resources", "cpus:2;mem:2048;ports:[31000-31999]")
	p.do("POST", "/v2/apps", hello(t, map[string]any{"instances": 6, "cpus": 0.2, "mem": 16}))
	alone := hello(t, map[string]any{"id": "/alone", "instances": 1, "mem": 16, "constraints": []any{[]any{"hostname", "UNLIKE", "h2"}}})
	alone["labels"] = map[string]any{"HAPROXY_0_VHOST": "alone.localhost"}
	p.do("POST", "/v2/apps", alone)
	p.deployed()
	there := map[int]int{}
	for _, c := range record(t, engines).begun {
		if c.app == "/hello" {
			there[c.engine]++
		}
	}
	if there[0] != 2 || there[1] != 2 || there[2] != 2 {
		t.Fatalf("6 instances should be spread over 3 hosts, got %v", there)
	}
	h := record(t, engines)
	l := press(t, p, "hello.localhost", "alone.localhost")
	l.more(t, 300)

	r := p.cli("host", "drain", "h1", "--wait", "--timeout", "2m", "-o", "json")
	if r.code != "0" || !regexp.MustCompile(`h1 is draining: \d of \d instances left\n(.*\n)*host h1 is drained\n`).MatchString(r.stderr) {
		t.Fatalf("drain exited %s and said\n%s", r.code, r.stderr)
	}
	var host struct {
		State     string
		Instances int
	}
	if err := json.Unmarshal([]byte(r.stdout), &host); err != nil || host.Instances != 0 {
		t.Errorf("want an empty host, got %s (%v)", r.stdout, err)
	}
	if host := p.do("GET", "/pacer/v1/hosts/h1", nil); host["state"] != "drained" {
		t.Errorf("want it drained, got %v", host)
	}
	running(t, engines[:1], "/hello", 0)
	running(t, engines[:1], "/alone", 0)
	h.bounds("/hello", "", 6, 9)
	h.bounds("/alone", "", 1, 2)

	p.do("PUT", "/v2/apps/hello", map[string]any{"instances": 8})
	p.deployed()
	running(t, engines, "/hello", 8)
	for _, m := range h.told() {
		if m.starts && m.engine == 0 {
			t.Errorf("%s was started on the host that is drained", m.app)
		}
	}
	if r := p.cli("host", "uncordon", "h1"); r.code != "0" {
		t.Fatalf("uncordon exited %s: %s", r.code, r.stderr)
	}
	if r := p.cli("host", "rebalance", "--dry-run"); r.code != "0" || !regexp.MustCompile(`/hello +h[23] +h1 +host h`).MatchString(r.stdout) {
		t.Errorf("a dry run of rebalance exited %s and said\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := p.cli("host", "rebalance", "--wait", "--timeout", "2m"); r.code != "0" || !strings.Contains(r.stderr, "the hosts are rebalanced") {
		t.Fatalf("rebalance exited %s and said\n%s%s", r.code, r.stdout, r.stderr)
	}
	if n := len(mustContainers(t, engines[:1], "/hello")); n < 2 {
		t.Errorf("%d of 8 instances came to the empty one of three hosts", n)
	}
	running(t, engines, "/hello", 8)
	l.more(t, 300)
	l.clean(t)
	if r := p.cli("host", "rebalance"); r.code != "0" || !strings.Contains(r.stderr, "nothing to move") {
		t.Errorf("a second rebalance exited %s and said\n%s%s", r.code, r.stdout, r.stderr)
	}
	p.do("PUT", "/v2/apps/hello", map[string]any{"instances": 10})
	p.deployed()
	running(t, engines, "/hello", 10)
}

func TestAPlanChangesNothing(t *testing.T) {
	engines := hosts(t, 2)
	p := dev(t, engines)
	p.do("PUT", "/v2/groups", map[string]any{"groups": []any{tiers(t, "1")}})
	p.deployed()
	h := record(t, engines)
	state := func() string { // what a change would change
		_, apps := p.call("GET", "/v2/apps", nil)
		_, deployments := p.call("GET", "/pacer/v1/deployments", nil)
		return apps + deployments
	}
	before := state()
	more := tiers(t, "1")
	more["apps"].([]any)[0].(map[string]any)["instances"] = 5
	huge := tiers(t, "1")
	huge["apps"].([]any)[2].(map[string]any)["mem"] = 1 << 30
	wrong := tiers(t, "1")
	wrong["apps"].([]any)[1].(map[string]any)["cpus"] = -1
	circle := tiers(t, "1")
	circle["apps"].([]any)[2].(map[string]any)["dependencies"] = []any{"/shop/web"}
	fewer := tiers(t, "1")
	fewer["apps"] = fewer["apps"].([]any)[1:]

	for _, c := range []struct {
		name string
		spec any
		code string
		says []string
	}{
		{"the same", tiers(t, "1"), "0", []string{"nothing would change"}},
		{"a new version", tiers(t, "2"), "0", []string{
			"/shop/api  RestartApplication", `container.docker.image: "pacer/hello:1" → "pacer/hello:2"`, "between 3 and 4 live, never fewer than 3 ready",
			"step 1: RestartApplication /shop/db\nstep 2: RestartApplication /shop/api\nstep 3: RestartApplication /shop/web\n",
		}},
		{"more instances", more, "0", []string{"/shop/web  ScaleApplication", "instances: 3 → 5", "new on h"}},
		{"an app less", fewer, "0", []string{"/shop/web  StopApplication"}},
		{"what fits nowhere", huge, "5", []string{"it would stall", "2 too little memory"}},
		{"what is invalid", wrong, "2", []string{"cpus"}},
		{"a circle", circle, "2", []string{"/shop/web", "/shop/api", "/shop/db"}},
	} {
		r := p.cli("plan", specFile(t, c.spec))
		if r.code != c.code {
			t.Errorf("%s: exited %s, want %s:\n%s%s", c.name, r.code, c.code, r.stdout, r.stderr)
		}
		for _, want := range c.says {
			if !strings.Contains(r.stdout+r.stderr, want) {
				t.Errorf("%s: want %q in\n%s%s", c.name, want, r.stdout, r.stderr)
			}
		}
	}
	if after := state(); after != before {
		t.Errorf("before the plans\n%s\nand after\n%s", before, after)
	}
	if all := h.told(); len(all) > 0 {
		t.Errorf("plans started or ended containers: %s", fmt.Sprint(all))
	}
}
