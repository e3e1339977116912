package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"pacer/testbed"
)

// An ending is one of GET /pacer/v1/apps/{id}/failures.
type ending struct {
	Instance, Host, End, Message, Log string
	ExitCode                          int
	Health                            []struct {
		Last *struct {
			Status      int
			Body, Error string
			LatencyMs   int64
		}
	}
}

// failed waits for a failure that is as wanted and whose container is gone, and
// returns it.
func (p *platform) failed(e *testbed.Engine, app string, wanted func(ending) bool) (found ending) {
	p.t.Helper()
	p.wait("a failure of "+app, func() error {
		code, body := p.call("GET", "/pacer/v1/apps"+app+"/failures", nil)
		var answer struct{ Failures []ending }
		if err := json.Unmarshal([]byte(body), &answer); err != nil || code != 200 {
			return fmt.Errorf("%d %s", code, body)
		}
		for _, f := range answer.Failures {
			if !wanted(f) {
				continue
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			left, err := e.Client().ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "pacer.instance="+f.Instance))})
			cancel()
			if err != nil {
				return err
			}
			if len(left) > 0 {
				return fmt.Errorf("its container %s is still there", left[0].ID)
			}
			found = f
			return nil
		}
		return fmt.Errorf("none is as wanted: %s", body)
	})
	return found
}

func TestAFailureIsExplainedThoughItsContainerIsGone(t *testing.T) {
	engines := testbed.Start(t, 1)
	p := dev(t, engines)

	p.do("POST", "/v2/apps", map[string]any{"id": "/crash", "cmd": "echo something broke; exit 3", "cpus": 0.1, "mem": 32})
	crash := p.failed(engines[0], "/crash", func(f ending) bool { return f.Log != "" })
	if crash.End != "failed" || crash.ExitCode != 3 || crash.Log != "something broke\n" || crash.Host != "h1" || !strings.Contains(crash.Message, "3") {
		t.Errorf("want exit code 3 and what it printed, got %+v", crash)
	}

	p.do("POST", "/v2/apps", map[string]any{
		"id": "/unwell", "cmd": "echo serving; exec python3 -m http.server $PORT0", "cpus": 0.1, "mem": 64,
		"healthChecks": []any{map[string]any{"protocol": "HTTP", "path": "/missing", "gracePeriodSeconds": 0, "intervalSeconds": 1, "maxConsecutiveFailures": 1}},
	})
	unwell := p.failed(engines[0], "/unwell", func(f ending) bool { return f.End == "unhealthy" && f.Log != "" })
	if !strings.HasPrefix(unwell.Log, "serving\n") || len(unwell.Health) != 1 || unwell.Health[0].Last == nil {
		t.Fatalf("want its log and its last answer, got %+v", unwell)
	}
	if last := unwell.Health[0].Last; last.Status != 404 || !strings.Contains(last.Body, "<html") && !strings.Contains(last.Body, "<!DOCTYPE") || last.Error == "" {
		t.Errorf("want the 404 that it answered, got %+v", *last)
	}

	p.do("POST", "/v2/apps", map[string]any{"id": "/huge", "cmd": "sleep 1", "cpus": 0.1, "mem": 1 << 30})
	p.wait("an explanation", func() error {
		e := p.do("GET", "/pacer/v1/apps/huge/explain", nil)
		hint, _ := e["hint"].(string)
		if e["waiting"] != 1.0 || e["hosts"] != 1.0 || !strings.Contains(hint, "add a host with") || !strings.Contains(fmt.Sprint(e["summary"]), "too little memory") {
			return fmt.Errorf("%v", e)
		}
		return nil
	})
	if e := p.do("GET", "/pacer/v1/apps/crash/explain", nil); e["lastFailure"].(map[string]any)["exitCode"] != 3.0 {
		t.Errorf("want the last failure in the explanation, got %v", e)
	}
}
