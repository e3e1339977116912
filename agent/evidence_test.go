package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"pacer/apps"
)

// evidence is what a report must say of one failed instance.
func evidence(t *testing.T, fx Effects, id string) apps.Evidence {
	t.Helper()
	if fx.Report == nil || len(fx.Report.Evidence) != 1 || fx.Report.Evidence[0].Instance != id {
		t.Fatalf("want the evidence of %s, got %+v", id, fx.Report)
	}
	return fx.Report.Evidence[0]
}

func TestAnExitIsReportedAtOnceAndItsLogAfterwards(t *testing.T) {
	h := runningHost(t, web, "w1")

	fx, _ := h.Step(noon, []Event{Changed{exited("w1", 3)}})
	if r := run(t, fx, "w1"); r.Phase != apps.PhaseExited || len(fx.Report.Evidence) > 0 {
		t.Fatalf("the report of the exit waits for nothing, but %+v", fx.Report)
	}
	if !slices.Equal(fx.Evidence, []string{"w1"}) {
		t.Fatalf("want its log fetched, got %+v", fx)
	}
	if fx, _ = h.Step(noon, []Event{letter(2, web)}); len(fx.Remove)+len(fx.Stop) > 0 {
		t.Fatalf("its log is fetched before its container goes, but %+v", fx)
	}
	fx, _ = h.Step(at(time.Millisecond), []Event{Did{Op: OpEvidence, Instance: "w1", Log: "something broke\n"}})
	if e := evidence(t, fx, "w1"); e.Log != "something broke\n" || e.App != "/web" {
		t.Fatalf("want its log, got %+v", e)
	}
	if !slices.Equal(fx.Remove, []string{"w1"}) {
		t.Fatalf("want it removed now, got %+v", fx)
	}
	fx, _ = h.Step(at(2*time.Millisecond), []Event{Did{Op: OpRemove, Instance: "w1"}})
	if len(fx.Report.Runs)+len(fx.Report.Evidence) > 0 {
		t.Fatalf("the evidence was told a moment ago, but %+v", fx.Report)
	}
}

func TestEvidenceIsToldThreeTimesAndForgotten(t *testing.T) {
	h := runningHost(t, web, "w1")
	h.Step(noon, []Event{Changed{exited("w1", 3)}, letter(2, web)})
	now := at(time.Millisecond)
	var told []time.Duration
	events := []Event{Did{Op: OpEvidence, Instance: "w1", Log: "x"}, Did{Op: OpRemove, Instance: "w1"}}
	for now.Before(at(time.Minute)) {
		fx, wake := h.Step(now, events)
		if fx.Report != nil && len(fx.Report.Evidence) > 0 {
			told = append(told, now.Sub(at(time.Millisecond)))
		}
		if events = nil; fx.List {
			events = []Event{Listed{}}
			continue
		}
		now = wake
	}
	if !slices.Equal(told, []time.Duration{0, time.Second, 11 * time.Second}) {
		t.Fatalf("want it told at once, after 1 s and after 11 s, got %v", told)
	}
}

func TestOfMuchEvidenceTheNewestIsTold(t *testing.T) {
	h := listedHost(t)
	var last []string
	for i := range evidenceMax + 5 {
		in := h.instance(fmt.Sprintf("w%02d", i))
		in.owe()
		h.give(noon, in, "x")
		last = append(last, in.id)
	}
	var told []string
	for _, e := range h.testify(noon) {
		told = append(told, e.Instance)
	}
	if !slices.Equal(told, last[5:]) {
		t.Fatalf("want the newest %d, got %v", evidenceMax, told)
	}
}

func TestAnInstanceKilledForItsChecksLeavesItsLastAnswer(t *testing.T) {
	h := runningHost(t, checked("HTTP"), "w1")
	bad := Probed{Instance: "w1", Cause: "HTTP status 503", Status: 503, Body: "no database", Took: 12 * time.Millisecond}
	now := noon
	for events := []Event{bad}; !h.instances["w1"].checks[0].Health().Kill; { // the first question is put with the start
		if now.After(at(time.Hour)) {
			t.Fatal("it fails for an hour, and nobody wants it killed")
		}
		fx, wake := h.Step(now, events)
		events = nil
		if fx.List {
			events = append(events, Listed{Containers: []Container{running("w1")}})
		}
		if len(fx.Probe) > 0 {
			events = append(events, bad)
		}
		if len(events) == 0 {
			now = wake
		}
		if len(fx.Evidence) > 0 {
			t.Fatalf("it runs: nobody has decided to kill it, but %+v", fx)
		}
	}
	fx, _ := h.Step(now, []Event{letter(2, checked("HTTP"))})
	if len(fx.Stop) != 1 || len(fx.Evidence) > 0 {
		t.Fatalf("want it stopped first: its last words may be the best, got %+v", fx)
	}
	fx, _ = h.Step(now, []Event{Changed{exited("w1", 143)}, Did{Op: OpStop, Instance: "w1"}})
	if !slices.Equal(fx.Evidence, []string{"w1"}) || len(fx.Remove) > 0 {
		t.Fatalf("want its log fetched before it is removed, got %+v", fx)
	}
	fx, _ = h.Step(now, []Event{Did{Op: OpEvidence, Instance: "w1", Err: "it hangs"}})
	e := evidence(t, fx, "w1")
	if len(e.Health) != 1 || e.Health[0].Last == nil {
		t.Fatalf("want the last answer though there is no log, got %+v", e)
	}
	if a := e.Health[0].Last; a.Status != 503 || a.Body != "no database" || a.Error != "HTTP status 503" || a.Latency != 12 || a.At.IsZero() {
		t.Fatalf("want all of the last answer, got %+v", *a)
	}
	if !slices.Equal(fx.Remove, []string{"w1"}) {
		t.Fatalf("want it removed all the same, got %+v", fx)
	}
}

func TestAnInstanceThatIsStoppedLeavesNoEvidence(t *testing.T) {
	h := runningHost(t, checked("HTTP"), "w1")
	h.Step(noon, []Event{Probed{Instance: "w1", OK: true, Status: 200}, letter(2, web)})
	fx, _ := h.Step(noon, []Event{Changed{exited("w1", 143)}, Did{Op: OpStop, Instance: "w1"}})
	if len(fx.Evidence) > 0 || !slices.Equal(fx.Remove, []string{"w1"}) {
		t.Fatalf("want it removed, got %+v", fx)
	}
}

func TestTheLastAnswerOfAHealthyCheckDoesNotTravel(t *testing.T) {
	h := runningHost(t, checked("HTTP"), "w1")
	fx, _ := h.Step(noon, []Event{Probed{Instance: "w1", OK: true, Status: 200, Body: "fine"}})
	if r := run(t, fx, "w1"); !r.Ready || r.Health[0].Last != nil {
		t.Fatalf("want it ready and short, got %+v", r)
	}
}

func TestACrashLeavesItsLastLinesThoughItsContainerIsGone(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		e := newEngine()
		e.stuckLogs = stuck
		inBubble(t, e, func(a *Agent, m *mailbox) {
			a.Assigned(letter(1, web, "w1").Assignment)
			after(time.Second)
			e.put(exited("w1", 3))
			a.Assigned(letter(2, web).Assignment)
			after(evidenceLimit + time.Second)
			if ids := e.ids(); len(ids) > 0 {
				t.Errorf("stuck=%v: want its container gone, got %v", stuck, ids)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			if !slices.Contains(e.calls, "logs w1 tail=100 follow=false") {
				t.Errorf("want its last 100 lines, got the calls %v", e.calls)
			}
			for _, r := range m.all {
				for _, ev := range r.Evidence {
					if ev.Log != "starting\nsomething broke\n" {
						t.Errorf("stuck=%v: want both streams, got %q", stuck, ev.Log)
					}
					return
				}
			}
			t.Errorf("stuck=%v: no report has evidence", stuck)
		})
	}
}

func TestATailKeepsTheEndInWholeLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all strings.Builder
		var kept tail
		for range rapid.IntRange(0, 40).Draw(t, "writes") {
			text := strings.Repeat(rapid.SampledFrom([]string{"line\n", "é", "\xff", "word ", "\n"}).Draw(t, "text"), rapid.IntRange(0, 5000).Draw(t, "times"))
			all.WriteString(text)
			if n, err := kept.Write([]byte(text)); n != len(text) || err != nil {
				t.Fatalf("want all taken, got %d, %v", n, err)
			}
		}
		got := kept.String()
		whole := strings.ToValidUTF8(all.String(), "\uFFFD")
		switch {
		case len(got) > apps.EvidenceBytes || !utf8.ValidString(got):
			t.Fatalf("want at most %d bytes of text, got %d", apps.EvidenceBytes, len(got))
		case all.Len() <= apps.EvidenceBytes && len(whole) <= apps.EvidenceBytes && got != whole:
			t.Fatalf("want all of it, got %q", got)
		case got != kept.String():
			t.Fatal("asked twice, it says two things")
		}
		if !strings.Contains(all.String(), "\xff") && !strings.HasSuffix(whole, got) && !strings.HasSuffix(whole, strings.TrimLeft(got, "\uFFFD")) {
			t.Fatalf("want the end, got %q", got[:min(len(got), 40)])
		}
	})
}
