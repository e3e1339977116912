package main

import (
	"strings"
	"testing"
)

const (
	aRun   = `"id":"20260105000000abcde","jobId":"backup","createdAt":"2026-01-05T00:00:00.000+0000"`
	active = `{` + aRun + `,"status":"ACTIVE","completedAt":null,"tasks":[{"id":"backup_20260105000000abcde.instance-1._app.1","status":"TASK_RUNNING"}],"attempts":0,"endings":[]}`
	done   = `{` + aRun + `,"status":"SUCCESS","completedAt":"2026-01-05T00:01:02.500+0000","tasks":[],"attempts":1,"endings":[]}`
	broken = `{` + aRun + `,"status":"FAILED","completedAt":"2026-01-05T00:00:01.000+0000","tasks":[],"attempts":2,"message":"exited with code 3",
		"endings":[{"id":"i","host":"h1","end":"failed","exitCode":3,"at":"","log":"disk full\n"}]}`
	runPath = "GET /pacer/v1/jobs/backup/runs/20260105000000abcde"
)

func TestAJobIsMadeWhereItIsNotThere(t *testing.T) {
	f := newFake(t, map[string][]reply{
		"PUT /v1/jobs/backup": {{404, `{"message":"Job 'backup' does not exist"}`}},
		"POST /v1/jobs":       {{201, `{"id":"backup"}`}},
	})
	pacer(t.Context(), `{"id":"backup","run":{}}`, "job", "apply", "-", "--server", f.url).check(t, 0, "", "job backup is created")
	pacer(t.Context(), `{"run":{}}`, "job", "apply", "-", "--server", f.url).check(t, 2, "", "the job has no id")
	pacer(t.Context(), `{"id":`, "job", "apply", "-", "--server", f.url).check(t, 2, "", "line 1")
}

func TestRunWaitsForTheEnd(t *testing.T) {
	for _, test := range []struct {
		last, stderr string
		code         int
	}{{done, "success", 0}, {broken, "disk full", 4}, {broken, "exited with code 3", 4}} {
		f := newFake(t, map[string][]reply{
			"POST /v1/jobs/backup/runs": {{201, active}},
			runPath:                     {{200, active}, {200, test.last}},
		})
		pacer(t.Context(), "", "job", "run", "backup", "--wait", "--server", f.url).check(t, test.code, "20260105000000abcde\n", test.stderr)
	}
	f := newFake(t, map[string][]reply{"POST /v1/jobs/backup/runs": {{201, active}}, runPath: {{200, active}}})
	pacer(t.Context(), "", "job", "run", "backup", "--wait", "--timeout", "10ms", "--server", f.url).check(t, 6, "", "it goes on")
}

func TestTheHistoryOfAJobIsATable(t *testing.T) {
	f := newFake(t, map[string][]reply{"GET /pacer/v1/jobs/backup/runs": {{200, `{"runs":[` + active + `,` + done + `,` + broken + `]}`}}})
	r := pacer(t.Context(), "", "job", "history", "backup", "--server", f.url)
	r.check(t, 0, "SUCCESS", "")
	for _, want := range []string{"ACTIVE", "1m2.5s", "FAILED", "exited with code 3"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("want %q in\n%s", want, r.stdout)
		}
	}
}

func TestTheLogOfARunIsThatOfItsTaskOrWhatIsKept(t *testing.T) {
	f := newFake(t, map[string][]reply{
		"GET /pacer/v1/jobs/backup/runs":                                  {{200, `{"runs":[` + active + `]}`}, {200, `{"runs":[` + broken + `]}`}},
		"GET /pacer/v1/logs/backup_20260105000000abcde.instance-1._app.1": {{200, "working\n"}},
		runPath: {{200, broken}},
	})
	pacer(t.Context(), "", "job", "logs", "backup", "--server", f.url).check(t, 0, "working\n", "")
	pacer(t.Context(), "", "job", "logs", "backup", "--server", f.url).check(t, 0, "disk full\n", "is over")
	pacer(t.Context(), "", "job", "logs", "backup", "7", "--server", f.url).check(t, 9, "", "no such run")
}

func TestAllActiveRunsAreStopped(t *testing.T) {
	f := newFake(t, map[string][]reply{
		"GET /v1/jobs/backup":                      {{200, `{"id":"backup","activeRuns":[{"id":"1"},{"id":"2"}]}`}},
		"POST /v1/jobs/backup/runs/1/actions/stop": {{200, active}},
		"POST /v1/jobs/backup/runs/2/actions/stop": {{200, active}},
	})
	pacer(t.Context(), "", "job", "stop", "backup", "--server", f.url).check(t, 0, "", "run 2 is being stopped")
	if len(f.requests("POST", "/v1/jobs/backup/runs/1/actions/stop")) != 1 {
		t.Error("the first run was not stopped")
	}
}
