package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/apps"
)

func TestEvidenceIsStoredOnceHoweverOftenItIsTold(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(1))
	w.settle()
	told := apps.Evidence{Instance: "w1", App: "/shop/web", Log: "something broke\n"}
	w.hosts["h1"].Evidence = []apps.Evidence{told}

	first := w.report("h1").Save
	again := w.report("h1").Save

	told.At = w.now
	if diff := cmp.Diff([]apps.Evidence{told}, first.Evidence); diff != "" {
		t.Errorf("want it stored with the date (-want +got):\n%s", diff)
	}
	if !again.Empty() {
		t.Errorf("it is stored already, but %+v", again)
	}
	w.hosts["h1"].Revision -= 2
	w.hosts["h1"].Evidence = []apps.Evidence{{Instance: "w2", App: "/gone", Log: "x"}}
	if late := w.report("h1").Save; len(late.Evidence) != 1 || late.Evidence[0].Instance != "w2" {
		t.Errorf("a late letter's evidence is as good, but %+v", late)
	}
}

func TestWhatIsRememberedOfEvidenceIsBounded(t *testing.T) {
	s := New(Stored{}, 1, noon)
	for i := range evidenceMax + 10 {
		r := apps.Report{Host: apps.Host{Name: "h1"}, Boot: 1, Revision: 1, Evidence: []apps.Evidence{{Instance: fmt.Sprint("w", i)}}}
		if fx, _ := s.Step(noon, []Event{Reported{r}}); len(fx.Save.Evidence) != 1 {
			t.Fatalf("want it stored, got %+v", fx.Save)
		}
	}
	if len(s.evidence) != evidenceMax || len(s.evident) != evidenceMax {
		t.Fatalf("want %d remembered, got %d and %d", evidenceMax, len(s.evidence), len(s.evident))
	}
}

func TestNoticesCarryNoBodiesOfChecks(t *testing.T) {
	w := newWorld(t, "h1")
	spec := web(1)
	spec.Checks = []apps.Check{{Protocol: "HTTP", FailuresMax: 1}}
	w.put(spec)
	w.settle()
	for id, run := range w.hosts["h1"].runs {
		run.Ready = false
		run.Health = []apps.Health{{Known: true, LastFailure: w.now, Cause: "503", Last: &apps.CheckAnswer{At: w.now, Status: 503, Body: "no database"}}}
		w.hosts["h1"].runs[id] = run
	}
	fx := w.report("h1")
	for n := range fx.Save.Notices.All() {
		if n.Instance != nil && slices.ContainsFunc(n.Instance.Health, func(h apps.Health) bool { return h.Last != nil }) {
			t.Errorf("%s carries %+v", n.Type, n.Instance.Health)
		}
	}
	if fx.Save.Notices.Len() == 0 || len(fx.Save.Instances) != 1 || fx.Save.Instances[0].Health[0].Last == nil {
		t.Errorf("want notices, and the answer with the instance, got %+v", fx.Save)
	}
}

func TestADeploymentKnowsWhenEachStepBeganAndWhoAsked(t *testing.T) {
	w := newWorld(t, "h1")
	db, front := web(1), web(1)
	db.ID, front.ID, front.Dependencies = "/shop/db", "/shop/front", []apps.ID{"/shop/db"}
	w.step(Change{Deployment: "d1", ClientIP: "10.0.0.9", Put: []PutApp{{App: db}, {App: front}}})
	w.settle()

	var last apps.Deployment
	for _, fx := range w.all {
		for _, d := range fx.Save.Deployments {
			if d.State == apps.DeploymentRunning && len(d.StepStarted) != d.Step+1 {
				t.Errorf("in step %d of %d there are %d dates", d.Step+1, len(d.Steps), len(d.StepStarted))
			}
			last = d
		}
	}
	if last.State != apps.DeploymentSucceeded || last.By != "10.0.0.9" || len(last.StepStarted) != len(last.Steps) || len(last.Steps) != 3 {
		t.Fatalf("want a deployment of 3 steps that succeeded, asked for by 10.0.0.9, got %+v", last)
	}
	if !slices.IsSortedFunc(last.StepStarted, time.Time.Compare) || !last.StepStarted[0].Equal(last.Started) || last.Ended.Before(last.StepStarted[2]) || !last.StepStarted[2].After(last.StepStarted[1]) {
		t.Fatalf("the steps follow each other, from %v to %v, but began at %v", last.Started, last.Ended, last.StepStarted)
	}
}

func TestADeploymentFromBeforeItsStepsWereDatedGoesOn(t *testing.T) {
	w := newWorld(t, "h1")
	d := &deployment{Deployment: apps.Deployment{Step: 2, Steps: make([]apps.Step, 4)}}
	w.s.now = noon
	w.s.stepStarts(d)
	if want := []time.Time{{}, {}, noon}; !slices.Equal(d.StepStarted, want) {
		t.Fatalf("want %v, got %v", want, d.StepStarted)
	}
}

func TestWhyInstancesWaitAddsUpToTheHosts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		check := func() {
			for _, id := range sortedKeys(w.s.apps) {
				wait := w.s.apps[id].wait
				if wait.Waiting == 0 || wait.Until.After(w.now) {
					continue
				}
				sum := 0
				for _, reason := range wait.Reasons {
					sum += reason.Hosts
				}
				if hosts := w.s.board.Hosts(); sum != wait.Hosts || sum != hosts {
					rt.Fatalf("%d hosts, but %s is refused by %d of %d: %s", hosts, id, sum, wait.Hosts, wait.Sentence())
				}
				if wait.Hint == "" {
					rt.Fatalf("%s waits, and nothing is said that would help: %s", id, wait.Sentence())
				}
			}
			for _, in := range w.s.waiting { // a look at every host finds none that takes it
				refused := 0
				for _, reason := range w.s.board.Explain(in.spec).Reasons {
					refused += reason.Hosts
				}
				if hosts := w.s.board.Hosts(); refused != hosts && !in.NotBefore.After(w.now) {
					rt.Fatalf("%s waits, but %d of %d hosts would take it: %s", in.ID, hosts-refused, hosts, in.app.wait.Sentence())
				}
			}
		}
		size := map[string]int64{"h1": 300, "h2": 500, "h3": 800, "h4": 1000}
		name := rapid.SampledFrom([]string{"h1", "h2", "h3", "h4"})
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { check() },
			"host": func(rt *rapid.T) {
				n := name.Draw(rt, "host")
				if w.hosts[n] == nil {
					w.hosts[n] = &fakeHost{runs: map[string]apps.InstanceReport{}, Report: apps.Report{Boot: 1, Host: apps.Host{
						Name: n, Addr: n, Total: apps.Resources{CPU: size[n], Mem: 4096}, Ports: []apps.Range{{First: 31000, Last: 31003}}}}}
				}
				w.hosts[n].Host.Role = rapid.SampledFrom([]string{"", "", "", "public"}).Draw(rt, "role")
				w.report(n)
			},
			"put": func(rt *rapid.T) {
				spec := web(rapid.IntRange(0, 6).Draw(rt, "instances"))
				spec.ID = rapid.SampledFrom([]apps.ID{"/a", "/b", "/c"}).Draw(rt, "app")
				spec.Needs.CPU = int64(rapid.IntRange(1, 12).Draw(rt, "needs")) * 100
				if rapid.Bool().Draw(rt, "unique") {
					spec.Constraints = []apps.Constraint{{Field: "hostname", Operator: "UNIQUE"}}
				}
				spec.AcceptedRoles = rapid.SampledFrom([][]string{nil, nil, {"public"}, {"public", "*"}}).Draw(rt, "accepted roles")
				w.step(Change{Deployment: fmt.Sprint("d", w.s.seq), Force: true, Put: []PutApp{{App: spec}}})
			},
			"kill": func(rt *rapid.T) {
				if all := sortedKeys(w.s.instances.byID()); len(all) > 0 {
					w.step(Kill{Instances: []string{rapid.SampledFrom(all).Draw(rt, "victim")}})
				}
			},
			"cordon": func(rt *rapid.T) {
				w.step(Cordon{Host: name.Draw(rt, "host"), On: rapid.Bool().Draw(rt, "on")})
			},
			"drain": func(rt *rapid.T) {
				w.step(Drain{Host: name.Draw(rt, "host"), On: rapid.Bool().Draw(rt, "on")})
			},
			"lose": func(rt *rapid.T) {
				n := name.Draw(rt, "host")
				delete(w.hosts, n)
				w.step(Left{Host: n, Boot: 1})
			},
			"forget": func(rt *rapid.T) { w.step(Forget{Host: name.Draw(rt, "host")}) },
			"time":   func(*rapid.T) { w.settle() },
		})
	})
}
