package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCommandLine tells the stories of testdata/*.txt: each with a platform of its
// own on a real engine, $PACER_SERVER set, and files of the examples in place.
func TestCommandLine(t *testing.T) {
	engines := hosts(t, 1)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			p := dev(t, engines)
			env.Defer(func() {
				p.process.stop()
				for _, c := range mustContainers(t, engines, "/hello") {
					_ = c.Engine.KillContainer(c.ID)
				}
			})
			env.Setenv("PACER_SERVER", p.api)
			env.Setenv("PATH", filepath.Dir(pacer)+string(os.PathListSeparator)+env.Getenv("PATH"))
			for file, changes := range map[string]map[string]any{
				"hello.json":  nil,
				"hello2.json": image(t, "pacer/hello:2"),
				"broken.json": {"cmd": "exit 3"},
				"huge.json":   {"mem": 1e9},
			} {
				app := hello(t, changes)
				if file == "broken.json" {
					delete(app, "container")
					app["networks"] = []any{map[string]any{"mode": "host"}}
				}
				raw, err := json.Marshal(app)
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(env.WorkDir, file), raw, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits CODE ARGS…: runs pacer and checks its exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	begun := time.Now()
	err := ts.Exec("pacer", args[1:]...)
	code := "0"
	if err != nil {
		code = exitStatus(err)
	}
	if code != args[0] {
		ts.Fatalf("pacer %v exited %s after %s, want %s", args[1:], code, time.Since(begun).Round(time.Millisecond), args[0])
	}
}

func exitStatus(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}
