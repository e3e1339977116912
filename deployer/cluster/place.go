package cluster

import (
	"reflect"
	"slices"

	"pacer/apps"
	"pacer/deployer/placement"
)

// place gives hosts to those who wait, once for the whole step: fairness is about
// everyone. Who was refused is asked for again only when room may have grown.
func (s *State) place() {
	if grew := s.board.Grew(); (s.asks || grew) && len(s.waiting) > 0 {
		s.placeClaimants()
		var asks []placement.Ask
		for _, id := range sortedKeys(s.waiting) {
			in := s.waiting[id]
			if in.Claim == "" && !in.NotBefore.After(s.now) {
				asks = append(asks, placement.Ask{Instance: id, Serial: in.Serial, App: in.spec, Role: in.Role})
			}
		}
		placed, refused := s.board.Place(asks)
		for _, p := range placed {
			s.placed(s.waiting[p.Instance], p)
		}
		for _, r := range refused {
			if a := s.apps[r.App]; a != nil {
				s.waited[r.App] = a
				a.refusal = r
			}
		}
	}
	s.asks = false
	s.tellWaits()
}

func (s *State) placed(in *instance, p placement.Allocation) {
	h := s.hosts[p.Host]
	delete(s.waiting, in.ID)
	s.waited[in.App] = in.app
	in.Host, in.Addr, in.Ports, in.Staged, in.Message = p.Host, p.Addr, p.Ports, s.now, ""
	h.runs[in.ID] = in
	s.claim(in)
	in.rev = s.move(h)
	s.enter(in, apps.Starting)
}

// tellWaits says why instances wait, where that has changed.
func (s *State) tellWaits() {
	for _, id := range sortedKeys(s.waited) {
		a := s.waited[id]
		w := Wait{App: id}
		for _, in := range a.instances {
			if in.State == apps.Waiting {
				w.Waiting++
				w.Since = sooner(w.Since, in.Since)
				w.Until = later(w.Until, in.NotBefore)
			}
		}
		if w.Waiting > 0 {
			w.Hosts, w.Hint = a.refusal.Hosts, a.refusal.Hint
			for _, reason := range a.refusal.Reasons {
				w.Reasons = append(w.Reasons, WaitReason{Reason: reason.Code, Text: reason.Text, Hosts: reason.Hosts})
			}
		} else {
			a.refusal = placement.Refusal{}
		}
		s.refusedSince(a, w)
		if !reflect.DeepEqual(w, a.wait) {
			a.wait = w
			s.fx.Waits = append(s.fx.Waits, w)
		}
	}
	clear(s.waited)
}

// copy is the instance as it is now, for a notice.
func (in *instance) copy() *apps.Instance {
	c := in.Instance
	c.Ports, c.Health = slices.Clone(in.Ports), slices.Clone(in.Health)
	for i := range c.Health {
		c.Health[i].Last = nil // a notice needs none, and there are a million of them
	}
	return &c
}
