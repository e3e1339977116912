package cluster

import (
	"strings"
	"testing"
	"time"

	"pacer/apps"
)

// crash makes everything of a version that is not the first start and end at once.
func (w *world) crash(rounds int) {
	w.t.Helper()
	for range rounds {
		w.now = w.now.Add(time.Second)
		for _, name := range sortedKeys(w.hosts) {
			h := w.hosts[name]
			for id, run := range h.runs {
				in := w.s.instances.get(id)
				switch {
				case run.Phase != apps.PhaseStarting || in == nil:
				case in.spec.Env["V"] == "broken":
					h.runs[id] = apps.InstanceReport{ID: id, Phase: apps.PhaseExited, ExitCode: 3, Message: "exit code 3"}
				default:
					h.runs[id] = apps.InstanceReport{ID: id, Phase: apps.PhaseRunning, Ready: true, Started: w.now}
				}
			}
			w.report(name)
		}
	}
}

func broken(n int) *apps.App {
	spec := web(n)
	spec.Env = map[string]string{"V": "broken"}
	return spec
}

func TestACrashingVersionIsRolledBackAndTheOldOneServesAllAlong(t *testing.T) {
	w := newWorld(t, "h1", "h2")
	w.put(web(3))
	w.settle()

	w.step(Change{Request: "r", Deployment: "bad", Rollback: true, Put: []PutApp{{App: broken(3)}}})
	for range 20 {
		w.crash(1)
		ready := 0
		for in := range w.s.instances.all() {
			if in.Ready && in.State == apps.Running && in.spec.Env["V"] == "" {
				ready++
			}
		}
		if ready < 3 {
			t.Fatalf("the old version should serve all along, %d of 3 are ready", ready)
		}
	}

	var failed *apps.Deployment
	for _, fx := range w.all {
		for _, d := range fx.Save.Deployments {
			if d.ID == "bad" && d.State != apps.DeploymentRunning {
				failed = &d
			}
		}
	}
	if failed == nil || failed.State != apps.DeploymentFailed || failed.Next == "" || !strings.Contains(failed.Reason, "exit code 3") {
		t.Fatalf("want a failed deployment that says why and what follows, got %+v", failed)
	}
	if w.s.apps["/shop/web"].spec.Env["V"] != "" || w.count(apps.Running) != 3 || len(w.s.deployments) != 0 {
		t.Fatalf("want the old spec with 3 running and nothing under way, got %+v", w.s.apps["/shop/web"].spec)
	}
}

func TestWithoutRollbackADeploymentTriesOnAndSaysWhy(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(1))
	w.settle()

	w.step(Change{Request: "r", Deployment: "bad", Put: []PutApp{{App: broken(1)}}})
	w.crash(60)

	d := w.s.deployments["bad"]
	if d == nil || d.Cause != apps.CauseFailing || !strings.Contains(d.Trouble, "exit code 3") {
		t.Fatalf("want it to run on and to say why, got %+v", d)
	}
}

func TestWhatNoHostTakesIsRolledBackWithTheReason(t *testing.T) {
	w := newWorld(t, "h1", "h2")
	w.put(web(1))
	w.settle()
	big := web(1)
	big.Needs.Mem = 100_000

	w.step(Change{Request: "r", Deployment: "big", Rollback: true, Put: []PutApp{{App: big}}})
	if d := w.s.deployments["big"]; d == nil || d.Cause != apps.CauseUnplaceable || !strings.Contains(d.Trouble, "2 hosts: 2 too little memory (needs 100000 MiB") {
		t.Fatalf("want the reason at once, got %+v", d)
	}
	for range 4 {
		w.settle()
	}

	if w.s.apps["/shop/web"].spec.Needs.Mem != 64 || w.count(apps.Running) != 1 || w.count(apps.Waiting) != 0 {
		t.Fatalf("want the old spec back, got %+v", w.s.apps["/shop/web"].spec.Needs)
	}
}

func TestAnInstanceWithoutChecksHasToLiveAMomentBeforeItCounts(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(1))
	w.settle()

	w.step(Change{Request: "r", Deployment: "bad", Rollback: true, Put: []PutApp{{App: broken(1)}}})
	h := w.hosts["h1"]
	for range 40 { // it runs for half a second each time
		w.now = w.now.Add(500 * time.Millisecond)
		for id, run := range h.runs {
			if in := w.s.instances.get(id); in != nil && in.spec.Env["V"] == "broken" {
				switch run.Phase {
				case apps.PhaseStarting:
					h.runs[id] = apps.InstanceReport{ID: id, Phase: apps.PhaseRunning, Ready: true, Started: w.now}
				case apps.PhaseRunning:
					h.runs[id] = apps.InstanceReport{ID: id, Phase: apps.PhaseExited, ExitCode: 1, Message: "exit code 1"}
				}
			}
		}
		w.report("h1")
	}
	w.settle()

	if w.s.apps["/shop/web"].spec.Env["V"] != "" || w.count(apps.Running) != 1 {
		t.Fatalf("want the old version back, got %+v", w.s.apps["/shop/web"].spec.Env)
	}
}
