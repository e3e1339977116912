package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// greeter is a pod of hello in a version and of a helper that only runs.
func greeter(version int) string {
	return fmt.Sprintf(`{"id":"/shop/greeter","labels":{"HAPROXY_0_VHOST":"greeter.localhost"},"networks":[{"mode":"container/bridge"}],
		"scaling":{"kind":"fixed","instances":2},"containers":[
		{"name":"web","image":{"kind":"DOCKER","id":"pacer/hello:%d"},"resources":{"cpus":0.05,"mem":32},
		 "endpoints":[{"name":"http","containerPort":8080,"hostPort":0}],
		 "healthCheck":{"http":{"endpoint":"http","path":"/"},"gracePeriodSeconds":30,"intervalSeconds":2,"timeoutSeconds":1,"delaySeconds":0}},
		{"name":"helper","exec":{"command":{"shell":"while true; do sleep 1; done"}},"resources":{"cpus":0.05,"mem":32}}]}`, version)
}

func TestAPodIsUpdatedWithoutDroppingARequest(t *testing.T) {
	p := dev(t, hosts(t, 1))
	file := filepath.Join(t.TempDir(), "pod.json")
	apply := func(version int) {
		t.Helper()
		if err := os.WriteFile(file, []byte(greeter(version)), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := p.cli("pod", "apply", file, "--wait", "--timeout", "2m"); r.code != "0" {
			t.Fatalf("apply version %d: code %s\n%s%s", version, r.code, r.stdout, r.stderr)
		}
	}
	apply(1)
	if code, body := p.get("greeter.localhost", "/"); code != 200 || !strings.Contains(body, "hello from 1") {
		t.Fatalf("the pod's endpoint, by the load balancer: %d %s", code, body)
	}
	stop, asked := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				asked <- nil
				return
			default:
				if code, body := p.get("greeter.localhost", "/"); code != 200 {
					asked <- fmt.Errorf("during the update: %d %s", code, body)
					return
				}
			}
		}
	}()
	apply(2)
	close(stop)
	if err := <-asked; err != nil {
		t.Error(err)
	}
	if code, body := p.get("greeter.localhost", "/"); code != 200 || !strings.Contains(body, "hello from 2") {
		t.Errorf("after the update: %d %s", code, body)
	}
	if r := p.cli("pod", "list"); !strings.Contains(r.stdout, "/shop/greeter") || !strings.Contains(r.stdout, "STABLE") {
		t.Errorf("the list: %s%s", r.stdout, r.stderr)
	}
	if r := p.cli("pod", "delete", "/shop/greeter", "--wait"); r.code != "0" {
		t.Errorf("delete: %s %s%s", r.code, r.stdout, r.stderr)
	}
}
