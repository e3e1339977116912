package docker

import (
	"strings"
	"testing"
	"time"

	"pacer/apps"
)

// twins are two containers of the tools image, the second one of which runs cmd.
func twins(cmd string) *apps.App {
	part := func(name, cmd string) apps.PodContainer {
		return apps.PodContainer{
			Name: name, Image: "test/tools:1", Shell: cmd, Needs: apps.Resources{CPU: 100, Mem: 32}, Mounts: []apps.PodMount{{Volume: "shared", Path: "/shared"}},
		}
	}
	web := part("web", "")
	web.Image, web.Shell, web.Ports = "pacer/hello:1", "", 1
	return &apps.App{
		ID: "/pod", Network: apps.NetworkBridge, Needs: apps.Resources{CPU: 300, Mem: 96},
		Ports: []apps.Port{{Name: "http", Protocol: "tcp", Container: 8080}},
		Pod: &apps.Pod{
			Containers: []apps.PodContainer{web, part("first", "echo kept > /shared/note; "+forever), part("second", cmd)},
			Volumes:    []apps.PodVolume{{Name: "shared"}}, Executor: apps.Resources{CPU: 100, Mem: 32},
		},
	}
}

func TestContainersOfAPodShareNetworkVolumesAndTheirEnd(t *testing.T) {
	d := real(t)
	// The second waits for the first's word, then to be told to fail: by a file in its own sandbox.
	l, c := start(t, d, twins("until cat /shared/note; do sleep 0.1; done; while [ ! -e /shared/stop ]; do sleep 0.1; done; exit 7"))
	if !c.Running || c.IP == "" || len(c.Parts) != 3 || c.Parts[2].Name != "second" || !c.Parts[2].Running || c.Started.IsZero() {
		t.Fatalf("started: %+v", c)
	}
	if got := get(t, d.config.Addr, l.Ports[0]); !strings.Contains(got, "hello") {
		t.Errorf("the published port of a container answers %q", got)
	}
	again, _, err := d.Start(t.Context(), l)
	if err != nil || !again.Running || again.Parts[0].ID != c.Parts[0].ID {
		t.Errorf("started again it is taken as it is: %+v, %v", again, err)
	}
	for i, name := range []string{"web", "first", "second"} {
		in, ok, err := d.findPart(t.Context(), apps.PartID(l.Instance, name))
		if err != nil || !ok {
			t.Fatal(name, ok, err)
		}
		if h := in.HostConfig; h.Memory != 32*mib || h.CPUShares != 102 || !strings.HasPrefix(string(h.NetworkMode), "container:") || c.Parts[i].ID != in.ID {
			t.Errorf("%s has its own limits, in the network of all: %+v", name, h)
		}
	}
	eventually(t, "a word by way of the shared volume", func() bool {
		var out safeBuffer
		return d.Logs(t.Context(), apps.PartID(l.Instance, "second"), 0, false, &out, &out) == nil && strings.Contains(out.String(), "kept")
	})
	if code, _, err := d.Exec(t.Context(), apps.PartID(l.Instance, "first"), "echo x > /shared/stop"); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	eventually(t, "the end of the pod with its second container", func() bool {
		c, _ = one(t, d, l.Instance)
		return !c.Running
	})
	if c.ExitCode != 7 || !c.Rest || c.Parts[2].ExitCode != 7 || c.Parts[2].Message != "exited with code 7" || !c.Parts[0].Running || c.Started.IsZero() {
		t.Errorf("it ended by its second container, the others still run: %+v", c)
	}
	if err := d.Stop(t.Context(), l.Instance, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if c, _ = one(t, d, l.Instance); c.Rest || c.Running || c.ExitCode != 7 {
		t.Errorf("stopped, nothing of it runs: %+v", c)
	}
	if err := d.Remove(t.Context(), l.Instance); err != nil {
		t.Fatal(err)
	}
	if all, err := d.boxes(t.Context(), l.Instance); err != nil || len(all) != 0 {
		t.Errorf("removed, but %d containers are left, %v", len(all), err)
	}
}

func TestAPodWithoutAnImageLeavesNothing(t *testing.T) {
	d := real(t)
	a := twins(forever)
	a.Pod.Containers[1].Image = "no such image"
	l := launch(t, d, a)
	if _, retry, err := d.Start(t.Context(), l); err == nil || retry || !strings.Contains(err.Error(), "container first") {
		t.Errorf("want to know which container, and no retry: %v, %v", err, retry)
	}
	if all, err := d.boxes(t.Context(), l.Instance); err != nil || len(all) != 0 {
		t.Errorf("it left %d containers, %v", len(all), err)
	}
}
