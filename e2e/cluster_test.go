package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pacer/bus"
	"pacer/testbed"
)

// A cluster is what docker-compose.yml describes, as processes: PostgreSQL, NATS,
// two servers, an agent for each engine and a load balancer of its own.
type cluster struct {
	postgres *testbed.Postgres
	servers  []*platform
	balancer *platform // its api is that of servers[0]
}

// startCluster runs servers on one NATS and one PostgreSQL.
func startCluster(t testing.TB, engines []*testbed.Engine) *cluster {
	t.Helper()
	c := &cluster{postgres: testbed.NewPostgres(t)}
	nats, err := bus.Embedded(bus.ServerConfig{Name: "nats", Listen: "127.0.0.1:0", StoreDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Shutdown)
	url := "nats://" + nats.Addr()
	for i := range 2 {
		p, flags := doors(t)
		args := append([]string{"server", "--name", fmt.Sprintf("s%d", i+1), "--data-dir", t.TempDir(), "--postgres", c.postgres.URL, "--nats", url}, flags...)
		p.process = spawn(t, args...)
		c.servers = append(c.servers, p)
	}
	lb, flags := doors(t)
	lb.process = spawn(t, append([]string{"lb", "--name", "edge", "--data-dir", t.TempDir(), "--nats", url}, flags[2:]...)...)
	lb.api = c.servers[0].api
	c.balancer = lb
	for i, e := range engines {
		spawn(t, "agent", "--data-dir", e.TempDir(t), "--nats", url, "--docker", fmt.Sprintf("h%d=%s,address=%s", i+1, e.Endpoint, e.Addr))
	}
	for _, p := range c.servers {
		p.ready()
	}
	c.servers[0].wait("all hosts", func() error {
		_, body := c.servers[0].call("GET", "/pacer/v1/hosts", nil)
		if n := strings.Count(body, `"name":`); n != len(engines) {
			return fmt.Errorf("%d of %d hosts: %s", n, len(engines), body)
		}
		return nil
	})
	return c
}

// roles says which server leads and which does not, by what they themselves say.
func (c *cluster) roles(t testing.TB) (leader, follower *platform) {
	t.Helper()
	waitFor(t, "a leader", func() error {
		_, body := c.servers[0].call("GET", "/v2/leader", nil)
		var answer struct{ Leader string }
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			return fmt.Errorf("%v: %s", err, body)
		}
		for i, p := range c.servers {
			if strings.TrimPrefix(p.api, "http://") == answer.Leader {
				leader, follower = p, c.servers[1-i]
				return nil
			}
		}
		return fmt.Errorf("%s is neither of the servers", body)
	})
	return leader, follower
}

func TestADeploymentOutlivesTheLeader(t *testing.T) {
	engines := hosts(t, 2)
	c := startCluster(t, engines)
	leader, follower := c.roles(t)
	follower.do("POST", "/v2/apps", hello(t, map[string]any{
		"instances": 4, "upgradeStrategy": map[string]any{"minimumHealthCapacity": 0.75, "maximumOverCapacity": 0.25},
	}))
	follower.deployed()
	l := press(t, c.balancer, "hello.localhost")
	l.more(t, 300)
	watch := sample(t, engines, "/hello")

	id := follower.do("PUT", "/v2/apps/hello", image(t, "pacer/hello:2"))["deploymentId"]
	waitFor(t, "the first container of version 2", func() error {
		list, err := containers(engines, "/hello")
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.Image == "pacer/hello:2" {
				return nil
			}
		}
		return fmt.Errorf("none of %d", len(list))
	})
	leader.process.kill()
	killed := time.Now()

	follower.ready()
	waitFor(t, "the other server to lead", func() error {
		code, body := follower.call("GET", "/v2/leader", nil)
		if code != 200 || !strings.Contains(body, strings.TrimPrefix(follower.api, "http://")) {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
	t.Logf("leading again after %s", time.Since(killed).Round(time.Millisecond))
	follower.deployed()
	code, body := follower.call("GET", fmt.Sprintf("/pacer/v1/deployments/%v", id), nil)
	if code != 200 || !strings.Contains(body, `"succeeded"`) {
		t.Errorf("the deployment should have succeeded: %d %s", code, body)
	}
	list := running(t, engines, "/hello", 4)
	seen := map[string]bool{}
	for _, s := range list {
		if s.Image != "pacer/hello:2" || seen[s.Instance] {
			t.Errorf("want 4 different instances of version 2, got %+v", list)
		}
		seen[s.Instance] = true
	}
	least, most, samples := watch()
	t.Logf("%d samples: between %d and %d containers", samples, least, most)
	if least < 3 || most > 5 {
		t.Errorf("want between 3 and 5 containers at any time, Docker showed %d to %d", least, most)
	}
	l.more(t, 300)
	l.clean(t)
}

func TestTrafficNeedsNoControlPlane(t *testing.T) {
	engines := hosts(t, 1)
	c := startCluster(t, engines)
	leader, follower := c.roles(t)
	leader.do("POST", "/v2/apps", hello(t, nil))
	leader.deployed()
	l := press(t, c.balancer, "hello.localhost")
	l.more(t, 100)

	leader.process.kill()
	follower.process.kill()
	if err := c.postgres.Kill9(); err != nil {
		t.Fatal(err)
	}
	l.more(t, 3000)

	if n := len(mustContainers(t, engines, "/hello")); n != 2 {
		t.Errorf("want the 2 containers to go on, got %d", n)
	}
	if err := c.postgres.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	leader.process.start()
	leader.ready()
	leader.healthy("/hello", 2)
	l.clean(t)
}
