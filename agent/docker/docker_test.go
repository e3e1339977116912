package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"pacer/agent"
	"pacer/apps"
	"pacer/testbed"
)

func TestTheLifeOfAnInstance(t *testing.T) {
	d := real(t)
	before := time.Now().Add(-time.Second)
	l, c := start(t, d, hello())
	if !c.Running || c.Instance != l.Instance || c.App != "/hello" || c.Version != l.App.Version || c.Epoch != 3 ||
		c.Needs != l.App.Needs || !slices.Equal(c.Ports, l.Ports) || c.IP == "" || c.Started.Before(before) || c.Grace != 10*time.Second {
		t.Errorf("started: %+v", c)
	}
	if got, want := get(t, d.config.Addr, l.Ports[0]), "hello from 1 "+l.Instance+"\n"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
	if listed, ok := one(t, d, l.Instance); !ok || listed.IP != c.IP || !listed.Started.Equal(c.Started) {
		t.Errorf("listed as %+v, started as %+v", listed, c)
	}
	sandbox := filepath.Join(d.config.DataDir, "sandboxes", l.Instance)
	if _, err := os.Stat(sandbox); err != nil {
		t.Error(err)
	}

	began := time.Now()
	if err := d.Stop(t.Context(), l.Instance, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if c, ok := one(t, d, l.Instance); !ok || c.Running || c.ExitCode != 0 || time.Since(began) > 9*time.Second {
		t.Errorf("it obeys SIGTERM at once, but after %s: %+v, %v", time.Since(began), c, ok)
	}
	if err := d.Remove(t.Context(), l.Instance); err != nil {
		t.Fatal(err)
	}
	if _, ok := one(t, d, l.Instance); ok {
		t.Error("removed, but listed")
	}
	if _, err := os.Stat(sandbox); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed, but its sandbox: %v", err)
	}
	if err := errors.Join(d.Stop(t.Context(), l.Instance, time.Second), d.Remove(t.Context(), l.Instance)); err != nil {
		t.Errorf("no such container is success, but %v", err)
	}
}

func TestWhoDoesNotObeyIsKilledAfterTheGracePeriod(t *testing.T) {
	d := real(t)
	l, _ := start(t, d, shell("trap '' TERM; while true; do sleep 1; done"))
	began := time.Now()
	if err := d.Stop(t.Context(), l.Instance, 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if c, _ := one(t, d, l.Instance); c.Running || c.ExitCode != 137 || time.Since(began) < time.Second {
		t.Errorf("killed after the grace period, rounded up to a second, but after %s: %+v", time.Since(began), c)
	}
}

func TestEnvironmentAndSandboxReachTheInstance(t *testing.T) {
	d := real(t)
	a := shell("env; echo kept > $MESOS_SANDBOX/note; id -u")
	a.Env = map[string]string{"COLOUR": "red and blue"}
	a.User = "33"
	l, _ := start(t, d, a)
	lines := strings.Split(printed(t, d, l.Instance), "\n")
	for _, want := range append(environment(l, d.config.Addr), "33") {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in %q", want, lines)
		}
	}
	note, err := os.ReadFile(filepath.Join(d.sandbox(l.Instance), "note"))
	if err != nil || string(note) != "kept\n" {
		t.Errorf("what it wrote into its sandbox is %q, %v", note, err)
	}
}

func TestLimitsHoldInTheEngine(t *testing.T) {
	d := real(t)
	a := shell(forever)
	a.Needs = apps.Resources{CPU: 250, Mem: 48}
	a.Labels = map[string]string{"owner": "ann"}
	a.Container.Parameters = []apps.Parameter{{Key: "ulimit", Value: "nofile=1000:1000"}, {Key: "cap-drop", Value: "ALL"}}
	l, _ := start(t, d, a)
	eventually(t, "a hard limit on cores", func() bool {
		in, ok, err := d.find(t.Context(), l.Instance)
		return err == nil && ok && in.HostConfig.NanoCPUs == 250e6
	})
	in, _, err := d.find(t.Context(), l.Instance)
	if err != nil {
		t.Fatal(err)
	}
	h := in.HostConfig
	if h.CPUShares != 256 || h.Memory != 48*mib || h.MemorySwap != 48*mib || *h.PidsLimit != 4096 || len(h.Ulimits) != 1 || len(h.CapDrop) != 1 ||
		h.LogConfig.Type != "json-file" || h.LogConfig.Config["max-size"] != "10m" || in.Config.Labels["owner"] != "ann" {
		t.Errorf("got %+v", h)
	}
}

func TestMemoryBeyondTheLimitKills(t *testing.T) {
	d := real(t)
	a := shell("a=xxxxxxxxxxxxxxxx; while true; do a=$a$a; done")
	a.Needs = apps.Resources{CPU: 1000, Mem: 16}
	l, _ := start(t, d, a)
	eventually(t, "its death", func() bool { c, _ := one(t, d, l.Instance); return !c.Running })
	if c, _ := one(t, d, l.Instance); !c.OOM || c.ExitCode != 137 {
		t.Errorf("killed for its memory, but %+v", c)
	}
}

func TestPortsAnswerOnTheHostsAddressAlone(t *testing.T) {
	d := real(t)
	l, _ := start(t, d, hello())
	get(t, d.config.Addr, l.Ports[0])
	if listens("127.0.0.1", l.Ports[0]) {
		t.Errorf("port %d answers on 127.0.0.1 too", l.Ports[0])
	}
}

func TestATakenHostPortIsNamedAndLeavesNothing(t *testing.T) {
	d := real(t)
	first, _ := start(t, d, hello())
	l := launch(t, d, hello())
	l.Ports = first.Ports
	_, retry, err := d.Start(t.Context(), l)
	if want := fmt.Sprintf("host port %d is already in use", l.Ports[0]); err == nil || retry || !strings.Contains(err.Error(), want) {
		t.Errorf("want %q and no retry, got %v, %v", want, err, retry)
	}
	if c, ok := one(t, d, l.Instance); ok {
		t.Errorf("it left %+v", c)
	}
	if _, err := os.Stat(d.sandbox(l.Instance)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left its sandbox: %v", err)
	}
}

func TestHostNetworking(t *testing.T) {
	d := real(t)
	a := hello()
	a.Network = apps.NetworkHost
	l, c := start(t, d, a)
	if c.IP != "" {
		t.Errorf("it has the host's address, but %s", c.IP)
	}
	get(t, d.config.Addr, l.Ports[0])
}

func TestContainerNetworks(t *testing.T) {
	d := real(t)
	a := hello()
	a.Network, a.Networks = apps.NetworkContainer, []string{"pacer-test-a", "pacer-test-b"}
	a.Container.Parameters = []apps.Parameter{{Key: "network-alias", Value: "greeter"}}
	l := launch(t, d, a)
	if _, retry, err := d.Start(t.Context(), l); err == nil || retry || !strings.Contains(err.Error(), "docker network create") {
		t.Errorf("there is no such network yet: it says how to make one, but %v, %v", err, retry)
	}
	for i, name := range a.Networks {
		made, err := engine.Client().NetworkCreate(t.Context(), name, network.CreateOptions{
			Options: map[string]string{"com.docker.network.bridge.name": fmt.Sprintf("pacerbt%d", os.Getpid()%1e6*2+i)},
			IPAM:    &network.IPAM{Config: []network.IPAMConfig{{Subnet: fmt.Sprintf("10.214.%d.0/24", (os.Getpid()*2+i)%250)}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(d.Remove(context.Background(), l.Instance), engine.Client().NetworkRemove(context.Background(), made.ID)); err != nil {
				t.Error(err)
			}
		})
	}
	c, _, err := d.Start(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	in, _, err := d.find(t.Context(), l.Instance)
	if err != nil {
		t.Fatal(err)
	}
	nets := in.NetworkSettings.Networks
	if len(nets) != 2 || nets["pacer-test-a"].IPAddress != c.IP || c.IP == "" || !slices.Contains(nets["pacer-test-a"].Aliases, "greeter") {
		t.Errorf("it is in both networks, its address that of the first, but %s, %+v", c.IP, nets)
	}
	get(t, d.config.Addr, l.Ports[0])
}

func TestVolumesOfTheHost(t *testing.T) {
	d := real(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("from the host"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := shell("cat /ro/in; (echo x > /ro/out) 2>&1; echo y > /rw/out; echo z > rel/out")
	a.Container.Volumes = []apps.Volume{
		{ContainerPath: "/ro", HostPath: dir, ReadOnly: true}, {ContainerPath: "/rw", HostPath: dir}, {ContainerPath: "rel", HostPath: "deep/er"},
	}
	a.Container.Parameters = []apps.Parameter{{Key: "workdir", Value: sandboxPath}}
	l, _ := start(t, d, a)
	if out := printed(t, d, l.Instance); !strings.Contains(out, "from the host") || !strings.Contains(out, "Read-only") {
		t.Errorf("it printed %q", out)
	}
	for file, want := range map[string]string{filepath.Join(dir, "out"): "y\n", filepath.Join(d.sandbox(l.Instance), "deep/er/out"): "z\n"} {
		if b, err := os.ReadFile(file); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v", file, b, err)
		}
	}
}

func TestACommandWithoutAnImageRunsOnTheHostsUserland(t *testing.T) {
	d := real(t)
	a := &apps.App{Network: apps.NetworkHost, User: "nobody", Cmd: "pwd; id -un; echo private > note; ls -A; touch /etc/x /usr/x 2>&1; echo $$ > /tmp/pid; cat /tmp/pid; while true; do echo hi; sleep 1; done"}
	l, _ := start(t, d, a)
	out := &safeBuffer{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var logs sync.WaitGroup
	logs.Go(func() { _ = d.Logs(ctx, l.Instance, 0, true, out, out) })
	eventually(t, "hi, hi", func() bool { return strings.Contains(out.String(), "hi\nhi\n") })
	cancel()
	logs.Wait()
	lines := strings.Split(out.String(), "\n")
	if lines[0] != sandboxPath || lines[1] != "nobody" || lines[2] != "note" || !slices.ContainsFunc(lines, func(l string) bool { pid, err := strconv.Atoi(l); return err == nil && pid < 10 }) ||
		strings.Count(out.String(), "Read-only") != 2 {
		t.Errorf("its directory is its own sandbox, its processes are its own, /etc and /usr are read-only; but %q", lines)
	}
	if note, err := os.ReadFile(filepath.Join(d.sandbox(l.Instance), "note")); err != nil || string(note) != "private\n" {
		t.Errorf("the sandbox has %q, %v", note, err)
	}
}

func TestAWebServerOfTheHostsUserland(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("needs python3")
	}
	d := real(t)
	for _, mode := range []apps.NetworkMode{apps.NetworkHost, apps.NetworkBridge} {
		a := &apps.App{Network: mode, Cmd: "echo it works > index.html; exec /usr/bin/python3 -m http.server $PORT0",
			Ports: []apps.Port{{Protocol: "tcp", Service: 10000}}}
		l, _ := start(t, d, a)
		if got := get(t, d.config.Addr, l.Ports[0]); got != "it works\n" {
			t.Errorf("%s: got %q", mode, got)
		}
	}
}

func TestACommandWithoutAnImageRunsInTheCommandImage(t *testing.T) {
	d := real(t, func(c *Config) { c.CommandImage, c.DataDir = "test/tools:1", "" })
	l, _ := start(t, d, &apps.App{Network: apps.NetworkHost, Cmd: "pwd; ls /usr/bin/python3"})
	if out := printed(t, d, l.Instance); !strings.HasPrefix(out, sandboxPath+"\n") || !strings.Contains(out, "cannot access") {
		t.Errorf("it printed %q", out)
	}
}

func TestExec(t *testing.T) {
	d := real(t)
	l, _ := start(t, d, shell(forever))
	// Two pipes: their order is nobody's promise.
	code, out, err := d.Exec(t.Context(), l.Instance, "echo $MARATHON_APP_ID; echo oops >&2; exit 7")
	if code != 7 || out != "/test\noops\n" && out != "oops\n/test\n" || err != nil {
		t.Errorf("got %d, %q, %v", code, out, err)
	}
	if _, out, err = d.Exec(t.Context(), l.Instance, "head -c 100000 /dev/zero"); len(out) != 4096 || err != nil {
		t.Errorf("4 KiB are kept, but %d, %v", len(out), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, _, err := d.Exec(ctx, l.Instance, "sleep 60"); err == nil || time.Since(began) > 20*time.Second {
		t.Errorf("its time is over, but %v after %s", err, time.Since(began))
	}
	if _, _, err := d.Exec(t.Context(), "no.instance-1", "true"); err == nil || !strings.Contains(err.Error(), "no container") {
		t.Errorf("got %v", err)
	}
	bare, _ := start(t, d, hello())
	if code, out, err := d.Exec(t.Context(), bare.Instance, "true"); err == nil && code == 0 {
		t.Errorf("an image without a shell can't do it, but %d, %q", code, out)
	}
}

func TestLogs(t *testing.T) {
	d := real(t)
	l, _ := start(t, d, shell("echo one; echo two; echo three >&2"))
	printed(t, d, l.Instance) // to its end
	var out, errs strings.Builder
	if err := d.Logs(t.Context(), l.Instance, 0, false, &out, &errs); err != nil || out.String() != "one\ntwo\n" || errs.String() != "three\n" {
		t.Errorf("got %q, %q, %v", &out, &errs, err)
	}
	var last strings.Builder
	if err := d.Logs(t.Context(), l.Instance, 1, false, &last, &last); err != nil || strings.Count(last.String(), "\n") != 1 {
		t.Errorf("one line was asked for, but %q, %v", &last, err)
	}
	if err := d.Logs(t.Context(), "no.instance-1", 1, false, io.Discard, io.Discard); err == nil {
		t.Error("there is no such instance")
	}
}

func TestAContainerThatIsThereIsTaken(t *testing.T) {
	d := real(t)
	l, first := start(t, d, hello())
	again, _, err := d.Start(t.Context(), l)
	if err != nil || !again.Started.Equal(first.Started) || again.IP != first.IP {
		t.Errorf("the second start takes what runs, but %+v, %v", again, err)
	}
	if err := d.Stop(t.Context(), l.Instance, time.Second); err != nil {
		t.Fatal(err)
	}
	ended, _, err := d.Start(t.Context(), l)
	if err != nil || ended.Running {
		t.Errorf("what ended is never started again, but %+v, %v", ended, err)
	}

	made := launch(t, d, hello()) // created, never started: as after a crash in between
	s, err := d.spec(made)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.makeSandbox(made.Instance); err != nil {
		t.Fatal(err)
	}
	if _, err := d.create(t.Context(), made.Instance, s); err != nil {
		t.Fatal(err)
	}
	if c, _ := one(t, d, made.Instance); c.Running || !c.Started.IsZero() {
		t.Errorf("it never ran, but %+v", c)
	}
	if c, _, err := d.Start(t.Context(), made); err != nil || !c.Running {
		t.Errorf("what never ran is started, but %+v, %v", c, err)
	}
}

func TestOthersContainersAreNotTouched(t *testing.T) {
	d := real(t)
	l := launch(t, d, hello())
	theirs, err := engine.Client().ContainerCreate(t.Context(), &container.Config{Image: "pacer/hello:1", Labels: map[string]string{"pacer.app": "/x"}},
		nil, nil, nil, l.Instance)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.remove(context.Background(), theirs.ID) })
	if err := engine.Client().ContainerStart(t.Context(), theirs.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}

	if _, ok := one(t, d, l.Instance); ok {
		t.Error("it has no label of ours, but is listed")
	}
	if _, retry, err := d.Start(t.Context(), l); err == nil || retry || !strings.Contains(err.Error(), "not Pacer's") {
		t.Errorf("its name is taken for good, but %v, %v", err, retry)
	}
	if err := errors.Join(d.Stop(t.Context(), l.Instance, 0), d.Remove(t.Context(), l.Instance)); err != nil {
		t.Error(err)
	}
	if in, err := engine.Client().ContainerInspect(t.Context(), theirs.ID); err != nil || !in.State.Running {
		t.Errorf("their container was touched: %v", err)
	}
}

func TestAnImageThatCanNotBeHadIsNamed(t *testing.T) {
	d := real(t)
	for name, want := range map[string]string{
		"127.0.0.1:1/no/such:1": "could not be pulled",
		"Not An Image":          "not the name of an image",
	} {
		a := hello()
		a.Container.Image = name
		l := launch(t, d, a)
		_, retry, err := d.Start(t.Context(), l)
		if err == nil || retry || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("want %q, the name and no retry, got %v, %v", want, err, retry)
		}
		if _, err := os.Stat(d.sandbox(l.Instance)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it left its sandbox: %v", err)
		}
	}
}

func TestAProgramThatIsNotInTheImageIsNamed(t *testing.T) {
	d := real(t)
	a := shell("")
	a.Args = []string{"/no/such/program"}
	l := launch(t, d, a)
	if _, retry, err := d.Start(t.Context(), l); err == nil || retry || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("got %v, %v", err, retry)
	}
	if _, ok := one(t, d, l.Instance); ok {
		t.Error("it left a container that never ran")
	}
}

func TestPullsWithALoginJoinAndCanBeForced(t *testing.T) {
	d := real(t)
	r := testbed.NewRegistry(t)
	full, err := r.Push(t.Context(), engine.Client(), "pacer/hello:1", "team/hello:1")
	if err != nil {
		t.Fatal(err)
	}
	private := func() *apps.App { a := hello(); a.Container.Image = full; return a }

	l := launch(t, d, private())
	if _, retry, err := d.Start(t.Context(), l); err == nil || retry || !strings.Contains(err.Error(), "login") {
		t.Errorf("without a login: got %v, %v", err, retry)
	}
	file, err := r.DockerConfig()
	if err != nil {
		t.Fatal(err)
	}
	d.config.DockerConfig = file
	absent := launch(t, d, private())
	absent.App.Container.Image = r.Host + "/team/nothing:1"
	if _, retry, err := d.Start(t.Context(), absent); err == nil || retry || !strings.Contains(err.Error(), "was not found") {
		t.Errorf("unknown to the registry: got %v, %v", err, retry)
	}

	var all sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		l := launch(t, d, private())
		all.Go(func() { _, _, errs[i] = d.Start(t.Context(), l) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}

	if _, err := r.Push(t.Context(), engine.Client(), "pacer/hello:2", "team/hello:1"); err != nil { // the same name, anew
		t.Fatal(err)
	}
	a := private()
	a.Container.ForcePull = true
	l, _ = start(t, d, a)
	if got := get(t, d.config.Addr, l.Ports[0]); !strings.HasPrefix(got, "hello from 2 ") {
		t.Errorf("the image was to be pulled again, but %q", got)
	}
}

func TestInfo(t *testing.T) {
	d := real(t)
	h, err := d.Info(t.Context())
	if err != nil || h.Name == "" || h.Addr != engine.Addr || h.Total.CPU < 1000 || h.Total.Mem < 100 || h.Total.Disk < 100 || h.Engine == "" {
		t.Errorf("got %+v, %v", h, err)
	}
}

func TestAnEngineThatIsAwayIsToBeTriedAgain(t *testing.T) {
	d, err := New("unix://"+filepath.Join(t.TempDir(), "sock"), Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	l := agent.Launch{Instance: "x.instance-1", App: hello(), Ports: []int{31000}}
	_, retry, err := d.Start(t.Context(), l)
	if err == nil || !retry || !strings.Contains(err.Error(), "can't be reached") {
		t.Errorf("got %v, %v", err, retry)
	}
	if _, err := d.List(t.Context()); err == nil {
		t.Error("nothing can be listed")
	}
	if err := d.Watch(t.Context(), func() { t.Error("it is not connected") }, func(agent.Container) {}); err == nil {
		t.Error("nothing can be watched")
	}
}

func TestWhatAnAppFetchesIsThereBeforeItStarts(t *testing.T) {
	files := http.FileServerFS(fstest.MapFS{"note": {Data: []byte("hello from afar\n")}, "run.sh": {Data: []byte("#!/bin/sh\ncat $MESOS_SANDBOX/sub/note\n")}})
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)
	for name, edit := range map[string]func(*Config){
		"a directory of the host":  func(*Config) {},
		"a volume of the engine's": func(c *Config) { c.DataDir = "" },
	} {
		d := real(t, edit)
		a := shell("$MESOS_SANDBOX/run.sh")
		a.User = "33"
		a.Fetch = []apps.Artifact{{URI: server.URL + "/note", DestPath: "sub/note"}, {URI: server.URL + "/run.sh", Executable: true}}
		l, _ := start(t, d, a)
		if got := printed(t, d, l.Instance); !strings.Contains(got, "hello from afar") {
			t.Errorf("with %s for a sandbox it prints %q", name, got)
		}
	}
	d := real(t)
	a := shell(forever)
	a.Fetch = []apps.Artifact{{URI: server.URL + "/nothing"}}
	l := launch(t, d, a)
	if _, retry, err := d.Start(t.Context(), l); retry || err == nil || !strings.Contains(err.Error(), "/nothing: the server answered 404") {
		t.Errorf("want to hear what could not be fetched, got %v (again: %v)", err, retry)
	}
	if _, ok := one(t, d, l.Instance); ok {
		t.Error("its container stays")
	}
}

func TestACommandOfTheHostsUserlandObeysSIGTERM(t *testing.T) {
	d := real(t)
	if u, err := d.userland(); err != nil || u.init == "" {
		t.Skipf("the host has no init program: %v", err)
	}
	for _, cmd := range []string{"echo on; exec sleep 600", "echo on; sleep 600 | sleep 600; true"} {
		l, _ := start(t, d, &apps.App{Network: apps.NetworkHost, Cmd: cmd})
		eventually(t, cmd+" to run", func() bool { // before, there is nobody to obey
			var out safeBuffer
			return d.Logs(t.Context(), l.Instance, 0, false, &out, &out) == nil && out.String() == "on\n"
		})
		if err := d.Stop(t.Context(), l.Instance, 20*time.Second); err != nil {
			t.Fatal(err)
		}
		if c, ok := one(t, d, l.Instance); !ok || c.Running || c.ExitCode != 143 {
			t.Errorf("%s: want it ended by SIGTERM, 143, got %+v", cmd, c)
		}
	}
	l, _ := start(t, d, &apps.App{Network: apps.NetworkHost, Cmd: "exit 3"})
	eventually(t, "its end", func() bool { c, ok := one(t, d, l.Instance); return ok && !c.Running && c.ExitCode == 3 })
}
