package sim

import (
	"errors"
	"fmt"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
)

const (
	// silence is how long the core waits for a balancer that it knows.
	silence = 5 * time.Second
	// drainMax is how long the core waits for requests in flight.
	drainMax = 30 * time.Second
)

// A server is a process that leads, or waits to.
type server struct {
	w     *World
	node  int
	name  string
	skew  time.Duration
	life  int // counts crashes: what an earlier life set in motion is void
	alive bool
	term  *term

	paused  bool
	awake   time.Duration // since when it is not paused
	waiting []func()      // what came while it was paused
}

// A term is one leadership, until it ends. Whether the server still has the lease
// it may learn late.
type term struct {
	s     *server
	epoch uint64
	state *cluster.State
	inbox []cluster.Event
	busy  bool // a commit is under way
	due   bool // a step is set
	wake  time.Time
	hasty int // steps in a row that wanted the next one at once
	wakes int // wakes that were set; the newest counts
	over  bool
	heard map[string]time.Time // balancers, by the server's clock
	revs  map[string]uint64
	waits map[apps.ID]cluster.Wait
	begun time.Duration    // when it had loaded the state
	words map[string]*word // of hosts
	watch time.Duration    // when to look next at who waits
	clock time.Time        // the latest that it read
	worry string           // what is wrong with the hosts that the last step counts as lost
}

func newServer(w *World, i int) *server {
	s := &server{w: w, node: i, name: fmt.Sprintf("server%d", i+1)}
	if w.plan.skew > 0 {
		s.skew = w.between(-w.plan.skew, w.plan.skew)
	}
	return s
}

func (s *server) now() time.Time { return s.w.time(s.skew) }

// does has something done by this life of the server, later if it is paused then.
func (s *server) does(after time.Duration, do func()) {
	life := s.life
	s.w.after(after, func() { s.resumed(life, do) })
}

func (s *server) resumed(life int, do func()) {
	switch {
	case !s.alive || s.life != life:
	case s.paused:
		s.waiting = append(s.waiting, func() {
			if s.alive && s.life == life {
				do()
			}
		})
	default:
		do()
	}
}

// boot starts the process; it tries for the lease.
func (s *server) boot() {
	s.alive, s.paused, s.waiting = true, false, nil
	s.life++
	s.does(s.w.between(0, 500*time.Millisecond), s.try)
}

// crash ends the process at once.
func (s *server) crash() {
	s.w.tracef("%s crashes", s.name)
	s.alive = false
	s.life++
	if s.term != nil {
		if s.w.chance(0.5) { // the database sees the connection close
			s.w.store.release(s.term.epoch)
		}
		s.term.over = true
		s.term = nil
	}
}

// pause stops the process for a while; then it goes on as if nothing had been.
func (s *server) pause(d time.Duration) {
	if !s.alive || s.paused {
		return
	}
	s.w.tracef("%s is paused for %v", s.name, d)
	s.paused = true
	life := s.life
	s.w.after(d, func() {
		if s.life == life {
			s.resume()
		}
	})
}

func (s *server) resume() {
	if !s.paused {
		return
	}
	s.w.tracef("%s goes on", s.name)
	s.paused, s.awake = false, s.w.now
	waiting := s.waiting
	s.waiting = nil
	for _, do := range waiting {
		do()
	}
}

// try asks for the lease.
func (s *server) try() {
	if s.term != nil {
		return
	}
	w := s.w
	epoch, ok := w.store.lead(s, w.plan.ttl)
	if !ok {
		s.does(w.between(50*time.Millisecond, 250*time.Millisecond), s.try)
		return
	}
	t := &term{s: s, epoch: epoch, heard: map[string]time.Time{}, revs: map[string]uint64{}, waits: map[apps.ID]cluster.Wait{}, words: map[string]*word{}, busy: true}
	s.term = t
	s.does(w.between(time.Millisecond, 20*time.Millisecond), func() { t.begin() })
}

// begin loads the state.
func (t *term) begin() {
	w := t.s.w
	if t.over {
		return
	}
	if !w.net.reaches(t.s.node, w.net.db()) || w.store.epoch != t.epoch {
		t.end(errAway)
		return
	}
	w.hours.Terms++
	t.begun = w.now
	stored := w.store.load()
	stored.LaunchesMax = w.plan.launches
	t.state = cluster.New(stored, t.epoch, t.s.now())
	w.tracef("%s leads with epoch %d", t.s.name, t.epoch)
	t.busy = false
	t.renewLater()
	t.step()
}

func (t *term) renewLater() {
	t.s.does(t.s.w.plan.ttl/3, func() {
		if t.over {
			return
		}
		held, known := t.s.w.store.renew(t.s, t.epoch, t.s.w.plan.ttl)
		if held || !t.s.w.healed && t.s.w.chance(t.s.w.plan.zombie) { // that one does not notice
			t.renewLater()
			return
		}
		if known {
			t.end(errFenced)
		} else {
			t.end(errAway)
		}
	})
}

// end is the server stepping down.
func (t *term) end(why error) {
	if t.over {
		return
	}
	s := t.s
	s.w.tracef("%s stops leading with epoch %d: %v", s.name, t.epoch, why)
	t.over = true
	s.term = nil
	if !errors.Is(why, errFenced) && s.w.chance(0.5) { // it may also run out
		s.w.store.release(t.epoch)
	}
	s.does(500*time.Millisecond, s.try)
}

// tell puts an event into the loop.
func (t *term) tell(ev cluster.Event) {
	if len(t.inbox) >= cluster.InboxMax {
		return
	}
	t.inbox = append(t.inbox, ev)
	t.soon(200 * time.Microsecond)
}

func (t *term) soon(d time.Duration) {
	if t.due || t.busy || t.over {
		return
	}
	t.due = true
	t.s.does(d, func() {
		t.due = false
		if !t.busy && !t.over {
			t.step()
		}
	})
}

// step is one turn of the loop.
func (t *term) step() {
	w, s := t.s.w, t.s
	batch := t.inbox[:min(len(t.inbox), cluster.BatchMax)]
	t.inbox = t.inbox[len(batch):]
	now := s.now()
	fx, wake := t.state.Step(now, batch)
	w.hours.Steps++
	w.mixEffects(&fx)
	if !fx.Empty() {
		if err := t.state.Check(); err != nil {
			w.fail("epoch %d: the core's own books: %v", t.epoch, err)
		}
	}
	if now.After(t.clock) {
		t.clock = now
	}
	t.hear(t.clock, batch)
	t.listen(batch) // the core reads its letters before it looks who is silent
	t.worry = t.judgeHosts(&fx.Save)
	t.judgeReasons(t.clock)
	t.wake = wake
	if t.hasty++; len(batch) > 0 || wake.IsZero() || wake.After(now) {
		t.hasty = 0
	}
	if t.hasty > 100 {
		w.fail("the core of epoch %d wants to be woken at once, again and again: %v at %v", t.epoch, wake, now)
	}
	if fx.Save.Empty() {
		t.perform(fx)
		return
	}
	t.commit(fx)
}

// commit stores what a step changed, and performs the rest when that is done.
func (t *term) commit(fx cluster.Effects) {
	s := t.s
	t.busy = true
	life := s.life
	s.w.store.commit(s, t.epoch, fx.Save, t.judge(t.clock, fx.Save), func(err error) {
		s.resumed(life, func() {
			t.busy = false
			switch {
			case t.over:
			case err != nil:
				t.end(err)
			default:
				t.perform(fx)
			}
		})
	})
}

// perform releases what was committed.
func (t *term) perform(fx cluster.Effects) {
	w, s := t.s.w, t.s
	for i := range fx.Waits {
		t.waits[fx.Waits[i].App] = fx.Waits[i]
	}
	for _, r := range fx.Reply {
		w.users.hear(r)
	}
	for i := range fx.Assign {
		a := &fx.Assign[i]
		w.judgeAssignment(*a)
		if h := w.host(a.Host); h != nil {
			w.net.send(s.node, h.node, func(bool) { h.assign(*a) })
		}
	}
	for i := range fx.Serve {
		letter := &fx.Serve[i]
		for _, b := range w.balancers {
			b.hears(s.node, func() { b.serve(*letter) })
		}
	}
	if roster := fx.Roster; roster != nil {
		for _, b := range w.balancers {
			b.hears(s.node, func() { b.roster(*roster) })
		}
	}
	t.sleep()
}

// sleep waits for the next event, or until the core wants to be woken.
func (t *term) sleep() {
	if len(t.inbox) > 0 {
		t.soon(0)
		return
	}
	if t.wake.IsZero() {
		return
	}
	t.wakes++
	this := t.wakes
	t.s.does(t.wake.Sub(t.s.now()), func() {
		if t.wakes == this && !t.busy && !t.over && !t.due {
			t.step()
		}
	})
}

// judgeAssignment checks that nothing is said that was not committed.
func (w *World) judgeAssignment(a apps.Assignment) {
	for _, in := range a.Instances {
		if w.assigned[in.ID] != a.Host {
			w.fail("an assignment of epoch %d tells host %s to run %s, which was committed for host %q", a.Epoch, a.Host, in.ID, w.assigned[in.ID])
		}
	}
}

// hear notes which balancers the core knows after these events.
func (t *term) hear(now time.Time, batch []cluster.Event) {
	for _, ev := range batch {
		if ev, ok := ev.(cluster.Served); ok && ev.Revision > t.revs[ev.Balancer] {
			t.heard[ev.Balancer], t.revs[ev.Balancer] = now, ev.Revision
			if ev.Leaving {
				delete(t.heard, ev.Balancer)
			}
		}
	}
}

// knows reports whether the core still counts on the balancer.
func (t *term) knows(name string, now time.Time) bool {
	at, ok := t.heard[name]
	return ok && now.Sub(at) < silence
}

// A judgement is what was thought of a step when it was decided; it counts if the
// step gets committed.
type judgement struct {
	worry    string   // what is wrong with it
	knew     []string // the balancers that the core counted on
	unstored int      // hosts that the core may know of which nothing is stored
}

// judge looks at what a step would stop: an instance may be stopped only when no
// balancer that the core knows has it in its table, or, for so long, a request in
// flight to it.
func (t *term) judge(now time.Time, c cluster.Changes) (j judgement) {
	w := t.s.w
	j.unstored, j.worry = t.unstored(), t.worry
	var known []*balancer
	for _, b := range w.balancers {
		if b.alive && t.knows(b.name, now) {
			known = append(known, b)
			j.knew = append(j.knew, b.name)
		}
	}
	for _, in := range c.Instances {
		old := w.store.instances[in.ID]
		if in.State != apps.Stopping || old == nil || old.State == apps.Stopping {
			continue
		}
		for _, b := range known {
			if b.table.has(in.App, in.ID) {
				j.worry = fmt.Sprintf("%s is stopped while %s, which the leader of epoch %d knows, has it in its table", in.ID, b.name, t.epoch)
			}
			if b.table.inFlight[in.ID] > 0 && !(old.State == apps.Draining && now.Sub(old.Since) >= drainMax) {
				j.worry = fmt.Sprintf("%s is stopped while %s, which the leader of epoch %d knows, has a request in flight to it (it was %s since %v)",
					in.ID, b.name, t.epoch, old.State, now.Sub(old.Since))
			}
		}
	}
	return j
}

// toLeader carries a letter to whoever leads when it comes.
func (w *World) toLeader(from int, ev cluster.Event) {
	for _, s := range w.servers {
		if s.term == nil && w.plan.late == 0 {
			continue
		}
		w.net.send(from, s.node, func(bool) {
			if s.term != nil && s.alive {
				s.resumed(s.life, func() {
					if s.term != nil {
						s.term.tell(ev)
					}
				})
			}
		})
	}
}

// leader is the server that has the lease and uses it; nil: none.
func (w *World) leader() *server {
	s := w.store.holder
	if s == nil || s.term == nil || s.term.epoch != w.store.epoch || s.term.state == nil {
		return nil
	}
	return s
}

func (w *World) host(name string) *host {
	for _, h := range w.hosts {
		if h.name == name {
			return h
		}
	}
	return nil
}
