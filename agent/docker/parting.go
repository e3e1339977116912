package docker

import (
	"context"
	"slices"

	"pacer/agent"
)

// A parting is a container that has ended while the engine still holds its host
// ports: Watch tells of the end at once, so a successor may want the same ports
// before they are free.
type parting struct {
	ports []int
	over  chan struct{} // closed when the engine has let go of them
}

// parts notes that a container has ended, until the engine answers about it: it
// does so when it has cleared up.
func (d *Docker) parts(id string, c agent.Container) {
	if d.life.Err() != nil || !slices.ContainsFunc(c.Ports, func(p int) bool { return p > 0 }) {
		return
	}
	p := &parting{ports: c.Ports, over: make(chan struct{})}
	d.mu.Lock()
	d.partings[p] = true
	d.mu.Unlock()
	d.work.Go(func() {
		_, _ = d.inspect(d.life, id) // whatever it says, even nothing in time
		d.mu.Lock()
		delete(d.partings, p)
		d.mu.Unlock()
		close(p.over)
	})
}

// awaitPorts waits until the containers that had these host ports have let go of
// them.
func (d *Docker) awaitPorts(ctx context.Context, ports []int) error {
	for {
		p := d.holder(ports)
		if p == nil {
			return nil
		}
		select {
		case <-p.over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (d *Docker) holder(ports []int) *parting {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.partings {
		for _, port := range ports {
			if port > 0 && slices.Contains(p.ports, port) {
				return p
			}
		}
	}
	return nil
}
