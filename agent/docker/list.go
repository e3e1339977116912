package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"

	"pacer/agent"
)

var ours = filters.Arg("label", labelInstance)

// List returns all containers of ours.
func (d *Docker) List(ctx context.Context) ([]agent.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	list, err := d.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(ours)})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", explain(err))
	}
	// The list lacks when a container started and how it ended.
	var mu sync.Mutex
	var all []agent.Container
	pods := map[string][]container.InspectResponse{} // what there is of each, by instance
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, s := range list {
		g.Go(func() error {
			in, err := d.api.ContainerInspect(ctx, s.ID)
			if cerrdefs.IsNotFound(err) {
				return nil // gone meanwhile
			}
			if err != nil {
				return err
			}
			c, ok := read(in)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case !ok:
			case ofPod(in):
				pods[c.Instance] = append(pods[c.Instance], in)
			default:
				all = append(all, c)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("inspect containers: %w", explain(err))
	}
	for _, some := range pods {
		all = append(all, readPod(some))
	}
	slices.SortFunc(all, func(a, b agent.Container) int { return strings.Compare(a.Instance, b.Instance) })
	return all, nil
}

func (d *Docker) inspect(ctx context.Context, id string) (container.InspectResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	return d.api.ContainerInspect(ctx, id)
}

// find returns the container of an instance; ok is false if there is none of ours.
func (d *Docker) find(ctx context.Context, instance string) (in container.InspectResponse, ok bool, err error) {
	in, err = d.inspect(ctx, instance)
	if cerrdefs.IsNotFound(err) {
		return in, false, nil
	}
	if err != nil {
		return in, false, explain(err)
	}
	c, ok := read(in)
	return in, ok && c.Instance == instance, nil
}

// read is a container as the engine shows it; ok is whether it is ours.
func read(in container.InspectResponse) (c agent.Container, ok bool) {
	if in.Config == nil || in.ContainerJSONBase == nil || in.State == nil {
		return c, false
	}
	if c, ok = fromLabels(in.Config.Labels); !ok {
		return c, false
	}
	c.Running = in.State.Running
	if !c.Running {
		c.ExitCode, c.OOM = in.State.ExitCode, in.State.OOMKilled
	}
	// The engine writes the year 1 for never.
	if t, err := time.Parse(time.RFC3339Nano, in.State.StartedAt); err == nil && t.Year() > 1 {
		c.Started = t
	}
	c.IP = address(in)
	c.IP6 = address6(in)
	return c, true
}

// address is the container's in the network it was made for.
func address(in container.InspectResponse) string {
	if in.HostConfig == nil || in.HostConfig.NetworkMode.IsHost() || in.NetworkSettings == nil {
		return ""
	}
	nets := in.NetworkSettings.Networks
	if n := nets[string(in.HostConfig.NetworkMode)]; n != nil && n.IPAddress != "" {
		return n.IPAddress
	}
	for _, name := range slices.Sorted(maps.Keys(nets)) {
		if n := nets[name]; n != nil && n.IPAddress != "" {
			return n.IPAddress
		}
	}
	return ""
}

// address6 is the container's address of IPv6, if a network of its gives any.
func address6(in container.InspectResponse) string {
	if in.NetworkSettings == nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(in.NetworkSettings.Networks)) {
		if n := in.NetworkSettings.Networks[name]; n != nil && n.GlobalIPv6Address != "" {
			return n.GlobalIPv6Address
		}
	}
	return ""
}

// errStreamEnded is why Watch ends when the engine does.
var errStreamEnded = errors.New("the Docker engine ended its event stream")
