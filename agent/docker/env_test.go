package docker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacer/agent"
	"pacer/apps"
)

func at(a apps.App, ports ...int) agent.Launch {
	if a.ID == "" {
		a.ID = "/shop/web"
	}
	a.Version = apps.VersionAt(time.Date(2015, 9, 25, 15, 13, 48, 343e6, time.UTC))
	return agent.Launch{Instance: "shop_web.instance-1", App: &a, Ports: ports, Epoch: 3}
}

func TestEveryInstanceIsToldWhoItIs(t *testing.T) {
	l := at(apps.App{
		Needs:     apps.Resources{CPU: 100, Mem: 128},
		Container: &apps.Container{Image: "web:1"},
		Labels:    map[string]string{"owner": "ann", "com.example/x": "1"},
		Env:       map[string]string{"HOST": "mine", "COLOUR": "red"},
	})
	want := []string{
		"COLOUR=red",
		"HOST=mine", // the app's own win
		"MARATHON_APP_DOCKER_IMAGE=web:1",
		"MARATHON_APP_ENFORCE_GROUP_ROLE=FALSE",
		"MARATHON_APP_ID=/shop/web",
		"MARATHON_APP_LABELS=COM_EXAMPLE_X OWNER",
		"MARATHON_APP_LABEL_COM_EXAMPLE_X=1",
		"MARATHON_APP_LABEL_OWNER=ann",
		"MARATHON_APP_RESOURCE_CPUS=0.1",
		"MARATHON_APP_RESOURCE_DISK=0.0",
		"MARATHON_APP_RESOURCE_GPUS=0",
		"MARATHON_APP_RESOURCE_MEM=128.0",
		"MARATHON_APP_VERSION=2015-09-25T15:13:48.343Z",
		"MESOS_SANDBOX=/mnt/mesos/sandbox",
		"MESOS_TASK_ID=shop_web.instance-1._app.1",
	}
	if d := cmp.Diff(want, environment(l, "10.0.0.1")); d != "" {
		t.Error(d)
	}
}

func TestPortVariables(t *testing.T) {
	bridge := func(ports ...apps.Port) apps.App { return apps.App{Network: apps.NetworkBridge, Ports: ports} }
	for _, c := range []struct {
		name string
		l    agent.Launch
		want map[string]string
	}{
		{"no ports, no variables", at(bridge()), map[string]string{}},
		{"bridge: values are host ports",
			at(bridge(apps.Port{Container: 80, Name: "http"}, apps.Port{Container: 81, Name: "admin-ui"}), 31001, 31002),
			map[string]string{"PORT": "31001", "PORTS": "31001,31002", "PORT0": "31001", "PORT1": "31002",
				"PORT_80": "31001", "PORT_81": "31002", "PORT_HTTP": "31001", "PORT_ADMIN-UI": "31002"}},
		{"bridge: container port 0 is the host port",
			at(bridge(apps.Port{}), 31001),
			map[string]string{"PORT": "31001", "PORTS": "31001", "PORT0": "31001", "PORT_31001": "31001"}},
		{"no host port: the container port",
			at(bridge(apps.Port{Container: 80, Host: apps.NoHostPort}), 0),
			map[string]string{"PORT": "80", "PORTS": "80", "PORT0": "80", "PORT_80": "80"}},
		{"host network: the definition's port is the service port",
			at(apps.App{Network: apps.NetworkHost, Ports: []apps.Port{{Service: 10000, Name: "default"}}}, 31001),
			map[string]string{"PORT": "31001", "PORTS": "31001", "PORT0": "31001", "PORT_10000": "31001", "PORT_DEFAULT": "31001"}},
	} {
		if d := cmp.Diff(c.want, portVariables(c.l)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestAPortWithoutNumbersGetsOneAndKeepsIt(t *testing.T) {
	l := at(apps.App{Network: apps.NetworkContainer, Ports: []apps.Port{{Host: apps.NoHostPort}}}, 0)
	p := containerPort(l, 0)
	if p <= 1024 || p > 65535 || p != containerPort(l, 0) {
		t.Fatalf("above 1024 and always the same, but %d, %d", p, containerPort(l, 0))
	}
	if got := portVariables(l)["PORT0"]; got == "" || got == "0" {
		t.Fatalf("PORT0 is %q", got)
	}
}

func TestLongLabelsAreNoVariables(t *testing.T) {
	env := labelVariables(map[string]string{
		strings.Repeat("k", 492): "in",
		strings.Repeat("l", 493): "out",
		"long":                   strings.Repeat("v", 512),
		"short":                  strings.Repeat("v", 511),
	})
	if got := len(strings.Fields(env["MARATHON_APP_LABELS"])); got != 2 || len(env) != 3 {
		t.Errorf("two of four labels fit, but %d are listed and there are %d variables", got, len(env))
	}
}

func TestAnInstanceIsToldWhetherItsGroupEnforcesARole(t *testing.T) {
	l := at(apps.App{})
	l.Enforced = true
	if env := environment(l, "h1"); !slices.Contains(env, "MARATHON_APP_ENFORCE_GROUP_ROLE=TRUE") {
		t.Errorf("got %v", env)
	}
}
