package lb

import (
	"maps"
	"slices"
	"sync"

	"pacer/apps"
)

// Bounds of one letter, so that it fits the bus (1 MB) with ids of usual length.
// What does not fit goes into the next one.
const (
	wantMax   = 2000
	servedMax = 2000
)

// A Target takes services over: a Balancer, a discovery.Directory. Apply reports
// whether the letter was news to it.
type Target interface {
	Apply(apps.Service) bool
}

// A Follower keeps a node's targets in line with the leader's letters, and the books
// for the answer. The newest stamp wins, whatever the order in which letters come
// and however often; a letter of an older leader is dropped; what is gone stays gone.
type Follower struct {
	name    string
	targets []Target
	busy    []interface{ Busy() []string }
	changed chan struct{}

	mu       sync.Mutex
	epoch    uint64                 // the newest of any letter
	roster   apps.Roster            // the newest; zero: none yet
	serving  map[apps.ID]apps.Stamp // what the targets have
	gone     map[apps.ID]apps.Stamp // since the roster: their last words
	receipts map[apps.ID]apps.Stamp // to be sent
	lacking  map[apps.ID]bool       // the roster has something newer than the targets
	digest   uint64                 // over serving
	revision uint64
}

// NewFollower makes the books of a process. name is the process's own and never used
// again. A target that has a method Busy says what is in flight.
func NewFollower(name string, targets ...Target) *Follower {
	f := &Follower{
		name: name, targets: targets, changed: make(chan struct{}, 1),
		serving: map[apps.ID]apps.Stamp{}, gone: map[apps.ID]apps.Stamp{}, receipts: map[apps.ID]apps.Stamp{},
		lacking: map[apps.ID]bool{},
	}
	for _, t := range targets {
		if b, ok := t.(interface{ Busy() []string }); ok {
			f.busy = append(f.busy, b)
		}
		if b, ok := t.(interface{ SignalDrained(chan<- struct{}) }); ok {
			b.SignalDrained(f.changed)
		}
	}
	return f
}

// Service takes a letter. When it returns, the targets have it. A letter that they
// have already is answered again: its receipt may have been lost.
func (f *Follower) Service(s apps.Service) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.hear(s.Stamp) || f.outdated(s) {
		return
	}
	if s.Stamp != f.stamp(s.App) {
		f.apply(s)
	}
	f.receipts[s.App] = s.Stamp
	f.signal()
}

// hear reports whether a letter is of the newest leader known.
func (f *Follower) hear(s apps.Stamp) bool {
	if s.Epoch < f.epoch {
		return false
	}
	f.epoch = s.Epoch
	return true
}

// stamp is of the newest letter about an app that was applied; zero: none.
func (f *Follower) stamp(id apps.ID) apps.Stamp {
	if s, ok := f.gone[id]; ok {
		return s
	}
	return f.serving[id]
}

// outdated reports whether something newer is known about the letter's app: another
// letter, or the roster.
func (f *Follower) outdated(s apps.Service) bool {
	if f.stamp(s.App).After(s.Stamp) {
		return true
	}
	listed, ok := f.roster.Apps[s.App]
	switch {
	case ok:
		return listed.After(s.Stamp)
	case s.Gone:
		return false // that is what the roster says too
	default:
		return !s.After(f.roster.Stamp) && f.roster.Stamp != (apps.Stamp{})
	}
}

func (f *Follower) apply(s apps.Service) {
	for _, t := range f.targets {
		t.Apply(s)
	}
	if old, ok := f.serving[s.App]; ok {
		f.digest -= apps.Digest(s.App, old)
	}
	if s.Gone {
		delete(f.serving, s.App)
		f.gone[s.App] = s.Stamp
	} else {
		delete(f.gone, s.App)
		f.serving[s.App] = s.Stamp
		f.digest += apps.Digest(s.App, s.Stamp)
	}
	if !f.roster.Apps[s.App].After(s.Stamp) {
		delete(f.lacking, s.App)
	}
}

// Roster takes the list of all apps: what it does not name, and is not newer than the
// list, is dropped.
func (f *Follower) Roster(r apps.Roster) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.hear(r.Stamp) || f.roster.After(r.Stamp) {
		return
	}
	f.roster = r
	for _, id := range slices.Sorted(maps.Keys(f.serving)) {
		if _, ok := r.Apps[id]; !ok && !f.serving[id].After(r.Stamp) {
			f.apply(apps.Service{Stamp: r.Stamp, App: id, Gone: true})
		}
	}
	clear(f.lacking)
	for id, s := range r.Apps {
		if s.After(f.stamp(id)) {
			f.lacking[id] = true
		}
	}
	// The roster remembers for us what was gone before it.
	maps.DeleteFunc(f.gone, func(_ apps.ID, s apps.Stamp) bool { return !s.After(r.Stamp) })
	if len(f.lacking) > 0 {
		f.signal()
	}
}

// want is what the roster names and the targets lack, in order.
func (f *Follower) want() []apps.ID {
	ids := slices.Sorted(maps.Keys(f.lacking))
	return ids[:min(len(ids), wantMax)]
}

// Serving is the next letter to the leader. Its receipts are given once: the leader
// repeats a Service whose receipt it misses.
func (f *Follower) Serving() apps.Serving {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revision++
	s := apps.Serving{Balancer: f.name, Revision: f.revision, Digest: f.digest, Want: f.want()}
	if len(f.receipts) <= servedMax {
		s.Served, f.receipts = f.receipts, map[apps.ID]apps.Stamp{}
	} else {
		s.Served = make(map[apps.ID]apps.Stamp, servedMax)
		for _, id := range slices.Sorted(maps.Keys(f.receipts))[:servedMax] {
			s.Served[id] = f.receipts[id]
			delete(f.receipts, id)
		}
		f.signal()
	}
	// Busy is asked after the receipts are fixed, while nothing can be applied: an
	// instance that a receipt calls out of the table is either free or named here.
	for _, b := range f.busy {
		s.Busy = append(s.Busy, b.Busy()...)
	}
	return s
}

// Changed says that the next letter should go out at once: something was applied, or
// an instance has finished what it had in flight. Otherwise one a second will do.
func (f *Follower) Changed() <-chan struct{} { return f.changed }

func (f *Follower) signal() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}
