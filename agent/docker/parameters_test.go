package docker

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/google/go-cmp/cmp"

	"pacer/apps"
)

func TestEveryParameterTakesItsValue(t *testing.T) {
	yes, pids := true, int64(9)
	c, h := &container.Config{Env: []string{"A=0", "B=1"}}, &container.HostConfig{}
	e := &network.EndpointSettings{}
	h.NanoCPUs = 5
	h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m"}}
	text := `add-host=db:10.0.0.1 cap-add=NET_ADMIN cap-drop=ALL cpu-shares=512 cpuset-cpus=0-1 cpus=1.5 device=/dev/fuse
device=/dev/a:/dev/b:r device=/dev/c:rw dns=10.0.0.2 dns-search=x.org entrypoint=/bin/x env=A=2 -e=C=3 expose=80-81/udp group-add=adm --hostname=h
init=true ipc=host l=owner=ann log-driver=syslog log-opt=tag=x mac-address=02:42:ac:11:00:02 memory-swap=-1 memory-reservation=64m
network-alias=db oom-kill-disable= pid=host pids-limit=9 privileged=true read-only=true security-opt=no-new-privileges shm-size=1m
stop-signal=SIGINT sysctl=net.core.somaxconn=99 tmpfs=/t:size=1m ulimit=nofile=10:20 user=ann v=/a:/b:ro volume=/c workdir=/w`
	var all []apps.Parameter
	for _, f := range strings.Fields(text) {
		key, value, _ := strings.Cut(f, "=")
		all = append(all, apps.Parameter{Key: key, Value: value})
	}
	if err := CheckParameters(all); err != nil {
		t.Fatal(err)
	}
	if err := applyParameters(all, target{c, h, e}); err != nil {
		t.Fatal(err)
	}
	wantC := &container.Config{
		Env: []string{"B=1", "A=2", "C=3"}, Entrypoint: []string{"/bin/x"}, Hostname: "h", Labels: map[string]string{"owner": "ann"},
		StopSignal: "SIGINT", User: "ann", WorkingDir: "/w", Volumes: map[string]struct{}{"/c": {}}, MacAddress: "02:42:ac:11:00:02",
	}
	setIn(&wantC.ExposedPorts, "80/udp", struct{}{})
	setIn(&wantC.ExposedPorts, "81/udp", struct{}{})
	if d := cmp.Diff(wantC, c); d != "" {
		t.Error(d)
	}
	wantH := &container.HostConfig{
		ExtraHosts: []string{"db:10.0.0.1"}, CapAdd: []string{"NET_ADMIN"}, CapDrop: []string{"ALL"}, DNS: []string{"10.0.0.2"}, DNSSearch: []string{"x.org"},
		GroupAdd: []string{"adm"}, Init: &yes, IpcMode: "host", LogConfig: container.LogConfig{Type: "syslog", Config: map[string]string{"tag": "x"}},
		PidMode: "host", Privileged: true, ReadonlyRootfs: true, SecurityOpt: []string{"no-new-privileges"}, ShmSize: mib,
		Sysctls: map[string]string{"net.core.somaxconn": "99"}, Tmpfs: map[string]string{"/t": "size=1m"}, Binds: []string{"/a:/b:ro"},
		Resources: container.Resources{CPUShares: 512, CpusetCpus: "0-1", NanoCPUs: 1.5e9, MemorySwap: -1, MemoryReservation: 64 * mib,
			OomKillDisable: &yes, PidsLimit: &pids, Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 10, Hard: 20}},
			Devices: []container.DeviceMapping{
				{PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rwm"},
				{PathOnHost: "/dev/a", PathInContainer: "/dev/b", CgroupPermissions: "r"},
				{PathOnHost: "/dev/c", PathInContainer: "/dev/c", CgroupPermissions: "rw"},
			}},
	}
	if d := cmp.Diff(wantH, h); d != "" {
		t.Error(d)
	}
	if len(e.Aliases) != 1 || e.Aliases[0] != "db" {
		t.Errorf("aliases are %v", e.Aliases)
	}
}

func TestABadParameterIsNamed(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"frobnicate", "1", `"frobnicate" is not an option of docker run`},
		{"restart", "always", "Pacer itself replaces"},
		{"p", "80:80", "portMappings"},
		{"memory", "1g", "mem"},
		{"label", "pacer.instance=x", "Pacer's own"},
		{"env", "X", "NAME=VALUE"},
		{"privileged", "maybe", "true or false"},
		{"cpus", "-1", "number of cores"},
		{"cpu-shares", "1", "from 2"},
		{"pids-limit", "x", "whole number"},
		{"shm-size", "x", "amount of memory"},
		{"ulimit", "nofile", "ulimit"},
		{"volume", "/a:b", "not an absolute path"},
		{"add-host", "db:x", "NAME:IP"},
		{"dns", "x", "IP address"},
		{"expose", "x", "x"},
		{"device", "/dev/x:/dev/y:q", "letters r, w and m"},
		{"security-opt", "seccomp=/etc/p.json", "profile itself"},
		{"mac-address", "x", "x"},
		{"user", "", "needs a value"},
	} {
		err := CheckParameters([]apps.Parameter{{Key: "init", Value: "true"}, {Key: c.key, Value: c.value}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s=%s: want the name and %q, got %v", c.key, c.value, c.want, err)
		}
	}
}
