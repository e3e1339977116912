package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"pacer/agent"
	"pacer/testbed"
)

// A record is what a Watch told.
type record struct {
	mu        sync.Mutex
	all       []agent.Container
	connected int
	ended     chan error
}

func follow(t *testing.T, d *Docker) *record {
	t.Helper()
	r := &record{ended: make(chan error, 1)}
	stands := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		r.ended <- d.Watch(ctx, func() { close(stands) }, func(c agent.Container) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.all = append(r.all, c)
		})
	}()
	select {
	case <-stands:
	case err := <-r.ended:
		t.Fatal(err)
	case <-time.After(30 * time.Second):
		t.Fatal("the stream does not stand after 30 s")
	}
	return r
}

// last is the newest that was told of an instance.
func (r *record) last(instance string) (c agent.Container, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range slices.Backward(r.all) {
		if c.Instance == instance {
			return c, true
		}
	}
	return c, false
}

func TestWatchTellsOfWhatChangesByItself(t *testing.T) {
	d := real(t)
	api := engine.Client()
	r := follow(t, d)

	crash, _ := start(t, d, shell("exit 3"))
	eventually(t, "the end of who crashed", func() bool {
		c, ok := r.last(crash.Instance)
		return ok && !c.Running && c.ExitCode == 3 && !c.Started.IsZero()
	})

	killed, _ := start(t, d, hello())
	in, _, err := d.find(t.Context(), killed.Instance)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.KillContainer(in.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of who was killed", func() bool {
		c, ok := r.last(killed.Instance)
		return ok && !c.Running && c.ExitCode == 137
	})
	if err := api.ContainerStart(t.Context(), in.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that somebody else started it", func() bool {
		c, ok := r.last(killed.Instance)
		return ok && c.Running && c.IP != ""
	})
	if err := api.ContainerRemove(t.Context(), in.ID, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that somebody else removed it", func() bool {
		c, ok := r.last(killed.Instance)
		return ok && !c.Running && c.ExitCode == 137
	})
}

func TestAnEngineThatDiesAndComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a Docker engine")
	}
	e := testbed.Start(t, 1)[0]
	if err := images(e); err != nil {
		t.Fatal(err)
	}
	d := open(t, e)
	l, _ := start(t, d, hello())
	get(t, e.Addr, l.Ports[0])
	r := follow(t, d)

	if err := e.Kill9(); err != nil {
		t.Fatal(err)
	}

	select {
	case err := <-r.ended:
		if err == nil || !strings.Contains(err.Error(), "watch containers") {
			t.Errorf("the watch ends and says why, but %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the watch goes on though its engine is dead")
	}
	if _, err := d.List(t.Context()); err == nil {
		t.Error("a dead engine lists nothing")
	}
	next := launch(t, d, hello())
	if _, retry, err := d.Start(t.Context(), next); err == nil || !retry {
		t.Errorf("the engine is at fault: try again; but %v, %v", retry, err)
	}
	if err := d.Stop(t.Context(), l.Instance, time.Second); err == nil {
		t.Error("whether it is stopped nobody knows, but Stop says so")
	}

	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, ok := one(t, d, l.Instance); !ok || c.Running || c.Started.IsZero() {
		t.Errorf("it died with its host, but %+v, %v", c, ok)
	}
	r = follow(t, d)
	if _, _, err := d.Start(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	get(t, e.Addr, next.Ports[0])

	if err := e.Freeze(); err != nil { // hangs: no call may wait for ever
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := d.List(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want the deadline, got %v", err)
	}
	get(t, e.Addr, next.Ports[0]) // but the app serves on
	if err := e.Thaw(); err != nil {
		t.Fatal(err)
	}
	if c, ok := one(t, d, next.Instance); !ok || !c.Running {
		t.Errorf("it ran on, but %+v, %v", c, ok)
	}
}
