package api

import (
	"testing"

	"pacer/apps"
	"pacer/deployer/cluster"
)

// join lets one more host take part.
func (p *platform) join(name, addr string) {
	p.step.Lock()
	defer p.step.Unlock()
	h := &pretendHost{report: apps.Report{Boot: 1, Revision: 1, Host: apps.Host{
		Name: name, Addr: addr, Total: apps.Resources{CPU: 8000, Mem: 16384, Disk: 100000}, Ports: []apps.Range{{First: 31000, Last: 32000}},
	}}}
	p.hosts[name] = h
	p.turn([]cluster.Event{cluster.Reported{Report: h.report}})
}

func TestHostsAreRebalanced(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	const nothing = `{"left":0,"moves":[]}`
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/web","cmd":"run","cpus":2,"mem":1024,"instances":4}`, status: 201},
		{settle: true},
	})
	p.join("h2", "127.0.1.2")
	tell(t, p, server, []turn{
		{ask: "POST /pacer/v1/rebalance", body: `{"dryRun":true,"max":1}`, status: 200, want: `{"dryRun":true,"more":true,
			"moves":[{"instance":"web.instance-N","app":"/web","from":"h1","to":"h2","fromBefore":1,"fromAfter":0.75,"toBefore":0,"toAfter":0.25,
				"sentence":"host h1 100 % → 75 %, h2 0 % → 25 %"}],
			"hosts":[{"name":"h1","before":1,"after":0.75},{"name":"h2","before":0,"after":0.25}]}`},
		{ask: "GET /pacer/v1/rebalance", status: 200, want: nothing},
		{ask: "POST /pacer/v1/rebalance", body: `{"max":0}`, status: 422, has: []string{`"/max"`}},
		{ask: "POST /pacer/v1/rebalance", body: `{"max":1001}`, status: 422, has: []string{`"/max"`}},
		{ask: "POST /pacer/v1/rebalance", body: `{"max":"x"}`, status: 422, has: []string{`"/max"`}},
	})

	p.setSlow(true)
	tell(t, p, server, []turn{
		{ask: "POST /pacer/v1/rebalance", status: 200, has: []string{`"dryRun":false`, `"more":false`, `"after":0.5`}},
		{ask: "GET /pacer/v1/rebalance", status: 200, has: []string{`"left":2`, `"app":"/web","from":"h1","to":"h2","successor":"web.instance-N","state":"starting"`}},
		{ask: "POST /pacer/v1/rebalance", body: `{}`, status: 409, has: []string{"2 instances are being moved"}},
		{ask: "DELETE /pacer/v1/rebalance", status: 200, want: nothing},
	})
	p.setSlow(false)
	tell(t, p, server, []turn{
		{settle: true},
		{ask: "GET /pacer/v1/hosts", status: 200, has: []string{`"instances":4`, `"instances":0`}},
		{ask: "POST /pacer/v1/rebalance", body: `{}`, status: 200, has: []string{`"moves":[{`}},
		{settle: true},
		{ask: "GET /pacer/v1/rebalance", status: 200, want: nothing},
		{ask: "GET /pacer/v1/hosts/h1", status: 200, has: []string{`"instances":2`}},
		{ask: "GET /pacer/v1/hosts/h2", status: 200, has: []string{`"instances":2`}},
		{ask: "POST /pacer/v1/rebalance", body: `{}`, status: 200, has: []string{`"moves":[]`}},
	})
}
