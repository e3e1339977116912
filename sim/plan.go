package sim

import "time"

// A plan is what a seed may do to its world: which faults, and how often.
type plan struct {
	servers, hosts, balancers int
	safety                    time.Duration
	users                     time.Duration // mean pause between two requests

	loss, dup, late float64 // of letters
	lateMax         time.Duration

	ttl     time.Duration // of the lease
	zombie  float64       // a deposed leader does not notice before a commit is refused
	unknown float64       // a commit whose outcome nobody knows
	slow    float64       // a commit that takes long
	skew    time.Duration // clocks differ by up to so much

	opFail    float64 // engine operations that fail, or half happen
	eventLost float64 // of the engine's events
	startMax  time.Duration
	badSpecs  float64 // configurations whose instances never come up, or die
	readyMax  time.Duration
	longReqs  float64 // requests that outlast a drain
	viaJSON   bool    // what is loaded went through the store's documents
	roomy     bool    // hosts have more than enough
	launches  int     // made and placed in one step at most; 0: as many as in earnest

	// Mean pauses; 0: never.
	cut, split, kill, pause, lease, agent, machine, engine, death, vanish, unwell, balancer time.Duration
}

func drawPlan(w *World) plan {
	p := plan{
		servers: 1 + w.rng.IntN(3), hosts: 1 + w.rng.IntN(5), balancers: w.rng.IntN(4),
		safety: w.between(20*time.Second, 120*time.Second),
		users:  w.between(500*time.Millisecond, 8*time.Second),
		dup:    w.rng.Float64() * 0.2, // always on: the same letter twice must be harmless
		ttl:    3 * time.Second, startMax: 500 * time.Millisecond, readyMax: time.Second,
		viaJSON: w.chance(0.1), roomy: w.chance(0.6),
	}
	if w.seed%3 == 0 { // so few that most launches take many steps
		p.launches = 1 + int(w.seed/3%4)
	}
	some := func(most float64) float64 {
		if w.chance(0.5) {
			return 0
		}
		return w.rng.Float64() * most
	}
	often := func(least, most time.Duration) time.Duration {
		if w.chance(0.55) {
			return 0
		}
		return w.between(least, most)
	}
	p.loss, p.late = some(0.3), some(0.15)
	p.lateMax = pick(w, 100*time.Millisecond, 2*time.Second, 20*time.Second)
	p.zombie, p.unknown, p.slow = some(1), some(0.03), some(0.05)
	if w.chance(0.3) {
		p.skew = w.between(0, 3*time.Second)
	}
	p.opFail, p.eventLost, p.badSpecs, p.longReqs = some(0.2), some(0.5), some(0.3), some(0.2)
	if w.chance(0.3) {
		p.startMax = w.between(time.Second, 10*time.Second)
	}
	if w.chance(0.3) {
		p.readyMax = w.between(time.Second, 10*time.Second)
	}
	p.cut, p.split = often(3*time.Second, 40*time.Second), often(10*time.Second, 90*time.Second)
	p.kill, p.pause, p.lease = often(3*time.Second, 60*time.Second), often(3*time.Second, 60*time.Second), often(3*time.Second, 60*time.Second)
	p.agent, p.machine, p.engine = often(3*time.Second, 60*time.Second), often(5*time.Second, 90*time.Second), often(5*time.Second, 90*time.Second)
	p.death, p.vanish, p.unwell = often(time.Second, 30*time.Second), often(5*time.Second, 60*time.Second), often(2*time.Second, 40*time.Second)
	p.balancer = often(3*time.Second, 60*time.Second)
	return p
}
