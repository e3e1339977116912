package testbed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
)

// The test binary run again with this variable starts an engine with a container
// and waits to be killed.
const ownerVariable = "PACER_TESTBED_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVariable) == "" {
		os.Exit(m.Run())
	}
	all, err := StartEngines(context.Background(), 1)
	if err == nil {
		_, err = sleeper(context.Background(), all[0])
	}
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println(all[0].job.dir, all[0].job.bridge)
	select {}
}

// sleeper starts a container that does nothing, and returns its id.
func sleeper(ctx context.Context, e *Engine) (id string, err error) {
	tree, err := Debian("/bin/sleep")
	if err != nil {
		return "", err
	}
	if err := Import(ctx, e.Client(), "test/sleep:1", tree); err != nil {
		return "", err
	}
	made, err := e.Client().ContainerCreate(ctx, &container.Config{Image: "test/sleep:1", Cmd: []string{"/bin/sleep", "3600"}, StopSignal: "KILL"}, nil, nil, nil, "")
	if err != nil {
		return "", err
	}
	return made.ID, e.Client().ContainerStart(ctx, made.ID, container.StartOptions{})
}

// eventually waits until ok says so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-tick.C:
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestEnginesAreHostsOfTheirOwn(t *testing.T) {
	all := Start(t, 2)
	a, b := all[0], all[1]
	id, err := sleeper(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.Client().ContainerList(t.Context(), container.ListOptions{All: true})
	if err != nil || len(list) != 0 {
		t.Fatalf("host b runs nothing, but %v, %v", list, err)
	}
	for _, e := range all { // both addresses can be listened on, by the same port
		l, err := net.Listen("tcp", e.Addr+":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}

	if err := a.KillContainer(id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine notices that its container was killed", func() bool {
		in, err := a.Client().ContainerInspect(t.Context(), id)
		return err == nil && !in.State.Running && in.State.ExitCode == 137
	})
	if err := a.KillContainer(id); err == nil {
		t.Fatal("a dead container can't be killed again")
	}
}

func TestAHostFreezesDiesAndComesBack(t *testing.T) {
	e := Start(t, 1)[0]
	id, err := sleeper(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}

	if err := e.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := e.Client().Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a frozen engine does not answer, but %v", err)
	}
	if err := e.Thaw(); err != nil {
		t.Fatal(err)
	}
	if in, err := e.Client().ContainerInspect(t.Context(), id); err != nil || !in.State.Running {
		t.Fatalf("the container went on while its engine was frozen, but %+v, %v", in.State, err)
	}

	pids := e.process.pids()
	if err := e.Kill9(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if exists(fmt.Sprintf("/proc/%d", pid)) {
			t.Errorf("process %d outlived its host", pid)
		}
	}
	for _, again := range []func(context.Context) error{e.Start, e.Restart} {
		if err := again(t.Context()); err != nil {
			t.Fatal(err)
		}
		in, err := e.Client().ContainerInspect(t.Context(), id)
		if err != nil || in.State.Running {
			t.Fatalf("after the host came back its container is there and does not run, but %+v, %v", in.State, err)
		}
		if err := e.Client().ContainerStart(t.Context(), id, container.StartOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, e.job.dir, e.job.bridge)
}

func gone(t *testing.T, dir, bridge string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if exists(dir) || exists("/sys/class/net/"+bridge) || strings.Contains(string(mounts), dir) ||
		exists("/sys/fs/cgroup/pids/"+bridge) || exists("/sys/fs/cgroup/"+bridge) {
		t.Errorf("directory %s, bridge %s, a mount or a control group was left behind", dir, bridge)
	}
}

func TestAnEngineDiesWithItsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may run a Docker engine")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	dir, bridge, ok := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || !ok || !exists(dir) {
		t.Fatalf("the owner said %q, %v", line, err)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	eventually(t, "the engine's directory vanishes", func() bool { return !exists(dir) })
	gone(t, dir, bridge)
}
