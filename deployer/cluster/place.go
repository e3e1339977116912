package cluster

import (
	"reflect"
	"slices"

	"pacer/apps"
	"pacer/deployer/placement"
)

// place gives hosts to those who wait, once for the whole step: fairness is about
// everyone. Who was refused is asked for again only when room may have grown; the first
// time in a step, others may have to make way. again reports that there may be more to
// place once all is settled.
func (s *State) place(first bool) (again bool) {
	if grew := s.board.Grew(); (s.asks || grew || s.outdated()) && len(s.waiting) > 0 {
		s.placeClaimants()
		s.chooseTold()
		asks := make([]placement.Ask, 0, len(s.waiting))
		askers := make([]*instance, 0, len(s.waiting))
		for _, in := range s.waiting { // the board's answers do not depend on the order
			if in.Claim == "" && in.Replaces == "" && !in.NotBefore.After(s.now) {
				asks = append(asks, placement.Ask{Instance: in.ID, Serial: in.Serial, App: in.spec, Role: in.Role, More: in.app.more > 0, Told: in.app.told == in.spec.ConfigAt})
				askers = append(askers, in)
			}
		}
		placed, refused, cut := s.board.PlaceSome(asks, s.launchesMax)
		s.noteUndecided(askers, placed, refused, cut)
		for _, p := range placed {
			s.placed(askers[p.Ask], p)
		}
		for _, r := range refused {
			if a := s.apps[r.App]; a != nil && !r.Told {
				s.reckon(a)
				a.refusal, a.toldAt = r, s.now
			}
		}
		made := first && s.preempt(refused)
		again = s.placeMoved() || made
		if cut { // this step has done enough
			again = false
		}
	}
	if len(s.waiting) == 0 {
		s.noteUndecided(nil, nil, nil, false)
	}
	s.asks = again || s.cut
	s.tellWaits()
	return again
}

func (s *State) placed(in *instance, p placement.Allocation) {
	h := s.hosts[p.Host]
	s.settled(in)
	s.reckon(in.app)
	in.Host, in.Addr, in.Ports, in.Staged, in.Message = p.Host, p.Addr, p.Ports, s.now, ""
	h.take(in)
	s.claim(in)
	in.rev = s.move(h)
	s.enter(in, apps.Starting)
}

// tellWaits says why instances wait, where that has changed.
func (s *State) tellWaits() {
	slices.SortFunc(s.waited, byID)
	for _, a := range s.waited {
		a.reckoned = false
		if s.apps[a.spec.ID] != a {
			continue
		}
		w := Wait{App: a.spec.ID}
		for _, in := range a.instances {
			if in.State == apps.Waiting && in.Replaces == "" { // who moves lacks nothing
				w.Waiting++
				w.Since = sooner(w.Since, in.Since)
				w.Until = later(w.Until, in.NotBefore)
			}
		}
		w.Placing = a.undecided + a.more
		if w.Waiting += a.more; w.Waiting > 0 {
			w.Hosts, w.Hint = a.refusal.Hosts, a.refusal.Hint
			for _, reason := range a.refusal.Reasons {
				w.Reasons = append(w.Reasons, WaitReason{Reason: reason.Code, Text: reason.Text, Hosts: reason.Hosts, Names: reason.Names})
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
	s.waited = s.waited[:0]
}

// reckon has what the app waits for told anew with this step.
func (s *State) reckon(a *app) {
	if !a.reckoned {
		a.reckoned = true
		s.waited = append(s.waited, a)
	}
}
