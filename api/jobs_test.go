package api

import (
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pacer/api/wire"
	"pacer/apps"
	"pacer/deployer/cluster"
)

// exit has every instance of a job's runs end with a code.
func (p *platform) exit(job string, code int) {
	p.step.Lock()
	defer p.step.Unlock()
	var events []cluster.Event
	for _, name := range slices.Sorted(maps.Keys(p.hosts)) {
		h := p.hosts[name]
		for i, run := range h.report.Runs {
			if strings.HasPrefix(run.ID, job+"_") {
				h.report.Runs[i].Phase, h.report.Runs[i].Ready, h.report.Runs[i].ExitCode = apps.PhaseExited, false, code
				h.report.Runs[i].Message = "exited"
			}
		}
		h.report.Revision++
		events = append(events, cluster.Reported{Report: h.report})
	}
	p.turn(events)
}

const (
	backupRun = `"run":{"cpus":0.5,"mem":64,"disk":0,"gpus":0,"cmd":"backup","env":{"A":"1"},"volumes":[],"artifacts":[],"secrets":{},
		"placement":{"constraints":[]},"maxLaunchDelay":3600,"restart":{"policy":"NEVER"}}`
	backupJob = `"id":"nightly.backup","description":"all of it","labels":{"team":"red"},"dependencies":[],` + backupRun
	backupAsk = `{"id":"nightly.backup","description":"all of it","labels":{"team":"red"},"run":{"cpus":0.5,"mem":64,"disk":0,"cmd":"backup","env":{"A":"1"}}}`
	daily     = `{"id":"daily","cron":"30 2 * * *","timezone":"Europe/Berlin","startingDeadlineSeconds":900,"concurrencyPolicy":"FORBID","enabled":true,"nextRunAt":"TIME"}`
)

func TestTheLifeOfAJob(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	active := `{"id":"RUN","jobId":"nightly.backup","status":"ACTIVE","createdAt":"TIME","completedAt":null,
		"tasks":[{"id":"nightly.backup_RUN.instance-N._app.1","startedAt":"TIME","status":"TASK_RUNNING"}]}`
	tell(t, p, server, []turn{
		{ask: "GET /v1/jobs", status: 200, want: `[]`},
		{ask: "GET /v1/jobs/nightly.backup", status: 404, want: `{"message":"Job 'nightly.backup' does not exist"}`},
		{ask: "POST /v1/jobs", body: backupAsk, status: 201, want: `{` + backupJob + `}`},
		{ask: "POST /v1/jobs", body: backupAsk, status: 409, want: `{"message":"Job with this id already exists"}`},
		{ask: "GET /v1/jobs/nightly.backup", status: 200, want: `{` + backupJob + `}`},
		{ask: "GET /service/metronome/v1/jobs", status: 200, want: `[{` + backupJob + `}]`},
		{ask: "GET /v1/jobs?embed=activeRuns&embed=schedules&embed=history&embed=historySummary", status: 200,
			want: `[{` + backupJob + `,"schedules":[],"activeRuns":[],"history":{"successCount":0,"failureCount":0,"lastSuccessAt":null,"lastFailureAt":null,
				"successfulFinishedRuns":[],"failedFinishedRuns":[]},"historySummary":{"successCount":0,"failureCount":0,"lastSuccessAt":null,"lastFailureAt":null}}]`},
		{ask: "GET /v1/jobs?embed=everything", status: 422},

		{ask: "GET /v1/jobs/nightly.backup/schedules", status: 200, want: `[]`},
		{ask: "POST /v1/jobs/nightly.backup/schedules", body: `{"id":"daily","cron":"30 2 * * *","timezone":"Europe/Berlin","concurrencyPolicy":"FORBID"}`, status: 201, want: daily},
		{ask: "POST /v1/jobs/nightly.backup/schedules", body: `{"id":"daily","cron":"0 0 * * *"}`, status: 409, want: `{"message":"A schedule with id daily already exists"}`},
		{ask: "GET /v1/jobs/nightly.backup/schedules", status: 200, want: `[` + daily + `]`},
		{ask: "GET /v1/jobs/nightly.backup/schedules/daily", status: 200, want: daily},
		{ask: "GET /v1/jobs/nightly.backup/schedules/hourly", status: 404, want: `{"message":"Schedule 'hourly' does not exist"}`},
		{ask: "PUT /v1/jobs/nightly.backup/schedules/hourly", body: `{"cron":"0 * * * *"}`, status: 404, want: `{"message":"Schedule 'hourly' does not exist"}`},
		{ask: "PUT /v1/jobs/nightly.backup/schedules/daily", body: `{"id":"daily","cron":"0 3 * * *","enabled":false}`, status: 200,
			want: `{"id":"daily","cron":"0 3 * * *","timezone":"UTC","startingDeadlineSeconds":900,"concurrencyPolicy":"ALLOW","enabled":false}`},
		{ask: "GET /v1/jobs/other/schedules", status: 404, want: `{"message":"Job 'other' does not exist"}`},
		{ask: "DELETE /v1/jobs/nightly.backup/schedules/hourly", status: 404},
		{ask: "DELETE /v1/jobs/nightly.backup/schedules/daily", status: 200},
		{ask: "GET /v1/jobs/nightly.backup?embed=schedules", status: 200, want: `{` + backupJob + `,"schedules":[]}`},

		{ask: "GET /v1/jobs/nightly.backup/runs", status: 200, want: `[]`},
		{ask: "POST /v1/jobs/nightly.backup/runs", status: 201},
		{ask: "GET /v1/jobs/nightly.backup/runs", status: 200, want: `[` + active + `]`},
		{ask: "GET /v1/jobs/nightly.backup?embed=activeRuns", status: 200, want: `{` + backupJob + `,"activeRuns":[` + active + `]}`},
		{ask: "DELETE /v1/jobs/nightly.backup", status: 409, want: `{"message":"There are active job runs. Override with stopCurrentJobRuns=true"}`},
		{ask: "GET /v1/jobs/nightly.backup/runs/20160101000000aaaaa", status: 404, want: `{"message":"Job Run 'RUN' does not exist"}`},
		{ask: "POST /v1/jobs/nightly.backup/runs/20160101000000aaaaa/actions/stop", status: 404, want: `{"message":"Job Run 'RUN' does not exist"}`},
		{ask: "POST /v1/jobs/other/runs", body: `{}`, status: 404, want: `{"message":"Job 'other' does not exist"}`},
		// Marathon's side knows nothing of it
		{ask: "GET /v2/apps", status: 200, want: `{"apps":[]}`},
		{ask: "GET /v2/tasks", status: 200, want: `{"tasks":[]}`},
	})
	p.exit("nightly.backup", 0)
	ended := `{"id":"RUN","createdAt":"TIME","finishedAt":"TIME","tasks":["nightly.backup_RUN.instance-N._app.1"]}`
	tell(t, p, server, []turn{
		{ask: "GET /v1/jobs/nightly.backup/runs", status: 200, want: `[]`},
		{ask: "POST /v1/jobs/nightly.backup/runs", body: `{}`, status: 201},
	})
	p.exit("nightly.backup", 7)
	counts := `"successCount":1,"failureCount":1,"lastSuccessAt":"TIME","lastFailureAt":"TIME"`
	tell(t, p, server, []turn{
		{ask: "GET /v1/jobs/nightly.backup?embed=history&embed=historySummary", status: 200,
			want: `{` + backupJob + `,"history":{` + counts + `,"successfulFinishedRuns":[` + ended + `],"failedFinishedRuns":[` + ended + `]},"historySummary":{` + counts + `}}`},
		{ask: "PUT /v1/jobs/nightly.backup", body: `{"id":"nightly.backup","run":{"cpus":0.5,"mem":64,"disk":0,"docker":{"image":"busybox"},"args":["true"],
			"restart":{"policy":"ON_FAILURE","activeDeadlineSeconds":60}}}`, status: 200,
			want: `{"id":"nightly.backup","description":"","labels":{},"dependencies":[],"run":{"cpus":0.5,"mem":64,"disk":0,"gpus":0,"args":["true"],"env":{},
				"docker":{"image":"busybox","forcePullImage":false,"privileged":false,"parameters":[]},"volumes":[],"artifacts":[],"secrets":{},
				"placement":{"constraints":[]},"maxLaunchDelay":3600,"restart":{"policy":"ON_FAILURE","activeDeadlineSeconds":60}}}`},
		{ask: "PUT /v1/jobs/other", body: `{"run":{"cpus":1,"mem":64,"disk":0,"cmd":"x"}}`, status: 404, want: `{"message":"Job 'other' does not exist"}`},
		{ask: "POST /v1/jobs/nightly.backup/runs", status: 201},
		{ask: "DELETE /v1/jobs/nightly.backup?stopCurrentJobRuns=true", status: 200},
		{ask: "GET /v1/jobs", status: 200, want: `[]`},
		{ask: "DELETE /v1/jobs/nightly.backup", status: 404},
		{ask: "GET /v1/queue", status: 200, want: `[]`},
	})
}

// runID is the id of the newest run of a job.
func runID(t *testing.T, server *httptest.Server, job string) string {
	t.Helper()
	var list wire.RunStories
	if err := json.Unmarshal([]byte(do(t, server, "GET", "/pacer/v1/jobs/"+job+"/runs", "").body), &list); err != nil || len(list.Runs) == 0 {
		t.Fatalf("%v: %s has no run", err, job)
	}
	return list.Runs[0].ID
}

func TestARunIsStoppedAndWaitsAreExplained(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "POST /v1/jobs", body: backupAsk, status: 201},
		{ask: "POST /v1/jobs/nightly.backup/runs", status: 201},
	})
	run := runID(t, server, "nightly.backup")
	tell(t, p, server, []turn{
		{ask: "GET /v1/jobs/nightly.backup/runs/" + run, status: 200},
		{ask: "POST /v1/jobs/nightly.backup/runs/" + run + "/actions/stop", status: 200},
		{settle: true},
		{ask: "GET /v1/jobs/nightly.backup/runs", status: 200, want: `[]`},
		{ask: "GET /v1/jobs/nightly.backup/runs/" + run, status: 200, want: `{"id":"RUN","jobId":"nightly.backup","status":"FAILED","createdAt":"TIME","completedAt":"TIME",
			"tasks":[{"id":"nightly.backup_RUN.instance-N._app.1","startedAt":"TIME","completedAt":"TIME","status":"TASK_KILLED"}]}`},
		{ask: "POST /v1/jobs/nightly.backup/runs/" + run + "/actions/stop", status: 404},

		{ask: "POST /v1/jobs", body: `{"id":"huge","run":{"cpus":99,"mem":64,"disk":0,"cmd":"x"}}`, status: 201},
		{ask: "POST /v1/jobs/huge/runs", status: 201, want: `{"id":"RUN","jobId":"huge","status":"INITIAL","createdAt":"TIME","completedAt":null,"tasks":[]}`},
		{ask: "GET /v1/queue", status: 200, want: `[{"jobId":"huge","runs":[{"runId":"RUN"}]}]`},
		{ask: "GET /v2/queue", status: 200, want: `{"queue":[]}`},
		{ask: "GET /pacer/v1/jobs/huge/runs", status: 200, want: `{"runs":[{"id":"RUN","jobId":"huge","status":"INITIAL","createdAt":"TIME","completedAt":null,"tasks":[],
			"message":"1 host: 1 too little cpu (needs 99, most free 8)","attempts":0,"endings":[]}]}`},
	})
}

func TestAFailedRunIsExplained(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "POST /v1/jobs", body: backupAsk, status: 201},
		{ask: "POST /v1/jobs/nightly.backup/runs", status: 201},
	})
	run := runID(t, server, "nightly.backup")
	id := p.InstancesOf(apps.RunApp("nightly.backup", run))[0].ID
	p.exit("nightly.backup", 3)
	p.apply(cluster.Effects{Save: cluster.Changes{Evidence: []apps.Evidence{{Instance: id, Log: "disk full\n"}}}})
	tell(t, p, server, []turn{
		{ask: "GET /pacer/v1/jobs/nightly.backup/runs/" + run, status: 200,
			want: `{"id":"RUN","jobId":"nightly.backup","status":"FAILED","createdAt":"TIME","completedAt":"TIME",
				"tasks":[{"id":"nightly.backup_RUN.instance-N._app.1","startedAt":"TIME","completedAt":"TIME","status":"TASK_FAILED"}],
				"message":"exited","attempts":1,"endings":[{"id":"nightly.backup_RUN.instance-N._app.1","host":"h1","end":"failed","exitCode":3,"message":"exited","at":"TIME","log":"disk full\n"}]}`},
		{ask: "GET /pacer/v1/jobs/nightly.backup/runs/nothing", status: 404},
		{ask: "GET /pacer/v1/jobs/nothing/runs", status: 404},
	})
}

func TestTheTasksOfJobsAreNotMarathons(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	tell(t, p, server, []turn{
		{ask: "POST /v1/jobs", body: backupAsk, status: 201},
		{ask: "POST /v1/jobs/nightly.backup/runs", status: 201},
	})
	app := apps.RunApp("nightly.backup", runID(t, server, "nightly.backup"))
	task := p.InstancesOf(app)[0].TaskID()
	tell(t, p, server, []turn{
		{ask: "POST /v2/tasks/delete", body: `{"ids":["` + task + `"]}`, status: 200, want: `{"tasks":[]}`},
		{ask: "DELETE /v2/apps" + string(app) + "/tasks/" + task, status: 404},
		{ask: "DELETE /v2/apps" + string(app), status: 404},
		{ask: "GET /v2/apps" + string(app), status: 404},
	})
	for _, n := range p.notices {
		if _, known := renderers[n.Type]; known && strings.Contains(string(n.App), "_") {
			t.Errorf("Marathon's clients hear of %s of %s", n.Type, n.App)
		}
		if strings.HasPrefix(n.Type, ownEvents) && n.Job != "" {
			e, ok := render(&n, false)
			if !ok || !strings.Contains(string(e.Data), `"jobId":"nightly.backup"`) {
				t.Errorf("%s is told as %s", n.Type, e.Data)
			}
		}
	}
}

func TestJobsWithTheirSchedulesInOneGo(t *testing.T) {
	p := newPlatform(t, "h1")
	server := serve(t, p.config())
	with := strings.TrimSuffix(backupAsk, "}") + `,"schedules":[{"id":"daily","cron":"30  2 * * *","timezone":"Europe/Berlin","concurrencyPolicy":"FORBID"}]}`
	tell(t, p, server, []turn{
		{ask: "POST /v0/scheduled-jobs", body: with, status: 201, want: `{` + backupJob + `,"schedules":[` + daily + `]}`},
		{ask: "GET /v0/scheduled-jobs", status: 200, want: `[{` + backupJob + `,"schedules":[` + daily + `]}]`},
		{ask: "GET /v0/scheduled-jobs/nightly.backup", status: 200, want: `{` + backupJob + `,"schedules":[` + daily + `]}`},
		// of the other door a job is changed without its schedules
		{ask: "PUT /v1/jobs/nightly.backup", body: backupAsk, status: 200, want: `{` + backupJob + `}`},
		{ask: "GET /v1/jobs/nightly.backup/schedules", status: 200, want: `[` + daily + `]`},
		{ask: "PUT /v0/scheduled-jobs/nightly.backup", body: backupAsk, status: 200, want: `{` + backupJob + `,"schedules":[]}`},
		{ask: "PUT /v0/scheduled-jobs/other", body: backupAsk, status: 404},
		{ask: "GET /service/metronome/info", status: 200},
		{ask: "GET /service/metronome/leader", status: 200},
		{ask: "GET /service/metronome/ping", status: 200},
		{ask: "GET /service/metronome/v1/metrics", status: 200},
	})
}

func TestBadJobsAreRefusedFieldByField(t *testing.T) {
	p := newPlatform(t, "h1")
	c := p.config()
	c.Runnable = func(app *apps.App) error {
		if app.Container != nil && len(app.Container.Parameters) > 0 {
			return invalid("Object is not valid", "/container/docker/parameters", "no host knows it")
		}
		return nil
	}
	server := serve(t, c)
	run := func(rest string) string { return `{"id":"a","run":{"cpus":1,"mem":64,"disk":0,` + rest + `}}` }
	for body, want := range map[string]string{
		`{"run":{"cpus":1,"mem":64,"disk":0,"cmd":"x"}}`:             "/id",
		`{"id":"A","run":{"cpus":1,"mem":64,"disk":0,"cmd":"x"}}`:    "/id",
		`{"id":"a..b","run":{"cpus":1,"mem":64,"disk":0,"cmd":"x"}}`: "/id",
		`{"id":"a/b","run":{"cpus":1,"mem":64,"disk":0,"cmd":"x"}}`:  "/id",
		`{"id":"a"}`: "/run",
		`{"id":"a","run":{"mem":64,"disk":0,"cmd":"x"}}`:              "/run/cpus",
		`{"id":"a","run":{"cpus":0.001,"mem":64,"disk":0,"cmd":"x"}}`: "/run/cpus",
		`{"id":"a","run":{"cpus":1,"mem":31,"disk":0,"cmd":"x"}}`:     "/run/mem",
		`{"id":"a","run":{"cpus":1,"mem":64,"cmd":"x"}}`:              "/run/disk",
		run(`"cmd":7`):                "/run/cmd",
		run(`"env":{}`):               "/run",
		run(`"cmd":" "`):              "/run/cmd",
		run(`"cmd":"x","args":["y"]`): "/run",
		run(`"args":["y"]`):           "/run/args",
		run(`"docker":{}`):            "/run/docker/image",
		run(`"docker":{"image":"a"},"ucr":{"image":{"id":"a"}}`):                                       "/run",
		run(`"docker":{"image":"a","parameters":[{"key":"x","value":"y"}]}`):                           "/run/docker/parameters",
		run(`"ucr":{"image":{"id":"a","kind":"appc"}}`):                                                "/run/ucr/image/kind",
		run(`"docker":{"image":"a"},"gpus":1`):                                                         "/run/gpus",
		run(`"cmd":"x","gpus":1`):                                                                      "/run/gpus",
		run(`"cmd":"x","env":{"A":{"secret":"s"}}`):                                                    "/run/env/A",
		run(`"cmd":"x","secrets":{"s":{"source":"x"}}`):                                                "/run/secrets",
		run(`"cmd":"x","volumes":[{"containerPath":"/a","mode":"RW"}]`):                                "/run/volumes(0)/hostPath",
		run(`"cmd":"x","volumes":[{"containerPath":"/a","hostPath":"/b"}]`):                            "/run/volumes(0)/mode",
		run(`"cmd":"x","volumes":[{"containerPath":"/a","hostPath":"/b","mode":"X"}]`):                 "/run/volumes(0)/mode",
		run(`"cmd":"x","networks":[{"mode":"container"}]`):                                             "/run/networks(0)/name",
		run(`"cmd":"x","networks":[{"mode":"host","name":"a"}]`):                                       "/run/networks(0)/name",
		run(`"cmd":"x","networks":[{"mode":"host"},{"mode":"container/bridge"}]`):                      "/run/networks",
		run(`"cmd":"x","placement":{"constraints":[{"attribute":"a","operator":"NEAR"}]}`):             "/run/placement/constraints(0)/operator",
		run(`"cmd":"x","placement":{"constraints":[{"attribute":"a","operator":"LIKE","value":"("}]}`): "/run/placement/constraints(0)/value",
		run(`"cmd":"x","placement":{"constraints":[{"attribute":"a","operator":"IS"}]}`):               "/run/placement/constraints(0)/value",
		run(`"cmd":"x","artifacts":[{}]`):                                                              "/run/artifacts(0)/uri",
		run(`"cmd":"x","maxLaunchDelay":0`):                                                            "/run/maxLaunchDelay",
		run(`"cmd":"x","restart":{"policy":"ALWAYS"}`):                                                 "/run/restart/policy",
		run(`"cmd":"x","restart":{"activeDeadlineSeconds":5}`):                                         "/run/restart/activeDeadlineSeconds",
		`{"id":"a","dependencies":[{"id":"b"}],"run":{"cpus":1,"mem":64,"disk":0,"cmd":"x"}}`:          "/dependencies(0)",
		`{"id":"a","dependencies":[{"id":"a"}],"run":{"cpus":1,"mem":64,"disk":0,"cmd":"x"}}`:          "/dependencies(0)",
	} {
		refusedAt(t, do(t, server, "POST", "/v1/jobs", body), body, want)
	}
	tell(t, p, server, []turn{{ask: "POST /v1/jobs", body: backupAsk, status: 201}})
	for body, want := range map[string]string{
		`{"cron":"* * * * *"}`:                                        "/id",
		`{"id":"s"}`:                                                  "/cron",
		`{"id":"s","cron":"* * * *"}`:                                 "/cron",
		`{"id":"s","cron":"61 * * * *"}`:                              "/cron",
		`{"id":"s","cron":"* * * * *","timezone":"Mars/Base"}`:        "/timezone",
		`{"id":"s","cron":"* * * * *","concurrencyPolicy":"REPLACE"}`: "/concurrencyPolicy",
		`{"id":"s","cron":"* * * * *","startingDeadlineSeconds":0}`:   "/startingDeadlineSeconds",
		`{"id":"s","cron":"* * * * *","enabled":"yes"}`:               "/enabled",
	} {
		refusedAt(t, do(t, server, "POST", "/v1/jobs/nightly.backup/schedules", body), body, want)
	}
	both := strings.TrimSuffix(backupAsk, "}") + `,"schedules":[{"id":"a","cron":"* * * * *"},{"id":"a","cron":"x"}]}`
	refusedAt(t, do(t, server, "PUT", "/v0/scheduled-jobs/nightly.backup", both), both, "/schedules(1)/cron")
	if x := do(t, server, "POST", "/v1/jobs", `{"id":`); x.status != 400 {
		t.Errorf("no JSON: got %d %s", x.status, x.body)
	}
	if x := do(t, server, "PATCH", "/v1/jobs", `{}`); x.status != 405 || !strings.Contains(x.header.Get("Allow"), "POST") {
		t.Errorf("PATCH: got %d %s", x.status, x.header.Get("Allow"))
	}
}

// refusedAt checks that a 422 names the field.
func refusedAt(t *testing.T, x exchange, body, path string) {
	t.Helper()
	var e struct{ Details []apps.FieldErrors }
	if err := json.Unmarshal([]byte(x.body), &e); err != nil || x.status != 422 ||
		!slices.ContainsFunc(e.Details, func(f apps.FieldErrors) bool { return f.Path == path && len(f.Errors) > 0 }) {
		t.Errorf("%s: want 422 about %s, got %d %s", body, path, x.status, x.body)
	}
}

// What GET returns can be sent back, and means the same.
func TestAJobMakesTheRoundTrip(t *testing.T) {
	settings := wire.Settings{Features: []string{"secrets", "gpu_resources"}, DefaultNetwork: "blue"}
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		body := `{"id":"a.b","labels":` + pick("labels", `null`, `{"a":"b"}`) + `,"description":` + pick("description", `null`, `"x"`) +
			`,"run":{"cpus":` + pick("cpus", "0.01", "1", "2.5") + `,"mem":` + pick("mem", "32", "128.5") + `,"disk":` + pick("disk", "0", "10") +
			pick("image", `,"cmd":"x"`, `,"docker":{"image":"i"}`, `,"docker":{"image":"i","forcePullImage":true,"privileged":true,"parameters":[{"key":"a","value":"b"}]},"args":["x","y"]`,
				`,"ucr":{"image":{"id":"i","forcePull":true},"privileged":true},"cmd":"x"`, `,"cmd":"x","gpus":1`) +
			pick("env", "", `,"env":{"A":"1"}`, `,"env":{"A":{"secret":"s"},"B":"2"},"secrets":{"s":{"source":"z"}}`) +
			pick("volumes", "", `,"volumes":[{"containerPath":"/a","hostPath":"/b","mode":"RO"}]`) +
			pick("networks", "", `,"networks":[{"mode":"container/bridge"}]`, `,"networks":[{"mode":"container"}]`, `,"networks":[{"name":"red"}]`) +
			pick("constraints", "", `,"placement":{"constraints":[{"attribute":"a","operator":"EQ","value":"b"},{"attribute":"hostname","operator":"LIKE","value":"h.*"}]}`) +
			pick("artifacts", "", `,"artifacts":[{"uri":"http://x/y.tgz","executable":true,"extract":false}]`) +
			pick("rest", "", `,"user":"me","maxLaunchDelay":7,"taskKillGracePeriodSeconds":3`) +
			pick("restart", "", `,"restart":{"policy":"ON_FAILURE"}`, `,"restart":{"policy":"ON_FAILURE","activeDeadlineSeconds":9}`) + `}}`
		made := func(text string) *apps.Job {
			var j wire.Job
			if _, err := wire.Read([]byte(text), &j); err != nil {
				t.Fatal(err)
			}
			job, err := j.Make(settings, "")
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return job
		}
		first := made(body)
		told, err := json.Marshal(wire.FromJob(first))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, made(string(told))); diff != "" {
			t.Fatalf("%s was told as %s (-first +again):\n%s", body, told, diff)
		}
	})
}

func TestNextRunAtIsTheNextSlot(t *testing.T) {
	s := apps.Schedule{ID: "a", Cron: "30 2 * * *", Zone: "Europe/Berlin", Enabled: true, Deadline: time.Minute}
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	if got := wire.FromSchedule(s, now).NextRunAt; got == nil || *got != "2026-03-29T01:00:00.000+0000" {
		t.Errorf("the clocks jump over 02:30: got %v", got)
	}
	s.Enabled = false
	if got := wire.FromSchedule(s, now).NextRunAt; got != nil {
		t.Errorf("it is off, but next at %s", *got)
	}
}
