package docker

import (
	"strings"
	"testing"
	"time"

	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"

	"pacer/agent"
	"pacer/apps"
)

var host = place{addr: "127.0.1.9", sandbox: "/data/sandboxes/x", pidsLimit: 4096,
	userland: &userland{image: "pacer/userland:1", binds: []string{"/usr:/usr:ro"}}}

func mustSpec(t *testing.T, a apps.App, ports ...int) *spec {
	t.Helper()
	s, err := createSpec(at(a, ports...), host)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func boxed(edit ...func(*apps.App)) apps.App {
	a := apps.App{Container: &apps.Container{Image: "web:1"}, Network: apps.NetworkBridge}
	for _, f := range edit {
		f(&a)
	}
	return a
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		needs                apps.Resources
		shares, quota, memMB int64
	}{
		{apps.Resources{CPU: 1000, Mem: 128}, 1024, 1e9, 128},
		{apps.Resources{CPU: 100, Mem: 32}, 102, 1e8, 32},
		{apps.Resources{CPU: 1, Mem: 1}, 2, 0, 6}, // too little to run on: weight alone
		{apps.Resources{}, 2, 0, 32},
	} {
		s := mustSpec(t, boxed(func(a *apps.App) { a.Needs = c.needs }))
		r := s.host.Resources
		if r.CPUShares != c.shares || s.quota != c.quota || r.NanoCPUs != 0 || r.Memory != c.memMB*mib || r.MemorySwap != r.Memory || *r.PidsLimit != 4096 {
			t.Errorf("%+v: shares %d, quota %d (at creation %d), memory %d, with swap %d, pids %d",
				c.needs, r.CPUShares, s.quota, r.NanoCPUs, r.Memory, r.MemorySwap, *r.PidsLimit)
		}
	}
}

func TestPortsArePublishedOnTheHostsAddressAlone(t *testing.T) {
	s := mustSpec(t, boxed(func(a *apps.App) {
		a.Ports = []apps.Port{
			{Protocol: "tcp", Container: 80},
			{Protocol: "udp,tcp", Container: 53},
			{Protocol: "tcp"},
			{Protocol: "tcp", Container: 99, Host: apps.NoHostPort},
		}
	}), 31001, 31002, 31003, 0)
	on := func(port string) []nat.PortBinding { return []nat.PortBinding{{HostIP: "127.0.1.9", HostPort: port}} }
	want := nat.PortMap{"80/tcp": on("31001"), "53/tcp": on("31002"), "53/udp": on("31002"), "31003/tcp": on("31003")}
	if d := cmp.Diff(want, s.host.PortBindings); d != "" {
		t.Error(d)
	}
	if _, ok := s.config.ExposedPorts["99/tcp"]; !ok {
		t.Error("a port without a host port is exposed all the same")
	}
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		name            string
		app             apps.App
		entrypoint, cmd []string
	}{
		{"the image's own", boxed(), nil, nil},
		{"cmd replaces the entrypoint", boxed(func(a *apps.App) { a.Cmd = "x $PORT0" }), []string{"/bin/sh"}, []string{"-c", "x $PORT0"}},
		{"args go to the entrypoint", boxed(func(a *apps.App) { a.Args = []string{"-v", "x"} }), nil, []string{"-v", "x"}},
		{"args without an image are the command", apps.App{Args: []string{"sleep", "1"}}, []string{"sleep"}, []string{"1"}},
	} {
		s := mustSpec(t, c.app)
		if d := cmp.Diff([][]string{c.entrypoint, c.cmd}, [][]string{s.config.Entrypoint, s.config.Cmd}); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestVolumes(t *testing.T) {
	box := &apps.Container{Image: "web:1", Volumes: []apps.Volume{
		{ContainerPath: "/data", HostPath: "/srv/x"},
		{ContainerPath: "/conf", HostPath: "/etc/x", ReadOnly: true},
		{ContainerPath: "cache", HostPath: "c"},
	}}
	want := []string{"/data/sandboxes/x:/mnt/mesos/sandbox", "/srv/x:/data", "/etc/x:/conf:ro", "/data/sandboxes/x/c:/mnt/mesos/sandbox/cache"}
	if d := cmp.Diff(want, mustSpec(t, apps.App{Container: box}).host.Binds); d != "" {
		t.Error(d)
	}
}

func TestWhatCanNotRunAsWrittenSaysWhy(t *testing.T) {
	volume := func(v apps.Volume) apps.App {
		return boxed(func(a *apps.App) { a.Container.Volumes = []apps.Volume{v} })
	}
	parameter := func(key, value string) apps.App {
		return boxed(func(a *apps.App) { a.Container.Parameters = []apps.Parameter{{Key: key, Value: value}} })
	}
	for _, c := range []struct {
		app  apps.App
		want string
	}{
		{apps.App{}, "neither an image nor a command"},
		{boxed(func(a *apps.App) { a.Network = apps.NetworkContainer }), "name it in networks"},
		{boxed(func(a *apps.App) { a.Network = "moon" }), `no network mode "moon"`},
		{volume(apps.Volume{ContainerPath: "/d"}), "only volumes with a hostPath"},
		{volume(apps.Volume{ContainerPath: "/d", HostPath: "../x"}), "leads out of the sandbox"},
		{volume(apps.Volume{ContainerPath: "/d", HostPath: "/a:b"}), "colon"},
		{parameter("network-alias", "x"), "need a container network"},
		{parameter("moon", "x"), `"moon" is not an option`},
		{apps.App{Cmd: "x", User: "no-such-user"}, `no user "no-such-user"`},
	} {
		if _, err := createSpec(at(c.app), host); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

func TestAnAppWithoutAnImageRunsOnTheHostsUserland(t *testing.T) {
	a := apps.App{Cmd: "x", User: "root"}
	s := mustSpec(t, a)
	if s.userland != host.userland || s.config.Image != "pacer/userland:1" || s.host.NetworkMode != "host" ||
		s.config.WorkingDir != sandboxPath || s.config.User != "0:0" || !strings.Contains(strings.Join(s.host.Binds, " "), "/usr:/usr:ro") {
		t.Errorf("got %+v, %+v", s.config, s.host)
	}
	with := host
	with.commandImage = "tools:1"
	s, err := createSpec(at(a), with)
	if err != nil || s.userland != nil || s.config.Image != "tools:1" || s.config.User != "root" || len(s.host.Binds) != 1 {
		t.Errorf("with a command image: %v, %+v, %+v", err, s.config, s.host)
	}
}

func TestLabelsSayAllThatAContainerIs(t *testing.T) {
	l := agent.Launch{Instance: "web.instance-1", Epoch: 17, Ports: []int{31001, 0}, App: &apps.App{
		ID: "/web", Version: apps.VersionAt(time.UnixMilli(1700000000123)), Needs: apps.Resources{CPU: 100, Mem: 32, Disk: 5, GPU: 1},
		KillGrace: 1500 * time.Millisecond, Labels: map[string]string{"owner": "ann", "pacer.instance": "forged"},
	}}
	all := labels(l)
	if all["owner"] != "ann" || all["MESOS_TASK_ID"] != "web.instance-1._app.1" {
		t.Errorf("got %v", all)
	}
	want := agent.Container{Instance: "web.instance-1", App: "/web", Version: l.App.Version, Epoch: 17,
		Needs: l.App.Needs, Ports: []int{31001, 0}, Grace: 1500 * time.Millisecond}
	got, ok := fromLabels(all)
	if d := cmp.Diff(want, got); d != "" || !ok {
		t.Error(ok, d)
	}
	if _, ok := fromLabels(map[string]string{"owner": "ann"}); ok {
		t.Error("a container without our label is not ours")
	}
}
