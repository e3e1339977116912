package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pacer/api/wire"
)

func TestOfTheFailuresTheOneThatTellsMostIsShown(t *testing.T) {
	d := wire.DeploymentStatus{Version: "v2", StartedAt: "2026-01-01T00:00:10.000Z"}
	at := func(second, version, log string) wire.Failure {
		return wire.Failure{At: "2026-01-01T00:00:" + second + ".000Z", Version: version, Log: log, Message: second}
	}
	for _, c := range []struct {
		name     string
		failures []wire.Failure
		want     string
	}{
		{"none", nil, ""},
		{"only older ones", []wire.Failure{at("09", "v2", "log"), at("30", "v1", "log")}, ""},
		{"the newest", []wire.Failure{at("30", "v2", "c"), at("20", "v2", "b")}, "30"},
		{"the newest with a log", []wire.Failure{at("30", "v2", ""), at("20", "v2", "b")}, "20"},
		{"none has a log", []wire.Failure{at("30", "v2", ""), at("20", "v2", "")}, "30"},
	} {
		f, ok := telling(c.failures, d)
		if f.Message != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %v", c.name, f.Message, ok)
		}
	}
}

func TestAFailureIsToldWithItsLastWords(t *testing.T) {
	var out strings.Builder
	tellFailure(&out, "/web", wire.Failure{
		Instance: "web.instance-1", Host: "h1", Message: "unhealthy: answered 503", Log: "one\ntwo\n",
		Health: []wire.CheckReport{
			{Last: &wire.CheckAnswer{OK: true, Status: 200}},
			{Last: &wire.CheckAnswer{Status: 503, Error: "answered 503", Body: "no database\n", LatencyMs: 7}},
		},
	})
	want := `last failure of /web on h1: unhealthy: answered 503
  its last health check, after 7 ms: answered 503: "no database"
  what it printed last:
    one
    two
  its instance was web.instance-1; pacer app failures /web lists all
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestFailuresAreListed(t *testing.T) {
	f := newFake(t, map[string][]reply{"GET /pacer/v1/apps/web/failures": {{200, `{"failures":[{"instance":"web.instance-1","version":"v","host":"h1","end":"failed","exitCode":3,"message":"exited with code 3","at":"2026-01-01T00:00:00.000Z","log":"last words\n","health":[]}]}`}}})
	pacer(t.Context(), "", "app", "failures", "web", "--server", f.url).check(t, 0, "2026-01-01T00:00:00.000Z  h1    failed  web.instance-1  exited with code 3\n", "")
	pacer(t.Context(), "", "app", "failures", "web", "-o", "yaml", "--server", f.url).check(t, 0, "last words", "")
}
