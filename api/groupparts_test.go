package api

import (
	"encoding/json"
	"strings"
	"testing"

	"pacer/apps"
)

func TestAGroupMayBeWrittenWithItsPods(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	const pod = `{"id":"%","containers":[{"name":"c","resources":{"cpus":0.1,"mem":32},"image":{"kind":"DOCKER","id":"i"}}]}`
	named := func(id string) string { return strings.ReplaceAll(pod, "%", id) }
	if x := do(t, server, "PUT", "/v2/groups/g", `{"apps":[{"id":"a","cmd":"sleep 1"}],"pods":[`+named("one")+`,`+named("/g/two")+`]}`); x.status != 200 {
		t.Fatal(x.status, x.body)
	}
	p.settle()
	there := func(id string) bool { _, ok := p.App(apps.ID(id)); return ok }
	if !there("/g/a") || !there("/g/one") || !there("/g/two") {
		t.Fatal("want an app and two pods")
	}
	before, _ := p.App("/g/one")
	answer := do(t, server, "GET", "/v2/groups/g", "")
	if x := do(t, server, "PUT", "/v2/groups/g", answer.body); x.status != 200 {
		t.Fatalf("what GET answers, put back: %d %s\n%s", x.status, x.body, answer.body)
	}
	p.settle()
	if after, _ := p.App("/g/one"); after.Version != before.Version {
		t.Errorf("a pod that is put back as it is was changed: %v, then %v", before.Version, after.Version)
	}
	if x := do(t, server, "PUT", "/v2/groups/g", `{"pods":[`+named("one")+`]}`); x.status != 200 {
		t.Fatal(x.status, x.body)
	}
	p.settle()
	if there("/g/two") || !there("/g/one") || !there("/g/a") {
		t.Error("pods that are given replace those of the group, and the apps stay")
	}
	for body, path := range map[string]string{
		`{"pods":[` + named("/other/x") + `]}`:  "/pods(0)/id",
		`{"pods":[{"id":"x","containers":[]}]}`: "/pods(0)/containers",
	} {
		x := do(t, server, "PUT", "/v2/groups/g", body)
		var e struct{ Details []apps.FieldErrors }
		if err := json.Unmarshal([]byte(x.body), &e); err != nil || x.status != 422 || len(e.Details) == 0 || e.Details[0].Path != path {
			t.Errorf("%s: want %s refused, got %d %s", body, path, x.status, x.body)
		}
	}
}
