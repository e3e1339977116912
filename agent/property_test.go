package agent

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/apps"
)

// A pretend is one host in a pretend world: an engine that fails and forgets, a
// leader whose letters are doubled, late and out of order, and an agent that
// crashes. It checks what Host promises at every step.
type pretend struct {
	t    *rapid.T
	now  time.Time
	boot int64
	host *Host
	twin *Host // gets the same events: equal effects are wanted

	inbox   []Event
	works   []work
	listing bool

	up  bool
	box map[string]*Container // in the engine

	stamp   apps.Stamp
	next    int
	wanted  []string        // by the newest letter
	ran     map[string]bool // ids that ever ran in the engine
	over    map[string]bool // ids that this life of the agent reported ended
	phases  map[string]apps.Phase
	exited  map[string]bool // ids of which it reported how they ended by themselves
	asked   map[string]bool // ids whose logs it fetched
	told    map[string]int  // how often it told evidence
	known   map[string]bool // ids that the leader has seen run
	letters []apps.Assignment
}

// A work is an operation under way, of the agent of that boot.
type work struct {
	op   OpKind
	id   string
	boot int64
	l    Launch
}

func newPretend(t *rapid.T) *pretend {
	w := &pretend{
		t: t, now: noon, up: true, box: map[string]*Container{},
		ran: map[string]bool{}, known: map[string]bool{}, stamp: apps.Stamp{Epoch: 1},
	}
	w.reboot()
	return w
}

func (w *pretend) reboot() {
	w.boot++
	cfg := apps.Host{Name: "h1", Total: apps.Resources{CPU: 1000}}
	w.host, w.twin = NewHost(cfg, w.boot), NewHost(cfg, w.boot)
	w.inbox, w.listing = nil, false
	w.over, w.phases = map[string]bool{}, map[string]apps.Phase{}
	w.exited, w.asked, w.told = map[string]bool{}, map[string]bool{}, map[string]int{}
	w.step(nil)
}

// step feeds both hosts and judges what they want.
func (w *pretend) step(events []Event) time.Time {
	w.t.Helper()
	fx, wake := w.host.Step(w.now, events)
	again, wakeAgain := w.twin.Step(w.now, events)
	if diff := cmp.Diff(fx, again); diff != "" || !wake.Equal(wakeAgain) {
		w.t.Fatalf("the same events twice, but the effects differ:\n%s", diff)
	}
	w.perform(fx)
	fx, next := w.host.Step(w.now, nil)
	w.twin.Step(w.now, nil)
	if !fx.Empty() {
		w.t.Fatalf("nothing happened and nothing is due, but %+v", fx)
	}
	if !next.Equal(wake) || !wake.After(w.now) {
		w.t.Fatalf("want to be woken later and at %v again, got %v (now %v)", wake, next, w.now)
	}
	return wake
}

func (w *pretend) perform(fx Effects) {
	w.t.Helper()
	begin := func(op OpKind, id string, l Launch) {
		for _, x := range w.works {
			if x.boot == w.boot && x.id == id {
				w.t.Fatalf("%s of %s while its %s is under way", op, id, x.op)
			}
		}
		w.works = append(w.works, work{op, id, w.boot, l})
	}
	for _, l := range fx.Start {
		if w.over[l.Instance] {
			w.t.Fatalf("%s ended and is started again", l.Instance)
		}
		begin(OpStart, l.Instance, l)
	}
	for _, s := range fx.Stop {
		begin(OpStop, s.Instance, Launch{})
	}
	for _, id := range fx.Evidence {
		if w.asked[id] {
			w.t.Fatalf("the log of %s is fetched twice", id)
		}
		w.asked[id] = true
		begin(OpEvidence, id, Launch{})
	}
	for _, id := range fx.Remove {
		if w.exited[id] && !w.asked[id] {
			w.t.Fatalf("%s ended by itself and is removed before its log was fetched", id)
		}
		begin(OpRemove, id, Launch{})
	}
	for _, p := range fx.Probe {
		w.inbox = append(w.inbox, Probed{Instance: p.Instance, Check: p.Check, OK: rapid.Bool().Draw(w.t, "well"), Cause: "unwell"})
	}
	if fx.List {
		if w.listing {
			w.t.Fatal("two lists at once")
		}
		w.listing = true
	}
	if r := fx.Report; r != nil && !r.Beat {
		w.judge(r)
	}
}

var ranks = map[apps.Phase]int{
	apps.PhaseQueued: 0, apps.PhaseStarting: 1, apps.PhaseRunning: 2,
	apps.PhaseExited: 3, apps.PhaseFailed: 3, apps.PhaseStopping: 4,
}

func (w *pretend) judge(r *apps.Report) {
	w.t.Helper()
	seen := map[string]bool{}
	for _, run := range r.Runs {
		seen[run.ID] = true
		if was, ok := w.phases[run.ID]; ok && ranks[run.Phase] < ranks[was] {
			w.t.Fatalf("%s went back from %s to %s", run.ID, was, run.Phase)
		}
		w.phases[run.ID] = run.Phase
		if run.Ready && run.Phase != apps.PhaseRunning {
			w.t.Fatalf("%s is ready and %s", run.ID, run.Phase)
		}
		switch run.Phase {
		case apps.PhaseExited, apps.PhaseFailed:
			w.exited[run.ID] = w.exited[run.ID] || run.Phase == apps.PhaseExited && !run.Lost
			w.over[run.ID] = true
			w.known[run.ID] = true
		case apps.PhaseRunning:
			w.known[run.ID] = true
		}
	}
	for _, e := range r.Evidence {
		if w.told[e.Instance]++; w.told[e.Instance] > 1+len(tellings) {
			w.t.Fatalf("the evidence of %s is told again and again", e.Instance)
		}
		if e.App != web.ID {
			w.t.Fatalf("want the evidence of an instance of %s, got %+v", web.ID, e)
		}
	}
	for _, l := range w.letters {
		if l.Stamp != r.Applied {
			continue
		}
		for _, as := range l.Instances {
			if !seen[as.ID] {
				w.t.Fatalf("the report receipts %+v but lacks %s of it", r.Applied, as.ID)
			}
		}
	}
}

// work does the i-th operation in the engine, with that outcome.
func (w *pretend) work(i int, outcome string) {
	x := w.works[i]
	w.works = slices.Delete(w.works, i, i+1)
	did := Did{Op: x.op, Instance: x.id}
	c := w.box[x.id]
	fail := !w.up || outcome == "retry" || outcome == "half"
	if !w.up && outcome != "half" {
		did.Err, did.Retry = "the engine is away", true
		w.answer(x, did)
		return
	}
	switch x.op {
	case OpStart:
		if outcome == "bad" && c == nil {
			did.Err = "no such image"
			break
		}
		if fail && outcome != "half" {
			break
		}
		if c == nil {
			c = &Container{Instance: x.id, App: web.ID, Epoch: x.l.Epoch}
			w.box[x.id] = c
		}
		if c.Started.IsZero() && !c.Running {
			if w.ran[x.id] {
				w.t.Fatalf("%s ran before and runs again", x.id)
			}
			c.Running, c.Started, w.ran[x.id] = true, w.now, true
			w.tell(c)
		}
		did.Container = *c
	case OpStop:
		if c != nil && c.Running && (!fail || outcome == "half") {
			c.Running, c.ExitCode = false, 143
			w.tell(c)
		}
	case OpEvidence:
		if c != nil && !fail {
			did.Log = "the last words of " + x.id
		}
	case OpRemove:
		if c != nil && c.Running && !fail {
			did.Err = "it runs: stop it first"
		} else if !fail || outcome == "half" {
			delete(w.box, x.id)
		}
	}
	if fail && did.Err == "" {
		did.Err, did.Retry, did.Container = "the engine made trouble", true, Container{}
	}
	w.answer(x, did)
}

func (w *pretend) answer(x work, did Did) {
	if x.boot != w.boot {
		return // who asked is dead
	}
	w.inbox = append(w.inbox, did)
	if rapid.IntRange(0, 9).Draw(w.t, "doubled") == 0 {
		w.inbox = append(w.inbox, did)
	}
}

func (w *pretend) tell(c *Container) {
	if rapid.IntRange(0, 3).Draw(w.t, "event lost") > 0 {
		w.inbox = append(w.inbox, Changed{*c})
	}
}

func (w *pretend) answerList() {
	if !w.listing {
		return
	}
	w.listing = false
	if !w.up {
		w.inbox = append(w.inbox, Listed{Err: "connection refused"})
		return
	}
	var l Listed
	for _, id := range slices.Sorted(maps.Keys(w.box)) {
		l.Containers = append(l.Containers, *w.box[id])
	}
	w.inbox = append(w.inbox, l)
}

// write makes the leader's next letter and keeps it; it is delivered some time.
func (w *pretend) write() {
	w.stamp.Revision++
	a := apps.Assignment{Stamp: w.stamp, Host: "h1", Boot: w.boot, Specs: []*apps.App{checked("HTTP")}}
	for _, id := range w.wanted {
		a.Instances = append(a.Instances, apps.Assigned{ID: id, App: web.ID, Version: 1, Ran: w.known[id]})
	}
	w.letters = append(w.letters, a)
}

func (w *pretend) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"assign": func(t *rapid.T) {
			w.next++
			id := fmt.Sprintf("w%03d", w.next)
			w.wanted = append(w.wanted, id)
			w.write()
		},
		"unassign": func(t *rapid.T) {
			if len(w.wanted) > 0 {
				i := rapid.IntRange(0, len(w.wanted)-1).Draw(t, "which")
				w.wanted = slices.Delete(w.wanted, i, i+1)
				w.write()
			}
		},
		"new leader": func(t *rapid.T) {
			w.stamp = apps.Stamp{Epoch: w.stamp.Epoch + 1}
			w.write()
		},
		"letter": func(t *rapid.T) {
			if len(w.letters) > 0 {
				// Rather the newest, but any may come, and again.
				i := max(0, len(w.letters)-1-rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5}).Draw(t, "late"))
				w.inbox = append(w.inbox, Assigned{w.letters[i]})
			}
		},
		"work": func(t *rapid.T) {
			if len(w.works) > 0 {
				i := rapid.IntRange(0, len(w.works)-1).Draw(t, "which")
				w.work(i, rapid.SampledFrom([]string{"good", "good", "good", "retry", "half", "bad"}).Draw(t, "outcome"))
			}
		},
		"list": func(t *rapid.T) { w.answerList() },
		"exit": func(t *rapid.T) {
			for _, id := range slices.Sorted(maps.Keys(w.box)) {
				if c := w.box[id]; c.Running && rapid.IntRange(0, 4).Draw(t, "dies") == 0 {
					c.Running, c.ExitCode = false, 1
					w.tell(c)
				}
			}
		},
		"vanish": func(t *rapid.T) {
			for _, id := range slices.Sorted(maps.Keys(w.box)) {
				if w.known[id] && rapid.IntRange(0, 9).Draw(t, "vanishes") == 0 {
					delete(w.box, id)
				}
			}
		},
		"engine": func(t *rapid.T) {
			w.up = !w.up
			if rapid.Bool().Draw(t, "told") {
				if w.up {
					w.inbox = append(w.inbox, Engine{Host: apps.Host{Name: "h1", Total: apps.Resources{CPU: 1000}}})
				} else {
					w.inbox = append(w.inbox, Unwatched{"EOF"})
				}
			}
		},
		"crash": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				w.reboot()
				w.write() // the leader answers the new boot's report
			}
		},
		"step": func(t *rapid.T) {
			// Events of different senders overtake each other.
			var now []Event
			for n := rapid.IntRange(0, min(3, len(w.inbox))).Draw(t, "events"); n > 0; n-- {
				i := rapid.IntRange(0, len(w.inbox)-1).Draw(t, "event")
				now = append(now, w.inbox[i])
				w.inbox = slices.Delete(w.inbox, i, i+1)
			}
			w.step(now)
		},
		"flow": func(*rapid.T) { // a while in which all goes well
			for range 3 {
				w.flow()
			}
		},
		"time": func(t *rapid.T) {
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{1, 50, 300, 1000, 5000, 31000}).Draw(t, "ms")) * time.Millisecond)
			w.step(nil)
		},
	}
}

// settle lets everything work and delivers all, until the host has had time to do
// what it wants.
func (w *pretend) settle() {
	w.t.Helper()
	w.up = true
	w.write()
	w.inbox = append(w.inbox, Assigned{w.letters[len(w.letters)-1]})
	for end := w.now.Add(5 * time.Minute); w.now.Before(end); {
		wake := w.flow()
		if len(w.inbox)+len(w.works) == 0 && !w.listing {
			w.now = wake
		}
	}
}

// flow does all that is under way and delivers all that came of it.
func (w *pretend) flow() time.Time {
	w.t.Helper()
	for len(w.works) > 0 {
		w.work(0, "good")
	}
	w.answerList()
	evs := w.inbox
	w.inbox = nil
	return w.step(evs)
}

func TestWhateverHappensTheHostKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newPretend(t)
		t.Repeat(w.actions())
		w.settle()
		if len(w.host.tellings) > 0 {
			t.Errorf("after minutes of peace evidence is left: %+v", w.host.tellings)
		}
		for id, c := range w.box {
			if !slices.Contains(w.wanted, id) {
				t.Errorf("%s is not assigned but there: %+v", id, *c)
			}
		}
		for _, id := range w.wanted {
			c := w.box[id]
			if !w.over[id] && (c == nil || !c.Running) {
				t.Errorf("%s is assigned and did not end, but %+v; phase %s", id, c, w.phases[id])
			}
			if w.over[id] && c != nil && c.Running {
				t.Errorf("%s was reported ended but runs", id)
			}
		}
	})
}
