package sim

import (
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"pacer/apps"
)

// dawn is when every history begins.
var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A World is one history. Make it with New, live it once.
type World struct {
	Trace io.Writer // where each thing that happens is told; nil: nowhere

	dice
	seed  uint64
	plan  plan
	now   time.Duration // since dawn
	seq   uint64
	queue queue
	hash  uint64
	hours Result

	healed    bool
	net       network
	store     *store
	servers   []*server
	hosts     []*host
	balancers []*balancer
	users     users
	jobs      *jobs // nil: nobody asks for any
	volumes   *volumes
	many      *many
	powers    *powers
	groups    *groups

	assigned map[string]string // instances that were committed, and to which host
	started  map[string]string // instances whose container ever ran, and on which host
	stopped  map[string]stop   // instances that a leader decided to stop
	bad      map[badKey]bool   // configurations that fail
}

// A stop is what was true when a leader decided to stop an instance.
type stop struct {
	epoch uint64
	knew  []string // the balancers that it counted on
}

type badKey struct {
	app    apps.ID
	config apps.Version
}

// A Result is what living a history amounts to.
type Result struct {
	Hash  uint64        // of all events and effects
	Lived time.Duration // virtual time
	Steps int           // of deployers and agents
	Terms int           // leaders
	Ended int           // deployments
	Runs  int           // of jobs, that ended

	Preempted int // instances that gave way
}

// A Violation is a promise that was broken.
type Violation struct {
	Seed uint64
	At   time.Duration // virtual time since the beginning
	What string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("seed %d, %v into its history: %s\nlive it again: make sim SEED=%d (or: go test ./sim -run TestSim -v -seed=%d -tell)",
		v.Seed, v.At, v.What, v.Seed, v.Seed)
}

// New is the world of a seed, at its beginning.
func New(seed uint64) *World { return newWorld(seed, func(*plan) {}) }

// newWorld is the world of a seed whose plan is changed as said.
func newWorld(seed uint64, change func(*plan)) *World {
	w := &World{
		seed: seed, dice: newDice(seed, 0x9ACE12), hash: 14695981039346656037,
		assigned: map[string]string{}, started: map[string]string{}, stopped: map[string]stop{}, bad: map[badKey]bool{},
	}
	w.plan = drawPlan(w)
	change(&w.plan)
	w.net = newNetwork(w)
	w.store = newStore(w)
	w.users = users{w: w}
	for i := range w.plan.servers {
		w.servers = append(w.servers, newServer(w, i))
	}
	for i := range w.plan.hosts {
		w.hosts = append(w.hosts, newHost(w, i))
	}
	for i := range w.plan.balancers {
		w.balancers = append(w.balancers, newBalancer(w, i))
	}
	return w
}

// Live lives the whole history. The error is a *Violation.
func (w *World) Live() (res Result, err error) {
	defer func() {
		res = w.hours
		res.Hash, res.Lived = w.hash, w.now
		switch r := recover().(type) {
		case nil:
		case *Violation:
			err = r
		default:
			err = &Violation{w.seed, w.now, fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	w.begin()
	w.run(w.plan.safety)
	w.heal()
	w.converge()
	return
}

// Live lives the history of a seed twice; both must be the same.
func Live(seed uint64) (Result, error) { return twice(seed, New) }

func twice(seed uint64, world func(uint64) *World) (Result, error) {
	first, err := world(seed).Live()
	if err != nil {
		return first, err
	}
	second, err := world(seed).Live()
	if err == nil && first != second {
		err = &Violation{seed, second.Lived, fmt.Sprintf("the same seed lived twice differs: %+v, then %+v", first, second)}
	}
	return second, err
}

// begin wakes everybody.
func (w *World) begin() {
	for _, s := range w.servers {
		s.boot()
	}
	for _, h := range w.hosts {
		h.populate()
		h.startAgent()
	}
	for _, b := range w.balancers {
		b.start()
	}
	w.users.begin()
	if w.volumes != nil {
		w.volumes.begin()
	}
	if w.jobs != nil {
		w.jobs.begin()
	}
	if w.many != nil {
		w.many.begin()
	}
	if w.powers != nil {
		w.powers.begin()
	}
	if w.groups != nil {
		w.groups.begin()
	}
	w.beginFaults()
}

// run lives until then.
func (w *World) run(until time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at <= until {
		ev := w.queue.pop()
		w.now = ev.at
		w.mix(uint64(ev.at))
		w.mix(ev.seq)
		ev.do()
	}
	w.now = max(w.now, until)
}

// after has something done after a while.
func (w *World) after(d time.Duration, do func()) {
	w.seq++
	w.queue.push(event{at: w.now + max(d, 0), seq: w.seq, do: do})
}

// time is the moment on a clock that is off by skew.
func (w *World) time(skew time.Duration) time.Time { return dawn.Add(w.now + skew) }

// fail ends the history.
func (w *World) fail(format string, args ...any) {
	panic(&Violation{w.seed, w.now, fmt.Sprintf(format, args...)})
}

func (w *World) tracef(format string, args ...any) {
	if w.Trace != nil {
		fmt.Fprintf(w.Trace, "%12.6f  "+format+"\n", append([]any{w.now.Seconds()}, args...)...)
	}
}

// asleep is the longest leap forwards of a clock that the core takes for time that went
// by; after a longer one nobody is held to have been silent meanwhile.
const asleep = 3 * time.Second

// hurry is how much too early a leader's clock may make it that somebody was silent for
// so long: short leaps are not known from time that went by.
func (w *World) hurry(silence time.Duration) time.Duration { return w.leapt(silence, asleep) }

// leapt is by how much servers' clocks were put forwards in the last while, counting no
// more than most of each leap.
func (w *World) leapt(while, most time.Duration) (sum time.Duration) {
	if w.powers == nil {
		return 0
	}
	for _, l := range w.powers.ahead {
		if w.now-l.at <= while {
			sum += min(l.by, most)
		}
	}
	return sum
}

func (w *World) mix(x uint64) {
	w.hash = (w.hash ^ x) * 1099511628211
	w.hash ^= w.hash >> 29
}

func (w *World) mixString(s string) {
	for i := range len(s) {
		w.hash = (w.hash ^ uint64(s[i])) * 1099511628211
	}
	w.mix(uint64(len(s)))
}

// An event is something that will happen. Of two at the same time the one that was
// set first comes first.
type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// A queue is a binary heap, the earliest event on top.
type queue []event

func (q *queue) push(e event) {
	h := append(*q, e)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
	*q = h
}

func (q *queue) pop() event {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = event{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].before(&h[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	*q = h
	return top
}
