package api

import "testing"

func TestADeploymentIsPausedAndResumed(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/web","cmd":"run","cpus":0.1,"mem":32,"instances":2,"upgradeStrategy":{"minimumHealthCapacity":0.5,"maximumOverCapacity":0}}`, status: 201},
		{settle: true},
	})
	p.setSlow(true)
	tell(t, p, server, []turn{{ask: "PUT /v2/apps/web", body: `{"env":{"A":"1"}}`, status: 200}})
	id := p.Deployments()[0].ID
	tell(t, p, server, []turn{
		{ask: "POST /pacer/v1/deployments/" + id + "/pause", status: 200, has: []string{`"paused":true`, `"state":"running"`}},
		{ask: "POST /pacer/v1/deployments/" + id + "/pause", status: 200, has: []string{`"paused":true`}},
		{ask: "GET /pacer/v1/deployments?state=running", status: 200, has: []string{`"paused":true`, `"state":"running"`, `"affectedApps":["/web"]`}},
		{ask: "GET /pacer/v1/deployments?state=paused", status: 422, has: []string{"state must be running or ended"}},
	})
	p.setSlow(false)
	p.settle()
	tell(t, p, server, []turn{
		{ask: "GET /v2/deployments", status: 200, has: []string{`"id":"UUID"`}},
		{ask: "POST /pacer/v1/deployments/" + id + "/resume", status: 200},
		{settle: true},
		{ask: "GET /v2/deployments", status: 200, want: `[]`},
		{ask: "GET /pacer/v1/deployments?state=running", status: 200, want: `{"deployments":[]}`},
		{ask: "POST /pacer/v1/deployments/" + id + "/pause", status: 404},
	})
}
