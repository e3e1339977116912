package api

import "testing"

const database = `{"id":"/db","container":{"type":"MESOS","docker":{"image":"db:1"},"volumes":[
	{"containerPath":"data","mode":"RW","persistent":{"size":100}},{"containerPath":"/var/lib/db","hostPath":"data","mode":"RW"}]},"disk":10}`

func TestPersistentVolumesOutliveTheirInstances(t *testing.T) {
	p := newPlatform(t, "h1", "h2")
	server := serve(t, p.config())
	const set = `"app":"/db","host":"h1","paths":["data"],"reserved":{"cpus":1,"mem":128,"disk":110,"gpus":0},"since":"TIME"`
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: database, status: 201, has: []string{`"disk":10`, `"residency":{"relaunchEscalationTimeoutSeconds":3600,"taskLostBehavior":"WAIT_FOREVER"}`}},
		{settle: true},
		{ask: "GET /v2/apps/db/tasks", status: 200, has: []string{`"localVolumes":[{"runSpecId":"/db","containerPath":"data","uuid":"UUID","persistenceId":"db#data#UUID"}]`}},
		{ask: "GET /pacer/v1/volumes", status: 200, want: `{"volumes":[{"id":"db.instance-N","instance":"db.instance-N","state":"attached",` + set + `}]}`},
		{ask: "DELETE /pacer/v1/volumes/" + p.claimOf("/db"), status: 404},
	})
	claim := p.claimOf("/db")
	tell(t, p, server, []turn{
		{ask: "DELETE /pacer/v1/volumes/" + claim, status: 409},
		{ask: "PUT /v2/apps/db", body: `{"instances":0}`, status: 200},
		{settle: true},
		{ask: "GET /pacer/v1/volumes", status: 200, want: `{"volumes":[{"id":"db.instance-N","state":"detached",` + set + `}]}`},
		{ask: "PUT /v2/apps/db", body: `{"instances":1}`, status: 200},
		{settle: true},
	})
	if got := p.claimOf("/db"); got != claim {
		t.Errorf("the new instance has the volumes %s, want %s", got, claim)
	}
	tell(t, p, server, []turn{
		{ask: "DELETE /v2/apps/db/tasks?wipe=true", status: 200},
		{settle: true},
	})
	if got := p.claimOf("/db"); got == claim || got == "" {
		t.Errorf("after a wipe the new instance has the volumes %s", got)
	}
	tell(t, p, server, []turn{
		{ask: "PUT /v2/apps/db", body: `{"mem":256}`, status: 422, has: []string{"may not change resource requirements"}},
		{ask: "DELETE /v2/apps/db", status: 200},
		{settle: true},
		{ask: "GET /pacer/v1/volumes", status: 200, want: `{"volumes":[]}`},
	})
}

// claimOf is the volumes that the app's first instance has.
func (p *platform) claimOf(app string) string {
	for _, in := range p.ledger.InstancesOf("/db") {
		return in.Claim
	}
	return "none"
}

func TestPersistentVolumesAreValidated(t *testing.T) {
	p := newPlatform(t)
	server := serve(t, p.config())
	for _, bad := range []struct{ volume, message string }{
		{`{"containerPath":"a/b","mode":"RW","persistent":{"size":1}}`, `/container/volumes(0)/containerPath`},
		{`{"containerPath":"..","mode":"RW","persistent":{"size":1}}`, `/container/volumes(0)/containerPath`},
		{`{"containerPath":"a","mode":"RO","persistent":{"size":1}}`, `/container/volumes(0)/mode`},
		{`{"containerPath":"a","mode":"RW","persistent":{}}`, `/container/volumes(0)/persistent/size`},
		{`{"containerPath":"a","mode":"RW","persistent":{"size":0}}`, `/container/volumes(0)/persistent/size`},
		{`{"containerPath":"a","mode":"RW","persistent":{"size":"1"}}`, `/container/volumes(0)/persistent`},
		{`{"containerPath":"a","mode":"RW","persistent":{"size":1,"type":"disk"}}`, `/container/volumes(0)/persistent/type`},
		{`{"containerPath":"a","mode":"RW","persistent":{"size":1,"maxSize":2}}`, `/container/volumes(0)/persistent/maxSize`},
		{`{"containerPath":"a","mode":"RW","persistent":{"size":1,"constraints":[["path","LIKE","x"]]}}`, `/container/volumes(0)/persistent/constraints`},
		{`{"containerPath":"a","mode":"RW","persistent":{"size":1,"type":"mount","constraints":[["path","IS","x"]]}}`, `/container/volumes(0)/persistent/constraints(0)`},
		{`{"containerPath":"a","mode":"RW","persistent":{"size":1}},{"containerPath":"a","mode":"RW","persistent":{"size":1}}`, `/container/volumes(1)/containerPath`},
	} {
		tell(t, p, server, []turn{{ask: "POST /v2/apps", body: `{"id":"/db","cmd":"run","container":{"type":"MESOS","volumes":[` + bad.volume + `]}}`,
			status: 422, has: []string{bad.message}}})
	}
}
