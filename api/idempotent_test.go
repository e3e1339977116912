package api

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"pacer/api/wire"
)

func TestARequestWithAKeyIsDoneOnce(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	const app = `{"id":"/web","cmd":"run","ports":[0]}`
	first := do(t, server, "POST", "/v2/apps", app, "Idempotency-Key", "k1")
	again := do(t, server, "POST", "/v2/apps", app, "Idempotency-Key", "k1")
	if first.status != 201 || again.status != 201 || first.body != again.body || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("want the same answer twice, got %d %s\nand %d %s", first.status, first.body, again.status, again.body)
	}
	for _, name := range []string{"Marathon-Deployment-Id", "Location"} {
		if a, b := first.header.Get(name), again.header.Get(name); a == "" || a != b {
			t.Errorf("%s: %q, then %q", name, a, b)
		}
	}
	if x := do(t, server, "POST", "/v2/apps", app, "Idempotency-Key", "k2"); x.status != 409 {
		t.Errorf("another key is another request: want 409, got %d %s", x.status, x.body)
	}
	if x := do(t, server, "POST", "/v2/apps", strings.Replace(app, "run", "run more", 1), "Idempotency-Key", "k1"); x.status != 422 || !strings.Contains(x.body, "was used for another request") {
		t.Errorf("the key with another body: want 422, got %d %s", x.status, x.body)
	}
	if x := do(t, server, "PUT", "/v2/apps/web", app, "Idempotency-Key", strings.Repeat("k", keyMax+1)); x.status != 422 {
		t.Errorf("a key that is too long: want 422, got %d %s", x.status, x.body)
	}
	p.settle()
	for _, write := range []struct{ method, path, body string }{
		{"PUT", "/v2/apps/web", `{"instances":2}`}, {"PUT", "/v2/apps/new", `{"cmd":"run","ports":[]}`}, {"POST", "/v2/apps/web/restart", ""},
		{"POST", "/v2/groups", `{"id":"/g","apps":[{"id":"a","cmd":"run","ports":[]}]}`}, {"PUT", "/v2/groups/g", `{"scaleBy":2}`}, {"DELETE", "/v2/apps/new", ""},
	} {
		key := write.method + write.path
		first := do(t, server, write.method, write.path, write.body, "Idempotency-Key", key)
		again := do(t, server, write.method, write.path, write.body, "Idempotency-Key", key)
		if first.status/100 != 2 || first.status != again.status || first.body != again.body || first.header.Get("Location") != again.header.Get("Location") {
			t.Errorf("%+v: %d %s, then %d %s", write, first.status, first.body, again.status, again.body)
		}
		p.settle()
	}
}

func TestOfManyEqualRequestsAtOnceOneIsDone(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	ids := make([]string, 20)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			x := do(t, server, "PUT", "/v2/apps/web?force=true", `{"cmd":"run","ports":[]}`, "Idempotency-Key", "k")
			ids[i] = x.header.Get("Marathon-Deployment-Id")
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("want one deployment, got %v", ids)
		}
	}
}

func TestAChangeOfWhatSomebodyElseChangedIsRefused(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	version := func() string {
		var one wire.OneApp
		get(t, server, "/v2/apps/g/web", &one)
		return *one.App.Version
	}
	must := func(status int, method, path, body, match string) {
		t.Helper()
		if x := do(t, server, method, path, body, "If-Match", match); x.status != status {
			t.Errorf("%s %s %s for %s: want %d, got %d %s", method, path, body, match, status, x.status, x.body)
		}
		p.settle()
	}
	must(http.StatusPreconditionFailed, "PUT", "/v2/apps/g/web", `{"cmd":"run","ports":[]}`, "*")
	must(http.StatusPreconditionFailed, "POST", "/v2/apps", `{"id":"/g/web","cmd":"run"}`, "*")
	tell(t, p, server, []turn{{ask: "PUT /v2/apps/g/web", body: `{"cmd":"run","ports":[]}`, status: 201}, {settle: true}})
	old := version()
	must(200, "PUT", "/v2/apps/g/web", `{"instances":2}`, old)
	for _, write := range []struct{ method, path, body string }{
		{"PUT", "/v2/apps/g/web", `{"instances":3}`}, {"PATCH", "/v2/apps/g/web", `{"instances":3}`}, {"POST", "/v2/apps/g/web/restart", ""},
		{"DELETE", "/v2/apps/g/web", ""}, {"PUT", "/v2/groups/g", `{"scaleBy":2}`}, {"DELETE", "/v2/groups/g", ""},
	} {
		must(http.StatusPreconditionFailed, write.method, write.path, write.body, old)
		must(422, write.method, write.path, write.body, "the newest")
	}
	must(422, "PUT", "/v2/apps", `[{"id":"/g/web","instances":3}]`, version())
	must(200, "PATCH", "/v2/apps/g/web", `{"instances":3}`, `"`+version()+`"`)
	must(200, "PUT", "/v2/groups/g", `{"scaleBy":2}`, version())
	must(200, "DELETE", "/v2/groups/g", "", "*")
}
