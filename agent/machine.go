package agent

import (
	"slices"
	"time"

	"pacer/apps"
)

const (
	relistEvery = 30 * time.Second
	relistFirst = 250 * time.Millisecond // pause after a list that failed; doubles up to
	relistMax   = 2 * time.Second
	listWait    = 2 * time.Minute // an answer to List that takes longer is lost
	suspectGap  = time.Second     // least time between two lists asked for on suspicion
	retryFirst  = 200 * time.Millisecond
	retryMax    = 5 * time.Second
	beatEvery   = time.Second
	muteMax     = time.Second // how long a new agent may look round before it speaks
	stopsMax    = 256         // containers being stopped at once: they only wait for the grace period
	endedMax    = 1024        // removed instances that are remembered
)

// A Host is what one host runs and shall run, as a machine for package loop.
type Host struct {
	host  apps.Host
	cores int
	boot  int64
	began time.Time // first Step

	// The leader's word.
	applied  apps.Stamp // of the newest assignment
	assigned bool       // one was taken in this boot
	floor    uint64     // an earlier epoch is a deposed leader's
	order    []string   // instances in the order of the assignment

	// What there is. ids are the keys of instances, sorted: everything that can be
	// seen from outside goes by it, never by the order of the map.
	instances map[string]*instance
	ids       []string
	wipes     []*wipe           // what the newest assignment wants deleted
	ended     map[string]uint64 // removed instances: lists asked when they went
	endings   []string          // keys of ended, oldest first

	// The engine.
	listed  bool // it was listed since boot, or since it came back
	heard   bool // listed at least once since boot
	tried   bool // an answer came, good or bad
	down    string
	listing bool   // an answer is due
	again   bool   // list once more after that answer: it may be older than what we know
	lists   uint64 // Lists asked; the newest answer has this number
	asked   time.Time
	listDue time.Time
	pause   time.Duration // before the next list, while the engine is away

	// The report.
	tellings []telling // oldest first
	revision uint64
	news     bool // something a reader acts on changed since the last report
	answer   bool // an assignment waits for its receipt
	dirty    []*instance
	spoke    time.Time
}

// NewHost is a host of which nothing is known but what it was configured to be.
// boot is the start of the agent in milliseconds, later than that of any agent
// before it on this host.
func NewHost(host apps.Host, boot int64) *Host {
	return &Host{
		host: host, boot: boot, news: true,
		instances: map[string]*instance{}, ended: map[string]uint64{},
		down: "the agent has just started and waits for its engine to answer",
	}
}

// Step folds events and says what is to be done now, and when to step again though
// nothing happens. It never looks at anything but its arguments.
func (h *Host) Step(now time.Time, events []Event) (Effects, time.Time) {
	if h.began.IsZero() {
		h.began, h.listDue = now, now
		if h.host.Total.CPU == 0 { // then an Engine event is on its way
			h.listDue = now.Add(muteMax)
		}
	}
	var fx Effects
	for _, ev := range events {
		h.fold(now, ev)
	}
	h.reconcile(now, &fx)
	h.probe(now, &fx)
	h.list(now, &fx)
	h.speak(now, &fx)
	return fx, h.wake(now)
}

// list asks the engine for everything when that is due. There is one question at
// a time, so the answer that comes belongs to it.
func (h *Host) list(now time.Time, fx *Effects) {
	lost := h.listing && now.Sub(h.asked) >= listWait
	if h.listing && !lost || now.Before(h.listDue) {
		return
	}
	h.listing, h.asked = true, now
	h.lists++
	h.listDue = now
	fx.List = true
}

// suspect lists soon: something does not fit, or the engine made trouble.
func (h *Host) suspect(now time.Time) {
	soon := now
	if next := h.asked.Add(suspectGap); h.lists > 0 && next.After(now) {
		soon = next
	}
	switch {
	case h.listing:
		h.again = true
	case h.listDue.After(soon):
		h.listDue = soon
	}
}

// wake is the earliest date after now at which something is due. What is due by
// now and was not done waits for an event: for room, or for the engine.
func (h *Host) wake(now time.Time) time.Time {
	first := h.nextWord()
	note := func(t time.Time) {
		if t.After(now) && t.Before(first) {
			first = t
		}
	}
	if h.listing {
		note(h.asked.Add(listWait))
	} else {
		note(h.listDue)
	}
	for i := range h.tellings {
		note(h.tellings[i].due)
	}
	for _, w := range h.wipes {
		if !w.done && !w.under {
			note(w.retryAt)
		}
	}
	for _, id := range h.ids {
		in := h.instances[id]
		if in.op == "" {
			note(in.retryAt)
		}
		if !in.probed() {
			continue
		}
		for i := range in.checks {
			note(in.checks[i].Due())
		}
		if in.readiness != nil && !in.readiness.Passed() {
			note(in.readiness.Due())
		}
		if in.gauge != nil {
			note(in.gauge.Due())
		}
	}
	return first
}

// instance is the one of that id; it is made where there is none yet.
func (h *Host) instance(id string) *instance {
	in := h.instances[id]
	if in == nil {
		in = &instance{id: id, phase: apps.PhaseQueued}
		h.instances[id] = in
		i, _ := slices.BinarySearch(h.ids, id)
		h.ids = slices.Insert(h.ids, i, id)
		h.touch(in)
		h.news = true
	}
	return in
}

// forget drops an instance that has no container any more and is not assigned.
// Its id is remembered for a while: an older list or event may still show it.
func (h *Host) forget(in *instance) {
	delete(h.instances, in.id)
	i, _ := slices.BinarySearch(h.ids, in.id)
	h.ids = slices.Delete(h.ids, i, i+1)
	h.news = true
	if !in.launched && !in.found {
		return
	}
	if _, known := h.ended[in.id]; !known {
		h.endings = append(h.endings, in.id)
	}
	h.ended[in.id] = h.lists
	if len(h.endings) > endedMax {
		delete(h.ended, h.endings[0])
		h.endings = slices.Delete(h.endings, 0, 1)
	}
}

// touch has the instance looked at for news at the end of the Step.
func (h *Host) touch(in *instance) {
	if !in.dirty {
		in.dirty = true
		h.dirty = append(h.dirty, in)
	}
}

// startsMax bounds the starts under way: about twice the cores, more is not faster.
func (h *Host) startsMax() int {
	cores := h.cores
	if cores == 0 {
		cores = int(h.host.Total.CPU / 1000)
	}
	return max(2, 2*cores)
}
