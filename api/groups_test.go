package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

const emptyGroup = `{"id":"%s","apps":[],"groups":[%s],"pods":[],"dependencies":[%s],"version":"TIME"}`

func TestGroupsAreKeptThoughNothingIsInThem(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	root := func(groups string) string { return fmt.Sprintf(emptyGroup, "/", groups, "") }
	g := func(id, groups, depends string) string { return fmt.Sprintf(emptyGroup, id, groups, depends) }
	const none = `{"message":"Group '/g' does not exist"}`
	tell(t, p, server, []turn{
		{ask: "GET /v2/groups", status: 200, want: root("")},
		{ask: "GET /v2/groups/g", status: 404, want: none},
		{ask: "GET /v2/groups/g/versions", status: 404, want: none},
		{ask: "DELETE /v2/groups/g", status: 404, want: none},
		{ask: "GET /v2/groups/g/apps", status: 200, want: `[]`},

		{ask: "POST /v2/groups", body: `{"id":"/g"}`, status: 201, want: started},
		{ask: "GET /v2/groups/g", status: 200, want: g("/g", "", "")},
		{ask: "GET /v2/groups", status: 200, want: root(g("/g", "", ""))},
		{ask: "GET /v2/deployments", status: 200, want: `[]`},
		{ask: "POST /v2/groups/g", body: `{}`, status: 409, want: `{"message":"Group /g is already created. Use PUT to change this group."}`},
		{ask: "POST /v2/groups", body: `{"id":"g"}`, status: 409, want: `{"message":"Group /g is already created. Use PUT to change this group."}`},
		{ask: "GET /v2/groups/g/versions", status: 200, want: `["TIME"]`},

		// those around it are made, and are groups like others
		{ask: "PUT /v2/groups/g/a/b", body: `{"dependencies":["../x","/db"]}`, status: 200, want: started},
		{ask: "GET /v2/groups/g/a", status: 200, want: g("/g/a", g("/g/a/b", "", `"/g/a/x","/db"`), "")},
		{ask: "GET /v2/groups/g?embed=group.groups", status: 200, has: []string{`"groups":[{"id":"/g/a","groups":[{"id":"/g/a/b","groups":[],"dependencies":["/g/a/x","/db"]`}},
		{ask: "GET /v2/groups/g?embed=group.apps", status: 200, want: `{"id":"/g","apps":[],"dependencies":[],"version":"TIME"}`},
		{ask: "PUT /v2/groups/g/a/b", body: `{"dependencies":["UP"]}`, status: 422,
			want: `{"message":"Object is not valid","details":[{"path":"/dependencies(0)","errors":["UP is not the path of an app or a group"]}]}`},
		{ask: "PUT /v2/groups/g/a/b", body: `{"apps":[]}`, status: 200, want: started},
		{ask: "GET /v2/groups/g/a/b", status: 200, want: g("/g/a/b", "", `"/g/a/x","/db"`)},

		// a group stays when its last app goes
		{ask: "POST /v2/apps", body: `{"id":"/g/a/web","cmd":"run","ports":[]}`, status: 201},
		{settle: true},
		{ask: "DELETE /v2/apps/g/a/web", status: 200, want: started},
		{settle: true},
		{ask: "GET /v2/groups/g/a", status: 200, want: g("/g/a", g("/g/a/b", "", `"/g/a/x","/db"`), "")},

		// an app comes in the place of a group only if there is no app in it
		{ask: "POST /v2/apps", body: `{"id":"/g/a/b/c","cmd":"run","ports":[]}`, status: 201},
		{ask: "POST /v2/apps", body: `{"id":"/g/a","cmd":"run","ports":[]}`, status: 422,
			want: `{"message":"Object is not valid","details":[{"path":"/id","errors":["Groups and Applications may not have the same identifier."]}]}`},
		{ask: "DELETE /v2/apps/g/a/b/c", status: 200},
		{ask: "POST /v2/apps", body: `{"id":"/g/a","cmd":"run","ports":[]}`, status: 201},
		{ask: "GET /v2/groups/g?embed=group.groups", status: 200, has: []string{`"groups":[]`}},
		{ask: "GET /v2/groups/g/a/b", status: 404},
		{ask: "PUT /v2/groups/g/a/b", body: `{}`, status: 422,
			want: `{"message":"Object is not valid","details":[{"path":"/id","errors":["Groups and Applications may not have the same identifier."]}]}`},

		// groups that are given replace those that are there
		{ask: "PUT /v2/groups/g", body: `{"groups":[{"id":"x"},{"id":"y","groups":[{"id":"z"}]}]}`, status: 200, want: started},
		{ask: "GET /v2/groups/g?embed=group.groups", status: 200, has: []string{`"id":"/g/x"`, `"id":"/g/y/z"`}},
		{ask: "PUT /v2/groups/g", body: `{"groups":[{"id":"y"}]}`, status: 200, want: started},
		{ask: "GET /v2/groups/g/x", status: 404},
		{ask: "GET /v2/groups/g/y/z", status: 200},
		{ask: "PUT /v2/groups/g", body: `{"groups":[]}`, status: 200, want: started},
		{ask: "GET /v2/groups/g/y/z", status: 404},

		{ask: "DELETE /v2/groups/g", status: 200, want: started},
		{settle: true},
		{ask: "GET /v2/groups", status: 200, want: root("")},
		{ask: "PUT /v2/groups/h/i", body: `{}`, status: 200},
		{ask: "DELETE /v2/groups", status: 200, want: started},
		{ask: "GET /v2/groups", status: 200, want: root("")},
	})
}

// versionsOf are the versions of a group, oldest first.
func versionsOf(t *testing.T, server *httptest.Server, id string) []string {
	t.Helper()
	var list []string
	get(t, server, "/v2/groups"+id+"/versions", &list)
	slices.Reverse(list)
	return list
}

func TestAGroupGoesBackToAVersionWithEmptyGroups(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "PUT /v2/groups/g", body: `{"groups":[{"id":"empty","dependencies":["/db"]}],"apps":[{"id":"web","cmd":"run","ports":[]}],"dependencies":["/mq"]}`, status: 200},
		{settle: true},
	})
	first := slices.Max(versionsOf(t, server, "/g"))
	before := do(t, server, "GET", "/v2/groups/g", "").body
	tell(t, p, server, []turn{
		{ask: "DELETE /v2/groups/g/empty", status: 200},
		{ask: "PUT /v2/groups/g", body: `{"dependencies":[]}`, status: 200},
		{ask: "PUT /v2/groups/g/young", body: `{"apps":[{"id":"app","cmd":"run","ports":[]}],"groups":[{"id":"est"}]}`, status: 200},
		{settle: true},
		{ask: "GET /v2/groups/g/empty", status: 404},
	})
	if versions := versionsOf(t, server, "/g"); len(versions) != 4 || !slices.IsSorted(versions) {
		t.Errorf("each change is a version of its own, got %v", versions)
	}
	tell(t, p, server, []turn{
		{ask: "GET /v2/groups/g/versions/" + first + "?embed=group.groups", status: 200,
			want: `{"id":"/g","groups":[{"id":"/g/empty","groups":[],"dependencies":["/db"],"version":"TIME"}],"dependencies":["/mq"],"version":"TIME"}`},
		{ask: "GET /v2/groups/g/empty/versions/" + first, status: 200}, // it is gone, but it was there
		{ask: "GET /v2/groups/g/versions/2015-09-25T15:13:48.343Z", status: 404, want: `{"message":"Group '/g' does not exist in version TIME"}`},
		{ask: "PUT /v2/groups/g", body: `{"version":"` + first + `"}`, status: 200, want: started},
		{settle: true},
		{ask: "GET /v2/groups/g/young", status: 404},
	})
	if after := do(t, server, "GET", "/v2/groups/g", "").body; steadied(after) != steadied(before) {
		t.Errorf("want it as it was:\n%s\n%s", before, after)
	}
}

func TestACancelledDeploymentTakesItsGroupsBack(t *testing.T) {
	p := newPlatform(t) // without hosts nothing ever succeeds
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "PUT /v2/groups/kept", body: `{"dependencies":["/a"]}`, status: 200},
		{ask: "PUT /v2/groups/kept/gone", body: `{"dependencies":["/b"]}`, status: 200},
	})
	x := do(t, server, "PUT", "/v2/groups", `{"groups":[{"id":"kept","dependencies":[],"groups":[]},{"id":"new","groups":[{"id":"deep","apps":[{"id":"app","cmd":"run","ports":[]}]},{"id":"empty"}]}]}`)
	var started wire.DeploymentResult
	if err := json.Unmarshal([]byte(x.body), &started); err != nil || x.status != 200 {
		t.Fatal(x.status, x.body)
	}
	tell(t, p, server, []turn{
		{ask: "GET /v2/groups/kept/gone", status: 404},
		{ask: "GET /v2/groups/new/deep", status: 200},
		{ask: "PUT /v2/groups/new/empty/mine", body: `{}`, status: 200}, // what others made stays
		{ask: "DELETE /v2/deployments/" + started.DeploymentID, status: 200},
		{ask: "GET /v2/groups/kept", status: 200, has: []string{`"dependencies":["/a"]`}},
		{ask: "GET /v2/groups/kept/gone", status: 200, has: []string{`"dependencies":["/b"]`}},
		{ask: "GET /v2/groups/new/deep", status: 404},
		{ask: "GET /v2/groups/new/empty/mine", status: 200},
	})
}

func TestDependenciesOfGroupsOrderDeploymentsAndHaveNoCircles(t *testing.T) {
	p := newPlatform(t, "h1")
	config := p.config()
	config.Plan = func(_ context.Context, c cluster.Change) (cluster.Forecast, error) { // nothing is there yet
		return cluster.Foresee(cluster.Stored{Cluster: 1}, c, time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	}
	server := serve(t, config)
	const app = `{"id":"%s","cmd":"run","ports":[]}`
	named := func(id string) string { return fmt.Sprintf(app, id) }
	const circle = `{"message":"Object is not valid","details":[{"path":"/dependencies","errors":["Dependency graph has cyclic dependencies.","%s"]}]}`
	tell(t, p, server, []turn{
		{ask: "PUT /v2/groups/shop?dryRun=true", status: 200,
			body: `{"groups":[{"id":"web","dependencies":["../db"],"groups":[{"id":"deep","apps":[` + named("a") + `]}]},{"id":"db","apps":[` + named("b") + `]}]}`,
			want: `{"steps":[{"actions":[{"action":"StartApplication","app":"/shop/db/b"},{"action":"StartApplication","app":"/shop/web/deep/a"}]},{"actions":[{"action":"ScaleApplication","app":"/shop/db/b"}]},{"actions":[{"action":"ScaleApplication","app":"/shop/web/deep/a"}]}]}`},
		{ask: "GET /v2/groups/shop", status: 404},
		{ask: "PUT /v2/groups/shop/web", body: `{"dependencies":["/shop/db"],"groups":[{"id":"deep","apps":[` + named("a") + `]}]}`, status: 200},
		{settle: true},
		{ask: "PUT /v2/groups/shop/db", body: `{"dependencies":["/shop/web"],"apps":[` + named("b") + `]}`, status: 422, want: fmt.Sprintf(circle, "/shop/db/b → /shop/web/deep/a → /shop/db/b")},
		{ask: "GET /v2/groups/shop/db", status: 404},
		{ask: "PUT /v2/groups/shop/db", body: `{"dependencies":["/shop/web"]}`, status: 200}, // nobody waits for anybody yet
		{ask: "PUT /v2/apps/shop/db/b", body: `{"cmd":"run","ports":[]}`, status: 422, want: fmt.Sprintf(circle, "/shop/db/b → /shop/web/deep/a → /shop/db/b")},
		{ask: "PUT /v2/groups/shop/web", body: `{"dependencies":["deep"]}`, status: 422, want: fmt.Sprintf(circle, "/shop/web/deep/a → /shop/web/deep/a")},
	})
}

func TestATopLevelGroupMayEnforceItsRole(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	const pod = `{"id":"/dev/p","containers":[{"name":"c","resources":{"cpus":0.1,"mem":32},"image":{"kind":"DOCKER","id":"i"}}]%s}`
	fault := func(path, what string) string {
		return `{"message":"Object is not valid","details":[{"path":"` + path + `","errors":["` + what + `"]}]}`
	}
	const only = "expected one of: dev. The group /dev enforces its role: leave the role out, or change enforceRole of the group"
	tell(t, p, server, []turn{
		{ask: "PUT /v2/groups/dev", body: `{"enforceRole":true,"apps":[{"id":"web","cmd":"run","ports":[]}],"groups":[{"id":"deep","apps":[{"id":"web","cmd":"run","ports":[],"role":"dev"}]}]}`, status: 200},
		{ask: "GET /v2/apps/dev/web", status: 200, has: []string{`"role":"dev"`}},
		{ask: "GET /v2/groups/dev?embed=none", status: 200, want: `{"id":"/dev","dependencies":[],"version":"TIME","enforceRole":true}`},
		{ask: "GET /v2/groups?embed=group.groups", status: 200, has: []string{`"enforceRole":true`}},
		{settle: true},
		{ask: "POST /v2/apps", body: `{"id":"/dev/deep/new","cmd":"run","ports":[]}`, status: 201, has: []string{`"role":"dev"`}},
		{ask: "POST /v2/apps", body: `{"id":"/dev/other","cmd":"run","role":"*"}`, status: 422, want: fault("/role", "/dev/other: got *, "+only)},
		{ask: "PUT /v2/apps/dev/web?force=true", body: `{"role":"prod"}`, status: 422, want: fault("/role", "/dev/web: got prod, "+only)},
		{ask: "PUT /v2/groups/dev?force=true", body: `{"apps":[{"id":"web","cmd":"run","ports":[],"role":"prod"}]}`, status: 422, want: fault("/apps(0)/role", "got prod, "+only)},
		{ask: "POST /v2/pods", body: fmt.Sprintf(pod, `,"role":"prod"`), status: 422, want: fault("/role", "/dev/p: got prod, "+only)},
		{ask: "POST /v2/pods", body: fmt.Sprintf(pod, ``), status: 201, has: []string{`"role":"dev"`}},
		{settle: true},

		// only a top-level group may, and not together with other changes
		{ask: "PUT /v2/groups/dev/deep", body: `{"enforceRole":true}`, status: 422, want: fault("/enforceRole", "enforceRole can only be set for top-level groups, and /dev/deep is not top-level")},
		{ask: "PUT /v2/groups", body: `{"groups":[{"id":"g","groups":[{"id":"h","enforceRole":true}]}]}`, status: 422, want: fault("/groups(0)/groups(0)/enforceRole", "enforceRole can only be set for top-level groups, and /g/h is not top-level")},
		{ask: "PATCH /v2/groups/dev/deep", body: `{"enforceRole":false}`, status: 422},
		{ask: "PATCH /v2/groups/nope", body: `{"enforceRole":false}`, status: 404, want: `{"message":"Group '/nope' does not exist"}`},
		{ask: "PUT /v2/groups/dev", body: `{"enforceRole":false,"apps":[]}`, status: 422,
			want: fault("/enforceRole", "enforceRole cannot be modified in a request that adds, removes or modifies services; please make these changes in separate requests.")},

		// what is there keeps the role that it has
		{ask: "PATCH /v2/groups/dev", body: `{}`, status: 200},
		{ask: "POST /v2/apps", body: `{"id":"/dev/other","cmd":"run","role":"*"}`, status: 422},
		{ask: "PATCH /v2/groups/dev", body: `{"enforceRole":false}`, status: 200},
		{ask: "GET /v2/groups/dev?embed=none", status: 200, want: `{"id":"/dev","dependencies":[],"version":"TIME"}`},
		{ask: "POST /v2/apps", body: `{"id":"/dev/other","cmd":"run","ports":[],"role":"prod"}`, status: 201, has: []string{`"role":"prod"`}},
		{settle: true},
		{ask: "PUT /v2/groups/dev", body: `{"enforceRole":true}`, status: 200, want: started},
		{ask: "PUT /v2/apps/dev/other", body: `{"instances":2}`, status: 200, want: started},
		{settle: true},
		{ask: "PUT /v2/apps/dev/other", body: `{"role":"dev"}`, status: 200, want: started},
		{settle: true},
		{ask: "PUT /v2/apps/dev/other", body: `{"role":"prod"}`, status: 422},
	})
	if x := do(t, server, "GET", "/v2/groups/dev", ""); x.status == 200 {
		if back := do(t, server, "PUT", "/v2/groups/dev", x.body); back.status != 200 {
			t.Errorf("what GET answers, put back: %d %s", back.status, back.body)
		}
	}
}

func TestAnAppWithDataKeepsItsRoleUnlessForced(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "PUT /v2/apps/dev/db", status: 201, body: `{"cmd":"run","ports":[],"role":"dev","container":{"type":"MESOS","volumes":[{"containerPath":"data","mode":"RW","persistent":{"size":10}}]}}`},
		{settle: true},
		{ask: "PUT /v2/apps/dev/db", body: `{"role":"prod"}`, status: 422, has: []string{
			`"path":"/role"`, `will continue to run under the previous role, dev`, `the new role, prod`, `?force=true`}},
		{ask: "PUT /v2/apps/dev/db?force=true", body: `{"role":"prod"}`, status: 200},
	})
}

func TestAChangeOfGroupsIsToldOnce(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	told := func() (list []string) {
		for _, n := range p.notices {
			if e, ok := render(&n, true); ok && strings.HasPrefix(e.Type, "group_change") {
				var fields struct{ GroupID, Version, Reason string }
				if err := json.Unmarshal(e.Data, &fields); err != nil || fields.Version == "" {
					t.Fatal(err, string(e.Data))
				}
				list = append(list, strings.TrimSpace(fmt.Sprint(strings.TrimPrefix(e.Type, "group_change_"), " ", fields.GroupID, " ", fields.Reason)))
			}
		}
		p.notices = nil
		return list
	}
	const app = `{"cmd":"run","ports":[]}`
	for _, test := range []struct {
		ask, body string
		want      []string
	}{
		{"PUT /v2/groups/g", `{}`, []string{"success /"}},
		{"PUT /v2/groups/g", `{}`, []string{"success /"}}, // as Marathon, though nothing changed
		{"PUT /v2/groups/g/h", `{"apps":[{"id":"a","cmd":"run","ports":[]},{"id":"b","cmd":"run","ports":[]}]}`, []string{"success /g"}},
		{"PUT /v2/apps/g/h/c", app, []string{"success /g/h"}},
		{"PUT /v2/apps/g/h/c", `{"instances":2}`, []string{`failed /g/h App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.`}},
		{"PUT /v2/apps", `[{"id":"/g/x","cmd":"run","ports":[]},{"id":"/y","cmd":"run","ports":[]}]`, []string{"success /"}},
		{"PUT /v2/apps/g/h", app, []string{"failed /g Object is not valid; /id: Groups and Applications may not have the same identifier."}},
		{"PUT /v2/apps/g/z", `{"cmd":"run","dependencies":["/g/z"]}`, []string{"failed /g Object is not valid; /dependencies: Dependency graph has cyclic dependencies., /g/z → /g/z"}},
		{"PUT /v2/apps/g/z", `{"cmd":""}`, nil}, // it never came to that
		{"PATCH /v2/groups/g", `{"enforceRole":true}`, nil},
		{"DELETE /v2/groups/g?force=true", ``, []string{"success /"}},
	} {
		method, path, _ := strings.Cut(test.ask, " ")
		p.setSlow(true) // deployments stay
		x := do(t, server, method, path, test.body)
		if diff := cmp.Diff(test.want, told()); diff != "" {
			t.Errorf("%s %s: %d %s (-want +got)\n%s", test.ask, test.body, x.status, x.body, diff)
		}
	}
}

// Whatever a group is: what GET tells of it can be PUT back, and changes nothing.
func TestAnyTreeOfGroupsCanBePutBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPlatform(t, "h1")
		server := serve(t, p.config())
		defer server.Close()
		body := drawGroup(rt, "/top", 3)
		if rapid.Bool().Draw(rt, "enforced") {
			body["enforceRole"] = true
		}
		text, err := json.Marshal(body)
		if err != nil {
			rt.Fatal(err)
		}
		if x := do(t, server, "PUT", "/v2/groups/top", string(text)); x.status != 200 {
			rt.Fatalf("PUT %s: %d %s", text, x.status, x.body)
		}
		p.settle()
		for _, id := range []string{"/top", ""} {
			before := do(t, server, "GET", "/v2/groups"+id, "").body
			x := do(t, server, "PUT", "/v2/groups"+id, before)
			if x.status != 200 {
				rt.Fatalf("PUT back %s: %d %s", before, x.status, x.body)
			}
			if running := do(t, server, "GET", "/v2/deployments", ""); strings.TrimSpace(running.body) != "[]" {
				rt.Fatalf("to put back %s starts %s", before, running.body)
			}
			if after := do(t, server, "GET", "/v2/groups"+id, "").body; after != before {
				rt.Fatalf("put back, it is another:\n%s\n%s", before, after)
			}
		}
	})
}

// drawGroup is the body of any group, so deep, without circles: each depends on what is
// outside alone.
func drawGroup(t *rapid.T, id apps.ID, deep int) map[string]any {
	outside := func() []string {
		return rapid.SliceOfN(rapid.SampledFrom([]string{"/db", "/mq", "/other/deep", "../../out"}), 0, 3).Draw(t, "dependencies")
	}
	body := map[string]any{"id": string(id)}
	if rapid.Bool().Draw(t, "depends") {
		body["dependencies"] = outside()
	}
	var list []map[string]any
	for n := range rapid.IntRange(0, 2).Draw(t, "apps") {
		app := map[string]any{"id": fmt.Sprint("app", n), "cmd": "run", "instances": rapid.IntRange(0, 2).Draw(t, "instances"), "cpus": 0.1, "mem": 32}
		if rapid.Bool().Draw(t, "of its own") {
			app["dependencies"] = outside()
		}
		list = append(list, app)
	}
	if list != nil {
		body["apps"] = list
	}
	var pods []map[string]any
	for n := range rapid.IntRange(0, 1).Draw(t, "pods") {
		pods = append(pods, map[string]any{"id": fmt.Sprint("pod", n), "containers": []any{map[string]any{
			"name": "c", "resources": map[string]any{"cpus": 0.1, "mem": 32}, "image": map[string]any{"kind": "DOCKER", "id": "i"}}}})
	}
	if pods != nil {
		body["pods"] = pods
	}
	var groups []map[string]any
	for n := range rapid.IntRange(0, min(deep, 2)).Draw(t, "groups") {
		groups = append(groups, drawGroup(t, id+apps.ID(fmt.Sprint("/g", n)), deep-1))
	}
	if groups != nil {
		body["groups"] = groups
	}
	return body
}
