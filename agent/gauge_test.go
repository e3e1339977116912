package agent

import (
	"testing"
	"time"

	"pacer/apps"
)

func TestWhatAGaugeHearsIsToldAndNothingFollows(t *testing.T) {
	a := checked()
	a.Gauge = &apps.Gauge{Protocol: "HTTP", Path: "/count", Interval: 10 * time.Second, Timeout: time.Second}
	h := runningHost(t, a, "w1")
	fx, _ := h.Step(noon, []Event{Probed{Instance: "w1", Check: GaugeIndex, Status: 503, Cause: "HTTP status 503"}})
	if r := run(t, fx, "w1"); r.Reading == nil || r.Reading.Status != 503 || !r.Ready {
		t.Fatalf("want 503 told of an instance that is ready all the same, got %+v", r)
	}
	fx, _ = h.Step(at(10*time.Second), nil)
	if len(fx.Probe) != 1 || fx.Probe[0].Check != GaugeIndex {
		t.Fatalf("want it asked again after its interval, got %+v", fx.Probe)
	}
	fx, _ = h.Step(at(10*time.Second), []Event{Probed{Instance: "w1", Check: GaugeIndex, Status: 503, Cause: "HTTP status 503"}})
	if fx.Report != nil && !fx.Report.Beat {
		t.Fatalf("the same again is no news, but %+v", fx.Report)
	}
	if fx, _ = h.Step(at(time.Hour), nil); len(fx.Stop) > 0 {
		t.Fatalf("nothing follows from it, but %+v", fx.Stop)
	}
}

func TestTheLastAnswerToAReadinessCheckIsKeptWhereThatIsWanted(t *testing.T) {
	for _, keep := range []bool{true, false} {
		a := checked()
		a.Ports = []apps.Port{{Name: "http"}}
		a.Readiness = []apps.ReadyCheck{{Protocol: "HTTP", PortName: "http", Interval: time.Second, Timeout: time.Second, KeepResponse: keep}}
		h := runningHost(t, a, "w1")
		fx, _ := h.Step(noon, []Event{Probed{Instance: "w1", Check: ReadyCheckIndex, Status: 503, Type: "text/plain", Body: "warming up", Cause: "HTTP status 503"}})
		got := (*apps.ReadyAnswer)(nil)
		if fx.Report != nil && !fx.Report.Beat {
			got = run(t, fx, "w1").LastReady
		}
		if want := (apps.ReadyAnswer{Status: 503, ContentType: "text/plain", Body: "warming up"}); keep && (got == nil || *got != want) || !keep && got != nil {
			t.Errorf("keep %v: got %+v", keep, got)
		}
	}
}
