package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pacer/agent"
	"pacer/apps"
	"pacer/examples"
	"pacer/testbed"
)

// engine is one real engine for the tests that do not hurt it, started by the first
// that wants it.
var (
	engine     *testbed.Engine
	startOnce  = sync.OnceValue(startEngine)
	allEngines []*testbed.Engine
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		defer func() {
			if err := testbed.CloseEngines(allEngines); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
		return m.Run()
	}())
}

func startEngine() (err error) {
	if allEngines, err = testbed.StartEngines(context.Background(), 1); err != nil {
		return err
	}
	engine = allEngines[0]
	return images(engine)
}

// images puts in pacer/hello:1 and :2, and test/tools:1 with a shell and its friends.
func images(e *testbed.Engine) error {
	tree, err := testbed.Debian("/bin/sh", "/bin/sleep", "/bin/cat", "/usr/bin/env", "/usr/bin/id", "/bin/ls", "/usr/bin/head")
	if err != nil {
		return err
	}
	return errors.Join(
		testbed.Import(context.Background(), e.Client(), "test/tools:1", tree),
		examples.Build(context.Background(), e.Client(), "hello"),
	)
}

// real returns a Docker for the shared engine.
func real(t testing.TB, edit ...func(*Config)) *Docker {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Docker engine")
	}
	if err := startOnce(); errors.Is(err, testbed.ErrCannot) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return open(t, engine, edit...)
}

func open(t testing.TB, e *testbed.Engine, edit ...func(*Config)) *Docker {
	t.Helper()
	c := Config{Addr: e.Addr, DataDir: e.TempDir(t)}
	for _, f := range edit {
		f(&c)
	}
	d, err := New(e.Endpoint, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

var serial, lastPort atomic.Int64

// launch is a new instance of an app, to be removed at the end.
func launch(t testing.TB, d *Docker, a *apps.App) agent.Launch {
	t.Helper()
	if a.ID == "" {
		a.ID = "/test"
	}
	if a.Needs == (apps.Resources{}) {
		a.Needs = apps.Resources{CPU: 500, Mem: 64}
	}
	a.Version = apps.VersionAt(time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC))
	l := agent.Launch{Instance: apps.InstanceID(a.ID, 7, uint64(serial.Add(1))), App: a, Epoch: 3}
	for range a.Ports {
		l.Ports = append(l.Ports, port(t, a))
	}
	t.Cleanup(func() {
		if err := d.Remove(context.Background(), l.Instance); err != nil {
			t.Error(err)
		}
	})
	return l
}

// port is one that is free: with host networking on all addresses of the machine,
// else on the engine's own, which nobody else uses.
func port(t testing.TB, a *apps.App) int {
	t.Helper()
	if a.Network != apps.NetworkHost {
		return int(31000 + lastPort.Add(1))
	}
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func start(t testing.TB, d *Docker, a *apps.App) (agent.Launch, agent.Container) {
	t.Helper()
	l := launch(t, d, a)
	c, _, err := d.Start(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

// shell is an app of the tools image.
func shell(cmd string) *apps.App {
	return &apps.App{Cmd: cmd, Container: &apps.Container{Type: "DOCKER", Image: "test/tools:1"}, Network: apps.NetworkBridge}
}

// hello is the example app, on the bridge.
func hello() *apps.App {
	return &apps.App{
		ID: "/hello", Container: &apps.Container{Type: "DOCKER", Image: "pacer/hello:1"}, Network: apps.NetworkBridge,
		Ports: []apps.Port{{Protocol: "tcp", Container: 8080, Service: 10000, Name: "http"}},
	}
}

const forever = "trap 'exit 0' TERM; while true; do sleep 1 & wait; done"

// eventually waits until ok says so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-tick.C:
		}
	}
}

// printed waits for the end of an instance and returns what it printed.
func printed(t testing.TB, d *Docker, instance string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out safeBuffer
	if err := d.Logs(ctx, instance, 0, true, &out, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// one is the container of an instance as List shows it.
func one(t testing.TB, d *Docker, instance string) (agent.Container, bool) {
	t.Helper()
	all, err := d.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Instance == instance {
			return c, true
		}
	}
	return agent.Container{}, false
}

var web = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get waits until something answers, and returns what.
func get(t testing.TB, addr string, port int) string {
	t.Helper()
	var body []byte
	eventually(t, fmt.Sprintf("an answer from %s:%d", addr, port), func() bool {
		resp, err := web.Get(fmt.Sprintf("http://%s:%d/", addr, port))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err = io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusOK
	})
	return string(body)
}

func listens(addr string, port int) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("%s:%d", addr, port), time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
