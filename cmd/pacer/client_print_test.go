package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

const nonePaused = `{"deployments":[]}`

const routesOfTwo = `{"routes":[{"host":"web.example","path":"/v2","app":"/web","port":10001,"protocol":"tcp","http":true,"endpoints":2},
	{"app":"/dns","name":"dns","port":10002,"protocol":"udp","http":false,"endpoints":0}]}`

// lists are the commands that print, what they are answered, and under which name
// JSON has their items; "" is a bare list, "-" one thing.
func lists(t *testing.T) []struct{ args, path, answer, items string } {
	return []struct{ args, path, answer, items string }{
		{"app list", "GET /v2/apps", recorded(t, "apps"), "apps"},
		{"app show web", "GET /v2/apps/web", recorded(t, "app"), "-"},
		{"app versions web", "GET /v2/apps/web/versions", recorded(t, "versions"), "versions"},
		{"task list", "GET /v2/tasks", recorded(t, "tasks"), "tasks"},
		{"task list web", "GET /v2/apps/web/tasks", recorded(t, "tasks"), "tasks"},
		{"task kill web.1 web.2", "POST /v2/tasks/delete", recorded(t, "tasks"), "tasks"},
		{"deployment list", "GET /v2/deployments", recorded(t, "deployments"), ""},
		{"deployment show " + deploymentID, atDeployment, recorded(t, "deployment"), "-"},
		{"route list", "GET /pacer/v1/routes", routesOfTwo, "routes"},
		{"queue list", "GET /v2/queue", recorded(t, "queue"), "queue"},
		{"host list", "GET /pacer/v1/hosts", recorded(t, "hosts"), "hosts"},
	}
}

func TestEveryFormSaysTheSame(t *testing.T) {
	for _, c := range lists(t) {
		t.Run(c.args, func(t *testing.T) {
			f := newFake(t, map[string][]reply{"GET /pacer/v1/deployments": {{200, nonePaused}}, c.path: {{200, c.answer}}})
			in := func(form string) string {
				r := pacer(t.Context(), "", append(strings.Fields(c.args), "-o", form, "--server", f.url)...)
				r.check(t, 0, "", "")
				return r.stdout
			}
			var want, got any
			parse(t, c.answer, &want)
			if one, ok := want.(map[string]any); ok && one["app"] != nil { // the envelope of one app says nothing
				want = one["app"]
			}

			parse(t, in("json"), &got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("json is not what the API said: %s", diff)
			}

			got = nil
			if err := yaml.Unmarshal([]byte(in("yaml")), &got); err != nil {
				t.Fatalf("yaml: %v", err)
			}
			raw, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			got = nil
			parse(t, string(raw), &got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("yaml is not what the API said: %s", diff)
			}

			items := []any{want}
			if c.items != "-" {
				items, _ = want.([]any)
				if c.items != "" {
					items, _ = want.(map[string]any)[c.items].([]any)
				}
			}
			lines := strings.Split(strings.TrimSpace(in("jsonl")), "\n")
			if len(lines) != len(items) {
				t.Fatalf("jsonl: %d lines for %d items", len(lines), len(items))
			}
			for i, line := range lines {
				got = nil
				parse(t, line, &got)
				if diff := cmp.Diff(items[i], got); diff != "" {
					t.Errorf("jsonl, line %d: %s", i+1, diff)
				}
			}
		})
	}
}

func parse(t *testing.T, text string, into *any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

func TestTablesForPeople(t *testing.T) {
	for args, want := range map[string]string{
		"app list": `
ID    INSTANCES  HEALTHY  CPUS  MEM  STATUS     IMAGE
/web  0/2        -        0.1   32   deploying  -
`,
		"app versions web": `
VERSION
2026-11-24T13:06:16.156Z
`,
		"task list": `
ID                                                        STATE         HOST  ADDRESS          VERSION
web.instance-bfcef998-af9a-8d8b-baf6-af6ce353ce1e._app.1  TASK_RUNNING  h1    127.0.1.1:31234  2026-11-24T13:06:16.156Z
web.instance-7f78766e-8709-8d8b-baf6-af6ce353ce1e._app.1  TASK_STAGING  h2    127.0.1.2        2026-11-24T13:06:16.156Z
`,
		"route list": `
HOST         PATH  PORT   PROTOCOL  APP   NAME  ENDPOINTS
web.example  /v2   10001  http      /web  -     2
-            -     10002  udp       /dns  dns   0
`,
		"deployment list": `
ID                                    STEP  APPS  VERSION                   STATE
11dc53e7-d620-46c5-b50f-9c813e4bf6ff  2/2   /web  2026-11-24T13:06:16.156Z  running
`,
		"queue list": `
APP   WAITING  SINCE                     WHY
/web  2        2026-11-24T13:06:16.156Z  1 host: 1 AgentMaintenance
`,
		"host list": `
NAME  STATE  ADDRESS    ROLE  INSTANCES  CPUS  MEM  ENGINE
h1    lost   127.0.0.1  *     0          0/0   0/0  
`,
	} {
		for _, c := range lists(t) {
			if c.args != args {
				continue
			}
			f := newFake(t, map[string][]reply{"GET /pacer/v1/deployments": {{200, nonePaused}}, c.path: {{200, c.answer}}})
			r := pacer(t.Context(), "", append(strings.Fields(args), "--server", f.url)...)
			if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), r.stdout); diff != "" {
				t.Errorf("%s: %s", args, diff)
			}
		}
	}
}

func TestYAMLKeepsTheOrderAndTheMeaning(t *testing.T) {
	got, err := toYAML([]byte(`{"z":"2026-11-24T13:06:16.156Z","a":["yes","1.0",1.50,null,true,"","null","# no"],"m":{"k":"two\nlines","e":{}}, "l":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	var want, have any
	parse(t, `{"z":"2026-11-24T13:06:16.156Z","a":["yes","1.0",1.50,null,true,"","null","# no"],"m":{"k":"two\nlines","e":{}}, "l":[]}`, &want)
	if err := yaml.Unmarshal(got, &have); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s\n%s", diff, got)
	}
	if !strings.HasPrefix(string(got), "z:") {
		t.Errorf("the order is lost:\n%s", got)
	}
}

func TestExplainSaysWhyNothingRuns(t *testing.T) {
	app := strings.Replace(recorded(t, "app"), `"tasks": []`, `"tasks": [], "lastTaskFailure": {"timestamp": "2026-11-24T13:00:00.000Z", "host": "127.0.1.1", "message": "exited with code 3"}`, 1)
	f := newFake(t, map[string][]reply{"GET /v2/apps/web": {{200, app}}, atDeployment: {{200, recorded(t, "deployment")}}, "GET /v2/queue": {{200, recorded(t, "queue")}}})
	want := `/web: 0 of 2 instances run
deployment 11dc53e7-d620-46c5-b50f-9c813e4bf6ff is at step 2 of 2: no host takes 2 of /web: 1 host: 1 lost
2 wait since 2026-11-24T13:06:16.156Z: 1 host: 1 AgentMaintenance
last failure, 2026-11-24T13:00:00.000Z on 127.0.1.1: exited with code 3
`
	r := pacer(t.Context(), "", "app", "explain", "web", "--server", f.url)
	if diff := cmp.Diff(want, r.stdout); diff != "" {
		t.Error(diff)
	}
	pacer(t.Context(), "", "app", "explain", "web", "-o", "json", "--server", f.url).check(t, 0, `"app": "/web"`, "")
}

func TestAPlanIsToldAndADifferenceCounted(t *testing.T) {
	web := file(t, "web.json", `{"id": "/web", "cmd": "sleep 2", "instances": 2}`)
	same := `{"changes":false,"stalls":false,"tookSeconds":0,"steps":[],"apps":[]}`
	plan := func(answer reply) *fakeServer { return newFake(t, map[string][]reply{"POST /pacer/v1/plan": {answer}}) }

	stalls := plan(reply{200, recorded(t, "plan")})
	pacer(t.Context(), "", "plan", web, "--server", stalls.url).check(t, 5, "~ cmd: \"sleep 100\" → \"sleep 2\"", "it would stall: no host takes 2 of /web")
	if sent := stalls.requests("POST", "/pacer/v1/plan"); sent[0].URL.Query().Get("partialUpdate") != "false" {
		t.Error("the plan is not of a whole definition, as apply is")
	}
	pacer(t.Context(), "", "plan", web, "-o", "json", "--server", stalls.url).check(t, 5, `"readyMin": 0`, "")
	works := plan(reply{200, strings.Replace(recorded(t, "plan"), `"stalls": true`, `"stalls": false`, 1)})
	pacer(t.Context(), "", "plan", web, "--server", works.url).check(t, 0, "step 1: RestartApplication /web", "")
	pacer(t.Context(), "", "diff", web, "--server", works.url).check(t, 1, "~ cmd: \"sleep 100\" → \"sleep 2\"", "")
	none := plan(reply{200, same})
	pacer(t.Context(), "", "plan", web, "--server", none.url).check(t, 0, "nothing would change", "")
	pacer(t.Context(), "", "diff", web, "--server", none.url).check(t, 0, "", "")
	pacer(t.Context(), "", "diff", web, "-o", "json", "--server", none.url).check(t, 0, "[]", "")
	groups := plan(reply{200, `{"changes":true,"stalls":false,"tookSeconds":0,"steps":[],"apps":[],"groups":[{"group":"/g","action":"ChangeGroup","diff":[{"field":"dependencies","old":["/db"],"new":[]}]}]}`})
	for verb, code := range map[string]int{"plan": 0, "diff": 1} {
		pacer(t.Context(), "", verb, web, "--server", groups.url).check(t, code, "/g  ChangeGroup\n  ~ dependencies: [\"/db\"] → []", "")
	}
	wrong := plan(reply{422, `{"message":"Object is not valid"}`})
	pacer(t.Context(), "", "diff", web, "--server", wrong.url).check(t, 2, "", "Object is not valid")
	pacer(t.Context(), "", "diff", web, "--server", "http://127.0.0.1:1").check(t, 2, "", "is it running?")
}

func TestEventsInEveryForm(t *testing.T) {
	stream := "id: 7\nevent: status_update_event\ndata: {\"eventType\":\"status_update_event\",\"timestamp\":\"2026-11-24T13:06:16.156Z\",\"appId\":\"/web\",\"taskId\":\"web.1\",\"taskStatus\":\"TASK_FAILED\",\"slaveId\":\"h1\",\"message\":\"exited with code 3\"}\n\n" +
		"id: 8\nevent: health_status_changed_event\ndata: {\"eventType\":\"health_status_changed_event\",\"timestamp\":\"2026-11-24T13:06:17.000Z\",\"appId\":\"/web\",\"taskId\":\"web.2\",\"alive\":true}\n\n"
	for form, want := range map[string]string{
		"table": "2026-11-24T13:06:16.156Z  status_update_event  /web  web.1  TASK_FAILED  on h1  (exited with code 3)\n2026-11-24T13:06:17.000Z  health_status_changed_event  /web  web.2  healthy\n",
		"jsonl": `"taskStatus":"TASK_FAILED"`,
		"json":  `"alive":true}` + "\n",
		"yaml":  "---\neventType: health_status_changed_event\n",
	} {
		f := newFake(t, map[string][]reply{"GET /v2/events": {{200, stream}, {401, `{"message":"gone"}`}}})
		pacer(t.Context(), "", "event", "follow", "-o", form, "--type", "a,b", "--after", "6", "--server", f.url).check(t, 8, want, "gone")
		first, second := f.requests("GET", "/v2/events")[0], f.requests("GET", "/v2/events")[1]
		if types := first.URL.Query()["event_type"]; len(types) != 2 || first.Header.Get("Last-Event-ID") != "6" {
			t.Errorf("asked for %s after %q", first.URL, first.Header.Get("Last-Event-ID"))
		}
		if second.Header.Get("Last-Event-ID") != "8" {
			t.Errorf("resumed after %q, want 8", second.Header.Get("Last-Event-ID"))
		}
	}
}

func TestTheListTellsWhichDeploymentsArePaused(t *testing.T) {
	f := newFake(t, map[string][]reply{
		"GET /v2/deployments":       {{200, recorded(t, "deployments")}},
		"GET /pacer/v1/deployments": {{200, `{"deployments":[{"id":"` + deploymentID + `","paused":true}]}`}},
	})
	r := pacer(t.Context(), "", "deployment", "list", "--server", f.url)
	r.check(t, 0, "", "")
	if !strings.Contains(r.stdout, "paused") || strings.Contains(r.stdout, "running") {
		t.Errorf("want it to be said that the deployment is paused:\n%s", r.stdout)
	}
}
