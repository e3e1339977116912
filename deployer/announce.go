package deployer

import (
	"context"
	"slices"
	"sync"
	"time"

	"pacer/apps"
)

const (
	announceEvery = time.Second     // how often a leader looks whether addresses have changed
	announceBeat  = 5 * time.Second // and says them again, for who has come since
	greetEvery    = 2 * time.Second // how often a server that does not lead says that it lives
	greetSilence  = 10 * time.Second
	serversMax    = 64 // that are kept in mind
)

// announce tells name servers where the cluster's own parts answer, until ctx ends.
func (d *Deployer) announce(ctx context.Context, t *term) {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	var last apps.Addresses
	var said time.Time
	for {
		now := time.Now()
		next := apps.Addresses{Leader: d.cfg.Addr, Servers: d.others.with(d.cfg.Addr, now), Hosts: t.view.hostAddrs()}
		if last.Revision == 0 || !next.Same(last) || now.Sub(said) >= announceBeat {
			next.Stamp = apps.Stamp{Epoch: t.epoch, Revision: last.Revision + 1}
			d.posted("addresses", d.cfg.Post.SendAddresses(next))
			last, said = next, now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// greet tells the leader, while it is another server, that this one lives.
func (d *Deployer) greet(ctx context.Context) {
	if d.cfg.Addr == "" {
		return
	}
	tick := time.NewTicker(greetEvery)
	defer tick.Stop()
	for {
		if d.term.Load() == nil {
			d.posted("server", d.cfg.Post.SendServer(apps.Server{Name: d.cfg.Name, Addr: d.cfg.Addr}))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// HearServer takes the letter of another server.
func (d *Deployer) HearServer(s apps.Server) { d.others.hear(s, time.Now()) }

// others are the servers that do not lead, as they say.
type others struct {
	mu    sync.Mutex
	heard map[string]greeting // by name
}

type greeting struct {
	addr string
	at   time.Time
}

func (o *others) hear(s apps.Server, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.heard == nil {
		o.heard = map[string]greeting{}
	}
	if _, known := o.heard[s.Name]; known || len(o.heard) < serversMax {
		o.heard[s.Name] = greeting{s.Addr, now}
	}
}

// with are the addresses of those that live, and of the leader, each once, in order.
func (o *others) with(leader string, now time.Time) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var addrs []string
	if leader != "" {
		addrs = append(addrs, leader)
	}
	for name, g := range o.heard {
		if now.Sub(g.at) > greetSilence {
			delete(o.heard, name)
			continue
		}
		addrs = append(addrs, g.addr)
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}
