package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pacer/testbed"
)

// A jobRun is one of GET /pacer/v1/jobs/{id}/runs.
type jobRun struct {
	ID, Status, Message, Schedule, Slot string
	Attempts                            int
	CompletedAt                         *string
	Endings                             []struct {
		Host, End string
		ExitCode  int
	}
}

// runs are the runs of a job, the newest first.
func (p *platform) runs(job string) (list []jobRun) {
	p.t.Helper()
	code, body := p.call("GET", "/pacer/v1/jobs/"+job+"/runs", nil)
	var answer struct{ Runs []jobRun }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || code != 200 {
		p.t.Logf("runs of %s: %d %s", job, code, body)
		return nil
	}
	return answer.Runs
}

// ended waits for the newest run of a job to end.
func (p *platform) ended(job string) (r jobRun) {
	p.t.Helper()
	p.wait("a run of "+job+" to end", func() error {
		list := p.runs(job)
		if len(list) == 0 || list[0].CompletedAt == nil {
			return fmt.Errorf("%+v", list)
		}
		r = list[0]
		return nil
	})
	return r
}

func (p *platform) job(id, cmd string, more map[string]any) {
	p.t.Helper()
	run := map[string]any{"cmd": cmd, "cpus": 0.1, "mem": 32, "disk": 0}
	for key, v := range more {
		run[key] = v
	}
	p.do("POST", "/v1/jobs", map[string]any{"id": id, "run": run})
}

func TestJobsRunToTheirEnd(t *testing.T) {
	engines := testbed.Start(t, 1)
	p := dev(t, engines)

	// every minute: what follows is lived while it comes to be due
	p.job("beat", "echo $METRONOME_JOB_ID", nil)
	p.do("POST", "/v1/jobs/beat/schedules", map[string]any{"id": "minutely", "cron": "* * * * *", "concurrencyPolicy": "FORBID"})

	p.job("good", "echo done", nil)
	if r := p.cli("job", "run", "good", "--wait"); r.code != "0" {
		t.Errorf("want 0, got %+v", r)
	}
	if r := p.ended("good"); r.Status != "SUCCESS" || r.Attempts != 1 || r.Endings[0].End != "finished" || r.Endings[0].Host != "h1" {
		t.Errorf("got %+v", r)
	}

	p.job("bad", "echo no space; exit 3", nil)
	if r := p.cli("job", "run", "bad", "--wait"); r.code != "4" {
		t.Errorf("want 4, got %+v", r)
	}
	bad := p.ended("bad")
	if bad.Status != "FAILED" || bad.Attempts != 1 || bad.Endings[0].ExitCode != 3 {
		t.Errorf("got %+v", bad)
	}
	p.wait("its last lines", func() error {
		code, body := p.call("GET", "/pacer/v1/jobs/bad/runs/"+bad.ID, nil)
		if code != 200 || !strings.Contains(body, `"log":"no space\n"`) {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})

	// it is tried again, until its time is over
	p.job("stubborn", "exit 1", map[string]any{"restart": map[string]any{"policy": "ON_FAILURE", "activeDeadlineSeconds": 3}})
	p.do("POST", "/v1/jobs/stubborn/runs", map[string]any{})
	if r := p.ended("stubborn"); r.Status != "FAILED" || r.Attempts < 2 || !strings.Contains(r.Message, "not tried again") {
		t.Errorf("got %+v", r)
	}

	// a change of leader leaves it alone; a user stops it
	p.job("long", "exec sleep 1000", nil)
	run := p.do("POST", "/v1/jobs/long/runs", map[string]any{})["id"].(string)
	active := func() error {
		if r := p.do("GET", "/v1/jobs/long/runs/"+run, nil); r["status"] != "ACTIVE" {
			return fmt.Errorf("%v", r)
		}
		return nil
	}
	p.wait("the run to be active", active)
	p.do("DELETE", "/v2/leader", nil)
	p.wait("the next leader to know it", func() error {
		if code, body := p.call("GET", "/v1/jobs/long/runs/"+run, nil); code != 200 || !strings.Contains(body, `"ACTIVE"`) {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
	if code, body := p.call("DELETE", "/v1/jobs/long", nil); code != 409 {
		t.Errorf("an active run is a reason to refuse, got %d %s", code, body)
	}
	p.do("POST", "/v1/jobs/long/runs/"+run+"/actions/stop", nil)
	if r := p.ended("long"); r.Status != "FAILED" || r.Attempts != 1 || r.Endings[0].End != "stopped" {
		t.Errorf("got %+v", r)
	}
	if list := p.do("GET", "/v2/apps", nil)["apps"].([]any); len(list) != 0 {
		t.Errorf("Marathon's side sees %v", list)
	}

	p.wait("the slot of the next minute", func() error {
		if list := p.runs("beat"); len(list) == 0 || list[len(list)-1].CompletedAt == nil {
			return fmt.Errorf("%+v", list)
		}
		return nil
	})
	slots := map[string]bool{}
	for _, r := range p.runs("beat") {
		at, err := time.Parse("2006-01-02T15:04:05.000-0700", r.Slot)
		if err != nil || at.Second() != 0 || slots[r.Slot] || r.Schedule != "minutely" || r.CompletedAt != nil && r.Status != "SUCCESS" {
			t.Errorf("want one run for a whole minute, got %+v, %v", r, err)
		}
		slots[r.Slot] = true
	}
}
