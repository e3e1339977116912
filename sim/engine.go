package sim

import (
	"fmt"
	"slices"
	"time"

	"pacer/agent"
	"pacer/apps"
)

// An engine is a pretend Docker engine. Its containers outlive agents; with
// live-restore also the engine itself.
type engine struct {
	w       *World
	h       *host
	up      bool
	life    int // counts failures: what was under way is void
	boxes   map[string]*box
	data    map[string]bool // claims whose volumes are here; they outlive everything but a wipe
	starts  []*launch       // under way
	foreign int             // containers that are not ours
	watched bool            // the agent that runs hears what changes
}

// A box is a container.
type box struct {
	agent.Container
	ready  time.Duration // when it begins to answer checks well
	unwell time.Duration // until then it answers none
}

type launch struct {
	agent.Launch
	cancelled bool
	orphan    bool // who asked for it is dead
}

// connect is the agent's watch standing: it hears what the engine is, and what
// changes from now on.
func (e *engine) connect() {
	life := e.life
	e.h.does(e.w.between(time.Millisecond, 50*time.Millisecond), func() {
		if e.up && e.life == life {
			e.watched = true
			e.h.tell(agent.Engine{Host: e.h.offer, Cores: int(e.h.offer.Total.CPU / 1000)})
		}
	})
}

// down is the engine failing; with all is the machine under it.
func (e *engine) down(all, wiped bool) {
	e.up, e.watched = false, false
	e.life++
	e.starts = nil
	restore := !all && e.w.chance(0.5) // live-restore: containers live on
	for _, id := range sorted(e.boxes) {
		if b := e.boxes[id]; b.Running && !restore {
			b.Running, b.ExitCode = false, 137
			if b.Started.IsZero() {
				b.Started = e.h.now()
			}
		}
	}
	if wiped {
		for _, id := range sorted(e.boxes) {
			if row := e.w.store.instances[id]; row == nil || row.State < apps.Running {
				delete(e.w.started, id) // nobody alive knows that it ran
			}
		}
		clear(e.boxes)
	}
	if !all {
		e.h.tell(agent.Unwatched{Cause: "EOF"})
	}
}

func (e *engine) back() {
	if e.up {
		return
	}
	e.up = true
	e.connect()
}

// does has something done by the engine after a while, if it does not fail before.
func (e *engine) does(after time.Duration, do, failed func()) {
	life := e.life
	e.w.after(after, func() {
		if e.up && e.life == life {
			do()
		} else {
			failed()
		}
	})
}

// answer brings the outcome to the agent that asked, if it still lives.
func (e *engine) answer(did agent.Did) func() {
	boot := e.h.boot
	return func() {
		if e.h.machine != nil && e.h.boot == boot {
			e.h.tell(did)
			if e.w.chance(e.w.plan.dup / 4) {
				e.h.tell(did)
			}
		}
	}
}

// changed shows a container to whoever watches.
func (e *engine) changed(b *box) {
	if e.watched && !e.w.chance(e.w.plan.eventLost) {
		c := b.Container
		e.h.does(e.w.between(0, 5*time.Millisecond), func() { e.h.tell(agent.Changed{Container: c}) })
	}
}

func (e *engine) start(l agent.Launch) {
	w := e.w
	x := &launch{Launch: l}
	e.starts = append(e.starts, x)
	took := w.between(20*time.Millisecond, w.plan.startMax)
	if w.healed {
		took = w.between(20*time.Millisecond, 300*time.Millisecond)
	}
	boot := e.h.boot
	answer := func(did agent.Did) {
		did.Op, did.Instance = agent.OpStart, l.Instance
		if did.Err != "" {
			did.Container = agent.Container{}
		}
		if e.h.machine != nil && e.h.boot == boot {
			e.answer(did)()
		}
	}
	ended := func() { e.starts = slices.DeleteFunc(e.starts, func(o *launch) bool { return o == x }) }
	e.does(took, func() {
		ended()
		if x.orphan {
			return
		}
		if x.cancelled && w.chance(0.5) {
			answer(agent.Did{Err: "cancelled", Retry: true})
			return
		}
		fails := w.chance(w.plan.opFail) && !w.healed
		if fails && w.chance(0.5) {
			answer(agent.Did{Err: "the engine made trouble", Retry: true})
			return
		}
		if fails && w.chance(0.3) && e.boxes[l.Instance] == nil {
			answer(agent.Did{Err: "no such image"})
			return
		}
		b := e.run(l)
		did := agent.Did{Container: b.Container}
		if fails || x.cancelled && w.chance(0.5) { // it happened, but the answer says that it did not
			did.Err, did.Retry = "timeout", true
		}
		answer(did)
	}, func() {
		ended()
		answer(agent.Did{Err: "the engine is away", Retry: true})
	})
}

// orphan ends the starts of an agent that died. To create and to start are two
// requests: the one that was under way may be carried out all the same.
func (e *engine) orphan() {
	for _, x := range e.starts {
		x.orphan = true
		if !e.w.chance(0.5) {
			continue
		}
		e.does(e.w.between(0, 50*time.Millisecond), func() {
			if e.boxes[x.Instance] == nil {
				e.create(x.Launch)
			} else {
				e.run(x.Launch)
			}
		}, func() {})
	}
	e.starts = nil
}

// run creates and starts a container, unless it is there already.
func (e *engine) run(l agent.Launch) *box {
	w := e.w
	b := e.boxes[l.Instance]
	if b == nil {
		b = e.create(l)
		if w.chance(w.plan.opFail/4) && !w.healed {
			return b // made, not started
		}
	}
	if b.Running || !b.Started.IsZero() {
		return b
	}
	e.judgeStart(b)
	e.judgeVolumes(l)
	b.Running, b.Started = true, e.h.now()
	b.ready = w.now + w.between(0, w.plan.readyMax)
	if w.healed {
		b.ready = w.now + w.between(0, 500*time.Millisecond)
	}
	w.started[l.Instance] = e.h.name
	w.tracef("%s: %s runs", e.h.name, l.Instance)
	e.changed(b)
	if l.App.Run != "" {
		w.jobs.works(e, b)
	}
	if w.bad[badKey{l.App.ID, l.App.ConfigAt}] && !w.healed {
		if w.chance(0.5) {
			w.after(w.between(0, 3*time.Second), func() { e.dies(b, 1) })
		} else {
			b.unwell = 1 << 62
		}
	}
	return b
}

func (e *engine) create(l agent.Launch) *box {
	b := &box{Container: agent.Container{
		Instance: l.Instance, App: l.App.ID, Version: l.App.Version, Epoch: l.Epoch, Needs: l.App.Needs,
		Ports: l.Ports, Grace: l.App.Grace(), IP: "172.17.0.2", Claim: l.Claim,
	}}
	e.boxes[l.Instance] = b
	return b
}

// judgeStart holds what really runs against the promises.
//
//	3  a container of one instance runs at most once, and only on the host it was committed for;
//	9  what runs on a host is never more than it has, and no two have one port.
//
// There is no exception for 9: what a host may still run of a lost past closes it for
// new instances until the host itself says that it is gone, and letters from before
// are fenced.
func (e *engine) judgeStart(b *box) {
	w := e.w
	if on, ran := w.started[b.Instance]; ran {
		w.fail("%s ran on %s and is started again on %s", b.Instance, on, e.h.name)
	}
	if w.store.dead[b.Instance] {
		w.fail("%s was told as ended, and is started on %s", b.Instance, e.h.name)
	}
	if to := w.assigned[b.Instance]; to != e.h.name {
		w.fail("%s is started on %s, but was committed for host %q", b.Instance, e.h.name, to)
	}
	sum := b.Needs
	for _, id := range sorted(e.boxes) {
		o := e.boxes[id]
		if o == b || !o.Running {
			continue
		}
		sum = sum.Plus(o.Needs)
		for _, p := range o.Ports {
			if p > 0 && slices.Contains(b.Ports, p) {
				w.fail("%s: port %d is used by %s and by %s", e.h.name, p, o.Instance, b.Instance)
			}
		}
	}
	if !sum.Fits(e.h.most) {
		w.fail("%s has %+v and runs %+v: %s and %v", e.h.name, e.h.offer.Total, sum, b.Instance, e.running())
	}
}

func (e *engine) cancel(id string) {
	for _, x := range e.starts {
		if x.Instance == id {
			x.cancelled = true
		}
	}
}

// trouble is an operation that fails, or happens though its answer says otherwise.
func (e *engine) trouble(did *agent.Did) (happens bool) {
	if e.w.healed || !e.w.chance(e.w.plan.opFail) {
		return true
	}
	did.Err, did.Retry = "the engine made trouble", true
	return e.w.chance(0.5)
}

func (e *engine) away(op agent.OpKind, id string) func() {
	return e.answer(agent.Did{Op: op, Instance: id, Err: "the engine is away", Retry: true})
}

func (e *engine) stop(s agent.Halt) {
	w := e.w
	e.judgeTouch(s.Instance)
	took := w.between(5*time.Millisecond, max(10*time.Millisecond, min(s.Grace, 2*time.Second)))
	did := agent.Did{Op: agent.OpStop, Instance: s.Instance}
	happens := e.trouble(&did)
	answer := e.answer(did)
	e.does(took, func() {
		if b := e.boxes[s.Instance]; b != nil && b.Running && happens {
			b.Running, b.ExitCode = false, 143
			w.tracef("%s: %s stopped", e.h.name, s.Instance)
			e.changed(b)
		}
		answer()
	}, e.away(agent.OpStop, s.Instance))
}

func (e *engine) remove(id string) {
	e.judgeTouch(id)
	did := agent.Did{Op: agent.OpRemove, Instance: id}
	happens := e.trouble(&did)
	boot := e.h.boot
	e.does(e.w.between(time.Millisecond, 100*time.Millisecond), func() {
		b := e.boxes[id]
		switch {
		case b != nil && b.Running && did.Err == "":
			did.Err = "it runs: stop it first"
		case happens && (b == nil || !b.Running):
			delete(e.boxes, id)
		}
		if e.h.machine != nil && e.h.boot == boot {
			e.answer(did)()
		}
	}, e.away(agent.OpRemove, id))
}

// evidence is the end of a container's log; the engine may take its time, up to the
// deadline of whoever asks.
func (e *engine) evidence(id string) {
	e.judgeTouch(id)
	did := agent.Did{Op: agent.OpEvidence, Instance: id}
	took := e.w.between(time.Millisecond, 20*time.Millisecond)
	if !e.w.healed && e.w.chance(e.w.plan.opFail) {
		did.Err, took = "the engine made trouble", e.w.between(0, 2*time.Second)
	}
	boot := e.h.boot
	e.does(took, func() {
		switch {
		case did.Err != "":
		case e.boxes[id] == nil:
			did.Err = "no such container"
		default:
			did.Log = "last words of " + id
		}
		if e.h.machine != nil && e.h.boot == boot {
			e.answer(did)()
		}
	}, e.away(agent.OpEvidence, id))
}

// judgeTouch checks that the agent touches nothing but what is ours (11).
func (e *engine) judgeTouch(id string) {
	if e.w.assigned[id] == "" && e.boxes[id] == nil && e.w.started[id] == "" {
		e.w.fail("%s: the agent touches %q, which never was ours", e.h.name, id)
	}
}

func (e *engine) list() {
	boot := e.h.boot
	answer := func(ev agent.Listed) {
		if e.h.machine != nil && e.h.boot == boot {
			e.h.tell(ev)
		}
	}
	if !e.up {
		e.w.after(time.Millisecond, func() { answer(agent.Listed{Err: "connection refused"}) })
		return
	}
	e.does(e.w.between(0, 10*time.Millisecond), func() {
		var ev agent.Listed
		for _, id := range sorted(e.boxes) {
			ev.Containers = append(ev.Containers, e.boxes[id].Container)
		}
		e.h.does(e.w.between(0, 10*time.Millisecond), func() { answer(ev) })
	}, func() { answer(agent.Listed{Err: "connection reset"}) })
}

func (e *engine) probe(p agent.Probe) {
	w := e.w
	e.h.does(w.between(time.Millisecond, 50*time.Millisecond), func() {
		b := e.boxes[p.Instance]
		ok := b != nil && b.Running && w.now >= b.ready && w.now >= b.unwell
		e.h.tell(agent.Probed{Instance: p.Instance, Check: p.Check, OK: ok, Cause: "it does not answer"})
	})
}

// dies is a container ending by itself.
func (e *engine) dies(b *box, code int) {
	if e.boxes[b.Instance] != b || !b.Running || e.w.healed {
		return
	}
	e.w.tracef("%s: %s dies with code %d", e.h.name, b.Instance, code)
	b.Running, b.ExitCode = false, code
	e.changed(b)
}

// vanishes is somebody removing a container of ours by hand, which the leader has
// seen run: of one that it has not, nobody could know that it ever ran.
func (e *engine) vanishes(id string) {
	row := e.w.store.instances[id]
	starting := slices.ContainsFunc(e.starts, func(x *launch) bool { return x.Instance == id })
	if row == nil || row.State < apps.Running || e.h.machine == nil || starting {
		return
	}
	e.w.tracef("%s: %s vanishes", e.h.name, id)
	delete(e.boxes, id)
}

func (b *box) String() string { return fmt.Sprintf("%s running=%v", b.Instance, b.Running) }
