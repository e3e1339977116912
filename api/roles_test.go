package api

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRolesAreSetShownAndForgotten(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	const none = `"limit":{}`
	const unset = `"set":false,"weight":1,"guarantee":{"cpus":0,"mem":0,"disk":0,"gpus":0},"limit":{}`
	tell(t, p, server, []turn{
		{ask: "GET /pacer/v1/roles", status: 200, want: `{"roles":[],"total":{"cpus":8,"mem":16384,"disk":100000,"gpus":0}}`},
		{ask: "POST /v2/apps", body: `{"id":"/shop/web","cmd":"run","cpus":2,"mem":1024,"instances":5}`, status: 201},
		{settle: true},
		{ask: "GET /pacer/v1/roles", status: 200, want: `{"roles":[{"name":"shop",` + unset + `,"share":1,"weightedShare":1,"dominant":"cpus",
			"held":{"cpus":8,"mem":4096,"disk":0,"gpus":0},"instances":4,"waiting":1,"wanted":{"cpus":2,"mem":1024,"disk":0,"gpus":0}}],
			"total":{"cpus":8,"mem":16384,"disk":100000,"gpus":0}}`},
		{ask: "PUT /pacer/v1/roles/shop", body: `{"weight":2,"limit":{"cpus":8.5,"mem":20000},"guarantee":{"cpus":1}}`, status: 200,
			has: []string{`"weight":2`, `"limit":{"cpus":8.5,"mem":20000}`, `"guarantee":{"cpus":1,"mem":0,"disk":0,"gpus":0}`, `"weightedShare":0.5`, `"version":"TIME"`}},
		{ask: "PUT /pacer/v1/roles/other", body: `{"limit":{"cpus":1}}`, status: 200, has: []string{`"set":true,"weight":1`, `"instances":0`}},
		{ask: "POST /v2/apps", body: `{"id":"/other/web","cmd":"run","cpus":2,"mem":64}`, status: 201},
		{settle: true},
		{ask: "GET /pacer/v1/apps/other/web/explain", status: 200, has: []string{"limit"}},
		{ask: "PUT /pacer/v1/roles/shop", body: `{}`, status: 200, has: []string{`"weight":1`, none, `"history":[{"version":"TIME","by":"127.0.0.1","weight":1`, `"weight":2`}},
		{ask: "GET /pacer/v1/roles/nobody", status: 404},
		{ask: "DELETE /pacer/v1/roles/nobody", status: 404},
		{ask: "PUT /pacer/v1/roles/-x", body: `{}`, status: 422, has: []string{`"/name"`}},
		{ask: "PUT /pacer/v1/roles/shop", body: `{"name":"web"}`, status: 422, has: []string{`"/name"`}},
		{ask: "PUT /pacer/v1/roles/shop", body: `{"weight":0}`, status: 422, has: []string{`"/weight"`}},
		{ask: "PUT /pacer/v1/roles/shop", body: `{"limit":{"mem":-1}}`, status: 422, has: []string{`"/limit/mem"`}},
		{ask: "DELETE /pacer/v1/roles/shop", status: 204},
		{ask: "GET /pacer/v1/roles/shop", status: 200, has: []string{`"set":false`}},
	})
}

func TestWhyAnInstanceIsWhereItIs(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "POST /v2/apps", body: `{"id":"/shop/web","cmd":"run","cpus":6,"mem":64,"instances":2}`, status: 201},
		{settle: true},
		{ask: "GET /pacer/v1/apps/shop/web/decisions", status: 200, has: []string{`"role":"shop"`, `"host":"h1"`, `no host takes`, `"sentence":"role shop was next`}},
		{ask: "GET /pacer/v1/apps/nobody/decisions", status: 404},
	})
}

func TestTheStreamOfRolesTellsChanges(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/pacer/v1/roles", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return ""
	}
	if first := next(); !strings.HasPrefix(first, `{"roles":[],`) {
		t.Errorf("first it says %s", first)
	}
	if x := do(t, server, "PUT", "/pacer/v1/roles/shop", `{"weight":3}`); x.status != 200 {
		t.Fatal(x)
	}
	if second := next(); !strings.Contains(second, `"name":"shop","set":true,"weight":3`) {
		t.Errorf("then it says %s", second)
	}
}
