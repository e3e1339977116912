package sim

import "time"

// beginFaults sets each kind of fault going that the seed has.
func (w *World) beginFaults() {
	p := &w.plan
	w.often(p.cut, func() { // one node from all others, or two from each other
		all := w.net.all()
		a := []int{all[w.rng.IntN(len(all))]}
		b := all
		if w.chance(0.5) {
			b = []int{all[w.rng.IntN(len(all))]}
		}
		w.tracef("cut %v from %v", a, b)
		w.net.cut(w.exp(5*time.Second), a, b, w.chance(0.7))
	})
	w.often(p.split, func() { // the world falls in two
		var a, b []int
		for _, n := range w.net.all() {
			if w.chance(0.5) {
				a = append(a, n)
			} else {
				b = append(b, n)
			}
		}
		w.tracef("split %v from %v", a, b)
		w.net.cut(w.exp(6*time.Second), a, b, true)
	})
	w.often(p.kill, func() {
		s := w.servers[w.rng.IntN(len(w.servers))]
		if s.alive {
			s.crash()
			w.after(w.exp(2*time.Second), s.bootIfDead)
		}
	})
	w.often(p.pause, func() { w.servers[w.rng.IntN(len(w.servers))].pause(w.exp(5 * time.Second)) })
	w.often(p.lease, func() { // another may lead, while the holder has noticed nothing
		w.tracef("the lease is lost")
		w.store.holder = nil
	})
	w.often(p.agent, func() {
		h := w.hosts[w.rng.IntN(len(w.hosts))]
		h.stopAgent(w.chance(0.5))
		w.after(w.exp(2*time.Second), h.startAgent)
	})
	w.often(p.machine, func() {
		h := w.hosts[w.rng.IntN(len(w.hosts))]
		h.crash(w.chance(0.2))
		w.after(w.exp(8*time.Second), h.recover)
	})
	w.often(p.engine, func() {
		h := w.hosts[w.rng.IntN(len(w.hosts))]
		if !h.up || !h.engine.up {
			return
		}
		w.tracef("%s: engine fails", h.name)
		h.engine.down(false, false)
		w.after(w.exp(5*time.Second), func() {
			if h.up {
				h.engine.back()
			}
		})
	})
	w.often(p.death, func() { w.someBox(func(e *engine, b *box) { e.dies(b, pick(w, 0, 1, 137)) }) })
	w.often(p.vanish, func() { w.someBox(func(e *engine, b *box) { e.vanishes(b.Instance) }) })
	w.often(p.unwell, func() {
		w.someBox(func(_ *engine, b *box) { b.unwell = max(b.unwell, w.now+w.exp(5*time.Second)) })
	})
	w.often(p.balancer, func() {
		if len(w.balancers) > 0 {
			b := w.balancers[w.rng.IntN(len(w.balancers))]
			b.stop(w.chance(0.5))
			w.after(w.exp(3*time.Second), b.start)
		}
	})
}

// often has something done again and again, until the world heals.
func (w *World) often(mean time.Duration, do func()) {
	if mean == 0 {
		return
	}
	var again func()
	again = func() {
		if w.healed {
			return
		}
		do()
		w.after(w.exp(mean), again)
	}
	w.after(w.exp(mean), again)
}

func (w *World) someBox(do func(*engine, *box)) {
	e := w.hosts[w.rng.IntN(len(w.hosts))].engine
	if ids := e.running(); len(ids) > 0 {
		do(e, e.boxes[ids[w.rng.IntN(len(ids))]])
	}
}

func (s *server) bootIfDead() {
	if !s.alive {
		s.boot()
	}
}

// heal ends all faults, and the users' wishes. Letters go on to come twice.
func (w *World) heal() {
	w.tracef("healed")
	w.healed = true
	p := &w.plan
	p.loss, p.late, p.unknown, p.slow, p.eventLost = 0, 0, 0, 0, 0
	w.net.restore()
	for _, s := range w.servers {
		s.bootIfDead()
		s.resume()
	}
	for _, h := range w.hosts {
		h.recover()
		h.engine.back()
		h.startAgent()
		for _, id := range sorted(h.engine.boxes) {
			h.engine.boxes[id].unwell, h.engine.boxes[id].ready = 0, 0
		}
	}
	for _, b := range w.balancers {
		b.start()
	}
}
