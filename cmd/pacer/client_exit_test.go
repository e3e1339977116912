package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"
)

func TestEveryRefusalHasItsExitCodeAndSaysHowToMendIt(t *testing.T) {
	web := file(t, "web.json", `{"id": "/web", "cmd": "sleep 100"}`)
	locked := `{"message":"App is locked by one or more deployments.","deployments":[{"id":"` + deploymentID + `"}]}`
	for _, test := range []struct {
		name    string
		args    []string
		answers map[string][]reply
		code    int
		stderr  string
	}{
		{"other", []string{"app", "list"}, map[string][]reply{"GET /v2/apps": {{500, `{"message":"Something went wrong"}`}}}, 1, "error: Something went wrong"},
		{"no leader", []string{"app", "list"}, map[string][]reply{"GET /v2/apps": {{503, `{"message":"No leader"}`}}}, 1, "try again"},
		{"no JSON", []string{"app", "list"}, map[string][]reply{"GET /v2/apps": {{200, `<html>`}}}, 1, "something else than expected"},
		{"malformed", []string{"app", "apply", web}, map[string][]reply{"PUT /v2/apps/web": {{400, `{"message":"Invalid JSON","details":"unexpected EOF"}`}}}, 2, "Invalid JSON: unexpected EOF"},
		{"invalid", []string{"app", "apply", web}, map[string][]reply{"PUT /v2/apps/web": {{422, `{"message":"Object is not valid","details":[{"path":"/cmd","errors":["must not be an empty string"]}]}`}}}, 2, "/cmd: must not be an empty string"},
		{"locked", []string{"app", "scale", "web", "3"}, map[string][]reply{"PATCH /v2/apps/web": {{409, locked}}}, 7, "pacer deployment wait " + deploymentID},
		{"signed out", []string{"app", "list"}, map[string][]reply{"GET /v2/apps": {{401, `{"message":"Who are you?"}`}}}, 8, "PACER_TOKEN"},
		{"forbidden", []string{"app", "delete", "web"}, map[string][]reply{"DELETE /v2/apps/web": {{403, `{"message":"Not Authorized to perform this action!"}`}}}, 8, "Not Authorized"},
		{"no app", []string{"app", "restart", "wbe"}, map[string][]reply{"POST /v2/apps/wbe/restart": {{404, `{"message":"App '/wbe' does not exist"}`}}, "GET /v2/apps": {{200, recorded(t, "apps")}}}, 9, "did you mean /web?"},
		{"no app like it", []string{"app", "show", "redis"}, map[string][]reply{"GET /v2/apps/redis": {{404, `{"message":"App '/redis' does not exist"}`}}, "GET /v2/apps": {{200, recorded(t, "apps")}}}, 9, "pacer app list"},
		{"no host", []string{"host", "remove", "h9"}, map[string][]reply{"DELETE /pacer/v1/hosts/h9": {{404, `{"message":"Host 'h9' does not exist"}`}}}, 9, "Host 'h9' does not exist"},
		{"no older version", []string{"app", "rollback", "web"}, map[string][]reply{"GET /v2/apps/web": {{200, recorded(t, "app")}}, "GET /v2/apps/web/versions": {{200, recorded(t, "versions")}}}, 9, "no version before the present one"},
		{"no deployment", []string{"deployment", "wait", "nope"}, map[string][]reply{"GET /pacer/v1/deployments/nope": {{404, `{"message":"Deployment nope does not exist"}`}}}, 9, "does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t, test.answers)
			pacer(t.Context(), "", append(test.args, "--server", f.url)...).check(t, test.code, "", test.stderr)
		})
	}
}

func TestAServerThatDoesNotAnswerIsTen(t *testing.T) {
	r := pacer(t.Context(), "", "app", "list", "--server", "http://me:secret@127.0.0.1:1")
	r.check(t, 10, "", "is it running?")
	r.check(t, 10, "", "http://me:…@127.0.0.1:1")
}

func TestWrongUsageIsTwoBeforeAnyServerIsAsked(t *testing.T) {
	for _, args := range [][]string{
		{"nonsense"}, {"--nonsense"}, {"app"}, {"app", "lits"}, {"app", "list", "--nonsense"}, {"app", "list", "extra"}, {"app", "scale", "web"},
		{"app", "scale", "web", "many"}, {"app", "scale", "web", "-1"}, {"app", "list", "-o", "xml"}, {"app", "list", "--server", "nowhere"},
		{"app", "apply"}, {"app", "apply", "/no/such/file"}, {"app", "logs", "web", "--tail", "x"}, {"deployment", "wait", "x", "--timeout", "soon"},
		{"task", "kill", "x", "--wait"}, {"dev", "extra"}, {"server", "--nonsense"}, {"plan"},
	} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			pacer(t.Context(), "", args...).check(t, 2, "", "error: ")
		})
	}
}

func TestWhatAFileMayHold(t *testing.T) {
	for name, test := range map[string]struct{ name, text, fault string }{
		"nothing":         {"a.json", ``, "unexpected end"},
		"broken":          {"a.json", "{\n  \"id\": \"/web\",\n  cmd\n}", "line 3, column 3: "},
		"a number":        {"a.json", `3`, "neither an object nor a list"},
		"no id":           {"a.json", `{"cmd": "sleep 1"}`, "the app has no id"},
		"an id of slash":  {"a.json", `{"id": "/", "cmd": "sleep 1"}`, "the app has no id"},
		"YAML is no JSON": {"a.json", "id: /web\n", "line 1, column 1: "},
		"broken YAML":     {"a.yaml", "id: [", "is not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			pacer(t.Context(), "", "app", "apply", file(t, test.name, test.text), "--server", "http://127.0.0.1:1").check(t, 2, "", test.fault)
		})
	}
}

func TestAnInterruptLeavesTheDeploymentAlone(t *testing.T) {
	f := newFake(t, map[string][]reply{
		"PUT /v2/apps/web": {accepted}, atDeployment: {{200, recordedWith(t, "deployment", map[string]any{"trouble": nil, "cause": nil})}}, "GET /v2/apps": {{200, recorded(t, "apps")}},
	})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	f.each = func(r *http.Request) {
		if r.Method+" "+r.URL.Path == atDeployment {
			interrupt()
		}
	}

	r := pacer(ctx, `{"id":"/web","cmd":"sleep 100"}`, "app", "apply", "-", "--server", f.url)

	r.check(t, 130, "", "interrupted; deployment "+deploymentID+" goes on")
	r.check(t, 130, "", "pacer deployment wait "+deploymentID)
	if sent := f.requests("DELETE", "/v2/deployments/"+deploymentID); len(sent) > 0 {
		t.Error("the deployment was cancelled")
	}
}

func TestFollowingEndsQuietlyWhenInterrupted(t *testing.T) {
	f := newFake(t, map[string][]reply{"GET /v2/events": {{200, "event: app_terminated_event\ndata: {\"eventType\":\"app_terminated_event\",\"appId\":\"/web\",\"timestamp\":\"2026-11-24T13:06:16.156Z\"}\n\n"}, {200, ""}}})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	asked := 0
	f.each = func(*http.Request) { // the first stream breaks off after its event
		if asked++; asked == 2 {
			interrupt()
		}
	}

	r := pacer(ctx, "", "event", "follow", "--server", f.url)

	if r.code != 130 || r.stderr != "" || r.stdout != "2026-11-24T13:06:16.156Z  app_terminated_event  /web\n" {
		t.Errorf("exited %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
}

func TestANameLeadsToTheIDThatWasMeant(t *testing.T) {
	apps := appsOf("/hello", "/shop/web", "/shop/worker", "/x")
	for id, want := range map[string]string{
		"helo": "/hello", "/hallo": "/hello", "web": "/shop/web", "/shop/wrker": "/shop/worker", "hello": "", "redis": "", "y": "/x", "ab": "", "": "",
	} {
		if got := nearest(id, apps); got != want {
			t.Errorf("nearest(%q): got %q, want %q", id, got, want)
		}
	}
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"", "abc"}: 3, {"kitten", "sitting"}: 3, {"flaw", "lawn"}: 2, {"abc", "abc"}: 0} {
		if got := distance(pair[0], pair[1]); got != want || distance(pair[1], pair[0]) != want {
			t.Errorf("distance of %q and %q: got %d, want %d", pair[0], pair[1], got, want)
		}
	}
}
