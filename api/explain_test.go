package api

import (
	"strings"
	"testing"
	"time"

	"pacer/api/client"
	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// fails has a host say that an instance ended by itself, and a moment later what was
// kept of it.
func (p *platform) fails(app apps.ID, run apps.InstanceReport, e apps.Evidence) (instance string) {
	p.step.Lock()
	defer p.step.Unlock()
	in := p.ledger.InstancesOf(app)[0]
	h := p.hosts[in.Host]
	for i := range h.report.Runs {
		if h.report.Runs[i].ID == in.ID {
			run.ID = in.ID
			h.report.Runs[i] = run
		}
	}
	p.now = p.now.Add(time.Second)
	h.report.Revision++
	p.turn([]cluster.Event{cluster.Reported{Report: h.report}})
	e.Instance, e.App = in.ID, app
	p.now = p.now.Add(time.Second)
	h.report.Revision++
	h.report.Evidence = []apps.Evidence{e}
	p.turn([]cluster.Event{cluster.Reported{Report: h.report}})
	h.report.Evidence = nil
	return in.ID
}

func TestFailuresTellWhatWasPrintedAndAnsweredLast(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/shop/web","cmd":"run","ports":[],"healthChecks":[{"protocol":"COMMAND","command":{"value":"true"}}]}`, status: 201},
		{settle: true},
		{ask: "GET /pacer/v1/apps/shop/web/failures", status: 200, want: `{"failures":[]}`},
		{ask: "GET /pacer/v1/apps/shop/nobody/failures", status: 404, want: `{"message":"App '/shop/nobody' does not exist"}`},
		{ask: "GET /pacer/v1/apps/shop/web/failures?limit=0", status: 422, want: `{"message":"limit must be a number from 1 to 20, not \"0\""}`},
		{ask: "GET /pacer/v1/apps/shop/web/failures?limit=x", status: 422},
	})
	crashed := p.fails("/shop/web", apps.InstanceReport{Phase: apps.PhaseExited, ExitCode: 3, Message: "exited with code 3"}, apps.Evidence{Log: "something broke\n"})
	p.settle()
	at := p.now
	p.fails("/shop/web", apps.InstanceReport{Phase: apps.PhaseRunning, Health: []apps.Health{{Known: true, Failures: 3, Cause: "exit code 1", Kill: true}}},
		apps.Evidence{Log: "still here\n", Health: []apps.Health{{Known: true, Failures: 3, Cause: "exit code 1", Kill: true,
			Last: &apps.CheckAnswer{At: at, Body: "no database", Error: "exit code 1", Latency: 12}}}})
	p.settle()
	tell(t, p, server, []turn{{ask: "GET /pacer/v1/apps//shop/web/failures?limit=2", status: 200, want: `{"failures":[
		{"instance":"shop_web.instance-N","version":"TIME","host":"h1","end":"unhealthy","exitCode":0,"message":"unhealthy: exit code 1","startedAt":"TIME","at":"TIME","log":"still here\n",
			"health":[{"alive":false,"failures":3,"cause":"exit code 1","last":{"at":"TIME","ok":false,"body":"no database","error":"exit code 1","latencyMs":12}}]},
		{"instance":"shop_web.instance-N","version":"TIME","host":"h1","end":"failed","exitCode":3,"message":"exited with code 3","startedAt":"TIME","at":"TIME","log":"something broke\n",
			"health":[{"alive":true,"failures":0}]}]}`}})

	c, err := client.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Failures(t.Context(), "/shop/web", 20)
	if err != nil || len(list) != 2 || list[1].Instance != crashed || list[1].Log != "something broke\n" {
		t.Errorf("want the client to know both, got %+v, %v", list, err)
	}
	var info wire.OneApp
	get(t, server, "/v2/apps/shop/web?embed=app.lastTaskFailure", &info)
	if f := info.App.LastTaskFailure; f == nil || f.Message != "unhealthy: exit code 1" || f.State != "TASK_FAILED" {
		t.Errorf("want Marathon's last failure as ever, got %+v", f)
	}
	const unhealthy = `{"id":"shop_web.instance-N._app.1","instance":"shop_web.instance-N","app":"/shop/web","version":"TIME","host":"h1","end":"unhealthy","exitCode":0,
		"message":"unhealthy: exit code 1","stagedAt":"TIME","startedAt":"TIME","readyAt":"TIME","at":"TIME","seconds":62}`
	tell(t, p, server, []turn{
		{ask: "GET /pacer/v1/tasks?limit=1", status: 200, want: `{"tasks":[` + unhealthy + `]}`},
		{ask: "GET /pacer/v1/tasks?app=shop/nobody", status: 200, want: `{"tasks":[]}`},
		{ask: "GET /pacer/v1/tasks?limit=1001", status: 422, want: `{"message":"limit must be a number from 1 to 1000, not \"1001\""}`},
		{ask: "DELETE /v2/apps/shop/web", status: 200},
		{settle: true},
	})
	gone, err := c.EndedTasks(t.Context(), "/shop/web", 0)
	if err != nil || len(gone) != 3 || gone[0].End != "stopped" || gone[2].Instance != crashed || gone[2].ExitCode != 3 {
		t.Errorf("want the history of a deleted app to have the one that was stopped, then those that failed, got %+v, %v", gone, err)
	}
	if list, err := c.Failures(t.Context(), "/shop/web", 0); err != nil || len(list) != 2 {
		t.Errorf("a deleted app's failures are kept, got %d, %v", len(list), err)
	}
}

func TestAnExplanationSaysWhyAndWhatWouldHelp(t *testing.T) {
	p := newPlatform(t, "h1", "h2", "h3")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "PUT /pacer/v1/hosts/h3", body: `{"cordoned":true}`, status: 200},
		{ask: "POST /v2/apps", body: `{"id":"/big","cmd":"run","ports":[],"instances":2,"cpus":1,"mem":20000}`, status: 201},
		{settle: true},
		{ask: "GET /pacer/v1/apps/big/explain", status: 200, want: `{"app":"/big","waiting":2,"since":"TIME","hosts":3,
			"reasons":[{"reason":"InsufficientMemory","text":"too little memory (needs 20000 MiB, most free 16384)","hosts":2},{"reason":"AgentMaintenance","text":"cordoned","hosts":1}],
			"sentence":"3 hosts: 2 too little memory (needs 20000 MiB, most free 16384), 1 cordoned",
			"hint":"lower mem to ≤ 16384 MiB, or add a host with ≥ 1 cpus and ≥ 20000 MiB memory free",
			"instances":2,"running":0,"ready":0,"summary":"2 of 2 instances have no host: 3 hosts: 2 too little memory (needs 20000 MiB, most free 16384), 1 cordoned",
			"noHost":[{"instance":"big.instance-N","version":"TIME","since":"TIME"},{"instance":"big.instance-N","version":"TIME","since":"TIME"}],"notReady":[],
			"deployment":{"id":"UUID","currentStep":2,"totalSteps":2,"stepStartedAt":"TIME","trouble":"no host takes 2 of /big: 3 hosts: 2 too little memory (needs 20000 MiB, most free 16384), 1 cordoned","cause":"unplaceable","failures":0,"rollback":false}}`},
		{ask: "PUT /v2/apps/big?force=true", body: `{"mem":16000}`, status: 200},
		{settle: true},
		{ask: "GET /pacer/v1/apps/big/explain", status: 200, want: `{"app":"/big","waiting":0,"hosts":0,"reasons":[],"instances":2,"running":2,"ready":2,
			"summary":"all is well: 2 of 2 instances are ready","noHost":[],"notReady":[]}`},
		{ask: "GET /pacer/v1/apps/nobody/explain", status: 404, want: `{"message":"App '/nobody' does not exist"}`},
	})
	p.setSlow(true)
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/slow","cmd":"run","ports":[]}`, status: 201},
		{ask: "GET /pacer/v1/apps/slow/explain", status: 200, want: `{"app":"/slow","waiting":0,"hosts":0,"reasons":[],"instances":1,"running":0,"ready":0,
			"summary":"1 of 1 instances are not ready, the first one on h1: it is starting","noHost":[],
			"notReady":[{"instance":"slow.instance-N","version":"TIME","host":"h1","state":"starting","since":"TIME","health":[]}],
			"deployment":{"id":"UUID","currentStep":2,"totalSteps":2,"stepStartedAt":"TIME","failures":0,"rollback":false}}`},
	})
	c, err := client.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := c.Explain(t.Context(), "/slow"); err != nil || len(e.NotReady) != 1 || e.App != "/slow" {
		t.Errorf("want the client to know, got %+v, %v", e, err)
	}
}

func TestAnAppThatBacksOffSaysSo(t *testing.T) {
	l := newLedger()
	now := time.Now()
	l.put(&apps.App{ID: "/a", Version: 1, Instances: 1})
	l.instances["a.1"] = apps.Instance{ID: "a.1", App: "/a", Version: 1, Since: now, NotBefore: now.Add(12 * time.Second)}
	l.waits["/a"] = cluster.Wait{App: "/a", Waiting: 1, Since: now, Until: now.Add(12 * time.Second), Hint: "add a host"}
	l.gone["/a"] = []apps.Finished{{Instance: apps.Instance{ID: "a.0", App: "/a", Version: 1, Message: "exited with code 3"}, End: apps.EndFailed, ExitCode: 3, At: now}}
	var e wire.Explanation
	get(t, serve(t, l.config()), "/pacer/v1/apps/a/explain", &e)
	if !strings.HasPrefix(e.Sentence, "backing off after a failure, for 1") || e.Hint != "" || e.Until == "" || e.NoHost[0].NotBefore == "" {
		t.Errorf("want the backoff and until when, got %+v", e)
	}
	if f := e.LastFailure; f == nil || f.ExitCode != 3 || f.Log != "" || f.Message != "exited with code 3" {
		t.Errorf("want the failure it backs off for, got %+v", f)
	}
}

func TestTheHistoryOfDeploymentsSaysHowLongEachStepTook(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	p.setSlow(true)
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/a","cmd":"run","ports":[]}`, status: 201},
		{ask: "GET /pacer/v1/deployments", status: 200, want: `{"deployments":[]}`},
		{settle: true},
	})
	p.setSlow(false)
	tell(t, p, server, []turn{
		{settle: true},
		{ask: "PUT /v2/apps/a", body: `{"instances":2}`, status: 200},
		{settle: true},
		{ask: "GET /pacer/v1/deployments?limit=1001", status: 422, want: `{"message":"limit must be a number from 1 to 1000, not \"1001\""}`},
		{ask: "GET /pacer/v1/deployments?limit=1", status: 200, want: `{"deployments":[{"id":"UUID","version":"TIME","state":"succeeded","affectedApps":["/a"],
			"steps":[{"actions":[{"action":"ScaleApplication","app":"/a"}],"startedAt":"TIME","seconds":0}],"currentStep":1,"rollback":false,"by":"127.0.0.1",
			"startedAt":"TIME","endedAt":"TIME","waiting":[]}]}`},
	})
	c, err := client.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.DeploymentHistory(t.Context(), 0)
	if err != nil || len(list) != 2 {
		t.Fatalf("want both, got %+v, %v", list, err)
	}
	first := list[1]
	if s := first.Steps; len(s) != 2 || s[0].Seconds == nil || *s[0].Seconds != 0 || s[1].Seconds == nil || *s[1].Seconds != 61 || first.Seconds != 61 {
		t.Errorf("want a step of no time and one of a minute, got %+v", first)
	}
}
