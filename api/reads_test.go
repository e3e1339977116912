package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// shelf is a cluster at rest: two hosts; /shop/web with four instances in four
// states, /shop/db without a port, /lone suspended and waiting.
func shelf(t testing.TB) *ledger {
	t.Helper()
	l := newLedger()
	l.put(
		app(t, `{"id":"/shop/web","container":{"docker":{"image":"web:1"},"portMappings":[{"containerPort":80,"servicePort":10001},{"containerPort":81,"servicePort":10002}]},
			"networks":[{"mode":"container/bridge"}],"healthChecks":[{"path":"/"}],"labels":{"team":"red","HAPROXY_0_VHOST":"web.example, www.example"},"instances":4}`),
		app(t, `{"id":"/shop/db","cmd":"run the db","portDefinitions":[],"labels":{"team":"blue"},"dependencies":["web"]}`),
		app(t, `{"id":"/lone","cmd":"SLEEP 1","instances":0}`),
	)
	l.hosts["h1"] = apps.Host{Name: "h1", Addr: "127.0.1.1", Zone: "z1", Total: apps.Resources{CPU: 4000, Mem: 8192, Disk: 100}, Ports: []apps.Range{{First: 31000, Last: 32000}}, Since: noon}
	l.hosts["h2"] = apps.Host{Name: "h2", Addr: "127.0.1.2", Role: "slave_public", Cordoned: true, Attributes: map[string]string{"rack": "r2"}}
	instance := func(app apps.ID, serial uint64, host string, state apps.State, more func(*apps.Instance)) {
		in := apps.Instance{
			ID: fmt.Sprintf("%s.instance-%d", app.Flat(), serial), Serial: serial, App: app, Version: 1000, Host: host,
			Addr: l.hosts[host].Addr, State: state, Since: noon, Needs: apps.Resources{CPU: 500, Mem: 100},
		}
		if host != "" {
			in.Staged = noon
		}
		if more != nil {
			more(&in)
		}
		l.instances[in.ID] = in
	}
	instance("/shop/web", 1, "h1", apps.Running, func(in *apps.Instance) {
		in.Ports, in.IP, in.Started, in.Ready = []int{31001, 31002}, "172.17.0.2", noon.Add(time.Second), true
		in.Health = []apps.Health{{Known: true, Alive: true, FirstSuccess: noon, LastSuccess: noon}}
	})
	instance("/shop/web", 2, "h2", apps.Running, func(in *apps.Instance) {
		in.Ports, in.Started = []int{31001, 31002}, noon.Add(3*time.Second)
		in.Health = []apps.Health{{Known: true, Failures: 2, LastFailure: noon, Cause: "refused"}}
	})
	instance("/shop/web", 3, "h1", apps.Starting, func(in *apps.Instance) { in.Ports = []int{31003, 31004} })
	instance("/shop/web", 4, "", apps.Waiting, nil)
	instance("/shop/web", 5, "h1", apps.Draining, func(in *apps.Instance) { in.Ports = []int{31005, 31006} })
	instance("/shop/db", 6, "h2", apps.Running, func(in *apps.Instance) { in.Started, in.IP = noon, "127.0.1.2" })
	return l
}

func get(t testing.TB, server *httptest.Server, path string, out any) {
	t.Helper()
	reflect.ValueOf(out).Elem().SetZero()
	x := do(t, server, "GET", path, "")
	if x.status != 200 {
		t.Fatalf("GET %s: %d %s", path, x.status, x.body)
	}
	if err := json.Unmarshal([]byte(x.body), out); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}

func TestAppsAreFilteredAndCounted(t *testing.T) {
	server := serve(t, shelf(t).config())
	for query, want := range map[string]string{
		"": "/lone /shop/db /shop/web", "?id=SHOP": "/shop/db /shop/web", "?cmd=sleep": "/lone", "?cmd=sleep&id=web": "",
		"?label=team": "/shop/db /shop/web", "?label=team==red": "/shop/web", "?label=team!=red": "/shop/db",
		"?label=team%20in%20(red,%20blue)": "/shop/db /shop/web", "?label=team%20notin%20(red)": "/shop/db", "?label=team,HAPROXY_0_VHOST": "/shop/web",
		"?unknown=x&embed=nonsense": "/lone /shop/db /shop/web",
	} {
		var list wire.Apps
		get(t, server, "/v2/apps"+query, &list)
		var ids []string
		for _, a := range list.Apps {
			ids = append(ids, a.ID)
			if a.TasksStaged == nil || a.Deployments == nil || a.Tasks != nil {
				t.Errorf("%s: a list has counts and deployments, and no tasks by itself: %+v", query, a)
			}
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%q: want %q, got %q", query, want, got)
		}
	}
	var all map[string][]wire.AppInfo
	get(t, server, "/v2/apps/shop/*", &all)
	if len(all["*"]) != 2 {
		t.Errorf("shop/*: want two apps, got %v", all)
	}
	get(t, server, "/v2/apps/*", &all)
	if len(all["*"]) != 3 {
		t.Errorf("*: want all apps, got %v", all)
	}
}

func TestCountsAndTasksOfAnApp(t *testing.T) {
	l := shelf(t)
	l.failures["/shop/web"] = apps.Finished{Instance: apps.Instance{ID: "shop_web.instance-0", App: "/shop/web", Host: "h1", Addr: "127.0.1.1", Version: 1000, Message: "exit code 3"}, End: apps.EndFailed, At: noon}
	l.deployments["d1"] = apps.Deployment{ID: "d1", State: apps.DeploymentRunning, Steps: []apps.Step{{Actions: []apps.Action{{Kind: apps.ScaleApplication, App: "/shop/web"}}}}}
	l.order = []string{"d1"}
	x := do(t, serve(t, l.config()), "GET", "/v2/apps/shop/web", "")
	var one struct {
		App map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(x.body), &one); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"tasksStaged": `1`, "tasksRunning": `2`, "tasksHealthy": `1`, "tasksUnhealthy": `1`, "deployments": `[{"id":"d1"}]`,
		"lastTaskFailure": `{"appId":"/shop/web","host":"127.0.1.1","message":"exit code 3","state":"TASK_FAILED","taskId":"shop_web.instance-0._app.1",
			"timestamp":"2026-01-01T12:00:00.000Z","version":"1970-01-01T00:00:01.000Z","slaveId":"h1"}`,
		"version": `"1970-01-01T00:00:01.000Z"`, "versionInfo": `{"lastScalingAt":"1970-01-01T00:00:01.000Z","lastConfigChangeAt":"1970-01-01T00:00:01.000Z"}`,
		"tasks": `[
			{"id":"shop_web.instance-1._app.1","appId":"/shop/web","host":"127.0.1.1","slaveId":"h1","state":"TASK_RUNNING","stagedAt":"2026-01-01T12:00:00.000Z",
			"startedAt":"2026-01-01T12:00:01.000Z","version":"1970-01-01T00:00:01.000Z","ports":[31001,31002],"servicePorts":[],
			"ipAddresses":[{"ipAddress":"172.17.0.2","protocol":"IPv4"}],"healthCheckResults":[{"alive":true,"consecutiveFailures":0,
			"firstSuccess":"2026-01-01T12:00:00.000Z","lastSuccess":"2026-01-01T12:00:00.000Z","instanceId":"shop_web.instance-1"}],"localVolumes":[],"zone":"z1","role":"*"},
			{"id":"shop_web.instance-2._app.1","appId":"/shop/web","host":"127.0.1.2","slaveId":"h2","state":"TASK_RUNNING","stagedAt":"2026-01-01T12:00:00.000Z",
			"startedAt":"2026-01-01T12:00:03.000Z","version":"1970-01-01T00:00:01.000Z","ports":[31001,31002],"servicePorts":[],"ipAddresses":[],
			"healthCheckResults":[{"alive":false,"consecutiveFailures":2,"lastFailure":"2026-01-01T12:00:00.000Z","lastFailureCause":"refused","instanceId":"shop_web.instance-2"}],"localVolumes":[],"role":"*"},
			{"id":"shop_web.instance-3._app.1","appId":"/shop/web","host":"127.0.1.1","slaveId":"h1","state":"TASK_STAGING","stagedAt":"2026-01-01T12:00:00.000Z",
			"version":"1970-01-01T00:00:01.000Z","ports":[31003,31004],"servicePorts":[],"ipAddresses":[],"healthCheckResults":[],"localVolumes":[],"zone":"z1","role":"*"},
			{"id":"shop_web.instance-5._app.1","appId":"/shop/web","host":"127.0.1.1","slaveId":"h1","state":"TASK_KILLING","stagedAt":"2026-01-01T12:00:00.000Z",
			"version":"1970-01-01T00:00:01.000Z","ports":[31005,31006],"servicePorts":[],"ipAddresses":[],"healthCheckResults":[],"localVolumes":[],"zone":"z1","role":"*"}]`,
	} {
		if got, want := indent(t, string(one.App[name])), indent(t, want); got != want {
			t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(want, got))
		}
	}
	for _, name := range []string{"readinessCheckResults", "tasksStats", "tty", "uris", "ports"} {
		if v, there := one.App[name]; there {
			t.Errorf("%s must not be there unasked, got %s", name, v)
		}
	}
}

func TestEmbedsAddWhatIsAskedFor(t *testing.T) {
	server := serve(t, shelf(t).config())
	for query, want := range map[string]string{
		"embed=apps.tasks": "tasks", "embed=app.tasks": "tasks", "embed=tasks": "tasks", "embed=group.apps.tasks": "tasks",
		"embed=apps.failures": "tasks", "embed=apps.readiness": "readinessCheckResults", "embed=apps.taskStats": "tasksStats",
	} {
		var list struct{ Apps []map[string]json.RawMessage }
		get(t, server, "/v2/apps?id=web&"+query, &list)
		if _, there := list.Apps[0][want]; !there {
			t.Errorf("%s: want %s in %v", query, want, list.Apps[0])
		}
	}
	var list wire.Apps
	get(t, server, "/v2/apps?id=shop&embed=apps.taskStats", &list)
	db, web := list.Apps[0].TasksStats, list.Apps[1].TasksStats
	if want := (wire.Counts{Staged: 1, Running: 2, Healthy: 1, Unhealthy: 1}); web.TotalSummary.Stats.Counts != want || web.WithOutdatedConfig != nil || web.WithLatestConfig == nil {
		t.Errorf("stats of web: want %+v in all and in the latest, got %+v", want, web)
	}
	if life := web.TotalSummary.Stats.LifeTime; life == nil || life.AverageSeconds != life.MedianSeconds || db.TotalSummary.Stats.LifeTime.AverageSeconds-life.AverageSeconds < 1.9 {
		t.Errorf("life time of two: the mean is the median, and db is 2 s older, got %+v and %+v", life, db.TotalSummary.Stats.LifeTime)
	}
}

func TestTasksOfAllApps(t *testing.T) {
	server := serve(t, shelf(t).config())
	for path, want := range map[string]string{
		"/v2/tasks":                                 "6 1 2 3 5",
		"/v2/tasks?status=running":                  "6 1 2",
		"/v2/tasks?status[]=staging":                "3",
		"/v2/tasks?status=running&status[]=staging": "6 1 2 3",
		"/v2/tasks?status=walking":                  "6 1 2 3 5",
		"/v2/apps/shop/web/tasks":                   "1 2 3 5",
		"/v2/apps/shop/*/tasks":                     "6 1 2 3 5",
	} {
		var list wire.Tasks
		get(t, server, path, &list)
		var ids []string
		for _, task := range list.Tasks {
			_, id, _ := strings.Cut(strings.TrimSuffix(task.ID, "._app.1"), ".instance-")
			ids = append(ids, id)
			if service := fmt.Sprint(task.ServicePorts); strings.HasPrefix(path, "/v2/tasks") && task.AppID == "/shop/web" && service != "[10001 10002]" {
				t.Errorf("%s: want the service ports, got %s", path, service)
			}
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: want %s, got %s", path, want, got)
		}
	}
}

func TestTasksAsText(t *testing.T) {
	l := shelf(t)
	l.put(app(t, `{"id":"/net","container":{"type":"MESOS","docker":{"image":"i"},"portMappings":[{"containerPort":7000,"servicePort":10003}]},"networks":[{"name":"blue"}]}`))
	l.instances["net.instance-9"] = apps.Instance{ID: "net.instance-9", Serial: 9, App: "/net", Host: "h1", Addr: "127.0.1.1", IP: "10.9.0.1", Ports: []int{0}, State: apps.Running}
	server := serve(t, l.config())
	const web = "shop_web\t10001\t127.0.1.1:31001\t127.0.1.2:31001\t\nshop_web\t10002\t127.0.1.1:31002\t127.0.1.2:31002\t\n"
	for path, want := range map[string]string{
		"/v2/tasks":                            "lone\t0\t\nnet\t10003\t\nshop_db\t \t127.0.1.2\t\n" + web,
		"/v2/tasks?containerNetworks=red,blue": "lone\t0\t\nnet\t10003\t10.9.0.1:7000\t\nshop_db\t \t127.0.1.2\t\n" + web,
		"/v2/apps/shop/web/tasks":              web,
	} {
		x := do(t, server, "GET", path, "", "Accept", "text/plain")
		if x.status != 200 || x.body != want || x.header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s:\nwant %q\n got %q", path, want, x.body)
		}
	}
	for accept, text := range map[string]bool{"*/*": false, "": false, "application/json": false, "text/plain, application/json;q=0.9": true, "text/plain;q=0.5, */*": false, "text/*": true} {
		if x := do(t, server, "GET", "/v2/tasks", "", "Accept", accept); strings.HasPrefix(x.body, "{") == text {
			t.Errorf("Accept %q: want text %v, got %q", accept, text, x.body)
		}
	}
}

func TestTheQueueSaysWhyInstancesWait(t *testing.T) {
	l := shelf(t)
	l.waits["/shop/web"] = cluster.Wait{App: "/shop/web", Waiting: 1, Since: noon, Hosts: 3, Reasons: []cluster.WaitReason{
		{Reason: "UnfulfilledConstraint", Text: "not on this rack", Hosts: 1}, {Reason: "InsufficientMemory", Text: "too little memory", Hosts: 2},
	}}
	l.waits["/shop/db"] = cluster.Wait{App: "/shop/db", Waiting: 2, Since: noon, Until: time.Now().Add(time.Hour)}
	server := serve(t, l.config())
	var queue wire.Queue
	get(t, server, "/v2/queue", &queue)
	if len(queue.Queue) != 2 {
		t.Fatalf("want two apps in the queue, got %+v", queue)
	}
	db, web := queue.Queue[0], queue.Queue[1]
	if db.App.ID != "/shop/db" || db.Count != 2 || db.Delay.Overdue || db.Delay.TimeLeftSeconds < 3500 {
		t.Errorf("db backs off for an hour, got %+v", db)
	}
	if web.Count != 1 || !web.Delay.Overdue || web.Delay.TimeLeftSeconds != 0 || web.Since != "2026-01-01T12:00:00.000Z" || web.LastUnusedOffers != nil {
		t.Errorf("web waits for a host, got %+v", web)
	}
	want := []wire.RejectReason{
		{Reason: "UnfulfilledRole", Processed: 3}, {Reason: "UnfulfilledConstraint", Declined: 1, Processed: 3}, {Reason: "NoCorrespondingReservationFound", Processed: 2},
		{Reason: "AgentMaintenance", Processed: 2}, {Reason: "InsufficientCpus", Processed: 2}, {Reason: "InsufficientMemory", Declined: 2, Processed: 2},
		{Reason: "InsufficientDisk"}, {Reason: "InsufficientGpus"}, {Reason: "InsufficientPorts"}, {Reason: "DeclinedScarceResources"},
	}
	if diff := cmp.Diff(want, web.ProcessedOffersSummary.RejectSummaryLastOffers); diff != "" || web.ProcessedOffersSummary.UnusedOffersCount != 3 {
		t.Errorf("the funnel (-want +got):\n%s", diff)
	}
	if x := do(t, server, "GET", "/v2/queue?embed=lastUnusedOffers", ""); !strings.Contains(x.body, `"lastUnusedOffers":[]`) || strings.Contains(x.body, `"role":"*","count"`) {
		t.Errorf("offers where they are asked for, got %s", x.body)
	}
}

func TestDeploymentsThatRunAndThatHaveEnded(t *testing.T) {
	l := shelf(t)
	steps := []apps.Step{
		{Actions: []apps.Action{{Kind: apps.StartApplication, App: "/shop/web"}}},
		{Actions: []apps.Action{{Kind: apps.ScaleApplication, App: "/shop/web"}, {Kind: apps.RestartApplication, App: "/shop/db"}}},
	}
	l.deployments["d1"] = apps.Deployment{ID: "d1", Version: 5000, Steps: steps, Step: 1, State: apps.DeploymentRunning, Started: noon}
	l.deployments["d2"] = apps.Deployment{ID: "d2", Version: 6000, State: apps.DeploymentFailed, Reason: "no host", Started: noon, Ended: noon.Add(time.Minute)}
	l.order = []string{"d1", "d2"}
	l.waits["/shop/web"] = cluster.Wait{App: "/shop/web", Waiting: 1, Since: noon, Hosts: 1, Reasons: []cluster.WaitReason{{Reason: "InsufficientCpus", Text: "too few cores", Hosts: 1}}}
	server := serve(t, l.config())
	for path, want := range map[string]string{
		"/v2/deployments": `[{"id":"d1","version":"1970-01-01T00:00:05.000Z","affectedApps":["/shop/db","/shop/web"],"affectedPods":[],
			"steps":[{"actions":[{"action":"StartApplication","app":"/shop/web"}]},{"actions":[{"action":"ScaleApplication","app":"/shop/web"},{"action":"RestartApplication","app":"/shop/db"}]}],
			"currentActions":[{"action":"ScaleApplication","app":"/shop/web","readinessCheckResults":[]},{"action":"RestartApplication","app":"/shop/db","readinessCheckResults":[]}],
			"currentStep":2,"totalSteps":2}]`,
		"/pacer/v1/deployments/d1": `{"id":"d1","version":"1970-01-01T00:00:05.000Z","state":"running","affectedApps":["/shop/db","/shop/web"],
			"steps":[{"actions":[{"action":"StartApplication","app":"/shop/web"}]},{"actions":[{"action":"ScaleApplication","app":"/shop/web"},{"action":"RestartApplication","app":"/shop/db"}]}],
			"currentStep":2,"rollback":false,"startedAt":"2026-01-01T12:00:00.000Z","waiting":[{"app":"/shop/web","waiting":1,"since":"2026-01-01T12:00:00.000Z","hosts":1,
			"reasons":[{"reason":"InsufficientCpus","text":"too few cores","hosts":1}],"sentence":"1 host: 1 too few cores"}]}`,
		"/pacer/v1/deployments/d2": `{"id":"d2","version":"1970-01-01T00:00:06.000Z","state":"failed","reason":"no host","affectedApps":[],"steps":[],"currentStep":0,
			"rollback":false,"startedAt":"2026-01-01T12:00:00.000Z","endedAt":"2026-01-01T12:01:00.000Z","seconds":60,"waiting":[]}`,
	} {
		if diff := cmp.Diff(indent(t, want), indent(t, do(t, server, "GET", path, "").body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestGroupsFollowFromThePathsOfApps(t *testing.T) {
	server := serve(t, shelf(t).config())
	for path, want := range map[string]string{
		"/v2/groups?embed=group.groups": `{"id":"/","groups":[{"id":"/shop","groups":[],"dependencies":[],"version":"1970-01-01T00:00:01.000Z"}],
			"dependencies":[],"version":"1970-01-01T00:00:01.000Z"}`,
		"/v2/groups/shop?embed=group.pods": `{"id":"/shop","pods":[],"dependencies":[],"version":"1970-01-01T00:00:01.000Z"}`,
		"/v2/groups/versions":              `["1970-01-01T00:00:01.000Z"]`,
		"/v2/groups/shop/versions":         `["1970-01-01T00:00:01.000Z"]`,
		"/v2/groups/nope/apps":             `[]`,
	} {
		if diff := cmp.Diff(indent(t, want), indent(t, do(t, server, "GET", path, "").body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	var root wire.GroupInfo
	get(t, server, "/v2/groups", &root)
	if len(root.Apps) != 1 || len(root.Groups) != 1 || len(root.Groups[0].Apps) != 2 || root.Pods == nil || root.Apps[0].TasksRunning != nil {
		t.Errorf("without embed all parts are there, and no details: %+v", root)
	}
	get(t, server, "/v2/groups?embed=group.groups&embed=group.apps&embed=group.apps.deployments&embed=group.apps.counts&embed=group.apps.readiness", &root)
	if web := root.Groups[0].Apps[1]; web.Deployments == nil || *web.TasksRunning != 2 || web.ReadinessCheckResults == nil || web.Tasks != nil {
		t.Errorf("what marathon-ui asks for: %+v", web)
	}
	get(t, server, "/v2/groups/shop/versions/1970-01-01T00:00:01.000Z", &root)
	if root.ID != "/shop" || len(root.Apps) != 2 || root.Apps[0].TasksRunning != nil {
		t.Errorf("a group at a version: %+v", root)
	}
	var list []wire.AppInfo
	get(t, server, "/v2/groups/apps", &list)
	if len(list) != 3 {
		t.Errorf("all apps below the root: %+v", list)
	}
}

func TestHostsAndWhatTheyHold(t *testing.T) {
	l := shelf(t)
	var asked []cluster.Event
	l.submit = func(ev cluster.Event) (cluster.Reply, error) {
		asked = append(asked, ev)
		return cluster.Reply{}, nil
	}
	server := serve(t, l.config())
	const h1 = `{"name":"h1","addr":"127.0.1.1","zone":"z1","total":{"cpus":4,"mem":8192,"disk":100,"gpus":0},"used":{"cpus":1.5,"mem":300,"disk":0,"gpus":0},
		"ports":"[31000-32000]","attributes":{},"instances":3,"state":"up","cordoned":false,"draining":false,"lost":false,"since":"2026-01-01T12:00:00.000Z"}`
	const h2 = `{"name":"h2","addr":"127.0.1.2","role":"slave_public","total":{"cpus":0,"mem":0,"disk":0,"gpus":0},"used":{"cpus":1,"mem":200,"disk":0,"gpus":0},
		"ports":"[]","attributes":{"rack":"r2"},"instances":2,"state":"cordoned","cordoned":true,"draining":false,"lost":false}`
	for path, want := range map[string]string{"/pacer/v1/hosts": `{"hosts":[` + h1 + `,` + h2 + `]}`, "/pacer/v1/hosts/h1": h1, "/pacer/v1/hosts/h%32": h2} {
		if diff := cmp.Diff(indent(t, want), indent(t, do(t, server, "GET", path, "").body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if x := do(t, server, "PUT", "/pacer/v1/hosts/h1", `{"cordoned":true}`); x.status != 200 {
		t.Errorf("cordon: %d %s", x.status, x.body)
	}
	if x := do(t, server, "PUT", "/pacer/v1/hosts/h1", `{}`); x.status != 422 {
		t.Errorf("cordon without a word: %d %s", x.status, x.body)
	}
	if x := do(t, server, "DELETE", "/pacer/v1/hosts/h1", ""); x.status != 204 {
		t.Errorf("forget: %d %s", x.status, x.body)
	}
	want := []cluster.Event{cluster.Cordon{Request: "r1", Host: "h1", On: true}, cluster.Forget{Request: "r1", Host: "h1"}}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestDiscoveryIsWhatLoadBalancersHave(t *testing.T) {
	l := shelf(t)
	l.services["/shop/web"] = apps.Service{App: "/shop/web", Endpoints: []apps.Endpoint{{Instance: "shop_web.instance-1", Version: 1000, Host: "h1", Addr: "127.0.1.1", Ports: []int{31001, 31002}}}}
	x := do(t, serve(t, l.config()), "GET", "/pacer/v1/discovery//shop/web", "")
	want := `{"app":"/shop/web","ports":[{"protocol":"tcp","port":10001,"http":true,"routes":[{"host":"web.example"},{"host":"www.example"}]},
		{"protocol":"tcp","port":10002,"http":false,"routes":[]}],
		"endpoints":[{"instance":"shop_web.instance-1","version":"1970-01-01T00:00:01.000Z","host":"h1","addr":"127.0.1.1","ports":[31001,31002]}]}`
	if diff := cmp.Diff(indent(t, want), indent(t, x.body)); diff != "" {
		t.Errorf("discovery (-want +got):\n%s", diff)
	}
}

func TestRoutesAreWhatLoadBalancersSendWhere(t *testing.T) {
	l := shelf(t)
	l.put(&apps.App{ID: "/shop/inner", Version: 1000, Ports: []apps.Port{{Service: 10005, Protocol: "tcp"}, {Service: 10006, Protocol: "tcp", Name: "own"}}, Labels: map[string]string{"HAPROXY_0_ENABLED": "false"}})
	l.services["/shop/web"] = apps.Service{App: "/shop/web", Endpoints: []apps.Endpoint{{Instance: "shop_web.instance-1", Version: 1000, Host: "h1", Addr: "127.0.1.1", Ports: []int{31001, 31002}}}}
	server := serve(t, l.config())
	web := `{"host":"web.example","app":"/shop/web","port":10001,"protocol":"tcp","http":true,"endpoints":1},
		{"host":"www.example","app":"/shop/web","port":10001,"protocol":"tcp","http":true,"endpoints":1},
		{"app":"/shop/web","port":10002,"protocol":"tcp","http":false,"endpoints":1}`
	for query, want := range map[string]string{
		"?app=/shop/web":  web,
		"?app=shop/inner": `{"app":"/shop/inner","name":"own","port":10006,"protocol":"tcp","http":false,"endpoints":0}`,
	} {
		x := do(t, server, "GET", "/pacer/v1/routes"+query, "")
		if diff := cmp.Diff(indent(t, `{"routes":[`+want+`]}`), indent(t, x.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	if x := do(t, server, "GET", "/pacer/v1/routes", ""); !strings.Contains(x.body, `"own"`) || !strings.Contains(x.body, "www.example") {
		t.Errorf("want those of all apps, got %s", x.body)
	}
	if x := do(t, server, "GET", "/pacer/v1/routes?app=/nobody", ""); x.status != 404 {
		t.Errorf("want the app missed, got %d %s", x.status, x.body)
	}
}

// printed is what instances have printed, by id.
type printed map[string]string

func (p printed) Logs(ctx context.Context, host, instance string, tail int, follow bool, out io.Writer) error {
	text, ok := p[instance]
	if !ok {
		return apps.Errorf(apps.Unavailable, "host %s does not answer", host)
	}
	if _, err := fmt.Fprintf(out, "%s %d\n%s", host, tail, text); err != nil {
		return err
	}
	if follow {
		<-ctx.Done()
	}
	if strings.Contains(text, "broken") {
		return errors.New("connection lost")
	}
	return nil
}

func TestLogs(t *testing.T) {
	l := shelf(t)
	c := l.config()
	c.Logs = printed{"shop_web.instance-1": "one\ntwo", "shop_db.instance-6": "broken\n"}
	server := serve(t, c)
	for path, want := range map[string]exchange{
		"/pacer/v1/logs/shop_web.instance-1":               {200, nil, "h1 100\none\ntwo"},
		"/pacer/v1/logs/shop_web.instance-1._app.1?tail=7": {200, nil, "h1 7\none\ntwo"},
		"/pacer/v1/apps/shop/db/logs?tail=0": {200, nil,
			"shop_db.instance-6  h2 0\nshop_db.instance-6  broken\n[pacer: the log of shop_db.instance-6 cannot be read any further]\n"},
		"/pacer/v1/logs/shop_web.instance-2": {503, nil, `{"message":"host h2 does not answer"}` + "\n"},
		"/pacer/v1/logs/shop_web.instance-4": {404, nil, `{"message":"Task 'shop_web.instance-4' has no host yet: it has printed nothing"}` + "\n"},
		"/pacer/v1/logs/nope":                {404, nil, `{"message":"Task 'nope' does not exist"}` + "\n"},
		"/pacer/v1/apps/nope/logs":           {404, nil, `{"message":"App '/nope' does not exist"}` + "\n"},
	} {
		if x := do(t, server, "GET", path, ""); x.status != want.status || x.body != want.body {
			t.Errorf("%s:\nwant %d %q\n got %d %q", path, want.status, want.body, x.status, x.body)
		}
	}
	x := do(t, server, "GET", "/pacer/v1/apps/shop/web/logs", "")
	for _, want := range []string{"shop_web.instance-1  one\n", "shop_web.instance-1  two\n", "[pacer: the log of shop_web.instance-2 cannot be read any further]\n"} {
		if !strings.Contains(x.body, want) {
			t.Errorf("the logs of an app: want %q in %q", want, x.body)
		}
	}
}
