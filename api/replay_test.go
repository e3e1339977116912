package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"pacer/api/wire"
)

// A kill that is sent again must not kill who came in the place of the first.
func TestAKillWithAKeyIsDoneOnce(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/web","cmd":"run","ports":[],"instances":2}`, status: 201},
		{ask: "POST /v2/pods", body: shopPod, status: 201},
		{settle: true},
	})
	alive := func() string {
		var list wire.Tasks
		get(t, server, "/v2/tasks", &list)
		var pods []wire.PodStatus
		get(t, server, "/v2/pods/::status", &pods)
		ids := ""
		for _, task := range list.Tasks {
			ids += task.ID + " "
		}
		for _, in := range pods[0].Instances {
			ids += in.ID + " "
		}
		return ids
	}
	var list wire.Tasks
	get(t, server, "/v2/apps/web/tasks", &list)
	var status wire.PodStatus
	get(t, server, "/v2/pods/shop/pod::status", &status)
	one, _ := json.Marshal(wire.TaskIDs{IDs: []string{list.Tasks[0].ID}})
	pods, _ := json.Marshal([]string{status.Instances[0].ID})
	for _, kill := range []struct{ method, path, body, has string }{
		{"POST", "/v2/tasks/delete", string(one), list.Tasks[0].ID},
		{"DELETE", "/v2/apps/web/tasks/" + list.Tasks[1].ID, "", `{"task":{`},
		{"DELETE", "/v2/apps/web/tasks", "", `{"tasks":[{`},
		{"DELETE", "/v2/pods/shop/pod::instances/" + status.Instances[1].ID, "", `{"instanceId":"` + status.Instances[1].ID},
		{"DELETE", "/v2/pods/shop/pod::instances", string(pods), `[{"instanceId":"` + status.Instances[0].ID},
	} {
		key := kill.method + kill.path
		first := do(t, server, kill.method, kill.path, kill.body, "Idempotency-Key", key)
		p.settle()
		before := alive()
		again := do(t, server, kill.method, kill.path, kill.body, "Idempotency-Key", key)
		p.settle()
		if first.status != 200 || again.status != 200 || !strings.Contains(first.body, kill.has) || !strings.Contains(again.body, kill.has) || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s %s: %d %s, then %d %s", kill.method, kill.path, first.status, first.body, again.status, again.body)
		}
		if after := alive(); after != before {
			t.Errorf("%s %s was done twice: %s, then %s", kill.method, kill.path, before, after)
		}
	}
}

func TestAPodsRequestWithAKeyIsDoneOnce(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	for _, write := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v2/pods", shopPod, 201},
		{"PUT", "/v2/pods/shop/pod", strings.Replace(shopPod, "serve", "serve 2", 1), 200},
		{"DELETE", "/v2/pods/shop/pod", "", 202},
	} {
		first := do(t, server, write.method, write.path, write.body, "Idempotency-Key", write.method)
		again := do(t, server, write.method, write.path, write.body, "Idempotency-Key", write.method)
		if first.status != write.status || again.status != first.status || again.body != first.body {
			t.Errorf("%s %s: want %d, got %d %s, then %d %s", write.method, write.path, write.status, first.status, first.body, again.status, again.body)
		}
		for _, name := range []string{"Marathon-Deployment-Id", "Location"} {
			if a, b := first.header.Get(name), again.header.Get(name); a != b {
				t.Errorf("%s %s, %s: %q, then %q", write.method, write.path, name, a, b)
			}
		}
		p.settle()
	}
}

func TestADeploymentIsCancelledOnce(t *testing.T) {
	for _, query := range []string{"", "?force=true"} {
		p := newPlatform(t, "h1")
		server := serve(t, p.config())
		p.setSlow(true)
		tell(t, p, server, []turn{{ask: "POST /v2/apps", body: `{"id":"/web","cmd":"run","ports":[]}`, status: 201}})
		path := "/v2/deployments/" + p.Deployments()[0].ID + query
		first := do(t, server, "DELETE", path, "", "Idempotency-Key", "k")
		p.setSlow(false)
		p.settle()
		again := do(t, server, "DELETE", path, "", "Idempotency-Key", "k")
		if first.status/100 != 2 || again.status != first.status || again.body != first.body {
			t.Errorf("%s: %d %s, then %d %s", path, first.status, first.body, again.status, again.body)
		}
	}
}

func TestARunWithAKeyIsStartedOnce(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{{ask: "POST /v1/jobs", body: `{"id":"report","run":{"cmd":"run","cpus":0.1,"mem":32,"disk":0}}`, status: 201}})
	var first, again wire.Run
	for i, run := range []*wire.Run{&first, &again} {
		x := do(t, server, "POST", "/v1/jobs/report/runs", "", "Idempotency-Key", "k")
		if err := json.Unmarshal([]byte(x.body), run); err != nil || x.status != 201 {
			t.Fatalf("time %d: %d %s", i, x.status, x.body)
		}
	}
	if first.ID == "" || again.ID != first.ID {
		t.Errorf("want one run, got %q and %q", first.ID, again.ID)
	}
}

func TestAPodThatSomebodyElseChangedIsLeftAlone(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	must := func(status int, method, body, match string) {
		t.Helper()
		path := "/v2/pods/shop/pod"
		if method == "POST" {
			path = "/v2/pods"
		}
		if x := do(t, server, method, path, body, "If-Match", match); x.status != status {
			t.Errorf("%s for %s: want %d, got %d %s", method, match, status, x.status, x.body)
		}
		p.settle()
	}
	changed := strings.Replace(shopPod, "serve", "serve 2", 1)
	must(http.StatusPreconditionFailed, "PUT", shopPod, "*")
	must(http.StatusPreconditionFailed, "POST", shopPod, "*")
	tell(t, p, server, []turn{{ask: "POST /v2/pods", body: shopPod, status: 201}, {settle: true}})
	var pod wire.Pod
	get(t, server, "/v2/pods/shop/pod", &pod)
	must(200, "PUT", changed, `"`+*pod.Version+`"`)
	must(http.StatusPreconditionFailed, "PUT", shopPod, *pod.Version)
	must(http.StatusPreconditionFailed, "DELETE", "", *pod.Version)
	must(422, "DELETE", "", "the newest")
	must(202, "DELETE", "", "*")
}
