package examples_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pacer/agent"
	"pacer/agent/docker"
	"pacer/api/wire"
	"pacer/apps"
	"pacer/examples"
	"pacer/testbed"
)

// spec reads an example as the API would.
func spec(t *testing.T, file string) *apps.App {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var a wire.App
	unknown, err := wire.Read(body, &a)
	if err != nil || len(unknown) > 0 {
		t.Fatalf("%s: %v, unknown fields %q", file, err, unknown)
	}
	app, err := a.Create(wire.Settings{}, "")
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return app
}

func TestEveryExampleIsAValidApp(t *testing.T) {
	files, err := filepath.Glob("*/*.json")
	if err != nil || len(files) < 6 {
		t.Fatalf("found %q, %v", files, err)
	}
	for _, file := range files {
		a := spec(t, file)
		if dir := "/" + filepath.Dir(file); string(a.ID) != dir || a.Container == nil || len(a.Checks) != 1 {
			t.Errorf("%s is app %s with %d checks", file, a.ID, len(a.Checks))
		}
		if public := strings.Contains(file, "public"); public == strings.HasPrefix(a.Container.Image, "pacer/") {
			t.Errorf("%s uses the image %s", file, a.Container.Image)
		}
	}
}

// A host is an engine and what drives it.
type host struct {
	*docker.Docker
	addr   string
	serial uint64
}

// run starts one instance.
func (h *host) run(t *testing.T, a *apps.App) agent.Launch {
	t.Helper()
	h.serial++
	l := agent.Launch{Claim: "redis.instance-1", Instance: apps.InstanceID(a.ID, 1, h.serial), App: a, Ports: []int{31000 + int(h.serial)}, Epoch: 1}
	if _, _, err := h.Start(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

// stop ends an instance in order.
func (h *host) stop(t *testing.T, l agent.Launch) {
	t.Helper()
	if err := h.Stop(t.Context(), l.Instance, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	all, err := h.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Instance == l.Instance && (c.Running || c.ExitCode != 0) {
			t.Errorf("%s obeys SIGTERM, but %+v", l.Instance, c)
		}
	}
	if err := h.Remove(t.Context(), l.Instance); err != nil {
		t.Fatal(err)
	}
}

// ask is tried until it works.
func ask(t *testing.T, what string, f func() (string, error)) string {
	t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := f()
		if err == nil {
			return answer
		}
		select {
		case <-deadline:
			t.Fatalf("no answer from %s within a minute: %v", what, err)
		case <-tick.C:
		}
	}
}

func (h *host) get(t *testing.T, l agent.Launch) string {
	t.Helper()
	return ask(t, l.Instance, func() (string, error) {
		resp, err := http.Get(fmt.Sprintf("http://%s:%d/", h.addr, l.Ports[0]))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	})
}

func TestExamplesRunFromTheImagesThatAreBuiltHere(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Docker engine")
	}
	e := testbed.Start(t, 1)[0]
	if err := examples.Build(t.Context(), e.Client()); err != nil {
		t.Fatal(err)
	}
	d, err := docker.New(e.Endpoint, docker.Config{Addr: e.Addr, DataDir: e.TempDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	h := &host{Docker: d, addr: e.Addr}

	for file, version := range map[string]string{"hello/hello.json": "1", "hello/hello2.json": "2"} {
		l := h.run(t, spec(t, file))
		if got, want := h.get(t, l), fmt.Sprintf("hello from %s %s\n", version, l.Instance); got != want {
			t.Errorf("want %q, got %q", want, got)
		}
		h.stop(t, l)
	}

	l := h.run(t, spec(t, "node/node.json"))
	if got := h.get(t, l); got != "Bittiger\n" {
		t.Errorf("node answers %q", got)
	}
	h.stop(t, l)

	redis := spec(t, "redis/redis.json")
	for _, c := range [][2]string{{"SET colour red", "+OK"}, {"EXISTS colour", ":1"}} { // the second by a new instance
		l := h.run(t, redis)
		if got := h.redis(t, l, c[0]); got != c[1] {
			t.Errorf("%s: want %q, got %q", c[0], c[1], got)
		}
		h.stop(t, l)
	}
}

func (h *host) redis(t *testing.T, l agent.Launch, command string) string {
	t.Helper()
	return ask(t, l.Instance, func() (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("%s:%d", h.addr, l.Ports[0]))
		if err != nil {
			return "", err
		}
		defer conn.Close()
		deadline, _ := ctx.Deadline()
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
		if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
			return "", err
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if strings.HasPrefix(line, "-LOADING") {
			err = errors.New(line)
		}
		return strings.TrimSpace(line), err
	})
}
