// Command build puts the images of the examples into a Docker engine:
//
//	go run ./examples/build [-engine unix:///var/run/docker.sock] [hello node redis]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/docker/docker/client"

	"pacer/examples"
)

func main() {
	engine := flag.String("engine", "", "endpoint of the engine; empty: $DOCKER_HOST, else unix:///var/run/docker.sock")
	flag.Parse()
	if err := build(context.Background(), *engine, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func build(ctx context.Context, engine string, names []string) error {
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if engine != "" {
		opts = append(opts, client.WithHost(engine))
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return err
	}
	defer api.Close()
	if _, err := api.Ping(ctx); err != nil {
		return fmt.Errorf("the Docker engine does not answer: start it, or name another with -engine: %w", err)
	}
	return examples.Build(ctx, api, names...)
}
