package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"

	"pacer/agent"
)

// Start pulls, creates and starts.
func (d *Docker) Start(ctx context.Context, l agent.Launch) (c agent.Container, retry bool, err error) {
	d.busy(l.Instance, 1)
	defer d.busy(l.Instance, -1)
	if c, err = d.start(ctx, l); err != nil {
		return agent.Container{}, retriable(err), fmt.Errorf("start %s: %w", l.Instance, err)
	}
	return c, false, nil
}

// busy counts the Starts under way, so that Watch need not ask about their
// containers too.
func (d *Docker) busy(instance string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.starting[instance] += n; d.starting[instance] <= 0 {
		delete(d.starting, instance)
	}
}

func (d *Docker) isBusy(instance string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.starting[instance] > 0
}

func (d *Docker) start(ctx context.Context, l agent.Launch) (agent.Container, error) {
	if l.App.Pod != nil {
		return d.startPod(ctx, l)
	}
	s, err := d.spec(l)
	if err != nil {
		return agent.Container{}, &fault{message: err.Error(), err: err}
	}
	if l.App.Container != nil && l.App.Container.ForcePull && l.App.Container.Image != "" {
		if err := d.pull(ctx, s.config.Image); err != nil {
			return agent.Container{}, err
		}
	}
	if err := d.makeSandbox(l.Instance); err != nil {
		return agent.Container{}, fmt.Errorf("make its sandbox: %w", err)
	}
	if err := d.makeVolumes(l); err != nil {
		return agent.Container{}, err
	}
	numbers, release, err := d.gpusOf(ctx, l)
	if err != nil {
		return agent.Container{}, err
	}
	defer release()
	s.useGPUs(numbers)
	id, err := d.create(ctx, l.Instance, s)
	if cerrdefs.IsConflict(err) {
		return d.take(ctx, l, s, err)
	}
	if err == nil {
		err = d.connect(ctx, id, s)
	}
	if err != nil {
		return agent.Container{}, d.giveUp(ctx, l, id, startFault(l, err))
	}
	return d.run(ctx, l, s, id)
}

func (d *Docker) spec(l agent.Launch) (*spec, error) {
	at := place{
		addr: d.config.Addr, sandbox: d.sandbox(l.Instance), volumes: d.claimDir(l.Claim), commandImage: d.config.CommandImage, pidsLimit: d.config.PidsLimit,
	}
	if (l.App.Container == nil || l.App.Container.Image == "") && at.commandImage == "" {
		if !d.local {
			return nil, fmt.Errorf("app %s has no image, and the engine is on another machine: set --command-image", l.App.ID)
		}
		var err error
		if at.userland, err = d.userland(); err != nil {
			return nil, err
		}
	}
	return createSpec(l, at)
}

// create asks for the container; only if the image is absent it is fetched. That
// saves a question in the common case.
func (d *Docker) create(ctx context.Context, instance string, s *spec) (id string, err error) {
	id, err = d.createOnce(ctx, instance, s)
	if !cerrdefs.IsNotFound(err) {
		return id, err
	}
	if s.userland != nil {
		err = d.importUserland(ctx, s.userland)
	} else {
		err = d.pull(ctx, s.config.Image)
	}
	if err != nil {
		return "", err
	}
	return d.createOnce(ctx, instance, s)
}

func (d *Docker) createOnce(ctx context.Context, instance string, s *spec) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, createLimit)
	defer cancel()
	var nets *network.NetworkingConfig
	mac := s.config.MacAddress //nolint:staticcheck // what engines before API 1.44 read
	if mac != "" {
		d.api.NegotiateAPIVersion(ctx)
		if versions.GreaterThanOrEqualTo(d.api.ClientVersion(), "1.44") {
			s.endpoint.MacAddress = mac
		}
	}
	if len(s.networks) > 0 || s.endpoint.MacAddress != "" {
		nets = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{string(s.host.NetworkMode): s.endpoint}}
	}
	made, err := d.api.ContainerCreate(ctx, s.config, s.host, nets, nil, instance)
	return made.ID, err
}

// connect joins the networks after the first.
func (d *Docker) connect(ctx context.Context, id string, s *spec) error {
	ctx, cancel := context.WithTimeout(ctx, createLimit)
	defer cancel()
	for _, name := range s.networks[min(1, len(s.networks)):] {
		if err := d.api.NetworkConnect(ctx, name, id, &network.EndpointSettings{}); err != nil {
			return err
		}
	}
	return nil
}

// take adopts the container that has the instance's name already.
func (d *Docker) take(ctx context.Context, l agent.Launch, s *spec, conflict error) (agent.Container, error) {
	in, err := d.inspect(ctx, l.Instance)
	if err != nil {
		return agent.Container{}, explain(err)
	}
	c, ours := read(in)
	switch {
	case !ours || c.Instance != l.Instance:
		return agent.Container{}, &fault{message: "a container that is not Pacer's has its name: " + conflict.Error(), err: conflict}
	case in.State.Dead || in.State.Status == container.StateRemoving:
		return agent.Container{}, &fault{message: "its container is being removed", retry: true, err: conflict}
	case c.Started.IsZero():
		return d.run(ctx, l, s, in.ID)
	case c.Running && in.HostConfig != nil && in.HostConfig.NanoCPUs != s.quota:
		d.limit(l.Instance, in.ID, s.quota)
	}
	return c, nil
}

func (d *Docker) run(ctx context.Context, l agent.Launch, s *spec, id string) (agent.Container, error) {
	if err := d.fill(ctx, l, id); err != nil {
		return agent.Container{}, d.giveUp(ctx, l, id, err)
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := d.awaitPartings(limited, l.Ports); err != nil {
		return agent.Container{}, explain(err)
	}
	if err := d.api.ContainerStart(limited, id, container.StartOptions{}); err != nil {
		return agent.Container{}, d.giveUp(ctx, l, id, startFault(l, err))
	}
	d.limit(l.Instance, id, s.quota)
	in, err := d.inspect(ctx, id)
	if err != nil {
		return agent.Container{}, explain(err)
	}
	c, _ := read(in)
	return c, nil
}

// limit sets the hard limit on cores of a container that runs. Nobody waits for it:
// it takes as long as a fifth of a start, and comes when the app has had a moment to
// answer for the first time. Until then the weight alone holds it back.
func (d *Docker) limit(instance, id string, quota int64) {
	if quota == 0 || d.life.Err() != nil {
		return
	}
	d.work.Go(func() {
		var err error
		for try := range limitTries {
			select {
			case <-time.After(limitPause + time.Duration(try)*time.Second):
			case <-d.life.Done():
				return
			}
			ctx, cancel := context.WithTimeout(d.life, startLimit)
			_, err = d.api.ContainerUpdate(ctx, id, container.UpdateConfig{Resources: container.Resources{NanoCPUs: quota}})
			cancel()
			if err == nil || cerrdefs.IsNotFound(err) {
				return
			}
		}
		if d.life.Err() == nil {
			d.config.Log.Warn("a container runs without its limit on cores", "instance", instance, "err", err)
		}
	})
}

const (
	limitPause = 500 * time.Millisecond // between a start and its limit
	limitTries = 3
)

// giveUp removes what a start that can't succeed has made, and returns why it
// can't. Where the engine is at fault it stays for the next try.
func (d *Docker) giveUp(ctx context.Context, l agent.Launch, id string, why error) error {
	if retriable(why) {
		return why
	}
	if id != "" {
		if err := d.remove(context.WithoutCancel(ctx), id); err != nil {
			return fmt.Errorf("%w (and its container could not be removed: %v)", why, err)
		}
	}
	if err := d.removeSandbox(l.Instance); err != nil {
		return fmt.Errorf("%w (and its sandbox could not be removed: %v)", why, err)
	}
	return why
}

// sandbox is the instance's directory on the host; empty where there is none.
func (d *Docker) sandbox(instance string) string {
	if d.config.DataDir == "" || !d.local {
		return ""
	}
	return filepath.Join(d.config.DataDir, "sandboxes", filepath.Base(instance))
}

// makeSandbox: anyone inside the container may write, whatever its user; outside
// only we may enter.
func (d *Docker) makeSandbox(instance string) error {
	dir := d.sandbox(instance)
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	return os.Chmod(dir, 0o777)
}

func (d *Docker) removeSandbox(instance string) error {
	if dir := d.sandbox(instance); dir != "" {
		return os.RemoveAll(dir)
	}
	return nil
}
