package cluster

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pacer/apps"
)

// join makes a host that is there from now on.
func (w *slowWorld) join(cores int64, zone string) {
	name := fmt.Sprintf("h%d", len(w.hosts)+1)
	h := &slowHost{runs: map[string]apps.InstanceReport{}, Report: apps.Report{Boot: 1, Host: apps.Host{
		Name: name, Addr: "10.0.0." + name[1:], Total: apps.Resources{CPU: cores * 1000, Mem: 80_000}, Zone: zone, Ports: []apps.Range{{First: 31000, Last: 31999}}}}}
	w.hosts = append(w.hosts, h)
	w.report(h, true)
}

// rounds has everybody say what there is, so often.
func (w *slowWorld) rounds(n int) {
	for range n {
		w.now = w.now.Add(time.Second)
		for _, h := range w.hosts {
			w.report(h, true)
		}
		for _, b := range w.balancers {
			w.serve(b, true)
		}
	}
}

// drawMovers is apps of all kinds that may be moved, or not.
func drawMovers(t *rapid.T) (specs []*apps.App) {
	for i := range rapid.IntRange(1, 4).Draw(t, "apps") {
		spec := drawSpec(t, 1)
		spec.ID = apps.ID(fmt.Sprintf("/app%d", i))
		spec.Needs = apps.Resources{CPU: int64(rapid.IntRange(1, 4).Draw(t, "half cores")) * 500, Mem: 128}
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			spec.Constraints = []apps.Constraint{{Field: "@zone", Operator: "GROUP_BY"}}
		case 1:
			spec.Constraints = []apps.Constraint{{Field: "hostname", Operator: "MAX_PER", Value: "4"}}
		case 2:
			spec.Constraints = []apps.Constraint{{Field: "@zone", Operator: "LIKE", Value: "a"}}
		}
		specs = append(specs, spec)
	}
	return specs
}

func (w *slowWorld) rebalance(max int, dry bool) Rebalanced {
	w.t.Helper()
	fx, _ := w.s.Step(w.now, []Event{Rebalance{Request: "r", Max: max, DryRun: dry}})
	w.take(fx, time.Time{})
	if err := w.s.Check(); err != nil {
		w.t.Fatal(err)
	}
	if dry && (!fx.Save.Empty() || len(fx.Assign) > 0) {
		w.t.Fatalf("a dry run changes something: %+v", fx)
	}
	return *fx.Reply[0].Rebalanced
}

// rules fails where an app has fewer ready than it wants, or more alive than it allows.
func (w *slowWorld) rules(specs []*apps.App) {
	w.t.Helper()
	for _, spec := range specs {
		ready, live := 0, 0
		for _, in := range w.s.apps[spec.ID].instances {
			live++
			if in.Ready && in.State == apps.Running {
				ready++
			}
		}
		if ready < spec.Instances || live > max(spec.LiveMax(), spec.Instances) {
			w.t.Fatalf("%s has %d ready of %d, may have %d to %d", spec.ID, ready, live, spec.Instances, spec.LiveMax())
		}
	}
}

// Wherever hosts are uneven: moves keep every app whole, whatever comes when and whoever
// leads; they end as they were foretold, with no host fuller than the fullest was; and
// then there is nothing more to move.
func TestRebalancingKeepsAppsWholeAndComesToRest(t *testing.T) {
	moved, stopped := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newSlowWorld(t)
		w.hosts = nil
		for range rapid.IntRange(1, 3).Draw(t, "first hosts") {
			w.join(40, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone"))
		}
		specs := drawMovers(t)
		for _, spec := range specs {
			w.change(Change{Put: []PutApp{{App: spec}}})
		}
		w.rounds(8)
		for _, spec := range specs {
			if w.s.readyCount(w.s.apps[spec.ID]) < spec.Instances {
				t.Skip("there is no zone for all of them")
			}
		}
		for range rapid.IntRange(1, 3).Draw(t, "new hosts") {
			w.join(int64(rapid.IntRange(1, 10).Draw(t, "cores"))*4, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "zone"))
		}
		w.rounds(8)
		bound := rapid.IntRange(1, 30).Draw(t, "bound")
		foretold := w.rebalance(bound, true)
		plan := w.rebalance(bound, false)
		if fmt.Sprint(foretold) != fmt.Sprint(plan) || len(plan.Moves) > bound {
			t.Fatalf("foretold was\n%v\ndone is\n%v", foretold, plan)
		}
		before, after := int64(0), int64(0)
		for _, h := range plan.Hosts {
			before, after = max(before, h.Before), max(after, h.After)
		}
		if after > before {
			t.Fatalf("the fullest host gets fuller: %v", plan.Hosts)
		}
		moved += len(plan.Moves)

		for range rapid.IntRange(0, 60).Draw(t, "letters") {
			w.rules(specs)
			if rapid.IntRange(0, 30).Draw(t, "leader changes") == 0 {
				w.succeed()
			}
			w.next()
		}
		if stop := rapid.IntRange(0, 4).Draw(t, "is stopped") == 0; stop {
			w.step(StopRebalance{})
			for _, in := range w.s.moving {
				if in.State < apps.Draining {
					t.Fatalf("%s still moves", in.ID)
				}
			}
			stopped++
			w.rounds(10)
			w.rules(specs)
			return
		}
		for i := 0; i < 200 && len(w.s.moving) > 0; i++ {
			w.rounds(1)
			w.rules(specs)
		}
		w.rounds(3)

		if len(w.s.moving) > 0 {
			t.Fatalf("%d moves do not end", len(w.s.moving))
		}
		again := w.rebalance(0, true)
		if !plan.More && len(again.Moves) > 0 {
			t.Fatalf("after %v there is more to move: %v", plan.Moves, again.Moves)
		}
		for i, h := range again.Hosts {
			if h.Before != plan.Hosts[i].After {
				t.Fatalf("host %s was to have the load %d, and has %d", h.Host, plan.Hosts[i].After, h.Before)
			}
		}
	})
	if moved == 0 || stopped == 0 {
		t.Fatalf("nothing was tried: %d moves, %d stopped", moved, stopped)
	}
}

// Moves that are bounded come to the same rest, bit by bit.
func TestRebalancingStepByStepComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newSlowWorld(t)
		w.hosts = nil
		w.join(40, "a")
		specs := drawMovers(t)
		specs = specs[:min(2, len(specs))]
		for _, spec := range specs {
			spec.Constraints = nil
			w.change(Change{Put: []PutApp{{App: spec}}})
		}
		w.rounds(8)
		w.join(40, "a")
		w.join(20, "b")
		for i := 0; ; i++ {
			if i > 40 {
				t.Fatal("there is always one more to move")
			}
			plan := w.rebalance(1, false)
			if len(plan.Moves) == 0 {
				break
			}
			w.rounds(10)
			w.rules(specs)
		}
	})
}
