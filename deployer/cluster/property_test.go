package cluster

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pacer/apps"
)

// A slow world is a State between hosts that take their time: what they were told,
// and what has become of it, is reported whenever the test draws so.
type slowWorld struct {
	t         *rapid.T
	s         *State
	now       time.Time
	hosts     []*slowHost
	balancers []*apps.Serving
	services  map[apps.ID]apps.Stamp
	watch     func(*slowWorld) // after each step; nil: nobody does
}

type slowHost struct {
	apps.Report
	letter apps.Assignment // the newest that was sent, not taken over yet
	runs   map[string]apps.InstanceReport
}

func newSlowWorld(t *rapid.T) *slowWorld {
	w := &slowWorld{t: t, s: New(Stored{Cluster: 7}, 1, noon), now: noon, services: map[apps.ID]apps.Stamp{}}
	for i := range rapid.IntRange(1, 3).Draw(t, "hosts") {
		name := fmt.Sprintf("h%d", i+1)
		w.hosts = append(w.hosts, &slowHost{runs: map[string]apps.InstanceReport{}, Report: apps.Report{Boot: 1, Host: apps.Host{
			Name: name, Addr: "10.0.0." + name[1:], Total: apps.Resources{CPU: 40_000, Mem: 80_000}, Ports: []apps.Range{{First: 31000, Last: 31999}}}}})
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "balancers") {
		w.balancers = append(w.balancers, &apps.Serving{Balancer: fmt.Sprintf("lb%d", i+1)})
	}
	return w
}

// step folds events; after each the State must be at rest: the same moment without
// news, or with old news, says nothing.
func (w *slowWorld) step(events ...Event) {
	w.t.Helper()
	w.take(w.s.Step(w.now, events))
	if err := w.s.Check(); err != nil {
		w.t.Fatal(err)
	}
	if w.watch != nil {
		w.watch(w)
	}
	if fx, _ := w.s.Step(w.now, nil); !fx.Empty() {
		w.t.Fatalf("a step without news does something: %+v", fx)
	}
	for _, ev := range events {
		switch ev.(type) {
		case Reported, Served:
			if fx, _ := w.s.Step(w.now, []Event{ev}); !fx.Save.Empty() || len(fx.Serve) > 0 {
				w.t.Fatalf("the same letter again changes something: %+v", fx)
			}
		}
	}
}

func (w *slowWorld) take(fx Effects, _ time.Time) {
	for _, a := range fx.Assign {
		for _, h := range w.hosts {
			if h.Host.Name == a.Host {
				h.letter = a
			}
		}
	}
	for _, s := range fx.Serve {
		w.services[s.App] = s.Stamp
		if s.Gone {
			delete(w.services, s.App)
		}
	}
}

// report has a host take over its letter, or not yet, and say what it runs; of what
// is on its way, some arrives.
func (w *slowWorld) report(h *slowHost, all bool) {
	draw := func(what string) bool { return all || rapid.Bool().Draw(w.t, what) }
	if h.letter.After(h.Applied) && draw("takes its letter") {
		h.Applied = h.letter.Stamp
		wanted := map[string]bool{}
		for _, in := range h.letter.Instances {
			wanted[in.ID] = true
			if _, has := h.runs[in.ID]; !has {
				h.runs[in.ID] = apps.InstanceReport{ID: in.ID, Phase: apps.PhaseStarting}
			}
		}
		for _, id := range sortedKeys(h.runs) {
			if run := h.runs[id]; !wanted[id] {
				run.Phase, run.Ready = apps.PhaseStopping, false
				h.runs[id] = run
			}
		}
	}
	for _, id := range sortedKeys(h.runs) {
		run := h.runs[id]
		switch {
		case run.Phase == apps.PhaseStarting && draw("runs"):
			run.Phase, run.Started = apps.PhaseRunning, w.now
		case run.Phase == apps.PhaseRunning && !run.Ready && draw("is ready"):
			run.Ready = true
		case run.Phase == apps.PhaseStopping && draw("has stopped"):
			delete(h.runs, id)
			continue
		}
		h.runs[id] = run
	}
	h.Revision++
	r := h.Report
	for _, id := range sortedKeys(h.runs) {
		r.Runs = append(r.Runs, h.runs[id])
	}
	w.step(Reported{r})
}

func (w *slowWorld) serve(b *apps.Serving, all bool) {
	b.Revision++
	letter := *b
	letter.Digest = 1
	if all || rapid.Bool().Draw(w.t, "acknowledges") {
		letter.Digest, letter.Served = 0, map[apps.ID]apps.Stamp{}
		for id, s := range w.services {
			letter.Served[id] = s
			letter.Digest += apps.Digest(id, s)
		}
	}
	w.step(Served{letter})
}

// everybody says what there is; nobody is slow.
func (w *slowWorld) settle() {
	for range 40 {
		w.now = w.now.Add(time.Second)
		for _, h := range w.hosts {
			w.report(h, true)
		}
		for _, b := range w.balancers {
			w.serve(b, true)
		}
	}
}

// beat lets those say that they live who were not heard for three seconds: nobody is
// to be taken for lost.
func (w *slowWorld) beat() {
	for _, h := range w.hosts {
		if known := w.s.hosts[h.Host.Name]; known != nil && w.now.Sub(known.seen) > 3*time.Second {
			beat := h.Report
			beat.Beat = true
			w.take(w.s.Step(w.now, []Event{Reported{beat}}))
		}
	}
	for _, b := range w.balancers {
		if known := w.s.balancers[b.Balancer]; known != nil && w.now.Sub(known.seen) > 3*time.Second {
			b.Revision++
			letter := *b
			letter.Digest = 1
			w.take(w.s.Step(w.now, []Event{Served{letter}}))
		}
	}
}

// next is somebody's letter, or time that passes.
func (w *slowWorld) next() {
	w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 50, 700}).Draw(w.t, "ms")) * time.Millisecond)
	w.beat()
	if i := rapid.IntRange(0, len(w.hosts)+len(w.balancers)-1).Draw(w.t, "who"); i < len(w.hosts) {
		w.report(w.hosts[i], false)
	} else {
		w.serve(w.balancers[i-len(w.hosts)], false)
	}
}

func (w *slowWorld) change(c Change) {
	c.Deployment = fmt.Sprintf("d%d", w.s.seq)
	w.step(c)
}

func (w *slowWorld) counts() (ready, live int) {
	for in := range w.s.instances.all() {
		live++
		if in.Ready && in.State == apps.Running {
			ready++
		}
	}
	return ready, live
}

var capacities = []float64{0, 0.3, 0.5, 0.66, 0.8, 1}

func drawSpec(t *rapid.T, version int) *apps.App {
	spec := web(rapid.IntRange(1, 8).Draw(t, "instances"))
	spec.Env = map[string]string{"V": fmt.Sprint(version)}
	spec.Upgrade = apps.Upgrade{HealthyMin: rapid.SampledFrom(capacities).Draw(t, "minimumHealthCapacity"), OverMax: rapid.SampledFrom(capacities).Draw(t, "maximumOverCapacity")}
	spec.KillOldest = rapid.Bool().Draw(t, "kills the oldest")
	return spec
}

// Marathon's upgradeStrategy, whenever hosts and balancers say what: where nothing
// fails, no moment of a rolling update has fewer ready or more alive than it allows,
// and it ends with as many of the new as were asked for.
func TestARollingUpdateKeepsItsBoundsUnderAnyInterleaving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newSlowWorld(t)
		first := drawSpec(t, 1)
		w.change(Change{Put: []PutApp{{App: first}}})
		w.settle()
		if ready, live := w.counts(); ready != first.Instances || live != ready {
			t.Fatalf("want %d ready at first, got %d of %d", first.Instances, ready, live)
		}
		next := drawSpec(t, 2)
		least, most := min(next.HealthyMin(), first.Instances), max(next.LiveMax(), first.Instances)

		w.change(Change{Put: []PutApp{{App: next}}})
		for i := range rapid.IntRange(0, 60).Draw(t, "letters") {
			ready, live := w.counts()
			if ready < least || live > most {
				t.Fatalf("after %d letters: %d ready, %d alive; it was to be at least %d and at most %d", i, ready, live, least, most)
			}
			w.next()
		}
		for range 5 {
			w.settle()
		}

		if ready, live := w.counts(); ready != next.Instances || live != ready || len(w.s.deployments) != 0 {
			t.Fatalf("want %d ready and the deployment ended, got %d of %d, and %d deployments", next.Instances, ready, live, len(w.s.deployments))
		}
		for in := range w.s.instances.all() {
			if in.spec.Env["V"] != "2" {
				t.Fatalf("%s is still of the old version", in.ID)
			}
		}
	})
}

// Whatever users ask for in the middle of whatever, the last word comes true.
func TestTheLastWordComesTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newSlowWorld(t)
		spec := drawSpec(t, 0)
		w.change(Change{Put: []PutApp{{App: spec}}})
		for i := range rapid.IntRange(0, 40).Draw(t, "things") {
			switch rapid.IntRange(0, 9).Draw(t, "thing") {
			case 0:
				spec = drawSpec(t, i+1)
				w.change(Change{Put: []PutApp{{App: spec}}, Force: true})
			case 1:
				w.change(Change{Restart: []apps.ID{spec.ID}, Force: true})
			case 2:
				for _, id := range sortedKeys(w.s.instances.byID()) {
					if rapid.IntRange(0, 3).Draw(t, "killed") == 0 {
						w.step(Kill{Instances: []string{id}})
						break
					}
				}
			case 3: // the next leader starts from what this one knew
				w.succeed()
			default:
				w.next()
			}
		}
		for range 8 {
			w.settle()
		}
		ready, live := w.counts()
		if ready != spec.Instances || live != ready || len(w.s.deployments) != 0 {
			t.Fatalf("want %d ready and nothing under way, got %d of %d, and %d deployments", spec.Instances, ready, live, len(w.s.deployments))
		}
	})
}

// succeed replaces the State by that of a next leader.
func (w *slowWorld) succeed() {
	stored := w.s.stored()
	w.s = New(stored, w.s.epoch+1, w.now)
	w.services = map[apps.ID]apps.Stamp{}
	w.step()
}

// stored is what the store would have.
func (s *State) stored() Stored {
	stored := Stored{Cluster: s.cluster, Serial: s.serial, Seq: s.seq}
	for _, id := range sortedKeys(s.apps) {
		stored.Apps = append(stored.Apps, s.apps[id].spec)
	}
	for _, id := range sortedKeys(s.groups) {
		stored.Groups, stored.GroupsAt = append(stored.Groups, s.groups[id].row), s.groupsAt
	}
	for _, id := range sortedKeys(s.instances.byID()) {
		in := s.instances.get(id)
		stored.Instances = append(stored.Instances, in.Instance)
		stored.Specs = append(stored.Specs, in.spec)
	}
	for _, d := range s.order {
		stored.Deployments = append(stored.Deployments, d.Deployment)
	}
	for _, name := range sortedKeys(s.hosts) {
		stored.Hosts = append(stored.Hosts, s.hosts[name].Host)
	}
	return stored
}
