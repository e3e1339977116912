package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// marathonTree is what an old Marathon answers: a group in a group, with a dependency,
// old forms of writing, something that only Mesos can do, and a group with nothing in it.
const marathonTree = `{"id":"/","version":"2020-01-01T00:00:00.000Z","dependencies":[],"apps":[
	{"id":"/top","cmd":"sleep 1","instances":3,"version":"2020-01-01T00:00:00.000Z","tasksRunning":3,"deployments":[],"lastTaskFailure":null,"novelty":true}],
	"groups":[{"id":"/shop","dependencies":["/top"],"enforceRole":true,"apps":[{"id":"/shop/web","cmd":"run","ports":[80],"uris":["http://h/x.tgz"]}],
		"groups":[{"id":"/shop/odd","apps":[{"id":"/shop/odd/mine","cmd":"run","executor":"/opt/mine","instances":2}],"groups":[],"dependencies":[]},{"id":"/shop/empty","apps":[],"groups":[],"dependencies":[]}]}]}`

const planned = `{"changes":true,"steps":[],"apps":[],"stalls":false,"seconds":1}`

func TestAMarathonIsCopiedButForWhatCannotRunHere(t *testing.T) {
	source := newFake(t, map[string][]reply{
		"GET /v2/groups": {{body: marathonTree}},
		"GET /v2/pods":   {{body: `[{"id":"/pod","version":"2020-01-01T00:00:00.000Z","containers":[{"name":"c","resources":{"cpus":1,"mem":32},"image":{"kind":"DOCKER","id":"i"}}],"scaling":{"kind":"fixed","instances":4}}]`}},
	})
	target := newFake(t, map[string][]reply{
		"POST /pacer/v1/plan": {{body: planned}, {body: planned}, {status: 422, body: `{"message":"Object is not valid","details":[{"path":"/executor","errors":["custom executors run on Mesos alone"]}]}`}},
		"PUT /v2/apps":        {{body: `{"version":"2026-01-01T00:00:00.000Z","deploymentId":"d1"}`}},
		"PUT /v2/pods/pod":    {{status: 404, body: `{"message":"Pod '/pod' does not exist"}`}},
		"POST /v2/pods":       {{status: 201, body: `{"id":"/pod","containers":[]}`}},

		"PUT /v2/groups/shop":       {{body: `{"version":"2026-01-01T00:00:00.000Z","deploymentId":"g1"}`}, {body: `{"version":"2026-01-01T00:00:00.001Z","deploymentId":"g2"}`}},
		"PUT /v2/groups/shop/empty": {{body: `{"version":"2026-01-01T00:00:00.000Z","deploymentId":"g3"}`}},
	})
	source.each = func(r *http.Request) {
		if name, password, ok := r.BasicAuth(); !ok || name != "ann" || password != "secret" {
			t.Errorf("want it to sign in, got %v", r.Header)
		}
	}
	t.Setenv("PACER_FROM_USER", "ann:secret")
	r := pacer(t.Context(), "", "import", "marathon", source.url, "-o", "jsonl", "--server", target.url)
	out := r.stdout
	r.check(t, exitOther, "", "1 of 6 were refused")
	var lines []imported
	for line := range strings.Lines(out) {
		var item imported
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, item)
	}
	if len(lines) != 6 || lines[0].Kind+lines[0].ID+lines[0].Result != "group/shopimported" || lines[1].Kind+lines[1].ID+lines[1].Result != "group/shop/emptyimported" {
		t.Errorf("want two groups, got %+v", lines)
	}
	if lines = lines[2:]; lines[0].ID != "/top" || lines[0].Result != "imported" || lines[0].Instances != 3 || strings.Join(lines[0].Ignored, " ") != "/novelty" ||
		lines[2].Result != "refused" || !strings.Contains(lines[2].Reason, "Mesos alone") || lines[3].Kind != "pod" || lines[3].Result != "imported" {
		t.Errorf("got %+v", lines)
	}
	var sent []map[string]any
	if err := json.Unmarshal([]byte(bodyOf(target, "PUT", "/v2/apps")), &sent); err != nil || len(sent) != 2 {
		t.Fatalf("want the two that were accepted in one change, got %v %v", sent, err)
	}
	if _, there := sent[0]["tasksRunning"]; there || sent[0]["version"] != nil || sent[0]["instances"] != 3.0 {
		t.Errorf("what an app is, not how it does: %v", sent[0])
	}
	if sent[1]["dependencies"] != nil {
		t.Errorf("what its group depends on is the group's: %v", sent[1])
	}
	var groups []string
	for i, r := range target.asked {
		if strings.HasPrefix(r.URL.Path, "/v2/groups") || r.URL.Path == "/v2/apps" {
			groups = append(groups, r.URL.Path+" "+target.bodies[i])
		}
	}
	if len(groups) != 4 || groups[0] != `/v2/groups/shop {"dependencies":["/top"]}` || groups[1] != `/v2/groups/shop/empty {"dependencies":[]}` || groups[3] != `/v2/groups/shop {"enforceRole":true}` {
		t.Errorf("want the groups before their apps, and their roles enforced behind them: %q", groups)
	}
}

// bodyOf is the body of the first request to a path by a method.
func bodyOf(f *fakeServer, method, path string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, r := range f.asked {
		if r.Method == method && r.URL.Path == path {
			return f.bodies[i]
		}
	}
	return ""
}

func TestADryRunChangesNothing(t *testing.T) {
	source := newFake(t, map[string][]reply{"GET /v2/groups": {{body: marathonTree}}, "GET /v2/pods": {{status: 404, body: `{}`}}})
	target := newFake(t, map[string][]reply{"POST /pacer/v1/plan": {{body: planned}}})
	r := pacer(t.Context(), "", "import", "marathon", source.url, "--dry-run", "--suspended", "--server", target.url)
	if r.code != exitOK || strings.Count(r.stdout, "accepted") != 5 {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, r := range target.asked {
		if r.URL.Path != "/pacer/v1/plan" {
			t.Errorf("a dry run must not ask %s %s", r.Method, r.URL.Path)
		}
	}
	for _, body := range target.bodies {
		if !strings.Contains(body, `"instances":0`) {
			t.Errorf("suspended, but %s", body)
		}
	}
}
