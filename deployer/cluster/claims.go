package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pacer/apps"
	"pacer/deployer/placement"
)

// A claim is the persistent volumes of an instance, and of who comes after it. It has
// at most one holder among the instances that are not Gone: a successor is made only
// when the one before is known not to run any more.
type claim struct {
	apps.Claim
	ghost  *apps.App // in whose name its room is kept
	booked bool      // its room is: no placed instance holds it
}

func (c *claim) hold() placement.Hold {
	return placement.Hold{App: c.ghost, Host: c.Host, Role: c.Role, Needs: c.Needs}
}

// ownClaim takes a claim over that is stored or new.
func (s *State) ownClaim(row apps.Claim) *claim {
	c := &claim{Claim: row, ghost: &apps.App{ID: row.App + "#" + apps.ID(row.ID)}}
	s.claims[c.ID] = c
	s.hostOf(c.Host, "").claims[c.ID] = c
	if a := s.apps[c.App]; a != nil && !c.Wipe {
		a.claims = append(a.claims, c)
		slices.SortFunc(a.claims, func(x, y *claim) int { return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.ID, y.ID)) })
	}
	return c
}

// holder is the instance that has the claim, or waits for it; nil: none.
func (s *State) holder(c *claim) *instance {
	if a := s.apps[c.App]; a != nil {
		for _, in := range a.instances {
			if in.Claim == c.ID {
				return in
			}
		}
	}
	return nil
}

// freeClaim is the oldest claim of the app that nobody holds; empty: there is none.
func (s *State) freeClaim(a *app) string {
	for _, c := range a.claims {
		if !c.Wipe && s.holder(c) == nil {
			return c.ID
		}
	}
	return ""
}

// bookClaim keeps the room of a claim that no placed instance holds.
func (s *State) bookClaim(c *claim) {
	if in := s.holder(c); !c.booked && !c.Wipe && (in == nil || in.Host == "") {
		c.booked = true
		s.board.Found(c.hold())
	}
}

func (s *State) unbookClaim(c *claim) {
	if c.booked {
		c.booked = false
		s.board.Release(c.hold())
	}
}

func (s *State) saveClaim(c *claim) { s.claimed[c.ID] = c }

// placeClaimants gives those who have a claim their place on its host, before anybody
// else is asked: the room has been theirs all the time.
func (s *State) placeClaimants() {
	if len(s.claims) == 0 {
		return
	}
	claimants := slices.DeleteFunc(slices.Clone(s.waiting), func(in *instance) bool { return in.Claim == "" })
	slices.SortFunc(claimants, func(x, y *instance) int { return cmp.Compare(x.ID, y.ID) })
	for _, in := range claimants {
		c := s.claims[in.Claim]
		if c == nil || in.NotBefore.After(s.now) {
			continue
		}
		p, refusal := s.board.PlaceOn(c.Host, placement.Ask{Instance: in.ID, Serial: in.Serial, App: in.spec, Role: in.Role}, c.hold())
		if refusal != nil {
			s.reckon(in.app)
			in.app.refusal = *refusal
			continue
		}
		c.booked = false
		s.placed(in, p)
	}
}

// claim makes the claim of an instance that was placed as the first one on its
// volumes.
func (s *State) claim(in *instance) {
	paths := in.spec.Persistent()
	if len(paths) == 0 || in.Claim != "" {
		return
	}
	in.Claim = in.ID
	s.saveClaim(s.ownClaim(apps.Claim{ID: in.ID, App: in.App, Host: in.Host, Role: in.Role, Needs: in.Needs, Paths: paths, Since: s.now}))
}

// madeClaim notes that an instance ran with its volumes.
func (s *State) madeClaim(in *instance) {
	if c := s.claims[in.Claim]; c != nil && !c.Made {
		c.Made = true
		s.saveClaim(c)
	}
}

// leaveClaim frees the claim of an instance that is gone. One that nothing ever ran
// with binds nobody to its host.
func (s *State) leaveClaim(in *instance) {
	c := s.claims[in.Claim]
	switch {
	case c == nil:
	case c.Wipe, !c.Made && in.Host != "":
		s.wipe(c)
	default:
		s.bookClaim(c)
	}
}

// wipe has the host of a claim that nobody holds delete it.
func (s *State) wipe(c *claim) {
	s.unbookClaim(c)
	c.Wipe = true
	s.saveClaim(c)
	if a := s.apps[c.App]; a != nil {
		a.claims = slices.DeleteFunc(a.claims, func(o *claim) bool { return o == c })
	}
	s.move(s.hosts[c.Host])
}

// foldWiped takes note of what a host has deleted.
func (s *State) foldWiped(h *host, wiped []string) {
	for _, id := range wiped {
		if c := h.claims[id]; c != nil && c.Wipe && s.holder(c) == nil {
			s.dropClaim(c)
		}
	}
}

func (s *State) dropClaim(c *claim) {
	if in := s.holder(c); in != nil && in.State == apps.Waiting { // it may go anywhere now
		in.Claim, s.asks = "", true
		s.save(in)
	}
	s.unbookClaim(c)
	delete(s.claims, c.ID)
	delete(s.claimed, c.ID)
	if h := s.hosts[c.Host]; h != nil {
		delete(h.claims, c.ID)
	}
	if a := s.apps[c.App]; a != nil {
		a.claims = slices.DeleteFunc(a.claims, func(o *claim) bool { return o == c })
	}
	s.fx.Save.GoneClaims = append(s.fx.Save.GoneClaims, c.ID)
}

// foldWipe gives claims up that nobody holds, all or none.
func (s *State) foldWipe(w Wipe) {
	var free []*claim
	for _, id := range w.Claims {
		c := s.claims[id]
		if c == nil {
			s.refuse(w.Request, apps.Errorf(apps.NotFound, "Volume '%s' does not exist", id))
			return
		}
		if in := s.holder(c); in != nil {
			s.refuse(w.Request, apps.Errorf(apps.Conflict, "Volume '%s' is in use: stop its instance by DELETE /v2/tasks with wipe=true, or scale its app down first", id))
			return
		}
		free = append(free, c)
	}
	for _, c := range free {
		if !c.Wipe {
			s.wipe(c)
		}
	}
	s.reply(Reply{Request: w.Request})
}

// keepsData refuses to forget a host that has data of somebody.
func (s *State) keepsData(h *host) error {
	whose := map[apps.ID]int{}
	for _, c := range h.claims {
		if !c.Wipe {
			whose[c.App]++
		}
	}
	if len(whose) == 0 {
		return nil
	}
	var parts []string
	for _, id := range sortedKeys(whose) {
		parts = append(parts, fmt.Sprintf("%d of %s", whose[id], id))
	}
	return apps.Errorf(apps.Conflict, "Host '%s' has persistent volumes (%s): they are lost when it is removed. Say wipe=true if that is meant.",
		h.Name, strings.Join(parts, ", "))
}

// checkClaims verifies what must hold of claims between any two steps.
func (s *State) checkClaims() error {
	holders := map[string]string{}
	for in := range s.instances.all() {
		if in.Claim == "" {
			if in.Host != "" && in.spec.Resident() {
				return fmt.Errorf("%s has a host and no claim for its volumes", in.ID)
			}
			continue
		}
		c := s.claims[in.Claim]
		switch {
		case c == nil:
			return fmt.Errorf("%s holds a claim that is not known: %s", in.ID, in.Claim)
		case holders[in.Claim] != "":
			return fmt.Errorf("%s and %s hold the same claim %s", in.ID, holders[in.Claim], in.Claim)
		case in.Host != "" && in.Host != c.Host:
			return fmt.Errorf("%s is on %s, its volumes are on %s", in.ID, in.Host, c.Host)
		case in.App != c.App:
			return fmt.Errorf("%s of %s holds a claim of %s", in.ID, in.App, c.App)
		}
		holders[in.Claim] = in.ID
	}
	for id, c := range s.claims {
		h := s.hosts[c.Host]
		if h == nil || h.claims[id] != c {
			return fmt.Errorf("the claim %s is not booked on its host %s", id, c.Host)
		}
		in := s.holder(c)
		if free := (in == nil || in.Host == "") && !c.Wipe; free != c.booked {
			return fmt.Errorf("the claim %s: room kept is %v, should be %v", id, c.booked, free)
		}
	}
	return nil
}
