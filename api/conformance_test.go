package api

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/api/wire"
)

// A turn of a story: a request and its answer, or a pause in which all is done.
type turn struct {
	ask    string // METHOD path
	body   string
	status int
	want   string // JSON, with ids and times by name; empty: any
	has    []string
	settle bool
}

func tell(t *testing.T, p *platform, server *httptest.Server, story []turn) {
	t.Helper()
	for i, now := range story {
		if now.settle {
			p.settle()
			continue
		}
		method, path, _ := strings.Cut(now.ask, " ")
		x := do(t, server, method, path, now.body)
		if x.status != now.status {
			t.Fatalf("%d. %s %s\nwant %d, got %d %s", i, now.ask, now.body, now.status, x.status, x.body)
		}
		for _, part := range now.has {
			if !strings.Contains(steadied(x.body), part) {
				t.Fatalf("%d. %s %s\nwant %s in %s", i, now.ask, now.body, part, steadied(x.body))
			}
		}
		if now.want == "" {
			continue
		}
		if diff := cmp.Diff(indent(t, now.want), indent(t, steadied(x.body))); diff != "" {
			t.Fatalf("%d. %s %s (-want +got):\n%s", i, now.ask, now.body, diff)
		}
	}
}

const started = `{"version":"TIME","deploymentId":"UUID"}`

func TestTheLifeOfAnApp(t *testing.T) {
	p := newPlatform(t, "h1", "h2")
	server := serve(t, p.config())
	const web = `"container":{"type":"DOCKER","docker":{"image":"nginx","forcePullImage":false,"privileged":false,"parameters":[]},"volumes":[],
		"portMappings":[{"containerPort":80,"hostPort":0,"servicePort":10000,"protocol":"tcp","name":"http","labels":{}}]},"networks":[{"mode":"container/bridge"}],
		"requirePorts":false,"backoffSeconds":1,"backoffFactor":1.15,"maxLaunchDelaySeconds":300,"disk":0,"gpus":0,"executor":"","role":"*","labels":{},
		"upgradeStrategy":{"minimumHealthCapacity":1,"maximumOverCapacity":1},"unreachableStrategy":{"inactiveAfterSeconds":0,"expungeAfterSeconds":0},
		"killSelection":"YOUNGEST_FIRST"`
	const versioned = `"version":"TIME","versionInfo":{"lastScalingAt":"TIME","lastConfigChangeAt":"TIME"}`
	tell(t, p, server, []turn{
		{ask: "GET /v2/apps", status: 200, want: `{"apps":[]}`},
		{ask: "POST /v2/apps", body: `{"id":"web","cpus":0.1,"mem":32,"container":{"docker":{"image":"nginx","network":"BRIDGE","portMappings":[{"containerPort":80,"name":"http"}]}}}`, status: 201,
			want: `{"id":"/web","instances":1,"cpus":0.1,"mem":32,` + web + `,"version":"TIME","tasksStaged":0,"tasksRunning":0,"tasksHealthy":0,"tasksUnhealthy":0,"deployments":[{"id":"UUID"}]}`},
		{settle: true},
		{ask: "GET /v2/deployments", status: 200, want: `[]`},
		{ask: "POST /v2/apps", body: `{"id":"/web","cmd":"sleep 1"}`, status: 409, want: `{"message":"An app with id [/web] already exists."}`},
		{ask: "GET /v2/apps/web", status: 200,
			want: `{"app":{"id":"/web","instances":1,"cpus":0.1,"mem":32,` + web + `,` + versioned + `,"tasksStaged":0,"tasksRunning":1,"tasksHealthy":0,"tasksUnhealthy":0,"deployments":[],
			"tasks":[{"id":"web.instance-N._app.1","appId":"/web","host":"127.0.1.1","slaveId":"h1","state":"TASK_RUNNING","stagedAt":"TIME","startedAt":"TIME","version":"TIME",
			"ports":[31000],"servicePorts":[],"ipAddresses":[{"ipAddress":"172.17.0.2","protocol":"IPv4"}],"healthCheckResults":[],"localVolumes":[],"role":"*"}]}}`},
		{ask: "PUT /v2/apps//web", body: `{"instances":3}`, status: 200, want: started},
		{settle: true},
		{ask: "GET /v2/apps?embed=none", status: 200,
			want: `{"apps":[{"id":"/web","instances":3,"cpus":0.1,"mem":32,` + web + `,` + versioned + `,"tasksStaged":0,"tasksRunning":3,"tasksHealthy":0,"tasksUnhealthy":0,"deployments":[]}]}`},
		{ask: "PATCH /v2/apps/web", body: `{"mem":64,"env":{"A":"1"}}`, status: 200, want: started},
		{settle: true},
		{ask: "GET /v2/apps/web/versions", status: 200, want: `{"versions":["TIME","TIME","TIME"]}`},
		{ask: "PUT /v2/apps", body: `[{"id":"web","instances":2},{"id":"/g/db","cmd":"run it","ports":[]}]`, status: 200, want: started},
		{ask: "POST /v2/apps/web/restart?force=true", status: 200, want: started},
		{settle: true},
		{ask: "PUT /v2/apps/g/cache", body: `{"cmd":"run it"}`, status: 201, want: started},
		{ask: "PUT /v2/apps/g", body: `{"cmd":"run it"}`, status: 422,
			want: `{"message":"Object is not valid","details":[{"path":"/id","errors":["Groups and Applications may not have the same identifier."]}]}`},
		{ask: "POST /v2/apps", body: `{"id":"/web/sub","cmd":"run it"}`, status: 422,
			want: `{"message":"Object is not valid","details":[{"path":"/id","errors":["Groups and Applications may not have the same identifier."]}]}`},
		{settle: true},
		{ask: "PUT /v2/apps/g/cache", body: `{"dependencies":["db"]}`, status: 200, want: started},
		{ask: "PUT /v2/apps/g/db", body: `{"dependencies":["/g"]}`, status: 422,
			want: `{"message":"Object is not valid","details":[{"path":"/dependencies","errors":["Dependency graph has cyclic dependencies.","/g/db → /g/cache → /g/db"]}]}`},
		{ask: "DELETE /v2/apps/web", status: 200, want: started},
		{ask: "GET /v2/apps/web", status: 404, want: `{"message":"App '/web' does not exist"}`},
		{ask: "DELETE /v2/apps/web", status: 404, want: `{"message":"App '/web' does not exist"}`},
		{ask: "POST /v2/apps/web/restart", status: 404, want: `{"message":"App '/web' does not exist"}`},
		{ask: "DELETE /v2/groups/g?force=true", status: 200, want: started},
		{settle: true},
		{ask: "GET /v2/apps", status: 200, want: `{"apps":[]}`},
		{ask: "GET /v2/tasks", status: 200, want: `{"tasks":[]}`},
	})
}

func TestALockedAppIsRefusedUnlessForced(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	p.setSlow(true)
	const locked = `{"message":"App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.","deployments":[{"id":"UUID"}]}`
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/slow","cmd":"sleep 1","ports":[]}`, status: 201},
		{ask: "PUT /v2/apps/slow", body: `{"instances":2}`, status: 409, want: locked},
		{ask: "DELETE /v2/apps/slow?force=false", status: 409, want: locked},
		{ask: "GET /v2/deployments", status: 200, want: `[{"id":"UUID","version":"TIME","affectedApps":["/slow"],"affectedPods":[],
			"steps":[{"actions":[{"action":"StartApplication","app":"/slow"}]},{"actions":[{"action":"ScaleApplication","app":"/slow"}]}],
			"currentActions":[{"action":"ScaleApplication","app":"/slow","readinessCheckResults":[]}],"currentStep":2,"totalSteps":2}]`},
		{ask: "GET /v2/apps/slow/tasks", status: 200, want: `{"tasks":[{"id":"slow.instance-N._app.1","appId":"/slow","host":"127.0.1.1","slaveId":"h1","state":"TASK_STAGING",
			"stagedAt":"TIME","version":"TIME","ports":[],"servicePorts":[],"ipAddresses":[],"healthCheckResults":[],"localVolumes":[],"role":"*"}]}`},
		{ask: "PUT /v2/apps/slow?force=true", body: `{"instances":2}`, status: 200, want: started},
		{ask: "DELETE /v2/deployments/nope", status: 404, want: `{"message":"DeploymentPlan nope does not exist"}`},
	})
	var list []wire.Deployment
	get(t, server, "/v2/deployments", &list)
	tell(t, p, server, []turn{
		{ask: "DELETE /v2/deployments/" + list[0].ID, status: 200, want: started},
	})
	get(t, server, "/v2/deployments", &list)
	if x := do(t, server, "DELETE", "/v2/deployments/"+list[0].ID+"?force=true", ""); x.status != 202 || x.body != "" {
		t.Fatalf("a cancelled deployment: want 202 and nothing, got %d %s", x.status, x.body)
	}
	var status wire.DeploymentStatus
	get(t, server, "/pacer/v1/deployments/"+list[0].ID, &status)
	if status.State != "cancelled" || status.Reason != "The upgrade has been cancelled" || status.EndedAt == "" {
		t.Fatalf("want to know how it ended, got %+v", status)
	}
	tell(t, p, server, []turn{
		{ask: "GET /v2/deployments", status: 200, want: `[]`},
		{ask: "PUT /v2/apps/slow", body: `{"instances":1}`, status: 200, want: started},
	})
}

func TestWhatGETAnswersChangesNothingWhenPutBack(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	for _, body := range []string{
		`{"id":"/a","cmd":"sleep 1"}`,
		`{"id":"/b","container":{"docker":{"image":"i","network":"BRIDGE","portMappings":[{"containerPort":80}]}},"healthChecks":[{}],"labels":{"a":"b"}}`,
		`{"id":"/c","cmd":"sleep 1","uris":["http://h/x.tgz"],"constraints":[["hostname","unique"]],"unreachableStrategy":"disabled","tty":true,"env":{"A":"<&>"}}`,
	} {
		if x := do(t, server, "POST", "/v2/apps", body); x.status != 201 {
			t.Fatalf("%s: %d %s", body, x.status, x.body)
		}
		p.settle()
		var a wire.App
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{"", "?partialUpdate=false"} {
			var before struct{ App json.RawMessage }
			get(t, server, "/v2/apps"+a.ID, &before)
			if x := do(t, server, "PUT", "/v2/apps"+a.ID+query, string(before.App)); x.status != 200 {
				t.Fatalf("%s sent back: %d %s", before.App, x.status, x.body)
			}
			var after struct{ App json.RawMessage }
			get(t, server, "/v2/apps"+a.ID, &after)
			if diff := cmp.Diff(indent(t, string(before.App)), indent(t, string(after.App))); diff != "" {
				t.Errorf("an app that is put back as it is changed (-before +after):\n%s", diff)
			}
		}
	}
}

func TestRollback(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "PUT /v2/apps/a", body: `{"cmd":"run 1","instances":2,"labels":{"v":"1"}}`, status: 201},
		{settle: true},
		{ask: "PUT /v2/apps/a?partialUpdate=false", body: `{"cmd":"run 2"}`, status: 200},
		{settle: true},
	})
	var versions wire.Versions
	get(t, server, "/v2/apps/a/versions", &versions)
	if len(versions.Versions) != 2 || !slices.IsSortedFunc(versions.Versions, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Fatalf("want two versions, newest first, got %v", versions)
	}
	tell(t, p, server, []turn{{ask: "PUT /v2/apps/a", body: `{"id":"/a","version":"` + versions.Versions[1] + `"}`, status: 200, want: started}, {settle: true}})
	var one wire.OneApp
	get(t, server, "/v2/apps/a", &one)
	if *one.App.Cmd != "run 1" || *one.App.Instances != 2 || one.App.Labels["v"] != "1" || *one.App.TasksRunning != 2 || one.App.Tasks[0].Version != *one.App.Version {
		t.Fatalf("want the first version again, got %+v", one)
	}
	var old wire.App
	get(t, server, "/v2/apps/a/versions/"+versions.Versions[0], &old)
	if *old.Cmd != "run 2" || *old.Version != versions.Versions[0] {
		t.Fatalf("want the second version, got %+v", old)
	}
}

func TestKillingTasks(t *testing.T) {
	p := newPlatform(t, "h1", "h2")
	server := serve(t, p.config())
	tell(t, p, server, []turn{{ask: "PUT /v2/apps/a", body: `{"cmd":"run","instances":4,"ports":[]}`, status: 201}, {settle: true}})
	tasks := func() []wire.Task {
		var list wire.Tasks
		get(t, server, "/v2/apps/a/tasks", &list)
		return list.Tasks
	}
	ids := func(list []wire.Task) (ids []string) {
		for _, task := range list {
			ids = append(ids, task.ID)
		}
		return ids
	}
	before := ids(tasks())
	x := do(t, server, "DELETE", "/v2/apps/a/tasks/"+before[0], "")
	var one wire.OneTask
	if err := json.Unmarshal([]byte(x.body), &one); err != nil || x.status != 200 || one.Task.ID != before[0] || one.Task.State != "TASK_RUNNING" {
		t.Fatalf("want the task as it was, got %d %s", x.status, x.body)
	}
	p.settle()
	if after := ids(tasks()); len(after) != 4 || slices.Contains(after, before[0]) {
		t.Fatalf("want a replacement for %s, got %v", before[0], after)
	}
	onH1 := slices.DeleteFunc(tasks(), func(task wire.Task) bool { return task.SlaveID != "h1" })
	x = do(t, server, "DELETE", "/v2/apps/a/tasks?host=h1&scale=true", "")
	if x.status != 200 || steadied(strings.TrimSpace(x.body)) != started {
		t.Fatalf("want a deployment, got %d %s", x.status, x.body)
	}
	p.settle()
	left := tasks()
	if want := 4 - len(onH1); len(left) != want || slices.ContainsFunc(left, func(task wire.Task) bool { return slices.Contains(ids(onH1), task.ID) }) {
		t.Fatalf("want the %d of h1 gone for good, got %v", len(onH1), ids(left))
	}
	body, err := json.Marshal(wire.TaskIDs{IDs: append(ids(left)[:1], "gone.instance-9._app.1")})
	if err != nil {
		t.Fatal(err)
	}
	x = do(t, server, "POST", "/v2/tasks/delete", string(body))
	var killed wire.Tasks
	if err := json.Unmarshal([]byte(x.body), &killed); err != nil || len(killed.Tasks) != 1 || killed.Tasks[0].ID != left[0].ID {
		t.Fatalf("want the one that is there, got %s", x.body)
	}
}

func TestAnAppThatFitsNowhereSaysWhy(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{{ask: "PUT /v2/apps/huge", body: `{"cmd":"run","cpus":100}`, status: 201}, {settle: true}})
	var queue wire.Queue
	get(t, server, "/v2/queue", &queue)
	if len(queue.Queue) != 1 || queue.Queue[0].Count != 1 || !slices.Contains(queue.Queue[0].ProcessedOffersSummary.RejectSummaryLastOffers, wire.RejectReason{Reason: "InsufficientCpus", Declined: 1, Processed: 1}) {
		t.Fatalf("want too few cores on one host, got %+v", queue)
	}
	var running []wire.Deployment
	get(t, server, "/v2/deployments", &running)
	var status wire.DeploymentStatus
	get(t, server, "/pacer/v1/deployments/"+running[0].ID, &status)
	if len(status.Waiting) != 1 || status.Waiting[0].Reasons[0].Text == "" {
		t.Fatalf("want a sentence for people, got %+v", status)
	}
	tell(t, p, server, []turn{
		{ask: "DELETE /v2/queue/huge/delay", status: 204},
		{ask: "DELETE /v2/queue/nope/delay", status: 404, want: `{"message":"Application /nope not found in tasks queue."}`},
	})
}

func TestGroupsAreChangedAsAWhole(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	ids := func() string {
		var all []string
		for _, a := range p.Apps() {
			all = append(all, string(a.ID))
		}
		return strings.Join(all, " ")
	}
	expect := func(want string) {
		t.Helper()
		p.settle()
		if got := ids(); got != want {
			t.Fatalf("want %s, got %s", want, got)
		}
	}
	const db = `{"id":"db","cmd":"run","ports":[]}`
	tell(t, p, server, []turn{{ask: "POST /v2/groups", body: `{"id":"/shop","apps":[` + db + `,{"id":"web","cmd":"run","ports":[],"instances":2,"dependencies":["db"]}],
		"groups":[{"id":"tools","dependencies":["/shop/db"],"apps":[{"id":"cron","cmd":"run","ports":[]}]}]}`, status: 201, want: started}})
	expect("/shop/db /shop/tools/cron /shop/web")
	if cron, _ := p.App("/shop/tools/cron"); len(cron.Dependencies) > 0 {
		t.Errorf("a group's dependencies are its own, got %v", cron.Dependencies)
	}
	tell(t, p, server, []turn{
		{ask: "POST /v2/groups", body: `{"id":"/shop","apps":[]}`, status: 409, want: `{"message":"Group /shop is already created. Use PUT to change this group."}`},
		{ask: "POST /v2/groups", body: `{}`, status: 409, want: `{"message":"Group / is already created. Use PUT to change this group."}`},
		{ask: "POST /v2/groups/shop/db", body: `{}`, status: 409, want: `{"message":"An app with the path /shop/db already exists."}`},
		{ask: "PUT /v2/groups/shop", body: `{"apps":[{"id":"/other/x","cmd":"run"}]}`, status: 422,
			want: `{"message":"Object is not valid","details":[{"path":"/apps(0)/id","errors":["Identifier is not child of '/shop'. Hint: use relative paths."]}]}`},
		{ask: "PUT /v2/groups/shop", body: `{"apps":[{"id":"x"}]}`, status: 422,
			want: `{"message":"Object is not valid","details":[{"path":"/apps(0)","errors":["AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."]}]}`},
		{ask: "PUT /v2/groups/shop", body: `{"scaleBy":2,"apps":[]}`, status: 422, want: `{"message":"version and scaleBy are not allowed in conjunction with other properties."}`},
		{ask: "PUT /v2/groups/shop", body: `{"scaleBy":-1}`, status: 422, want: `{"message":"Invalid JSON","details":[{"path":"/scaleBy","errors":["error.min"]}]}`},
		{ask: "PUT /v2/groups/shop", body: `{"version":"2015-09-25T15:13:48.343Z"}`, status: 422, want: `{"message":"Group /shop not available in version TIME"}`},
		{ask: "PUT /v2/groups/UP", body: `{"apps":[]}`, status: 422},
		{ask: "PUT /v2/groups/shop", body: `{"scaleBy":1.5}`, status: 200, want: started},
	})
	expect("/shop/db /shop/tools/cron /shop/web")
	if web, _ := p.App("/shop/web"); web.Instances != 3 {
		t.Errorf("2 × 1.5 instances are 3, got %d", web.Instances)
	}
	var versions []string
	get(t, server, "/v2/groups/shop/versions", &versions)
	tell(t, p, server, []turn{{ask: "PUT /v2/groups/shop", body: `{"apps":[` + db + `]}`, status: 200, want: started}})
	expect("/shop/db /shop/tools/cron")
	tell(t, p, server, []turn{{ask: "PUT /v2/groups/shop", body: `{"groups":[]}`, status: 200, want: started}})
	expect("/shop/db")
	tell(t, p, server, []turn{{ask: "PUT /v2/groups/shop", body: `{"version":"` + versions[len(versions)-1] + `"}`, status: 200, want: started}})
	expect("/shop/db")
	if a, _ := p.App("/shop/db"); a.Instances != 1 {
		t.Errorf("want db as it was before it was scaled, got %d instances", a.Instances)
	}
	tell(t, p, server, []turn{{ask: "DELETE /v2/groups", status: 200, want: started}})
	expect("")
}

func TestHostsAreCordonedAndForgotten(t *testing.T) {
	p := newPlatform(t, "h1", "h2")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "PUT /pacer/v1/hosts/h1", body: `{"cordoned":true}`, status: 200},
		{ask: "PUT /v2/apps/a", body: `{"cmd":"run","instances":3,"ports":[]}`, status: 201},
		{settle: true},
	})
	for _, in := range p.InstancesOf("/a") {
		if in.Host != "h2" {
			t.Errorf("a cordoned host gets nothing new, but %s is on %s", in.ID, in.Host)
		}
	}
	tell(t, p, server, []turn{
		{ask: "DELETE /pacer/v1/hosts/h1", status: 409},
		{ask: "DELETE /pacer/v1/hosts/nope", status: 404, want: `{"message":"Host 'nope' does not exist"}`},
		{ask: "PUT /pacer/v1/hosts/nope", body: `{"cordoned":true}`, status: 404, want: `{"message":"Host 'nope' does not exist"}`},
	})
}

func TestADeploymentIsToldAsEvents(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	do(t, server, "PUT", "/v2/apps/a", `{"cmd":"run","ports":[]}`)
	p.settle()
	events, _ := stream(t, server, "/v2/events?lastEventId=0&plan-format=light", "")
	var types []string
	for !slices.Contains(types, "deployment_success") {
		f := events.next(t)
		types = append(types, f.event)
		var data map[string]any
		if err := json.Unmarshal([]byte(f.data), &data); err != nil || data["eventType"] != f.event {
			t.Fatalf("want one line of JSON that names its type, got %+v", f)
		}
	}
	last := -1
	for _, want := range []string{"event_stream_attached", "api_post_event", "group_change_success", "deployment_info", "deployment_step_success", "deployment_info", "status_update_event", "deployment_step_success", "deployment_success"} {
		next := slices.Index(types[last+1:], want)
		if next < 0 {
			t.Fatalf("want %s after what came before, got %v", want, types)
		}
		last += 1 + next
	}
}
