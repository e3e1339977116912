package cluster

import (
	"testing"
	"time"

	"pacer/apps"
)

// group is a change of two apps, of which web waits for db. The new db needs more
// than there is, so web's turn does not come.
func group(w *world, dbCPU int64, webVersion string, webInstances int, rollback bool) Change {
	db, front := web(1), web(webInstances)
	db.ID, db.Needs.CPU, db.Ports = "/shop/db", dbCPU, nil
	front.Env, front.Dependencies = map[string]string{"V": webVersion}, []apps.ID{"/shop/db"}
	return Change{Request: "r", Deployment: "d" + w.now.Format(time.RFC3339Nano), Put: []PutApp{{App: db}, {App: front}}, Rollback: rollback, Force: true}
}

func (w *world) versions() map[string]int {
	out := map[string]int{}
	for in := range w.s.instances.all() {
		if in.App == "/shop/web" && in.State == apps.Running {
			out[in.spec.Env["V"]]++
		}
	}
	return out
}

// A deployment that has not come to an app, and is replaced by one that has not
// either, never changes it: what was accepted in between was never in force.
func TestWhatADeploymentHasNotComeToIsNotInForce(t *testing.T) {
	w := newWorld(t, "h1", "h2")
	w.step(group(w, 100, "1", 3, false))
	w.settle()
	w.step(group(w, 99_000, "2", 1, false)) // web's turn does not come
	w.settle()

	w.step(group(w, 98_000, "3", 3, false)) // nor does it now
	w.settle()

	if v := w.versions(); v["1"] != 3 || len(v) != 1 {
		t.Fatalf("web has not had its turn and is to stay three of version 1, got %v", v)
	}
	w.step(group(w, 100, "1", 3, false)) // back to what it still follows
	w.settle()
	if v := w.versions(); v["1"] != 3 || len(w.s.deployments) != 0 || w.s.instances.n != 4 {
		t.Fatalf("want three of version 1 and the deployment ended, got %v, %d deployments", v, len(w.s.deployments))
	}
}

// The way back from a deployment that gave up leaves alone what it never came to.
func TestGoingBackDoesNotTouchWhatWasNotTouched(t *testing.T) {
	w := newWorld(t, "h1", "h2")
	w.step(group(w, 100, "1", 3, false))
	w.settle()
	before := len(w.all)

	w.step(group(w, 99_000, "2", 1, true))
	for range 4 {
		w.now = w.now.Add(roomPatience / 2)
		w.settle()
	}

	if v := w.versions(); v["1"] != 3 || len(v) != 1 || len(w.s.deployments) != 0 {
		t.Fatalf("want three of version 1 and nothing under way, got %v and %d deployments", v, len(w.s.deployments))
	}
	for _, fx := range w.all[before:] {
		for _, f := range fx.Save.Finished {
			if f.App == "/shop/web" {
				t.Fatalf("%s was stopped: %s", f.ID, f.Message)
			}
		}
	}
}
