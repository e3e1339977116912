package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"pacer/testbed"
)

func TestAnAppIsServedByHostServicePortAndName(t *testing.T) {
	engines := hosts(t, 3)
	p := dev(t, engines)

	p.do("POST", "/v2/apps", hello(t, map[string]any{"instances": 3}))
	p.deployed()

	perEngine := map[*testbed.Engine]int{}
	for _, c := range running(t, engines, "/hello", 3) {
		perEngine[c.Engine]++
	}
	if len(perEngine) != 3 {
		t.Errorf("3 instances should be spread over 3 hosts, got %v", perEngine)
	}
	seen := map[string]bool{}
	for range 60 {
		code, body := p.get("hello.localhost", "/")
		if code != 200 {
			t.Fatalf("by virtual host: %d %s", code, body)
		}
		seen[body] = true
	}
	if len(seen) != 3 {
		t.Errorf("traffic should reach all 3 instances, got %v", seen)
	}
	app := p.do("GET", "/v2/apps/hello", nil)["app"].(map[string]any)
	port := app["container"].(map[string]any)["portMappings"].([]any)[0].(map[string]any)["servicePort"]
	req, err := http.NewRequest("GET", fmt.Sprintf("http://%s:%v/", p.bind, port), nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, body := fetch(req); code != 200 || !strings.HasPrefix(body, "hello from 1") {
		t.Errorf("by service port %v: %d %s", port, code, body)
	}
	addresses, srv := lookUp(t, p, "hello.pacer.", dns.TypeA), lookUp(t, p, "_hello._tcp.pacer.", dns.TypeSRV)
	if len(addresses) != 3 || len(srv) != 3 {
		t.Fatalf("want 3 addresses and 3 SRV records, got %v and %v", addresses, srv)
	}
	for _, rr := range srv {
		s := rr.(*dns.SRV)
		a := lookUp(t, p, s.Target, dns.TypeA)
		if len(a) != 1 {
			t.Fatalf("%s should have one address, got %v", s.Target, a)
		}
		req, err := http.NewRequest("GET", fmt.Sprintf("http://%s/", net.JoinHostPort(a[0].(*dns.A).A.String(), fmt.Sprint(s.Port))), nil)
		if err != nil {
			t.Fatal(err)
		}
		if code, body := fetch(req); code != 200 {
			t.Errorf("by name %s:%d: %d %s", s.Target, s.Port, code, body)
		}
	}
	if code, _ := p.get("nobody.example", "/"); code != 404 {
		t.Errorf("an unknown host should be 404, got %d", code)
	}
}

func lookUp(t testing.TB, p *platform, name string, kind uint16) []dns.RR {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, kind)
	r, _, err := new(dns.Client).Exchange(m, p.dns)
	if err != nil {
		t.Fatal(err)
	}
	return r.Answer
}

func TestAKilledContainerIsReplacedWithoutAFailedRequest(t *testing.T) {
	engines := hosts(t, 3)
	p := dev(t, engines)
	p.do("POST", "/v2/apps", hello(t, map[string]any{"instances": 3}))
	p.deployed()
	l := press(t, p, "hello.localhost")
	l.more(t, 500)

	victim := mustContainers(t, engines, "/hello")[0]
	killed := time.Now()
	if err := victim.Engine.KillContainer(victim.ID); err != nil {
		t.Fatal(err)
	}
	dead := time.Now()
	p.wait("its replacement", func() error {
		list, err := containers(engines, "/hello")
		if err != nil {
			return err
		}
		if len(list) != 3 || slices.ContainsFunc(list, func(c sighting) bool { return c.ID == victim.ID }) {
			return fmt.Errorf("%d run", len(list))
		}
		return nil
	})
	p.healthy("/hello", 3)
	l.more(t, 500)

	t.Logf("the instance took %s to die", dead.Sub(killed))
	l.clean(t, span{killed, dead})
}

// healthy waits until Pacer says that n instances are healthy and no more run.
func (p *platform) healthy(app string, n int) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%d healthy instances", n), func() error {
		code, body := p.call("GET", "/v2/apps"+app, nil)
		var answer struct {
			App struct{ TasksHealthy, TasksRunning, TasksStaged int }
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || code != 200 {
			return fmt.Errorf("%d %s", code, body)
		}
		if a := answer.App; a.TasksHealthy != n || a.TasksRunning != n || a.TasksStaged != 0 {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
}

func TestARollingUpdateFailsNoRequestAndKeepsItsBounds(t *testing.T) {
	engines := hosts(t, 3)
	p := dev(t, engines)
	p.do("POST", "/v2/apps", hello(t, map[string]any{
		"instances": 4, "upgradeStrategy": map[string]any{"minimumHealthCapacity": 0.75, "maximumOverCapacity": 0.25},
	}))
	p.deployed()
	l := press(t, p, "hello.localhost")
	l.more(t, 300)
	watch := sample(t, engines, "/hello")

	p.do("PUT", "/v2/apps/hello", image(t, "pacer/hello:2"))
	p.deployed()
	l.more(t, 300)
	if n := l.answered("2"); n == 0 {
		t.Error("no answer came from version 2")
	}
	p.do("PUT", "/v2/apps/hello", image(t, "pacer/hello:1"))
	p.deployed()
	l.more(t, 300)

	for _, c := range running(t, engines, "/hello", 4) {
		if c.Image != "pacer/hello:1" {
			t.Errorf("%s still runs %s", c.Instance, c.Image)
		}
	}
	least, most, samples := watch()
	t.Logf("%d samples: between %d and %d containers", samples, least, most)
	if least < 3 || most > 5 {
		t.Errorf("want between 3 and 5 containers at any time, Docker showed %d to %d", least, most)
	}
	l.clean(t)
}

// sample asks Docker again and again how many containers of an app run; stop says
// what it saw.
func sample(t testing.TB, engines []*testbed.Engine, app string) (stop func() (least, most, samples int)) {
	end := make(chan struct{})
	var done sync.WaitGroup
	least, most, samples := 1<<30, 0, 0
	done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			if list, err := containers(engines, app); err == nil {
				least, most, samples = min(least, len(list)), max(most, len(list)), samples+1
			}
		}
	})
	halt := sync.OnceFunc(func() {
		close(end)
		done.Wait()
	})
	t.Cleanup(halt)
	return func() (int, int, int) {
		halt()
		return least, most, samples
	}
}

func TestScalingUpAndDown(t *testing.T) {
	engines := hosts(t, 1)
	p := dev(t, engines)
	p.do("POST", "/v2/apps", hello(t, map[string]any{"instances": 1, "mem": 16}))
	p.deployed()

	p.do("PUT", "/v2/apps/hello", map[string]any{"instances": 20})
	p.deployed()
	running(t, engines, "/hello", 20)
	p.do("PUT", "/v2/apps/hello", map[string]any{"instances": 2})
	p.deployed()
	running(t, engines, "/hello", 2)
	p.do("PUT", "/v2/apps/hello", map[string]any{"instances": 0})
	p.deployed()
	running(t, engines, "/hello", 0)
	if code, _ := p.get("hello.localhost", "/"); code != 503 {
		t.Errorf("a suspended app should answer 503, got %d", code)
	}
	p.do("DELETE", "/v2/apps/hello", nil)
	p.deployed()
	if code, body := p.call("GET", "/v2/apps/hello", nil); code != 404 {
		t.Errorf("a deleted app should be 404, got %d %s", code, body)
	}
	p.wait("the deleted app's host name to be forgotten", func() error {
		if code, _ := p.get("hello.localhost", "/"); code != 404 {
			return fmt.Errorf("answered %d", code)
		}
		return nil
	})
}

func TestARestartOfPacerLeavesContainersAlone(t *testing.T) {
	engines := hosts(t, 1)
	p := dev(t, engines)
	p.do("POST", "/v2/apps", hello(t, map[string]any{"instances": 3}))
	p.deployed()
	ids := func() (out []string) {
		for _, c := range mustContainers(t, engines, "/hello") {
			out = append(out, c.ID)
		}
		slices.Sort(out)
		return out
	}
	before := ids()

	for _, end := range []func(){p.process.stop, p.process.kill} {
		end()
		p.process.start()
		p.ready()
		p.healthy("/hello", 3)
		p.wait("traffic", func() error {
			if code, body := p.get("hello.localhost", "/"); code != 200 {
				return fmt.Errorf("%d %s", code, body)
			}
			return nil
		})
		if after := ids(); !slices.Equal(before, after) {
			t.Fatalf("before the restart %v, after it %v", before, after)
		}
	}
}

func TestInstancesOfALostEngineRunElsewhere(t *testing.T) {
	engines := hosts(t, 3)
	p := dev(t, engines)
	p.do("POST", "/v2/apps", hello(t, map[string]any{"instances": 3}))
	p.deployed()

	if err := engines[2].Kill9(); err != nil {
		t.Fatal(err)
	}
	running(t, engines[:2], "/hello", 3)
	p.wait("3 healthy instances on two hosts", func() error {
		for range 20 {
			if code, body := p.get("hello.localhost", "/"); code != 200 {
				return fmt.Errorf("%d %s", code, body)
			}
		}
		return nil
	})
	if err := engines[2].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.wait("the lost host to be back", func() error {
		_, body := p.call("GET", "/pacer/v1/hosts", nil)
		if strings.Contains(body, `"lost":true`) {
			return fmt.Errorf("%s", body)
		}
		return nil
	})
	p.healthy("/hello", 3)
	running(t, engines, "/hello", 3)
}

func TestBadBodiesAreRefusedAndSurvived(t *testing.T) {
	p := dev(t, hosts(t, 1))
	for _, c := range []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"POST", "/v2/apps", `{"id": "/a", `, 400, "Invalid JSON"},
		{"POST", "/v2/apps", ``, 400, "JSON"},
		{"POST", "/v2/apps", `{"id": 7, "cmd": "x y"}`, 422, "error.expected.jsstring"},
		{"POST", "/v2/apps", `{"id": "/A_b", "cmd": "sleep 1"}`, 422, "must fully match regular expression"},
		{"POST", "/v2/apps", `{"id": "/a"}`, 422, "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."},
		{"POST", "/v2/apps", `{"id": "/a", "cmd": "sleep 1", "constraints": [["hostname", "NEAR"]]}`, 422, "/constraints(0)"},
		{"POST", "/v2/apps", `{"id": "/a", "container": {"docker": {"image": "x", "parameters": [{"key": "frobnicate", "value": "1"}]}}}`, 422, "frobnicate"},
		{"GET", "/v2/apps/nobody", ``, 404, "App '/nobody' does not exist"},
		{"DELETE", "/v2/deployments/none", ``, 404, "DeploymentPlan none does not exist"},
		{"GET", "/v2/nothing", ``, 404, "URI not found"},
	} {
		if code, body := p.call(c.method, c.path, c.body); code != c.code || !strings.Contains(body, c.says) || !json.Valid([]byte(body)) {
			t.Errorf("%s %s %s: want %d with %q, got %d %s", c.method, c.path, c.body, c.code, c.says, code, body)
		}
	}
	good, err := json.Marshal(hello(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		bad := slices.Clone(good)
		bad[i*7%len(bad)] = byte(i)
		bad = bad[:len(bad)-i%3]
		if code, body := p.call("POST", "/v2/apps?force=true", string(bad)); code == 0 || code >= 500 {
			t.Fatalf("body %d: %d %s\n%s", i, code, body, bad)
		}
	}
	if code, _ := p.call("GET", "/ping", nil); code != 200 {
		t.Fatalf("after a thousand bad bodies /ping is %d", code)
	}
}

func TestACommandWithoutAContainerRunsOnTheHostsUserland(t *testing.T) {
	engines := hosts(t, 1)
	p := dev(t, engines)

	p.do("POST", "/v2/apps", map[string]any{
		"id": "/first", "cmd": "echo from $MESOS_SANDBOX > index.html && exec python3 -m http.server $PORT0", "cpus": 0.1, "mem": 64, "instances": 1,
		"healthChecks": []any{map[string]any{"protocol": "HTTP", "path": "/index.html", "intervalSeconds": 2}},
	})
	p.deployed()

	if code, body := p.get("first.localhost", "/index.html"); code != 200 || !strings.HasPrefix(body, "from /") {
		t.Fatalf("%d %s", code, body)
	}
	_, tasks := p.call("GET", "/v2/apps/first/tasks", nil)
	if !strings.Contains(tasks, "TASK_RUNNING") {
		t.Errorf("no running task: %s", tasks)
	}
}
