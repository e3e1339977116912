package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
)

// A box is a container that was started by the engine's API alone: the limit of
// what anybody can do with this engine.
type box struct {
	id   string
	addr string // where it answers
}

// rawPorts are published by turns, apart from those that Pacer gives out.
const (
	rawPortFirst = 29000
	rawPortLast  = 29999
)

func (b *bench) rawPort(n int) int { return rawPortFirst + n%(rawPortLast-rawPortFirst+1) }

// rawStart creates and starts hello, and waits for its first 200 at the published
// port. It sets nothing else: no limits, no labels, no volume.
func (b *bench) rawStart(ctx context.Context, n int) (box, error) {
	api, port := b.engine.Client(), strconv.Itoa(b.rawPort(n))
	made, err := api.ContainerCreate(ctx,
		&container.Config{Image: "pacer/hello:1", ExposedPorts: nat.PortSet{"8080/tcp": {}}},
		&container.HostConfig{NetworkMode: network.NetworkBridge, PortBindings: nat.PortMap{"8080/tcp": {{HostIP: b.engine.Addr, HostPort: port}}}},
		nil, nil, "")
	if err != nil {
		return box{}, fmt.Errorf("create a raw container: %w", err)
	}
	x := box{id: made.ID, addr: net.JoinHostPort(b.engine.Addr, port)}
	if err := api.ContainerStart(ctx, x.id, container.StartOptions{}); err != nil {
		return x, fmt.Errorf("start a raw container: %w", err)
	}
	c := newCaller(x.addr, "")
	defer c.close()
	_, err = c.first(ctx)
	return x, err
}

// rawTimed is how long rawStart takes; the container is removed afterwards.
func (b *bench) rawTimed(ctx context.Context, n int) (time.Duration, error) {
	begun := time.Now()
	x, err := b.rawStart(ctx, n)
	took := time.Since(begun)
	if err != nil {
		return 0, err
	}
	return took, b.rawRemove(ctx, x)
}

func (b *bench) rawRemove(ctx context.Context, x box) error {
	return b.engine.Client().ContainerRemove(ctx, x.id, container.RemoveOptions{Force: true})
}

// containers lists those with a label, also what does not run any more.
func (b *bench) containers(ctx context.Context, label string) ([]container.Summary, error) {
	return b.engine.Client().ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
}
