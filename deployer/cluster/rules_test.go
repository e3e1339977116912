package cluster

import (
	"testing"
	"time"

	"pacer/apps"
)

func TestServicePortsAreGivenOnceEach(t *testing.T) {
	w := newWorld(t, "h1")
	given := map[int]apps.ID{}
	for _, id := range []apps.ID{"/a", "/b", "/c"} {
		spec := web(1)
		spec.ID = id
		spec.Ports = []apps.Port{{Protocol: "tcp", Container: 80}, {Protocol: "tcp", Container: 81}}
		for _, p := range w.step(Change{Request: "r", Deployment: string(id), Put: []PutApp{{App: spec}}}).Reply[0].Apps[0].Ports {
			if other, taken := given[p.Service]; taken || p.Service < servicePortMin || p.Service > servicePortMax {
				t.Errorf("%s got the service port %d, which %q has", id, p.Service, other)
			}
			given[p.Service] = id
		}
	}
}

// failing is a world in which an app that never becomes ready has failed three times.
func failing(t *testing.T) *world {
	w := newWorld(t, "h1")
	spec := web(1)
	spec.Backoff = apps.Backoff{First: time.Minute, Factor: 2, Max: time.Hour}
	w.step(Change{Request: "r", Deployment: "d1", Put: []PutApp{{App: spec}}})
	for range 3 {
		for id := range w.hosts["h1"].runs {
			w.hosts["h1"].runs[id] = apps.InstanceReport{ID: id, Phase: apps.PhaseFailed, Message: "no such image"}
		}
		w.report("h1")
		w.report("h1")
	}
	if a := w.s.apps["/shop/web"]; !a.until.After(w.now) || len(w.hosts["h1"].runs) > 0 {
		t.Fatalf("it should back off: until %v, now %v", a.until, w.now)
	}
	return w
}

func TestANewConfigurationDoesNotWaitForTheOldOnesBackoff(t *testing.T) {
	w := failing(t)
	better := web(1)
	better.Cmd = "better"
	w.step(Change{Request: "r", Deployment: "d2", Force: true, Put: []PutApp{{App: better}}})
	if len(w.hosts["h1"].runs) != 1 {
		t.Errorf("want it started at once, but %+v", w.s.apps["/shop/web"].wait)
	}
}

func TestAResetForgetsTheDelay(t *testing.T) {
	w := failing(t)
	w.step(ResetDelay{Request: "r", App: "/shop/web"})
	if len(w.hosts["h1"].runs) != 1 {
		t.Errorf("want it started at once, but %+v", w.s.apps["/shop/web"].wait)
	}
}

func TestKillSelection(t *testing.T) {
	for _, oldest := range []bool{false, true} {
		w := newWorld(t, "h1")
		spec := web(3)
		spec.KillOldest = oldest
		w.step(Change{Request: "r", Deployment: "d1", Put: []PutApp{{App: spec}}})
		w.settle()
		first, last := w.s.apps["/shop/web"].instances[0].ID, w.s.apps["/shop/web"].instances[2].ID
		fewer := *spec
		fewer.Instances = 2
		w.step(Change{Request: "r", Deployment: "d2", Put: []PutApp{{App: &fewer}}})
		w.settle()
		gone, stays := last, first
		if oldest {
			gone, stays = first, last
		}
		if w.s.instances.get(gone) != nil || w.s.instances.get(stays) == nil {
			t.Errorf("with the oldest first %v the wrong one went", oldest)
		}
	}
}

func TestALateLetterOfAnEarlierAgentSaysNothing(t *testing.T) {
	w := newWorld(t, "h1")
	w.step(Change{Request: "r", Deployment: "d1", Put: []PutApp{{App: web(2)}}})
	w.settle()
	late := w.hosts["h1"].Report // of the first agent: it ran nothing, and has applied all
	late.Revision, late.Runs = late.Revision+100, nil
	w.hosts["h1"].Boot = 2
	w.report("h1")

	w.step(Reported{late})

	if n := w.count(apps.Running); n != 2 {
		t.Errorf("want both running as before, got %d", n)
	}
}

func TestALetterThatWasOvertakenSaysNothing(t *testing.T) {
	w := newWorld(t, "h1")
	w.step(Change{Request: "r", Deployment: "d1", Put: []PutApp{{App: web(1)}}})
	w.settle()
	h := w.hosts["h1"]
	late := h.Report
	for _, run := range h.runs {
		run.Ready = false
		late.Runs = []apps.InstanceReport{run}
	}
	w.report("h1") // a newer one is there first
	late.Revision = h.Revision - 1

	w.step(Reported{late})

	if in := w.s.apps["/shop/web"].instances[0]; !in.Ready {
		t.Error("the old verdict took the place of the new one")
	}
}
