package cluster

import (
	"pacer/deployer/placement"
)

// launchesMax bounds what one step makes and places, and so its commit: a launch of a
// million is decided in many steps, each durable and sent out while the next is decided.
const launchesMax = 20_000

// Rations are how a launch that is too big for one step is shared out. Every app that
// wants more gets as much as any other in a step; who of them is served next is the
// board's to say, which stops where it does not know all who want. So it is fair in the
// same way as in one big step.
type rations struct {
	launchesMax int
	turn        uint64 // number of the step
	left        int    // that may still be made in it
	eaters      int    // apps that want more, as far as is known
	hungry      []*app // did not get all they want in this step
	cut         bool   // the board has not decided all it was asked
	open        []*app // of whose instances it left some undecided
}

type ration struct {
	had       uint64 // the turn in which it got less than it wanted
	more      int    // that it wants beyond what was made
	undecided int    // instances that the board has neither placed nor refused
}

// deal begins a step: who did not get all in the last one is looked at again.
func (s *State) deal() {
	s.turn++
	s.left, s.eaters = s.launchesMax, len(s.hungry)
	for _, a := range s.hungry {
		a.more = 0
		s.reckon(a)
		if s.apps[a.spec.ID] == a {
			s.touch(a)
		}
	}
	clear(s.hungry)
	s.hungry = s.hungry[:0]
}

// share is how many of the n instances that an app wants more are made in this step.
func (s *State) share(a *app, n int) int {
	got := 0
	if a.had != s.turn {
		if got = min(s.launchesMax/max(s.eaters, 1), s.left); got < 1 {
			got = 1 // or it would not be known what it wants
		}
		got = min(max(got-a.undecided, 0), n)
	}
	s.left = max(s.left-got, 0)
	if a.more = n - got; a.more > 0 {
		if a.had != s.turn {
			s.hungry = append(s.hungry, a)
		}
		a.had = s.turn
		s.reckon(a)
	}
	return got
}

// noteUndecided counts for each app what the board has left open. What was refused is
// decided.
func (s *State) noteUndecided(askers []*instance, placed []placement.Allocation, refused []placement.Refusal, cut bool) {
	for _, a := range s.open {
		a.undecided = 0
		s.reckon(a)
	}
	clear(s.open)
	s.open = s.open[:0]
	if s.cut = cut; !cut {
		return
	}
	for _, in := range askers {
		in.app.undecided++
	}
	for _, p := range placed {
		askers[p.Ask].app.undecided--
	}
	for _, r := range refused {
		if a := s.apps[r.App]; a != nil {
			a.undecided = 0
		}
	}
	for _, in := range askers {
		if a := in.app; a.undecided > 0 && (len(s.open) == 0 || s.open[len(s.open)-1] != a) {
			s.open = append(s.open, a)
			a.refusal = placement.Refusal{} // of before; it is looked at again
			s.reckon(a)
		}
	}
}
