package cluster

import (
	"cmp"
	"fmt"
	"slices"

	"pacer/apps"
	"pacer/deployer/placement"
)

// A move is a mark on an instance (MoveTo) and on its successor (Replaces). Until the
// successor serves it does not count for its app: it is one more for a while. Then the
// instance leaves, and the successor is what it was. When one of the two goes before,
// the other is simply an instance of its app again; so nothing has to be undone, and
// any leader goes on from the rows.

// loadMoves takes up the moves that were under way.
func (s *State) loadMoves() {
	successors := map[string]*instance{}
	for in := range s.instances.all() {
		if in.MoveTo != "" {
			s.moving[in.ID] = in
		}
		if in.Replaces != "" {
			successors[in.ID] = in
		}
	}
	for _, id := range sortedKeys(successors) {
		in := successors[id]
		if before := s.moving[in.Replaces]; before != nil && before.State < apps.Draining {
			before.next = in
		} else {
			in.Replaces = ""
		}
	}
}

// reviewMoves ends the moves of an app that have lost their sense, before its
// instances are counted.
func (s *State) reviewMoves(a *app) {
	if len(s.moving) == 0 {
		return
	}
	for _, in := range a.instances {
		if in.MoveTo == "" || in.State >= apps.Draining {
			continue
		}
		switch {
		case a.holder != nil:
			s.stay(in, "its app is being deployed")
		case s.inactive(in):
			s.stay(in, "its host is lost")
		case s.drained(in):
			s.stay(in, "its host is drained")
		case in.next != nil && in.next.Unreachable:
			s.stay(in, "host "+in.MoveTo+" is lost")
		case in.next != nil && s.drained(in.next):
			s.stay(in, "host "+in.MoveTo+" is drained")
		}
	}
}

// moveOn gives instances that are to move a successor, as long as no more than LiveMax
// live, and lets those go whose successor serves.
func (s *State) moveOn(a *app, spec *apps.App, c census) {
	if len(s.moving) == 0 {
		return
	}
	movers := slices.DeleteFunc(slices.Clone(a.instances), func(in *instance) bool { return in.MoveTo == "" || in.State >= apps.Draining })
	slices.SortFunc(movers, inTurn)
	for _, in := range movers {
		switch {
		case in.next != nil && s.serving(in.next) && s.count(a, spec, "").ready < spec.HealthyMin():
			s.stay(in, "others of its app are not ready") // the successor stands in for one of those
		case in.next != nil && s.serving(in.next):
			s.leave(in, "moved to host "+in.MoveTo+", which has more room")
		case in.next == nil && c.ready >= spec.Instances && c.live() < spec.LiveMax() && !a.until.After(s.now):
			s.create(a, spec, 1)
			in.next = a.instances[len(a.instances)-1]
			in.next.Replaces = in.ID
			c.beside++
		}
	}
}

// stay ends the move of an instance that has not left yet. Its successor, if there is
// one that has a host, is an instance of its app from now, which then has one too many.
func (s *State) stay(in *instance, why string) {
	s.tell(apps.Notice{Type: noticeNotMoved, App: in.App, Version: in.Version, Instance: s.copy(in), Host: in.Host, Message: "not moved to host " + in.MoveTo + ": " + why})
	next := in.next
	in.MoveTo, in.MoveNo = "", 0
	delete(s.moving, in.ID)
	s.parted(in)
	if next != nil && next.State == apps.Waiting {
		s.finish(next, apps.EndStopped, 0, "nobody moves there any more")
	}
	s.save(in)
	s.touch(in.app)
}

// parted makes an instance's successor one like any other.
func (s *State) parted(in *instance) {
	if next := in.next; next != nil {
		next.Replaces, in.next = "", nil
		s.save(next)
		s.asks = true
	}
}

// leaves notes that an instance goes: with it ends its move, or the move to it.
func (s *State) leaves(in *instance, why string) {
	s.parted(in)
	if before := s.instances.get(in.Replaces); before != nil {
		s.stay(before, why)
	}
	if in.State == apps.Gone {
		delete(s.moving, in.ID)
	}
}

// placeMoved gives the successors of who moves the hosts that were chosen for them,
// after all others who wait. What does not fit may have to wait for moves before it; when
// there are none it stays. turn reports that, because it is somebody else's turn then.
func (s *State) placeMoved() (turn bool) {
	if len(s.moving) == 0 {
		return false
	}
	successors := slices.DeleteFunc(slices.Clone(s.waiting), func(in *instance) bool { return in.Replaces == "" })
	slices.SortFunc(successors, func(x, y *instance) int { return inTurn(s.instances.get(x.Replaces), s.instances.get(y.Replaces)) })
	first := s.firstMove()
	var refusal string // of the first
	for _, in := range successors {
		before := s.instances.get(in.Replaces)
		h := s.hosts[before.MoveTo]
		switch {
		case h == nil:
			s.stay(before, "host "+before.MoveTo+" was removed")
			continue
		case h.Lost || h.Draining || h.Cordoned:
			s.stay(before, "host "+before.MoveTo+" is "+h.closed)
			continue
		case h.closed != "": // for a moment: it has not been heard yet
			continue
		}
		p, why := s.board.PlaceBeside(before.hold(), h.Name, placement.Ask{Instance: in.ID, Serial: in.Serial, App: in.spec, Role: in.Role})
		switch {
		case why == "":
			s.placed(in, p)
		case before == first:
			refusal = why
		}
	}
	if refusal != "" && !s.onTheWay() {
		s.stay(first, refusal)
		return true
	}
	return false
}

func inTurn(x, y *instance) int { return cmp.Compare(x.MoveNo, y.MoveNo) }

// firstMove is the one whose turn comes before all others: what it needs does not depend
// on them.
func (s *State) firstMove() (first *instance) {
	for _, in := range s.moving {
		if first == nil || inTurn(in, first) < 0 {
			first = in
		}
	}
	return first
}

// onTheWay reports whether a move is under way that makes room when it is done.
func (s *State) onTheWay() bool {
	for _, in := range s.moving {
		if in.State >= apps.Draining || in.next != nil && in.next.Host != "" {
			return true
		}
	}
	return false
}

// checkMoves verifies what must hold of moves between any two steps.
func (s *State) checkMoves() error {
	for in := range s.instances.all() {
		moving, before := s.moving[in.ID], s.instances.get(in.Replaces)
		switch {
		case (in.MoveTo != "") != (moving == in):
			return fmt.Errorf("%s moves to host %q, and is known to: %v", in.ID, in.MoveTo, moving == in)
		case in.MoveTo != "" && in.State < apps.Draining && in.app.holder != nil:
			return fmt.Errorf("%s moves while its app is being deployed", in.ID)
		case in.next != nil && in.next.Replaces != in.ID:
			return fmt.Errorf("%s is no successor of %s", in.next.ID, in.ID)
		case in.Replaces != "" && (before == nil || before.next != in || before.State >= apps.Draining || in.State >= apps.Draining):
			return fmt.Errorf("%s takes no place of %s, which does not move", in.ID, in.Replaces)
		case in.Replaces != "" && in.Host != "" && in.Host != before.MoveTo:
			return fmt.Errorf("%s is on host %s, %s moves to %s", in.ID, in.Host, before.ID, before.MoveTo)
		}
	}
	for id := range s.moving {
		if s.instances.get(id) == nil {
			return fmt.Errorf("%s moves and is not there", id)
		}
	}
	return nil
}
