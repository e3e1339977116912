package cluster

import (
	"testing"
	"time"

	"pacer/apps"
)

// What the simulator found, each told as shortly as it can be.

// A letter that is repeated and changed in one step is a new one: under its old
// revision the host would drop the change as old news.
func TestALetterThatIsRepeatedAndChangedIsANewOne(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(2))
	w.settle()
	h, known := w.hosts["h1"], w.s.hosts["h1"]
	before := known.rev
	known.applied.Revision-- // its receipt for the newest letter is lost
	h.Revision++
	r := h.Report
	r.Applied.Revision--
	for _, id := range sortedKeys(h.runs) {
		r.Runs = append(r.Runs, h.runs[id])
	}
	w.now = w.now.Add(resendPause)

	fx := w.step(Reported{r}, Kill{Instances: []string{sortedKeys(w.s.instances.byID())[0]}})

	if len(fx.Assign) != 1 || fx.Assign[0].Revision <= before || len(fx.Assign[0].Instances) != 2 {
		t.Fatalf("one of two is stopped and a third starts: want a letter newer than revision %d with two instances, got %+v", before, fx.Assign)
	}
}

// A new leader that moves a host before it has heard it: what it loaded as Stopping
// there is gone as soon as the host says so.
func TestWhatWasLoadedAsStoppingIsGoneWhenItsHostSaysSo(t *testing.T) {
	spec := web(1)
	spec.Version, spec.ConfigAt = 1, 1
	h := newWorld(t, "h1").hosts["h1"]
	in := func(serial uint64, state apps.State) apps.Instance {
		return apps.Instance{ID: apps.InstanceID(spec.ID, 7, serial), Serial: serial, App: spec.ID, Version: 1, Role: "shop", Needs: spec.Needs, Host: "h1", State: state, Since: noon}
	}
	w := &world{t: t, now: noon, hosts: map[string]*fakeHost{"h1": h}, s: New(Stored{
		Cluster: 7, Serial: 2, Apps: []*apps.App{spec}, Hosts: []apps.Host{h.Host},
		Instances: []apps.Instance{in(1, apps.Stopping), in(2, apps.Starting)},
	}, 2, noon)}
	if fx := w.step(Kill{Instances: []string{in(2, 0).ID}}); len(fx.Assign) != 0 { // moves the host
		t.Errorf("the host was not heard yet: a letter to it would be for any of its lives, got %+v", fx.Assign)
	}

	h.runs = map[string]apps.InstanceReport{} // it has let go of both
	w.report("h1")                            // its first word: the letter is for this life of it
	w.report("h1")

	if n := w.count(apps.Stopping); n != 0 {
		t.Fatalf("the host runs nothing any more and has applied %+v, but %d instances are still stopping", h.Applied, n)
	}
}

// A letter is for one life of an agent: one that came late to another would start what
// ended meanwhile (the agent knows of no ends before its start).
func TestALetterIsForTheAgentThatWasHeardLast(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(1))
	w.settle()
	next := w.hosts["h1"].Report
	next.Boot, next.Revision, next.Beat, next.Applied = 2, 0, true, apps.Stamp{}
	w.now = w.now.Add(resendPause)

	fx := w.step(Reported{next})

	if len(fx.Assign) != 1 || fx.Assign[0].Boot != 2 {
		t.Errorf("the agent was restarted: want one letter, for boot 2, got %+v", fx.Assign)
	}
	if late := w.step(Reported{w.hosts["h1"].Report}); len(late.Assign) != 0 || w.s.hosts["h1"].life != 2 {
		t.Errorf("a letter of the agent before came late: want no answer, got %+v", late.Assign)
	}
}

// A leader that slept, or whose clock leapt, does not know what it missed meanwhile: not
// of an engine that was away before, nor of an agent that had said goodbye.
func TestAPauseOfOursIsNotHeldAgainstWhoWasAwayBefore(t *testing.T) {
	w := newWorld(t, "h1", "h2")
	down := w.hosts["h1"].Report
	down.Revision, down.Down = down.Revision+1, "EOF"
	w.step(Reported{down}, Left{"h2", 1})
	w.now = w.now.Add(time.Minute)

	w.step()

	for name, h := range w.s.hosts {
		if h.Lost {
			t.Errorf("host %s is lost: %s", name, h.Message)
		}
	}
	for range 6 {
		w.now = w.now.Add(time.Second)
		w.step()
	}
	for name, h := range w.s.hosts {
		if !h.Lost {
			t.Errorf("host %s was away for six seconds more, and is not lost", name)
		}
	}
}

// A new leader tells at once who waits, also of one that is not tried yet because its app
// failed: nothing else would bring it to mind until then.
func TestANewLeaderTellsWhoWaits(t *testing.T) {
	spec := web(1)
	spec.Version, spec.ConfigAt = 1000, 1000
	until := noon.Add(time.Minute)
	w := &world{t: t, hosts: map[string]*fakeHost{}, now: noon, s: New(Stored{
		Cluster: 7, Serial: 1, Apps: []*apps.App{spec}, Instances: []apps.Instance{{
			ID: apps.InstanceID(spec.ID, 7, 1), Serial: 1, App: spec.ID, Version: 1000, Needs: spec.Needs, State: apps.Waiting, Since: noon, NotBefore: until,
		}},
	}, 2, noon)}

	if fx := w.step(); len(fx.Waits) != 1 || fx.Waits[0].Waiting != 1 || !fx.Waits[0].Until.Equal(until) {
		t.Errorf("want one that waits until %v, got %+v", until, fx.Waits)
	}
}

// An app that is deleted with its last instance in the same step has no row left.
func TestADeletedAppLeavesNoRow(t *testing.T) {
	for name, n := range map[string]int{"suspended": 0, "waiting for a host": 2} {
		w := newWorld(t)
		w.put(web(n))

		fx := w.step(Change{Request: "r", Deployment: "del", Delete: []apps.ID{"/shop/web"}, Force: true})

		if len(fx.Save.GoneApps) != 1 || len(fx.Save.Apps) != 0 {
			t.Errorf("%s: want it gone, once, and no row written, got %v gone and %d written", name, fx.Save.GoneApps, len(fx.Save.Apps))
		}
	}
}

// A host that is forgotten and comes back within one step has a row: the next leader
// would not know what it has.
func TestAForgottenHostThatComesBackAtOnceKeepsItsRow(t *testing.T) {
	w := newWorld(t, "h1")
	w.report("h1")
	for range 6 {
		w.now = w.now.Add(time.Second)
		w.step()
	}
	again := w.hosts["h1"].Report

	fx := w.step(Forget{Request: "r", Host: "h1"}, Reported{again})

	if len(fx.Save.Hosts) != 1 || len(fx.Save.GoneHosts) != 0 {
		t.Errorf("want its row, and none gone, got %+v and %v", fx.Save.Hosts, fx.Save.GoneHosts)
	}
	for range 6 {
		w.now = w.now.Add(time.Second)
		w.step()
	}
	again.Host.Total.CPU++
	again.Revision++
	if fx = w.step(Reported{again}, Forget{Request: "r", Host: "h1"}); len(fx.Save.Hosts) != 1 || len(fx.Save.GoneHosts) != 0 {
		t.Errorf("it lives, and cannot be forgotten, got %+v and %v", fx.Save.Hosts, fx.Save.GoneHosts)
	}
}

func TestWhatIsRemovedAndMadeAgainInOneStepIsNotGone(t *testing.T) {
	w := newWorld(t)
	w.step(SetRole{Request: "r", Role: apps.Role{Name: "shop", Weight: 2000}}, Subscribe{Request: "r", URL: "http://a", On: true})
	fx := w.step(DropRole{Request: "r", Name: "shop"}, SetRole{Request: "r", Role: apps.Role{Name: "shop", Weight: 3000}},
		Subscribe{Request: "r", URL: "http://b", On: true}, Subscribe{Request: "r", URL: "http://b"})
	if len(fx.Save.Roles) != 1 || len(fx.Save.GoneRoles) != 0 {
		t.Errorf("want the role's row, and none gone, got %+v and %v", fx.Save.Roles, fx.Save.GoneRoles)
	}
	if len(fx.Save.Callbacks) != 0 {
		t.Errorf("who unsubscribes in the step in which he subscribed has no row, got %+v", fx.Save.Callbacks)
	}
}

// A host that was lost and is found by a mere sign of life says in full what it runs
// before it gets anything new; it has to be asked.
func TestAHostFoundByASignOfLifeIsAskedForAllItRuns(t *testing.T) {
	w := newWorld(t, "h1")
	w.report("h1")
	for range 6 {
		w.now = w.now.Add(time.Second)
		w.step()
	}
	if !w.s.hosts["h1"].Lost {
		t.Fatal("a silent host should be lost")
	}
	beat := w.hosts["h1"].Report
	beat.Beat = true

	fx := w.step(Reported{beat})

	if len(fx.Assign) != 1 {
		t.Fatalf("want a letter that has to be answered in full, got %+v", fx.Assign)
	}
}

// A rolling change that also shrinks counts those it has just let go as gone.
func TestWhoWasJustLetGoDoesNotCountAsReady(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.put(web(4))
	w.settle()
	var victim, elsewhere string
	for _, id := range sortedKeys(w.s.instances.byID()) {
		if host := w.s.instances.get(id).Host; host != "h3" {
			victim = id
		} else {
			elsewhere = id
		}
	}
	if victim == "" || elsewhere == "" {
		t.Fatal("the app should be spread over the hosts")
	}
	w.step(Cordon{Host: "h1", On: true}, Cordon{Host: "h2", On: true}, Drain{Host: "h3", On: true})

	w.step(Change{Deployment: "d2", Kill: []string{victim}, Edit: []EditApp{{App: "/shop/web", Edit: func(old *apps.App) (*apps.App, error) {
		spec := *old
		spec.Instances = 3
		return &spec, nil
	}}}})

	ready := 0
	for in := range w.s.instances.all() {
		if in.Ready && in.State == apps.Running {
			ready++
		}
	}
	if ready < 3 {
		t.Fatalf("three of three must stay ready, %d are", ready)
	}
}

// An app that a deployment removed and that was made anew, while the deployment is still
// at others, is not held by it: nor does a new leader believe that.
func TestAnAppThatWasMadeAnewIsNotHeldByWhoRemovedIt(t *testing.T) {
	spec, d := web(1), apps.Deployment{
		ID: "d1", Version: 1000, State: apps.DeploymentRunning, Old: map[apps.ID]*apps.App{"/shop/web": web(1), "/shop/db": nil},
		Steps: []apps.Step{{Actions: []apps.Action{{Kind: apps.StopApplication, App: "/shop/web"}, {Kind: apps.ScaleApplication, App: "/shop/db"}}}},
	}
	db := *web(1)
	db.ID, db.Version, db.ConfigAt, db.Ports = "/shop/db", 1000, 1000, nil
	spec.Version, spec.ConfigAt = 2000, 2000
	w := &world{t: t, hosts: map[string]*fakeHost{}, now: noon, s: New(Stored{Cluster: 7, Apps: []*apps.App{spec, &db}, Deployments: []apps.Deployment{d}}, 2, noon)}

	if r := w.put(web(2)); r.Err != nil {
		t.Errorf("it was made anew after the deployment removed it, but: %v", r.Err)
	}
	if w.s.apps["/shop/db"].holder == nil {
		t.Error("the other app of the deployment is not held any more")
	}
}

// A deployment that removes an app is paused; the app ends, is made anew and removed again
// by another. Resumed meanwhile, the first has nothing to wait for (powers, seed 330).
func TestADeploymentDoesNotWaitForWhatOthersDoToAnAppMadeAnew(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(2))
	w.settle()
	w.now = w.now.Add(time.Second)
	w.step(Change{Request: "r", Deployment: "first", Delete: []apps.ID{"/shop/web"}})
	w.step(Pause{Request: "r", ID: "first", On: true})
	w.settle()
	if w.s.apps["/shop/web"] != nil || w.s.deployments["first"] == nil {
		t.Fatalf("want the app removed and its deployment paused, got %+v and %+v", w.s.apps, w.s.deployments)
	}
	w.now = w.now.Add(time.Second)
	w.put(web(2))
	w.settle()
	w.step(Change{Request: "r", Deployment: "second", Delete: []apps.ID{"/shop/web"}})

	w.step(Pause{Request: "r", ID: "first", On: false})

	if w.s.deployments["first"] != nil || w.s.deployments["second"] == nil {
		t.Errorf("want the first ended and the second at work, got %+v", w.s.deployments)
	}
	w.settle()
	if len(w.s.deployments) > 0 {
		t.Errorf("still running: %+v", w.s.deployments)
	}
}
