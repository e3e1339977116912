package agent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pacer/apps"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// at is that long after noon.
func at(d time.Duration) time.Time { return noon.Add(d) }

var web = &apps.App{
	ID: "/web", Version: 1, Instances: 1, Network: apps.NetworkBridge,
	Needs:     apps.Resources{CPU: 100, Mem: 64},
	Ports:     []apps.Port{{Protocol: "tcp", Container: 80}},
	KillGrace: 3 * time.Second,
}

// checked is web with checks of these protocols.
func checked(protocols ...string) *apps.App {
	a := *web
	for _, p := range protocols {
		a.Checks = append(a.Checks, apps.Check{
			Protocol: p, Path: "/", Command: "true",
			Interval: 10 * time.Second, Timeout: 2 * time.Second, FailuresMax: 3,
		})
	}
	return &a
}

func testHost() *Host {
	return NewHost(apps.Host{Name: "h1", Addr: "127.0.0.1", Total: apps.Resources{CPU: 2000, Mem: 4096}}, 7)
}

// letter assigns instances of an app by revision rev of the leader of epoch 1.
func letter(rev uint64, a *apps.App, ids ...string) Assigned {
	as := apps.Assignment{Stamp: apps.Stamp{Epoch: 1, Revision: rev}, Host: "h1", Specs: []*apps.App{a}}
	for i, id := range ids {
		as.Instances = append(as.Instances, apps.Assigned{ID: id, App: a.ID, Version: a.Version, Ports: []int{31000 + i}})
	}
	return Assigned{as}
}

func running(id string) Container {
	return Container{Instance: id, App: "/web", Version: 1, Epoch: 1, Running: true, Started: noon, IP: "172.17.0.2", Needs: web.Needs}
}

func exited(id string, code int) Container {
	c := running(id)
	c.Running, c.ExitCode, c.IP = false, code, ""
	return c
}

func started(id string) Did { return Did{Op: OpStart, Instance: id, Container: running(id)} }

// listedHost is a host whose engine was listed and has these containers.
func listedHost(t *testing.T, cs ...Container) *Host {
	t.Helper()
	h := testHost()
	if fx, _ := h.Step(noon, nil); !fx.List || fx.Report != nil {
		t.Fatalf("a new agent asks its engine first and says nothing yet, but %+v", fx)
	}
	if fx, _ := h.Step(noon, []Event{Listed{Containers: cs}}); fx.Report == nil || fx.Report.Down != "" {
		t.Fatalf("want a report once the engine answered, got %+v", fx.Report)
	}
	return h
}

// runningHost runs these instances of a.
func runningHost(t *testing.T, a *apps.App, ids ...string) *Host {
	t.Helper()
	h := listedHost(t)
	h.Step(noon, []Event{letter(1, a, ids...)})
	for _, id := range ids {
		h.Step(noon, []Event{started(id)})
	}
	return h
}

func run(t *testing.T, fx Effects, id string) apps.InstanceReport {
	t.Helper()
	if fx.Report == nil || fx.Report.Beat {
		t.Fatalf("want a full report, got %+v", fx.Report)
	}
	for _, r := range fx.Report.Runs {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("want %s in the report, got %+v", id, fx.Report.Runs)
	panic("unreachable")
}

func TestAnAssignedInstanceIsStartedAndReportedReady(t *testing.T) {
	h := listedHost(t)

	fx, _ := h.Step(noon, []Event{letter(1, web, "w1")})
	if len(fx.Start) != 1 || fx.Start[0].Instance != "w1" || fx.Start[0].Epoch != 1 || !slices.Equal(fx.Start[0].Ports, []int{31000}) {
		t.Fatalf("want w1 started with its port under epoch 1, got %+v", fx.Start)
	}
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseStarting || r.Needs != web.Needs {
		t.Fatalf("want it starting and holding its needs, got %+v", r)
	}
	if got := fx.Report.Applied; got != (apps.Stamp{Epoch: 1, Revision: 1}) {
		t.Fatalf("the report is the receipt, but says %+v", got)
	}

	fx, _ = h.Step(noon, []Event{started("w1")})
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseRunning || !r.Ready || r.IP != "172.17.0.2" {
		t.Fatalf("want it running and, having no checks, ready, got %+v", r)
	}
}

func TestNothingIsTouchedBeforeTheEngineWasListed(t *testing.T) {
	h := testHost()
	h.Step(noon, nil)

	fx, _ := h.Step(noon, []Event{letter(1, web, "w1"), Changed{running("stray")}})

	if len(fx.Start)+len(fx.Stop)+len(fx.Remove) > 0 {
		t.Fatalf("want patience, got %+v", fx)
	}
}

func TestTheReceiptWaitsForTheFirstList(t *testing.T) {
	h := testHost()
	h.Step(noon, nil)

	fx, _ := h.Step(noon, []Event{letter(1, web, "w1"), Listed{Err: "no such socket"}})

	if fx.Report == nil || fx.Report.Down != "no such socket" || fx.Report.Applied != (apps.Stamp{}) {
		t.Fatalf("what runs is not known, so nothing is receipted, but %+v", fx.Report)
	}
}

func TestNothingIsStoppedBeforeTheFirstLetter(t *testing.T) {
	h := listedHost(t, running("old"), exited("dead", 1))

	fx, _ := h.Step(at(time.Minute), nil)

	if len(fx.Stop)+len(fx.Remove) > 0 {
		t.Fatalf("nobody said what is to run, but %+v", fx)
	}
}

func TestWhatIsNotAssignedIsStoppedThenRemovedThenGone(t *testing.T) {
	h := runningHost(t, web, "w1")

	fx, _ := h.Step(noon, []Event{letter(2, web)})
	if len(fx.Stop) != 1 || fx.Stop[0] != (Halt{Instance: "w1", Grace: 3 * time.Second}) || len(fx.Remove) != 0 {
		t.Fatalf("want w1 stopped with its grace, got %+v", fx)
	}
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseStopping || r.Ready {
		t.Fatalf("want it stopping and not ready, got %+v", r)
	}
	if fx, _ = h.Step(noon, []Event{Changed{exited("w1", 143)}}); len(fx.Remove) != 0 {
		t.Fatalf("the stop is under way: one operation at a time, but %+v", fx.Remove)
	}
	fx, _ = h.Step(noon, []Event{Did{Op: OpStop, Instance: "w1"}})
	if !slices.Equal(fx.Remove, []string{"w1"}) {
		t.Fatalf("want it removed, got %+v", fx)
	}
	fx, _ = h.Step(noon, []Event{Did{Op: OpRemove, Instance: "w1"}})
	if fx.Report == nil || fx.Report.Beat || len(fx.Report.Runs) != 0 {
		t.Fatalf("want a report without it, got %+v", fx.Report)
	}
}

func TestAnInstanceThatExitedIsKeptUntilItIsNotAssigned(t *testing.T) {
	h := runningHost(t, web, "w1")

	c := exited("w1", 137)
	c.OOM = true
	fx, _ := h.Step(noon, []Event{Changed{c}})
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseExited || r.ExitCode != 137 || r.Message != "out of memory: killed at its limit of 64 MiB" {
		t.Fatalf("want it exited for its memory, got %+v", r)
	}
	if fx, _ = h.Step(at(time.Hour), []Event{letter(2, web, "w1")}); len(fx.Start)+len(fx.Remove) > 0 {
		t.Fatalf("its logs stay, and it is not started again, but %+v", fx)
	}
	h.Step(at(time.Hour), []Event{Did{Op: OpEvidence, Instance: "w1", Log: "killed"}})
	if fx, _ = h.Step(at(time.Hour), []Event{letter(3, web)}); !slices.Equal(fx.Remove, []string{"w1"}) {
		t.Fatalf("want it removed at once, got %+v", fx)
	}
}

func TestAFailedStartIsFinal(t *testing.T) {
	h := listedHost(t)
	h.Step(noon, []Event{letter(1, web, "w1")})

	fx, _ := h.Step(noon, []Event{Did{Op: OpStart, Instance: "w1", Err: "no such image: web:1"}})
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseFailed || r.Message != "no such image: web:1" {
		t.Fatalf("want it failed with the reason, got %+v", r)
	}
	if fx, _ = h.Step(at(time.Minute), []Event{letter(2, web, "w1")}); len(fx.Start) > 0 {
		t.Fatalf("it is not tried again, but %+v", fx.Start)
	}
	h.Step(at(time.Minute), []Event{Did{Op: OpEvidence, Instance: "w1", Err: "no such container"}})
	if fx, _ = h.Step(at(time.Minute), []Event{letter(3, web)}); len(fx.Stop) != 1 {
		t.Fatalf("nobody knows whether it runs: want it stopped before it is removed, got %+v", fx)
	}
}

func TestTroubleOfTheEngineIsTriedAgainAtGrowingPauses(t *testing.T) {
	h := listedHost(t)
	now := noon
	h.Step(now, []Event{letter(1, web, "w1")})
	var pauses []time.Duration
	for range 7 {
		fx, _ := h.Step(now, []Event{letter(1, web, "w1"), Did{Op: OpStart, Instance: "w1", Err: "registry: timeout", Retry: true}})
		if r := run(t, fx, "w1"); r.Phase != apps.PhaseStarting || r.Message != "registry: timeout" {
			t.Fatalf("want it still starting, with the reason, got %+v", r)
		}
		failed := now
		for steps := 0; ; steps++ {
			var evs []Event
			if fx.List {
				c := Container{Instance: "w1", App: "/web", Epoch: 1} // made, never ran
				evs = append(evs, Listed{Containers: []Container{c}})
			}
			var wake time.Time
			if fx, wake = h.Step(now, evs); len(fx.Start) == 1 {
				break
			}
			if !fx.List {
				now = wake
			}
			if steps > 100 {
				t.Fatalf("not started again by %v", now.Sub(noon))
			}
		}
		pauses = append(pauses, now.Sub(failed))
	}
	want := []time.Duration{200e6, 400e6, 800e6, 1600e6, 3200e6, 5e9, 5e9}
	if !slices.Equal(pauses, want) {
		t.Fatalf("want pauses of %v, got %v", want, pauses)
	}
}

func TestStartsUnderWayAreBoundedAndGoInOrder(t *testing.T) {
	h := listedHost(t)
	ids := []string{"w9", "w8", "w7", "w6", "w5", "w4"}

	fx, _ := h.Step(noon, []Event{letter(1, web, ids...)})
	var got []string
	for _, l := range fx.Start {
		got = append(got, l.Instance)
	}
	if !slices.Equal(got, ids[:4]) {
		t.Fatalf("two cores start four at once, in the order of the letter, but %v", got)
	}
	if r := run(t, fx, "w4"); r.Phase != apps.PhaseQueued {
		t.Fatalf("want the last one queued, got %+v", r)
	}
	fx, _ = h.Step(noon, []Event{started("w7")})
	if len(fx.Start) != 1 || fx.Start[0].Instance != "w5" {
		t.Fatalf("want the next one started, got %+v", fx.Start)
	}
}

func TestOldAndStrangeLettersChangeNothingButAreAnswered(t *testing.T) {
	h := runningHost(t, web, "w1")
	h.Step(noon, []Event{letter(5, web, "w1")})
	other := letter(9, web)
	other.Host = "h2"
	formerLife := letter(9, web)
	formerLife.Boot = 6
	deposed := letter(9, web)
	deposed.Epoch = 0
	for name, ev := range map[string]Assigned{
		"repeated": letter(5, web), "older": letter(4, web), "of a deposed leader": deposed,
		"to another host": other, "to an earlier life": formerLife,
	} {
		fx, _ := h.Step(noon, []Event{ev})
		if len(fx.Stop) > 0 || fx.Report == nil || fx.Report.Beat || fx.Report.Applied.Revision != 5 {
			t.Errorf("%s: want a full report of revision 5 and nothing else, got %+v", name, fx)
		}
	}
}

func TestLabelsOfALaterLeaderFenceAnEarlierOne(t *testing.T) {
	h := testHost()
	h.Step(noon, nil)
	h.Step(noon, []Event{letter(1, web)}) // epoch 1 wants nothing to run
	c := running("w1")
	c.Epoch = 3

	fx, _ := h.Step(noon, []Event{Listed{Containers: []Container{c}}})
	if len(fx.Stop) > 0 || fx.Report.Applied != (apps.Stamp{}) {
		t.Fatalf("the leader of epoch 1 is deposed, but %+v", fx)
	}
	if fx, _ = h.Step(noon, []Event{letter(2, web)}); len(fx.Stop) > 0 {
		t.Fatalf("and stays so, but %+v", fx)
	}
	next := letter(1, web)
	next.Epoch = 3
	if fx, _ = h.Step(noon, []Event{next}); len(fx.Stop) != 1 {
		t.Fatalf("epoch 3 may stop it, but %+v", fx)
	}
}

func TestARestartedAgentAdoptsWhatRuns(t *testing.T) {
	h := listedHost(t, running("w1"))

	fx, _ := h.Step(noon, []Event{letter(1, web, "w1")})

	if len(fx.Start)+len(fx.Stop)+len(fx.Remove) > 0 {
		t.Fatalf("it runs already, but %+v", fx)
	}
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseRunning || !r.Ready || r.Unknown {
		t.Fatalf("want it running and, without checks, ready, got %+v", r)
	}
}

func TestAnAdoptedInstanceIsUnknownUntilItsChecksAnswer(t *testing.T) {
	h := testHost()
	h.Step(noon, nil)
	fx, _ := h.Step(noon, []Event{Listed{Containers: []Container{running("w1")}}})
	if r := run(t, fx, "w1"); r.Ready || !r.Unknown {
		t.Fatalf("its checks are not even known, but %+v", r)
	}
	fx, _ = h.Step(noon, []Event{letter(1, checked("HTTP"), "w1")})
	if r := run(t, fx, "w1"); len(fx.Probe) != 1 || r.Ready || !r.Unknown {
		t.Fatalf("want it asked at once and unknown, got %+v, %+v", fx.Probe, r)
	}
	fx, _ = h.Step(noon, []Event{Probed{Instance: "w1", OK: true}})
	if r := run(t, fx, "w1"); !r.Ready || r.Unknown {
		t.Fatalf("want it ready, got %+v", r)
	}
}

func TestAnAdoptedInstanceThatFailsItsCheckIsKnownNotReady(t *testing.T) {
	h := listedHost(t, running("w1"))
	h.Step(noon, []Event{letter(1, checked("HTTP"), "w1")})

	fx, _ := h.Step(noon, []Event{Probed{Instance: "w1", Cause: "HTTP status 503"}})

	if r := run(t, fx, "w1"); r.Ready || r.Unknown {
		t.Fatalf("want it known not to be ready, got %+v", r)
	}
}

func TestReadyNeedsEveryCheckAndReadinessOnce(t *testing.T) {
	a := checked("HTTP", "TCP")
	a.Readiness = []apps.ReadyCheck{{Protocol: "HTTP", Path: "/ready", PortName: "http", Interval: time.Second, Timeout: time.Second}}
	h := listedHost(t)
	h.Step(noon, []Event{letter(1, a, "w1")})

	fx, _ := h.Step(noon, []Event{started("w1")})
	var asked []int
	for _, p := range fx.Probe {
		asked = append(asked, p.Check)
	}
	if !slices.Equal(asked, []int{0, 1, ReadyCheckIndex}) {
		t.Fatalf("want every check asked as soon as it runs, got %v", asked)
	}
	fx, _ = h.Step(noon, []Event{Probed{Instance: "w1", Check: 0, OK: true}, Probed{Instance: "w1", Check: 1, OK: true}})
	if r := run(t, fx, "w1"); r.Ready {
		t.Fatalf("it has not passed its readiness check, but %+v", r)
	}
	fx, _ = h.Step(noon, []Event{Probed{Instance: "w1", Check: ReadyCheckIndex, OK: true}})
	if r := run(t, fx, "w1"); !r.Ready {
		t.Fatalf("all passed, but %+v", r)
	}
	if fx, _ = h.Step(at(time.Minute), nil); len(fx.Probe) != 2 {
		t.Fatalf("readiness is asked until it passed, then only the checks, but %+v", fx.Probe)
	}
}

func TestTheVerdictTravelsNotTheProbe(t *testing.T) {
	h := runningHost(t, checked("HTTP"), "w1")
	fx, _ := h.Step(noon, []Event{Probed{Instance: "w1", OK: true}})
	revision := fx.Report.Revision
	now := noon
	answer := func(ok bool) Effects {
		now = now.Add(10 * time.Second)
		if fx, _ := h.Step(now, nil); len(fx.Probe) != 1 {
			t.Fatalf("want a probe every interval, got %+v", fx.Probe)
		}
		fx, _ := h.Step(now, []Event{Probed{Instance: "w1", OK: ok, Cause: "refused"}})
		return fx
	}
	for range 5 {
		if fx := answer(true); fx.Report != nil {
			t.Fatalf("nothing changed, but %+v", fx.Report)
		}
	}
	fx = answer(false)
	if r := run(t, fx, "w1"); r.Ready || r.Health[0].Alive || r.Health[0].Kill || fx.Report.Revision <= revision {
		t.Fatalf("want the first failure told under a new revision, got %+v", fx.Report)
	}
	if fx = answer(false); fx.Report != nil {
		t.Fatalf("the second failure is no news, but %+v", fx.Report)
	}
	fx = answer(false)
	if r := run(t, fx, "w1"); !r.Health[0].Kill || r.Health[0].Failures != 3 {
		t.Fatalf("the third failure calls for a kill, but %+v", r)
	}
	if len(fx.Stop) > 0 {
		t.Fatalf("the leader decides on that, but %+v", fx.Stop)
	}
}

func TestTheEngineGoingAwayStopsNothingAndIsSurvived(t *testing.T) {
	h := runningHost(t, checked("HTTP", "COMMAND"), "w1")
	h.Step(noon, []Event{Probed{Instance: "w1", Check: 0, OK: true}, Probed{Instance: "w1", Check: 1, OK: true}})
	now := at(2 * time.Second)
	fx, _ := h.Step(now, []Event{Unwatched{"EOF"}})
	if !fx.List {
		t.Fatalf("want the engine asked, got %+v", fx)
	}
	var pauses []time.Duration
	for range 5 {
		fx, _ = h.Step(now, []Event{Listed{Err: "connection refused"}})
		failed := now
		for !fx.List {
			var wake time.Time
			fx, wake = h.Step(now, nil)
			if !fx.List {
				now = wake
			}
		}
		pauses = append(pauses, now.Sub(failed))
	}
	if want := []time.Duration{250e6, 500e6, 1e9, 2e9, 2e9}; !slices.Equal(pauses, want) {
		t.Fatalf("want the engine asked again after %v, got %v", want, pauses)
	}
	fx, _ = h.Step(now, []Event{letter(2, web)})
	if len(fx.Stop) > 0 || fx.Report.Down != "connection refused" {
		t.Fatalf("want it said and nothing done, got %+v", fx)
	}
	now = now.Add(10 * time.Second)
	fx, _ = h.Step(now, []Event{letter(3, checked("HTTP", "COMMAND"), "w1")})
	if len(fx.Probe) != 1 || fx.Probe[0].Check != 0 {
		t.Fatalf("the network can be asked meanwhile, commands can not, but %+v", fx.Probe)
	}
	fx, _ = h.Step(now, []Event{Listed{Containers: []Container{running("w1")}}})
	if r := run(t, fx, "w1"); fx.Report.Down != "" || !r.Ready {
		t.Fatalf("want it as before, got %+v", fx.Report)
	}
}

func TestAnEngineThatForgotAContainerLosesIt(t *testing.T) {
	h := runningHost(t, web, "w1")

	fx, _ := h.Step(at(relistEvery), nil)
	if !fx.List {
		t.Fatalf("want a list every %v, got %+v", relistEvery, fx)
	}
	fx, _ = h.Step(at(relistEvery), []Event{Listed{}})
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseExited || !r.Lost || r.Message != "container vanished" {
		t.Fatalf("want it lost, got %+v", r)
	}
	if fx, _ = h.Step(at(time.Hour), []Event{letter(2, web, "w1")}); len(fx.Start) > 0 {
		t.Fatalf("it is not started again, but %+v", fx.Start)
	}
	if fx, _ = h.Step(at(time.Hour), []Event{letter(3, web)}); len(fx.Remove)+len(fx.Stop) > 0 || len(fx.Report.Runs) > 0 {
		t.Fatalf("there is nothing to remove, but %+v", fx)
	}
}

func TestAListOlderThanAStartDoesNotDenyIt(t *testing.T) {
	h := listedHost(t)
	h.Step(at(relistEvery), nil) // the list is asked for
	h.Step(at(relistEvery), []Event{letter(1, web, "w1")})
	h.Step(at(relistEvery), []Event{started("w1")})

	h.Step(at(relistEvery), []Event{Listed{}}) // it was taken before w1 was there

	fx, _ := h.Step(at(relistEvery), []Event{letter(2, web, "w1")})
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseRunning {
		t.Fatalf("want it running, got %+v", r)
	}
}

func TestAnInstanceThatTheLeaderSawRunningIsNotStartedAgain(t *testing.T) {
	h := listedHost(t) // a new agent; the container is not there
	l := letter(1, web, "w1")
	l.Instances[0].Ran = true

	fx, _ := h.Step(noon, []Event{l})

	if r := run(t, fx, "w1"); len(fx.Start) > 0 || r.Phase != apps.PhaseExited || !r.Lost {
		t.Fatalf("want it lost, got %+v", fx)
	}
}

func TestAContainerThatWasMadeButNeverRanIsStarted(t *testing.T) {
	h := listedHost(t, Container{Instance: "w1", App: "/web", Version: 1, Epoch: 1})

	fx, _ := h.Step(noon, []Event{letter(1, web, "w1")})

	if len(fx.Start) != 1 {
		t.Fatalf("want it started, got %+v", fx)
	}
}

func TestAStartThatIsNotWantedAnyMoreIsGivenUp(t *testing.T) {
	h := listedHost(t)
	h.Step(noon, []Event{letter(1, web, "w1")})

	fx, _ := h.Step(noon, []Event{letter(2, web)})
	if !slices.Equal(fx.Cancel, []string{"w1"}) || len(fx.Stop) > 0 {
		t.Fatalf("want the start cancelled and nothing else yet, got %+v", fx)
	}
	fx, _ = h.Step(noon, []Event{Did{Op: OpStart, Instance: "w1", Err: "canceled", Retry: true}})
	if len(fx.Stop) != 1 {
		t.Fatalf("it may run: want it stopped, got %+v", fx)
	}
}

func TestLateAndDoubledOutcomesDoNoHarm(t *testing.T) {
	h := runningHost(t, web, "w1")
	h.Step(noon, []Event{Changed{exited("w1", 1)}})

	fx, _ := h.Step(noon, []Event{started("w1"), Did{Op: OpStop, Instance: "w1"}, Did{Op: OpRemove, Instance: "w1"}, Did{Op: OpRemove, Instance: "never"}, letter(2, web, "w1")})

	if r := run(t, fx, "w1"); r.Phase != apps.PhaseExited || len(fx.Start) > 0 {
		t.Fatalf("it has exited, whatever comes later, but %+v", r)
	}
}

func TestAnOutcomeThatNeverComesIsResolvedByAList(t *testing.T) {
	h := runningHost(t, web, "w1")
	h.Step(noon, []Event{letter(2, web)}) // the stop is issued and its Did is lost
	now := at(time.Hour)
	h.Step(now, nil)

	fx, _ := h.Step(now, []Event{Listed{Containers: []Container{running("w1")}}})

	if len(fx.Stop) != 1 {
		t.Fatalf("it still runs: want it stopped again, got %+v", fx)
	}
}

func TestAnOldListDoesNotBringBackWhatWasRemoved(t *testing.T) {
	h := runningHost(t, web, "w1")
	h.Step(at(relistEvery), nil) // the list is asked for, and sees w1
	h.Step(at(relistEvery), []Event{letter(2, web)})
	h.Step(at(relistEvery), []Event{Did{Op: OpStop, Instance: "w1"}})
	h.Step(at(relistEvery), []Event{Did{Op: OpRemove, Instance: "w1"}})

	fx, _ := h.Step(at(relistEvery), []Event{Listed{Containers: []Container{running("w1")}}, Changed{running("w1")}, letter(2, web)})

	if len(fx.Report.Runs) > 0 || len(fx.Stop) > 0 {
		t.Fatalf("w1 is gone, but %+v", fx)
	}
}

func TestASignOfLifeComesEverySecond(t *testing.T) {
	h := runningHost(t, web, "w1")

	fx, wake := h.Step(at(999*time.Millisecond), nil)
	if fx.Report != nil || !wake.Equal(at(time.Second)) {
		t.Fatalf("want silence until 1s, got %+v and %v", fx.Report, wake.Sub(noon))
	}
	fx, wake = h.Step(wake, nil)
	if fx.Report == nil || !fx.Report.Beat || fx.Report.Runs != nil || !wake.Equal(at(2*time.Second)) {
		t.Fatalf("want a beat now and in a second, got %+v and %v", fx.Report, wake.Sub(noon))
	}
}

// Where time is not measured by a clock that only runs forwards, silence must not last as
// long as the clock was put back.
func TestAClockThatWasPutBackDoesNotSilenceTheHost(t *testing.T) {
	h := runningHost(t, web, "w1")

	fx, wake := h.Step(at(-time.Minute), nil)

	if fx.Report == nil || !wake.Equal(at(time.Second-time.Minute)) {
		t.Fatalf("want a sign of life now and in a second, got %+v and %v", fx.Report, wake.Sub(noon))
	}
}

func TestWhatTheHostIsTravels(t *testing.T) {
	h := runningHost(t, web, "w1")
	bigger := apps.Host{Addr: "127.0.0.1", Total: apps.Resources{CPU: 8000}, Engine: "29.0"}

	fx, _ := h.Step(noon, []Event{Engine{Host: bigger}})

	if !fx.List || fx.Report == nil || fx.Report.Host.Total.CPU != 8000 || fx.Report.Host.Name != "h1" {
		t.Fatalf("want it listed and told, got %+v", fx)
	}
}

func TestAnAgentWaitsAMomentForWhatItsHostHas(t *testing.T) {
	h := NewHost(apps.Host{Name: "h1"}, 1)
	fx, wake := h.Step(noon, nil)
	if !fx.Empty() || !wake.Equal(at(muteMax)) {
		t.Fatalf("want nothing before the engine said what the host has, got %+v and %v", fx, wake.Sub(noon))
	}
	fx, _ = h.Step(at(muteMax), nil)
	if !fx.List || fx.Report == nil || fx.Report.Down == "" {
		t.Fatalf("want to be heard after %v all the same, got %+v", muteMax, fx)
	}
}

func ExampleHost_Step() {
	h := testHost()
	h.Step(noon, nil)
	h.Step(noon, []Event{Listed{}})
	fx, _ := h.Step(noon, []Event{letter(1, web, "web.1", "web.2")})
	for _, l := range fx.Start {
		fmt.Println("start", l.Instance, "of", l.App.ID)
	}
	// Output:
	// start web.1 of /web
	// start web.2 of /web
}

func TestAnInstanceStartsAsItsLetterSaysOfItsGroup(t *testing.T) {
	h := listedHost(t)
	as := letter(1, web, "web.1")
	as.Enforced = []apps.ID{web.ID}
	fx, _ := h.Step(noon, []Event{as})
	if len(fx.Start) != 1 || !fx.Start[0].Enforced {
		t.Errorf("want one start in a group that enforces its role, got %+v", fx.Start)
	}
}
