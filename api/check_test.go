package api

import (
	"strings"
	"testing"

	"pacer/apps"
)

func TestWhatAnInstanceAnswersToACheckIsToldWithItsTask(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	if x := do(t, server, "POST", "/v2/apps", `{"id":"/a","cmd":"sleep 1","check":{"http":{"path":"/count"}},
		"readinessChecks":[{"portName":"default","preserveLastResponse":true}]}`); x.status != 201 {
		t.Fatal(x.status, x.body)
	}
	if x := do(t, server, "GET", "/v2/apps/a/tasks", ""); strings.Contains(x.body, "checkResult") {
		t.Errorf("nobody has asked it yet: %s", x.body)
	}
	p.say("h1", func(run *apps.InstanceReport) {
		run.Ready = false
		run.Reading, run.LastReady = &apps.Reading{Status: 418}, &apps.ReadyAnswer{Status: 503, ContentType: "text/plain", Body: "warming up"}
	})
	if x := do(t, server, "GET", "/v2/apps/a/tasks", ""); !strings.Contains(x.body, `"checkResult":{"http":{"statusCode":418}}`) {
		t.Errorf("want its answer, got %s", x.body)
	}
	events := 0
	for _, n := range p.notices {
		if n.Type == "status_update_event" && strings.Contains(n.Message, "check") {
			events++
		}
	}
	if events != 1 {
		t.Errorf("want one event for one new answer, got %d", events)
	}
	app, _ := p.App("/a")
	if got := readiness(app, p.InstancesOf("/a")); len(got) != 1 || got[0].LastResponse == nil || got[0].LastResponse.Body != "warming up" {
		t.Errorf("want the last response kept, got %+v", got)
	}
}

// say has a host report what change makes of all that it runs.
func (p *platform) say(host string, change func(*apps.InstanceReport)) {
	p.step.Lock()
	defer p.step.Unlock()
	for i := range p.hosts[host].report.Runs {
		change(&p.hosts[host].report.Runs[i])
	}
	p.reportAll()
}
