package docker

import (
	"context"
	"sync"
	"testing"
	"time"

	"pacer/agent"
	"pacer/apps"
)

// watched is what Watch has told, by instance.
type watched struct {
	mu   sync.Mutex
	last map[string]agent.Container
}

func (w *watched) of(instance string) (agent.Container, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.last[instance]
	return c, ok
}

// watch runs Watch until the end of the test; it returns when the stream stands.
func watch(t testing.TB, d *Docker) *watched {
	t.Helper()
	w := &watched{last: map[string]agent.Container{}}
	ctx, cancel := context.WithCancel(context.Background())
	connected, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- d.Watch(ctx, sync.OnceFunc(func() { close(connected) }), func(c agent.Container) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.last[c.Instance] = c
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	select {
	case <-connected:
	case <-time.After(30 * time.Second):
		t.Fatal("the event stream does not stand")
	}
	return w
}

// ended waits until Watch has told of the end of an instance.
func (w *watched) ended(t testing.TB, instance string) (c agent.Container) {
	t.Helper()
	eventually(t, instance+" to have ended", func() (ok bool) {
		c, ok = w.of(instance)
		return ok && !c.Running
	})
	return c
}

func kill(t testing.TB, d *Docker, instance string) {
	t.Helper()
	in, err := d.inspect(t.Context(), instance)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.KillContainer(in.ID); err != nil {
		t.Fatal(err)
	}
}

func TestTheSuccessorOfAKilledInstanceGetsTheSameHostPort(t *testing.T) {
	d := real(t)
	w := watch(t, d)
	l, _ := start(t, d, hello())
	for range 5 {
		get(t, d.config.Addr, l.Ports[0])
		next := launch(t, d, hello())
		next.Ports = l.Ports
		made, err := d.spec(next) // it exists already: nothing comes between the end and the start
		if err == nil {
			_, err = d.create(t.Context(), next.Instance, made)
		}
		if err != nil {
			t.Fatal(err)
		}
		kill(t, d, l.Instance)

		c := w.ended(t, l.Instance)

		if c.ExitCode != 137 || c.OOM || len(c.Ports) != 1 || c.Ports[0] != l.Ports[0] {
			t.Fatalf("want exit code 137 and port %d, got %+v", l.Ports[0], c)
		}
		if _, retry, err := d.Start(t.Context(), next); err != nil {
			t.Fatalf("it wants the port of one that has just died: %v (retry %v)", err, retry)
		}
		l = next
	}
}

func TestAnEndForWantOfMemoryIsToldAsSuch(t *testing.T) {
	d := real(t)
	w := watch(t, d)
	a := shell("x=0123456789abcdef; while :; do x=$x$x; done")
	a.Needs = apps.Resources{CPU: 1000, Mem: 8}

	l, _ := start(t, d, a)

	if c := w.ended(t, l.Instance); !c.OOM || c.ExitCode == 0 {
		t.Fatalf("want the memory to be blamed, got %+v", c)
	}
}
