package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"pacer/apps"
	"pacer/deployer/placement"
)

const (
	noticePreempted = "pacer_instance_preempted"
	preemptedMax    = 10 // instances, by one turn
)

// priorityLabel is the label by which an app says how dear its instances are: a whole
// number, the smaller ones make way first; without it, or where it is no number, 0.
const priorityLabel = "PACER_PRIORITY"

func priority(a *app) int {
	n, _ := strconv.Atoi(a.spec.Labels[priorityLabel])
	return n
}

// A preemption looks for instances that have to make way. It lives on a trial of the
// board, in which whoever goes anyway is gone already.
type preemption struct {
	s       *State
	try     *placement.Trial
	hosts   []placement.HostLoad
	weights uint64
	ready   map[*app]int // that would be, of apps that were looked at
	gone    map[*instance]bool
	victims []victim
}

type victim struct {
	in   *instance
	role string // for which it makes way
	by   apps.ID
}

// preempt lets instances of roles above their fair share make way for those who wait
// though their role is below its guarantee, where no host takes them. What is on its way
// out is waited for first. It reports whether anybody has to.
func (s *State) preempt(refused []placement.Refusal) bool {
	if !s.settings.Preemption || len(refused) == 0 {
		return false
	}
	waiting := s.owed(refused)
	if len(waiting) == 0 {
		return false
	}
	var victims []victim
	s.board.Try(func(try *placement.Trial) {
		roles := map[string]bool{}
		for _, in := range s.waiting {
			roles[in.Role] = true
		}
		p := &preemption{s: s, try: try, hosts: s.board.Loads(), weights: s.board.Weights(roles), ready: map[*app]int{}, gone: map[*instance]bool{}}
		for in := range s.instances.all() {
			if in.State >= apps.Draining {
				try.Release(in.hold())
			}
		}
		p.search(waiting)
		victims = p.victims
	})
	for _, v := range victims {
		why := fmt.Sprintf("made way for %s: role %s is below its guarantee", v.by, v.role)
		v.in.end, v.in.Preempted = apps.EndPreempted, true
		s.tell(apps.Notice{Type: noticePreempted, App: v.in.App, Version: v.in.Version, Instance: s.copy(v.in), Host: v.in.Host, Message: why})
		s.makeWay(s.hosts[v.in.Host], +1)
		s.leave(v.in, why)
	}
	return len(victims) > 0
}

// makeWay counts who leaves the host to make way. Until the last of them is gone nothing
// new is placed there: what is free before that is too little for the one it is for, and
// others would take it, whose turn to make way would come next.
func (s *State) makeWay(h *host, n int) {
	h.makingWay += n
	s.offer(h)
}

// owed is who waits within the guarantee of its role, as that is now, in the order of
// roles and age.
func (s *State) owed(refused []placement.Refusal) (out []*instance) {
	apart := map[apps.ID]bool{}
	for _, r := range refused {
		apart[r.App] = true
	}
	for _, in := range s.waiting {
		if apart[in.App] && in.Claim == "" && in.Replaces == "" && !in.NotBefore.After(s.now) && s.board.Owed(in.Role, in.Needs) {
			out = append(out, in)
		}
	}
	slices.SortFunc(out, func(x, y *instance) int { return cmp.Or(cmp.Compare(x.Role, y.Role), cmp.Compare(x.Serial, y.Serial)) })
	return out
}

// search finds a place for one after the other, until as many have to make way as one
// turn allows.
func (p *preemption) search(waiting []*instance) {
	hopeless := map[*apps.App]bool{}
	for _, in := range waiting {
		if hopeless[in.spec] || !p.s.board.Owed(in.Role, in.Needs) { // those before may have got all of it
			continue
		}
		host, out := p.room(in), []*instance(nil)
		if host == "" {
			if host, out = p.cheapest(in, preemptedMax-len(p.victims)); host == "" {
				hopeless[in.spec] = true
				continue
			}
		}
		for _, v := range out {
			p.take(v)
			p.victims = append(p.victims, victim{v, in.Role, in.App})
		}
		p.try.Put(placement.Hold{App: in.spec, Role: in.Role, Needs: in.Needs}, host)
	}
}

// open reports whether a host takes anything, when those are gone who go.
func (p *preemption) open(h placement.HostLoad) bool {
	return h.Open || p.s.hosts[h.Host].closed == placement.MakingWay
}

// room is a host that takes the instance when those are gone who go.
func (p *preemption) room(in *instance) string {
	for _, h := range p.hosts {
		if p.open(h) && p.s.board.Fits(in.spec, h.Host) == placement.Enough {
			return h.Host
		}
	}
	return ""
}

// cheapest is the host on which the fewest and least dear have to make way.
func (p *preemption) cheapest(in *instance, most int) (host string, out []*instance) {
	for _, h := range p.hosts {
		if !p.open(h) || p.s.board.Fits(in.spec, h.Host) != placement.Full {
			continue
		}
		if on := p.on(h.Host, in, most); on != nil && (out == nil || cheaper(on, out)) {
			host, out = h.Host, on
		}
	}
	return host, out
}

func cheaper(x, y []*instance) bool {
	dearest := func(list []*instance) int { return priority(slices.MaxFunc(list, byPriority).app) }
	return cmp.Or(cmp.Compare(dearest(x), dearest(y)), cmp.Compare(len(x), len(y))) < 0
}

func byPriority(x, y *instance) int {
	return cmp.Or(cmp.Compare(priority(x.app), priority(y.app)), cmp.Compare(y.Serial, x.Serial))
}

// on is who would have to make way on one host, none without need; nil: that does not
// help, or they are more than most.
func (p *preemption) on(host string, in *instance, most int) (out []*instance) {
	mark := p.try.Mark()
	defer func() {
		p.try.Back(mark)
		p.unread(out...)
	}()
	fits := false
	for _, v := range slices.SortedFunc(slices.Values(p.s.hosts[host].runs), byPriority) {
		if fits = p.s.board.Fits(in.spec, host) == placement.Enough; fits {
			break
		}
		if v.Role != in.Role && p.may(v) {
			out = append(out, v)
		}
	}
	if fits = fits || p.s.board.Fits(in.spec, host) == placement.Enough; !fits {
		p.unread(out...)
		return nil
	}
	out = p.needed(host, in, out, mark)
	if len(out) > most {
		p.unread(out...)
		return nil
	}
	return out
}

// needed leaves those out, the dearest first, without whom it is enough.
func (p *preemption) needed(host string, in *instance, all []*instance, mark int) []*instance {
	kept := slices.Clone(all)
	for _, spare := range slices.Backward(all) {
		without := slices.DeleteFunc(slices.Clone(kept), func(o *instance) bool { return o == spare })
		p.try.Back(mark)
		for _, v := range without {
			p.try.Release(v.hold())
		}
		if p.s.board.Fits(in.spec, host) == placement.Enough {
			kept = without
			p.unread(spare)
		}
	}
	return kept
}

// may releases an instance for a trial if it may be made to go: it serves nobody's
// guarantee, its role has more than its fair share, and its app enough without it.
func (p *preemption) may(v *instance) bool {
	a := v.app
	if v.State >= apps.Draining || p.gone[v] || v.Unreachable || a.run != nil || a.spec.Deleted || v.Claim != "" || v.spec.Resident() ||
		v.MoveTo != "" || v.Replaces != "" || !p.s.board.AboveFair(v.Role, p.weights) {
		return false
	}
	least := a.spec.HealthyMin()
	if a.holder != nil {
		if old := a.holder.Old[a.spec.ID]; old != nil {
			least = max(least, old.HealthyMin())
		}
	}
	left := p.readyOf(a)
	if serves(v) {
		left--
	}
	if left < least {
		return false
	}
	mark := p.try.Mark()
	p.try.Release(v.hold())
	if p.s.board.Owed(v.Role, v.Needs) { // who follows it would take the place back
		p.try.Back(mark)
		return false
	}
	p.ready[a] = left
	return true
}

func serves(in *instance) bool { return in.State == apps.Running && in.Ready && !in.Unreachable }

func (p *preemption) readyOf(a *app) int {
	n, known := p.ready[a]
	if !known {
		for _, in := range a.instances {
			if serves(in) {
				n++
			}
		}
		p.ready[a] = n
	}
	return n
}

// unread lets instances count for their apps again.
func (p *preemption) unread(all ...*instance) {
	for _, v := range all {
		if serves(v) {
			p.ready[v.app]++
		}
	}
}

// take makes an instance go for the rest of the search.
func (p *preemption) take(v *instance) {
	p.try.Release(v.hold())
	p.gone[v] = true
	if serves(v) {
		p.ready[v.app]--
	}
}
