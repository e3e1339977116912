package cluster

import "pacer/apps"

// A span is versions of an app, from the first up to but not including the other.
type span struct{ from, to apps.Version }

// reverts finds the apps that the change takes back to what they were before the
// deployment that has them: instances of that time are as good as new ones, and stay.
func (s *State) reverts(accepted map[apps.ID]*apps.App, restart map[apps.ID]bool) map[apps.ID]span {
	spans := map[apps.ID]span{}
	for id, spec := range accepted {
		a := s.apps[id]
		if a == nil || a.holder == nil || restart[id] || spec.Deleted || spec.ConfigAt != spec.Version {
			continue
		}
		if old := a.holder.Old[id]; old != nil && !differs(old, spec) && old.ConfigAt < a.spec.ConfigAt {
			spans[id] = span{old.ConfigAt, a.spec.ConfigAt}
		}
	}
	return spans
}

// adopt makes instances of those versions instances of the present one where only the
// name of their configuration changes: among them may be ones that were adopted already,
// by a change that led back further and never had its turn.
func (s *State) adopt(a *app, of span) {
	same := map[*apps.App]bool{}
	for _, in := range a.instances {
		if in.State >= apps.Draining || in.Version < of.from || in.Version >= of.to || in.Version != in.spec.Version {
			continue
		}
		says, known := same[in.spec]
		if !known {
			says = !differs(in.spec, a.spec)
			same[in.spec] = says
		}
		if !says {
			continue
		}
		if in.Host != "" {
			s.board.Release(in.hold())
		}
		in.spec, in.Version = a.spec, a.spec.Version
		if in.Host != "" {
			s.board.Hold(in.hold())
		}
		s.save(in)
	}
}
