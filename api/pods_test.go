package api

import (
	"encoding/json"
	"strings"
	"testing"

	"pacer/api/wire"
)

const shopPod = `{"id":"/shop/pod","containers":[
	{"name":"web","exec":{"command":{"shell":"serve"}},"resources":{"cpus":0.1,"mem":32},"endpoints":[{"name":"http","containerPort":80,"hostPort":0}],
	 "healthCheck":{"http":{"endpoint":"http"}},"volumeMounts":[{"name":"data","mountPath":"/d"}]},
	{"name":"side","image":{"kind":"DOCKER","id":"nginx"},"resources":{"cpus":0.2,"mem":64}}],
	"volumes":[{"name":"data"}],"networks":[{"mode":"container/bridge"}],"scaling":{"kind":"fixed","instances":2}}`

func TestTheLifeOfAPod(t *testing.T) {
	p := newPlatform(t, "h1", "h2")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "HEAD /v2/pods", status: 200},
		{ask: "GET /v2/pods", status: 200, want: `[]`},
		{ask: "POST /v2/pods", body: shopPod, status: 201, has: []string{`"id":"/shop/pod"`, `"backoffFactor":1.15`, `"executorResources":{"cpus":0.1,"mem":32,"disk":10}`}},
		{settle: true},
		{ask: "POST /v2/pods", body: shopPod, status: 409, want: `{"message":"A pod with id [/shop/pod] already exists."}`},
		{ask: "PUT /v2/apps/shop/pod", body: `{"cmd":"run it"}`, status: 422, has: []string{"Applications and Pods may not share the same id"}},
		{ask: "GET /v2/apps", status: 200, want: `{"apps":[]}`},
		{ask: "GET /v2/apps/shop/pod", status: 404, want: `{"message":"App '/shop/pod' does not exist"}`},
		{ask: "DELETE /v2/apps/shop/pod", status: 404, want: `{"message":"App '/shop/pod' does not exist"}`},
		{ask: "GET /v2/pods/shop/pod::status", status: 200, has: []string{`"status":"STABLE"`, `"allocatedHostPort":3100`, `"name":"healthy","value":"true"`, `"TASK_RUNNING"`}},
		{ask: "GET /v2/pods/::status", status: 200, has: []string{`"id":"/shop/pod"`}},
		{ask: "GET /v2/groups", status: 200, has: []string{`"pods":[{"id":"/shop/pod"`}},
		{ask: "PUT /v2/pods/shop/other", body: shopPod, status: 400, want: `{"message":"'/shop/other' does not match definition's id ('/shop/pod')"}`},
		{ask: "PUT /v2/pods/shop/none", body: strings.Replace(shopPod, "shop/pod", "shop/none", 1), status: 404, want: `{"message":"Pod '/shop/none' does not exist"}`},
	})
	p.setSlow(true)
	tell(t, p, server, []turn{
		{ask: "PUT /v2/pods/shop/pod", body: strings.Replace(shopPod, `"serve"`, `"serve 2"`, 1), status: 200, has: []string{`"serve 2"`}},
		{ask: "GET /v2/deployments", status: 200, has: []string{`"affectedApps":[],"affectedPods":["/shop/pod"]`, `{"action":"RestartPod","pod":"/shop/pod"}`}},
	})
	p.setSlow(false)
	tell(t, p, server, []turn{
		{settle: true},
		{ask: "GET /v2/pods/shop/pod::versions", status: 200, want: `["TIME","TIME"]`},
		{ask: "DELETE /v2/pods/shop/pod::instances/none", status: 404},
		{ask: "DELETE /v2/pods/nope", status: 404, want: `{"message":"Pod '/nope' does not exist"}`},
	})
	var before wire.Pod
	get(t, server, "/v2/pods/shop/pod", &before)
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var status wire.PodStatus
	get(t, server, "/v2/pods/shop/pod::status", &status)
	list, _ := json.Marshal([]string{status.Instances[0].ID, "unknown"})
	tell(t, p, server, []turn{
		{ask: "PUT /v2/pods/shop/pod", body: string(text), status: 200},
		{ask: "GET /v2/pods/shop/pod::versions", status: 200, want: `["TIME","TIME"]`}, // put back unchanged, it changes nothing
		{ask: "GET /v2/pods/shop/pod::versions/" + *before.Version, status: 200, has: []string{`"serve 2"`}},
		{ask: "DELETE /v2/pods/shop/pod::instances", body: string(list), status: 200, has: []string{`"condition":"Running"`, `"goal":"Running"`}},
		{ask: "DELETE /v2/pods/shop/pod?force=true", status: 202},
		{settle: true},
		{ask: "GET /v2/pods/shop/pod", status: 404, want: `{"message":"Pod '/shop/pod' does not exist"}`},
	})
	var types []string
	for _, n := range p.notices {
		if strings.HasPrefix(n.Type, "pod_") {
			types = append(types, n.Type)
		}
	}
	if got := strings.Join(types, " "); got != "pod_created_event pod_updated_event pod_deleted_event" {
		t.Errorf("the events of a pod: %s", got)
	}
}

func TestWhatIsWrongWithAPodIsNamed(t *testing.T) {
	p := newPlatform(t)
	server := serve(t, p.config())
	for name, c := range map[string]struct{ from, to, want string }{
		"a volume nobody mounts":    {`"volumeMounts":[{"name":"data","mountPath":"/d"}]`, `"labels":{}`, "volume with name data is not referenced by any container"},
		"a mount of nothing":        {`[{"name":"data"}]`, `[]`, "volume with name data does not exist"},
		"two containers, one name":  {`"side"`, `"web"`, "container names are unique"},
		"a check of nothing":        {`{"endpoint":"http"}`, `{"endpoint":"https"}`, "contained in an endpoint"},
		"no port inside":            {`"containerPort":80,`, ``, "must not be empty"},
		"nothing to execute":        {`"image":{"kind":"DOCKER","id":"nginx"},`, ``, "must have an image or something to execute"},
		"persistent volumes":        {`{"name":"data"}]`, `{"name":"data","persistent":{"size":1}}]`, "pods cannot have persistent volumes yet"},
		"both kinds of command":     {`{"shell":"serve"}`, `{"shell":"serve","argv":["x"]}`, "must be one of shell and argv"},
		"a name with an underscore": {`"name":"side"`, `"name":"_app"`, "error.pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			x := do(t, server, "POST", "/v2/pods", strings.Replace(shopPod, c.from, c.to, 1))
			if x.status != 422 || !strings.Contains(x.body, c.want) {
				t.Errorf("want 422 with %q, got %d %s", c.want, x.status, x.body)
			}
		})
	}
}
