package api

import "testing"

// What Marathon's reference says of requests that no story needs: filters, empty and
// misplaced bodies, ids that nobody has.
func TestEveryEndpointAnswersTheRarerRequests(t *testing.T) {
	p := newPlatform(t, "h1", "h2")
	server := serve(t, p.config())
	const (
		empty     = `{"message":"Please specify data in JSON format","details":"No content to map due to end-of-input"}`
		both      = `{"message":"You cannot use scale and wipe at the same time."}`
		noApp     = `{"message":"App '/nope' does not exist"}`
		noPod     = `{"message":"Pod '/nope' does not exist"}`
		nowhere   = `gone.instance-aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa._app.1`
		together  = `{"message":"version and scaleBy are not allowed in conjunction with other properties."}`
		container = `"containers":[{"name":"c","exec":{"command":{"shell":"sleep 1"}},"resources":{"cpus":0.1,"mem":32}}]`
	)
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/a/b","cmd":"sleep 1","labels":{"x":"1"},"ports":[]}`, status: 201},
		{ask: "POST /v2/apps", body: `{"id":"/a/c","cmd":"sleep 2","ports":[]}`, status: 201},
		{ask: "POST /v2/groups", body: `{"id":"/empty"}`, status: 201},
		{settle: true},

		{ask: "POST /v2/apps", body: `{"id":"/empty","cmd":"sleep 9"}`, status: 201}, // in place of an empty group
		{ask: "POST /v2/apps", body: `{"id":"/a","cmd":"sleep 9"}`, status: 422, has: []string{"Groups and Applications may not have the same identifier."}},
		{settle: true},
		{ask: "GET /v2/apps?cmd=SLEEP%201", status: 200, has: []string{`{"apps":[{"id":"/a/b"`}},
		{ask: "GET /v2/apps?id=A/C", status: 200, has: []string{`{"apps":[{"id":"/a/c"`}},
		{ask: "GET /v2/apps?label=x%3D%3D1,y", status: 200, want: `{"apps":[]}`},
		{ask: "GET /v2/apps?embed=apps.nonsense&foo=bar", status: 200, has: []string{`"deployments":[]`}},
		{ask: "GET /v2/apps/a/*", status: 200, has: []string{`{"*":[{"id":"/a/b"`}},
		{ask: "GET /v2/apps/a/b/*", status: 404, want: `{"message":"Group '/a/b' does not exist"}`},

		{ask: "PUT /v2/apps?partialUpdate=false", body: `[{"id":"/a/b","instances":2}]`, status: 422, has: []string{`"path":"(0)"`}},
		{ask: "PUT /v2/apps/a/b", body: `{"id":"/other","instances":2}`, status: 200, want: started},
		{ask: "GET /v2/apps/other", status: 404, want: `{"message":"App '/other' does not exist"}`},
		{ask: "PUT /v2/apps/a/b", body: `[]`, status: 400, want: `{"message":"Please specify data in JSON format","details":"expected a JSON object, got an array"}`},
		{ask: "PUT /v2/apps/a/b", status: 400, want: empty},
		{settle: true},
		{ask: "PUT /v2/apps/a/b", body: `{}`, status: 200, want: started}, // changes nothing, and ends at once
		{ask: "GET /v2/deployments", status: 200, want: `[]`},
		{ask: "PUT /v2/apps", body: `[]`, status: 200, want: started},
		{ask: "POST /v2/apps", body: `{"id":"/","cmd":"sleep 1"}`, status: 422, has: []string{"Path must contain at least one path element"}},

		{ask: "DELETE /v2/apps/nope/tasks", status: 404, want: noApp},
		{ask: "DELETE /v2/apps/nope/tasks/x", status: 404, want: noApp},
		{ask: "DELETE /v2/apps/a/c/tasks?scale=true&wipe=true", status: 400, want: both},
		{ask: "DELETE /v2/apps/a/c/tasks/x?scale=true&wipe=true", status: 400, want: both},
		{ask: "DELETE /v2/apps/a/c/tasks?host=nowhere", status: 200, want: `{"tasks":[]}`},
		{ask: "DELETE /v2/apps/a/c/tasks?host=*", status: 200, has: []string{`"appId":"/a/c"`}},
		{settle: true},
		{ask: "GET /v2/tasks?status=bogus", status: 200, has: []string{`"appId":"/a/b"`}},
		{ask: "GET /v2/tasks?status[]=staging", status: 200, want: `{"tasks":[]}`},
		{ask: "GET /v2/tasks?status[]=staging&status[]=running", status: 200, has: []string{`"appId":"/a/b"`}},
		{ask: "POST /v2/tasks/delete", status: 400, want: empty},
		{ask: "POST /v2/tasks/delete", body: `{}`, status: 422, want: `{"message":"Invalid JSON","details":[{"path":"/ids","errors":["error.path.missing"]}]}`},
		{ask: "POST /v2/tasks/delete", body: `{"ids":["` + nowhere + `"]}`, status: 200, want: `{"tasks":[]}`},
		{ask: "POST /v2/tasks/delete", body: `{"ids":["gone.aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"]}`, status: 200, want: `{"tasks":[]}`}, // as up to 1.7
		{ask: "POST /v2/tasks/delete?scale=true", body: `{"ids":["` + nowhere + `"]}`, status: 200, want: started},

		{ask: "GET /v2/groups/apps?embed=none", status: 200, has: []string{`[{"id":"/a/b"`, `{"id":"/a/c"`, `{"id":"/empty"`}},
		{ask: "GET /v2/groups/nope/apps", status: 200, want: `[]`},
		{ask: "POST /v2/groups", body: `{}`, status: 409, want: `{"message":"Group / is already created. Use PUT to change this group."}`},
		{ask: "PUT /v2/groups/a", body: `{"scaleBy":-1}`, status: 422, want: `{"message":"Invalid JSON","details":[{"path":"/scaleBy","errors":["error.min"]}]}`},
		{ask: "PUT /v2/groups/a", body: `{"scaleBy":2,"apps":[]}`, status: 422, want: together},
		{ask: "PUT /v2/groups/a", body: `{"version":"2015-09-25T15:13:48.343Z","scaleBy":1}`, status: 422, want: together},
		{ask: "PUT /v2/groups/a", body: `{"version":"2015-09-25T15:13:48.343Z"}`, status: 422, want: `{"message":"Group /a not available in version TIME"}`},
		{ask: "GET /v2/groups/a/b", status: 404, want: `{"message":"Group '/a/b' does not exist"}`},
		{ask: "POST /v2/groups/p", body: `{"id":"c","apps":[{"id":"a","cmd":"sleep 1"}]}`, status: 201, want: started},
		{ask: "GET /v2/apps/p/c/a", status: 200, has: []string{`"id":"/p/c/a"`}},

		{ask: "GET /v2/pods/nope", status: 404, want: noPod},
		{ask: "GET /v2/pods/nope::status", status: 404, want: noPod},
		{ask: "GET /v2/pods/nope::versions", status: 404, want: noPod},
		{ask: "DELETE /v2/pods/nope::instances/x", status: 404, want: noPod},
		{ask: "POST /v2/pods", body: `{"id":"/pod"}`, status: 422, want: `{"message":"Invalid JSON","details":[{"path":"/containers","errors":["error.path.missing"]}]}`},
		{ask: "POST /v2/pods", body: `{"id":"/a/b",` + container + `}`, status: 422, has: []string{"Applications and Pods may not share the same id"}},
		{ask: "PUT /v2/pods/pod", body: `{"id":"/bla",` + container + `}`, status: 400, want: `{"message":"'/pod' does not match definition's id ('/bla')"}`},
		{ask: "PATCH /v2/pods/pod", body: `{}`, status: 405},

		{ask: "DELETE /v2/deployments/nope?force=true", status: 404, want: `{"message":"DeploymentPlan nope does not exist"}`},
		{ask: "DELETE /v2/queue/a/b/delay", status: 404, want: `{"message":"Application /a/b not found in tasks queue."}`},
		{ask: "GET /v2/queue?embed=bogus", status: 200, has: []string{`{"queue":[`}},
		{ask: "GET /v2/plugins", status: 200, want: `{"plugins":[]}`},
		{ask: "POST /v2/plugins/x/y/z", body: `{}`, status: 404, want: `{"message":"No plugin with this pluginId: x"}`},
		{ask: "GET /v2/schemas", status: 404, want: `{"message":"URI not found: /v2/schemas"}`},
		{ask: "GET /metrics/prometheus", status: 200, has: []string{"pacer_http_requests_total"}},
		{ask: "GET /v2/leader", body: `""`, status: 200, want: `{"leader":"10.0.0.1:8080"}`}, // as go-marathon asks
		{ask: "DELETE /v2/leader?backup=file:///x&restore=file:///y", status: 200, want: `{"message":"Leadership abdicated"}`},
	})
}
