package docker

import (
	"fmt"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"pacer/agent"
	"pacer/apps"
)

const (
	// memMin is the least memory limit that the engine accepts, in MiB; where an app
	// asks for none at all it gets memNone, as in Mesos.
	memMin  = 6
	memNone = 32
	// cpuMin is where a hard limit would keep even a shell from starting, in
	// thousandths of a core: below it only the weight counts.
	cpuMin = 10
	// sharesMin is the least weight that the kernel knows.
	sharesMin = 2
)

// A spec is what the engine is asked to make of an instance.
type spec struct {
	config   *container.Config
	host     *container.HostConfig
	networks []string                  // to be joined, the first at creation
	endpoint *network.EndpointSettings // in the first one
	userland *userland                 // its image is this; nil: any other
	quota    int64                     // hard limit on cores once it runs, 1e-9 of one; 0: none
}

// A place is where instances run: what createSpec knows of the host.
type place struct {
	addr         string    // published ports are bound there
	sandbox      string    // directory of this instance; empty: an anonymous volume
	commandImage string    // for apps without an image; empty: userland
	userland     *userland // for apps without an image, where commandImage is empty
	volumes      string    // directory of its persistent volumes
	pidsLimit    int64
}

// createSpec turns an instance into a request to the engine. An error is the
// app's fault: it can't run as written.
func createSpec(l agent.Launch, at place) (*spec, error) {
	a := l.App
	box := a.Container
	if box == nil {
		box = &apps.Container{}
	}
	grace := seconds(a.Grace())
	pids := at.pidsLimit
	s := &spec{
		config: &container.Config{
			Image:       box.Image,
			Env:         environment(l, at.addr),
			Labels:      labels(l),
			User:        a.User,
			Tty:         a.TTY,
			StopTimeout: &grace, // where the engine itself is shut down
		},
		host: &container.HostConfig{
			Privileged: box.Privileged,
			LogConfig:  container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "2"}},
			Resources:  limits(a.Needs, a.Limits),
		},
		endpoint: &network.EndpointSettings{},
	}
	s.host.PidsLimit = &pids
	if at.sandbox != "" {
		s.host.Binds = append(s.host.Binds, at.sandbox+":"+sandboxPath)
	} else {
		s.config.Volumes = map[string]struct{}{sandboxPath: {}}
	}
	if box.Image == "" {
		if err := s.withoutImage(a, at); err != nil {
			return nil, err
		}
	}
	s.command(a, box.Image != "")
	s.ports(l, at.addr)
	if err := s.network(a); err != nil {
		return nil, err
	}
	if err := s.volumes(box.Volumes, at); err != nil {
		return nil, err
	}
	s.linux(box.Linux, container.IPCModeHost)
	if err := applyParameters(box.Parameters, target{s.config, s.host, s.endpoint}); err != nil {
		return nil, err
	}
	s.quota, s.host.NanoCPUs = s.host.NanoCPUs, 0
	if len(s.networks) == 0 && (len(s.endpoint.Aliases) > 0 || s.endpoint.IPAMConfig != nil) {
		return nil, fmt.Errorf("docker parameters network-alias and ip need a container network of the app's own: say it in networks")
	}
	return s, nil
}

// withoutImage sets up an app that has none: the command image, or the programs
// of the host.
func (s *spec) withoutImage(a *apps.App, at place) error {
	if a.Cmd == "" && len(a.Args) == 0 {
		return fmt.Errorf("app %s has neither an image nor a command to run", a.ID)
	}
	s.config.WorkingDir = sandboxPath
	if at.commandImage != "" {
		s.config.Image = at.commandImage
		return nil
	}
	s.userland = at.userland
	s.config.Image = at.userland.image
	s.host.Binds = append(s.host.Binds, at.userland.binds...)
	s.host.Tmpfs = map[string]string{"/tmp": "rw,nosuid,nodev,exec,mode=1777"}
	var err error
	if s.config.User, s.host.GroupAdd, err = at.userland.user(a.User); err != nil {
		return err
	}
	return nil
}

// command: cmd replaces an image's entrypoint by a shell; args go to the image's
// entrypoint, or are the whole command where the image is none of the app's.
func (s *spec) command(a *apps.App, image bool) {
	switch {
	case a.Cmd != "":
		s.config.Entrypoint = []string{"/bin/sh"}
		s.config.Cmd = []string{"-c", a.Cmd}
	case image:
		s.config.Cmd = a.Args
	default:
		s.config.Entrypoint = a.Args[:1]
		s.config.Cmd = a.Args[1:]
	}
	if s.userland != nil && s.userland.init != "" {
		s.config.Entrypoint = append([]string{s.userland.init, "-g", "--"}, s.config.Entrypoint...)
	}
}

// ports publishes on the host's address alone.
func (s *spec) ports(l agent.Launch, addr string) {
	if l.App.Network == apps.NetworkHost {
		return
	}
	s.config.ExposedPorts, s.host.PortBindings = nat.PortSet{}, nat.PortMap{}
	for i, p := range l.App.Ports {
		for _, proto := range protocols(p) {
			inside := nat.Port(strconv.Itoa(containerPort(l, i)) + "/" + proto)
			s.config.ExposedPorts[inside] = struct{}{}
			if outside := hostPort(l, i); outside > 0 {
				s.host.PortBindings[inside] = append(s.host.PortBindings[inside],
					nat.PortBinding{HostIP: addr, HostPort: strconv.Itoa(outside)})
			}
		}
	}
}

func protocols(p apps.Port) []string {
	var all []string
	if p.TCP() {
		all = append(all, "tcp")
	}
	if p.UDP() {
		all = append(all, "udp")
	}
	return all
}

func (s *spec) network(a *apps.App) error {
	switch a.Network {
	case apps.NetworkHost, "":
		s.host.NetworkMode = "host"
	case apps.NetworkBridge:
		s.host.NetworkMode = "bridge"
	case apps.NetworkContainer:
		if len(a.Networks) == 0 {
			return fmt.Errorf("app %s wants a container network: name it in networks", a.ID)
		}
		s.host.NetworkMode = container.NetworkMode(a.Networks[0])
		s.networks = a.Networks
	default:
		return fmt.Errorf("app %s: there is no network mode %q", a.ID, a.Network)
	}
	return nil
}

// volumes are directories of the host; a relative hostPath lies in the sandbox, a
// relative containerPath too.
func (s *spec) volumes(all []apps.Volume, at place) error {
	for _, v := range all {
		inside, outside := v.ContainerPath, v.HostPath
		if v.Size > 0 {
			if at.volumes == "" {
				return fmt.Errorf("volume %s: a persistent one needs an agent on the engine's own machine, with a data directory", v.ContainerPath)
			}
			outside = filepath.Join(at.volumes, v.ContainerPath)
		} else if dir, ok := volumeDir(all, outside, at.volumes); ok { // another place for it (Mesos resolves it in the sandbox)
			outside = dir
		}
		if !path.IsAbs(inside) {
			inside = path.Join(sandboxPath, inside)
		}
		switch {
		case outside == "":
			return fmt.Errorf("volume %s: only volumes with a hostPath can be mounted", v.ContainerPath)
		case !path.IsAbs(outside) && at.sandbox == "":
			return fmt.Errorf("volume %s: a relative hostPath needs a sandbox directory, and this host has none", v.ContainerPath)
		case !path.IsAbs(outside) && !filepath.IsLocal(outside):
			return fmt.Errorf("volume %s: hostPath %q leads out of the sandbox", v.ContainerPath, outside)
		case !path.IsAbs(outside):
			outside = filepath.Join(at.sandbox, outside)
		}
		if strings.Contains(inside+outside, ":") {
			return fmt.Errorf("volume %s: a path with a colon can't be mounted", v.ContainerPath)
		}
		bind := outside + ":" + inside
		if v.ReadOnly {
			bind += ":ro"
		}
		// A later volume for the same place wins over ours, like the sandbox.
		s.host.Binds = slices.DeleteFunc(s.host.Binds, func(b string) bool { return mountPoint(b) == inside })
		s.host.Binds = append(s.host.Binds, bind)
	}
	return nil
}

func mountPoint(bind string) string {
	parts := strings.Split(bind, ":")
	return parts[1]
}

// seconds is d in whole seconds, rounded up: the engine knows no less.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
