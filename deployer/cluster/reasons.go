package cluster

import (
	"cmp"
	"slices"
	"time"
)

// To tell an app why no host takes its instances, every host is looked at. Where many apps
// wait in a large cluster, and each instance that ends somewhere makes room that they may
// want, that would be most of what the leader does. So those who know their reasons are
// told anew by turns, who was told longest ago first: for them looksMax hosts are looked at
// within looksEvery, however many steps that are. Who is refused for the first time is told
// at once.
const (
	looksMax   = 200_000
	looksEvery = 100 * time.Millisecond
)

// chooseTold decides which of the apps that wait keep the reasons that they were told.
func (s *State) chooseTold() {
	for _, a := range s.keepers {
		a.told = 0
	}
	s.keepers = s.keepers[:0]
	for _, in := range s.waiting {
		if a := in.app; a.told == 0 && a.refusal.Reasons != nil && a.refusal.Config == in.spec.ConfigAt {
			a.told = in.spec.ConfigAt
			s.keepers = append(s.keepers, a)
		}
	}
	anew := len(s.keepers)
	if anew*len(s.hosts) > s.looksMax {
		slices.SortFunc(s.keepers, func(x, y *app) int { return cmp.Or(x.toldAt.Compare(y.toldAt), byID(x, y)) })
		if anew = 0; !s.now.Before(s.surveyed.Add(looksEvery)) {
			anew = max(s.looksMax/len(s.hosts), 1)
			s.surveyed = s.now
		}
	}
	for _, a := range s.keepers[:anew] {
		a.told = 0
	}
	s.keepers = slices.Delete(s.keepers, 0, anew)
}

// outdated reports whether it is the turn of apps that have kept their reasons.
func (s *State) outdated() bool {
	return len(s.keepers) > 0 && !s.now.Before(s.surveyed.Add(looksEvery))
}
