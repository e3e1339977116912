package docker

import (
	"context"
	"slices"
	"time"

	"pacer/agent"
)

// A parting is a container that has ended while the engine still takes its network
// down. Watch tells of the end at once, so a successor may come before that is done:
// it may want the same host ports; and an engine that takes one network down while it
// sets up another takes 100 ms longer than for one after the other.
type parting struct {
	ports []int
	over  chan struct{} // closed when the engine has cleared up
}

// partingPatience is how long a start waits for containers that are not in its way
// but in the engine's.
const partingPatience = 200 * time.Millisecond

// parts notes that a container has ended, until the engine answers about it: it
// does so when it has cleared up.
func (d *Docker) parts(id string, c agent.Container) {
	if d.life.Err() != nil {
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

// awaitPartings waits until the containers that had these host ports have let go of
// them, and for a moment for all others that part.
func (d *Docker) awaitPartings(ctx context.Context, ports []int) error {
	patience := time.NewTimer(partingPatience)
	defer patience.Stop()
	for patient := true; ; {
		p := d.parting(func(p *parting) bool { return patient || p.holds(ports) })
		if p == nil {
			return nil
		}
		select {
		case <-p.over:
		case <-patience.C:
			patient = false
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *parting) holds(ports []int) bool {
	return slices.ContainsFunc(ports, func(n int) bool { return n > 0 && slices.Contains(p.ports, n) })
}

// parting is any one that fits; nil if there is none.
func (d *Docker) parting(fits func(*parting) bool) *parting {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.partings {
		if fits(p) {
			return p
		}
	}
	return nil
}
