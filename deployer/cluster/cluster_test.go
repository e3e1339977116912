package cluster

import (
	"testing"
	"time"

	"pacer/apps"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func web(n int) *apps.App {
	return &apps.App{ID: "/shop/web", Instances: n, Needs: apps.Resources{CPU: 100, Mem: 64}, Network: apps.NetworkBridge,
		Ports:   []apps.Port{{Protocol: "tcp", Container: 80}},
		Upgrade: apps.Upgrade{HealthyMin: 1, OverMax: 1}, Backoff: apps.Backoff{First: time.Second, Factor: 1.15, Max: 300 * time.Second}}
}

// A world is a State with hosts that do at once what they are told.
type world struct {
	t     testing.TB
	s     *State
	now   time.Time
	hosts map[string]*fakeHost
	fx    Effects
	all   []Effects
}

type fakeHost struct {
	apps.Report
	runs  map[string]apps.InstanceReport
	moved bool // an assignment came since its last report
}

func newWorld(t testing.TB, hosts ...string) *world {
	w := &world{t: t, s: New(Stored{Cluster: 7}, 1, noon), now: noon, hosts: map[string]*fakeHost{}}
	for i, name := range hosts {
		w.hosts[name] = &fakeHost{runs: map[string]apps.InstanceReport{}, Report: apps.Report{Boot: 1, Host: apps.Host{
			Name: name, Addr: "127.0.1." + string(rune('1'+i)), Total: apps.Resources{CPU: 4000, Mem: 8192}, Ports: []apps.Range{{First: 31000, Last: 31099}}}}}
		w.report(name)
	}
	return w
}

// step folds events, obeys the assignments and checks the state.
func (w *world) step(events ...Event) Effects {
	w.t.Helper()
	w.fx, _ = w.s.Step(w.now, events)
	w.all = append(w.all, w.fx)
	if err := w.s.Check(); err != nil {
		w.t.Fatal(err)
	}
	for _, a := range w.fx.Assign {
		h := w.hosts[a.Host]
		if h == nil {
			continue
		}
		h.Applied = a.Stamp
		runs := map[string]apps.InstanceReport{}
		for _, in := range a.Instances {
			run, has := h.runs[in.ID]
			if !has {
				run = apps.InstanceReport{ID: in.ID, Phase: apps.PhaseStarting}
			}
			runs[in.ID] = run
		}
		h.runs = runs
	}
	return w.fx
}

// report sends what a host runs.
func (w *world) report(name string) Effects {
	w.t.Helper()
	h := w.hosts[name]
	h.Revision++
	r := h.Report
	for _, id := range sortedKeys(h.runs) {
		r.Runs = append(r.Runs, h.runs[id])
	}
	return w.step(Reported{r})
}

// settle lets everything that starts run and be ready until nothing changes.
func (w *world) settle() {
	w.t.Helper()
	w.turns(100)
}

func (w *world) turns(n int) {
	w.t.Helper()
	for range n {
		w.now = w.now.Add(100 * time.Millisecond)
		for _, name := range sortedKeys(w.hosts) {
			h := w.hosts[name]
			for id, run := range h.runs {
				if run.Phase == apps.PhaseStarting {
					h.runs[id] = apps.InstanceReport{ID: id, Phase: apps.PhaseRunning, Ready: true, Started: w.now}
				}
			}
			w.report(name)
		}
	}
}

func (w *world) put(spec *apps.App) Reply {
	w.t.Helper()
	fx := w.step(Change{Request: "r", Deployment: "d" + w.now.Format(time.RFC3339Nano), Put: []PutApp{{App: spec}}})
	for _, r := range fx.Reply {
		return r
	}
	w.t.Fatal("no reply to a put")
	return Reply{}
}

func (w *world) count(states ...apps.State) int {
	n := 0
	for in := range w.s.instances.all() {
		for _, st := range states {
			if in.State == st {
				n++
			}
		}
	}
	return n
}

func TestAnAppWaitsForAHost(t *testing.T) {
	w := newWorld(t)

	w.put(web(2))

	if w.count(apps.Waiting) != 2 {
		t.Fatalf("no host yet, but %d wait", w.count(apps.Waiting))
	}
	w.hosts["h1"] = newWorld(t, "h1").hosts["h1"]
	w.hosts["h1"].runs = map[string]apps.InstanceReport{}
	w.report("h1")       // it is new: it gets a letter to let go of whatever it runs
	fx := w.report("h1") // and has taken it over
	if len(fx.Assign) != 1 || len(fx.Assign[0].Instances) != 2 {
		t.Fatalf("h1 has room for both, but %+v", fx.Assign)
	}
}

func TestADeploymentEndsWhenAllAreReady(t *testing.T) {
	w := newWorld(t, "h1", "h2")

	r := w.put(web(3))
	if r.Err != nil || len(w.s.deployments) != 1 {
		t.Fatalf("want a running deployment, got %+v", r)
	}
	w.settle()

	if len(w.s.deployments) != 0 || w.count(apps.Running) != 3 {
		t.Fatalf("want no deployment and 3 running, got %d and %d", len(w.s.deployments), w.count(apps.Running))
	}
}

func TestARollingUpdateKeepsItsBounds(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.put(web(4))
	w.settle()
	next := web(4)
	next.Env = map[string]string{"V": "2"}
	next.Upgrade = apps.Upgrade{HealthyMin: 0.5, OverMax: 0.25}

	w.put(next)
	for range 100 {
		ready := 0
		for in := range w.s.instances.all() {
			if in.Ready && in.State == apps.Running {
				ready++
			}
		}
		if live := w.s.instances.n; live > 5 || ready < 2 {
			t.Fatalf("want at most 5 live and at least 2 ready, got %d and %d", live, ready)
		}
		w.now = w.now.Add(time.Second)
		for _, name := range sortedKeys(w.hosts) {
			h := w.hosts[name]
			for id, run := range h.runs {
				if run.Phase == apps.PhaseStarting {
					h.runs[id] = apps.InstanceReport{ID: id, Phase: apps.PhaseRunning, Ready: true, Started: w.now}
					break
				}
			}
			w.report(name)
		}
	}

	for in := range w.s.instances.all() {
		if in.spec.Env["V"] != "2" {
			t.Fatalf("an old instance is left: %+v", in.Instance)
		}
	}
	if w.count(apps.Running) != 4 || len(w.s.deployments) != 0 {
		t.Fatalf("want 4 running and no deployment, got %d and %d", w.count(apps.Running), len(w.s.deployments))
	}
}

func TestADeletedAppIsGoneWhenItsLastInstanceIs(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(2))
	w.settle()

	w.step(Change{Request: "r", Deployment: "del", Delete: []apps.ID{"/shop/web"}})
	w.settle()

	if len(w.s.apps) != 0 || w.s.instances.n != 0 || len(w.s.deployments) != 0 || len(w.s.ports) != 0 {
		t.Fatalf("want nothing left, got %d apps, %d instances, %d deployments, ports %v", len(w.s.apps), w.s.instances.n, len(w.s.deployments), w.s.ports)
	}
}

func TestTheFirstDeathOfAReadyInstanceCostsNoPause(t *testing.T) {
	w := newWorld(t, "h1")
	w.put(web(1))
	w.settle()
	h := w.hosts["h1"]
	die := func() {
		for id, run := range h.runs {
			run.Phase, run.ExitCode, run.Ready = apps.PhaseExited, 137, false
			h.runs[id] = run
		}
		w.report("h1")
	}

	die()
	if w.count(apps.Starting) != 1 {
		t.Fatalf("the replacement should start at once: %+v", w.s.instances.byID())
	}
	die() // before it was ever ready
	if w.count(apps.Waiting) != 1 {
		t.Fatalf("the second one should wait for the backoff")
	}
	w.now = w.now.Add(1100 * time.Millisecond)
	w.report("h1")
	if w.count(apps.Starting) != 1 {
		t.Fatalf("the backoff of a second is over, but nothing starts: %+v", w.s.instances.byID())
	}
}

func TestALostHostsInstancesRunElsewhere(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.put(web(3))
	w.settle()
	delete(w.hosts, "h3")

	for range 8 {
		w.now = w.now.Add(time.Second)
		w.settle()
	}

	if w.count(apps.Running) != 3 || w.count(apps.Waiting, apps.Starting) != 0 {
		t.Fatalf("want 3 running on two hosts, got %d", w.count(apps.Running))
	}
	for in := range w.s.instances.all() {
		if in.Host == "h3" {
			t.Fatalf("%s is still on the lost host", in.ID)
		}
	}
}

func TestADrainedHostIsEmptiedWithoutGoingBelowTheMinimum(t *testing.T) {
	w := newWorld(t, "h1", "h2", "h3")
	w.put(web(6))
	w.settle()

	w.step(Drain{Request: "r", Host: "h1", On: true})
	for range 50 {
		ready := 0
		for in := range w.s.instances.all() {
			if in.Ready && in.State == apps.Running {
				ready++
			}
		}
		if ready < 6 {
			t.Fatalf("%d of 6 are ready while the host is drained", ready)
		}
		w.settle()
	}

	for in := range w.s.instances.all() {
		if in.Host == "h1" {
			t.Fatalf("%s is still on the drained host, %s", in.ID, in.State)
		}
	}
	if w.count(apps.Running) != 6 {
		t.Fatalf("want 6 running elsewhere, got %d", w.count(apps.Running))
	}
	w.step(Drain{Request: "r", Host: "h1"})
	if r := w.s.board.Explain(web(1)); len(r.Reasons) != 0 {
		t.Fatalf("the host should take part again: %+v", r)
	}
}
