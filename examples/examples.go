// Package examples builds the images of the example apps from what this machine
// has, and puts them into an engine without a registry.
package examples

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker/docker/client"

	"pacer/testbed"
)

//go:embed node/server.js
var server string

// Names are the examples, as Build takes them.
var Names = []string{"hello", "node", "redis"}

// Build puts the images of the named examples (all, if none is named) into an
// engine: hello is pacer/hello:1 and :2, node is pacer/node:1, redis is
// pacer/redis:1. It is to be called inside Pacer's source tree: it compiles. Programs
// that are absent are installed where we are root.
func Build(ctx context.Context, api client.APIClient, names ...string) error {
	if len(names) == 0 {
		names = Names
	}
	for _, name := range names {
		var err error
		switch name {
		case "hello":
			err = errors.Join(hello(ctx, api, "1"), hello(ctx, api, "2"))
		case "node":
			err = node(ctx, api)
		case "redis":
			err = redis(ctx, api)
		default:
			err = fmt.Errorf("no such example: there are %q", Names)
		}
		if err != nil {
			return fmt.Errorf("build example %s: %w", name, err)
		}
	}
	return nil
}

func hello(ctx context.Context, api client.APIClient, version string) error {
	dir, err := os.MkdirTemp("", "pacer-hello")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "app")
	if err := testbed.BuildGo(ctx, "pacer/examples/hello", program, "-X main.version="+version); err != nil {
		return err
	}
	tree, err := testbed.Static(program)
	if err != nil {
		return err
	}
	return testbed.Import(ctx, api, "pacer/hello:"+version, tree, `ENTRYPOINT ["/app"]`)
}

func node(ctx context.Context, api client.APIClient) error {
	program, err := testbed.Program(ctx, "node", "nodejs")
	if err != nil {
		return err
	}
	tree, err := testbed.Debian(program)
	if err != nil {
		return err
	}
	tree.Text("/app/server.js", server)
	return testbed.Import(ctx, api, "pacer/node:1", tree, fmt.Sprintf(`CMD [%q, "/app/server.js"]`, program))
}

func redis(ctx context.Context, api client.APIClient) error {
	program, err := testbed.Program(ctx, "redis-server", "redis-server")
	if err != nil {
		return err
	}
	tree, err := testbed.Debian(program)
	if err != nil {
		return err
	}
	return testbed.Import(ctx, api, "pacer/redis:1", tree, "WORKDIR /data", `CMD ["redis-server"]`)
}
