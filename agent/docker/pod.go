package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"pacer/agent"
	"pacer/apps"
)

// An instance of a pod is a container that holds its network (of the instance's name)
// and one for each of the pod's, in that network (of the instance's name, a dot and
// theirs). All are made before the first is started: one that is missing later is lost.

func isHolder(in container.InspectResponse) bool {
	return in.Config != nil && in.Config.Labels[labelParts] != ""
}

func ofPod(in container.InspectResponse) bool {
	return isHolder(in) || in.Config != nil && in.Config.Labels[labelPart] != ""
}

// startPod makes what is missing of an instance of a pod, and starts what never ran.
func (d *Docker) startPod(ctx context.Context, l agent.Launch) (agent.Container, error) {
	if len(l.App.Persistent()) > 0 || d.sandbox(l.Instance) == "" {
		return agent.Container{}, &fault{message: "pods need an agent on the engine's own machine, with a data directory"}
	}
	if err := d.makePodDirs(l); err != nil {
		return agent.Container{}, fmt.Errorf("make its sandbox: %w", err)
	}
	fail := func(err error) (agent.Container, error) {
		if err = startFault(l, err); retriable(err) {
			return agent.Container{}, err
		}
		if e := d.removePod(context.WithoutCancel(ctx), l.Instance); e != nil {
			return agent.Container{}, fmt.Errorf("%w (and its containers could not be removed: %v)", err, e)
		}
		return agent.Container{}, errors.Join(err, d.removeSandbox(l.Instance))
	}
	s := holderSpec(l, d.config.Addr)
	if err := s.network(l.App); err != nil {
		return agent.Container{}, &fault{message: err.Error(), err: err}
	}
	holder, err := d.makeOne(ctx, l.Instance, s, d.importPause)
	if err != nil {
		return fail(err)
	}
	ids, specs := []string{holder}, []*spec{s}
	for i := range l.App.Pod.Containers {
		s, err := d.partSpec(l, i, holder)
		if err != nil {
			return fail(&fault{message: fmt.Sprintf("container %s: %v", l.App.Pod.Containers[i].Name, err), err: err})
		}
		id, err := d.makePart(ctx, l, i, s)
		if err != nil {
			return fail(fmt.Errorf("container %s: %w", l.App.Pod.Containers[i].Name, err))
		}
		ids, specs = append(ids, id), append(specs, s)
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := d.awaitPartings(limited, l.Ports); err != nil {
		return agent.Container{}, explain(err)
	}
	for i, id := range ids {
		in, err := d.inspect(limited, id)
		if err != nil {
			return agent.Container{}, explain(err)
		}
		if c, _ := read(in); !c.Started.IsZero() {
			continue
		}
		if err := d.api.ContainerStart(limited, id, container.StartOptions{}); err != nil {
			return fail(err)
		}
		d.limit(l.Instance, id, specs[i].quota)
	}
	c, _, err := d.pod(ctx, l.Instance)
	return c, err
}

// makePart makes one of the pod's containers, with its image and what it fetches.
func (d *Docker) makePart(ctx context.Context, l agent.Launch, i int, s *spec) (string, error) {
	c := &l.App.Pod.Containers[i]
	if c.ForcePull && c.Image != "" {
		if err := d.pull(ctx, c.Image); err != nil {
			return "", err
		}
	}
	id, err := d.makeOne(ctx, apps.PartID(l.Instance, c.Name), s, func(ctx context.Context) error {
		if s.userland != nil {
			return d.importUserland(ctx, s.userland)
		}
		return d.pull(ctx, s.config.Image)
	})
	if err != nil {
		return "", err
	}
	part := agent.Launch{Instance: path.Join(l.Instance, "containers", c.Name), App: &apps.App{Fetch: c.Fetch}}
	return id, d.fillPart(ctx, part, id, d.partSandbox(l.Instance, c.Name))
}

// makeOne is the container of that name, which may be there already.
func (d *Docker) makeOne(ctx context.Context, name string, s *spec, fetch func(context.Context) error) (string, error) {
	id, err := d.createOnce(ctx, name, s)
	if cerrdefs.IsNotFound(err) {
		if err = fetch(ctx); err == nil {
			id, err = d.createOnce(ctx, name, s)
		}
	}
	if cerrdefs.IsConflict(err) {
		in, e := d.inspect(ctx, name)
		if e != nil {
			return "", explain(e)
		}
		if in.Config.Labels[labelInstance] != s.config.Labels[labelInstance] {
			return "", &fault{message: "a container that is not Pacer's has its name: " + err.Error(), err: err}
		}
		return in.ID, nil
	}
	if err != nil {
		return "", err
	}
	return id, d.connect(ctx, id, s)
}

// holderSpec is the container that holds the network: it publishes the ports of all.
func holderSpec(l agent.Launch, addr string) *spec {
	s := &spec{
		config: &container.Config{
			Image: pauseImage, Labels: labels(l), StopSignal: "SIGKILL", // it has nothing to finish
		},
		host:     &container.HostConfig{LogConfig: container.LogConfig{Type: "none"}, Resources: limits(l.App.Pod.Executor, nil)},
		endpoint: &network.EndpointSettings{},
	}
	s.config.Labels[labelParts] = strings.Join(l.App.Pod.Names(), ",")
	s.host.NanoCPUs = 0
	s.holderLinux(l.App.Pod)
	s.ports(l, addr)
	return s
}

// partSpec is one of the pod's containers, in the network of the holder.
func (d *Docker) partSpec(l agent.Launch, i int, holder string) (*spec, error) {
	c := &l.App.Pod.Containers[i]
	a := &apps.App{
		ID: l.App.ID, Version: l.App.Version, Needs: c.Needs, Limits: c.Limits, TTY: c.TTY, Cmd: c.Shell, Args: c.Argv, User: c.User, KillGrace: c.KillGrace,
		Network: apps.NetworkBridge, Container: &apps.Container{Image: c.Image}, Labels: maps.Clone(l.App.Labels),
	}
	if a.User == "" {
		a.User = l.App.User
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	maps.Copy(a.Labels, c.Labels)
	for _, m := range c.Mounts {
		outside, err := d.podVolume(l, m.Volume)
		if err != nil {
			return nil, err
		}
		a.Container.Volumes = append(a.Container.Volumes, apps.Volume{ContainerPath: m.Path, HostPath: outside, ReadOnly: m.ReadOnly})
	}
	at := place{addr: d.config.Addr, sandbox: d.partSandbox(l.Instance, c.Name), commandImage: d.config.CommandImage, pidsLimit: d.config.PidsLimit}
	if c.Image == "" && at.commandImage == "" {
		var err error
		if at.userland, err = d.userland(); err != nil {
			return nil, err
		}
	}
	s, err := createSpec(agent.Launch{Instance: l.Instance, App: a, Epoch: l.Epoch}, at)
	if err != nil {
		return nil, err
	}
	if c.Override && c.Image != "" && len(c.Argv) > 0 {
		s.config.Entrypoint, s.config.Cmd = c.Argv[:1], c.Argv[1:]
	}
	s.config.Env = podEnvironment(l, i, d.config.Addr)
	s.config.ExposedPorts, s.host.PortBindings = nil, nil
	s.host.NetworkMode = container.NetworkMode("container:" + holder)
	s.linux(podLinux(l.App.Pod, i), podParent(l.App.Pod, holder))
	s.config.Labels[labelPart] = c.Name
	s.config.Labels[labelTask] = (&apps.Instance{ID: l.Instance}).PartTaskID(c.Name)
	return s, nil
}

// podEnvironment is what a container of a pod is told, by Marathon's rules: its own
// variables win over the pod's, and those over who and where it is.
func podEnvironment(l agent.Launch, i int, host string) []string {
	c := &l.App.Pod.Containers[i]
	env := map[string]string{
		"HOST": host, "MESOS_SANDBOX": sandboxPath, "MARATHON_APP_ID": string(l.App.ID), "MARATHON_APP_VERSION": l.App.Version.String(),
		"MESOS_TASK_ID": (&apps.Instance{ID: l.Instance}).PartTaskID(c.Name), "MARATHON_CONTAINER_ID": c.Name,
		"MARATHON_CONTAINER_RESOURCE_CPUS": decimal(c.Needs.CPU, 1000), "MARATHON_CONTAINER_RESOURCE_MEM": decimal(c.Needs.Mem, 1),
		"MARATHON_CONTAINER_RESOURCE_DISK": decimal(c.Needs.Disk, 1),
	}
	for k, p := range l.App.Ports { // of all containers: they share a network
		name := strings.ToUpper(variableName(p.Name))
		inside := containerPort(l, k)
		if l.App.Network != apps.NetworkHost {
			env["EP_CONTAINER_"+name] = strconv.Itoa(inside)
		}
		if outside := hostPort(l, k); outside > 0 {
			env["EP_HOST_"+name] = strconv.Itoa(outside)
			if l.App.Network == apps.NetworkHost {
				inside = outside
			}
		}
		env["ENDPOINT_"+name] = strconv.Itoa(inside)
	}
	maps.Copy(env, l.App.Env)
	maps.Copy(env, c.Env)
	var all []string
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

func (d *Docker) partSandbox(instance, name string) string {
	return filepath.Join(d.sandbox(instance), "containers", name)
}

// podVolume is the host's directory behind a volume of the pod.
func (d *Docker) podVolume(l agent.Launch, name string) (string, error) {
	for _, v := range l.App.Pod.Volumes {
		switch {
		case v.Name != name:
		case v.HostPath != "" && !path.IsAbs(v.HostPath):
			return "", fmt.Errorf("volume %s: %q is not an absolute path of the host", name, v.HostPath)
		case v.HostPath != "":
			return v.HostPath, nil
		default:
			return filepath.Join(d.sandbox(l.Instance), "volumes", name), nil
		}
	}
	return "", fmt.Errorf("there is no volume %q in the pod", name)
}

// makePodDirs makes the sandbox: in it one for each container, and the volumes that end
// with the instance.
func (d *Docker) makePodDirs(l agent.Launch) error {
	if err := d.makeSandbox(l.Instance); err != nil {
		return err
	}
	var dirs []string
	for _, c := range l.App.Pod.Containers {
		dirs = append(dirs, d.partSandbox(l.Instance, c.Name))
	}
	for _, v := range l.App.Pod.Volumes {
		if v.HostPath == "" {
			dirs = append(dirs, filepath.Join(d.sandbox(l.Instance), "volumes", v.Name))
		}
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			return err
		}
	}
	return nil
}

// boxes are all containers of an instance of a pod: the holder and its parts.
func (d *Docker) boxes(ctx context.Context, instance string) ([]container.InspectResponse, error) {
	limited, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	list, err := d.api.ContainerList(limited, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", labelInstance+"="+instance))})
	if err != nil {
		return nil, explain(err)
	}
	var all []container.InspectResponse
	for _, s := range list {
		in, err := d.inspect(ctx, s.ID)
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, explain(err)
		}
		all = append(all, in)
	}
	return all, nil
}

func (d *Docker) pod(ctx context.Context, instance string) (c agent.Container, ok bool, err error) {
	all, err := d.boxes(ctx, instance)
	if err != nil || len(all) == 0 {
		return c, false, err
	}
	return readPod(all), true, nil
}

func (d *Docker) podChanged(ctx context.Context, instance string, changed func(agent.Container)) error {
	c, ok, err := d.pod(ctx, instance)
	if ok {
		changed(c)
	}
	return err
}

// readPod is what the containers of an instance are together.
func readPod(all []container.InspectResponse) (c agent.Container) {
	var holder *agent.Container
	var names []string
	parts := map[string]apps.Part{}
	for _, in := range all {
		one, _ := read(in)
		if isHolder(in) {
			holder, names = &one, strings.Split(in.Config.Labels[labelParts], ",")
			continue
		}
		c = one // what its labels say is the same on all
		name := in.Config.Labels[labelPart]
		parts[name] = readPart(in, one, name)
	}
	if holder == nil { // it holds nothing any more
		names = slices.Sorted(maps.Keys(parts))
		holder = &agent.Container{Instance: c.Instance, App: c.App, Version: c.Version, Epoch: c.Epoch, ExitCode: 137, Started: c.Started}
	}
	c = *holder
	ran, runs := !c.Started.IsZero(), c.Running
	for _, name := range names {
		p, there := parts[name]
		if !there {
			p = apps.Part{Name: name}
			if ran {
				p.Ended, p.ExitCode, p.Message = c.Started, 137, "its container vanished"
			}
		}
		c.Parts = append(c.Parts, p)
		c.Rest = c.Rest || p.Running
		runs = runs && p.Running
	}
	c.Running = runs
	settlePod(&c)
	return c
}

// settlePod says since when the pod runs, or how it ended.
func settlePod(c *agent.Container) {
	ended := false
	var last time.Time
	var first apps.Part
	for _, p := range c.Parts {
		if p.Started.After(last) {
			last = p.Started
		}
		if !p.Ended.IsZero() && (!ended || p.Ended.Before(first.Ended)) {
			ended, first = true, p
		}
	}
	holderGone := !c.Started.IsZero() && c.ExitCode != 0
	switch {
	case c.Running:
		c.Started, c.Rest = last, false
	case ended:
		c.ExitCode = first.ExitCode
	case holderGone:
	default:
		c.Started = time.Time{} // it is still being started
	}
}

func readPart(in container.InspectResponse, one agent.Container, name string) apps.Part {
	p := apps.Part{Name: name, ID: in.ID, Running: one.Running, Started: one.Started}
	if one.Running || one.Started.IsZero() {
		return p
	}
	p.ExitCode, p.Message = one.ExitCode, agent.Ending(one)
	p.Ended = one.Started
	if t, err := time.Parse(time.RFC3339Nano, in.State.FinishedAt); err == nil && t.Year() > 1 {
		p.Ended = t
	}
	return p
}

// stopPod stops all containers of an instance side by side, each within its own grace
// period, and then what holds their network.
func (d *Docker) stopPod(ctx context.Context, instance string, grace time.Duration) error {
	all, err := d.boxes(ctx, instance)
	if err != nil {
		return fmt.Errorf("stop %s: %w", instance, err)
	}
	ctx, cancel := context.WithTimeout(ctx, grace+stopLimit)
	defer cancel()
	stop := func(in container.InspectResponse) error {
		own, _ := read(in)
		wait := seconds(max(min(own.Grace, grace), 0))
		err := d.api.ContainerStop(ctx, in.ID, container.StopOptions{Timeout: &wait})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("stop %s: %w", instance, explain(err))
		}
		return nil
	}
	var parts errgroup.Group
	for _, in := range all {
		if !isHolder(in) && in.State.Running {
			parts.Go(func() error { return stop(in) })
		}
	}
	if err := parts.Wait(); err != nil {
		return err
	}
	for _, in := range all {
		if isHolder(in) && in.State.Running {
			return stop(in)
		}
	}
	return nil
}

func (d *Docker) removePod(ctx context.Context, instance string) error {
	all, err := d.boxes(ctx, instance)
	for _, holders := range []bool{false, true} {
		for _, in := range all {
			if isHolder(in) == holders {
				err = errors.Join(err, d.remove(ctx, in.ID))
			}
		}
	}
	return err
}

// findPart is the container that logs or a command are asked of: of a pod without a
// name the first one.
func (d *Docker) findPart(ctx context.Context, id string) (container.InspectResponse, bool, error) {
	in, err := d.inspect(ctx, id)
	if cerrdefs.IsNotFound(err) {
		return in, false, nil
	}
	if err != nil {
		return in, false, explain(err)
	}
	if isHolder(in) {
		first, _, _ := strings.Cut(in.Config.Labels[labelParts], ",")
		return d.findPart(ctx, apps.PartID(id, first))
	}
	c, ok := read(in)
	instance, _ := apps.SplitPart(id)
	return in, ok && c.Instance == instance, nil
}

// logsOfAll copies the logs of an instance; of a pod, of all its containers, one after
// the other, or with follow side by side.
func (d *Docker) logsOfAll(ctx context.Context, id string, tail int, follow bool, stdout, stderr io.Writer) error {
	in, err := d.inspect(ctx, id)
	if err != nil || !isHolder(in) {
		return d.logs(ctx, id, tail, follow, stdout, stderr)
	}
	var all errgroup.Group
	for name := range strings.SplitSeq(in.Config.Labels[labelParts], ",") {
		one := func() error { return d.logs(ctx, apps.PartID(id, name), tail, follow, stdout, stderr) }
		if follow {
			all.Go(one)
		} else if err := one(); err != nil {
			return err
		}
	}
	return all.Wait()
}
