package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pacer/api/wire"
)

func appsOf(ids ...string) (list []wire.AppInfo) {
	for _, id := range ids {
		list = append(list, wire.AppInfo{App: wire.App{ID: id}})
	}
	return list
}

// failedBy is the list of apps with the n-th failure of a new instance.
func failedBy(t *testing.T, n int) reply {
	t.Helper()
	var list wire.Apps
	if err := json.Unmarshal([]byte(recorded(t, "apps")), &list); err != nil {
		t.Fatal(err)
	}
	list.Apps[0].LastTaskFailure = &wire.TaskFailure{
		AppID: "/web", Host: "127.0.1.1", Message: "exited with code 3", State: "TASK_FAILED", TaskID: fmt.Sprintf("web.%d", n),
		Timestamp: fmt.Sprintf("2026-11-24T13:06:%02d.000Z", 16+n), Version: *list.Apps[0].Version,
	}
	raw, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return reply{body: string(raw)}
}

func TestADeploymentsEndIsTheExitCode(t *testing.T) {
	restart := []any{map[string]any{"actions": []any{map[string]any{"action": "RestartApplication", "app": "/web"}}}}
	deployment := func(changes map[string]any) reply {
		all := map[string]any{"trouble": nil, "cause": nil, "waiting": []any{}}
		for k, v := range changes {
			all[k] = v
		}
		return reply{body: recordedWith(t, "deployment", all)}
	}
	var (
		runs      = deployment(nil)
		updates   = deployment(map[string]any{"steps": restart, "currentStep": 1})
		failing   = deployment(map[string]any{"steps": restart, "currentStep": 1, "cause": "failing", "trouble": "2 instances of /web failed, the last one: exited with code 3"})
		crowded   = deployment(map[string]any{"cause": "unplaceable", "trouble": "no host takes 2 of /web: 1 host: 1 too little memory"})
		squeezed  = deployment(map[string]any{"steps": restart, "currentStep": 1, "cause": "unplaceable", "trouble": "no host takes 2 of /web: 1 host: 1 too little memory"})
		succeeded = deployment(map[string]any{"state": "succeeded"})
		idle      = deployment(map[string]any{"state": "succeeded", "steps": []any{}, "affectedApps": []any{}})
		cancelled = deployment(map[string]any{"state": "cancelled", "reason": "The upgrade has been cancelled"})
		failed    = deployment(map[string]any{"state": "failed", "reason": "exited with code 3", "cause": "failing"})
		noRoom    = deployment(map[string]any{"state": "failed", "reason": "1 too little memory", "cause": "unplaceable"})
		turned    = deployment(map[string]any{"state": "failed", "reason": "exited with code 3", "cause": "failing", "next": backID})
		turnedFor = deployment(map[string]any{"state": "failed", "reason": "1 too little memory", "cause": "unplaceable", "next": backID})
		wentBack  = deployment(map[string]any{"id": backID, "state": "succeeded"})
		gotStuck  = deployment(map[string]any{"id": backID, "state": "cancelled"})
	)
	crashes := []reply{failedBy(t, 1), failedBy(t, 1), failedBy(t, 2), failedBy(t, 3)}
	for _, test := range []struct {
		name   string
		args   string // after app apply -
		status []reply
		back   []reply
		apps   []reply // answers to GET /v2/apps
		code   int
		stdout string
		stderr string
		turns  bool // the client has the deployment turned back
	}{
		{name: "succeeds", status: []reply{runs, succeeded}, code: 0, stdout: "state: succeeded", stderr: "/web: 0 of 2 running"},
		{name: "has nothing to do", status: []reply{idle}, code: 0, stdout: "state: succeeded", stderr: "nothing to do"},
		{name: "is cancelled by somebody", status: []reply{runs, cancelled}, code: 4, stderr: "was cancelled: The upgrade has been cancelled"},
		{name: "goes back by itself", status: []reply{updates, turned}, back: []reply{wentBack}, code: 3, stderr: "failed and was rolled back: exited with code 3"},
		{name: "finds no room and goes back by itself", status: []reply{squeezed, turnedFor}, back: []reply{wentBack}, code: 5, stderr: "cannot be placed and was rolled back: 1 too little memory"},
		{name: "cannot go back", status: []reply{turned}, back: []reply{gotStuck}, code: 4, stderr: "ended cancelled"},
		{name: "fails and there is nothing to go back to", status: []reply{failed}, code: 4, stderr: "no version to go back to"},
		{name: "never found room", status: []reply{noRoom}, code: 5, stderr: "cannot be placed: 1 too little memory"},
		{name: "fails thrice on a server that does not go back", status: []reply{updates}, apps: crashes, back: []reply{wentBack}, code: 3, stderr: "going back to the version before by deployment " + backID, turns: true},
		{name: "fails thrice, told not to go back", args: "--no-rollback", status: []reply{failing}, apps: crashes, code: 4, stderr: "tries on: 2 instances of /web failed"},
		{name: "fails thrice and was never there before", status: []reply{runs}, apps: crashes, code: 4, stderr: "tries on: its instances fail again and again\n  hint: pacer deployment cancel " + deploymentID},
		{name: "still fails when the time is over", args: "--timeout 300ms", status: []reply{failing}, back: []reply{wentBack}, code: 3, stderr: "was rolled back: 2 instances", turns: true},
		{name: "waits for room when the time is over", args: "--timeout 300ms", status: []reply{crowded}, code: 5, stderr: "no host takes 2 of /web: 1 host: 1 too little memory"},
		{name: "waits for room and has something to go back to", args: "--timeout 300ms", status: []reply{squeezed}, back: []reply{wentBack}, code: 5, stderr: "was rolled back", turns: true},
		{name: "is only slow", args: "--timeout 300ms", status: []reply{runs}, code: 6, stderr: "deployment " + deploymentID + " still runs after 300ms"},
		{name: "ends in the last moment", args: "--timeout 1ns", status: []reply{succeeded}, code: 0, stdout: "state: succeeded"},
		{name: "is not waited for", args: "--detach", code: 0, stdout: "deploymentId: " + deploymentID, stderr: "pacer deployment wait"},
		{name: "is not waited for either", args: "--wait=false", code: 0, stdout: "state: running"},
		{name: "is told to programs", args: "-o json", status: []reply{turned}, back: []reply{wentBack}, code: 3, stdout: `"rolledBackBy": "` + backID + `"`},
		{name: "is told to programs when it goes on", args: "-o jsonl --timeout 300ms", status: []reply{crowded}, code: 5, stdout: `"state":"running","reason":"no host takes 2`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.apps == nil {
				test.apps = []reply{{200, recorded(t, "apps")}}
			}
			f := newFake(t, map[string][]reply{
				"PUT /v2/apps/web": {accepted}, "GET /v2/apps": test.apps, atDeployment: test.status, atBack: test.back,
				"DELETE /v2/deployments/" + deploymentID: {reverted},
			})

			r := pacer(t.Context(), `{"id":"/web","cmd":"sleep 100"}`, append([]string{"app", "apply", "-", "--server", f.url}, strings.Fields(test.args)...)...)

			r.check(t, test.code, test.stdout, test.stderr)
			if turns := len(f.requests("DELETE", "/v2/deployments/"+deploymentID)); test.turns != (turns == 1) || turns > 1 {
				t.Errorf("the deployment was turned back %d times", turns)
			}
		})
	}
}

func TestAnOldFailureIsNoSignOfTheNewVersion(t *testing.T) {
	d := wire.DeploymentStatus{ID: deploymentID, State: "running", StartedAt: "2026-11-24T13:06:16.156Z"}
	app := wire.AppInfo{App: wire.App{ID: "/web", VersionInfo: &wire.VersionInfo{LastConfigChangeAt: "2026-11-24T13:06:16.156Z"}}}
	f := follower{failures: map[string]int{}, failed: map[string]string{}}
	for _, old := range []wire.TaskFailure{
		{TaskID: "a", Timestamp: "2026-11-24T13:06:16.000Z", Version: "2026-11-24T13:06:16.156Z"}, // before the deployment began
		{TaskID: "b", Timestamp: "2026-11-24T13:06:17.000Z", Version: "2026-11-24T12:00:00.000Z"}, // an old instance
	} {
		app.LastTaskFailure = &old
		f.count(app, d)
	}
	if len(f.failures) > 0 {
		t.Fatalf("counted %v", f.failures)
	}
	app.Instances = new(100) // ten of a hundred may fail
	for n := range 10 {
		if f.hopeless {
			t.Fatalf("given up after %d failures of 100 instances", n)
		}
		app.LastTaskFailure = &wire.TaskFailure{TaskID: fmt.Sprint(n), Timestamp: "2026-11-24T13:06:17.000Z", Version: "2026-11-24T13:06:16.156Z"}
		f.count(app, d)
		f.count(app, d) // seen again
	}
	if !f.hopeless {
		t.Error("not given up after 10 failures of 100 instances")
	}
}

func TestWaitingForADeploymentIsPatient(t *testing.T) {
	failing := recordedWith(t, "deployment", map[string]any{"cause": "failing", "trouble": "3 instances failed"})
	f := newFake(t, map[string][]reply{atDeployment: {{200, failing}}, "GET /v2/apps": {failedBy(t, 1), failedBy(t, 2), failedBy(t, 3)}})
	pacer(t.Context(), "", "deployment", "wait", deploymentID, "--timeout", "400ms", "--server", f.url).check(t, 6, "", "still runs after 400ms: 3 instances failed")
}

func TestAnAppThatHasChangedMeanwhileIsLeftAlone(t *testing.T) {
	const version, stale = "2026-11-24T13:06:16.156Z", `{"message":"/web has version 2026-11-24T13:06:16.157Z, not 2026-11-24T13:06:16.156Z: somebody changed it meanwhile"}`
	web := file(t, "web.json", `{"id": "/web", "cmd": "sleep 100"}`)
	for _, test := range []struct {
		answer reply
		code   int
		says   string
	}{{accepted, 0, ""}, {reply{412, stale}, 7, "somebody changed it meanwhile"}} {
		f := newFake(t, map[string][]reply{"PUT /v2/apps/web": {test.answer}})
		pacer(t.Context(), "", "app", "apply", web, "--detach", "--if-version", version, "--server", f.url).check(t, test.code, "", test.says)
		if put := f.requests("PUT", "/v2/apps/web"); len(put) != 1 || put[0].Header.Get("If-Match") != `"`+version+`"` {
			t.Errorf("want the server to decide, but it was asked %d times", len(put))
		}
	}
	f := newFake(t, nil)
	pacer(t.Context(), "", "app", "apply", web, "--if-version", "yesterday", "--server", f.url).check(t, 2, "", "is not a version")
	pacer(t.Context(), `[]`, "app", "apply", "-", "--if-version", version, "--server", f.url).check(t, 2, "", "is for one app")
	if len(f.asked) > 0 {
		t.Errorf("wrong usage reached the server %d times", len(f.asked))
	}
}
