package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pacer/testbed"
)

// faulty puts a version of hello into an engine that crashes at once, and one that
// never gets healthy.
func faulty(t testing.TB, e *testbed.Engine) {
	t.Helper()
	for _, fault := range []string{"crash", "sick"} {
		program := filepath.Join(t.TempDir(), "app")
		if err := testbed.BuildGo(t.Context(), "pacer/e2e/testdata/faulty", program, "-X main.fault="+fault); err != nil {
			t.Fatal(err)
		}
		tree, err := testbed.Static(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := testbed.Import(t.Context(), e.Client(), "pacer/faulty:"+fault, tree, `ENTRYPOINT ["/app"]`); err != nil {
			t.Fatal(err)
		}
	}
}

// A run is what the command line left behind.
type run struct {
	code           string
	stdout, stderr string
}

// cli runs the client against the platform.
func (p *platform) cli(args ...string) run {
	var out, errs strings.Builder
	cmd := exec.CommandContext(p.t.Context(), pacer, args...)
	cmd.Env = append(os.Environ(), "PACER_SERVER="+p.api)
	cmd.Stdout, cmd.Stderr = &out, &errs
	code := "0"
	if err := cmd.Run(); err != nil {
		code = exitStatus(err)
	}
	return run{code, out.String(), errs.String()}
}

// specFile writes a definition for the command line.
func specFile(t testing.TB, spec any) string {
	t.Helper()
	raw, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "spec.json")
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// fragile is hello under a name of its own, which is told soon that it is sick and
// tried again without delay.
func fragile(t testing.TB, id, img string) map[string]any {
	app := hello(t, image(t, img))
	app["id"], app["mem"], app["backoffSeconds"] = "/"+id, 16, 0
	app["labels"] = map[string]any{"HAPROXY_0_VHOST": id + ".localhost"}
	check := app["healthChecks"].([]any)[0].(map[string]any)
	check["gracePeriodSeconds"], check["intervalSeconds"], check["maxConsecutiveFailures"] = 0, 1, 1
	app["upgradeStrategy"] = map[string]any{"minimumHealthCapacity": 1, "maximumOverCapacity": 0.5}
	return app
}

// lastLines is the last 100 lines that a faulty version prints.
func lastLines(fault string) string {
	var b strings.Builder
	for i := 51; i <= 150; i++ {
		fmt.Fprintf(&b, "line %d of %s\n", i, fault)
	}
	return b.String()
}

func TestAVersionThatDoesNotWorkIsRolledBackByItself(t *testing.T) {
	engines := hosts(t, 1)
	faulty(t, engines[0])
	registry := testbed.NewRegistry(t)
	logins, err := registry.DockerConfig()
	if err != nil {
		t.Fatal(err)
	}
	p := dev(t, engines, "--docker-config", logins)
	cases := []struct {
		id, image string
		says      []string // to the user
		kept      func(ending) bool
	}{
		{"absent", registry.Host + "/pacer/nothing:1", []string{"pacer/nothing:1", "manifest unknown"}, func(f ending) bool {
			return f.End == "failed" && strings.Contains(f.Message, "pacer/nothing:1")
		}},
		{"crash", "pacer/faulty:crash", []string{"exit", "3", "line 51 of crash\n", "line 150 of crash\n"}, func(f ending) bool {
			return f.End == "failed" && f.ExitCode == 3 && f.Log == lastLines("crash")
		}},
		{"sick", "pacer/faulty:sick", []string{"503", "no database", "line 51 of sick\n", "line 150 of sick\n"}, func(f ending) bool {
			return f.End == "unhealthy" && f.Log == lastLines("sick") && len(f.Health) == 1 && f.Health[0].Last != nil &&
				f.Health[0].Last.Status == 503 && f.Health[0].Last.Body == "no database\n"
		}},
	}
	var vhosts []string
	for _, c := range cases {
		p.do("POST", "/v2/apps", fragile(t, c.id, "pacer/hello:1"))
		vhosts = append(vhosts, c.id+".localhost")
	}
	p.deployed()
	h := record(t, engines)
	l := press(t, p, vhosts...)
	l.more(t, 300)

	ended := make([]chan run, len(cases))
	for i, c := range cases {
		ended[i] = make(chan run, 1)
		file := specFile(t, fragile(t, c.id, c.image))
		go func() { ended[i] <- p.cli("app", "apply", file, "--timeout", "2m") }()
	}
	for i, c := range cases {
		r := <-ended[i]
		if r.code != "3" || !strings.Contains(r.stderr, "was rolled back") {
			t.Errorf("%s: exited %s, want 3:\n%s", c.id, r.code, r.stderr)
		}
		for _, want := range c.says {
			if !strings.Contains(r.stderr, want) {
				t.Errorf("%s: want %q said, got\n%s", c.id, want, r.stderr)
			}
		}
		p.failed(engines[0], "/"+c.id, c.kept)
		app := p.do("GET", "/v2/apps/"+c.id, nil)["app"].(map[string]any)
		if docker := app["container"].(map[string]any)["docker"].(map[string]any); docker["image"] != "pacer/hello:1" {
			t.Errorf("%s: want version 1 back in force, got %v", c.id, docker)
		}
	}
	l.more(t, 300)
	for _, c := range cases {
		h.bounds("/"+c.id, "pacer/hello:1", 2, 2)
		h.bounds("/"+c.id, "", 2, 3)
	}
	if n := l.answered("crash") + l.answered("sick"); n > 0 {
		t.Errorf("%d answers came from versions that are not healthy", n)
	}
	l.clean(t)
}

func TestAPlainPutTriesOn(t *testing.T) {
	engines := hosts(t, 1)
	faulty(t, engines[0])
	p := dev(t, engines)
	p.do("POST", "/v2/apps", fragile(t, "crash", "pacer/hello:1"))
	p.deployed()
	l := press(t, p, "crash.localhost")
	h := record(t, engines)

	id := p.do("PUT", "/v2/apps/crash", fragile(t, "crash", "pacer/faulty:crash"))["deploymentId"]
	p.wait("more failures than a deployment that goes back would bear", func() error {
		if n := len(h.starts("/crash", "pacer/faulty:crash")); n < 5 {
			return fmt.Errorf("%d starts", n)
		}
		return nil
	})
	if d := p.do("GET", fmt.Sprintf("/pacer/v1/deployments/%v", id), nil); d["state"] != "running" || d["rollback"] != false {
		t.Errorf("want the deployment to try on, got %v", d)
	}
	p.do("DELETE", fmt.Sprintf("/v2/deployments/%v", id), nil)
	p.deployed()
	l.more(t, 300)
	h.bounds("/crash", "pacer/hello:1", 2, 2)
	l.clean(t)
}
