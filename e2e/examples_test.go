package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"pacer/examples"
)

// example reads the spec of one of the examples.
func example(t testing.TB, name string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("../examples/" + name)
	if err != nil {
		t.Fatal(err)
	}
	app := map[string]any{}
	if err := json.Unmarshal(raw, &app); err != nil {
		t.Fatal(err)
	}
	return app
}

func TestTheNodeExampleAnswers(t *testing.T) {
	engines := hosts(t, 1)
	if err := examples.Build(t.Context(), engines[0].Client(), "node"); err != nil {
		t.Fatal(err)
	}
	p := dev(t, engines)

	p.do("POST", "/v2/apps", example(t, "node/node.json"))
	p.deployed()

	if code, body := p.get("node.localhost", "/"); code != 200 || body != "Bittiger\n" {
		t.Fatalf("%d %q", code, body)
	}
}

func TestRedisKeepsItsDataOverARestart(t *testing.T) {
	engines := hosts(t, 1)
	if err := examples.Build(t.Context(), engines[0].Client(), "redis"); err != nil {
		t.Fatal(err)
	}
	p := dev(t, engines)
	app := example(t, "redis/redis.json")
	app["container"].(map[string]any)["volumes"].([]any)[0].(map[string]any)["hostPath"] = t.TempDir()

	p.do("POST", "/v2/apps", app)
	p.deployed()
	spec := p.do("GET", "/v2/apps"+app["id"].(string), nil)["app"].(map[string]any)
	port := spec["container"].(map[string]any)["portMappings"].([]any)[0].(map[string]any)["servicePort"]
	addr := fmt.Sprintf("%s:%v", p.bind, port)
	if answer := ask(t, addr, "SET who pacer"); answer != "+OK" {
		t.Fatalf("SET: %q", answer)
	}
	if answer := ask(t, addr, "SAVE"); answer != "+OK" {
		t.Fatalf("SAVE: %q", answer)
	}

	p.do("POST", "/v2/apps"+app["id"].(string)+"/restart", nil)
	p.deployed()

	if answer := ask(t, addr, "GET who"); answer != "$5" {
		t.Fatalf("after the restart GET who: %q", answer)
	}
}

// ask sends one inline command of Redis through the service port and returns the
// first line of the answer.
func ask(t testing.TB, addr, command string) (line string) {
	t.Helper()
	waitFor(t, "Redis to answer", func() error {
		conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			return err
		}
		fmt.Fprintf(conn, "%s\r\n", command)
		line, err = bufio.NewReader(conn).ReadString('\n')
		line = strings.TrimSpace(line)
		return err
	})
	return line
}
