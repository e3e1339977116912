package cluster

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/apps"
)

// befall has one of the instances on a host exit, fail to start, or be found ill, for
// now or for good.
func (w *slowWorld) befall(h *slowHost) {
	ids := sortedKeys(h.runs)
	if len(ids) == 0 {
		return
	}
	id := rapid.SampledFrom(ids).Draw(w.t, "who")
	run := h.runs[id]
	switch run.Phase {
	case apps.PhaseStarting:
		run.Phase, run.Message = apps.PhaseFailed, "no such image"
	case apps.PhaseRunning:
		switch rapid.IntRange(0, 2).Draw(w.t, "what") {
		case 0:
			run.Phase, run.Ready, run.ExitCode = apps.PhaseExited, false, 1
		case 1:
			run.Ready = false
		case 2:
			run.Ready, run.Health = false, []apps.Health{{Known: true, Kill: true, Cause: "status 500"}}
		}
	}
	h.runs[id] = run
	w.report(h, false)
}

// watched is a rolling update whose bounds are looked at with every step.
type watched struct {
	least, most int
	staying     map[string]bool // before the step
}

func (s *State) staying() map[string]bool {
	out := map[string]bool{}
	for in := range s.instances.all() {
		out[in.ID] = in.State < apps.Draining
	}
	return out
}

// look fails when the step that was let somebody go who was ready, and so left fewer
// ready than are to be kept; or when more live than may.
func (b *watched) look(w *slowWorld) {
	let := 0
	for in := range w.s.instances.all() {
		if in.State >= apps.Draining && b.staying[in.ID] && in.Ready && in.end == apps.EndStopped {
			let++
		}
	}
	b.staying = w.s.staying()
	ready, live := w.counts()
	if let > 0 && ready < b.least {
		w.t.Fatalf("%d that were ready were let go, and %d are left; at least %d are to be kept", let, ready, b.least)
	}
	if len(w.s.deployments) > 0 && live > b.most {
		w.t.Fatalf("%d live, at most %d may", live, b.most)
	}
}

// The same where anything fails at any time: what fails is nobody's choice, but nothing
// that serves is let go while too few do, and no more live than may. When nothing fails
// any more, it ends as it should.
func TestARollingUpdateKeepsItsBoundsThoughInstancesFail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newSlowWorld(t)
		first := drawSpec(t, 1)
		w.change(Change{Put: []PutApp{{App: first}}})
		w.settle()
		next := drawSpec(t, 2)
		bounds := &watched{least: min(next.HealthyMin(), first.Instances), most: max(next.LiveMax(), first.Instances), staying: w.s.staying()}
		w.watch = bounds.look

		w.change(Change{Put: []PutApp{{App: next}}})
		for range rapid.IntRange(0, 80).Draw(t, "things") {
			if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
				w.befall(rapid.SampledFrom(w.hosts).Draw(t, "where"))
			} else {
				w.next()
			}
		}
		w.watch = nil
		for range 8 {
			w.settle()
		}

		if ready, live := w.counts(); ready != next.Instances || live != ready || len(w.s.deployments) != 0 {
			t.Fatalf("want %d ready and the deployment ended, got %d of %d, and %d deployments", next.Instances, ready, live, len(w.s.deployments))
		}
	})
}

// The order in which a group is written, and in which the store gives its rows, changes
// nothing: the same plan, the same instances on the same hosts.
func TestAPlanDoesNotDependOnTheOrderOfItsInput(tb *testing.T) {
	rapid.Check(tb, func(t *rapid.T) {
		before, after := drawGroup(t, 1), drawGroup(t, 2)
		live := func(first, second []PutApp, order func([]apps.Instance, []*apps.App, []apps.Host)) []any {
			w := newWorld(tb, "h1", "h2")
			w.step(Change{Deployment: "d1", Put: first})
			w.turns(15)
			stored := w.s.stored()
			order(stored.Instances, stored.Apps, stored.Hosts)
			w.s = New(stored, 2, w.now)
			w.turns(15)
			w.all = nil
			w.step(Change{Deployment: "d2", Put: second, Force: true})
			d := w.s.deployments["d2"]
			if d == nil {
				return nil
			}
			steps := slices.Clone(d.Steps)
			w.turns(15)
			var rows []apps.Instance
			for _, id := range sortedKeys(w.s.instances.byID()) {
				rows = append(rows, w.s.instances.get(id).Instance)
			}
			return []any{steps, rows}
		}
		asIs := func([]apps.Instance, []*apps.App, []apps.Host) {}
		one := live(before, after, asIs)
		other := live(rapid.Permutation(before).Draw(t, "before"), rapid.Permutation(after).Draw(t, "after"), func(in []apps.Instance, all []*apps.App, hosts []apps.Host) {
			copy(in, rapid.Permutation(in).Draw(t, "instances"))
			copy(all, rapid.Permutation(all).Draw(t, "apps"))
			copy(hosts, rapid.Permutation(hosts).Draw(t, "hosts"))
		})
		if diff := cmp.Diff(one, other); diff != "" {
			t.Fatalf("the same in another order comes to something else:\n%s", diff)
		}
	})
}

// drawGroup is some apps of a group, which depend on those before them.
func drawGroup(t *rapid.T, version int) (put []PutApp) {
	for i, id := range []apps.ID{"/g/a", "/g/b", "/g/h/c", "/g/h/d", "/g/e"} {
		if rapid.IntRange(0, 3).Draw(t, "left out") == 0 {
			continue
		}
		spec := web(rapid.IntRange(0, 3).Draw(t, "instances"))
		spec.ID, spec.Ports[0].Service = id, 10_000+i
		spec.Env = map[string]string{"V": string(rune('0' + rapid.IntRange(1, version).Draw(t, "version")))}
		for _, other := range put {
			if rapid.IntRange(0, 2).Draw(t, "depends") == 0 {
				spec.Dependencies = append(spec.Dependencies, other.App.ID)
			}
		}
		put = append(put, PutApp{App: spec})
	}
	return put
}
