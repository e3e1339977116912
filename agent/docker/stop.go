package docker

import (
	"context"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// Stop sends the stop signal (SIGTERM, where neither image nor app says otherwise),
// waits, sends SIGKILL.
func (d *Docker) Stop(ctx context.Context, instance string, grace time.Duration) error {
	in, ok, err := d.find(ctx, instance)
	if err != nil {
		return fmt.Errorf("stop %s: %w", instance, err)
	}
	if ok && isHolder(in) || !ok {
		return d.stopPod(ctx, instance, grace)
	}
	if !in.State.Running {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, grace+stopLimit)
	defer cancel()
	wait := seconds(max(grace, 0))
	err = d.api.ContainerStop(ctx, in.ID, container.StopOptions{Timeout: &wait})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("stop %s: %w", instance, explain(err))
	}
	return nil
}

// Remove removes a container with its anonymous volumes, and its sandbox.
func (d *Docker) Remove(ctx context.Context, instance string) error {
	in, ok, err := d.find(ctx, instance)
	switch {
	case err != nil:
	case ok && !isHolder(in):
		err = d.remove(ctx, in.ID)
	default: // a pod, or what is left of one
		err = d.removePod(ctx, instance)
	}
	if err == nil {
		err = d.removeSandbox(instance)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", instance, err)
	}
	return nil
}

// remove: no such container, or one that is being removed, is success.
func (d *Docker) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, removeLimit)
	defer cancel()
	err := d.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) && !cerrdefs.IsConflict(err) {
		return explain(err)
	}
	return nil
}
