package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"pacer/examples"
	"pacer/testbed"
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

func TestRedisKeepsItsData(t *testing.T) {
	engines := testbed.Start(t, 2) // of its own: one of them is killed
	for _, e := range engines {
		if err := examples.Build(t.Context(), e.Client(), "redis"); err != nil {
			t.Fatal(err)
		}
	}
	p := dev(t, engines)
	app := example(t, "redis/redis.json")
	p.do("POST", "/v2/apps", app)
	p.deployed()
	addr := p.bind + ":16379"
	if answer := ask(t, addr, "SET who pacer"); answer != "+OK" {
		t.Fatalf("SET: %q", answer)
	}
	home := running(t, engines, "/redis", 1)[0].Engine
	kept := func(after string) {
		t.Helper()
		if answer := ask(t, addr, "GET who"); answer != "$5" {
			t.Errorf("after %s GET who: %q", after, answer)
		}
		if now := running(t, engines, "/redis", 1)[0].Engine; now != home {
			t.Errorf("after %s it runs on %s, its data is on %s", after, now.Addr, home.Addr)
		}
	}

	p.do("POST", "/v2/apps/redis/restart", nil)
	p.deployed()
	kept("a restart")

	app["env"] = map[string]any{"VERSION": "2"}
	p.do("PUT", "/v2/apps/redis", app)
	p.deployed()
	kept("an upgrade")

	p.do("PATCH", "/v2/apps/redis", map[string]any{"instances": 0})
	p.deployed()
	running(t, engines, "/redis", 0)
	p.do("PATCH", "/v2/apps/redis", map[string]any{"instances": 1})
	p.deployed()
	kept("a rest")

	before := running(t, engines, "/redis", 1)[0].ID
	if err := home.KillContainer(before); err != nil {
		t.Fatal(err)
	}
	p.wait("another container", func() error {
		if now := mustContainers(t, engines, "/redis"); len(now) != 1 || now[0].ID == before {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	kept("kill -9")

	if err := errors.Join(home.Kill9(), home.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	kept("the death of its engine")

	p.do("DELETE", "/v2/apps/redis", nil)
	p.deployed()
	p.wait("its data to be wiped", func() error {
		if left := p.do("GET", "/pacer/v1/volumes", nil)["volumes"].([]any); len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
	p.do("POST", "/v2/apps", app)
	p.deployed()
	if answer := ask(t, addr, "GET who"); answer != "$-1" {
		t.Errorf("a new app has the data of the one before: %q", answer)
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
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "-LOADING") { // it reads what it had written
			return errors.New(line)
		}
		return err
	})
	return line
}
