package agent

import (
	"slices"
	"testing"
	"time"

	"pacer/apps"
)

// claiming assigns one instance with a claim.
func claiming(rev uint64, id, claim string, wipe ...string) Assigned {
	a := letter(rev, web, id)
	a.Instances[0].Claim = claim
	a.Wipe = wipe
	return a
}

func TestNobodyStartsOnVolumesThatSomebodyHas(t *testing.T) {
	h := listedHost(t)
	if fx, _ := h.Step(noon, []Event{claiming(1, "w1", "w1")}); len(fx.Start) != 1 || fx.Start[0].Claim != "w1" {
		t.Fatalf("want it started with its claim, got %+v", fx.Start)
	}
	h.Step(noon, []Event{started("w1")})

	fx, _ := h.Step(noon, []Event{claiming(2, "w2", "w1")})
	if len(fx.Start) != 0 || len(fx.Stop) != 1 {
		t.Fatalf("want the one stopped before the other starts, got %+v", fx)
	}
	if r := run(t, fx, "w2"); r.Phase != apps.PhaseQueued || r.Message != "waits until w1 has let go of its volumes" {
		t.Errorf("it says %+v", r)
	}
	fx, _ = h.Step(noon, []Event{Did{Op: OpStop, Instance: "w1"}, Changed{exited("w1", 143)}})
	if len(fx.Start) != 1 || fx.Start[0].Instance != "w2" {
		t.Errorf("now it may start, got %+v", fx)
	}
}

func TestAStartThatFailedMayHaveLeftAContainerRunning(t *testing.T) {
	h := listedHost(t)
	h.Step(noon, []Event{claiming(1, "w1", "w1")})
	h.Step(noon, []Event{Did{Op: OpStart, Instance: "w1", Err: "exec format error"}})

	fx, _ := h.Step(noon, []Event{claiming(2, "w2", "w1")})

	if len(fx.Start) != 0 {
		t.Errorf("w1 may run, but %+v", fx.Start)
	}
}

func TestAnAdoptedContainerHasItsVolumes(t *testing.T) {
	old := running("w1")
	old.Claim = "w1"
	h := listedHost(t, old)

	fx, _ := h.Step(noon, []Event{claiming(1, "w2", "w1")})

	if len(fx.Start) != 0 || len(fx.Stop) != 1 {
		t.Errorf("its label says so, but %+v", fx)
	}
}

func TestVolumesAreWipedWhenNothingHasThem(t *testing.T) {
	h := listedHost(t)
	h.Step(noon, []Event{claiming(1, "w1", "w1")})
	h.Step(noon, []Event{started("w1")})
	gone := letter(2, web)
	gone.Wipe = []string{"w1"}
	fx, _ := h.Step(noon, []Event{gone})
	if len(fx.Wipe) != 0 || len(fx.Stop) != 1 {
		t.Fatalf("it still runs, but %+v", fx)
	}
	h.Step(noon, []Event{Did{Op: OpStop, Instance: "w1"}, Changed{exited("w1", 143)}})

	fx, _ = h.Step(noon, []Event{Did{Op: OpRemove, Instance: "w1"}})
	if !slices.Equal(fx.Wipe, []string{"w1"}) {
		t.Fatalf("want its volumes deleted, got %+v", fx)
	}
	fx, _ = h.Step(noon, []Event{Did{Op: OpWipe, Instance: "w1", Err: "device busy"}})
	if len(fx.Wipe) != 0 {
		t.Fatalf("want a pause, got %+v", fx)
	}
	fx, _ = h.Step(at(time.Second), nil)
	if !slices.Equal(fx.Wipe, []string{"w1"}) {
		t.Fatalf("want another try, got %+v", fx)
	}
	fx, _ = h.Step(at(time.Second), []Event{Did{Op: OpWipe, Instance: "w1"}})
	if fx.Report == nil || !slices.Equal(fx.Report.Wiped, []string{"w1"}) {
		t.Fatalf("want it reported, got %+v", fx.Report)
	}
	next := letter(3, web)
	next.Wipe = []string{"w1"}
	if fx, _ = h.Step(at(time.Second), []Event{next}); len(fx.Wipe) != 0 || fx.Report == nil || len(fx.Report.Wiped) != 1 {
		t.Errorf("what is done is done, but %+v", fx)
	}
	if fx, _ = h.Step(at(time.Second), []Event{letter(4, web)}); fx.Report == nil || len(fx.Report.Wiped) != 0 {
		t.Errorf("nobody asks any more, but %+v", fx.Report)
	}
}

func TestALostWipeIsTriedAgain(t *testing.T) {
	h := listedHost(t)
	a := letter(1, web)
	a.Wipe = []string{"w1", "w1"}
	if fx, _ := h.Step(noon, []Event{a}); !slices.Equal(fx.Wipe, []string{"w1"}) {
		t.Fatalf("want it deleted once, got %+v", fx.Wipe)
	}
	fx, _ := h.Step(at(removeLimit+time.Minute+time.Second), []Event{Listed{}})
	if !slices.Equal(fx.Wipe, []string{"w1"}) {
		t.Errorf("want another try, got %+v", fx)
	}
}
