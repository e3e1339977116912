package cluster

import (
	"slices"
	"time"

	"pacer/apps"
)

// serve tells the balancers where an app answers, when that has changed, and notes
// for each instance the first letter that knows it, or, draining, knows it no more.
func (s *State) serve(a *app) {
	if s.apps[a.spec.ID] != a || a.run != nil { // nobody is sent to a run
		return
	}
	spec, _ := s.inForce(a)
	if spec == nil {
		spec = a.spec
	}
	next := apps.Service{App: spec.ID, Ports: spec.ServicePorts(), BlueGreen: spec.BlueGreen()}
	for _, in := range a.instances {
		if in.State == apps.Running && in.Ready {
			next.Endpoints = append(next.Endpoints, in.endpoint(len(spec.Ports)))
		}
	}
	if a.service.Revision == 0 || !sameService(&a.service, &next) {
		if a.service.Revision > 0 {
			s.digest -= apps.Digest(spec.ID, a.service.Stamp)
		}
		s.revision++
		next.Stamp = apps.Stamp{Epoch: s.epoch, Revision: s.revision}
		s.digest += apps.Digest(spec.ID, next.Stamp)
		a.service = next
		s.putService(next)
	}
	for _, in := range a.instances {
		if in.serv == 0 && (in.State == apps.Draining || in.State == apps.Running && in.Ready) {
			in.serv = a.service.Revision
			s.touch(a) // without balancers it is acknowledged already
			s.unacked[in.ID] = in
		}
	}
}

// sameService reports whether two letters say the same, whenever they were written.
func sameService(a, b *apps.Service) bool {
	return slices.EqualFunc(a.Endpoints, b.Endpoints, func(x, y apps.Endpoint) bool {
		return x.Instance == y.Instance && x.Version == y.Version && x.Host == y.Host && x.Addr == y.Addr && x.Suspect == y.Suspect && slices.Equal(x.Ports, y.Ports)
	}) && slices.EqualFunc(a.Ports, b.Ports, apps.ServicePort.Same) && a.BlueGreen.Same(b.BlueGreen)
}

// putService sends a letter with this step; of one app only the newest goes out.
func (s *State) putService(letter apps.Service) {
	if i, sent := s.serveAt[letter.App]; sent {
		s.fx.Serve[i] = letter
		return
	}
	s.serveAt[letter.App] = len(s.fx.Serve)
	s.fx.Serve = append(s.fx.Serve, letter)
}

// endpoint is where the instance answers, with as many ports as its app has now.
func (in *instance) endpoint(ports int) apps.Endpoint {
	e := apps.Endpoint{Instance: in.ID, Version: in.Version, Host: in.Host, Addr: in.Addr, Ports: make([]int, ports), Suspect: in.Unreachable}
	direct := in.spec.Network == apps.NetworkContainer && len(in.spec.Ports) > 0
	for i := range in.spec.Ports {
		direct = direct && in.spec.HostPort(i) == apps.NoHostPort
	}
	for i := range e.Ports {
		switch {
		case i >= len(in.spec.Ports):
		case direct:
			e.Addr, e.Ports[i] = in.IP, in.spec.Ports[i].Container
		case i < len(in.Ports):
			e.Ports[i] = in.Ports[i]
		}
	}
	return e
}

// finishDrains stops the instances that are out of every live balancer's table
// and have finished their requests, or had time enough to.
func (s *State) finishDrains(a *app) {
	if s.apps[a.spec.ID] != a {
		return
	}
	for _, in := range slices.Clone(a.instances) {
		if in.State != apps.Draining {
			continue
		}
		if h := s.hosts[in.Host]; h.Lost {
			s.finish(in, apps.EndLost, 0, "its host was lost")
			continue
		}
		if heard := s.began.Add(firstHearing); heard.After(s.now) { // who balances is not known yet
			s.atApp(a, heard)
			continue
		}
		if !s.acked(in.App, in.serv) {
			continue
		}
		if until := in.Since.Add(drainMax); s.busy(in.ID) && until.After(s.now) {
			s.atApp(a, until)
			continue
		}
		s.stop(in)
	}
}

// acked reports whether every live balancer serves this revision of the app, or a
// later one.
func (s *State) acked(id apps.ID, revision uint64) bool {
	for _, b := range s.balancers {
		if b.acked[id] < revision && b.all < revision {
			return false
		}
	}
	return true
}

func (s *State) busy(instance string) bool {
	for _, b := range s.balancers {
		if b.busy[instance] {
			return true
		}
	}
	return false
}

// foldServing takes what a balancer says of itself.
func (s *State) foldServing(l apps.Serving) {
	b := s.balancers[l.Balancer]
	if b != nil && l.Revision <= b.rev {
		return
	}
	if l.Leaving {
		if b != nil {
			s.dismiss(l.Balancer)
		}
		return
	}
	if b == nil {
		b = &balancer{acked: map[apps.ID]uint64{}}
		s.balancers[l.Balancer] = b
		s.atBalancer(l.Balancer, s.now.Add(balancerSilence))
	}
	b.seen, b.rev = s.now, l.Revision
	for id, stamp := range l.Served {
		if stamp.Epoch == s.epoch && s.apps[id] != nil {
			b.acked[id] = max(b.acked[id], stamp.Revision)
			s.touch(s.apps[id])
		}
	}
	busy := make(map[string]bool, len(l.Busy))
	for _, id := range l.Busy {
		busy[id] = true
	}
	for id := range b.busy {
		if in := s.instances.get(id); in != nil && !busy[id] {
			s.touch(in.app)
		}
	}
	b.busy = busy
	for _, id := range l.Want {
		if a := s.apps[id]; a != nil && a.service.Revision > 0 {
			s.putService(a.service)
		}
	}
	s.reviewTable(b, l.Digest)
}

// reviewTable compares a balancer's table with ours by digest. Equal: it has
// acknowledged all. Different for a while: it is told what there is, and asks.
func (s *State) reviewTable(b *balancer, digest uint64) {
	switch {
	case digest == s.digest:
		if b.all < s.revision {
			first := b.all == 0
			b.all = s.revision
			s.acknowledged(first)
		}
		b.differ = time.Time{}
	case b.differ.IsZero():
		b.differ = s.now
	case s.now.Sub(b.differ) >= resendPause && s.fx.Roster == nil:
		b.differ = s.now
		roster := apps.Roster{Stamp: apps.Stamp{Epoch: s.epoch, Revision: s.revision}, Apps: map[apps.ID]apps.Stamp{}}
		for id, a := range s.apps {
			if a.service.Revision > 0 {
				roster.Apps[id] = a.service.Stamp
			}
		}
		s.fx.Roster = &roster
	}
}

// listenTo decides whether a balancer is gone.
func (s *State) listenTo(name string, b *balancer) {
	if deadline := b.seen.Add(balancerSilence); deadline.After(s.read) {
		s.atBalancer(name, deadline)
		return
	}
	s.dismiss(name)
}

// acknowledged has the apps looked at whose instances every balancer knows now; with
// all, because the set of balancers has changed, every app that may wait for that.
func (s *State) acknowledged(all bool) {
	for id, in := range s.unacked {
		switch {
		case s.instances.get(id) != in || in.serv == 0:
			delete(s.unacked, id)
		case s.acked(in.App, in.serv):
			delete(s.unacked, id)
			s.touch(in.app)
		}
	}
	if !all {
		return
	}
	for _, a := range s.apps {
		if a.holder != nil || slices.ContainsFunc(a.instances, func(in *instance) bool { return in.State == apps.Draining || s.drained(in) }) {
			s.touch(a)
		}
	}
}

// dismiss stops waiting for a balancer.
func (s *State) dismiss(name string) {
	delete(s.balancers, name)
	s.acknowledged(true)
}
