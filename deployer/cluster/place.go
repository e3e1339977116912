package cluster

import (
	"reflect"
	"slices"

	"pacer/apps"
	"pacer/deployer/placement"
)

// noticesPlaced is how many are told of an instance that is placed.
const noticesPlaced = 3

// place gives hosts to those who wait, once for the whole step: fairness is about
// everyone. Who was refused is asked for again only when room may have grown. again
// reports that there may be more to place once all is settled.
func (s *State) place() (again bool) {
	if grew := s.board.Grew(); (s.asks || grew) && len(s.waiting) > 0 {
		s.placeClaimants()
		asks := make([]placement.Ask, 0, len(s.waiting))
		askers := make([]*instance, 0, len(s.waiting))
		for _, in := range s.waiting { // the board's answers do not depend on the order
			if in.Claim == "" && in.Replaces == "" && !in.NotBefore.After(s.now) {
				asks = append(asks, placement.Ask{Instance: in.ID, Serial: in.Serial, App: in.spec, Role: in.Role})
				askers = append(askers, in)
			}
		}
		placed, refused := s.board.Place(asks)
		s.fx.Save.Notices = slices.Grow(s.fx.Save.Notices, noticesPlaced*len(placed))
		for _, p := range placed {
			s.placed(askers[p.Ask], p)
		}
		for _, r := range refused {
			if a := s.apps[r.App]; a != nil {
				s.waited[r.App] = a
				a.refusal = r
			}
		}
		again = s.placeMoved()
	}
	s.asks = again
	s.tellWaits()
	return again
}

func (s *State) placed(in *instance, p placement.Allocation) {
	h := s.hosts[p.Host]
	s.settled(in)
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
			if in.State == apps.Waiting && in.Replaces == "" { // who moves lacks nothing
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

// copy is the instance as it is now, for a notice. Its ports are shared: they are never
// changed, only replaced.
func (s *State) copy(in *instance) *apps.Instance {
	if len(s.copies) == 0 { // many at once: a launch makes a million of them
		s.copies = make([]apps.Instance, copiesAtOnce)
	}
	c := &s.copies[0]
	s.copies = s.copies[1:]
	*c = in.Instance
	c.Health = slices.Clone(in.Health)
	for i := range c.Health {
		c.Health[i].Last = nil // a notice needs none, and there are a million of them
	}
	return c
}

const copiesAtOnce = 32
