package cluster

import (
	"cmp"
	"slices"

	"pacer/apps"
)

// take books an instance on its host.
func (h *host) take(in *instance) {
	if n := len(h.runs); n > 0 && h.runs[n-1].Serial > in.Serial {
		h.mixed = true
	}
	h.runs = append(h.runs, in)
}

// drop takes an instance off its host's books.
func (h *host) drop(in *instance) {
	i := slices.Index(h.runs, in)
	h.runs = slices.Delete(h.runs, i, i+1)
}

// inOrder is what is booked on the host, ordered by serial. It is valid until the next
// instance comes or goes.
func (h *host) inOrder() []*instance {
	if h.mixed {
		h.mixed = false
		slices.SortFunc(h.runs, func(a, b *instance) int { return cmp.Compare(a.Serial, b.Serial) })
	}
	return h.runs
}

// sortedRuns is the same for those who let some of them go meanwhile.
func sortedRuns(h *host) []*instance { return slices.Clone(h.inOrder()) }

// move gives the host a new assignment with this step; it returns its revision.
func (s *State) move(h *host) uint64 {
	if !h.moved {
		h.moved = true
		first := h.rev == 0
		s.revision++
		h.rev = s.revision
		s.post(h)
		if first { // in this epoch: of what was loaded it is the first word, too
			for _, in := range h.runs {
				in.rev = h.rev
			}
		}
	}
	return h.rev
}

// post sends the host's assignment with this step.
func (s *State) post(h *host) {
	if !h.posts {
		h.posts = true
		s.letters = append(s.letters, h)
	}
}

// writeLetters writes the assignments that go out.
func (s *State) writeLetters() {
	slices.SortFunc(s.letters, func(a, b *host) int { return cmp.Compare(a.Name, b.Name) })
	if n := len(s.letters); n > 0 {
		s.fx.Assign = make([]apps.Assignment, 0, n)
	}
	for _, h := range s.letters {
		h.posts, h.moved = false, false
		// A letter to nobody in particular could come late, to an agent that knows nothing
		// of what ended meanwhile: there is none before the host was heard.
		if s.hosts[h.Name] == h && h.life != 0 {
			s.fx.Assign = append(s.fx.Assign, s.assignment(h))
		}
	}
	clear(s.letters)
	s.letters = s.letters[:0]
}

// assignment is everything the host shall run. It is sent again as it is where the
// host seems not to have it.
func (s *State) assignment(h *host) apps.Assignment {
	h.sent = s.now
	letter := apps.Assignment{Stamp: apps.Stamp{Epoch: s.epoch, Revision: h.rev}, Host: h.Name, Boot: h.life}
	if n := len(h.runs); n > 0 {
		letter.Instances = make([]apps.Assigned, 0, n)
	}
	s.written++
	for _, in := range h.inOrder() {
		if in.State == apps.Stopping {
			continue
		}
		letter.Instances = append(letter.Instances, apps.Assigned{ID: in.ID, App: in.App, Version: in.spec.Version, Ports: in.Ports, Ran: in.State >= apps.Running, Claim: in.Claim, Made: in.Claim != "" && s.claims[in.Claim].Made})
		if in.app.mention(in.spec.Version, s.written) {
			letter.Specs = append(letter.Specs, in.spec)
			if top := s.groups[in.App.Top()]; top != nil && top.row.EnforceRole {
				letter.Enforced = append(letter.Enforced, in.App)
			}
		}
	}
	for _, id := range sortedKeys(h.claims) {
		if c := h.claims[id]; c.Wipe && s.holder(c) == nil {
			letter.Wipe = append(letter.Wipe, id)
		}
	}
	return letter
}

// mention reports whether a version of the app is named for the first time in a letter.
func (a *app) mention(v apps.Version, letter uint64) bool {
	if a.letter != letter {
		a.letter, a.mentioned = letter, a.mentioned[:0]
	}
	if slices.Contains(a.mentioned, v) {
		return false
	}
	a.mentioned = append(a.mentioned, v)
	return true
}
