package sim

import (
	"fmt"
	"slices"
	"time"

	"pacer/apps"
	"pacer/deployer/cluster"
	"pacer/lb"
)

// A balancer is a process with the real Follower before a table that records.
type balancer struct {
	w     *World
	node  int
	slot  int
	name  string // of this process, never used again
	life  int
	alive bool
	table *table
	books *lb.Follower
	sent  bool   // a letter goes out in a moment
	epoch uint64 // the newest of the letters that came
}

// A table is an lb.Target: what is served, and what is in flight.
type table struct {
	b        *balancer
	apps     map[apps.ID]apps.Service
	where    map[string]apps.ID // instances that are in the table
	inFlight map[string]int
}

func newBalancer(w *World, i int) *balancer {
	return &balancer{w: w, slot: i, node: w.plan.servers + w.plan.hosts + i}
}

func (b *balancer) start() {
	if b.alive {
		return
	}
	b.life++
	b.name = fmt.Sprintf("lb%d-%d", b.slot+1, b.life)
	b.w.tracef("%s starts", b.name)
	b.alive, b.sent, b.epoch = true, false, 0
	b.table = &table{b: b, apps: map[apps.ID]apps.Service{}, where: map[string]apps.ID{}, inFlight: map[string]int{}}
	b.books = lb.NewFollower(b.name, b.table)
	b.beat()
	b.traffic()
}

// stop ends the process, with or without a word.
func (b *balancer) stop(politely bool) {
	if !b.alive {
		return
	}
	b.w.tracef("%s stops", b.name)
	if politely {
		letter := b.books.Serving()
		letter.Leaving = true
		b.w.toLeader(b.node, cluster.Served{Serving: letter})
	}
	b.alive = false
}

func (b *balancer) does(after time.Duration, do func()) {
	life := b.life
	b.w.after(after, func() {
		if b.alive && b.life == life {
			do()
		}
	})
}

// beat is a letter every second.
func (b *balancer) beat() {
	b.answer()
	b.does(time.Second, b.beat)
}

func (b *balancer) answer() {
	letter := b.books.Serving()
	b.w.mix(letter.Digest)
	if b.w.Trace != nil {
		b.w.tracef("%s: serving %d served %v want %v digest %x", b.name, letter.Revision, letter.Served, letter.Want, letter.Digest)
	}
	b.w.mix(uint64(len(letter.Busy)))
	b.w.toLeader(b.node, cluster.Served{Serving: letter})
}

// hears carries a letter to the process that listens now: one that starts later
// does not get it.
func (b *balancer) hears(from int, do func()) {
	life := b.life
	b.w.net.send(from, b.node, func(bool) {
		if b.alive && b.life == life {
			do()
		}
	})
}

func (b *balancer) serve(s apps.Service) {
	b.epoch = max(b.epoch, s.Epoch)
	b.books.Service(s)
	b.spoke()
}

func (b *balancer) roster(r apps.Roster) {
	b.epoch = max(b.epoch, r.Epoch)
	b.books.Roster(r)
	b.spoke()
}

// spoke sends a letter soon where the books have something to say.
func (b *balancer) spoke() {
	select {
	case <-b.books.Changed():
	default:
		return
	}
	b.answerSoon()
}

func (b *balancer) answerSoon() {
	if b.sent {
		return
	}
	b.sent = true
	b.does(b.w.between(0, 10*time.Millisecond), func() {
		b.sent = false
		b.answer()
	})
}

// traffic is requests, most of them short.
func (b *balancer) traffic() {
	w := b.w
	if ids := sorted(b.table.where); len(ids) > 0 {
		id := ids[w.rng.IntN(len(ids))]
		took := w.exp(200 * time.Millisecond)
		if w.chance(w.plan.longReqs) && !w.healed {
			took = w.between(time.Second, 60*time.Second)
		}
		b.table.inFlight[id]++
		b.does(took, func() {
			if b.table.inFlight[id]--; b.table.inFlight[id] == 0 {
				delete(b.table.inFlight, id)
				if _, in := b.table.where[id]; !in {
					b.answerSoon()
				}
			}
		})
	}
	b.does(w.exp(500*time.Millisecond), b.traffic)
}

// Apply takes a letter.
func (t *table) Apply(s apps.Service) bool {
	w := t.b.w
	old, known := t.apps[s.App]
	if known && !s.After(old.Stamp) {
		w.fail("%s: the follower applies %+v of %s over %+v", t.b.name, s.Stamp, s.App, old.Stamp)
	}
	if s.Epoch < t.b.epoch {
		w.fail("%s takes over a letter %+v of %s after it heard epoch %d", t.b.name, s.Stamp, s.App, t.b.epoch)
	}
	for _, e := range old.Endpoints {
		delete(t.where, e.Instance)
	}
	if s.Gone {
		delete(t.apps, s.App)
		return true
	}
	t.apps[s.App] = s
	for _, e := range s.Endpoints {
		t.where[e.Instance] = s.App
		if stop, stopped := w.stopped[e.Instance]; stopped && stop.epoch == w.store.epoch && slices.Contains(stop.knew, t.b.name) {
			w.fail("%s: a letter %+v brings %s back into the table, which the leader told its host to stop", t.b.name, s.Stamp, e.Instance)
		}
	}
	return true
}

// Busy is who is out of the table and has requests in flight.
func (t *table) Busy() []string {
	var out []string
	for id := range t.inFlight {
		if _, in := t.where[id]; !in {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (t *table) has(app apps.ID, instance string) bool {
	return slices.ContainsFunc(t.apps[app].Endpoints, func(e apps.Endpoint) bool { return e.Instance == instance })
}
