package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatEachVerbAsksOfTheServer(t *testing.T) {
	const gone = "11dc53e7-d620-46c5-b50f-9c813e4bf6ff"
	host := `{"name":"h1","state":"cordoned"}`
	app := file(t, "app.json", `{"id": "web", "cmd": "sleep 1"}`)
	short := file(t, "app.yml", "id: /web\nenv: {A: \"1\"}\ninstances: 2\n")
	list := file(t, "list.json", `[{"id": "/a"}, {"id": "/b"}]`)
	job := file(t, "job.yaml", "id: a.b\nrun: {cmd: x}\n")
	scheduled := file(t, "scheduled.json", `{"id": "a.b", "schedules": []}`)
	group := file(t, "group.json", `{"id": "shop", "apps": [{"id": "a"}]}`)
	for _, test := range []struct{ args, want, body, answer string }{
		{"app apply " + app + " --detach", "PUT /v2/apps/web?partialUpdate=false", `{"id": "web", "cmd": "sleep 1"}`, ""},
		{"app add " + app + " --detach --force", "PUT /v2/apps/web?force=true&partialUpdate=false", `{"id": "web", "cmd": "sleep 1"}`, ""},
		{"app apply " + short + " --detach", "PUT /v2/apps/web?partialUpdate=false", `{"env":{"A":"1"},"id":"/web","instances":2}`, ""},
		{"app update " + list + " --detach", "PUT /v2/apps?partialUpdate=false", `[{"id": "/a"}, {"id": "/b"}]`, ""},
		{"app apply " + group + " --detach", "PUT /v2/groups", `{"id": "shop", "apps": [{"id": "a"}]}`, ""},
		{"app scale /shop/web 5", "PATCH /v2/apps/shop/web", `{"instances":5}`, ""},
		{"app suspend web --force", "PATCH /v2/apps/web?force=true", `{"instances":0}`, ""},
		{"app stop web", "PATCH /v2/apps/web", `{"instances":0}`, ""},
		{"app restart web", "POST /v2/apps/web/restart", "", ""},
		{"app delete web", "DELETE /v2/apps/web?force=false", "", ""},
		{"app rm web --force", "DELETE /v2/apps/web?force=true", "", ""},
		{"app remove web", "DELETE /v2/apps/web?force=false", "", ""},
		{"app rollback web 2026-01-01T00:00:00.000Z", "PATCH /v2/apps/web", `{"version":"2026-01-01T00:00:00.000Z"}`, ""},
		{"app ls --label a==b --id we", "GET /v2/apps?id=we&label=a%3D%3Db", "", `{"apps":[]}`},
		{"app logs web", "GET /pacer/v1/apps/web/logs?tail=100", "", "log"},
		{"app logs web -f --tail 3 --instance web.instance-1", "GET /pacer/v1/logs/web.instance-1?follow=true&tail=3", "", "log"},
		{"task kill a b --scale", "POST /v2/tasks/delete?scale=true", `{"ids":["a","b"]}`, ""},
		{"deployment cancel " + gone, "DELETE /v2/deployments/" + gone, "", ""},
		{"deployment cancel --force " + gone, "DELETE /v2/deployments/" + gone + "?force=true", "", ""},
		{"deployment ls --ended", "GET /pacer/v1/deployments", "", `{"deployments":[]}`},
		{"deployment pause " + gone, "POST /pacer/v1/deployments/" + gone + "/pause", "", `{"id":"x"}`},
		{"deployment resume " + gone, "POST /pacer/v1/deployments/" + gone + "/resume", "", `{"id":"x"}`},
		{"queue reset web", "DELETE /v2/queue/web/delay", "", ""},
		{"host show h1", "GET /pacer/v1/hosts/h1", "", host},
		{"host cordon h1", "PUT /pacer/v1/hosts/h1", `{"cordoned":true}`, host},
		{"host drain h1", "PUT /pacer/v1/hosts/h1", `{"draining":true}`, host},
		{"host uncordon h1", "PUT /pacer/v1/hosts/h1\nPUT /pacer/v1/hosts/h1", "{\"draining\":false}\n{\"cordoned\":false}", host},
		{"host rebalance --dry-run", "POST /pacer/v1/rebalance", `{"dryRun":true}`, `{"moves":[]}`},
		{"host rebalance --max 3", "POST /pacer/v1/rebalance", `{"max":3}`, `{"moves":[]}`},
		{"host rebalance --stop", "DELETE /pacer/v1/rebalance", "", `{"left":0}`},
		{"host rm h1", "DELETE /pacer/v1/hosts/h1", "", ""},
		{"host rm h1 --wipe", "DELETE /pacer/v1/hosts/h1?wipe=true", "", ""},
		{"group ls", "GET /v2/groups?embed=group.groups&embed=group.apps&embed=group.pods&embed=group.apps.counts", "", `{"id":"/"}`},
		{"group show /shop", "GET /v2/groups/shop?", "", `{"id":"/shop"}`},
		{"group versions shop", "GET /v2/groups/shop/versions", "", `[]`},
		{"group scale shop 1.5 --force", "PUT /v2/groups/shop?force=true", `{"scaleBy":1.5}`, ""},
		{"group rollback shop 2026-01-01T00:00:00.000Z", "PUT /v2/groups/shop", `{"version":"2026-01-01T00:00:00.000Z"}`, ""},
		{"group create shop/new --depends-on /db,../mq --enforce-role", "POST /v2/groups/shop/new", `{"dependencies":["/db","../mq"],"enforceRole":true}`, ""},
		{"group create shop", "POST /v2/groups/shop", `{}`, ""},
		{"group set shop --depends-on= --enforce-role=false", "PUT /v2/groups/shop", `{"dependencies":[],"enforceRole":false}`, ""},
		{"group rm shop", "DELETE /v2/groups/shop", "", ""},
		{"route ls", "GET /pacer/v1/routes", "", `{"routes":[]}`},
		{"route ls shop/web", "GET /pacer/v1/routes?app=shop%2Fweb", "", `{"routes":[]}`},
		{"task ls --ended", "GET /pacer/v1/tasks", "", `{"tasks":[]}`},
		{"task ls /shop/web --ended", "GET /pacer/v1/tasks?app=%2Fshop%2Fweb", "", `{"tasks":[]}`},
		{"task kill a --wipe", "POST /v2/tasks/delete?wipe=true", `{"ids":["a"]}`, `{"tasks":[]}`},
		{"role ls", "GET /pacer/v1/roles", "", `{"roles":[],"total":{"cpus":1,"mem":1,"disk":0,"gpus":0}}`},
		{"role show shop", "GET /pacer/v1/roles/shop", "", `{"name":"shop","history":[]}`},
		{"role set shop --weight 2 --guarantee cpus:1.5 --limit mem:64;gpus:0", "PUT /pacer/v1/roles/shop", `{"weight":2,"guarantee":{"cpus":1.5},"limit":{"mem":64,"gpus":0}}`, `{"name":"shop","history":[]}`},
		{"settings show", "GET /pacer/v1/settings", "", `{"placement":"spread"}`},
		{"role rm shop", "DELETE /pacer/v1/roles/shop", "", ""},
		{"job ls", "GET /v1/jobs?embed=activeRuns&embed=schedules&embed=history&embed=historySummary", "", `[]`},
		{"job show a.b 7", "GET /pacer/v1/jobs/a.b/runs/7", "", `{"id":"7"}`},
		{"job apply " + job, "PUT /v1/jobs/a.b", `{"id":"a.b","run":{"cmd":"x"}}`, `{"id":"a.b"}`},
		{"job apply " + scheduled, "PUT /v0/scheduled-jobs/a.b", `{"id": "a.b", "schedules": []}`, `{"id":"a.b"}`},
		{"job run a.b", "POST /v1/jobs/a.b/runs", "{}", `{"id":"7"}`},
		{"job stop a.b 7", "POST /v1/jobs/a.b/runs/7/actions/stop", "", `{"id":"7"}`},
		{"job history a.b", "GET /pacer/v1/jobs/a.b/runs", "", `{"runs":[]}`},
		{"job rm a.b", "DELETE /v1/jobs/a.b?stopCurrentJobRuns=false", "", `{}`},
		{"job remove a.b --stop", "DELETE /v1/jobs/a.b?stopCurrentJobRuns=true", "", `{}`},
		{"volume ls", "GET /pacer/v1/volumes", "", `{"volumes":[]}`},
		{"volume wipe a.instance-1", "DELETE /pacer/v1/volumes/a.instance-1", "", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			if test.answer == "" {
				test.answer = accepted.body
			}
			request, _, _ := strings.Cut(test.want, "\n")
			request, _, _ = strings.Cut(request, "?")
			f := newFake(t, map[string][]reply{request: {{200, test.answer}}})

			r := pacer(t.Context(), "", append(strings.Fields(test.args), "--server", f.url)...)

			r.check(t, 0, "", "")
			var asked []string
			for _, got := range f.asked {
				asked = append(asked, got.Method+" "+got.URL.RequestURI())
			}
			if diff := cmp.Diff(test.want, strings.Join(asked, "\n")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.body, strings.Join(f.bodies, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAWaitingApplyAsksTheServerToGoBackByItself(t *testing.T) {
	for args, want := range map[string]string{"": "auto", "--no-rollback": "", "--detach": ""} {
		f := newFake(t, map[string][]reply{"PUT /v2/apps/web": {accepted}, atDeployment: {{200, recordedWith(t, "deployment", map[string]any{"state": "succeeded"})}}})
		pacer(t.Context(), `{"id":"/web","cmd":"x"}`, append([]string{"app", "apply", "-", "--server", f.url}, strings.Fields(args)...)...).check(t, 0, "", "")
		if got := f.requests("PUT", "/v2/apps/web")[0].URL.Query().Get("rollback"); got != want {
			t.Errorf("%q: rollback=%s, want %q", args, got, want)
		}
	}
}

func TestRollbackGoesToTheVersionBeforeThePresentOne(t *testing.T) {
	f := newFake(t, map[string][]reply{
		"GET /v2/apps/web":          {{200, recorded(t, "app")}},
		"GET /v2/apps/web/versions": {{200, `{"versions":["2026-11-25T00:00:00.000Z","2026-11-24T13:06:16.156Z","2026-11-23T00:00:00.000Z"]}`}},
		"PATCH /v2/apps/web":        {accepted},
	})
	pacer(t.Context(), "", "app", "rollback", "web", "--server", f.url).check(t, 0, "", "goes back to version 2026-11-23T00:00:00.000Z")
}

func TestTheServerAndTheTokenComeFromTheEnvironment(t *testing.T) {
	f := newFake(t, map[string][]reply{"GET /v2/apps": {{200, recorded(t, "apps")}}})
	t.Setenv("PACER_TOKEN", "s3cret")
	t.Setenv("PACER_SERVER", "")
	t.Setenv("MARATHON_URL", f.url+"/,http://other.example:8080")
	pacer(t.Context(), "", "app", "list").check(t, 0, "/web", "")
	if got := f.asked[0].Header.Get("Authorization"); got != "Bearer s3cret" {
		t.Errorf("sent %q", got)
	}
	t.Setenv("MARATHON_URL", "http://127.0.0.1:1")
	t.Setenv("PACER_SERVER", f.url)
	t.Setenv("PACER_OUTPUT", "jsonl")
	pacer(t.Context(), "", "app", "list").check(t, 0, `{"id":"/web"`, "")
}

func TestTheConfigFile(t *testing.T) {
	f := newFake(t, map[string][]reply{"GET /v2/apps": {{200, recorded(t, "apps")}}})
	for text, want := range map[string]struct {
		code   int
		stderr string
	}{
		"server: " + f.url + "\ndocker: [a, b]\ntoken:\n": {0, ""}, // docker is for other commands
		"sevrer: " + f.url:                   {2, "there is no flag --sevrer"},
		"server: [a, b]":                     {2, "--server takes one value, not 2"},
		"server: {a: b}":                     {2, "line 1: server is neither a value nor a list of values"},
		"server: [":                          {2, "--config"},
		"output: xml":                        {2, "choose table, json, yaml or jsonl"},
		"# nothing\nserver: " + f.url + "\n": {0, ""},
	} {
		r := pacer(t.Context(), "", "app", "list", "--config", file(t, "pacer.yaml", text))
		if r.code != want.code || !strings.Contains(r.stderr, want.stderr) {
			t.Errorf("%q: exited %d, want %d, stderr %s", text, r.code, want.code, r.stderr)
		}
	}
	t.Setenv("PACER_CONFIG", file(t, "pacer.yaml", "server: "+f.url))
	pacer(t.Context(), "", "app", "list").check(t, 0, "/web", "")
	t.Setenv("PACER_TIMEOUT", "soon")
	pacer(t.Context(), "", "app", "scale", "web", "1").check(t, 2, "", `PACER_TIMEOUT: "soon" is no value for --timeout`)
}

func TestTheShellCompletesIDs(t *testing.T) {
	f := newFake(t, map[string][]reply{"GET /v2/apps": {{200, `{"apps":[{"id":"/web"},{"id":"/shop/a"}]}`}}})
	t.Setenv("PACER_SERVER", f.url)
	for begun, want := range map[string]string{"": "web\nshop/a\n", "/s": "/shop/a\n", "w": "web\n", "x": ""} {
		r := pacer(t.Context(), "", "__complete", "app", "show", begun)
		if got, _, _ := strings.Cut(r.stdout, ":"); got != want {
			t.Errorf("%q is completed by %q, want %q", begun, got, want)
		}
	}
}
