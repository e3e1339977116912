package agent

import (
	"testing"
	"time"

	"pacer/apps"
)

func TestWhatIsLeftOfAPodThatEndedIsStoppedWhileItIsStillAssigned(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	h := NewHost(apps.Host{Name: "h1", Addr: "127.0.0.1", Total: apps.Resources{CPU: 1000, Mem: 1000}}, 1)
	spec := &apps.App{ID: "/pod", Version: 1, Pod: &apps.Pod{Containers: []apps.PodContainer{{Name: "a"}, {Name: "b"}}}}
	const id = "pod.instance-1"
	runs := []apps.Part{{Name: "a", Running: true, Started: noon}, {Name: "b", Running: true, Started: noon}}
	box := Container{Instance: id, App: "/pod", Version: 1, Running: true, Started: noon, Parts: runs}
	h.Step(noon, nil) // it asks for a list
	h.Step(noon, []Event{Listed{Containers: []Container{box}}, Assigned{apps.Assignment{
		Stamp: apps.Stamp{Epoch: 1, Revision: 1}, Host: "h1", Specs: []*apps.App{spec}, Instances: []apps.Assigned{{ID: id, App: "/pod", Version: 1, Ran: true}},
	}}})

	box.Running, box.Rest, box.ExitCode = false, true, 7
	box.Parts = []apps.Part{runs[0], {Name: "b", Started: noon, Ended: noon.Add(time.Second), ExitCode: 7, Message: "exited with code 7"}}
	fx, _ := h.Step(noon.Add(time.Second), []Event{Changed{box}})
	var stops int
	for range 3 { // its log is asked for first
		stops += len(fx.Stop)
		var done []Event
		for _, id := range fx.Evidence {
			done = append(done, Did{Op: OpEvidence, Instance: id})
		}
		if fx.Report != nil && len(fx.Report.Runs) == 1 {
			r := fx.Report.Runs[0]
			if r.Phase != apps.PhaseExited || r.ExitCode != 7 || r.Message != "container b: exited with code 7" || len(r.Parts) != 2 {
				t.Errorf("its end is told at once, in full: %+v", r)
			}
		}
		fx, _ = h.Step(noon.Add(2*time.Second), done)
	}
	if stops != 1 {
		t.Errorf("want the other container stopped, once, but %d stops", stops)
	}
}
