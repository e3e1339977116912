package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pacer/apps"
)

// A launch that is too big for one step is decided in many, which follow one another at
// once; each app gets its part in each of them, and who is not decided on yet is told so.
func TestABigLaunchIsDecidedInManySteps(t *testing.T) {
	s := New(Stored{Cluster: 1, LaunchesMax: 10}, 1, noon)
	now := noon
	step := func(events ...Event) (Effects, bool) {
		t.Helper()
		fx, wake := s.Step(now, events)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		return fx, wake.Equal(now)
	}
	for range 2 {
		step(Reported{apps.Report{Host: apps.Host{Name: "h1", Addr: "10.0.0.1", Total: apps.Resources{CPU: 100_000, Mem: 100_000}}, Boot: 1, Revision: 1}})
		now = now.Add(time.Second)
	}
	change := Change{Request: "r", Deployment: "d"}
	for i := range 2 {
		change.Put = append(change.Put, PutApp{App: &apps.App{ID: apps.ID(fmt.Sprintf("/team%d/web", i)), Instances: 35, Needs: apps.Resources{CPU: 100, Mem: 100}}})
	}
	fx, again := step(change)
	steps := 0
	for last := 0; again; steps++ {
		if n := len(fx.Save.Instances); n > 10 {
			t.Fatalf("step %d stores %d instances", steps, n)
		}
		count := map[apps.ID]int{}
		for in := range s.instances.all() {
			count[in.App]++
		}
		if a, b := count["/team0/web"], count["/team1/web"]; a-b > 1 || b-a > 1 || a+b <= last {
			t.Fatalf("after step %d there are %d and %d instances", steps, a, b)
		}
		last = count["/team0/web"] + count["/team1/web"] - 1 // the last step may only place
		for _, w := range fx.Waits {
			if w.Waiting > 0 && (w.Placing == 0 || !strings.HasPrefix(w.Sentence(), "being placed")) {
				t.Fatalf("step %d tells: %+v, %q", steps, w, w.Sentence())
			}
		}
		fx, again = step()
	}
	if steps < 6 {
		t.Errorf("70 instances, 10 a step, took %d steps more", steps)
	}
	placed := 0
	for in := range s.instances.all() {
		if in.State == apps.Starting {
			placed++
		}
	}
	if placed != 70 {
		t.Errorf("%d of 70 are placed in the end", placed)
	}
	for _, id := range []apps.ID{"/team0/web", "/team1/web"} {
		if w := s.apps[id].wait; w.Waiting != 0 || w.Placing != 0 {
			t.Errorf("in the end %s waits: %+v", id, w)
		}
	}
}

// Those that no host takes are refused with their reasons, however many they are, and the
// steps come to an end.
func TestABigLaunchWithoutRoomComesToRest(t *testing.T) {
	s := New(Stored{Cluster: 1, LaunchesMax: 10}, 1, noon)
	for range 2 {
		s.Step(noon, []Event{Reported{apps.Report{Host: apps.Host{Name: "h1", Addr: "10.0.0.1", Total: apps.Resources{CPU: 1000, Mem: 1000}}, Boot: 1, Revision: 1}}})
	}
	_, wake := s.Step(noon, []Event{Change{Request: "r", Deployment: "d", Put: []PutApp{{App: &apps.App{ID: "/web", Instances: 100, Needs: apps.Resources{CPU: 100, Mem: 10}}}}}})
	for n := 0; wake.Equal(noon); n++ {
		if n > 100 {
			t.Fatal("it does not come to rest")
		}
		_, wake = s.Step(noon, nil)
	}
	w := s.apps["/web"].wait
	if w.Waiting != 90 || w.Placing != 0 || len(w.Reasons) != 1 || w.Reasons[0].Hosts != 1 {
		t.Errorf("10 of 100 fit, and told is %+v", w)
	}
}
